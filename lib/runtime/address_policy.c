#include "runtime/address_policy.h"

#include "runtime/sockaddr.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANY_PORT 53 /* connect() wants one */

address_t address_policy_source_towards(const address_t *destination)
{
    address_t source = {0};
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    int fd = socket(destination->family == ADDRESS_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return source;
    if (connect(fd, &name.any, sockaddr_from_address(&name, destination)) == 0 && getsockname(fd, &name.any, &length) == 0 &&
        sockaddr_to_address(&name.any, &source))
        source.port = 0;
    close(fd);
    return source;
}

/* The destinations are ones that only a default route leads to: a root name server, whose addresses are not about to move. */
static address_t default_source(const char *destination)
{
    address_t address;
    return address_parse(&address, destination, ANY_PORT) ? address_policy_source_towards(&address) : (address_t){0};
}

default_sources_t address_policy_default_sources(void)
{
    return (default_sources_t){.ipv4 = default_source("198.41.0.4"), .ipv6 = default_source("2001:503:ba3e::2:30")};
}

static bool is_source(const default_sources_t *sources, const address_t *address)
{
    return address_ip_equal(address, &sources->ipv4) || address_ip_equal(address, &sources->ipv6);
}

/* Once an interface is chosen, its addresses of both families are known to the application (RFC 8828 §5.2, mode 2). */
static bool has_source(const default_sources_t *sources, const interface_address_t *list, size_t count, uint32_t index)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == index && is_source(sources, &list[i].address))
            return true;
    return false;
}

static bool is_family_wanted(const loop_network_t *network, const address_t *address)
{
    return address->family == ADDRESS_IPV4 ? !network->without_ipv4 : !network->without_ipv6;
}

static bool is_chosen(const loop_network_t *network, const default_sources_t *sources, const interface_address_t *list, size_t count,
                      const interface_address_t *interface)
{
    switch (network->address_policy) {
    case LOOP_ADDRESSES_ALL:
        break;
    case LOOP_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE:
        return is_source(sources, &interface->address) || (!interface->is_spare && has_source(sources, list, count, interface->index));
    case LOOP_ADDRESSES_DEFAULT_ROUTE:
        return is_source(sources, &interface->address);
    }
    return !interface->is_spare;
}

size_t address_policy_select(const loop_network_t *network, const default_sources_t *sources, const interface_address_t *list, size_t count,
                             const interface_address_t *selected[INTERFACES_MAX])
{
    size_t selected_count = 0;
    bool has_others = false;
    for (size_t i = 0; i < count && i < INTERFACES_MAX; i++) {
        bool is_loopback = list[i].type == NETWORK_LOOPBACK; /* the last of the list */
        if (!is_family_wanted(network, &list[i].address))
            continue;
        if (is_loopback ? network->loopback == LOOP_LOOPBACK_ALWAYS || (network->loopback == LOOP_LOOPBACK_IF_ALONE && !has_others)
                        : is_chosen(network, sources, list, count, &list[i])) {
            selected[selected_count++] = &list[i];
            has_others = has_others || !is_loopback;
        }
    }
    return selected_count;
}
