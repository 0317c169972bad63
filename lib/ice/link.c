/* Links: the TCP connections of candidate pairs (RFC 6544) and the ways to servers over TCP, TLS and DTLS. The driver opens, frames and
 * secures them; here is which there are, for whom, and what their end means. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static void close_socket(ice_agent_t *agent, uint32_t socket)
{
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CLOSE_SOCKET, .socket = socket});
}

ice_link_t *ice_link_find(const ice_agent_t *agent, uint32_t socket)
{
    for (size_t i = 0; i < agent->link_count; i++)
        if (agent->links[i]->socket == socket && socket != 0)
            return agent->links[i];
    return NULL;
}

static ice_link_t *find_request(const ice_agent_t *agent, uint32_t request)
{
    for (size_t i = 0; i < agent->link_count; i++)
        if (agent->links[i]->request.request == request && agent->links[i]->socket == 0)
            return agent->links[i];
    return NULL;
}

static ice_link_t *new_link(ice_agent_t *agent)
{
    ice_link_t *link = agent->link_count < ICE_MAX_LINKS ? MEMORY_NEW(ice_link_t) : NULL;
    if (link == NULL)
        return NULL;
    link->order = ++agent->next_link;
    agent->links[agent->link_count++] = link;
    return link;
}

/* Out of the list; whoever used it knows it no more. */
static void forget(ice_agent_t *agent, ice_link_t *link)
{
    for (size_t i = 0; i < agent->link_count; i++)
        if (agent->links[i] == link)
            agent->links[i] = agent->links[--agent->link_count];
    for (size_t i = 0; i < agent->pair_count && link->socket != 0; i++) /* after a restart two pairs may use it */
        if (agent->pairs[i]->path.socket == link->socket && ice_base_is_tcp(agent->pairs[i]->base))
            agent->pairs[i]->path.socket = 0;
    if (link->pair != NULL)
        link->pair->link = NULL;
    if (link->query != NULL)
        link->query->link = NULL;
    memory_free(link);
}

void ice_link_drop(ice_agent_t *agent, ice_link_t *link)
{
    if (link == NULL)
        return;
    if (link->socket != 0)
        close_socket(agent, link->socket);
    else if (!ice_output_drop_connect(agent, link->request.request))
        ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CANCEL_CONNECT, .request = link->request.request});
    forget(agent, link);
}

void ice_link_clear(ice_agent_t *agent)
{
    while (agent->link_count > 0)
        forget(agent, agent->links[0]);
}

static ice_link_t *connect(ice_agent_t *agent, const link_request_t *request)
{
    ice_link_t *link = new_link(agent);
    if (link == NULL)
        return NULL;
    link->request = *request;
    link->request.request = link->order;
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CONNECT, .link = &link->request});
    return link;
}

bool ice_link_connect_pair(ice_agent_t *agent, ice_pair_t *pair)
{
    size_t count = 0;
    for (size_t i = 0; i < agent->link_count; i++)
        count += agent->links[i]->query == NULL;
    if (count >= ICE_MAX_LINKS / 2) /* the peer's candidates do not take the servers' room */
        return false;
    link_request_t request = {
        .protocol = LINK_TCP, .framing = LINK_FRAMING_ICE, .local = pair->base->address, .remote = pair->remote->view.address};
    request.local.port = 0;
    ice_link_t *link = connect(agent, &request);
    if (link == NULL)
        return false;
    link->base = pair->base;
    link->pair = pair;
    pair->link = link;
    return true;
}

bool ice_link_connect_query(ice_agent_t *agent, ice_query_t *query)
{
    static const link_protocol_t protocols[] = {
        [ICE_SERVER_UDP] = LINK_UDP, [ICE_SERVER_TCP] = LINK_TCP, [ICE_SERVER_TLS] = LINK_TLS, [ICE_SERVER_DTLS] = LINK_DTLS};
    const ice_server_entry_t *server = &agent->servers[query->server];
    link_request_t request = {.protocol = (uint8_t)protocols[server->transport],
                              .framing = LINK_FRAMING_STUN,
                              .local = query->base->address,
                              .remote = query->address};
    if (server->transport == ICE_SERVER_DTLS)
        request.socket = query->base->socket;
    else
        request.local.port = query->tcp != NULL ? query->tcp->address.port : 0;
    request.shares_port = query->tcp != NULL;
    snprintf(request.server_name, sizeof request.server_name, "%s", query->domain != NULL ? query->domain : server->host);
    ice_link_t *link = connect(agent, &request);
    if (link == NULL)
        return false;
    link->query = query;
    query->link = link;
    return true;
}

int ice_agent_add_listener(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network)
{
    bool is_wanted = agent->tcp_policy == ICE_TCP_POLICY_ALL && agent->policy == ICE_POLICY_ALL && !agent->local_parameters.is_lite &&
                     ice_address_is_usable(local);
    ice_base_t values = {.kind = ICE_BASE_TCP_PASSIVE, .socket = socket, .address = *local, .network = network};
    ice_base_t *base = is_wanted ? ice_base_add(agent, &values, ICE_CANDIDATE_HOST) : NULL;
    if (base == NULL) {
        close_socket(agent, socket);
        return 0;
    }
    ice_gather_reopen(agent);
    ice_local_announce(agent, base->host);
    ice_agent_settle(agent, now);
    return 0;
}

void ice_agent_link_opened(ice_agent_t *agent, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local)
{
    ice_link_t *link = find_request(agent, request);
    if (link == NULL) {
        close_socket(agent, socket);
        return;
    }
    link->socket = socket;
    link->local = *local;
    if (link->query != NULL) {
        ice_query_on_link(agent, now, link->query);
    } else if (link->pair != NULL) {
        link->pair->path.socket = socket;
        link->pair->path.local = *local;
        ice_check_send(agent, link->pair, now, false);
    }
    ice_agent_settle(agent, now);
}

/* It will not carry anything: the other end is not there, or is gone. */
static void on_end(ice_agent_t *agent, peer_time_t now, ice_link_t *link, const char *text)
{
    ice_query_t *query = link->query;
    ice_pair_t *pair = link->pair;
    bool was_connected = link->socket != 0;
    forget(agent, link);
    if (agent->previous != NULL && agent->previous->pair != NULL && agent->previous->pair != pair &&
        ice_base_is_tcp(agent->previous->pair->base) && agent->previous->pair->path.socket == 0)
        ice_check_fail(agent, agent->previous->pair); /* it went over the same connection */
    if (query != NULL) {
        ice_query_fail_unreachable(agent, now, query, text);
    } else if (pair != NULL) {
        bool was_valid = pair->state == ICE_PAIR_SUCCEEDED;
        ice_check_fail(agent, pair);
        /* Who connected connects again; the other side cannot (RFC 6544 §7.3), and waits for it on another connection. */
        if (was_connected && was_valid && pair->base->kind == ICE_BASE_TCP_ACTIVE && pair->reconnects < ICE_MAX_RECONNECTS) {
            pair->reconnects++;
            ice_check_list_trigger(agent, pair);
        } else if (pair->base->kind == ICE_BASE_TCP_PASSIVE && !(agent->previous != NULL && agent->previous->pair == pair)) {
            ice_check_list_remove(agent, pair);
        }
    }
    ice_agent_settle(agent, now);
}

void ice_agent_link_failed(ice_agent_t *agent, peer_time_t now, uint32_t request, const char *text)
{
    ice_link_t *link = find_request(agent, request);
    if (link == NULL)
        return;
    LOG_DEBUG("ice", agent->connection, "link failed: %s", text);
    on_end(agent, now, link, text);
}

/* Whoever connects first and then says nothing that is authentic does not keep the peer out. */
static void make_room(ice_agent_t *agent)
{
    size_t strangers = 0, oldest = 0;
    for (size_t i = agent->link_count; i-- > 0;) {
        const ice_link_t *link = agent->links[i];
        if (link->pair != NULL || link->query != NULL)
            continue;
        strangers++;
        if (strangers == 1 || link->order < agent->links[oldest]->order)
            oldest = i;
    }
    if (strangers >= ICE_MAX_LINKS / 4)
        ice_link_drop(agent, agent->links[oldest]);
}

void ice_agent_link_accepted(ice_agent_t *agent, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    ice_base_t *base = NULL;
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind == ICE_BASE_TCP_PASSIVE && agent->bases[i]->socket == listener)
            base = agent->bases[i];
    if (base != NULL)
        make_room(agent);
    ice_link_t *link = base != NULL ? new_link(agent) : NULL;
    if (link == NULL) {
        close_socket(agent, socket);
        return;
    }
    link->socket = socket;
    link->base = base;
    link->local = base->address;
    link->request.remote = *remote;
}

void ice_agent_socket_closed(ice_agent_t *agent, peer_time_t now, uint32_t socket, const char *text)
{
    ice_link_t *link = ice_link_find(agent, socket);
    if (link != NULL) {
        LOG_INFO("ice", agent->connection, "link closed: %s", text);
        on_end(agent, now, link, text);
        return;
    }
    for (size_t i = agent->base_count; i-- > 0;) {
        ice_base_t *base = agent->bases[i];
        if (base->socket != socket || base->kind == ICE_BASE_RELAY)
            continue;
        char address[ADDRESS_TEXT_SIZE];
        LOG_INFO("ice", agent->connection, "%s is gone: %s", address_text(&base->address, address), text);
        bool is_udp = base->kind == ICE_BASE_UDP;
        address_t ip = base->address;
        ice_base_remove(agent, base);
        for (size_t j = agent->base_count; is_udp && j-- > 0;) /* the active candidate went with its address */
            if (j < agent->base_count && agent->bases[j]->kind == ICE_BASE_TCP_ACTIVE && address_ip_equal(&agent->bases[j]->address, &ip))
                ice_base_remove(agent, agent->bases[j]);
        break;
    }
    ice_agent_settle(agent, now);
}

void ice_agent_port_mapped(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *external)
{
    path_t path = {.socket = socket};
    ice_base_t *base = ice_base_find(agent, &path);
    if (base == NULL || base->kind != ICE_BASE_UDP || base->host == NULL)
        return;
    base->port_mapping = *external;
    ice_query_found_mapped(agent, NULL, base, external);
    ice_agent_settle(agent, now);
}
