/* The loudness of sound, as W3C webrtc-stats counts it. */
#include "codec/audio_energy.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

#define RATE 48000
#define NEAR(actual, expected) CHECK(fabs((actual) - (expected)) < 1e-6)

static void add_s16(audio_energy_t *energy, uint32_t channels, uint32_t milliseconds, int16_t left, int16_t right)
{
    static int16_t samples[RATE * 2];
    uint32_t count = RATE / 1000 * milliseconds;
    for (uint32_t i = 0; i < count * channels; i++)
        samples[i] = channels == 2 && i % 2 == 1 ? right : left;
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.channels = channels;
    buffer.samples_per_channel = count;
    buffer.data = samples;
    peer_audio_frame_t *frame;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    audio_energy_add(energy, frame);
    peer_audio_frame_unref(frame);
}

static uint8_t level_of(int16_t amplitude)
{
    int16_t samples[960];
    peer_audio_frame_t *frame;
    peer_audio_buffer_t buffer;
    for (size_t i = 0; i < 960; i++)
        samples[i] = (int16_t)(i % 2 == 0 ? amplitude : -amplitude);
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.sample_rate = 48000;
    buffer.channels = 1;
    buffer.samples_per_channel = 960;
    buffer.data = samples;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    uint8_t level = audio_level_dbov(frame);
    peer_audio_frame_unref(frame);
    return level;
}

TEST(the_level_of_a_frame_is_in_decibels_below_the_loudest_sound)
{
    CHECK_INT(level_of(32767), 0);
    CHECK_INT(level_of(16384), 6);
    CHECK_INT(level_of(3277), 20);
    CHECK_INT(level_of(1), 90);
    CHECK_INT(level_of(0), 127);
}

TEST(energy_is_that_of_the_texts_example)
{
    audio_energy_t energy = {0};
    add_s16(&energy, 1, 10, 16384, 0); /* 0.5 of full scale */
    NEAR(energy.total_energy, 0.0025);
    add_s16(&energy, 1, 10, 3277, 0); /* 0.1 */
    NEAR(energy.total_energy, 0.0026);
    NEAR(energy.total_duration, 0.02);
    CHECK(fabs(sqrt(energy.total_energy / energy.total_duration) - 0.36) < 0.001);
}

TEST(the_loudest_channel_of_a_sample_counts_once)
{
    audio_energy_t energy = {0};
    add_s16(&energy, 2, 10, 1000, -16384);
    NEAR(energy.total_energy, 0.0025);
    NEAR(energy.total_duration, 0.01);
}

TEST(the_level_is_the_root_mean_square_of_a_tenth_of_a_second)
{
    audio_energy_t energy = {0};
    add_s16(&energy, 1, 90, 16384, 0);
    CHECK(!energy.has_level);
    add_s16(&energy, 1, 10, 16384, 0);
    CHECK(energy.has_level);
    NEAR(energy.level, 0.5);
    add_s16(&energy, 1, 100, 0, 0);
    NEAR(energy.level, 0);
    add_s16(&energy, 1, 100, INT16_MIN, 0);
    NEAR(energy.level, 1);
}

TEST(floats_beyond_full_scale_and_not_a_number_do_no_harm)
{
    audio_energy_t energy = {0};
    float samples[480] = {NAN, 7, -INFINITY, 0.5f};
    peer_audio_buffer_t buffer;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.format = PEER_AUDIO_F32;
    buffer.samples_per_channel = 480;
    buffer.data = samples;
    peer_audio_frame_t *frame;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    audio_energy_add(&energy, frame);
    peer_audio_frame_unref(frame);
    NEAR(energy.total_energy, 2.25 / RATE);
}
