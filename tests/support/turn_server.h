/* A TURN server (RFC 8656, RFC 8489) for tests: sans-IO and in virtual time like what it serves. It does what a good server does, and on
 * demand what bad ones do. It is also a STUN server. */
#ifndef TURN_SERVER_H
#define TURN_SERVER_H

#include "base/address.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct turn_server turn_server_t;

/* `path` is the server's view: local is the server's or a relayed address, remote the client or peer. TRANSPORT_TCP: each call is one whole
 * message. */
typedef void (*turn_server_send_t)(void *context, const path_t *path, const uint8_t *data, size_t length);

typedef struct turn_server_config {
    random_source_t random;
    address_t relay_ipv4, relay_ipv6; /* without port; family ADDRESS_NONE: not relayed */
    const char *realm;
    const char *username, *password; /* as they are after OpaqueString; NULL: nobody is asked */
    bool has_sha256;                 /* offers PASSWORD-ALGORITHMS, SHA-256 first */
    bool has_sha256_only;
    bool has_username_anonymity;  /* demands USERHASH */
    bool authenticates_binding;   /* for Binding requests too */
    peer_time_t nonce_lifetime;   /* 0: until restart */
    size_t quota;                 /* of allocations; 0: none */
    uint32_t lifetime;            /* longest, in seconds; 0: 600 */
    address_t forbidden;          /* peers of this IP address get 403 */
    address_t alternate;          /* clients are sent there (300); family ADDRESS_NONE: they are not */
    bool authenticates_alternate; /* only those with good credentials are */
    const char *alternate_domain;
    turn_server_send_t send;
    void *context;
} turn_server_config_t;

/* What bad servers do. May be changed at any time. */
typedef struct turn_server_faults {
    bool is_silent;
    uint16_t silent_method;   /* requests of this method get no answer */
    bool has_no_integrity;    /* in responses */
    bool has_wrong_integrity; /* the same, but it is there */
    bool hides_algorithms;    /* the nonce tells of PASSWORD-ALGORITHMS that are not there */
    bool has_stale_nonce_always;
    bool has_changing_realm; /* challenges again and again */
    bool refuses_dual;       /* 440 to ADDITIONAL-ADDRESS-FAMILY */
    bool is_like_coturn; /* of 4.6: knows ADDITIONAL-ADDRESS-FAMILY by another number, fills the place of a missing family, pads reasons */
    uint16_t error_method; /* requests of this method get error_code … */
    uint16_t error_code;
    const char *error_reason;
    address_t relayed; /* told instead of the true one; family ADDRESS_NONE: the true one is told */
    bool has_lifetime; /* tells `lifetime` instead of the true one */
    uint32_t lifetime;
    bool needs_no_permission; /* relays everything to the client */
} turn_server_faults_t;

turn_server_t *turn_server_new(const turn_server_config_t *config);
void turn_server_free(turn_server_t *server);
turn_server_faults_t *turn_server_faults(turn_server_t *server);
void turn_server_input(turn_server_t *server, peer_time_t now, const path_t *path, const uint8_t *data, size_t length);
void turn_server_restart(turn_server_t *server); /* all allocations and nonces are gone */
void turn_server_forget_nonces(turn_server_t *server);

size_t turn_server_allocations(const turn_server_t *server, peer_time_t now);
bool turn_server_is_relayed(const turn_server_t *server, peer_time_t now, const address_t *address);
/* Of the allocation that has this relayed address. */
bool turn_server_has_permission(const turn_server_t *server, peer_time_t now, const address_t *relayed, const address_t *peer);
uint16_t turn_server_channel(const turn_server_t *server, peer_time_t now, const address_t *relayed, const address_t *peer); /* or 0 */

typedef struct turn_server_counters {
    size_t requests[16]; /* by method */
    size_t challenges, successes, errors;
    size_t indications, channel_packets; /* that came from clients */
    size_t dropped;                      /* to or from peers without permission, or of unknown channels */
} turn_server_counters_t;

const turn_server_counters_t *turn_server_counters(const turn_server_t *server);

#endif
