#include "line_editor.h"
#include "test.h"

static bool type(line_editor_t *editor, const char *keys)
{
    bool has_line = false;
    for (; *keys != '\0'; keys++)
        has_line = line_editor_take(editor, *keys);
    return has_line;
}

TEST(return_ends_a_line_that_is_not_empty)
{
    line_editor_t editor = {.length = 0};
    CHECK(!type(&editor, "\n"));
    CHECK(type(&editor, "hello\n"));
    CHECK_TEXT(editor.text, "hello");
    line_editor_clear(&editor);
    CHECK(!type(&editor, "a"));
}

TEST(backspace_takes_a_whole_character)
{
    line_editor_t editor = {.length = 0};
    type(&editor, "aé€\x7f\x7f");
    CHECK_TEXT(editor.text, "a");
    type(&editor, "\x7f\x7f\x7f");
    CHECK_TEXT(editor.text, "");
    type(&editor, "xyz\x15");
    CHECK_TEXT(editor.text, "");
}

TEST(other_keys_leave_no_trace)
{
    line_editor_t editor = {.length = 0};
    type(&editor, "a\033[A\033[1;5Cb\033OPc\001");
    CHECK_TEXT(editor.text, "abc");
}

TEST(a_line_is_bounded)
{
    line_editor_t editor = {.length = 0};
    for (int i = 0; i < 3 * LINE_MAX_BYTES; i++)
        line_editor_take(&editor, 'x');
    CHECK_INT(editor.length, LINE_MAX_BYTES);
}

TEST(text_of_others_cannot_drive_the_terminal)
{
    char text[] = "hi\033[2J\x7f \xc2\x9b"
                  "31m é";
    make_printable(text);
    CHECK_TEXT(text, "hi?[2J? ??31m é");
}

TEST(a_character_that_a_buffer_cut_off_is_left_out)
{
    char two[] = "a\xc3", three[] = "é\xe2\x82", four[] = "\xf0\x9f\x98", whole[] = "a€";
    make_printable(two);
    make_printable(three);
    make_printable(four);
    make_printable(whole);
    CHECK_TEXT(two, "a");
    CHECK_TEXT(three, "é");
    CHECK_TEXT(four, "");
    CHECK_TEXT(whole, "a€");
}
