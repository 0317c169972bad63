/* Gathering (RFC 8445 §5.1.1): host candidates from the sockets that the driver binds, and who asks which server for more. It goes on as
 * networks come and go; the state returns to "gathering" then (W3C WebRTC RTCIceGatheringState). */
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

void ice_gather_reopen(ice_agent_t *agent)
{
    if (agent->gathering_state == ICE_GATHERING_COMPLETE)
        set_state(agent, ICE_GATHERING_GATHERING);
}

void ice_gather_report_error(ice_agent_t *agent, size_t server, const address_t *address, uint16_t code, const char *text, size_t length)
{
    char *copy = memory_string_n(text, length);
    LOG_INFO("ice", agent->connection, "%s: error %u %s", agent->servers[server].url, code, copy != NULL ? copy : "");
    ice_output_t output = {.kind = ICE_OUTPUT_CANDIDATE_ERROR, .error = {.url = agent->servers[server].url, .code = code, .text = copy}};
    /* W3C WebRTC §4.8.3: not one that no candidate shows. */
    bool is_shown = agent->policy != ICE_POLICY_RELAY && !agent->hides_addresses;
    if (address != NULL && is_shown && !(agent->omits_private_hosts && address_is_private(address)))
        output.error.address = *address;
    if (copy != NULL)
        ice_output_push(agent, &output);
}

static void ask_from_all(ice_agent_t *agent, size_t server)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind == ICE_BASE_UDP)
            ice_query_add(agent, server, agent->bases[i]);
}

static void set_server_addresses(ice_agent_t *agent, size_t server, const address_t *addresses, size_t count)
{
    static const char text[] = "The host name of the server has no address.";
    ice_server_entry_t *entry = &agent->servers[server];
    for (size_t i = 0; i < count && entry->address_count < 2; i++) {
        address_t address = addresses[i];
        address.port = entry->port;
        if (ice_address_is_usable(&address) && (entry->address_count == 0 || entry->addresses[0].family != address.family))
            entry->addresses[entry->address_count++] = address;
    }
    entry->has_no_address = entry->address_count == 0;
    if (entry->has_no_address)
        ice_gather_report_error(agent, server, NULL, CANDIDATE_ERROR_UNREACHABLE, text, sizeof text - 1);
    ask_from_all(agent, server);
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

/* It carries the pair of the session before, and is no candidate of this one. */
static bool is_left_over(const ice_agent_t *agent, const ice_base_t *base)
{
    return base->is_hidden || (base->query != NULL && agent->servers[base->query->server].is_retired);
}

/* After a restart: sockets and allocations are there, their candidates belong to the new session, servers without are asked anew. */
static void gather_again(ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->host != NULL && !is_left_over(agent, agent->bases[i]))
            ice_local_announce(agent, agent->bases[i]->host);
    for (size_t i = 0; i < agent->base_count; i++)
        ice_query_found_mapped(agent, NULL, agent->bases[i], &agent->bases[i]->port_mapping);
    for (size_t i = 0; i < agent->query_count; i++)
        if (ice_query_is_from_base(agent, agent->queries[i]))
            ice_query_found_mapped(agent, agent->queries[i], agent->queries[i]->base, &agent->queries[i]->mapped);
    for (size_t s = 0; s < agent->server_count; s++) {
        if (agent->servers[s].is_retired)
            continue;
        if (agent->servers[s].address_count == 0)
            look_up(agent, s);
        else
            ask_from_all(agent, s);
    }
}

/* With the policy "relay" no address of this host may be shown or used: sockets only lead to TURN servers. */
static bool needs_sockets(const ice_agent_t *agent)
{
    if (agent->policy != ICE_POLICY_RELAY)
        return true;
    for (size_t i = 0; i < agent->server_count; i++)
        if (agent->servers[i].kind == ICE_SERVER_TURN && !agent->servers[i].is_retired)
            return true;
    return false;
}

int ice_agent_gather(ice_agent_t *agent, peer_time_t now)
{
    if (agent->gathering_state != ICE_GATHERING_NEW)
        return 0;
    ice_configuration_apply(agent);
    set_state(agent, ICE_GATHERING_GATHERING);
    if (agent->has_opened_sockets) {
        gather_again(agent);
        ice_agent_settle(agent, now);
        return 0;
    }
    agent->are_sockets_complete = !needs_sockets(agent);
    if (!agent->are_sockets_complete) {
        agent->has_opened_sockets = true;
        ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_OPEN_SOCKETS});
        for (size_t i = 0; i < agent->server_count; i++)
            look_up(agent, i);
    }
    ice_agent_settle(agent, now);
    return 0;
}

static bool is_wanted(const ice_agent_t *agent, const address_t *local)
{
    size_t count = 0;
    if (!ice_address_is_usable(local) || !needs_sockets(agent))
        return false;
    for (size_t i = 0; i < agent->base_count; i++) {
        if (agent->bases[i]->kind != ICE_BASE_UDP)
            continue;
        count++;
        if (address_equal(&agent->bases[i]->address, local))
            return false;
    }
    return count < ICE_MAX_SOCKETS;
}

/* RFC 6544 §4.1: connections can be made from wherever there is an address. */
static void add_tcp_active(ice_agent_t *agent, const ice_base_t *udp)
{
    if (agent->tcp_policy == ICE_TCP_POLICY_OFF || udp->host == NULL || agent->local_parameters.is_lite)
        return;
    ice_base_t values = {.kind = ICE_BASE_TCP_ACTIVE, .address = udp->address, .network = udp->network};
    values.address.port = 9;
    ice_base_t *base = ice_base_add(agent, &values, ICE_CANDIDATE_HOST);
    if (base == NULL)
        return;
    ice_local_announce(agent, base->host);
    ice_check_list_pair_base(agent, base);
}

void ice_gather_show_bases(ice_agent_t *agent)
{
    size_t count = agent->base_count; /* those that come behind have a candidate */
    for (size_t i = 0; i < count; i++) {
        ice_base_t *base = agent->bases[i];
        bool was_hidden = base->host == NULL;
        base->is_hidden = false;
        if (!was_hidden || base->kind != ICE_BASE_UDP || !ice_base_show(agent, base, ICE_CANDIDATE_HOST))
            continue;
        if (agent->wants_port_mapping && address_is_private(&base->address))
            ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_MAP_PORT, .socket = base->socket});
        add_tcp_active(agent, base);
    }
}

int ice_agent_add_socket(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network)
{
    ice_base_t values = {.kind = ICE_BASE_UDP, .socket = socket, .address = *local, .network = network};
    ice_base_t *base = is_wanted(agent, local) ? ice_base_add(agent, &values, ICE_CANDIDATE_HOST) : NULL;
    if (base == NULL) {
        ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CLOSE_SOCKET, .socket = socket});
        return 0;
    }
    ice_gather_reopen(agent);
    if (base->host != NULL) {
        ice_local_announce(agent, base->host);
        ice_check_list_pair_base(agent, base);
        if (agent->wants_port_mapping && address_is_private(local))
            ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_MAP_PORT, .socket = socket});
    }
    for (size_t i = 0; i < agent->server_count; i++)
        ice_query_add(agent, i, base);
    add_tcp_active(agent, base);
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

void ice_gather_check_complete(ice_agent_t *agent)
{
    if (agent->gathering_state != ICE_GATHERING_GATHERING || !agent->are_sockets_complete)
        return;
    for (size_t i = 0; i < agent->server_count; i++)
        if (agent->servers[i].resolve_request != 0)
            return;
    for (size_t i = 0; i < agent->query_count; i++) {
        const ice_query_t *query = agent->queries[i];
        /* One that is asked again after its server was lost may never answer: it is not waited for. */
        if (query->retries == 0 && query->state != ICE_SERVER_ANSWERED && query->state != ICE_SERVER_FAILED)
            return;
    }
    set_state(agent, ICE_GATHERING_COMPLETE);
}

void ice_gather_restart(ice_agent_t *agent)
{
    agent->gathering_state = ICE_GATHERING_NEW; /* told by the "gathering" that follows */
    ice_query_prune(agent);
}

void ice_gather_clear(ice_agent_t *agent)
{
    ice_query_clear(agent);
    ice_link_clear(agent);
    ice_base_clear(agent);
    ice_servers_free(agent->servers, agent->server_count);
    ice_servers_free(agent->next_servers, agent->next_server_count);
    memory_free(agent->locals);
    agent->server_count = agent->next_server_count = 0;
}
