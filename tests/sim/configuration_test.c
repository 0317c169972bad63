/* setConfiguration(): other servers and another policy count from the next gathering on, and then wholly (RFC 9429 §4.1.18). */
#include "layout.h"
#include "test.h"

static const sim_options_t usual = {.seed = 7, .link = {.delay_us = 20000}, .signaling_delay_us = 10000};

typedef struct watcher {
    const layout_t *layout;
    unsigned to_servers, to_others;
} watcher_t;

static bool is_servers(const layout_t *layout, const address_t *address)
{
    return address_ip_equal(address, &layout->servers[0].ipv4) || address_ip_equal(address, &layout->servers[0].ipv6);
}

static void watch_first(void *context, peer_time_t now, transport_protocol_t protocol, const network_place_t *from, const address_t *to)
{
    watcher_t *watcher = context;
    if (!address_ip_equal(&watcher->layout->interfaces[0][0].place.address, &from->address))
        return;
    if (is_servers(watcher->layout, to))
        watcher->to_servers++;
    else
        watcher->to_others++;
}

static void configure(sim_peer_t *peer, const layout_t *layout, bool has_servers, ice_transport_policy_t policy)
{
    connection_ice_configuration_t configuration = {
        .servers = layout->urls, .server_count = has_servers ? layout->url_count : 0, .policy = policy};
    CHECK_INT(connection_set_ice_configuration(peer->connection, sim_now(peer->sim), &configuration), 0);
}

static void wait(world_t *world, int seconds)
{
    sim_run(world->sim, sim_now(world->sim) + seconds * PEER_SECOND, NULL);
}

static void restart(world_t *world, int side)
{
    CHECK_INT(connection_restart_ice(sim_peer(world->sim, side)->connection, sim_now(world->sim)), 0);
    wait(world, 60); /* consent to the pair before is over */
    for (int i = 0; i < 2; i++)
        CHECK_INT(sim_peer(world->sim, i)->state, CONNECTION_STATE_CONNECTED);
}

static void open_world(world_t *world, layout_t *layout, layout_kind_t kind)
{
    layout_init(layout);
    layout_add_all_urls(layout, layout_add_server(layout));
    for (int i = 0; i < 2; i++)
        layout_add_kind(layout, i, kind);
    world_open(world, layout, &usual);
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(world->sim, i), true, false);
}

TEST(servers_that_are_taken_away_before_the_first_gathering_are_not_asked_and_new_ones_are_at_the_next)
{
    world_t world;
    layout_t layout;
    open_world(&world, &layout, LAYOUT_PORT_RESTRICTED);
    for (int i = 0; i < 2; i++)
        configure(sim_peer(world.sim, i), &layout, false, ICE_POLICY_ALL);
    CHECK(!sim_run(world.sim, 30 * PEER_SECOND, sim_is_connected));
    for (int i = 0; i < 2; i++)
        configure(sim_peer(world.sim, i), &layout, true, ICE_POLICY_ALL);
    CHECK(!sim_run(world.sim, 60 * PEER_SECOND, sim_is_connected));
    restart(&world, 0);
    CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_DIRECT);
    world_close(&world);
}

TEST(the_policy_relay_takes_effect_with_a_restart_and_goes_with_another)
{
    for (int side = 0; side < 2; side++) {
        world_t world;
        layout_t layout;
        open_world(&world, &layout, LAYOUT_OPEN);
        watcher_t watcher = {.layout = &layout};
        network_set_watch(sim_network(world.sim), watch_first, &watcher);
        CHECK(sim_run(world.sim, 20 * PEER_SECOND, sim_is_connected));
        wait(&world, 3);
        CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_DIRECT);
        configure(sim_peer(world.sim, 0), &layout, true, ICE_POLICY_RELAY);
        wait(&world, 10);
        CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_DIRECT);
        restart(&world, side);
        CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_RELAYED);
        watcher.to_others = watcher.to_servers = 0;
        wait(&world, 20);
        CHECK(watcher.to_servers > 100);
        CHECK_INT(watcher.to_others, 0);
        configure(sim_peer(world.sim, 0), &layout, false, ICE_POLICY_ALL);
        restart(&world, side);
        CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_DIRECT);
        watcher.to_servers = 0;
        wait(&world, 20);
        CHECK_INT(watcher.to_servers, 0); /* its allocations were given back */
        world_close(&world);
    }
}

TEST(servers_and_policies_that_change_with_every_restart_never_break_the_call)
{
    world_t world;
    layout_t layout;
    open_world(&world, &layout, LAYOUT_OPEN);
    CHECK(sim_run(world.sim, 20 * PEER_SECOND, sim_is_connected));
    for (int round = 0; round < 24; round++) {
        for (int i = 0; i < 2; i++)
            configure(sim_peer(world.sim, i), &layout, (round >> i) % 3 != 0, (round >> i) % 3 == 1 ? ICE_POLICY_RELAY : ICE_POLICY_ALL);
        CHECK_INT(connection_restart_ice(sim_peer(world.sim, round % 2)->connection, sim_now(world.sim)), 0);
        sim_run(world.sim, sim_now(world.sim) + round % 4 * PEER_SECOND + 200 * PEER_MILLISECOND, NULL);
    }
    restart(&world, 0);
    CHECK(sim_peer(world.sim, 1)->received.audio_frames > 1000);
    world_close(&world);
}
