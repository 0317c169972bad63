/* The table through which the loop drives a connection: loop_add(loop, &connection_client_ops, connection, …). */
#ifndef RUNTIME_CONNECTION_CLIENT_H
#define RUNTIME_CONNECTION_CLIENT_H

#include "connection/connection_io.h"
#include "runtime/loop.h"

static inline void connection_client_input(void *client, peer_time_t now, packet_t *packet)
{
    connection_input(client, now, packet);
}

static inline void connection_client_timeout(void *client, peer_time_t now)
{
    connection_timeout(client, now);
}

static inline peer_time_t connection_client_deadline(const void *client)
{
    return connection_deadline(client);
}

static inline bool connection_client_poll(void *client, output_t *output)
{
    return connection_poll(client, output);
}

static inline void connection_client_socket_opened(void *client, peer_time_t now, uint32_t socket, const address_t *local,
                                                   network_type_t type)
{
    connection_socket_opened(client, now, socket, local, type);
}

static inline void connection_client_sockets_complete(void *client, peer_time_t now)
{
    connection_sockets_complete(client, now);
}

static inline void connection_client_resolved(void *client, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    connection_resolved(client, now, request, addresses, count);
}

static const loop_client_ops_t connection_client_ops = {
    .input = connection_client_input,
    .timeout = connection_client_timeout,
    .deadline = connection_client_deadline,
    .poll = connection_client_poll,
    .socket_opened = connection_client_socket_opened,
    .sockets_complete = connection_client_sockets_complete,
    .resolved = connection_client_resolved,
    .event_free = connection_event_free,
};

#endif
