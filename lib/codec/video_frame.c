/* The raw picture (peer/frame.h): memory, references, conversion and scaling. libyuv does the arithmetic; this file sees to the borders. */
#include "codec/frame.h"

#include "base/error.h"
#include "base/memory.h"

#include <libyuv.h>
#include <stdatomic.h>

#define STRIDE_ALIGNMENT 32 /* libyuv's and libvpx's fast rows */

struct peer_video_frame {
    atomic_uint references;
    int32_t format;
    uint32_t width, height;
    int32_t rotation;
    int64_t timestamp_us;
    const uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    uint32_t strides[PEER_VIDEO_MAX_PLANES];
    peer_frame_release_t release; /* of adopted memory */
    void *user;
    void *memory; /* of our own */
};

/* Bytes that a row of a plane holds, and how many rows there are; 0 for a plane that the format lacks. */
static uint32_t row_bytes(int32_t format, uint32_t plane, uint32_t width)
{
    uint32_t half = (width + 1) / 2;
    switch (format) {
    case PEER_VIDEO_I420:
        return plane == 0 ? width : plane < 3 ? half : 0;
    case PEER_VIDEO_NV12:
        return plane == 0 ? width : plane == 1 ? 2 * half : 0;
    default:
        return plane == 0 ? 4 * width : 0;
    }
}

static uint32_t row_count(uint32_t plane, uint32_t height)
{
    return plane == 0 ? height : (height + 1) / 2;
}

static bool is_format(int32_t format)
{
    return format == PEER_VIDEO_I420 || format == PEER_VIDEO_NV12 || format == PEER_VIDEO_RGBA;
}

static int check_shape(int32_t format, uint32_t width, uint32_t height, int32_t rotation)
{
    if (!is_format(format))
        return error_set(PEER_ERROR_RANGE, "video frame: there is no format %d", format);
    if (width == 0 || width > PEER_VIDEO_MAX_SIDE || height == 0 || height > PEER_VIDEO_MAX_SIDE)
        return error_set(PEER_ERROR_RANGE, "video frame: %u×%u is not within 1×1 and %u×%u", width, height, PEER_VIDEO_MAX_SIDE,
                         PEER_VIDEO_MAX_SIDE);
    if (rotation != 0 && rotation != 90 && rotation != 180 && rotation != 270)
        return error_set(PEER_ERROR_RANGE, "video frame: rotation %d is not 0, 90, 180 or 270", rotation);
    return 0;
}

/* Brings the caller's description into ours, whole and checked, with every stride filled in. */
static int import_buffer(const peer_video_buffer_t *buffer, peer_video_buffer_t *ours)
{
    if (buffer == NULL)
        return error_set(PEER_ERROR_TYPE, "video frame: the buffer is NULL");
    peer_video_buffer_init(ours, sizeof *ours);
    struct_import(ours, sizeof *ours, buffer);
    int error = check_shape(ours->format, ours->width, ours->height, ours->rotation);
    if (error < 0)
        return error;
    for (uint32_t plane = 0; plane < PEER_VIDEO_MAX_PLANES; plane++) {
        uint32_t bytes = row_bytes(ours->format, plane, ours->width);
        if (bytes == 0)
            continue;
        if (ours->planes[plane] == NULL)
            return error_set(PEER_ERROR_TYPE, "video frame: plane %u is NULL", plane);
        if (ours->strides[plane] == 0)
            ours->strides[plane] = bytes;
        if (ours->strides[plane] < bytes || ours->strides[plane] > 16u * PEER_VIDEO_MAX_SIDE)
            return error_set(PEER_ERROR_RANGE, "video frame: stride %u of plane %u does not hold %u bytes", ours->strides[plane], plane,
                             bytes);
    }
    return 0;
}

void peer_video_buffer_init(peer_video_buffer_t *buffer, size_t size)
{
    const peer_video_buffer_t defaults = {.format = PEER_VIDEO_I420};
    struct_export(buffer, size, &defaults, sizeof defaults);
}

int video_frame_new_blank(int32_t format, uint32_t width, uint32_t height, int32_t rotation, int64_t timestamp_us,
                          peer_video_frame_t **frame, uint8_t *planes[PEER_VIDEO_MAX_PLANES])
{
    int error = check_shape(format, width, height, rotation);
    if (error < 0)
        return error;
    peer_video_frame_t *made = MEMORY_NEW(peer_video_frame_t);
    if (made == NULL)
        return error_no_memory();
    size_t total = 0, offsets[PEER_VIDEO_MAX_PLANES] = {0};
    for (uint32_t plane = 0; plane < PEER_VIDEO_MAX_PLANES; plane++) {
        uint32_t bytes = row_bytes(format, plane, width);
        made->strides[plane] = (bytes + STRIDE_ALIGNMENT - 1) / STRIDE_ALIGNMENT * STRIDE_ALIGNMENT;
        offsets[plane] = total;
        total += (size_t)made->strides[plane] * row_count(plane, height);
    }
    made->memory = memory_resize(NULL, total);
    if (made->memory == NULL) {
        memory_free(made);
        return error_no_memory();
    }
    for (uint32_t plane = 0; plane < PEER_VIDEO_MAX_PLANES; plane++) {
        planes[plane] = made->strides[plane] == 0 ? NULL : (uint8_t *)made->memory + offsets[plane];
        made->planes[plane] = planes[plane];
    }
    atomic_init(&made->references, 1);
    made->format = format;
    made->width = width;
    made->height = height;
    made->rotation = rotation;
    made->timestamp_us = timestamp_us;
    *frame = made;
    return 0;
}

int peer_video_frame_new_copy(const peer_video_buffer_t *buffer, peer_video_frame_t **frame)
{
    peer_video_buffer_t ours;
    uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "video frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    error = video_frame_new_blank(ours.format, ours.width, ours.height, ours.rotation, ours.timestamp_us, frame, planes);
    if (error < 0)
        return error;
    for (uint32_t plane = 0; plane < PEER_VIDEO_MAX_PLANES; plane++) {
        uint32_t bytes = row_bytes(ours.format, plane, ours.width);
        for (uint32_t row = 0; bytes != 0 && row < row_count(plane, ours.height); row++)
            memcpy(planes[plane] + (size_t)row * (*frame)->strides[plane], ours.planes[plane] + (size_t)row * ours.strides[plane], bytes);
    }
    return 0;
}

int peer_video_frame_new_adopt(const peer_video_buffer_t *buffer, peer_frame_release_t release, void *user, peer_video_frame_t **frame)
{
    peer_video_buffer_t ours;
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "video frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    peer_video_frame_t *made = MEMORY_NEW(peer_video_frame_t);
    if (made == NULL)
        return error_no_memory();
    atomic_init(&made->references, 1);
    made->format = ours.format;
    made->width = ours.width;
    made->height = ours.height;
    made->rotation = ours.rotation;
    made->timestamp_us = ours.timestamp_us;
    for (uint32_t plane = 0; plane < PEER_VIDEO_MAX_PLANES; plane++)
        if (row_bytes(ours.format, plane, ours.width) != 0) {
            made->planes[plane] = ours.planes[plane];
            made->strides[plane] = ours.strides[plane];
        }
    made->release = release;
    made->user = user;
    *frame = made;
    return 0;
}

peer_video_frame_t *peer_video_frame_ref(peer_video_frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void peer_video_frame_unref(peer_video_frame_t *frame)
{
    if (frame == NULL || atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) != 1)
        return;
    if (frame->release != NULL)
        frame->release(frame->user);
    memory_free(frame->memory);
    memory_free(frame);
}

int32_t peer_video_frame_format(const peer_video_frame_t *frame)
{
    return frame->format;
}

uint32_t peer_video_frame_width(const peer_video_frame_t *frame)
{
    return frame->width;
}

uint32_t peer_video_frame_height(const peer_video_frame_t *frame)
{
    return frame->height;
}

int32_t peer_video_frame_rotation(const peer_video_frame_t *frame)
{
    return frame->rotation;
}

int64_t peer_video_frame_timestamp_us(const peer_video_frame_t *frame)
{
    return frame->timestamp_us;
}

const uint8_t *peer_video_frame_plane(const peer_video_frame_t *frame, uint32_t plane)
{
    return plane < PEER_VIDEO_MAX_PLANES ? frame->planes[plane] : NULL;
}

uint32_t peer_video_frame_stride(const peer_video_frame_t *frame, uint32_t plane)
{
    return plane < PEER_VIDEO_MAX_PLANES ? frame->strides[plane] : 0;
}

/* Pairs of plane and stride as libyuv's parameter lists want them; its "ABGR" is R, G, B, A in memory. */
#define FROM(p) in->planes[p], (int)in->strides[p]
#define TO(p) planes[p], (int)out->strides[p]

int peer_video_frame_convert(peer_video_frame_t *frame, int32_t format, peer_video_frame_t **converted)
{
    if (frame == NULL || converted == NULL)
        return error_set(PEER_ERROR_TYPE, "convert: no frame, or no place for the result");
    if (frame->format == format) {
        *converted = peer_video_frame_ref(frame);
        return 0;
    }
    const peer_video_frame_t *in = frame;
    peer_video_frame_t *out;
    uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    int error = video_frame_new_blank(format, in->width, in->height, in->rotation, in->timestamp_us, &out, planes);
    if (error < 0)
        return error;
    int width = (int)in->width, height = (int)in->height, failed = -1;
    if (in->format == PEER_VIDEO_I420 && format == PEER_VIDEO_NV12)
        failed = I420ToNV12(FROM(0), FROM(1), FROM(2), TO(0), TO(1), width, height);
    else if (in->format == PEER_VIDEO_I420 && format == PEER_VIDEO_RGBA)
        failed = I420ToABGR(FROM(0), FROM(1), FROM(2), TO(0), width, height);
    else if (in->format == PEER_VIDEO_NV12 && format == PEER_VIDEO_I420)
        failed = NV12ToI420(FROM(0), FROM(1), TO(0), TO(1), TO(2), width, height);
    else if (in->format == PEER_VIDEO_NV12 && format == PEER_VIDEO_RGBA)
        failed = NV12ToABGR(FROM(0), FROM(1), TO(0), width, height);
    else if (in->format == PEER_VIDEO_RGBA && format == PEER_VIDEO_I420)
        failed = ABGRToI420(FROM(0), TO(0), TO(1), TO(2), width, height);
    else if (in->format == PEER_VIDEO_RGBA && format == PEER_VIDEO_NV12)
        failed = ABGRToNV12(FROM(0), TO(0), TO(1), width, height);
    if (failed != 0) { /* libyuv fails only for want of a row buffer */
        peer_video_frame_unref(out);
        return error_no_memory();
    }
    *converted = out;
    return 0;
}

int peer_video_frame_scale(peer_video_frame_t *frame, uint32_t width, uint32_t height, peer_video_frame_t **scaled)
{
    if (frame == NULL || scaled == NULL)
        return error_set(PEER_ERROR_TYPE, "scale: no frame, or no place for the result");
    if (frame->width == width && frame->height == height) {
        *scaled = peer_video_frame_ref(frame);
        return 0;
    }
    const peer_video_frame_t *in = frame;
    peer_video_frame_t *out;
    uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    int error = video_frame_new_blank(in->format, width, height, in->rotation, in->timestamp_us, &out, planes);
    if (error < 0)
        return error;
    int w = (int)in->width, h = (int)in->height, to_w = (int)width, to_h = (int)height, failed;
    if (in->format == PEER_VIDEO_I420)
        failed = I420Scale(FROM(0), FROM(1), FROM(2), w, h, TO(0), TO(1), TO(2), to_w, to_h, kFilterBox);
    else if (in->format == PEER_VIDEO_NV12)
        failed = NV12Scale(FROM(0), FROM(1), w, h, TO(0), TO(1), to_w, to_h, kFilterBox);
    else
        failed = ARGBScale(FROM(0), w, h, TO(0), to_w, to_h, kFilterBox);
    if (failed != 0) {
        peer_video_frame_unref(out);
        return error_no_memory();
    }
    *scaled = out;
    return 0;
}
