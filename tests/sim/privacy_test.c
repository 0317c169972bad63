/* What a peer that wants to stay hidden sends and tells: relay only, and addresses behind names. */
#include "layout.h"
#include "test.h"

#include <string.h>

static const sim_options_t usual = {.seed = 5, .link = {.delay_us = 20000}, .signaling_delay_us = 10000};

typedef struct watcher {
    const layout_t *layout;
    unsigned to_servers, to_others;
} watcher_t;

static bool is_servers(const layout_t *layout, const address_t *address)
{
    for (size_t i = 0; i < layout->server_count; i++)
        if (address_ip_equal(address, &layout->servers[i].ipv4) || address_ip_equal(address, &layout->servers[i].ipv6))
            return true;
    return false;
}

/* Relayed addresses are the servers' too, but at other ports. */
static bool is_service(const layout_t *layout, const address_t *address)
{
    bool is_port = address->port == SERVER_PORT || address->port == SERVER_SECURE_PORT || address->port == SERVER_WEB_PORT;
    return is_port && is_servers(layout, address);
}

static bool is_of_peer(const layout_t *layout, int peer, const network_place_t *place)
{
    for (size_t i = 0; i < layout->interface_count[peer]; i++)
        if (layout->interfaces[peer][i].place.realm == place->realm &&
            address_ip_equal(&layout->interfaces[peer][i].place.address, &place->address))
            return true;
    return false;
}

static void watch_first(void *context, peer_time_t now, transport_protocol_t protocol, const network_place_t *from, const address_t *to)
{
    watcher_t *watcher = context;
    if (!is_of_peer(watcher->layout, 0, from))
        return;
    if (is_service(watcher->layout, to))
        watcher->to_servers++;
    else
        watcher->to_others++;
}

static bool is_disconnected(sim_t *sim)
{
    return sim_peer(sim, 0)->ice_state == ICE_STATE_DISCONNECTED;
}

TEST(relay_only_sends_nothing_but_to_its_servers_whatever_the_networks)
{
    for (int own = 0; own < LAYOUT_KIND_COUNT; own++) {
        for (int other = 0; other < LAYOUT_KIND_COUNT; other++) {
            world_t world;
            layout_t layout;
            sim_options_t options = usual;
            layout_init(&layout);
            layout_add_all_urls(&layout, layout_add_server(&layout));
            layout_add_url(&layout, 0, ICE_SERVER_TURN, ICE_SERVER_DTLS);
            uint8_t realm = layout_add_kind(&layout, 0, (layout_kind_t)own);
            if (own == other && own != LAYOUT_OPEN) /* the same network: nothing would be nearer than the other peer */
                layout_add_interface(&layout, 1, realm, own == LAYOUT_IPV6_ONLY ? ADDRESS_IPV6 : ADDRESS_IPV4, NETWORK_ETHERNET);
            else
                layout_add_kind(&layout, 1, (layout_kind_t)other);
            watcher_t watcher = {.layout = &layout};
            options.peers[0].policy = ICE_POLICY_RELAY;
            options.peers[0].tcp_policy = options.peers[1].tcp_policy = ICE_TCP_POLICY_ALL;
            world_open(&world, &layout, &options);
            network_set_watch(sim_network(world.sim), watch_first, &watcher);
            sim_add_media(sim_peer(world.sim, 0), true, false);
            sim_add_media(sim_peer(world.sim, 1), true, false);
            CHECK(sim_run(world.sim, 20 * PEER_SECOND, sim_is_connected));
            sim_run(world.sim, sim_now(world.sim) + 3 * PEER_SECOND, NULL);
            CHECK_INT(sim_route(sim_peer(world.sim, 0)), SIM_RELAYED);
            server_kill(world.servers[0], sim_now(world.sim)); /* nor when nothing else is left */
            CHECK(sim_run(world.sim, sim_now(world.sim) + 20 * PEER_SECOND, is_disconnected));
            sim_run(world.sim, sim_now(world.sim) + 40 * PEER_SECOND, NULL);
            CHECK(watcher.to_servers > 100);
            CHECK_INT(watcher.to_others, 0);
            world_close(&world);
        }
    }
}

typedef struct reader {
    int hidden; /* whose texts are read */
    const char *addresses[4];
    unsigned texts, tellings;
} reader_t;

static void read_signal(void *context, const sim_peer_t *from, const char *text)
{
    reader_t *reader = context;
    if (from->index != reader->hidden)
        return;
    reader->texts++;
    for (size_t i = 0; i < sizeof reader->addresses / sizeof *reader->addresses; i++)
        reader->tellings += reader->addresses[i] != NULL && strstr(text, reader->addresses[i]) != NULL;
}

TEST(hidden_addresses_are_in_nothing_that_is_signalled_and_the_peers_on_the_same_network_find_each_other_by_name)
{
    for (int hidden = 0; hidden < 2; hidden++) {
        for (int is_near = 0; is_near < 2; is_near++) {
            world_t world;
            layout_t layout;
            sim_options_t options = usual;
            layout_init(&layout);
            layout_add_all_urls(&layout, layout_add_server(&layout));
            uint8_t realm = layout_add_kind(&layout, hidden, LAYOUT_DOUBLE_NAT);
            layout_add_interface(&layout, hidden, realm, ADDRESS_IPV4, NETWORK_WIFI);
            if (is_near)
                layout_add_interface(&layout, 1 - hidden, realm, ADDRESS_IPV4, NETWORK_WIFI);
            else
                layout_add_kind(&layout, 1 - hidden, LAYOUT_SYMMETRIC);
            char texts[3][ADDRESS_TEXT_SIZE];
            network_place_t later = {.realm = realm, .address = address_ipv4(10, 9, 9, 9, 0)};
            reader_t reader = {.hidden = hidden};
            for (size_t i = 0; i < 2; i++)
                reader.addresses[i] = address_ip_text(&layout.interfaces[hidden][i].place.address, texts[i]);
            reader.addresses[2] = address_ip_text(&later.address, texts[2]);
            options.peers[hidden].hides_addresses = true;
            options.peers[hidden].tcp_policy = ICE_TCP_POLICY_ALL;
            options.on_signal = read_signal;
            options.on_signal_user = &reader;
            world_open(&world, &layout, &options);
            sim_add_media(sim_peer(world.sim, 0), true, false);
            sim_add_media(sim_peer(world.sim, 1), true, false);
            CHECK(sim_run(world.sim, 20 * PEER_SECOND, sim_is_connected));
            sim_run(world.sim, sim_now(world.sim) + 3 * PEER_SECOND, NULL);
            CHECK_INT(sim_route(sim_peer(world.sim, 0)), is_near ? SIM_DIRECT : SIM_RELAYED);
            sim_add_interface(sim_peer(world.sim, hidden), &later, NETWORK_ETHERNET);
            sim_run(world.sim, sim_now(world.sim) + 3 * PEER_SECOND, NULL);
            CHECK_INT(connection_restart_ice(sim_peer(world.sim, hidden)->connection, sim_now(world.sim)), 0);
            sim_run(world.sim, sim_now(world.sim) + 3 * PEER_SECOND, NULL);
            CHECK(reader.texts > 4);
            CHECK_INT(reader.tellings, 0);
            world_close(&world);
        }
    }
}
