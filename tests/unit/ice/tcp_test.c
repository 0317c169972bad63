/* TCP candidates (RFC 6544), lite agents (RFC 8445 §2.5), and what a policy of relays only forbids. */
#include "network.h"

#include "stun/stun.h"

#include <stdio.h>
#include <string.h>

static network_t *two_hosts(uint64_t seed, ice_tcp_policy_t first, ice_tcp_policy_t second)
{
    network_t *network = network_new(seed);
    network->delay = 10 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network->sides[0].tcp_policy = first;
    network->sides[1].tcp_policy = second;
    network->sides[0].listens = first == ICE_TCP_POLICY_ALL;
    network->sides[1].listens = second == ICE_TCP_POLICY_ALL;
    return network;
}

static void check_selected(network_t *network, int side, transport_protocol_t protocol)
{
    const ice_pair_stats_t *stats = network_selected_stats(network, side);
    CHECK(stats != NULL);
    CHECK_INT(stats->local->protocol, protocol);
    CHECK_INT(stats->remote->protocol, protocol);
}

TEST(udp_is_preferred_where_both_work)
{
    network_t *network = two_hosts(1, ICE_TCP_POLICY_ALL, ICE_TCP_POLICY_ALL);
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 10 * PEER_SECOND, true);
    CHECK(network_is_connected(network));
    check_selected(network, 0, TRANSPORT_UDP);
    check_selected(network, 1, TRANSPORT_UDP);
    network_free(network);
}

TEST(without_udp_an_active_candidate_connects_to_a_passive_one_in_either_role)
{
    for (int controlling = 0; controlling < 2; controlling++) {
        network_t *network = two_hosts(2, ICE_TCP_POLICY_ACTIVE, ICE_TCP_POLICY_ALL);
        network->sides[0].has_no_udp = true;
        network_make_agents(network, controlling == 0, controlling == 1, false);
        network_start(network);
        network_run(network, network->now + 10 * PEER_SECOND, true);
        CHECK(network_is_connected(network));
        for (int i = 0; i < 2; i++)
            check_selected(network, i, TRANSPORT_TCP);
        CHECK_INT(network_selected_stats(network, 0)->local->tcp_type, ICE_TCP_ACTIVE);
        CHECK_INT(network_selected_stats(network, 1)->local->tcp_type, ICE_TCP_PASSIVE);
        CHECK_INT(network->link_count, 1);
        network_send_data(network, 0);
        network_send_data(network, 1);
        network_run(network, network->now + PEER_SECOND, false);
        for (int i = 0; i < 2; i++)
            CHECK_INT(network_selected_stats(network, i)->packets_received, 1);
        network_free(network);
    }
}

TEST(two_that_only_connect_find_no_pair_of_tcp)
{
    network_t *network = two_hosts(3, ICE_TCP_POLICY_ACTIVE, ICE_TCP_POLICY_ACTIVE);
    network->sides[0].has_no_udp = true;
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 60 * PEER_SECOND, true);
    CHECK(!network_is_connected(network));
    CHECK_INT(network->link_count, 0);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    network_free(network);
}

TEST(a_connection_that_breaks_is_made_again)
{
    network_t *network = two_hosts(4, ICE_TCP_POLICY_ACTIVE, ICE_TCP_POLICY_ALL);
    network->sides[0].has_no_udp = true;
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + PEER_SECOND, false);
    CHECK(network_is_connected(network));
    network_close_link(network, 0);
    network_run(network, network->now + PEER_SECOND, false);
    CHECK_INT(network->link_count, 2);
    for (int i = 0; i < 2; i++) {
        CHECK(ice_agent_send_path(network->sides[i].agent) != NULL);
        CHECK_INT(network->sides[i].failed_at, 0);
        CHECK(network_selected_stats(network, i)->is_nominated);
    }
    network_free(network);
}

/* A nominating check of side 0's new session that comes over the connection of the old one. */
static void check_over_old_link(network_t *network)
{
    static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {1, 2, 3};
    const ice_parameters_t *to = ice_agent_local_parameters(network->sides[1].agent),
                           *from = ice_agent_local_parameters(network->sides[0].agent);
    char username[2 * ICE_UFRAG_MAX + 2];
    int length = snprintf(username, sizeof username, "%s:%s", to->ufrag, from->ufrag);
    uint8_t bytes[256];
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, id);
    stun_build_bytes(&builder, STUN_USERNAME, username, (size_t)length);
    stun_build_u64(&builder, STUN_ICE_CONTROLLING, UINT64_MAX);
    stun_build_flag(&builder, STUN_USE_CANDIDATE);
    stun_build_u32(&builder, STUN_PRIORITY, 1);
    stun_build_integrity(&builder, STUN_HASH_SHA1, to->password, strlen(to->password));
    stun_build_fingerprint(&builder);
    packet_t *packet = packet_new_copy(network->pool, bytes, stun_build_end(&builder));
    const test_link_t *link = &network->links[0];
    packet->path = (path_t){.socket = 1001, .protocol = TRANSPORT_TCP, .local = link->ends[1], .remote = link->ends[0]};
    CHECK(ice_agent_input(network->sides[1].agent, network->now, packet));
    packet_unref(packet);
    network_pump(network);
}

/* Over TCP, and restarted without any candidate signalled. */
static network_t *restarted_over_tcp(uint64_t seed)
{
    network_t *network = two_hosts(seed, ICE_TCP_POLICY_ACTIVE, ICE_TCP_POLICY_ALL);
    network->sides[0].has_no_udp = true;
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + PEER_SECOND, false);
    CHECK(network_is_connected(network));
    for (int i = 0; i < 2; i++)
        CHECK_INT(ice_agent_restart(network->sides[i].agent, network->now, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const ice_parameters_t *theirs = ice_agent_local_parameters(network->sides[1 - i].agent);
        ice_agent_set_remote_parameters(network->sides[i].agent, network->now, theirs->ufrag, theirs->password, false);
    }
    network_pump(network);
    return network;
}

TEST(a_restart_may_go_on_over_the_connection_that_there_is)
{
    network_t *network = restarted_over_tcp(7);
    uint32_t old = network_selected_stats(network, 1)->id;
    check_over_old_link(network);
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK(network->links[0].is_open);
    CHECK_INT(network->link_count, 1);
    CHECK(network_selected_stats(network, 1)->id != old && network_selected_stats(network, 1)->is_nominated);
    CHECK_INT(ice_agent_send_path(network->sides[1].agent)->socket, 1001);
    network_free(network);
}

TEST(a_connection_that_two_sessions_used_ends_for_both)
{
    network_t *network = restarted_over_tcp(8);
    check_over_old_link(network);
    network_close_link(network, 0);
    CHECK(ice_agent_send_path(network->sides[1].agent) == NULL);
    CHECK_INT(ice_agent_restart(network->sides[1].agent, network->now, NULL), 0);
    network_run(network, network->now + 60 * PEER_SECOND, false);
    network_free(network);
}

TEST(strangers_who_connect_and_say_nothing_do_not_keep_the_peer_out)
{
    network_t *network = two_hosts(5, ICE_TCP_POLICY_ACTIVE, ICE_TCP_POLICY_ALL);
    network->sides[0].has_no_udp = true;
    network_make_agents(network, true, false, false);
    ice_agent_gather(network->sides[1].agent, network->now);
    network_pump(network);
    size_t closed = network->sides[1].closed_count;
    for (uint32_t i = 0; i < 500; i++) {
        address_t stranger = address_ipv4(192, 0, 2, 66, (uint16_t)(1024 + i));
        ice_agent_link_accepted(network->sides[1].agent, network->now, 101, 500 + i, &stranger);
    }
    network_pump(network);
    CHECK(network->sides[1].closed_count - closed > 480);
    network_start(network);
    network_run(network, network->now + 10 * PEER_SECOND, true);
    CHECK(network_is_connected(network));
    network_free(network);
}

TEST(a_lite_agent_sends_no_check_and_follows_the_nomination)
{
    network_t *network = two_hosts(6, ICE_TCP_POLICY_OFF, ICE_TCP_POLICY_OFF);
    network_make_agents(network, true, false, true);
    network_start(network);
    network_run(network, network->now + 10 * PEER_SECOND, true);
    CHECK(network_is_connected(network));
    CHECK_INT(network_selected_stats(network, 1)->requests_sent, 0);
    for (int i = 0; i < 100; i++) {
        network_send_data(network, 1);
        network_run(network, network->now + PEER_SECOND, false);
    }
    CHECK_INT(network_selected_stats(network, 1)->requests_sent, 0);
    CHECK(ice_agent_send_path(network->sides[1].agent) != NULL); /* consent follows from the peer's requests */
    network->sides[1].is_deaf = true;
    network_run(network, network->now + 40 * PEER_SECOND, false);
    CHECK(ice_agent_send_path(network->sides[1].agent) == NULL);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_FAILED);
    network_free(network);
}
