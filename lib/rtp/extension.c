/* RTP header extensions in the one-byte and the two-byte form (RFC 8285 §4.2, §4.3). */
#include "rtp/rtp.h"

#include <string.h>

#define PROFILE_ONE_BYTE 0xbede
#define PROFILE_TWO_BYTE 0x1000 /* the low four bits are "appbits" */
#define ONE_BYTE_ID_MAX 14
#define ONE_BYTE_LENGTH_MAX 16

static const char *const uris[RTP_EXTENSION_COUNT] = {
    [RTP_EXTENSION_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
    [RTP_EXTENSION_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    [RTP_EXTENSION_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    [RTP_EXTENSION_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    [RTP_EXTENSION_TRANSPORT_CC] = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    [RTP_EXTENSION_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [RTP_EXTENSION_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
    [RTP_EXTENSION_TOFFSET] = "urn:ietf:params:rtp-hdrext:toffset",
    [RTP_EXTENSION_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    [RTP_EXTENSION_CSRC_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:csrc-audio-level",
    [RTP_EXTENSION_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
};

const char *rtp_extension_uri(rtp_extension_t extension)
{
    return extension < RTP_EXTENSION_COUNT ? uris[extension] : NULL;
}

rtp_extension_t rtp_extension_from_uri(const char *uri)
{
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++)
        if (strcmp(uris[i], uri) == 0)
            return (rtp_extension_t)i;
    return RTP_EXTENSION_UNKNOWN;
}

rtp_extension_t rtp_extension_map_find(const rtp_extension_map_t *map, uint8_t id)
{
    for (int i = 0; id != 0 && i < RTP_EXTENSION_COUNT; i++)
        if (map->ids[i] == id)
            return (rtp_extension_t)i;
    return RTP_EXTENSION_UNKNOWN;
}

bool rtp_extension_map_bind(rtp_extension_map_t *map, uint8_t id, rtp_extension_t extension)
{
    if (id == 0 || id == 15 || extension >= RTP_EXTENSION_COUNT)
        return false;
    rtp_extension_t bound = rtp_extension_map_find(map, id);
    if (bound != RTP_EXTENSION_UNKNOWN && bound != extension)
        return false;
    map->ids[extension] = id;
    return true;
}

/* The next element; padding octets are stepped over. */
static bool next_element(reader_t *reader, bool is_two_byte, uint8_t *id, const uint8_t **data, uint8_t *length)
{
    uint8_t octet = 0;
    do {
        if (reader_left(reader) == 0)
            return false;
        reader_u8(reader, &octet);
    } while (octet == 0);
    if (is_two_byte) {
        *id = octet;
        if (!reader_u8(reader, length))
            return false;
    } else {
        *id = octet >> 4;
        *length = (uint8_t)((octet & 0x0f) + 1);
        if (*id == 15) /* RFC 8285 §4.2: reading stops here */
            return false;
    }
    *data = reader_bytes(reader, *length);
    return *data != NULL;
}

static bool start_elements(reader_t *reader, const rtp_view_t *view, bool *is_two_byte)
{
    *is_two_byte = (view->extension_profile & 0xfff0) == PROFILE_TWO_BYTE;
    if (view->extensions == NULL || (!*is_two_byte && view->extension_profile != PROFILE_ONE_BYTE))
        return false;
    reader_init(reader, view->extensions, view->extensions_length);
    return true;
}

static void read_element(rtp_extensions_t *e, rtp_extension_t extension, const uint8_t *data, uint8_t length)
{
    static const uint8_t least[RTP_EXTENSION_COUNT] = {1, 1, 1, 3, 2, 1, 1, 3, 3, 1, 8};
    if (length < least[extension])
        return;
    switch (extension) {
    case RTP_EXTENSION_MID:
        e->mid = (const char *)data;
        e->mid_length = length;
        break;
    case RTP_EXTENSION_RID:
        e->rid = (const char *)data;
        e->rid_length = length;
        break;
    case RTP_EXTENSION_REPAIRED_RID:
        e->repaired_rid = (const char *)data;
        e->repaired_rid_length = length;
        break;
    case RTP_EXTENSION_ABS_SEND_TIME:
        e->abs_send_time = bytes_get_u24(data);
        break;
    case RTP_EXTENSION_TRANSPORT_CC:
        e->transport_sequence_number = bytes_get_u16(data);
        break;
    case RTP_EXTENSION_AUDIO_LEVEL:
        e->has_voice = data[0] >> 7;
        e->audio_level = data[0] & 0x7f;
        break;
    case RTP_EXTENSION_VIDEO_ORIENTATION:
        e->video_orientation = data[0] & 0x0f;
        break;
    case RTP_EXTENSION_TOFFSET:
        e->toffset = (int32_t)(bytes_get_u24(data) << 8) / 256;
        break;
    case RTP_EXTENSION_PLAYOUT_DELAY:
        e->playout_delay_min = (uint16_t)(bytes_get_u24(data) >> 12);
        e->playout_delay_max = (uint16_t)(bytes_get_u24(data) & 0xfff);
        break;
    case RTP_EXTENSION_CSRC_AUDIO_LEVEL:
        e->csrc_levels = data;
        e->csrc_level_count = length;
        break;
    case RTP_EXTENSION_ABS_CAPTURE_TIME:
        e->capture_time = bytes_get_u64(data);
        e->has_capture_offset = length >= 16;
        e->capture_offset = e->has_capture_offset ? (int64_t)bytes_get_u64(data + 8) : 0;
        break;
    case RTP_EXTENSION_COUNT:
        return;
    }
    e->present |= 1u << extension;
}

void rtp_extensions_parse(rtp_extensions_t *extensions, const rtp_view_t *view, const rtp_extension_map_t *map)
{
    reader_t reader;
    bool is_two_byte;
    *extensions = (rtp_extensions_t){0};
    if (!start_elements(&reader, view, &is_two_byte))
        return;
    uint8_t id, length;
    const uint8_t *data;
    while (next_element(&reader, is_two_byte, &id, &data, &length)) {
        rtp_extension_t extension = rtp_extension_map_find(map, id);
        if (extension != RTP_EXTENSION_UNKNOWN)
            read_element(extensions, extension, data, length);
    }
}

const uint8_t *rtp_extension_find(const rtp_view_t *view, uint8_t wanted, size_t *length)
{
    reader_t reader;
    bool is_two_byte;
    if (wanted == 0 || !start_elements(&reader, view, &is_two_byte))
        return NULL;
    uint8_t id, size;
    const uint8_t *data;
    while (next_element(&reader, is_two_byte, &id, &data, &size)) {
        if (id == wanted) {
            *length = size;
            return data;
        }
    }
    return NULL;
}

static size_t element_length(const rtp_extensions_t *e, rtp_extension_t extension)
{
    switch (extension) {
    case RTP_EXTENSION_MID:
        return e->mid_length;
    case RTP_EXTENSION_RID:
        return e->rid_length;
    case RTP_EXTENSION_REPAIRED_RID:
        return e->repaired_rid_length;
    case RTP_EXTENSION_AUDIO_LEVEL:
    case RTP_EXTENSION_VIDEO_ORIENTATION:
        return 1;
    case RTP_EXTENSION_TRANSPORT_CC:
        return 2;
    case RTP_EXTENSION_ABS_SEND_TIME:
    case RTP_EXTENSION_TOFFSET:
    case RTP_EXTENSION_PLAYOUT_DELAY:
        return 3;
    case RTP_EXTENSION_CSRC_AUDIO_LEVEL:
        return e->csrc_level_count;
    case RTP_EXTENSION_ABS_CAPTURE_TIME:
        return e->has_capture_offset ? 16 : 8;
    case RTP_EXTENSION_COUNT:
        break;
    }
    return 0;
}

static bool is_written(const rtp_header_t *header, int i)
{
    return rtp_extensions_has(header->extensions, (rtp_extension_t)i) && header->map->ids[i] != 0;
}

/* Octets of all elements with padding, 0 when there is none; says which form they need. */
static size_t elements_size(const rtp_header_t *header, bool *is_two_byte)
{
    size_t size = 0, count = 0;
    *is_two_byte = false;
    if (header->extensions == NULL || header->map == NULL)
        return 0;
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++) {
        if (!is_written(header, i))
            continue;
        size_t length = element_length(header->extensions, (rtp_extension_t)i);
        /* The one-byte form has no empty element. */
        if (header->map->ids[i] > ONE_BYTE_ID_MAX || length > ONE_BYTE_LENGTH_MAX || length == 0)
            *is_two_byte = true;
        size += length;
        count++;
    }
    size += count * (*is_two_byte ? 2 : 1);
    return (size + 3) & ~(size_t)3;
}

size_t rtp_header_size(const rtp_header_t *header)
{
    bool is_two_byte;
    size_t size = elements_size(header, &is_two_byte);
    return RTP_HEADER_SIZE + (size != 0 ? 4 + size : 0);
}

static void write_element(writer_t *writer, const rtp_extensions_t *e, rtp_extension_t extension)
{
    switch (extension) {
    case RTP_EXTENSION_MID:
        writer_copy(writer, e->mid, e->mid_length);
        break;
    case RTP_EXTENSION_RID:
        writer_copy(writer, e->rid, e->rid_length);
        break;
    case RTP_EXTENSION_REPAIRED_RID:
        writer_copy(writer, e->repaired_rid, e->repaired_rid_length);
        break;
    case RTP_EXTENSION_ABS_SEND_TIME:
        writer_u24(writer, e->abs_send_time & 0xffffff);
        break;
    case RTP_EXTENSION_TRANSPORT_CC:
        writer_u16(writer, e->transport_sequence_number);
        break;
    case RTP_EXTENSION_AUDIO_LEVEL:
        writer_u8(writer, (uint8_t)((e->has_voice ? 0x80 : 0) | (e->audio_level & 0x7f)));
        break;
    case RTP_EXTENSION_VIDEO_ORIENTATION:
        writer_u8(writer, e->video_orientation & 0x0f);
        break;
    case RTP_EXTENSION_TOFFSET:
        writer_u24(writer, (uint32_t)e->toffset & 0xffffff);
        break;
    case RTP_EXTENSION_PLAYOUT_DELAY:
        writer_u24(writer, ((uint32_t)(e->playout_delay_min & 0xfff) << 12) | (e->playout_delay_max & 0xfffu));
        break;
    case RTP_EXTENSION_CSRC_AUDIO_LEVEL:
        writer_copy(writer, e->csrc_levels, e->csrc_level_count);
        break;
    case RTP_EXTENSION_ABS_CAPTURE_TIME:
        writer_u64(writer, e->capture_time);
        if (e->has_capture_offset)
            writer_u64(writer, (uint64_t)e->capture_offset);
        break;
    case RTP_EXTENSION_COUNT:
        break;
    }
}

bool rtp_write_header(writer_t *writer, const rtp_header_t *header)
{
    bool is_two_byte;
    size_t size = elements_size(header, &is_two_byte);
    if (writer_left(writer) < RTP_HEADER_SIZE + (size != 0 ? 4 + size : 0))
        return false;
    writer_u8(writer, (uint8_t)(0x80 | (size != 0 ? 0x10 : 0)));
    writer_u8(writer, (uint8_t)((header->marker ? 0x80 : 0) | (header->payload_type & 0x7f)));
    writer_u16(writer, header->sequence_number);
    writer_u32(writer, header->timestamp);
    writer_u32(writer, header->ssrc);
    if (size == 0)
        return true;
    writer_u16(writer, is_two_byte ? PROFILE_TWO_BYTE : PROFILE_ONE_BYTE);
    writer_u16(writer, (uint16_t)(size / 4));
    size_t end = writer->length + size;
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++) {
        if (!is_written(header, i))
            continue;
        size_t length = element_length(header->extensions, (rtp_extension_t)i);
        if (is_two_byte) {
            writer_u8(writer, header->map->ids[i]);
            writer_u8(writer, (uint8_t)length);
        } else {
            writer_u8(writer, (uint8_t)(header->map->ids[i] << 4 | (length - 1)));
        }
        write_element(writer, header->extensions, (rtp_extension_t)i);
    }
    return writer_zero(writer, end - writer->length);
}
