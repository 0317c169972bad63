/* One bundle: what comes is told apart by its first byte, waits for its layer, and is believed only when it proves itself. */
#include "pair.h"
#include "send_copy.h"

#include "base/error.h"
#include "test.h"

static const uint8_t rtp[] = {0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 42, 'm', 'e', 'd', 'i', 'a'};
static const uint8_t rtcp[] = {0x80, 201, 0, 1, 0, 0, 0, 42};
static const uint8_t fatal_alert[] = {21, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40}; /* RFC 6347 §4.1: epoch 0, handshake_failure */

static bool is_dtls(const packet_t *packet)
{
    return dtls_is_datagram(packet->data, packet->length);
}

static void open_connected(pair_t *pair)
{
    pair_open(pair, false);
    pair_connect(pair);
    pair_run(pair, PEER_SECOND);
    CHECK_INT(pair->sides[0].dtls_state, DTLS_STATE_CONNECTED);
    CHECK_INT(pair->sides[1].dtls_state, DTLS_STATE_CONNECTED);
    CHECK(transport_is_ready(pair->sides[0].transport) && transport_is_ready(pair->sides[1].transport));
}

static uint64_t refused_media(const transport_t *transport)
{
    const srtp_statistics_t *srtp = transport_srtp_statistics(transport);
    return srtp->authentication_failures + srtp->malformed;
}

/* To whom a datagram with these first two bytes was given. */
static char taker(pair_t *pair, uint8_t first, uint8_t second)
{
    transport_t *transport = pair->sides[1].transport;
    const ice_drops_t *ice = ice_agent_drops(transport_ice(transport));
    uint64_t malformed = ice->malformed, dtls = dtls_statistics(transport_dtls(transport))->datagrams_received;
    uint64_t unknown = transport_statistics(transport)->dropped_unknown;
    uint64_t media = refused_media(transport);
    uint8_t bytes[40] = {first, second};
    pair_inject(pair, 1, NULL, bytes, sizeof bytes);
    if (ice->malformed > malformed)
        return 's';
    if (dtls_statistics(transport_dtls(transport))->datagrams_received > dtls)
        return 'd';
    if (refused_media(transport) > media)
        return 'm';
    return transport_statistics(transport)->dropped_unknown > unknown ? '-' : '?';
}

TEST(datagrams_are_told_apart_by_their_first_byte_as_rfc_7983_and_9443_say)
{
    pair_t pair;
    open_connected(&pair);
    for (int first = 0; first < 256; first++) {
        char expected = first <= 3 ? 's' : first >= 20 && first <= 63 ? 'd' : first >= 128 && first <= 191 ? 'm' : '-';
        CHECK_INT(taker(&pair, (uint8_t)first, 0), expected);
        CHECK_INT(taker(&pair, (uint8_t)first, 200), expected);
    }
    pair_run(&pair, PEER_SECOND);
    CHECK(transport_is_ready(pair.sides[1].transport));
    pair_close(&pair);
}

TEST(datagrams_too_short_for_any_protocol_are_dropped)
{
    pair_t pair;
    open_connected(&pair);
    const uint8_t bytes[1] = {0x80};
    uint64_t before = transport_statistics(pair.sides[1].transport)->dropped_unknown;
    pair_inject(&pair, 1, NULL, bytes, 0);
    pair_inject(&pair, 1, NULL, bytes, 1);
    CHECK_INT(transport_statistics(pair.sides[1].transport)->dropped_unknown, before + 2);
    pair_close(&pair);
}

TEST(rtp_and_rtcp_arrive_in_the_clear_and_apart)
{
    pair_t pair;
    open_connected(&pair);
    CHECK(transport_send_rtp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_VIDEO,
                             TRANSPORT_PRIORITY_UNSET));
    CHECK(transport_send_rtcp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtcp, sizeof rtcp)));
    pair_run(&pair, PEER_MILLISECOND);
    CHECK_INT(pair.sides[1].rtp, 1);
    CHECK_INT(pair.sides[1].rtcp, 1);
    CHECK_BYTES(pair.sides[1].last_rtp, rtp, sizeof rtp);
    pair_close(&pair);
}

static bool holds_dtls_of_server(const pair_t *pair, const side_t *from, const packet_t *packet)
{
    (void)pair;
    return from->index == 1 && is_dtls(packet) && from->dtls_state == DTLS_STATE_CONNECTED;
}

TEST(media_that_overtakes_the_end_of_the_handshake_is_held_and_delivered)
{
    pair_t pair;
    pair_open(&pair, false);
    pair_connect(&pair);
    for (int i = 0; i < 200 && pair.sides[1].dtls_state != DTLS_STATE_CONNECTED; i++) {
        pair.holds_back = holds_dtls_of_server;
        pair_run(&pair, PEER_MILLISECOND);
    }
    CHECK_INT(pair.sides[1].dtls_state, DTLS_STATE_CONNECTED);
    if (pair.sides[0].dtls_state == DTLS_STATE_CONNECTED) { /* its last flight left with the news: nothing to overtake */
        test_note("the server's last flight was not held back");
        CHECK(false);
    }
    CHECK(transport_send_rtp(pair.sides[1].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_VIDEO,
                             TRANSPORT_PRIORITY_UNSET));
    CHECK(transport_send_rtcp(pair.sides[1].transport, pair.now, pair_packet(&pair, rtcp, sizeof rtcp)));
    pair_run(&pair, PEER_MILLISECOND);
    CHECK_INT(pair.sides[0].rtp + pair.sides[0].rtcp, 0);
    pair_release(&pair);
    pair_run(&pair, PEER_MILLISECOND);
    CHECK_INT(pair.sides[0].dtls_state, DTLS_STATE_CONNECTED);
    CHECK_INT(pair.sides[0].rtp, 1);
    CHECK_INT(pair.sides[0].rtcp, 1);
    CHECK_BYTES(pair.sides[0].last_rtp, rtp, sizeof rtp);
    pair_close(&pair);
}

static bool holds_dtls(const pair_t *pair, const side_t *from, const packet_t *packet)
{
    (void)pair;
    (void)from;
    return is_dtls(packet);
}

TEST(early_media_beyond_what_is_held_is_dropped_and_counted)
{
    pair_t pair;
    pair_open(&pair, false);
    pair.holds_back = holds_dtls;
    pair_connect(&pair);
    pair_run(&pair, 30 * PEER_MILLISECOND);
    for (int i = 0; i < TRANSPORT_HELD_PACKETS + 10; i++)
        pair_inject(&pair, 1, NULL, rtp, sizeof rtp);
    CHECK_INT(transport_statistics(pair.sides[1].transport)->dropped_early, 10);
    pair_release(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[1].dtls_state, DTLS_STATE_CONNECTED);
    CHECK_INT(pair.sides[1].rtp, 0); /* none of it was the peer's */
    pair_close(&pair);
}

TEST(a_stranger_can_neither_end_the_handshake_nor_fill_what_is_held)
{
    pair_t pair;
    const address_t stranger = address_ipv4(198, 51, 100, 66, 6666);
    pair_open(&pair, false);
    pair.holds_back = holds_dtls;
    pair_connect(&pair);
    pair_run(&pair, 30 * PEER_MILLISECOND);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 100; j++) {
            pair_inject(&pair, i, &stranger, fatal_alert, sizeof fatal_alert);
            pair_inject(&pair, i, &stranger, rtp, sizeof rtp);
        }
        CHECK_INT(transport_statistics(pair.sides[i].transport)->dropped_stranger, 200);
        CHECK_INT(transport_statistics(pair.sides[i].transport)->dropped_early, 0);
    }
    pair_release(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[0].dtls_state, DTLS_STATE_CONNECTED);
    CHECK_INT(pair.sides[1].dtls_state, DTLS_STATE_CONNECTED);
    pair_close(&pair);
}

TEST(with_a_wrong_fingerprint_nothing_can_be_sent_or_received)
{
    pair_t pair;
    pair_open(&pair, true);
    pair_connect(&pair);
    pair_run(&pair, 5 * PEER_SECOND);
    CHECK_INT(pair.sides[0].dtls_state, DTLS_STATE_FAILED);
    for (int i = 0; i < 2; i++) {
        CHECK(!transport_is_ready(pair.sides[i].transport));
        CHECK(!transport_send_rtp(pair.sides[i].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_VIDEO,
                                  TRANSPORT_PRIORITY_UNSET));
        CHECK(sctp_state(transport_sctp(pair.sides[i].transport)) != SCTP_STATE_CONNECTED);
    }
    pair_close(&pair);
}

TEST(the_same_fingerprints_in_another_order_change_nothing_and_others_are_refused)
{
    pair_t pair;
    pair_open(&pair, false);
    fingerprint_t both[2] = {pair_fingerprint(1, FINGERPRINT_SHA_256), pair_fingerprint(1, FINGERPRINT_SHA_512)};
    fingerprint_t turned[2] = {both[1], both[0]}, other = pair_fingerprint(2, FINGERPRINT_SHA_256);
    CHECK_INT(transport_set_remote_dtls(pair.sides[0].transport, pair.now, both, 2, true), 0);
    pair_connect(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[0].dtls_state, DTLS_STATE_CONNECTED);
    CHECK_INT(transport_set_remote_dtls(pair.sides[0].transport, pair.now, both, 2, true), 0);
    CHECK_INT(transport_set_remote_dtls(pair.sides[0].transport, pair.now, turned, 2, true), 0);
    CHECK_INT(transport_set_remote_dtls(pair.sides[0].transport, pair.now, &other, 1, true), PEER_ERROR_INVALID_MODIFICATION);
    CHECK(transport_is_ready(pair.sides[0].transport));
    pair_close(&pair);
}

TEST(data_channels_open_over_dtls_and_carry_messages)
{
    pair_t pair;
    open_connected(&pair);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    options.label = "x";
    sctp_channel_t *channel = sctp_open(transport_sctp(pair.sides[0].transport), pair.now, &options);
    CHECK(channel != NULL);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[1].channels, 1);
    CHECK_INT(send_copy(channel, pair.now, "hello", 5, true), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[1].messages, 1);
    pair_close(&pair);
}

/* By first byte: STUN, DTLS, SRTP's two lengths that the test sends. */
static unsigned misdone, stun_seen, dtls_seen, media_seen;

static bool check_mark(const pair_t *pair, const side_t *from, const packet_t *packet)
{
    bool is_stun = packet->data[0] < 4, is_media = packet->data[0] >= 128;
    unsigned *seen = is_stun ? &stun_seen : is_media ? &media_seen : &dtls_seen;
    uint8_t expected = is_stun ? 46 : is_dtls(packet) ? 10 : 0;
    if (is_media)
        expected = packet->data[1] == 111 || packet->data[1] == 201 ? 46 : 36; /* the test's sound and RTCP, else its picture */
    misdone += packet->dscp != expected;
    ++*seen;
    return false;
}

TEST(what_is_sent_is_marked_by_its_kind_as_rfc_8837_says)
{
    static const uint8_t picture[] = {0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 43, 'm', 'e', 'd', 'i', 'a'};
    pair_t pair;
    misdone = stun_seen = dtls_seen = media_seen = 0;
    pair_open(&pair, false);
    pair.holds_back = check_mark;
    pair_connect(&pair);
    pair_run(&pair, PEER_SECOND);
    CHECK(transport_send_rtp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_AUDIO,
                             TRANSPORT_PRIORITY_UNSET));
    CHECK(transport_send_rtp(pair.sides[0].transport, pair.now, pair_packet(&pair, picture, sizeof picture), TRANSPORT_FLOW_VIDEO,
                             TRANSPORT_PRIORITY_UNSET));
    CHECK(transport_send_rtcp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtcp, sizeof rtcp)));
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(misdone, 0);
    CHECK(stun_seen > 0 && dtls_seen > 0 && media_seen == 3);
    pair_close(&pair);
}

static uint8_t last_mark;

static bool note_mark(const pair_t *pair, const side_t *from, const packet_t *packet)
{
    if (packet->data[0] >= 128 && packet->data[0] <= 191)
        last_mark = packet->dscp;
    return false;
}

TEST(a_packet_may_have_a_priority_of_its_own)
{
    pair_t pair;
    open_connected(&pair);
    pair.holds_back = note_mark;
    for (int priority = TRANSPORT_PRIORITY_VERY_LOW; priority < TRANSPORT_PRIORITIES; priority++) {
        CHECK(transport_send_rtp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_VIDEO,
                                 (transport_priority_t)priority));
        pair_run(&pair, PEER_MILLISECOND);
        CHECK_INT(last_mark, transport_dscp(TRANSPORT_FLOW_VIDEO, (transport_priority_t)priority));
    }
    pair_close(&pair);
}

TEST(the_marks_are_those_of_rfc_8837_table_1)
{
    static const uint8_t table[][TRANSPORT_PRIORITIES] = {{0, 1, 0, 46, 46}, {0, 1, 0, 36, 34}, {0, 1, 0, 10, 18}};
    for (int flow = 0; flow < TRANSPORT_FLOWS; flow++)
        for (int priority = 0; priority < TRANSPORT_PRIORITIES; priority++)
            CHECK_INT(transport_dscp((transport_flow_t)flow, (transport_priority_t)priority), table[flow][priority]);
}

TEST(closing_says_goodbye_and_ends_everything)
{
    pair_t pair;
    open_connected(&pair);
    transport_close(pair.sides[0].transport, pair.now);
    pair_run(&pair, PEER_MILLISECOND);
    CHECK_INT(pair.sides[1].dtls_state, DTLS_STATE_CLOSED);
    CHECK_INT(sctp_state(transport_sctp(pair.sides[1].transport)), SCTP_STATE_CLOSED);
    CHECK_INT(transport_deadline(pair.sides[0].transport), PEER_TIME_NEVER);
    CHECK(!transport_is_ready(pair.sides[0].transport));
    CHECK(!transport_send_rtp(pair.sides[0].transport, pair.now, pair_packet(&pair, rtp, sizeof rtp), TRANSPORT_FLOW_VIDEO,
                              TRANSPORT_PRIORITY_UNSET));
    size_t before = pair.sides[0].rtp;
    pair_inject(&pair, 0, NULL, rtp, sizeof rtp);
    transport_close(pair.sides[0].transport, pair.now); /* twice does no harm */
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.sides[0].rtp, before);
    pair_close(&pair);
}
