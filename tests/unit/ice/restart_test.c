/* ICE restart (RFC 8445 §9): the old pair works until the new session has its own. */
#include "network.h"

#include <string.h>

static network_t *connected_pair(uint64_t seed)
{
    network_t *network = network_new(seed);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    return network;
}

/* What an offer and an answer with new parameters do; the answer takes `signal_delay` each way. */
static void restart(network_t *network)
{
    CHECK_INT(ice_agent_restart(network->sides[0].agent, network->now, NULL), 0);
    CHECK_INT(ice_agent_restart(network->sides[1].agent, network->now, NULL), 0);
    network_start(network);
}

static void run_with_traffic(network_t *network, peer_time_t duration)
{
    for (peer_time_t end = network->now + duration; network->now < end;) {
        network_send_data(network, 0);
        network_send_data(network, 1);
        network_run(network, network->now + 20 * PEER_MILLISECOND, false);
    }
}

TEST(data_flows_on_the_old_pair_until_the_new_one_is_nominated)
{
    network_t *network = connected_pair(1);
    network->signal_delay = 500 * PEER_MILLISECOND;
    char ufrag[ICE_UFRAG_MAX + 1];
    strcpy(ufrag, ice_agent_local_parameters(network->sides[0].agent)->ufrag);
    uint32_t old_pair = network_selected_stats(network, 0)->id;
    restart(network);
    CHECK(strcmp(ufrag, ice_agent_local_parameters(network->sides[0].agent)->ufrag) != 0);
    CHECK(ice_agent_remote_parameters(network->sides[0].agent) == NULL);
    for (int i = 0; i < 100; i++) {
        CHECK(ice_agent_send_path(network->sides[0].agent) != NULL && ice_agent_send_path(network->sides[1].agent) != NULL);
        if (i == 20)
            CHECK_INT(network_selected_stats(network, 0)->id, old_pair);
        run_with_traffic(network, 20 * PEER_MILLISECOND);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ice_agent_state(network->sides[i].agent), ICE_STATE_COMPLETED);
        CHECK_INT(network->sides[i].disconnected_at, 0);
        CHECK_INT(network->sides[i].failed_at, 0);
        CHECK_INT(ice_agent_pair_count(network->sides[i].agent), 1);
        CHECK(network_selected_stats(network, i)->is_nominated);
        CHECK_INT(network->sides[i].candidate_count, 2); /* the same socket, told once more */
        CHECK(network_selected_stats(network, i)->id != old_pair || i == 1);
    }
    network_free(network);
}

TEST(a_restart_that_is_never_answered_keeps_the_old_pair)
{
    network_t *network = connected_pair(2);
    CHECK_INT(ice_agent_restart(network->sides[0].agent, network->now, NULL), 0);
    CHECK_INT(ice_agent_gather(network->sides[0].agent, network->now), 0);
    network_run(network, network->now + 120 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_CONNECTED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    CHECK(network_selected_stats(network, 0)->consent_requests_sent > 10);        /* with the credentials of before */
    CHECK_INT(ice_agent_restart(network->sides[0].agent, network->now, NULL), 0); /* and a second one on top */
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK(ice_agent_send_path(network->sides[0].agent) != NULL);
    network_free(network);
}

TEST(a_restart_revives_a_connection_that_failed)
{
    network_t *network = connected_pair(3);
    network->loss_percent = 100;
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    network->loss_percent = 0;
    restart(network);
    network_run(network, network->now + 5 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    network_free(network);
}

TEST(a_connection_that_dies_during_a_restart_fails_and_the_restart_still_helps)
{
    network_t *network = connected_pair(4);
    network->loss_percent = 100;
    CHECK_INT(ice_agent_restart(network->sides[0].agent, network->now, NULL), 0);
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    network->loss_percent = 0;
    CHECK_INT(ice_agent_restart(network->sides[1].agent, network->now, NULL), 0);
    network_start(network);
    network_run(network, network->now + 5 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    network_free(network);
}

TEST(restarts_at_any_moment_under_loss_end_connected)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        network_t *network = network_new(seed);
        network->delay = (peer_time_t)random_below(&network->random, 100) * PEER_MILLISECOND;
        network->jitter = 20 * PEER_MILLISECOND;
        network->signal_delay = 50 * PEER_MILLISECOND; /* in order: the channel of offers and answers is reliable */
        network->loss_percent = random_below(&network->random, 20);
        network_add_address(network, 0, "198.51.100.1");
        network_add_address(network, 1, "203.0.113.1");
        network_add_address(network, 0, "2001:db8::1");
        network_add_address(network, 1, "2001:db8:1::1");
        network_make_agents(network, true, false, false);
        network_start(network);
        for (int i = 0; i < 4; i++) {
            network_run(network, network->now + (peer_time_t)random_below(&network->random, 1500) * PEER_MILLISECOND, false);
            network->signal_count = 0; /* what was signalled for the session before is ignored by the application */
            restart(network);
        }
        network_run(network, network->now + 20 * PEER_SECOND, false);
        if (!network_is_connected(network))
            test_fail(__FILE__, __LINE__, "seed %llu is not connected", (unsigned long long)seed);
        CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
        network_free(network);
    }
}

TEST(a_nat_that_forgets_us_again_and_again_leaves_room_for_new_networks)
{
    network_t *network = network_new(6);
    network->delay = 10 * PEER_MILLISECOND;
    network_add_address(network, 0, "10.0.0.1");
    network_add_address(network, 1, "203.0.113.1");
    network_set_nat(network, 0, NAT_SYMMETRIC, "198.51.100.1");
    network_make_agents(network, true, false, false);
    for (int i = 0; i < ICE_MAX_LOCAL_CANDIDATES + 20; i++) {
        network->mapping_count = 0;
        network->signal_count = 0;
        network->sides[0].candidate_count = network->sides[1].candidate_count = 0;
        network->sides[0].state_count = network->sides[1].state_count = 0;
        if (i > 0)
            restart(network);
        else
            network_start(network);
        network_run(network, network->now + PEER_SECOND, false);
        CHECK(network_is_connected(network));
    }
    size_t closed = network->sides[0].closed_count;
    const address_t added = address_ipv4(10, 0, 0, 2, 5001);
    CHECK_INT(ice_agent_add_socket(network->sides[0].agent, network->now, 9, &added, ICE_NETWORK_WIFI), 0);
    network_pump(network);
    CHECK_INT(network->sides[0].closed_count, closed);
    CHECK(ice_agent_candidate_count(network->sides[0].agent, false) <= ICE_MAX_LOCAL_CANDIDATES);
    network_free(network);
}

TEST(of_the_session_before_only_the_pair_in_use_is_left)
{
    network_t *network = network_new(7);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 0, "198.51.100.2");
    network_add_address(network, 0, "198.51.100.3");
    network_add_address(network, 1, "203.0.113.1");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK_INT(ice_agent_pair_count(network->sides[0].agent), 3);
    uint32_t kept = network_selected_stats(network, 0)->id;
    CHECK_INT(ice_agent_restart(network->sides[0].agent, network->now, NULL), 0);
    CHECK_INT(ice_agent_pair_count(network->sides[0].agent), 1);
    CHECK_INT(network_selected_stats(network, 0)->id, kept);
    network_free(network);
}
