/* Local candidates: their priorities (RFC 8445 §5.1.2, RFC 8421), foundations (§5.1.1.3) and the list of them. */
#include "ice/agent.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

uint32_t ice_candidate_priority(ice_candidate_type_t type, uint16_t local_preference, uint16_t component)
{
    static const uint8_t type_preference[] = {
        [ICE_CANDIDATE_HOST] = 126, [ICE_CANDIDATE_PEER_REFLEXIVE] = 110, [ICE_CANDIDATE_SERVER_REFLEXIVE] = 100};
    return (uint32_t)type_preference[type] << 24 | (uint32_t)local_preference << 8 | (uint32_t)(256 - component);
}

uint16_t ice_candidate_local_preference(const ice_agent_t *agent, ice_network_type_t network, const address_t *address)
{
    /* The dearer or the longer way round, the lower; an unknown network is probably a wire. */
    static const uint8_t rank[] = {[ICE_NETWORK_UNKNOWN] = 6,  [ICE_NETWORK_ETHERNET] = 7, [ICE_NETWORK_WIFI] = 5,
                                   [ICE_NETWORK_CELLULAR] = 3, [ICE_NETWORK_VPN] = 2,      [ICE_NETWORK_LOOPBACK] = 0};
    unsigned before = 0;
    for (size_t i = 0; i < agent->base_count; i++)
        before += agent->bases[i]->network == network && agent->bases[i]->address.family == address->family;
    /* RFC 8421 §4: families take turns, IPv6 first, so that neither starves when the list is cut. */
    unsigned place = 2 * before + (address->family == ADDRESS_IPV4) + (address_is_link_local(address) ? 1024 : 0);
    return (uint16_t)(rank[network] * 8192u + 8191u - place);
}

bool ice_address_is_usable(const address_t *address)
{
    bool is_broadcast = address->family == ADDRESS_IPV4 && bytes_get_u32(address->bytes) == 0xffffffffu;
    return address->family != ADDRESS_NONE && address->port != 0 && !address_is_any(address) && !address_is_multicast(address) &&
           !is_broadcast;
}

ice_base_t *ice_base_find(const ice_agent_t *agent, uint32_t socket)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->socket == socket)
            return agent->bases[i];
    return NULL;
}

ice_local_t *ice_local_find(const ice_agent_t *agent, const ice_base_t *base, const address_t *address)
{
    for (size_t i = 0; i < agent->local_count; i++)
        if (agent->locals[i]->base == base && address_equal(&agent->locals[i]->view.address, address))
            return agent->locals[i];
    return NULL;
}

/* Alike means: type, base's IP address, protocol and server (RFC 8445 §5.1.1.3). */
static uint32_t foundation_of(ice_agent_t *agent, const ice_local_t *local)
{
    for (size_t i = 0; i < agent->local_count; i++) {
        const ice_local_t *other = agent->locals[i];
        if (other->view.type == local->view.type && address_ip_equal(&other->base->address, &local->base->address) &&
            address_ip_equal(&other->server, &local->server))
            return other->foundation;
    }
    return ++agent->next_foundation;
}

ice_local_t *ice_local_add(ice_agent_t *agent, ice_base_t *base, ice_candidate_type_t type, const address_t *address,
                           const address_t *server, const char *url)
{
    if (agent->local_count >= ICE_MAX_LOCAL_CANDIDATES ||
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
        .protocol = TRANSPORT_UDP,
        .type = (uint8_t)type,
        .network_type = (uint8_t)base->network,
        .priority = ice_candidate_priority(type, base->local_preference, 1),
        .address = *address,
        .ufrag = agent->local_parameters.ufrag,
        .url = url,
    };
    if (type != ICE_CANDIDATE_HOST)
        local->view.related = base->address;
    local->foundation = foundation_of(agent, local);
    snprintf(local->view.foundation, sizeof local->view.foundation, "%u", (unsigned)local->foundation);
    agent->locals[agent->local_count++] = local;
    return local;
}
