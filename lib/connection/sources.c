/* Whose sound or pictures are received (W3C RTCRtpSynchronizationSource, RTCRtpContributingSource), and how long they may be held back. */
#include "connection/internal.h"

#include <math.h>

#define MEMORY (10 * PEER_SECOND) /* W3C §5.3 */
#define SILENCE 127               /* RFC 6464 §3 */

static double linear(uint8_t level)
{
    return level >= SILENCE ? 0 : pow(10, -level / 20.0);
}

size_t transceiver_sources(const transceiver_t *transceiver, peer_time_t now, bool is_contributing,
                           connection_source_t sources[CONNECTION_SOURCES_MAX])
{
    media_source_t known[CONNECTION_SOURCES_MAX];
    size_t known_count =
        transceiver->media_receiver != NULL ? media_receiver_sources(transceiver->media_receiver, known, CONNECTION_SOURCES_MAX) : 0;
    size_t count = 0;
    for (size_t i = 0; i < known_count; i++) {
        const media_source_t *from = &known[i];
        if (from->is_contributing != is_contributing || from->timestamp == 0 || now - from->timestamp > MEMORY)
            continue;
        connection_source_t source = {.source = from->source,
                                      .rtp_timestamp = from->rtp_timestamp,
                                      .wall_clock_us = from->timestamp + transceiver->connection->wall_clock_offset_us,
                                      .has_audio_level = from->has_audio_level && transceiver->kind == CONNECTION_AUDIO,
                                      .audio_level = linear(from->audio_level),
                                      .has_capture_time = from->has_capture_time,
                                      .has_capture_offset = from->has_capture_offset,
                                      .capture_time_us = from->capture_time_us,
                                      .capture_offset_s = (double)from->capture_offset / 4294967296.0};
        size_t at = count++;
        for (; at > 0 && sources[at - 1].wall_clock_us < source.wall_clock_us; at--)
            sources[at] = sources[at - 1];
        sources[at] = source;
    }
    return count;
}

void transceiver_set_target_delay(transceiver_t *transceiver, peer_time_t delay)
{
    transceiver->target_delay = delay;
    if (transceiver->media_receiver != NULL)
        media_receiver_set_target_delay(transceiver->media_receiver, delay);
}
