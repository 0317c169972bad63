/* Recovery in mid-call: lost addresses, moved peers, new networks. */
#include "network.h"

static network_t *connected_pair(uint64_t seed, bool renominates)
{
    network_t *network = network_new(seed);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 0, "198.51.100.2");
    network_add_address(network, 1, "203.0.113.1");
    network_make_agents(network, true, false, false);
    network_start(network);
    for (int i = 0; i < 2; i++)
        ice_agent_set_remote_renomination(network->sides[i].agent, renominates);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK(network_is_connected(network));
    return network;
}

/* Until data of both has come in on a pair of the agent's; the time it took. */
static peer_time_t flows_after(network_t *network, peer_time_t limit)
{
    peer_time_t start = network->now;
    while (network->now < start + limit) {
        const ice_pair_stats_t *stats = NULL;
        bool flows = true;
        for (int i = 0; i < 2; i++) {
            network_send_data(network, i);
            stats = ice_agent_send_path(network->sides[i].agent) != NULL ? network_selected_stats(network, i) : NULL;
            flows = flows && stats != NULL && stats->last_packet_received > start + 2 * network->delay;
        }
        if (flows)
            return network->now - start;
        network_run(network, network->now + 20 * PEER_MILLISECOND, false);
    }
    return PEER_TIME_NEVER;
}

static int selected_socket(network_t *network, int side)
{
    return (int)ice_agent_send_path(network->sides[side].agent)->socket;
}

TEST(an_address_that_goes_moves_the_call_to_another_at_once)
{
    for (int renominates = 0; renominates < 2; renominates++) {
        network_t *network = connected_pair(1, renominates);
        uint32_t gone = (uint32_t)selected_socket(network, 0);
        ice_agent_socket_closed(network->sides[0].agent, network->now, gone, "The address is gone.");
        network->sides[0].addresses[gone - 1].port = 1; /* nothing arrives there any more */
        network_pump(network);
        CHECK(flows_after(network, 2 * PEER_SECOND) < 2 * PEER_SECOND);
        CHECK(selected_socket(network, 0) != (int)gone);
        network_run(network, network->now + PEER_SECOND, false);
        for (int i = 0; i < 2; i++) {
            CHECK(network_selected_stats(network, i)->is_nominated);
            CHECK_INT(network->sides[i].failed_at, 0);
        }
        network_free(network);
    }
}

TEST(the_controlled_side_moves_as_well)
{
    network_t *network = network_new(2);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network_add_address(network, 1, "203.0.113.2");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK(network_is_connected(network));
    uint32_t gone = (uint32_t)selected_socket(network, 1);
    ice_agent_socket_closed(network->sides[1].agent, network->now, gone, "The address is gone.");
    network->sides[1].addresses[gone - 1].port = 1;
    network_pump(network);
    CHECK(flows_after(network, 2 * PEER_SECOND) < 2 * PEER_SECOND);
    network_run(network, network->now + PEER_SECOND, false);
    for (int i = 0; i < 2; i++)
        CHECK(network_selected_stats(network, i)->is_nominated);
    network_free(network);
}

TEST(an_only_address_is_waited_for_and_a_new_one_takes_over)
{
    network_t *network = network_new(3);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    ice_agent_socket_closed(network->sides[0].agent, network->now, 1, "The address is gone.");
    network->sides[0].addresses[0].port = 1;
    network_pump(network);
    CHECK(ice_agent_send_path(network->sides[0].agent) == NULL);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_DISCONNECTED);
    network_run(network, network->now + 10 * PEER_SECOND, false);
    network_add_address(network, 0, "192.0.2.9");
    ice_agent_add_socket(network->sides[0].agent, network->now, 2, &network->sides[0].addresses[1], ICE_NETWORK_CELLULAR);
    CHECK_INT(ice_agent_gathering_state(network->sides[0].agent), ICE_GATHERING_COMPLETE); /* again: there is no server to ask */
    network_pump(network);
    CHECK(flows_after(network, 2 * PEER_SECOND) < 2 * PEER_SECOND);
    CHECK_INT(network->sides[0].failed_at, 0);
    network_free(network);
}

TEST(a_host_without_any_address_fails_when_consent_would_have_ended)
{
    network_t *network = connected_pair(4, true);
    peer_time_t start = network->now;
    for (uint32_t socket = 1; socket <= 2; socket++)
        ice_agent_socket_closed(network->sides[0].agent, network->now, socket, "The address is gone.");
    network->sides[0].is_deaf = true;
    network_pump(network);
    network_run(network, start + 60 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    CHECK(network->sides[0].failed_at >= start + 20 * PEER_SECOND && network->sides[0].failed_at <= start + 31 * PEER_SECOND);
    network_free(network);
}

TEST(a_peer_whose_nat_forgot_it_is_followed_to_its_new_address)
{
    for (int behind = 0; behind < 2; behind++) {
        network_t *network = network_new(5);
        network->delay = 20 * PEER_MILLISECOND;
        network_add_address(network, 0, behind == 0 ? "10.0.0.1" : "198.51.100.1");
        network_add_address(network, 1, behind == 1 ? "10.0.0.1" : "203.0.113.1");
        network_set_nat(network, behind, NAT_PORT_RESTRICTED, "192.0.2.1");
        network_make_agents(network, true, false, false);
        network_start(network);
        network_run(network, network->now + 2 * PEER_SECOND, false);
        CHECK(network_is_connected(network));
        CHECK(flows_after(network, PEER_SECOND) < PEER_SECOND);
        network->mapping_count = 0; /* the next datagram gets a new port */
        CHECK(flows_after(network, 2 * PEER_SECOND) < 2 * PEER_SECOND);
        network_run(network, network->now + PEER_SECOND, false);
        for (int i = 0; i < 2; i++) {
            CHECK_INT(network->sides[i].disconnected_at, 0);
            CHECK(ice_agent_send_path(network->sides[i].agent) != NULL);
        }
        network_free(network);
    }
}

TEST(networks_may_come_and_go_without_end)
{
    network_t *network = connected_pair(6, true);
    ice_agent_t *agent = network->sides[0].agent;
    size_t count = ice_agent_candidate_count(agent, false);
    for (uint32_t i = 0; i < 300; i++) {
        address_t address = address_ipv4(192, 0, 2, (uint8_t)(i % 250 + 1), 5000);
        ice_agent_add_socket(agent, network->now, 50 + i, &address, ICE_NETWORK_WIFI);
        if (i % 2 == 0) { /* sometimes before anybody has been told */
            network->sides[0].candidate_count = 0;
            network_pump(network);
        }
        ice_agent_socket_closed(agent, network->now, 50 + i, "The address is gone.");
        network->signal_count = 0;
    }
    CHECK_INT(ice_agent_candidate_count(agent, false), (long long)count);
    CHECK(flows_after(network, PEER_SECOND) < PEER_SECOND);
    network_free(network);
}

TEST(when_a_pair_in_doubt_is_all_that_is_left_time_goes_on_and_the_call_fails)
{
    network_t *network = connected_pair(9, true);
    for (int i = 0; i < 50; i++) {
        network_send_data(network, 0);
        network_send_data(network, 1);
        network_run(network, network->now + 20 * PEER_MILLISECOND, false);
    }
    uint32_t deaf = (uint32_t)selected_socket(network, 0);
    network->sides[0].addresses[deaf - 1].port = 1; /* nothing arrives there any more */
    CHECK(flows_after(network, 5 * PEER_SECOND) < 5 * PEER_SECOND);
    uint32_t other = (uint32_t)selected_socket(network, 0);
    CHECK(other != deaf);
    network->sides[0].addresses[other - 1].port = 1;
    ice_agent_socket_closed(network->sides[0].agent, network->now, other, "The address is gone.");
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    network_free(network);
}
