/* Servers and networks that mean harm, or are merely broken. */
#include "world.h"

static void check_unknown_behind_nat(world_t *world)
{
    const nat_result_t *result = world_discover(world);
    CHECK_INT(result->error, 0);
    CHECK_INT(result->other.family, ADDRESS_NONE);
    CHECK_INT(result->filtering, NAT_BEHAVIOUR_UNKNOWN);
    CHECK_INT(result->type, NAT_TYPE_UNKNOWN);
}

TEST(an_other_address_where_no_server_can_be_is_never_sent_to)
{
    static const char *const addresses[] = {"127.0.0.2",   "224.0.0.251", "255.255.255.255", "0.0.0.0",
                                            "0.1.2.3",     "240.1.2.3",   "192.168.1.1",     "10.1.2.3",
                                            "172.16.3.4",  "100.64.7.8",  "169.254.169.254", "192.168.1.7", /* the host itself */
                                            "203.0.113.1",                                                  /* its NAT */
                                            "192.0.2.10",                                                   /* the server's first again */
                                            "::1",         "ff02::fb",    "2001:db8::1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT);
        world->servers[0].other = (address_t){0};
        CHECK(address_parse(&world->servers[0].claimed, addresses[i], 3479));
        check_unknown_behind_nat(world);
        for (size_t d = 0; d < world->destination_count; d++)
            CHECK(address_equal(&world->destinations[d], &world->servers[0].address) ||
                  address_ip_equal(&world->destinations[d], &world->public_address)); /* hairpinning */
        world_free(world);
    }
}

TEST(an_other_address_without_a_port_or_with_the_same_one_is_not_used)
{
    static const uint16_t ports[] = {0, 3478};
    for (size_t i = 0; i < 2; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT);
        world->servers[0].other = (address_t){0};
        world->servers[0].claimed = address_ipv4(192, 0, 2, 11, ports[i]);
        check_unknown_behind_nat(world);
        CHECK(!world_has_sent_to(world, &world->servers[0].claimed));
        world_free(world);
    }
}

TEST(an_open_hosts_own_address_is_not_taken_for_the_servers_other)
{
    world_t *world = world_new(1);
    world->servers[0].other = (address_t){0};
    world->servers[0].claimed = world->host;
    world->servers[0].claimed.port = 3479;
    CHECK_INT(world_discover(world)->other.family, ADDRESS_NONE);
    CHECK(!world_has_sent_to(world, &world->host));
    world_free(world);
}

TEST(a_mapped_address_inside_another_network_is_not_sent_to)
{
    static const char *const addresses[] = {"127.0.0.1", "10.1.2.3", "169.254.169.254", "255.255.255.255"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        world_t *world = world_new(i + 1);
        world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT);
        CHECK(address_parse(&world->servers[0].mapped, addresses[i], 53));
        CHECK_INT(world_discover(world)->hairpinning, NAT_ANSWER_UNKNOWN);
        CHECK(!world_has_sent_to(world, &world->servers[0].mapped));
        world_free(world);
    }
}

TEST(an_answer_without_a_usable_address_is_an_error)
{
    static const char *const addresses[] = {"0.0.0.0", "224.0.0.1", "2001:db8::1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        world_t *world = world_new(i + 1);
        CHECK(address_parse(&world->servers[0].mapped, addresses[i], 5000));
        CHECK(world_discover(world)->error < 0);
        CHECK_INT(world->result->mapped.family, ADDRESS_NONE);
        world_free(world);
    }
}

TEST(a_server_that_refuses_does_not_mean_that_udp_is_blocked)
{
    world_t *world = world_new(1);
    world->servers[0].refuses = true;
    CHECK(world_discover(world)->error < 0);
    CHECK_INT(world->result->type, NAT_TYPE_UNKNOWN);
    world_free(world);
}

TEST(answers_to_other_transactions_are_no_answers)
{
    world_t *world = world_new(1);
    world->servers[0].lies_about_transaction = true;
    CHECK_INT(world_discover(world)->type, NAT_TYPE_UDP_BLOCKED);
    world_free(world);
}

/* Answers to the request that the world saw last, with a mapped address of its own, from wherever it likes. */
static void forge(world_t *world, const flight_t *request, const address_t *from, size_t socket, stun_class_t class, uint16_t method)
{
    uint8_t bytes[128];
    address_t lie = address_ipv4(8, 8, 8, 8, 4242);
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, class, method, request->bytes + 8);
    stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &lie);
    world_inject(world, from, socket, bytes, stun_build_end(&builder));
}

TEST(answers_from_elsewhere_or_to_another_socket_are_no_answers)
{
    world_t *world = world_new(1);
    world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT);
    world_start(world, 0);
    CHECK_INT(world->flight_count, 1);
    flight_t request = world->flights[0];
    const address_t server = world->servers[0].address;
    const address_t wrong_sources[] = {address_ipv4(192, 0, 2, 99, 3478), address_ipv4(192, 0, 2, 10, 3479), world->servers[0].other};
    for (size_t i = 0; i < 3; i++) {
        forge(world, &request, &wrong_sources[i], 1, STUN_SUCCESS_RESPONSE, STUN_BINDING);
        forge(world, &request, &wrong_sources[i], 1, STUN_ERROR_RESPONSE, STUN_BINDING);
    }
    forge(world, &request, &server, 1, STUN_SUCCESS_RESPONSE, STUN_ALLOCATE);
    forge(world, &request, &server, 1, STUN_REQUEST, STUN_BINDING);
    forge(world, &request, &server, 1, STUN_INDICATION, STUN_BINDING);
    world_inject(world, &server, 1, "not a STUN message at all", 25);
    const nat_result_t *result = world_run(world);
    CHECK_INT(result->type, NAT_TYPE_FULL_CONE);
    CHECK(address_ip_equal(&result->mapped, &world->public_address));
    world_free(world);
}

TEST(a_server_that_ignores_change_request_proves_nothing)
{
    world_t *world = world_new(1);
    world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT);
    world->servers[0].ignores_change = true;
    const nat_result_t *result = world_discover(world);
    CHECK_INT(result->mapping, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT);
    CHECK_INT(result->filtering, NAT_BEHAVIOUR_UNKNOWN);
    CHECK_INT(result->type, NAT_TYPE_UNKNOWN);
    world_free(world);
}

TEST(the_silence_of_a_dead_address_is_not_taken_for_filtering)
{
    world_t *world = world_new(1);
    world_set_nat(world, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT, NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT);
    world->servers[0].is_other_dead = true;
    const nat_result_t *result = world_discover(world);
    CHECK_INT(result->error, 0);
    CHECK_INT(result->filtering, NAT_BEHAVIOUR_UNKNOWN);
    CHECK_INT(result->type, NAT_TYPE_UNKNOWN);
    world_free(world);
}

TEST(a_socket_that_nobody_asked_for_is_closed)
{
    world_t *world = world_new(1);
    world_start(world, 0);
    address_t local = world->host;
    local.port = 1234;
    nat_discovery_socket_opened(world->discovery, world->now, 77, &local);
    nat_output_t output;
    CHECK(nat_discovery_poll(world->discovery, &output));
    CHECK_INT(output.kind, NAT_OUTPUT_CLOSE_SOCKET);
    CHECK_INT(output.socket, 77);
    world_free(world);
}
