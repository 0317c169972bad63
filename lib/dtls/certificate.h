/* A certificate with its private key (W3C RTCCertificate): immutable, counted atomically, usable from any thread. It also keeps what every
 * DTLS association made with it shares, so that the second one is cheap. */
#ifndef DTLS_CERTIFICATE_H
#define DTLS_CERTIFICATE_H

#include "base/random.h"
#include "dtls/fingerprint.h"

#include <stddef.h>
#include <stdint.h>

typedef struct certificate certificate_t;

typedef enum certificate_key { CERTIFICATE_ECDSA_P256 = 0, CERTIFICATE_RSA_2048 } certificate_key_t;

#define CERTIFICATE_LIFETIME_DEFAULT_S (30 * 86400) /* W3C WebRTC §4.9.1: the user agent's choice; that of browsers */
#define CERTIFICATE_LIFETIME_MAX_S (365 * 86400)    /* W3C WebRTC §4.9.1: "expires" is at most 365 days ahead */

/* A new self-signed certificate with a random name. `unix_time_s` is the wall clock, which is not read here; `lifetime_s` 0 is the default.
 * An RSA key takes some 100 ms: not for a loop's thread. The caller owns a reference. */
int certificate_generate(certificate_t **certificate, certificate_key_t key, int64_t unix_time_s, int64_t lifetime_s,
                         const random_source_t *random);
/* PEM texts (the certificate's first, if there are several, and a PKCS#8 or traditional private key), or DER. PEER_ERROR_SYNTAX when they
 * do not parse, PEER_ERROR_INVALID_ACCESS when the key is not that of the certificate. */
int certificate_from_pem(certificate_t **certificate, const char *certificate_pem, const char *private_key_pem);
int certificate_from_der(certificate_t **certificate, const uint8_t *certificate_der, size_t certificate_length,
                         const uint8_t *private_key_der, size_t private_key_length);
certificate_t *certificate_ref(certificate_t *certificate);
void certificate_unref(certificate_t *certificate); /* NULL is allowed */
/* Before it is shared: only one connection will use it. */
void certificate_set_for_one(certificate_t *certificate);
/* That connection has used it and hardly will again: of such a certificate only the encodings are kept, until it is used after all. Any
 * thread. */
void certificate_pack(certificate_t *certificate);

/* The certificate as DER; it belongs to the certificate. */
const uint8_t *certificate_der(const certificate_t *certificate, size_t *length);
/* New strings or bytes, the caller's (memory_free); NULL when memory ran out. */
char *certificate_pem(const certificate_t *certificate);
char *certificate_private_key_pem(const certificate_t *certificate);                    /* PKCS#8 */
uint8_t *certificate_private_key_der(const certificate_t *certificate, size_t *length); /* PKCS#8 */
int64_t certificate_expires_ms(const certificate_t *certificate);                       /* since 1970, as RTCCertificate.expires */
bool certificate_has_expired(const certificate_t *certificate, int64_t unix_time_s);
int certificate_fingerprint(const certificate_t *certificate, fingerprint_hash_t hash, fingerprint_t *fingerprint);
/* Of any certificate in DER, for example the peer's. */
int certificate_der_fingerprint(const uint8_t *der, size_t length, fingerprint_hash_t hash, fingerprint_t *fingerprint);
char *certificate_der_base64(const uint8_t *der, size_t length); /* a new string, the caller's; NULL when memory ran out */

#endif
