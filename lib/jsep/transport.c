/* What descriptions say of the one transport: credentials, fingerprints, roles (RFC 8839, RFC 8842). */
#include "base/error.h"
#include "base/text.h"
#include "jsep/session.h"

#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool has_fingerprint(const sdp_fingerprint_t *fingerprints, size_t count, const sdp_fingerprint_t *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal_ignore_case(fingerprints[i].algorithm, wanted->algorithm) && fingerprints[i].length == wanted->length &&
            memcmp(fingerprints[i].bytes, wanted->bytes, wanted->length) == 0)
            return true;
    return false;
}

/* Their order means nothing (RFC 8122 §5). */
static bool are_same_fingerprints(const jsep_transport_t *a, const sdp_fingerprint_t *b, size_t count)
{
    if (a->remote_fingerprint_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!has_fingerprint(b, count, &a->remote_fingerprints[i]) || !has_fingerprint(a->remote_fingerprints, count, &b[i]))
            return false;
    return true;
}

static const sdp_fingerprint_t *copy_fingerprints(arena_t *arena, const sdp_fingerprint_t *fingerprints, size_t count)
{
    sdp_fingerprint_t *copy = arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        uint8_t *bytes = arena_new(arena, fingerprints[i].length);
        copy[i] = fingerprints[i];
        copy[i].algorithm = arena_string(arena, fingerprints[i].algorithm);
        if (bytes == NULL || copy[i].algorithm == NULL)
            return NULL;
        memcpy(bytes, fingerprints[i].bytes, fingerprints[i].length);
        copy[i].bytes = bytes;
    }
    return copy;
}

/* Makes the transport's strings the plan's own. */
static int own(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    jsep_transport_t *t = &next->transport;
    arena_t *arena = &plan->box->arena;
    if (next->transport_box == plan->box)
        return 0;
    const char **texts[] = {&t->local_ufrag, &t->local_pwd, &t->remote_ufrag, &t->remote_pwd, &t->remote_tls_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *copy = arena_string(arena, *texts[i]);
        if (*texts[i] != NULL && copy == NULL)
            return error_no_memory();
        *texts[i] = copy;
    }
    t->remote_fingerprints = copy_fingerprints(arena, t->remote_fingerprints, t->remote_fingerprint_count);
    if (t->remote_fingerprints == NULL)
        return error_no_memory();
    jsep_box_unref(next->transport_box);
    next->transport_box = jsep_box_ref(plan->box);
    return 0;
}

/* RFC 8445 §6.1.1: the offerer is controlling, unless only it is a full agent. It is settled by the first offer. */
static void set_ice_role(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    if (next->has_role)
        return;
    bool is_offerer = (plan->side == JSEP_LOCAL) == (plan->type == JSEP_OFFER);
    next->transport.is_controlling = is_offerer;
    next->has_role = true;
}

int jsep_transport_set_local(jsep_plan_t *plan, const description_t *local)
{
    jsep_transport_t *t = &plan->next.transport;
    if (local->tag == NO_LINE)
        return 0;
    int error = own(plan);
    if (error < 0)
        return error;
    const sdp_common_t *common = &local->sdp->media[local->tag].common;
    set_ice_role(plan);
    t->local_ufrag = arena_string(&plan->box->arena, common->ice_ufrag);
    t->local_pwd = arena_string(&plan->box->arena, common->ice_pwd);
    return t->local_ufrag != NULL && t->local_pwd != NULL ? 0 : error_no_memory();
}

static int tell_candidates(jsep_plan_t *plan, const sdp_t *remote, int tag)
{
    const sdp_media_t *media = &remote->media[tag];
    for (size_t i = 0; i < media->candidate_count; i++) {
        jsep_effect_t *effect = jsep_plan_effect(plan, JSEP_EFFECT_CANDIDATE);
        if (effect == NULL)
            return PEER_ERROR_NO_MEMORY;
        effect->candidate = &media->candidates[i];
        effect->mline_index = tag;
        effect->mid = media->mid;
    }
    if (!sdp_media_end_of_candidates(remote, media))
        return 0;
    jsep_effect_t *effect = jsep_plan_effect(plan, JSEP_EFFECT_END_OF_CANDIDATES);
    if (effect == NULL)
        return PEER_ERROR_NO_MEMORY;
    effect->mline_index = tag;
    effect->mid = media->mid;
    return 0;
}

/* RFC 9429 §5.8.3, §5.10, §5.11: what the other side may change, and when. `before`: what it said last, in the stable state or, where one
 * pranswer follows another, in the one before. */
static int check_changes(const jsep_plan_t *plan, const jsep_transport_t *before, bool restarts, bool renews_dtls)
{
    const state_t *session = &plan->session->state;
    const jsep_transport_t *now = &plan->next.transport;
    if (before->remote_ufrag == NULL)
        return 0;
    if (renews_dtls && !restarts)
        return error_set(PEER_ERROR_INVALID_ACCESS, "another fingerprint or a=tls-id without an ICE restart");
    if (!restarts || plan->type == JSEP_OFFER || session->signaling == JSEP_HAVE_REMOTE_PRANSWER || plan->side == JSEP_LOCAL)
        return 0;
    /* Another peer answers: a call was handed over. It has no session to go on with, so its answer is a restart whatever was offered. */
    if (is_same_text(plan->session->stable.transport.local_ufrag, now->local_ufrag) && !renews_dtls)
        return error_set(PEER_ERROR_INVALID_ACCESS, "the answer restarts ICE, which was not offered");
    return 0;
}

/* RFC 9429 §5.10: b=CT at session level, in kilobits; b=AS means nothing there. */
static uint64_t total_bitrate(const sdp_t *remote)
{
    uint64_t rate = 0;
    for (size_t i = 0; i < remote->common.bandwidth_count; i++)
        if (strcmp(remote->common.bandwidths[i].type, "CT") == 0 && remote->common.bandwidths[i].value <= UINT64_MAX / 1000)
            rate = remote->common.bandwidths[i].value * 1000;
    return rate;
}

static void renew_dtls(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    next->transport.dtls_role = JSEP_DTLS_UNKNOWN; /* open again (RFC 8842 §5.1) */
    next->transport.is_dtls_new = true;
    random_text(&plan->session->configuration.random, next->tls_id, TLS_ID_LENGTH, RANDOM_ICE_CHARS);
}

int jsep_transport_set_remote(jsep_plan_t *plan, const sdp_t *remote, int tag)
{
    state_t *next = &plan->next;
    jsep_transport_t *t = &next->transport;
    arena_t *arena = &plan->box->arena;
    const sdp_media_t *media = &remote->media[tag];
    const char *ufrag = sdp_media_ice_ufrag(remote, media), *pwd = sdp_media_ice_pwd(remote, media);
    size_t count;
    const sdp_fingerprint_t *fingerprints = sdp_media_fingerprints(remote, media, &count);
    if (plan->side == JSEP_LOCAL && next->transport_line == tag && is_same_text(t->remote_ufrag, ufrag))
        return 0; /* known since the offer */
    if (ufrag == NULL || pwd == NULL)
        return error_set(PEER_ERROR_INVALID_ACCESS, "m-line %d, which the transport is of, has no ICE credentials", tag);
    if (count == 0)
        return error_set(PEER_ERROR_INVALID_ACCESS, "m-line %d, which the transport is of, has no fingerprint", tag);
    int error = own(plan);
    if (error < 0)
        return error;
    set_ice_role(plan);
    if (remote->ice_lite != plan->session->configuration.ice_lite)
        t->is_controlling = remote->ice_lite;
    /* Another certificate, or another name of it, means another DTLS association (RFC 8842 §5.1). */
    const char *tls_id = sdp_media_tls_id(remote, media);
    bool renews_dtls =
        t->remote_fingerprint_count != 0 && (!are_same_fingerprints(t, fingerprints, count) ||
                                             (t->remote_tls_id != NULL && tls_id != NULL && strcmp(t->remote_tls_id, tls_id) != 0));
    bool restarts = t->remote_ufrag != NULL && !is_same_text(t->remote_ufrag, ufrag);
    error = check_changes(plan, t, restarts, renews_dtls);
    if (error < 0)
        return error;
    if (renews_dtls)
        renew_dtls(plan);
    t->max_bitrate_bps = total_bitrate(remote);
    t->remote_tls_id = arena_string(arena, tls_id);
    if (tls_id != NULL && t->remote_tls_id == NULL)
        return error_no_memory();
    t->remote_ufrag = arena_string(arena, ufrag);
    t->remote_pwd = arena_string(arena, pwd);
    t->remote_is_lite = remote->ice_lite;
    t->remote_trickles = sdp_media_has_ice_option(remote, media, "trickle");
    t->remote_renominates = sdp_media_has_ice_option(remote, media, "renomination");
    t->remote_fingerprints = copy_fingerprints(arena, fingerprints, count);
    t->remote_fingerprint_count = count;
    next->transport_line = tag;
    if (t->remote_ufrag == NULL || t->remote_pwd == NULL || t->remote_fingerprints == NULL)
        return error_no_memory();
    return tell_candidates(plan, remote, tag);
}

/* The answer's a=setup decides (RFC 8842 §5.3, §5.4). An association that is there keeps its roles, whatever is said: Chromium 156 answers
 * "active" though it is the server when the m-line that stood for the bundle was stopped. */
int jsep_transport_set_role(jsep_plan_t *plan, sdp_setup_t setup, bool is_ours)
{
    jsep_transport_t *t = &plan->next.transport;
    if (setup == SDP_SETUP_ACTPASS || setup == SDP_SETUP_HOLDCONN)
        return error_set(PEER_ERROR_INVALID_ACCESS, "a=setup:%s in an answer leaves the DTLS roles open", sdp_setup_name(setup));
    bool is_client = (setup != SDP_SETUP_PASSIVE) == is_ours; /* RFC 4145 §4.1: active when not said */
    if (t->dtls_role == JSEP_DTLS_UNKNOWN)
        t->dtls_role = is_client ? JSEP_DTLS_CLIENT : JSEP_DTLS_SERVER;
    return 0;
}

static bool has_live_line(const state_t *state)
{
    const description_t *local = state->descriptions[JSEP_CURRENT_LOCAL], *remote = state->descriptions[JSEP_CURRENT_REMOTE];
    if (local == NULL || remote == NULL)
        return true;
    for (size_t i = 0; i < local->sdp->media_count && i < remote->sdp->media_count; i++)
        if (!is_rejected(&local->sdp->media[i]) && !is_rejected(&remote->sdp->media[i]))
            return true;
    return false;
}

/* When every m-line is rejected nothing stands for the transport any more, and the other side lets go of it. What is negotiated next
 * begins with other credentials and another DTLS association (RFC 9429 §5.2.2, RFC 8842 §4). */
int jsep_transport_close_if_unused(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    const jsep_transport_t *transport = &next->transport;
    if (has_live_line(next) || (transport->local_ufrag == NULL && transport->remote_ufrag == NULL))
        return 0;
    if (jsep_plan_effect(plan, JSEP_EFFECT_TRANSPORT_CLOSED) == NULL)
        return PEER_ERROR_NO_MEMORY;
    plan->closes_transport = true;
    next->transport = (jsep_transport_t){0};
    next->transport_line = NO_LINE;
    next->has_role = false;
    next->answer_ufrag[0] = '\0';
    random_text(&plan->session->configuration.random, next->tls_id, TLS_ID_LENGTH, RANDOM_ICE_CHARS);
    return 0;
}

int jsep_transport_tell(jsep_plan_t *plan, const state_t *before)
{
    const jsep_transport_t *old = &before->transport;
    jsep_transport_t *new = &plan->next.transport;
    new->is_local_new = !is_same_text(old->local_ufrag, new->local_ufrag) || !is_same_text(old->local_pwd, new->local_pwd);
    new->is_remote_new = !is_same_text(old->remote_ufrag, new->remote_ufrag) || !is_same_text(old->remote_pwd, new->remote_pwd);
    bool has_same_options = old->remote_trickles == new->remote_trickles && old->remote_is_lite == new->remote_is_lite &&
                            old->remote_renominates == new->remote_renominates && old->max_bitrate_bps == new->max_bitrate_bps;
    bool has_same_fingerprints = are_same_fingerprints(old, new->remote_fingerprints, new->remote_fingerprint_count);
    bool has_same_dtls = old->dtls_role == new->dtls_role && !new->is_dtls_new &&has_same_fingerprints;
    if (!new->is_local_new && !new->is_remote_new && has_same_dtls &&has_same_options)
        return 0;
    if (own(plan) < 0)
        return PEER_ERROR_NO_MEMORY;
    jsep_transport_t *copy = arena_new(&plan->box->arena, sizeof *copy);
    jsep_effect_t *effect = copy != NULL ? jsep_plan_effect(plan, JSEP_EFFECT_TRANSPORT) : NULL;
    if (effect == NULL)
        return error_no_memory();
    *copy = *new;
    effect->transport = copy;
    return 0;
}
