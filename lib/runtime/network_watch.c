/* Watches the host's addresses, interfaces and (where a policy asks for it) routes by a netlink socket. What has changed is not read from
 * the messages: they only say that it is time to look, a moment later, as changes come in groups. So none that is lost is missed. */
#include "base/log.h"
#include "base/memory.h"
#include "runtime/loop_private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATHER_TIME (20 * PEER_MILLISECOND) /* from the first message of a group until the host is looked at */

struct network_watch {
    loop_t *loop;
    int fd; /* -1: the system lets nobody watch */
    bool with_routes;
    deadline_t deadline;
};

static void on_due(deadline_t *deadline, peer_time_t now)
{
    network_watch_t *watch = (network_watch_t *)(void *)((char *)deadline - offsetof(network_watch_t, deadline));
    loop_sockets_refresh(watch->loop, now);
}

static bool join(int fd, const int *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) < 0)
            return false;
    return true;
}

static int open_socket(const loop_t *loop)
{
    static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    struct epoll_event interest = {.events = EPOLLIN, .data.u64 = LOOP_MARK_NETWORK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (const void *)&name, sizeof name) == 0 && join(fd, groups, sizeof groups / sizeof *groups) &&
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &interest) == 0)
        return fd;
    LOG_WARNING("runtime", 0, "changes of the host's addresses go unseen: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static network_watch_t *new_watch(loop_t *loop)
{
    network_watch_t *watch = MEMORY_NEW(network_watch_t);
    if (watch == NULL || !deadline_heap_reserve(&loop->deadlines)) {
        memory_free(watch);
        return NULL;
    }
    watch->loop = loop;
    watch->fd = open_socket(loop);
    watch->deadline = (deadline_t){.time = PEER_TIME_NEVER, .on_due = on_due};
    loop->interfaces_expire = 0; /* what was listed before may have changed unseen */
    return watch;
}

void network_watch_start(loop_t *loop, bool with_routes)
{
    static const int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
    if (loop->network_watch == NULL)
        loop->network_watch = new_watch(loop);
    network_watch_t *watch = loop->network_watch;
    if (watch != NULL && watch->fd >= 0 && with_routes && !watch->with_routes)
        watch->with_routes = join(watch->fd, groups, sizeof groups / sizeof *groups);
}

void network_watch_on_ready(loop_t *loop, peer_time_t now)
{
    network_watch_t *watch = loop->network_watch;
    char message[4096];
    ssize_t length;
    while ((length = recv(watch->fd, message, sizeof message, MSG_DONTWAIT)) >= 0 || errno == ENOBUFS || errno == EINTR)
        continue; /* ENOBUFS: some were lost, which says no less */
    if (watch->deadline.position == 0)
        deadline_heap_set(&loop->deadlines, &watch->deadline, now + GATHER_TIME);
}

void network_watch_free(loop_t *loop)
{
    network_watch_t *watch = loop->network_watch;
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    deadline_heap_unreserve(&loop->deadlines, &watch->deadline);
    memory_free(watch);
    loop->network_watch = NULL;
}
