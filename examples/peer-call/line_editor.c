#include "line_editor.h"

#include <string.h>

void line_editor_clear(line_editor_t *editor)
{
    editor->length = 0;
    editor->text[0] = '\0';
}

static void erase_character(line_editor_t *editor)
{
    while (editor->length > 0 && ((unsigned char)editor->text[--editor->length] & 0xc0) == 0x80)
        continue;
    editor->text[editor->length] = '\0';
}

bool line_editor_take(line_editor_t *editor, char byte)
{
    unsigned char c = (unsigned char)byte;
    if (editor->escape == 1) {
        editor->escape = c == '[' || c == 'O' ? 2 : 0;
    } else if (editor->escape == 2) {
        if (c >= 0x40 && c <= 0x7e)
            editor->escape = 0;
    } else if (c == '\n' || c == '\r') {
        return editor->length > 0;
    } else if (c == 0x1b) {
        editor->escape = 1;
    } else if (c == 0x7f || c == '\b') {
        erase_character(editor);
    } else if (c == 0x15) { /* Ctrl-U */
        line_editor_clear(editor);
    } else if ((c >= 0x20 || c == '\t') && editor->length < LINE_MAX_BYTES) {
        editor->text[editor->length++] = byte;
        editor->text[editor->length] = '\0';
    }
    return false;
}

/* Where a character of UTF-8 begins that the end of the text has cut off; the end, if none. */
static char *whole_end(char *text, char *end)
{
    char *lead = end;
    while (lead > text && end - lead < 4 && ((unsigned char)lead[-1] & 0xc0) == 0x80)
        lead--;
    if (lead == text || (unsigned char)*--lead < 0xc0)
        return end;
    unsigned char c = (unsigned char)*lead;
    int length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return end - lead < length ? lead : end;
}

void make_printable(char *text)
{
    *whole_end(text, text + strlen(text)) = '\0';
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            c[0] = c[1] = '?';
    }
}
