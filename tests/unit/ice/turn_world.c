#include "turn_world.h"

#include <stdio.h>
#include <stdlib.h>

static path_t client_path(const world_t *world)
{
    return world->config.path;
}

static world_flight_t *fly(world_t *world, const path_t *path, const uint8_t *bytes, size_t length, bool is_to_server)
{
    if (world->is_cut || random_below(&world->config.random, 100) < world->loss_percent)
        return NULL;
    CHECK(world->flight_count < WORLD_MAX_FLIGHTS && length <= sizeof world->flights->bytes);
    world_flight_t *flight = &world->flights[world->flight_count++];
    *flight = (world_flight_t){.time = world->now + WORLD_DELAY, .path = *path, .is_to_server = is_to_server, .length = length};
    memcpy(flight->bytes, bytes, length);
    return flight;
}

static void keep(world_datagram_t *datagram, const path_t *path, const uint8_t *bytes, size_t length)
{
    datagram->path = *path;
    datagram->count++;
    datagram->length = length;
    memcpy(datagram->bytes, bytes, length);
}

static void server_sends(void *context, const path_t *path, const uint8_t *data, size_t length)
{
    world_t *world = context;
    if (!address_equal(&path->local, &world->config.path.remote)) {
        keep(&world->at_peer, path, data, length);
        return;
    }
    path_t client = client_path(world);
    fly(world, &client, data, length, false);
}

world_t *world_new(void)
{
    world_t *world = calloc(1, sizeof *world);
    world->flights = calloc(WORLD_MAX_FLIGHTS, sizeof *world->flights);
    world->now = 1000 * PEER_SECOND;
    world->pool = packet_pool_new();
    random_seeded_init(&world->generator, 7);
    world->config =
        (turn_config_t){.random = random_seeded_source(&world->generator),
                        .pool = world->pool,
                        .username = "user",
                        .password = "secret",
                        .wants_ipv4 = true,
                        .path = {.socket = 3, .local = address_ipv4(198, 51, 100, 1, 4000), .remote = address_ipv4(192, 0, 2, 7, 3478)}};
    world->server_config = (turn_server_config_t){.random = world->config.random,
                                                  .relay_ipv4 = address_ipv4(192, 0, 2, 8, 0),
                                                  .realm = "example.org",
                                                  .username = "user",
                                                  .password = "secret",
                                                  .send = server_sends,
                                                  .context = world};
    CHECK(address_parse(&world->server_config.relay_ipv6, "2001:db8::8", 0));
    return world;
}

void world_start(world_t *world)
{
    if (world->server == NULL)
        world->server = turn_server_new(&world->server_config);
    world->turn = turn_new(&world->config, world->now);
    CHECK(world->turn != NULL);
    world_pump(world);
}

void world_free(world_t *world)
{
    turn_free(world->turn);
    turn_server_free(world->server);
    size_t outstanding = packet_pool_outstanding(world->pool);
    packet_pool_release(world->pool);
    free(world->flights);
    free(world);
    CHECK_INT(outstanding, 0);
}

static void send_packet(world_t *world, packet_t *packet)
{
    path_t path = {.protocol = packet->path.protocol, .local = packet->path.remote, .remote = packet->path.local};
    CHECK(path_equal(&packet->path, &world->config.path));
    world->sent++;
    world->last_size = packet->length;
    fly(world, &path, packet->data, packet->length, true);
    packet_unref(packet);
}

void world_pump(world_t *world)
{
    turn_output_t output;
    while (turn_poll(world->turn, &output)) {
        switch (output.kind) {
        case TURN_OUTPUT_SEND:
            send_packet(world, output.packet);
            break;
        case TURN_OUTPUT_ALLOCATED:
            world->allocated = output;
            world->allocated_at = world->now;
            world->allocated_count++;
            break;
        case TURN_OUTPUT_FAILED:
        case TURN_OUTPUT_LOST:
            world->failure = output;
            world->failed_at = world->now;
            snprintf(world->failure_text, sizeof world->failure_text, "%s", output.failure.text);
            snprintf(world->alternate_domain, sizeof world->alternate_domain, "%s",
                     output.failure.alternate_domain != NULL ? output.failure.alternate_domain : "");
            *(output.kind == TURN_OUTPUT_FAILED ? &world->failed_count : &world->lost_count) += 1;
            break;
        case TURN_OUTPUT_PERMISSION_FAILED:
            world->permission_failed = output;
            world->permission_failed_count++;
            break;
        }
    }
}

turn_input_result_t world_give(world_t *world, const void *bytes, size_t length)
{
    packet_t *packet = packet_new_copy(world->pool, bytes, length);
    packet->path = world->config.path;
    turn_input_result_t result = turn_input(world->turn, world->now, packet);
    if (result == TURN_INPUT_DATA)
        keep(&world->at_client, &packet->path, packet->data, packet->length);
    packet_unref(packet);
    world_pump(world);
    return result;
}

static world_flight_t *next_flight(const world_t *world)
{
    world_flight_t *next = NULL;
    for (size_t i = 0; i < world->flight_count; i++)
        if (next == NULL || world->flights[i].time < next->time)
            next = &world->flights[i];
    return next;
}

void world_run(world_t *world, peer_time_t duration)
{
    peer_time_t until = world->now + duration;
    for (;;) {
        world_flight_t *flight = next_flight(world);
        peer_time_t deadline = turn_deadline(world->turn);
        peer_time_t next = time_earlier(deadline, flight != NULL ? flight->time : PEER_TIME_NEVER);
        if (next > until)
            break;
        world->now = next > world->now ? next : world->now;
        if (flight != NULL && flight->time <= world->now) {
            world_flight_t arrived = *flight;
            memmove(flight, flight + 1, (size_t)(world->flights + --world->flight_count - flight) * sizeof *flight);
            if (arrived.is_to_server)
                turn_server_input(world->server, world->now, &arrived.path, arrived.bytes, arrived.length);
            else
                world_give(world, arrived.bytes, arrived.length);
        } else {
            turn_timeout(world->turn, world->now);
            world_pump(world);
            CHECK(turn_deadline(world->turn) > world->now); /* a deadline that passed is dealt with */
        }
    }
    world->now = until;
}

void world_allocate(world_t *world)
{
    world_start(world);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->allocated_count, 1);
}

bool world_send(world_t *world, const address_t *peer, const void *bytes, size_t length)
{
    packet_t *packet = packet_new_copy(world->pool, bytes, length);
    bool is_wrapped = turn_send(world->turn, world->now, packet, peer);
    world_pump(world);
    if (is_wrapped)
        send_packet(world, packet);
    else
        packet_unref(packet);
    return is_wrapped;
}

void world_peer_sends(world_t *world, const address_t *peer, const void *bytes, size_t length)
{
    path_t path = {.local = world_relayed(world, (address_family_t)peer->family), .remote = *peer};
    turn_server_input(world->server, world->now, &path, bytes, length);
}

address_t world_relayed(const world_t *world, address_family_t family)
{
    const address_t *relayed = turn_relayed(world->turn, family);
    CHECK(relayed != NULL);
    return *relayed;
}

address_t world_peer(int number)
{
    return address_ipv4(203, 0, 113, (uint8_t)number, 5000);
}
