/* Consent freshness (RFC 7675) and what becomes of the state when a path dies or comes back. */
#include "network.h"

static network_t *connected_pair(uint64_t seed)
{
    network_t *network = network_new(seed);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    return network;
}

static void run_with_traffic(network_t *network, peer_time_t duration)
{
    for (peer_time_t end = network->now + duration; network->now < end;) {
        network_send_data(network, 0);
        network_send_data(network, 1);
        network_run(network, network->now + 20 * PEER_MILLISECOND, false);
    }
}

TEST(consent_requests_go_out_every_four_to_six_seconds)
{
    network_t *network = connected_pair(1);
    network_run(network, network->now + 600 * PEER_SECOND, false);
    for (int i = 0; i < 2; i++) {
        const ice_pair_stats_t *stats = network_selected_stats(network, i);
        CHECK(stats->consent_requests_sent >= 100 && stats->consent_requests_sent <= 150);
        CHECK(stats->consent_requests_sent + 4 >= stats->responses_received);
        CHECK_INT(stats->current_round_trip_time, 40 * PEER_MILLISECOND);
        CHECK_INT(ice_agent_state(network->sides[i].agent), ICE_STATE_COMPLETED);
        CHECK_INT(network->sides[i].selected_count, 1);
    }
    network_free(network);
}

TEST(a_dead_path_is_disconnected_after_some_seconds_and_failed_when_consent_expires)
{
    network_t *network = connected_pair(2);
    network->sides[0].is_deaf = network->sides[1].is_deaf = true;
    peer_time_t died = network->now;
    network_run(network, died + 25 * PEER_SECOND, false);
    CHECK(network->sides[0].disconnected_at - died >= PEER_SECOND); /* the last answer came up to six seconds before */
    CHECK(network->sides[0].disconnected_at - died <= 9 * PEER_SECOND);
    CHECK(ice_agent_send_path(network->sides[0].agent) != NULL); /* consent still holds */
    network_run(network, died + 60 * PEER_SECOND, false);
    CHECK(network->sides[0].failed_at - died >= 24 * PEER_SECOND);
    CHECK(network->sides[0].failed_at - died <= 30 * PEER_SECOND);
    CHECK(ice_agent_send_path(network->sides[0].agent) == NULL);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    size_t sent = network->sides[0].packets_sent;
    CHECK(sent < 60);
    network_run(network, network->now + 600 * PEER_SECOND, false);
    CHECK_INT(network->sides[0].packets_sent, sent); /* nothing is sent without consent */
    network_free(network);
}

TEST(media_that_stops_is_noticed_after_five_seconds)
{
    network_t *network = connected_pair(3);
    run_with_traffic(network, 20 * PEER_SECOND);
    CHECK_INT(network->sides[0].disconnected_at, 0);
    network->sides[0].is_deaf = network->sides[1].is_deaf = true;
    peer_time_t died = network->now;
    run_with_traffic(network, 7 * PEER_SECOND);
    CHECK(network->sides[0].disconnected_at - died >= 4900 * PEER_MILLISECOND);
    CHECK(network->sides[0].disconnected_at - died <= 5500 * PEER_MILLISECOND);
    network_free(network);
}

TEST(a_path_that_comes_back_is_connected_again_at_once)
{
    network_t *network = connected_pair(4);
    network->sides[0].is_deaf = network->sides[1].is_deaf = true;
    network_run(network, network->now + 20 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_DISCONNECTED);
    network->sides[0].is_deaf = network->sides[1].is_deaf = false;
    network_run(network, network->now + 1100 * PEER_MILLISECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_COMPLETED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_COMPLETED);
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK_INT(network->sides[0].failed_at, 0);
    network_free(network);
}

TEST(consent_that_expired_does_not_come_back)
{
    network_t *network = connected_pair(5);
    network->sides[0].is_deaf = true; /* hears nothing, so loses consent; the other hears requests, but no answers */
    network_run(network, network->now + 40 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_FAILED);
    network->sides[0].is_deaf = false;
    network_run(network, network->now + 40 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_FAILED);
    network_free(network);
}

TEST(a_path_that_works_in_one_direction_only_is_disconnected_on_both_sides)
{
    network_t *network = connected_pair(6);
    network->sides[0].drops_responses = true; /* it hears the peer, but no answers to its own requests */
    peer_time_t died = network->now;
    for (int i = 0; i < 20; i++) {
        network_send_data(network, 1);
        network_run(network, network->now + PEER_SECOND, false);
    }
    CHECK(network->sides[0].disconnected_at - died >= 10 * PEER_SECOND);
    CHECK(network->sides[0].disconnected_at - died <= 16 * PEER_SECOND);
    CHECK_INT(network->sides[1].disconnected_at, 0);
    network_run(network, died + 31 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED); /* RFC 7675: requests are no consent, answers are */
    network_free(network);
}

TEST(a_lossy_path_with_traffic_stays_connected)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        network_t *network = connected_pair(100 + seed);
        network->loss_percent = 20;
        run_with_traffic(network, 120 * PEER_SECOND);
        CHECK_INT(network->sides[0].disconnected_at, 0);
        CHECK_INT(network->sides[1].disconnected_at, 0);
        network_free(network);
    }
}

TEST(traffic_is_counted_on_its_pair)
{
    network_t *network = connected_pair(7);
    run_with_traffic(network, PEER_SECOND);
    network_run(network, network->now + PEER_SECOND, false);
    for (int i = 0; i < 2; i++) {
        const ice_pair_stats_t *stats = network_selected_stats(network, i);
        CHECK_INT(stats->packets_sent, 50);
        CHECK_INT(stats->bytes_sent, 5000);
        CHECK_INT(stats->packets_received, 50);
        CHECK_INT(stats->bytes_received, 5000);
        CHECK(stats->last_packet_received > stats->last_packet_sent);
        CHECK(stats->is_nominated);
        CHECK_INT(stats->state, ICE_PAIR_SUCCEEDED);
    }
    network_free(network);
}

TEST(time_that_jumps_ahead_loses_consent_instead_of_sending)
{
    network_t *network = connected_pair(8);
    network->now += 3600 * PEER_SECOND; /* the host slept */
    ice_agent_timeout(network->sides[0].agent, network->now);
    CHECK(ice_agent_send_path(network->sides[0].agent) == NULL);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_FAILED);
    network_free(network);
}

TEST(the_deadline_moves_on_while_requests_on_a_slow_path_stay_unanswered)
{
    network_t *network = connected_pair(9);
    network->delay = PEER_SECOND;
    run_with_traffic(network, 20 * PEER_SECOND);
    CHECK_INT(network_selected_stats(network, 0)->current_round_trip_time, 2 * PEER_SECOND);
    network->sides[0].drops_responses = true;
    for (int i = 0; i < 1500; i++) { /* a deadline in the past would keep the loop awake */
        run_with_traffic(network, 20 * PEER_MILLISECOND);
        ice_agent_timeout(network->sides[0].agent, network->now);
        CHECK(ice_agent_deadline(network->sides[0].agent) > network->now);
    }
    network_free(network);
}
