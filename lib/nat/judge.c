/* What follows from what was seen: behaviour, type, and who can connect with whom. Nothing here has state. */
#include "nat/discovery.h"

#include "base/bytes.h"

bool nat_address_is_plausible(const address_t *address, const address_t *server)
{
    if (address->family == ADDRESS_NONE || address->family != server->family || address->port == 0 || address_is_any(address) ||
        address_is_multicast(address))
        return false;
    uint32_t ipv4 = bytes_get_u32(address->bytes);
    if (address->family == ADDRESS_IPV4 && (ipv4 >> 24 == 0 || ipv4 >> 28 == 15)) /* RFC 1122 §3.2.1.3, RFC 1112 §4 */
        return false;
    if (address_is_loopback(address))
        return address_is_loopback(server);
    if (address_is_link_local(address))
        return address_is_link_local(server);
    if (address_is_private(address)) /* no server of the Internet sends us to a network behind our own router */
        return address_is_private(server) || address_is_loopback(server);
    return true;
}

bool nat_mapped_is_usable(const address_t *mapped, const address_t *local)
{
    return mapped->family == local->family && mapped->port != 0 && !address_is_any(mapped) && !address_is_multicast(mapped);
}

/* RFC 5780 §4.3 compares the answers to three tests; what any two observations say is the same, whichever servers they are of. */
nat_behaviour_t nat_judge_mapping(const nat_observation_t *observations, size_t count, bool *is_dependent)
{
    bool differs_with_address = false, differs_with_port = false, same_with_address = false, same_with_port = false;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const nat_observation_t *a = &observations[i], *b = &observations[j];
            bool is_same = address_equal(&a->mapped, &b->mapped);
            if (!address_ip_equal(&a->destination, &b->destination)) {
                differs_with_address |= !is_same;
                same_with_address |= is_same;
            } else if (a->destination.port != b->destination.port) {
                differs_with_port |= !is_same;
                same_with_port |= is_same;
            }
        }
    }
    *is_dependent = differs_with_address || differs_with_port;
    if (differs_with_port)
        return NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
    if (differs_with_address)
        return same_with_port ? NAT_BEHAVIOUR_ADDRESS_DEPENDENT : NAT_BEHAVIOUR_UNKNOWN;
    return same_with_address ? NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT : NAT_BEHAVIOUR_UNKNOWN;
}

nat_type_t nat_judge_type(bool is_translated, bool is_mapping_dependent, nat_behaviour_t mapping, nat_behaviour_t filtering)
{
    if (is_mapping_dependent)
        return NAT_TYPE_SYMMETRIC;
    if (is_translated && mapping != NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT)
        return NAT_TYPE_UNKNOWN;
    switch (filtering) {
    case NAT_BEHAVIOUR_ENDPOINT_INDEPENDENT:
        return is_translated ? NAT_TYPE_FULL_CONE : NAT_TYPE_OPEN;
    case NAT_BEHAVIOUR_ADDRESS_DEPENDENT:
        return is_translated ? NAT_TYPE_ADDRESS_RESTRICTED_CONE : NAT_TYPE_FIREWALLED;
    case NAT_BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT:
        return is_translated ? NAT_TYPE_PORT_RESTRICTED_CONE : NAT_TYPE_FIREWALLED;
    case NAT_BEHAVIOUR_UNKNOWN:
        break;
    }
    return NAT_TYPE_UNKNOWN;
}

/* Whether a host of that type gets what comes from an address that it has sent to, but from another port: what a symmetric NAT at the
 * other side makes of a packet. A firewall may let it through; it is the stricter kind that is common. */
static bool admits_other_ports(nat_type_t type)
{
    return type == NAT_TYPE_OPEN || type == NAT_TYPE_FULL_CONE || type == NAT_TYPE_ADDRESS_RESTRICTED_CONE;
}

bool nat_can_connect(nat_type_t a, nat_type_t b)
{
    if (a == NAT_TYPE_UNKNOWN || b == NAT_TYPE_UNKNOWN || a == NAT_TYPE_UDP_BLOCKED || b == NAT_TYPE_UDP_BLOCKED)
        return false;
    if (a == NAT_TYPE_SYMMETRIC)
        return admits_other_ports(b);
    return b != NAT_TYPE_SYMMETRIC || admits_other_ports(a);
}

nat_turn_t nat_turn_of(nat_type_t type)
{
    switch (type) {
    case NAT_TYPE_OPEN:
    case NAT_TYPE_FULL_CONE:
    case NAT_TYPE_ADDRESS_RESTRICTED_CONE:
        return NAT_TURN_SELDOM;
    case NAT_TYPE_PORT_RESTRICTED_CONE:
    case NAT_TYPE_FIREWALLED:
        return NAT_TURN_SOMETIMES;
    case NAT_TYPE_SYMMETRIC:
        return NAT_TURN_OFTEN;
    case NAT_TYPE_UDP_BLOCKED:
        return NAT_TURN_ALWAYS;
    case NAT_TYPE_UNKNOWN:
        break;
    }
    return NAT_TURN_UNKNOWN;
}
