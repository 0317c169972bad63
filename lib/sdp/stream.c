/* The attributes of an RTP stream: what its payload types mean, its streams and its SSRCs. */
#include "base/error.h"
#include "sdp/scan.h"

#include <string.h>

int sdp_msid_scan(section_t *s, char *value)
{
    sdp_msid_t *msid = ARENA_APPEND(&s->sdp->arena, s->media->msids, s->media->msid_count);
    if (msid == NULL)
        return error_no_memory();
    msid->stream = scan_word(&value);
    msid->track = scan_word(&value);
    if (msid->stream == NULL)
        return scan_fail("no identifier");
    return scan_rest(&value) == NULL ? 0 : scan_fail("more than two identifiers");
}

int sdp_rtpmap_scan(section_t *s, char *value)
{
    sdp_rtpmap_t *rtpmap = ARENA_APPEND(&s->sdp->arena, s->media->rtpmaps, s->media->rtpmap_count);
    if (rtpmap == NULL)
        return error_no_memory();
    if (!scan_payload_type(scan_word(&value), &rtpmap->payload_type))
        return scan_fail("the payload type is not a number from 0 to 127");
    char *encoding = scan_word(&value);
    rtpmap->encoding = encoding != NULL ? scan_part(&encoding, '/') : NULL;
    if (!scan_is_token(rtpmap->encoding))
        return scan_fail("no encoding name");
    if (!scan_u32(scan_part(&encoding, '/'), UINT32_MAX, &rtpmap->clock_rate) || rtpmap->clock_rate == 0)
        return scan_fail("the clock rate is not a positive number");
    rtpmap->parameters = encoding;
    if (encoding != NULL && !scan_is_visible(encoding))
        return scan_fail("nothing behind the last \"/\"");
    if (!scan_u32(encoding, 255, &rtpmap->channels) || rtpmap->channels == 0)
        rtpmap->channels = 1;
    return scan_rest(&value) == NULL ? 0 : scan_fail("something stands behind the encoding");
}

int sdp_fmtp_scan(section_t *s, char *value)
{
    sdp_fmtp_t *fmtp = ARENA_APPEND(&s->sdp->arena, s->media->fmtps, s->media->fmtp_count);
    if (fmtp == NULL)
        return error_no_memory();
    fmtp->format = scan_word(&value);
    if (!scan_is_visible(fmtp->format))
        return scan_fail("no format");
    fmtp->parameters = scan_rest(&value);
    if (fmtp->parameters == NULL)
        fmtp->parameters = "";
    return 0;
}

int sdp_rtcp_fb_scan(section_t *s, char *value)
{
    sdp_rtcp_fb_t *feedback = ARENA_APPEND(&s->sdp->arena, s->media->rtcp_fbs, s->media->rtcp_fb_count);
    if (feedback == NULL)
        return error_no_memory();
    if (!scan_any_payload_type(scan_word(&value), &feedback->payload_type))
        return scan_fail("the payload type is not a number from 0 to 127 or \"*\"");
    feedback->type = scan_word(&value);
    if (feedback->type == NULL)
        return scan_fail("no kind of feedback");
    feedback->parameter = scan_rest(&value);
    return 0;
}
int sdp_ssrc_scan(section_t *s, char *value)
{
    sdp_ssrc_t *ssrc = ARENA_APPEND(&s->sdp->arena, s->media->ssrcs, s->media->ssrc_count);
    if (ssrc == NULL)
        return error_no_memory();
    if (!scan_u32(scan_word(&value), UINT32_MAX, &ssrc->ssrc))
        return scan_fail("the SSRC is not a number of 32 bits");
    char *attribute = scan_rest(&value);
    ssrc->attribute = scan_part(&attribute, ':');
    ssrc->value = attribute;
    return ssrc->attribute == NULL || scan_is_token(ssrc->attribute) ? 0 : scan_fail("the attribute has no name");
}

int sdp_ssrc_group_scan(section_t *s, char *value)
{
    sdp_ssrc_group_t *group = ARENA_APPEND(&s->sdp->arena, s->media->ssrc_groups, s->media->ssrc_group_count);
    if (group == NULL)
        return error_no_memory();
    group->semantics = scan_word(&value);
    if (!scan_is_token(group->semantics))
        return scan_fail("no semantics");
    const char *word;
    size_t others = 0;
    for (size_t i = 0; i + 1 < s->media->ssrc_group_count; i++)
        others += s->media->ssrc_groups[i].ssrc_count;
    while ((word = scan_word(&value)) != NULL) {
        if (others + group->ssrc_count == SDP_GROUPED_SSRCS_MAX)
            return scan_fail("too many SSRCs");
        uint32_t *ssrc = ARENA_APPEND(&s->sdp->arena, group->ssrcs, group->ssrc_count);
        if (ssrc == NULL)
            return error_no_memory();
        if (!scan_u32(word, UINT32_MAX, ssrc))
            return scan_fail("an SSRC is not a number of 32 bits");
    }
    return 0;
}
