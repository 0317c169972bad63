#include "dtls/tls_context.h"

#include "base/error.h"
#include "base/memory.h"
#include "dtls/context.h"
#include "dtls/openssl_error.h"

#include <pthread.h>
#include <string.h>

#define CONTEXTS_MAX 16          /* kept; beyond, each connection has one of its own */
#define CHAIN_MAX 65536          /* bytes of a server's chain */
#define DATAGRAM_CHAIN_MAX 16384 /* the same for DTLS: what the border lets through (records.c) */
/* RFC 7443 §3. Servers that know nothing of ALPN do not look at it. */
#define PROTOCOLS                                                                                                                          \
    "\x09stun.turn"                                                                                                                        \
    "\x12stun.nat-discovery"

typedef struct kept_context {
    bool is_datagram;
    char *ca_file; /* NULL: the system's roots */
    SSL_CTX *ssl;
} kept_context_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static kept_context_t contexts[CONTEXTS_MAX];
static size_t context_count;
static BIO_METHOD *bio_method;

static long control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP; /* our MTU counts UDP payload, so there is no overhead to tell */
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "server");
    if (method != NULL && BIO_meth_set_create(method, create) && BIO_meth_set_ctrl(method, control) &&
        BIO_meth_set_read(method, tls_on_read) && BIO_meth_set_write(method, tls_on_write))
        return method;
    BIO_meth_free(method);
    return NULL;
}

static bool configure(SSL_CTX *ssl, bool is_datagram)
{
    /* One ALPN function returns 0 for success, unlike all others. */
    if (!SSL_CTX_set_min_proto_version(ssl, is_datagram ? DTLS1_2_VERSION : TLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(ssl, DTLS_CIPHERS) || !SSL_CTX_set1_groups_list(ssl, DTLS_GROUPS) ||
        SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)PROTOCOLS, sizeof PROTOCOLS - 1) != 0)
        return false;
    if (is_datagram && !SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION))
        return false;
    SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ssl, is_datagram ? DATAGRAM_CHAIN_MAX : CHAIN_MAX);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_info_callback(ssl, tls_on_information);
    return true;
}

/* NULL with an error set. */
static SSL_CTX *context_new(bool is_datagram, const char *ca_file)
{
    SSL_CTX *ssl = SSL_CTX_new(is_datagram ? DTLS_client_method() : TLS_client_method());
    if (ssl == NULL || !configure(ssl, is_datagram)) {
        error_set(PEER_ERROR_OPERATION, "TLS: OpenSSL does not start: %s", openssl_reason());
        SSL_CTX_free(ssl);
        return NULL;
    }
    if (ca_file == NULL ? SSL_CTX_set_default_verify_paths(ssl) != 1 : SSL_CTX_load_verify_file(ssl, ca_file) != 1) {
        error_set(PEER_ERROR_OPERATION, "the file of root certificates %s cannot be used: %s", ca_file != NULL ? ca_file : "of the system",
                  openssl_reason());
        SSL_CTX_free(ssl);
        return NULL;
    }
    if (ca_file != NULL) /* whatever the application puts there is trusted, also a server's own certificate */
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return ssl;
}

static bool is_same(const kept_context_t *context, bool is_datagram, const char *ca_file)
{
    return context->is_datagram == is_datagram && (context->ca_file == NULL) == (ca_file == NULL) &&
           (ca_file == NULL || strcmp(context->ca_file, ca_file) == 0);
}

static void keep(SSL_CTX *ssl, bool is_datagram, const char *ca_file)
{
    char *name = memory_string(ca_file);
    if (context_count == CONTEXTS_MAX || (name == NULL && ca_file != NULL) || !SSL_CTX_up_ref(ssl)) {
        memory_free(name);
        return;
    }
    contexts[context_count++] = (kept_context_t){.is_datagram = is_datagram, .ca_file = name, .ssl = ssl};
}

/* A reference; NULL with an error set. Under the mutex. */
static SSL_CTX *context_for(bool is_datagram, const char *ca_file)
{
    for (size_t i = 0; i < context_count; i++)
        if (is_same(&contexts[i], is_datagram, ca_file))
            return SSL_CTX_up_ref(contexts[i].ssl) ? contexts[i].ssl : NULL;
    SSL_CTX *ssl = context_new(is_datagram, ca_file);
    if (ssl != NULL)
        keep(ssl, is_datagram, ca_file);
    return ssl;
}

SSL *tls_context_open(bool is_datagram, const char *ca_file, void *owner)
{
    pthread_mutex_lock(&mutex);
    if (bio_method == NULL)
        bio_method = bio_method_new();
    const BIO_METHOD *method = bio_method;
    SSL_CTX *context = context_for(is_datagram, ca_file);
    pthread_mutex_unlock(&mutex);
    if (context == NULL)
        return NULL;
    SSL *ssl = SSL_new(context);
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    SSL_CTX_free(context);
    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        error_set(PEER_ERROR_OPERATION, "TLS: OpenSSL does not start: %s", openssl_reason());
        return NULL;
    }
    BIO_set_data(bio, owner);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, owner);
    return ssl;
}
