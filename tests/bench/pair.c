/* Two connections of one process, signaling by plain calls. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_SECONDS 30

static void pass_candidates(side_t *side)
{
    for (size_t i = 0; i < side->candidate_count; i++) {
        peer_connection_add_ice_candidate(side->other->pc, side->candidates[i]);
        peer_ice_candidate_unref(side->candidates[i]);
    }
    side->candidate_count = 0;
}

static void on_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user)
{
    side_t *side = user;
    (void)pc;
    if (candidate == NULL)
        return;
    pthread_mutex_lock(&side->pair->mutex);
    if (side->candidate_count < PAIR_CANDIDATES_MAX)
        side->candidates[side->candidate_count++] = peer_ice_candidate_ref((peer_ice_candidate_t *)(uintptr_t)candidate);
    if (side->other->has_description)
        pass_candidates(side);
    pthread_mutex_unlock(&side->pair->mutex);
}

static void set(side_t *side, bool *flag)
{
    pthread_mutex_lock(&side->pair->mutex);
    *flag = true;
    pthread_cond_broadcast(&side->pair->changed);
    pthread_mutex_unlock(&side->pair->mutex);
}

static void on_connection_state_change(peer_connection_t *pc, int32_t state, void *user)
{
    side_t *side = user;
    (void)pc;
    if (state == PEER_CONNECTION_CONNECTED)
        set(side, &side->is_connected);
    else if (state == PEER_CONNECTION_FAILED)
        set(side, &side->pair->has_failed);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    side_t *side = user;
    (void)pc;
    set(side, &side->is_closed);
}

static void on_open(peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    (void)channel;
    set(side, &side->is_open);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    side_t *side = user;
    (void)channel;
    (void)is_text;
    if (side->on_message != NULL)
        side->on_message(side, data, length);
}

static void on_buffered_amount_low(peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    (void)channel;
    if (side->on_low != NULL)
        side->on_low(side);
}

static const peer_data_channel_events_t channel_events = {
    .on_open = on_open, .on_message = on_message, .on_buffered_amount_low = on_buffered_amount_low};

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    (void)pc;
    side->channel = peer_data_channel_ref(channel);
    peer_data_channel_set_events(channel, &channel_events, side);
    if (peer_data_channel_ready_state(channel) == PEER_DATA_CHANNEL_OPEN)
        set(side, &side->is_open);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    side_t *side = user;
    (void)pc;
    if (side->on_track != NULL)
        side->on_track(side, event->track);
}

static bool start_side(side_t *side, side_t *other, pair_t *pair, peer_loop_t *loop, const bench_options_t *options)
{
    static const peer_connection_events_t events = {.on_ice_candidate = on_ice_candidate,
                                                    .on_connection_state_change = on_connection_state_change,
                                                    .on_track = on_track,
                                                    .on_data_channel = on_data_channel,
                                                    .on_closed = on_closed};
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = loop;
    configuration.mtu = options->datagram;
    side->pair = pair;
    side->other = other;
    side->pc = peer_connection_new(&configuration, &events, side);
    return side->pc != NULL;
}

/* Sets what `from` says on both sides. */
static bool give_description(side_t *from, side_t *to)
{
    if (peer_connection_set_local_description(from->pc, NULL) < 0)
        return false;
    peer_description_t *description = peer_connection_local_description(from->pc);
    int error = peer_connection_set_remote_description(to->pc, description);
    peer_description_unref(description);
    if (error < 0)
        return false;
    pthread_mutex_lock(&to->pair->mutex);
    to->has_description = true;
    pass_candidates(from);
    pthread_mutex_unlock(&to->pair->mutex);
    return true;
}

pair_t *pair_new(const bench_options_t *options, peer_track_t *track, void (*on_remote_track)(side_t *side, peer_track_t *track))
{
    pair_t *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pair->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&pair->mutex, NULL);
    pair->answerer.on_track = on_remote_track;
    peer_loop_t *loop = options->loops == 2 ? peer_loop_new(PEER_LOOP_THREAD) : NULL;
    bool is_made = start_side(&pair->offerer, &pair->answerer, pair, NULL, options) &&
                   start_side(&pair->answerer, &pair->offerer, pair, loop, options);
    peer_loop_unref(loop);
    if (!is_made || (track != NULL && peer_connection_add_track(pair->offerer.pc, track, NULL, 0, NULL) < 0) ||
        peer_connection_create_data_channel(pair->offerer.pc, "bench", NULL, &channel_events, &pair->offerer, &pair->offerer.channel) < 0 ||
        !give_description(&pair->offerer, &pair->answerer) || !give_description(&pair->answerer, &pair->offerer)) {
        pair_free(pair);
        return NULL;
    }
    return pair;
}

static bool wait_for_both(pair_t *pair, const bool *first, const bool *second)
{
    struct timespec until;
    int error = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&pair->mutex);
    while (!(*first && *second) && !pair->has_failed && error == 0)
        error = pthread_cond_timedwait(&pair->changed, &pair->mutex, &until);
    bool is_done = *first && *second;
    pthread_mutex_unlock(&pair->mutex);
    return is_done;
}

bool pair_wait_connected(pair_t *pair)
{
    return wait_for_both(pair, &pair->offerer.is_connected, &pair->answerer.is_connected);
}

bool pair_wait_open(pair_t *pair)
{
    return wait_for_both(pair, &pair->offerer.is_open, &pair->answerer.is_open);
}

static void end_side(side_t *side)
{
    peer_data_channel_unref(side->channel);
    peer_connection_unref(side->pc);
    for (size_t i = 0; i < side->candidate_count; i++)
        peer_ice_candidate_unref(side->candidates[i]);
}

void pair_free(pair_t *pair)
{
    if (pair == NULL)
        return;
    side_t *sides[] = {&pair->offerer, &pair->answerer};
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->pc != NULL)
            peer_connection_close(sides[i]->pc);
        else
            sides[i]->is_closed = true;
    }
    pair->has_failed = false;
    wait_for_both(pair, &pair->offerer.is_closed, &pair->answerer.is_closed);
    end_side(&pair->offerer);
    end_side(&pair->answerer);
    pthread_cond_destroy(&pair->changed);
    pthread_mutex_destroy(&pair->mutex);
    free(pair);
}
