/* Streams of the simulated network: TCP as packets that arrive whole, in order, and late where they would have been lost; TLS as one more
 * round trip, DTLS as two, over datagrams that do get lost. What a framing layer would do between is left out: packets stay packets. */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "network.h"

#include "base/link.h"

#define STREAM_CONNECT_PATIENCE (10 * PEER_SECOND)
#define STREAM_DATA_PATIENCE (10 * PEER_SECOND) /* after what cannot be delivered */

typedef struct stream_events {
    void (*opened)(void *user, peer_time_t now, uint32_t socket, const address_t *local);
    void (*failed)(void *user, peer_time_t now, uint32_t socket, const char *text); /* it never was open */
    void (*closed)(void *user, peer_time_t now, uint32_t socket, const char *text); /* not by ourselves */
    void (*accepted)(void *user, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote);
    network_receive_t receive;
} stream_events_t;

/* Listens at a place, for one protocol; network_unbind() ends it. */
void stream_listen(network_t *network, const network_place_t *place, link_protocol_t protocol, uint32_t socket,
                   const stream_events_t *events, void *user);
/* The number of the socket that will be opened, or fail. A port of 0 becomes a free one; DTLS goes from the port of a datagram socket. */
uint32_t stream_connect(network_t *network, peer_time_t now, const network_place_t *place, link_protocol_t protocol,
                        const address_t *remote, const stream_events_t *events, void *user);
/* The other end is told, unless the line is cut (its address is gone from the host). Nothing more is told to this one. */
void stream_close(network_t *network, peer_time_t now, uint32_t socket, bool is_cut);

#endif
