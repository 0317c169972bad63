/** @file
 * ICE candidates (W3C WebRTC §4.8.1, RTCIceCandidate; RFC 8839 §5.1). Immutable.
 */
#ifndef PEER_ICE_CANDIDATE_H
#define PEER_ICE_CANDIDATE_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCIceCandidateType. */
typedef enum peer_ice_candidate_type {
    PEER_ICE_CANDIDATE_HOST = 0,
    PEER_ICE_CANDIDATE_SRFLX = 1,
    PEER_ICE_CANDIDATE_PRFLX = 2,
    PEER_ICE_CANDIDATE_RELAY = 3
} peer_ice_candidate_type_t;

/**
 * Makes a candidate from what the signaling channel brought (RTCIceCandidateInit, §4.8.1.1). A text that is no candidate is kept as it is,
 * without parts: peer_connection_add_ice_candidate() refuses it with PEER_ERROR_OPERATION and names the field.
 *
 * @param candidate          "candidate:…" (a leading "a=" is tolerated), or "" for the end of candidates
 * @param sdp_mid            mid of its m-line; NULL if unknown
 * @param sdp_mline_index    index of its m-line; -1 if unknown
 * @param username_fragment  ufrag of the generation it belongs to; NULL if unknown
 * @param result             receives the candidate
 * @return 0; PEER_ERROR_TYPE when neither mid nor index is given; PEER_ERROR_SYNTAX when a text has more than 4,096 bytes;
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_ice_candidate_new(const char *candidate, const char *sdp_mid, int32_t sdp_mline_index, const char *username_fragment,
                                    peer_ice_candidate_t **result);

/**
 * Reads the JSON that JSON.stringify(candidate) gives: {"candidate":"…","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"…"}.
 *
 * @return 0, PEER_ERROR_SYNTAX, PEER_ERROR_TYPE, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_ice_candidate_from_json(const char *json, size_t length, peer_ice_candidate_t **result);

/** Writes what JSON.stringify(candidate) gives in a browser; give it back with peer_string_free(). NULL when memory ran out. @threadsafe */
PEER_API char *peer_ice_candidate_to_json(const peer_ice_candidate_t *candidate);

/** Takes a reference. @threadsafe */
PEER_API peer_ice_candidate_t *peer_ice_candidate_ref(peer_ice_candidate_t *candidate);
/** Gives a reference back. @threadsafe */
PEER_API void peer_ice_candidate_unref(peer_ice_candidate_t *candidate);

/** The candidate-attribute, "candidate:…"; "" for the end of candidates. @threadsafe */
PEER_API const char *peer_ice_candidate_candidate(const peer_ice_candidate_t *candidate);
/** mid of its m-line, or NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_sdp_mid(const peer_ice_candidate_t *candidate);
/** Index of its m-line, or -1. @threadsafe */
PEER_API int32_t peer_ice_candidate_sdp_mline_index(const peer_ice_candidate_t *candidate);
/** ufrag of its generation, or NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_username_fragment(const peer_ice_candidate_t *candidate);
/** Foundation, or NULL at the end of candidates. @threadsafe */
PEER_API const char *peer_ice_candidate_foundation(const peer_ice_candidate_t *candidate);
/** 1 for RTP (and everything multiplexed with it), 2 for RTCP, 0 at the end of candidates. @threadsafe */
PEER_API int32_t peer_ice_candidate_component(const peer_ice_candidate_t *candidate);
/** Priority (RFC 8445 §5.1.2). @threadsafe */
PEER_API uint32_t peer_ice_candidate_priority(const peer_ice_candidate_t *candidate);
/** IP address or (mDNS) name, or NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_address(const peer_ice_candidate_t *candidate);
/** "udp" or "tcp", or NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_protocol(const peer_ice_candidate_t *candidate);
/** Port, or 0. @threadsafe */
PEER_API uint16_t peer_ice_candidate_port(const peer_ice_candidate_t *candidate);
/** One of ::peer_ice_candidate_type_t; -1 at the end of candidates. @threadsafe */
PEER_API int32_t peer_ice_candidate_type(const peer_ice_candidate_t *candidate);
/** Related address (RFC 8839 §5.1 rel-addr), or NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_related_address(const peer_ice_candidate_t *candidate);
/** Related port, or 0. @threadsafe */
PEER_API uint16_t peer_ice_candidate_related_port(const peer_ice_candidate_t *candidate);
/** "active", "passive" or "so" of a TCP candidate (RFC 6544 §4.5), else NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_tcp_type(const peer_ice_candidate_t *candidate);
/** How the TURN server of a relayed candidate of our own is reached: "udp", "tcp", "tls" or (not in W3C) "dtls"; else NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_relay_protocol(const peer_ice_candidate_t *candidate);
/** URL of the server that gave a reflexive or relayed candidate of our own, else NULL. @threadsafe */
PEER_API const char *peer_ice_candidate_url(const peer_ice_candidate_t *candidate);

/** Gives "host", "srflx", "prflx" or "relay"; "" for another value. @threadsafe */
PEER_API const char *peer_ice_candidate_type_name(int32_t type);

PEER_END_DECLS

#endif
