#include "rtp/rtp.h"
#include "test.h"

static size_t write_packet(uint8_t *octets, size_t capacity, const rtp_extensions_t *extensions, const rtp_extension_map_t *map)
{
    writer_t writer;
    writer_init(&writer, octets, capacity);
    rtp_header_t header = {.ssrc = 1, .extensions = extensions, .map = map};
    CHECK(rtp_write_header(&writer, &header));
    CHECK_INT(writer.length, rtp_header_size(&header));
    CHECK_INT(writer.length % 4, 0);
    return writer.length;
}

static void check_round_trip(const rtp_extension_map_t *map, uint16_t expected_profile)
{
    rtp_extensions_t in = {.present = (1u << RTP_EXTENSION_COUNT) - 1,
                           .mid = "audio0",
                           .mid_length = 6,
                           .rid = "hi",
                           .rid_length = 2,
                           .repaired_rid = "hi",
                           .repaired_rid_length = 2,
                           .abs_send_time = 0xabcdef,
                           .transport_sequence_number = 0x1234,
                           .audio_level = 77,
                           .has_voice = true,
                           .video_orientation = 3,
                           .toffset = -5,
                           .playout_delay_min = 0x123,
                           .playout_delay_max = 0xfed,
                           .csrc_levels = (const uint8_t *)"\x05\x7f",
                           .csrc_level_count = 2,
                           .capture_time = UINT64_C(0xe9b0a1d280000001),
                           .has_capture_offset = true,
                           .capture_offset = -3};
    uint8_t octets[256];
    size_t length = write_packet(octets, sizeof octets, &in, map);
    rtp_view_t view;
    CHECK(rtp_parse(&view, octets, length));
    CHECK_INT(view.extension_profile, expected_profile);
    rtp_extensions_t out;
    rtp_extensions_parse(&out, &view, map);
    CHECK_INT(out.present, in.present);
    CHECK_INT(out.mid_length, 6);
    CHECK_BYTES(out.mid, "audio0", 6);
    CHECK_BYTES(out.rid, "hi", 2);
    CHECK_INT(out.abs_send_time, 0xabcdef);
    CHECK_INT(out.transport_sequence_number, 0x1234);
    CHECK_INT(out.audio_level, 77);
    CHECK(out.has_voice);
    CHECK_INT(out.video_orientation, 3);
    CHECK_INT(out.toffset, -5);
    CHECK_INT(out.playout_delay_min, 0x123);
    CHECK_INT(out.playout_delay_max, 0xfed);
    CHECK_INT(out.csrc_level_count, 2);
    CHECK_BYTES(out.csrc_levels, "\x05\x7f", 2);
    CHECK(out.capture_time == UINT64_C(0xe9b0a1d280000001) && out.has_capture_offset && out.capture_offset == -3);
}

TEST(a_capture_time_may_come_without_the_senders_offset_and_a_cut_one_is_none)
{
    rtp_extension_map_t map = {.ids[RTP_EXTENSION_ABS_CAPTURE_TIME] = 1};
    rtp_extensions_t in = {.present = 1u << RTP_EXTENSION_ABS_CAPTURE_TIME, .capture_time = 7}, out;
    uint8_t octets[64];
    rtp_view_t view;
    size_t length = write_packet(octets, sizeof octets, &in, &map);
    CHECK(rtp_parse(&view, octets, length));
    rtp_extensions_parse(&out, &view, &map);
    CHECK(rtp_extensions_has(&out, RTP_EXTENSION_ABS_CAPTURE_TIME) && out.capture_time == 7 && !out.has_capture_offset);
    octets[16] = 0x16; /* seven octets of it */
    CHECK(rtp_parse(&view, octets, length));
    rtp_extensions_parse(&out, &view, &map);
    CHECK(!rtp_extensions_has(&out, RTP_EXTENSION_ABS_CAPTURE_TIME));
}

TEST(every_extension_round_trips_in_the_one_byte_form)
{
    rtp_extension_map_t map = {0};
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++)
        CHECK(rtp_extension_map_bind(&map, (uint8_t)(i + 1), (rtp_extension_t)i));
    check_round_trip(&map, 0xbede);
}

TEST(an_id_above_14_makes_the_two_byte_form)
{
    rtp_extension_map_t map = {0};
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++)
        CHECK(rtp_extension_map_bind(&map, (uint8_t)(i + 16), (rtp_extension_t)i));
    check_round_trip(&map, 0x1000);
}

TEST(a_value_longer_than_16_octets_makes_the_two_byte_form)
{
    rtp_extension_map_t map = {.ids[RTP_EXTENSION_MID] = 1};
    rtp_extensions_t in = {.present = 1u << RTP_EXTENSION_MID, .mid = "12345678901234567", .mid_length = 17};
    uint8_t octets[64];
    rtp_view_t view;
    CHECK(rtp_parse(&view, octets, write_packet(octets, sizeof octets, &in, &map)));
    CHECK_INT(view.extension_profile, 0x1000);
    size_t length;
    CHECK(rtp_extension_find(&view, 1, &length) != NULL);
    CHECK_INT(length, 17);
}

TEST(what_is_not_bound_is_not_written)
{
    rtp_extension_map_t map = {0};
    rtp_extensions_t in = {.present = 1u << RTP_EXTENSION_MID, .mid = "0", .mid_length = 1};
    uint8_t octets[64];
    CHECK_INT(write_packet(octets, sizeof octets, &in, &map), RTP_HEADER_SIZE);
}

TEST(binding_refuses_reserved_and_taken_ids)
{
    rtp_extension_map_t map = {0};
    CHECK(!rtp_extension_map_bind(&map, 0, RTP_EXTENSION_MID));
    CHECK(!rtp_extension_map_bind(&map, 15, RTP_EXTENSION_MID));
    CHECK(rtp_extension_map_bind(&map, 4, RTP_EXTENSION_MID));
    CHECK(rtp_extension_map_bind(&map, 4, RTP_EXTENSION_MID));
    CHECK(!rtp_extension_map_bind(&map, 4, RTP_EXTENSION_RID));
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++)
        CHECK_INT(rtp_extension_from_uri(rtp_extension_uri((rtp_extension_t)i)), i);
    CHECK_INT(rtp_extension_from_uri("urn:x"), RTP_EXTENSION_UNKNOWN);
}

TEST(padding_is_skipped_and_id_15_ends_the_reading)
{
    static const uint8_t octets[] = {0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2, 0, 0, 0x10, 'a', 0xf0, 1, 0x20, 'b'};
    rtp_extension_map_t map = {.ids = {[RTP_EXTENSION_MID] = 1, [RTP_EXTENSION_RID] = 2}};
    rtp_view_t view;
    rtp_extensions_t out;
    CHECK(rtp_parse(&view, octets, sizeof octets));
    rtp_extensions_parse(&out, &view, &map);
    CHECK_INT(out.present, 1u << RTP_EXTENSION_MID);
    CHECK_BYTES(out.mid, "a", 1);
}

TEST(an_element_running_past_the_end_is_ignored)
{
    static const uint8_t octets[] = {0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 'a', 0x2f, 'b'};
    rtp_extension_map_t map = {.ids = {[RTP_EXTENSION_MID] = 1, [RTP_EXTENSION_RID] = 2}};
    rtp_view_t view;
    rtp_extensions_t out;
    CHECK(rtp_parse(&view, octets, sizeof octets));
    rtp_extensions_parse(&out, &view, &map);
    CHECK_INT(out.present, 1u << RTP_EXTENSION_MID);
}

TEST(abs_send_time_is_6_18_fixed_point)
{
    CHECK_INT(rtp_abs_send_time(0), 0);
    CHECK_INT(rtp_abs_send_time(1000000), 1 << 18);
    CHECK_INT(rtp_abs_send_time(64000000), 0);
    CHECK_INT(rtp_abs_send_time(63999999), 0);
    CHECK_INT(rtp_abs_send_time(500000), 1 << 17);
}
