#include "pair.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void note_late(pair_side_t *side)
{
    if (atomic_load(&side->is_done_with))
        atomic_fetch_add(&side->late, 1);
}

/* ---- signaling: what one negotiator sends, the other receives, on the loop of the sender ---- */

static void send_to_other(peer_negotiator_t *negotiator, const char *json, void *user)
{
    pair_side_t *side = user;
    pair_side_t *other = &side->pair->sides[1 - side->index];
    note_late(side);
    if (!atomic_load(&other->is_done_with) && peer_negotiator_receive(other->negotiator, json, strlen(json)) < 0 &&
        !atomic_load(&other->is_done_with))
        fprintf(stderr, "refused: %s: %.300s\n", peer_last_error_message(), json);
}

/* ---- events ---- */

static void on_state(peer_connection_t *pc, int32_t state, void *user)
{
    pair_side_t *side = user;
    note_late(side);
    atomic_store(&side->state, state);
    if (side->on_state != NULL)
        side->on_state(side, state);
}

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    atomic_fetch_add(&((pair_side_t *)user)->video_frames, 1);
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    atomic_fetch_add(&((pair_side_t *)user)->audio_frames, 1);
}

static void on_encoded_frame(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
    atomic_fetch_add(&((pair_side_t *)user)->encoded_frames, 1);
}

static void on_rtp(peer_track_t *track, const void *packet, size_t length, void *user)
{
    atomic_fetch_add(&((pair_side_t *)user)->rtp_packets, 1);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    pair_side_t *side = user;
    peer_track_sink_t sink;
    note_late(side);
    atomic_fetch_add(&side->tracks, 1);
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video_frame;
    sink.on_audio_frame = on_audio_frame;
    sink.on_encoded_frame = on_encoded_frame;
    sink.on_rtp = on_rtp;
    peer_track_add_sink(event->track, &sink, side);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    pair_side_t *side = user;
    note_late(side);
    atomic_fetch_add(&side->messages, 1);
    if (side->on_message != NULL)
        side->on_message(side, data, length, is_text);
}

static void on_open(peer_data_channel_t *channel, void *user)
{
    note_late(user);
}

static const peer_data_channel_events_t channel_events = {.on_open = on_open, .on_message = on_message};

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    pair_side_t *side = user;
    note_late(side);
    peer_data_channel_set_events(channel, &channel_events, side);
    if (side->channel == NULL)
        side->channel = peer_data_channel_ref(channel);
    atomic_fetch_add(&side->channels, 1);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    atomic_fetch_add(&((pair_side_t *)user)->closed, 1);
}

static const peer_connection_events_t connection_events = {.on_connection_state_change = on_state,
                                                           .on_track = on_track,
                                                           .on_data_channel = on_data_channel,
                                                           .on_closed = on_closed};

void pair_open(pair_t *pair, peer_loop_t *first, peer_loop_t *second)
{
    static const peer_negotiator_events_t negotiator_events = {.send = send_to_other};
    memset(pair, 0, sizeof *pair);
    for (int i = 0; i < 2; i++) {
        pair_side_t *side = &pair->sides[i];
        side->pair = pair;
        side->index = i;
        peer_configuration_t configuration;
        peer_configuration_init(&configuration, sizeof configuration);
        configuration.loop = i == 0 ? first : second;
        configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
        side->pc = peer_connection_new(&configuration, &connection_events, side);
        if (side->pc == NULL) {
            fprintf(stderr, "no connection: %s\n", peer_last_error_message());
            abort();
        }
    }
    for (int i = 0; i < 2; i++)
        pair->sides[i].negotiator = peer_negotiator_new(pair->sides[i].pc, i, &negotiator_events, &pair->sides[i]);
}

void pair_add_media(pair_side_t *side, bool audio, bool video)
{
    peer_media_constraints_t constraints;
    peer_stream_t *stream;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.audio = audio;
    constraints.video = video;
    constraints.width = 320;
    constraints.height = 240;
    if (peer_get_user_media(&constraints, &stream) < 0) {
        fprintf(stderr, "no media: %s\n", peer_last_error_message());
        abort();
    }
    for (size_t i = 0; i < peer_stream_track_count(stream); i++)
        if (peer_connection_add_track(side->pc, peer_stream_track(stream, i), stream, NULL) < 0)
            abort();
    peer_stream_unref(stream);
}

void pair_add_channel(pair_side_t *side, const char *label)
{
    if (peer_connection_create_data_channel(side->pc, label, NULL, &channel_events, side, &side->channel) < 0)
        abort();
}

bool pair_wait(pair_t *pair, bool (*is_done)(pair_t *pair), peer_loop_t *manual)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t end = now.tv_sec + 20;
    while (!is_done(pair)) {
        struct pollfd descriptor = {.fd = manual != NULL ? peer_loop_fd(manual) : -1, .events = POLLIN};
        poll(&descriptor, 1, 5);
        if (manual != NULL)
            peer_loop_dispatch(manual);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end)
            return false;
    }
    return true;
}

void pair_close(pair_t *pair)
{
    for (int i = 0; i < 2; i++) {
        pair_side_t *side = &pair->sides[i];
        peer_data_channel_unref(side->channel);
        peer_connection_close(side->pc);
        peer_negotiator_unref(side->negotiator);
        peer_connection_unref(side->pc);
    }
}
