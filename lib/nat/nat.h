/* NAT discovery (RFC 5780): what NATs and firewalls lie between this host and the Internet, and how they map, filter, hairpin and forget.
 * A STUN server with two addresses is asked from several sockets; of servers with one address, what can be said is said. Sans-IO:
 * datagrams, answers of the resolver and the time come in by calls; what is to be sent, opened, resolved or told comes out of
 * nat_discovery_poll(). It finds out and says; whoever connects draws the conclusions. This header is the folder's face. */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include "base/address.h"
#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAT_MAX_SERVERS 8
#define NAT_HOST_NAME_SIZE 256

typedef struct nat_discovery nat_discovery_t;

typedef enum nat_type { /* the classic names (RFC 3489 §5), and what they leave out */
                        NAT_TYPE_UNKNOWN,
                        NAT_TYPE_OPEN,
                        NAT_TYPE_FULL_CONE,
                        NAT_TYPE_ADDRESS_RESTRICTED_CONE,
                        NAT_TYPE_PORT_RESTRICTED_CONE,
                        NAT_TYPE_SYMMETRIC,
                        NAT_TYPE_UDP_BLOCKED,
                        NAT_TYPE_FIREWALLED, /* no translation, but only those who were sent to may answer */
} nat_type_t;
#define NAT_TYPE_COUNT 8

typedef enum nat_behaviour { /* of mapping (RFC 4787 §4.1) and of filtering (§5) */
                             NAT_BEHAVIOUR_UNKNOWN,
                             NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT,
                             NAT_BEHAVIOUR_ADDRESS_DEPENDENT,
                             NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
} nat_behaviour_t;

typedef enum nat_answer {
    NAT_ANSWER_UNKNOWN,
    NAT_ANSWER_NO,
    NAT_ANSWER_YES,
} nat_answer_t;

typedef enum nat_turn { /* when a host of a type needs a TURN server */
                        NAT_TURN_UNKNOWN,
                        NAT_TURN_SELDOM,    /* only with peers whose UDP is blocked */
                        NAT_TURN_SOMETIMES, /* with symmetric peers too */
                        NAT_TURN_OFTEN,     /* with every peer that lets in only who was sent to, port included */
                        NAT_TURN_ALWAYS,    /* over TCP or TLS */
} nat_turn_t;

/* words.c: the names are those of the JSON; "" for what is outside, and for the unknown. */
const char *nat_type_name(nat_type_t type);
const char *nat_behaviour_name(nat_behaviour_t behaviour);
const char *nat_turn_name(nat_turn_t turn);
const char *nat_type_meaning(nat_type_t type); /* a sentence or two for a user */
const char *nat_turn_meaning(nat_turn_t turn);

/* judge.c */
nat_turn_t nat_turn_of(nat_type_t type);
/* Whether hosts of these types reach each other directly by UDP, each having sent to the other's mapped address (RFC 8445 §7). What is
 * unknown does not count as reachable. */
bool nat_can_connect(nat_type_t a, nat_type_t b);

typedef struct nat_result {
    int error;        /* 0, or a peer_error_t: nothing could be found out */
    const char *text; /* the error in words, or NULL; static */
    nat_type_t type;
    nat_behaviour_t mapping;
    nat_behaviour_t filtering;
    nat_answer_t hairpinning;
    address_t local;           /* family ADDRESS_NONE: unknown, also of the next three */
    address_t mapped;          /* the same as the server saw it */
    address_t server;          /* the one that gave it */
    address_t other;           /* its other address (RFC 5780 §7.4) */
    int32_t lifetime_s;        /* an idle binding lived so long, in seconds; -1: not measured */
    int32_t lifetime_below_s;  /* and not so long; -1: it was never seen to end */
    peer_time_t round_trip_us; /* to the server; 0: it did not answer */
} nat_result_t;

typedef struct nat_server {
    const char *host; /* IP literal without brackets, or name */
    uint16_t port;
} nat_server_t;

typedef struct nat_config {
    random_source_t random;
    packet_pool_t *pool;         /* outlives the discovery */
    const nat_server_t *servers; /* copied; at most NAT_MAX_SERVERS are asked */
    size_t server_count;
    address_t local;          /* where sockets are bound; family ADDRESS_NONE: on the address that routing gives */
    peer_time_t lifetime_max; /* the longest time to spend on the lifetime of bindings; 0: it is not measured */
} nat_config_t;

nat_discovery_t *nat_discovery_new(const nat_config_t *config); /* NULL when memory ran out */
void nat_discovery_free(nat_discovery_t *discovery);            /* sockets are the caller's to close; NULL is allowed */

void nat_discovery_start(nat_discovery_t *discovery, peer_time_t now);
void nat_discovery_input(nat_discovery_t *discovery, peer_time_t now, packet_t *packet); /* takes the reference */
void nat_discovery_timeout(nat_discovery_t *discovery, peer_time_t now);
peer_time_t nat_discovery_deadline(const nat_discovery_t *discovery); /* PEER_TIME_NEVER: nothing is awaited */

/* Answers to requests. A socket that was not asked for is closed again. */
void nat_discovery_socket_opened(nat_discovery_t *discovery, peer_time_t now, uint32_t socket, const address_t *local);
void nat_discovery_sockets_complete(nat_discovery_t *discovery, peer_time_t now);
/* It is gone by itself: what was under way with it can tell nothing any more. */
void nat_discovery_socket_closed(nat_discovery_t *discovery, peer_time_t now, uint32_t socket);
void nat_discovery_resolved(nat_discovery_t *discovery, peer_time_t now, uint32_t request, const address_t *addresses, size_t count);

typedef enum nat_output_kind {
    NAT_OUTPUT_SEND,         /* packet: the reference is the taker's */
    NAT_OUTPUT_OPEN_SOCKET,  /* open: bind one UDP socket on `local`, or when that has no family where routing sends what is for `remote`;
                                answer by nat_discovery_socket_opened() if it can be, and by nat_discovery_sockets_complete() in any case */
    NAT_OUTPUT_CLOSE_SOCKET, /* socket */
    NAT_OUTPUT_RESOLVE,      /* resolve: answer by nat_discovery_resolved() */
    NAT_OUTPUT_DONE,         /* result: the taker's (memory_free); nothing follows it, all sockets are closed */
} nat_output_kind_t;

typedef struct nat_output {
    nat_output_kind_t kind;
    union {
        packet_t *packet;
        uint32_t socket;
        struct {
            address_t local;
            address_t remote;
        } open;
        struct {
            uint32_t request;
            const char *name;
        } resolve;
        nat_result_t *result;
    };
} nat_output_t;

bool nat_discovery_poll(nat_discovery_t *discovery, nat_output_t *output);

#endif
