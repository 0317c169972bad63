/* Congestion control's arithmetic on timestamps. So far the receiving side of transport-wide feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01): which packets of a transport arrived, and when, until the sender has been told. */
#ifndef CC_CC_H
#define CC_CC_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CC_ARRIVALS_WINDOW 1024 /* numbers remembered; a power of two */

typedef struct cc_arrivals {
    peer_time_t *times; /* by number; PEER_TIME_NEVER: did not arrive. Allocated with the first packet */
    int64_t first;      /* the first not told yet */
    int64_t highest;
    bool is_started;
} cc_arrivals_t;

typedef struct cc_arrival {
    uint16_t sequence_number;
    bool is_received;
    peer_time_t time;
} cc_arrival_t;

/* Notes a packet; duplicates and what is older than the window are ignored. */
void cc_arrivals_add(cc_arrivals_t *arrivals, peer_time_t now, uint16_t sequence_number);
size_t cc_arrivals_pending(const cc_arrivals_t *arrivals); /* numbers to tell of, missing ones included */
/* Takes consecutive numbers, at most `capacity`; the last one was received unless that cut it off. */
size_t cc_arrivals_take(cc_arrivals_t *arrivals, cc_arrival_t *out, size_t capacity);
void cc_arrivals_free(cc_arrivals_t *arrivals);

#endif
