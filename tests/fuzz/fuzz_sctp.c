/* The input is a script for a connected pair: each step delivers, drops, doubles or mangles a packet, invents chunks with the right tag,
 * checksum and numbers, uses the channels, or lets time pass. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "sctp/sctp.h"
#include "send_copy.h"
#include "virtual_random.h"
#include "virtual_time.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 300
#define MAX_CHANNELS 16
#define MAX_PACKETS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    packet_pool_t *pool;
    sctp_t *sides[2];
    packet_queue_t flights[2]; /* on the way to each */
    uint32_t tags[2];          /* that packets to each bear */
    uint32_t next_tsns[2];     /* of data to each */
    sctp_channel_t *channels[2][MAX_CHANNELS];
    size_t channel_counts[2];
    peer_time_t now;
} world_t;

static void learn(world_t *world, int to, const packet_t *packet)
{
    uint32_t tag = bytes_get_u32(packet->data + 4);
    if (tag != 0)
        world->tags[to] = tag;
    for (size_t at = 12; at + 16 <= packet->length;) {
        size_t length = bytes_get_u16(packet->data + at + 2);
        if (packet->data[at] == 0)
            world->next_tsns[to] = bytes_get_u32(packet->data + at + 4) + 1;
        if (length < 4)
            break;
        at += (length + 3) & ~(size_t)3;
    }
}

static void use(const sctp_output_t *output)
{
    unsigned sum = 0;
    for (size_t i = 0; output->message != NULL && i < output->message->length; i++)
        sum += output->message->data[i];
    if (output->text != NULL)
        sum += (unsigned)strlen(output->text);
    if (output->channel != NULL)
        sum += (unsigned)strlen(sctp_channel_label(output->channel)) + (unsigned)sctp_channel_state(output->channel);
    volatile unsigned sink = sum;
    (void)sink;
}

static void pump(world_t *world)
{
    for (int side = 0; side < 2; side++) {
        sctp_output_t output;
        while (sctp_poll(world->sides[side], world->now, &output)) {
            if (output.type == SCTP_OUTPUT_SEND) {
                learn(world, !side, output.packet);
                if (world->flights[!side].count < MAX_PACKETS)
                    packet_queue_push(&world->flights[!side], output.packet);
                else
                    packet_unref(output.packet);
                continue;
            }
            use(&output);
            if (output.type == SCTP_OUTPUT_MESSAGE && output.message != NULL) {
                sctp_consumed(world->sides[side], world->now, output.message->length);
                blob_unref(output.message);
            }
            if (output.type == SCTP_OUTPUT_CHANNEL_ANNOUNCED && world->channel_counts[side] < MAX_CHANNELS)
                world->channels[side][world->channel_counts[side]++] = output.channel;
        }
    }
}

static void put_checksum(packet_t *packet)
{
    memset(packet->data + 8, 0, 4);
    uint32_t crc = crc32c(0, packet->data, packet->length);
    for (int i = 0; i < 4; i++)
        packet->data[8 + i] = (uint8_t)(crc >> (8 * i));
}

static void deliver(world_t *world, int to)
{
    packet_t *packet = packet_queue_pop(&world->flights[to]);
    if (packet != NULL)
        sctp_input(world->sides[to], world->now, packet);
}

static void pass(world_t *world, peer_time_t duration)
{
    world->now += duration;
    virtual_time_set(world->now);
    for (int side = 0; side < 2; side++)
        if (sctp_deadline(world->sides[side]) <= world->now)
            sctp_timeout(world->sides[side], world->now);
}

static void invent(world_t *world, reader_t *script, int to)
{
    uint8_t type, flags, size, body[255];
    if (!reader_u8(script, &type) || !reader_u8(script, &flags) || !reader_u8(script, &size))
        return;
    size_t length = size < reader_left(script) ? size : reader_left(script);
    reader_copy(script, body, length);
    packet_t *packet = packet_new(world->pool, 12 + 16 + sizeof body + 3);
    uint8_t *p = packet->data;
    memset(p, 0, 12 + 16 + sizeof body + 3);
    bytes_put_u16(p, SCTP_DEFAULT_PORT);
    bytes_put_u16(p + 2, SCTP_DEFAULT_PORT);
    bytes_put_u32(p + 4, type == 1 ? 0 : world->tags[to]);
    p[12] = type;
    p[13] = flags;
    size_t chunk = 4 + length;
    memcpy(p + 16, body, length);
    if ((type == 0 || type == 192 || type == 3) && length >= 4) {
        /* Its first byte says how far from the numbers in use. */
        uint32_t base = type == 3 ? world->next_tsns[!to] : world->next_tsns[to];
        bytes_put_u32(p + 16, base + (uint32_t)(int32_t)(int8_t)body[0]);
    }
    bytes_put_u16(p + 14, (flags & 0x80) != 0 ? (uint16_t)(flags * 5) : (uint16_t)chunk);
    packet->length = 12 + ((chunk + 3) & ~(size_t)3);
    put_checksum(packet);
    sctp_input(world->sides[to], world->now, packet);
}

static void mangle(world_t *world, reader_t *script, int to)
{
    uint8_t at, value;
    packet_t *packet = world->flights[to].first;
    if (packet == NULL || !reader_u8(script, &at) || !reader_u8(script, &value))
        return;
    packet->data[12 + at % (packet->length - 12)] ^= value;
    put_checksum(packet);
    deliver(world, to);
}

static void use_channel(world_t *world, reader_t *script, int side)
{
    static const uint8_t bytes[20000];
    uint8_t action, which;
    if (!reader_u8(script, &action) || !reader_u8(script, &which))
        return;
    if (action % 4 == 0 && world->channel_counts[side] < MAX_CHANNELS) {
        sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
        options.label = "fuzz";
        options.is_unordered = (which & 1) != 0;
        options.max_retransmits = (which & 2) != 0 ? which >> 4 : -1;
        options.is_negotiated = (which & 4) != 0;
        options.id = options.is_negotiated ? which >> 3 : SCTP_CHANNEL_ID_NONE;
        sctp_channel_t *channel = sctp_open(world->sides[side], world->now, &options);
        if (channel != NULL)
            world->channels[side][world->channel_counts[side]++] = channel;
        return;
    }
    if (world->channel_counts[side] == 0)
        return;
    size_t index = which % world->channel_counts[side];
    sctp_channel_t *channel = world->channels[side][index];
    switch (action % 4) {
    case 1:
        sctp_channel_close(channel, world->now);
        break;
    case 2:
        sctp_channel_release(channel, world->now);
        world->channels[side][index] = world->channels[side][--world->channel_counts[side]];
        break;
    default:
        send_copy(channel, world->now, bytes, (size_t)(action >> 2) * 300, (which & 0x80) != 0);
        break;
    }
}

static void step(world_t *world, reader_t *script, uint8_t op)
{
    int side = (op & 0x80) != 0;
    switch (op & 7) {
    case 0:
        deliver(world, side);
        break;
    case 1: /* the newest first */
        for (size_t i = 1; i < world->flights[side].count; i++)
            packet_queue_push(&world->flights[side], packet_queue_pop(&world->flights[side]));
        deliver(world, side);
        break;
    case 2:
        packet_unref(packet_queue_pop(&world->flights[side]));
        break;
    case 3:
        if (world->flights[side].first != NULL)
            sctp_input(world->sides[side], world->now,
                       packet_new_copy(world->pool, world->flights[side].first->data, world->flights[side].first->length));
        break;
    case 4:
        mangle(world, script, side);
        break;
    case 5:
        invent(world, script, side);
        break;
    case 6:
        pass(world, (peer_time_t)((op >> 3) & 15) * 37 * PEER_MILLISECOND);
        break;
    default:
        if ((op & 0x78) == 0x78)
            sctp_terminate(world->sides[side], world->now);
        else
            use_channel(world, script, side);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    random_seeded_t random[2];
    world_t world = {.pool = packet_pool_new(), .now = PEER_SECOND};
    virtual_time_set(world.now);
    virtual_random_seed(1);
    for (int side = 0; side < 2; side++) {
        random_seeded_init(&random[side], (uint64_t)side + 1);
        world.sides[side] = sctp_new(&(sctp_config_t){.pool = world.pool,
                                                      .random = random_seeded_source(&random[side]),
                                                      .path = {.base_mtu = 1160, .max_mtu = 1400, .overhead = 65},
                                                      .max_channels = 32,
                                                      .max_message_size = 65536});
        sctp_set_role(world.sides[side], side == 0);
        sctp_start(world.sides[side], world.now);
    }
    for (int i = 0; i < 6; i++) {
        pump(&world);
        while (world.flights[0].count + world.flights[1].count > 0) {
            deliver(&world, 0);
            deliver(&world, 1);
        }
    }
    reader_t script;
    uint8_t op;
    reader_init(&script, data, size);
    for (int i = 0; i < MAX_STEPS && reader_u8(&script, &op); i++) {
        step(&world, &script, op);
        pump(&world);
    }
    pass(&world, PEER_SECOND);
    pump(&world);
    for (int side = 0; side < 2; side++) {
        packet_queue_clear(&world.flights[side]);
        sctp_free(world.sides[side]);
    }
    if (packet_pool_outstanding(world.pool) != 0)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
