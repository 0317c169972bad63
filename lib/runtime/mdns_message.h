/* Multicast DNS messages (RFC 6762), as far as a resolver of host names and a responder for them need: questions for addresses, and address
 * records. No service discovery, no caching. */
#ifndef RUNTIME_MDNS_MESSAGE_H
#define RUNTIME_MDNS_MESSAGE_H

#include "base/address.h"

#define MDNS_NAME_SIZE 256    /* dotted text of a name (RFC 1035 §3.1 allows 255 octets on the wire), with a NUL */
#define MDNS_MESSAGE_MAX 9000 /* RFC 6762 §17 */
#define MDNS_QUERY_MAX (12 + 2 * (255 + 4))
#define MDNS_RECORDS_MAX 16   /* taken from one message */
#define MDNS_QUESTIONS_MAX 16 /* the same */
#define MDNS_RESPONSE_MAX 1400
#define MDNS_TTL 120 /* seconds; of records that name a host: RFC 6762 §10 */

typedef enum mdns_type { MDNS_TYPE_A = 1, MDNS_TYPE_AAAA = 28, MDNS_TYPE_NSEC = 47, MDNS_TYPE_ANY = 255 } mdns_type_t;

typedef struct mdns_record {
    char name[MDNS_NAME_SIZE];
    address_t address; /* port 0 */
    uint32_t ttl;      /* seconds */
} mdns_record_t;

typedef struct mdns_question {
    char name[MDNS_NAME_SIZE];
    uint16_t type;
    bool wants_unicast; /* the QU bit: RFC 6762 §5.4 */
} mdns_question_t;

typedef struct mdns_query {
    uint16_t id;
    mdns_question_t questions[MDNS_QUESTIONS_MAX];
    size_t question_count;
    mdns_record_t known[MDNS_RECORDS_MAX]; /* addresses that need no answer: RFC 6762 §7.1 */
    size_t known_count;
} mdns_query_t;

/* What is said of a name that is ours alone. */
typedef struct mdns_answer {
    const char *name;
    address_t address; /* family ADDRESS_NONE: that it has no records but of the following types (NSEC: RFC 6762 §6.1) */
    bool has_ipv4;
    bool has_ipv6;
} mdns_answer_t;

typedef struct mdns_response {
    uint16_t id;
    const mdns_question_t *legacy; /* not NULL: for a resolver that knows no multicast DNS (RFC 6762 §6.7), which has asked this */
    mdns_answer_t answers[MDNS_RECORDS_MAX];
    size_t answer_count;
    mdns_answer_t additional[MDNS_RECORDS_MAX];
    size_t additional_count;
} mdns_response_t;

/* Asks for the A and AAAA records of `name` (RFC 6762 §5.1). The length, 0 when the name is none. */
size_t mdns_write_query(uint8_t *message, size_t capacity, const char *name);
/* Reads the address records of a response. False when the message is not a response or malformed anywhere; then nothing is given. */
bool mdns_parse_response(const uint8_t *message, size_t length, mdns_record_t records[MDNS_RECORDS_MAX], size_t *count);
/* Reads the questions of class IN and the known addresses of a query. False when the message is not a query or malformed anywhere. */
bool mdns_parse_query(const uint8_t *message, size_t length, mdns_query_t *query);
/* The length; what does not fit is left out. */
size_t mdns_write_response(uint8_t *message, size_t capacity, const mdns_response_t *response);

#endif
