/* Transceivers: what the application does to them (W3C WebRTC §5.1, §5.2, §5.4). What descriptions do to them is in their slots. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <stdio.h>
#include <string.h>

#define UUID_SIZE 37

/* RFC 9562 §5.4 */
static void make_uuid(const random_source_t *random, char text[UUID_SIZE])
{
    uint8_t b[16];
    random_fill(random, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(text, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
             b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static bool is_ssrc_used(const jsep_session_t *session, uint32_t ssrc)
{
    for (size_t i = 0; i < session->state.entry_count; i++) {
        const jsep_transceiver_t *t = &session->state.entries[i].transceiver->public;
        if (t->ssrc == ssrc || t->rtx_ssrc == ssrc)
            return true;
    }
    return false;
}

/* Random, but never twice in a session: SRTP forgets SSRCs that have ended, and one that came back would use its packet indices, and so
 * its nonces, anew (RFC 3711 §9.1). A count goes through a secret permutation of 32 bits: four rounds of a Feistel network. */
static uint32_t next_ssrc(jsep_session_t *session)
{
    if (session->ssrc_count == 0)
        random_fill(&session->configuration.random, session->ssrc_keys, sizeof session->ssrc_keys);
    uint32_t count = session->ssrc_count++;
    uint16_t left = (uint16_t)(count >> 16), right = (uint16_t)count;
    for (size_t i = 0; i < 4; i++) {
        uint32_t mixed = (right ^ session->ssrc_keys[i]) * 0x9e3779b1u;
        uint16_t next = (uint16_t)(left ^ (mixed >> 16) ^ (mixed >> 3));
        left = right;
        right = next;
    }
    return (uint32_t)left << 16 | right;
}

static uint32_t make_ssrc(jsep_session_t *session, uint32_t other)
{
    uint32_t ssrc;
    do
        ssrc = next_ssrc(session);
    while (ssrc == 0 || ssrc == other || is_ssrc_used(session, ssrc));
    return ssrc;
}

transceiver_t *jsep_transceiver_new(jsep_session_t *session, jsep_kind_t kind, uint32_t id, const char *receiver_track)
{
    transceiver_t *t = MEMORY_NEW(transceiver_t);
    if (t == NULL)
        return NULL;
    char uuid[UUID_SIZE];
    make_uuid(&session->configuration.random, uuid);
    t->receiver_track = memory_string(receiver_track != NULL ? receiver_track : uuid);
    make_uuid(&session->configuration.random, uuid);
    t->sender_msid = memory_string(uuid);
    if (t->receiver_track == NULL || t->sender_msid == NULL) {
        jsep_transceiver_free(t);
        return NULL;
    }
    t->public = (jsep_transceiver_t){.id = id,
                                     .kind = kind,
                                     .mline_index = NO_LINE,
                                     .current_direction = JSEP_NO_DIRECTION,
                                     .direction = SDP_RECVONLY,
                                     .is_receiver_muted = true,
                                     .receiver_track = t->receiver_track,
                                     .sender_msid = t->sender_msid};
    t->public.ssrc = make_ssrc(session, 0);
    t->public.rtx_ssrc = make_ssrc(session, t->public.ssrc);
    return t;
}

void jsep_transceiver_free(transceiver_t *t)
{
    if (t == NULL)
        return;
    memory_free(t->sender_track);
    memory_free(t->sender_msid);
    memory_free(t->receiver_track);
    memory_free(t->preferences);
    jsep_box_unref(t->streams_box);
    memory_free(t);
}

void jsep_transceiver_sync(const entry_t *entry)
{
    jsep_transceiver_t *t = &entry->transceiver->public;
    const slots_t *slots = &entry->slots;
    t->mid = slots->mid;
    t->mline_index = slots->mline_index;
    t->current_direction = slots->current_direction;
    t->is_receptive = slots->is_receptive;
    t->is_stopping = entry->is_stopping;
    t->is_stopped = entry->is_stopped;
    t->is_receiver_muted = t->is_receiver_muted || entry->mutes;
    t->receiver_streams = slots->receiver_streams;
    t->media = slots->media;
    if (sends(slots->current_direction))
        entry->transceiver->ever_sent = true;
}

static entry_t *entry_of(const jsep_session_t *session, const jsep_transceiver_t *transceiver)
{
    return jsep_state_entry_of(&session->state, (const transceiver_t *)(const void *)transceiver);
}

jsep_transceiver_t *const *jsep_transceivers(const jsep_session_t *session, size_t *count)
{
    *count = session->state.entry_count;
    return session->list;
}

jsep_transceiver_t *jsep_transceiver_by_id(const jsep_session_t *session, uint32_t id)
{
    for (size_t i = 0; i < session->state.entry_count; i++)
        if (session->list[i]->id == id)
            return session->list[i];
    return NULL;
}

jsep_transceiver_t *jsep_transceiver_by_mid(const jsep_session_t *session, const char *mid)
{
    for (size_t i = 0; i < session->state.entry_count; i++)
        if (session->list[i]->mid != NULL && strcmp(session->list[i]->mid, mid) == 0)
            return session->list[i];
    return NULL;
}

/* Ids go into SDP lines as words. */
static int check_id(const char *id)
{
    if (*id == '\0' || strlen(id) > 1024)
        return error_set(PEER_ERROR_INVALID_ACCESS, "an id is empty or longer than 1024 characters");
    for (; *id != '\0'; id++)
        if ((unsigned char)*id <= ' ')
            return error_set(PEER_ERROR_INVALID_ACCESS, "an id contains a space or a control character");
    return 0;
}

/* Duplicates count once (W3C §5.1 addTrack: a set of ids). */
static int make_streams(const char *const *streams, size_t count, box_t **box, jsep_stream_ids_t *ids)
{
    if (count > JSEP_STREAMS_MAX)
        return error_set(PEER_ERROR_RANGE, "more than %d streams", JSEP_STREAMS_MAX);
    box_t *made = jsep_box_new();
    const char **items = made != NULL ? arena_array(&made->arena, count, sizeof *items) : NULL;
    int error = items != NULL ? 0 : error_no_memory();
    size_t kept = 0;
    for (size_t i = 0; error == 0 && i < count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < kept; j++)
            is_known = is_known || strcmp(items[j], streams[i]) == 0;
        if (is_known || (error = check_id(streams[i])) < 0)
            continue;
        items[kept] = arena_string(&made->arena, streams[i]);
        if (items[kept++] == NULL)
            error = error_no_memory();
    }
    if (error < 0) {
        jsep_box_unref(made);
        return error;
    }
    *box = made;
    *ids = (jsep_stream_ids_t){items, kept};
    return 0;
}

static void take_streams(transceiver_t *t, box_t *box, jsep_stream_ids_t ids)
{
    jsep_box_unref(t->streams_box);
    t->streams_box = box;
    t->public.sender_streams = ids;
}

/* The first track names the m-line's a=msid for good (RFC 9429 §5.2.1), if it comes before the m-line was offered. */
static int set_track(transceiver_t *t, const char *track, bool names_msid)
{
    if (track != NULL) {
        int error = check_id(track);
        if (error < 0)
            return error;
    }
    char *copy = memory_string(track);
    char *msid = names_msid ? memory_string(track) : NULL;
    if (track != NULL && (copy == NULL || (names_msid && msid == NULL))) {
        memory_free(copy);
        memory_free(msid);
        return error_no_memory();
    }
    memory_free(t->sender_track);
    t->sender_track = copy;
    t->public.sender_track = copy;
    if (msid != NULL) {
        memory_free(t->sender_msid);
        t->sender_msid = msid;
        t->public.sender_msid = msid;
    }
    return 0;
}

static int check_rids(const char *const *rids, size_t count)
{
    if (count > JSEP_ENCODINGS_MAX)
        return error_set(PEER_ERROR_RANGE, "more than %d encodings", JSEP_ENCODINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rids[i]);
        if (length == 0 || length > 255)
            return error_set(PEER_ERROR_TYPE, "a rid has 1 to 255 characters");
        for (const char *c = rids[i]; *c != '\0'; c++)
            if ((*c < '0' || *c > '9') && (*c < 'a' || *c > 'z') && (*c < 'A' || *c > 'Z') && *c != '-' && *c != '_')
                return error_set(PEER_ERROR_TYPE, "a rid has letters, digits, \"-\" and \"_\" only");
        for (size_t j = 0; j < i; j++)
            if (strcmp(rids[i], rids[j]) == 0)
                return error_set(PEER_ERROR_TYPE, "two encodings have the same rid");
    }
    return 0;
}

static int fill(transceiver_t *t, const jsep_transceiver_init_t *init, slots_t *slots)
{
    box_t *box;
    jsep_stream_ids_t ids;
    int error = init->track != NULL ? set_track(t, init->track, true) : 0;
    if (error == 0)
        error = check_rids(init->rids, init->rid_count);
    if (error == 0)
        error = make_streams(init->streams, init->stream_count, &box, &ids);
    if (error < 0)
        return error;
    take_streams(t, box, ids);
    t->public.direction = init->direction;
    if (init->rid_count == 0)
        return 0;
    slots->box = jsep_box_new();
    if (slots->box == NULL)
        return error_no_memory();
    slots->rid_count = init->rid_count;
    error = jsep_slots_set_strings(&slots->box->arena, init->rids, init->rid_count, &slots->rids);
    if (error < 0)
        jsep_box_unref(slots->box);
    return error;
}

int jsep_add_transceiver(jsep_session_t *session, jsep_kind_t kind, const jsep_transceiver_init_t *init, jsep_transceiver_t **transceiver)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    state_t *state = &session->state;
    if (state->entry_count >= JSEP_TRANSCEIVERS_MAX)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "more than %d transceivers", JSEP_TRANSCEIVERS_MAX);
    void *entries = state->entries, *list = session->list;
    bool has_room = memory_reserve(&entries, &state->entry_capacity, state->entry_count + 1, sizeof *state->entries);
    state->entries = entries;
    has_room = has_room && memory_reserve(&list, &session->list_capacity, state->entry_count + 1, sizeof *session->list);
    session->list = list;
    transceiver_t *t = has_room ? jsep_transceiver_new(session, kind, session->next_id, NULL) : NULL;
    if (t == NULL)
        return error_no_memory();
    entry_t entry = {.transceiver = t};
    entry.slots = (slots_t){.mline_index = NO_LINE, .current_direction = JSEP_NO_DIRECTION, .fired_direction = JSEP_NO_DIRECTION};
    error = fill(t, init, &entry.slots);
    if (error < 0) {
        jsep_transceiver_free(t);
        return error;
    }
    session->next_id++;
    session->list[state->entry_count] = &t->public;
    state->entries[state->entry_count++] = entry;
    *transceiver = &t->public;
    return 0;
}

int jsep_add_track(jsep_session_t *session, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count,
                   jsep_transceiver_t **transceiver)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    transceiver_t *reusable = NULL;
    for (size_t i = 0; i < session->state.entry_count; i++) {
        const entry_t *entry = &session->state.entries[i];
        transceiver_t *t = entry->transceiver;
        if (t->sender_track != NULL && strcmp(t->sender_track, track) == 0 && !entry->is_stopping)
            return error_set(PEER_ERROR_INVALID_ACCESS, "a sender for this track exists already");
        if (reusable == NULL && t->sender_track == NULL && t->public.kind == kind && !entry->is_stopping && !entry->is_stopped &&
            !t->ever_sent)
            reusable = t;
    }
    if (reusable == NULL) {
        jsep_transceiver_init_t init = {.direction = SDP_SENDRECV, .track = track, .streams = streams, .stream_count = stream_count};
        error = jsep_add_transceiver(session, kind, &init, transceiver);
        if (error == 0) {
            transceiver_t *made = (transceiver_t *)(void *)*transceiver;
            made->is_by_add_track = made->was_in_add_track = true;
        }
        return error;
    }
    box_t *box;
    jsep_stream_ids_t ids;
    error = make_streams(streams, stream_count, &box, &ids);
    if (error < 0)
        return error;
    error = set_track(reusable, track, reusable->public.mid == NULL || !sends((int)reusable->public.direction));
    if (error < 0) {
        jsep_box_unref(box);
        return error;
    }
    take_streams(reusable, box, ids);
    reusable->was_in_add_track = true;
    reusable->public.direction = (sdp_direction_t)(reusable->public.direction | SDP_SENDONLY);
    *transceiver = &reusable->public;
    return 0;
}

static int entry_for(const jsep_session_t *session, const jsep_transceiver_t *transceiver, entry_t **entry)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    *entry = entry_of(session, transceiver);
    return *entry != NULL ? 0 : error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
}

int jsep_remove_track(jsep_session_t *session, jsep_transceiver_t *transceiver)
{
    entry_t *entry;
    int error = entry_for(session, transceiver, &entry);
    if (error < 0 || entry->is_stopping || entry->is_stopped || transceiver->sender_track == NULL)
        return error;
    error = set_track(entry->transceiver, NULL, false);
    if (error == 0)
        transceiver->direction = (sdp_direction_t)(transceiver->direction & ~SDP_SENDONLY);
    return error;
}

int jsep_replace_track(jsep_session_t *session, jsep_transceiver_t *transceiver, const char *track)
{
    entry_t *entry;
    int error = entry_for(session, transceiver, &entry);
    if (error == 0 && entry->is_stopping)
        error = error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    return error < 0 ? error
                     : set_track(entry->transceiver, track, track != NULL && transceiver->mid == NULL && transceiver->sender_track == NULL);
}

int jsep_set_streams(jsep_session_t *session, jsep_transceiver_t *transceiver, const char *const *streams, size_t stream_count)
{
    entry_t *entry;
    box_t *box;
    jsep_stream_ids_t ids;
    int error = entry_for(session, transceiver, &entry);
    if (error == 0)
        error = make_streams(streams, stream_count, &box, &ids);
    if (error == 0)
        take_streams(entry->transceiver, box, ids);
    return error;
}

int jsep_set_direction(jsep_session_t *session, jsep_transceiver_t *transceiver, sdp_direction_t direction)
{
    entry_t *entry;
    int error = entry_for(session, transceiver, &entry);
    if (error == 0 && entry->is_stopping)
        error = error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    if (error == 0)
        transceiver->direction = direction;
    return error;
}

int jsep_stop(jsep_session_t *session, jsep_transceiver_t *transceiver)
{
    entry_t *entry;
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    entry = entry_of(session, transceiver);
    if (entry == NULL || entry->is_stopping)
        return 0;
    entry->is_stopping = true;
    transceiver->direction = SDP_INACTIVE;
    /* Without an m-line there is nothing to negotiate. */
    if (entry->slots.mline_index == NO_LINE)
        entry->is_stopped = true;
    jsep_transceiver_sync(entry);
    return 0;
}

int jsep_set_codec_preferences(jsep_session_t *session, jsep_transceiver_t *transceiver, const size_t *codecs, size_t count)
{
    entry_t *entry;
    int error = entry_for(session, transceiver, &entry);
    if (error < 0)
        return error;
    size_t *kept = memory_array(count != 0 ? count : 1, sizeof *kept), kept_count = 0;
    if (kept == NULL)
        return error_no_memory();
    bool has_primary = count == 0, has_rtx = false;
    for (size_t i = 0; error == 0 && i < count; i++) {
        has_rtx = has_rtx || codecs[i] == JSEP_CODEC_RTX;
        if (codecs[i] == JSEP_CODEC_RTX)
            continue;
        if (codecs[i] >= session->configuration.codec_count || session->configuration.codecs[codecs[i]].kind != transceiver->kind)
            error = error_set(PEER_ERROR_INVALID_MODIFICATION, "preference %zu is not a codec of this kind", i);
        for (size_t j = 0; error == 0 && j < kept_count; j++)
            if (codecs[i] == kept[j])
                error = error_set(PEER_ERROR_INVALID_MODIFICATION, "preference %zu stands twice", i);
        has_primary = has_primary || (error == 0 && !session->configuration.codecs[codecs[i]].is_auxiliary);
        kept[kept_count++] = codecs[i];
    }
    if (error == 0 && !has_primary)
        error = error_set(PEER_ERROR_INVALID_MODIFICATION, "the preferences name no codec for media");
    if (error < 0) {
        memory_free(kept);
        return error;
    }
    entry->transceiver->omits_rtx = count > 0 && !has_rtx;
    memory_free(entry->transceiver->preferences);
    entry->transceiver->preferences = kept;
    entry->transceiver->preference_count = kept_count;
    return 0;
}

void jsep_receiver_unmuted(jsep_transceiver_t *transceiver)
{
    transceiver->is_receiver_muted = false;
}
