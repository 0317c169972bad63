/* A connection whose peer is another one in the middle of it, or that loses all it carried and begins again: through the public interface.
 */
#include "test.h"
#include <peer/peer.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 60000
#define ENDS 3

typedef struct end {
    peer_connection_t *pc;
    struct end *other; /* who gets the candidates */
    peer_data_channel_t *channel;
    char heard[64];
    int closed, frames;
} end_t;

static end_t ends[ENDS];
static peer_loop_t *loop;

static void on_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user)
{
    end_t *end = user;
    if (end->other != NULL && end->other->pc != NULL)
        peer_connection_add_ice_candidate(end->other->pc, candidate); /* those of a description that was not set yet are in it */
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    end_t *end = user;
    snprintf(end->heard, sizeof end->heard, "%.*s", (int)length, (const char *)data);
}

static void on_channel_close(peer_data_channel_t *channel, void *user)
{
    ((end_t *)user)->closed++;
}

static const peer_data_channel_events_t channel_events = {.on_message = on_message, .on_close = on_channel_close};

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    end_t *end = user;
    peer_data_channel_set_events(channel, &channel_events, end);
    peer_data_channel_unref(end->channel);
    end->channel = peer_data_channel_ref(channel);
}

static void on_video(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    ((end_t *)user)->frames++;
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video;
    peer_track_add_sink(event->track, &sink, user);
}

static void open_ends(void)
{
    static const peer_connection_events_t events = {
        .on_ice_candidate = on_ice_candidate, .on_data_channel = on_data_channel, .on_track = on_track};
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    loop = peer_loop_new(PEER_LOOP_MANUAL);
    configuration.loop = loop;
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    memset(ends, 0, sizeof ends);
    for (int i = 0; i < ENDS; i++)
        CHECK((ends[i].pc = peer_connection_new(&configuration, &events, &ends[i])) != NULL);
}

static void close_ends(void)
{
    for (int i = 0; i < ENDS; i++) {
        peer_data_channel_unref(ends[i].channel);
        peer_connection_unref(ends[i].pc);
        ends[i].pc = NULL;
    }
    for (int i = 0; i < 10; i++)
        peer_loop_dispatch(loop);
    peer_loop_unref(loop);
}

static bool wait_until(bool (*is_done)(void))
{
    struct pollfd fd = {.fd = peer_loop_fd(loop), .events = POLLIN};
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        if (is_done())
            return true;
        poll(&fd, 1, 5);
        peer_loop_dispatch(loop);
    }
    return false;
}

static void set(end_t *end, peer_description_t *description)
{
    int error = peer_connection_set_remote_description(end->pc, description);
    if (error < 0)
        test_fail(__FILE__, __LINE__, "%s", peer_last_error_message());
    peer_description_unref(description);
}

static void negotiate(end_t *offerer, end_t *answerer)
{
    offerer->other = answerer;
    answerer->other = offerer;
    CHECK_INT(peer_connection_set_local_description(offerer->pc, NULL), 0);
    set(answerer, peer_connection_local_description(offerer->pc));
    CHECK_INT(peer_connection_set_local_description(answerer->pc, NULL), 0);
    set(offerer, peer_connection_local_description(answerer->pc));
}

static void open_channel(end_t *end)
{
    peer_data_channel_unref(end->channel);
    CHECK_INT(peer_connection_create_data_channel(end->pc, "c", NULL, &channel_events, end, &end->channel), 0);
}

static bool is_open(const end_t *end)
{
    return end->channel != NULL && peer_data_channel_ready_state(end->channel) == PEER_DATA_CHANNEL_OPEN;
}

static bool are_first_two_open(void)
{
    return is_open(&ends[0]) && is_open(&ends[1]);
}

static bool are_outer_two_open(void)
{
    return is_open(&ends[0]) && is_open(&ends[2]);
}

static bool has_third_heard(void)
{
    return strcmp(ends[2].heard, "hello, third") == 0;
}

TEST(a_call_is_handed_over_to_another_peer_by_its_answer)
{
    open_ends();
    open_channel(&ends[0]);
    negotiate(&ends[0], &ends[1]);
    CHECK(wait_until(are_first_two_open));
    peer_data_channel_t *old = peer_data_channel_ref(ends[0].channel);
    /* The second one sends it on: the same offer as ever, which a third one answers. */
    negotiate(&ends[0], &ends[2]);
    CHECK_INT(peer_data_channel_ready_state(old), PEER_DATA_CHANNEL_CLOSED);
    open_channel(&ends[0]);
    CHECK(wait_until(are_outer_two_open));
    CHECK_INT(ends[0].closed, 1);
    CHECK_INT(peer_data_channel_send(ends[0].channel, "hello, third", 12, 1), 0);
    CHECK(wait_until(has_third_heard));
    CHECK_TEXT(ends[1].heard, "");
    peer_data_channel_unref(old);
    close_ends();
}

static bool has_second_heard(void)
{
    return strcmp(ends[1].heard, "still there") == 0;
}

/* A rollback takes all of it back, also what the answer would have begun anew. */
TEST(a_stranger_s_offer_that_is_rolled_back_leaves_the_call_as_it_is)
{
    open_ends();
    open_channel(&ends[0]);
    negotiate(&ends[0], &ends[1]);
    CHECK(wait_until(are_first_two_open));
    open_channel(&ends[2]);
    CHECK_INT(peer_connection_set_local_description(ends[2].pc, NULL), 0);
    set(&ends[0], peer_connection_local_description(ends[2].pc));
    peer_description_t *rollback;
    CHECK_INT(peer_description_new(PEER_SDP_ROLLBACK, "", &rollback), 0);
    set(&ends[0], rollback);
    CHECK(is_open(&ends[0]));
    negotiate(&ends[1], &ends[0]);
    CHECK(is_open(&ends[0]));
    CHECK_INT(peer_data_channel_send(ends[0].channel, "still there", 11, 1), 0);
    CHECK(wait_until(has_second_heard));
    CHECK_INT(ends[0].closed, 0);
    close_ends();
}

static peer_track_t *open_track(void)
{
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.video = 1;
    constraints.width = 160;
    constraints.height = 120;
    peer_stream_t *stream;
    CHECK_INT(peer_get_user_media(&constraints, &stream), 0);
    peer_track_t *track = peer_track_ref(peer_stream_track(stream, 0));
    peer_stream_unref(stream);
    return track;
}

static bool has_second_seen(void)
{
    return ends[1].frames >= 3;
}

static bool has_first_seen(void)
{
    return ends[0].frames >= 3;
}

static bool is_first_new(void)
{
    return peer_connection_connection_state(ends[0].pc) == PEER_CONNECTION_NEW &&
           peer_connection_ice_gathering_state(ends[0].pc) == PEER_ICE_GATHERING_NEW;
}

TEST(a_connection_that_lost_every_line_is_new_again_and_carries_what_comes_next)
{
    open_ends();
    peer_track_t *track = open_track();
    peer_sender_t *sender;
    CHECK_INT(peer_connection_add_track(ends[0].pc, track, NULL, 0, &sender), 0);
    negotiate(&ends[0], &ends[1]);
    CHECK(wait_until(has_second_seen));
    CHECK_INT(peer_transceiver_stop(peer_sender_transceiver(sender)), 0);
    negotiate(&ends[0], &ends[1]);
    CHECK(wait_until(is_first_new));
    peer_sender_unref(sender);
    CHECK_INT(peer_connection_add_track(ends[1].pc, track, NULL, 0, &sender), 0); /* from the other side */
    negotiate(&ends[1], &ends[0]);
    CHECK(wait_until(has_first_seen));
    CHECK_INT(peer_connection_connection_state(ends[0].pc), PEER_CONNECTION_CONNECTED);
    peer_sender_unref(sender);
    peer_track_stop(track);
    peer_track_unref(track);
    close_ends();
}
