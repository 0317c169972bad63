/* One data channel (RFC 8831, W3C RTCDataChannel): its states, what it has to tell, and what it has received and not told. Private to the
 * folder.
 *
 * Nothing is told at once: a change sets a bit, puts the channel on the transport's list, and becomes visible (W3C: in the same task)
 * when sctp_poll() takes it from there. So a change needs no memory and cannot fail. */
#ifndef SCTP_DATA_CHANNEL_H
#define SCTP_DATA_CHANNEL_H

#include "base/map.h"
#include "sctp/association.h"
#include "sctp/dcep.h"
#include "sctp/sctp.h"

/* RFC 8831 §8 */
#define PPID_DCEP 50
#define PPID_STRING 51
#define PPID_BINARY 53
#define PPID_STRING_EMPTY 56
#define PPID_BINARY_EMPTY 57

/* In the order in which they are told. */
enum channel_news {
    NEWS_ANNOUNCED = 1 << 0,
    NEWS_OPEN = 1 << 1,
    NEWS_HANDED = 1 << 2, /* bufferedAmount falls */
    NEWS_ROOM = 1 << 3,
    NEWS_CLOSING = 1 << 4,
    NEWS_ERROR = 1 << 5,
    NEWS_CLOSED = 1 << 6
};

/* A message that cannot be told yet: its stream has no channel, because the DATA_CHANNEL_OPEN was overtaken or a negotiated channel is made
 * later here; or its channel is paused. */
typedef struct stored_message {
    struct stored_message *next;
    uint16_t stream;
    uint32_t payload_protocol;
    unsigned part;
    blob_t *message; /* NULL: SCTP_PART_LOST */
} stored_message_t;

typedef struct store {
    stored_message_t *first;
    stored_message_t *last;
    size_t count;
    size_t bytes;
} store_t;

struct sctp_channel {
    sctp_t *sctp;
    sctp_channel_t *previous; /* all channels, in order of creation */
    sctp_channel_t *next;
    sctp_channel_t *next_news;
    bool has_news;
    bool is_released;
    bool was_open; /* counted */

    sctp_channel_state_t phase; /* where the protocol is */
    sctp_channel_state_t state; /* what has been told */
    unsigned news;
    int error;
    const char *error_message;
    bool is_error_of_association;

    uint32_t number;
    int32_t id;
    char *label;
    char *protocol;
    bool is_unordered;
    bool is_negotiated;
    bool is_described; /* by offer and answer (RFC 8864) */
    bool is_waiting;   /* for them to agree */
    bool is_unknown;   /* the caller has not heard of it: it is to be announced */
    bool is_remote;    /* opened by the remote side: its label is counted */
    bool is_confirmed; /* the remote side has answered, so it knows the channel is unordered (RFC 8832 §6) */
    int32_t max_retransmits;
    int32_t max_packet_life_time_ms;
    uint16_t priority;
    size_t streaming;
    bool is_reset_requested;
    bool is_outgoing_reset;
    bool is_incoming_reset;

    bool is_paused;
    bool is_in_parts; /* the beginning of a message was told, and not its end */
    store_t store;

    uint64_t buffered; /* as told */
    uint64_t handed;   /* of that, what has left and is not taken off */
    bool is_handed_told;
    uint64_t uncounted; /* bytes that wait and are no part of bufferedAmount: DCEP, the byte that stands for an empty message */
    uint64_t low_threshold;
    size_t room_threshold;
    bool wants_room;
    sctp_channel_stats_t stats;
    void *user;
};

struct sctp {
    sctp_config_t config;
    sctp_association_t *association;
    sctp_state_t state;
    bool has_role;
    bool is_dtls_client;
    uint16_t remote_port;
    size_t remote_max_message_size; /* 0: no limit */
    uint8_t *remote_init;           /* of the description; NULL: none */
    size_t remote_init_length;
    uint16_t max_channels;
    peer_time_t now; /* of the last call */

    map_t by_id;
    uint32_t free_id[2]; /* by parity: no id below is free */
    sctp_channel_t *first_channel;
    sctp_channel_t *last_channel;
    sctp_channel_t *first_news;
    sctp_channel_t *last_news;
    size_t remote_label_bytes;

    bool is_connected_news;
    bool is_closed_news;
    bool may_deliver_held;
    int error;
    uint16_t cause_code;
    char error_message[256];

    packet_queue_t early;  /* before sctp_start() */
    store_t held;          /* for streams without a channel */
    size_t incoming_count; /* channels whose incoming stream was not reset yet */
    uint32_t next_number;  /* of a channel */
    uint32_t channels_opened;
    uint32_t channels_closed;
};

/* A channel in the list of all, without id. NULL when memory ran out. */
sctp_channel_t *channel_new(sctp_t *sctp, const char *label, size_t label_length, const char *protocol, size_t protocol_length);
/* It has no news. */
void channel_free(sctp_channel_t *channel);
bool channel_can_be_freed(const sctp_channel_t *channel);
/* Gives it its id; false when memory ran out. */
bool channel_set_id(sctp_channel_t *channel, uint16_t id);
bool channel_assign_id(sctp_channel_t *channel); /* the least free one by role; false: none, or no memory */
void channel_add_news(sctp_channel_t *channel, unsigned news);
/* It may send and receive: its stream is set up, and `news` told. */
void channel_mark_open(sctp_channel_t *channel, unsigned news);
/* Hands the message to the association; takes the reference when it returns 0. is_counted: in bufferedAmount. */
int channel_queue(sctp_channel_t *channel, uint32_t payload_protocol, bool is_counted, blob_t *message);
int channel_send_open(sctp_channel_t *channel); /* DCEP */
int channel_send_ack(sctp_channel_t *channel);
void channel_on_taken(sctp_channel_t *channel, size_t bytes);
void channel_start_closing(sctp_channel_t *channel);
/* It is over, without a word to the remote side. error 0: in order. `message` is static or the transport's own. */
void channel_finish(sctp_channel_t *channel, int error, const char *message, bool is_of_association);
void channel_fail(sctp_channel_t *channel, int error, const char *message); /* the same, but the stream is reset */
void channel_on_incoming_reset(sctp_channel_t *channel);
void channel_on_outgoing_reset(sctp_channel_t *channel);
/* The next thing to tell about a channel that has news; false: nothing (any more, or until its stored messages are told). */
bool channel_tell(sctp_channel_t *channel, sctp_output_t *output);

/* inbound.c: what the association tells. True when there is something to tell on. */
bool inbound_event(sctp_t *sctp, sctp_association_event_t *event, sctp_output_t *output);
/* A message for the channel, as an output; false when it is none that is to be told, and it is consumed. Takes the reference. */
bool inbound_deliver(sctp_channel_t *channel, uint32_t payload_protocol, unsigned part, blob_t *message, sctp_output_t *output);
bool inbound_deliver_held(sctp_t *sctp, sctp_output_t *output);
/* Drops held messages for a stream; SCTP_CHANNEL_ID_NONE: all. */
void inbound_drop_held(sctp_t *sctp, int32_t stream);

bool store_push(store_t *store, uint16_t stream, uint32_t payload_protocol, unsigned part,
                blob_t *message); /* takes the reference if true */
stored_message_t *store_pop(store_t *store);
void store_drop(store_t *store, sctp_t *sctp); /* consumed */

/* sctp.c */
void sctp_finish(sctp_t *sctp, int error, uint16_t cause_code, const char *message);
int sctp_establish(sctp_channel_t *channel);

#endif
