/* Opus (RFC 7587): one Opus packet is one payload. Its duration is read from the table-of-contents octet (RFC 6716 §3.1). */
#include "rtp/single.h"

#define SAMPLES_MAX 5760 /* RFC 6716 §3.2.5: 120 ms at 48 kHz */

static uint32_t samples_per_frame(uint8_t toc)
{
    static const uint16_t silk[4] = {480, 960, 1920, 2880}; /* 10, 20, 40, 60 ms */
    unsigned config = toc >> 3;
    if (config < 12)
        return silk[config & 3];
    if (config < 16)
        return (config & 1) != 0 ? 960 : 480; /* hybrid: 10, 20 ms */
    return 120u << (config & 3);              /* CELT: 2.5, 5, 10, 20 ms */
}

uint32_t rtp_opus_samples(const uint8_t *packet, size_t length)
{
    if (length == 0)
        return 0;
    uint32_t frames;
    switch (packet[0] & 3) {
    case 0:
        frames = 1;
        break;
    case 3:
        if (length < 2)
            return 0;
        frames = packet[1] & 0x3f;
        break;
    default:
        frames = 2;
    }
    uint32_t samples = frames * samples_per_frame(packet[0]);
    return samples <= SAMPLES_MAX ? samples : 0;
}

static bool inspect(rtp_payload_info_t *info, const uint8_t *payload, size_t length, bool marker)
{
    (void)marker; /* RFC 7587 §4.1: first packet of a talkspurt */
    *info = (rtp_payload_info_t){.is_start = true, .is_end = true, .is_key = true};
    return rtp_opus_samples(payload, length) != 0;
}

static uint32_t duration(const uint8_t *payload, size_t length, uint32_t clock_rate)
{
    (void)clock_rate; /* RFC 7587 §4.1: always 48000 */
    return rtp_opus_samples(payload, length);
}

const rtp_payload_format_t rtp_payload_opus = {
    .name = "opus",
    .static_payload_type = RTP_PAYLOAD_TYPE_DYNAMIC,
    .clock_rate = 48000,
    .channels = 2,
    .begin = rtp_single_begin,
    .next = rtp_single_next,
    .inspect = inspect,
    .assemble = rtp_single_assemble,
    .duration = duration,
};
