/* Interactive Connectivity Establishment (RFC 8445), the full agent for one component (RTP and RTCP are multiplexed), with trickle
 * (RFC 8838), consent freshness (RFC 7675), patience (RFC 8863) and dual-stack order (RFC 8421). Sans-IO: datagrams, answers of the
 * resolver and the time come in by calls; what is to be sent, opened, resolved or told comes out of ice_agent_poll(). Any number of
 * calls may precede a poll. This header is the folder's face; agent.h and its companions are private. */
#ifndef ICE_ICE_H
#define ICE_ICE_H

#include "base/address.h"
#include "base/link.h"
#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICE_UFRAG_MAX 256 /* RFC 8839 §5.4 */
#define ICE_PASSWORD_MAX 256
#define ICE_FOUNDATION_MAX 32 /* RFC 8839 §5.1 */
#define ICE_HOST_NAME_MAX 255

#define ICE_MAX_SERVERS 32           /* URLs; more are not asked */
#define ICE_MAX_SOCKETS 32           /* host addresses; more are closed at once */
#define ICE_MAX_LOCAL_CANDIDATES 128 /* of every type together */
#define ICE_MAX_REMOTE_CANDIDATES 100
#define ICE_MAX_PEER_REFLEXIVE 24 /* remote ones, a part of the above */
#define ICE_MAX_PAIRS 100         /* RFC 8445 §6.1.2.5, unless configured otherwise */
#define ICE_MAX_TRANSACTIONS 256  /* checks and server requests that may still be answered */
#define ICE_MAX_RESOLVES 64       /* names of the peer's being resolved */
#define ICE_MAX_HOST_NAMES 4      /* of these not by multicast: systems look up one after the other, and others wait too */

typedef struct ice_agent ice_agent_t;

typedef enum ice_candidate_type {
    ICE_CANDIDATE_HOST,
    ICE_CANDIDATE_SERVER_REFLEXIVE,
    ICE_CANDIDATE_PEER_REFLEXIVE,
    ICE_CANDIDATE_RELAYED,
} ice_candidate_type_t;

typedef enum ice_tcp_type { /* RFC 6544 §4.5 */
                            ICE_TCP_NONE,
                            ICE_TCP_ACTIVE,
                            ICE_TCP_PASSIVE,
                            ICE_TCP_SO,
} ice_tcp_type_t;

typedef enum ice_network_type { /* W3C webrtc-stats RTCNetworkType, and the order of preference is in candidate.c */
                                ICE_NETWORK_UNKNOWN,
                                ICE_NETWORK_ETHERNET,
                                ICE_NETWORK_WIFI,
                                ICE_NETWORK_CELLULAR,
                                ICE_NETWORK_VPN,
                                ICE_NETWORK_LOOPBACK,
} ice_network_type_t;

typedef enum ice_gathering_state { /* W3C RTCIceGathererState; the same values as RTCIceGatheringState */
                                   ICE_GATHERING_NEW,
                                   ICE_GATHERING_GATHERING,
                                   ICE_GATHERING_COMPLETE,
} ice_gathering_state_t;

typedef enum ice_state { /* W3C RTCIceTransportState; the same values as RTCIceConnectionState */
                         ICE_STATE_NEW,
                         ICE_STATE_CHECKING,
                         ICE_STATE_CONNECTED,
                         ICE_STATE_COMPLETED,
                         ICE_STATE_DISCONNECTED,
                         ICE_STATE_FAILED,
                         ICE_STATE_CLOSED,
} ice_state_t;

typedef enum ice_pair_state { /* RFC 8445 §6.1.2.6, W3C RTCStatsIceCandidatePairState */
                              ICE_PAIR_FROZEN,
                              ICE_PAIR_WAITING,
                              ICE_PAIR_IN_PROGRESS,
                              ICE_PAIR_FAILED,
                              ICE_PAIR_SUCCEEDED,
} ice_pair_state_t;

typedef enum ice_transport_policy { /* W3C RTCIceTransportPolicy */
                                    ICE_POLICY_ALL,
                                    ICE_POLICY_RELAY,
} ice_transport_policy_t;

/* The words of RFC 8839 ("srflx"), RFC 6544 ("active") and W3C ("in-progress"); "" for values outside. */
const char *ice_candidate_type_name(ice_candidate_type_t type);
bool ice_candidate_type_parse(const char *name, ice_candidate_type_t *type);
const char *ice_tcp_type_name(ice_tcp_type_t type); /* "" for none */
const char *ice_network_type_name(ice_network_type_t type);
const char *ice_gathering_state_name(ice_gathering_state_t state);
const char *ice_state_name(ice_state_t state);
const char *ice_pair_state_name(ice_pair_state_t state);

/* The state of a connection that has several transports (W3C WebRTC §4.3.3 RTCIceConnectionState, §4.3.2 RTCIceGatheringState). */
ice_state_t ice_connection_state(const ice_state_t *transports, size_t count);
ice_gathering_state_t ice_connection_gathering_state(const ice_gathering_state_t *transports, size_t count);

/* A candidate as it is signalled and shown (RFC 8839 §5.1). What comes in is copied; what comes out belongs to the agent: a local
 * one until its socket is closed, a remote one until the second ice_agent_restart after it; when there are too many, a reflexive one of no
 * use gives way to a new one, so keep none beyond the next call. */
typedef struct ice_candidate {
    uint32_t id; /* the agent's number for it, for stats; ignored on input */
    char foundation[ICE_FOUNDATION_MAX + 1];
    uint16_t component;   /* 1; others are ignored on input */
    uint8_t protocol;     /* transport_protocol_t */
    uint8_t type;         /* ice_candidate_type_t */
    uint8_t tcp_type;     /* ice_tcp_type_t */
    uint8_t network_type; /* ice_network_type_t of a local one */
    uint32_t priority;
    address_t address;      /* the port is always here; family is ADDRESS_NONE while `host_name` is not resolved */
    const char *host_name;  /* an mDNS name (draft-ietf-mmusic-mdns-ice-candidates) or FQDN, else NULL */
    address_t related;      /* raddr and rport; family ADDRESS_NONE without */
    const char *ufrag;      /* RFC 8839 "ufrag" extension; NULL when unknown */
    const char *url;        /* the server that gave a local reflexive or relayed candidate, else NULL */
    uint8_t relay_protocol; /* ice_server_transport_t of a local relayed candidate */
} ice_candidate_t;

typedef struct ice_parameters {
    char ufrag[ICE_UFRAG_MAX + 1];
    char password[ICE_PASSWORD_MAX + 1];
    bool is_lite;
} ice_parameters_t;

typedef enum ice_server_kind {
    ICE_SERVER_STUN,
    ICE_SERVER_TURN,
} ice_server_kind_t;

typedef enum ice_server_transport { /* between us and the server */
                                    ICE_SERVER_UDP,
                                    ICE_SERVER_TCP,
                                    ICE_SERVER_TLS,  /* over TCP */
                                    ICE_SERVER_DTLS, /* over UDP (RFC 7350) */
} ice_server_transport_t;

const char *ice_server_transport_name(ice_server_transport_t transport); /* "udp", "tcp", "tls", "dtls" */

typedef struct ice_server {
    ice_server_kind_t kind;
    ice_server_transport_t transport;
    const char *url;  /* as the application wrote it: for events */
    const char *host; /* IP literal (without brackets) or name */
    uint16_t port;
    const char *username; /* TURN: long-term credentials (RFC 8489 §9.2), UTF-8; NULL for none */
    const char *password;
} ice_server_t;

/* A server's URL taken apart (server_url.c). */
typedef struct ice_server_url {
    ice_server_kind_t kind;
    ice_server_transport_t transport;
    char host[ICE_HOST_NAME_MAX + 1]; /* IP literal without brackets, or name */
    uint16_t port;                    /* the default of the scheme when none is written */
} ice_server_url_t;

int ice_server_url_parse(const char *text, size_t length, ice_server_url_t *url); /* PEER_ERROR_SYNTAX, with what is wrong in words */

typedef enum ice_tcp_policy { /* which TCP candidates of our own there are (RFC 6544) */
                              ICE_TCP_POLICY_ACTIVE,
                              ICE_TCP_POLICY_ALL, /* passive ones too: for listening sockets that the driver reports */
                              ICE_TCP_POLICY_OFF, /* none; the peer's are ignored */
} ice_tcp_policy_t;

typedef struct ice_config {
    random_source_t random;
    packet_pool_t *pool;         /* outlives the agent */
    const ice_server_t *servers; /* copied */
    size_t server_count;
    ice_transport_policy_t policy;
    ice_tcp_policy_t tcp_policy;
    size_t max_pairs; /* 0: ICE_MAX_PAIRS */
    bool is_controlling;
    bool is_lite;             /* RFC 8445 §2.5: only host candidates, no checks of our own */
    bool hides_addresses;     /* host candidates are published as mDNS names (RFC 8828 §3.1) */
    bool omits_private_hosts; /* host candidates of private addresses are used and not told (RFC 8828 §5.2, mode 3) */
    bool wants_port_mapping;  /* the driver is asked to map ports at the gateway */
    bool shares_sockets;      /* UDP sockets are other agents' too: a server that knows its clients by their addresses, which TURN servers
                                 and those over DTLS do, is asked from another one */
    uint32_t connection;      /* for the log */
} ice_config_t;

/* Makes an agent with fresh local parameters; NULL when memory ran out. */
ice_agent_t *ice_agent_new(const ice_config_t *config);
/* Gives allocations back to their servers; poll once more to send it. */
void ice_agent_close(ice_agent_t *agent, peer_time_t now);
void ice_agent_free(ice_agent_t *agent); /* sockets are the caller's to close; NULL is allowed */

const ice_parameters_t *ice_agent_local_parameters(const ice_agent_t *agent);
const ice_parameters_t *ice_agent_remote_parameters(const ice_agent_t *agent); /* NULL before they are known */
/* The role that signalling gives (RFC 8445 §6.1.1), before checks begin: later calls change nothing, as a conflict on the wire may have
 * changed the role and it lasts through restarts (§9). ice_agent_is_controlling() is the truth. */
void ice_agent_set_controlling(ice_agent_t *agent, peer_time_t now, bool is_controlling);
bool ice_agent_is_controlling(const ice_agent_t *agent);
/* Checks start as soon as these and a pair exist. The same values again change nothing; other values are PEER_ERROR_INVALID_STATE. */
int ice_agent_set_remote_parameters(ice_agent_t *agent, peer_time_t now, const char *ufrag, const char *password, bool is_lite);
/* Whether the peer's description offers "renomination" (draft-thatcher-ice-renomination) among its ICE options. */
void ice_agent_set_remote_renomination(ice_agent_t *agent, bool renominates);

/* ICE restart (RFC 8445 §9): new local parameters (those given, or with NULL random ones), the peer's and all its candidates are forgotten,
 * gathering is new. The pair in use goes on carrying data, with consent by the old parameters, until a pair of the new session is
 * nominated. Next come ice_agent_gather() and ice_agent_set_remote_parameters(). Sockets stay and are used again. PEER_ERROR_NO_MEMORY
 * changes nothing. */
int ice_agent_restart(ice_agent_t *agent, peer_time_t now, const ice_parameters_t *local);
/* The same, with random parameters, and the pair in use is given up too: the peer is another one from now on, or none. */
int ice_agent_forget(ice_agent_t *agent, peer_time_t now);

/* Other servers and another policy (RFC 9429 §4.1.18), from the next gathering on: the first, or that of the next restart. Copied.
 * PEER_ERROR_NO_MEMORY changes nothing. */
int ice_agent_configure(ice_agent_t *agent, const ice_server_t *servers, size_t count, ice_transport_policy_t policy);

/* Starts gathering: asks for sockets, one bound UDP socket for each local address. A second call changes nothing. */
int ice_agent_gather(ice_agent_t *agent, peer_time_t now);
/* The caller bound a UDP socket. `socket` is not 0 and new to the agent; from now on it stays open until ICE_OUTPUT_CLOSE_SOCKET names it
 * (at once when the agent has no use for it) or the agent is freed. It may come at any time after ICE_OUTPUT_OPEN_SOCKETS, also when a
 * network appears in mid-call: the gathering state then goes back to "gathering" (W3C WebRTC RTCIceGatheringState). */
int ice_agent_add_socket(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network);
/* The same for a listening TCP socket; add it after the UDP socket of the same IP address. */
int ice_agent_add_listener(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network);
/* No more sockets follow, for now. */
void ice_agent_sockets_complete(ice_agent_t *agent, peer_time_t now);

/* Answers to ICE_OUTPUT_CONNECT: the link is up (connected and, where it is TLS or DTLS, the server's certificate verified), or it never
 * will be; `text` says why, in words for a user. A link that was not asked for, or no longer, is closed again. */
void ice_agent_link_opened(ice_agent_t *agent, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local);
void ice_agent_link_failed(ice_agent_t *agent, peer_time_t now, uint32_t request, const char *text);
/* A listening socket took a connection. */
void ice_agent_link_accepted(ice_agent_t *agent, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote);
/* A socket or link is gone by itself: closed by the other end, broken, or its address left the host. It need not be closed any more. */
void ice_agent_socket_closed(ice_agent_t *agent, peer_time_t now, uint32_t socket, const char *text);
/* Answer to ICE_OUTPUT_MAP_PORT, at any time: the gateway forwards `external` to the socket. Family ADDRESS_NONE: no more. */
void ice_agent_port_mapped(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *external);

/* May come before the remote parameters. Candidates of another component, transport or ufrag, or that repeat a known one, are ignored and
 * give 0; PEER_ERROR_SYNTAX for an address no candidate can have, PEER_ERROR_QUOTA_EXCEEDED beyond the caps above. */
int ice_agent_add_remote_candidate(ice_agent_t *agent, peer_time_t now, const ice_candidate_t *candidate);
void ice_agent_end_of_remote_candidates(ice_agent_t *agent, peer_time_t now);
/* The answer to ICE_OUTPUT_RESOLVE; count 0: the name has no address. Unknown requests are ignored. */
void ice_agent_resolved(ice_agent_t *agent, peer_time_t now, uint32_t request, const address_t *addresses, size_t count);

/* To be called first with whatever comes in: takes a relayed datagram out of what the TURN server sent, in place, and corrects its path.
 * False: it was for the agent alone and is done with; the caller drops it. */
bool ice_agent_unwrap(ice_agent_t *agent, peer_time_t now, packet_t *packet);
/* To be called last with whatever goes out along ice_agent_send_path(), path set: makes it what the TURN server, if there is one between,
 * relays. False: it cannot be sent; the caller drops it. */
bool ice_agent_wrap(ice_agent_t *agent, peer_time_t now, packet_t *packet);

/* A datagram whose first byte says STUN (RFC 7983). False when it was dropped: the reason is counted in ice_drops_t. Keeps no reference. */
bool ice_agent_input(ice_agent_t *agent, peer_time_t now, packet_t *packet);
/* Other traffic, already authenticated (DTLS, SRTP), came in on this path: the path lives. */
void ice_agent_on_traffic(ice_agent_t *agent, peer_time_t now, const path_t *path, size_t bytes);
/* Whether the peer has shown on this path that it knows the passwords: an authenticated request or response came along it. */
bool ice_agent_has_heard(const ice_agent_t *agent, const path_t *path);
/* A datagram was sent on ice_agent_send_path(): for stats. */
void ice_agent_on_sent(ice_agent_t *agent, peer_time_t now, size_t bytes);

void ice_agent_timeout(ice_agent_t *agent, peer_time_t now);
peer_time_t ice_agent_deadline(const ice_agent_t *agent); /* PEER_TIME_NEVER when nothing is awaited */

typedef enum ice_output_kind {
    ICE_OUTPUT_SEND,            /* packet: the reference is the taker's; packet->path says where */
    ICE_OUTPUT_OPEN_SOCKETS,    /* bind sockets, call ice_agent_add_socket for each and ice_agent_sockets_complete at the end */
    ICE_OUTPUT_CLOSE_SOCKET,    /* socket: a UDP socket, listener or link */
    ICE_OUTPUT_CONNECT,         /* link: answer by ice_agent_link_opened or _failed */
    ICE_OUTPUT_CANCEL_CONNECT,  /* request: of a link that is not yet answered; no answer is expected any more */
    ICE_OUTPUT_PUBLISH_NAME,    /* publish: answer multicast DNS queries for the name, until the agent is gone */
    ICE_OUTPUT_MAP_PORT,        /* socket: of UDP; answer by ice_agent_port_mapped when and if a mapping exists */
    ICE_OUTPUT_RESOLVE,         /* resolve: answer by ice_agent_resolved */
    ICE_OUTPUT_LOCAL_CANDIDATE, /* candidate */
    ICE_OUTPUT_CANDIDATE_ERROR, /* error: W3C RTCPeerConnectionIceErrorEvent */
    ICE_OUTPUT_GATHERING_STATE, /* gathering_state; "complete" comes after the last candidate */
    ICE_OUTPUT_STATE,           /* state */
    ICE_OUTPUT_SELECTED_PAIR,   /* selected: where data goes changed */
} ice_output_kind_t;

typedef struct ice_candidate_error {
    const char *url;
    address_t address; /* the local address that asked; family ADDRESS_NONE when no request could be sent */
    uint16_t code;     /* the server's STUN error code, or 701 when it was not reached */
    const char *text;
} ice_candidate_error_t;

typedef struct ice_output {
    ice_output_kind_t kind;
    union {
        packet_t *packet;
        uint32_t socket;
        uint32_t request;
        const link_request_t *link;
        struct {
            const char *name;
            address_t address;
        } publish;
        struct {
            uint32_t request;
            const char *name;
            bool is_mdns; /* by multicast DNS only (RFC 6762) */
        } resolve;
        const ice_candidate_t *candidate;
        ice_candidate_error_t error;
        ice_gathering_state_t gathering_state;
        ice_state_t state;
        struct {
            const ice_candidate_t *local;
            const ice_candidate_t *remote;
            path_t path;
            bool is_nominated;
        } selected;
    };
} ice_output_t;

/* The next thing to do or tell, in order; false when there is none. Texts in it stay valid until the next call on the agent. */
bool ice_agent_poll(ice_agent_t *agent, ice_output_t *output);

/* Where data goes now: the selected pair, before nomination the best valid one; NULL before the first valid pair and after consent was
 * lost (RFC 7675 §5.1). Valid until the next call on the agent. */
const path_t *ice_agent_send_path(const ice_agent_t *agent);

ice_state_t ice_agent_state(const ice_agent_t *agent);
ice_gathering_state_t ice_agent_gathering_state(const ice_agent_t *agent);

/* Views for getStats, named as in W3C webrtc-stats. */
typedef struct ice_pair_stats {
    uint32_t id;
    const ice_candidate_t *local;
    const ice_candidate_t *remote;
    ice_pair_state_t state;
    bool is_nominated;
    bool is_selected;
    uint64_t priority;
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received; /* without STUN */
    peer_time_t last_packet_sent, last_packet_received;                  /* 0: none */
    uint64_t requests_sent, requests_received, responses_sent, responses_received, consent_requests_sent;
    peer_time_t current_round_trip_time, total_round_trip_time;
} ice_pair_stats_t;

/* What a server was asked and said: for the ICE report and W3C's RTCIceCandidateStats. */
typedef enum ice_server_state {
    ICE_SERVER_WAITING,
    ICE_SERVER_CONNECTING, /* TCP, TLS or DTLS is being set up */
    ICE_SERVER_ASKED,
    ICE_SERVER_ANSWERED,
    ICE_SERVER_FAILED,
} ice_server_state_t;

typedef struct ice_server_report {
    const char *url;
    ice_server_kind_t kind;
    ice_server_transport_t transport;
    address_t server; /* family ADDRESS_NONE: the name is not, or could not be, resolved */
    address_t local;  /* where it was asked from; family ADDRESS_NONE: nowhere */
    ice_server_state_t state;
    address_t mapped;       /* our address as the server saw it; family ADDRESS_NONE without */
    address_t relayed;      /* of the allocation */
    uint16_t code;          /* failed: as in ice_candidate_error_t; else 0 */
    const char *text;       /* failed: why; else NULL */
    uint64_t requests_sent; /* retransmissions included */
    uint64_t responses_received;
    peer_time_t round_trip_time; /* of the first answered request; 0: none */
} ice_server_report_t;

size_t ice_agent_server_report_count(const ice_agent_t *agent); /* one for each server, address of it and local address */
bool ice_agent_server_report(const ice_agent_t *agent, size_t index, ice_server_report_t *report);

size_t ice_agent_pair_count(const ice_agent_t *agent);
bool ice_agent_pair_stats(const ice_agent_t *agent, size_t index, ice_pair_stats_t *stats);
size_t ice_agent_candidate_count(const ice_agent_t *agent, bool is_remote);
const ice_candidate_t *ice_agent_candidate(const ice_agent_t *agent, bool is_remote, size_t index); /* NULL outside the range */
/* Whether it was told by ICE_OUTPUT_LOCAL_CANDIDATE in this session, or is one that the peer signalled: not one that checks brought up. */
bool ice_agent_is_signalled(const ice_agent_t *agent, bool is_remote, size_t index);
uint32_t ice_agent_selected_pair_changes(const ice_agent_t *agent);

/* STUN datagrams that changed nothing, by reason. */
typedef struct ice_drops {
    uint64_t malformed;           /* not STUN, a wrong length, a wrong FINGERPRINT */
    uint64_t unknown_socket;      /* on a socket the agent does not have */
    uint64_t unsupported;         /* a method or class that ICE does not use */
    uint64_t missing_credentials; /* a request without USERNAME or integrity (RFC 8489 §9.1.3, 400) */
    uint64_t wrong_username;      /* 401 */
    uint64_t wrong_integrity;     /* 401, or a response that is not from the peer */
    uint64_t unknown_attribute;   /* a comprehension-required attribute (420) */
    uint64_t unknown_transaction; /* a response to nothing that was asked */
    uint64_t wrong_source;        /* a response from elsewhere than it was asked (RFC 8445 §7.2.5.2.1) */
    uint64_t over_limit;          /* a peer-reflexive candidate or pair beyond the caps */
} ice_drops_t;

const ice_drops_t *ice_agent_drops(const ice_agent_t *agent);

#endif
