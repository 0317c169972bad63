/* The parts of a loop's multicast DNS: the questions it asks (mdns.c), the names it answers for (mdns_responder.c), and the sockets of
 * both (mdns_socket.c). */
#ifndef RUNTIME_MDNS_PRIVATE_H
#define RUNTIME_MDNS_PRIVATE_H

#include "runtime/mdns.h"
#include "runtime/mdns_message.h"
#include "runtime/udp_socket.h"

#define MDNS_PORT 5353

typedef struct mdns_lookup mdns_lookup_t;
typedef struct mdns_name mdns_name_t;

struct mdns {
    loop_t *loop;
    deadline_t deadline;
    mdns_lookup_t *lookups;
    size_t lookup_count;
    mdns_name_t *names; /* that are answered for */
    size_t name_count;
    map_t names_by_hash;
    udp_socket_t *sockets;     /* two of an interface, whose index is their local.scope_id */
    peer_time_t sockets_until; /* closed then, if nothing is asked or answered for */
};

mdns_t *mdns_get(loop_t *loop); /* makes it at first use; NULL when memory ran out */
void mdns_set_deadline(mdns_t *mdns);

/* One socket of each family on each interface that can multicast: opens what is missing, closes what is gone. */
void mdns_sockets_update(mdns_t *mdns, peer_time_t now);
void mdns_sockets_close(mdns_t *mdns);
address_t mdns_group(const udp_socket_t *socket);
void mdns_send(mdns_t *mdns, udp_socket_t *socket, const address_t *remote, const void *message, size_t length);
void mdns_on_packet(void *context, packet_t *packet, peer_time_t now);

void mdns_answer(mdns_t *mdns, udp_socket_t *socket, const packet_t *packet, peer_time_t now);
/* Sends the answers that had to wait and are due. */
void mdns_answer_late(mdns_t *mdns, peer_time_t now);
peer_time_t mdns_answer_deadline(const mdns_t *mdns);
void mdns_names_clear(mdns_t *mdns);

#endif
