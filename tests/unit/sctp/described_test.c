/* Channels that offer and answer agree on (RFC 8864), as the transport is told of them. */
#include "pair.h"

#include "base/error.h"

#include <string.h>

static const sctp_channel_options_t options = {
    .label = "described", .max_retransmits = -1, .max_packet_life_time_ms = -1, .is_negotiated = true, .id = 12, .is_described = true};

static bool has_told_channels(const side_t *side)
{
    for (int type = SCTP_OUTPUT_CHANNEL_ANNOUNCED; type < SCTP_OUTPUT_CLOSED; type++)
        if (side->counts[type] > 0)
            return true;
    return false;
}

TEST(ours_opens_when_it_is_agreed_upon_and_not_before)
{
    pair_t pair;
    pair_connect(&pair, 1, NULL, NULL);
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CONNECTING);
    CHECK(sctp_is_described(pair.a.sctp, 12) && !sctp_is_described(pair.a.sctp, 13) && !sctp_is_described(pair.a.sctp, -1));
    CHECK_INT(sctp_agree(pair.a.sctp, pair.now, &options), 0);
    CHECK_INT(sctp_agree(pair.a.sctp, pair.now, &options), 0); /* once more, as with every renegotiation */
    pair_poll(&pair);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_OPEN);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_OPEN], 1);
    CHECK_INT(pair.a.announced_count, 0);
    pair_free(&pair);
}

TEST(the_remote_sides_is_announced_when_the_association_is_up)
{
    pair_t pair;
    pair_init(&pair, 1, NULL, NULL);
    CHECK_INT(sctp_agree(pair.b.sctp, pair.now, &options), 0);
    pair_poll(&pair);
    CHECK(sctp_next_channel(pair.b.sctp, NULL) == NULL && !has_told_channels(&pair.b));
    pair_start(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 1);
    CHECK_INT(sctp_channel_id(pair.b.announced[0]), 12);
    CHECK(sctp_channel_is_negotiated(pair.b.announced[0]));
    CHECK_INT(sctp_channel_state(pair.b.announced[0]), SCTP_CHANNEL_OPEN);
    CHECK_INT(pair.a.announced_count, 0); /* nothing of it is told in band */
    sctp_withdraw(pair.b.sctp, pair.now, 12);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.counts[SCTP_OUTPUT_CHANNEL_CLOSING], 1);
    CHECK(pair.b.counts[SCTP_OUTPUT_CHANNEL_ERROR] == 0);
    CHECK(!sctp_is_described(pair.b.sctp, 12));
    pair_free(&pair);
}

TEST(nothing_is_told_of_one_that_ends_before_it_was_announced)
{
    for (int terminates = 0; terminates < 2; terminates++) {
        pair_t pair;
        pair_init(&pair, 1, NULL, NULL);
        CHECK_INT(sctp_agree(pair.b.sctp, pair.now, &options), 0);
        if (terminates)
            sctp_terminate(pair.b.sctp, pair.now);
        else
            sctp_withdraw(pair.b.sctp, pair.now, 12);
        pair_poll(&pair);
        CHECK(!has_told_channels(&pair.b) && !sctp_is_described(pair.b.sctp, 12));
        pair_free(&pair);
    }
}

TEST(ours_fails_when_it_is_withdrawn_before_it_was_agreed_upon)
{
    pair_t pair;
    pair_connect(&pair, 1, NULL, NULL);
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    sctp_withdraw(pair.a.sctp, pair.now, 13);
    pair_poll(&pair);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CONNECTING);
    sctp_withdraw(pair.a.sctp, pair.now, 12);
    pair_poll(&pair);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_ERROR], 1);
    CHECK_INT(sctp_channel_state(channel), SCTP_CHANNEL_CLOSED);
    pair_free(&pair);
}

TEST(a_stream_in_use_and_labels_without_bound_are_refused)
{
    static char label[60001];
    memset(label, 'x', sizeof label - 1);
    pair_t pair;
    pair_connect(&pair, 1, NULL, NULL);
    sctp_channel_options_t own = options;
    own.is_described = false;
    CHECK(sctp_open(pair.a.sctp, pair.now, &own) != NULL);
    CHECK_INT(sctp_check_agree(pair.a.sctp, &options), PEER_ERROR_OPERATION);
    CHECK_INT(sctp_agree(pair.a.sctp, pair.now, &options), PEER_ERROR_OPERATION);
    sctp_withdraw(pair.a.sctp, pair.now, 12); /* not a described one: it stays */
    pair_poll(&pair);
    CHECK_INT(pair.a.counts[SCTP_OUTPUT_CHANNEL_OPEN], 1);
    sctp_channel_options_t large = options;
    large.label = label;
    int error = 0;
    for (large.id = 100; error == 0 && large.id < 300; large.id++)
        error = sctp_agree(pair.b.sctp, pair.now, &large);
    CHECK_INT(error, PEER_ERROR_OPERATION);
    CHECK_INT(large.id - 101, SCTP_MAX_REMOTE_LABELS / (sizeof label - 1));
    pair_free(&pair);
}
