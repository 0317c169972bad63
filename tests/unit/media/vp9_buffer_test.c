/* The video buffer with VP9 (RFC 9628): pictures of several spatial layers, and what may be decoded after a loss. */
#include "media/video_buffer.h"
#include "test.h"

static packet_pool_t *pool;
static media_video_buffer_t video;

/* A packet of a picture: its descriptor and the first octet of a frame, 0x82 of a key frame, 0x86 of another. */
static media_video_insert_t put(int64_t sequence, int64_t timestamp, bool marker, const char *payload, size_t length)
{
    packet_t *packet = packet_new_copy(pool, payload, length);
    media_video_packet_t entry = {.packet = packet,
                                  .payload = packet->data,
                                  .length = length,
                                  .sequence = sequence,
                                  .timestamp = timestamp,
                                  .format = &rtp_payload_vp9};
    CHECK(rtp_payload_vp9.inspect(&entry.info, packet->data, length, marker));
    media_video_insert_t result = media_video_buffer_insert(&video, &entry, sequence);
    packet_unref(packet);
    return result;
}

#define PUT(sequence, timestamp, marker, payload) put((sequence), (timestamp), (marker), (payload), sizeof(payload) - 1)

/* The next frame's timestamp, and how many layers (here: octets) it has, as timestamp * 10 + layers; -1: none. */
static int64_t take(void)
{
    media_video_frame_t description;
    media_frame_t *frame = media_video_buffer_next(&video, 0, &description);
    if (frame == NULL)
        return -1;
    int64_t result = description.timestamp * 10 + (int64_t)frame->length;
    media_frame_unref(frame);
    return result;
}

static void start(void)
{
    pool = packet_pool_new();
    media_video_buffer_init(&video);
}

static void end(void)
{
    media_video_buffer_free(&video);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

/* Three spatial layers of picture `id`, in packets `sequence` … + 2; those of a key picture build on each other, of others they do not. */
static void put_layers(int64_t sequence, uint8_t id, bool is_key, unsigned first_layer)
{
    for (unsigned layer = first_layer; layer < 3; layer++) {
        uint8_t payload[] = {is_key ? 0xac : 0xec, id, (uint8_t)(layer << 1 | (is_key && layer > 0)), id,
                             is_key && layer == 0 ? 0x82 : 0x86};
        put(sequence + layer - first_layer, id, layer == 2, (const char *)payload, sizeof payload);
    }
}

TEST(the_spatial_layers_of_a_picture_are_one_frame)
{
    start();
    put_layers(10, 1, true, 0);
    put_layers(13, 2, false, 0);
    put_layers(16, 3, false, 0);
    CHECK_INT(take(), 13);
    CHECK_INT(take(), 23);
    CHECK_INT(take(), 33);
    CHECK_INT(take(), -1);
    CHECK_INT(video.stuck_since, PEER_TIME_NEVER);
    end();
}

TEST(a_picture_whose_lowest_layer_is_lost_is_waited_for)
{
    start();
    put_layers(10, 1, true, 0);
    CHECK_INT(take(), 13);
    PUT(14, 2, false, "\xec\x02\x02\x02\x86");
    PUT(15, 2, true, "\xec\x02\x04\x02\x86");
    CHECK_INT(take(), -1);
    PUT(13, 2, false, "\xec\x02\x00\x02\x86");
    CHECK_INT(take(), 23);
    end();
}

TEST(upper_layers_alone_are_a_frame_when_a_server_leaves_the_lower_ones_out)
{
    start();
    put_layers(10, 1, true, 0);
    CHECK_INT(take(), 13);
    put_layers(13, 2, false, 2);
    CHECK_INT(take(), 21);
    put_layers(15, 4, false, 2); /* comes before the one that it follows */
    CHECK_INT(take(), -1);
    put_layers(14, 3, false, 2);
    CHECK_INT(take(), 31);
    CHECK_INT(take(), 41);
    packet_t *packet = packet_new(pool, 10);
    media_video_packet_t padding = {.packet = packet, .sequence = 17, .timestamp = 4, .format = &rtp_payload_vp9};
    put_layers(16, 5, false, 2);
    media_video_buffer_insert(&video, &padding, 0);
    packet_unref(packet);
    put_layers(18, 6, false, 2);
    CHECK_INT(take(), 51);
    CHECK_INT(take(), 61);
    end();
}

/* One packet, one layer: temporal layers of the pattern 0 2 1 2 in flexible mode. */
static void put_flexible(int64_t sequence, uint8_t id, uint8_t layers, uint8_t difference)
{
    uint8_t payload[] = {difference == 0 ? 0xbc : 0xfc, id, layers, (uint8_t)(difference << 1), difference == 0 ? 0x82 : 0x86};
    if (difference == 0)
        payload[3] = 0x82;
    put(sequence, id, true, (const char *)payload, difference == 0 ? 4 : 5);
}

TEST(after_a_loss_pictures_that_build_on_what_is_there_go_on)
{
    start();
    put_flexible(10, 0, 0x10, 0);
    put_flexible(11, 1, 0x50, 1);
    /* 2, of layer 1, is lost */
    put_flexible(13, 3, 0x40, 1); /* builds on it */
    put_flexible(14, 4, 0x10, 4);
    put_flexible(15, 5, 0x50, 1);
    put_flexible(16, 6, 0x20, 4); /* builds on 2 */
    put_flexible(17, 7, 0x50, 3); /* builds on 4 */
    CHECK_INT(take(), 1);
    CHECK_INT(take(), 11);
    CHECK_INT(take(), -1);
    CHECK(video.stuck_since != PEER_TIME_NEVER);
    media_video_buffer_give_up(&video, 0);
    CHECK(!video.needs_key_frame);
    CHECK_INT(take(), 41);
    CHECK_INT(take(), 51);
    CHECK_INT(take(), 71); /* 6 is passed over */
    end();
}

TEST(a_lost_base_layer_needs_a_key_frame)
{
    start();
    put_flexible(10, 0, 0x10, 0);
    CHECK_INT(take(), 1);
    put_flexible(12, 2, 0x50, 1);
    put_flexible(13, 3, 0x00, 2); /* builds on 1, which is lost */
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK(video.needs_key_frame);
    CHECK_INT(take(), -1);
    put_flexible(14, 4, 0x10, 0);
    CHECK_INT(take(), 41);
    end();
}

TEST(a_pattern_told_with_the_key_frame_says_what_builds_on_what)
{
    start();
    /* Non-flexible, the pattern 0 2 1 2: 4 before; 1; 2; 1 and 3 before. */
    PUT(10, 0, true, "\xae\x00\x00\x00\x08\x04\x04\x04\x54\x01\x34\x02\x58\x01\x03\x82");
    CHECK_INT(take(), 1);
    /* 1, of layer 2, is lost, and nothing is known of it but a gap */
    PUT(12, 2, true, "\xec\x02\x30\x00\x86");
    PUT(13, 3, true, "\xec\x03\x40\x00\x86");
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK_INT(take(), 21);
    CHECK_INT(take(), 31);
    PUT(15, 5, true, "\xec\x05\x50\x01\x86"); /* builds on 4, which is lost */
    PUT(17, 7, true, "\xec\x07\x40\x01\x86");
    PUT(18, 8, true, "\xec\x08\x00\x02\x86"); /* likewise */
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK(video.needs_key_frame);
    end();
}

TEST(without_a_pattern_tl0picidx_finds_the_next_base_picture)
{
    start();
    PUT(10, 0, true, "\xac\x00\x00\x07\x82");
    PUT(12, 2, true, "\xec\x02\x00\x08\x86");
    CHECK_INT(take(), 1);
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK_INT(take(), 21);
    PUT(14, 4, true, "\xec\x04\x00\x0a\x86"); /* 9 is missing */
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK(video.needs_key_frame);
    end();
}

TEST(random_vp9_packets_stay_within_bounds)
{
    uint32_t random = 11;
    for (int round = 0; round < 50; round++) {
        start();
        for (int i = 0; i < 3000; i++) {
            uint8_t payload[24];
            for (size_t k = 0; k < sizeof payload; k++) {
                random = random * 1664525u + 1013904223u;
                payload[k] = (uint8_t)(random >> 24);
            }
            int64_t sequence = i + (payload[20] >> 4);
            packet_t *packet = packet_new_copy(pool, payload, 20);
            media_video_packet_t entry = {.packet = packet,
                                          .payload = packet->data,
                                          .length = 20,
                                          .sequence = sequence,
                                          .timestamp = sequence / 3,
                                          .format = &rtp_payload_vp9};
            if (rtp_payload_vp9.inspect(&entry.info, packet->data, 20, (payload[21] & 1) != 0))
                media_video_buffer_insert(&video, &entry, i);
            packet_unref(packet);
            take();
            if ((payload[22] & 31) == 0)
                media_video_buffer_give_up(&video, i);
            CHECK(packet_pool_outstanding(pool) <= MEDIA_VIDEO_PACKETS_MAX && video.frame_count <= MEDIA_VIDEO_FRAMES_MAX);
        }
        end();
    }
}
