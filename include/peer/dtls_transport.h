/** @file
 * RTCDtlsTransport (W3C WebRTC §5.5): the security over the ICE transport, which everything of a connection shares. Its events are the
 * connection's (peer/connection.h): on_dtls_transport_state_change, on_dtls_transport_error.
 *
 * It outlives its connection for whoever holds a reference: then it is closed, and still has the peer's certificates.
 */
#ifndef PEER_DTLS_TRANSPORT_H
#define PEER_DTLS_TRANSPORT_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCDtlsTransportState. */
typedef enum peer_dtls_transport_state {
    PEER_DTLS_TRANSPORT_NEW = 0,
    PEER_DTLS_TRANSPORT_CONNECTING = 1, /**< the handshake is under way */
    PEER_DTLS_TRANSPORT_CONNECTED = 2,  /**< done, and the peer's certificate is the one that its description names */
    PEER_DTLS_TRANSPORT_CLOSED = 3,     /**< by the peer's close_notify, or the connection was closed */
    PEER_DTLS_TRANSPORT_FAILED = 4      /**< by an alert, or a certificate that is not the one named */
} peer_dtls_transport_state_t;

/** Gives "new", "connecting", …; "" for another value. @threadsafe */
PEER_API const char *peer_dtls_transport_state_name(int32_t state);

/** Takes a reference. @threadsafe */
PEER_API peer_dtls_transport_t *peer_dtls_transport_ref(peer_dtls_transport_t *transport);
/** Gives a reference back; NULL is allowed. @threadsafe */
PEER_API void peer_dtls_transport_unref(peer_dtls_transport_t *transport);

/** state, one of ::peer_dtls_transport_state_t. @threadsafe */
PEER_API int32_t peer_dtls_transport_state(const peer_dtls_transport_t *transport);
/** iceTransport: what it goes over; a new reference, always to the same object. @threadsafe */
PEER_API peer_ice_transport_t *peer_dtls_transport_ice_transport(const peer_dtls_transport_t *transport);
/** getRemoteCertificates: how many the peer's chain has; 0 before it is connected. @threadsafe */
PEER_API size_t peer_dtls_transport_remote_certificate_count(const peer_dtls_transport_t *transport);
/**
 * getRemoteCertificates: one of the peer's chain, in DER.
 *
 * @param transport  the transport
 * @param index      0 is the peer's own
 * @param der        receives the bytes if they fit; may be NULL when capacity is 0
 * @param capacity   bytes of room
 * @return how many bytes it has; PEER_ERROR_RANGE (no such certificate)
 * @threadsafe
 */
PEER_API int peer_dtls_transport_remote_certificate(const peer_dtls_transport_t *transport, size_t index, void *der, size_t capacity);

PEER_END_DECLS

#endif
