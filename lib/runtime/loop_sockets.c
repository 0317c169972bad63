/* The sockets of a client: a UDP one, and a TCP listener if it is wanted, on each address that its policy selects, kept in step with the
 * host's addresses as they come and go. */
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/listener.h"
#include "runtime/mdns.h"
#include "runtime/port_mapping.h"
#include "runtime/shared_port.h"

#define SOCKETS_PER_ENTRY_MAX 64

static bool knows_address(const loop_entry_t *entry, const address_t *address)
{
    for (size_t i = 0; i < entry->socket_count; i++)
        if (!entry->sockets[i].is_link && address_ip_equal(&entry->sockets[i].local, address))
            return true;
    return false;
}

static bool reserve_socket(loop_entry_t *entry)
{
    if (entry->socket_count < SOCKETS_PER_ENTRY_MAX &&
        memory_reserve((void **)&entry->sockets, &entry->socket_capacity, entry->socket_count + 1, sizeof *entry->sockets))
        return true;
    error_set(PEER_ERROR_NETWORK, "there are too many UDP sockets already");
    return false;
}

static bool open_socket(loop_t *loop, loop_entry_t *entry, const address_t *local, network_type_t type, peer_time_t now)
{
    if (!reserve_socket(entry))
        return false;
    udp_socket_t *socket = entry->network.shared_port != 0 ? shared_port_join(loop, entry, local)
                                                           : udp_socket_open(loop, local, entry->network.port_min, entry->network.port_max);
    if (socket == NULL) {
        LOG_INFO("runtime", 0, "%s", peer_last_error_message()); /* an address may have gone since it was listed */
        return false;
    }
    if (socket->shared == NULL)
        socket->entry = entry;
    entry->sockets[entry->socket_count++] = (entry_socket_t){.local = socket->local, .number = socket->number};
    entry->ops->socket_opened(entry->client, now, socket->number, &socket->local, type);
    listener_open(loop, entry, &socket->local, type, now);
    return true;
}

/* Opens sockets on what is selected and not yet known; how many. */
static size_t open_new(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    const interface_address_t *selected[INTERFACES_MAX];
    size_t interface_count = loop_interfaces(loop, now), opened = 0;
    size_t count = address_policy_select(&entry->network, &loop->default_sources, loop->interfaces, interface_count, selected);
    for (size_t i = 0; i < count; i++)
        if (!knows_address(entry, &selected[i]->address))
            opened += open_socket(loop, entry, &selected[i]->address, selected[i]->type, now);
    return opened;
}

static void forget_closed(loop_entry_t *entry)
{
    for (size_t i = entry->socket_count; i-- > 0;)
        if (entry->sockets[i].number == 0)
            entry->sockets[i] = entry->sockets[--entry->socket_count];
}

void loop_sockets_open(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    forget_closed(entry);
    network_watch_start(loop, entry->network.address_policy != LOOP_ADDRESSES_ALL);
    entry->wants_sockets = true;
    open_new(loop, entry, now);
    entry->ops->sockets_complete(entry->client, now);
}

void loop_sockets_open_one(loop_t *loop, loop_entry_t *entry, const address_t *local, const address_t *remote, peer_time_t now)
{
    address_t address = local->family != ADDRESS_NONE ? *local : address_policy_source_towards(remote);
    if (!entry->wants_sockets)
        forget_closed(entry);
    if (address.family != ADDRESS_NONE)
        open_socket(loop, entry, &address, NETWORK_UNKNOWN, now);
    entry->ops->sockets_complete(entry->client, now);
}

bool loop_sockets_open_link(loop_t *loop, loop_entry_t *entry, const link_request_t *request, peer_time_t now)
{
    udp_socket_t *socket =
        reserve_socket(entry) ? udp_socket_open(loop, &request->local, entry->network.port_min, entry->network.port_max) : NULL;
    if (socket == NULL)
        return false;
    socket->entry = entry;
    entry->sockets[entry->socket_count++] = (entry_socket_t){.local = socket->local, .number = socket->number, .is_link = true};
    entry->ops->link_opened(entry->client, now, request->request, socket->number, &socket->local);
    return true;
}

static void close_number(loop_t *loop, loop_entry_t *entry, uint32_t number)
{
    udp_socket_t *socket = udp_socket_find(loop, number);
    if (socket == NULL)
        return;
    links_close_over(entry, socket);
    port_mapping_drop(loop, entry, number);
    if (socket->shared != NULL)
        shared_port_leave(loop, entry, socket);
    else
        udp_socket_close(loop, socket);
}

void loop_sockets_map_port(loop_t *loop, loop_entry_t *entry, uint32_t number)
{
    for (size_t i = 0; i < entry->socket_count; i++)
        if (number != 0 && entry->sockets[i].number == number)
            port_mapping_request(loop, entry, udp_socket_find(loop, number));
}

/* A link or a listener of the entry. */
static void close_stream(loop_t *loop, const loop_entry_t *entry, uint32_t number)
{
    link_t *link = link_find(loop, number);
    listener_t *listener = listener_find(loop, number);
    if (link != NULL && link->entry == entry)
        link_close(loop, link);
    else if (listener != NULL && listener->entry == entry)
        listener_close(loop, listener);
}

void loop_sockets_close(loop_t *loop, loop_entry_t *entry, uint32_t number)
{
    for (size_t i = 0; i < entry->socket_count; i++) {
        if (number == 0 || entry->sockets[i].number != number)
            continue;
        close_number(loop, entry, number);
        if (entry->sockets[i].is_link)
            entry->sockets[i] = entry->sockets[--entry->socket_count];
        else
            entry->sockets[i].number = 0; /* the address stays known: it is not new when the host's addresses are looked at again */
        return;
    }
    close_stream(loop, entry, number);
}

void loop_sockets_close_all(loop_t *loop, loop_entry_t *entry)
{
    while (entry->listeners != NULL)
        listener_close(loop, entry->listeners);
    while (entry->links != NULL)
        link_close(loop, entry->links);
    for (size_t i = 0; i < entry->socket_count; i++)
        close_number(loop, entry, entry->sockets[i].number);
    shared_port_forget(loop, entry);
    memory_free(entry->sockets);
    entry->sockets = NULL;
    entry->socket_count = entry->socket_capacity = 0;
    entry->wants_sockets = false;
}

/* A socket stays as long as its address, whether or not the policy would select it today: what uses it is better moved than cut. */
static size_t close_vanished(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    size_t closed = 0;
    for (size_t i = entry->socket_count; i-- > 0;) {
        uint32_t number = entry->sockets[i].number;
        if (interfaces_have(loop->interfaces, loop->interface_count, &entry->sockets[i].local))
            continue;
        entry->sockets[i] = entry->sockets[--entry->socket_count];
        if (number == 0)
            continue;
        close_number(loop, entry, number);
        entry->ops->socket_closed(entry->client, now, number, "The address has left this host.");
        closed++;
    }
    return closed;
}

static void refresh(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    size_t closed = close_vanished(loop, entry, now) + links_close_vanished(loop, entry, now);
    size_t opened = open_new(loop, entry, now);
    if (opened != 0)
        entry->ops->sockets_complete(entry->client, now);
    if (closed + opened == 0)
        return;
    LOG_INFO("runtime", 0, "the host's addresses changed: %zu sockets closed, %zu opened", closed, opened);
    loop_mark_dirty(loop, entry);
}

void loop_sockets_refresh(loop_t *loop, peer_time_t now)
{
    loop->interfaces_expire = now;
    loop_interfaces(loop, now);
    mdns_refresh(loop, now);
    for (size_t i = 0; i < loop->entries.capacity; i++) {
        loop_entry_t *entry = loop->entries.entries[i].value;
        if (entry != NULL && entry->wants_sockets)
            refresh(loop, entry, now);
    }
}
