/* What network.c, route.c and stream.c share. */
#ifndef SIM_NETWORK_PRIVATE_H
#define SIM_NETWORK_PRIVATE_H

#include "network.h"
#include "stream.h"

typedef struct realm {
    nat_t *box; /* NULL: the Internet */
    uint8_t outer;
} realm_t;

typedef enum socket_kind { SOCKET_DATAGRAM, SOCKET_LISTENER } socket_kind_t;

typedef struct binding {
    network_place_t place;
    uint32_t socket;
    socket_kind_t kind;
    network_receive_t receive;
    void *receiver; /* of a listener: the events' user */
    link_protocol_t protocol;
    const stream_events_t *events;
} binding_t;

/* One direction between a socket and an address: what keeps its order, its queue and its bursts. */
typedef struct link_state {
    uint32_t from;
    address_t to;
    peer_time_t last_arrival;
    peer_time_t busy_until;
    bool is_in_burst;
} link_state_t;

typedef enum flight_kind {
    FLIGHT_DATAGRAM,
    FLIGHT_CALL,
    FLIGHT_HELLO, /* streams: one way of a round trip of their setting up, */
    FLIGHT_DATA,
    FLIGHT_END,   /* closed in order, */
    FLIGHT_RESET, /* or because the other end knows nothing of the stream */
} flight_kind_t;

typedef struct flight {
    peer_time_t arrival;
    uint64_t number; /* breaks ties in the order of sending */
    flight_kind_t kind;
    transport_protocol_t protocol;
    uint8_t realm; /* where it is under way, after the boxes on its way out */
    address_t from, to;
    bool is_delayed_at_the_end;
    packet_t *packet; /* NULL: none */
    uint32_t stream;
    uint8_t end; /* of the stream, that it goes to */
    network_call_t call;
    void *context;
    uint32_t argument;
} flight_t;

typedef struct stream stream_t;

struct network {
    random_seeded_t generator;
    packet_pool_t *pool;
    link_options_t options;
    realm_t *realms;
    size_t realm_count;
    binding_t *bindings;
    size_t binding_count;
    link_state_t *links;
    size_t link_count;
    flight_t *flights; /* a binary heap */
    size_t flight_count, flight_capacity;
    stream_t **streams;
    size_t stream_count;
    network_mangle_t mangle;
    void *mangler;
    network_watch_t watch;
    void *watcher;
    uint32_t next_socket, next_stream;
    uint16_t next_port;
    uint64_t sent, pushed;
    uint64_t hash;
};

/* network.c */
void flight_push(network_t *network, const flight_t *flight);
link_state_t *network_link(network_t *network, uint32_t from, const address_t *to);
double network_chance(network_t *network);
/* When what is sent now gets there, if it does; `options` are those of its way. */
peer_time_t network_arrival(network_t *network, link_state_t *link, const link_options_t *options, peer_time_t now, size_t length);
const link_options_t *network_way(const network_t *network, const network_place_t *from, const flight_t *flight);
void network_note_sent(network_t *network, peer_time_t now, transport_protocol_t protocol, const network_place_t *from, const address_t *to,
                       const packet_t *packet);
binding_t *network_find_socket(network_t *network, uint32_t socket);
void network_add_binding(network_t *network, const binding_t *binding);

/* route.c */
/* Out of as many realms as needed, through their boxes; false: it is lost at one of them, or leads nowhere. */
bool route_out(network_t *network, peer_time_t now, flight_t *flight);
/* Into the realm of its destination; false: filtered. */
bool route_in(network_t *network, peer_time_t now, flight_t *flight);
/* The socket at the end of the way. */
binding_t *route_find(network_t *network, socket_kind_t kind, link_protocol_t protocol, const flight_t *flight);

/* stream.c */
void stream_send(network_t *network, peer_time_t now, packet_t *packet); /* by path.socket; takes the reference */
void stream_arrive(network_t *network, peer_time_t now, flight_t *flight);
void streams_free(network_t *network);

#endif
