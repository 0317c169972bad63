#include "base/memory.h"
#include "codec/frame.h"
#include "test.h"

#include <math.h>
#include <peer/error.h>
#include <peer/frame.h>

static void count_release(void *user)
{
    ++*(int *)user;
}

/* A picture with a smooth ramp of luma and plain colours, in planes that are wider than it. */
static peer_video_frame_t *ramp(uint32_t width, uint32_t height)
{
    static uint8_t y[128 * 128], u[128 * 128], v[128 * 128];
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t column = 0; column < width; column++)
            y[row * 128 + column] = (uint8_t)(40 + column + row / 2);
    memset(u, 110, sizeof u);
    memset(v, 150, sizeof v);
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = width;
    buffer.height = height;
    buffer.timestamp_us = 1234;
    buffer.rotation = 90;
    buffer.planes[0] = y;
    buffer.planes[1] = u;
    buffer.planes[2] = v;
    buffer.strides[0] = buffer.strides[1] = buffer.strides[2] = 128;
    peer_video_frame_t *frame;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    return frame;
}

TEST(an_adopted_picture_is_given_back_with_its_last_reference)
{
    int released = 0;
    uint8_t bytes[4 * 4 * 4] = {0};
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.format = PEER_VIDEO_RGBA;
    buffer.width = buffer.height = 4;
    buffer.planes[0] = bytes;
    peer_video_frame_t *frame;
    CHECK_INT(peer_video_frame_new_adopt(&buffer, count_release, &released, &frame), 0);
    CHECK(peer_video_frame_plane(frame, 0) == bytes);
    CHECK_INT(peer_video_frame_stride(frame, 0), 16);
    CHECK(peer_video_frame_plane(frame, 1) == NULL);
    peer_video_frame_ref(frame);
    peer_video_frame_unref(frame);
    CHECK_INT(released, 0);
    peer_video_frame_unref(frame);
    CHECK_INT(released, 1);
}

TEST(an_adoption_that_fails_leaves_the_memory_to_the_caller)
{
    int released = 0;
    uint8_t bytes[64] = {0};
    peer_video_frame_t *frame = NULL;
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = buffer.height = 4;
    buffer.planes[0] = bytes;
    CHECK_INT(peer_video_frame_new_adopt(&buffer, count_release, &released, &frame), PEER_ERROR_TYPE);
    buffer.planes[1] = buffer.planes[2] = bytes;
    buffer.strides[0] = 3;
    CHECK_INT(peer_video_frame_new_adopt(&buffer, count_release, &released, &frame), PEER_ERROR_RANGE);
    buffer.strides[0] = 4;
    memory_fail_nth(1);
    CHECK_INT(peer_video_frame_new_adopt(&buffer, count_release, &released, &frame), PEER_ERROR_NO_MEMORY);
    CHECK_INT(released, 0);
}

TEST(shapes_outside_their_range_are_refused)
{
    uint8_t bytes[16] = {0};
    peer_video_frame_t *frame;
    peer_video_buffer_t buffer;
    static const struct {
        int32_t format;
        uint32_t width, height;
        int32_t rotation;
    } wrong[] = {{3, 2, 2, 0}, {-1, 2, 2, 0}, {0, 0, 2, 0}, {0, 2, 0, 0}, {0, 16385, 2, 0}, {0, 2, 0xffffffff, 0}, {0, 2, 2, 45}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peer_video_buffer_init(&buffer, sizeof buffer);
        buffer.planes[0] = buffer.planes[1] = buffer.planes[2] = bytes;
        buffer.format = wrong[i].format;
        buffer.width = wrong[i].width;
        buffer.height = wrong[i].height;
        buffer.rotation = wrong[i].rotation;
        CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), PEER_ERROR_RANGE);
    }
    peer_audio_buffer_t audio;
    peer_audio_frame_t *sound;
    peer_audio_buffer_init(&audio, sizeof audio);
    audio.data = bytes;
    CHECK_INT(peer_audio_frame_new_copy(&audio, &sound), PEER_ERROR_RANGE);
    audio.samples_per_channel = 2;
    audio.channels = 9;
    CHECK_INT(peer_audio_frame_new_copy(&audio, &sound), PEER_ERROR_RANGE);
    audio.channels = 1;
    audio.sample_rate = 7999;
    CHECK_INT(peer_audio_frame_new_copy(&audio, &sound), PEER_ERROR_RANGE);
    peer_encoded_buffer_t encoded;
    peer_encoded_frame_t *frame_of_bytes;
    peer_encoded_buffer_init(&encoded, sizeof encoded);
    CHECK_INT(peer_encoded_frame_new_copy(&encoded, &frame_of_bytes), PEER_ERROR_TYPE);
    encoded.mime_type = "video/a-name-that-is-longer-than-any";
    CHECK_INT(peer_encoded_frame_new_copy(&encoded, &frame_of_bytes), PEER_ERROR_RANGE);
    CHECK_INT(peer_encoded_frame_new_copy(NULL, &frame_of_bytes), PEER_ERROR_TYPE);
}

TEST(a_description_of_an_older_caller_is_shorter_and_still_read)
{
    struct {
        size_t size;
        int32_t format;
        uint32_t sample_rate, channels, samples_per_channel;
    } older = {sizeof older, PEER_AUDIO_S16, 48000, 1, 480};
    peer_audio_frame_t *frame;
    CHECK_INT(peer_audio_frame_new_copy((const peer_audio_buffer_t *)(const void *)&older, &frame), PEER_ERROR_TYPE); /* it has no data */
    peer_audio_buffer_init((peer_audio_buffer_t *)(void *)&older, sizeof older);
    CHECK_INT(older.size, sizeof older);
    CHECK_INT(older.samples_per_channel, 0);
}

TEST(a_picture_goes_through_all_formats_and_stays_itself)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{64, 48}, {63, 47}, {1, 1}, {2, 127}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        peer_video_frame_t *i420 = ramp(sizes[i].width, sizes[i].height), *nv12, *rgba, *back, *nv12_again;
        CHECK_INT(peer_video_frame_convert(i420, PEER_VIDEO_NV12, &nv12), 0);
        CHECK_INT(peer_video_frame_convert(nv12, PEER_VIDEO_RGBA, &rgba), 0);
        CHECK_INT(peer_video_frame_convert(rgba, PEER_VIDEO_NV12, &nv12_again), 0);
        CHECK_INT(peer_video_frame_convert(nv12_again, PEER_VIDEO_I420, &back), 0);
        CHECK_INT(peer_video_frame_timestamp_us(back), 1234);
        CHECK_INT(peer_video_frame_rotation(back), 90);
        for (uint32_t row = 0; row < sizes[i].height; row++)
            for (uint32_t column = 0; column < sizes[i].width; column++) {
                int was = peer_video_frame_plane(i420, 0)[row * peer_video_frame_stride(i420, 0) + column];
                int is = peer_video_frame_plane(back, 0)[row * peer_video_frame_stride(back, 0) + column];
                CHECK(is - was <= 3 && was - is <= 3);
            }
        CHECK(peer_video_frame_plane(back, 1)[0] >= 106 && peer_video_frame_plane(back, 1)[0] <= 114);
        CHECK(peer_video_frame_plane(back, 2)[0] >= 146 && peer_video_frame_plane(back, 2)[0] <= 154);
        peer_video_frame_unref(i420);
        peer_video_frame_unref(nv12);
        peer_video_frame_unref(rgba);
        peer_video_frame_unref(nv12_again);
        peer_video_frame_unref(back);
    }
}

TEST(rgba_has_red_first)
{
    const uint8_t red[4] = {255, 0, 0, 255};
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.format = PEER_VIDEO_RGBA;
    buffer.width = buffer.height = 1;
    buffer.planes[0] = red;
    peer_video_frame_t *rgba, *i420;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &rgba), 0);
    CHECK_INT(peer_video_frame_convert(rgba, PEER_VIDEO_I420, &i420), 0);
    CHECK(peer_video_frame_plane(i420, 1)[0] < 110 && peer_video_frame_plane(i420, 2)[0] > 220);
    peer_video_frame_unref(rgba);
    peer_video_frame_unref(i420);
}

TEST(a_scaled_picture_keeps_its_ramp)
{
    peer_video_frame_t *small = ramp(64, 48), *big, *same, *converted, *scaled;
    CHECK_INT(peer_video_frame_scale(small, 128, 96, &big), 0);
    int left = peer_video_frame_plane(big, 0)[20], right = peer_video_frame_plane(big, 0)[100];
    CHECK(right - left > 30 && right - left < 50);
    CHECK_INT(peer_video_frame_scale(small, 64, 48, &same), 0);
    CHECK(same == small);
    for (int32_t format = PEER_VIDEO_NV12; format <= PEER_VIDEO_RGBA; format++) {
        CHECK_INT(peer_video_frame_convert(small, format, &converted), 0);
        CHECK_INT(peer_video_frame_scale(converted, 31, 17, &scaled), 0);
        CHECK_INT(peer_video_frame_format(scaled), format);
        CHECK_INT(peer_video_frame_width(scaled), 31);
        peer_video_frame_unref(converted);
        peer_video_frame_unref(scaled);
    }
    CHECK_INT(peer_video_frame_scale(small, 0, 48, &scaled), PEER_ERROR_RANGE);
    peer_video_frame_unref(small);
    peer_video_frame_unref(same);
    peer_video_frame_unref(big);
}

TEST(sound_converts_between_its_formats_and_clips)
{
    const float in[] = {0, 0.5f, -0.5f, 1.5f, -1.5f, NAN};
    const int16_t expected[] = {0, 16384, -16384, 32767, -32768, 0};
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.format = PEER_AUDIO_F32;
    buffer.channels = 2;
    buffer.samples_per_channel = 3;
    buffer.data = in;
    peer_audio_frame_t *f32, *s16, *back;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &f32), 0);
    CHECK_INT(peer_audio_frame_convert(f32, PEER_AUDIO_S16, &s16), 0);
    CHECK_BYTES(peer_audio_frame_data(s16), expected, sizeof expected);
    CHECK_INT(peer_audio_frame_convert(s16, PEER_AUDIO_F32, &back), 0);
    CHECK(((const float *)peer_audio_frame_data(back))[1] == 0.5f);
    peer_audio_frame_unref(f32);
    peer_audio_frame_unref(s16);
    peer_audio_frame_unref(back);
}

TEST(the_level_of_a_full_sine_is_minus_3_dbfs_and_of_silence_minus_127)
{
    int16_t samples[480];
    for (int i = 0; i < 480; i++)
        samples[i] = (int16_t)(32767 * sin(i * 2 * M_PI / 48));
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.samples_per_channel = 480;
    buffer.data = samples;
    peer_audio_frame_t *frame;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    CHECK(fabs(peer_audio_frame_level_dbfs(frame) + 3.01) < 0.1);
    peer_audio_frame_unref(frame);
    memset(samples, 0, sizeof samples);
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    CHECK(peer_audio_frame_level_dbfs(frame) == -127);
    peer_audio_frame_unref(frame);
}

TEST(an_encoded_frame_keeps_all_it_was_told)
{
    int released = 0;
    char mime_type[] = "video/VP8";
    uint8_t bytes[] = {1, 2, 3};
    peer_encoded_buffer_t buffer;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = mime_type;
    buffer.data = bytes;
    buffer.length = 3;
    buffer.timestamp_us = 7;
    buffer.duration_us = 33333;
    buffer.rtp_timestamp = 0xfffffff0;
    buffer.width = 320;
    buffer.height = 240;
    buffer.is_key = true;
    peer_encoded_frame_t *copy, *adopted;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &copy), 0);
    CHECK_INT(peer_encoded_frame_new_adopt(&buffer, count_release, &released, &adopted), 0);
    mime_type[6] = 'X';
    bytes[0] = 9;
    CHECK_TEXT(peer_encoded_frame_mime_type(adopted), "video/VP8");
    CHECK_INT(peer_encoded_frame_data(copy)[0], 1);
    CHECK_INT(peer_encoded_frame_data(adopted)[0], 9);
    CHECK_INT(peer_encoded_frame_kind(copy), PEER_MEDIA_VIDEO);
    CHECK_INT(peer_encoded_frame_rtp_timestamp(copy), 0xfffffff0);
    CHECK_INT(peer_encoded_frame_duration_us(copy), 33333);
    CHECK(peer_encoded_frame_is_key(copy));
    CHECK_INT(peer_encoded_frame_width(copy), 320);
    peer_encoded_frame_unref(copy);
    peer_encoded_frame_unref(adopted);
    CHECK_INT(released, 1);
}
