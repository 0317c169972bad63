/* The peer's candidates: signalled ones, resolved ones, and those learned from its checks (RFC 8445 §7.3.1.3, RFC 8838 §11). */
#include "ice/agent.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

ice_remote_t *ice_remote_find(const ice_agent_t *agent, transport_protocol_t protocol, const address_t *address)
{
    for (size_t i = 0; i < agent->remote_count; i++)
        if (agent->remotes[i]->view.protocol == protocol && address_equal(&agent->remotes[i]->view.address, address))
            return agent->remotes[i];
    return NULL;
}

static void free_memory(ice_remote_t *remote)
{
    memory_free(remote->host_name);
    memory_free(remote->ufrag);
    memory_free(remote);
}

static ice_remote_t *add(ice_agent_t *agent, const ice_candidate_t *candidate, size_t ufrag_length)
{
    if (!memory_reserve((void **)&agent->remotes, &agent->remote_capacity, agent->remote_count + 1, sizeof(ice_remote_t *)))
        return NULL;
    ice_remote_t *remote = MEMORY_NEW(ice_remote_t);
    if (remote == NULL)
        return NULL;
    remote->view = *candidate;
    remote->view.url = NULL;
    if (candidate->host_name != NULL && (remote->host_name = memory_string(candidate->host_name)) == NULL)
        goto fail;
    if (candidate->ufrag != NULL && (remote->ufrag = memory_string_n(candidate->ufrag, ufrag_length)) == NULL)
        goto fail;
    remote->view.host_name = remote->host_name;
    remote->view.ufrag = remote->ufrag;
    remote->view.id = ++agent->next_id;
    agent->remotes[agent->remote_count++] = remote;
    return remote;
fail:
    free_memory(remote);
    return NULL;
}

static void remove_remote(ice_agent_t *agent, size_t index)
{
    ice_remote_t *remote = agent->remotes[index];
    agent->remotes[index] = agent->remotes[--agent->remote_count];
    ice_remote_free(agent, remote);
}

/* It was checked in vain. One that lost consent is remembered (RFC 7675 §5.1). */
static bool has_failed(const ice_agent_t *agent, const ice_remote_t *remote)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i]->remote == remote && (agent->pairs[i]->state != ICE_PAIR_FAILED || agent->pairs[i]->is_consent_lost))
            return false;
    return true;
}

/* Requests can be replayed from anywhere: addresses where nobody answered do not keep out the one where the peer is. */
static bool make_room(ice_agent_t *agent)
{
    size_t count = 0, failed = agent->remote_count;
    for (size_t i = 0; i < agent->remote_count; i++) {
        if (agent->remotes[i]->view.type != ICE_CANDIDATE_PEER_REFLEXIVE)
            continue;
        count++;
        if (has_failed(agent, agent->remotes[i]))
            failed = i;
    }
    bool is_full = count >= ICE_MAX_PEER_REFLEXIVE || agent->remote_count >= ICE_MAX_REMOTE_CANDIDATES;
    if (is_full && failed < agent->remote_count)
        remove_remote(agent, failed);
    else if (is_full)
        return false;
    return true;
}

ice_remote_t *ice_remote_add_peer_reflexive(ice_agent_t *agent, const path_t *from, uint32_t priority, const char *ufrag,
                                            size_t ufrag_length)
{
    if (!ice_address_is_usable(&from->remote) || !make_room(agent))
        return NULL;
    ice_candidate_t candidate = {.component = 1,
                                 .protocol = from->protocol,
                                 .tcp_type = from->protocol == TRANSPORT_TCP ? ICE_TCP_ACTIVE : ICE_TCP_NONE,
                                 .type = ICE_CANDIDATE_PEER_REFLEXIVE,
                                 .priority = priority,
                                 .address = from->remote,
                                 .ufrag = ufrag};
    candidate.address.scope_id = 0; /* a zone is this host's own affair, candidates are known without */
    snprintf(candidate.foundation, sizeof candidate.foundation, "prflx%u", (unsigned)agent->next_id + 1); /* unlike any other */
    return add(agent, &candidate, ufrag_length);
}

/* The signalled candidate was known from a check: it gets its true type, foundation and priority, and a pair with every base: so far it has
 * one with the base that the check came to. */
static void promote(ice_agent_t *agent, ice_remote_t *remote, const ice_candidate_t *candidate)
{
    if (remote->view.type != ICE_CANDIDATE_PEER_REFLEXIVE || candidate->type == ICE_CANDIDATE_PEER_REFLEXIVE)
        return;
    remote->view.type = candidate->type;
    remote->view.priority = candidate->priority;
    remote->view.related = candidate->related;
    memcpy(remote->view.foundation, candidate->foundation, sizeof remote->view.foundation);
    ice_check_list_sort(agent);
    ice_check_list_pair_remote(agent, remote);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && text_equal_ignore_case(text + length - tail, end);
}

/* draft-ietf-mmusic-mdns-ice-candidates §3.2.1: one label and ".local"; other names are ordinary ones. */
static bool is_mdns_name(const char *name)
{
    return ends_with(name, ".local") && strchr(name, '.') == name + strlen(name) - strlen(".local");
}

static bool is_same_name(const ice_remote_t *remote, const ice_candidate_t *candidate)
{
    return remote->host_name != NULL && remote->view.address.port == candidate->address.port &&
           text_equal_ignore_case(remote->host_name, candidate->host_name);
}

static int add_named(ice_agent_t *agent, const ice_candidate_t *candidate)
{
    size_t length = strlen(candidate->host_name);
    if (length == 0 || length > ICE_HOST_NAME_MAX || candidate->address.port == 0)
        return error_set(PEER_ERROR_SYNTAX, "candidate: the host name or port is out of range");
    if (agent->policy == ICE_POLICY_RELAY) /* who serves the name would see this host's network ask for it */
        return 0;
    for (size_t i = 0; i < agent->remote_count; i++)
        if (is_same_name(agent->remotes[i], candidate))
            return 0;
    size_t host_names = 0;
    for (size_t i = 0; i < agent->remote_count; i++)
        host_names += agent->remotes[i]->resolve_request != 0 && !is_mdns_name(agent->remotes[i]->host_name);
    if (!is_mdns_name(candidate->host_name) && host_names >= ICE_MAX_HOST_NAMES)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "candidate: more than %d host names of DNS to resolve", ICE_MAX_HOST_NAMES);
    if (agent->resolve_count >= ICE_MAX_RESOLVES)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "candidate: more than %d host names to resolve", ICE_MAX_RESOLVES);
    ice_candidate_t named = *candidate;
    named.address = (address_t){.port = candidate->address.port};
    ice_remote_t *remote = add(agent, &named, candidate->ufrag != NULL ? strlen(candidate->ufrag) : 0);
    if (remote == NULL)
        return error_no_memory();
    remote->resolve_request = ++agent->next_resolve;
    agent->resolve_count++;
    ice_output_push(
        agent, &(ice_output_t){
                   .kind = ICE_OUTPUT_RESOLVE,
                   .resolve = {.request = remote->resolve_request, .name = remote->host_name, .is_mdns = is_mdns_name(remote->host_name)}});
    return 0;
}

/* RFC 8445 §5.1.1.1: forms of IPv6 that only wrap an IPv4 address are no candidates. */
static bool is_wrapped_ipv4(const address_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, compatible[12] = {0};
    return address->family == ADDRESS_IPV6 && !address_is_loopback(address) &&
           (memcmp(address->bytes, mapped, sizeof mapped) == 0 || memcmp(address->bytes, compatible, sizeof compatible) == 0);
}

/* RFC 6544 §4.5: of TCP the ones that we can connect to, or be connected from; simultaneous-open needs what few systems do. */
static bool is_of_known_transport(const ice_agent_t *agent, const ice_candidate_t *candidate)
{
    if (candidate->protocol == TRANSPORT_UDP)
        return true;
    return candidate->protocol == TRANSPORT_TCP && agent->tcp_policy != ICE_TCP_POLICY_OFF &&
           (candidate->tcp_type == ICE_TCP_ACTIVE || candidate->tcp_type == ICE_TCP_PASSIVE);
}

int ice_agent_add_remote_candidate(ice_agent_t *agent, peer_time_t now, const ice_candidate_t *candidate)
{
    if (candidate->component != 1 || !is_of_known_transport(agent, candidate))
        return 0;
    if (candidate->ufrag != NULL && agent->has_remote_parameters && strcmp(candidate->ufrag, agent->remote_parameters.ufrag) != 0)
        return 0;
    bool has_name = candidate->address.family == ADDRESS_NONE && candidate->host_name != NULL;
    if (!has_name && (!ice_address_is_usable(&candidate->address) || is_wrapped_ipv4(&candidate->address)))
        return error_set(PEER_ERROR_SYNTAX, "candidate: no candidate can have this address");
    address_t address = candidate->address;
    address.scope_id = 0; /* a zone means nothing outside its host */
    ice_remote_t *known = has_name ? NULL : ice_remote_find(agent, (transport_protocol_t)candidate->protocol, &address);
    if (known != NULL) {
        promote(agent, known, candidate);
        ice_agent_settle(agent, now);
        return 0;
    }
    if (agent->remote_count >= ICE_MAX_REMOTE_CANDIDATES)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "candidate: more than %d remote candidates", ICE_MAX_REMOTE_CANDIDATES);
    if (has_name) {
        int result = add_named(agent, candidate);
        ice_agent_settle(agent, now);
        return result;
    }
    ice_candidate_t copy = *candidate;
    copy.address = address;
    ice_remote_t *remote = add(agent, &copy, candidate->ufrag != NULL ? strlen(candidate->ufrag) : 0);
    if (remote == NULL)
        return error_no_memory();
    ice_check_list_pair_remote(agent, remote);
    ice_agent_settle(agent, now);
    return 0;
}

void ice_agent_end_of_remote_candidates(ice_agent_t *agent, peer_time_t now)
{
    agent->has_end_of_remote_candidates = true;
    ice_agent_settle(agent, now);
}

void ice_remote_free(ice_agent_t *agent, ice_remote_t *remote)
{
    ice_check_list_remove_remote(agent, remote);
    ice_output_drop_remote(agent, remote);
    if (remote->resolve_request != 0) {
        ice_output_drop_resolve(agent, remote->resolve_request);
        agent->resolve_count--;
    }
    free_memory(remote);
}

ice_remote_t *ice_remote_take(ice_agent_t *agent, ice_remote_t *remote)
{
    for (size_t i = 0; i < agent->remote_count; i++)
        if (agent->remotes[i] == remote)
            agent->remotes[i] = agent->remotes[--agent->remote_count];
    return remote;
}

/* The one address of the answer that will be used; NULL for none. */
static const address_t *choose(const ice_agent_t *agent, const ice_remote_t *remote, const address_t *addresses, size_t count)
{
    const address_t *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        if (chosen != NULL && is_mdns_name(remote->host_name) && !address_ip_equal(chosen, &addresses[i]))
            return NULL; /* mdns-ice-candidates §3.2.1: an mDNS name with several addresses is ignored */
        for (size_t b = 0; b < agent->base_count && chosen == NULL; b++)
            if (agent->bases[b]->address.family == addresses[i].family)
                chosen = &addresses[i];
    }
    return chosen != NULL || count == 0 ? chosen : &addresses[0];
}

void ice_agent_resolved(ice_agent_t *agent, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    if (request == 0 || ice_gather_resolved(agent, now, request, addresses, count))
        return;
    for (size_t i = 0; i < agent->remote_count; i++) {
        ice_remote_t *remote = agent->remotes[i];
        if (remote->resolve_request != request)
            continue;
        const address_t *chosen = choose(agent, remote, addresses, count);
        address_t address = {0};
        if (chosen != NULL) {
            address = *chosen;
            address.port = remote->view.address.port;
            address.scope_id = 0;
        }
        transport_protocol_t protocol = (transport_protocol_t)remote->view.protocol;
        ice_remote_t *known = chosen != NULL ? ice_remote_find(agent, protocol, &address) : NULL;
        if (chosen == NULL || !ice_address_is_usable(&address) || is_wrapped_ipv4(&address) || known != NULL) {
            if (known != NULL)
                promote(agent, known, &remote->view);
            LOG_DEBUG("ice", agent->connection, "candidate %s: %s", remote->host_name, known != NULL ? "known" : "no address");
            remove_remote(agent, i);
        } else {
            remote->resolve_request = 0;
            agent->resolve_count--;
            remote->view.address = address;
            ice_check_list_pair_remote(agent, remote);
        }
        break;
    }
    ice_agent_settle(agent, now);
}

void ice_remote_purge(ice_agent_t *agent)
{
    for (size_t i = agent->remote_count; i-- > 0;) {
        const char *ufrag = agent->remotes[i]->ufrag;
        if (ufrag != NULL && strcmp(ufrag, agent->remote_parameters.ufrag) != 0)
            remove_remote(agent, i);
    }
}

void ice_remote_clear(ice_agent_t *agent)
{
    while (agent->remote_count > 0)
        remove_remote(agent, agent->remote_count - 1);
    memory_free(agent->remotes);
    agent->remotes = NULL;
    agent->remote_capacity = 0;
}
