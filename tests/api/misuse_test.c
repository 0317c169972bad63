/* What an application may do at the edges: last references, structs that were not filled, errors in what comes over the signaling channel.
 */
#include "test.h"

#include <peer/peer.h>

#include <poll.h>

typedef struct seen {
    bool is_in_call;
    int closed, errors, errors_in_call;
} seen_t;

static void on_closed(peer_connection_t *pc, void *user)
{
    seen_t *seen = user;
    seen->closed++;
    /* As a wrapper object of another language does, for whom the handle it is given is as good as any. */
    for (int i = 0; i < 3; i++)
        peer_connection_unref(peer_connection_ref(pc));
    peer_connection_ref(pc);
    CHECK_INT(peer_connection_connection_state(pc), PEER_CONNECTION_CLOSED);
    peer_connection_unref(pc);
}

static void on_send(peer_negotiator_t *negotiator, const char *json, void *user)
{
    (void)negotiator;
    (void)json;
    (void)user;
}

static void on_error(peer_negotiator_t *negotiator, int32_t error, const char *message, void *user)
{
    seen_t *seen = user;
    CHECK(error < 0 && *message != '\0');
    seen->errors++;
    seen->errors_in_call += seen->is_in_call;
    peer_negotiator_unref(peer_negotiator_ref(negotiator));
}

static void dispatch(peer_loop_t *loop)
{
    for (int i = 0; i < 100; i++) {
        struct pollfd wait = {.fd = peer_loop_fd(loop), .events = POLLIN};
        poll(&wait, 1, 1);
        CHECK_INT(peer_loop_dispatch(loop), 0);
    }
}

static peer_connection_t *new_connection(peer_loop_t *loop, seen_t *seen)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = loop;
    peer_connection_t *pc = peer_connection_new(&configuration, &(peer_connection_events_t){.on_closed = on_closed}, seen);
    CHECK(pc != NULL);
    return pc;
}

TEST(references_may_be_taken_and_given_back_in_the_last_event)
{
    seen_t seen = {0};
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_connection_t *pc = new_connection(loop, &seen);
    peer_connection_unref(pc);
    dispatch(loop);
    CHECK_INT(seen.closed, 1);
    peer_loop_unref(loop);
}

TEST(structs_that_were_not_filled_are_refused_rather_than_ignored)
{
    seen_t seen = {0};
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_connection_t *pc = new_connection(loop, &seen);
    peer_transceiver_t *transceivers[1];
    peer_transceiver_init_t init = {.direction = PEER_DIRECTION_RECVONLY};
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_VIDEO, &init, NULL), PEER_ERROR_TYPE);
    peer_data_channel_init_t channel_init = {.negotiated = 1, .id = 3};
    CHECK_INT(peer_connection_create_data_channel(pc, "x", &channel_init, NULL, NULL, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_connection_transceivers(pc, transceivers, 1), 0);
    peer_configuration_t configuration = {.mtu = 1200};
    CHECK(peer_connection_new(&configuration, NULL, NULL) == NULL);
    peer_certificate_t *nothing = NULL;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.certificates = &nothing;
    configuration.certificate_count = 1;
    CHECK(peer_connection_new(&configuration, NULL, NULL) == NULL);
    peer_connection_unref(pc);
    dispatch(loop);
    peer_loop_unref(loop);
}

TEST(what_a_negotiator_refuses_is_told_by_the_loop_and_not_inside_the_call)
{
    static const char *const messages[] = {"",
                                           "[]",
                                           "{\"x\":1}",
                                           "{\"description\":null}",
                                           "{\"description\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}",
                                           "{\"description\":{\"type\":\"offer\",\"sdp\":\"nonsense\"}}",
                                           "{\"candidate\":{\"candidate\":\"nonsense\",\"sdpMid\":\"0\"}}"};
    seen_t seen = {0};
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_connection_t *pc = new_connection(loop, &seen);
    peer_negotiator_t *negotiator = peer_negotiator_new(pc, 1, &(peer_negotiator_events_t){.send = on_send, .on_error = on_error}, &seen);
    CHECK(negotiator != NULL);
    int count = (int)(sizeof messages / sizeof *messages);
    for (int i = 0; i < count; i++) {
        seen.is_in_call = true;
        CHECK(peer_negotiator_receive(negotiator, messages[i], strlen(messages[i])) < 0);
        seen.is_in_call = false;
    }
    CHECK_INT(peer_connection_signaling_state(pc), PEER_SIGNALING_STABLE);
    dispatch(loop);
    CHECK_INT(seen.errors, count);
    CHECK_INT(seen.errors_in_call, 0);
    CHECK(peer_negotiator_receive(negotiator, "", 0) < 0);
    peer_negotiator_unref(negotiator); /* nothing is told any more */
    peer_connection_unref(pc);
    dispatch(loop);
    CHECK_INT(seen.errors, count);
    CHECK_INT(seen.closed, 1);
    peer_loop_unref(loop);
}
