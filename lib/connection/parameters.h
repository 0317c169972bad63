/* RTP capabilities and parameters (W3C WebRTC §5.2–5.4) as the connection knows them: what could be negotiated, what was, and the encodings
 * of each sender ([[SendEncodings]]). Checking what an application asks for, and the codecs themselves, are the API's affair. */
#ifndef CONNECTION_PARAMETERS_H
#define CONNECTION_PARAMETERS_H

#include "base/arena.h"
#include "base/time.h"
#include "connection/connection_io.h"
#include "jsep/jsep.h"
#include "transport/dscp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transceiver;
struct connection_codec;

#define CONNECTION_ENCODINGS_MAX 8
#define CONNECTION_RID_MAX 255
#define CONNECTION_CODEC_RTX ((size_t)-1) /* the index of retransmission (RFC 4588) */

typedef struct connection_rtp_codec {
    const char *name; /* of a=rtpmap: "VP8", "rtx" */
    const char *fmtp; /* NULL: none */
    uint32_t clock_rate;
    uint32_t channels; /* 0: not told */
    int payload_type;  /* -1: none */
    size_t index;      /* among the connection's codecs, or CONNECTION_CODEC_RTX */
} connection_rtp_codec_t;

typedef struct connection_rtp_extension {
    const char *uri;
    int id;            /* -1: none */
    int32_t direction; /* connection_direction_t */
} connection_rtp_extension_t;

/* Header extensions of a transceiver (W3C webrtc-extensions): those it is to negotiate, or what the last answer left of them. */
#define CONNECTION_EXTENSIONS_MAX 16
typedef struct connection_extension {
    const char *uri;   /* lives for ever */
    int32_t direction; /* connection_direction_t */
} connection_extension_t;

typedef struct connection_rtp {
    const connection_rtp_codec_t *codecs;
    size_t codec_count;
    const connection_rtp_extension_t *extensions;
    size_t extension_count;
    const char *cname; /* "" of a receiver */
    bool has_reduced_size_rtcp;
} connection_rtp_t;

/* What a connection with these codecs can negotiate for a kind, in one direction. Everything is in the arena, as for the next. False when
 * memory ran out. */
bool connection_capabilities(const struct connection_codec *codecs, size_t count, int32_t kind, bool is_send, arena_t *arena,
                             connection_rtp_t *rtp);
/* What was negotiated; of a receiver also what a local offer is ready for. */
bool transceiver_rtp(const struct transceiver *transceiver, bool is_send, arena_t *arena, connection_rtp_t *rtp);

size_t transceiver_header_extensions(const struct transceiver *transceiver, bool is_negotiated,
                                     connection_extension_t extensions[CONNECTION_EXTENSIONS_MAX]);
/* PEER_ERROR_INVALID_MODIFICATION, PEER_ERROR_INVALID_STATE, PEER_ERROR_TYPE (no direction). */
int transceiver_set_header_extensions(struct transceiver *transceiver, const connection_extension_t *extensions, size_t count);

/* W3C §5.4 "codec dictionary match". What is asymmetrical between two peers: levels, and all that says what one likes to receive. */
bool connection_codec_match(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second, bool ignores_asymmetrical);
/* Only what makes a codec that codec: a side that writes no format parameters has the defaults. */
bool connection_codec_is_same(const connection_rtp_codec_t *first, const connection_rtp_codec_t *second);
/* The format parameters that make it so, by the codec's name. */
const jsep_fmtp_key_t *connection_codec_keys(const char *name, size_t *count);

/* Capabilities in the wanted order, each once; none: back to the default. PEER_ERROR_INVALID_MODIFICATION (nothing that carries media),
 * PEER_ERROR_INVALID_STATE, PEER_ERROR_NO_MEMORY. */
int transceiver_set_codec_preferences(struct transceiver *transceiver, peer_time_t now, const connection_rtp_codec_t *codecs, size_t count);

/* One encoding of a sender: W3C RTCRtpEncodingParameters. */
typedef struct connection_encoding {
    const char *rid; /* NULL: none */
    bool is_active;
    bool has_max_framerate;
    bool has_max_bitrate;
    bool is_adaptive_ptime;
    double max_framerate;
    double scale_resolution_down_by; /* 1 for sound */
    uint64_t max_bitrate_bps;
    uint8_t temporal_layers; /* 1 to 3; 0: not told */
    transport_priority_t priority;
    transport_priority_t network_priority;
    const connection_rtp_codec_t *codec; /* NULL: the first negotiated */
} connection_encoding_t;

/* The defaults of encoding `index` of `count` (W3C §5.1: smaller to larger, 4:2:1). */
connection_encoding_t connection_encoding_default(int32_t kind, size_t index, size_t count);
/* [[SendEncodings]] as they are now: valid until the connection is called again. */
size_t transceiver_encodings(struct transceiver *transceiver, const connection_encoding_t **encodings);
/* Replaces them; their number and rids must be what they were (PEER_ERROR_INVALID_MODIFICATION). Everything is copied. */
int transceiver_set_encodings(struct transceiver *transceiver, peer_time_t now, const connection_encoding_t *encodings, size_t count);
/* Goes up whenever negotiation makes parameters that were given out stale: W3C's [[LastReturnedParameters]] becomes null. */
uint32_t transceiver_parameters_generation(const struct transceiver *transceiver);

#endif
