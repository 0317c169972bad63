/* What arrived from the other side: counted so that a frozen picture, silence or a wrong sound is told from the real thing. */
#ifndef INTEROP_RECEIVED_H
#define INTEROP_RECEIVED_H

#include <jansson.h>
#include <peer/peer.h>
#include <peer/test_media.h>

#define RECEIVED_SOUND_SAMPLES 4800 /* 100 ms of 48 kHz, judged at a time */

typedef struct received {
    uint64_t video_frames;
    uint64_t video_changes; /* frames that differ from the one before */
    uint64_t video_numbers; /* frames whose burnt-in number is higher than any before */
    uint32_t highest_number;
    uint64_t picture_hash;
    uint32_t width, height;
    uint64_t audio_frames;
    double audio_seconds;
    double loud_seconds;       /* above -50 dBFS */
    double test_sound_seconds; /* with the tones of the library's own test sound */
    int16_t sound[RECEIVED_SOUND_SAMPLES];
    uint32_t sound_count;
} received_t;

void received_video(received_t *received, peer_video_frame_t *frame);
void received_audio(received_t *received, peer_audio_frame_t *frame);
/* Adds its figures to a report. */
void received_report(const received_t *received, json_t *report);

#endif
