#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/mdns_private.h"

#include <ctype.h>
#include <string.h>

#define NAMES_MAX 4096
#define NAMES_PER_ENTRY_MAX 64
#define MULTICAST_GAP PEER_SECOND /* between two of one record on one interface: RFC 6762 §6 */
#define UNICASTS_MAX 50           /* a second and name: a query's source may be forged */

typedef enum family { IPV4, IPV6, FAMILIES } family_t;

/* A name and one address of it. */
struct mdns_name {
    mdns_name_t *next;
    mdns_name_t *chain; /* of the same hash */
    uint32_t hash;
    uint32_t entry;
    address_t address;
    /* Of the first of a name: when it may be answered for again, over either family, and whether a multicast answer waits for that. */
    peer_time_t multicast_after[FAMILIES];
    bool is_owed[FAMILIES];
    peer_time_t unicasts_since;
    unsigned unicasts;
    char text[MDNS_NAME_SIZE];
};

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)tolower((unsigned char)*text)) * 16777619u;
    return hash;
}

static mdns_name_t *first_of(const mdns_t *mdns, const char *text)
{
    mdns_name_t *name = map_get(&mdns->names_by_hash, hash_of(text));
    while (name != NULL && !text_equal_ignore_case(name->text, text))
        name = name->chain;
    return name;
}

static mdns_name_t *next_of(const mdns_name_t *name)
{
    mdns_name_t *next = name->chain;
    while (next != NULL && !text_equal_ignore_case(next->text, name->text))
        next = next->chain;
    return next;
}

/* The interface that has the address; 0: none any more. */
static uint32_t interface_of(const loop_t *loop, const address_t *address)
{
    for (size_t i = 0; i < loop->interface_count; i++)
        if (address_ip_equal(&loop->interfaces[i].address, address))
            return loop->interfaces[i].index;
    return 0;
}

static family_t family_of(const udp_socket_t *socket)
{
    return socket->local.family == ADDRESS_IPV6 ? IPV6 : IPV4;
}

static bool is_served(const mdns_t *mdns, const mdns_name_t *name, const udp_socket_t *socket)
{
    uint32_t interface = interface_of(mdns->loop, &name->address);
    return interface != 0 && interface == socket->local.scope_id;
}

static bool is_known(const mdns_query_t *query, const mdns_name_t *name)
{
    for (size_t i = 0; i < query->known_count; i++) /* at half its life it may be told again: RFC 6762 §7.1 */
        if (query->known[i].ttl >= MDNS_TTL / 2 && address_ip_equal(&query->known[i].address, &name->address) &&
            text_equal_ignore_case(query->known[i].name, name->text))
            return true;
    return false;
}

static bool is_asked_for(const mdns_question_t *question, const mdns_name_t *name)
{
    return question->type == MDNS_TYPE_ANY || question->type == (name->address.family == ADDRESS_IPV4 ? MDNS_TYPE_A : MDNS_TYPE_AAAA);
}

static mdns_answer_t answer_of(const mdns_name_t *name)
{
    mdns_answer_t answer = {.name = name->text, .address = name->address};
    answer.address.port = 0;
    return answer;
}

/* What else the name has, so that nobody waits for an address that it has not (RFC 6762 §6.1). */
static mdns_answer_t types_of(const mdns_t *mdns, const mdns_name_t *any)
{
    mdns_answer_t answer = {.name = any->text};
    for (const mdns_name_t *name = first_of(mdns, any->text); name != NULL; name = next_of(name)) {
        answer.has_ipv4 = answer.has_ipv4 || name->address.family == ADDRESS_IPV4;
        answer.has_ipv6 = answer.has_ipv6 || name->address.family == ADDRESS_IPV6;
    }
    return answer;
}

static void add_answer(mdns_answer_t *answers, size_t *count, mdns_answer_t answer)
{
    for (size_t i = 0; i < *count; i++)
        if (answers[i].name == answer.name && answers[i].address.family == answer.address.family)
            return; /* asked for twice */
    if (*count < MDNS_RECORDS_MAX)
        answers[(*count)++] = answer;
}

static void send_response(mdns_t *mdns, udp_socket_t *socket, const address_t *remote, const mdns_response_t *response)
{
    uint8_t message[MDNS_RESPONSE_MAX];
    size_t length = mdns_write_response(message, sizeof message, response);
    if (length != 0)
        mdns_send(mdns, socket, remote, message, length);
}

/* A multicast answer that came a moment ago is not repeated: it waits for its time. */
static bool may_answer(mdns_name_t *first, family_t family, bool is_unicast, peer_time_t now)
{
    if (is_unicast) {
        if (now - first->unicasts_since >= PEER_SECOND) {
            first->unicasts_since = now;
            first->unicasts = 0;
        }
        return ++first->unicasts <= UNICASTS_MAX;
    }
    first->is_owed[family] = now < first->multicast_after[family];
    if (first->is_owed[family])
        return false;
    first->multicast_after[family] = now + MULTICAST_GAP;
    return true;
}

static void add_question(mdns_t *mdns, const udp_socket_t *socket, const mdns_query_t *query, const mdns_question_t *question,
                         const mdns_name_t *first, mdns_response_t *response)
{
    bool is_here = false, has_type = false;
    for (const mdns_name_t *name = first; name != NULL; name = next_of(name)) {
        if (!is_served(mdns, name, socket))
            continue;
        is_here = true;
        if (!is_asked_for(question, name))
            continue;
        has_type = true;
        if (!is_known(query, name))
            add_answer(response->answers, &response->answer_count, answer_of(name));
    }
    if (is_here && !has_type)
        add_answer(response->answers, &response->answer_count, types_of(mdns, first));
}

typedef struct answer_mode {
    bool is_unicast;
    bool is_legacy;
} answer_mode_t;

static bool is_in_mode(const mdns_question_t *question, answer_mode_t mode)
{
    return (mode.is_legacy || question->wants_unicast) == mode.is_unicast;
}

/* All that the query asks of one name. */
static void add_name(mdns_t *mdns, const udp_socket_t *socket, const mdns_query_t *query, mdns_name_t *first, answer_mode_t mode,
                     peer_time_t now, mdns_response_t *response)
{
    size_t before = response->answer_count;
    for (size_t i = 0; i < query->question_count; i++)
        if (is_in_mode(&query->questions[i], mode) && text_equal_ignore_case(query->questions[i].name, first->text))
            add_question(mdns, socket, query, &query->questions[i], first, response);
    if (response->answer_count == before)
        return;
    if (may_answer(first, family_of(socket), mode.is_unicast, now))
        add_answer(response->additional, &response->additional_count, types_of(mdns, first));
    else
        response->answer_count = before;
}

static void respond(mdns_t *mdns, udp_socket_t *socket, const packet_t *packet, const mdns_query_t *query, answer_mode_t mode,
                    peer_time_t now)
{
    mdns_response_t response = {.id = query->id};
    const mdns_name_t *done[MDNS_QUESTIONS_MAX];
    size_t done_count = 0;
    for (size_t i = 0; i < query->question_count; i++) {
        mdns_name_t *first = is_in_mode(&query->questions[i], mode) ? first_of(mdns, query->questions[i].name) : NULL;
        bool is_new = first != NULL;
        for (size_t j = 0; j < done_count; j++)
            is_new = is_new && done[j] != first;
        if (!is_new)
            continue;
        done[done_count++] = first;
        add_name(mdns, socket, query, first, mode, now, &response);
        if (mode.is_legacy && response.answer_count != 0) {
            response.legacy = &query->questions[i]; /* such a resolver asks for one thing at a time */
            break;
        }
    }
    address_t group = mdns_group(socket);
    if (response.answer_count != 0)
        send_response(mdns, socket, mode.is_unicast ? &packet->path.remote : &group, &response);
}

void mdns_answer(mdns_t *mdns, udp_socket_t *socket, const packet_t *packet, peer_time_t now)
{
    mdns_query_t query;
    if (!mdns_parse_query(packet->data, packet->length, &query))
        return;
    bool is_legacy = packet->path.remote.port != MDNS_PORT;
    /* RFC 6762 §5.5: no answer goes out of the local link, wherever a query claims to be from. */
    if (!interfaces_are_on_link(mdns->loop->interfaces, mdns->loop->interface_count, socket->local.scope_id, &packet->path.remote)) {
        if (is_legacy)
            return;
        for (size_t i = 0; i < query.question_count; i++)
            query.questions[i].wants_unicast = false;
    }
    respond(mdns, socket, packet, &query, (answer_mode_t){.is_unicast = true, .is_legacy = is_legacy}, now);
    if (!is_legacy)
        respond(mdns, socket, packet, &query, (answer_mode_t){0}, now);
    mdns_set_deadline(mdns);
}

static void answer_late(mdns_t *mdns, mdns_name_t *first, family_t family, peer_time_t now)
{
    first->is_owed[family] = false;
    first->multicast_after[family] = now + MULTICAST_GAP;
    for (udp_socket_t *socket = mdns->sockets; socket != NULL; socket = socket->next) {
        mdns_response_t response = {.additional = {types_of(mdns, first)}, .additional_count = 1};
        for (const mdns_name_t *name = first; name != NULL; name = next_of(name))
            if (family_of(socket) == family && is_served(mdns, name, socket))
                add_answer(response.answers, &response.answer_count, answer_of(name));
        address_t group = mdns_group(socket);
        if (response.answer_count != 0)
            send_response(mdns, socket, &group, &response);
    }
}

void mdns_answer_late(mdns_t *mdns, peer_time_t now)
{
    for (mdns_name_t *name = mdns->names; name != NULL; name = name->next)
        for (family_t family = IPV4; family < FAMILIES; family++)
            if (name->is_owed[family] && name->multicast_after[family] <= now)
                answer_late(mdns, name, family, now);
}

peer_time_t mdns_answer_deadline(const mdns_t *mdns)
{
    peer_time_t next = PEER_TIME_NEVER;
    for (const mdns_name_t *name = mdns->names; name != NULL; name = name->next)
        for (family_t family = IPV4; family < FAMILIES; family++)
            if (name->is_owed[family])
                next = time_earlier(next, name->multicast_after[family]);
    return next;
}

static bool is_publishable(const char *text)
{
    static const char local[] = ".local";
    uint8_t message[MDNS_QUERY_MAX];
    size_t length = strlen(text), end = sizeof local - 1;
    return length > end && length < MDNS_NAME_SIZE && text_equal_ignore_case(text + length - end, local) &&
           mdns_write_query(message, sizeof message, text) != 0;
}

static void take_off_chain(mdns_t *mdns, mdns_name_t *name)
{
    mdns_name_t *first = map_get(&mdns->names_by_hash, name->hash);
    if (first == name && name->chain == NULL) {
        map_remove(&mdns->names_by_hash, name->hash);
    } else if (first == name) {
        map_set(&mdns->names_by_hash, name->hash, name->chain); /* replaces: needs no memory */
    } else {
        while (first->chain != name)
            first = first->chain;
        first->chain = name->chain;
    }
}

static void remove_name(mdns_t *mdns, mdns_name_t **link)
{
    mdns_name_t *name = *link;
    *link = name->next;
    take_off_chain(mdns, name);
    mdns->name_count--;
    memory_free(name);
}

/* A call that goes through many networks has a name in each: its newest replaces its oldest. */
static void keep_share(mdns_t *mdns, uint32_t entry)
{
    mdns_name_t **oldest = NULL;
    size_t count = 0;
    for (mdns_name_t **link = &mdns->names; *link != NULL; link = &(*link)->next) {
        if ((*link)->entry != entry)
            continue;
        oldest = link; /* the newest are the first */
        count++;
    }
    if (count >= NAMES_PER_ENTRY_MAX)
        remove_name(mdns, oldest);
}

bool mdns_publish(loop_t *loop, uint32_t entry, const char *text, const address_t *address, peer_time_t now)
{
    mdns_t *mdns = is_publishable(text) ? mdns_get(loop) : NULL;
    if (mdns == NULL || mdns->name_count >= NAMES_MAX)
        return false;
    for (const mdns_name_t *name = first_of(mdns, text); name != NULL; name = next_of(name)) {
        if (name->entry != entry)
            return false;
        if (address_ip_equal(&name->address, address))
            return true;
    }
    keep_share(mdns, entry);
    mdns_name_t *name = MEMORY_NEW(mdns_name_t);
    if (name == NULL)
        return false;
    *name = (mdns_name_t){.hash = hash_of(text), .entry = entry, .address = *address};
    memcpy(name->text, text, strlen(text) + 1);
    name->chain = map_get(&mdns->names_by_hash, name->hash);
    if (!map_set(&mdns->names_by_hash, name->hash, name)) {
        memory_free(name);
        return false;
    }
    name->next = mdns->names;
    mdns->names = name;
    mdns->name_count++;
    mdns_sockets_update(mdns, now);
    mdns_set_deadline(mdns);
    return true;
}

void mdns_withdraw(loop_t *loop, uint32_t entry)
{
    mdns_t *mdns = loop->mdns;
    if (mdns == NULL || mdns->name_count == 0)
        return;
    mdns_name_t **link = &mdns->names;
    while (*link != NULL) {
        if ((*link)->entry == entry)
            remove_name(mdns, link);
        else
            link = &(*link)->next;
    }
    mdns_set_deadline(mdns);
}

void mdns_names_clear(mdns_t *mdns)
{
    for (mdns_name_t *name = mdns->names, *next; name != NULL; name = next) {
        next = name->next;
        memory_free(name);
    }
    mdns->names = NULL;
    mdns->name_count = 0;
    map_clear(&mdns->names_by_hash);
}
