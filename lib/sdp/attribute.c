/* The attributes that have fields of their own: one function each, and the table of their names and levels. Anything else, and anything at
 * a level where it has no meaning, is kept verbatim. The values are taken apart where they lie. */
#include "base/error.h"
#include "sdp/scan.h"

#include <string.h>

#define KEEP 1 /* well-formed, but not what the field can hold: keep the line verbatim */

static int fail(const char *what)
{
    return error_set(PEER_ERROR_SYNTAX, "%s", what);
}

static int append_word(arena_t *arena, const char ***items, size_t *count, const char *word)
{
    const char **item = arena_append(arena, (void **)items, count, sizeof *item);
    if (item == NULL)
        return error_no_memory();
    *item = word;
    return 0;
}

/* "96" or "*" */
static bool scan_any_payload_type(const char *word, int *payload_type)
{
    uint8_t number;
    if (word != NULL && strcmp(word, "*") == 0) {
        *payload_type = SDP_ANY_PAYLOAD_TYPE;
        return true;
    }
    if (!scan_payload_type(word, &number))
        return false;
    *payload_type = number;
    return true;
}

/* Both levels. */

static int scan_ice_ufrag(section_t *s, char *value)
{
    size_t length = strlen(value);
    if (!scan_is_visible(value) || length < 4 || length > 256)
        return fail("an ICE user name fragment has 4 to 256 characters without spaces"); /* RFC 8839 §5.4 */
    s->common->ice_ufrag = value;
    return 0;
}

static int scan_ice_pwd(section_t *s, char *value)
{
    size_t length = strlen(value);
    if (!scan_is_visible(value) || length < 22 || length > 256)
        return fail("an ICE password has 22 to 256 characters without spaces");
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
    return s->common->ice_option_count > 0 ? 0 : fail("no option is named");
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
        return fail("the TLS id is not one word");
    s->common->tls_id = value;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
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
        return fail("a fingerprint is a hash function and a value");
    for (char *c = algorithm; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    size_t length = (strlen(hex) + 1) / 3;
    uint8_t *bytes = arena_new(&s->sdp->arena, length);
    if (bytes == NULL)
        return error_no_memory();
    for (size_t i = 0; i < length; i++) {
        int high = hex_digit(hex[i * 3]), low = high >= 0 ? hex_digit(hex[i * 3 + 1]) : -1;
        if (low < 0 || hex[i * 3 + 2] != (i + 1 == length ? '\0' : ':'))
            return fail("the fingerprint is not pairs of hexadecimal digits with colons between");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (length == 0 || strlen(hex) != length * 3 - 1)
        return fail("the fingerprint is not pairs of hexadecimal digits with colons between");
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
        return fail("the identifier is not a number from 1 to 255 or 4096 to 4351");
    if (entry != NULL) {
        extmap.has_direction = true;
        if (!sdp_direction_parse(entry, &extmap.direction))
            return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" is not a direction", entry);
    }
    extmap.uri = scan_word(&value);
    if (!scan_is_visible(extmap.uri))
        return fail("no URI");
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
        return fail("no semantics");
    const char *mid;
    while ((mid = scan_word(&value)) != NULL) {
        if (group->mid_count == SDP_TOKENS_MAX)
            return fail("too many members");
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
        return fail("no semantics");
    const char *id;
    while ((id = scan_word(&value)) != NULL) {
        if (sdp->msid_semantic_id_count == SDP_TOKENS_MAX)
            return fail("too many streams");
        if (append_word(&sdp->arena, &sdp->msid_semantic_ids, &sdp->msid_semantic_id_count, id) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    return 0;
}

/* Media level. */

static int scan_mid(section_t *s, char *value)
{
    if (!scan_is_visible(value))
        return fail("the identification tag is not one word");
    if (strlen(value) > SDP_MID_MAX)
        return fail("the identification tag is longer than a packet can say");
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
        return fail("the port is not a number from 0 to 65535");
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

static int scan_msid(section_t *s, char *value)
{
    sdp_msid_t *msid = ARENA_APPEND(&s->sdp->arena, s->media->msids, s->media->msid_count);
    if (msid == NULL)
        return error_no_memory();
    msid->stream = scan_word(&value);
    msid->track = scan_word(&value);
    if (msid->stream == NULL)
        return fail("no identifier");
    return scan_rest(&value) == NULL ? 0 : fail("more than two identifiers");
}

static int scan_rtpmap(section_t *s, char *value)
{
    sdp_rtpmap_t *rtpmap = ARENA_APPEND(&s->sdp->arena, s->media->rtpmaps, s->media->rtpmap_count);
    if (rtpmap == NULL)
        return error_no_memory();
    if (!scan_payload_type(scan_word(&value), &rtpmap->payload_type))
        return fail("the payload type is not a number from 0 to 127");
    char *encoding = scan_word(&value);
    rtpmap->encoding = encoding != NULL ? scan_part(&encoding, '/') : NULL;
    if (!scan_is_token(rtpmap->encoding))
        return fail("no encoding name");
    if (!scan_u32(scan_part(&encoding, '/'), UINT32_MAX, &rtpmap->clock_rate) || rtpmap->clock_rate == 0)
        return fail("the clock rate is not a positive number");
    rtpmap->parameters = encoding;
    if (encoding != NULL && !scan_is_visible(encoding))
        return fail("nothing behind the last \"/\"");
    if (!scan_u32(encoding, 255, &rtpmap->channels) || rtpmap->channels == 0)
        rtpmap->channels = 1;
    return scan_rest(&value) == NULL ? 0 : fail("something stands behind the encoding");
}

static int scan_fmtp(section_t *s, char *value)
{
    sdp_fmtp_t *fmtp = ARENA_APPEND(&s->sdp->arena, s->media->fmtps, s->media->fmtp_count);
    if (fmtp == NULL)
        return error_no_memory();
    fmtp->format = scan_word(&value);
    if (!scan_is_visible(fmtp->format))
        return fail("no format");
    fmtp->parameters = scan_rest(&value);
    if (fmtp->parameters == NULL)
        fmtp->parameters = "";
    return 0;
}

static int scan_rtcp_fb(section_t *s, char *value)
{
    sdp_rtcp_fb_t *feedback = ARENA_APPEND(&s->sdp->arena, s->media->rtcp_fbs, s->media->rtcp_fb_count);
    if (feedback == NULL)
        return error_no_memory();
    if (!scan_any_payload_type(scan_word(&value), &feedback->payload_type))
        return fail("the payload type is not a number from 0 to 127 or \"*\"");
    feedback->type = scan_word(&value);
    if (feedback->type == NULL)
        return fail("no kind of feedback");
    feedback->parameter = scan_rest(&value);
    return 0;
}

static int scan_imageattr(section_t *s, char *value)
{
    sdp_imageattr_t *image = ARENA_APPEND(&s->sdp->arena, s->media->imageattrs, s->media->imageattr_count);
    if (image == NULL)
        return error_no_memory();
    if (!scan_any_payload_type(scan_word(&value), &image->payload_type))
        return fail("the payload type is not a number from 0 to 127 or \"*\"");
    image->text = scan_rest(&value);
    return image->text != NULL ? 0 : fail("no send or recv part");
}

static bool is_rid(const char *id)
{
    if (id == NULL || *id == '\0')
        return false;
    for (; *id != '\0'; id++) {
        bool is_alphanumeric = (*id >= '0' && *id <= '9') || (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z');
        if (!is_alphanumeric && *id != '-' && *id != '_')
            return false;
    }
    return true;
}

static int scan_rid_payload_types(section_t *s, char *list, sdp_rid_t *rid)
{
    const char *word;
    while ((word = scan_part(&list, ',')) != NULL) {
        if (rid->payload_type_count == SDP_RID_FORMATS_MAX)
            return fail("too many payload types");
        uint8_t *payload_type = ARENA_APPEND(&s->sdp->arena, rid->payload_types, rid->payload_type_count);
        if (payload_type == NULL)
            return error_no_memory();
        if (!scan_payload_type(word, payload_type))
            return fail("pt= is not a list of payload types");
    }
    return 0;
}

static int scan_rid_restriction(section_t *s, char *text, sdp_rid_t *rid)
{
    while (*text == ' ')
        text++;
    char *value = text;
    const char *name = scan_part(&value, '=');
    if (!scan_is_token(name))
        return fail("a restriction has no name");
    if (strcmp(name, "pt") == 0 && value != NULL)
        return scan_rid_payload_types(s, value, rid);
    sdp_attribute_t *restriction = ARENA_APPEND(&s->sdp->arena, rid->restrictions, rid->restriction_count);
    if (restriction == NULL)
        return error_no_memory();
    *restriction = (sdp_attribute_t){name, value};
    return 0;
}

static int scan_rid(section_t *s, char *value)
{
    if (s->media->rid_count == SDP_RIDS_MAX)
        return fail("too many of them");
    sdp_rid_t *rid = ARENA_APPEND(&s->sdp->arena, s->media->rids, s->media->rid_count);
    if (rid == NULL)
        return error_no_memory();
    rid->id = scan_word(&value);
    if (!is_rid(rid->id))
        return fail("the identifier is not letters, digits, \"-\" and \"_\"");
    const char *direction = scan_word(&value);
    if (direction != NULL && strcmp(direction, "send") == 0)
        rid->direction = SDP_SENDONLY;
    else if (direction != NULL && strcmp(direction, "recv") == 0)
        rid->direction = SDP_RECVONLY;
    else
        return fail("the direction is not send or recv");
    char *restrictions = scan_rest(&value), *one;
    while ((one = scan_part(&restrictions, ';')) != NULL) {
        int error = scan_rid_restriction(s, one, rid);
        if (error < 0)
            return error;
    }
    return 0;
}

static int scan_simulcast_streams(section_t *s, char *list, sdp_simulcast_stream_t **streams, size_t *count)
{
    char *alternatives, *id;
    if (scan_count(list, ';') + scan_count(list, ',') >= SDP_RIDS_MAX)
        return fail("too many rids");
    while ((alternatives = scan_part(&list, ';')) != NULL) {
        sdp_simulcast_stream_t *stream = arena_append(&s->sdp->arena, (void **)streams, count, sizeof *stream);
        if (stream == NULL)
            return error_no_memory();
        while ((id = scan_part(&alternatives, ',')) != NULL) {
            sdp_simulcast_rid_t *rid = ARENA_APPEND(&s->sdp->arena, stream->rids, stream->rid_count);
            if (rid == NULL)
                return error_no_memory();
            rid->is_paused = id[0] == '~';
            rid->id = rid->is_paused ? id + 1 : id;
            if (!is_rid(rid->id))
                return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" is not a rid", rid->id);
        }
    }
    return 0;
}

static int scan_simulcast(section_t *s, char *value)
{
    sdp_simulcast_t *simulcast = &s->media->simulcast;
    const char *direction;
    while ((direction = scan_word(&value)) != NULL) {
        char *list = scan_word(&value);
        bool is_send = strcmp(direction, "send") == 0;
        if (list == NULL || (!is_send && strcmp(direction, "recv") != 0) ||
            (is_send ? simulcast->send_count : simulcast->receive_count) != 0)
            return fail("not one list for send and one for recv at most");
        int error = is_send ? scan_simulcast_streams(s, list, &simulcast->send, &simulcast->send_count)
                            : scan_simulcast_streams(s, list, &simulcast->receive, &simulcast->receive_count);
        if (error < 0)
            return error;
        simulcast->is_present = true;
    }
    return simulcast->is_present ? 0 : fail("no list");
}

static int scan_ssrc(section_t *s, char *value)
{
    sdp_ssrc_t *ssrc = ARENA_APPEND(&s->sdp->arena, s->media->ssrcs, s->media->ssrc_count);
    if (ssrc == NULL)
        return error_no_memory();
    if (!scan_u32(scan_word(&value), UINT32_MAX, &ssrc->ssrc))
        return fail("the SSRC is not a number of 32 bits");
    char *attribute = scan_rest(&value);
    ssrc->attribute = scan_part(&attribute, ':');
    ssrc->value = attribute;
    return ssrc->attribute == NULL || scan_is_token(ssrc->attribute) ? 0 : fail("the attribute has no name");
}

static int scan_ssrc_group(section_t *s, char *value)
{
    sdp_ssrc_group_t *group = ARENA_APPEND(&s->sdp->arena, s->media->ssrc_groups, s->media->ssrc_group_count);
    if (group == NULL)
        return error_no_memory();
    group->semantics = scan_word(&value);
    if (!scan_is_token(group->semantics))
        return fail("no semantics");
    const char *word;
    size_t others = 0;
    for (size_t i = 0; i + 1 < s->media->ssrc_group_count; i++)
        others += s->media->ssrc_groups[i].ssrc_count;
    while ((word = scan_word(&value)) != NULL) {
        if (others + group->ssrc_count == SDP_GROUPED_SSRCS_MAX)
            return fail("too many SSRCs");
        uint32_t *ssrc = ARENA_APPEND(&s->sdp->arena, group->ssrcs, group->ssrc_count);
        if (ssrc == NULL)
            return error_no_memory();
        if (!scan_u32(word, UINT32_MAX, ssrc))
            return fail("an SSRC is not a number of 32 bits");
    }
    return 0;
}

static int scan_candidate(section_t *s, char *value)
{
    size_t room = scan_count(value, ' ') / 2;
    if (room > SDP_TOKENS_MAX)
        return fail("too many words");
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
            return fail("not a list of component, address and port");
    }
    return s->media->remote_candidate_count > 0 ? 0 : fail("no candidate");
}

static int scan_sctp_port(section_t *s, char *value)
{
    s->media->has_sctp_port = true;
    return scan_u16(value, &s->media->sctp_port) ? 0 : fail("the port is not a number from 0 to 65535");
}

static int scan_max_message_size(section_t *s, char *value)
{
    s->media->has_max_message_size = true;
    return scan_u64(value, UINT64_MAX, &s->media->max_message_size) ? 0 : fail("the size is not a number");
}

/* What is in it is the association's affair; here it need only be base64 (RFC 4648 §4). */
static int scan_sctp_init(section_t *s, char *value)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strspn(value, alphabet), padding = strspn(value + length, "=");
    if (length == 0 || padding > 2 || value[length + padding] != 0 || (length + padding) % 4 != 0)
        return fail("not base64");
    s->media->sctp_init = value;
    return 0;
}

static int scan_sctpmap(section_t *s, char *value)
{
    sdp_sctpmap_t *map = &s->media->sctpmap;
    map->is_present = true;
    if (!scan_u16(scan_word(&value), &map->port))
        return fail("the port is not a number from 0 to 65535");
    map->application = scan_word(&value);
    if (map->application == NULL)
        return fail("no application");
    const char *streams = scan_word(&value);
    if (streams != NULL && !scan_u32(streams, UINT32_MAX, &map->streams))
        return fail("the number of streams is not a number");
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
    {"rtcp-fb", MEDIA, scan_rtcp_fb},
    {"rtpmap", MEDIA, scan_rtpmap},
    {"fmtp", MEDIA, scan_fmtp},
    {"extmap", SESSION | MEDIA, scan_extmap},
    {"ssrc", MEDIA, scan_ssrc},
    {"ssrc-group", MEDIA, scan_ssrc_group},
    {"mid", MEDIA | ONCE, scan_mid},
    {"msid", MEDIA, scan_msid},
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
    {"rid", MEDIA, scan_rid},
    {"simulcast", MEDIA | ONCE, scan_simulcast},
    {"ptime", MEDIA | ONCE, scan_ptime},
    {"maxptime", MEDIA | ONCE, scan_maxptime},
    {"remote-candidates", MEDIA | ONCE, scan_remote_candidates},
    {"imageattr", MEDIA, scan_imageattr},
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
        return fail((flags & FLAG) != 0 ? "the attribute has no value" : "the attribute needs a value");
    if ((flags & ONCE) != 0 && (section->seen[index / 32] & bit) != 0)
        return fail("the attribute stands twice in this section");
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
