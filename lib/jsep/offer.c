/* Offers (RFC 9429 §5.2): every m-line there was keeps its place; those that were rejected are used again; what is new comes behind. */
#include "base/error.h"
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
    const sdp_t *answer; /* the last one */
    size_t next_entry;   /* entries before this one have an m-line */
    uint64_t next_mid;
    bool data_is_open; /* the data m-line is still to be given a place */
} offer_t;

static const state_t *state_of(const offer_t *offer)
{
    return &offer->builder.session->state;
}

/* Every mid in use stands in a description, but for those that were made for m-lines without: and these are no numbers. */
static bool is_mid_used(const state_t *state, const char *mid)
{
    for (size_t i = 0; i < 4; i++)
        if (state->descriptions[i] != NULL && sdp_media_by_mid(state->descriptions[i]->sdp, mid) != NULL)
            return true;
    return false;
}

static void make_mid(offer_t *offer, char mid[24])
{
    do
        snprintf(mid, 24, "%" PRIu64, offer->next_mid++);
    while (is_mid_used(state_of(offer), mid));
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

static bool is_same_mid(const sdp_media_t *a, const sdp_media_t *b)
{
    return a->mid == NULL || b->mid == NULL ? a->mid == b->mid : strcmp(a->mid, b->mid) == 0;
}

/* May this m-line be used for something new? Not when an offer that is pending does so already. */
static bool is_free(const offer_t *offer, size_t index)
{
    const state_t *state = state_of(offer);
    const description_t *pending = state->descriptions[JSEP_PENDING_LOCAL], *current = state->descriptions[JSEP_CURRENT_LOCAL];
    if (!was_rejected(state, index))
        return false;
    return pending == NULL || current == NULL || is_rejected(&pending->sdp->media[index]) ||
           is_same_mid(&pending->sdp->media[index], &current->sdp->media[index]);
}

static int offer_rtp(offer_t *offer, const entry_t *entry, const line_t *previous, const sdp_media_t *answered, const char *mid)
{
    choices_t choices;
    jsep_numbering_choose(offer->builder.session, &offer->numbering, entry->transceiver, previous, answered, &choices);
    if (!jsep_codec_has_primary(offer->builder.session, &choices))
        return jsep_section_rejected(&offer->builder, entry->transceiver->public.kind == JSEP_AUDIO ? "audio" : "video",
                                     "UDP/TLS/RTP/SAVPF", NULL, 0, mid);
    return jsep_section_rtp(&offer->builder, entry, mid, entry->transceiver->public.direction, &choices, NULL, NULL, answered,
                            &offer->numbering);
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
    make_mid(offer, mid);
    if (entry != NULL)
        return offer_rtp(offer, entry, NULL, NULL, mid);
    offer->data_is_open = false;
    return jsep_section_data(&offer->builder, mid, NULL);
}

/* The section of the last answer, where this m-line was agreed on. */
static const sdp_media_t *answered_section(const offer_t *offer, size_t index, const char *mid)
{
    const sdp_media_t *media = offer->answer != NULL && index < offer->answer->media_count ? &offer->answer->media[index] : NULL;
    bool is_same = media != NULL && (media->mid == NULL || mid == NULL || strcmp(media->mid, mid) == 0);
    return is_same && !is_rejected(media) ? media : NULL;
}

static int offer_again(offer_t *offer, size_t index)
{
    const state_t *state = state_of(offer);
    const sdp_media_t *before = &offer->base->media[index];
    const entry_t *entry = jsep_state_entry_by_line(state, (int)index);
    if (entry != NULL && !entry->is_stopping && !entry->is_stopped)
        return offer_rtp(offer, entry, previous_line(offer, index), answered_section(offer, index, entry->slots.mid), entry->slots.mid);
    if (entry == NULL && is_data(before) && !is_rejected(before) && !is_free(offer, index))
        return jsep_section_data(&offer->builder, before->mid, before);
    if (entry == NULL && is_free(offer, index)) {
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
        if (is_data(&offer->base->media[i]) && !is_rejected(&offer->base->media[i]) && !is_free(offer, i))
            offer->data_is_open = false;
    offer->answer = jsep_last_answer(state);
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

/* The m-line that stands for the transport: the one that does, while it lives (RFC 9143 §7.5), else that of the first transceiver (W3C
 * WebRTC §4.4.2, final steps to create an offer), else the first. */
static int choose_tag(const offer_t *offer)
{
    const sdp_t *sdp = offer->builder.sdp;
    const line_t *lines = offer->builder.description->lines;
    uint32_t first = 0;
    int tag = NO_LINE;
    int old = offer->local != NULL ? offer->local->tag : NO_LINE;
    if (old != NO_LINE && offer->answer != NULL && (size_t)old < offer->answer->media_count && !is_rejected(&sdp->media[old]) &&
        is_same_mid(&sdp->media[old], &offer->base->media[old]))
        return old;
    for (size_t i = 0; i < sdp->media_count; i++) {
        bool is_first = lines[i].transceiver != 0 && (first == 0 || lines[i].transceiver < first);
        if (is_rejected(&sdp->media[i]) || (tag != NO_LINE && !is_first))
            continue;
        tag = (int)i;
        if (is_first)
            first = lines[i].transceiver;
    }
    return tag;
}

/* An offer leaves the roles open (RFC 9429 §5.2.1) except when the bundle passes to another m-line: Chromium 156 looks the role up by the
 * m-line that is gone and would answer with the wrong one. */
static void settle_roles(const offer_t *offer, int tag)
{
    sdp_t *sdp = offer->builder.sdp;
    jsep_dtls_role_t role = state_of(offer)->transport.dtls_role;
    if (role == JSEP_DTLS_UNKNOWN || offer->local == NULL || offer->local->tag == tag)
        return;
    for (size_t i = 0; i < sdp->media_count; i++)
        if (!is_rejected(&sdp->media[i]))
            sdp->media[i].common.setup = role == JSEP_DTLS_CLIENT ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
}

/* RFC 9429 §4.1.1, §5.2.1: what is only to be had in the bundle. Once it was negotiated nothing is marked any more (§5.2.2). */
static void mark_bundle_only(const offer_t *offer, int tag)
{
    sdp_t *sdp = offer->builder.sdp;
    jsep_bundle_policy_t policy = offer->builder.session->configuration.bundle_policy;
    bool has_type[3] = {false}; /* audio, video, application */
    if (policy == JSEP_BUNDLE_MAX_COMPAT || tag == NO_LINE ||
        (offer->answer != NULL && sdp_group_find(offer->answer, "BUNDLE", NULL) != NULL))
        return;
    for (size_t step = 0; step <= sdp->media_count; step++) {
        sdp_media_t *media = step == 0 ? &sdp->media[tag] : &sdp->media[step - 1];
        int type = is_data(media) ? 2 : text_equal_ignore_case(media->type, "video") ? 1 : 0;
        if (is_rejected(media) || (step > 0 && step - 1 == (size_t)tag))
            continue;
        bool is_free = step == 0 || (policy == JSEP_BUNDLE_BALANCED && !has_type[type]);
        has_type[type] = true;
        media->bundle_only = !is_free;
        if (!is_free)
            media->port = 0;
    }
}

int jsep_offer_build(jsep_session_t *session, const jsep_offer_options_t *options, description_t **description)
{
    offer_t offer = {.next_mid = session->next_mid};
    const state_t *state = &session->state;
    const description_t *before =
        state->descriptions[JSEP_PENDING_LOCAL] != NULL ? state->descriptions[JSEP_PENDING_LOCAL] : state->descriptions[JSEP_CURRENT_LOCAL];
    size_t most = (before != NULL ? before->sdp->media_count : 0) + state->entry_count + 1;
    int error = jsep_builder_begin(&offer.builder, session, JSEP_OFFER, options != NULL && options->ice_restart, most);
    if (error == 0) {
        find_base(&offer);
        jsep_numbering_init(session, &offer.numbering);
        error = build(&offer);
    }
    if (error == 0) {
        int tag = choose_tag(&offer);
        settle_roles(&offer, tag);
        mark_bundle_only(&offer, tag);
        offer.builder.description->tag = tag;
        offer.builder.description->next_mid = offer.next_mid;
        error = jsep_lipsync_offer(&offer.builder);
    }
    if (error == 0)
        error = jsep_builder_end(&offer.builder, true, description);
    jsep_builder_clear(&offer.builder);
    return error;
}
