#include "names.h"

#include "digest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NO_CHARACTER UINT32_MAX

/* Reads a character of UTF-8 (RFC 3629 §4: no overlong forms, no surrogates) and its length; NO_CHARACTER and 1 when there is none. */
static uint32_t read_character(const char *text, size_t *length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)text;
    size_t count = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 : bytes[0] >> 3 == 30 ? 4 : 0;
    *length = 1;
    if (count <= 1)
        return count == 1 ? bytes[0] : NO_CHARACTER;
    uint32_t character = bytes[0] & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return NO_CHARACTER;
        character = character << 6 | (bytes[i] & 0x3F);
    }
    if (character < least[count] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
        return NO_CHARACTER;
    *length = count;
    return character;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0);
}

/* What reorders or breaks a line: separators, and the marks of writing from right to left (Unicode UAX #9). */
static bool is_misleading(uint32_t character)
{
    return character == 0x200E || character == 0x200F || (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0x061C;
}

static bool name_is_safe(const char *name, size_t length)
{
    bool is_dots = (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
    return length > 0 && length <= NAMES_NAME_MAX && !is_dots;
}

bool names_path_is_safe(const char *path)
{
    if (strnlen(path, NAMES_PATH_MAX + 1) > NAMES_PATH_MAX)
        return false;
    for (size_t at = 0, length; path[at] != '\0'; at += length) {
        uint32_t character = read_character(path + at, &length);
        if (character == NO_CHARACTER || is_control(character))
            return false;
    }
    for (const char *name = path;; name++) {
        size_t length = strcspn(name, "/");
        if (!name_is_safe(name, length))
            return false;
        name += length;
        if (*name == '\0')
            return true;
    }
}

const char *names_show(const char *text, char shown[NAMES_SHOWN_SIZE])
{
    size_t out = 0;
    for (size_t at = 0, length; text[at] != '\0' && out + 8 < NAMES_SHOWN_SIZE; at += length) {
        uint32_t character = read_character(text + at, &length);
        if (character == NO_CHARACTER || is_control(character) || is_misleading(character)) {
            shown[out++] = '?';
        } else {
            memcpy(shown + out, text + at, length);
            out += length;
        }
    }
    shown[out] = '\0';
    return shown;
}

bool names_part_of(const char *path, char part[NAMES_PATH_MAX + 100])
{
    static const char ending[] = ".part";
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name), parent = (size_t)(name - path);
    uint8_t hash[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE] = "";
    if (parent + length > NAMES_PATH_MAX + 50)
        return false;
    if (length + sizeof ending - 1 > NAMES_NAME_MAX) {
        digest_of(name, length, hash);
        digest_to_hex(hash, hex);
        for (length = 200; ((uint8_t)name[length] & 0xC0) == 0x80;) /* not within a character */
            length--;
        hex[16] = '\0';
    }
    snprintf(part, NAMES_PATH_MAX + 100, "%.*s%s%s%s", (int)(parent + length), path, hex[0] != '\0' ? "." : "", hex, ending);
    return true;
}
