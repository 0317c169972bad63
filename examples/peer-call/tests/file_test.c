#include "file_transfer.h"
#include "test.h"

#include <stdlib.h>

static const char *safe(const char *name)
{
    static char result[101];
    file_safe_name(name, result);
    return result;
}

TEST(a_received_file_stays_in_its_directory)
{
    CHECK_TEXT(safe("notes.txt"), "notes.txt");
    CHECK_TEXT(safe("../../etc/passwd"), "passwd");
    CHECK_TEXT(safe("C:\\windows\\win.ini"), "win.ini");
    CHECK_TEXT(safe(".bashrc"), "bashrc");
    CHECK_TEXT(safe(".."), "file");
    CHECK_TEXT(safe("a/"), "file");
    CHECK_TEXT(safe(""), "file");
    CHECK_TEXT(safe("a\033[2Jb"), "a[2Jb");
}

TEST(a_long_name_is_cut_between_characters)
{
    char name[400];
    memset(name, 'x', 99);
    strcpy(name + 99, "é and more");
    CHECK_INT(strlen(safe(name)), 99);
}
