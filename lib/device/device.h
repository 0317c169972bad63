/* Where media comes from: the test picture, the test sound and files. What peer_get_user_media() hands out is built on this header; what is
 * written to files, and the readers of the test media, are public (peer/media_file.h, peer/test_media.h).
 *
 * There are two layers. A producer makes units of media with their place in time and knows no clock and no thread: the simulator asks it
 * directly. A source runs a producer on a thread of its own in step with the monotonic clock, each unit at its absolute deadline. */
#ifndef DEVICE_H
#define DEVICE_H

#include <peer/frame.h>

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- producers ---- */

/* One unit: exactly one of the three frames is set, and it is the taker's to release. */
typedef struct media_unit {
    peer_video_frame_t *video;
    peer_audio_frame_t *audio;
    peer_encoded_frame_t *encoded;
    peer_time_t due_us; /* when the unit is complete: start of the source + this; grows without end through repeats */
} media_unit_t;

void media_unit_clear(media_unit_t *unit); /* releases what it holds */

typedef struct media_producer media_producer_t;

/* What every producer has; each kind puts its own state behind it. Used from one thread at a time. */
struct media_producer {
    /* Makes the next unit. Its frame's timestamp_us is `epoch` + its place in time. 1, 0 at the end, or a negative error. */
    int (*next)(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit);
    void (*free)(media_producer_t *producer);
    peer_media_kind_t kind;
    char encoded_mime_type[PEER_MIME_TYPE_SIZE]; /* when it gives encoded frames, else "" */
    uint32_t width, height;                      /* video, 0 until known */
    double framerate;                            /* video */
    uint32_t sample_rate, channels;              /* audio */
    char label[64];                              /* for MediaStreamTrack.label */
};

int media_producer_next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit);
void media_producer_free(media_producer_t *producer); /* NULL is allowed */

/* Zero in any member is its default. */
typedef struct test_picture_settings {
    uint32_t width;          /* 640; 64 to 7680, even */
    uint32_t height;         /* 480; 48 to 4320, even */
    double framerate;        /* 30; 1 to 120 */
    uint32_t first_number;   /* the first frame's number */
    int64_t clock_offset_us; /* added to timestamp_us to give the clock that is burnt in */
} test_picture_settings_t;

typedef struct test_sound_settings {
    uint32_t sample_rate;       /* 48000 */
    uint32_t channels;          /* 1; 1 or 2 */
    uint32_t frame_duration_ms; /* 20 */
} test_sound_settings_t;

typedef struct media_file_settings {
    bool is_looped;  /* begin again at the end, for ever */
    bool is_decoded; /* IVF: give pictures instead of encoded frames */
} media_file_settings_t;

/* 0 or PEER_ERROR_OVERCONSTRAINED (a value outside its range), PEER_ERROR_NO_MEMORY. */
int test_picture_new(const test_picture_settings_t *settings, media_producer_t **producer);
int test_sound_new(const test_sound_settings_t *settings, media_producer_t **producer);

/* Opens a Y4M, IVF or WAV file; its first bytes say which. 0 or PEER_ERROR_NOT_FOUND (no such file), PEER_ERROR_NOT_READABLE (it cannot be
 * read, or what it holds is malformed: the message says where), PEER_ERROR_NOT_SUPPORTED (a format or codec that is not known),
 * PEER_ERROR_NO_MEMORY. */
int media_file_open(const char *path, const media_file_settings_t *settings, media_producer_t **producer);

/* ---- sources ---- */

typedef struct media_source media_source_t;

/* Any member may be NULL. Frames are lent for the call. All come from the source's own thread, one at a time, with no lock held. */
typedef struct media_source_events {
    void (*on_video)(void *user, peer_video_frame_t *frame);
    void (*on_audio)(void *user, peer_audio_frame_t *frame);
    void (*on_encoded)(void *user, peer_encoded_frame_t *frame);
    void (*on_ended)(void *user, int error,
                     const char *message); /* 0: the file is at its end; else what went wrong. Not after stop or free */
    void (*on_released)(void *user);       /* the last: `user` is not used any more */
} media_source_events_t;

/* When a source is this late (the process was stopped, a callback took long), it moves its schedule instead of sending a burst. */
#define MEDIA_SOURCE_LATE_MAX_US (500 * PEER_MILLISECOND)

/* Takes the producer over (also frees it on failure). 0 or PEER_ERROR_NO_MEMORY. */
int media_source_new(media_producer_t *producer, const media_source_events_t *events, void *user, media_source_t **source);
const media_producer_t *media_source_producer(const media_source_t *source); /* kind, size, label: those that do not change */
/* The three may be called at any moment, from any thread, from inside a callback, and never wait. After stop, and after free, only a
 * callback that has already begun still finishes. A source that was stopped may start again: a test source goes on with the next frame, at
 * the new time. */
int media_source_start(media_source_t *source); /* 0 (also when it runs already), or PEER_ERROR_OPERATION: no thread could be made */
void media_source_stop(media_source_t *source);
void media_source_free(
    media_source_t *source); /* NULL is allowed; on_released comes when its thread has ended, or at once if there is none */
/* The monotonic clock that timestamps are on. */
peer_time_t media_clock_now(void);
/* What to add to the monotonic clock to get the time of day (Unix), so that a burnt-in clock can be read on another host or in a browser.
 */
int64_t media_clock_unix_offset_us(void);

#endif
