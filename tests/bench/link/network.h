/* A network of TUN devices: what one of them sends crosses its sender's link, is routed by its IPv4 destination and crosses the receiver's
 * link. It runs on a thread of its own, and writes down when each host sent STUN. */
#ifndef NETWORK_H
#define NETWORK_H

#include "link.h"

#define NETWORK_PORTS_MAX 3

typedef struct network network_t;

typedef struct network_port {
    int tun;          /* taken */
    uint32_t address; /* IPv4, as a number */
    link_parameters_t up, down;
} network_port_t;

typedef struct network_counts {
    link_counts_t up, down;
    double cpu_seconds; /* of the whole network's thread */
} network_counts_t;

/* The devices speak with headers of offload (offload_enable()). NULL on failure; the devices are then still the caller's. */
network_t *network_new(const network_port_t *ports, size_t count, uint64_t seed);
void network_free(network_t *network); /* NULL is allowed */

/* How many STUN packets (in TURN's wrapping too) a port's host sent between two times of CLOCK_REALTIME, in microseconds. */
unsigned network_stun_count(network_t *network, size_t port, int64_t from, int64_t to);
/* Forgets those. */
void network_stun_clear(network_t *network);
/* What a port's links have carried so far. */
void network_counts_get(network_t *network, size_t port, network_counts_t *counts);

#endif
