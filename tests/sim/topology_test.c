/* A thousand worlds from seeds: boxes of every temper, nested or shared, several interfaces, servers of which some are dead, TCP or not,
 * trickle or not, names instead of addresses, delay and loss. Whoever can be connected is, directly where that can be; theory.c says who
 * can. */
#include "child.h"
#include "layout.h"
#include "test.h"
#include "theory.h"

#include <stdio.h>
#include <stdlib.h>

#define TOPOLOGIES 1000
#define TIME_TO_CONNECT (60 * PEER_SECOND) /* dead servers and lost datagrams included */
#define MESSAGES 5
#define TIME_TO_SETTLE (15 * PEER_SECOND)

typedef struct topology {
    layout_t layout;
    sim_options_t options;
    theory_options_t theory;
} topology_t;

static random_source_t dice;

static bool happens(unsigned percent)
{
    return random_below(&dice, 100) < percent;
}

static nat_options_t random_box(void)
{
    nat_options_t box = {.mapping = (nat_dependence_t)random_below(&dice, 3),
                         .filtering = (nat_dependence_t)random_below(&dice, 3),
                         .ports = (nat_ports_t)random_below(&dice, 3),
                         .hairpins = happens(30),
                         .is_firewall = happens(10),
                         .blocks_udp = happens(12)};
    if (happens(50)) /* what most people have */
        box.mapping = NAT_ENDPOINT_INDEPENDENT;
    if (box.blocks_udp && happens(50))
        box.only_tcp_port = 443;
    if (happens(20))
        box.timeout_us = (30 + random_below(&dice, 90)) * PEER_SECOND;
    return box;
}

/* Behind a box of its own, behind one of the other peer's, on the Internet. */
static uint8_t random_realm(topology_t *topology, int peer)
{
    layout_t *layout = &topology->layout;
    uint8_t outer = NETWORK_INTERNET;
    if (happens(15))
        return NETWORK_INTERNET;
    if (peer == 1 && happens(15)) {
        outer = layout->interfaces[0][0].place.realm;
        if (happens(50))
            return outer;
    }
    if (happens(15)) {
        nat_options_t provider = random_box();
        outer = layout_add_realm(layout, outer, &provider);
    }
    nat_options_t box = random_box();
    return layout_add_realm(layout, outer, &box);
}

static void add_interface(topology_t *topology, int peer)
{
    static const network_type_t types[] = {NETWORK_ETHERNET, NETWORK_WIFI, NETWORK_CELLULAR, NETWORK_VPN, NETWORK_UNKNOWN};
    layout_t *layout = &topology->layout;
    uint8_t realm = random_realm(topology, peer);
    network_type_t type = types[random_below(&dice, 5)];
    peer_time_t delay = random_below(&dice, 50000);
    bool is_ipv6_only = happens(10);
    size_t index = 0;
    if (!is_ipv6_only)
        index = layout_add_interface(layout, peer, realm, ADDRESS_IPV4, type);
    if (is_ipv6_only || happens(20))
        index = layout_add_interface(layout, peer, realm, ADDRESS_IPV6, type);
    layout->interfaces[peer][index].place.delay_us = delay;
}

static void add_servers(topology_t *topology)
{
    layout_t *layout = &topology->layout;
    for (size_t count = 1 + random_below(&dice, LAYOUT_SERVERS_MAX); count > 0; count--) {
        size_t server = layout_add_server(layout);
        layout->servers[server].is_dead = happens(25);
        for (int kind = ICE_SERVER_STUN; kind <= ICE_SERVER_TURN; kind++)
            for (int transport = ICE_SERVER_UDP; transport <= ICE_SERVER_DTLS; transport++)
                if (layout->url_count < 8 && happens(kind == ICE_SERVER_TURN ? 60 : 25))
                    layout_add_url(layout, server, (ice_server_kind_t)kind, (ice_server_transport_t)transport);
    }
}

static void make(topology_t *topology, uint64_t seed)
{
    static random_seeded_t generator;
    random_seeded_init(&generator, seed ^ 0x7090);
    dice = random_seeded_source(&generator);
    *topology = (topology_t){.options = {.seed = seed}};
    layout_init(&topology->layout);
    for (int peer = 0; peer < 2; peer++)
        for (unsigned count = happens(60) ? 1 : 1 + random_below(&dice, 3); count > 0; count--)
            add_interface(topology, peer);
    add_servers(topology);
    sim_options_t *options = &topology->options;
    options->link = (link_options_t){.delay_us = random_below(&dice, 150000),
                                     .jitter_us = random_below(&dice, 20000),
                                     .loss = happens(50) ? random_below(&dice, 101) / 1000.0 : 0,
                                     .burst = happens(20) ? 0.3 : 0,
                                     .duplicate = happens(20) ? 0.02 : 0,
                                     .reorder = happens(20) ? 0.02 : 0};
    options->signaling_delay_us = random_below(&dice, 200000);
    options->is_patient = happens(20);
    for (int peer = 0; peer < 2; peer++) {
        sim_peer_options_t *own = &options->peers[peer];
        own->tcp_policy = (ice_tcp_policy_t)random_below(&dice, 3);
        own->hides_addresses = happens(30);
        own->policy = happens(5) ? ICE_POLICY_RELAY : ICE_POLICY_ALL;
        topology->theory.hides_addresses[peer] = own->hides_addresses;
        topology->theory.connects[peer] = own->tcp_policy != ICE_TCP_POLICY_OFF;
        topology->theory.listens[peer] = own->tcp_policy == ICE_TCP_POLICY_ALL;
        topology->theory.is_relay_only[peer] = own->policy == ICE_POLICY_RELAY;
    }
}

/* ---- what is wrong with it ---- */

static void print_topology(const topology_t *topology)
{
    static const char *const words[] = {"ei", "ad", "apd"}, *const ports[] = {"preserved", "sequential", "random"};
    const layout_t *layout = &topology->layout;
    char text[ADDRESS_TEXT_SIZE];
    for (size_t i = 1; i < layout->realm_count; i++) {
        const nat_options_t *box = &layout->realms[i].box;
        test_note("realm %zu in %u: %s mapping %s filtering %s ports %s%s%s%s tcp %u, outside %s", i, layout->realms[i].outer,
                  box->is_firewall ? "firewall" : "nat", words[box->mapping], words[box->filtering], ports[box->ports],
                  box->hairpins ? " hairpins" : "", box->blocks_udp ? " no udp" : "", box->timeout_us != 0 ? " short" : "",
                  box->only_tcp_port, address_ip_text(&layout->realms[i].external, text));
    }
    for (int peer = 0; peer < 2; peer++) {
        const sim_peer_options_t *own = &topology->options.peers[peer];
        for (size_t i = 0; i < layout->interface_count[peer]; i++)
            test_note("peer %d: realm %u %s, %lld us", peer, layout->interfaces[peer][i].place.realm,
                      address_ip_text(&layout->interfaces[peer][i].place.address, text),
                      (long long)layout->interfaces[peer][i].place.delay_us);
        test_note("peer %d: tcp policy %d%s%s", peer, own->tcp_policy, own->hides_addresses ? ", hides" : "",
                  own->policy == ICE_POLICY_RELAY ? ", relay only" : "");
    }
    for (size_t i = 0; i < layout->url_count; i++)
        test_note("%s of server %u%s", layout->urls[i].url, layout->url_server[i],
                  layout->servers[layout->url_server[i]].is_dead ? ", dead" : "");
    test_note("delay %lld us, jitter %lld us, loss %.3f, signalling %lld us%s", (long long)topology->options.link.delay_us,
              (long long)topology->options.link.jitter_us, topology->options.link.loss, (long long)topology->options.signaling_delay_us,
              topology->options.is_patient ? ", no trickle" : "");
}

typedef struct tally {
    unsigned direct, direct_tcp, relayed, impossible;
    peer_time_t slowest;
    uint64_t slowest_seed;
} tally_t;

static bool have_data_arrived(sim_t *sim)
{
    return sim_peer(sim, 1)->received.messages == MESSAGES;
}

/* NULL: all is as it should be. */
static const char *judge(uint64_t seed, world_t *world, const theory_t *theory, tally_t *tally)
{
    sim_t *sim = world->sim;
    bool is_possible = theory->is_direct || theory->is_direct_tcp || theory->is_relayed;
    sim_add_data(sim_peer(sim, 0), false, MESSAGES, 500);
    peer_time_t begin = sim_now(sim);
    bool is_connected = sim_run(sim, begin + TIME_TO_CONNECT, sim_is_connected);
    if (!is_possible) {
        tally->impossible++;
        return is_connected ? "connected against theory" : NULL;
    }
    if (!is_connected)
        return theory->is_direct
                   ? "not connected, though directly possible"
                   : (theory->is_direct_tcp ? "not connected, though possible over TCP" : "not connected, though there are relays");
    if (sim_now(sim) - begin > tally->slowest) {
        tally->slowest = sim_now(sim) - begin;
        tally->slowest_seed = seed;
    }
    sim_run(sim, sim_now(sim) + TIME_TO_SETTLE, NULL);
    bool do_data_flow = sim_run(sim, sim_now(sim) + TIME_TO_CONNECT, have_data_arrived);
    sim_route_t routes[2] = {sim_route(sim_peer(sim, 0)), sim_route(sim_peer(sim, 1))};
    if (!do_data_flow || !sim_is_connected(sim))
        return "connected, but data do not flow";
    if (routes[0] != routes[1])
        return "the two go different ways";
    tally->direct += routes[0] == SIM_DIRECT;
    tally->direct_tcp += routes[0] == SIM_DIRECT_TCP;
    tally->relayed += routes[0] == SIM_RELAYED;
    if (routes[0] == SIM_RELAYED && theory->is_direct)
        return "not direct, though that is possible";
    if (routes[0] == SIM_RELAYED && theory->is_direct_tcp)
        return "relayed, though there is a direct way over TCP";
    return NULL;
}

static bool run_seed(uint64_t seed, tally_t *tally)
{
    topology_t topology;
    world_t world;
    make(&topology, seed);
    theory_t theory = theory_of(&topology.layout, &topology.theory);
    world_open(&world, &topology.layout, &topology.options);
    const char *what = judge(seed, &world, &theory, tally);
    world_close(&world);
    if (what == NULL)
        return true;
    print_topology(&topology);
    test_note("seed %llu: %s; repeat: SIM_SEED=%llu sim_topology (SIM_LOG=1 tells more)", (unsigned long long)seed, what,
              (unsigned long long)seed);
    return false;
}

TEST(a_thousand_topologies_connect_where_that_can_be_and_directly_where_that_can_be)
{
    const char *only = getenv("SIM_SEED");
    char *rest = NULL;
    uint64_t first = only != NULL ? strtoull(only, &rest, 10) : 1, last = only == NULL   ? TOPOLOGIES
                                                                          : *rest == '-' ? strtoull(rest + 1, NULL, 10)
                                                                                         : first;
    tally_t tally = {0};
    unsigned failures = 0;
    for (uint64_t seed = first; seed <= last; seed++)
        failures += !run_seed(seed, &tally);
    test_note("%u direct, %u direct over TCP, %u relayed, %u impossible; the slowest, seed %llu, took %lld ms", tally.direct,
              tally.direct_tcp, tally.relayed, tally.impossible, (unsigned long long)tally.slowest_seed, (long long)(tally.slowest / 1000));
    CHECK_INT(failures, 0);
}

static uint64_t trace_of(uint64_t seed)
{
    topology_t topology;
    world_t world;
    make(&topology, seed);
    world_open(&world, &topology.layout, &topology.options);
    sim_add_media(sim_peer(world.sim, 0), true, false);
    sim_add_data(sim_peer(world.sim, 0), false, 5, 0);
    sim_run(world.sim, 5 * PEER_SECOND, NULL);
    uint64_t hash = network_trace_hash(sim_network(world.sim));
    world_close(&world);
    return hash;
}

TEST(the_same_seed_gives_the_same_world_and_the_same_packets)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        CHECK(child_run(trace_of, seed) == child_run(trace_of, seed));
    CHECK(child_run(trace_of, 1) != child_run(trace_of, 2));
}
