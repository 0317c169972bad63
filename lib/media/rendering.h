/* What W3C webrtc-stats tells of shown pictures: delays between them, freezes, pauses. Pure arithmetic on the times they were shown at. */
#ifndef MEDIA_RENDERING_H
#define MEDIA_RENDERING_H

#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

#define MEDIA_RENDERING_WINDOW 30 /* pictures whose mean duration makes the next one a freeze */

typedef struct media_rendering {
    uint64_t frames;
    double total_inter_frame_delay; /* seconds */
    double total_squared_inter_frame_delay;
    uint64_t pause_count;
    double total_pauses_duration;
    uint64_t freeze_count;
    double total_freezes_duration;
    peer_time_t last;                              /* when the last one was shown */
    peer_time_t durations[MEDIA_RENDERING_WINDOW]; /* of those before it */
    peer_time_t sum;                               /* of these */
    uint64_t duration_count;
} media_rendering_t;

void media_rendering_add(media_rendering_t *rendering, peer_time_t now); /* a picture was shown; times never go back */

#endif
