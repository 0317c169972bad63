/* The encoded frame (peer/frame.h): bytes between a codec and a payload format, with what both must know of them. */
#include "codec/frame.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <strings.h>

#define TEMPORAL_LAYERS_MAX 4 /* RFC 7741 §4.2: TID has two bits */

struct peer_encoded_frame {
    atomic_uint references;
    peer_encoded_buffer_t buffer; /* mime_type and data point into this struct or to adopted memory */
    char mime_type[PEER_MIME_TYPE_SIZE];
    char rid[PEER_RID_SIZE];
    uint8_t level;
    peer_frame_release_t release; /* of adopted memory */
    void *user;
    uint8_t bytes[]; /* of our own */
};

static int import_buffer(const peer_encoded_buffer_t *buffer, peer_encoded_buffer_t *ours)
{
    if (buffer == NULL)
        return error_set(PEER_ERROR_TYPE, "encoded frame: the buffer is NULL");
    peer_encoded_buffer_init(ours, sizeof *ours);
    struct_import(ours, sizeof *ours, buffer);
    if (ours->mime_type == NULL || (ours->data == NULL && ours->length != 0))
        return error_set(PEER_ERROR_TYPE, "encoded frame: no MIME type, or no data");
    if (strlen(ours->mime_type) >= PEER_MIME_TYPE_SIZE)
        return error_set(PEER_ERROR_RANGE, "encoded frame: the MIME type is longer than %d characters", PEER_MIME_TYPE_SIZE - 1);
    if (ours->length > PEER_ENCODED_MAX_LENGTH)
        return error_set(PEER_ERROR_RANGE, "encoded frame: %zu bytes, at most %d are allowed", ours->length, PEER_ENCODED_MAX_LENGTH);
    if (ours->rid != NULL && strlen(ours->rid) >= PEER_RID_SIZE)
        return error_set(PEER_ERROR_RANGE, "encoded frame: the rid is longer than %d characters", PEER_RID_SIZE - 1);
    if (ours->temporal_layers > TEMPORAL_LAYERS_MAX || (ours->temporal_id != 0 && ours->temporal_id >= ours->temporal_layers))
        return error_set(PEER_ERROR_RANGE, "encoded frame: temporal layer %u of %u, at most %d are allowed", ours->temporal_id,
                         ours->temporal_layers, TEMPORAL_LAYERS_MAX);
    if (ours->width > PEER_VIDEO_MAX_SIDE || ours->height > PEER_VIDEO_MAX_SIDE)
        return error_set(PEER_ERROR_RANGE, "encoded frame: %u×%u is larger than %u×%u", ours->width, ours->height, PEER_VIDEO_MAX_SIDE,
                         PEER_VIDEO_MAX_SIDE);
    return 0;
}

/* A frame of `ours` with room for `extra` bytes of its own. */
static peer_encoded_frame_t *new_frame(const peer_encoded_buffer_t *ours, size_t extra)
{
    peer_encoded_frame_t *frame = memory_resize(NULL, sizeof *frame + extra);
    if (frame == NULL)
        return NULL;
    atomic_init(&frame->references, 1);
    frame->buffer = *ours;
    memcpy(frame->mime_type, ours->mime_type, strlen(ours->mime_type) + 1);
    frame->buffer.mime_type = frame->mime_type;
    if (ours->rid != NULL) {
        memcpy(frame->rid, ours->rid, strlen(ours->rid) + 1);
        frame->buffer.rid = frame->rid;
    }
    frame->level = ENCODED_FRAME_NO_LEVEL;
    frame->release = NULL;
    frame->user = NULL;
    return frame;
}

void peer_encoded_buffer_init(peer_encoded_buffer_t *buffer, size_t size)
{
    const peer_encoded_buffer_t defaults = {0};
    struct_export(buffer, size, &defaults, sizeof defaults);
}

int peer_encoded_frame_new_copy(const peer_encoded_buffer_t *buffer, peer_encoded_frame_t **frame)
{
    peer_encoded_buffer_t ours;
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "encoded frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    peer_encoded_frame_t *made = new_frame(&ours, ours.length);
    if (made == NULL)
        return error_no_memory();
    if (ours.length != 0)
        memcpy(made->bytes, ours.data, ours.length);
    made->buffer.data = ours.length != 0 ? made->bytes : NULL;
    *frame = made;
    return 0;
}

int peer_encoded_frame_new_adopt(const peer_encoded_buffer_t *buffer, peer_frame_release_t release, void *user,
                                 peer_encoded_frame_t **frame)
{
    peer_encoded_buffer_t ours;
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "encoded frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    peer_encoded_frame_t *made = new_frame(&ours, 0);
    if (made == NULL)
        return error_no_memory();
    made->release = release;
    made->user = user;
    *frame = made;
    return 0;
}

peer_encoded_frame_t *peer_encoded_frame_ref(peer_encoded_frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void peer_encoded_frame_unref(peer_encoded_frame_t *frame)
{
    if (frame == NULL || atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) != 1)
        return;
    if (frame->release != NULL)
        frame->release(frame->user);
    memory_free(frame);
}

const char *peer_encoded_frame_mime_type(const peer_encoded_frame_t *frame)
{
    return frame->mime_type;
}

int32_t peer_encoded_frame_kind(const peer_encoded_frame_t *frame)
{
    return strncasecmp(frame->mime_type, "video/", 6) == 0 ? PEER_MEDIA_VIDEO : PEER_MEDIA_AUDIO;
}

const uint8_t *peer_encoded_frame_data(const peer_encoded_frame_t *frame)
{
    return frame->buffer.length != 0 ? frame->buffer.data : NULL;
}

size_t peer_encoded_frame_length(const peer_encoded_frame_t *frame)
{
    return frame->buffer.length;
}

int64_t peer_encoded_frame_timestamp_us(const peer_encoded_frame_t *frame)
{
    return frame->buffer.timestamp_us;
}

int64_t peer_encoded_frame_duration_us(const peer_encoded_frame_t *frame)
{
    return frame->buffer.duration_us;
}

uint32_t peer_encoded_frame_rtp_timestamp(const peer_encoded_frame_t *frame)
{
    return frame->buffer.rtp_timestamp;
}

uint32_t peer_encoded_frame_width(const peer_encoded_frame_t *frame)
{
    return frame->buffer.width;
}

uint32_t peer_encoded_frame_height(const peer_encoded_frame_t *frame)
{
    return frame->buffer.height;
}

bool peer_encoded_frame_is_key(const peer_encoded_frame_t *frame)
{
    return frame->buffer.is_key;
}

const char *peer_encoded_frame_rid(const peer_encoded_frame_t *frame)
{
    return frame->buffer.rid;
}

uint32_t peer_encoded_frame_temporal_layers(const peer_encoded_frame_t *frame)
{
    return frame->buffer.temporal_layers;
}

uint32_t peer_encoded_frame_temporal_id(const peer_encoded_frame_t *frame)
{
    return frame->buffer.temporal_id;
}

bool peer_encoded_frame_is_layer_sync(const peer_encoded_frame_t *frame)
{
    return frame->buffer.is_layer_sync;
}

void encoded_frame_set_level(peer_encoded_frame_t *frame, uint8_t level)
{
    frame->level = level;
}

uint8_t encoded_frame_level(const peer_encoded_frame_t *frame)
{
    return frame->level;
}
