#include "sdp/scan.h"

#include "base/error.h"

#include <string.h>

int scan_fail(const char *what)
{
    return error_set(PEER_ERROR_SYNTAX, "%s", what);
}

char *scan_word(char **cursor)
{
    char *word = scan_rest(cursor);
    if (word == NULL)
        return NULL;
    char *end = strchr(word, ' ');
    if (end == NULL) {
        *cursor = word + strlen(word);
    } else {
        *end = '\0';
        *cursor = end + 1;
    }
    return word;
}

char *scan_rest(char **cursor)
{
    char *rest = *cursor;
    while (*rest == ' ')
        rest++;
    *cursor = rest;
    return *rest != '\0' ? rest : NULL;
}

char *scan_part(char **cursor, char separator)
{
    char *part = *cursor;
    if (part == NULL)
        return NULL;
    char *end = strchr(part, separator);
    if (end != NULL) {
        *end = '\0';
        *cursor = end + 1;
    } else {
        *cursor = NULL;
    }
    return part;
}

size_t scan_count(const char *text, char separator)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        if (*text == separator)
            count++;
    return count;
}

bool scan_u64(const char *text, uint64_t maximum, uint64_t *value)
{
    return text != NULL && text_parse_u64(text, strlen(text), maximum, value);
}

bool scan_u32(const char *text, uint32_t maximum, uint32_t *value)
{
    uint64_t wide;
    if (!scan_u64(text, maximum, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool scan_u16(const char *text, uint16_t *value)
{
    uint64_t wide;
    if (!scan_u64(text, UINT16_MAX, &wide))
        return false;
    *value = (uint16_t)wide;
    return true;
}

bool scan_payload_type(const char *text, uint8_t *value)
{
    uint64_t wide;
    if (!scan_u64(text, 127, &wide))
        return false;
    *value = (uint8_t)wide;
    return true;
}

bool scan_any_payload_type(const char *word, int *payload_type)
{
    uint8_t number;
    if (word != NULL && strcmp(word, "*") == 0) {
        *payload_type = SDP_ANY_PAYLOAD_TYPE;
        return true;
    }
    if (!scan_payload_type(word, &number))
        return false;
    *payload_type = number;
    return true;
}

int scan_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_token_char(char c)
{
    if (c <= ' ' || c > '~')
        return false;
    return strchr("\"(),/:;<=>?@[\\]", c) == NULL;
}

bool scan_is_token(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (!is_token_char(*text))
            return false;
    return true;
}

bool scan_is_visible(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == 127)
            return false;
    return true;
}
