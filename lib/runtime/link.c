#include "runtime/link_private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/listener.h"
#include "runtime/socket_slots.h"
#include "runtime/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTED_PER_ENTRY_MAX 128
#define CONNECT_SECONDS 10
#define SILENCE_LIFETIME (10 * PEER_SECOND) /* of an accepted link that sends no packet */

link_t *link_find(const loop_t *loop, uint32_t number)
{
    return socket_slot_find(loop, number, SOCKET_LINK);
}

static void take_off_lists(link_t *link)
{
    for (link_t **at = &link->entry->links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    if (link->listener != NULL)
        link->listener->link_count--;
    if (link->udp == NULL)
        return;
    for (link_t **at = &link->udp->links; *at != NULL; at = &(*at)->next_on_udp) {
        if (*at == link) {
            *at = link->next_on_udp;
            break;
        }
    }
}

static void release(link_t *link)
{
    loop_t *loop = link->loop;
    take_off_lists(link);
    if (link->fd >= 0)
        close(link->fd);
    tls_client_free(link->tls);
    if (link->owns_udp)
        udp_socket_end(loop, link->udp);
    memory_free(link->server_name);
    framing_clear(&link->framing);
    packet_queue_clear(&link->waiting);
    deadline_heap_unreserve(&loop->deadlines, &link->deadline);
    socket_slot_give(loop, link->number);
    memory_free(link);
}

static void refuse(loop_entry_t *entry, peer_time_t now, uint32_t request, const char *text)
{
    LOG_DEBUG("runtime", 0, "link %u: %s", request, text);
    if (entry->ops->link_failed != NULL)
        entry->ops->link_failed(entry->client, now, request, text);
    loop_mark_dirty(entry->loop, entry);
}

void link_end(link_t *link, peer_time_t now, const char *text)
{
    loop_entry_t *entry = link->entry;
    link_state_t state = link->state;
    uint32_t request = link->request, number = link->number;
    release(link);
    if (state == LINK_CONNECTING || state == LINK_SECURING) {
        refuse(entry, now, request, text);
    } else if (state == LINK_OPEN && entry->ops->socket_closed != NULL) {
        entry->ops->socket_closed(entry->client, now, number, text);
        loop_mark_dirty(entry->loop, entry);
    }
}

void link_set_deadline(link_t *link)
{
    peer_time_t handshake = link->state == LINK_SECURING ? tls_client_deadline(link->tls) : PEER_TIME_NEVER;
    deadline_heap_set(&link->loop->deadlines, &link->deadline, time_earlier(link->expires, handshake));
}

static void set_expiry(link_t *link, peer_time_t when)
{
    link->expires = when;
    link_set_deadline(link);
}

static void on_due(deadline_t *deadline, peer_time_t now)
{
    link_t *link = (link_t *)(void *)((char *)deadline - offsetof(link_t, deadline));
    char text[LINK_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
    if (now < link->expires && link->state == LINK_SECURING) {
        link_secure_timeout(link, now);
        return;
    }
    snprintf(text, sizeof text, "%s did not %s within %d seconds.", address_text(&link->remote, address),
             link->state == LINK_SECURING ? "finish the handshake" : "answer", CONNECT_SECONDS);
    link_end(link, now, text);
}

/* Takes the descriptor, also when memory runs out. */
static link_t *link_new(loop_t *loop, loop_entry_t *entry, int fd, link_framing_t framing, const address_t *remote)
{
    link_t *link = MEMORY_NEW(link_t);
    if (link != NULL && deadline_heap_reserve(&loop->deadlines)) {
        *link = (link_t){.fd = fd,
                         .loop = loop,
                         .entry = entry,
                         .remote = *remote,
                         .expires = PEER_TIME_NEVER,
                         .deadline = {.time = PEER_TIME_NEVER, .on_due = on_due},
                         .next = entry->links};
        link->number = socket_slot_take(loop, SOCKET_LINK, link);
        if (link->number != 0) {
            framing_init(&link->framing, framing, loop->packets);
            entry->links = link;
            return link;
        }
        deadline_heap_unreserve(&loop->deadlines, &link->deadline);
    }
    memory_free(link);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static bool has_socket(const loop_entry_t *entry, uint32_t number)
{
    for (size_t i = 0; i < entry->socket_count; i++)
        if (number != 0 && entry->sockets[i].number == number)
            return true;
    return false;
}

static bool is_taken(const udp_socket_t *udp, const address_t *remote)
{
    const link_t *link = udp->links;
    while (link != NULL && !address_equal(&link->remote, remote))
        link = link->next_on_udp;
    return link != NULL;
}

/* NULL: nothing speaks against it. */
static const char *objection(const loop_t *loop, const loop_entry_t *entry, const link_request_t *request)
{
    size_t count = 0;
    for (const link_t *at = entry->links; at != NULL; at = at->next)
        count += at->listener == NULL;
    if (entry->ops->link_opened == NULL || entry->ops->link_failed == NULL)
        return "Links are not used here.";
    if (request->local.family != request->remote.family || request->remote.family == ADDRESS_NONE || request->remote.port == 0)
        return "The addresses do not fit each other.";
    if (request->protocol == LINK_DTLS && !has_socket(entry, request->socket))
        return "The UDP socket is not open.";
    const udp_socket_t *udp = request->protocol == LINK_DTLS ? udp_socket_find(loop, request->socket) : NULL;
    if (udp != NULL && udp->shared == NULL && is_taken(udp, &request->remote))
        return "There is a DTLS connection between these addresses already.";
    return count >= REQUESTED_PER_ENTRY_MAX ? "There are too many connections." : NULL;
}

static link_t *connect_stream(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now)
{
    int fd = tcp_connect(&request->local, &request->remote, request->shares_port);
    if (fd < 0) {
        char text[LINK_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
        snprintf(text, sizeof text, "The connection to %s failed: %s.", address_text(&request->remote, address), strerror(errno));
        refuse(entry, now, request->request, text);
        return NULL;
    }
    link_t *link = link_new(loop, entry, fd, (link_framing_t)request->framing, &request->remote);
    if (link == NULL)
        refuse(entry, now, request->request, "Memory ran out.");
    else
        link_watch(link, EPOLL_CTL_ADD, EPOLLOUT);
    return link;
}

/* On a shared port each client would have the same addresses: there a link has a socket of its own. */
static udp_socket_t *socket_under(loop_t *loop, loop_entry_t *entry, const link_request_t *request)
{
    udp_socket_t *udp = udp_socket_find(loop, request->socket);
    address_t local = udp->local;
    if (udp->shared == NULL)
        return udp;
    local.port = 0;
    udp = udp_socket_open(loop, &local, 0, 0);
    if (udp != NULL)
        udp->entry = entry;
    return udp;
}

static link_t *connect_datagrams(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now)
{
    udp_socket_t *udp = socket_under(loop, entry, request);
    link_t *link = udp != NULL ? link_new(loop, entry, -1, (link_framing_t)request->framing, &request->remote) : NULL;
    bool owns_udp = udp != NULL && udp->number != request->socket;
    if (link == NULL) {
        if (owns_udp)
            udp_socket_end(loop, udp);
        refuse(entry, now, request->request, udp != NULL ? "Memory ran out." : peer_last_error_message());
        return NULL;
    }
    link->udp = udp;
    link->owns_udp = owns_udp;
    link->local = link->udp->local;
    link->next_on_udp = link->udp->links;
    link->udp->links = link;
    return link;
}

void link_connect(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now)
{
    const char *why_not = objection(loop, entry, request);
    if (why_not != NULL) {
        refuse(entry, now, request->request, why_not);
        return;
    }
    if (request->protocol == LINK_UDP) {
        if (!loop_sockets_open_link(loop, entry, request, now))
            refuse(entry, now, request->request, peer_last_error_message());
        return;
    }
    link_t *link =
        request->protocol == LINK_DTLS ? connect_datagrams(loop, entry, request, now) : connect_stream(loop, entry, request, now);
    if (link == NULL)
        return;
    link->request = request->request;
    link->protocol = (link_protocol_t)request->protocol;
    set_expiry(link, now + CONNECT_SECONDS * PEER_SECOND);
    if (link->protocol != LINK_TCP && (link->server_name = memory_string(request->server_name)) == NULL)
        link_end(link, now, "Memory ran out.");
    else if (link->protocol == LINK_DTLS)
        link_secure(link, now);
}

void link_cancel(loop_t *loop, loop_entry_t *entry, uint32_t request)
{
    for (link_t *link = entry->links; link != NULL; link = link->next) {
        if (link->request == request && request != 0) {
            release(link);
            return;
        }
    }
}

void link_accept(loop_t *loop, listener_t *listener, int fd, const address_t *remote, peer_time_t now)
{
    address_t local;
    if (!tcp_local_address(fd, &local)) {
        close(fd);
        return;
    }
    link_t *link = link_new(loop, listener->entry, fd, LINK_FRAMING_ICE, remote);
    if (link == NULL)
        return;
    link->state = LINK_SILENT;
    link->local = local;
    link->listener = listener;
    listener->link_count++;
    link_watch(link, EPOLL_CTL_ADD, EPOLLIN);
    set_expiry(link, now + SILENCE_LIFETIME);
}

bool link_drop_silent(loop_t *loop, listener_t *listener)
{
    link_t *oldest = NULL;
    for (link_t *link = listener->entry->links; link != NULL; link = link->next)
        if (link->listener == listener && link->state == LINK_SILENT && (oldest == NULL || link->expires <= oldest->expires))
            oldest = link;
    if (oldest != NULL)
        release(oldest);
    return oldest != NULL;
}

void links_orphan(loop_t *loop, listener_t *listener)
{
    for (link_t *link = listener->entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->listener != listener)
            continue;
        link->listener = NULL;
        if (link->state == LINK_SILENT)
            release(link);
    }
}

static void connected(link_t *link, peer_time_t now)
{
    char text[LINK_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error == 0 && !tcp_local_address(link->fd, &link->local))
        error = errno;
    if (error != 0) {
        snprintf(text, sizeof text, "The connection to %s failed: %s.", address_text(&link->remote, address), strerror(error));
        link_end(link, now, text);
        return;
    }
    link_watch(link, EPOLL_CTL_MOD, EPOLLIN);
    if (link->protocol == LINK_TCP)
        link_opened(link, now);
    else
        link_secure(link, now);
}

void link_opened(link_t *link, peer_time_t now)
{
    uint32_t request = link->request;
    link->request = 0;
    link->state = LINK_OPEN;
    set_expiry(link, PEER_TIME_NEVER);
    link->entry->ops->link_opened(link->entry->client, now, request, link->number, &link->local);
    loop_mark_dirty(link->loop, link->entry);
}

void link_hand_over(link_t *link, packet_t *packet, peer_time_t now)
{
    loop_entry_t *entry = link->entry;
    if (link->state == LINK_SILENT) {
        link->state = LINK_OPEN;
        set_expiry(link, PEER_TIME_NEVER);
        entry->ops->link_accepted(entry->client, now, link->listener->number, link->number, &link->remote);
    }
    packet->time = now;
    packet->path = (path_t){.socket = link->number,
                            .protocol = link->protocol == LINK_DTLS ? TRANSPORT_UDP : TRANSPORT_TCP,
                            .local = link->local,
                            .remote = link->remote};
    entry->ops->input(entry->client, now, packet);
    loop_mark_dirty(link->loop, entry);
}

/* The packet itself, or a copy when someone else holds it too; NULL when memory ran out. */
static packet_t *own(loop_t *loop, packet_t *packet)
{
    if (packet->references == 1)
        return packet;
    packet_t *copy = packet_new_copy(loop->packets, packet->data, packet->length);
    packet_unref(packet);
    return copy;
}

void link_send(loop_t *loop, link_t *link, packet_t *packet, peer_time_t now)
{
    bool is_open = link->state == LINK_OPEN;
    if (is_open && !link_has_room(link, packet->length) && !link->is_waiting)
        is_open = link_flush(link, now);
    if (!is_open ||
        !link_has_room(link, packet->length)) { /* it is real-time: the newest goes, what waits is older and mostly still wanted */
        loop->counters.send_dropped++;
        packet_unref(packet);
        return;
    }
    packet = own(loop, packet);
    if (packet == NULL || (link->protocol != LINK_DTLS && !framing_write(link->framing.kind, packet))) {
        loop->counters.send_errors++;
        packet_unref(packet);
        return;
    }
    if (link->tls != NULL)
        link_secure_send(link, packet, now);
    else
        packet_queue_push(&link->waiting, packet);
}

void links_flush(loop_entry_t *entry, peer_time_t now)
{
    for (link_t *link = entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->waiting.count != 0 && !link->is_waiting)
            link_flush(link, now);
    }
}

void link_close(loop_t *loop, link_t *link)
{
    if (link->tls != NULL)
        link_secure_close(link);
    if (link->udp != NULL)
        udp_send_flush(loop);
    else if (link->state == LINK_OPEN)
        link_transmit(link);
    release(link);
}

void links_close_over(loop_entry_t *entry, const udp_socket_t *socket)
{
    for (link_t *link = entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->udp == socket)
            link_end(link, runtime_now(), "The UDP socket under it was closed.");
    }
}

size_t links_close_vanished(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    static const char text[] = "The address has left this host.";
    size_t closed = 0;
    for (link_t *link = entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->state == LINK_CONNECTING || interfaces_have(loop->interfaces, loop->interface_count, &link->local))
            continue;
        link_end(link, now, text);
        closed++;
    }
    for (listener_t *listener = entry->listeners, *next; listener != NULL; listener = next) {
        next = listener->next;
        if (interfaces_have(loop->interfaces, loop->interface_count, &listener->local))
            continue;
        uint32_t number = listener->number;
        listener_close(loop, listener);
        if (entry->ops->socket_closed != NULL)
            entry->ops->socket_closed(entry->client, now, number, text);
        closed++;
    }
    return closed;
}

void link_on_ready(loop_t *loop, link_t *link, uint32_t events)
{
    peer_time_t now = runtime_now();
    if (link->state == LINK_CONNECTING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            connected(link, now);
        return;
    }
    if ((events & EPOLLOUT) && !link_flush(link, now))
        return;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        link_receive(link, now);
}
