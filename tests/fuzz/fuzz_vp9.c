/* VP9 payloads: the input is cut into fragments by length octets; what assembles is packetized again, with and without temporal layers, and
 * must assemble to the same. */
#include "rtp/vp9.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAGMENTS 16
#define PAYLOAD 100
#define DESCRIPTOR_MAX 15

static void packetize(rtp_payload_context_t *context, const uint8_t *frame, size_t length)
{
    static uint8_t payloads[64][PAYLOAD], joined[8192];
    rtp_fragment_t fragments[64];
    rtp_packetizer_t packetizer;
    if (length > 60 * (PAYLOAD - DESCRIPTOR_MAX) || !rtp_payload_vp9.begin(&packetizer, context, frame, length, PAYLOAD))
        return;
    size_t count = 0, size;
    while ((size = rtp_payload_vp9.next(&packetizer, payloads[count])) != 0) {
        rtp_payload_info_t info;
        if (size > PAYLOAD || !rtp_payload_vp9.inspect(&info, payloads[count], size, packetizer.packets_left == 0) ||
            info.is_start != (count == 0) || info.has_layers != context->has_temporal_layers)
            abort();
        fragments[count] = (rtp_fragment_t){payloads[count], size};
        count++;
    }
    if (rtp_payload_vp9.assemble(fragments, count, joined, sizeof joined) != length || memcmp(joined, frame, length) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[8192];
    rtp_fragment_t fragments[FRAGMENTS];
    size_t count = 0;
    rtp_payload_context_t context = {0};
    for (size_t at = 0; at < size && count < FRAGMENTS;) {
        size_t length = data[at++];
        if (length > size - at)
            length = size - at;
        rtp_payload_info_t info;
        rtp_picture_pattern_t pattern;
        if (rtp_payload_vp9.inspect(&info, data + at, length, count & 1) && info.has_pattern) {
            rtp_payload_vp9.pattern(&pattern, data + at, length);
            if (pattern.length > RTP_PATTERN_MAX)
                abort();
        }
        fragments[count++] = (rtp_fragment_t){data + at, length};
        at += length;
    }
    size_t measured = rtp_payload_vp9.assemble(fragments, count, NULL, 0);
    size_t length = rtp_payload_vp9.assemble(fragments, count, frame, sizeof frame);
    if (measured <= sizeof frame && length != measured)
        abort();
    uint16_t width, height;
    (void)rtp_vp9_key_frame_size(frame, length, &width, &height);
    for (unsigned i = 0; length != 0 && i < 6; i++) {
        context.is_key = i % 4 == 0;
        context.has_temporal_layers = i != 5;
        context.temporal_id = context.is_key ? 0 : (uint8_t)(frame[0] >> i & 3);
        context.is_layer_sync = (frame[length - 1] >> i & 1) != 0;
        packetize(&context, frame, length);
    }
    return 0;
}
