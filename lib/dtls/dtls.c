/* The association itself: its states, and the datagrams that go in and out. How it is made is in setup.c, what it tells about itself in
 * view.c. */
#include "dtls/dtls.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "dtls/context.h"
#include "dtls/dtls_private.h"
#include "dtls/openssl_error.h"
#include "dtls/records.h"

#include <stdio.h>
#include <sys/time.h>

#define HELD_MAX 8                /* datagrams before dtls_start(): the first flight in two parts, a few times */
#define IDLE_US (5 * PEER_SECOND) /* not used for so long: OpenSSL's record buffers, 33 KiB, are given back until the next record */
/* A fatal alert without encryption may be anybody's. The peer's own is followed by silence: after so much of it the alert is believed. */
#define ALERT_PATIENCE_US PEER_SECOND
#define EARLY_MAX 16      /* datagrams with data ahead of the last handshake message: a peer's first flight of SCTP has a few */
#define INCOMING_MAX 1024 /* records not polled yet; a datagram of 64 KiB can hold more, and then loses some */

static void update_idle_deadline(dtls_t *dtls)
{
    dtls->deadline = dtls->rest_at;
    if (dtls->has_buffers)
        dtls->deadline = time_earlier(dtls->deadline, dtls->last_use + IDLE_US);
}

/* Before OpenSSL, if it is still there, reads or writes a record while connected, which it seldom does. False when memory ran out. */
static bool use_buffers(dtls_t *dtls)
{
    dtls->last_use = dtls->now;
    if (dtls->has_buffers || dtls->ssl == NULL)
        return true;
    dtls->has_buffers = SSL_alloc_buffers(dtls->ssl) == 1;
    update_idle_deadline(dtls);
    return dtls->has_buffers;
}

static void release_what_is_idle(dtls_t *dtls)
{
    dtls_rest_if_due(dtls);
    if (dtls->has_buffers && dtls->now >= dtls->last_use + IDLE_US) {
        dtls->has_buffers = SSL_free_buffers(dtls->ssl) == 0; /* 0: part of a datagram is left in them */
        dtls->last_use = dtls->now;
    }
    update_idle_deadline(dtls);
}

static void update_deadline(dtls_t *dtls)
{
    struct timeval left;
    dtls->deadline = PEER_TIME_NEVER;
    if (dtls->state == DTLS_STATE_CONNECTED)
        update_idle_deadline(dtls);
    if (dtls->state != DTLS_STATE_CONNECTING)
        return;
    if (dtls->border.alert >= 0)
        dtls->deadline = dtls->alert_deadline;
    if (!DTLSv1_get_timeout(dtls->ssl, &left))
        return;
    peer_time_t left_us = (peer_time_t)left.tv_sec * PEER_SECOND + left.tv_usec;
    /* OpenSSL counts in wall-clock time: a step of that clock must not stop the handshake for longer than an interval. */
    dtls->deadline = time_earlier(dtls->deadline, dtls->now + time_earlier(left_us, DTLS_RETRANSMISSION_MAX_US));
}

void dtls_fail(dtls_t *dtls, const char *what)
{
    const char *reason = openssl_reason();
    if (dtls->state == DTLS_STATE_FAILED || dtls->state == DTLS_STATE_CLOSED)
        return;
    if (dtls->failure_text[0] == '\0')
        snprintf(dtls->failure_text, sizeof dtls->failure_text, "%s: %s", what, reason);
    LOG_WARNING("dtls", dtls->connection, "failed: %s (in %s)", dtls->failure_text,
                dtls->ssl != NULL ? SSL_state_string_long(dtls->ssl) : "rest");
    dtls->failure.text = dtls->failure_text;
    dtls->state = DTLS_STATE_FAILED;
    dtls->deadline = PEER_TIME_NEVER;
    dtls->has_ended = true;
}

static void update_border(dtls_t *dtls)
{
    dtls->border.is_handshaking = dtls->state == DTLS_STATE_CONNECTING;
    dtls->border.is_server = dtls->role == DTLS_ROLE_SERVER;
    dtls->border.overhead = dtls_context_overhead(dtls->ssl, !dtls->border.is_handshaking);
}

/* From here on records are protected and opened by ours. */
static bool take_over(dtls_t *dtls)
{
    record_keys_t keys;
    dtls->has_taken_over = dtls->past.is_any && record_keys_derive(&keys, dtls->ssl, dtls->role == DTLS_ROLE_CLIENT) &&
                           record_layer_start(dtls->records, &keys, &dtls->past);
    OPENSSL_cleanse(&keys, sizeof keys);
    return dtls->has_taken_over;
}

static void connected(dtls_t *dtls)
{
    if (!dtls->is_verified || SSL_get_verify_result(dtls->ssl) != X509_V_OK) { /* cannot be: the handshake does not end without */
        dtls_fail(dtls, "the peer's certificate was not verified");
        return;
    }
    if (!take_over(dtls)) {
        dtls_fail(dtls, "the connection's keys cannot be used");
        return;
    }
    dtls->state = DTLS_STATE_CONNECTED;
    update_border(dtls);
    dtls->has_connected = true;
    dtls->has_buffers = true;
    dtls->last_use = dtls->now;
    dtls_facts_learn(&dtls->facts, dtls->ssl, dtls->role == DTLS_ROLE_CLIENT);
    dtls_rest_after_handshake(dtls);
    LOG_INFO("dtls", dtls->connection, "connected as %s: %s, %s, %s", dtls_role_name(dtls->role), dtls_version_name(dtls),
             dtls_cipher_name(dtls), dtls_srtp_profile_name(dtls));
}

void dtls_closed_by_peer(dtls_t *dtls)
{
    dtls_rest_say_goodbye(dtls); /* RFC 5246 §7.2.1: answered in kind */
    dtls->state = DTLS_STATE_CLOSED;
    dtls->deadline = PEER_TIME_NEVER;
    dtls->has_ended = true;
    LOG_INFO("dtls", dtls->connection, "closed by the peer");
}

static void handshake(dtls_t *dtls)
{
    openssl_forget_errors();
    int result = SSL_do_handshake(dtls->ssl);
    if (result == 1)
        connected(dtls);
    else if (SSL_get_error(dtls->ssl, result) != SSL_ERROR_WANT_READ)
        dtls_fail(dtls, "handshake");
}

/* What OpenSSL has to hear while connected: alerts, and the peer's last flight once more, which it answers with its own. */
static void read_messages(dtls_t *dtls)
{
    uint8_t byte;
    size_t length = 0;
    do {
        openssl_forget_errors();
        int result = SSL_read_ex(dtls->ssl, &byte, sizeof byte, &length); /* no data: they do not come here */
        int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(dtls->ssl, result);
        if (error == SSL_ERROR_ZERO_RETURN)
            dtls_closed_by_peer(dtls);
        else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_NONE)
            dtls_fail(dtls, "connection");
        if (result != 1)
            return;
    } while (SSL_has_pending(dtls->ssl));
}

static void deliver(dtls_t *dtls, packet_t *packet)
{
    if (packet->length == 0 || dtls->incoming.count >= INCOMING_MAX) {
        packet_unref(packet);
        return;
    }
    dtls->statistics.data_received++;
    packet_queue_push(&dtls->incoming, packet);
}

/* Opens the records of data in a datagram of ours. The last is given out in the datagram's own packet, others, which are rare, in copies.
 * True when there was one, or at rest an alert. Takes the reference. */
static bool deliver_records(dtls_t *dtls, packet_t *packet)
{
    uint8_t *at = packet->data, *end = at + packet->length;
    size_t before = record_layer_room_before(dtls->records), size, length;
    bool is_any = false, is_heard = false;
    for (; end - at >= RECORD_HEADER && (size = RECORD_HEADER + bytes_get_u16(at + 11)) <= (size_t)(end - at); at += size) {
        if (at[0] == RECORD_ALERT && dtls->ssl == NULL)
            is_heard |= dtls_rest_hear_alert(dtls, at, size);
        if (dtls->state != DTLS_STATE_CONNECTED)
            break; /* RFC 5246 §7.2.1: what follows a goodbye does not count */
        if (at[0] != RECORD_APPLICATION_DATA || !record_layer_open(dtls->records, at, size, &length))
            continue;
        if (is_any) {
            packet_t *copy = packet_new_copy(dtls->pool, packet->data, packet->length);
            if (copy != NULL) {
                copy->path = packet->path;
                copy->time = packet->time;
                deliver(dtls, copy);
            }
        }
        packet->data = at + before;
        packet->length = length;
        is_any = true;
    }
    if (is_any) {
        deliver(dtls, packet);
        dtls_rest_after_data(dtls);
    } else {
        packet_unref(packet);
    }
    return is_any || is_heard;
}

static packet_t *copy_of(packet_pool_t *pool, packet_t *packet)
{
    packet_t *copy = packet_new_copy(pool, packet->data, packet->length);
    if (copy != NULL) {
        copy->path = packet->path;
        copy->time = packet->time;
        copy->may_fragment = packet->may_fragment;
    }
    packet_unref(packet);
    return copy;
}

/* The packet itself, or a copy when someone else holds it too; NULL when memory ran out. */
static packet_t *own(packet_pool_t *pool, packet_t *packet)
{
    return packet->references == 1 ? packet : copy_of(pool, packet);
}

/* What is left of a datagram for OpenSSL. False when it is nothing. */
static bool admit(dtls_t *dtls, packet_t *packet)
{
    int alert = dtls->border.alert;
    dtls->border.alert = -1;
    packet->length = dtls_records_filter(&dtls->border, packet->data, packet->length);
    if (alert >= 0 && packet->length == 0)
        dtls->border.alert = alert; /* the silence goes on */
    else if (dtls->border.alert >= 0)
        dtls->alert_deadline = dtls->now + ALERT_PATIENCE_US;
    return packet->length != 0;
}

/* Data may come ahead of the last handshake message, and cannot be opened before it. True when there were any, and room for them. */
static bool keep_early_data(dtls_t *dtls, packet_t *packet)
{
    if (dtls->early.count >= EARLY_MAX || dtls_records_data_length(&dtls->border, packet->data, packet->length) == 0)
        return false;
    packet_t *copy = copy_of(dtls->pool, packet_ref(packet));
    if (copy != NULL)
        packet_queue_push(&dtls->early, copy);
    return copy != NULL;
}

/* True when there was something in the datagram. Takes the reference. */
static bool take_handshaking(dtls_t *dtls, packet_t *packet)
{
    update_border(dtls);
    bool is_any = keep_early_data(dtls, packet);
    if (admit(dtls, packet)) {
        is_any = true;
        dtls->reading = packet;
        handshake(dtls);
        dtls->reading = NULL;
        if (dtls->state == DTLS_STATE_CONNECTED) /* an alert may have come ahead, too */
            read_messages(dtls);
        if (dtls->state == DTLS_STATE_CONNECTED) /* OpenSSL has said what it had to say */
            dtls->has_buffers = SSL_free_buffers(dtls->ssl) == 0;
    }
    packet_unref(packet);
    while (dtls->state == DTLS_STATE_CONNECTED && (packet = packet_queue_pop(&dtls->early)) != NULL)
        deliver_records(dtls, packet);
    return is_any;
}

/* The same, while connected. */
static bool take_connected(dtls_t *dtls, packet_t *packet)
{
    packet_t *rest = NULL;
    if (dtls->ssl != NULL && dtls_records_data_length(&dtls->border, packet->data, packet->length) < packet->length) { /* seldom */
        rest = packet_new_copy(dtls->pool, packet->data, packet->length);
        if (rest != NULL && (!admit(dtls, rest) || !use_buffers(dtls))) {
            packet_unref(rest);
            rest = NULL;
        }
    }
    bool is_any = deliver_records(dtls, packet);
    if (rest != NULL) {
        dtls->reading = rest;
        read_messages(dtls);
        dtls->reading = NULL;
        packet_unref(rest);
        is_any = true;
    }
    if (record_layer_is_worn(dtls->records))
        dtls_fail(dtls, "connection: too many forged records");
    return is_any;
}

static void take(dtls_t *dtls, packet_t *packet)
{
    bool is_handshaking = dtls->state == DTLS_STATE_CONNECTING, is_any = false;
    if (!is_handshaking && dtls->state != DTLS_STATE_CONNECTED)
        packet_unref(packet);
    else if ((packet = own(dtls->pool, packet)) != NULL)
        is_any = is_handshaking ? take_handshaking(dtls, packet) : take_connected(dtls, packet);
    if (!is_any)
        dtls->statistics.datagrams_dropped++;
    if (is_handshaking)
        update_deadline(dtls);
}

int dtls_start(dtls_t *dtls, peer_time_t now, bool is_client)
{
    if (dtls->state != DTLS_STATE_NEW)
        return error_set(PEER_ERROR_INVALID_STATE, "dtls: started twice");
    if (dtls->fingerprint_count == 0)
        return error_set(PEER_ERROR_INVALID_STATE, "dtls: the remote fingerprints are not known yet");
    dtls->now = now;
    dtls->state = DTLS_STATE_CONNECTING;
    packet_queue_t held = dtls->held;
    dtls->held = (packet_queue_t){0};
    if (is_client) {
        dtls->role = DTLS_ROLE_CLIENT;
        SSL_set_connect_state(dtls->ssl);
        packet_queue_clear(&held); /* nothing a server could have said yet */
        handshake(dtls);
        update_deadline(dtls);
    } else {
        dtls->role = DTLS_ROLE_SERVER;
        SSL_set_accept_state(dtls->ssl);
        packet_t *packet;
        while ((packet = packet_queue_pop(&held)) != NULL)
            take(dtls, packet);
    }
    return 0;
}

void dtls_input(dtls_t *dtls, peer_time_t now, packet_t *packet)
{
    dtls->now = now;
    dtls->statistics.datagrams_received++;
    if (dtls->state == DTLS_STATE_NEW && dtls->held.count < HELD_MAX && dtls_is_datagram(packet->data, packet->length))
        packet_queue_push(&dtls->held, packet);
    else
        take(dtls, packet);
}

void dtls_timeout(dtls_t *dtls, peer_time_t now)
{
    dtls->now = now;
    if (now < dtls->deadline)
        return;
    if (dtls->state == DTLS_STATE_CONNECTED) {
        release_what_is_idle(dtls);
        return;
    }
    if (dtls->border.alert >= 0 && now >= dtls->alert_deadline) {
        dtls->failure.received_alert = dtls->border.alert;
        snprintf(dtls->failure_text, sizeof dtls->failure_text, "handshake: the peer's alert \"%s\"",
                 SSL_alert_desc_string_long(dtls->border.alert));
        dtls_fail(dtls, "handshake");
        return;
    }
    openssl_forget_errors();
    int result = DTLSv1_handle_timeout(dtls->ssl);
    if (result < 0) {
        dtls_fail(dtls, "handshake: no answer");
    } else if (result > 0) {
        dtls->statistics.retransmissions++;
        dtls->border.early_records = 0;
        LOG_DEBUG("dtls", dtls->connection, "flight sent again in %s", SSL_state_string_long(dtls->ssl));
    }
    update_deadline(dtls);
}

peer_time_t dtls_deadline(const dtls_t *dtls)
{
    return dtls->deadline;
}

int dtls_send(dtls_t *dtls, peer_time_t now, packet_t *packet)
{
    dtls->now = now;
    int error = 0;
    if (dtls->state != DTLS_STATE_CONNECTED)
        error = error_set(PEER_ERROR_INVALID_STATE, "dtls: not connected");
    else if (packet->length == 0 || packet->length > DTLS_DATA_MAX)
        error = error_set(PEER_ERROR_RANGE, "dtls: %zu bytes do not fit one record", packet->length);
    if (error < 0) {
        packet_unref(packet);
        return error;
    }
    bool has_room = packet_headroom(packet) >= record_layer_room_before(dtls->records) && packet_tailroom(packet) >= RECORD_TAG;
    packet = has_room ? own(dtls->pool, packet) : copy_of(dtls->pool, packet);
    if (packet == NULL)
        return error_no_memory();
    if (!record_layer_protect(dtls->records, RECORD_APPLICATION_DATA, packet)) {
        packet_unref(packet);
        dtls_fail(dtls, "connection: a record cannot be protected");
        return error_set(PEER_ERROR_OPERATION, "dtls: %s", dtls->failure_text);
    }
    packet->time = now;
    packet_queue_push(&dtls->outgoing, packet);
    dtls->statistics.datagrams_sent++;
    dtls->statistics.data_sent++;
    return 0;
}

void dtls_close(dtls_t *dtls)
{
    if (dtls->state == DTLS_STATE_CONNECTED && use_buffers(dtls))
        dtls_rest_say_goodbye(dtls);
    if (dtls->state != DTLS_STATE_FAILED)
        dtls->state = DTLS_STATE_CLOSED;
    dtls->has_connected = dtls->has_ended = false;
    dtls->deadline = PEER_TIME_NEVER;
    packet_queue_clear(&dtls->held);
    packet_queue_clear(&dtls->early);
    packet_queue_clear(&dtls->incoming);
}

static bool put(dtls_output_t *output, dtls_output_type_t type, packet_t *packet)
{
    *output = (dtls_output_t){.type = type, .packet = packet, .failure = {.sent_alert = -1, .received_alert = -1, .text = ""}};
    return true;
}

bool dtls_poll(dtls_t *dtls, dtls_output_t *output)
{
    packet_t *packet = packet_queue_pop(&dtls->outgoing);
    if (packet != NULL)
        return put(output, DTLS_OUTPUT_SEND, packet);
    if (dtls->has_connected) {
        dtls->has_connected = false;
        return put(output, DTLS_OUTPUT_CONNECTED, NULL);
    }
    packet = packet_queue_pop(&dtls->incoming);
    if (packet != NULL)
        return put(output, DTLS_OUTPUT_DATA, packet);
    if (!dtls->has_ended)
        return false;
    dtls->has_ended = false;
    put(output, dtls->state == DTLS_STATE_FAILED ? DTLS_OUTPUT_FAILED : DTLS_OUTPUT_CLOSED, NULL);
    if (dtls->state == DTLS_STATE_FAILED)
        output->failure = dtls->failure;
    return true;
}
