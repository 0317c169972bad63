/* A datagram in a pooled buffer, with room before its bytes for headers and behind them for an authentication tag. A pool belongs to one
 * loop (or one test) and is used under its lock only: counts are plain. Taking from a warm pool allocates nothing. */
#ifndef BASE_PACKET_H
#define BASE_PACKET_H

#include "base/address.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

#define PACKET_HEADROOM 128 /* before the first byte of a fresh packet */
#define PACKET_TAILROOM 160 /* always kept free behind `limit` for SRTP tags and DTLS expansion */
#define PACKET_SMALL 2048   /* bytes a small packet holds between headroom and tailroom */
#define PACKET_MEDIUM 16896 /* the same for a medium one: a DTLS record of full size, and what relays and streams put around it */
#define PACKET_LARGE 65536  /* the same for a large one */

typedef struct packet_pool packet_pool_t;

typedef struct packet {
    uint8_t *data;         /* first byte in use */
    size_t length;         /* bytes in use */
    uint8_t *storage;      /* on a border of 16 bytes, unless it is a slice: libsrtp wants 4 */
    size_t capacity;       /* bytes from storage's start to its end */
    peer_time_t time;      /* when it arrived, or when it is to be sent */
    path_t path;           /* where it came from, or goes to */
    struct packet *next;   /* for whoever owns it: queues, free list */
    struct packet *parent; /* a slice lies in this one's storage; NULL: it has its own */
    packet_pool_t *pool;
    uint32_t references;
    uint8_t size_class;   /* the pool's */
    uint8_t ecn;          /* the two ECN bits as received or to be set */
    uint8_t dscp;         /* the six bits before them, to be set (RFC 2474) */
    uint8_t may_fragment; /* to be sent even where the path carries it only in pieces: 1, else 0 */
} packet_t;

packet_pool_t *packet_pool_new(void);
/* Frees the pool when the last of its packets has come home. */
void packet_pool_release(packet_pool_t *pool);
size_t packet_pool_outstanding(const packet_pool_t *pool); /* packets taken and not given back */
/* Bytes of free packets that are kept for reuse. */
size_t packet_pool_kept(const packet_pool_t *pool);
/* Gives back to the system the packets that nobody has wanted since the last call, down to a few; to be called about every second while
 * much is kept. How many bytes went. */
size_t packet_pool_trim(packet_pool_t *pool);

/* An empty packet with at least `size` bytes of room (PACKET_LARGE at most), one reference; NULL when memory ran out or size is too large.
 */
packet_t *packet_new(packet_pool_t *pool, size_t size);
packet_t *packet_new_copy(packet_pool_t *pool, const void *data, size_t length);
/* A packet whose bytes are `length` of the parent's from `offset` on: nothing is copied, and there is no room before or behind them. Slices
 * of one parent do not overlap, so each may be changed in place. It keeps the parent, whose reference stays the caller's. NULL when memory
 * ran out. */
packet_t *packet_slice(packet_t *parent, size_t offset, size_t length);
/* For whoever keeps a packet for long: a slice would hold its whole parent. Gives a packet with storage of its own, copied if it was a
 * slice, the same one otherwise; NULL when memory ran out. The reference is taken in every case. */
packet_t *packet_detach(packet_t *packet);
packet_t *packet_ref(packet_t *packet);
void packet_unref(packet_t *packet); /* NULL is allowed */

size_t packet_headroom(const packet_t *packet);                        /* bytes free before data */
size_t packet_tailroom(const packet_t *packet);                        /* bytes free behind data + length, the reserve included */
bool packet_append(packet_t *packet, const void *data, size_t length); /* false and unchanged when it does not fit */

/* A first-in first-out list of packets through `next`. */
typedef struct packet_queue {
    packet_t *first;
    packet_t *last;
    size_t count;
    size_t bytes;
} packet_queue_t;

void packet_queue_push(packet_queue_t *queue, packet_t *packet); /* takes the reference */
packet_t *packet_queue_pop(packet_queue_t *queue);               /* gives it; NULL when empty */
void packet_queue_clear(packet_queue_t *queue);

#endif
