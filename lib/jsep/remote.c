/* What a remote description changes (W3C WebRTC §4.4.1.5, the part "if remote is true"; RFC 9429 §5.10). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

/* RFC 9429 §5.10: an m-line that wants to receive takes a transceiver that addTrack() made and that waits for one. */
static entry_t *find_waiting(const state_t *state, jsep_kind_t kind, sdp_direction_t direction)
{
    for (size_t i = 0; receives((int)direction) && i < state->entry_count; i++) {
        entry_t *entry = &state->entries[i];
        if (entry->slots.mline_index == NO_LINE && entry->transceiver->is_by_add_track && entry->transceiver->public.kind == kind &&
            !entry->is_stopping && !entry->is_stopped)
            return entry;
    }
    return NULL;
}

static bool is_mid_taken(const jsep_plan_t *plan, const char *mid)
{
    const state_t *next = &plan->next;
    for (size_t i = 0; i < next->entry_count; i++)
        if (next->entries[i].slots.mid != NULL && strcmp(next->entries[i].slots.mid, mid) == 0)
            return true;
    return sdp_media_by_mid(plan->description->sdp, mid) != NULL;
}

/* RFC 9429 §5.10: an m-line without mid gets one that only we know. */
static const char *make_mid(const jsep_plan_t *plan)
{
    char mid[9];
    do
        random_text(&plan->session->configuration.random, mid, sizeof mid - 1, "abcdefghijklmnopqrstuvwxyz");
    while (is_mid_taken(plan, mid));
    return arena_string(&plan->box->arena, mid);
}

static int associate(jsep_plan_t *plan, size_t index, entry_t **found)
{
    const sdp_t *sdp = plan->description->sdp;
    const sdp_media_t *media = &sdp->media[index];
    const char *streams[JSEP_STREAMS_MAX], *track;
    jsep_kind_t kind = text_equal_ignore_case(media->type, "audio") ? JSEP_AUDIO : JSEP_VIDEO;
    entry_t *entry = find_waiting(&plan->next, kind, sdp_media_direction(sdp, media));
    if (entry == NULL) {
        jsep_tracks_read_msids(media, &plan->box->arena, streams, &track);
        entry = jsep_plan_create_entry(plan, kind, track);
        if (entry == NULL)
            return PEER_ERROR_NO_MEMORY;
        plan->effects[plan->effect_count - 1].mline_index = (int)index;
    }
    int error = jsep_plan_own_slots(plan, &entry->slots);
    if (error < 0)
        return error;
    entry->slots.mline_index = (int)index;
    entry->slots.mid = media->mid != NULL ? arena_string(&plan->box->arena, media->mid) : make_mid(plan);
    *found = entry;
    return entry->slots.mid != NULL ? 0 : error_no_memory();
}

/* The transceiver of an m-line. A new one only for an offered m-line of media that is not rejected. */
static int find_entry(jsep_plan_t *plan, size_t index, entry_t **entry)
{
    const sdp_media_t *media = &plan->description->sdp->media[index];
    bool is_media = text_equal_ignore_case(media->type, "audio") || text_equal_ignore_case(media->type, "video");
    *entry = jsep_state_entry_by_line(&plan->next, (int)index);
    if (*entry != NULL && (*entry)->is_stopped && !is_rejected(media) && plan->type == JSEP_OFFER) {
        (*entry)->slots.mline_index = NO_LINE; /* the place is used again */
        (*entry)->slots.mid = NULL;
        *entry = NULL;
    }
    if (*entry != NULL || plan->type != JSEP_OFFER || !is_media || is_rejected(media))
        return 0;
    return associate(plan, index, entry);
}

static bool has_layer(const sdp_simulcast_t *simulcast, const char *rid)
{
    for (size_t i = 0; i < simulcast->receive_count; i++)
        for (size_t j = 0; j < simulcast->receive[i].rid_count; j++)
            if (strcmp(simulcast->receive[i].rids[j].id, rid) == 0)
                return true;
    return false;
}

/* W3C: an offer that asks us for simulcast gives the encodings; an answer takes away those it does not want. */
static int set_layers(jsep_plan_t *plan, entry_t *entry, const sdp_media_t *media)
{
    slots_t *slots = &entry->slots;
    const sdp_simulcast_t *simulcast = &media->simulcast;
    const char *rids[JSEP_ENCODINGS_MAX];
    size_t count = 0;
    if (plan->type == JSEP_OFFER ? slots->rid_count != 0 || simulcast->receive_count < 2 : slots->rid_count < 2)
        return 0;
    if (plan->type == JSEP_OFFER) {
        for (size_t i = 0; i < simulcast->receive_count && count < JSEP_ENCODINGS_MAX; i++)
            rids[count++] = simulcast->receive[i].rids[0].id;
    } else {
        for (size_t i = 0; i < slots->rid_count; i++)
            if (has_layer(simulcast, slots->rids[i]))
                rids[count++] = slots->rids[i];
        if (count == 0)
            rids[count++] = slots->rids[0];
    }
    int error = jsep_plan_own_slots(plan, slots);
    slots->rid_count = count;
    return error < 0 ? error : jsep_slots_set_strings(&plan->box->arena, rids, count, &slots->rids);
}

static int set_current_direction(jsep_plan_t *plan, entry_t *entry, int direction)
{
    if (entry->slots.current_direction == direction)
        return 0;
    entry->slots.current_direction = direction;
    return jsep_plan_line_effect(plan, JSEP_EFFECT_CURRENT_DIRECTION, entry, entry->slots.mline_index);
}

static int apply_line(jsep_plan_t *plan, size_t index)
{
    const sdp_t *sdp = plan->description->sdp;
    const sdp_media_t *media = &sdp->media[index];
    const char *streams[JSEP_STREAMS_MAX], *track;
    entry_t *entry;
    int error = find_entry(plan, index, &entry);
    if (error < 0 || entry == NULL || entry->is_stopped)
        return error;
    int direction = is_rejected(media) ? SDP_INACTIVE : (int)sdp_direction_reverse(sdp_media_direction(sdp, media));
    size_t count = receives(direction) ? jsep_tracks_read_msids(media, &plan->box->arena, streams, &track) : 0;
    error = set_layers(plan, entry, media);
    if (error == 0)
        error = jsep_tracks_process_remote(plan, entry, direction, streams, count);
    if (error == 0 && plan->type != JSEP_OFFER)
        error = set_current_direction(plan, entry, direction);
    if (error == 0 && is_rejected(media))
        error = jsep_plan_stop_entry(plan, entry);
    return error;
}

int jsep_remote_choose_bundle(const sdp_t *sdp, const jsep_session_t *session, bundle_t *bundle)
{
    bool *wanted = memory_array(sdp->media_count, sizeof *wanted);
    if (wanted == NULL)
        return error_no_memory();
    for (size_t i = 0; i < sdp->media_count; i++)
        wanted[i] = session != NULL ? jsep_answer_could_accept(session, &sdp->media[i], NULL) : !is_rejected(&sdp->media[i]);
    *bundle = jsep_bundle_choose(sdp, wanted);
    memory_free(wanted);
    return 0;
}

/* RFC 9429 §5.3.1: an offer with other credentials asks for new ones of ours. */
static void answer_restart(jsep_plan_t *plan, const char *old_ufrag)
{
    state_t *next = &plan->next;
    const random_source_t *random = &plan->session->configuration.random;
    const char *ufrag = next->transport.remote_ufrag;
    if (old_ufrag == NULL || ufrag == NULL || next->transport.local_ufrag == NULL || strcmp(old_ufrag, ufrag) == 0)
        return;
    random_text(random, next->answer_ufrag, ICE_UFRAG_LENGTH, RANDOM_ICE_CHARS);
    random_text(random, next->answer_pwd, ICE_PWD_LENGTH, RANDOM_ICE_CHARS);
}

int jsep_plan_remote(jsep_plan_t *plan)
{
    const sdp_t *sdp = plan->description->sdp;
    bool is_offer = plan->type == JSEP_OFFER;
    const description_t *local =
        plan->type == JSEP_ANSWER ? plan->next.descriptions[JSEP_CURRENT_LOCAL] : plan->next.descriptions[JSEP_PENDING_LOCAL];
    const char *old_ufrag = plan->next.transport.remote_ufrag;
    bundle_t bundle = {.tag = NO_LINE};
    int error = jsep_remote_check(plan->rolled_back.entries != NULL ? &plan->rolled_back : &plan->session->state, plan->type, sdp);
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++)
        error = apply_line(plan, i);
    if (error == 0)
        error = jsep_remote_choose_bundle(sdp, is_offer ? plan->session : NULL, &bundle);
    if (error == 0 && bundle.tag != NO_LINE)
        error = jsep_transport_set_remote(plan, sdp, bundle.tag);
    if (error < 0)
        return error;
    if (is_offer) {
        answer_restart(plan, old_ufrag);
        return 0;
    }
    if (bundle.tag != NO_LINE)
        error = jsep_transport_set_role(plan, sdp_media_setup(sdp, &sdp->media[bundle.tag]), false);
    return error == 0 ? jsep_negotiate(plan, local, sdp, sdp) : error;
}
