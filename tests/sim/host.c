#include "host.h"

#include "connection/connection.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_TIME (20 * PEER_MILLISECOND)
#define MDNS_PATIENCE (1 * PEER_SECOND) /* for a name that nobody answers for */
#define INTERFACES_MAX 16
#define FIRST_PORT 50000

typedef enum host_socket_kind { HOST_DATAGRAMS, HOST_LISTENER, HOST_STREAM } host_socket_kind_t;

typedef struct host_socket {
    uint32_t number;
    host_socket_kind_t kind;
    size_t interface;
    address_t address;
    uint32_t request; /* of a stream that the connection asked for */
} host_socket_t;

typedef struct interface {
    network_place_t place;
    network_type_t type;
    bool is_there;
} interface_t;

typedef struct lookup {
    uint32_t request;
    char name[OUTPUT_NAME_SIZE];
} lookup_t;

struct host {
    network_t *network;
    names_t *names;
    connection_t *connection;
    bool listens;
    bool has_opened;
    interface_t interfaces[INTERFACES_MAX];
    size_t interface_count;
    host_socket_t *sockets;
    size_t socket_count;
    lookup_t *lookups;
    size_t lookup_count;
    uint16_t next_port;
};

host_t *host_new(network_t *network, names_t *names, connection_t *connection)
{
    host_t *host = calloc(1, sizeof *host);
    host->network = network;
    host->names = names;
    host->connection = connection;
    host->next_port = FIRST_PORT;
    return host;
}

void host_free(host_t *host)
{
    free(host->sockets);
    free(host->lookups);
    free(host);
}

void host_set_listens(host_t *host, bool listens)
{
    host->listens = listens;
}

/* ---- sockets ---- */

static void receive(void *user, peer_time_t now, packet_t *packet)
{
    connection_input(((host_t *)user)->connection, now, packet);
}

static void add_socket(host_t *host, const host_socket_t *socket)
{
    host->sockets = realloc(host->sockets, (host->socket_count + 1) * sizeof *host->sockets);
    host->sockets[host->socket_count++] = *socket;
}

static host_socket_t *find_socket(const host_t *host, uint32_t number)
{
    for (size_t i = 0; i < host->socket_count; i++)
        if (host->sockets[i].number == number)
            return &host->sockets[i];
    return NULL;
}

static void forget_socket(host_t *host, host_socket_t *socket)
{
    memmove(socket, socket + 1, (size_t)(host->sockets + --host->socket_count - socket) * sizeof *socket);
}

uint32_t host_socket(const host_t *host, size_t interface, address_t *local)
{
    for (size_t i = 0; i < host->socket_count; i++) {
        if (host->sockets[i].interface == interface && host->sockets[i].kind == HOST_DATAGRAMS) {
            *local = host->sockets[i].address;
            return host->sockets[i].number;
        }
    }
    return 0;
}

/* ---- streams ---- */

static void on_opened(void *user, peer_time_t now, uint32_t number, const address_t *local)
{
    host_t *host = user;
    host_socket_t *socket = find_socket(host, number);
    socket->address = *local;
    connection_link_opened(host->connection, now, socket->request, number, local);
}

static void on_failed(void *user, peer_time_t now, uint32_t number, const char *text)
{
    host_t *host = user;
    host_socket_t *socket = find_socket(host, number);
    uint32_t request = socket->request;
    forget_socket(host, socket);
    connection_link_failed(host->connection, now, request, text);
}

static void on_closed(void *user, peer_time_t now, uint32_t number, const char *text)
{
    host_t *host = user;
    forget_socket(host, find_socket(host, number));
    connection_socket_closed(host->connection, now, number, text);
}

static void on_accepted(void *user, peer_time_t now, uint32_t listener, uint32_t number, const address_t *remote)
{
    host_t *host = user;
    const host_socket_t *socket = find_socket(host, listener);
    add_socket(host, &(host_socket_t){.number = number, .kind = HOST_STREAM, .interface = socket->interface, .address = socket->address});
    connection_link_accepted(host->connection, now, listener, number, remote);
}

static const stream_events_t stream_events = {on_opened, on_failed, on_closed, on_accepted, receive};

static void connect(host_t *host, peer_time_t now, const link_request_t *request)
{
    for (size_t i = 0; i < host->interface_count; i++) {
        const interface_t *interface = &host->interfaces[i];
        if (!interface->is_there || !address_ip_equal(&interface->place.address, &request->local))
            continue;
        network_place_t place = interface->place;
        place.address = request->local;
        uint32_t number =
            stream_connect(host->network, now, &place, (link_protocol_t)request->protocol, &request->remote, &stream_events, host);
        add_socket(host, &(host_socket_t){.number = number, .kind = HOST_STREAM, .interface = i, .request = request->request});
        return;
    }
    connection_link_failed(host->connection, now, request->request, "No such address here.");
}

static void close_socket(host_t *host, peer_time_t now, host_socket_t *socket, bool is_cut)
{
    uint32_t number = socket->number;
    host_socket_kind_t kind = socket->kind;
    forget_socket(host, socket);
    if (kind == HOST_STREAM)
        stream_close(host->network, now, number, is_cut);
    else
        network_unbind(host->network, number);
}

static void cancel(host_t *host, peer_time_t now, uint32_t request)
{
    for (size_t i = 0; i < host->socket_count; i++) {
        if (host->sockets[i].kind == HOST_STREAM && host->sockets[i].request == request) {
            close_socket(host, now, &host->sockets[i], false);
            return;
        }
    }
}

/* ---- interfaces ---- */

static void listen(host_t *host, peer_time_t now, size_t index)
{
    const interface_t *interface = &host->interfaces[index];
    network_place_t place = interface->place;
    place.address.port = host->next_port++;
    uint32_t number = network_new_socket(host->network);
    stream_listen(host->network, &place, LINK_TCP, number, &stream_events, host);
    add_socket(host, &(host_socket_t){.number = number, .kind = HOST_LISTENER, .interface = index, .address = place.address});
    connection_listener_opened(host->connection, now, number, &place.address, interface->type);
}

static void open(host_t *host, peer_time_t now, size_t index)
{
    const interface_t *interface = &host->interfaces[index];
    network_place_t place = interface->place;
    if (place.address.port == 0)
        place.address.port = host->next_port++;
    uint32_t number = network_new_socket(host->network);
    network_bind_at(host->network, &place, number, receive, host);
    add_socket(host, &(host_socket_t){.number = number, .kind = HOST_DATAGRAMS, .interface = index, .address = place.address});
    connection_socket_opened(host->connection, now, number, &place.address, interface->type);
    if (host->listens)
        listen(host, now, index);
}

size_t host_add_interface(host_t *host, peer_time_t now, const network_place_t *place, network_type_t type)
{
    if (host->interface_count == INTERFACES_MAX)
        abort();
    host->interfaces[host->interface_count] = (interface_t){*place, type, true};
    if (host->has_opened)
        open(host, now, host->interface_count);
    return host->interface_count++;
}

void host_remove_interface(host_t *host, peer_time_t now, size_t index)
{
    host->interfaces[index].is_there = false;
    for (size_t i = host->socket_count; i-- > 0;) {
        host_socket_t socket = host->sockets[i];
        if (socket.interface != index)
            continue;
        bool is_asked_for = socket.kind == HOST_STREAM && socket.request != 0 && socket.address.family == ADDRESS_NONE;
        close_socket(host, now, &host->sockets[i], true);
        if (is_asked_for)
            connection_link_failed(host->connection, now, socket.request, "Its address is gone.");
        else
            connection_socket_closed(host->connection, now, socket.number, "Its address is gone.");
    }
}

/* ---- names and ports ---- */

static void on_looked_up(void *context, peer_time_t now, uint32_t request)
{
    host_t *host = context;
    address_t addresses[NAMES_FOUND_MAX];
    size_t count = 0, place = 0;
    while (host->lookups[place].request != request)
        place++;
    lookup_t lookup = host->lookups[place];
    host->lookups[place] = host->lookups[--host->lookup_count];
    for (size_t i = 0; i < host->interface_count && count == 0; i++)
        if (host->interfaces[i].is_there)
            count = names_find(host->names, host->interfaces[i].place.realm, lookup.name, addresses);
    connection_resolved(host->connection, now, request, addresses, count);
}

static void look_up(host_t *host, peer_time_t now, uint32_t request, const char *name)
{
    host->lookups = realloc(host->lookups, (host->lookup_count + 1) * sizeof *host->lookups);
    lookup_t *lookup = &host->lookups[host->lookup_count++];
    *lookup = (lookup_t){.request = request};
    snprintf(lookup->name, sizeof lookup->name, "%s", name);
    address_t found[NAMES_FOUND_MAX];
    bool is_known = false;
    for (size_t i = 0; i < host->interface_count; i++)
        is_known |= host->interfaces[i].is_there && names_find(host->names, host->interfaces[i].place.realm, name, found) > 0;
    bool is_multicast = strstr(name, ".local") != NULL;
    network_call_at(host->network, now + (is_multicast && !is_known ? MDNS_PATIENCE : LOOKUP_TIME), on_looked_up, host, request);
}

static void publish(host_t *host, const char *name, const address_t *address)
{
    for (size_t i = 0; i < host->interface_count; i++)
        if (host->interfaces[i].is_there && address_ip_equal(&host->interfaces[i].place.address, address))
            names_add(host->names, host->interfaces[i].place.realm, name, address);
}

static void map_port(host_t *host, peer_time_t now, uint32_t number)
{
    const host_socket_t *socket = find_socket(host, number);
    uint8_t realm = socket != NULL ? host->interfaces[socket->interface].place.realm : NETWORK_INTERNET;
    address_t external;
    if (realm != NETWORK_INTERNET && nat_map(network_box(host->network, realm), now, &socket->address, &external))
        connection_port_mapped(host->connection, now, number, &external);
}

void host_do(host_t *host, peer_time_t now, const output_t *output)
{
    switch (output->type) {
    case OUTPUT_SEND:
        network_send(host->network, now, output->packet);
        break;
    case OUTPUT_OPEN_SOCKETS:
        host->has_opened = true;
        for (size_t i = 0; i < host->interface_count; i++)
            if (host->interfaces[i].is_there)
                open(host, now, i);
        connection_sockets_complete(host->connection, now);
        break;
    case OUTPUT_CLOSE_SOCKET: {
        host_socket_t *socket = find_socket(host, output->socket);
        if (socket != NULL)
            close_socket(host, now, socket, false);
        break;
    }
    case OUTPUT_CONNECT:
        connect(host, now, &output->link);
        break;
    case OUTPUT_CANCEL_CONNECT:
        cancel(host, now, output->request);
        break;
    case OUTPUT_PUBLISH_NAME:
        publish(host, output->publish.name, &output->publish.address);
        break;
    case OUTPUT_MAP_PORT:
        map_port(host, now, output->socket);
        break;
    case OUTPUT_RESOLVE:
        look_up(host, now, output->resolve.request, output->resolve.name);
        break;
    case OUTPUT_OPEN_SOCKET: /* no connection asks for it */
    case OUTPUT_EVENT:
        break;
    }
}
