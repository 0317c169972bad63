/* What the protocol core asks its driver to open besides UDP sockets: a TCP connection, one secured by TLS, or DTLS over a UDP socket. The
 * driver frames (so that packets stay packets), secures, and reports; what the packets mean is the asker's affair. */
#ifndef BASE_LINK_H
#define BASE_LINK_H

#include "base/address.h"

#define LINK_NAME_SIZE 256

typedef enum link_protocol {
    LINK_TCP,
    LINK_TLS,  /* over TCP */
    LINK_DTLS, /* over the UDP socket `socket` */
    LINK_UDP,  /* nothing but a UDP socket of its own */
} link_protocol_t;

typedef enum link_framing {
    LINK_FRAMING_ICE,  /* two octets of length before each packet (RFC 4571, RFC 6544 §3); the driver writes and removes them */
    LINK_FRAMING_STUN, /* STUN messages and ChannelData of TURN tell their own length; the driver adds and removes the latter's padding to
                          four octets (RFC 8656 §12.5) */
} link_framing_t;

typedef struct link_request {
    uint32_t request; /* the asker's number for it, never 0 */
    uint8_t protocol; /* link_protocol_t */
    uint8_t framing;  /* link_framing_t; datagrams have none */
    bool shares_port; /* local.port is also a listener's (RFC 6544 §5.2): bound all the same */
    uint32_t socket;  /* LINK_DTLS: the UDP socket whose DTLS from and to `remote` is the link's; else 0 */
    address_t local;  /* where from; port 0: any. LINK_DTLS: the socket's */
    address_t remote;
    char server_name[LINK_NAME_SIZE]; /* TLS, DTLS: the name or IP literal that the server's certificate must be of (RFC 8489 §6.2.3) */
} link_request_t;

#endif
