/* Two connections of one process over loopback sockets, joined by negotiators, through public headers alone. */
#ifndef API_PAIR_H
#define API_PAIR_H

#include <peer/peer.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct pair_side pair_side_t;
typedef struct pair pair_t;

/* Every kind of callback that an application gets. */
typedef enum pair_callback {
    PAIR_NEGOTIATION_NEEDED,
    PAIR_ICE_CANDIDATE,
    PAIR_SIGNALING_STATE,
    PAIR_ICE_CONNECTION_STATE,
    PAIR_ICE_GATHERING_STATE,
    PAIR_CONNECTION_STATE,
    PAIR_TRACK,        /* object: peer_track_event_t */
    PAIR_DATA_CHANNEL, /* object: the channel, as in all of channels */
    PAIR_CHANNEL_OPEN,
    PAIR_CHANNEL_MESSAGE,
    PAIR_CHANNEL_BUFFERED_AMOUNT_LOW,
    PAIR_CHANNEL_CLOSING,
    PAIR_CHANNEL_CLOSE,
    PAIR_VIDEO_FRAME, /* object: the track, as in all of tracks */
    PAIR_AUDIO_FRAME,
    PAIR_ENCODED_FRAME,
    PAIR_RTP,
    PAIR_UNMUTE,
    PAIR_SEND, /* the negotiator's */
    PAIR_CALLBACKS
} pair_callback_t;

struct pair_side {
    pair_t *pair;
    int index;
    pthread_mutex_t lock; /* guards the next three: another thread may be closing */
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    peer_data_channel_t *channel; /* ours, or the first that the peer opened */
    atomic_int state, closed, tracks, channels, channels_closed, video_frames, audio_frames, encoded_frames, rtp_packets, messages, late,
        refused;
    atomic_ullong bytes;
    void (*on_callback)(pair_side_t *side, pair_callback_t kind,
                        void *object); /* set before there is anything to negotiate; after all else */
    void (*on_video)(pair_side_t *side, peer_track_t *track, peer_video_frame_t *frame);
    void (*on_audio)(pair_side_t *side, peer_track_t *track, peer_audio_frame_t *frame);
    void (*on_encoded)(pair_side_t *side, peer_track_t *track, peer_encoded_frame_t *frame);
    void (*on_rtp)(pair_side_t *side, peer_track_t *track, const void *packet, size_t length);
    void (*on_message)(pair_side_t *side, peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text);
    bool is_expecting_refusals; /* they are counted, not printed */
    atomic_bool is_done_with;   /* after on_closed, or a close inside a callback: an event that comes then is late */
    void *user;
};

struct pair {
    pair_side_t sides[2];
};

/* Each side on its loop; NULL is the library's own. */
void pair_open(pair_t *pair, peer_loop_t *first, peer_loop_t *second);
/* Each side as it is configured. */
void pair_open_configured(pair_t *pair, const peer_configuration_t *first, const peer_configuration_t *second);
peer_connection_t *pair_take_connection(pair_side_t *side); /* a reference, or NULL after pair_close_side() */
/* The two do nothing on a side that was closed meanwhile. */
void pair_add_media(pair_side_t *side, bool audio, bool video);
void pair_add_channel(pair_side_t *side, const char *label);
/* A track that the test writes to. */
peer_track_t *pair_add_track(pair_side_t *side, int32_t kind, peer_sender_t **sender);
void pair_watch_channel(pair_side_t *side, peer_data_channel_t *channel); /* its events are counted on that side */
/* Waits until the condition holds, dispatching manual loops; false after 60 s (or what the environment's PAIR_PATIENCE says). */
bool pair_wait(pair_t *pair, bool (*is_done)(pair_t *pair), peer_loop_t *manual);
/* Closes and gives back the connection, its negotiator and its channel. Does nothing the second time. The side is counted as done with at
 * once if this is called inside a callback of its loop. */
void pair_close_side(pair_side_t *side, bool is_inside_callback);
void pair_close(pair_t *pair);
bool pair_is_closed(pair_t *pair); /* both on_closed have come */
bool pair_is_connected(pair_t *pair);
/* Closes, waits for the ends, checks that nothing came late. */
bool pair_end(pair_t *pair, peer_loop_t *manual);

#endif
