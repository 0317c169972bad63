#include "world.h"

#include "base/memory.h"

#define INDEPENDENT NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT
#define ADDRESS NAT_BEHAVIOUR_ADDRESS_DEPENDENT
#define PORT NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT
#define UNKNOWN NAT_BEHAVIOUR_UNKNOWN

static void check_type(const nat_result_t *result, nat_type_t type, nat_behaviour_t mapping, nat_behaviour_t filtering)
{
    CHECK_INT(result->error, 0);
    CHECK_TEXT(nat_type_name(result->type), nat_type_name(type));
    CHECK_TEXT(nat_behaviour_name(result->mapping), nat_behaviour_name(mapping));
    CHECK_TEXT(nat_behaviour_name(result->filtering), nat_behaviour_name(filtering));
}

static const struct {
    nat_behaviour_t mapping, filtering;
    nat_type_t type;
} nats[] = {
    {INDEPENDENT, INDEPENDENT, NAT_TYPE_FULL_CONE},
    {INDEPENDENT, ADDRESS, NAT_TYPE_ADDRESS_RESTRICTED_CONE},
    {INDEPENDENT, PORT, NAT_TYPE_PORT_RESTRICTED_CONE},
    {ADDRESS, INDEPENDENT, NAT_TYPE_SYMMETRIC},
    {ADDRESS, ADDRESS, NAT_TYPE_SYMMETRIC},
    {ADDRESS, PORT, NAT_TYPE_SYMMETRIC},
    {PORT, INDEPENDENT, NAT_TYPE_SYMMETRIC},
    {PORT, ADDRESS, NAT_TYPE_SYMMETRIC},
    {PORT, PORT, NAT_TYPE_SYMMETRIC},
};
#define NAT_COUNT (sizeof nats / sizeof *nats)

TEST(every_mapping_and_filtering_is_told_and_named)
{
    for (size_t i = 0; i < NAT_COUNT; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, nats[i].mapping, nats[i].filtering);
        check_type(world_discover(world), nats[i].type, nats[i].mapping, nats[i].filtering);
        CHECK(address_ip_equal(&world->result->mapped, &world->public_address));
        CHECK(address_ip_equal(&world->result->local, &world->host));
        CHECK(address_equal(&world->result->server, &world->servers[0].address));
        CHECK(address_equal(&world->result->other, &world->servers[0].other));
        CHECK_INT(world->result->round_trip_us, 2 * world->delay);
        CHECK_INT(world->result->lifetime_s, -1);
        world_free(world);
    }
}

TEST(without_a_nat_filtering_tells_an_open_host_from_a_firewalled_one)
{
    static const nat_behaviour_t filterings[] = {INDEPENDENT, ADDRESS, PORT};
    for (size_t i = 0; i < 3; i++) {
        world_t *world = world_new(i + 1);
        world->filtering = filterings[i];
        check_type(world_discover(world), i == 0 ? NAT_TYPE_OPEN : NAT_TYPE_FIREWALLED, INDEPENDENT, filterings[i]);
        CHECK(address_equal(&world->result->mapped, &world->result->local));
        CHECK_INT(world->result->hairpinning, NAT_ANSWER_UNKNOWN);
        world_free(world);
    }
}

TEST(where_udp_is_blocked_that_is_said_after_five_seconds)
{
    world_t *world = world_new(1);
    world->blocks_udp = true;
    peer_time_t begun = world->now;
    check_type(world_discover(world), NAT_TYPE_UDP_BLOCKED, UNKNOWN, UNKNOWN);
    CHECK_INT(world->now - begun, 5 * PEER_SECOND);
    CHECK_INT(world->result->mapped.family, ADDRESS_NONE);
    CHECK_INT(world->sent_count, 5);
    world_free(world);
}

TEST(a_discovery_of_every_type_takes_about_a_second)
{
    for (size_t i = 0; i < NAT_COUNT; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, nats[i].mapping, nats[i].filtering);
        peer_time_t begun = world->now;
        world_discover(world);
        CHECK(world->now - begun < PEER_SECOND);
        CHECK(world->sent_count < 40);
        world_free(world);
    }
}

TEST(lost_datagrams_change_nothing)
{
    for (uint64_t seed = 1; seed <= 180; seed++) {
        size_t i = seed % NAT_COUNT;
        world_t *world = world_new(seed);
        world->loss_percent = 10;
        world_set_nat(world, nats[i].mapping, nats[i].filtering);
        world->hairpins = true;
        check_type(world_discover(world), nats[i].type, nats[i].mapping, nats[i].filtering);
        world_free(world);
    }
}

TEST(a_long_way_to_the_server_is_waited_for)
{
    world_t *world = world_new(1);
    world->delay = 400 * PEER_MILLISECOND;
    world_set_nat(world, INDEPENDENT, INDEPENDENT);
    check_type(world_discover(world), NAT_TYPE_FULL_CONE, INDEPENDENT, INDEPENDENT);
    world_free(world);
}

TEST(hairpinning_is_told)
{
    for (size_t i = 0; i < NAT_COUNT; i++) {
        for (int hairpins = 0; hairpins < 2; hairpins++) {
            world_t *world = world_new(i + 1);
            world_set_nat(world, nats[i].mapping, nats[i].filtering);
            world->hairpins = hairpins;
            const nat_result_t *result = world_discover(world);
            if (nats[i].mapping == INDEPENDENT || !hairpins)
                CHECK_INT(result->hairpinning, hairpins ? NAT_ANSWER_YES : NAT_ANSWER_NO);
            else
                CHECK(result->hairpinning != NAT_ANSWER_UNKNOWN);
            world_free(world);
        }
    }
}

TEST(a_plain_server_gives_the_address_and_no_more)
{
    world_t *world = world_new(1);
    world->servers[0].other = (address_t){0};
    world_set_nat(world, INDEPENDENT, PORT);
    world->hairpins = true;
    check_type(world_discover(world), NAT_TYPE_UNKNOWN, UNKNOWN, UNKNOWN);
    CHECK(address_ip_equal(&world->result->mapped, &world->public_address));
    CHECK_INT(world->result->hairpinning, NAT_ANSWER_YES);
    world_free(world);
}

TEST(a_plain_server_sees_a_public_address_and_not_what_filters)
{
    world_t *world = world_new(1);
    world->servers[0].other = (address_t){0};
    check_type(world_discover(world), NAT_TYPE_UNKNOWN, INDEPENDENT, UNKNOWN);
    CHECK(address_equal(&world->result->mapped, &world->result->local));
    world_free(world);
}

static world_t *two_plain_servers(nat_behaviour_t mapping)
{
    world_t *world = world_new(1);
    world->servers[0].other = (address_t){0};
    world->servers[1] = (stun_server_t){.address = address_ipv4(192, 0, 2, 20, 3478)};
    world->server_count = 2;
    world_set_nat(world, mapping, PORT);
    return world;
}

TEST(two_plain_servers_show_independent_mapping)
{
    world_t *world = two_plain_servers(INDEPENDENT);
    check_type(world_discover(world), NAT_TYPE_UNKNOWN, INDEPENDENT, UNKNOWN);
    world_free(world);
}

TEST(two_plain_servers_show_a_symmetric_nat_and_not_what_it_looks_at)
{
    world_t *world = two_plain_servers(PORT);
    check_type(world_discover(world), NAT_TYPE_SYMMETRIC, UNKNOWN, UNKNOWN);
    world_free(world);
}

TEST(three_plain_servers_two_on_one_host_show_address_dependent_mapping)
{
    world_t *world = two_plain_servers(ADDRESS);
    world->servers[2] = (stun_server_t){.address = address_ipv4(192, 0, 2, 20, 3479)};
    world->server_count = 3;
    check_type(world_discover(world), NAT_TYPE_SYMMETRIC, ADDRESS, UNKNOWN);
    world_free(world);
}

TEST(a_dead_server_beside_a_live_one_does_no_harm)
{
    world_t *world = world_new(1);
    world->servers[1] = world->servers[0];
    world->servers[0] = (stun_server_t){.address = address_ipv4(192, 0, 2, 30, 3478), .is_dead = true};
    world->server_count = 2;
    world_set_nat(world, INDEPENDENT, ADDRESS);
    peer_time_t begun = world->now;
    check_type(world_discover(world), NAT_TYPE_ADDRESS_RESTRICTED_CONE, INDEPENDENT, ADDRESS);
    CHECK(world->now - begun < 2 * PEER_SECOND);
    world_free(world);
}

TEST(of_several_servers_the_one_with_two_addresses_is_chosen)
{
    world_t *world = world_new(1);
    world->servers[1] = world->servers[0];
    world->servers[0] = (stun_server_t){.address = address_ipv4(192, 0, 2, 30, 3478)};
    world->server_count = 2;
    world_set_nat(world, INDEPENDENT, PORT);
    check_type(world_discover(world), NAT_TYPE_PORT_RESTRICTED_CONE, INDEPENDENT, PORT);
    CHECK(address_equal(&world->result->server, &world->servers[1].address));
    world_free(world);
}

TEST(the_lifetime_of_bindings_is_measured)
{
    static const peer_time_t lifetimes[] = {3, 30, 47, 115};
    for (size_t i = 0; i < 4; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, INDEPENDENT, PORT);
        world->lifetime = lifetimes[i] * PEER_SECOND;
        peer_time_t begun = world->now;
        world_start(world, 120 * PEER_SECOND);
        const nat_result_t *result = world_run(world);
        check_type(result, NAT_TYPE_PORT_RESTRICTED_CONE, INDEPENDENT, PORT);
        CHECK(result->lifetime_s <= lifetimes[i] && result->lifetime_below_s >= lifetimes[i]);
        CHECK(world->now - begun < 122 * PEER_SECOND);
        if (lifetimes[i] < 50)
            CHECK(result->lifetime_below_s - result->lifetime_s <= 4);
        world_free(world);
    }
}

TEST(a_symmetric_nats_bindings_are_measured_too)
{
    world_t *world = world_new(1);
    world_set_nat(world, PORT, PORT);
    world->lifetime = 30 * PEER_SECOND;
    world_start(world, 60 * PEER_SECOND);
    const nat_result_t *result = world_run(world);
    CHECK(result->lifetime_s >= 25 && result->lifetime_s <= 30 && result->lifetime_below_s >= 30);
    world_free(world);
}

TEST(a_binding_that_outlives_the_measurement_is_said_to)
{
    world_t *world = world_new(1);
    world_set_nat(world, INDEPENDENT, PORT);
    world->lifetime = 300 * PEER_SECOND;
    peer_time_t begun = world->now;
    world_start(world, 20 * PEER_SECOND);
    const nat_result_t *result = world_run(world);
    CHECK(result->lifetime_s >= 17 && result->lifetime_s <= 20);
    CHECK_INT(result->lifetime_below_s, -1);
    CHECK(world->now - begun < 22 * PEER_SECOND);
    world_free(world);
}

TEST(a_server_without_response_port_leaves_the_lifetime_unknown)
{
    world_t *world = world_new(1);
    world_set_nat(world, INDEPENDENT, PORT);
    world->lifetime = 30 * PEER_SECOND;
    world->servers[0].ignores_response_port = true;
    peer_time_t begun = world->now;
    world_start(world, 60 * PEER_SECOND);
    const nat_result_t *result = world_run(world);
    check_type(result, NAT_TYPE_PORT_RESTRICTED_CONE, INDEPENDENT, PORT);
    CHECK_INT(result->lifetime_s, -1);
    CHECK_INT(result->lifetime_below_s, -1);
    CHECK(world->now - begun < 3 * PEER_SECOND);
    world_free(world);
}

TEST(an_open_hosts_lifetime_is_not_measured)
{
    world_t *world = world_new(1);
    peer_time_t begun = world->now;
    world_start(world, 60 * PEER_SECOND);
    CHECK_INT(world_run(world)->lifetime_s, -1);
    CHECK(world->now - begun < 2 * PEER_SECOND);
    world_free(world);
}

static nat_discovery_t *discovery_of(world_t *world, const nat_server_t *servers, size_t count, const char *local)
{
    nat_config_t config = {.random = world->random, .pool = world->pool, .servers = servers, .server_count = count};
    if (local != NULL)
        CHECK(address_parse(&config.local, local, 0));
    return nat_discovery_new(&config);
}

TEST(names_are_resolved_and_one_that_is_not_does_no_harm)
{
    static const nat_server_t servers[] = {{"nowhere.example", 3478}, {"one.example", 3478}};
    world_t *world = world_new(1);
    world_set_nat(world, INDEPENDENT, INDEPENDENT);
    world->discovery = discovery_of(world, servers, 2, NULL);
    nat_discovery_start(world->discovery, world->now);
    nat_output_t output; /* the names are asked for; the answer to the first comes never */
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_RESOLVE);
    CHECK_TEXT(output.resolve.name, "nowhere.example");
    check_type(world_run(world), NAT_TYPE_FULL_CONE, INDEPENDENT, INDEPENDENT);
    world_free(world);
}

TEST(when_memory_runs_out_it_fails_or_goes_on_as_if_datagrams_were_lost)
{
    for (unsigned nth = 1; nth <= 20; nth++) {
        world_t *world = world_new(nth);
        world_set_nat(world, INDEPENDENT, PORT);
        memory_fail_nth(nth);
        world->discovery = discovery_of(world, (nat_server_t[]){{"192.0.2.10", 3478}}, 1, NULL);
        CHECK_INT(world->discovery == NULL, nth <= 2);
        if (world->discovery != NULL) {
            nat_discovery_start(world->discovery, world->now);
            check_type(world_run(world), NAT_TYPE_PORT_RESTRICTED_CONE, INDEPENDENT, PORT);
        }
        memory_fail_nth(0);
        world_free(world);
    }
}

TEST(names_without_any_address_are_an_error)
{
    static const nat_server_t servers[] = {{"nowhere.example", 3478}};
    world_t *world = world_new(1);
    world->discovery = discovery_of(world, servers, 1, NULL);
    nat_discovery_start(world->discovery, world->now);
    nat_output_t output;
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(nat_discovery_deadline(world->discovery), PEER_TIME_NEVER);
    nat_discovery_resolved(world->discovery, world->now, output.resolve.request, NULL, 0);
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_DONE);
    world->result = output.result;
    CHECK(world->result->error < 0 && world->result->text != NULL);
    world_free(world);
}

TEST(where_no_ipv4_leads_to_the_server_ipv6_is_tried)
{
    world_t *world = world_new(1);
    address_t addresses[2] = {{.family = ADDRESS_IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 10}}, address_ipv4(192, 0, 2, 10, 0)};
    world->discovery = discovery_of(world, (nat_server_t[]){{"both.example", 3478}}, 1, NULL);
    nat_discovery_start(world->discovery, world->now);
    nat_output_t output;
    CHECK(nat_discovery_poll(world->discovery, &output));
    nat_discovery_resolved(world->discovery, world->now, output.resolve.request, addresses, 2);
    for (int i = 0; i < 2; i++) {
        CHECK(nat_discovery_poll(world->discovery, &output));
        CHECK_INT(output.kind, NAT_OUTPUT_OPEN_SOCKET);
        CHECK_INT(output.open.remote.family, ADDRESS_IPV4);
        nat_discovery_sockets_complete(world->discovery, world->now);
    }
    address_t local = {.family = ADDRESS_IPV6, .port = 5000, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 7}};
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(nat_discovery_poll(world->discovery, &output));
        CHECK_INT(output.kind, NAT_OUTPUT_OPEN_SOCKET);
        CHECK(address_ip_equal(&output.open.remote, &addresses[0]));
        nat_discovery_socket_opened(world->discovery, world->now, 7 + i, &local);
        nat_discovery_sockets_complete(world->discovery, world->now);
    }
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_SEND);
    CHECK(address_ip_equal(&output.packet->path.remote, &addresses[0]));
    CHECK_INT(output.packet->path.socket, 7);
    packet_unref(output.packet);
    world_free(world);
}

TEST(a_host_without_a_route_is_an_error_and_not_blocked)
{
    world_t *world = world_new(1);
    world->has_no_route = true;
    const nat_result_t *result = world_discover(world);
    CHECK(result->error < 0 && result->text != NULL);
    CHECK_INT(result->type, NAT_TYPE_UNKNOWN);
    world_free(world);
}

TEST(a_local_address_that_the_host_has_not_is_an_error)
{
    static const nat_server_t servers[] = {{"192.0.2.10", 3478}};
    world_t *world = world_new(1);
    world->discovery = discovery_of(world, servers, 1, "198.51.100.99");
    nat_discovery_start(world->discovery, world->now);
    nat_output_t output;
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_OPEN_SOCKET);
    nat_discovery_sockets_complete(world->discovery, world->now);
    CHECK(nat_discovery_poll(world->discovery, &output));
    nat_discovery_sockets_complete(world->discovery, world->now);
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_DONE);
    world->result = output.result;
    CHECK(world->result->error < 0);
    world_free(world);
}

TEST(a_network_that_goes_away_ends_it)
{
    world_t *world = world_new(1);
    world_start(world, 0);
    nat_discovery_socket_closed(world->discovery, world->now, 1);
    world->sockets[0] = (address_t){0};
    world->open_count--;
    nat_output_t output;
    while (nat_discovery_poll(world->discovery, &output) && output.kind == NAT_OUTPUT_CLOSE_SOCKET)
        world->sockets[output.socket - 1] = (address_t){0};
    CHECK_INT(output.kind, NAT_OUTPUT_DONE);
    world->result = output.result;
    CHECK(world->result->error < 0);
    world_free(world);
}

TEST(who_connects_with_whom_is_as_theory_says)
{
    for (nat_type_t a = NAT_TYPE_UNKNOWN; a < NAT_TYPE_COUNT; a++)
        for (nat_type_t b = NAT_TYPE_UNKNOWN; b < NAT_TYPE_COUNT; b++)
            CHECK_INT(nat_can_connect(a, b), nat_can_connect(b, a));
    static const nat_type_t cones[] = {NAT_TYPE_OPEN, NAT_TYPE_FULL_CONE, NAT_TYPE_ADDRESS_RESTRICTED_CONE, NAT_TYPE_PORT_RESTRICTED_CONE,
                                       NAT_TYPE_FIREWALLED};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++)
            CHECK(nat_can_connect(cones[i], cones[j]));
        CHECK_INT(nat_can_connect(NAT_TYPE_SYMMETRIC, cones[i]), i < 3);
        CHECK(!nat_can_connect(NAT_TYPE_UDP_BLOCKED, cones[i]));
        CHECK(!nat_can_connect(NAT_TYPE_UNKNOWN, cones[i]));
    }
    CHECK(!nat_can_connect(NAT_TYPE_SYMMETRIC, NAT_TYPE_SYMMETRIC));
    CHECK(!nat_can_connect(NAT_TYPE_UDP_BLOCKED, NAT_TYPE_UDP_BLOCKED));
}

TEST(every_type_has_a_name_and_words)
{
    for (nat_type_t type = NAT_TYPE_UNKNOWN; type < NAT_TYPE_COUNT; type++) {
        CHECK_INT(nat_type_name(type)[0] != '\0', type != NAT_TYPE_UNKNOWN);
        CHECK(nat_type_meaning(type)[0] != '\0' && nat_turn_meaning(nat_turn_of(type))[0] != '\0');
    }
    CHECK_TEXT(nat_type_name(NAT_TYPE_COUNT), "");
    CHECK_INT(nat_turn_of(NAT_TYPE_UDP_BLOCKED), NAT_TURN_ALWAYS);
    CHECK_INT(nat_turn_of(NAT_TYPE_SYMMETRIC), NAT_TURN_OFTEN);
    CHECK_INT(nat_turn_of(NAT_TYPE_PORT_RESTRICTED_CONE), NAT_TURN_SOMETIMES);
    CHECK_INT(nat_turn_of(NAT_TYPE_OPEN), NAT_TURN_SELDOM);
}
