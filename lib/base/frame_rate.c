#include "base/frame_rate.h"

void frame_rate_add(frame_rate_t *rate, peer_time_t now)
{
    rate->times[rate->count++ % FRAME_RATE_KEPT] = now;
}

double frame_rate_at(const frame_rate_t *rate, peer_time_t now)
{
    uint64_t kept = rate->count < FRAME_RATE_KEPT ? rate->count : FRAME_RATE_KEPT, recent = 0;
    while (recent < kept && rate->times[(rate->count - 1 - recent) % FRAME_RATE_KEPT] > now - PEER_SECOND)
        recent++;
    if (recent < FRAME_RATE_KEPT)
        return (double)recent;
    peer_time_t newest = rate->times[(rate->count - 1) % FRAME_RATE_KEPT], oldest = rate->times[rate->count % FRAME_RATE_KEPT];
    return newest > oldest ? (double)(FRAME_RATE_KEPT - 1) * (double)PEER_SECOND / (double)(newest - oldest) : (double)recent;
}
