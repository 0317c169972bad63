/* Which pictures an encoder worker encodes, and how large: what the application and the other side allow. */
#include "codec/codec_worker_private.h"

#include "base/error.h"

#include <math.h>

#define SLOT_SLACK_US 2000 /* a source's timestamps are not exact */
#define INTERVAL_MOST_US INT64_C(1000000000000)

static uint32_t scaled(uint32_t side, double by)
{
    double result = floor((double)side / by + 1e-9); /* what divides evenly is not to lose a row by rounding */
    return result >= 1 ? (uint32_t)result : 1;
}

/* RFC 9429 §3.6.2: the sides that count are those of the picture before it is turned. */
static bool fit(const codec_worker_limits_t *limits, const peer_video_frame_t *frame, uint32_t *width, uint32_t *height)
{
    double by = limits->scale_down_by > 1 ? limits->scale_down_by : 1;
    *width = scaled(peer_video_frame_width(frame), by);
    *height = scaled(peer_video_frame_height(frame), by);
    return picture_limits_fit(&limits->sizes, width, height);
}

static int scale(job_t *job, uint32_t width, uint32_t height)
{
    peer_video_frame_t *smaller;
    if (width == peer_video_frame_width(job->video) && height == peer_video_frame_height(job->video))
        return 0;
    int error = peer_video_frame_scale(job->video, width, height, &smaller);
    if (error < 0)
        return error;
    peer_video_frame_unref(job->video);
    job->video = smaller;
    return 0;
}

bool codec_worker_make_fit(codec_worker_t *worker, job_t *job, int *error)
{
    uint32_t width, height;
    codec_pool_lock(worker->pool);
    codec_worker_limits_t limits = worker->limits;
    codec_pool_unlock(worker->pool);
    bool is_misfit = !fit(&limits, job->video, &width, &height), is_new = is_misfit && !worker->is_misfit;
    worker->is_misfit = is_misfit;
    *error = 0;
    if (!is_misfit) {
        *error = scale(job, width, height);
        return *error == 0;
    }
    codec_pool_lock(worker->pool);
    worker->stats.frames_dropped++;
    codec_pool_unlock(worker->pool);
    if (is_new)
        codec_worker_report(worker,
                            error_set(PEER_ERROR_NOT_SUPPORTED, "the other side takes no picture of %ux%u pixels, nor a smaller one of it",
                                      peer_video_frame_width(job->video), peer_video_frame_height(job->video)));
    return false;
}

/* Pictures that come more often than allowed are left out so that the rest is evenly spaced. Locked. */
static bool is_in_time(codec_worker_t *worker, const peer_video_frame_t *frame)
{
    double framerate = worker->limits.max_framerate, by_size;
    int64_t timestamp_us = peer_video_frame_timestamp_us(frame);
    bool is_limited = worker->limits.has_max_framerate;
    uint32_t width, height;
    if (worker->limits.sizes.max_pixels_per_second != 0 && fit(&worker->limits, frame, &width, &height) &&
        picture_limits_framerate(&worker->limits.sizes, width, height, &by_size) && (!is_limited || by_size < framerate)) {
        framerate = by_size;
        is_limited = true;
    }
    if (!is_limited)
        return true;
    if (framerate <= 0)
        return false;
    double microseconds = 1e6 / framerate;
    int64_t interval = microseconds < INTERVAL_MOST_US ? (int64_t)microseconds : INTERVAL_MOST_US, since = timestamp_us - worker->slot_us;
    if (worker->has_slot && since >= 0 && since + SLOT_SLACK_US < interval)
        return false;
    bool is_late = !worker->has_slot || since < 0 || since >= 2 * interval;
    worker->slot_us = is_late ? timestamp_us : worker->slot_us + interval;
    worker->has_slot = true;
    return true;
}

/* Locked. */
static bool is_affordable(codec_worker_t *worker, int64_t timestamp_us)
{
    double rate = (double)worker->limits.max_bitrate_bps / 8;
    int64_t since = worker->has_debt && timestamp_us > worker->debt_us ? timestamp_us - worker->debt_us : 0;
    worker->debt_bytes -= rate * (double)since / 1e6;
    if (worker->debt_bytes < 0 || !worker->limits.has_max_bitrate)
        worker->debt_bytes = 0;
    worker->has_debt = true;
    worker->debt_us = timestamp_us;
    return !worker->limits.has_max_bitrate || worker->debt_bytes <= rate;
}

bool codec_worker_admits(codec_worker_t *worker, const peer_video_frame_t *frame)
{
    bool is_allowed = is_affordable(worker, peer_video_frame_timestamp_us(frame));
    if (!is_allowed)
        codec_worker_note_limit(worker, CODEC_WORKER_STARVED);
    return is_allowed && is_in_time(worker, frame);
}
