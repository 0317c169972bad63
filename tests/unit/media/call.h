/* A call over the link: alice (0) sends synthetic video and audio, bob (1) checks that every frame is intact and could be decoded. A video
 * frame carries its number, the number of the frame it depends on, and a pattern; an audio frame its number. */
#ifndef CALL_H
#define CALL_H

#include "link.h"

#define CALL_FRAMES_MAX 20000

typedef struct call {
    link_t link;
    media_sender_t *video_sender, *audio_sender;
    media_receiver_t *video_receiver, *audio_receiver;
    bool has_rtx, has_nack, has_video, has_audio;
    bool is_vp9;     /* VP8 otherwise */
    unsigned layers; /* temporal ones; 0 or 1: none */
    size_t frame_size;
    int64_t frames_sent, audio_sent;
    bool wants_key_frame;
    peer_time_t start, next_video, next_audio;
    peer_time_t video_clock_offset; /* the capture of video happens this much later than it should: lip sync error of the source */
    bool audio_pauses;              /* discontinuous transmission every other second */

    /* received */
    int64_t frames_received, key_frames_received, last_frame, undecodable, damaged;
    peer_time_t last_frame_time, longest_freeze;
    int64_t audio_received, audio_lost, audio_silence, audio_out_of_order, last_audio, audio_fec;
    int64_t audio_us; /* played or concealed */
    int64_t key_frame_requests;
    int64_t first_packets, streams_ended;
    int64_t decoded_base;                     /* number of the last base layer frame decoded, -1: none */
    peer_time_t video_latency, audio_latency; /* of the last frame, from capture to output */
} call_t;

void call_init(call_t *call, uint64_t seed, const link_conditions_t *conditions);
void call_add_streams(call_t *call);
void call_run(call_t *call, peer_time_t duration);
void call_free(call_t *call);

#endif
