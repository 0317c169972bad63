/* What a receiver counts of one SSRC for its reports: extended sequence numbers, losses and jitter, by the algorithms of RFC 3550 A.1, A.3
 * and A.8. */
#ifndef MEDIA_RECEPTION_H
#define MEDIA_RECEPTION_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_DROPOUT_MAX 3000  /* RFC 3550 A.1: a jump ahead that is still taken as loss */
#define MEDIA_MISORDER_MAX 3000 /* how far behind a packet may come; wider than the RFC's 100 because retransmissions come late */

typedef enum media_arrival {
    MEDIA_ARRIVAL_IN_ORDER,  /* the highest yet, with or without a gap */
    MEDIA_ARRIVAL_LATE,      /* reordered, retransmitted or duplicate */
    MEDIA_ARRIVAL_RESTARTED, /* the sender began a new sequence: all older state is void */
    MEDIA_ARRIVAL_IGNORED    /* a jump not yet confirmed by the next packet */
} media_arrival_t;

typedef struct media_reception {
    bool is_started;
    bool has_transit;
    uint16_t bad_sequence; /* valid when has_bad_sequence */
    bool has_bad_sequence;
    int64_t base; /* extended numbers */
    int64_t highest;
    uint64_t received;
    uint64_t expected_prior;
    uint64_t received_prior;
    uint32_t transit;
    double jitter; /* timestamp units */
} media_reception_t;

/* Takes a packet's number; `extended` gets it unwrapped. */
media_arrival_t media_reception_input(media_reception_t *reception, uint16_t sequence_number, int64_t *extended);
/* Takes its timing; only for packets that arrive for the first time. */
void media_reception_time(media_reception_t *reception, uint32_t timestamp, peer_time_t now, uint32_t clock_rate);
/* The extended number of one that is not counted (RTX). */
int64_t media_reception_extend(const media_reception_t *reception, uint16_t sequence_number);
int64_t media_reception_lost(const media_reception_t *reception); /* may be negative */
/* The fraction lost since the last call, of 256 (RFC 3550 A.3). */
uint8_t media_reception_fraction(media_reception_t *reception);

#endif
