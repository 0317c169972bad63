/* A remote side that DTLS has authenticated and that means harm: what changes under way (the path, the phase) finds no buffer that is too
 * small, no timer that is due for ever, and nothing that is stuck. */
#include "victim.h"

#include "base/bytes.h"

#include <stdlib.h>

#define HEARTBEAT_SIZE 20 /* of ours: chunk header, and a parameter with number and nonce */

static size_t put_chunk(uint8_t *bytes, uint8_t type, const void *value, size_t length)
{
    writer_t writer;
    writer_init(&writer, bytes, 4 + length + 3);
    CHECK(sctp_chunk_write(&writer, type, 0, value, length));
    return writer.length;
}

static void send_bytes(victim_t *v, uint16_t stream, size_t length)
{
    blob_t *blob = blob_new(length);
    memset(blob->data, 7, length);
    blob->length = length;
    sctp_message_info_t info = {.stream = stream, .payload_protocol = 53};
    CHECK_INT(sctp_association_send(v->association, v->now, &info, blob), 0);
}

/* The association's next `count` timers. */
static void run_timers(victim_t *v, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        peer_time_t deadline = sctp_association_deadline(v->association);
        if (deadline == PEER_TIME_NEVER)
            return;
        if (deadline > v->now)
            v->now = deadline;
        sctp_association_timeout(v->association, v->now);
        victim_poll(v);
    }
}

TEST(a_path_that_grows_while_answers_wait_leaves_their_buffer_as_it_is)
{
    static uint8_t filling[14000], chunks[14400];
    uint8_t proof[HEARTBEAT_SIZE - 4];
    victim_t v;
    victim_up_on(&v, &(sctp_path_t){.base_mtu = 1200, .max_mtu = 16384, .overhead = 48});
    send_bytes(&v, 0, 4000);
    packet_t *packet;
    size_t largest = 0;
    while ((packet = sctp_association_output(v.association, v.now)) != NULL) {
        if (packet->data[12] == SCTP_CHUNK_HEARTBEAT && packet->length > largest) {
            largest = packet->length;
            memcpy(proof, packet->data + 16, sizeof proof);
        }
        packet_unref(packet);
    }
    CHECK_INT(largest, 16384);
    size_t length = put_chunk(chunks, SCTP_CHUNK_HEARTBEAT, "1234", 4);
    length += put_chunk(chunks + length, SCTP_CHUNK_HEARTBEAT_ACK, proof, sizeof proof);
    length += put_chunk(chunks + length, SCTP_CHUNK_HEARTBEAT, filling, sizeof filling);
    v.bytes_out = 0;
    forge_tagged(&v, v.tag, chunks, length);
    packet = sctp_association_output(v.association, v.now);
    CHECK(packet != NULL);
    CHECK_INT(packet->data[12], SCTP_CHUNK_HEARTBEAT_ACK);
    CHECK_INT(bytes_get_u16(packet->data + 14), 8);
    CHECK(packet->data[20] != SCTP_CHUNK_HEARTBEAT_ACK || packet->length == 20); /* there was no room for another */
    packet_unref(packet);
    victim_free(&v);
}

TEST(answers_that_wait_leave_on_a_path_that_shrank)
{
    static const uint8_t filling[1000];
    uint8_t chunk[1100];
    victim_t v;
    victim_up(&v);
    size_t length = put_chunk(chunk, SCTP_CHUNK_HEARTBEAT, filling, sizeof filling);
    forge_tagged(&v, v.tag, chunk, length);
    sctp_association_set_path(v.association, v.now, &(sctp_path_t){.base_mtu = 600, .max_mtu = 600}, true);
    victim_poll(&v);
    CHECK_INT(answer_of(&v).length, sizeof filling);
    length = put_chunk(chunk, SCTP_CHUNK_HEARTBEAT, filling, 4);
    forge(&v, chunk, length);
    CHECK_INT(answer_of(&v).length, 4);
    victim_free(&v);
}

TEST(an_acknowledgement_that_cannot_be_said_any_more_is_not_due)
{
    uint8_t chunks[64], cumulative[4];
    victim_t v;
    victim_up(&v);
    writer_t writer;
    writer_init(&writer, chunks, sizeof chunks);
    CHECK(sctp_data_write(&writer, &(sctp_data_t){.tsn = THEIR_TSN, .flags = 3, .payload_protocol = 53, .data = chunks, .length = 4}));
    bytes_put_u32(cumulative, v.tsn - 1);
    size_t length = writer.length + put_chunk(chunks + writer.length, SCTP_CHUNK_SHUTDOWN, cumulative, sizeof cumulative);
    forge(&v, chunks, length);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_SHUTDOWN_ACK);
    CHECK(sctp_association_deadline(v.association) > v.now);
    victim_free(&v);
}

TEST(an_init_ack_with_a_cookie_of_no_bytes_is_no_good)
{
    uint8_t chunk[256];
    victim_t v;
    victim_new(&v);
    CHECK_INT(sctp_association_connect(v.association, v.now, VICTIM_PORT), 0);
    victim_poll(&v);
    size_t length = write_init(chunk, sizeof chunk, SCTP_CHUNK_INIT_ACK, &their_init);
    static const uint8_t cookie[] = {0, SCTP_PARAMETER_COOKIE, 0, 4};
    memcpy(chunk + length, cookie, sizeof cookie); /* the packet's last bytes */
    bytes_put_u16(chunk + 2, (uint16_t)(length + sizeof cookie));
    forge(&v, chunk, length + sizeof cookie);
    CHECK(is_over(&v));
    CHECK_INT(v.cause_code, SCTP_CAUSE_INVALID_PARAMETER);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_ABORT);
    victim_free(&v);
}

TEST(a_reset_that_is_not_answered_holds_up_nothing_when_the_remote_side_shuts_down)
{
    uint8_t chunk[16], cumulative[4];
    victim_t v;
    victim_up(&v);
    send_bytes(&v, 0, 1000); /* one chunk, too large for the path that follows */
    victim_poll(&v);
    CHECK(sctp_association_reset_stream(v.association, v.now, 2));
    victim_poll(&v);
    sctp_association_set_path(v.association, v.now, &(sctp_path_t){.base_mtu = 600, .max_mtu = 600}, false);
    bytes_put_u32(cumulative, v.tsn - 1);
    size_t length = put_chunk(chunk, SCTP_CHUNK_SHUTDOWN, cumulative, sizeof cumulative);
    forge(&v, chunk, length);
    run_timers(&v, 8);
    v.last_length = 0;
    run_timers(&v, 8);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_DATA);
    CHECK(sctp_association_deadline(v.association) > v.now);
    victim_free(&v);
}

/* Acknowledgements that contradict each other cost the most; one a packet is read. */
TEST(of_a_packet_one_acknowledgement_counts)
{
    uint8_t chunks[64], sack[16] = {0};
    victim_t v;
    victim_up(&v);
    send_bytes(&v, 0, 8);
    victim_poll(&v);
    bytes_put_u32(sack, v.tsn - 1);
    bytes_put_u32(sack + 4, 5000);
    size_t length = put_chunk(chunks, SCTP_CHUNK_SACK, sack, 12);
    bytes_put_u32(sack + 4, 7000);
    length += put_chunk(chunks + length, SCTP_CHUNK_SACK, sack, 12);
    forge(&v, chunks, length);
    sctp_association_stats_t stats;
    sctp_association_stats_get(v.association, &stats);
    CHECK_INT(stats.receiver_window, 5000);
    victim_free(&v);
}

/* Held one by one for streams that are being reset, they are counted, given up and sent stream by stream, however many others there are. */
TEST(messages_that_wait_for_a_reset_are_their_streams)
{
    victim_t v;
    victim_up(&v);
    for (uint16_t stream = 0; stream < 100; stream++)
        CHECK(sctp_association_reset_stream(v.association, v.now, stream));
    for (int round = 1; round <= 3; round++)
        for (uint16_t stream = 0; stream < 100; stream++)
            send_bytes(&v, stream, (size_t)(10 * round + stream));
    victim_poll(&v);
    CHECK_INT(sctp_association_queued(v.association, 7), 10 + 20 + 30 + 3 * 7);
    sctp_association_discard(v.association, v.now, 7);
    CHECK_INT(sctp_association_queued(v.association, 7), 0);
    CHECK_INT(sctp_association_queued(v.association, 8), 10 + 20 + 30 + 3 * 8);
    send_bytes(&v, 7, 5);
    CHECK_INT(sctp_association_queued(v.association, 7), 5);
    sctp_chunk_t chunk = answer_of(&v);
    CHECK_INT(chunk.type, SCTP_CHUNK_RE_CONFIG);
    uint8_t response[32], parameter[12];
    bytes_put_u16(parameter, SCTP_PARAMETER_RESPONSE);
    bytes_put_u16(parameter + 2, sizeof parameter);
    memcpy(parameter + 4, chunk.value + 4, 4);
    bytes_put_u32(parameter + 8, SCTP_RECONFIG_PERFORMED);
    forge(&v, response, put_chunk(response, SCTP_CHUNK_RE_CONFIG, parameter, sizeof parameter));
    CHECK_INT(v.counts[SCTP_ASSOCIATION_OUTGOING_RESET], 1);
    CHECK_INT(sctp_association_queued(v.association, 7), 0);
    CHECK_INT(sctp_association_queued(v.association, 8), 0);
    victim_free(&v);
}
