/* What the files of this folder share. The folder checks arguments, takes the loop's lock, calls the connection, and turns what comes out
 * into the application's events; encoders and decoders hang on its senders and receivers.
 *
 * Locks, outermost first: the loop's; a sender's; a track's. None is held while the application is called. */
#ifndef API_API_H
#define API_API_H

#include <peer/peer.h>

#include "base/frame_rate.h"
#include "base/time.h"
#include "codec/codec_worker.h"
#include "connection/connection.h"
#include "dtls/certificate.h"
#include "media/rendering.h"
#include "runtime/loop.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define API_SDP_MAX (16u * 1024 * 1024) /* as much as is parsed: our own of a thousand m-lines has more than a megabyte */
#define API_JSON_MAX (2u * 1024 * 1024)
#define API_CANDIDATE_MAX 4096u
#define API_SINKS_MAX 16
#define API_STREAMS_MAX 64 /* of one sender: as jsep has */
#define API_TRACK_SENDERS_MAX 32
#define API_ID_SIZE 37 /* a UUID and a NUL */

/* The name at an index that comes from outside. */
#define API_NAME(names, index) ((index) >= 0 && (size_t)(index) < sizeof(names) / sizeof *(names) ? (names)[index] : "")

/* What is new in a struct that an older application does not know keeps its default; what a newer one adds is ignored. */
#define API_COPY_SIZED(to, from) memcpy((to), (from), (from)->size < sizeof *(to) ? (from)->size : sizeof *(to))

/* ---- small things ---- */

int api_ice_candidate_new(const connection_event_t *event, peer_ice_candidate_t **result); /* one of our own */
int api_json_object(const char *json, size_t length, json_t **object);                     /* error_set */
loop_t *api_loop(peer_loop_t *loop);
certificate_t *api_certificate(const peer_certificate_t *certificate); /* borrowed */
/* For one connection, with the defaults; the caller's. */
int api_certificate_new(peer_certificate_t **certificate);
void api_new_id(char id[API_ID_SIZE]);
int api_check_id(const char *id);   /* of a track or stream: PEER_ERROR_TYPE when it cannot stand in a description */
codec_pool_t *api_codec_pool(void); /* the process's encoders and decoders */

/* ---- tracks and streams (track.c, stream.c) ---- */

/* A sender as its track sees it. Calls come from any thread, with no lock held. */
typedef struct api_track_output {
    void (*video)(void *sender, peer_video_frame_t *frame);
    void (*audio)(void *sender, peer_audio_frame_t *frame);
    void (*encoded)(void *sender, peer_encoded_frame_t *frame);
    void (*rtp)(void *sender, const void *packet, size_t length);
    void (*ref)(void *sender);
    void (*unref)(void *sender);
} api_track_output_t;

peer_track_t *api_track_new(int32_t kind, const char *id, const char *label, bool is_remote); /* NULL: memory ran out */
peer_track_t *api_track_acquire(peer_track_t *track); /* a reference, unless the last one has gone already: then NULL */
bool api_track_is_remote(const peer_track_t *track);
/* The source that feeds a local track, in place of the one it has, which is stopped: `stop` is called once, when the track and its clones
 * have ended. */
void api_track_set_source(peer_track_t *track, void (*stop)(void *source), void *source);
bool api_track_has_source(const peer_track_t *track, void (*stop)(void *source)); /* one that is stopped so, and has not been */
peer_track_t *api_track_original(peer_track_t *track);                            /* of a clone; of another track, itself. Borrowed */
int api_track_attach(peer_track_t *track, const api_track_output_t *output, void *sender);
void api_track_detach(peer_track_t *track, void *sender);
/* What sinks want now. */
typedef struct api_track_wants {
    bool raw;
    bool encoded;
    bool rtp;
} api_track_wants_t;
api_track_wants_t api_track_wants(peer_track_t *track); /* by it and its clones */
/* Gives media and state to the sinks; on the loop for remote tracks. */
void api_track_deliver_video(peer_track_t *track, peer_video_frame_t *frame);
void api_track_deliver_audio(peer_track_t *track, peer_audio_frame_t *frame);
void api_track_deliver_encoded(peer_track_t *track, peer_encoded_frame_t *frame);
void api_track_deliver_rtp(peer_track_t *track, const void *packet, size_t length, const char *rid); /* rid NULL: none, as in the next */
void api_track_deliver_key_frame_request(peer_track_t *track, const char *rid);
void api_track_deliver_tone(peer_track_t *track, const char *tone, int32_t duration_ms);
void api_track_set_muted(peer_track_t *track, bool is_muted); /* and tells the sinks when that is a change */
void api_track_end(peer_track_t *track);                      /* a remote track: ended, and the sinks are told */
void api_track_close(peer_track_t *track); /* a remote track of a closed connection: ended, and the sinks are told nothing more */
peer_video_frame_t *api_track_last_frame(peer_track_t *track); /* a new reference, or NULL */
/* Whom to tell when what is wanted changes: `acquire` takes a reference unless the owner is being destroyed (the track's lock is held),
 * then `changed` is called without locks and gives it back. */
void api_track_set_owner(peer_track_t *track, bool (*acquire)(void *owner), void (*changed)(void *owner), void *owner);

peer_stream_t *api_stream_new(const char *id);
bool api_stream_is_unused(const peer_stream_t *stream); /* it has no track, and nobody but the caller has a reference */
/* By the peer, and told: on the loop, without the lock. */
void api_stream_add_remote(peer_stream_t *stream, peer_track_t *track);
void api_stream_remove_remote(peer_stream_t *stream, peer_track_t *track);

/* ---- what tracks pass to senders (media_sources.c), for getStats ---- */

/* Of a track, while senders have it. */
typedef struct api_track_counts {
    uint64_t frames;        /* pictures */
    uint32_t width, height; /* of the last one; 0: not known */
    frame_rate_t rate;
    audio_energy_t energy;
} api_track_counts_t;

void api_track_count_video(peer_track_t *track, peer_video_frame_t *frame);
void api_track_count_audio(peer_track_t *track, peer_audio_frame_t *frame);
void api_track_count_encoded(peer_track_t *track, peer_encoded_frame_t *frame);

/* A track as a source of a connection. */
typedef struct api_media_source {
    peer_track_t *track; /* a reference */
    uint64_t number;
    peer_time_t since;
    api_track_counts_t before; /* what was counted until then */
} api_media_source_t;

/* All under the loop's lock. */
void api_sources_follow(peer_connection_t *pc); /* a sender has another track, or has gone */
void api_sources_clear(peer_connection_t *pc);
bool api_source_id(peer_connection_t *pc, const peer_track_t *track, char id[STATS_ID_SIZE]); /* false: it is no source */
void api_sources_visit(peer_connection_t *pc, peer_time_t now, const stats_visitor_t *to);

/* ---- connections ---- */

typedef struct api_listener {
    void (*on_negotiation_needed)(void *listener);
    void (*on_ice_candidate)(void *listener, const peer_ice_candidate_t *candidate);
    void (*on_ice_state)(void *listener, int32_t state);
    void (*on_ice_gathering_state)(void *listener, int32_t state);
    void (*hold)(void *listener);    /* keeps it during a call; under the lock */
    void (*release)(void *listener); /* without the lock */
    void *listener;
} api_listener_t;

struct peer_connection {
    uint64_t id;            /* of the process: never used twice */
    atomic_uint references; /* the application's */
    atomic_uint holds;      /* the application's as one, the loop's, and running callbacks' */
    loop_t *loop;
    loop_entry_t *entry; /* NULL once closed; under the lock, as all below */
    connection_t *connection;
    peer_certificate_t *certificate;
    peer_configuration_t configuration; /* as given last: W3C [[Configuration]] */
    peer_connection_events_t events;
    void *user;
    bool is_closed;
    api_listener_t listener; /* the negotiator */
    struct peer_transceiver **transceivers;
    size_t transceiver_count, transceiver_capacity;
    struct peer_data_channel **channels;
    size_t channel_count, channel_capacity;
    struct peer_sctp_transport *sctp_transport; /* made at first need, as the next */
    struct peer_dtls_transport *dtls_transport;
    struct peer_stream **streams; /* remote ones, by id */
    size_t stream_count, stream_capacity;
    api_media_source_t *sources;
    size_t source_count, source_capacity;
    uint64_t sources_made;
    size_t consumed; /* bytes of messages told, since the connection looked at its window */
    peer_packet_tap_t tap;
    void *tap_user;
};

void api_connection_hold(peer_connection_t *pc);
void api_connection_release(peer_connection_t *pc);
/* After calling the connection, under the lock. */
void api_connection_touch(peer_connection_t *pc);
/* Under the lock: PEER_ERROR_INVALID_STATE with a message when the connection is closed. */
int api_connection_check_open(const peer_connection_t *pc);
/* Runs `call` under the lock on an open connection, and lets the loop do what follows. */
#define API_CALL_OPEN(pc, result, call)                                                                                                    \
    do {                                                                                                                                   \
        loop_lock((pc)->loop);                                                                                                             \
        (result) = api_connection_check_open(pc);                                                                                          \
        if ((result) == 0)                                                                                                                 \
            (result) = (call);                                                                                                             \
        if ((result) >= 0)                                                                                                                 \
            api_connection_touch(pc);                                                                                                      \
        loop_unlock((pc)->loop);                                                                                                           \
    } while (0)

/* One listener at a time; false when there is one. NULL removes. */
bool api_connection_set_listener(peer_connection_t *pc, const api_listener_t *listener);
/* The stream object that stands for a remote stream id; borrowed from the connection. Under the lock. */
peer_stream_t *api_connection_stream(peer_connection_t *pc, const char *id);
/* Forgets those that have no track and that nobody holds: if the id comes again, nobody can tell that the object is another. */
void api_connection_sweep_streams(peer_connection_t *pc);

/* ---- transceivers (transceiver.c, sender.c, receiver.c) ---- */

typedef struct api_encoder {
    codec_worker_t *worker;      /* NULL: nothing is encoded */
    const peer_codec_t *codec;   /* negotiated; NULL while it is not sent */
    connection_sending_t wanted; /* as the connection said last */
    codec_worker_stats_t counts; /* of all its workers, as of when the last one but this was given up */
    const peer_codec_t *counted; /* that of the last worker; NULL: there was none */
    peer_time_t since;           /* when it was first wanted */
    size_t target_length;        /* bytes that a picture is to have; 0: not known */
} api_encoder_t;

struct peer_sender {
    peer_transceiver_t *transceiver;
    pthread_mutex_t lock;
    peer_track_t *track;     /* under the loop's lock and this one */
    api_encoder_t *encoders; /* by the places that the connection gives encodings; under this lock, as all below */
    size_t encoder_count, encoder_capacity;
    uint32_t bitrate_bps; /* wished for all of them; 0: the default */
    bool is_closed;       /* no encoder is made any more */
    uint32_t width, height;
    char
        transaction_id[API_ID_SIZE]; /* of the parameters given out last; "": none, W3C [[LastReturnedParameters]]. Under the loop's lock */
    uint32_t transaction_generation; /* of the transceiver then */
    int32_t degradation_preference;
};

#define API_RECEIVED_MAX 4 /* streams of a receiver whose counts are kept */

/* receiver_counts.c: of one stream, for getStats. */
typedef struct api_received {
    uint32_t ssrc;
    uint64_t left; /* the how-manieth it was that the receiver left; the greatest: it is decoded now */
    codec_worker_stats_t decoded;
    media_rendering_t rendering; /* of the pictures given to the track */
    uint64_t overflowed;         /* pictures that the application was too slow for */
} api_received_t;

struct peer_receiver {
    peer_transceiver_t *transceiver;
    peer_track_t *track;
    codec_worker_t *worker; /* under the loop's lock, as the next */
    const peer_codec_t *codec;
    double jitter_buffer_target_ms; /* under the loop's lock; negative: none */
    atomic_uint posted;             /* decoded pictures on their way to the loop */
    atomic_ullong overflowed;
    api_received_t *received; /* made at first need; under the loop's lock, as all below */
    size_t received_count;
    uint32_t ssrc; /* of the stream that is decoded */
    uint64_t streams_left;
};

struct peer_dtmf_sender {
    peer_transceiver_t *transceiver;
    peer_dtmf_sender_events_t events; /* under the loop's lock, as the next */
    void *user;
};

/* A tone of ours begins, or "": the last has ended. On the loop, without the lock. */
void api_dtmf_tell(struct peer_dtmf_sender *dtmf, const char *tone);

typedef struct api_mid {
    struct api_mid *next;
    char text[];
} api_mid_t;

struct peer_transceiver {
    atomic_uint references;
    uint64_t connection_id;
    loop_t *loop;
    peer_connection_t *pc; /* NULL when it is gone, or has removed this one; under the loop's lock, as all below */
    bool is_removed;       /* negotiated away, or rolled back */
    transceiver_t *implementation;
    int32_t kind;
    api_mid_t *mids; /* those that were given out last, the latest first; usually one */
    const char *mid;
    int32_t direction, current_direction;                            /* the last known, as is mid, for when the connection is gone */
    peer_dtls_transport_t *last_transport;                           /* likewise; NULL: it had none */
    connection_extension_t extensions[2][CONNECTION_EXTENSIONS_MAX]; /* likewise: those to negotiate, and the negotiated ones */
    size_t extension_counts[2];
    struct peer_sender sender;
    struct peer_receiver receiver;
    struct peer_dtmf_sender dtmf;
};

/* The object that stands for a transceiver of the connection, made at first need; borrowed from the connection. Under the lock; NULL when
 * memory ran out. */
peer_transceiver_t *api_transceiver(peer_connection_t *pc, transceiver_t *implementation);
/* The connection is closing: encoders, decoders and tracks are let go. Under the lock. */
void api_transceiver_close(peer_transceiver_t *transceiver);
void api_transceiver_remember_extensions(peer_transceiver_t *transceiver); /* while there is an implementation */
/* The connection is gone, or it has removed the transceiver. Under the lock. */
void api_transceiver_orphan(peer_transceiver_t *transceiver);

/* Negotiated away, or rolled back: from now on it belongs to whoever holds it. Without the lock. */
void api_transceiver_remove(peer_connection_t *pc, transceiver_t *implementation);

int api_sender_init(peer_transceiver_t *transceiver);
void api_sender_destroy(struct peer_sender *sender);
int api_sender_set_track(struct peer_sender *sender, peer_track_t *track); /* under the lock; NULL is allowed */
/* What negotiation and the transport say: encode, or stop. On the loop, without the lock. */
void api_sender_configure(struct peer_sender *sender, const connection_event_t *event);
void api_sender_force_key(struct peer_sender *sender, size_t place);
void api_sender_force_all_keys(struct peer_sender *sender); /* under its lock, as the next */
void api_sender_rates_changed(struct peer_sender *sender);
void api_sender_end_encoders(struct peer_sender *sender); /* for good */
extern const api_track_output_t api_sender_output;        /* a sender as its track sees it */
void api_sender_close(struct peer_sender *sender);        /* under the lock */
/* What an encoding's encoders count, for getStats; false: there is no such encoding. */
bool api_sender_counts(struct peer_sender *sender, size_t place, api_encoder_t *counts);

void api_receiver_frame(struct peer_receiver *receiver, const connection_event_t *event); /* on the loop, without the lock */
void api_receiver_lost(struct peer_receiver *receiver, const connection_event_t *event);
void api_receiver_close(struct peer_receiver *receiver);

/* receiver_counts.c, under the loop's lock. */
void api_receiver_keep_counts(struct peer_receiver *receiver);                   /* before its decoder goes */
void api_receiver_go_on_counting(struct peer_receiver *receiver);                /* when it has a new one */
void api_receiver_follow_stream(struct peer_receiver *receiver, uint32_t ssrc);  /* the stream that is decoded from now on */
void api_receiver_note_picture(struct peer_receiver *receiver, peer_time_t now); /* one goes to the track */
bool api_receiver_counts(struct peer_receiver *receiver, uint32_t ssrc, api_received_t *counts); /* false: none of it was decoded */

/* ---- data channels (data_channel.c) ---- */

peer_data_channel_t *api_channel(peer_connection_t *pc, sctp_channel_t *implementation); /* as api_transceiver() */
void api_channel_deliver(peer_data_channel_t *channel, const connection_event_t *event); /* on the loop, without the lock */
void api_channel_set_first_events(peer_data_channel_t *channel, const peer_data_channel_events_t *events, void *user); /* under the lock */
void api_channel_orphan(peer_data_channel_t *channel);                                                                 /* under the lock */

int32_t api_priority_from_weight(uint16_t weight); /* RFC 8831 §6.4's number as a peer_priority_t, and back */
uint16_t api_priority_weight(int32_t priority);

void api_sctp_transport_orphan(struct peer_sctp_transport *transport); /* under the lock */

/* The one DTLS transport of the connection, made at first need, and the ICE transport under it. Under the lock; borrowed from the
 * connection, NULL when memory ran out. */
peer_dtls_transport_t *api_dtls_transport(peer_connection_t *pc);
void api_dtls_transport_orphan(struct peer_dtls_transport *transport); /* under the lock, as all below */
peer_ice_transport_t *api_ice_transport_new(peer_connection_t *pc);
void api_ice_transport_orphan(struct peer_ice_transport *transport);

#endif
