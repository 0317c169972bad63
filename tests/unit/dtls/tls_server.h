/* For tests: certificates of every good and bad kind, and a TLS or DTLS server that shows them and echoes what it is sent. */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "base/packet.h"

#include <openssl/ssl.h>

typedef struct identity {
    X509 *certificate;
    EVP_PKEY *key;
} identity_t;

typedef struct identity_options {
    const identity_t *issuer; /* NULL: signed by itself */
    const char *names;        /* subjectAltName as OpenSSL writes it, "DNS:turn.example.org,IP:192.0.2.1"; NULL: none */
    const char *common_name;  /* NULL: "test" */
    bool is_authority;
    bool is_for_clients;              /* its extended key usage */
    long valid_from_s, valid_until_s; /* from now; both 0: yesterday to tomorrow */
} identity_options_t;

identity_t identity_new(const identity_options_t *options);
void identity_free(identity_t *identity);
/* Writes the certificate as PEM to a new file and returns its name, which is the caller's to unlink. */
const char *identity_write(const identity_t *identity, char path[64]);

typedef struct tls_server {
    SSL_CTX *context;
    SSL *ssl;
    packet_pool_t *pool;
    bool is_datagram;
    packet_queue_t in;
    packet_queue_t out; /* for the caller to take */
    size_t received;    /* bytes of plaintext, echoed */
    bool is_connected;
    bool is_over;          /* by goodbye, or an error */
    char server_name[256]; /* what the client asked for */
} tls_server_t;

/* `intermediate` (may be NULL) is shown beside. */
void tls_server_open(tls_server_t *server, packet_pool_t *pool, bool is_datagram, const identity_t *identity,
                     const identity_t *intermediate);
void tls_server_close(tls_server_t *server);
/* Takes bytes or a datagram, and goes on. */
void tls_server_input(tls_server_t *server, const void *data, size_t length);
void tls_server_write(tls_server_t *server, const void *data, size_t length);

#endif
