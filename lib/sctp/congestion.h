/* How much may be in flight, and how fast it leaves: congestion control of one path. Pure arithmetic on times and byte counts, so that a
 * sender is fair to TCP and as fast: CUBIC (RFC 9438) with HyStart++ (RFC 9406), proportional rate reduction (RFC 6937), appropriate byte
 * counting, undo of what was wrongly taken for loss, pacing. Bytes are those of SCTP packets. */
#ifndef SCTP_CONGESTION_H
#define SCTP_CONGESTION_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a reduction overwrites, for congestion_undo(). */
typedef struct congestion_past {
    uint64_t window; /* 0: nothing to undo */
    uint64_t threshold;
    double last_maximum, origin, k, reno_window;
    peer_time_t epoch;
} congestion_past_t;

/* The fields are the module's own; the struct is public so that it needs no allocation. */
typedef struct congestion {
    uint64_t window;    /* bytes */
    uint64_t threshold; /* slow start's end; UINT64_MAX: not known yet */
    size_t mtu;
    peer_time_t smoothed_rtt; /* 0: not measured */
    peer_time_t rtt_variation;
    peer_time_t latest_rtt;
    peer_time_t least_rtt;      /* over the last 5 to 10 s; 0: not measured */
    peer_time_t path_least_rtt; /* ever on this path */
    peer_time_t recent_least_rtt[2];
    peer_time_t least_rtt_since; /* when the first of these two began */
    uint64_t delivered;          /* all acknowledged bytes */
    peer_time_t last_acknowledged;
    peer_time_t last_sent;

    /* Rounds: a round trip, told by what was in flight at its start. */
    uint64_t round_end;     /* `delivered` at which it is over */
    uint64_t round_peak[2]; /* most in flight in this round and the last one */

    /* CUBIC, in segments */
    double last_maximum; /* W_max; 0: no loss yet */
    double origin;       /* the curve's plateau */
    double k;            /* seconds from the epoch to the plateau */
    double reno_window;  /* W_est */
    peer_time_t epoch;   /* when congestion avoidance began; 0: not yet */
    double growth;       /* fraction of bytes not yet added to the window */

    /* Signs of a queue, and the end of slow start */
    peer_time_t round_least_rtt;
    unsigned round_samples;
    bool had_queue;       /* all through the last round */
    unsigned forgiven;    /* losses before any queue was seen */
    unsigned free_rounds; /* in a row without one, since slow start ended before any loss */
    peer_time_t train_start;
    uint64_t train_bytes; /* acknowledged since, all with a queue's delay */
    unsigned train_samples;

    bool is_recovering;
    bool is_timed_out;           /* since the last timeout nothing was acknowledged */
    uint64_t recovery_window;    /* before the reduction: PRR's RecoverFS */
    uint64_t recovery_delivered; /* PRR */
    uint64_t recovery_sent;
    uint64_t recovery_extra;     /* what the slow start reduction bound adds */
    uint64_t expected_in_flight; /* if nothing was lost since the last call */
    congestion_past_t past;

    /* pacing */
    int64_t paid_until_ns;    /* when what has left would have left one by one at the rate */
    peer_time_t next_release; /* end of the pause after a burst */
    bool is_application_limited;
} congestion_t;

void congestion_init(congestion_t *congestion, size_t mtu);
/* The path's packet size changed; the window stays, in bytes, but is at least what the module's rules ask for. */
void congestion_set_mtu(congestion_t *congestion, size_t mtu);
/* A new path: everything measured is forgotten. */
void congestion_reset(congestion_t *congestion);

/* A packet of `bytes` leaves; `in_flight` without it. `is_limited_by_application`: nothing more is waiting to be sent behind it. */
void congestion_on_sent(congestion_t *congestion, peer_time_t now, size_t bytes, uint64_t in_flight, bool is_limited_by_application);
/* `bytes` newly acknowledged; in_flight: before this acknowledgement. rtt: of a packet sent once and acknowledged now; 0: none. */
void congestion_on_acknowledged(congestion_t *congestion, peer_time_t now, uint64_t bytes, uint64_t in_flight, peer_time_t rtt);
/* Loss of packets sent after the last reduction, in_flight without them: recovery begins (one reduction a round trip, RFC 9438 §4.6). */
void congestion_on_loss(congestion_t *congestion, peer_time_t now, uint64_t in_flight);
/* All that was in flight when recovery began is acknowledged or given up. */
void congestion_on_recovered(congestion_t *congestion, peer_time_t now);
/* The retransmission timer fired for real (RFC 9260 §6.3.3 E1). */
void congestion_on_timeout(congestion_t *congestion, peer_time_t now, uint64_t in_flight);
/* What was taken for lost had only been late (duplicate reports say so): the last reduction is undone. */
void congestion_undo(congestion_t *congestion);
/* Nothing was sent for a while (RFC 9260 §7.2.1, RFC 7661 in spirit: the path is not what it was). Called before sending again. */
void congestion_on_idle(congestion_t *congestion, peer_time_t now, peer_time_t idle);

/* How many bytes may leave now, by window (and PRR while recovering). */
uint64_t congestion_room(const congestion_t *congestion, uint64_t in_flight);
/* When the next packet may leave by pacing: `now` or earlier means at once. A burst of some packets, or a millisecond's worth, may leave
 * together; a path of next to no delay is not paced. */
peer_time_t congestion_release_time(const congestion_t *congestion, peer_time_t now);
uint64_t congestion_rate(const congestion_t *congestion); /* bytes a second, of pacing; 0: not paced */

#endif
