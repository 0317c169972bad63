/* Streams cut into packets, and packets made ready for a stream. */
#include "ice/framing.h"

#include "base/memory.h"
#include "test.h"

#define STREAM_MAX 200000

typedef struct stream {
    uint8_t bytes[STREAM_MAX];
    size_t length;
} stream_t;

static stream_t stream;

static void put(const void *bytes, size_t length)
{
    CHECK(stream.length + length <= sizeof stream.bytes);
    memcpy(stream.bytes + stream.length, bytes, length);
    stream.length += length;
}

static void put_stun(size_t body, uint8_t fill)
{
    uint8_t head[20] = {0x01, 0x01, (uint8_t)(body >> 8), (uint8_t)body, 0x21, 0x12, 0xa4, 0x42};
    uint8_t bytes[65536];
    memset(bytes, fill, body);
    put(head, sizeof head);
    put(bytes, body);
}

static void put_channel_data(uint16_t channel, size_t length, uint8_t fill)
{
    uint8_t head[4] = {(uint8_t)(channel >> 8), (uint8_t)channel, (uint8_t)(length >> 8), (uint8_t)length};
    uint8_t bytes[65536] = {0};
    memset(bytes, fill, length);
    put(head, sizeof head);
    put(bytes, (length + 3) / 4 * 4);
}

static void put_ice(size_t length, uint8_t fill)
{
    uint8_t head[2] = {(uint8_t)(length >> 8), (uint8_t)length}, bytes[65536];
    memset(bytes, fill, length);
    put(head, sizeof head);
    put(bytes, length);
}

/* The packets of the stream, read in pieces of `piece` bytes; what went wrong. */
static const char *read_all(link_framing_t kind, size_t piece, packet_queue_t *packets, packet_pool_t *pool)
{
    framing_t framing;
    framing_init(&framing, kind, pool);
    for (size_t at = 0; at < stream.length && framing.error == NULL; at += piece) {
        const uint8_t *data = stream.bytes + at;
        size_t length = stream.length - at < piece ? stream.length - at : piece;
        packet_t *packet;
        while ((packet = framing_read(&framing, &data, &length)) != NULL)
            packet_queue_push(packets, packet);
        CHECK(length == 0 || framing.error != NULL);
    }
    const char *error = framing.error;
    framing_clear(&framing);
    return error;
}

static void check_next(packet_queue_t *packets, size_t length, uint8_t last)
{
    packet_t *packet = packet_queue_pop(packets);
    CHECK(packet != NULL);
    CHECK_INT(packet->length, length);
    if (length != 0)
        CHECK_INT(packet->data[length - 1], last);
    packet_unref(packet);
}

static const size_t pieces[] = {1, 2, 3, 7, 20, 1460, STREAM_MAX};
#define PIECES (sizeof pieces / sizeof *pieces)

TEST(packets_with_a_length_before_them_are_found_however_the_stream_is_cut)
{
    packet_pool_t *pool = packet_pool_new();
    stream.length = 0;
    put_ice(1, 1);
    put_ice(0, 0); /* RFC 4571 §2: a null packet is none */
    put_ice(1200, 2);
    put_ice(65535, 3);
    put_ice(20, 4);
    for (size_t p = 0; p < PIECES; p++) {
        packet_queue_t packets = {0};
        CHECK(read_all(LINK_FRAMING_ICE, pieces[p], &packets, pool) == NULL);
        CHECK_INT(packets.count, 4);
        check_next(&packets, 1, 1);
        check_next(&packets, 1200, 2);
        check_next(&packets, 65535, 3);
        check_next(&packets, 20, 4);
    }
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(stun_and_channel_data_are_found_however_the_stream_is_cut)
{
    packet_pool_t *pool = packet_pool_new();
    stream.length = 0;
    put_stun(0, 0);
    put_channel_data(0x4000, 5, 1);
    put_channel_data(0x4fff, 0, 0);
    put_stun(100, 2);
    put_channel_data(0x4001, 1200, 3);
    put_stun(65516 & ~3u, 4);
    put_channel_data(0x4001, 65532, 5);
    for (size_t p = 0; p < PIECES; p++) {
        packet_queue_t packets = {0};
        CHECK(read_all(LINK_FRAMING_STUN, pieces[p], &packets, pool) == NULL);
        CHECK_INT(packets.count, 7);
        check_next(&packets, 20, 0);
        check_next(&packets, 9, 1); /* without its padding */
        check_next(&packets, 4, 0);
        check_next(&packets, 120, 2);
        check_next(&packets, 1204, 3);
        check_next(&packets, 65536, 4);
        check_next(&packets, 65536, 5);
    }
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(a_stream_that_is_not_stun_is_broken_and_says_why)
{
    static const struct {
        uint8_t bytes[8];
        const char *error;
    } cases[] = {
        {{0x50, 0x00, 0, 0}, "What came is neither a STUN message nor ChannelData."},
        {{0x80, 0x60, 0, 0}, "What came is neither a STUN message nor ChannelData."},
        {{0x16, 0x03, 0x03, 0x01}, "What came is neither a STUN message nor ChannelData."}, /* TLS, its length no multiple of four */
        {{0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x43}, "What came is not STUN: its magic cookie is missing."},
        {{0x40, 0x00, 0xff, 0xff}, "A packet came that is longer than 65536 bytes."},
        {{0x01, 0x01, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42}, "A packet came that is longer than 65536 bytes."},
    };
    packet_pool_t *pool = packet_pool_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t p = 0; p < PIECES; p++) {
            packet_queue_t packets = {0};
            stream.length = 0;
            put_stun(8, 1);
            put(cases[i].bytes, sizeof cases[i].bytes);
            CHECK_TEXT(read_all(LINK_FRAMING_STUN, pieces[p], &packets, pool), cases[i].error);
            check_next(&packets, 28, 1); /* what came before is whole */
            CHECK_INT(packets.count, 0);
        }
    }
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(a_cut_off_stream_leaves_nothing_behind)
{
    packet_pool_t *pool = packet_pool_new();
    stream.length = 0;
    put_ice(1000, 1);
    for (size_t cut = 0; cut < 1002; cut++) {
        packet_queue_t packets = {0};
        stream.length = cut;
        CHECK(read_all(LINK_FRAMING_ICE, STREAM_MAX, &packets, pool) == NULL);
        CHECK_INT(packets.count, 0);
    }
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(without_memory_a_packet_is_lost_and_the_next_one_found)
{
    packet_pool_t *pool = packet_pool_new();
    packet_queue_t packets = {0};
    stream.length = 0;
    put_ice(700, 1);
    put_ice(30, 2);
    memory_fail_nth(1);
    CHECK(read_all(LINK_FRAMING_ICE, 64, &packets, pool) == NULL);
    memory_fail_nth(0);
    CHECK_INT(packets.count, 1);
    check_next(&packets, 30, 2);
    packet_pool_release(pool);
}

TEST(what_is_written_is_read_as_it_was)
{
    packet_pool_t *pool = packet_pool_new();
    for (int kind = LINK_FRAMING_ICE; kind <= LINK_FRAMING_STUN; kind++) {
        packet_queue_t packets = {0};
        stream.length = 0;
        for (size_t length = 1; length < 10; length++) {
            uint8_t bytes[16] = {0x40, 0x01, 0, (uint8_t)length};
            packet_t *packet = packet_new_copy(pool, bytes, 4 + length);
            CHECK(framing_write((link_framing_t)kind, packet));
            put(packet->data, packet->length);
            packet_unref(packet);
        }
        CHECK(read_all((link_framing_t)kind, 1, &packets, pool) == NULL);
        CHECK_INT(packets.count, 9);
        for (size_t length = 1; length < 10; length++)
            check_next(&packets, 4 + length, 0);
    }
    packet_t *packet = packet_new(pool, PACKET_LARGE);
    packet->length = PACKET_LARGE;
    CHECK(!framing_write(LINK_FRAMING_ICE, packet)); /* its length does not fit two octets */
    CHECK_INT(packet->length, PACKET_LARGE);
    packet_unref(packet);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}
