#include "codec/audio_adapter.h"
#include "codec/codec.h"
#include "codec/frame.h"
#include "test.h"

#include <math.h>
#include <peer/codec.h>
#include <peer/error.h>
#include <stdlib.h>

#define MAX_FRAMES 200

static struct {
    peer_encoded_frame_t *encoded[MAX_FRAMES];
    size_t encoded_count;
    int16_t pcm[48000 * 2 * 2];
    size_t samples; /* of all channels */
} got;

static void take_encoded(void *context, peer_encoded_frame_t *frame)
{
    CHECK(got.encoded_count < MAX_FRAMES);
    got.encoded[got.encoded_count++] = frame;
}

static void take_audio(void *context, peer_audio_frame_t *frame)
{
    size_t count = (size_t)peer_audio_frame_samples_per_channel(frame) * peer_audio_frame_channels(frame);
    CHECK(got.samples + count <= sizeof got.pcm / sizeof *got.pcm);
    memcpy(got.pcm + got.samples, peer_audio_frame_data(frame), count * sizeof(int16_t));
    got.samples += count;
    peer_audio_frame_unref(frame);
}

static const peer_codec_sink_t sink = {.encoded = take_encoded, .audio = take_audio};

static void forget(void)
{
    while (got.encoded_count > 0)
        peer_encoded_frame_unref(got.encoded[--got.encoded_count]);
    got.samples = 0;
}

/* Two tones that speech could hold, at any position. */
static int16_t tone(uint32_t rate, size_t i)
{
    double t = (double)i / rate;
    return (int16_t)(6000 * sin(2 * M_PI * 300 * t) + 3000 * sin(2 * M_PI * 740 * t));
}

static peer_audio_frame_t *tone_frame(uint32_t rate, uint32_t channels, size_t start, uint32_t samples)
{
    peer_audio_frame_t *frame;
    void *data;
    CHECK_INT(audio_frame_new_blank(PEER_AUDIO_S16, rate, channels, samples, (int64_t)start * 1000000 / rate, &frame, &data), 0);
    for (size_t i = 0; i < (size_t)samples * channels; i++)
        ((int16_t *)data)[i] = tone(rate, start + i / channels);
    return frame;
}

static void encode_tone(const peer_codec_t *codec, const peer_encoder_settings_t *settings, size_t frames)
{
    void *encoder;
    uint32_t samples = codec->sample_rate / 1000 * settings->frame_duration_ms;
    CHECK_INT(codec->encoder_new(settings, &encoder), 0);
    for (size_t i = 0; i < frames; i++) {
        peer_audio_frame_t *frame = tone_frame(codec->sample_rate, settings->channels, i * samples, samples);
        CHECK_INT(codec->encode_audio(encoder, frame, &sink), 0);
        peer_audio_frame_unref(frame);
    }
    codec->encoder_free(encoder);
}

static peer_encoder_settings_t audio_settings(void)
{
    peer_encoder_settings_t settings;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_AUDIO);
    return settings;
}

static void *new_decoder(const peer_codec_t *codec, uint32_t channels)
{
    peer_decoder_settings_t settings;
    void *decoder;
    peer_decoder_settings_init(&settings, sizeof settings);
    settings.channels = channels;
    CHECK_INT(codec->decoder_new(&settings, &decoder), 0);
    return decoder;
}

/* Signal to noise of got.pcm[from…] against the tone, at the delay that fits best. */
static double snr_db(uint32_t rate, uint32_t channels, size_t from, size_t count, size_t max_delay)
{
    double best = -100;
    for (size_t delay = 0; delay <= max_delay; delay++) {
        double signal = 0, noise = 0;
        for (size_t i = from; i < from + count; i++) {
            double expected = tone(rate, i - delay), difference = got.pcm[i * channels] - expected;
            signal += expected * expected;
            noise += difference * difference;
        }
        double snr = 10 * log10(signal / (noise + 1e-9));
        best = snr > best ? snr : best;
    }
    return best;
}

static double level_dbfs(size_t from, size_t count)
{
    double sum = 1e-9;
    for (size_t i = from; i < from + count; i++)
        sum += (double)got.pcm[i] * got.pcm[i];
    return 10 * log10(sum / (double)count) - 20 * log10(32768);
}

#ifdef PEER_HAVE_OPUS
TEST(opus_gives_back_what_it_was_given)
{
    for (uint32_t channels = 1; channels <= 2; channels++) {
        peer_encoder_settings_t settings = audio_settings();
        settings.channels = channels;
        settings.bitrate_bps = 64000;
        encode_tone(&codec_opus, &settings, 30);
        CHECK_INT(got.encoded_count, 30);
        CHECK_INT(peer_encoded_frame_duration_us(got.encoded[3]), 20000);
        CHECK_INT(peer_encoded_frame_timestamp_us(got.encoded[3]), 60000);
        void *decoder = new_decoder(&codec_opus, channels);
        for (size_t i = 0; i < 30; i++)
            CHECK_INT(codec_opus.decode(decoder, got.encoded[i], &sink), 0);
        codec_opus.decoder_free(decoder);
        CHECK_INT(got.samples, 30 * 960 * channels);
        double snr = snr_db(48000, channels, 20 * 960, 8 * 960, 700);
        test_note("Opus, %u channels: %.1f dB", channels, snr);
        CHECK(snr > 12);
        forget();
    }
}

TEST(opus_conceals_a_loss_with_sound)
{
    peer_encoder_settings_t settings = audio_settings();
    encode_tone(&codec_opus, &settings, 20);
    void *decoder = new_decoder(&codec_opus, 1);
    for (size_t i = 0; i < 10; i++)
        CHECK_INT(codec_opus.decode(decoder, got.encoded[i], &sink), 0);
    CHECK_INT(codec_opus.conceal(decoder, 960, 200000, &sink), 0);
    CHECK_INT(got.samples, 11 * 960);
    CHECK(level_dbfs(10 * 960, 960) > level_dbfs(9 * 960, 960) - 6);
    CHECK_INT(codec_opus.conceal(decoder, 48000, 220000, &sink), 0); /* longer than libopus does in one call */
    CHECK_INT(got.samples, 11 * 960 + 48000);
    codec_opus.decoder_free(decoder);
    forget();
}

/* A word that is silent but for its 11th frame, which is lost: only the redundancy can tell of it. */
static void encode_click(bool has_fec)
{
    peer_encoder_settings_t settings = audio_settings();
    void *encoder;
    settings.bitrate_bps = 24000;
    settings.packet_loss = 0.3;
    settings.fmtp = has_fec ? "minptime=10;useinbandfec=1" : "minptime=10";
    CHECK_INT(codec_opus.encoder_new(&settings, &encoder), 0);
    for (size_t i = 0; i < 20; i++) {
        peer_audio_frame_t *frame;
        void *data;
        CHECK_INT(audio_frame_new_blank(PEER_AUDIO_S16, 48000, 1, 960, 0, &frame, &data), 0);
        for (size_t j = 0; j < 960; j++)
            ((int16_t *)data)[j] = (int16_t)(tone(48000, i * 960 + j) / (i == 10 || i == 11 ? 1 : 200));
        CHECK_INT(codec_opus.encode_audio(encoder, frame, &sink), 0);
        peer_audio_frame_unref(frame);
    }
    codec_opus.encoder_free(encoder);
}

TEST(opus_takes_a_lost_frame_from_the_next_one)
{
    double levels[2];
    for (int has_fec = 0; has_fec < 2; has_fec++) {
        encode_click(has_fec);
        void *decoder = new_decoder(&codec_opus, 1);
        for (size_t i = 0; i < 10; i++)
            CHECK_INT(codec_opus.decode(decoder, got.encoded[i], &sink), 0);
        CHECK_INT(codec_opus.recover(decoder, got.encoded[11], 960, 0, &sink), 0);
        CHECK_INT(got.samples, 11 * 960);
        levels[has_fec] = level_dbfs(10 * 960, 960);
        CHECK_INT(codec_opus.decode(decoder, got.encoded[11], &sink), 0);
        CHECK_INT(codec_opus.recover(decoder, got.encoded[13], 48 * 150, 0, &sink), 0); /* longer than any packet */
        CHECK_INT(got.samples, 12 * 960 + 48 * 150);
        codec_opus.decoder_free(decoder);
        forget();
    }
    test_note("lost frame of -14 dBFS: %.1f dBFS without redundancy, %.1f with", levels[0], levels[1]);
    CHECK(levels[1] > -26);
    CHECK(levels[0] < levels[1] - 15);
}

TEST(opus_sends_nearly_nothing_in_silence_when_told_so)
{
    peer_encoder_settings_t settings = audio_settings();
    void *encoder;
    settings.fmtp = "usedtx=1";
    CHECK_INT(codec_opus.encoder_new(&settings, &encoder), 0);
    for (size_t i = 0; i < 100; i++) {
        peer_audio_frame_t *frame;
        void *data;
        CHECK_INT(audio_frame_new_blank(PEER_AUDIO_S16, 48000, 1, 960, 0, &frame, &data), 0);
        CHECK_INT(codec_opus.encode_audio(encoder, frame, &sink), 0);
        peer_audio_frame_unref(frame);
    }
    codec_opus.encoder_free(encoder);
    CHECK(got.encoded_count < 40);
    forget();
}

TEST(opus_keeps_to_the_bit_rate_the_receiver_allows)
{
    peer_encoder_settings_t settings = audio_settings();
    settings.bitrate_bps = 128000;
    settings.fmtp = "maxaveragebitrate=16000";
    encode_tone(&codec_opus, &settings, 50);
    size_t bytes = 0;
    for (size_t i = 0; i < 50; i++)
        bytes += peer_encoded_frame_length(got.encoded[i]);
    CHECK(bytes * 8 < 24000);
    forget();
}

TEST(opus_refuses_what_is_no_packet_and_goes_on)
{
    peer_encoder_settings_t settings = audio_settings();
    encode_tone(&codec_opus, &settings, 2);
    void *decoder = new_decoder(&codec_opus, 1);
    static const struct {
        const char *bytes;
        size_t length;
    } wrong[] = {{"", 0}, {"\x03", 1}, {"\xff\x00", 2}, {"\x02\xff", 2}, {"\x63\xff\xff\xff", 4}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peer_encoded_buffer_t buffer;
        peer_encoded_frame_t *frame;
        peer_encoded_buffer_init(&buffer, sizeof buffer);
        buffer.mime_type = "audio/opus";
        buffer.data = (const uint8_t *)wrong[i].bytes;
        buffer.length = wrong[i].length;
        CHECK_INT(peer_encoded_frame_new_copy(&buffer, &frame), 0);
        CHECK_INT(codec_opus.decode(decoder, frame, &sink), PEER_ERROR_OPERATION);
        peer_encoded_frame_unref(frame);
    }
    CHECK_INT(codec_opus.decode(decoder, got.encoded[0], &sink), 0);
    codec_opus.decoder_free(decoder);
    forget();
}
#endif

TEST(g711_gives_back_what_it_was_given)
{
    const peer_codec_t *codecs[] = {&codec_pcmu, &codec_pcma};
    for (int c = 0; c < 2; c++) {
        peer_encoder_settings_t settings = audio_settings();
        encode_tone(codecs[c], &settings, 10);
        CHECK_INT(peer_encoded_frame_length(got.encoded[0]), 160);
        void *decoder = new_decoder(codecs[c], 1);
        for (size_t i = 0; i < 10; i++)
            CHECK_INT(codecs[c]->decode(decoder, got.encoded[i], &sink), 0);
        double snr = snr_db(8000, 1, 0, 1600, 0);
        test_note("%s: %.1f dB", codecs[c]->mime_type, snr);
        CHECK(snr > 35);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}

static int16_t decode_one(const peer_codec_t *codec, uint8_t byte)
{
    peer_encoded_buffer_t buffer;
    peer_encoded_frame_t *frame;
    void *decoder = new_decoder(codec, 1);
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = codec->mime_type;
    buffer.data = &byte;
    buffer.length = 1;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &frame), 0);
    got.samples = 0;
    CHECK_INT(codec->decode(decoder, frame, &sink), 0);
    peer_encoded_frame_unref(frame);
    codec->decoder_free(decoder);
    got.samples = 0;
    return got.pcm[0];
}

TEST(g711_has_the_values_of_the_recommendation)
{
    /* ITU-T G.711 tables 1 and 2, scaled from 13 and 14 bits to 16. */
    CHECK_INT(decode_one(&codec_pcmu, 0x80), 8031 * 4);
    CHECK_INT(decode_one(&codec_pcmu, 0x00), -8031 * 4);
    CHECK_INT(decode_one(&codec_pcmu, 0xff), 0);
    CHECK_INT(decode_one(&codec_pcmu, 0x8f), 4191 * 4);
    CHECK_INT(decode_one(&codec_pcma, 0xaa), 4032 * 8);
    CHECK_INT(decode_one(&codec_pcma, 0x2a), -4032 * 8);
    CHECK_INT(decode_one(&codec_pcma, 0xd5), 1 * 8);
    CHECK_INT(decode_one(&codec_pcma, 0x55), -1 * 8);
}

TEST(every_g711_code_survives_decoding_and_encoding)
{
    const peer_codec_t *codecs[] = {&codec_pcmu, &codec_pcma};
    for (int c = 0; c < 2; c++)
        for (int code = 0; code < 256; code++) {
            int16_t sample = decode_one(codecs[c], (uint8_t)code);
            peer_encoder_settings_t settings = audio_settings();
            void *encoder, *data;
            peer_audio_frame_t *frame;
            CHECK_INT(codecs[c]->encoder_new(&settings, &encoder), 0);
            CHECK_INT(audio_frame_new_blank(PEER_AUDIO_S16, 8000, 1, 1, 0, &frame, &data), 0);
            *(int16_t *)data = sample;
            CHECK_INT(codecs[c]->encode_audio(encoder, frame, &sink), 0);
            peer_audio_frame_unref(frame);
            codecs[c]->encoder_free(encoder);
            uint8_t again = peer_encoded_frame_data(got.encoded[0])[0];
            if (!(codecs[c] == &codec_pcmu && code == 0x7f)) /* the law has two zeros */
                CHECK_INT(again, code);
            forget();
        }
}

TEST(g711_conceals_a_loss_with_sound_that_fades)
{
    peer_encoder_settings_t settings = audio_settings();
    encode_tone(&codec_pcmu, &settings, 6);
    void *decoder = new_decoder(&codec_pcmu, 1);
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(codec_pcmu.decode(decoder, got.encoded[i], &sink), 0);
    CHECK_INT(codec_pcmu.conceal(decoder, 800, 0, &sink), 0);
    CHECK_INT(codec_pcmu.decode(decoder, got.encoded[5], &sink), 0);
    CHECK_INT(got.samples, 5 * 160 + 800 + 160);
    CHECK(level_dbfs(800, 160) > level_dbfs(640, 160) - 4);
    CHECK(level_dbfs(800 + 640, 160) < -60);
    CHECK(level_dbfs(1600 + 32, 128) > level_dbfs(640, 160) - 4);
    codec_pcmu.decoder_free(decoder);
    forget();
}

/* ---- the adapter ---- */

static size_t adapted_frames;
static int64_t adapted_first_us, adapted_last_us;

static void take_adapted(void *context, peer_audio_frame_t *frame)
{
    if (adapted_frames++ == 0)
        adapted_first_us = peer_audio_frame_timestamp_us(frame);
    adapted_last_us = peer_audio_frame_timestamp_us(frame);
    take_audio(context, peer_audio_frame_ref(frame));
}

TEST(the_adapter_cuts_sound_of_any_length_into_equal_frames_in_time)
{
    audio_adapter_t *adapter = audio_adapter_new(48000, 1, 960);
    adapted_frames = 0;
    for (size_t start = 0; start < 48000; start += 441) {
        peer_audio_frame_t *frame = tone_frame(48000, 2, start, 441);
        CHECK_INT(audio_adapter_push(adapter, frame, 60000, take_adapted, NULL), 0);
        peer_audio_frame_unref(frame);
    }
    CHECK_INT(adapted_frames, 50);
    CHECK(adapted_first_us >= -50 && adapted_first_us <= 50);
    CHECK(adapted_last_us >= 980000 - 50 && adapted_last_us <= 980000 + 50);
    CHECK(snr_db(48000, 1, 0, 48000, 0) > 60);
    audio_adapter_free(adapter);
    forget();
}

TEST(the_adapter_resamples_both_ways)
{
    static const struct {
        uint32_t from, to, channels;
    } rates[] = {{48000, 8000, 1}, {8000, 48000, 1}, {44100, 48000, 2}, {16000, 48000, 1}, {96000, 48000, 2}};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        audio_adapter_t *adapter = audio_adapter_new(rates[r].to, rates[r].channels, 0);
        uint32_t step = rates[r].from / 100;
        for (size_t i = 0; i < 50; i++) {
            peer_audio_frame_t *frame = tone_frame(rates[r].from, 1, i * step, step);
            CHECK_INT(audio_adapter_push(adapter, frame, 60000, take_adapted, NULL), 0);
            peer_audio_frame_unref(frame);
        }
        double snr = snr_db(rates[r].to, rates[r].channels, rates[r].to / 10, rates[r].to / 5, 4);
        test_note("%u to %u Hz: %.1f dB, %zu samples", rates[r].from, rates[r].to, snr, got.samples / rates[r].channels);
        CHECK(snr > 30);
        CHECK(got.samples / rates[r].channels > rates[r].to / 2 - rates[r].to / 50);
        audio_adapter_free(adapter);
        forget();
    }
}

TEST(the_adapter_begins_anew_after_a_gap)
{
    audio_adapter_t *adapter = audio_adapter_new(48000, 1, 960);
    adapted_frames = 0;
    peer_audio_frame_t *frame = tone_frame(48000, 1, 0, 480);
    CHECK_INT(audio_adapter_push(adapter, frame, 60000, take_adapted, NULL), 0);
    peer_audio_frame_unref(frame);
    frame = tone_frame(48000, 1, 48000, 960);
    CHECK_INT(audio_adapter_push(adapter, frame, 60000, take_adapted, NULL), 0);
    peer_audio_frame_unref(frame);
    CHECK_INT(adapted_frames, 1);
    CHECK_INT(adapted_first_us, 1000000);
    audio_adapter_free(adapter);
    forget();
}
