/* TLS over a link's stream, and DTLS over a UDP socket, as dtls/tls_client.h does them: what it puts out is sent, or handed over. */
#include "base/error.h"
#include "base/memory.h"
#include "dtls/dtls.h"
#include "runtime/link_private.h"

#include <stdio.h>

#define SECURED_BYTES_MAX                                                                                                                  \
    (1 << 20) /* waiting; link_has_room() stops data before: only a server that does not read what it asks for gets here */

/* Takes the reference. */
static bool send_secured(link_t *link, packet_t *packet, peer_time_t now)
{
    if (link->udp != NULL) {
        packet->path = (path_t){.socket = link->udp->number, .protocol = TRANSPORT_UDP, .local = link->local, .remote = link->remote};
        udp_send(link->loop, link->udp, packet);
        return true;
    }
    packet_queue_push(&link->waiting, packet);
    if (link->waiting.bytes <= SECURED_BYTES_MAX)
        return true;
    link_end(link, now, "The server does not read what it is sent.");
    return false;
}

/* Takes the reference. */
static bool take_plaintext(link_t *link, packet_t *packet, peer_time_t now)
{
    if (link->udp != NULL) {
        link_hand_over(link, packet, now);
        return true;
    }
    bool is_alive = link_take_stream(link, packet->data, packet->length, now);
    packet_unref(packet);
    return is_alive;
}

/* The last words, an alert or a goodbye, leave as far as there is room. */
static void end(link_t *link, peer_time_t now, const char *reason)
{
    char text[LINK_TEXT_SIZE]; /* `reason` may go with the link */
    snprintf(text, sizeof text, "%s", reason);
    if (link->udp == NULL)
        link_transmit(link);
    link_end(link, now, text);
}

/* Does what the handshake, or a record, asks for. */
static bool pump(link_t *link, peer_time_t now)
{
    tls_client_output_t output;
    bool is_alive = true;
    while (is_alive && tls_client_poll(link->tls, &output)) {
        switch (output.type) {
        case TLS_CLIENT_SEND:
            is_alive = send_secured(link, output.packet, now);
            break;
        case TLS_CLIENT_CONNECTED:
            link_opened(link, now);
            break;
        case TLS_CLIENT_DATA:
            is_alive = take_plaintext(link, output.packet, now);
            break;
        case TLS_CLIENT_CLOSED:
            end(link, now, "The server closed the connection.");
            return false;
        case TLS_CLIENT_FAILED:
            end(link, now, output.text);
            return false;
        }
    }
    if (is_alive)
        link_set_deadline(link);
    return is_alive;
}

static bool pump_and_flush(link_t *link, peer_time_t now)
{
    return pump(link, now) && (link->udp != NULL || link->is_waiting || link_flush(link, now));
}

bool link_secure(link_t *link, peer_time_t now)
{
    char text[LINK_TEXT_SIZE];
    tls_client_config_t config = {.pool = link->loop->packets,
                                  .is_datagram = link->udp != NULL,
                                  .server_name = link->server_name,
                                  .ca_file = link->entry->network.ca_file};
    link->tls = tls_client_new(&config, now);
    if (link->tls == NULL) {
        snprintf(text, sizeof text, "No secure connection: %s.", peer_last_error_message());
        link_end(link, now, text);
        return false;
    }
    link->state = LINK_SECURING;
    return pump_and_flush(link, now);
}

bool link_secure_input(link_t *link, uint8_t *data, size_t length, peer_time_t now)
{
    tls_client_input(link->tls, now, data, length);
    return pump_and_flush(link, now);
}

bool link_secure_timeout(link_t *link, peer_time_t now)
{
    tls_client_timeout(link->tls, now);
    return pump_and_flush(link, now);
}

bool link_secure_send(link_t *link, packet_t *packet, peer_time_t now)
{
    if (!tls_client_send(link->tls, now, packet))
        link->loop->counters.send_errors++;
    return pump(link, now);
}

void link_secure_close(link_t *link)
{
    tls_client_output_t output;
    tls_client_close(link->tls);
    while (tls_client_poll(link->tls, &output)) {
        if (output.type != TLS_CLIENT_SEND)
            packet_unref(output.packet);
        else if (link->udp != NULL)
            send_secured(link, output.packet, 0);
        else
            packet_queue_push(&link->waiting, output.packet);
    }
}

bool links_take_datagram(udp_socket_t *socket, packet_t *packet, peer_time_t now)
{
    /* A server may be asked by STUN from the same socket: RFC 7983 tells the two apart. */
    if (!dtls_is_datagram(packet->data, packet->length))
        return false;
    for (link_t *link = socket->links; link != NULL; link = link->next_on_udp) {
        if (!address_equal(&link->remote, &packet->path.remote))
            continue;
        link_secure_input(link, packet->data, packet->length, now);
        packet_unref(packet);
        return true;
    }
    return false;
}
