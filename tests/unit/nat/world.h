/* A discovery in virtual time, behind a NAT of any kind, with STUN servers that do what RFC 5780 says, or less. Everything follows from
 * the seed. */
#ifndef NAT_TEST_WORLD_H
#define NAT_TEST_WORLD_H

#include "base/random.h"
#include "nat/nat.h"
#include "stun/stun.h"
#include "test.h"

#define MAX_FLIGHTS 256
#define MAX_MAPPINGS 128
#define MAX_CONTACTS 16
#define MAX_STUN_SERVERS 3
#define MAX_DESTINATIONS 64
#define MAX_SOCKETS 64

typedef struct stun_server {
    address_t address; /* the first */
    address_t other;   /* ADDRESS_NONE: it has no other (RFC 8489 alone) */
    address_t claimed; /* what OTHER-ADDRESS says, when not the truth */
    bool is_dead;
    bool is_other_dead;         /* nothing comes from or to its other address */
    bool ignores_change;        /* answers from where it was asked, whatever was asked */
    bool ignores_response_port; /* answers to whence it was asked */
    bool refuses;               /* with an error */
    bool lies_about_transaction;
    address_t mapped; /* what it says of the client, when not the truth */
} stun_server_t;

typedef struct mapping {
    address_t inside, outside, remote;
    address_t contacts[MAX_CONTACTS];
    size_t contact_count;
    peer_time_t last_used;
} mapping_t;

typedef struct flight {
    peer_time_t time;
    bool is_to_server;
    address_t from, to;
    size_t length;
    uint8_t bytes[256];
} flight_t;

typedef struct world {
    peer_time_t now;
    random_seeded_t generator;
    random_source_t random;
    packet_pool_t *pool;
    nat_discovery_t *discovery;
    nat_result_t *result; /* once it is done */
    peer_time_t delay;    /* one way */
    unsigned loss_percent;
    address_t host; /* port 0 */
    /* The NAT. */
    bool is_translated;
    address_t public_address; /* of a NAT, port 0 */
    nat_behaviour_t mapping, filtering;
    bool hairpins, blocks_udp;
    peer_time_t lifetime; /* of mappings; 0: for ever */
    mapping_t mappings[MAX_MAPPINGS];
    size_t mapping_count;
    uint16_t next_port;
    /* The Internet. */
    stun_server_t servers[MAX_STUN_SERVERS];
    size_t server_count;
    flight_t flights[MAX_FLIGHTS];
    size_t flight_count;
    /* What was seen of the discovery. */
    address_t sockets[MAX_SOCKETS]; /* by number - 1; family ADDRESS_NONE: closed */
    size_t socket_count, open_count;
    bool has_no_route;
    address_t destinations[MAX_DESTINATIONS]; /* every address that was sent to */
    size_t destination_count;
    size_t sent_count;
} world_t;

/* Without a NAT; one server at 192.0.2.10:3478 whose other address is 192.0.2.11:3479; 20 ms each way. */
world_t *world_new(uint64_t seed);
void world_set_nat(world_t *world, nat_behaviour_t mapping, nat_behaviour_t filtering); /* at 203.0.113.1 */
void world_start(world_t *world, peer_time_t lifetime_max);                             /* asks all servers */
/* Until the result is there. */
const nat_result_t *world_run(world_t *world);
void world_step(world_t *world); /* to the next flight or deadline */
/* Both, and frees what was there before. */
const nat_result_t *world_discover(world_t *world);
bool world_has_sent_to(const world_t *world, const address_t *ip); /* whatever the port */
void world_inject(world_t *world, const address_t *from, size_t socket, const void *bytes, size_t length);
void world_free(world_t *world); /* also checks that all is given back */

#endif
