/* The list of packets a receiver misses, and when to ask for each again (RFC 4585 §6.2.1). Bounded in length, tries and age; what is given
 * up is told once. */
#ifndef MEDIA_NACK_H
#define MEDIA_NACK_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_NACK_MAX 1024 /* packets missed at once */
#define MEDIA_NACK_TRIES_MAX 10
#define MEDIA_NACK_AGE_MAX (3000 * PEER_MILLISECOND)
#define MEDIA_NACK_BATCH 128 /* asked for in one message; the rest at once after it */

typedef struct media_nack_entry {
    int64_t sequence;
    peer_time_t since;
    peer_time_t sent;
    unsigned tries;
} media_nack_entry_t;

typedef struct media_nack {
    media_nack_entry_t *entries; /* rising */
    size_t count;
    size_t capacity;
    peer_time_t deadline;      /* PEER_TIME_NEVER when empty; may be early, never late */
    peer_time_t reorder_delay; /* how long a gap may be mere reordering */
    bool has_given_up;         /* set when an entry was dropped unanswered; the owner clears it */
} media_nack_t;

void media_nack_init(media_nack_t *nack);
void media_nack_clear(media_nack_t *nack);
void media_nack_free(media_nack_t *nack);
/* `first` … `last` were passed over. */
void media_nack_missing(media_nack_t *nack, peer_time_t now, int64_t first, int64_t last);
/* A late packet came. True when it had been asked for. */
bool media_nack_received(media_nack_t *nack, peer_time_t now, int64_t sequence);
/* Is it missed? */
bool media_nack_has(const media_nack_t *nack, int64_t sequence);
/* What lies before `sequence` is no longer wanted. */
void media_nack_forget_before(media_nack_t *nack, int64_t sequence);
/* The numbers to ask for now, at most MEDIA_NACK_BATCH. */
size_t media_nack_due(media_nack_t *nack, peer_time_t now, peer_time_t rtt, uint16_t numbers[MEDIA_NACK_BATCH]);

#endif
