/* A model of a bulk transfer by Linux's TCP, for comparison: CUBIC with HyStart, SACK, RACK, loss probe, proportional rate reduction,
 * delayed acknowledgements, no pacing, windows without limit unless one is given. */
#ifndef TCP_FLOW_H
#define TCP_FLOW_H

#include "trial.h"

typedef struct tcp_flow_stats {
    uint64_t sent, retransmitted, timeouts, recoveries;
    double window, threshold; /* segments */
    peer_time_t smoothed_rtt;
} tcp_flow_stats_t;

trial_flow_t *tcp_flow_new(uint32_t window_limit); /* segments; 0: none */
void tcp_flow_stats_get(const trial_flow_t *flow, tcp_flow_stats_t *stats);

#endif
