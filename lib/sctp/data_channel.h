/* One data channel (RFC 8831, W3C RTCDataChannel): its states, what it has still to send, and what it has to tell. Private to the folder.
 *
 * Nothing is told at once: a change sets a bit, puts the channel on the transport's list, and becomes visible (W3C: in the same task)
 * when sctp_poll() takes it from there. So a change needs no memory and cannot fail. */
#ifndef SCTP_DATA_CHANNEL_H
#define SCTP_DATA_CHANNEL_H

#include "base/map.h"
#include "sctp/dcep.h"
#include "sctp/sctp.h"
#include "sctp/usrsctp_association.h"

/* RFC 8831 §8 */
#define PPID_DCEP 50
#define PPID_STRING 51
#define PPID_BINARY 53
#define PPID_STRING_EMPTY 56
#define PPID_BINARY_EMPTY 57

typedef struct queued_message {
    struct queued_message *next;
    uint32_t payload_protocol;
    bool is_counted; /* in bufferedAmount: DCEP and the byte of an empty message are not */
    size_t length;
    size_t taken; /* handed to the association */
    uint8_t data[];
} queued_message_t;

/* In the order in which they are told. */
enum channel_news {
    NEWS_ANNOUNCED = 1 << 0,
    NEWS_OPEN = 1 << 1,
    NEWS_HANDED = 1 << 2, /* bufferedAmount falls */
    NEWS_CLOSING = 1 << 3,
    NEWS_ERROR = 1 << 4,
    NEWS_CLOSED = 1 << 5
};

struct sctp_channel {
    sctp_t *sctp;
    sctp_channel_t *previous; /* all channels, in order of creation */
    sctp_channel_t *next;
    sctp_channel_t *next_news;
    sctp_channel_t *next_sending;
    bool has_news;
    bool is_sending; /* on the list of those with queued messages */
    bool is_released;
    bool was_open; /* counted */

    sctp_channel_state_t phase; /* where the protocol is */
    sctp_channel_state_t state; /* what has been told */
    unsigned news;
    int error;
    const char *error_message;

    int32_t id;
    char *label;
    char *protocol;
    bool is_unordered;
    bool is_negotiated;
    bool is_confirmed; /* the remote side has answered, so it knows the channel is unordered (RFC 8832 §6) */
    int32_t max_retransmits;
    int32_t max_packet_life_time_ms;
    uint16_t priority;
    bool is_reset_requested;
    bool is_outgoing_reset;
    bool is_incoming_reset;

    queued_message_t *first;
    queued_message_t *last;
    uint64_t buffered;
    uint64_t handed;
    uint64_t low_threshold;
    sctp_channel_stats_t stats;
    void *user;
};

struct held_message;

struct sctp {
    sctp_config_t config;
    sctp_association_t *association;
    sctp_state_t state;
    bool is_dtls_client;
    uint16_t remote_port;
    size_t remote_max_message_size; /* 0: no limit */
    uint16_t max_channels;
    peer_time_t now; /* of the last call */

    map_t by_id;
    sctp_channel_t *first_channel;
    sctp_channel_t *last_channel;
    sctp_channel_t *first_news;
    sctp_channel_t *last_news;
    sctp_channel_t *first_sending; /* one message each in turn */
    sctp_channel_t *last_sending;
    sctp_channel_t *unfinished; /* the association has a part of this one's first message and must get the rest next */
    bool may_flush;

    bool is_connected_news;
    bool is_closed_news;
    bool may_deliver_held;
    int error;
    uint16_t cause_code;
    char error_message[256];

    packet_queue_t early; /* before sctp_start() */
    struct held_message *first_held;
    struct held_message *last_held;
    size_t held_count;
    size_t held_bytes;
    struct held_message *delivered; /* its bytes are in the caller's hands until the next call */
    uint32_t channels_opened;
    uint32_t channels_closed;
};

/* A channel in the list of all, without id. NULL when memory ran out. */
sctp_channel_t *channel_new(sctp_t *sctp, const char *label, size_t label_length, const char *protocol, size_t protocol_length);
/* Takes it out of every list. */
void channel_free(sctp_channel_t *channel);
/* Gives it its id; false when memory ran out. */
bool channel_set_id(sctp_channel_t *channel, uint16_t id);
void channel_add_news(sctp_channel_t *channel, unsigned news);
/* Sends it now or queues it. 0 or an error; nothing was taken then. */
int channel_queue(sctp_channel_t *channel, uint32_t payload_protocol, bool is_counted, const void *data, size_t length);
int channel_send_open(sctp_channel_t *channel); /* DCEP */
int channel_send_ack(sctp_channel_t *channel);
/* Fills the association from the queues. */
void channel_flush(sctp_t *sctp);
void channel_start_closing(sctp_channel_t *channel);
/* It is over, without a word to the remote side. error 0: in order. `message` is static or the transport's own. */
void channel_finish(sctp_channel_t *channel, int error, const char *message);
void channel_fail(sctp_channel_t *channel, int error, const char *message); /* the same, but the stream is reset */
void channel_on_incoming_reset(sctp_channel_t *channel);
void channel_on_outgoing_reset(sctp_channel_t *channel);
/* The next thing to tell about a channel that has news; false: nothing (any more). */
bool channel_tell(sctp_channel_t *channel, sctp_output_t *output);

#endif
