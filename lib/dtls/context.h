/* OpenSSL's context that all associations of one certificate share: what is offered, and how a peer is verified. Only lib/dtls includes
 * this. */
#ifndef DTLS_CONTEXT_H
#define DTLS_CONTEXT_H

#include <openssl/ssl.h>

typedef struct dtls_context {
    SSL_CTX *ssl;
    BIO_METHOD *datagrams; /* the BIO between an association and its packets */
} dtls_context_t;

int dtls_context_init(dtls_context_t *context, X509 *certificate, EVP_PKEY *key);
void dtls_context_clear(dtls_context_t *context);

/* Implemented by the association, called by OpenSSL through the context. */
int dtls_on_verify(X509_STORE_CTX *store, void *unused);
void dtls_on_information(const SSL *ssl, int where, int value);
int dtls_on_read(BIO *bio, char *data, int size);
int dtls_on_write(BIO *bio, const char *data, int size);

#endif
