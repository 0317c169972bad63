/* One connection that carries data channels while its path is disturbed: the plan of it (data_plan.c), what is seen of it on the wire
 * (data_wire.c), and the run itself (data_run.c). All follows from a seed. */
#ifndef SIM_DATA_RUN_H
#define SIM_DATA_RUN_H

#include "sim.h"

#define DATA_CHANNELS_MAX 12
#define DATA_MESSAGES_MAX 48 /* of a channel, each way */
#define DATA_LARGEST (256u * 1024)
#define DATA_KEY_SIZE 8 /* what a message begins with: which it is. Shorter ones have only content */
#define DATA_LINKS_MAX 4
#define DATA_TIME_LIMIT (900 * PEER_SECOND)    /* from the connection's being up to the arrival of everything */
#define DATA_CLOSING_LIMIT (60 * PEER_SECOND)  /* until all channels are closed */
#define DATA_SILENCE_LIMIT (120 * PEER_SECOND) /* until nothing has a timer any more */

typedef struct data_message {
    size_t length;
    peer_time_t due;     /* after the connection is up */
    peer_time_t sent_at; /* 0: it was not */
    peer_time_t received_at;
    uint32_t transmissions; /* most that one of its chunks had */
    bool is_received;
    bool was_on_wire, was_whole_on_wire;
    bool is_skipped; /* a FORWARD-TSN has told the receiver not to wait for it */
} data_message_t;

/* What one peer sends on a channel, and what the other gets of it. */
typedef struct data_flow {
    data_message_t messages[DATA_MESSAGES_MAX];
    size_t count, sent;
    size_t received;                      /* messages */
    size_t received_to;                   /* behind the last one that came in order */
    size_t short_received[DATA_KEY_SIZE]; /* by length */
} data_flow_t;

typedef struct data_run data_run_t;

typedef struct data_end {
    data_run_t *run;
    size_t channel;
    int peer;
    sctp_channel_t *handle; /* NULL: not there yet */
    bool is_open, is_closing, is_closed;
} data_end_t;

typedef struct data_channel {
    int opener;
    bool is_unordered;
    int32_t max_retransmits, life_time_ms; /* -1: none */
    uint16_t priority;
    peer_time_t open_at, close_at; /* after the connection is up; 0: at once, and at the end */
    int closer;
    bool is_closed_early; /* by then it was open, so that what the other end sends may be lost */
    data_flow_t flows[2]; /* by sender */
    data_end_t ends[2];
} data_channel_t;

typedef struct data_chunk {
    uint16_t transmissions; /* 0: never seen */
    uint8_t channel;
    bool is_of_application, is_unordered;
    bool is_told_skipped;
    uint16_t stream;
    uint32_t message_id, fragment, length;
    peer_time_t first_at;
    data_message_t *message; /* NULL: too short to tell which */
} data_chunk_t;

/* What one peer puts on the wire. */
typedef struct data_wire {
    data_run_t *run;
    int peer;
    data_chunk_t *chunks; /* by TSN */
    size_t chunk_count, chunk_capacity;
    uint32_t first_tsn, acknowledged;
    bool has_begun;
    uint64_t data_chunks, repeated_chunks, forwards;
} data_wire_t;

typedef enum data_change { DATA_NO_CHANGE, DATA_RESTART, DATA_NEW_NETWORK, DATA_OTHER_NETWORK, DATA_CHANGES } data_change_t;

struct data_run {
    uint64_t seed;
    sim_options_t options;
    struct {
        peer_time_t at;
        size_t mtu;
    } links[DATA_LINKS_MAX]; /* the path's MTU, from when on */
    size_t link_count;
    data_change_t changes[2];
    peer_time_t change_at[2];
    int change_peer[2];
    data_channel_t channels[DATA_CHANNELS_MAX];
    size_t channel_count;
    data_wire_t wires[2];

    sim_t *sim;
    peer_time_t up_at, transfer_time;
    bool is_ending;
    char failure[256]; /* the first one */
};

void data_plan(data_run_t *run, uint64_t seed);
void data_plan_print(const data_run_t *run);

void data_wire_see(void *context, connection_packet_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *data, size_t length);
void data_wire_free(data_wire_t *wire);

/* True: all went as it should. The run keeps what was measured. */
bool data_run(data_run_t *run, uint64_t seed);
void data_fail(data_run_t *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The message whose key this is; NULL: none of that sender's. */
data_message_t *data_message_of(data_run_t *run, int sender, const uint8_t *key, size_t *channel, size_t *number);

static inline bool data_is_reliable(const data_channel_t *channel)
{
    return channel->max_retransmits < 0 && channel->life_time_ms < 0;
}

#endif
