#include "rendezvous.h"

#include "rooms.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US 300000

typedef struct message {
    struct message *next;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE bytes of room, then the text */
} message_t;

struct rendezvous {
    mainloop_t *loop;
    struct lws_vhost *vhost;
    struct lws *wsi; /* NULL while there is none */
    rendezvous_place_t place;
    char path[ROOMS_NAME_MAX + 2];
    char host[300]; /* for the Host header */
    rendezvous_events_t events;
    void *user;
    bool is_connecting, is_open, is_leaving, is_closed, is_missing;
    int64_t give_up_us;
    alarm_clock_t retry;
    message_t *first, **last;
    char *incoming;
    size_t incoming_length;
};

static void connect_now(void *user);

/* Whatever libwebsockets has still to say of it does not concern us. */
static void forget_socket(rendezvous_t *rendezvous)
{
    if (rendezvous->wsi != NULL)
        lws_set_opaque_user_data(rendezvous->wsi, NULL);
    rendezvous->wsi = NULL;
}

static void closed(rendezvous_t *rendezvous, const char *reason)
{
    if (rendezvous->is_closed)
        return;
    rendezvous->is_closed = true;
    forget_socket(rendezvous);
    mainloop_cancel_alarm(&rendezvous->retry);
    rendezvous->events.on_closed(rendezvous->user, reason);
}

static void failed(rendezvous_t *rendezvous, const char *reason)
{
    forget_socket(rendezvous);
    rendezvous->is_connecting = false;
    if (rendezvous->is_leaving || now_us() >= rendezvous->give_up_us) {
        closed(rendezvous, reason);
        return;
    }
    mainloop_set_alarm(rendezvous->loop, &rendezvous->retry, RETRY_US, connect_now, rendezvous);
    if (!rendezvous->is_missing && rendezvous->events.on_missing != NULL)
        rendezvous->events.on_missing(rendezvous->user, reason);
    rendezvous->is_missing = true;
}

static int write_next(rendezvous_t *rendezvous)
{
    message_t *message = rendezvous->first;
    if (message != NULL) {
        if ((rendezvous->first = message->next) == NULL)
            rendezvous->last = &rendezvous->first;
        int written = lws_write(rendezvous->wsi, message->bytes + LWS_PRE, message->length, LWS_WRITE_TEXT);
        free(message);
        if (written < 0)
            return -1;
    }
    if (rendezvous->first != NULL)
        lws_callback_on_writable(rendezvous->wsi);
    else if (rendezvous->is_leaving) {
        lws_close_reason(rendezvous->wsi, LWS_CLOSE_STATUS_GOINGAWAY, NULL, 0);
        return -1;
    }
    return 0;
}

static int receive(rendezvous_t *rendezvous, const void *data, size_t length)
{
    if (rendezvous->incoming_length + length > ROOMS_MESSAGE_MAX)
        return -1;
    char *grown = realloc(rendezvous->incoming, rendezvous->incoming_length + length + 1);
    if (grown == NULL)
        return -1;
    rendezvous->incoming = grown;
    memcpy(grown + rendezvous->incoming_length, data, length);
    rendezvous->incoming_length += length;
    grown[rendezvous->incoming_length] = '\0';
    if (!lws_is_final_fragment(rendezvous->wsi) || lws_remaining_packet_payload(rendezvous->wsi) != 0)
        return 0;
    size_t whole = rendezvous->incoming_length;
    rendezvous->incoming_length = 0;
    if (!rendezvous->is_leaving)
        rendezvous->events.on_message(rendezvous->user, grown, whole);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t length)
{
    rendezvous_t *rendezvous = lws_get_opaque_user_data(wsi);
    if (rendezvous == NULL)
        return 0;
    rendezvous->wsi = wsi;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        failed(rendezvous, in != NULL ? in : "no connection");
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        rendezvous->is_open = true;
        lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return receive(rendezvous, in, length);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_next(rendezvous);
    case LWS_CALLBACK_CLIENT_CLOSED:
        closed(rendezvous, rendezvous->is_leaving ? "left" : "it closed the connection");
        break;
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {{.name = "peer-call", .callback = on_event, .rx_buffer_size = 16384}, {0}};
static const lws_retry_bo_t idle = {.secs_since_valid_ping = 20, .secs_since_valid_hangup = 30};

static void connect_now(void *user)
{
    rendezvous_t *rendezvous = user;
    struct lws_client_connect_info info = {0};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(rendezvous->place.host, NULL, NULL, &addresses); /* libwebsockets does not report this one */
    if (error != 0) {
        failed(rendezvous, gai_strerror(error));
        return;
    }
    freeaddrinfo(addresses);
    info.context = mainloop_context(rendezvous->loop);
    info.vhost = rendezvous->vhost;
    info.address = rendezvous->place.host;
    info.port = rendezvous->place.port;
    info.path = rendezvous->path;
    info.host = rendezvous->host;
    info.protocol = "peer-call";
    info.local_protocol_name = "peer-call";
    info.retry_and_idle_policy = &idle;
    info.opaque_user_data = rendezvous;
    info.pwsi = &rendezvous->wsi;
    if (rendezvous->place.is_tls)
        info.ssl_connection = LCCSCF_USE_SSL;
    if (rendezvous->place.is_tls && rendezvous->place.is_insecure)
        info.ssl_connection |=
            LCCSCF_ALLOW_SELFSIGNED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED | LCCSCF_ALLOW_INSECURE;
    rendezvous->is_connecting = true;
    if (lws_client_connect_via_info(&info) == NULL && rendezvous->is_connecting) /* mostly a failure comes by the callback */
        failed(rendezvous, "no connection");
}

rendezvous_t *rendezvous_new(mainloop_t *loop, const rendezvous_place_t *place, const rendezvous_events_t *events, void *user)
{
    rendezvous_t *rendezvous = calloc(1, sizeof *rendezvous);
    struct lws_context_creation_info info = {0};
    info.vhost_name = "client";
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    if (rendezvous != NULL && (rendezvous->vhost = lws_get_vhost_by_name(mainloop_context(loop), info.vhost_name)) == NULL)
        rendezvous->vhost = lws_create_vhost(mainloop_context(loop), &info); /* one for all */
    if (rendezvous == NULL || rendezvous->vhost == NULL) {
        fprintf(stderr, "%s: memory ran out\n", program_invocation_short_name);
        free(rendezvous);
        return NULL;
    }
    rendezvous->loop = loop;
    rendezvous->place = *place;
    rendezvous->events = *events;
    rendezvous->user = user;
    rendezvous->last = &rendezvous->first;
    rendezvous->give_up_us = now_us() + RENDEZVOUS_PATIENCE_US;
    snprintf(rendezvous->path, sizeof rendezvous->path, "/%s", place->room);
    snprintf(rendezvous->host, sizeof rendezvous->host, strchr(place->host, ':') != NULL ? "[%s]:%d" : "%s:%d", place->host, place->port);
    mainloop_set_alarm(loop, &rendezvous->retry, 1, connect_now,
                       rendezvous); /* from the loop, so that no event comes from inside this call */
    return rendezvous;
}

void rendezvous_send(rendezvous_t *rendezvous, const char *json, size_t length)
{
    message_t *message = rendezvous->is_closed ? NULL : malloc(sizeof *message + LWS_PRE + length);
    if (message == NULL)
        return;
    message->next = NULL;
    message->length = length;
    memcpy(message->bytes + LWS_PRE, json, length);
    *rendezvous->last = message;
    rendezvous->last = &message->next;
    if (rendezvous->is_open)
        lws_callback_on_writable(rendezvous->wsi);
}

void rendezvous_leave(rendezvous_t *rendezvous)
{
    rendezvous->is_leaving = true;
    if (rendezvous->is_open && !rendezvous->is_closed)
        lws_callback_on_writable(rendezvous->wsi);
    else if (!rendezvous->is_open)
        closed(rendezvous, "left");
}

void rendezvous_free(rendezvous_t *rendezvous)
{
    if (rendezvous == NULL)
        return;
    for (message_t *message = rendezvous->first, *next; message != NULL; message = next) {
        next = message->next;
        free(message);
    }
    free(rendezvous->incoming);
    free(rendezvous);
}
