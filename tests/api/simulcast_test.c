/* Simulcast between two connections of one process: three encodings of one track, by rid. */
#include "pair.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAYERS 3

static const char *const rids[LAYERS] = {"q", "h", "f"};

static atomic_int encoded[LAYERS + 1], keys_wanted[LAYERS + 1], packets[LAYERS + 1];
static atomic_int widths[LAYERS + 1]; /* of key frames */
static atomic_int shown_width, shown_height, pcmu_frames;

static void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int layer_of(const char *rid)
{
    for (int i = 0; rid != NULL && i < LAYERS; i++)
        if (strcmp(rid, rids[i]) == 0)
            return i;
    return LAYERS;
}

static void on_encoded(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
    int layer = layer_of(peer_encoded_frame_rid(frame));
    const uint8_t *data = peer_encoded_frame_data(frame);
    atomic_fetch_add(&encoded[layer], 1);
    if (strcmp(peer_encoded_frame_mime_type(frame), "audio/PCMU") == 0)
        atomic_fetch_add(&pcmu_frames, 1);
    if (peer_encoded_frame_is_key(frame) && peer_encoded_frame_kind(frame) == PEER_MEDIA_VIDEO && peer_encoded_frame_length(frame) >= 10)
        atomic_store(&widths[layer], (data[6] | data[7] << 8) & 0x3fff);
}

static void on_video(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    atomic_store(&shown_height, (int)peer_video_frame_height(frame));
    atomic_store(&shown_width, (int)peer_video_frame_width(frame));
}

static void on_stream_rtp(peer_track_t *track, const void *packet, size_t length, const char *rid, void *user)
{
    atomic_fetch_add(&packets[layer_of(rid)], 1);
}

static void on_stream_key_frame_request(peer_track_t *track, const char *rid, void *user)
{
    atomic_fetch_add(&keys_wanted[layer_of(rid)], 1);
}

static void forget(void)
{
    for (int i = 0; i <= LAYERS; i++) {
        atomic_store(&encoded[i], 0);
        atomic_store(&packets[i], 0);
        atomic_store(&keys_wanted[i], 0);
    }
    atomic_store(&pcmu_frames, 0);
}

typedef struct rig {
    pair_t pair;
    peer_track_t *track;
    peer_transceiver_t *transceiver;
    peer_sender_t *sender;
} rig_t;

static bool has_track(pair_t *pair)
{
    return atomic_load(&pair->sides[1].tracks) > 0;
}

/* One transceiver that sends `count` encodings; the other side looks at what comes. */
static void open_rig(rig_t *rig, int32_t kind, size_t count)
{
    peer_transceiver_init_t init;
    peer_rtp_encoding_t encodings[LAYERS];
    memset(rig, 0, sizeof *rig);
    forget();
    atomic_store(&shown_width, 0);
    pair_open(&rig->pair, NULL, NULL);
    CHECK_INT(peer_track_new(kind, "source", &rig->track), 0);
    for (size_t i = 0; i < count; i++) {
        peer_rtp_encoding_init(&encodings[i], sizeof *encodings);
        encodings[i].rid = rids[i];
    }
    peer_transceiver_init_init(&init, sizeof init);
    init.direction = PEER_DIRECTION_SENDONLY;
    init.track = rig->track;
    init.send_encodings = count > 1 ? encodings : NULL;
    init.send_encoding_count = count > 1 ? count : 0;
    peer_track_sink_t requests;
    peer_track_sink_init(&requests, sizeof requests);
    requests.on_stream_key_frame_request = on_stream_key_frame_request;
    CHECK_INT(peer_track_add_sink(rig->track, &requests, NULL), 0);
    CHECK_INT(peer_connection_add_transceiver(rig->pair.sides[0].pc, kind, &init, &rig->transceiver), 0);
    rig->sender = peer_transceiver_sender(rig->transceiver);
    CHECK(pair_wait(&rig->pair, pair_is_connected, NULL));
    CHECK(pair_wait(&rig->pair, has_track, NULL));
    peer_transceiver_t *theirs;
    CHECK_INT(peer_connection_transceivers(rig->pair.sides[1].pc, &theirs, 1), 1);
    peer_receiver_t *receiver = peer_transceiver_receiver(theirs);
    peer_track_t *remote = peer_receiver_track(receiver);
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_encoded_frame = on_encoded;
    sink.on_video_frame = on_video;
    sink.on_stream_rtp = on_stream_rtp;
    CHECK_INT(peer_track_add_sink(remote, &sink, NULL), 0);
    peer_track_unref(remote);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(theirs);
}

static void close_rig(rig_t *rig)
{
    peer_sender_unref(rig->sender);
    peer_transceiver_unref(rig->transceiver);
    peer_track_unref(rig->track);
    CHECK(pair_end(&rig->pair, NULL));
}

#define LARGEST (1280 * 720)

static void write_picture_of(rig_t *rig, uint32_t width, uint32_t height)
{
    static uint8_t bytes[LARGEST * 3 / 2];
    static unsigned number;
    peer_video_buffer_t buffer;
    peer_video_frame_t *frame;
    size_t size = (size_t)width * height;
    number++;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i % width + 4 * number) / 20 % 2 * 100 + 60 + i / width / 4 % 60);
    memset(bytes + size, 128, size / 2);
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = width;
    buffer.height = height;
    buffer.timestamp_us = now_us();
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + size;
    buffer.planes[2] = bytes + size * 5 / 4;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    CHECK_INT(peer_track_write_video(rig->track, frame), 0);
    peer_video_frame_unref(frame);
}

static void write_picture(rig_t *rig)
{
    write_picture_of(rig, 320, 240);
}

/* Writes pictures until the condition holds; false after 60 s. */
static bool write_until(rig_t *rig, bool (*is_done)(void))
{
    for (int i = 0; i < 1500; i++) {
        write_picture(rig);
        pause_ms(40);
        if (is_done())
            return true;
    }
    return false;
}

static void change(rig_t *rig, size_t index, void (*edit)(peer_rtp_encoding_t *encoding))
{
    peer_rtp_parameters_t *parameters;
    CHECK_INT(peer_sender_get_parameters(rig->sender, &parameters), 0);
    edit(&parameters->encodings[index]);
    CHECK_INT(peer_sender_set_parameters(rig->sender, parameters), 0);
    peer_rtp_parameters_free(parameters);
}

static bool all_come(void)
{
    for (int i = 0; i < LAYERS; i++)
        if (atomic_load(&encoded[i]) < 10 || atomic_load(&packets[i]) < 10)
            return false;
    return atomic_load(&shown_width) == 320;
}

static bool middle_is_shown(void)
{
    return atomic_load(&shown_width) == 160;
}

static bool largest_is_shown(void)
{
    return atomic_load(&shown_width) == 320;
}

static void turn_off(peer_rtp_encoding_t *encoding)
{
    encoding->active = 0;
}

static void turn_on(peer_rtp_encoding_t *encoding)
{
    encoding->active = 1;
}

static size_t count_objects(peer_connection_t *pc, const char *type)
{
    peer_stats_report_t *report;
    size_t count = 0;
    CHECK_INT(peer_connection_get_stats(pc, &report), 0);
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        count += strcmp(peer_stats_report_type(report, i), type) == 0;
    peer_stats_report_unref(report);
    return count;
}

TEST(three_encodings_of_a_track_arrive_by_rid_and_the_largest_is_decoded)
{
    rig_t rig;
    open_rig(&rig, PEER_MEDIA_VIDEO, 3);
    CHECK(write_until(&rig, all_come));
    for (int i = 0; i < LAYERS; i++)
        CHECK_INT(atomic_load(&widths[i]), 320 >> (2 - i));
    CHECK_INT(atomic_load(&encoded[LAYERS]), 0);
    CHECK_INT(count_objects(rig.pair.sides[0].pc, "outbound-rtp"), 3);
    CHECK_INT(count_objects(rig.pair.sides[1].pc, "inbound-rtp"), 3);
    close_rig(&rig);
}

TEST(an_encoding_that_is_turned_off_gives_way_to_the_next_and_comes_back)
{
    rig_t rig;
    open_rig(&rig, PEER_MEDIA_VIDEO, 3);
    CHECK(write_until(&rig, all_come));
    change(&rig, 2, turn_off);
    CHECK(write_until(&rig, middle_is_shown));
    change(&rig, 2, turn_on);
    CHECK(write_until(&rig, largest_is_shown));
    close_rig(&rig);
}

static bool small_one_comes(void)
{
    return atomic_load(&encoded[0]) >= 5 && atomic_load(&keys_wanted[0]) >= 1;
}

static void write_encoded(rig_t *rig, const char *rid, bool is_key)
{
    static const uint8_t key[16] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 80, 0, 60, 0}, other[16] = {0x11};
    peer_encoded_buffer_t buffer;
    peer_encoded_frame_t *frame;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = "video/VP8";
    buffer.data = is_key ? key : other;
    buffer.length = 16;
    buffer.timestamp_us = now_us();
    buffer.is_key = is_key;
    buffer.rid = rid;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &frame), 0);
    CHECK_INT(peer_track_write_encoded(rig->track, frame), 0);
    peer_encoded_frame_unref(frame);
}

TEST(encoded_frames_of_the_application_go_to_the_encoding_that_they_name_and_so_do_requests)
{
    rig_t rig;
    open_rig(&rig, PEER_MEDIA_VIDEO, 3);
    for (int i = 0; i < 1500 && !small_one_comes(); i++) {
        write_encoded(&rig, "q", i > 5); /* a receiver without a key frame asks for one */
        write_encoded(&rig, "nobody", true);
        pause_ms(40);
    }
    CHECK(small_one_comes());
    CHECK_INT(atomic_load(&encoded[1]) + atomic_load(&encoded[2]) + atomic_load(&encoded[LAYERS]), 0);
    CHECK_INT(atomic_load(&keys_wanted[1]) + atomic_load(&keys_wanted[2]), 0);
    close_rig(&rig);
}

static void want_pcmu(peer_rtp_encoding_t *encoding)
{
    static const peer_rtp_codec_t pcmu = {.size = sizeof pcmu, .mime_type = "audio/PCMU", .clock_rate = 8000, .channels = 1};
    encoding->codec = &pcmu;
}

static void want_first_codec(peer_rtp_encoding_t *encoding)
{
    CHECK_TEXT(encoding->codec->mime_type, "audio/PCMU");
    encoding->codec = NULL;
}

static void allow_little(peer_rtp_encoding_t *encoding)
{
    encoding->has_max_bitrate = 1;
    encoding->max_bitrate_bps = 4000;
}

static void write_sound(rig_t *rig, int milliseconds)
{
    static int16_t samples[480];
    for (int i = 0; i < milliseconds / 10; i++) {
        peer_audio_buffer_t buffer;
        peer_audio_frame_t *frame;
        for (int k = 0; k < 480; k++)
            samples[k] = (int16_t)((k * 97 + i * 31) % 8000);
        peer_audio_buffer_init(&buffer, sizeof buffer);
        buffer.samples_per_channel = 480;
        buffer.timestamp_us = now_us();
        buffer.data = samples;
        CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
        CHECK_INT(peer_track_write_audio(rig->track, frame), 0);
        peer_audio_frame_unref(frame);
        pause_ms(10);
    }
}

TEST(the_codec_of_an_encoding_is_changed_without_negotiation)
{
    rig_t rig;
    open_rig(&rig, PEER_MEDIA_AUDIO, 1);
    for (int i = 0; i < 600 && atomic_load(&encoded[LAYERS]) < 10; i++)
        write_sound(&rig, 100);
    CHECK(atomic_load(&encoded[LAYERS]) >= 10);
    CHECK_INT(atomic_load(&pcmu_frames), 0);
    change(&rig, 0, want_pcmu);
    for (int i = 0; i < 600 && atomic_load(&pcmu_frames) < 10; i++)
        write_sound(&rig, 100);
    CHECK(atomic_load(&pcmu_frames) >= 10);
    change(&rig, 0, want_first_codec);
    for (int i = 0; i < 600 && atomic_load(&encoded[LAYERS]) - atomic_load(&pcmu_frames) < 20; i++)
        write_sound(&rig, 100);
    CHECK(atomic_load(&encoded[LAYERS]) - atomic_load(&pcmu_frames) >= 20);
    change(&rig, 0, allow_little);                                                    /* no codec can do with so little */
    for (int i = 0; i == 0 || (atomic_load(&encoded[LAYERS]) != 0 && i < 120); i++) { /* what was on its way may still come */
        forget();
        write_sound(&rig, 500);
    }
    CHECK_INT(atomic_load(&encoded[LAYERS]), 0);
    close_rig(&rig);
}

/* The side that receives offers, its description with a line behind it. */
static void offer_with(rig_t *rig, const char *line)
{
    peer_connection_t *theirs = rig->pair.sides[1].pc, *ours = rig->pair.sides[0].pc;
    peer_description_t *description, *offer;
    CHECK_INT(peer_connection_set_local_description(theirs, NULL), 0);
    description = peer_connection_local_description(theirs);
    size_t size = strlen(peer_description_sdp(description)) + strlen(line) + 1;
    char *text = malloc(size);
    snprintf(text, size, "%s%s", peer_description_sdp(description), line);
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, text, &offer), 0);
    CHECK_INT(peer_connection_set_remote_description(ours, offer), 0);
    CHECK_INT(peer_connection_set_local_description(ours, NULL), 0);
    peer_description_unref(offer);
    peer_description_unref(description);
    free(text);
    description = peer_connection_local_description(ours);
    CHECK_INT(peer_connection_set_remote_description(theirs, description), 0);
    peer_description_unref(description);
}

static bool small_enough_is_shown(void)
{
    return atomic_load(&shown_width) != 0 && atomic_load(&shown_width) <= 640;
}

static bool full_size_is_shown(void)
{
    return atomic_load(&shown_width) == 1280 && atomic_load(&shown_height) == 720;
}

static bool write_large_until(rig_t *rig, bool (*is_done)(void))
{
    for (int i = 0; i < 200; i++) {
        write_picture_of(rig, 1280, 720);
        pause_ms(100);
        if (is_done())
            return true;
    }
    return false;
}

TEST(pictures_of_1280x720_arrive_as_640x360_while_the_other_side_takes_no_more_than_640x480)
{
    rig_t rig;
    open_rig(&rig, PEER_MEDIA_VIDEO, 1);
    offer_with(&rig, "a=imageattr:* recv [x=[48:640],y=[48:480],q=1.0]\r\n");
    CHECK(write_large_until(&rig, small_enough_is_shown));
    CHECK_INT(atomic_load(&shown_width), 640);
    CHECK_INT(atomic_load(&shown_height), 360);
    offer_with(&rig, "");
    CHECK(write_large_until(&rig, full_size_is_shown));
    close_rig(&rig);
}
