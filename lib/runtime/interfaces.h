/* The local addresses a host candidate may be gathered on (RFC 8445 §5.1.1.1), with what is known of their networks. */
#ifndef RUNTIME_INTERFACES_H
#define RUNTIME_INTERFACES_H

#include "base/address.h"
#include "connection/connection_io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERFACES_MAX 32 /* addresses looked at; a host with more keeps the first ones */

typedef struct interface_address {
    address_t address; /* port 0 */
    network_type_t type;
    uint32_t index; /* the interface's */
    bool can_multicast;
    bool is_temporary;     /* IPv6: a privacy address (RFC 8981) */
    uint8_t prefix_length; /* IPv6 */
} interface_address_t;

/* Addresses that are up and usable, loopback ones at the end; their number. */
size_t interfaces_list(interface_address_t list[INTERFACES_MAX]);

/* Tells for one IPv6 address by its /proc/net/if_inet6 line; false: not to be used at all (tentative, deprecated, duplicate). */
bool interfaces_ipv6_flags_usable(uint32_t flags, bool *is_temporary);
/* Drops stable IPv6 addresses whose prefix has a temporary one on the same interface (RFC 8445 §5.1.1.1); the new number. */
size_t interfaces_prefer_temporary(interface_address_t *list, size_t count);

#endif
