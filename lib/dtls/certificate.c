/* OpenSSL 3.0 calls EC_KEY deprecated, but see generate_p256(). */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dtls/certificate.h"

#include "base/error.h"
#include "base/memory.h"
#include "dtls/certificate_private.h"
#include "dtls/openssl_error.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define CLOCK_SKEW_S 86400 /* a peer whose clock is behind must not see a certificate from the future */

struct certificate {
    atomic_uint references;
    bool is_for_one; /* connection: may be packed when that has used it */
    X509 *x509;      /* with `key` guarded by parts_mutex; NULL: packed */
    EVP_PKEY *key;
    uint8_t *key_der; /* while packed */
    size_t key_length;
    uint8_t *der;
    size_t der_length;
    int64_t expires_s;
};

static pthread_mutex_t parts_mutex = PTHREAD_MUTEX_INITIALIZER;

static void certificate_free(certificate_t *certificate)
{
    OPENSSL_clear_free(certificate->key_der, certificate->key_length);
    OPENSSL_free(certificate->der);
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    memory_free(certificate);
}

static int64_t asn1_time_s(const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    if (epoch == NULL || !ASN1_TIME_diff(&days, &seconds, epoch, time))
        days = seconds = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

/* Takes both objects, also when it fails. */
static int certificate_new(certificate_t **result, X509 *x509, EVP_PKEY *key)
{
    certificate_t *certificate = MEMORY_NEW(certificate_t);
    if (certificate == NULL) {
        X509_free(x509);
        EVP_PKEY_free(key);
        return error_no_memory();
    }
    atomic_init(&certificate->references, 1);
    certificate->x509 = x509;
    certificate->key = key;
    int length = i2d_X509(x509, &certificate->der);
    if (length <= 0) {
        certificate_free(certificate);
        return error_set(PEER_ERROR_OPERATION, "certificate: %s", openssl_reason());
    }
    certificate->der_length = (size_t)length;
    certificate->expires_s = asn1_time_s(X509_get0_notAfter(x509));
    *result = certificate;
    return 0;
}

static bool fill_in(X509 *x509, EVP_PKEY *key, int64_t unix_time_s, int64_t lifetime_s, const random_source_t *random)
{
    /* A name and a serial number that say nothing and do not repeat. */
    uint64_t serial = random_u64(random) >> 1 | 1;
    char name[17];
    random_text(random, name, sizeof name - 1, "0123456789abcdef");
    X509_NAME *subject = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_VERSION_3) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) &&
           X509_set_issuer_name(x509, subject) && ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(unix_time_s - CLOCK_SKEW_S)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(unix_time_s + lifetime_s)) != NULL && X509_set_pubkey(x509, key) &&
           X509_sign(x509, key, EVP_sha256()) > 0;
}

/* To put the public key of an EVP_EC_gen() key into a certificate OpenSSL 3.0 builds an encoder and a decoder out of everything that its
 * providers have: 0.35 ms, more than all the rest. A key with an EC_KEY inside is written by the old way, which costs next to nothing. */
static EVP_PKEY *generate_p256(void)
{
#ifdef OPENSSL_NO_DEPRECATED_3_0
    return EVP_EC_gen("P-256");
#else
    EVP_PKEY *key = EVP_PKEY_new();
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (key != NULL && ec != NULL && EC_KEY_generate_key(ec) && EVP_PKEY_assign_EC_KEY(key, ec))
        return key;
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return NULL;
#endif
}

int certificate_generate(certificate_t **certificate, certificate_key_t key_type, int64_t unix_time_s, int64_t lifetime_s,
                         const random_source_t *random)
{
    *certificate = NULL;
    if (lifetime_s == 0)
        lifetime_s = CERTIFICATE_LIFETIME_DEFAULT_S;
    if (lifetime_s < 0 || lifetime_s > CERTIFICATE_LIFETIME_MAX_S)
        return error_set(PEER_ERROR_RANGE, "certificate: a lifetime of %lld s is not within a year", (long long)lifetime_s);
    if (key_type != CERTIFICATE_ECDSA_P256 && key_type != CERTIFICATE_RSA_2048)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "certificate: key type %d is unknown", (int)key_type);
    EVP_PKEY *key = key_type == CERTIFICATE_ECDSA_P256 ? generate_p256() : EVP_RSA_gen(2048);
    X509 *x509 = X509_new();
    if (key == NULL || x509 == NULL || !fill_in(x509, key, unix_time_s, lifetime_s, random)) {
        X509_free(x509);
        EVP_PKEY_free(key);
        return error_set(PEER_ERROR_OPERATION, "certificate: %s", openssl_reason());
    }
    return certificate_new(certificate, x509, key);
}

/* Takes both objects; either may be NULL, which is the caller's parser having failed. */
static int import(certificate_t **certificate, X509 *x509, EVP_PKEY *key)
{
    int error = 0;
    if (x509 == NULL)
        error = error_set(PEER_ERROR_SYNTAX, "certificate: does not parse: %s", openssl_reason());
    else if (key == NULL)
        error = error_set(PEER_ERROR_SYNTAX, "certificate: its private key does not parse: %s", openssl_reason());
    else if (!X509_check_private_key(x509, key))
        error = error_set(PEER_ERROR_INVALID_ACCESS, "certificate: the private key is another certificate's");
    if (error == 0) { /* what OpenSSL will not use is refused here, not when a connection is made with it */
        SSL *trial = dtls_context_open(x509, key);
        SSL_free(trial);
        error = trial != NULL ? 0 : PEER_ERROR_OPERATION;
    }
    if (error == 0)
        return certificate_new(certificate, x509, key);
    ERR_clear_error();
    X509_free(x509);
    EVP_PKEY_free(key);
    return error;
}

/* An encrypted key would otherwise ask on the terminal. */
static int no_passphrase(char *buffer, int size, int is_writing, void *user)
{
    return -1;
}

int certificate_from_pem(certificate_t **certificate, const char *certificate_pem, const char *private_key_pem)
{
    *certificate = NULL;
    if (certificate_pem == NULL || private_key_pem == NULL)
        return error_set(PEER_ERROR_TYPE, "certificate: the PEM of the %s is missing",
                         certificate_pem == NULL ? "certificate" : "private key");
    BIO *certificate_bio = BIO_new_mem_buf(certificate_pem, -1);
    BIO *key_bio = BIO_new_mem_buf(private_key_pem, -1);
    X509 *x509 = certificate_bio != NULL ? PEM_read_bio_X509(certificate_bio, NULL, no_passphrase, NULL) : NULL;
    EVP_PKEY *key = key_bio != NULL && x509 != NULL ? PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return import(certificate, x509, key);
}

int certificate_from_der(certificate_t **certificate, const uint8_t *der, size_t der_length, const uint8_t *key_der, size_t key_length)
{
    *certificate = NULL;
    if (der == NULL || key_der == NULL || der_length > INT32_MAX || key_length > INT32_MAX)
        return error_set(PEER_ERROR_TYPE, "certificate: the DER of the certificate or of its private key is missing");
    const uint8_t *end = der;
    X509 *x509 = d2i_X509(NULL, &end, (long)der_length);
    if (x509 != NULL && end != der + der_length) {
        X509_free(x509);
        return error_set(PEER_ERROR_SYNTAX, "certificate: %zu bytes behind its end", (size_t)(der + der_length - end));
    }
    EVP_PKEY *key = x509 != NULL ? d2i_AutoPrivateKey(NULL, &key_der, (long)key_length) : NULL;
    return import(certificate, x509, key);
}

certificate_t *certificate_ref(certificate_t *certificate)
{
    atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
    return certificate;
}

void certificate_unref(certificate_t *certificate)
{
    if (certificate != NULL && atomic_fetch_sub_explicit(&certificate->references, 1, memory_order_acq_rel) == 1)
        certificate_free(certificate);
}

const uint8_t *certificate_der(const certificate_t *certificate, size_t *length)
{
    *length = certificate->der_length;
    return certificate->der;
}

/* ---- packed: OpenSSL's objects take 7 KiB and 200 blocks, their encodings 400 bytes ---- */

void certificate_set_for_one(certificate_t *certificate)
{
    certificate->is_for_one = true;
}

void certificate_pack(certificate_t *certificate)
{
    pthread_mutex_lock(&parts_mutex);
    if (certificate->is_for_one && certificate->x509 != NULL) {
        int length = i2d_PrivateKey(certificate->key, &certificate->key_der);
        if (length > 0) {
            certificate->key_length = (size_t)length;
            X509_free(certificate->x509);
            EVP_PKEY_free(certificate->key);
            certificate->x509 = NULL;
            certificate->key = NULL;
        }
        ERR_clear_error();
    }
    pthread_mutex_unlock(&parts_mutex);
}

/* Under parts_mutex. */
static bool unpack(certificate_t *certificate)
{
    const uint8_t *der = certificate->der, *key_der = certificate->key_der;
    if (certificate->x509 != NULL)
        return true;
    certificate->x509 = d2i_X509(NULL, &der, (long)certificate->der_length);
    certificate->key = d2i_AutoPrivateKey(NULL, &key_der, (long)certificate->key_length);
    if (certificate->x509 == NULL || certificate->key == NULL) {
        X509_free(certificate->x509);
        EVP_PKEY_free(certificate->key);
        certificate->x509 = NULL;
        certificate->key = NULL;
        return false;
    }
    OPENSSL_clear_free(certificate->key_der, certificate->key_length);
    certificate->key_der = NULL;
    certificate->key_length = 0;
    return true;
}

typedef struct parts {
    X509 *x509;
    EVP_PKEY *key;
} parts_t;

/* References of both, the caller's (parts_drop); NULL both when memory ran out. */
static parts_t parts_of(const certificate_t *certificate)
{
    parts_t parts = {NULL, NULL};
    pthread_mutex_lock(&parts_mutex);
    if (unpack((certificate_t *)(uintptr_t)certificate) && X509_up_ref(certificate->x509)) {
        parts.x509 = certificate->x509;
        if (EVP_PKEY_up_ref(certificate->key))
            parts.key = certificate->key;
    }
    pthread_mutex_unlock(&parts_mutex);
    return parts;
}

static void parts_drop(parts_t parts)
{
    X509_free(parts.x509);
    EVP_PKEY_free(parts.key);
}

static char *bio_string(BIO *bio)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    return length > 0 ? memory_string_n(data, (size_t)length) : NULL;
}

char *certificate_pem(const certificate_t *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    parts_t parts = parts_of(certificate);
    char *text = bio != NULL && parts.x509 != NULL && PEM_write_bio_X509(bio, parts.x509) ? bio_string(bio) : NULL;
    parts_drop(parts);
    BIO_free(bio);
    return text;
}

char *certificate_private_key_pem(const certificate_t *certificate)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    parts_t parts = parts_of(certificate);
    bool is_written = bio != NULL && parts.key != NULL && PEM_write_bio_PrivateKey(bio, parts.key, NULL, NULL, 0, NULL, NULL);
    char *text = is_written ? bio_string(bio) : NULL;
    parts_drop(parts);
    BIO_free(bio);
    return text;
}

uint8_t *certificate_private_key_der(const certificate_t *certificate, size_t *length)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    uint8_t *copy = NULL;
    parts_t parts = parts_of(certificate);
    if (bio != NULL && parts.key != NULL && i2d_PKCS8PrivateKey_bio(bio, parts.key, NULL, NULL, 0, NULL, NULL)) {
        char *data = NULL;
        *length = (size_t)BIO_get_mem_data(bio, &data);
        copy = memory_copy(data, *length);
    }
    parts_drop(parts);
    BIO_free(bio);
    return copy;
}

int64_t certificate_expires_ms(const certificate_t *certificate)
{
    return certificate->expires_s * 1000;
}

bool certificate_has_expired(const certificate_t *certificate, int64_t unix_time_s)
{
    return unix_time_s >= certificate->expires_s;
}

static const EVP_MD *digest_of(fingerprint_hash_t hash)
{
    switch (hash) {
    case FINGERPRINT_SHA_1:
        return EVP_sha1();
    case FINGERPRINT_SHA_224:
        return EVP_sha224();
    case FINGERPRINT_SHA_256:
        return EVP_sha256();
    case FINGERPRINT_SHA_384:
        return EVP_sha384();
    case FINGERPRINT_SHA_512:
        return EVP_sha512();
    }
    return NULL;
}

int certificate_der_fingerprint(const uint8_t *der, size_t length, fingerprint_hash_t hash, fingerprint_t *fingerprint)
{
    const EVP_MD *digest = digest_of(hash);
    if (digest == NULL)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "fingerprint: hash %d is unknown", (int)hash);
    *fingerprint = (fingerprint_t){.hash = hash};
    unsigned size = 0;
    if (!EVP_Digest(der, length, fingerprint->bytes, &size, digest, NULL))
        return error_set(PEER_ERROR_OPERATION, "fingerprint: %s", openssl_reason());
    fingerprint->length = size;
    return 0;
}

int certificate_x509_fingerprint(X509 *x509, fingerprint_hash_t hash, fingerprint_t *fingerprint)
{
    uint8_t *der = NULL;
    int length = i2d_X509(x509, &der);
    if (length <= 0)
        return error_set(PEER_ERROR_OPERATION, "fingerprint: %s", openssl_reason());
    int error = certificate_der_fingerprint(der, (size_t)length, hash, fingerprint);
    OPENSSL_free(der);
    return error;
}

char *certificate_der_base64(const uint8_t *der, size_t length)
{
    uint8_t *text = memory_new((length + 2) / 3 * 4 + 1);
    if (text != NULL)
        EVP_EncodeBlock(text, der, (int)length);
    return (char *)text;
}

int certificate_fingerprint(const certificate_t *certificate, fingerprint_hash_t hash, fingerprint_t *fingerprint)
{
    return certificate_der_fingerprint(certificate->der, certificate->der_length, hash, fingerprint);
}

SSL *certificate_open(const certificate_t *certificate)
{
    parts_t parts = parts_of(certificate);
    if (parts.key == NULL) {
        parts_drop(parts);
        error_no_memory();
        return NULL;
    }
    SSL *ssl = dtls_context_open(parts.x509, parts.key);
    parts_drop(parts);
    return ssl;
}
