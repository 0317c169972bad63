/* Several threads on one connection at once, while media flow. What the thread sanitizer says is the better half of this test. */
#include "pair.h"
#include "test.h"

#include <stdlib.h>
#include <time.h>

#define ROUNDS 60

typedef struct hammer {
    pair_t pair;
    peer_sender_t *video_sender, *audio_sender;
    peer_track_t *written; /* several threads write it */
    atomic_bool is_over;
    atomic_int unexpected;
    atomic_int calls;
} hammer_t;

static void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

/* After the close every call is refused with PEER_ERROR_INVALID_STATE; before, none is refused. */
static void expect(hammer_t *hammer, int result)
{
    atomic_fetch_add(&hammer->calls, 1);
    if (result < 0 && !(result == PEER_ERROR_INVALID_STATE && atomic_load(&hammer->is_over))) {
        atomic_fetch_add(&hammer->unexpected, 1);
        test_note("%s: %s", peer_error_name(result), peer_last_error_message());
    }
}

static bool goes_on(hammer_t *hammer, int *round)
{
    pause_ms(3);
    return ++*round < ROUNDS || !atomic_load(&hammer->is_over);
}

static void *send_data(void *argument)
{
    hammer_t *hammer = argument;
    peer_data_channel_t *channel = hammer->pair.sides[0].channel;
    for (int round = 0; goes_on(hammer, &round);) {
        char text[2000] = "data";
        expect(hammer, peer_data_channel_send(channel, text, (size_t)(4 + round * 37 % 1900), round % 2));
        peer_data_channel_buffered_amount(channel);
        peer_data_channel_ready_state(channel);
        peer_data_channel_id(channel);
    }
    return NULL;
}

static void *read_everything(void *argument)
{
    hammer_t *hammer = argument;
    peer_connection_t *pc = hammer->pair.sides[0].pc;
    for (int round = 0; goes_on(hammer, &round);) {
        peer_stats_report_t *report;
        expect(hammer, peer_connection_get_stats(pc, &report));
        peer_string_free(peer_stats_report_to_json(report));
        peer_stats_report_unref(report);
        peer_description_t *local = peer_connection_local_description(pc), *remote = peer_connection_remote_description(pc);
        peer_description_unref(local);
        peer_description_unref(remote);
        peer_connection_signaling_state(pc);
        peer_connection_connection_state(pc);
        peer_connection_ice_connection_state(pc);
        peer_connection_ice_gathering_state(pc);
        peer_transceiver_t *transceivers[64];
        size_t count = peer_connection_transceivers(pc, transceivers, 64);
        for (size_t i = 0; i < count && i < 64; i++) {
            peer_transceiver_mid(transceivers[i]);
            peer_transceiver_direction(transceivers[i]);
            peer_transceiver_current_direction(transceivers[i]);
            peer_receiver_t *receiver = peer_transceiver_receiver(transceivers[i]);
            peer_track_t *track = peer_receiver_track(receiver);
            peer_track_muted(track);
            peer_track_ready_state(track);
            peer_track_unref(track);
            peer_receiver_unref(receiver);
            peer_transceiver_unref(transceivers[i]);
        }
    }
    return NULL;
}

static void *change_tracks(void *argument)
{
    hammer_t *hammer = argument;
    for (int round = 0; goes_on(hammer, &round);) {
        peer_track_t *track;
        peer_sender_t *sender = NULL;
        if (peer_track_new(round % 2 == 0 ? PEER_MEDIA_AUDIO : PEER_MEDIA_VIDEO, NULL, &track) < 0)
            abort();
        int result = peer_connection_add_track(hammer->pair.sides[0].pc, track, NULL, 0, &sender);
        expect(hammer, result);
        pause_ms(5);
        if (result == 0)
            expect(hammer, peer_connection_remove_track(hammer->pair.sides[0].pc, sender));
        peer_sender_unref(sender);
        peer_track_unref(track);
    }
    return NULL;
}

static void *set_rates(void *argument)
{
    hammer_t *hammer = argument;
    for (int round = 0; goes_on(hammer, &round);) {
        expect(hammer, peer_sender_set_bitrate(hammer->video_sender, 100000 + 10000 * (uint32_t)(round % 10)));
        expect(hammer, peer_sender_set_bitrate(hammer->audio_sender, 0));
        peer_track_t *track = peer_sender_track(hammer->video_sender);
        if (track != NULL)
            peer_track_set_enabled(track, round % 4 != 0);
        expect(hammer, peer_sender_replace_track(hammer->video_sender, track));
        peer_track_unref(track);
    }
    return NULL;
}

static void *open_channels(void *argument)
{
    hammer_t *hammer = argument;
    for (int round = 0; goes_on(hammer, &round);) {
        peer_data_channel_t *channel = NULL;
        expect(hammer, peer_connection_create_data_channel(hammer->pair.sides[0].pc, "more", NULL, NULL, NULL, &channel));
        if (channel != NULL) {
            pair_watch_channel(&hammer->pair.sides[0], channel);
            pause_ms(2);
            peer_data_channel_close(channel);
        }
        peer_data_channel_unref(channel);
    }
    return NULL;
}

static void *write_media(void *argument)
{
    hammer_t *hammer = argument;
    int16_t samples[480] = {0};
    for (int round = 0; goes_on(hammer, &round);) {
        peer_audio_buffer_t buffer;
        peer_audio_frame_t *frame;
        peer_audio_buffer_init(&buffer, sizeof buffer);
        buffer.samples_per_channel = 480;
        buffer.timestamp_us = round * 10000;
        buffer.data = samples;
        if (peer_audio_frame_new_copy(&buffer, &frame) < 0)
            abort();
        expect(hammer, peer_track_write_audio(hammer->written, frame));
        peer_audio_frame_unref(frame);
    }
    return NULL;
}

static void ignore_frame(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
}

static void *watch_tracks(void *argument)
{
    hammer_t *hammer = argument;
    for (int round = 0; goes_on(hammer, &round);) {
        peer_transceiver_t *transceivers[64];
        size_t count = peer_connection_transceivers(hammer->pair.sides[1].pc, transceivers, 64);
        for (size_t i = 0; i < count && i < 64; i++) {
            peer_receiver_t *receiver = peer_transceiver_receiver(transceivers[i]);
            peer_track_t *track = peer_receiver_track(receiver);
            peer_track_sink_t sink;
            peer_track_sink_init(&sink, sizeof sink);
            sink.on_encoded_frame = ignore_frame;
            peer_track_add_sink(track, &sink, hammer);
            peer_receiver_request_key_frame(receiver);
            peer_track_remove_sink(track, hammer);
            peer_track_unref(track);
            peer_receiver_unref(receiver);
            peer_transceiver_unref(transceivers[i]);
        }
    }
    return NULL;
}

static bool is_ready(pair_t *pair)
{
    return pair_is_connected(pair) && pair->sides[1].channels > 0 && pair->sides[1].video_frames > 2 && pair->sides[1].audio_frames > 2 &&
           peer_data_channel_ready_state(pair->sides[0].channel) == PEER_DATA_CHANNEL_OPEN;
}

static peer_sender_t *sender_of(peer_connection_t *pc, int32_t kind)
{
    peer_transceiver_t *transceivers[8];
    peer_sender_t *sender = NULL;
    size_t count = peer_connection_transceivers(pc, transceivers, 8);
    for (size_t i = 0; i < count && i < 8; i++) {
        if (sender == NULL && peer_transceiver_kind(transceivers[i]) == kind)
            sender = peer_transceiver_sender(transceivers[i]);
        peer_transceiver_unref(transceivers[i]);
    }
    return sender;
}

static void hammer_on(peer_loop_t *first, peer_loop_t *second)
{
    static void *(*const jobs[])(void *) = {send_data,   read_everything, change_tracks, set_rates,      open_channels,
                                            write_media, write_media,     watch_tracks,  read_everything};
    enum { JOBS = sizeof jobs / sizeof *jobs };
    pthread_t threads[JOBS];
    static hammer_t hammer;
    memset(&hammer, 0, sizeof hammer);
    pair_open(&hammer.pair, first, second);
    hammer.pair.sides[0].is_expecting_refusals = hammer.pair.sides[1].is_expecting_refusals =
        true; /* candidates that arrive after the close */
    hammer.written = pair_add_track(&hammer.pair.sides[0], PEER_MEDIA_AUDIO, NULL);
    for (int i = 0; i < 2; i++)
        pair_add_media(&hammer.pair.sides[i], true, true);
    pair_add_channel(&hammer.pair.sides[0], "data");
    CHECK(pair_wait(&hammer.pair, is_ready, NULL));
    hammer.video_sender = sender_of(hammer.pair.sides[0].pc, PEER_MEDIA_VIDEO);
    hammer.audio_sender = sender_of(hammer.pair.sides[0].pc, PEER_MEDIA_AUDIO);
    int frames_before = hammer.pair.sides[1].audio_frames;
    for (int i = 0; i < JOBS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, jobs[i], &hammer), 0);
    pause_ms(600);
    for (int i = 0; i < 6000 && hammer.pair.sides[1].audio_frames == frames_before; i++)
        pause_ms(10);
    int frames_while_hammered = hammer.pair.sides[1].audio_frames - frames_before;
    int refused_before_close = hammer.pair.sides[0].refused + hammer.pair.sides[1].refused;
    atomic_store(&hammer.is_over, true);
    peer_connection_close(hammer.pair.sides[0].pc); /* under their hands */
    peer_connection_close(hammer.pair.sides[1].pc);
    for (int i = 0; i < JOBS; i++)
        pthread_join(threads[i], NULL);
    peer_sender_unref(hammer.video_sender);
    peer_sender_unref(hammer.audio_sender);
    peer_track_unref(hammer.written);
    CHECK(pair_end(&hammer.pair, NULL));
    CHECK_INT(hammer.unexpected, 0);
    CHECK_INT(refused_before_close, 0);
    CHECK(frames_while_hammered > 0);
    test_note("%d calls, %d messages arrived, %d channels, %d tracks", hammer.calls, hammer.pair.sides[1].messages,
              hammer.pair.sides[1].channels, hammer.pair.sides[1].tracks);
}

TEST(threads_may_do_anything_to_one_connection_at_once)
{
    hammer_on(NULL, NULL);
}

TEST(threads_may_do_anything_to_connections_on_two_loops_at_once)
{
    peer_loop_t *first = peer_loop_new(PEER_LOOP_THREAD), *second = peer_loop_new(PEER_LOOP_THREAD);
    hammer_on(first, second);
    peer_loop_unref(first);
    peer_loop_unref(second);
}

static void *dispatch(void *argument)
{
    hammer_t *hammer = argument;
    peer_loop_t *loop = hammer->pair.sides[0].user;
    while (!atomic_load(&hammer->is_over)) {
        peer_loop_dispatch(loop);
        pause_ms(1);
    }
    return NULL;
}

/* "To be called from one thread at a time": that it is called from two anyway must do no more than nothing. */
TEST(a_manual_loop_dispatched_by_two_threads_stays_whole)
{
    static hammer_t hammer;
    memset(&hammer, 0, sizeof hammer);
    pthread_t threads[2];
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    pair_open(&hammer.pair, loop, loop);
    hammer.pair.sides[0].user = loop;
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, dispatch, &hammer), 0);
    pair_add_media(&hammer.pair.sides[0], true, true);
    pair_add_channel(&hammer.pair.sides[0], "data");
    CHECK(pair_wait(&hammer.pair, is_ready, NULL));
    atomic_store(&hammer.is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(pair_end(&hammer.pair, loop));
    peer_loop_unref(loop);
}
