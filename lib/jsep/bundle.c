/* Which m-lines of a remote description can share our one transport (RFC 9143). The transport is that of the first m-line we want; with it
 * go the others of its BUNDLE group. Whatever is outside cannot be carried. */
#include "jsep/session.h"

#include <string.h>

static int line_of(const sdp_t *sdp, const char *mid)
{
    const sdp_media_t *media = sdp_media_by_mid(sdp, mid);
    return media != NULL ? (int)(media - sdp->media) : NO_LINE;
}

bundle_t jsep_bundle_choose(const sdp_t *sdp, const bool *is_wanted)
{
    bundle_t bundle = {.tag = NO_LINE};
    for (size_t i = 0; i < sdp->media_count && bundle.tag == NO_LINE; i++)
        if (is_wanted[i])
            bundle.tag = (int)i;
    if (bundle.tag == NO_LINE || sdp->media[bundle.tag].mid == NULL)
        return bundle;
    bundle.group = sdp_group_find(sdp, "BUNDLE", sdp->media[bundle.tag].mid);
    /* RFC 9143 §7.2.1: the transport is that of the first of the group, in the group's order. */
    for (size_t i = 0; bundle.group != NULL && i < bundle.group->mid_count; i++) {
        int line = line_of(sdp, bundle.group->mids[i]);
        if (line != NO_LINE && is_wanted[line]) {
            bundle.tag = line;
            break;
        }
    }
    return bundle;
}

bool jsep_bundle_has(const bundle_t *bundle, const sdp_t *sdp, size_t mline_index)
{
    if ((int)mline_index == bundle->tag)
        return true;
    const char *mid = sdp->media[mline_index].mid;
    if (bundle->group == NULL || mid == NULL)
        return false;
    /* Most often the group is in the order of the m-lines. */
    if (mline_index < bundle->group->mid_count && strcmp(bundle->group->mids[mline_index], mid) == 0)
        return true;
    return sdp_group_has(bundle->group, mid);
}
