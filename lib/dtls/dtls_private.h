/* The association's inside, for the files of lib/dtls that act on it and that describe it. */
#ifndef DTLS_DTLS_PRIVATE_H
#define DTLS_DTLS_PRIVATE_H

#include "dtls/dtls.h"
#include "dtls/record_layer.h"
#include "dtls/records.h"

#include <openssl/ssl.h>

#define DTLS_FAILURE_TEXT_SIZE 320
#define DTLS_RETRANSMISSION_MAX_US 3000000u
#define DTLS_CHAIN_MAX 8 /* certificates of the peer that are remembered */

/* What a handshake came to. */
typedef struct dtls_facts {
    uint16_t version;
    uint16_t srtp_profile;
    const char *cipher_name;
    const char *group_name;
    struct {
        uint8_t *der;
        size_t length;
    } chain[DTLS_CHAIN_MAX]; /* the peer's, its own certificate first */
    size_t chain_count;
    uint8_t srtp_material[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t srtp_material_length; /* 0: no profile was agreed on */
} dtls_facts_t;

struct dtls {
    SSL *ssl;           /* NULL once connected for a while: see rest.c */
    dtls_facts_t facts; /* known once connected */
    certificate_t *certificate;
    packet_pool_t *pool;
    uint32_t connection;
    dtls_state_t state;
    dtls_role_t role;
    bool is_verified;   /* the peer's certificate has one of the fingerprints */
    bool has_connected; /* to be told by dtls_poll() */
    bool has_ended;     /* the same: closed by the peer, or failed */
    fingerprint_t fingerprints[FINGERPRINTS_MAX];
    size_t fingerprint_count;
    peer_time_t now; /* of the call in progress */
    peer_time_t deadline;
    peer_time_t last_use; /* of OpenSSL's record buffers, while connected */
    bool has_buffers;
    peer_time_t rest_at; /* when OpenSSL is not needed any more; PEER_TIME_NEVER: not connected, or at rest */
    packet_t *reading;   /* the datagram that OpenSSL reads next */
    record_past_t past;  /* what OpenSSL sent under its keys before `records` took over */
    record_layer_t *records;
    bool has_taken_over; /* `records` has started: since connected */
    dtls_border_t border;
    peer_time_t alert_deadline; /* when border.alert is believed */
    packet_queue_t held;
    packet_queue_t early; /* data ahead of the last handshake message */
    packet_queue_t outgoing;
    packet_queue_t incoming;
    dtls_failure_t failure;
    char failure_text[DTLS_FAILURE_TEXT_SIZE];
    dtls_statistics_t statistics;
};

/* view.c */
void dtls_facts_learn(dtls_facts_t *facts, SSL *ssl, bool is_client);
void dtls_facts_forget(dtls_facts_t *facts);

/* dtls.c */
void dtls_fail(dtls_t *dtls, const char *what);
void dtls_closed_by_peer(dtls_t *dtls);

/* rest.c */
void dtls_rest_after_handshake(dtls_t *dtls); /* just connected */
void dtls_rest_after_data(dtls_t *dtls);      /* a record of the peer's was opened */
void dtls_rest_if_due(dtls_t *dtls);
/* At rest: an alert. False when it is not the peer's. Its bytes are undefined then. */
bool dtls_rest_hear_alert(dtls_t *dtls, uint8_t *record, size_t size);
/* An alert of ours by OpenSSL, or by the record layer when that is gone. */
void dtls_rest_say_goodbye(dtls_t *dtls);

#endif
