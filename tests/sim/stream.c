#include "network_private.h"

#include <stdlib.h>

#define SYN_TIMEOUT (1 * PEER_SECOND)         /* RFC 6298 §2: before the first retransmission */
#define DATA_TIMEOUT (200 * PEER_MILLISECOND) /* the least that systems wait, plus the way and back */
#define RETRANSMISSIONS_MAX 6

typedef struct stream_end {
    uint32_t socket;
    network_place_t place; /* with its true port */
    address_t remote;      /* as seen from here */
    const stream_events_t *events;
    void *user;
    peer_time_t last_arrival; /* of what goes to this end */
    bool is_open;             /* told so, and not closed since */
} stream_end_t;

struct stream {
    uint32_t number;
    link_protocol_t protocol;
    unsigned rounds_left; /* until it is set up */
    stream_end_t ends[2]; /* who connected, who accepted */
    bool is_failing;      /* what was sent did not get there: it ends */
    bool is_forgotten[2];
};

static stream_t *find(const network_t *network, uint32_t number)
{
    for (size_t i = 0; i < network->stream_count; i++)
        if (network->streams[i]->number == number)
            return network->streams[i];
    return NULL;
}

static stream_t *find_socket(const network_t *network, uint32_t socket, int *end)
{
    for (size_t i = 0; i < network->stream_count; i++)
        for (*end = 0; *end < 2; ++*end)
            if (network->streams[i]->ends[*end].socket == socket && !network->streams[i]->is_forgotten[*end])
                return network->streams[i];
    return NULL;
}

void streams_free(network_t *network)
{
    for (size_t i = 0; i < network->stream_count; i++)
        free(network->streams[i]);
    free(network->streams);
}

static transport_protocol_t transport(const stream_t *stream)
{
    return stream->protocol == LINK_DTLS ? TRANSPORT_UDP : TRANSPORT_TCP;
}

static unsigned rounds(link_protocol_t protocol)
{
    return protocol == LINK_TCP ? 1 : 2; /* DTLS without TCP's, but with one for its cookie */
}

/* ---- what goes to the ends' owners ---- */

static void tell_end(peer_time_t now, stream_t *stream, int end, const char *text)
{
    stream_end_t *to = &stream->ends[end];

    if (stream->is_forgotten[end] || to->events == NULL)
        return;
    bool was_open = to->is_open;
    to->is_open = false;
    stream->is_forgotten[end] = true;
    if (was_open)
        to->events->closed(to->user, now, to->socket, text);
    else if (end == 0)
        to->events->failed(to->user, now, to->socket, text);
}

static void on_connect_patience(void *context, peer_time_t now, uint32_t number)
{
    network_t *network = context;
    stream_t *stream = find(network, number);
    if (stream != NULL && !stream->ends[0].is_open)
        tell_end(now, stream, 0, "Connection timed out.");
}

static void on_data_patience(void *context, peer_time_t now, uint32_t number)
{
    network_t *network = context;
    stream_t *stream = find(network, number);
    for (int end = 0; end < 2 && stream != NULL; end++)
        if (stream->ends[end].is_open)
            tell_end(now, stream, end, "Connection timed out.");
}

/* ---- what goes over the network ---- */

static void fail_slowly(network_t *network, peer_time_t now, stream_t *stream)
{
    if (stream->is_failing || transport(stream) == TRANSPORT_UDP)
        return;
    stream->is_failing = true;
    network_call_at(network, now + STREAM_DATA_PATIENCE, on_data_patience, network, stream->number);
}

/* What TCP sends again until it gets there is late by as much. */
static peer_time_t lateness(network_t *network, const link_options_t *options, peer_time_t timeout)
{
    peer_time_t late = 0;
    timeout += 2 * options->delay_us;
    for (int i = 0; i < RETRANSMISSIONS_MAX && options->loss > 0 && network_chance(network) < options->loss; i++, timeout *= 2)
        late += timeout;
    return late;
}

static bool is_reliable(const stream_t *stream, flight_kind_t kind)
{
    return transport(stream) == TRANSPORT_TCP || kind == FLIGHT_HELLO; /* whose flights DTLS repeats */
}

/* From the other end to `end`; takes the reference of the packet. */
static void send_to(network_t *network, peer_time_t now, stream_t *stream, int end, flight_kind_t kind, packet_t *packet)
{
    const stream_end_t *from = &stream->ends[1 - end];
    stream_end_t *to = &stream->ends[end];
    flight_t flight = {.kind = kind,
                       .protocol = transport(stream),
                       .realm = from->place.realm,
                       .from = from->place.address,
                       .to = from->remote,
                       .packet = packet,
                       .stream = stream->number,
                       .end = (uint8_t)end};
    network_note_sent(network, now, flight.protocol, &from->place, &from->remote, packet);
    if (!route_out(network, now, &flight)) {
        packet_unref(packet);
        if (kind == FLIGHT_DATA)
            fail_slowly(network, now, stream);
        return;
    }
    const link_options_t *options = network_way(network, &from->place, &flight);
    link_state_t *link = network_link(network, from->socket, &from->remote);
    flight.arrival = network_arrival(network, link, options, now, packet != NULL ? packet->length : 40) + from->place.delay_us;
    if (is_reliable(stream, kind)) {
        flight.arrival += lateness(network, options, kind == FLIGHT_HELLO ? SYN_TIMEOUT : DATA_TIMEOUT);
        if (flight.arrival < to->last_arrival)
            flight.arrival = to->last_arrival;
        to->last_arrival = flight.arrival;
    } else if (options->loss > 0 && network_chance(network) < options->loss) {
        packet_unref(packet);
        return;
    }
    flight_push(network, &flight);
}

void stream_send(network_t *network, peer_time_t now, packet_t *packet)
{
    int end;
    stream_t *stream = find_socket(network, packet->path.socket, &end);
    if (stream == NULL || !stream->ends[end].is_open)
        packet_unref(packet);
    else
        send_to(network, now, stream, 1 - end, FLIGHT_DATA, packet);
}

/* ---- setting up ---- */

void stream_listen(network_t *network, const network_place_t *place, link_protocol_t protocol, uint32_t socket,
                   const stream_events_t *events, void *user)
{
    network_add_binding(
        network,
        &(binding_t){.place = *place, .socket = socket, .kind = SOCKET_LISTENER, .receiver = user, .protocol = protocol, .events = events});
}

uint32_t stream_connect(network_t *network, peer_time_t now, const network_place_t *place, link_protocol_t protocol,
                        const address_t *remote, const stream_events_t *events, void *user)
{
    stream_t *stream = calloc(1, sizeof *stream);
    network->streams = realloc(network->streams, (network->stream_count + 1) * sizeof(stream_t *));
    network->streams[network->stream_count++] = stream;
    stream->number = ++network->next_stream;
    stream->protocol = protocol;
    stream->rounds_left = rounds(protocol);
    stream->ends[0] =
        (stream_end_t){.socket = network_new_socket(network), .place = *place, .remote = *remote, .events = events, .user = user};
    if (place->address.port == 0)
        stream->ends[0].place.address.port = network->next_port = network->next_port == 65535 ? 30000 : (uint16_t)(network->next_port + 1);
    network_call_at(network, now + STREAM_CONNECT_PATIENCE, on_connect_patience, network, stream->number);
    send_to(network, now, stream, 1, FLIGHT_HELLO, NULL);
    return stream->ends[0].socket;
}

static void refuse(network_t *network, peer_time_t now, stream_t *stream, const flight_t *hello)
{
    stream->ends[1].place = (network_place_t){.realm = hello->realm, .address = hello->to};
    stream->ends[1].remote = hello->from;
    if (transport(stream) == TRANSPORT_TCP)
        send_to(network, now, stream, 0, FLIGHT_RESET, NULL);
}

/* The other end is there now, or answers once more. */
static void on_hello_to_listener(network_t *network, peer_time_t now, stream_t *stream, const flight_t *hello)
{
    stream_end_t *end = &stream->ends[1];
    const binding_t *listener = route_find(network, SOCKET_LISTENER, stream->protocol, hello);
    if (listener == NULL) {
        refuse(network, now, stream, hello);
        return;
    }
    if (end->socket == 0) {
        *end = (stream_end_t){.socket = network_new_socket(network),
                              .place = listener->place,
                              .remote = hello->from,
                              .events = listener->events,
                              .user = listener->receiver};
        end->place.address.port = hello->to.port;
    }
    uint32_t number = listener->socket;
    if (--stream->rounds_left == 0) {
        end->is_open = true;
        end->events->accepted(end->user, now, number, end->socket, &end->remote);
    }
    send_to(network, now, stream, 0, FLIGHT_HELLO, NULL);
}

static void on_hello(network_t *network, peer_time_t now, stream_t *stream, const flight_t *hello)
{
    stream_end_t *end = &stream->ends[0];
    if (hello->end == 1) {
        on_hello_to_listener(network, now, stream, hello);
    } else if (stream->rounds_left > 0) {
        send_to(network, now, stream, 1, FLIGHT_HELLO, NULL);
    } else if (!end->is_open) {
        end->is_open = true;
        end->events->opened(end->user, now, end->socket, &end->place.address);
    }
}

/* ---- arriving ---- */

/* Whether it comes to the end's own address, from where the end has known the other one. */
static bool is_known(const stream_t *stream, const flight_t *flight)
{
    const stream_end_t *end = &stream->ends[flight->end];
    bool is_first = flight->kind == FLIGHT_HELLO && flight->end == 1 && end->socket == 0;
    return is_first || (flight->realm == end->place.realm && address_equal(&flight->to, &end->place.address) &&
                        address_equal(&flight->from, &end->remote));
}

static void take_data(network_t *network, peer_time_t now, stream_t *stream, flight_t *flight)
{
    const stream_end_t *end = &stream->ends[flight->end];
    packet_t *packet = flight->packet;
    flight->packet = NULL;
    packet->path = (path_t){.protocol = (uint8_t)flight->protocol, .local = flight->from, .remote = flight->to};
    if (!end->is_open || (network->mangle != NULL && !network->mangle(network->mangler, packet))) {
        packet_unref(packet);
        fail_slowly(network, now, stream);
        return;
    }
    packet->path =
        (path_t){.socket = end->socket, .protocol = (uint8_t)flight->protocol, .local = end->place.address, .remote = end->remote};
    packet->time = now;
    end->events->receive(end->user, now, packet);
}

void stream_arrive(network_t *network, peer_time_t now, flight_t *flight)
{
    stream_t *stream = find(network, flight->stream);
    bool has_come = flight->is_delayed_at_the_end || route_in(network, now, flight);
    peer_time_t delay = stream != NULL ? stream->ends[flight->end].place.delay_us : 0;
    if (has_come && delay > 0 && !flight->is_delayed_at_the_end) {
        flight->arrival = now + delay;
        flight->is_delayed_at_the_end = true;
        flight_push(network, flight);
        return;
    }
    if (stream == NULL || stream->is_forgotten[flight->end] || !has_come || !is_known(stream, flight)) {
        packet_unref(flight->packet);
        /* Who gets a packet of no connection that he knows says so; who is not reached, or is gone, says nothing. */
        if (stream != NULL && has_come && !stream->is_forgotten[flight->end] && transport(stream) == TRANSPORT_TCP)
            tell_end(now, stream, 1 - flight->end, "Connection reset by peer.");
        else if (stream != NULL && flight->kind == FLIGHT_DATA)
            fail_slowly(network, now, stream);
        return;
    }
    switch (flight->kind) {
    case FLIGHT_HELLO:
        on_hello(network, now, stream, flight);
        break;
    case FLIGHT_DATA:
        take_data(network, now, stream, flight);
        break;
    case FLIGHT_END:
        tell_end(now, stream, flight->end, "Connection closed by peer.");
        break;
    case FLIGHT_RESET:
        tell_end(now, stream, flight->end, stream->ends[flight->end].is_open ? "Connection reset by peer." : "Connection refused.");
        break;
    case FLIGHT_DATAGRAM:
    case FLIGHT_CALL:
        break;
    }
}

void stream_close(network_t *network, peer_time_t now, uint32_t socket, bool is_cut)
{
    int end;
    stream_t *stream = find_socket(network, socket, &end);
    if (stream == NULL)
        return;
    bool was_open = stream->ends[end].is_open;
    stream->ends[end].is_open = false;
    stream->is_forgotten[end] = true;
    if (was_open && !is_cut && transport(stream) == TRANSPORT_TCP)
        send_to(network, now, stream, 1 - end, FLIGHT_END, NULL);
    else if (was_open)
        fail_slowly(network, now, stream);
}
