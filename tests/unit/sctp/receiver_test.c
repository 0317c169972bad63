/* What the receiving half acknowledges and tells, chunk by chunk. */
#include "receiver_support.h"
#include "test.h"

#include <stdlib.h>

#define DATA(tsn, stream, ssn, flags, text) receiver_give(r, tsn, stream, ssn, 0, flags, text, strlen(text), false)
#define I_DATA(tsn, stream, mid, fsn, flags, text) receiver_give(r, tsn, stream, mid, fsn, flags, text, strlen(text), true)
#define OK SCTP_RECEIVER_OK
#define VIOLATION SCTP_RECEIVER_VIOLATION

static sctp_receiver_t *new_quiet(bool is_interleaved)
{
    sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
    for (uint32_t i = 0; i < 16; i++) { /* the packets that are acknowledged at once */
        receiver_give(r, i, 9, i, 0, B | E, "x", 1, is_interleaved);
        CHECK(receiver_sack(r, 0)[0] != '\0');
    }
    receiver_told(r);
    return r;
}

TEST(the_first_packets_are_acknowledged_at_once_then_every_second_or_after_the_delay)
{
    sctp_receiver_t *r = new_quiet(false);
    CHECK_INT(DATA(16, 1, 0, B | E, "a"), OK);
    CHECK(!sctp_receiver_wants_sack(r, 0) && sctp_receiver_has_pending_sack(r));
    peer_time_t deadline = sctp_receiver_deadline(r);
    CHECK(deadline > 0 && deadline <= 200 * PEER_MILLISECOND);
    CHECK(!sctp_receiver_wants_sack(r, deadline - 1) && sctp_receiver_wants_sack(r, deadline));
    CHECK_INT(DATA(17, 1, 1, B | E, "b"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "17");
    CHECK(!sctp_receiver_has_pending_sack(r) && sctp_receiver_deadline(r) == PEER_TIME_NEVER);
    CHECK_INT(DATA(18, 1, 2, B | E, "c"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "");
    CHECK_TEXT(receiver_sack(r, deadline), "18");
    /* after an idle time the first ones are acknowledged at once again */
    sctp_data_t data = {.tsn = FIRST_TSN + 19, .stream = 1, .message_id = 3, .flags = B | E, .data = (const uint8_t *)"d", .length = 1};
    CHECK_INT(sctp_receiver_on_data(r, 2 * PEER_SECOND, &data), OK);
    CHECK(!sctp_receiver_wants_sack(r, 2 * PEER_SECOND));
    sctp_receiver_on_packet_end(r, 2 * PEER_SECOND);
    CHECK(sctp_receiver_wants_sack(r, 2 * PEER_SECOND));
    sctp_receiver_free(r);
}

TEST(gaps_duplicates_and_the_i_bit_are_acknowledged_at_once)
{
    sctp_receiver_t *r = new_quiet(false);
    CHECK_INT(DATA(18, 1, 2, B | E, "c"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "15 18-18");
    CHECK_INT(DATA(20, 1, 4, B | E, "e"), OK);
    CHECK_INT(DATA(21, 1, 5, B | E, "f"), OK);
    CHECK_INT(DATA(21, 1, 5, B | E, "f"), OK);
    CHECK_INT(DATA(3, 9, 3, B | E, "f"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "15 18-18 20-21 =21 =3");
    CHECK_INT(DATA(17, 1, 1, B | E, "b"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "15 17-18 20-21");
    CHECK_INT(DATA(16, 1, 0, B | E, "a"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "18 20-21");
    CHECK_TEXT(receiver_told(r), "m1:a m1:b m1:c");
    CHECK_INT(DATA(19, 1, 3, B | E, "d"), OK);
    CHECK_TEXT(receiver_sack(r, PEER_SECOND), "21");
    CHECK_TEXT(receiver_told(r), "m1:d m1:e m1:f");
    CHECK_INT(DATA(22, 1, 6, B | E | SCTP_DATA_IMMEDIATE, "g"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "22");
    sctp_receiver_free(r);
}

TEST(a_sack_takes_the_room_there_is)
{
    sctp_receiver_t *r = receiver_new(1 << 20, 0, false);
    for (uint32_t i = 1; i < 100; i += 2)
        CHECK_INT(DATA(i, 1, i, B | E, "x"), OK);
    uint8_t bytes[32];
    writer_t writer;
    writer_init(&writer, bytes, 15);
    CHECK(!sctp_receiver_write_sack(r, 0, &writer) && writer.length == 0 && sctp_receiver_wants_sack(r, 0));
    writer_init(&writer, bytes, 27);
    CHECK(sctp_receiver_write_sack(r, 0, &writer) && !writer.failed);
    CHECK_INT(writer.length, 24);
    CHECK_INT(bytes_get_u16(bytes + 2), 24);
    CHECK_INT(bytes_get_u16(bytes + 12), 2);
    CHECK_INT(bytes_get_u16(bytes + 16), 2);
    CHECK_INT(bytes_get_u16(bytes + 20), 4);
    sctp_receiver_free(r);
}

TEST(fragments_make_a_message_in_whatever_order_they_come)
{
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}, {1, 2, 3, 0}, {3, 0, 1, 2}};
    static const char *const texts[] = {"ab", "c", "def", "g"};
    for (unsigned kind = 0; kind < 4; kind++) {
        uint8_t unordered = kind & 1 ? U : 0;
        bool is_interleaved = (kind & 2) != 0;
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
            sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
            for (unsigned j = 0; j < 4; j++) {
                unsigned n = orders[i][j];
                CHECK_TEXT(receiver_told(r), "");
                CHECK_INT(receiver_give(r, n, 7, 0, n, (uint8_t)(unordered | (n == 0 ? B : 0) | (n == 3 ? E : 0)), texts[n],
                                        strlen(texts[n]), is_interleaved),
                          OK);
            }
            CHECK_TEXT(receiver_told(r), "m7:abcdefg");
            CHECK_TEXT(receiver_sack(r, 0), "3");
            CHECK_INT(sctp_receiver_held(r), 0);
            sctp_receiver_free(r);
        }
    }
}

TEST(a_missing_message_holds_back_its_own_stream_alone_and_no_unordered_one)
{
    sctp_receiver_t *r = receiver_new(1 << 20, 0, false);
    DATA(1, 1, 1, B | E, "b");
    DATA(2, 2, 0, B | E, "x");
    DATA(3, 1, 0, B | E | U, "u");
    DATA(4, 2, 1, B, "y");
    DATA(5, 2, 1, E, "z");
    CHECK_TEXT(receiver_told(r), "m2:x m1:u m2:yz");
    DATA(0, 1, 0, B | E, "a");
    CHECK_TEXT(receiver_told(r), "m1:a m1:b");
    sctp_receiver_free(r);

    r = receiver_new(1 << 20, 0, true);
    I_DATA(0, 1, 0, 0, B, "long");
    I_DATA(1, 2, 0, 0, B | E, "x");
    I_DATA(2, 1, 1, 0, B | E, "next");
    I_DATA(3, 1, 0, 0, B | E | U, "u");
    CHECK_TEXT(receiver_told(r), "m2:x m1:u");
    I_DATA(4, 1, 0, 1, E, "er");
    CHECK_TEXT(receiver_told(r), "m1:longer m1:next");
    sctp_receiver_free(r);
}

TEST(sequence_numbers_wrap)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        for (uint32_t i = 0; i < 70000; i += 2) {
            CHECK_INT(receiver_give(r, i + 1, 1, i + 1, 0, B | E, "b", 1, is_interleaved), OK);
            CHECK_INT(receiver_give(r, i, 1, i, 0, B | E, "a", 1, is_interleaved), OK);
            CHECK_TEXT(receiver_told(r), "m1:a m1:b");
        }
        sctp_receiver_free(r);
    }
}

TEST(fragments_that_contradict_each_other_are_a_violation)
{
    static const struct {
        bool is_interleaved;
        struct {
            uint32_t tsn, id, fragment;
            uint8_t flags;
        } chunks[5];
    } cases[] = {
        {false, {{0, 0, 0, B}, {1, 0, 0, B}}},                              /* a second beginning */
        {false, {{1, 0, 0, B | E}, {0, 0, 0, B}}},                          /* the same, in the other order */
        {false, {{0, 0, 0, E}}},                                            /* an end without a beginning */
        {false, {{1, 0, 0, 0}, {0, 0, 0, B | E}}},                          /* a middle behind an end */
        {false, {{0, 0, 0, B}, {1, 0, 0, E | U}}},                          /* half ordered */
        {false, {{0, 0, 0, B}, {1, 1, 0, E}}},                              /* another number */
        {false, {{1, 1, 0, 0}, {2, 0, 0, E}, {0, 0, 0, B}}},                /* the same, in the other order */
        {false, {{0, 0, 0, B | E}, {1, 0, 0, B | E}}},                      /* a number told already */
        {false, {{1, 5, 0, B | E}, {2, 5, 0, B | E}}},                      /* a number twice, before its turn */
        {true, {{0, 0, 0, B}, {1, 0, 0, B}}},                               /* a second beginning */
        {true, {{0, 0, 0, B}, {1, 0, 0, 0}}},                               /* number 0 without a beginning */
        {true, {{0, 0, 2, E}, {1, 0, 3, 0}}},                               /* beyond the end */
        {true, {{0, 0, 2, E}, {1, 0, 3, E}}},                               /* two ends */
        {true, {{0, 0, 3, 0}, {1, 0, 2, E}}},                               /* an end before what is there */
        {true, {{0, 0, 2, 0}, {1, 0, 2, 0}}},                               /* a number twice */
        {true, {{0, 0, 0, B}, {1, 0, 1, 0}, {2, 0, 1, 0}}},                 /* the same, of what was taken over */
        {true, {{0, 0, 0, B | E}, {1, 0, 0, B | E}}},                       /* a message told already */
        {true, {{0, 5, 0, B}, {1, 5, 1, E}, {2, 5, 2, 0}}},                 /* more of a complete one that waits */
        {true, {{0, 3, 0, B | E | U}, {1, 4, 0, B | U}, {2, 4, 0, B | U}}}, /* unordered: a second beginning */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, cases[i].is_interleaved);
        unsigned count = 0;
        while (count < 4 && cases[i].chunks[count + 1].flags + cases[i].chunks[count + 1].tsn > 0)
            count++;
        for (unsigned j = 0; j <= count; j++) {
            sctp_receiver_verdict_t verdict =
                receiver_give(r, cases[i].chunks[j].tsn, 1, cases[i].chunks[j].id, cases[i].chunks[j].fragment, cases[i].chunks[j].flags,
                              "x", 1, cases[i].is_interleaved);
            if (verdict != (j == count ? VIOLATION : OK))
                test_fail(__FILE__, __LINE__, "case %zu, chunk %u: verdict %d", i, j, (int)verdict);
        }
        sctp_receiver_free(r);
    }
}

TEST(the_kind_of_chunk_that_was_not_agreed_on_is_a_violation)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B | E, "x", 1, !is_interleaved), VIOLATION);
        CHECK_INT(receiver_forward(r, 5, NULL, 0, !is_interleaved), VIOLATION);
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B | E, "", 0, is_interleaved), SCTP_RECEIVER_EMPTY);
        sctp_receiver_free(r);
    }
}

TEST(data_on_a_stream_that_is_none_is_acknowledged_and_not_told)
{
    sctp_receiver_t *r = sctp_receiver_new(&(sctp_receiver_config_t){.window = 1 << 20, .max_streams = 10});
    CHECK_INT(DATA(0, 1, 0, B | E, "early"), OK);
    CHECK(!sctp_receiver_has_pending_sack(r));
    sctp_receiver_start(r, FIRST_TSN, false);
    CHECK_INT(DATA(0, 10, 0, B | E, "x"), SCTP_RECEIVER_NO_STREAM);
    CHECK_INT(DATA(1, 65535, 0, B, "x"), SCTP_RECEIVER_NO_STREAM);
    CHECK_INT(DATA(2, 9, 0, B | E, "y"), OK);
    CHECK_TEXT(receiver_sack(r, 0), "2");
    CHECK_TEXT(receiver_told(r), "m9:y");
    sctp_receiver_free(r);
}

TEST(a_message_too_large_is_told_once_dropped_and_acknowledged)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 10, is_interleaved);
        static const unsigned order[] = {1, 0, 4, 2, 3};
        for (unsigned i = 0; i < 5; i++)
            CHECK_INT(receiver_give(r, order[i], 1, 0, order[i],
                                    (uint8_t)(order[i] == 0   ? B
                                              : order[i] == 4 ? E
                                                              : 0),
                                    "123456", 6, is_interleaved),
                      OK);
        CHECK_INT(receiver_give(r, 5, 1, 1, 0, B | E, "1234567890", 10, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 6, 1, 2, 0, B | E, "12345678901", 11, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 7, 1, 3, 0, B | E, "a", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "!1 m1:1234567890 !1 m1:a");
        CHECK_TEXT(receiver_sack(r, 0), "7");
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(a_long_message_comes_in_parts_where_that_is_asked_for)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK(sctp_receiver_set_streaming(r, 1, 5));
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B, "abc", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "");
        CHECK_INT(receiver_give(r, 1, 1, 0, 1, 0, "def", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "f1:abcdef");
        CHECK_INT(receiver_give(r, 3, 1, 0, 3, 0, "jkl", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "");
        CHECK_INT(receiver_give(r, 2, 1, 0, 2, 0, "ghi", 3, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 4, 1, 0, 4, 0, "m", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "p1:ghijklm");
        CHECK_INT(receiver_give(r, 5, 1, 0, 5, E, "n", 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 6, 1, 1, 0, B | E, "short", 5, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 7, 1, 2, 0, B | E, "longer", 6, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "l1:n m1:short o1:longer");
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(a_message_in_between_the_parts_of_another_comes_whole)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK(sctp_receiver_set_streaming(r, 1, 2));
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B, "abc", 3, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 2, 1, 0, 0, B | E | U, "xyz", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "f1:abc m1:xyz");
        CHECK_INT(receiver_give(r, 1, 1, 0, 1, E, "d", 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 3, 1, 1, 0, B | E | U, "xyz", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "l1:d o1:xyz");
        sctp_receiver_free(r);
    }
}

TEST(parts_of_a_message_that_is_given_up_are_told_to_be_lost)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 20, is_interleaved);
        CHECK(sctp_receiver_set_streaming(r, 1, 2));
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B, "abc", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "f1:abc");
        CHECK_INT(receiver_give(r, 2, 1, 0, 2, 0, "ghi", 3, is_interleaved), OK);
        CHECK_INT(receiver_forward(r, 3, &(sctp_forward_stream_t){.stream = 1}, 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 4, 1, 1, 0, B | E, "x", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "-1 m1:x");
        /* a reset does the same */
        CHECK_INT(receiver_give(r, 5, 1, 2, 0, B, "abc", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "f1:abc");
        sctp_receiver_reset_streams(r, &(uint16_t){1}, 1);
        CHECK_TEXT(receiver_told(r), "-1");
        /* what was not told is not told to be lost */
        CHECK_INT(receiver_give(r, 6, 1, 0, 0, B, "abc", 3, is_interleaved), OK);
        sctp_receiver_reset_streams(r, NULL, 0);
        CHECK_TEXT(receiver_told(r), "");
        /* one that turns out too large */
        CHECK_INT(receiver_give(r, 7, 1, 0, 0, B, "abc", 3, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "f1:abc");
        CHECK_INT(receiver_give(r, 8, 1, 0, 1, 0, "123456789012345678", 18, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 9, 1, 0, 2, E, "1", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "-1 !1");
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(a_forward_tsn_skips_what_was_given_up_and_releases_what_waits)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B, "a", 1, is_interleaved), OK);     /* 0-2: given up */
        CHECK_INT(receiver_give(r, 3, 1, 1, 0, B | E, "b", 1, is_interleaved), OK); /* complete: told */
        CHECK_INT(receiver_give(r, 5, 1, 3, 0, B | E, "d", 1, is_interleaved), OK); /* 4: given up */
        CHECK_INT(receiver_give(r, 6, 2, 1, 0, B | E, "z", 1, is_interleaved), OK); /* still waits */
        CHECK_TEXT(receiver_told(r), "");
        CHECK_INT(receiver_forward(r, 4, &(sctp_forward_stream_t){.stream = 1, .message_id = 2}, 1, is_interleaved), OK);
        CHECK_TEXT(receiver_sack(r, 0), "6");
        CHECK_TEXT(receiver_told(r), "m1:b m1:d");
        /* an old one changes nothing, and is acknowledged at once */
        CHECK_INT(receiver_forward(r, 4, &(sctp_forward_stream_t){.stream = 1, .message_id = 2}, 1, is_interleaved), OK);
        CHECK_TEXT(receiver_sack(r, 0), "6");
        /* one of streams that do not exist, or that jumps as far as can be */
        CHECK_INT(receiver_forward(r, 7, &(sctp_forward_stream_t){.stream = 65535, .message_id = 2}, 1, is_interleaved), OK);
        CHECK_INT(receiver_forward(r, 0x7f000000, NULL, 0, is_interleaved), OK);
        CHECK_INT(sctp_receiver_cumulative_tsn(r), FIRST_TSN + 0x7f000000);
        CHECK_INT(receiver_give(r, 0x7f000001, 2, 0, 0, B | E, "y", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "m2:y m2:z");
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(late_fragments_of_what_was_given_up_change_nothing)
{
    sctp_receiver_t *r = receiver_new(1 << 20, 0, true);
    I_DATA(0, 1, 0, 0, B, "a");
    I_DATA(2, 2, 0, 0, B | E | U, "b");
    sctp_forward_stream_t skipped[] = {{.stream = 1}, {.stream = 2, .is_unordered = true, .message_id = 5}};
    CHECK_INT(receiver_forward(r, 1, skipped, 2, true), OK);
    CHECK_INT(I_DATA(3, 1, 0, 2, E, "c"), OK);
    CHECK_INT(I_DATA(4, 2, 5, 1, U, "c"), OK);
    CHECK_INT(I_DATA(5, 2, 6, 0, B | E | U, "d"), OK);
    CHECK_TEXT(receiver_told(r), "m2:b m2:d");
    CHECK_TEXT(receiver_sack(r, 0), "5");
    CHECK_INT(sctp_receiver_held(r), 0);
    sctp_receiver_free(r);

    r = receiver_new(1 << 20, 0, false);
    DATA(4, 1, 0, 0, "e");
    CHECK_INT(receiver_forward(r, 2, &(sctp_forward_stream_t){.stream = 1}, 1, false), OK);
    CHECK_INT(DATA(3, 1, 0, 0, "d"), OK);
    CHECK_INT(DATA(5, 1, 0, E, "f"), OK);
    CHECK_INT(DATA(6, 1, 1, B | E, "g"), OK);
    CHECK_TEXT(receiver_told(r), "m1:g");
    CHECK_INT(sctp_receiver_held(r), 0);
    sctp_receiver_free(r);
}

TEST(a_stream_begins_anew_after_its_reset)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B | E, "a", 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 1, 2, 0, 0, B | E, "b", 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 2, 1, 5, 0, B | E, "never", 5, is_interleaved), OK);
        sctp_receiver_reset_streams(r, (const uint16_t[]){1, 1000}, 2);
        CHECK_INT(receiver_give(r, 3, 1, 0, 0, B | E, "c", 1, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 4, 2, 1, 0, B | E, "d", 1, is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "m1:a m2:b m1:c m2:d");
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(a_receiver_that_begins_again_keeps_nothing_of_what_was_not_complete)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(1 << 20, 0, is_interleaved);
        CHECK(sctp_receiver_set_streaming(r, 3, 2));
        CHECK_INT(receiver_give(r, 1, 1, 1, 0, B | E, "waits", 5, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 3, 1, 2, 0, B, "begun", 5, is_interleaved), OK);
        CHECK_INT(receiver_give(r, 9, 1, 3, 4, 0, "orphan", 6, is_interleaved), OK);
        sctp_receiver_start(r, FIRST_TSN, !is_interleaved);
        CHECK_INT(sctp_receiver_held(r), 0);
        CHECK_TEXT(receiver_sack(r, 0), "-1");
        CHECK_INT(receiver_give(r, 0, 1, 0, 0, B | E, "a", 1, !is_interleaved), OK);
        CHECK_INT(receiver_give(r, 1, 3, 0, 0, B | E, "bcd", 3, !is_interleaved), OK);
        CHECK_TEXT(receiver_told(r), "m1:a o3:bcd");
        sctp_receiver_free(r);
    }
}

TEST(the_window_closes_over_what_is_not_consumed_and_its_opening_is_told)
{
    sctp_receiver_t *r = receiver_new(64000, 0, false);
    static const char bytes[1000];
    uint32_t tsn = 0;
    uint32_t before = sctp_receiver_window(r);
    while (sctp_receiver_window(r) > 0) {
        CHECK_INT(receiver_give(r, tsn, 1, tsn, 0, B | E, bytes, sizeof bytes, false), OK);
        CHECK(sctp_receiver_window(r) < before && sctp_receiver_window(r) + sctp_receiver_held(r) >= 64000);
        before = sctp_receiver_window(r);
        tsn++;
        receiver_sack(r, PEER_SECOND);
    }
    CHECK(tsn > 50 && tsn < 64);
    CHECK_INT(receiver_give(r, tsn, 1, tsn, 0, B | E, bytes, sizeof bytes, false), OK);
    CHECK_INT(sctp_receiver_cumulative_tsn(r), FIRST_TSN + tsn - 1);
    CHECK(receiver_sack(r, 0)[0] != '\0'); /* it says that the window is closed */
    sctp_association_event_t event;
    unsigned updates = 0, consumed = 0;
    while (sctp_receiver_poll(r, &event)) {
        CHECK_INT(event.message->length, sizeof bytes);
        blob_unref(event.message);
    }
    for (; consumed < tsn; consumed++) {
        sctp_receiver_on_consumed(r, 0, sizeof bytes);
        updates += receiver_sack(r, 0)[0] != '\0';
    }
    CHECK(updates >= 2 && updates <= 8);
    CHECK_INT(sctp_receiver_held(r), 0);
    CHECK_INT(sctp_receiver_window(r), 64000);
    sctp_receiver_free(r);
}

TEST(a_message_larger_than_the_window_comes_through_it)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = receiver_new(10000, 256 * 1024, is_interleaved);
        char bytes[1024];
        memset(bytes, 'a', sizeof bytes);
        for (uint32_t i = 0; i < 256; i++) {
            CHECK(sctp_receiver_window(r) >= sizeof bytes);
            CHECK_INT(receiver_give(r, i, 1, 0, i, (uint8_t)(i == 0 ? B : i == 255 ? E : 0), bytes, sizeof bytes, is_interleaved), OK);
        }
        sctp_association_event_t event;
        CHECK(sctp_receiver_poll(r, &event) && event.message->length == 256 * 1024);
        blob_unref(event.message);
        CHECK_INT(sctp_receiver_window(r), 0);
        sctp_receiver_on_consumed(r, 0, 256 * 1024);
        CHECK_INT(sctp_receiver_window(r), 10000);
        sctp_receiver_free(r);
    }
}

TEST(a_full_window_never_hinders_what_fills_the_gap)
{
    sctp_receiver_t *r = receiver_new(20000, 16000, false);
    static const char bytes[1000];
    uint32_t tsn = 16;
    while (sctp_receiver_window(r) > 0) {
        CHECK_INT(receiver_give(r, tsn, 1, tsn - 15, 0, B | E, bytes, sizeof bytes, false), OK);
        tsn++;
    }
    CHECK_INT(receiver_give(r, tsn, 1, tsn - 15, 0, B | E, bytes, sizeof bytes, false), OK);
    for (uint32_t i = 0; i < 16; i++)
        CHECK_INT(receiver_give(r, i, 1, 0, 0, (uint8_t)(i == 0 ? B : i == 15 ? E : 0), bytes, sizeof bytes, false), OK);
    CHECK_INT(sctp_receiver_cumulative_tsn(r), FIRST_TSN + tsn - 1);
    sctp_receiver_free(r);
}
