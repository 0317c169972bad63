/* One SCTP association behind a face that names nothing of the stack that implements it: streams, messages, resets. What a message means
 * (DCEP, data channels) is the business of the layer above. */
#ifndef SCTP_USRSCTP_ASSOCIATION_H
#define SCTP_USRSCTP_ASSOCIATION_H

#include "base/packet.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sctp_association sctp_association_t;

typedef struct sctp_association_config {
    packet_pool_t *pool;
    uint16_t local_port;
    size_t mtu;
    size_t max_message_size; /* received */
    uint16_t max_streams;    /* each direction */
    uint32_t connection;
    void (*wake)(void *context);
    void *wake_context;
} sctp_association_config_t;

typedef enum sctp_reliability { SCTP_RELIABLE, SCTP_LIMITED_RETRANSMITS, SCTP_LIMITED_LIFE_TIME } sctp_reliability_t;

typedef struct sctp_message_info {
    uint16_t stream;
    uint32_t payload_protocol;
    bool is_unordered;
    sctp_reliability_t reliability;
    uint16_t limit; /* retransmissions, or milliseconds */
} sctp_message_info_t;

typedef enum sctp_association_event_type {
    SCTP_ASSOCIATION_UP,             /* stream_count streams each way */
    SCTP_ASSOCIATION_MESSAGE,        /* stream, payload_protocol, data, length: whole; valid until the next call */
    SCTP_ASSOCIATION_TOO_LARGE,      /* stream: a message beyond max_message_size; its bytes are dropped */
    SCTP_ASSOCIATION_INCOMING_RESET, /* streams, stream_count (0: all): the remote side has reset its direction */
    SCTP_ASSOCIATION_OUTGOING_RESET, /* the same for our direction */
    SCTP_ASSOCIATION_RESET_REFUSED,  /* our direction could not be reset */
    SCTP_ASSOCIATION_LOST            /* is_orderly, cause_code, message; the last event */
} sctp_association_event_type_t;

#define SCTP_MAX_RESET_STREAMS 1024 /* in one event */

typedef struct sctp_association_event {
    sctp_association_event_type_t type;
    uint16_t stream;
    uint32_t payload_protocol;
    const uint8_t *data;
    size_t length;
    const uint16_t *streams;
    size_t stream_count;
    bool is_orderly;
    uint16_t cause_code;
    const char *message;
} sctp_association_event_t;

typedef struct sctp_association_stats {
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    uint32_t rtt_us, congestion_window, receiver_window, mtu, unacked_chunks;
} sctp_association_stats_t;

sctp_association_t *sctp_association_new(const sctp_association_config_t *config);
void sctp_association_free(sctp_association_t *association);

/* Sends INIT; the remote side does the same. An error code when the stack refuses. */
int sctp_association_connect(sctp_association_t *association, peer_time_t now, uint16_t remote_port);
/* ABORT, to be polled by sctp_association_output(). No event follows. */
void sctp_association_end(sctp_association_t *association);
void sctp_association_set_mtu(sctp_association_t *association, size_t mtu);

/* One packet from the network; its checksum is verified here. The bytes are only read during the call (the checksum field is cleared). */
void sctp_association_input(sctp_association_t *association, peer_time_t now, uint8_t *data, size_t length);
void sctp_association_timeout(sctp_association_t *association, peer_time_t now);
peer_time_t sctp_association_deadline(const sctp_association_t *association);
packet_t *sctp_association_output(sctp_association_t *association); /* NULL: none now */
bool sctp_association_receive(sctp_association_t *association, sctp_association_event_t *event);

/* Takes up to `length` bytes of a message into the stack's buffer and returns how many, 0 when it is full, or a negative error when the
 * association is gone. The rest has to follow before any other message is begun: `length` bytes always reach to the message's end. */
int64_t sctp_association_send(sctp_association_t *association, peer_time_t now, const sctp_message_info_t *info, const void *data,
                              size_t length);
/* Resets our direction of a stream once all of it that was sent is acknowledged (RFC 6525). False when that is impossible. */
bool sctp_association_reset_stream(sctp_association_t *association, peer_time_t now, uint16_t stream);

void sctp_association_stats_get(sctp_association_t *association, sctp_association_stats_t *stats);

#endif
