#include "runtime/interfaces.h"

#include "runtime/sockaddr.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IPV6_LINES_MAX 256 /* of /proc/net/if_inet6 that are read */

static bool sysfs_has(const char *name, const char *what)
{
    char path[128];
    if ((size_t)snprintf(path, sizeof path, "/sys/class/net/%s/%s", name, what) >= sizeof path)
        return false;
    return access(path, F_OK) == 0;
}

static bool starts_with_any(const char *name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static network_type_t guess_type(const char *name, unsigned flags)
{
    static const char *const cellular[] = {"wwan", "rmnet", "ccmni", "ppp"};
    static const char *const vpn[] = {"tun", "tap", "wg", "ipsec", "utun", "nebula", "zt"};
    static const char *const ethernet[] = {"eth", "en", "br", "veth", "bond"};
    if (flags & IFF_LOOPBACK)
        return NETWORK_LOOPBACK;
    if (sysfs_has(name, "wireless") || sysfs_has(name, "phy80211"))
        return NETWORK_WIFI;
    if (sysfs_has(name, "tun_flags") || starts_with_any(name, vpn, sizeof vpn / sizeof *vpn))
        return NETWORK_VPN;
    if (starts_with_any(name, cellular, sizeof cellular / sizeof *cellular))
        return NETWORK_CELLULAR;
    if (starts_with_any(name, ethernet, sizeof ethernet / sizeof *ethernet))
        return NETWORK_ETHERNET;
    return flags & IFF_POINTOPOINT ? NETWORK_VPN : NETWORK_UNKNOWN;
}

bool interfaces_ipv6_flags_usable(uint32_t flags, bool *is_temporary, bool *is_deprecated)
{
    *is_temporary = (flags & IFA_F_TEMPORARY) != 0;
    *is_deprecated = (flags & IFA_F_DEPRECATED) != 0;
    return (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

typedef struct ipv6_line {
    uint8_t bytes[16];
    uint32_t index;
    uint32_t flags;
    uint8_t prefix_length;
} ipv6_line_t;

static bool parse_ipv6_line(const char *text, ipv6_line_t *line)
{
    char hex[33];
    unsigned index, prefix_length, scope, flags;
    if (sscanf(text, "%32[0-9a-f] %x %x %x %x", hex, &index, &prefix_length, &scope, &flags) != 5 || strlen(hex) != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        line->bytes[i] = (uint8_t)byte;
    }
    line->index = index;
    line->flags = flags;
    line->prefix_length = (uint8_t)(prefix_length > 128 ? 128 : prefix_length);
    return true;
}

/* getifaddrs() does not tell an address's flags; the kernel's table does. Without it every address counts as plain. */
static size_t read_ipv6_table(ipv6_line_t *lines)
{
    FILE *file = fopen("/proc/net/if_inet6", "re");
    if (file == NULL)
        return 0;
    size_t count = 0;
    char text[160];
    while (count < IPV6_LINES_MAX && fgets(text, sizeof text, file) != NULL)
        if (parse_ipv6_line(text, &lines[count]))
            count++;
    fclose(file);
    return count;
}

static bool is_excluded_ipv6(const address_t *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t compatible[12] = {0};
    const uint8_t *bytes = address->bytes;
    if (memcmp(bytes, mapped, 12) == 0)
        return true; /* RFC 8445 §5.1.1.1 */
    if (memcmp(bytes, compatible, 12) == 0 && !address_is_loopback(address))
        return true;                                      /* IPv4-compatible: RFC 8445 §5.1.1.1 */
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0xc0; /* site-local: RFC 3879, RFC 8445 §5.1.1.1 */
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

void interfaces_prefer_temporary(interface_address_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].address.family != ADDRESS_IPV6 || list[i].is_temporary)
            continue;
        for (size_t j = 0; j < count; j++)
            if (list[j].is_temporary && !list[j].is_spare && list[j].index == list[i].index &&
                list[j].prefix_length == list[i].prefix_length &&
                same_prefix(list[i].address.bytes, list[j].address.bytes, list[i].prefix_length))
                list[i].is_spare = true;
    }
}

static uint8_t length_of_mask(const struct sockaddr *mask)
{
    const struct sockaddr_in *ipv4 = (const void *)mask;
    if (mask == NULL || mask->sa_family != AF_INET)
        return 32;
    uint32_t bits = ntohl(ipv4->sin_addr.s_addr);
    uint8_t length = 0;
    for (; bits & 0x80000000u; bits <<= 1)
        length++;
    return length;
}

static bool describe(const struct ifaddrs *item, const ipv6_line_t *lines, size_t line_count, interface_address_t *out)
{
    const unsigned wanted = IFF_UP | IFF_RUNNING;
    if (item->ifa_addr == NULL || (item->ifa_flags & wanted) != wanted)
        return false;
    *out = (interface_address_t){.index = if_nametoindex(item->ifa_name), .prefix_length = 64};
    if (!sockaddr_to_address(item->ifa_addr, &out->address))
        return false;
    out->address.port = 0;
    if (address_is_any(&out->address) || address_is_link_local(&out->address) || address_is_multicast(&out->address))
        return false;
    if (out->address.family == ADDRESS_IPV6) {
        if (is_excluded_ipv6(&out->address))
            return false;
        for (size_t i = 0; i < line_count; i++) {
            if (lines[i].index != out->index || memcmp(lines[i].bytes, out->address.bytes, 16) != 0)
                continue;
            out->prefix_length = lines[i].prefix_length;
            if (!interfaces_ipv6_flags_usable(lines[i].flags, &out->is_temporary, &out->is_spare))
                return false;
        }
    }
    if (out->address.family == ADDRESS_IPV4)
        out->prefix_length = length_of_mask(item->ifa_netmask);
    out->can_multicast = (item->ifa_flags & IFF_MULTICAST) != 0;
    out->type = guess_type(item->ifa_name, item->ifa_flags);
    return true;
}

size_t interfaces_list(interface_address_t list[INTERFACES_MAX])
{
    struct ifaddrs *items;
    if (getifaddrs(&items) < 0)
        return 0;
    ipv6_line_t lines[IPV6_LINES_MAX];
    size_t line_count = read_ipv6_table(lines);
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) { /* loopback last */
        for (const struct ifaddrs *item = items; item != NULL && count < INTERFACES_MAX; item = item->ifa_next) {
            if (((item->ifa_flags & IFF_LOOPBACK) != 0) == (pass == 1) && describe(item, lines, line_count, &list[count]))
                count++;
        }
    }
    freeifaddrs(items);
    interfaces_prefer_temporary(list, count);
    return count;
}

bool interfaces_have(const interface_address_t *list, size_t count, const address_t *address)
{
    for (size_t i = 0; i < count; i++)
        if (address_ip_equal(&list[i].address, address))
            return true;
    return count == INTERFACES_MAX;
}

bool interfaces_are_on_link(const interface_address_t *list, size_t count, uint32_t index, const address_t *address)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == index && list[i].address.family == address->family &&
            same_prefix(list[i].address.bytes, address->bytes, list[i].prefix_length))
            return true;
    return address_is_link_local(address);
}
