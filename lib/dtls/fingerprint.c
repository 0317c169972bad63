#include "dtls/fingerprint.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

/* RFC 8122 §5, hash-func. "md5" and "md2" are in its grammar and must not be believed. */
static const struct {
    const char *name;
    fingerprint_hash_t hash;
    size_t length;
} hashes[] = {
    {"sha-1", FINGERPRINT_SHA_1, 20},     {"sha-224", FINGERPRINT_SHA_224, 28}, {"sha-256", FINGERPRINT_SHA_256, 32},
    {"sha-384", FINGERPRINT_SHA_384, 48}, {"sha-512", FINGERPRINT_SHA_512, 64},
};

const char *fingerprint_hash_name(fingerprint_hash_t hash)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (hashes[i].hash == hash)
            return hashes[i].name;
    return "";
}

bool fingerprint_hash_parse(fingerprint_hash_t *hash, const char *name)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        if (text_equal_ignore_case(name, hashes[i].name)) {
            *hash = hashes[i].hash;
            return true;
        }
    }
    return false;
}

static size_t hash_length(fingerprint_hash_t hash)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (hashes[i].hash == hash)
            return hashes[i].length;
    return 0;
}

/* RFC 8122 §5 wants upper case; lower case is written by some and means the same. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int fingerprint_parse_parts(fingerprint_t *fingerprint, const char *algorithm, const char *value)
{
    *fingerprint = (fingerprint_t){0};
    if (algorithm == NULL || value == NULL)
        return error_set(PEER_ERROR_TYPE, "fingerprint: algorithm or value is missing");
    if (!fingerprint_hash_parse(&fingerprint->hash, algorithm))
        return error_set(PEER_ERROR_NOT_SUPPORTED, "fingerprint: hash \"%.20s\" is unknown or no longer believed", algorithm);
    size_t expected = hash_length(fingerprint->hash);
    for (const char *p = value;; p += 3) {
        int high = hex_digit(p[0]);
        int low = high < 0 ? -1 : hex_digit(p[1]);
        if (low < 0)
            return error_set(PEER_ERROR_SYNTAX, "fingerprint: byte %zu is not two hexadecimal digits", fingerprint->length + 1);
        if (fingerprint->length == expected)
            return error_set(PEER_ERROR_SYNTAX, "fingerprint: more than %zu bytes for %s", expected,
                             fingerprint_hash_name(fingerprint->hash));
        fingerprint->bytes[fingerprint->length++] = (uint8_t)(high << 4 | low);
        if (p[2] == '\0')
            break;
        if (p[2] != ':')
            return error_set(PEER_ERROR_SYNTAX, "fingerprint: no colon after byte %zu", fingerprint->length);
    }
    if (fingerprint->length != expected)
        return error_set(PEER_ERROR_SYNTAX, "fingerprint: %zu bytes, %s has %zu", fingerprint->length,
                         fingerprint_hash_name(fingerprint->hash), expected);
    return 0;
}

int fingerprint_parse(fingerprint_t *fingerprint, const char *text)
{
    char algorithm[16];
    const char *space = text != NULL ? strchr(text, ' ') : NULL;
    if (space == NULL)
        return error_set(PEER_ERROR_SYNTAX, "fingerprint: no space between hash and value");
    size_t length = (size_t)(space - text);
    if (length >= sizeof algorithm)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "fingerprint: hash \"%.20s\" is unknown", text);
    memcpy(algorithm, text, length);
    algorithm[length] = '\0';
    while (*space == ' ')
        space++;
    return fingerprint_parse_parts(fingerprint, algorithm, space);
}

static void write_value(const fingerprint_t *fingerprint, char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < fingerprint->length; i++) {
        if (i > 0)
            *text++ = ':';
        *text++ = digits[fingerprint->bytes[i] >> 4];
        *text++ = digits[fingerprint->bytes[i] & 15];
    }
    *text = '\0';
}

const char *fingerprint_value_text(const fingerprint_t *fingerprint, char text[FINGERPRINT_TEXT_SIZE])
{
    write_value(fingerprint, text);
    return text;
}

const char *fingerprint_text(const fingerprint_t *fingerprint, char text[FINGERPRINT_TEXT_SIZE])
{
    const char *name = fingerprint_hash_name(fingerprint->hash);
    size_t length = strlen(name);
    memcpy(text, name, length);
    text[length] = ' ';
    write_value(fingerprint, text + length + 1);
    return text;
}

bool fingerprint_equal(const fingerprint_t *a, const fingerprint_t *b)
{
    return a->hash == b->hash && a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}
