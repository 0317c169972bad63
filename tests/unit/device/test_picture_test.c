#include "test.h"
#include "device/device.h"
#include "device/test_picture.h"

#include <peer/codec.h>
#include <peer/error.h>
#include <peer/test_media.h>

static media_producer_t *new_picture(uint32_t width, uint32_t height, uint32_t first_number)
{
    test_picture_settings_t settings = {.width = width, .height = height, .first_number = first_number};
    media_producer_t *producer;
    CHECK_INT(test_picture_new(&settings, &producer), 0);
    return producer;
}

static peer_video_frame_t *next_frame(media_producer_t *producer, peer_time_t epoch)
{
    media_unit_t unit;
    CHECK_INT(media_producer_next(producer, epoch, &unit), 1);
    CHECK(unit.video != NULL);
    return unit.video;
}

TEST(every_picture_tells_its_number_and_clock)
{
    media_producer_t *producer = new_picture(0, 0, 0xfffffffe);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t number = 0, clock_ms = 0;
        peer_video_frame_t *frame = next_frame(producer, 5000000);
        CHECK_INT(peer_video_frame_width(frame), 640);
        CHECK_INT(peer_video_frame_height(frame), 480);
        CHECK(peer_test_picture_read(frame, &number, &clock_ms));
        CHECK_INT(number, 0xfffffffe + i);
        CHECK_INT(clock_ms, 5000 + i * 100 / 3);
        CHECK_INT(peer_video_frame_timestamp_us(frame), 5000000 + i * 100000 / 3);
        CHECK(peer_test_picture_psnr(frame, number) == 100);
        CHECK(peer_test_picture_psnr(frame, number + 40) < 30);
        peer_video_frame_unref(frame);
    }
    media_producer_free(producer);
}

TEST(the_layout_is_what_the_header_says)
{
    /* Read as a page does it: one pixel in the middle of each of 20 × 4 rectangles, the CRC over the eight bytes before it. */
    media_producer_t *producer = new_picture(640, 480, 0x01020304);
    peer_video_frame_t *frame = next_frame(producer, 0x05060708LL * 1000), *rgba;
    uint8_t bytes[10] = {0};
    CHECK_INT(peer_video_frame_convert(frame, PEER_VIDEO_RGBA, &rgba), 0);
    for (int i = 0; i < 80; i++) {
        double x = (i % 20 + 0.5) * 640 / 20, y = (i / 20 + 0.5) * 480 / 15;
        const uint8_t *pixel = peer_video_frame_plane(rgba, 0) + (size_t)y * peer_video_frame_stride(rgba, 0) + (size_t)x * 4;
        if (pixel[0] + pixel[1] + pixel[2] > 3 * 128)
            bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    CHECK_BYTES(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    CHECK_INT(test_picture_crc((const uint8_t *)"123456789", 9), 0x29b1); /* CRC-16/CCITT-FALSE */
    CHECK_INT(test_picture_crc(bytes, 8), bytes[8] << 8 | bytes[9]);
    peer_video_frame_unref(frame);
    peer_video_frame_unref(rgba);
    media_producer_free(producer);
}

TEST(what_is_no_test_picture_is_not_read)
{
    static uint8_t bytes[640 * 480 * 3 / 2];
    for (int shade = 0; shade < 256; shade += 51) {
        peer_video_frame_t *frame;
        peer_video_buffer_t buffer;
        memset(bytes, shade, sizeof bytes);
        peer_video_buffer_init(&buffer, sizeof buffer);
        buffer.width = 640;
        buffer.height = 480;
        buffer.planes[0] = buffer.planes[1] = buffer.planes[2] = bytes;
        CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
        CHECK(!peer_test_picture_read(frame, NULL, NULL));
        peer_video_frame_unref(frame);
        buffer.width = buffer.height = 1 + (uint32_t)shade % 60;
        CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
        CHECK(!peer_test_picture_read(frame, NULL, NULL));
        CHECK(peer_test_picture_psnr(frame, 7) < 60); /* of any size, also far too small for a code */
        peer_video_frame_unref(frame);
    }
}

TEST(the_code_survives_scaling_down_to_160_by_120_and_up)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{320, 240}, {160, 120}, {426, 240}, {1280, 720}, {641, 479}};
    media_producer_t *producer = new_picture(640, 480, 1000);
    for (uint32_t i = 0; i < 20; i++) {
        peer_video_frame_t *frame = next_frame(producer, 987654321);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            peer_video_frame_t *scaled, *rgba;
            uint32_t number;
            CHECK_INT(peer_video_frame_scale(frame, sizes[s].width, sizes[s].height, &scaled), 0);
            CHECK(peer_test_picture_read(scaled, &number, NULL));
            CHECK_INT(number, 1000 + i);
            CHECK_INT(peer_video_frame_convert(scaled, PEER_VIDEO_RGBA, &rgba), 0);
            CHECK(peer_test_picture_read(rgba, &number, NULL));
            CHECK(peer_test_picture_psnr(scaled, number) > 14);
            peer_video_frame_unref(scaled);
            peer_video_frame_unref(rgba);
        }
        peer_video_frame_unref(frame);
    }
    media_producer_free(producer);
}

TEST(sizes_and_rates_out_of_range_are_refused)
{
    static const test_picture_settings_t wrong[] = {{.width = 62},    {.width = 641},     {.height = 46},
                                                    {.height = 4322}, {.framerate = 121}, {.framerate = -1}};
    media_producer_t *producer;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_INT(test_picture_new(&wrong[i], &producer), PEER_ERROR_OVERCONSTRAINED);
    static const struct {
        uint32_t width, height;
    } extreme[] = {{64, 48}, {64, 4320}, {7680, 48}};
    for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++) {
        producer = new_picture(extreme[i].width, extreme[i].height, 0);
        for (int n = 0; n < 200; n++)
            peer_video_frame_unref(next_frame(producer, 0));
        media_producer_free(producer);
    }
}

#ifdef PEER_HAVE_VPX
typedef struct call {
    const peer_codec_t *codec;
    void *decoder;
    unsigned encoded, decoded, read, read_half;
    size_t bytes;
    double psnr_sum, psnr_worst;
} call_t;

static void take_video(void *context, peer_video_frame_t *frame)
{
    call_t *call = context;
    uint32_t number, again;
    call->decoded++;
    if (peer_test_picture_read(frame, &number, NULL)) {
        double psnr = peer_test_picture_psnr(frame, number);
        call->read++;
        call->psnr_sum += psnr;
        call->psnr_worst = psnr < call->psnr_worst ? psnr : call->psnr_worst;
        peer_video_frame_t *half;
        CHECK_INT(peer_video_frame_scale(frame, 320, 240, &half), 0);
        call->read_half += peer_test_picture_read(half, &again, NULL) && again == number;
        peer_video_frame_unref(half);
    }
    peer_video_frame_unref(frame);
}

static void take_encoded(void *context, peer_encoded_frame_t *frame)
{
    call_t *call = context;
    const peer_codec_sink_t sink = {.video = take_video, .context = call};
    call->encoded++;
    call->bytes += peer_encoded_frame_length(frame);
    CHECK_INT(call->codec->decode(call->decoder, frame, &sink), 0);
    peer_encoded_frame_unref(frame);
}

static call_t run_call(const char *mime_type, uint32_t bitrate_bps, unsigned frames)
{
    call_t call = {.codec = peer_codec_find(mime_type), .psnr_worst = 1000};
    const peer_codec_sink_t sink = {.encoded = take_encoded, .context = &call};
    media_producer_t *producer = new_picture(640, 480, 0);
    peer_encoder_settings_t settings;
    peer_decoder_settings_t decoder_settings;
    void *encoder;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
    peer_decoder_settings_init(&decoder_settings, sizeof decoder_settings);
    settings.bitrate_bps = bitrate_bps;
    CHECK_INT(call.codec->encoder_new(&settings, &encoder), 0);
    CHECK_INT(call.codec->decoder_new(&decoder_settings, &call.decoder), 0);
    for (unsigned i = 0; i < frames; i++) {
        peer_video_frame_t *frame = next_frame(producer, 1700000000000000);
        CHECK_INT(call.codec->encode_video(encoder, frame, false, &sink), 0);
        peer_video_frame_unref(frame);
    }
    call.codec->encoder_free(encoder);
    call.codec->decoder_free(call.decoder);
    media_producer_free(producer);
    test_note("%s at %u kbit/s: %u of %u frames sent, %u read, %u at half size, %.0f kbit/s, PSNR mean %.1f, worst %.1f dB", mime_type,
              bitrate_bps / 1000, call.encoded, frames, call.read, call.read_half, (double)call.bytes * 8 * 30 / frames / 1000,
              call.psnr_sum / call.read, call.psnr_worst);
    return call;
}

TEST(the_code_survives_vp8_at_150_kbit_per_second_and_half_size)
{
    call_t call = run_call("video/VP8", 150000, 150);
    CHECK_INT(call.read, call.decoded);
    CHECK_INT(call.read_half, call.decoded);
    CHECK(call.encoded > 50);
    CHECK(call.bytes * 8 < 150000 * 5 * 3 / 2);
}

TEST(the_code_survives_vp8_at_1_mbit_per_second_with_every_frame_sent)
{
    call_t call = run_call("video/VP8", 1000000, 90);
    CHECK_INT(call.read, 90);
    CHECK(call.psnr_sum / call.read > 32);
}

TEST(the_code_survives_vp9_at_150_kbit_per_second)
{
    call_t call = run_call("video/VP9", 150000, 60);
    CHECK_INT(call.read, call.decoded);
}
#endif
