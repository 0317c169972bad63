#include "dtls/context.h"

#include "base/error.h"
#include "dtls/openssl_error.h"

#include <openssl/bio.h>
#include <pthread.h>

/* As server we take the first of ours that the client has too. GCM first: RFC 7714, and it costs less than half. */
#define SRTP_PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"
#define CERTIFICATE_CHAIN_MAX 16384 /* bytes of a peer's chain; also bounds what handshake reassembly may hold */

static long control(BIO *bio, int command, long number, void *pointer)
{
    switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
        return 1;
    default: /* among them BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: our MTU counts UDP payload, so there is none */
        return 0;
    }
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *datagrams_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    if (method != NULL && BIO_meth_set_create(method, create) && BIO_meth_set_ctrl(method, control) &&
        BIO_meth_set_read(method, dtls_on_read) && BIO_meth_set_write(method, dtls_on_write))
        return method;
    BIO_meth_free(method);
    return NULL;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *ssl = SSL_CTX_new(DTLS_method());
    if (ssl == NULL || !SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) || !SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(ssl, DTLS_CIPHERS) || !SSL_CTX_set1_groups_list(ssl, DTLS_GROUPS) ||
        SSL_CTX_set_tlsext_use_srtp(ssl, SRTP_PROFILES) != 0 /* this one returns 0 for success */) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ssl, CERTIFICATE_CHAIN_MAX);
    /* Both sides show a certificate (RFC 5763 §5), and the fingerprint replaces the chain's verification. */
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, dtls_on_verify, NULL);
    SSL_CTX_set_info_callback(ssl, dtls_on_information);
    return ssl;
}

const dtls_context_t *dtls_context(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static dtls_context_t context;
    pthread_mutex_lock(&mutex);
    if (context.datagrams == NULL)
        context.datagrams = datagrams_new();
    if (context.ssl == NULL)
        context.ssl = context_new();
    bool is_whole = context.datagrams != NULL && context.ssl != NULL;
    pthread_mutex_unlock(&mutex);
    if (is_whole)
        return &context;
    error_set(PEER_ERROR_OPERATION, "DTLS: OpenSSL does not start: %s", openssl_reason());
    return NULL;
}

SSL *dtls_context_open(X509 *certificate, EVP_PKEY *key)
{
    const dtls_context_t *context = dtls_context();
    SSL *ssl = context != NULL ? SSL_new(context->ssl) : NULL;
    if (context != NULL && (ssl == NULL || !SSL_use_certificate(ssl, certificate) || !SSL_use_PrivateKey(ssl, key))) {
        error_set(PEER_ERROR_OPERATION, "certificate: cannot be used for DTLS: %s", openssl_reason());
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

size_t dtls_context_overhead(const SSL *ssl, bool is_connected)
{
    const SSL_CIPHER *cipher = is_connected ? SSL_get_current_cipher(ssl) : SSL_get_pending_cipher(ssl);
    if (cipher == NULL)
        return 0;
    return SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305 ? 16 : 8 + 16;
}
