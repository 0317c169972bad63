/* Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): which transport-wide sequence numbers arrived, and
 * when. */
#include "rtp/rtcp.h"

#define FIXED_SIZE 8 /* base sequence number, packet count, reference time, feedback count */
#define RUN_LENGTH_MAX 0x1fff
#define VECTOR_SYMBOLS 7 /* of two bits; the writer does not use vectors of one bit */
#define DELTA_MIN (-0x8000)
#define DELTA_MAX 0x7fff

enum { NOT_RECEIVED = 0, SMALL_DELTA = 1, LARGE_DELTA = 2 };

static bool read_chunk(rtcp_transport_cc_t *cc)
{
    if (!reader_u16(&cc->chunks, &cc->chunk))
        return false;
    cc->chunk_is_run = cc->chunk >> 15 == 0;
    cc->chunk_symbol_bits = (cc->chunk & 0x4000) != 0 ? 2 : 1;
    cc->chunk_left = cc->chunk_is_run ? cc->chunk & RUN_LENGTH_MAX : 14 / cc->chunk_symbol_bits;
    return true;
}

static unsigned next_symbol(rtcp_transport_cc_t *cc)
{
    cc->chunk_left--;
    if (cc->chunk_is_run)
        return cc->chunk >> 13 & 3;
    unsigned shift = (unsigned)cc->chunk_left * cc->chunk_symbol_bits;
    return cc->chunk >> shift & (cc->chunk_symbol_bits == 2 ? 3u : 1u);
}

/* Chunks end where the packets they tell of reach the count; the deltas follow them. */
static bool find_deltas(rtcp_transport_cc_t *cc)
{
    rtcp_transport_cc_t scan = *cc;
    for (uint32_t told = 0; told < cc->packet_count; told += scan.chunk_left)
        if (!read_chunk(&scan))
            return false;
    size_t size = scan.chunks.position;
    reader_init(&cc->deltas, cc->chunks.data + size, cc->chunks.length - size);
    cc->chunks.length = size;
    return true;
}

bool rtcp_transport_cc_parse(const rtcp_feedback_t *feedback, rtcp_transport_cc_t *cc)
{
    *cc = (rtcp_transport_cc_t){0};
    if (feedback->fci_length < FIXED_SIZE)
        return false;
    const uint8_t *p = feedback->fci;
    cc->base_sequence_number = bytes_get_u16(p);
    cc->packet_count = bytes_get_u16(p + 2);
    cc->reference_time = (int32_t)(bytes_get_u24(p + 4) << 8) / 256;
    cc->feedback_count = p[7];
    reader_init(&cc->chunks, p + FIXED_SIZE, feedback->fci_length - FIXED_SIZE);
    return find_deltas(cc);
}

bool rtcp_transport_cc_next(rtcp_transport_cc_t *cc, rtcp_transport_cc_packet_t *packet)
{
    if (cc->packets_done >= cc->packet_count)
        return false;
    while (cc->chunk_left == 0)
        if (!read_chunk(cc))
            return false;
    *packet = (rtcp_transport_cc_packet_t){.sequence_number = (uint16_t)(cc->base_sequence_number + cc->packets_done)};
    unsigned symbol = next_symbol(cc);
    uint8_t small = 0;
    uint16_t large = 0;
    if (symbol == SMALL_DELTA && !reader_u8(&cc->deltas, &small))
        return false;
    if (symbol == LARGE_DELTA && !reader_u16(&cc->deltas, &large))
        return false;
    packet->is_received = symbol == SMALL_DELTA || symbol == LARGE_DELTA;
    packet->delta = symbol == SMALL_DELTA ? small : (int16_t)large;
    cc->packets_done++;
    return true;
}

static unsigned symbol_of(const rtcp_transport_cc_packet_t *packet)
{
    if (!packet->is_received)
        return NOT_RECEIVED;
    return packet->delta >= 0 && packet->delta <= 0xff ? SMALL_DELTA : LARGE_DELTA;
}

static size_t run_length(const rtcp_transport_cc_packet_t *packets, size_t count)
{
    size_t length = 1;
    while (length < count && length < RUN_LENGTH_MAX && symbol_of(&packets[length]) == symbol_of(&packets[0]))
        length++;
    return length;
}

static size_t write_chunk(writer_t *writer, const rtcp_transport_cc_packet_t *packets, size_t count)
{
    size_t run = run_length(packets, count);
    if (run >= VECTOR_SYMBOLS || run == count) {
        writer_u16(writer, (uint16_t)(symbol_of(packets) << 13 | run));
        return run;
    }
    uint16_t chunk = 0xc000;
    size_t taken = count < VECTOR_SYMBOLS ? count : VECTOR_SYMBOLS;
    for (size_t i = 0; i < taken; i++)
        chunk |= (uint16_t)(symbol_of(&packets[i]) << (2 * (VECTOR_SYMBOLS - 1 - i)));
    writer_u16(writer, chunk);
    return taken;
}

bool rtcp_write_transport_cc(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, int32_t reference_time, uint8_t feedback_count,
                             const rtcp_transport_cc_packet_t *packets, size_t count)
{
    if (count == 0 || count > 0xffff)
        return false;
    writer_t attempt = *writer;
    size_t start = attempt.length;
    writer_u8(&attempt, 0x80 | RTCP_FORMAT_TRANSPORT_CC);
    writer_u8(&attempt, RTCP_TRANSPORT_FEEDBACK);
    writer_u16(&attempt, 0); /* the length, known below */
    writer_u32(&attempt, sender_ssrc);
    writer_u32(&attempt, media_ssrc);
    writer_u16(&attempt, packets[0].sequence_number);
    writer_u16(&attempt, (uint16_t)count);
    writer_u24(&attempt, (uint32_t)reference_time & 0xffffff);
    writer_u8(&attempt, feedback_count);
    for (size_t i = 0; i < count && !attempt.failed;)
        i += write_chunk(&attempt, packets + i, count - i);
    for (size_t i = 0; i < count && !attempt.failed; i++) {
        if (packets[i].is_received && (packets[i].delta < DELTA_MIN || packets[i].delta > DELTA_MAX))
            return false;
        unsigned symbol = symbol_of(&packets[i]);
        if (symbol == SMALL_DELTA)
            writer_u8(&attempt, (uint8_t)packets[i].delta);
        else if (symbol == LARGE_DELTA)
            writer_u16(&attempt, (uint16_t)packets[i].delta);
    }
    size_t padding = (4 - (attempt.length - start) % 4) % 4;
    if (padding != 0) { /* RFC 3550 §6.4.1: P, and the last octet counts the padding */
        writer_zero(&attempt, padding - 1);
        writer_u8(&attempt, (uint8_t)padding);
    }
    if (attempt.failed)
        return false;
    if (padding != 0)
        attempt.data[start] |= 0x20;
    writer_patch_u16(&attempt, start + 2, (uint16_t)((attempt.length - start) / 4 - 1));
    *writer = attempt;
    return true;
}
