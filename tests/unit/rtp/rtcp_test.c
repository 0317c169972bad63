#include "rtp/rtcp.h"
#include "test.h"

static uint8_t octets[1500];
static writer_t writer;

static void start(void)
{
    writer_init(&writer, octets, sizeof octets);
}

static rtcp_view_t only_packet(void)
{
    rtcp_iterator_t iterator;
    rtcp_view_t view, rest;
    rtcp_iterate(&iterator, octets, writer.length);
    CHECK(rtcp_next(&iterator, &view));
    CHECK(!rtcp_next(&iterator, &rest));
    CHECK(!iterator.is_malformed);
    return view;
}

static rtcp_feedback_t only_feedback(uint8_t type, uint8_t format)
{
    rtcp_view_t view = only_packet();
    rtcp_feedback_t feedback;
    CHECK_INT(view.type, type);
    CHECK_INT(view.count, format);
    CHECK(rtcp_parse_feedback(&view, &feedback));
    CHECK_INT(feedback.sender_ssrc, 1);
    return feedback;
}

TEST(reports_read_back_as_written)
{
    start();
    rtcp_sender_info_t info = {.ssrc = 1, .ntp = 0x1122334455667788u, .rtp_timestamp = 9, .packet_count = 10, .octet_count = 11}, read;
    rtcp_report_block_t blocks[2] = {{.ssrc = 2,
                                      .fraction_lost = 128,
                                      .packets_lost = -3,
                                      .highest_sequence_number = 0x10005,
                                      .jitter = 7,
                                      .last_sender_report = 8,
                                      .delay_since_last = 9},
                                     {.ssrc = 3, .packets_lost = 0x7fffff}},
                        block;
    CHECK(rtcp_write_sender_report(&writer, &info, blocks, 2));
    rtcp_view_t view = only_packet();
    CHECK(rtcp_parse_sender_report(&view, &read));
    CHECK(read.ssrc == 1 && read.ntp == info.ntp && read.rtp_timestamp == 9 && read.packet_count == 10 && read.octet_count == 11);
    CHECK(rtcp_report_block(&view, 0, &block));
    CHECK(block.ssrc == 2 && block.fraction_lost == 128 && block.packets_lost == -3 && block.highest_sequence_number == 0x10005 &&
          block.jitter == 7 && block.last_sender_report == 8 && block.delay_since_last == 9);
    CHECK(rtcp_report_block(&view, 1, &block));
    CHECK_INT(block.packets_lost, 0x7fffff);
    CHECK(!rtcp_report_block(&view, 2, &block));

    start();
    uint32_t ssrc;
    CHECK(rtcp_write_receiver_report(&writer, 5, blocks, 1));
    view = only_packet();
    CHECK(rtcp_parse_receiver_report(&view, &ssrc));
    CHECK_INT(ssrc, 5);
    CHECK(rtcp_report_block(&view, 0, &block));
    CHECK_INT(block.ssrc, 2);
    view.length = 20; /* a count that promises more than there is */
    CHECK(!rtcp_report_block(&view, 0, &block));
}

TEST(a_compound_is_walked_and_its_damage_noticed)
{
    start();
    uint32_t ssrcs[] = {7, 8};
    CHECK(rtcp_write_receiver_report(&writer, 7, NULL, 0));
    CHECK(rtcp_write_sdes_cname(&writer, ssrcs, 2, "abcde"));
    CHECK(rtcp_write_bye(&writer, ssrcs, 2));
    rtcp_iterator_t iterator;
    rtcp_view_t view;
    rtcp_iterate(&iterator, octets, writer.length);
    CHECK(rtcp_next(&iterator, &view) && view.type == RTCP_RECEIVER_REPORT);
    CHECK(rtcp_next(&iterator, &view) && view.type == RTCP_SDES);
    rtcp_sdes_iterator_t items;
    rtcp_sdes_item_t item;
    rtcp_sdes_iterate(&items, &view);
    for (int i = 0; i < 2; i++) {
        CHECK(rtcp_sdes_next(&items, &item));
        CHECK_INT(item.ssrc, ssrcs[i]);
        CHECK_INT(item.type, RTCP_SDES_CNAME);
        CHECK_INT(item.length, 5);
        CHECK_BYTES(item.text, "abcde", 5);
    }
    CHECK(!rtcp_sdes_next(&items, &item));
    CHECK(rtcp_next(&iterator, &view) && view.type == RTCP_BYE);
    uint32_t ssrc;
    CHECK(rtcp_bye_ssrc(&view, 1, &ssrc) && ssrc == 8);
    CHECK(!rtcp_bye_ssrc(&view, 2, &ssrc));
    CHECK(!rtcp_next(&iterator, &view));
    CHECK(!iterator.is_malformed);
    for (size_t length = 1; length < writer.length; length++) {
        rtcp_iterate(&iterator, octets, length);
        size_t whole = 0;
        while (rtcp_next(&iterator, &view))
            whole += RTCP_HEADER_SIZE + view.length;
        CHECK(iterator.is_malformed == (whole != length));
    }
}

TEST(cname_of_every_length_is_padded_to_words)
{
    char cname[32] = "";
    for (size_t length = 0; length < 20; length++) {
        cname[length] = 0;
        uint32_t ssrc = 1;
        start();
        CHECK(rtcp_write_sdes_cname(&writer, &ssrc, 1, cname));
        rtcp_view_t view = only_packet();
        rtcp_sdes_iterator_t items;
        rtcp_sdes_item_t item;
        rtcp_sdes_iterate(&items, &view);
        CHECK(rtcp_sdes_next(&items, &item));
        CHECK_INT(item.length, length);
        CHECK(!rtcp_sdes_next(&items, &item));
        cname[length] = 'x';
    }
}

TEST(nack_packs_neighbours_and_wraps)
{
    static const uint16_t lost[] = {10, 11, 26, 27, 65530, 65535, 0, 3, 200};
    start();
    CHECK(rtcp_write_nack(&writer, 1, 2, lost, 9));
    CHECK_INT(writer.length, 12 + 4 * 4);
    rtcp_feedback_t feedback = only_feedback(RTCP_TRANSPORT_FEEDBACK, RTCP_FORMAT_NACK);
    CHECK_INT(feedback.media_ssrc, 2);
    size_t position = 0;
    uint16_t number;
    for (size_t i = 0; i < 9; i++) {
        CHECK(rtcp_nack_next(&feedback, &position, &number));
        CHECK_INT(number, lost[i]);
    }
    CHECK(!rtcp_nack_next(&feedback, &position, &number));
    CHECK(!rtcp_write_nack(&writer, 1, 2, lost, 0));
}

TEST(pli_fir_and_remb_read_back)
{
    start();
    CHECK(rtcp_write_pli(&writer, 1, 2));
    CHECK_INT(only_feedback(RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_PLI).media_ssrc, 2);
    start();
    CHECK(rtcp_write_fir(&writer, 1, 2, 200));
    rtcp_feedback_t feedback = only_feedback(RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_FIR);
    rtcp_fir_entry_t entry;
    CHECK(rtcp_fir_entry(&feedback, 0, &entry));
    CHECK(entry.ssrc == 2 && entry.sequence_number == 200);
    CHECK(!rtcp_fir_entry(&feedback, 1, &entry));
    start();
    static const uint32_t ssrcs[] = {2, 3};
    CHECK(rtcp_write_remb(&writer, 1, 2500000, ssrcs, 2));
    feedback = only_feedback(RTCP_PAYLOAD_FEEDBACK, RTCP_FORMAT_APPLICATION);
    uint64_t bitrate;
    size_t count;
    CHECK(rtcp_parse_remb(&feedback, &bitrate, &count));
    CHECK_INT(count, 2);
    CHECK(bitrate <= 2500000 && bitrate > 2499900);
    CHECK_INT(rtcp_remb_ssrc(&feedback, 1), 3);
}

TEST(transport_feedback_reads_back_in_every_mixture)
{
    static rtcp_transport_cc_packet_t in[600];
    uint32_t random = 1;
    for (int round = 0; round < 50; round++) {
        size_t count = 1 + (size_t)round * 11;
        for (size_t i = 0; i < count; i++) {
            random = random * 1664525u + 1013904223u;
            unsigned kind = round % 3 == 0 ? 0 : random >> 30;
            in[i] = (rtcp_transport_cc_packet_t){.sequence_number = (uint16_t)(65500 + i), .is_received = kind != 3};
            if (in[i].is_received)
                in[i].delta = kind == 2 ? (int32_t)(random >> 8 & 0xffff) - 0x8000 : (int32_t)(random >> 8 & 0xff);
        }
        start();
        CHECK(rtcp_write_transport_cc(&writer, 1, 2, -7, 9, in, count));
        rtcp_feedback_t feedback = only_feedback(RTCP_TRANSPORT_FEEDBACK, RTCP_FORMAT_TRANSPORT_CC);
        rtcp_transport_cc_t cc;
        rtcp_transport_cc_packet_t out;
        CHECK(rtcp_transport_cc_parse(&feedback, &cc));
        CHECK_INT(cc.reference_time, -7);
        CHECK_INT(cc.feedback_count, 9);
        for (size_t i = 0; i < count; i++) {
            CHECK(rtcp_transport_cc_next(&cc, &out));
            CHECK_INT(out.sequence_number, in[i].sequence_number);
            CHECK_INT(out.is_received, in[i].is_received);
            CHECK_INT(out.delta, in[i].delta);
        }
        CHECK(!rtcp_transport_cc_next(&cc, &out));
    }
}

TEST(transport_feedback_with_one_bit_vectors_reads)
{
    /* base 0x1234, five packets, reference 1, count 0; vector of one-bit symbols 10110…; three small deltas; padding */
    static const uint8_t fci[] = {0x12, 0x34, 0, 5, 0, 0, 1, 0, 0xac, 0x00, 4, 8, 12, 0, 0, 3};
    rtcp_feedback_t feedback = {.fci = fci, .fci_length = 13};
    rtcp_transport_cc_t cc;
    rtcp_transport_cc_packet_t packet;
    static const int expected[] = {4, -1, 8, 12, -1};
    CHECK(rtcp_transport_cc_parse(&feedback, &cc));
    for (int i = 0; i < 5; i++) {
        CHECK(rtcp_transport_cc_next(&cc, &packet));
        CHECK_INT(packet.is_received ? packet.delta : -1, expected[i]);
    }
    CHECK(!rtcp_transport_cc_next(&cc, &packet));
    feedback.fci_length = 12; /* the third delta is missing */
    CHECK(rtcp_transport_cc_parse(&feedback, &cc));
    for (int i = 0; i < 3; i++)
        CHECK(rtcp_transport_cc_next(&cc, &packet));
    CHECK(!rtcp_transport_cc_next(&cc, &packet));
}

TEST(extended_reports_read_back)
{
    start();
    CHECK(rtcp_write_xr_reference_time(&writer, 1, 0x0102030405060708u));
    rtcp_view_t view = only_packet();
    rtcp_xr_block_t block;
    size_t position = 0;
    uint64_t ntp;
    CHECK(rtcp_xr_next(&view, &position, &block));
    CHECK(rtcp_xr_reference_time(&block, &ntp) && ntp == 0x0102030405060708u);
    CHECK(!rtcp_xr_next(&view, &position, &block));
    start();
    rtcp_dlrr_t in[2] = {{1, 2, 3}, {4, 5, 6}}, out;
    CHECK(rtcp_write_xr_dlrr(&writer, 1, in, 2));
    view = only_packet();
    position = 0;
    CHECK(rtcp_xr_next(&view, &position, &block));
    CHECK(rtcp_xr_dlrr(&block, 1, &out));
    CHECK(out.ssrc == 4 && out.last_receiver_report == 5 && out.delay_since_last == 6);
    CHECK(!rtcp_xr_dlrr(&block, 2, &out));
}

TEST(a_writer_without_room_stays_as_it_was)
{
    rtcp_report_block_t block = {0};
    rtcp_sender_info_t info = {0};
    rtcp_transport_cc_packet_t packet = {.is_received = true};
    uint16_t number = 1;
    uint32_t ssrc = 1;
    for (size_t room = 0; room < 12; room++) {
        writer_init(&writer, octets, room);
        CHECK(!rtcp_write_sender_report(&writer, &info, &block, 1));
        CHECK(!rtcp_write_receiver_report(&writer, 1, &block, 1));
        CHECK(!rtcp_write_sdes_cname(&writer, &ssrc, 1, "cname"));
        CHECK(!rtcp_write_nack(&writer, 1, 2, &number, 1));
        CHECK(!rtcp_write_pli(&writer, 1, 2));
        CHECK(!rtcp_write_transport_cc(&writer, 1, 2, 0, 0, &packet, 1));
        CHECK(!writer.failed);
        CHECK_INT(writer.length, 0);
    }
}
