/* The receiving half of an association: which TSNs came, what to acknowledge and when, messages put together from their fragments and
 * handed out in order, or as they come. What is held for the remote side is bounded by the window that is announced to it: chunks beyond it
 * are dropped unacknowledged. */
#ifndef SCTP_RECEIVER_H
#define SCTP_RECEIVER_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/time.h"
#include "sctp/association.h"
#include "sctp/chunk.h"

typedef struct sctp_receiver sctp_receiver_t;

typedef struct sctp_receiver_config {
    size_t window;           /* bytes held at most, whatever their state: fragments, whole messages, messages that the application has not
                                finished with (sctp_receiver_on_consumed()) */
    size_t max_message_size; /* 0: no limit */
    uint16_t max_streams;
    uint32_t connection;
} sctp_receiver_config_t;

sctp_receiver_t *sctp_receiver_new(const sctp_receiver_config_t *config);
void sctp_receiver_free(sctp_receiver_t *receiver);
/* Begins, or begins again when the remote side turns out to count from elsewhere: what is not complete goes. */
void sctp_receiver_start(sctp_receiver_t *receiver, uint32_t initial_tsn, bool is_interleaved);

typedef enum sctp_receiver_verdict {
    SCTP_RECEIVER_OK,        /* taken, a duplicate, or dropped because the window is full */
    SCTP_RECEIVER_NO_STREAM, /* acknowledged, not delivered: an ERROR with Invalid Stream Identifier is due (RFC 9260 §6.5) */
    SCTP_RECEIVER_EMPTY,     /* ABORT, No User Data (§3.3.10.9) */
    SCTP_RECEIVER_VIOLATION, /* ABORT, Protocol Violation: what no correct sender sends (wrong chunk type, fragments that contradict) */
    SCTP_RECEIVER_OUT_OF_RESOURCES /* ABORT, Out of Resource (§3.3.10.4): so many messages were begun and not finished that none of them can
                                      be */
} sctp_receiver_verdict_t;

/* Copies what it keeps: once, into the message. */
sctp_receiver_verdict_t sctp_receiver_on_data(sctp_receiver_t *receiver, peer_time_t now, const sctp_data_t *data);
sctp_receiver_verdict_t sctp_receiver_on_forward(sctp_receiver_t *receiver, peer_time_t now, sctp_forward_t *forward);
/* A packet's chunks have all been given (delayed acknowledgement counts packets: RFC 9260 §6.2). */
void sctp_receiver_on_packet_end(sctp_receiver_t *receiver, peer_time_t now);

/* An acknowledgement is due: at once for gaps, duplicates, I bits, every second packet, a window that opens (SWS avoidance, RFC 9260 §6.2);
 * else after the delay, whose end is the deadline. One SACK answers all packets of a turn. */
bool sctp_receiver_wants_sack(const sctp_receiver_t *receiver, peer_time_t now);
bool sctp_receiver_has_pending_sack(const sctp_receiver_t *receiver); /* delayed; may ride along with data */
/* Writes it, with as many gap blocks as fit; false when even an empty one does not. It is not due any more then. */
bool sctp_receiver_write_sack(sctp_receiver_t *receiver, peer_time_t now, writer_t *writer);
peer_time_t sctp_receiver_deadline(const sctp_receiver_t *receiver);

/* The next thing to tell: MESSAGE (message: the reference is the caller's), PART, PART_LOST, TOO_LARGE. False: nothing. */
bool sctp_receiver_poll(sctp_receiver_t *receiver, sctp_association_event_t *event);
/* Messages handed out count as held until this says that they have been consumed. */
void sctp_receiver_on_consumed(sctp_receiver_t *receiver, peer_time_t now, size_t bytes);
/* Messages of the stream that are longer than `threshold` come in parts as they arrive (0: whole messages, the default); one that is
 * complete in between the parts of another, since one of them is unordered, comes whole. False: no memory.
 */
bool sctp_receiver_set_streaming(sctp_receiver_t *receiver, uint16_t stream, size_t threshold);

/* The remote side reset these of its streams (count 0: all): what is not complete of them goes, sequence numbers begin again at 0. */
void sctp_receiver_reset_streams(sctp_receiver_t *receiver, const uint16_t *streams, size_t count);
uint32_t sctp_receiver_cumulative_tsn(const sctp_receiver_t *receiver);
uint32_t sctp_receiver_window(const sctp_receiver_t *receiver); /* a_rwnd */
size_t sctp_receiver_held(const sctp_receiver_t *receiver);

#endif
