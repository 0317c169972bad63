/* Links: TCP connections that a client asked for or that a listener accepted, those secured by TLS, and DTLS over a UDP socket of the
 * client. A link frames packets on its stream (ice/framing.h), sends what a turn gathers at once, holds a bounded queue when the kernel has
 * no room, and ends by telling the client. */
#ifndef RUNTIME_LINK_H
#define RUNTIME_LINK_H

#include "dtls/tls_client.h"
#include "ice/framing.h"
#include "runtime/udp_socket.h"

typedef enum link_state {
    LINK_CONNECTING,
    LINK_SECURING, /* the handshake of TLS or DTLS */
    LINK_SILENT,   /* accepted, and nothing came yet: the client does not know it */
    LINK_OPEN,
} link_state_t;

struct link {
    int fd;            /* -1: DTLS */
    udp_socket_t *udp; /* DTLS */
    bool owns_udp;
    uint32_t number;
    uint32_t request; /* to be answered; 0: answered, or accepted */
    link_protocol_t protocol;
    link_state_t state;
    loop_t *loop;
    loop_entry_t *entry;
    listener_t *listener; /* that accepted it, while that is open */
    address_t local;
    address_t remote;
    char *server_name; /* TLS and DTLS */
    tls_client_t *tls; /* from LINK_SECURING on; NULL: TCP */
    framing_t framing;
    packet_queue_t waiting; /* bytes for the kernel */
    bool is_waiting;        /* the kernel had no room for them */
    peer_time_t expires;    /* of connecting, securing, or silence */
    deadline_t deadline;    /* the former, or what the handshake asks for */
    link_t *next;           /* in the entry's list */
    link_t *next_on_udp;
};

/* Opens what is asked for; the answer comes through ops->link_opened or link_failed, the latter maybe at once. */
void link_connect(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now);
void link_cancel(loop_t *loop, loop_entry_t *entry, uint32_t request);
link_t *link_find(const loop_t *loop, uint32_t number);
void link_send(loop_t *loop, link_t *link, packet_t *packet, peer_time_t now); /* takes the reference */
void link_on_ready(loop_t *loop, link_t *link, uint32_t events);
void link_close(loop_t *loop, link_t *link); /* sends what it holds, as far as the kernel takes it; tells nobody */

/* Of a listener. */
void link_accept(loop_t *loop, listener_t *listener, int fd, const address_t *remote, peer_time_t now); /* takes the descriptor */
bool link_drop_silent(loop_t *loop, listener_t *listener); /* closes the oldest that never sent a packet; false: there is none */
void links_orphan(loop_t *loop, listener_t *listener);     /* it closes */

/* Of a UDP socket, whose list of links is not empty: true when the datagram is a link's, which then takes the reference. */
bool links_take_datagram(udp_socket_t *socket, packet_t *packet, peer_time_t now);

/* Of an entry: all that its links hold is sent. Costs nothing when it has none. */
void links_flush(loop_entry_t *entry, peer_time_t now);
/* The entry gives the UDP socket up: its links over it end, and are told. */
void links_close_over(loop_entry_t *entry, const udp_socket_t *socket);
/* The entry's links and listeners on addresses that the host has no longer end, and are told; how many. */
size_t links_close_vanished(loop_t *loop, loop_entry_t *entry, peer_time_t now);

#endif
