/* Tracks: where media of one kind pass from their writer to senders and sinks. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

typedef struct sink {
    peer_track_sink_t sink;
    void *user;
    uint64_t serial; /* rises: a loop over sinks goes on behind the last one it called, whatever was removed meanwhile */
} sink_t;

typedef struct track_output {
    const api_track_output_t *table;
    void *sender;
} track_output_t;

struct peer_track {
    atomic_uint references;
    int32_t kind;
    bool is_remote;
    char id[128];
    char *label;
    pthread_mutex_t lock; /* guards all below */
    bool is_enabled, is_muted, is_ended;
    bool is_silent; /* a remote track whose connection was closed: its sinks are called no more */
    sink_t sinks[API_SINKS_MAX];
    size_t sink_count;
    uint64_t next_serial;
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t output_count;
    void (*stop_source)(void *source);
    void *source;
    peer_video_frame_t *last_frame; /* so that a sender that starts has a picture at once */
    bool (*owner_acquire)(void *owner);
    void (*owner_changed)(void *owner);
    void *owner;
};

peer_track_t *api_track_new(int32_t kind, const char *id, const char *label, bool is_remote)
{
    peer_track_t *track = MEMORY_NEW(peer_track_t);
    char *label_copy = memory_string(label != NULL ? label : "");
    if (track == NULL || label_copy == NULL) {
        memory_free(track);
        memory_free(label_copy);
        error_no_memory();
        return NULL;
    }
    atomic_init(&track->references, 1);
    pthread_mutex_init(&track->lock, NULL);
    track->kind = kind;
    track->is_remote = is_remote;
    track->is_enabled = true;
    track->is_muted = is_remote; /* W3C WebRTC §5.3: a remote track starts muted */
    track->label = label_copy;
    if (id != NULL)
        strncpy(track->id, id, sizeof track->id - 1);
    else
        api_new_id(track->id);
    return track;
}

int peer_track_new(int32_t kind, const char *label, peer_track_t **track)
{
    return peer_track_new_with_id(kind, NULL, label, track);
}

int peer_track_new_with_id(int32_t kind, const char *id, const char *label, peer_track_t **track)
{
    if (track == NULL)
        return error_set(PEER_ERROR_TYPE, "track is NULL");
    if (kind != PEER_MEDIA_AUDIO && kind != PEER_MEDIA_VIDEO)
        return error_set(PEER_ERROR_TYPE, "%d is no kind of media", kind);
    int error = id != NULL ? api_check_id(id) : 0;
    if (error < 0)
        return error;
    peer_track_t *made = api_track_new(kind, id, label, false);
    if (made == NULL)
        return PEER_ERROR_NO_MEMORY;
    *track = made;
    return 0;
}

peer_track_t *peer_track_ref(peer_track_t *track)
{
    atomic_fetch_add_explicit(&track->references, 1, memory_order_relaxed);
    return track;
}

peer_track_t *api_track_acquire(peer_track_t *track)
{
    unsigned references = atomic_load(&track->references);
    while (references > 0)
        if (atomic_compare_exchange_weak(&track->references, &references, references + 1))
            return track;
    return NULL;
}

void peer_track_unref(peer_track_t *track)
{
    if (track == NULL || atomic_fetch_sub_explicit(&track->references, 1, memory_order_acq_rel) > 1)
        return;
    if (track->stop_source != NULL)
        track->stop_source(track->source);
    peer_video_frame_unref(track->last_frame);
    pthread_mutex_destroy(&track->lock);
    memory_free(track->label);
    memory_free(track);
}

bool api_track_is_remote(const peer_track_t *track)
{
    return track->is_remote;
}

int32_t peer_track_kind(const peer_track_t *track)
{
    return track->kind;
}

const char *peer_track_id(const peer_track_t *track)
{
    return track->id;
}

const char *peer_track_label(const peer_track_t *track)
{
    return track->label;
}

static void lock(const peer_track_t *track)
{
    pthread_mutex_lock((pthread_mutex_t *)&track->lock);
}

static void unlock(const peer_track_t *track)
{
    pthread_mutex_unlock((pthread_mutex_t *)&track->lock);
}

static int32_t read_flag(const peer_track_t *track, const bool *flag)
{
    lock(track);
    int32_t value = *flag;
    unlock(track);
    return value;
}

int32_t peer_track_enabled(const peer_track_t *track)
{
    return read_flag(track, &track->is_enabled);
}

void peer_track_set_enabled(peer_track_t *track, int32_t enabled)
{
    lock(track);
    track->is_enabled = enabled != 0;
    unlock(track);
}

int32_t peer_track_muted(const peer_track_t *track)
{
    return read_flag(track, &track->is_muted);
}

int32_t peer_track_ready_state(const peer_track_t *track)
{
    return read_flag(track, &track->is_ended) ? PEER_TRACK_ENDED : PEER_TRACK_LIVE;
}

void peer_track_stop(peer_track_t *track)
{
    lock(track);
    track->is_ended = true;
    void (*stop)(void *) = track->stop_source;
    void *source = track->source;
    track->stop_source = NULL;
    unlock(track);
    if (stop != NULL)
        stop(source);
}

void api_track_set_source(peer_track_t *track, void (*stop)(void *source), void *source)
{
    lock(track);
    track->stop_source = stop;
    track->source = source;
    unlock(track);
}

int api_track_attach(peer_track_t *track, const api_track_output_t *table, void *sender)
{
    int result = 0;
    lock(track);
    if (track->output_count == API_TRACK_SENDERS_MAX)
        result = error_set(PEER_ERROR_QUOTA_EXCEEDED, "a track has at most %d senders", API_TRACK_SENDERS_MAX);
    else
        track->outputs[track->output_count++] = (track_output_t){table, sender};
    unlock(track);
    return result;
}

void api_track_detach(peer_track_t *track, void *sender)
{
    lock(track);
    for (size_t i = 0; i < track->output_count; i++)
        if (track->outputs[i].sender == sender) {
            track->outputs[i] = track->outputs[--track->output_count];
            break;
        }
    unlock(track);
}

/* Copies the senders out, each with a reference, so that they are called without the lock. */
static size_t take_outputs(peer_track_t *track, track_output_t outputs[API_TRACK_SENDERS_MAX])
{
    lock(track);
    size_t count = track->output_count;
    memcpy(outputs, track->outputs, count * sizeof *outputs);
    for (size_t i = 0; i < count; i++)
        outputs[i].table->ref(outputs[i].sender);
    unlock(track);
    return count;
}

static bool next_sink(const peer_track_t *track, uint64_t *after, sink_t *sink)
{
    bool is_found = false;
    lock(track);
    for (size_t i = 0; i < track->sink_count && !is_found && !track->is_silent; i++)
        if (track->sinks[i].serial > *after) {
            *sink = track->sinks[i];
            *after = sink->serial;
            is_found = true;
        }
    unlock(track);
    return is_found;
}

#define FOR_EACH_SINK(track, callback, ...)                                                                                                \
    do {                                                                                                                                   \
        sink_t each;                                                                                                                       \
        uint64_t after = 0;                                                                                                                \
        while (next_sink((track), &after, &each))                                                                                          \
            if (each.sink.callback != NULL)                                                                                                \
                each.sink.callback(__VA_ARGS__, each.user);                                                                                \
    } while (0)

void api_track_deliver_video(peer_track_t *track, peer_video_frame_t *frame)
{
    FOR_EACH_SINK(track, on_video_frame, track, frame);
}

void api_track_deliver_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    FOR_EACH_SINK(track, on_audio_frame, track, frame);
}

void api_track_deliver_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    FOR_EACH_SINK(track, on_encoded_frame, track, frame);
}

void api_track_deliver_rtp(peer_track_t *track, const void *packet, size_t length)
{
    FOR_EACH_SINK(track, on_rtp, track, packet, length);
}

void api_track_deliver_key_frame_request(peer_track_t *track)
{
    FOR_EACH_SINK(track, on_key_frame_request, track);
}

void api_track_set_muted(peer_track_t *track, bool is_muted)
{
    lock(track);
    bool is_change = track->is_muted != is_muted && !track->is_ended;
    track->is_muted = is_muted;
    unlock(track);
    if (!is_change)
        return;
    if (is_muted)
        FOR_EACH_SINK(track, on_mute, track);
    else
        FOR_EACH_SINK(track, on_unmute, track);
}

void api_track_end(peer_track_t *track)
{
    lock(track);
    bool is_change = !track->is_ended;
    track->is_ended = true;
    unlock(track);
    if (is_change)
        FOR_EACH_SINK(track, on_ended, track);
}

void api_track_close(peer_track_t *track)
{
    lock(track);
    track->is_ended = true;
    track->is_silent = true;
    unlock(track);
}

static int check_writable(const peer_track_t *track, int32_t kind, const void *media)
{
    if (media == NULL)
        return error_set(PEER_ERROR_TYPE, "there is nothing to write");
    if (track->is_remote)
        return error_set(PEER_ERROR_INVALID_STATE, "a remote track cannot be written");
    if (kind >= 0 && track->kind != kind)
        return error_set(PEER_ERROR_TYPE, "the track is of kind %s", peer_media_kind_name(track->kind));
    if (peer_track_ready_state(track) == PEER_TRACK_ENDED)
        return error_set(PEER_ERROR_INVALID_STATE, "the track has ended");
    return 0;
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

int peer_track_write_video(peer_track_t *track, peer_video_frame_t *frame)
{
    int error = check_writable(track, PEER_MEDIA_VIDEO, frame);
    if (error < 0)
        return error;
    frame = peer_track_enabled(track) ? peer_video_frame_ref(frame) : black_like(frame);
    if (frame == NULL)
        return error_no_memory();
    lock(track);
    peer_video_frame_t *previous = track->last_frame;
    track->last_frame = peer_video_frame_ref(frame);
    unlock(track);
    peer_video_frame_unref(previous);
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->video(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    api_track_deliver_video(track, frame);
    peer_video_frame_unref(frame);
    return 0;
}

int peer_track_write_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    int error = check_writable(track, PEER_MEDIA_AUDIO, frame);
    if (error < 0)
        return error;
    frame = peer_track_enabled(track) ? peer_audio_frame_ref(frame) : silence_like(frame);
    if (frame == NULL)
        return error_no_memory();
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->audio(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    api_track_deliver_audio(track, frame);
    peer_audio_frame_unref(frame);
    return 0;
}

int peer_track_write_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    int error = check_writable(track, -1, frame);
    if (error < 0)
        return error;
    if (!peer_track_enabled(track))
        return 0; /* nothing black can be made of another codec's frames: the sender falls silent */
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->encoded(outputs[i].sender, frame);
        outputs[i].table->unref(outputs[i].sender);
    }
    api_track_deliver_encoded(track, frame);
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
    if (!peer_track_enabled(track))
        return 0;
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t count = take_outputs(track, outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i].table->rtp(outputs[i].sender, packet, length);
        outputs[i].table->unref(outputs[i].sender);
    }
    api_track_deliver_rtp(track, packet, length);
    return 0;
}

peer_video_frame_t *api_track_last_frame(peer_track_t *track)
{
    lock(track);
    peer_video_frame_t *frame = track->last_frame != NULL ? peer_video_frame_ref(track->last_frame) : NULL;
    unlock(track);
    return frame;
}

void peer_track_sink_init(peer_track_sink_t *sink, size_t size)
{
    memset(sink, 0, size);
    sink->size = size;
}

static void tell_sinks_changed(peer_track_t *track)
{
    lock(track);
    void (*changed)(void *) = track->owner_changed;
    void *owner = track->owner;
    if (owner != NULL && !track->owner_acquire(owner)) /* it is being destroyed */
        owner = NULL;
    unlock(track);
    if (owner != NULL)
        changed(owner);
}

void api_track_set_owner(peer_track_t *track, bool (*acquire)(void *owner), void (*changed)(void *owner), void *owner)
{
    lock(track);
    track->owner_acquire = acquire;
    track->owner_changed = changed;
    track->owner = owner;
    unlock(track);
}

int peer_track_add_sink(peer_track_t *track, const peer_track_sink_t *sink, void *user)
{
    if (sink == NULL || sink->size < sizeof sink->size)
        return error_set(PEER_ERROR_TYPE, "the sink was not filled by peer_track_sink_init()");
    int result = 0;
    lock(track);
    if (track->sink_count == API_SINKS_MAX) {
        result = error_set(PEER_ERROR_QUOTA_EXCEEDED, "a track has at most %d sinks", API_SINKS_MAX);
    } else {
        sink_t *added = &track->sinks[track->sink_count++];
        *added = (sink_t){.user = user, .serial = ++track->next_serial};
        API_COPY_SIZED(&added->sink, sink);
    }
    unlock(track);
    if (result == 0)
        tell_sinks_changed(track);
    return result;
}

void peer_track_remove_sink(peer_track_t *track, void *user)
{
    lock(track);
    size_t kept = 0;
    for (size_t i = 0; i < track->sink_count; i++)
        if (track->sinks[i].user != user)
            track->sinks[kept++] = track->sinks[i];
    track->sink_count = kept;
    unlock(track);
    tell_sinks_changed(track);
}

api_track_wants_t api_track_wants(const peer_track_t *track)
{
    api_track_wants_t wants = {0};
    lock(track);
    for (size_t i = 0; i < track->sink_count; i++) {
        const peer_track_sink_t *sink = &track->sinks[i].sink;
        wants.raw |= track->kind == PEER_MEDIA_VIDEO ? sink->on_video_frame != NULL : sink->on_audio_frame != NULL;
        wants.encoded |= sink->on_encoded_frame != NULL;
        wants.rtp |= sink->on_rtp != NULL;
    }
    unlock(track);
    return wants;
}
