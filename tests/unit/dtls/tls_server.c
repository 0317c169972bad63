#include "tls_server.h"

#include "test.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY_S 86400

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

identity_t identity_new(const identity_options_t *options)
{
    static long serial = 1;
    identity_t identity = {.certificate = X509_new(), .key = EVP_EC_gen("P-256")};
    X509 *certificate = identity.certificate;
    const char *name = options->common_name != NULL ? options->common_name : "test";
    const identity_t *issuer = options->issuer != NULL ? options->issuer : &identity;
    bool has_time = options->valid_from_s != 0 || options->valid_until_s != 0;
    CHECK(certificate != NULL && identity.key != NULL);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), has_time ? options->valid_from_s : -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), has_time ? options->valid_until_s : DAY_S);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    X509_set_pubkey(certificate, identity.key);
    add_extension(certificate, NID_basic_constraints, options->is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (options->names != NULL)
        add_extension(certificate, NID_subject_alt_name, options->names);
    if (options->is_for_clients)
        add_extension(certificate, NID_ext_key_usage, "clientAuth");
    CHECK(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    return identity;
}

void identity_free(identity_t *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

const char *identity_write(const identity_t *identity, char path[64])
{
    snprintf(path, 64, "/tmp/peer-ca-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    CHECK(file != NULL && PEM_write_X509(file, identity->certificate));
    fclose(file);
    return path;
}

static int on_read(BIO *bio, char *data, int size)
{
    tls_server_t *server = BIO_get_data(bio);
    packet_t *packet = server->in.first;
    BIO_clear_retry_flags(bio);
    if (packet == NULL) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t length = packet->length < (size_t)size ? packet->length : (size_t)size;
    memcpy(data, packet->data, length);
    packet->data += length;
    packet->length -= length;
    server->in.bytes -= length;
    if (packet->length == 0 || server->is_datagram)
        packet_unref(packet_queue_pop(&server->in));
    return (int)length;
}

static int on_write(BIO *bio, const char *data, int size)
{
    tls_server_t *server = BIO_get_data(bio);
    packet_queue_push(&server->out, packet_new_copy(server->pool, data, (size_t)size));
    return size;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static int on_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO *bio_new(tls_server_t *server)
{
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "test server");
        BIO_meth_set_create(method, on_create);
        BIO_meth_set_ctrl(method, on_control);
        BIO_meth_set_read(method, on_read);
        BIO_meth_set_write(method, on_write);
    }
    BIO *bio = BIO_new(method);
    CHECK(bio != NULL);
    BIO_set_data(bio, server);
    return bio;
}

static int pick_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned length,
                         void *unused)
{
    static const unsigned char known[] = "\x12stun.nat-discovery\x09stun.turn";
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_length, known, sizeof known - 1, in, length) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void tls_server_open(tls_server_t *server, packet_pool_t *pool, bool is_datagram, const identity_t *identity,
                     const identity_t *intermediate)
{
    *server = (tls_server_t){.pool = pool, .is_datagram = is_datagram};
    server->context = SSL_CTX_new(is_datagram ? DTLS_server_method() : TLS_server_method());
    CHECK(server->context != NULL && SSL_CTX_use_certificate(server->context, identity->certificate) &&
          SSL_CTX_use_PrivateKey(server->context, identity->key));
    if (intermediate != NULL)
        CHECK(SSL_CTX_add1_chain_cert(server->context, intermediate->certificate));
    SSL_CTX_set_alpn_select_cb(server->context, pick_protocol, NULL);
    server->ssl = SSL_new(server->context);
    BIO *bio = bio_new(server);
    SSL_set_bio(server->ssl, bio, bio);
    SSL_set_options(server->ssl, SSL_OP_NO_QUERY_MTU);
    if (is_datagram)
        DTLS_set_link_mtu(server->ssl, 1200);
    SSL_set_accept_state(server->ssl);
}

void tls_server_close(tls_server_t *server)
{
    SSL_free(server->ssl);
    SSL_CTX_free(server->context);
    packet_queue_clear(&server->in);
    packet_queue_clear(&server->out);
}

static bool is_waiting(const tls_server_t *server, int result)
{
    return SSL_get_error(server->ssl, result) == SSL_ERROR_WANT_READ;
}

static void run(tls_server_t *server)
{
    uint8_t bytes[16384];
    if (!server->is_connected) {
        int result = SSL_do_handshake(server->ssl);
        server->is_connected = result == 1;
        server->is_over = result != 1 && !is_waiting(server, result);
        const char *name = SSL_get_servername(server->ssl, TLSEXT_NAMETYPE_host_name);
        snprintf(server->server_name, sizeof server->server_name, "%s", name != NULL ? name : "");
    }
    while (server->is_connected && !server->is_over) {
        size_t length;
        int result = SSL_read_ex(server->ssl, bytes, sizeof bytes, &length);
        if (result != 1) {
            server->is_over = !is_waiting(server, result);
            break;
        }
        server->received += length;
        tls_server_write(server, bytes, length);
    }
    ERR_clear_error();
}

void tls_server_input(tls_server_t *server, const void *data, size_t length)
{
    packet_queue_push(&server->in, packet_new_copy(server->pool, data, length));
    run(server);
}

void tls_server_write(tls_server_t *server, const void *data, size_t length)
{
    size_t written;
    CHECK(SSL_write_ex(server->ssl, data, length, &written));
}
