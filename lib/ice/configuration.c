/* Servers and policy, at first and when they change: W3C setConfiguration() has them count from the next gathering on (RFC 9429 §4.1.18).
 * What the pair in use stands on stays until a pair of the new session has taken over. */
#include "ice/agent.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

static void free_server(ice_server_entry_t *server)
{
    memory_free(server->url);
    memory_free(server->host);
    memory_free(server->username);
    memory_free(server->password);
}

void ice_servers_free(ice_server_entry_t *servers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_server(&servers[i]);
    memory_free(servers);
}

bool ice_servers_copy(const ice_server_t *given, size_t given_count, ice_server_entry_t **servers, size_t *count)
{
    size_t wanted = given_count < ICE_MAX_SERVERS ? given_count : ICE_MAX_SERVERS;
    ice_server_entry_t *made = wanted > 0 ? memory_array(wanted, sizeof *made) : NULL;
    bool is_complete = made != NULL || wanted == 0;
    for (size_t i = 0; is_complete && i < wanted; i++) {
        made[i] = (ice_server_entry_t){.kind = given[i].kind,
                                       .transport = given[i].transport,
                                       .url = memory_string(given[i].url),
                                       .host = memory_string(given[i].host),
                                       .username = memory_string(given[i].username),
                                       .password = memory_string(given[i].password),
                                       .port = given[i].port};
        is_complete = made[i].url != NULL && made[i].host != NULL && (made[i].username != NULL || given[i].username == NULL) &&
                      (made[i].password != NULL || given[i].password == NULL);
    }
    if (!is_complete) {
        ice_servers_free(made, made != NULL ? wanted : 0);
        return false;
    }
    *servers = made;
    *count = wanted;
    return true;
}

int ice_agent_configure(ice_agent_t *agent, const ice_server_t *servers, size_t count, ice_transport_policy_t policy)
{
    ice_server_entry_t *made;
    size_t made_count;
    if (!ice_servers_copy(servers, count, &made, &made_count))
        return error_no_memory();
    ice_servers_free(agent->next_servers, agent->next_server_count);
    agent->next_servers = made;
    agent->next_server_count = made_count;
    agent->next_policy = policy;
    agent->has_next_configuration = true;
    return 0;
}

/* ---- servers ---- */

static bool is_same_text(const char *first, const char *second)
{
    return first == NULL || second == NULL ? first == second : strcmp(first, second) == 0;
}

static bool is_same_server(const ice_server_entry_t *first, const ice_server_entry_t *second)
{
    return first->kind == second->kind && first->transport == second->transport && first->port == second->port &&
           is_same_text(first->url, second->url) && is_same_text(first->host, second->host) &&
           is_same_text(first->username, second->username) && is_same_text(first->password, second->password);
}

static size_t find_same(const ice_server_entry_t *servers, size_t count, const bool *is_taken, const ice_server_entry_t *server)
{
    size_t i = 0;
    while (i < count && (is_taken[i] || !is_same_server(&servers[i], server)))
        i++;
    return i;
}

/* Does anything still speak of it? */
static bool is_named(const ice_agent_t *agent, size_t server)
{
    const char *url = agent->servers[server].url;
    for (size_t i = 0; i < agent->query_count; i++)
        if (agent->queries[i]->server == server)
            return true;
    for (size_t i = 0; i < agent->local_count; i++)
        if (agent->locals[i]->view.url == url)
            return true;
    return ice_output_names_url(agent, url);
}

/* Those that were there keep their addresses and allocations; those that are not wanted any more come behind, as long as they are named. */
static bool exchange_servers(ice_agent_t *agent)
{
    size_t wanted = agent->next_server_count, count = wanted;
    ice_server_entry_t *servers = memory_array(wanted + agent->server_count + 1, sizeof *servers);
    size_t *places = memory_array(agent->server_count + 1, sizeof *places);
    bool is_taken[ICE_MAX_SERVERS] = {false};
    if (servers == NULL || places == NULL) {
        memory_free(servers);
        memory_free(places);
        return false;
    }
    if (wanted > 0)
        memcpy(servers, agent->next_servers, wanted * sizeof *servers);
    for (size_t i = 0; i < agent->server_count; i++) {
        ice_server_entry_t *old = &agent->servers[i];
        places[i] = find_same(servers, wanted, is_taken, old);
        if (places[i] < wanted) {
            is_taken[places[i]] = true;
            free_server(&servers[places[i]]);
            old->is_retired = false;
            servers[places[i]] = *old;
            continue;
        }
        if (old->resolve_request != 0)
            ice_output_drop_resolve(agent, old->resolve_request); /* it has the host's name */
        old->resolve_request = 0;
        old->is_retired = true;
        if (is_named(agent, i)) {
            places[i] = count;
            servers[count++] = *old;
        } else {
            free_server(old);
        }
    }
    for (size_t i = 0; i < agent->query_count; i++)
        agent->queries[i]->server = places[agent->queries[i]->server];
    memory_free(places);
    memory_free(agent->servers);
    memory_free(agent->next_servers);
    agent->servers = servers;
    agent->server_count = count;
    agent->next_servers = NULL;
    agent->next_server_count = 0;
    return true;
}

/* ---- what stands on them ---- */

static const ice_base_t *base_in_use(const ice_agent_t *agent)
{
    return agent->previous != NULL && agent->previous->pair != NULL ? agent->previous->pair->base : NULL;
}

/* Its allocation's bases are gone with it. */
static void remove_retired_queries(ice_agent_t *agent)
{
    const ice_base_t *in_use = base_in_use(agent);
    for (size_t i = agent->query_count; i-- > 0;) {
        if (i >= agent->query_count || !agent->servers[agent->queries[i]->server].is_retired)
            continue;
        if (in_use != NULL && in_use->query == agent->queries[i])
            agent->has_retired = true;
        else
            ice_query_remove(agent, i);
    }
}

static void forget_locals(ice_agent_t *agent, ice_base_t *base)
{
    for (size_t i = agent->local_count; i-- > 0;) {
        ice_local_t *local = agent->locals[i];
        if (local->base != base)
            continue;
        agent->locals[i] = agent->locals[--agent->local_count];
        ice_local_free(agent, local);
    }
    base->host = NULL;
}

/* With "relay" the addresses of this host are no candidates; its UDP sockets lead to servers. */
static void hide_bases(ice_agent_t *agent)
{
    for (size_t i = agent->base_count; i-- > 0;) {
        if (i >= agent->base_count || agent->bases[i]->kind == ICE_BASE_RELAY || agent->bases[i]->host == NULL)
            continue;
        ice_base_t *base = agent->bases[i];
        base->is_hidden = true;
        if (base == base_in_use(agent))
            agent->has_retired = true;
        else if (base->kind == ICE_BASE_UDP)
            forget_locals(agent, base);
        else
            ice_base_remove(agent, base);
    }
}

void ice_configuration_apply(ice_agent_t *agent)
{
    if (!agent->has_next_configuration || !exchange_servers(agent))
        return;
    agent->has_next_configuration = false;
    agent->policy = agent->next_policy;
    remove_retired_queries(agent);
    if (agent->policy == ICE_POLICY_RELAY)
        hide_bases(agent);
    else
        ice_gather_show_bases(agent);
}

void ice_configuration_release(ice_agent_t *agent)
{
    if (!agent->has_retired || base_in_use(agent) != NULL)
        return;
    agent->has_retired = false;
    remove_retired_queries(agent);
    if (agent->policy == ICE_POLICY_RELAY)
        hide_bases(agent);
}
