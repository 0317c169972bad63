#include "rtp/rtp.h"
#include "test.h"

TEST(a_written_packet_reads_back)
{
    uint8_t octets[64];
    writer_t writer;
    writer_init(&writer, octets, sizeof octets);
    rtp_header_t header = {.ssrc = 0xdeadbeef, .timestamp = 0x01020304, .sequence_number = 65535, .payload_type = 111, .marker = true};
    CHECK(rtp_write_header(&writer, &header));
    CHECK_INT(writer.length, rtp_header_size(&header));
    CHECK(writer_copy(&writer, "payload", 7));
    rtp_view_t view;
    CHECK(rtp_parse(&view, octets, writer.length));
    CHECK_INT(view.ssrc, 0xdeadbeef);
    CHECK_INT(view.timestamp, 0x01020304);
    CHECK_INT(view.sequence_number, 65535);
    CHECK_INT(view.payload_type, 111);
    CHECK(view.marker);
    CHECK_INT(view.payload_length, 7);
    CHECK_BYTES(view.payload, "payload", 7);
    CHECK(view.extensions == NULL);
}

TEST(csrcs_extensions_and_padding_are_taken_apart)
{
    static const uint8_t octets[] = {
        0xb2, 0x60, 0x00, 0x01, 0,    0,    0, 2,  0, 0, 0, 3, /* V=2 P X CC=2 */
        0,    0,    0,    10,   0,    0,    0, 11,             /* CSRCs */
        0xbe, 0xde, 0,    1,    0x10, 0x7f, 0, 0,              /* one element */
        'a',  'b',  0,    0,    3,                             /* two octets, three of padding */
    };
    rtp_view_t view;
    CHECK(rtp_parse(&view, octets, sizeof octets));
    CHECK_INT(view.csrc_count, 2);
    CHECK_INT(bytes_get_u32(view.csrcs + 4), 11);
    CHECK_INT(view.extensions_length, 4);
    CHECK_INT(view.header_length, 28);
    CHECK_INT(view.payload_length, 2);
    CHECK_INT(view.padding_length, 3);
    for (size_t length = 0; length < 28; length++)
        CHECK(!rtp_parse(&view, octets, length));
}

TEST(padding_longer_than_the_payload_is_malformed)
{
    uint8_t octets[] = {0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'x', 3};
    rtp_view_t view;
    CHECK(!rtp_parse(&view, octets, sizeof octets));
    octets[13] = 0;
    CHECK(!rtp_parse(&view, octets, sizeof octets));
    octets[13] = 2;
    CHECK(rtp_parse(&view, octets, sizeof octets));
    CHECK_INT(view.payload_length, 0);
    CHECK(!rtp_parse(&view, octets, 12)); /* P set and nothing there */
    octets[0] = 0x40;
    CHECK(!rtp_parse(&view, octets, sizeof octets)); /* version 1 */
}

TEST(rtp_and_rtcp_are_told_apart_by_the_second_octet)
{
    CHECK(!rtp_is_rtcp("\x80\x60", 2));
    CHECK(!rtp_is_rtcp("\x80\xe0", 2)); /* payload type 96 with marker */
    CHECK(rtp_is_rtcp("\x80\xc8", 2));
    CHECK(rtp_is_rtcp("\x80\xcf", 2));
    CHECK(!rtp_is_rtcp("\x80", 1));
}

TEST(sequence_numbers_unwrap_through_reordering_and_wrap)
{
    rtp_unwrap_t unwrap = {0};
    CHECK_INT(rtp_unwrap_u16(&unwrap, 65534), 65534);
    CHECK_INT(rtp_unwrap_u16(&unwrap, 1), 65537);
    CHECK_INT(rtp_unwrap_u16(&unwrap, 65535), 65535);
    CHECK_INT(unwrap.last, 65537);
    CHECK_INT(rtp_unwrap_peek_u16(&unwrap, 0), 65536);
    rtp_unwrap_t low = {0};
    CHECK_INT(rtp_unwrap_u16(&low, 3), 3);
    CHECK_INT(rtp_unwrap_u16(&low, 65535), -1);
    int64_t expected = 0;
    rtp_unwrap_t walk = {0};
    for (uint32_t i = 0; i < 300000; i += 7000, expected += 7000)
        CHECK_INT(rtp_unwrap_u16(&walk, (uint16_t)i), expected);
}

TEST(timestamps_unwrap)
{
    rtp_unwrap_t unwrap = {0};
    CHECK_INT(rtp_unwrap_u32(&unwrap, 0xfffffff0u), 0xfffffff0ll);
    CHECK_INT(rtp_unwrap_u32(&unwrap, 0x10), 0x100000010ll);
    CHECK_INT(rtp_unwrap_u32(&unwrap, 0xffffffffu), 0xffffffffll);
}

TEST(ntp_time_keeps_microseconds)
{
    CHECK_INT(rtp_ntp_from_us(0), 0);
    CHECK_INT(rtp_ntp_from_us(1500000), 0x180000000ll);
    CHECK_INT(rtp_ntp_middle(rtp_ntp_from_us(65537500000ll)), 0x00018000);
    static const int64_t times[] = {1, 999999, 1000000, 2208988800123456ll, 4294967295999999ll};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        CHECK_INT(rtp_ntp_to_us(rtp_ntp_from_us(times[i])), times[i]);
}

TEST(an_rtx_packet_becomes_the_packet_it_carries)
{
    static const uint8_t octets[] = {0x80, 0xe1, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, 0xab, 0xcd, 'x', 'y'};
    rtp_view_t view;
    CHECK(rtp_parse(&view, octets, sizeof octets));
    CHECK(rtp_rtx_unwrap(&view, 5, 96));
    CHECK_INT(view.sequence_number, 0xabcd);
    CHECK_INT(view.ssrc, 5);
    CHECK_INT(view.payload_type, 96);
    CHECK(view.marker);
    CHECK_INT(view.payload_length, 2);
    CHECK(rtp_parse(&view, octets, 13));
    CHECK(!rtp_rtx_unwrap(&view, 5, 96));
}
