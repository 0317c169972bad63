/* Port Control Protocol (RFC 6887) messages, as far as mapping a UDP port of our own takes them: the MAP opcode, IPv4, no options. */
#ifndef RUNTIME_PCP_MESSAGE_H
#define RUNTIME_PCP_MESSAGE_H

#include "base/address.h"

#define PCP_PORT 5351
#define PCP_NONCE_SIZE 12
#define PCP_MAP_SIZE 60       /* a request, or a response without options */
#define PCP_RESPONSE_MAX 1100 /* RFC 6887 §7 */

typedef struct pcp_map {
    uint8_t nonce[PCP_NONCE_SIZE]; /* the same in renewals and the removal: RFC 6887 §11.2 */
    address_t local;
    address_t external;  /* suggested, or as assigned; family ADDRESS_NONE: any */
    uint32_t lifetime_s; /* 0 removes */
} pcp_map_t;

void pcp_write_map(uint8_t message[PCP_MAP_SIZE], const pcp_map_t *map);
/* Reads what the server answered to `map` into it: the external address and the lifetime. False, and nothing changed, when it is no answer
 * to that or says no (RFC 6887 §8.3, §11.4). */
bool pcp_read_map(const uint8_t *message, size_t length, pcp_map_t *map);

#endif
