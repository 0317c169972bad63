/* Connections with nothing to say: what each holds, and how little it does. */
#include "sim.h"

#include "test.h"

#include <malloc.h>
#include <stdlib.h>

#define PAIRS 20
/* Bytes of a connected side: ICE, DTLS, SCTP, descriptions and one data channel; the simulator's own are among them. */
#define SIDE_MAX (80u * 1024)
#define QUIET_AFTER (10 * PEER_SECOND) /* by then all that a handshake needed has been given back */

/* Of the sanitizers' allocators, where there is one. */
__attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes(void);

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static sim_t *connect_with_data(uint64_t seed)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = seed, .link = {.delay_us = 10 * PEER_MILLISECOND}});
    sim_add_data(sim_peer(sim, 0), false, 1, 100);
    CHECK(sim_run(sim, 5 * PEER_SECOND, sim_is_connected));
    sim_run(sim, QUIET_AFTER, NULL);
    CHECK_INT(sim_peer(sim, 1)->received.messages, 1);
    return sim;
}

TEST(an_idle_side_holds_little)
{
    sim_t *sims[PAIRS];
    sim_free(connect_with_data(1)); /* what a process pays once */
    size_t before = allocated();
    for (uint64_t i = 0; i < PAIRS; i++)
        sims[i] = connect_with_data(i + 2);
    size_t side = (allocated() - before) / (2 * PAIRS);
    test_note("%zu bytes a side, the simulator's own among them", side);
    CHECK(side > 0 && side < SIDE_MAX);
    for (size_t i = 0; i < PAIRS; i++)
        sim_free(sims[i]);
}

/* RFC 7675 §5.1: a request in 4 to 6 s, and an answer to each of the peer's; and whatever SCTP asks now and then. */
TEST(an_idle_side_sends_little_more_than_consent_requests)
{
    sim_t *sim = connect_with_data(100);
    ice_pair_stats_t before, after;
    CHECK(sim_selected(sim_peer(sim, 0), &before));
    sim_run(sim, QUIET_AFTER + 60 * PEER_SECOND, NULL);
    CHECK(sim_selected(sim_peer(sim, 0), &after));
    uint64_t requests = after.consent_requests_sent - before.consent_requests_sent;
    uint64_t others = after.packets_sent - before.packets_sent;
    test_note("%u consent requests and %u packets in a minute", (unsigned)requests, (unsigned)others);
    CHECK(requests >= 10 && requests <= 18);
    CHECK(others <= 12);
    sim_free(sim);
}
