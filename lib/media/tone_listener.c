/* The receiving side of telephone events (RFC 4733 §2.5.2): reports of one event have one timestamp, wherever they come and whichever of
 * them are lost. An event is told once, when it has ended: by its last report, by the next event, or by silence. */
#include "media/session.h"

#define SILENCE (200 * PEER_MILLISECOND) /* of an event that has not ended: four reports of senders that send the fewest (§2.5.1.2) */

void media_tone_listener_init(media_tone_listener_t *tone)
{
    *tone = (media_tone_listener_t){.ends_at = PEER_TIME_NEVER};
}

static void finish(media_stream_t *stream)
{
    media_tone_listener_t *tone = &stream->tone;
    tone->is_active = false;
    tone->ends_at = PEER_TIME_NEVER;
    if (tone->code >= RTP_TELEPHONE_EVENT_CODES)
        return;
    int64_t units = (int64_t)tone->told + tone->duration;
    media_output_push(&stream->session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_EVENT,
                                                                   .receiver = stream->receiver,
                                                                   .rid = stream->rid,
                                                                   .event = tone->code,
                                                                   .duration_us = units * PEER_SECOND / tone->clock_rate});
}

/* §2.5.1.3: the segment that follows begins where the one before could tell no more. */
static bool is_continued(const media_tone_listener_t *tone, const rtp_telephone_event_t *event, uint32_t timestamp, bool is_marked)
{
    return tone->is_active && !is_marked && event->code == tone->code && timestamp - tone->timestamp == RTP_TELEPHONE_EVENT_SEGMENT;
}

static void take(media_stream_t *stream, peer_time_t now, const rtp_telephone_event_t *event, uint32_t timestamp, bool is_marked)
{
    media_tone_listener_t *tone = &stream->tone;
    int32_t distance = (int32_t)(timestamp - tone->timestamp);
    if (tone->has_any && (distance < 0 || (distance == 0 && (!tone->is_active || event->code != tone->code))))
        return; /* late, or the end once more */
    if (tone->has_any && distance == 0) {
        tone->duration = event->duration > tone->duration ? event->duration : tone->duration;
    } else {
        if (is_continued(tone, event, timestamp, is_marked)) {
            tone->told += RTP_TELEPHONE_EVENT_SEGMENT;
        } else {
            if (tone->is_active)
                finish(stream);
            tone->told = 0;
        }
        tone->has_any = tone->is_active = true;
        tone->code = event->code;
        tone->timestamp = timestamp;
        tone->duration = event->duration;
    }
    tone->ends_at = now + SILENCE;
    if (event->is_end)
        finish(stream);
}

void media_tone_listener_input(media_stream_t *stream, peer_time_t now, const rtp_view_t *view, uint32_t clock_rate)
{
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    size_t count = rtp_telephone_event_parse(events, view->payload, view->payload_length);
    uint32_t timestamp = view->timestamp;
    if (count == 0)
        stream->stats.packets_discarded++;
    stream->tone.clock_rate = clock_rate;
    for (size_t i = 0; i < count; i++) {
        take(stream, now, &events[i], timestamp, i > 0 || view->marker);
        timestamp += events[i].duration;
    }
}

void media_tone_listener_timeout(media_stream_t *stream, peer_time_t now)
{
    if (now >= stream->tone.ends_at)
        finish(stream);
}
