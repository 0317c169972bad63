#include "rtp/payload.h"
#include "test.h"

#include <stdlib.h>

TEST(formats_are_found_by_name_whatever_its_case)
{
    CHECK(rtp_payload_format_find("OPUS") == &rtp_payload_opus);
    CHECK(rtp_payload_format_find("vp8") == &rtp_payload_vp8);
    CHECK(rtp_payload_format_find("vp9") == &rtp_payload_vp9);
    CHECK(rtp_payload_format_find("pcmu") == &rtp_payload_pcmu);
    CHECK(rtp_payload_format_find("PCMA") == &rtp_payload_pcma);
    CHECK(rtp_payload_format_find("rtx") == NULL);
}

TEST(opus_durations_follow_the_table_of_contents)
{
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x08", 1), 960);      /* SILK 20 ms */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x78", 1), 960);      /* hybrid 20 ms */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\xfc", 1), 960);      /* CELT 20 ms */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\xe0", 1), 120);      /* CELT 2.5 ms */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x19\x00", 2), 5760); /* two of 60 ms */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x1b\x02", 2), 5760); /* code 3, two frames */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x1b\x03", 2), 0);    /* 180 ms is too long */
    CHECK_INT(rtp_opus_samples((const uint8_t *)"\x1b", 1), 0);
    CHECK_INT(rtp_opus_samples((const uint8_t *)"", 0), 0);
}

TEST(audio_frames_travel_whole_or_not_at_all)
{
    rtp_packetizer_t packetizer;
    rtp_payload_context_t context = {0};
    uint8_t frame[160] = {1, 2, 3}, out[160];
    CHECK(!rtp_payload_pcmu.begin(&packetizer, &context, frame, 160, 159));
    CHECK(!rtp_payload_pcmu.begin(&packetizer, &context, frame, 0, 159));
    CHECK(rtp_payload_pcmu.begin(&packetizer, &context, frame, 160, 160));
    CHECK_INT(rtp_payload_pcmu.next(&packetizer, out), 160);
    CHECK_INT(packetizer.packets_left, 0);
    CHECK_INT(rtp_payload_pcmu.next(&packetizer, out), 0);
    CHECK_BYTES(out, frame, 160);
    CHECK_INT(rtp_payload_pcmu.duration(out, 160, 8000), 160);
}

TEST(vp8_descriptors_read_in_all_their_forms)
{
    rtp_vp8_descriptor_t d;
    CHECK(rtp_vp8_descriptor_parse(&d, (const uint8_t *)"\x10\x00", 2));
    CHECK(d.is_partition_start && d.partition == 0 && d.size == 1 && !d.has_picture_id);
    CHECK(!rtp_vp8_descriptor_parse(&d, (const uint8_t *)"\x10", 1)); /* nothing behind it */
    CHECK(rtp_vp8_descriptor_parse(&d, (const uint8_t *)"\xa3\x80\x55\x00", 4));
    CHECK(d.is_non_reference && !d.is_partition_start && d.partition == 3);
    CHECK(d.has_picture_id && d.picture_id == 0x55 && d.picture_id_mask == 0x7f && d.size == 3);
    static const uint8_t full[] = {0x90, 0xf0, 0x92, 0x34, 0x77, 0xb9, 0};
    CHECK(rtp_vp8_descriptor_parse(&d, full, sizeof full));
    CHECK(d.picture_id == 0x1234 && d.picture_id_mask == 0x7fff && d.tl0picidx == 0x77);
    CHECK(d.temporal_id == 2 && d.is_layer_sync && d.key_index == 25 && d.size == 6);
    for (size_t length = 0; length < sizeof full; length++)
        CHECK(!rtp_vp8_descriptor_parse(&d, full, length));
    static const uint8_t key_only[] = {0x80, 0x10, 0xff, 0};
    CHECK(rtp_vp8_descriptor_parse(&d, key_only, sizeof key_only));
    CHECK(!d.has_temporal_id && d.temporal_id == 0 && d.has_key_index && d.key_index == 31);
}

TEST(vp8_frames_of_every_size_come_back_from_equal_packets)
{
    static uint8_t frame[5000], joined[5000], payloads[64][200];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    rtp_payload_context_t context = {.picture_id = 0x7ffe, .has_temporal_layers = true};
    uint16_t expected_id = 0x7ffe;
    for (size_t length = 1; length < sizeof frame; length += length < 700 ? 1 : 97) {
        rtp_packetizer_t packetizer;
        rtp_fragment_t fragments[64];
        context.temporal_id = length & 1;
        CHECK(rtp_payload_vp8.begin(&packetizer, &context, frame, length, 200));
        size_t count = 0, size, smallest = 1000, largest = 0;
        while ((size = rtp_payload_vp8.next(&packetizer, payloads[count])) != 0) {
            rtp_payload_info_t info;
            CHECK(size <= 200);
            CHECK(rtp_payload_vp8.inspect(&info, payloads[count], size, packetizer.packets_left == 0));
            CHECK_INT(info.is_start, count == 0);
            CHECK_INT(info.is_end, packetizer.packets_left == 0);
            CHECK_INT(info.picture_id, expected_id);
            CHECK_INT(info.is_key, count == 0 && (frame[0] & 1) == 0);
            CHECK_INT(info.temporal_id, context.temporal_id);
            CHECK_INT(info.tl0picidx, context.tl0picidx);
            fragments[count] = (rtp_fragment_t){payloads[count], size};
            count++;
            smallest = size < smallest ? size : smallest;
            largest = size > largest ? size : largest;
        }
        CHECK(largest - smallest <= 1);
        CHECK_INT(rtp_payload_vp8.assemble(fragments, count, NULL, 0), length);
        CHECK_INT(rtp_payload_vp8.assemble(fragments, count, joined, length), length);
        CHECK_INT(rtp_payload_vp8.assemble(fragments, count, joined, length - 1), 0);
        CHECK_BYTES(joined, frame, length);
        expected_id = (expected_id + 1) & 0x7fff;
    }
}

TEST(vp8_key_frames_tell_their_size)
{
    static const uint8_t key[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x41};
    uint16_t width, height;
    CHECK(rtp_vp8_key_frame_size(key, sizeof key, &width, &height));
    CHECK(width == 640 && height == 480);
    CHECK(!rtp_vp8_key_frame_size(key, 9, &width, &height));
    CHECK(!rtp_vp8_is_key_frame((const uint8_t *)"\x11", 1));
    CHECK(!rtp_vp8_is_key_frame(key, 0));
}
