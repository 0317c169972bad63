/* The client's end of the rendezvous: a WebSocket into a room. */
#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

#include "mainloop.h"

#include <stddef.h>

typedef struct rendezvous rendezvous_t;

typedef struct rendezvous_events {
    /* A JSON text, NUL-terminated: the server's (with "event", see rooms.h) or the other side's. */
    void (*on_message)(void *user, const char *json, size_t length);
    /* It is over: `reason` says why. Comes once, also after rendezvous_leave(). */
    void (*on_closed)(void *user, const char *reason);
    /* It is not there, and is tried again: told once, before the others. NULL: not told. */
    void (*on_missing)(void *user, const char *reason);
} rendezvous_events_t;

typedef struct rendezvous_place {
    const char *host;
    int port;
    const char *room;
    bool is_tls;
    bool is_insecure;
} rendezvous_place_t;

/* Connects; a server that is not there yet is tried again for RENDEZVOUS_PATIENCE_US. NULL, with a message on stderr, when memory ran out.
 */
#define RENDEZVOUS_PATIENCE_US 5000000
rendezvous_t *rendezvous_new(mainloop_t *loop, const rendezvous_place_t *place, const rendezvous_events_t *events, void *user);
void rendezvous_send(rendezvous_t *rendezvous, const char *json, size_t length);
/* Leaves the room once what was sent is out. */
void rendezvous_leave(rendezvous_t *rendezvous);
void rendezvous_free(rendezvous_t *rendezvous); /* after mainloop_free(), or after on_closed; NULL is allowed */

#endif
