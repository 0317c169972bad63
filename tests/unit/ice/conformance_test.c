/* Demands of RFC 8445 that no other test of this folder shows by itself: what requests hold, what is paired, what lasts. */
#include "network.h"

#include "ice/agent.h"

#include <stdio.h>
#include <string.h>

#define SIDES 2

/* Two agents joined directly, every message looked at on its way. */
typedef struct wire {
    packet_pool_t *pool;
    ice_agent_t *agents[SIDES];
    random_seeded_t generators[SIDES];
    address_t addresses[SIDES][2];
    peer_time_t now;
    bool is_cut;    /* nothing arrives */
    bool is_strict; /* roles are settled and nothing is repeated: every request is looked at */
    size_t requests[SIDES], nominations[SIDES];
    uint8_t last_id[STUN_TRANSACTION_ID_SIZE];
} wire_t;

static void open_wire(wire_t *wire, const ice_config_t *first, const ice_config_t *second)
{
    *wire = (wire_t){.pool = packet_pool_new(), .now = PEER_SECOND};
    const ice_config_t *configs[SIDES] = {first, second};
    for (int i = 0; i < SIDES; i++) {
        ice_config_t config = *configs[i];
        random_seeded_init(&wire->generators[i], (uint64_t)i + 7);
        config.random = random_seeded_source(&wire->generators[i]);
        config.pool = wire->pool;
        config.tcp_policy = ICE_TCP_POLICY_OFF;
        wire->agents[i] = ice_agent_new(&config);
        CHECK(wire->agents[i] != NULL);
        for (uint8_t a = 0; a < 2; a++)
            wire->addresses[i][a] = address_ipv4(198, 51, 100, (uint8_t)(10 * i + a + 1), 5000);
    }
}

static void close_wire(wire_t *wire)
{
    for (int i = 0; i < SIDES; i++)
        ice_agent_free(wire->agents[i]);
    CHECK_INT(packet_pool_outstanding(wire->pool), 0);
    packet_pool_release(wire->pool);
}

static void add_socket(wire_t *wire, int side, uint32_t socket)
{
    ice_agent_add_socket(wire->agents[side], wire->now, socket, &wire->addresses[side][socket - 1], ICE_NETWORK_ETHERNET);
}

/* RFC 8445 §7.1, §7.2.2, §7.2.4. */
static void look_at_request(wire_t *wire, int side, const stun_message_t *message)
{
    wire->requests[side]++;
    if (!wire->is_strict)
        return;
    const ice_parameters_t *mine = ice_agent_local_parameters(wire->agents[side]),
                           *theirs = ice_agent_local_parameters(wire->agents[1 - side]);
    char expected[2 * ICE_UFRAG_MAX + 2];
    snprintf(expected, sizeof expected, "%s:%s", theirs->ufrag, mine->ufrag);
    const uint8_t *username;
    size_t length;
    uint32_t priority;
    CHECK(stun_get_bytes(message, STUN_USERNAME, &username, &length));
    CHECK(length == strlen(expected) && memcmp(username, expected, length) == 0);
    CHECK_INT(stun_check_integrity(message, STUN_HASH_SHA1, theirs->password, strlen(theirs->password)), STUN_CHECK_VALID);
    CHECK_INT(stun_check_fingerprint(message), STUN_CHECK_VALID);
    CHECK(stun_get_u32(message, STUN_PRIORITY, &priority));
    CHECK_INT(priority >> 24, 110); /* that of a peer-reflexive candidate */
    bool is_controlling = ice_agent_is_controlling(wire->agents[side]);
    CHECK_INT(stun_has(message, STUN_ICE_CONTROLLING), is_controlling);
    CHECK_INT(stun_has(message, STUN_ICE_CONTROLLED), !is_controlling);
    CHECK(memcmp(message->transaction_id, wire->last_id, sizeof wire->last_id) != 0);
    memcpy(wire->last_id, message->transaction_id, sizeof wire->last_id);
    CHECK(is_controlling || !stun_has(message, STUN_USE_CANDIDATE));
    wire->nominations[side] += stun_has(message, STUN_USE_CANDIDATE);
}

static void pump(wire_t *wire)
{
    ice_output_t output;
    for (bool is_any = true; is_any;) {
        is_any = false;
        for (int side = 0; side < SIDES; side++) {
            while (ice_agent_poll(wire->agents[side], &output)) {
                is_any = true;
                if (output.kind == ICE_OUTPUT_LOCAL_CANDIDATE)
                    ice_agent_add_remote_candidate(wire->agents[1 - side], wire->now, output.candidate);
                if (output.kind != ICE_OUTPUT_SEND)
                    continue;
                packet_t *packet = output.packet;
                stun_message_t message;
                CHECK(stun_parse(&message, packet->data, packet->length));
                if (message.class == STUN_REQUEST)
                    look_at_request(wire, side, &message);
                path_t path = packet->path;
                packet->path = (path_t){.local = path.remote, .remote = path.local};
                for (uint32_t socket = 1; socket <= 2; socket++)
                    if (address_equal(&wire->addresses[1 - side][socket - 1], &path.remote))
                        packet->path.socket = socket;
                if (!wire->is_cut)
                    ice_agent_input(wire->agents[1 - side], wire->now, packet);
                packet_unref(packet);
            }
        }
    }
}

static void run(wire_t *wire, peer_time_t duration)
{
    peer_time_t end = wire->now + duration;
    pump(wire);
    for (;;) {
        peer_time_t next = time_earlier(ice_agent_deadline(wire->agents[0]), ice_agent_deadline(wire->agents[1]));
        if (next > end)
            break;
        wire->now = next > wire->now ? next : wire->now;
        for (int i = 0; i < SIDES; i++)
            if (ice_agent_deadline(wire->agents[i]) <= wire->now)
                ice_agent_timeout(wire->agents[i], wire->now);
        pump(wire);
    }
    wire->now = end;
}

static void start(wire_t *wire, size_t sockets)
{
    for (int i = 0; i < SIDES; i++) {
        ice_agent_gather(wire->agents[i], wire->now);
        for (uint32_t socket = 1; socket <= sockets; socket++)
            add_socket(wire, i, socket);
        ice_agent_sockets_complete(wire->agents[i], wire->now);
    }
    for (int i = 0; i < SIDES; i++) {
        const ice_parameters_t *theirs = ice_agent_local_parameters(wire->agents[1 - i]);
        ice_agent_set_remote_parameters(wire->agents[i], wire->now, theirs->ufrag, theirs->password, theirs->is_lite);
    }
}

TEST(every_request_holds_what_is_demanded_and_one_pair_is_nominated)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    wire.is_strict = true;
    start(&wire, 2);
    run(&wire, 60 * PEER_SECOND);
    CHECK(wire.requests[0] > 10 && wire.requests[1] > 10); /* checks, and a minute of consent */
    CHECK_INT(wire.nominations[0], 1);
    CHECK_INT(wire.nominations[1], 0);
    CHECK_INT(ice_agent_state(wire.agents[0]), ICE_STATE_CONNECTED);
    close_wire(&wire);
}

TEST(a_pair_that_never_answers_fails)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    wire.is_cut = true;
    start(&wire, 1);
    run(&wire, 60 * PEER_SECOND);
    ice_pair_stats_t stats;
    for (int i = 0; i < SIDES; i++) {
        CHECK(ice_agent_pair_stats(wire.agents[i], 0, &stats));
        CHECK_INT(stats.state, ICE_PAIR_FAILED);
        CHECK_INT(ice_agent_state(wire.agents[i]), ICE_STATE_FAILED);
    }
    close_wire(&wire);
}

TEST(passwords_and_ufrags_are_long_and_new_for_each_session)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    const ice_parameters_t first = *ice_agent_local_parameters(wire.agents[0]);
    for (int i = 0; i < SIDES; i++) {
        CHECK(strlen(ice_agent_local_parameters(wire.agents[i])->password) >= 22); /* of 64 characters: 128 bits and more */
        CHECK(strlen(ice_agent_local_parameters(wire.agents[i])->ufrag) >= 4);     /* 24 bits and more */
    }
    CHECK(strcmp(first.password, ice_agent_local_parameters(wire.agents[1])->password) != 0);
    CHECK_INT(ice_agent_restart(wire.agents[0], wire.now, NULL), 0);
    CHECK(strcmp(first.password, ice_agent_local_parameters(wire.agents[0])->password) != 0);
    CHECK(strcmp(first.ufrag, ice_agent_local_parameters(wire.agents[0])->ufrag) != 0);
    close_wire(&wire);
}

TEST(the_role_lasts_through_a_restart)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){.is_controlling = true}); /* a conflict */
    start(&wire, 1);
    run(&wire, 2 * PEER_SECOND);
    bool roles[SIDES];
    for (int i = 0; i < SIDES; i++)
        roles[i] = ice_agent_is_controlling(wire.agents[i]);
    CHECK(roles[0] != roles[1]);
    for (int i = 0; i < SIDES; i++)
        CHECK_INT(ice_agent_restart(wire.agents[i], wire.now, NULL), 0);
    for (int i = 0; i < SIDES; i++)
        ice_agent_set_controlling(wire.agents[i], wire.now, true); /* what signalling says counts no more */
    start(&wire, 0);
    run(&wire, 2 * PEER_SECOND);
    for (int i = 0; i < SIDES; i++) {
        CHECK_INT(ice_agent_is_controlling(wire.agents[i]), roles[i]);
        CHECK(ice_agent_send_path(wire.agents[i]) != NULL);
    }
    close_wire(&wire);
}

TEST(the_cap_on_pairs_can_be_set)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true, .max_pairs = 3}, &(ice_config_t){0});
    start(&wire, 2);
    for (uint8_t i = 1; i <= 50; i++) {
        ice_candidate_t candidate = {.component = 1, .foundation = "1", .priority = i, .address = address_ipv4(203, 0, 113, i, 9)};
        ice_agent_add_remote_candidate(wire.agents[0], wire.now, &candidate);
        CHECK(ice_agent_pair_count(wire.agents[0]) <= 3);
    }
    CHECK_INT(ice_agent_pair_count(wire.agents[0]), 3);
    close_wire(&wire);
}

TEST(link_local_addresses_are_paired_with_link_local_ones_alone)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    address_t global = {.family = ADDRESS_IPV6, .port = 5000, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}},
              link_local = {.family = ADDRESS_IPV6, .port = 5000, .bytes = {0xfe, 0x80, [15] = 1}};
    ice_agent_gather(wire.agents[0], wire.now);
    ice_agent_add_socket(wire.agents[0], wire.now, 1, &global, ICE_NETWORK_ETHERNET);
    ice_candidate_t candidate = {.component = 1, .foundation = "1", .priority = 1, .address = link_local};
    candidate.address.bytes[15] = 2;
    CHECK_INT(ice_agent_add_remote_candidate(wire.agents[0], wire.now, &candidate), 0);
    CHECK_INT(ice_agent_pair_count(wire.agents[0]), 0);
    ice_agent_add_socket(wire.agents[0], wire.now, 2, &link_local, ICE_NETWORK_ETHERNET);
    CHECK_INT(ice_agent_pair_count(wire.agents[0]), 1);
    ice_output_t output;
    while (ice_agent_poll(wire.agents[0], &output))
        if (output.kind == ICE_OUTPUT_SEND)
            packet_unref(output.packet);
    close_wire(&wire);
}

TEST(priorities_of_one_type_are_unique_however_networks_change)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    ice_agent_t *agent = wire.agents[0];
    ice_agent_gather(agent, wire.now);
    for (uint32_t i = 1; i <= 60; i++) {
        address_t address = address_ipv4(192, 0, 2, (uint8_t)i, 5000);
        ice_agent_add_socket(agent, wire.now, i, &address, i % 3 == 0 ? ICE_NETWORK_WIFI : ICE_NETWORK_ETHERNET);
        if (i > 5)
            ice_agent_socket_closed(agent, wire.now, i % 2 == 0 ? i - 5 : i - 3, "The address is gone.");
        size_t count = ice_agent_candidate_count(agent, false);
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < a; b++)
                CHECK(ice_agent_candidate(agent, false, a)->priority != ice_agent_candidate(agent, false, b)->priority);
    }
    close_wire(&wire);
}

TEST(a_lite_agent_has_host_candidates_alone)
{
    wire_t wire;
    ice_server_t servers[2] = {{.kind = ICE_SERVER_STUN, .url = "stun:192.0.2.53", .host = "192.0.2.53", .port = 3478},
                               {.kind = ICE_SERVER_TURN, .url = "turn:192.0.2.53", .host = "192.0.2.53", .port = 3478}};
    open_wire(&wire, &(ice_config_t){.is_lite = true, .servers = servers, .server_count = 2}, &(ice_config_t){.is_controlling = true});
    start(&wire, 1);
    run(&wire, 10 * PEER_SECOND);
    CHECK_INT(ice_agent_candidate_count(wire.agents[0], false), 1);
    CHECK_INT(wire.requests[0], 0);
    CHECK_INT(ice_agent_gathering_state(wire.agents[0]), ICE_GATHERING_COMPLETE);
    CHECK(ice_agent_send_path(wire.agents[0]) != NULL && ice_agent_send_path(wire.agents[1]) != NULL);
    close_wire(&wire);
}

TEST(a_reflexive_candidate_makes_no_pair_of_its_own)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true}, &(ice_config_t){0});
    start(&wire, 1);
    for (uint8_t i = 1; i <= 5; i++) {
        ice_candidate_t candidate = {.component = 1, .foundation = "1", .priority = i, .address = address_ipv4(203, 0, 113, i, 9)};
        ice_agent_add_remote_candidate(wire.agents[0], wire.now, &candidate);
    }
    size_t pairs = ice_agent_pair_count(wire.agents[0]), candidates = ice_agent_candidate_count(wire.agents[0], false);
    address_t mapped = address_ipv4(192, 0, 2, 1, 6000);
    ice_agent_port_mapped(wire.agents[0], wire.now, 1, &mapped);
    CHECK_INT(ice_agent_candidate_count(wire.agents[0], false), (long long)candidates + 1);
    CHECK_INT(ice_agent_pair_count(wire.agents[0]), (long long)pairs);
    pump(&wire);
    close_wire(&wire);
}

TEST(a_private_address_that_is_not_to_be_told_is_used_all_the_same)
{
    wire_t wire;
    open_wire(&wire, &(ice_config_t){.is_controlling = true, .omits_private_hosts = true}, &(ice_config_t){0});
    wire.addresses[0][0] = address_ipv4(10, 1, 2, 3, 5000);
    start(&wire, 1);
    address_t mapped = address_ipv4(192, 0, 2, 1, 6000);
    ice_agent_port_mapped(wire.agents[0], wire.now, 1, &mapped);
    pump(&wire);
    CHECK(ice_agent_candidate_count(wire.agents[1], true) >= 1); /* what side 0 signalled */
    for (size_t i = 0; i < ice_agent_candidate_count(wire.agents[1], true); i++) {
        const ice_candidate_t *remote = ice_agent_candidate(wire.agents[1], true, i);
        CHECK(remote->type != ICE_CANDIDATE_HOST);
        CHECK(remote->related.family == ADDRESS_NONE || address_is_any(&remote->related));
    }
    run(&wire, 2 * PEER_SECOND);
    CHECK(ice_agent_send_path(wire.agents[0]) != NULL); /* by its checks the peer has found it */
    close_wire(&wire);
}

TEST(a_path_through_fewer_relays_is_better_whatever_the_priorities)
{
    ice_base_t host = {.kind = ICE_BASE_UDP}, relay = {.kind = ICE_BASE_RELAY};
    ice_remote_t direct = {.view = {.type = ICE_CANDIDATE_SERVER_REFLEXIVE}}, relayed = {.view = {.type = ICE_CANDIDATE_RELAYED}};
    const ice_pair_t two = {.base = &relay, .remote = &relayed, .priority = 30}, one = {.base = &host, .remote = &relayed, .priority = 20},
                     other = {.base = &relay, .remote = &direct, .priority = 25}, none = {.base = &host, .remote = &direct, .priority = 10};
    CHECK_INT(ice_pair_relays(&two), 2);
    CHECK(ice_pair_is_better(&one, &two) && !ice_pair_is_better(&two, &one));
    CHECK(ice_pair_is_better(&none, &one) && ice_pair_is_better(&none, &two));
    CHECK(ice_pair_is_better(&other, &one)); /* as many: the priority decides */
}
