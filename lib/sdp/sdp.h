/* A session description (RFC 8866) as a structure: text <-> struct, nothing else. What a description means together with another one is
 * the affair of jsep.
 *
 * Every string is NUL-terminated, and every string and array belongs to the description it is in: sdp_free() releases them all. Attributes
 * that this library knows are in fields of their own; every other one is kept, in order, in `attributes`. A list is `items, item_count`.
 * sdp_write() puts known attributes in one fixed order, so text that was parsed and written again has the same meaning but not always
 * the same order of lines. */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one description may hold; more is PEER_ERROR_SYNTAX. */
#define SDP_LENGTH_MAX (16u * 1024 * 1024)
#define SDP_LINE_MAX 65536u
#define SDP_LINES_MAX 500000u
#define SDP_MEDIA_MAX 2048u
#define SDP_SECTION_LINES_MAX 4096u  /* lines of one media section, or of the session part */
#define SDP_TOKENS_MAX 4096u         /* words in one line */
#define SDP_MID_MAX 255u             /* RFC 7941 §4.1: an SDES item has no more */
#define SDP_RIDS_MAX 256u            /* in a section, and in one list of a=simulcast: they are looked for in each other */
#define SDP_RID_FORMATS_MAX 128u     /* of one rid: as many as there are payload types */
#define SDP_IMAGE_SIZES_MAX 256u     /* of one direction of one a=imageattr */
#define SDP_GROUPED_SSRCS_MAX 4096u  /* in all a=ssrc-group of a section */
#define SDP_DCMAPS_MAX 2048          /* in a section: each is compared with those before it */
#define SDP_DCMAP_STRINGS_MAX 16384u /* bytes of label and subprotocol of one data channel: three times as many are still one line */

/* Bits: what the one who wrote the description wants to do (RFC 8866 §6.7). */
typedef enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 } sdp_direction_t;
typedef enum sdp_setup { SDP_SETUP_NONE = 0, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_ACTPASS, SDP_SETUP_HOLDCONN } sdp_setup_t;
typedef enum sdp_candidate_type {
    SDP_CANDIDATE_OTHER = 0, /* see type_text */
    SDP_CANDIDATE_HOST,
    SDP_CANDIDATE_SRFLX,
    SDP_CANDIDATE_PRFLX,
    SDP_CANDIDATE_RELAY,
} sdp_candidate_type_t;
typedef enum sdp_tcptype { SDP_TCPTYPE_NONE = 0, SDP_TCPTYPE_ACTIVE, SDP_TCPTYPE_PASSIVE, SDP_TCPTYPE_SO } sdp_tcptype_t;

typedef struct sdp_attribute {
    const char *name;
    const char *value; /* NULL for a property attribute such as "a=recvonly" */
} sdp_attribute_t;

typedef struct sdp_line {
    char type;
    const char *value;
} sdp_line_t;

/* RFC 8839 §5.1, and RFC 6544 §4.5 for tcptype. */
typedef struct sdp_candidate {
    const char *foundation;
    uint32_t component;
    const char *transport; /* as written: "udp", "UDP", "TCP", … */
    bool is_udp;
    bool is_tcp;
    uint32_t priority;
    const char *address; /* an IP literal or a host name such as "….local" */
    uint16_t port;
    sdp_candidate_type_t type;
    const char *type_text;
    const char *related_address; /* raddr, or NULL */
    uint16_t related_port;       /* rport */
    bool has_related_port;
    sdp_tcptype_t tcptype;
    const sdp_attribute_t *extensions; /* generation, network-id, network-cost, ufrag, … in their order; value is never NULL */
    size_t extension_count;
} sdp_candidate_t;

typedef struct sdp_remote_candidate {
    uint32_t component;
    const char *address;
    uint16_t port;
} sdp_remote_candidate_t;

/* RFC 8122 §5. The algorithm's name is in lower case; the length fits it where the name is one of RFC 8122's. */
typedef struct sdp_fingerprint {
    const char *algorithm;
    const uint8_t *bytes;
    size_t length;
} sdp_fingerprint_t;

typedef struct sdp_connection {
    const char *network_type; /* NULL: no c= line */
    const char *address_type;
    const char *address;
} sdp_connection_t;

typedef struct sdp_origin {
    const char *username;
    uint64_t session_id;
    uint64_t session_version;
    const char *network_type;
    const char *address_type;
    const char *address;
} sdp_origin_t;

typedef struct sdp_bandwidth {
    const char *type; /* "AS", "TIAS", "CT", … */
    uint64_t value;
} sdp_bandwidth_t;

typedef struct sdp_group { /* RFC 5888 §5 */
    const char *semantics;
    const char **mids;
    size_t mid_count;
} sdp_group_t;

typedef struct sdp_msid { /* RFC 8830 §2; "-" as stream means: in no stream */
    const char *stream;
    const char *track; /* the appdata, NULL when absent */
} sdp_msid_t;

typedef struct sdp_rtpmap { /* RFC 8866 §6.6 */
    uint8_t payload_type;
    const char *encoding;
    uint32_t clock_rate;
    const char *parameters; /* for audio the number of channels; NULL when absent */
    uint32_t channels;      /* 1 when absent or not a number */
} sdp_rtpmap_t;

typedef struct sdp_fmtp {
    const char *format;     /* a payload type, or another format of the m-line */
    const char *parameters; /* verbatim, "" when absent; see sdp_fmtp_parameter() */
} sdp_fmtp_t;

#define SDP_ANY_PAYLOAD_TYPE (-1) /* "*" */

typedef struct sdp_rtcp_fb { /* RFC 4585 §4.2 */
    int payload_type;
    const char *type;      /* "nack" */
    const char *parameter; /* "pli", the rest of the line; NULL when absent */
} sdp_rtcp_fb_t;

typedef struct sdp_extmap { /* RFC 8285 §5, §6 */
    uint16_t id;
    bool has_direction;
    sdp_direction_t direction; /* SDP_SENDRECV when absent */
    const char *uri;
    const char *attributes; /* NULL when absent */
} sdp_extmap_t;

typedef struct sdp_ssrc { /* RFC 5576 §4.1, one line */
    uint32_t ssrc;
    const char *attribute; /* "cname"; NULL when the line has none */
    const char *value;     /* NULL when absent */
} sdp_ssrc_t;

typedef struct sdp_ssrc_group { /* RFC 5576 §4.2 */
    const char *semantics;
    uint32_t *ssrcs;
    size_t ssrc_count;
} sdp_ssrc_group_t;

typedef struct sdp_rid { /* RFC 8851 §4 */
    const char *id;
    sdp_direction_t direction; /* SDP_SENDONLY or SDP_RECVONLY */
    uint8_t *payload_types;    /* pt=; none: all */
    size_t payload_type_count;
    sdp_attribute_t *restrictions; /* the others, in order: max-width, max-fps, depend, … */
    size_t restriction_count;
} sdp_rid_t;

typedef struct sdp_simulcast_rid {
    const char *id;
    bool is_paused; /* "~" */
} sdp_simulcast_rid_t;

typedef struct sdp_simulcast_stream { /* alternatives, most wanted first */
    sdp_simulcast_rid_t *rids;
    size_t rid_count;
} sdp_simulcast_stream_t;

typedef struct sdp_simulcast { /* RFC 8853 §5.1 */
    bool is_present;
    sdp_simulcast_stream_t *send;
    size_t send_count;
    sdp_simulcast_stream_t *receive;
    size_t receive_count;
} sdp_simulcast_t;

typedef struct sdp_image_size { /* one of the sizes of a=imageattr (RFC 6236 §3.1.1), all of them pixels */
    uint32_t min_width;
    uint32_t max_width;
    uint32_t min_height;
    uint32_t max_height;
    uint32_t preference;    /* q=, in hundredths: 50 when absent */
    bool has_square_pixels; /* sar= is absent or allows 1.0 */
} sdp_image_size_t;

typedef struct sdp_imageattr {
    int payload_type;
    const char *text; /* behind the payload type, as it is written */
    bool has_receive;
    sdp_image_size_t *receive; /* none, where has_receive: any size ("*") */
    size_t receive_count;
} sdp_imageattr_t;

typedef struct sdp_sctpmap { /* draft-ietf-mmusic-sctp-sdp-05, which older peers still write */
    bool is_present;
    uint16_t port;
    const char *application;
    uint32_t streams; /* 0 when absent */
} sdp_sctpmap_t;

/* RFC 8864 §5.1: a data channel that the description sets up, in place of DCEP. */
typedef struct sdp_dcmap {
    uint16_t stream;
    const char *label; /* decoded; "" when absent, as is subprotocol */
    const char *subprotocol;
    bool is_unordered;
    int64_t max_retr; /* -1: no limit, as max_time (ms); at most one of them */
    int64_t max_time;
    uint16_t priority; /* 0 when absent */
} sdp_dcmap_t;

typedef struct sdp_dcsa { /* RFC 8864 §5.2: an attribute of the channel's subprotocol, "accept-types:text/plain" */
    uint16_t stream;
    const char *attribute;
} sdp_dcsa_t;

/* What may stand at session level and is then the default of every media section. */
typedef struct sdp_common {
    bool has_direction;
    sdp_direction_t direction;
    const char *ice_ufrag;
    const char *ice_pwd;
    const char **ice_options;
    size_t ice_option_count;
    bool end_of_candidates;
    sdp_setup_t setup;
    const char *tls_id; /* RFC 8842 §4 */
    sdp_fingerprint_t *fingerprints;
    size_t fingerprint_count;
    sdp_extmap_t *extmaps;
    size_t extmap_count;
    bool extmap_allow_mixed;
    sdp_connection_t connection;
    sdp_bandwidth_t *bandwidths;
    size_t bandwidth_count;
    sdp_line_t *lines; /* the other lines: i u e p t r z k at session level, i k in media */
    size_t line_count;
    sdp_attribute_t *attributes; /* attributes without a field of their own, in order */
    size_t attribute_count;
} sdp_common_t;

typedef struct sdp_media {
    const char *type; /* "audio", "video", "application", … */
    uint16_t port;
    uint16_t port_count;  /* "/2"; 1 when absent */
    const char *protocol; /* "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP", … */
    const char **formats;
    size_t format_count;
    sdp_common_t common;

    const char *mid;     /* NULL when absent */
    uint32_t bundle_tag; /* 1 and the index of the first section of its BUNDLE group, 0: in none; see sdp_index() */
    bool bundle_only;
    bool rtcp_mux;
    bool rtcp_mux_only;
    bool rtcp_rsize;
    bool has_rtcp;
    uint16_t rtcp_port;
    sdp_connection_t rtcp_connection;
    uint32_t ptime; /* ms, 0 when absent */
    uint32_t maxptime;
    sdp_msid_t *msids;
    size_t msid_count;
    sdp_rtpmap_t *rtpmaps;
    size_t rtpmap_count;
    sdp_fmtp_t *fmtps;
    size_t fmtp_count;
    sdp_rtcp_fb_t *rtcp_fbs;
    size_t rtcp_fb_count;
    sdp_imageattr_t *imageattrs;
    size_t imageattr_count;
    sdp_rid_t *rids;
    size_t rid_count;
    sdp_simulcast_t simulcast;
    sdp_ssrc_t *ssrcs;
    size_t ssrc_count;
    sdp_ssrc_group_t *ssrc_groups;
    size_t ssrc_group_count;
    sdp_candidate_t *candidates;
    size_t candidate_count;
    sdp_remote_candidate_t *remote_candidates;
    size_t remote_candidate_count;
    bool has_sctp_port;
    uint16_t sctp_port; /* RFC 8841 §5 */
    bool has_max_message_size;
    uint64_t max_message_size; /* RFC 8841 §6; 0: any size */
    const char *sctp_init;     /* draft-hancke-tsvwg-snap: an INIT chunk in base64; NULL when absent */
    sdp_sctpmap_t sctpmap;
    sdp_dcmap_t *dcmaps; /* each of another stream */
    size_t dcmap_count;
    sdp_dcsa_t *dcsas;
    size_t dcsa_count;
} sdp_media_t;

typedef struct sdp {
    arena_t arena; /* where all of it lives */
    sdp_origin_t origin;
    const char *session_name;
    sdp_common_t common;
    bool ice_lite;
    sdp_group_t *groups;
    size_t group_count;
    bool has_msid_semantic;
    const char *msid_semantic;
    const char **msid_semantic_ids;
    size_t msid_semantic_id_count;
    sdp_media_t *media;
    size_t media_count;
    uint32_t *mid_index; /* see sdp_index() */
    size_t mid_index_size;
} sdp_t;

/* Parses a whole description, lines ended by CRLF or LF. On success *sdp is the caller's (sdp_free). Otherwise PEER_ERROR_SYNTAX, with the
 * line's number and what is wrong in the message (peer_last_error_sdp_line() gives it as a number), or PEER_ERROR_NO_MEMORY; *sdp is
 * unchanged. */
int sdp_parse(const char *text, size_t length, sdp_t **sdp);
/* An empty description, to be filled in and written: every string and array from its arena (ARENA_APPEND(&sdp->arena, …)). */
sdp_t *sdp_new(void);
sdp_t *sdp_copy(const sdp_t *sdp); /* NULL when memory ran out */
void sdp_free(sdp_t *sdp);         /* NULL is allowed */
/* Appends the description; a missing origin address, session name or time is written as RFC 9429 §5.2.1 says. text->failed tells of
 * missing memory. */
void sdp_write(const sdp_t *sdp, text_t *text);

/* One candidate by itself, as trickled (RFC 8838, W3C RTCIceCandidate.candidate): "candidate:…", with or without "a=" before and a line end
 * behind. On success *candidate is one block, the caller's to memory_free(). The message of PEER_ERROR_SYNTAX names the field. */
int sdp_candidate_parse(const char *text, size_t length, sdp_candidate_t **candidate);
void sdp_candidate_write(const sdp_candidate_t *candidate, text_t *text); /* "candidate:…", no line end */
/* The value of an extension such as "ufrag" or "generation"; NULL when it is not there. */
const char *sdp_candidate_extension(const sdp_candidate_t *candidate, const char *name);
/* Copies a candidate, its strings too, into an arena. */
bool sdp_candidate_copy(arena_t *arena, const sdp_candidate_t *candidate, sdp_candidate_t *copy);

/* What holds for a media section, with the session's value where it has none itself. `media` is one of sdp->media. */
sdp_direction_t sdp_media_direction(const sdp_t *sdp, const sdp_media_t *media); /* SDP_SENDRECV by default (RFC 8866 §6.7) */
const char *sdp_media_ice_ufrag(const sdp_t *sdp, const sdp_media_t *media);     /* RFC 8839 §5.4; NULL when there is none */
const char *sdp_media_ice_pwd(const sdp_t *sdp, const sdp_media_t *media);
bool sdp_media_has_ice_option(const sdp_t *sdp, const sdp_media_t *media, const char *option); /* "trickle", "ice2", "renomination" */
sdp_setup_t sdp_media_setup(const sdp_t *sdp, const sdp_media_t *media);
const char *sdp_media_tls_id(const sdp_t *sdp, const sdp_media_t *media);
const sdp_fingerprint_t *sdp_media_fingerprints(const sdp_t *sdp, const sdp_media_t *media, size_t *count);
const sdp_extmap_t *sdp_media_extmaps(const sdp_t *sdp, const sdp_media_t *media, size_t *count);
bool sdp_media_extmap_allow_mixed(const sdp_t *sdp, const sdp_media_t *media);
const sdp_connection_t *sdp_media_connection(const sdp_t *sdp, const sdp_media_t *media); /* NULL when there is none */
bool sdp_media_end_of_candidates(const sdp_t *sdp, const sdp_media_t *media);
/* Own, or those of the section that stands for the bundle: a JSEP endpoint does not repeat them (RFC 9429 §5.2.1). */
bool sdp_media_rtcp_mux(const sdp_t *sdp, const sdp_media_t *media);
bool sdp_media_rtcp_rsize(const sdp_t *sdp, const sdp_media_t *media);

const sdp_media_t *sdp_media_by_mid(const sdp_t *sdp, const char *mid); /* the first; NULL when there is none */
/* Makes sdp_media_by_mid() take one step, and sets the bundle_tag of each section, for a description that was filled in and whose sections,
 * mids and groups are not to change any more; a parsed one has this already. False when memory ran out. */
bool sdp_index(sdp_t *sdp);
/* The section whose attributes of the transport hold for this one too (RFC 9143 §7.1.3): the first of its BUNDLE group, else itself. */
const sdp_media_t *sdp_media_tagged(const sdp_t *sdp, const sdp_media_t *media);
/* The group of these semantics that holds the mid; with mid NULL the first of these semantics. NULL when there is none. */
const sdp_group_t *sdp_group_find(const sdp_t *sdp, const char *semantics, const char *mid);
bool sdp_group_has(const sdp_group_t *group, const char *mid);
const sdp_dcmap_t *sdp_media_dcmap(const sdp_media_t *media, uint16_t stream);        /* NULL when there is none */
const sdp_rtpmap_t *sdp_media_rtpmap(const sdp_media_t *media, uint8_t payload_type); /* NULL when there is none */
const char *sdp_media_fmtp(const sdp_media_t *media, uint8_t payload_type);           /* parameters, "" when there are none */
/* The value of a key in "key=value;key=value" (keys ignore case); false when it is not there. A key without "=" has a value of length 0. */
bool sdp_fmtp_parameter(const char *parameters, const char *key, const char **value, size_t *length);

const char *sdp_direction_name(sdp_direction_t direction);
bool sdp_direction_parse(const char *name, sdp_direction_t *direction);
sdp_direction_t sdp_direction_reverse(sdp_direction_t direction); /* as the other side sees it */
const char *sdp_setup_name(sdp_setup_t setup);
const char *sdp_candidate_type_name(sdp_candidate_type_t type); /* "host", "srflx", "prflx", "relay"; "" for SDP_CANDIDATE_OTHER */
const char *sdp_tcptype_name(sdp_tcptype_t type);               /* "active", "passive", "so"; "" for SDP_TCPTYPE_NONE */

#endif
