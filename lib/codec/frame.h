/* Frames from the inside: memory that may still be written, before anybody else holds a reference. */
#ifndef CODEC_FRAME_H
#define CODEC_FRAME_H

#include <peer/frame.h>

#include <string.h>

/* A picture with uninitialised samples; `planes` receives where to write them, strides are those of the frame. */
int video_frame_new_blank(int32_t format, uint32_t width, uint32_t height, int32_t rotation, int64_t timestamp_us,
                          peer_video_frame_t **frame, uint8_t *planes[PEER_VIDEO_MAX_PLANES]);
/* Sound with silent samples; `data` receives where to write them. */
int audio_frame_new_blank(int32_t format, uint32_t sample_rate, uint32_t channels, uint32_t samples, int64_t timestamp_us,
                          peer_audio_frame_t **frame, void **data);

#define ENCODED_FRAME_NO_LEVEL 0xff

/* How loud the sound was that became the frame, in -dBov (RFC 6464): 0 loudest, 127 silence. */
void encoded_frame_set_level(peer_encoded_frame_t *frame, uint8_t level);
uint8_t encoded_frame_level(const peer_encoded_frame_t *frame); /* ENCODED_FRAME_NO_LEVEL: not known */

/* A public struct begins with the size that its caller was compiled with and grows only at its end: these two carry it across. */
static inline void struct_import(void *ours, size_t our_size, const void *theirs)
{
    size_t their_size;
    memcpy(&their_size, theirs, sizeof their_size);
    memcpy(ours, theirs, their_size < our_size ? their_size : our_size);
}

static inline void struct_export(void *theirs, size_t their_size, const void *ours, size_t our_size)
{
    if (theirs == NULL || their_size < sizeof their_size)
        return;
    memset(theirs, 0, their_size);
    memcpy(theirs, ours, their_size < our_size ? their_size : our_size);
    memcpy(theirs, &their_size, sizeof their_size);
}

#endif
