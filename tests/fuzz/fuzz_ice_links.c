/* The input is a script for an agent with servers of every kind: each step delivers, drops or mangles what a TURN server sent, opens,
 * breaks or accepts links, lets addresses come and go, signals candidates, checks in the peer's name (the fuzzer knows the passwords), or
 * lets time pass. With the policy "relay" nothing may ever be sent to anybody but the servers. */
#include "base/bytes.h"
#include "ice/ice.h"
#include "stun/stun.h"
#include "turn_server.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FLIGHTS 64
#define MAX_STEPS 400
#define MAX_REQUESTS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    ice_agent_t *agent;
    turn_server_t *server;
    packet_pool_t *pool;
    address_t server_address;
    packet_queue_t to_agent;
    peer_time_t now;
    bool is_relay_only;
    uint32_t requests[MAX_REQUESTS];
    size_t request_count;
    uint32_t next_socket;
} world_t;

static const ice_parameters_t peer = {.ufrag = "peer", .password = "0123456789012345678901"};

static void server_sends(void *context, const path_t *path, const uint8_t *data, size_t length)
{
    world_t *world = context;
    if (world->to_agent.count >= MAX_FLIGHTS)
        return;
    packet_t *packet = packet_new_copy(world->pool, data, length);
    packet->path = (path_t){.socket = path->socket, .protocol = path->protocol, .local = path->remote, .remote = path->local};
    packet_queue_push(&world->to_agent, packet);
}

static void send(world_t *world, packet_t *packet)
{
    path_t path = packet->path;
    bool is_to_server = address_equal(&path.remote, &world->server_address);
    if (world->is_relay_only && !is_to_server)
        abort();
    if (is_to_server) {
        path.local = packet->path.remote;
        path.remote = packet->path.local;
        turn_server_input(world->server, world->now, &path, packet->data, packet->length);
    }
    packet_unref(packet);
}

static void pump(world_t *world)
{
    ice_output_t output;
    while (ice_agent_poll(world->agent, &output)) {
        switch (output.kind) {
        case ICE_OUTPUT_SEND:
            send(world, output.packet);
            break;
        case ICE_OUTPUT_CONNECT:
            if (world->is_relay_only && !address_equal(&output.link->remote, &world->server_address))
                abort();
            if (world->request_count < MAX_REQUESTS)
                world->requests[world->request_count++] = output.link->request;
            break;
        case ICE_OUTPUT_RESOLVE:
            ice_agent_resolved(world->agent, world->now, output.resolve.request, &world->server_address, 1);
            break;
        case ICE_OUTPUT_LOCAL_CANDIDATE:
            if (world->is_relay_only && output.candidate->type != ICE_CANDIDATE_RELAYED)
                abort();
            break;
        default:
            break;
        }
    }
}

static void give(world_t *world, packet_t *packet)
{
    if (ice_agent_unwrap(world->agent, world->now, packet))
        ice_agent_input(world->agent, world->now, packet);
    packet_unref(packet);
}

static address_t any_address(reader_t *reader)
{
    uint8_t kind = 0, last = 1;
    uint16_t port = 1;
    reader_u8(reader, &kind);
    reader_u8(reader, &last);
    reader_u16(reader, &port);
    if (kind & 2)
        return (address_t){.family = ADDRESS_IPV6, .port = port, .bytes = {kind & 4 ? kind : 0x20, 1, 0xd, 0xb8, [15] = last}};
    return address_ipv4((uint8_t)(kind & 1 ? 203 : kind), 0, 113, last, port);
}

/* A check of the peer's, on any socket, link or relay. */
static void check(world_t *world, reader_t *reader)
{
    uint8_t socket = 0, flags = 0;
    reader_u8(reader, &socket);
    reader_u8(reader, &flags);
    packet_t *packet = packet_new(world->pool, PACKET_SMALL);
    packet->path = (path_t){.socket = socket, .protocol = flags & 1, .relay = flags & 2 ? flags >> 4 : 0, .remote = any_address(reader)};
    const ice_parameters_t *mine = ice_agent_local_parameters(world->agent);
    char username[64];
    size_t length = strlen(mine->ufrag);
    memcpy(username, mine->ufrag, length);
    memcpy(username + length, ":peer", 5);
    uint8_t id[STUN_TRANSACTION_ID_SIZE] = {socket, flags};
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, PACKET_SMALL, STUN_REQUEST, STUN_BINDING, id);
    stun_build_bytes(&builder, STUN_USERNAME, username, length + 5);
    stun_build_u32(&builder, STUN_PRIORITY, 1000u * flags);
    stun_build_u64(&builder, STUN_ICE_CONTROLLING, flags);
    if (flags & 4)
        stun_build_flag(&builder, STUN_USE_CANDIDATE);
    if (flags & 8)
        stun_build_u32(&builder, STUN_NOMINATION, flags);
    stun_build_integrity(&builder, STUN_HASH_SHA1, mine->password, strlen(mine->password));
    packet->length = stun_build_end(&builder);
    give(world, packet);
}

static void add_candidate(world_t *world, reader_t *reader)
{
    uint8_t type = 0;
    uint32_t priority = 0;
    reader_u8(reader, &type);
    reader_u32(reader, &priority);
    ice_candidate_t candidate = {.component = 1,
                                 .type = type & 3,
                                 .protocol = type >> 2 & 1,
                                 .tcp_type = type >> 3 & 3,
                                 .priority = priority,
                                 .foundation = {(char)('a' + type % 20)},
                                 .address = any_address(reader)};
    ice_agent_add_remote_candidate(world->agent, world->now, &candidate);
}

static void open_link(world_t *world, bool is_opened)
{
    if (world->request_count == 0)
        return;
    uint32_t request = world->requests[0];
    memmove(world->requests, world->requests + 1, --world->request_count * sizeof *world->requests);
    address_t local = address_ipv4(203, 0, 113, 1, 40000);
    if (is_opened)
        ice_agent_link_opened(world->agent, world->now, request, world->next_socket++, &local);
    else
        ice_agent_link_failed(world->agent, world->now, request, "Connection refused.");
}

static void send_data(world_t *world)
{
    const path_t *path = ice_agent_send_path(world->agent);
    if (path == NULL)
        return;
    packet_t *packet = packet_new_copy(world->pool, "\x80 data", 6);
    packet->path = *path;
    packet->time = world->now;
    ice_agent_on_sent(world->agent, world->now, packet->length);
    if (ice_agent_wrap(world->agent, world->now, packet))
        send(world, packet);
    else
        packet_unref(packet);
}

static void step(world_t *world, reader_t *reader)
{
    uint8_t op = 0, argument = 0;
    reader_u8(reader, &op);
    reader_u8(reader, &argument);
    ice_agent_t *agent = world->agent;
    packet_t *packet;
    address_t address;
    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        if ((packet = packet_queue_pop(&world->to_agent)) != NULL)
            give(world, packet);
        break;
    case 3:
        if ((packet = packet_queue_pop(&world->to_agent)) != NULL) {
            packet->data[argument % packet->length] ^= (uint8_t)(1 << (op >> 4 & 7));
            give(world, packet);
        }
        break;
    case 4:
    case 5:
        open_link(world, op & 1);
        break;
    case 6:
        address = any_address(reader);
        ice_agent_link_accepted(agent, world->now, 2, world->next_socket++, &address);
        break;
    case 7:
        ice_agent_socket_closed(agent, world->now, argument, "It broke.");
        break;
    case 8:
        address = any_address(reader);
        if (op & 16)
            ice_agent_add_listener(agent, world->now, world->next_socket++, &address, ICE_NETWORK_WIFI);
        else
            ice_agent_add_socket(agent, world->now, world->next_socket++, &address, ICE_NETWORK_WIFI);
        break;
    case 9:
        add_candidate(world, reader);
        break;
    case 10:
        check(world, reader);
        break;
    case 11:
        send_data(world);
        break;
    case 12:
        address = any_address(reader);
        if (op & 16)
            turn_server_restart(world->server);
        else
            ice_agent_port_mapped(agent, world->now, argument, &address);
        break;
    case 13:
        if (op & 16 && ice_agent_restart(agent, world->now, NULL) == 0) {
            ice_agent_gather(agent, world->now);
            ice_agent_set_remote_parameters(agent, world->now, peer.ufrag, peer.password, false);
        }
        ice_agent_set_remote_renomination(agent, op & 32);
        break;
    case 14: {
        path_t path = {.socket = argument, .remote = any_address(reader)};
        ice_agent_on_traffic(agent, world->now, &path, 100);
        break;
    }
    default:
        world->now += (peer_time_t)argument * argument * PEER_MILLISECOND;
        if (ice_agent_deadline(agent) <= world->now)
            ice_agent_timeout(agent, world->now);
    }
    pump(world);
    ice_pair_stats_t stats;
    ice_server_report_t report;
    size_t selected = 0;
    for (size_t p = 0; ice_agent_pair_stats(agent, p, &stats); p++)
        selected += stats.is_selected;
    for (size_t i = 0; i < ice_agent_server_report_count(agent); i++)
        if (!ice_agent_server_report(agent, i, &report) || report.url == NULL)
            abort();
    if (selected != (ice_agent_send_path(agent) != NULL) || ice_agent_pair_count(agent) > ICE_MAX_PAIRS ||
        ice_agent_candidate_count(agent, false) > ICE_MAX_LOCAL_CANDIDATES)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    random_seeded_t generators[2];
    reader_t reader;
    uint8_t flags = 0;
    reader_init(&reader, data, size);
    reader_u8(&reader, &flags);
    random_seeded_init(&generators[0], 1);
    random_seeded_init(&generators[1], 2);
    world_t world = {.pool = packet_pool_new(),
                     .now = PEER_SECOND,
                     .server_address = address_ipv4(192, 0, 2, 53, 3478),
                     .is_relay_only = flags & 1,
                     .next_socket = 3};
    turn_server_config_t server = {.random = random_seeded_source(&generators[0]),
                                   .relay_ipv4 = address_ipv4(192, 0, 2, 53, 0),
                                   .realm = "example",
                                   .username = "user",
                                   .password = "secret",
                                   .send = server_sends,
                                   .context = &world};
    world.server = turn_server_new(&server);
    const char *host = flags & 2 ? "turn.example" : "192.0.2.53";
    ice_server_t servers[8];
    for (size_t i = 0; i < 8; i++)
        servers[i] = (ice_server_t){.kind = i & 1 ? ICE_SERVER_TURN : ICE_SERVER_STUN,
                                    .transport = (ice_server_transport_t)(i >> 1),
                                    .url = "turn:turn.example",
                                    .host = host,
                                    .port = 3478,
                                    .username = "user",
                                    .password = "secret"};
    ice_config_t config = {.random = random_seeded_source(&generators[1]),
                           .pool = world.pool,
                           .servers = servers,
                           .server_count = 8,
                           .policy = world.is_relay_only ? ICE_POLICY_RELAY : ICE_POLICY_ALL,
                           .tcp_policy = flags & 4 ? ICE_TCP_POLICY_ALL : ICE_TCP_POLICY_ACTIVE,
                           .is_controlling = flags & 8,
                           .is_lite = (flags & 48) == 48,
                           .hides_addresses = flags & 64,
                           .wants_port_mapping = flags & 128,
                           .shares_sockets = (flags & 192) == 192};
    world.agent = ice_agent_new(&config);
    ice_agent_gather(world.agent, world.now);
    address_t local = address_ipv4(203, 0, 113, 1, 5000);
    ice_agent_add_socket(world.agent, world.now, 1, &local, ICE_NETWORK_ETHERNET);
    ice_agent_add_listener(world.agent, world.now, 2, &local, ICE_NETWORK_ETHERNET);
    ice_agent_sockets_complete(world.agent, world.now);
    ice_agent_set_remote_parameters(world.agent, world.now, peer.ufrag, peer.password, false);
    pump(&world);
    for (int i = 0; i < MAX_STEPS && reader_left(&reader) > 0; i++)
        step(&world, &reader);
    ice_agent_close(world.agent, world.now);
    pump(&world);
    ice_agent_free(world.agent);
    turn_server_free(world.server);
    packet_queue_clear(&world.to_agent);
    if (packet_pool_outstanding(world.pool) != 0)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
