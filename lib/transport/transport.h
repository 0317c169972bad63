/* One bundle (RFC 9143): the transport that ICE finds, DTLS secures and SRTP, SRTCP and SCTP share (RFC 7983). It owns the four parts,
 * tells datagrams apart by their first byte, starts DTLS on the first valid pair and SRTP and SCTP on its keys. It knows no SDP and no
 * streams: RTP and RTCP packets come out decrypted, and go in in the clear. */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"
#include "dtls/certificate.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "sctp/sctp.h"
#include "srtp/srtp.h"
#include "transport/dscp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSPORT_HELD_PACKETS 64 /* of each kind that come, or are to go, before their layer is ready */

typedef struct transport transport_t;

typedef struct transport_config {
    ice_config_t ice;
    sctp_config_t sctp;
    certificate_t *certificate; /* a reference is taken */
    size_t mtu;                 /* largest datagram; 0: DTLS_MTU_DEFAULT */
    transport_priority_t priority;
    uint32_t connection;
} transport_config_t;

/* Sees packets in the clear. */
typedef enum transport_tap_kind { TRANSPORT_TAP_RTP, TRANSPORT_TAP_RTCP, TRANSPORT_TAP_SCTP } transport_tap_kind_t;
typedef void (*transport_tap_t)(void *context, transport_tap_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *data,
                                size_t length);

typedef enum transport_output_type {
    TRANSPORT_OUTPUT_SEND, /* packet, its path set; the reference is the taker's */
    TRANSPORT_OUTPUT_ICE,  /* ice: any of the agent's outputs except SEND */
    TRANSPORT_OUTPUT_RTP,  /* packet: decrypted and authenticated; the reference is the taker's */
    TRANSPORT_OUTPUT_RTCP,
    TRANSPORT_OUTPUT_DTLS_STATE, /* dtls_state, and when failed dtls_failure; SRTP is ready when it says connected */
    TRANSPORT_OUTPUT_SCTP        /* sctp: any output of the association except SEND */
} transport_output_type_t;

typedef struct transport_output {
    transport_output_type_t type;
    union {
        packet_t *packet;
        ice_output_t ice;
        struct {
            dtls_state_t dtls_state;
            dtls_failure_t dtls_failure;
        };
        sctp_output_t sctp;
    };
} transport_output_t;

transport_t *transport_new(const transport_config_t *config); /* NULL: peer_last_error_message() */
void transport_free(transport_t *transport);                  /* NULL is allowed; sends nothing */

ice_agent_t *transport_ice(transport_t *transport);
dtls_t *transport_dtls(transport_t *transport);
sctp_t *transport_sctp(transport_t *transport);

/* What negotiation gave: DTLS starts when these are known and ICE has a pair. The same again changes nothing. */
int transport_set_remote_dtls(transport_t *transport, peer_time_t now, const fingerprint_t *fingerprints, size_t count,
                              bool is_dtls_client);
/* Forgets the peer: its DTLS association, the keys for media, SCTP's association with its channels, the path (RFC 8842 §4). Next come the
 * parameters of the new one. PEER_ERROR_NO_MEMORY. */
int transport_renew(transport_t *transport, peer_time_t now);
/* A data channel m-line was negotiated: the association starts when DTLS is up. */
void transport_enable_sctp(transport_t *transport, peer_time_t now, uint16_t remote_port, size_t remote_max_message_size);

void transport_input(transport_t *transport, peer_time_t now, packet_t *packet); /* takes the reference */
/* Encrypts in place and sends; takes the reference. False when it had to be dropped: not connected, or no path. */
bool transport_send_rtp(transport_t *transport, peer_time_t now, packet_t *packet, transport_flow_t flow,
                        transport_priority_t priority); /* UNSET: the transport's */
bool transport_send_rtcp(transport_t *transport, peer_time_t now, packet_t *packet);
/* An SSRC of ours is never sent again: it makes room for another (SRTP_SSRCS_MAX). After its last packet was given to the transport. */
void transport_forget_ssrc(transport_t *transport, uint32_t ssrc);
bool transport_is_ready(const transport_t *transport); /* DTLS connected with an SRTP profile, and a path to send on */

void transport_timeout(transport_t *transport, peer_time_t now);
peer_time_t transport_deadline(const transport_t *transport);
bool transport_poll(transport_t *transport, peer_time_t now, transport_output_t *output);

/* Says goodbye on every layer; poll once more to send it. */
void transport_close(transport_t *transport, peer_time_t now);

void transport_set_tap(transport_t *transport, transport_tap_t tap, void *context);

typedef struct transport_statistics {
    uint64_t packets_sent, packets_received; /* datagrams, STUN apart */
    uint64_t bytes_sent, bytes_received;
    uint64_t dropped_unknown;  /* first byte belongs to no protocol (RFC 7983 §7) */
    uint64_t dropped_stranger; /* handshake or media, before the keys are there, from where the peer has never shown to be */
    uint64_t dropped_early;    /* came before its layer was ready, beyond what is held */
} transport_statistics_t;

const transport_statistics_t *transport_statistics(const transport_t *transport);
const srtp_statistics_t *transport_srtp_statistics(const transport_t *transport); /* NULL before SRTP is ready */

#endif
