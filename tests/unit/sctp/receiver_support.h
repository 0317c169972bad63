/* For tests of the receiving half: chunks made by hand, SACKs read. */
#ifndef RECEIVER_SUPPORT_H
#define RECEIVER_SUPPORT_H

#include "sctp/receiver.h"

#define FIRST_TSN 0xffffff00u /* wraps soon */

#define B SCTP_DATA_BEGIN
#define E SCTP_DATA_END
#define U SCTP_DATA_UNORDERED

sctp_receiver_t *receiver_new(size_t window, size_t max_message_size, bool is_interleaved);
/* One chunk as a packet of its own. TSNs are counted from FIRST_TSN. */
sctp_receiver_verdict_t receiver_give(sctp_receiver_t *receiver, uint32_t tsn, uint16_t stream, uint32_t id, uint32_t fragment,
                                      uint8_t flags, const void *data, size_t length, bool is_interleaved);
sctp_receiver_verdict_t receiver_forward(sctp_receiver_t *receiver, uint32_t tsn, const sctp_forward_stream_t *streams, size_t count,
                                         bool is_interleaved);
/* Polls all, consumes it at once, and writes what it was: "m3:abc" a message on stream 3, "p3:abc" a part, "f3:"/"l3:"/"o3:" a first, last
 * or only one, "-3" a lost one, "!3" one too large; with blanks in between. */
const char *receiver_told(sctp_receiver_t *receiver);
/* The SACK, if one is due at `now`: "cumulative [first-last …] [=duplicate …]", relative to FIRST_TSN. */
const char *receiver_sack(sctp_receiver_t *receiver, peer_time_t now);

#endif
