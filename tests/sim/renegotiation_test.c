/* A connection that is renegotiated again and again: what was is given back, and the order of what is told is W3C's. */
#include "sim.h"

#include "base/memory.h"
#include "jsep/jsep.h"
#include "test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 10000
#define SETTLED 1100 /* rounds after which nothing may grow any more: the receiving SRTP session remembers 1,024 SSRCs against replay */

static sim_t *open_sim(void)
{
    return sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = 100}, .signaling_delay_us = 100});
}

static bool is_settled(sim_t *sim)
{
    for (int i = 0; i < 2; i++) {
        const connection_t *connection = sim_peer(sim, i)->connection;
        if (connection_signaling_state(connection) != CONNECTION_STABLE || connection_is_negotiation_needed(connection))
            return false;
    }
    return true;
}

static transceiver_t *last_of(const sim_peer_t *peer)
{
    size_t count = connection_transceiver_count(peer->connection);
    return count > 0 ? connection_transceiver(peer->connection, count - 1) : NULL;
}

static bool is_sending(sim_t *sim)
{
    transceiver_t *transceiver = last_of(sim_peer(sim, 0));
    return is_settled(sim) && transceiver != NULL && transceiver_current_direction(transceiver) == CONNECTION_SENDONLY;
}

static bool is_gone(sim_t *sim)
{
    return is_settled(sim) && connection_transceiver_count(sim_peer(sim, 0)->connection) == 1 &&
           connection_transceiver_count(sim_peer(sim, 1)->connection) == 1;
}

static size_t bytes_in_use(void)
{
    return mallinfo2().uordblks;
}

static void one_round(sim_t *sim, int round)
{
    sim_peer_t *a = sim_peer(sim, 0);
    transceiver_t *transceiver;
    char stream[32];
    snprintf(stream, sizeof stream, "stream-%d", round);
    connection_transceiver_init_t init = {
        .direction = CONNECTION_SENDONLY, .track_id = "track", .stream_ids = &(const char *){stream}, .stream_count = 1};
    CHECK_INT(connection_add_transceiver(a->connection, sim_now(sim), CONNECTION_AUDIO, &init, &transceiver), 0);
    CHECK(sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, is_sending));
    uint8_t frame[40] = {0xf8};
    connection_frame_t sent = {.data = frame, .length = sizeof frame, .timestamp_us = sim_now(sim), .duration_us = 20000};
    CHECK_INT(transceiver_send_frame(transceiver, sim_now(sim), &sent), 0);
    CHECK_INT(transceiver_stop(transceiver, sim_now(sim)), 0);
    CHECK(sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, is_gone));
}

TEST(ten_thousand_tracks_added_and_stopped_leave_nothing_behind)
{
    sim_t *sim = open_sim();
    size_t settled = 0;
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 5 * PEER_SECOND, sim_is_connected));
    for (int i = 0; i < ROUNDS; i++) {
        one_round(sim, i);
        if (i == SETTLED)
            settled = bytes_in_use();
    }
    size_t end = bytes_in_use();
    test_note("%zu bytes in use after %d rounds, %zu after %d", settled, SETTLED, end, ROUNDS);
    CHECK(end < settled + 65536);
    char *sdp;
    connection_sdp_type_t type;
    CHECK_INT(connection_local_description(sim_peer(sim, 0)->connection, &type, &sdp), 1);
    test_note("the description has %zu bytes", strlen(sdp));
    CHECK(strlen(sdp) < 16384);
    memory_free(sdp);
    sim_free(sim);
}
