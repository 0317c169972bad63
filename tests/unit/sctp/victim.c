#include "victim.h"

#include "base/bytes.h"

#include <stdlib.h>

#define OUR_TAG_AT 4 /* in an INIT chunk, behind its head */

void victim_new_on(victim_t *v, const sctp_path_t *path)
{
    uint8_t init[SCTP_INIT_MAX];
    *v = (victim_t){.now = PEER_SECOND, .pool = packet_pool_new()};
    random_seeded_init(&v->random, 1);
    v->association = sctp_association_new(&(sctp_association_config_t){.pool = v->pool,
                                                                       .random = random_seeded_source(&v->random),
                                                                       .local_port = VICTIM_PORT,
                                                                       .path = *path,
                                                                       .max_message_size = 262144,
                                                                       .receive_window = 1 << 20,
                                                                       .max_streams = 1024});
    CHECK(v->association != NULL);
    CHECK(sctp_association_local_init(v->association, init, sizeof init) > 0);
    v->tag = bytes_get_u32(init + OUR_TAG_AT);
    v->tsn = bytes_get_u32(init + 16);
}

void victim_new(victim_t *v)
{
    victim_new_on(v, &(sctp_path_t){.base_mtu = 1200, .max_mtu = 1200});
}

void victim_poll(victim_t *v)
{
    packet_t *packet;
    sctp_association_event_t event;
    while ((packet = sctp_association_output(v->association, v->now)) != NULL) {
        v->packets_out++;
        v->bytes_out += packet->length;
        memcpy(v->last, packet->data, packet->length);
        v->last_length = packet->length;
        packet_unref(packet);
    }
    while (sctp_association_receive(v->association, &event)) {
        v->counts[event.type]++;
        if (event.type == SCTP_ASSOCIATION_MESSAGE) {
            sctp_association_consumed(v->association, v->now, event.message->length);
            blob_unref(event.message);
        }
        if (event.type == SCTP_ASSOCIATION_INCOMING_RESET) {
            v->stream_count = event.stream_count;
            for (size_t i = 0; i < event.stream_count && i < 8; i++)
                v->streams[i] = event.streams[i];
        }
        if (event.type == SCTP_ASSOCIATION_LOST) {
            v->is_orderly = event.is_orderly;
            v->cause_code = event.cause_code;
        }
    }
}

size_t write_init(uint8_t *bytes, size_t capacity, uint8_t type, const sctp_init_t *init)
{
    static const uint8_t extensions[] = {SCTP_CHUNK_RE_CONFIG, SCTP_CHUNK_FORWARD_TSN}, largest[] = {0, 0, 0x40, 0};
    writer_t writer;
    writer_init(&writer, bytes, capacity);
    size_t at = sctp_chunk_begin(&writer, type, 0);
    sctp_init_write(&writer, init);
    sctp_parameter_write(&writer, SCTP_PARAMETER_FORWARD_TSN, NULL, 0);
    sctp_parameter_write(&writer, SCTP_PARAMETER_EXTENSIONS, extensions, sizeof extensions);
    sctp_parameter_write(&writer, SCTP_PARAMETER_LARGEST_PACKET, largest, sizeof largest);
    CHECK(sctp_chunk_end(&writer, at));
    return writer.length;
}

const sctp_init_t their_init = {
    .tag = THEIR_TAG, .window = 100000, .outbound_streams = 100, .inbound_streams = 100, .initial_tsn = THEIR_TSN};

void victim_up_on(victim_t *v, const sctp_path_t *path)
{
    uint8_t init[256];
    victim_new_on(v, path);
    size_t length = write_init(init, sizeof init, SCTP_CHUNK_INIT, &their_init);
    CHECK_INT(sctp_association_connect_with(v->association, v->now, VICTIM_PORT, init, length), 0);
    victim_poll(v);
    v->bytes_out = v->packets_out = 0;
}

void victim_up(victim_t *v)
{
    victim_up_on(v, &(sctp_path_t){.base_mtu = 1200, .max_mtu = 1200});
}

void victim_free(victim_t *v)
{
    victim_poll(v);
    sctp_association_free(v->association);
    CHECK_INT(packet_pool_outstanding(v->pool), 0);
    packet_pool_release(v->pool);
}

void forge_tagged(victim_t *v, uint32_t tag, const void *chunks, size_t length)
{
    uint8_t *packet = malloc(SCTP_COMMON_HEADER_SIZE + length);
    writer_t writer;
    writer_init(&writer, packet, SCTP_COMMON_HEADER_SIZE + length);
    sctp_header_write(&writer, &(sctp_header_t){.source_port = VICTIM_PORT, .destination_port = VICTIM_PORT, .tag = tag});
    writer_copy(&writer, chunks, length);
    sctp_checksum_put(packet, sctp_checksum(packet, writer.length));
    sctp_association_input(v->association, v->now, packet, writer.length);
    v->bytes_in += writer.length;
    free(packet);
}

void forge(victim_t *v, const void *chunks, size_t length)
{
    forge_tagged(v, v->tag, chunks, length);
    victim_poll(v);
}

void forge_data(victim_t *v, uint32_t tsn, uint16_t stream, uint16_t sequence, uint8_t flags, size_t length)
{
    static const uint8_t bytes[2000];
    uint8_t chunk[2100];
    writer_t writer;
    writer_init(&writer, chunk, sizeof chunk);
    CHECK(sctp_data_write(&writer, &(sctp_data_t){.tsn = tsn,
                                                  .stream = stream,
                                                  .message_id = sequence,
                                                  .payload_protocol = 53,
                                                  .flags = flags,
                                                  .data = bytes,
                                                  .length = length}));
    forge(v, chunk, writer.length);
}

sctp_chunk_t answer_of(victim_t *v)
{
    sctp_chunk_t chunk = {.type = 255};
    sctp_header_t header;
    reader_t reader;
    reader_init(&reader, v->last, v->last_length);
    if (v->last_length > 0) {
        sctp_header_read(&reader, &header);
        CHECK(sctp_chunk_read(&reader, &chunk));
    }
    v->last_length = 0;
    return chunk;
}

bool is_over(victim_t *v)
{
    return v->counts[SCTP_ASSOCIATION_LOST] > 0;
}
