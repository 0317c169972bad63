/* A sender over a link, in virtual time: what arrives, how fast, and in which shares. */
#include "send_link.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t below(random_seeded_t *generator, uint32_t limit)
{
    return (uint32_t)(random_seeded_next(generator) % limit);
}

static send_link_config_t any_link(random_seeded_t *g, uint64_t seed)
{
    static const uint64_t rates[] = {0, 1000000, 10000000, 100000000};
    static const peer_time_t delays[] = {50, 500, 5000, 25000, 100000};
    send_link_config_t config = {.seed = seed};
    config.rate = rates[below(g, 4)];
    config.delay = delays[below(g, 5)];
    config.queue = below(g, 3) == 0 ? 0 : 20000 + below(g, 200000);
    config.loss = below(g, 3) == 0 ? 0 : below(g, 300) / 1000.0;
    config.acknowledgement_loss = below(g, 3) != 0 ? 0 : below(g, 300) / 1000.0;
    config.duplication = below(g, 3) != 0 ? 0 : 0.05;
    config.reordering = below(g, 3) != 0 ? 0 : 0.2;
    config.reordering_delay = (peer_time_t)below(g, 20000);
    config.acknowledgement_delay = below(g, 2) == 0 ? 20000 : 200000;
    config.window = below(g, 3) == 0 ? 3000 + below(g, 60000) : 1u << 20;
    config.gap_blocks = below(g, 3) == 0 ? 4 : 0;
    config.is_reneging = below(g, 5) == 0;
    config.mtu = 300 + below(g, 1200);
    config.is_interleaved = below(g, 2) == 0;
    config.has_no_forward = below(g, 4) == 0;
    return config;
}

static void one_seed(uint64_t seed)
{
    random_seeded_t g;
    random_seeded_init(&g, seed * 7919 + 1);
    send_link_config_t config = any_link(&g, seed);
    send_link_t *link = send_link_new(&config);
    size_t bytes = 0;
    for (unsigned i = 0; i < 40; i++) {
        sctp_message_info_t info = {.stream = (uint16_t)(below(&g, 6) * 9000), .payload_protocol = 51 + below(&g, 4)};
        info.is_unordered = below(&g, 3) == 0;
        size_t length = 4 * (1 + (below(&g, 3) == 0 ? below(&g, 5000) : below(&g, 80)));
        send_link_queue(link, &info, length);
        bytes += length;
        if (below(&g, 4) == 0)
            send_link_run(link, send_link_now(link) + (peer_time_t)below(&g, 100000));
        if (below(&g, 20) == 0)
            sctp_sender_set_mtu(send_link_sender(link), config.mtu - 4 * below(&g, 20));
        if (below(&g, 30) == 0)
            sctp_sender_on_new_path(send_link_sender(link), send_link_now(link));
    }
    if (!send_link_run(link, send_link_now(link) + 600 * PEER_SECOND))
        test_fail(__FILE__, __LINE__, "not all has arrived, seed %llu", (unsigned long long)seed);
    send_link_check(link, true);
    CHECK_INT(send_link_taken(link), bytes);
    CHECK_INT(sctp_sender_in_flight(send_link_sender(link)), 0);
    CHECK(sctp_sender_is_drained(send_link_sender(link), 9000));
    send_link_free(link);
}

TEST(what_is_reliable_arrives_once_whatever_the_link_does)
{
    const char *only = getenv("SEED");
    if (only != NULL) {
        one_seed(strtoull(only, NULL, 0));
        return;
    }
    for (uint64_t seed = 0; seed < 1000; seed++)
        one_seed(seed);
}

static double throughput(uint64_t rate, peer_time_t rtt, double loss, peer_time_t time, bool is_told)
{
    peer_time_t queue_time = rtt > 20000 ? rtt : 20000;
    send_link_config_t config = {.rate = rate,
                                 .delay = rtt / 2,
                                 .queue = (size_t)(rate / 8 * (uint64_t)queue_time / 1000000),
                                 .loss = loss,
                                 .acknowledgement_delay = 20000,
                                 .seed = 1};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t info = {.stream = 1, .payload_protocol = 53};
    send_link_feed(link, &info, 65536, 1u << 20);
    peer_time_t end = send_link_now(link) + time;
    send_link_run(link, end);
    double mbps = (double)send_link_received(link, 1) * 8 / (double)time;
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(send_link_sender(link), &stats);
    if (is_told)
        test_note("%4llu Mbit/s %5.1f ms %4.1f %%: %6.2f Mbit/s, %llu of %llu again, %llu timeouts, %llu spurious",
                  (unsigned long long)(rate / 1000000), (double)rtt / 1000, loss * 100, mbps,
                  (unsigned long long)stats.chunks_retransmitted, (unsigned long long)stats.chunks_sent, (unsigned long long)stats.timeouts,
                  (unsigned long long)stats.spurious);
    CHECK(loss > 0 || stats.timeouts == 0);
    send_link_free(link);
    return mbps;
}

TEST(a_link_is_filled_at_any_round_trip)
{
    static const peer_time_t rtts[] = {1000, 20000, 50000, 100000, 200000};
    static const double losses[] = {0, 0.001, 0.01};
    for (size_t l = 0; l < 3; l++)
        for (size_t r = 0; r < 5; r++) {
            double mbps = throughput(100000000, rtts[r], losses[l], 10 * PEER_SECOND, true);
            CHECK(l > 0 || mbps > 70);
            CHECK(mbps > 0.5);
        }
}

TEST(streams_share_by_weight)
{
    for (int is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        send_link_config_t config = {.rate = 20000000, .delay = 10000, .queue = 50000, .acknowledgement_delay = 20000, .seed = 3};
        config.is_interleaved = is_interleaved == 1;
        send_link_t *link = send_link_new(&config);
        static const uint16_t weights[] = {128, 256, 512, 1024};
        for (uint16_t i = 0; i < 4; i++) {
            CHECK(sctp_sender_set_weight(send_link_sender(link), i, weights[i]));
            sctp_message_info_t info = {.stream = i, .is_unordered = i == 2};
            send_link_feed(link, &info, 1000 + 3000u * i, 100000);
        }
        send_link_run(link, send_link_now(link) + 20 * PEER_SECOND);
        double total = 0;
        for (uint16_t i = 0; i < 4; i++)
            total += (double)send_link_received(link, i);
        CHECK(total > 20e6 / 8 * 20 * 0.8);
        for (uint16_t i = 0; i < 4; i++) {
            double share = (double)send_link_received(link, i) / total, due = weights[i] / 1920.0;
            if (share < due * 0.95 || share > due * 1.05)
                test_fail(__FILE__, __LINE__, "stream %d has %.3f instead of %.3f", i, share, due);
        }
        send_link_free(link);
    }
}

TEST(a_small_message_overtakes_a_large_one_when_interleaved)
{
    send_link_config_t config = {
        .rate = 10000000, .delay = 10000, .queue = 30000, .is_interleaved = true, .seed = 4, .acknowledgement_delay = 20000};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t large = {.stream = 1}, small = {.stream = 2};
    send_link_queue(link, &large, 900000);
    send_link_run(link, send_link_now(link) + 200000);
    uint32_t number = send_link_queue(link, &small, 100);
    send_link_run(link, send_link_now(link) + 100000);
    CHECK_INT(send_link_message(link, number)->received, 100);
    CHECK(sctp_sender_queued(send_link_sender(link), 1) > 0);
    CHECK(send_link_run(link, send_link_now(link) + 10 * PEER_SECOND));
    send_link_check(link, true);
    send_link_free(link);
}

TEST(thousands_of_streams_are_served)
{
    send_link_config_t config = {.delay = 1000, .seed = 5, .acknowledgement_delay = 20000, .is_interleaved = true};
    send_link_t *link = send_link_new(&config);
    for (uint32_t i = 0; i < 10000; i++) {
        sctp_message_info_t info = {.stream = (uint16_t)(i * 6)};
        send_link_queue(link, &info, 20);
    }
    CHECK(send_link_run(link, send_link_now(link) + 10 * PEER_SECOND));
    send_link_check(link, true);
    send_link_free(link);
}

TEST(a_lost_tail_costs_round_trips_and_no_timeout)
{
    send_link_config_t config = {.rate = 100000000, .delay = 25000, .seed = 6, .acknowledgement_delay = 20000};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t info = {.stream = 1};
    send_link_queue(link, &info, 20000);
    CHECK(send_link_run(link, send_link_now(link) + 10 * PEER_SECOND));
    peer_time_t start = send_link_now(link);
    send_link_set_loss(link, 1, 0);
    uint32_t number = send_link_queue(link, &info, 5000);
    send_link_run(link, start + 10000);
    send_link_set_loss(link, 0, 0);
    CHECK(!send_link_run(link, start + 10000));
    CHECK(send_link_run(link, start + 10 * PEER_SECOND));
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(send_link_sender(link), &stats);
    CHECK_INT(stats.timeouts, 0);
    CHECK(send_link_message(link, number)->last_sent - start < 4 * 50000);
    send_link_check(link, true);
    send_link_free(link);
}

TEST(a_longer_path_than_before_makes_no_storm_of_timeouts)
{
    send_link_config_t config = {.rate = 10000000, .delay = 10000, .queue = 60000, .seed = 7, .acknowledgement_delay = 20000};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t info = {.stream = 1};
    send_link_feed(link, &info, 10000, 100000);
    send_link_run(link, send_link_now(link) + 3 * PEER_SECOND);
    send_link_set_delay(link, 300000);
    send_link_run(link, send_link_now(link) + 3 * PEER_SECOND);
    uint64_t before = send_link_received(link, 1);
    send_link_run(link, send_link_now(link) + 10 * PEER_SECOND);
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(send_link_sender(link), &stats);
    CHECK(send_link_received(link, 1) - before > 10000000 / 8 * 10 / 4);
    CHECK(stats.timeouts <= 2);
    CHECK(stats.spurious >= stats.timeouts);
    send_link_free(link);
}

TEST(fragments_for_a_larger_path_go_alone_once_it_is_gone)
{
    send_link_config_t config = {.rate = 10000000, .delay = 10000, .mtu = 9000, .seed = 8, .acknowledgement_delay = 20000};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t info = {.stream = 1};
    send_link_set_loss(link, 1, 0);
    send_link_queue(link, &info, 60000);
    send_link_run(link, send_link_now(link) + 50000);
    send_link_set_loss(link, 0, 0);
    sctp_sender_set_mtu(send_link_sender(link), 1200);
    sctp_sender_on_new_path(send_link_sender(link), send_link_now(link));
    CHECK(sctp_sender_needed_room(send_link_sender(link)) > 1200);
    send_link_queue(link, &info, 5000);
    CHECK(send_link_run(link, send_link_now(link) + 10 * PEER_SECOND));
    send_link_check(link, true);
    send_link_free(link);
}
