/* A client of the loop: what it puts out is sent, answered, or queued for delivery. */
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/mdns.h"
#include "runtime/resolver.h"
#include "runtime/shared_port.h"
#include "runtime/udp_socket.h"

#define RETRY_AFTER (10 * PEER_MILLISECOND) /* when memory ran out in the middle of a flush */
/* Two touches from outside the loop closer together than this are a stream: the loop's thread then gathers them, which costs a wake-up but
 * sends more at once. A lone one is sent by its caller, who needs not wait for another thread. */
#define DIRECT_FLUSH_GAP 10

static void on_due(deadline_t *deadline, peer_time_t now)
{
    loop_entry_t *entry = (loop_entry_t *)(void *)((char *)deadline - offsetof(loop_entry_t, deadline));
    entry->ops->timeout(entry->client, now);
    loop_mark_dirty(entry->loop, entry);
}

static void send_packet(loop_t *loop, loop_entry_t *entry, packet_t *packet, peer_time_t now)
{
    udp_socket_t *socket = udp_socket_find(loop, packet->path.socket);
    link_t *link = socket == NULL ? link_find(loop, packet->path.socket) : NULL;
    if (link != NULL && link->entry == entry) {
        link_send(loop, link, packet, now);
        return;
    }
    if (socket == NULL || packet->path.remote.family != socket->local.family || packet->path.remote.port == 0 ||
        (socket->entry != entry && !shared_port_may_send(loop, entry, socket, packet, now))) {
        loop->counters.send_dropped++;
        packet_unref(packet);
        return;
    }
    udp_send(loop, socket, packet);
}

static bool poll_one(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    output_t output;
    if (!entry->ops->poll(entry->client, &output))
        return false;
    switch (output.type) {
    case OUTPUT_SEND:
        send_packet(loop, entry, output.packet, now);
        break;
    case OUTPUT_OPEN_SOCKETS:
        loop_sockets_open(loop, entry, now);
        break;
    case OUTPUT_OPEN_SOCKET:
        loop_sockets_open_one(loop, entry, &output.open.local, &output.open.remote, now);
        break;
    case OUTPUT_CLOSE_SOCKET:
        loop_sockets_close(loop, entry, output.socket);
        break;
    case OUTPUT_CONNECT:
        link_connect(loop, entry, &output.link, now);
        break;
    case OUTPUT_CANCEL_CONNECT:
        link_cancel(loop, entry, output.request);
        break;
    case OUTPUT_PUBLISH_NAME:
        if (!mdns_publish(loop, entry->id, output.publish.name, &output.publish.address, now))
            LOG_WARNING("runtime", 0, "the name %s cannot be published", output.publish.name);
        break;
    case OUTPUT_MAP_PORT:
        loop_sockets_map_port(loop, entry, output.socket);
        break;
    case OUTPUT_RESOLVE:
        resolver_request(loop, entry, output.resolve.request, output.resolve.name, now);
        break;
    case OUTPUT_EVENT:
        callbacks_push(loop, &(callback_t){.type = CALLBACK_EVENT, .event = {entry, output.event}});
        break;
    }
    return true;
}

static void flush(loop_t *loop, loop_entry_t *entry, peer_time_t now)
{
    for (;;) {
        if (!callbacks_reserve(loop)) { /* an event must not be lost: stop here, and come again */
            deadline_heap_set(&loop->deadlines, &entry->deadline, now + RETRY_AFTER);
            return;
        }
        if (!poll_one(loop, entry, now))
            break;
    }
    shared_port_update_ufrag(loop, entry);
    links_flush(entry, now);
    deadline_heap_set(&loop->deadlines, &entry->deadline, entry->ops->deadline(entry->client));
}

void loop_flush_dirty(loop_t *loop, peer_time_t now)
{
    loop_entry_t *entry;
    while ((entry = loop->dirty_first) != NULL) {
        loop->dirty_first = entry->dirty_next;
        if (loop->dirty_first == NULL)
            loop->dirty_last = NULL;
        entry->is_dirty = false;
        flush(loop, entry, now);
    }
    udp_send_flush(loop);
    udp_sockets_close_ended(loop);
}

loop_entry_t *loop_find_entry(loop_t *loop, uint32_t id)
{
    return map_get(&loop->entries, id);
}

static uint32_t free_id(loop_t *loop)
{
    do
        loop->last_entry_id++;
    while (loop->last_entry_id == 0 || map_get(&loop->entries, loop->last_entry_id) != NULL);
    return loop->last_entry_id;
}

loop_entry_t *loop_add(loop_t *loop, const loop_client_ops_t *ops, void *client, const loop_network_t *network,
                       void (*on_event)(void *user, connection_event_t *event), void *user)
{
    loop_entry_t *entry = MEMORY_NEW(loop_entry_t);
    if (entry == NULL) {
        error_no_memory();
        return NULL;
    }
    *entry = (loop_entry_t){.subject = {.references = 1, .user = user},
                            .deadline = {.time = PEER_TIME_NEVER, .on_due = on_due},
                            .loop = loop,
                            .ops = ops,
                            .client = client,
                            .on_event = on_event};
    if (network != NULL)
        entry->network = *network;
    if (entry->network.ca_file != NULL && (entry->network.ca_file = memory_string(entry->network.ca_file)) == NULL) {
        memory_free(entry);
        error_no_memory();
        return NULL;
    }
    loop_lock(loop);
    bool has_room = deadline_heap_reserve(&loop->deadlines);
    if (has_room) {
        entry->id = free_id(loop);
        if (!map_set(&loop->entries, entry->id, entry)) {
            deadline_heap_unreserve(&loop->deadlines, &entry->deadline);
            has_room = false;
        }
    }
    loop_unlock(loop);
    if (!has_room) {
        memory_free((char *)(uintptr_t)entry->network.ca_file);
        memory_free(entry);
        error_no_memory();
        return NULL;
    }
    loop_ref(loop);
    return entry;
}

void loop_touch(loop_t *loop, loop_entry_t *entry)
{
    loop_mark_dirty(loop, entry);
    if (loop_is_current(loop))
        return;
    peer_time_t now = runtime_now();
    bool is_stream = now - loop->last_direct_flush < DIRECT_FLUSH_GAP;
    loop->last_direct_flush = now;
    if (is_stream) {
        loop_wake(loop);
        return;
    }
    loop->counters.direct_flushes++;
    loop_flush_dirty(loop, now);
    loop_arm_timer(loop, now);
    if (loop->callbacks.count != 0)
        loop_wake(loop);
}

static void take_off_dirty(loop_t *loop, loop_entry_t *entry)
{
    loop_entry_t *before = NULL;
    for (loop_entry_t *at = loop->dirty_first; at != NULL; before = at, at = at->dirty_next) {
        if (at != entry)
            continue;
        if (before != NULL)
            before->dirty_next = entry->dirty_next;
        else
            loop->dirty_first = entry->dirty_next;
        if (loop->dirty_last == entry)
            loop->dirty_last = before;
        return;
    }
}

void loop_remove(loop_t *loop, loop_entry_t *entry, void (*on_removed)(void *user))
{
    loop_lock(loop);
    if (entry->is_dirty)
        take_off_dirty(loop, entry);
    entry->is_dirty = true; /* stays off the list from now on */
    flush(loop, entry, runtime_now());
    udp_send_flush(loop);
    loop_sockets_close_all(loop, entry);
    udp_sockets_close_ended(loop);
    mdns_withdraw(loop, entry->id);
    memory_free((char *)(uintptr_t)entry->network.ca_file);
    entry->network.ca_file = NULL;
    deadline_heap_unreserve(&loop->deadlines, &entry->deadline);
    map_remove(&loop->entries, entry->id);
    if (loop->callbacks.count != 0)
        loop_wake(loop);
    subject_remove(loop, &entry->subject, on_removed);
}
