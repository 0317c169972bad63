/* An association at rest. OpenSSL keeps some 50 KiB for each: its handshake buffer, the last flight, the session, both certificates parsed.
 * Once connected all of that is there for one purpose, to repeat the last flight if the peer asks for it by repeating its own (RFC 6347
 * §4.2.4). When that cannot happen any more it is freed; alerts, the only messages left, are then heard and said by the record layer. */
#include "base/log.h"
#include "dtls/dtls_private.h"
#include "dtls/openssl_error.h"

#include <stdio.h>

/* The last flight is the server's. A client has nothing to repeat; a server that opened data knows that its flight arrived, as nobody sends
 * data before. Others wait for twice the segment lifetime of TCP (RFC 6347 §4.2.4, RFC 9293 §3.4.2). */
#define REST_SOON (200 * PEER_MILLISECOND) /* off the way of what follows the handshake at once */
#define REST_LATE (240 * PEER_SECOND)

enum { ALERT_WARNING = 1, ALERT_FATAL = 2, ALERT_LENGTH = 2 }; /* RFC 5246 §7.2 */

void dtls_rest_after_handshake(dtls_t *dtls)
{
    dtls->rest_at = dtls->now + (dtls->role == DTLS_ROLE_CLIENT ? REST_SOON : REST_LATE);
}

void dtls_rest_after_data(dtls_t *dtls)
{
    if (dtls->ssl == NULL || dtls->rest_at <= dtls->now + REST_SOON)
        return;
    dtls->rest_at = dtls->now + REST_SOON;
    dtls->deadline = time_earlier(dtls->deadline, dtls->rest_at);
}

void dtls_rest_if_due(dtls_t *dtls)
{
    if (dtls->now < dtls->rest_at)
        return;
    SSL_free(dtls->ssl);
    dtls->ssl = NULL;
    certificate_pack(dtls->certificate);
    dtls->has_buffers = false;
    dtls->rest_at = PEER_TIME_NEVER;
    LOG_DEBUG("dtls", dtls->connection, "at rest");
}

static void say(dtls_t *dtls, uint8_t level, uint8_t description)
{
    const uint8_t alert[ALERT_LENGTH] = {level, description};
    packet_t *packet = packet_new_copy(dtls->pool, alert, sizeof alert);
    if (packet == NULL || !record_layer_protect(dtls->records, RECORD_ALERT, packet)) {
        packet_unref(packet); /* as if the network had lost it */
        return;
    }
    packet->time = dtls->now;
    packet_queue_push(&dtls->outgoing, packet);
    dtls->statistics.datagrams_sent++;
}

void dtls_rest_say_goodbye(dtls_t *dtls)
{
    if (dtls->ssl == NULL) {
        say(dtls, ALERT_WARNING, SSL3_AD_CLOSE_NOTIFY);
        return;
    }
    ERR_clear_error();
    SSL_shutdown(dtls->ssl);
    ERR_clear_error();
}

bool dtls_rest_hear_alert(dtls_t *dtls, uint8_t *record, size_t size)
{
    size_t length = 0;
    if (!record_layer_open(dtls->records, record, size, &length) || length != ALERT_LENGTH)
        return false;
    const uint8_t *alert = record + record_layer_room_before(dtls->records);
    if (alert[1] == SSL3_AD_CLOSE_NOTIFY) {
        dtls_closed_by_peer(dtls);
    } else if (alert[0] == ALERT_FATAL) {
        dtls->failure.received_alert = alert[1];
        snprintf(dtls->failure_text, sizeof dtls->failure_text, "connection: the peer's alert \"%s\"",
                 SSL_alert_desc_string_long(alert[1]));
        dtls_fail(dtls, "connection");
    }
    return true;
}
