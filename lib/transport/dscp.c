#include "transport/dscp.h"

enum { DF = 0, LE = 1, AF11 = 10, AF21 = 18, AF41 = 34, AF42 = 36, EF = 46 }; /* RFC 2474, 8622, 2597, 3246 */

/* RFC 8837 §5, table 1; of two video code points the one that is dropped last. */
static const uint8_t marks[TRANSPORT_FLOWS][TRANSPORT_PRIORITIES] = {
    [TRANSPORT_FLOW_AUDIO] = {DF, LE, DF, EF, EF},
    [TRANSPORT_FLOW_VIDEO] = {DF, LE, DF, AF42, AF41},
    [TRANSPORT_FLOW_DATA] = {DF, LE, DF, AF11, AF21},
};

uint8_t transport_dscp(transport_flow_t flow, transport_priority_t priority)
{
    return marks[flow][priority];
}
