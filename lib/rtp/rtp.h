/* RTP as octets (RFC 3550, RFC 8285): views of received packets, writers of outgoing ones, and the arithmetic of sequence numbers,
 * timestamps and NTP time. Nothing here keeps a stream's state (media/ does) and nothing allocates. RTCP and payload formats come with this
 * header. */
#ifndef RTP_RTP_H
#define RTP_RTP_H

#include "base/bytes.h"
#include "rtp/payload.h"
#include "rtp/rtcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER_SIZE 12         /* RFC 3550 §5.1, without CSRCs */
#define RTP_CSRCS_MAX 15           /* RFC 3550 §5.1: CC has four bits */
#define RTP_EXTENSION_ID_MAX 255   /* RFC 8285 §4.3; the one-byte form ends at 14 (§4.2) */
#define RTP_EXTENSION_TEXT_MAX 255 /* the longest element of the two-byte form */

/* A received RTP packet; the pointers look into it. */
typedef struct rtp_view {
    const uint8_t *payload; /* padding is already taken off */
    size_t payload_length;
    size_t header_length; /* fixed header, CSRCs and extensions */
    const uint8_t *csrcs;
    const uint8_t *extensions; /* the elements, NULL when X is not set */
    size_t extensions_length;
    uint32_t ssrc;
    uint32_t timestamp;
    uint16_t sequence_number;
    uint16_t extension_profile;
    uint8_t payload_type;
    uint8_t csrc_count;
    uint8_t padding_length;
    bool marker;
} rtp_view_t;

/* False when the octets are no well-formed RTP packet of version 2. */
bool rtp_parse(rtp_view_t *view, const void *data, size_t length);
/* RFC 5761 §4: with RTP and RTCP on one port the second octet tells them apart. */
bool rtp_is_rtcp(const void *data, size_t length);

/* The header extensions libpeer knows; an id is bound to each by a=extmap. */
typedef enum rtp_extension {
    RTP_EXTENSION_MID,               /* urn:ietf:params:rtp-hdrext:sdes:mid, RFC 9143 */
    RTP_EXTENSION_RID,               /* urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id, RFC 8852 */
    RTP_EXTENSION_REPAIRED_RID,      /* urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id, RFC 8852 */
    RTP_EXTENSION_ABS_SEND_TIME,     /* http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time */
    RTP_EXTENSION_TRANSPORT_CC,      /* http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01 */
    RTP_EXTENSION_AUDIO_LEVEL,       /* urn:ietf:params:rtp-hdrext:ssrc-audio-level, RFC 6464 */
    RTP_EXTENSION_VIDEO_ORIENTATION, /* urn:3gpp:video-orientation */
    RTP_EXTENSION_TOFFSET,           /* urn:ietf:params:rtp-hdrext:toffset, RFC 5450 */
    RTP_EXTENSION_PLAYOUT_DELAY,     /* http://www.webrtc.org/experiments/rtp-hdrext/playout-delay */
    RTP_EXTENSION_CSRC_AUDIO_LEVEL,  /* urn:ietf:params:rtp-hdrext:csrc-audio-level, RFC 6465 */
    RTP_EXTENSION_ABS_CAPTURE_TIME,  /* http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time */
    RTP_EXTENSION_COUNT,
    RTP_EXTENSION_UNKNOWN = RTP_EXTENSION_COUNT
} rtp_extension_t;

const char *rtp_extension_uri(rtp_extension_t extension); /* NULL for RTP_EXTENSION_UNKNOWN */
rtp_extension_t rtp_extension_from_uri(const char *uri);

/* What a=extmap lines of one m-section bind. All zero binds nothing. */
typedef struct rtp_extension_map {
    uint8_t ids[RTP_EXTENSION_COUNT]; /* 0: not bound */
    bool allow_mixed;                 /* a=extmap-allow-mixed: the two-byte form may be used for ids that would fit the one-byte form */
} rtp_extension_map_t;

/* False when the id is out of range (0, 15, above 255) or already bound to another extension. */
bool rtp_extension_map_bind(rtp_extension_map_t *map, uint8_t id, rtp_extension_t extension);
rtp_extension_t rtp_extension_map_find(const rtp_extension_map_t *map, uint8_t id);

/* The values of the known extensions of one packet; `present` has bit (1 << RTP_EXTENSION_…) for each that is there. Texts are not
 * NUL-terminated. */
typedef struct rtp_extensions {
    uint32_t present;
    const char *mid;
    const char *rid;
    const char *repaired_rid;
    uint8_t mid_length;
    uint8_t rid_length;
    uint8_t repaired_rid_length;
    const uint8_t *csrc_levels; /* one octet for each CSRC in their order: -dBov in the lower seven bits */
    uint8_t csrc_level_count;
    uint8_t audio_level;       /* -dBov: 0 is loudest, 127 is silence */
    bool has_voice;            /* the V bit */
    uint8_t video_orientation; /* the octet: C F R1 R0 */
    uint16_t transport_sequence_number;
    uint16_t playout_delay_min; /* units of 10 ms */
    uint16_t playout_delay_max;
    uint32_t abs_send_time; /* 6.18 fixed point seconds */
    int32_t toffset;        /* in timestamp units */
    uint64_t capture_time;  /* NTP (32.32), on the clock of the system that captured it */
    int64_t capture_offset; /* 32.32 fixed point seconds: the sender's clock minus that one, as it estimates */
    bool has_capture_offset;
} rtp_extensions_t;

static inline bool rtp_extensions_has(const rtp_extensions_t *extensions, rtp_extension_t extension)
{
    return (extensions->present >> extension & 1u) != 0;
}

/* Reads what the map binds and ignores the rest; an element that runs past the end ends the reading (RFC 8285 §4.1.2). */
void rtp_extensions_parse(rtp_extensions_t *extensions, const rtp_view_t *view, const rtp_extension_map_t *map);
/* The data of the element with this id, in either form; NULL when absent. */
const uint8_t *rtp_extension_find(const rtp_view_t *view, uint8_t id, size_t *length);

/* What rtp_write_header() writes. */
typedef struct rtp_header {
    uint32_t ssrc;
    uint32_t timestamp;
    uint16_t sequence_number;
    uint8_t payload_type;
    bool marker;
    const rtp_extensions_t *extensions; /* NULL: none */
    const rtp_extension_map_t *map;
} rtp_header_t;

/* Writes the fixed header and those extensions that are both present and bound. False when it does not fit. */
bool rtp_write_header(writer_t *writer, const rtp_header_t *header);
/* The octets rtp_write_header() would write. */
size_t rtp_header_size(const rtp_header_t *header);

/* The 24-bit abs-send-time of a moment given in microseconds. */
static inline uint32_t rtp_abs_send_time(int64_t time_us)
{
    uint64_t us = (uint64_t)time_us % 64000000u;
    return (uint32_t)(((us << 18) + 500000u) / 1000000u) & 0xffffffu;
}

/* Sequence numbers and timestamps as 64-bit numbers that never wrap: each value is taken as the one nearest to the last. */
typedef struct rtp_unwrap {
    int64_t last;
    bool is_started;
} rtp_unwrap_t;

int64_t rtp_unwrap_u16(rtp_unwrap_t *unwrap, uint16_t value); /* remembers the value as the last one if it is the highest yet */
int64_t rtp_unwrap_u32(rtp_unwrap_t *unwrap, uint32_t value);
int64_t rtp_unwrap_peek_u16(const rtp_unwrap_t *unwrap, uint16_t value); /* the same, remembering nothing */
int64_t rtp_unwrap_peek_u32(const rtp_unwrap_t *unwrap, uint32_t value);

static inline bool rtp_sequence_is_newer(uint16_t a, uint16_t b)
{
    return a != b && (uint16_t)(a - b) < 0x8000u;
}

/* NTP time, 32.32 fixed point seconds (RFC 3550 §4). */
static inline uint64_t rtp_ntp_from_us(int64_t us)
{
    uint64_t seconds = (uint64_t)us / 1000000u, rest = (uint64_t)us % 1000000u;
    return (seconds << 32) | (((rest << 32) + 500000u) / 1000000u);
}

static inline int64_t rtp_ntp_to_us(uint64_t ntp)
{
    return (int64_t)((ntp >> 32) * 1000000u + (((ntp & 0xffffffffu) * 1000000u + 0x80000000u) >> 32));
}

static inline uint32_t rtp_ntp_middle(uint64_t ntp) /* the 16.16 form of LSR and DLSR */
{
    return (uint32_t)(ntp >> 16);
}

#define RTP_NTP_UNIX_EPOCH_US (INT64_C(2208988800) * 1000000) /* 1970 on the NTP scale */

/* Retransmission (RFC 4588 §4): the payload is the original sequence number and the original payload. */
#define RTP_RTX_HEADER_SIZE 2
/* Turns a view of an RTX packet into the view of the packet it carries. False for a packet with no original in it (padding). */
bool rtp_rtx_unwrap(rtp_view_t *view, uint32_t original_ssrc, uint8_t original_payload_type);

#endif
