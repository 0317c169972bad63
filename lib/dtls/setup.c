/* How an association is made: OpenSSL's part of it, what OpenSSL calls back, and the fingerprints that the peer's certificate is held to.
 */
#include "dtls/dtls.h"

#include "base/error.h"
#include "base/memory.h"
#include "dtls/certificate_private.h"
#include "dtls/context.h"
#include "dtls/dtls_private.h"
#include "dtls/openssl_error.h"

#include <openssl/srtp.h>
#include <stdio.h>
#include <string.h>

/* RFC 6347 §4.2.4.1 begins at 1 s and allows less where the application knows its paths: most are below 50 ms, and a lost flight is what a
 * caller waits for. With OpenSSL's limit of 12 expiries in a row the handshake is given up after some 20 s without an answer. */
#define RETRANSMISSION_FIRST_US 50000u

static dtls_t *dtls_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

int dtls_on_read(BIO *bio, char *data, int size)
{
    dtls_t *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    packet_t *packet = dtls->reading;
    if (packet == NULL) {
        BIO_set_retry_read(bio);
        return -1;
    }
    dtls->reading = NULL;
    int length = packet->length < (size_t)size ? (int)packet->length : size; /* a datagram is read at once or cut, as by recv() */
    memcpy(data, packet->data, (size_t)length);
    return length;
}

int dtls_on_write(BIO *bio, const char *data, int size)
{
    dtls_t *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    packet_t *packet = packet_new(dtls->pool, (size_t)size);
    if (packet == NULL)
        return size; /* as if the network had lost it: retransmission is for that */
    packet_append(packet, data, (size_t)size);
    if (!dtls->has_taken_over) {
        record_past_observe(&dtls->past, packet->data, packet->length);
    } else if (!record_layer_protect_again(dtls->records, packet->data, packet->length)) {
        packet_unref(packet);
        return size;
    }
    packet->time = dtls->now;
    packet_queue_push(&dtls->outgoing, packet);
    dtls->statistics.datagrams_sent++;
    return size;
}

void dtls_on_information(const SSL *ssl, int where, int value)
{
    if ((where & SSL_CB_ALERT) == 0 || value >> 8 != SSL3_AL_FATAL)
        return;
    dtls_failure_t *failure = &dtls_of(ssl)->failure;
    if ((where & SSL_CB_READ) != 0)
        failure->received_alert = value & 0xff;
    else
        failure->sent_alert = value & 0xff;
}

int dtls_on_verify(X509_STORE_CTX *store, void *unused)
{
    dtls_t *dtls = dtls_of(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    X509 *x509 = X509_STORE_CTX_get0_cert(store);
    fingerprint_hash_t strongest = FINGERPRINT_SHA_1; /* RFC 8122 §5.1: only the strongest hash given is looked at */
    for (size_t i = 0; i < dtls->fingerprint_count; i++)
        if (dtls->fingerprints[i].hash > strongest)
            strongest = dtls->fingerprints[i].hash;
    fingerprint_t actual;
    if (x509 != NULL && certificate_x509_fingerprint(x509, strongest, &actual) == 0) {
        for (size_t i = 0; i < dtls->fingerprint_count; i++)
            if (fingerprint_equal(&actual, &dtls->fingerprints[i]))
                dtls->is_verified = true;
        if (dtls->is_verified) {
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        }
        char text[FINGERPRINT_TEXT_SIZE];
        snprintf(dtls->failure_text, sizeof dtls->failure_text,
                 "the peer's certificate has the fingerprint %s, which its description does not name", fingerprint_text(&actual, text));
    }
    dtls->failure.is_fingerprint_failure = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert bad_certificate, RFC 8122 §6.2 */
    return 0;
}

static unsigned retransmission_interval(SSL *ssl, unsigned previous_us)
{
    if (previous_us == 0)
        return RETRANSMISSION_FIRST_US;
    return previous_us < DTLS_RETRANSMISSION_MAX_US / 2 ? previous_us * 2 : DTLS_RETRANSMISSION_MAX_US;
}

static int configure(dtls_t *dtls, const dtls_config_t *config)
{
    size_t mtu = config->mtu != 0 ? config->mtu : DTLS_MTU_DEFAULT;
    if (mtu < DTLS_MTU_MIN || mtu > PACKET_LARGE)
        return error_set(PEER_ERROR_RANGE, "dtls: an MTU of %zu is out of range", mtu);
    dtls->ssl = certificate_open(config->certificate);
    if (dtls->ssl == NULL)
        return PEER_ERROR_OPERATION;
    BIO *bio = BIO_new(dtls_context()->datagrams);
    if (bio == NULL)
        return error_no_memory();
    BIO_set_data(bio, dtls);
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_app_data(dtls->ssl, dtls);
    DTLS_set_link_mtu(dtls->ssl, (long)mtu);
    DTLS_set_timer_cb(dtls->ssl, retransmission_interval);

    char profiles[96] = "";
    for (size_t i = 0; i < DTLS_SRTP_PROFILES_MAX && config->srtp_profiles[i] != 0; i++) {
        const char *name = config->srtp_profiles[i] == SRTP_AEAD_AES_128_GCM    ? "SRTP_AEAD_AES_128_GCM"
                           : config->srtp_profiles[i] == SRTP_AEAD_AES_256_GCM  ? "SRTP_AEAD_AES_256_GCM"
                           : config->srtp_profiles[i] == SRTP_AES128_CM_SHA1_80 ? "SRTP_AES128_CM_SHA1_80"
                                                                                : NULL;
        if (name == NULL)
            return error_set(PEER_ERROR_NOT_SUPPORTED, "dtls: SRTP protection profile 0x%04x is unknown", config->srtp_profiles[i]);
        size_t length = strlen(profiles);
        snprintf(profiles + length, sizeof profiles - length, "%s%s", length > 0 ? ":" : "", name);
    }
    if (profiles[0] != '\0' && SSL_set_tlsext_use_srtp(dtls->ssl, profiles) != 0)
        return error_set(PEER_ERROR_OPERATION, "dtls: SRTP protection profiles: %s", openssl_reason());
    return 0;
}

dtls_t *dtls_new(const dtls_config_t *config)
{
    dtls_t *dtls = MEMORY_NEW(dtls_t);
    if (dtls == NULL) {
        error_no_memory();
        return NULL;
    }
    dtls->certificate = certificate_ref(config->certificate);
    dtls->records = record_layer_new();
    dtls->pool = config->pool;
    dtls->connection = config->connection;
    dtls->deadline = dtls->rest_at = PEER_TIME_NEVER;
    dtls->failure.sent_alert = dtls->failure.received_alert = dtls->border.alert = -1;
    if (dtls->records == NULL)
        error_no_memory();
    if (dtls->records == NULL || configure(dtls, config) < 0) {
        dtls_free(dtls);
        return NULL;
    }
    return dtls;
}

void dtls_free(dtls_t *dtls)
{
    if (dtls == NULL)
        return;
    SSL_free(dtls->ssl);
    dtls_facts_forget(&dtls->facts);
    record_layer_free(dtls->records);
    packet_queue_clear(&dtls->held);
    packet_queue_clear(&dtls->early);
    packet_queue_clear(&dtls->outgoing);
    packet_queue_clear(&dtls->incoming);
    certificate_unref(dtls->certificate);
    memory_free(dtls);
}

static bool has_all(const fingerprint_t *fingerprints, size_t count, const fingerprint_t *wanted, size_t wanted_count)
{
    for (size_t i = 0; i < wanted_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < count; j++)
            is_there |= fingerprint_equal(&wanted[i], &fingerprints[j]);
        if (!is_there)
            return false;
    }
    return true;
}

int dtls_check_remote_fingerprints(const dtls_t *dtls, const fingerprint_t *fingerprints, size_t count)
{
    if (count == 0)
        return error_set(PEER_ERROR_INVALID_ACCESS, "dtls: the remote description has no fingerprint that can be used");
    if (dtls->state != DTLS_STATE_NEW && (!has_all(dtls->fingerprints, dtls->fingerprint_count, fingerprints, count) ||
                                          !has_all(fingerprints, count, dtls->fingerprints, dtls->fingerprint_count)))
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "dtls: new fingerprints need a new association");
    return 0;
}

int dtls_set_remote_fingerprints(dtls_t *dtls, const fingerprint_t *fingerprints, size_t count)
{
    if (count > FINGERPRINTS_MAX)
        count = FINGERPRINTS_MAX;
    int error = dtls_check_remote_fingerprints(dtls, fingerprints, count);
    if (error < 0 || dtls->state != DTLS_STATE_NEW)
        return error;
    memcpy(dtls->fingerprints, fingerprints, count * sizeof *fingerprints);
    dtls->fingerprint_count = count;
    return 0;
}
