/* Remote tracks and their streams (W3C WebRTC §5.4.1): what the application is told when descriptions make them come, move and go. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

static bool has(const char *const *streams, size_t count, const char *stream)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(streams[i], stream) == 0)
            return true;
    return false;
}

static int tell_stream(jsep_plan_t *plan, jsep_effect_type_t type, entry_t *entry, const char *stream)
{
    if (jsep_plan_line_effect(plan, type, entry, entry->slots.mline_index) < 0)
        return PEER_ERROR_NO_MEMORY;
    plan->effects[plan->effect_count - 1].stream = stream;
    return 0;
}

/* "Set the associated remote streams". */
int jsep_tracks_set_streams(jsep_plan_t *plan, entry_t *entry, const char *const *streams, size_t stream_count, bool *has_added)
{
    slots_t *slots = &entry->slots;
    const char *const *copy;
    int error = jsep_plan_own_slots(plan, slots);
    if (error == 0)
        error = jsep_slots_set_strings(&plan->box->arena, streams, stream_count, &copy);
    if (error < 0)
        return error;
    jsep_stream_ids_t old = slots->receiver_streams;
    for (size_t i = 0; error == 0 && i < old.count; i++)
        if (!has(copy, stream_count, old.ids[i]))
            error = tell_stream(plan, JSEP_EFFECT_STREAM_TRACK_REMOVED, entry, old.ids[i]);
    for (size_t i = 0; error == 0 && i < stream_count; i++) {
        if (has(old.ids, old.count, copy[i]))
            continue;
        *has_added = true;
        error = tell_stream(plan, JSEP_EFFECT_STREAM_TRACK_ADDED, entry, copy[i]);
    }
    slots->receiver_streams = (jsep_stream_ids_t){copy, stream_count};
    return error;
}

int jsep_tracks_process_removal(jsep_plan_t *plan, entry_t *entry)
{
    if (entry->transceiver->public.is_receiver_muted || entry->mutes)
        return 0;
    entry->mutes = true;
    return jsep_plan_line_effect(plan, JSEP_EFFECT_TRACK_MUTED, entry, entry->slots.mline_index);
}

static int process_addition(jsep_plan_t *plan, entry_t *entry)
{
    if (jsep_plan_line_effect(plan, JSEP_EFFECT_TRACK, entry, entry->slots.mline_index) < 0)
        return PEER_ERROR_NO_MEMORY;
    plan->effects[plan->effect_count - 1].streams = entry->slots.receiver_streams;
    return 0;
}

/* "Process remote tracks". `direction` may be JSEP_NO_DIRECTION in a rollback. */
int jsep_tracks_process_remote(jsep_plan_t *plan, entry_t *entry, int direction, const char *const *streams, size_t stream_count)
{
    bool has_added = false;
    slots_t *slots = &entry->slots;
    int error = jsep_tracks_set_streams(plan, entry, streams, stream_count, &has_added);
    if (error == 0 && ((receives(direction) && !receives(slots->fired_direction)) || has_added))
        error = process_addition(plan, entry);
    if (direction != JSEP_NO_DIRECTION && !receives(direction)) {
        slots->is_receptive = false;
        /* Also when the track was never told of as coming: our offer may have let it come before this answer refused it. */
        if (error == 0)
            error = jsep_tracks_process_removal(plan, entry);
    }
    slots->fired_direction = direction;
    return error;
}

static size_t add_stream(const char **streams, size_t count, const char *stream)
{
    if (strcmp(stream, "-") == 0 || count >= JSEP_STREAMS_MAX || has(streams, count, stream))
        return count;
    streams[count] = stream;
    return count + 1;
}

/* a=msid (RFC 8830 §4); where there is none, its older form inside a=ssrc, which GStreamer 1.22 writes; where there is neither, the stream
 * of all such m-lines (RFC 9429 §5.8.2). "-" alone is no stream. */
int jsep_tracks_read_msids(jsep_plan_t *plan, const sdp_media_t *media, const char **streams, size_t *count, const char **track)
{
    bool is_told = media->msid_count > 0;
    *count = 0;
    *track = NULL;
    for (size_t i = 0; i < media->msid_count; i++) {
        *count = add_stream(streams, *count, media->msids[i].stream);
        if (*track == NULL)
            *track = media->msids[i].track;
    }
    for (size_t i = 0; media->msid_count == 0 && i < media->ssrc_count; i++) {
        const sdp_ssrc_t *ssrc = &media->ssrcs[i];
        if (ssrc->attribute == NULL || ssrc->value == NULL || strcmp(ssrc->attribute, "msid") != 0)
            continue;
        size_t length = strcspn(ssrc->value, " ");
        const char *stream = arena_string_n(&plan->box->arena, ssrc->value, length);
        if (stream == NULL)
            return error_no_memory();
        if (length == 0)
            continue;
        is_told = true;
        *count = add_stream(streams, *count, stream);
        if (*track == NULL && ssrc->value[length] == ' ' && ssrc->value[length + 1] != '\0')
            *track = ssrc->value + length + 1;
    }
    if (is_told)
        return 0;
    streams[0] = jsep_default_stream(plan->session);
    *count = streams[0] != NULL;
    return streams[0] != NULL ? 0 : PEER_ERROR_NO_MEMORY;
}
