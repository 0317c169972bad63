/* Asks the gateway of a private network to forward a UDP port: by PCP (RFC 6887), NAT-PMP (RFC 6886), or as a UPnP Internet Gateway
 * Device. All of it
 * blocks, for seconds, so it is called by a thread of its own. IPv4 only. What a gateway says is checked: it may be anybody on the link. */
#ifndef RUNTIME_GATEWAY_H
#define RUNTIME_GATEWAY_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum gateway_protocol { GATEWAY_NONE = 0, GATEWAY_PCP, GATEWAY_NAT_PMP, GATEWAY_UPNP } gateway_protocol_t;

#define GATEWAY_URL_SIZE 256
#define GATEWAY_SERVICE_SIZE 128

typedef struct gateway_mapping {
    gateway_protocol_t protocol;
    address_t local;
    address_t external;
    uint8_t nonce[12];                  /* PCP: whose mapping it is */
    uint32_t lifetime_s;                /* as granted; 0: until it is removed */
    char control_url[GATEWAY_URL_SIZE]; /* UPnP: who was asked */
    char service_type[GATEWAY_SERVICE_SIZE];
} gateway_mapping_t;

/* Maps, or renews what `mapping` holds already: then the same protocol and, if it can be, port. False: there is none, or it is of no use;
 * what the mapping held is as before. */
bool gateway_map(gateway_mapping_t *mapping, const address_t *local, uint32_t lifetime_s);
void gateway_unmap(const gateway_mapping_t *mapping);
/* Can it be the address of a gateway on the Internet? A second NAT's private one, above all, is of no use. */
bool gateway_is_external(const address_t *address);

/* The protocols; each is there in every build, and fails where its library was left out. */
bool pcp_map(gateway_mapping_t *mapping, uint32_t lifetime_s);
void pcp_unmap(const gateway_mapping_t *mapping);
bool natpmp_map(gateway_mapping_t *mapping, uint32_t lifetime_s);
void natpmp_unmap(const gateway_mapping_t *mapping);
bool upnp_map(gateway_mapping_t *mapping, uint32_t lifetime_s);
void upnp_unmap(const gateway_mapping_t *mapping);

#endif
