/* The attributes that have fields of their own, by name and level, and those of them that are of the session, of the transport or of RTCP:
 * one function each. Anything else, and anything at a level where it has no meaning, is kept verbatim. The values are taken apart where
 * they lie. */
#include "base/error.h"
#include "sdp/scan.h"

#include <string.h>

#define KEEP 1 /* well-formed, but not what the field can hold: keep the line verbatim */

static int append_word(arena_t *arena, const char ***items, size_t *count, const char *word)
{
    const char **item = arena_append(arena, (void **)items, count, sizeof *item);
    if (item == NULL)
        return error_no_memory();
    *item = word;
    return 0;
}

/* Both levels. */

static int scan_ice_ufrag(section_t *s, char *value)
{
    size_t length = strlen(value);
    if (!scan_is_visible(value) || length < 4 || length > 256)
        return scan_fail("an ICE user name fragment has 4 to 256 characters without spaces"); /* RFC 8839 §5.4 */
    s->common->ice_ufrag = value;
    return 0;
}

static int scan_ice_pwd(section_t *s, char *value)
{
    size_t length = strlen(value);
    if (!scan_is_visible(value) || length < 22 || length > 256)
        return scan_fail("an ICE password has 22 to 256 characters without spaces");
    s->common->ice_pwd = value;
    return 0;
}

/* Spaces separate options (RFC 8839 §5.6); libdatachannel writes commas. */
static int scan_ice_options(section_t *s, char *value)
{
    const char *word;
    for (char *c = value; *c != '\0'; c++)
        if (*c == ',')
            *c = ' ';
    s->common->ice_option_count = 0;
    s->common->ice_options = NULL;
    while ((word = scan_word(&value)) != NULL) {
        if (append_word(&s->sdp->arena, &s->common->ice_options, &s->common->ice_option_count, word) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    return s->common->ice_option_count > 0 ? 0 : scan_fail("no option is named");
}

static int scan_end_of_candidates(section_t *s, char *value)
{
    s->common->end_of_candidates = true;
    return 0;
}

static int scan_setup(section_t *s, char *value)
{
    for (int setup = SDP_SETUP_ACTIVE; setup <= SDP_SETUP_HOLDCONN; setup++) {
        if (strcmp(value, sdp_setup_name((sdp_setup_t)setup)) == 0) {
            s->common->setup = (sdp_setup_t)setup;
            return 0;
        }
    }
    return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" is not active, passive, actpass or holdconn", value);
}

static int scan_tls_id(section_t *s, char *value)
{
    if (!scan_is_visible(value))
        return scan_fail("the TLS id is not one word");
    s->common->tls_id = value;
    return 0;
}

/* The hash functions of RFC 8122 §5; others may come, and then any length goes. */
static size_t hash_length(const char *algorithm)
{
    static const struct {
        const char *name;
        size_t length;
    } hashes[] = {{"sha-1", 20}, {"sha-224", 28}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}, {"md5", 16}, {"md2", 16}};
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (strcmp(hashes[i].name, algorithm) == 0)
            return hashes[i].length;
    return 0;
}

static int scan_fingerprint(section_t *s, char *value)
{
    char *algorithm = scan_word(&value);
    char *hex = scan_word(&value);
    if (!scan_is_token(algorithm) || hex == NULL || scan_rest(&value) != NULL)
        return scan_fail("a fingerprint is a hash function and a value");
    for (char *c = algorithm; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    size_t length = (strlen(hex) + 1) / 3;
    uint8_t *bytes = arena_new(&s->sdp->arena, length);
    if (bytes == NULL)
        return error_no_memory();
    for (size_t i = 0; i < length; i++) {
        int high = scan_hex_digit(hex[i * 3]), low = high >= 0 ? scan_hex_digit(hex[i * 3 + 1]) : -1;
        if (low < 0 || hex[i * 3 + 2] != (i + 1 == length ? '\0' : ':'))
            return scan_fail("the fingerprint is not pairs of hexadecimal digits with colons between");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (length == 0 || strlen(hex) != length * 3 - 1)
        return scan_fail("the fingerprint is not pairs of hexadecimal digits with colons between");
    size_t expected = hash_length(algorithm);
    if (expected != 0 && length != expected)
        return error_set(PEER_ERROR_SYNTAX, "a %s fingerprint has %zu bytes, not %zu", algorithm, expected, length);
    sdp_fingerprint_t *fingerprint = ARENA_APPEND(&s->sdp->arena, s->common->fingerprints, s->common->fingerprint_count);
    if (fingerprint == NULL)
        return error_no_memory();
    *fingerprint = (sdp_fingerprint_t){algorithm, bytes, length};
    return 0;
}

static int scan_extmap(section_t *s, char *value)
{
    char *entry = scan_word(&value);
    const char *id = entry != NULL ? scan_part(&entry, '/') : NULL;
    sdp_extmap_t extmap = {.direction = SDP_SENDRECV};
    /* RFC 8285 §4.2, §4.3: local identifiers; 4096 to 4351 ask the answerer for one. */
    if (!scan_u16(id, &extmap.id) || extmap.id == 0 || (extmap.id > 255 && extmap.id < 4096) || extmap.id > 4351)
        return scan_fail("the identifier is not a number from 1 to 255 or 4096 to 4351");
    if (entry != NULL) {
        extmap.has_direction = true;
        if (!sdp_direction_parse(entry, &extmap.direction))
            return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" is not a direction", entry);
    }
    extmap.uri = scan_word(&value);
    if (!scan_is_visible(extmap.uri))
        return scan_fail("no URI");
    extmap.attributes = scan_rest(&value);
    sdp_extmap_t *item = ARENA_APPEND(&s->sdp->arena, s->common->extmaps, s->common->extmap_count);
    if (item == NULL)
        return error_no_memory();
    *item = extmap;
    return 0;
}

static int scan_extmap_allow_mixed(section_t *s, char *value)
{
    s->common->extmap_allow_mixed = true;
    return 0;
}

static int scan_sendrecv(section_t *s, char *value)
{
    s->common->has_direction = true;
    s->common->direction = SDP_SENDRECV;
    return 0;
}

static int scan_sendonly(section_t *s, char *value)
{
    s->common->has_direction = true;
    s->common->direction = SDP_SENDONLY;
    return 0;
}

static int scan_recvonly(section_t *s, char *value)
{
    s->common->has_direction = true;
    s->common->direction = SDP_RECVONLY;
    return 0;
}

static int scan_inactive(section_t *s, char *value)
{
    s->common->has_direction = true;
    s->common->direction = SDP_INACTIVE;
    return 0;
}

/* Session level. */

static int scan_ice_lite(section_t *s, char *value)
{
    s->sdp->ice_lite = true;
    return 0;
}

static int scan_group(section_t *s, char *value)
{
    sdp_group_t *group = ARENA_APPEND(&s->sdp->arena, s->sdp->groups, s->sdp->group_count);
    if (group == NULL)
        return error_no_memory();
    group->semantics = scan_word(&value);
    if (!scan_is_token(group->semantics))
        return scan_fail("no semantics");
    const char *mid;
    while ((mid = scan_word(&value)) != NULL) {
        if (group->mid_count == SDP_TOKENS_MAX)
            return scan_fail("too many members");
        if (append_word(&s->sdp->arena, &group->mids, &group->mid_count, mid) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    return 0;
}

static int scan_msid_semantic(section_t *s, char *value)
{
    sdp_t *sdp = s->sdp;
    sdp->has_msid_semantic = true;
    sdp->msid_semantic_ids = NULL;
    sdp->msid_semantic_id_count = 0;
    sdp->msid_semantic = scan_word(&value);
    if (sdp->msid_semantic == NULL)
        return scan_fail("no semantics");
    const char *id;
    while ((id = scan_word(&value)) != NULL) {
        if (sdp->msid_semantic_id_count == SDP_TOKENS_MAX)
            return scan_fail("too many streams");
        if (append_word(&sdp->arena, &sdp->msid_semantic_ids, &sdp->msid_semantic_id_count, id) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    return 0;
}

/* Media level. */

static int scan_mid(section_t *s, char *value)
{
    if (!scan_is_visible(value))
        return scan_fail("the identification tag is not one word");
    if (strlen(value) > SDP_MID_MAX)
        return scan_fail("the identification tag is longer than a packet can say");
    s->media->mid = value;
    return 0;
}

static int scan_bundle_only(section_t *s, char *value)
{
    s->media->bundle_only = true;
    return 0;
}

static int scan_rtcp_mux(section_t *s, char *value)
{
    s->media->rtcp_mux = true;
    return 0;
}

static int scan_rtcp_mux_only(section_t *s, char *value)
{
    s->media->rtcp_mux_only = true;
    return 0;
}

static int scan_rtcp_rsize(section_t *s, char *value)
{
    s->media->rtcp_rsize = true;
    return 0;
}

static int scan_rtcp(section_t *s, char *value)
{
    if (!scan_u16(scan_word(&value), &s->media->rtcp_port))
        return scan_fail("the port is not a number from 0 to 65535");
    s->media->has_rtcp = true;
    s->media->rtcp_connection = (sdp_connection_t){0};
    return scan_rest(&value) != NULL ? sdp_connection_scan(value, &s->media->rtcp_connection) : 0;
}

static int scan_ptime(section_t *s, char *value)
{
    return scan_u32(value, UINT32_MAX, &s->media->ptime) ? 0 : KEEP;
}

static int scan_maxptime(section_t *s, char *value)
{
    return scan_u32(value, UINT32_MAX, &s->media->maxptime) ? 0 : KEEP;
}

static int scan_candidate(section_t *s, char *value)
{
    size_t room = scan_count(value, ' ') / 2;
    if (room > SDP_TOKENS_MAX)
        return scan_fail("too many words");
    sdp_candidate_t *candidate = ARENA_APPEND(&s->sdp->arena, s->media->candidates, s->media->candidate_count);
    sdp_attribute_t *extensions = arena_array(&s->sdp->arena, room, sizeof *extensions);
    if (candidate == NULL || extensions == NULL)
        return error_no_memory();
    return sdp_candidate_scan(value, candidate, extensions, room);
}

static int scan_remote_candidates(section_t *s, char *value)
{
    const char *component;
    while ((component = scan_word(&value)) != NULL) {
        sdp_remote_candidate_t *remote = ARENA_APPEND(&s->sdp->arena, s->media->remote_candidates, s->media->remote_candidate_count);
        if (remote == NULL)
            return error_no_memory();
        remote->address = scan_word(&value);
        if (!scan_u32(component, 256, &remote->component) || remote->component == 0 || !scan_is_visible(remote->address) ||
            !scan_u16(scan_word(&value), &remote->port))
            return scan_fail("not a list of component, address and port");
    }
    return s->media->remote_candidate_count > 0 ? 0 : scan_fail("no candidate");
}

static int scan_sctp_port(section_t *s, char *value)
{
    s->media->has_sctp_port = true;
    return scan_u16(value, &s->media->sctp_port) ? 0 : scan_fail("the port is not a number from 0 to 65535");
}

static int scan_max_message_size(section_t *s, char *value)
{
    s->media->has_max_message_size = true;
    return scan_u64(value, UINT64_MAX, &s->media->max_message_size) ? 0 : scan_fail("the size is not a number");
}

/* What is in it is the association's affair; here it need only be base64 (RFC 4648 §4). */
static int scan_sctp_init(section_t *s, char *value)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strspn(value, alphabet), padding = strspn(value + length, "=");
    if (length == 0 || padding > 2 || value[length + padding] != 0 || (length + padding) % 4 != 0)
        return scan_fail("not base64");
    s->media->sctp_init = value;
    return 0;
}

static int scan_sctpmap(section_t *s, char *value)
{
    sdp_sctpmap_t *map = &s->media->sctpmap;
    map->is_present = true;
    if (!scan_u16(scan_word(&value), &map->port))
        return scan_fail("the port is not a number from 0 to 65535");
    map->application = scan_word(&value);
    if (map->application == NULL)
        return scan_fail("no application");
    const char *streams = scan_word(&value);
    if (streams != NULL && !scan_u32(streams, UINT32_MAX, &map->streams))
        return scan_fail("the number of streams is not a number");
    return 0;
}

enum { SESSION = 1, MEDIA = 2, ONCE = 4, FLAG = 8 };

/* ONCE: two different ones in a section would leave it open which holds. FLAG: a property attribute, without value. */
static const struct {
    const char *name;
    int flags;
    int (*scan)(section_t *section, char *value);
} attributes[] = {
    {"candidate", MEDIA, scan_candidate},
    {"rtcp-fb", MEDIA, sdp_rtcp_fb_scan},
    {"rtpmap", MEDIA, sdp_rtpmap_scan},
    {"fmtp", MEDIA, sdp_fmtp_scan},
    {"extmap", SESSION | MEDIA, scan_extmap},
    {"ssrc", MEDIA, sdp_ssrc_scan},
    {"ssrc-group", MEDIA, sdp_ssrc_group_scan},
    {"mid", MEDIA | ONCE, scan_mid},
    {"msid", MEDIA, sdp_msid_scan},
    {"ice-ufrag", SESSION | MEDIA | ONCE, scan_ice_ufrag},
    {"ice-pwd", SESSION | MEDIA | ONCE, scan_ice_pwd},
    {"ice-options", SESSION | MEDIA | ONCE, scan_ice_options},
    {"fingerprint", SESSION | MEDIA, scan_fingerprint},
    {"setup", SESSION | MEDIA | ONCE, scan_setup},
    {"tls-id", SESSION | MEDIA | ONCE, scan_tls_id},
    {"sendrecv", SESSION | MEDIA | FLAG, scan_sendrecv},
    {"sendonly", SESSION | MEDIA | FLAG, scan_sendonly},
    {"recvonly", SESSION | MEDIA | FLAG, scan_recvonly},
    {"inactive", SESSION | MEDIA | FLAG, scan_inactive},
    {"rtcp-mux", MEDIA | FLAG, scan_rtcp_mux},
    {"rtcp-rsize", MEDIA | FLAG, scan_rtcp_rsize},
    {"rtcp-mux-only", MEDIA | FLAG, scan_rtcp_mux_only},
    {"rtcp", MEDIA | ONCE, scan_rtcp},
    {"bundle-only", MEDIA | FLAG, scan_bundle_only},
    {"end-of-candidates", SESSION | MEDIA | FLAG, scan_end_of_candidates},
    {"extmap-allow-mixed", SESSION | MEDIA | FLAG, scan_extmap_allow_mixed},
    {"group", SESSION, scan_group},
    {"msid-semantic", SESSION | ONCE, scan_msid_semantic},
    {"ice-lite", SESSION | FLAG, scan_ice_lite},
    {"sctp-port", MEDIA | ONCE, scan_sctp_port},
    {"max-message-size", MEDIA | ONCE, scan_max_message_size},
    {"sctp-init", MEDIA | ONCE, scan_sctp_init},
    {"sctpmap", MEDIA | ONCE, scan_sctpmap},
    {"dcmap", MEDIA, sdp_dcmap_scan},
    {"dcsa", MEDIA, sdp_dcsa_scan},
    {"rid", MEDIA, sdp_rid_scan},
    {"simulcast", MEDIA | ONCE, sdp_simulcast_scan},
    {"ptime", MEDIA | ONCE, scan_ptime},
    {"maxptime", MEDIA | ONCE, scan_maxptime},
    {"remote-candidates", MEDIA | ONCE, scan_remote_candidates},
    {"imageattr", MEDIA, sdp_imageattr_scan},
};

#define ATTRIBUTE_COUNT (sizeof attributes / sizeof *attributes)
_Static_assert(ATTRIBUTE_COUNT <= 64, "section_t.seen has a bit for each attribute");

static int keep(section_t *section, const char *name, const char *value)
{
    sdp_common_t *common = section->common;
    sdp_attribute_t *attribute = ARENA_APPEND(&section->sdp->arena, common->attributes, common->attribute_count);
    if (attribute == NULL)
        return error_no_memory();
    *attribute = (sdp_attribute_t){name, value};
    return 0;
}

static int scan_known(section_t *section, size_t index, const char *name, char *value)
{
    int flags = attributes[index].flags;
    uint32_t bit = UINT32_C(1) << (index % 32);
    if (((flags & FLAG) != 0) != (value == NULL))
        return scan_fail((flags & FLAG) != 0 ? "the attribute has no value" : "the attribute needs a value");
    if ((flags & ONCE) != 0 && (section->seen[index / 32] & bit) != 0)
        return scan_fail("the attribute stands twice in this section");
    section->seen[index / 32] |= bit;
    int error = attributes[index].scan(section, value);
    return error == KEEP ? keep(section, name, value) : error;
}

int sdp_attribute_scan(section_t *section, char *line)
{
    char *value = line;
    const char *name = scan_part(&value, ':');
    if (!scan_is_token(name))
        return error_set(PEER_ERROR_SYNTAX, "a=%.40s: the attribute has no proper name", name);
    int level = section->media != NULL ? MEDIA : SESSION;
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (strcmp(attributes[i].name, name) != 0)
            continue;
        if ((attributes[i].flags & level) == 0)
            break;
        int error = scan_known(section, i, name, value);
        return error == PEER_ERROR_SYNTAX ? error_prefix(error, "a=%s: ", name) : error;
    }
    return keep(section, name, value);
}
