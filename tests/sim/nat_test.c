/* Calls between every two kinds of network, both roles: directly wherever theory allows, else by relay. */
#include "layout.h"
#include "test.h"

#include <stdio.h>

/* What can be, as it has been known since RFC 5128 and RFC 4787: d directly, r by relay. Rows call, columns are called. */
static const char matrix[LAYOUT_KIND_COUNT][LAYOUT_KIND_COUNT + 1] = {
    [LAYOUT_OPEN] = "dddddddrrrd",
    [LAYOUT_FULL_CONE] = "dddddddrrrd",
    [LAYOUT_ADDRESS_RESTRICTED] = "dddddddrrrd",
    [LAYOUT_PORT_RESTRICTED] = "ddddrrdrrrd",
    [LAYOUT_SYMMETRIC] = "dddrrrrrrrr",
    [LAYOUT_SYMMETRIC_RANDOM] = "dddrrrrrrrr",
    [LAYOUT_DOUBLE_NAT] = "ddddrrdrrrd",
    [LAYOUT_UDP_BLOCKED] = "rrrrrrrrrrr",
    [LAYOUT_ONLY_TCP_443] = "rrrrrrrrrrr",
    [LAYOUT_IPV6_ONLY] = "rrrrrrrrrdd",
    [LAYOUT_DUAL_STACK] = "ddddrrdrrdd",
};

static const char *route_name(sim_route_t route)
{
    static const char *const names[] = {"nowhere", "directly", "directly over TCP", "by relay"};
    return names[route];
}

/* Opens the call and waits until the two are connected and have settled; then both say the same route, and data pass. */
static sim_route_t call(const layout_t *layout, const sim_options_t *options, const char *what)
{
    world_t world;
    world_open(&world, layout, options);
    sim_t *sim = world.sim;
    sim_add_data(sim_peer(sim, 0), false, 50, 0);
    if (!sim_run(sim, 20 * PEER_SECOND, sim_is_connected))
        test_fail(__FILE__, __LINE__, "%s: not connected", what);
    sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, NULL);
    sim_route_t route = sim_route(sim_peer(sim, 0));
    if (sim_route(sim_peer(sim, 1)) != route)
        test_fail(__FILE__, __LINE__, "%s: one says %s, the other %s", what, route_name(route), route_name(sim_route(sim_peer(sim, 1))));
    if (sim_peer(sim, 1)->received.messages != 50)
        test_fail(__FILE__, __LINE__, "%s: data did not arrive", what);
    world_close(&world);
    return route;
}

static const sim_options_t quiet = {.seed = 1, .link = {.delay_us = 20000}, .signaling_delay_us = 10000};

static void expect(const layout_t *layout, const sim_options_t *options, const char *what, sim_route_t expected)
{
    sim_route_t route = call(layout, options, what);
    if (route != expected)
        test_fail(__FILE__, __LINE__, "%s: %s, not %s", what, route_name(route), route_name(expected));
}

TEST(every_two_kinds_of_network_connect_directly_where_that_can_be_and_else_by_relay)
{
    for (int a = 0; a < LAYOUT_KIND_COUNT; a++) {
        for (int b = 0; b < LAYOUT_KIND_COUNT; b++) {
            char what[80];
            layout_t layout;
            layout_init(&layout);
            layout_add_all_urls(&layout, layout_add_server(&layout));
            layout_add_kind(&layout, 0, (layout_kind_t)a);
            layout_add_kind(&layout, 1, (layout_kind_t)b);
            snprintf(what, sizeof what, "%s to %s", layout_kind_name((layout_kind_t)a), layout_kind_name((layout_kind_t)b));
            expect(&layout, &quiet, what, matrix[a][b] == 'd' ? SIM_DIRECT : SIM_RELAYED);
        }
    }
}

TEST(two_behind_one_box_connect_directly_whatever_it_is)
{
    for (int kind = LAYOUT_FULL_CONE; kind < LAYOUT_KIND_COUNT; kind++) {
        layout_t layout;
        layout_init(&layout);
        layout_add_all_urls(&layout, layout_add_server(&layout));
        uint8_t realm = layout_add_kind(&layout, 0, (layout_kind_t)kind);
        layout_add_interface(&layout, 1, realm, kind == LAYOUT_IPV6_ONLY ? ADDRESS_IPV6 : ADDRESS_IPV4, NETWORK_ETHERNET);
        expect(&layout, &quiet, layout_kind_name((layout_kind_t)kind), SIM_DIRECT);
    }
}

/* Each behind a box of its own, and both boxes behind one that has one address for all: only over it can they meet. */
TEST(two_behind_the_box_of_one_provider_need_hairpinning)
{
    for (int hairpins = 0; hairpins < 2; hairpins++) {
        layout_t layout;
        nat_options_t provider = *layout_kind_box(LAYOUT_PORT_RESTRICTED);
        provider.hairpins = hairpins != 0;
        layout_init(&layout);
        layout_add_all_urls(&layout, layout_add_server(&layout));
        uint8_t outer = layout_add_realm(&layout, NETWORK_INTERNET, &provider);
        for (int peer = 0; peer < 2; peer++)
            layout_add_interface(&layout, peer, layout_add_realm(&layout, outer, layout_kind_box(LAYOUT_PORT_RESTRICTED)), ADDRESS_IPV4,
                                 NETWORK_ETHERNET);
        expect(&layout, &quiet, hairpins ? "hairpinning" : "no hairpinning", hairpins ? SIM_DIRECT : SIM_RELAYED);
    }
}

TEST(a_listener_is_reached_over_tcp_by_who_has_no_udp)
{
    for (int caller = 0; caller < 2; caller++) {
        layout_t layout;
        sim_options_t options = quiet;
        layout_init(&layout);
        layout_add_all_urls(&layout, layout_add_server(&layout));
        layout_add_kind(&layout, caller, LAYOUT_UDP_BLOCKED);
        layout_add_kind(&layout, 1 - caller, LAYOUT_OPEN);
        options.peers[1 - caller].tcp_policy = ICE_TCP_POLICY_ALL;
        expect(&layout, &options, "UDP blocked to a listener", SIM_DIRECT_TCP);
    }
}

TEST(a_port_that_the_gateway_maps_on_request_saves_the_relay)
{
    for (int caller = 0; caller < 2; caller++) {
        layout_t layout;
        sim_options_t options = quiet;
        nat_options_t box = *layout_kind_box(LAYOUT_SYMMETRIC);
        box.maps_on_request = true;
        layout_init(&layout);
        layout_add_all_urls(&layout, layout_add_server(&layout));
        layout_add_interface(&layout, caller, layout_add_realm(&layout, NETWORK_INTERNET, &box), ADDRESS_IPV4, NETWORK_ETHERNET);
        layout_add_kind(&layout, 1 - caller, LAYOUT_SYMMETRIC_RANDOM);
        options.peers[caller].wants_port_mapping = true;
        expect(&layout, &options, "mapped port", SIM_DIRECT);
    }
}
