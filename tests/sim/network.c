#include "network_private.h"

#include <stdlib.h>
#include <string.h>

#define LOCAL_DELAY (300) /* microseconds, within a realm that is not the Internet */
#define FIRST_SOCKET 1000 /* numbers below are the caller's */
#define UDP_HEADER 8u
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u

network_t *network_new(uint64_t seed, packet_pool_t *pool, const link_options_t *options)
{
    network_t *network = calloc(1, sizeof *network);
    random_seeded_init(&network->generator, seed);
    network->pool = pool;
    network->hash = 14695981039346656037u;
    network->next_socket = FIRST_SOCKET;
    network->next_port = 30000;
    network->realms = calloc(1, sizeof *network->realms);
    network->realm_count = 1;
    network_set_link(network, options);
    return network;
}

void network_free(network_t *network)
{
    for (size_t i = 0; i < network->flight_count; i++)
        packet_unref(network->flights[i].packet);
    for (size_t i = 1; i < network->realm_count; i++)
        nat_free(network->realms[i].box);
    streams_free(network);
    free(network->realms);
    free(network->bindings);
    free(network->links);
    free(network->flights);
    free(network);
}

void network_set_link(network_t *network, const link_options_t *options)
{
    network->options = options != NULL ? *options : (link_options_t){0};
    if (network->options.queue_us == 0)
        network->options.queue_us = 200 * PEER_MILLISECOND;
}

random_source_t network_random(network_t *network)
{
    return random_seeded_source(&network->generator);
}

packet_pool_t *network_pool(network_t *network)
{
    return network->pool;
}

/* ---- realms and sockets ---- */

uint8_t network_add_realm(network_t *network, uint8_t outer, const nat_options_t *options, const address_t *external)
{
    network->realms = realloc(network->realms, (network->realm_count + 1) * sizeof *network->realms);
    network->realms[network->realm_count] =
        (realm_t){.box = nat_new(options, external, random_seeded_next(&network->generator)), .outer = outer};
    return (uint8_t)network->realm_count++;
}

nat_t *network_box(network_t *network, uint8_t realm)
{
    return network->realms[realm].box;
}

uint32_t network_new_socket(network_t *network)
{
    return network->next_socket++;
}

void network_add_binding(network_t *network, const binding_t *binding)
{
    network->bindings = realloc(network->bindings, (network->binding_count + 1) * sizeof *network->bindings);
    network->bindings[network->binding_count++] = *binding;
}

void network_bind_at(network_t *network, const network_place_t *place, uint32_t socket, network_receive_t receive, void *receiver)
{
    network_add_binding(network, &(binding_t){.place = *place, .socket = socket, .receive = receive, .receiver = receiver});
}

void network_bind(network_t *network, const address_t *address, uint32_t socket, network_receive_t receive, void *receiver)
{
    network_bind_at(network, &(network_place_t){.realm = NETWORK_INTERNET, .address = *address}, socket, receive, receiver);
}

binding_t *network_find_socket(network_t *network, uint32_t socket)
{
    for (size_t i = 0; i < network->binding_count; i++)
        if (network->bindings[i].socket == socket)
            return &network->bindings[i];
    return NULL;
}

void network_unbind(network_t *network, uint32_t socket)
{
    binding_t *binding = network_find_socket(network, socket);
    if (binding != NULL)
        memmove(binding, binding + 1, (size_t)(network->bindings + --network->binding_count - binding) * sizeof *binding);
}

/* ---- chance and time ---- */

double network_chance(network_t *network)
{
    return (double)(random_seeded_next(&network->generator) >> 11) / 9007199254740992.0;
}

link_state_t *network_link(network_t *network, uint32_t from, const address_t *to)
{
    for (size_t i = 0; i < network->link_count; i++)
        if (network->links[i].from == from && address_equal(&network->links[i].to, to))
            return &network->links[i];
    network->links = realloc(network->links, (network->link_count + 1) * sizeof *network->links);
    network->links[network->link_count] = (link_state_t){.from = from, .to = *to};
    return &network->links[network->link_count++];
}

const link_options_t *network_way(const network_t *network, const network_place_t *from, const flight_t *flight)
{
    static const link_options_t local = {.delay_us = LOCAL_DELAY};
    return from->realm != NETWORK_INTERNET && flight->realm == from->realm ? &local : &network->options;
}

peer_time_t network_arrival(network_t *network, link_state_t *link, const link_options_t *options, peer_time_t now, size_t length)
{
    peer_time_t departure = now;
    if (options->rate_bps > 0) {
        departure = (link->busy_until > now ? link->busy_until : now) + (peer_time_t)(length * 8 * 1000000 / (uint64_t)options->rate_bps);
        link->busy_until = departure;
    }
    peer_time_t arrival = departure + options->delay_us;
    if (options->jitter_us > 0)
        arrival += (peer_time_t)(network_chance(network) * (double)options->jitter_us);
    if (options->reorder > 0 && network_chance(network) < options->reorder)
        return arrival + 2 * options->jitter_us + 5 * PEER_MILLISECOND;
    if (arrival < link->last_arrival)
        arrival = link->last_arrival;
    link->last_arrival = arrival;
    return arrival;
}

/* ---- what is under way ---- */

static bool is_before(const flight_t *a, const flight_t *b)
{
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->number < b->number;
}

void flight_push(network_t *network, const flight_t *flight)
{
    if (network->flight_count == network->flight_capacity) {
        network->flight_capacity = network->flight_capacity != 0 ? 2 * network->flight_capacity : 64;
        network->flights = realloc(network->flights, network->flight_capacity * sizeof *network->flights);
    }
    size_t i = network->flight_count++;
    flight_t copy = *flight;
    copy.number = network->pushed++;
    for (; i > 0 && is_before(&copy, &network->flights[(i - 1) / 2]); i = (i - 1) / 2)
        network->flights[i] = network->flights[(i - 1) / 2];
    network->flights[i] = copy;
}

static flight_t pop(network_t *network)
{
    flight_t first = network->flights[0], last = network->flights[--network->flight_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= network->flight_count)
            break;
        if (child + 1 < network->flight_count && is_before(&network->flights[child + 1], &network->flights[child]))
            child++;
        if (!is_before(&network->flights[child], &last))
            break;
        network->flights[i] = network->flights[child];
        i = child;
    }
    network->flights[i] = last;
    return first;
}

void network_call_at(network_t *network, peer_time_t time, network_call_t function, void *context, uint32_t argument)
{
    flight_push(network, &(flight_t){.arrival = time, .kind = FLIGHT_CALL, .call = function, .context = context, .argument = argument});
}

/* ---- sending ---- */

static void hash_bytes(network_t *network, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        network->hash = (network->hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

void network_note_sent(network_t *network, peer_time_t now, transport_protocol_t protocol, const network_place_t *from, const address_t *to,
                       const packet_t *packet)
{
    network->sent++;
    hash_bytes(network, &now, sizeof now);
    hash_bytes(network, from->address.bytes, sizeof from->address.bytes);
    hash_bytes(network, to->bytes, sizeof to->bytes);
    hash_bytes(network, &to->port, sizeof to->port);
    if (packet != NULL)
        hash_bytes(network, packet->data, packet->length);
    if (network->watch != NULL)
        network->watch(network->watcher, now, protocol, from, to);
}

static bool is_too_large(const link_options_t *options, const packet_t *packet)
{
    size_t headers = UDP_HEADER + (packet->path.remote.family == ADDRESS_IPV6 ? IPV6_HEADER : IPV4_HEADER);
    return options->mtu != 0 && !packet->may_fragment && packet->length + headers > options->mtu;
}

static bool is_lost(network_t *network, link_state_t *link, const link_options_t *options, peer_time_t now)
{
    bool is_unlucky = link->is_in_burst || (options->loss > 0 && network_chance(network) < options->loss);
    link->is_in_burst = is_unlucky && options->burst > 0 && network_chance(network) < options->burst;
    return is_unlucky || (options->rate_bps > 0 && link->busy_until - now > options->queue_us);
}

static void send_datagram(network_t *network, peer_time_t now, const network_place_t *from, packet_t *packet)
{
    flight_t flight = {.kind = FLIGHT_DATAGRAM, .realm = from->realm, .from = from->address, .to = packet->path.remote, .packet = packet};
    if (from->address.port == 0)
        flight.from.port = packet->path.local.port;
    link_state_t *link = network_link(network, packet->path.socket, &packet->path.remote);
    network_note_sent(network, now, TRANSPORT_UDP, from, &packet->path.remote, packet);
    if (!route_out(network, now, &flight)) {
        packet_unref(packet);
        return;
    }
    const link_options_t *options = network_way(network, from, &flight);
    if (is_lost(network, link, options, now) || is_too_large(options, packet)) {
        packet_unref(packet);
        return;
    }
    if (options->duplicate > 0 && network_chance(network) < options->duplicate) {
        flight_t copy = flight;
        copy.packet = packet_new_copy(network->pool, packet->data, packet->length);
        copy.arrival = network_arrival(network, link, options, now, packet->length) + from->delay_us;
        flight_push(network, &copy);
    }
    flight.arrival = network_arrival(network, link, options, now, packet->length) + from->delay_us;
    flight_push(network, &flight);
}

void network_send(network_t *network, peer_time_t now, packet_t *packet)
{
    const binding_t *binding = network_find_socket(network, packet->path.socket);
    if (binding == NULL) {
        stream_send(network, now, packet);
        return;
    }
    network_place_t from = binding->place;
    send_datagram(network, now, &from, packet);
}

/* ---- arriving ---- */

static void arrive_datagram(network_t *network, peer_time_t now, flight_t *flight)
{
    packet_t *packet = flight->packet;
    address_t sent_to = flight->to;
    if (!flight->is_delayed_at_the_end && !route_in(network, now, flight)) {
        packet_unref(packet);
        return;
    }
    const binding_t *binding = route_find(network, SOCKET_DATAGRAM, LINK_TCP, flight);
    if (binding != NULL && binding->place.delay_us > 0 && !flight->is_delayed_at_the_end) {
        flight->arrival = now + binding->place.delay_us;
        flight->is_delayed_at_the_end = true;
        flight_push(network, flight);
        return;
    }
    packet->path = (path_t){.local = flight->from, .remote = sent_to};
    if (binding == NULL || (network->mangle != NULL && !network->mangle(network->mangler, packet))) {
        packet_unref(packet);
        return;
    }
    packet->path = (path_t){.socket = binding->socket, .local = flight->to, .remote = flight->from};
    packet->time = now;
    binding->receive(binding->receiver, now, packet);
}

peer_time_t network_deadline(const network_t *network)
{
    return network->flight_count > 0 ? network->flights[0].arrival : PEER_TIME_NEVER;
}

void network_deliver(network_t *network, peer_time_t now)
{
    while (network->flight_count > 0 && network->flights[0].arrival <= now) {
        flight_t flight = pop(network);
        switch (flight.kind) {
        case FLIGHT_DATAGRAM:
            arrive_datagram(network, now, &flight);
            break;
        case FLIGHT_CALL:
            flight.call(flight.context, now, flight.argument);
            break;
        case FLIGHT_HELLO:
        case FLIGHT_DATA:
        case FLIGHT_END:
        case FLIGHT_RESET:
            stream_arrive(network, now, &flight);
            break;
        }
    }
}

void network_set_mangle(network_t *network, network_mangle_t mangle, void *mangler)
{
    network->mangle = mangle;
    network->mangler = mangler;
}

void network_set_watch(network_t *network, network_watch_t watch, void *watcher)
{
    network->watch = watch;
    network->watcher = watcher;
}

uint64_t network_trace_hash(const network_t *network)
{
    return network->hash;
}

uint64_t network_datagrams(const network_t *network)
{
    return network->sent;
}
