/* A loop's life, its lock and its turn: wait, read, time out, flush what changed, deliver, flush again. */
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/listener.h"
#include "runtime/mdns.h"
#include "runtime/port_mapping.h"
#include "runtime/resolver.h"
#include "runtime/shared_port.h"
#include "runtime/udp_socket.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define READY_MAX 64          /* sockets read in one turn */
#define CALLBACKS_BEHIND 1024 /* so many wait: sockets are not read, and the network waits, rather than memory fill with what comes */
#define INTERFACES_LIFETIME (2 * PEER_SECOND)
#define TRIM_INTERVAL PEER_SECOND
#define KEPT_AT_REST (96 << 10) /* bytes of free packets */

static _Thread_local loop_t *current_loop; /* whose turn the thread is in */

static pthread_mutex_t default_mutex = PTHREAD_MUTEX_INITIALIZER;
static loop_t *default_loop; /* no reference of its own */

void loop_lock(loop_t *loop)
{
    pthread_mutex_lock(&loop->mutex);
}

void loop_unlock(loop_t *loop)
{
    pthread_mutex_unlock(&loop->mutex);
}

bool loop_is_current(const loop_t *loop)
{
    return current_loop == loop;
}

packet_pool_t *loop_packets(loop_t *loop)
{
    return loop->packets;
}

int loop_fd(const loop_t *loop)
{
    if (loop->mode != LOOP_MANUAL)
        return error_set(PEER_ERROR_INVALID_STATE, "a loop with a thread of its own has no descriptor to watch");
    return loop->epoll_fd;
}

void loop_wake(loop_t *loop)
{
    const uint64_t one = 1;
    if (loop->is_in_turn || loop->is_wake_sent)
        return;
    loop->is_wake_sent = true;
    loop->counters.wakes++;
    ssize_t written = write(loop->event_fd, &one, sizeof one); /* edge-triggered in epoll, so never read; cannot fill up */
    (void)written;
}

/* The timer may ring early, for a deadline that has moved away since: cheaper than setting it with every move. */
void loop_arm_timer(loop_t *loop, peer_time_t now)
{
    peer_time_t due = deadline_heap_time(&loop->deadlines);
    if (due >= loop->armed)
        return;
    peer_time_t at = due > now ? due : now;
    struct itimerspec setting = {.it_value = {.tv_sec = at / PEER_SECOND, .tv_nsec = at % PEER_SECOND * 1000}};
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL);
    loop->armed = due;
}

void loop_mark_dirty(loop_t *loop, loop_entry_t *entry)
{
    if (entry->is_dirty)
        return;
    entry->is_dirty = true;
    entry->dirty_next = NULL;
    if (loop->dirty_last != NULL)
        loop->dirty_last->dirty_next = entry;
    else
        loop->dirty_first = entry;
    loop->dirty_last = entry;
}

size_t loop_interfaces(loop_t *loop, peer_time_t now)
{
    if (now >= loop->interfaces_expire) {
        loop->interface_count = interfaces_list(loop->interfaces);
        loop->default_sources = address_policy_default_sources();
        loop->interfaces_expire = now + INTERFACES_LIFETIME;
    }
    return loop->interface_count;
}

static void socket_on_ready(loop_t *loop, uint32_t number, uint32_t events)
{
    udp_socket_t *udp = udp_socket_find(loop, number);
    link_t *link = udp == NULL ? link_find(loop, number) : NULL;
    listener_t *listener = udp == NULL ? listener_find(loop, number) : NULL;
    if (udp != NULL)
        udp_socket_on_ready(loop, udp, events);
    else if (link != NULL)
        link_on_ready(loop, link, events);
    else if (listener != NULL) /* else closed since epoll spoke */
        listener_on_ready(loop, listener, events);
}

static void read_ready(loop_t *loop, const struct epoll_event *ready, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t events = loop->callbacks.count < CALLBACKS_BEHIND ? ready[i].events : ready[i].events & EPOLLOUT;
        if (ready[i].data.u64 == LOOP_MARK_TIMER)
            loop->armed = PEER_TIME_NEVER;
        else if (ready[i].data.u64 == LOOP_MARK_NETWORK)
            network_watch_on_ready(loop, runtime_now());
        else if (ready[i].data.u64 != LOOP_MARK_WAKE)
            socket_on_ready(loop, (uint32_t)ready[i].data.u64, events);
    }
}

static bool is_trim_wanted(const loop_t *loop)
{
    return packet_pool_kept(loop->packets) > KEPT_AT_REST;
}

static void on_trim_due(deadline_t *deadline, peer_time_t now)
{
    loop_t *loop = (loop_t *)(void *)((char *)deadline - offsetof(loop_t, trim));
    udp_receiver_rest(loop->receiver);
    packet_pool_trim(loop->packets);
    if (is_trim_wanted(loop))
        deadline_heap_set(&loop->deadlines, deadline, now + TRIM_INTERVAL);
}

static bool has_work(const loop_t *loop)
{
    return loop->callbacks.count != 0 || loop->dirty_first != NULL;
}

/* One turn; true when another should follow at once. Returns with the lock, so that what the caller concludes is still true. */
static bool turn(loop_t *loop, int timeout_ms)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(loop->epoll_fd, ready, READY_MAX, timeout_ms);
    loop_t *outer = current_loop;
    current_loop = loop;
    loop_lock(loop);
    loop->is_in_turn = true;
    loop->is_wake_sent = false;
    read_ready(loop, ready, count);
    resolver_take_answers(loop);
    port_mapping_take_answers(loop);
    peer_time_t now = runtime_now();
    deadline_t *deadline;
    while ((deadline = deadline_heap_pop_due(&loop->deadlines, now)) != NULL)
        deadline->on_due(deadline, now);
    loop_flush_dirty(loop, now);
    if (loop->callbacks.count != 0) {
        /* All that wait now, before sockets are read again: a queue that grew from turn to turn would hold whatever a peer sends. */
        callbacks_deliver(loop, loop->callbacks.count);
        now = runtime_now();
        loop_flush_dirty(loop, now);
    }
    if (loop->trim.position == 0 && is_trim_wanted(loop))
        deadline_heap_set(&loop->deadlines, &loop->trim, now + TRIM_INTERVAL);
    loop_arm_timer(loop, now);
    current_loop = outer;
    return has_work(loop);
}

/* The last act: no handle is left, so there are no entries, timers or sockets of theirs; only posts, and events nobody wants. */
static void end(loop_t *loop)
{
    loop_t *outer = current_loop;
    current_loop = loop;
    callbacks_end(loop);
    current_loop = outer;
    resolver_end(loop->resolver);
    port_mapping_end(loop);
    mdns_free(loop);
    network_watch_free(loop);
    shared_ports_free(loop);
    udp_sender_free(loop->sender);
    udp_receiver_free(loop->receiver);
    packet_pool_release(loop->packets);
    memory_free(loop->socket_slots);
    deadline_heap_clear(&loop->deadlines);
    map_clear(&loop->entries);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->event_fd >= 0)
        close(loop->event_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->mutex);
    memory_free(loop);
}

static void *run_thread(void *argument)
{
    loop_t *loop = argument;
    bool again = false, is_stopping = false;
    while (!is_stopping) {
        again = turn(loop, again ? 0 : -1);
        loop->is_in_turn = again;
        is_stopping = loop->is_stopping;
        loop_unlock(loop);
    }
    end(loop);
    return NULL;
}

static int start_thread(loop_t *loop)
{
    pthread_t thread;
    int error = runtime_start_thread(run_thread, loop, &thread);
    if (error != 0)
        return error_set(PEER_ERROR_OPERATION, "the loop's thread cannot be started: %s", strerror(error));
#ifdef __linux__
    pthread_setname_np(thread, "peer-loop");
#endif
    return 0;
}

static int open_descriptors(loop_t *loop)
{
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.u64 = LOOP_MARK_WAKE};
    struct epoll_event timer = {.events = EPOLLIN | EPOLLET, .data.u64 = LOOP_MARK_TIMER};
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->event_fd < 0 || loop->timer_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &wake) < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &timer) < 0)
        return error_set(PEER_ERROR_OPERATION, "a loop needs descriptors the system does not give: %s", strerror(errno));
    return 0;
}

loop_t *loop_new(loop_mode_t mode)
{
    loop_t *loop = MEMORY_NEW(loop_t);
    if (loop == NULL) {
        error_no_memory();
        return NULL;
    }
    loop->mode = mode;
    loop->armed = PEER_TIME_NEVER;
    loop->epoll_fd = loop->event_fd = loop->timer_fd = -1;
    atomic_init(&loop->references, 1);
    atomic_init(&loop->handles, 1);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->trim = (deadline_t){.time = PEER_TIME_NEVER, .on_due = on_trim_due};
    bool has_room = deadline_heap_reserve(&loop->deadlines);
    loop->packets = packet_pool_new();
    loop->sender = udp_sender_new();
    loop->receiver = udp_receiver_new();
    if (!has_room || loop->packets == NULL || loop->sender == NULL || loop->receiver == NULL) {
        error_no_memory();
        end(loop);
        return NULL;
    }
    if (open_descriptors(loop) < 0 || (mode == LOOP_THREAD && start_thread(loop) < 0)) {
        end(loop);
        return NULL;
    }
    return loop;
}

loop_t *loop_default(void)
{
    pthread_mutex_lock(&default_mutex);
    loop_t *loop = default_loop;
    if (loop != NULL) {
        unsigned references = atomic_load(&loop->references);
        while (references != 0 && !atomic_compare_exchange_weak(&loop->references, &references, references + 1))
            continue;
        if (references == 0)
            loop = NULL; /* about to end; it waits for default_mutex to say so */
    }
    if (loop == NULL) {
        loop = loop_new(LOOP_THREAD);
        if (loop != NULL) {
            loop->is_default = true;
            default_loop = loop;
        }
    }
    pthread_mutex_unlock(&default_mutex);
    return loop;
}

loop_t *loop_ref(loop_t *loop)
{
    atomic_fetch_add_explicit(&loop->references, 1, memory_order_relaxed);
    return loop;
}

/* Nobody will dispatch it again. What is posted runs now, or at the end of the turn that this is called in, and nothing more can be posted:
 * what waits in the queue may hold what holds the loop. */
static void abandon(loop_t *loop)
{
    loop_t *outer = current_loop;
    loop_lock(loop);
    loop->is_abandoned = true;
    if (!loop->is_in_turn) {
        current_loop = loop;
        callbacks_run_posts(loop);
        current_loop = outer;
    }
    loop_unlock(loop);
}

loop_t *loop_handle_ref(loop_t *loop)
{
    atomic_fetch_add_explicit(&loop->handles, 1, memory_order_relaxed);
    return loop_ref(loop);
}

void loop_handle_unref(loop_t *loop)
{
    if (loop == NULL)
        return;
    if (atomic_fetch_sub_explicit(&loop->handles, 1, memory_order_acq_rel) == 1 && loop->mode == LOOP_MANUAL)
        abandon(loop);
    loop_unref(loop);
}

void loop_unref(loop_t *loop)
{
    if (loop == NULL || atomic_fetch_sub_explicit(&loop->references, 1, memory_order_acq_rel) != 1)
        return;
    if (loop->is_default) {
        pthread_mutex_lock(&default_mutex);
        if (default_loop == loop)
            default_loop = NULL;
        pthread_mutex_unlock(&default_mutex);
    }
    loop_lock(loop);
    loop->is_stopping = true;
    bool is_mine = loop->mode == LOOP_MANUAL && !loop->is_in_turn; /* else the dispatcher ends it after its turn */
    loop_wake(loop);
    loop_unlock(loop);
    if (is_mine)
        end(loop);
}

int loop_dispatch(loop_t *loop)
{
    if (loop->mode != LOOP_MANUAL)
        return error_set(PEER_ERROR_INVALID_STATE, "this loop has a thread of its own and is not dispatched");
    if (loop_is_current(loop))
        return error_set(PEER_ERROR_INVALID_STATE, "the loop is being dispatched: this is one of its events");
    loop_lock(loop);
    bool is_taken = loop->is_in_turn;
    loop->is_in_turn = true;
    loop_unlock(loop);
    if (is_taken)
        return 0;
    bool again = turn(loop, 0);
    if (loop->is_abandoned)
        callbacks_run_posts(loop);
    loop->is_in_turn = false;
    if (again)
        loop_wake(loop);
    bool is_stopping = loop->is_stopping;
    loop_unlock(loop);
    if (is_stopping)
        end(loop);
    return 0;
}

int loop_post(loop_t *loop, void (*fn)(void *arg), void *arg)
{
    loop_lock(loop);
    if (loop->is_abandoned) {
        loop_unlock(loop);
        return error_set(PEER_ERROR_INVALID_STATE, "nobody dispatches this loop any more");
    }
    bool has_room = callbacks_reserve(loop);
    if (has_room) {
        callbacks_push(loop, &(callback_t){.type = CALLBACK_POST, .post = {fn, arg}});
        loop_wake(loop);
    }
    loop_unlock(loop);
    return has_room ? 0 : error_no_memory();
}
