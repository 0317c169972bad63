/* Two agents joined by a small virtual network in virtual time: delay, jitter, loss, NATs, a STUN server, a resolver and a signalling
 * channel. Everything follows from the seed. */
#ifndef ICE_TEST_NETWORK_H
#define ICE_TEST_NETWORK_H

#include "base/packet.h"
#include "base/random.h"
#include "ice/ice.h"
#include "test.h"

#define MAX_ADDRESSES 4
#define MAX_FLIGHTS 4096
#define MAX_MAPPINGS 256
#define MAX_LINKS 32
#define MAX_SIGNALS 512
#define MAX_EVENTS 64

typedef enum nat_type {
    NAT_NONE,
    NAT_PORT_RESTRICTED, /* endpoint-independent mapping, address and port dependent filtering */
    NAT_SYMMETRIC,
} nat_type_t;

typedef struct side {
    ice_agent_t *agent;
    int index;
    random_seeded_t generator;
    address_t addresses[MAX_ADDRESSES];
    size_t address_count;
    nat_type_t nat;
    address_t public_address;
    bool are_sockets_slow;       /* sockets are given one by one with the signals */
    bool hides_host_addresses;   /* signals host candidates as mDNS names */
    bool is_deaf;                /* receives nothing */
    ice_tcp_policy_t tcp_policy; /* before the agents are made */
    bool listens;                /* on port 6000 of its addresses, as sockets 101 and up */
    bool has_no_udp;             /* UDP from and to it gets lost */
    bool is_mute;                /* what it sends gets lost */
    bool drops_responses;        /* STUN responses to it get lost */
    ice_state_t states[MAX_EVENTS];
    size_t state_count;
    peer_time_t connected_at, selected_at, completed_at, disconnected_at, failed_at;
    ice_gathering_state_t gathering_state;
    size_t candidate_count, error_count, selected_count, closed_count, packets_sent;
    ice_candidate_error_t last_error;
    const ice_candidate_t *candidates[64];
    ice_output_t selected;
} side_t;

/* A TCP connection; its ends are sockets 1000 + 2 * its place and one more. */
typedef struct test_link {
    int sides[2]; /* who connected, who listened */
    address_t ends[2];
    bool is_open;
} test_link_t;

typedef struct flight {
    peer_time_t time;
    uint64_t order;
    address_t from, to;
    uint32_t link; /* the receiving socket, of TCP; else 0 */
    size_t length;
    uint8_t bytes[1500];
} flight_t;

typedef enum signal_kind {
    SIGNAL_PARAMETERS,
    SIGNAL_CANDIDATE,
    SIGNAL_END,
    SIGNAL_RESOLVED,
    SIGNAL_SOCKET,
    SIGNAL_SOCKETS_COMPLETE
} signal_kind_t;

typedef struct signal_message {
    peer_time_t time;
    uint64_t order;
    signal_kind_t kind;
    int to;
    ice_candidate_t candidate;
    char host_name[64];
    uint32_t number; /* request or socket */
    address_t addresses[2];
    size_t address_count;
} signal_message_t;

typedef struct mapping {
    int side;
    address_t inside, outside, remote; /* remote: of a symmetric NAT */
    address_t allowed[16];
    size_t allowed_count;
} mapping_t;

typedef struct network {
    peer_time_t now;
    uint64_t order;
    random_seeded_t generator;
    random_source_t random;
    packet_pool_t *pool;
    unsigned loss_percent;
    peer_time_t delay, jitter;
    peer_time_t signal_delay, signal_jitter;
    bool is_server_dead, does_server_refuse, is_end_signalled, has_no_resolver;
    size_t server_requests;
    address_t server;
    side_t sides[2];
    flight_t *flights;
    size_t flight_count;
    test_link_t links[MAX_LINKS];
    size_t link_count;
    signal_message_t *signals;
    size_t signal_count;
    mapping_t *mappings;
    size_t mapping_count;
    uint16_t next_port;
    const ice_server_t *ice_servers;
    size_t ice_server_count;
} network_t;

network_t *network_new(uint64_t seed);
/* Also checks that no packet leaked. */
void network_free(network_t *network);
void network_add_address(network_t *network, int side, const char *ip);
void network_set_nat(network_t *network, int side, nat_type_t nat, const char *public_ip);
void network_use_server(network_t *network, const char *host); /* "192.0.2.53" or a name */
/* Makes both agents; 0 is controlling unless the roles say otherwise. */
void network_make_agents(network_t *network, bool is_0_controlling, bool is_1_controlling, bool is_1_lite);
/* Both gather and signal their parameters and candidates as they come. */
void network_start(network_t *network);
void network_send_parameters(network_t *network, int from, peer_time_t after);
void network_pump(network_t *network); /* polls both agents */
/* Runs until `until`, or before that until both sides have a nominated pair when `stops` says so. */
void network_run(network_t *network, peer_time_t until, bool stops);
bool network_is_connected(const network_t *network);
void network_send_data(network_t *network, int from); /* a datagram that is not STUN, on the send path */
void network_inject(network_t *network, int to, const address_t *from, const address_t *at, const void *bytes, size_t length);
void network_close_link(network_t *network, size_t link); /* it breaks, and both sides are told */
const ice_pair_stats_t *network_selected_stats(const network_t *network, int side);

#endif
