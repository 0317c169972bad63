/* Tracks: where media of one kind pass from their writer to senders and sinks. What passes is in track_media.c. */
#include "api/track_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

peer_track_t *api_track_new(int32_t kind, const char *id, const char *label, bool is_remote)
{
    size_t id_size = id != NULL ? strlen(id) + 1 : API_ID_SIZE;
    peer_track_t *track = memory_new(sizeof *track + id_size);
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
        memcpy(track->id, id, id_size);
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

/* The source of an original, once neither that nor a clone is live. */
static void stop_source_if_unused(peer_track_t *original)
{
    if (api_track_family_is_live(original))
        return;
    api_track_lock(original);
    void (*stop)(void *) = original->stop_source;
    void *source = original->source;
    original->stop_source = NULL;
    api_track_unlock(original);
    if (stop != NULL)
        stop(source);
}

void peer_track_unref(peer_track_t *track)
{
    if (track == NULL || atomic_fetch_sub_explicit(&track->references, 1, memory_order_acq_rel) > 1)
        return;
    if (track->stop_source != NULL)
        track->stop_source(track->source);
    peer_track_t *original = track->original;
    if (original != NULL) {
        api_track_leave_family(track);
        stop_source_if_unused(original);
    }
    for (size_t i = 0; i < track->sink_count; i++)
        api_sink_relay_remove(track->sinks[i].relay);
    peer_video_frame_unref(track->last_frame);
    pthread_mutex_destroy(&track->lock);
    memory_free(track->clones);
    memory_free(track->label);
    memory_free(track->counts);
    memory_free(track);
    peer_track_unref(original);
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

void api_track_lock(const peer_track_t *track)
{
    pthread_mutex_lock((pthread_mutex_t *)&track->lock);
}

void api_track_unlock(const peer_track_t *track)
{
    pthread_mutex_unlock((pthread_mutex_t *)&track->lock);
}

static int32_t read_flag(const peer_track_t *track, const bool *flag)
{
    api_track_lock(track);
    int32_t value = *flag;
    api_track_unlock(track);
    return value;
}

int32_t peer_track_enabled(const peer_track_t *track)
{
    return read_flag(track, &track->is_enabled);
}

void peer_track_set_enabled(peer_track_t *track, int32_t enabled)
{
    api_track_lock(track);
    track->is_enabled = enabled != 0;
    api_track_unlock(track);
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
    api_track_lock(track);
    track->is_ended = true;
    api_track_unlock(track);
    api_track_leave_family(track);
    stop_source_if_unused(api_track_original(track));
}

void api_track_set_source(peer_track_t *track, void (*stop)(void *source), void *source)
{
    api_track_lock(track);
    void (*stop_previous)(void *) = track->stop_source;
    void *previous = track->source;
    track->stop_source = stop;
    track->source = source;
    api_track_unlock(track);
    if (stop_previous != NULL)
        stop_previous(previous);
    stop_source_if_unused(track); /* it may have been stopped meanwhile */
}

bool api_track_has_source(const peer_track_t *track, void (*stop)(void *source))
{
    api_track_lock(track);
    bool has_source = track->stop_source == stop;
    api_track_unlock(track);
    return has_source;
}

int api_track_attach(peer_track_t *track, const api_track_output_t *table, void *sender)
{
    int result = 0;
    api_track_lock(track);
    if (track->output_count == API_TRACK_SENDERS_MAX)
        result = error_set(PEER_ERROR_QUOTA_EXCEEDED, "a track has at most %d senders", API_TRACK_SENDERS_MAX);
    else
        track->outputs[track->output_count++] = (track_output_t){table, sender};
    api_track_unlock(track);
    return result;
}

void api_track_detach(peer_track_t *track, void *sender)
{
    api_track_lock(track);
    for (size_t i = 0; i < track->output_count; i++)
        if (track->outputs[i].sender == sender) {
            track->outputs[i] = track->outputs[--track->output_count];
            break;
        }
    api_track_unlock(track);
}

bool api_track_next_sink(const peer_track_t *track, uint64_t *after, sink_t *sink)
{
    bool is_found = false;
    if (*after > 0)
        api_sink_relay_unref(sink->relay);
    api_track_lock(track);
    for (size_t i = 0; i < track->sink_count && !is_found && !track->is_silent; i++)
        if (track->sinks[i].serial > *after) {
            *sink = track->sinks[i];
            api_sink_relay_ref(sink->relay);
            *after = sink->serial;
            is_found = true;
        }
    api_track_unlock(track);
    return is_found;
}

void api_track_set_muted(peer_track_t *track, bool is_muted)
{
    api_track_lock(track);
    bool is_change = track->is_muted != is_muted && !track->is_ended;
    track->is_muted = is_muted;
    api_track_unlock(track);
    API_FOR_EACH_CLONE(track, api_track_set_muted(clone, is_muted));
    if (!is_change)
        return;
    if (is_muted)
        API_FOR_EACH_SINK(track, on_mute, track);
    else
        API_FOR_EACH_SINK(track, on_unmute, track);
}

void api_track_end(peer_track_t *track)
{
    api_track_lock(track);
    bool is_change = !track->is_ended;
    track->is_ended = true;
    api_track_unlock(track);
    api_track_leave_family(track);
    API_FOR_EACH_CLONE(track, api_track_end(clone));
    if (is_change)
        API_FOR_EACH_SINK(track, on_ended, track);
}

void api_track_close(peer_track_t *track)
{
    api_track_lock(track);
    track->is_ended = true;
    track->is_silent = true;
    api_track_unlock(track);
    api_track_leave_family(track);
    API_FOR_EACH_CLONE(track, api_track_close(clone));
}

peer_video_frame_t *api_track_last_frame(peer_track_t *track)
{
    api_track_lock(track);
    peer_video_frame_t *frame = track->last_frame != NULL ? peer_video_frame_ref(track->last_frame) : NULL;
    api_track_unlock(track);
    return frame;
}

void peer_track_sink_init(peer_track_sink_t *sink, size_t size)
{
    memset(sink, 0, size);
    sink->size = size;
}

static void tell_sinks_changed(peer_track_t *track)
{
    if (track->original != NULL)
        track = track->original;
    api_track_lock(track);
    void (*changed)(void *) = track->owner_changed;
    void *owner = track->owner;
    if (owner != NULL && !track->owner_acquire(owner)) /* it is being destroyed */
        owner = NULL;
    api_track_unlock(track);
    if (owner != NULL)
        changed(owner);
}

void api_track_set_owner(peer_track_t *track, bool (*acquire)(void *owner), void (*changed)(void *owner), void *owner)
{
    api_track_lock(track);
    track->owner_acquire = acquire;
    track->owner_changed = changed;
    track->owner = owner;
    api_track_unlock(track);
}

int peer_track_add_sink(peer_track_t *track, const peer_track_sink_t *sink, void *user)
{
    if (sink == NULL || sink->size < sizeof sink->size)
        return error_set(PEER_ERROR_TYPE, "the sink was not filled by peer_track_sink_init()");
    sink_t added = {.user = user, .name = user};
    API_COPY_SIZED(&added.sink, sink);
    if (added.sink.loop != NULL && !track->is_remote) {
        peer_track_sink_t wanted = added.sink;
        added.user = added.relay = api_sink_relay_new(&wanted, user, &added.sink);
        if (added.relay == NULL)
            return PEER_ERROR_NO_MEMORY;
    }
    api_track_lock(track);
    bool has_room = track->sink_count < API_SINKS_MAX;
    if (has_room) {
        added.serial = ++track->next_serial;
        track->sinks[track->sink_count++] = added;
    }
    api_track_unlock(track);
    if (!has_room) {
        api_sink_relay_remove(added.relay);
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "a track has at most %d sinks", API_SINKS_MAX);
    }
    tell_sinks_changed(track);
    return 0;
}

void peer_track_remove_sink(peer_track_t *track, void *user)
{
    sink_relay_t *relays[API_SINKS_MAX];
    size_t kept = 0, removed = 0;
    api_track_lock(track);
    for (size_t i = 0; i < track->sink_count; i++)
        if (track->sinks[i].name != user)
            track->sinks[kept++] = track->sinks[i];
        else
            relays[removed++] = track->sinks[i].relay;
    track->sink_count = kept;
    api_track_unlock(track);
    while (removed > 0)
        api_sink_relay_remove(relays[--removed]);
    tell_sinks_changed(track);
}
