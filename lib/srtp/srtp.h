/* The SRTP session of one DTLS association (RFC 3711, RFC 7714): every SSRC in both directions under one pair of master keys (RFC 5764
 * §4.2). Packets are protected and unprotected in place. What fails is counted by reason, for packets may be forged by anyone: a failure is
 * an ordinary drop. */
#ifndef SRTP_SESSION_H
#define SRTP_SESSION_H

#include "base/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct srtp_session srtp_session_t;

/* IANA's DTLS-SRTP protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2); the numbers are those of dtls_srtp_profile(). */
typedef enum srtp_protection_profile {
    SRTP_PROTECTION_AES128_CM_HMAC_SHA1_80 = 0x0001,
    SRTP_PROTECTION_AEAD_AES_128_GCM = 0x0007,
    SRTP_PROTECTION_AEAD_AES_256_GCM = 0x0008
} srtp_protection_profile_t;

#define SRTP_OVERHEAD_MAX 16      /* bytes protection adds to an RTP packet at most */
#define SRTP_RTCP_OVERHEAD_MAX 20 /* and to an RTCP packet: index and tag */
#define SRTP_REPLAY_WINDOW                                                                                                                 \
    1024                    /* packets (RFC 3711 §3.3.2 asks for 64 at least): video bursts and retransmissions are late by hundreds      \
                             */
#define SRTP_SSRCS_MAX 1024 /* of each direction */

/* Initialises libsrtp for the process, which the first session does otherwise: some 20 ms where it is built on NSS. Any thread. */
void srtp_prepare(void);

/* `keying_material` as RFC 5764 §4.2 lays it out, from dtls_export_srtp_keys(); `is_client` is our DTLS role. NULL when the profile is
 * unknown, the length is wrong or memory ran out (peer_last_error_message()). */
srtp_session_t *srtp_session_new(uint16_t profile, const uint8_t *keying_material, size_t length, bool is_client);
void srtp_session_free(srtp_session_t *session); /* NULL is allowed */

/* In place: the tag grows into the packet's tailroom. False, and the packet is to be dropped, when it is no RTP or RTCP packet, has no
 * room, or the key is used up. A packet may be protected twice under one sequence number only if all its bytes, header extensions included,
 * are the same: the nonce repeats, and different bytes would give the keys away (RFC 7714 §8.4). The packet must not be shared. */
bool srtp_session_protect_rtp(srtp_session_t *session, packet_t *packet);
bool srtp_session_protect_rtcp(srtp_session_t *session, packet_t *packet);
/* In place. False, and the packet is to be dropped, when it does not authenticate, is a replay, or is malformed. */
bool srtp_session_unprotect_rtp(srtp_session_t *session, packet_t *packet);
bool srtp_session_unprotect_rtcp(srtp_session_t *session, packet_t *packet);

/* Forgets an SSRC that we send no more (for example after a BYE), making room for another. Receiving SSRCs are kept: forgetting
 * them would let old packets be replayed. */
void srtp_session_remove_outbound(srtp_session_t *session, uint32_t ssrc);

typedef struct srtp_statistics {
    uint64_t protected_packets;
    uint64_t unprotected_packets;
    uint64_t authentication_failures;
    uint64_t replays;        /* seen before, or older than the window */
    uint64_t malformed;      /* no RTP or RTCP packet of this profile */
    uint64_t too_many_ssrcs; /* beyond SRTP_SSRCS_MAX */
    uint64_t keys_exhausted; /* RFC 3711 §9.2: 2^48 SRTP or 2^31 SRTCP packets */
    uint64_t other_failures; /* memory, defects */
} srtp_statistics_t;

const srtp_statistics_t *srtp_session_statistics(const srtp_session_t *session);

#endif
