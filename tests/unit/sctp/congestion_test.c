#include "sctp/congestion.h"
#include "test.h"

#define MTU 1170
#define MS PEER_MILLISECOND

/* One round trip with the window full and `packets` acknowledged at once each time. */
static peer_time_t round_trip(congestion_t *congestion, peer_time_t now, peer_time_t rtt, size_t packets)
{
    uint64_t in_flight = 0;
    while (congestion_room(congestion, in_flight) >= MTU) {
        congestion_on_sent(congestion, now, MTU, in_flight, false);
        in_flight += MTU;
    }
    while (in_flight > 0) {
        uint64_t bytes = in_flight < packets * MTU ? in_flight : packets * MTU;
        congestion_on_acknowledged(congestion, now + rtt, bytes, in_flight, rtt);
        in_flight -= bytes;
    }
    return now + rtt;
}

TEST(the_first_window_is_that_of_tcp_whatever_the_packets_size)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    CHECK_INT(congestion_room(&congestion, 0), 14480); /* RFC 6928 */
    congestion_set_mtu(&congestion, 8900);
    CHECK_INT(congestion_room(&congestion, 0), 17800);
    congestion_set_mtu(&congestion, MTU);
    CHECK_INT(congestion_room(&congestion, 0), 17800);
    CHECK_INT(congestion_room(&congestion, 20000), 0);
}

TEST(slow_start_doubles_also_when_acknowledgements_are_rare)
{
    for (size_t packets = 1; packets <= 64; packets *= 8) {
        congestion_t congestion;
        congestion_init(&congestion, MTU);
        peer_time_t now = PEER_SECOND;
        for (int i = 0; i < 6; i++)
            now = round_trip(&congestion, now, 50 * MS, packets);
        CHECK(congestion.window >= 14480u * 55 && congestion.window <= 14480u * 64);
    }
}

/* A round trip over a bottleneck: what exceeds `held` bytes queues up, acknowledgements come at its rate. */
static peer_time_t round_trip_through(congestion_t *congestion, peer_time_t now, peer_time_t rtt, uint64_t held)
{
    uint64_t in_flight = 0, sent;
    while (congestion_room(congestion, in_flight) >= MTU) {
        congestion_on_sent(congestion, now, MTU, in_flight, false);
        in_flight += MTU;
    }
    sent = in_flight;
    peer_time_t arrival = now + rtt;
    for (uint64_t done = MTU; in_flight > 0; done += MTU) {
        /* they left paced, over half the round trip, and leave the bottleneck when that lets them */
        peer_time_t left = now + (peer_time_t)(done * (uint64_t)rtt / 2 / sent), passed = now + (peer_time_t)(done * (uint64_t)rtt / held);
        arrival = (left > passed ? left : passed) + rtt;
        congestion_on_acknowledged(congestion, arrival, MTU, in_flight, arrival - left);
        in_flight -= MTU;
    }
    return arrival;
}

TEST(slow_start_ends_where_the_path_is_full_and_the_queue_is_not)
{
    for (peer_time_t rtt = 20 * MS; rtt <= 200 * MS; rtt *= 10) {
        congestion_t congestion;
        congestion_init(&congestion, MTU);
        uint64_t held = 1000000;
        peer_time_t now = PEER_SECOND;
        for (int i = 0; i < 20 && congestion.threshold == UINT64_MAX; i++)
            now = round_trip_through(&congestion, now, rtt, held);
        CHECK(congestion.threshold >= held * 9 / 10 && congestion.threshold <= held * 15 / 10);
        for (int i = 0; i < 3; i++)
            now = round_trip_through(&congestion, now, rtt, held);
        CHECK(congestion.window >= held * 9 / 10 && congestion.window <= held * 19 / 10);
    }
}

TEST(a_delay_all_through_a_round_ends_slow_start)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 6; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    uint64_t before = congestion.window;
    now = round_trip(&congestion, now, 60 * MS, 2);
    CHECK(congestion.threshold != UINT64_MAX);
    now = round_trip(&congestion, now, 60 * MS, 2);
    CHECK(congestion.window > before && congestion.window < before * 15 / 10);
}

TEST(a_single_delay_does_not_end_slow_start_for_good)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 6; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    now = round_trip(&congestion, now, 60 * MS, 2);
    CHECK(congestion.threshold != UINT64_MAX);
    uint64_t before = congestion.window;
    for (int i = 0; i < 3; i++)
        now = round_trip(&congestion, now, 51 * MS, 2);
    CHECK(congestion.window > before * 13 / 10); /* by a quarter a round trip at least */
    for (int i = 0; i < 5; i++)
        now = round_trip(&congestion, now, 51 * MS, 2);
    CHECK(congestion.threshold == UINT64_MAX);
}

/* Slow start to about `window`, and a loss there. */
static peer_time_t lose_at(congestion_t *congestion, uint64_t window, peer_time_t rtt)
{
    congestion_init(congestion, MTU);
    peer_time_t now = PEER_SECOND;
    do
        now = round_trip(congestion, now, rtt, 2);
    while (congestion->window < window);
    /* the queue was full: at the time of the loss packets were late */
    congestion_on_acknowledged(congestion, now, 0, congestion->window, 2 * rtt);
    congestion_on_loss(congestion, now, congestion->window);
    return now;
}

TEST(a_loss_reduces_to_seven_tenths_and_the_window_comes_back_along_the_cubic_curve)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    uint64_t before = congestion.past.window;
    CHECK_INT(congestion.window, (uint64_t)((double)before * 0.7));
    congestion_on_recovered(&congestion, now);
    peer_time_t begin = now;
    /* RFC 9438 §4.2: K = cbrt(W_max (1 - β) / C) */
    double segments = (double)before / 1448;
    double k = 0;
    while (k * k * k * 0.4 < segments * 0.3)
        k += 0.001;
    uint64_t at_half = 0;
    while (now < begin + (peer_time_t)(k * 1e6)) {
        now = round_trip(&congestion, now, 50 * MS, 2);
        if (at_half == 0 && now >= begin + (peer_time_t)(k * 5e5))
            at_half = congestion.window;
    }
    /* Half way in time, 7/8 of the way in bytes are done. */
    CHECK(at_half > before * 95 / 100 && at_half < before * 98 / 100);
    CHECK(congestion.window > before * 99 / 100 && congestion.window < before * 101 / 100);
}

TEST(a_loss_without_any_queue_is_the_links_and_reduces_less)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 6; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    uint64_t before = congestion.window;
    congestion_on_loss(&congestion, now, before);
    CHECK_INT(congestion.window, (uint64_t)((double)before * 0.85));
    congestion_on_recovered(&congestion, now);
    now = round_trip(&congestion, now, 55 * MS, 2);
    before = congestion.window;
    congestion_on_loss(&congestion, now, before);
    CHECK_INT(congestion.window, (uint64_t)((double)before * 0.7));
}

TEST(the_first_loss_without_any_queue_does_not_end_the_search)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 3; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    congestion_on_loss(&congestion, now, congestion.window);
    congestion_on_recovered(&congestion, now);
    uint64_t window = congestion.window;
    for (int i = 0; i < 3; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    CHECK(congestion.window > window * 18 / 10); /* by a quarter each */
    congestion_on_loss(&congestion, now, congestion.window);
    congestion_on_recovered(&congestion, now);
    window = congestion.window;
    for (int i = 0; i < 3; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    CHECK(congestion.window < window * 13 / 10);
}

TEST(small_windows_grow_as_reno_does)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 14480, 10 * MS);
    congestion_on_recovered(&congestion, now);
    uint64_t window = congestion.window;
    for (int i = 0; i < 100; i++)
        now = round_trip(&congestion, now, 10 * MS, 2);
    /* 0.53 segments a round trip, where the curve alone would give 0.4 (1 s)³ = 0.4 in all */
    CHECK(congestion.window > window + 45 * 1448 && congestion.window < window + 60 * 1448);
}

TEST(a_second_loss_before_the_last_maximum_makes_room_for_others)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    double first = congestion.last_maximum;
    congestion_on_recovered(&congestion, now);
    now = round_trip(&congestion, now, 50 * MS, 2);
    uint64_t window = congestion.window;
    congestion_on_acknowledged(&congestion, now, 0, window, 100 * MS);
    congestion_on_loss(&congestion, now, window);
    CHECK((double)window < first * 1448);
    CHECK(congestion.last_maximum < (double)window / 1448 * 0.86); /* RFC 9438 §4.7 */
}

TEST(recovery_sends_in_proportion_to_what_arrives)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 200000, 50 * MS);
    uint64_t in_flight = congestion.past.window / MTU * MTU, sent = 0, delivered = 0;
    uint64_t first = in_flight;
    CHECK_INT(congestion_room(&congestion, in_flight), MTU); /* the first retransmission always */
    in_flight -= MTU;                                        /* the lost one */
    while (delivered + MTU < first - MTU) {
        congestion_on_acknowledged(&congestion, now, MTU, in_flight, 0);
        delivered += MTU;
        in_flight -= MTU;
        while (congestion_room(&congestion, in_flight) >= MTU) {
            congestion_on_sent(&congestion, now, MTU, in_flight, false);
            in_flight += MTU;
            sent += MTU;
        }
        CHECK((double)sent <= (double)delivered * 0.72 + 2 * MTU);
    }
    CHECK(in_flight + 3 * MTU > congestion.threshold && in_flight <= congestion.threshold + MTU);
}

TEST(after_the_loss_of_most_of_the_window_recovery_sends_little_more_than_arrives)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 200000, 50 * MS);
    uint64_t in_flight = 20 * MTU, sent = 0, delivered = 0;
    for (int i = 0; i < 20; i++) {
        congestion_on_acknowledged(&congestion, now, MTU, in_flight, 0);
        delivered += MTU;
        in_flight -= MTU;
        while (congestion_room(&congestion, in_flight) >= MTU) {
            congestion_on_sent(&congestion, now, MTU, in_flight, false);
            in_flight += MTU;
            sent += MTU;
        }
        CHECK(sent <= 2 * delivered + MTU);
    }
    CHECK(sent > delivered);
}

TEST(a_timeout_starts_again_from_one_segment_and_more_of_them_take_nothing_more)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    congestion_on_recovered(&congestion, now);
    uint64_t window = congestion.window;
    congestion_on_timeout(&congestion, now + PEER_SECOND, window);
    CHECK_INT(congestion.window, 1448);
    uint64_t threshold = congestion.threshold;
    CHECK(threshold >= (uint64_t)((double)window * 0.7) && threshold < window);
    congestion_on_timeout(&congestion, now + 3 * PEER_SECOND, 0);
    CHECK_INT(congestion.threshold, threshold);
    now += 3 * PEER_SECOND;
    for (int i = 0; i < 14; i++)
        now = round_trip(&congestion, now, 50 * MS, 2);
    CHECK(congestion.window >= threshold);
}

TEST(what_was_no_loss_is_undone)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    uint64_t window = congestion.past.window;
    congestion_undo(&congestion);
    CHECK_INT(congestion.window, window);
    CHECK(congestion.threshold == UINT64_MAX);
    CHECK_INT(congestion_room(&congestion, 0), window);
    congestion_undo(&congestion); /* once only */
    congestion_on_timeout(&congestion, now, window);
    congestion_undo(&congestion);
    CHECK_INT(congestion.window, window);
}

TEST(a_window_that_the_application_does_not_use_does_not_grow)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 1000; i++) {
        congestion_on_sent(&congestion, now, MTU, 0, true);
        now += 50 * MS;
        congestion_on_acknowledged(&congestion, now, MTU, MTU, 50 * MS);
    }
    CHECK_INT(congestion.window, 14480);
    now = lose_at(&congestion, 1000000, 50 * MS);
    congestion_on_recovered(&congestion, now);
    uint64_t window = congestion.window;
    for (int i = 0; i < 1000; i++) {
        congestion_on_sent(&congestion, now, MTU, 0, true);
        now += 50 * MS;
        congestion_on_acknowledged(&congestion, now, MTU, MTU, 50 * MS);
    }
    CHECK(congestion.window < window + 5 * 1448);
    now = round_trip(&congestion, now, 50 * MS, 2); /* and the curve did not run away meanwhile */
    now = round_trip(&congestion, now, 50 * MS, 2);
    CHECK(congestion.window < window * 12 / 10);
}

TEST(after_a_pause_the_window_is_halved_for_each_timeout_down_to_the_first_one)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    congestion_on_recovered(&congestion, now);
    uint64_t window = congestion.window;
    congestion_on_idle(&congestion, now, 10 * MS);
    CHECK_INT(congestion.window, window);
    congestion_on_idle(&congestion, now, 450 * MS);
    CHECK_INT(congestion.window, window / 4);
    CHECK(congestion.threshold >= window / 4 * 3);
    congestion_on_idle(&congestion, now, 60 * PEER_SECOND);
    CHECK_INT(congestion.window, 14480);
}

TEST(packets_leave_in_bursts_at_the_paced_rate)
{
    congestion_t congestion;
    peer_time_t now = lose_at(&congestion, 1000000, 50 * MS);
    congestion_on_recovered(&congestion, now);
    double rate = (double)congestion_rate(&congestion), truth = 1.2 * (double)congestion.window / ((double)congestion.smoothed_rtt * 1e-6);
    CHECK(rate > truth * 0.99 && rate < truth * 1.01);
    peer_time_t begin = now;
    uint64_t sent = 0, burst = 0, most = 0;
    while (now < begin + PEER_SECOND) {
        peer_time_t release = congestion_release_time(&congestion, now);
        if (release > now) {
            now = release;
            burst = 0;
        }
        congestion_on_sent(&congestion, now, MTU, 0, false);
        sent += MTU;
        burst += MTU;
        if (now > begin) /* the first one may make up for a late timer */
            most = burst > most ? burst : most;
    }
    CHECK((double)sent > rate * 0.98 && (double)sent < rate * 1.02);
    CHECK(most <= 65536 + MTU && (double)most >= rate / 1100);
}

TEST(a_path_without_delay_is_not_paced)
{
    congestion_t congestion;
    congestion_init(&congestion, MTU);
    peer_time_t now = PEER_SECOND;
    for (int i = 0; i < 20; i++) {
        CHECK_INT(congestion_rate(&congestion), 0);
        CHECK_INT(congestion_release_time(&congestion, now), now);
        now = round_trip(&congestion, now, i == 0 ? 100 : 3 * MS, 2); /* later the queue in this host adds to it */
    }
}
