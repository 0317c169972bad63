/* The loop drives sans-IO clients (connections): it owns their sockets, reads the clock, sends what they put out, answers their requests
 * and delivers their events. One loop is one lock, one set of sockets and one dispatcher: a thread of its own (LOOP_THREAD), or whichever
 * thread calls loop_dispatch() (LOOP_MANUAL).
 *
 * Whoever calls into a client does so as: loop_lock; call the client; loop_touch; loop_unlock. Everything else here is called without the
 * lock, from any thread, inside callbacks too. Callbacks run one at a time, on the dispatcher, without the lock, and may do anything. */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"
#include "connection/connection_io.h"
#include "runtime/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct loop loop_t;
typedef struct loop_entry loop_entry_t;
typedef struct loop_timer loop_timer_t;

typedef enum loop_mode { LOOP_THREAD = 0, LOOP_MANUAL } loop_mode_t;

/* What the loop calls, always under its lock and never two at once; event_free alone is called without the lock. The table for connections
 * is in runtime/connection_client.h. */
typedef struct loop_client_ops {
    void (*input)(void *client, peer_time_t now, packet_t *packet); /* takes the reference */
    void (*timeout)(void *client, peer_time_t now);
    peer_time_t (*deadline)(const void *client);
    bool (*poll)(void *client, output_t *output);
    void (*socket_opened)(void *client, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type);
    void (*listener_opened)(void *client, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type);
    void (*sockets_complete)(void *client, peer_time_t now);
    void (*link_opened)(void *client, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local);
    void (*link_failed)(void *client, peer_time_t now, uint32_t request, const char *text);
    void (*link_accepted)(void *client, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote);
    void (*socket_closed)(void *client, peer_time_t now, uint32_t socket, const char *text);
    void (*port_mapped)(void *client, peer_time_t now, uint32_t socket, const address_t *external);
    const char *(*ufrag)(const void *client); /* by which datagrams on a shared port name it; NULL: shares none */
    void (*resolved)(void *client, peer_time_t now, uint32_t request, const address_t *addresses, size_t count);
    void (*event_free)(connection_event_t *event);
} loop_client_ops_t;

/* Whether sockets are opened on loopback addresses too. */
typedef enum loop_loopback { LOOP_LOOPBACK_IF_ALONE = 0, LOOP_LOOPBACK_ALWAYS, LOOP_LOOPBACK_NEVER } loop_loopback_t;

/* Which of the host's addresses are used (RFC 8828 §5.2). Modes 2 and 3 give no address while the host has no default route, loopback ones
 * apart: to give all of them instead would take the user's consent. When the route moves, the addresses it gives are added; those in use
 * stay as long as the host has them. */
typedef enum loop_address_policy {
    LOOP_ADDRESSES_ALL = 0,                   /* mode 1 */
    LOOP_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE, /* mode 2: those of the interface that the default route goes through */
    LOOP_ADDRESSES_DEFAULT_ROUTE,             /* mode 3: the one address of each family that the default route gives */
} loop_address_policy_t;

/* Where a client's sockets may be; all zero is the default. */
typedef struct loop_network {
    loop_loopback_t loopback;
    uint16_t port_min; /* 0: any port */
    uint16_t port_max; /* 0: as port_min */
    bool without_ipv4;
    bool without_ipv6;
    bool listens_on_tcp; /* a listening TCP socket beside each UDP socket */
    loop_address_policy_t address_policy;
    uint16_t shared_port; /* not 0: one UDP socket per local address, of this port, for all clients of the loop that say so */
    const char *ca_file;  /* PEM roots that TLS and DTLS links trust instead of the system's; copied; NULL: the system's */
} loop_network_t;

/* One reference; NULL with an error set. */
loop_t *loop_new(loop_mode_t mode);
/* A reference to the process's own loop with a thread; it is made at first use and ends with its last reference. */
loop_t *loop_default(void);
loop_t *loop_ref(loop_t *loop);
/* Never waits for a thread: a loop's thread ends by itself. Also allowed inside a callback of the same loop. NULL is allowed. */
void loop_unref(loop_t *loop);

/* The same for the application's handles, of which loop_new() gives the first: without any nobody can dispatch a LOOP_MANUAL. */
loop_t *loop_handle_ref(loop_t *loop);
void loop_handle_unref(loop_t *loop);

/* LOOP_MANUAL: the descriptor that becomes readable when loop_dispatch() has something to do. The loop keeps it.
 * PEER_ERROR_INVALID_STATE for a loop with its own thread. */
int loop_fd(const loop_t *loop);
/* LOOP_MANUAL: does all that is due, without blocking, callbacks included. 0, or PEER_ERROR_INVALID_STATE when the loop has its own thread,
 * and from inside a callback of the same loop. While another thread dispatches it does nothing. */
int loop_dispatch(loop_t *loop);

void loop_lock(loop_t *loop);
void loop_unlock(loop_t *loop);
/* Does the caller run in a callback (or turn) of this loop? */
bool loop_is_current(const loop_t *loop);
/* For the packets of this loop's clients; used under the lock. Lives as long as the loop. */
packet_pool_t *loop_packets(loop_t *loop);

/* Adds a client. The loop keeps the pointers, not the ownership; the entry holds a reference on the loop. `network` NULL is the default.
 * Nothing is asked of the client before the first loop_touch(). NULL when memory ran out. */
loop_entry_t *loop_add(loop_t *loop, const loop_client_ops_t *ops, void *client, const loop_network_t *network,
                       void (*on_event)(void *user, connection_event_t *event), void *user);
/* Under the lock, after calling the client: sends what it has to send, takes its new deadline, queues its events. On the dispatcher this
 * costs nothing: the end of its turn does it. */
void loop_touch(loop_t *loop, loop_entry_t *entry);
/* Sends what the client still puts out, closes its sockets, drops its events. When this returns the client is not called again and may be
 * freed (under the lock if it holds packets: their pool is the loop's), and on_event does not begin again (it may be running on the
 * dispatcher at this moment, or be the caller). `on_removed` (may be NULL) is called once, when on_event is not running and will not run
 * again: from inside this call, or on the dispatcher; `user` may be freed there. */
void loop_remove(loop_t *loop, loop_entry_t *entry, void (*on_removed)(void *user));

/* Runs fn(arg) once on the dispatcher, without the lock, in the order of posting. What is still waiting when the loop ends is run then.
 * PEER_ERROR_NO_MEMORY, or PEER_ERROR_INVALID_STATE when the loop is abandoned; fn is not run then. */
int loop_post(loop_t *loop, void (*fn)(void *arg), void *arg);

/* A timer for media sources and other periodic work; on_due runs on the dispatcher, without the lock. It holds a reference on the loop. */
loop_timer_t *loop_timer_new(loop_t *loop, void (*on_due)(void *user, peer_time_t now), void *user);
/* Replaces the time; PEER_TIME_NEVER stops it. */
void loop_timer_set(loop_timer_t *timer, peer_time_t when);
/* As loop_remove: on_removed is called once, when on_due is not running and will not run again. */
void loop_timer_free(loop_timer_t *timer, void (*on_removed)(void *user));

/* Runs fn once on a thread of its own, which nobody waits for. When there is none to be had, fn is not run: for warming up only. */
void runtime_in_background(void (*fn)(void));

/* The operating system's random bytes. */
random_source_t runtime_random_source(void);

#endif
