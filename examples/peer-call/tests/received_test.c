#include "received.h"
#include "test.h"

#include <math.h>

static peer_video_frame_t *make_picture(uint8_t luma)
{
    static uint8_t bytes[64 * 48 * 3 / 2];
    memset(bytes, luma, sizeof bytes);
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = 64;
    buffer.height = 48;
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + 64 * 48;
    buffer.planes[2] = buffer.planes[1] + 32 * 24;
    peer_video_frame_t *frame = NULL;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    return frame;
}

TEST(a_frozen_picture_is_one_picture)
{
    received_t received;
    received_init(&received);
    peer_video_frame_t *one = make_picture(60), *two = make_picture(61);
    for (int i = 0; i < 10; i++)
        received_video(&received, one);
    CHECK_INT(received.video_frames, 10);
    CHECK_INT(received.video_frames_distinct, 1);
    received_video(&received, two);
    CHECK_INT(received.video_frames_distinct, 2);
    double psnr_db;
    CHECK(!received_psnr_db(&received, &psnr_db));
    peer_video_frame_unref(one);
    peer_video_frame_unref(two);
}

TEST(loudness_is_the_mean_of_power_over_time)
{
    received_t received;
    received_init(&received);
    CHECK(received_level_dbfs(&received) == -127);
    int16_t samples[960];
    for (int i = 0; i < 960; i++)
        samples[i] = i % 2 == 0 ? 16384 : -16384; /* -6 dBFS */
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.samples_per_channel = 960;
    buffer.data = samples;
    peer_audio_frame_t *loud = NULL, *silent = NULL;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &loud), 0);
    memset(samples, 0, sizeof samples);
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &silent), 0);
    received_audio(&received, loud);
    CHECK(fabs(received_level_dbfs(&received) + 6.02) < 0.1);
    received_audio(&received, silent);
    CHECK(fabs(received_level_dbfs(&received) + 9.03) < 0.1);
    CHECK(fabs(received.audio_seconds - 0.04) < 1e-9);
    peer_audio_frame_unref(loud);
    peer_audio_frame_unref(silent);
}
