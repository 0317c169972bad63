/* Multicast DNS messages (RFC 6762), as far as a resolver of host names needs them: it writes questions for addresses and reads address
 * records. No service discovery, no caching. */
#ifndef RUNTIME_MDNS_MESSAGE_H
#define RUNTIME_MDNS_MESSAGE_H

#include "base/address.h"

#define MDNS_NAME_SIZE 256    /* dotted text of a name (RFC 1035 §3.1 allows 255 octets on the wire), with a NUL */
#define MDNS_MESSAGE_MAX 9000 /* RFC 6762 §17 */
#define MDNS_QUERY_MAX (12 + 2 * (255 + 4))
#define MDNS_RECORDS_MAX 16 /* taken from one message */

typedef struct mdns_record {
    char name[MDNS_NAME_SIZE];
    address_t address; /* port 0 */
} mdns_record_t;

/* Asks for the A and AAAA records of `name` (RFC 6762 §5.1). The length, 0 when the name is none. */
size_t mdns_write_query(uint8_t *message, size_t capacity, const char *name);
/* Reads the address records of a response. False when the message is not a response or malformed anywhere; then nothing is given. */
bool mdns_parse_response(const uint8_t *message, size_t length, mdns_record_t records[MDNS_RECORDS_MAX], size_t *count);

#endif
