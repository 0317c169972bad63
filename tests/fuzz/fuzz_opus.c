/* Opus and G.711 payloads: place in the frame, duration, and the way through the packetizer. */
#include "rtp/payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_format(const rtp_payload_format_t *format, const uint8_t *data, size_t size)
{
    uint8_t out[2048], joined[2048];
    rtp_payload_info_t info;
    rtp_packetizer_t packetizer;
    rtp_payload_context_t context = {0};
    bool is_valid = format->inspect(&info, data, size, false);
    uint32_t duration = format->duration(data, size, format->clock_rate);
    if (is_valid && duration == 0)
        abort();
    if (!format->begin(&packetizer, &context, data, size, sizeof out))
        return;
    rtp_fragment_t fragment = {out, format->next(&packetizer, out)};
    if (format->assemble(&fragment, 1, joined, sizeof joined) != size || memcmp(joined, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rtp_opus_samples(data, size) > 5760)
        abort();
    try_format(&rtp_payload_opus, data, size);
    if (size <= 1500)
        try_format(&rtp_payload_pcmu, data, size);
    return 0;
}
