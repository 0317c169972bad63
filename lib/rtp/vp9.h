/* VP9's payload descriptor (RFC 9628 §4.2) and what of VP9's own header an RTP receiver must know. */
#ifndef RTP_VP9_H
#define RTP_VP9_H

#include "rtp/payload.h"

#define RTP_VP9_REFERENCES_MAX 3     /* §4.2.1: P_DIFF comes up to three times */
#define RTP_VP9_SPATIAL_LAYERS_MAX 8 /* N_S has three bits */

typedef struct rtp_vp9_descriptor {
    bool has_picture_id;     /* I */
    bool is_predicted;       /* P: from other pictures */
    bool has_layers;         /* L */
    bool is_flexible;        /* F */
    bool is_start;           /* B: of a layer's frame */
    bool is_end;             /* E: likewise */
    bool has_structure;      /* V */
    bool is_not_for_upper;   /* Z: no upper spatial layer builds on it */
    bool is_switching_point; /* U */
    bool is_on_lower_layer;  /* D: predicted from the spatial layer below */
    uint8_t temporal_id;     /* TID */
    uint8_t spatial_id;      /* SID */
    bool has_tl0picidx;      /* with layers, unless flexible */
    uint8_t tl0picidx;
    uint16_t picture_id;
    uint16_t picture_id_mask;                    /* 0x7f or 0x7fff */
    uint8_t differences[RTP_VP9_REFERENCES_MAX]; /* P_DIFF */
    uint8_t difference_count;
    size_t structure; /* where in the payload the scalability structure starts */
    size_t size;      /* octets of the descriptor */
} rtp_vp9_descriptor_t;

/* The scalability structure (§4.2.1), as far as anything here uses it. */
typedef struct rtp_vp9_structure {
    uint8_t spatial_layers; /* N_S + 1 */
    bool has_sizes;         /* Y */
    uint16_t width[RTP_VP9_SPATIAL_LAYERS_MAX], height[RTP_VP9_SPATIAL_LAYERS_MAX];
    rtp_picture_pattern_t pattern; /* G; empty when there is none, or one that is too long or reaches too far back */
} rtp_vp9_structure_t;

bool rtp_vp9_descriptor_parse(rtp_vp9_descriptor_t *descriptor, const uint8_t *payload, size_t length);
/* At the descriptor's `structure`; false when it is cut short. Returns its octets in `size`. */
bool rtp_vp9_structure_parse(rtp_vp9_structure_t *structure, const uint8_t *data, size_t length, size_t *size);

/* By the first octets of a frame (VP9 bitstream specification §6.2, uncompressed_header). */
bool rtp_vp9_is_key_frame(const uint8_t *frame, size_t length);
/* Picture size out of a key frame's header; false when it is none. */
bool rtp_vp9_key_frame_size(const uint8_t *frame, size_t length, uint16_t *width, uint16_t *height);

#endif
