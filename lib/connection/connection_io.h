/* The contract between the sans-IO connection and whoever drives it: the runtime's loop, or the simulator. Datagrams, time and answers go
 * in; datagrams, requests and events come out. The connection never reads a clock, opens a socket, starts a thread or blocks.
 *
 * Any number of inputs may precede a poll. After inputs or a call, poll until it returns false, then ask for the deadline. */
#ifndef CONNECTION_IO_H
#define CONNECTION_IO_H

#include "base/address.h"
#include "base/link.h"
#include "base/packet.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct connection connection_t;
typedef struct connection_event connection_event_t; /* connection/connection.h */

#define OUTPUT_NAME_SIZE 256

typedef enum output_type {
    OUTPUT_SEND,           /* send `packet` along packet->path; its reference passes to the taker */
    OUTPUT_OPEN_SOCKETS,   /* bind one UDP socket on each usable local address; answer with connection_socket_opened() for each, then
                              connection_sockets_complete(). From then on addresses that appear on the host are told in the same way, ones
                              that   leave it by connection_socket_closed() */
    OUTPUT_OPEN_SOCKET,    /* bind one more UDP socket, on open.local, or if that has no family where routing sends what is for open.remote;
                              answer as to OUTPUT_OPEN_SOCKETS, and with nothing but …sockets_complete() when it cannot be */
    OUTPUT_CLOSE_SOCKET,   /* `socket` is not needed any more: of UDP, a listener or a link */
    OUTPUT_CONNECT,        /* open `link`; answer with connection_link_opened() or connection_link_failed() */
    OUTPUT_CANCEL_CONNECT, /* the link of `request`, not yet answered, is not wanted any more: close it, do not answer */
    OUTPUT_PUBLISH_NAME,   /* answer multicast DNS queries for publish.name (RFC 6762) as long as the connection lives */
    OUTPUT_MAP_PORT,       /* have the gateway forward a port to UDP `socket`; answer with connection_port_mapped() if it does */
    OUTPUT_RESOLVE,        /* look `name` up (by multicast DNS when it ends in .local, RFC 8828 §3.1); answer with connection_resolved() */
    OUTPUT_EVENT           /* `event` is for the application; the taker delivers and then frees it (connection_event_free) */
} output_type_t;

typedef struct output {
    output_type_t type;
    union {
        packet_t *packet;
        uint32_t socket;
        uint32_t request;
        link_request_t link;
        struct {
            address_t local;
            address_t remote;
        } open;
        struct {
            char name[OUTPUT_NAME_SIZE];
            address_t address;
        } publish;
        struct {
            uint32_t request;
            char name[OUTPUT_NAME_SIZE];
        } resolve;
        connection_event_t *event;
    };
} output_t;

/* What the runtime knows of the interface behind a local address; the order is that of preference (RFC 8421 leaves it to policy). */
typedef enum network_type {
    NETWORK_UNKNOWN = 0,
    NETWORK_ETHERNET,
    NETWORK_WIFI,
    NETWORK_CELLULAR,
    NETWORK_VPN,
    NETWORK_LOOPBACK
} network_type_t;

/* A datagram arrived; packet->path and packet->time are set. Takes the reference. */
void connection_input(connection_t *connection, peer_time_t now, packet_t *packet);
/* The deadline passed (calling early does no harm). */
void connection_timeout(connection_t *connection, peer_time_t now);
bool connection_poll(connection_t *connection, output_t *output);
peer_time_t connection_deadline(const connection_t *connection); /* PEER_TIME_NEVER: nothing is due */

/* Answers to requests. `socket` numbers are the driver's, never 0, unique while open. */
void connection_socket_opened(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type);
/* A listening TCP socket on the same IP address as a UDP socket told before. */
void connection_listener_opened(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type);
void connection_sockets_complete(connection_t *connection, peer_time_t now);
/* The number of a link is of the same space as the UDP sockets'. Packets go over a link by OUTPUT_SEND with its number, and come by
 * connection_input with path.protocol TRANSPORT_TCP (LINK_DTLS: TRANSPORT_UDP), its number, and both ends' addresses. */
void connection_link_opened(connection_t *connection, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local);
void connection_link_failed(connection_t *connection, peer_time_t now, uint32_t request, const char *text);
void connection_link_accepted(connection_t *connection, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote);
/* A socket, listener or link is gone by itself (the other end closed it, it broke, its address left the host); the driver has closed it. */
void connection_socket_closed(connection_t *connection, peer_time_t now, uint32_t socket, const char *text);
/* The gateway forwards `external` to the socket; family ADDRESS_NONE: no longer. */
void connection_port_mapped(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *external);
/* The ufrag by which the peer's checks name this connection; it changes with an ICE restart, after which the old one still counts. */
const char *connection_ice_ufrag(const connection_t *connection);
void connection_resolved(connection_t *connection, peer_time_t now, uint32_t request, const address_t *addresses,
                         size_t count); /* 0: failed */

void connection_event_free(connection_event_t *event);

#endif
