/* Questions to a description: what holds for a media section with the session's values as default, look-ups, and names. */
#include "sdp/sdp.h"

#include <string.h>

static const char *either(const char *own, const char *inherited)
{
    return own != NULL ? own : inherited;
}

sdp_direction_t sdp_media_direction(const sdp_t *sdp, const sdp_media_t *media)
{
    if (media->common.has_direction)
        return media->common.direction;
    return sdp->common.has_direction ? sdp->common.direction : SDP_SENDRECV;
}

const char *sdp_media_ice_ufrag(const sdp_t *sdp, const sdp_media_t *media)
{
    return either(media->common.ice_ufrag, sdp->common.ice_ufrag);
}

const char *sdp_media_ice_pwd(const sdp_t *sdp, const sdp_media_t *media)
{
    return either(media->common.ice_pwd, sdp->common.ice_pwd);
}

bool sdp_media_has_ice_option(const sdp_t *sdp, const sdp_media_t *media, const char *option)
{
    const sdp_common_t *common = media->common.ice_option_count > 0 ? &media->common : &sdp->common;
    for (size_t i = 0; i < common->ice_option_count; i++)
        if (strcmp(common->ice_options[i], option) == 0)
            return true;
    return false;
}

sdp_setup_t sdp_media_setup(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->common.setup != SDP_SETUP_NONE ? media->common.setup : sdp->common.setup;
}

const char *sdp_media_tls_id(const sdp_t *sdp, const sdp_media_t *media)
{
    return either(media->common.tls_id, sdp->common.tls_id);
}

const sdp_fingerprint_t *sdp_media_fingerprints(const sdp_t *sdp, const sdp_media_t *media, size_t *count)
{
    const sdp_common_t *common = media->common.fingerprint_count > 0 ? &media->common : &sdp->common;
    *count = common->fingerprint_count;
    return common->fingerprints;
}

const sdp_extmap_t *sdp_media_extmaps(const sdp_t *sdp, const sdp_media_t *media, size_t *count)
{
    const sdp_common_t *common = media->common.extmap_count > 0 ? &media->common : &sdp->common;
    *count = common->extmap_count;
    return common->extmaps;
}

bool sdp_media_extmap_allow_mixed(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->common.extmap_allow_mixed || sdp->common.extmap_allow_mixed;
}

const sdp_connection_t *sdp_media_connection(const sdp_t *sdp, const sdp_media_t *media)
{
    if (media->common.connection.network_type != NULL)
        return &media->common.connection;
    return sdp->common.connection.network_type != NULL ? &sdp->common.connection : NULL;
}

bool sdp_media_end_of_candidates(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->common.end_of_candidates || sdp->common.end_of_candidates;
}

static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u; /* FNV-1a */
    for (; *text != '\0'; text++)
        value = (value ^ (uint8_t)*text) * 16777619u;
    return value;
}

/* The place of a mid in the index: of the section that has it, or a free one. */
static size_t find_mid(const sdp_t *sdp, const char *mid)
{
    size_t mask = sdp->mid_index_size - 1, place = hash(mid) & mask;
    while (sdp->mid_index[place] != 0 && strcmp(sdp->media[sdp->mid_index[place] - 1].mid, mid) != 0)
        place = (place + 1) & mask;
    return place;
}

static void mark_bundle(sdp_t *sdp, const sdp_group_t *group)
{
    uint32_t tag = 0;
    for (size_t i = 0; i < group->mid_count; i++) {
        uint32_t found = sdp->mid_index[find_mid(sdp, group->mids[i])];
        if (tag == 0)
            tag = found;
        if (found != 0 && sdp->media[found - 1].bundle_tag == 0)
            sdp->media[found - 1].bundle_tag = tag;
    }
}

bool sdp_index(sdp_t *sdp)
{
    size_t size = 4;
    while (size < sdp->media_count * 2)
        size *= 2;
    uint32_t *index = arena_array(&sdp->arena, size, sizeof *index);
    if (index == NULL)
        return false;
    sdp->mid_index = index;
    sdp->mid_index_size = size;
    for (size_t i = 0; i < sdp->media_count; i++) {
        const char *mid = sdp->media[i].mid;
        size_t place = mid != NULL ? find_mid(sdp, mid) : 0;
        if (mid != NULL && index[place] == 0)
            index[place] = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < sdp->group_count; i++)
        if (strcmp(sdp->groups[i].semantics, "BUNDLE") == 0)
            mark_bundle(sdp, &sdp->groups[i]);
    return true;
}

const sdp_media_t *sdp_media_tagged(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->bundle_tag != 0 ? &sdp->media[media->bundle_tag - 1] : media;
}

bool sdp_media_rtcp_mux(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->rtcp_mux || sdp_media_tagged(sdp, media)->rtcp_mux;
}

bool sdp_media_rtcp_rsize(const sdp_t *sdp, const sdp_media_t *media)
{
    return media->rtcp_rsize || sdp_media_tagged(sdp, media)->rtcp_rsize;
}

const sdp_media_t *sdp_media_by_mid(const sdp_t *sdp, const char *mid)
{
    if (sdp->mid_index != NULL) {
        uint32_t found = sdp->mid_index[find_mid(sdp, mid)];
        return found != 0 ? &sdp->media[found - 1] : NULL;
    }
    for (size_t i = 0; i < sdp->media_count; i++)
        if (sdp->media[i].mid != NULL && strcmp(sdp->media[i].mid, mid) == 0)
            return &sdp->media[i];
    return NULL;
}

bool sdp_group_has(const sdp_group_t *group, const char *mid)
{
    for (size_t i = 0; i < group->mid_count; i++)
        if (strcmp(group->mids[i], mid) == 0)
            return true;
    return false;
}

const sdp_group_t *sdp_group_find(const sdp_t *sdp, const char *semantics, const char *mid)
{
    for (size_t i = 0; i < sdp->group_count; i++)
        if (strcmp(sdp->groups[i].semantics, semantics) == 0 && (mid == NULL || sdp_group_has(&sdp->groups[i], mid)))
            return &sdp->groups[i];
    return NULL;
}

const sdp_rtpmap_t *sdp_media_rtpmap(const sdp_media_t *media, uint8_t payload_type)
{
    for (size_t i = 0; i < media->rtpmap_count; i++)
        if (media->rtpmaps[i].payload_type == payload_type)
            return &media->rtpmaps[i];
    return NULL;
}

const char *sdp_media_fmtp(const sdp_media_t *media, uint8_t payload_type)
{
    for (size_t i = 0; i < media->fmtp_count; i++) {
        uint64_t format;
        if (text_parse_u64(media->fmtps[i].format, strlen(media->fmtps[i].format), 127, &format) && format == payload_type)
            return media->fmtps[i].parameters;
    }
    return "";
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool sdp_fmtp_parameter(const char *parameters, const char *key, const char **value, size_t *length)
{
    size_t key_length = strlen(key);
    while (*parameters != '\0') {
        while (*parameters == ' ' || *parameters == ';')
            parameters++;
        size_t whole = strcspn(parameters, ";");
        size_t name = strcspn(parameters, "=;");
        size_t trimmed = name;
        while (trimmed > 0 && parameters[trimmed - 1] == ' ')
            trimmed--;
        bool is_key = trimmed == key_length;
        for (size_t i = 0; is_key && i < key_length; i++)
            is_key = lower(parameters[i]) == lower(key[i]);
        if (is_key && key_length > 0) {
            const char *start = parameters + (name < whole ? name + 1 : whole), *end = parameters + whole;
            while (start < end && *start == ' ')
                start++;
            while (end > start && end[-1] == ' ')
                end--;
            *value = start;
            *length = (size_t)(end - start);
            return true;
        }
        parameters += whole;
    }
    return false;
}

static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};

const char *sdp_direction_name(sdp_direction_t direction)
{
    return directions[direction];
}

bool sdp_direction_parse(const char *name, sdp_direction_t *direction)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, directions[i]) == 0) {
            *direction = (sdp_direction_t)i;
            return true;
        }
    }
    return false;
}

sdp_direction_t sdp_direction_reverse(sdp_direction_t direction)
{
    return (sdp_direction_t)(((direction & SDP_SENDONLY) << 1) | ((direction & SDP_RECVONLY) >> 1));
}

const char *sdp_setup_name(sdp_setup_t setup)
{
    static const char *const names[] = {"", "active", "passive", "actpass", "holdconn"};
    return names[setup];
}
