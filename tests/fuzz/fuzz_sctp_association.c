/* The input is what a remote side does to one association of ours: packets of any bytes behind a header that is put right, chunks whose
 * numbers lie near those in use, time that passes, and what the user of the association does meanwhile. */
#include "base/bytes.h"
#include "sctp/association.h"
#include "sctp/chunk.h"

#include <stdlib.h>
#include <string.h>

#define PORT 5000
#define MAX_STEPS 400
#define THEIR_TAG 0x01020304
#define THEIR_TSN 0xfffffff0u /* so that numbers wrap */
#define STREAMS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    packet_pool_t *pool;
    sctp_association_t *association;
    random_seeded_t random;
    peer_time_t now;
    uint32_t tag, tsn; /* ours */
    uint32_t next_tsn; /* of the remote side's data */
    uint32_t highest;  /* of ours that came out */
    uint32_t cookie_tag;
    uint8_t cookie[256]; /* of the last INIT ACK: a whole COOKIE ECHO */
    size_t cookie_length;
    uint8_t probe[64]; /* a heartbeat's value, of the largest packet that had one */
    size_t probe_length, probe_packet;
    size_t unconsumed, queued, taken;
    bool is_lost;
} world_t;

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    world_t *world = context;
    (void)stream;
    world->taken += bytes;
}

static void learn_cookie(world_t *world, const sctp_chunk_t *chunk)
{
    sctp_init_t init;
    sctp_parameter_t parameter;
    if (!sctp_init_parse(chunk, &init))
        abort();
    world->cookie_tag = init.tag;
    while (sctp_parameter_read(&init.parameters, &parameter)) {
        if (parameter.type != SCTP_PARAMETER_COOKIE)
            continue;
        writer_t writer;
        writer_init(&writer, world->cookie, sizeof world->cookie);
        sctp_chunk_write(&writer, SCTP_CHUNK_COOKIE_ECHO, 0, parameter.value, parameter.length);
        world->cookie_length = writer.length;
    }
}

/* What we send is sound, whatever we were sent. */
static void check_packet(world_t *world, const packet_t *packet)
{
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    sctp_data_t data;
    bool has_data = false;
    reader_init(&reader, packet->data, packet->length);
    if (!sctp_header_read(&reader, &header) || packet->length % 4 != 0)
        abort();
    while (sctp_chunk_read(&reader, &chunk)) {
        if (sctp_data_parse(&chunk, &data)) {
            has_data = true;
            if (data.length == 0)
                abort();
            if (sctp_tsn_before(world->highest, data.tsn))
                world->highest = data.tsn;
        } else if (has_data) {
            abort(); /* control chunks go first */
        }
        if (chunk.type == SCTP_CHUNK_INIT_ACK)
            learn_cookie(world, &chunk);
        if (chunk.type == SCTP_CHUNK_HEARTBEAT && packet->length >= world->probe_packet && chunk.length <= sizeof world->probe) {
            memcpy(world->probe, chunk.value, chunk.length);
            world->probe_length = chunk.length;
            world->probe_packet = packet->length;
        }
    }
    if (reader.failed)
        abort();
}

static void poll(world_t *world)
{
    packet_t *packet;
    sctp_association_event_t event;
    unsigned sum = 0, count = 0;
    while ((packet = sctp_association_output(world->association, world->now)) != NULL) {
        check_packet(world, packet);
        packet_unref(packet);
        if (++count > 100000)
            abort();
    }
    while (sctp_association_receive(world->association, &event)) {
        if (world->is_lost)
            abort();
        world->is_lost = event.type == SCTP_ASSOCIATION_LOST;
        if (event.message != NULL) {
            for (size_t i = 0; i < event.message->length; i += 97)
                sum += event.message->data[i];
            world->unconsumed += event.message->length;
            blob_unref(event.message);
        }
        for (size_t i = 0; i < event.stream_count && event.streams != NULL; i++)
            sum += event.streams[i];
        if (event.text != NULL)
            sum += (unsigned)strlen(event.text);
    }
    volatile unsigned sink = sum;
    (void)sink;
}

static void inject(world_t *world, uint32_t tag, const uint8_t *chunks, size_t length)
{
    uint8_t *packet = malloc(SCTP_COMMON_HEADER_SIZE + length);
    writer_t writer;
    writer_init(&writer, packet, SCTP_COMMON_HEADER_SIZE + length);
    sctp_header_write(&writer, &(sctp_header_t){.source_port = PORT, .destination_port = PORT, .tag = tag});
    writer_copy(&writer, chunks, length);
    sctp_checksum_put(packet, sctp_checksum(packet, writer.length));
    sctp_association_input(world->association, world->now, packet, writer.length);
    free(packet);
}

static void inject_raw(world_t *world, reader_t *script, bool has_right_tag)
{
    uint16_t length;
    if (!reader_u16(script, &length))
        return;
    length = (uint16_t)(length % 2048);
    size_t left = length < reader_left(script) ? length : reader_left(script);
    const uint8_t *bytes = reader_bytes(script, left);
    uint32_t tag = !has_right_tag ? 0 : world->tag;
    if (bytes != NULL && left > 0 && bytes[0] == SCTP_CHUNK_COOKIE_ECHO && world->cookie_length > 0)
        tag = world->cookie_tag;
    inject(world, tag, bytes, left);
}

static void invent_data(world_t *world, reader_t *script)
{
    static const uint8_t payload[1500];
    uint8_t distance, flags, stream, number, size, chunk[2000];
    writer_t writer;
    reader_u8(script, &distance);
    reader_u8(script, &flags);
    reader_u8(script, &stream);
    reader_u8(script, &number);
    if (!reader_u8(script, &size))
        return;
    uint32_t tsn = world->next_tsn + (uint32_t)(int32_t)(int8_t)distance;
    writer_init(&writer, chunk, sizeof chunk);
    sctp_data_write(&writer, &(sctp_data_t){.tsn = tsn,
                                            .stream = stream % (STREAMS + 2),
                                            .message_id = number,
                                            .fragment = number >> 3,
                                            .payload_protocol = 53,
                                            .flags = flags,
                                            .is_interleaved = (flags & 0x80) != 0,
                                            .data = payload,
                                            .length = (size_t)size * 5});
    if (distance == 0)
        world->next_tsn++;
    inject(world, world->tag, chunk, writer.length);
}

/* A probe is answered, between what wants answers itself. */
static void answer_probe(world_t *world, reader_t *script)
{
    static const uint8_t filling[255 * 64];
    uint8_t before, behind, chunks[2 * (sizeof filling + 8) + 100];
    writer_t writer;
    reader_u8(script, &before);
    if (!reader_u8(script, &behind))
        return;
    writer_init(&writer, chunks, sizeof chunks);
    if (before > 0)
        sctp_chunk_write(&writer, SCTP_CHUNK_HEARTBEAT, 0, filling, before * 4u);
    sctp_chunk_write(&writer, SCTP_CHUNK_HEARTBEAT_ACK, 0, world->probe, world->probe_length);
    if (behind > 0)
        sctp_chunk_write(&writer, SCTP_CHUNK_HEARTBEAT, 0, filling, behind * 64u);
    inject(world, world->tag, chunks, writer.length);
    world->probe_packet = 0;
}

static void invent_sack(world_t *world, reader_t *script)
{
    uint8_t back, window, gap_count, gaps[4 * 8], chunk[100];
    writer_t writer;
    reader_u8(script, &back);
    reader_u8(script, &window);
    if (!reader_u8(script, &gap_count))
        return;
    gap_count %= 9;
    for (size_t i = 0; i < gap_count * 2u; i++) {
        uint8_t value = 0;
        reader_u8(script, &value);
        bytes_put_u16(gaps + 2 * i, value);
    }
    writer_init(&writer, chunk, sizeof chunk);
    sctp_sack_write(
        &writer,
        &(sctp_sack_t){.cumulative = world->highest - back % 64, .window = (uint32_t)window << 12, .gap_count = gap_count, .gaps = gaps},
        NULL);
    inject(world, world->tag, chunk, writer.length);
}

static void invent_reconfig(world_t *world, reader_t *script)
{
    uint8_t type, distance, count, streams[64], chunk[200];
    writer_t writer;
    reader_u8(script, &type);
    reader_u8(script, &distance);
    if (!reader_u8(script, &count))
        return;
    count %= 32;
    for (size_t i = 0; i < count; i++)
        bytes_put_u16(streams + 2 * i, (uint16_t)(i % STREAMS));
    bool is_response = type % 6 == 3;
    sctp_reconfig_t reconfig = {.type = (uint16_t)(SCTP_PARAMETER_RESET_OUTGOING + type % 6),
                                .sequence = (is_response ? world->tsn : THEIR_TSN) + distance % 32,
                                .last_tsn = world->next_tsn + (distance >> 5) - 2,
                                .count = count,
                                .result = count % 8,
                                .streams = streams,
                                .stream_count = count};
    writer_init(&writer, chunk, sizeof chunk);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_RE_CONFIG, 0);
    sctp_reconfig_write(&writer, &reconfig);
    sctp_chunk_end(&writer, at);
    inject(world, world->tag, chunk, writer.length);
}

static void use(world_t *world, reader_t *script)
{
    static const uint8_t bytes[20000];
    uint8_t action, stream, limit;
    reader_u8(script, &action);
    reader_u8(script, &stream);
    if (!reader_u8(script, &limit))
        return;
    stream %= STREAMS;
    switch (action % 8) {
    case 0:
        sctp_association_reset_stream(world->association, world->now, stream);
        break;
    case 1:
        sctp_association_discard(world->association, world->now, stream);
        break;
    case 2:
        sctp_association_consumed(world->association, world->now, world->unconsumed);
        world->unconsumed = 0;
        break;
    case 3:
        sctp_association_set_priority(world->association, stream, (uint16_t)(limit + 1));
        sctp_association_set_streaming(world->association, stream, (size_t)limit * 100);
        break;
    case 4:
        sctp_association_set_path(world->association, world->now,
                                  &(sctp_path_t){.base_mtu = 600 + limit, .max_mtu = (size_t)limit * 200, .overhead = 60}, stream & 1);
        break;
    default: {
        size_t length = 1 + (size_t)limit * (action >> 3) * 2;
        blob_t *blob = blob_new_copy(bytes, length < sizeof bytes ? length : sizeof bytes);
        sctp_message_info_t info = {.stream = stream, .is_unordered = (action & 0x40) != 0, .reliability = action % 3, .limit = limit};
        length = blob->length;
        if (world->queued - world->taken > 1 << 20 || sctp_association_send(world->association, world->now, &info, blob) != 0)
            blob_unref(blob);
        else
            world->queued += length;
        break;
    }
    }
}

static void step(world_t *world, reader_t *script, uint8_t op)
{
    switch (op % 8) {
    case 0:
        inject_raw(world, script, true);
        break;
    case 1:
        if ((op & 0x08) != 0)
            answer_probe(world, script);
        else
            inject_raw(world, script, false);
        break;
    case 2:
        invent_data(world, script);
        break;
    case 3:
        invent_sack(world, script);
        break;
    case 4:
        invent_reconfig(world, script);
        break;
    case 5:
        if ((op & 0x80) != 0)
            inject(world, world->cookie_tag, world->cookie, world->cookie_length);
        else
            world->now += (peer_time_t)(op >> 3) * 17 * PEER_MILLISECOND;
        if (sctp_association_deadline(world->association) <= world->now)
            sctp_association_timeout(world->association, world->now);
        break;
    default:
        use(world, script);
        break;
    }
    if ((op & 0x40) != 0)
        return;
    poll(world);
    /* What is due has been done, or is done by the timer: else the loop would spin. */
    for (int i = 0; sctp_association_deadline(world->association) <= world->now; i++) {
        if (i == 20)
            abort();
        sctp_association_timeout(world->association, world->now);
        poll(world);
    }
}

static size_t write_their_init(uint8_t *bytes, size_t capacity, uint8_t options)
{
    static const uint8_t extensions[] = {SCTP_CHUNK_RE_CONFIG, SCTP_CHUNK_FORWARD_TSN, SCTP_CHUNK_I_DATA, SCTP_CHUNK_I_FORWARD_TSN};
    writer_t writer;
    writer_init(&writer, bytes, capacity);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT, 0);
    sctp_init_write(
        &writer, &(sctp_init_t){
                     .tag = THEIR_TAG, .window = 65536, .outbound_streams = STREAMS, .inbound_streams = STREAMS, .initial_tsn = THEIR_TSN});
    if ((options & 4) != 0)
        sctp_parameter_write(&writer, SCTP_PARAMETER_FORWARD_TSN, NULL, 0);
    sctp_parameter_write(&writer, SCTP_PARAMETER_EXTENSIONS, extensions, (options & 8) != 0 ? 4 : 1);
    if ((options & 16) != 0)
        sctp_parameter_write(&writer, SCTP_PARAMETER_ZERO_CHECKSUM, (const uint8_t[]){0, 0, 0, 1}, 4);
    if ((options & 32) != 0)
        sctp_parameter_write(&writer, SCTP_PARAMETER_LARGEST_PACKET, (const uint8_t[]){0, 0, 0x40, 0}, 4);
    sctp_chunk_end(&writer, at);
    return writer.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_t world = {.pool = packet_pool_new(), .now = PEER_SECOND, .next_tsn = THEIR_TSN};
    uint8_t init[256], options = 0, op;
    reader_t script;
    reader_init(&script, data, size);
    reader_u8(&script, &options);
    random_seeded_init(&world.random, 1);
    world.association = sctp_association_new(&(sctp_association_config_t){.pool = world.pool,
                                                                          .random = random_seeded_source(&world.random),
                                                                          .local_port = PORT,
                                                                          .path = {.base_mtu = 1200, .max_mtu = 9000, .overhead = 60},
                                                                          .max_message_size = 65536,
                                                                          .receive_window = 1 << 17,
                                                                          .max_streams = STREAMS,
                                                                          .on_taken = on_taken,
                                                                          .context = &world});
    sctp_association_local_init(world.association, init, sizeof init);
    world.tag = bytes_get_u32(init + 4);
    world.tsn = bytes_get_u32(init + 16);
    world.highest = world.tsn - 1;
    if ((options & 1) != 0)
        sctp_association_connect(world.association, world.now, PORT);
    else if ((options & 2) == 0)
        sctp_association_connect_with(world.association, world.now, PORT, init, write_their_init(init, sizeof init, options));
    else
        inject(&world, 0, init, write_their_init(init, sizeof init, options));
    poll(&world);
    for (int i = 0; i < MAX_STEPS && reader_u8(&script, &op); i++)
        step(&world, &script, op);
    poll(&world);
    sctp_association_stats_t stats;
    sctp_association_stats_get(world.association, &stats);
    if (stats.held > (1 << 17) + 4096)
        abort();
    if ((options & 0x80) != 0)
        sctp_association_end(world.association, world.now);
    poll(&world);
    sctp_association_free(world.association);
    if (packet_pool_outstanding(world.pool) != 0 || world.taken > world.queued)
        abort();
    packet_pool_release(world.pool);
    return 0;
}
