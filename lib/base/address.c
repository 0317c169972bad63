#include "base/address.h"

#include <stdio.h>
#include <string.h>

address_t address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (address_t){.family = ADDRESS_IPV4, .port = port, .bytes = {a, b, c, d}};
}

static bool parse_ipv4(uint8_t bytes[4], const char *text)
{
    for (int i = 0; i < 4; i++) {
        unsigned value = 0;
        int digits = 0;
        while (*text >= '0' && *text <= '9' && digits < 3) {
            value = value * 10 + (unsigned)(*text++ - '0');
            digits++;
        }
        if (digits == 0 || value > 255 || (digits > 1 && text[-digits] == '0'))
            return false;
        bytes[i] = (uint8_t)value;
        if (*text++ != (i < 3 ? '.' : '\0'))
            return false;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_ipv6(uint8_t bytes[16], const char *text)
{
    uint8_t out[16] = {0};
    int length = 0, gap = -1;
    if (text[0] == ':') {
        if (text[1] != ':')
            return false;
        gap = 0;
        text += 2;
    }
    while (*text != '\0') {
        if (length == 16)
            return false;
        if (length <= 12 && strchr(text, '.') != NULL && strchr(text, ':') == NULL) { /* RFC 4291 §2.2, form 3 */
            if (!parse_ipv4(out + length, text))
                return false;
            length += 4;
            break;
        }
        unsigned value = 0;
        int digits = 0;
        for (int digit; (digit = hex_digit(*text)) >= 0; text++) {
            if (++digits > 4)
                return false;
            value = value << 4 | (unsigned)digit;
        }
        if (digits == 0)
            return false;
        out[length++] = (uint8_t)(value >> 8);
        out[length++] = (uint8_t)value;
        if (*text == '\0')
            break;
        if (*text++ != ':')
            return false;
        if (*text == ':') {
            if (gap >= 0)
                return false;
            gap = length;
            text++;
        } else if (*text == '\0') {
            return false;
        }
    }
    if (gap < 0 ? length != 16 : length > 14)
        return false;
    if (gap >= 0) {
        memmove(out + 16 - (length - gap), out + gap, (size_t)(length - gap));
        memset(out + gap, 0, (size_t)(16 - length));
    }
    memcpy(bytes, out, 16);
    return true;
}

bool address_parse(address_t *address, const char *text, uint16_t port)
{
    address_t parsed = {.port = port};
    if (parse_ipv4(parsed.bytes, text)) {
        parsed.family = ADDRESS_IPV4;
    } else {
        memset(parsed.bytes, 0, sizeof parsed.bytes);
        if (!parse_ipv6(parsed.bytes, text))
            return false;
        parsed.family = ADDRESS_IPV6;
    }
    *address = parsed;
    return true;
}

bool address_ip_equal(const address_t *a, const address_t *b)
{
    return a->family == b->family && a->scope_id == b->scope_id && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_equal(const address_t *a, const address_t *b)
{
    return a->port == b->port && address_ip_equal(a, b);
}

uint32_t address_hash(const address_t *address)
{
    uint32_t hash = 2166136261u ^ address->port; /* FNV-1a */
    for (size_t i = 0; i < sizeof address->bytes; i++)
        hash = (hash ^ address->bytes[i]) * 16777619u;
    return hash;
}

const char *address_ip_text(const address_t *address, char text[ADDRESS_TEXT_SIZE])
{
    const uint8_t *b = address->bytes;
    if (address->family == ADDRESS_IPV4) {
        snprintf(text, ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
        return text;
    }
    if (address->family != ADDRESS_IPV6) {
        snprintf(text, ADDRESS_TEXT_SIZE, "none");
        return text;
    }
    unsigned groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
    int best = -1, best_length = 1; /* RFC 5952 §4.2.2: a single zero group is not shortened */
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && groups[i + run] == 0)
            run++;
        if (run > best_length) {
            best = i;
            best_length = run;
        }
    }
    size_t length = 0;
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            length += (size_t)snprintf(text + length, ADDRESS_TEXT_SIZE - length, "::");
            i += best_length - 1;
            continue;
        }
        bool first = i == 0 || i == best + best_length;
        length += (size_t)snprintf(text + length, ADDRESS_TEXT_SIZE - length, first ? "%x" : ":%x", groups[i]);
    }
    return text;
}

const char *address_text(const address_t *address, char text[ADDRESS_TEXT_SIZE])
{
    char ip[ADDRESS_TEXT_SIZE];
    address_ip_text(address, ip);
    snprintf(text, ADDRESS_TEXT_SIZE, address->family == ADDRESS_IPV6 ? "[%.50s]:%u" : "%.50s:%u", ip, address->port);
    return text;
}

static bool starts_with(const address_t *address, uint8_t family, const uint8_t *prefix, int bits)
{
    if (address->family != family || memcmp(address->bytes, prefix, (size_t)(bits / 8)) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));
    return bits % 8 == 0 || ((address->bytes[bits / 8] ^ prefix[bits / 8]) & mask) == 0;
}

#define PREFIX4(address, bits, ...) starts_with(address, ADDRESS_IPV4, (const uint8_t[]){__VA_ARGS__}, bits)
#define PREFIX6(address, bits, ...) starts_with(address, ADDRESS_IPV6, (const uint8_t[16]){__VA_ARGS__}, bits)

bool address_is_any(const address_t *address)
{
    return PREFIX4(address, 32, 0, 0, 0, 0) || PREFIX6(address, 128, 0);
}

bool address_is_loopback(const address_t *address)
{
    return PREFIX4(address, 8, 127) || PREFIX6(address, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
}

bool address_is_link_local(const address_t *address)
{
    return PREFIX4(address, 16, 169, 254) || PREFIX6(address, 10, 0xfe, 0x80);
}

bool address_is_multicast(const address_t *address)
{
    return PREFIX4(address, 4, 0xe0) || PREFIX6(address, 8, 0xff);
}

bool address_is_private(const address_t *address)
{
    return PREFIX4(address, 8, 10) || PREFIX4(address, 12, 172, 16) || PREFIX4(address, 16, 192, 168) || PREFIX4(address, 10, 100, 64) ||
           PREFIX6(address, 7, 0xfc);
}

bool path_equal(const path_t *a, const path_t *b)
{
    return a->socket == b->socket && a->relay == b->relay && address_equal(&a->remote, &b->remote);
}
