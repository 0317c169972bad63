/* The loop's own parts, for the files of lib/runtime. Everything in a loop is guarded by its lock unless said otherwise. */
#ifndef RUNTIME_LOOP_PRIVATE_H
#define RUNTIME_LOOP_PRIVATE_H

#include "base/map.h"
#include "runtime/address_policy.h"
#include "runtime/deadline_heap.h"
#include "runtime/interfaces.h"
#include "runtime/loop.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct udp_socket udp_socket_t;
typedef struct udp_sender udp_sender_t;
typedef struct udp_receiver udp_receiver_t;
typedef struct link link_t;
typedef struct listener listener_t;
typedef struct resolver resolver_t;
typedef struct mdns mdns_t;
typedef struct network_watch network_watch_t;
typedef struct shared_ports shared_ports_t;
typedef struct sharer sharer_t;
typedef struct port_mapper port_mapper_t;

/* Something with callbacks: the common head of entries and timers. */
typedef struct subject {
    unsigned references; /* the owner's, and one for each callback queued or running */
    bool is_removed;
    void *user;
    void (*on_removed)(void *user); /* left by a removal during a running callback, for the dispatcher to call */
} subject_t;

/* A local address that a client knows of, and its socket there; number 0: the client has closed it. */
typedef struct entry_socket {
    address_t local;
    uint32_t number;
    bool is_link; /* opened by OUTPUT_CONNECT: its end leaves nothing behind */
} entry_socket_t;

struct loop_entry {
    subject_t subject;
    deadline_t deadline;
    loop_t *loop;
    uint32_t id;
    const loop_client_ops_t *ops;
    void *client;
    void (*on_event)(void *user, connection_event_t *event);
    loop_network_t network;
    bool wants_sockets; /* it has asked for them */
    entry_socket_t *sockets;
    size_t socket_count;
    size_t socket_capacity;
    sharer_t *sharer; /* NULL: it has used no shared port */
    link_t *links;
    listener_t *listeners;
    bool is_dirty;
    loop_entry_t *dirty_next;
};

struct loop_timer {
    subject_t subject;
    deadline_t deadline;
    loop_t *loop;
    void (*on_due)(void *user, peer_time_t now);
    bool is_due; /* queued, and not replaced since */
};

typedef enum callback_type { CALLBACK_EVENT, CALLBACK_TIMER, CALLBACK_POST } callback_type_t;

typedef struct callback {
    callback_type_t type;
    union {
        struct {
            loop_entry_t *entry;
            connection_event_t *event;
        } event;
        loop_timer_t *timer;
        struct {
            void (*fn)(void *arg);
            void *arg;
        } post;
    };
} callback_t;

/* A ring: events, due timers and posts in the order they came. */
typedef struct callback_queue {
    callback_t *items;
    size_t capacity; /* a power of two, or 0 */
    size_t first;
    size_t count;
} callback_queue_t;

typedef enum socket_kind {
    SOCKET_UDP,
    SOCKET_LINK,     /* link_t */
    SOCKET_LISTENER, /* listener_t */
} socket_kind_t;

typedef struct socket_slot {
    void *socket; /* NULL: free */
    socket_kind_t kind;
    uint32_t number;
    uint32_t generation;
    uint32_t next_free;
} socket_slot_t;

/* What went wrong on the way, for tests and the log. */
typedef struct loop_counters {
    uint64_t datagrams_sent;
    uint64_t datagrams_received;
    uint64_t send_calls;
    uint64_t receive_calls;
    uint64_t send_errors;  /* datagrams the system refused */
    uint64_t send_dropped; /* datagrams for which the waiting queue had no room */
    uint64_t receive_dropped;
    uint64_t receive_unclaimed; /* datagrams on a shared port that are nobody's */
    uint64_t wakes;
    uint64_t direct_flushes;
} loop_counters_t;

struct loop {
    atomic_uint references; /* handles: the application's, entries', timers' */
    atomic_uint handles;    /* of those, the application's */
    bool is_default;        /* the process's own */
    loop_mode_t mode;
    pthread_mutex_t mutex;
    int epoll_fd; /* holds the others, so it alone tells of everything */
    int event_fd;
    int timer_fd;
    bool is_stopping;
    bool is_abandoned; /* nobody can dispatch it any more */
    bool is_in_turn;   /* a dispatcher is awake and will look at everything before it sleeps */
    bool is_wake_sent; /* event_fd was written since the last turn began */
    peer_time_t armed; /* what timer_fd is set to */
    peer_time_t last_direct_flush;

    map_t entries; /* by id */
    uint32_t last_entry_id;
    loop_entry_t *dirty_first;
    loop_entry_t *dirty_last;
    deadline_heap_t deadlines;
    callback_queue_t callbacks;
    const subject_t *running; /* whose callback runs now, without the lock */

    packet_pool_t *packets;
    deadline_t trim; /* of the pool, while more is kept than a loop at rest wants */
    socket_slot_t *socket_slots;
    size_t socket_slot_count;
    size_t socket_slot_capacity;
    uint32_t socket_slot_free; /* slot + 1; 0: none */
    udp_sender_t *sender;
    udp_receiver_t *receiver;
    udp_socket_t *ended_sockets; /* to be closed at the end of the turn */
    bool without_offload;        /* tests: neither GSO nor GRO */

    interface_address_t interfaces[INTERFACES_MAX];
    size_t interface_count;
    peer_time_t interfaces_expire;
    default_sources_t default_sources; /* as old as the interfaces */
    network_watch_t *network_watch;    /* NULL: nobody has asked for sockets yet */
    shared_ports_t *shared_ports;      /* NULL: none was ever used */

    resolver_t *resolver;
    mdns_t *mdns;
    port_mapper_t *port_mapper;       /* NULL: nobody has wanted a port mapped */
    uint32_t port_mapping_lifetime_s; /* tests: asked for; 0: as usual */
    bool is_mdns_on_loopback;         /* tests: ask on the loopback interface only */
    loop_counters_t counters;
};

/* Epoll's marks; sockets have their numbers, which fit in 32 bits. */
#define LOOP_MARK_WAKE (UINT64_C(1) << 32)
#define LOOP_MARK_TIMER (UINT64_C(2) << 32)
#define LOOP_MARK_NETWORK (UINT64_C(3) << 32)

/* background.c: a detached thread with all signals blocked, as they are the application's threads' affair. 0, or an errno; `thread` may be
 * NULL. */
int runtime_start_thread(void *(*run)(void *argument), void *argument, pthread_t *thread);

/* loop.c */
void loop_wake(loop_t *loop);
void loop_arm_timer(loop_t *loop, peer_time_t now);
void loop_mark_dirty(loop_t *loop, loop_entry_t *entry);
size_t loop_interfaces(loop_t *loop, peer_time_t now); /* refreshes loop->interfaces, and default_sources, when old; their number */

/* loop_entry.c */
void loop_flush_dirty(loop_t *loop, peer_time_t now);
loop_entry_t *loop_find_entry(loop_t *loop, uint32_t id);

/* loop_sockets.c */
void loop_sockets_open(loop_t *loop, loop_entry_t *entry, peer_time_t now);
/* Answers OUTPUT_OPEN_SOCKET. */
void loop_sockets_open_one(loop_t *loop, loop_entry_t *entry, const address_t *local, const address_t *remote, peer_time_t now);
/* Answers OUTPUT_CONNECT of LINK_UDP; false with an error set. */
bool loop_sockets_open_link(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now);
void loop_sockets_map_port(loop_t *loop, loop_entry_t *entry, uint32_t number);
void loop_sockets_close(loop_t *loop, loop_entry_t *entry, uint32_t number);
void loop_sockets_close_all(loop_t *loop, loop_entry_t *entry);
/* The host's addresses or routes may have changed: closes, opens, and tells. */
void loop_sockets_refresh(loop_t *loop, peer_time_t now);

/* network_watch.c */
void network_watch_start(loop_t *loop, bool with_routes); /* again with routes: adds them */
void network_watch_on_ready(loop_t *loop, peer_time_t now);
void network_watch_free(loop_t *loop);

/* loop_callbacks.c */
bool callbacks_reserve(loop_t *loop);                          /* room for one more */
void callbacks_push(loop_t *loop, const callback_t *callback); /* after a reserve; takes a reference on the subject */
void callbacks_deliver(loop_t *loop, size_t count);            /* with the lock, which it releases around each */
void callbacks_run_posts(loop_t *loop);                        /* the same for posts alone; events stay */
void callbacks_end(loop_t *loop);                              /* without the lock, when no handle is left: runs posts, frees the rest */
/* Ends the subject's callbacks; called with the lock, returns without it. */
void subject_remove(loop_t *loop, subject_t *subject, void (*on_removed)(void *user));

#endif
