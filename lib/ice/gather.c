/* Gathering (RFC 8445 §5.1.1): host candidates from the sockets that the caller binds, server-reflexive ones from STUN servers. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define CANDIDATE_ERROR_UNREACHABLE 701 /* W3C WebRTC §4.8.3: the server could not be reached */

static void set_state(ice_agent_t *agent, ice_gathering_state_t state)
{
    if (agent->gathering_state == state)
        return;
    agent->gathering_state = state;
    LOG_INFO("ice", agent->connection, "gathering %s", ice_gathering_state_name(state));
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_GATHERING_STATE, .gathering_state = state});
}

static void report_error(ice_agent_t *agent, size_t server, const address_t *address, uint16_t code, const char *text, size_t length)
{
    char *copy = memory_string_n(text, length);
    LOG_INFO("ice", agent->connection, "%s: error %u %s", agent->servers[server].url, code, copy != NULL ? copy : "");
    ice_output_t output = {.kind = ICE_OUTPUT_CANDIDATE_ERROR, .error = {.url = agent->servers[server].url, .code = code, .text = copy}};
    if (address != NULL)
        output.error.address = *address;
    if (copy != NULL)
        ice_output_push(agent, &output);
}

static void report_unreachable(ice_agent_t *agent, size_t server, const address_t *address, const char *text)
{
    report_error(agent, server, address, CANDIDATE_ERROR_UNREACHABLE, text, strlen(text));
}

/* A server is asked from where it can be reached at all. */
static bool can_reach(const ice_base_t *base, const address_t *server)
{
    return base->address.family == server->family && address_is_loopback(&base->address) == address_is_loopback(server) &&
           (base->address.family != ADDRESS_IPV6 || address_is_link_local(&base->address) == address_is_link_local(server));
}

static void ask(ice_agent_t *agent, size_t server, ice_base_t *base)
{
    const ice_server_entry_t *entry = &agent->servers[server];
    for (size_t i = 0; i < entry->address_count && agent->query_count < ICE_MAX_QUERIES; i++) {
        if (!can_reach(base, &entry->addresses[i]))
            continue;
        ice_query_t *query = MEMORY_NEW(ice_query_t);
        if (query == NULL)
            return;
        *query = (ice_query_t){
            .server = server, .base = base, .address = entry->addresses[i], .state = ICE_SERVER_WAITING, .keepalive_at = PEER_TIME_NEVER};
        agent->queries[agent->query_count++] = query;
    }
}

static void set_server_addresses(ice_agent_t *agent, size_t server, const address_t *addresses, size_t count)
{
    ice_server_entry_t *entry = &agent->servers[server];
    for (size_t i = 0; i < count && entry->address_count < 2; i++) {
        address_t address = addresses[i];
        address.port = entry->port;
        if (ice_address_is_usable(&address) && (entry->address_count == 0 || entry->addresses[0].family != address.family))
            entry->addresses[entry->address_count++] = address;
    }
    if (entry->address_count == 0)
        report_unreachable(agent, server, NULL, "The host name of the server has no address.");
    for (size_t i = 0; i < agent->base_count; i++)
        ask(agent, server, agent->bases[i]);
}

static void look_up(ice_agent_t *agent, size_t server)
{
    ice_server_entry_t *entry = &agent->servers[server];
    address_t address;
    if (address_parse(&address, entry->host, entry->port)) {
        set_server_addresses(agent, server, &address, 1);
        return;
    }
    if (entry->resolve_request != 0)
        return;
    entry->resolve_request = ++agent->next_resolve;
    ice_output_push(agent,
                    &(ice_output_t){.kind = ICE_OUTPUT_RESOLVE, .resolve = {.request = entry->resolve_request, .name = entry->host}});
}

static void announce(ice_agent_t *agent, ice_local_t *local)
{
    local->generation = agent->generation;
    if (log_enabled(PEER_LOG_INFO)) {
        char text[ADDRESS_TEXT_SIZE];
        LOG_INFO("ice", agent->connection, "local candidate %s %s", ice_candidate_type_name((ice_candidate_type_t)local->view.type),
                 address_text(&local->view.address, text));
    }
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_LOCAL_CANDIDATE, .candidate = &local->view});
}

/* After a restart: the sockets are there, their candidates belong to the new session, the servers are asked anew. */
static void gather_again(ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->base_count; i++)
        announce(agent, agent->bases[i]->host);
    for (size_t s = 0; s < agent->server_count; s++) {
        if (agent->servers[s].address_count == 0)
            look_up(agent, s);
        else
            for (size_t i = 0; i < agent->base_count; i++)
                ask(agent, s, agent->bases[i]);
    }
}

int ice_agent_gather(ice_agent_t *agent, peer_time_t now)
{
    if (agent->gathering_state != ICE_GATHERING_NEW)
        return 0;
    set_state(agent, ICE_GATHERING_GATHERING);
    if (agent->base_count > 0) {
        gather_again(agent);
        ice_agent_settle(agent, now);
        return 0;
    }
    if (agent->policy == ICE_POLICY_RELAY) {
        agent->are_sockets_complete = true; /* no address of this host may be shown or used, and no server relays */
    } else {
        agent->are_sockets_complete = false;
        ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_OPEN_SOCKETS});
        for (size_t i = 0; i < agent->server_count; i++)
            look_up(agent, i);
    }
    ice_agent_settle(agent, now);
    return 0;
}

static bool is_wanted(const ice_agent_t *agent, const address_t *local)
{
    if (agent->policy == ICE_POLICY_RELAY || agent->base_count >= ICE_MAX_SOCKETS || !ice_address_is_usable(local))
        return false;
    for (size_t i = 0; i < agent->base_count; i++)
        if (address_equal(&agent->bases[i]->address, local))
            return false;
    return true;
}

int ice_agent_add_socket(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network)
{
    ice_base_t *base = is_wanted(agent, local) ? MEMORY_NEW(ice_base_t) : NULL;
    if (base != NULL) {
        *base = (ice_base_t){.socket = socket, .address = *local, .network = network};
        base->local_preference = ice_candidate_local_preference(agent, network, local);
        base->host = ice_local_add(agent, base, ICE_CANDIDATE_HOST, local, NULL, NULL);
    }
    if (base == NULL || base->host == NULL) {
        memory_free(base);
        ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CLOSE_SOCKET, .socket = socket});
        return 0;
    }
    agent->bases[agent->base_count++] = base;
    announce(agent, base->host);
    ice_check_list_pair_base(agent, base);
    for (size_t i = 0; i < agent->server_count; i++)
        ask(agent, i, base);
    ice_agent_settle(agent, now);
    return 0;
}

void ice_agent_sockets_complete(ice_agent_t *agent, peer_time_t now)
{
    agent->are_sockets_complete = true;
    ice_agent_settle(agent, now);
}

bool ice_gather_resolved(ice_agent_t *agent, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    for (size_t i = 0; i < agent->server_count; i++) {
        if (agent->servers[i].resolve_request != request)
            continue;
        agent->servers[i].resolve_request = 0;
        set_server_addresses(agent, i, addresses, count);
        ice_agent_settle(agent, now);
        return true;
    }
    return false;
}

static void send_query(ice_agent_t *agent, ice_query_t *query, peer_time_t now, bool is_keepalive)
{
    path_t path = {.socket = query->base->socket, .protocol = TRANSPORT_UDP, .local = query->base->address, .remote = query->address};
    ice_transaction_t *transaction = ice_transaction_new(agent, ICE_TRANSACTION_SERVER, &path, now);
    if (transaction == NULL)
        return;
    transaction->query = query;
    transaction->rto = ICE_SERVER_RTO;
    ice_transaction_transmit(agent, transaction, now);
    transaction->is_cancelled = is_keepalive; /* sent once: it is for the NAT, the answer says nothing new */
}

/* Reflexive candidates that may still be needed stay alive (RFC 8445 §5.1.1.4). */
static bool needs_keepalive(const ice_agent_t *agent)
{
    return !agent->is_concluded && !agent->is_failed;
}

void ice_gather_run(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = 0; i < agent->query_count; i++) {
        ice_query_t *query = agent->queries[i];
        if (query->state == ICE_SERVER_WAITING && now >= agent->next_query_at) {
            query->state = ICE_SERVER_ASKED;
            send_query(agent, query, now, false);
            agent->next_query_at = now + ICE_TA_FAST;
        } else if (query->state == ICE_SERVER_ANSWERED && now >= query->keepalive_at) {
            query->keepalive_at = needs_keepalive(agent) ? now + ICE_SERVER_KEEPALIVE : PEER_TIME_NEVER;
            if (needs_keepalive(agent))
                send_query(agent, query, now, true);
        }
    }
    ice_gather_check_complete(agent);
}

peer_time_t ice_gather_deadline(const ice_agent_t *agent)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < agent->query_count; i++) {
        if (agent->queries[i]->state == ICE_SERVER_WAITING)
            deadline = time_earlier(deadline, agent->next_query_at);
        else if (agent->queries[i]->state == ICE_SERVER_ANSWERED)
            deadline = time_earlier(deadline, agent->queries[i]->keepalive_at);
    }
    return deadline;
}

void ice_gather_on_response(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const stun_message_t *message)
{
    if (query->state != ICE_SERVER_ASKED)
        return;
    uint16_t code;
    const char *reason;
    size_t length;
    address_t mapped;
    query->state = ICE_SERVER_FAILED;
    if (message->class == STUN_ERROR_RESPONSE && stun_get_error(message, &code, &reason, &length)) {
        report_error(agent, query->server, &query->base->address, code, reason, length < 128 ? length : 128);
        return;
    }
    if (message->class != STUN_SUCCESS_RESPONSE || !stun_get_mapped_address(message, &mapped) ||
        mapped.family != query->base->address.family || !ice_address_is_usable(&mapped)) {
        report_unreachable(agent, query->server, &query->base->address, "The server's answer has no usable address.");
        return;
    }
    query->state = ICE_SERVER_ANSWERED;
    query->keepalive_at = now + ICE_SERVER_KEEPALIVE;
    /* Redundant when known (RFC 8445 §5.1.3); one that a check discovered first is known to the peer from that check. */
    ice_local_t *known = ice_local_find(agent, query->base, &mapped);
    if (known != NULL) {
        if (known->view.type == ICE_CANDIDATE_SERVER_REFLEXIVE && known->generation != agent->generation)
            announce(agent, known);
        return;
    }
    ice_local_t *local =
        ice_local_add(agent, query->base, ICE_CANDIDATE_SERVER_REFLEXIVE, &mapped, &query->address, agent->servers[query->server].url);
    if (local != NULL)
        announce(agent, local);
}

void ice_gather_on_timeout(ice_agent_t *agent, ice_query_t *query)
{
    if (query->state != ICE_SERVER_ASKED)
        return;
    query->state = ICE_SERVER_FAILED;
    report_unreachable(agent, query->server, &query->base->address, "The server did not answer.");
}

void ice_gather_check_complete(ice_agent_t *agent)
{
    if (agent->gathering_state != ICE_GATHERING_GATHERING || !agent->are_sockets_complete)
        return;
    for (size_t i = 0; i < agent->server_count; i++)
        if (agent->servers[i].resolve_request != 0)
            return;
    for (size_t i = 0; i < agent->query_count; i++)
        if (agent->queries[i]->state == ICE_SERVER_WAITING || agent->queries[i]->state == ICE_SERVER_ASKED)
            return;
    set_state(agent, ICE_GATHERING_COMPLETE);
}

void ice_gather_restart(ice_agent_t *agent)
{
    agent->gathering_state = ICE_GATHERING_NEW; /* told by the "gathering" that follows */
    for (size_t i = agent->transaction_count; i-- > 0;)
        if (agent->transactions[i].kind == ICE_TRANSACTION_SERVER)
            ice_transaction_remove(agent, &agent->transactions[i]);
    for (size_t i = 0; i < agent->query_count; i++)
        memory_free(agent->queries[i]);
    agent->query_count = 0;
}

void ice_gather_clear(ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->query_count; i++)
        memory_free(agent->queries[i]);
    for (size_t i = 0; i < agent->local_count; i++)
        memory_free(agent->locals[i]);
    for (size_t i = 0; i < agent->base_count; i++)
        memory_free(agent->bases[i]);
    for (size_t i = 0; i < agent->server_count; i++) {
        memory_free(agent->servers[i].url);
        memory_free(agent->servers[i].host);
    }
    memory_free(agent->locals);
    memory_free(agent->servers);
    agent->query_count = agent->local_count = agent->base_count = agent->server_count = 0;
}
