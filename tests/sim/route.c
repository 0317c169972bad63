/* The way of a packet through realms and their boxes: outwards when it is sent, inwards when it arrives. */
#include "network_private.h"

static bool is_translated(const realm_t *realm, const address_t *address)
{
    return address->family == ADDRESS_IPV4 && !nat_options(realm->box)->is_firewall;
}

/* Whether `inner` lies, over any number of boxes that leave the address as it is, in `outer`. */
static bool is_seen_from(const network_t *network, uint8_t outer, uint8_t inner, const address_t *address)
{
    while (inner != outer) {
        if (inner == NETWORK_INTERNET || is_translated(&network->realms[inner], address))
            return false;
        inner = network->realms[inner].outer;
    }
    return true;
}

/* The realm in which the address is, of those that see it from `realm`; -1: it is in none. */
static int realm_of(const network_t *network, uint8_t realm, const address_t *address)
{
    for (size_t i = 0; i < network->binding_count; i++) {
        const network_place_t *place = &network->bindings[i].place;
        if (address_ip_equal(&place->address, address) && is_seen_from(network, realm, place->realm, address))
            return place->realm;
    }
    for (size_t i = 1; i < network->realm_count; i++)
        if (address_ip_equal(nat_external(network->realms[i].box), address) &&
            is_seen_from(network, realm, network->realms[i].outer, address))
            return network->realms[i].outer;
    return -1;
}

bool route_out(network_t *network, peer_time_t now, flight_t *flight)
{
    while (realm_of(network, flight->realm, &flight->to) < 0) {
        if (flight->realm == NETWORK_INTERNET)
            return false;
        const realm_t *realm = &network->realms[flight->realm];
        if (!nat_outbound(realm->box, now, flight->protocol, &flight->from, &flight->to))
            return false;
        if (address_ip_equal(nat_external(realm->box), &flight->to) && !nat_options(realm->box)->hairpins)
            return false;
        flight->realm = realm->outer;
    }
    return true;
}

/* The realm below `realm` through whose box the address is reached; 0: none. */
static uint8_t next_realm(const network_t *network, uint8_t realm, const address_t *address)
{
    for (size_t i = 1; i < network->realm_count; i++)
        if (network->realms[i].outer == realm && address_ip_equal(nat_external(network->realms[i].box), address))
            return (uint8_t)i;
    int inner = realm_of(network, realm, address);
    if (inner < 0 || inner == realm)
        return 0;
    while (network->realms[inner].outer != realm)
        inner = network->realms[inner].outer;
    return (uint8_t)inner;
}

bool route_in(network_t *network, peer_time_t now, flight_t *flight)
{
    uint8_t inner;
    while ((inner = next_realm(network, flight->realm, &flight->to)) != 0) {
        if (!nat_inbound(network->realms[inner].box, now, flight->protocol, &flight->from, &flight->to))
            return false;
        flight->realm = inner;
    }
    return true;
}

binding_t *route_find(network_t *network, socket_kind_t kind, link_protocol_t protocol, const flight_t *flight)
{
    for (size_t i = 0; i < network->binding_count; i++) {
        binding_t *binding = &network->bindings[i];
        const address_t *address = &binding->place.address;
        if (binding->kind == kind && binding->protocol == protocol && binding->place.realm == flight->realm &&
            address_ip_equal(address, &flight->to) && (address->port == 0 || address->port == flight->to.port))
            return binding;
    }
    return NULL;
}
