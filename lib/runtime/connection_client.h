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

static inline void connection_client_listener_opened(void *client, peer_time_t now, uint32_t socket, const address_t *local,
                                                     network_type_t type)
{
    connection_listener_opened(client, now, socket, local, type);
}

static inline void connection_client_link_opened(void *client, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local)
{
    connection_link_opened(client, now, request, socket, local);
}

static inline void connection_client_link_failed(void *client, peer_time_t now, uint32_t request, const char *text)
{
    connection_link_failed(client, now, request, text);
}

static inline void connection_client_link_accepted(void *client, peer_time_t now, uint32_t listener, uint32_t socket,
                                                   const address_t *remote)
{
    connection_link_accepted(client, now, listener, socket, remote);
}

static inline void connection_client_socket_closed(void *client, peer_time_t now, uint32_t socket, const char *text)
{
    connection_socket_closed(client, now, socket, text);
}

static inline void connection_client_port_mapped(void *client, peer_time_t now, uint32_t socket, const address_t *external)
{
    connection_port_mapped(client, now, socket, external);
}

static inline const char *connection_client_ufrag(const void *client)
{
    return connection_ice_ufrag(client);
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
    .listener_opened = connection_client_listener_opened,
    .sockets_complete = connection_client_sockets_complete,
    .link_opened = connection_client_link_opened,
    .link_failed = connection_client_link_failed,
    .link_accepted = connection_client_link_accepted,
    .socket_closed = connection_client_socket_closed,
    .port_mapped = connection_client_port_mapped,
    .ufrag = connection_client_ufrag,
    .resolved = connection_client_resolved,
    .event_free = connection_event_free,
};

#endif
