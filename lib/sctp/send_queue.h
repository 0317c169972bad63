/* Messages that wait to leave, by their streams, and whose turn it is: weighted fair queueing over bytes (RFC 8260 §3.6), by fragment when
 * messages may be interleaved, else by message. Streams cost nothing until they are used. What has left is remembered here too, as long as
 * a fragment of it is outstanding; which ones are is not known here. */
#ifndef SCTP_SEND_QUEUE_H
#define SCTP_SEND_QUEUE_H

#include "base/blob.h"
#include "base/map.h"
#include "base/time.h"
#include "sctp/association.h"

#define SEND_DEFAULT_WEIGHT 256

typedef struct send_stream send_stream_t;

typedef struct send_message {
    blob_t *blob; /* NULL: abandoned */
    send_stream_t *stream;
    struct send_message *next; /* in the stream's queue, or the free list */
    size_t sent;               /* bytes that have left for the first time */
    peer_time_t expires;       /* PEER_TIME_NEVER: it lives as long as it takes */
    uint32_t payload_protocol;
    uint32_t message_id;  /* SSN or MID, from the first fragment on */
    uint32_t fragment;    /* number of the next one */
    uint32_t outstanding; /* fragments with a TSN that is not acknowledged cumulatively */
    uint32_t first_tsn;   /* of these */
    uint32_t last_tsn;
    uint16_t limit; /* retransmissions of a fragment */
    bool is_limited;
    bool is_unordered;
    bool is_begun;     /* a fragment has left */
    bool is_waiting;   /* in the stream's queue */
    bool is_abandoned; /* waiting then means that its end needs a TSN */
} send_message_t;

struct send_stream {
    uint16_t id;
    uint16_t weight;
    uint32_t next_ordered; /* MID; its low half is the SSN */
    uint32_t next_unordered;
    send_message_t *first, *last;
    size_t queued;     /* bytes */
    size_t messages;   /* waiting or outstanding */
    uint64_t tag;      /* virtual time of its next turn */
    size_t place;      /* in the heap, from 1; 0: nothing waits */
    uint32_t epoch[2]; /* scratch of whoever lists streams: the list, and the position in it */
    size_t position[2];
    send_stream_t *next_free;
};

typedef struct send_turn {
    uint64_t tag;   /* the stream's */
    uint64_t order; /* among equal ones: who waits longer */
    send_stream_t *stream;
} send_turn_t;

typedef struct send_queue {
    map_t streams;
    send_stream_t *recent;
    send_turn_t *heap;
    size_t heap_count;
    size_t heap_capacity;
    uint64_t virtual_time;
    uint64_t orders;
    send_stream_t *current; /* whose message is begun and has to be finished before another one */
    size_t total;           /* bytes */
    send_message_t *free_messages;
    send_stream_t *free_streams;
    size_t free_message_count;
    size_t free_stream_count;
    void (*on_taken)(void *context, uint16_t stream, size_t bytes);
    void *context;
} send_queue_t;

void send_queue_clear(send_queue_t *queue);
send_stream_t *send_queue_stream(const send_queue_t *queue, uint16_t id);  /* NULL: it has no state */
send_stream_t *send_queue_open_stream(send_queue_t *queue, uint16_t id);   /* NULL: no memory */
void send_queue_settle_stream(send_queue_t *queue, send_stream_t *stream); /* frees it when it has no state any more */

/* NULL, and the reference was not taken: no memory. */
send_message_t *send_queue_push(send_queue_t *queue, peer_time_t now, const sctp_message_info_t *info, blob_t *blob);
send_message_t *send_queue_next(const send_queue_t *queue); /* whose turn it is; NULL: none waits */
/* The message's next `bytes` have left; the rest waits on, and is first in turn unless messages are interleaved. */
void send_queue_take(send_queue_t *queue, send_message_t *message, size_t bytes, bool is_interleaved);
/* The bytes of the first message of its stream that have not left will not: it goes. keep_place: only its bytes do. */
void send_queue_give_up(send_queue_t *queue, send_message_t *message, bool keep_place);
void send_queue_drop_behind(send_queue_t *queue, send_message_t *message); /* all that wait behind it on its stream */
/* Frees the message, if it neither waits nor has anything outstanding. */
void send_queue_settle(send_queue_t *queue, send_message_t *message);

#endif
