/* The border: which records of a datagram OpenSSL gets to see (RFC 6347 §4.1). What it would answer with a fatal alert, although anybody
 * can have sent it, ends here: RFC 6347 §4.1.2.7 has invalid records discarded in silence. Only lib/dtls includes this. */
#ifndef DTLS_RECORDS_H
#define DTLS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Encrypted records that may come before their keys, between two expiries of the timer: OpenSSL keeps each in a buffer of 16 KiB. A peer's
 * Finished needs one or two. */
#define DTLS_EARLY_RECORDS_MAX 16

/* What the association can take at this time. */
typedef struct dtls_border {
    bool is_handshaking;
    bool with_data;         /* records of data are for OpenSSL, too */
    bool is_server;         /* hence the messages that a peer may send */
    size_t overhead;        /* what the agreed cipher adds to a record; 0: none is agreed on, so nothing can be encrypted */
    unsigned early_records; /* encrypted ones let through while handshaking, since the timer's last expiry */
    int alert;              /* the description in a plaintext fatal alert, which is kept back; -1: none */
} dtls_border_t;

/* Keeps the records that are whole, well formed, possible at this time, in place, and returns their total length (0: nothing
 * is left). */
size_t dtls_records_filter(dtls_border_t *border, uint8_t *data, size_t length);
/* The total length of the whole records that may be encrypted data. */
size_t dtls_records_data_length(const dtls_border_t *border, const uint8_t *data, size_t length);

#endif
