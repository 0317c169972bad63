/* A media session that receives, sends and is fed the input as RTP and RTCP packets with time between them: each piece is a length octet, a
 * kind octet and that much of a packet. Whatever comes, it stays within its bounds and every deadline can be met. */
#include "media/media.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const rtp_extension_map_t extensions = {.ids = {[RTP_EXTENSION_MID] = 4, [RTP_EXTENSION_RID] = 10, [RTP_EXTENSION_AUDIO_LEVEL] = 1}};
static const media_codec_t video[] = {{.format = &rtp_payload_vp8,
                                       .clock_rate = 90000,
                                       .payload_type = 96,
                                       .rtx_payload_type = 97,
                                       .feedback = MEDIA_FEEDBACK_NACK | MEDIA_FEEDBACK_PLI | MEDIA_FEEDBACK_RRTR},
                                      {.format = &rtp_payload_vp9,
                                       .clock_rate = 90000,
                                       .payload_type = 98,
                                       .rtx_payload_type = 99,
                                       .feedback = MEDIA_FEEDBACK_NACK | MEDIA_FEEDBACK_PLI | MEDIA_FEEDBACK_RRTR}};
static const media_codec_t audio[] = {
    {.format = &rtp_payload_opus,
     .clock_rate = 48000,
     .payload_type = 111,
     .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE,
     .feedback = MEDIA_FEEDBACK_NACK},
    {.format = &rtp_payload_pcmu, .clock_rate = 8000, .payload_type = 0, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE}};

static void drain(media_session_t *session)
{
    media_output_t output;
    while (media_session_poll(session, &output))
        media_output_clear(&output);
}

static void settle(media_session_t *session, peer_time_t now)
{
    for (int i = 0; media_session_deadline(session) <= now; i++) {
        if (i == 10000)
            abort();
        media_session_timeout(session, now);
        drain(session);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    packet_pool_t *pool = packet_pool_new();
    media_session_t *session = media_session_new(
        &(media_session_config_t){.pool = pool, .random = random_seeded_source(&generator), .cname = "us", .reduced_size_rtcp = size & 1});
    media_sender_t *sender = media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_VIDEO,
                                                                                .ssrc = 0x01010101,
                                                                                .rtx_ssrc = 0x02020202,
                                                                                .codec = video[size >> 1 & 1],
                                                                                .mid = "0",
                                                                                .extensions = extensions});
    uint32_t ssrc = 0x11111111, rtx_ssrc = 0x12121212;
    media_add_receiver(session, &(media_receiver_config_t){.kind = MEDIA_VIDEO,
                                                           .mid = "0",
                                                           .codecs = video,
                                                           .codec_count = 2,
                                                           .ssrcs = &ssrc,
                                                           .rtx_ssrcs = &rtx_ssrc,
                                                           .ssrc_count = 1,
                                                           .extensions = extensions});
    media_receiver_t *second = media_add_receiver(
        session, &(media_receiver_config_t){.kind = MEDIA_AUDIO, .mid = "1", .codecs = audio, .codec_count = 2, .extensions = extensions});
    peer_time_t now = PEER_SECOND;
    for (size_t at = 0; at + 2 <= size;) {
        size_t length = data[at];
        uint8_t kind = data[at + 1];
        at += 2;
        if (length > size - at)
            length = size - at;
        packet_t *packet = packet_new_copy(pool, data + at, length);
        at += length;
        if ((kind & 3) == 0)
            media_session_input_rtcp(session, now, packet);
        else
            media_session_input_rtp(session, now, packet);
        packet_unref(packet);
        if ((kind & 4) != 0) {
            media_frame_t frame = {.data = (const uint8_t *)"0123456789", .length = 10, .timestamp_us = now, .kind = MEDIA_VIDEO};
            media_sender_send_frame(sender, now, &frame);
        }
        if ((kind & 0x18) == 0x18)
            media_receiver_set_tap(second, (kind & 0x40) != 0, (kind & 0x20) != 0);
        static const peer_time_t steps[8] = {0, 100, 1000, 5000, 20000, 33333, 250000, 3 * PEER_SECOND};
        now += steps[kind >> 5];
        drain(session);
        settle(session, now);
        if (packet_pool_outstanding(pool) > 2048 + 256 + 4096)
            abort();
    }
    media_session_free(session);
    if (packet_pool_outstanding(pool) != 0)
        abort();
    packet_pool_release(pool);
    return 0;
}
