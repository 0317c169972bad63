#include "layout.h"

#include <stdio.h>
#include <stdlib.h>

#define RESTRICTED(kind) .filtering = (kind), .ports = NAT_PORTS_PRESERVED
#define SYMMETRIC .mapping = NAT_ADDRESS_AND_PORT_DEPENDENT, .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT

static const struct {
    const char *name;
    nat_options_t box;
} kinds[LAYOUT_KIND_COUNT] = {
    [LAYOUT_OPEN] = {"open", {.is_firewall = true}},
    [LAYOUT_FULL_CONE] = {"full-cone", {RESTRICTED(NAT_ENDPOINT_INDEPENDENT)}},
    [LAYOUT_ADDRESS_RESTRICTED] = {"address-restricted-cone", {RESTRICTED(NAT_ADDRESS_DEPENDENT)}},
    [LAYOUT_PORT_RESTRICTED] = {"port-restricted-cone", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT)}},
    [LAYOUT_SYMMETRIC] = {"symmetric", {SYMMETRIC, .ports = NAT_PORTS_SEQUENTIAL}},
    [LAYOUT_SYMMETRIC_RANDOM] = {"symmetric-random", {SYMMETRIC, .ports = NAT_PORTS_RANDOM}},
    [LAYOUT_DOUBLE_NAT] = {"double-nat", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT)}},
    [LAYOUT_UDP_BLOCKED] = {"udp-blocked", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT), .blocks_udp = true}},
    [LAYOUT_ONLY_TCP_443] = {"only-tcp-443", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT), .blocks_udp = true, .only_tcp_port = 443}},
    [LAYOUT_IPV6_ONLY] = {"ipv6-only", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT)}},
    [LAYOUT_DUAL_STACK] = {"dual-stack", {RESTRICTED(NAT_ADDRESS_AND_PORT_DEPENDENT)}},
};

const char *layout_kind_name(layout_kind_t kind)
{
    return kinds[kind].name;
}

const nat_options_t *layout_kind_box(layout_kind_t kind)
{
    return &kinds[kind].box;
}

void layout_init(layout_t *layout)
{
    *layout = (layout_t){.realm_count = 1};
}

static uint8_t count_inside(const layout_t *layout, uint8_t realm)
{
    uint8_t count = 0;
    for (size_t i = 1; i < layout->realm_count; i++)
        count += layout->realms[i].outer == realm;
    for (int peer = 0; peer < 2; peer++)
        for (size_t i = 0; i < layout->interface_count[peer]; i++)
            count += layout->interfaces[peer][i].place.realm == realm;
    return count;
}

/* `net` tells the networks of one host apart; those of two hosts, or of two boxes, may be numbered alike. */
static address_t new_ipv4(const layout_t *layout, uint8_t realm, size_t net)
{
    uint8_t last = (uint8_t)(count_inside(layout, realm) + 2);
    if (realm == NETWORK_INTERNET)
        return address_ipv4(198, 51, 100, last, 0);
    if (layout->realms[realm].box.is_firewall)
        return address_ipv4(203, 0, realm, last, 0);
    return layout->realms[realm].outer == NETWORK_INTERNET ? address_ipv4(192, 168, (uint8_t)(net + 1), last, 0)
                                                           : address_ipv4(10, 0, (uint8_t)net, last, 0);
}

uint8_t layout_add_realm(layout_t *layout, uint8_t outer, const nat_options_t *box)
{
    if (layout->realm_count == LAYOUT_REALMS_MAX)
        abort();
    address_t external = new_ipv4(layout, outer, 0);
    size_t realm = layout->realm_count++;
    layout->realms[realm].outer = outer;
    layout->realms[realm].box = *box;
    layout->realms[realm].external = external;
    return (uint8_t)realm;
}

size_t layout_add_interface(layout_t *layout, int peer, uint8_t realm, address_family_t family, network_type_t type)
{
    if (layout->interface_count[peer] == LAYOUT_INTERFACES_MAX)
        abort();
    network_place_t place = {.realm = realm, .address = new_ipv4(layout, realm, layout->interface_count[peer])};
    if (family == ADDRESS_IPV6) {
        char text[ADDRESS_TEXT_SIZE];
        snprintf(text, sizeof text, "2001:db8:%x::%x", realm + 1, count_inside(layout, realm) + 2);
        address_parse(&place.address, text, 0);
    }
    size_t index = layout->interface_count[peer]++;
    layout->interfaces[peer][index].place = place;
    layout->interfaces[peer][index].type = type;
    return index;
}

uint8_t layout_add_kind(layout_t *layout, int peer, layout_kind_t kind)
{
    uint8_t realm = NETWORK_INTERNET;
    if (kind == LAYOUT_DOUBLE_NAT)
        realm = layout_add_realm(layout, realm, &kinds[kind].box);
    if (kind != LAYOUT_OPEN)
        realm = layout_add_realm(layout, realm, &kinds[kind].box);
    if (kind != LAYOUT_IPV6_ONLY)
        layout_add_interface(layout, peer, realm, ADDRESS_IPV4, NETWORK_ETHERNET);
    if (kind == LAYOUT_IPV6_ONLY || kind == LAYOUT_DUAL_STACK)
        layout_add_interface(layout, peer, realm, ADDRESS_IPV6, NETWORK_ETHERNET);
    return realm;
}

size_t layout_add_server(layout_t *layout)
{
    char ipv6[ADDRESS_TEXT_SIZE];
    size_t index = layout->server_count++;
    snprintf(layout->servers[index].name, sizeof layout->servers[index].name, "server%zu.test", index);
    layout->servers[index].ipv4 = address_ipv4(192, 0, 2, (uint8_t)(index + 10), 0);
    snprintf(ipv6, sizeof ipv6, "2001:db8:ffff::%zx", index + 1);
    address_parse(&layout->servers[index].ipv6, ipv6, 0);
    return index;
}

void layout_add_url(layout_t *layout, size_t server, ice_server_kind_t kind, ice_server_transport_t transport)
{
    static const struct {
        const char *url;
        uint16_t port;
    } values[2][4] = {{{"stun:server.test", SERVER_PORT},
                       {"stun:server.test?transport=tcp", SERVER_PORT},
                       {"stuns:server.test", SERVER_SECURE_PORT},
                       {"stuns:server.test?transport=udp", SERVER_SECURE_PORT}},
                      {{"turn:server.test", SERVER_PORT},
                       {"turn:server.test?transport=tcp", SERVER_PORT},
                       {"turns:server.test:443", SERVER_WEB_PORT},
                       {"turns:server.test?transport=udp", SERVER_SECURE_PORT}}};
    if (layout->url_count == LAYOUT_URLS_MAX)
        abort();
    layout->url_server[layout->url_count] = (uint8_t)server;
    layout->urls[layout->url_count++] = (ice_server_t){.kind = kind,
                                                       .transport = transport,
                                                       .url = values[kind][transport].url,
                                                       .host = layout->servers[server].name,
                                                       .port = values[kind][transport].port,
                                                       .username = kind == ICE_SERVER_TURN ? "user" : NULL,
                                                       .password = kind == ICE_SERVER_TURN ? "secret" : NULL};
}

void layout_add_all_urls(layout_t *layout, size_t server)
{
    layout_add_url(layout, server, ICE_SERVER_STUN, ICE_SERVER_UDP);
    for (int transport = ICE_SERVER_UDP; transport <= ICE_SERVER_TLS; transport++)
        layout_add_url(layout, server, ICE_SERVER_TURN, (ice_server_transport_t)transport);
}

void layout_build(const layout_t *layout, network_t *network)
{
    for (size_t i = 1; i < layout->realm_count; i++)
        network_add_realm(network, layout->realms[i].outer, &layout->realms[i].box, &layout->realms[i].external);
}

void world_open(world_t *world, const layout_t *layout, const sim_options_t *options)
{
    sim_options_t complete = *options;
    *world = (world_t){.server_count = layout->server_count};
    for (int i = 0; i < 2; i++) {
        complete.peers[i].servers = layout->urls;
        complete.peers[i].server_count = layout->url_count;
        complete.peers[i].has_no_interface = true;
    }
    world->sim = sim_new(&complete);
    layout_build(layout, sim_network(world->sim));
    for (size_t i = 0; i < layout->server_count; i++) {
        world->servers[i] = server_new(sim_network(world->sim), &layout->servers[i].ipv4, &layout->servers[i].ipv6);
        names_add(sim_names(world->sim), NAMES_EVERYWHERE, layout->servers[i].name, &layout->servers[i].ipv4);
        names_add(sim_names(world->sim), NAMES_EVERYWHERE, layout->servers[i].name, &layout->servers[i].ipv6);
        if (layout->servers[i].is_dead)
            server_kill(world->servers[i], sim_now(world->sim));
    }
    for (int peer = 0; peer < 2; peer++)
        for (size_t i = 0; i < layout->interface_count[peer]; i++)
            sim_add_interface(sim_peer(world->sim, peer), &layout->interfaces[peer][i].place, layout->interfaces[peer][i].type);
}

void world_close(world_t *world)
{
    sim_free(world->sim);
    for (size_t i = 0; i < world->server_count; i++)
        server_free(world->servers[i]);
}
