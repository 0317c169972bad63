/* The records of a connected association (RFC 6347 §4.1), protected and opened in place, with OpenSSL's ciphers but not its record layer,
 * which copies each record twice each way. The handshake stays OpenSSL's, and so does what it has to say later (alerts, its last flight
 * once more): such records are protected anew here, so that from the takeover on every record of epoch 1 has one source of sequence
 * numbers and nonces. Only lib/dtls includes this. */
#ifndef DTLS_RECORD_LAYER_H
#define DTLS_RECORD_LAYER_H

#include "base/packet.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_CHANGE_CIPHER_SPEC = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_APPLICATION_DATA = 23 }; /* RFC 5246 §6.2.1 */

#define RECORD_HEADER 13
#define RECORD_TAG 16
#define RECORD_SEQUENCE_MAX ((UINT64_C(1) << 48) - 1) /* RFC 6347 §4.1: never again from the beginning under one key */
/* Forged records after which a key is not to be used any longer: RFC 9147 §4.5.3 reckons it for these ciphers, whatever the version. */
#define RECORD_FORGERIES_MAX (UINT64_C(1) << 36)
#define RECORD_WINDOW                                                                                                                      \
    1024 /* RFC 6347 §4.1.2.6: numbers so far behind the highest may still come; paths reorder more than 64 at such rates */

typedef enum record_cipher { RECORD_AES_128_GCM, RECORD_AES_256_GCM, RECORD_CHACHA20_POLY1305 } record_cipher_t;
typedef enum record_way { RECORD_OUT, RECORD_IN } record_way_t;

/* What the handshake agreed on. Wipe it after use. */
typedef struct record_keys {
    record_cipher_t cipher;
    uint8_t key[2][32]; /* by record_way_t */
    uint8_t iv[2][12];  /* GCM uses the first four bytes */
} record_keys_t;

/* What OpenSSL has sent in epoch 1 before the takeover. */
typedef struct record_past {
    bool is_any;
    uint64_t next_sequence;
    uint64_t first_nonce; /* of GCM: OpenSSL begins anywhere, and counts */
} record_past_t;

typedef struct record_layer record_layer_t;

/* The key block of the finished handshake (RFC 5246 §6.3). False when the cipher is none of these, or OpenSSL fails. */
bool record_keys_derive(record_keys_t *keys, const SSL *ssl, bool is_client);
/* A datagram that OpenSSL writes. */
void record_past_observe(record_past_t *past, const uint8_t *datagram, size_t length);

record_layer_t *record_layer_new(void);        /* NULL when memory ran out */
void record_layer_free(record_layer_t *layer); /* NULL is allowed */
/* Once, before anything below. False when OpenSSL fails. */
bool record_layer_start(record_layer_t *layer, const record_keys_t *keys, const record_past_t *past);

size_t record_layer_room_before(const record_layer_t *layer); /* what a record has before its plaintext; behind it is the tag */
/* Makes a record of the packet's bytes, which needs the room before and behind. False, and the packet is not to be sent, when the sequence
 * numbers are used up. */
bool record_layer_protect(record_layer_t *layer, uint8_t type, packet_t *packet);
/* The records of epoch 1 in a datagram that OpenSSL wrote get sequence numbers and nonces of ours. False as above. */
bool record_layer_protect_again(record_layer_t *layer, uint8_t *datagram, size_t length);

/* Opens a whole record of epoch 1 in place: its plaintext is record_layer_room_before() behind its beginning and has *length bytes. False
 * for one that was opened before, is too old, too short, or not the peer's; its bytes are undefined then. */
bool record_layer_open(record_layer_t *layer, uint8_t *record, size_t size, size_t *length);
bool record_layer_is_worn(const record_layer_t *layer); /* RECORD_FORGERIES_MAX were met */

/* Tests: where the counts stand. */
void record_layer_set_sequence(record_layer_t *layer, uint64_t next);
void record_layer_set_forgeries(record_layer_t *layer, uint64_t count);

#endif
