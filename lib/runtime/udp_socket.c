#include "runtime/udp_socket.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/sockaddr.h"
#include "runtime/socket_slots.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUFFER_BYTES (4 << 20) /* of the kernel, each way; a burst must fit until the loop comes to read it */

udp_socket_t *udp_socket_find(const loop_t *loop, uint32_t number)
{
    return socket_slot_find(loop, number, SOCKET_UDP);
}

/* The limit set by the administrator holds for SO_RCVBUF; a privileged process may go beyond. Failing is no error: smaller buffers do. */
static void raise_buffer(int fd, int option, int forced_option)
{
    int wanted = BUFFER_BYTES, got = 0;
    socklen_t length = sizeof got;
    setsockopt(fd, SOL_SOCKET, option, &wanted, sizeof wanted);
    if (getsockopt(fd, SOL_SOCKET, option, &got, &length) == 0 && got < wanted)
        setsockopt(fd, SOL_SOCKET, forced_option, &wanted, sizeof wanted);
}

static void set_options(const loop_t *loop, udp_socket_t *socket)
{
    const int on = 1;
    int segment = 0;
    socklen_t length = sizeof segment;
    raise_buffer(socket->fd, SO_RCVBUF, SO_RCVBUFFORCE);
    raise_buffer(socket->fd, SO_SNDBUF, SO_SNDBUFFORCE);
    if (socket->local.family == ADDRESS_IPV6)
        setsockopt(socket->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
    else
        setsockopt(socket->fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    if (loop->without_offload)
        return;
    setsockopt(socket->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    socket->has_gso = getsockopt(socket->fd, IPPROTO_UDP, UDP_SEGMENT, &segment, &length) == 0;
}

udp_socket_t *udp_socket_adopt(loop_t *loop, int fd)
{
    sockaddr_any_t bound;
    socklen_t length = sizeof bound;
    udp_socket_t *udp = MEMORY_NEW(udp_socket_t);
    if (udp == NULL || (udp->number = socket_slot_take(loop, SOCKET_UDP, udp)) == 0) {
        memory_free(udp);
        close(fd);
        error_no_memory();
        return NULL;
    }
    udp->fd = fd;
    udp->gso_limit = udp->fragment_limit = SIZE_MAX;
    struct epoll_event interest = {.events = EPOLLIN, .data.u64 = udp->number};
    if (getsockname(fd, &bound.any, &length) < 0 || !sockaddr_to_address(&bound.any, &udp->local) ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &interest) < 0) {
        error_set(PEER_ERROR_NETWORK, "a UDP socket cannot be watched: %s", strerror(errno));
        socket_slot_give(loop, udp->number);
        memory_free(udp);
        close(fd);
        return NULL;
    }
    set_options(loop, udp);
    return udp;
}

static int bind_to(int fd, address_t local, uint16_t port_min, uint16_t port_max)
{
    sockaddr_any_t name;
    if (port_min == 0)
        return bind(fd, &name.any, sockaddr_from_address(&name, &local));
    random_source_t random = runtime_random_source();
    uint32_t ports = port_max < port_min ? 1 : (uint32_t)(port_max - port_min) + 1;
    uint32_t start = random_below(&random, ports);
    for (uint32_t i = 0; i < ports; i++) {
        local.port = (uint16_t)(port_min + (start + i) % ports);
        if (bind(fd, &name.any, sockaddr_from_address(&name, &local)) == 0)
            return 0;
        if (errno != EADDRINUSE && errno != EACCES)
            return -1;
    }
    return -1;
}

udp_socket_t *udp_socket_open(loop_t *loop, const address_t *local, uint16_t port_min, uint16_t port_max)
{
    const int on = 1;
    char text[ADDRESS_TEXT_SIZE];
    bool is_ipv6 = local->family == ADDRESS_IPV6;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) {
        error_set(PEER_ERROR_NETWORK, "no UDP socket for %s: %s", address_ip_text(local, text), strerror(errno));
        return NULL;
    }
    if (is_ipv6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind_to(fd, *local, port_min, port_max) < 0) {
        error_set(PEER_ERROR_NETWORK, "a UDP socket cannot be bound to %s: %s", address_ip_text(local, text), strerror(errno));
        close(fd);
        return NULL;
    }
    udp_socket_t *udp = udp_socket_adopt(loop, fd);
    if (udp != NULL)
        udp_socket_allow_fragments(udp, false);
    return udp;
}

/* Without fragments, what the path's routers have said of its MTU is not believed either: whoever finds the MTU by probes sends what is
 * larger (RFC 8899 §4.6), and anybody can forge such a report. The interface's own MTU still holds. */
void udp_socket_allow_fragments(udp_socket_t *socket, bool are_allowed)
{
    bool is_ipv6 = socket->local.family == ADDRESS_IPV6;
    int value = is_ipv6 ? (are_allowed ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE) : (are_allowed ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE);
    setsockopt(socket->fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, sizeof value);
}

void udp_socket_close(loop_t *loop, udp_socket_t *socket)
{
    udp_send_flush(loop); /* it may hold this socket's last packets */
    packet_queue_clear(&socket->waiting);
    close(socket->fd); /* leaves the epoll set with it */
    socket_slot_give(loop, socket->number);
    memory_free(socket);
}

void udp_socket_end(loop_t *loop, udp_socket_t *socket)
{
    socket->is_ended = true;
    socket->next = loop->ended_sockets;
    loop->ended_sockets = socket;
}

void udp_sockets_close_ended(loop_t *loop)
{
    udp_socket_t *socket;
    while ((socket = loop->ended_sockets) != NULL) {
        loop->ended_sockets = socket->next;
        udp_socket_close(loop, socket);
    }
}

void udp_socket_wait_for_room(loop_t *loop, udp_socket_t *socket, bool wait)
{
    if (socket->is_waiting == wait)
        return;
    struct epoll_event interest = {.events = EPOLLIN | (wait ? (uint32_t)EPOLLOUT : 0), .data.u64 = socket->number};
    socket->is_waiting = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, socket->fd, &interest) == 0 && wait;
}

void udp_socket_on_ready(loop_t *loop, udp_socket_t *socket, uint32_t events)
{
    if (events & EPOLLOUT)
        udp_send_waiting(loop, socket);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        udp_receive(loop, socket);
}
