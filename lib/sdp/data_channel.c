/* Data channels that the description names (RFC 8864): a=dcmap, and a=dcsa, which is kept as it is written. */
#include "base/error.h"
#include "sdp/scan.h"

#include <inttypes.h>
#include <string.h>

/* A string in quotes with %XX for what cannot stand in it, decoded where it lies; the cursor moves behind it. NULL when it is none. */
static const char *scan_quoted(char **cursor)
{
    char *from = *cursor, *to = from;
    const char *string = from;
    if (*from++ != '"')
        return NULL;
    while (*from != '"') {
        if (*from == '\0')
            return NULL;
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int high = scan_hex_digit(from[1]), low = high < 0 ? -1 : scan_hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0)) /* a string here ends with its first zero */
            return NULL;
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    *to = '\0'; /* never beyond the closing quote */
    *cursor = from + 1;
    return string;
}

enum { LABEL = 1, SUBPROTOCOL = 2, ORDERED = 4, MAX_RETR = 8, MAX_TIME = 16, PRIORITY = 32 };

static int option_by_name(const char *name)
{
    static const char *const names[] = {"label", "subprotocol", "ordered", "max-retr", "max-time", "priority"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], name) == 0)
            return 1 << i;
    return 0;
}

static int scan_number(sdp_dcmap_t *map, int option, const char *text)
{
    uint32_t number;
    if (option == PRIORITY)
        return scan_u16(text, &map->priority) ? 0 : scan_fail("priority is not a number from 0 to 65535");
    if (!scan_u32(text, UINT32_MAX, &number))
        return scan_fail("a limit is not a number of 32 bits");
    *(option == MAX_RETR ? &map->max_retr : &map->max_time) = number;
    return 0;
}

static int scan_value(sdp_dcmap_t *map, int option, char **cursor)
{
    if (option == LABEL || option == SUBPROTOCOL) {
        const char *string = scan_quoted(cursor);
        *(option == LABEL ? &map->label : &map->subprotocol) = string;
        if (string == NULL)
            return scan_fail("a string is not in quotes, or has an escape that is none");
        if (**cursor != '\0' && **cursor != ';')
            return scan_fail("something follows a string");
        *cursor = **cursor == ';' ? *cursor + 1 : NULL;
        return 0;
    }
    const char *text = scan_part(cursor, ';');
    if (option != ORDERED)
        return scan_number(map, option, text);
    map->is_unordered = strcmp(text, "false") == 0;
    return map->is_unordered || strcmp(text, "true") == 0 ? 0 : scan_fail("ordered is neither true nor false");
}

static int scan_options(sdp_dcmap_t *map, char *cursor)
{
    int seen = 0;
    while (cursor != NULL) {
        char *name = cursor, *equals = strchr(cursor, '=');
        if (equals == NULL)
            return scan_fail("a parameter has no value");
        *equals = '\0';
        cursor = equals + 1;
        int option = option_by_name(name);
        if (option == 0)
            return error_set(PEER_ERROR_SYNTAX, "no parameter is called \"%.40s\"", name);
        if ((seen & option) != 0)
            return error_set(PEER_ERROR_SYNTAX, "%s stands twice", name);
        seen |= option;
        int error = scan_value(map, option, &cursor);
        if (error < 0)
            return error;
    }
    return (seen & MAX_RETR) != 0 && (seen & MAX_TIME) != 0 ? scan_fail("either max-retr or max-time, not both") : 0;
}

int sdp_dcmap_scan(section_t *s, char *value)
{
    sdp_dcmap_t map = {.label = "", .subprotocol = "", .max_retr = -1, .max_time = -1};
    if (!scan_u16(scan_word(&value), &map.stream))
        return scan_fail("the stream id is not a number from 0 to 65535");
    char *options = scan_rest(&value);
    int error = options != NULL ? scan_options(&map, options) : 0;
    if (error < 0)
        return error;
    if (strlen(map.label) + strlen(map.subprotocol) > SDP_DCMAP_STRINGS_MAX) /* all of it may have to be written as escapes */
        return scan_fail("label and subprotocol are too long");
    if (s->media->dcmap_count == SDP_DCMAPS_MAX)
        return scan_fail("more data channels than a description may hold");
    if (sdp_media_dcmap(s->media, map.stream) != NULL)
        return error_set(PEER_ERROR_SYNTAX, "stream %u stands twice in this section", (unsigned)map.stream);
    sdp_dcmap_t *item = ARENA_APPEND(&s->sdp->arena, s->media->dcmaps, s->media->dcmap_count);
    if (item == NULL)
        return error_no_memory();
    *item = map;
    return 0;
}

int sdp_dcsa_scan(section_t *s, char *value)
{
    sdp_dcsa_t *item = ARENA_APPEND(&s->sdp->arena, s->media->dcsas, s->media->dcsa_count);
    if (item == NULL)
        return error_no_memory();
    if (!scan_u16(scan_word(&value), &item->stream))
        return scan_fail("the stream id is not a number from 0 to 65535");
    item->attribute = scan_rest(&value);
    return item->attribute != NULL ? 0 : scan_fail("no attribute");
}

const sdp_dcmap_t *sdp_media_dcmap(const sdp_media_t *media, uint16_t stream)
{
    for (size_t i = 0; i < media->dcmap_count; i++)
        if (media->dcmaps[i].stream == stream)
            return &media->dcmaps[i];
    return NULL;
}

static void write_quoted(const char *name, const char *string, const char **separator, text_t *text)
{
    if (string == NULL || *string == '\0')
        return;
    text_addf(text, "%s%s=\"", *separator, name);
    for (const char *c = string; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '%')
            text_addf(text, "%%%02X", (unsigned)(unsigned char)*c);
        else
            text_add_n(text, c, 1);
    }
    text_add(text, "\"");
    *separator = ";";
}

static void write_number(const char *name, int64_t number, const char **separator, text_t *text)
{
    text_addf(text, "%s%s=%" PRId64, *separator, name, number);
    *separator = ";";
}

static void write_dcmap(const sdp_dcmap_t *map, text_t *text)
{
    const char *separator = " ";
    text_addf(text, "a=dcmap:%u", (unsigned)map->stream);
    write_quoted("subprotocol", map->subprotocol, &separator, text);
    write_quoted("label", map->label, &separator, text);
    if (map->is_unordered) {
        text_addf(text, "%sordered=false", separator);
        separator = ";";
    }
    if (map->max_retr >= 0)
        write_number("max-retr", map->max_retr, &separator, text);
    if (map->max_time >= 0)
        write_number("max-time", map->max_time, &separator, text);
    if (map->priority != 0)
        write_number("priority", map->priority, &separator, text);
    text_add(text, "\r\n");
}

void sdp_data_channels_write(const sdp_media_t *media, text_t *text)
{
    for (size_t i = 0; i < media->dcmap_count; i++)
        write_dcmap(&media->dcmaps[i], text);
    for (size_t i = 0; i < media->dcsa_count; i++)
        text_addf(text, "a=dcsa:%u %s\r\n", (unsigned)media->dcsas[i].stream, media->dcsas[i].attribute);
}
