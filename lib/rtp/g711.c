/* PCMU and PCMA (RFC 3551 §4.5.14): a payload is as many octets as samples, cut wherever the sender likes; and what all formats share that
 * put a frame whole into one packet. */
#include "rtp/single.h"

#include <string.h>

bool rtp_single_begin(rtp_packetizer_t *packetizer, rtp_payload_context_t *context, const uint8_t *frame, size_t length, size_t payload_max)
{
    (void)context;
    if (length == 0 || length > payload_max)
        return false;
    *packetizer = (rtp_packetizer_t){.frame = frame, .length = length, .payload_max = payload_max, .packets_left = 1};
    return true;
}

size_t rtp_single_next(rtp_packetizer_t *packetizer, uint8_t *out)
{
    if (packetizer->packets_left == 0)
        return 0;
    packetizer->packets_left = 0;
    memcpy(out, packetizer->frame, packetizer->length);
    return packetizer->length;
}

size_t rtp_single_assemble(const rtp_fragment_t *fragments, size_t count, uint8_t *frame, size_t capacity)
{
    if (count != 1 || fragments->length == 0)
        return 0;
    if (frame == NULL)
        return fragments->length;
    if (fragments->length > capacity)
        return 0;
    memcpy(frame, fragments->payload, fragments->length);
    return fragments->length;
}

static bool inspect(rtp_payload_info_t *info, const uint8_t *payload, size_t length, bool marker)
{
    (void)payload;
    (void)marker; /* RFC 3551 §4.1: a talkspurt begins, no frame boundary */
    *info = (rtp_payload_info_t){.is_start = true, .is_end = true, .is_key = true};
    return length != 0;
}

static uint32_t duration(const uint8_t *payload, size_t length, uint32_t clock_rate)
{
    (void)payload;
    (void)clock_rate;
    return length <= 0xffff ? (uint32_t)length : 0;
}

const rtp_payload_format_t rtp_payload_pcmu = {
    .name = "PCMU",
    .static_payload_type = 0,
    .clock_rate = 8000,
    .channels = 1,
    .begin = rtp_single_begin,
    .next = rtp_single_next,
    .inspect = inspect,
    .assemble = rtp_single_assemble,
    .duration = duration,
};

const rtp_payload_format_t rtp_payload_pcma = {
    .name = "PCMA",
    .static_payload_type = 8,
    .clock_rate = 8000,
    .channels = 1,
    .begin = rtp_single_begin,
    .next = rtp_single_next,
    .inspect = inspect,
    .assemble = rtp_single_assemble,
    .duration = duration,
};
