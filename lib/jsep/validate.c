/* Whether a remote description can be at all, by itself and after what was negotiated before (RFC 9429 §5.8.3, §5.10, RFC 3264 §6, §8). */
#include "base/error.h"
#include "base/map.h"
#include "jsep/session.h"

#include <string.h>

#define FAIL(...) error_set(PEER_ERROR_INVALID_ACCESS, __VA_ARGS__)

static int check_mids(const sdp_t *sdp)
{
    map_t map = {0};
    int error = 0;
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        if (media->mid == NULL)
            continue;
        const sdp_media_t *other = map_get(&map, jsep_hash(media->mid));
        if (other != NULL && strcmp(other->mid, media->mid) != 0)
            other = sdp_media_by_mid(sdp, media->mid); /* two mids of one hash */
        if (other != NULL && other != media)
            error = FAIL("m-line %zu: the mid \"%.40s\" stands in another m-line too", i, media->mid);
        else if (!map_set(&map, jsep_hash(media->mid), (void *)(uintptr_t)media))
            error = error_no_memory();
    }
    for (size_t i = 0; error == 0 && i < sdp->group_count; i++) {
        const sdp_group_t *group = &sdp->groups[i];
        for (size_t j = 0; error == 0 && strcmp(group->semantics, "BUNDLE") == 0 && j < group->mid_count; j++) {
            const sdp_media_t *media = map_get(&map, jsep_hash(group->mids[j]));
            if (media == NULL || (strcmp(media->mid, group->mids[j]) != 0 && sdp_media_by_mid(sdp, group->mids[j]) == NULL))
                error = FAIL("a=group:BUNDLE names \"%.40s\", which is no m-line's mid", group->mids[j]);
        }
    }
    map_clear(&map);
    return error;
}

/* W3C rtcpMuxPolicy "require": there is no second component for RTCP. */
static int check_lines(const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        bool is_rtp = strstr(media->protocol, "RTP/") != NULL;
        if (!is_rejected(media) && is_rtp && !media->rtcp_mux)
            return FAIL("m-line %zu has no a=rtcp-mux", i);
    }
    return 0;
}

static const sdp_t *sdp_of(const state_t *state, jsep_which_t which)
{
    return state->descriptions[which] != NULL ? state->descriptions[which]->sdp : NULL;
}

static bool was_rejected(const state_t *state, size_t index)
{
    static const jsep_which_t all[] = {JSEP_CURRENT_LOCAL, JSEP_CURRENT_REMOTE, JSEP_PENDING_REMOTE};
    for (size_t i = 0; i < 3; i++) {
        const sdp_t *sdp = sdp_of(state, all[i]);
        if (sdp != NULL && index < sdp->media_count && is_rejected(&sdp->media[index]))
            return true;
    }
    return false;
}

static bool is_same_mid(const sdp_media_t *a, const sdp_media_t *b)
{
    return a->mid == NULL || b->mid == NULL ? a->mid == b->mid : strcmp(a->mid, b->mid) == 0;
}

/* M-lines never go away and keep their place; only a rejected one may become another. */
static int check_offer(const state_t *state, const sdp_t *sdp)
{
    const sdp_t *before = sdp_of(state, JSEP_PENDING_REMOTE);
    if (before == NULL)
        before = sdp_of(state, JSEP_CURRENT_REMOTE);
    if (before == NULL)
        return 0;
    if (sdp->media_count < before->media_count)
        return FAIL("the offer has %zu m-lines where %zu were negotiated", sdp->media_count, before->media_count);
    for (size_t i = 0; i < before->media_count; i++) {
        const sdp_media_t *old = &before->media[i], *new = &sdp->media[i];
        if (was_rejected(state, i))
            continue;
        if (!is_same_mid(old, new))
            return FAIL("m-line %zu had the mid \"%.40s\" and now has \"%.40s\"", i, old->mid != NULL ? old->mid : "",
                        new->mid != NULL ? new->mid : "");
        if (!text_equal_ignore_case(old->type, new->type))
            return FAIL("m-line %zu was %.20s and now is %.20s", i, old->type, new->type);
    }
    return 0;
}

static int check_answer(const state_t *state, const sdp_t *sdp)
{
    const sdp_t *offer = sdp_of(state, JSEP_PENDING_LOCAL);
    if (sdp->media_count != offer->media_count)
        return FAIL("the answer has %zu m-lines, the offer %zu", sdp->media_count, offer->media_count);
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *offered = &offer->media[i], *answered = &sdp->media[i];
        if (!text_equal_ignore_case(offered->type, answered->type))
            return FAIL("m-line %zu was offered as %.20s and answered as %.20s", i, offered->type, answered->type);
        if (answered->mid != NULL && !is_same_mid(offered, answered))
            return FAIL("m-line %zu was offered with the mid \"%.40s\" and answered with \"%.40s\"", i, offered->mid, answered->mid);
        if (is_rejected(offered) && !is_rejected(answered))
            return FAIL("m-line %zu was offered with port 0 and is accepted in the answer", i);
    }
    return 0;
}

/* One transport: what is accepted has to be in one bundle. */
static int check_answered_bundle(const sdp_t *sdp)
{
    bundle_t bundle;
    int error = jsep_remote_choose_bundle(sdp, NULL, &bundle);
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++)
        if (!is_rejected(&sdp->media[i]) && !jsep_bundle_has(&bundle, sdp, i))
            error = FAIL("m-line %zu is accepted outside the BUNDLE group", i);
    return error;
}

int jsep_remote_check(const state_t *state, jsep_type_t type, const sdp_t *sdp)
{
    int error = check_mids(sdp);
    if (error == 0)
        error = check_lines(sdp);
    if (error < 0)
        return error;
    if (type == JSEP_OFFER)
        return check_offer(state, sdp);
    error = check_answer(state, sdp);
    return error == 0 ? check_answered_bundle(sdp) : error;
}
