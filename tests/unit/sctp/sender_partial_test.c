/* Partial reliability (RFC 3758, RFC 7496): promises of count and age, and that nobody waits for what was given up. */
#include "send_link.h"
#include "test.h"

#include <stdlib.h>

static uint32_t below(random_seeded_t *generator, uint32_t limit)
{
    return (uint32_t)(random_seeded_next(generator) % limit);
}

static send_link_config_t lossy(random_seeded_t *g, uint64_t seed)
{
    send_link_config_t config = {.seed = seed, .delay = 100 + below(g, 60000), .acknowledgement_delay = 20000, .mtu = 400 + below(g, 800)};
    config.rate = below(g, 2) == 0 ? 0 : 500000 + below(g, 5000000);
    config.queue = 30000;
    config.loss = 0.02 + below(g, 300) / 1000.0;
    config.acknowledgement_loss = below(g, 2) == 0 ? 0 : 0.1;
    config.reordering = below(g, 3) != 0 ? 0 : 0.1;
    config.reordering_delay = 10000;
    config.is_interleaved = below(g, 2) == 0;
    return config;
}

static void one_seed(uint64_t seed)
{
    random_seeded_t g;
    random_seeded_init(&g, seed * 104729 + 3);
    send_link_config_t config = lossy(&g, seed);
    send_link_t *link = send_link_new(&config);
    size_t bytes = 0;
    uint32_t count = 60;
    for (uint32_t i = 0; i < count; i++) {
        sctp_message_info_t info = {.stream = (uint16_t)below(&g, 5), .is_unordered = below(&g, 2) == 0};
        info.reliability = (sctp_reliability_t)below(&g, 3);
        info.limit = (uint16_t)(info.reliability == SCTP_LIMITED_RETRANSMITS ? below(&g, 3) : 20 * below(&g, 10));
        size_t length = 4 * (1 + below(&g, below(&g, 4) == 0 ? 5000 : 100));
        CHECK_INT(send_link_queue(link, &info, length), i);
        bytes += length;
        if (below(&g, 3) == 0)
            send_link_run(link, send_link_now(link) + (peer_time_t)below(&g, 50000));
        if (below(&g, 40) == 0)
            sctp_sender_discard(send_link_sender(link), send_link_now(link), 4);
    }
    if (!send_link_run(link, send_link_now(link) + 600 * PEER_SECOND))
        test_fail(__FILE__, __LINE__, "the association waits for ever, seed %llu", (unsigned long long)seed);
    send_link_check(link, false);
    CHECK_INT(send_link_taken(link), bytes);
    for (uint32_t i = 0; i < count; i++) {
        const send_link_message_t *message = send_link_message(link, i);
        bool is_discarded = message->info.stream == 4;
        if (message->info.reliability == SCTP_RELIABLE && !is_discarded)
            CHECK_INT(message->received, message->length);
        if (message->info.reliability == SCTP_LIMITED_RETRANSMITS) {
            CHECK(message->most_transmissions <= 1u + message->info.limit);
            CHECK(message->is_begun || is_discarded);
        }
        if (message->info.reliability == SCTP_LIMITED_LIFE_TIME && message->is_begun)
            CHECK(message->last_sent <= message->queued_at + message->info.limit * PEER_MILLISECOND);
        CHECK(message->received == message->length || message->info.reliability != SCTP_RELIABLE || is_discarded);
    }
    send_link_free(link);
}

TEST(promises_of_count_and_age_are_kept)
{
    const char *only = getenv("SEED");
    if (only != NULL) {
        one_seed(strtoull(only, NULL, 0));
        return;
    }
    for (uint64_t seed = 0; seed < 1000; seed++)
        one_seed(seed);
}

TEST(a_message_whose_time_is_over_leaves_no_trace)
{
    send_link_config_t config = {.rate = 1000000, .queue = 20000, .delay = 10000, .acknowledgement_delay = 20000, .seed = 2};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t reliable = {.stream = 1}, brief = {.stream = 1, .reliability = SCTP_LIMITED_LIFE_TIME, .limit = 10};
    send_link_queue(link, &reliable, 100000);
    uint32_t number = send_link_queue(link, &brief, 1000);
    uint32_t behind = send_link_queue(link, &reliable, 1000);
    CHECK(send_link_run(link, send_link_now(link) + 20 * PEER_SECOND));
    CHECK(!send_link_message(link, number)->is_begun);
    CHECK_INT(send_link_message(link, behind)->received, 1000);
    CHECK_INT(send_link_taken(link), 102000);
    send_link_check(link, false);
    send_link_free(link);
}

TEST(a_message_given_up_half_way_ends_for_the_other_side)
{
    for (int is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        send_link_config_t config = {.rate = 1000000, .queue = 20000, .delay = 10000, .acknowledgement_delay = 20000, .seed = 2};
        config.is_interleaved = is_interleaved == 1;
        send_link_t *link = send_link_new(&config);
        sctp_message_info_t brief = {.stream = 1, .reliability = SCTP_LIMITED_LIFE_TIME, .limit = 300}, next = {.stream = 1};
        uint32_t number = send_link_queue(link, &brief, 1000000);
        uint32_t behind = send_link_queue(link, &next, 1000);
        CHECK(send_link_run(link, send_link_now(link) + 20 * PEER_SECOND));
        CHECK(send_link_message(link, number)->is_begun);
        CHECK(send_link_message(link, number)->received < 200000);
        CHECK_INT(send_link_message(link, behind)->received, 1000);
        sctp_sender_stats_t stats;
        sctp_sender_stats_get(send_link_sender(link), &stats);
        CHECK_INT(stats.messages_abandoned, 1);
        CHECK(sctp_sender_is_drained(send_link_sender(link), 1));
        send_link_check(link, false);
        send_link_free(link);
    }
}

TEST(all_is_reliable_where_forward_tsn_is_unknown)
{
    send_link_config_t config = {.delay = 10000, .acknowledgement_delay = 20000, .loss = 0.2, .has_no_forward = true, .seed = 4};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t info = {.stream = 1, .reliability = SCTP_LIMITED_RETRANSMITS, .limit = 0};
    for (int i = 0; i < 50; i++) {
        info.reliability = i % 2 == 0 ? SCTP_LIMITED_RETRANSMITS : SCTP_LIMITED_LIFE_TIME;
        send_link_queue(link, &info, 3000);
    }
    sctp_sender_discard(send_link_sender(link), send_link_now(link), 2);
    CHECK(send_link_run(link, send_link_now(link) + 60 * PEER_SECOND));
    send_link_check(link, true);
    send_link_free(link);
}

/* That much was skipped before, of which the other side has not heard, is no reason to tell of more at long intervals only. */
TEST(after_much_was_given_up_news_of_more_is_repeated_soon)
{
    send_link_config_t config = {.delay = 10000, .acknowledgement_delay = 20000, .is_interleaved = true, .seed = 6};
    send_link_t *link = send_link_new(&config);
    sctp_message_info_t once = {.stream = 1, .reliability = SCTP_LIMITED_RETRANSMITS}, reliable = {.stream = 1};
    send_link_queue(link, &reliable, 1000);
    CHECK(send_link_run(link, send_link_now(link) + PEER_SECOND));
    send_link_set_loss(link, 1, 0);
    for (int i = 0; i < 60; i++) {
        send_link_queue(link, &once, 1000);
        send_link_run(link, send_link_now(link) + 250 * PEER_MILLISECOND);
    }
    send_link_run(link, send_link_now(link) + 1700 * PEER_MILLISECOND);
    send_link_set_loss(link, 0, 0);
    CHECK(send_link_run(link, send_link_now(link) + 700 * PEER_MILLISECOND));
    send_link_check(link, false);
    send_link_free(link);
}

TEST(a_thousand_streams_are_skipped_in_packets_that_fit)
{
    for (int is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        send_link_config_t config = {.delay = 10000, .acknowledgement_delay = 20000, .seed = 5, .mtu = 600};
        config.is_interleaved = is_interleaved == 1;
        send_link_t *link = send_link_new(&config);
        send_link_set_loss(link, 1, 0);
        for (uint16_t i = 0; i < 1000; i++) {
            sctp_message_info_t info = {.stream = (uint16_t)(i * 3), .reliability = SCTP_LIMITED_RETRANSMITS};
            send_link_queue(link, &info, 8);
        }
        send_link_run(link, send_link_now(link) + 5 * PEER_SECOND);
        send_link_set_loss(link, 0, 0);
        sctp_message_info_t last = {.stream = 7};
        uint32_t number = send_link_queue(link, &last, 1000);
        CHECK(send_link_run(link, send_link_now(link) + 60 * PEER_SECOND));
        CHECK_INT(send_link_message(link, number)->received, 1000);
        send_link_check(link, false);
        send_link_free(link);
    }
}
