/* A receive stream: packets of one SSRC (and its RTX SSRC) are counted, completed by NACK, put in order and given out as frames when they
 * are due. */
#include "media/session.h"

#include "base/log.h"
#include "base/memory.h"
#include "media/frame.h"

#include <string.h>

#define VIDEO_QUANTILE 0.95f
#define AUDIO_QUANTILE 0.97f
#define VIDEO_MEMORY 150 /* samples: frames */
#define AUDIO_MEMORY 400 /* packets */
#define AUDIO_TARGET_LEAST (10 * PEER_MILLISECOND)
#define HOLD_MAX (6 * PEER_SECOND)           /* no frame waits longer, whatever timestamps say */
#define STUCK_LEAST (200 * PEER_MILLISECOND) /* how long video waits for what is missing, with NACK: this and some round trips */
#define STUCK_MOST (3000 * PEER_MILLISECOND)
#define STUCK_WITHOUT_NACK (60 * PEER_MILLISECOND)
#define KEY_FRAME_RETRY_LEAST (300 * PEER_MILLISECOND)
#define KEY_FRAME_RETRY_MOST (2 * PEER_SECOND)
#define KEY_FRAME_THROTTLE (150 * PEER_MILLISECOND)
#define FIRST_KEY_FRAME_WAIT (10 * PEER_MILLISECOND) /* the first packet heard may be a reordered one */

media_stream_t *media_stream_new(media_receiver_t *receiver, uint32_t ssrc)
{
    media_stream_t *stream = MEMORY_NEW(media_stream_t);
    if (stream == NULL)
        return NULL;
    if (receiver->kind == MEDIA_VIDEO)
        stream->video = MEMORY_NEW(media_video_buffer_t);
    else
        stream->audio = MEMORY_NEW(media_audio_buffer_t);
    if (stream->video == NULL && stream->audio == NULL) {
        memory_free(stream);
        return NULL;
    }
    stream->session = receiver->session;
    stream->number = ++receiver->session->streams_made;
    stream->receiver = receiver;
    stream->ssrc = ssrc;
    stream->rid = "";
    stream->key_frame_wanted = PEER_TIME_NEVER;
    media_nack_init(&stream->nack);
    media_tone_listener_init(&stream->tone);
    if (stream->video != NULL) {
        media_video_buffer_init(stream->video);
        media_delay_init(&stream->delay, 0, VIDEO_QUANTILE, VIDEO_MEMORY);
    } else {
        media_audio_buffer_init(stream->audio);
        media_delay_init(&stream->delay, MEDIA_AUDIO_INITIAL_DELAY, AUDIO_QUANTILE, AUDIO_MEMORY);
    }
    return stream;
}

static void drop_held(media_stream_t *stream)
{
    while (stream->held_count != 0) {
        media_frame_unref(stream->held[stream->held_first]);
        stream->held_first = (stream->held_first + 1) % MEDIA_VIDEO_FRAMES_HELD_MAX;
        stream->held_count--;
    }
}

void media_stream_flush(media_stream_t *stream)
{
    drop_held(stream);
    media_nack_clear(&stream->nack);
    if (stream->video != NULL)
        media_video_buffer_reset(stream->video);
    else
        media_audio_buffer_reset(stream->audio);
}

void media_stream_free(media_stream_t *stream)
{
    media_stream_flush(stream);
    if (stream->video != NULL)
        media_video_buffer_free(stream->video);
    media_nack_free(&stream->nack);
    memory_free(stream->video);
    memory_free(stream->audio);
    memory_free(stream->cname);
    memory_free(stream);
}

static uint32_t feedback_of(const media_stream_t *stream)
{
    bool is_rtx;
    const media_codec_t *codec = media_receiver_codec(stream->receiver, stream->stats.payload_type, &is_rtx);
    return codec != NULL ? codec->feedback : 0;
}

/* What the network asks for, without what the application or lip sync add. */
static peer_time_t least_target(const media_stream_t *stream)
{
    peer_time_t target = media_delay_target(&stream->delay);
    return stream->audio != NULL && target < AUDIO_TARGET_LEAST ? AUDIO_TARGET_LEAST : target;
}

peer_time_t media_stream_target(const media_stream_t *stream)
{
    peer_time_t target = least_target(stream);
    return target > stream->receiver->least_delay ? target : stream->receiver->least_delay;
}

/* Asking for a key frame. */

void media_stream_want_key_frame(media_stream_t *stream, peer_time_t when)
{
    if (stream->video == NULL || !stream->is_wanted)
        return;
    if (stream->key_frame_asked != 0 && when < stream->key_frame_asked + KEY_FRAME_THROTTLE)
        when = stream->key_frame_asked + KEY_FRAME_THROTTLE;
    stream->wants_key_frame = true;
    stream->key_frame_wanted = time_earlier(stream->key_frame_wanted, when);
}

static void ask_for_key_frame(media_stream_t *stream, peer_time_t now)
{
    uint32_t feedback = feedback_of(stream), speaker = media_session_speaker(stream->session);
    bool is_fir = (feedback & MEDIA_FEEDBACK_PLI) == 0 && (feedback & MEDIA_FEEDBACK_FIR) != 0;
    writer_t writer;
    if ((feedback & (MEDIA_FEEDBACK_PLI | MEDIA_FEEDBACK_FIR)) != 0 && media_rtcp_feedback(stream->session, 20, &writer)) {
        if (is_fir) {
            stream->stats.fir_count++;
            rtcp_write_fir(&writer, speaker, stream->ssrc, stream->fir_sequence++);
        } else {
            stream->stats.pli_count++;
            rtcp_write_pli(&writer, speaker, stream->ssrc);
        }
        media_rtcp_feedback_done(stream->session, &writer);
    }
    /* Until it comes: again, each time a little later. */
    peer_time_t retry =
        media_session_rtt(stream->session) + (KEY_FRAME_RETRY_LEAST << (stream->key_frame_tries < 3 ? stream->key_frame_tries : 3));
    stream->key_frame_tries++;
    stream->key_frame_asked = now;
    stream->key_frame_wanted = now + time_earlier(retry, KEY_FRAME_RETRY_MOST);
}

static void has_key_frame(media_stream_t *stream)
{
    stream->wants_key_frame = false;
    stream->key_frame_wanted = PEER_TIME_NEVER;
    stream->key_frame_tries = 0;
}

void media_stream_set_wanted(media_stream_t *stream, peer_time_t now, bool is_wanted)
{
    if (stream->is_wanted == is_wanted)
        return;
    stream->is_wanted = is_wanted;
    media_stream_flush(stream);
    has_key_frame(stream); /* the next one is another matter */
    if (is_wanted && stream->reception.is_started)
        media_stream_want_key_frame(stream, now);
}

/* Video. */

static peer_time_t stuck_limit(const media_stream_t *stream)
{
    if ((feedback_of(stream) & MEDIA_FEEDBACK_NACK) == 0)
        return STUCK_WITHOUT_NACK;
    return time_earlier(STUCK_LEAST + 4 * media_session_rtt(stream->session), STUCK_MOST);
}

static peer_time_t timestamp_us(const media_stream_t *stream, int64_t timestamp)
{
    int64_t units = timestamp - stream->first_timestamp, rate = stream->clock_rate;
    return units / rate * PEER_SECOND + units % rate * PEER_SECOND / rate;
}

static void note_given(media_stream_t *stream, peer_time_t now, const media_frame_t *frame)
{
    stream->given_timestamp_us = frame->timestamp_us;
    stream->given_time = now;
}

static void give_out(media_stream_t *stream, peer_time_t now, media_frame_t *frame)
{
    note_given(stream, now, frame);
    stream->stats.jitter_buffer_emitted_count++;
    stream->stats.jitter_buffer_delay += (double)(now - frame->first_receive_time) / (double)PEER_SECOND;
    stream->stats.jitter_buffer_target_delay += (double)(media_stream_target(stream) + stream->sync_delay) / (double)PEER_SECOND;
    stream->stats.jitter_buffer_minimum_delay += (double)least_target(stream) / (double)PEER_SECOND;
    bool is_shown = media_layers_show(stream, now, frame);
    media_output_push(
        &stream->session->outputs,
        &(media_output_t){
            .type = MEDIA_OUTPUT_FRAME, .receiver = stream->receiver, .frame = frame, .rid = stream->rid, .is_shown = is_shown});
}

static media_frame_t *pop_held(media_stream_t *stream)
{
    media_frame_t *frame = stream->held[stream->held_first];
    stream->held_first = (stream->held_first + 1) % MEDIA_VIDEO_FRAMES_HELD_MAX;
    stream->held_count--;
    return frame;
}

static void give_out_due(media_stream_t *stream, peer_time_t now)
{
    while (stream->held_count != 0 && stream->held[stream->held_first]->render_time <= now)
        give_out(stream, now, pop_held(stream));
}

static void hold(media_stream_t *stream, peer_time_t now, media_frame_t *frame, const media_video_frame_t *description)
{
    frame->ssrc = stream->ssrc;
    frame->timestamp_us = timestamp_us(stream, description->timestamp);
    frame->receive_time = description->completed;
    media_delay_input(&stream->delay, frame->timestamp_us, description->completed);
    peer_time_t render = media_delay_base(&stream->delay) + frame->timestamp_us + media_stream_target(stream) + stream->sync_delay;
    if (render > now + HOLD_MAX)
        render = now;
    if (render < stream->last_render)
        render = stream->last_render; /* frames are shown in the order they are decoded */
    if (render < now)
        render = now;
    stream->last_render = render;
    frame->render_time = render;
    if (stream->held_count == MEDIA_VIDEO_FRAMES_HELD_MAX)
        give_out(stream, now, pop_held(stream));
    stream->held[(stream->held_first + stream->held_count) % MEDIA_VIDEO_FRAMES_HELD_MAX] = frame;
    stream->held_count++;
    stream->stats.frames_received++;
    if (frame->is_key)
        stream->stats.key_frames_received++;
}

/* Takes what has become whole out of the buffer. */
static void drain_video(media_stream_t *stream, peer_time_t now)
{
    media_video_buffer_t *video = stream->video;
    media_video_frame_t description;
    media_frame_t *frame;
    while ((frame = media_video_buffer_next(video, now, &description)) != NULL) {
        if (frame->is_key)
            has_key_frame(stream);
        hold(stream, now, frame, &description);
    }
    if (video->is_started)
        media_nack_forget_before(&stream->nack, video->next);
    /* However it came to need one: at the start, by overflow, by a frame that could not be put together. */
    if (video->needs_key_frame && !stream->wants_key_frame)
        media_stream_want_key_frame(stream, now + FIRST_KEY_FRAME_WAIT);
    give_out_due(stream, now);
}

/* Waiting is over: skip, jump, or freeze until a key frame comes. */
static void give_up(media_stream_t *stream, peer_time_t now)
{
    media_video_buffer_give_up(stream->video, now);
    drain_video(stream, now);
    if (stream->video->needs_key_frame)
        media_stream_want_key_frame(stream, now);
}

static peer_time_t give_up_time(const media_stream_t *stream)
{
    const media_video_buffer_t *video = stream->video;
    if (video->needs_key_frame)
        return video->key_frame_seen != PEER_TIME_NEVER ? video->key_frame_seen + stuck_limit(stream) : PEER_TIME_NEVER;
    return video->stuck_since != PEER_TIME_NEVER ? video->stuck_since + stuck_limit(stream) : PEER_TIME_NEVER;
}

static void check_stuck(media_stream_t *stream, peer_time_t now)
{
    media_video_buffer_t *video = stream->video;
    bool has_lost_for_good = stream->nack.has_given_up && !video->needs_key_frame && video->stuck_since != PEER_TIME_NEVER;
    stream->nack.has_given_up = false;
    if (!has_lost_for_good && now < give_up_time(stream))
        return;
    if (video->needs_key_frame)
        video->key_frame_seen = PEER_TIME_NEVER; /* that one will not be completed: the next may */
    give_up(stream, now);
}

static void note_size(media_stream_t *stream, const rtp_payload_info_t *info)
{
    if (info->width != 0)
        stream->pixels = (uint32_t)info->width * info->height;
}

/* Of a stream that is not completed: the first packet of a key frame tells. */
static void learn_size(media_stream_t *stream, const rtp_view_t *view, const media_codec_t *codec)
{
    rtp_payload_info_t info;
    if (codec->format->is_video && view->payload_length != 0 &&
        codec->format->inspect(&info, view->payload, view->payload_length, view->marker))
        note_size(stream, &info);
}

static void insert_video(media_stream_t *stream, peer_time_t now, packet_t *packet, const rtp_view_t *view, int64_t sequence,
                         int64_t timestamp, const rtp_extensions_t *extensions, const media_codec_t *codec)
{
    media_video_packet_t entry = {.packet = packet,
                                  .payload = view->payload,
                                  .length = view->payload_length,
                                  .sequence = sequence,
                                  .timestamp = timestamp,
                                  .format = codec->format,
                                  .time = now,
                                  .payload_type = codec->payload_type,
                                  .has_orientation = rtp_extensions_has(extensions, RTP_EXTENSION_VIDEO_ORIENTATION),
                                  .orientation = extensions->video_orientation};
    if (codec->format == NULL) /* not ours to read (FEC, an unknown codec): it takes its number, as padding does */
        entry.length = 0;
    if (entry.length != 0 && !codec->format->inspect(&entry.info, entry.payload, entry.length, view->marker))
        entry.length = 0; /* malformed: takes its number, carries nothing */
    note_size(stream, &entry.info);
    media_video_insert_t result = media_video_buffer_insert(stream->video, &entry, now);
    if (result == MEDIA_VIDEO_OVERFLOWED) {
        media_nack_clear(&stream->nack);
        media_stream_want_key_frame(stream, now);
    }
    drain_video(stream, now);
    /* Part of a key frame is here: it gets its time to be completed before another is asked for. */
    if (stream->video->needs_key_frame && stream->video->key_frame_seen == now && stream->wants_key_frame)
        stream->key_frame_wanted = now + stuck_limit(stream);
    check_stuck(stream, now);
}

/* Audio. */

static void emit_audio(media_stream_t *stream, peer_time_t now, media_audio_event_t *event)
{
    media_output_t output = {.type = MEDIA_OUTPUT_AUDIO_LOST,
                             .receiver = stream->receiver,
                             .rid = stream->rid,
                             .is_shown = true,
                             .duration_us = event->duration_us,
                             .render_time = event->render_time,
                             .is_silence = event->is_silence,
                             .next = event->next,
                             .frame = event->frame};
    if (event->next != NULL) {
        event->next->ssrc = stream->ssrc;
        event->next->rtp_timestamp += (uint32_t)stream->first_timestamp;
    }
    if (event->frame != NULL) {
        output.type = MEDIA_OUTPUT_FRAME;
        note_given(stream, now, event->frame);
        event->frame->ssrc = stream->ssrc;
        event->frame->rtp_timestamp += (uint32_t)stream->first_timestamp; /* the buffer counts from the stream's first */
        stream->stats.frames_received++;
    }
    media_output_push(&stream->session->outputs, &output);
}

static void drain_audio(media_stream_t *stream, peer_time_t now)
{
    media_audio_event_t event;
    peer_time_t target = media_stream_target(stream) + stream->sync_delay;
    stream->audio->least_target = least_target(stream);
    while (media_audio_buffer_next(stream->audio, now, media_delay_base(&stream->delay), target, &event))
        emit_audio(stream, now, &event);
    media_nack_forget_before(&stream->nack, stream->audio->next_sequence);
}

static void insert_audio(media_stream_t *stream, peer_time_t now, packet_t *packet, const rtp_view_t *view, int64_t sequence,
                         int64_t timestamp, const rtp_extensions_t *extensions, const media_codec_t *codec, bool is_first_arrival)
{
    if (view->payload_length == 0)
        return;
    uint32_t duration = codec->format->duration(view->payload, view->payload_length, codec->clock_rate);
    if (duration == 0) {
        stream->stats.packets_discarded++;
        return;
    }
    media_audio_packet_t entry = {.packet = packet,
                                  .payload = view->payload,
                                  .length = view->payload_length,
                                  .sequence = sequence,
                                  .timestamp = timestamp - stream->first_timestamp,
                                  .duration = duration,
                                  .clock_rate = codec->clock_rate,
                                  .time = now,
                                  .payload_type = codec->payload_type,
                                  .has_level = rtp_extensions_has(extensions, RTP_EXTENSION_AUDIO_LEVEL),
                                  .has_voice = extensions->has_voice,
                                  .level = extensions->audio_level};
    if (is_first_arrival)
        media_delay_input(&stream->delay, timestamp_us(stream, timestamp), now);
    media_audio_buffer_insert(stream->audio, &entry, now, media_delay_base(&stream->delay),
                              media_stream_target(stream) + stream->sync_delay);
    drain_audio(stream, now);
}

/* Both. */

static void restart(media_stream_t *stream)
{
    media_stream_flush(stream);
    stream->timestamps = (rtp_unwrap_t){0};
    stream->has_first_timestamp = false;
    stream->has_report = false;
    stream->last_render = 0;
    stream->delay.is_started = false;
}

/* Takes the packet's number: counts it, notes what it passes over. False when it is to be dropped. */
static bool track(media_stream_t *stream, peer_time_t now, const rtp_view_t *view, const media_codec_t *codec, bool is_rtx,
                  int64_t *sequence, bool *is_first_arrival)
{
    *is_first_arrival = false;
    if (is_rtx) {
        if (!stream->reception.is_started)
            return false;
        *sequence = media_reception_extend(&stream->reception, view->sequence_number);
        if (*sequence > stream->reception.highest || stream->reception.highest - *sequence > MEDIA_MISORDER_MAX)
            return false; /* it repeats what was never sent */
        media_nack_received(&stream->nack, now, *sequence);
        return true;
    }
    bool was_started = stream->reception.is_started;
    int64_t highest = stream->reception.highest;
    switch (media_reception_input(&stream->reception, view->sequence_number, sequence)) {
    case MEDIA_ARRIVAL_IGNORED:
        return false;
    case MEDIA_ARRIVAL_RESTARTED:
        LOG_INFO("media", stream->session->connection, "SSRC %u restarted its sequence numbers", (unsigned)stream->ssrc);
        restart(stream);
        break;
    case MEDIA_ARRIVAL_LATE:
        if (media_nack_received(&stream->nack, now, *sequence)) {
            stream->stats.retransmitted_packets_received++;
            stream->stats.retransmitted_bytes_received += view->payload_length;
            return true;
        }
        break;
    case MEDIA_ARRIVAL_IN_ORDER:
        if (was_started && *sequence > highest + 1 && (codec->feedback & MEDIA_FEEDBACK_NACK) != 0)
            media_nack_missing(&stream->nack, now, highest + 1, *sequence - 1);
        break;
    }
    *is_first_arrival = true;
    if (codec->format != NULL)
        media_reception_time(&stream->reception, view->timestamp, now, codec->clock_rate);
    return true;
}

static void note_sources(media_stream_t *stream, peer_time_t now, const rtp_view_t *view, const rtp_extensions_t *extensions)
{
    stream->stats.has_audio_level = rtp_extensions_has(extensions, RTP_EXTENSION_AUDIO_LEVEL);
    stream->stats.audio_level = extensions->audio_level;
    media_capture_note(&stream->capture, extensions, view->timestamp);
    for (size_t i = 0; i < view->csrc_count; i++) {
        uint32_t source = bytes_get_u32(view->csrcs + 4 * i);
        size_t at = 0;
        for (size_t k = 0; k < MEDIA_CSRCS_KEPT; k++) {
            if (stream->csrcs[k].source == source && stream->csrcs[k].time != 0) {
                at = k;
                break;
            }
            if (stream->csrcs[k].time < stream->csrcs[at].time)
                at = k;
        }
        if (stream->csrcs[at].source != source)
            stream->csrcs[at].capture = (media_capture_t){0};
        media_capture_note(&stream->csrcs[at].capture, extensions, view->timestamp);
        stream->csrcs[at].source = source;
        stream->csrcs[at].rtp_timestamp = view->timestamp;
        stream->csrcs[at].has_level = i < extensions->csrc_level_count;
        stream->csrcs[at].level = i < extensions->csrc_level_count ? extensions->csrc_levels[i] & 0x7f : 0;
        stream->csrcs[at].time = now;
    }
}

static void count(media_stream_t *stream, peer_time_t now, const packet_t *packet, const rtp_view_t *view, bool is_rtx)
{
    media_inbound_stats_t *stats = &stream->stats;
    stats->last_packet_received_timestamp = now;
    stats->packets_received++;
    stats->bytes_received += view->payload_length;
    stats->header_bytes_received += packet->length - view->payload_length;
    if (is_rtx) {
        stats->retransmitted_packets_received++;
        stats->retransmitted_bytes_received += view->payload_length;
    }
    stream->was_heard = true;
}

void media_stream_input(media_stream_t *stream, peer_time_t now, packet_t *packet, rtp_view_t *view, const rtp_extensions_t *extensions,
                        const media_codec_t *codec, bool is_rtx)
{
    int64_t sequence;
    bool is_first_arrival;
    count(stream, now, packet, view, is_rtx);
    if (!track(stream, now, view, codec, is_rtx, &sequence, &is_first_arrival)) {
        stream->stats.packets_discarded++;
        return;
    }
    if (!codec->is_event)
        note_sources(stream, now, view, extensions);
    if (stream->receiver->wants_rtp && !codec->is_event) /* with another packet's payload type it could not be forwarded */
        media_output_push(
            &stream->session->outputs,
            &(media_output_t){.type = MEDIA_OUTPUT_RTP, .receiver = stream->receiver, .rid = stream->rid, .packet = packet_ref(packet)});
    if (codec->is_event && stream->audio != NULL) {
        media_tone_listener_input(stream, now, view, codec->clock_rate);
        media_audio_buffer_take_number(stream->audio, sequence);
    }
    /* Comfort noise, telephone events and unknown codecs may count time by other clocks: they leave no trace in the timeline. */
    if (codec->format == NULL) {
        if (stream->video != NULL && stream->receiver->wants_frames && stream->is_wanted)
            insert_video(stream, now, packet, view, sequence, stream->timestamps.last, extensions, codec);
        return;
    }
    int64_t timestamp =
        is_first_arrival ? rtp_unwrap_u32(&stream->timestamps, view->timestamp) : rtp_unwrap_peek_u32(&stream->timestamps, view->timestamp);
    if (stream->clock_rate != codec->clock_rate && stream->clock_rate != 0) {
        restart(stream);
        rtp_unwrap_u32(&stream->timestamps, view->timestamp);
        timestamp = stream->timestamps.last;
    }
    stream->clock_rate = codec->clock_rate;
    stream->format = codec->format;
    stream->stats.payload_type = codec->payload_type;
    if (!stream->has_first_timestamp) {
        stream->has_first_timestamp = true;
        stream->first_timestamp = timestamp;
    }
    if (!stream->is_wanted)
        learn_size(stream, view, codec);
    if (!stream->is_wanted || !stream->receiver->wants_frames || codec->format->is_video != (stream->video != NULL)) {
        if (stream->is_wanted || stream->receiver->wants_rtp)
            media_nack_forget_before(&stream->nack, stream->reception.highest - MEDIA_NACK_MAX);
        else
            media_nack_clear(&stream->nack);
        return;
    }
    if (stream->video != NULL)
        insert_video(stream, now, packet, view, sequence, timestamp, extensions, codec);
    else
        insert_audio(stream, now, packet, view, sequence, timestamp, extensions, codec, is_first_arrival);
}

static void ask_for_packets(media_stream_t *stream, peer_time_t now)
{
    uint16_t numbers[MEDIA_NACK_BATCH];
    size_t count_due;
    while ((count_due = media_nack_due(&stream->nack, now, media_session_rtt(stream->session), numbers)) != 0) {
        writer_t writer;
        if (!media_rtcp_feedback(stream->session, RTCP_HEADER_SIZE + 8 + 4 * count_due, &writer))
            return;
        if (rtcp_write_nack(&writer, media_session_speaker(stream->session), stream->ssrc, numbers, count_due))
            stream->stats.nack_count++;
        media_rtcp_feedback_done(stream->session, &writer);
    }
}

void media_stream_timeout(media_stream_t *stream, peer_time_t now)
{
    ask_for_packets(stream, now);
    if (stream->audio != NULL) {
        media_tone_listener_timeout(stream, now);
        drain_audio(stream, now);
        return;
    }
    check_stuck(stream, now);
    give_out_due(stream, now);
    if (now >= stream->key_frame_wanted)
        ask_for_key_frame(stream, now);
}

peer_time_t media_stream_deadline(const media_stream_t *stream)
{
    peer_time_t deadline = stream->nack.deadline;
    if (stream->audio != NULL)
        return time_earlier(deadline, time_earlier(stream->tone.ends_at, stream->audio->next_playout));
    deadline = time_earlier(deadline, give_up_time(stream));
    deadline = time_earlier(deadline, stream->key_frame_wanted);
    if (stream->held_count != 0)
        deadline = time_earlier(deadline, stream->held[stream->held_first]->render_time);
    return deadline;
}
