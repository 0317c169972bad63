/* What the laboratory found, kept: throughput, shares and recovery in virtual time, where they can be asserted. */
#include "sctp_flow.h"
#include "tcp_flow.h"
#include "test.h"

#define MS PEER_MILLISECOND

static trial_t trial;

static trial_path_t path_of(double mbps, peer_time_t rtt, double loss)
{
    return (trial_path_t){.rate_bps = mbps * 1e6, .rtt = rtt, .loss = loss};
}

static trial_flow_t *begin_ours(const trial_path_t *path, uint64_t seed)
{
    trial_begin(&trial, path, seed);
    trial_flow_t *flow = sctp_flow_new(&(sctp_flow_options_t){.seed = seed});
    trial_add(&trial, flow, 0);
    return flow;
}

static double ours_alone(const trial_path_t *path, uint64_t seed, unsigned seconds)
{
    trial_flow_t *flow = begin_ours(path, seed);
    trial_run(&trial, seconds * PEER_SECOND);
    double mbps = trial_mbps(flow, 0, seconds);
    trial_end(&trial);
    return mbps;
}

static double tcp_alone(const trial_path_t *path, uint64_t seed, unsigned seconds)
{
    trial_begin(&trial, path, seed);
    trial_flow_t *flow = tcp_flow_new(0);
    trial_add(&trial, flow, 0);
    trial_run(&trial, seconds * PEER_SECOND);
    double mbps = trial_mbps(flow, 0, seconds);
    trial_end(&trial);
    return mbps;
}

/* Ours, of both, over as many trials in which TCP comes first as last. */
static double share(const trial_path_t *path, unsigned seeds, unsigned seconds)
{
    double ours = 0, both = 0;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        trial_begin(&trial, path, seed);
        trial_flow_t *a = sctp_flow_new(&(sctp_flow_options_t){.seed = seed}), *b = tcp_flow_new(0);
        trial_add(&trial, a, seed % 2 ? PEER_SECOND : 0);
        trial_add(&trial, b, seed % 2 ? 0 : PEER_SECOND);
        trial_run(&trial, seconds * PEER_SECOND);
        ours += trial_mbps(a, seconds / 6, seconds);
        both += trial_mbps(a, seconds / 6, seconds) + trial_mbps(b, seconds / 6, seconds);
        trial_end(&trial);
    }
    return ours / both;
}

TEST(the_model_of_tcp_does_as_linux_was_measured_to_do)
{
    /* 100 Mbit/s, 20 s, a queue of the longer of 20 ms and the round trip */
    static const struct {
        peer_time_t rtt;
        double mbps;
    } measured[] = {{1, 96.5}, {20, 96.1}, {50, 95.2}, {100, 93.0}, {200, 89.3}};
    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++) {
        trial_path_t path = path_of(100, measured[i].rtt * MS, 0);
        double mbps = tcp_alone(&path, 1, 20);
        CHECK(mbps > measured[i].mbps - 1 && mbps < measured[i].mbps + 1);
    }
    double mbps = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        trial_path_t path = path_of(100, 50 * MS, 0.01);
        mbps += tcp_alone(&path, seed, 20) / 10;
    }
    CHECK(mbps > 2.7 && mbps < 3.6); /* 3.0 to 3.5 */
}

TEST(nothing_is_slower_than_nine_tenths_of_tcp)
{
    static const double rates[] = {10, 100}, losses[] = {0, 0.001, 0.01};
    static const peer_time_t rtts[] = {1, 20, 50, 100, 200};
    for (size_t i = 0; i < 30; i++) {
        trial_path_t path = path_of(rates[i / 15], rtts[i % 5] * MS, losses[i / 5 % 3]);
        unsigned seeds = path.loss > 0 ? 5 : 1;
        double ours = 0, tcp = 0;
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            ours += ours_alone(&path, seed, 10);
            tcp += tcp_alone(&path, seed, 10);
        }
        test_note("%3.0f Mbit/s %3lld ms %.1f %%: %.2f, TCP %.2f Mbit/s", rates[i / 15], (long long)rtts[i % 5], path.loss * 100,
                  ours / seeds, tcp / seeds);
        CHECK(ours > 0.9 * tcp);
    }
}

TEST(a_long_path_is_filled)
{
    trial_path_t path = path_of(100, 100 * MS, 0);
    CHECK(ours_alone(&path, 1, 20) > 88);
    path = path_of(100, 200 * MS, 0);
    CHECK(ours_alone(&path, 1, 20) > 84);
}

TEST(tcp_in_the_same_queue_gets_its_share)
{
    static const struct {
        double mbps;
        peer_time_t rtt;
        double loss;
    } paths[] = {{10, 1, 0}, {10, 20, 0}, {10, 50, 0}, {10, 100, 0.001}, {20, 20, 0}, {20, 50, 0}, {20, 20, 0.01}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        trial_path_t path = path_of(paths[i].mbps, paths[i].rtt * MS, paths[i].loss);
        double ours = share(&path, 4, 60);
        test_note("%.0f Mbit/s %lld ms %.1f %%: %.2f", paths[i].mbps, (long long)paths[i].rtt, paths[i].loss * 100, ours);
        CHECK(ours > 0.4 && ours < 0.6);
    }
}

TEST(slow_start_does_not_overflow_the_queue)
{
    for (peer_time_t rtt = 20; rtt <= 200; rtt *= 10) {
        trial_path_t path = path_of(200, rtt * MS, 0);
        trial_flow_t *flow = begin_ours(&path, 1);
        peer_time_t until = 20 * rtt * MS;
        trial_run(&trial, until);
        uint64_t capacity = (uint64_t)(path.rate_bps / 8 * (double)rtt / 1000);
        CHECK(trial.line[1].counts.dropped * 1500 < capacity / 20);
        CHECK(flow->received > capacity * 5);
        trial_end(&trial);
    }
}

TEST(a_path_that_drops_to_a_tenth_is_followed_at_once)
{
    trial_path_t path = path_of(100, 100 * MS, 0);
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 6 * PEER_SECOND);
    uint64_t dropped = trial.line[1].counts.dropped;
    path.rate_bps = 10e6;
    trial_set_path(&trial, &path);
    trial_run(&trial, 14 * PEER_SECOND);
    CHECK(trial_mbps(flow, 7, 14) > 8.9);
    /* what is in flight beyond the new path's size is lost, and little of it twice */
    CHECK(trial.line[1].counts.dropped - dropped < 2200);
    path.rate_bps = 100e6;
    trial_set_path(&trial, &path);
    trial_run(&trial, 26 * PEER_SECOND);
    CHECK(trial_mbps(flow, 24, 26) > 60);
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    CHECK_INT(stats.timeouts, 0);
    CHECK(stats.chunks_retransmitted <= trial.line[1].counts.dropped);
    trial_end(&trial);
}

TEST(more_holes_than_a_report_has_room_for_are_filled_once_each)
{
    trial_path_t path = path_of(200, 100 * MS, 0);
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 4 * PEER_SECOND);
    path.loss = 0.3;
    trial_set_path(&trial, &path);
    trial_run(&trial, 4 * PEER_SECOND + 100 * MS);
    path.loss = 0;
    trial_set_path(&trial, &path);
    trial_run(&trial, 7 * PEER_SECOND);
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    uint64_t gone = trial.line[1].counts.dropped + trial.line[1].counts.lost;
    CHECK(trial.line[1].counts.lost > 400);
    CHECK(stats.chunks_retransmitted < gone + gone / 10);
    CHECK_INT(stats.timeouts, 0);
    CHECK(trial_mbps(flow, 0, 7) > 120);
    trial_end(&trial);
}

TEST(reordering_is_no_loss)
{
    static const peer_time_t behind[] = {2, 5, 30};
    for (size_t i = 0; i < 3; i++) {
        trial_path_t path = path_of(100, 50 * MS, 0);
        path.reordering = 0.01;
        path.behind = behind[i] * MS;
        CHECK(ours_alone(&path, 1, 10) > 85);
    }
}

TEST(after_an_outage_the_path_is_in_use_again_within_a_second)
{
    trial_path_t path = path_of(50, 50 * MS, 0);
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 4 * PEER_SECOND);
    path.loss = 1;
    trial_set_path(&trial, &path);
    trial_run(&trial, 7 * PEER_SECOND);
    path.loss = 0;
    trial_set_path(&trial, &path);
    trial_run(&trial, 14 * PEER_SECOND);
    CHECK(trial_mbps(flow, 9, 14) > 40);
    CHECK(!sctp_flow_is_lost(flow));
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    CHECK(stats.mtu > 1400); /* an outage is no black hole for long */
    trial_end(&trial);
}

TEST(another_path_is_learned_from_its_beginning)
{
    trial_path_t path = path_of(50, 20 * MS, 0);
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 4 * PEER_SECOND);
    path.rtt = 200 * MS;
    trial_set_path(&trial, &path);
    sctp_flow_move(flow, &trial);
    trial_run(&trial, 10 * PEER_SECOND);
    CHECK(trial_mbps(flow, 6, 10) > 40);
    path.rtt = 20 * MS;
    trial_set_path(&trial, &path);
    sctp_flow_move(flow, &trial);
    trial_run(&trial, 16 * PEER_SECOND);
    CHECK(trial_mbps(flow, 12, 16) > 40);
    trial_end(&trial);
}

TEST(a_route_that_carries_less_is_noticed_and_its_size_found)
{
    trial_path_t path = path_of(100, 50 * MS, 0);
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 3 * PEER_SECOND);
    path.mtu = 1300;
    trial_set_path(&trial, &path);
    trial_run(&trial, 10 * PEER_SECOND);
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    CHECK(stats.mtu <= 1300 - SCTP_FLOW_OVERHEAD && stats.mtu >= 1300 - SCTP_FLOW_OVERHEAD - 6);
    CHECK(trial_mbps(flow, 6, 10) > 80);
    trial_end(&trial);
}

TEST(jumbo_frames_are_used)
{
    trial_path_t path = path_of(200, 20 * MS, 0);
    path.mtu = 9000;
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 5 * PEER_SECOND);
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    CHECK(stats.mtu > 8900);
    CHECK(trial_mbps(flow, 1, 5) > 194);
    trial_end(&trial);
}

TEST(a_queue_of_two_seconds_is_survived)
{
    trial_path_t path = path_of(10, 50 * MS, 0);
    path.queue = 2 * PEER_SECOND;
    trial_flow_t *flow = begin_ours(&path, 1);
    trial_run(&trial, 60 * PEER_SECOND);
    sctp_association_stats_t stats;
    sctp_flow_stats_get(flow, &stats);
    CHECK_INT(stats.timeouts, 0);
    CHECK(trial_mbps(flow, 0, 60) > 9);
    CHECK(stats.chunks_retransmitted <= trial.line[1].counts.dropped + 5);
    trial_end(&trial);
}

TEST(hosts_that_look_rarely_lose_nothing_by_it)
{
    trial_path_t path = path_of(100, 50 * MS, 0);
    path.batch = 5 * MS;
    CHECK(ours_alone(&path, 1, 10) > 88);
    path.rtt = 20 * MS;
    CHECK(ours_alone(&path, 1, 10) > 88);
}
