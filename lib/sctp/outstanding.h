/* Chunks that have a TSN and are not acknowledged cumulatively: a ring by TSN. Those in flight are also listed in the order in which they
 * left last, so that loss is found at the cost of what is lost (RFC 8985 §6.2); those to be sent again have a bit each. What follows from
 * all that is the sender's affair. */
#ifndef SCTP_OUTSTANDING_H
#define SCTP_OUTSTANDING_H

#include "base/time.h"
#include "sctp/send_queue.h"

/* A gap block tells of 2^16 TSNs at most; what is beyond could not be acknowledged. */
#define OUTSTANDING_MAX 65000u

typedef enum outstanding_state {
    OUTSTANDING_FLYING,
    OUTSTANDING_ARRIVED, /* in a gap block: the receiver may still take it back */
    OUTSTANDING_UNKNOWN, /* not in flight any more, but reports have no room to tell whether it arrived */
    OUTSTANDING_LOST,    /* to be sent again */
    OUTSTANDING_ABANDONED
} outstanding_state_t;

#define OUTSTANDING_UNTIMED 0x01   /* says nothing about the round trip */
#define OUTSTANDING_TIMED_OUT 0x02 /* taken for lost by the retransmission timer, and not sent since */
#define OUTSTANDING_PROBE 0x04     /* sent last as a probe */

typedef struct outstanding_chunk {
    send_message_t *message;
    peer_time_t sent_at; /* last */
    size_t offset;       /* of its payload in the message */
    uint32_t tsn;
    uint32_t fragment;      /* FSN */
    uint32_t packet;        /* number of the packet that it left in last */
    uint32_t older, newer;  /* TSNs: neighbours in the list of what is in flight */
    uint32_t next_fragment; /* TSN of the message's next one, if it is not the last */
    uint16_t length;        /* of its payload; 0: only a TSN, the end of an abandoned message */
    uint16_t bytes;         /* that it counts for, the packet's header with the first chunk */
    uint16_t packet_size;
    uint16_t transmissions;
    uint8_t state;
    uint8_t flags;
} outstanding_chunk_t;

typedef struct outstanding_run {
    uint32_t first, last;
} outstanding_run_t;

typedef struct outstanding {
    outstanding_chunk_t *chunks;
    uint64_t *lost_bits;
    uint32_t capacity; /* a power of two, 64 at least */
    uint32_t base;     /* first TSN that is not acknowledged cumulatively */
    uint32_t next;     /* first that has not been given away */
    uint32_t oldest, newest;
    uint32_t flying;
    uint32_t lost;
    uint32_t unknown;
    uint32_t lost_hint; /* nothing before it is lost */
    uint64_t in_flight; /* bytes of packets */
    uint64_t payload;   /* of what is in flight */
    /* What gap blocks told, in ascending order. */
    outstanding_run_t *runs, *next_runs;
    size_t run_count, run_capacity, next_run_capacity;
} outstanding_t;

bool outstanding_init(outstanding_t *ring, uint32_t initial_tsn); /* false: no memory */
void outstanding_clear(outstanding_t *ring);                      /* the chunks' messages are the caller's affair */
bool outstanding_reserve(outstanding_t *ring);                    /* room for one more; false: full, or no memory */
/* The next TSN, for a fragment of the message. There is room. It is in no list. */
outstanding_chunk_t *outstanding_add(outstanding_t *ring, send_message_t *message);
/* The first one is acknowledged: it goes. The caller has taken it out of its list. */
void outstanding_remove_first(outstanding_t *ring);
/* Leaves now, for the first time or again: in flight, from whatever state. */
void outstanding_fly(outstanding_t *ring, outstanding_chunk_t *chunk, peer_time_t now, uint32_t packet, size_t bytes);
/* Into another state than FLYING. */
void outstanding_move(outstanding_t *ring, outstanding_chunk_t *chunk, outstanding_state_t state);
void outstanding_lose_unknown(outstanding_t *ring); /* all of them */
/* Lost, and yet in flight: before all others. */
void outstanding_restore(outstanding_t *ring, outstanding_chunk_t *chunk);
const outstanding_chunk_t *outstanding_next_lost(const outstanding_t *ring); /* the lowest TSN; NULL: none is lost */

static inline outstanding_chunk_t *outstanding_get(const outstanding_t *ring, uint32_t tsn)
{
    return &ring->chunks[tsn & (ring->capacity - 1)];
}

static inline uint32_t outstanding_count(const outstanding_t *ring)
{
    return ring->next - ring->base;
}

#endif
