#include "base/text.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool reserve(text_t *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 2 - text->length - 1) {
        text->failed = true;
        return false;
    }
    void *data = text->data;
    text->failed = !memory_reserve(&data, &text->capacity, text->length + more + 1, 1);
    text->data = data;
    return !text->failed;
}

void text_add_n(text_t *text, const char *string, size_t length)
{
    if (!reserve(text, length))
        return;
    if (length != 0)
        memcpy(text->data + text->length, string, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add(text_t *text, const char *string)
{
    text_add_n(text, string, strlen(string));
}

static void add_number(text_t *text, unsigned long long number, bool is_negative)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    if (is_negative)
        digits[--at] = '-';
    text_add_n(text, digits + at, sizeof digits - at);
}

/* What nearly every line of a description is made of; the rest is printf's. */
static bool is_simple(const char *format)
{
    for (const char *at = strchr(format, '%'); at != NULL; at = strchr(at + 2, '%'))
        if (at[1] != 's' && at[1] != 'u' && at[1] != 'd')
            return false;
    return true;
}

static void add_simple(text_t *text, const char *format, va_list *arguments)
{
    for (const char *at; (at = strchr(format, '%')) != NULL; format = at + 2) {
        text_add_n(text, format, (size_t)(at - format));
        if (at[1] == 's') {
            text_add(text, va_arg(*arguments, const char *));
        } else if (at[1] == 'u') {
            add_number(text, va_arg(*arguments, unsigned), false);
        } else {
            int number = va_arg(*arguments, int);
            add_number(text, number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number, number < 0);
        }
    }
    text_add(text, format);
}

void text_addf(text_t *text, const char *format, ...)
{
    va_list arguments;
    if (is_simple(format)) {
        va_start(arguments, format);
        add_simple(text, format, &arguments);
        va_end(arguments);
        return;
    }
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(text, (size_t)length)) {
        text->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

char *text_take(text_t *text)
{
    if (!text->failed && text->data == NULL)
        text_add_n(text, "", 0);
    char *data = text->failed ? NULL : text->data;
    if (data == NULL)
        memory_free(text->data);
    *text = (text_t){0};
    return data;
}

void text_clear(text_t *text)
{
    memory_free(text->data);
    *text = (text_t){0};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_ignore_case(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool text_parse_u64(const char *string, size_t length, uint64_t maximum, uint64_t *value)
{
    uint64_t result = 0;
    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (string[i] < '0' || string[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(string[i] - '0');
        if (result > (maximum - digit) / 10 || digit > maximum)
            return false;
        result = result * 10 + digit;
    }
    *value = result;
    return true;
}

bool text_is_utf8(const char *string, size_t length)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000}; /* of a character with that many further bytes */
    const uint8_t *bytes = (const uint8_t *)string;
    for (size_t i = 0; i < length;) {
        uint8_t first = bytes[i++];
        unsigned more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || length - i < more)
            return false;
        uint32_t character = more == 0 ? first : first & (0x3fu >> more);
        for (unsigned n = 0; n < more; n++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return false;
            character = character << 6 | (bytes[i++] & 0x3f);
        }
        if (character < smallest[more] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
            return false;
    }
    return true;
}
