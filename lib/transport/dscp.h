/* How packets are marked for the network (RFC 8837): by what they carry, and how much the application cares for it. */
#ifndef TRANSPORT_DSCP_H
#define TRANSPORT_DSCP_H

#include <stdint.h>

/* W3C RTCPriorityType; unset marks nothing, as browsers do by default. */
typedef enum transport_priority {
    TRANSPORT_PRIORITY_UNSET = 0,
    TRANSPORT_PRIORITY_VERY_LOW,
    TRANSPORT_PRIORITY_LOW,
    TRANSPORT_PRIORITY_MEDIUM,
    TRANSPORT_PRIORITY_HIGH,
    TRANSPORT_PRIORITIES
} transport_priority_t;

/* The flow types of RFC 8837 §4. */
typedef enum transport_flow {
    TRANSPORT_FLOW_AUDIO = 0,
    TRANSPORT_FLOW_VIDEO, /* interactive, with or without audio */
    TRANSPORT_FLOW_DATA,
    TRANSPORT_FLOWS
} transport_flow_t;

/* The six bits, for packet_t.dscp. */
uint8_t transport_dscp(transport_flow_t flow, transport_priority_t priority);

#endif
