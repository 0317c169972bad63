/* The numbers of a loop's sockets, whatever their kind: a number finds its socket as long as that is open, and nothing afterwards. */
#ifndef RUNTIME_SOCKET_SLOTS_H
#define RUNTIME_SOCKET_SLOTS_H

#include "runtime/loop_private.h"

/* A number for `socket`, never 0; 0 when memory or numbers ran out. */
uint32_t socket_slot_take(loop_t *loop, socket_kind_t kind, void *socket);
void socket_slot_give(loop_t *loop, uint32_t number);
/* NULL: closed, never open, or of another kind. */
void *socket_slot_find(const loop_t *loop, uint32_t number, socket_kind_t kind);

#endif
