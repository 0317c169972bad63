/* Connecting: two agents through the virtual network. */
#include "network.h"

#include "stun/stun.h"

static network_t *two_hosts(uint64_t seed)
{
    network_t *network = network_new(seed);
    network->delay = 10 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    return network;
}

static void check_connected(const network_t *network)
{
    if (!network_is_connected(network))
        test_fail(__FILE__, __LINE__, "not connected at %lld us", (long long)network->now);
}

TEST(two_hosts_connect_within_two_round_trips)
{
    network_t *network = two_hosts(1);
    network_make_agents(network, true, false, false);
    network_start(network);
    peer_time_t begun = network->now;
    network_run(network, begun + 5 * PEER_SECOND, true);
    check_connected(network);
    CHECK_INT(network->now - begun, 40 * PEER_MILLISECOND); /* check, answer, nomination, answer */
    CHECK_INT(network->sides[0].connected_at - begun, 20 * PEER_MILLISECOND);
    CHECK_INT(network->sides[0].selected_at - begun, 20 * PEER_MILLISECOND); /* data may flow after one */
    CHECK(ice_agent_is_controlling(network->sides[0].agent) && !ice_agent_is_controlling(network->sides[1].agent));
    network_run(network, network->now + 3 * PEER_SECOND, false);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ice_agent_state(network->sides[i].agent), ICE_STATE_COMPLETED);
        CHECK_INT(network->sides[i].states[0], ICE_STATE_CHECKING);
        CHECK(network->sides[i].packets_sent <= 8);
    }
    network_free(network);
}

TEST(the_answerer_that_starts_first_connects_the_offerer_in_one_round_trip_after_the_answer)
{
    network_t *network = two_hosts(2);
    network_make_agents(network, true, false, false);
    for (int i = 0; i < 2; i++)
        ice_agent_gather(network->sides[i].agent, network->now);
    network_send_parameters(network, 0, 0);
    network_run(network, network->now + 300 * PEER_MILLISECOND, false);
    CHECK(ice_agent_drops(network->sides[0].agent)->wrong_integrity == 0);
    CHECK(ice_agent_send_path(network->sides[1].agent) != NULL); /* answered before the offerer knew any password of the peer */
    CHECK(ice_agent_send_path(network->sides[0].agent) == NULL);
    peer_time_t answered = network->now;
    network_send_parameters(network, 1, 0);
    network_run(network, network->now + PEER_SECOND, true);
    check_connected(network);
    CHECK_INT(network->sides[0].selected_at - answered, 20 * PEER_MILLISECOND);
    network_free(network);
}

TEST(any_order_of_trickle_connects_under_loss_and_jitter)
{
    peer_time_t slowest = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        network_t *network = network_new(seed);
        network->delay = (peer_time_t)random_below(&network->random, 150) * PEER_MILLISECOND;
        network->jitter = (peer_time_t)random_below(&network->random, 50) * PEER_MILLISECOND;
        network->loss_percent = random_below(&network->random, 25);
        network->signal_delay = (peer_time_t)random_below(&network->random, 100) * PEER_MILLISECOND;
        network->signal_jitter = 300 * PEER_MILLISECOND;
        static const char *const addresses[2][3] = {{"198.51.100.1", "2001:db8::1", "fe80::1"},
                                                    {"203.0.113.1", "2001:db8:1::1", "fe80::2"}};
        for (int i = 0; i < 2; i++) {
            for (int a = 0; a < 3; a++)
                network_add_address(network, i, addresses[i][a]);
            network->sides[i].are_sockets_slow = random_below(&network->random, 2) == 0;
            network->sides[i].hides_host_addresses = random_below(&network->random, 3) == 0;
        }
        network_use_server(network, seed % 2 == 0 ? "192.0.2.53" : "stun.test");
        network_make_agents(network, seed % 3 != 0, seed % 3 != 1, false); /* also both controlling, or none */
        network_start(network);
        peer_time_t begun = network->now;
        network_run(network, begun + 30 * PEER_SECOND, true);
        if (!network_is_connected(network))
            test_fail(__FILE__, __LINE__, "seed %llu is not connected", (unsigned long long)seed);
        slowest = network->now - begun > slowest ? network->now - begun : slowest;
        CHECK(ice_agent_is_controlling(network->sides[0].agent) != ice_agent_is_controlling(network->sides[1].agent));
        network_run(network, network->now + 15 * PEER_SECOND, false);
        path_t ours = *ice_agent_send_path(network->sides[0].agent), theirs = *ice_agent_send_path(network->sides[1].agent);
        if (!address_equal(&ours.local, &theirs.remote) || !address_equal(&ours.remote, &theirs.local))
            test_fail(__FILE__, __LINE__, "seed %llu: the sides use different pairs", (unsigned long long)seed);
        CHECK(ice_agent_gathering_state(network->sides[0].agent) == ICE_GATHERING_COMPLETE);
        network_free(network);
    }
    test_note("slowest connected after %lld ms", (long long)(slowest / PEER_MILLISECOND));
}

TEST(the_same_seed_gives_the_same_run)
{
    peer_time_t times[2];
    size_t packets[2];
    for (int run = 0; run < 2; run++) {
        network_t *network = two_hosts(77);
        network->loss_percent = 20;
        network->jitter = 30 * PEER_MILLISECOND;
        network_make_agents(network, true, true, false);
        network_start(network);
        network_run(network, network->now + 20 * PEER_SECOND, false);
        times[run] = network->sides[0].connected_at;
        packets[run] = network->sides[0].packets_sent;
        network_free(network);
    }
    CHECK_INT(times[0], times[1]);
    CHECK_INT(packets[0], packets[1]);
}

TEST(a_role_conflict_is_settled_whoever_has_the_larger_tie_breaker)
{
    bool has_first_won = false, has_second_won = false;
    for (uint64_t seed = 0; seed < 40; seed++) {
        network_t *network = two_hosts(seed);
        bool role = seed % 2 == 0;
        network_make_agents(network, role, role, false);
        network_start(network);
        network_run(network, network->now + 5 * PEER_SECOND, true);
        check_connected(network);
        bool first = ice_agent_is_controlling(network->sides[0].agent);
        CHECK(first != ice_agent_is_controlling(network->sides[1].agent));
        has_first_won |= first;
        has_second_won |= !first;
        network_free(network);
    }
    CHECK(has_first_won && has_second_won);
}

TEST(hosts_behind_port_restricted_nats_connect_by_server_reflexive_candidates)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        network_t *network = network_new(seed);
        network->delay = 20 * PEER_MILLISECOND;
        network->jitter = 10 * PEER_MILLISECOND;
        network->signal_jitter = 200 * PEER_MILLISECOND;
        network->loss_percent = seed % 3 == 0 ? 15 : 0;
        network_add_address(network, 0, "10.0.0.2");
        network_add_address(network, 1, "192.168.1.2");
        network_set_nat(network, 0, NAT_PORT_RESTRICTED, "198.51.100.9");
        network_set_nat(network, 1, NAT_PORT_RESTRICTED, "203.0.113.9");
        network_use_server(network, "192.0.2.53");
        network_make_agents(network, true, false, false);
        network_start(network);
        network_run(network, network->now + 10 * PEER_SECOND, true);
        check_connected(network);
        const ice_pair_stats_t *stats = network_selected_stats(network, 0);
        CHECK_INT(stats->local->type, ICE_CANDIDATE_SERVER_REFLEXIVE);
        CHECK(stats->remote->type == ICE_CANDIDATE_SERVER_REFLEXIVE || stats->remote->type == ICE_CANDIDATE_PEER_REFLEXIVE);
        CHECK(address_ip_equal(&network->sides[0].candidates[1]->related, &network->sides[0].addresses[0]));
        network_free(network);
    }
}

TEST(a_host_behind_a_symmetric_nat_is_found_as_peer_reflexive)
{
    network_t *network = network_new(5);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "10.0.0.2");
    network_add_address(network, 1, "203.0.113.1");
    network_set_nat(network, 0, NAT_SYMMETRIC, "198.51.100.9");
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 10 * PEER_SECOND, true);
    check_connected(network);
    CHECK_INT(network_selected_stats(network, 0)->local->type, ICE_CANDIDATE_PEER_REFLEXIVE);  /* seen in the answer */
    CHECK_INT(network_selected_stats(network, 1)->remote->type, ICE_CANDIDATE_PEER_REFLEXIVE); /* seen in the check */
    network_free(network);
}

TEST(a_peer_reflexive_candidate_takes_its_true_type_when_it_is_signalled)
{
    network_t *network = two_hosts(6);
    network_make_agents(network, true, false, false);
    for (int i = 0; i < 2; i++)
        ice_agent_gather(network->sides[i].agent, network->now);
    network_send_parameters(network, 0, 0);
    network_send_parameters(network, 1, 0);
    network_pump(network);
    network->signals[network->signal_count] = network->signals[0];
    for (size_t i = 0; i < network->signal_count; i++)
        if (network->signals[i].kind == SIGNAL_CANDIDATE && network->signals[i].to == 1)
            network->signals[i].time += PEER_SECOND; /* the candidate comes after the check from its address */
    network_run(network, network->now + 500 * PEER_MILLISECOND, true);
    CHECK_INT(network_selected_stats(network, 1)->remote->type, ICE_CANDIDATE_PEER_REFLEXIVE);
    network_run(network, network->now + 2 * PEER_SECOND, false);
    CHECK_INT(network_selected_stats(network, 1)->remote->type, ICE_CANDIDATE_HOST);
    CHECK_INT(ice_agent_candidate_count(network->sides[1].agent, true), 1);
    CHECK_TEXT(ice_agent_candidate(network->sides[1].agent, true, 0)->foundation, "1");
    network_free(network);
}

TEST(the_better_pair_is_nominated_even_when_it_answers_later)
{
    network_t *network = network_new(8);
    network->delay = 20 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 0, "2001:db8::1");
    network_add_address(network, 1, "203.0.113.1");
    network_add_address(network, 1, "2001:db8:1::1");
    network_make_agents(network, true, false, false);
    network_start(network);
    for (size_t i = 0; i < network->signal_count; i++)
        if (network->signals[i].kind == SIGNAL_CANDIDATE && network->signals[i].candidate.address.family == ADDRESS_IPV6)
            network->signals[i].time += 30 * PEER_MILLISECOND; /* after the first IPv4 check left */
    network_run(network, network->now + 5 * PEER_SECOND, true);
    check_connected(network);
    CHECK_INT(ice_agent_send_path(network->sides[0].agent)->remote.family, ADDRESS_IPV6);
    network_free(network);
}

TEST(pairs_that_never_answer_delay_nomination_by_no_more_than_the_patience)
{
    network_t *network = network_new(9);
    network->delay = 5 * PEER_MILLISECOND;
    network_add_address(network, 0, "198.51.100.1");
    network_add_address(network, 1, "203.0.113.1");
    network_make_agents(network, true, false, false);
    network_start(network);
    for (int i = 0; i < 5; i++) {
        ice_candidate_t dead = {
            .foundation = "dead", .component = 1, .priority = 0x7fffffff, .address = address_ipv4(192, 0, 2, (uint8_t)(100 + i), 9999)};
        dead.foundation[3] = (char)('a' + i);
        CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &dead), 0);
    }
    peer_time_t begun = network->now;
    network_run(network, begun + 5 * PEER_SECOND, true);
    check_connected(network);
    CHECK(network->now - begun < 150 * PEER_MILLISECOND);
    CHECK(network->sides[0].selected_at - begun < 50 * PEER_MILLISECOND);
    network_free(network);
}

TEST(mdns_candidates_are_resolved_and_used)
{
    network_t *network = two_hosts(10);
    network->sides[0].hides_host_addresses = network->sides[1].hides_host_addresses = true;
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 5 * PEER_SECOND, true);
    check_connected(network);
    network_free(network);
}

TEST(an_mdns_name_that_is_not_resolved_on_one_side_does_not_matter)
{
    network_t *network = two_hosts(11);
    network->sides[0].hides_host_addresses = true;
    network->has_no_resolver = true;
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + 5 * PEER_SECOND, true);
    check_connected(network);
    network_free(network);
}

TEST(a_server_that_fails_is_reported_and_gathering_completes)
{
    network_t *network = two_hosts(12);
    network->is_server_dead = true;
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    network_start(network);
    peer_time_t begun = network->now;
    network_run(network, begun + 20 * PEER_SECOND, false);
    CHECK_INT(network->server_requests, 10); /* five from each side */
    CHECK_INT(network->sides[0].error_count, 1);
    CHECK_INT(network->sides[0].last_error.code, 701);
    CHECK_TEXT(network->sides[0].last_error.url, "stun:test");
    CHECK(address_equal(&network->sides[0].last_error.address, &network->sides[0].addresses[0]));
    CHECK_INT(network->sides[0].gathering_state, ICE_GATHERING_COMPLETE);
    CHECK_INT(network->sides[0].completed_at - begun, 9500 * PEER_MILLISECOND);
    network_free(network);

    network = two_hosts(13);
    network->does_server_refuse = true;
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + PEER_SECOND, false);
    CHECK_INT(network->sides[0].last_error.code, 403);
    CHECK_INT(network->sides[0].gathering_state, ICE_GATHERING_COMPLETE);
    network_free(network);

    network = two_hosts(14);
    network_use_server(network, "nowhere.test");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + PEER_SECOND, false);
    CHECK_INT(network->sides[0].last_error.code, 701);
    CHECK_INT(network->sides[0].last_error.address.family, ADDRESS_NONE);
    network_free(network);
}

TEST(without_a_path_the_agent_fails_when_its_patience_ends_and_not_before)
{
    network_t *network = two_hosts(15);
    network->loss_percent = 100;
    network_make_agents(network, true, false, false);
    network_start(network);
    peer_time_t begun = network->now;
    network_run(network, begun + 120 * PEER_SECOND, false);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(network->sides[i].failed_at - begun, 39500 * PEER_MILLISECOND);
        CHECK_INT(network->sides[i].packets_sent, 11);
        CHECK_INT(ice_agent_deadline(network->sides[i].agent), PEER_TIME_NEVER);
    }
    network_free(network);
}

TEST(a_peer_that_comes_late_is_still_found_after_failure)
{
    network_t *network = two_hosts(16);
    network_make_agents(network, true, false, false);
    ice_agent_gather(network->sides[0].agent, network->now);
    ice_agent_gather(network->sides[1].agent, network->now);
    network_send_parameters(network, 0, 0);
    network->sides[0].is_deaf = true;
    network_run(network, network->now + 60 * PEER_SECOND, false);
    CHECK_INT(ice_agent_state(network->sides[1].agent), ICE_STATE_FAILED);
    network->sides[0].is_deaf = false;
    network_send_parameters(network, 1, 0);
    network_run(network, network->now + 5 * PEER_SECOND, true);
    check_connected(network);
    network_free(network);
}

TEST(relay_policy_opens_no_socket_and_shows_no_address)
{
    network_t *network = network_new(17);
    ice_config_t config = {.random = network->random, .pool = network->pool, .policy = ICE_POLICY_RELAY};
    network->sides[0].agent = ice_agent_new(&config);
    network->sides[1].agent = ice_agent_new(&config);
    ice_agent_gather(network->sides[0].agent, network->now);
    ice_output_t output;
    while (ice_agent_poll(network->sides[0].agent, &output))
        CHECK_INT(output.kind, ICE_OUTPUT_GATHERING_STATE);
    CHECK_INT(ice_agent_gathering_state(network->sides[0].agent), ICE_GATHERING_COMPLETE);
    network_free(network);
}

/* Polls all; whether there was an output of the kind. */
static bool puts_out(ice_agent_t *agent, ice_output_kind_t kind, ice_output_t *found)
{
    ice_output_t output;
    bool is_found = false;
    while (ice_agent_poll(agent, &output)) {
        if (output.kind == ICE_OUTPUT_SEND)
            packet_unref(output.packet);
        if (output.kind == kind && !is_found)
            *found = output;
        is_found |= output.kind == kind;
    }
    return is_found;
}

TEST(relay_policy_asks_nobody_for_the_names_that_the_peer_gives)
{
    network_t *network = network_new(20);
    ice_config_t config = {.random = network->random, .pool = network->pool, .policy = ICE_POLICY_RELAY};
    for (int policy = 0; policy < 2; policy++) {
        config.policy = policy == 0 ? ICE_POLICY_RELAY : ICE_POLICY_ALL;
        ice_agent_t *agent = network->sides[policy].agent = ice_agent_new(&config);
        ice_agent_gather(agent, network->now);
        ice_candidate_t candidate = {.component = 1, .type = ICE_CANDIDATE_HOST, .priority = 1, .address = {.port = 5000}};
        static const char *const names[] = {"who.asks.example", "3cbd0d21-5a0b-4c3c-8d6a-2d1c2f0e7a11.local"};
        for (int i = 0; i < 2; i++) {
            ice_output_t output;
            candidate.host_name = names[i];
            CHECK_INT(ice_agent_add_remote_candidate(agent, network->now, &candidate), 0);
            CHECK(puts_out(agent, ICE_OUTPUT_RESOLVE, &output) == (config.policy == ICE_POLICY_ALL));
        }
    }
    network_free(network);
}

TEST(a_port_that_the_gateway_maps_is_told_again_after_a_restart_unless_it_is_mapped_no_more)
{
    network_t *network = two_hosts(21);
    network_make_agents(network, true, false, false);
    ice_agent_t *agent = network->sides[0].agent;
    const address_t external = address_ipv4(203, 0, 113, 77, 7777), none = {0};
    ice_agent_gather(agent, network->now);
    network_pump(network);
    ice_agent_port_mapped(agent, network->now, 1, &external);
    for (int round = 0; round < 3; round++) {
        size_t before = network->sides[0].candidate_count, told = 0;
        if (round == 2)
            ice_agent_port_mapped(agent, network->now, 1, &none);
        if (round > 0) {
            CHECK_INT(ice_agent_restart(agent, network->now, NULL), 0);
            ice_agent_gather(agent, network->now);
        }
        network_pump(network);
        for (size_t i = before; i < network->sides[0].candidate_count; i++)
            told += address_equal(&network->sides[0].candidates[i]->address, &external);
        CHECK_INT(told, round < 2);
    }
    network_free(network);
}

TEST(an_error_does_not_tell_an_address_that_no_candidate_shows)
{
    network_t *network = network_new(22);
    const ice_server_t server = {
        .kind = ICE_SERVER_TURN, .transport = ICE_SERVER_TCP, .url = "turn:test?transport=tcp", .host = "192.0.2.53", .port = 3478};
    ice_config_t config = {.random = network->random, .pool = network->pool, .servers = &server, .server_count = 1};
    const address_t local = address_ipv4(10, 0, 0, 1, 5000);
    for (int i = 0; i < 4; i++) {
        ice_output_t output = {0};
        config.policy = i == 0 ? ICE_POLICY_RELAY : ICE_POLICY_ALL;
        config.hides_addresses = i == 1;
        config.omits_private_hosts = i == 2;
        ice_agent_t *agent = ice_agent_new(&config);
        ice_agent_gather(agent, network->now);
        ice_agent_add_socket(agent, network->now, 1, &local, ICE_NETWORK_ETHERNET);
        ice_agent_sockets_complete(agent, network->now);
        CHECK(puts_out(agent, ICE_OUTPUT_CONNECT, &output));
        ice_agent_link_failed(agent, network->now, output.link->request, "Connection refused.");
        CHECK(puts_out(agent, ICE_OUTPUT_CANDIDATE_ERROR, &output));
        CHECK_INT(output.error.code, 701);
        CHECK_INT(output.error.address.family, i < 3 ? ADDRESS_NONE : ADDRESS_IPV4);
        ice_agent_free(agent);
    }
    network_free(network);
}

TEST(priorities_and_foundations_follow_rfc_8445_and_8421)
{
    network_t *network = network_new(18);
    static const char *const addresses[] = {"198.51.100.1", "2001:db8::1", "198.51.100.2", "2001:db8::2"};
    for (int i = 0; i < 4; i++)
        network_add_address(network, 0, addresses[i]);
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    network_start(network);
    network_run(network, network->now + PEER_SECOND, false);
    const side_t *side = &network->sides[0];
    CHECK_INT(side->candidate_count, 4);                                  /* reflexive ones equal to the host's are redundant */
    CHECK(side->candidates[1]->priority > side->candidates[0]->priority); /* IPv6 first, */
    CHECK(side->candidates[0]->priority > side->candidates[3]->priority); /* then IPv4, in turns */
    CHECK(side->candidates[3]->priority > side->candidates[2]->priority);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(side->candidates[i]->priority >> 24, 126);
        CHECK_INT(side->candidates[i]->priority & 255, 255);
        for (int k = 0; k < i; k++)
            CHECK(strcmp(side->candidates[i]->foundation, side->candidates[k]->foundation) != 0);
    }
    network_free(network);
}

TEST(sockets_beyond_use_are_given_back)
{
    network_t *network = two_hosts(19);
    network_make_agents(network, true, false, false);
    network_start(network);
    ice_agent_t *agent = network->sides[0].agent;
    address_t any = address_ipv4(0, 0, 0, 0, 9), same = network->sides[0].addresses[0];
    CHECK_INT(ice_agent_add_socket(agent, network->now, 7, &any, ICE_NETWORK_UNKNOWN), 0);
    CHECK_INT(ice_agent_add_socket(agent, network->now, 8, &same, ICE_NETWORK_UNKNOWN), 0);
    for (uint32_t i = 0; i < 50; i++) {
        address_t address = address_ipv4(10, 0, 0, (uint8_t)(i + 1), 9);
        ice_agent_add_socket(agent, network->now, 100 + i, &address, ICE_NETWORK_UNKNOWN);
    }
    size_t closed = 0;
    ice_output_t output;
    while (ice_agent_poll(agent, &output)) {
        closed += output.kind == ICE_OUTPUT_CLOSE_SOCKET;
        if (output.kind == ICE_OUTPUT_SEND)
            packet_unref(output.packet);
    }
    CHECK_INT(closed, 2 + 50 - (ICE_MAX_SOCKETS - 1));
    network_free(network);
}

TEST(connection_states_are_those_of_the_w3c_table)
{
    ice_state_t mixed[] = {ICE_STATE_CONNECTED, ICE_STATE_COMPLETED};
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_CONNECTED);
    mixed[0] = ICE_STATE_NEW;
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_CHECKING);
    mixed[1] = ICE_STATE_CLOSED;
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_NEW);
    mixed[1] = ICE_STATE_DISCONNECTED;
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_DISCONNECTED);
    mixed[0] = ICE_STATE_FAILED;
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_FAILED);
    mixed[0] = mixed[1] = ICE_STATE_COMPLETED;
    CHECK_INT(ice_connection_state(mixed, 2), ICE_STATE_COMPLETED);
    CHECK_INT(ice_connection_state(mixed, 0), ICE_STATE_NEW);
}
