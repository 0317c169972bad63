/* The sizes of pictures that the other side takes (RFC 9429 §3.6.2), out of its a=imageattr. We write none: our decoders take any size that
 * their formats have. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

typedef struct wishes {
    picture_limits_t limits;
    uint32_t preferences[PICTURE_RANGES_MAX];
} wishes_t;

/* By preference, and of the same as they stand. Those beyond what is kept are those wanted least. */
static void add_wish(wishes_t *wishes, const sdp_image_size_t *size)
{
    picture_limits_t *limits = &wishes->limits;
    uint32_t place = limits->range_count;
    while (place > 0 && wishes->preferences[place - 1] < size->preference)
        place--;
    if (place == PICTURE_RANGES_MAX)
        return;
    if (limits->range_count < PICTURE_RANGES_MAX)
        limits->range_count++;
    size_t behind = limits->range_count - place - 1;
    memmove(&limits->ranges[place + 1], &limits->ranges[place], behind * sizeof *limits->ranges);
    memmove(&wishes->preferences[place + 1], &wishes->preferences[place], behind * sizeof *wishes->preferences);
    limits->ranges[place] = (picture_range_t){size->min_width, size->max_width, size->min_height, size->max_height};
    wishes->preferences[place] = size->preference;
}

int jsep_image_limits(arena_t *arena, const sdp_media_t *remote, uint8_t payload_type, const picture_limits_t **limits)
{
    static const sdp_image_size_t any = {.max_width = UINT32_MAX, .max_height = UINT32_MAX, .preference = 50, .has_square_pixels = true};
    wishes_t wishes = {0};
    *limits = NULL;
    for (size_t i = 0; i < remote->imageattr_count; i++) {
        const sdp_imageattr_t *image = &remote->imageattrs[i];
        bool is_meant = image->payload_type == SDP_ANY_PAYLOAD_TYPE || image->payload_type == payload_type;
        if (!image->has_receive || !is_meant)
            continue;
        wishes.limits.has_ranges = 1;
        if (image->receive_count == 0)
            add_wish(&wishes, &any);
        for (size_t j = 0; j < image->receive_count; j++)
            if (image->receive[j].has_square_pixels) /* our pixels are square */
                add_wish(&wishes, &image->receive[j]);
    }
    if (wishes.limits.has_ranges == 0)
        return 0;
    picture_limits_t *copy = arena_new(arena, sizeof *copy);
    if (copy == NULL)
        return error_no_memory();
    *copy = wishes.limits;
    *limits = copy;
    return 0;
}
