/* A bulk transfer by two associations of ours over a trial's path: messages as fast as they are taken. */
#ifndef SCTP_FLOW_H
#define SCTP_FLOW_H

#include "sctp/association.h"
#include "trial.h"

#define SCTP_FLOW_OVERHEAD 65 /* IPv4, UDP, DTLS 1.2 with AES-GCM */

typedef struct sctp_flow_options {
    size_t message_size; /* 0: 64 KiB */
    size_t base_mtu;     /* of SCTP packets; 0: 1170 */
    bool is_mtu_fixed;
    uint64_t seed;
    double rate_bps; /* of the application; 0: as fast as may be */
} sctp_flow_options_t;

trial_flow_t *sctp_flow_new(const sctp_flow_options_t *options);
void sctp_flow_stats_get(const trial_flow_t *flow, sctp_association_stats_t *stats); /* of the sending side */
bool sctp_flow_is_lost(const trial_flow_t *flow);
/* The associations are told of another path (an ICE restart, another network). */
void sctp_flow_move(trial_flow_t *flow, trial_t *trial);

#endif
