/* Offers (RFC 9429 §5.2): every m-line there was keeps its place; those that were rejected are used again; what is new comes behind. */
#include "base/error.h"
#include "base/map.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct offer {
    builder_t builder;
    numbering_t numbering;
    const description_t *local; /* what the m-lines were last, by either side; NULL: nothing yet */
    const sdp_t *base;
    size_t next_entry; /* entries before this one have an m-line */
    uint64_t next_mid;
    map_t mids; /* by jsep_hash(): those in use; numbers that were given now never come again */
    bool has_mids;
    bool data_is_open; /* the data m-line is still to be given a place */
} offer_t;

static const state_t *state_of(const offer_t *offer)
{
    return &offer->builder.session->state;
}

static int remember_mid(offer_t *offer, const char *mid)
{
    return mid == NULL || map_set(&offer->mids, jsep_hash(mid), offer) ? 0 : error_no_memory();
}

/* Collects the mids that there are, when the first new one is made. */
static int collect_mids(offer_t *offer)
{
    const state_t *state = state_of(offer);
    int error = 0;
    for (size_t i = 0; error == 0 && i < state->entry_count; i++)
        error = remember_mid(offer, state->entries[i].slots.mid);
    for (size_t i = 0; i < 4; i++) {
        const sdp_t *sdp = state->descriptions[i] != NULL ? state->descriptions[i]->sdp : NULL;
        for (size_t j = 0; error == 0 && sdp != NULL && j < sdp->media_count; j++)
            error = remember_mid(offer, sdp->media[j].mid);
    }
    offer->has_mids = error == 0;
    return error;
}

static int make_mid(offer_t *offer, char mid[24])
{
    int error = offer->has_mids ? 0 : collect_mids(offer);
    do
        snprintf(mid, 24, "%" PRIu64, offer->next_mid++);
    while (map_get(&offer->mids, jsep_hash(mid)) != NULL); /* one of the same hash is left out, too */
    return error;
}

static const line_t *previous_line(const offer_t *offer, size_t index)
{
    const description_t *local = offer->local;
    return local != NULL && local->lines != NULL && index < local->sdp->media_count ? &local->lines[index] : NULL;
}

/* An m-line that one side rejected in the last negotiation may be used for anything (RFC 9429 §5.2.2). */
static bool was_rejected(const state_t *state, size_t index)
{
    static const jsep_which_t current[] = {JSEP_CURRENT_LOCAL, JSEP_CURRENT_REMOTE};
    for (size_t i = 0; i < 2; i++) {
        const description_t *description = state->descriptions[current[i]];
        if (description != NULL && index < description->sdp->media_count && is_rejected(&description->sdp->media[index]))
            return true;
    }
    return false;
}

static int offer_rtp(offer_t *offer, const entry_t *entry, const line_t *previous, const char *mid)
{
    choices_t choices;
    jsep_numbering_choose(offer->builder.session, &offer->numbering, entry->transceiver, previous, &choices);
    if (!jsep_codec_has_primary(offer->builder.session, &choices))
        return jsep_section_rejected(&offer->builder, entry->transceiver->public.kind == JSEP_AUDIO ? "audio" : "video",
                                     "UDP/TLS/RTP/SAVPF", NULL, 0, mid);
    return jsep_section_rtp(&offer->builder, entry, mid, entry->transceiver->public.direction, &choices, NULL, NULL, &offer->numbering);
}

static const entry_t *next_unassociated(offer_t *offer)
{
    const state_t *state = state_of(offer);
    for (; offer->next_entry < state->entry_count; offer->next_entry++) {
        const entry_t *entry = &state->entries[offer->next_entry];
        if (entry->slots.mline_index == NO_LINE && !entry->is_stopping && !entry->is_stopped)
            return &state->entries[offer->next_entry++];
    }
    return NULL;
}

/* What is new takes the next place, be it an old m-line's or one at the end. False when there is nothing left. */
static int offer_new(offer_t *offer, bool *is_used)
{
    char mid[24];
    const entry_t *entry = next_unassociated(offer);
    *is_used = entry != NULL || offer->data_is_open;
    if (!*is_used)
        return 0;
    int error = make_mid(offer, mid);
    if (error < 0)
        return error;
    if (entry != NULL)
        return offer_rtp(offer, entry, NULL, mid);
    offer->data_is_open = false;
    return jsep_section_data(&offer->builder, mid, NULL);
}

static int offer_again(offer_t *offer, size_t index)
{
    const state_t *state = state_of(offer);
    const sdp_media_t *before = &offer->base->media[index];
    const entry_t *entry = jsep_state_entry_by_line(state, (int)index);
    if (entry != NULL && !entry->is_stopping && !entry->is_stopped)
        return offer_rtp(offer, entry, previous_line(offer, index), entry->slots.mid);
    if (entry == NULL && is_data(before) && !is_rejected(before))
        return jsep_section_data(&offer->builder, before->mid, before);
    if (entry == NULL && was_rejected(state, index)) {
        bool is_used;
        int error = offer_new(offer, &is_used);
        if (error < 0 || is_used)
            return error;
    }
    return jsep_section_rejected(&offer->builder, before->type, before->protocol, before->formats, before->format_count, before->mid);
}

static void find_base(offer_t *offer)
{
    const state_t *state = state_of(offer);
    offer->local =
        state->descriptions[JSEP_PENDING_LOCAL] != NULL ? state->descriptions[JSEP_PENDING_LOCAL] : state->descriptions[JSEP_CURRENT_LOCAL];
    offer->base = offer->local != NULL ? offer->local->sdp : NULL;
    offer->data_is_open = offer->builder.session->wants_data;
    for (size_t i = 0; offer->base != NULL && i < offer->base->media_count; i++)
        if (is_data(&offer->base->media[i]) && !is_rejected(&offer->base->media[i]))
            offer->data_is_open = false;
}

static int build(offer_t *offer)
{
    size_t old_count = offer->base != NULL ? offer->base->media_count : 0;
    int error = 0;
    for (size_t i = 0; error == 0 && i < old_count; i++)
        error = offer_again(offer, i);
    bool is_used = true;
    while (error == 0 && is_used) {
        if (offer->builder.sdp->media_count > SDP_MEDIA_MAX)
            return error_set(PEER_ERROR_QUOTA_EXCEEDED, "more than %u m-lines", SDP_MEDIA_MAX);
        error = offer_new(offer, &is_used);
    }
    return error;
}

/* An offer leaves the roles open (RFC 9429 §5.2.1) except when the bundle passes to another m-line: Chromium 156 looks the role up by the
 * m-line that is gone and would answer with the wrong one. */
static void settle_roles(const offer_t *offer)
{
    sdp_t *sdp = offer->builder.sdp;
    jsep_dtls_role_t role = state_of(offer)->transport.dtls_role;
    size_t tag = 0;
    while (tag < sdp->media_count && is_rejected(&sdp->media[tag]))
        tag++;
    if (role == JSEP_DTLS_UNKNOWN || offer->local == NULL || offer->local->tag == (int)tag)
        return;
    for (size_t i = tag; i < sdp->media_count; i++)
        if (!is_rejected(&sdp->media[i]))
            sdp->media[i].common.setup = role == JSEP_DTLS_CLIENT ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
}

int jsep_offer_build(jsep_session_t *session, const jsep_offer_options_t *options, description_t **description)
{
    offer_t offer = {.next_mid = session->next_mid};
    const state_t *state = &session->state;
    const description_t *before =
        state->descriptions[JSEP_PENDING_LOCAL] != NULL ? state->descriptions[JSEP_PENDING_LOCAL] : state->descriptions[JSEP_CURRENT_LOCAL];
    size_t most = (before != NULL ? before->sdp->media_count : 0) + state->entry_count + 1;
    int error = jsep_builder_begin(&offer.builder, session, JSEP_OFFER, most);
    if (error == 0 && options != NULL && options->ice_restart)
        error = jsep_builder_restart_ice(&offer.builder);
    if (error == 0) {
        find_base(&offer);
        jsep_numbering_init(session, &offer.numbering);
        error = build(&offer);
    }
    if (error == 0) {
        settle_roles(&offer);
        offer.builder.description->next_mid = offer.next_mid;
        error = jsep_builder_end(&offer.builder, true, description);
    }
    jsep_builder_clear(&offer.builder);
    map_clear(&offer.mids);
    return error;
}
