/* What the files of this folder share: the sums over a message (RFC 8489 §14.5–14.7). */
#ifndef STUN_PRIVATE_H
#define STUN_PRIVATE_H

#include "stun/stun.h"

#define STUN_ATTRIBUTE_HEADER_SIZE 4
#define STUN_FINGERPRINT_SIZE 4

/* The HMAC of the message's first `covered` bytes, as if the message ended behind an attribute of `value_size` that follows them. */
bool stun_hmac(const uint8_t *data, size_t covered, size_t value_size, stun_hash_t hash, const void *key, size_t key_length,
               uint8_t *value);
/* The same for FINGERPRINT. */
uint32_t stun_fingerprint(const uint8_t *data, size_t covered);

#endif
