/* OpenSSL's context that all associations share: what is offered, and how a peer is verified. It never changes once it is made, and stays
 * until the process ends: making one costs as much as a tenth of a handshake. Only lib/dtls includes this. */
#ifndef DTLS_CONTEXT_H
#define DTLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* AEAD with forward secrecy only (RFC 8827 §6.5 requires the first). AES-128 first: it costs least where AES has instructions. */
#define DTLS_CIPHERS                                                                                                                       \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                                                           \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                                                           \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define DTLS_GROUPS "X25519:P-256:P-384"

typedef struct dtls_context {
    SSL_CTX *ssl;
    BIO_METHOD *datagrams; /* the BIO between an association and its packets */
} dtls_context_t;

/* NULL, with an error set, when OpenSSL cannot make it. */
const dtls_context_t *dtls_context(void);
/* An association's SSL, showing this certificate. NULL, with an error set, when OpenSSL does not accept the two (a key that is too short).
 */
SSL *dtls_context_open(X509 *certificate, EVP_PKEY *key);

/* Explicit nonce and tag of the cipher agreed on (RFC 5288 §3, RFC 7905 §2): what it adds to a record of DTLS 1.2; 0 before. */
size_t dtls_context_overhead(const SSL *ssl, bool is_connected);

/* Implemented by the association, called by OpenSSL through the context. */
int dtls_on_verify(X509_STORE_CTX *store, void *unused);
void dtls_on_information(const SSL *ssl, int where, int value);
int dtls_on_read(BIO *bio, char *data, int size);
int dtls_on_write(BIO *bio, const char *data, int size);

#endif
