/* The codec dictionary match of W3C WebRTC §5.4: are two descriptions of a codec the same one? */
#include "connection/parameters.h"

#include "base/text.h"

#include <string.h>

/* Parameters that both sides of a call must have alike, so that they are part of what the codec is (W3C: symmetrical). */
static const jsep_fmtp_key_t h264[] = {
    {"packetization-mode", "0", 0},    /* RFC 6184 §8.2.2 */
    {"profile-level-id", "42000a", 4}, /* the level may differ */
};
static const jsep_fmtp_key_t h265[] = {{"profile-id", "1", 0}}; /* RFC 7798 §7.2.2 */
static const jsep_fmtp_key_t vp9[] = {{"profile-id", "0", 0}};  /* RFC 9628 §7.1 */

const jsep_fmtp_key_t *connection_codec_keys(const char *name, size_t *count)
{
    static const struct {
        const char *name;
        const jsep_fmtp_key_t *keys;
        size_t count;
    } symmetrical[] = {{"H264", h264, sizeof h264 / sizeof *h264}, {"H265", h265, 1}, {"VP9", vp9, 1}};
    for (size_t i = 0; i < sizeof symmetrical / sizeof *symmetrical; i++) {
        if (text_equal_ignore_case(name, symmetrical[i].name)) {
            *count = symmetrical[i].count;
            return symmetrical[i].keys;
        }
    }
    *count = 0;
    return NULL;
}

static const char *next_word(const char *at, const char **word, size_t *length)
{
    while (*at == ' ' || *at == '\t' || *at == ';')
        at++;
    *word = at;
    while (*at != '\0' && *at != ';')
        at++;
    *length = (size_t)(at - *word);
    while (*length > 0 && ((*word)[*length - 1] == ' ' || (*word)[*length - 1] == '\t'))
        --*length;
    return at;
}

/* "a=1;b=2": every part has a key and a value. "0-15" and "111/111" do not. */
static bool is_key_value(const char *fmtp)
{
    const char *word;
    size_t length;
    bool has_any = false;
    for (fmtp = next_word(fmtp, &word, &length); length > 0; fmtp = next_word(fmtp, &word, &length)) {
        const char *equals = memchr(word, '=', length);
        if (equals == NULL || equals == word)
            return false;
        has_any = true;
    }
    return has_any;
}

static bool find_value(const char *fmtp, const char *key, size_t key_length, const char **value, size_t *length)
{
    const char *word;
    for (fmtp = next_word(fmtp, &word, length); *length > 0; fmtp = next_word(fmtp, &word, length)) {
        const char *equals = memchr(word, '=', *length);
        if (equals == NULL || (size_t)(equals - word) != key_length)
            continue;
        size_t i = 0;
        while (i < key_length && (word[i] | 0x20) == (key[i] | 0x20))
            i++;
        if (i < key_length)
            continue;
        *value = equals + 1;
        *length -= key_length + 1;
        return true;
    }
    return false;
}

/* Every parameter of the first is one of the second, with the same value. */
static bool has_all(const char *first, const char *second)
{
    const char *word, *value;
    size_t length, other_length;
    for (first = next_word(first, &word, &length); length > 0; first = next_word(first, &word, &length)) {
        const char *equals = memchr(word, '=', length);
        size_t key_length = (size_t)(equals - word), value_length = length - key_length - 1;
        if (!find_value(second, word, key_length, &value, &other_length) || other_length != value_length ||
            memcmp(value, equals + 1, value_length) != 0)
            return false;
    }
    return true;
}

static void symmetrical_value(const char *fmtp, const jsep_fmtp_key_t *parameter, const char **value, size_t *length)
{
    if (fmtp == NULL || !find_value(fmtp, parameter->key, strlen(parameter->key), value, length)) {
        *value = parameter->default_value;
        *length = strlen(parameter->default_value);
    }
    if (parameter->significant != 0 && *length > parameter->significant)
        *length = parameter->significant;
}

static bool symmetrical_parts_agree(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second)
{
    size_t count;
    const jsep_fmtp_key_t *keys = connection_codec_keys(first->name, &count);
    for (size_t i = 0; i < count; i++) {
        const char *a, *b;
        size_t a_length, b_length;
        symmetrical_value(first->fmtp, &keys[i], &a, &a_length);
        symmetrical_value(second->fmtp, &keys[i], &b, &b_length);
        if (a_length != b_length)
            return false;
        for (size_t k = 0; k < a_length; k++)
            if ((a[k] | 0x20) != (b[k] | 0x20))
                return false;
    }
    return true;
}

bool connection_codec_is_same(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second)
{
    return text_equal_ignore_case(first->name, second->name) && first->clock_rate == second->clock_rate &&
           first->channels == second->channels && symmetrical_parts_agree(first, second);
}

bool connection_codec_match(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second, bool ignores_asymmetrical)
{
    if ((first->fmtp == NULL) != (second->fmtp == NULL) || !connection_codec_is_same(first, second))
        return false;
    if (first->fmtp == NULL)
        return true;
    if (!is_key_value(first->fmtp) || !is_key_value(second->fmtp))
        return strcmp(first->fmtp, second->fmtp) == 0;
    return ignores_asymmetrical || (has_all(first->fmtp, second->fmtp) && has_all(second->fmtp, first->fmtp));
}
