/* The sizes of pictures that a side sends or takes: a=imageattr (RFC 6236). All of it is checked; what RFC 9429 §3.6.2 looks at is kept: of
 * the sizes to receive the least and the greatest, whether square pixels are allowed, and which is preferred. */
#include "base/error.h"
#include "sdp/scan.h"

#include <string.h>

#define RATIO_ONE 10000 /* of sar=: four digits behind the point */
#define PREFERENCE_DEFAULT 50

/* Below, the cursor stands in the text, which is not changed. */

static bool take(const char **cursor, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(*cursor, text, length) != 0)
        return false;
    *cursor += length;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 1 to 999999. */
static bool take_side(const char **cursor, uint32_t *side)
{
    const char *digits = *cursor;
    if (*digits == '0')
        return false;
    for (*side = 0; is_digit(**cursor) && *cursor - digits < 6; ++*cursor)
        *side = *side * 10 + (uint32_t)(**cursor - '0');
    return *cursor != digits && !is_digit(**cursor);
}

/* "0.9091" with so many digits behind the point, in units of the last one; "1" as well. */
static bool take_decimal(const char **cursor, unsigned places, uint32_t *value)
{
    if (!is_digit(**cursor))
        return false;
    *value = (uint32_t)(*(*cursor)++ - '0');
    bool has_point = take(cursor, ".");
    if (has_point && !is_digit(**cursor))
        return false;
    for (unsigned i = 0; i < places; i++)
        *value = *value * 10 + (has_point && is_digit(**cursor) ? (uint32_t)(*(*cursor)++ - '0') : 0);
    return !is_digit(**cursor);
}

/* "640", "[320:1280]", "[320:16:1280]" (with a step) or "[320,640,1280]". */
static bool take_range(const char **cursor, uint32_t *least, uint32_t *greatest)
{
    uint32_t side = 0;
    bool is_list = take(cursor, "[");
    if (!take_side(cursor, least))
        return false;
    *greatest = *least;
    if (!is_list)
        return true;
    if (take(cursor, ":")) {
        if (!take_side(cursor, greatest) || (take(cursor, ":") && !take_side(cursor, greatest)))
            return false;
        return *greatest >= *least && take(cursor, "]");
    }
    while (take(cursor, ",")) {
        if (!take_side(cursor, &side))
            return false;
        *least = side < *least ? side : *least;
        *greatest = side > *greatest ? side : *greatest;
    }
    return take(cursor, "]");
}

/* "1.0", "[0.9-1.2]" or "[1.0,1.3333]": is 1 among them? */
static bool take_ratios(const char **cursor, bool *has_one)
{
    uint32_t ratio = 0, last;
    bool is_list = take(cursor, "[");
    if (!take_decimal(cursor, 4, &ratio))
        return false;
    *has_one = ratio == RATIO_ONE;
    if (!is_list)
        return true;
    if (take(cursor, "-")) {
        if (!take_decimal(cursor, 4, &last) || last < ratio)
            return false;
        *has_one = ratio <= RATIO_ONE && RATIO_ONE <= last;
        return take(cursor, "]");
    }
    while (take(cursor, ",")) {
        if (!take_decimal(cursor, 4, &ratio))
            return false;
        *has_one = *has_one || ratio == RATIO_ONE;
    }
    return take(cursor, "]");
}

/* A keyword that RFC 6236 does not have, as it allows: its value, brackets balanced. */
static bool skip_unknown(const char **cursor)
{
    unsigned depth = 0;
    size_t name = strcspn(*cursor, "=,[] ");
    if (name == 0 || (*cursor)[name] != '=')
        return false;
    const char *value = *cursor += name + 1;
    for (; **cursor != '\0' && **cursor != ' '; ++*cursor) {
        if (depth == 0 && (**cursor == ',' || **cursor == ']'))
            break;
        depth += **cursor == '[';
        depth -= **cursor == ']';
    }
    return depth == 0 && *cursor != value;
}

/* sar=, par= or q=, each once at most. */
static bool take_key(const char **cursor, sdp_image_size_t *size, unsigned *seen)
{
    enum { SAR = 1, PAR = 2, Q = 4 };
    bool is_ignored;
    unsigned key = strncmp(*cursor, "sar=", 4) == 0 ? SAR : strncmp(*cursor, "par=", 4) == 0 ? PAR : strncmp(*cursor, "q=", 2) == 0 ? Q : 0;
    if ((*seen & key) != 0)
        return false;
    *seen |= key;
    *cursor += key == Q ? 2 : key != 0 ? 4 : 0;
    switch (key) {
    case SAR:
        return take_ratios(cursor, &size->has_square_pixels);
    case PAR:
        return take_ratios(cursor, &is_ignored);
    case Q:
        return take_decimal(cursor, 2, &size->preference) && size->preference <= 100;
    default:
        return skip_unknown(cursor);
    }
}

static bool take_size(const char **cursor, sdp_image_size_t *size)
{
    unsigned seen = 0;
    *size = (sdp_image_size_t){.preference = PREFERENCE_DEFAULT, .has_square_pixels = true};
    if (!take(cursor, "[x=") || !take_range(cursor, &size->min_width, &size->max_width) || !take(cursor, ",y=") ||
        !take_range(cursor, &size->min_height, &size->max_height))
        return false;
    while (take(cursor, ","))
        if (!take_key(cursor, size, &seen))
            return false;
    return take(cursor, "]") && (**cursor == ' ' || **cursor == '\0');
}

static void skip_spaces(const char **cursor)
{
    *cursor += strspn(*cursor, " ");
}

/* Behind "send" or "recv": "*", or sizes. */
static int scan_list(section_t *s, const char **cursor, sdp_imageattr_t *image, bool is_receive)
{
    size_t count = 0;
    skip_spaces(cursor);
    if (take(cursor, "*")) {
        if (**cursor != ' ' && **cursor != '\0')
            return scan_fail("something stands behind \"*\"");
        return 0;
    }
    for (sdp_image_size_t size; **cursor == '['; count++, skip_spaces(cursor)) {
        if (!take_size(cursor, &size))
            return scan_fail("a size is not [x=…,y=…] with sar=, par= and q= at most once each");
        if (count == SDP_IMAGE_SIZES_MAX)
            return scan_fail("too many sizes");
        sdp_image_size_t *item = is_receive ? ARENA_APPEND(&s->sdp->arena, image->receive, image->receive_count) : &size;
        if (item == NULL)
            return error_no_memory();
        *item = size;
    }
    return count > 0 ? 0 : scan_fail("neither sizes nor \"*\"");
}

int sdp_imageattr_scan(section_t *s, char *value)
{
    sdp_imageattr_t *image = ARENA_APPEND(&s->sdp->arena, s->media->imageattrs, s->media->imageattr_count);
    if (image == NULL)
        return error_no_memory();
    if (!scan_any_payload_type(scan_word(&value), &image->payload_type))
        return scan_fail("the payload type is not a number from 0 to 127 or \"*\"");
    image->text = scan_rest(&value);
    bool has_send = false;
    for (const char *cursor = image->text != NULL ? image->text : ""; *cursor != '\0'; skip_spaces(&cursor)) {
        bool is_receive = take(&cursor, "recv "), is_send = !is_receive && take(&cursor, "send ");
        if ((!is_receive && !is_send) || (is_receive ? image->has_receive : has_send))
            return scan_fail("not one list for send and one for recv at most");
        image->has_receive = image->has_receive || is_receive;
        has_send = has_send || is_send;
        int error = scan_list(s, &cursor, image, is_receive);
        if (error < 0)
            return error;
    }
    return has_send || image->has_receive ? 0 : scan_fail("no send or recv part");
}
