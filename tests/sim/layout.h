/* A world for a call: which boxes there are, where the two peers' interfaces and the servers are. Described first, then built into a
 * network, as often as needed: for the call itself, and for the theory of what is possible in it (theory.h). */
#ifndef SIM_LAYOUT_H
#define SIM_LAYOUT_H

#include "server.h"
#include "sim.h"

#define LAYOUT_REALMS_MAX 24
#define LAYOUT_INTERFACES_MAX 6 /* of a peer */
#define LAYOUT_SERVERS_MAX 3
#define LAYOUT_URLS_MAX (5 * LAYOUT_SERVERS_MAX)

typedef struct layout {
    struct {
        uint8_t outer;
        nat_options_t box;
        address_t external;
    } realms[LAYOUT_REALMS_MAX]; /* the first is the Internet */
    size_t realm_count;
    struct {
        network_place_t place;
        network_type_t type;
    } interfaces[2][LAYOUT_INTERFACES_MAX];
    size_t interface_count[2];
    struct {
        char name[24];
        address_t ipv4, ipv6;
        bool is_dead;
    } servers[LAYOUT_SERVERS_MAX];
    size_t server_count;
    ice_server_t urls[LAYOUT_URLS_MAX];
    uint8_t url_server[LAYOUT_URLS_MAX];
    size_t url_count;
} layout_t;

void layout_init(layout_t *layout);
uint8_t layout_add_realm(layout_t *layout, uint8_t outer, const nat_options_t *box);
/* An interface with an address that fits the realm. Behind boxes IPv4 addresses repeat: the same may be in two realms. */
size_t layout_add_interface(layout_t *layout, int peer, uint8_t realm, address_family_t family, network_type_t type);
size_t layout_add_server(layout_t *layout);
void layout_add_url(layout_t *layout, size_t server, ice_server_kind_t kind, ice_server_transport_t transport);
void layout_add_all_urls(layout_t *layout, size_t server);

/* The kinds of network that people are in. */
typedef enum layout_kind {
    LAYOUT_OPEN,
    LAYOUT_FULL_CONE,
    LAYOUT_ADDRESS_RESTRICTED,
    LAYOUT_PORT_RESTRICTED,
    LAYOUT_SYMMETRIC,
    LAYOUT_SYMMETRIC_RANDOM,
    LAYOUT_DOUBLE_NAT, /* both port-restricted */
    LAYOUT_UDP_BLOCKED,
    LAYOUT_ONLY_TCP_443,
    LAYOUT_IPV6_ONLY,
    LAYOUT_DUAL_STACK, /* IPv4 behind a port-restricted cone, IPv6 behind a firewall */
    LAYOUT_KIND_COUNT
} layout_kind_t;
const char *layout_kind_name(layout_kind_t kind);
/* Puts a peer into a network of its own of that kind. Tells the realm that its interfaces are in. */
uint8_t layout_add_kind(layout_t *layout, int peer, layout_kind_t kind);
const nat_options_t *layout_kind_box(layout_kind_t kind);

/* The realms alone, in a fresh network. */
void layout_build(const layout_t *layout, network_t *network);

/* A call in such a world. */
typedef struct world {
    sim_t *sim;
    server_t *servers[LAYOUT_SERVERS_MAX];
    size_t server_count;
} world_t;

/* The servers and interfaces of the options' peers are the layout's. */
void world_open(world_t *world, const layout_t *layout, const sim_options_t *options);
void world_close(world_t *world);

#endif
