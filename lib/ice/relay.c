/* Relayed candidates (RFC 8656): the agent's side of the allocations on TURN servers. The allocation itself is turn.c's affair; here it
 * becomes a base, and datagrams find their way through it. */
#include "ice/agent.h"

#include "base/log.h"

#include <string.h>

static ice_base_t *base_of(const ice_agent_t *agent, const ice_query_t *query, const address_t *relayed)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->query == query && agent->bases[i]->address.family == relayed->family)
            return agent->bases[i];
    return NULL;
}

void ice_relay_start(ice_agent_t *agent, peer_time_t now, ice_query_t *query)
{
    const ice_server_entry_t *server = &agent->servers[query->server];
    turn_config_t config = {.random = agent->random,
                            .pool = agent->pool,
                            .path = query->path,
                            .username = server->username,
                            .password = server->password,
                            .wants_ipv4 = true,
                            .wants_ipv6 = true,
                            .rto = ICE_SERVER_RTO,
                            .connection = agent->connection};
    query->turn = turn_new(&config, now);
    if (query->turn == NULL) {
        ice_query_fail_unreachable(agent, now, query, "Memory ran out.");
        return;
    }
    agent->turn_count++;
}

void ice_relay_end(ice_agent_t *agent, ice_query_t *query)
{
    if (query->turn == NULL)
        return;
    for (size_t i = agent->base_count; i-- > 0;)
        if (i < agent->base_count && agent->bases[i]->query == query)
            ice_base_remove(agent, agent->bases[i]);
    const turn_counters_t *counters = turn_counters(query->turn);
    query->requests_sent += counters->requests_sent; /* what was asked stays known */
    query->responses_received += counters->responses_received;
    turn_free(query->turn);
    query->turn = NULL;
    agent->turn_count--;
}

static uint8_t free_number(ice_agent_t *agent)
{
    do
        agent->next_relay++;
    while (agent->next_relay == 0 || ice_base_find_relay(agent, agent->next_relay) != NULL);
    return agent->next_relay;
}

static void add_base(ice_agent_t *agent, ice_query_t *query, const address_t *relayed)
{
    ice_base_t values = {.kind = ICE_BASE_RELAY,
                         .socket = query->path.socket,
                         .address = *relayed,
                         .network = query->base->network,
                         .relay = free_number(agent),
                         .query = query};
    ice_base_t *base = ice_base_add(agent, &values, ICE_CANDIDATE_RELAYED);
    if (base == NULL)
        return;
    ice_gather_reopen(agent);
    ice_local_announce(agent, base->host);
    ice_check_list_pair_base(agent, base);
}

static void on_allocated(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const turn_output_t *output)
{
    query->state = ICE_SERVER_ANSWERED;
    query->mapped = output->allocated.mapped;
    query->keepalive_at = query->path.protocol == TRANSPORT_UDP ? now + ICE_RELAY_KEEPALIVE : PEER_TIME_NEVER;
    if (ice_query_is_from_base(agent, query))
        ice_query_found_mapped(agent, query, query->base, &query->mapped);
    for (size_t i = 0; i < output->allocated.relayed_count; i++) {
        if (i == 0)
            query->relayed = output->allocated.relayed[i];
        add_base(agent, query, &output->allocated.relayed[i]);
    }
}

static void on_permission_failed(ice_agent_t *agent, const ice_query_t *query, const turn_output_t *output)
{
    const ice_base_t *base = base_of(agent, query, &output->permission.peer);
    for (size_t i = 0; i < agent->pair_count && base != NULL; i++)
        if (agent->pairs[i]->base == base && address_ip_equal(&agent->pairs[i]->path.remote, &output->permission.peer))
            ice_check_fail(agent, agent->pairs[i]);
}

/* One that is asked again may not be up yet, or still have the allocation that we lost. */
static bool may_come_back(const ice_query_t *query, uint16_t code)
{
    return query->relayed.family != ADDRESS_NONE &&
           (code >= 500 || code == TURN_ERROR_ALLOCATION_MISMATCH || code == TURN_ERROR_QUOTA_REACHED);
}

static void take(ice_agent_t *agent, peer_time_t now, ice_query_t *query)
{
    turn_output_t output;
    while (query->turn != NULL && turn_poll(query->turn, &output)) {
        switch (output.kind) {
        case TURN_OUTPUT_SEND:
            ice_output_send(agent, output.packet, &output.packet->path);
            break;
        case TURN_OUTPUT_ALLOCATED:
            on_allocated(agent, now, query, &output);
            break;
        case TURN_OUTPUT_FAILED:
            if (output.failure.code == TURN_ERROR_ALLOCATION_MISMATCH && ice_query_retry_mismatch(agent, query, now))
                break;
            if (output.failure.has_alternate)
                ice_query_redirect(agent, query, &output.failure.alternate, output.failure.alternate_domain);
            else if (may_come_back(query, output.failure.code))
                ice_query_ask_again(agent, now, query, output.failure.code, output.failure.text);
            else
                ice_query_fail(agent, query, output.failure.code, output.failure.text, strlen(output.failure.text));
            break;
        case TURN_OUTPUT_LOST:
            ice_query_ask_again(agent, now, query, output.failure.code, output.failure.text);
            break;
        case TURN_OUTPUT_PERMISSION_FAILED:
            on_permission_failed(agent, query, &output);
            break;
        }
    }
}

void ice_relay_run(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = 0; i < agent->query_count && agent->turn_count > 0; i++) {
        ice_query_t *query = agent->queries[i];
        if (query->turn == NULL)
            continue;
        if (turn_deadline(query->turn) <= now)
            turn_timeout(query->turn, now);
        take(agent, now, query);
    }
}

peer_time_t ice_relay_deadline(const ice_agent_t *agent)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < agent->query_count && agent->turn_count > 0; i++)
        if (agent->queries[i]->turn != NULL)
            deadline = time_earlier(deadline, turn_deadline(agent->queries[i]->turn));
    return deadline;
}

static void send_waiting(ice_agent_t *agent, turn_t *turn)
{
    packet_t *packet;
    while ((packet = turn_poll_packet(turn)) != NULL)
        ice_output_send(agent, packet, &packet->path);
}

bool ice_relay_wrap(ice_agent_t *agent, peer_time_t now, packet_t *packet)
{
    const ice_base_t *base = ice_base_find_relay(agent, packet->path.relay);
    if (base == NULL || base->query == NULL || base->query->turn == NULL)
        return false;
    ice_query_t *query = base->query;
    address_t peer = packet->path.remote;
    bool is_sent = turn_send(query->turn, now, packet, &peer);
    send_waiting(agent,
                 query->turn); /* the permission that it needs is asked for before it; what else there is to tell waits for the next turn */
    return is_sent;
}

bool ice_agent_wrap(ice_agent_t *agent, peer_time_t now, packet_t *packet)
{
    return packet->path.relay == 0 || ice_relay_wrap(agent, now, packet);
}

void ice_agent_close(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = 0; i < agent->query_count && agent->turn_count > 0; i++) {
        turn_t *turn = agent->queries[i]->turn;
        if (turn == NULL)
            continue;
        turn_close(turn, now);
        send_waiting(agent, turn);
    }
}

static bool is_from_server_of(const ice_query_t *query, const path_t *path)
{
    return query->turn != NULL && query->path.socket == path->socket && address_equal(&query->path.remote, &path->remote);
}

bool ice_agent_unwrap(ice_agent_t *agent, peer_time_t now, packet_t *packet)
{
    for (size_t i = 0; i < agent->query_count && agent->turn_count > 0; i++) {
        ice_query_t *query = agent->queries[i];
        if (!is_from_server_of(query, &packet->path))
            continue;
        switch (turn_input(query->turn, now, packet)) {
        case TURN_INPUT_DATA: {
            const ice_base_t *base = base_of(agent, query, &packet->path.local);
            if (base == NULL)
                return false;
            packet->path.relay = base->relay;
            packet->path.protocol = TRANSPORT_UDP;
            packet->path.socket = base->socket;
            return true;
        }
        case TURN_INPUT_CONSUMED:
            ice_agent_settle(agent, now);
            return false;
        case TURN_INPUT_IGNORED: /* two URLs, or a STUN server's, may lead to the same address */
            break;
        }
    }
    return true;
}
