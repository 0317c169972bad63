#include "server.h"

#include "stream.h"

#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 8

struct server {
    network_t *network;
    turn_server_t *turn;
    random_seeded_t generator;
    bool is_dead;
    peer_time_t now;              /* of the input that is being answered */
    uint32_t datagram_sockets[2]; /* of IPv4 and IPv6; 0: none */
    address_t addresses[2];
    uint32_t listeners[LISTENERS_MAX];
    size_t listener_count;
    uint32_t *streams;
    size_t stream_count;
};

static uint32_t socket_for(const server_t *server, const path_t *path)
{
    return path->socket != 0 ? path->socket : server->datagram_sockets[path->local.family == ADDRESS_IPV6];
}

static void send(void *context, const path_t *path, const uint8_t *data, size_t length)
{
    server_t *server = context;
    packet_t *packet = packet_new_copy(network_pool(server->network), data, length);
    packet->path = *path;
    packet->path.socket = socket_for(server, path);
    network_send(server->network, server->now, packet);
}

static void receive(void *user, peer_time_t now, packet_t *packet)
{
    server_t *server = user;
    path_t path = packet->path;
    server->now = now;
    if (!server->is_dead)
        turn_server_input(server->turn, now, &path, packet->data, packet->length);
    packet_unref(packet);
}

static void on_accepted(void *user, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    server_t *server = user;
    (void)now;
    (void)listener;
    (void)remote;
    server->streams = realloc(server->streams, (server->stream_count + 1) * sizeof *server->streams);
    server->streams[server->stream_count++] = socket;
}

static void on_closed(void *user, peer_time_t now, uint32_t socket, const char *text)
{
    server_t *server = user;
    (void)now;
    (void)text;
    for (size_t i = 0; i < server->stream_count; i++)
        if (server->streams[i] == socket)
            server->streams[i] = server->streams[--server->stream_count];
}

static const stream_events_t events = {.accepted = on_accepted, .closed = on_closed, .receive = receive};

static void listen(server_t *server, const address_t *address, link_protocol_t protocol, uint16_t port)
{
    network_place_t place = {.realm = NETWORK_INTERNET, .address = *address};
    place.address.port = port;
    uint32_t socket = network_new_socket(server->network);
    server->listeners[server->listener_count++] = socket;
    stream_listen(server->network, &place, protocol, socket, &events, server);
}

static void bind(server_t *server, const address_t *address)
{
    address_t all_ports = *address;
    all_ports.port = 0;
    uint32_t socket = network_new_socket(server->network);
    server->datagram_sockets[address->family == ADDRESS_IPV6] = socket;
    network_bind(server->network, &all_ports, socket, receive, server);
}

void server_start(server_t *server)
{
    server->is_dead = false;
    for (int i = 0; i < 2; i++) {
        if (server->addresses[i].family == ADDRESS_NONE)
            continue;
        listen(server, &server->addresses[i], LINK_TCP, SERVER_PORT);
        listen(server, &server->addresses[i], LINK_TLS, SERVER_SECURE_PORT);
        listen(server, &server->addresses[i], LINK_TLS, SERVER_WEB_PORT);
        listen(server, &server->addresses[i], LINK_DTLS, SERVER_SECURE_PORT);
    }
}

server_t *server_new(network_t *network, const address_t *ipv4, const address_t *ipv6)
{
    server_t *server = calloc(1, sizeof *server);
    random_source_t random = network_random(network);
    server->network = network;
    random_seeded_init(&server->generator, random_u64(&random));
    turn_server_config_t config = {.random = random_seeded_source(&server->generator),
                                   .relay_ipv4 = *ipv4,
                                   .relay_ipv6 = *ipv6,
                                   .realm = "sim.test",
                                   .username = "user",
                                   .password = "secret",
                                   .send = send,
                                   .context = server};
    server->turn = turn_server_new(&config);
    server->addresses[0] = *ipv4;
    server->addresses[1] = *ipv6;
    for (int i = 0; i < 2; i++)
        if (server->addresses[i].family != ADDRESS_NONE)
            bind(server, &server->addresses[i]);
    server_start(server);
    return server;
}

void server_free(server_t *server)
{
    turn_server_free(server->turn);
    free(server->streams);
    free(server);
}

void server_kill(server_t *server, peer_time_t now)
{
    server->is_dead = true;
    while (server->listener_count > 0)
        network_unbind(server->network, server->listeners[--server->listener_count]);
    while (server->stream_count > 0)
        stream_close(server->network, now, server->streams[--server->stream_count], false);
    turn_server_restart(server->turn);
}

turn_server_t *server_turn(server_t *server)
{
    return server->turn;
}
