/* What has arrived in a call, measured: how many pictures, how many that differ, how well they look, how loud the sound is. */
#ifndef RECEIVED_H
#define RECEIVED_H

#include <peer/peer.h>
#include <stdbool.h>

typedef struct received {
    int64_t first_audio_us, first_video_us; /* on the monotonic clock; 0: not yet */
    uint64_t video_frames;
    uint64_t video_frames_distinct; /* by the number burnt into the test picture, or else by content: a frozen picture does not count */
    uint32_t width, height;
    bool is_numbered;      /* the last picture had a number */
    uint32_t number;       /* of the last picture that had one */
    uint64_t content_hash; /* of the last picture that had none */
    double psnr_sum;
    uint64_t psnr_count;
    double audio_seconds;
    double audio_energy;     /* power relative to full scale, summed over seconds */
    double audio_level_dbfs; /* of the last frame */
    uint64_t data_messages, data_bytes;
} received_t;

void received_init(received_t *received);
void received_video(received_t *received, peer_video_frame_t *frame);
void received_audio(received_t *received, peer_audio_frame_t *frame);
void received_message(received_t *received, size_t length);

/* Mean over the test pictures measured, false when there were none (another picture, even one with numbers). */
bool received_psnr_db(const received_t *received, double *psnr_db);
double received_level_dbfs(const received_t *received); /* of all the sound; -127 when there was none */

#endif
