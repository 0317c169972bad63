#include "runtime/link.h"

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
#include <sys/uio.h>
#include <unistd.h>

#define REQUESTED_PER_ENTRY_MAX 128
#define CONNECT_SECONDS 10
#define SILENCE_LIFETIME (10 * PEER_SECOND) /* of an accepted link that sends no packet */
#define WAITING_PACKETS_MAX 1024
#define WAITING_BYTES_MAX (512 << 10)
#define TRANSMIT_PACKETS 64 /* in one system call */
#define RECEIVE_BYTES 16384
#define RECEIVES_PER_TURN 4
#define TEXT_SIZE 256

link_t *link_find(const loop_t *loop, uint32_t number)
{
    return socket_slot_find(loop, number, SOCKET_LINK);
}

static void watch(const link_t *link, int operation, uint32_t events)
{
    struct epoll_event interest = {.events = events, .data.u64 = link->number};
    epoll_ctl(link->loop->epoll_fd, operation, link->fd, &interest);
}

static void release(link_t *link)
{
    loop_t *loop = link->loop;
    for (link_t **at = &link->entry->links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    if (link->listener != NULL)
        link->listener->link_count--;
    close(link->fd);
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

/* The link is over by itself; the client is told if it knows of it. */
static void end(link_t *link, peer_time_t now, const char *text)
{
    loop_entry_t *entry = link->entry;
    link_state_t state = link->state;
    uint32_t request = link->request, number = link->number;
    release(link);
    if (state == LINK_CONNECTING) {
        refuse(entry, now, request, text);
    } else if (state == LINK_OPEN && entry->ops->socket_closed != NULL) {
        entry->ops->socket_closed(entry->client, now, number, text);
        loop_mark_dirty(entry->loop, entry);
    }
}

static void on_due(deadline_t *deadline, peer_time_t now)
{
    link_t *link = (link_t *)(void *)((char *)deadline - offsetof(link_t, deadline));
    char text[TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
    snprintf(text, sizeof text, "%s did not answer within %d seconds.", address_text(&link->remote, address), CONNECT_SECONDS);
    end(link, now, text);
}

/* Takes the descriptor, also when memory runs out. */
static link_t *link_new(loop_t *loop, loop_entry_t *entry, int fd, link_framing_t framing, const address_t *remote)
{
    link_t *link = MEMORY_NEW(link_t);
    if (link == NULL || !deadline_heap_reserve(&loop->deadlines)) {
        memory_free(link);
        close(fd);
        return NULL;
    }
    *link = (link_t){.fd = fd,
                     .loop = loop,
                     .entry = entry,
                     .remote = *remote,
                     .deadline = {.time = PEER_TIME_NEVER, .on_due = on_due},
                     .next = entry->links};
    link->number = socket_slot_take(loop, SOCKET_LINK, link);
    if (link->number == 0) {
        deadline_heap_unreserve(&loop->deadlines, &link->deadline);
        memory_free(link);
        close(fd);
        return NULL;
    }
    framing_init(&link->framing, framing, loop->packets);
    entry->links = link;
    return link;
}

/* NULL: nothing speaks against it. */
static const char *objection(const loop_entry_t *entry, const link_request_t *request)
{
    size_t count = 0;
    for (const link_t *at = entry->links; at != NULL; at = at->next)
        count += at->listener == NULL;
    if (entry->ops->link_opened == NULL || entry->ops->link_failed == NULL)
        return "Links are not used here.";
    if (request->protocol != LINK_TCP)
        return "TLS is not available.";
    if (request->local.family != request->remote.family || request->remote.family == ADDRESS_NONE || request->remote.port == 0)
        return "The addresses do not fit each other.";
    return count >= REQUESTED_PER_ENTRY_MAX ? "There are too many connections." : NULL;
}

void link_connect(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now)
{
    const char *why_not = objection(entry, request);
    if (why_not != NULL) {
        refuse(entry, now, request->request, why_not);
        return;
    }
    int fd = tcp_connect(&request->local, &request->remote, request->shares_port);
    if (fd < 0) {
        char text[TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
        snprintf(text, sizeof text, "The connection to %s failed: %s.", address_text(&request->remote, address), strerror(errno));
        refuse(entry, now, request->request, text);
        return;
    }
    link_t *link = link_new(loop, entry, fd, (link_framing_t)request->framing, &request->remote);
    if (link == NULL) {
        refuse(entry, now, request->request, "Memory ran out.");
        return;
    }
    link->request = request->request;
    watch(link, EPOLL_CTL_ADD, EPOLLOUT);
    deadline_heap_set(&loop->deadlines, &link->deadline, now + CONNECT_SECONDS * PEER_SECOND);
}

void link_cancel(loop_t *loop, loop_entry_t *entry, uint32_t request)
{
    for (link_t *link = entry->links; link != NULL; link = link->next) {
        if (link->state == LINK_CONNECTING && link->request == request) {
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
    watch(link, EPOLL_CTL_ADD, EPOLLIN);
    deadline_heap_set(&loop->deadlines, &link->deadline, now + SILENCE_LIFETIME);
}

bool link_drop_silent(loop_t *loop, listener_t *listener)
{
    link_t *oldest = NULL;
    for (link_t *link = listener->entry->links; link != NULL; link = link->next)
        if (link->listener == listener && link->state == LINK_SILENT && (oldest == NULL || link->deadline.time <= oldest->deadline.time))
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
    char text[TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error == 0 && !tcp_local_address(link->fd, &link->local))
        error = errno;
    if (error != 0) {
        snprintf(text, sizeof text, "The connection to %s failed: %s.", address_text(&link->remote, address), strerror(error));
        end(link, now, text);
        return;
    }
    uint32_t request = link->request;
    link->request = 0;
    link->state = LINK_OPEN;
    deadline_heap_set(&link->loop->deadlines, &link->deadline, PEER_TIME_NEVER);
    watch(link, EPOLL_CTL_MOD, EPOLLIN);
    link->entry->ops->link_opened(link->entry->client, now, request, link->number, &link->local);
    loop_mark_dirty(link->loop, link->entry);
}

static void hand_over(link_t *link, packet_t *packet, peer_time_t now)
{
    loop_entry_t *entry = link->entry;
    if (link->state == LINK_SILENT) {
        link->state = LINK_OPEN;
        deadline_heap_set(&link->loop->deadlines, &link->deadline, PEER_TIME_NEVER);
        entry->ops->link_accepted(entry->client, now, link->listener->number, link->number, &link->remote);
    }
    packet->time = now;
    packet->path = (path_t){.socket = link->number, .protocol = TRANSPORT_TCP, .local = link->local, .remote = link->remote};
    entry->ops->input(entry->client, now, packet);
    loop_mark_dirty(link->loop, entry);
}

/* False: the link is over. */
static bool take_stream(link_t *link, const uint8_t *data, size_t length, peer_time_t now)
{
    packet_t *packet;
    while ((packet = framing_read(&link->framing, &data, &length)) != NULL)
        hand_over(link, packet, now);
    if (link->framing.error == NULL)
        return true;
    end(link, now, link->framing.error);
    return false;
}

static void receive(link_t *link, peer_time_t now)
{
    uint8_t bytes[RECEIVE_BYTES];
    char text[TEXT_SIZE];
    for (int i = 0; i < RECEIVES_PER_TURN; i++) {
        ssize_t length = recv(link->fd, bytes, sizeof bytes, 0);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (length <= 0) {
            snprintf(text, sizeof text, length == 0 ? "The other end closed the connection." : "The connection broke: %s.",
                     length == 0 ? "" : strerror(errno));
            end(link, now, text);
            return;
        }
        if (!take_stream(link, bytes, (size_t)length, now) || (size_t)length < sizeof bytes)
            return;
    }
}

static void wait_for_room(link_t *link, bool wait)
{
    if (link->is_waiting == wait)
        return;
    link->is_waiting = wait;
    watch(link, EPOLL_CTL_MOD, EPOLLIN | (wait ? (uint32_t)EPOLLOUT : 0));
}

static void take_off(packet_queue_t *queue, size_t sent)
{
    while (sent > 0) {
        packet_t *packet = queue->first;
        if (sent < packet->length) {
            packet->data += sent;
            packet->length -= sent;
            queue->bytes -= sent;
            return;
        }
        sent -= packet->length;
        packet_unref(packet_queue_pop(queue));
    }
}

/* Sends what waits, as far as the kernel takes it; 0 or an errno that ends the link. */
static int transmit(link_t *link)
{
    struct iovec vectors[TRANSMIT_PACKETS];
    while (link->waiting.count != 0) {
        struct msghdr message = {.msg_iov = vectors};
        for (const packet_t *at = link->waiting.first; at != NULL && message.msg_iovlen < TRANSMIT_PACKETS; at = at->next)
            vectors[message.msg_iovlen++] = (struct iovec){.iov_base = at->data, .iov_len = at->length};
        link->loop->counters.send_calls++;
        ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
        if (sent >= 0)
            take_off(&link->waiting, (size_t)sent);
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
            break;
        else if (errno != EINTR)
            return errno;
    }
    wait_for_room(link, link->waiting.count != 0);
    return 0;
}

/* False: the link is over. */
static bool flush(link_t *link, peer_time_t now)
{
    char text[TEXT_SIZE];
    int error = transmit(link);
    if (error == 0)
        return true;
    snprintf(text, sizeof text, "The connection broke: %s.", strerror(error));
    end(link, now, text);
    return false;
}

static bool has_room(const link_t *link, size_t length)
{
    return link->waiting.count < WAITING_PACKETS_MAX && link->waiting.bytes + length <= WAITING_BYTES_MAX;
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
    if (is_open && !has_room(link, packet->length) && !link->is_waiting)
        is_open = flush(link, now);
    if (!is_open || !has_room(link, packet->length)) { /* it is real-time: the newest goes, what waits is older and mostly still wanted */
        loop->counters.send_dropped++;
        packet_unref(packet);
        return;
    }
    packet = own(loop, packet);
    if (packet == NULL || !framing_write(link->framing.kind, packet)) {
        loop->counters.send_errors++;
        packet_unref(packet);
        return;
    }
    packet_queue_push(&link->waiting, packet);
}

void links_flush(loop_entry_t *entry, peer_time_t now)
{
    for (link_t *link = entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->waiting.count != 0 && !link->is_waiting)
            flush(link, now);
    }
}

void link_close(loop_t *loop, link_t *link)
{
    if (link->state == LINK_OPEN)
        transmit(link);
    release(link);
}

size_t links_close_vanished(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    static const char text[] = "The address has left this host.";
    size_t closed = 0;
    for (link_t *link = entry->links, *next; link != NULL; link = next) {
        next = link->next;
        if (link->state == LINK_CONNECTING || interfaces_have(loop->interfaces, loop->interface_count, &link->local))
            continue;
        end(link, now, text);
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
    if ((events & EPOLLOUT) && !flush(link, now))
        return;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        receive(link, now);
}
