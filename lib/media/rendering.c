#include "media/rendering.h"

#define PAUSE (5 * PEER_SECOND) /* webrtc-stats, pauseCount: longer than this */
#define FREEZE_EXTRA (150 * PEER_MILLISECOND)

/* webrtc-stats, freezeCount: at least max(3 × mean, mean + 150 ms). */
static int is_freeze(const media_rendering_t *rendering, peer_time_t duration)
{
    uint64_t count = rendering->duration_count < MEDIA_RENDERING_WINDOW ? rendering->duration_count : MEDIA_RENDERING_WINDOW;
    if (count == 0)
        return 0;
    double mean = (double)rendering->sum / (double)count;
    return (double)duration >= 3 * mean && (double)duration >= mean + FREEZE_EXTRA;
}

static void add_duration(media_rendering_t *rendering, peer_time_t duration)
{
    peer_time_t *slot = &rendering->durations[rendering->duration_count++ % MEDIA_RENDERING_WINDOW];
    rendering->sum += duration - *slot;
    *slot = duration;
}

void media_rendering_add(media_rendering_t *rendering, peer_time_t now)
{
    if (rendering->frames++ > 0) {
        peer_time_t duration = now - rendering->last;
        double seconds = (double)duration / (double)PEER_SECOND;
        rendering->total_inter_frame_delay += seconds;
        rendering->total_squared_inter_frame_delay += seconds * seconds;
        if (duration > PAUSE) {
            rendering->pause_count++;
            rendering->total_pauses_duration += seconds;
        }
        if (is_freeze(rendering, duration)) {
            rendering->freeze_count++;
            rendering->total_freezes_duration += seconds;
        }
        add_duration(rendering, duration);
    }
    rendering->last = now;
}
