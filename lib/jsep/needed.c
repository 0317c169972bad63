/* W3C WebRTC §4.7.3, "check if negotiation is needed", step by step. */
#include "jsep/session.h"

#include <string.h>

static const sdp_media_t *section(const description_t *description, int mline_index)
{
    if (description == NULL || mline_index < 0 || (size_t)mline_index >= description->sdp->media_count)
        return NULL;
    return &description->sdp->media[mline_index];
}

static bool has_data_section(const description_t *description)
{
    for (size_t i = 0; description != NULL && i < description->sdp->media_count; i++)
        if (is_data(&description->sdp->media[i]) && !is_rejected(&description->sdp->media[i]))
            return true;
    return false;
}

static bool msids_differ(const sdp_media_t *media, const jsep_stream_ids_t *streams)
{
    if (media->msid_count == 0)
        return true;
    if (streams->count == 0)
        return media->msid_count != 1 || strcmp(media->msids[0].stream, "-") != 0;
    if (streams->count != media->msid_count)
        return true;
    for (size_t i = 0; i < streams->count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < media->msid_count; j++)
            is_there = is_there || strcmp(streams->ids[i], media->msids[j].stream) == 0;
        if (!is_there)
            return true;
    }
    return false;
}

static bool entry_needs_it(const state_t *state, const entry_t *entry)
{
    const description_t *local = state->descriptions[JSEP_CURRENT_LOCAL], *remote = state->descriptions[JSEP_CURRENT_REMOTE];
    const sdp_media_t *ours = section(local, entry->slots.mline_index), *theirs = section(remote, entry->slots.mline_index);
    const jsep_transceiver_t *t = &entry->transceiver->public;
    if (entry->is_stopping && !entry->is_stopped)
        return true;
    if (entry->is_stopped)
        return entry->slots.mline_index != NO_LINE && !(ours != NULL && is_rejected(ours)) && !(theirs != NULL && is_rejected(theirs));
    if (ours == NULL || (ours->mid != NULL && strcmp(ours->mid, entry->slots.mid) != 0))
        return true;
    if (sends((int)t->direction) && msids_differ(ours, &t->sender_streams))
        return true;
    sdp_direction_t local_direction = sdp_media_direction(local->sdp, ours);
    if (theirs == NULL)
        return local_direction != t->direction;
    sdp_direction_t remote_direction = sdp_direction_reverse(sdp_media_direction(remote->sdp, theirs));
    if (state->types[JSEP_CURRENT_LOCAL] == JSEP_OFFER)
        return local_direction != t->direction && remote_direction != t->direction;
    return local_direction != (sdp_direction_t)(t->direction & remote_direction);
}

bool jsep_is_negotiation_needed(const jsep_session_t *session)
{
    const state_t *state = &session->state;
    if (state->signaling == JSEP_CLOSED)
        return false;
    if (jsep_restart_is_wanted(session))
        return true;
    if (session->wants_data && !has_data_section(state->descriptions[JSEP_CURRENT_LOCAL]))
        return true;
    if (!jsep_data_channels_are_agreed(session))
        return true;
    for (size_t i = 0; i < state->entry_count; i++)
        if (entry_needs_it(state, &state->entries[i]))
            return true;
    return false;
}
