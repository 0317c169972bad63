/* Workers: one queue of jobs per track, run in order on a few shared threads. An encoder worker turns raw frames into encoded ones, a
 * decoder worker encoded frames and notices of loss into raw ones; around the codec they resample, mix and re-block sound, scale pictures
 * down, and leave pictures out that a limit does not allow.
 *
 * Every function may be called from any thread, from inside a callback too, and none waits for a codec or for another thread (but
 * codec_pool_join). Callbacks of one worker come one at a time, in order, with no lock held: on a pool thread, or with an inline pool from
 * inside the call that handed the job in.
 *
 * codec_worker_free() may come at any moment: queued jobs are dropped, the result of the one being worked on is discarded. Only a callback
 * that has already begun (on another thread) still finishes, so what `user` points to lives until on_released, which is the last callback
 * of all. */
#ifndef CODEC_WORKER_H
#define CODEC_WORKER_H

#include <peer/codec.h>
#include <peer/frame.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/picture_limits.h"
#include "codec/audio_energy.h"

/* ---- the threads ---- */

typedef struct codec_pool codec_pool_t;

#define CODEC_POOL_MAX_THREADS 16

/* A pool of `threads` threads (at most CODEC_POOL_MAX_THREADS), started when the first job comes. 0 threads: an inline pool, for the
 * simulator: each job runs before the call that handed it in returns (or, from inside a callback of the same worker, right after that
 * callback), and no clock is read. NULL when memory ran out. */
codec_pool_t *codec_pool_new(unsigned threads);
unsigned codec_pool_default_threads(void); /* as many as there are processors, 4 at most */
/* Gives the pool up. Its threads end, and it is freed, when the last of its workers has been freed. Never waits. */
void codec_pool_release(codec_pool_t *pool);
/* The same, and waits until its threads have ended: not from a callback, not with a lock held that a callback takes, and only after every
 * worker of it was freed. */
void codec_pool_join(codec_pool_t *pool);

/* ---- the workers ---- */

typedef struct codec_worker codec_worker_t;

/* Raw pictures wait this deep; then the oldest is dropped: a late picture is worth less than a new one. */
#define CODEC_WORKER_RAW_VIDEO_MAX 2
/* Raw sound frames (of 10 to 60 ms) wait this deep; then the oldest is dropped. */
#define CODEC_WORKER_RAW_AUDIO_MAX 50
/* Encoded pictures are never dropped one by one, because those behind would be spoilt: past this depth all that wait are dropped,
 * on_key_needed is called and nothing is taken until a key frame comes. */
#define CODEC_WORKER_ENCODED_VIDEO_MAX 120
/* While a key frame is awaited, on_key_needed is called again for every so many pictures that had to be dropped. */
#define CODEC_WORKER_KEY_REPEAT 15
/* Encoded sound and notices of loss wait this deep; then the oldest is dropped. */
#define CODEC_WORKER_ENCODED_AUDIO_MAX 100

/* Any member may be NULL. Frames are lent for the call: take a reference to keep one. */
typedef struct codec_worker_events {
    void (*on_encoded)(void *user, peer_encoded_frame_t *frame); /* encoder */
    void (*on_video)(void *user, peer_video_frame_t *frame);     /* decoder */
    void (*on_audio)(void *user, peer_audio_frame_t *frame);     /* decoder: S16 at output_rate */
    void (*on_key_needed)(void *user);                           /* decoder: the sender should be asked for a key frame */
    void (*on_error)(void *user, int error,
                     const char *message); /* the codec could not be made, or an encoder failed; the worker goes on */
    void (*on_released)(void *user);       /* the last: `user` is not used any more */
} codec_worker_events_t;

/* What keeps an encoder of pictures from encoding all of them. */
typedef enum codec_worker_limit { CODEC_WORKER_UNLIMITED, CODEC_WORKER_OVERLOADED, CODEC_WORKER_STARVED } codec_worker_limit_t;

/* Counters but for the last of them; those of time stand still on an inline pool. */
typedef struct codec_worker_stats {
    uint64_t frames_in;         /* handed in */
    uint64_t frames_out;        /* given by callback */
    uint64_t frames_dropped;    /* by a full queue, or while waiting for a key frame */
    uint64_t key_frames;        /* encoded, or decoded */
    uint64_t errors;            /* frames that the codec refused */
    uint64_t concealed_samples; /* per channel, made up or recovered for lost sound */
    uint64_t bytes;             /* encoded: out of an encoder, into a decoder */
    int64_t busy_us;            /* spent inside the codec; 0 on an inline pool */
    uint64_t quantizer_sum;     /* of pictures given; has_quantizer says whether the codec tells */
    bool has_quantizer;
    double target_bytes;        /* encoder of pictures: what it aimed at for those given */
    double processing_s;        /* decoder: from the first packet until decoded, summed over pictures, or samples of each channel */
    uint64_t assembled_frames;  /* decoder: pictures given that came in several packets */
    double assembly_s;          /* of these, from their first packet to their last */
    int64_t overload_us;        /* encoder of pictures: how long some had to be dropped because it is too slow, and nothing else counts */
    int64_t starved_us;         /* the same because a limit of the bit rate left too little for them; the former goes before */
    audio_energy_t energy;      /* decoder: of the sound given */
    uint32_t width, height;     /* of the last picture */
    uint32_t target_bps;        /* encoder: aimed at now */
    codec_worker_limit_t limit; /* encoder: now */
    int64_t taken_us;           /* when these numbers were taken, on the system's monotonic clock */
    double frames_per_second;   /* given during the last second */
    size_t queued;              /* waiting now */
} codec_worker_stats_t;

/* Makes an encoder worker. The codec itself is made by the first job, at once, so that it is ready before the first frame. `settings` and
 * the strings in it are copied. 0 or PEER_ERROR_NOT_SUPPORTED (the codec has no encoder), PEER_ERROR_NO_MEMORY. */
int codec_worker_new_encoder(codec_pool_t *pool, const peer_codec_t *codec, const peer_encoder_settings_t *settings,
                             const codec_worker_events_t *events, void *user, codec_worker_t **worker);
/* Makes a decoder worker. Sound comes out at `output_rate` Hz (0: the codec's own rate) whatever the codec's. */
int codec_worker_new_decoder(codec_pool_t *pool, const peer_codec_t *codec, const peer_decoder_settings_t *settings, uint32_t output_rate,
                             const codec_worker_events_t *events, void *user, codec_worker_t **worker);
void codec_worker_free(codec_worker_t *worker); /* NULL is allowed; see the head of this file */

/* Encoder. Frames are lent. Sound may have any rate, channels, format and length: it is resampled, mixed and cut into the codec's frames.
 * A gap or jump of more than CODEC_WORKER_AUDIO_GAP_US in its timestamps starts a new frame. */
#define CODEC_WORKER_AUDIO_GAP_US 60000
void codec_worker_encode_video(codec_worker_t *worker, peer_video_frame_t *frame);
void codec_worker_encode_audio(codec_worker_t *worker, peer_audio_frame_t *frame);
/* What an application allows an encoder of pictures (W3C RTCRtpEncodingParameters); holds for the next picture handed in. */
typedef struct codec_worker_limits {
    double scale_down_by; /* both sides are divided by it before the codec sees the picture; 1 or more */
    bool has_max_framerate;
    double max_framerate; /* pictures a second, by their timestamps; 0: none at all */
    bool has_max_bitrate;
    uint64_t max_bitrate_bps; /* pictures are left out while more than a second of it has been used; 0 lets one through */
    picture_limits_t sizes;   /* a picture is made small enough for them, too; one that cannot be sent by them is left out, and an error */
} codec_worker_limits_t;

void codec_worker_set_limits(codec_worker_t *worker, const codec_worker_limits_t *limits);
void codec_worker_force_key(codec_worker_t *worker);                                    /* the next picture is a key frame */
void codec_worker_set_rates(codec_worker_t *worker, const peer_encoder_rates_t *rates); /* for the next frame */

/* Decoder. Frames are lent. */
/* When the frame's packets came, on the system's monotonic clock, for the statistics; all zero: not known. */
typedef struct codec_arrival {
    int64_t first_us, last_us;
    uint32_t packet_count;
} codec_arrival_t;
void codec_worker_decode(codec_worker_t *worker, peer_encoded_frame_t *frame, const codec_arrival_t *arrival); /* NULL: not known */
/* Sound of this length was lost and nothing is known of it: made up, where the codec can, else silence. */
void codec_worker_conceal(codec_worker_t *worker, int64_t timestamp_us, int64_t duration_us);
/* Sound of this length was lost just before `next`, which may carry it redundantly; `next` itself is to be decoded by a call of its own. */
void codec_worker_recover(codec_worker_t *worker, peer_encoded_frame_t *next, int64_t timestamp_us, int64_t duration_us);
/* Pictures were lost: until a key frame comes, nothing is decoded. The caller knows, so on_key_needed comes only if that takes long. A new
 * decoder of pictures awaits one too. */
void codec_worker_await_key(codec_worker_t *worker);

void codec_worker_get_stats(codec_worker_t *worker, codec_worker_stats_t *stats);
/* The counters go on from these: those of a worker before it, or zero for another stream. */
void codec_worker_count_from(codec_worker_t *worker, const codec_worker_stats_t *stats);

#endif
