/* A growing string for writers of text. It remembers that memory ran out, so that only the end is checked. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <peer/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char *data; /* NUL-terminated once anything was added; NULL before */
    size_t length;
    size_t capacity;
    bool failed;
} text_t;

void text_add(text_t *text, const char *string);
void text_add_n(text_t *text, const char *string, size_t length);
PEER_PRINTF(2, 3) void text_addf(text_t *text, const char *format, ...);
char *text_take(text_t *text); /* the string, now the caller's (memory_free); NULL if memory ran out; the text is empty again */
void text_clear(text_t *text);

/* Locale-free helpers for parsers. */
bool text_equal_ignore_case(const char *a, const char *b);
bool text_parse_u64(const char *string, size_t length, uint64_t maximum, uint64_t *value); /* decimal digits only, all of them */
bool text_is_utf8(const char *string, size_t length);                                      /* RFC 3629: no overlong forms, no surrogates */

#endif
