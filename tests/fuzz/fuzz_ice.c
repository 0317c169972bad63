/* The input is a script for a connected pair of agents: each step delivers, drops, mangles or invents a datagram, a candidate, an answer of
 * the resolver, or lets time pass. Authenticity is reachable: invented messages can be signed with the agents' own passwords. */
#include "base/bytes.h"
#include "ice/ice.h"
#include "stun/stun.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FLIGHTS 64
#define MAX_STEPS 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    ice_agent_t *agents[2];
    address_t addresses[2][2];
    packet_queue_t flights[2]; /* on the way to each */
    packet_pool_t *pool;
    peer_time_t now;
    uint32_t requests[2];
} world_t;

static void pump(world_t *world)
{
    for (int side = 0; side < 2; side++) {
        ice_output_t output;
        while (ice_agent_poll(world->agents[side], &output)) {
            if (output.kind == ICE_OUTPUT_SEND) {
                packet_t *packet = output.packet;
                path_t path = packet->path;
                packet->path = (path_t){.local = path.remote, .remote = path.local};
                if (world->flights[1 - side].count < MAX_FLIGHTS)
                    packet_queue_push(&world->flights[1 - side], packet);
                else
                    packet_unref(packet);
            } else if (output.kind == ICE_OUTPUT_RESOLVE) {
                world->requests[side] = output.resolve.request;
            } else if (output.kind == ICE_OUTPUT_LOCAL_CANDIDATE) {
                ice_agent_add_remote_candidate(world->agents[1 - side], world->now, output.candidate);
            }
        }
    }
}

static void give(world_t *world, int side, packet_t *packet)
{
    for (uint32_t socket = 1; socket <= 2; socket++)
        if (address_equal(&packet->path.local, &world->addresses[side][socket - 1]))
            packet->path.socket = socket;
    ice_agent_input(world->agents[side], world->now, packet);
    packet_unref(packet);
}

static address_t any_address(reader_t *reader)
{
    uint8_t kind = 0, last = 1;
    uint16_t port = 1;
    reader_u8(reader, &kind);
    reader_u8(reader, &last);
    reader_u16(reader, &port);
    address_t address = address_ipv4((uint8_t)(kind & 1 ? 203 : kind), 0, 113, last, port);
    if (kind & 2) {
        address = (address_t){.family = ADDRESS_IPV6, .port = port, .bytes = {0x20, 1, 0xd, 0xb8, [15] = last}};
        if (kind & 4)
            address.bytes[0] = kind;
    }
    return address;
}

/* A message of the fuzzer's own attributes, signed when it wants. */
static void invent(world_t *world, int side, reader_t *reader, packet_t *victim)
{
    uint8_t kind = 0, count = 0, id[STUN_TRANSACTION_ID_SIZE] = {0};
    reader_u8(reader, &kind);
    reader_u8(reader, &count);
    packet_t *packet = packet_new(world->pool, PACKET_SMALL);
    packet->path = (path_t){.local = world->addresses[side][kind >> 6 & 1],
                            .remote = kind & 32 ? any_address(reader) : world->addresses[1 - side][kind >> 7]};
    if (victim != NULL && victim->length >= STUN_HEADER_SIZE)
        memcpy(id, victim->data + 8, sizeof id);
    const ice_parameters_t *mine = ice_agent_local_parameters(world->agents[side]),
                           *theirs = ice_agent_local_parameters(world->agents[1 - side]);
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, PACKET_SMALL, (stun_class_t)(kind & 3), kind & 16 ? STUN_DATA : STUN_BINDING, id);
    if (kind & 4) {
        char username[64];
        size_t length = strlen(mine->ufrag);
        memcpy(username, mine->ufrag, length);
        username[length] = ':';
        memcpy(username + length + 1, theirs->ufrag, strlen(theirs->ufrag));
        stun_build_bytes(&builder, STUN_USERNAME, username, length + 1 + strlen(theirs->ufrag));
    }
    for (int i = 0; i < (count & 7); i++) {
        static const uint16_t types[] = {
            STUN_PRIORITY,       STUN_USE_CANDIDATE,     STUN_ICE_CONTROLLED, STUN_ICE_CONTROLLING, STUN_XOR_MAPPED_ADDRESS,
            STUN_MAPPED_ADDRESS, STUN_ERROR_CODE,        STUN_SOFTWARE,       STUN_USERNAME,        0x7777,
            STUN_NONCE,          STUN_UNKNOWN_ATTRIBUTES};
        uint8_t type = 0, length = 0, value[40] = {0};
        reader_u8(reader, &type);
        reader_u8(reader, &length);
        length = length % 41;
        for (uint8_t b = 0; b < length; b++)
            reader_u8(reader, &value[b]);
        stun_build_bytes(&builder, types[type % (sizeof types / sizeof *types)], value, length);
    }
    const char *password = (kind & 3) <= STUN_INDICATION ? mine->password : theirs->password;
    if (kind & 8)
        stun_build_integrity(&builder, count & 8 ? STUN_HASH_SHA256 : STUN_HASH_SHA1, password, strlen(password));
    if (count & 16)
        stun_build_fingerprint(&builder);
    packet->length = stun_build_end(&builder);
    give(world, side, packet);
}

static void add_candidate(world_t *world, int side, reader_t *reader)
{
    uint8_t type = 0;
    uint32_t priority = 0;
    reader_u8(reader, &type);
    reader_u32(reader, &priority);
    ice_candidate_t candidate = {.component = 1, .type = type & 3, .priority = priority, .foundation = {(char)('a' + (type >> 2) % 20)}};
    candidate.address = any_address(reader);
    if (type & 128) {
        candidate.host_name = type & 64 ? "a.example" : "a.local";
        candidate.address = (address_t){.port = candidate.address.port};
    }
    ice_agent_add_remote_candidate(world->agents[side], world->now, &candidate);
}

static void step(world_t *world, reader_t *reader)
{
    uint8_t op = 0, argument = 0;
    reader_u8(reader, &op);
    int side = op & 1;
    ice_agent_t *agent = world->agents[side];
    packet_t *packet;
    switch (op >> 1 & 15) {
    case 0:
    case 1:
    case 2: /* the next datagram arrives */
        if ((packet = packet_queue_pop(&world->flights[side])) != NULL)
            give(world, side, packet);
        break;
    case 3: /* or gets lost */
        packet_unref(packet_queue_pop(&world->flights[side]));
        break;
    case 4: /* or is changed */
        if ((packet = packet_queue_pop(&world->flights[side])) != NULL) {
            uint16_t place = 0;
            reader_u16(reader, &place);
            reader_u8(reader, &argument);
            packet->data[place % packet->length] ^= argument;
            give(world, side, packet);
        }
        break;
    case 5: /* or comes from elsewhere */
        if ((packet = packet_queue_pop(&world->flights[side])) != NULL) {
            packet->path.remote = any_address(reader);
            give(world, side, packet);
        }
        break;
    case 6:
    case 7: /* an answer, a request or nonsense of the fuzzer's; a response can answer what is under way from this side */
        invent(world, side, reader, world->flights[1 - side].first);
        break;
    case 8:
        add_candidate(world, side, reader);
        break;
    case 9: {
        address_t address = any_address(reader);
        ice_agent_resolved(agent, world->now, world->requests[side], &address, op >> 5 & 1);
        break;
    }
    case 10:
        ice_agent_end_of_remote_candidates(agent, world->now);
        break;
    case 11: {
        const ice_parameters_t *theirs = ice_agent_local_parameters(world->agents[1 - side]);
        ice_agent_set_remote_parameters(agent, world->now, theirs->ufrag, theirs->password, op & 64);
        break;
    }
    case 12: {
        const path_t *path = ice_agent_send_path(agent);
        if (path != NULL) {
            ice_agent_on_sent(agent, world->now, 10);
            path_t reverse = {.socket = 1, .local = path->remote, .remote = path->local};
            ice_agent_on_traffic(world->agents[1 - side], world->now, &reverse, 10);
        }
        break;
    }
    case 13:
        if (op & 64) {
            ice_agent_restart(agent, world->now, NULL);
            ice_agent_gather(agent, world->now);
        } else {
            ice_agent_set_controlling(agent, world->now, op & 32);
        }
        break;
    default:
        reader_u8(reader, &argument);
        world->now += (peer_time_t)argument * argument * PEER_MILLISECOND;
        for (int i = 0; i < 2; i++)
            if (ice_agent_deadline(world->agents[i]) <= world->now)
                ice_agent_timeout(world->agents[i], world->now);
    }
    pump(world);
    for (int i = 0; i < 2; i++) {
        ice_pair_stats_t stats;
        size_t selected = 0;
        for (size_t p = 0; ice_agent_pair_stats(world->agents[i], p, &stats); p++)
            selected += stats.is_selected;
        if (selected != (ice_agent_send_path(world->agents[i]) != NULL) || ice_agent_pair_count(world->agents[i]) > ICE_MAX_PAIRS)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_t world = {.pool = packet_pool_new(), .now = PEER_SECOND};
    random_seeded_t generators[2];
    reader_t reader;
    reader_init(&reader, data, size);
    uint8_t flags = 0;
    reader_u8(&reader, &flags);
    for (int i = 0; i < 2; i++) {
        random_seeded_init(&generators[i], (uint64_t)i + 1);
        ice_server_t server = {.url = "stun:a.example", .host = "a.example", .port = 3478};
        ice_config_t config = {.random = random_seeded_source(&generators[i]),
                               .pool = world.pool,
                               .is_controlling = flags >> i & 1,
                               .servers = &server,
                               .server_count = flags >> 2 & 1};
        world.agents[i] = ice_agent_new(&config);
        world.addresses[i][0] = address_ipv4(203, 0, 113, (uint8_t)(i + 1), 5000);
        world.addresses[i][1] = (address_t){.family = ADDRESS_IPV6, .port = 5001, .bytes = {0x20, 1, 0xd, 0xb8, [15] = (uint8_t)(i + 1)}};
        ice_agent_gather(world.agents[i], world.now);
    }
    for (int i = 0; i < 2; i++) {
        for (uint32_t socket = 1; socket <= 2; socket++)
            ice_agent_add_socket(world.agents[i], world.now, socket, &world.addresses[i][socket - 1], ICE_NETWORK_ETHERNET);
        ice_agent_sockets_complete(world.agents[i], world.now);
        const ice_parameters_t *theirs = ice_agent_local_parameters(world.agents[1 - i]);
        if (flags & 8)
            ice_agent_set_remote_parameters(world.agents[i], world.now, theirs->ufrag, theirs->password, false);
    }
    pump(&world);
    for (int i = 0; i < MAX_STEPS && reader_left(&reader) > 0; i++)
        step(&world, &reader);
    for (int i = 0; i < 2; i++) {
        ice_agent_free(world.agents[i]);
        packet_queue_clear(&world.flights[i]);
    }
    if (packet_pool_outstanding(world.pool) != 0)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
