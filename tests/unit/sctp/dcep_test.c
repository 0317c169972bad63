#include "sctp/dcep.h"
#include "test.h"

TEST(an_open_message_reads_as_it_was_written)
{
    static const struct {
        bool is_unordered;
        int32_t retransmits, life_time;
    } cases[] = {{false, -1, -1}, {true, -1, -1}, {false, 0, -1}, {true, 5, -1}, {false, -1, 0}, {true, -1, 65535}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64];
        dcep_open_t out, in = {.is_unordered = cases[i].is_unordered,
                               .max_retransmits = cases[i].retransmits,
                               .max_packet_life_time_ms = cases[i].life_time,
                               .priority = 512,
                               .label = "chat",
                               .label_length = 4,
                               .protocol = "x.y",
                               .protocol_length = 3};
        CHECK_INT(dcep_open_size(&in), 19);
        dcep_open_write(&in, bytes);
        CHECK_INT(dcep_type(bytes, 19), DCEP_OPEN);
        CHECK(dcep_open_parse(&out, bytes, 19));
        CHECK_INT(out.is_unordered, in.is_unordered);
        CHECK_INT(out.max_retransmits, in.max_retransmits);
        CHECK_INT(out.max_packet_life_time_ms, in.max_packet_life_time_ms);
        CHECK_INT(out.priority, 512);
        CHECK_INT(out.label_length, 4);
        CHECK_BYTES(out.label, "chat", 4);
        CHECK_INT(out.protocol_length, 3);
        CHECK_BYTES(out.protocol, "x.y", 3);
    }
}

TEST(the_bytes_of_an_open_message_are_those_of_rfc_8832)
{
    static const uint8_t expected[] = {0x03, 0x81, 0x01, 0x00, 0, 0, 0, 3, 0, 1, 0, 2, 'l', 'p', 'q'};
    uint8_t bytes[sizeof expected];
    dcep_open_t open = {.is_unordered = true,
                        .max_retransmits = 3,
                        .max_packet_life_time_ms = -1,
                        .priority = 256,
                        .label = "l",
                        .label_length = 1,
                        .protocol = "pq",
                        .protocol_length = 2};
    CHECK_INT(dcep_open_size(&open), sizeof expected);
    dcep_open_write(&open, bytes);
    CHECK_BYTES(bytes, expected, sizeof expected);
}

TEST(an_open_message_cut_or_with_bytes_left_over_is_refused)
{
    static const uint8_t bytes[] = {0x03, 0x00, 0x01, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 'a', 'b', 'c', 'd'};
    dcep_open_t open;
    CHECK(dcep_open_parse(&open, bytes, 15));
    CHECK(!dcep_open_parse(&open, bytes, 16));
    for (size_t length = 0; length < 15; length++)
        CHECK(!dcep_open_parse(&open, bytes, length));
}

TEST(an_unknown_channel_type_is_refused)
{
    uint8_t bytes[DCEP_OPEN_HEADER_SIZE] = {0x03};
    dcep_open_t open;
    for (int type = 0; type < 256; type++) {
        bytes[1] = (uint8_t)type;
        CHECK_INT(dcep_open_parse(&open, bytes, sizeof bytes), (type & 0x7f) <= 2);
    }
}

TEST(a_limit_beyond_what_w3c_can_express_is_the_largest_it_can)
{
    uint8_t bytes[DCEP_OPEN_HEADER_SIZE] = {0x03, 0x02, 0, 0, 0xff, 0xff, 0xff, 0xff};
    dcep_open_t open;
    CHECK(dcep_open_parse(&open, bytes, sizeof bytes));
    CHECK_INT(open.max_packet_life_time_ms, 65535);
    CHECK_INT(open.max_retransmits, -1);
}

TEST(other_dcep_messages_are_told_apart)
{
    uint8_t ack[] = {0x02}, other[DCEP_OPEN_HEADER_SIZE] = {0x01};
    CHECK_INT(dcep_type(ack, 1), DCEP_ACK);
    CHECK_INT(dcep_type(ack, 0), DCEP_UNKNOWN);
    CHECK_INT(dcep_type(other, sizeof other), DCEP_UNKNOWN);
    other[0] = 0x03;
    CHECK_INT(dcep_type(other, DCEP_OPEN_HEADER_SIZE - 1), DCEP_UNKNOWN);
}
