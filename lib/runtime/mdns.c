#include "runtime/mdns.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/mdns_message.h"
#include "runtime/resolver.h"
#include "runtime/sockaddr.h"
#include "runtime/udp_socket.h"

#include <net/if.h>
#include <string.h>
#include <unistd.h>

#define MDNS_PORT 5353
#define QUERIES_MAX 128          /* names asked for at a time */
#define TARGETS_MAX 4096         /* requests waiting for one name */
#define LINGER (2 * PEER_SECOND) /* sockets stay open for the next name */

/* When the question is put, after the request; the last is when it is given up. Multicast is often lost on wireless networks. */
static const peer_time_t schedule[] = {0, 250 * PEER_MILLISECOND, PEER_SECOND, 3 * PEER_SECOND};
#define ATTEMPTS (sizeof schedule / sizeof *schedule - 1)

typedef struct target {
    uint32_t entry;
    uint32_t request;
} target_t;

typedef struct query {
    struct query *next;
    peer_time_t started;
    size_t attempts;
    target_t *targets;
    size_t target_count;
    size_t target_capacity;
    char name[MDNS_NAME_SIZE];
} query_t;

struct mdns {
    loop_t *loop;
    deadline_t deadline;
    query_t *queries;
    size_t count;
    udp_socket_t *sockets;
    peer_time_t sockets_until; /* closed then, if nothing is asked */
};

static void answer(loop_t *loop, query_t *query, peer_time_t now, const address_t *addresses, size_t count)
{
    for (size_t i = 0; i < query->target_count; i++) {
        loop_entry_t *entry = loop_find_entry(loop, query->targets[i].entry);
        if (entry == NULL)
            continue;
        entry->ops->resolved(entry->client, now, query->targets[i].request, addresses, count);
        loop_mark_dirty(loop, entry);
    }
    memory_free(query->targets);
    memory_free(query);
}

static query_t *take_query(mdns_t *mdns, query_t **link)
{
    query_t *query = *link;
    *link = query->next;
    mdns->count--;
    return query;
}

static void on_response(mdns_t *mdns, const mdns_record_t *records, size_t record_count, peer_time_t now)
{
    query_t **link = &mdns->queries;
    while (*link != NULL) {
        address_t addresses[RESOLVER_ADDRESSES_MAX];
        size_t count = 0;
        for (size_t i = 0; i < record_count && count < RESOLVER_ADDRESSES_MAX; i++)
            if (text_equal_ignore_case(records[i].name, (*link)->name))
                addresses[count++] = records[i].address;
        if (count != 0)
            answer(mdns->loop, take_query(mdns, link), now, addresses, count);
        else
            link = &(*link)->next;
    }
}

static void on_packet(void *context, packet_t *packet, peer_time_t now)
{
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count;
    /* A response from another port is not a responder's: RFC 6762 §6. */
    if (packet->path.remote.port == MDNS_PORT && mdns_parse_response(packet->data, packet->length, records, &count))
        on_response(context, records, count, now);
    packet_unref(packet);
}

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
    udp->on_packet = on_packet;
    udp->context = mdns;
    udp->local.scope_id = interface; /* the name of a socket does not keep it for IPv4 */
    udp->next = mdns->sockets;
    mdns->sockets = udp;
}

static void open_sockets(mdns_t *mdns, peer_time_t now)
{
    loop_t *loop = mdns->loop;
    size_t count = loop_interfaces(loop, now);
    for (size_t i = 0; i < count; i++) {
        const interface_address_t *interface = &loop->interfaces[i];
        bool is_wanted = loop->is_mdns_on_loopback ? interface->type == NETWORK_LOOPBACK : interface->can_multicast;
        for (size_t j = 0; j < i; j++)
            if (loop->interfaces[j].index == interface->index)
                is_wanted = false; /* done */
        if (!is_wanted)
            continue;
        open_socket(mdns, false, interface->index);
        open_socket(mdns, true, interface->index);
    }
}

static void close_sockets(mdns_t *mdns)
{
    while (mdns->sockets != NULL) {
        udp_socket_t *socket = mdns->sockets;
        mdns->sockets = socket->next;
        udp_socket_close(mdns->loop, socket);
    }
}

static void ask(mdns_t *mdns, const query_t *query)
{
    uint8_t message[MDNS_QUERY_MAX];
    size_t length = mdns_write_query(message, sizeof message, query->name);
    for (udp_socket_t *socket = mdns->sockets; socket != NULL; socket = socket->next) {
        packet_t *packet = packet_new_copy(mdns->loop->packets, message, length);
        if (packet == NULL)
            return;
        packet->path = (path_t){.socket = socket->number, .local = socket->local};
        packet->path.remote = group_address(socket->local.family == ADDRESS_IPV6, socket->local.scope_id);
        udp_send(mdns->loop, socket, packet);
    }
}

static void set_deadline(mdns_t *mdns)
{
    peer_time_t next = mdns->sockets != NULL && mdns->count == 0 ? mdns->sockets_until : PEER_TIME_NEVER;
    for (const query_t *query = mdns->queries; query != NULL; query = query->next)
        next = time_earlier(next, query->started + schedule[query->attempts]);
    deadline_heap_set(&mdns->loop->deadlines, &mdns->deadline, next);
}

static void on_due(deadline_t *deadline, peer_time_t now)
{
    mdns_t *mdns = (mdns_t *)(void *)((char *)deadline - offsetof(mdns_t, deadline));
    query_t **link = &mdns->queries;
    while (*link != NULL) {
        query_t *query = *link;
        if (query->started + schedule[query->attempts] > now) {
            link = &query->next;
        } else if (query->attempts == ATTEMPTS) {
            LOG_INFO("runtime", 0, "no answer for %s on the local link", query->name);
            answer(mdns->loop, take_query(mdns, link), now, NULL, 0);
        } else {
            ask(mdns, query);
            query->attempts++;
            link = &query->next;
        }
    }
    if (mdns->count != 0)
        mdns->sockets_until = now + LINGER;
    else if (now >= mdns->sockets_until)
        close_sockets(mdns);
    set_deadline(mdns);
}

static mdns_t *get_mdns(loop_t *loop)
{
    if (loop->mdns != NULL)
        return loop->mdns;
    mdns_t *mdns = MEMORY_NEW(mdns_t);
    if (mdns == NULL || !deadline_heap_reserve(&loop->deadlines)) {
        memory_free(mdns);
        return NULL;
    }
    mdns->loop = loop;
    mdns->deadline = (deadline_t){.time = PEER_TIME_NEVER, .on_due = on_due};
    loop->mdns = mdns;
    return mdns;
}

static query_t *find_query(mdns_t *mdns, const char *name)
{
    for (query_t *query = mdns->queries; query != NULL; query = query->next)
        if (text_equal_ignore_case(query->name, name))
            return query;
    return NULL;
}

static query_t *new_query(mdns_t *mdns, const char *name, peer_time_t now)
{
    uint8_t message[MDNS_QUERY_MAX];
    if (mdns->count >= QUERIES_MAX || mdns_write_query(message, sizeof message, name) == 0)
        return NULL;
    query_t *query = MEMORY_NEW(query_t);
    if (query == NULL)
        return NULL;
    memcpy(query->name, name, strlen(name) + 1); /* a name that could be written fits */
    query->started = now;
    query->next = mdns->queries;
    mdns->queries = query;
    mdns->count++;
    return query;
}

bool mdns_request(loop_t *loop, uint32_t entry, uint32_t request, const char *name, peer_time_t now)
{
    char bare[MDNS_NAME_SIZE] = "";
    size_t length = strlen(name);
    if (length != 0 && name[length - 1] == '.')
        length--;
    mdns_t *mdns = get_mdns(loop);
    if (mdns == NULL || length >= sizeof bare)
        return false;
    memcpy(bare, name, length);
    query_t *query = find_query(mdns, bare);
    bool is_new = query == NULL;
    if (is_new && (query = new_query(mdns, bare, now)) == NULL)
        return false;
    if (query->target_count >= TARGETS_MAX ||
        !memory_reserve((void **)&query->targets, &query->target_capacity, query->target_count + 1, sizeof *query->targets)) {
        if (is_new) /* the newest is the first */
            memory_free(take_query(mdns, &mdns->queries));
        return false;
    }
    query->targets[query->target_count++] = (target_t){entry, request};
    if (is_new) {
        if (mdns->sockets == NULL)
            open_sockets(mdns, now);
        ask(mdns, query);
        query->attempts = 1;
        mdns->sockets_until = now + LINGER;
        set_deadline(mdns);
    }
    return true;
}

void mdns_free(loop_t *loop)
{
    mdns_t *mdns = loop->mdns;
    if (mdns == NULL)
        return;
    while (mdns->queries != NULL) {
        query_t *query = take_query(mdns, &mdns->queries);
        memory_free(query->targets);
        memory_free(query);
    }
    close_sockets(mdns);
    deadline_heap_unreserve(&loop->deadlines, &mdns->deadline);
    memory_free(mdns);
    loop->mdns = NULL;
}
