/* Reading RTCP: the compound, and the packets of RFC 3550 §6. */
#include "rtp/rtcp.h"

#define VERSION 2
#define REPORT_BLOCK_SIZE 24
#define SENDER_INFO_SIZE 24 /* with the SSRC before it */

void rtcp_iterate(rtcp_iterator_t *iterator, const void *data, size_t length)
{
    *iterator = (rtcp_iterator_t){0};
    reader_init(&iterator->reader, data, length);
}

bool rtcp_next(rtcp_iterator_t *iterator, rtcp_view_t *view)
{
    reader_t *reader = &iterator->reader;
    uint8_t first = 0;
    uint16_t words = 0;
    *view = (rtcp_view_t){0};
    if (iterator->is_malformed || reader_left(reader) == 0)
        return false;
    reader_u8(reader, &first);
    reader_u8(reader, &view->type);
    reader_u16(reader, &words);
    view->count = first & 0x1f;
    view->length = 4u * words;
    view->body = reader_bytes(reader, view->length);
    bool is_valid = view->body != NULL && first >> 6 == VERSION && view->type >= 192 && view->type <= 223;
    if (is_valid && (first & 0x20) != 0) {
        uint8_t padding = view->length != 0 ? view->body[view->length - 1] : 0;
        is_valid = padding != 0 && padding <= view->length;
        view->length -= is_valid ? padding : 0;
    }
    iterator->is_malformed = !is_valid;
    return is_valid;
}

bool rtcp_parse_sender_report(const rtcp_view_t *view, rtcp_sender_info_t *info)
{
    reader_t reader;
    reader_init(&reader, view->body, view->length);
    *info = (rtcp_sender_info_t){0};
    reader_u32(&reader, &info->ssrc);
    reader_u64(&reader, &info->ntp);
    reader_u32(&reader, &info->rtp_timestamp);
    reader_u32(&reader, &info->packet_count);
    return view->type == RTCP_SENDER_REPORT && reader_u32(&reader, &info->octet_count);
}

bool rtcp_parse_receiver_report(const rtcp_view_t *view, uint32_t *ssrc)
{
    reader_t reader;
    reader_init(&reader, view->body, view->length);
    return view->type == RTCP_RECEIVER_REPORT && reader_u32(&reader, ssrc);
}

bool rtcp_report_block(const rtcp_view_t *view, size_t index, rtcp_report_block_t *block)
{
    reader_t reader;
    uint32_t lost = 0;
    *block = (rtcp_report_block_t){0};
    if (index >= view->count || (view->type != RTCP_SENDER_REPORT && view->type != RTCP_RECEIVER_REPORT))
        return false;
    reader_init(&reader, view->body, view->length);
    reader_skip(&reader, (view->type == RTCP_SENDER_REPORT ? SENDER_INFO_SIZE : 4) + index * REPORT_BLOCK_SIZE);
    reader_u32(&reader, &block->ssrc);
    reader_u8(&reader, &block->fraction_lost);
    reader_u24(&reader, &lost);
    block->packets_lost = (int32_t)(lost << 8) / 256;
    reader_u32(&reader, &block->highest_sequence_number);
    reader_u32(&reader, &block->jitter);
    reader_u32(&reader, &block->last_sender_report);
    return reader_u32(&reader, &block->delay_since_last);
}

bool rtcp_bye_ssrc(const rtcp_view_t *view, size_t index, uint32_t *ssrc)
{
    reader_t reader;
    if (view->type != RTCP_BYE || index >= view->count)
        return false;
    reader_init(&reader, view->body, view->length);
    return reader_skip(&reader, 4 * index) && reader_u32(&reader, ssrc);
}

void rtcp_sdes_iterate(rtcp_sdes_iterator_t *iterator, const rtcp_view_t *view)
{
    *iterator = (rtcp_sdes_iterator_t){.chunks_left = view->type == RTCP_SDES ? view->count : 0};
    reader_init(&iterator->reader, view->body, view->length);
}

bool rtcp_sdes_next(rtcp_sdes_iterator_t *iterator, rtcp_sdes_item_t *item)
{
    reader_t *reader = &iterator->reader;
    for (;;) {
        if (!iterator->is_in_chunk) {
            if (iterator->chunks_left == 0 || !reader_u32(reader, &iterator->ssrc))
                return false;
            iterator->chunks_left--;
            iterator->is_in_chunk = true;
        }
        *item = (rtcp_sdes_item_t){.ssrc = iterator->ssrc};
        if (!reader_u8(reader, &item->type))
            return false;
        if (item->type != 0) {
            if (!reader_u8(reader, &item->length))
                return false;
            item->text = (const char *)reader_bytes(reader, item->length);
            return item->text != NULL;
        }
        /* RFC 3550 §6.5: the list ends with a null octet and is padded to the next word. */
        if (!reader_skip(reader, (4 - reader->position % 4) % 4))
            return false;
        iterator->is_in_chunk = false;
    }
}
