/* VP8 and VP9 by libvpx, in its realtime mode on one thread: no look-ahead, constant bit rate, key frames only on request, on a change of
 * size and at the start. What a lost frame spoils is never shown: the decoder reports it, and whoever drives it asks for a key frame. */
#include "codec/codec.h"
#include "codec/frame.h"
#include "codec/vpx_layers.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#define VP8_CPU_USED (-6)       /* negative: this speed exactly, whatever the load */
#define VP8_CPU_USED_LARGE (-8) /* above LARGE_PIXELS */
/* From 5 on libvpx (1.12) chooses modes without looking at their distortion, and leaves flat blocks that change places as they were, which
 * slides and the code in the test picture show; but only that is fast enough for large pictures. */
#define VP9_CPU_USED 4
#define VP9_CPU_USED_LARGE 8
#define LARGE_PIXELS (960u * 540u)
#define TILE_WIDTH 320u /* a receiver may decode tiles at the same time; narrower ones cost more than they give (libvpx's least is 256) */
#define RATE_BUFFER_MS 1000
#define RATE_BUFFER_INITIAL_MS 500
#define RATE_BUFFER_OPTIMAL_MS 600
#define DROP_FRAME_THRESHOLD 30 /* percent of the buffer below which pictures are left out */
#define MIN_QUANTIZER 2
#define MAX_QUANTIZER 56
#define MAX_INTRA_BITRATE_PERCENT 900 /* of the bits of a mean frame: a key frame must not stall the line */
#define MIN_BITRATE_KBPS 30
#define MAX_BITRATE_KBPS 100000
#define MAX_FRAMERATE 240.0
#define DECODER_MAX_PIXELS (8192u * 4320u) /* a hostile header of 16383×16383 would ask for a gigabyte */
#define DECODER_BUFFERS_MAX 16             /* VP9: eight references, what is decoded into, what is shown, and some to spare */
#define DECODER_BUFFER_MAX ((size_t)DECODER_MAX_PIXELS * 2) /* three planes and their borders */

/* ---- encoder ---- */

typedef struct vpx_encoder {
    const peer_codec_t *codec;
    vpx_codec_iface_t *interface;
    vpx_codec_ctx_t context;
    vpx_codec_enc_cfg_t config;
    vpx_layers_t layers;
    bool is_open;
    bool is_key_due; /* asked for, or needed, and not yet written */
    bool has_first;
    double framerate;
    int64_t first_us; /* timestamp of the first picture */
    vpx_codec_pts_t last_pts;
} vpx_encoder_t;

static int vpx_error(vpx_codec_ctx_t *context, const char *what)
{
    const char *detail = vpx_codec_error_detail(context);
    return error_set(PEER_ERROR_OPERATION, "libvpx: %s: %s%s%s", what, vpx_codec_error(context), detail != NULL ? ": " : "",
                     detail != NULL ? detail : "");
}

static unsigned kilobits(uint32_t bitrate_bps)
{
    unsigned kbps = bitrate_bps / 1000;
    return kbps < MIN_BITRATE_KBPS ? MIN_BITRATE_KBPS : kbps > MAX_BITRATE_KBPS ? MAX_BITRATE_KBPS : kbps;
}

/* VP9 knows these patterns itself, and chooses references and layers by them. */
static void open_vp9_layers(vpx_encoder_t *encoder)
{
    vpx_svc_extra_cfg_t parameters = {.temporal_layering_mode = encoder->config.temporal_layering_mode};
    for (unsigned i = 0; i < encoder->layers.count; i++) {
        parameters.max_quantizers[i] = (int)encoder->config.rc_max_quantizer;
        parameters.min_quantizers[i] = (int)encoder->config.rc_min_quantizer;
        parameters.scaling_factor_num[i] = parameters.scaling_factor_den[i] = 1;
    }
    vpx_codec_control(&encoder->context, VP9E_SET_SVC, 1);
    vpx_codec_control(&encoder->context, VP9E_SET_SVC_PARAMETERS, &parameters);
}

static int open_context(vpx_encoder_t *encoder)
{
    vpx_codec_ctx_t *context = &encoder->context;
    if (vpx_codec_enc_init(context, encoder->interface, &encoder->config, 0) != VPX_CODEC_OK)
        return vpx_error(context, "no encoder");
    bool is_large = encoder->config.g_w * encoder->config.g_h > LARGE_PIXELS;
    vpx_codec_control(context, VP8E_SET_MAX_INTRA_BITRATE_PCT, MAX_INTRA_BITRATE_PERCENT);
    vpx_codec_control(context, VP8E_SET_STATIC_THRESHOLD, 1);
    if (encoder->codec == &codec_vp8) {
        vpx_codec_control(context, VP8E_SET_CPUUSED, is_large ? VP8_CPU_USED_LARGE : VP8_CPU_USED);
        vpx_codec_control(context, VP8E_SET_TOKEN_PARTITIONS, VP8_ONE_TOKENPARTITION);
    } else {
        vpx_codec_control(context, VP8E_SET_CPUUSED, is_large ? VP9_CPU_USED_LARGE : VP9_CPU_USED);
        vpx_codec_control(context, VP9E_SET_AQ_MODE, 3); /* cyclic refresh: the quality of still parts grows without key frames */
        vpx_codec_control(context, VP9E_SET_TILE_COLUMNS,
                          encoder->config.g_w >= TILE_WIDTH * 4   ? 2
                          : encoder->config.g_w >= TILE_WIDTH * 2 ? 1
                                                                  : 0);
        vpx_codec_control(context, VP9E_SET_FRAME_PARALLEL_DECODING, 0);
        if (encoder->layers.count > 1)
            open_vp9_layers(encoder);
    }
    encoder->is_open = true;
    encoder->is_key_due = true;
    return 0;
}

static int encoder_new(const peer_codec_t *codec, vpx_codec_iface_t *interface, const peer_encoder_settings_t *settings, void **result)
{
    if (settings->width == 0 || settings->width > PEER_VIDEO_MAX_SIDE || settings->height == 0 || settings->height > PEER_VIDEO_MAX_SIDE)
        return error_set(PEER_ERROR_RANGE, "%s encoder: %u×%u", codec->mime_type, settings->width, settings->height);
    vpx_encoder_t *encoder = MEMORY_NEW(vpx_encoder_t);
    if (encoder == NULL)
        return error_no_memory();
    encoder->codec = codec;
    encoder->interface = interface;
    encoder->framerate = settings->framerate > 0 && settings->framerate <= MAX_FRAMERATE ? settings->framerate : 30;
    vpx_codec_enc_cfg_t *config = &encoder->config;
    if (vpx_codec_enc_config_default(interface, config, 0) != VPX_CODEC_OK) {
        memory_free(encoder);
        return error_set(PEER_ERROR_OPERATION, "libvpx: no default configuration");
    }
    config->g_w = settings->width;
    config->g_h = settings->height;
    config->g_threads = 1;
    config->g_timebase = (vpx_rational_t){1, 1000000};
    config->g_lag_in_frames = 0;
    config->g_error_resilient = settings->packet_loss > 0 ? VPX_ERROR_RESILIENT_DEFAULT : 0;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = kilobits(settings->bitrate_bps);
    config->rc_min_quantizer = MIN_QUANTIZER;
    config->rc_max_quantizer = MAX_QUANTIZER;
    config->rc_undershoot_pct = 100;
    config->rc_overshoot_pct = 15;
    config->rc_buf_sz = RATE_BUFFER_MS;
    config->rc_buf_initial_sz = RATE_BUFFER_INITIAL_MS;
    config->rc_buf_optimal_sz = RATE_BUFFER_OPTIMAL_MS;
    config->rc_dropframe_thresh = DROP_FRAME_THRESHOLD;
    config->rc_resize_allowed = 0;
    config->kf_mode = VPX_KF_DISABLED;
    bool tells_layers = settings->size >= offsetof(peer_encoder_settings_t, temporal_layers) + sizeof settings->temporal_layers;
    vpx_layers_init(&encoder->layers, tells_layers ? settings->temporal_layers : 0);
    vpx_layers_configure(&encoder->layers, config, config->rc_target_bitrate);
    int error = open_context(encoder);
    if (error < 0) {
        memory_free(encoder);
        return error;
    }
    *result = encoder;
    return 0;
}

static int vp8_encoder_new(const peer_encoder_settings_t *settings, void **encoder)
{
    return encoder_new(&codec_vp8, vpx_codec_vp8_cx(), settings, encoder);
}

static int vp9_encoder_new(const peer_encoder_settings_t *settings, void **encoder)
{
    return encoder_new(&codec_vp9, vpx_codec_vp9_cx(), settings, encoder);
}

static void encoder_free(void *self)
{
    vpx_encoder_t *encoder = self;
    if (encoder->is_open)
        vpx_codec_destroy(&encoder->context);
    memory_free(encoder);
}

/* Another size is another encoder: libvpx can change in place only below its first size. */
static int change_size(vpx_encoder_t *encoder, uint32_t width, uint32_t height)
{
    if (encoder->is_open && encoder->config.g_w == width && encoder->config.g_h == height)
        return 0;
    if (encoder->is_open)
        vpx_codec_destroy(&encoder->context);
    encoder->is_open = false;
    encoder->config.g_w = width;
    encoder->config.g_h = height;
    return open_context(encoder);
}

static int emit_packets(vpx_encoder_t *encoder, const peer_video_frame_t *picture, const vpx_layer_t *layer, const peer_codec_sink_t *sink)
{
    vpx_codec_iter_t iterator = NULL;
    const vpx_codec_cx_pkt_t *packet;
    while ((packet = vpx_codec_get_cx_data(&encoder->context, &iterator)) != NULL) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT || packet->data.frame.sz == 0)
            continue;
        bool is_key = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        vpx_layers_written(&encoder->layers, is_key);
        peer_encoded_buffer_t buffer = {.size = sizeof buffer,
                                        .mime_type = encoder->codec->mime_type,
                                        .data = packet->data.frame.buf,
                                        .length = packet->data.frame.sz,
                                        .timestamp_us = peer_video_frame_timestamp_us(picture),
                                        .duration_us = (int64_t)(1e6 / encoder->framerate),
                                        .width = encoder->config.g_w,
                                        .height = encoder->config.g_h,
                                        .is_key = is_key,
                                        .temporal_layers = encoder->layers.count > 1 ? encoder->layers.count : 0,
                                        .temporal_id = is_key ? 0 : layer->id,
                                        .is_layer_sync = !is_key && layer->is_sync};
        peer_encoded_frame_t *frame;
        int error = peer_encoded_frame_new_copy(&buffer, &frame);
        if (error < 0) {
            encoder->is_key_due = true; /* what follows builds on what is now missing */
            return error;
        }
        if (is_key)
            encoder->is_key_due = false;
        sink->encoded(sink->context, frame);
    }
    return 0;
}

/* The layer of the picture at hand: VP8 is told it, VP9 tells. */
static vpx_layer_t place_in_layers(vpx_encoder_t *encoder)
{
    if (encoder->layers.count == 1 || encoder->codec != &codec_vp8)
        return (vpx_layer_t){0};
    vpx_layer_t layer = vpx_layers_next(&encoder->layers, encoder->is_key_due);
    vpx_codec_control(&encoder->context, VP8E_SET_TEMPORAL_LAYER_ID, (int)layer.id);
    return layer;
}

static void read_layer(vpx_encoder_t *encoder, vpx_layer_t *layer)
{
    vpx_svc_layer_id_t id;
    if (encoder->layers.count == 1 || encoder->codec == &codec_vp8 ||
        vpx_codec_control(&encoder->context, VP9E_GET_SVC_LAYER_ID, &id) != VPX_CODEC_OK)
        return;
    layer->id = (unsigned)id.temporal_layer_id;
    layer->is_sync = id.temporal_layer_id == 1; /* built on the base layer in both patterns; of the highest not every picture is */
}

static int encode_video(void *self, peer_video_frame_t *frame, bool force_key, const peer_codec_sink_t *sink)
{
    vpx_encoder_t *encoder = self;
    peer_video_frame_t *picture;
    int error = peer_video_frame_convert(frame, PEER_VIDEO_I420, &picture);
    if (error < 0)
        return error;
    error = change_size(encoder, peer_video_frame_width(picture), peer_video_frame_height(picture));
    if (error < 0)
        goto out;
    vpx_image_t image;
    memset(&image, 0, sizeof image);
    if (vpx_img_wrap(&image, VPX_IMG_FMT_I420, encoder->config.g_w, encoder->config.g_h, 1,
                     (uint8_t *)(uintptr_t)peer_video_frame_plane(picture, 0)) == NULL) {
        error = error_set(PEER_ERROR_OPERATION, "libvpx: %ux%u is no image", encoder->config.g_w, encoder->config.g_h);
        goto out;
    }
    for (uint32_t plane = 0; plane < 3; plane++) { /* libvpx only reads them */
        image.planes[plane] = (uint8_t *)(uintptr_t)peer_video_frame_plane(picture, plane);
        image.stride[plane] = (int)peer_video_frame_stride(picture, plane);
    }
    encoder->is_key_due |= force_key;
    int64_t timestamp_us = peer_video_frame_timestamp_us(picture);
    if (!encoder->has_first) {
        encoder->has_first = true;
        encoder->first_us = timestamp_us;
        encoder->last_pts = -1;
    }
    vpx_codec_pts_t pts = timestamp_us - encoder->first_us;
    if (pts <= encoder->last_pts)
        pts = encoder->last_pts + 1;
    encoder->last_pts = pts;
    unsigned long duration = (unsigned long)(1e6 / encoder->framerate);
    vpx_layer_t layer = place_in_layers(encoder);
    vpx_enc_frame_flags_t flags = layer.flags | (encoder->is_key_due ? VPX_EFLAG_FORCE_KF : 0);
    if (vpx_codec_encode(&encoder->context, &image, pts, duration, flags, VPX_DL_REALTIME) != VPX_CODEC_OK) {
        error = vpx_error(&encoder->context, "encoding failed");
    } else {
        read_layer(encoder, &layer);
        error = emit_packets(encoder, picture, &layer, sink);
    }
out:
    peer_video_frame_unref(picture);
    return error;
}

static int set_rates(void *self, const peer_encoder_rates_t *rates)
{
    vpx_encoder_t *encoder = self;
    if (rates->bitrate_bps != 0)
        encoder->config.rc_target_bitrate = kilobits(rates->bitrate_bps);
    vpx_layers_configure(&encoder->layers, &encoder->config, encoder->config.rc_target_bitrate);
    if (rates->framerate > 0 && rates->framerate <= MAX_FRAMERATE)
        encoder->framerate = rates->framerate;
    if (encoder->is_open && vpx_codec_enc_config_set(&encoder->context, &encoder->config) != VPX_CODEC_OK)
        return vpx_error(&encoder->context, "the bit rate was refused");
    return 0;
}

static int32_t encoder_quantizer(void *self)
{
    vpx_encoder_t *encoder = self;
    int quantizer;
    return encoder->is_open && vpx_codec_control(&encoder->context, VP8E_GET_LAST_QUANTIZER, &quantizer) == VPX_CODEC_OK ? quantizer : -1;
}

/* ---- decoder ---- */

typedef struct picture_buffer {
    uint8_t *data;
    size_t size;
    bool is_used;
} picture_buffer_t;

typedef struct vpx_decoder {
    const peer_codec_t *codec;
    vpx_codec_iface_t *interface;
    vpx_codec_ctx_t context;
    picture_buffer_t buffers[DECODER_BUFFERS_MAX]; /* VP9's pictures: of any frame, for each may have another size */
} vpx_decoder_t;

static int take_buffer(void *user, size_t size, vpx_codec_frame_buffer_t *wanted)
{
    vpx_decoder_t *decoder = user;
    picture_buffer_t *best = NULL;
    for (size_t i = 0; i < DECODER_BUFFERS_MAX; i++) {
        picture_buffer_t *buffer = &decoder->buffers[i];
        if (!buffer->is_used && (best == NULL || (best->size < size && buffer->size > best->size)))
            best = buffer;
    }
    if (best == NULL || size > DECODER_BUFFER_MAX)
        return -1;
    if (best->size < size) {
        memory_free(best->data);
        best->data = memory_array(size, 1); /* zeroed: libvpx's filters read a little of the border before it is written */
        best->size = best->data != NULL ? size : 0;
    }
    if (best->data == NULL)
        return -1;
    best->is_used = true;
    *wanted = (vpx_codec_frame_buffer_t){.data = best->data, .size = best->size, .priv = best};
    return 0;
}

static int give_buffer(void *user, vpx_codec_frame_buffer_t *taken)
{
    (void)user;
    picture_buffer_t *buffer = taken->priv;
    if (buffer != NULL)
        buffer->is_used = false;
    return 0;
}

static int decoder_new(const peer_codec_t *codec, vpx_codec_iface_t *interface, void **result)
{
    vpx_decoder_t *decoder = MEMORY_NEW(vpx_decoder_t);
    if (decoder == NULL)
        return error_no_memory();
    decoder->codec = codec;
    decoder->interface = interface;
    vpx_codec_dec_cfg_t config = {.threads = 1};
    if (vpx_codec_dec_init(&decoder->context, interface, &config, 0) != VPX_CODEC_OK) {
        int error = vpx_error(&decoder->context, "no decoder");
        memory_free(decoder);
        return error;
    }
    if (codec == &codec_vp9)
        vpx_codec_set_frame_buffer_functions(&decoder->context, take_buffer, give_buffer, decoder);
    *result = decoder;
    return 0;
}

static int vp8_decoder_new(const peer_decoder_settings_t *settings, void **decoder)
{
    return decoder_new(&codec_vp8, vpx_codec_vp8_dx(), decoder);
}

static int vp9_decoder_new(const peer_decoder_settings_t *settings, void **decoder)
{
    return decoder_new(&codec_vp9, vpx_codec_vp9_dx(), decoder);
}

static void decoder_free(void *self)
{
    vpx_decoder_t *decoder = self;
    vpx_codec_destroy(&decoder->context);
    for (size_t i = 0; i < DECODER_BUFFERS_MAX; i++)
        memory_free(decoder->buffers[i].data);
    memory_free(decoder);
}

static int emit_image(const vpx_image_t *image, int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    if (image->fmt != VPX_IMG_FMT_I420)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "libvpx: pictures that are not 8-bit 4:2:0 are not supported");
    peer_video_buffer_t buffer = {
        .size = sizeof buffer, .format = PEER_VIDEO_I420, .width = image->d_w, .height = image->d_h, .timestamp_us = timestamp_us};
    for (int plane = 0; plane < 3; plane++) {
        buffer.planes[plane] = image->planes[plane];
        buffer.strides[plane] = (uint32_t)image->stride[plane];
    }
    peer_video_frame_t *picture; /* a copy, for the decoder predicts from its own */
    int error = peer_video_frame_new_copy(&buffer, &picture);
    if (error == 0)
        sink->video(sink->context, picture);
    return error;
}

static int decode(void *self, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink)
{
    vpx_decoder_t *decoder = self;
    const uint8_t *data = peer_encoded_frame_data(frame);
    size_t length = peer_encoded_frame_length(frame);
    if (length == 0) /* to libvpx that is a lost frame, to be made up */
        return error_set(PEER_ERROR_OPERATION, "%s: an empty frame", decoder->codec->mime_type);
    vpx_codec_stream_info_t info = {.sz = sizeof info};
    if (vpx_codec_peek_stream_info(decoder->interface, data, (unsigned)length, &info) == VPX_CODEC_OK &&
        (uint64_t)info.w * info.h > DECODER_MAX_PIXELS)
        return error_set(PEER_ERROR_OPERATION, "%s: a picture of %u×%u is too large", decoder->codec->mime_type, info.w, info.h);
    if (vpx_codec_decode(&decoder->context, data, (unsigned)length, NULL, 0) != VPX_CODEC_OK)
        return vpx_error(&decoder->context, "a frame cannot be decoded");
    vpx_codec_iter_t iterator = NULL;
    const vpx_image_t *image;
    int corrupted = 0, error = 0;
    while (error == 0 && (image = vpx_codec_get_frame(&decoder->context, &iterator)) != NULL) {
        if (vpx_codec_control(&decoder->context, VP8D_GET_FRAME_CORRUPTED, &corrupted) == VPX_CODEC_OK && corrupted != 0)
            return error_set(PEER_ERROR_OPERATION, "%s: a corrupt frame", decoder->codec->mime_type);
        error = emit_image(image, peer_encoded_frame_timestamp_us(frame), sink);
    }
    return error;
}

static int32_t decoder_quantizer(void *self)
{
    vpx_decoder_t *decoder = self;
    int quantizer;
    return vpx_codec_control(&decoder->context, VPXD_GET_LAST_QUANTIZER, &quantizer) == VPX_CODEC_OK ? quantizer : -1;
}

const peer_codec_t codec_vp8 = {.size = sizeof codec_vp8,
                                .mime_type = "video/VP8",
                                .kind = PEER_MEDIA_VIDEO,
                                .clock_rate = 90000,
                                .flags = PEER_CODEC_ENCODES | PEER_CODEC_DECODES,
                                .implementation = "libvpx",
                                .encoder_new = vp8_encoder_new,
                                .encode_video = encode_video,
                                .set_rates = set_rates,
                                .encoder_free = encoder_free,
                                .decoder_new = vp8_decoder_new,
                                .decode = decode,
                                .decoder_free = decoder_free,
                                .encoder_quantizer = encoder_quantizer,
                                .decoder_quantizer = decoder_quantizer};

const peer_codec_t codec_vp9 = {.size = sizeof codec_vp9,
                                .mime_type = "video/VP9",
                                .kind = PEER_MEDIA_VIDEO,
                                .clock_rate = 90000,
                                .fmtp = "profile-id=0",
                                .flags = PEER_CODEC_ENCODES | PEER_CODEC_DECODES,
                                .implementation = "libvpx",
                                .encoder_new = vp9_encoder_new,
                                .encode_video = encode_video,
                                .set_rates = set_rates,
                                .encoder_free = encoder_free,
                                .decoder_new = vp9_decoder_new,
                                .decode = decode,
                                .decoder_free = decoder_free,
                                .encoder_quantizer = encoder_quantizer,
                                .decoder_quantizer = decoder_quantizer};
