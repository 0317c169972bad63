/* One UDP port for many clients of a loop (servers): a socket for each local address, opened by the first client that asks for it and
 * closed with the last. What arrives is handed to one client:
 * - a STUN request to the one that its USERNAME names by its local ufrag, former ones of an ICE restart included (RFC 8445 §7.2.2),
 * - a STUN response to the one that asked, by the transaction,
 * - anything else to the one whose peer is at the remote address.
 *
 * A remote address is a client's when its check was answered there, and, as long as no other client's peer is there, when it answers a
 * check from there or sends data to it: ICE sends those only after it has authenticated the peer. A check alone, which the peer may direct
 * anywhere, makes nothing anybody's. So a peer that comes again from the same port reaches its new client at once, and one that forges
 * another's address gains nothing. What fits nobody is dropped and counted. */
#ifndef RUNTIME_SHARED_PORT_H
#define RUNTIME_SHARED_PORT_H

#include "runtime/udp_socket.h"

/* The socket of the entry's network.shared_port on the IP address of `local`, which the entry uses from now on. NULL with an error set. */
udp_socket_t *shared_port_join(loop_t *loop, loop_entry_t *entry, const address_t *local);
/* The entry uses the socket no longer; the last one closes it. */
void shared_port_leave(loop_t *loop, loop_entry_t *entry, udp_socket_t *socket);
/* Forgets all that leads to the entry, after it has left its sockets. */
void shared_port_forget(loop_t *loop, loop_entry_t *entry);
/* Looks at the entry's ufrag, which an ICE restart changes. Cheap when it is as before. */
void shared_port_update_ufrag(loop_t *loop, loop_entry_t *entry);
/* Learns from what the entry is about to send. False: it does not use the socket. */
bool shared_port_may_send(loop_t *loop, loop_entry_t *entry, const udp_socket_t *socket, const packet_t *packet, peer_time_t now);
void shared_ports_free(loop_t *loop); /* after all entries */

#endif
