/* Candidates that come one by one: ours, to be written in descriptions, and theirs (W3C WebRTC §4.4.2 addIceCandidate). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <stdio.h>
#include <string.h>

static void clear_generation(jsep_session_t *session, const char *ufrag)
{
    arena_clear(&session->candidate_arena);
    session->candidates = NULL;
    session->candidate_count = 0;
    session->candidates_ended = false;
    snprintf(session->candidate_ufrag, sizeof session->candidate_ufrag, "%s", ufrag);
}

static bool append(jsep_session_t *session, const sdp_candidate_t *candidate)
{
    sdp_candidate_t *item = ARENA_APPEND(&session->candidate_arena, session->candidates, session->candidate_count);
    if (item != NULL && sdp_candidate_copy(&session->candidate_arena, candidate, item))
        return true;
    if (item != NULL)
        session->candidate_count--;
    return false;
}

static const sdp_media_t *tagged_section(const jsep_session_t *session, const description_t *description)
{
    const sdp_media_t *media = description != NULL && description->tag != NO_LINE ? &description->sdp->media[description->tag] : NULL;
    return media != NULL && strcmp(media->common.ice_ufrag, session->candidate_ufrag) == 0 ? media : NULL;
}

/* A generation that had been left, as a restart was rolled back, has the candidates that its description has. */
static int begin_generation(jsep_session_t *session, const char *ufrag)
{
    clear_generation(session, ufrag);
    const sdp_media_t *media = tagged_section(session, session->state.descriptions[JSEP_CURRENT_LOCAL]);
    if (media == NULL)
        return 0;
    for (size_t i = 0; i < media->candidate_count; i++)
        if (!append(session, &media->candidates[i]))
            return error_no_memory();
    session->candidates_ended = media->common.end_of_candidates;
    return 0;
}

static bool is_known(const jsep_session_t *session, const sdp_candidate_t *candidate)
{
    bool is_same = false;
    text_t text = {0};
    sdp_candidate_write(candidate, &text);
    for (size_t i = 0; !is_same && i < session->candidate_count; i++) {
        text_t other = {0};
        sdp_candidate_write(&session->candidates[i], &other);
        is_same = text.length == other.length && text.length > 0 && memcmp(text.data, other.data, text.length) == 0;
        text_clear(&other);
    }
    text_clear(&text);
    return is_same;
}

/* 1: it has it already. */
static int keep_candidate(jsep_session_t *session, const char *text)
{
    sdp_candidate_t *parsed;
    int error = sdp_candidate_parse(text, strlen(text), &parsed);
    if (error < 0)
        return error;
    if (is_known(session, parsed))
        error = 1;
    else if (session->candidate_count < JSEP_CANDIDATES_MAX && !append(session, parsed))
        error = error_no_memory();
    memory_free(parsed);
    return error;
}

int jsep_add_local_candidate(jsep_session_t *session, const char *ufrag, const char *candidate)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    if (strlen(ufrag) >= CREDENTIAL_SIZE)
        return error_set(PEER_ERROR_RANGE, "the user name fragment is too long");
    if (strcmp(ufrag, session->candidate_ufrag) != 0)
        error = begin_generation(session, ufrag);
    if (error < 0)
        return error;
    if (candidate == NULL)
        session->candidates_ended = true;
    else
        error = keep_candidate(session, candidate);
    static const jsep_which_t ours[] = {JSEP_CURRENT_LOCAL, JSEP_PENDING_LOCAL};
    for (size_t i = 0; error == 0 && i < 2; i++)
        if (session->state.descriptions[ours[i]] != NULL)
            error = jsep_description_add_candidates(session, session->state.descriptions[ours[i]]);
    return error;
}

bool jsep_local_candidates_ended(const jsep_session_t *session, const char *ufrag)
{
    const description_t *current = session->state.descriptions[JSEP_CURRENT_LOCAL];
    const sdp_media_t *media = current != NULL && current->tag != NO_LINE ? &current->sdp->media[current->tag] : NULL;
    return media != NULL && strcmp(media->common.ice_ufrag, ufrag) == 0 && media->common.end_of_candidates;
}

void jsep_forget_local_candidates(jsep_session_t *session)
{
    clear_generation(session, "");
}

bool jsep_candidate_mline(const jsep_session_t *session, const char **mid, int *mline_index)
{
    const description_t *description = session->state.descriptions[JSEP_PENDING_LOCAL];
    if (description == NULL)
        description = session->state.descriptions[JSEP_CURRENT_LOCAL];
    if (description == NULL || description->tag == NO_LINE)
        return false;
    *mid = description->sdp->media[description->tag].mid;
    *mline_index = description->tag;
    return true;
}

static bool has_ufrag(const description_t *description, const char *ufrag)
{
    for (size_t i = 0; description != NULL && i < description->sdp->media_count; i++) {
        const char *theirs = sdp_media_ice_ufrag(description->sdp, &description->sdp->media[i]);
        if (theirs != NULL && strcmp(theirs, ufrag) == 0)
            return true;
    }
    return false;
}

/* The m-line that is meant; NO_LINE: all of them. */
static int find_line(const description_t *remote, const char *mid, int mline_index, int *line)
{
    *line = NO_LINE;
    if (mid != NULL && *mid != '\0') { /* Pion writes "" for no mid */
        const sdp_media_t *media = sdp_media_by_mid(remote->sdp, mid);
        if (media == NULL)
            return error_set(PEER_ERROR_OPERATION, "no m-line has the mid \"%.40s\"", mid);
        *line = (int)(media - remote->sdp->media);
    } else if (mline_index >= 0) {
        if ((size_t)mline_index >= remote->sdp->media_count)
            return error_set(PEER_ERROR_OPERATION, "there is no m-line %d", mline_index);
        *line = mline_index;
    }
    return 0;
}

static int keep_remote(description_t *remote, int line, const sdp_candidate_t *candidate)
{
    sdp_media_t *media = &remote->sdp->media[line];
    if (remote->candidate_count >= JSEP_CANDIDATES_MAX)
        return 0;
    sdp_candidate_t *item = ARENA_APPEND(&remote->sdp->arena, media->candidates, media->candidate_count);
    if (item == NULL)
        return error_no_memory();
    if (!sdp_candidate_copy(&remote->sdp->arena, candidate, item)) {
        media->candidate_count--;
        return error_no_memory();
    }
    remote->candidate_count++;
    return 0;
}

static void keep_end(description_t *remote, int line)
{
    for (size_t i = 0; i < remote->sdp->media_count; i++)
        if (line == NO_LINE || (size_t)line == i)
            remote->sdp->media[i].common.end_of_candidates = true;
}

/* W3C §4.4.2 addIceCandidate: every description of its generation has the candidate; without one named, of the newest. True: there is one.
 */
static bool choose_descriptions(const state_t *state, const char *ufrag, description_t *chosen[2])
{
    description_t *pending = state->descriptions[JSEP_PENDING_REMOTE], *current = state->descriptions[JSEP_CURRENT_REMOTE];
    const description_t *newest = pending != NULL ? pending : current;
    if (ufrag == NULL)
        ufrag = state->transport.remote_ufrag != NULL && has_ufrag(newest, state->transport.remote_ufrag) ? state->transport.remote_ufrag
                                                                                                          : NULL;
    chosen[0] = ufrag == NULL || has_ufrag(pending, ufrag) ? pending : NULL;
    chosen[1] = (ufrag == NULL && pending == NULL) || (ufrag != NULL && has_ufrag(current, ufrag)) ? current : NULL;
    return chosen[0] != NULL || chosen[1] != NULL;
}

static int keep(description_t *const descriptions[2], int line, const sdp_candidate_t *candidate)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < 2; i++) {
        if (descriptions[i] == NULL)
            continue;
        if (candidate == NULL)
            keep_end(descriptions[i], line);
        else if ((size_t)line < descriptions[i]->sdp->media_count)
            error = keep_remote(descriptions[i], line, candidate);
    }
    return error;
}

int jsep_add_remote_candidate(jsep_session_t *session, const char *text, const char *mid, int mline_index, const char *ufrag,
                              sdp_candidate_t **candidate, bool *is_end)
{
    const state_t *state = &session->state;
    int line, error = jsep_check_open(session);
    if (error < 0)
        return error;
    const description_t *newest = state->descriptions[JSEP_PENDING_REMOTE] != NULL ? state->descriptions[JSEP_PENDING_REMOTE]
                                                                                   : state->descriptions[JSEP_CURRENT_REMOTE];
    description_t *chosen[2];
    if (newest == NULL)
        return error_set(PEER_ERROR_INVALID_STATE, "a candidate came before the remote description");
    error = find_line(newest, mid, mline_index, &line);
    if (error < 0)
        return error;
    const entry_t *entry = line != NO_LINE ? jsep_state_entry_by_line(state, line) : NULL;
    if (entry != NULL && entry->is_stopped) { /* W3C WebRTC §4.4.2 addIceCandidate: it is not looked at any further */
        *candidate = NULL;
        *is_end = false;
        return 0;
    }
    sdp_candidate_t *parsed = NULL;
    if (*text != '\0') {
        if (line == NO_LINE)
            return error_set(PEER_ERROR_TYPE, "a candidate names no m-line");
        if (sdp_candidate_parse(text, strlen(text), &parsed) < 0)
            return PEER_ERROR_OPERATION;
        if (ufrag == NULL)
            ufrag = sdp_candidate_extension(parsed, "ufrag");
    }
    if (!choose_descriptions(state, ufrag, chosen))
        error = error_set(PEER_ERROR_OPERATION, "no remote description has the user name fragment \"%.40s\"", ufrag != NULL ? ufrag : "");
    else
        error = keep(chosen, line, parsed);
    if (error < 0) {
        memory_free(parsed);
        return error;
    }
    /* A candidate of another generation, or of a transport that the bundle made needless, is of no use. */
    const char *used = state->transport.remote_ufrag;
    bool is_used = (line == NO_LINE || line == state->transport_line) && used != NULL && (ufrag == NULL || strcmp(ufrag, used) == 0);
    if (!is_used) {
        memory_free(parsed);
        parsed = NULL;
    }
    *candidate = parsed;
    *is_end = *text == '\0' && is_used;
    return 0;
}
