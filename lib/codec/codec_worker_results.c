/* A worker's results on their way out, and its counters. */
#include "codec/codec_worker_private.h"

#include "codec/frame.h"
#include "runtime/clock.h"

#define LIMIT_LASTS_US PEER_SECOND /* after a picture was left out */

int64_t codec_worker_clock_us(const codec_worker_t *worker)
{
    return codec_pool_is_inline(worker->pool) ? 0 : runtime_now();
}

/* Counts the time that something limited the encoder, up to now. Locked. */
static void count_limit(codec_worker_t *worker, int64_t now)
{
    int64_t end = time_earlier(now, worker->limited_until), passed = end - worker->limit_counted;
    if (passed > 0 && worker->limit_now == CODEC_WORKER_OVERLOADED)
        worker->stats.overload_us += passed;
    else if (passed > 0 && worker->limit_now == CODEC_WORKER_STARVED)
        worker->stats.starved_us += passed;
    worker->limit_counted = now;
    if (now >= worker->limited_until)
        worker->limit_now = CODEC_WORKER_UNLIMITED;
}

void codec_worker_note_limit(codec_worker_t *worker, codec_worker_limit_t limit)
{
    int64_t now = codec_worker_clock_us(worker);
    count_limit(worker, now);
    if (worker->limit_now == CODEC_WORKER_OVERLOADED && limit == CODEC_WORKER_STARVED)
        return;
    worker->limit_now = limit;
    worker->limited_until = now + LIMIT_LASTS_US;
}

/* Locked. */
static bool count_result(codec_worker_t *worker, bool is_key, size_t bytes)
{
    if (worker->is_dead)
        return false;
    worker->stats.frames_out++;
    worker->stats.key_frames += is_key;
    worker->stats.bytes += bytes;
    worker->debt_bytes += worker->is_encoder ? (double)bytes : 0;
    return true;
}

/* Of a picture that is given. Locked; the codec is this thread's. */
static void count_picture(codec_worker_t *worker)
{
    int32_t (*quantizer_of)(void *) = worker->is_encoder ? worker->codec->encoder_quantizer : worker->codec->decoder_quantizer;
    int32_t quantizer = quantizer_of != NULL ? quantizer_of(worker->instance) : -1;
    worker->stats.has_quantizer |= quantizer >= 0;
    worker->stats.quantizer_sum += quantizer > 0 ? (uint64_t)quantizer : 0;
    frame_rate_add(&worker->rate, codec_worker_clock_us(worker));
}

/* What is decoded came in packets at some time. Locked. */
static void count_processing(codec_worker_t *worker, uint32_t samples)
{
    const codec_arrival_t *arrival = &worker->arrival;
    int64_t now = codec_worker_clock_us(worker);
    if (arrival->first_us != 0 && now > arrival->first_us)
        worker->stats.processing_s += (double)(now - arrival->first_us) / (double)PEER_SECOND * samples;
}

void codec_worker_take_encoded(void *context, peer_encoded_frame_t *frame)
{
    codec_worker_t *worker = context;
    bool is_key = peer_encoded_frame_is_key(frame), is_video = worker->codec->kind == PEER_MEDIA_VIDEO;
    if (is_key)
        worker->forces_key = false;
    codec_pool_lock(worker->pool);
    bool is_wanted = count_result(worker, is_key && is_video, peer_encoded_frame_length(frame));
    if (is_wanted && is_video) {
        count_picture(worker);
        worker->stats.target_bytes += worker->framerate > 0 ? worker->target_bps / worker->framerate / 8 : 0;
    }
    codec_pool_unlock(worker->pool);
    if (!is_video)
        encoded_frame_set_level(frame, worker->level);
    int64_t start = codec_worker_clock_us(worker);
    if (is_wanted && worker->events.on_encoded != NULL)
        worker->events.on_encoded(worker->user, frame);
    worker->given_us += codec_worker_clock_us(worker) - start;
    peer_encoded_frame_unref(frame);
}

void codec_worker_take_video(void *context, peer_video_frame_t *frame)
{
    codec_worker_t *worker = context;
    codec_pool_lock(worker->pool);
    bool is_wanted = count_result(worker, false, 0);
    if (is_wanted) {
        worker->stats.width = peer_video_frame_width(frame);
        worker->stats.height = peer_video_frame_height(frame);
        count_picture(worker);
        count_processing(worker, 1);
        worker->stats.assembled_frames += worker->arrival.packet_count > 1;
        if (worker->arrival.packet_count > 1)
            worker->stats.assembly_s += (double)(worker->arrival.last_us - worker->arrival.first_us) / (double)PEER_SECOND;
    }
    codec_pool_unlock(worker->pool);
    int64_t start = codec_worker_clock_us(worker);
    if (is_wanted && worker->events.on_video != NULL)
        worker->events.on_video(worker->user, frame);
    worker->given_us += codec_worker_clock_us(worker) - start;
    peer_video_frame_unref(frame);
}

static void give_audio(void *context, peer_audio_frame_t *frame)
{
    codec_worker_t *worker = context;
    codec_pool_lock(worker->pool);
    bool is_wanted = count_result(worker, false, 0);
    if (is_wanted) {
        audio_energy_add(&worker->stats.energy, frame);
        count_processing(worker, peer_audio_frame_samples_per_channel(frame));
    }
    codec_pool_unlock(worker->pool);
    int64_t start = codec_worker_clock_us(worker);
    if (is_wanted && worker->events.on_audio != NULL)
        worker->events.on_audio(worker->user, frame);
    worker->given_us += codec_worker_clock_us(worker) - start;
}

void codec_worker_take_audio(void *context, peer_audio_frame_t *frame)
{
    codec_worker_t *worker = context;
    audio_adapter_push(worker->adapter, frame, CODEC_WORKER_AUDIO_GAP_US, give_audio, worker);
    peer_audio_frame_unref(frame);
}

void codec_worker_get_stats(codec_worker_t *worker, codec_worker_stats_t *stats)
{
    codec_pool_lock(worker->pool);
    int64_t now = codec_worker_clock_us(worker);
    count_limit(worker, now);
    *stats = worker->stats;
    stats->queued = worker->count;
    stats->target_bps = worker->target_bps;
    stats->frames_per_second = frame_rate_at(&worker->rate, now);
    stats->limit = worker->limit_now;
    stats->taken_us = now;
    codec_pool_unlock(worker->pool);
}

void codec_worker_count_from(codec_worker_t *worker, const codec_worker_stats_t *stats)
{
    codec_pool_lock(worker->pool);
    worker->stats = *stats;
    codec_pool_unlock(worker->pool);
}
