#include "world.h"

#include "base/memory.h"

#include <stdlib.h>

#define FIRST_PORT 40000
#define PATIENCE (600 * PEER_SECOND)

world_t *world_new(uint64_t seed)
{
    world_t *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->now = 5 * PEER_SECOND;
    world->delay = 20 * PEER_MILLISECOND;
    world->pool = packet_pool_new();
    random_seeded_init(&world->generator, seed);
    world->random = random_seeded_source(&world->generator);
    world->host = address_ipv4(198, 51, 100, 7, 0);
    world->filtering = NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT;
    world->next_port = FIRST_PORT;
    world->server_count = 1;
    world->servers[0] = (stun_server_t){.address = address_ipv4(192, 0, 2, 10, 3478), .other = address_ipv4(192, 0, 2, 11, 3479)};
    return world;
}

void world_set_nat(world_t *world, nat_behaviour_t mapping, nat_behaviour_t filtering)
{
    world->is_translated = true;
    world->host = address_ipv4(192, 168, 1, 7, 0);
    world->public_address = address_ipv4(203, 0, 113, 1, 0);
    world->mapping = mapping;
    world->filtering = filtering;
}

static void fly(world_t *world, bool is_to_server, const address_t *from, const address_t *to, const void *bytes, size_t length)
{
    if (random_below(&world->random, 100) < world->loss_percent)
        return;
    CHECK(world->flight_count < MAX_FLIGHTS && length <= sizeof world->flights[0].bytes);
    flight_t *flight = &world->flights[world->flight_count++];
    *flight = (flight_t){.time = world->now + world->delay, .is_to_server = is_to_server, .from = *from, .to = *to, .length = length};
    memcpy(flight->bytes, bytes, length);
}

/* ---- the NAT ---- */

static bool is_alive(const world_t *world, const mapping_t *mapping)
{
    return world->lifetime == 0 || world->now < mapping->last_used + world->lifetime;
}

static bool is_same_endpoint(nat_behaviour_t behaviour, const address_t *a, const address_t *b)
{
    switch (behaviour) {
    case NAT_BEHAVIOUR_ADDRESS_DEPENDENT:
        return address_ip_equal(a, b);
    case NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT:
        return address_equal(a, b);
    case NAT_BEHAVIOUR_UNKNOWN:
    case NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT:
        break;
    }
    return true;
}

static mapping_t *map_out(world_t *world, const address_t *inside, const address_t *remote)
{
    mapping_t *mapping = NULL;
    for (size_t i = 0; i < world->mapping_count && mapping == NULL; i++) {
        mapping_t *m = &world->mappings[i];
        if (is_alive(world, m) && address_equal(&m->inside, inside) && is_same_endpoint(world->mapping, &m->remote, remote))
            mapping = m;
    }
    if (mapping == NULL) {
        CHECK(world->mapping_count < MAX_MAPPINGS);
        mapping = &world->mappings[world->mapping_count++];
        *mapping = (mapping_t){.inside = *inside, .outside = *inside, .remote = *remote};
        if (world->is_translated) {
            mapping->outside = world->public_address;
            mapping->outside.port = world->next_port++;
        }
    }
    mapping->last_used = world->now;
    for (size_t i = 0; i < mapping->contact_count; i++)
        if (address_equal(&mapping->contacts[i], remote))
            return mapping;
    CHECK(mapping->contact_count < MAX_CONTACTS);
    mapping->contacts[mapping->contact_count++] = *remote;
    return mapping;
}

/* The inside address that a datagram is for, if it may pass. */
static bool map_in(const world_t *world, const address_t *outside, const address_t *remote, address_t *inside)
{
    for (size_t i = 0; i < world->mapping_count; i++) {
        const mapping_t *m = &world->mappings[i];
        if (!is_alive(world, m) || !address_equal(&m->outside, outside))
            continue;
        for (size_t c = 0; c < m->contact_count; c++) {
            if (is_same_endpoint(world->filtering, &m->contacts[c], remote)) {
                *inside = m->inside;
                return true;
            }
        }
    }
    return false;
}

/* ---- the servers ---- */

static bool is_dead_end(const stun_server_t *server, const address_t *address)
{
    return server->is_dead || (server->is_other_dead && !address_equal(address, &server->address));
}

static void serve(world_t *world, const stun_server_t *server, const flight_t *flight)
{
    stun_message_t request;
    CHECK(stun_parse(&request, flight->bytes, flight->length));
    CHECK(request.class == STUN_REQUEST && request.method == STUN_BINDING);
    address_t from = flight->to, to = flight->from, mapped = server->mapped.family != ADDRESS_NONE ? server->mapped : flight->from;
    uint32_t change = 0, port;
    bool has_other = server->other.family != ADDRESS_NONE;
    stun_get_u32(&request, STUN_CHANGE_REQUEST, &change);
    if (has_other && !server->ignores_change) {
        bool is_first_ip = address_ip_equal(&from, &server->address), is_first_port = from.port == server->address.port;
        from = is_first_ip != ((change & STUN_CHANGE_IP) != 0) ? server->address : server->other;
        from.port = is_first_port != ((change & STUN_CHANGE_PORT) != 0) ? server->address.port : server->other.port;
    }
    if (has_other && !server->ignores_response_port && stun_get_u32(&request, STUN_RESPONSE_PORT, &port))
        to.port = (uint16_t)(port >> 16);
    if (is_dead_end(server, &flight->to) || is_dead_end(server, &from))
        return;
    uint8_t bytes[200], id[STUN_TRANSACTION_ID_SIZE];
    memcpy(id, request.transaction_id, sizeof id);
    if (server->lies_about_transaction)
        id[5] ^= 1;
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, server->refuses ? STUN_ERROR_RESPONSE : STUN_SUCCESS_RESPONSE, STUN_BINDING, id);
    if (server->refuses) {
        stun_build_error(&builder, STUN_ERROR_SERVER_ERROR, "Server Error");
    } else {
        stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &mapped);
        if (has_other || server->claimed.family != ADDRESS_NONE)
            stun_build_address(&builder, STUN_OTHER_ADDRESS, server->claimed.family != ADDRESS_NONE ? &server->claimed : &server->other);
    }
    stun_build_fingerprint(&builder);
    size_t length = stun_build_end(&builder);
    CHECK(length != 0);
    fly(world, false, &from, &to, bytes, length);
}

static bool is_of(const stun_server_t *server, const address_t *address)
{
    return address_equal(address, &server->address) ||
           (server->other.family != ADDRESS_NONE &&
            (address_ip_equal(address, &server->address) || address_ip_equal(address, &server->other)) &&
            (address->port == server->address.port || address->port == server->other.port));
}

/* ---- the host ---- */

static void deliver(world_t *world, const address_t *from, const address_t *inside, const void *bytes, size_t length)
{
    for (size_t i = 0; i < world->socket_count; i++)
        if (address_equal(&world->sockets[i], inside))
            world_inject(world, from, i + 1, bytes, length);
}

void world_inject(world_t *world, const address_t *from, size_t socket, const void *bytes, size_t length)
{
    packet_t *packet = packet_new_copy(world->pool, bytes, length);
    if (packet == NULL)
        return; /* memory ran out: lost */
    packet->path = (path_t){.socket = (uint32_t)socket, .local = world->sockets[socket - 1], .remote = *from};
    packet->time = world->now;
    nat_discovery_input(world->discovery, world->now, packet);
}

static void note_destination(world_t *world, const address_t *to)
{
    for (size_t i = 0; i < world->destination_count; i++)
        if (address_equal(&world->destinations[i], to))
            return;
    CHECK(world->destination_count < MAX_DESTINATIONS);
    world->destinations[world->destination_count++] = *to;
}

static void leave(world_t *world, packet_t *packet)
{
    address_t to = packet->path.remote;
    note_destination(world, &to);
    world->sent_count++;
    CHECK(address_equal(&packet->path.local, &world->sockets[packet->path.socket - 1]));
    if (!world->blocks_udp) {
        address_t from = map_out(world, &packet->path.local, &to)->outside;
        if (!world->is_translated || !address_ip_equal(&to, &world->public_address))
            fly(world, true, &from, &to, packet->data, packet->length);
        else if (world->hairpins)
            fly(world, false, &from, &to, packet->data, packet->length);
    }
    packet_unref(packet);
}

static void open_socket(world_t *world, const nat_output_t *output)
{
    address_t local = output->open.local.family != ADDRESS_NONE ? output->open.local : world->host;
    if (!world->has_no_route && address_ip_equal(&local, &world->host)) {
        CHECK(world->socket_count < MAX_SOCKETS);
        local.port = (uint16_t)(50000 + world->socket_count);
        world->sockets[world->socket_count++] = local;
        world->open_count++;
        nat_discovery_socket_opened(world->discovery, world->now, (uint32_t)world->socket_count, &local);
    }
    nat_discovery_sockets_complete(world->discovery, world->now);
}

static void pump(world_t *world)
{
    nat_output_t output;
    while (nat_discovery_poll(world->discovery, &output)) {
        CHECK(world->result == NULL);
        switch (output.kind) {
        case NAT_OUTPUT_SEND:
            leave(world, output.packet);
            break;
        case NAT_OUTPUT_OPEN_SOCKET:
            open_socket(world, &output);
            break;
        case NAT_OUTPUT_CLOSE_SOCKET:
            CHECK(world->sockets[output.socket - 1].family != ADDRESS_NONE);
            world->sockets[output.socket - 1] = (address_t){0};
            world->open_count--;
            break;
        case NAT_OUTPUT_RESOLVE: /* "one.example" is the first server's, and so on; others have no address */
            for (size_t i = 0; i < world->server_count; i++) {
                static const char *const names[MAX_STUN_SERVERS] = {"one.example", "two.example", "three.example"};
                bool is_known = strcmp(output.resolve.name, names[i]) == 0;
                if (is_known || i + 1 == world->server_count) {
                    nat_discovery_resolved(world->discovery, world->now, output.resolve.request, &world->servers[i].address, is_known);
                    break;
                }
            }
            break;
        case NAT_OUTPUT_DONE:
            world->result = output.result;
            CHECK_INT(world->open_count, 0);
            break;
        }
    }
}

void world_start(world_t *world, peer_time_t lifetime_max)
{
    char texts[MAX_STUN_SERVERS][ADDRESS_TEXT_SIZE];
    nat_server_t servers[MAX_STUN_SERVERS];
    for (size_t i = 0; i < world->server_count; i++)
        servers[i] = (nat_server_t){address_ip_text(&world->servers[i].address, texts[i]), world->servers[i].address.port};
    nat_config_t config = {.random = world->random,
                           .pool = world->pool,
                           .servers = servers,
                           .server_count = world->server_count,
                           .lifetime_max = lifetime_max};
    world->discovery = nat_discovery_new(&config);
    CHECK(world->discovery != NULL);
    nat_discovery_start(world->discovery, world->now);
    pump(world);
}

static void land(world_t *world, const flight_t *flight)
{
    address_t inside;
    if (!flight->is_to_server) {
        if (!world->is_translated && world->filtering == NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT)
            deliver(world, &flight->from, &flight->to, flight->bytes, flight->length);
        else if (map_in(world, &flight->to, &flight->from, &inside))
            deliver(world, &flight->from, &inside, flight->bytes, flight->length);
        return;
    }
    for (size_t i = 0; i < world->server_count; i++)
        if (is_of(&world->servers[i], &flight->to))
            serve(world, &world->servers[i], flight);
}

void world_step(world_t *world)
{
    size_t next = world->flight_count;
    peer_time_t at = nat_discovery_deadline(world->discovery);
    for (size_t i = 0; i < world->flight_count; i++) {
        if (world->flights[i].time <= at) {
            at = world->flights[i].time;
            next = i;
        }
    }
    CHECK(at != PEER_TIME_NEVER);
    CHECK(at >= world->now);
    world->now = at;
    if (next < world->flight_count) {
        flight_t flight = world->flights[next];
        world->flights[next] = world->flights[--world->flight_count];
        land(world, &flight);
    } else {
        nat_discovery_timeout(world->discovery, world->now);
        CHECK(nat_discovery_deadline(world->discovery) > world->now);
    }
    pump(world);
}

const nat_result_t *world_run(world_t *world)
{
    peer_time_t end = world->now + PATIENCE;
    pump(world);
    while (world->result == NULL) {
        CHECK(world->now < end);
        world_step(world);
    }
    return world->result;
}

const nat_result_t *world_discover(world_t *world)
{
    world_start(world, 0);
    return world_run(world);
}

bool world_has_sent_to(const world_t *world, const address_t *ip)
{
    for (size_t i = 0; i < world->destination_count; i++)
        if (address_ip_equal(&world->destinations[i], ip))
            return true;
    return false;
}

void world_free(world_t *world)
{
    nat_discovery_free(world->discovery);
    CHECK_INT(packet_pool_outstanding(world->pool), 0);
    packet_pool_release(world->pool);
    memory_free(world->result);
    free(world);
}
