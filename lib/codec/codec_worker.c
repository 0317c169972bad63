#include "codec/codec_worker_private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "codec/frame.h"

#include <time.h>

static bool has_work(pool_task_t *task);
static bool work(pool_task_t *task);

/* ---- jobs ---- */

static void job_clear(job_t *job)
{
    peer_video_frame_unref(job->video);
    peer_audio_frame_unref(job->audio);
    peer_encoded_frame_unref(job->encoded);
    *job = (job_t){0};
}

/* Jobs to be cleared once the lock is given back: the last reference to a frame may call the application. */
typedef struct job_list {
    job_t jobs[QUEUE_SIZE + 1];
    unsigned count;
} job_list_t;

static void job_list_clear(job_list_t *list)
{
    while (list->count > 0)
        job_clear(&list->jobs[--list->count]);
}

static job_t pop(codec_worker_t *worker)
{
    job_t *slot = &worker->queue[worker->head], job = *slot;
    *slot = (job_t){0};
    worker->head = (worker->head + 1) % QUEUE_SIZE;
    worker->count--;
    return job;
}

static void drop_oldest(codec_worker_t *worker, job_list_t *dropped)
{
    dropped->jobs[dropped->count++] = pop(worker);
    worker->stats.frames_dropped++;
}

/* Drops everything that waits, or what waits before the first key frame. Locked. Returns true if a key frame is left in front. */
static bool drop_until_key(codec_worker_t *worker, bool keeps_key, job_list_t *dropped)
{
    while (worker->count > 0) {
        if (keeps_key && peer_encoded_frame_is_key(worker->queue[worker->head].encoded))
            return true;
        drop_oldest(worker, dropped);
    }
    return false;
}

/* From now on pictures are dropped until a key frame comes. Locked. */
static void await_key(codec_worker_t *worker, bool asks)
{
    worker->is_key_asked |= asks && !worker->awaits_key;
    worker->awaits_key = true;
    worker->spoilt_count = 0;
}

/* Whether an encoded picture builds on one that is missing. Locked. */
static bool is_spoilt(codec_worker_t *worker, const job_t *job)
{
    if (!worker->awaits_key || job->type != JOB_DECODE)
        return false;
    if (peer_encoded_frame_is_key(job->encoded)) {
        worker->awaits_key = false;
        return false;
    }
    worker->spoilt_count++;
    worker->is_key_asked |= worker->spoilt_count % CODEC_WORKER_KEY_REPEAT == 0;
    return true;
}

/* Makes room in a full queue, by the rule of its kind. Locked. */
static void make_room(codec_worker_t *worker, job_list_t *dropped)
{
    if (worker->is_encoder || worker->codec->kind == PEER_MEDIA_AUDIO) {
        drop_oldest(worker, dropped);
        if (worker->is_encoder && worker->codec->kind == PEER_MEDIA_VIDEO)
            codec_worker_note_limit(worker, CODEC_WORKER_OVERLOADED);
        return;
    }
    drop_until_key(worker, false, dropped);
    await_key(worker, true);
}

/* Queues a job, whose references pass to the worker. */
static void push(codec_worker_t *worker, job_t job)
{
    job_list_t dropped;
    dropped.count = 0;
    codec_pool_lock(worker->pool);
    worker->stats.frames_in += job.type == JOB_ENCODE || job.type == JOB_DECODE;
    if (worker->count == worker->limit)
        make_room(worker, &dropped);
    if (worker->is_dead || is_spoilt(worker, &job)) {
        worker->stats.frames_dropped++;
        dropped.jobs[dropped.count++] = job;
    } else {
        worker->queue[(worker->head + worker->count++) % QUEUE_SIZE] = job;
    }
    codec_pool_schedule_and_unlock(worker->pool, &worker->task);
    job_list_clear(&dropped);
}

void codec_worker_report(codec_worker_t *worker, int error)
{
    codec_pool_lock(worker->pool);
    bool is_wanted = !worker->is_dead;
    codec_pool_unlock(worker->pool);
    LOG_WARNING("codec", 0, "%s: %s", worker->codec->mime_type, peer_last_error_message());
    if (is_wanted && worker->events.on_error != NULL)
        worker->events.on_error(worker->user, error, peer_last_error_message());
}

/* ---- the work ---- */

static int prepare_encoder(codec_worker_t *worker)
{
    const peer_codec_t *codec = worker->codec;
    const peer_encoder_settings_t *settings = &worker->encoder_settings;
    if (codec->kind == PEER_MEDIA_AUDIO) {
        worker->adapter =
            audio_adapter_new(codec->sample_rate, settings->channels, codec->sample_rate / 1000 * settings->frame_duration_ms);
        if (worker->adapter == NULL)
            return error_no_memory();
    }
    return codec->encoder_new(settings, &worker->instance);
}

static int prepare_decoder(codec_worker_t *worker)
{
    const peer_codec_t *codec = worker->codec;
    if (codec->kind == PEER_MEDIA_AUDIO) {
        worker->adapter =
            audio_adapter_new(worker->output_rate != 0 ? worker->output_rate : codec->sample_rate, worker->decoder_settings.channels, 0);
        if (worker->adapter == NULL)
            return error_no_memory();
    }
    return codec->decoder_new(&worker->decoder_settings, &worker->instance);
}

static void prepare(codec_worker_t *worker)
{
    worker->is_prepared = true;
    int error = worker->is_encoder ? prepare_encoder(worker) : prepare_decoder(worker);
    if (error < 0) {
        worker->instance = NULL;
        codec_worker_report(worker, error);
    }
}

/* Called for each frame of the codec's length. */
static void encode_adapted(void *context, peer_audio_frame_t *frame)
{
    codec_worker_t *worker = context;
    worker->level = audio_level_dbov(frame);
    int error = worker->codec->encode_audio(worker->instance, frame, &worker->sink);
    if (error < 0)
        codec_worker_report(worker, error);
}

static int encode(codec_worker_t *worker, job_t *job)
{
    int error = 0;
    if (job->video != NULL && !codec_worker_make_fit(worker, job, &error))
        return error;
    codec_pool_lock(worker->pool);
    bool has_rates = worker->has_rates;
    peer_encoder_rates_t rates = worker->rates;
    worker->has_rates = false;
    worker->forces_key |= worker->is_key_forced;
    worker->is_key_forced = false;
    if (job->video != NULL) {
        worker->stats.width = peer_video_frame_width(job->video);
        worker->stats.height = peer_video_frame_height(job->video);
    }
    codec_pool_unlock(worker->pool);
    error = has_rates ? worker->codec->set_rates(worker->instance, &rates) : 0;
    if (error < 0)
        codec_worker_report(worker, error);
    if (job->video != NULL)
        return worker->codec->encode_video(worker->instance, job->video, worker->forces_key, &worker->sink);
    return audio_adapter_push(worker->adapter, job->audio, CODEC_WORKER_AUDIO_GAP_US, encode_adapted, worker);
}

static int give_silence(codec_worker_t *worker, uint32_t samples, int64_t timestamp_us)
{
    int16_t silence[480 * 2] = {0};
    uint32_t channels = worker->decoder_settings.channels, rate = worker->codec->sample_rate;
    for (uint32_t done = 0; done < samples;) {
        uint32_t step = samples - done < 480 ? samples - done : 480;
        peer_audio_buffer_t buffer = {.size = sizeof buffer,
                                      .format = PEER_AUDIO_S16,
                                      .sample_rate = rate,
                                      .channels = channels,
                                      .samples_per_channel = step,
                                      .timestamp_us = timestamp_us + (int64_t)done * PEER_SECOND / rate,
                                      .data = silence};
        peer_audio_frame_t *frame;
        int error = peer_audio_frame_new_copy(&buffer, &frame);
        if (error < 0)
            return error;
        codec_worker_take_audio(worker, frame);
        done += step;
    }
    return 0;
}

#define CONCEAL_MAX_US (2 * PEER_SECOND) /* of one notice: nobody has use for more */

static int conceal(codec_worker_t *worker, const job_t *job)
{
    const peer_codec_t *codec = worker->codec;
    if (job->duration_us <= 0 || codec->kind != PEER_MEDIA_AUDIO)
        return 0;
    int64_t duration_us = time_earlier(job->duration_us, CONCEAL_MAX_US);
    uint32_t samples = (uint32_t)(duration_us * codec->sample_rate / PEER_SECOND);
    codec_pool_lock(worker->pool);
    worker->stats.concealed_samples += samples;
    codec_pool_unlock(worker->pool);
    if (samples == 0)
        return 0;
    if (job->type == JOB_RECOVER && (codec->flags & PEER_CODEC_RECOVERS) != 0)
        return codec->recover(worker->instance, job->encoded, samples, job->timestamp_us, &worker->sink);
    if ((codec->flags & PEER_CODEC_CONCEALS) != 0)
        return codec->conceal(worker->instance, samples, job->timestamp_us, &worker->sink);
    return give_silence(worker, samples, job->timestamp_us);
}

/* A picture could not be decoded: those behind it cannot either, up to a key frame. */
static void decoding_failed(codec_worker_t *worker)
{
    LOG_DEBUG("codec", 0, "%s: %s", worker->codec->mime_type, peer_last_error_message());
    if (worker->codec->kind != PEER_MEDIA_VIDEO)
        return;
    job_list_t dropped;
    dropped.count = 0;
    codec_pool_lock(worker->pool);
    if (!drop_until_key(worker, true, &dropped))
        await_key(worker, true);
    codec_pool_unlock(worker->pool);
    job_list_clear(&dropped);
}

static int decode(codec_worker_t *worker, const job_t *job)
{
    int error = worker->codec->decode(worker->instance, job->encoded, &worker->sink);
    codec_pool_lock(worker->pool);
    worker->stats.bytes += peer_encoded_frame_length(job->encoded);
    worker->stats.key_frames += error == 0 && worker->codec->kind == PEER_MEDIA_VIDEO && peer_encoded_frame_is_key(job->encoded);
    codec_pool_unlock(worker->pool);
    return error;
}

static int do_job(codec_worker_t *worker, job_t *job)
{
    switch (job->type) {
    case JOB_ENCODE:
        return encode(worker, job);
    case JOB_DECODE:
        return decode(worker, job);
    default:
        return conceal(worker, job);
    }
}

/* Frees a dead worker, on the thread that runs it; the codec with it. */
static void end(codec_worker_t *worker)
{
    codec_pool_t *pool = worker->pool;
    if (worker->instance != NULL) {
        if (worker->is_encoder)
            worker->codec->encoder_free(worker->instance);
        else
            worker->codec->decoder_free(worker->instance);
    }
    audio_adapter_free(worker->adapter);
    void (*on_released)(void *user) = worker->events.on_released;
    void *user = worker->user;
    memory_free(worker->fmtp);
    memory_free(worker);
    if (on_released != NULL)
        on_released(user);
    codec_pool_detach(pool);
}

static codec_worker_t *worker_of(pool_task_t *task)
{
    return (codec_worker_t *)task; /* its first member */
}

static bool has_work(pool_task_t *task)
{
    const codec_worker_t *worker = worker_of(task);
    return worker->is_dead || worker->count > 0 || worker->is_key_asked || (!worker->is_prepared && !codec_pool_is_inline(worker->pool));
}

static bool work(pool_task_t *task)
{
    codec_worker_t *worker = worker_of(task);
    job_t job = {0};
    codec_pool_lock(worker->pool);
    bool is_dead = worker->is_dead, has_job = !is_dead && worker->is_prepared && worker->count > 0;
    if (has_job)
        job = pop(worker);
    bool asks_key = !is_dead && worker->is_key_asked;
    worker->is_key_asked = false;
    codec_pool_unlock(worker->pool);
    if (is_dead) {
        end(worker);
        return true;
    }
    if (asks_key && worker->events.on_key_needed != NULL)
        worker->events.on_key_needed(worker->user);
    if (!worker->is_prepared)
        prepare(worker);
    if (!has_job)
        return false;
    worker->arrival = job.arrival;
    worker->given_us = 0;
    int64_t start = codec_worker_clock_us(worker);
    int error = worker->instance != NULL ? do_job(worker, &job) : error_set(PEER_ERROR_INVALID_STATE, "there is no codec");
    int64_t spent = codec_worker_clock_us(worker) - start - worker->given_us;
    codec_pool_lock(worker->pool);
    worker->stats.errors += error < 0;
    worker->stats.busy_us += spent;
    codec_pool_unlock(worker->pool);
    if (error < 0 && worker->instance != NULL) {
        if (worker->is_encoder)
            codec_worker_report(worker, error);
        else
            decoding_failed(worker);
    }
    job_clear(&job);
    return false;
}

/* ---- what others call ---- */

static codec_worker_t *worker_new(codec_pool_t *pool, const peer_codec_t *codec, const codec_worker_events_t *events, void *user,
                                  const char *fmtp)
{
    codec_worker_t *worker = MEMORY_NEW(codec_worker_t);
    if (worker == NULL)
        return NULL;
    worker->fmtp = memory_string(fmtp);
    if (worker->fmtp == NULL && fmtp != NULL) {
        memory_free(worker);
        return NULL;
    }
    worker->task.has_work = has_work;
    worker->task.work = work;
    worker->pool = pool;
    worker->codec = codec;
    worker->events = *events;
    worker->user = user;
    worker->sink = (peer_codec_sink_t){codec_worker_take_encoded, codec_worker_take_video, codec_worker_take_audio, worker};
    return worker;
}

int codec_worker_new_encoder(codec_pool_t *pool, const peer_codec_t *codec, const peer_encoder_settings_t *settings,
                             const codec_worker_events_t *events, void *user, codec_worker_t **worker)
{
    if ((codec->flags & PEER_CODEC_ENCODES) == 0)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "%s: there is no encoder", codec->mime_type);
    if (codec->kind == PEER_MEDIA_AUDIO && (settings->channels < 1 || settings->channels > 2 || settings->frame_duration_ms == 0))
        return error_set(PEER_ERROR_RANGE, "%s: %u channels in frames of %u ms", codec->mime_type, settings->channels,
                         settings->frame_duration_ms);
    codec_worker_t *made = worker_new(pool, codec, events, user, settings->fmtp);
    if (made == NULL)
        return error_no_memory();
    made->is_encoder = true;
    made->encoder_settings = *settings;
    made->encoder_settings.fmtp = made->fmtp;
    made->limit = codec->kind == PEER_MEDIA_VIDEO ? CODEC_WORKER_RAW_VIDEO_MAX : CODEC_WORKER_RAW_AUDIO_MAX;
    made->target_bps = settings->bitrate_bps;
    made->framerate = settings->framerate;
    *worker = made;
    codec_pool_attach(pool);
    codec_pool_lock(pool);
    codec_pool_schedule_and_unlock(pool, &made->task);
    return 0;
}

int codec_worker_new_decoder(codec_pool_t *pool, const peer_codec_t *codec, const peer_decoder_settings_t *settings, uint32_t output_rate,
                             const codec_worker_events_t *events, void *user, codec_worker_t **worker)
{
    if ((codec->flags & PEER_CODEC_DECODES) == 0)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "%s: there is no decoder", codec->mime_type);
    if (codec->kind == PEER_MEDIA_AUDIO && (settings->channels < 1 || settings->channels > 2))
        return error_set(PEER_ERROR_RANGE, "%s: %u channels", codec->mime_type, settings->channels);
    codec_worker_t *made = worker_new(pool, codec, events, user, settings->fmtp);
    if (made == NULL)
        return error_no_memory();
    made->decoder_settings = *settings;
    made->decoder_settings.fmtp = made->fmtp;
    made->output_rate = output_rate;
    made->awaits_key = codec->kind == PEER_MEDIA_VIDEO;
    made->limit = codec->kind == PEER_MEDIA_VIDEO ? CODEC_WORKER_ENCODED_VIDEO_MAX : CODEC_WORKER_ENCODED_AUDIO_MAX;
    *worker = made;
    codec_pool_attach(pool);
    codec_pool_lock(pool);
    codec_pool_schedule_and_unlock(pool, &made->task);
    return 0;
}

void codec_worker_free(codec_worker_t *worker)
{
    if (worker == NULL)
        return;
    job_list_t dropped;
    dropped.count = 0;
    codec_pool_lock(worker->pool);
    worker->is_dead = true;
    while (worker->count > 0)
        drop_oldest(worker, &dropped);
    codec_pool_schedule_and_unlock(worker->pool, &worker->task);
    job_list_clear(&dropped);
}

void codec_worker_encode_video(codec_worker_t *worker, peer_video_frame_t *frame)
{
    if (!worker->is_encoder || worker->codec->kind != PEER_MEDIA_VIDEO)
        return;
    codec_pool_lock(worker->pool);
    bool is_allowed = codec_worker_admits(worker, frame);
    codec_pool_unlock(worker->pool);
    if (is_allowed)
        push(worker, (job_t){.type = JOB_ENCODE, .video = peer_video_frame_ref(frame)});
}

void codec_worker_encode_audio(codec_worker_t *worker, peer_audio_frame_t *frame)
{
    if (worker->is_encoder && worker->codec->kind == PEER_MEDIA_AUDIO)
        push(worker, (job_t){.type = JOB_ENCODE, .audio = peer_audio_frame_ref(frame)});
}

void codec_worker_set_limits(codec_worker_t *worker, const codec_worker_limits_t *limits)
{
    codec_pool_lock(worker->pool);
    worker->limits = *limits;
    codec_pool_unlock(worker->pool);
}

void codec_worker_force_key(codec_worker_t *worker)
{
    codec_pool_lock(worker->pool);
    worker->is_key_forced = true;
    codec_pool_unlock(worker->pool);
}

void codec_worker_set_rates(codec_worker_t *worker, const peer_encoder_rates_t *rates)
{
    codec_pool_lock(worker->pool);
    if (!worker->has_rates)
        peer_encoder_rates_init(&worker->rates, sizeof worker->rates);
    worker->has_rates = true;
    if (rates->bitrate_bps != 0)
        worker->rates.bitrate_bps = worker->target_bps = rates->bitrate_bps;
    if (rates->framerate > 0)
        worker->rates.framerate = worker->framerate = rates->framerate;
    if (rates->packet_loss >= 0)
        worker->rates.packet_loss = rates->packet_loss;
    codec_pool_unlock(worker->pool);
}

void codec_worker_decode(codec_worker_t *worker, peer_encoded_frame_t *frame, const codec_arrival_t *arrival)
{
    static const codec_arrival_t unknown;
    if (!worker->is_encoder)
        push(worker,
             (job_t){.type = JOB_DECODE, .encoded = peer_encoded_frame_ref(frame), .arrival = arrival != NULL ? *arrival : unknown});
}

void codec_worker_conceal(codec_worker_t *worker, int64_t timestamp_us, int64_t duration_us)
{
    if (!worker->is_encoder && worker->codec->kind == PEER_MEDIA_AUDIO)
        push(worker, (job_t){.type = JOB_CONCEAL, .timestamp_us = timestamp_us, .duration_us = duration_us});
}

void codec_worker_recover(codec_worker_t *worker, peer_encoded_frame_t *next, int64_t timestamp_us, int64_t duration_us)
{
    if (!worker->is_encoder && worker->codec->kind == PEER_MEDIA_AUDIO)
        push(worker,
             (job_t){
                 .type = JOB_RECOVER, .encoded = peer_encoded_frame_ref(next), .timestamp_us = timestamp_us, .duration_us = duration_us});
}

void codec_worker_await_key(codec_worker_t *worker)
{
    codec_pool_lock(worker->pool);
    if (worker->codec->kind == PEER_MEDIA_VIDEO)
        await_key(worker, false);
    codec_pool_unlock(worker->pool);
}
