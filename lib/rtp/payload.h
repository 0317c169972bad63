/* A payload format says how encoded frames become RTP payloads and back (RFC 7587 Opus, RFC 7741 VP8, RFC 9628 VP9, RFC 3551
 * PCMU/PCMA). A format is a constant table of functions without state of its own; a new codec is a new table. */
#ifndef RTP_PAYLOAD_H
#define RTP_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame on its way into payloads. begin() fills it, next() moves it on; the frame's octets must stay. */
typedef struct rtp_packetizer {
    const uint8_t *frame;
    size_t length;
    size_t position;
    size_t payload_max; /* octets of payload a packet may have */
    size_t packets_left;
    uint64_t state[4]; /* the format's own */
} rtp_packetizer_t;

/* What a sender keeps from frame to frame, and what it knows of the frame at hand. */
typedef struct rtp_payload_context {
    uint16_t picture_id;           /* VP8, VP9: of the next frame, 15 bits; counted up by begin() */
    uint8_t tl0picidx;             /* VP8 */
    uint8_t layers_seen;           /* VP9: bit n for a picture of temporal layer n since the last key frame; counted by begin() */
    uint16_t layer_picture_ids[4]; /* VP9: of the last picture in each */
    uint8_t temporal_id;           /* of this frame; 0 without layers */
    bool has_temporal_layers;
    bool is_layer_sync; /* VP8 Y bit, VP9 U bit */
    bool is_key;
} rtp_payload_context_t;

/* What one received payload says of itself, before its frame is whole. */
typedef struct rtp_payload_info {
    bool is_start;  /* first of a frame */
    bool may_start; /* VP9: first of a spatial layer that builds on no lower one; of a frame, when somebody left those out */
    bool is_end;    /* last of a frame */
    bool is_key;    /* belongs to a key frame (known at the start packet) */
    bool has_picture_id;
    bool has_layers; /* temporal_id counts */
    bool has_tl0picidx;
    bool is_layer_sync;  /* of a layer above the base: needs the base layer only */
    bool has_references; /* references counts */
    bool has_pattern;    /* ask for the pattern of the frames from here on */
    uint8_t temporal_id;
    uint8_t tl0picidx;
    uint16_t picture_id;
    uint16_t picture_id_mask; /* 0x7f or 0x7fff */
    uint16_t width, height;   /* of the picture, at the start of a key frame; 0: not known */
    uint64_t references;      /* which pictures it builds on: bit n for the one with a picture ID less by n + 1 */
} rtp_payload_info_t;

#define RTP_PATTERN_MAX 16

/* How pictures build on each other, over and over: those from the one on that brought it, by picture ID. */
typedef struct rtp_picture_pattern {
    size_t length; /* 0: not known */
    uint64_t references[RTP_PATTERN_MAX];
} rtp_picture_pattern_t;

typedef struct rtp_fragment {
    const uint8_t *payload;
    size_t length;
} rtp_fragment_t;

typedef struct rtp_payload_format {
    const char *name; /* the encoding name of a=rtpmap */
    bool is_video;
    uint8_t static_payload_type; /* RFC 3551 §6; RTP_PAYLOAD_TYPE_DYNAMIC when it has none */
    uint32_t clock_rate;         /* the usual one */
    uint8_t channels;            /* as a=rtpmap writes them, 0 for video */

    /* Starts a frame; false when it cannot be carried (empty, or larger than one packet where frames may not be split). */
    bool (*begin)(rtp_packetizer_t *packetizer, rtp_payload_context_t *context, const uint8_t *frame, size_t length, size_t payload_max);
    /* Writes the next payload into `out`, which has room for payload_max; returns its length, 0 when the frame is done. The last one of a
     * frame leaves packets_left at 0. */
    size_t (*next)(rtp_packetizer_t *packetizer, uint8_t *out);
    /* Reads a payload's place in its frame; false when it is malformed. */
    bool (*inspect)(rtp_payload_info_t *info, const uint8_t *payload, size_t length, bool marker);
    /* The pattern that comes with a payload whose info says has_pattern; an unknown one when it brings none. NULL: the format has none. */
    void (*pattern)(rtp_picture_pattern_t *pattern, const uint8_t *payload, size_t length);
    /* Joins all payloads of a frame; returns the octets of the frame, or 0 when malformed. With `frame` NULL it only measures. */
    size_t (*assemble)(const rtp_fragment_t *fragments, size_t count, uint8_t *frame, size_t capacity);
    /* Audio: how long a payload plays, in samples of the RTP clock (of `clock_rate`); 0 when malformed. NULL for video. */
    uint32_t (*duration)(const uint8_t *payload, size_t length, uint32_t clock_rate);
} rtp_payload_format_t;

#define RTP_PAYLOAD_TYPE_DYNAMIC 0xff

extern const rtp_payload_format_t rtp_payload_opus;
extern const rtp_payload_format_t rtp_payload_vp8;
extern const rtp_payload_format_t rtp_payload_vp9;
extern const rtp_payload_format_t rtp_payload_pcmu;
extern const rtp_payload_format_t rtp_payload_pcma;

/* By encoding name, whatever its case; NULL when it is not carried (rtx, red, telephone-event and unknown names). */
const rtp_payload_format_t *rtp_payload_format_find(const char *encoding_name);

/* assemble() of the formats that put a descriptor before each piece of a frame: its size, 0 when malformed. */
size_t rtp_payload_join(const rtp_fragment_t *fragments, size_t count, size_t (*descriptor_size)(const uint8_t *payload, size_t length),
                        uint8_t *frame, size_t capacity);

/* VP8: the payload descriptor (RFC 7741 §4.2). */
typedef struct rtp_vp8_descriptor {
    bool is_non_reference;   /* N */
    bool is_partition_start; /* S */
    uint8_t partition;       /* PID */
    bool has_picture_id;
    bool has_tl0picidx;
    bool has_temporal_id;
    bool has_key_index;
    bool is_layer_sync; /* Y */
    uint16_t picture_id;
    uint16_t picture_id_mask; /* 0x7f or 0x7fff */
    uint8_t tl0picidx;
    uint8_t temporal_id; /* TID */
    uint8_t key_index;   /* KEYIDX */
    size_t size;         /* octets of the descriptor */
} rtp_vp8_descriptor_t;

bool rtp_vp8_descriptor_parse(rtp_vp8_descriptor_t *descriptor, const uint8_t *payload, size_t length);
/* The frame header's P bit (RFC 6386 §9.1), inverted. */
bool rtp_vp8_is_key_frame(const uint8_t *frame, size_t length);
/* Picture size out of a key frame's header; false when it is none. */
bool rtp_vp8_key_frame_size(const uint8_t *frame, size_t length, uint16_t *width, uint16_t *height);

/* Opus: the samples at 48 kHz that a packet decodes to (RFC 6716 §3.1, §3.2); 0 when malformed. */
uint32_t rtp_opus_samples(const uint8_t *packet, size_t length);

#endif
