#include "srtp/crypto.h"

#include "base/memory.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>
#include <string.h>

#define GCM_IV 12
#define GCM_TAG_MAX 16
#define COUNTER_SIZE 16
#define COUNTER_SALT 14 /* RFC 3711 §4.1.1: k_s * 2^16 */
#define SHA1_SIZE 20

typedef struct cipher {
    srtp_cipher_t face;
    EVP_CIPHER_CTX *context;
    const EVP_CIPHER *algorithm;
    size_t key_length; /* less the salt */
    uint8_t salt[COUNTER_SIZE];
    int tag_length;
    bool is_encrypting;
} cipher_t;

typedef struct hash {
    srtp_auth_t face;
    EVP_MAC_CTX *context;
} hash_t;

/* Fetched once: looking an algorithm up costs more than a packet does. They stay until the process ends, as libsrtp does. */
static EVP_CIPHER *counter_128, *counter_256, *gcm_128, *gcm_256;
static EVP_MAC *hmac;

static srtp_err_status_t status_of(bool is_good)
{
    return is_good ? srtp_err_status_ok : srtp_err_status_cipher_fail;
}

/* ---- both modes ---- */

static srtp_err_status_t cipher_dealloc(srtp_cipher_t *face)
{
    if (face == NULL)
        return srtp_err_status_ok;
    cipher_t *cipher = face->state;
    EVP_CIPHER_CTX_free(cipher->context);
    OPENSSL_cleanse(cipher->salt, sizeof cipher->salt);
    memory_free(cipher);
    return srtp_err_status_ok;
}

static srtp_err_status_t cipher_new(srtp_cipher_t **face, const srtp_cipher_type_t *type, const EVP_CIPHER *algorithm, int key_length,
                                    size_t salt)
{
    cipher_t *cipher = MEMORY_NEW(cipher_t);
    if (cipher == NULL)
        return srtp_err_status_alloc_fail;
    cipher->face = (srtp_cipher_t){.type = type, .state = cipher, .key_len = key_length, .algorithm = (int)type->id};
    cipher->algorithm = algorithm;
    cipher->key_length = (size_t)key_length - salt;
    cipher->context = EVP_CIPHER_CTX_new();
    if (cipher->context == NULL) {
        memory_free(cipher);
        return srtp_err_status_alloc_fail;
    }
    *face = &cipher->face;
    return srtp_err_status_ok;
}

/* ---- AES in counter mode (RFC 3711 §4.1.1) ---- */

static const srtp_cipher_type_t counter_128_type, counter_256_type;

static srtp_err_status_t counter_alloc(srtp_cipher_t **face, int key_length, int tag_length)
{
    (void)tag_length;
    switch (key_length) {
    case SRTP_AES_ICM_128_KEY_LEN_WSALT:
        return cipher_new(face, &counter_128_type, counter_128, key_length, COUNTER_SALT);
    case SRTP_AES_ICM_256_KEY_LEN_WSALT:
        return cipher_new(face, &counter_256_type, counter_256, key_length, COUNTER_SALT);
    default:
        return srtp_err_status_bad_param;
    }
}

static srtp_err_status_t counter_init(void *state, const uint8_t *key)
{
    cipher_t *cipher = state;
    memcpy(cipher->salt, key + cipher->key_length, COUNTER_SALT); /* the last two bytes count blocks */
    return status_of(EVP_EncryptInit_ex(cipher->context, cipher->algorithm, NULL, key, NULL) == 1);
}

static srtp_err_status_t counter_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    cipher_t *cipher = state;
    uint8_t counter[COUNTER_SIZE];
    (void)direction; /* the same either way */
    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = iv[i] ^ cipher->salt[i];
    return status_of(EVP_EncryptInit_ex(cipher->context, NULL, NULL, NULL, counter) == 1);
}

static srtp_err_status_t counter_apply(void *state, uint8_t *data, unsigned int *length)
{
    cipher_t *cipher = state;
    int count = 0;
    if (EVP_EncryptUpdate(cipher->context, data, &count, data, (int)*length) != 1)
        return srtp_err_status_cipher_fail;
    *length = (unsigned int)count;
    return srtp_err_status_ok;
}

/* ---- AES-GCM (RFC 7714) ---- */

static const srtp_cipher_type_t gcm_128_type, gcm_256_type;

static srtp_err_status_t gcm_alloc(srtp_cipher_t **face, int key_length, int tag_length)
{
    srtp_err_status_t status = srtp_err_status_bad_param;
    if (tag_length != 8 && tag_length != GCM_TAG_MAX)
        return status;
    if (key_length == SRTP_AES_GCM_128_KEY_LEN_WSALT)
        status = cipher_new(face, &gcm_128_type, gcm_128, key_length, GCM_IV);
    else if (key_length == SRTP_AES_GCM_256_KEY_LEN_WSALT)
        status = cipher_new(face, &gcm_256_type, gcm_256, key_length, GCM_IV);
    if (status == srtp_err_status_ok)
        ((cipher_t *)(*face)->state)->tag_length = tag_length;
    return status;
}

static srtp_err_status_t gcm_init(void *state, const uint8_t *key)
{
    cipher_t *cipher = state;
    return status_of(EVP_CipherInit_ex(cipher->context, cipher->algorithm, NULL, key, NULL, 1) == 1);
}

static srtp_err_status_t gcm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    cipher_t *cipher = state;
    if (direction != srtp_direction_encrypt && direction != srtp_direction_decrypt)
        return srtp_err_status_bad_param;
    cipher->is_encrypting = direction == srtp_direction_encrypt;
    return status_of(EVP_CipherInit_ex(cipher->context, NULL, NULL, NULL, iv, cipher->is_encrypting) == 1);
}

static srtp_err_status_t gcm_set_aad(void *state, const uint8_t *aad, uint32_t length)
{
    cipher_t *cipher = state;
    int count = 0;
    return status_of(EVP_CipherUpdate(cipher->context, NULL, &count, aad, (int)length) == 1);
}

static srtp_err_status_t gcm_encrypt(void *state, uint8_t *data, unsigned int *length)
{
    cipher_t *cipher = state;
    int count = 0;
    if (*length == 0)
        return srtp_err_status_ok; /* authenticated only */
    return status_of(EVP_EncryptUpdate(cipher->context, data, &count, data, (int)*length) == 1);
}

static srtp_err_status_t gcm_get_tag(void *state, uint8_t *tag, uint32_t *length)
{
    cipher_t *cipher = state;
    uint8_t nothing[GCM_TAG_MAX];
    int count = 0;
    *length = (uint32_t)cipher->tag_length;
    return status_of(EVP_EncryptFinal_ex(cipher->context, nothing, &count) == 1 &&
                     EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG, cipher->tag_length, tag) == 1);
}

/* The tag stands behind the data. */
static srtp_err_status_t gcm_decrypt(void *state, uint8_t *data, unsigned int *length)
{
    cipher_t *cipher = state;
    uint8_t nothing[GCM_TAG_MAX];
    int count = 0;
    if (cipher->is_encrypting || *length < (unsigned int)cipher->tag_length)
        return srtp_err_status_bad_param;
    unsigned int text = *length - (unsigned int)cipher->tag_length;
    if (EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG, cipher->tag_length, data + text) != 1)
        return srtp_err_status_cipher_fail;
    if ((text != 0 && EVP_DecryptUpdate(cipher->context, data, &count, data, (int)text) != 1) ||
        EVP_DecryptFinal_ex(cipher->context, nothing, &count) != 1)
        return srtp_err_status_auth_fail;
    *length = text;
    return srtp_err_status_ok;
}

/* ---- HMAC-SHA1 (RFC 2104) ---- */

static const srtp_auth_type_t hash_type;

static srtp_err_status_t hash_dealloc(srtp_auth_t *face)
{
    if (face == NULL)
        return srtp_err_status_ok;
    hash_t *hash = face->state;
    EVP_MAC_CTX_free(hash->context);
    memory_free(hash);
    return srtp_err_status_ok;
}

static srtp_err_status_t hash_alloc(srtp_auth_t **face, int key_length, int tag_length)
{
    if (key_length < 0 || key_length > SHA1_SIZE || tag_length < 0 || tag_length > SHA1_SIZE)
        return srtp_err_status_bad_param;
    hash_t *hash = MEMORY_NEW(hash_t);
    if (hash == NULL)
        return srtp_err_status_alloc_fail;
    hash->face = (srtp_auth_t){.type = &hash_type, .state = hash, .out_len = tag_length, .key_len = key_length};
    hash->context = EVP_MAC_CTX_new(hmac);
    if (hash->context == NULL) {
        memory_free(hash);
        return srtp_err_status_alloc_fail;
    }
    *face = &hash->face;
    return srtp_err_status_ok;
}

static srtp_err_status_t auth_status(bool is_good)
{
    return is_good ? srtp_err_status_ok : srtp_err_status_auth_fail;
}

static srtp_err_status_t hash_init(void *state, const uint8_t *key, int key_length)
{
    hash_t *hash = state;
    char digest[] = "SHA1";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    return auth_status(EVP_MAC_init(hash->context, key, (size_t)key_length, parameters) == 1);
}

static srtp_err_status_t hash_start(void *state)
{
    hash_t *hash = state;
    return auth_status(EVP_MAC_init(hash->context, NULL, 0, NULL) == 1);
}

static srtp_err_status_t hash_update(void *state, const uint8_t *data, int length)
{
    hash_t *hash = state;
    return auth_status(EVP_MAC_update(hash->context, data, (size_t)length) == 1);
}

static srtp_err_status_t hash_compute(void *state, const uint8_t *data, int length, int tag_length, uint8_t *tag)
{
    hash_t *hash = state;
    uint8_t whole[SHA1_SIZE];
    size_t count = 0;
    if (tag_length < 0 || tag_length > SHA1_SIZE)
        return srtp_err_status_bad_param;
    if (EVP_MAC_update(hash->context, data, (size_t)length) != 1 || EVP_MAC_final(hash->context, whole, &count, sizeof whole) != 1)
        return srtp_err_status_auth_fail;
    memcpy(tag, whole, (size_t)tag_length);
    return srtp_err_status_ok;
}

/* ---- test vectors: libsrtp asks for one of each ---- */

/* RFC 3711 §B.2 and RFC 6188 §7.1: a keystream, that is zeros encrypted */
static uint8_t counter_iv[COUNTER_SIZE];
static const uint8_t zeros[32];
static const uint8_t counter_128_key[] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
                                          0x3c, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd};
static const uint8_t counter_128_stream[] = {0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1,
                                             0x6d, 0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02,
                                             0xd0, 0xf7, 0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab};
static const uint8_t counter_256_key[] = {0x57, 0xf8, 0x2f, 0xe3, 0x61, 0x3f, 0xd1, 0x70, 0xa8, 0x5e, 0xc9, 0x3c, 0x40, 0xb1, 0xf0, 0x92,
                                          0x2e, 0xc4, 0xcb, 0x0d, 0xc0, 0x25, 0xb5, 0x82, 0x72, 0x14, 0x7c, 0xc4, 0x38, 0x94, 0x4a, 0x98,
                                          0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd};
static const uint8_t counter_256_stream[] = {0x92, 0xbd, 0xd2, 0x8a, 0x93, 0xc3, 0xf5, 0x25, 0x11, 0xc6, 0x77,
                                             0xd0, 0x8b, 0x55, 0x15, 0xa4, 0x9d, 0xa7, 0x1b, 0x23, 0x78, 0xa8,
                                             0x54, 0xf6, 0x70, 0x50, 0x75, 0x6d, 0xed, 0x16, 0x5b, 0xac};

/* The GCM specification's test cases 4 and 16; the salt is libsrtp's affair. */
static const uint8_t gcm_key[SRTP_AES_GCM_256_KEY_LEN_WSALT] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f,
                                                                0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65,
                                                                0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static uint8_t gcm_iv[GCM_IV] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t gcm_aad[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                  0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t gcm_text[] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26,
                                   0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31,
                                   0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49,
                                   0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t gcm_128_sealed[] = {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c,
                                         0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02, 0xa4, 0xe0, 0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e,
                                         0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93, 0x1c, 0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05,
                                         0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91, 0x5b, 0xc9, 0x4f, 0xbc,
                                         0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47};
static const uint8_t gcm_256_sealed[] = {0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d,
                                         0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9, 0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa,
                                         0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38,
                                         0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62, 0x76, 0xfc, 0x6e, 0xce,
                                         0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b};

/* RFC 2202 §3, test case 1 */
static const uint8_t hash_key[SHA1_SIZE] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                            0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
static const uint8_t hash_text[] = {'H', 'i', ' ', 'T', 'h', 'e', 'r', 'e'};
static const uint8_t hash_tag[SHA1_SIZE] = {0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
                                            0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00};

#define COUNTER_CASE(bits)                                                                                                                 \
    {                                                                                                                                      \
        .key_length_octets = sizeof counter_##bits##_key, .key = counter_##bits##_key, .idx = counter_iv,                                  \
        .plaintext_length_octets = sizeof zeros, .plaintext = zeros, .ciphertext_length_octets = sizeof counter_##bits##_stream,           \
        .ciphertext = counter_##bits##_stream                                                                                              \
    }
#define GCM_CASE(bits)                                                                                                                     \
    {                                                                                                                                      \
        .key_length_octets = SRTP_AES_GCM_##bits##_KEY_LEN_WSALT, .key = gcm_key, .idx = gcm_iv,                                           \
        .plaintext_length_octets = sizeof gcm_text, .plaintext = gcm_text, .ciphertext_length_octets = sizeof gcm_##bits##_sealed,         \
        .ciphertext = gcm_##bits##_sealed, .aad_length_octets = sizeof gcm_aad, .aad = gcm_aad, .tag_length_octets = GCM_TAG_MAX           \
    }
static const srtp_cipher_test_case_t counter_128_case = COUNTER_CASE(128), counter_256_case = COUNTER_CASE(256);
static const srtp_cipher_test_case_t gcm_128_case = GCM_CASE(128), gcm_256_case = GCM_CASE(256);
static const srtp_auth_test_case_t hash_case = {.key_length_octets = sizeof hash_key,
                                                .key = hash_key,
                                                .data_length_octets = sizeof hash_text,
                                                .data = hash_text,
                                                .tag_length_octets = sizeof hash_tag,
                                                .tag = hash_tag};

/* ---- what libsrtp is told ---- */

#define COUNTER_TYPE(bits)                                                                                                                 \
    {                                                                                                                                      \
        .alloc = counter_alloc, .dealloc = cipher_dealloc, .init = counter_init, .encrypt = counter_apply, .decrypt = counter_apply,       \
        .set_iv = counter_set_iv, .description = "AES-" #bits " counter mode on OpenSSL", .test_data = &counter_##bits##_case,             \
        .id = SRTP_AES_ICM_##bits                                                                                                          \
    }
#define GCM_TYPE(bits)                                                                                                                     \
    {                                                                                                                                      \
        .alloc = gcm_alloc, .dealloc = cipher_dealloc, .init = gcm_init, .set_aad = gcm_set_aad, .encrypt = gcm_encrypt,                   \
        .decrypt = gcm_decrypt, .set_iv = gcm_set_iv, .get_tag = gcm_get_tag, .description = "AES-" #bits " GCM on OpenSSL",               \
        .test_data = &gcm_##bits##_case, .id = SRTP_AES_GCM_##bits                                                                         \
    }
static const srtp_cipher_type_t counter_128_type = COUNTER_TYPE(128), counter_256_type = COUNTER_TYPE(256);
static const srtp_cipher_type_t gcm_128_type = GCM_TYPE(128), gcm_256_type = GCM_TYPE(256);
static const srtp_auth_type_t hash_type = {.alloc = hash_alloc,
                                           .dealloc = hash_dealloc,
                                           .init = hash_init,
                                           .compute = hash_compute,
                                           .update = hash_update,
                                           .start = hash_start,
                                           .description = "HMAC-SHA1 on OpenSSL",
                                           .test_data = &hash_case,
                                           .id = SRTP_HMAC_SHA1};

bool crypto_install(void)
{
    static const srtp_cipher_type_t *const types[] = {&counter_128_type, &counter_256_type, &gcm_128_type, &gcm_256_type};
    counter_128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    counter_256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    gcm_128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    gcm_256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (counter_128 == NULL || counter_256 == NULL || gcm_128 == NULL || gcm_256 == NULL || hmac == NULL)
        return false;
    bool is_taken = srtp_replace_auth_type(&hash_type, SRTP_HMAC_SHA1) == srtp_err_status_ok;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        is_taken = srtp_replace_cipher_type(types[i], types[i]->id) == srtp_err_status_ok && is_taken;
    return is_taken;
}
