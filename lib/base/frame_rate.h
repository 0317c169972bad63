/* How many frames there were during the last second: for W3C webrtc-stats' framesPerSecond. */
#ifndef BASE_FRAME_RATE_H
#define BASE_FRAME_RATE_H

#include "base/time.h"

#include <stdint.h>

#define FRAME_RATE_KEPT 64 /* exact up to so many a second; beyond that their distances tell */

typedef struct frame_rate {
    peer_time_t times[FRAME_RATE_KEPT];
    uint64_t count;
} frame_rate_t;

void frame_rate_add(frame_rate_t *rate, peer_time_t now); /* a frame; times never go back */
double frame_rate_at(const frame_rate_t *rate, peer_time_t now);

#endif
