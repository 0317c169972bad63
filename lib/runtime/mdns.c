#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/mdns_private.h"
#include "runtime/resolver.h"

#include <string.h>

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

struct mdns_lookup {
    mdns_lookup_t *next;
    peer_time_t started;
    size_t attempts;
    target_t *targets;
    size_t target_count;
    size_t target_capacity;
    char name[MDNS_NAME_SIZE];
};

static void answer(loop_t *loop, mdns_lookup_t *query, peer_time_t now, const address_t *addresses, size_t count)
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

static mdns_lookup_t *take_query(mdns_t *mdns, mdns_lookup_t **link)
{
    mdns_lookup_t *query = *link;
    *link = query->next;
    mdns->lookup_count--;
    return query;
}

static void on_response(mdns_t *mdns, const mdns_record_t *records, size_t record_count, peer_time_t now)
{
    mdns_lookup_t **link = &mdns->lookups;
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

void mdns_on_packet(void *context, packet_t *packet, peer_time_t now)
{
    mdns_t *mdns = context;
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count;
    udp_socket_t *socket = udp_socket_find(mdns->loop, packet->path.socket);
    /* A response from another port is not a responder's: RFC 6762 §6. */
    if (packet->path.remote.port == MDNS_PORT && mdns_parse_response(packet->data, packet->length, records, &count))
        on_response(mdns, records, count, now);
    else if (mdns->name_count != 0 && socket != NULL)
        mdns_answer(mdns, socket, packet, now);
    packet_unref(packet);
}

static void ask(mdns_t *mdns, const mdns_lookup_t *query)
{
    uint8_t message[MDNS_QUERY_MAX];
    size_t length = mdns_write_query(message, sizeof message, query->name);
    for (udp_socket_t *socket = mdns->sockets; socket != NULL; socket = socket->next) {
        address_t group = mdns_group(socket);
        mdns_send(mdns, socket, &group, message, length);
    }
}

static bool is_idle(const mdns_t *mdns)
{
    return mdns->lookup_count == 0 && mdns->name_count == 0;
}

void mdns_set_deadline(mdns_t *mdns)
{
    peer_time_t next = mdns->sockets != NULL && is_idle(mdns) ? mdns->sockets_until : mdns_answer_deadline(mdns);
    for (const mdns_lookup_t *query = mdns->lookups; query != NULL; query = query->next)
        next = time_earlier(next, query->started + schedule[query->attempts]);
    deadline_heap_set(&mdns->loop->deadlines, &mdns->deadline, next);
}

static void on_due(deadline_t *deadline, peer_time_t now)
{
    mdns_t *mdns = (mdns_t *)(void *)((char *)deadline - offsetof(mdns_t, deadline));
    mdns_lookup_t **link = &mdns->lookups;
    while (*link != NULL) {
        mdns_lookup_t *query = *link;
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
    mdns_answer_late(mdns, now);
    if (!is_idle(mdns))
        mdns->sockets_until = now + LINGER;
    else if (now >= mdns->sockets_until)
        mdns_sockets_close(mdns);
    mdns_set_deadline(mdns);
}

mdns_t *mdns_get(loop_t *loop)
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

static mdns_lookup_t *find_query(mdns_t *mdns, const char *name)
{
    for (mdns_lookup_t *query = mdns->lookups; query != NULL; query = query->next)
        if (text_equal_ignore_case(query->name, name))
            return query;
    return NULL;
}

static mdns_lookup_t *new_query(mdns_t *mdns, const char *name, peer_time_t now)
{
    uint8_t message[MDNS_QUERY_MAX];
    if (mdns->lookup_count >= QUERIES_MAX || mdns_write_query(message, sizeof message, name) == 0)
        return NULL;
    mdns_lookup_t *query = MEMORY_NEW(mdns_lookup_t);
    if (query == NULL)
        return NULL;
    memcpy(query->name, name, strlen(name) + 1); /* a name that could be written fits */
    query->started = now;
    query->next = mdns->lookups;
    mdns->lookups = query;
    mdns->lookup_count++;
    return query;
}

bool mdns_request(loop_t *loop, uint32_t entry, uint32_t request, const char *name, peer_time_t now)
{
    char bare[MDNS_NAME_SIZE] = "";
    size_t length = strlen(name);
    if (length != 0 && name[length - 1] == '.')
        length--;
    mdns_t *mdns = mdns_get(loop);
    if (mdns == NULL || length >= sizeof bare)
        return false;
    memcpy(bare, name, length);
    mdns_lookup_t *query = find_query(mdns, bare);
    bool is_new = query == NULL;
    if (is_new && (query = new_query(mdns, bare, now)) == NULL)
        return false;
    if (query->target_count >= TARGETS_MAX ||
        !memory_reserve((void **)&query->targets, &query->target_capacity, query->target_count + 1, sizeof *query->targets)) {
        if (is_new) /* the newest is the first */
            memory_free(take_query(mdns, &mdns->lookups));
        return false;
    }
    query->targets[query->target_count++] = (target_t){entry, request};
    if (is_new) {
        if (mdns->sockets == NULL)
            mdns_sockets_update(mdns, now);
        ask(mdns, query);
        query->attempts = 1;
        mdns->sockets_until = now + LINGER;
        mdns_set_deadline(mdns);
    }
    return true;
}

void mdns_refresh(loop_t *loop, peer_time_t now)
{
    if (loop->mdns != NULL && loop->mdns->sockets != NULL)
        mdns_sockets_update(loop->mdns, now);
}

void mdns_free(loop_t *loop)
{
    mdns_t *mdns = loop->mdns;
    if (mdns == NULL)
        return;
    while (mdns->lookups != NULL) {
        mdns_lookup_t *query = take_query(mdns, &mdns->lookups);
        memory_free(query->targets);
        memory_free(query);
    }
    mdns_names_clear(mdns);
    mdns_sockets_close(mdns);
    deadline_heap_unreserve(&loop->deadlines, &mdns->deadline);
    memory_free(mdns);
    loop->mdns = NULL;
}
