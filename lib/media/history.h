/* The packets a sender keeps for retransmission (RFC 4585 §6.2, RFC 4588), by sequence number, bounded by age, number and octets. They are
 * plain copies: what is sent is protected in place. */
#ifndef MEDIA_HISTORY_H
#define MEDIA_HISTORY_H

#include "base/packet.h"

#include <stdbool.h>

#define MEDIA_HISTORY_AGE_MAX (3 * PEER_SECOND)
#define MEDIA_HISTORY_PACKETS_MAX 4096
#define MEDIA_HISTORY_BYTES_MAX (4u << 20)

typedef struct media_history_entry {
    packet_t *packet;
    uint16_t sequence_number;
    peer_time_t sent;
    peer_time_t resent; /* 0: never */
} media_history_entry_t;

typedef struct media_history {
    media_history_entry_t *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t first;    /* the oldest; entries follow in the order sent */
    size_t count;
    size_t bytes;
} media_history_t;

/* Keeps a copy; without memory it keeps none. */
void media_history_add(media_history_t *history, packet_pool_t *pool, peer_time_t now, uint16_t sequence_number, const packet_t *packet);
/* NULL when it is not kept any more. */
media_history_entry_t *media_history_find(media_history_t *history, peer_time_t now, uint16_t sequence_number);
void media_history_clear(media_history_t *history);

#endif
