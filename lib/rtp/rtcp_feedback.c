/* Reading feedback messages (RFC 4585 §6, RFC 5104 §4.3.1, REMB) and extended reports (RFC 3611). */
#include "rtp/rtcp.h"

#include <string.h>

#define FIR_ENTRY_SIZE 8
#define REMB_HEADER_SIZE 8 /* identifier, count, exponent and mantissa */
#define DLRR_ENTRY_SIZE 12

bool rtcp_parse_feedback(const rtcp_view_t *view, rtcp_feedback_t *feedback)
{
    reader_t reader;
    reader_init(&reader, view->body, view->length);
    *feedback = (rtcp_feedback_t){0};
    if (view->type != RTCP_TRANSPORT_FEEDBACK && view->type != RTCP_PAYLOAD_FEEDBACK)
        return false;
    reader_u32(&reader, &feedback->sender_ssrc);
    if (!reader_u32(&reader, &feedback->media_ssrc))
        return false;
    feedback->fci_length = reader_left(&reader);
    feedback->fci = reader_bytes(&reader, feedback->fci_length);
    return true;
}

bool rtcp_nack_next(const rtcp_feedback_t *feedback, size_t *position, uint16_t *sequence_number)
{
    /* Each entry of four octets stands for 17 positions: PID, then the bits of BLP from the lowest (RFC 4585 §6.2.1). */
    for (; *position / 17 * 4 + 4 <= feedback->fci_length; ++*position) {
        const uint8_t *entry = feedback->fci + *position / 17 * 4;
        size_t bit = *position % 17;
        if (bit == 0 || (bytes_get_u16(entry + 2) >> (bit - 1) & 1) != 0) {
            *sequence_number = (uint16_t)(bytes_get_u16(entry) + bit);
            ++*position;
            return true;
        }
    }
    return false;
}

bool rtcp_fir_entry(const rtcp_feedback_t *feedback, size_t index, rtcp_fir_entry_t *entry)
{
    if (index >= feedback->fci_length / FIR_ENTRY_SIZE)
        return false;
    const uint8_t *p = feedback->fci + index * FIR_ENTRY_SIZE;
    *entry = (rtcp_fir_entry_t){.ssrc = bytes_get_u32(p), .sequence_number = p[4]};
    return true;
}

bool rtcp_parse_remb(const rtcp_feedback_t *feedback, uint64_t *bitrate_bps, size_t *ssrc_count)
{
    const uint8_t *p = feedback->fci;
    if (feedback->fci_length < REMB_HEADER_SIZE || memcmp(p, "REMB", 4) != 0)
        return false;
    unsigned exponent = p[5] >> 2;
    uint64_t mantissa = (uint64_t)(p[5] & 3) << 16 | bytes_get_u16(p + 6);
    if (exponent > 46 || feedback->fci_length < REMB_HEADER_SIZE + 4u * p[4])
        return false;
    *bitrate_bps = mantissa << exponent;
    *ssrc_count = p[4];
    return true;
}

uint32_t rtcp_remb_ssrc(const rtcp_feedback_t *feedback, size_t index)
{
    size_t at = REMB_HEADER_SIZE + 4 * index;
    return at + 4 <= feedback->fci_length ? bytes_get_u32(feedback->fci + at) : 0;
}

bool rtcp_xr_ssrc(const rtcp_view_t *view, uint32_t *ssrc)
{
    if (view->type != RTCP_EXTENDED_REPORT || view->length < 4)
        return false;
    *ssrc = bytes_get_u32(view->body);
    return true;
}

bool rtcp_xr_next(const rtcp_view_t *view, size_t *position, rtcp_xr_block_t *block)
{
    reader_t reader;
    uint16_t words = 0;
    *block = (rtcp_xr_block_t){0};
    if (view->type != RTCP_EXTENDED_REPORT)
        return false;
    reader_init(&reader, view->body, view->length);
    reader_skip(&reader, 4 + *position);
    reader_u8(&reader, &block->type);
    reader_skip(&reader, 1);
    if (!reader_u16(&reader, &words))
        return false;
    block->length = 4u * words;
    block->body = reader_bytes(&reader, block->length);
    *position += 4 + block->length;
    return block->body != NULL;
}

bool rtcp_xr_reference_time(const rtcp_xr_block_t *block, uint64_t *ntp)
{
    if (block->type != RTCP_XR_RECEIVER_REFERENCE_TIME || block->length < 8)
        return false;
    *ntp = bytes_get_u64(block->body);
    return true;
}

bool rtcp_xr_dlrr(const rtcp_xr_block_t *block, size_t index, rtcp_dlrr_t *dlrr)
{
    if (block->type != RTCP_XR_DLRR || index >= block->length / DLRR_ENTRY_SIZE)
        return false;
    const uint8_t *p = block->body + index * DLRR_ENTRY_SIZE;
    *dlrr = (rtcp_dlrr_t){.ssrc = bytes_get_u32(p), .last_receiver_report = bytes_get_u32(p + 4), .delay_since_last = bytes_get_u32(p + 8)};
    return true;
}
