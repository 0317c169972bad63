/* Whose statistics they are: streams keep theirs as long as they are themselves. */
#include "call.h"

static packet_pool_t *pool;
static random_seeded_t generator;
static media_session_t *session;

static const media_codec_t opus = {
    .format = &rtp_payload_opus, .clock_rate = 48000, .payload_type = 111, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE};

static void start(void)
{
    pool = packet_pool_new();
    random_seeded_init(&generator, 1);
    session = media_session_new(&(media_session_config_t){.pool = pool, .random = random_seeded_source(&generator), .cname = "us"});
    CHECK(session != NULL);
}

static void end(void)
{
    media_session_free(session);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

static size_t drain(void)
{
    media_output_t output;
    size_t goodbyes = 0;
    while (media_session_poll(session, &output)) {
        goodbyes += output.type == MEDIA_OUTPUT_SEND_RTCP;
        media_output_clear(&output);
    }
    return goodbyes;
}

static media_outbound_stats_t stats_of(const media_sender_t *sender)
{
    media_outbound_stats_t stats;
    media_sender_stats(sender, PEER_SECOND, &stats);
    return stats;
}

static void send(media_sender_t *sender)
{
    static const uint8_t sound[] = {0x78, 1, 2, 3};
    const media_frame_t frame = {.data = sound, .length = sizeof sound, .kind = MEDIA_AUDIO, .duration_us = 20000, .is_key = true};
    CHECK_INT(media_sender_send_frame(sender, PEER_SECOND, &frame), 0);
}

TEST(an_ssrc_that_comes_again_is_another_stream)
{
    media_sender_config_t config = {.kind = MEDIA_AUDIO, .ssrc = 5, .codec = opus, .mid = "0"};
    start();
    media_sender_t *sender = media_add_sender(session, &config);
    send(sender);
    uint64_t first = stats_of(sender).number;
    CHECK_INT(media_sender_reconfigure(sender, &config), 0);
    CHECK_INT(stats_of(sender).number, first); /* nothing of it changed */
    CHECK_INT(stats_of(sender).packets_sent, 1);
    config.ssrc = 6;
    CHECK_INT(media_sender_reconfigure(sender, &config), 0);
    CHECK(stats_of(sender).number != first);
    CHECK_INT(stats_of(sender).packets_sent, 0);
    media_remove_sender(session, sender, PEER_SECOND);
    config.ssrc = 5;
    sender = media_add_sender(session, &config);
    CHECK(stats_of(sender).number != first);
    CHECK_INT(stats_of(sender).packets_sent, 0);
    drain();
    end();
}

TEST(a_session_that_closes_says_goodbye_and_keeps_its_counts)
{
    start();
    media_sender_t *sender = media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_AUDIO, .ssrc = 5, .codec = opus, .mid = "0"});
    send(sender);
    drain();
    media_session_close(session, 2 * PEER_SECOND);
    CHECK_INT(drain(), 1);
    CHECK_INT(stats_of(sender).packets_sent, 1);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    end();
}

TEST(a_frame_is_huge_by_what_the_encoder_aims_at_or_else_by_the_average)
{
    static uint8_t sound[300] = {0x78};
    media_frame_t frame = {.data = sound, .length = 100, .kind = MEDIA_AUDIO, .duration_us = 20000, .is_key = true};
    start();
    media_sender_t *sender = media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_AUDIO, .ssrc = 5, .codec = opus, .mid = "0"});
    static const struct {
        size_t length, target;
        uint64_t huge;
    } frames[] = {{100, 0, 0}, {250, 0, 0}, {300, 0, 0}, {251, 100, 1}, {250, 100, 1}, {300, 200, 1}};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        frame.length = frames[i].length;
        frame.target_length = frames[i].target;
        CHECK_INT(media_sender_send_frame(sender, PEER_SECOND, &frame), 0);
        CHECK_INT(stats_of(sender).huge_frames_sent, frames[i].huge);
    }
    drain();
    end();
}
