/* The parts of the model of TCP. Sequence numbers count segments. */
#ifndef TCP_PRIVATE_H
#define TCP_PRIVATE_H

#include "tcp_flow.h"

#define TCP_SEGMENT 1448
#define TCP_IP_SEGMENT 1500
#define TCP_IP_ACK 52
#define TCP_RING (1u << 18)
#define TCP_BLOCKS 3 /* SACK blocks beside timestamps (RFC 2018 §3) */

typedef struct tcp_block {
    uint32_t first, end;
} tcp_block_t;

typedef struct tcp_wire {
    uint32_t sequence; /* of data */
    uint32_t acknowledged;
    uint32_t block_count;
    tcp_block_t blocks[TCP_BLOCKS];
} tcp_wire_t;

/* Linux's tcp_cubic.c, in segments and microseconds. */
typedef struct tcp_cubic {
    double last_maximum, origin, k;
    peer_time_t epoch, last_time;
    double last_window;
    double reno_window;
    double count; /* acknowledgements for one segment more */
    peer_time_t least_rtt;
    /* HyStart */
    bool is_found;
    peer_time_t round_start, last_acknowledgement, current_rtt;
    unsigned samples;
    uint32_t round_end;
} tcp_cubic_t;

typedef enum tcp_segment_state { TCP_FLYING, TCP_SACKED, TCP_LOST, TCP_RESENT } tcp_segment_state_t; /* RESENT: lost, and in flight again */

typedef struct tcp_segment {
    peer_time_t sent_at;
    uint32_t older, newer; /* by time of sending; the ring's size: none */
    uint8_t state;
    bool is_listed, was_resent;
} tcp_segment_t;

typedef struct tcp_sender {
    tcp_segment_t *ring;
    uint32_t first, next; /* not acknowledged; not sent */
    uint32_t oldest, newest;
    uint32_t sacked, lost, resent; /* lost: those that are resent included */
    uint32_t lost_hint;
    tcp_block_t seen[TCP_BLOCKS + 1];
    uint32_t window, window_count, threshold, window_limit;
    tcp_cubic_t cubic;
    bool is_recovering, is_after_timeout;
    uint32_t recovery_end;
    uint32_t prior_window, prr_delivered, prr_out;
    peer_time_t smoothed_rtt, rtt_variation, least_rtt;
    peer_time_t rack_sent, rack_rtt;
    uint32_t rack_sequence;
    peer_time_t reorder_deadline, timer;
    unsigned backoff;
    bool is_probing; /* the timer is that of a loss probe */
    tcp_flow_stats_t stats;
} tcp_sender_t;

#define TCP_RANGES 4096
typedef struct tcp_receiver {
    uint32_t next;
    tcp_block_t ranges[TCP_RANGES]; /* beyond it, ascending */
    size_t range_count;
    uint32_t recent[TCP_BLOCKS]; /* segments that came last, one for each block */
    unsigned pending;
    unsigned quick; /* acknowledged at once, at the start */
    peer_time_t delayed;
} tcp_receiver_t;

typedef struct tcp_flow {
    trial_flow_t base;
    tcp_sender_t sender;
    tcp_receiver_t receiver;
} tcp_flow_t;

uint32_t tcp_cubic_on_loss(tcp_cubic_t *cubic, uint32_t window); /* the new threshold */
void tcp_cubic_on_timeout(tcp_cubic_t *cubic);
void tcp_cubic_on_rtt(tcp_sender_t *sender, peer_time_t now, peer_time_t rtt);
void tcp_cubic_grow(tcp_sender_t *sender, peer_time_t now, uint32_t acknowledged);
void tcp_receiver_on_data(tcp_flow_t *flow, trial_t *trial, uint32_t sequence);
void tcp_receiver_acknowledge(tcp_flow_t *flow, trial_t *trial);

#endif
