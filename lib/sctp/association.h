/* One SCTP association (RFC 9260) over DTLS (RFC 8261): packets in and out, messages, streams, resets, without clock, socket, thread or
 * lock. What a message means (DCEP, data channels) is the business of the layer above.
 *
 * Any number of inputs and calls may come before the output is polled: sctp_association_output() until NULL, sctp_association_receive()
 * until false, then the deadline counts. */
#ifndef SCTP_ASSOCIATION_H
#define SCTP_ASSOCIATION_H

#include "base/blob.h"
#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"
#include "sctp/sctp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sctp_association sctp_association_t;

#define SCTP_INIT_MAX 256 /* bytes of an INIT chunk of ours */

typedef struct sctp_association_config {
    packet_pool_t *pool;
    random_source_t random;
    uint16_t local_port;
    sctp_path_t path;
    size_t max_message_size;                        /* received; 0: no limit */
    size_t receive_window;                          /* bytes held for the remote side at most; 0: SCTP_RECEIVE_WINDOW */
    uint16_t max_streams;                           /* each direction; what is not used costs nothing */
    bool is_interleaving_off, is_zero_checksum_off; /* not offered (RFC 8260, RFC 9653) */
    uint32_t connection;
    /* `bytes` of the stream's messages are no longer waiting: they have left for the first time, or were given up. Called from within calls
     * of the association's; it may only note the fact. */
    void (*on_taken)(void *context, uint16_t stream, size_t bytes);
    void *context;
    const struct sctp_association *like; /* whose INIT chunk is its own: our descriptions name it. NULL: a new one */
} sctp_association_config_t;

#define SCTP_RECEIVE_WINDOW (32u << 20) /* a gigabit at 250 ms */

typedef enum sctp_reliability { SCTP_RELIABLE, SCTP_LIMITED_RETRANSMITS, SCTP_LIMITED_LIFE_TIME } sctp_reliability_t;

typedef struct sctp_message_info {
    uint16_t stream;
    uint32_t payload_protocol;
    bool is_unordered;
    sctp_reliability_t reliability;
    uint16_t limit; /* retransmissions, or milliseconds */
} sctp_message_info_t;

typedef enum sctp_association_event_type {
    SCTP_ASSOCIATION_UP,      /* stream_count streams each way; messages may be sent. May come while the remote side's last word of the
                                 handshake is still under way: the first messages travel with ours */
    SCTP_ASSOCIATION_MESSAGE, /* stream, payload_protocol, message: whole; the reference is the taker's. It counts against the window until
                                 sctp_association_consumed() */
    SCTP_ASSOCIATION_PART,    /* the same for the next part of a long message (sctp_association_set_streaming()); is_first, is_last */
    SCTP_ASSOCIATION_PART_LOST,      /* stream: the sender gave up the message of which parts were told; no more of it comes */
    SCTP_ASSOCIATION_TOO_LARGE,      /* stream: a message beyond max_message_size; its bytes are dropped */
    SCTP_ASSOCIATION_INCOMING_RESET, /* streams, stream_count (0: all): the remote side has reset its direction */
    SCTP_ASSOCIATION_OUTGOING_RESET, /* the same for our direction */
    SCTP_ASSOCIATION_RESET_REFUSED,  /* our direction could not be reset */
    SCTP_ASSOCIATION_LOST            /* is_orderly, cause_code, text; the last event */
} sctp_association_event_type_t;

typedef struct sctp_association_event {
    sctp_association_event_type_t type;
    uint16_t stream;
    uint32_t payload_protocol;
    blob_t *message;
    bool is_first, is_last;
    const uint16_t *streams; /* valid until the next call */
    size_t stream_count;
    bool is_orderly;
    uint16_t cause_code;
    const char *text; /* valid until the association is freed */
} sctp_association_event_t;

sctp_association_t *sctp_association_new(const sctp_association_config_t *config); /* NULL: no memory */
void sctp_association_free(sctp_association_t *association);

/* Sends INIT; the remote side does the same, or answers it. */
int sctp_association_connect(sctp_association_t *association, peer_time_t now, uint16_t remote_port);
/* The INIT chunk that sctp_association_connect() would send: for a description (draft-hancke-tsvwg-snap, a=sctp-init). Bytes written, 0
 * when there is no room. Stays the same until the association is over. */
size_t sctp_association_local_init(sctp_association_t *association, uint8_t *bytes, size_t capacity);
/* Both sides have the other's INIT chunk: the association is up at once, nothing is exchanged. PEER_ERROR_SYNTAX when the chunk is no good;
 * nothing changed then. */
int sctp_association_connect_with(sctp_association_t *association, peer_time_t now, uint16_t remote_port, const uint8_t *init,
                                  size_t length);
/* ABORT (User-Initiated), to be polled by sctp_association_output(). No event follows. */
void sctp_association_end(sctp_association_t *association, peer_time_t now);
/* Another path, or other bounds of it: the search for its MTU begins at base_mtu. is_new: also congestion control and round trip do. */
void sctp_association_set_path(sctp_association_t *association, peer_time_t now, const sctp_path_t *path, bool is_new);

/* One packet from the network: not authenticated by more than its checksum, or DTLS. Its bytes are only read, during the call. */
void sctp_association_input(sctp_association_t *association, peer_time_t now, const uint8_t *data, size_t length);
void sctp_association_timeout(sctp_association_t *association, peer_time_t now);
peer_time_t sctp_association_deadline(const sctp_association_t *association); /* may have passed: PEER_TIME_NEVER when nothing is due */
packet_t *sctp_association_output(sctp_association_t *association, peer_time_t now); /* NULL: none now */
bool sctp_association_receive(sctp_association_t *association, sctp_association_event_t *event);

/* Queues one whole message, in any state before the association is lost; takes the reference when it returns 0. PEER_ERROR_INVALID_STATE,
 * PEER_ERROR_NO_MEMORY. The caller bounds what waits: sctp_association_queued(). */
int sctp_association_send(sctp_association_t *association, peer_time_t now, const sctp_message_info_t *info, blob_t *message);
size_t sctp_association_queued(const sctp_association_t *association, uint16_t stream); /* bytes that have not left for the first time */
/* What still waits on the stream is given up (reported by on_taken). */
void sctp_association_discard(sctp_association_t *association, peer_time_t now, uint16_t stream);
/* RFC 8831 §6.4: the stream's share when several wait. False: no memory. */
bool sctp_association_set_priority(sctp_association_t *association, uint16_t stream, uint16_t priority);
/* Messages longer than `threshold` bytes are told in parts; 0: whole. False: no memory. */
bool sctp_association_set_streaming(sctp_association_t *association, uint16_t stream, size_t threshold);
/* The taker of messages is done with so many of their bytes. */
void sctp_association_consumed(sctp_association_t *association, peer_time_t now, size_t bytes);
/* Resets our direction of a stream once all of it that was sent is acknowledged (RFC 6525). Several are reset together. False when the
 * remote side cannot do that. */
bool sctp_association_reset_stream(sctp_association_t *association, peer_time_t now, uint16_t stream);

typedef struct sctp_association_stats {
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    uint64_t chunks_sent, chunks_retransmitted, timeouts, messages_abandoned;
    uint64_t congestion_window, in_flight, pacing_rate;
    uint32_t rtt_us, least_rtt_us, receiver_window, mtu, unacked_chunks;
    uint32_t black_holes; /* times that the path's MTU fell back */
    uint64_t held;        /* bytes held for the remote side */
    bool is_interleaved, is_checksum_zero;
} sctp_association_stats_t;
void sctp_association_stats_get(const sctp_association_t *association, sctp_association_stats_t *stats);

#endif
