/** @file
 * Certificates with which connections prove who they are (W3C WebRTC §4.9, RTCCertificate).
 */
#ifndef PEER_CERTIFICATE_H
#define PEER_CERTIFICATE_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** Key of a new certificate. */
typedef enum peer_key_algorithm {
    PEER_KEY_ECDSA_P256 = 0, /**< ECDSA on curve P-256: the default, made in under a millisecond */
    PEER_KEY_RSA_2048 = 1    /**< RSA with 2,048 bits, for peers that know nothing else; takes some 100 ms */
} peer_key_algorithm_t;

/**
 * Makes a self-signed certificate (RTCPeerConnection.generateCertificate).
 *
 * @param algorithm    one of ::peer_key_algorithm_t
 * @param lifetime_s   seconds it is valid, 1 to 31,536,000 (a year); 0 for the default of 30 days
 * @param certificate  receives the certificate
 * @return 0, PEER_ERROR_RANGE, PEER_ERROR_NO_MEMORY or PEER_ERROR_OPERATION
 * @threadsafe
 */
PEER_API int peer_certificate_generate(int32_t algorithm, int64_t lifetime_s, peer_certificate_t **certificate);

/**
 * Reads a certificate and its private key from PEM text, so that an application can keep one across runs.
 *
 * @param pem          both, NUL-terminated, in any order
 * @param certificate  receives the certificate
 * @return 0, PEER_ERROR_SYNTAX (no certificate, no key, or they do not belong together), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_certificate_from_pem(const char *pem, peer_certificate_t **certificate);

/** Writes certificate and private key as PEM text; give it back with peer_string_free(). NULL when memory ran out. @threadsafe */
PEER_API char *peer_certificate_to_pem(const peer_certificate_t *certificate);

/** Takes a reference. @threadsafe */
PEER_API peer_certificate_t *peer_certificate_ref(peer_certificate_t *certificate);
/** Gives a reference back. @threadsafe */
PEER_API void peer_certificate_unref(peer_certificate_t *certificate);

/** When it ceases to be valid: milliseconds since 1970 (RTCCertificate.expires). @threadsafe */
PEER_API int64_t peer_certificate_expires_ms(const peer_certificate_t *certificate);

/**
 * Gives the SHA-256 fingerprint in the form that SDP carries (RFC 8122 §5), "AB:CD:…".
 *
 * @return a string that lives as long as the certificate
 * @threadsafe
 */
PEER_API const char *peer_certificate_fingerprint(const peer_certificate_t *certificate);

/** RTCDtlsFingerprint.algorithm of the one that RTCCertificate.getFingerprints() gives: "sha-256". The string is static. @threadsafe */
PEER_API const char *peer_certificate_fingerprint_algorithm(const peer_certificate_t *certificate);
/** RTCDtlsFingerprint.value of it: peer_certificate_fingerprint() in lower case, as W3C wants it (§4.9.2). It lives as long as the
 * certificate. @threadsafe */
PEER_API const char *peer_certificate_fingerprint_value(const peer_certificate_t *certificate);

PEER_END_DECLS

#endif
