/* Writing RTCP packets. Each writer checks the room first, so that a packet is there wholly or not at all. */
#include "rtp/rtcp.h"

#include <string.h>

/* The common header (RFC 3550 §6.1) of a packet with `body` octets, a multiple of four; false when it does not fit. */
static bool start(writer_t *writer, uint8_t count, rtcp_type_t type, size_t body)
{
    if (writer_left(writer) < RTCP_HEADER_SIZE + body || body > 4 * 0xffffu)
        return false;
    writer_u8(writer, (uint8_t)(0x80 | count));
    writer_u8(writer, (uint8_t)type);
    return writer_u16(writer, (uint16_t)(body / 4));
}

static bool start_feedback(writer_t *writer, uint8_t format, rtcp_type_t type, uint32_t sender_ssrc, uint32_t media_ssrc, size_t fci)
{
    if (!start(writer, format, type, 8 + fci))
        return false;
    writer_u32(writer, sender_ssrc);
    return writer_u32(writer, media_ssrc);
}

static void write_block(writer_t *writer, const rtcp_report_block_t *block)
{
    writer_u32(writer, block->ssrc);
    writer_u8(writer, block->fraction_lost);
    writer_u24(writer, (uint32_t)block->packets_lost & 0xffffff);
    writer_u32(writer, block->highest_sequence_number);
    writer_u32(writer, block->jitter);
    writer_u32(writer, block->last_sender_report);
    writer_u32(writer, block->delay_since_last);
}

bool rtcp_write_sender_report(writer_t *writer, const rtcp_sender_info_t *info, const rtcp_report_block_t *blocks, size_t count)
{
    if (count > RTCP_REPORT_BLOCKS_MAX || !start(writer, (uint8_t)count, RTCP_SENDER_REPORT, 24 + 24 * count))
        return false;
    writer_u32(writer, info->ssrc);
    writer_u64(writer, info->ntp);
    writer_u32(writer, info->rtp_timestamp);
    writer_u32(writer, info->packet_count);
    writer_u32(writer, info->octet_count);
    for (size_t i = 0; i < count; i++)
        write_block(writer, &blocks[i]);
    return true;
}

bool rtcp_write_receiver_report(writer_t *writer, uint32_t ssrc, const rtcp_report_block_t *blocks, size_t count)
{
    if (count > RTCP_REPORT_BLOCKS_MAX || !start(writer, (uint8_t)count, RTCP_RECEIVER_REPORT, 4 + 24 * count))
        return false;
    writer_u32(writer, ssrc);
    for (size_t i = 0; i < count; i++)
        write_block(writer, &blocks[i]);
    return true;
}

bool rtcp_write_sdes_cname(writer_t *writer, const uint32_t *ssrcs, size_t count, const char *cname)
{
    size_t length = strlen(cname);
    size_t chunk = (4 + 2 + length + 1 + 3) & ~(size_t)3; /* at least one null octet ends the list of items */
    if (count > 31 || length > RTCP_SDES_TEXT_MAX || !start(writer, (uint8_t)count, RTCP_SDES, count * chunk))
        return false;
    for (size_t i = 0; i < count; i++) {
        writer_u32(writer, ssrcs[i]);
        writer_u8(writer, RTCP_SDES_CNAME);
        writer_u8(writer, (uint8_t)length);
        writer_copy(writer, cname, length);
        writer_zero(writer, chunk - 6 - length);
    }
    return true;
}

bool rtcp_write_bye(writer_t *writer, const uint32_t *ssrcs, size_t count)
{
    if (count > 31 || !start(writer, (uint8_t)count, RTCP_BYE, 4 * count))
        return false;
    for (size_t i = 0; i < count; i++)
        writer_u32(writer, ssrcs[i]);
    return true;
}

/* The number of sequence numbers from `index` on that one entry carries; `bits` gets its BLP. */
static size_t nack_entry(const uint16_t *numbers, size_t count, size_t index, uint16_t *bits)
{
    size_t taken = 1;
    *bits = 0;
    for (; index + taken < count; taken++) {
        uint16_t distance = (uint16_t)(numbers[index + taken] - numbers[index]);
        if (distance > 16)
            break;
        if (distance != 0)
            *bits |= (uint16_t)(1u << (distance - 1));
    }
    return taken;
}

bool rtcp_write_nack(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, const uint16_t *sequence_numbers, size_t count)
{
    size_t entries = 0;
    uint16_t bits;
    for (size_t i = 0; i < count; i += nack_entry(sequence_numbers, count, i, &bits))
        entries++;
    if (entries == 0 || !start_feedback(writer, RTCP_FORMAT_NACK, RTCP_TRANSPORT_FEEDBACK, sender_ssrc, media_ssrc, 4 * entries))
        return false;
    for (size_t i = 0; i < count;) {
        size_t taken = nack_entry(sequence_numbers, count, i, &bits);
        writer_u16(writer, sequence_numbers[i]);
        writer_u16(writer, bits);
        i += taken;
    }
    return true;
}

bool rtcp_write_pli(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc)
{
    return start_feedback(writer, RTCP_FORMAT_PLI, RTCP_PAYLOAD_FEEDBACK, sender_ssrc, media_ssrc, 0);
}

bool rtcp_write_fir(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t sequence_number)
{
    /* RFC 5104 §4.3.1.2: the SSRC of media source is not used and SHALL be 0; the entry names it. */
    if (!start_feedback(writer, RTCP_FORMAT_FIR, RTCP_PAYLOAD_FEEDBACK, sender_ssrc, 0, 8))
        return false;
    writer_u32(writer, media_ssrc);
    writer_u8(writer, sequence_number);
    return writer_u24(writer, 0);
}

bool rtcp_write_remb(writer_t *writer, uint32_t sender_ssrc, uint64_t bitrate_bps, const uint32_t *ssrcs, size_t count)
{
    unsigned exponent = 0;
    while (bitrate_bps >> exponent > 0x3ffff)
        exponent++;
    if (count > 255 || exponent > 46 ||
        !start_feedback(writer, RTCP_FORMAT_APPLICATION, RTCP_PAYLOAD_FEEDBACK, sender_ssrc, 0, 8 + 4 * count))
        return false;
    uint32_t mantissa = (uint32_t)(bitrate_bps >> exponent);
    writer_copy(writer, "REMB", 4);
    writer_u8(writer, (uint8_t)count);
    writer_u24(writer, exponent << 18 | mantissa);
    for (size_t i = 0; i < count; i++)
        writer_u32(writer, ssrcs[i]);
    return true;
}

bool rtcp_write_xr_reference_time(writer_t *writer, uint32_t ssrc, uint64_t ntp)
{
    if (!start(writer, 0, RTCP_EXTENDED_REPORT, 4 + 4 + 8))
        return false;
    writer_u32(writer, ssrc);
    writer_u8(writer, RTCP_XR_RECEIVER_REFERENCE_TIME);
    writer_u8(writer, 0);
    writer_u16(writer, 2);
    return writer_u64(writer, ntp);
}

bool rtcp_write_xr_dlrr(writer_t *writer, uint32_t ssrc, const rtcp_dlrr_t *reports, size_t count)
{
    if (!start(writer, 0, RTCP_EXTENDED_REPORT, 4 + 4 + 12 * count))
        return false;
    writer_u32(writer, ssrc);
    writer_u8(writer, RTCP_XR_DLRR);
    writer_u8(writer, 0);
    writer_u16(writer, (uint16_t)(3 * count));
    for (size_t i = 0; i < count; i++) {
        writer_u32(writer, reports[i].ssrc);
        writer_u32(writer, reports[i].last_receiver_report);
        writer_u32(writer, reports[i].delay_since_last);
    }
    return true;
}
