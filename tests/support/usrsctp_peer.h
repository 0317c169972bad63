/* usrsctp as the remote side of an association, in virtual time: an implementation that is not ours, against which ours is checked. What it
 * tells has the form of our own association's events. All peers of a process are used by one thread. */
#ifndef USRSCTP_PEER_H
#define USRSCTP_PEER_H

#include "base/packet.h"
#include "sctp/association.h"

typedef struct usrsctp_peer usrsctp_peer_t;

/* `mtu`: largest SCTP packet. NULL: no memory. */
usrsctp_peer_t *usrsctp_peer_new(packet_pool_t *pool, uint16_t port, size_t mtu, uint16_t max_streams);
void usrsctp_peer_free(usrsctp_peer_t *peer);

/* Sends INIT. Without it the peer answers the other side's. */
int usrsctp_peer_connect(usrsctp_peer_t *peer, peer_time_t now, uint16_t remote_port);
int usrsctp_peer_listen(usrsctp_peer_t *peer, peer_time_t now);
void usrsctp_peer_abort(usrsctp_peer_t *peer);
void usrsctp_peer_shutdown(usrsctp_peer_t *peer);

void usrsctp_peer_input(usrsctp_peer_t *peer, peer_time_t now, const uint8_t *data, size_t length);
void usrsctp_peer_timeout(usrsctp_peer_t *peer, peer_time_t now);
peer_time_t usrsctp_peer_deadline(const usrsctp_peer_t *peer);
packet_t *usrsctp_peer_output(usrsctp_peer_t *peer);
bool usrsctp_peer_receive(usrsctp_peer_t *peer, sctp_association_event_t *event);

/* 0; PEER_ERROR_OPERATION when its buffer is full, or it is gone. */
int usrsctp_peer_send(usrsctp_peer_t *peer, peer_time_t now, const sctp_message_info_t *info, const void *data, size_t length);
bool usrsctp_peer_reset_stream(usrsctp_peer_t *peer, peer_time_t now, uint16_t stream);

#endif
