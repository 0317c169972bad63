/* The connection between its parts: its states, when negotiation is needed, and that what is refused changes nothing. There is no network:
 * descriptions go from one to the other by hand. */
#include "connection/internal.h"
#include "connection/stats.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"
#include "virtual_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW PEER_SECOND
#define EVENTS 64

typedef struct side {
    packet_pool_t *pool;
    random_seeded_t generator;
    certificate_t *certificate;
    connection_t *connection;
    connection_event_type_t events[EVENTS]; /* since the last drain() */
    int32_t states[EVENTS];
    size_t count;
    bool wants_sockets;
} side_t;

static void open_side_as(side_t *side, uint64_t seed, const connection_config_t *given)
{
    static const connection_codec_t codecs[] = {{CONNECTION_AUDIO, "opus", 48000, 2, "minptime=10;useinbandfec=1"},
                                                {CONNECTION_VIDEO, "VP8", 90000, 0, NULL}};
    *side = (side_t){.pool = packet_pool_new()};
    virtual_time_set(NOW);
    random_seeded_init(&side->generator, seed);
    random_source_t random = random_seeded_source(&side->generator);
    CHECK_INT(certificate_generate(&side->certificate, CERTIFICATE_ECDSA_P256, 1700000000, 0, &random), 0);
    connection_config_t config = *given;
    config.random = random;
    config.pool = side->pool;
    config.certificate = side->certificate;
    config.codecs = codecs;
    config.codec_count = sizeof codecs / sizeof *codecs;
    side->connection = connection_new(&config);
    CHECK(side->connection != NULL);
}

static void open_side(side_t *side, uint64_t seed)
{
    open_side_as(side, seed, &(connection_config_t){0});
}

static void close_side(side_t *side)
{
    connection_free(side->connection);
    certificate_unref(side->certificate);
    CHECK_INT(packet_pool_outstanding(side->pool), 0);
    packet_pool_release(side->pool);
}

/* Takes what the connection puts out; the number of events of that type. */
static size_t drain(side_t *side, connection_event_type_t type)
{
    output_t output;
    size_t found = 0;
    side->count = 0;
    while (connection_poll(side->connection, &output)) {
        if (output.type == OUTPUT_SEND)
            packet_unref(output.packet);
        side->wants_sockets |= output.type == OUTPUT_OPEN_SOCKETS;
        if (output.type != OUTPUT_EVENT)
            continue;
        CHECK(side->count < EVENTS);
        side->events[side->count] = output.event->type;
        side->states[side->count++] = output.event->type <= CONNECTION_EVENT_CONNECTION_STATE ? output.event->state : 0;
        found += output.event->type == type;
        connection_event_free(output.event);
    }
    return found;
}

static char *offer_of(side_t *side)
{
    char *sdp;
    connection_sdp_type_t type;
    CHECK_INT(connection_set_local_description_implicitly(side->connection, NOW), 0);
    CHECK_INT(connection_local_description(side->connection, &type, &sdp), 1);
    return sdp;
}

static void negotiate(side_t *offerer, side_t *answerer)
{
    char *offer = offer_of(offerer);
    CHECK_INT(connection_set_remote_description(answerer->connection, NOW, CONNECTION_OFFER, offer), 0);
    char *answer = offer_of(answerer);
    CHECK_INT(connection_set_remote_description(offerer->connection, NOW, CONNECTION_ANSWER, answer), 0);
    memory_free(offer);
    memory_free(answer);
}

static void add_track(side_t *side, connection_kind_t kind, transceiver_t **transceiver)
{
    CHECK_INT(
        connection_add_track(side->connection, NOW, kind, kind == CONNECTION_AUDIO ? "a" : "v", &(const char *){"stream"}, 1, transceiver),
        0);
}

TEST(a_new_connection_is_new_stable_and_asks_for_nothing)
{
    side_t side;
    open_side(&side, 1);
    CHECK_INT(connection_state(side.connection), CONNECTION_STATE_NEW);
    CHECK_INT(connection_signaling_state(side.connection), CONNECTION_STABLE);
    CHECK_INT(drain(&side, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    CHECK_INT(side.count, 0);
    CHECK(!side.wants_sockets);
    CHECK_INT(connection_deadline(side.connection), PEER_TIME_NEVER);
    close_side(&side);
}

TEST(negotiation_is_needed_once_however_much_is_added_and_again_after_it_was_done)
{
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    add_track(&a, CONNECTION_VIDEO, &video);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 1);
    CHECK(connection_is_negotiation_needed(a.connection));
    negotiate(&a, &b);
    CHECK(!connection_is_negotiation_needed(a.connection));
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    CHECK_INT(drain(&b, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    CHECK_INT(transceiver_set_direction(audio, NOW, CONNECTION_RECVONLY), 0);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 1);
    CHECK_INT(transceiver_set_direction(audio, NOW, CONNECTION_SENDRECV), 0); /* taken back before anyone asked */
    CHECK(!connection_is_negotiation_needed(a.connection));
    close_side(&a);
    close_side(&b);
}

TEST(what_is_added_between_offer_and_answer_needs_negotiation_after_the_answer)
{
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    char *offer = offer_of(&a);
    drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED);
    add_track(&a, CONNECTION_VIDEO, &video);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
    char *answer = offer_of(&b);
    CHECK_INT(connection_set_remote_description(a.connection, NOW, CONNECTION_ANSWER, answer), 0);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 1);
    size_t signaling = 0; /* W3C §4.4.1.5: signalingstatechange first, then negotiationneeded */
    while (signaling < a.count && a.events[signaling] != CONNECTION_EVENT_SIGNALING_STATE)
        signaling++;
    CHECK(signaling < a.count && a.states[signaling] == CONNECTION_STABLE);
    CHECK_INT(a.events[a.count - 1], CONNECTION_EVENT_NEGOTIATION_NEEDED);
    memory_free(offer);
    memory_free(answer);
    close_side(&a);
    close_side(&b);
}

TEST(the_first_channel_needs_negotiation_and_further_ones_do_not)
{
    side_t a, b;
    int error = 0;
    open_side(&a, 1);
    open_side(&b, 2);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    CHECK(connection_open_channel(a.connection, NOW, &options, &error) != NULL);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 1);
    negotiate(&a, &b);
    drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED);
    CHECK(connection_open_channel(a.connection, NOW, &options, &error) != NULL);
    CHECK_INT(drain(&a, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    options.max_retransmits = options.max_packet_life_time_ms = 1; /* W3C §6.1: TypeError */
    CHECK(connection_open_channel(a.connection, NOW, &options, &error) == NULL);
    CHECK_INT(error, PEER_ERROR_TYPE);
    close_side(&a);
    close_side(&b);
}

TEST(an_offer_makes_tracks_in_the_order_of_the_specification)
{
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    add_track(&a, CONNECTION_VIDEO, &video);
    char *offer = offer_of(&a);
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
    CHECK_INT(drain(&b, CONNECTION_EVENT_TRACK), 2);
    CHECK_INT(b.events[0], CONNECTION_EVENT_SIGNALING_STATE);
    CHECK_INT(b.states[0], CONNECTION_HAVE_REMOTE_OFFER);
    CHECK_INT(connection_transceiver_count(b.connection), 2);
    memory_free(offer);
    close_side(&a);
    close_side(&b);
}

/* The offer with something in it replaced; of the same length or shorter. */
static char *changed(const char *sdp, const char *from, const char *to)
{
    char *copy = memory_string(sdp), *at = strstr(copy, from);
    CHECK(at != NULL);
    for (; at != NULL; at = strstr(at + strlen(to), from)) {
        memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
        memcpy(at, to, strlen(to));
    }
    return copy;
}

TEST(bad_descriptions_change_nothing_and_the_good_one_is_still_taken)
{
    static const struct {
        const char *from, *to;
    } changes[] = {{"v=0", "v=1"},
                   {"a=ice-ufrag:", "a=x-ufrag:"},
                   {"a=ice-pwd:", "a=x-pwd:"},
                   {"a=fingerprint:", "a=x-print:"},
                   {"a=fingerprint:sha-256", "a=fingerprint:md5"},
                   {"a=rtcp-mux", "a=x"},
                   {"a=mid:1", "a=mid:0"},
                   {"a=setup:actpass", "a=setup:maybe"},
                   {"m=video", "m="},
                   {"c=IN", "c="}};
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    add_track(&a, CONNECTION_VIDEO, &video);
    char *offer = offer_of(&a), *none;
    connection_sdp_type_t type;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *bad = changed(offer, changes[i].from, changes[i].to);
        if (connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, bad) == 0) {
            test_note("%s -> %s is taken", changes[i].from, changes[i].to);
            CHECK(false);
        }
        CHECK(*peer_last_error_message() != '\0');
        memory_free(bad);
        CHECK_INT(connection_signaling_state(b.connection), CONNECTION_STABLE);
        CHECK_INT(connection_remote_description(b.connection, &type, &none), 0);
        CHECK_INT(connection_transceiver_count(b.connection), 0);
        CHECK_INT(drain(&b, CONNECTION_EVENT_TRACK), 0);
        CHECK_INT(b.count, 0);
    }
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_ANSWER, offer), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
    memory_free(offer);
    close_side(&a);
    close_side(&b);
}

TEST(an_offer_cut_short_anywhere_never_leaves_half_of_it_behind)
{
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    add_track(&a, CONNECTION_VIDEO, &video);
    char *offer = offer_of(&a);
    for (size_t length = strlen(offer); length-- > 0;) {
        offer[length] = '\0';
        size_t before = connection_transceiver_count(b.connection);
        int result = connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer);
        if (result == 0) {
            CHECK_INT(connection_signaling_state(b.connection), CONNECTION_HAVE_REMOTE_OFFER);
            CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_ROLLBACK, ""), 0);
        }
        CHECK_INT(connection_signaling_state(b.connection), CONNECTION_STABLE);
        if (result < 0)
            CHECK_INT(connection_transceiver_count(b.connection), before);
        drain(&b, CONNECTION_EVENT_TRACK);
    }
    memory_free(offer);
    close_side(&a);
    close_side(&b);
}

TEST(payload_types_that_look_like_rtcp_are_not_taken)
{
    side_t a, b;
    transceiver_t *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_VIDEO, &video);
    char *offer = offer_of(&a), *line = changed(offer, "RTP/SAVPF 96 97", "RTP/SAVPF 72 97");
    char *map = changed(line, "a=rtpmap:96 VP8", "a=rtpmap:72 VP8"), *rtx = changed(map, "apt=96", "apt=72");
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, rtx), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(connection_signaling_state(b.connection), CONNECTION_STABLE);
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
    memory_free(offer);
    memory_free(line);
    memory_free(map);
    memory_free(rtx);
    close_side(&a);
    close_side(&b);
}

TEST(opus_has_the_payload_type_that_browsers_give_it_so_that_theirs_of_pictures_are_free)
{
    side_t a;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    add_track(&a, CONNECTION_AUDIO, &audio);
    add_track(&a, CONNECTION_VIDEO, &video);
    char *offer = offer_of(&a);
    CHECK(strstr(offer, "a=rtpmap:111 opus/48000/2\r\n") != NULL);
    CHECK(strstr(offer, "a=rtpmap:96 VP8/90000\r\n") != NULL);
    memory_free(offer);
    close_side(&a);
}

TEST(a_closed_connection_refuses_everything_and_tells_nothing_more)
{
    side_t a, b;
    transceiver_t *audio;
    char *sdp;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    negotiate(&a, &b);
    drain(&a, CONNECTION_EVENT_TRACK);
    connection_close(a.connection, NOW);
    connection_close(a.connection, NOW);
    drain(&a, CONNECTION_EVENT_TRACK);
    CHECK_INT(connection_state(a.connection), CONNECTION_STATE_CLOSED);
    CHECK_INT(connection_signaling_state(a.connection), CONNECTION_SIGNALING_CLOSED);
    CHECK_INT(connection_create_offer(a.connection, NOW, NULL, &sdp), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_set_local_description_implicitly(a.connection, NOW), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_set_remote_description(a.connection, NOW, CONNECTION_OFFER, ""), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_add_ice_candidate(a.connection, NOW, "", NULL, -1, NULL), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_restart_ice(a.connection, NOW), PEER_ERROR_INVALID_STATE);
    CHECK_INT(connection_add_track(a.connection, NOW, CONNECTION_AUDIO, "x", NULL, 0, &audio), PEER_ERROR_INVALID_STATE);
    CHECK(!connection_is_negotiation_needed(a.connection));
    CHECK_INT(connection_deadline(a.connection), PEER_TIME_NEVER);
    CHECK_INT(drain(&a, CONNECTION_EVENT_TRACK), 0);
    CHECK_INT(a.count, 0);
    close_side(&a);
    close_side(&b);
}

TEST(candidates_that_cannot_be_are_refused_and_those_not_understood_ignored)
{
    side_t a, b;
    transceiver_t *audio;
    open_side(&a, 1);
    open_side(&b, 2);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0, NULL),
              PEER_ERROR_INVALID_STATE);
    add_track(&a, CONNECTION_AUDIO, &audio);
    negotiate(&a, &b);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0, NULL), 0);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 9 typ new", "0", 0, NULL), 0);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active", "0", 0, NULL), 0);
    CHECK(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 99999 typ host", "0", 0, NULL) < 0);
    CHECK(connection_add_ice_candidate(b.connection, NOW, "nonsense", "0", 0, NULL) < 0);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 9 typ host", "7", -1, NULL),
              PEER_ERROR_OPERATION);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.1 9 typ host", NULL, 9, NULL),
              PEER_ERROR_OPERATION);
    close_side(&a);
    close_side(&b);
}

static size_t remote_candidates(const side_t *side)
{
    connection_ice_t ice;
    connection_ice(side->connection, &ice);
    return ice_agent_candidate_count(ice.agent, true);
}

TEST(bad_ports_are_not_connected_to)
{
    side_t a, b;
    transceiver_t *audio;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    negotiate(&a, &b);
    size_t before = remote_candidates(&b);
    static const char *const bad[] = {"candidate:1 1 udp 1 192.0.2.7 25 typ host",
                                      "candidate:1 1 udp 1 192.0.2.7 6667 typ srflx raddr 0.0.0.0 rport 9",
                                      "candidate:1 1 tcp 1 192.0.2.7 22 typ host tcptype passive"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(connection_add_ice_candidate(b.connection, NOW, bad[i], "0", 0, NULL), 0);
    CHECK_INT(remote_candidates(&b), before);
    CHECK_INT(connection_add_ice_candidate(b.connection, NOW, "candidate:1 1 udp 1 192.0.2.7 26 typ host", "0", 0, NULL), 0);
    CHECK_INT(remote_candidates(&b), before + 1);
    close_side(&a);
    close_side(&b);
}

TEST(a_pool_is_gathered_at_once_and_told_with_the_first_local_description)
{
    side_t side;
    transceiver_t *audio;
    static const ice_server_t server = {.url = "stun:192.0.2.99", .host = "192.0.2.99", .port = 3478};
    open_side_as(
        &side, 1,
        &(connection_config_t){.ice_candidate_pool_size = 1, .ice_tcp_policy = ICE_TCP_POLICY_OFF, .servers = &server, .server_count = 1});
    CHECK(connection_deadline(side.connection) <= NOW);
    connection_timeout(side.connection, NOW);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_GATHERING_STATE), 0);
    CHECK(side.wants_sockets);
    address_t local = address_ipv4(192, 0, 2, 1, 5000);
    connection_socket_opened(side.connection, NOW, 1, &local, NETWORK_ETHERNET);
    connection_sockets_complete(side.connection, NOW);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 0);
    while (connection_deadline(side.connection) != PEER_TIME_NEVER) { /* the server is silent: an error, and the end */
        connection_timeout(side.connection, connection_deadline(side.connection));
        drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
        CHECK_INT(side.count, 0);
    }
    CHECK_INT(connection_ice_gathering_state(side.connection), ICE_GATHERING_NEW);
    side.wants_sockets = false;
    add_track(&side, CONNECTION_AUDIO, &audio);
    char *offer = offer_of(&side);
    CHECK(strstr(offer, "192.0.2.1 5000 typ host") != NULL && strstr(offer, "a=end-of-candidates") != NULL);
    memory_free(offer);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    /* No NEGOTIATION_NEEDED: the offer was set before that task's turn came. */
    static const connection_event_type_t expected[] = {CONNECTION_EVENT_SIGNALING_STATE,     CONNECTION_EVENT_TRANSPORT_GATHERING,
                                                       CONNECTION_EVENT_ICE_GATHERING_STATE, CONNECTION_EVENT_ICE_CANDIDATE,
                                                       CONNECTION_EVENT_ICE_CANDIDATE_ERROR, CONNECTION_EVENT_TRANSPORT_GATHERING,
                                                       CONNECTION_EVENT_ICE_GATHERING_STATE, CONNECTION_EVENT_ICE_CANDIDATE};
    CHECK_INT(side.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < side.count; i++)
        CHECK_INT(side.events[i], expected[i]);
    CHECK_INT(side.states[2], ICE_GATHERING_GATHERING);
    CHECK_INT(side.states[6], ICE_GATHERING_COMPLETE);
    CHECK(!side.wants_sockets);
    close_side(&side);
}

/* W3C iceGatheringState: "new" when there are no transports; RFC 9429 §4.1.10.2: a rollback of the first offer discards them. */
TEST(a_first_offer_that_is_rolled_back_takes_the_gathering_state_back_to_new)
{
    side_t side;
    transceiver_t *audio;
    open_side_as(&side, 1, &(connection_config_t){.ice_tcp_policy = ICE_TCP_POLICY_OFF});
    add_track(&side, CONNECTION_AUDIO, &audio);
    memory_free(offer_of(&side));
    address_t local = address_ipv4(192, 0, 2, 1, 5000);
    connection_socket_opened(side.connection, NOW, 1, &local, NETWORK_ETHERNET);
    connection_sockets_complete(side.connection, NOW);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    CHECK_INT(connection_ice_gathering_state(side.connection), ICE_GATHERING_COMPLETE);
    CHECK_INT(connection_set_local_description(side.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
    CHECK_INT(connection_ice_gathering_state(side.connection), ICE_GATHERING_NEW);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_GATHERING_STATE), 1);
    char *offer = offer_of(&side); /* all is told again, once */
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    CHECK_INT(connection_ice_gathering_state(side.connection), ICE_GATHERING_COMPLETE);
    const char *candidate = strstr(offer, "192.0.2.1 5000 typ host");
    CHECK(candidate != NULL && strstr(candidate + 1, "192.0.2.1 5000 typ host") == NULL);
    memory_free(offer);
    close_side(&side);
}

/* RFC 9429 §5.7, W3C WebRTC §5.6: the generation before was complete, until something is found that it did not have. */
TEST(after_a_restart_that_is_rolled_back_only_what_is_new_is_told_of_gathering)
{
    side_t a, b;
    transceiver_t *audio;
    char *offer;
    connection_sdp_type_t type;
    open_side_as(&a, 1, &(connection_config_t){.ice_tcp_policy = ICE_TCP_POLICY_OFF});
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    negotiate(&a, &b);
    address_t local = address_ipv4(192, 0, 2, 1, 5000), other = address_ipv4(192, 0, 2, 2, 5000);
    connection_socket_opened(a.connection, NOW, 1, &local, NETWORK_ETHERNET);
    connection_sockets_complete(a.connection, NOW);
    CHECK_INT(drain(&a, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    CHECK_INT(connection_create_offer(a.connection, NOW, &(connection_offer_options_t){true, {-1, -1}}, &offer), 0);
    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_OFFER, offer), 0);
    CHECK_INT(drain(&a, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    memory_free(offer);

    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
    CHECK_INT(drain(&a, CONNECTION_EVENT_ICE_CANDIDATE), 0);
    for (size_t i = 0; i < a.count; i++)
        CHECK(a.events[i] != CONNECTION_EVENT_ICE_GATHERING_STATE && a.events[i] != CONNECTION_EVENT_TRANSPORT_GATHERING);
    CHECK_INT(connection_ice_gathering_state(a.connection), ICE_GATHERING_COMPLETE);

    connection_socket_opened(a.connection, NOW, 2, &other, NETWORK_ETHERNET);
    CHECK_INT(drain(&a, CONNECTION_EVENT_ICE_CANDIDATE), 2); /* it, and the end */
    CHECK_INT(connection_local_description(a.connection, &type, &offer), 1);
    CHECK(strstr(offer, "192.0.2.1 5000 typ host") != NULL && strstr(offer, "192.0.2.2 5000 typ host") != NULL);
    memory_free(offer);

    /* The same, but it is found while gathering is still repeated. */
    CHECK_INT(connection_create_offer(a.connection, NOW, &(connection_offer_options_t){true, {-1, -1}}, &offer), 0);
    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_OFFER, offer), 0);
    memory_free(offer);
    drain(&a, CONNECTION_EVENT_ICE_CANDIDATE);
    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
    other = address_ipv4(192, 0, 2, 3, 5000);
    connection_socket_opened(a.connection, NOW, 3, &other, NETWORK_ETHERNET);
    CHECK_INT(drain(&a, CONNECTION_EVENT_ICE_CANDIDATE), 2);
    CHECK_INT(connection_ice_gathering_state(a.connection), ICE_GATHERING_COMPLETE);
    close_side(&a);
    close_side(&b);
}

TEST(an_ice_restart_before_the_first_description_tells_no_candidate_of_the_pool_twice)
{
    side_t side;
    transceiver_t *audio;
    open_side_as(&side, 1, &(connection_config_t){.ice_candidate_pool_size = 1, .ice_tcp_policy = ICE_TCP_POLICY_OFF});
    connection_timeout(side.connection, NOW);
    drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
    address_t local = address_ipv4(192, 0, 2, 1, 5000);
    connection_socket_opened(side.connection, NOW, 1, &local, NETWORK_ETHERNET);
    connection_sockets_complete(side.connection, NOW);
    drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
    CHECK_INT(connection_restart_ice(side.connection, NOW), 0);
    add_track(&side, CONNECTION_AUDIO, &audio);
    memory_free(offer_of(&side));
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 2); /* one, and the end */
    close_side(&side);
}

TEST(a_candidate_of_the_pool_that_went_with_its_network_is_not_told)
{
    side_t side;
    transceiver_t *audio;
    open_side_as(&side, 1, &(connection_config_t){.ice_candidate_pool_size = 1, .ice_tcp_policy = ICE_TCP_POLICY_OFF});
    connection_timeout(side.connection, NOW);
    drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
    for (uint32_t i = 1; i <= 2; i++) {
        address_t local = address_ipv4(192, 0, 2, (uint8_t)i, 5000);
        connection_socket_opened(side.connection, NOW, i, &local, NETWORK_ETHERNET);
    }
    connection_sockets_complete(side.connection, NOW);
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 0);
    connection_socket_closed(side.connection, NOW, 1, "the network has gone");
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 0);
    add_track(&side, CONNECTION_AUDIO, &audio);
    memory_free(offer_of(&side));
    CHECK_INT(drain(&side, CONNECTION_EVENT_ICE_CANDIDATE), 2); /* one, and the end */
    close_side(&side);
}

TEST(a_transceiver_with_an_encoding_of_an_unknown_codec_is_none)
{
    side_t side;
    transceiver_t *video;
    open_side(&side, 1);
    connection_rtp_codec_t codec = {.name = "later", .clock_rate = 90000};
    connection_encoding_t encoding = connection_encoding_default(CONNECTION_VIDEO, 0, 1);
    encoding.codec = &codec;
    connection_transceiver_init_t init = {.direction = CONNECTION_SENDRECV, .encodings = &encoding, .encoding_count = 1};
    CHECK_INT(connection_add_transceiver(side.connection, NOW, CONNECTION_VIDEO, &init, &video), PEER_ERROR_OPERATION);
    CHECK_INT(connection_transceiver_count(side.connection), 0);
    CHECK_INT(drain(&side, CONNECTION_EVENT_NEGOTIATION_NEEDED), 0);
    close_side(&side);
}

TEST(another_configuration_between_offer_and_answer_forgets_no_candidate_of_the_peer)
{
    side_t offerer, answerer;
    transceiver_t *audio;
    connection_event_t *candidates[4];
    open_side(&offerer, 1);
    open_side_as(&answerer, 2, &(connection_config_t){.ice_candidate_pool_size = 1, .ice_tcp_policy = ICE_TCP_POLICY_OFF});
    connection_timeout(answerer.connection, NOW);
    drain(&answerer, CONNECTION_EVENT_ICE_CANDIDATE);
    address_t local = address_ipv4(192, 0, 2, 1, 5000);
    connection_socket_opened(answerer.connection, NOW, 1, &local, NETWORK_ETHERNET);
    connection_sockets_complete(answerer.connection, NOW);
    add_track(&offerer, CONNECTION_AUDIO, &audio);
    char *offer = offer_of(&offerer), with_candidate[8000];
    snprintf(with_candidate, sizeof with_candidate, "%sa=candidate:1 1 udp 2130706431 192.0.2.2 5000 typ host\r\n", offer);
    memory_free(offer);
    CHECK_INT(connection_set_remote_description(answerer.connection, NOW, CONNECTION_OFFER, with_candidate), 0);
    CHECK_INT(connection_candidates(answerer.connection, true, candidates, 0), 1);
    CHECK_INT(connection_set_ice_configuration(answerer.connection, NOW, &(connection_ice_configuration_t){.has_pool = true}), 0);
    memory_free(offer_of(&answerer));
    CHECK_INT(connection_candidates(answerer.connection, true, candidates, 0), 1);
    drain(&answerer, CONNECTION_EVENT_ICE_CANDIDATE);
    close_side(&offerer);
    close_side(&answerer);
}

TEST(a_lite_connection_says_so_and_renomination_is_always_offered)
{
    side_t lite, full;
    transceiver_t *audio;
    open_side_as(&lite, 1, &(connection_config_t){.is_ice_lite = true});
    open_side(&full, 2);
    add_track(&lite, CONNECTION_AUDIO, &audio);
    add_track(&full, CONNECTION_AUDIO, &audio);
    char *offers[2] = {offer_of(&lite), offer_of(&full)};
    CHECK(strstr(offers[0], "\r\na=ice-lite\r\n") != NULL);
    CHECK(strstr(offers[1], "a=ice-lite") == NULL);
    for (int i = 0; i < 2; i++) {
        CHECK(strstr(offers[i], "\r\na=ice-options:trickle ice2 renomination\r\n") != NULL);
        memory_free(offers[i]);
    }
    close_side(&lite);
    close_side(&full);
}

/* Counts the texts that have the context's `wanted` in them. */
typedef struct search {
    const char *wanted;
    size_t found, candidates;
} search_t;

static void on_begin(void *context, const char *type, const char *id, double timestamp_ms)
{
    ((search_t *)context)->candidates += strcmp(type, "local-candidate") == 0;
}

static void on_text(void *context, const char *member, const char *value)
{
    search_t *search = context;
    search->found += value != NULL && strstr(value, search->wanted) != NULL;
}

static void on_integer(void *context, const char *member, int64_t value)
{
}

static void on_number(void *context, const char *member, double value)
{
}

static void on_boolean(void *context, const char *member, bool value)
{
}

static void on_record(void *context, const char *member, const stats_entry_t *entries, size_t count)
{
}

static void on_end(void *context)
{
}

TEST(an_address_that_is_hidden_is_in_no_statistics_either)
{
    for (int hides = 0; hides < 2; hides++) {
        side_t side;
        open_side_as(&side, 1, &(connection_config_t){.ice_candidate_pool_size = 1, .hides_addresses = hides});
        connection_timeout(side.connection, NOW);
        drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
        address_t local = address_ipv4(192, 0, 2, 1, 5000);
        connection_socket_opened(side.connection, NOW, 1, &local, NETWORK_ETHERNET);
        connection_sockets_complete(side.connection, NOW);
        drain(&side, CONNECTION_EVENT_ICE_CANDIDATE);
        search_t address = {.wanted = "192.0.2.1"}, name = {.wanted = ".local"};
        search_t *searches[] = {&address, &name};
        for (int i = 0; i < 2; i++) {
            const stats_visitor_t visitor = {.context = searches[i],
                                             .begin = on_begin,
                                             .integer = on_integer,
                                             .number = on_number,
                                             .text = on_text,
                                             .boolean = on_boolean,
                                             .record = on_record,
                                             .end = on_end};
            connection_visit_stats(side.connection, NOW, &visitor);
        }
        CHECK_INT(address.candidates, 2); /* of UDP, and of TCP */
        CHECK_INT(address.found, hides ? 0 : 2);
        CHECK_INT(name.found, hides ? 2 : 0);
        close_side(&side);
    }
}

static const char *line_of(const char *sdp, const char *name, char line[600])
{
    const char *start = strstr(sdp, name);
    CHECK(start != NULL);
    snprintf(line, 600, "%.*s", (int)strcspn(start, "\r\n"), start);
    return line;
}

/* The description with the credentials of another one. */
static char *with_credentials_of(const char *sdp, const char *other)
{
    size_t length = strlen(sdp) + 4096;
    char *result = malloc(length), line[600];
    result[0] = '\0';
    for (const char *at = sdp; *at != '\0';) {
        size_t end = strcspn(at, "\n") + 1;
        if (strncmp(at, "a=ice-ufrag:", 12) == 0)
            snprintf(result + strlen(result), length - strlen(result), "%s\r\n", line_of(other, "a=ice-ufrag:", line));
        else if (strncmp(at, "a=ice-pwd:", 10) == 0)
            snprintf(result + strlen(result), length - strlen(result), "%s\r\n", line_of(other, "a=ice-pwd:", line));
        else
            snprintf(result + strlen(result), length - strlen(result), "%.*s", (int)end, at);
        at += end;
    }
    return result;
}

static const ice_parameters_t *remote_of(const side_t *side)
{
    return ice_agent_remote_parameters(transport_ice(side->connection->transport));
}

TEST(after_a_restart_the_peers_credentials_are_those_of_its_answer_be_they_new_or_not)
{
    side_t a, b;
    transceiver_t *audio;
    char line[600];
    for (int round = 0; round < 2; round++) {
        open_side(&a, 1);
        open_side(&b, 2);
        add_track(&a, CONNECTION_AUDIO, &audio);
        negotiate(&a, &b);
        char *former, *offer, *answer;
        connection_sdp_type_t type;
        CHECK_INT(connection_remote_description(a.connection, &type, &former), 1);
        CHECK_INT(connection_restart_ice(a.connection, NOW), 0);
        offer = offer_of(&a);
        CHECK(remote_of(&a) == NULL); /* those of before are not the new session's */
        CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
        answer = offer_of(&b);
        char *given = round == 0 ? with_credentials_of(answer, answer) : with_credentials_of(answer, former);
        CHECK_INT(connection_set_remote_description(a.connection, NOW, CONNECTION_ANSWER, given), 0);
        CHECK(remote_of(&a) != NULL);
        line_of(given, "a=ice-ufrag:", line);
        CHECK_TEXT(remote_of(&a)->ufrag, line + strlen("a=ice-ufrag:"));
        memory_free(former);
        memory_free(offer);
        memory_free(answer);
        free(given);
        drain(&a, CONNECTION_EVENT_TRACK);
        drain(&b, CONNECTION_EVENT_TRACK);
        close_side(&a);
        close_side(&b);
    }
}

TEST(a_transceiver_has_the_transport_from_the_local_description_on_and_a_rollback_takes_it_away)
{
    side_t a, b;
    transceiver_t *audio, *video;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_AUDIO, &audio);
    CHECK(!transceiver_has_transport(audio));
    memory_free(offer_of(&a));
    CHECK(transceiver_has_transport(audio));
    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
    CHECK(!transceiver_has_transport(audio));
    char *offer = offer_of(&a);
    CHECK_INT(connection_set_remote_description(b.connection, NOW, CONNECTION_OFFER, offer), 0);
    transceiver_t *answering = connection_transceiver(b.connection, 0);
    CHECK(!transceiver_has_transport(answering)); /* W3C §4.4.1.5 gives it one with our answer */
    char *answer = offer_of(&b);
    CHECK(transceiver_has_transport(answering));
    CHECK_INT(connection_set_remote_description(a.connection, NOW, CONNECTION_ANSWER, answer), 0);
    add_track(&a, CONNECTION_VIDEO, &video);
    memory_free(offer_of(&a));
    CHECK(transceiver_has_transport(video));
    CHECK_INT(connection_set_local_description(a.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
    CHECK(transceiver_has_transport(audio) && !transceiver_has_transport(video)); /* as in the last stable state */
    memory_free(offer);
    memory_free(answer);
    close_side(&a);
    close_side(&b);
}

TEST(an_offer_that_rolls_ours_back_takes_the_transport_of_what_it_offered)
{
    side_t a, b;
    transceiver_t *ours, *theirs;
    open_side(&a, 1);
    open_side(&b, 2);
    add_track(&a, CONNECTION_VIDEO, &ours);
    memory_free(offer_of(&a));
    CHECK(transceiver_has_transport(ours));
    add_track(&b, CONNECTION_AUDIO, &theirs);
    char *offer = offer_of(&b);
    CHECK_INT(connection_set_remote_description(a.connection, NOW, CONNECTION_OFFER, offer), 0);
    CHECK(!transceiver_has_transport(ours));
    memory_free(offer);
    close_side(&a);
    close_side(&b);
}
