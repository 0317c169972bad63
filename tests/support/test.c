#include "test.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static test_case_t *first, **last = &first;
static int count;
static jmp_buf failed;
static char failure[1024];

void test_register(test_case_t *test)
{
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    int length = snprintf(failure, sizeof failure, "%s:%d: ", file, line);
    va_start(arguments, format);
    vsnprintf(failure + length, sizeof failure - (size_t)length, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

void test_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("# ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

char *test_read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        test_fail(__FILE__, __LINE__, "cannot open %s", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size)
        abort();
    fclose(file);
    if (length != NULL)
        *length = (size_t)size;
    return text;
}

static bool is_a_loop_thread_alive(void)
{
    bool is_alive = false;
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char path[300], name[20] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        is_alive = (fgets(name, sizeof name, file) != NULL && strncmp(name, "peer-loop", 9) == 0) || is_alive;
        fclose(file);
    }
    if (directory != NULL)
        closedir(directory);
    return is_alive;
}

/* The library's thread ends by itself soon after its last connection. A program that ends before it would make LeakSanitizer report what
 * that thread holds. */
static void wait_for_loop_threads(void)
{
    for (int i = 0; i < 12000 && is_a_loop_thread_alive(); i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

int main(int argc, char **argv)
{
    const char *filter = argc > 1 ? argv[1] : "";
    volatile int failures = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (test_case_t *volatile test = first; test != NULL; test = test->next) {
        if (strstr(test->name, filter) == NULL)
            continue;
        count++;
        if (setjmp(failed) == 0) {
            test->run();
            printf("ok %d %s\n", count, test->name);
        } else {
            failures++;
            printf("not ok %d %s\n# %s\n", count, test->name, failure);
        }
    }
    if (failures == 0) /* a failed one has left its connections as they were */
        wait_for_loop_threads();
    printf("1..%d\n", count);
    return failures != 0;
}
