/* Temporal layers of VP8 and VP9 ("L1T2", "L1T3"): which layer each picture belongs to, and which reference buffers libvpx may use for it
 * so that no picture depends on one of a higher layer. */
#ifndef CODEC_VPX_LAYERS_H
#define CODEC_VPX_LAYERS_H

#include <stdbool.h>
#include <stdint.h>
#include <vpx/vpx_encoder.h>

#define VPX_LAYERS_MAX 3

typedef struct vpx_layers {
    unsigned count;    /* 1: none */
    unsigned position; /* in the pattern, of the next picture; a key frame begins it anew */
} vpx_layers_t;

typedef struct vpx_layer {
    unsigned id;
    bool is_sync; /* depends on the base layer only */
    vpx_enc_frame_flags_t flags;
} vpx_layer_t;

/* Layers beyond VPX_LAYERS_MAX are not made. */
void vpx_layers_init(vpx_layers_t *layers, unsigned count);
/* What the encoder must know of them; `kbps` is the rate of all together. */
void vpx_layers_configure(const vpx_layers_t *layers, vpx_codec_enc_cfg_t *config, unsigned kbps);
/* The place of the next picture, which moves on when vpx_layers_written() says that there was one: pictures that the encoder leaves out
 * have none. */
vpx_layer_t vpx_layers_next(const vpx_layers_t *layers, bool is_key);
void vpx_layers_written(vpx_layers_t *layers, bool is_key);

#endif
