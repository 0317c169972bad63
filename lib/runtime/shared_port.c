#include "runtime/shared_port.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/recent_map.h"
#include "stun/stun.h"

#include <string.h>

#define PEERS_MAX 65536        /* remote addresses known, of all clients of a loop */
#define PEERS_PER_ENTRY_MAX 64 /* a peer has a handful */
#define REQUESTS_MAX 16384     /* requests on the way: ICE paces them, and a second later they are answered or lost */
#define REQUESTS_PER_ENTRY_MAX 256
#define UFRAGS_PER_ENTRY_MAX 4     /* the present one and those before the last restarts */
#define UFRAG_MAX 256              /* RFC 8839 §5.4 */
#define SILENCE (15 * PEER_SECOND) /* three rounds of consent (RFC 7675 §5.1): an address that its client has not heard from is free */

typedef struct shared_port {
    struct shared_port *next;
    loop_t *loop;
    udp_socket_t *socket;
    map_t users; /* entries by id */
} shared_port_t;

typedef struct ufrag {
    struct ufrag *chain; /* of the same hash */
    loop_entry_t *entry;
    uint32_t hash;
    char text[UFRAG_MAX + 1];
} ufrag_t;

/* An entry's side; entry->sharer. */
struct sharer {
    recent_owner_t peers;
    recent_owner_t requests;
    ufrag_t *ufrags[UFRAGS_PER_ENTRY_MAX]; /* newest first */
    size_t ufrag_count;
    char last_ufrag[UFRAG_MAX + 1]; /* as it was looked at, registered or refused */
};

struct shared_ports {
    shared_port_t *ports;
    map_t ufrags;           /* by hash */
    recent_map_t *peers;    /* by socket and remote address */
    recent_map_t *requests; /* by transaction */
};

static uint32_t ufrag_hash(const char *text, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a; all that is stored is our own, so nobody chooses collisions */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static ufrag_t *find_ufrag(const shared_ports_t *ports, const char *text, size_t length)
{
    ufrag_t *ufrag = map_get(&ports->ufrags, ufrag_hash(text, length));
    while (ufrag != NULL && (strlen(ufrag->text) != length || memcmp(ufrag->text, text, length) != 0))
        ufrag = ufrag->chain;
    return ufrag;
}

static void remove_ufrag(shared_ports_t *ports, ufrag_t *ufrag)
{
    ufrag_t *first = map_get(&ports->ufrags, ufrag->hash);
    if (first == ufrag && ufrag->chain == NULL) {
        map_remove(&ports->ufrags, ufrag->hash);
    } else if (first == ufrag) {
        map_set(&ports->ufrags, ufrag->hash, ufrag->chain); /* replaces: needs no memory */
    } else {
        while (first->chain != ufrag)
            first = first->chain;
        first->chain = ufrag->chain;
    }
    memory_free(ufrag);
}

static bool add_ufrag(shared_ports_t *ports, loop_entry_t *entry, const char *text)
{
    sharer_t *sharer = entry->sharer;
    size_t length = strlen(text);
    const ufrag_t *known = find_ufrag(ports, text, length);
    if (known != NULL)
        return known->entry == entry;
    ufrag_t *ufrag = MEMORY_NEW(ufrag_t);
    if (ufrag == NULL)
        return false;
    *ufrag = (ufrag_t){.entry = entry, .hash = ufrag_hash(text, length)};
    memcpy(ufrag->text, text, length + 1);
    ufrag->chain = map_get(&ports->ufrags, ufrag->hash);
    if (!map_set(&ports->ufrags, ufrag->hash, ufrag)) {
        memory_free(ufrag);
        return false;
    }
    if (sharer->ufrag_count == UFRAGS_PER_ENTRY_MAX)
        remove_ufrag(ports, sharer->ufrags[--sharer->ufrag_count]);
    memmove(&sharer->ufrags[1], &sharer->ufrags[0], sharer->ufrag_count * sizeof sharer->ufrags[0]);
    sharer->ufrags[0] = ufrag;
    sharer->ufrag_count++;
    return true;
}

void shared_port_update_ufrag(loop_t *loop, loop_entry_t *entry)
{
    sharer_t *sharer = entry->sharer;
    const char *text = sharer != NULL && entry->ops->ufrag != NULL ? entry->ops->ufrag(entry->client) : NULL;
    if (text == NULL || strcmp(text, sharer->last_ufrag) == 0 || strlen(text) > UFRAG_MAX)
        return;
    memcpy(sharer->last_ufrag, text, strlen(text) + 1);
    if (text[0] != '\0' && !add_ufrag(loop->shared_ports, entry, text))
        LOG_WARNING("runtime", 0, "the ufrag %s is another's on this port: checks of it are not told apart", text);
}

static shared_ports_t *get_ports(loop_t *loop)
{
    if (loop->shared_ports != NULL)
        return loop->shared_ports;
    random_source_t random = runtime_random_source();
    shared_ports_t *ports = MEMORY_NEW(shared_ports_t);
    if (ports == NULL)
        return NULL;
    ports->peers = recent_map_new(random_u64(&random), PEERS_MAX, PEERS_PER_ENTRY_MAX);
    ports->requests = recent_map_new(random_u64(&random), REQUESTS_MAX, REQUESTS_PER_ENTRY_MAX);
    loop->shared_ports = ports;
    if (ports->peers == NULL || ports->requests == NULL)
        shared_ports_free(loop);
    return loop->shared_ports;
}

static sharer_t *get_sharer(loop_entry_t *entry)
{
    if (entry->sharer != NULL)
        return entry->sharer;
    sharer_t *sharer = MEMORY_NEW(sharer_t);
    if (sharer == NULL)
        return NULL;
    sharer->peers.user = sharer->requests.user = entry;
    entry->sharer = sharer;
    return sharer;
}

static recent_key_t peer_key(uint32_t socket, const address_t *remote)
{
    recent_key_t key = {.words = {(uint64_t)socket << 32 | (uint64_t)remote->family << 16 | remote->port, remote->scope_id}};
    memcpy(&key.words[2], remote->bytes, sizeof remote->bytes);
    return key;
}

static recent_key_t request_key(const uint8_t *message)
{
    recent_key_t key = {.words = {0}};
    memcpy(key.words, message + STUN_HEADER_SIZE - STUN_TRANSACTION_ID_SIZE, STUN_TRANSACTION_ID_SIZE);
    return key;
}

/* Of a message that stun_is_message() (RFC 8489 §5). */
static stun_class_t class_of(const uint8_t *message)
{
    return (stun_class_t)((message[0] & 1) << 1 | (message[1] >> 4 & 1));
}

static void take_peer(shared_ports_t *ports, loop_entry_t *entry, const recent_key_t *key, peer_time_t now)
{
    recent_item_t *item = recent_map_put(ports->peers, &entry->sharer->peers, key);
    if (item != NULL)
        item->time = now;
}

static void learn_request(shared_ports_t *ports, loop_entry_t *entry, const packet_t *packet)
{
    recent_key_t key = request_key(packet->data);
    recent_item_t *item = recent_map_put(ports->requests, &entry->sharer->requests, &key);
    if (item != NULL)
        item->address = packet->path.remote;
}

static void learn_peer(shared_ports_t *ports, loop_entry_t *entry, const udp_socket_t *socket, const packet_t *packet, bool is_response,
                       peer_time_t now)
{
    recent_key_t key = peer_key(socket->number, &packet->path.remote);
    recent_item_t *item = recent_map_get(ports->peers, &key);
    bool is_own = item != NULL && item->owner == &entry->sharer->peers;
    if (item == NULL || (is_response && (is_own || now - item->time > SILENCE)))
        take_peer(ports, entry, &key, now);
    else if (is_own)
        recent_map_use(ports->peers, item);
}

bool shared_port_may_send(loop_t *loop, loop_entry_t *entry, const udp_socket_t *socket, const packet_t *packet, peer_time_t now)
{
    const shared_port_t *port = socket->shared;
    if (port == NULL || map_get(&port->users, entry->id) == NULL)
        return false;
    bool is_stun = stun_is_message(packet->data, packet->length);
    stun_class_t class = is_stun ? class_of(packet->data) : STUN_INDICATION;
    if (is_stun && class == STUN_REQUEST)
        learn_request(loop->shared_ports, entry, packet);
    else if (!is_stun || class == STUN_SUCCESS_RESPONSE)
        learn_peer(loop->shared_ports, entry, socket, packet, is_stun, now);
    return true;
}

static loop_entry_t *find_named(const shared_ports_t *ports, const packet_t *packet)
{
    stun_message_t message;
    const uint8_t *name;
    size_t length;
    if (!stun_parse(&message, packet->data, packet->length) || message.method != STUN_BINDING ||
        !stun_get_bytes(&message, STUN_USERNAME, &name, &length))
        return NULL;
    const uint8_t *colon = memchr(name, ':', length);
    size_t ufrag_length = colon != NULL ? (size_t)(colon - name) : length;
    const ufrag_t *ufrag = ufrag_length <= UFRAG_MAX ? find_ufrag(ports, (const char *)name, ufrag_length) : NULL;
    return ufrag != NULL ? ufrag->entry : NULL;
}

static loop_entry_t *find_asker(shared_ports_t *ports, const udp_socket_t *socket, const packet_t *packet, peer_time_t now)
{
    recent_key_t key = request_key(packet->data);
    const recent_item_t *item = recent_map_get(ports->requests, &key);
    if (item == NULL || !address_equal(&item->address, &packet->path.remote))
        return NULL;
    loop_entry_t *entry = item->owner->user;
    key = peer_key(socket->number, &packet->path.remote);
    if (class_of(packet->data) == STUN_SUCCESS_RESPONSE)
        take_peer(ports, entry, &key, now);
    return entry;
}

static loop_entry_t *find_by_address(const shared_ports_t *ports, const udp_socket_t *socket, const packet_t *packet)
{
    recent_key_t key = peer_key(socket->number, &packet->path.remote);
    const recent_item_t *item = recent_map_get(ports->peers, &key);
    return item != NULL ? item->owner->user : NULL;
}

static loop_entry_t *find_entry(const shared_port_t *port, const packet_t *packet, peer_time_t now)
{
    shared_ports_t *ports = port->loop->shared_ports;
    if (!stun_is_message(packet->data, packet->length))
        return find_by_address(ports, port->socket, packet);
    switch (class_of(packet->data)) {
    case STUN_REQUEST:
        return find_named(ports, packet);
    case STUN_SUCCESS_RESPONSE:
    case STUN_ERROR_RESPONSE:
        return find_asker(ports, port->socket, packet, now);
    case STUN_INDICATION:
        break;
    }
    return find_by_address(ports, port->socket, packet);
}

static void on_packet(void *context, packet_t *packet, peer_time_t now)
{
    shared_port_t *port = context;
    loop_entry_t *entry = find_entry(port, packet, now);
    if (entry == NULL || map_get(&port->users, entry->id) == NULL) {
        port->loop->counters.receive_unclaimed++;
        packet_unref(packet);
        return;
    }
    entry->ops->input(entry->client, now, packet);
    loop_mark_dirty(port->loop, entry);
}

static shared_port_t *find_port(const shared_ports_t *ports, const address_t *local)
{
    shared_port_t *port = ports->ports;
    while (port != NULL && !address_equal(&port->socket->local, local))
        port = port->next;
    return port;
}

static shared_port_t *open_port(loop_t *loop, const address_t *local)
{
    shared_port_t *port = MEMORY_NEW(shared_port_t);
    if (port == NULL) {
        error_no_memory();
        return NULL;
    }
    port->loop = loop;
    port->socket = udp_socket_open(loop, local, local->port, local->port);
    if (port->socket == NULL) {
        memory_free(port);
        return NULL;
    }
    port->socket->shared = port;
    port->socket->on_packet = on_packet;
    port->socket->context = port;
    port->next = loop->shared_ports->ports;
    loop->shared_ports->ports = port;
    return port;
}

static void close_port(loop_t *loop, shared_port_t *port)
{
    shared_port_t **link = &loop->shared_ports->ports;
    while (*link != port)
        link = &(*link)->next;
    *link = port->next;
    udp_socket_close(loop, port->socket);
    map_clear(&port->users);
    memory_free(port);
}

udp_socket_t *shared_port_join(loop_t *loop, loop_entry_t *entry, const address_t *local)
{
    shared_ports_t *ports = get_ports(loop);
    if (ports == NULL || get_sharer(entry) == NULL) {
        error_no_memory();
        return NULL;
    }
    address_t address = *local;
    address.port = entry->network.shared_port;
    shared_port_t *port = find_port(ports, &address);
    if (port == NULL && (port = open_port(loop, &address)) == NULL)
        return NULL;
    if (!map_set(&port->users, entry->id, entry)) {
        if (port->users.count == 0)
            close_port(loop, port);
        error_no_memory();
        return NULL;
    }
    return port->socket;
}

void shared_port_leave(loop_t *loop, loop_entry_t *entry, udp_socket_t *socket)
{
    shared_port_t *port = socket->shared;
    map_remove(&port->users, entry->id);
    if (port->users.count == 0)
        close_port(loop, port);
}

void shared_port_forget(loop_t *loop, loop_entry_t *entry)
{
    sharer_t *sharer = entry->sharer;
    if (sharer == NULL)
        return;
    recent_map_forget(loop->shared_ports->peers, &sharer->peers);
    recent_map_forget(loop->shared_ports->requests, &sharer->requests);
    for (size_t i = 0; i < sharer->ufrag_count; i++)
        remove_ufrag(loop->shared_ports, sharer->ufrags[i]);
    memory_free(sharer);
    entry->sharer = NULL;
}

void shared_ports_free(loop_t *loop)
{
    shared_ports_t *ports = loop->shared_ports;
    if (ports == NULL)
        return;
    recent_map_free(ports->peers);
    recent_map_free(ports->requests);
    map_clear(&ports->ufrags);
    memory_free(ports);
    loop->shared_ports = NULL;
}
