#include "pair.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What every callback does first and last. */
static void begin(pair_side_t *side)
{
    if (atomic_load(&side->is_done_with))
        atomic_fetch_add(&side->late, 1);
}

static void end(pair_side_t *side, pair_callback_t kind, void *object)
{
    if (side->on_callback != NULL)
        side->on_callback(side, kind, object);
}

/* ---- signaling: what one negotiator sends, the other receives, on the loop of the sender ---- */

static void send_to_other(peer_negotiator_t *negotiator, const char *json, void *user)
{
    pair_side_t *side = user;
    pair_side_t *other = &side->pair->sides[1 - side->index];
    begin(side);
    pthread_mutex_lock(&other->lock);
    peer_negotiator_t *receiver = other->negotiator != NULL ? peer_negotiator_ref(other->negotiator) : NULL;
    pthread_mutex_unlock(&other->lock);
    if (receiver != NULL && peer_negotiator_receive(receiver, json, strlen(json)) < 0 && !atomic_load(&other->is_done_with)) {
        atomic_fetch_add(&other->refused, 1);
        if (!other->is_expecting_refusals || getenv("PAIR_VERBOSE") != NULL)
            fprintf(stderr, "# refused: %s: %.300s\n", peer_last_error_message(), json);
    }
    peer_negotiator_unref(receiver);
    end(side, PAIR_SEND, NULL);
}

/* ---- events of the connection ---- */

static void on_negotiation_needed(peer_connection_t *pc, void *user)
{
    begin(user);
    end(user, PAIR_NEGOTIATION_NEEDED, NULL);
}

static void on_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user)
{
    begin(user);
    end(user, PAIR_ICE_CANDIDATE, NULL);
}

static void on_signaling_state(peer_connection_t *pc, int32_t state, void *user)
{
    begin(user);
    end(user, PAIR_SIGNALING_STATE, NULL);
}

static void on_ice_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    begin(user);
    end(user, PAIR_ICE_CONNECTION_STATE, NULL);
}

static void on_ice_gathering_state(peer_connection_t *pc, int32_t state, void *user)
{
    begin(user);
    end(user, PAIR_ICE_GATHERING_STATE, NULL);
}

static void on_state(peer_connection_t *pc, int32_t state, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_store(&side->state, state);
    end(side, PAIR_CONNECTION_STATE, NULL);
}

/* ---- tracks ---- */

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->video_frames, 1);
    if (side->on_video != NULL)
        side->on_video(side, track, frame);
    end(side, PAIR_VIDEO_FRAME, track);
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->audio_frames, 1);
    if (side->on_audio != NULL)
        side->on_audio(side, track, frame);
    end(side, PAIR_AUDIO_FRAME, track);
}

static void on_encoded_frame(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->encoded_frames, 1);
    if (side->on_encoded != NULL)
        side->on_encoded(side, track, frame);
    end(side, PAIR_ENCODED_FRAME, track);
}

static void on_rtp(peer_track_t *track, const void *packet, size_t length, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->rtp_packets, 1);
    if (side->on_rtp != NULL)
        side->on_rtp(side, track, packet, length);
    end(side, PAIR_RTP, track);
}

static void on_unmute(peer_track_t *track, void *user)
{
    begin(user);
    end(user, PAIR_UNMUTE, track);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    pair_side_t *side = user;
    peer_track_sink_t sink;
    begin(side);
    atomic_fetch_add(&side->tracks, 1);
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video_frame;
    sink.on_audio_frame = on_audio_frame;
    sink.on_encoded_frame = on_encoded_frame;
    sink.on_rtp = on_rtp;
    sink.on_unmute = on_unmute;
    peer_track_remove_sink(event->track, side); /* the same track may come again after a change of direction */
    peer_track_add_sink(event->track, &sink, side);
    end(side, PAIR_TRACK, (void *)event);
}

/* ---- channels ---- */

static void on_open(peer_data_channel_t *channel, void *user)
{
    begin(user);
    end(user, PAIR_CHANNEL_OPEN, channel);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->messages, 1);
    atomic_fetch_add(&side->bytes, length);
    if (side->on_message != NULL)
        side->on_message(side, channel, data, length, is_text);
    end(side, PAIR_CHANNEL_MESSAGE, channel);
}

static void on_buffered_amount_low(peer_data_channel_t *channel, void *user)
{
    begin(user);
    end(user, PAIR_CHANNEL_BUFFERED_AMOUNT_LOW, channel);
}

static void on_closing(peer_data_channel_t *channel, void *user)
{
    begin(user);
    end(user, PAIR_CHANNEL_CLOSING, channel);
}

static void on_channel_close(peer_data_channel_t *channel, void *user)
{
    pair_side_t *side = user;
    begin(side);
    atomic_fetch_add(&side->channels_closed, 1);
    end(side, PAIR_CHANNEL_CLOSE, channel);
}

static const peer_data_channel_events_t channel_events = {.on_open = on_open,
                                                          .on_message = on_message,
                                                          .on_buffered_amount_low = on_buffered_amount_low,
                                                          .on_closing = on_closing,
                                                          .on_close = on_channel_close};

void pair_watch_channel(pair_side_t *side, peer_data_channel_t *channel)
{
    peer_data_channel_set_events(channel, &channel_events, side);
}

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    pair_side_t *side = user;
    begin(side);
    pair_watch_channel(side, channel);
    pthread_mutex_lock(&side->lock);
    if (side->channel == NULL && side->pc != NULL)
        side->channel = peer_data_channel_ref(channel);
    pthread_mutex_unlock(&side->lock);
    atomic_fetch_add(&side->channels, 1);
    end(side, PAIR_DATA_CHANNEL, channel);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    pair_side_t *side = user;
    atomic_store(&side->is_done_with, true);
    atomic_fetch_add(&side->closed, 1);
}

static const peer_connection_events_t connection_events = {.on_negotiation_needed = on_negotiation_needed,
                                                           .on_ice_candidate = on_ice_candidate,
                                                           .on_signaling_state_change = on_signaling_state,
                                                           .on_ice_connection_state_change = on_ice_connection_state,
                                                           .on_ice_gathering_state_change = on_ice_gathering_state,
                                                           .on_connection_state_change = on_state,
                                                           .on_track = on_track,
                                                           .on_data_channel = on_data_channel,
                                                           .on_closed = on_closed};

/* ---- life ---- */

void pair_open_configured(pair_t *pair, const peer_configuration_t *first, const peer_configuration_t *second)
{
    static const peer_negotiator_events_t negotiator_events = {.send = send_to_other};
    memset(pair, 0, sizeof *pair);
    for (int i = 0; i < 2; i++) {
        pair_side_t *side = &pair->sides[i];
        side->pair = pair;
        side->index = i;
        pthread_mutex_init(&side->lock, NULL);
        side->pc = peer_connection_new(i == 0 ? first : second, &connection_events, side);
        if (side->pc == NULL) {
            fprintf(stderr, "no connection: %s\n", peer_last_error_message());
            abort();
        }
    }
    for (int i = 0; i < 2; i++)
        pair->sides[i].negotiator = peer_negotiator_new(pair->sides[i].pc, i, &negotiator_events, &pair->sides[i]);
}

void pair_open(pair_t *pair, peer_loop_t *first, peer_loop_t *second)
{
    peer_configuration_t configurations[2];
    for (int i = 0; i < 2; i++) {
        peer_configuration_init(&configurations[i], sizeof configurations[i]);
        configurations[i].loop = i == 0 ? first : second;
        configurations[i].loopback_policy = PEER_LOOPBACK_ALWAYS;
    }
    pair_open_configured(pair, &configurations[0], &configurations[1]);
}

peer_connection_t *pair_take_connection(pair_side_t *side)
{
    pthread_mutex_lock(&side->lock);
    peer_connection_t *pc = side->pc != NULL ? peer_connection_ref(side->pc) : NULL;
    pthread_mutex_unlock(&side->lock);
    return pc;
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
    peer_connection_t *pc = pair_take_connection(side);
    for (size_t i = 0; i < peer_stream_track_count(stream); i++)
        if (pc != NULL && peer_connection_add_track(pc, peer_stream_track(stream, i), &stream, 1, NULL) < 0 &&
            peer_connection_signaling_state(pc) != PEER_SIGNALING_CLOSED)
            abort();
    peer_connection_unref(pc);
    peer_stream_unref(stream);
}

peer_track_t *pair_add_track(pair_side_t *side, int32_t kind, peer_sender_t **sender)
{
    peer_track_t *track;
    if (peer_track_new(kind, "written by the test", &track) < 0 || peer_connection_add_track(side->pc, track, NULL, 0, sender) < 0)
        abort();
    return track;
}

void pair_add_channel(pair_side_t *side, const char *label)
{
    peer_connection_t *pc = pair_take_connection(side);
    peer_data_channel_t *channel = NULL;
    if (pc != NULL && peer_connection_create_data_channel(pc, label, NULL, &channel_events, side, &channel) < 0 &&
        peer_connection_signaling_state(pc) != PEER_SIGNALING_CLOSED)
        abort();
    pthread_mutex_lock(&side->lock);
    if (side->pc != NULL && side->channel == NULL) {
        side->channel = channel;
        channel = NULL;
    }
    pthread_mutex_unlock(&side->lock);
    peer_data_channel_unref(channel);
    peer_connection_unref(pc);
}

bool pair_wait(pair_t *pair, bool (*is_done)(pair_t *pair), peer_loop_t *manual)
{
    const char *patience = getenv("PAIR_PATIENCE");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t end_of_patience = now.tv_sec + (patience != NULL ? atoi(patience) : 60);
    while (!is_done(pair)) {
        struct pollfd descriptor = {.fd = manual != NULL ? peer_loop_fd(manual) : -1, .events = POLLIN};
        poll(&descriptor, 1, 2);
        if (manual != NULL)
            peer_loop_dispatch(manual);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end_of_patience)
            return false;
    }
    return true;
}

void pair_close_side(pair_side_t *side, bool is_inside_callback)
{
    pthread_mutex_lock(&side->lock);
    peer_connection_t *pc = side->pc;
    peer_negotiator_t *negotiator = side->negotiator;
    peer_data_channel_t *channel = side->channel;
    side->pc = NULL;
    side->negotiator = NULL;
    side->channel = NULL;
    pthread_mutex_unlock(&side->lock);
    if (pc == NULL)
        return;
    peer_connection_close(pc);
    if (is_inside_callback)
        atomic_store(&side->is_done_with, true);
    peer_data_channel_unref(channel);
    peer_negotiator_unref(negotiator);
    peer_connection_unref(pc);
}

void pair_close(pair_t *pair)
{
    for (int i = 0; i < 2; i++)
        pair_close_side(&pair->sides[i], false);
}

bool pair_is_closed(pair_t *pair)
{
    return pair->sides[0].closed > 0 && pair->sides[1].closed > 0;
}

bool pair_is_connected(pair_t *pair)
{
    return pair->sides[0].state == PEER_CONNECTION_CONNECTED && pair->sides[1].state == PEER_CONNECTION_CONNECTED;
}

bool pair_end(pair_t *pair, peer_loop_t *manual)
{
    pair_close(pair);
    bool is_closed = pair_wait(pair, pair_is_closed, manual);
    return is_closed && pair->sides[0].closed == 1 && pair->sides[1].closed == 1 && pair->sides[0].late == 0 && pair->sides[1].late == 0;
}
