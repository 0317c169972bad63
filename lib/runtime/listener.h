/* Listening TCP sockets beside a client's UDP sockets (RFC 6544 §5.2), and the links they accept. A link is told to the client with its
 * first packet: strangers that connect and stay silent cost it nothing, and go after a while. */
#ifndef RUNTIME_LISTENER_H
#define RUNTIME_LISTENER_H

#include "runtime/loop_private.h"

struct listener {
    int fd;
    uint32_t number;
    loop_t *loop;
    loop_entry_t *entry;
    address_t local;
    size_t link_count;   /* open ones that it accepted */
    deadline_t deadline; /* when it listens again, after descriptors ran out */
    listener_t *next;    /* in the entry's list */
};

/* Opens one on the address of a UDP socket and tells the client, if its network asks for listeners and it takes links. */
void listener_open(loop_t *loop, loop_entry_t *entry, const address_t *beside, network_type_t type, peer_time_t now);
listener_t *listener_find(const loop_t *loop, uint32_t number);
void listener_close(loop_t *loop, listener_t *listener); /* what it accepted and the client knows stays open */
void listener_on_ready(loop_t *loop, listener_t *listener, uint32_t events);

#endif
