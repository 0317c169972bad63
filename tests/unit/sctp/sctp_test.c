/* Data channels between two transports over a clean link, point by point. */
#include "pair.h"
#include "send_copy.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

static const link_options_t clean = {.delay_us = 10000};

/* The last messages received on either side. */
static struct {
    char text[64][64];
    sctp_channel_t *channel[64];
    bool is_text[64];
    size_t length[64];
    size_t count;
} inbox;

static void keep(pair_t *pair, side_t *side, const sctp_output_t *output)
{
    (void)pair;
    (void)side;
    if (output->type != SCTP_OUTPUT_MESSAGE)
        return;
    size_t i = inbox.count++ % 64;
    size_t length = output->message->length < 63 ? output->message->length : 63;
    memcpy(inbox.text[i], output->message->data, length);
    inbox.text[i][length] = 0;
    inbox.channel[i] = output->channel;
    inbox.is_text[i] = output->is_text;
    inbox.length[i] = output->message->length;
}

static void connect_pair(pair_t *pair)
{
    memset(&inbox, 0, sizeof inbox);
    pair_connect(pair, 1, &clean, NULL);
    pair_run(pair, 20 * PEER_MILLISECOND); /* the last word of the handshake */
    pair->on_output = keep;
}

static sctp_channel_t *open_channel(pair_t *pair, side_t *side, const char *label)
{
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    options.label = label;
    sctp_channel_t *channel = sctp_open(side->sctp, pair->now, &options);
    CHECK(channel != NULL);
    return channel;
}

static int send_text(pair_t *pair, sctp_channel_t *channel, const char *text)
{
    return send_copy(channel, pair->now, text, strlen(text), true);
}

TEST(both_sides_connect_at_once)
{
    pair_t pair;
    connect_pair(&pair);
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CONNECTED);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CONNECTED], 1);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CONNECTED], 1);
    CHECK(pair.now - 1000000 <= 40000); /* two round trips */
    pair_free(&pair);
}

TEST(packets_that_arrive_before_the_start_are_kept)
{
    pair_t pair;
    pair_init(&pair, 1, &clean, NULL);
    CHECK_INT(start(pair.a.sctp, pair.now, true), 0);
    pair_run(&pair, 50 * PEER_MILLISECOND);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_NEW);
    CHECK_INT(start(pair.b.sctp, pair.now, false), 0);
    pair_run(&pair, 25 * PEER_MILLISECOND);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(a_channel_opened_here_is_announced_there_with_all_its_properties)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_options_t options = {.label = "späße",
                                      .protocol = "proto",
                                      .is_unordered = true,
                                      .max_retransmits = 7,
                                      .max_packet_life_time_ms = -1,
                                      .id = -1,
                                      .priority = 1024};
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CONNECTING);
    CHECK_INT(sctp_channel_id(channel), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_OPEN);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_OPEN], 1);
    CHECK_INT(pair.b.announced_count, 1);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_OPEN], 0);
    sctp_channel_t *remote = pair.b.announced[0];
    CHECK_TEXT(sctp_channel_label(remote), "späße");
    CHECK_TEXT(sctp_channel_protocol(remote), "proto");
    CHECK(!sctp_channel_is_ordered(remote));
    CHECK_INT(sctp_channel_max_retransmits(remote), 7);
    CHECK_INT(sctp_channel_max_packet_life_time_ms(remote), -1);
    CHECK_INT(sctp_channel_priority(remote), 1024);
    CHECK_INT(sctp_channel_id(remote), 0);
    CHECK_INT(sctp_channel_state(remote), SCTP_CHANNEL_OPEN);
    pair_free(&pair);
}

TEST(ids_follow_the_dtls_role)
{
    pair_t pair;
    connect_pair(&pair);
    CHECK_INT(sctp_channel_id(open_channel(&pair, &pair.a, "")), 0);
    CHECK_INT(sctp_channel_id(open_channel(&pair, &pair.b, "")), 1);
    CHECK_INT(sctp_channel_id(open_channel(&pair, &pair.a, "")), 2);
    CHECK_INT(sctp_channel_id(open_channel(&pair, &pair.b, "")), 3);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.a.announced_count, 2);
    CHECK_INT(pair.b.announced_count, 2);
    pair_free(&pair);
}

TEST(channels_opened_before_the_association_wait_for_it)
{
    pair_t pair;
    pair_init(&pair, 1, &clean, NULL);
    sctp_channel_t *first = open_channel(&pair, &pair.a, "first"), *second = open_channel(&pair, &pair.a, "second");
    CHECK_INT(sctp_channel_id(first), SCTP_CHANNEL_ID_NONE);
    CHECK_INT(send_text(&pair, first, "x"), PEER_ERROR_INVALID_STATE);
    pair_start(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_channel_id(first), 0);
    CHECK_INT(sctp_channel_id(second), 2);
    CHECK_INT(sctp_channel_state(second), SCTP_CHANNEL_OPEN);
    CHECK_INT(pair.b.announced_count, 2);
    CHECK_TEXT(sctp_channel_label(pair.b.announced[0]), "first");
    pair_free(&pair);
}

TEST(the_first_message_leaves_with_the_open_request)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    CHECK_INT(send_text(&pair, channel, "hello"), 0);
    pair_run(&pair, 11 * PEER_MILLISECOND); /* half a round trip */
    CHECK_INT(inbox.count, 1);
    CHECK_TEXT(inbox.text[0], "hello");
    CHECK(inbox.channel[0] == pair.b.announced[0]);
    pair_free(&pair);
}

TEST(text_binary_and_empty_messages_keep_their_kind)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    CHECK_INT(send_copy(channel, pair.now, "text", 4, true), 0);
    CHECK_INT(send_copy(channel, pair.now, "bin", 3, false), 0);
    CHECK_INT(send_copy(channel, pair.now, NULL, 0, true), 0);
    CHECK_INT(send_copy(channel, pair.now, "", 0, false), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(inbox.count, 4);
    CHECK(inbox.is_text[0] && !inbox.is_text[1] && inbox.is_text[2] && !inbox.is_text[3]);
    CHECK_INT(inbox.length[0], 4);
    CHECK_INT(inbox.length[1], 3);
    CHECK_INT(inbox.length[2], 0);
    CHECK_INT(inbox.length[3], 0);
    sctp_channel_stats_t sent = sctp_channel_stats(channel), received = sctp_channel_stats(pair.b.announced[0]);
    CHECK_INT(sent.messages_sent, 4);
    CHECK_INT(sent.bytes_sent, 7);
    CHECK_INT(received.messages_received, 4);
    CHECK_INT(received.bytes_received, 7);
    pair_free(&pair);
}

TEST(messages_go_back_on_an_announced_channel)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.b, "");
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(send_text(&pair, pair.a.announced[0], "back"), 0);
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(inbox.count, 1);
    CHECK(inbox.channel[0] == channel);
    pair_free(&pair);
}

TEST(the_buffered_amount_rises_in_send_and_falls_in_poll)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    CHECK_INT(send_text(&pair, channel, "12345"), 0);
    CHECK_INT(sctp_channel_buffered_amount(channel), 5);
    CHECK_INT(send_copy(channel, pair.now, NULL, 0, true), 0);
    CHECK_INT(sctp_channel_buffered_amount(channel), 5);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_HANDED], 0);
    pair_poll(&pair);
    CHECK_INT(sctp_channel_buffered_amount(channel), 0);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_HANDED], 1);
    pair_free(&pair);
}

TEST(buffered_amount_low_comes_when_the_threshold_is_crossed_and_only_then)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    sctp_channel_set_buffered_amount_low_threshold(channel, 3 << 20);
    char *bytes = calloc(1, 256 << 10);
    for (int i = 0; i < 8; i++) /* 2 MiB never exceed it */
        CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    pair_run(&pair, 30 * PEER_SECOND);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_HANDED], 0);
    CHECK_INT(sctp_channel_buffered_amount(channel), 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    CHECK_INT(sctp_channel_buffered_amount(channel), 10 << 20);
    pair_run(&pair, 30 * PEER_SECOND);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_HANDED], 1);
    CHECK_INT(sctp_channel_buffered_amount(channel), 0);
    CHECK_INT(inbox.count, 48);
    free(bytes);
    pair_free(&pair);
}

TEST(too_much_at_once_is_refused_and_nothing_of_it_taken)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    char *bytes = calloc(1, 256 << 10);
    int sent = 0, code;
    while ((code = send_copy(channel, pair.now, bytes, 256 << 10, false)) == 0)
        sent++;
    CHECK_INT(code, PEER_ERROR_OPERATION);
    CHECK(sent >= 64 && sent < 100);
    CHECK_INT(sctp_channel_buffered_amount(channel), (int64_t)sent * (256 << 10));
    pair_run(&pair, 60 * PEER_SECOND);
    CHECK_INT(inbox.count, sent);
    CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    free(bytes);
    pair_free(&pair);
}

TEST(a_message_larger_than_the_remote_side_takes_is_refused)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    char *bytes = calloc(1, SCTP_DEFAULT_MAX_MESSAGE_SIZE + 1);
    CHECK_INT(send_copy(channel, pair.now, bytes, SCTP_DEFAULT_MAX_MESSAGE_SIZE + 1, false), PEER_ERROR_TYPE);
    CHECK_INT(send_copy(channel, pair.now, bytes, SCTP_DEFAULT_MAX_MESSAGE_SIZE, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(inbox.count, 1);
    CHECK_INT(inbox.length[0], SCTP_DEFAULT_MAX_MESSAGE_SIZE);
    free(bytes);
    pair_free(&pair);
}

TEST(a_message_larger_than_we_take_closes_its_channel_with_an_error)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "big"), *other = open_channel(&pair, &pair.a, "other");
    pair_poll(&pair);
    sctp_set_remote(pair.a.sctp, SCTP_DEFAULT_PORT, 0); /* it does not keep to what was announced */
    size_t length = 8 << 20;
    char *bytes = calloc(1, length);
    CHECK_INT(send_copy(channel, pair.now, bytes, length, false), 0);
    CHECK_INT(send_text(&pair, other, "still here"), 0);
    pair_run(&pair, 60 * PEER_SECOND);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_ERROR], 1);
    CHECK(strstr(pair.b.message, "max-message-size") != NULL);
    CHECK_INT(sctp_channel_state(pair.b.announced[0]), SCTP_CHANNEL_CLOSED);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CLOSED);
    CHECK_INT(inbox.count, 1);
    CHECK_TEXT(inbox.text[0], "still here");
    free(bytes);
    pair_free(&pair);
}

TEST(wrong_options_are_refused_with_the_errors_w3c_names)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_options_t both = {.max_retransmits = 0, .max_packet_life_time_ms = 0, .id = -1};
    CHECK(sctp_open(pair.a.sctp, pair.now, &both) == NULL);
    sctp_channel_options_t no_id = {.max_retransmits = -1, .max_packet_life_time_ms = -1, .is_negotiated = true, .id = -1};
    CHECK(sctp_open(pair.a.sctp, pair.now, &no_id) == NULL);
    sctp_channel_options_t id = no_id;
    id.id = 65535;
    CHECK(sctp_open(pair.a.sctp, pair.now, &id) == NULL);
    id.id = 5;
    CHECK(sctp_open(pair.a.sctp, pair.now, &id) != NULL);
    CHECK(sctp_open(pair.a.sctp, pair.now, &id) == NULL);
    char *label = malloc(65537);
    memset(label, 'x', 65536);
    label[65536] = 0;
    sctp_channel_options_t long_label = SCTP_CHANNEL_OPTIONS_INIT;
    long_label.label = label;
    CHECK(sctp_open(pair.a.sctp, pair.now, &long_label) == NULL);
    label[65535] = 0;
    CHECK(sctp_open(pair.a.sctp, pair.now, &long_label) != NULL);
    free(label);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 1);
    CHECK_INT(strlen(sctp_channel_label(pair.b.announced[0])), 65535);
    pair_free(&pair);
}

TEST(negotiated_channels_meet_by_their_id_without_dcep)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_options_t options = {.max_retransmits = -1, .max_packet_life_time_ms = -1, .is_negotiated = true, .id = 100};
    sctp_channel_t *here = sctp_open(pair.a.sctp, pair.now, &options), *there = sctp_open(pair.b.sctp, pair.now, &options);
    pair_poll(&pair);
    CHECK_INT(sctp_channel_state(here), SCTP_CHANNEL_OPEN);
    CHECK_INT(sctp_channel_state(there), SCTP_CHANNEL_OPEN);
    CHECK_INT(send_text(&pair, here, "to there"), 0);
    CHECK_INT(send_text(&pair, there, "to here"), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(inbox.count, 2);
    CHECK_INT(pair.a.announced_count + pair.b.announced_count, 0);
    pair_free(&pair);
}

TEST(messages_that_come_before_their_negotiated_channel_are_kept_for_it)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_options_t options = {.max_retransmits = -1, .max_packet_life_time_ms = -1, .is_negotiated = true, .id = 9};
    sctp_channel_t *here = sctp_open(pair.a.sctp, pair.now, &options);
    pair_poll(&pair);
    CHECK_INT(send_text(&pair, here, "one"), 0);
    CHECK_INT(send_text(&pair, here, "two"), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(inbox.count, 0);
    CHECK(sctp_open(pair.b.sctp, pair.now, &options) != NULL);
    pair_poll(&pair);
    CHECK_INT(inbox.count, 2);
    CHECK_TEXT(inbox.text[0], "one");
    CHECK_TEXT(inbox.text[1], "two");
    pair_free(&pair);
}

TEST(messages_without_a_channel_are_kept_up_to_a_bound)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_options_t options = {.max_retransmits = -1, .max_packet_life_time_ms = -1, .is_negotiated = true, .id = 9};
    sctp_channel_t *here = sctp_open(pair.a.sctp, pair.now, &options);
    pair_poll(&pair);
    for (int i = 0; i < 200; i++)
        CHECK_INT(send_text(&pair, here, "x"), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK(sctp_open(pair.b.sctp, pair.now, &options) != NULL);
    pair_poll(&pair);
    CHECK_INT(inbox.count, 64);
    pair_free(&pair);
}

TEST(close_sends_what_was_queued_first_and_closes_both_sides)
{
    for (int from_b = 0; from_b < 2; from_b++) {
        pair_t pair;
        connect_pair(&pair);
        sctp_channel_t *opened = open_channel(&pair, &pair.a, "");
        pair_run(&pair, 100 * PEER_MILLISECOND);
        sctp_channel_t *announced = pair.b.announced[0];
        sctp_channel_t *closer = from_b ? announced : opened, *other = from_b ? opened : announced;
        side_t *other_side = from_b ? &pair.a : &pair.b, *closing_side = from_b ? &pair.b : &pair.a;
        char *bytes = calloc(1, 256 << 10);
        for (int i = 0; i < 20; i++)
            CHECK_INT(send_copy(closer, pair.now, bytes, 256 << 10, false), 0);
        sctp_channel_close(closer, pair.now);
        sctp_channel_close(closer, pair.now);
        CHECK_INT(sctp_channel_state(closer), SCTP_CHANNEL_CLOSING);
        CHECK_INT(send_text(&pair, closer, "too late"), PEER_ERROR_INVALID_STATE);
        pair_run(&pair, 20 * PEER_SECOND);
        CHECK_INT(inbox.count, 20);
        CHECK_INT(sctp_channel_state(closer), SCTP_CHANNEL_CLOSED);
        CHECK_INT(sctp_channel_state(other), SCTP_CHANNEL_CLOSED);
        CHECK_INT(other_side->counts[SCTP_OUTPUT_CHANNEL_CLOSING], 1);
        CHECK_INT(closing_side->counts[SCTP_OUTPUT_CHANNEL_CLOSING], 0);
        CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 1);
        CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 1);
        CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_ERROR] + pair.b.counts[SCTP_OUTPUT_CHANNEL_ERROR], 0);
        free(bytes);
        pair_free(&pair);
    }
}

TEST(both_sides_may_close_at_once)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, 100 * PEER_MILLISECOND);
    sctp_channel_close(channel, pair.now);
    sctp_channel_close(pair.b.announced[0], pair.now);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CLOSED);
    CHECK_INT(sctp_channel_state(pair.b.announced[0]), SCTP_CHANNEL_CLOSED);
    pair_free(&pair);
}

TEST(an_id_is_used_again_after_its_channel_closed)
{
    pair_t pair;
    connect_pair(&pair);
    for (size_t i = 0; i < 50; i++) {
        char text[16];
        snprintf(text, sizeof text, "%zu", i);
        sctp_channel_t *channel = open_channel(&pair, &pair.a, text);
        CHECK_INT(sctp_channel_id(channel), 0);
        pair_poll(&pair);
        CHECK_INT(send_text(&pair, channel, text), 0);
        sctp_channel_close(channel, pair.now);
        while (sctp_channel_state(channel) != SCTP_CHANNEL_CLOSED)
            pair_run(&pair, PEER_MILLISECOND);
        sctp_channel_release(channel, pair.now);
        CHECK_INT(inbox.count, i + 1);
        CHECK_TEXT(inbox.text[i], text);
    }
    CHECK_INT(pair.b.announced_count, 50);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 50);
    sctp_stats_t stats;
    sctp_stats_get(pair.b.sctp, &stats);
    CHECK_INT(stats.channels_opened, 50);
    CHECK_INT(stats.channels_closed, 50);
    pair_free(&pair);
}

TEST(a_channel_closed_before_the_association_is_up_just_closes)
{
    pair_t pair;
    pair_init(&pair, 1, &clean, NULL);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    sctp_channel_close(channel, pair.now);
    pair_poll(&pair);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CLOSED);
    pair_start(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 0);
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CONNECTED);
    pair_free(&pair);
}

TEST(a_released_channel_is_never_heard_of_again)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(send_text(&pair, pair.b.announced[0], "to nobody"), 0);
    CHECK_INT(send_text(&pair, channel, "last words"), 0);
    sctp_channel_release(channel, pair.now);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(inbox.count, 1);
    CHECK_TEXT(inbox.text[0], "last words");
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 0);
    CHECK_INT(sctp_channel_state(pair.b.announced[0]), SCTP_CHANNEL_CLOSED);
    pair_free(&pair);
}

TEST(messages_that_come_after_close_are_dropped)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(send_text(&pair, pair.b.announced[0], "crossing"), 0);
    sctp_channel_close(channel, pair.now);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(inbox.count, 0);
    pair_free(&pair);
}

TEST(terminating_tells_the_remote_side_and_closes_every_channel)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *one = open_channel(&pair, &pair.a, ""), *two = open_channel(&pair, &pair.b, "");
    pair_run(&pair, 100 * PEER_MILLISECOND);
    sctp_terminate(pair.a.sctp, pair.now);
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CLOSED);
    CHECK_INT(sctp_state(pair.b.sctp), SCTP_STATE_CLOSED);
    CHECK_INT(sctp_channel_state(one), SCTP_CHANNEL_CLOSED);
    CHECK_INT(sctp_channel_state(two), SCTP_CHANNEL_CLOSED);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 2);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 2);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CLOSED], 1);
    CHECK_INT(pair.b.closed.error, 0);
    CHECK_INT(pair.b.closed.cause_code, 12);
    CHECK(sctp_deadline(pair.a.sctp) == PEER_TIME_NEVER);
    CHECK(sctp_deadline(pair.b.sctp) == PEER_TIME_NEVER);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    CHECK(sctp_open(pair.a.sctp, pair.now, &options) == NULL);
    pair_free(&pair);
}

TEST(an_idle_association_wants_no_time)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, 2 * PEER_SECOND);
    CHECK(sctp_deadline(pair.a.sctp) == PEER_TIME_NEVER);
    CHECK(sctp_deadline(pair.b.sctp) == PEER_TIME_NEVER);
    pair_run(&pair, 3600 * PEER_SECOND);
    CHECK_INT(send_text(&pair, channel, "after an hour"), 0);
    pair_run(&pair, 100 * PEER_MILLISECOND);
    CHECK_INT(inbox.count, 1);
    pair_free(&pair);
}

TEST(a_transfer_goes_on_after_a_long_outage_of_the_path)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, PEER_SECOND);
    pair.a.is_cut = pair.b.is_cut = true;
    CHECK_INT(send_text(&pair, channel, "patience"), 0);
    pair_run(&pair, 600 * PEER_SECOND);
    CHECK_INT(sctp_state(pair.a.sctp), SCTP_STATE_CONNECTED);
    pair.a.is_cut = pair.b.is_cut = false;
    pair_run(&pair, 4 * PEER_SECOND);
    CHECK_INT(inbox.count, 1);
    pair_free(&pair);
}

TEST(no_packet_exceeds_the_mtu_and_a_changed_mtu_is_kept_to)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_poll(&pair);
    char *bytes = calloc(1, 256 << 10);
    CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK(pair.a.largest_packet <= 1200);
    CHECK(pair.a.largest_packet > 1190);
    sctp_set_path(pair.a.sctp, pair.now, &(sctp_path_t){9000, 9000, 65}, false);
    pair.a.largest_packet = 0;
    CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK(pair.a.largest_packet <= 9000);
    CHECK(pair.a.largest_packet > 8000);
    sctp_set_path(pair.a.sctp, pair.now, &(sctp_path_t){600, 600, 65}, false);
    pair.a.largest_packet = 0;
    CHECK_INT(send_copy(channel, pair.now, bytes, 256 << 10, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK(pair.a.largest_packet <= 600);
    CHECK_INT(inbox.count, 3);
    free(bytes);
    pair_free(&pair);
}

TEST(three_hundred_channels_carry_their_own_messages)
{
    pair_t pair;
    connect_pair(&pair);
    static sctp_channel_t *channels[300];
    for (int i = 0; i < 300; i++) {
        char label[16];
        snprintf(label, sizeof label, "%d", i);
        channels[i] = open_channel(&pair, i % 2 ? &pair.b : &pair.a, label);
    }
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.a.announced_count, 150);
    CHECK_INT(pair.b.announced_count, 150);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < 300; i++)
            CHECK_INT(send_text(&pair, channels[i], sctp_channel_label(channels[i])), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    for (int i = 0; i < 150; i++) {
        CHECK_INT(sctp_channel_stats(pair.a.announced[i]).messages_received, 5);
        CHECK_INT(sctp_channel_stats(pair.b.announced[i]).messages_received, 5);
    }
    for (int i = 0; i < 300; i++)
        sctp_channel_close(channels[i], pair.now);
    pair_run(&pair, 10 * PEER_SECOND);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 300);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSED], 300);
    pair_free(&pair);
}

TEST(a_channel_beyond_the_streams_is_refused)
{
    pair_t pair;
    memset(&inbox, 0, sizeof inbox);
    pair_connect(&pair, 1, &clean, &(sctp_config_t){.max_channels = 8});
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    for (int i = 0; i < 4; i++)
        CHECK(sctp_open(pair.a.sctp, pair.now, &options) != NULL);
    CHECK(sctp_open(pair.a.sctp, pair.now, &options) == NULL);
    sctp_stats_t stats;
    sctp_stats_get(pair.a.sctp, &stats);
    CHECK_INT(stats.max_channels, 8);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 4);
    pair_free(&pair);
}

TEST(channels_share_the_association_fairly)
{
    pair_t pair;
    connect_pair(&pair);
    sctp_channel_t *bulk = open_channel(&pair, &pair.a, "bulk"), *chat = open_channel(&pair, &pair.a, "chat");
    pair_run(&pair, PEER_SECOND);
    char *bytes = calloc(1, 64 << 10);
    for (int i = 0; i < 200; i++)
        CHECK_INT(send_copy(bulk, pair.now, bytes, 64 << 10, false), 0);
    CHECK_INT(send_text(&pair, chat, "may I?"), 0);
    pair.on_output = NULL;
    while (sctp_channel_stats(pair.b.announced[1]).messages_received == 0)
        pair_run(&pair, PEER_MILLISECOND);
    CHECK(sctp_channel_stats(pair.b.announced[0]).messages_received < 40); /* what usrsctp had already, not the 200 */
    free(bytes);
    pair_free(&pair);
}

typedef struct packet_count {
    unsigned large_from_a;
    unsigned all_from_b;
} packet_count_t;

static void count_packets(pair_t *pair, side_t *from, packet_t *packet)
{
    packet_count_t *count = pair->context;
    if (from == &pair->b)
        count->all_from_b++;
    else if (packet->length > 1000)
        count->large_from_a++;
}

TEST(a_run_of_packets_that_is_read_at_once_is_acknowledged_by_few)
{
    static uint8_t message[200000];
    pair_t pair;
    packet_count_t count = {0};
    connect_pair(&pair);
    sctp_channel_t *channel = open_channel(&pair, &pair.a, "");
    pair_run(&pair, PEER_SECOND);
    pair.context = &count;
    pair.on_packet = count_packets;
    CHECK_INT(send_copy(channel, pair.now, message, sizeof message, false), 0);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(inbox.count, 1);
    CHECK_INT(inbox.length[0], sizeof message);
    CHECK(count.large_from_a >= sizeof message / 1200);
    CHECK(count.all_from_b <
          count.large_from_a / 4); /* each second packet is acknowledged (RFC 9260 §6.2); what is superseded is not sent */
    pair_free(&pair);
}
