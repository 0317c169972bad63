/* What data channels put on the wire: payload protocols, order and acknowledgement of opening (RFC 8831 §6, RFC 8832 §5 and §6). */
#include "pair.h"
#include "send_copy.h"

#include "sctp/chunk.h"
#include "sctp/dcep.h"

typedef struct seen {
    uint16_t stream;
    uint32_t payload_protocol;
    bool is_unordered, is_from_a;
    uint8_t first; /* byte */
    size_t length;
} seen_t;

static seen_t seen[64];
static size_t seen_count;

static void watch(pair_t *pair, side_t *from, packet_t *packet)
{
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    reader_init(&reader, packet->data, packet->length);
    CHECK(sctp_header_read(&reader, &header));
    while (sctp_chunk_read(&reader, &chunk)) {
        sctp_data_t data;
        if (chunk.type != SCTP_CHUNK_DATA && chunk.type != SCTP_CHUNK_I_DATA)
            continue;
        CHECK(sctp_data_parse(&chunk, &data) && seen_count < sizeof seen / sizeof seen[0]);
        seen[seen_count++] = (seen_t){.stream = data.stream,
                                      .payload_protocol = data.payload_protocol,
                                      .is_unordered = (data.flags & SCTP_DATA_UNORDERED) != 0,
                                      .is_from_a = from == &pair->a,
                                      .first = data.data[0],
                                      .length = data.length};
    }
}

TEST(payload_protocols_are_those_of_rfc_8831_and_an_open_is_acknowledged_on_its_stream)
{
    pair_t pair;
    seen_count = 0;
    pair_connect(&pair, 1, &(link_options_t){.delay_us = 10000}, NULL);
    pair.on_packet = watch;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    CHECK(channel != NULL);
    pair_poll(&pair);
    CHECK_INT(send_copy(channel, pair.now, "text", 4, true), 0);
    CHECK_INT(send_copy(channel, pair.now, "bytes", 5, false), 0);
    CHECK_INT(send_copy(channel, pair.now, "", 0, true), 0);
    CHECK_INT(send_copy(channel, pair.now, "", 0, false), 0);
    pair_run(&pair, PEER_SECOND);
    static const seen_t expected[] = {{.payload_protocol = 50, .first = DCEP_OPEN, .length = 12},
                                      {.payload_protocol = 51, .first = 't', .length = 4},
                                      {.payload_protocol = 53, .first = 'b', .length = 5},
                                      {.payload_protocol = 56, .first = 0, .length = 1},
                                      {.payload_protocol = 57, .first = 0, .length = 1}};
    size_t count = 0, acks = 0;
    for (size_t i = 0; i < seen_count; i++) {
        CHECK_INT(seen[i].stream, sctp_channel_id(channel));
        CHECK(!seen[i].is_unordered);
        if (!seen[i].is_from_a) {
            CHECK(seen[i].payload_protocol == 50 && seen[i].first == DCEP_ACK && seen[i].length == 1);
            acks++;
            continue;
        }
        CHECK(count < 5);
        CHECK_INT(seen[i].payload_protocol, expected[count].payload_protocol);
        CHECK_INT(seen[i].first, expected[count].first);
        CHECK_INT(seen[i].length, expected[count].length);
        count++;
    }
    CHECK_INT(count, 5);
    CHECK_INT(acks, 1);
    pair_free(&pair);
}

TEST(an_unordered_channel_sends_in_order_until_its_open_is_acknowledged)
{
    pair_t pair;
    seen_count = 0;
    pair_connect(&pair, 1, &(link_options_t){.delay_us = 10000}, NULL);
    pair.on_packet = watch;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    options.is_unordered = true;
    sctp_channel_t *channel = sctp_open(pair.a.sctp, pair.now, &options);
    CHECK(channel != NULL);
    pair_poll(&pair);
    CHECK_INT(send_copy(channel, pair.now, "before", 6, true), 0);
    pair_run(&pair, PEER_SECOND);
    CHECK_INT(pair.b.announced_count, 1);
    CHECK_INT(send_copy(channel, pair.now, "Behind", 6, true), 0);
    CHECK_INT(send_copy(pair.b.announced[0], pair.now, "there", 5, true), 0);
    pair_run(&pair, PEER_SECOND);
    unsigned before = 0, behind = 0;
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i].payload_protocol == 50 || seen[i].first == 'b')
            CHECK(!seen[i].is_unordered);
        else
            CHECK(seen[i].is_unordered);
        before += seen[i].first == 'b';
        behind += seen[i].first == 'B' || seen[i].first == 't';
    }
    CHECK_INT(before, 1);
    CHECK_INT(behind, 2);
    pair_free(&pair);
}
