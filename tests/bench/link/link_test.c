/* The emulated link in virtual time. */
#include "link.h"
#include "test.h"

#define MILLISECOND 1000

static link_pool_t pool;

static void push(link_t *link, int64_t now, size_t length)
{
    link_packet_t *packet = link_packet_new(&pool, length);
    CHECK(packet != NULL);
    link_push(link, now, packet);
}

/* Takes what has arrived by then; says how much. */
static unsigned drain(link_t *link, int64_t now)
{
    unsigned count = 0;
    for (link_packet_t *packet; (packet = link_pop(link, now)) != NULL; count++)
        link_packet_free(&pool, packet);
    return count;
}

TEST(a_packet_arrives_after_the_delay_and_not_before)
{
    link_t link;
    link_begin(&link, &pool, &(link_parameters_t){.delay_us = 25 * MILLISECOND}, 1);
    CHECK_INT(link_deadline(&link), INT64_MAX);
    push(&link, 100, 60);
    CHECK_INT(link_deadline(&link), 100 + 25 * MILLISECOND);
    CHECK_INT(drain(&link, 99 + 25 * MILLISECOND), 0);
    CHECK_INT(drain(&link, 100 + 25 * MILLISECOND), 1);
    link_end(&link);
}

TEST(the_line_sends_at_its_rate_and_the_queue_drops_its_tail)
{
    link_t link;
    link_begin(&link, &pool, &(link_parameters_t){.rate_bps = 8e6, .queue_us = 10 * MILLISECOND}, 1);
    for (int i = 0; i < 20; i++) /* each takes a millisecond; the twelfth would wait eleven */
        push(&link, 0, 1000);
    CHECK_INT(link.counts.dropped, 9);
    CHECK_INT(drain(&link, 5 * MILLISECOND), 5);
    push(&link, 5 * MILLISECOND, 1000);
    CHECK_INT(drain(&link, 12 * MILLISECOND), 7);
    CHECK_INT(link.counts.left, 12);
    CHECK_INT(link.counts.left_bytes, 12000);
    link_end(&link);
}

TEST(jitter_spreads_the_delay_and_keeps_the_order)
{
    link_t link;
    int64_t last = 0, least = INT64_MAX, most = 0;
    link_begin(&link, &pool, &(link_parameters_t){.delay_us = 10 * MILLISECOND, .jitter_us = 20 * MILLISECOND}, 3);
    for (int i = 0; i < 1000; i++) {
        int64_t sent = i * 100 * MILLISECOND;
        push(&link, sent, 100);
        int64_t due = link_deadline(&link);
        CHECK(due >= last);
        last = due;
        least = due - sent < least ? due - sent : least;
        most = due - sent > most ? due - sent : most;
        CHECK_INT(drain(&link, due), 1);
    }
    CHECK(least >= 10 * MILLISECOND && least < 11 * MILLISECOND);
    CHECK(most <= 30 * MILLISECOND && most > 29 * MILLISECOND);
    link_end(&link);
}

/* Sends many; gives the share that is lost and the mean run of losses. */
static double lose(uint64_t seed, double loss, double burst, double *run)
{
    link_t link;
    link_begin(&link, &pool, &(link_parameters_t){.loss = loss, .burst = burst}, seed);
    unsigned lost = 0, runs = 0;
    bool was_lost = false;
    for (int i = 0; i < 100000; i++) {
        push(&link, i, 100);
        bool is_lost = drain(&link, i) == 0;
        lost += is_lost;
        runs += is_lost && !was_lost;
        was_lost = is_lost;
    }
    CHECK_INT(link.counts.lost, lost);
    link_end(&link);
    *run = (double)lost / runs;
    return lost / 100000.0;
}

TEST(losses_are_as_many_as_said_singly_or_in_bursts)
{
    double run;
    double share = lose(1, 0.2, 1, &run);
    CHECK(share > 0.19 && share < 0.21);
    CHECK(run > 1.2 && run < 1.3); /* 1 / 0.8 */
    share = lose(1, 0.2, 5, &run);
    CHECK(share > 0.18 && share < 0.22);
    CHECK(run > 4.5 && run < 5.5);
}

TEST(a_seed_gives_the_same_losses_again_and_another_others)
{
    bool fates[3][200];
    static const uint64_t seeds[] = {7, 7, 8};
    for (int s = 0; s < 3; s++) {
        link_t link;
        link_begin(&link, &pool, &(link_parameters_t){.loss = 0.5}, seeds[s]);
        for (int i = 0; i < 200; i++) {
            push(&link, i, 100);
            fates[s][i] = drain(&link, i) == 0;
        }
        link_end(&link);
    }
    CHECK_BYTES(fates[0], fates[1], sizeof fates[0]);
    CHECK(memcmp(fates[0], fates[2], sizeof fates[0]) != 0);
}

TEST(what_is_under_way_is_released_at_the_end)
{
    link_t link;
    link_begin(&link, &pool, &(link_parameters_t){.delay_us = MILLISECOND}, 1);
    push(&link, 0, 100);
    push(&link, 0, 100);
    link_end(&link);
    CHECK_INT(link_deadline(&link), INT64_MAX);
}
