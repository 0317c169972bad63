/* Data channels over bad links, many seeds: what is reliable arrives exactly once, intact, and in order where order was asked for. */
#include "pair.h"
#include "send_copy.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "virtual_random.h"

#include <stdio.h>
#include <stdlib.h>

#define CHANNELS 6  /* opened from each side */
#define MESSAGES 40 /* on each, each way */

/* A message says who sent it: its number, then bytes that follow from the number. */
typedef struct stream_check {
    uint32_t sent;
    uint32_t received;
    bool seen[1024];
} stream_check_t;

typedef struct traffic {
    uint64_t seed;
    sctp_channel_t *channels[2 * CHANNELS]; /* the opener's end, even ones opened by a */
    stream_check_t from_opener[2 * CHANNELS];
    stream_check_t to_opener[2 * CHANNELS];
    uint8_t *bytes;
    size_t largest;
    char wrong[200];
} traffic_t;

static size_t fill(traffic_t *t, uint32_t number, uint32_t channel, random_seeded_t *random)
{
    static const size_t scales[] = {16, 200, 1500, 20000};
    size_t length = 8 + random_seeded_next(random) % scales[random_seeded_next(random) % 4];
    if (t->largest != 0 && random_seeded_next(random) % 20 == 0)
        length = 8 + random_seeded_next(random) % t->largest;
    memcpy(t->bytes, &number, 4);
    memcpy(t->bytes + 4, &channel, 4);
    for (size_t i = 8; i < length; i++)
        t->bytes[i] = (uint8_t)(number * 31 + channel * 7 + i + (i >> 8));
    return length;
}

static void check_message(pair_t *pair, side_t *side, const sctp_output_t *output)
{
    traffic_t *t = pair->context;
    uint32_t number, channel;
    if (output->type != SCTP_OUTPUT_MESSAGE || t == NULL)
        return;
    if (output->message->length < 8) {
        snprintf(t->wrong, sizeof t->wrong, "short message");
        return;
    }
    memcpy(&number, output->message->data, 4);
    memcpy(&channel, output->message->data + 4, 4);
    if (channel >= 2 * CHANNELS || number >= 1024) {
        snprintf(t->wrong, sizeof t->wrong, "message %u of channel %u", number, channel);
        return;
    }
    for (size_t i = 8; i < output->message->length; i++)
        if (output->message->data[i] != (uint8_t)(number * 31 + channel * 7 + i + (i >> 8))) {
            snprintf(t->wrong, sizeof t->wrong, "message %u of channel %u differs at %zu", number, channel, i);
            return;
        }
    bool is_opener = (channel % 2 == 0) == (side == &pair->a);
    stream_check_t *check = is_opener ? &t->to_opener[channel] : &t->from_opener[channel];
    if (check->seen[number])
        snprintf(t->wrong, sizeof t->wrong, "message %u of channel %u twice", number, channel);
    if (sctp_channel_is_ordered(output->channel) && number < check->received)
        snprintf(t->wrong, sizeof t->wrong, "message %u of channel %u after %u", number, channel, check->received - 1);
    if (sctp_channel_id(output->channel) != sctp_channel_id(t->channels[channel]))
        snprintf(t->wrong, sizeof t->wrong, "message of channel %u on another", channel);
    check->seen[number] = true;
    check->received = sctp_channel_is_ordered(output->channel) ? number + 1 : check->received + 1;
}

static bool all_arrived(pair_t *pair)
{
    traffic_t *t = pair->context;
    for (size_t i = 0; i < 2 * CHANNELS; i++)
        if (t->from_opener[i].received != t->from_opener[i].sent || t->to_opener[i].received != t->to_opener[i].sent)
            return false;
    return true;
}

static sctp_channel_t *remote_end(pair_t *pair, uint32_t i)
{
    traffic_t *t = pair->context;
    side_t *side = i % 2 == 0 ? &pair->b : &pair->a;
    for (size_t k = 0; k < side->announced_count; k++)
        if (sctp_channel_id(side->announced[k]) == sctp_channel_id(t->channels[i]))
            return side->announced[k];
    return NULL;
}

static void send_one(pair_t *pair, sctp_channel_t *channel, uint32_t i, stream_check_t *check)
{
    traffic_t *t = pair->context;
    size_t length = fill(t, check->sent, i, &pair->random);
    int code = send_copy(channel, pair->now, t->bytes, length, false);
    if (code < 0)
        test_fail(__FILE__, __LINE__, "seed %llu: send: %d", (unsigned long long)t->seed, code);
    check->sent++;
}

static void run_traffic(uint64_t seed, const link_options_t *link, size_t largest)
{
    pair_t pair;
    traffic_t *t = calloc(1, sizeof *t);
    t->seed = seed;
    t->largest = largest;
    t->bytes = malloc((largest > 20000 ? largest : 20000) + 8);
    pair_init(&pair, seed, link, &(sctp_config_t){.max_message_size = largest + 20008});
    pair.on_output = check_message;
    pair.context = t;
    for (uint32_t i = 0; i < 2 * CHANNELS; i++) {
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.is_unordered = i % 3 == 2;
        t->channels[i] = sctp_open(i % 2 == 0 ? pair.a.sctp : pair.b.sctp, pair.now, &options);
        CHECK(t->channels[i] != NULL);
    }
    pair_start(&pair);
    for (uint32_t done = 0; done < 2 * CHANNELS * MESSAGES;) {
        uint32_t i = (uint32_t)(random_seeded_next(&pair.random) % (2 * CHANNELS));
        sctp_channel_t *remote = remote_end(&pair, i);
        if (t->from_opener[i].sent < MESSAGES && sctp_channel_state(t->channels[i]) == SCTP_CHANNEL_OPEN &&
            sctp_channel_buffered_amount(t->channels[i]) < 8 << 20) {
            send_one(&pair, t->channels[i], i, &t->from_opener[i]);
            done++;
        }
        if (remote != NULL && t->to_opener[i].sent < MESSAGES && sctp_channel_buffered_amount(remote) < 8 << 20)
            send_one(&pair, remote, i, &t->to_opener[i]);
        if (random_seeded_next(&pair.random) % 4 == 0)
            pair_run(&pair, (peer_time_t)(random_seeded_next(&pair.random) % 40000));
        CHECK(pair.now < 600 * PEER_SECOND);
    }
    bool arrived = pair_run_until(&pair, all_arrived, 3600 * PEER_SECOND); /* a third lost: a window of one packet, timeouts of seconds */
    if (!arrived || t->wrong[0] != 0)
        test_fail(__FILE__, __LINE__, "seed %llu, loss %u %%: %s", (unsigned long long)seed, link->loss_percent,
                  t->wrong[0] != 0 ? t->wrong : "not everything arrived");
    for (uint32_t i = 0; i < 2 * CHANNELS; i++)
        sctp_channel_close(t->channels[i], pair.now);
    pair_run(&pair, 60 * PEER_SECOND);
    if (pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED] != 2 * CHANNELS || pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED] != 2 * CHANNELS)
        test_fail(__FILE__, __LINE__, "seed %llu, loss %u %%: %u and %u channels closed", (unsigned long long)seed, link->loss_percent,
                  pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED]);
    pair_run(&pair, 10 * PEER_SECOND);
    CHECK(sctp_deadline(pair.a.sctp) == PEER_TIME_NEVER);
    pair_free(&pair);
    free(t->bytes);
    free(t);
}

static unsigned seed_count(unsigned usual)
{
    const char *text = getenv("SEEDS");
    return text != NULL ? (unsigned)atoi(text) : usual;
}

TEST(reliable_messages_survive_loss_reordering_and_duplication)
{
    for (uint64_t seed = 1; seed <= seed_count(60); seed++)
        run_traffic(seed,
                    &(link_options_t){.loss_percent = (unsigned)(seed * 7 % 31),
                                      .duplicate_percent = (unsigned)(seed % 10),
                                      .delay_us = (peer_time_t)(seed % 8) * 20000,
                                      .jitter_us = (peer_time_t)(seed % 5) * 10000},
                    0);
}

TEST(messages_of_megabytes_survive_loss)
{
    for (uint64_t seed = 1; seed <= seed_count(4); seed++)
        run_traffic(seed, &(link_options_t){.loss_percent = (unsigned)(seed % 4), .delay_us = 5000, .jitter_us = 1000}, 4 << 20);
}

static uint32_t trace_crc;

static void trace(pair_t *pair, side_t *from, packet_t *packet)
{
    trace_crc = crc32c(trace_crc, &pair->now, sizeof pair->now);
    trace_crc = crc32c(trace_crc, from == &pair->a ? "a" : "b", 1);
    trace_crc = crc32c(trace_crc, packet->data, packet->length);
}

static uint32_t traced_run(uint64_t seed)
{
    pair_t pair;
    uint8_t bytes[5000] = {0};
    virtual_random_seed(seed);
    trace_crc = 0;
    pair_init(&pair, seed, &(link_options_t){.loss_percent = 10, .delay_us = 20000, .jitter_us = 3000}, NULL);
    pair.on_packet = trace;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    pair_start(&pair);
    for (int i = 0; i < 100; i++) {
        pair_run(&pair, 50 * PEER_MILLISECOND);
        if (sctp_channel_state(channel) == SCTP_CHANNEL_OPEN)
            CHECK_INT(send_copy(channel, pair.now, bytes, sizeof bytes, false), 0);
    }
    sctp_channel_close(channel, pair.now);
    pair_run(&pair, 10 * PEER_SECOND);
    pair_free(&pair);
    return trace_crc;
}

TEST(the_same_seed_gives_the_same_packets_byte_for_byte)
{
    traced_run(0); /* usrsctp's set-up takes a random byte, once in a process */
    for (uint64_t seed = 1; seed <= 5; seed++)
        CHECK_INT(traced_run(seed), traced_run(seed));
    CHECK(traced_run(1) != traced_run(2));
}

static size_t last_length;
static unsigned last_count;
static bool last_is_intact;

static void keep_length(pair_t *pair, side_t *side, const sctp_output_t *output)
{
    (void)pair;
    (void)side;
    if (output->type != SCTP_OUTPUT_MESSAGE)
        return;
    last_length = output->message->length;
    last_count++;
    for (size_t i = 0; i < output->message->length; i++)
        last_is_intact &= output->message->data[i] == (uint8_t)(i * 7 + (i >> 12));
}

static bool has_arrived(pair_t *pair)
{
    (void)pair;
    return last_count > 0;
}

TEST(messages_of_every_size_pass_both_ways)
{
    static const size_t sizes[] = {0,    1,    2,    3,     4,     1100,   1171,   1172,   1173,    1174,
                                   1200, 2344, 4096, 65535, 65536, 262143, 262144, 262145, 1 << 20, 4 << 20};
    uint8_t *bytes = malloc(4 << 20);
    for (size_t i = 0; i < 4 << 20; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    for (unsigned loss = 0; loss <= 2; loss += 2) {
        pair_t pair;
        pair_connect(&pair, 5, &(link_options_t){.delay_us = 5000, .loss_percent = loss}, &(sctp_config_t){.max_message_size = 4 << 20});
        pair.on_output = keep_length;
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
        pair_run(&pair, 5 * PEER_SECOND);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int back = 0; back < 2; back++) {
                last_count = 0;
                last_is_intact = true;
                CHECK_INT(send_copy(back ? pair.b.announced[0] : channel, pair.now, bytes, sizes[i], false), 0);
                CHECK(pair_run_until(&pair, has_arrived, 600 * PEER_SECOND));
                CHECK_INT(last_length, sizes[i]);
                CHECK_INT(last_count, 1);
                CHECK(last_is_intact);
            }
        pair_free(&pair);
    }
    free(bytes);
}

static uint32_t received_numbers[4096];
static size_t received_count;

static void keep_numbers(pair_t *pair, side_t *side, const sctp_output_t *output)
{
    (void)pair;
    (void)side;
    if (output->type == SCTP_OUTPUT_MESSAGE && received_count < 4096)
        memcpy(&received_numbers[received_count++], output->message->data, 4);
}

static void run_partial(const sctp_channel_options_t *options, uint64_t seed, unsigned loss, uint32_t count)
{
    pair_t pair;
    received_count = 0;
    pair_connect(&pair, seed, &(link_options_t){.delay_us = 20000, .loss_percent = loss}, NULL);
    pair.on_output = keep_numbers;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, options);
    pair_run(&pair, 20 * PEER_SECOND);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[900] = {0};
        memcpy(bytes, &i, 4);
        CHECK_INT(send_copy(channel, pair.now, bytes, sizeof bytes, false), 0);
        pair_run(&pair, 5 * PEER_MILLISECOND);
    }
    pair_run(&pair, 300 * PEER_SECOND);
    size_t partial = received_count;
    for (size_t i = 1; i < received_count; i++)
        if (!options->is_unordered)
            CHECK(received_numbers[i] > received_numbers[i - 1]);
    /* The association lives on, and so does the channel. */
    sctp_channel_options_t reliable = SCTP_CHANNEL_OPTIONS_INIT;
    sctp_channel_t *other = sctp_open(pair.a.sctp, pair.now, &reliable);
    pair_poll(&pair);
    uint32_t last = 77777;
    CHECK_INT(send_copy(other, pair.now, &last, sizeof last, false), 0);
    pair_run(&pair, 30 * PEER_SECOND);
    CHECK_INT(received_count, partial + 1);
    CHECK_INT(received_numbers[partial], last);
    sctp_channel_close(channel, pair.now);
    pair_run(&pair, 30 * PEER_SECOND);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CLOSED);
    received_count = partial;
    pair_free(&pair);
}

TEST(without_retransmissions_lost_messages_stay_lost_and_the_rest_arrives)
{
    for (int unordered = 0; unordered < 2; unordered++) {
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.max_retransmits = 0;
        options.is_unordered = unordered;
        run_partial(&options, 3, 10, 1000);
        test_note("10 %% loss, no retransmission: %zu of 1000", received_count);
        CHECK(received_count >= 800 && received_count <= 960);
    }
}

TEST(more_retransmissions_save_more_messages)
{
    size_t before = 0;
    for (int32_t retransmits = 0; retransmits <= 3; retransmits++) {
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.max_retransmits = retransmits;
        run_partial(&options, 4, 20, 500);
        test_note("20 %% loss, %d retransmissions: %zu of 500", retransmits, received_count);
        CHECK(received_count >= before);
        before = received_count;
    }
    CHECK(before >= 480);
}

TEST(messages_past_their_life_time_are_given_up)
{
    pair_t pair;
    received_count = 0;
    pair_connect(&pair, 1, &(link_options_t){.delay_us = 20000}, NULL);
    pair.on_output = keep_numbers;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    options.max_packet_life_time_ms = 300;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    pair_run(&pair, PEER_SECOND);
    pair.a.is_cut = pair.b.is_cut = true;
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_INT(send_copy(channel, pair.now, &i, sizeof i, false), 0);
        pair_run(&pair, 20 * PEER_MILLISECOND);
    }
    pair_run(&pair, 5 * PEER_SECOND);
    pair.a.is_cut = pair.b.is_cut = false;
    pair_run(&pair, 5 * PEER_SECOND);
    size_t old = received_count;
    test_note("of 100 messages older than 300 ms arrived: %zu", old);
    CHECK_INT(old, 0);
    uint32_t fresh = 4242;
    CHECK_INT(send_copy(channel, pair.now, &fresh, sizeof fresh, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(received_count, old + 1);
    CHECK_INT(received_numbers[old], fresh);
    pair_free(&pair);
}

TEST(large_messages_with_limits_are_given_up_whole)
{
    uint8_t *bytes = malloc(100000);
    for (size_t i = 0; i < 100000; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    for (uint64_t seed = 1; seed <= seed_count(40); seed++) {
        pair_t pair;
        last_count = 0;
        last_is_intact = true;
        pair_connect(&pair, seed, &(link_options_t){.delay_us = 10000, .loss_percent = (unsigned)(seed % 8)}, NULL);
        pair.on_output = keep_length;
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        if (seed % 3 == 0)
            options.max_packet_life_time_ms = 100;
        else
            options.max_retransmits = (int32_t)(seed % 3) - 1;
        options.is_unordered = seed % 2 == 0;
        sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
        pair_run(&pair, 10 * PEER_SECOND);
        for (int i = 0; i < 40; i++) {
            CHECK_INT(send_copy(channel, pair.now, bytes, i % 4 == 0 ? 100000 : 3000, false), 0);
            pair_run(&pair, 100 * PEER_MILLISECOND);
            if (!last_is_intact)
                test_fail(__FILE__, __LINE__, "seed %llu: a message of %zu bytes is not what was sent", (unsigned long long)seed,
                          last_length);
        }
        pair_run(&pair, 60 * PEER_SECOND);
        unsigned during = last_count;
        for (int i = 0; i < 20; i++) {
            CHECK_INT(send_copy(channel, pair.now, bytes, 500, false), 0);
            pair_run(&pair, 200 * PEER_MILLISECOND);
        }
        pair_run(&pair, 60 * PEER_SECOND);
        if (during < 15 || during > 40 || last_count < during + 10 || !last_is_intact) /* the channel must not be stuck */
            test_fail(__FILE__, __LINE__, "seed %llu: %u of 40 messages, then %u of 20", (unsigned long long)seed, during,
                      last_count - during);
        pair_free(&pair);
    }
    free(bytes);
}

static uint32_t highest_tsn;
static unsigned sent_again;

static void count_repeated(pair_t *pair, side_t *from, packet_t *packet)
{
    for (size_t at = 12; from == &pair->a && at + 16 <= packet->length;) {
        uint32_t tsn = bytes_get_u32(packet->data + at + 4);
        size_t length = bytes_get_u16(packet->data + at + 2);
        if (packet->data[at] == 0) {
            if (highest_tsn != 0 && (int32_t)(tsn - highest_tsn) <= 0)
                sent_again++;
            else
                highest_tsn = tsn;
        }
        if (length < 4)
            break;
        at += (length + 3) & ~(size_t)3;
    }
}

TEST(nothing_is_sent_twice_on_long_paths_that_lose_nothing)
{
    for (peer_time_t delay_ms = 1; delay_ms <= 300; delay_ms = delay_ms * 7 / 2) {
        pair_t pair;
        uint8_t *bytes = calloc(1, 65536);
        highest_tsn = 0;
        sent_again = 0;
        last_count = 0;
        pair_connect(&pair, 1, &(link_options_t){.delay_us = delay_ms * 1000}, NULL);
        pair.on_packet = count_repeated;
        pair.on_output = keep_length;
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
        pair_run(&pair, 2 * PEER_SECOND);
        peer_time_t start = pair.now;
        for (unsigned sent = 0; sent < 400 || last_count < 400;) {
            while (sent < 400 && sctp_channel_buffered_amount(channel) < 1 << 20) {
                CHECK_INT(send_copy(channel, pair.now, bytes, 65536, false), 0);
                sent++;
            }
            pair_run(&pair, PEER_MILLISECOND);
            CHECK(pair.now - start < 120 * PEER_SECOND);
        }
        test_note("one way %lld ms: %.0f Mbit/s, %u chunks sent again", (long long)delay_ms, 400 * 65536 * 8.0 / (double)(pair.now - start),
                  sent_again);
        CHECK_INT(sent_again, 0);
        free(bytes);
        pair_free(&pair);
    }
}

TEST(a_transport_may_be_freed_at_any_moment)
{
    uint8_t bytes[30000] = {0};
    for (uint64_t seed = 1; seed <= seed_count(300); seed++) {
        pair_t pair;
        pair_init(&pair, seed, &(link_options_t){.delay_us = 3000, .loss_percent = 10, .jitter_us = 5000}, NULL);
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        sctp_channel_t *channels[4];
        for (int i = 0; i < 4; i++)
            channels[i] = sctp_open(i % 2 ? pair.a.sctp : pair.b.sctp, pair.now, &options);
        pair_start(&pair);
        uint64_t moments = random_seeded_next(&pair.random) % 60;
        for (uint64_t k = 0; k < moments; k++) {
            sctp_channel_t *channel = channels[random_seeded_next(&pair.random) % 4];
            if (random_seeded_next(&pair.random) % 12 == 0)
                sctp_channel_close(channel, pair.now);
            else if (sctp_channel_state(channel) == SCTP_CHANNEL_OPEN)
                send_copy(channel, pair.now, bytes, sizeof bytes, false);
            pair_run(&pair, (peer_time_t)(random_seeded_next(&pair.random) % 10000));
        }
        side_t *first = seed % 2 ? &pair.a : &pair.b;
        if (seed % 3 == 0)
            sctp_terminate(first->sctp, pair.now);
        if (seed % 3 == 1)
            pair_poll(&pair);
        sctp_free(first->sctp);
        first->sctp = NULL;
        pair_run(&pair, (peer_time_t)(random_seeded_next(&pair.random) % 2000000));
        pair_free(&pair);
    }
}
