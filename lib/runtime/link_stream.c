/* The stream under a link: what comes is cut into packets or decrypted, what goes waits, bounded, for the kernel's room. */
#include "runtime/link_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define WAITING_PACKETS_MAX 1024
#define WAITING_BYTES_MAX (512 << 10)
#define TRANSMIT_PACKETS 64 /* in one system call */
#define RECEIVE_BYTES 16384
#define RECEIVES_PER_TURN 4

void link_watch(const link_t *link, int operation, uint32_t events)
{
    struct epoll_event interest = {.events = events, .data.u64 = link->number};
    epoll_ctl(link->loop->epoll_fd, operation, link->fd, &interest);
}

bool link_take_stream(link_t *link, const uint8_t *data, size_t length, peer_time_t now)
{
    packet_t *packet;
    while ((packet = framing_read(&link->framing, &data, &length)) != NULL)
        link_hand_over(link, packet, now);
    if (link->framing.error == NULL)
        return true;
    link_end(link, now, link->framing.error);
    return false;
}

void link_receive(link_t *link, peer_time_t now)
{
    uint8_t bytes[RECEIVE_BYTES];
    char text[LINK_TEXT_SIZE];
    for (int i = 0; i < RECEIVES_PER_TURN; i++) {
        ssize_t length = recv(link->fd, bytes, sizeof bytes, 0);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (length <= 0) {
            snprintf(text, sizeof text, length == 0 ? "The other end closed the connection." : "The connection broke: %s.",
                     length == 0 ? "" : strerror(errno));
            link_end(link, now, text);
            return;
        }
        bool is_alive =
            link->tls != NULL ? link_secure_input(link, bytes, (size_t)length, now) : link_take_stream(link, bytes, (size_t)length, now);
        if (!is_alive || (size_t)length < sizeof bytes)
            return;
    }
}

static void wait_for_room(link_t *link, bool wait)
{
    if (link->is_waiting == wait)
        return;
    link->is_waiting = wait;
    link_watch(link, EPOLL_CTL_MOD, EPOLLIN | (wait ? (uint32_t)EPOLLOUT : 0));
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

int link_transmit(link_t *link)
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

bool link_flush(link_t *link, peer_time_t now)
{
    char text[LINK_TEXT_SIZE];
    int error = link_transmit(link);
    if (error == 0)
        return true;
    snprintf(text, sizeof text, "The connection broke: %s.", strerror(error));
    link_end(link, now, text);
    return false;
}

bool link_has_room(const link_t *link, size_t length)
{
    return link->waiting.count < WAITING_PACKETS_MAX && link->waiting.bytes + length <= WAITING_BYTES_MAX;
}
