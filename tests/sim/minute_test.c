/* A minute of call without codecs: how long it takes is printed, not judged (timing belongs to the benchmarks). */
#include "sim.h"
#include "test.h"

#include <time.h>

TEST(a_virtual_minute_of_call_runs_through)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    sim_t *sim =
        sim_new(&(sim_options_t){.seed = 11, .link = {.delay_us = 25000, .jitter_us = 5000, .loss = 0.01}, .signaling_delay_us = 20000});
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(sim, i), true, true);
    sim_add_data(sim_peer(sim, 0), false, 500, 0);
    sim_run(sim, 61 * PEER_SECOND, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int i = 0; i < 2; i++) {
        CHECK(sim_peer(sim, i)->received.video_frames > 1650);
        CHECK_INT(sim_peer(sim, i)->received.video_bad, 0);
    }
    CHECK_INT(sim_peer(sim, 1)->received.messages, 500);
    test_note("%llu datagrams, %.3f s of real time", (unsigned long long)network_datagrams(sim_network(sim)),
              (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    sim_free(sim);
}
