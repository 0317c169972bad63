/* Restrictions of streams that are told apart by rid (RFC 8851 §5, §6). Ours have none (W3C WebRTC §4.4.2); those of the other side are
 * what it wants us to keep to, so a stream with one that we do not know is not answered. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

typedef enum limit { MAX_WIDTH, MAX_HEIGHT, MAX_FPS, MAX_FS, MAX_BR, MAX_PPS, LIMIT_COUNT } limit_t;

static limit_t limit_of(const char *name)
{
    static const char *const names[LIMIT_COUNT] = {"max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps"};
    int limit = 0;
    while (limit < LIMIT_COUNT && strcmp(names[limit], name) != 0)
        limit++;
    return (limit_t)limit;
}

const sdp_rid_t *jsep_rid_find(const sdp_media_t *media, const char *id)
{
    for (size_t i = 0; i < media->rid_count; i++)
        if (strcmp(media->rids[i].id, id) == 0)
            return &media->rids[i];
    return NULL;
}

static int read_payload_types(arena_t *arena, const sdp_rid_t *rid, jsep_encoding_t *encoding)
{
    uint8_t *copy = arena_array(arena, rid->payload_type_count, sizeof *copy);
    if (copy == NULL)
        return error_no_memory();
    for (size_t i = 0; i < rid->payload_type_count; i++)
        copy[i] = rid->payload_types[i];
    encoding->payload_types = copy;
    encoding->payload_type_count = rid->payload_type_count;
    return 0;
}

int jsep_rid_read_limits(arena_t *arena, const sdp_rid_t *rid, jsep_encoding_t *encoding)
{
    for (size_t i = 0; rid != NULL && i < rid->restriction_count; i++) {
        const sdp_attribute_t *restriction = &rid->restrictions[i];
        limit_t limit = limit_of(restriction->name);
        uint64_t value;
        if (restriction->value == NULL || !text_parse_u64(restriction->value, strlen(restriction->value), UINT64_MAX, &value))
            continue;
        uint32_t small = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
        if (limit == MAX_WIDTH)
            encoding->max_width = small;
        else if (limit == MAX_HEIGHT)
            encoding->max_height = small;
        else if (limit == MAX_FPS)
            encoding->max_fps = small;
        else if (limit == MAX_FS)
            encoding->max_fs = small;
        else if (limit == MAX_BR)
            encoding->max_br = value;
        else if (limit == MAX_PPS)
            encoding->max_pps = value;
    }
    return rid != NULL ? read_payload_types(arena, rid, encoding) : 0;
}

static bool has_codec(const sdp_rid_t *rid, const choices_t *choices)
{
    bool is_chosen[128] = {false};
    for (size_t i = 0; i < choices->count; i++)
        is_chosen[choices->items[i].payload_type] = true;
    for (size_t i = 0; i < rid->payload_type_count; i++)
        if (is_chosen[rid->payload_types[i]])
            return true;
    return rid->payload_type_count == 0;
}

bool jsep_rid_is_possible(const sdp_rid_t *rid, sdp_direction_t direction, const choices_t *choices)
{
    if (rid == NULL || !has_codec(rid, choices))
        return false;
    for (size_t i = 0; direction == SDP_SENDONLY && i < rid->restriction_count; i++)
        if (limit_of(rid->restrictions[i].name) == LIMIT_COUNT)
            return false;
    return true;
}
