/* The border: which records of a datagram OpenSSL gets to see (RFC 6347 §4.1). Only lib/dtls includes this. */
#ifndef DTLS_RECORDS_H
#define DTLS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_RECORD_HEADER 13
/* Encrypted records that may come before their keys, between two expiries of the timer: OpenSSL keeps each in a buffer of 16 KiB. A peer's
 * Finished and first data need two or three. */
#define DTLS_EARLY_RECORDS_MAX 16

/* Keeps the records that are whole, of a known type and possible at this time, in place, and returns their total length (0: nothing is
 * left). `early_records` counts the encrypted ones let through while handshaking. */
size_t dtls_records_filter(uint8_t *data, size_t length, bool is_handshaking, unsigned *early_records);

#endif
