#include "runtime/gateway.h"

#include "base/log.h"

#define LIFETIME_MAX_S (24 * 3600) /* a mapping that is granted for longer is renewed all the same */

bool gateway_is_external(const address_t *address)
{
    uint8_t first = address->bytes[0];
    return address->family == ADDRESS_IPV4 && address->port != 0 && !address_is_any(address) && !address_is_loopback(address) &&
           !address_is_link_local(address) && !address_is_multicast(address) && !address_is_private(address) && first != 0 && first < 240;
}

static bool is_sound(const gateway_mapping_t *mapping)
{
    char text[ADDRESS_TEXT_SIZE];
    if (gateway_is_external(&mapping->external))
        return true;
    LOG_INFO("runtime", 0, "the gateway maps to %s, which is not on the Internet", address_text(&mapping->external, text));
    return false;
}

static const struct {
    bool (*map)(gateway_mapping_t *mapping, uint32_t lifetime_s);
    void (*unmap)(const gateway_mapping_t *mapping);
} protocols[] = {
    [GATEWAY_PCP] = {pcp_map, pcp_unmap},
    [GATEWAY_NAT_PMP] = {natpmp_map, natpmp_unmap},
    [GATEWAY_UPNP] = {upnp_map, upnp_unmap},
};

static bool try_protocol(gateway_mapping_t *mapping, gateway_protocol_t protocol, uint32_t lifetime_s)
{
    gateway_mapping_t attempt = *mapping;
    attempt.protocol = protocol;
    if (!protocols[protocol].map(&attempt, lifetime_s))
        return false;
    if (!is_sound(&attempt)) {
        gateway_unmap(&attempt);
        return false;
    }
    if (attempt.lifetime_s > LIFETIME_MAX_S)
        attempt.lifetime_s = LIFETIME_MAX_S;
    *mapping = attempt;
    return true;
}

bool gateway_map(gateway_mapping_t *mapping, const address_t *local, uint32_t lifetime_s)
{
    mapping->local = *local;
    if (mapping->protocol != GATEWAY_NONE)
        return try_protocol(mapping, mapping->protocol, lifetime_s);
    return try_protocol(mapping, GATEWAY_PCP, lifetime_s) || try_protocol(mapping, GATEWAY_NAT_PMP, lifetime_s) ||
           try_protocol(mapping, GATEWAY_UPNP, lifetime_s);
}

void gateway_unmap(const gateway_mapping_t *mapping)
{
    if (mapping->protocol != GATEWAY_NONE)
        protocols[mapping->protocol].unmap(mapping);
}
