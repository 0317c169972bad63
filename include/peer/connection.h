/** @file
 * RTCPeerConnection (W3C WebRTC §4.4).
 */
#ifndef PEER_CONNECTION_H
#define PEER_CONNECTION_H

#include <peer/data_channel.h>
#include <peer/description.h>
#include <peer/ice_candidate.h>
#include <peer/rtp_parameters.h>
#include <peer/sctp_transport.h>
#include <peer/transceiver.h>
#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCSignalingState. */
typedef enum peer_signaling_state {
    PEER_SIGNALING_STABLE = 0,
    PEER_SIGNALING_HAVE_LOCAL_OFFER = 1,
    PEER_SIGNALING_HAVE_REMOTE_OFFER = 2,
    PEER_SIGNALING_HAVE_LOCAL_PRANSWER = 3,
    PEER_SIGNALING_HAVE_REMOTE_PRANSWER = 4,
    PEER_SIGNALING_CLOSED = 5
} peer_signaling_state_t;

/** RTCIceGatheringState. */
typedef enum peer_ice_gathering_state {
    PEER_ICE_GATHERING_NEW = 0,
    PEER_ICE_GATHERING_GATHERING = 1,
    PEER_ICE_GATHERING_COMPLETE = 2
} peer_ice_gathering_state_t;

/** RTCIceConnectionState. */
typedef enum peer_ice_connection_state {
    PEER_ICE_CONNECTION_NEW = 0,
    PEER_ICE_CONNECTION_CHECKING = 1,
    PEER_ICE_CONNECTION_CONNECTED = 2,
    PEER_ICE_CONNECTION_COMPLETED = 3,
    PEER_ICE_CONNECTION_DISCONNECTED = 4,
    PEER_ICE_CONNECTION_FAILED = 5,
    PEER_ICE_CONNECTION_CLOSED = 6
} peer_ice_connection_state_t;

/** RTCPeerConnectionState. */
typedef enum peer_connection_state {
    PEER_CONNECTION_NEW = 0,
    PEER_CONNECTION_CONNECTING = 1,
    PEER_CONNECTION_CONNECTED = 2,
    PEER_CONNECTION_DISCONNECTED = 3,
    PEER_CONNECTION_FAILED = 4,
    PEER_CONNECTION_CLOSED = 5
} peer_connection_state_t;

/** Gives the W3C string, such as "have-local-offer"; "" for another value. @threadsafe */
PEER_API const char *peer_signaling_state_name(int32_t state);
/** Gives the W3C string, such as "gathering"; "" for another value. @threadsafe */
PEER_API const char *peer_ice_gathering_state_name(int32_t state);
/** Gives the W3C string, such as "checking"; "" for another value. @threadsafe */
PEER_API const char *peer_ice_connection_state_name(int32_t state);
/** Gives the W3C string, such as "connecting"; "" for another value. @threadsafe */
PEER_API const char *peer_connection_state_name(int32_t state);

/** RTCIceServer. */
typedef struct peer_ice_server {
    /** One URL, or several separated by spaces: `stun:HOST[:PORT]`, `stuns:HOST[:PORT]` (RFC 7064), `turn:HOST[:PORT][?transport=udp|tcp]`,
     * `turns:HOST[:PORT][?transport=tcp|udp]` (RFC 7065). Secured ones are TLS over TCP, with `?transport=udp` DTLS (RFC 7350);
     * `?transport=` is accepted for stun: and stuns: too. */
    const char *urls;
    const char *username;   /**< turn: and turns: need it: long-term credentials (RFC 8489 §9.2), UTF-8 of at most 508 bytes. STUN servers
                                 are asked without: one that demands them has failed */
    const char *credential; /**< turn: and turns: need it: the password, UTF-8 of at most 1,024 bytes; STUN servers do not get it */
} peer_ice_server_t;

/** RTCIceTransportPolicy. */
typedef enum peer_ice_transport_policy {
    PEER_ICE_TRANSPORT_ALL = 0,  /**< any candidate may be used: the default */
    PEER_ICE_TRANSPORT_RELAY = 1 /**< only relayed candidates: the peer never learns, or is sent to from, an address of this host */
} peer_ice_transport_policy_t;

/** RTCBundlePolicy (RFC 9429 §4.1.1). A connection of libpeer has one transport: everything is bundled once it is negotiated, and what a
 * peer cannot bundle is rejected. The policy says how an offer looks to a peer that does not know BUNDLE. */
typedef enum peer_bundle_policy {
    PEER_BUNDLE_BALANCED = 0,   /**< the first m-line of each kind could be without the bundle: the default */
    PEER_BUNDLE_MAX_COMPAT = 1, /**< every m-line could */
    PEER_BUNDLE_MAX_BUNDLE = 2  /**< only the first: all others are bundle-only */
} peer_bundle_policy_t;

/** RTCRtcpMuxPolicy. */
typedef enum peer_rtcp_mux_policy {
    PEER_RTCP_MUX_REQUIRE = 0,  /**< RTP and RTCP share a port: the default, and all there is */
    PEER_RTCP_MUX_NEGOTIATE = 1 /**< PEER_ERROR_NOT_SUPPORTED, as W3C WebRTC leaves it (§4.2.5) */
} peer_rtcp_mux_policy_t;

/** Which TCP candidates a connection has (RFC 6544). */
typedef enum peer_ice_tcp_policy {
    PEER_ICE_TCP_ACTIVE = 0, /**< it connects to the peer's, as browsers do: the default */
    PEER_ICE_TCP_ALL = 1,    /**< it listens too */
    PEER_ICE_TCP_OFF = 2     /**< none */
} peer_ice_tcp_policy_t;

/** Which addresses of the host are used and shown (RFC 8828 §5.2). */
typedef enum peer_address_policy {
    PEER_ADDRESSES_ALL = 0,                       /**< all: mode 1, the default */
    PEER_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE = 1, /**< those of the interface that the default route goes through: mode 2 */
    PEER_ADDRESSES_DEFAULT_ROUTE = 2 /**< only the one that the default route gives, and if that is private the peer is not told it: mode 3
                                        (and 4, as no proxy is used) */
} peer_address_policy_t;

/** Which local addresses become candidates. */
typedef enum peer_loopback_policy {
    PEER_LOOPBACK_WHEN_ALONE = 0, /**< loopback addresses only when the host has no other: the default */
    PEER_LOOPBACK_ALWAYS = 1,     /**< loopback addresses too: two processes of one host, tests */
    PEER_LOOPBACK_NEVER = 2       /**< no loopback address, even if the host has no other */
} peer_loopback_policy_t;

/** RTCPriorityType (W3C webrtc-priority), for how packets are marked for the network: the DSCP of RFC 8837, table 1. Of a data channel it
 * is the share: peer_data_channel_init_t. */
typedef enum peer_priority {
    PEER_PRIORITY_UNSET = 0,    /**< no mark: the default, as in browsers */
    PEER_PRIORITY_VERY_LOW = 1, /**< less than best effort */
    PEER_PRIORITY_LOW = 2,      /**< best effort */
    PEER_PRIORITY_MEDIUM = 3,   /**< sound is marked EF, pictures AF42, data AF11 */
    PEER_PRIORITY_HIGH = 4      /**< sound is marked EF, pictures AF41, data AF21 */
} peer_priority_t;

/** RTCConfiguration, and what a browser would decide by itself. Zero is the default of every member; fill with peer_configuration_init().
 */
typedef struct peer_configuration {
    size_t size;                             /**< sizeof the struct, set by peer_configuration_init() */
    const peer_ice_server_t *ice_servers;    /**< STUN and TURN servers that give reflexive and relayed candidates */
    size_t ice_server_count;                 /**< the first 32 are used, and the first 32 of their URLs */
    peer_certificate_t *const *certificates; /**< the first is used; without any one is generated */
    size_t certificate_count;                /**< how many; 0: one is generated */
    peer_loop_t *loop;                       /**< NULL: the library's own loop */
    uint16_t port_minimum;                   /**< range of local ports; 0 and 0: any */
    uint16_t port_maximum;                   /**< the last of that range, itself included */
    int32_t loopback_policy;                 /**< one of ::peer_loopback_policy_t */
    uint32_t mtu;                     /**< largest datagram to send, IP and UDP headers excluded; 576 to 1,400. 0: 1,200 for media, and for
                                         data channels what the path is found to carry (RFC 8899) */
    uint32_t maximum_message_size;    /**< largest data-channel message to accept, in bytes; 0: 262,144 */
    int32_t ice_transport_policy;     /**< one of ::peer_ice_transport_policy_t */
    int32_t ice_tcp_policy;           /**< one of ::peer_ice_tcp_policy_t */
    int32_t address_policy;           /**< one of ::peer_address_policy_t */
    uint32_t ice_candidate_pool_size; /**< not 0: gathering starts at once, and is told with the first local description; at most 255 */
    int32_t ice_lite;       /**< not 0: an ICE-lite endpoint (RFC 8445 §2.5), for servers with a public address; not with relay */
    int32_t hide_addresses; /**< not 0: host candidates show an mDNS name in place of the address (RFC 8828 §3.1) */
    int32_t port_mapping;   /**< not 0: ports are mapped at the gateway by PCP, and as built by NAT-PMP and UPnP */
    uint16_t shared_port;   /**< not 0: the one UDP port of all connections of the loop that say it: servers; with no range. TURN servers,
                                 and those over DTLS, are asked from other ports, one a connection */
    const char *ca_file;    /**< PEM file of the roots that stuns: and turns: servers are verified by; NULL: the system's */
    int32_t
        network_priority; /**< one of ::peer_priority_t: the mark of what is sent over UDP; what becomes of it is the network's affair */
    uint32_t maximum_candidate_pairs; /**< most pairs of candidates that are checked (RFC 8445 §6.1.2.5), at most 1,000; 0: 100 */
    uint32_t receive_window; /**< most bytes of messages that are held for the peer until the application has had them: when it is full
                                the peer stops sending. From 65,536 on; 0: 33,554,432, a gigabit a second at a quarter second's RTT */
    int32_t bundle_policy;   /**< one of ::peer_bundle_policy_t */
    int32_t rtcp_mux_policy; /**< one of ::peer_rtcp_mux_policy_t */
} peer_configuration_t;

/** Fills a configuration with the defaults. `size` is `sizeof(peer_configuration_t)` as the application was compiled. @threadsafe */
PEER_API void peer_configuration_init(peer_configuration_t *configuration, size_t size);

/** RTCTrackEvent: a remote track has arrived. All members are valid during the event and may be referenced. */
typedef struct peer_track_event {
    peer_receiver_t *receiver;       /**< what receives it */
    peer_track_t *track;             /**< the remote track; add a sink to get its media */
    peer_stream_t *const *streams;   /**< the streams that the peer says it belongs to */
    size_t stream_count;             /**< how many; may be 0 */
    peer_transceiver_t *transceiver; /**< what the receiver is half of */
} peer_track_event_t;

/** RTCPeerConnectionIceErrorEvent: a server could not be used; gathering goes on. It and its strings are valid during the event. */
typedef struct peer_ice_candidate_error {
    const char *address; /**< local address used, or NULL */
    uint16_t port;       /**< local port, or 0 */
    const char *url;     /**< the server */
    int32_t code;        /**< STUN error code 300–699, or 701 when the server cannot be reached */
    const char *text;    /**< the reason, from the server or in words of ours */
} peer_ice_candidate_error_t;

/** Events of a connection. Those left NULL are not delivered. All come on the connection's loop. */
typedef struct peer_connection_events {
    /** negotiationneeded: time to call peer_connection_set_local_description(pc, NULL) and to signal the offer (§4.7.3). */
    void (*on_negotiation_needed)(peer_connection_t *pc, void *user);
    /** icecandidate: signal it to the peer. NULL after the last one of a generation. */
    void (*on_ice_candidate)(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user);
    /** icecandidateerror */
    void (*on_ice_candidate_error)(peer_connection_t *pc, const peer_ice_candidate_error_t *error, void *user);
    /** signalingstatechange */
    void (*on_signaling_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** iceconnectionstatechange. "failed" comes 40 s after the descriptions if no way was found (RFC 8863); in a call "disconnected" comes
     * after 5 s of silence, "failed" after 30 s (RFC 7675). */
    void (*on_ice_connection_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** icegatheringstatechange */
    void (*on_ice_gathering_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** connectionstatechange */
    void (*on_connection_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** track */
    void (*on_track)(peer_connection_t *pc, const peer_track_event_t *event, void *user);
    /** datachannel: the peer opened a channel. Set its events now, with peer_data_channel_set_events(): no message comes before. */
    void (*on_data_channel)(peer_connection_t *pc, peer_data_channel_t *channel, void *user);
    /** The last callback of a closed connection; nothing of it or its children comes afterwards. Not in W3C. */
    void (*on_closed)(peer_connection_t *pc, void *user);
    /** statechange of RTCSctpTransport: one of ::peer_sctp_transport_state_t. */
    void (*on_sctp_transport_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** statechange of RTCIceTransport: one of ::peer_ice_transport_state_t. Before the iceconnectionstatechange that follows from it. */
    void (*on_ice_transport_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** gatheringstatechange of RTCIceTransport: one of ::peer_ice_gathering_state_t. Before the icegatheringstatechange. */
    void (*on_ice_transport_gathering_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** selectedcandidatepairchange of RTCIceTransport: packets go another way, see peer_ice_transport_selected_candidate_pair(). Before the
     * statechange that follows from it. */
    void (*on_selected_candidate_pair_change)(peer_connection_t *pc, void *user);
    /** statechange of RTCDtlsTransport: one of ::peer_dtls_transport_state_t. Before the connectionstatechange that follows from it. */
    void (*on_dtls_transport_state_change)(peer_connection_t *pc, int32_t state, void *user);
    /** error of RTCDtlsTransport: `detail` is PEER_ERROR_DETAIL_FINGERPRINT_FAILURE (the peer is not who its description says) or
     * PEER_ERROR_DETAIL_DTLS_FAILURE. The statechange to "failed" follows. */
    void (*on_dtls_transport_error)(peer_connection_t *pc, const peer_rtc_error_t *error, void *user);
    void (*reserved[2])(void); /**< NULL: for events to come */
} peer_connection_events_t;

/**
 * Makes a connection (new RTCPeerConnection(configuration), W3C WebRTC §4.4.1.2).
 *
 * @param configuration  NULL for the defaults; copied, strings and servers included
 * @param events         NULL for none; copied
 * @param user           passed to every event
 * @return the connection; NULL on failure, and peer_last_error_message() names the member: PEER_ERROR_SYNTAX (a server URL),
 *         PEER_ERROR_INVALID_ACCESS (a TURN server without user name or password, an expired certificate), PEER_ERROR_RANGE,
 *         PEER_ERROR_NOT_SUPPORTED (members that contradict each other), PEER_ERROR_NOT_FOUND or PEER_ERROR_NOT_READABLE (`ca_file`),
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API peer_connection_t *peer_connection_new(const peer_configuration_t *configuration, const peer_connection_events_t *events,
                                                void *user);

/** Takes a reference. @threadsafe */
PEER_API peer_connection_t *peer_connection_ref(peer_connection_t *pc);

/** Gives a reference back; the last one closes the connection. May be called from an event. @threadsafe */
PEER_API void peer_connection_unref(peer_connection_t *pc);

/**
 * Changes the configuration (§4.4.1.6 set a configuration, RFC 9429 §4.1.18): ICE servers, ICE transport policy and, before the first local
 * description, the candidate pool. They count from the next gathering on: that of an ICE restart, if there has been one. With a pool that
 * waits for the first local description, it is gathered anew.
 *
 * @param pc  the connection
 * @param configuration  NULL for the defaults; copied
 * @return 0, or an error, and nothing has changed: PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_INVALID_MODIFICATION (any other member, or
 *         the pool after a local description, is not as it was; the message names it), else as peer_connection_new()
 * @threadsafe
 */
PEER_API int peer_connection_set_configuration(peer_connection_t *pc, const peer_configuration_t *configuration);

/**
 * Reads the configuration in force (§4.4.2 getConfiguration), also of a closed connection.
 *
 * @param pc  the connection
 * @param configuration  filled by peer_configuration_init(). What its pointers lead to is the connection's, and stays until
 *                       peer_connection_set_configuration() is called or the connection is freed
 * @return 0 or PEER_ERROR_TYPE (not filled)
 * @threadsafe
 */
PEER_API int peer_connection_get_configuration(const peer_connection_t *pc, peer_configuration_t *configuration);

/**
 * Closes the connection (§4.4.2, close). The peer is told (DTLS close_notify, RTCP BYE, SCTP abort). No event of it follows but on_closed.
 * Calling it again does nothing.
 * @threadsafe
 */
PEER_API void peer_connection_close(peer_connection_t *pc);

/** RTCOfferOptions, the legacy members (§4.4.3.2) included. Fill with peer_offer_options_init(). */
typedef struct peer_offer_options {
    size_t size;         /**< sizeof the struct, set by peer_offer_options_init() */
    int32_t ice_restart; /**< not 0: the offer has new ICE credentials, even if nothing asked for them before */
    /** offerToReceiveAudio: -1 not given, the default. 0: transceivers of sound that would receive do so no more (their directions change).
     * 1: if none would, a recvonly one is made. Neither makes negotiation needed. */
    int32_t offer_to_receive_audio;
    int32_t offer_to_receive_video; /**< offerToReceiveVideo, likewise */
} peer_offer_options_t;

/** Fills the struct with the defaults. @threadsafe */
PEER_API void peer_offer_options_init(peer_offer_options_t *options, size_t size);

/**
 * Creates an offer (§4.4.2 createOffer, RFC 9429 §5.2). Nothing changes until it is set, except what legacy options ask for.
 *
 * @param pc  the connection
 * @param options  NULL for the defaults
 * @param description  receives the offer
 * @return 0, PEER_ERROR_INVALID_STATE (not "stable" or "have-local-offer", or closed), PEER_ERROR_TYPE (options), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_create_offer(peer_connection_t *pc, const peer_offer_options_t *options, peer_description_t **description);

/**
 * Creates an answer to the pending remote offer (§4.4.2 createAnswer, RFC 9429 §5.3).
 *
 * @return 0, PEER_ERROR_INVALID_STATE (no remote offer pending, or closed), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_create_answer(peer_connection_t *pc, peer_description_t **description);

/**
 * Applies a local description (§4.4.1.5, RFC 9429 §5.9) and starts gathering.
 *
 * @param pc  the connection
 * @param description  what create_offer() or create_answer() gave, a rollback, or NULL: the one that fits the signaling state is created
 * @return 0, PEER_ERROR_INVALID_STATE, PEER_ERROR_INVALID_MODIFICATION (not what was created last), PEER_ERROR_SYNTAX, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_set_local_description(peer_connection_t *pc, const peer_description_t *description);

/**
 * Applies a remote description (§4.4.1.5, RFC 9429 §5.10). An offer that comes in "have-local-offer" rolls the local one back first.
 *
 * Either the whole description takes effect or nothing changes. The events that follow come from the loop after this call has returned, in
 * the order the W3C text gives.
 *
 * @return 0, PEER_ERROR_INVALID_STATE, PEER_ERROR_SYNTAX (the message names the line), PEER_ERROR_INVALID_ACCESS (the SDP asks what cannot
 *         be), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_set_remote_description(peer_connection_t *pc, const peer_description_t *description);

/**
 * Adds a remote candidate (§4.4.2 addIceCandidate). Candidates may come before the description that they belong to has been negotiated, but
 * not before any remote description.
 *
 * @param pc  the connection
 * @param candidate  NULL, or one with an empty text: the peer has no more
 * @return 0, PEER_ERROR_INVALID_STATE (no remote description, or closed), PEER_ERROR_OPERATION (no such m-line, or a foreign ufrag),
 * PEER_ERROR_QUOTA_EXCEEDED
 * @threadsafe
 */
PEER_API int peer_connection_add_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate);

/**
 * Asks for new ICE credentials and candidates with the next offer (§4.4.2 restartIce), after the network changed or ICE failed;
 * negotiationneeded follows. Media and data go on over the old path until a new one is found.
 *
 * @return 0 or PEER_ERROR_INVALID_STATE (closed)
 * @threadsafe
 */
PEER_API int peer_connection_restart_ice(peer_connection_t *pc);

/** pendingLocalDescription or else currentLocalDescription, with the candidates gathered so far; a new reference or NULL. @threadsafe */
PEER_API peer_description_t *peer_connection_local_description(const peer_connection_t *pc);
/** pendingRemoteDescription or else currentRemoteDescription; a new reference or NULL. @threadsafe */
PEER_API peer_description_t *peer_connection_remote_description(const peer_connection_t *pc);
/** currentLocalDescription: the one that was negotiated last; a new reference or NULL. @threadsafe */
PEER_API peer_description_t *peer_connection_current_local_description(const peer_connection_t *pc);
/** pendingLocalDescription: the one being negotiated; a new reference, or NULL in the state "stable". @threadsafe */
PEER_API peer_description_t *peer_connection_pending_local_description(const peer_connection_t *pc);
/** currentRemoteDescription, with the candidates added since; a new reference or NULL. @threadsafe */
PEER_API peer_description_t *peer_connection_current_remote_description(const peer_connection_t *pc);
/** pendingRemoteDescription, with the candidates added since; a new reference, or NULL in the state "stable". @threadsafe */
PEER_API peer_description_t *peer_connection_pending_remote_description(const peer_connection_t *pc);
/** canTrickleIceCandidates: 1 or 0 as the remote description says (RFC 9429 §4.1.17), -1 (null) while there is none. @threadsafe */
PEER_API int32_t peer_connection_can_trickle_ice_candidates(const peer_connection_t *pc);
/** 1 if something has been changed that is not in the current descriptions (W3C §4.7.3, "check if negotiation is needed"), in any signaling
 * state; 0 if not, or closed. For a binding that keeps W3C's queue of operations itself; others have on_negotiation_needed. @threadsafe */
PEER_API int32_t peer_connection_is_negotiation_needed(const peer_connection_t *pc);

/** signalingState, one of ::peer_signaling_state_t. @threadsafe */
PEER_API int32_t peer_connection_signaling_state(const peer_connection_t *pc);
/** iceGatheringState, one of ::peer_ice_gathering_state_t. @threadsafe */
PEER_API int32_t peer_connection_ice_gathering_state(const peer_connection_t *pc);
/** iceConnectionState, one of ::peer_ice_connection_state_t. @threadsafe */
PEER_API int32_t peer_connection_ice_connection_state(const peer_connection_t *pc);
/** connectionState, one of ::peer_connection_state_t. @threadsafe */
PEER_API int32_t peer_connection_connection_state(const peer_connection_t *pc);

/**
 * Adds a track (§5.1 addTrack): it will be offered, in a transceiver that is reused or made.
 *
 * @param pc  the connection
 * @param track   local track; referenced by the sender
 * @param streams  streams that the peer is to find it in: their ids go into the description (a=msid). Whether the track is in them here
 *                 makes no difference. May be NULL when stream_count is 0
 * @param stream_count  how many, at most 64; one that stands twice counts once
 * @param sender  receives the sender, a new reference; may be NULL
 * @return 0, PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_INVALID_ACCESS (the track is sent already, or a stream's id cannot stand in a
 *         description), PEER_ERROR_TYPE (a stream is NULL), PEER_ERROR_RANGE (too many streams), PEER_ERROR_QUOTA_EXCEEDED,
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_add_track(peer_connection_t *pc, peer_track_t *track, peer_stream_t *const *streams, size_t stream_count,
                                       peer_sender_t **sender);

/**
 * Stops sending a track (§5.1 removeTrack); the transceiver stays.
 *
 * @return 0, PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_INVALID_ACCESS (a sender of another connection)
 * @threadsafe
 */
PEER_API int peer_connection_remove_track(peer_connection_t *pc, peer_sender_t *sender);

/** RTCRtpTransceiverInit. */
typedef struct peer_transceiver_init {
    size_t size;                   /**< sizeof the struct, set by peer_transceiver_init_init() */
    int32_t direction;             /**< one of ::peer_direction_t; sendrecv by default */
    peer_track_t *track;           /**< what to send, or NULL */
    peer_stream_t *const *streams; /**< streams that the peer is to find it in, as in peer_connection_add_track() */
    size_t stream_count;           /**< how many */
    const peer_rtp_encoding_t
        *send_encodings;        /**< how it is to be sent: several, each with a rid, are simulcast (RFC 8853). NULL: one encoding
                                     with the defaults. What is beyond PEER_RTP_ENCODINGS_MAX, and of sound beyond one, is left out;
                                     without any scale_resolution_down_by they are 1, 2, 4, … from the last to the first */
    size_t send_encoding_count; /**< how many */
} peer_transceiver_init_t;

/** Fills the struct with the defaults. @threadsafe */
PEER_API void peer_transceiver_init_init(peer_transceiver_init_t *init, size_t size);

/**
 * Adds a transceiver (§5.1 addTransceiver).
 *
 * @param pc  the connection
 * @param kind         one of ::peer_media_kind_t
 * @param init         NULL for the defaults
 * @param transceiver  receives it; may be NULL
 * @return 0, PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_TYPE (kind, a track of the other kind; a rid that is none, twice or
 *         missing), PEER_ERROR_RANGE (a scale below 1, a negative frame rate), PEER_ERROR_OPERATION (a codec or scalability mode that
 * cannot be sent), else as peer_connection_add_track()
 * @threadsafe
 */
PEER_API int peer_connection_add_transceiver(peer_connection_t *pc, int32_t kind, const peer_transceiver_init_t *init,
                                             peer_transceiver_t **transceiver);

/**
 * Lists the transceivers (§5.1 getTransceivers, CollectTransceivers) in the order of their creation: all but those that a negotiation, or
 * a rollback, has removed. One that peer_transceiver_stop() stopped is listed until both sides know.
 *
 * @param pc  the connection
 * @param transceivers  receives up to `capacity` new references; may be NULL when capacity is 0
 * @param capacity  how many fit
 * @return how many there are
 * @threadsafe
 */
PEER_API size_t peer_connection_transceivers(const peer_connection_t *pc, peer_transceiver_t **transceivers, size_t capacity);
/** Lists the senders of the transceivers that are not stopped (§5.1 getSenders, CollectSenders), as peer_connection_transceivers() does.
 * @threadsafe */
PEER_API size_t peer_connection_senders(const peer_connection_t *pc, peer_sender_t **senders, size_t capacity);
/** Lists the receivers of the transceivers that are not stopped (§5.1 getReceivers), as peer_connection_transceivers() does. @threadsafe */
PEER_API size_t peer_connection_receivers(const peer_connection_t *pc, peer_receiver_t **receivers, size_t capacity);

/**
 * Creates a data channel (§6.1 createDataChannel).
 *
 * @param pc  the connection
 * @param label    UTF-8, at most 65,535 bytes
 * @param init     NULL for a reliable, ordered channel
 * @param events   NULL for none; copied
 * @param user     passed to the events
 * @param channel  receives the channel
 * @return 0, PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_TYPE (label or protocol too long, maxRetransmits with maxPacketLifeTime, a
 *         member of `init` outside its range),
 *         PEER_ERROR_OPERATION (the id is taken, or none is free), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_create_data_channel(peer_connection_t *pc, const char *label, const peer_data_channel_init_t *init,
                                                 const peer_data_channel_events_t *events, void *user, peer_data_channel_t **channel);

/**
 * sctp (§6.1): the transport of the data channels.
 *
 * @return a new reference, always to the same object; NULL as long as no offer with data channels has been applied (§4.4.1.5), by either
 * side, and after the only one has been rolled back or refused
 * @threadsafe
 */
PEER_API peer_sctp_transport_t *peer_connection_sctp(peer_connection_t *pc);

/**
 * Takes a snapshot of the statistics (§8.2 getStats).
 *
 * @param pc  the connection
 * @param report  receives the report
 * @return 0 or PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_get_stats(const peer_connection_t *pc, peer_stats_report_t **report);

/** What a packet tap is shown. */
typedef enum peer_packet_kind { PEER_PACKET_RTP = 0, PEER_PACKET_RTCP = 1, PEER_PACKET_SCTP = 2 } peer_packet_kind_t;

/**
 * Sees one decrypted packet.
 *
 * It runs inside the loop with the loop's lock held: it must not call the library, and should be quick (write to a file, count).
 *
 * @param kind      one of ::peer_packet_kind_t
 * @param outgoing  1 when sent, 0 when received
 * @param time_us   microseconds on the system's monotonic clock
 * @param data      the packet, valid during the call
 * @param length    its length in bytes
 * @param user  passed to the callback as it is
 */
typedef void (*peer_packet_tap_t)(int32_t kind, int32_t outgoing, int64_t time_us, const void *data, size_t length, void *user);

/**
 * Shows every RTP, RTCP and SCTP packet in the clear, as for a trace that a network analyser reads.
 *
 * @param pc  the connection
 * @param tap   NULL ends it; after that call returns it is not called again
 * @param user  passed to the callback as it is
 * @return 0 or PEER_ERROR_INVALID_STATE (closed)
 * @threadsafe
 */
PEER_API int peer_connection_set_packet_tap(peer_connection_t *pc, peer_packet_tap_t tap, void *user);

PEER_END_DECLS

#endif
