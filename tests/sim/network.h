/* A network in virtual time: datagrams between addresses, with delay, jitter, loss, reordering, duplication, a rate and a drop-tail queue,
 * all from one seed. The same seed and the same calls give the same run, byte for byte: network_trace_hash() tells.
 *
 * Addresses live in realms (RFC 2663 §2.1): realm 0 is the Internet, every other lies behind a box (nat.h) in another realm, so that the
 * same private address may be in several. IPv6 addresses are the world's wherever they are; boxes only filter them. Streams are in
 * stream.h. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "nat.h"

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>

#define NETWORK_INTERNET 0

typedef struct link_options {
    peer_time_t delay_us;  /* one way */
    peer_time_t jitter_us; /* added at random, 0 to this; order is kept unless `reorder` says otherwise */
    double loss;           /* share of datagrams lost, 0 to 1 */
    double burst;          /* share of losses that take the next datagram too */
    double duplicate;      /* share of datagrams that come twice */
    double reorder;        /* share of datagrams that are held back by twice the jitter and 5 ms */
    int64_t rate_bps;      /* 0: without limit */
    peer_time_t queue_us;  /* longest wait for the rate; 0: 200 ms */
    size_t mtu;            /* bytes of the largest IP packet; larger ones vanish unless they may be fragmented; 0: any size passes */
} link_options_t;

typedef struct network network_t;
typedef void (*network_receive_t)(void *receiver, peer_time_t now, packet_t *packet); /* takes the reference */

network_t *network_new(uint64_t seed, packet_pool_t *pool, const link_options_t *options);
void network_free(network_t *network);
/* For datagrams sent from now on. What stays within a realm other than the Internet is spared: a local network is quick and good. */
void network_set_link(network_t *network, const link_options_t *options);
random_source_t network_random(network_t *network);
packet_pool_t *network_pool(network_t *network);

/* A new realm behind a box, whose outside address is `external` in realm `outer`. */
uint8_t network_add_realm(network_t *network, uint8_t outer, const nat_options_t *options, const address_t *external);
nat_t *network_box(network_t *network, uint8_t realm);

/* Where a socket is: on an address, in a realm, perhaps on a line that delays what comes and goes even more. Port 0: all ports. */
typedef struct network_place {
    uint8_t realm;
    address_t address;
    peer_time_t delay_us;
} network_place_t;

uint32_t network_new_socket(network_t *network); /* a number that no other socket has */
/* Datagrams to `address` go to the receiver; socket is what packet->path.socket will say, and what packets are sent by. */
void network_bind(network_t *network, const address_t *address, uint32_t socket, network_receive_t receive, void *receiver); /* Internet */
void network_bind_at(network_t *network, const network_place_t *place, uint32_t socket, network_receive_t receive, void *receiver);
void network_unbind(network_t *network, uint32_t socket);

/* By packet->path.socket: of a datagram socket, with path.local as the source where that has all ports, or of a stream. Takes the
 * reference. */
void network_send(network_t *network, peer_time_t now, packet_t *packet);
/* Calls `function` at `time`. */
typedef void (*network_call_t)(void *context, peer_time_t now, uint32_t argument);
void network_call_at(network_t *network, peer_time_t time, network_call_t function, void *context, uint32_t argument);
peer_time_t network_deadline(const network_t *network);
void network_deliver(network_t *network, peer_time_t now);

/* Sees, and may change in place or drop (false), every packet that is about to arrive; path.local is the source as seen there. */
typedef bool (*network_mangle_t)(void *mangler, packet_t *packet);
void network_set_mangle(network_t *network, network_mangle_t mangle, void *mangler);
/* Sees every packet, and every attempt to connect, as it leaves its sender. */
typedef void (*network_watch_t)(void *watcher, peer_time_t now, transport_protocol_t protocol, const network_place_t *from,
                                const address_t *to);
void network_set_watch(network_t *network, network_watch_t watch, void *watcher);
uint64_t network_trace_hash(const network_t *network); /* over time, addresses and bytes of every packet sent */
uint64_t network_datagrams(const network_t *network);

#endif
