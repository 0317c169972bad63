/* A client of TLS 1.2 or 1.3 over a stream, or of DTLS 1.2 (RFC 7350), towards STUN and TURN servers: bytes or datagrams in and out,
 * plaintext in and out, no socket. The server's chain is verified against the system's roots or those of a file, and its certificate has to
 * be of the name or address that was asked for (RFC 8489 §6.2.3, RFC 9525); nothing turns that off. Peers are another affair: dtls.h. */
#ifndef DTLS_TLS_CLIENT_H
#define DTLS_TLS_CLIENT_H

#include "base/packet.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tls_client tls_client_t;

typedef struct tls_client_config {
    packet_pool_t *pool;     /* outlives the client */
    bool is_datagram;        /* DTLS */
    const char *server_name; /* host name or IP literal */
    const char *ca_file;     /* PEM; NULL: the system's roots */
} tls_client_config_t;

/* Begins the handshake. NULL with an error set: memory ran out, no server can have that name, or the file cannot be read. */
tls_client_t *tls_client_new(const tls_client_config_t *config, peer_time_t now);
void tls_client_free(tls_client_t *client); /* NULL is allowed; sends nothing: see tls_client_close() */

/* Bytes of the stream, or one datagram, which may be changed. */
void tls_client_input(tls_client_t *client, peer_time_t now, uint8_t *data, size_t length);
/* To be called when the deadline has passed; earlier calls do nothing. */
void tls_client_timeout(tls_client_t *client, peer_time_t now);
peer_time_t tls_client_deadline(const tls_client_t *client); /* or PEER_TIME_NEVER: always, over a stream */

/* Sends plaintext, over DTLS as one record; it leaves by TLS_CLIENT_SEND. Takes the reference. False unless connected, and for a packet
 * that is empty or fits no datagram. */
bool tls_client_send(tls_client_t *client, peer_time_t now, packet_t *packet);
/* Says goodbye (close_notify) if connected; no output but that follows. */
void tls_client_close(tls_client_t *client);

typedef enum tls_client_output_type {
    TLS_CLIENT_SEND = 1,  /* `packet` holds the next bytes, or a datagram, for the server */
    TLS_CLIENT_CONNECTED, /* once: the server is the one that was asked for */
    TLS_CLIENT_DATA,      /* `packet` holds decrypted bytes, of DTLS one record */
    TLS_CLIENT_CLOSED,    /* the server said goodbye */
    TLS_CLIENT_FAILED,    /* `text` says why */
} tls_client_output_type_t;

typedef struct tls_client_output {
    tls_client_output_type_t type;
    packet_t *packet; /* SEND and DATA: the reference is now the caller's; its path is the caller's affair */
    const char *text; /* FAILED: a sentence for a user, the client's */
} tls_client_output_t;

/* The next output; false when there is none. */
bool tls_client_poll(tls_client_t *client, tls_client_output_t *output);

const char *tls_client_version_name(const tls_client_t *client); /* "TLSv1.3", "DTLSv1.2" */

#endif
