/* A box between two networks, in the words of RFC 4787: which outside address an inside one has for which destination (mapping), and who
 * may send to it (filtering); or a firewall, which only filters. It sees addresses, one packet at a time, and knows nothing of what is in
 * them; which network a packet belongs to is the affair of network.c. */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "base/address.h"
#include "base/time.h"

#include <stdbool.h>

typedef enum nat_dependence { /* RFC 4787 §4.1 and §5 */
                              NAT_ENDPOINT_INDEPENDENT,
                              NAT_ADDRESS_DEPENDENT,
                              NAT_ADDRESS_AND_PORT_DEPENDENT
} nat_dependence_t;

typedef enum nat_ports {                      /* RFC 4787 §4.2.1 */
                         NAT_PORTS_PRESERVED, /* where the port is free, else as below */
                         NAT_PORTS_SEQUENTIAL,
                         NAT_PORTS_RANDOM
} nat_ports_t;

typedef struct nat_options {
    nat_dependence_t mapping, filtering;
    nat_ports_t ports;
    bool hairpins;    /* RFC 4787 §6 */
    bool is_firewall; /* addresses pass unchanged; IPv6 ones do so everywhere */
    bool blocks_udp;
    uint16_t only_tcp_port; /* 0: connections may go out to every port */
    bool maps_on_request;   /* PCP (RFC 6887) and the like */
    peer_time_t timeout_us; /* of what no packet from inside has refreshed, UDP only; 0: 2 minutes (RFC 4787 §4.3 REQ-5) */
} nat_options_t;

typedef struct nat nat_t;

nat_t *nat_new(const nat_options_t *options, const address_t *external, uint64_t seed); /* the port of `external` means nothing */
void nat_free(nat_t *nat);
const nat_options_t *nat_options(const nat_t *nat);
const address_t *nat_external(const nat_t *nat);
/* A packet goes out: `from` becomes what the outside sees. False: it does not. */
bool nat_outbound(nat_t *nat, peer_time_t now, transport_protocol_t protocol, address_t *from, const address_t *to);
/* A packet comes in: `to` becomes the inside address. False: it is filtered. */
bool nat_inbound(nat_t *nat, peer_time_t now, transport_protocol_t protocol, const address_t *from, address_t *to);
/* An outside address for everybody, on request; false: the box does not do such things. */
bool nat_map(nat_t *nat, peer_time_t now, const address_t *internal, address_t *external);
void nat_forget(nat_t *nat); /* what a restart of the box does: all mappings are gone, and come back as others */

#endif
