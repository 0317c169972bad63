/* Which of the host's addresses a client's sockets may be on: RFC 8828's modes, families, loopback. Pure, apart from asking the routing
 * table. */
#ifndef RUNTIME_ADDRESS_POLICY_H
#define RUNTIME_ADDRESS_POLICY_H

#include "runtime/interfaces.h"
#include "runtime/loop.h"

/* Whence the host reaches the Internet, by family; ADDRESS_NONE: it has no default route. */
typedef struct default_sources {
    address_t ipv4;
    address_t ipv6;
} default_sources_t;

/* Asks the routing table (RFC 8828 §6.2: by connecting a UDP socket, which sends nothing) for the local address, with port 0, that what is
 * for `destination` leaves from; family ADDRESS_NONE: no route leads there. */
address_t address_policy_source_towards(const address_t *destination);
default_sources_t address_policy_default_sources(void);
/* The addresses of `list` that new sockets are opened on, in its order; their number. `sources` is looked at where the policy is of the
 * default route only. Where no route is, no address is: to use all of them instead would take the user's consent (RFC 8828 §5.2). */
size_t address_policy_select(const loop_network_t *network, const default_sources_t *sources, const interface_address_t *list, size_t count,
                             const interface_address_t *selected[INTERFACES_MAX]);

#endif
