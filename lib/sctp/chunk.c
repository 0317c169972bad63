/* The codec of SCTP packets. Views and writers only; every length is checked here, so that nobody else has to. */
#include "sctp/chunk.h"

#include "base/crc32c.h"

#include <string.h>

#define PARAMETER_HEADER_SIZE 4

static size_t padding_of(size_t length)
{
    return -length & 3;
}

/* The padding of the last one in a list may be missing. */
static void skip_padding(reader_t *reader, size_t length)
{
    size_t padding = padding_of(length), left = reader_left(reader);
    reader_skip(reader, padding < left ? padding : left);
}

bool sctp_chunk_read(reader_t *reader, sctp_chunk_t *chunk)
{
    uint16_t length;
    if (reader_left(reader) == 0)
        return false;
    reader_u8(reader, &chunk->type);
    reader_u8(reader, &chunk->flags);
    if (!reader_u16(reader, &length) || length < SCTP_CHUNK_HEADER_SIZE) {
        reader->failed = true;
        return false;
    }
    chunk->length = (size_t)length - SCTP_CHUNK_HEADER_SIZE;
    chunk->value = reader_bytes(reader, chunk->length);
    if (chunk->value == NULL)
        return false;
    skip_padding(reader, length);
    return true;
}

size_t sctp_chunk_begin(writer_t *writer, uint8_t type, uint8_t flags)
{
    size_t at = writer->length;
    writer_u8(writer, type);
    writer_u8(writer, flags);
    writer_u16(writer, SCTP_CHUNK_HEADER_SIZE);
    return at;
}

bool sctp_chunk_end(writer_t *writer, size_t at)
{
    size_t length = writer->length - at;
    writer_zero(writer, padding_of(length));
    if (length > UINT16_MAX)
        writer->failed = true;
    return writer_patch_u16(writer, at + 2, (uint16_t)length);
}

/* Chunks and parameters are laid out alike but for their first two bytes. */
static uint8_t *write_block(writer_t *writer, uint16_t head, const void *value, size_t length)
{
    size_t whole = SCTP_CHUNK_HEADER_SIZE + length, padded = whole + padding_of(whole);
    if (whole > UINT16_MAX || padded > writer_left(writer))
        return NULL;
    uint8_t *p = writer->data + writer->length;
    writer->length += padded;
    bytes_put_u16(p, head);
    bytes_put_u16(p + 2, (uint16_t)whole);
    if (value != NULL && length > 0)
        memcpy(p + SCTP_CHUNK_HEADER_SIZE, value, length);
    memset(p + whole, 0, padded - whole);
    return p + SCTP_CHUNK_HEADER_SIZE;
}

bool sctp_chunk_write(writer_t *writer, uint8_t type, uint8_t flags, const void *value, size_t length)
{
    return write_block(writer, (uint16_t)(type << 8 | flags), value, length) != NULL;
}

/* The checksum is the one number that goes least significant byte first (RFC 9260 Appendix A). */
static uint32_t get_checksum(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void put_checksum(uint8_t *p, uint32_t checksum)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(checksum >> (8 * i));
}

bool sctp_header_read(reader_t *reader, sctp_header_t *header)
{
    const uint8_t *p = reader_bytes(reader, SCTP_COMMON_HEADER_SIZE);
    if (p == NULL)
        return false;
    header->source_port = bytes_get_u16(p);
    header->destination_port = bytes_get_u16(p + 2);
    header->tag = bytes_get_u32(p + 4);
    header->checksum = get_checksum(p + SCTP_CHECKSUM_OFFSET);
    return true;
}

bool sctp_header_write(writer_t *writer, const sctp_header_t *header)
{
    if (writer_left(writer) < SCTP_COMMON_HEADER_SIZE)
        return false;
    uint8_t *p = writer->data + writer->length;
    writer->length += SCTP_COMMON_HEADER_SIZE;
    bytes_put_u16(p, header->source_port);
    bytes_put_u16(p + 2, header->destination_port);
    bytes_put_u32(p + 4, header->tag);
    put_checksum(p + SCTP_CHECKSUM_OFFSET, header->checksum);
    return true;
}

uint32_t sctp_checksum(const uint8_t *packet, size_t length)
{
    static const uint8_t zero[4];
    uint32_t crc = crc32c(0, packet, SCTP_CHECKSUM_OFFSET);
    crc = crc32c(crc, zero, sizeof zero);
    return crc32c(crc, packet + SCTP_COMMON_HEADER_SIZE, length - SCTP_COMMON_HEADER_SIZE);
}

void sctp_checksum_put(uint8_t *packet, uint32_t checksum)
{
    put_checksum(packet + SCTP_CHECKSUM_OFFSET, checksum);
}

bool sctp_parameter_read(reader_t *reader, sctp_parameter_t *parameter)
{
    uint16_t length;
    if (reader_left(reader) == 0)
        return false;
    if (!reader_u16(reader, &parameter->type) || !reader_u16(reader, &length) || length < PARAMETER_HEADER_SIZE) {
        reader->failed = true;
        return false;
    }
    parameter->length = (size_t)length - PARAMETER_HEADER_SIZE;
    parameter->value = reader_bytes(reader, parameter->length);
    if (parameter->value == NULL)
        return false;
    skip_padding(reader, length);
    return true;
}

bool sctp_parameter_write(writer_t *writer, uint16_t type, const void *value, size_t length)
{
    return write_block(writer, type, value, length) != NULL;
}

bool sctp_init_parse(const sctp_chunk_t *chunk, sctp_init_t *init)
{
    reader_t reader;
    reader_init(&reader, chunk->value, chunk->length);
    reader_u32(&reader, &init->tag);
    reader_u32(&reader, &init->window);
    reader_u16(&reader, &init->outbound_streams);
    reader_u16(&reader, &init->inbound_streams);
    reader_u32(&reader, &init->initial_tsn);
    return !reader.failed && reader_sub(&reader, reader_left(&reader), &init->parameters);
}

bool sctp_init_write(writer_t *writer, const sctp_init_t *init)
{
    writer_u32(writer, init->tag);
    writer_u32(writer, init->window);
    writer_u16(writer, init->outbound_streams);
    writer_u16(writer, init->inbound_streams);
    return writer_u32(writer, init->initial_tsn);
}

bool sctp_reconfig_parse(const sctp_parameter_t *parameter, sctp_reconfig_t *r)
{
    reader_t reader;
    bool has_streams = false;
    *r = (sctp_reconfig_t){.type = parameter->type};
    reader_init(&reader, parameter->value, parameter->length);
    reader_u32(&reader, &r->sequence);
    switch (parameter->type) {
    case SCTP_PARAMETER_RESET_OUTGOING:
        reader_u32(&reader, &r->response_to);
        reader_u32(&reader, &r->last_tsn);
        has_streams = true;
        break;
    case SCTP_PARAMETER_RESET_INCOMING:
        has_streams = true;
        break;
    case SCTP_PARAMETER_RESET_TSN:
        break;
    case SCTP_PARAMETER_RESPONSE:
        reader_u32(&reader, &r->result);
        r->has_tsns = reader_left(&reader) > 0;
        if (r->has_tsns) {
            reader_u32(&reader, &r->sender_tsn);
            reader_u32(&reader, &r->receiver_tsn);
        }
        break;
    case SCTP_PARAMETER_ADD_OUTGOING:
    case SCTP_PARAMETER_ADD_INCOMING:
        reader_u16(&reader, &r->count);
        reader_skip(&reader, 2);
        break;
    default:
        return false;
    }
    size_t left = reader_left(&reader);
    if (reader.failed || left % 2 != 0 || (left > 0 && !has_streams))
        return false;
    r->stream_count = left / 2;
    r->streams = reader_bytes(&reader, left);
    return true;
}

static size_t reconfig_size(const sctp_reconfig_t *r)
{
    switch (r->type) {
    case SCTP_PARAMETER_RESET_OUTGOING:
        return 12 + 2 * r->stream_count;
    case SCTP_PARAMETER_RESET_INCOMING:
        return 4 + 2 * r->stream_count;
    case SCTP_PARAMETER_RESPONSE:
        return r->has_tsns ? 16 : 8;
    case SCTP_PARAMETER_ADD_OUTGOING:
    case SCTP_PARAMETER_ADD_INCOMING:
        return 8;
    default:
        return 4;
    }
}

bool sctp_reconfig_write(writer_t *writer, const sctp_reconfig_t *r)
{
    uint8_t *p = write_block(writer, r->type, NULL, reconfig_size(r));
    if (p == NULL)
        return false;
    bytes_put_u32(p, r->sequence);
    p += 4;
    switch (r->type) {
    case SCTP_PARAMETER_RESET_OUTGOING:
        bytes_put_u32(p, r->response_to);
        bytes_put_u32(p + 4, r->last_tsn);
        p += 8;
        break;
    case SCTP_PARAMETER_RESPONSE:
        bytes_put_u32(p, r->result);
        if (r->has_tsns) {
            bytes_put_u32(p + 4, r->sender_tsn);
            bytes_put_u32(p + 8, r->receiver_tsn);
        }
        return true;
    case SCTP_PARAMETER_ADD_OUTGOING:
    case SCTP_PARAMETER_ADD_INCOMING:
        bytes_put_u32(p, (uint32_t)r->count << 16);
        return true;
    case SCTP_PARAMETER_RESET_INCOMING:
        break;
    default:
        return true;
    }
    if (r->stream_count > 0)
        memcpy(p, r->streams, 2 * r->stream_count);
    return true;
}

bool sctp_data_parse(const sctp_chunk_t *chunk, sctp_data_t *data)
{
    bool is_interleaved = chunk->type == SCTP_CHUNK_I_DATA;
    size_t header = sctp_data_header_size(is_interleaved) - SCTP_CHUNK_HEADER_SIZE;
    const uint8_t *p = chunk->value;
    if ((chunk->type != SCTP_CHUNK_DATA && !is_interleaved) || chunk->length < header)
        return false;
    *data = (sctp_data_t){.tsn = bytes_get_u32(p),
                          .stream = bytes_get_u16(p + 4),
                          .flags = chunk->flags,
                          .is_interleaved = is_interleaved,
                          .data = p + header,
                          .length = chunk->length - header};
    if (!is_interleaved) {
        data->message_id = bytes_get_u16(p + 6);
        data->payload_protocol = bytes_get_u32(p + 8);
        return true;
    }
    data->message_id = bytes_get_u32(p + 8);
    if ((chunk->flags & SCTP_DATA_BEGIN) != 0)
        data->payload_protocol = bytes_get_u32(p + 12);
    else
        data->fragment = bytes_get_u32(p + 12);
    return true;
}

bool sctp_data_write(writer_t *writer, const sctp_data_t *data)
{
    size_t header = sctp_data_header_size(data->is_interleaved), whole = header + data->length, padded = whole + padding_of(whole);
    if (whole > UINT16_MAX || padded > writer_left(writer))
        return false;
    uint8_t *p = writer->data + writer->length;
    writer->length += padded;
    p[0] = data->is_interleaved ? SCTP_CHUNK_I_DATA : SCTP_CHUNK_DATA;
    p[1] = data->flags;
    bytes_put_u16(p + 2, (uint16_t)whole);
    bytes_put_u32(p + 4, data->tsn);
    bytes_put_u16(p + 8, data->stream);
    if (data->is_interleaved) {
        bytes_put_u16(p + 10, 0);
        bytes_put_u32(p + 12, data->message_id);
        bytes_put_u32(p + 16, (data->flags & SCTP_DATA_BEGIN) != 0 ? data->payload_protocol : data->fragment);
    } else {
        bytes_put_u16(p + 10, (uint16_t)data->message_id);
        bytes_put_u32(p + 12, data->payload_protocol);
    }
    if (data->length > 0)
        memcpy(p + header, data->data, data->length);
    memset(p + whole, 0, padded - whole);
    return true;
}

bool sctp_sack_parse(const sctp_chunk_t *chunk, sctp_sack_t *sack)
{
    const uint8_t *p = chunk->value;
    if (chunk->type != SCTP_CHUNK_SACK || chunk->length < 12)
        return false;
    *sack = (sctp_sack_t){.cumulative = bytes_get_u32(p),
                          .window = bytes_get_u32(p + 4),
                          .gap_count = bytes_get_u16(p + 8),
                          .duplicate_count = bytes_get_u16(p + 10),
                          .gaps = p + 12};
    return chunk->length == 12 + 4 * ((size_t)sack->gap_count + sack->duplicate_count);
}

bool sctp_sack_write(writer_t *writer, const sctp_sack_t *sack, const uint8_t *duplicates)
{
    size_t gaps = 4 * (size_t)sack->gap_count, others = 4 * (size_t)sack->duplicate_count;
    uint8_t *p = write_block(writer, SCTP_CHUNK_SACK << 8, NULL, 12 + gaps + others);
    if (p == NULL)
        return false;
    bytes_put_u32(p, sack->cumulative);
    bytes_put_u32(p + 4, sack->window);
    bytes_put_u16(p + 8, sack->gap_count);
    bytes_put_u16(p + 10, sack->duplicate_count);
    if (gaps > 0)
        memcpy(p + 12, sack->gaps, gaps);
    if (others > 0)
        memcpy(p + 12 + gaps, duplicates, others);
    return true;
}

static size_t forward_entry_size(bool is_interleaved)
{
    return is_interleaved ? 8 : 4;
}

bool sctp_forward_parse(const sctp_chunk_t *chunk, sctp_forward_t *forward)
{
    reader_t reader;
    bool is_interleaved = chunk->type == SCTP_CHUNK_I_FORWARD_TSN;
    if (chunk->type != SCTP_CHUNK_FORWARD_TSN && !is_interleaved)
        return false;
    reader_init(&reader, chunk->value, chunk->length);
    forward->is_interleaved = is_interleaved;
    return reader_u32(&reader, &forward->cumulative) && reader_left(&reader) % forward_entry_size(is_interleaved) == 0 &&
           reader_sub(&reader, reader_left(&reader), &forward->streams);
}

bool sctp_forward_read(sctp_forward_t *forward, sctp_forward_stream_t *stream)
{
    const uint8_t *p;
    if (reader_left(&forward->streams) == 0)
        return false;
    p = reader_bytes(&forward->streams, forward_entry_size(forward->is_interleaved));
    if (p == NULL)
        return false;
    stream->stream = bytes_get_u16(p);
    stream->is_unordered = forward->is_interleaved && (p[3] & 1) != 0;
    stream->message_id = forward->is_interleaved ? bytes_get_u32(p + 4) : bytes_get_u16(p + 2);
    return true;
}

bool sctp_forward_write(writer_t *writer, uint32_t cumulative, bool is_interleaved, const sctp_forward_stream_t *streams, size_t count)
{
    size_t entry = forward_entry_size(is_interleaved);
    if (count > UINT16_MAX / entry)
        return false;
    uint8_t type = is_interleaved ? SCTP_CHUNK_I_FORWARD_TSN : SCTP_CHUNK_FORWARD_TSN;
    uint8_t *p = write_block(writer, (uint16_t)(type << 8), NULL, 4 + count * entry);
    if (p == NULL)
        return false;
    bytes_put_u32(p, cumulative);
    p += 4;
    for (size_t i = 0; i < count; i++, p += entry) {
        bytes_put_u16(p, streams[i].stream);
        if (is_interleaved) {
            bytes_put_u16(p + 2, streams[i].is_unordered);
            bytes_put_u32(p + 4, streams[i].message_id);
        } else {
            bytes_put_u16(p + 2, (uint16_t)streams[i].message_id);
        }
    }
    return true;
}
