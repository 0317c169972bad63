/* Which m-lines of a remote description can share our one transport (RFC 9143). The transport is that of the first m-line we want; with it
 * go the others of its BUNDLE group. Whatever is outside cannot be carried. */
#include "jsep/session.h"

#include <string.h>

static int line_of(const sdp_t *sdp, const char *mid)
{
    const sdp_media_t *media = sdp_media_by_mid(sdp, mid);
    return media != NULL ? (int)(media - sdp->media) : NO_LINE;
}

void jsep_bundle_choose(const sdp_t *sdp, const bool *is_wanted, bundle_t *bundle)
{
    *bundle = (bundle_t){.tag = NO_LINE};
    /* RFC 9143 §7.3.1: one with port zero has no transport of its own. */
    for (size_t i = 0; i < sdp->media_count && bundle->tag == NO_LINE; i++)
        if (is_wanted[i] && sdp->media[i].port != 0)
            bundle->tag = (int)i;
    if (bundle->tag == NO_LINE || sdp->media[bundle->tag].mid == NULL)
        return;
    bundle->group = sdp_group_find(sdp, "BUNDLE", sdp->media[bundle->tag].mid);
    bool has_tag = false;
    for (size_t i = 0; bundle->group != NULL && i < bundle->group->mid_count; i++) {
        int line = line_of(sdp, bundle->group->mids[i]);
        if (line == NO_LINE)
            continue;
        bundle->members[line / 8] |= (uint8_t)(1u << (line % 8));
        /* RFC 9143 §7.2.1: the transport is that of the first of the group, in the group's order. */
        if (!has_tag && is_wanted[line] && sdp->media[line].port != 0) {
            bundle->tag = line;
            has_tag = true;
        }
    }
}

bool jsep_bundle_has(const bundle_t *bundle, size_t mline_index)
{
    return (int)mline_index == bundle->tag || (bundle->members[mline_index / 8] & (1u << (mline_index % 8))) != 0;
}
