/* Links: TCP connections that a client asked for or that a listener accepted. A link frames packets on its stream (ice/framing.h), sends
 * what a turn gathers at once, holds a bounded queue when the kernel has no room, and ends by telling the client. */
#ifndef RUNTIME_LINK_H
#define RUNTIME_LINK_H

#include "ice/framing.h"
#include "runtime/loop_private.h"

typedef enum link_state {
    LINK_CONNECTING,
    LINK_SILENT, /* accepted, and nothing came yet: the client does not know it */
    LINK_OPEN,
} link_state_t;

struct link {
    int fd;
    uint32_t number;
    uint32_t request; /* to be answered; 0: answered, or accepted */
    link_state_t state;
    loop_t *loop;
    loop_entry_t *entry;
    listener_t *listener; /* that accepted it, while that is open */
    address_t local;
    address_t remote;
    framing_t framing;
    packet_queue_t waiting; /* bytes for the kernel */
    bool is_waiting;        /* the kernel had no room for them */
    deadline_t deadline;    /* of connecting, or of silence */
    link_t *next;           /* in the entry's list */
};

/* Opens what is asked for; the answer comes through ops->link_opened or link_failed, the latter maybe at once. */
void link_connect(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now);
void link_cancel(loop_t *loop, loop_entry_t *entry, uint32_t request);
link_t *link_find(const loop_t *loop, uint32_t number);
void link_send(loop_t *loop, link_t *link, packet_t *packet, peer_time_t now); /* takes the reference */
void link_on_ready(loop_t *loop, link_t *link, uint32_t events);
void link_close(loop_t *loop, link_t *link); /* sends what it holds, as far as the kernel takes it; tells nobody */

/* Of a listener. */
void link_accept(loop_t *loop, listener_t *listener, int fd, const address_t *remote, peer_time_t now); /* takes the descriptor */
bool link_drop_silent(loop_t *loop, listener_t *listener); /* closes the oldest that never sent a packet; false: there is none */
void links_orphan(loop_t *loop, listener_t *listener);     /* it closes */

/* Of an entry: all that its links hold is sent. Costs nothing when it has none. */
void links_flush(loop_entry_t *entry, peer_time_t now);
/* The entry's links and listeners on addresses that the host has no longer end, and are told; how many. */
size_t links_close_vanished(loop_t *loop, loop_entry_t *entry, peer_time_t now);

#endif
