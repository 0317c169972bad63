/* MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 §14.5, §14.6, §14.7): how they are computed and checked.
 * Where the key comes from is the affair of the credential mechanism. */
#include "stun/private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define FINGERPRINT_XOR 0x5354554eu

bool stun_hmac(const uint8_t *data, size_t covered, size_t value_size, stun_hash_t hash, const void *key, size_t key_length, uint8_t *value)
{
    if (covered < STUN_HEADER_SIZE || covered > STUN_MAX_AUTHENTICATED_SIZE || key_length > INT32_MAX)
        return false;
    /* The length field that is hashed ends with the attribute itself, whatever follows it. */
    uint8_t copy[STUN_MAX_AUTHENTICATED_SIZE];
    memcpy(copy, data, covered);
    bytes_put_u16(copy + 2, (uint16_t)(covered - STUN_HEADER_SIZE + STUN_ATTRIBUTE_HEADER_SIZE + value_size));
    const EVP_MD *digest = hash == STUN_HASH_SHA1 ? EVP_sha1() : EVP_sha256();
    unsigned size = 0;
    return HMAC(digest, key_length != 0 ? key : "", (int)key_length, copy, covered, value, &size) != NULL;
}

static const stun_attribute_t *find(const stun_message_t *message, uint16_t type)
{
    for (size_t i = 0; i < message->attribute_count; i++)
        if (message->attributes[i].type == type)
            return &message->attributes[i];
    return NULL;
}

stun_check_t stun_check_integrity(const stun_message_t *message, stun_hash_t hash, const void *key, size_t key_length)
{
    const stun_attribute_t *attribute = find(message, hash == STUN_HASH_SHA1 ? STUN_MESSAGE_INTEGRITY : STUN_MESSAGE_INTEGRITY_SHA256);
    if (attribute == NULL)
        return STUN_CHECK_ABSENT;
    size_t size = attribute->length;
    if (hash == STUN_HASH_SHA1 ? size != STUN_SHA1_SIZE : (size < 16 || size > STUN_SHA256_SIZE || size % 4 != 0)) /* §14.6: may be cut */
        return STUN_CHECK_INVALID;
    uint8_t value[EVP_MAX_MD_SIZE];
    size_t covered = attribute->offset - (size_t)STUN_ATTRIBUTE_HEADER_SIZE;
    if (!stun_hmac(message->data, covered, size, hash, key, key_length, value))
        return STUN_CHECK_INVALID;
    return CRYPTO_memcmp(value, message->data + attribute->offset, size) == 0 ? STUN_CHECK_VALID : STUN_CHECK_INVALID;
}

/* CRC-32 of ITU V.42, four bits at a time: messages are short and a small table stays in the cache. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t length)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    for (size_t i = 0; i < length; i++) {
        crc = (crc >> 4) ^ table[(crc ^ data[i]) & 15];
        crc = (crc >> 4) ^ table[(crc ^ (data[i] >> 4)) & 15];
    }
    return crc;
}

uint32_t stun_fingerprint(const uint8_t *data, size_t covered)
{
    uint8_t head[4];
    memcpy(head, data, sizeof head);
    bytes_put_u16(head + 2, (uint16_t)(covered - STUN_HEADER_SIZE + STUN_ATTRIBUTE_HEADER_SIZE + STUN_FINGERPRINT_SIZE));
    uint32_t crc = crc32(0xffffffffu, head, sizeof head);
    return ~crc32(crc, data + sizeof head, covered - sizeof head) ^ FINGERPRINT_XOR;
}

stun_check_t stun_check_fingerprint(const stun_message_t *message)
{
    const stun_attribute_t *attribute = find(message, STUN_FINGERPRINT);
    if (attribute == NULL)
        return STUN_CHECK_ABSENT;
    if (attribute->length != STUN_FINGERPRINT_SIZE)
        return STUN_CHECK_INVALID;
    uint32_t expected = stun_fingerprint(message->data, attribute->offset - (size_t)STUN_ATTRIBUTE_HEADER_SIZE);
    return bytes_get_u32(message->data + attribute->offset) == expected ? STUN_CHECK_VALID : STUN_CHECK_INVALID;
}
