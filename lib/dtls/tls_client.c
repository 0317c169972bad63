#include "dtls/tls_client.h"

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "dtls/context.h"
#include "dtls/dtls.h"
#include "dtls/openssl_error.h"
#include "dtls/records.h"
#include "dtls/tls_context.h"

#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

/* RFC 6347 §4.2.4.1 begins at 1 s and allows less where the paths are known: servers are mostly nearer than this. */
#define RETRANSMISSION_FIRST_US 200000u
#define RETRANSMISSION_MAX_US 3000000u
/* A fatal alert without encryption may be anybody's. The server's own is followed by silence: after so much of it the alert is believed. */
#define ALERT_PATIENCE PEER_SECOND
#define INCOMING_MAX 1024 /* DTLS records not polled yet; a datagram of 64 KiB can hold more, and then loses some */
#define NAME_SIZE 256
#define TEXT_SIZE 400

typedef enum client_state { HANDSHAKING, CONNECTED, ENDED } client_state_t;

struct tls_client {
    SSL *ssl;
    packet_pool_t *pool;
    bool is_datagram;
    client_state_t state;
    char server_name[NAME_SIZE];
    const uint8_t *reading; /* what OpenSSL reads next, during an input */
    size_t reading_length;
    size_t largest_datagram;
    dtls_border_t border;
    peer_time_t alert_deadline; /* when border.alert is believed */
    peer_time_t deadline;
    packet_queue_t outgoing;
    packet_queue_t incoming;
    int received_alert; /* -1: none */
    bool has_connected; /* to be told by tls_client_poll() */
    bool has_ended;     /* the same */
    bool is_failed;
    char text[TEXT_SIZE];
};

int tls_on_read(BIO *bio, char *data, int size)
{
    tls_client_t *client = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (client->reading_length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t length = client->reading_length < (size_t)size ? client->reading_length : (size_t)size;
    memcpy(data, client->reading, length);
    client->reading += length;
    client->reading_length = client->is_datagram ? 0 : client->reading_length - length; /* a datagram is cut, as by recv() */
    return (int)length;
}

int tls_on_write(BIO *bio, const char *data, int size)
{
    tls_client_t *client = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    packet_t *packet = packet_new_copy(client->pool, data, (size_t)size);
    if (packet == NULL)
        return client->is_datagram ? size : -1; /* a datagram is as if the network had lost it; a stream has no gaps */
    packet_queue_push(&client->outgoing, packet);
    return size;
}

void tls_on_information(const SSL *ssl, int where, int value)
{
    tls_client_t *client = SSL_get_app_data(ssl);
    if ((where & SSL_CB_ALERT) != 0 && (where & SSL_CB_READ) != 0 && value >> 8 == SSL3_AL_FATAL)
        client->received_alert = value & 0xff;
}

static unsigned retransmission_interval(SSL *ssl, unsigned previous_us)
{
    if (previous_us == 0)
        return RETRANSMISSION_FIRST_US;
    return previous_us < RETRANSMISSION_MAX_US / 2 ? previous_us * 2 : RETRANSMISSION_MAX_US;
}

static void update_deadline(tls_client_t *client, peer_time_t now)
{
    struct timeval left;
    client->deadline = PEER_TIME_NEVER;
    if (client->state != HANDSHAKING || !client->is_datagram)
        return;
    if (client->border.alert >= 0)
        client->deadline = client->alert_deadline;
    if (!DTLSv1_get_timeout(client->ssl, &left))
        return;
    peer_time_t left_us = (peer_time_t)left.tv_sec * PEER_SECOND + left.tv_usec;
    /* OpenSSL counts in wall-clock time: a step of that clock must not stop the handshake for longer than an interval. */
    client->deadline = time_earlier(client->deadline, now + time_earlier(left_us, RETRANSMISSION_MAX_US));
}

/* What is wrong with the server's certificate, for a user. */
static void describe_certificate(tls_client_t *client, long result)
{
    const char *name = client->server_name, *what = NULL;
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
        what = "is for another name";
        break;
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        what = "is for another address";
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        what = "has expired";
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        what = "is not valid yet";
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        what = "is signed by itself and by no authority";
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        what = "is signed by an unknown authority";
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        what = "is not signed by the authority that it names";
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        what = "is not one for servers";
        break;
    default:
        snprintf(client->text, sizeof client->text, "The certificate of %s is not accepted: %s.", name,
                 X509_verify_cert_error_string(result));
        return;
    }
    snprintf(client->text, sizeof client->text, "The certificate of %s %s.", name, what);
}

static void describe_failure(tls_client_t *client)
{
    const char *name = client->server_name, *protocol = client->is_datagram ? "DTLS" : "TLS";
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    long result = SSL_get_verify_result(client->ssl);
    if (result != X509_V_OK)
        describe_certificate(client, result);
    else if (client->received_alert >= 0)
        snprintf(client->text, sizeof client->text, "%s ended %s: %s.", name, protocol, SSL_alert_desc_string_long(client->received_alert));
    else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
        snprintf(client->text, sizeof client->text, "%s does not speak %s on this port.", name, protocol);
    else
        snprintf(client->text, sizeof client->text, "%s with %s failed: %s.", protocol, name, openssl_reason());
}

static void fail(tls_client_t *client)
{
    if (client->state != ENDED) {
        describe_failure(client);
        LOG_INFO("dtls", 0, "%s (in %s)", client->text, SSL_state_string_long(client->ssl));
        client->state = ENDED;
        client->has_ended = client->is_failed = true;
    }
    ERR_clear_error();
}

static void handshake(tls_client_t *client)
{
    openssl_forget_errors();
    int result = SSL_do_handshake(client->ssl);
    if (result == 1 && SSL_get_verify_result(client->ssl) == X509_V_OK) {
        client->state = CONNECTED;
        client->has_connected = true;
        LOG_INFO("dtls", 0, "%s: %s, %s", client->server_name, SSL_get_version(client->ssl), SSL_get_cipher_name(client->ssl));
    } else if (result == 1 || SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ) {
        fail(client);
    }
}

/* All plaintext that OpenSSL can give. */
static void read_plaintext(tls_client_t *client)
{
    size_t size = client->is_datagram ? client->largest_datagram : PACKET_SMALL;
    while (client->state == CONNECTED) {
        size_t length = 0;
        packet_t *packet = packet_new(client->pool, size);
        if (packet == NULL) {
            if (!client->is_datagram)
                fail(client); /* a stream has no gaps */
            return;
        }
        openssl_forget_errors();
        int result = SSL_read_ex(client->ssl, packet->data, size, &length);
        if (result == 1) {
            packet->length = length;
            if (client->is_datagram && client->incoming.count >= INCOMING_MAX)
                packet_unref(packet);
            else
                packet_queue_push(&client->incoming, packet);
            continue;
        }
        packet_unref(packet);
        int error = SSL_get_error(client->ssl, result);
        if (error == SSL_ERROR_WANT_READ)
            return;
        if (error != SSL_ERROR_ZERO_RETURN) {
            fail(client);
            return;
        }
        SSL_shutdown(client->ssl); /* answered in kind */
        ERR_clear_error();
        client->state = ENDED;
        client->has_ended = true;
    }
}

/* A name that a certificate can be of. OpenSSL takes a leading dot for any name below, which is not what was asked for. */
static bool set_name(tls_client_t *client, const char *name)
{
    X509_VERIFY_PARAM *expected = SSL_get0_param(client->ssl);
    address_t address;
    size_t length = strlen(name);
    if (address_parse(&address, name, 0))
        return X509_VERIFY_PARAM_set1_ip(expected, address.bytes, address.family == ADDRESS_IPV6 ? 16 : 4) ==
               1; /* and no SNI: RFC 6066 §3 */
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0 || name[0] == '.' || length >= sizeof client->server_name)
        return false;
    memcpy(client->server_name, name, length);
    client->server_name[length] = '\0';
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(expected, client->server_name, length) == 1 &&
           SSL_set_tlsext_host_name(client->ssl, client->server_name) == 1;
}

static int configure(tls_client_t *client, const tls_client_config_t *config)
{
    client->ssl = tls_context_open(config->is_datagram, config->ca_file, client);
    if (client->ssl == NULL)
        return PEER_ERROR_OPERATION;
    snprintf(client->server_name, sizeof client->server_name, "%s", config->server_name);
    if (!set_name(client, config->server_name)) {
        ERR_clear_error();
        return error_set(PEER_ERROR_SYNTAX, "\"%s\" is no name that a server's certificate can be of", config->server_name);
    }
    if (client->is_datagram) {
        DTLS_set_link_mtu(client->ssl, DTLS_MTU_DEFAULT);
        DTLS_set_timer_cb(client->ssl, retransmission_interval);
    }
    SSL_set_connect_state(client->ssl);
    return 0;
}

tls_client_t *tls_client_new(const tls_client_config_t *config, peer_time_t now)
{
    tls_client_t *client = MEMORY_NEW(tls_client_t);
    if (client == NULL) {
        error_no_memory();
        return NULL;
    }
    client->pool = config->pool;
    client->is_datagram = config->is_datagram;
    client->received_alert = client->border.alert = -1;
    client->border.with_data = true;
    if (configure(client, config) < 0) {
        tls_client_free(client);
        return NULL;
    }
    handshake(client);
    update_deadline(client, now);
    return client;
}

void tls_client_free(tls_client_t *client)
{
    if (client == NULL)
        return;
    SSL_free(client->ssl);
    packet_queue_clear(&client->outgoing);
    packet_queue_clear(&client->incoming);
    memory_free(client);
}

/* How much of a datagram is for OpenSSL, in place. */
static size_t admit(tls_client_t *client, peer_time_t now, uint8_t *data, size_t length)
{
    int alert = client->border.alert;
    client->border.is_handshaking = client->state == HANDSHAKING;
    client->border.overhead = dtls_context_overhead(client->ssl, client->state == CONNECTED);
    client->border.alert = -1;
    length = dtls_records_filter(&client->border, data, length);
    if (alert >= 0 && length == 0)
        client->border.alert = alert; /* the silence goes on */
    else if (client->border.alert >= 0)
        client->alert_deadline = now + ALERT_PATIENCE;
    if (length > client->largest_datagram)
        client->largest_datagram = length;
    return length;
}

void tls_client_input(tls_client_t *client, peer_time_t now, uint8_t *data, size_t length)
{
    if (client->state == ENDED)
        return;
    if (client->is_datagram)
        length = admit(client, now, data, length);
    client->reading = data;
    client->reading_length = length;
    if (length != 0 && client->state == HANDSHAKING)
        handshake(client);
    if (length != 0 && client->state == CONNECTED) /* data may have come with the last handshake message */
        read_plaintext(client);
    client->reading = NULL;
    client->reading_length = 0;
    update_deadline(client, now);
}

void tls_client_timeout(tls_client_t *client, peer_time_t now)
{
    if (now < client->deadline || client->state != HANDSHAKING)
        return;
    if (client->border.alert >= 0 && now >= client->alert_deadline) {
        client->received_alert = client->border.alert;
        fail(client);
    } else {
        openssl_forget_errors();
        if (DTLSv1_handle_timeout(client->ssl) < 0)
            fail(client);
        client->border.early_records = 0;
    }
    update_deadline(client, now);
}

peer_time_t tls_client_deadline(const tls_client_t *client)
{
    return client->deadline;
}

bool tls_client_send(tls_client_t *client, peer_time_t now, packet_t *packet)
{
    size_t written;
    bool is_possible = client->state == CONNECTED && packet->length != 0 && (!client->is_datagram || packet->length <= DTLS_DATA_MAX);
    if (is_possible) {
        openssl_forget_errors();
        is_possible = SSL_write_ex(client->ssl, packet->data, packet->length, &written) == 1;
        if (!is_possible)
            fail(client);
    }
    packet_unref(packet);
    return is_possible;
}

void tls_client_close(tls_client_t *client)
{
    if (client->state == CONNECTED)
        SSL_shutdown(client->ssl);
    ERR_clear_error();
    client->state = ENDED;
    client->has_connected = client->has_ended = false;
    client->deadline = PEER_TIME_NEVER;
    packet_queue_clear(&client->incoming);
}

bool tls_client_poll(tls_client_t *client, tls_client_output_t *output)
{
    *output = (tls_client_output_t){.packet = packet_queue_pop(&client->outgoing)};
    if (output->packet != NULL) {
        output->type = TLS_CLIENT_SEND;
    } else if (client->has_connected) {
        client->has_connected = false;
        output->type = TLS_CLIENT_CONNECTED;
    } else if ((output->packet = packet_queue_pop(&client->incoming)) != NULL) {
        output->type = TLS_CLIENT_DATA;
    } else if (client->has_ended) {
        client->has_ended = false;
        output->type = client->is_failed ? TLS_CLIENT_FAILED : TLS_CLIENT_CLOSED;
        output->text = client->text;
    }
    return output->type != 0;
}

const char *tls_client_version_name(const tls_client_t *client)
{
    return SSL_get_version(client->ssl);
}
