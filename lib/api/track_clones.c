/* Clones (W3C Media Capture and Streams §4.3.1): tracks that get the media of one source, each enabled, stopped and sent for itself. An
 * original hands what it gets to its clones; the source is stopped when the last of them has ended. */
#include "api/track_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* Enters a clone into its original's list. False when memory ran out. */
static bool join_family(peer_track_t *original, peer_track_t *clone)
{
    api_track_lock(original);
    void *clones = original->clones;
    bool has_room = memory_reserve(&clones, &original->clone_capacity, original->clone_count + 1, sizeof *original->clones);
    original->clones = clones;
    if (has_room)
        original->clones[original->clone_count++] = (track_clone_t){clone, ++original->next_clone_serial};
    api_track_unlock(original);
    return has_room;
}

void api_track_leave_family(peer_track_t *clone)
{
    peer_track_t *original = clone->original;
    if (original == NULL)
        return;
    api_track_lock(original);
    for (size_t i = 0; i < original->clone_count; i++)
        if (original->clones[i].track == clone) { /* the order stays: serials rise */
            original->clone_count--;
            memmove(&original->clones[i], &original->clones[i + 1], (original->clone_count - i) * sizeof *original->clones);
            break;
        }
    api_track_unlock(original);
}

peer_track_t *api_track_next_clone(peer_track_t *track, uint64_t *after)
{
    peer_track_t *next = NULL;
    api_track_lock(track);
    for (size_t i = 0; i < track->clone_count && next == NULL; i++)
        if (track->clones[i].serial > *after) {
            *after = track->clones[i].serial;
            next = api_track_acquire(track->clones[i].track);
        }
    api_track_unlock(track);
    return next;
}

bool api_track_family_is_live(peer_track_t *original)
{
    bool is_live = peer_track_ready_state(original) == PEER_TRACK_LIVE;
    api_track_lock(original);
    is_live = is_live || original->clone_count > 0;
    api_track_unlock(original);
    return is_live;
}

peer_track_t *api_track_original(peer_track_t *track)
{
    return track->original != NULL ? track->original : track;
}

int peer_track_clone(peer_track_t *track, peer_track_t **clone)
{
    if (track == NULL || clone == NULL)
        return error_set(PEER_ERROR_TYPE, "track and clone are needed");
    peer_track_t *made = api_track_new(track->kind, NULL, track->label, track->is_remote);
    if (made == NULL)
        return PEER_ERROR_NO_MEMORY;
    api_track_lock(track);
    made->is_enabled = track->is_enabled;
    made->is_muted = track->is_muted;
    made->is_ended = track->is_ended;
    made->is_silent = track->is_silent;
    made->last_frame = track->last_frame != NULL ? peer_video_frame_ref(track->last_frame) : NULL;
    api_track_unlock(track);
    if (!made->is_ended) {
        made->original = peer_track_ref(api_track_original(track));
        if (!join_family(made->original, made)) {
            peer_track_unref(made);
            return error_no_memory();
        }
    }
    *clone = made;
    return 0;
}
