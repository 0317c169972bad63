/* Bytes of a keyboard become lines. In a terminal whose own editing is off it also does what that would do: backspace (by whole UTF-8
 * characters), Ctrl-U, and it swallows the sequences of other keys. */
#ifndef LINE_EDITOR_H
#define LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 1000

typedef struct line_editor {
    char text[LINE_MAX_BYTES + 1]; /* as typed so far, NUL-terminated */
    size_t length;
    int escape; /* how far into an escape sequence: 0 not, 1 after ESC, 2 inside */
} line_editor_t;

/* Takes one byte. True when it completed a line: it is in `text` until line_editor_clear(). */
bool line_editor_take(line_editor_t *editor, char byte);
void line_editor_clear(line_editor_t *editor);

/* Makes text from elsewhere fit for a terminal: control characters, also those of ISO 6429's C1, become '?'; a character that was cut
 * off at the end goes. In place. */
void make_printable(char *text);

#endif
