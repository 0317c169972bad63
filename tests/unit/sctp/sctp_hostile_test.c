/* A remote side that DTLS has authenticated and that means harm: whatever it sends, memory stays bounded, nothing crashes or hangs, and
 * other associations go on. */
#include "pair.h"
#include "send_copy.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const link_options_t clean = {.delay_us = 1000};

/* What b needs to know of the association to write packets in a's name. */
static struct {
    uint32_t tag;      /* of packets from a to b */
    uint32_t next_tsn; /* of a's data */
} forged;

static void learn(pair_t *pair, side_t *from, packet_t *packet)
{
    if (from != &pair->a || packet->length < 16)
        return;
    uint32_t tag = bytes_get_u32(packet->data + 4);
    if (tag != 0)
        forged.tag = tag;
    for (size_t at = 12; at + 16 <= packet->length;) {
        size_t length = bytes_get_u16(packet->data + at + 2);
        if (packet->data[at] == 0x40)
            forged.next_tsn = bytes_get_u32(packet->data + at + 4) + 1;
        if (length < 4)
            break;
        at += (length + 3) & ~(size_t)3;
    }
}

static void start_forging(pair_t *pair)
{
    pair_init(pair, 1, &clean, &(sctp_config_t){.receive_window = 4u << 20});
    pair->on_packet = learn;
    pair_start(pair);
    pair_run(pair, 100 * PEER_MILLISECOND);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    CHECK(sctp_open(pair->a.sctp, pair->now, &options) != NULL);
    pair_run(pair, 2 * PEER_SECOND);
    CHECK_INT(pair->b.announced_count, 1);
    pair->a.is_cut = true; /* from here on, we are a */
}

static void forge(pair_t *pair, const uint8_t *chunks, size_t length)
{
    uint8_t packet[4096];
    bytes_put_u16(packet, 5000);
    bytes_put_u16(packet + 2, 5000);
    bytes_put_u32(packet + 4, forged.tag);
    bytes_put_u32(packet + 8, 0);
    memcpy(packet + 12, chunks, length);
    uint32_t crc = crc32c(0, packet, 12 + length);
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(crc >> (8 * i));
    pair_inject(pair, &pair->b, packet, 12 + length);
}

#define BEGIN 2
#define END 1
#define UNORDERED 4

/* I-DATA, as was agreed (RFC 8260 §2.1). ppid: of a first fragment; of others the fragment's number. */
static void forge_data(pair_t *pair, uint32_t tsn, uint16_t stream, uint32_t message, uint8_t flags, uint32_t ppid, const void *data,
                       size_t length)
{
    uint8_t chunk[2048] = {0x40, flags};
    bytes_put_u16(chunk + 2, (uint16_t)(20 + length));
    bytes_put_u32(chunk + 4, tsn);
    bytes_put_u16(chunk + 8, stream);
    bytes_put_u32(chunk + 12, message);
    bytes_put_u32(chunk + 16, ppid);
    if (length > 0)
        memcpy(chunk + 20, data, length);
    forge(pair, chunk, 20 + ((length + 3) & ~(size_t)3));
}

/* 0 always under a sanitizer, whose allocator mallinfo() does not know. */
static size_t allocated(void)
{
    return mallinfo2().uordblks;
}

static size_t grown_since(size_t before)
{
    size_t now = allocated();
    return now > before ? now - before : 0;
}

TEST(garbage_of_every_length_is_dropped)
{
    pair_t pair;
    pair_connect(&pair, 1, &clean, NULL);
    for (size_t length = 0; length < 300; length++) {
        uint8_t bytes[300];
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)random_seeded_next(&pair.random);
        pair_inject(&pair, &pair.b, bytes, length);
        pair_inject(&pair, &pair.a, bytes, length);
    }
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CONNECTED);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(a_packet_with_a_wrong_checksum_or_tag_is_dropped)
{
    pair_t pair;
    start_forging(&pair);
    uint8_t abort_chunk[] = {6, 0, 0, 4};
    forged.tag ^= 1;
    forge(&pair, abort_chunk, sizeof abort_chunk);
    forged.tag ^= 1;
    uint8_t bad[16] = {0x13, 0x88, 0x13, 0x88, [8] = 1};
    bytes_put_u32(bad + 4, forged.tag);
    memcpy(bad + 12, abort_chunk, 4);
    pair_inject(&pair, &pair.b, bad, sizeof bad);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    forge(&pair, abort_chunk, sizeof abort_chunk);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CLOSED);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 1);
    pair_free(&pair);
}

TEST(mutated_packets_of_a_live_association_do_no_harm)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        pair_t pair;
        start_forging(&pair);
        random_seeded_init(&pair.random, seed);
        for (int k = 0; k < 40; k++) {
            static const uint8_t types[] = {0, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 14, 64, 129, 130, 130, 132, 192, 193, 194};
            uint8_t chunks[1200];
            size_t length = 0;
            do {
                uint8_t *chunk = chunks + length;
                size_t size = 4 + random_seeded_next(&pair.random) % 60;
                for (size_t i = 0; i < size; i++)
                    chunk[i] = (uint8_t)random_seeded_next(&pair.random);
                chunk[0] = types[random_seeded_next(&pair.random) % sizeof types];
                if (random_seeded_next(&pair.random) % 8 != 0)
                    bytes_put_u16(chunk + 2, (uint16_t)size);
                if (chunk[0] == 0 && size >= 8)
                    bytes_put_u32(chunk + 4, forged.next_tsn + (uint32_t)(random_seeded_next(&pair.random) % 8));
                if (chunk[0] == 192 && size >= 8)
                    bytes_put_u32(chunk + 4, forged.next_tsn + (uint32_t)(random_seeded_next(&pair.random) % 20));
                length += (size + 3) & ~(size_t)3;
            } while (length < 1000 && random_seeded_next(&pair.random) % 3 != 0);
            forge(&pair, chunks, length);
            pair_run(&pair, (peer_time_t)(random_seeded_next(&pair.random) % 100000));
        }
        pair_run(&pair, 5 * PEER_SECOND);
        pair_free(&pair);
    }
}

TEST(messages_that_wait_for_one_never_sent_take_bounded_memory)
{
    for (int fragmented = 0; fragmented < 2; fragmented++) {
        pair_t pair;
        uint8_t bytes[1100] = {0};
        start_forging(&pair);
        size_t before = allocated(), most = 0;
        for (uint32_t i = 0; i < 30000 && sctp_state(pair.b.sctp) == SCTP_STATE_CONNECTED; i++) {
            forge_data(&pair, forged.next_tsn + i, (uint16_t)(1 + i % 1000), (uint16_t)(5 + i / 1000), fragmented ? BEGIN : BEGIN | END, 53,
                       bytes, sizeof bytes);
            pair_poll(&pair);
            if (i % 64 == 0 && grown_since(before) > most)
                most = grown_since(before);
        }
        test_note("state %d, at most %zu KiB", sctp_state(pair.b.sctp), most >> 10);
        CHECK(most < 16u << 20);
        pair_free(&pair);
    }
}

TEST(gaps_never_filled_take_bounded_memory)
{
    for (int size = 1; size <= 1100; size += 1099) {
        pair_t pair;
        uint8_t bytes[1100] = {0};
        start_forging(&pair);
        size_t before = allocated();
        for (uint32_t i = 1; i < 20000 && sctp_state(pair.b.sctp) == SCTP_STATE_CONNECTED; i++) {
            forge_data(&pair, forged.next_tsn + i, 0, (uint16_t)i, BEGIN | END, 53, bytes, (size_t)size);
            pair_poll(&pair);
        }
        test_note("%d bytes each: %zu KiB", size, grown_since(before) >> 10);
        CHECK(grown_since(before) < 16u << 20);
        pair_free(&pair);
    }
}

TEST(one_enormous_message_closes_its_channel_and_takes_bounded_memory)
{
    pair_t pair;
    uint8_t bytes[1100] = {0};
    start_forging(&pair);
    size_t before = allocated();
    size_t most = 0;
    for (uint32_t i = 0; i < 20000 && sctp_state(pair.b.sctp) == SCTP_STATE_CONNECTED; i++) {
        forge_data(&pair, forged.next_tsn + i, 0, 1, i == 0 ? BEGIN : 0, i == 0 ? 53 : i, bytes, sizeof bytes);
        pair_poll(&pair);
        if (i % 64 == 0 && grown_since(before) > most)
            most = grown_since(before);
    }
    test_note("at most %zu KiB", most >> 10);
    CHECK(most < 16u << 20);
    CHECK(strstr(pair.b.message, "max-message-size") != NULL);
    pair_free(&pair);
}

TEST(opens_on_every_stream_take_bounded_memory)
{
    pair_t pair;
    start_forging(&pair);
    uint8_t open[12] = {3};
    size_t before = allocated();
    for (uint32_t i = 0; i < 65536 && sctp_state(pair.b.sctp) == SCTP_STATE_CONNECTED; i++) {
        forge_data(&pair, forged.next_tsn + i, (uint16_t)i, i == 0 ? 1 : 0, BEGIN | END, 50, open, sizeof open);
        pair_poll(&pair);
    }
    sctp_stats_t stats;
    sctp_stats_get(pair.b.sctp, &stats);
    test_note("%u channels opened, %zu bytes each", stats.channels_opened, grown_since(before) / 65535);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    CHECK_INT(stats.channels_opened, 65535);
    CHECK(grown_since(before) < 64u << 20);
    pair_free(&pair);
}

TEST(long_labels_of_many_channels_are_refused)
{
    static uint8_t open[1400] = {3, [8] = (sizeof open - 12) >> 8, [9] = (sizeof open - 12) & 255};
    pair_t pair;
    start_forging(&pair);
    memset(open + 12, 'x', sizeof open - 12);
    for (uint32_t i = 0; i < 8000; i++) {
        forge_data(&pair, forged.next_tsn + i, (uint16_t)(i + 1), 0, BEGIN | END, 50, open, sizeof open);
        pair_poll(&pair);
    }
    sctp_stats_t stats;
    sctp_stats_get(pair.b.sctp, &stats);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    CHECK_INT(stats.channels_opened - 1, SCTP_MAX_REMOTE_LABELS / (sizeof open - 12));
    pair_free(&pair);
}

/* What is behind the first zero of a label is not kept, and so it must not be counted for ever. */
TEST(labels_of_zeros_use_up_nothing)
{
    static const uint8_t open[1400] = {3, [8] = (sizeof open - 12) >> 8, [9] = (sizeof open - 12) & 255};
    pair_t pair;
    start_forging(&pair);
    for (uint32_t i = 0; i < 8000; i++) {
        forge_data(&pair, forged.next_tsn + i, (uint16_t)(i + 1), 0, BEGIN | END, 50, open, sizeof open);
        pair_poll(&pair);
    }
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_ANNOUNCED], 8001);
    pair_free(&pair);
}

static void forge_forward(pair_t *pair, uint32_t cumulative, uint16_t stream, uint32_t message)
{
    uint8_t chunk[16] = {0xc2, 0, 0, 16};
    bytes_put_u32(chunk + 4, cumulative);
    bytes_put_u16(chunk + 8, stream);
    bytes_put_u32(chunk + 12, message);
    forge(pair, chunk, sizeof chunk);
    pair_poll(pair);
}

TEST(of_a_message_whose_beginning_was_not_told_nothing_is_told)
{
    static const uint8_t bytes[1000];
    pair_t pair;
    start_forging(&pair);
    CHECK_INT(sctp_channel_set_streaming(pair.b.announced[0], 100), 0);
    uint32_t tsn = forged.next_tsn;
    forge_data(&pair, tsn, 0, 1, BEGIN, 99, bytes, sizeof bytes); /* a payload protocol that nobody knows */
    pair_poll(&pair);
    forge_forward(&pair, tsn + 1, 0, 1);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_MESSAGE], 0);
    forge_data(&pair, tsn + 2, 0, 2, BEGIN, 53, bytes, sizeof bytes);
    pair_poll(&pair);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_MESSAGE], 1);
    forge_forward(&pair, tsn + 3, 0, 2);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_MESSAGE], 2);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(malformed_dcep_is_answered_by_a_reset_or_ignored)
{
    static const struct {
        uint8_t bytes[20];
        size_t length;
    } cases[] = {{{3}, 1},
                 {{3, 0, 0}, 3},
                 {{3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12},
                 {{3, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, 12},
                 {{3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'x'}, 13},
                 {{9, 9}, 2},
                 {{2, 0, 0}, 3},
                 {{0}, 1}};
    pair_t pair;
    start_forging(&pair);
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forge_data(&pair, forged.next_tsn + i, (uint16_t)(20 + 2 * i), 0, BEGIN | END, 50, cases[i].bytes, cases[i].length);
        pair_poll(&pair);
    }
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 1);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(a_second_open_on_a_stream_in_use_closes_that_channel)
{
    pair_t pair;
    start_forging(&pair);
    uint8_t open[12] = {3};
    forge_data(&pair, forged.next_tsn, 0, 1, BEGIN | END, 50, open, sizeof open);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSING], 1);
    CHECK_INT(pair.b.announced_count, 1);
    pair_free(&pair);
}

TEST(unknown_payload_protocols_are_ignored)
{
    pair_t pair;
    start_forging(&pair);
    for (uint32_t i = 0; i < 200; i++)
        forge_data(&pair, forged.next_tsn + i, 0, (uint16_t)(1 + i), BEGIN | END, i < 100 ? i + 58 : 0xffffff00u + i, "xyz", 3);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_MESSAGE], 0);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(a_storm_of_resets_does_no_harm)
{
    pair_t pair;
    start_forging(&pair);
    uint32_t request = forged.next_tsn - 1; /* a's initial TSN is its first request number: RFC 6525 §4.1 */
    for (uint32_t i = 0; i < 20000 && sctp_state(pair.b.sctp) == SCTP_STATE_CONNECTED; i++) {
        uint8_t chunk[24] = {130, 0, 0, 24, 0, 13, 0, 18};
        bytes_put_u32(chunk + 8, request + i);
        bytes_put_u32(chunk + 12, 0);
        bytes_put_u32(chunk + 16, forged.next_tsn - 1 + (i % 3 == 2 ? 5 : 0));
        bytes_put_u16(chunk + 20, (uint16_t)(i * 7));
        forge(&pair, chunk, sizeof chunk);
        if (i % 5 == 0)
            pair_poll(&pair);
    }
    pair_run(&pair, PEER_SECOND);
    pair_free(&pair);
}

/* RFC 6525 §4.1 without a stream number: all of them. */
static void forge_reset_of_all(pair_t *pair, uint32_t request)
{
    uint8_t chunk[20] = {130, 0, 0, 20, 0, 13, 0, 16};
    bytes_put_u32(chunk + 8, request);
    bytes_put_u32(chunk + 16, forged.next_tsn - 1);
    forge(pair, chunk, sizeof chunk);
    pair_poll(pair);
}

/* 60,000 of them, of which the remote side never answers a reset: what a packet costs does not grow with them. */
TEST(resets_of_all_streams_find_those_that_are_new)
{
    pair_t pair;
    start_forging(&pair);
    uint32_t request = forged.next_tsn - 1;
    static const uint8_t open[12] = {3, 0};
    for (uint32_t stream = 1; stream < 60000; stream++) {
        forge_data(&pair, forged.next_tsn++, (uint16_t)stream, 0, BEGIN | END, 50, open, sizeof open);
        if (stream % 100 == 0)
            pair_poll(&pair);
    }
    pair_poll(&pair);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_ANNOUNCED], 60000);
    forge_reset_of_all(&pair, request++);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSING], 60000);
    for (uint32_t i = 0; i < 5000; i++) {
        forge_data(&pair, forged.next_tsn++, 1, 0, BEGIN | END, 50, open, sizeof open); /* anew, which ends the old one */
        forge_reset_of_all(&pair, request++);
    }
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_ANNOUNCED], 65000);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSING], 65000);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 5000);
    pair_free(&pair);
}

/* In an order that a list of those with news would be walked for, to its end each time. */
TEST(channels_with_news_are_released_in_any_order)
{
    pair_t pair;
    pair_connect(&pair, 1, &clean, NULL);
    enum { COUNT = 60000 };
    sctp_channel_t **channels = calloc(COUNT, sizeof *channels);
    for (int32_t i = 0; i < COUNT; i++) {
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.is_negotiated = true;
        options.id = i;
        CHECK((channels[i] = sctp_open(pair.a.sctp, pair.now, &options)) != NULL);
    }
    sctp_terminate(pair.a.sctp, pair.now);
    int32_t known = 0;
    for (sctp_channel_t *at = sctp_next_channel(pair.a.sctp, NULL); at != NULL; at = sctp_next_channel(pair.a.sctp, at), known++)
        CHECK(at == channels[known] && (known == 0 || sctp_channel_number(at) > sctp_channel_number(channels[known - 1])));
    CHECK_INT(known, COUNT);
    for (int32_t i = COUNT; i-- > 0;)
        sctp_channel_release(channels[i], pair.now);
    CHECK(sctp_next_channel(pair.a.sctp, NULL) == NULL);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_OPEN], 0);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 0);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CLOSED], 1);
    free(channels);
    pair_free(&pair);
}

TEST(a_window_of_zero_only_stops_the_sender)
{
    pair_t pair;
    pair_connect(&pair, 1, &clean, NULL);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    pair_run(&pair, PEER_SECOND);
    side_t b = pair.b;
    pair.b.sctp = NULL; /* nobody reads there any more */
    char *bytes = calloc(1, 256 << 10);
    size_t sent = 0;
    for (int i = 0; i < 200; i++) {
        if (send_copy(channel, pair.now, bytes, 256 << 10, false) == 0)
            sent++;
        pair_run(&pair, 100 * PEER_MILLISECOND);
    }
    CHECK(sent <= 80); /* SCTP_MAX_BUFFERED and usrsctp's buffer */
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CONNECTED);
    pair.b.sctp = b.sctp;
    free(bytes);
    pair_free(&pair);
}

TEST(an_allocation_that_fails_anywhere_is_survived)
{
    uint8_t *bytes = calloc(1, 300000);
    for (unsigned nth = 1; nth < 400; nth++) {
        pair_t pair;
        pair_connect(&pair, 1, &clean, NULL);
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.label = "label";
        memory_fail_nth(nth);
        sctp_channel_t *one = sctp_open(pair.a.sctp, pair.now, &options);
        pair_run(&pair, 20 * PEER_MILLISECOND);
        for (int i = 0; i < 12 && one != NULL; i++)
            if (sctp_channel_state(one) == SCTP_CHANNEL_OPEN)
                send_copy(one, pair.now, bytes, 262144, false);
        pair_run(&pair, 200 * PEER_MILLISECOND);
        if (one != NULL)
            sctp_channel_close(one, pair.now);
        pair_run(&pair, PEER_SECOND);
        memory_fail_nth(0);
        pair_free(&pair);
    }
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    for (unsigned nth = 1; nth < 20; nth++) {
        packet_pool_t *pool = packet_pool_new();
        memory_fail_nth(nth);
        sctp_t *s = sctp_new(&(sctp_config_t){.pool = pool, .random = random_seeded_source(&generator), .path = {PAIR_MTU, PAIR_MTU, 65}});
        if (s != NULL)
            start(s, 1000, true);
        memory_fail_nth(0);
        sctp_free(s);
        packet_pool_release(pool);
    }
    free(bytes);
}
