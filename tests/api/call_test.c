/* Real calls through the public interface alone: sockets, threads, codecs. */
#include "pair.h"
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static bool media_and_data_flow(pair_t *pair)
{
    for (int i = 0; i < 2; i++) {
        pair_side_t *side = &pair->sides[i];
        if (side->video_frames < 10 || side->audio_frames < 20 || side->encoded_frames < 10 || side->rtp_packets < 10 || side->messages < 1)
            return false;
    }
    return true;
}

static bool channels_are_there(pair_t *pair)
{
    return pair->sides[1].channels > 0 && peer_data_channel_ready_state(pair->sides[0].channel) == PEER_DATA_CHANNEL_OPEN;
}

static void check_ice_report(const peer_connection_t *pc)
{
    char *json = peer_connection_ice_report(pc, PEER_ICE_REPORT_JSON), *text = peer_connection_ice_report(pc, PEER_ICE_REPORT_TEXT);
    CHECK(json != NULL && strstr(json, "\"verdict\":\"connected-direct\"") != NULL && strstr(json, "\"selected\":true") != NULL);
    CHECK(text != NULL && strncmp(text, "The call goes directly", 22) == 0);
    peer_string_free(json);
    peer_string_free(text);
    CHECK(peer_connection_ice_report(pc, 2) == NULL);
    CHECK_INT(peer_last_error_code(), PEER_ERROR_RANGE);
}

static void call_on(peer_loop_t *loop)
{
    pair_t pair;
    pair_open(&pair, loop, loop);
    for (int i = 0; i < 2; i++)
        pair_add_media(&pair.sides[i], true, true);
    pair_add_channel(&pair.sides[0], "chat");
    CHECK(pair_wait(&pair, channels_are_there, loop));
    CHECK_INT(peer_data_channel_send(pair.sides[0].channel, "hello", 5, 1), 0);
    CHECK_INT(peer_data_channel_send(pair.sides[1].channel, "hello", 5, 1), 0);
    CHECK(pair_wait(&pair, media_and_data_flow, loop));
    peer_stats_report_t *report;
    CHECK_INT(peer_connection_get_stats(pair.sides[0].pc, &report), 0);
    char *json = peer_stats_report_to_json(report);
    CHECK(strstr(json, "\"inbound-rtp\"") != NULL && strstr(json, "\"framesDecoded\"") != NULL && strstr(json, "\"data-channel\"") != NULL);
    CHECK(strstr(json, "\"selectedCandidatePairId\"") != NULL && strstr(json, "\"SRTP_AEAD_AES_128_GCM\"") != NULL);
    peer_string_free(json);
    peer_stats_report_unref(report);
    check_ice_report(pair.sides[0].pc);
    CHECK(pair_end(&pair, loop));
}

TEST(one_call_with_real_media_and_data_on_the_librarys_own_loop)
{
    call_on(NULL);
}

TEST(one_call_on_a_manual_loop_in_one_thread)
{
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    call_on(loop);
    peer_loop_unref(loop);
}

TEST(json_of_descriptions_and_candidates_is_that_of_browsers)
{
    const char *description_json = "{\"type\":\"offer\",\"sdp\":\"v=0\\r\\n\"}";
    peer_description_t *description;
    CHECK_INT(peer_description_from_json(description_json, strlen(description_json), &description), 0);
    char *json = peer_description_to_json(description);
    CHECK_TEXT(json, description_json);
    peer_string_free(json);
    peer_description_unref(description);
    const char *candidate_json =
        "{\"candidate\":\"candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0 ufrag abcd\",\"sdpMid\":\"0\","
        "\"sdpMLineIndex\":0,\"usernameFragment\":\"abcd\"}";
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_from_json(candidate_json, strlen(candidate_json), &candidate), 0);
    json = peer_ice_candidate_to_json(candidate);
    CHECK_TEXT(json, candidate_json);
    CHECK_TEXT(peer_ice_candidate_address(candidate), "192.0.2.1");
    CHECK_INT(peer_ice_candidate_port(candidate), 5000);
    peer_string_free(json);
    peer_ice_candidate_unref(candidate);
}

TEST(tcp_candidates_say_which_end_connects)
{
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_new("candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", "0", 0, NULL, &candidate), 0);
    CHECK_TEXT(peer_ice_candidate_protocol(candidate), "tcp");
    CHECK_TEXT(peer_ice_candidate_tcp_type(candidate), "active");
    CHECK(peer_ice_candidate_url(candidate) == NULL && peer_ice_candidate_relay_protocol(candidate) == NULL);
    peer_ice_candidate_unref(candidate);
    CHECK_INT(peer_ice_candidate_new("candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host", "0", 0, NULL, &candidate), 0);
    CHECK(peer_ice_candidate_tcp_type(candidate) == NULL);
    peer_ice_candidate_unref(candidate);
}

TEST(bad_json_is_refused_with_its_reason)
{
    static const struct {
        const char *json;
        int error;
    } cases[] = {{"", PEER_ERROR_SYNTAX},
                 {"{", PEER_ERROR_SYNTAX},
                 {"[]", PEER_ERROR_TYPE},
                 {"{}", PEER_ERROR_TYPE},
                 {"{\"type\":\"offer\",\"sdp\":[]}", PEER_ERROR_TYPE},
                 {"{\"type\":\"offre\",\"sdp\":\"\"}", PEER_ERROR_TYPE},
                 {"{\"type\":1,\"sdp\":\"\"}", PEER_ERROR_TYPE},
                 {"{\"type\":\"offer\",\"sdp\":5}", PEER_ERROR_TYPE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peer_description_t *description;
        CHECK_INT(peer_description_from_json(cases[i].json, strlen(cases[i].json), &description), cases[i].error);
        CHECK(*peer_last_error_message() != '\0');
    }
}

/* A new configuration, changed by `change`, is refused with that code, and the message says `reason`. */
#define CHECK_REFUSED(change, code, reason)                                                                                                \
    do {                                                                                                                                   \
        peer_configuration_t configuration;                                                                                                \
        peer_configuration_init(&configuration, sizeof configuration);                                                                     \
        change;                                                                                                                            \
        CHECK(peer_connection_new(&configuration, NULL, NULL) == NULL);                                                                    \
        CHECK_INT(peer_last_error_code(), code);                                                                                           \
        if (strstr(peer_last_error_message(), reason) == NULL)                                                                             \
            test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", reason, peer_last_error_message());                                      \
    } while (0)

#define SERVER(...) configuration.ice_servers = &(peer_ice_server_t){__VA_ARGS__}, configuration.ice_server_count = 1

TEST(bad_servers_are_refused_with_their_reason)
{
    static const char *const urls[] = {"stun", "http://x", "stun:", "stun:host:0", "stun:host:99999", "stun:[::1", "stun:a/b"};
    char name[510];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        CHECK_REFUSED(SERVER(.urls = urls[i]), PEER_ERROR_SYNTAX, urls[i]);
    CHECK_REFUSED(SERVER(.urls = NULL), PEER_ERROR_SYNTAX, "no URL");
    CHECK_REFUSED(SERVER(.urls = "  "), PEER_ERROR_SYNTAX, "no URL");
    CHECK_REFUSED(SERVER(.urls = "stun:a stun:b:0"), PEER_ERROR_SYNTAX, "stun:b:0");
    CHECK_REFUSED(SERVER(.urls = "turn:a"), PEER_ERROR_INVALID_ACCESS, "user name");
    CHECK_REFUSED(SERVER(.urls = "stun:a turns:b", .username = "u"), PEER_ERROR_INVALID_ACCESS, "password");
    CHECK_REFUSED(SERVER(.urls = "turn:a", .credential = "p"), PEER_ERROR_INVALID_ACCESS, "user name");
    CHECK_REFUSED(SERVER(.urls = "turn:a", .username = "", .credential = "p"), PEER_ERROR_INVALID_ACCESS, "user name");
    CHECK_REFUSED(SERVER(.urls = "turn:a", .username = name, .credential = "p"), PEER_ERROR_INVALID_ACCESS, "508");
    CHECK_REFUSED(SERVER(.urls = "turn:a", .username = "u\xff", .credential = "p"), PEER_ERROR_INVALID_ACCESS, "UTF-8");
    CHECK_REFUSED(configuration.ice_server_count = 1, PEER_ERROR_TYPE, "ice_servers");
}

TEST(members_of_a_configuration_outside_their_range_are_refused_with_their_reason)
{
    CHECK_REFUSED(configuration.mtu = 100, PEER_ERROR_RANGE, "MTU");
    CHECK_REFUSED(configuration.port_minimum = 5, PEER_ERROR_RANGE, "port range");
    CHECK_REFUSED(configuration.loopback_policy = 3, PEER_ERROR_RANGE, "loopback_policy");
    CHECK_REFUSED(configuration.ice_transport_policy = 2, PEER_ERROR_RANGE, "ice_transport_policy");
    CHECK_REFUSED(configuration.ice_transport_policy = -1, PEER_ERROR_RANGE, "ice_transport_policy");
    CHECK_REFUSED(configuration.ice_tcp_policy = 3, PEER_ERROR_RANGE, "ice_tcp_policy");
    CHECK_REFUSED(configuration.address_policy = 3, PEER_ERROR_RANGE, "address_policy");
    CHECK_REFUSED(configuration.network_priority = 5, PEER_ERROR_RANGE, "network_priority");
    CHECK_REFUSED(configuration.maximum_candidate_pairs = 1001, PEER_ERROR_RANGE, "maximum_candidate_pairs");
    CHECK_REFUSED(configuration.ice_candidate_pool_size = 256, PEER_ERROR_RANGE, "ice_candidate_pool_size");
    CHECK_REFUSED((configuration.ice_lite = 1, configuration.ice_transport_policy = 1), PEER_ERROR_NOT_SUPPORTED, "ice_lite");
    CHECK_REFUSED((configuration.shared_port = 5000, configuration.port_maximum = 6000), PEER_ERROR_RANGE, "shared_port");
    CHECK_REFUSED(configuration.ca_file = "/no/such/file.pem", PEER_ERROR_NOT_FOUND, "/no/such/file.pem");
    CHECK_REFUSED(configuration.ca_file = "/", PEER_ERROR_NOT_READABLE, "ca_file");
    CHECK_REFUSED(configuration.ca_file = "/dev/null", PEER_ERROR_NOT_READABLE, "no certificate");
}

TEST(the_largest_message_that_is_accepted_is_told_to_the_peer)
{
    peer_configuration_t configuration;
    peer_data_channel_t *channel;
    peer_description_t *offer;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.maximum_message_size = 1000;
    peer_connection_t *pc = peer_connection_new(&configuration, NULL, NULL);
    CHECK_INT(peer_connection_create_data_channel(pc, "c", NULL, NULL, NULL, &channel), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), "a=max-message-size:1000\r\n") != NULL);
    peer_description_unref(offer);
    peer_data_channel_unref(channel);
    peer_connection_close(pc);
    peer_connection_unref(pc);
}

static bool has_local_candidates(const peer_connection_t *pc)
{
    peer_stats_report_t *report;
    CHECK_INT(peer_connection_get_stats(pc, &report), 0);
    char *json = peer_stats_report_to_json(report);
    bool is_found = strstr(json, "\"local-candidate\"") != NULL;
    peer_string_free(json);
    peer_stats_report_unref(report);
    return is_found;
}

TEST(a_pool_is_gathered_before_anything_is_offered_and_is_in_the_first_offer)
{
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = loop;
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    configuration.ice_candidate_pool_size = 1;
    peer_connection_t *pc = peer_connection_new(&configuration, NULL, NULL);
    CHECK(pc != NULL);
    for (int turns = 0; !has_local_candidates(pc) && turns < 60; turns++) {
        poll(&(struct pollfd){.fd = peer_loop_fd(loop), .events = POLLIN}, 1, 1000);
        peer_loop_dispatch(loop);
    }
    CHECK(has_local_candidates(pc));
    CHECK_INT(peer_connection_ice_gathering_state(pc), PEER_ICE_GATHERING_NEW);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, NULL), 0);
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    peer_description_t *offer = peer_connection_local_description(pc);
    CHECK(strstr(peer_description_sdp(offer), "a=candidate:") != NULL);
    CHECK(peer_connection_ice_gathering_state(pc) != PEER_ICE_GATHERING_NEW);
    peer_description_unref(offer);
    peer_connection_unref(pc);
    peer_loop_dispatch(loop);
    peer_loop_unref(loop);
}
