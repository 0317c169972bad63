#include "theory.h"

#include "stream.h"

#include <string.h>

#define KNOWN_MAX 256
#define ROUNDS 6
#define STUN_SERVER 2 /* whom a datagram is for, besides the two peers */

typedef struct experiment experiment_t;

typedef struct end {
    experiment_t *experiment;
    int peer; /* or STUN_SERVER */
    bool is_dead;
    uint32_t socket;
    network_place_t place;
} end_t;

struct experiment {
    const layout_t *layout;
    const theory_options_t *options;
    packet_pool_t *pool;
    network_t *network;
    peer_time_t now;
    end_t ends[2][LAYOUT_INTERFACES_MAX];
    end_t servers[LAYOUT_SERVERS_MAX][2];
    address_t known[2][KNOWN_MAX]; /* addresses of the other peer, by peer */
    size_t known_count[2];
    bool has_had_answer[2];
    bool has_reached_server[2]; /* over UDP */
    bool was_opened;
    address_t accepted;
};

typedef struct message {
    uint8_t from, to;
    address_t asked; /* an answer counts if it comes from there (RFC 8445 §7.2.5.2.1) */
    bool is_answer;
} message_t;

static void learn(experiment_t *experiment, int peer, const address_t *address)
{
    for (size_t i = 0; i < experiment->known_count[peer]; i++)
        if (address_equal(&experiment->known[peer][i], address))
            return;
    if (experiment->known_count[peer] < KNOWN_MAX) /* more are boxes that map anew for each of what they learn from each other */
        experiment->known[peer][experiment->known_count[peer]++] = *address;
}

static void send(const end_t *from, const address_t *to, message_t message)
{
    if (!message.is_answer)
        message.asked = *to;
    packet_t *packet = packet_new_copy(from->experiment->pool, &message, sizeof message);
    packet->path = (path_t){.socket = from->socket, .local = from->place.address, .remote = *to};
    network_send(from->experiment->network, from->experiment->now, packet);
}

static void receive(void *receiver, peer_time_t now, packet_t *packet)
{
    const end_t *end = receiver;
    experiment_t *experiment = end->experiment;
    message_t message;
    memcpy(&message, packet->data, sizeof message);
    address_t from = packet->path.remote;
    packet_unref(packet);
    (void)now;
    if (message.to != end->peer)
        return;
    if (end->is_dead)
        return;
    if (end->peer == STUN_SERVER) {
        experiment->has_reached_server[message.from] = true;
        learn(experiment, 1 - message.from, &from);
    } else if (message.is_answer) {
        experiment->has_had_answer[end->peer] |= address_equal(&message.asked, &from);
    } else {
        learn(experiment, end->peer, &from);
        send(end, &from, (message_t){.from = (uint8_t)end->peer, .to = message.from, .asked = message.asked, .is_answer = true});
    }
}

static void settle(experiment_t *experiment)
{
    peer_time_t next;
    while ((next = network_deadline(experiment->network)) <= experiment->now + PEER_SECOND) {
        experiment->now = next;
        network_deliver(experiment->network, next);
    }
}

static void open_all(experiment_t *experiment)
{
    const layout_t *layout = experiment->layout;
    layout_build(layout, experiment->network);
    for (int peer = 0; peer < 2; peer++) {
        for (size_t i = 0; i < layout->interface_count[peer]; i++) {
            end_t *end = &experiment->ends[peer][i];
            *end = (end_t){experiment, peer, false, network_new_socket(experiment->network), layout->interfaces[peer][i].place};
            end->place.delay_us = 0;
            end->place.address.port = (uint16_t)(5000 + i);
            network_bind_at(experiment->network, &end->place, end->socket, receive, end);
        }
    }
    for (size_t i = 0; i < layout->server_count; i++) {
        for (int family = 0; family < 2; family++) {
            end_t *end = &experiment->servers[i][family];
            *end = (end_t){experiment, STUN_SERVER, layout->servers[i].is_dead, network_new_socket(experiment->network), {0}};
            end->place.address = family == 0 ? layout->servers[i].ipv4 : layout->servers[i].ipv6; /* all ports */
            network_bind_at(experiment->network, &end->place, end->socket, receive, end);
        }
    }
}

static bool share_realm(const layout_t *layout, uint8_t realm, int peer)
{
    for (size_t i = 0; i < layout->interface_count[peer]; i++)
        if (layout->interfaces[peer][i].place.realm == realm)
            return true;
    return false;
}

static bool is_over_udp(const ice_server_t *url)
{
    return url->transport == ICE_SERVER_UDP || url->transport == ICE_SERVER_DTLS;
}

static void ask(experiment_t *experiment, const end_t *end, size_t url)
{
    for (int family = 0; family < 2; family++) {
        address_t server = experiment->servers[experiment->layout->url_server[url]][family].place.address;
        server.port = experiment->layout->urls[url].port;
        if (server.family == end->place.address.family)
            send(end, &server, (message_t){.from = (uint8_t)end->peer, .to = STUN_SERVER});
    }
}

/* What signalling would tell: host addresses, and the ones that servers see. */
static void learn_candidates(experiment_t *experiment)
{
    const layout_t *layout = experiment->layout;
    for (int peer = 0; peer < 2; peer++) {
        for (size_t i = 0; i < layout->interface_count[peer]; i++) {
            const end_t *end = &experiment->ends[peer][i];
            if (!experiment->options->hides_addresses[peer] || share_realm(layout, end->place.realm, 1 - peer))
                learn(experiment, 1 - peer, &end->place.address);
            for (size_t u = 0; u < layout->url_count; u++)
                if (is_over_udp(&layout->urls[u]))
                    ask(experiment, end, u);
        }
    }
    settle(experiment);
}

static bool is_reached_directly(experiment_t *experiment)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int peer = 0; peer < 2; peer++)
            for (size_t i = 0; i < experiment->layout->interface_count[peer]; i++)
                for (size_t k = 0; k < experiment->known_count[peer]; k++)
                    if (experiment->known[peer][k].family == experiment->ends[peer][i].place.address.family)
                        send(&experiment->ends[peer][i], &experiment->known[peer][k],
                             (message_t){.from = (uint8_t)peer, .to = (uint8_t)(1 - peer)});
        settle(experiment);
    }
    return experiment->has_had_answer[0] && experiment->has_had_answer[1];
}

/* ---- streams ---- */

static void on_opened(void *user, peer_time_t now, uint32_t socket, const address_t *local)
{
    ((experiment_t *)user)->was_opened = true;
    (void)now;
    (void)socket;
    (void)local;
}

static void on_end(void *user, peer_time_t now, uint32_t socket, const char *text)
{
    (void)user;
    (void)now;
    (void)socket;
    (void)text;
}

static void on_accepted(void *user, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    ((experiment_t *)user)->accepted = *remote;
    (void)now;
    (void)listener;
    (void)socket;
}

static const stream_events_t events = {.opened = on_opened, .failed = on_end, .closed = on_end, .accepted = on_accepted};

static bool connect(experiment_t *experiment, const network_place_t *from, const address_t *to)
{
    experiment->was_opened = false;
    if (from->address.family == to->family) {
        stream_connect(experiment->network, experiment->now, from, LINK_TCP, to, &events, experiment);
        settle(experiment);
    }
    return experiment->was_opened;
}

/* Whether it can be connected to; if so, `seen` is as whom. */
static bool connect_to_server(experiment_t *experiment, const network_place_t *from, size_t url, address_t *seen)
{
    bool is_reached = false;
    for (int family = 0; family < 2; family++) {
        const end_t *server = &experiment->servers[experiment->layout->url_server[url]][family];
        network_place_t to = server->place;
        to.address.port = experiment->layout->urls[url].port;
        uint32_t listener = network_new_socket(experiment->network);
        if (!server->is_dead)
            stream_listen(experiment->network, &to, LINK_TCP, listener, &events, experiment);
        if (connect(experiment, from, &to.address)) {
            is_reached = true;
            *seen = experiment->accepted;
        }
        network_unbind(experiment->network, listener);
    }
    return is_reached;
}

/* Where a listener is known to be: its own address, and as whom STUN servers see it. */
static size_t find_listener(experiment_t *experiment, const end_t *end, address_t known[])
{
    const layout_t *layout = experiment->layout;
    size_t count = 0;
    if (!experiment->options->hides_addresses[end->peer] || share_realm(layout, end->place.realm, 1 - end->peer))
        known[count++] = end->place.address;
    for (size_t u = 0; u < layout->url_count; u++)
        if (layout->urls[u].kind == ICE_SERVER_STUN && !is_over_udp(&layout->urls[u]))
            count += connect_to_server(experiment, &end->place, u, &known[count]);
    return count;
}

static bool is_reached_by(experiment_t *experiment, const end_t *end, int peer)
{
    address_t known[LAYOUT_URLS_MAX + 1];
    bool is_reached = false;
    uint32_t listener = network_new_socket(experiment->network);
    size_t count = find_listener(experiment, end, known);
    stream_listen(experiment->network, &end->place, LINK_TCP, listener, &events, experiment);
    for (size_t i = 0; i < experiment->layout->interface_count[peer]; i++) {
        network_place_t from = experiment->ends[peer][i].place;
        from.address.port = 0;
        for (size_t k = 0; k < count && !is_reached; k++)
            is_reached = connect(experiment, &from, &known[k]);
    }
    network_unbind(experiment->network, listener);
    return is_reached;
}

static bool is_reached_over_tcp(experiment_t *experiment)
{
    for (int peer = 0; peer < 2; peer++)
        for (size_t i = 0; experiment->options->connects[peer] && experiment->options->listens[1 - peer] &&
                           i < experiment->layout->interface_count[1 - peer];
             i++)
            if (is_reached_by(experiment, &experiment->ends[1 - peer][i], peer))
                return true;
    return false;
}

/* ---- relays ---- */

static bool has_relay(experiment_t *experiment, int peer)
{
    const layout_t *layout = experiment->layout;
    for (size_t u = 0; u < layout->url_count; u++) {
        if (layout->urls[u].kind != ICE_SERVER_TURN || layout->servers[layout->url_server[u]].is_dead)
            continue;
        bool needs_udp = is_over_udp(&layout->urls[u]);
        if (needs_udp && experiment->has_reached_server[peer])
            return true;
        for (size_t i = 0; i < layout->interface_count[peer] && !needs_udp; i++) {
            network_place_t from = experiment->ends[peer][i].place;
            address_t seen;
            from.address.port = 0;
            if (connect_to_server(experiment, &from, u, &seen))
                return true;
        }
    }
    return false;
}

/* One relay is enough where the other peer gets datagrams to it from an address that is known to the relay's user. */
static bool is_relayed(experiment_t *experiment)
{
    bool has[2] = {has_relay(experiment, 0), has_relay(experiment, 1)};
    if (has[0] && has[1])
        return true;
    for (int peer = 0; peer < 2; peer++)
        if (has[peer] && experiment->has_reached_server[1 - peer] && !experiment->options->is_relay_only[1 - peer])
            return true;
    return false;
}

theory_t theory_of(const layout_t *layout, const theory_options_t *options)
{
    experiment_t experiment = {.layout = layout, .options = options, .pool = packet_pool_new()};
    theory_t theory = {false, false, false};
    bool is_relay_only = options->is_relay_only[0] || options->is_relay_only[1];
    experiment.network = network_new(1, experiment.pool, NULL);
    open_all(&experiment);
    learn_candidates(&experiment);
    theory.is_relayed = is_relayed(&experiment);
    theory.is_direct = !is_relay_only && is_reached_directly(&experiment);
    theory.is_direct_tcp = !is_relay_only && is_reached_over_tcp(&experiment);
    network_free(experiment.network);
    packet_pool_release(experiment.pool);
    return theory;
}
