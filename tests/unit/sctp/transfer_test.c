/* Messages and resets between two associations over links of every kind: ours with ours, and ours with usrsctp. */
#include "association_pair.h"

#include "base/error.h"
#include "sctp/chunk.h"

#include <stdlib.h>

#define STREAMS 8

static const end_kind_t kinds[][2] = {{END_OURS, END_OURS}, {END_OURS, END_USRSCTP}, {END_USRSCTP, END_OURS}};
static const char *const kind_names[] = {"ours to ours", "ours to usrsctp", "usrsctp to ours"};
#define KINDS (sizeof kinds / sizeof kinds[0])

static unsigned seed_count(unsigned usual)
{
    const char *text = getenv("SEEDS");
    return text != NULL ? (unsigned)atoi(text) : usual;
}

static size_t wanted;

static bool all_came(association_pair_t *pair)
{
    return pair->b->message_count >= wanted;
}

/* Numbers are given out per stream in order; on ordered streams they arrive so, on unordered ones each arrives once. */
static void check_all(const end_t *end, size_t per_stream, bool is_unordered)
{
    static uint8_t seen[STREAMS][END_MESSAGES];
    uint32_t next[STREAMS] = {0};
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < end->message_count; i++) {
        uint32_t number = message_check(&end->messages[i]);
        uint16_t stream = end->messages[i].stream;
        CHECK(stream < STREAMS && number < per_stream);
        if (!is_unordered)
            CHECK_INT(number, next[stream]++);
        CHECK_INT(seen[stream][number]++, 0);
    }
    CHECK_INT(end->message_count, per_stream * STREAMS);
}

static size_t length_of(uint32_t number)
{
    static const size_t lengths[] = {4, 5, 100, 1100, 1171, 1172, 1173, 3000, 20000, 7};
    return lengths[number % (sizeof lengths / sizeof lengths[0])];
}

static void run_reliable(size_t kind, uint64_t seed, const link_options_t *link, const sctp_association_config_t *config, uint32_t each,
                         bool is_unordered)
{
    association_pair_t pair;
    association_pair_connect(&pair, seed, link, config, kinds[kind][0], kinds[kind][1]);
    for (uint32_t number = 0; number < each; number++)
        for (uint16_t stream = 0; stream < STREAMS; stream++) {
            sctp_message_info_t info = {.stream = stream, .payload_protocol = 53, .is_unordered = is_unordered};
            while (end_send(&pair, pair.a, &info, number, length_of(number)) != 0)
                association_pair_run(&pair, 50 * PEER_MILLISECOND);
            if (random_seeded_next(&pair.random) % 8 == 0)
                association_pair_run(&pair, (peer_time_t)(random_seeded_next(&pair.random) % 5000));
        }
    wanted = (size_t)each * STREAMS;
    if (!association_pair_run_until(&pair, all_came, 1200 * PEER_SECOND))
        test_fail(__FILE__, __LINE__, "%s, seed %llu, loss %u %%: %zu of %zu messages", kind_names[kind], (unsigned long long)seed,
                  link->loss_percent, pair.b->message_count, wanted);
    check_all(pair.b, each, is_unordered);
    association_pair_run(&pair, 10 * PEER_SECOND);
    CHECK_INT(pair.b->message_count, wanted);
    CHECK(!pair.a->is_lost && !pair.b->is_lost);
    if (pair.a->ours != NULL) {
        CHECK_INT(pair.a->taken, pair.b->message_bytes);
        CHECK(sctp_association_deadline(pair.a->ours) == PEER_TIME_NEVER);
        for (uint16_t stream = 0; stream < STREAMS; stream++)
            CHECK_INT(sctp_association_queued(pair.a->ours, stream), 0);
    }
    if (pair.b->ours != NULL) {
        sctp_association_stats_t stats;
        sctp_association_stats_get(pair.b->ours, &stats);
        CHECK_INT(stats.held, 0);
    }
    association_pair_free(&pair);
}

TEST(reliable_messages_survive_loss_reordering_and_duplication)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (uint64_t seed = 1; seed <= seed_count(kind == 0 ? 40 : 12); seed++)
            run_reliable(kind, seed,
                         &(link_options_t){.loss_percent = (unsigned)(seed * 7 % 21),
                                           .duplicate_percent = (unsigned)(seed % 10),
                                           .delay = (peer_time_t)(seed % 8) * 20000,
                                           .jitter = (peer_time_t)(seed % 5) * 10000},
                         &(sctp_association_config_t){.is_interleaving_off = seed % 2 == 0}, 20, seed % 3 == 0);
}

TEST(the_search_for_the_mtu_costs_no_message)
{
    for (uint64_t seed = 1; seed <= seed_count(20); seed++) {
        static const size_t mtus[] = {1200, 1280, 1436, 1452, 2000, 8952, 16000, 65000};
        size_t mtu = mtus[seed % (sizeof mtus / sizeof mtus[0])];
        run_reliable(0, seed, &(link_options_t){.loss_percent = (unsigned)(seed % 4), .delay = 5000, .mtu = mtu},
                     &(sctp_association_config_t){.path = {.base_mtu = 1200, .max_mtu = 65000, .overhead = 77}}, 60, false);
    }
}

#define LARGEST_PACKET 16384 /* that we take */

static void check_mtu(const end_t *end, size_t least, size_t most)
{
    sctp_association_stats_t stats;
    sctp_association_stats_get(end->ours, &stats);
    if (stats.mtu < least || stats.mtu > most)
        test_fail(__FILE__, __LINE__, "packets of %u bytes, expected %zu to %zu", stats.mtu, least, most);
}

TEST(the_path_mtu_is_found_and_lost_again)
{
    static const size_t mtus[] = {1280, 1436, 1452, 2000, 8952, 65000};
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        association_pair_t pair;
        association_pair_connect(&pair, 1, &(link_options_t){.delay = 5000, .mtu = mtus[i]},
                                 &(sctp_association_config_t){.path = {.base_mtu = 1200, .max_mtu = 65000, .overhead = 48}}, END_OURS,
                                 END_OURS);
        sctp_message_info_t info = {.stream = 1};
        wanted = 0;
        for (uint32_t number = 0; number < 200; number++) {
            CHECK_INT(end_send(&pair, pair.a, &info, number, 20000), 0);
            association_pair_run(&pair, 10 * PEER_MILLISECOND);
        }
        size_t found = mtus[i] < LARGEST_PACKET ? mtus[i] : LARGEST_PACKET;
        check_mtu(pair.a, found - 8, found);
        check_mtu(pair.b, 1200, 1200); /* had nothing to send */
        association_pair_run(&pair, PEER_SECOND);
        pair.link.mtu = 1240; /* a black hole */
        for (uint32_t number = 200; number < 300; number++)
            CHECK_INT(end_send(&pair, pair.a, &info, number, 20000), 0);
        wanted = 300;
        CHECK(association_pair_run_until(&pair, all_came, 60 * PEER_SECOND));
        check_mtu(pair.a, 1200, 1240);
        for (size_t k = 0; k < 300; k++)
            CHECK_INT(message_check(&pair.b->messages[k]), k);
        sctp_association_stats_t stats;
        sctp_association_stats_get(pair.a->ours, &stats);
        CHECK(stats.black_holes >= 1 || mtus[i] == 1280);
        association_pair_free(&pair);
    }
}

/* Some read DTLS into 2,048 bytes, and end the connection when a record is longer. */
TEST(who_does_not_say_that_it_takes_more_gets_what_an_ethernet_carries)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 5000, .mtu = 65000},
                             &(sctp_association_config_t){.path = {.base_mtu = 1200, .max_mtu = 65000, .overhead = 65}}, END_OURS,
                             END_USRSCTP);
    sctp_message_info_t info = {.stream = 1};
    for (uint32_t number = 0; number < 100; number++) {
        CHECK_INT(end_send(&pair, pair.a, &info, number, 20000), 0);
        association_pair_run(&pair, 10 * PEER_MILLISECOND);
    }
    check_mtu(pair.a, 1500 - 65 - 8, 1500 - 65);
    association_pair_free(&pair);
}

TEST(another_path_begins_with_its_base_mtu)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 5000, .mtu = 9000},
                             &(sctp_association_config_t){.path = {.base_mtu = 1200, .max_mtu = 65000, .overhead = 48}}, END_OURS,
                             END_OURS);
    for (uint32_t number = 0; number < 200; number++) {
        CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){0}, number, 20000), 0);
        association_pair_run(&pair, 10 * PEER_MILLISECOND);
    }
    check_mtu(pair.a, 8990, 9000);
    pair.link.mtu = 1000;
    sctp_association_set_path(pair.a->ours, pair.now, &(sctp_path_t){.base_mtu = 1000, .max_mtu = 1000, .overhead = 100}, true);
    sctp_association_set_path(pair.b->ours, pair.now, &(sctp_path_t){.base_mtu = 1000, .max_mtu = 1000, .overhead = 100}, true);
    for (uint32_t number = 200; number < 300; number++)
        CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){0}, number, 20000), 0);
    wanted = 300;
    CHECK(association_pair_run_until(&pair, all_came, 60 * PEER_SECOND));
    check_mtu(pair.a, 1000, 1000);
    association_pair_free(&pair);
}

TEST(messages_of_megabytes_pass)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (unsigned loss = 0; loss <= 2; loss += 2) {
            association_pair_t pair;
            association_pair_connect(&pair, 3, &(link_options_t){.delay = 5000, .loss_percent = loss}, NULL, kinds[kind][0],
                                     kinds[kind][1]);
            CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){.stream = 1}, 77, 3 << 20), 0);
            wanted = 1;
            CHECK(association_pair_run_until(&pair, all_came, 600 * PEER_SECOND));
            CHECK_INT(message_check(&pair.b->messages[0]), 77);
            CHECK_INT(pair.b->messages[0].message->length, 3 << 20);
            association_pair_free(&pair);
        }
}

TEST(a_huge_message_does_not_hold_up_a_small_one)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 10000, .rate = 1250000}, NULL, END_OURS, END_OURS);
    CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){.stream = 1}, 1, 8 << 20), 0);
    association_pair_run(&pair, PEER_SECOND);
    peer_time_t before = pair.now;
    CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){.stream = 2}, 2, 100), 0);
    wanted = 1;
    CHECK(association_pair_run_until(&pair, all_came, 60 * PEER_SECOND));
    CHECK_INT(message_check(&pair.b->messages[0]), 2);
    test_note("a small message behind 8 MB at 10 Mbit/s: %lld ms", (long long)(pair.now - before) / 1000);
    CHECK(pair.now - before < 3 * PEER_SECOND);
    association_pair_free(&pair);
}

TEST(partial_reliability_gives_up_messages_and_nothing_else)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (uint64_t seed = 1; seed <= seed_count(12); seed++) {
            association_pair_t pair;
            association_pair_connect(&pair, seed, &(link_options_t){.delay = 20000, .loss_percent = 5},
                                     &(sctp_association_config_t){.is_interleaving_off = seed % 2 == 0}, kinds[kind][0], kinds[kind][1]);
            sctp_message_info_t info = {.stream = 1, .is_unordered = seed % 3 == 0};
            info.reliability = seed % 4 < 2 ? SCTP_LIMITED_RETRANSMITS : SCTP_LIMITED_LIFE_TIME;
            info.limit = info.reliability == SCTP_LIMITED_LIFE_TIME ? 40 : 0;
            for (uint32_t number = 0; number < 400; number++) {
                CHECK_INT(end_send(&pair, pair.a, &info, number, number % 5 == 0 ? 3000 : 500), 0);
                association_pair_run(&pair, 20 * PEER_MILLISECOND);
            }
            association_pair_run(&pair, 30 * PEER_SECOND);
            uint32_t last = 0;
            for (size_t i = 0; i < pair.b->message_count; i++) {
                uint32_t number = message_check(&pair.b->messages[i]);
                CHECK(info.is_unordered || i == 0 || number > last);
                last = number;
            }
            if (pair.b->message_count < 280 || pair.b->message_count >= 400)
                test_fail(__FILE__, __LINE__, "%s, seed %llu: %zu of 400", kind_names[kind], (unsigned long long)seed,
                          pair.b->message_count);
            end_forget_messages(pair.b);
            info = (sctp_message_info_t){.stream = 1}; /* the stream is not stuck, nor are the others */
            CHECK_INT(end_send(&pair, pair.a, &info, 1000, 500), 0);
            info.stream = 2;
            CHECK_INT(end_send(&pair, pair.a, &info, 1001, 500), 0);
            wanted = 2;
            CHECK(association_pair_run_until(&pair, all_came, 60 * PEER_SECOND));
            association_pair_free(&pair);
        }
}

static bool both_were_reset(association_pair_t *pair)
{
    return pair->a->outgoing_count >= wanted && pair->b->incoming_count >= wanted;
}

TEST(a_stream_is_reset_behind_its_messages_and_begins_anew)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (uint64_t seed = 1; seed <= seed_count(20); seed++) {
            association_pair_t pair;
            association_pair_connect(&pair, seed, &(link_options_t){.delay = 20000, .loss_percent = (unsigned)(seed % 4) * 7},
                                     &(sctp_association_config_t){.is_interleaving_off = seed % 2 == 0}, kinds[kind][0], kinds[kind][1]);
            sctp_message_info_t info = {.stream = 5};
            for (uint32_t round = 1; round <= 4; round++) {
                for (uint32_t number = 0; number < 10; number++)
                    CHECK_INT(end_send(&pair, pair.a, &info, number, 3000), 0);
                CHECK(end_reset(&pair, pair.a, 5));
                wanted = round;
                if (!association_pair_run_until(&pair, both_were_reset, 120 * PEER_SECOND))
                    test_fail(__FILE__, __LINE__, "%s, seed %llu, round %u: %zu and %zu resets", kind_names[kind], (unsigned long long)seed,
                              round, pair.a->outgoing_count, pair.b->incoming_count);
                CHECK_INT(pair.b->message_count, 10 * round);
            }
            for (size_t i = 0; i < 40; i++)
                CHECK_INT(message_check(&pair.b->messages[i]), i % 10);
            association_pair_free(&pair);
        }
}

TEST(messages_sent_while_a_reset_is_under_way_come_behind_it)
{
    for (uint64_t seed = 1; seed <= seed_count(20); seed++) {
        association_pair_t pair;
        association_pair_connect(&pair, seed, &(link_options_t){.delay = 20000, .loss_percent = (unsigned)(seed % 4) * 7}, NULL, END_OURS,
                                 END_OURS);
        sctp_message_info_t info = {.stream = 5};
        for (uint32_t number = 0; number < 10; number++)
            CHECK_INT(end_send(&pair, pair.a, &info, number, 3000), 0);
        CHECK(end_reset(&pair, pair.a, 5));
        CHECK(end_reset(&pair, pair.a, 5)); /* said twice, done once */
        for (uint32_t number = 10; number < 20; number++)
            CHECK_INT(end_send(&pair, pair.a, &info, number, 3000), 0);
        CHECK(sctp_association_queued(pair.a->ours, 5) >= 30000);
        wanted = 20;
        CHECK(association_pair_run_until(&pair, all_came, 120 * PEER_SECOND));
        for (size_t i = 0; i < 20; i++)
            CHECK_INT(message_check(&pair.b->messages[i]), i);
        CHECK_INT(pair.a->outgoing_count, 1);
        CHECK_INT(pair.b->incoming_count, 1);
        association_pair_free(&pair);
    }
}

/* Who asked for a reset does not hear that it was performed. */
static bool drop_answers(association_pair_t *pair, end_t *from, packet_t *packet)
{
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    sctp_parameter_t parameter;
    reader_init(&reader, packet->data, packet->length);
    sctp_header_read(&reader, &header);
    while (from == pair->b && sctp_chunk_read(&reader, &chunk)) {
        reader_t parameters;
        reader_init(&parameters, chunk.value, chunk.length);
        if (chunk.type == SCTP_CHUNK_RE_CONFIG && sctp_parameter_read(&parameters, &parameter) && parameter.type == SCTP_PARAMETER_RESPONSE)
            return false;
    }
    return true;
}

static void reset_unheard(association_pair_t *pair)
{
    association_pair_connect(pair, 1, &(link_options_t){.delay = 20000}, NULL, END_OURS, END_OURS);
    association_pair_run(pair, PEER_SECOND);
    pair->on_packet = drop_answers;
    CHECK(end_reset(pair, pair->a, 5));
    association_pair_run(pair, 100 * PEER_MILLISECOND);
    CHECK_INT(pair->b->incoming_count, 1);
    CHECK_INT(pair->a->outgoing_count, 0);
}

TEST(a_stream_that_is_used_anew_before_the_answer_to_its_reset_has_come_is_reset_once_more)
{
    association_pair_t pair;
    reset_unheard(&pair);
    sctp_message_info_t info = {.stream = 5};
    CHECK_INT(end_send(&pair, pair.a, &info, 1, 3000), 0);
    CHECK(end_reset(&pair, pair.a, 5));
    CHECK(end_reset(&pair, pair.a, 5));
    association_pair_run(&pair, 100 * PEER_MILLISECOND);
    pair.on_packet = NULL;
    association_pair_run(&pair, 20 * PEER_SECOND);
    CHECK_INT(pair.b->message_count, 1);
    CHECK_INT(pair.b->incoming_count, 2);
    CHECK_INT(pair.a->outgoing_count, 1); /* the second one: whoever asked for the first does not wait any more */
    CHECK_INT(end_send(&pair, pair.a, &info, 2, 3000), 0);
    wanted = 2;
    CHECK(association_pair_run_until(&pair, all_came, PEER_SECOND));
    CHECK_INT(message_check(&pair.b->messages[1]), 2);
    association_pair_free(&pair);
}

TEST(the_life_of_a_message_goes_on_while_it_waits_for_a_reset)
{
    association_pair_t pair;
    reset_unheard(&pair);
    sctp_message_info_t brief = {.stream = 5, .reliability = SCTP_LIMITED_LIFE_TIME, .limit = 1000}, info = {.stream = 5};
    CHECK_INT(end_send(&pair, pair.a, &brief, 1, 3000), 0);
    CHECK_INT(end_send(&pair, pair.a, &info, 2, 3000), 0);
    association_pair_run(&pair, 1500 * PEER_MILLISECOND);
    pair.on_packet = NULL;
    association_pair_run(&pair, 20 * PEER_SECOND);
    CHECK_INT(pair.a->outgoing_count, 1);
    CHECK_INT(pair.b->message_count, 1);
    CHECK_INT(message_check(&pair.b->messages[0]), 2);
    association_pair_free(&pair);
}

TEST(what_is_discarded_never_leaves_and_is_reported)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 20000}, NULL, END_OURS, END_OURS);
    association_pair_run(&pair, PEER_SECOND);
    sctp_message_info_t info = {.stream = 5};
    CHECK(end_reset(&pair, pair.a, 5));
    CHECK_INT(end_send(&pair, pair.a, &info, 1, 3000), 0);
    info.stream = 6;
    for (uint32_t number = 0; number < 200; number++)
        CHECK_INT(end_send(&pair, pair.a, &info, number, 10000), 0);
    association_pair_poll(&pair);
    sctp_association_discard(pair.a->ours, pair.now, 5);
    sctp_association_discard(pair.a->ours, pair.now, 6);
    CHECK_INT(sctp_association_queued(pair.a->ours, 5), 0);
    CHECK_INT(sctp_association_queued(pair.a->ours, 6), 0);
    CHECK_INT(pair.a->taken, 200 * 10000 + 3000);
    association_pair_run(&pair, 5 * PEER_SECOND);
    CHECK(pair.b->message_count < 100);
    info.stream = 6;
    end_forget_messages(pair.b);
    CHECK_INT(end_send(&pair, pair.a, &info, 300, 100), 0);
    wanted = 1;
    CHECK(association_pair_run_until(&pair, all_came, 10 * PEER_SECOND));
    association_pair_free(&pair);
}

TEST(many_streams_are_reset_together_from_both_sides)
{
    for (size_t kind = 0; kind < 2; kind++) {
        association_pair_t pair;
        association_pair_connect(&pair, 1, &(link_options_t){.delay = 5000, .loss_percent = 3}, NULL, kinds[kind][0], kinds[kind][1]);
        association_pair_run(&pair, PEER_SECOND);
        uint16_t count = kind == 0 ? 20000 : 500;
        for (uint16_t stream = 0; stream < count; stream++)
            CHECK(end_reset(&pair, pair.a, stream));
        for (uint16_t stream = 0; kind == 0 && stream < count; stream++)
            CHECK(end_reset(&pair, pair.b, stream));
        uint64_t before = pair.a->packets;
        wanted = count;
        if (!association_pair_run_until(&pair, both_were_reset, 120 * PEER_SECOND))
            test_fail(__FILE__, __LINE__, "%s: %zu and %zu of %u resets, %u refused", kind_names[kind], pair.a->outgoing_count,
                      pair.b->incoming_count, count, pair.a->counts[SCTP_ASSOCIATION_RESET_REFUSED]);
        for (size_t i = 0; i < count; i++)
            CHECK_INT(pair.b->incoming[i], i);
        CHECK(pair.a->packets - before < 400);
        association_pair_free(&pair);
    }
}

TEST(a_reader_that_does_not_read_closes_the_window_and_opens_it_again)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 5000}, &(sctp_association_config_t){.receive_window = 200000}, END_OURS,
                             END_OURS);
    pair.b->keeps = true;
    for (uint32_t number = 0; number < 200; number++)
        CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){0}, number, 10000), 0);
    association_pair_run(&pair, 20 * PEER_SECOND);
    CHECK(pair.b->message_bytes >= 100000 && pair.b->message_bytes <= 200000);
    uint64_t consumed = 0;
    while (pair.b->message_count < 200 && pair.now < 200 * PEER_SECOND) {
        sctp_association_consumed(pair.b->ours, pair.now, (size_t)(pair.b->message_bytes - consumed));
        consumed = pair.b->message_bytes;
        association_pair_run(&pair, 100 * PEER_MILLISECOND);
    }
    CHECK_INT(pair.b->message_count, 200);
    for (uint32_t number = 0; number < 200; number++)
        CHECK_INT(message_check(&pair.b->messages[number]), number);
    association_pair_free(&pair);
}

TEST(long_paths_are_filled)
{
    static const struct {
        peer_time_t delay;
        uint64_t rate;
    } paths[] = {{500, 125000000}, {10000, 12500000}, {50000, 12500000}, {100000, 1250000}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        association_pair_t pair;
        association_pair_connect(&pair, 1, &(link_options_t){.delay = paths[i].delay, .rate = paths[i].rate, .queue = 200000}, NULL,
                                 END_OURS, END_OURS);
        uint32_t sent = 0;
        peer_time_t start = pair.now, half = 0;
        uint64_t at_half = 0;
        while (pair.now - start < 10 * PEER_SECOND) {
            while (sctp_association_queued(pair.a->ours, 0) < 4 << 20)
                CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){0}, sent++, 65536), 0);
            association_pair_run(&pair, 10 * PEER_MILLISECOND);
            end_forget_messages(pair.b);
            if (half == 0 && pair.now - start >= 5 * PEER_SECOND) {
                half = pair.now;
                at_half = pair.b->message_bytes;
            }
        }
        double rate = (double)(pair.b->message_bytes - at_half) * 1e6 / (double)(pair.now - half);
        test_note("%lld ms, %.0f Mbit/s: %.1f Mbit/s of payload", (long long)paths[i].delay * 2 / 1000, (double)paths[i].rate * 8e-6,
                  rate * 8e-6);
        CHECK(rate > 0.8 * (double)paths[i].rate);
        association_pair_free(&pair);
    }
}
