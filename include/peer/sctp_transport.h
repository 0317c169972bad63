/** @file
 * RTCSctpTransport (W3C WebRTC §6.1.1): the association that all data channels of a connection share.
 */
#ifndef PEER_SCTP_TRANSPORT_H
#define PEER_SCTP_TRANSPORT_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCSctpTransportState. */
typedef enum peer_sctp_transport_state {
    PEER_SCTP_TRANSPORT_CONNECTING = 0, /**< negotiated; DTLS or the association is not up yet */
    PEER_SCTP_TRANSPORT_CONNECTED = 1,
    PEER_SCTP_TRANSPORT_CLOSED = 2 /**< ended by either side, or rejected by a description; for good */
} peer_sctp_transport_state_t;

/** Gives "connecting", …; "" for another value. @threadsafe */
PEER_API const char *peer_sctp_transport_state_name(int32_t state);

/** Takes a reference. @threadsafe */
PEER_API peer_sctp_transport_t *peer_sctp_transport_ref(peer_sctp_transport_t *transport);
/** Gives a reference back; NULL is allowed. @threadsafe */
PEER_API void peer_sctp_transport_unref(peer_sctp_transport_t *transport);

/** transport: the DTLS transport under it; a new reference, always to the same object. NULL when memory ran out. @threadsafe */
PEER_API peer_dtls_transport_t *peer_sctp_transport_transport(const peer_sctp_transport_t *transport);
/** state, one of ::peer_sctp_transport_state_t. @threadsafe */
PEER_API int32_t peer_sctp_transport_state(const peer_sctp_transport_t *transport);
/** maxMessageSize: largest message that can be sent, in bytes (RFC 8841 §6). UINT64_MAX stands for W3C's Infinity. @threadsafe */
PEER_API uint64_t peer_sctp_transport_max_message_size(const peer_sctp_transport_t *transport);
/** maxChannels: how many channels there can be at a time; -1 (W3C: null) before the association is up. @threadsafe */
PEER_API int32_t peer_sctp_transport_max_channels(const peer_sctp_transport_t *transport);

PEER_END_DECLS

#endif
