/* Brings sound of any shape into the one that a codec (or a listener) wants: sample rate, channels, frame length. Used from one thread. */
#ifndef CODEC_AUDIO_ADAPTER_H
#define CODEC_AUDIO_ADAPTER_H

#include <peer/frame.h>

typedef struct audio_adapter audio_adapter_t;

/* Gives S16 at `sample_rate` with `channels` (1 or 2), in frames of `samples` per channel; 0 gives each as long as it comes. */
audio_adapter_t *audio_adapter_new(uint32_t sample_rate, uint32_t channels, uint32_t samples);
void audio_adapter_free(audio_adapter_t *adapter); /* NULL is allowed */

/* Takes a frame (lent) and calls `emit` (which lends) for each that becomes complete. A timestamp further than `gap_us` from where the last
 * frame ended begins anew: what was left incomplete is dropped. 0, or PEER_ERROR_NO_MEMORY. */
int audio_adapter_push(audio_adapter_t *adapter, peer_audio_frame_t *frame, int64_t gap_us,
                       void (*emit)(void *context, peer_audio_frame_t *frame), void *context);

#endif
