/* A link's parts: its life (link.c), its stream (link_stream.c), what secures it (link_secure.c). */
#ifndef RUNTIME_LINK_PRIVATE_H
#define RUNTIME_LINK_PRIVATE_H

#include "runtime/link.h"

#define LINK_TEXT_SIZE 512 /* for a sentence that names a server */

/* link.c */
void link_end(link_t *link, peer_time_t now, const char *text); /* it is over by itself; the client is told if it knows of it */
void link_opened(link_t *link, peer_time_t now);
void link_hand_over(link_t *link, packet_t *packet, peer_time_t now);
void link_set_deadline(link_t *link);

/* link_stream.c; false: the link is over. */
void link_watch(const link_t *link, int operation, uint32_t events);
bool link_has_room(const link_t *link, size_t length);
bool link_flush(link_t *link, peer_time_t now);
int link_transmit(link_t *link); /* as link_flush, but 0 or an errno that should end the link */
bool link_take_stream(link_t *link, const uint8_t *data, size_t length, peer_time_t now);
void link_receive(link_t *link, peer_time_t now);

/* link_secure.c; false: the link is over. */
bool link_secure(link_t *link, peer_time_t now); /* begins the handshake */
bool link_secure_input(link_t *link, uint8_t *data, size_t length, peer_time_t now);
bool link_secure_timeout(link_t *link, peer_time_t now);
bool link_secure_send(link_t *link, packet_t *packet, peer_time_t now); /* takes the reference */
void link_secure_close(link_t *link);

#endif
