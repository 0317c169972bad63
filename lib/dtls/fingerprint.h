/* A certificate fingerprint as SDP carries it (RFC 8122 §5): "sha-256 4A:AD:…". Only the hashes that may still be believed: md5 and md2 are
 * refused. It knows no certificate; certificate.h computes the values. */
#ifndef DTLS_FINGERPRINT_H
#define DTLS_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ordered by strength: a larger value is the stronger hash (RFC 8122 §5.1). */
typedef enum fingerprint_hash {
    FINGERPRINT_SHA_1 = 1,
    FINGERPRINT_SHA_224,
    FINGERPRINT_SHA_256,
    FINGERPRINT_SHA_384,
    FINGERPRINT_SHA_512
} fingerprint_hash_t;

#define FINGERPRINT_BYTES_MAX 64  /* SHA-512 */
#define FINGERPRINT_TEXT_SIZE 200 /* "sha-512 ", 64 × "AB:" and a NUL */
#define FINGERPRINTS_MAX 16       /* of one remote description; the rest is ignored */

typedef struct fingerprint {
    fingerprint_hash_t hash;
    size_t length; /* of the hash */
    uint8_t bytes[FINGERPRINT_BYTES_MAX];
} fingerprint_t;

/* "sha-256" …; "" for a value that is none. */
const char *fingerprint_hash_name(fingerprint_hash_t hash);
/* False for hashes that are unknown or refused. The name's case does not matter (RFC 8122 §5). */
bool fingerprint_hash_parse(fingerprint_hash_t *hash, const char *name);

/* The attribute's value, "sha-256 4A:AD:…". PEER_ERROR_NOT_SUPPORTED for a hash we do not believe (skip such a line), PEER_ERROR_SYNTAX
 * for anything else that is wrong. */
int fingerprint_parse(fingerprint_t *fingerprint, const char *text);
/* The same from its two halves, as RTCDtlsFingerprint has them. */
int fingerprint_parse_parts(fingerprint_t *fingerprint, const char *algorithm, const char *value);
/* "sha-256 4A:AD:…", upper case; returns `text`. */
const char *fingerprint_text(const fingerprint_t *fingerprint, char text[FINGERPRINT_TEXT_SIZE]);
/* "4A:AD:…" alone; returns `text`. */
const char *fingerprint_value_text(const fingerprint_t *fingerprint, char text[FINGERPRINT_TEXT_SIZE]);
bool fingerprint_equal(const fingerprint_t *a, const fingerprint_t *b);

#endif
