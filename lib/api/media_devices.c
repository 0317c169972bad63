/* getUserMedia: a source for each kind wanted, feeding a track until that ends. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "device/device.h"

#include <string.h>

/* A source and the track that it feeds. The track stops the source when it ends or goes; the source's thread may be inside a callback
 * then, so the feed is freed by on_released only. */
typedef struct feed {
    pthread_mutex_t lock;
    peer_track_t *track; /* NULL once the track ended; not a reference */
    media_source_t *source;
} feed_t;

/* A reference to the track, unless it is on its way out. */
static peer_track_t *take_track(feed_t *feed)
{
    pthread_mutex_lock(&feed->lock);
    peer_track_t *track = feed->track != NULL ? api_track_acquire(feed->track) : NULL;
    pthread_mutex_unlock(&feed->lock);
    return track;
}

static void on_video(void *user, peer_video_frame_t *frame)
{
    peer_track_t *track = take_track(user);
    if (track != NULL)
        peer_track_write_video(track, frame);
    peer_track_unref(track);
}

static void on_audio(void *user, peer_audio_frame_t *frame)
{
    peer_track_t *track = take_track(user);
    if (track != NULL)
        peer_track_write_audio(track, frame);
    peer_track_unref(track);
}

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    peer_track_t *track = take_track(user);
    if (track != NULL)
        peer_track_write_encoded(track, frame);
    peer_track_unref(track);
}

static void on_ended(void *user, int error, const char *message)
{
    peer_track_t *track = take_track(user);
    if (track != NULL)
        api_track_end(track);
    peer_track_unref(track);
}

static void on_released(void *user)
{
    feed_t *feed = user;
    pthread_mutex_destroy(&feed->lock);
    memory_free(feed);
}

static void stop_feed(void *source)
{
    feed_t *feed = source;
    pthread_mutex_lock(&feed->lock);
    feed->track = NULL;
    pthread_mutex_unlock(&feed->lock);
    media_source_free(feed->source);
}

/* Has a source feed the track in place of the one that it has. The producer passes to it, on failure too. */
static int feed_track(peer_track_t *track, media_producer_t *producer)
{
    static const media_source_events_t events = {on_video, on_audio, on_encoded, on_ended, on_released};
    feed_t *feed = MEMORY_NEW(feed_t);
    if (feed == NULL) {
        media_producer_free(producer);
        return error_no_memory();
    }
    pthread_mutex_init(&feed->lock, NULL);
    feed->track = track;
    int error = media_source_new(producer, &events, feed, &feed->source);
    if (error < 0) {
        on_released(feed);
        return error;
    }
    error = media_source_start(feed->source);
    if (error < 0)
        stop_feed(feed);
    else
        api_track_set_source(track, stop_feed, feed);
    return error;
}

static int open_track(media_producer_t *producer, peer_stream_t *stream)
{
    peer_track_t *track = api_track_new(producer->kind, NULL, producer->label, false);
    if (track == NULL) {
        media_producer_free(producer);
        return PEER_ERROR_NO_MEMORY;
    }
    int error = feed_track(track, producer);
    if (error == 0)
        error = peer_stream_add_track(stream, track);
    peer_track_unref(track); /* the stream has it; without, it ends here and stops its source */
    return error;
}

static bool is_test(const char *device)
{
    return device == NULL || strcmp(device, "test") == 0;
}

static int check_range(const char *name, int32_t value, int32_t minimum, int32_t maximum)
{
    if (value != 0 && (value < minimum || value > maximum))
        return error_set(PEER_ERROR_OVERCONSTRAINED, "%s is %d; it may be %d to %d", name, value, minimum, maximum);
    return 0;
}

/* A file stands for a device, and one that cannot be played for one that cannot be read (W3C Media Capture and Streams §10.2). */
static int open_file(const char *path, const media_file_settings_t *settings, media_producer_t **producer)
{
    int error = media_file_open(path, settings, producer);
    return error == PEER_ERROR_NOT_SUPPORTED ? error_set(PEER_ERROR_NOT_READABLE, "%s", peer_last_error_message()) : error;
}

static int video_producer(const peer_media_constraints_t *wanted, media_producer_t **producer)
{
    int error = check_range("width", wanted->width, 64, 7680);
    if (error == 0)
        error = check_range("height", wanted->height, 48, 4320);
    if (error == 0)
        error = check_range("frame_rate", wanted->frame_rate, 1, 120);
    if (error == 0 && is_test(wanted->video_device))
        error = test_picture_new(&(test_picture_settings_t){.width = (uint32_t)wanted->width,
                                                            .height = (uint32_t)wanted->height,
                                                            .framerate = wanted->frame_rate,
                                                            .clock_offset_us = media_clock_unix_offset_us()},
                                 producer);
    else if (error == 0)
        error = open_file(wanted->video_device, &(media_file_settings_t){.is_looped = true, .is_decoded = true}, producer);
    if (error == 0 && (*producer)->kind != PEER_MEDIA_VIDEO) {
        media_producer_free(*producer);
        error = error_set(PEER_ERROR_NOT_READABLE, "%s holds no video", wanted->video_device);
    }
    return error;
}

static int audio_producer(const peer_media_constraints_t *wanted, media_producer_t **producer)
{
    int error = check_range("sample_rate", wanted->sample_rate, PEER_AUDIO_MIN_RATE, PEER_AUDIO_MAX_RATE);
    if (error == 0)
        error = check_range("channel_count", wanted->channel_count, 1, 2);
    if (error == 0 && is_test(wanted->audio_device))
        error = test_sound_new(
            &(test_sound_settings_t){.sample_rate = (uint32_t)wanted->sample_rate, .channels = (uint32_t)wanted->channel_count}, producer);
    else if (error == 0)
        error = open_file(wanted->audio_device, &(media_file_settings_t){.is_looped = true}, producer);
    if (error == 0 && (*producer)->kind != PEER_MEDIA_AUDIO) {
        media_producer_free(*producer);
        error = error_set(PEER_ERROR_NOT_READABLE, "%s holds no sound", wanted->audio_device);
    }
    return error;
}

void peer_media_constraints_init(peer_media_constraints_t *constraints, size_t size)
{
    memset(constraints, 0, size);
    constraints->size = size;
}

int peer_get_user_media(const peer_media_constraints_t *constraints, peer_stream_t **stream)
{
    if (constraints == NULL || stream == NULL || constraints->size < sizeof constraints->size)
        return error_set(PEER_ERROR_TYPE, "constraints (filled by peer_media_constraints_init()) and stream are needed");
    peer_media_constraints_t wanted = {0};
    API_COPY_SIZED(&wanted, constraints);
    if (!wanted.audio && !wanted.video)
        return error_set(PEER_ERROR_TYPE, "neither audio nor video is wanted");
    peer_stream_t *made = peer_stream_new();
    if (made == NULL)
        return PEER_ERROR_NO_MEMORY;
    media_producer_t *producer;
    int error = wanted.audio ? audio_producer(&wanted, &producer) : 0;
    if (error == 0 && wanted.audio)
        error = open_track(producer, made);
    if (error == 0 && wanted.video)
        error = video_producer(&wanted, &producer);
    if (error == 0 && wanted.video)
        error = open_track(producer, made);
    if (error < 0) {
        peer_stream_unref(made);
        return error;
    }
    *stream = made;
    return 0;
}

int peer_track_apply_constraints(peer_track_t *track, const peer_media_constraints_t *constraints)
{
    if (track == NULL || constraints == NULL || constraints->size < sizeof constraints->size)
        return error_set(PEER_ERROR_TYPE, "track and constraints (filled by peer_media_constraints_init()) are needed");
    peer_media_constraints_t wanted = {0};
    API_COPY_SIZED(&wanted, constraints);
    peer_track_t *fed = api_track_original(track);
    if (!api_track_has_source(fed, stop_feed))
        return error_set(PEER_ERROR_INVALID_STATE, "the track has no source of peer_get_user_media(), or that was stopped");
    media_producer_t *producer;
    int error = peer_track_kind(fed) == PEER_MEDIA_AUDIO ? audio_producer(&wanted, &producer) : video_producer(&wanted, &producer);
    return error < 0 ? error : feed_track(fed, producer);
}
