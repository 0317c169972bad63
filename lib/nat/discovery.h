/* What the files of this folder share: a discovery, its sockets and its tests. */
#ifndef NAT_DISCOVERY_H
#define NAT_DISCOVERY_H

#include "nat/nat.h"
#include "stun/stun.h"

#define NAT_REACH_RTO (200 * PEER_MILLISECOND) /* doubling, so that the last of the transmissions ends 5 s after the first */
#define NAT_REACH_TRANSMISSIONS 5
#define NAT_REACH_LAST_WAIT (2 * PEER_SECOND)
#define NAT_TEST_TRANSMISSIONS 6 /* of every other test, evenly: no answer is an answer, so loss must not make it */
#define NAT_TEST_INTERVAL_MIN (100 * PEER_MILLISECOND)
#define NAT_TEST_INTERVAL_MAX (500 * PEER_MILLISECOND)
#define NAT_SERVERS_GRACE (500 * PEER_MILLISECOND) /* for a server that can do more than the first that answered */
#define NAT_RESOLVE_GRACE (1 * PEER_SECOND)        /* for names that are slow, while another server's address is known */

#define NAT_LIFETIME_PROBES 9
#define NAT_SOCKET_MAIN 0   /* mapping is seen from it; filtering is not, for it sends to every address of the server */
#define NAT_SOCKET_SECOND 1 /* sends to the server's first address alone */
#define NAT_SOCKET_PROBES 2
#define NAT_MAX_SOCKETS (NAT_SOCKET_PROBES + NAT_LIFETIME_PROBES)
#define NAT_MAX_TESTS (NAT_MAX_SERVERS + 3 + 1 + 2 + 2 + 2 * NAT_LIFETIME_PROBES)

typedef enum nat_socket_state {
    NAT_SOCKET_NONE,
    NAT_SOCKET_WANTED,
    NAT_SOCKET_ASKED,
    NAT_SOCKET_OPEN,
    NAT_SOCKET_FAILED,
} nat_socket_state_t;

typedef struct nat_socket {
    nat_socket_state_t state;
    uint32_t number;
    uint32_t closing; /* the number of the one before, still to be closed; 0: none */
    address_t local;
} nat_socket_t;

typedef enum nat_test_kind {
    NAT_TEST_REACH,       /* a Binding request to a server (RFC 5780 §4.3, test I) */
    NAT_TEST_ALTERNATE,   /* the same to the server's other addresses (tests II and III) */
    NAT_TEST_SECOND,      /* as the first, from the second socket */
    NAT_TEST_FILTER_BOTH, /* the answer is to come from the other address and port (§4.4, test II) */
    NAT_TEST_FILTER_PORT, /* from the same address, and the other port (test III) */
    NAT_TEST_HAIRPIN,     /* a request from one socket to the mapped address of another (§4.5) */
    NAT_TEST_BIND,        /* makes a binding that is then left alone (§4.6) */
    NAT_TEST_ALIVE,       /* the answer is to come to that binding */
} nat_test_kind_t;

typedef enum nat_test_state {
    NAT_TEST_ASKED,
    NAT_TEST_ANSWERED,
    NAT_TEST_UNANSWERED,
    NAT_TEST_REFUSED, /* by an error, by an answer that did not do what was asked, or one without a usable address */
} nat_test_state_t;

typedef struct nat_test {
    nat_test_kind_t kind;
    nat_test_state_t state;
    uint8_t id[STUN_TRANSACTION_ID_SIZE];
    uint8_t sender, receiver; /* sockets */
    uint8_t server;           /* NAT_TEST_REACH: which */
    address_t destination;
    address_t source;       /* where the answer must come from */
    uint32_t change;        /* CHANGE-REQUEST, or 0 */
    uint16_t response_port; /* or 0 */
    bool is_patient;        /* the answer is waited for as long as for a server that may not be there at all */
    unsigned transmissions;
    peer_time_t first_sent, last_sent, next_at, answered_at;
    address_t mapped; /* of the answer */
    address_t other;  /* OTHER-ADDRESS of the answer, if it can be used */
} nat_test_t;

typedef struct nat_server_entry {
    char host[NAT_HOST_NAME_SIZE];
    uint16_t port;
    uint32_t resolve_request; /* not 0: under way */
    bool wants_resolve;
    address_t ipv4, ipv6;
} nat_server_entry_t;

typedef enum nat_phase {
    NAT_PHASE_RESOLVING,
    NAT_PHASE_OPENING,
    NAT_PHASE_REACHING,
    NAT_PHASE_TESTING,
    NAT_PHASE_LIFETIME,
    NAT_PHASE_DONE,
} nat_phase_t;

typedef struct nat_probe {
    peer_time_t wait; /* how long the binding is left alone */
    int bind, alive;  /* tests, or -1 */
} nat_probe_t;

typedef struct nat_lifetime {
    peer_time_t ends_at;
    peer_time_t low;                   /* a binding that was left alone so long was alive; -1: none yet */
    peer_time_t high;                  /* and one so long was gone; PEER_TIME_NEVER: none */
    peer_time_t round_low, round_high; /* what they were when this round began */
    nat_probe_t probes[NAT_LIFETIME_PROBES];
    size_t test_first; /* of this round */
    bool are_bound;
} nat_lifetime_t;

struct nat_discovery {
    random_source_t random;
    packet_pool_t *pool;
    nat_server_entry_t servers[NAT_MAX_SERVERS];
    size_t server_count;
    address_t wanted_local;
    peer_time_t lifetime_max;

    nat_phase_t phase;
    uint8_t family; /* address_family_t that is tried */
    peer_time_t started_at;
    peer_time_t grace_ends;
    nat_socket_t sockets[NAT_MAX_SOCKETS];
    uint32_t stray; /* a socket that nobody asked for, to be closed */
    nat_test_t tests[NAT_MAX_TESTS];
    size_t test_count;
    int primary; /* the test that the server of choice answered; -1: none yet */
    bool has_asked_second;
    bool has_network; /* a socket could be opened */
    bool was_refused; /* some server answered, but not with an address */
    peer_time_t interval, last_wait;
    nat_lifetime_t lifetime;

    packet_queue_t queue;
    nat_result_t *result; /* allocated from the start, so that it can always be told */
};

/* judge.c: conclusions, without any state. */
typedef struct nat_observation {
    address_t destination;
    address_t mapped; /* as it saw one and the same socket */
} nat_observation_t;

/* May the network's word make us send there? `server` is who said it. */
bool nat_address_is_plausible(const address_t *address, const address_t *server);
bool nat_mapped_is_usable(const address_t *mapped, const address_t *local);
/* `is_dependent`: there is more than one mapping, whatever they depend on. */
nat_behaviour_t nat_judge_mapping(const nat_observation_t *observations, size_t count, bool *is_dependent);
nat_type_t nat_judge_type(bool is_translated, bool is_mapping_dependent, nat_behaviour_t mapping, nat_behaviour_t filtering);

/* test.c */
/* The first transmission follows at once; the result is the test's index, or -1 when there is no room for more. */
int nat_test_begin(nat_discovery_t *discovery, peer_time_t now, const nat_test_t *test);
void nat_test_hasten(nat_discovery_t *discovery, peer_time_t now, nat_test_t *test); /* begins again, with a short patience */
void nat_test_run(nat_discovery_t *discovery, peer_time_t now);
peer_time_t nat_test_deadline(const nat_discovery_t *discovery);
void nat_test_on_message(nat_discovery_t *discovery, peer_time_t now, size_t socket, const address_t *source,
                         const stun_message_t *message);

/* lifetime.c */
void nat_lifetime_begin(nat_discovery_t *discovery, peer_time_t now);
bool nat_lifetime_run(nat_discovery_t *discovery, peer_time_t now); /* true: it has ended */
peer_time_t nat_lifetime_deadline(const nat_discovery_t *discovery);

/* discovery.c */
void nat_socket_close(nat_discovery_t *discovery, size_t socket);
const nat_test_t *nat_primary(const nat_discovery_t *discovery);

#endif
