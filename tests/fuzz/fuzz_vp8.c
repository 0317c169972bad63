/* VP8 payloads: the input is cut into fragments by length octets; what assembles is packetized again and must assemble to the same. */
#include "rtp/payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAGMENTS 16
#define PAYLOAD 100

static void packetize(const uint8_t *frame, size_t length)
{
    static uint8_t payloads[64][PAYLOAD], joined[8192];
    rtp_fragment_t fragments[64];
    rtp_packetizer_t packetizer;
    rtp_payload_context_t context = {.has_temporal_layers = length & 1};
    if (length > 60 * (PAYLOAD - 6) || !rtp_payload_vp8.begin(&packetizer, &context, frame, length, PAYLOAD))
        return;
    size_t count = 0, size;
    while ((size = rtp_payload_vp8.next(&packetizer, payloads[count])) != 0) {
        fragments[count] = (rtp_fragment_t){payloads[count], size};
        count++;
    }
    if (rtp_payload_vp8.assemble(fragments, count, joined, sizeof joined) != length || memcmp(joined, frame, length) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[8192];
    rtp_fragment_t fragments[FRAGMENTS];
    size_t count = 0;
    for (size_t at = 0; at < size && count < FRAGMENTS;) {
        size_t length = data[at++];
        if (length > size - at)
            length = size - at;
        rtp_payload_info_t info;
        (void)rtp_payload_vp8.inspect(&info, data + at, length, count & 1);
        fragments[count++] = (rtp_fragment_t){data + at, length};
        at += length;
    }
    size_t measured = rtp_payload_vp8.assemble(fragments, count, NULL, 0);
    size_t length = rtp_payload_vp8.assemble(fragments, count, frame, sizeof frame);
    if (measured <= sizeof frame && length != measured)
        abort();
    uint16_t width, height;
    (void)rtp_vp8_key_frame_size(frame, length, &width, &height);
    if (length != 0)
        packetize(frame, length);
    return 0;
}
