/* A relay stands between a local track and a sink that wants what comes on a loop: the thread that writes posts it and goes on. So much may
 * wait, then raw frames are left out. */
#include "api/track_private.h"

#include "base/error.h"
#include "base/memory.h"
#include "media/media.h"
#include "runtime/loop.h"

#include <stdio.h>
#include <string.h>

#define PICTURES_MAX 8
#define SOUNDS_MAX 100 /* two seconds in stretches of 20 ms */
#define PACKETS_MAX 3000
#define ENCODED_MAX 300 /* they build upon each other: more than a second must pass before one is lost */

struct sink_relay {
    atomic_uint references;
    atomic_int waiting;
    atomic_bool is_removed;
    loop_t *loop;
    peer_track_sink_t sink;
    void *user;
};

typedef enum post_type { POST_VIDEO, POST_AUDIO, POST_ENCODED, POST_RTP, POST_ENDED, POST_KEY_FRAME } post_type_t;

typedef struct post {
    sink_relay_t *relay;
    peer_track_t *track;
    post_type_t type;
    void *media;   /* a reference to a frame of that type, a copy of a packet, or NULL */
    size_t length; /* of the packet */
    bool has_rid;
    char rid[MEDIA_MID_MAX + 1];
} post_t;

sink_relay_t *api_sink_relay_ref(sink_relay_t *relay)
{
    if (relay != NULL)
        atomic_fetch_add_explicit(&relay->references, 1, memory_order_relaxed);
    return relay;
}

void api_sink_relay_unref(sink_relay_t *relay)
{
    if (relay == NULL || atomic_fetch_sub_explicit(&relay->references, 1, memory_order_acq_rel) > 1)
        return;
    loop_unref(relay->loop);
    memory_free(relay);
}

void api_sink_relay_remove(sink_relay_t *relay)
{
    if (relay != NULL)
        atomic_store(&relay->is_removed, true);
    api_sink_relay_unref(relay);
}

static void free_media(post_type_t type, void *media)
{
    if (type == POST_VIDEO)
        peer_video_frame_unref(media);
    else if (type == POST_AUDIO)
        peer_audio_frame_unref(media);
    else if (type == POST_ENCODED)
        peer_encoded_frame_unref(media);
    else
        memory_free(media);
}

static void free_post(post_t *post)
{
    free_media(post->type, post->media);
    peer_track_unref(post->track);
    api_sink_relay_unref(post->relay);
    memory_free(post);
}

static void tell(const post_t *post)
{
    const peer_track_sink_t *sink = &post->relay->sink;
    void *user = post->relay->user;
    switch (post->type) {
    case POST_VIDEO:
        sink->on_video_frame(post->track, post->media, user);
        break;
    case POST_AUDIO:
        sink->on_audio_frame(post->track, post->media, user);
        break;
    case POST_ENCODED:
        sink->on_encoded_frame(post->track, post->media, user);
        break;
    case POST_RTP:
        if (sink->on_stream_rtp != NULL)
            sink->on_stream_rtp(post->track, post->media, post->length, post->has_rid ? post->rid : NULL, user);
        else
            sink->on_rtp(post->track, post->media, post->length, user);
        break;
    case POST_ENDED:
        sink->on_ended(post->track, user);
        break;
    case POST_KEY_FRAME:
        if (sink->on_stream_key_frame_request != NULL)
            sink->on_stream_key_frame_request(post->track, post->has_rid ? post->rid : NULL, user);
        else
            sink->on_key_frame_request(post->track, user);
        break;
    }
}

static void deliver(void *argument)
{
    post_t *post = argument;
    atomic_fetch_sub(&post->relay->waiting, 1);
    if (!atomic_load(&post->relay->is_removed))
        tell(post);
    free_post(post);
}

/* The media pass to it, on failure too. */
static void send(sink_relay_t *relay, peer_track_t *track, post_type_t type, void *media, size_t length, const char *rid)
{
    post_t *post = MEMORY_NEW(post_t);
    if (post == NULL) {
        free_media(type, media);
        return;
    }
    *post = (post_t){.relay = api_sink_relay_ref(relay), .track = peer_track_ref(track), .type = type, .media = media, .length = length};
    if (rid != NULL) {
        post->has_rid = true;
        snprintf(post->rid, sizeof post->rid, "%s", rid);
    }
    atomic_fetch_add(&relay->waiting, 1);
    if (loop_post(relay->loop, deliver, post) < 0) {
        atomic_fetch_sub(&relay->waiting, 1);
        free_post(post);
    }
}

static bool has_room(sink_relay_t *relay, int most)
{
    return atomic_load(&relay->waiting) < most;
}

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    if (has_room(user, PICTURES_MAX))
        send(user, track, POST_VIDEO, peer_video_frame_ref(frame), 0, NULL);
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    if (has_room(user, SOUNDS_MAX))
        send(user, track, POST_AUDIO, peer_audio_frame_ref(frame), 0, NULL);
}

static void on_encoded_frame(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
    if (has_room(user, ENCODED_MAX))
        send(user, track, POST_ENCODED, peer_encoded_frame_ref(frame), 0, NULL);
}

static void on_stream_rtp(peer_track_t *track, const void *packet, size_t length, const char *rid, void *user)
{
    void *copy = has_room(user, PACKETS_MAX) ? memory_new(length) : NULL;
    if (copy == NULL)
        return;
    memcpy(copy, packet, length);
    send(user, track, POST_RTP, copy, length, rid);
}

static void on_ended(peer_track_t *track, void *user)
{
    send(user, track, POST_ENDED, NULL, 0, NULL);
}

static void on_stream_key_frame_request(peer_track_t *track, const char *rid, void *user)
{
    if (has_room(user, ENCODED_MAX))
        send(user, track, POST_KEY_FRAME, NULL, 0, rid);
}

sink_relay_t *api_sink_relay_new(const peer_track_sink_t *sink, void *user, peer_track_sink_t *relayed)
{
    sink_relay_t *relay = MEMORY_NEW(sink_relay_t);
    if (relay == NULL) {
        error_no_memory();
        return NULL;
    }
    atomic_init(&relay->references, 1);
    atomic_init(&relay->waiting, 0);
    atomic_init(&relay->is_removed, false);
    relay->loop = loop_ref(api_loop(sink->loop));
    relay->sink = *sink;
    relay->user = user;
    peer_track_sink_init(relayed, sizeof *relayed); /* a local track is never muted */
    if (sink->on_video_frame != NULL)
        relayed->on_video_frame = on_video_frame;
    if (sink->on_audio_frame != NULL)
        relayed->on_audio_frame = on_audio_frame;
    if (sink->on_encoded_frame != NULL)
        relayed->on_encoded_frame = on_encoded_frame;
    if (sink->on_rtp != NULL || sink->on_stream_rtp != NULL)
        relayed->on_stream_rtp = on_stream_rtp;
    if (sink->on_ended != NULL)
        relayed->on_ended = on_ended;
    if (sink->on_key_frame_request != NULL || sink->on_stream_key_frame_request != NULL)
        relayed->on_stream_key_frame_request = on_stream_key_frame_request;
    return relay;
}
