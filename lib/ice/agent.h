/* The agent's inside: what the files of this folder share. Each struct belongs to the file named above it; the agent owns them all. */
#ifndef ICE_AGENT_H
#define ICE_AGENT_H

#include "ice/ice.h"
#include "ice/turn.h"
#include "stun/stun.h"

/* RFC 8445 §14.2 proposes Ta = 50 ms and forbids less than 5 ms. A call has few pairs, and their order is rarely that of success, so the
 * first ones leave fast and a long list falls back to slower pacing: 20 checks take 100 ms, 100 checks 2.1 s. */
#define ICE_TA_FAST (5 * PEER_MILLISECOND)
#define ICE_TA_SLOW (25 * PEER_MILLISECOND)
#define ICE_FAST_CHECKS 20

/* RFC 8445 §14.3 wants an RTO of at least 500 ms. That makes one lost datagram cost half a second of set-up time, which is why browsers
 * ping an unproven pair about every 50 ms. We keep the formula's shape (Ta times the checks outstanding, doubling) and start lower: at most
 * three requests leave in the first 200 ms.
 * Eleven transmissions: 0, 50, 150, 350, 750 ms, 1.55, 3.15, 6.35, 12.75, 19.15, 25.55 s; given up at 31.95 s. */
#define ICE_CHECK_RTO (50 * PEER_MILLISECOND)
#define ICE_CHECK_RTO_MAX (6400 * PEER_MILLISECOND)
#define ICE_CHECK_TRANSMISSIONS 11
/* A nomination goes over a pair that worked a moment ago, so its request is repeated steadily rather than ever more rarely. */
#define ICE_NOMINATION_RTO_MAX (800 * PEER_MILLISECOND)
#define ICE_NOMINATION_TRANSMISSIONS 12
#define ICE_UNFREEZE_TRANSMISSIONS 4 /* after 350 ms without an answer a check no longer holds back its foundation */

/* RFC 8489 §6.2.1 with RTO = 500 ms; five transmissions and an end after 9.5 s instead of 39.5 s, as gathering waits for it. */
#define ICE_SERVER_RTO (500 * PEER_MILLISECOND)
#define ICE_SERVER_TRANSMISSIONS 5
#define ICE_SERVER_LAST_WAIT (2 * PEER_SECOND)
#define ICE_SERVER_KEEPALIVE (15 * PEER_SECOND) /* RFC 8445 §5.1.1.4, Tr of §11 */
#define ICE_RELAY_KEEPALIVE (25 * PEER_SECOND)  /* of an allocation over UDP that is held in reserve: NATs forget after 30 s and more */

#define ICE_STREAM_WAIT (10 * PEER_SECOND) /* for an answer over TCP, where nothing is repeated (RFC 8489 §6.2.2: Ti, shortened) */

#define ICE_PATIENCE (39500 * PEER_MILLISECOND) /* RFC 8863 §4: the PAC timer */

/* RFC 7675 §5.1 */
#define ICE_CONSENT_INTERVAL (5 * PEER_SECOND) /* times 0.8 to 1.2 */
#define ICE_CONSENT_LIFETIME (30 * PEER_SECOND)

#define ICE_MAX_QUERIES 64 /* server and base, together */
#define ICE_MAX_BASES (3 * ICE_MAX_SOCKETS)
#define ICE_MAX_LINKS 64     /* TCP connections, TLS and DTLS, set up or being set up */
#define ICE_MAX_RECONNECTS 5 /* of one TCP pair that broke */
#define ICE_MAX_REDIRECTS 3  /* RFC 8489 §10: from one server to another */

/* A TURN server that was lost is asked again, as it may have been restarted. */
#define ICE_SERVER_RETRY_FIRST (500 * PEER_MILLISECOND)
#define ICE_SERVER_RETRIES 8 /* doubling: within two minutes */
#define ICE_MISMATCH_RETRIES 4
#define ICE_SERVER_STABLE (60 * PEER_SECOND) /* an allocation that lived so long begins this anew */
#define ICE_MAX_OUTPUTS 2048                 /* datagrams that wait to be polled; more are lost as on a network */
#define ICE_ERROR_BURST 10                   /* error responses before authentication, refilled at one in 100 ms */

typedef struct ice_agent_base ice_base_t;
typedef struct ice_pair ice_pair_t;
typedef struct ice_query ice_query_t;
typedef struct ice_link ice_link_t;

/* candidate.c: a local candidate and the base it is sent from (RFC 8445 §4). */
typedef struct ice_local {
    ice_candidate_t view;
    ice_base_t *base;
    address_t server; /* that a reflexive one was learned from: part of its foundation */
    uint32_t foundation;
    uint32_t generation; /* in which it was announced last */
    bool is_announced;   /* in that generation the owner was told of it */
} ice_local_t;

/* base.c: a transport address that candidates are sent from (RFC 8445 §4). */
typedef enum ice_base_kind {
    ICE_BASE_UDP,         /* a socket of the driver's */
    ICE_BASE_TCP_ACTIVE,  /* connects from any port of the address */
    ICE_BASE_TCP_PASSIVE, /* a listening socket of the driver's */
    ICE_BASE_RELAY,       /* an allocation on a TURN server */
} ice_base_kind_t;

struct ice_agent_base {
    ice_base_kind_t kind;
    uint32_t socket; /* of the driver: UDP or listening; of a relay the one that leads to its server; 0: TCP active */
    address_t address;
    ice_network_type_t network;
    uint16_t local_preference; /* RFC 8445 §5.1.2.1 */
    ice_local_t *host;         /* its own candidate; NULL: it only leads to servers, and no peer may see it (ICE_POLICY_RELAY) */
    address_t port_mapping;    /* of ICE_BASE_UDP at the gateway; family ADDRESS_NONE without */
    uint8_t relay;             /* ICE_BASE_RELAY: what path_t.relay says */
    ice_query_t *query;        /* ICE_BASE_RELAY: the allocation's */
    bool is_hidden;            /* by a later ICE_POLICY_RELAY: forms no pairs any more */
};

/* remote.c: a candidate of the peer. */
typedef struct ice_remote {
    ice_candidate_t view;
    char *host_name;
    char *ufrag;
    uint32_t resolve_request; /* 0 when no answer is awaited */
} ice_remote_t;

/* pair.c */
struct ice_pair {
    uint32_t id;
    uint32_t generation; /* of the agent when it was formed: says which credentials it is checked with */
    ice_base_t *base;
    ice_local_t *local; /* the base's host candidate, after success the one that the peer saw (RFC 8445 §7.2.5.3.2) */
    ice_remote_t *remote;
    path_t path;      /* of TCP the socket is 0 until there is a connection */
    ice_link_t *link; /* TCP: the connection, perhaps still being made */
    unsigned reconnects;
    uint64_t priority;
    ice_pair_state_t state;
    bool is_triggered; /* waits in the triggered-check queue */
    bool is_nominated;
    bool is_nominating;          /* controlling: a check with USE-CANDIDATE is under way */
    bool is_remote_nominated;    /* controlled: USE-CANDIDATE came, our own check is not yet answered */
    bool is_consent_lost;        /* for good (RFC 7675 §5.1) */
    bool is_retired;             /* another pair was nominated first: not checked, unless that one dies */
    uint32_t pending_nomination; /* of is_remote_nominated */
    bool is_suspect;             /* it does not answer while another path does */
    unsigned questions;          /* quick consent requests left, to see whether it is */
    uint32_t nomination;         /* the order in which it was nominated, or what the peer's NOMINATION attribute said */
    ice_pair_t *next_triggered;
    peer_time_t nominated_at; /* last USE-CANDIDATE from the peer */
    peer_time_t consent_expires;
    peer_time_t probe_at; /* next consent request, while selected */
    unsigned role_conflicts;
    uint8_t last_request[STUN_TRANSACTION_ID_SIZE]; /* of the peer */
    unsigned crooked;                               /* checks that were answered from another address than they were sent to */
    peer_time_t last_check_at;
    unsigned unanswered;       /* consent requests since the last response */
    peer_time_t last_received; /* anything authenticated */
    peer_time_t last_traffic;  /* the same without STUN */
    peer_time_t last_response;
    peer_time_t round_trip_time, total_round_trip_time;
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    peer_time_t last_packet_sent, last_packet_received;
    uint64_t requests_sent, requests_received, responses_sent, responses_received, consent_requests_sent;
};

/* query.c: one server asked from one base. */
struct ice_query {
    size_t server;
    ice_base_t *base;  /* UDP; over TCP and TLS only its IP address is used */
    address_t address; /* of the server */
    ice_server_state_t state;
    path_t path;        /* how it is reached, from ICE_SERVER_ASKED on */
    ice_link_t *link;   /* TCP, TLS, DTLS */
    turn_t *turn;       /* TURN, from ICE_SERVER_ASKED on */
    ice_base_t *tcp;    /* STUN over TCP or TLS: the listening base whose port it shares */
    unsigned redirects; /* RFC 8489 §10 */
    unsigned retries;   /* after the allocation was lost */
    peer_time_t ask_at; /* not before */
    peer_time_t keepalive_at;
    address_t mapped, relayed; /* for the report */
    uint16_t code;
    char *text;
    char *domain; /* that the certificate of an alternate server must be of; NULL: the server's own */
    uint64_t requests_sent, responses_received;
    peer_time_t asked_at, round_trip_time;
};

typedef struct ice_server_entry {
    ice_server_kind_t kind;
    ice_server_transport_t transport;
    char *url;
    char *host;
    char *username, *password;
    uint16_t port;
    uint32_t resolve_request;
    address_t addresses[2]; /* one of each family at most */
    size_t address_count;
    bool has_no_address; /* its name was looked up in vain */
    bool is_retired;     /* not configured any more: only what already stands on it goes on */
} ice_server_entry_t;

/* transaction.c */
typedef enum ice_transaction_kind {
    ICE_TRANSACTION_CHECK,
    ICE_TRANSACTION_CONSENT,
    ICE_TRANSACTION_SERVER,
} ice_transaction_kind_t;

typedef struct ice_transaction {
    uint8_t id[STUN_TRANSACTION_ID_SIZE];
    ice_transaction_kind_t kind;
    ice_pair_t *pair;
    ice_query_t *query;
    path_t path;
    bool is_controlling; /* the role that the request said */
    bool is_nominating;
    bool is_cancelled;   /* RFC 8445 §7.3.1.4: answered if it comes, no longer repeated */
    uint32_t nomination; /* what its NOMINATION attribute says; 0: it has none */
    unsigned transmissions;
    unsigned hastened; /* transmissions that the peer's requests caused: they do not count */
    peer_time_t first_sent, last_sent;
    peer_time_t rto;
    peer_time_t next_at; /* next transmission, or the end */
} ice_transaction_t;

/* restart.c: what a restart keeps of the session before (RFC 8445 §9): the pair in use and the credentials it lives by. */
typedef struct ice_previous {
    ice_parameters_t local_parameters, remote_parameters;
    ice_pair_t *pair; /* NULL once a new one took over */
    ice_remote_t *remote;
} ice_previous_t;

struct ice_agent {
    random_source_t random;
    packet_pool_t *pool;
    ice_transport_policy_t policy;
    ice_tcp_policy_t tcp_policy;
    bool hides_addresses;
    bool omits_private_hosts;
    bool wants_port_mapping;
    bool shares_sockets;
    uint32_t connection;
    ice_parameters_t local_parameters, remote_parameters;
    bool has_remote_parameters;
    bool is_controlling;
    bool is_role_settled; /* by the wire: signalling no longer changes it */
    uint64_t tie_breaker;
    uint32_t next_id;
    uint32_t generation;      /* counts restarts */
    ice_previous_t *previous; /* NULL before the first restart */

    /* gathering */
    ice_gathering_state_t gathering_state;
    bool has_opened_sockets;
    bool are_sockets_complete;
    ice_server_entry_t *servers;
    size_t server_count;
    ice_server_entry_t *next_servers; /* from the next gathering on, if has_next_configuration */
    size_t next_server_count;
    ice_transport_policy_t next_policy;
    bool has_next_configuration;
    bool has_retired; /* what is not configured any more carries the pair of the session before */
    ice_query_t *queries[ICE_MAX_QUERIES];
    size_t query_count;
    peer_time_t next_query_at;
    ice_base_t *bases[ICE_MAX_BASES];
    size_t base_count;
    ice_link_t *links[ICE_MAX_LINKS];
    size_t link_count;
    uint32_t next_link;
    uint8_t next_relay;
    size_t turn_count; /* queries with an allocation, or asking for one */
    ice_local_t **locals;
    size_t local_count, local_capacity;
    uint32_t next_foundation;

    /* the peer's candidates */
    ice_remote_t **remotes;
    size_t remote_count, remote_capacity;
    size_t resolve_count;
    uint32_t next_resolve;
    bool has_end_of_remote_candidates;

    /* the check list: pairs in descending priority */
    ice_pair_t **pairs;
    size_t pair_count, pair_capacity, max_pairs;
    ice_pair_t *first_triggered, *last_triggered;
    ice_transaction_t *transactions;
    size_t transaction_count, transaction_capacity;
    peer_time_t next_check_at;
    unsigned checks_sent;

    /* conclusion */
    ice_pair_t *selected;    /* where data goes */
    const path_t *send_path; /* of it, or NULL */
    peer_time_t first_valid_at;
    peer_time_t nominate_at;
    peer_time_t patience_at; /* the PAC timer's end */
    bool is_concluded;       /* a pair was nominated: no more ordinary checks (RFC 8445 §8.1.2) */
    bool is_disconnected;
    bool remote_renominates; /* draft-thatcher-ice-renomination: the last nomination counts */
    uint32_t last_nomination;
    peer_time_t fail_at;    /* the pair in use is gone: when that means failure; PEER_TIME_NEVER: it is not */
    peer_time_t revived_at; /* when all pairs were last given another chance */
    peer_time_t stray_at;   /* when a stray path was last taken up */
    bool is_failed;
    ice_state_t state;
    uint32_t selected_pair_changes;

    peer_time_t deadline;
    ice_output_t *outputs; /* first in, first out, from output_head */
    size_t output_head, output_count, output_capacity;
    char *polled_text; /* of the error polled last */
    unsigned error_tokens;
    peer_time_t error_refill_at;
    ice_drops_t drops;
};

/* agent.c: to be called at the end of whatever changed something: checks that are due leave, nomination, selection, state, deadline. */
void ice_agent_settle(ice_agent_t *agent, peer_time_t now);
void ice_agent_switch_role(ice_agent_t *agent, bool is_controlling);

/* configuration.c */
bool ice_servers_copy(const ice_server_t *given, size_t given_count, ice_server_entry_t **servers, size_t *count);
void ice_servers_free(ice_server_entry_t *servers, size_t count);
void ice_configuration_apply(ice_agent_t *agent);   /* gathering begins */
void ice_configuration_release(ice_agent_t *agent); /* what was kept for a pair that is gone by now */

/* output.c */
bool ice_output_names_url(const ice_agent_t *agent, const char *url); /* by that very pointer, in what was not polled yet */
void ice_output_push(ice_agent_t *agent, const ice_output_t *output);
void ice_output_send(ice_agent_t *agent, packet_t *packet, const path_t *path); /* takes the reference */
void ice_output_drop_resolve(ice_agent_t *agent, uint32_t request);             /* its name goes away */
void ice_output_drop_local(ice_agent_t *agent, const ice_local_t *local);
bool ice_output_drop_connect(ice_agent_t *agent, uint32_t request);          /* true when it had not been polled yet */
void ice_output_drop_remote(ice_agent_t *agent, const ice_remote_t *remote); /* the same for a selected pair not yet told */
void ice_output_clear(ice_agent_t *agent);

/* candidate.c */
uint32_t ice_candidate_priority(const ice_base_t *base, ice_candidate_type_t type);
uint16_t ice_candidate_local_preference(const ice_agent_t *agent, ice_base_kind_t kind, ice_network_type_t network,
                                        const address_t *address);
bool ice_address_is_usable(const address_t *address); /* can be a candidate's or a server's at all */
ice_local_t *ice_local_find(const ice_agent_t *agent, const ice_base_t *base, const address_t *address);
ice_local_t *ice_local_find_reflexive(const ice_agent_t *agent, const ice_base_t *base, const address_t *address); /* not the host's */
/* NULL when memory ran out or the cap is reached. */
ice_local_t *ice_local_add(ice_agent_t *agent, ice_base_t *base, ice_candidate_type_t type, const address_t *address,
                           const address_t *server, const char *url);
void ice_local_free(ice_agent_t *agent, ice_local_t *local);     /* which must be in no list any more */
void ice_local_announce(ice_agent_t *agent, ice_local_t *local); /* tells it, in this session */

/* base.c */
static inline bool ice_base_is_tcp(const ice_base_t *base)
{
    return base->kind == ICE_BASE_TCP_ACTIVE || base->kind == ICE_BASE_TCP_PASSIVE;
}
ice_base_t *ice_base_add(ice_agent_t *agent, const ice_base_t *values, ice_candidate_type_t type); /* NULL: no memory, or no room */
bool ice_base_show(ice_agent_t *agent, ice_base_t *base, ice_candidate_type_t type); /* it becomes a candidate; false: no memory */
ice_base_t *ice_base_find(const ice_agent_t *agent, const path_t *path);             /* that a datagram came in on */
ice_base_t *ice_base_find_relay(const ice_agent_t *agent, uint8_t relay);
ice_base_t *ice_base_find_listener(const ice_agent_t *agent, const address_t *ip);
void ice_base_remove(ice_agent_t *agent, ice_base_t *base); /* with its candidates, pairs, links and queries */
void ice_base_clear(ice_agent_t *agent);

/* link.c: a TCP connection of a pair, or the way to a server over TCP, TLS or DTLS. */
struct ice_link {
    uint32_t order;         /* of coming into being */
    link_request_t request; /* request.request is 0 for accepted ones */
    uint32_t socket;        /* 0: not connected yet */
    address_t local;
    ice_base_t *base;   /* of TCP candidates, else NULL */
    ice_pair_t *pair;   /* that it carries, once known */
    ice_query_t *query; /* or the server it leads to */
};
ice_link_t *ice_link_find(const ice_agent_t *agent, uint32_t socket);
bool ice_link_connect_pair(ice_agent_t *agent, ice_pair_t *pair);
bool ice_link_connect_query(ice_agent_t *agent, ice_query_t *query);
void ice_link_drop(ice_agent_t *agent, ice_link_t *link); /* closes it; NULL is allowed */
void ice_link_clear(ice_agent_t *agent);

/* restart.c */
void ice_parameters_make(ice_parameters_t *parameters, const random_source_t *random);
const ice_parameters_t *ice_pair_local_parameters(const ice_agent_t *agent, const ice_pair_t *pair);
const ice_parameters_t *ice_pair_remote_parameters(const ice_agent_t *agent, const ice_pair_t *pair);
bool ice_pair_is_current(const ice_agent_t *agent, const ice_pair_t *pair);
void ice_previous_release_pair(ice_agent_t *agent); /* a pair of this generation took over */
void ice_previous_clear(ice_agent_t *agent);

/* gather.c */
void ice_gather_restart(ice_agent_t *agent);
void ice_gather_show_bases(ice_agent_t *agent); /* those that an ICE_POLICY_RELAY hid */
void ice_gather_reopen(ice_agent_t *agent);     /* something new to ask, or a new candidate: "gathering" again */
bool ice_gather_resolved(ice_agent_t *agent, peer_time_t now, uint32_t request, const address_t *addresses, size_t count);
void ice_gather_check_complete(ice_agent_t *agent);
void ice_gather_report_error(ice_agent_t *agent, size_t server, const address_t *address, uint16_t code, const char *text, size_t length);
void ice_gather_clear(ice_agent_t *agent);

/* query.c */
void ice_query_add(ice_agent_t *agent, size_t server, ice_base_t *base); /* as far as the server can be reached from there */
void ice_query_run(ice_agent_t *agent, peer_time_t now);                 /* requests that are due */
peer_time_t ice_query_deadline(const ice_agent_t *agent);
bool ice_query_is_from_base(const ice_agent_t *agent, const ice_query_t *query); /* so what the server sees is the base's */
void ice_query_on_link(ice_agent_t *agent, peer_time_t now, ice_query_t *query);
void ice_query_fail(ice_agent_t *agent, ice_query_t *query, uint16_t code, const char *text, size_t length);
void ice_query_fail_unreachable(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const char *text); /* the same with 701 */
void ice_query_on_response(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const stun_message_t *message);
void ice_query_remove_base(ice_agent_t *agent, const ice_base_t *base);
void ice_query_remove(ice_agent_t *agent, size_t index);
void ice_query_prune(ice_agent_t *agent); /* a restart asks anew: all but living allocations */
void ice_query_ask_again(ice_agent_t *agent, peer_time_t now, ice_query_t *query, uint16_t code,
                         const char *text); /* the allocation is lost: soon */
/* RFC 8656 §7.4, 437: the server remembers another client of our address and port, which passes. False when it was tried often enough. */
bool ice_query_retry_mismatch(ice_agent_t *agent, ice_query_t *query, peer_time_t now);
void ice_query_redirect(ice_agent_t *agent, ice_query_t *query, const address_t *alternate, const char *domain);
void ice_query_refresh(ice_agent_t *agent, peer_time_t now); /* asks whether the NAT has given another address */
void ice_query_clear(ice_agent_t *agent);
/* A candidate that the server saw; told unless it is known. */
void ice_query_found_mapped(ice_agent_t *agent, ice_query_t *query, ice_base_t *base, const address_t *mapped);

/* relay.c: the allocations, and the datagrams through them. */
void ice_relay_start(ice_agent_t *agent, peer_time_t now, ice_query_t *query);
void ice_relay_run(ice_agent_t *agent, peer_time_t now); /* takes what the allocations put out */
peer_time_t ice_relay_deadline(const ice_agent_t *agent);
void ice_relay_end(ice_agent_t *agent, ice_query_t *query); /* with its bases */
bool ice_relay_wrap(ice_agent_t *agent, peer_time_t now, packet_t *packet);

/* remote.c */
ice_remote_t *ice_remote_find(const ice_agent_t *agent, transport_protocol_t protocol, const address_t *address);
ice_remote_t *ice_remote_add_peer_reflexive(ice_agent_t *agent, const path_t *from, uint32_t priority, const char *ufrag,
                                            size_t ufrag_length);
void ice_remote_purge(ice_agent_t *agent);                               /* those whose ufrag is not the peer's */
ice_remote_t *ice_remote_take(ice_agent_t *agent, ice_remote_t *remote); /* out of the list, now the caller's */
void ice_remote_free(ice_agent_t *agent, ice_remote_t *remote);
void ice_remote_clear(ice_agent_t *agent);

/* pair.c */
uint64_t ice_pair_priority(const ice_agent_t *agent, const ice_pair_t *pair); /* RFC 8445 §6.1.2.3 */
bool ice_pair_is_valid(const ice_pair_t *pair, peer_time_t now);              /* succeeded, and the peer still consents */
bool ice_pair_is_unfinished(const ice_pair_t *pair);
unsigned ice_pair_relays(const ice_pair_t *pair); /* how many lie between: 0 to 2 */
/* The order of what is used, where the choice is ours (RFC 8445 §8.1.1 leaves it to us). By priority alone a path through two relays of
 * IPv6 goes before one through a single relay of IPv4. */
bool ice_pair_is_better(const ice_pair_t *a, const ice_pair_t *b);

/* check_list.c */
ice_pair_t *ice_check_list_find(const ice_agent_t *agent, const ice_base_t *base, const ice_remote_t *remote);
ice_pair_t *ice_check_list_find_path(const ice_agent_t *agent, const path_t *path);
ice_pair_t *ice_check_list_add(ice_agent_t *agent, ice_base_t *base,
                               ice_remote_t *remote); /* NULL: cannot be, or is too low for a full list */
void ice_check_list_pair_base(ice_agent_t *agent, ice_base_t *base);
void ice_check_list_pair_remote(ice_agent_t *agent, ice_remote_t *remote);
void ice_check_list_remove(ice_agent_t *agent, const ice_pair_t *pair);
void ice_check_list_remove_remote(ice_agent_t *agent, const ice_remote_t *remote);
void ice_check_list_sort(ice_agent_t *agent); /* after priorities changed */
void ice_check_list_thaw(ice_agent_t *agent); /* RFC 8445 §6.1.2.6: one pair of each idle foundation becomes Waiting */
void ice_check_list_thaw_foundation(ice_agent_t *agent, const ice_pair_t *succeeded); /* §7.2.5.3.3 */
void ice_check_list_trigger(ice_agent_t *agent, ice_pair_t *pair);
void ice_check_list_untrigger(ice_agent_t *agent, ice_pair_t *pair);
ice_pair_t *ice_check_list_take_triggered(ice_agent_t *agent);
ice_pair_t *ice_check_list_next_waiting(const ice_agent_t *agent);
bool ice_check_list_is_unfinished(const ice_agent_t *agent);
void ice_check_list_clear(ice_agent_t *agent);

/* transaction.c */
ice_transaction_t *ice_transaction_new(ice_agent_t *agent, ice_transaction_kind_t kind, const path_t *path,
                                       peer_time_t now); /* NULL: full */
ice_transaction_t *ice_transaction_find(const ice_agent_t *agent, const uint8_t *id);
void ice_transaction_remove(ice_agent_t *agent, ice_transaction_t *transaction);
void ice_transaction_remove_pair(ice_agent_t *agent, const ice_pair_t *pair);
/* The peer has shown itself on the pair: its check is sent again, `after` the last time, unless it would be sooner anyway. False when there
 * is none to be sent again. */
bool ice_transaction_hasten(ice_agent_t *agent, const ice_pair_t *pair, peer_time_t now, peer_time_t after);
void ice_transaction_cancel_pair(ice_agent_t *agent, const ice_pair_t *pair);
void ice_transaction_run(ice_agent_t *agent, peer_time_t now); /* repeats and ends those that are due */
peer_time_t ice_transaction_deadline(const ice_agent_t *agent);
void ice_transaction_transmit(ice_agent_t *agent, ice_transaction_t *transaction, peer_time_t now);

/* check.c */
void ice_check_send(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now, bool is_nominating);
void ice_check_run(ice_agent_t *agent, peer_time_t now); /* as Ta allows */
peer_time_t ice_check_deadline(const ice_agent_t *agent);
void ice_check_write_request(const ice_agent_t *agent, const ice_transaction_t *transaction, packet_t *packet);
void ice_check_on_response(ice_agent_t *agent, peer_time_t now, const ice_transaction_t *transaction, const stun_message_t *message);
void ice_check_on_timeout(ice_agent_t *agent, const ice_transaction_t *transaction);
void ice_check_fail(ice_agent_t *agent, ice_pair_t *pair);

/* nomination.c */
void ice_nomination_run(ice_agent_t *agent, peer_time_t now);
void ice_nomination_on_use_candidate(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair,
                                     uint32_t nomination); /* 0: without NOMINATION */
void ice_nomination_on_success(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair, const ice_transaction_t *transaction);
void ice_nomination_lose(ice_agent_t *agent); /* the selected pair is no more, and there is no other */
void ice_nomination_select(ice_agent_t *agent, peer_time_t now);

/* recovery.c: what happens when the pair in use dies, the peer turns up elsewhere, or a network comes or goes in mid-call. */
void ice_recovery_run(ice_agent_t *agent, peer_time_t now);
peer_time_t ice_recovery_deadline(const ice_agent_t *agent);
void ice_recovery_on_evidence(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair); /* the peer was heard on a pair not in use */
void ice_recovery_on_traffic_to_lite(ice_agent_t *agent, peer_time_t now, const ice_pair_t *pair); /* the same, of a lite agent */
/* The pair in use does not answer: neither may those that have not answered lately, so all are asked at once. */
void ice_recovery_doubt(ice_agent_t *agent, peer_time_t now, ice_pair_t *selected);
void ice_recovery_on_stray(ice_agent_t *agent, peer_time_t now, const path_t *path); /* authenticated traffic on no known pair */
bool ice_recovery_needs_checks(const ice_agent_t *agent, const ice_pair_t *pair);    /* after the conclusion */

/* consent.c */
void ice_consent_run(ice_agent_t *agent, peer_time_t now);
peer_time_t ice_consent_deadline(const ice_agent_t *agent);
/* Whether the pair still works is to be known soon: a few quick requests, then it is suspect. */
void ice_consent_question(ice_pair_t *pair, peer_time_t now);
void ice_consent_begin(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now); /* the pair became the selected one */
void ice_consent_on_response(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now);

#endif
