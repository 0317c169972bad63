/* A STUN and TURN server on a host of the simulated network: over UDP and TCP on port 3478, TLS and DTLS on 5349, TLS on 443 too. Its
 * relayed addresses are on the same host. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "network.h"
#include "turn_server.h"

#define SERVER_PORT 3478
#define SERVER_SECURE_PORT 5349
#define SERVER_WEB_PORT 443

typedef struct server server_t;

/* On these addresses of the Internet (ports mean nothing; family ADDRESS_NONE: not on it). Users have the name "user" and password
 * "secret". */
server_t *server_new(network_t *network, const address_t *ipv4, const address_t *ipv6);
void server_free(server_t *server);
void server_kill(server_t *server, peer_time_t now); /* connections end, datagrams get no answer, allocations are gone */
void server_start(server_t *server);                 /* again */
turn_server_t *server_turn(server_t *server);

#endif
