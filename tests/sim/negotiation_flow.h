/* What flows between two negotiated connections: encoded frames on every transceiver and messages on every data channel, each of which
 * carries where it belongs. */
#ifndef SIM_NEGOTIATION_FLOW_H
#define SIM_NEGOTIATION_FLOW_H

#include "negotiation_model.h"
#include "sim.h"

#define FLOW_CHANNELS_MAX 32
#define FLOW_LINES_MAX 256

typedef struct flow_channel {
    sctp_channel_t *channel;
    bool is_open, is_closing;
    unsigned messages;
} flow_channel_t;

typedef struct flow {
    model_side_t *side;
    sim_peer_t *peer;
    flow_channel_t channels[FLOW_CHANNELS_MAX];
    size_t channel_count;
    unsigned frames[FLOW_LINES_MAX]; /* received, by m-line */
} flow_t;

void flow_add_channel(flow_t *flow, sctp_channel_t *channel, bool is_open);
void flow_on_event(flow_t *flow, const connection_event_t *event);
void flow_send_frames(flow_t *flow);     /* on every transceiver, be it that it sends or not */
bool flow_is_wanted(const flow_t *flow); /* anything was negotiated that needs a transport */
/* Everything that may flow does, nothing else does, and all of it arrives where it belongs. */
void flow_check(model_t *model, flow_t flows[2]);

#endif
