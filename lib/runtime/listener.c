#include "runtime/listener.h"

#include "base/log.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/socket_slots.h"
#include "runtime/tcp.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LISTENERS_PER_ENTRY_MAX 64
#define ACCEPTED_PER_LISTENER_MAX 64
#define ACCEPTS_PER_TURN 16
#define REST_WITHOUT_DESCRIPTORS PEER_SECOND

static void watch(const listener_t *listener, int operation, uint32_t events)
{
    struct epoll_event interest = {.events = events, .data.u64 = listener->number};
    epoll_ctl(listener->loop->epoll_fd, operation, listener->fd, &interest);
}

static void on_due(deadline_t *deadline, peer_time_t now)
{
    const listener_t *listener = (const listener_t *)(const void *)((const char *)deadline - offsetof(listener_t, deadline));
    watch(listener, EPOLL_CTL_MOD, EPOLLIN);
}

static listener_t *listener_new(loop_t *loop, loop_entry_t *entry, int fd)
{
    listener_t *listener = MEMORY_NEW(listener_t);
    if (listener == NULL)
        return NULL;
    *listener = (listener_t){
        .fd = fd, .loop = loop, .entry = entry, .deadline = {.time = PEER_TIME_NEVER, .on_due = on_due}, .next = entry->listeners};
    if (!tcp_local_address(fd, &listener->local) || !deadline_heap_reserve(&loop->deadlines)) {
        memory_free(listener);
        return NULL;
    }
    listener->number = socket_slot_take(loop, SOCKET_LISTENER, listener);
    if (listener->number == 0) {
        deadline_heap_unreserve(&loop->deadlines, &listener->deadline);
        memory_free(listener);
        return NULL;
    }
    entry->listeners = listener;
    return listener;
}

void listener_open(loop_t *loop, loop_entry_t *entry, const address_t *beside, network_type_t type, peer_time_t now)
{
    const loop_client_ops_t *ops = entry->ops;
    size_t count = 0;
    for (const listener_t *at = entry->listeners; at != NULL; at = at->next)
        count++;
    if (!entry->network.listens_on_tcp || ops->listener_opened == NULL || ops->link_accepted == NULL || count >= LISTENERS_PER_ENTRY_MAX)
        return;
    char text[ADDRESS_TEXT_SIZE];
    int fd = tcp_listen(beside, entry->network.port_min, entry->network.port_max);
    listener_t *listener = fd >= 0 ? listener_new(loop, entry, fd) : NULL;
    if (listener == NULL) {
        LOG_INFO("runtime", 0, "no TCP listener on %s: %s", address_ip_text(beside, text), strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    ops->listener_opened(entry->client, now, listener->number, &listener->local, type);
}

listener_t *listener_find(const loop_t *loop, uint32_t number)
{
    return socket_slot_find(loop, number, SOCKET_LISTENER);
}

void listener_close(loop_t *loop, listener_t *listener)
{
    for (listener_t **at = &listener->entry->listeners; *at != NULL; at = &(*at)->next) {
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    }
    links_orphan(loop, listener);
    close(listener->fd);
    deadline_heap_unreserve(&loop->deadlines, &listener->deadline);
    socket_slot_give(loop, listener->number);
    memory_free(listener);
}

void listener_on_ready(loop_t *loop, listener_t *listener, uint32_t events)
{
    peer_time_t now = runtime_now();
    if ((events & EPOLLIN) == 0)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        address_t remote;
        int fd = tcp_accept(listener->fd, &remote);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            watch(listener, EPOLL_CTL_MOD, 0); /* else epoll would tell of the same connection at once */
            deadline_heap_set(&loop->deadlines, &listener->deadline, now + REST_WITHOUT_DESCRIPTORS);
            return;
        }
        if (fd < 0)
            return; /* none is left, or one went before it was accepted */
        if (listener->link_count >= ACCEPTED_PER_LISTENER_MAX && !link_drop_silent(loop, listener))
            close(fd);
        else
            link_accept(loop, listener, fd, &remote, now);
    }
}
