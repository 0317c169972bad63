/* The sending half of an association: messages of all streams, the order in which they leave, fragments, what is in flight, what is lost
 * and sent again, what is given up. It writes DATA, I-DATA, FORWARD-TSN and I-FORWARD-TSN chunks into packets that the association makes.
 *
 * A message is one blob, shared by all its fragments until the last is acknowledged: one copy, into the packet. */
#ifndef SCTP_SENDER_H
#define SCTP_SENDER_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/time.h"
#include "sctp/association.h"
#include "sctp/chunk.h"
#include "sctp/congestion.h"

typedef struct sctp_sender sctp_sender_t;

typedef struct sctp_sender_config {
    uint32_t initial_tsn;
    size_t mtu; /* largest packet, common header included */
    /* Fragments of a stream's messages have left for the first time, or its messages were given up: `bytes` less are waiting. */
    void (*on_taken)(void *context, uint16_t stream, size_t bytes);
    void *context;
} sctp_sender_config_t;

sctp_sender_t *sctp_sender_new(const sctp_sender_config_t *config);
void sctp_sender_free(sctp_sender_t *sender);

/* What the remote side's INIT or INIT ACK says. Before that messages may be queued, but none leaves. */
void sctp_sender_start(sctp_sender_t *sender, peer_time_t now, uint32_t remote_window, bool is_interleaved, bool has_forward_tsn);
/* Packets may have this size from now on; fragments that were cut for larger ones stay as they are. */
void sctp_sender_set_mtu(sctp_sender_t *sender, size_t mtu);
/* Another path: congestion control and round trip start anew; all that is in flight is taken for lost if it is not acknowledged soon. */
void sctp_sender_on_new_path(sctp_sender_t *sender, peer_time_t now);

/* Queues one whole message; takes the reference. 0 or PEER_ERROR_NO_MEMORY (then the reference was not taken). */
int sctp_sender_queue(sctp_sender_t *sender, peer_time_t now, const sctp_message_info_t *info, blob_t *message);
size_t sctp_sender_queued(const sctp_sender_t *sender, uint16_t stream); /* bytes of a stream that have not left for the first time */
size_t sctp_sender_total_queued(const sctp_sender_t *sender);
size_t sctp_sender_in_flight(const sctp_sender_t *sender);
/* Share of the stream in what leaves while several wait (RFC 8831 §6.4, RFC 8260 §3.6 weighted fair queueing); 1 … 65535, 256 at first. */
bool sctp_sender_set_weight(sctp_sender_t *sender, uint16_t stream, uint16_t weight); /* false: no memory */
/* Gives up what the stream has waiting; a message of which a part has left is abandoned (RFC 3758) if the remote side knows that, or else
 * finished. */
void sctp_sender_discard(sctp_sender_t *sender, peer_time_t now, uint16_t stream);
bool sctp_sender_is_drained(const sctp_sender_t *sender, uint16_t stream); /* nothing waits, and nothing is in flight */
/* The stream was reset (RFC 6525 §5.2.2): its sequence numbers begin again at 0. It is drained. */
void sctp_sender_reset_stream(sctp_sender_t *sender, uint16_t stream);
uint32_t sctp_sender_next_tsn(const sctp_sender_t *sender);

/* True when sctp_sender_write() would write something now: window, pacing and the remote window permit it. */
bool sctp_sender_can_write(const sctp_sender_t *sender, peer_time_t now);
/* Writes what may leave now and fits: first FORWARD-TSN if due, then what is sent again, then new fragments. packet_size: of the whole
 * packet so far (for congestion control). True when a chunk was written: not when all that was due has expired
 * meanwhile, or what is due then needs more room. *may_fragment is set when a fragment was cut for a larger path
 * than the present one and alone exceeds it: such a chunk is written alone into an empty packet, whose writer then has room for it
 * (sctp_sender_needed_room()). */
bool sctp_sender_write(sctp_sender_t *sender, peer_time_t now, writer_t *writer, bool *may_fragment);
/* Room a packet's body needs for the next chunk when that is larger than the mtu allows; 0: the mtu's is enough. */
size_t sctp_sender_needed_room(const sctp_sender_t *sender);
/* The packet with what was written since the last call leaves now, `size` bytes in all: counts for window, pacing, timers. */
void sctp_sender_on_packet(sctp_sender_t *sender, peer_time_t now, size_t size);

/* False: the SACK acknowledges what was never sent (a protocol violation). `*lost` and `*acknowledged` get the largest packets of which
 * loss, or arrival, became known now (0: none), for path MTU discovery. */
bool sctp_sender_on_sack(sctp_sender_t *sender, peer_time_t now, const sctp_sack_t *sack, size_t *acknowledged, size_t *lost);
/* The retransmission timer (RFC 9260 §6.3, its minimum for real paths), loss probe and reordering timer (RFC 8985 §6–7), pacing, life times
 * (RFC 3758). *lost as above. */
void sctp_sender_timeout(sctp_sender_t *sender, peer_time_t now, size_t *lost);
peer_time_t sctp_sender_deadline(const sctp_sender_t *sender, peer_time_t now);

/* Round trip measured by others (handshake, heartbeat): a first estimate. */
void sctp_sender_on_rtt(sctp_sender_t *sender, peer_time_t now, peer_time_t rtt);

typedef struct sctp_sender_stats {
    uint64_t messages_sent, messages_abandoned, chunks_sent, chunks_retransmitted, timeouts, spurious;
    uint64_t window; /* congestion window */
    uint32_t remote_window;
    uint64_t in_flight;
    uint32_t chunks_in_flight;
    peer_time_t rtt, least_rtt, rto;
    uint64_t pacing_rate; /* bytes a second; 0: not paced */
} sctp_sender_stats_t;
void sctp_sender_stats_get(const sctp_sender_t *sender, sctp_sender_stats_t *stats);

#endif
