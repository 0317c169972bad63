/* One DTLS 1.2 association (RFC 6347) for DTLS-SRTP (RFC 5764) and data channels (RFC 8261): datagrams in, datagrams and decrypted data
 * out, no socket. The peer's certificate is matched against the fingerprints of its description before anything else is believed; nothing
 * turns that off. Each input may be followed by any number of others before dtls_poll(). */
#ifndef DTLS_DTLS_H
#define DTLS_DTLS_H

#include "base/packet.h"
#include "base/time.h"
#include "dtls/certificate.h"
#include "dtls/fingerprint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dtls dtls_t;

/* W3C RTCDtlsTransportState */
typedef enum dtls_state {
    DTLS_STATE_NEW = 0,
    DTLS_STATE_CONNECTING,
    DTLS_STATE_CONNECTED,
    DTLS_STATE_CLOSED,
    DTLS_STATE_FAILED
} dtls_state_t;
/* W3C RTCDtlsRole */
typedef enum dtls_role { DTLS_ROLE_UNKNOWN = 0, DTLS_ROLE_CLIENT, DTLS_ROLE_SERVER } dtls_role_t;

#define DTLS_MTU_DEFAULT 1200 /* as browsers: passes every path that IPv6 allows, tunnels included */
#define DTLS_MTU_MIN 256
#define DTLS_DATA_MAX 16384 /* RFC 6347 §4.1.1: plaintext of one record, hence the largest SCTP packet */
#define DTLS_OVERHEAD 37    /* record header 13, explicit nonce 8, tag 16: what a record adds at most */
#define DTLS_SRTP_PROFILES_MAX 3
#define DTLS_SRTP_KEYING_MATERIAL_MAX 88 /* 2 × (key 32 + salt 12) for AEAD_AES_256_GCM */

typedef struct dtls_config {
    certificate_t *certificate; /* a reference is taken */
    packet_pool_t *pool;        /* outlives the association */
    size_t mtu;                 /* largest datagram of the handshake; 0: DTLS_MTU_DEFAULT */
    uint32_t connection;        /* number for the log */
    /* SRTP protection profiles by IANA number, best first; all zero offers all: 0x0007 AEAD_AES_128_GCM, 0x0008 AEAD_AES_256_GCM,
     * 0x0001 AES128_CM_HMAC_SHA1_80. */
    uint16_t srtp_profiles[DTLS_SRTP_PROFILES_MAX];
} dtls_config_t;

/* True when the datagram's first byte says DTLS (RFC 7983 §7 as updated by RFC 9443: 20–63). */
static inline bool dtls_is_datagram(const uint8_t *data, size_t length)
{
    return length > 0 && data[0] >= 20 && data[0] <= 63;
}

dtls_t *dtls_new(const dtls_config_t *config); /* NULL when memory ran out, or the configuration is wrong (peer_last_error_message()) */
void dtls_free(dtls_t *dtls);                  /* NULL is allowed; sends nothing: see dtls_close() */

/* What the peer's description says. Before dtls_start(); later only the same set again, anything else is PEER_ERROR_INVALID_MODIFICATION
 * (a new fingerprint asks for a new association, RFC 8842 §4). Of several hashes only the strongest counts (RFC 8122 §5.1). */
int dtls_set_remote_fingerprints(dtls_t *dtls, const fingerprint_t *fingerprints, size_t count);
/* What the former would give now; changes nothing. */
int dtls_check_remote_fingerprints(const dtls_t *dtls, const fingerprint_t *fingerprints, size_t count);
/* Begins the handshake in the role the descriptions agreed on. Without fingerprints: PEER_ERROR_INVALID_STATE. Datagrams that came before
 * are taken now. */
int dtls_start(dtls_t *dtls, peer_time_t now, bool is_client);

/* A datagram arrived; the packet's reference is taken. Before dtls_start() a few are held. What does not parse is dropped and counted. */
void dtls_input(dtls_t *dtls, peer_time_t now, packet_t *packet);
/* To be called when the deadline has passed; earlier calls do nothing. */
void dtls_timeout(dtls_t *dtls, peer_time_t now);
peer_time_t dtls_deadline(const dtls_t *dtls); /* or PEER_TIME_NEVER */

/* Sends one packet of application data as one record; it leaves by DTLS_OUTPUT_SEND, encrypted, in the same packet when that packet is not
 * shared, otherwise in another with the same may_fragment. The reference is taken in every case. PEER_ERROR_INVALID_STATE unless connected,
 * PEER_ERROR_RANGE when it is empty or longer than DTLS_DATA_MAX. */
int dtls_send(dtls_t *dtls, peer_time_t now, packet_t *packet);
/* Says goodbye (close_notify) if connected, and is closed; no output but that datagram follows. */
void dtls_close(dtls_t *dtls);

typedef enum dtls_output_type {
    DTLS_OUTPUT_SEND = 1,  /* `packet` is a datagram for the peer; its path is the caller's affair */
    DTLS_OUTPUT_CONNECTED, /* once: the peer is who its description says; keys can be exported */
    DTLS_OUTPUT_DATA,      /* `packet` holds decrypted application data (one SCTP packet), path and time as they came */
    DTLS_OUTPUT_CLOSED,    /* the peer said goodbye (close_notify); the state is closed */
    DTLS_OUTPUT_FAILED     /* the state is failed; `failure` says why. A peer's alert before the keys: after a second of silence only */
} dtls_output_type_t;

/* For the W3C RTCError of RTCDtlsTransport.onerror. */
typedef struct dtls_failure {
    int sent_alert;              /* RFC 5246 §7.2 AlertDescription, or -1 */
    int received_alert;          /* the same, or -1 */
    bool is_fingerprint_failure; /* "fingerprint-failure", otherwise "dtls-failure" */
    const char *text;            /* one sentence; belongs to the association */
} dtls_failure_t;

typedef struct dtls_output {
    dtls_output_type_t type;
    packet_t *packet; /* SEND and DATA: the reference is now the caller's */
    dtls_failure_t failure;
} dtls_output_t;

/* The next output; false when there is none. Datagrams come first, then the change of state, then data, then the end. */
bool dtls_poll(dtls_t *dtls, dtls_output_t *output);

dtls_state_t dtls_state(const dtls_t *dtls);
const char *dtls_state_name(dtls_state_t state); /* "new", "connecting", … */
dtls_role_t dtls_role(const dtls_t *dtls);
const char *dtls_role_name(dtls_role_t role); /* "unknown", "client", "server" */

/* The rest is known once connected. */
uint16_t dtls_version(const dtls_t *dtls);              /* 0xfefd is DTLS 1.2; 0 before */
const char *dtls_version_name(const dtls_t *dtls);      /* "DTLS 1.2"; "" before */
const char *dtls_cipher_name(const dtls_t *dtls);       /* IANA's name, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"; "" before */
const char *dtls_group_name(const dtls_t *dtls);        /* "x25519", "secp256r1", "secp384r1"; "" before */
uint16_t dtls_srtp_profile(const dtls_t *dtls);         /* IANA number; 0 when none was agreed */
const char *dtls_srtp_profile_name(const dtls_t *dtls); /* IANA's name, "SRTP_AEAD_AES_128_GCM"; "" when none was agreed */
/* RFC 5764 §4.2: client key, server key, client salt, server salt. False unless connected with a profile. Wipe it after use. */
bool dtls_export_srtp_keys(const dtls_t *dtls, uint8_t material[DTLS_SRTP_KEYING_MATERIAL_MAX], size_t *length);
/* The peer's chain, its own certificate at index 0: a new DER copy (memory_free), NULL beyond the end. */
uint8_t *dtls_remote_certificate(const dtls_t *dtls, size_t index, size_t *length);

typedef struct dtls_statistics {
    uint64_t datagrams_received;
    uint64_t datagrams_dropped; /* not DTLS, malformed, or beyond what is held before dtls_start() */
    uint64_t datagrams_sent;
    uint64_t data_received; /* records of application data */
    uint64_t data_sent;
    uint32_t retransmissions; /* timer expiries of the handshake */
} dtls_statistics_t;

const dtls_statistics_t *dtls_statistics(const dtls_t *dtls);

#endif
