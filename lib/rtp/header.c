/* The RTP fixed header (RFC 3550 §5.1): reading it into a view, writing it with its extensions, and unwrapping RTX. */
#include "rtp/rtp.h"

#define VERSION 2

bool rtp_parse(rtp_view_t *view, const void *data, size_t length)
{
    reader_t reader;
    uint8_t first, second;
    *view = (rtp_view_t){0};
    reader_init(&reader, data, length);
    if (!reader_u8(&reader, &first) || !reader_u8(&reader, &second) || first >> 6 != VERSION)
        return false;
    view->marker = second >> 7;
    view->payload_type = second & 0x7f;
    view->csrc_count = first & 0x0f;
    reader_u16(&reader, &view->sequence_number);
    reader_u32(&reader, &view->timestamp);
    reader_u32(&reader, &view->ssrc);
    view->csrcs = reader_bytes(&reader, 4u * view->csrc_count);
    if ((first & 0x10) != 0) {
        uint16_t words = 0;
        reader_u16(&reader, &view->extension_profile);
        reader_u16(&reader, &words);
        view->extensions_length = 4u * words;
        view->extensions = reader_bytes(&reader, view->extensions_length);
    }
    if (reader.failed)
        return false;
    view->header_length = reader.position;
    view->payload_length = reader_left(&reader);
    if ((first & 0x20) != 0) {
        /* RFC 3550 §5.1: the last octet counts the padding, itself included. */
        const uint8_t *octets = data;
        view->padding_length = view->payload_length != 0 ? octets[length - 1] : 0;
        if (view->padding_length == 0 || view->padding_length > view->payload_length)
            return false;
        view->payload_length -= view->padding_length;
    }
    view->payload = reader_bytes(&reader, view->payload_length);
    return true;
}

bool rtp_is_rtcp(const void *data, size_t length)
{
    const uint8_t *octets = data;
    return length >= 2 && octets[1] >= 192 && octets[1] <= 223; /* RFC 5761 §4 */
}

bool rtp_rtx_unwrap(rtp_view_t *view, uint32_t original_ssrc, uint8_t original_payload_type)
{
    if (view->payload_length < RTP_RTX_HEADER_SIZE)
        return false;
    view->sequence_number = bytes_get_u16(view->payload);
    view->payload += RTP_RTX_HEADER_SIZE;
    view->payload_length -= RTP_RTX_HEADER_SIZE;
    view->ssrc = original_ssrc;
    view->payload_type = original_payload_type;
    return true;
}
