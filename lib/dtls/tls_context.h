/* OpenSSL's contexts for TLS and DTLS towards servers: what is offered, and which roots are trusted. One for each file of roots, kept until
 * the process ends: reading the roots costs more than a handshake. Only lib/dtls includes this. */
#ifndef DTLS_TLS_CONTEXT_H
#define DTLS_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* An SSL of its own for one connection, with its BIO, whose data `owner` becomes. `ca_file` NULL: the system's roots. NULL, with an error
 * set that says what is wrong with the file. */
SSL *tls_context_open(bool is_datagram, const char *ca_file, void *owner);

/* Implemented by the client, called by OpenSSL through the context. */
void tls_on_information(const SSL *ssl, int where, int value);
int tls_on_read(BIO *bio, char *data, int size);
int tls_on_write(BIO *bio, const char *data, int size);

#endif
