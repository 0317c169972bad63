/* The ports that a loop's clients have mapped at the gateway. A thread of its own, which nobody waits for, asks, renews before a mapping
 * ends, and removes what is no longer wanted, the loop's end included; a process that exits leaves its mappings to run out. */
#ifndef RUNTIME_PORT_MAPPING_H
#define RUNTIME_PORT_MAPPING_H

#include "runtime/udp_socket.h"

/* Wants the socket's port mapped for the entry; each answer comes through the entry's ops->port_mapped, as often as it changes. Without a
 * gateway that does it there is none. */
void port_mapping_request(loop_t *loop, loop_entry_t *entry, const udp_socket_t *socket);
/* The entry no longer has the socket. */
void port_mapping_drop(loop_t *loop, const loop_entry_t *entry, uint32_t socket);
void port_mapping_take_answers(loop_t *loop);
void port_mapping_end(loop_t *loop);

#endif
