/* Writes the received media of one call into a directory: video.ivf or video.y4m, audio.wav; of the second call video-2.ivf and so on. */
#ifndef RECORDER_H
#define RECORDER_H

#include <peer/media_file.h>
#include <peer/peer.h>
#include <stdbool.h>

typedef struct recorder recorder_t;

bool recorder_prepare(const char *directory); /* makes it if need be; false, with a message on stderr, when it cannot be written to */
/* NULL, with a message on stderr, when the files cannot be made. */
recorder_t *recorder_new(const char *directory, const char *video_format, unsigned call);
bool recorder_wants_encoded(const recorder_t *recorder); /* video as it came, not decoded */
void recorder_video(recorder_t *recorder, peer_video_frame_t *frame);
void recorder_encoded(recorder_t *recorder, peer_encoded_frame_t *frame);
void recorder_audio(recorder_t *recorder, peer_audio_frame_t *frame);
void recorder_free(recorder_t *recorder); /* completes the files; NULL is allowed */

#endif
