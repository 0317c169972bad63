/* RTCRtpReceiver's sources, and jitterBufferTarget. */
#include "api/api.h"

#include "base/error.h"

#include <string.h>

#define TARGET_MAX_MS 4000

static void export_source(const connection_source_t *source, void *to, size_t size)
{
    peer_rtp_source_t known = {.size = size,
                               .source = source->source,
                               .rtp_timestamp = source->rtp_timestamp,
                               .timestamp_ms = (double)source->wall_clock_us / 1000,
                               .has_audio_level = source->has_audio_level,
                               .audio_level = source->has_audio_level ? source->audio_level : 0,
                               .has_capture_timestamp = source->has_capture_time,
                               .capture_timestamp_ms = source->has_capture_time ? (double)source->capture_time_us / 1000 : 0,
                               .has_sender_capture_time_offset = source->has_capture_offset,
                               .sender_capture_time_offset_ms = source->has_capture_offset ? source->capture_offset_s * 1000 : 0};
    memcpy(to, &known, size < sizeof known ? size : sizeof known);
}

static size_t get_sources(const peer_receiver_t *receiver, bool is_contributing, peer_rtp_source_t *sources, size_t capacity)
{
    const peer_transceiver_t *transceiver = receiver->transceiver;
    connection_source_t known[CONNECTION_SOURCES_MAX];
    size_t count = 0, size = capacity > 0 && sources->size >= sizeof sources->size ? sources->size : sizeof *sources;
    loop_lock(transceiver->loop);
    if (transceiver->pc != NULL && !transceiver->pc->is_closed)
        count = transceiver_sources(transceiver->implementation, runtime_now(), is_contributing, known);
    loop_unlock(transceiver->loop);
    for (size_t i = 0; i < count && i < capacity; i++)
        export_source(&known[i], (char *)sources + i * size, size);
    return count;
}

size_t peer_receiver_get_synchronization_sources(const peer_receiver_t *receiver, peer_rtp_source_t *sources, size_t capacity)
{
    return get_sources(receiver, false, sources, capacity);
}

size_t peer_receiver_get_contributing_sources(const peer_receiver_t *receiver, peer_rtp_source_t *sources, size_t capacity)
{
    return get_sources(receiver, true, sources, capacity);
}

int peer_receiver_set_jitter_buffer_target(peer_receiver_t *receiver, double target_ms)
{
    peer_transceiver_t *transceiver = receiver->transceiver;
    if (!(target_ms <= TARGET_MAX_MS)) /* which no NaN is */
        return error_set(PEER_ERROR_RANGE, "a jitter buffer's target is at most %d ms", TARGET_MAX_MS);
    loop_lock(transceiver->loop);
    receiver->jitter_buffer_target_ms = target_ms < 0 ? -1 : target_ms;
    if (transceiver->pc != NULL && !transceiver->pc->is_closed)
        transceiver_set_target_delay(transceiver->implementation, target_ms < 0 ? 0 : (peer_time_t)(target_ms * (double)PEER_MILLISECOND));
    loop_unlock(transceiver->loop);
    return 0;
}

double peer_receiver_jitter_buffer_target(const peer_receiver_t *receiver)
{
    loop_lock(receiver->transceiver->loop);
    double target_ms = receiver->jitter_buffer_target_ms;
    loop_unlock(receiver->transceiver->loop);
    return target_ms;
}
