#include "test.h"
#include "device/device.h"

#include <math.h>
#include <peer/codec.h>
#include <peer/error.h>
#include <peer/test_media.h>
#include <stdlib.h>

#define SECOND 48000

/* `frames` frames of the test sound, interleaved. */
static void make_sound(const test_sound_settings_t *settings, int16_t *samples, unsigned frames)
{
    media_producer_t *producer;
    CHECK_INT(test_sound_new(settings, &producer), 0);
    for (unsigned i = 0; i < frames; i++) {
        media_unit_t unit;
        CHECK_INT(media_producer_next(producer, 1000, &unit), 1);
        size_t count = (size_t)peer_audio_frame_samples_per_channel(unit.audio) * peer_audio_frame_channels(unit.audio);
        CHECK_INT(peer_audio_frame_timestamp_us(unit.audio), 1000 + i * 20000);
        CHECK_INT(unit.due_us, (i + 1) * 20000);
        memcpy(samples + i * count, peer_audio_frame_data(unit.audio), count * sizeof *samples);
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
}

TEST(the_test_sound_is_at_minus_20_dbfs)
{
    static int16_t samples[SECOND * 2];
    make_sound(&(test_sound_settings_t){.channels = 2}, samples, 50);
    peer_audio_buffer_t buffer;
    peer_audio_frame_t *frame;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.channels = 2;
    buffer.samples_per_channel = SECOND;
    buffer.data = samples;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    CHECK(fabs(peer_audio_frame_level_dbfs(frame) + 20) < 0.5);
    peer_audio_frame_unref(frame);
}

TEST(the_test_sound_is_found_at_every_place_and_rate)
{
    static int16_t samples[SECOND * 2];
    static const uint32_t rates[] = {8000, 16000, 44100, 48000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        make_sound(&(test_sound_settings_t){.sample_rate = rates[r]}, samples, 50);
        for (uint32_t start = 0; start + rates[r] / 10 <= rates[r]; start += rates[r] / 53)
            CHECK(peer_test_sound_is_present(samples + start, rates[r] / 10, 1, rates[r]));
        CHECK(!peer_test_sound_is_present(samples, rates[r] / 50, 1, rates[r])); /* too short to tell */
    }
    make_sound(&(test_sound_settings_t){.channels = 2}, samples, 50);
    CHECK(peer_test_sound_is_present(samples, SECOND, 2, SECOND));
}

TEST(the_test_sound_has_no_clicks)
{
    static int16_t samples[SECOND];
    make_sound(&(test_sound_settings_t){0}, samples, 50);
    for (int i = 1; i < SECOND; i++)
        CHECK(abs(samples[i] - samples[i - 1]) < 2000);
}

TEST(other_sounds_are_not_taken_for_it)
{
    static int16_t samples[SECOND];
    CHECK(!peer_test_sound_is_present(samples, SECOND, 1, SECOND)); /* silence */
    uint32_t seed = 1;
    for (int i = 0; i < SECOND; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = (int16_t)(seed >> 18);
    }
    CHECK(!peer_test_sound_is_present(samples, SECOND, 1, SECOND)); /* noise */
    static const double others[] = {220, 440, 1000, 2000, 3000};
    for (size_t o = 0; o < sizeof others / sizeof *others; o++) {
        for (int i = 0; i < SECOND; i++)
            samples[i] = (int16_t)(3000 * sin(2 * M_PI * others[o] * i / SECOND));
        CHECK(!peer_test_sound_is_present(samples, SECOND, 1, SECOND));
    }
    make_sound(&(test_sound_settings_t){0}, samples, 50);
    for (int i = 0; i < SECOND; i++)
        samples[i] = (int16_t)(samples[i] / 64);
    CHECK(!peer_test_sound_is_present(samples, SECOND, 1, SECOND)); /* far too quiet */
    CHECK(!peer_test_sound_is_present(NULL, SECOND, 1, SECOND));
    CHECK(!peer_test_sound_is_present(samples, SECOND, 0, SECOND));
}

#ifdef PEER_HAVE_OPUS
static int16_t decoded[SECOND];
static size_t decoded_count;

static void take_audio(void *context, peer_audio_frame_t *frame)
{
    memcpy(decoded + decoded_count, peer_audio_frame_data(frame), 960 * sizeof *decoded);
    decoded_count += 960;
    peer_audio_frame_unref(frame);
}

static void take_encoded(void *context, peer_encoded_frame_t *frame)
{
    const peer_codec_sink_t sink = {.audio = take_audio};
    CHECK_INT(peer_codec_find("audio/opus")->decode(context, frame, &sink), 0);
    peer_encoded_frame_unref(frame);
}

TEST(the_test_sound_survives_opus_at_16_kbit_per_second)
{
    const peer_codec_t *opus = peer_codec_find("audio/opus");
    peer_encoder_settings_t settings;
    peer_decoder_settings_t decoder_settings;
    void *encoder, *decoder;
    media_producer_t *producer;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_AUDIO);
    peer_decoder_settings_init(&decoder_settings, sizeof decoder_settings);
    settings.bitrate_bps = 16000;
    CHECK_INT(opus->encoder_new(&settings, &encoder), 0);
    CHECK_INT(opus->decoder_new(&decoder_settings, &decoder), 0);
    CHECK_INT(test_sound_new(&(test_sound_settings_t){0}, &producer), 0);
    const peer_codec_sink_t sink = {.encoded = take_encoded, .context = decoder};
    for (int i = 0; i < 50; i++) {
        media_unit_t unit;
        CHECK_INT(media_producer_next(producer, 0, &unit), 1);
        CHECK_INT(opus->encode_audio(encoder, unit.audio, &sink), 0);
        media_unit_clear(&unit);
    }
    for (uint32_t start = 4800; start + 4800 <= SECOND; start += 4800)
        CHECK(peer_test_sound_is_present(decoded + start, 4800, 1, SECOND));
    opus->encoder_free(encoder);
    opus->decoder_free(decoder);
    media_producer_free(producer);
}
#endif

TEST(settings_out_of_range_are_refused)
{
    static const test_sound_settings_t wrong[] = {
        {.sample_rate = 7000}, {.sample_rate = 22050 + 1}, {.channels = 3}, {.frame_duration_ms = 25}, {.frame_duration_ms = 110}};
    media_producer_t *producer;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_INT(test_sound_new(&wrong[i], &producer), PEER_ERROR_OVERCONSTRAINED);
}
