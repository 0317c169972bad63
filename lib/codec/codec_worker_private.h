/* What a worker is, for its files: codec_worker.c (its queue and its work), codec_worker_pictures.c (which pictures, how large) and
 * codec_worker_results.c (what becomes of results, and what is counted). */
#ifndef CODEC_CODEC_WORKER_PRIVATE_H
#define CODEC_CODEC_WORKER_PRIVATE_H

#include "base/frame_rate.h"
#include "base/time.h"
#include "codec/audio_adapter.h"
#include "codec/codec_pool.h"
#include "codec/codec_worker.h"

typedef enum job_type { JOB_ENCODE, JOB_DECODE, JOB_CONCEAL, JOB_RECOVER } job_type_t;

typedef struct job {
    job_type_t type;
    peer_video_frame_t *video;
    peer_audio_frame_t *audio;
    peer_encoded_frame_t *encoded;
    int64_t timestamp_us, duration_us; /* of lost sound */
    codec_arrival_t arrival;           /* of what is to be decoded */
} job_t;

#define QUEUE_SIZE 128 /* a power of two, above the deepest queue of codec_worker.h */

struct codec_worker {
    pool_task_t task;
    codec_pool_t *pool;
    const peer_codec_t *codec;
    codec_worker_events_t events;
    void *user;
    bool is_encoder;

    /* Under the pool's lock. */
    job_t queue[QUEUE_SIZE];
    unsigned head, count, limit;
    bool is_dead;
    bool is_key_forced;
    bool has_rates;
    peer_encoder_rates_t rates;
    codec_worker_limits_t limits;
    bool has_slot;
    int64_t slot_us; /* when the last picture that was taken would have been due at the highest frame rate allowed */
    bool has_debt;
    int64_t debt_us;       /* the picture that the next is of */
    double debt_bytes;     /* sent and not yet paid off at the highest bit rate allowed */
    bool awaits_key;       /* decoder of pictures: nothing is taken before the next key frame */
    bool is_key_asked;     /* on_key_needed is to be called */
    unsigned spoilt_count; /* pictures dropped since a key frame is awaited */
    codec_worker_stats_t stats;
    frame_rate_t rate;              /* of what was given */
    codec_worker_limit_t limit_now; /* what limits the encoder, until `limited_until`; counted up to `limit_counted` */
    int64_t limited_until, limit_counted;
    uint32_t target_bps; /* encoder */
    double framerate;

    /* The running thread's. */
    bool is_prepared;
    void *instance; /* encoder or decoder; NULL when it could not be made */
    audio_adapter_t *adapter;
    uint8_t level; /* encoder: of the sound at hand (RFC 6464) */
    peer_encoder_settings_t encoder_settings;
    peer_decoder_settings_t decoder_settings;
    uint32_t output_rate;
    char *fmtp;
    bool is_misfit;  /* encoder: the last picture could not be sent in any size allowed */
    bool forces_key; /* of the job being done: asked for, and not yet given */
    peer_codec_sink_t sink;
    codec_arrival_t arrival; /* of the job being done */
    int64_t given_us;        /* the time that callbacks took of it */
};

int64_t codec_worker_clock_us(const codec_worker_t *worker); /* 0 on an inline pool */
/* Pictures had to be left out: for a while that is what limits the encoder. Locked. */
void codec_worker_note_limit(codec_worker_t *worker, codec_worker_limit_t limit);

/* codec_worker.c: an error that is told, if anybody wants to hear of it. */
void codec_worker_report(codec_worker_t *worker, int error);

/* codec_worker_pictures.c. Is this picture to be encoded, by its time and the rates that are allowed? Locked. */
bool codec_worker_admits(codec_worker_t *worker, const peer_video_frame_t *frame);
/* Makes the picture as small as it has to be. False: it cannot be sent (*error is 0, and that is told once), or not be scaled. */
bool codec_worker_make_fit(codec_worker_t *worker, job_t *job, int *error);

/* The codec's sink: each result is counted and given by callback, unless nobody wants it any more. They take the reference. */
void codec_worker_take_encoded(void *context, peer_encoded_frame_t *frame);
void codec_worker_take_video(void *context, peer_video_frame_t *frame);
void codec_worker_take_audio(void *context, peer_audio_frame_t *frame);

#endif
