/* Tracks of one source: clones, sources that change, received tracks that are sent on. */
#include "pair.h"
#include "test.h"

#include <time.h>

static void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

/* ---- pictures of one grey ---- */

static int write_grey(peer_track_t *track, uint8_t grey)
{
    static uint8_t bytes[160 * 120 * 3 / 2];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    memset(bytes, grey, 160 * 120);
    memset(bytes + 160 * 120, 128, sizeof bytes - 160 * 120);
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = 160;
    buffer.height = 120;
    buffer.timestamp_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + 160 * 120;
    buffer.planes[2] = bytes + 160 * 120 * 5 / 4;
    peer_video_frame_t *frame;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    int result = peer_track_write_video(track, frame);
    peer_video_frame_unref(frame);
    return result;
}

typedef struct view {
    atomic_int count, grey, width, ended;
} view_t;

static void see(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    view_t *view = user;
    uint32_t stride = peer_video_frame_stride(frame, 0);
    atomic_store(&view->grey, peer_video_frame_plane(frame, 0)[60 * stride + 80]);
    atomic_store(&view->width, (int)peer_video_frame_width(frame));
    atomic_fetch_add(&view->count, 1);
}

static void hear(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    view_t *view = user;
    atomic_fetch_add(&view->count, 1);
}

static void end(peer_track_t *track, void *user)
{
    view_t *view = user;
    atomic_fetch_add(&view->ended, 1);
}

static void watch(peer_track_t *track, view_t *view)
{
    *view = (view_t){0};
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = peer_track_kind(track) == PEER_MEDIA_VIDEO ? see : NULL;
    sink.on_audio_frame = peer_track_kind(track) == PEER_MEDIA_AUDIO ? hear : NULL;
    sink.on_ended = end;
    CHECK_INT(peer_track_add_sink(track, &sink, view), 0);
}

static bool rises_to(atomic_int *number, int limit)
{
    for (int i = 0; i < 6000 && atomic_load(number) < limit; i++)
        pause_ms(10);
    return atomic_load(number) >= limit;
}

static peer_track_t *clone_of(peer_track_t *track)
{
    peer_track_t *clone = NULL;
    CHECK_INT(peer_track_clone(track, &clone), 0);
    return clone;
}

TEST(a_clone_has_an_id_of_its_own_and_begins_as_its_original_is)
{
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, "view", &track), 0);
    peer_track_set_enabled(track, 0);
    peer_track_t *clone = clone_of(track);
    CHECK(strcmp(peer_track_id(clone), peer_track_id(track)) != 0);
    CHECK_TEXT(peer_track_label(clone), "view");
    CHECK_INT(peer_track_kind(clone), PEER_MEDIA_VIDEO);
    CHECK_INT(peer_track_enabled(clone), 0);
    CHECK_INT(peer_track_ready_state(clone), PEER_TRACK_LIVE);
    peer_track_stop(track);
    peer_track_t *late = clone_of(track);
    CHECK_INT(peer_track_ready_state(late), PEER_TRACK_ENDED);
    CHECK_INT(peer_track_clone(track, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_track_clone(NULL, &late), PEER_ERROR_TYPE);
    peer_track_unref(late);
    peer_track_unref(clone);
    peer_track_unref(track);
}

TEST(a_clone_gets_what_is_written_into_its_original_even_when_that_has_ended)
{
    view_t of_track, of_clone, of_second;
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &track), 0);
    peer_track_t *clone = clone_of(track), *second = clone_of(clone);
    watch(track, &of_track);
    watch(clone, &of_clone);
    watch(second, &of_second);
    CHECK_INT(write_grey(track, 200), 0);
    CHECK_INT(of_track.grey, 200);
    CHECK_INT(of_clone.grey, 200);
    CHECK_INT(of_second.grey, 200);
    peer_track_stop(track);
    CHECK_INT(write_grey(track, 100), 0);
    CHECK_INT(of_track.grey, 200);
    CHECK_INT(of_clone.grey, 100);
    peer_track_stop(clone);
    CHECK_INT(write_grey(track, 50), 0);
    CHECK_INT(of_clone.grey, 100);
    CHECK_INT(of_second.grey, 50);
    peer_track_unref(second); /* the last live one */
    CHECK_INT(write_grey(track, 25), PEER_ERROR_INVALID_STATE);
    CHECK_INT(of_track.ended + of_clone.ended, 0); /* who stops a track is not told */
    peer_track_unref(clone);
    peer_track_unref(track);
}

TEST(a_disabled_clone_is_black_while_its_original_is_not)
{
    view_t of_track, of_clone;
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &track), 0);
    peer_track_t *clone = clone_of(track);
    watch(track, &of_track);
    watch(clone, &of_clone);
    peer_track_set_enabled(clone, 0);
    CHECK_INT(write_grey(track, 200), 0);
    CHECK_INT(of_track.grey, 200);
    CHECK_INT(of_clone.grey, 16);
    peer_track_set_enabled(clone, 1);
    peer_track_set_enabled(track, 0);
    CHECK_INT(write_grey(track, 200), 0);
    CHECK_INT(of_track.grey, 16);
    CHECK_INT(of_clone.grey, 200);
    peer_track_unref(clone);
    peer_track_unref(track);
}

/* ---- sinks with a loop ---- */

static void watch_on(peer_track_t *track, view_t *view, peer_loop_t *loop)
{
    *view = (view_t){0};
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = see;
    sink.on_ended = end;
    sink.loop = loop;
    CHECK_INT(peer_track_add_sink(track, &sink, view), 0);
}

TEST(what_a_sink_gets_comes_on_the_loop_that_it_names)
{
    view_t view;
    peer_track_t *track;
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &track), 0);
    watch_on(track, &view, loop);
    CHECK_INT(write_grey(track, 100), 0);
    CHECK_INT(write_grey(track, 200), 0);
    CHECK_INT(view.count, 0);
    CHECK_INT(peer_loop_dispatch(loop), 0);
    CHECK_INT(view.count, 2);
    CHECK_INT(view.grey, 200);
    for (int i = 0; i < 20; i++) /* nobody dispatches: the first eight wait, the others are left out */
        CHECK_INT(write_grey(track, (uint8_t)(100 + i)), 0);
    peer_track_t *clone = clone_of(track);
    peer_track_unref(track); /* what waits holds it */
    CHECK_INT(peer_loop_dispatch(loop), 0);
    CHECK_INT(view.count, 10);
    CHECK_INT(view.grey, 107);
    peer_track_unref(clone);
    peer_loop_unref(loop);
}

TEST(nothing_comes_on_its_loop_after_a_sink_was_removed)
{
    view_t view;
    peer_track_t *track;
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &track), 0);
    watch_on(track, &view, loop);
    CHECK_INT(write_grey(track, 100), 0);
    peer_track_remove_sink(track, &view);
    CHECK_INT(peer_loop_dispatch(loop), 0);
    CHECK_INT(view.count, 0);
    watch_on(track, &view, loop);
    CHECK_INT(write_grey(track, 100), 0);
    peer_loop_unref(loop); /* nobody dispatches it any more; the track may be written all the same */
    CHECK_INT(write_grey(track, 100), 0);
    peer_track_unref(track);
}

/* ---- sources ---- */

static peer_track_t *open_source(bool video, peer_media_constraints_t *constraints)
{
    peer_stream_t *stream = NULL;
    peer_media_constraints_init(constraints, sizeof *constraints);
    constraints->audio = !video;
    constraints->video = video;
    constraints->width = 320;
    constraints->height = 240;
    CHECK_INT(peer_get_user_media(constraints, &stream), 0);
    peer_track_t *track = peer_track_ref(peer_stream_track(stream, 0));
    peer_stream_unref(stream);
    return track;
}

TEST(a_source_runs_until_the_last_of_its_tracks_is_stopped)
{
    peer_media_constraints_t constraints;
    peer_track_t *track = open_source(false, &constraints), *clone = clone_of(track);
    view_t view;
    watch(clone, &view);
    CHECK(rises_to(&view.count, 3));
    peer_track_stop(track);
    int before = atomic_load(&view.count);
    CHECK(rises_to(&view.count, before + 3));
    CHECK_INT(peer_track_apply_constraints(track, &constraints), 0); /* there is a source */
    peer_track_stop(clone);
    CHECK_INT(peer_track_apply_constraints(track, &constraints), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_track_apply_constraints(clone, &constraints), PEER_ERROR_INVALID_STATE);
    peer_track_unref(track);
    peer_track_unref(clone);
}

TEST(another_size_comes_under_the_same_track_and_its_clone)
{
    peer_media_constraints_t constraints;
    peer_track_t *track = open_source(true, &constraints), *clone = clone_of(track);
    view_t of_track, of_clone;
    watch(track, &of_track);
    watch(clone, &of_clone);
    CHECK(rises_to(&of_track.width, 320));
    constraints.width = 640;
    constraints.height = 480;
    CHECK_INT(peer_track_apply_constraints(clone, &constraints), 0);
    CHECK(rises_to(&of_track.width, 640));
    CHECK(rises_to(&of_clone.width, 640));
    constraints.width = 5;
    CHECK_INT(peer_track_apply_constraints(track, &constraints), PEER_ERROR_OVERCONSTRAINED);
    int before = atomic_load(&of_track.count);
    CHECK(rises_to(&of_track.count, before + 2));
    CHECK_INT(of_track.width, 640);
    peer_track_unref(clone);
    peer_track_unref(track);
}

TEST(a_track_without_a_device_has_no_constraints_to_apply)
{
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &track), 0);
    CHECK_INT(peer_track_apply_constraints(track, &constraints), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_track_apply_constraints(track, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_track_apply_constraints(NULL, &constraints), PEER_ERROR_TYPE);
    peer_track_unref(track);
}

TEST(a_file_that_holds_nothing_to_play_cannot_be_read)
{
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    peer_stream_t *stream;
    constraints.audio = 1;
    constraints.audio_device = "/proc/version";
    CHECK_INT(peer_get_user_media(&constraints, &stream), PEER_ERROR_NOT_READABLE);
    constraints.audio_device = "/nowhere/at/all.wav";
    CHECK_INT(peer_get_user_media(&constraints, &stream), PEER_ERROR_NOT_FOUND);
}

/* ---- received tracks ---- */

static peer_track_t *received_track(pair_side_t *side)
{
    peer_receiver_t *receiver = NULL;
    CHECK_INT(peer_connection_receivers(side->pc, &receiver, 1), 1);
    peer_track_t *track = peer_receiver_track(receiver);
    peer_receiver_unref(receiver);
    return track;
}

static bool rises_while_written(peer_track_t *track, uint8_t grey, atomic_int *number, int limit)
{
    for (int i = 0; i < 6000 && atomic_load(number) < limit; i++) {
        CHECK_INT(write_grey(track, grey), 0);
        pause_ms(10);
    }
    return atomic_load(number) >= limit;
}

TEST(clones_of_a_received_track_get_its_media_and_close_with_it)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    peer_track_t *written = pair_add_track(&pair.sides[0], PEER_MEDIA_VIDEO, NULL);
    CHECK(pair_wait(&pair, pair_is_connected, NULL));
    peer_track_t *received = received_track(&pair.sides[1]), *clone = clone_of(received);
    view_t view;
    watch(clone, &view);
    peer_track_stop(received);
    CHECK(rises_while_written(written, 200, &view.count, 5));
    CHECK(atomic_load(&view.grey) > 180 && atomic_load(&view.grey) < 220);
    CHECK_INT(peer_track_muted(clone), 0);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_track_ready_state(clone), PEER_TRACK_ENDED);
    peer_track_unref(clone);
    peer_track_unref(received);
    peer_track_unref(written);
}

TEST(a_received_track_can_be_sent_to_another_peer)
{
    pair_t first, second;
    pair_open(&first, NULL, NULL);
    peer_track_t *written = pair_add_track(&first.sides[0], PEER_MEDIA_VIDEO, NULL);
    CHECK(pair_wait(&first, pair_is_connected, NULL));
    pair_open(&second, NULL, NULL);
    peer_track_t *received = received_track(&first.sides[1]);
    CHECK_INT(peer_connection_add_track(second.sides[0].pc, received, NULL, 0, NULL), 0);
    CHECK(pair_wait(&second, pair_is_connected, NULL));
    peer_track_t *twice = received_track(&second.sides[1]);
    view_t view;
    watch(twice, &view);
    CHECK(rises_while_written(written, 200, &view.count, 5));
    CHECK(atomic_load(&view.grey) > 180 && atomic_load(&view.grey) < 220);
    CHECK(pair_end(&second, NULL));
    CHECK(pair_end(&first, NULL));
    peer_track_unref(twice);
    peer_track_unref(received);
    peer_track_unref(written);
}
