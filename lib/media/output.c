#include "media/output.h"

#include "base/memory.h"

#define FIRST_CAPACITY 64

void media_output_clear(media_output_t *output)
{
    packet_unref(output->packet);
    media_frame_unref(output->frame);
    media_frame_unref(output->next);
    output->packet = NULL;
    output->frame = NULL;
    output->next = NULL;
}

static media_output_t *at(const media_output_queue_t *queue, size_t index)
{
    return &queue->ring[(queue->first + index) & (queue->capacity - 1)];
}

static bool make_room(media_output_queue_t *queue)
{
    if (queue->count < queue->capacity)
        return true;
    if (queue->capacity >= MEDIA_OUTPUTS_MAX)
        return false;
    size_t capacity = queue->capacity != 0 ? 2 * queue->capacity : FIRST_CAPACITY;
    media_output_t *ring = memory_array(capacity, sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = *at(queue, i);
    memory_free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

void media_output_push(media_output_queue_t *queue, const media_output_t *output)
{
    if (!make_room(queue)) {
        media_output_t dropped = *output;
        media_output_clear(&dropped);
        queue->dropped++;
        return;
    }
    *at(queue, queue->count++) = *output;
}

bool media_output_pop(media_output_queue_t *queue, media_output_t *output)
{
    if (queue->count == 0)
        return false;
    *output = *at(queue, 0);
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}

static bool is_sending(const media_output_t *output)
{
    return output->type == MEDIA_OUTPUT_SEND_RTP || output->type == MEDIA_OUTPUT_SEND_RTCP;
}

void media_output_forget(media_output_queue_t *queue, const media_sender_t *sender, const media_receiver_t *receiver)
{
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        media_output_t *output = at(queue, i);
        bool is_named = (sender != NULL && output->sender == sender) || (receiver != NULL && output->receiver == receiver);
        if (is_named && is_sending(output)) {
            output->sender = NULL;
            is_named = false;
        }
        if (is_named)
            media_output_clear(output);
        else
            *at(queue, kept++) = *output;
    }
    queue->count = kept;
}

void media_output_queue_clear(media_output_queue_t *queue)
{
    media_output_t output;
    while (media_output_pop(queue, &output))
        media_output_clear(&output);
    memory_free(queue->ring);
    *queue = (media_output_queue_t){0};
}
