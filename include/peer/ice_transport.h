/** @file
 * RTCIceTransport (W3C WebRTC §5.6): the transport that ICE finds, which everything of a connection shares. Its events are the connection's
 * (peer/connection.h): on_ice_transport_state_change, on_ice_transport_gathering_state_change, on_selected_candidate_pair_change.
 *
 * It outlives its connection for whoever holds a reference: then it is closed, has its last role and gathering state, and nothing else.
 */
#ifndef PEER_ICE_TRANSPORT_H
#define PEER_ICE_TRANSPORT_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCIceTransportState. */
typedef enum peer_ice_transport_state {
    PEER_ICE_TRANSPORT_STATE_NEW = 0,          /**< gathering, or waiting for the peer's candidates */
    PEER_ICE_TRANSPORT_STATE_CHECKING = 1,     /**< pairs are checked, none works yet */
    PEER_ICE_TRANSPORT_STATE_CONNECTED = 2,    /**< a pair works; there may be better ones */
    PEER_ICE_TRANSPORT_STATE_COMPLETED = 3,    /**< both sides have no more candidates, and the pair is chosen */
    PEER_ICE_TRANSPORT_STATE_DISCONNECTED = 4, /**< nothing is heard for now */
    PEER_ICE_TRANSPORT_STATE_FAILED = 5,       /**< no pair works; a restart may help */
    PEER_ICE_TRANSPORT_STATE_CLOSED = 6        /**< the connection was closed */
} peer_ice_transport_state_t;

/** Gives "new", "checking", …; "" for another value. @threadsafe */
PEER_API const char *peer_ice_transport_state_name(int32_t state);

/** RTCIceRole (RFC 8445 §6.1.1): who chooses the pair. */
typedef enum peer_ice_role {
    PEER_ICE_ROLE_UNKNOWN = 0, /**< before the first description */
    PEER_ICE_ROLE_CONTROLLING = 1,
    PEER_ICE_ROLE_CONTROLLED = 2
} peer_ice_role_t;

/** Gives "unknown", "controlling" or "controlled"; "" for another value. @threadsafe */
PEER_API const char *peer_ice_role_name(int32_t role);

/** Takes a reference. @threadsafe */
PEER_API peer_ice_transport_t *peer_ice_transport_ref(peer_ice_transport_t *transport);
/** Gives a reference back; NULL is allowed. @threadsafe */
PEER_API void peer_ice_transport_unref(peer_ice_transport_t *transport);

/** role, one of ::peer_ice_role_t. A conflict of roles on the wire may change it later. @threadsafe */
PEER_API int32_t peer_ice_transport_role(const peer_ice_transport_t *transport);
/** component: always 1, RTP, with which RTCP is multiplexed. @threadsafe */
PEER_API int32_t peer_ice_transport_component(const peer_ice_transport_t *transport);
/** state, one of ::peer_ice_transport_state_t. @threadsafe */
PEER_API int32_t peer_ice_transport_state(const peer_ice_transport_t *transport);
/** gatheringState, one of ::peer_ice_gathering_state_t. @threadsafe */
PEER_API int32_t peer_ice_transport_gathering_state(const peer_ice_transport_t *transport);

/**
 * getLocalCandidates: what on_ice_candidate has told since the last ICE restart.
 *
 * @param transport   the transport
 * @param candidates  receives up to `capacity` new references; may be NULL when capacity is 0
 * @param capacity    how many fit
 * @return how many there are
 * @threadsafe
 */
PEER_API size_t peer_ice_transport_local_candidates(const peer_ice_transport_t *transport, peer_ice_candidate_t **candidates,
                                                    size_t capacity);
/** getRemoteCandidates: what the peer has signalled since the last ICE restart, in descriptions or by addIceCandidate(); not what was
 * learnt from checks (peer reflexive ones). As peer_ice_transport_local_candidates(). @threadsafe */
PEER_API size_t peer_ice_transport_remote_candidates(const peer_ice_transport_t *transport, peer_ice_candidate_t **candidates,
                                                     size_t capacity);
/**
 * getSelectedCandidatePair: where packets go now.
 *
 * @param transport  the transport
 * @param local   receives a new reference
 * @param remote  receives a new reference
 * @return 1; 0 when there is none (W3C: null): before the first pair that works, after all were lost, and when closed
 * @threadsafe
 */
PEER_API int peer_ice_transport_selected_candidate_pair(const peer_ice_transport_t *transport, peer_ice_candidate_t **local,
                                                        peer_ice_candidate_t **remote);
/**
 * getLocalParameters: what the local description says (RFC 8839 §5.4). A text that has no room is cut; 257 bytes hold any.
 *
 * @param transport      the transport
 * @param ufrag          receives usernameFragment, NUL-terminated
 * @param ufrag_size     bytes of room, at least 1
 * @param password       receives password, NUL-terminated
 * @param password_size  bytes of room, at least 1
 * @return 1; 0 and empty texts when there is none yet (W3C: null)
 * @threadsafe
 */
PEER_API int peer_ice_transport_local_parameters(const peer_ice_transport_t *transport, char *ufrag, size_t ufrag_size, char *password,
                                                 size_t password_size);
/** getRemoteParameters: what the peer's description says; as peer_ice_transport_local_parameters(). @threadsafe */
PEER_API int peer_ice_transport_remote_parameters(const peer_ice_transport_t *transport, char *ufrag, size_t ufrag_size, char *password,
                                                  size_t password_size);

PEER_END_DECLS

#endif
