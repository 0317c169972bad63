/* Two connections of one process over loopback sockets, joined by negotiators, through public headers alone. */
#ifndef API_PAIR_H
#define API_PAIR_H

#include <peer/peer.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct pair_side pair_side_t;
typedef struct pair pair_t;

struct pair_side {
    pair_t *pair;
    int index;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    atomic_int state, closed, tracks, channels, video_frames, audio_frames, encoded_frames, rtp_packets, messages, late;
    peer_data_channel_t *channel; /* ours, or the one that the peer opened */
    void (*on_state)(pair_side_t *side, int32_t state);
    void (*on_message)(pair_side_t *side, const void *data, size_t length, int32_t is_text);
    atomic_bool is_done_with; /* set after close: an event that comes then is late */
};

struct pair {
    pair_side_t sides[2];
};

/* Each side on its loop; NULL is the library's own. */
void pair_open(pair_t *pair, peer_loop_t *first, peer_loop_t *second);
void pair_add_media(pair_side_t *side, bool audio, bool video);
void pair_add_channel(pair_side_t *side, const char *label);
/* Waits until the condition holds, dispatching manual loops; false after 20 s. */
bool pair_wait(pair_t *pair, bool (*is_done)(pair_t *pair), peer_loop_t *manual);
void pair_close(pair_t *pair);

#endif
