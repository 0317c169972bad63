/* The queue of outputs between the session and whoever polls it: a ring that grows to a bound and is then reused. */
#ifndef MEDIA_OUTPUT_H
#define MEDIA_OUTPUT_H

#include "media/media.h"

#define MEDIA_OUTPUTS_MAX 16384 /* not polled; what comes after is dropped and counted */

typedef struct media_output_queue {
    media_output_t *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t first;
    size_t count;
    uint64_t dropped;
} media_output_queue_t;

/* Takes what the output carries, whether it finds room or not. */
void media_output_push(media_output_queue_t *queue, const media_output_t *output);
bool media_output_pop(media_output_queue_t *queue, media_output_t *output);
/* Drops the outputs that name this sender or receiver; packets on their way out stay. */
void media_output_forget(media_output_queue_t *queue, const media_sender_t *sender, const media_receiver_t *receiver);
void media_output_queue_clear(media_output_queue_t *queue);

#endif
