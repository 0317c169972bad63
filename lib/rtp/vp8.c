/* VP8 (RFC 7741): a payload descriptor, then a piece of the frame. Frames are cut into packets of nearly equal size and partitions are not
 * aligned to packets (§4.4 leaves that to the sender), so every packet but the first says partition 0, S = 0. */
#include "rtp/payload.h"

#include "base/bytes.h"

#include <string.h>

#define DESCRIPTOR_MAX 6 /* X, I with 15 bits, L, T/K */

enum { HAS_LAYERS, IS_LAYER_SYNC, PICTURE_ID, LAYER }; /* state[], LAYER: TL0PICIDX << 8 | TID */

bool rtp_vp8_descriptor_parse(rtp_vp8_descriptor_t *d, const uint8_t *payload, size_t length)
{
    reader_t reader;
    uint8_t first, extension = 0, octet = 0;
    *d = (rtp_vp8_descriptor_t){0};
    reader_init(&reader, payload, length);
    if (!reader_u8(&reader, &first))
        return false;
    d->is_non_reference = (first & 0x20) != 0;
    d->is_partition_start = (first & 0x10) != 0;
    d->partition = first & 0x07;
    if ((first & 0x80) != 0)
        reader_u8(&reader, &extension);
    if ((extension & 0x80) != 0 && reader_u8(&reader, &octet)) {
        d->has_picture_id = true;
        d->picture_id = octet & 0x7f;
        d->picture_id_mask = 0x7f;
        if ((octet & 0x80) != 0 && reader_u8(&reader, &octet)) {
            d->picture_id = (uint16_t)(d->picture_id << 8 | octet);
            d->picture_id_mask = 0x7fff;
        }
    }
    if ((extension & 0x40) != 0)
        d->has_tl0picidx = reader_u8(&reader, &d->tl0picidx);
    if ((extension & 0x30) != 0 && reader_u8(&reader, &octet)) {
        d->has_temporal_id = (extension & 0x20) != 0;
        d->has_key_index = (extension & 0x10) != 0;
        d->temporal_id = d->has_temporal_id ? octet >> 6 : 0;
        d->is_layer_sync = d->has_temporal_id && (octet & 0x20) != 0;
        d->key_index = d->has_key_index ? octet & 0x1f : 0;
    }
    d->size = reader.position;
    return !reader.failed && reader_left(&reader) != 0; /* §4.2: the descriptor is followed by the VP8 payload */
}

bool rtp_vp8_is_key_frame(const uint8_t *frame, size_t length)
{
    return length != 0 && (frame[0] & 1) == 0;
}

bool rtp_vp8_key_frame_size(const uint8_t *frame, size_t length, uint16_t *width, uint16_t *height)
{
    /* RFC 6386 §9.1: three octets, the start code, then little-endian sizes whose upper two bits are a scale. */
    static const uint8_t start_code[3] = {0x9d, 0x01, 0x2a};
    if (length < 10 || !rtp_vp8_is_key_frame(frame, length) || memcmp(frame + 3, start_code, sizeof start_code) != 0)
        return false;
    *width = (uint16_t)((frame[6] | frame[7] << 8) & 0x3fff);
    *height = (uint16_t)((frame[8] | frame[9] << 8) & 0x3fff);
    return true;
}

static bool begin(rtp_packetizer_t *p, rtp_payload_context_t *context, const uint8_t *frame, size_t length, size_t payload_max)
{
    if (length == 0 || payload_max <= DESCRIPTOR_MAX)
        return false;
    size_t room = payload_max - DESCRIPTOR_MAX;
    *p = (rtp_packetizer_t){.frame = frame, .length = length, .payload_max = payload_max, .packets_left = (length - 1) / room + 1};
    /* §4.2: TL0PICIDX counts the frames of the base layer. */
    if (context->has_temporal_layers && context->temporal_id == 0)
        context->tl0picidx++;
    p->state[HAS_LAYERS] = context->has_temporal_layers;
    p->state[IS_LAYER_SYNC] = context->is_layer_sync;
    p->state[PICTURE_ID] = context->picture_id & 0x7fff;
    p->state[LAYER] = (uint64_t)context->tl0picidx << 8 | (context->temporal_id & 3);
    context->picture_id = (context->picture_id + 1) & 0x7fff;
    return true;
}

static size_t next(rtp_packetizer_t *p, uint8_t *out)
{
    if (p->packets_left == 0)
        return 0;
    bool has_layers = p->state[HAS_LAYERS] != 0;
    uint8_t *at = out;
    *at++ = (uint8_t)(0x80 | (p->position == 0 ? 0x10 : 0)); /* X, S */
    *at++ = has_layers ? 0xe0 : 0x80;                        /* I, L, T */
    bytes_put_u16(at, (uint16_t)(0x8000 | p->state[PICTURE_ID]));
    at += 2;
    if (has_layers) {
        *at++ = (uint8_t)(p->state[LAYER] >> 8);
        *at++ = (uint8_t)((p->state[LAYER] & 3) << 6 | (p->state[IS_LAYER_SYNC] != 0 ? 0x20 : 0));
    }
    size_t length = (p->length - p->position) / p->packets_left; /* what does not divide goes with the later ones */
    memcpy(at, p->frame + p->position, length);
    p->position += length;
    p->packets_left--;
    return (size_t)(at - out) + length;
}

static bool inspect(rtp_payload_info_t *info, const uint8_t *payload, size_t length, bool marker)
{
    rtp_vp8_descriptor_t d;
    *info = (rtp_payload_info_t){0};
    if (!rtp_vp8_descriptor_parse(&d, payload, length))
        return false;
    info->is_start = d.is_partition_start && d.partition == 0;
    info->is_end = marker;
    info->is_key = info->is_start && rtp_vp8_is_key_frame(payload + d.size, length - d.size);
    if (info->is_key)
        rtp_vp8_key_frame_size(payload + d.size, length - d.size, &info->width, &info->height);
    info->has_picture_id = d.has_picture_id;
    info->picture_id = d.picture_id;
    info->picture_id_mask = d.picture_id_mask;
    info->has_layers = info->has_tl0picidx = d.has_temporal_id && d.has_tl0picidx;
    info->temporal_id = d.temporal_id;
    info->tl0picidx = d.tl0picidx;
    info->is_layer_sync = d.is_layer_sync;
    return true;
}

static size_t descriptor_size(const uint8_t *payload, size_t length)
{
    rtp_vp8_descriptor_t d;
    return rtp_vp8_descriptor_parse(&d, payload, length) ? d.size : 0;
}

static size_t assemble(const rtp_fragment_t *fragments, size_t count, uint8_t *frame, size_t capacity)
{
    return rtp_payload_join(fragments, count, descriptor_size, frame, capacity);
}

const rtp_payload_format_t rtp_payload_vp8 = {
    .name = "VP8",
    .is_video = true,
    .static_payload_type = RTP_PAYLOAD_TYPE_DYNAMIC,
    .clock_rate = 90000,
    .begin = begin,
    .next = next,
    .inspect = inspect,
    .assemble = assemble,
};
