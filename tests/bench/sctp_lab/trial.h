/* Flows through one bottleneck in virtual time: both directions of the link emulator (link/link.h), and senders and receivers that know no
 * clock. The same trial runs the same every time. */
#ifndef TRIAL_H
#define TRIAL_H

#include "base/time.h"
#include "link/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIAL_SECONDS_MAX 600
#define TRIAL_FLOWS_MAX 4
#define TRIAL_START (2 * PEER_SECOND) /* until then associations are made */

typedef struct trial trial_t;
typedef struct trial_flow trial_flow_t;

/* A flow has data in one direction, forward, and acknowledgements in the other. */
typedef struct trial_flow_ops {
    void (*on_packet)(trial_flow_t *flow, trial_t *trial, bool is_forward, const uint8_t *data, size_t length);
    void (*on_time)(trial_flow_t *flow, trial_t *trial);  /* its deadline has come */
    void (*on_batch)(trial_flow_t *flow, trial_t *trial); /* all that has come by now has been given; NULL: it does not care */
    peer_time_t (*deadline)(const trial_flow_t *flow);
    void (*free)(trial_flow_t *flow);
} trial_flow_ops_t;

/* The beginning of what a kind of flow keeps. */
struct trial_flow {
    const trial_flow_ops_t *ops;
    size_t index;
    peer_time_t start; /* of its data: associations are made before */
    uint64_t received; /* bytes of the application, in all */
    uint64_t received_in[TRIAL_SECONDS_MAX];
};

typedef struct trial_path {
    double rate_bps;
    peer_time_t rtt;
    peer_time_t queue; /* longest wait for the line; 0: the longer of 20 ms and rtt */
    double loss, burst;
    size_t mtu;         /* IP bytes; 0: 1500 */
    double reordering;  /* share of the packets that come later */
    peer_time_t behind; /* so much later */
    peer_time_t batch;  /* hosts look at what has come only so often; 0: at once */
} trial_path_t;

struct trial {
    trial_path_t path;
    link_pool_t pool;
    link_t line[2]; /* [1]: forward */
    link_t detour;  /* of what is reordered, forward only */
    uint64_t random;
    peer_time_t now, start;
    trial_flow_t *flows[TRIAL_FLOWS_MAX];
    size_t flow_count;
    uint64_t too_large;
};

void trial_begin(trial_t *trial, const trial_path_t *path, uint64_t seed);
void trial_end(trial_t *trial); /* frees the flows too */
void trial_add(trial_t *trial, trial_flow_t *flow, peer_time_t start);
/* From now on the path has these properties; what is under way is not changed. */
void trial_set_path(trial_t *trial, const trial_path_t *path);
void trial_run(trial_t *trial, peer_time_t until); /* counted, as all times here, from the start of data */
/* Room for a packet of `data_length` bytes which is `ip_length` bytes on the line; then trial_send(). */
link_packet_t *trial_packet(trial_t *trial, const trial_flow_t *flow, size_t data_length, size_t ip_length);
uint8_t *trial_packet_data(link_packet_t *packet);
void trial_send(trial_t *trial, bool is_forward, link_packet_t *packet);
void trial_received(trial_t *trial, trial_flow_t *flow, size_t bytes);
/* Of the application's bytes, from the trial's second `from` to second `to`. */
double trial_mbps(const trial_flow_t *flow, size_t from, size_t to);

#endif
