/* How long to hold media so that most of it comes in time. Transit is arrival minus media time; the least one of the last seconds is the
 * path without queues (and follows the two clocks' drift), and the delay to aim at is a quantile of what comes on top, forgetting slowly.
 */
#ifndef MEDIA_DELAY_H
#define MEDIA_DELAY_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_DELAY_BUCKET_US 5000
#define MEDIA_DELAY_BUCKETS 160 /* 800 ms is the most that jitter can make us wait */
#define MEDIA_DELAY_WINDOW_US (10 * PEER_SECOND)

typedef struct media_delay {
    bool is_started;
    peer_time_t base;            /* least transit, see media_delay_base() */
    peer_time_t window_least[2]; /* of this window and the one before */
    peer_time_t window_start;
    float counts[MEDIA_DELAY_BUCKETS];
    float weight; /* of the next sample: grows instead of all counts shrinking */
    float total;
    float growth;
    float quantile;
    peer_time_t target;
} media_delay_t;

/* `initial` is aimed at until enough is known; `memory` is how many samples are remembered. */
void media_delay_init(media_delay_t *delay, peer_time_t initial, float quantile, unsigned memory);
void media_delay_input(media_delay_t *delay, peer_time_t media_time, peer_time_t arrival);

static inline peer_time_t media_delay_base(const media_delay_t *delay)
{
    return delay->base;
}

static inline peer_time_t media_delay_target(const media_delay_t *delay)
{
    return delay->target;
}

#endif
