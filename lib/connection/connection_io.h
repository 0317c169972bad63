/* The contract between the sans-IO connection and whoever drives it: the runtime's loop, or the simulator. Datagrams, time and answers go
 * in; datagrams, requests and events come out. The connection never reads a clock, opens a socket, starts a thread or blocks.
 *
 * Any number of inputs may precede a poll. After inputs or a call, poll until it returns false, then ask for the deadline. */
#ifndef CONNECTION_IO_H
#define CONNECTION_IO_H

#include "base/address.h"
#include "base/packet.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct connection connection_t;
typedef struct connection_event connection_event_t; /* connection/connection.h */

#define OUTPUT_NAME_SIZE 256

typedef enum output_type {
    OUTPUT_SEND,         /* send `packet` along packet->path; its reference passes to the taker */
    OUTPUT_OPEN_SOCKETS, /* bind one UDP socket on each usable local address; answer with connection_socket_opened() for each, then
                            connection_sockets_complete() */
    OUTPUT_CLOSE_SOCKET, /* `socket` is not needed any more */
    OUTPUT_RESOLVE,      /* look `name` up (by multicast DNS when it ends in .local, RFC 8828 §3.1); answer with connection_resolved() */
    OUTPUT_EVENT         /* `event` is for the application; the taker delivers and then frees it (connection_event_free) */
} output_type_t;

typedef struct output {
    output_type_t type;
    union {
        packet_t *packet;
        uint32_t socket;
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
void connection_sockets_complete(connection_t *connection, peer_time_t now);
void connection_resolved(connection_t *connection, peer_time_t now, uint32_t request, const address_t *addresses,
                         size_t count); /* 0: failed */

void connection_event_free(connection_event_t *event);

#endif
