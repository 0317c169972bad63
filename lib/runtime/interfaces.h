/* The local addresses a host candidate may be gathered on (RFC 8445 §5.1.1.1), with what is known of their networks. */
#ifndef RUNTIME_INTERFACES_H
#define RUNTIME_INTERFACES_H

#include "base/address.h"
#include "connection/connection_io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERFACES_MAX 64 /* addresses looked at; a host with more keeps the first ones */

typedef struct interface_address {
    address_t address; /* port 0 */
    network_type_t type;
    uint32_t index; /* the interface's */
    bool can_multicast;
    bool is_temporary;     /* IPv6: a privacy address (RFC 8981) */
    bool is_spare;         /* works for what uses it already, but nothing new should: deprecated, or a temporary one is better */
    uint8_t prefix_length; /* of its network */
} interface_address_t;

/* Addresses that are up and usable, loopback ones at the end; their number. */
size_t interfaces_list(interface_address_t list[INTERFACES_MAX]);
/* Has the host the address (ports do not count)? A list that is full does not know all of them: it has any. */
bool interfaces_have(const interface_address_t *list, size_t count, const address_t *address);

/* Is it an address of the interface's own networks, one that needs no router? */
bool interfaces_are_on_link(const interface_address_t *list, size_t count, uint32_t index, const address_t *address);

/* Tells for one IPv6 address by its /proc/net/if_inet6 line; false: not to be used at all (tentative, duplicate). A deprecated one still
 * serves what began with it (RFC 4862 §5.5.4). */
bool interfaces_ipv6_flags_usable(uint32_t flags, bool *is_temporary, bool *is_deprecated);
/* Makes stable IPv6 addresses spare whose prefix has a temporary one on the same interface (RFC 8445 §5.1.1.1). */
void interfaces_prefer_temporary(interface_address_t *list, size_t count);

#endif
