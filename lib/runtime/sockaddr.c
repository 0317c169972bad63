#include "runtime/sockaddr.h"

#include <string.h>

socklen_t sockaddr_from_address(sockaddr_any_t *sockaddr, const address_t *address)
{
    if (address->family == ADDRESS_IPV4) {
        sockaddr->ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&sockaddr->ipv4.sin_addr, address->bytes, 4);
        return sizeof sockaddr->ipv4;
    }
    if (address->family == ADDRESS_IPV6) {
        sockaddr->ipv6 =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(address->port), .sin6_scope_id = address->scope_id};
        memcpy(&sockaddr->ipv6.sin6_addr, address->bytes, 16);
        return sizeof sockaddr->ipv6;
    }
    return 0;
}

bool sockaddr_to_address(const struct sockaddr *sockaddr, address_t *address)
{
    *address = (address_t){0};
    if (sockaddr->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const void *)sockaddr;
        address->family = ADDRESS_IPV4;
        address->port = ntohs(ipv4->sin_port);
        memcpy(address->bytes, &ipv4->sin_addr, 4);
        return true;
    }
    if (sockaddr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const void *)sockaddr;
        address->family = ADDRESS_IPV6;
        address->port = ntohs(ipv6->sin6_port);
        address->scope_id = IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr) ? ipv6->sin6_scope_id : 0;
        memcpy(address->bytes, &ipv6->sin6_addr, 16);
        return true;
    }
    return false;
}
