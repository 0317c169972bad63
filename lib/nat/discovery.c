/* A discovery's course: names, sockets, a server that answers, the tests that follow, the conclusion. */
#include "nat/discovery.h"

#include "base/log.h"
#include "base/memory.h"

#include <peer/error.h>
#include <stdio.h>
#include <string.h>

nat_discovery_t *nat_discovery_new(const nat_config_t *config)
{
    nat_discovery_t *discovery = MEMORY_NEW(nat_discovery_t);
    nat_result_t *result = MEMORY_NEW(nat_result_t);
    if (discovery == NULL || result == NULL) {
        memory_free(discovery);
        memory_free(result);
        return NULL;
    }
    *result = (nat_result_t){.lifetime_s = -1, .lifetime_below_s = -1};
    *discovery = (nat_discovery_t){.random = config->random,
                                   .pool = config->pool,
                                   .wanted_local = config->local,
                                   .lifetime_max = config->lifetime_max,
                                   .primary = -1,
                                   .result = result};
    for (size_t i = 0; i < config->server_count && i < NAT_MAX_SERVERS; i++) {
        nat_server_entry_t *server = &discovery->servers[discovery->server_count++];
        snprintf(server->host, sizeof server->host, "%s", config->servers[i].host);
        server->port = config->servers[i].port;
    }
    return discovery;
}

void nat_discovery_free(nat_discovery_t *discovery)
{
    if (discovery == NULL)
        return;
    packet_queue_clear(&discovery->queue);
    memory_free(discovery->result);
    memory_free(discovery);
}

const nat_test_t *nat_primary(const nat_discovery_t *discovery)
{
    return &discovery->tests[discovery->primary];
}

void nat_socket_close(nat_discovery_t *discovery, size_t socket)
{
    nat_socket_t *closed = &discovery->sockets[socket];
    if (closed->state == NAT_SOCKET_OPEN)
        closed->closing = closed->number;
    closed->number = 0;
    closed->state = NAT_SOCKET_NONE;
}

/* ---- the end ---- */

static void finish(nat_discovery_t *discovery)
{
    for (size_t i = 0; i < NAT_MAX_SOCKETS; i++)
        nat_socket_close(discovery, i);
    for (size_t i = 0; i < NAT_MAX_SERVERS; i++)
        discovery->servers[i].wants_resolve = false;
    packet_queue_clear(&discovery->queue);
    discovery->phase = NAT_PHASE_DONE;
    LOG_INFO("nat", 0, "type %s, mapping %s, filtering %s", nat_type_name(discovery->result->type),
             nat_behaviour_name(discovery->result->mapping), nat_behaviour_name(discovery->result->filtering));
}

static void fail(nat_discovery_t *discovery, int error, const char *text)
{
    *discovery->result = (nat_result_t){.error = error, .text = text, .lifetime_s = -1, .lifetime_below_s = -1};
    finish(discovery);
}

static nat_test_state_t state_of(const nat_discovery_t *discovery, nat_test_kind_t kind)
{
    for (size_t i = 0; i < discovery->test_count; i++)
        if (discovery->tests[i].kind == kind)
            return discovery->tests[i].state;
    return NAT_TEST_REFUSED;
}

/* Did the server answer from there, when it was asked there? Otherwise its silence after a CHANGE-REQUEST proves nothing. */
static bool is_reachable(const nat_discovery_t *discovery, const address_t *ip, uint16_t port)
{
    for (size_t i = 0; i < discovery->test_count; i++) {
        const nat_test_t *test = &discovery->tests[i];
        if (test->kind == NAT_TEST_ALTERNATE && test->state == NAT_TEST_ANSWERED && address_ip_equal(&test->destination, ip) &&
            test->destination.port == port)
            return true;
    }
    return false;
}

/* RFC 5780 §4.4. */
static nat_behaviour_t judge_filtering(const nat_discovery_t *discovery)
{
    const nat_test_t *primary = nat_primary(discovery);
    nat_test_state_t both = state_of(discovery, NAT_TEST_FILTER_BOTH), port = state_of(discovery, NAT_TEST_FILTER_PORT);
    if (both == NAT_TEST_ANSWERED)
        return NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT;
    if (both != NAT_TEST_UNANSWERED || !is_reachable(discovery, &primary->other, primary->other.port))
        return NAT_BEHAVIOUR_UNKNOWN;
    if (port == NAT_TEST_ANSWERED)
        return NAT_BEHAVIOUR_ADDRESS_DEPENDENT;
    if (port != NAT_TEST_UNANSWERED || !is_reachable(discovery, &primary->destination, primary->other.port))
        return NAT_BEHAVIOUR_UNKNOWN;
    return NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
}

static nat_answer_t judge_hairpinning(const nat_discovery_t *discovery)
{
    nat_answer_t answer = NAT_ANSWER_UNKNOWN;
    for (size_t i = 0; i < discovery->test_count; i++) {
        if (discovery->tests[i].kind != NAT_TEST_HAIRPIN)
            continue;
        if (discovery->tests[i].state == NAT_TEST_ANSWERED)
            return NAT_ANSWER_YES;
        answer = NAT_ANSWER_NO;
    }
    return answer;
}

static bool is_translated(const nat_discovery_t *discovery)
{
    address_t local = discovery->sockets[NAT_SOCKET_MAIN].local;
    local.scope_id = 0;
    return !address_equal(&nat_primary(discovery)->mapped, &local);
}

static void conclude(nat_discovery_t *discovery)
{
    nat_observation_t observations[NAT_MAX_TESTS];
    size_t count = 0;
    const nat_test_t *primary = nat_primary(discovery);
    nat_result_t *result = discovery->result;
    for (size_t i = 0; i < discovery->test_count; i++) {
        const nat_test_t *test = &discovery->tests[i];
        if (test->sender == NAT_SOCKET_MAIN && test->state == NAT_TEST_ANSWERED && test->mapped.family != ADDRESS_NONE)
            observations[count++] = (nat_observation_t){test->destination, test->mapped};
    }
    bool is_dependent;
    result->mapping = nat_judge_mapping(observations, count, &is_dependent);
    if (!is_translated(discovery) && !is_dependent)
        result->mapping = NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT; /* RFC 5780 §4.3: not behind a NAT, and done */
    result->filtering = judge_filtering(discovery);
    result->hairpinning = judge_hairpinning(discovery);
    result->type = nat_judge_type(is_translated(discovery), is_dependent, result->mapping, result->filtering);
    result->local = discovery->sockets[NAT_SOCKET_MAIN].local;
    result->mapped = primary->mapped;
    result->server = primary->destination;
    result->other = primary->other;
}

/* ---- tests ---- */

static void ask_from(nat_discovery_t *discovery, peer_time_t now, nat_test_kind_t kind, uint8_t socket, address_t destination)
{
    nat_test_begin(discovery, now,
                   &(nat_test_t){.kind = kind, .sender = socket, .receiver = socket, .destination = destination, .source = destination});
}

static address_t with_port(address_t address, uint16_t port)
{
    address.port = port;
    return address;
}

static void begin_testing(nat_discovery_t *discovery, peer_time_t now)
{
    const nat_test_t *primary = nat_primary(discovery);
    peer_time_t round_trip = primary->answered_at - primary->first_sent; /* too long when it took several transmissions: that is safe */
    discovery->phase = NAT_PHASE_TESTING;
    discovery->result->round_trip_us = primary->answered_at - primary->last_sent;
    discovery->interval = round_trip < NAT_TEST_INTERVAL_MIN ? NAT_TEST_INTERVAL_MIN : time_earlier(round_trip, NAT_TEST_INTERVAL_MAX);
    discovery->last_wait = 3 * discovery->interval;
    for (size_t i = 0; i < discovery->test_count; i++)
        if (discovery->tests[i].state == NAT_TEST_ASKED)
            nat_test_hasten(discovery, now, &discovery->tests[i]);
    address_t server = primary->destination, other = primary->other;
    if (other.family != ADDRESS_NONE) {
        ask_from(discovery, now, NAT_TEST_ALTERNATE, NAT_SOCKET_MAIN, with_port(other, server.port));
        ask_from(discovery, now, NAT_TEST_ALTERNATE, NAT_SOCKET_MAIN, other);
        ask_from(discovery, now, NAT_TEST_ALTERNATE, NAT_SOCKET_MAIN, with_port(server, other.port));
    }
    if (discovery->sockets[NAT_SOCKET_SECOND].state == NAT_SOCKET_OPEN)
        ask_from(discovery, now, NAT_TEST_SECOND, NAT_SOCKET_SECOND, server);
}

static const nat_test_t *second_answer(const nat_discovery_t *discovery)
{
    for (size_t i = 0; i < discovery->test_count; i++)
        if (discovery->tests[i].kind == NAT_TEST_SECOND && discovery->tests[i].state == NAT_TEST_ANSWERED)
            return &discovery->tests[i];
    return NULL;
}

/* The second socket has a mapping of its own now, which has seen the server's first address only. */
static void ask_second(nat_discovery_t *discovery, peer_time_t now, const nat_test_t *second)
{
    const nat_test_t *primary = nat_primary(discovery);
    address_t server = primary->destination, other = primary->other, mapped = second->mapped;
    discovery->has_asked_second = true;
    if (other.family != ADDRESS_NONE) {
        nat_test_t test = {.sender = NAT_SOCKET_SECOND, .receiver = NAT_SOCKET_SECOND, .destination = server};
        test.kind = NAT_TEST_FILTER_BOTH;
        test.change = STUN_CHANGE_IP | STUN_CHANGE_PORT;
        test.source = other;
        nat_test_begin(discovery, now, &test);
        test.kind = NAT_TEST_FILTER_PORT;
        test.change = STUN_CHANGE_PORT;
        test.source = with_port(server, other.port);
        nat_test_begin(discovery, now, &test);
    }
    /* Both ways, so that each has sent to the other, whatever is filtered. */
    if (is_translated(discovery) && nat_address_is_plausible(&primary->mapped, &server) && nat_address_is_plausible(&mapped, &server)) {
        nat_test_t test = {.kind = NAT_TEST_HAIRPIN, .sender = NAT_SOCKET_MAIN, .receiver = NAT_SOCKET_SECOND, .destination = mapped};
        nat_test_begin(discovery, now, &test);
        test.sender = NAT_SOCKET_SECOND;
        test.receiver = NAT_SOCKET_MAIN;
        test.destination = primary->mapped;
        nat_test_begin(discovery, now, &test);
    }
}

static bool are_tests_over(const nat_discovery_t *discovery)
{
    return nat_test_deadline(discovery) == PEER_TIME_NEVER;
}

static bool wants_lifetime(const nat_discovery_t *discovery)
{
    return discovery->lifetime_max > 0 && discovery->result->type != NAT_TYPE_OPEN && discovery->result->other.family != ADDRESS_NONE &&
           discovery->sockets[NAT_SOCKET_SECOND].state == NAT_SOCKET_OPEN;
}

static void run_testing(nat_discovery_t *discovery, peer_time_t now)
{
    const nat_test_t *second = second_answer(discovery);
    if (second != NULL && !discovery->has_asked_second)
        ask_second(discovery, now, second);
    if (!are_tests_over(discovery))
        return;
    conclude(discovery);
    if (!wants_lifetime(discovery)) {
        finish(discovery);
        return;
    }
    discovery->phase = NAT_PHASE_LIFETIME;
    nat_lifetime_begin(discovery, now);
}

/* ---- a server that answers ---- */

static const address_t *server_address(const nat_discovery_t *discovery, size_t server)
{
    const nat_server_entry_t *entry = &discovery->servers[server];
    return discovery->family == ADDRESS_IPV4 ? &entry->ipv4 : &entry->ipv6;
}

static const address_t *first_address(const nat_discovery_t *discovery)
{
    for (size_t i = 0; i < discovery->server_count; i++)
        if (server_address(discovery, i)->family != ADDRESS_NONE)
            return server_address(discovery, i);
    return NULL;
}

/* IPv4 is tried first: it is where NATs are. True when there is a server, and may be a way, of a family not tried before. */
static bool open_next_family(nat_discovery_t *discovery)
{
    static const uint8_t families[] = {ADDRESS_IPV4, ADDRESS_IPV6};
    uint8_t tried = discovery->family;
    for (size_t i = 0; i < sizeof families; i++) {
        if (tried >= families[i] || (discovery->wanted_local.family != ADDRESS_NONE && discovery->wanted_local.family != families[i]))
            continue;
        discovery->family = families[i];
        if (first_address(discovery) == NULL)
            continue;
        discovery->test_count = 0;
        discovery->phase = NAT_PHASE_OPENING;
        for (size_t s = NAT_SOCKET_MAIN; s <= NAT_SOCKET_SECOND; s++) {
            nat_socket_close(discovery, s);
            discovery->sockets[s].state = NAT_SOCKET_WANTED;
        }
        return true;
    }
    return false;
}

static void begin_reaching(nat_discovery_t *discovery, peer_time_t now)
{
    discovery->phase = NAT_PHASE_REACHING;
    discovery->has_network = true;
    for (size_t i = 0; i < discovery->server_count; i++) {
        const address_t *address = server_address(discovery, i);
        if (address->family != ADDRESS_NONE)
            ask_from(discovery, now, NAT_TEST_REACH, NAT_SOCKET_MAIN, *address);
    }
}

static void give_up_reaching(nat_discovery_t *discovery)
{
    if (open_next_family(discovery))
        return;
    if (!discovery->has_network) {
        fail(discovery, PEER_ERROR_NETWORK, "No route leads to a server, or the local address is not of this host.");
    } else if (discovery->was_refused) {
        fail(discovery, PEER_ERROR_NETWORK, "A server answered, but gave no address.");
    } else {
        discovery->result->type = NAT_TYPE_UDP_BLOCKED;
        discovery->result->local = discovery->sockets[NAT_SOCKET_MAIN].local;
        finish(discovery);
    }
}

/* The one that can do most; of those alike the first that answered. */
static int choose_primary(const nat_discovery_t *discovery)
{
    int best = -1;
    for (size_t i = 0; i < discovery->test_count; i++) {
        const nat_test_t *test = &discovery->tests[i], *other = best >= 0 ? &discovery->tests[best] : NULL;
        if (test->state != NAT_TEST_ANSWERED)
            continue;
        bool can_more = other == NULL || (test->other.family != ADDRESS_NONE && other->other.family == ADDRESS_NONE);
        bool can_less = other != NULL && test->other.family == ADDRESS_NONE && other->other.family != ADDRESS_NONE;
        if (can_more || (!can_less && test->answered_at < other->answered_at))
            best = (int)i;
    }
    return best;
}

static void run_reaching(nat_discovery_t *discovery, peer_time_t now)
{
    bool is_over = are_tests_over(discovery);
    int best = choose_primary(discovery);
    for (size_t i = 0; i < discovery->test_count; i++)
        discovery->was_refused |= discovery->tests[i].state == NAT_TEST_REFUSED;
    if (best < 0) {
        if (is_over)
            give_up_reaching(discovery);
        return;
    }
    discovery->grace_ends = discovery->tests[best].answered_at + NAT_SERVERS_GRACE;
    discovery->primary = best;
    if (is_over || nat_primary(discovery)->other.family != ADDRESS_NONE || now >= discovery->grace_ends)
        begin_testing(discovery, now);
}

/* ---- names and sockets ---- */

static void run_resolving(nat_discovery_t *discovery, peer_time_t now)
{
    bool is_waiting = false, has_address = false;
    for (size_t i = 0; i < discovery->server_count; i++) {
        const nat_server_entry_t *server = &discovery->servers[i];
        is_waiting |= server->resolve_request != 0;
        has_address |= server->ipv4.family != ADDRESS_NONE || server->ipv6.family != ADDRESS_NONE;
    }
    discovery->grace_ends = has_address ? discovery->started_at + NAT_RESOLVE_GRACE : PEER_TIME_NEVER;
    if (is_waiting && now < discovery->grace_ends)
        return;
    if (!has_address)
        fail(discovery, PEER_ERROR_NETWORK, "No server's host name has an address.");
    else
        give_up_reaching(discovery); /* what has not begun: the first family's turn comes */
}

static void run_opening(nat_discovery_t *discovery, peer_time_t now)
{
    for (size_t i = NAT_SOCKET_MAIN; i <= NAT_SOCKET_SECOND; i++)
        if (discovery->sockets[i].state == NAT_SOCKET_WANTED || discovery->sockets[i].state == NAT_SOCKET_ASKED)
            return;
    if (discovery->sockets[NAT_SOCKET_MAIN].state == NAT_SOCKET_OPEN)
        begin_reaching(discovery, now);
    else
        give_up_reaching(discovery);
}

static void settle(nat_discovery_t *discovery, peer_time_t now)
{
    nat_phase_t before;
    do {
        before = discovery->phase;
        switch (discovery->phase) {
        case NAT_PHASE_RESOLVING:
            run_resolving(discovery, now);
            break;
        case NAT_PHASE_OPENING:
            run_opening(discovery, now);
            break;
        case NAT_PHASE_REACHING:
            run_reaching(discovery, now);
            break;
        case NAT_PHASE_TESTING:
            run_testing(discovery, now);
            break;
        case NAT_PHASE_LIFETIME:
            if (nat_lifetime_run(discovery, now))
                finish(discovery);
            break;
        case NAT_PHASE_DONE:
            break;
        }
    } while (discovery->phase != before);
}

static void take_address(nat_server_entry_t *server, const address_t *address)
{
    address_t *place = address->family == ADDRESS_IPV4 ? &server->ipv4 : &server->ipv6;
    if (place->family != ADDRESS_NONE || address->family == ADDRESS_NONE || address_is_any(address) || address_is_multicast(address))
        return;
    *place = *address;
    place->port = server->port;
}

void nat_discovery_start(nat_discovery_t *discovery, peer_time_t now)
{
    discovery->started_at = now;
    for (size_t i = 0; i < discovery->server_count; i++) {
        nat_server_entry_t *server = &discovery->servers[i];
        address_t address;
        if (address_parse(&address, server->host, server->port)) {
            take_address(server, &address);
        } else {
            server->resolve_request = (uint32_t)i + 1;
            server->wants_resolve = true;
        }
    }
    settle(discovery, now);
}

void nat_discovery_resolved(nat_discovery_t *discovery, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    if (request == 0 || request > discovery->server_count || discovery->servers[request - 1].resolve_request != request ||
        discovery->phase != NAT_PHASE_RESOLVING)
        return;
    nat_server_entry_t *server = &discovery->servers[request - 1];
    server->resolve_request = 0;
    for (size_t i = 0; i < count; i++)
        take_address(server, &addresses[i]);
    settle(discovery, now);
}

static nat_socket_t *asked_socket(nat_discovery_t *discovery)
{
    for (size_t i = 0; i < NAT_MAX_SOCKETS; i++)
        if (discovery->sockets[i].state == NAT_SOCKET_ASKED)
            return &discovery->sockets[i];
    return NULL;
}

void nat_discovery_socket_opened(nat_discovery_t *discovery, peer_time_t now, uint32_t socket, const address_t *local)
{
    nat_socket_t *asked = asked_socket(discovery);
    if (asked == NULL || local->family != discovery->family) {
        discovery->stray = socket;
        return;
    }
    asked->state = NAT_SOCKET_OPEN;
    asked->number = socket;
    asked->local = *local;
}

void nat_discovery_sockets_complete(nat_discovery_t *discovery, peer_time_t now)
{
    nat_socket_t *asked = asked_socket(discovery);
    if (asked != NULL)
        asked->state = NAT_SOCKET_FAILED;
    settle(discovery, now);
}

void nat_discovery_socket_closed(nat_discovery_t *discovery, peer_time_t now, uint32_t socket)
{
    for (size_t i = 0; i < NAT_MAX_SOCKETS; i++) {
        if (discovery->sockets[i].state != NAT_SOCKET_OPEN || discovery->sockets[i].number != socket)
            continue;
        discovery->sockets[i] = (nat_socket_t){.state = NAT_SOCKET_FAILED};
        if (discovery->phase != NAT_PHASE_DONE)
            fail(discovery, PEER_ERROR_NETWORK, "The network changed meanwhile.");
        return;
    }
}

void nat_discovery_input(nat_discovery_t *discovery, peer_time_t now, packet_t *packet)
{
    stun_message_t message;
    for (size_t i = 0; i < NAT_MAX_SOCKETS; i++) {
        if (discovery->sockets[i].state != NAT_SOCKET_OPEN || discovery->sockets[i].number != packet->path.socket)
            continue;
        if (stun_parse(&message, packet->data, packet->length) && stun_check_fingerprint(&message) != STUN_CHECK_INVALID)
            nat_test_on_message(discovery, now, i, &packet->path.remote, &message);
        break;
    }
    packet_unref(packet);
    settle(discovery, now);
}

void nat_discovery_timeout(nat_discovery_t *discovery, peer_time_t now)
{
    nat_test_run(discovery, now);
    settle(discovery, now);
}

peer_time_t nat_discovery_deadline(const nat_discovery_t *discovery)
{
    switch (discovery->phase) {
    case NAT_PHASE_RESOLVING:
        return discovery->grace_ends;
    case NAT_PHASE_REACHING: {
        peer_time_t deadline = nat_test_deadline(discovery);
        return discovery->primary >= 0 ? time_earlier(deadline, discovery->grace_ends) : deadline;
    }
    case NAT_PHASE_TESTING:
        return nat_test_deadline(discovery);
    case NAT_PHASE_LIFETIME:
        return time_earlier(nat_test_deadline(discovery), nat_lifetime_deadline(discovery));
    case NAT_PHASE_OPENING:
    case NAT_PHASE_DONE:
        break;
    }
    return PEER_TIME_NEVER;
}

/* ---- what comes out ---- */

static bool poll_socket(nat_discovery_t *discovery, nat_output_t *output)
{
    for (size_t i = 0; i < NAT_MAX_SOCKETS; i++) {
        nat_socket_t *socket = &discovery->sockets[i];
        if (socket->closing == 0)
            continue;
        *output = (nat_output_t){.kind = NAT_OUTPUT_CLOSE_SOCKET, .socket = socket->closing};
        socket->closing = 0;
        return true;
    }
    if (discovery->stray != 0) {
        *output = (nat_output_t){.kind = NAT_OUTPUT_CLOSE_SOCKET, .socket = discovery->stray};
        discovery->stray = 0;
        return true;
    }
    for (size_t i = 0; i < NAT_MAX_SOCKETS && asked_socket(discovery) == NULL; i++) { /* one at a time: the answer says not which */
        nat_socket_t *socket = &discovery->sockets[i];
        if (socket->state != NAT_SOCKET_WANTED)
            continue;
        socket->state = NAT_SOCKET_ASKED;
        *output = (nat_output_t){.kind = NAT_OUTPUT_OPEN_SOCKET, .open = {discovery->wanted_local, *first_address(discovery)}};
        if (i != NAT_SOCKET_MAIN)
            output->open.local = with_port(discovery->sockets[NAT_SOCKET_MAIN].local, 0);
        return true;
    }
    return false;
}

bool nat_discovery_poll(nat_discovery_t *discovery, nat_output_t *output)
{
    if (poll_socket(discovery, output))
        return true;
    for (size_t i = 0; i < discovery->server_count; i++) {
        nat_server_entry_t *server = &discovery->servers[i];
        if (!server->wants_resolve)
            continue;
        server->wants_resolve = false;
        *output = (nat_output_t){.kind = NAT_OUTPUT_RESOLVE, .resolve = {server->resolve_request, server->host}};
        return true;
    }
    packet_t *packet = packet_queue_pop(&discovery->queue);
    if (packet != NULL) {
        *output = (nat_output_t){.kind = NAT_OUTPUT_SEND, .packet = packet};
        return true;
    }
    if (discovery->phase != NAT_PHASE_DONE || discovery->result == NULL)
        return false;
    *output = (nat_output_t){.kind = NAT_OUTPUT_DONE, .result = discovery->result};
    discovery->result = NULL;
    return true;
}
