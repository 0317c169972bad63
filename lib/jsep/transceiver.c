/* Transceivers: what the application does to them (W3C WebRTC §5.1, §5.2, §5.4). What descriptions do to them is in their slots. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

#define UUID_SIZE 37

/* RFC 9562 §5.4 */
static void make_uuid(const random_source_t *random, char text[UUID_SIZE])
{
    uint8_t b[16];
    random_fill(random, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = "0123456789abcdef"[b[i] >> 4];
        *text++ = "0123456789abcdef"[b[i] & 0x0f];
    }
    *text = '\0';
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

static uint32_t make_ssrc(jsep_session_t *session)
{
    uint32_t ssrc;
    do
        ssrc = next_ssrc(session);
    while (ssrc == 0);
    return ssrc;
}

/* How many senders have a track whose id has this hash: nearly always none or one, so that addTrack() need not look at all of them. */
static size_t track_count(const jsep_session_t *session, const char *track)
{
    return (size_t)(uintptr_t)map_get(&session->tracks, jsep_hash(track));
}

static bool count_track(jsep_session_t *session, const char *track)
{
    return map_set(&session->tracks, jsep_hash(track), (void *)(uintptr_t)(track_count(session, track) + 1));
}

static void forget_track(jsep_session_t *session, const char *track)
{
    size_t count = track != NULL ? track_count(session, track) : 0;
    if (count > 1)
        map_set(&session->tracks, jsep_hash(track), (void *)(uintptr_t)(count - 1)); /* it has a place: this cannot fail */
    else if (count == 1)
        map_remove(&session->tracks, jsep_hash(track));
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
        jsep_transceiver_free(session, t);
        return NULL;
    }
    t->public = (jsep_transceiver_t){.id = id,
                                     .kind = kind,
                                     .mline_index = NO_LINE,
                                     .current_direction = JSEP_NO_DIRECTION,
                                     .direction = SDP_RECVONLY,
                                     .is_receiver_muted = true,
                                     .receiver_track = t->receiver_track,
                                     .sender_msid = t->sender_msid,
                                     .ssrc = make_ssrc(session)};
    t->public.rtx_ssrc = make_ssrc(session);
    return t;
}

void jsep_transceiver_free(jsep_session_t *session, transceiver_t *t)
{
    if (t == NULL)
        return;
    forget_track(session, t->sender_track);
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
    t->sender_rids = slots->rids;
    t->sender_rid_count = slots->rid_count;
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
    const entry_t *entry = jsep_state_entry_by_id(&session->state, id);
    return entry != NULL ? &entry->transceiver->public : NULL;
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
static int set_track(jsep_session_t *session, transceiver_t *t, const char *track, bool names_msid)
{
    if (track != NULL) {
        int error = check_id(track);
        if (error < 0)
            return error;
    }
    char *copy = memory_string(track);
    char *msid = names_msid ? memory_string(track) : NULL;
    if (track != NULL && (copy == NULL || (names_msid && msid == NULL) || !count_track(session, track))) {
        memory_free(copy);
        memory_free(msid);
        return error_no_memory();
    }
    if (track == NULL)
        session->first_unused[t->public.kind] = 0;
    forget_track(session, t->sender_track);
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
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rids[i]);
        if (length == 0 || length > 255)
            return error_set(PEER_ERROR_TYPE, "a rid has 1 to 255 characters");
        for (const char *c = rids[i]; *c != '\0'; c++)
            if ((*c < '0' || *c > '9') && (*c < 'a' || *c > 'z') && (*c < 'A' || *c > 'Z') && *c != '-' && *c != '_')
                return error_set(PEER_ERROR_TYPE, "a rid has letters, digits, \"-\" and \"_\" only");
        for (size_t j = 0; j < i && j < JSEP_ENCODINGS_MAX; j++)
            if (strcmp(rids[i], rids[j]) == 0)
                return error_set(PEER_ERROR_TYPE, "two encodings have the same rid");
    }
    return 0;
}

/* W3C WebRTC §5.1 addTransceiver: as many as can be sent, and a lone one has no rid. RFC 9429 §5.2.1: several without rid get some. */
static int set_rids(jsep_kind_t kind, const jsep_transceiver_init_t *init, slots_t *slots)
{
    static const char *const made[JSEP_ENCODINGS_MAX] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    size_t count = init->rid_count < JSEP_ENCODINGS_MAX ? init->rid_count : JSEP_ENCODINGS_MAX;
    int error = init->rids != NULL ? check_rids(init->rids, init->rid_count) : 0;
    if (error < 0 || count < 2 || kind == JSEP_AUDIO)
        return error;
    slots->box = jsep_box_new();
    if (slots->box == NULL)
        return error_no_memory();
    slots->rid_count = count;
    error = jsep_slots_set_strings(&slots->box->arena, init->rids != NULL ? init->rids : made, count, &slots->rids);
    if (error < 0)
        jsep_box_unref(slots->box);
    return error;
}

static int fill(jsep_session_t *session, transceiver_t *t, const jsep_transceiver_init_t *init, slots_t *slots)
{
    box_t *box;
    jsep_stream_ids_t ids;
    int error = init->track != NULL ? set_track(session, t, init->track, true) : 0;
    if (error == 0)
        error = make_streams(init->streams, init->stream_count, &box, &ids);
    if (error < 0)
        return error;
    take_streams(t, box, ids);
    t->public.direction = init->direction;
    return set_rids(t->public.kind, init, slots);
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
    jsep_extensions_init(session, state, kind, &entry.slots.extensions);
    error = fill(session, t, init, &entry.slots);
    if (error < 0) {
        jsep_transceiver_free(session, t);
        return error;
    }
    session->next_id++;
    jsep_transceiver_sync(&entry);
    session->list[state->entry_count] = &t->public;
    state->entries[state->entry_count++] = entry;
    *transceiver = &t->public;
    return 0;
}

/* W3C WebRTC §5.1 addTrack: "senders" are those of transceivers that are not stopped, stopping ones among them. */
static bool has_sender_for(const jsep_session_t *session, const char *track)
{
    for (size_t i = 0; track_count(session, track) != 0 && i < session->state.entry_count; i++) {
        const entry_t *entry = &session->state.entries[i];
        const char *theirs = entry->transceiver->sender_track;
        if (theirs != NULL && !entry->is_stopped && strcmp(theirs, track) == 0)
            return true;
    }
    return false;
}

static transceiver_t *find_unused(jsep_session_t *session, jsep_kind_t kind)
{
    size_t *i = &session->first_unused[kind];
    for (; *i < session->state.entry_count; ++*i) {
        const entry_t *entry = &session->state.entries[*i];
        const transceiver_t *t = entry->transceiver;
        if (t->public.kind == kind && t->sender_track == NULL && !entry->is_stopping && !entry->is_stopped && !t->ever_sent)
            return entry->transceiver;
    }
    return NULL;
}

int jsep_add_track(jsep_session_t *session, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count,
                   jsep_transceiver_t **transceiver)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    if (has_sender_for(session, track))
        return error_set(PEER_ERROR_INVALID_ACCESS, "a sender for this track exists already");
    transceiver_t *reusable = find_unused(session, kind);
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
    error = set_track(session, reusable, track, reusable->public.mid == NULL || !sends((int)reusable->public.direction));
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
    error = set_track(session, entry->transceiver, NULL, false);
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
                     : set_track(session, entry->transceiver, track,
                                 track != NULL && transceiver->mid == NULL && transceiver->sender_track == NULL);
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

/* An offer that was created and can still be set has an m-line for it. */
static bool is_in_created_offer(const jsep_session_t *session, const entry_t *entry)
{
    const description_t *offer = session->last_offer;
    for (size_t i = 0; offer != NULL && i < offer->sdp->media_count; i++)
        if (offer->lines[i].transceiver == entry->transceiver->public.id)
            return true;
    return false;
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
    if (entry->slots.mline_index == NO_LINE && !is_in_created_offer(session, entry))
        entry->is_stopped = true;
    jsep_transceiver_sync(entry);
    return 0;
}

int jsep_set_codec_preferences(jsep_session_t *session, jsep_transceiver_t *transceiver, const size_t *codecs, size_t count)
{
    entry_t *entry;
    size_t kept[JSEP_CODECS_MAX], kept_count = 0;
    bool is_known[JSEP_CODECS_MAX] = {false}, has_primary = count == 0, has_rtx = count == 0;
    int error = entry_for(session, transceiver, &entry);
    if (error < 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        has_rtx = has_rtx || codecs[i] == JSEP_CODEC_RTX;
        if (codecs[i] == JSEP_CODEC_RTX)
            continue;
        if (codecs[i] >= session->configuration.codec_count || session->configuration.codecs[codecs[i]].kind != transceiver->kind)
            return error_set(PEER_ERROR_INVALID_MODIFICATION, "preference %zu is not a codec of this kind", i);
        has_primary = has_primary || !session->configuration.codecs[codecs[i]].is_auxiliary;
        if (!is_known[codecs[i]])
            kept[kept_count++] = codecs[i];
        is_known[codecs[i]] = true;
    }
    if (!has_primary)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "the preferences name no codec for media");
    size_t *copy = kept_count > 0 ? memory_copy(kept, kept_count * sizeof *copy) : NULL;
    if (kept_count > 0 && copy == NULL)
        return error_no_memory();
    memory_free(entry->transceiver->preferences);
    entry->transceiver->preferences = copy;
    entry->transceiver->preference_count = kept_count;
    entry->transceiver->omits_rtx = !has_rtx;
    return 0;
}

void jsep_receiver_unmuted(jsep_transceiver_t *transceiver)
{
    transceiver->is_receiver_muted = false;
}
