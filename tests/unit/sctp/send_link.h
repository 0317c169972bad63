/* A sender, a link and a receiver that knows just enough to acknowledge, in virtual time. Each word of a message tells which message it is
 * of and where it stands in it, so that every fragment can be judged alone. */
#ifndef SEND_LINK_H
#define SEND_LINK_H

#include "base/random.h"
#include "sctp/sender.h"

#define SEND_LINK_MESSAGES 16384u /* a word has 14 bits for the message and 18 for the place in it */
#define SEND_LINK_TSN 0xfffffff0u /* of the first chunk: it wraps soon */
#define SEND_LINK_PACKET 70000u

typedef struct send_link_config {
    uint64_t rate;     /* bits a second; 0: no limit */
    peer_time_t delay; /* one way */
    size_t queue;      /* bytes; 0: no limit */
    double loss, acknowledgement_loss, duplication, reordering;
    peer_time_t reordering_delay;
    peer_time_t acknowledgement_delay;
    uint32_t window;   /* of the receiver */
    size_t gap_blocks; /* of a SACK at most; 0: 250 */
    bool is_reneging;  /* drops what it holds out of order, now and then */
    size_t mtu;
    bool is_interleaved, has_no_forward;
    uint64_t seed;
} send_link_config_t;

typedef struct send_link_chunk { /* what the receiver knows of a TSN */
    bool is_held, is_skipped;
    uint16_t stream;
    uint8_t flags;
    uint32_t message, message_id, fragment;
    size_t offset, length;
    unsigned transmissions;
    peer_time_t first_sent, last_sent;
} send_link_chunk_t;

typedef struct send_link_message {
    sctp_message_info_t info;
    size_t length;
    peer_time_t queued_at;
    size_t received; /* bytes, each once */
    unsigned most_transmissions;
    peer_time_t last_sent;
    bool is_begun, is_skipped;
} send_link_message_t;

typedef struct send_link send_link_t;

send_link_t *send_link_new(const send_link_config_t *config);
void send_link_free(send_link_t *link);
sctp_sender_t *send_link_sender(send_link_t *link);
peer_time_t send_link_now(const send_link_t *link);
/* The number of the message; fails the test when it is refused. */
uint32_t send_link_queue(send_link_t *link, const sctp_message_info_t *info, size_t length);
const send_link_message_t *send_link_message(const send_link_t *link, uint32_t message);
/* Runs until `until`, or until nothing is queued or outstanding (true). */
bool send_link_run(send_link_t *link, peer_time_t until);
/* Keeps so much queued on the stream while it runs; 0: no more. */
void send_link_feed(send_link_t *link, const sctp_message_info_t *info, size_t length, size_t queued);
uint64_t send_link_received(const send_link_t *link, uint16_t stream); /* bytes, each once */
uint64_t send_link_taken(const send_link_t *link);                     /* bytes told by on_taken */
void send_link_set_loss(send_link_t *link, double loss, double acknowledgement_loss);
void send_link_set_delay(send_link_t *link, peer_time_t delay);
void send_link_drop_larger(send_link_t *link, size_t size); /* the link carries no larger packets; 0: all */
uint64_t send_link_wire_chunks(const send_link_t *link);    /* DATA chunks seen on the wire */
/* Fails the test when fragments do not make up messages as RFC 9260 §6.9 has it. */
void send_link_check(send_link_t *link, bool is_all_there);

#endif
