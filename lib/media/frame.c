#include "media/frame.h"

#include "base/memory.h"

media_frame_t *media_frame_new(size_t length, uint8_t **bytes)
{
    media_frame_t *frame = memory_resize(NULL, sizeof *frame + length); /* the octets are about to be written */
    if (frame == NULL)
        return NULL;
    *frame = (media_frame_t){.length = length};
    *bytes = (uint8_t *)(frame + 1);
    frame->data = *bytes;
    atomic_init(&frame->references, 1);
    return frame;
}

media_frame_t *media_frame_ref(media_frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void media_frame_unref(media_frame_t *frame)
{
    if (frame != NULL && atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) == 1)
        memory_free(frame);
}
