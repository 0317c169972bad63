/* Bases (RFC 8445 §4): the transport addresses that candidates are sent from. They come and go with the driver's sockets and with the
 * allocations on TURN servers. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>

/* A version 4 UUID (RFC 9562) under .local, the same for all of an address's candidates (mdns-ice-candidates §3.1.1). */
static bool hide(ice_agent_t *agent, ice_base_t *base)
{
    ice_local_t *host = base->host;
    for (size_t i = 0; i < agent->base_count; i++) {
        const ice_base_t *other = agent->bases[i];
        if (other->host != NULL && other->host->view.host_name != NULL && address_ip_equal(&other->address, &base->address))
            return (host->view.host_name = memory_string(other->host->view.host_name)) != NULL;
    }
    uint8_t bits[16];
    char name[48];
    random_fill(&agent->random, bits, sizeof bits);
    bits[6] = (uint8_t)((bits[6] & 0x0f) | 0x40);
    bits[8] = (uint8_t)((bits[8] & 0x3f) | 0x80);
    size_t length = 0;
    for (size_t i = 0; i < sizeof bits; i++)
        length +=
            (size_t)snprintf(name + length, sizeof name - length, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bits[i]);
    snprintf(name + length, sizeof name - length, ".local");
    host->view.host_name = memory_string(name);
    if (host->view.host_name == NULL)
        return false;
    ice_output_push(agent,
                    &(ice_output_t){.kind = ICE_OUTPUT_PUBLISH_NAME, .publish = {.name = host->view.host_name, .address = base->address}});
    return true;
}

bool ice_base_show(ice_agent_t *agent, ice_base_t *base, ice_candidate_type_t type)
{
    const ice_query_t *query = base->query;
    base->host = ice_local_add(agent, base, type, &base->address, query != NULL ? &query->address : NULL,
                               query != NULL ? agent->servers[query->server].url : NULL);
    if (base->host == NULL)
        return false;
    bool is_named = base->kind != ICE_BASE_RELAY && agent->hides_addresses && !address_is_loopback(&base->address);
    if (!is_named || hide(agent, base))
        return true;
    agent->local_count--; /* the one just added: rather no candidate than one that tells the address */
    ice_local_free(agent, base->host);
    base->host = NULL;
    return false;
}

ice_base_t *ice_base_add(ice_agent_t *agent, const ice_base_t *values, ice_candidate_type_t type)
{
    if (agent->base_count >= ICE_MAX_BASES)
        return NULL;
    ice_base_t *base = MEMORY_NEW(ice_base_t);
    if (base == NULL)
        return NULL;
    *base = *values;
    base->local_preference = ice_candidate_local_preference(agent, base->kind, base->network, &base->address);
    bool is_hidden = base->kind != ICE_BASE_RELAY && agent->policy == ICE_POLICY_RELAY;
    if (!is_hidden && !ice_base_show(agent, base, type)) {
        memory_free(base);
        return NULL;
    }
    agent->bases[agent->base_count++] = base;
    return base;
}

ice_base_t *ice_base_find_relay(const ice_agent_t *agent, uint8_t relay)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->relay == relay && relay != 0)
            return agent->bases[i];
    return NULL;
}

ice_base_t *ice_base_find(const ice_agent_t *agent, const path_t *path)
{
    if (path->relay != 0)
        return ice_base_find_relay(agent, path->relay);
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind == ICE_BASE_UDP && agent->bases[i]->socket == path->socket)
            return agent->bases[i];
    const ice_link_t *link = ice_link_find(agent, path->socket);
    return link != NULL ? link->base : NULL;
}

ice_base_t *ice_base_find_listener(const ice_agent_t *agent, const address_t *ip)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind == ICE_BASE_TCP_PASSIVE && address_ip_equal(&agent->bases[i]->address, ip))
            return agent->bases[i];
    return NULL;
}

static void remove_pairs(ice_agent_t *agent, const ice_base_t *base)
{
    for (size_t i = agent->pair_count; i-- > 0;) {
        ice_pair_t *pair = agent->pairs[i];
        if (pair->base != base)
            continue;
        if (agent->previous != NULL && agent->previous->pair == pair)
            ice_previous_release_pair(agent);
        else
            ice_check_list_remove(agent, pair);
    }
}

void ice_base_remove(ice_agent_t *agent, ice_base_t *base)
{
    size_t place = 0;
    while (place < agent->base_count && agent->bases[place] != base)
        place++;
    if (place == agent->base_count)
        return;
    agent->bases[place] = agent->bases[--agent->base_count];
    remove_pairs(agent, base);
    for (size_t i = agent->link_count; i-- > 0;)
        if (i < agent->link_count && agent->links[i]->base == base)
            ice_link_drop(agent, agent->links[i]);
    ice_query_remove_base(agent, base);
    for (size_t i = agent->local_count; i-- > 0;) {
        ice_local_t *local = agent->locals[i];
        if (local->base != base)
            continue;
        agent->locals[i] = agent->locals[--agent->local_count];
        ice_local_free(agent, local);
    }
    memory_free(base);
}

void ice_base_clear(ice_agent_t *agent)
{
    while (agent->base_count > 0)
        ice_base_remove(agent, agent->bases[agent->base_count - 1]);
}
