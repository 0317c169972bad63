/* Media that come before the answer which agrees to them (RFC 9429 §4.1.9, §5.9). */
#include "sim.h"

#include "base/memory.h"
#include "media/media.h"
#include "rtp/rtp.h"
#include "test.h"

#include <string.h>

#define A 0
#define B 1

typedef struct early {
    sim_t *sim;
    transceiver_t *watched; /* A's */
    unsigned frames, unmuted, muted;
} early_t;

static void on_event(void *user, sim_peer_t *peer, const connection_event_t *event)
{
    early_t *early = user;
    if (peer->index != A || event->transceiver != early->watched || early->watched == NULL)
        return;
    early->frames += event->type == CONNECTION_EVENT_FRAME;
    early->unmuted += event->type == CONNECTION_EVENT_TRACK_UNMUTED;
    early->muted += event->type == CONNECTION_EVENT_TRACK_MUTED;
}

static connection_t *side(const early_t *early, int index)
{
    return sim_peer(early->sim, index)->connection;
}

static char *describe(early_t *early, int index)
{
    connection_sdp_type_t type;
    char *sdp;
    CHECK_INT(connection_set_local_description_implicitly(side(early, index), sim_now(early->sim)), 0);
    sim_run(early->sim, sim_now(early->sim) + PEER_SECOND, NULL);
    CHECK(connection_local_description(side(early, index), &type, &sdp) > 0);
    return sdp;
}

static void give(early_t *early, int index, connection_sdp_type_t type, const char *sdp)
{
    CHECK_INT(connection_set_remote_description(side(early, index), sim_now(early->sim), type, sdp), 0);
}

static transceiver_t *add(early_t *early, int index, connection_direction_t direction)
{
    transceiver_t *transceiver;
    connection_transceiver_init_t init = {.direction = direction, .track_id = "track"};
    CHECK_INT(connection_add_transceiver(side(early, index), sim_now(early->sim), CONNECTION_VIDEO, &init, &transceiver), 0);
    return transceiver;
}

/* Key frames for a while, as they need nothing before them. */
static void send(early_t *early, transceiver_t *transceiver, peer_time_t duration)
{
    static const uint8_t key[16] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 80, 0, 60, 0};
    for (peer_time_t end = sim_now(early->sim) + duration; sim_now(early->sim) < end;) {
        connection_frame_t frame = {.data = key, .length = sizeof key, .timestamp_us = sim_now(early->sim), .is_key = true};
        CHECK_INT(transceiver_send_frame(transceiver, sim_now(early->sim), &frame), 0);
        sim_run(early->sim, sim_now(early->sim) + 40 * PEER_MILLISECOND, NULL);
    }
}

/* Two that are connected, with one line of video that A sends. */
static void open_early(early_t *early)
{
    memset(early, 0, sizeof *early);
    early->sim = sim_new(&(sim_options_t){.seed = 3,
                                          .link = {.delay_us = 10000},
                                          .signaling_delay_us = 1000,
                                          .is_manual = true,
                                          .on_event = on_event,
                                          .on_event_user = early});
    add(early, A, CONNECTION_SENDONLY);
    char *offer = describe(early, A);
    give(early, B, CONNECTION_OFFER, offer);
    char *answer = describe(early, B);
    give(early, A, CONNECTION_ANSWER, answer);
    CHECK(sim_run(early->sim, sim_now(early->sim) + 20 * PEER_SECOND, sim_is_connected));
    memory_free(offer);
    memory_free(answer);
}

/* B agrees to A's offer and sends at once; the answer is on its way. */
static transceiver_t *answer_and_send(early_t *early, const char *offer, size_t index, char **answer)
{
    give(early, B, CONNECTION_OFFER, offer);
    transceiver_t *theirs = connection_transceiver(side(early, B), index);
    CHECK_INT(transceiver_set_direction(theirs, sim_now(early->sim), CONNECTION_SENDONLY), 0);
    *answer = describe(early, B);
    send(early, theirs, PEER_SECOND);
    return theirs;
}

TEST(media_of_a_new_line_that_overtake_the_answer_are_received)
{
    early_t early;
    char *answer;
    open_early(&early);
    early.watched = add(&early, A, CONNECTION_RECVONLY);
    char *offer = describe(&early, A);
    transceiver_t *theirs = answer_and_send(&early, offer, 1, &answer);
    CHECK(early.frames > 15);
    CHECK_INT(early.unmuted, 1);
    unsigned before = early.frames;
    give(&early, A, CONNECTION_ANSWER, answer);
    send(&early, theirs, PEER_SECOND);
    CHECK(early.frames > before + 20); /* the same stream goes on */
    CHECK_INT(early.unmuted, 1);
    memory_free(offer);
    memory_free(answer);
    sim_free(early.sim);
}

TEST(media_of_a_line_whose_direction_the_offer_widens_are_received_before_the_answer)
{
    early_t early;
    char *answer;
    open_early(&early);
    early.watched = connection_transceiver(side(&early, A), 0);
    CHECK_INT(transceiver_set_direction(early.watched, sim_now(early.sim), CONNECTION_SENDRECV), 0);
    char *offer = describe(&early, A);
    answer_and_send(&early, offer, 0, &answer);
    CHECK(early.frames > 15);
    memory_free(offer);
    memory_free(answer);
    sim_free(early.sim);
}

TEST(after_a_rollback_early_media_are_received_no_more)
{
    early_t early;
    char *answer;
    open_early(&early);
    early.watched = connection_transceiver(side(&early, A), 0);
    CHECK_INT(transceiver_set_direction(early.watched, sim_now(early.sim), CONNECTION_SENDRECV), 0);
    char *offer = describe(&early, A);
    transceiver_t *theirs = answer_and_send(&early, offer, 0, &answer);
    CHECK(early.frames > 15);
    CHECK_INT(connection_set_local_description(side(&early, A), sim_now(early.sim), CONNECTION_ROLLBACK, NULL), 0);
    sim_run(early.sim, sim_now(early.sim) + 100 * PEER_MILLISECOND, NULL);
    early.frames = 0;
    send(&early, theirs, PEER_SECOND);
    CHECK_INT(early.frames, 0);
    memory_free(offer);
    memory_free(answer);
    sim_free(early.sim);
}

TEST(parameters_given_out_before_an_offer_of_ours_can_still_be_set)
{
    early_t early;
    open_early(&early);
    transceiver_t *ours = connection_transceiver(side(&early, A), 0);
    uint32_t generation = transceiver_parameters_generation(ours);
    CHECK_INT(transceiver_set_direction(ours, sim_now(early.sim), CONNECTION_SENDRECV), 0);
    memory_free(describe(&early, A));
    CHECK_INT(transceiver_parameters_generation(ours), generation);
    sim_free(early.sim);
}
