/* What a track is, for the files about it: track.c (the object and its state), track_media.c (what passes through it), track_clones.c
 * (tracks that share a source). */
#ifndef API_TRACK_PRIVATE_H
#define API_TRACK_PRIVATE_H

#include "api/api.h"

typedef struct sink_relay sink_relay_t; /* sink_relay.c */

typedef struct sink {
    peer_track_sink_t sink;
    void *user;          /* the callbacks' */
    void *name;          /* the application's, which names the sink */
    sink_relay_t *relay; /* NULL, or what `user` is, too; a reference */
    uint64_t serial;     /* rises: a loop over sinks goes on behind the last one it called, whatever was removed meanwhile */
} sink_t;

typedef struct track_output {
    const api_track_output_t *table;
    void *sender;
} track_output_t;

typedef struct track_clone {
    peer_track_t *track; /* not a reference */
    uint64_t serial;     /* rises, as that of sinks does */
} track_clone_t;

struct peer_track {
    atomic_uint references;
    int32_t kind;
    bool is_remote;
    char *label;
    pthread_mutex_t lock; /* guards all below */
    bool is_enabled, is_muted, is_ended;
    bool is_silent; /* a remote track whose connection was closed: its sinks are called no more */
    sink_t sinks[API_SINKS_MAX];
    size_t sink_count;
    uint64_t next_serial;
    track_output_t outputs[API_TRACK_SENDERS_MAX];
    size_t output_count;
    void (*stop_source)(void *source);
    void *source;
    peer_video_frame_t *last_frame; /* so that a sender that starts has a picture at once */
    bool (*owner_acquire)(void *owner);
    void (*owner_changed)(void *owner);
    void *owner;
    peer_track_t *original; /* of a clone: the track whose media it gets, for good; a reference */
    track_clone_t *clones;  /* of an original: those that have not ended */
    size_t clone_count, clone_capacity;
    uint64_t next_clone_serial;
    api_track_counts_t *counts; /* from the first time it was attached to a sender on */
    char id[];
};

/* The track's lock; an original's may be held while a clone's is taken, not the other way round. */
void api_track_lock(const peer_track_t *track);
void api_track_unlock(const peer_track_t *track);
/* The first sink behind serial `after`, which moves on to it; what it holds is given back by the next call, so a loop goes on to the end.
 */
bool api_track_next_sink(const peer_track_t *track, uint64_t *after, sink_t *sink);

#define API_FOR_EACH_SINK(track, callback, ...)                                                                                            \
    do {                                                                                                                                   \
        sink_t each;                                                                                                                       \
        uint64_t after = 0;                                                                                                                \
        while (api_track_next_sink((track), &after, &each))                                                                                \
            if (each.sink.callback != NULL)                                                                                                \
                each.sink.callback(__VA_ARGS__, each.user);                                                                                \
    } while (0)

/* Has what is meant for a sink of a local track posted to its loop. `relayed` is to be the track's sink, and the relay its user. NULL when
 * memory ran out. */
sink_relay_t *api_sink_relay_new(const peer_track_sink_t *sink, void *user, peer_track_sink_t *relayed);
sink_relay_t *api_sink_relay_ref(sink_relay_t *relay);
void api_sink_relay_unref(sink_relay_t *relay);
/* The sink was removed: gives the track's reference back, and what is posted already does not come. */
void api_sink_relay_remove(sink_relay_t *relay);

/* The first clone behind serial `after`, which moves on to it; a new reference, or NULL. */
peer_track_t *api_track_next_clone(peer_track_t *track, uint64_t *after);
/* Whether the track, or a clone of it, is live. */
bool api_track_family_is_live(peer_track_t *original);
/* A clone has ended, or goes: its original forgets it. */
void api_track_leave_family(peer_track_t *clone);

#define API_FOR_EACH_CLONE(track, call)                                                                                                    \
    do {                                                                                                                                   \
        peer_track_t *clone;                                                                                                               \
        uint64_t behind = 0;                                                                                                               \
        while ((clone = api_track_next_clone((track), &behind)) != NULL) {                                                                 \
            call;                                                                                                                          \
            peer_track_unref(clone);                                                                                                       \
        }                                                                                                                                  \
    } while (0)

#endif
