/* Time as the protocol core sees it: an argument. Microseconds on a monotonic clock of the caller's choice (base never reads one). */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef int64_t peer_time_t;

#define PEER_TIME_NEVER INT64_MAX
#define PEER_MILLISECOND ((peer_time_t)1000)
#define PEER_SECOND ((peer_time_t)1000000)

static inline peer_time_t time_earlier(peer_time_t a, peer_time_t b)
{
    return a < b ? a : b;
}

#endif
