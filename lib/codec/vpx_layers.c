#include "codec/vpx_layers.h"

#include <vpx/vp8cx.h>

/* LAST is the base layer's, GOLDEN the middle one's; pictures of the highest layer update nothing. */
#define BASE (VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF)
#define MIDDLE (VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_UPD_ENTROPY)
#define TOP_ON_BASE                                                                                                                        \
    (VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF |                     \
     VP8_EFLAG_NO_UPD_ENTROPY)
#define TOP_ON_MIDDLE (VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_UPD_ENTROPY)

typedef struct pattern {
    unsigned length;
    vpx_layer_t pictures[4];
    unsigned decimators[VPX_LAYERS_MAX]; /* of the frame rate, by layer and those below */
    unsigned shares[VPX_LAYERS_MAX];     /* of the bit rate in percent, likewise */
} pattern_t;

static const pattern_t patterns[VPX_LAYERS_MAX + 1] = {
    [2] = {.length = 2, .pictures = {{0, false, BASE}, {1, true, TOP_ON_BASE}}, .decimators = {2, 1}, .shares = {60, 100}},
    [3] = {.length = 4,
           .pictures = {{0, false, BASE}, {2, true, TOP_ON_BASE}, {1, true, MIDDLE}, {2, false, TOP_ON_MIDDLE}},
           .decimators = {4, 2, 1},
           .shares = {40, 60, 100}},
};

void vpx_layers_init(vpx_layers_t *layers, unsigned count)
{
    *layers = (vpx_layers_t){.count = count > VPX_LAYERS_MAX ? VPX_LAYERS_MAX : count > 1 ? count : 1};
}

void vpx_layers_configure(const vpx_layers_t *layers, vpx_codec_enc_cfg_t *config, unsigned kbps)
{
    const pattern_t *pattern = &patterns[layers->count];
    if (layers->count == 1)
        return;
    config->g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT; /* a picture may be missing, and its probabilities with it */
    config->ts_number_layers = layers->count;
    config->ts_periodicity = pattern->length;
    config->temporal_layering_mode = layers->count == 2 ? VP9E_TEMPORAL_LAYERING_MODE_0101 : VP9E_TEMPORAL_LAYERING_MODE_0212;
    for (unsigned i = 0; i < layers->count; i++) {
        config->ts_rate_decimator[i] = pattern->decimators[i];
        config->ts_target_bitrate[i] = kbps * pattern->shares[i] / 100;
        config->layer_target_bitrate[i] = config->ts_target_bitrate[i];
    }
    for (unsigned i = 0; i < pattern->length; i++)
        config->ts_layer_id[i] = pattern->pictures[i].id;
}

vpx_layer_t vpx_layers_next(const vpx_layers_t *layers, bool is_key)
{
    if (layers->count == 1 || is_key)
        return (vpx_layer_t){0};
    return patterns[layers->count].pictures[layers->position];
}

void vpx_layers_written(vpx_layers_t *layers, bool is_key)
{
    if (layers->count > 1)
        layers->position = is_key ? 1 : (layers->position + 1) % patterns[layers->count].length;
}
