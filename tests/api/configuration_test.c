/* getConfiguration() and setConfiguration() (W3C WebRTC §4.4.1.6 "set a configuration"). */
#include "test.h"

#include <peer/peer.h>

#include <string.h>

static peer_connection_t *open_connection(const peer_configuration_t *configuration)
{
    peer_connection_t *pc = peer_connection_new(configuration, NULL, NULL);
    CHECK(pc != NULL);
    return pc;
}

static void close_connection(peer_connection_t *pc)
{
    peer_connection_close(pc);
    peer_connection_unref(pc);
}

static peer_configuration_t configuration_of(const peer_connection_t *pc)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    CHECK_INT(peer_connection_get_configuration(pc, &configuration), 0);
    return configuration;
}

TEST(get_configuration_gives_what_the_constructor_was_given)
{
    peer_configuration_t given;
    peer_certificate_t *certificate;
    char url[] = "turn:turn.example.org", username[] = "user";
    CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &certificate), 0);
    peer_configuration_init(&given, sizeof given);
    given.ice_servers = &(peer_ice_server_t){.urls = url, .username = username, .credential = "secret"};
    given.ice_server_count = 1;
    given.certificates = &certificate;
    given.certificate_count = 1;
    given.ice_transport_policy = PEER_ICE_TRANSPORT_RELAY;
    given.bundle_policy = PEER_BUNDLE_MAX_BUNDLE;
    given.mtu = 1000;
    peer_connection_t *pc = open_connection(&given);
    url[0] = username[0] = 'x'; /* it was copied */
    peer_configuration_t read = configuration_of(pc);
    CHECK_INT(read.ice_server_count, 1);
    CHECK_TEXT(read.ice_servers[0].urls, "turn:turn.example.org");
    CHECK_TEXT(read.ice_servers[0].username, "user");
    CHECK_TEXT(read.ice_servers[0].credential, "secret");
    CHECK_INT(read.certificate_count, 1);
    CHECK(read.certificates[0] == certificate);
    CHECK_INT(read.ice_transport_policy, PEER_ICE_TRANSPORT_RELAY);
    CHECK_INT(read.bundle_policy, PEER_BUNDLE_MAX_BUNDLE);
    CHECK_INT(read.mtu, 1000);
    close_connection(pc);
    peer_certificate_unref(certificate);
}

TEST(get_configuration_works_on_a_closed_connection_and_for_an_older_application)
{
    peer_connection_t *pc = open_connection(NULL);
    peer_connection_close(pc);
    CHECK_INT(configuration_of(pc).ice_server_count, 0);
    peer_configuration_t read = {.bundle_policy = 77};
    read.size = offsetof(peer_configuration_t, bundle_policy);
    CHECK_INT(peer_connection_get_configuration(pc, &read), 0);
    CHECK_INT(read.bundle_policy, 77);
    CHECK_INT(read.size, offsetof(peer_configuration_t, bundle_policy));
    read.size = 0;
    CHECK_INT(peer_connection_get_configuration(pc, &read), PEER_ERROR_TYPE);
    peer_connection_unref(pc);
}

TEST(set_configuration_replaces_servers_and_transport_policy)
{
    peer_connection_t *pc = open_connection(NULL);
    peer_configuration_t changed = configuration_of(pc);
    changed.ice_servers = (peer_ice_server_t[]){{.urls = "stun:one.example.org"}, {.urls = "stun:two.example.org stun:three.example.org"}};
    changed.ice_server_count = 2;
    changed.ice_transport_policy = PEER_ICE_TRANSPORT_RELAY;
    CHECK_INT(peer_connection_set_configuration(pc, &changed), 0);
    peer_configuration_t read = configuration_of(pc);
    CHECK_INT(read.ice_server_count, 2);
    CHECK_TEXT(read.ice_servers[1].urls, "stun:two.example.org stun:three.example.org");
    CHECK_INT(read.ice_transport_policy, PEER_ICE_TRANSPORT_RELAY);
    CHECK_INT(peer_connection_set_configuration(pc, NULL), 0); /* setConfiguration({}) */
    CHECK_INT(configuration_of(pc).ice_server_count, 0);
    CHECK_INT(configuration_of(pc).ice_transport_policy, PEER_ICE_TRANSPORT_ALL);
    close_connection(pc);
}

#define CHECK_UNCHANGEABLE(pc, member, value)                                                                                              \
    do {                                                                                                                                   \
        peer_configuration_t changed_##member = configuration_of(pc);                                                                      \
        changed_##member.member = value;                                                                                                   \
        CHECK_INT(peer_connection_set_configuration((pc), &changed_##member), PEER_ERROR_INVALID_MODIFICATION);                            \
        CHECK(strstr(peer_last_error_message(), #member) != NULL);                                                                         \
    } while (0)

TEST(set_configuration_refuses_to_change_what_cannot_be_changed)
{
    peer_certificate_t *certificates[2];
    peer_configuration_t given;
    peer_configuration_init(&given, sizeof given);
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &certificates[i]), 0);
    given.certificates = certificates;
    given.certificate_count = 1;
    peer_connection_t *pc = open_connection(&given);
    CHECK_UNCHANGEABLE(pc, certificates, &certificates[1]);
    CHECK_INT(peer_connection_set_configuration(pc, NULL), PEER_ERROR_INVALID_MODIFICATION); /* another number of them */
    CHECK_UNCHANGEABLE(pc, bundle_policy, PEER_BUNDLE_MAX_COMPAT);
    CHECK_UNCHANGEABLE(pc, rtcp_mux_policy, PEER_RTCP_MUX_NEGOTIATE);
    CHECK_UNCHANGEABLE(pc, mtu, 1300);
    CHECK_UNCHANGEABLE(pc, port_maximum, 5000);
    CHECK_UNCHANGEABLE(pc, loopback_policy, PEER_LOOPBACK_ALWAYS);
    CHECK_UNCHANGEABLE(pc, maximum_message_size, 1000);
    CHECK_UNCHANGEABLE(pc, ice_tcp_policy, PEER_ICE_TCP_OFF);
    CHECK_UNCHANGEABLE(pc, address_policy, PEER_ADDRESSES_DEFAULT_ROUTE);
    CHECK_UNCHANGEABLE(pc, ice_lite, 1);
    CHECK_UNCHANGEABLE(pc, hide_addresses, 1);
    CHECK_UNCHANGEABLE(pc, port_mapping, 1);
    CHECK_UNCHANGEABLE(pc, shared_port, 4000);
    CHECK_UNCHANGEABLE(pc, ca_file, "/somewhere/else");
    CHECK_UNCHANGEABLE(pc, network_priority, PEER_PRIORITY_HIGH);
    CHECK_UNCHANGEABLE(pc, maximum_candidate_pairs, 10);
    CHECK_UNCHANGEABLE(pc, receive_window, 100000);
    peer_configuration_t same = configuration_of(pc);
    CHECK_INT(peer_connection_set_configuration(pc, &same), 0);
    close_connection(pc);
    for (int i = 0; i < 2; i++)
        peer_certificate_unref(certificates[i]);
}

TEST(set_configuration_changes_the_candidate_pool_until_a_local_description_is_set)
{
    peer_connection_t *pc = open_connection(NULL);
    peer_configuration_t changed = configuration_of(pc);
    changed.ice_candidate_pool_size = 1;
    CHECK_INT(peer_connection_set_configuration(pc, &changed), 0);
    CHECK_INT(configuration_of(pc).ice_candidate_pool_size, 1);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, NULL), 0);
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    CHECK_UNCHANGEABLE(pc, ice_candidate_pool_size, 2);
    close_connection(pc);
}

TEST(set_configuration_checks_servers_as_the_constructor_does_and_changes_nothing_then)
{
    static const struct {
        peer_ice_server_t server;
        int error;
    } bad[] = {{{.urls = ""}, PEER_ERROR_SYNTAX},
               {{.urls = "http://example.org"}, PEER_ERROR_SYNTAX},
               {{.urls = "stun:example.org?query"}, PEER_ERROR_SYNTAX},
               {{.urls = "turn:example.org"}, PEER_ERROR_INVALID_ACCESS},
               {{.urls = "turn:example.org", .username = "user"}, PEER_ERROR_INVALID_ACCESS}};
    peer_connection_t *pc = open_connection(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        peer_configuration_t changed = configuration_of(pc);
        changed.ice_servers = &bad[i].server;
        changed.ice_server_count = 1;
        changed.ice_transport_policy = PEER_ICE_TRANSPORT_RELAY;
        CHECK_INT(peer_connection_set_configuration(pc, &changed), bad[i].error);
        CHECK_INT(configuration_of(pc).ice_server_count, 0);
        CHECK_INT(configuration_of(pc).ice_transport_policy, PEER_ICE_TRANSPORT_ALL);
    }
    close_connection(pc);
}

TEST(set_configuration_fails_on_a_closed_connection_before_anything_else)
{
    peer_connection_t *pc = open_connection(NULL);
    peer_configuration_t bad = configuration_of(pc);
    bad.mtu = 1300;
    peer_connection_close(pc);
    CHECK_INT(peer_connection_set_configuration(pc, &bad), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_connection_set_configuration(pc, NULL), PEER_ERROR_INVALID_STATE);
    peer_connection_unref(pc);
}

TEST(the_constructor_refuses_policies_that_there_are_not)
{
    peer_configuration_t given;
    peer_configuration_init(&given, sizeof given);
    given.bundle_policy = 3;
    CHECK(peer_connection_new(&given, NULL, NULL) == NULL);
    CHECK_INT(peer_last_error_code(), PEER_ERROR_RANGE);
    given.bundle_policy = 0;
    given.rtcp_mux_policy = PEER_RTCP_MUX_NEGOTIATE;
    CHECK(peer_connection_new(&given, NULL, NULL) == NULL);
    CHECK_INT(peer_last_error_code(), PEER_ERROR_NOT_SUPPORTED);
}

TEST(the_bundle_policy_says_which_m_lines_of_an_offer_are_bundle_only)
{
    static const size_t bundle_only[] = {[PEER_BUNDLE_BALANCED] = 1, [PEER_BUNDLE_MAX_COMPAT] = 0, [PEER_BUNDLE_MAX_BUNDLE] = 2};
    for (int32_t policy = PEER_BUNDLE_BALANCED; policy <= PEER_BUNDLE_MAX_BUNDLE; policy++) {
        peer_configuration_t given;
        peer_description_t *offer;
        size_t count = 0;
        peer_configuration_init(&given, sizeof given);
        given.bundle_policy = policy;
        peer_connection_t *pc = open_connection(&given);
        for (int i = 0; i < 3; i++) /* sound, a picture, and another */
            CHECK_INT(peer_connection_add_transceiver(pc, i == 0 ? PEER_MEDIA_AUDIO : PEER_MEDIA_VIDEO, NULL, NULL), 0);
        CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
        for (const char *at = peer_description_sdp(offer); (at = strstr(at, "a=bundle-only")) != NULL; at++)
            count++;
        CHECK_INT(count, bundle_only[policy]);
        peer_description_unref(offer);
        close_connection(pc);
    }
}

TEST(more_servers_than_are_supported_are_cut_off)
{
    peer_ice_server_t servers[40];
    peer_configuration_t given;
    peer_configuration_init(&given, sizeof given);
    for (size_t i = 0; i < 40; i++)
        servers[i] = (peer_ice_server_t){.urls = i < 32 ? "stun:example.org" : "not looked at"};
    given.ice_servers = servers;
    given.ice_server_count = 40;
    close_connection(open_connection(&given));
    given.ice_servers = &(peer_ice_server_t){
        .urls = "stun:a stun:b stun:c stun:d stun:e stun:f stun:g stun:h stun:i stun:j stun:k stun:l stun:m stun:n stun:o stun:p stun:q "
                "stun:r stun:s stun:t stun:u stun:v stun:w stun:x stun:y stun:z stun:1.a stun:2.a stun:3.a stun:4.a stun:5.a stun:6.a "
                "stun:7.a"};
    given.ice_server_count = 1;
    close_connection(open_connection(&given));
}

TEST(a_certificate_that_is_missing_is_refused_wherever_it_stands)
{
    peer_certificate_t *certificates[2] = {NULL, NULL};
    peer_configuration_t given;
    peer_configuration_init(&given, sizeof given);
    CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &certificates[0]), 0);
    given.certificates = certificates;
    given.certificate_count = 2;
    CHECK(peer_connection_new(&given, NULL, NULL) == NULL);
    CHECK_INT(peer_last_error_code(), PEER_ERROR_TYPE);
    peer_certificate_unref(certificates[0]);
}
