/* What is possible in a layout, found without ICE: two sockets of which each knows the other's addresses throw datagrams at each other in
 * the same network, without delay and loss, until nothing new gets through. Who then has had an answer could have a call. */
#ifndef SIM_THEORY_H
#define SIM_THEORY_H

#include "layout.h"

typedef struct theory_options {
    bool hides_addresses[2];      /* of peers: host addresses are known in their own realms only */
    bool listens[2], connects[2]; /* TCP */
    bool is_relay_only[2];
} theory_options_t;

typedef struct theory {
    bool is_direct; /* over UDP */
    bool is_direct_tcp;
    bool is_relayed;
} theory_t;

theory_t theory_of(const layout_t *layout, const theory_options_t *options);

#endif
