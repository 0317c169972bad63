/* A network in virtual time: datagrams between addresses, with delay, jitter, loss, reordering, duplication, a rate and a drop-tail queue,
 * all from one seed. The same seed and the same calls give the same run, byte for byte: network_trace_hash() tells. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>

typedef struct link_options {
    peer_time_t delay_us;  /* one way */
    peer_time_t jitter_us; /* added at random, 0 to this; order is kept unless `reorder` says otherwise */
    double loss;           /* share of datagrams lost, 0 to 1 */
    double burst;          /* share of losses that take the next datagram too */
    double duplicate;      /* share of datagrams that come twice */
    double reorder;        /* share of datagrams that are held back by twice the jitter and 5 ms */
    int64_t rate_bps;      /* 0: without limit */
    peer_time_t queue_us;  /* longest wait for the rate; 0: 200 ms */
} link_options_t;

typedef struct network network_t;
typedef void (*network_receive_t)(void *receiver, peer_time_t now, packet_t *packet); /* takes the reference */

network_t *network_new(uint64_t seed, packet_pool_t *pool, const link_options_t *options);
void network_free(network_t *network);
void network_set_link(network_t *network, const link_options_t *options); /* for datagrams sent from now on */
/* Datagrams to `address` go to the receiver; socket is what packet->path.socket will say. */
void network_bind(network_t *network, const address_t *address, uint32_t socket, network_receive_t receive, void *receiver);
void network_send(network_t *network, peer_time_t now, packet_t *packet); /* takes the reference */
peer_time_t network_deadline(const network_t *network);
void network_deliver(network_t *network, peer_time_t now);
random_source_t network_random(network_t *network);
/* Sees, and may change in place or drop (false), every datagram that is about to arrive. */
typedef bool (*network_mangle_t)(void *mangler, packet_t *packet);
void network_set_mangle(network_t *network, network_mangle_t mangle, void *mangler);
uint64_t network_trace_hash(const network_t *network); /* over time, addresses and bytes of every datagram sent */
uint64_t network_datagrams(const network_t *network);

#endif
