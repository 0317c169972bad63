#include "base/memory.h"
#include "device/device.h"
#include "device/media_input.h"
#include "test.h"

#include <dirent.h>
#include <peer/codec.h>
#include <peer/error.h>
#include <peer/media_file.h>
#include <peer/test_media.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch_directory[] = "/tmp/peer-media-XXXXXX";

static void remove_directory(void)
{
    rmdir(scratch_directory);
}

/* A name in a directory of this run's own. */
static const char *scratch(const char *name)
{
    static char path[128];
    if (access(scratch_directory, F_OK) != 0) {
        CHECK(mkdtemp(scratch_directory) != NULL);
        atexit(remove_directory);
    }
    snprintf(path, sizeof path, "%s/%s", scratch_directory, name);
    return path;
}

static media_producer_t *open_file(const char *path, bool is_looped, bool is_decoded)
{
    media_producer_t *producer;
    int error = media_file_open(path, &(media_file_settings_t){is_looped, is_decoded}, &producer);
    if (error < 0)
        test_fail(__FILE__, __LINE__, "%s", peer_last_error_message());
    return producer;
}

static media_producer_t *new_picture(void)
{
    media_producer_t *producer;
    CHECK_INT(test_picture_new(&(test_picture_settings_t){.width = 160, .height = 120}, &producer), 0);
    return producer;
}

TEST(pictures_written_to_y4m_are_read_back_and_repeated)
{
    const char *path = scratch("a.y4m");
    media_producer_t *producer = new_picture();
    peer_media_writer_t *writer;
    media_unit_t unit;
    CHECK_INT(peer_media_writer_open(path, &writer), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(media_producer_next(producer, 77, &unit), 1);
        if (i != 2) /* a gap is filled with the picture after it */
            CHECK_INT(peer_media_writer_video(writer, unit.video), 0);
        media_unit_clear(&unit);
    }
    CHECK_INT(peer_media_writer_close(writer), 0);
    media_producer_free(producer);
    producer = open_file(path, true, false);
    CHECK_TEXT(producer->label, "a.y4m");
    CHECK_INT(producer->width, 160);
    static const uint32_t expected[] = {0, 1, 3, 3, 4, 0, 1};
    for (int i = 0; i < 7; i++) {
        uint32_t number;
        CHECK_INT(media_producer_next(producer, 1000, &unit), 1);
        CHECK(peer_test_picture_read(unit.video, &number, NULL));
        CHECK_INT(number, expected[i]);
        CHECK_INT(peer_video_frame_timestamp_us(unit.video), 1000 + i * 100000 / 3);
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
    producer = open_file(path, false, false);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(media_producer_next(producer, 0, &unit), 1);
        media_unit_clear(&unit);
    }
    CHECK_INT(media_producer_next(producer, 0, &unit), 0);
    CHECK_INT(media_producer_next(producer, 0, &unit), 0);
    media_producer_free(producer);
    unlink(path);
}

TEST(a_picture_of_another_size_is_scaled_to_the_file_s)
{
    const char *path = scratch("b.y4m");
    media_producer_t *producer = new_picture();
    peer_media_writer_t *writer;
    media_unit_t unit;
    CHECK_INT(peer_media_writer_open(path, &writer), 0);
    for (int i = 0; i < 3; i++) {
        peer_video_frame_t *other, *rgba;
        CHECK_INT(media_producer_next(producer, 0, &unit), 1);
        CHECK_INT(peer_video_frame_scale(unit.video, 320 - 20 * (uint32_t)i, 240, &other), 0);
        CHECK_INT(peer_video_frame_convert(other, PEER_VIDEO_RGBA, &rgba), 0);
        CHECK_INT(peer_media_writer_video(writer, rgba), 0);
        peer_video_frame_unref(other);
        peer_video_frame_unref(rgba);
        media_unit_clear(&unit);
    }
    CHECK_INT(peer_media_writer_close(writer), 0);
    media_producer_free(producer);
    producer = open_file(path, false, false);
    CHECK_INT(producer->width, 320);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t number;
        CHECK_INT(media_producer_next(producer, 0, &unit), 1);
        CHECK(peer_test_picture_read(unit.video, &number, NULL));
        CHECK_INT(number, i);
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
    unlink(path);
}

TEST(sound_written_to_wav_is_read_back_and_repeated)
{
    const char *path = scratch("a.wav");
    media_producer_t *producer;
    peer_media_writer_t *writer;
    media_unit_t unit;
    static int16_t original[480 * 5 * 2];
    CHECK_INT(test_sound_new(&(test_sound_settings_t){.channels = 2, .frame_duration_ms = 10}, &producer), 0);
    CHECK_INT(peer_media_writer_open(path, &writer), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(media_producer_next(producer, 0, &unit), 1);
        memcpy(original + i * 960, peer_audio_frame_data(unit.audio), 960 * 2);
        CHECK_INT(peer_media_writer_audio(writer, unit.audio), 0);
        CHECK_INT(peer_media_writer_video(writer, (peer_video_frame_t *)(void *)unit.audio), PEER_ERROR_INVALID_ACCESS);
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
    CHECK_INT(peer_media_writer_close(writer), 0);
    producer = open_file(path, true, false);
    CHECK_INT(producer->channels, 2);
    CHECK_INT(producer->sample_rate, 48000);
    size_t position = 0;
    peer_time_t time_us = 500;
    for (int i = 0; i < 8; i++) { /* frames of 20, 20 and 10 ms */
        CHECK_INT(media_producer_next(producer, 500, &unit), 1);
        uint32_t samples = peer_audio_frame_samples_per_channel(unit.audio);
        CHECK_INT(samples, i % 3 == 2 ? 480 : 960);
        CHECK_INT(peer_audio_frame_timestamp_us(unit.audio), time_us);
        CHECK_BYTES(peer_audio_frame_data(unit.audio), original + position, samples * 4);
        position = (position + samples * 2) % (480 * 5 * 2);
        time_us += samples * 1000 / 48;
        CHECK_INT(unit.due_us, time_us - 500);
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
    unlink(path);
}

TEST(wav_of_floats_and_of_other_rates_is_read)
{
    /* One channel of 16,000 Hz, float in the extensible form, an odd unknown chunk before, and a data chunk whose writer was cut off. */
    static const uint8_t header[] =
        "RIFF\xff\xff\xff\xffWAVE"
        "LIST\x03\0\0\0abc\0"
        "fmt \x28\0\0\0\xfe\xff\x01\0\x80\x3e\0\0\0\xfa\0\0\x04\0\x20\0\x16\0\x20\0\x04\0\0\0\x03\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        "data\xff\xff\xff\xff\0\0\0\x3f\0\0\0\xbf\0";
    FILE *file = fmemopen((void *)(uintptr_t)header, sizeof header - 1, "rb");
    media_producer_t *producer;
    media_unit_t unit;
    CHECK_INT(media_file_from(file, &(media_file_settings_t){0}, &producer), 0);
    CHECK_INT(media_producer_next(producer, 0, &unit), 1);
    CHECK_INT(peer_audio_frame_format(unit.audio), PEER_AUDIO_F32);
    CHECK_INT(peer_audio_frame_sample_rate(unit.audio), 16000);
    CHECK_INT(peer_audio_frame_samples_per_channel(unit.audio), 2);
    CHECK(((const float *)peer_audio_frame_data(unit.audio))[0] == 0.5f && ((const float *)peer_audio_frame_data(unit.audio))[1] == -0.5f);
    media_unit_clear(&unit);
    CHECK_INT(media_producer_next(producer, 0, &unit), 0);
    media_producer_free(producer);
}

#ifdef PEER_HAVE_VPX
static void write_encoded(void *context, peer_encoded_frame_t *frame)
{
    CHECK_INT(peer_media_writer_encoded(context, frame), 0);
    peer_encoded_frame_unref(frame);
}

static void make_ivf(const char *path, const char *mime_type, int frames)
{
    const peer_codec_t *codec = peer_codec_find(mime_type);
    media_producer_t *producer = new_picture();
    peer_media_writer_t *writer;
    peer_encoder_settings_t settings;
    void *encoder;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
    settings.width = 160;
    settings.height = 120;
    CHECK_INT(codec->encoder_new(&settings, &encoder), 0);
    CHECK_INT(peer_media_writer_open(path, &writer), 0);
    const peer_codec_sink_t sink = {.encoded = write_encoded, .context = writer};
    for (int i = 0; i < frames; i++) {
        media_unit_t unit;
        CHECK_INT(media_producer_next(producer, 123456, &unit), 1);
        CHECK_INT(codec->encode_video(encoder, unit.video, false, &sink), 0);
        media_unit_clear(&unit);
    }
    CHECK_INT(peer_media_writer_close(writer), 0);
    codec->encoder_free(encoder);
    media_producer_free(producer);
}

TEST(encoded_pictures_written_to_ivf_are_read_back_encoded_and_decoded)
{
    static const char *const mime_types[] = {"video/VP8", "video/VP9"};
    for (int m = 0; m < 2; m++) {
        const char *path = scratch("a.ivf");
        media_unit_t unit;
        make_ivf(path, mime_types[m], 4);
        media_producer_t *producer = open_file(path, true, false);
        CHECK_TEXT(producer->encoded_mime_type, mime_types[m]);
        for (int i = 0; i < 10; i++) {
            CHECK_INT(media_producer_next(producer, 0, &unit), 1);
            CHECK_TEXT(peer_encoded_frame_mime_type(unit.encoded), mime_types[m]);
            CHECK(peer_encoded_frame_is_key(unit.encoded) == (i % 4 == 0));
            CHECK(unit.due_us >= i * 33300 && unit.due_us <= i * 33340);
            media_unit_clear(&unit);
        }
        media_producer_free(producer);
        producer = open_file(path, true, true);
        CHECK_TEXT(producer->encoded_mime_type, "");
        for (uint32_t i = 0; i < 10; i++) {
            uint32_t number;
            CHECK_INT(media_producer_next(producer, 0, &unit), 1);
            CHECK(peer_test_picture_read(unit.video, &number, NULL));
            CHECK_INT(number, i % 4);
            media_unit_clear(&unit);
        }
        media_producer_free(producer);
        unlink(path);
    }
}
#endif

/* Opens and reads a file from memory as far as it goes; says how it ended. */
static int read_through(const void *bytes, size_t length, bool is_decoded)
{
    media_producer_t *producer;
    media_unit_t unit;
    FILE *file = fmemopen((void *)(uintptr_t)bytes, length, "rb");
    CHECK(file != NULL);
    int result = media_file_from(file, &(media_file_settings_t){.is_looped = true, .is_decoded = is_decoded}, &producer);
    if (result < 0)
        return result;
    for (int i = 0; i < 50 && (result = media_producer_next(producer, 0, &unit)) == 1; i++)
        media_unit_clear(&unit);
    media_producer_free(producer);
    return result;
}

TEST(malformed_files_give_a_clear_error)
{
    char path[512];
    DIR *directory = opendir(VECTORS "/media/malformed");
    CHECK(directory != NULL);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        size_t length;
        snprintf(path, sizeof path, VECTORS "/media/malformed/%s", entry->d_name);
        char *bytes = test_read_file(path, &length);
        for (int is_decoded = 0; is_decoded < 2; is_decoded++) {
            int result = read_through(bytes, length, is_decoded);
            if (result >= 0 || peer_last_error_message()[0] == '\0')
                test_fail(__FILE__, __LINE__, "%s was accepted", entry->d_name);
        }
        test_note("%s: %s", entry->d_name, peer_last_error_message());
        free(bytes);
        count++;
    }
    closedir(directory);
    CHECK(count >= 20);
}

TEST(a_file_cut_off_anywhere_is_read_safely)
{
    static const char *const names[] = {"/media/small.y4m", "/media/vp8.ivf", "/media/vp9.ivf", "/media/small.wav"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char path[512];
        size_t length;
        snprintf(path, sizeof path, VECTORS "%s", names[n]);
        char *bytes = test_read_file(path, &length);
        CHECK_INT(read_through(bytes, length, false), 1);
        for (size_t cut = 1; cut < length; cut += cut < 100 ? 1 : 37)
            read_through(bytes, cut, cut % 2 == 0);
        free(bytes);
    }
}

TEST(reading_without_memory_fails_and_leaks_nothing)
{
    static const char *const names[] = {"/media/small.y4m", "/media/vp8.ivf", "/media/small.wav"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char path[512];
        size_t length;
        snprintf(path, sizeof path, VECTORS "%s", names[n]);
        char *bytes = test_read_file(path, &length);
        for (unsigned nth = 1; nth < 12; nth++) {
            memory_fail_nth(nth);
            read_through(bytes, length, nth % 2 == 0);
        }
        memory_fail_nth(0);
        free(bytes);
    }
}

TEST(names_that_lead_nowhere_give_a_clear_error)
{
    media_producer_t *producer;
    peer_media_writer_t *writer;
    const media_file_settings_t settings = {0};
    CHECK_INT(media_file_open("/nowhere/at/all.wav", &settings, &producer), PEER_ERROR_NOT_FOUND);
    CHECK(strstr(peer_last_error_message(), "/nowhere/at/all.wav") != NULL);
    CHECK_INT(media_file_open("/tmp", &settings, &producer), PEER_ERROR_NOT_READABLE);
    CHECK_INT(media_file_open("/dev/zero", &settings, &producer), PEER_ERROR_NOT_READABLE);
    CHECK_INT(media_file_open(NULL, &settings, &producer), PEER_ERROR_TYPE);
    CHECK_INT(peer_media_writer_open("/tmp/a.mp4", &writer), PEER_ERROR_NOT_SUPPORTED);
    CHECK_INT(peer_media_writer_open("/nowhere/at/all.wav", &writer), PEER_ERROR_NOT_READABLE);
    CHECK_INT(peer_media_writer_open("", &writer), PEER_ERROR_NOT_SUPPORTED);
    CHECK_INT(peer_media_writer_close(NULL), 0);
}
