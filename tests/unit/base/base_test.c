#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/packet.h"
#include "base/random.h"
#include "base/text.h"
#include "test.h"

#include <stdlib.h>

TEST(reader_fails_softly_and_stays_failed)
{
    reader_t reader;
    uint16_t u16;
    uint32_t u32;
    reader_init(&reader, "\x01\x02\x03", 3);
    CHECK(reader_u16(&reader, &u16));
    CHECK_INT(u16, 0x0102);
    CHECK(!reader_u32(&reader, &u32));
    uint8_t u8;
    CHECK(!reader_u8(&reader, &u8));
    CHECK_INT(reader_left(&reader), 0);
}

TEST(writer_stops_at_its_capacity)
{
    uint8_t bytes[4] = {0};
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    CHECK(writer_u24(&writer, 0x010203));
    CHECK(!writer_u16(&writer, 1));
    CHECK(writer.failed);
    CHECK_INT(writer.length, 3);
}

TEST(addresses_parse_and_print_as_rfc_5952_says)
{
    static const char *const same[] = {"192.0.2.1", "::", "::1", "2001:db8::1", "fe80::1:0:0:1", "2001:db8:0:1:1:1:1:1", "1::", "0:0:1::"};
    static const char *const wrong[] = {"",        "1.2.3", "1.2.3.4.5", "256.1.1.1",      "01.2.3.4", ":",   ":::", "1:2:3:4:5:6:7:8:9",
                                        "1::2::3", "g::1",  "12345::",   "1:2:3:4:5:6:7:", "::1.2.3",  "host"};
    char text[ADDRESS_TEXT_SIZE];
    address_t address;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK(address_parse(&address, same[i], 0));
        CHECK_TEXT(address_ip_text(&address, text), same[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (address_parse(&address, wrong[i], 0))
            test_fail(__FILE__, __LINE__, "accepted \"%s\"", wrong[i]);
    CHECK(address_parse(&address, "::ffff:192.0.2.1", 80));
    CHECK_TEXT(address_text(&address, text), "[::ffff:c000:201]:80");
    CHECK(address_parse(&address, "0:0:0:0:0:0:0:1", 0) && address_is_loopback(&address));
    CHECK(address_parse(&address, "172.31.0.1", 0) && address_is_private(&address));
    CHECK(address_parse(&address, "172.32.0.1", 0) && !address_is_private(&address));
}

TEST(map_keeps_what_a_model_keeps)
{
    static char model[512];
    map_t map = {0};
    random_seeded_t generator;
    random_seeded_init(&generator, 7);
    random_source_t random = random_seeded_source(&generator);
    memset(model, 0, sizeof model);
    for (int i = 0; i < 20000; i++) {
        uint32_t key = random_below(&random, 512);
        if (random_below(&random, 2) == 0) {
            CHECK(map_set(&map, key * 8, &model[key]));
            model[key] = 1;
        } else {
            CHECK((map_remove(&map, key * 8) != NULL) == (model[key] != 0));
            model[key] = 0;
        }
    }
    size_t count = 0;
    for (uint32_t key = 0; key < 512; key++) {
        CHECK((map_get(&map, key * 8) == &model[key]) == (model[key] != 0));
        count += model[key] != 0;
    }
    CHECK_INT(map.count, count);
    map_clear(&map);
}

TEST(packets_return_to_their_pool_and_outlive_its_release)
{
    packet_pool_t *pool = packet_pool_new();
    packet_t *packet = packet_new_copy(pool, "abc", 3);
    CHECK(packet != NULL && packet_headroom(packet) == PACKET_HEADROOM);
    packet_ref(packet);
    packet_unref(packet);
    CHECK_INT(packet_pool_outstanding(pool), 1);
    packet_unref(packet);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    CHECK(packet_new(pool, PACKET_LARGE + 1) == NULL);
    packet = packet_new(pool, PACKET_LARGE);
    CHECK(packet != NULL);
    packet_pool_release(pool);
    packet_unref(packet);
}

TEST(a_packet_takes_no_more_room_than_its_size_asks_for)
{
    packet_pool_t *pool = packet_pool_new();
    static const size_t sizes[][2] = {{0, PACKET_SMALL},
                                      {PACKET_SMALL, PACKET_SMALL},
                                      {PACKET_SMALL + 1, PACKET_MEDIUM},
                                      {PACKET_MEDIUM, PACKET_MEDIUM},
                                      {PACKET_MEDIUM + 1, PACKET_LARGE}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        packet_t *packet = packet_new(pool, sizes[i][0]);
        CHECK(packet != NULL);
        CHECK_INT(packet->capacity, PACKET_HEADROOM + sizes[i][1] + PACKET_TAILROOM);
        CHECK_INT(packet_tailroom(packet), sizes[i][1] + PACKET_TAILROOM);
        CHECK_INT((uintptr_t)packet->storage % 16, 0);
        packet_unref(packet);
    }
    packet_pool_release(pool);
}

TEST(slices_share_the_bytes_of_their_parent_and_keep_it)
{
    packet_pool_t *pool = packet_pool_new();
    packet_t *parent = packet_new_copy(pool, "onetwothree", 11);
    packet_t *one = packet_slice(parent, 0, 3), *two = packet_slice(parent, 3, 3);
    CHECK(one->data == parent->data && two->data == parent->data + 3);
    CHECK_INT(packet_headroom(two) + packet_tailroom(two), 0);
    CHECK(!packet_append(one, "x", 1));
    memcpy(one->data, "ONE", 3);
    packet_unref(parent);
    CHECK_BYTES(two->data, "two", 3);
    packet_unref(one);
    CHECK_INT(packet_pool_outstanding(pool), 2);
    packet_pool_release(pool);
    CHECK_BYTES(two->data, "two", 3);
    packet_unref(two);
}

TEST(a_detached_slice_has_storage_of_its_own)
{
    packet_pool_t *pool = packet_pool_new();
    packet_t *parent = packet_new_copy(pool, "onetwothree", 11);
    packet_t *slice = packet_slice(parent, 3, 3);
    slice->time = 7;
    slice->ecn = 1;
    slice->may_fragment = 1;
    slice->path.socket = 5;
    packet_unref(parent);
    packet_t *own = packet_detach(slice);
    CHECK_INT(packet_pool_outstanding(pool), 1);
    CHECK_BYTES(own->data, "two", 3);
    CHECK_INT(own->length, 3);
    CHECK_INT(own->time, 7);
    CHECK_INT(own->ecn, 1);
    CHECK_INT(own->may_fragment, 1);
    CHECK_INT(own->path.socket, 5);
    CHECK_INT(packet_headroom(own), PACKET_HEADROOM);
    CHECK(packet_detach(own) == own);
    packet_unref(own);
    packet_pool_release(pool);
}

TEST(a_pool_gives_back_what_nobody_wants_any_more)
{
    enum { COUNT = 100 };
    packet_t *packets[COUNT];
    packet_pool_t *pool = packet_pool_new();
    for (size_t i = 0; i < COUNT; i++)
        packets[i] = packet_new(pool, i % 2 == 0 ? PACKET_SMALL : PACKET_LARGE);
    for (size_t i = 0; i < COUNT; i++)
        packet_unref(packets[i]);
    size_t kept = packet_pool_kept(pool);
    CHECK(kept > COUNT / 2 * (PACKET_SMALL + PACKET_LARGE));
    CHECK_INT(packet_pool_trim(pool), 0); /* all were wanted a moment ago */
    packets[0] = packet_new(pool, PACKET_LARGE);
    packet_unref(packets[0]);
    size_t given = packet_pool_trim(pool);
    CHECK_INT(packet_pool_kept(pool), kept - given);
    CHECK(packet_pool_kept(pool) > PACKET_LARGE); /* one large packet was wanted */
    packet_pool_trim(pool);
    CHECK(packet_pool_kept(pool) < 32 * 1024);
    CHECK_INT(packet_pool_trim(pool), 0);
    packet_pool_release(pool);
}

TEST(errors_name_the_exception_and_keep_the_message)
{
    CHECK_INT(error_set(PEER_ERROR_SYNTAX, "line %d", 3), PEER_ERROR_SYNTAX);
    CHECK_INT(error_prefix(PEER_ERROR_SYNTAX, "offer: "), PEER_ERROR_SYNTAX);
    CHECK_TEXT(peer_last_error_message(), "offer: line 3");
    CHECK_TEXT(peer_error_name(PEER_ERROR_INVALID_STATE), "InvalidStateError");
    CHECK_TEXT(peer_error_name(12345), "");
}

TEST(decimal_numbers_are_bounded)
{
    uint64_t value;
    CHECK(text_parse_u64("65535", 5, 65535, &value) && value == 65535);
    CHECK(!text_parse_u64("65536", 5, 65535, &value));
    CHECK(!text_parse_u64("", 0, 9, &value));
    CHECK(!text_parse_u64("1a", 2, 99, &value));
    CHECK(!text_parse_u64("99999999999999999999999", 23, UINT64_MAX, &value));
}

TEST(utf8_is_told_from_what_only_looks_like_it)
{
    static const char *const good[] = {
        "", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x61",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!text_is_utf8(bad[i], strlen(bad[i])));
}

TEST(a_text_is_written_as_printf_does)
{
    text_t text = {0};
    text_addf(&text, "%s|%u|%d|%d|%d%%", "", UINT32_MAX, INT32_MIN, -7, 0);
    text_addf(&text, "|%s %u%s", "a", 0u, "b\r\n");
    text_addf(&text, "|%02X|%.2s|%c", 10u, "abc", 'x');
    char *written = text_take(&text);
    CHECK_TEXT(written, "|4294967295|-2147483648|-7|0%|a 0b\r\n|0A|ab|x");
    memory_free(written);
}
