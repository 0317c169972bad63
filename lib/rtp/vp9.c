/* VP9 (RFC 9628): a payload descriptor, then a piece of a layer's frame. What is sent has one spatial layer. Without temporal layers the
 * non-flexible mode says all that there is to say, in the structure that comes with key frames; with them the flexible mode is used, in
 * which every picture names those that it may build on, because an encoder that leaves pictures out breaks any pattern told beforehand.
 * What is received may have spatial layers, too: the layers of a picture are one frame, which the decoder takes together. */
#include "rtp/vp9.h"

#include "base/bytes.h"

#include <string.h>

enum { I = 0x80, P = 0x40, L = 0x20, F = 0x10, B = 0x08, E = 0x04, V = 0x02, Z = 0x01 };

#define BASE_MAX 7                 /* first octet, I with 15 bits, L, three P_DIFF */
#define STRUCTURE_MAX 8            /* one size, one picture with one reference */
#define PAYLOAD_MIN 64             /* so that the first packet has room for more than its descriptor */
#define TEMPORAL_LAYERS_MAX 4      /* of what is counted in layers */
#define REFERENCE_DISTANCE_MAX 127 /* P_DIFF has seven bits */

enum { DESCRIPTOR, SIZES = 2 }; /* state[]: 16 octets of the first packet's descriptor; SIZES: its base << 8 | structure */

static bool put_reference(uint64_t *references, uint8_t distance)
{
    if (distance == 0 || distance > 64)
        return false;
    *references |= (uint64_t)1 << (distance - 1);
    return true;
}

static bool read_pattern(reader_t *reader, rtp_picture_pattern_t *pattern)
{
    uint8_t pictures, octet, distance;
    if (!reader_u8(reader, &pictures))
        return false;
    bool is_known = pictures <= RTP_PATTERN_MAX;
    for (unsigned i = 0; i < pictures; i++) {
        uint64_t references = 0;
        if (!reader_u8(reader, &octet))
            return false;
        for (unsigned k = (octet >> 2) & 3; k > 0; k--) {
            if (!reader_u8(reader, &distance))
                return false;
            is_known &= put_reference(&references, distance);
        }
        if (is_known)
            pattern->references[i] = references;
    }
    pattern->length = is_known ? pictures : 0;
    return true;
}

bool rtp_vp9_structure_parse(rtp_vp9_structure_t *structure, const uint8_t *data, size_t length, size_t *size)
{
    reader_t reader;
    uint8_t octet;
    memset(structure, 0, sizeof *structure);
    reader_init(&reader, data, length);
    if (!reader_u8(&reader, &octet))
        return false;
    structure->spatial_layers = (uint8_t)((octet >> 5) + 1);
    structure->has_sizes = (octet & 0x10) != 0;
    for (unsigned i = 0; structure->has_sizes && i < structure->spatial_layers; i++)
        if (!reader_u16(&reader, &structure->width[i]) || !reader_u16(&reader, &structure->height[i]))
            return false;
    if ((octet & 0x08) != 0 && !read_pattern(&reader, &structure->pattern))
        return false;
    *size = reader.position;
    return true;
}

static bool read_layers(reader_t *reader, rtp_vp9_descriptor_t *d)
{
    uint8_t octet;
    if (!reader_u8(reader, &octet))
        return false;
    d->temporal_id = octet >> 5;
    d->is_switching_point = (octet & 0x10) != 0;
    d->spatial_id = (octet >> 1) & 7;
    d->is_on_lower_layer = (octet & 1) != 0;
    d->has_tl0picidx = !d->is_flexible;
    return d->is_flexible || reader_u8(reader, &d->tl0picidx);
}

static bool read_differences(reader_t *reader, rtp_vp9_descriptor_t *d)
{
    uint8_t octet;
    do {
        if (d->difference_count == RTP_VP9_REFERENCES_MAX || !reader_u8(reader, &octet))
            return false;
        d->differences[d->difference_count++] = octet >> 1;
    } while ((octet & 1) != 0);
    return true;
}

bool rtp_vp9_descriptor_parse(rtp_vp9_descriptor_t *d, const uint8_t *payload, size_t length)
{
    reader_t reader;
    uint8_t first, octet = 0;
    *d = (rtp_vp9_descriptor_t){0};
    reader_init(&reader, payload, length);
    if (!reader_u8(&reader, &first))
        return false;
    d->has_picture_id = (first & I) != 0;
    d->is_predicted = (first & P) != 0;
    d->has_layers = (first & L) != 0;
    d->is_flexible = (first & F) != 0;
    d->is_start = (first & B) != 0;
    d->is_end = (first & E) != 0;
    d->has_structure = (first & V) != 0;
    d->is_not_for_upper = (first & Z) != 0;
    if (d->has_picture_id && reader_u8(&reader, &octet)) {
        d->picture_id = octet & 0x7f;
        d->picture_id_mask = 0x7f;
        if ((octet & 0x80) != 0 && reader_u8(&reader, &octet)) {
            d->picture_id = (uint16_t)(d->picture_id << 8 | octet);
            d->picture_id_mask = 0x7fff;
        }
    }
    if (d->has_layers && !read_layers(&reader, d))
        return false;
    if (d->is_flexible && d->is_predicted && !read_differences(&reader, d))
        return false;
    if (d->has_structure) {
        rtp_vp9_structure_t structure;
        size_t size;
        d->structure = reader.position;
        if (!rtp_vp9_structure_parse(&structure, payload + reader.position, reader_left(&reader), &size))
            return false;
        reader_skip(&reader, size);
    }
    d->size = reader.position;
    return !reader.failed && reader_left(&reader) != 0; /* an empty piece of a frame is none */
}

/* frame_marker, the profile's bits, show_existing_frame, frame_type. Where the profile is 3, a reserved bit comes before the last two. */
bool rtp_vp9_is_key_frame(const uint8_t *frame, size_t length)
{
    if (length == 0 || (frame[0] & 0xc0) != 0x80)
        return false;
    unsigned rest = (frame[0] & 0x30) == 0x30 ? (unsigned)frame[0] << 1 : frame[0];
    return (rest & 0x0c) == 0;
}

static unsigned bits(const uint8_t *data, size_t *position, unsigned count)
{
    unsigned value = 0;
    for (; count > 0; count--, ++*position)
        value = value << 1 | ((data[*position / 8] >> (7 - *position % 8)) & 1);
    return value;
}

bool rtp_vp9_key_frame_size(const uint8_t *frame, size_t length, uint16_t *width, uint16_t *height)
{
    if (length < 10 || !rtp_vp9_is_key_frame(frame, length))
        return false;
    unsigned profile = ((unsigned)frame[0] >> 5 & 1) | ((unsigned)frame[0] >> 3 & 2);
    size_t at = profile == 3 ? 9 : 8;
    if (bits(frame, &at, 24) != 0x498342) /* frame_sync_code */
        return false;
    if (profile >= 2)
        bits(frame, &at, 1); /* ten_or_twelve_bit */
    bool is_rgb = bits(frame, &at, 3) == 7;
    at += is_rgb ? 0 : 1;                                        /* color_range */
    at += (profile & 1) == 0 ? 0 : is_rgb ? 1 : 3;               /* subsampling and reserved bits */
    unsigned w = bits(frame, &at, 16), h = bits(frame, &at, 16); /* less one; within 73 bits */
    *width = (uint16_t)(w < UINT16_MAX ? w + 1 : w);
    *height = (uint16_t)(h < UINT16_MAX ? h + 1 : h);
    return true;
}

/* Which earlier pictures the one at hand may build on (§4.2.1, P_DIFF): all that is known is its layer, and whether it needs the base
 * layer only. At least one is named, because P says so. */
static uint8_t *put_differences(uint8_t *at, const rtp_payload_context_t *context)
{
    unsigned highest = context->is_layer_sync ? 0 : context->temporal_id & 3, count = 0;
    uint8_t differences[RTP_VP9_REFERENCES_MAX] = {1};
    for (unsigned layer = highest + 1; layer-- > 0 && count < RTP_VP9_REFERENCES_MAX;) {
        unsigned distance = (unsigned)(context->picture_id - context->layer_picture_ids[layer]) & 0x7fff;
        if ((context->layers_seen & 1u << layer) != 0 && distance != 0 && distance <= REFERENCE_DISTANCE_MAX)
            differences[count++] = (uint8_t)distance;
    }
    count = count != 0 ? count : 1;
    for (unsigned i = 0; i < count; i++)
        *at++ = (uint8_t)(differences[i] << 1 | (i + 1 < count)); /* N: another follows */
    return at;
}

static uint8_t *put_base(uint8_t *at, const rtp_payload_context_t *context)
{
    bool has_layers = context->has_temporal_layers;
    *at++ = (uint8_t)(I | (context->is_key ? 0 : P) | (has_layers ? L | F : 0));
    bytes_put_u16(at, (uint16_t)(0x8000 | context->picture_id));
    at += 2;
    if (!has_layers)
        return at;
    *at++ = (uint8_t)((context->temporal_id & 3) << 5 | (context->is_key || context->is_layer_sync ? 0x10 : 0));
    return context->is_key ? at : put_differences(at, context);
}

/* N_S = 0; the size when it is known; without layers each picture is predicted from the one before it. */
static uint8_t *put_structure(uint8_t *at, const rtp_payload_context_t *context, const uint8_t *frame, size_t length)
{
    uint16_t width, height;
    bool has_size = rtp_vp9_key_frame_size(frame, length, &width, &height), has_pattern = !context->has_temporal_layers;
    *at++ = (uint8_t)((has_size ? 0x10 : 0) | (has_pattern ? 0x08 : 0));
    if (has_size) {
        bytes_put_u16(at, width);
        bytes_put_u16(at + 2, height);
        at += 4;
    }
    if (has_pattern) {
        *at++ = 1;      /* N_G */
        *at++ = 1 << 2; /* TID 0, R = 1 */
        *at++ = 1;      /* P_DIFF */
    }
    return at;
}

static void count_picture(rtp_payload_context_t *context)
{
    unsigned layer = context->has_temporal_layers ? context->temporal_id & 3 : 0;
    context->layers_seen = (uint8_t)((context->is_key ? 0 : context->layers_seen) | 1u << layer);
    context->layer_picture_ids[layer] = context->picture_id;
    context->picture_id = (context->picture_id + 1) & 0x7fff;
}

static bool begin(rtp_packetizer_t *p, rtp_payload_context_t *context, const uint8_t *frame, size_t length, size_t payload_max)
{
    uint8_t descriptor[BASE_MAX + STRUCTURE_MAX];
    if (length == 0 || payload_max < PAYLOAD_MIN)
        return false;
    context->picture_id &= 0x7fff;
    uint8_t *base_end = put_base(descriptor, context);
    uint8_t *end = context->is_key ? put_structure(base_end, context, frame, length) : base_end;
    size_t base = (size_t)(base_end - descriptor), structure = (size_t)(end - base_end);
    *p = (rtp_packetizer_t){.frame = frame, .length = length, .payload_max = payload_max};
    p->packets_left = (length + structure - 1) / (payload_max - base) + 1;
    memcpy(&p->state[DESCRIPTOR], descriptor, base + structure);
    p->state[SIZES] = base << 8 | structure;
    count_picture(context);
    return true;
}

static size_t next(rtp_packetizer_t *p, uint8_t *out)
{
    if (p->packets_left == 0)
        return 0;
    bool is_first = p->position == 0;
    size_t base = (size_t)p->state[SIZES] >> 8, structure = is_first ? (size_t)p->state[SIZES] & 0xff : 0;
    memcpy(out, &p->state[DESCRIPTOR], base + structure);
    out[0] |= (uint8_t)((is_first ? B : 0) | (p->packets_left == 1 ? E : 0) | (structure != 0 ? V : 0));
    size_t length = (p->length - p->position + structure) / p->packets_left - structure; /* nearly equal packets */
    memcpy(out + base + structure, p->frame + p->position, length);
    p->position += length;
    p->packets_left--;
    return base + structure + length;
}

static bool inspect(rtp_payload_info_t *info, const uint8_t *payload, size_t length, bool marker)
{
    rtp_vp9_descriptor_t d;
    *info = (rtp_payload_info_t){0};
    if (!rtp_vp9_descriptor_parse(&d, payload, length))
        return false;
    info->is_start = d.is_start && d.spatial_id == 0;
    info->may_start = d.is_start && d.spatial_id != 0 && !d.is_on_lower_layer;
    info->is_end = marker; /* §4.1: of the last packet of a picture; E ends a layer's frame only */
    info->is_key = (info->is_start || info->may_start) && !d.is_predicted && rtp_vp9_is_key_frame(payload + d.size, length - d.size);
    if (info->is_key)
        rtp_vp9_key_frame_size(payload + d.size, length - d.size, &info->width, &info->height);
    info->has_pattern = info->is_key || d.has_structure;
    info->has_picture_id = d.has_picture_id;
    info->picture_id = d.picture_id;
    info->picture_id_mask = d.picture_id_mask;
    info->has_layers = d.has_layers && d.temporal_id < TEMPORAL_LAYERS_MAX;
    info->temporal_id = info->has_layers ? d.temporal_id : 0;
    info->has_tl0picidx = info->has_layers && d.has_tl0picidx;
    info->tl0picidx = d.tl0picidx;
    info->is_layer_sync = info->has_layers && d.temporal_id != 0 && d.is_switching_point;
    info->has_references = d.is_flexible && d.has_picture_id;
    for (unsigned i = 0; i < d.difference_count; i++)
        info->has_references &= put_reference(&info->references, d.differences[i]);
    return true;
}

static void pattern(rtp_picture_pattern_t *pattern, const uint8_t *payload, size_t length)
{
    rtp_vp9_descriptor_t d;
    rtp_vp9_structure_t structure;
    size_t size;
    *pattern = (rtp_picture_pattern_t){0};
    if (rtp_vp9_descriptor_parse(&d, payload, length) && d.has_structure && !d.is_flexible &&
        rtp_vp9_structure_parse(&structure, payload + d.structure, length - d.structure, &size))
        *pattern = structure.pattern;
}

static size_t descriptor_size(const uint8_t *payload, size_t length)
{
    rtp_vp9_descriptor_t d;
    return rtp_vp9_descriptor_parse(&d, payload, length) ? d.size : 0;
}

static size_t assemble(const rtp_fragment_t *fragments, size_t count, uint8_t *frame, size_t capacity)
{
    return rtp_payload_join(fragments, count, descriptor_size, frame, capacity);
}

const rtp_payload_format_t rtp_payload_vp9 = {
    .name = "VP9",
    .is_video = true,
    .static_payload_type = RTP_PAYLOAD_TYPE_DYNAMIC,
    .clock_rate = 90000,
    .begin = begin,
    .next = next,
    .inspect = inspect,
    .pattern = pattern,
    .assemble = assemble,
};
