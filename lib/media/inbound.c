/* What a receiver tells of itself: W3C inbound-rtp and remote-outbound-rtp, and its sources. */
#include "media/session.h"

#include <string.h>

static void add_audio(const media_audio_buffer_t *audio, media_inbound_stats_t *stats)
{
    stats->packets_discarded += audio->discarded;
    stats->total_samples_received = audio->samples;
    stats->concealed_samples = audio->concealed_samples;
    stats->silent_concealed_samples = audio->silent_concealed_samples;
    stats->concealment_events = audio->concealment_events;
    stats->inserted_samples_for_deceleration = audio->inserted_samples;
    stats->removed_samples_for_acceleration = audio->removed_samples;
    stats->jitter_buffer_emitted_count = audio->emitted_samples;
    stats->jitter_buffer_delay = audio->emitted_delay;
    stats->jitter_buffer_target_delay = audio->emitted_target;
    stats->jitter_buffer_minimum_delay = audio->emitted_least;
}

/* W3C estimatedPlayoutTimestamp: the capture time of what was given out last, and how long ago that was. */
static void add_playout_time(const media_stream_t *stream, peer_time_t now, media_inbound_stats_t *stats)
{
    if (!stream->has_report || !stream->has_first_timestamp || stream->given_time == 0)
        return;
    int64_t units = stream->report_timestamp - stream->first_timestamp, rate = stream->clock_rate;
    int64_t report_media_time = units / rate * PEER_SECOND + units % rate * PEER_SECOND / rate;
    stats->has_playout_time = true;
    stats->playout_time_us = rtp_ntp_to_us(stream->report_ntp) + stream->given_timestamp_us - report_media_time + now - stream->given_time;
}

static void fill_stats(const media_receiver_t *receiver, const media_stream_t *stream, peer_time_t now, media_inbound_stats_t *stats)
{
    *stats = stream->stats;
    stats->is_active = true;
    stats->is_shown = stream == receiver->shown;
    memcpy(stats->rid, stream->rid, strlen(stream->rid) + 1);
    stats->kind = receiver->kind;
    stats->ssrc = stream->ssrc;
    stats->number = stream->number;
    stats->rtx_ssrc = stream->rtx_ssrc;
    for (size_t i = 0; i < receiver->codec_count; i++)
        stats->has_rtx |= receiver->codecs[i].rtx_payload_type != MEDIA_NO_PAYLOAD_TYPE;
    stats->clock_rate = stream->clock_rate;
    stats->sender_report_timestamp = stream->report_arrival;
    add_playout_time(stream, now, stats);
    stats->packets_lost = media_reception_lost(&stream->reception);
    stats->jitter = stream->clock_rate != 0 ? stream->reception.jitter / stream->clock_rate : 0;
    if (stream->audio != NULL) {
        add_audio(stream->audio, stats);
    } else {
        stats->packets_discarded += stream->video->discarded;
        stats->frames_dropped = stream->video->frames_dropped;
    }
    stats->sync_delay_us = stream->sync_delay;
    stats->has_playout_latency = media_stream_latency(stream, &stats->playout_latency_us);
    stats->playout_latency_us += stream->sync_delay;
}

size_t media_receiver_stream_count(const media_receiver_t *receiver)
{
    return receiver->stream_count;
}

void media_receiver_stream_stats(const media_receiver_t *receiver, size_t index, peer_time_t now, media_inbound_stats_t *stats)
{
    fill_stats(receiver, receiver->streams[index], now, stats);
}

void media_receiver_stats(const media_receiver_t *receiver, peer_time_t now, media_inbound_stats_t *stats)
{
    const media_stream_t *stream = receiver->shown != NULL ? receiver->shown : receiver->stream_count != 0 ? receiver->streams[0] : NULL;
    if (stream != NULL)
        fill_stats(receiver, stream, now, stats);
    else
        *stats = (media_inbound_stats_t){.kind = receiver->kind, .payload_type = MEDIA_NO_PAYLOAD_TYPE};
}

static void add_capture(media_source_t *source, const media_capture_t *capture, uint32_t clock_rate)
{
    source->has_capture_time = media_capture_at(capture, source->rtp_timestamp, clock_rate, &source->capture_time_us);
    source->has_capture_offset = source->has_capture_time && capture->has_offset;
    source->capture_offset = capture->offset;
}

static size_t sources_of(const media_stream_t *stream, media_source_t sources[1 + MEDIA_CSRCS_KEPT])
{
    size_t count = 0;
    sources[count++] = (media_source_t){.source = stream->ssrc,
                                        .timestamp = stream->stats.last_packet_received_timestamp,
                                        .rtp_timestamp = (uint32_t)stream->timestamps.last,
                                        .has_audio_level = stream->stats.has_audio_level,
                                        .audio_level = stream->stats.audio_level};
    add_capture(&sources[0], &stream->capture, stream->clock_rate);
    for (size_t i = 0; i < MEDIA_CSRCS_KEPT; i++) {
        if (stream->csrcs[i].time == 0)
            continue;
        sources[count] = (media_source_t){.source = stream->csrcs[i].source,
                                          .is_contributing = true,
                                          .timestamp = stream->csrcs[i].time,
                                          .has_audio_level = stream->csrcs[i].has_level,
                                          .audio_level = stream->csrcs[i].level,
                                          .rtp_timestamp = stream->csrcs[i].rtp_timestamp};
        add_capture(&sources[count++], &stream->csrcs[i].capture, stream->clock_rate);
    }
    return count;
}

static bool is_same_source(const media_source_t *a, const media_source_t *b)
{
    return a->source == b->source && a->is_contributing == b->is_contributing;
}

void media_receiver_keep_sources(media_receiver_t *receiver)
{
    media_source_t sources[1 + MEDIA_CSRCS_KEPT];
    size_t count = receiver->shown != NULL ? sources_of(receiver->shown, sources) : 0;
    for (size_t i = 0; i < count; i++) {
        media_source_t *place = &receiver->past[0]; /* its own, else the oldest one's */
        for (size_t k = 0; k < MEDIA_PAST_SOURCES; k++) {
            if (receiver->past[k].timestamp != 0 && is_same_source(&receiver->past[k], &sources[i])) {
                place = &receiver->past[k];
                break;
            }
            if (receiver->past[k].timestamp < place->timestamp)
                place = &receiver->past[k];
        }
        *place = sources[i];
    }
}

size_t media_receiver_sources(const media_receiver_t *receiver, media_source_t *sources, size_t capacity)
{
    media_source_t known[1 + MEDIA_CSRCS_KEPT + MEDIA_PAST_SOURCES];
    size_t present = receiver->shown != NULL ? sources_of(receiver->shown, known) : 0, count = present;
    for (size_t i = 0; i < MEDIA_PAST_SOURCES; i++) {
        const media_source_t *past = &receiver->past[i];
        bool is_present = past->timestamp == 0;
        for (size_t k = 0; k < present; k++)
            is_present = is_present || is_same_source(past, &known[k]);
        if (!is_present)
            known[count++] = *past;
    }
    if (count > capacity)
        count = capacity;
    for (size_t i = 0; i < count; i++)
        sources[i] = known[i];
    return count;
}
