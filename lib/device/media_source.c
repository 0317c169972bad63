#include "device/device.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "runtime/clock.h"

#include <pthread.h>
#include <time.h>

struct media_source {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    media_producer_t *producer; /* the thread's, once there is one */
    media_source_events_t events;
    void *user;
    bool is_started, is_dead, has_thread;
    bool is_fresh;           /* started anew: the schedule begins with the next unit */
    peer_time_t position_us; /* the thread's: due_us of the last unit */
};

peer_time_t media_clock_now(void)
{
    return runtime_now();
}

int64_t media_clock_unix_offset_us(void)
{
    return runtime_unix_time_us() - runtime_now();
}

void media_unit_clear(media_unit_t *unit)
{
    peer_video_frame_unref(unit->video);
    peer_audio_frame_unref(unit->audio);
    peer_encoded_frame_unref(unit->encoded);
    *unit = (media_unit_t){0};
}

int media_producer_next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    *unit = (media_unit_t){0};
    return producer->next(producer, epoch, unit);
}

void media_producer_free(media_producer_t *producer)
{
    if (producer != NULL)
        producer->free(producer);
}

int media_source_new(media_producer_t *producer, const media_source_events_t *events, void *user, media_source_t **source)
{
    media_source_t *made = MEMORY_NEW(media_source_t);
    if (made == NULL) {
        media_producer_free(producer);
        return error_no_memory();
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&made->lock, NULL);
    made->producer = producer;
    made->events = *events;
    made->user = user;
    *source = made;
    return 0;
}

const media_producer_t *media_source_producer(const media_source_t *source)
{
    return source->producer;
}

/* The end of a source, on whichever thread comes last to it. */
static void release(media_source_t *source)
{
    void (*on_released)(void *user) = source->events.on_released;
    void *user = source->user;
    media_producer_free(source->producer);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    memory_free(source);
    if (on_released != NULL)
        on_released(user);
}

static void deliver(media_source_t *source, const media_unit_t *unit)
{
    if (unit->video != NULL && source->events.on_video != NULL)
        source->events.on_video(source->user, unit->video);
    if (unit->audio != NULL && source->events.on_audio != NULL)
        source->events.on_audio(source->user, unit->audio);
    if (unit->encoded != NULL && source->events.on_encoded != NULL)
        source->events.on_encoded(source->user, unit->encoded);
}

/* Waits for the deadline, or for a stop or a new start. True when the unit is to be delivered. Locked before and after. */
static bool wait_until(media_source_t *source, peer_time_t deadline)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / PEER_SECOND), .tv_nsec = (long)(deadline % PEER_SECOND) * 1000};
    while (source->is_started && !source->is_dead && !source->is_fresh) {
        if (media_clock_now() >= deadline)
            return true;
        pthread_cond_timedwait(&source->changed, &source->lock, &until);
    }
    return false;
}

/* The producer has no more: the source stops by itself. Locked before and after. */
static void end(media_source_t *source, int result)
{
    if (!source->is_started || source->is_dead)
        return;
    source->is_started = false;
    pthread_mutex_unlock(&source->lock);
    if (result < 0)
        LOG_WARNING("device", 0, "%s: %s", source->producer->label, peer_last_error_message());
    if (source->events.on_ended != NULL)
        source->events.on_ended(source->user, result, result < 0 ? peer_last_error_message() : "");
    pthread_mutex_lock(&source->lock);
}

/* One unit: made ahead, without the lock, then given at its time. Returns the epoch, which moves when the source is late. */
static peer_time_t step(media_source_t *source, peer_time_t epoch)
{
    media_unit_t unit;
    pthread_mutex_unlock(&source->lock);
    int result = media_producer_next(source->producer, epoch, &unit);
    pthread_mutex_lock(&source->lock);
    if (result != 1) {
        end(source, result);
        return epoch;
    }
    source->position_us = unit.due_us;
    bool is_wanted = wait_until(source, epoch + unit.due_us);
    peer_time_t late_us = media_clock_now() - (epoch + unit.due_us);
    pthread_mutex_unlock(&source->lock);
    if (is_wanted && late_us <= MEDIA_SOURCE_LATE_MAX_US)
        deliver(source, &unit);
    media_unit_clear(&unit);
    pthread_mutex_lock(&source->lock);
    return late_us > MEDIA_SOURCE_LATE_MAX_US ? epoch + late_us : epoch;
}

static void *thread_main(void *argument)
{
    thread_begin("peer-source");
    media_source_t *source = argument;
    peer_time_t epoch = 0;
    pthread_mutex_lock(&source->lock);
    while (!source->is_dead) {
        if (!source->is_started) {
            pthread_cond_wait(&source->changed, &source->lock);
            continue;
        }
        if (source->is_fresh)
            epoch = media_clock_now() - source->position_us;
        source->is_fresh = false;
        epoch = step(source, epoch);
    }
    pthread_mutex_unlock(&source->lock);
    release(source);
    return NULL;
}

int media_source_start(media_source_t *source)
{
    int error = 0;
    pthread_mutex_lock(&source->lock);
    if (!source->has_thread) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_main, source) == 0) {
            pthread_detach(thread);
            source->has_thread = true;
        } else {
            error = error_set(PEER_ERROR_OPERATION, "%s: no thread could be made", source->producer->label);
        }
    }
    if (error == 0 && !source->is_started) {
        source->is_started = source->is_fresh = true;
        pthread_cond_signal(&source->changed);
    }
    pthread_mutex_unlock(&source->lock);
    return error;
}

void media_source_stop(media_source_t *source)
{
    pthread_mutex_lock(&source->lock);
    source->is_started = false;
    pthread_cond_signal(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

void media_source_free(media_source_t *source)
{
    if (source == NULL)
        return;
    pthread_mutex_lock(&source->lock);
    bool is_last = !source->has_thread;
    source->is_dead = true;
    pthread_cond_signal(&source->changed);
    pthread_mutex_unlock(&source->lock);
    if (is_last)
        release(source);
}
