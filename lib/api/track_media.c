/* Media through a track and its clones: written by the application or a source, or received; to senders and sinks. */
#include "api/track_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* Copies the senders out, each with a reference, so that they are called without the lock. */
static size_t take_outputs(peer_track_t *track, track_output_t outputs[API_TRACK_SENDERS_MAX])
{
    api_track_lock(track);
    size_t count = track->output_count;
    memcpy(outputs, track->outputs, count * sizeof *outputs);
    for (size_t i = 0; i < count; i++)
        outputs[i].table->ref(outputs[i].sender);
    api_track_unlock(track);
    return count;
}

static void paint_black(uint8_t *bytes, uint32_t width, uint32_t height)
{
    size_t luma = (size_t)width * height;
    memset(bytes, 16, luma);
    memset(bytes + luma, 128, 2 * (size_t)((width + 1) / 2) * ((height + 1) / 2));
}

static void free_buffer(void *user)
{
    memory_free(user);
}

/* A black picture of the same size and time; the pixels are kept between pictures. NULL when memory ran out. */
static peer_video_frame_t *black_like(peer_video_frame_t *frame)
{
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    size_t luma = (size_t)width * height, chroma = (size_t)((width + 1) / 2) * ((height + 1) / 2);
    uint8_t *bytes = memory_new(luma + 2 * chroma);
    if (bytes == NULL)
        return NULL;
    paint_black(bytes, width, height);
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = width;
    buffer.height = height;
    buffer.timestamp_us = peer_video_frame_timestamp_us(frame);
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + luma;
    buffer.planes[2] = bytes + luma + chroma;
    peer_video_frame_t *black;
    if (peer_video_frame_new_adopt(&buffer, free_buffer, bytes, &black) < 0) {
        memory_free(bytes);
        return NULL;
    }
    return black;
}

static peer_audio_frame_t *silence_like(peer_audio_frame_t *frame)
{
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.sample_rate = peer_audio_frame_sample_rate(frame);
    buffer.channels = peer_audio_frame_channels(frame);
    buffer.samples_per_channel = peer_audio_frame_samples_per_channel(frame);
    buffer.timestamp_us = peer_audio_frame_timestamp_us(frame);
    int16_t *samples = memory_array((size_t)buffer.channels * buffer.samples_per_channel, sizeof *samples);
    peer_audio_frame_t *silence;
    if (samples == NULL)
        return NULL;
    buffer.data = samples;
    if (peer_audio_frame_new_adopt(&buffer, free_buffer, samples, &silence) < 0) {
        memory_free(samples);
        return NULL;
    }
    return silence;
}

static bool is_live(const peer_track_t *track)
{
    return peer_track_ready_state(track) == PEER_TRACK_LIVE;
}

/* To one track's senders and sinks; black while it is disabled. */
static int give_video(peer_track_t *track, peer_video_frame_t *frame)
{
    if (!is_live(track))
        return 0;
    frame = peer_track_enabled(track) ? peer_video_frame_ref(frame) : black_like(frame);
    if (frame == NULL)
        return error_no_memory();
    if (!track->is_remote) {
        api_track_lock(track);
        peer_video_frame_t *previous = track->last_frame;
        track->last_frame = peer_video_frame_ref(frame);
        api_track_unlock(track);
        peer_video_frame_unref(previous);
    }
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->video(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    if (count > 0)
        api_track_count_video(track, frame);
    API_FOR_EACH_SINK(track, on_video_frame, track, frame);
    peer_video_frame_unref(frame);
    return 0;
}

static int give_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    if (!is_live(track))
        return 0;
    frame = peer_track_enabled(track) ? peer_audio_frame_ref(frame) : silence_like(frame);
    if (frame == NULL)
        return error_no_memory();
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->audio(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    if (count > 0)
        api_track_count_audio(track, frame);
    API_FOR_EACH_SINK(track, on_audio_frame, track, frame);
    peer_audio_frame_unref(frame);
    return 0;
}

/* Nothing black can be made of another codec's frames, or of packets: a disabled track falls silent. A received frame goes to sinks only:
 * senders of a received track encode anew. */
static void give_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    if (!is_live(track) || !peer_track_enabled(track))
        return;
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = track->is_remote ? 0 : take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->encoded(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    if (count > 0)
        api_track_count_encoded(track, frame);
    API_FOR_EACH_SINK(track, on_encoded_frame, track, frame);
}

static void give_rtp(peer_track_t *track, const void *packet, size_t length, const char *rid)
{
    if (!is_live(track) || !peer_track_enabled(track))
        return;
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = track->is_remote ? 0 : take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->rtp(outputs[i].sender, packet, length);
        outputs[i].table->unref(outputs[i].sender);
    }
    sink_t each;
    for (uint64_t after = 0; api_track_next_sink(track, &after, &each);) {
        if (each.sink.on_stream_rtp != NULL)
            each.sink.on_stream_rtp(track, packet, length, rid, each.user);
        else if (each.sink.on_rtp != NULL)
            each.sink.on_rtp(track, packet, length, each.user);
    }
}

/* ---- received ---- */

void api_track_deliver_video(peer_track_t *track, peer_video_frame_t *frame)
{
    API_FOR_EACH_CLONE(track, give_video(clone, frame));
    give_video(track, frame);
}

void api_track_deliver_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    API_FOR_EACH_CLONE(track, give_audio(clone, frame));
    give_audio(track, frame);
}

void api_track_deliver_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    API_FOR_EACH_CLONE(track, give_encoded(clone, frame));
    give_encoded(track, frame);
}

static void give_tone(peer_track_t *track, const char *tone, int32_t duration_ms)
{
    if (is_live(track) && peer_track_enabled(track))
        API_FOR_EACH_SINK(track, on_tone, track, tone, duration_ms);
}

void api_track_deliver_tone(peer_track_t *track, const char *tone, int32_t duration_ms)
{
    API_FOR_EACH_CLONE(track, give_tone(clone, tone, duration_ms));
    give_tone(track, tone, duration_ms);
}

void api_track_deliver_rtp(peer_track_t *track, const void *packet, size_t length, const char *rid)
{
    API_FOR_EACH_CLONE(track, give_rtp(clone, packet, length, rid));
    give_rtp(track, packet, length, rid);
}

static void add_wants(const peer_track_t *track, api_track_wants_t *wants)
{
    api_track_lock(track);
    for (size_t i = 0; i < track->sink_count && !track->is_ended; i++) {
        const peer_track_sink_t *sink = &track->sinks[i].sink;
        wants->raw |= track->kind == PEER_MEDIA_VIDEO ? sink->on_video_frame != NULL : sink->on_audio_frame != NULL;
        wants->encoded |= sink->on_encoded_frame != NULL;
        wants->rtp |= sink->on_rtp != NULL || sink->on_stream_rtp != NULL;
    }
    wants->raw |= track->output_count > 0 && !track->is_ended; /* a received track that is sent on */
    api_track_unlock(track);
}

api_track_wants_t api_track_wants(peer_track_t *track)
{
    api_track_wants_t wants = {0};
    API_FOR_EACH_CLONE(track, add_wants(clone, &wants));
    add_wants(track, &wants);
    return wants;
}

/* ---- written ---- */

static int check_writable(peer_track_t *track, int32_t kind, const void *media)
{
    if (media == NULL)
        return error_set(PEER_ERROR_TYPE, "there is nothing to write");
    if (track->is_remote)
        return error_set(PEER_ERROR_INVALID_STATE, "a remote track cannot be written");
    if (kind >= 0 && track->kind != kind)
        return error_set(PEER_ERROR_TYPE, "the track is of kind %s", peer_media_kind_name(track->kind));
    if (!api_track_family_is_live(track))
        return error_set(PEER_ERROR_INVALID_STATE, "the track has ended");
    return 0;
}

int peer_track_write_video(peer_track_t *track, peer_video_frame_t *frame)
{
    int error = check_writable(track, PEER_MEDIA_VIDEO, frame);
    if (error < 0)
        return error;
    API_FOR_EACH_CLONE(track, give_video(clone, frame));
    return give_video(track, frame);
}

int peer_track_write_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    int error = check_writable(track, PEER_MEDIA_AUDIO, frame);
    if (error < 0)
        return error;
    API_FOR_EACH_CLONE(track, give_audio(clone, frame));
    return give_audio(track, frame);
}

int peer_track_write_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    int error = check_writable(track, -1, frame);
    if (error < 0)
        return error;
    API_FOR_EACH_CLONE(track, give_encoded(clone, frame));
    give_encoded(track, frame);
    return 0;
}

int peer_track_write_rtp(peer_track_t *track, const void *packet, size_t length)
{
    int error = check_writable(track, -1, packet);
    if (error < 0)
        return error;
    const uint8_t *bytes = packet;
    if (length > 1400)
        return error_set(PEER_ERROR_RANGE, "an RTP packet of %zu bytes is longer than 1400", length);
    if (length < 12 || bytes[0] >> 6 != 2) /* RFC 3550 §5.1 */
        return error_set(PEER_ERROR_SYNTAX, "not an RTP packet");
    API_FOR_EACH_CLONE(track, give_rtp(clone, packet, length, NULL));
    give_rtp(track, packet, length, NULL);
    return 0;
}

static void ask_for_key_frame(peer_track_t *track, const char *rid)
{
    sink_t each;
    for (uint64_t after = 0; api_track_next_sink(track, &after, &each);) {
        if (each.sink.on_stream_key_frame_request != NULL)
            each.sink.on_stream_key_frame_request(track, rid, each.user);
        else if (each.sink.on_key_frame_request != NULL)
            each.sink.on_key_frame_request(track, each.user);
    }
}

void api_track_deliver_key_frame_request(peer_track_t *track, const char *rid)
{
    ask_for_key_frame(track, rid);
    if (track->original != NULL) /* it is the original that is written */
        ask_for_key_frame(track->original, rid);
}
