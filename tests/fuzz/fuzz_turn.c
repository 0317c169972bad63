/* The input is a script for a TURN client and its server: each step delivers, drops, mangles or invents a packet, sends to a peer, changes
 * what the server does wrong, or lets time pass. Authenticity is reachable: invented responses answer the last request and can be signed
 * with its key. */
#include "ice/turn.h"
#include "stun/stun.h"
#include "turn_server.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FLIGHTS 64
#define MAX_STEPS 400
#define PEERS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    turn_t *turn;
    turn_server_t *server;
    packet_pool_t *pool;
    path_t path;
    peer_time_t now;
    packet_queue_t to_server, to_client;
    uint8_t last_id[STUN_TRANSACTION_ID_SIZE]; /* of the last request */
    uint16_t last_method;
    bool is_asked[PEERS]; /* something was sent there, or a channel asked for */
} world_t;

static address_t peer_of(uint8_t number)
{
    number %= PEERS;
    if (number % 4 != 3)
        return address_ipv4(203, 0, 113, number, 5000);
    return (address_t){.family = ADDRESS_IPV6, .port = 5000, .bytes = {0x20, 1, 0xd, 0xb8, [15] = number}};
}

static bool is_asked(const world_t *world, const address_t *peer)
{
    for (uint8_t i = 0; i < PEERS; i++) {
        address_t known = peer_of(i);
        if (world->is_asked[i] && address_ip_equal(&known, peer))
            return true;
    }
    return false;
}

static void fly(packet_queue_t *queue, packet_t *packet)
{
    if (queue->count < MAX_FLIGHTS)
        packet_queue_push(queue, packet);
    else
        packet_unref(packet);
}

static void server_sends(void *context, const path_t *path, const uint8_t *data, size_t length)
{
    world_t *world = context;
    packet_t *packet = address_equal(&path->remote, &world->path.local) ? packet_new_copy(world->pool, data, length) : NULL;
    if (packet != NULL)
        fly(&world->to_client, packet);
}

static size_t pump(world_t *world)
{
    turn_output_t output;
    size_t sent = 0, told = 0;
    while (turn_poll(world->turn, &output)) {
        if (output.kind != TURN_OUTPUT_SEND) {
            if (++told > TURN_MAX_PERMISSIONS + 2)
                abort();
            continue;
        }
        stun_message_t message;
        if (!stun_parse(&message, output.packet->data, output.packet->length) || !path_equal(&output.packet->path, &world->path))
            abort();
        memcpy(world->last_id, message.transaction_id, sizeof world->last_id);
        world->last_method = message.method;
        fly(&world->to_server, output.packet);
        sent++;
    }
    return sent;
}

static void give(world_t *world, packet_t *packet)
{
    if (packet == NULL)
        return;
    packet->path = world->path;
    uint64_t dropped = turn_counters(world->turn)->dropped;
    turn_input_result_t result = turn_input(world->turn, world->now, packet);
    if (result == TURN_INPUT_DATA && (!is_asked(world, &packet->path.remote) || turn_counters(world->turn)->dropped != dropped))
        abort();
    if (packet->data < packet->storage || packet->data + packet->length > packet->storage + packet->capacity)
        abort();
    packet_unref(packet);
    if (pump(world) > 1) /* no answer is larger than what it answers: one packet makes one request at most */
        abort();
}

static void serve(world_t *world)
{
    packet_t *packet = packet_queue_pop(&world->to_server);
    path_t path = {.protocol = world->path.protocol, .local = world->path.remote, .remote = world->path.local};
    if (packet != NULL)
        turn_server_input(world->server, world->now, &path, packet->data, packet->length);
    packet_unref(packet);
}

/* A message of the fuzzer's own attributes, as an answer to the last request or as an indication. */
static void invent(world_t *world, reader_t *reader)
{
    static const uint16_t types[] = {STUN_XOR_RELAYED_ADDRESS,
                                     STUN_XOR_MAPPED_ADDRESS,
                                     STUN_LIFETIME,
                                     STUN_ERROR_CODE,
                                     STUN_REALM,
                                     STUN_NONCE,
                                     STUN_XOR_PEER_ADDRESS,
                                     STUN_DATA,
                                     STUN_PASSWORD_ALGORITHMS,
                                     STUN_ALTERNATE_SERVER,
                                     STUN_ALTERNATE_DOMAIN,
                                     STUN_DATA_ATTRIBUTE,
                                     STUN_ICMP,
                                     STUN_ADDRESS_ERROR_CODE,
                                     0x7777};
    uint8_t kind = 0, count = 0;
    reader_u8(reader, &kind);
    reader_u8(reader, &count);
    packet_t *packet = packet_new(world->pool, PACKET_SMALL);
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, PACKET_SMALL, (stun_class_t)(kind & 3),
                     (kind & 3) == STUN_INDICATION ? STUN_DATA : world->last_method, world->last_id);
    for (int i = 0; i < (count & 7); i++) {
        uint8_t type = 0, length = 0, value[64] = {0};
        reader_u8(reader, &type);
        reader_u8(reader, &length);
        address_t peer = peer_of(length);
        if (type & 128) { /* a well-formed address */
            stun_build_xor_address(&builder, types[type % (sizeof types / sizeof *types)], &peer);
            continue;
        }
        length = length % sizeof value;
        for (uint8_t b = 0; b < length; b++)
            reader_u8(reader, &value[b]);
        stun_build_bytes(&builder, types[type % (sizeof types / sizeof *types)], value, length);
    }
    uint8_t key[EVP_MAX_MD_SIZE];
    unsigned key_length = 0;
    static const char joined[] = "user:example.org:secret";
    EVP_Digest(joined, strlen(joined), key, &key_length, kind & 8 ? EVP_sha256() : EVP_md5(), NULL);
    if (kind & 4)
        stun_build_integrity(&builder, kind & 8 ? STUN_HASH_SHA256 : STUN_HASH_SHA1, key, key_length);
    if (kind & 16)
        stun_build_fingerprint(&builder);
    packet->length = stun_build_end(&builder);
    give(world, packet);
}

static void send_to_peer(world_t *world, uint8_t number, uint8_t length)
{
    address_t peer = peer_of(number);
    packet_t *packet = packet_new(world->pool, PACKET_SMALL);
    memset(packet->data, length, length);
    packet->length = length;
    world->is_asked[number % PEERS] = true;
    bool is_wrapped = turn_send(world->turn, world->now, packet, &peer);
    if (pump(world) > 2) /* a permission, and a channel that there was */
        abort();
    if (is_wrapped)
        fly(&world->to_server, packet);
    else
        packet_unref(packet);
}

static void pass_time(world_t *world, uint8_t argument)
{
    peer_time_t deadline = turn_deadline(world->turn);
    peer_time_t step = (peer_time_t)argument * argument * 20 * PEER_MILLISECOND;
    world->now = argument & 1 || deadline == PEER_TIME_NEVER ? world->now + step : deadline > world->now ? deadline : world->now;
    turn_timeout(world->turn, world->now);
    pump(world);
    if (turn_deadline(world->turn) <= world->now)
        abort();
}

static void step(world_t *world, reader_t *reader)
{
    uint8_t op = 0, argument = 0;
    reader_u8(reader, &op);
    reader_u8(reader, &argument);
    turn_server_faults_t *faults = turn_server_faults(world->server);
    packet_t *packet;
    switch (op & 15) {
    case 0:
    case 1:
        give(world, packet_queue_pop(&world->to_client));
        break;
    case 2:
    case 3:
        serve(world);
        break;
    case 4: /* changed on the way */
        if ((packet = packet_queue_pop(&world->to_client)) != NULL && packet->length > 0)
            packet->data[argument % packet->length] ^= op | 1;
        give(world, packet);
        break;
    case 5: /* lost */
        packet_unref(packet_queue_pop(op & 16 ? &world->to_client : &world->to_server));
        break;
    case 6:
    case 7:
        invent(world, reader);
        break;
    case 8: { /* anything */
        const uint8_t *bytes = reader_bytes(reader, argument);
        if (bytes != NULL)
            give(world, packet_new_copy(world->pool, bytes, argument));
        break;
    }
    case 9:
    case 10:
        send_to_peer(world, argument, op >> 4);
        break;
    case 11: {
        address_t peer = peer_of(argument);
        world->is_asked[argument % PEERS] = true;
        turn_bind_channel(world->turn, world->now, &peer);
        if (pump(world) > 2)
            abort();
        break;
    }
    case 12: {
        address_t peer = peer_of(argument);
        const address_t *relayed = turn_relayed(world->turn, (address_family_t)peer.family);
        path_t path = {.remote = peer};
        if (relayed != NULL) {
            path.local = *relayed;
            turn_server_input(world->server, world->now, &path, &argument, 1);
        }
        break;
    }
    case 13:
        faults->is_silent = argument & 1;
        faults->has_no_integrity = argument & 2;
        faults->has_changing_realm = argument & 4;
        faults->needs_no_permission = argument & 8;
        faults->error_method = argument & 16 ? (argument & 32 ? STUN_CREATE_PERMISSION : STUN_ALLOCATE) : 0;
        faults->error_code = argument & 64 ? 440 : 508;
        if (argument & 128)
            turn_server_forget_nonces(world->server);
        break;
    case 14:
        if (argument == 1)
            turn_server_restart(world->server);
        else if (argument == 2)
            turn_close(world->turn, world->now);
        pump(world);
        break;
    default:
        pass_time(world, argument);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_t reader;
    uint8_t options = 0;
    reader_init(&reader, data, size);
    reader_u8(&reader, &options);
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    world_t world = {.now = PEER_SECOND, .pool = packet_pool_new()};
    world.path = (path_t){.socket = 1, .local = address_ipv4(198, 51, 100, 1, 4000), .remote = address_ipv4(192, 0, 2, 7, 3478)};
    world.path.protocol = options & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
    turn_server_config_t server = {.random = random_seeded_source(&generator),
                                   .relay_ipv4 = address_ipv4(192, 0, 2, 8, 0),
                                   .realm = "example.org",
                                   .username = options & 2 ? NULL : "user",
                                   .password = "secret",
                                   .has_sha256 = options & 4,
                                   .has_username_anonymity = options & 8,
                                   .lifetime = options & 16 ? 30 : 600,
                                   .send = server_sends,
                                   .context = &world};
    if (options & 32)
        address_parse(&server.relay_ipv6, "2001:db8::8", 0);
    turn_config_t config = {.random = server.random,
                            .pool = world.pool,
                            .path = world.path,
                            .username = options & 64 ? NULL : "user",
                            .password = "secret",
                            .wants_ipv4 = true,
                            .wants_ipv6 = options & 128};
    world.server = turn_server_new(&server);
    world.turn = turn_new(&config, world.now);
    pump(&world);
    for (int i = 0; i < MAX_STEPS && reader_left(&reader) > 0; i++)
        step(&world, &reader);
    turn_free(world.turn);
    turn_server_free(world.server);
    packet_queue_clear(&world.to_server);
    packet_queue_clear(&world.to_client);
    if (packet_pool_outstanding(world.pool) != 0)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
