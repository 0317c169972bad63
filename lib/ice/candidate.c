/* Local candidates: their priorities (RFC 8445 §5.1.2, RFC 8421, RFC 6544 §4.2), foundations (§5.1.1.3) and the list of them. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define TCP_ACTIVE_PORT 9 /* RFC 6544 §4.5: an active candidate has no port of its own; "discard" stands for it */

static uint8_t type_preference(const ice_base_t *base, ice_candidate_type_t type)
{
    static const uint8_t udp[] = {[ICE_CANDIDATE_HOST] = 126, [ICE_CANDIDATE_PEER_REFLEXIVE] = 110, [ICE_CANDIDATE_SERVER_REFLEXIVE] = 100};
    /* Below any of UDP that is direct: a stream delays what comes behind a lost segment (RFC 6544 §4.2). */
    static const uint8_t tcp[] = {[ICE_CANDIDATE_HOST] = 90, [ICE_CANDIDATE_PEER_REFLEXIVE] = 80, [ICE_CANDIDATE_SERVER_REFLEXIVE] = 70};
    if (type == ICE_CANDIDATE_RELAYED || base->kind == ICE_BASE_RELAY)
        return base->query != NULL && base->query->path.protocol == TRANSPORT_TCP ? 0 : 2;
    return ice_base_is_tcp(base) ? tcp[type] : udp[type];
}

uint32_t ice_candidate_priority(const ice_base_t *base, ice_candidate_type_t type)
{
    return (uint32_t)type_preference(base, type) << 24 | (uint32_t)base->local_preference << 8 | (256 - 1); /* component 1 */
}

/* RFC 8445 §5.1.2.1: unique among candidates of a type. */
static bool is_taken(const ice_agent_t *agent, ice_base_kind_t kind, unsigned preference)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind == kind && agent->bases[i]->local_preference == preference)
            return true;
    return false;
}

uint16_t ice_candidate_local_preference(const ice_agent_t *agent, ice_base_kind_t kind, ice_network_type_t network,
                                        const address_t *address)
{
    /* The dearer or the longer way round, the lower; an unknown network is probably a wire. */
    static const uint8_t rank[] = {[ICE_NETWORK_UNKNOWN] = 6,  [ICE_NETWORK_ETHERNET] = 7, [ICE_NETWORK_WIFI] = 5,
                                   [ICE_NETWORK_CELLULAR] = 3, [ICE_NETWORK_VPN] = 2,      [ICE_NETWORK_LOOPBACK] = 0};
    /* RFC 8421 §4: families take turns, IPv6 first, so that neither starves when the list is cut. */
    unsigned place = (address->family == ADDRESS_IPV4) + (address_is_link_local(address) ? 512u : 0);
    unsigned preference = rank[network] * 8192u + 8191u - place;
    if (kind == ICE_BASE_TCP_ACTIVE || kind == ICE_BASE_TCP_PASSIVE) /* RFC 6544 §4.2 */
        preference = (kind == ICE_BASE_TCP_ACTIVE ? 6u : 4u) * 8192u + rank[network] * 1024u + 1023u - place;
    while (is_taken(agent, kind, preference))
        preference -= 2;
    return (uint16_t)preference;
}

bool ice_address_is_usable(const address_t *address)
{
    bool is_broadcast = address->family == ADDRESS_IPV4 && bytes_get_u32(address->bytes) == 0xffffffffu;
    return address->family != ADDRESS_NONE && address->port != 0 && !address_is_any(address) && !address_is_multicast(address) &&
           !is_broadcast;
}

ice_local_t *ice_local_find(const ice_agent_t *agent, const ice_base_t *base, const address_t *address)
{
    for (size_t i = 0; i < agent->local_count; i++)
        if (agent->locals[i]->base == base && address_equal(&agent->locals[i]->view.address, address))
            return agent->locals[i];
    return NULL;
}

ice_local_t *ice_local_find_reflexive(const ice_agent_t *agent, const ice_base_t *base, const address_t *address)
{
    for (size_t i = 0; i < agent->local_count; i++)
        if (agent->locals[i]->base == base && agent->locals[i] != base->host && address_equal(&agent->locals[i]->view.address, address))
            return agent->locals[i];
    return NULL;
}

/* Alike means: type, base's IP address, protocol and server (RFC 8445 §5.1.1.3). */
static uint32_t foundation_of(ice_agent_t *agent, const ice_local_t *local)
{
    for (size_t i = 0; i < agent->local_count; i++) {
        const ice_local_t *other = agent->locals[i];
        if (other->view.type == local->view.type && other->base->kind == local->base->kind &&
            address_ip_equal(&other->base->address, &local->base->address) && address_ip_equal(&other->server, &local->server))
            return other->foundation;
    }
    return ++agent->next_foundation;
}

static ice_tcp_type_t tcp_type_of(const ice_base_t *base)
{
    switch (base->kind) {
    case ICE_BASE_TCP_ACTIVE:
        return ICE_TCP_ACTIVE;
    case ICE_BASE_TCP_PASSIVE:
        return ICE_TCP_PASSIVE;
    default:
        return ICE_TCP_NONE;
    }
}

/* RFC 8839 §5.1: the related address, unless it would tell what the application hides. */
static address_t related_of(const ice_agent_t *agent, const ice_base_t *base, ice_candidate_type_t type, const address_t *own)
{
    address_t related = {0};
    if (type == ICE_CANDIDATE_HOST)
        return related;
    if (agent->hides_addresses || agent->policy == ICE_POLICY_RELAY ||
        agent->omits_private_hosts) { /* mdns-ice-candidates §3.1.2.2: 0.0.0.0 and port 9 */
        related.family = own->family;
        related.port = TCP_ACTIVE_PORT;
        return related;
    }
    return type == ICE_CANDIDATE_RELAYED && base->query != NULL ? base->query->mapped : base->address;
}

static bool is_in_use(const ice_agent_t *agent, const ice_local_t *local)
{
    if (local->view.type == ICE_CANDIDATE_HOST || local->view.type == ICE_CANDIDATE_RELAYED)
        return true;
    for (size_t i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i]->local == local)
            return true;
    return local->view.type == ICE_CANDIDATE_SERVER_REFLEXIVE && local->generation == agent->generation;
}

/* A NAT that forgets us often makes many reflexive candidates: those of former sessions give way. */
static bool make_room(ice_agent_t *agent)
{
    if (agent->local_count < ICE_MAX_LOCAL_CANDIDATES)
        return true;
    for (size_t i = 0; i < agent->local_count; i++) {
        ice_local_t *local = agent->locals[i];
        if (is_in_use(agent, local))
            continue;
        agent->locals[i] = agent->locals[--agent->local_count];
        ice_local_free(agent, local);
        return true;
    }
    return false;
}

ice_local_t *ice_local_add(ice_agent_t *agent, ice_base_t *base, ice_candidate_type_t type, const address_t *address,
                           const address_t *server, const char *url)
{
    if (!make_room(agent) ||
        !memory_reserve((void **)&agent->locals, &agent->local_capacity, agent->local_count + 1, sizeof *agent->locals))
        return NULL;
    ice_local_t *local = MEMORY_NEW(ice_local_t);
    if (local == NULL)
        return NULL;
    local->base = base;
    if (server != NULL)
        local->server = *server;
    local->view = (ice_candidate_t){
        .id = ++agent->next_id,
        .component = 1,
        .protocol = ice_base_is_tcp(base) ? TRANSPORT_TCP : TRANSPORT_UDP,
        .type = (uint8_t)type,
        .tcp_type = (uint8_t)tcp_type_of(base),
        .network_type = (uint8_t)base->network,
        .priority = ice_candidate_priority(base, type),
        .address = *address,
        .related = related_of(agent, base, type, address),
        .ufrag = agent->local_parameters.ufrag,
        .url = url,
    };
    if (base->kind == ICE_BASE_TCP_ACTIVE && type == ICE_CANDIDATE_HOST)
        local->view.address.port = TCP_ACTIVE_PORT;
    if (type == ICE_CANDIDATE_RELAYED && base->query != NULL)
        local->view.relay_protocol = (uint8_t)agent->servers[base->query->server].transport;
    local->foundation = foundation_of(agent, local);
    snprintf(local->view.foundation, sizeof local->view.foundation, "%u", (unsigned)local->foundation);
    agent->locals[agent->local_count++] = local;
    return local;
}

void ice_local_free(ice_agent_t *agent, ice_local_t *local)
{
    ice_output_drop_local(agent, local);
    memory_free((char *)(uintptr_t)local->view.host_name);
    memory_free(local);
}

void ice_local_announce(ice_agent_t *agent, ice_local_t *local)
{
    local->generation = agent->generation;
    local->is_announced =
        !agent->omits_private_hosts || local->view.type != ICE_CANDIDATE_HOST || !address_is_private(&local->base->address);
    if (!local->is_announced)
        return;
    if (log_enabled(PEER_LOG_INFO)) {
        char text[ADDRESS_TEXT_SIZE];
        LOG_INFO("ice", agent->connection, "local candidate %s%s%s %s", ice_candidate_type_name((ice_candidate_type_t)local->view.type),
                 local->view.tcp_type != ICE_TCP_NONE ? " tcp " : "", ice_tcp_type_name((ice_tcp_type_t)local->view.tcp_type),
                 address_text(&local->view.address, text));
    }
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_LOCAL_CANDIDATE, .candidate = &local->view});
}
