/* What the files of the test server share. */
#ifndef TURN_SERVER_PRIVATE_H
#define TURN_SERVER_PRIVATE_H

#include "turn_server.h"

#include "stun/stun.h"

#include <openssl/evp.h>

#define MAX_PERMISSIONS 128
#define MAX_CHANNELS 128

typedef struct permission {
    address_t ip;
    peer_time_t expires;
} permission_t;

typedef struct channel {
    uint16_t number;
    address_t peer;
    peer_time_t expires;
} channel_t;

typedef struct allocation {
    struct allocation *next;
    path_t path;
    uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE]; /* that made it */
    address_t relayed[2];
    size_t relayed_count;
    uint32_t lifetime;
    peer_time_t expires;
    permission_t permissions[MAX_PERMISSIONS];
    size_t permission_count;
    channel_t channels[MAX_CHANNELS];
    size_t channel_count;
} allocation_t;

struct turn_server {
    turn_server_config_t config;
    turn_server_faults_t faults;
    turn_server_counters_t counters;
    allocation_t *allocations;
    uint16_t next_port;
    char nonce[64];
    peer_time_t nonce_expires;
    unsigned challenges;
};

/* A request on its way through the server. */
typedef struct request {
    turn_server_t *server;
    peer_time_t now;
    const path_t *path;
    const stun_message_t *message;
    bool is_signed; /* and rightly so: the response is too */
    stun_hash_t hash;
    uint8_t key[EVP_MAX_MD_SIZE];
    size_t key_length;
    uint8_t response[2048];
    stun_builder_t builder;
} turn_server_request_t;

/* turn_server.c */
void turn_server_begin(turn_server_request_t *request, stun_class_t class);
void turn_server_begin_error(turn_server_request_t *request, uint16_t code, const char *reason);
void turn_server_answer_error(turn_server_request_t *request, uint16_t code, const char *reason);
void turn_server_finish(turn_server_request_t *request);

/* turn_server_auth.c: RFC 8489 §9.2.4; when it is false, the request has its answer. */
bool turn_server_is_authenticated(turn_server_request_t *request);

#endif
