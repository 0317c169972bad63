/* What changes in the middle of a call: addresses and interfaces that come and go, boxes that forget, servers that die. Sound flows again,
 * in both directions, within two seconds of the existence of a path. */
#include "layout.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define TIME_TO_RECOVER (2 * PEER_SECOND)
#define WINDOW (500 * PEER_MILLISECOND)
#define FRAMES_IN_WINDOW 20 /* of 25 */

static const sim_options_t usual = {.seed = 3, .link = {.delay_us = 25000, .jitter_us = 3000}, .signaling_delay_us = 20000};

static bool has_sound(sim_t *sim)
{
    return sim_is_connected(sim) && sim_peer(sim, 0)->received.audio_frames > 10 && sim_peer(sim, 1)->received.audio_frames > 10;
}

static void begin(world_t *world, const layout_t *layout, const sim_options_t *options, const char *what)
{
    world_open(world, layout, options);
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(world->sim, i), true, false);
    if (!sim_run(world->sim, 20 * PEER_SECOND, has_sound))
        test_fail(__FILE__, __LINE__, "%s: no call", what);
    sim_run(world->sim, sim_now(world->sim) + 4 * PEER_SECOND, NULL);
}

static void check_sound(world_t *world, const char *what)
{
    sim_t *sim = world->sim;
    uint64_t before[2];
    for (int i = 0; i < 2; i++)
        before[i] = sim_peer(sim, i)->received.audio_frames;
    sim_run(sim, sim_now(sim) + WINDOW, NULL);
    for (int i = 0; i < 2; i++)
        if (sim_peer(sim, i)->received.audio_frames < before[i] + FRAMES_IN_WINDOW)
            test_fail(__FILE__, __LINE__, "%s: peer %d heard %u frames in half a second", what, i,
                      (unsigned)(sim_peer(sim, i)->received.audio_frames - before[i]));
}

static void check_recovery(world_t *world, const char *what)
{
    sim_run(world->sim, sim_now(world->sim) + TIME_TO_RECOVER, NULL);
    check_sound(world, what);
    sim_run(world->sim, sim_now(world->sim) + 40 * PEER_SECOND, NULL); /* consent to whatever is no more has ended */
    check_sound(world, what);
}

static void check_route(world_t *world, sim_route_t route, const char *what)
{
    for (int i = 0; i < 2; i++)
        if (sim_route(sim_peer(world->sim, i)) != route)
            test_fail(__FILE__, __LINE__, "%s: peer %d goes way %d, not %d", what, i, sim_route(sim_peer(world->sim, i)), route);
}

/* Every scenario happens to either side, which is the one that called or not, with peers that renominate and that do not. */
typedef void (*scenario_t)(int side, const sim_options_t *options, const char *what);

static void in_every_way(const char *name, scenario_t scenario)
{
    for (int way = 0; way < 4; way++) {
        char what[96];
        sim_options_t options = usual;
        options.hides_renomination = way >= 2;
        snprintf(what, sizeof what, "%s, side %d%s", name, way % 2, way >= 2 ? ", no renomination" : "");
        scenario(way % 2, &options, what);
    }
}

static layout_t *new_layout(size_t servers)
{
    static layout_t layout;
    layout_init(&layout);
    for (size_t i = 0; i < servers; i++)
        layout_add_all_urls(&layout, layout_add_server(&layout));
    return &layout;
}

static network_place_t place_of(const layout_t *layout, int peer, size_t interface)
{
    return layout->interfaces[peer][interface].place;
}

/* ---- addresses and interfaces ---- */

static void lose_one_of_two(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_interface(layout, side, layout_add_realm(layout, NETWORK_INTERNET, layout_kind_box(LAYOUT_PORT_RESTRICTED)), ADDRESS_IPV4,
                         NETWORK_WIFI);
    layout_add_kind(layout, 1 - side, LAYOUT_PORT_RESTRICTED);
    begin(&world, layout, options, what);
    sim_remove_interface(sim_peer(world.sim, side), 0);
    check_recovery(&world, what);
    check_route(&world, SIM_DIRECT, what);
    world_close(&world);
}

TEST(an_address_that_goes_leaves_the_call_to_another_one)
{
    in_every_way("address removed", lose_one_of_two);
}

static void replace(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_kind(layout, 1 - side, LAYOUT_PORT_RESTRICTED);
    uint8_t mobile = layout_add_realm(layout, NETWORK_INTERNET, layout_kind_box(LAYOUT_PORT_RESTRICTED));
    begin(&world, layout, options, what);
    sim_remove_interface(sim_peer(world.sim, side), 0);
    sim_run(world.sim, sim_now(world.sim) + 700 * PEER_MILLISECOND, NULL);
    network_place_t place = {.realm = mobile, .address = address_ipv4(10, 7, 7, 7, 0), .delay_us = 10000};
    sim_add_interface(sim_peer(world.sim, side), &place, NETWORK_CELLULAR);
    check_recovery(&world, what);
    if (!options->hides_renomination) /* else the relay that was nominated in between stays, by RFC 8445 §8 */
        check_route(&world, SIM_DIRECT, what);
    world_close(&world);
}

TEST(an_interface_that_is_replaced_carries_the_call_on)
{
    in_every_way("interface replaced", replace);
}

static void replace_beforehand(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_kind(layout, 1 - side, LAYOUT_FULL_CONE);
    network_place_t old = place_of(layout, side, 0), new = old;
    begin(&world, layout, options, what);
    new.address.bytes[3] += 100;
    sim_add_interface(sim_peer(world.sim, side), &new, NETWORK_WIFI);
    sim_run(world.sim, sim_now(world.sim) + 2 * PEER_SECOND, NULL);
    check_sound(&world, what);
    sim_remove_interface(sim_peer(world.sim, side), 0);
    check_recovery(&world, what);
    world_close(&world);
}

TEST(an_interface_that_comes_before_the_other_goes_takes_over)
{
    in_every_way("interface added, then the other removed", replace_beforehand);
}

/* ---- boxes ---- */

static layout_kind_t far_kind;

static void forget(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    uint8_t realm = layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_kind(layout, 1 - side, far_kind);
    begin(&world, layout, options, what);
    nat_forget(network_box(sim_network(world.sim), realm));
    check_recovery(&world, what);
    if (!options->hides_renomination)
        check_route(&world, SIM_DIRECT, what);
    world_close(&world);
}

TEST(a_box_that_forgets_its_mappings_does_not_end_the_call)
{
    for (far_kind = LAYOUT_OPEN; far_kind <= LAYOUT_PORT_RESTRICTED; far_kind++) {
        char name[64];
        snprintf(name, sizeof name, "rebinding towards %s", layout_kind_name(far_kind));
        in_every_way(name, forget);
    }
}

static bool is_of_server(const layout_t *layout, const address_t *address)
{
    return address_ip_equal(address, &layout->servers[0].ipv4) || address_ip_equal(address, &layout->servers[0].ipv6);
}

static bool drop_direct(void *mangler, packet_t *packet)
{
    return is_of_server(mangler, &packet->path.local) || is_of_server(mangler, &packet->path.remote);
}

static void cut_direct_path(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_FULL_CONE);
    layout_add_kind(layout, 1 - side, LAYOUT_PORT_RESTRICTED);
    begin(&world, layout, options, what);
    check_route(&world, SIM_DIRECT, what);
    network_set_mangle(sim_network(world.sim), drop_direct, layout);
    check_recovery(&world, what);
    check_route(&world, SIM_RELAYED, what);
    world_close(&world);
}

TEST(a_relay_stands_by_for_the_direct_path)
{
    in_every_way("direct path cut", cut_direct_path);
}

/* Nothing is said for twelve minutes, behind boxes that forget what is silent for twenty seconds: longer than an allocation lives (RFC 8656
 * §3.2), than a permission (§9) and than consent. Then the direct path dies. */
static void stay_silent(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    nat_options_t box = *layout_kind_box(LAYOUT_PORT_RESTRICTED);
    box.timeout_us = 20 * PEER_SECOND;
    for (int peer = 0; peer < 2; peer++)
        layout_add_interface(layout, peer, layout_add_realm(layout, NETWORK_INTERNET, &box), ADDRESS_IPV4, NETWORK_ETHERNET);
    begin(&world, layout, options, what);
    for (int peer = 0; peer < 2; peer++)
        sim_peer(world.sim, peer)->sends_audio = false;
    sim_run(world.sim, sim_now(world.sim) + 720 * PEER_SECOND, NULL);
    for (int peer = 0; peer < 2; peer++) {
        sim_peer(world.sim, peer)->sends_audio = true;
        sim_peer(world.sim, peer)->next_audio = sim_now(world.sim);
    }
    sim_run(world.sim, sim_now(world.sim) + PEER_SECOND, NULL);
    check_sound(&world, what);
    check_route(&world, SIM_DIRECT, what);
    network_set_mangle(sim_network(world.sim), drop_direct, layout);
    check_recovery(&world, what);
    check_route(&world, SIM_RELAYED, what);
    world_close(&world);
}

TEST(a_silent_call_keeps_its_path_and_its_relay)
{
    in_every_way("silence", stay_silent);
}

/* ---- servers ---- */

static void kill_needless(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_kind(layout, 1 - side, LAYOUT_FULL_CONE);
    begin(&world, layout, options, what);
    server_kill(world.servers[0], sim_now(world.sim));
    for (int i = 0; i < 10; i++)
        check_sound(&world, what);
    world_close(&world);
}

TEST(a_direct_call_does_not_notice_that_the_server_dies)
{
    in_every_way("server killed in a direct call", kill_needless);
}

static size_t used_server(world_t *world, const layout_t *layout)
{
    ice_pair_stats_t pair;
    CHECK(sim_selected(sim_peer(world->sim, 0), &pair));
    const address_t *relay = pair.local->type == ICE_CANDIDATE_RELAYED ? &pair.local->address : &pair.remote->address;
    for (size_t i = 0; i < layout->server_count; i++)
        if (address_ip_equal(relay, &layout->servers[i].ipv4) || address_ip_equal(relay, &layout->servers[i].ipv6))
            return i;
    return 0;
}

static void kill_one_of_two(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(2);
    layout_add_kind(layout, side, LAYOUT_SYMMETRIC);
    layout_add_kind(layout, 1 - side, LAYOUT_SYMMETRIC_RANDOM);
    begin(&world, layout, options, what);
    check_route(&world, SIM_RELAYED, what);
    server_kill(world.servers[used_server(&world, layout)], sim_now(world.sim));
    check_recovery(&world, what);
    world_close(&world);
}

TEST(a_relayed_call_goes_over_to_another_server)
{
    in_every_way("one of two servers killed", kill_one_of_two);
}

static void restart(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_SYMMETRIC);
    layout_add_kind(layout, 1 - side, LAYOUT_PORT_RESTRICTED);
    begin(&world, layout, options, what);
    check_route(&world, SIM_RELAYED, what);
    server_kill(world.servers[0], sim_now(world.sim));
    sim_run(world.sim, sim_now(world.sim) + PEER_SECOND, NULL);
    server_start(world.servers[0]);
    check_recovery(&world, what);
    world_close(&world);
}

TEST(a_server_that_was_restarted_carries_the_call_again)
{
    in_every_way("server restarted", restart);
}

/* ---- a lite peer ---- */

static void leave_lite_peer(int side, const sim_options_t *options, const char *what)
{
    world_t world;
    sim_options_t lite = *options;
    layout_t *layout = new_layout(1);
    layout_add_kind(layout, side, LAYOUT_PORT_RESTRICTED);
    layout_add_interface(layout, side, layout_add_realm(layout, NETWORK_INTERNET, layout_kind_box(LAYOUT_SYMMETRIC)), ADDRESS_IPV4,
                         NETWORK_CELLULAR);
    layout_add_kind(layout, 1 - side, LAYOUT_OPEN);
    lite.peers[1 - side].is_lite = true;
    begin(&world, layout, &lite, what);
    sim_remove_interface(sim_peer(world.sim, side), 0);
    check_recovery(&world, what);
    nat_forget(network_box(sim_network(world.sim), place_of(layout, side, 1).realm));
    check_recovery(&world, what);
    world_close(&world);
}

TEST(a_lite_peer_follows_the_full_one_wherever_it_goes)
{
    in_every_way("lite", leave_lite_peer);
}
