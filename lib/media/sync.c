/* Lip sync: streams that belong together are shown with the same delay from capture. A sender report ties each stream's RTP timestamps to
 * the sender's one NTP clock (RFC 3550 §6.4.1), so the delay of each is known; the earlier ones get an extra delay, bounded, changed in
 * small steps. */
#include "media/session.h"

#include <string.h>

#define UPDATE_INTERVAL (200 * PEER_MILLISECOND)
#define STEP (8 * PEER_MILLISECOND) /* an update; the audio clock can follow 10 in that time */
#define EXTRA_MAX (1500 * PEER_MILLISECOND)
#define PLAUSIBLE_MAX (10 * PEER_SECOND) /* clocks farther apart than this are not one sender's */

/* From capture, on the sender's NTP clock, to render without lip sync; meaningful only beside another stream of the same sender. */
bool media_stream_latency(const media_stream_t *stream, peer_time_t *latency)
{
    if (!stream->has_report || !stream->delay.is_started || !stream->has_first_timestamp)
        return false;
    int64_t units = stream->report_timestamp - stream->first_timestamp, rate = stream->clock_rate;
    peer_time_t report_media_time = units / rate * PEER_SECOND + units % rate * PEER_SECOND / rate;
    *latency = media_delay_base(&stream->delay) + media_stream_target(stream) + report_media_time - rtp_ntp_to_us(stream->report_ntp);
    return true;
}

static bool belong_together(const media_stream_t *a, const media_stream_t *b)
{
    const char *group_a = a->receiver->sync_group, *group_b = b->receiver->sync_group;
    if (group_a != NULL && group_b != NULL)
        return strcmp(group_a, group_b) == 0;
    return a->cname != NULL && b->cname != NULL && strcmp(a->cname, b->cname) == 0;
}

static peer_time_t wanted_extra(const media_session_t *session, const media_stream_t *stream)
{
    peer_time_t own, other, extra = 0;
    if (!media_stream_latency(stream, &own))
        return 0;
    for (size_t i = 0; i < session->receiver_count; i++) {
        const media_stream_t *candidate = session->receivers[i]->shown;
        if (candidate == NULL || session->receivers[i] == stream->receiver || !belong_together(stream, candidate) ||
            !media_stream_latency(candidate, &other))
            continue;
        peer_time_t difference = other - own;
        if (difference > extra && difference < PLAUSIBLE_MAX)
            extra = difference;
    }
    return time_earlier(extra, EXTRA_MAX);
}

void media_sync_update(media_session_t *session, peer_time_t now)
{
    size_t reported = 0;
    for (size_t i = 0; i < session->receiver_count; i++) {
        const media_receiver_t *receiver = session->receivers[i];
        for (size_t k = 0; k < receiver->stream_count; k++) {
            media_stream_t *stream = receiver->streams[k];
            reported += stream->has_report;
            peer_time_t difference = wanted_extra(session, stream) - stream->sync_delay;
            stream->sync_delay += difference > STEP ? STEP : difference < -STEP ? -STEP : difference;
        }
    }
    session->next_sync = reported >= 2 ? now + UPDATE_INTERVAL : PEER_TIME_NEVER;
}
