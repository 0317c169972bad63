#include "runtime/port_mapping.h"

#include "base/log.h"
#include "base/memory.h"
#include "runtime/gateway.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAPPINGS_MAX 64
#define TARGETS_MAX 4096               /* clients of one port */
#define LIFETIME_S 3600                /* asked for; RFC 6886 §3.3 recommends two hours, but what is left behind should not stay long */
#define RETRY_AFTER (10 * PEER_SECOND) /* after a renewal that failed */
#define IDLE_SECONDS 10                /* then the thread ends */

typedef struct target {
    uint32_t entry;
    uint32_t socket;
} target_t;

typedef struct mapping {
    struct mapping *next;
    address_t local;
    gateway_mapping_t held; /* protocol GATEWAY_NONE: nothing */
    peer_time_t expires;
    peer_time_t due;  /* when the gateway is asked, again or for the first time */
    bool has_news;    /* all targets are to be told */
    bool is_unwanted; /* to be removed by the thread, which alone does it */
    target_t *targets;
    size_t target_count;
    size_t target_capacity;
} mapping_t;

/* Shared by the loop and the thread; whoever leaves last frees it. */
struct port_mapper {
    pthread_mutex_t mutex; /* taken inside the loop's lock, never the other way round */
    pthread_cond_t has_work;
    mapping_t *mappings;
    size_t count;
    uint32_t lifetime_s;
    atomic_bool has_news;
    bool has_thread;
    bool has_loop;
    int wake_fd; /* the loop's; open while has_loop */
};

static void free_mapping(mapping_t *mapping)
{
    memory_free(mapping->targets);
    memory_free(mapping);
}

static void free_mapper(port_mapper_t *mapper)
{
    while (mapper->mappings != NULL) {
        mapping_t *mapping = mapper->mappings;
        mapper->mappings = mapping->next;
        free_mapping(mapping);
    }
    pthread_cond_destroy(&mapper->has_work);
    pthread_mutex_destroy(&mapper->mutex);
    memory_free(mapper);
}

static port_mapper_t *new_mapper(const loop_t *loop)
{
    port_mapper_t *mapper = MEMORY_NEW(port_mapper_t);
    if (mapper == NULL)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mapper->has_work, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&mapper->mutex, NULL);
    atomic_init(&mapper->has_news, false);
    mapper->has_loop = true;
    mapper->wake_fd = loop->event_fd;
    mapper->lifetime_s = loop->port_mapping_lifetime_s != 0 ? loop->port_mapping_lifetime_s : LIFETIME_S;
    return mapper;
}

/* ---- the thread; with the mutex, which is given up while the gateway is asked ---- */

static void tell(port_mapper_t *mapper, mapping_t *mapping)
{
    const uint64_t one = 1;
    if (!mapper->has_loop)
        return;
    mapping->has_news = true;
    atomic_store(&mapper->has_news, true);
    ssize_t written = write(mapper->wake_fd, &one, sizeof one);
    (void)written;
}

static void remove_mapping(port_mapper_t *mapper, mapping_t *mapping)
{
    mapping_t **link = &mapper->mappings;
    while (*link != mapping)
        link = &(*link)->next;
    *link = mapping->next;
    mapper->count--;
    pthread_mutex_unlock(&mapper->mutex);
    gateway_unmap(&mapping->held);
    free_mapping(mapping);
    pthread_mutex_lock(&mapper->mutex);
}

static void on_mapped(port_mapper_t *mapper, mapping_t *mapping, const gateway_mapping_t *held, peer_time_t now)
{
    char local[ADDRESS_TEXT_SIZE], external[ADDRESS_TEXT_SIZE];
    bool is_new = mapping->held.protocol == GATEWAY_NONE || !address_equal(&mapping->held.external, &held->external);
    mapping->held = *held;
    mapping->expires = held->lifetime_s != 0 ? now + held->lifetime_s * PEER_SECOND : PEER_TIME_NEVER;
    mapping->due = held->lifetime_s != 0 ? now + held->lifetime_s * PEER_SECOND / 2 : PEER_TIME_NEVER; /* RFC 6886 §3.3 */
    if (!is_new)
        return;
    LOG_INFO("runtime", 0, "the gateway maps %s to %s", address_text(&held->external, external), address_text(&held->local, local));
    tell(mapper, mapping);
}

/* A mapping lasts as long as the gateway has said, whether it can be asked or not. */
static void on_refused(port_mapper_t *mapper, mapping_t *mapping, peer_time_t now)
{
    if (mapping->held.protocol != GATEWAY_NONE && now < mapping->expires) {
        mapping->due = time_earlier(now + RETRY_AFTER, mapping->expires);
        return;
    }
    mapping->due = PEER_TIME_NEVER;
    if (mapping->held.protocol == GATEWAY_NONE)
        return;
    mapping->held = (gateway_mapping_t){0};
    tell(mapper, mapping);
}

static void ask_gateway(port_mapper_t *mapper, mapping_t *mapping)
{
    gateway_mapping_t held = mapping->held;
    address_t local = mapping->local;
    pthread_mutex_unlock(&mapper->mutex);
    bool is_mapped = gateway_map(&held, &local, mapper->lifetime_s);
    pthread_mutex_lock(&mapper->mutex);
    if (is_mapped)
        on_mapped(mapper, mapping, &held, runtime_now());
    else
        on_refused(mapper, mapping, runtime_now());
}

/* What is to be done now, else NULL and when the next is. Removals come first: the same port may be wanted anew. */
static mapping_t *find_work(const port_mapper_t *mapper, peer_time_t now, peer_time_t *next)
{
    *next = PEER_TIME_NEVER;
    for (mapping_t *mapping = mapper->mappings; mapping != NULL; mapping = mapping->next)
        if (mapping->is_unwanted)
            return mapping;
    for (mapping_t *mapping = mapper->mappings; mapping != NULL; mapping = mapping->next) {
        if (mapping->due <= now)
            return mapping;
        *next = time_earlier(*next, mapping->due);
    }
    return NULL;
}

/* False when there was nothing for long. */
static bool wait_for_work(port_mapper_t *mapper, peer_time_t now, peer_time_t next)
{
    peer_time_t until = mapper->count == 0 ? now + IDLE_SECONDS * PEER_SECOND : next;
    const struct timespec time = {.tv_sec = until / PEER_SECOND, .tv_nsec = until % PEER_SECOND * 1000};
    if (until == PEER_TIME_NEVER)
        return pthread_cond_wait(&mapper->has_work, &mapper->mutex) == 0;
    return pthread_cond_timedwait(&mapper->has_work, &mapper->mutex, &time) != ETIMEDOUT || mapper->count != 0;
}

static void *run_thread(void *argument)
{
    port_mapper_t *mapper = argument;
    pthread_mutex_lock(&mapper->mutex);
    for (;;) {
        peer_time_t now = runtime_now(), next;
        mapping_t *mapping = find_work(mapper, now, &next);
        if (mapping != NULL && mapping->is_unwanted)
            remove_mapping(mapper, mapping);
        else if (mapping != NULL)
            ask_gateway(mapper, mapping);
        else if (!mapper->has_loop || !wait_for_work(mapper, now, next))
            break;
    }
    mapper->has_thread = false;
    bool is_last = !mapper->has_loop;
    pthread_mutex_unlock(&mapper->mutex);
    if (is_last)
        free_mapper(mapper);
    return NULL;
}

/* ---- the loop ---- */

static mapping_t *find_mapping(const port_mapper_t *mapper, const address_t *local)
{
    mapping_t *mapping = mapper->mappings;
    while (mapping != NULL && (mapping->is_unwanted || !address_equal(&mapping->local, local)))
        mapping = mapping->next;
    return mapping;
}

static mapping_t *add_mapping(port_mapper_t *mapper, const address_t *local)
{
    mapping_t *mapping = mapper->count < MAPPINGS_MAX ? MEMORY_NEW(mapping_t) : NULL;
    if (mapping == NULL)
        return NULL;
    *mapping = (mapping_t){.next = mapper->mappings, .local = *local};
    mapper->mappings = mapping;
    mapper->count++;
    return mapping;
}

static bool add_target(mapping_t *mapping, uint32_t entry, uint32_t socket)
{
    for (size_t i = 0; i < mapping->target_count; i++)
        if (mapping->targets[i].entry == entry && mapping->targets[i].socket == socket)
            return true;
    if (mapping->target_count >= TARGETS_MAX ||
        !memory_reserve((void **)&mapping->targets, &mapping->target_capacity, mapping->target_count + 1, sizeof *mapping->targets))
        return false;
    mapping->targets[mapping->target_count++] = (target_t){entry, socket};
    return true;
}

void port_mapping_request(loop_t *loop, loop_entry_t *entry, const udp_socket_t *socket)
{
    if (socket->local.family != ADDRESS_IPV4)
        return;
    if (loop->port_mapper == NULL && (loop->port_mapper = new_mapper(loop)) == NULL)
        return;
    port_mapper_t *mapper = loop->port_mapper;
    pthread_mutex_lock(&mapper->mutex);
    mapping_t *mapping = find_mapping(mapper, &socket->local);
    if (mapping == NULL)
        mapping = add_mapping(mapper, &socket->local);
    if (mapping != NULL && add_target(mapping, entry->id, socket->number)) {
        mapping->has_news = mapping->has_news || mapping->held.protocol != GATEWAY_NONE; /* for the new target */
        if (mapping->has_news)
            atomic_store(&mapper->has_news, true);
        mapper->has_thread = mapper->has_thread || runtime_start_thread(run_thread, mapper, NULL) == 0;
        pthread_cond_signal(&mapper->has_work);
        loop_wake(loop);
    }
    pthread_mutex_unlock(&mapper->mutex);
}

void port_mapping_drop(loop_t *loop, const loop_entry_t *entry, uint32_t socket)
{
    port_mapper_t *mapper = loop->port_mapper;
    if (mapper == NULL)
        return;
    pthread_mutex_lock(&mapper->mutex);
    for (mapping_t *mapping = mapper->mappings; mapping != NULL; mapping = mapping->next) {
        for (size_t i = mapping->target_count; i-- > 0;)
            if (mapping->targets[i].entry == entry->id && mapping->targets[i].socket == socket)
                mapping->targets[i] = mapping->targets[--mapping->target_count];
        mapping->is_unwanted = mapping->target_count == 0;
    }
    pthread_cond_signal(&mapper->has_work);
    pthread_mutex_unlock(&mapper->mutex);
}

static void tell_targets(loop_t *loop, const mapping_t *mapping, peer_time_t now)
{
    for (size_t i = 0; i < mapping->target_count; i++) {
        loop_entry_t *entry = loop_find_entry(loop, mapping->targets[i].entry);
        if (entry == NULL)
            continue;
        entry->ops->port_mapped(entry->client, now, mapping->targets[i].socket, &mapping->held.external);
        loop_mark_dirty(loop, entry);
    }
}

void port_mapping_take_answers(loop_t *loop)
{
    port_mapper_t *mapper = loop->port_mapper;
    if (mapper == NULL || !atomic_load(&mapper->has_news))
        return;
    peer_time_t now = runtime_now();
    pthread_mutex_lock(&mapper->mutex);
    atomic_store(&mapper->has_news, false);
    for (mapping_t *mapping = mapper->mappings; mapping != NULL; mapping = mapping->next) {
        if (mapping->has_news)
            tell_targets(loop, mapping, now);
        mapping->has_news = false;
    }
    pthread_mutex_unlock(&mapper->mutex);
}

void port_mapping_end(loop_t *loop)
{
    port_mapper_t *mapper = loop->port_mapper;
    if (mapper == NULL)
        return;
    pthread_mutex_lock(&mapper->mutex);
    mapper->has_loop = false;
    for (mapping_t *mapping = mapper->mappings; mapping != NULL; mapping = mapping->next)
        mapping->is_unwanted = true;
    bool is_last = !mapper->has_thread;
    pthread_cond_signal(&mapper->has_work);
    pthread_mutex_unlock(&mapper->mutex);
    if (is_last)
        free_mapper(mapper);
    loop->port_mapper = NULL;
}
