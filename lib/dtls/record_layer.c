#include "dtls/record_layer.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "dtls/dtls.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define EXPLICIT_NONCE 8
#define GCM_FIXED_IV 4
#define WINDOW_WORDS (RECORD_WINDOW / 64 + 1) /* the newest word is partly ahead of the highest number */

struct record_layer {
    record_keys_t keys;
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *out;
    EVP_CIPHER_CTX *in;
    size_t explicit_nonce; /* bytes of each record */
    uint64_t next_sequence;
    uint64_t forgeries;
    bool has_opened;
    uint64_t highest;              /* that was opened */
    uint64_t window[WINDOW_WORDS]; /* a bit for each number, word by (number / 64) mod WINDOW_WORDS */
};

static size_t key_length(record_cipher_t cipher)
{
    return cipher == RECORD_AES_128_GCM ? 16 : 32;
}

static size_t iv_length(record_cipher_t cipher)
{
    return cipher == RECORD_CHACHA20_POLY1305 ? 12 : GCM_FIXED_IV; /* RFC 7905 §2, RFC 5288 §3 */
}

/* ---- keys ---- */

static bool find_cipher(record_cipher_t *cipher, const SSL_CIPHER *agreed)
{
    switch (agreed != NULL ? SSL_CIPHER_get_cipher_nid(agreed) : NID_undef) {
    case NID_aes_128_gcm:
        *cipher = RECORD_AES_128_GCM;
        return true;
    case NID_aes_256_gcm:
        *cipher = RECORD_AES_256_GCM;
        return true;
    case NID_chacha20_poly1305:
        *cipher = RECORD_CHACHA20_POLY1305;
        return true;
    default:
        return false;
    }
}

/* RFC 5246 §5: PRF(master_secret, "key expansion", server_random + client_random) */
static bool expand(const SSL *ssl, const EVP_MD *digest, uint8_t *block, size_t length)
{
    uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
    uint8_t seed[13 + 2 * SSL3_RANDOM_SIZE] = "key expansion";
    SSL_get_server_random(ssl, seed + 13, SSL3_RANDOM_SIZE);
    SSL_get_client_random(ssl, seed + 13 + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
    size_t master_length = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master);
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(digest), 0),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_length),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed), OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool is_done = context != NULL && EVP_KDF_derive(context, block, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(master, sizeof master);
    return is_done;
}

bool record_keys_derive(record_keys_t *keys, const SSL *ssl, bool is_client)
{
    uint8_t block[2 * (32 + 12)];
    const SSL_CIPHER *agreed = SSL_get_current_cipher(ssl);
    *keys = (record_keys_t){0};
    if (!find_cipher(&keys->cipher, agreed))
        return false;
    const EVP_MD *digest = SSL_CIPHER_get_handshake_digest(agreed);
    size_t key = key_length(keys->cipher), iv = iv_length(keys->cipher);
    bool is_derived = digest != NULL && expand(ssl, digest, block, 2 * (key + iv));
    for (size_t i = 0; is_derived && i < 2; i++) { /* the client's keys come first (RFC 5246 §6.3) */
        record_way_t way = (i == 0) == is_client ? RECORD_OUT : RECORD_IN;
        memcpy(keys->key[way], block + i * key, key);
        memcpy(keys->iv[way], block + 2 * key + i * iv, iv);
    }
    OPENSSL_cleanse(block, sizeof block);
    return is_derived;
}

/* ---- records ---- */

static uint64_t sequence_of(const uint8_t *record)
{
    return (uint64_t)bytes_get_u16(record + 5) << 32 | bytes_get_u32(record + 7);
}

static uint16_t epoch_of(const uint8_t *record)
{
    return bytes_get_u16(record + 3);
}

static void put_header(uint8_t *record, uint8_t type, uint64_t sequence, size_t length)
{
    record[0] = type;
    bytes_put_u16(record + 1, DTLS1_2_VERSION);
    bytes_put_u64(record + 3, UINT64_C(1) << 48 | sequence); /* with the epoch */
    bytes_put_u16(record + 11, (uint16_t)length);
}

/* The next whole record of a datagram at *position, which moves behind it; NULL when there is none. */
static uint8_t *next_record(uint8_t *datagram, size_t length, size_t *position, size_t *size)
{
    if (length - *position < RECORD_HEADER)
        return NULL;
    uint8_t *record = datagram + *position;
    *size = RECORD_HEADER + bytes_get_u16(record + 11);
    if (*size > length - *position)
        return NULL;
    *position += *size;
    return record;
}

void record_past_observe(record_past_t *past, const uint8_t *datagram, size_t length)
{
    size_t position = 0, size = 0;
    const uint8_t *record;
    while ((record = next_record((uint8_t *)(uintptr_t)datagram, length, &position, &size)) != NULL) {
        if (epoch_of(record) != 1 || size < RECORD_HEADER + EXPLICIT_NONCE)
            continue;
        if (!past->is_any)
            past->first_nonce = bytes_get_u64(record + RECORD_HEADER);
        past->is_any = true;
        if (sequence_of(record) >= past->next_sequence)
            past->next_sequence = sequence_of(record) + 1;
    }
}

/* ---- the cipher: OpenSSL's modes for TLS records, a call for what is authenticated too and one for the record ---- */

static EVP_CIPHER_CTX *cipher_new(const EVP_CIPHER *cipher, const uint8_t *key, uint8_t *iv, int iv_size, bool is_encrypting)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context != NULL && EVP_CipherInit_ex2(context, cipher, key, NULL, is_encrypting, NULL) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IV_FIXED, iv_size, iv) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

static EVP_CIPHER_CTX *opener_new(record_layer_t *layer, record_way_t way)
{
    return cipher_new(layer->cipher, layer->keys.key[way], layer->keys.iv[way], (int)iv_length(layer->keys.cipher), false);
}

/* The nonces of GCM. OpenSSL's are a few numbers from first_nonce on. Ours count from another value of the upper 16 bits, the farthest from
 * it, for at most 2^48 records: neither ever comes to the other's (RFC 5288 §3, RFC 5116 §3.1). ChaCha20's are the sequence numbers, of
 * which ours begin behind OpenSSL's (RFC 7905 §2). */
static EVP_CIPHER_CTX *protector_new(record_layer_t *layer, const record_past_t *past)
{
    uint8_t iv[12];
    memcpy(iv, layer->keys.iv[RECORD_OUT], sizeof iv);
    if (layer->keys.cipher == RECORD_CHACHA20_POLY1305)
        return cipher_new(layer->cipher, layer->keys.key[RECORD_OUT], iv, sizeof iv, true);
    uint64_t upper = (past->first_nonce >> 48) ^ 0x8000;
    bytes_put_u64(iv + GCM_FIXED_IV, upper << 48 | past->next_sequence);
    return cipher_new(layer->cipher, layer->keys.key[RECORD_OUT], iv, -1, true); /* -1: the whole of it, counted on from there */
}

record_layer_t *record_layer_new(void)
{
    return MEMORY_NEW(record_layer_t);
}

bool record_layer_start(record_layer_t *layer, const record_keys_t *keys, const record_past_t *past)
{
    static const char *const names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
    layer->keys = *keys;
    layer->explicit_nonce = keys->cipher == RECORD_CHACHA20_POLY1305 ? 0 : EXPLICIT_NONCE;
    layer->next_sequence = past->next_sequence;
    layer->cipher = EVP_CIPHER_fetch(NULL, names[keys->cipher], NULL);
    if (layer->cipher == NULL || (EVP_CIPHER_get_flags(layer->cipher) & EVP_CIPH_FLAG_CUSTOM_CIPHER) == 0) /* see run() */
        return false;
    layer->out = protector_new(layer, past);
    layer->in = opener_new(layer, RECORD_IN);
    return layer->out != NULL && layer->in != NULL;
}

void record_layer_free(record_layer_t *layer)
{
    if (layer == NULL)
        return;
    EVP_CIPHER_CTX_free(layer->out);
    EVP_CIPHER_CTX_free(layer->in);
    EVP_CIPHER_free(layer->cipher);
    OPENSSL_cleanse(&layer->keys, sizeof layer->keys);
    memory_free(layer);
}

size_t record_layer_room_before(const record_layer_t *layer)
{
    return RECORD_HEADER + layer->explicit_nonce;
}

/* Runs the cipher over nonce, text and tag, in place. RFC 6347 §4.1.2.1, RFC 5246 §6.2.3.3: epoch and sequence number, type, version and
 * length are authenticated too. The length given here is what OpenSSL's modes want: with the nonce, and when opening with the tag. Of a
 * cipher with EVP_CIPH_FLAG_CUSTOM_CIPHER, EVP_Cipher() gives a length, which may be 0, or -1. */
static bool run(EVP_CIPHER_CTX *context, uint8_t *record, size_t size, bool is_encrypting)
{
    uint8_t additional[EVP_AEAD_TLS1_AAD_LEN];
    size_t body = size - RECORD_HEADER;
    memcpy(additional, record + 3, 8);
    memcpy(additional + 8, record, 3);
    bytes_put_u16(additional + 11, (uint16_t)(is_encrypting ? body - RECORD_TAG : body));
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, additional, sizeof additional),
                               OSSL_PARAM_construct_end()};
    return EVP_CIPHER_CTX_set_params(context, parameters) == 1 &&
           EVP_Cipher(context, record + RECORD_HEADER, record + RECORD_HEADER, (unsigned)body) >= 0;
}

/* A record whose text is in its place: header, nonce and tag around it are filled in. */
static bool protect(record_layer_t *layer, uint8_t type, uint8_t *record, size_t size)
{
    if (layer->next_sequence > RECORD_SEQUENCE_MAX)
        return false;
    put_header(record, type, layer->next_sequence++, size - RECORD_HEADER);
    return run(layer->out, record, size, true);
}

bool record_layer_protect(record_layer_t *layer, uint8_t type, packet_t *packet)
{
    packet->data -= record_layer_room_before(layer);
    packet->length += record_layer_room_before(layer) + RECORD_TAG;
    return protect(layer, type, packet->data, packet->length);
}

bool record_layer_protect_again(record_layer_t *layer, uint8_t *datagram, size_t length)
{
    EVP_CIPHER_CTX *opener = NULL;
    size_t position = 0, size = 0;
    uint8_t *record;
    bool is_done = true;
    while (is_done && (record = next_record(datagram, length, &position, &size)) != NULL) {
        if (epoch_of(record) == 0)
            continue;
        if (opener == NULL)
            opener = opener_new(layer, RECORD_OUT);
        is_done = opener != NULL && size >= record_layer_room_before(layer) + RECORD_TAG && run(opener, record, size, false) &&
                  protect(layer, record[0], record, size);
    }
    EVP_CIPHER_CTX_free(opener);
    return is_done;
}

/* ---- the window (RFC 6347 §4.1.2.6) ---- */

static bool is_new(const record_layer_t *layer, uint64_t sequence)
{
    if (!layer->has_opened || sequence > layer->highest)
        return true;
    if (layer->highest - sequence >= RECORD_WINDOW)
        return false;
    return (layer->window[sequence / 64 % WINDOW_WORDS] >> sequence % 64 & 1) == 0;
}

static void mark(record_layer_t *layer, uint64_t sequence)
{
    uint64_t word = sequence / 64, newest = layer->highest / 64;
    if (!layer->has_opened || word > newest + WINDOW_WORDS)
        memset(layer->window, 0, sizeof layer->window);
    else
        for (uint64_t i = newest + 1; i <= word; i++)
            layer->window[i % WINDOW_WORDS] = 0;
    layer->window[word % WINDOW_WORDS] |= UINT64_C(1) << sequence % 64;
    if (!layer->has_opened || sequence > layer->highest)
        layer->highest = sequence;
    layer->has_opened = true;
}

bool record_layer_open(record_layer_t *layer, uint8_t *record, size_t size, size_t *length)
{
    size_t overhead = record_layer_room_before(layer) + RECORD_TAG;
    if (size < overhead || size - overhead > DTLS_DATA_MAX || epoch_of(record) != 1 || bytes_get_u16(record + 11) != size - RECORD_HEADER)
        return false;
    uint64_t sequence = sequence_of(record);
    if (!is_new(layer, sequence))
        return false;
    if (!run(layer->in, record, size, false)) {
        layer->forgeries++;
        return false;
    }
    mark(layer, sequence);
    *length = size - overhead;
    return true;
}

bool record_layer_is_worn(const record_layer_t *layer)
{
    return layer->forgeries >= RECORD_FORGERIES_MAX;
}

void record_layer_set_sequence(record_layer_t *layer, uint64_t next)
{
    layer->next_sequence = next;
}

void record_layer_set_forgeries(record_layer_t *layer, uint64_t count)
{
    layer->forgeries = count;
}
