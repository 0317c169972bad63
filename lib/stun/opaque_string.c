/* RFC 8265 §4.2 on RFC 8264's FreeformClass. What Unicode says of characters is libunistring's knowledge; the rules are here. */
#include "stun/opaque_string.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER 0x200d

static bool is_printable_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

static bool has_script(ucs4_t character, const char *name)
{
    const uc_script_t *script = uc_script(character);
    return script != NULL && strcmp(script->name, name) == 0;
}

static bool has_between(const uint32_t *text, size_t length, uint32_t first, uint32_t last)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] >= first && text[i] <= last)
            return true;
    return false;
}

static bool has_kana_or_han(const uint32_t *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (has_script(text[i], "Hiragana") || has_script(text[i], "Katakana") || has_script(text[i], "Han"))
            return true;
    return false;
}

static bool is_behind_virama(const uint32_t *text, size_t i)
{
    return i > 0 && uc_combining_class(text[i - 1]) == UC_CCC_VR;
}

/* RFC 5892 appendix A.1: a letter that joins to the left of it, and one that joins to the right. */
static bool stands_in_joined_letters(const uint32_t *text, size_t length, size_t i)
{
    size_t before = i, behind = i + 1;
    while (before > 0 && uc_joining_type(text[before - 1]) == UC_JOINING_TYPE_T)
        before--;
    while (behind < length && uc_joining_type(text[behind]) == UC_JOINING_TYPE_T)
        behind++;
    if (before == 0 || behind == length)
        return false;
    int left = uc_joining_type(text[before - 1]), right = uc_joining_type(text[behind]);
    return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D) && (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
}

/* The characters whose company decides (RFC 8264 §9.6, §9.8, RFC 5892 appendix A). False when `i` is none of them. */
static bool is_contextual(const uint32_t *text, size_t length, size_t i, bool *is_allowed)
{
    uint32_t c = text[i];
    if (c == ZERO_WIDTH_NON_JOINER)
        *is_allowed = is_behind_virama(text, i) || stands_in_joined_letters(text, length, i);
    else if (c == ZERO_WIDTH_JOINER)
        *is_allowed = is_behind_virama(text, i);
    else if (c == 0x00b7) /* middle dot: Catalan */
        *is_allowed = i > 0 && i + 1 < length && text[i - 1] == 'l' && text[i + 1] == 'l';
    else if (c == 0x0375) /* Greek lower numeral sign */
        *is_allowed = i + 1 < length && has_script(text[i + 1], "Greek");
    else if (c == 0x05f3 || c == 0x05f4) /* Hebrew geresh, gershayim */
        *is_allowed = i > 0 && has_script(text[i - 1], "Hebrew");
    else if (c == 0x30fb) /* katakana middle dot */
        *is_allowed = has_kana_or_han(text, length);
    else if (c >= 0x0660 && c <= 0x0669) /* Arabic-Indic digits do not mix with the extended ones */
        *is_allowed = !has_between(text, length, 0x06f0, 0x06f9);
    else if (c >= 0x06f0 && c <= 0x06f9)
        *is_allowed = !has_between(text, length, 0x0660, 0x0669);
    else
        return false;
    return true;
}

static bool is_excepted(uint32_t c) /* RFC 8264 §9.6, the disallowed ones */
{
    return c == 0x0640 || c == 0x07fa || c == 0x302e || c == 0x302f || (c >= 0x3031 && c <= 0x3035) || c == 0x303b;
}

static bool is_old_hangul_jamo(uint32_t c) /* §9.9: what normalization has not made into syllables */
{
    return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97f) || (c >= 0xd7b0 && c <= 0xd7ff);
}

/* RFC 8264 §4.3 in the order of §8. Controls, private use and unassigned code points are in none of the allowed categories. */
static bool is_allowed_at(const uint32_t *text, size_t length, size_t i)
{
    uint32_t c = text[i];
    bool is_allowed;
    if (is_excepted(c))
        return false;
    if (is_contextual(text, length, i, &is_allowed))
        return is_allowed;
    if (is_old_hangul_jamo(c) || uc_is_property_default_ignorable_code_point(c) || uc_is_property_not_a_character(c))
        return false;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_P |
                                                   UC_CATEGORY_MASK_S | UC_CATEGORY_MASK_Zs);
}

static bool prepare_unicode(const char *text, size_t length, char *prepared, size_t capacity, size_t *prepared_length)
{
    uint32_t mapped[OPAQUE_STRING_MAX], normalized[OPAQUE_STRING_MAX];
    size_t count = OPAQUE_STRING_MAX, normalized_count = OPAQUE_STRING_MAX;
    if (u8_check((const uint8_t *)text, length) != NULL || u8_to_u32((const uint8_t *)text, length, mapped, &count) != mapped)
        return false;
    for (size_t i = 0; i < count; i++)
        if (uc_is_general_category_withtable(mapped[i], UC_CATEGORY_MASK_Zs))
            mapped[i] = ' ';
    uint32_t *result = u32_normalize(UNINORM_NFC, mapped, count, normalized, &normalized_count);
    if (result != normalized) { /* longer than allowed, so it came in memory of its own; or there was none */
        free(result);
        return false;
    }
    for (size_t i = 0; i < normalized_count; i++)
        if (!is_allowed_at(normalized, normalized_count, i))
            return false;
    *prepared_length = capacity - 1;
    uint8_t *bytes = u32_to_u8(normalized, normalized_count, (uint8_t *)prepared, prepared_length);
    if (bytes != (uint8_t *)prepared) {
        free(bytes);
        return false;
    }
    return true;
}

bool opaque_string_prepare(const char *text, size_t length, char *prepared, size_t capacity)
{
    if (length == 0 || length > OPAQUE_STRING_MAX || capacity == 0)
        return false;
    size_t prepared_length = length;
    if (is_printable_ascii(text, length)) {
        if (length >= capacity)
            return false;
        memcpy(prepared, text, length);
    } else if (!prepare_unicode(text, length, prepared, capacity, &prepared_length)) {
        return false;
    }
    prepared[prepared_length] = '\0';
    return true;
}
