#include "device/device.h"
#include "test.h"

#include <peer/error.h>
#include <peer/test_media.h>
#include <pthread.h>

typedef struct listener {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    media_source_t *source;
    unsigned frames, stopped, ended, released;
    int end_error;
    int64_t last_us;
    uint32_t last_number;
    bool is_early, is_disordered;
    unsigned free_at, stop_at; /* does that from inside the callback with this number */
    bool is_restarting;        /* starts again from inside on_ended */
} listener_t;

static void note(listener_t *listener, int64_t timestamp_us, int64_t due_us, uint32_t number)
{
    pthread_mutex_lock(&listener->lock);
    listener->is_early |= media_clock_now() < due_us;
    listener->is_disordered |= timestamp_us <= listener->last_us;
    listener->last_us = timestamp_us;
    listener->last_number = number;
    unsigned frames = ++listener->frames;
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    if (frames == listener->stop_at) {
        media_source_stop(listener->source);
        pthread_mutex_lock(&listener->lock);
        listener->stopped++;
        pthread_cond_broadcast(&listener->changed);
        pthread_mutex_unlock(&listener->lock);
    }
    if (frames == listener->free_at)
        media_source_free(listener->source);
}

static void on_video(void *user, peer_video_frame_t *frame)
{
    uint32_t number = 0;
    peer_test_picture_read(frame, &number, NULL);
    note(user, peer_video_frame_timestamp_us(frame), peer_video_frame_timestamp_us(frame), number);
}

static void on_audio(void *user, peer_audio_frame_t *frame)
{
    int64_t start_us = peer_audio_frame_timestamp_us(frame);
    int64_t length_us = (int64_t)peer_audio_frame_samples_per_channel(frame) * 1000000 / peer_audio_frame_sample_rate(frame);
    note(user, start_us, start_us + length_us, 0);
}

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    note(user, peer_encoded_frame_timestamp_us(frame), peer_encoded_frame_timestamp_us(frame), 0);
}

static void on_ended(void *user, int error, const char *message)
{
    listener_t *listener = user;
    if (listener->is_restarting) {
        listener->is_restarting = false;
        media_source_start(listener->source);
    }
    pthread_mutex_lock(&listener->lock);
    listener->ended++;
    listener->end_error = error;
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
}

static void on_released(void *user)
{
    listener_t *listener = user;
    pthread_mutex_lock(&listener->lock);
    listener->released++;
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
}

static const media_source_events_t events = {on_video, on_audio, on_encoded, on_ended, on_released};

static void listen_to(listener_t *listener, media_producer_t *producer)
{
    memset(listener, 0, sizeof *listener);
    pthread_mutex_init(&listener->lock, NULL);
    pthread_cond_init(&listener->changed, NULL);
    listener->last_us = -1;
    CHECK_INT(media_source_new(producer, &events, listener, &listener->source), 0);
}

static media_producer_t *new_picture(double framerate)
{
    media_producer_t *producer;
    CHECK_INT(test_picture_new(&(test_picture_settings_t){.width = 160, .height = 120, .framerate = framerate}, &producer), 0);
    return producer;
}

static void await_count(listener_t *listener, const unsigned *counter, unsigned value)
{
    pthread_mutex_lock(&listener->lock);
    while (*counter < value)
        pthread_cond_wait(&listener->changed, &listener->lock);
    pthread_mutex_unlock(&listener->lock);
}

TEST(a_source_gives_frames_in_order_and_none_before_its_time)
{
    listener_t video, audio;
    media_producer_t *sound;
    CHECK_INT(test_sound_new(&(test_sound_settings_t){.frame_duration_ms = 10}, &sound), 0);
    listen_to(&video, new_picture(120));
    listen_to(&audio, sound);
    CHECK_INT(media_source_start(video.source), 0);
    CHECK_INT(media_source_start(audio.source), 0);
    CHECK_INT(media_source_start(audio.source), 0); /* does nothing */
    await_count(&video, &video.frames, 15);
    await_count(&audio, &audio.frames, 15);
    media_source_free(video.source);
    media_source_free(audio.source);
    await_count(&video, &video.released, 1);
    await_count(&audio, &audio.released, 1);
    CHECK(!video.is_early && !video.is_disordered && !audio.is_early && !audio.is_disordered);
}

TEST(a_source_that_was_stopped_starts_again_with_a_later_frame)
{
    listener_t listener;
    listen_to(&listener, new_picture(120));
    listener.stop_at = 3;
    CHECK_INT(media_source_start(listener.source), 0);
    await_count(&listener, &listener.stopped, 1);
    CHECK_INT(listener.frames, 3);
    uint32_t number = listener.last_number;
    CHECK_INT(media_source_start(listener.source), 0);
    await_count(&listener, &listener.frames, 5);
    CHECK(listener.last_number > number);
    media_source_free(listener.source);
    await_count(&listener, &listener.released, 1);
    CHECK(!listener.is_disordered);
}

TEST(a_source_may_be_freed_at_any_moment)
{
    enum { ROUNDS = 40 };
    static listener_t listeners[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        listener_t *listener = &listeners[i];
        listen_to(listener, new_picture(120));
        listener->free_at = i % 4 == 0 ? 1 + i % 3 : 0;
        if (i % 4 != 1) /* one in four never starts */
            CHECK_INT(media_source_start(listener->source), 0);
        if (i % 4 == 3)
            media_source_stop(listener->source);
        if (listener->free_at == 0)
            media_source_free(listener->source);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        await_count(&listeners[i], &listeners[i].released, 1);
        if (listeners[i].free_at != 0)
            CHECK_INT(listeners[i].frames, listeners[i].free_at);
    }
    media_source_free(NULL);
}

/* Two units, then the end or an error. */
typedef struct short_producer {
    media_producer_t producer;
    int given, result;
} short_producer_t;

static int short_next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    short_producer_t *self = (short_producer_t *)producer;
    peer_encoded_buffer_t buffer;
    if (self->given == 2)
        return self->result;
    unit->due_us = 1000 * ++self->given;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = "video/VP8";
    buffer.timestamp_us = epoch + unit->due_us;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &unit->encoded), 0);
    return 1;
}

static void short_free(media_producer_t *producer)
{
}

TEST(the_end_of_a_file_and_an_error_are_told)
{
    static const int results[] = {0, PEER_ERROR_NOT_READABLE};
    for (int r = 0; r < 2; r++) {
        short_producer_t producer = {.producer = {.next = short_next, .free = short_free, .kind = PEER_MEDIA_VIDEO}, .result = results[r]};
        listener_t listener;
        listen_to(&listener, &producer.producer);
        listener.is_restarting = true;
        CHECK_INT(media_source_start(listener.source), 0);
        await_count(&listener, &listener.ended, 2); /* at the end it ends again */
        CHECK_INT(listener.frames, 2);
        CHECK_INT(listener.end_error, results[r]);
        media_source_free(listener.source);
        await_count(&listener, &listener.released, 1);
    }
}

/* A unit that is due longer ago than anybody waits: the schedule moves, the late one is dropped. */
static int late_next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    short_producer_t *self = (short_producer_t *)producer;
    peer_encoded_buffer_t buffer;
    unit->due_us = self->given++ == 0 ? -2 * MEDIA_SOURCE_LATE_MAX_US : -2 * MEDIA_SOURCE_LATE_MAX_US + 1000 * self->given;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = "video/VP8";
    buffer.timestamp_us = epoch + unit->due_us;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &unit->encoded), 0);
    return 1;
}

TEST(a_source_that_is_far_behind_moves_its_schedule)
{
    short_producer_t producer = {.producer = {.next = late_next, .free = short_free, .kind = PEER_MEDIA_VIDEO}};
    listener_t listener;
    int64_t start_us = media_clock_now();
    listen_to(&listener, &producer.producer);
    CHECK_INT(media_source_start(listener.source), 0);
    await_count(&listener, &listener.frames, 3);
    media_source_free(listener.source);
    await_count(&listener, &listener.released, 1);
    CHECK(listener.last_us >= start_us);
}
