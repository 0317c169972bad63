/* Whether a remote description can be at all, by itself and after what was negotiated before (RFC 9429 §5.8.3, §5.10, RFC 3264 §6, §8). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

#define FAIL(...) error_set(PEER_ERROR_INVALID_ACCESS, __VA_ARGS__)

/* The index knows the first section of each mid. */
static int check_mids(const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++)
        if (sdp->media[i].mid != NULL && sdp_media_by_mid(sdp, sdp->media[i].mid) != &sdp->media[i])
            return FAIL("m-line %zu: the mid \"%.40s\" stands in another m-line too", i, sdp->media[i].mid);
    return 0;
}

/* RFC 9143 §6, §7.2: the groups are of m-lines that are there, each in one. */
static int check_groups(const sdp_t *sdp)
{
    const sdp_group_t **owners = memory_array(sdp->media_count, sizeof *owners);
    int error = owners != NULL ? 0 : error_no_memory();
    for (size_t i = 0; i < sdp->group_count; i++) {
        const sdp_group_t *group = &sdp->groups[i];
        for (size_t j = 0; error == 0 && strcmp(group->semantics, "BUNDLE") == 0 && j < group->mid_count; j++) {
            const sdp_media_t *media = sdp_media_by_mid(sdp, group->mids[j]);
            const sdp_group_t **owner = media != NULL ? &owners[media - sdp->media] : NULL;
            if (owner == NULL)
                error = FAIL("a=group:BUNDLE names \"%.40s\", which is no m-line's mid", group->mids[j]);
            else if (*owner != NULL && *owner != group)
                error = FAIL("\"%.40s\" is in two a=group:BUNDLE", group->mids[j]);
            else
                *owner = group;
        }
    }
    memory_free(owners);
    return error;
}

static bool has_rid(const sdp_media_t *media, const char *id, sdp_direction_t direction)
{
    for (size_t i = 0; i < media->rid_count; i++)
        if (media->rids[i].direction == direction && strcmp(media->rids[i].id, id) == 0)
            return true;
    return false;
}

static int check_rids(size_t index, const sdp_media_t *media, const sdp_simulcast_stream_t *streams, size_t count,
                      sdp_direction_t direction)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < streams[i].rid_count; j++)
            if (!has_rid(media, streams[i].rids[j].id, direction))
                return FAIL("m-line %zu: a=simulcast names the rid \"%.40s\", which no a=rid describes", index, streams[i].rids[j].id);
    return 0;
}

/* RFC 9429 §5.10, RFC 4588 §8.6: what is repaired has to be there. However often a payload type stands, it is looked at once. */
static int check_rtx(size_t index, const sdp_media_t *media)
{
    bool is_format[128] = {false}, is_rtx[128] = {false};
    uint64_t number;
    for (size_t i = 0; i < media->format_count; i++)
        if (text_parse_u64(media->formats[i], strlen(media->formats[i]), 127, &number))
            is_format[number] = true;
    for (size_t i = 0; i < media->rtpmap_count; i++)
        is_rtx[media->rtpmaps[i].payload_type] |= text_equal_ignore_case(media->rtpmaps[i].encoding, "rtx");
    for (unsigned i = 0; i < 128; i++) {
        const char *apt;
        size_t length;
        if (is_rtx[i] && sdp_fmtp_parameter(sdp_media_fmtp(media, (uint8_t)i), "apt", &apt, &length) &&
            !(text_parse_u64(apt, length, 127, &number) && is_format[number]))
            return FAIL("m-line %zu: rtx %u repairs %.*s, which is no format of it", index, i, (int)(length < 8 ? length : 8), apt);
    }
    return 0;
}

/* RFC 8285 §5: a number stands once. From 4096 on they are proposals, of which several may be for one. */
static int check_extmaps(size_t index, const sdp_media_t *media)
{
    const sdp_extmap_t *extmaps[256] = {NULL};
    for (size_t i = 0; i < media->common.extmap_count; i++) {
        const sdp_extmap_t *extmap = &media->common.extmaps[i];
        if (extmap->id > 255)
            continue;
        if (extmaps[extmap->id] != NULL && strcmp(extmaps[extmap->id]->uri, extmap->uri) != 0)
            return FAIL("m-line %zu: the header extension id %u has two URIs", index, extmap->id);
        extmaps[extmap->id] = extmap;
    }
    return 0;
}

/* RFC 8839 §5.4: ice-char */
static bool is_credential(const char *text)
{
    static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return text == NULL || text[strspn(text, ice_chars)] == '\0';
}

static int check_credentials(const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        if (!is_credential(sdp_media_ice_ufrag(sdp, media)) || !is_credential(sdp_media_ice_pwd(sdp, media)))
            return FAIL("m-line %zu: ICE credentials are of letters, digits, + and / only", i);
    }
    return 0;
}

/* RFC 5761 §4: with the marker bit these are the types of RTCP packets. */
static int check_rtcp_conflicts(size_t index, const sdp_media_t *media)
{
    for (size_t i = 0; i < media->rtpmap_count; i++)
        if (media->rtpmaps[i].payload_type >= 64 && media->rtpmaps[i].payload_type <= 95)
            return FAIL("m-line %zu: with a=rtcp-mux the payload type %u cannot be told from RTCP", index, media->rtpmaps[i].payload_type);
    return 0;
}

/* W3C rtcpMuxPolicy "require": there is no second component for RTCP. */
static int check_lines(const sdp_t *sdp)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        if (is_rejected(media) || strstr(media->protocol, "RTP/") == NULL)
            continue;
        if (!sdp_media_rtcp_mux(sdp, media))
            return FAIL("m-line %zu has no a=rtcp-mux", i);
        error = check_rtcp_conflicts(i, media);
        if (error == 0)
            error = check_rids(i, media, media->simulcast.send, media->simulcast.send_count, SDP_SENDONLY);
        if (error == 0)
            error = check_rids(i, media, media->simulcast.receive, media->simulcast.receive_count, SDP_RECVONLY);
        if (error == 0)
            error = check_rtx(i, media);
        if (error == 0)
            error = check_extmaps(i, media);
    }
    return error;
}

static bool is_same_format(const sdp_rtpmap_t *a, const sdp_rtpmap_t *b)
{
    return a->clock_rate == b->clock_rate && a->channels == b->channels && text_equal_ignore_case(a->encoding, b->encoding);
}

/* RFC 9143 §9.1: in one RTP session a payload type means one thing. (Header extensions ought to as well; aiortc 1 numbers those of each
 * m-line by themselves, and each packet's m-line is known by its SSRC.) */
static int check_payload_types(const sdp_t *sdp)
{
    const sdp_rtpmap_t *rtpmaps[128] = {NULL};
    uint32_t tag = 0;
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        if (is_rejected(media) || media->bundle_tag == 0 || (tag != 0 && media->bundle_tag != tag))
            continue;
        tag = media->bundle_tag;
        for (size_t j = 0; j < media->rtpmap_count; j++) {
            const sdp_rtpmap_t **known = &rtpmaps[media->rtpmaps[j].payload_type];
            if (*known != NULL && !is_same_format(*known, &media->rtpmaps[j]))
                return FAIL("m-line %zu: the payload type %u is another format in another m-line of the bundle", i,
                            media->rtpmaps[j].payload_type);
            *known = &media->rtpmaps[j];
        }
    }
    return 0;
}

/* RFC 5763 §5 */
static int check_setup(const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++)
        if (!is_rejected(&sdp->media[i]) && sdp_media_setup(sdp, &sdp->media[i]) == SDP_SETUP_HOLDCONN)
            return FAIL("m-line %zu: a=setup:holdconn leaves no DTLS", i);
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
        if (strcmp(offered->protocol, answered->protocol) != 0 && !is_rejected(answered))
            return FAIL("m-line %zu was offered with %.40s and answered with %.40s", i, offered->protocol, answered->protocol);
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
        if (!is_rejected(&sdp->media[i]) && !jsep_bundle_has(&bundle, i))
            error = FAIL("m-line %zu is accepted outside the BUNDLE group", i);
    return error;
}

int jsep_remote_check(const state_t *state, jsep_type_t type, const sdp_t *sdp)
{
    int error = check_mids(sdp);
    if (error == 0)
        error = check_groups(sdp);
    if (error == 0)
        error = check_credentials(sdp);
    if (error == 0)
        error = check_lines(sdp);
    if (error == 0)
        error = check_payload_types(sdp);
    if (error == 0)
        error = check_setup(sdp);
    if (error < 0)
        return error;
    if (type == JSEP_OFFER)
        return check_offer(state, sdp);
    error = check_answer(state, sdp);
    return error == 0 ? check_answered_bundle(sdp) : error;
}
