/* MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 §14.5, §14.6, §14.7): how they are computed and checked.
 * Where the key comes from is the affair of the credential mechanism. */
#include "stun/private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define FINGERPRINT_XOR 0x5354554eu
#define HMAC_BLOCK 64 /* of SHA-1 and SHA-256 both */

/* Digests looked up once: OpenSSL 3 otherwise goes through its providers' tables with every message, which takes ten times as long as the
 * sum itself. */
static EVP_MD *digests[2];

static void fetch_digests(void)
{
    digests[STUN_HASH_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    digests[STUN_HASH_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *digest_of(stun_hash_t hash)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_digests);
    return digests[hash];
}

/* RFC 2104: H(key ^ outer, H(key ^ inner, text)), with keys of at most a block. */
static bool hmac(EVP_MD_CTX *context, const EVP_MD *digest, const uint8_t *key, size_t key_length, const uint8_t *const parts[2],
                 const size_t lengths[2], uint8_t *value)
{
    uint8_t pad[HMAC_BLOCK];
    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < key_length; i++)
        pad[i] ^= key[i];
    bool is_done = EVP_DigestInit_ex2(context, digest, NULL) && EVP_DigestUpdate(context, pad, sizeof pad) &&
                   EVP_DigestUpdate(context, parts[0], lengths[0]) && EVP_DigestUpdate(context, parts[1], lengths[1]) &&
                   EVP_DigestFinal_ex(context, value, NULL);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    is_done = is_done && EVP_DigestInit_ex2(context, digest, NULL) && EVP_DigestUpdate(context, pad, sizeof pad) &&
              EVP_DigestUpdate(context, value, (size_t)EVP_MD_get_size(digest)) && EVP_DigestFinal_ex(context, value, NULL);
    OPENSSL_cleanse(pad, sizeof pad);
    return is_done;
}

bool stun_hmac(const uint8_t *data, size_t covered, size_t value_size, stun_hash_t hash, const void *key, size_t key_length, uint8_t *value)
{
    if (covered < STUN_HEADER_SIZE || covered > STUN_MAX_AUTHENTICATED_SIZE || key_length > INT32_MAX)
        return false;
    const EVP_MD *digest = digest_of(hash);
    EVP_MD_CTX *context = digest != NULL ? EVP_MD_CTX_new() : NULL;
    if (context == NULL)
        return false;
    uint8_t short_key[EVP_MAX_MD_SIZE], head[4];
    bool is_done = true;
    if (key_length > HMAC_BLOCK) {
        unsigned size = 0;
        is_done = EVP_DigestInit_ex2(context, digest, NULL) && EVP_DigestUpdate(context, key, key_length) &&
                  EVP_DigestFinal_ex(context, short_key, &size);
        key = short_key;
        key_length = size;
    }
    /* The length field that is hashed ends with the attribute itself, whatever follows it. */
    memcpy(head, data, sizeof head);
    bytes_put_u16(head + 2, (uint16_t)(covered - STUN_HEADER_SIZE + STUN_ATTRIBUTE_HEADER_SIZE + value_size));
    const uint8_t *const parts[2] = {head, data + sizeof head};
    is_done = is_done && hmac(context, digest, key, key_length, parts, (const size_t[2]){sizeof head, covered - sizeof head}, value);
    EVP_MD_CTX_free(context);
    return is_done;
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
