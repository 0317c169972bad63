/* How associations come about and end: ours with ours, and ours with usrsctp. */
#include "association_pair.h"

#include "base/bytes.h"
#include "base/error.h"
#include "sctp/chunk.h"

#include <stdlib.h>

static const link_options_t clean = {.delay = 10000};

static const end_kind_t kinds[][2] = {{END_OURS, END_OURS}, {END_OURS, END_USRSCTP}, {END_USRSCTP, END_OURS}};
#define KINDS (sizeof kinds / sizeof kinds[0])

static bool has_message(association_pair_t *pair)
{
    return pair->b->message_count > 0 && pair->a->message_count > 0;
}

static void check_talk(association_pair_t *pair)
{
    end_forget_messages(pair->a);
    end_forget_messages(pair->b);
    CHECK_INT(end_send_text(pair, pair->a, 1, "from a"), 0);
    CHECK_INT(end_send_text(pair, pair->b, 1, "from b"), 0);
    CHECK(association_pair_run_until(pair, has_message, 30 * PEER_SECOND));
    CHECK_INT(pair->a->messages[0].message->length, 6);
    CHECK_BYTES(pair->a->messages[0].message->data, "from b", 6);
    CHECK_BYTES(pair->b->messages[0].message->data, "from a", 6);
    CHECK_INT(pair->a->messages[0].payload_protocol, 51);
    CHECK_INT(pair->a->messages[0].stream, 1);
}

TEST(inits_that_cross_make_one_association)
{
    for (size_t i = 0; i < KINDS; i++) {
        association_pair_t pair;
        association_pair_connect(&pair, 1, &clean, NULL, kinds[i][0], kinds[i][1]);
        CHECK(pair.now - 1000000 <= 50000);
        check_talk(&pair);
        CHECK_INT(pair.a->counts[SCTP_ASSOCIATION_UP], 1);
        CHECK_INT(pair.b->counts[SCTP_ASSOCIATION_UP], 1);
        association_pair_free(&pair);
    }
}

TEST(one_side_may_ask_alone)
{
    for (size_t i = 0; i < KINDS; i++) {
        association_pair_t pair;
        association_pair_init(&pair, 1, &clean, NULL, kinds[i][0], kinds[i][1]);
        if (pair.b->theirs != NULL)
            CHECK_INT(usrsctp_peer_listen(pair.b->theirs, pair.now), 0);
        CHECK_INT(end_connect(&pair, pair.a), 0);
        CHECK(association_pair_run_until(&pair, association_pair_is_up, 10 * PEER_SECOND));
        check_talk(&pair);
        association_pair_free(&pair);
    }
}

TEST(both_ask_for_65535_streams_and_get_the_lesser_number)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &clean, NULL, END_OURS, END_OURS);
    CHECK_INT(pair.a->stream_count, 65535);
    CHECK_INT(pair.b->stream_count, 65535);
    association_pair_free(&pair);
    association_pair_connect(&pair, 1, &clean, &(sctp_association_config_t){.max_streams = 300}, END_OURS, END_USRSCTP);
    CHECK_INT(pair.a->stream_count, 300);
    association_pair_free(&pair);
}

static peer_time_t first_message_at(const link_options_t *link)
{
    association_pair_t pair;
    association_pair_init(&pair, 1, link, NULL, END_OURS, END_OURS);
    CHECK_INT(end_connect(&pair, pair.a), 0);
    CHECK_INT(end_connect(&pair, pair.b), 0);
    CHECK_INT(end_send_text(&pair, pair.a, 0, "at once"), 0);
    peer_time_t start = pair.now;
    while (pair.b->message_count == 0)
        association_pair_run(&pair, PEER_MILLISECOND);
    peer_time_t time = pair.now - start;
    association_pair_free(&pair);
    return time;
}

TEST(the_first_message_travels_behind_the_cookie_echo)
{
    CHECK(first_message_at(&clean) <= 31 * PEER_MILLISECOND); /* INIT, INIT ACK, COOKIE ECHO */
}

TEST(the_handshake_survives_loss_reordering_and_duplication)
{
    for (size_t i = 0; i < KINDS; i++)
        for (uint64_t seed = 1; seed <= 100; seed++) {
            association_pair_t pair;
            association_pair_init(&pair, seed,
                                  &(link_options_t){.delay = 20000, .jitter = 30000, .loss_percent = 30, .duplicate_percent = 10}, NULL,
                                  kinds[i][0], kinds[i][1]);
            CHECK_INT(end_connect(&pair, pair.a), 0);
            association_pair_run(&pair, (peer_time_t)(seed % 7) * 13000);
            CHECK_INT(end_connect(&pair, pair.b), 0);
            if (!association_pair_run_until(&pair, association_pair_is_up, 120 * PEER_SECOND))
                test_fail(__FILE__, __LINE__, "kind %zu, seed %llu: not up", i, (unsigned long long)seed);
            check_talk(&pair);
            association_pair_free(&pair);
        }
}

static bool drops_init_acks(association_pair_t *pair, end_t *from, packet_t *packet)
{
    (void)pair;
    (void)from;
    return packet->data[12] != SCTP_CHUNK_INIT_ACK;
}

TEST(an_init_is_repeated_soon_and_then_seldom_without_end)
{
    association_pair_t pair;
    association_pair_init(&pair, 1, &clean, NULL, END_OURS, END_OURS);
    pair.on_packet = drops_init_acks;
    CHECK_INT(end_connect(&pair, pair.a), 0);
    association_pair_run(&pair, 400 * PEER_MILLISECOND);
    CHECK(pair.a->packets >= 3 && pair.a->packets <= 5);
    association_pair_run(&pair, 100 * PEER_SECOND);
    CHECK(pair.a->packets >= 30 && pair.a->packets <= 45);
    pair.on_packet = NULL;
    CHECK(association_pair_run_until(&pair, association_pair_is_up, 4 * PEER_SECOND));
    check_talk(&pair);
    association_pair_free(&pair);
}

TEST(an_idle_association_has_no_deadline)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &clean, NULL, END_OURS, END_OURS);
    check_talk(&pair);
    association_pair_run(&pair, 5 * PEER_SECOND);
    CHECK(sctp_association_deadline(pair.a->ours) == PEER_TIME_NEVER);
    CHECK(sctp_association_deadline(pair.b->ours) == PEER_TIME_NEVER);
    association_pair_free(&pair);
}

TEST(with_inits_exchanged_before_nothing_is_sent_to_come_up)
{
    association_pair_t pair;
    uint8_t a[SCTP_INIT_MAX], b[SCTP_INIT_MAX], again[SCTP_INIT_MAX];
    association_pair_init(&pair, 1, &clean, NULL, END_OURS, END_OURS);
    size_t a_length = sctp_association_local_init(pair.a->ours, a, sizeof a);
    size_t b_length = sctp_association_local_init(pair.b->ours, b, sizeof b);
    CHECK(a_length > 20 && b_length > 20);
    CHECK_INT(sctp_association_local_init(pair.a->ours, again, sizeof again), a_length);
    CHECK_BYTES(a, again, a_length);
    CHECK_INT(sctp_association_local_init(pair.a->ours, again, 10), 0);
    CHECK_INT(sctp_association_connect_with(pair.a->ours, pair.now, LINK_PORT, b, b_length - 1), PEER_ERROR_SYNTAX);
    CHECK_INT(sctp_association_connect_with(pair.a->ours, pair.now, LINK_PORT, b, 0), PEER_ERROR_SYNTAX);
    CHECK_INT(sctp_association_connect_with(pair.a->ours, pair.now, LINK_PORT, b, b_length), 0);
    CHECK_INT(sctp_association_connect_with(pair.a->ours, pair.now, LINK_PORT, b, b_length), PEER_ERROR_INVALID_STATE);
    CHECK_INT(sctp_association_connect_with(pair.b->ours, pair.now, LINK_PORT, a, a_length), 0);
    CHECK_INT(end_send_text(&pair, pair.a, 0, "first"), 0);
    association_pair_run(&pair, 11 * PEER_MILLISECOND);
    CHECK(association_pair_is_up(&pair));
    CHECK_INT(pair.b->message_count, 1);
    check_talk(&pair);
    association_pair_run(&pair, PEER_SECOND);
    sctp_association_stats_t stats;
    sctp_association_stats_get(pair.b->ours, &stats);
    CHECK(stats.rtt_us >= 20000 && stats.rtt_us < 40000);
    association_pair_free(&pair);
}

TEST(an_end_is_told_to_the_other_side)
{
    for (size_t i = 0; i < 2; i++) {
        association_pair_t pair;
        association_pair_connect(&pair, 1, &clean, NULL, kinds[i][0], kinds[i][1]);
        sctp_association_end(pair.a->ours, pair.now);
        association_pair_run(&pair, PEER_SECOND);
        CHECK(!pair.a->is_lost);
        CHECK(pair.b->is_lost && pair.b->is_orderly);
        CHECK_INT(pair.b->cause_code, SCTP_CAUSE_USER_ABORT);
        CHECK(sctp_association_deadline(pair.a->ours) == PEER_TIME_NEVER);
        CHECK_INT(end_send_text(&pair, pair.a, 0, "late"), PEER_ERROR_INVALID_STATE);
        association_pair_free(&pair);
    }
}

TEST(an_abort_of_usrsctp_is_told_with_its_text)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &clean, NULL, END_OURS, END_USRSCTP);
    usrsctp_peer_abort(pair.b->theirs);
    association_pair_run(&pair, PEER_SECOND);
    CHECK(pair.a->is_lost && pair.a->is_orderly);
    CHECK_TEXT(pair.a->text, "User-Initiated Abort: their word");
    association_pair_free(&pair);
}

TEST(a_shutdown_of_usrsctp_is_answered_when_all_is_delivered)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &clean, NULL, END_OURS, END_USRSCTP);
    for (uint32_t i = 0; i < 100; i++)
        CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){.stream = 3}, i, 5000), 0);
    association_pair_run(&pair, 5 * PEER_MILLISECOND);
    usrsctp_peer_shutdown(pair.b->theirs);
    association_pair_run(&pair, 10 * PEER_SECOND);
    CHECK(pair.a->is_lost && pair.a->is_orderly);
    CHECK_TEXT(pair.a->text, "shut down");
    CHECK_INT(pair.b->message_count, 100);
    association_pair_free(&pair);
}

TEST(a_remote_side_that_starts_anew_ends_the_association)
{
    for (size_t i = 0; i < 2; i++) {
        association_pair_t pair, other;
        association_pair_connect(&pair, 1, &clean, NULL, END_OURS, kinds[i][1]);
        check_talk(&pair);
        association_pair_init(&other, 7, &clean, NULL, kinds[i][1], END_OURS);
        end_t *replaced = pair.b;
        pair.b = other.a; /* a new one in the remote side's place */
        CHECK_INT(end_connect(&pair, pair.b), 0);
        association_pair_run(&pair, 10 * PEER_SECOND);
        CHECK(pair.a->is_lost && !pair.a->is_orderly);
        CHECK_TEXT(pair.a->text, "the remote side started the association anew");
        CHECK(pair.b->is_lost);
        other.a = replaced;
        association_pair_free(&pair);
        association_pair_free(&other);
    }
}

static unsigned zero_checksums, checksums;

static bool count_checksums(association_pair_t *pair, end_t *from, packet_t *packet)
{
    bool is_zero = bytes_get_u32(packet->data + 8) == 0;
    (void)pair;
    (void)from;
    zero_checksums += is_zero;
    checksums += !is_zero;
    if (packet->data[12] == SCTP_CHUNK_INIT || packet->data[12] == SCTP_CHUNK_INIT_ACK || packet->data[12] == SCTP_CHUNK_COOKIE_ECHO)
        CHECK(!is_zero);
    return true;
}

TEST(packets_go_without_a_checksum_when_the_remote_side_takes_that)
{
    for (int off = 0; off < 2; off++) {
        association_pair_t pair;
        zero_checksums = checksums = 0;
        association_pair_init(&pair, 1, &clean, &(sctp_association_config_t){.is_zero_checksum_off = off == 1}, END_OURS, END_OURS);
        pair.on_packet = count_checksums;
        CHECK_INT(end_connect(&pair, pair.a), 0);
        CHECK_INT(end_connect(&pair, pair.b), 0);
        CHECK(association_pair_run_until(&pair, association_pair_is_up, PEER_SECOND));
        association_pair_run(&pair, PEER_SECOND);
        unsigned before = checksums;
        check_talk(&pair);
        association_pair_run(&pair, PEER_SECOND);
        sctp_association_stats_t stats;
        sctp_association_stats_get(pair.a->ours, &stats);
        CHECK_INT(stats.is_checksum_zero, !off);
        if (off) {
            CHECK_INT(zero_checksums, 0);
        } else {
            CHECK_INT(checksums, before);
            CHECK(zero_checksums > 2);
        }
        association_pair_free(&pair);
    }
}

TEST(a_packet_without_a_checksum_is_dropped_when_that_was_not_agreed_on)
{
    association_pair_t pair;
    static uint8_t last[1500];
    static size_t length;
    association_pair_connect(&pair, 1, &clean, &(sctp_association_config_t){.is_zero_checksum_off = true}, END_OURS, END_OURS);
    association_pair_run(&pair, PEER_SECOND);
    CHECK_INT(end_send_text(&pair, pair.a, 0, "x"), 0);
    packet_t *packet = sctp_association_output(pair.a->ours, pair.now);
    CHECK(packet != NULL);
    length = packet->length;
    memcpy(last, packet->data, length);
    packet_unref(packet);
    uint8_t right[4];
    memcpy(right, last + 8, 4);
    memset(last + 8, 0, 4);
    association_pair_inject(&pair, pair.b, last, length);
    association_pair_poll(&pair);
    CHECK_INT(pair.b->message_count, 0);
    memcpy(last + 8, right, 4);
    association_pair_inject(&pair, pair.b, last, length);
    association_pair_poll(&pair);
    CHECK_INT(pair.b->message_count, 1);
    association_pair_free(&pair);
}
