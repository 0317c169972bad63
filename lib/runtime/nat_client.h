/* The table through which the loop drives a NAT discovery: loop_add(loop, &nat_client_ops, discovery, …). Its one event is the result: the
 * event is a nat_result_t under another name. It asks for UDP sockets alone, so the members for anything else are NULL. */
#ifndef RUNTIME_NAT_CLIENT_H
#define RUNTIME_NAT_CLIENT_H

#include "base/memory.h"
#include "nat/nat.h"
#include "runtime/loop.h"

#include <stdio.h>

static inline void nat_client_input(void *client, peer_time_t now, packet_t *packet)
{
    nat_discovery_input(client, now, packet);
}

static inline void nat_client_timeout(void *client, peer_time_t now)
{
    nat_discovery_timeout(client, now);
}

static inline peer_time_t nat_client_deadline(const void *client)
{
    return nat_discovery_deadline(client);
}

static inline bool nat_client_poll(void *client, output_t *output)
{
    nat_output_t from;
    if (!nat_discovery_poll(client, &from))
        return false;
    switch (from.kind) {
    case NAT_OUTPUT_SEND:
        output->type = OUTPUT_SEND;
        output->packet = from.packet;
        break;
    case NAT_OUTPUT_OPEN_SOCKET:
        output->type = OUTPUT_OPEN_SOCKET;
        output->open.local = from.open.local;
        output->open.remote = from.open.remote;
        break;
    case NAT_OUTPUT_CLOSE_SOCKET:
        output->type = OUTPUT_CLOSE_SOCKET;
        output->socket = from.socket;
        break;
    case NAT_OUTPUT_RESOLVE:
        output->type = OUTPUT_RESOLVE;
        output->resolve.request = from.resolve.request;
        snprintf(output->resolve.name, sizeof output->resolve.name, "%s", from.resolve.name);
        break;
    case NAT_OUTPUT_DONE:
        output->type = OUTPUT_EVENT;
        output->event = (connection_event_t *)from.result;
        break;
    }
    return true;
}

static inline void nat_client_socket_opened(void *client, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    nat_discovery_socket_opened(client, now, socket, local);
}

static inline void nat_client_sockets_complete(void *client, peer_time_t now)
{
    nat_discovery_sockets_complete(client, now);
}

static inline void nat_client_socket_closed(void *client, peer_time_t now, uint32_t socket, const char *text)
{
    nat_discovery_socket_closed(client, now, socket);
}

static inline void nat_client_resolved(void *client, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    nat_discovery_resolved(client, now, request, addresses, count);
}

static inline void nat_client_event_free(connection_event_t *event)
{
    memory_free(event);
}

static const loop_client_ops_t nat_client_ops = {
    .input = nat_client_input,
    .timeout = nat_client_timeout,
    .deadline = nat_client_deadline,
    .poll = nat_client_poll,
    .socket_opened = nat_client_socket_opened,
    .sockets_complete = nat_client_sockets_complete,
    .socket_closed = nat_client_socket_closed,
    .resolved = nat_client_resolved,
    .event_free = nat_client_event_free,
};

#endif
