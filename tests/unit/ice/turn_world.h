/* A TURN client, the test server and peers behind it in virtual time; datagrams take 10 ms to the server and 10 ms back. */
#ifndef ICE_TURN_WORLD_H
#define ICE_TURN_WORLD_H

#include "base/memory.h"
#include "ice/turn.h"
#include "test.h"
#include "turn_server.h"

#define WORLD_DELAY (10 * PEER_MILLISECOND)
#define WORLD_MAX_FLIGHTS 512

typedef struct world_flight {
    peer_time_t time;
    path_t path; /* as its receiver sees it */
    bool is_to_server;
    size_t length;
    uint8_t bytes[17000];
} world_flight_t;

typedef struct world_datagram {
    path_t path; /* local: the relayed address, remote: the peer */
    size_t count, length;
    uint8_t bytes[17000];
} world_datagram_t;

typedef struct world {
    peer_time_t now;
    packet_pool_t *pool;
    random_seeded_t generator;
    turn_server_config_t server_config;
    turn_config_t config;
    turn_server_t *server;
    turn_t *turn;
    world_flight_t *flights;
    size_t flight_count;
    unsigned loss_percent;
    bool is_cut; /* nothing gets through between client and server */

    turn_output_t allocated, failure;
    char failure_text[512], alternate_domain[256];
    size_t allocated_count, failed_count, lost_count, permission_failed_count;
    turn_output_t permission_failed;
    peer_time_t allocated_at, failed_at;
    world_datagram_t at_peer;   /* the last datagram from a relayed address */
    world_datagram_t at_client; /* the last that the client unwrapped */
    size_t sent;                /* packets of the client's to the server */
    size_t last_size;
} world_t;

/* User "user", password "secret", realm "example.org", relays both families; the client wants IPv4. Change what is to be different before
 * world_start(). */
world_t *world_new(void);
void world_start(world_t *world);
void world_free(world_t *world); /* checks that no packet leaked */
void world_pump(world_t *world);
void world_run(world_t *world, peer_time_t duration);
void world_allocate(world_t *world); /* start and run until allocated */
bool world_send(world_t *world, const address_t *peer, const void *bytes, size_t length);
void world_peer_sends(world_t *world, const address_t *peer, const void *bytes, size_t length); /* to our relayed address */
turn_input_result_t world_give(world_t *world, const void *bytes, size_t length);               /* to the client, as from the server */
address_t world_relayed(const world_t *world, address_family_t family);
address_t world_peer(int number); /* 203.0.113.number:5000 */

#endif
