/* The input is a script for a discovery: sockets are given or refused, answers are made from its own requests and then bent, come from
 * elsewhere or not at all, and time passes. Whatever comes, it must send to no address where a server cannot be, keep its requests few, and
 * end. */
#include "base/bytes.h"
#include "base/memory.h"
#include "nat/nat.h"
#include "stun/stun.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FLIGHTS 64
#define MAX_STEPS 600
#define MAX_SENT 1000
#define MAX_SOCKETS 11
#define MAX_TIMEOUTS 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    nat_discovery_t *discovery;
    packet_pool_t *pool;
    packet_queue_t requests; /* what it sent, not yet answered */
    peer_time_t now;
    uint32_t sockets[MAX_SOCKETS]; /* numbers of the open ones; 0: free */
    uint32_t last_socket, resolve_request;
    size_t sent;
    bool is_done, refuses_sockets;
    address_t server, host;
} world_t;

static address_t any_address(world_t *world, reader_t *reader)
{
    uint8_t kind = 0, bytes[4] = {0};
    uint16_t port = 0;
    reader_u8(reader, &kind);
    switch (kind & 7) {
    case 0:
        return world->server;
    case 1: /* its other address */
        return address_ipv4(192, 0, 2, 11, 3479);
    case 2:
        return address_ipv4(192, 0, 2, 11, 3478);
    case 3:
        return address_ipv4(192, 0, 2, 10, 3479);
    case 4:
        return world->host;
    case 5:
        reader_u16(reader, &port);
        return address_ipv4(203, 0, 113, 1, port);
    case 6:
        reader_u16(reader, &port);
        return (address_t){.family = ADDRESS_IPV6, .port = port, .bytes = {kind, 1, 0xd, 0xb8, [15] = kind}};
    default:
        reader_copy(reader, bytes, sizeof bytes);
        reader_u16(reader, &port);
        return address_ipv4(bytes[0], bytes[1], bytes[2], bytes[3], port);
    }
}

/* The server is of the Internet: whatever it says, nothing goes to multicast, to this host or to networks behind its router. */
static void check_destination(const world_t *world, const address_t *to)
{
    if (to->port == 0 || address_is_any(to) || address_is_multicast(to) || address_is_loopback(to) || address_is_link_local(to) ||
        address_is_private(to) || to->family != world->server.family || to->bytes[0] == 0 || to->bytes[0] >= 240)
        abort();
}

static uint32_t *find_socket(world_t *world, uint32_t number)
{
    for (size_t i = 0; i < MAX_SOCKETS; i++)
        if (world->sockets[i] == number)
            return &world->sockets[i];
    abort(); /* closes what is not open, or has more open than it may */
}

static void open_socket(world_t *world)
{
    address_t local = world->host;
    local.port = (uint16_t)(50000 + ++world->last_socket);
    *find_socket(world, 0) = world->last_socket;
    nat_discovery_socket_opened(world->discovery, world->now, world->last_socket, &local);
}

static void pump(world_t *world)
{
    nat_output_t output;
    while (nat_discovery_poll(world->discovery, &output)) {
        if (world->is_done)
            abort();
        switch (output.kind) {
        case NAT_OUTPUT_SEND:
            check_destination(world, &output.packet->path.remote);
            if (++world->sent > MAX_SENT)
                abort();
            packet_queue_push(&world->requests, output.packet);
            if (world->requests.count > MAX_FLIGHTS)
                packet_unref(packet_queue_pop(&world->requests));
            break;
        case NAT_OUTPUT_OPEN_SOCKET:
            if (!world->refuses_sockets)
                open_socket(world);
            nat_discovery_sockets_complete(world->discovery, world->now);
            break;
        case NAT_OUTPUT_CLOSE_SOCKET:
            *find_socket(world, output.socket) = 0;
            break;
        case NAT_OUTPUT_RESOLVE:
            world->resolve_request = output.resolve.request;
            break;
        case NAT_OUTPUT_DONE:
            for (size_t i = 0; i < MAX_SOCKETS; i++)
                if (world->sockets[i] != 0)
                    abort();
            memory_free(output.result);
            world->is_done = true;
            break;
        }
    }
}

/* An answer to a request, or the request itself as a hairpin brings it. */
static void answer(world_t *world, reader_t *reader, const packet_t *request)
{
    uint8_t flags = 0, place = 0, change = 0;
    reader_u8(reader, &flags);
    packet_t *packet = packet_new(world->pool, PACKET_SMALL);
    if (flags & 1) {
        packet_append(packet, request->data, request->length);
    } else {
        address_t mapped = flags & 2 ? any_address(world, reader) : address_ipv4(203, 0, 113, 1, request->path.local.port);
        address_t other = flags & 4 ? any_address(world, reader) : address_ipv4(192, 0, 2, 11, 3479);
        stun_builder_t builder;
        stun_build_begin(&builder, packet->data, PACKET_SMALL, flags & 8 ? STUN_ERROR_RESPONSE : STUN_SUCCESS_RESPONSE, STUN_BINDING,
                         request->data + 8);
        stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &mapped);
        stun_build_address(&builder, STUN_OTHER_ADDRESS, &other);
        packet->length = stun_build_end(&builder);
    }
    if (flags & 16) {
        reader_u8(reader, &place);
        reader_u8(reader, &change);
        packet->data[place % packet->length] ^= change;
    }
    packet->path = (path_t){.socket = request->path.socket, .remote = flags & 32 ? any_address(world, reader) : request->path.remote};
    if (flags & 64) {
        reader_u8(reader, &place);
        packet->path.socket = place;
    }
    nat_discovery_input(world->discovery, world->now, packet);
}

static void step(world_t *world, reader_t *reader)
{
    uint8_t op = 0, argument = 0;
    reader_u8(reader, &op);
    packet_t *request;
    switch (op & 7) {
    case 0:
    case 1:
    case 2:
        if ((request = packet_queue_pop(&world->requests)) != NULL) {
            answer(world, reader, request);
            packet_unref(request);
        }
        break;
    case 3:
        packet_unref(packet_queue_pop(&world->requests));
        break;
    case 4: {
        /* Whoever names a server trusts its name: it may be anywhere. Here it is on the Internet. */
        address_t address =
            op & 16 ? (address_t){.family = ADDRESS_IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}} : address_ipv4(192, 0, 2, 20, 0);
        nat_discovery_resolved(world->discovery, world->now, world->resolve_request, &address, op >> 3 & 1);
        break;
    }
    case 5:
        if (op & 128) {
            world->refuses_sockets = op & 64;
        } else if (op & 64) { /* one is gone by itself */
            uint32_t *socket = &world->sockets[(op >> 3 & 7) % MAX_SOCKETS], number = *socket;
            *socket = 0;
            nat_discovery_socket_closed(world->discovery, world->now, number);
        }
        break;
    default:
        reader_u8(reader, &argument);
        world->now += (peer_time_t)argument * argument * PEER_MILLISECOND;
        if (nat_discovery_deadline(world->discovery) <= world->now)
            nat_discovery_timeout(world->discovery, world->now);
    }
    if (!world->is_done)
        pump(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_t world = {.pool = packet_pool_new(), .now = PEER_SECOND, .server = address_ipv4(192, 0, 2, 10, 3478)};
    random_seeded_t generator;
    reader_t reader;
    uint8_t flags = 0;
    random_seeded_init(&generator, 1);
    reader_init(&reader, data, size);
    reader_u8(&reader, &flags);
    world.host = flags & 1 ? address_ipv4(203, 0, 113, 1, 0) : address_ipv4(198, 51, 100, 7, 0);
    nat_server_t servers[] = {{"192.0.2.10", 3478}, {flags & 2 ? "two.example" : "192.0.2.20", 3478}};
    nat_config_t config = {.random = random_seeded_source(&generator),
                           .pool = world.pool,
                           .servers = servers,
                           .server_count = 1 + (flags >> 2 & 1),
                           .lifetime_max = (flags >> 3 & 31) * PEER_SECOND};
    world.discovery = nat_discovery_new(&config);
    nat_discovery_start(world.discovery, world.now);
    pump(&world);
    for (int i = 0; i < MAX_STEPS && reader_left(&reader) > 0 && !world.is_done; i++)
        step(&world, &reader);
    for (int i = 0; !world.is_done; i++) { /* left alone it ends */
        peer_time_t deadline = nat_discovery_deadline(world.discovery);
        if (i == MAX_TIMEOUTS || (deadline != PEER_TIME_NEVER && deadline < world.now && i > 0))
            abort();
        if (deadline == PEER_TIME_NEVER) { /* a name is still asked for */
            nat_discovery_resolved(world.discovery, world.now, world.resolve_request, NULL, 0);
        } else {
            world.now = deadline > world.now ? deadline : world.now;
            nat_discovery_timeout(world.discovery, world.now);
        }
        pump(&world);
    }
    nat_discovery_free(world.discovery);
    packet_queue_clear(&world.requests);
    if (packet_pool_outstanding(world.pool) != 0)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
