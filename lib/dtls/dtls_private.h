/* The association's inside, for the files of lib/dtls that act on it and that describe it. */
#ifndef DTLS_DTLS_PRIVATE_H
#define DTLS_DTLS_PRIVATE_H

#include "dtls/dtls.h"
#include "dtls/record_layer.h"
#include "dtls/records.h"

#include <openssl/ssl.h>

#define DTLS_FAILURE_TEXT_SIZE 320

struct dtls {
    SSL *ssl;
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
    packet_t *reading;  /* the datagram that OpenSSL reads next */
    record_past_t past; /* what OpenSSL sent under its keys before `records` took over */
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

#endif
