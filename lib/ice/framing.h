/* Packets in a stream of bytes, as TCP carries them: with two octets of length before each (RFC 4571, as ICE uses it: RFC 6544 §3), or STUN
 * messages and ChannelData, which tell their own length (RFC 8489 §6.2.2, RFC 8656 §12.5). Bytes may come in any pieces. Whoever owns the
 * stream ends it when it is broken: there is no way to find the next packet then. */
#ifndef ICE_FRAMING_H
#define ICE_FRAMING_H

#include "base/link.h"
#include "base/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_HEAD_MAX 8

typedef struct framing {
    link_framing_t kind;
    packet_pool_t *pool;
    uint8_t head[FRAMING_HEAD_MAX]; /* until the packet's length is known */
    size_t head_length;
    packet_t *packet;  /* being filled; NULL with `left`: memory ran out, its bytes are skipped */
    size_t left;       /* bytes of it that are still to come */
    size_t padding;    /* so many of them are not the packet's */
    bool has_length;   /* the head is over */
    const char *error; /* why the stream is broken: a sentence; NULL: it is not */
} framing_t;

void framing_init(framing_t *framing, link_framing_t kind, packet_pool_t *pool);
void framing_clear(framing_t *framing);
/* The next packet that the bytes complete, its path and time not set; the reference is the caller's. `data` and `length` move past what was
 * used. NULL: all was used, or the stream is broken (framing->error). */
packet_t *framing_read(framing_t *framing, const uint8_t **data, size_t *length);
/* Makes a packet, of which the caller holds the only reference, what it is on the stream. False when it cannot be sent so. */
bool framing_write(link_framing_t kind, packet_t *packet);

#endif
