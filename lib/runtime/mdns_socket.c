#include "runtime/mdns_private.h"
#include "runtime/sockaddr.h"

#include <net/if.h>
#include <string.h>
#include <unistd.h>

static int set_multicast_options(int fd, bool is_ipv6, uint32_t interface)
{
    const int on = 1, off = 0, hops = 255; /* RFC 6762 §11 */
    if (is_ipv6) {
        const struct ipv6_mreq group = {.ipv6mr_multiaddr = {.s6_addr = {0xff, 0x02, [15] = 0xfb}}, .ipv6mr_interface = interface};
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof interface);
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof off);
        return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group);
    }
    const struct ip_mreqn group = {.imr_multiaddr = {htonl(0xe00000fb)}, .imr_ifindex = (int)interface};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
}

static address_t group_address(bool is_ipv6, uint32_t interface)
{
    if (!is_ipv6)
        return address_ipv4(224, 0, 0, 251, MDNS_PORT);
    return (address_t){.family = ADDRESS_IPV6, .port = MDNS_PORT, .scope_id = interface, .bytes = {0xff, 0x02, [15] = 0xfb}};
}

address_t mdns_group(const udp_socket_t *socket)
{
    return group_address(socket->local.family == ADDRESS_IPV6, socket->local.scope_id);
}

/* Responders answer to the group when asked from its port, so that is where we ask from and listen, beside whoever else does on this host.
 * Where the port cannot be shared we ask as a legacy resolver, from any port, and are answered there (RFC 6762 §6.7). */
static int bind_mdns(int fd, bool is_ipv6, uint32_t interface)
{
    const int on = 1;
    sockaddr_any_t name;
    address_t group = group_address(is_ipv6, interface);
    address_t any = {.family = is_ipv6 ? ADDRESS_IPV6 : ADDRESS_IPV4};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &name.any, sockaddr_from_address(&name, &group)) == 0)
        return 0;
    return bind(fd, &name.any, sockaddr_from_address(&name, &any));
}

static void open_socket(mdns_t *mdns, bool is_ipv6, uint32_t interface)
{
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return;
    if (bind_mdns(fd, is_ipv6, interface) < 0 || set_multicast_options(fd, is_ipv6, interface) < 0) {
        close(fd);
        return;
    }
    udp_socket_t *udp = udp_socket_adopt(mdns->loop, fd);
    if (udp == NULL)
        return;
    udp->on_packet = mdns_on_packet;
    udp->context = mdns;
    udp->local.scope_id = interface; /* the name of a socket does not keep it for IPv4 */
    udp->next = mdns->sockets;
    mdns->sockets = udp;
}

/* The interfaces to speak on, each once; their number. */
static size_t wanted_interfaces(const loop_t *loop, uint32_t indexes[INTERFACES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < loop->interface_count; i++) {
        const interface_address_t *interface = &loop->interfaces[i];
        bool is_wanted = loop->is_mdns_on_loopback ? interface->type == NETWORK_LOOPBACK : interface->can_multicast;
        for (size_t j = 0; j < count; j++)
            if (indexes[j] == interface->index)
                is_wanted = false; /* done */
        if (is_wanted)
            indexes[count++] = interface->index;
    }
    return count;
}

static void close_others(mdns_t *mdns, const uint32_t *indexes, size_t count)
{
    udp_socket_t **link = &mdns->sockets;
    while (*link != NULL) {
        udp_socket_t *socket = *link;
        size_t i = 0;
        while (i < count && indexes[i] != socket->local.scope_id)
            i++;
        if (i < count) {
            link = &socket->next;
            continue;
        }
        *link = socket->next;
        udp_socket_close(mdns->loop, socket);
    }
}

static bool has_socket(const mdns_t *mdns, address_family_t family, uint32_t interface)
{
    for (const udp_socket_t *socket = mdns->sockets; socket != NULL; socket = socket->next)
        if (socket->local.family == family && socket->local.scope_id == interface)
            return true;
    return false;
}

void mdns_sockets_update(mdns_t *mdns, peer_time_t now)
{
    uint32_t indexes[INTERFACES_MAX];
    loop_interfaces(mdns->loop, now);
    size_t count = wanted_interfaces(mdns->loop, indexes);
    close_others(mdns, indexes, count);
    for (size_t i = 0; i < count; i++) {
        if (!has_socket(mdns, ADDRESS_IPV4, indexes[i]))
            open_socket(mdns, false, indexes[i]);
        if (!has_socket(mdns, ADDRESS_IPV6, indexes[i]))
            open_socket(mdns, true, indexes[i]);
    }
}

void mdns_sockets_close(mdns_t *mdns)
{
    close_others(mdns, NULL, 0);
}

void mdns_send(mdns_t *mdns, udp_socket_t *socket, const address_t *remote, const void *message, size_t length)
{
    packet_t *packet = packet_new_copy(mdns->loop->packets, message, length);
    if (packet == NULL)
        return;
    packet->path = (path_t){.socket = socket->number, .local = socket->local, .remote = *remote};
    udp_send(mdns->loop, socket, packet);
}
