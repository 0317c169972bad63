#include "network.h"

#include <stdlib.h>
#include <string.h>

#define BINDINGS_MAX 64
#define LINKS_MAX 64

typedef struct binding {
    address_t address;
    uint32_t socket;
    network_receive_t receive;
    void *receiver;
} binding_t;

/* One direction between two addresses: what keeps its order, its queue and its bursts. */
typedef struct link_state {
    address_t from, to;
    peer_time_t last_arrival;
    peer_time_t busy_until;
    bool is_in_burst;
} link_state_t;

typedef struct flight {
    peer_time_t arrival;
    uint64_t number; /* breaks ties in the order of sending */
    packet_t *packet;
} flight_t;

struct network {
    random_seeded_t generator;
    packet_pool_t *pool;
    link_options_t options;
    binding_t bindings[BINDINGS_MAX];
    size_t binding_count;
    link_state_t links[LINKS_MAX];
    size_t link_count;
    flight_t *flights; /* a binary heap */
    size_t flight_count, flight_capacity;
    network_mangle_t mangle;
    void *mangler;
    uint64_t sent;
    uint64_t hash;
};

network_t *network_new(uint64_t seed, packet_pool_t *pool, const link_options_t *options)
{
    network_t *network = calloc(1, sizeof *network);
    random_seeded_init(&network->generator, seed);
    network->pool = pool;
    network->hash = 14695981039346656037u;
    network_set_link(network, options);
    return network;
}

void network_free(network_t *network)
{
    for (size_t i = 0; i < network->flight_count; i++)
        packet_unref(network->flights[i].packet);
    free(network->flights);
    free(network);
}

void network_set_link(network_t *network, const link_options_t *options)
{
    network->options = options != NULL ? *options : (link_options_t){0};
    if (network->options.queue_us == 0)
        network->options.queue_us = 200 * PEER_MILLISECOND;
}

void network_bind(network_t *network, const address_t *address, uint32_t socket, network_receive_t receive, void *receiver)
{
    if (network->binding_count == BINDINGS_MAX)
        abort();
    network->bindings[network->binding_count++] = (binding_t){*address, socket, receive, receiver};
}

random_source_t network_random(network_t *network)
{
    return random_seeded_source(&network->generator);
}

static double chance(network_t *network)
{
    return (double)(random_seeded_next(&network->generator) >> 11) / 9007199254740992.0;
}

static bool is_before(const flight_t *a, const flight_t *b)
{
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->number < b->number;
}

static void push(network_t *network, peer_time_t arrival, packet_t *packet)
{
    if (network->flight_count == network->flight_capacity) {
        network->flight_capacity = network->flight_capacity != 0 ? 2 * network->flight_capacity : 64;
        network->flights = realloc(network->flights, network->flight_capacity * sizeof *network->flights);
    }
    size_t i = network->flight_count++;
    flight_t flight = {arrival, network->sent, packet};
    for (; i > 0 && is_before(&flight, &network->flights[(i - 1) / 2]); i = (i - 1) / 2)
        network->flights[i] = network->flights[(i - 1) / 2];
    network->flights[i] = flight;
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

static link_state_t *link_of(network_t *network, const path_t *path)
{
    for (size_t i = 0; i < network->link_count; i++)
        if (address_equal(&network->links[i].from, &path->local) && address_equal(&network->links[i].to, &path->remote))
            return &network->links[i];
    if (network->link_count == LINKS_MAX)
        abort();
    link_state_t *link = &network->links[network->link_count++];
    *link = (link_state_t){.from = path->local, .to = path->remote};
    return link;
}

static void hash_bytes(network_t *network, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        network->hash = (network->hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static peer_time_t arrival_of(network_t *network, link_state_t *link, peer_time_t now, size_t length)
{
    const link_options_t *options = &network->options;
    peer_time_t departure = now;
    if (options->rate_bps > 0) {
        departure = (link->busy_until > now ? link->busy_until : now) + (peer_time_t)(length * 8 * 1000000 / (uint64_t)options->rate_bps);
        link->busy_until = departure;
    }
    peer_time_t arrival = departure + options->delay_us;
    if (options->jitter_us > 0)
        arrival += (peer_time_t)(chance(network) * (double)options->jitter_us);
    if (options->reorder > 0 && chance(network) < options->reorder)
        return arrival + 2 * options->jitter_us + 5 * PEER_MILLISECOND;
    if (arrival < link->last_arrival)
        arrival = link->last_arrival;
    link->last_arrival = arrival;
    return arrival;
}

void network_send(network_t *network, peer_time_t now, packet_t *packet)
{
    const link_options_t *options = &network->options;
    link_state_t *link = link_of(network, &packet->path);
    network->sent++;
    hash_bytes(network, &now, sizeof now);
    hash_bytes(network, &packet->path.remote.port, sizeof packet->path.remote.port);
    hash_bytes(network, packet->data, packet->length);
    bool is_lost = link->is_in_burst || (options->loss > 0 && chance(network) < options->loss);
    link->is_in_burst = is_lost && options->burst > 0 && chance(network) < options->burst;
    if (options->rate_bps > 0 && link->busy_until - now > options->queue_us)
        is_lost = true;
    if (is_lost) {
        packet_unref(packet);
        return;
    }
    if (options->duplicate > 0 && chance(network) < options->duplicate) {
        packet_t *copy = packet_new_copy(network->pool, packet->data, packet->length);
        copy->path = packet->path;
        push(network, arrival_of(network, link, now, packet->length), copy);
    }
    push(network, arrival_of(network, link, now, packet->length), packet);
}

peer_time_t network_deadline(const network_t *network)
{
    return network->flight_count > 0 ? network->flights[0].arrival : PEER_TIME_NEVER;
}

void network_deliver(network_t *network, peer_time_t now)
{
    while (network->flight_count > 0 && network->flights[0].arrival <= now) {
        flight_t flight = pop(network);
        packet_t *packet = flight.packet;
        address_t from = packet->path.local, to = packet->path.remote;
        const binding_t *binding = NULL;
        for (size_t i = 0; i < network->binding_count && binding == NULL; i++)
            if (address_equal(&network->bindings[i].address, &to))
                binding = &network->bindings[i];
        if (binding == NULL || (network->mangle != NULL && !network->mangle(network->mangler, packet))) {
            packet_unref(packet);
            continue;
        }
        packet->path = (path_t){.socket = binding->socket, .local = to, .remote = from};
        packet->time = now;
        binding->receive(binding->receiver, now, packet);
    }
}

void network_set_mangle(network_t *network, network_mangle_t mangle, void *mangler)
{
    network->mangle = mangle;
    network->mangler = mangler;
}

uint64_t network_trace_hash(const network_t *network)
{
    return network->hash;
}

uint64_t network_datagrams(const network_t *network)
{
    return network->sent;
}
