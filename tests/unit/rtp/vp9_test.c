/* VP9's payload format (RFC 9628). */
#include "rtp/vp9.h"
#include "test.h"

#include <stdlib.h>

/* A key frame of profile 0, 640×360: frame marker, key frame, shown; sync code; color space 1; sizes less one. */
static const uint8_t key_frame[] = {0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70, 0, 0, 0};

TEST(vp9_descriptors_read_in_all_their_forms)
{
    rtp_vp9_descriptor_t d;
    CHECK(rtp_vp9_descriptor_parse(&d, (const uint8_t *)"\x0c\x82", 2));
    CHECK(d.is_start && d.is_end && !d.has_picture_id && !d.is_predicted && !d.has_layers && !d.is_flexible && d.size == 1);
    CHECK(!rtp_vp9_descriptor_parse(&d, (const uint8_t *)"\x0c", 1)); /* nothing behind it */
    CHECK(rtp_vp9_descriptor_parse(&d, (const uint8_t *)"\xc9\x55\x86", 3));
    CHECK(d.has_picture_id && d.picture_id == 0x55 && d.picture_id_mask == 0x7f && d.is_predicted && d.is_not_for_upper && d.size == 2);
    static const uint8_t layered[] = {0xe8, 0x92, 0x34, 0x57, 0x77, 0x86}; /* non-flexible: TID 2, U, SID 3, D, TL0PICIDX */
    CHECK(rtp_vp9_descriptor_parse(&d, layered, sizeof layered));
    CHECK(d.picture_id == 0x1234 && d.picture_id_mask == 0x7fff && d.has_layers && d.temporal_id == 2 && d.is_switching_point);
    CHECK(d.spatial_id == 3 && d.is_on_lower_layer && d.has_tl0picidx && d.tl0picidx == 0x77 && d.size == 5);
    static const uint8_t flexible[] = {0xf8, 0x92, 0x34, 0x40, 0x03, 0x05, 0x08, 0x86}; /* TID 2; P_DIFF 1, 2, 4 */
    CHECK(rtp_vp9_descriptor_parse(&d, flexible, sizeof flexible));
    CHECK(d.is_flexible && d.temporal_id == 2 && !d.has_tl0picidx && d.difference_count == 3 && d.size == 7);
    CHECK(d.differences[0] == 1 && d.differences[1] == 2 && d.differences[2] == 4);
    for (size_t length = 0; length < sizeof flexible; length++)
        CHECK(!rtp_vp9_descriptor_parse(&d, flexible, length));
    static const uint8_t four[] = {0xf8, 0x01, 0x40, 0x03, 0x05, 0x07, 0x08, 0x86}; /* §4.2.1: at most three */
    CHECK(!rtp_vp9_descriptor_parse(&d, four, sizeof four));
}

TEST(vp9_scalability_structures_are_read_and_bounded)
{
    /* Three spatial layers with their sizes, and a pattern of four pictures: 0 2 1 2. */
    static const uint8_t payload[] = {0x8a, 0x05, 0x58, 0,    160, 0,    90, 1,    64, 0,    180, 2, 128,
                                      1,    104,  4,    0x04, 4,   0x54, 1,  0x34, 2,  0x58, 1,   2, 0x82};
    rtp_vp9_descriptor_t d;
    rtp_vp9_structure_t s;
    size_t size;
    CHECK(rtp_vp9_descriptor_parse(&d, payload, sizeof payload));
    CHECK(d.has_structure && d.structure == 2 && d.size == sizeof payload - 1);
    CHECK(rtp_vp9_structure_parse(&s, payload + d.structure, sizeof payload - d.structure, &size));
    CHECK(s.spatial_layers == 3 && s.has_sizes && s.width[2] == 640 && s.height[2] == 360 && size == d.size - d.structure);
    CHECK_INT(s.pattern.length, 4);
    CHECK(s.pattern.references[0] == 8 && s.pattern.references[1] == 1 && s.pattern.references[2] == 2 && s.pattern.references[3] == 3);
    for (size_t length = 0; length < sizeof payload; length++)
        CHECK(!rtp_vp9_descriptor_parse(&d, payload, length));
    /* A pattern of 255 pictures, with three references each, is read over and not kept; so is one that reaches back too far. */
    static uint8_t long_one[3 + 255 * 4 + 1] = {0x0a, 0x08, 255};
    for (size_t i = 0; i < 255; i++)
        long_one[3 + 4 * i] = 0x0c;
    CHECK(rtp_vp9_descriptor_parse(&d, long_one, sizeof long_one));
    CHECK(rtp_vp9_structure_parse(&s, long_one + 1, sizeof long_one - 1, &size));
    CHECK(s.pattern.length == 0 && size == sizeof long_one - 2);
    CHECK(rtp_vp9_structure_parse(&s, (const uint8_t *)"\x08\x01\x04\x41", 4, &size));
    CHECK_INT(s.pattern.length, 0);
}

TEST(vp9_frames_of_every_size_come_back_from_equal_packets)
{
    static uint8_t frame[5000], joined[5000], payloads[64][200];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    rtp_payload_context_t context = {.picture_id = 0x7ffe};
    uint16_t expected_id = 0x7ffe;
    for (size_t length = 1; length < sizeof frame; length += length < 700 ? 1 : 97) {
        rtp_packetizer_t packetizer;
        rtp_fragment_t fragments[64];
        context.is_key = length % 5 == 1;
        context.has_temporal_layers = length % 3 == 0;
        context.temporal_id = context.is_key ? 0 : length & 1;
        memcpy(frame, key_frame, 8);
        frame[0] = context.is_key ? 0x82 : 0x86;
        CHECK(rtp_payload_vp9.begin(&packetizer, &context, frame, length, 200));
        size_t count = 0, size, smallest = 1000, largest = 0;
        while ((size = rtp_payload_vp9.next(&packetizer, payloads[count])) != 0) {
            rtp_payload_info_t info;
            rtp_vp9_descriptor_t d;
            CHECK(size <= 200);
            CHECK(rtp_payload_vp9.inspect(&info, payloads[count], size, packetizer.packets_left == 0));
            CHECK(rtp_vp9_descriptor_parse(&d, payloads[count], size));
            CHECK_INT(info.is_start, count == 0);
            CHECK_INT(info.is_end, packetizer.packets_left == 0);
            CHECK_INT(d.is_end, packetizer.packets_left == 0);
            CHECK_INT(info.picture_id, expected_id);
            CHECK_INT(info.is_key, count == 0 && context.is_key);
            CHECK_INT(d.is_predicted, !context.is_key);
            CHECK_INT(d.has_structure, count == 0 && context.is_key);
            CHECK_INT(info.has_layers, context.has_temporal_layers);
            CHECK_INT(info.temporal_id, context.has_temporal_layers ? context.temporal_id : 0);
            CHECK_INT(d.is_flexible, context.has_temporal_layers);
            fragments[count] = (rtp_fragment_t){payloads[count], size};
            count++;
            smallest = size < smallest ? size : smallest;
            largest = size > largest ? size : largest;
        }
        CHECK(largest - smallest <= 1);
        CHECK_INT(rtp_payload_vp9.assemble(fragments, count, NULL, 0), length);
        CHECK_INT(rtp_payload_vp9.assemble(fragments, count, joined, length), length);
        CHECK_INT(rtp_payload_vp9.assemble(fragments, count, joined, length - 1), 0);
        CHECK_BYTES(joined, frame, length);
        expected_id = (expected_id + 1) & 0x7fff;
    }
    rtp_packetizer_t packetizer;
    CHECK(!rtp_payload_vp9.begin(&packetizer, &context, frame, 0, 200));
    CHECK(!rtp_payload_vp9.begin(&packetizer, &context, frame, 100, 40));
}

TEST(vp9_key_frames_bring_their_size_and_the_pattern)
{
    rtp_payload_context_t context = {.is_key = true};
    rtp_packetizer_t packetizer;
    rtp_payload_info_t info;
    rtp_picture_pattern_t pattern;
    uint8_t payload[100];
    CHECK(rtp_payload_vp9.begin(&packetizer, &context, key_frame, sizeof key_frame, 100));
    size_t size = rtp_payload_vp9.next(&packetizer, payload);
    static const uint8_t expected[] = {0x8e, 0x80, 0, 0x18, 0x02, 0x80, 0x01, 0x68, 1, 4, 1};
    CHECK_INT(size, sizeof expected + sizeof key_frame);
    CHECK_BYTES(payload, expected, sizeof expected);
    CHECK(rtp_payload_vp9.inspect(&info, payload, size, true));
    CHECK(info.is_key && info.width == 640 && info.height == 360 && info.has_pattern && !info.has_layers && !info.has_references);
    rtp_payload_vp9.pattern(&pattern, payload, size);
    CHECK(pattern.length == 1 && pattern.references[0] == 1);
}

TEST(vp9_pictures_in_layers_name_those_they_build_on)
{
    static const struct {
        uint8_t layer;
        bool is_sync, is_key;
        uint8_t octets[4]; /* layers, P_DIFF */
        uint64_t references;
    } pictures[] = {
        {0, false, true, {0x10}, 0},                      /* 0 */
        {2, true, false, {0x50, 1 << 1}, 1},              /* 1: on 0 */
        {1, true, false, {0x30, 2 << 1}, 2},              /* 2: on 0 */
        {2, false, false, {0x40, 5, 3, 3 << 1}, 7},       /* 3: on 1, 2 and 0 */
        {0, false, false, {0x00, 4 << 1}, 8},             /* 4: on 0 */
        {1, false, false, {0x20, 3 << 1 | 1, 1 << 1}, 5}, /* 5: on 2 and 4 */
        {0, false, true, {0x10}, 0},                      /* 6 */
        {1, false, false, {0x20, 1 << 1}, 1},             /* 7: on 6, and on nothing before the key frame */
    };
    rtp_payload_context_t context = {.picture_id = 0x7ffd, .has_temporal_layers = true};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        rtp_packetizer_t packetizer;
        rtp_payload_info_t info;
        uint8_t payload[100];
        context.temporal_id = pictures[i].layer;
        context.is_layer_sync = pictures[i].is_sync;
        context.is_key = pictures[i].is_key;
        uint8_t frame[] = {context.is_key ? 0x82 : 0x86, 0, 0};
        CHECK(rtp_payload_vp9.begin(&packetizer, &context, frame, sizeof frame, 100));
        size_t size = rtp_payload_vp9.next(&packetizer, payload), octets = 1;
        for (octets = 1; octets < 4 && pictures[i].octets[octets] != 0;)
            octets++;
        CHECK_BYTES(payload + 3, pictures[i].octets, octets);
        CHECK(rtp_payload_vp9.inspect(&info, payload, size, true));
        CHECK(info.has_layers && info.has_references && !info.has_tl0picidx);
        CHECK_INT(info.references, pictures[i].references);
        CHECK_INT(info.temporal_id, pictures[i].layer);
        CHECK_INT(info.is_layer_sync, pictures[i].is_sync);
    }
}

TEST(vp9_payloads_tell_their_place_in_a_picture_of_several_layers)
{
    rtp_payload_info_t info;
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xac\x05\x00\x07\x82", 5, false)); /* SID 0 of a key picture */
    CHECK(info.is_start && !info.may_start && info.is_key && !info.is_end && info.has_tl0picidx && info.tl0picidx == 7);
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xac\x05\x03\x07\x86", 5, true)); /* SID 1, on SID 0 */
    CHECK(!info.is_start && !info.may_start && !info.is_key && info.is_end);
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xe8\x06\x04\x08\x86", 5, false)); /* SID 2, on no other */
    CHECK(!info.is_start && info.may_start && !info.is_key);
    /* P = 0 does not make an intra-only frame a key frame, nor a header without P = 0. */
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\x8c\x05\x84", 3, true));
    CHECK(!info.is_key);
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xcc\x05\x82", 3, true));
    CHECK(!info.is_key);
    /* A difference of 0, or beyond what is kept, leaves it open what the picture builds on. */
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xfc\x05\x20\x00\x86", 5, true));
    CHECK(!info.has_references);
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xfc\x05\x20\x82\x86", 5, true));
    CHECK(!info.has_references);
    /* WebRTC has four temporal layers at most (W3C webrtc-svc); what says more is not counted in layers. */
    CHECK(rtp_payload_vp9.inspect(&info, (const uint8_t *)"\xec\x05\xe0\x08\x86", 5, true));
    CHECK(!info.has_layers && info.temporal_id == 0 && !info.has_tl0picidx);
}

TEST(vp9_key_frames_of_every_profile_tell_their_size)
{
    uint16_t width, height;
    CHECK(rtp_vp9_key_frame_size(key_frame, sizeof key_frame, &width, &height));
    CHECK(width == 640 && height == 360);
    CHECK(!rtp_vp9_key_frame_size(key_frame, 9, &width, &height));
    static const uint8_t bad_sync[] = {0x82, 0x49, 0x83, 0x43, 0x20, 0x27, 0xf0, 0x16, 0x70, 0};
    CHECK(!rtp_vp9_key_frame_size(bad_sync, sizeof bad_sync, &width, &height));
    static const uint8_t profile1[] = {0xa2, 0x49, 0x83, 0x42, 0x20, 0x04, 0xfe, 0x02, 0xce, 0}; /* three bits of subsampling */
    CHECK(rtp_vp9_key_frame_size(profile1, sizeof profile1, &width, &height));
    CHECK(width == 640 && height == 360);
    static const uint8_t profile2[] = {0x92, 0x49, 0x83, 0x42, 0x10, 0x13, 0xf8, 0x0b, 0x38, 0}; /* a bit of depth */
    CHECK(rtp_vp9_key_frame_size(profile2, sizeof profile2, &width, &height));
    CHECK(width == 640 && height == 360);
    CHECK(rtp_vp9_is_key_frame((const uint8_t *)"\xb1", 1));  /* profile 3 */
    CHECK(!rtp_vp9_is_key_frame((const uint8_t *)"\xb2", 1)); /* its frame_type */
    CHECK(!rtp_vp9_is_key_frame((const uint8_t *)"\x8a", 1)); /* shows an existing frame */
    CHECK(!rtp_vp9_is_key_frame((const uint8_t *)"\x42", 1)); /* no frame marker */
    CHECK(!rtp_vp9_is_key_frame(key_frame, 0));
}
