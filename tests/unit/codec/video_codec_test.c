#include "codec/codec.h"
#include "codec/frame.h"
#include "test.h"

#include <math.h>
#include <peer/codec.h>
#include <peer/error.h>

#define MAX_FRAMES 128

static struct {
    peer_encoded_frame_t *encoded[MAX_FRAMES];
    size_t encoded_count;
    peer_video_frame_t *picture; /* the latest */
    size_t picture_count;
} got;

static void take_encoded(void *context, peer_encoded_frame_t *frame)
{
    CHECK(got.encoded_count < MAX_FRAMES);
    got.encoded[got.encoded_count++] = frame;
}

static void take_video(void *context, peer_video_frame_t *frame)
{
    peer_video_frame_unref(got.picture);
    got.picture = frame;
    got.picture_count++;
}

static const peer_codec_sink_t sink = {.encoded = take_encoded, .video = take_video};

static void forget(void)
{
    while (got.encoded_count > 0)
        peer_encoded_frame_unref(got.encoded[--got.encoded_count]);
    peer_video_frame_unref(got.picture);
    got.picture = NULL;
    got.picture_count = 0;
}

/* A soft pattern that moves to the right. */
static peer_video_frame_t *moving(uint32_t width, uint32_t height, unsigned number)
{
    peer_video_frame_t *frame;
    uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    CHECK_INT(video_frame_new_blank(PEER_VIDEO_I420, width, height, 0, (int64_t)number * 33333, &frame, planes), 0);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            planes[0][y * peer_video_frame_stride(frame, 0) + x] = (uint8_t)(128 + 60 * sin((x - 3.0 * number) / 23) + 40 * cos(y / 17.0));
    for (uint32_t y = 0; y < (height + 1) / 2; y++)
        for (uint32_t x = 0; x < (width + 1) / 2; x++) {
            planes[1][y * peer_video_frame_stride(frame, 1) + x] = (uint8_t)(64 + x * 128 / width);
            planes[2][y * peer_video_frame_stride(frame, 2) + x] = (uint8_t)(64 + y * 128 / height);
        }
    return frame;
}

static double psnr_db(const peer_video_frame_t *a, const peer_video_frame_t *b)
{
    double sum = 0;
    uint32_t width = peer_video_frame_width(a), height = peer_video_frame_height(a);
    CHECK_INT(width, peer_video_frame_width(b));
    CHECK_INT(height, peer_video_frame_height(b));
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            int difference = peer_video_frame_plane(a, 0)[y * peer_video_frame_stride(a, 0) + x] -
                             peer_video_frame_plane(b, 0)[y * peer_video_frame_stride(b, 0) + x];
            sum += difference * difference;
        }
    return 10 * log10(255.0 * 255.0 / (sum / width / height + 1e-9));
}

static void *new_encoder(const peer_codec_t *codec, uint32_t width, uint32_t height, uint32_t bitrate_bps)
{
    peer_encoder_settings_t settings;
    void *encoder;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
    settings.width = width;
    settings.height = height;
    settings.bitrate_bps = bitrate_bps;
    CHECK_INT(codec->encoder_new(&settings, &encoder), 0);
    return encoder;
}

static void *new_decoder(const peer_codec_t *codec)
{
    peer_decoder_settings_t settings;
    void *decoder;
    peer_decoder_settings_init(&settings, sizeof settings);
    CHECK_INT(codec->decoder_new(&settings, &decoder), 0);
    return decoder;
}

static void encode(const peer_codec_t *codec, void *encoder, uint32_t width, uint32_t height, unsigned number, bool force_key)
{
    peer_video_frame_t *frame = moving(width, height, number);
    CHECK_INT(codec->encode_video(encoder, frame, force_key, &sink), 0);
    peer_video_frame_unref(frame);
}

static const peer_codec_t *const codecs[] = {&codec_vp8, &codec_vp9};

TEST(pictures_survive_encoding_and_decoding)
{
    for (int c = 0; c < 2; c++) {
        void *encoder = new_encoder(codecs[c], 320, 240, 500000), *decoder = new_decoder(codecs[c]);
        double worst = 1000;
        for (unsigned i = 0; i < 30; i++) {
            size_t before = got.encoded_count;
            encode(codecs[c], encoder, 320, 240, i, false);
            if (got.encoded_count == before)
                continue; /* left out to keep the rate */
            CHECK_INT(codecs[c]->decode(decoder, got.encoded[before], &sink), 0);
            peer_video_frame_t *original = moving(320, 240, i);
            double psnr = psnr_db(original, got.picture);
            worst = psnr < worst ? psnr : worst;
            CHECK_INT(peer_video_frame_timestamp_us(got.picture), (int64_t)i * 33333);
            peer_video_frame_unref(original);
        }
        test_note("%s: worst of %zu pictures %.1f dB", codecs[c]->mime_type, got.picture_count, worst);
        CHECK(worst > 30);
        CHECK(got.picture_count >= 25);
        CHECK(peer_encoded_frame_is_key(got.encoded[0]));
        for (size_t i = 1; i < got.encoded_count; i++)
            CHECK(!peer_encoded_frame_is_key(got.encoded[i]));
        codecs[c]->encoder_free(encoder);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}

/* Decodes what belongs to layers up to `highest`; true if every picture could be decoded and is about the original. */
static bool decodes_without_higher(const peer_codec_t *codec, uint32_t highest)
{
    void *decoder = new_decoder(codec);
    bool is_good = true;
    for (size_t i = 0; is_good && i < got.encoded_count; i++) {
        if (peer_encoded_frame_temporal_id(got.encoded[i]) > highest)
            continue;
        is_good = codec->decode(decoder, got.encoded[i], &sink) == 0;
        peer_video_frame_t *original = moving(320, 240, (unsigned)(peer_encoded_frame_timestamp_us(got.encoded[i]) / 33333));
        is_good = is_good && psnr_db(original, got.picture) > 26;
        peer_video_frame_unref(original);
    }
    codec->decoder_free(decoder);
    return is_good;
}

TEST(pictures_of_higher_temporal_layers_can_be_left_out)
{
    for (int c = 0; c < 2; c++)
        for (uint32_t layers = 2; layers <= 3; layers++) {
            peer_encoder_settings_t settings;
            void *encoder;
            peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
            settings.width = 320;
            settings.height = 240;
            settings.bitrate_bps = 800000;
            settings.temporal_layers = layers;
            CHECK_INT(codecs[c]->encoder_new(&settings, &encoder), 0);
            unsigned counts[3] = {0};
            for (unsigned i = 0; i < 48; i++)
                encode(codecs[c], encoder, 320, 240, i, i == 21);
            for (size_t i = 0; i < got.encoded_count; i++) {
                CHECK_INT(peer_encoded_frame_temporal_layers(got.encoded[i]), layers);
                CHECK(peer_encoded_frame_temporal_id(got.encoded[i]) < layers);
                CHECK(!peer_encoded_frame_is_key(got.encoded[i]) || peer_encoded_frame_temporal_id(got.encoded[i]) == 0);
                counts[peer_encoded_frame_temporal_id(got.encoded[i])]++;
            }
            test_note("%s, %u layers: %u, %u and %u pictures", codecs[c]->mime_type, layers, counts[0], counts[1], counts[2]);
            CHECK(counts[0] >= (layers == 2 ? 20 : 10) && counts[1] >= 8 && (layers == 2 || counts[2] >= 16));
            for (uint32_t highest = 0; highest < layers; highest++)
                CHECK(decodes_without_higher(codecs[c], highest));
            codecs[c]->encoder_free(encoder);
            forget();
        }
}

TEST(a_key_frame_comes_when_it_is_asked_for)
{
    for (int c = 0; c < 2; c++) {
        void *encoder = new_encoder(codecs[c], 320, 240, 500000), *decoder = new_decoder(codecs[c]);
        for (unsigned i = 0; i < 10; i++)
            encode(codecs[c], encoder, 320, 240, i, i == 7);
        peer_encoded_frame_t *key = NULL;
        for (size_t i = 1; i < got.encoded_count; i++)
            if (peer_encoded_frame_is_key(got.encoded[i]))
                key = got.encoded[i];
        CHECK(key != NULL);
        CHECK_INT(peer_encoded_frame_timestamp_us(key), 7 * 33333);
        CHECK_INT(codecs[c]->decode(decoder, key, &sink), 0); /* needs nothing before it */
        CHECK_INT(got.picture_count, 1);
        codecs[c]->encoder_free(encoder);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}

TEST(a_change_of_size_in_mid_stream_starts_with_a_key_frame)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{320, 240}, {640, 360}, {160, 120}, {161, 121}};
    for (int c = 0; c < 2; c++) {
        void *encoder = new_encoder(codecs[c], 320, 240, 500000), *decoder = new_decoder(codecs[c]);
        unsigned number = 0;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int i = 0; i < 4; i++) {
                size_t before = got.encoded_count;
                encode(codecs[c], encoder, sizes[s].width, sizes[s].height, number++, false);
                if (i == 0) {
                    CHECK_INT(got.encoded_count, before + 1);
                    CHECK(peer_encoded_frame_is_key(got.encoded[before]));
                    CHECK_INT(peer_encoded_frame_width(got.encoded[before]), sizes[s].width);
                }
                if (got.encoded_count > before) {
                    CHECK_INT(codecs[c]->decode(decoder, got.encoded[before], &sink), 0);
                    CHECK_INT(peer_video_frame_width(got.picture), sizes[s].width);
                    CHECK_INT(peer_video_frame_height(got.picture), sizes[s].height);
                }
            }
        codecs[c]->encoder_free(encoder);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}

TEST(the_bit_rate_follows_its_target)
{
    for (int c = 0; c < 2; c++) {
        size_t bytes[2];
        for (int high = 0; high < 2; high++) {
            void *encoder = new_encoder(codecs[c], 320, 240, 1000000);
            peer_encoder_rates_t rates;
            peer_encoder_rates_init(&rates, sizeof rates);
            rates.bitrate_bps = high ? 600000 : 100000;
            CHECK_INT(codecs[c]->set_rates(encoder, &rates), 0);
            for (unsigned i = 0; i < 60; i++)
                encode(codecs[c], encoder, 320, 240, i, false);
            bytes[high] = 0;
            for (size_t i = 0; i < got.encoded_count; i++)
                bytes[high] += peer_encoded_frame_length(got.encoded[i]);
            codecs[c]->encoder_free(encoder);
            forget();
        }
        test_note("%s: 2 s at 100 kbit/s %zu bytes, at 600 kbit/s %zu", codecs[c]->mime_type, bytes[0], bytes[1]);
        CHECK(bytes[0] < 25000 * 15 / 10);
        CHECK(bytes[1] > bytes[0]);
    }
}

TEST(other_formats_are_encoded_too)
{
    void *encoder = new_encoder(&codec_vp8, 64, 48, 500000);
    for (int32_t format = PEER_VIDEO_NV12; format <= PEER_VIDEO_RGBA; format++) {
        peer_video_frame_t *frame = moving(64, 48, 0), *converted;
        CHECK_INT(peer_video_frame_convert(frame, format, &converted), 0);
        CHECK_INT(codec_vp8.encode_video(encoder, converted, true, &sink), 0);
        peer_video_frame_unref(frame);
        peer_video_frame_unref(converted);
    }
    CHECK_INT(got.encoded_count, 2);
    codec_vp8.encoder_free(encoder);
    forget();
}

static int decode_bytes(const peer_codec_t *codec, void *decoder, const void *bytes, size_t length)
{
    peer_encoded_buffer_t buffer;
    peer_encoded_frame_t *frame;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = codec->mime_type;
    buffer.data = bytes;
    buffer.length = length;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &frame), 0);
    int error = codec->decode(decoder, frame, &sink);
    peer_encoded_frame_unref(frame);
    return error;
}

TEST(corrupt_frames_are_reported_and_a_key_frame_heals)
{
    for (int c = 0; c < 2; c++) {
        void *encoder = new_encoder(codecs[c], 320, 240, 500000), *decoder = new_decoder(codecs[c]);
        encode(codecs[c], encoder, 320, 240, 0, false);
        encode(codecs[c], encoder, 320, 240, 1, false);
        CHECK_INT(decode_bytes(codecs[c], decoder, "", 0), PEER_ERROR_OPERATION);
        CHECK(decode_bytes(codecs[c], decoder, "\x00\x01\x02", 3) < 0);
        CHECK(codecs[c]->decode(decoder, got.encoded[1], &sink) < 0); /* without the key frame before it */
        CHECK_INT(got.picture_count, 0);
        CHECK(decode_bytes(codecs[c], decoder, peer_encoded_frame_data(got.encoded[0]), 9) < 0);
        CHECK_INT(codecs[c]->decode(decoder, got.encoded[0], &sink), 0);
        CHECK_INT(codecs[c]->decode(decoder, got.encoded[1], &sink), 0);
        CHECK_INT(got.picture_count, 2);
        codecs[c]->encoder_free(encoder);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}

TEST(a_header_that_asks_for_a_giant_picture_is_refused)
{
    /* RFC 6386 §9.1: a key frame of 16383 × 16383. */
    static const uint8_t header[] = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0, 0, 0};
    void *decoder = new_decoder(&codec_vp8);
    CHECK_INT(decode_bytes(&codec_vp8, decoder, header, sizeof header), PEER_ERROR_OPERATION);
    codec_vp8.decoder_free(decoder);
}

TEST(encoder_and_decoder_tell_the_same_quantizer_of_each_picture)
{
    for (int c = 0; c < 2; c++) {
        void *encoder = new_encoder(codecs[c], 320, 240, 100000), *decoder = new_decoder(codecs[c]);
        int32_t most = c == 0 ? 127 : 255, sum = 0;
        for (unsigned i = 0; i < 10; i++) {
            size_t before = got.encoded_count;
            encode(codecs[c], encoder, 320, 240, i, false);
            if (got.encoded_count == before)
                continue;
            int32_t quantizer = codecs[c]->encoder_quantizer(encoder);
            CHECK(quantizer >= 0 && quantizer <= most);
            CHECK_INT(codecs[c]->decode(decoder, got.encoded[before], &sink), 0);
            CHECK_INT(codecs[c]->decoder_quantizer(decoder), quantizer);
            sum += quantizer;
        }
        CHECK(sum > 0);
        codecs[c]->encoder_free(encoder);
        codecs[c]->decoder_free(decoder);
        forget();
    }
}
