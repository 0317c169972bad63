/* A transport address without the operating system's types, so that the protocol core needs no socket headers. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum address_family { ADDRESS_NONE = 0, ADDRESS_IPV4 = 4, ADDRESS_IPV6 = 6 } address_family_t;

typedef struct address {
    uint8_t family; /* address_family_t */
    uint16_t port;
    uint32_t scope_id; /* IPv6 link-local zone, else 0 */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest are zero */
} address_t;

#define ADDRESS_TEXT_SIZE 64 /* "[ffff:…%4294967295]:65535" and a NUL */

address_t address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
/* An IP literal without port, brackets or zone. False if it is not one: host names are not resolved here. */
bool address_parse(address_t *address, const char *text, uint16_t port);
bool address_equal(const address_t *a, const address_t *b);    /* with port */
bool address_ip_equal(const address_t *a, const address_t *b); /* without port */
uint32_t address_hash(const address_t *address);
/* "192.0.2.1" or "2001:db8::1" (RFC 5952); returns `text`. */
const char *address_ip_text(const address_t *address, char text[ADDRESS_TEXT_SIZE]);
/* "192.0.2.1:5000" or "[2001:db8::1]:5000"; returns `text`. */
const char *address_text(const address_t *address, char text[ADDRESS_TEXT_SIZE]);
bool address_is_any(const address_t *address);
bool address_is_loopback(const address_t *address);
bool address_is_link_local(const address_t *address);
bool address_is_multicast(const address_t *address);
bool address_is_private(const address_t *address); /* RFC 1918, RFC 4193, RFC 6598 */

typedef enum transport_protocol { TRANSPORT_UDP = 0, TRANSPORT_TCP = 1 } transport_protocol_t;

/* Where a datagram came from or goes to: a socket of the runtime (or of the simulator), and both ends. */
typedef struct path {
    uint32_t socket;  /* number given by the runtime; 0 is none */
    uint8_t protocol; /* transport_protocol_t */
    uint8_t relay;    /* ICE's number of the TURN allocation that lies between; 0: none. Means nothing to the runtime */
    address_t local;  /* the socket's own address, or the relayed one */
    address_t remote;
} path_t;

bool path_equal(const path_t *a, const path_t *b); /* the same socket, relay and far end */

#endif
