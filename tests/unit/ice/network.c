#include "network.h"

#define FIRST_LISTENER 101
#define FIRST_LINK 1000
#define LISTENING_PORT 6000

#include "stun/stun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

network_t *network_new(uint64_t seed)
{
    network_t *network = calloc(1, sizeof *network);
    network->flights = calloc(MAX_FLIGHTS, sizeof *network->flights);
    network->signals = calloc(MAX_SIGNALS, sizeof *network->signals);
    network->mappings = calloc(MAX_MAPPINGS, sizeof *network->mappings);
    random_seeded_init(&network->generator, seed);
    network->random = random_seeded_source(&network->generator);
    network->pool = packet_pool_new();
    network->now = 1 * PEER_SECOND;
    network->next_port = 40000;
    network->is_end_signalled = true;
    network->server = address_ipv4(192, 0, 2, 53, 3478);
    for (int i = 0; i < 2; i++) {
        network->sides[i].index = i;
        random_seeded_init(&network->sides[i].generator, seed * 2 + (uint64_t)i + 1000);
    }
    network->sides[0].tcp_policy = network->sides[1].tcp_policy = ICE_TCP_POLICY_OFF;
    return network;
}

void network_free(network_t *network)
{
    for (int i = 0; i < 2; i++)
        ice_agent_free(network->sides[i].agent);
    size_t outstanding = packet_pool_outstanding(network->pool);
    packet_pool_release(network->pool);
    free(network->flights);
    free(network->signals);
    free(network->mappings);
    free((void *)(uintptr_t)network->ice_servers);
    free(network);
    CHECK_INT(outstanding, 0);
}

void network_add_address(network_t *network, int side, const char *ip)
{
    side_t *s = &network->sides[side];
    CHECK(address_parse(&s->addresses[s->address_count], ip, (uint16_t)(5000 + s->address_count)));
    s->address_count++;
}

void network_set_nat(network_t *network, int side, nat_type_t nat, const char *public_ip)
{
    network->sides[side].nat = nat;
    CHECK(address_parse(&network->sides[side].public_address, public_ip, 0));
}

void network_use_server(network_t *network, const char *host)
{
    ice_server_t *server = calloc(1, sizeof *server);
    *server = (ice_server_t){.kind = ICE_SERVER_STUN, .url = "stun:test", .host = host, .port = 3478};
    network->ice_servers = server;
    network->ice_server_count = 1;
}

void network_make_agents(network_t *network, bool is_0_controlling, bool is_1_controlling, bool is_1_lite)
{
    for (int i = 0; i < 2; i++) {
        ice_config_t config = {
            .tcp_policy = network->sides[i].tcp_policy,
            .is_lite = i == 1 && is_1_lite,
            .random = random_seeded_source(&network->sides[i].generator),
            .pool = network->pool,
            .servers = network->ice_servers,
            .server_count = network->ice_server_count,
            .is_controlling = i == 0 ? is_0_controlling : is_1_controlling,
            .connection = (uint32_t)i + 1,
        };
        network->sides[i].agent = ice_agent_new(&config);
        CHECK(network->sides[i].agent != NULL);
    }
}

static peer_time_t jittered(network_t *network, peer_time_t base, peer_time_t jitter)
{
    return base + (jitter > 0 ? random_below(&network->random, (uint32_t)jitter + 1) : 0);
}

static signal_message_t *add_signal(network_t *network, int to, signal_kind_t kind, peer_time_t after)
{
    CHECK(network->signal_count < MAX_SIGNALS);
    signal_message_t *message = &network->signals[network->signal_count++];
    *message = (signal_message_t){.time = network->now + after, .order = network->order++, .kind = kind, .to = to};
    return message;
}

void network_send_parameters(network_t *network, int from, peer_time_t after)
{
    add_signal(network, 1 - from, SIGNAL_PARAMETERS, after);
}

void network_start(network_t *network)
{
    for (int i = 0; i < 2; i++) {
        ice_agent_gather(network->sides[i].agent, network->now);
        network_send_parameters(network, i, jittered(network, network->signal_delay, network->signal_jitter));
    }
    network_pump(network);
}

static address_t translate_out(network_t *network, int side, const address_t *from, const address_t *to)
{
    side_t *s = &network->sides[side];
    if (s->nat == NAT_NONE || from->family != s->public_address.family)
        return *from;
    mapping_t *mapping = NULL;
    for (size_t i = 0; i < network->mapping_count && mapping == NULL; i++) {
        mapping_t *m = &network->mappings[i];
        if (m->side == side && address_equal(&m->inside, from) && (s->nat == NAT_PORT_RESTRICTED || address_equal(&m->remote, to)))
            mapping = m;
    }
    if (mapping == NULL) {
        CHECK(network->mapping_count < MAX_MAPPINGS);
        mapping = &network->mappings[network->mapping_count++];
        *mapping = (mapping_t){.side = side, .inside = *from, .outside = s->public_address, .remote = *to};
        mapping->outside.port = network->next_port++;
    }
    bool is_allowed = false;
    for (size_t i = 0; i < mapping->allowed_count; i++)
        is_allowed |= address_equal(&mapping->allowed[i], to);
    if (!is_allowed && mapping->allowed_count < 16)
        mapping->allowed[mapping->allowed_count++] = *to;
    return mapping->outside;
}

static void launch(network_t *network, const address_t *from, const address_t *to, const void *bytes, size_t length)
{
    if (network->flight_count == MAX_FLIGHTS || length > sizeof network->flights->bytes ||
        random_below(&network->random, 100) < network->loss_percent)
        return;
    flight_t *flight = &network->flights[network->flight_count++];
    flight->time = network->now + jittered(network, network->delay, network->jitter);
    flight->order = network->order++;
    flight->link = 0;
    flight->from = *from;
    flight->to = *to;
    flight->length = length;
    memcpy(flight->bytes, bytes, length);
}

static void give(network_t *network, side_t *side, uint32_t socket, const flight_t *flight)
{
    if (side->is_deaf || (side->drops_responses && (flight->bytes[0] & 1) == 1))
        return;
    packet_t *packet = packet_new_copy(network->pool, flight->bytes, flight->length);
    packet->time = network->now;
    packet->path = (path_t){.socket = socket, .local = side->addresses[socket - 1], .remote = flight->from};
    if (stun_is_message(packet->data, packet->length))
        ice_agent_input(side->agent, network->now, packet);
    else
        ice_agent_on_traffic(side->agent, network->now, &packet->path, packet->length);
    packet_unref(packet);
}

static void serve_stun(network_t *network, const flight_t *flight)
{
    stun_message_t message;
    network->server_requests++;
    if (network->is_server_dead || !stun_parse(&message, flight->bytes, flight->length))
        return;
    uint8_t bytes[256];
    stun_builder_t builder;
    if (network->does_server_refuse) {
        stun_build_begin(&builder, bytes, sizeof bytes, STUN_ERROR_RESPONSE, STUN_BINDING, message.transaction_id);
        stun_build_error(&builder, 403, "Forbidden");
    } else {
        stun_build_begin(&builder, bytes, sizeof bytes, STUN_SUCCESS_RESPONSE, STUN_BINDING, message.transaction_id);
        stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &flight->from);
    }
    launch(network, &flight->to, &flight->from, bytes, stun_build_end(&builder));
}

static void land_link(network_t *network, const flight_t *flight)
{
    const test_link_t *link = &network->links[(flight->link - FIRST_LINK) / 2];
    int end = (int)((flight->link - FIRST_LINK) % 2);
    if (!link->is_open)
        return;
    packet_t *packet = packet_new_copy(network->pool, flight->bytes, flight->length);
    packet->time = network->now;
    packet->path = (path_t){.socket = flight->link, .protocol = TRANSPORT_TCP, .local = link->ends[end], .remote = link->ends[1 - end]};
    ice_agent_t *agent = network->sides[link->sides[end]].agent;
    if (stun_is_message(packet->data, packet->length))
        ice_agent_input(agent, network->now, packet);
    else
        ice_agent_on_traffic(agent, network->now, &packet->path, packet->length);
    packet_unref(packet);
}

static void land(network_t *network, const flight_t *flight)
{
    if (flight->link != 0) {
        land_link(network, flight);
        return;
    }
    if (address_equal(&flight->to, &network->server)) {
        serve_stun(network, flight);
        return;
    }
    for (int i = 0; i < 2; i++) {
        side_t *side = &network->sides[i];
        for (size_t a = 0; a < side->address_count; a++) {
            if (address_equal(&side->addresses[a], &flight->to) &&
                (side->nat == NAT_NONE || side->addresses[a].family != side->public_address.family)) {
                give(network, side, (uint32_t)a + 1, flight);
                return;
            }
        }
    }
    for (size_t m = 0; m < network->mapping_count; m++) {
        mapping_t *mapping = &network->mappings[m];
        if (!address_equal(&mapping->outside, &flight->to))
            continue;
        for (size_t i = 0; i < mapping->allowed_count; i++) {
            if (!address_equal(&mapping->allowed[i], &flight->from))
                continue;
            side_t *side = &network->sides[mapping->side];
            for (size_t a = 0; a < side->address_count; a++)
                if (address_equal(&side->addresses[a], &mapping->inside))
                    give(network, side, (uint32_t)a + 1, flight);
            return;
        }
    }
}

static void on_resolve(network_t *network, side_t *side, const ice_output_t *output)
{
    if (network->has_no_resolver)
        return;
    signal_message_t *answer =
        add_signal(network, side->index, SIGNAL_RESOLVED, jittered(network, 5 * PEER_MILLISECOND, network->signal_jitter));
    answer->number = output->resolve.request;
    int owner = 0, index = 0;
    if (output->resolve.is_mdns && sscanf(output->resolve.name, "host-%d-%d.local", &owner, &index) == 2) {
        answer->addresses[answer->address_count++] = network->sides[owner].addresses[index];
    } else if (strcmp(output->resolve.name, "stun.test") == 0) {
        answer->addresses[answer->address_count++] = network->server;
    }
}

static void open_sockets(network_t *network, side_t *side)
{
    for (size_t a = 0; a < side->address_count; a++) {
        if (side->are_sockets_slow) {
            signal_message_t *message = add_signal(network, side->index, SIGNAL_SOCKET, jittered(network, 0, 50 * PEER_MILLISECOND));
            message->number = (uint32_t)a + 1;
        } else {
            ice_agent_add_socket(side->agent, network->now, (uint32_t)a + 1, &side->addresses[a], ICE_NETWORK_ETHERNET);
        }
        address_t listening = side->addresses[a];
        listening.port = LISTENING_PORT;
        if (side->listens)
            ice_agent_add_listener(side->agent, network->now, FIRST_LISTENER + (uint32_t)a, &listening, ICE_NETWORK_ETHERNET);
    }
    if (side->are_sockets_slow)
        add_signal(network, side->index, SIGNAL_SOCKETS_COMPLETE, 60 * PEER_MILLISECOND);
    else
        ice_agent_sockets_complete(side->agent, network->now);
}

static void on_candidate(network_t *network, side_t *side, const ice_candidate_t *candidate)
{
    CHECK(side->candidate_count < 64);
    side->candidates[side->candidate_count++] = candidate;
    signal_message_t *message =
        add_signal(network, 1 - side->index, SIGNAL_CANDIDATE, jittered(network, network->signal_delay, network->signal_jitter));
    message->candidate = *candidate;
    if (side->hides_host_addresses && candidate->type == ICE_CANDIDATE_HOST) {
        size_t index = 0;
        while (!address_equal(&side->addresses[index], &candidate->address))
            index++;
        snprintf(message->host_name, sizeof message->host_name, "host-%d-%zu.local", side->index, index);
        message->candidate.address = (address_t){.port = candidate->address.port};
    }
}

static void on_state(network_t *network, side_t *side, ice_state_t state)
{
    CHECK(side->state_count < MAX_EVENTS);
    side->states[side->state_count++] = state;
    if (state == ICE_STATE_CONNECTED || state == ICE_STATE_COMPLETED)
        side->connected_at = side->connected_at != 0 ? side->connected_at : network->now;
    if (state == ICE_STATE_COMPLETED)
        side->completed_at = network->now;
    if (state == ICE_STATE_DISCONNECTED)
        side->disconnected_at = network->now;
    if (state == ICE_STATE_FAILED)
        side->failed_at = network->now;
}

static void on_connect(network_t *network, side_t *side, const link_request_t *request)
{
    side_t *other = &network->sides[1 - side->index];
    for (size_t a = 0; a < other->address_count; a++) {
        if (!other->listens || !address_ip_equal(&other->addresses[a], &request->remote) || request->remote.port != LISTENING_PORT)
            continue;
        CHECK(network->link_count < MAX_LINKS);
        size_t place = network->link_count++;
        test_link_t *link = &network->links[place];
        *link = (test_link_t){.sides = {side->index, other->index}, .ends = {request->local, request->remote}, .is_open = true};
        link->ends[0].port = (uint16_t)(40000 + place);
        uint32_t socket = FIRST_LINK + 2 * (uint32_t)place;
        ice_agent_link_accepted(other->agent, network->now, FIRST_LISTENER + (uint32_t)a, socket + 1, &link->ends[0]);
        ice_agent_link_opened(side->agent, network->now, request->request, socket, &link->ends[0]);
        return;
    }
    ice_agent_link_failed(side->agent, network->now, request->request, "Connection refused.");
}

static void send_over_link(network_t *network, uint32_t socket, const void *data, size_t length)
{
    uint32_t place = socket - FIRST_LINK;
    CHECK(place / 2 < network->link_count && network->flight_count < MAX_FLIGHTS);
    flight_t *flight = &network->flights[network->flight_count++];
    *flight =
        (flight_t){.time = network->now + network->delay, .order = network->order++, .link = FIRST_LINK + (place ^ 1), .length = length};
    memcpy(flight->bytes, data, length);
}

void network_close_link(network_t *network, size_t place)
{
    test_link_t *link = &network->links[place];
    link->is_open = false;
    for (uint32_t end = 0; end < 2; end++)
        ice_agent_socket_closed(network->sides[link->sides[end]].agent, network->now, FIRST_LINK + 2 * (uint32_t)place + end, "It broke.");
    network_pump(network);
}

static bool pump_side(network_t *network, side_t *side)
{
    ice_output_t output;
    bool is_any = false;
    while (ice_agent_poll(side->agent, &output)) {
        is_any = true;
        switch (output.kind) {
        case ICE_OUTPUT_SEND:
            side->packets_sent++;
            if (output.packet->path.protocol == TRANSPORT_TCP) {
                send_over_link(network, output.packet->path.socket, output.packet->data, output.packet->length);
            } else if (!side->is_mute && !network->sides[0].has_no_udp && !network->sides[1].has_no_udp) {
                address_t from = translate_out(network, side->index, &output.packet->path.local, &output.packet->path.remote);
                launch(network, &from, &output.packet->path.remote, output.packet->data, output.packet->length);
            }
            packet_unref(output.packet);
            break;
        case ICE_OUTPUT_OPEN_SOCKETS:
            open_sockets(network, side);
            break;
        case ICE_OUTPUT_CLOSE_SOCKET:
            side->closed_count++;
            if (output.socket >= FIRST_LINK)
                network->links[(output.socket - FIRST_LINK) / 2].is_open = false;
            break;
        case ICE_OUTPUT_CONNECT:
            on_connect(network, side, output.link);
            break;
        case ICE_OUTPUT_CANCEL_CONNECT:
        case ICE_OUTPUT_PUBLISH_NAME:
        case ICE_OUTPUT_MAP_PORT:
            break;
        case ICE_OUTPUT_RESOLVE:
            on_resolve(network, side, &output);
            break;
        case ICE_OUTPUT_LOCAL_CANDIDATE:
            on_candidate(network, side, output.candidate);
            break;
        case ICE_OUTPUT_CANDIDATE_ERROR:
            side->error_count++;
            side->last_error = output.error;
            break;
        case ICE_OUTPUT_GATHERING_STATE:
            side->gathering_state = output.gathering_state;
            if (output.gathering_state == ICE_GATHERING_COMPLETE && network->is_end_signalled)
                add_signal(network, 1 - side->index, SIGNAL_END, network->signal_delay + network->signal_jitter);
            break;
        case ICE_OUTPUT_STATE:
            on_state(network, side, output.state);
            break;
        case ICE_OUTPUT_SELECTED_PAIR:
            side->selected_count++;
            side->selected = output;
            if (side->selected_at == 0)
                side->selected_at = network->now;
            break;
        }
    }
    return is_any;
}

void network_pump(network_t *network)
{
    for (bool is_any = true; is_any;) {
        is_any = pump_side(network, &network->sides[0]);
        is_any |= pump_side(network, &network->sides[1]);
    }
}

static void deliver(network_t *network, signal_message_t *message)
{
    side_t *side = &network->sides[message->to];
    const ice_parameters_t *parameters;
    switch (message->kind) {
    case SIGNAL_PARAMETERS:
        parameters = ice_agent_local_parameters(network->sides[1 - message->to].agent);
        CHECK_INT(ice_agent_set_remote_parameters(side->agent, network->now, parameters->ufrag, parameters->password, parameters->is_lite),
                  0);
        break;
    case SIGNAL_CANDIDATE:
        if (message->host_name[0] != '\0')
            message->candidate.host_name = message->host_name;
        CHECK_INT(ice_agent_add_remote_candidate(side->agent, network->now, &message->candidate), 0);
        break;
    case SIGNAL_END:
        ice_agent_end_of_remote_candidates(side->agent, network->now);
        break;
    case SIGNAL_RESOLVED:
        ice_agent_resolved(side->agent, network->now, message->number, message->addresses, message->address_count);
        break;
    case SIGNAL_SOCKET:
        ice_agent_add_socket(side->agent, network->now, message->number, &side->addresses[message->number - 1], ICE_NETWORK_ETHERNET);
        break;
    case SIGNAL_SOCKETS_COMPLETE:
        ice_agent_sockets_complete(side->agent, network->now);
        break;
    }
}

static bool has_nominated(const side_t *side)
{
    ice_pair_stats_t stats;
    for (size_t i = 0; ice_agent_pair_stats(side->agent, i, &stats); i++)
        if (stats.is_selected && stats.is_nominated)
            return true;
    return false;
}

bool network_is_connected(const network_t *network)
{
    return has_nominated(&network->sides[0]) && has_nominated(&network->sides[1]);
}

void network_run(network_t *network, peer_time_t until, bool stops)
{
    network_pump(network);
    for (size_t steps = 0; !stops || !network_is_connected(network); steps++) {
        if (steps > 1000000)
            test_fail(__FILE__, __LINE__, "virtual time stands still at %lld", (long long)network->now);
        size_t flight = SIZE_MAX, message = SIZE_MAX;
        peer_time_t next = until;
        for (size_t i = 0; i < network->flight_count; i++)
            if (network->flights[i].time < next ||
                (network->flights[i].time == next && flight != SIZE_MAX && network->flights[i].order < network->flights[flight].order)) {
                next = network->flights[i].time;
                flight = i;
            }
        for (size_t i = 0; i < network->signal_count; i++)
            if (network->signals[i].time < next ||
                (network->signals[i].time == next && message != SIZE_MAX && network->signals[i].order < network->signals[message].order)) {
                next = network->signals[i].time;
                message = i;
                flight = SIZE_MAX;
            }
        peer_time_t deadline = time_earlier(ice_agent_deadline(network->sides[0].agent), ice_agent_deadline(network->sides[1].agent));
        if (deadline < next) {
            network->now = deadline > network->now ? deadline : network->now;
            for (int i = 0; i < 2; i++)
                if (ice_agent_deadline(network->sides[i].agent) <= network->now)
                    ice_agent_timeout(network->sides[i].agent, network->now);
        } else if (flight == SIZE_MAX && message == SIZE_MAX) {
            network->now = until;
            return;
        } else {
            network->now = next > network->now ? next : network->now;
            if (message != SIZE_MAX) {
                signal_message_t due = network->signals[message];
                network->signals[message] = network->signals[--network->signal_count];
                deliver(network, &due);
            } else {
                flight_t due = network->flights[flight];
                network->flights[flight] = network->flights[--network->flight_count];
                land(network, &due);
            }
        }
        network_pump(network);
    }
}

void network_send_data(network_t *network, int from)
{
    side_t *side = &network->sides[from];
    const path_t *path = ice_agent_send_path(side->agent);
    if (path == NULL)
        return;
    static const uint8_t data[100] = {0x80};
    ice_agent_on_sent(side->agent, network->now, sizeof data);
    if (path->protocol == TRANSPORT_TCP) {
        send_over_link(network, path->socket, data, sizeof data);
        return;
    }
    if (side->is_mute || network->sides[0].has_no_udp || network->sides[1].has_no_udp)
        return;
    address_t source = translate_out(network, from, &path->local, &path->remote);
    launch(network, &source, &path->remote, data, sizeof data);
}

void network_inject(network_t *network, int to, const address_t *from, const address_t *at, const void *bytes, size_t length)
{
    side_t *side = &network->sides[to];
    packet_t *packet = packet_new_copy(network->pool, bytes, length);
    for (size_t a = 0; a < side->address_count; a++)
        if (address_equal(&side->addresses[a], at))
            packet->path = (path_t){.socket = (uint32_t)a + 1, .local = *at, .remote = *from};
    ice_agent_input(side->agent, network->now, packet);
    packet_unref(packet);
}

const ice_pair_stats_t *network_selected_stats(const network_t *network, int side)
{
    static ice_pair_stats_t stats;
    for (size_t i = 0; ice_agent_pair_stats(network->sides[side].agent, i, &stats); i++)
        if (stats.is_selected)
            return &stats;
    return NULL;
}
