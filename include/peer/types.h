/** @file
 * The opaque objects, and small types used by several headers.
 */
#ifndef PEER_TYPES_H
#define PEER_TYPES_H

#include <peer/export.h>
#include <stddef.h>
#include <stdint.h>

PEER_BEGIN_DECLS

typedef struct peer_loop peer_loop_t;                     /**< threads and sockets: peer/loop.h */
typedef struct peer_connection peer_connection_t;         /**< RTCPeerConnection */
typedef struct peer_description peer_description_t;       /**< RTCSessionDescription; immutable */
typedef struct peer_ice_candidate peer_ice_candidate_t;   /**< RTCIceCandidate; immutable */
typedef struct peer_transceiver peer_transceiver_t;       /**< RTCRtpTransceiver */
typedef struct peer_sender peer_sender_t;                 /**< RTCRtpSender */
typedef struct peer_receiver peer_receiver_t;             /**< RTCRtpReceiver */
typedef struct peer_track peer_track_t;                   /**< MediaStreamTrack */
typedef struct peer_stream peer_stream_t;                 /**< MediaStream */
typedef struct peer_data_channel peer_data_channel_t;     /**< RTCDataChannel */
typedef struct peer_sctp_transport peer_sctp_transport_t; /**< RTCSctpTransport */
typedef struct peer_ice_transport peer_ice_transport_t;   /**< RTCIceTransport */
typedef struct peer_dtls_transport peer_dtls_transport_t; /**< RTCDtlsTransport */
typedef struct peer_dtmf_sender peer_dtmf_sender_t;       /**< RTCDTMFSender */
typedef struct peer_certificate peer_certificate_t;       /**< RTCCertificate; immutable */
typedef struct peer_stats_report peer_stats_report_t;     /**< RTCStatsReport; immutable */
typedef struct peer_negotiator peer_negotiator_t;         /**< the perfect-negotiation pattern */
typedef struct peer_nat_discovery peer_nat_discovery_t;   /**< what lies between this host and the Internet: peer/nat.h */

/** Releases a string that a function of the library returned as the caller's own. NULL is allowed. @threadsafe */
PEER_API void peer_string_free(char *string);

PEER_END_DECLS

#endif
