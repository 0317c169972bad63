/* What a remote description changes (W3C WebRTC §4.4.1.5, the part "if remote is true"; RFC 9429 §5.10). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <stdio.h>
#include <string.h>

static bool is_waiting(const entry_t *entry)
{
    return entry->slots.mline_index == NO_LINE && entry->transceiver->is_by_add_track && !entry->is_stopping && !entry->is_stopped;
}

/* RFC 9429 §5.10: an m-line that wants to receive takes the first transceiver that addTrack() made and that waits for one. */
static entry_t *find_waiting(jsep_plan_t *plan, jsep_kind_t kind, sdp_direction_t direction)
{
    state_t *next = &plan->next;
    size_t *i = &plan->waiting[kind];
    if (!receives((int)direction))
        return NULL;
    while (*i < next->entry_count && (next->entries[*i].transceiver->public.kind != kind || !is_waiting(&next->entries[*i])))
        ++*i;
    return *i < next->entry_count ? &next->entries[*i] : NULL;
}

/* RFC 9429 §5.10: an m-line without mid gets one that only we know. Its end is the m-line's number, which no other one made here has. */
static const char *make_mid(const jsep_plan_t *plan, size_t index)
{
    char mid[32];
    do {
        random_text(&plan->session->configuration.random, mid, 4, "abcdefghijklmnopqrstuvwxyz");
        snprintf(mid + 4, sizeof mid - 4, "%zu", index);
    } while (sdp_media_by_mid(plan->description->sdp, mid) != NULL);
    return arena_string(&plan->box->arena, mid);
}

static int associate(jsep_plan_t *plan, size_t index, entry_t **found)
{
    const sdp_t *sdp = plan->description->sdp;
    const sdp_media_t *media = &sdp->media[index];
    const char *streams[JSEP_STREAMS_MAX], *track;
    jsep_kind_t kind = text_equal_ignore_case(media->type, "audio") ? JSEP_AUDIO : JSEP_VIDEO;
    entry_t *entry = find_waiting(plan, kind, sdp_media_direction(sdp, media));
    if (entry == NULL) {
        size_t count;
        if (jsep_tracks_read_msids(plan, media, streams, &count, &track) < 0)
            return PEER_ERROR_NO_MEMORY;
        entry = jsep_plan_create_entry(plan, kind, track);
        if (entry == NULL)
            return PEER_ERROR_NO_MEMORY;
        plan->effects[plan->effect_count - 1].mline_index = (int)index;
    }
    int error = jsep_plan_own_slots(plan, &entry->slots);
    if (error < 0)
        return error;
    jsep_state_bind(&plan->next, entry, (int)index);
    entry->slots.mid = media->mid != NULL ? arena_string(&plan->box->arena, media->mid) : make_mid(plan, index);
    *found = entry;
    return entry->slots.mid != NULL ? 0 : error_no_memory();
}

/* RFC 9429 §5.10: only an m-line that is rejected by now may become another one; it leaves the transceiver that it had. */
static bool is_recycled(const jsep_plan_t *plan, size_t index, const sdp_media_t *media)
{
    static const jsep_which_t all[] = {JSEP_CURRENT_LOCAL, JSEP_CURRENT_REMOTE, JSEP_PENDING_REMOTE};
    const state_t *before = plan->rolled_back.entries != NULL ? &plan->rolled_back : &plan->session->state;
    for (size_t i = 0; plan->type == JSEP_OFFER && !is_rejected(media) && i < 3; i++) {
        const description_t *description = before->descriptions[all[i]];
        if (description != NULL && index < description->sdp->media_count && is_rejected(&description->sdp->media[index]))
            return true;
    }
    return false;
}

/* The transceiver of an m-line. A new one only for an offered m-line of media that is not rejected. */
static int find_entry(jsep_plan_t *plan, size_t index, entry_t **entry)
{
    const sdp_media_t *media = &plan->description->sdp->media[index];
    bool is_media = text_equal_ignore_case(media->type, "audio") || text_equal_ignore_case(media->type, "video");
    *entry = jsep_state_entry_by_line(&plan->next, (int)index);
    if (*entry != NULL && (*entry)->is_stopped && is_recycled(plan, index, media)) {
        jsep_state_bind(&plan->next, *entry, NO_LINE);
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

/* W3C WebRTC §4.4.1.5: an offer that asks us for simulcast proposes the encodings of a sender that has none by rid: the first alternative
 * of each, a rid that stands twice once, as many as we can send. */
static size_t propose_layers(const jsep_plan_t *plan, const entry_t *entry, const sdp_simulcast_t *simulcast, const char **rids)
{
    size_t most = entry->transceiver->public.kind == JSEP_AUDIO ? 1 : JSEP_ENCODINGS_MAX, count = 0;
    if (plan->type != JSEP_OFFER || entry->slots.rid_count != 0)
        return 0;
    for (size_t i = 0; i < simulcast->receive_count && count < most; i++) {
        bool is_known = false;
        for (size_t j = 0; j < count; j++)
            is_known = is_known || strcmp(rids[j], simulcast->receive[i].rids[0].id) == 0;
        if (!is_known)
            rids[count++] = simulcast->receive[i].rids[0].id;
    }
    return count;
}

/* An answer takes away those it does not want; of none of them the first stays, to be sent without simulcast. */
static size_t prune_layers(const jsep_plan_t *plan, const slots_t *slots, const sdp_simulcast_t *simulcast, const char **rids)
{
    size_t count = 0;
    if (plan->type == JSEP_OFFER || slots->rid_count < 2)
        return 0;
    for (size_t i = 0; i < slots->rid_count; i++)
        if (has_layer(simulcast, slots->rids[i]))
            rids[count++] = slots->rids[i];
    if (count == 0)
        rids[count++] = slots->rids[0];
    return count;
}

static int set_layers(jsep_plan_t *plan, entry_t *entry, const sdp_media_t *media, int direction)
{
    slots_t *slots = &entry->slots;
    const char *rids[JSEP_ENCODINGS_MAX];
    size_t count = propose_layers(plan, entry, &media->simulcast, rids);
    if (count == 0 && sends(direction)) /* one that sends nothing for now says nothing of them */
        count = prune_layers(plan, slots, &media->simulcast, rids);
    if (count == 0)
        return 0;
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

static const description_t *our_offer(const jsep_plan_t *plan)
{
    return plan->type == JSEP_ANSWER ? plan->next.descriptions[JSEP_CURRENT_LOCAL] : plan->next.descriptions[JSEP_PENDING_LOCAL];
}

static sdp_direction_t offered_direction(const jsep_plan_t *plan, size_t index)
{
    const sdp_t *offer = our_offer(plan)->sdp;
    return sdp_media_direction(offer, &offer->media[index]);
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
    if (plan->type != JSEP_OFFER) /* RFC 3264 §6.1: an answer cannot have more than was offered */
        direction &= (int)offered_direction(plan, index);
    size_t count = 0;
    if (receives(direction))
        error = jsep_tracks_read_msids(plan, media, streams, &count, &track);
    if (error == 0)
        error = set_layers(plan, entry, media, direction);
    if (error == 0)
        error = jsep_tracks_process_remote(plan, entry, direction, streams, count);
    if (error == 0 && plan->type != JSEP_OFFER && receives(direction))
        entry->slots.is_receptive = true; /* as our offer said: a provisional answer may have taken it away (W3C has no step for this) */
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
    jsep_bundle_choose(sdp, wanted, bundle);
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
    const description_t *local = is_offer ? NULL : our_offer(plan);
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
