#include "base/packet.h"

#include "base/memory.h"

#include <string.h>

typedef enum size_class { CLASS_SLICE, CLASS_SMALL, CLASS_MEDIUM, CLASS_LARGE, CLASS_COUNT } size_class_t;

/* How many free packets are kept for reuse, and how many of them at rest; beyond that they go back to the system. */
static const struct {
    size_t room;
    size_t keep;
    size_t keep_at_rest;
} classes[CLASS_COUNT] = {
    [CLASS_SLICE] = {0, 4096, 16},
    [CLASS_SMALL] = {PACKET_SMALL, 4096, 8},
    [CLASS_MEDIUM] = {PACKET_MEDIUM, 512, 0},
    [CLASS_LARGE] = {PACKET_LARGE, 64, 0},
};

typedef struct free_list {
    packet_t *first;
    size_t count;
    size_t unused; /* the least that count was since the last trim */
} free_list_t;

struct packet_pool {
    free_list_t lists[CLASS_COUNT];
    size_t outstanding;
    bool is_released;
};

packet_pool_t *packet_pool_new(void)
{
    return MEMORY_NEW(packet_pool_t);
}

static size_t capacity_of(size_class_t class)
{
    return class == CLASS_SLICE ? 0 : PACKET_HEADROOM + classes[class].room + PACKET_TAILROOM;
}

/* The bytes of a packet's own storage are behind it. */
static size_t storage_offset(void)
{
    return (sizeof(packet_t) + 15) & ~(size_t)15;
}

static void shrink(free_list_t *list, size_t count)
{
    while (list->count > count) {
        packet_t *packet = list->first;
        list->first = packet->next;
        list->count--;
        memory_free(packet);
    }
}

void packet_pool_release(packet_pool_t *pool)
{
    if (pool == NULL)
        return;
    pool->is_released = true;
    for (size_t i = 0; i < CLASS_COUNT; i++)
        shrink(&pool->lists[i], 0);
    if (pool->outstanding == 0)
        memory_free(pool);
}

size_t packet_pool_outstanding(const packet_pool_t *pool)
{
    return pool->outstanding;
}

size_t packet_pool_kept(const packet_pool_t *pool)
{
    size_t bytes = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++)
        bytes += pool->lists[i].count * (storage_offset() + capacity_of((size_class_t)i));
    return bytes;
}

size_t packet_pool_trim(packet_pool_t *pool)
{
    size_t before = packet_pool_kept(pool);
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        free_list_t *list = &pool->lists[i];
        size_t wanted = list->count - list->unused;
        shrink(list, wanted > classes[i].keep_at_rest ? wanted : classes[i].keep_at_rest);
        list->unused = list->count;
    }
    return before - packet_pool_kept(pool);
}

static packet_t *take(packet_pool_t *pool, size_class_t class)
{
    free_list_t *list = &pool->lists[class];
    packet_t *packet = list->first;
    if (packet != NULL) {
        list->first = packet->next;
        list->count--;
        if (list->count < list->unused)
            list->unused = list->count;
    } else {
        packet = memory_resize(NULL, storage_offset() + capacity_of(class)); /* not zeroed: it is about to be filled */
        if (packet == NULL)
            return NULL;
    }
    uint8_t *storage = (uint8_t *)packet + storage_offset();
    *packet = (packet_t){.data = storage + PACKET_HEADROOM,
                         .storage = storage,
                         .capacity = capacity_of(class),
                         .pool = pool,
                         .references = 1,
                         .size_class = (uint8_t) class};
    pool->outstanding++;
    return packet;
}

packet_t *packet_new(packet_pool_t *pool, size_t size)
{
    if (size > PACKET_LARGE)
        return NULL;
    return take(pool, size <= PACKET_SMALL ? CLASS_SMALL : size <= PACKET_MEDIUM ? CLASS_MEDIUM : CLASS_LARGE);
}

packet_t *packet_new_copy(packet_pool_t *pool, const void *data, size_t length)
{
    packet_t *packet = packet_new(pool, length);
    if (packet != NULL)
        packet_append(packet, data, length);
    return packet;
}

packet_t *packet_slice(packet_t *parent, size_t offset, size_t length)
{
    packet_t *packet = take(parent->pool, CLASS_SLICE);
    if (packet == NULL)
        return NULL;
    packet->data = packet->storage = parent->data + offset;
    packet->length = packet->capacity = length;
    packet->parent = packet_ref(parent);
    return packet;
}

packet_t *packet_detach(packet_t *packet)
{
    if (packet->parent == NULL)
        return packet;
    packet_t *copy = packet_new_copy(packet->pool, packet->data, packet->length);
    if (copy != NULL) {
        copy->time = packet->time;
        copy->path = packet->path;
        copy->ecn = packet->ecn;
        copy->dscp = packet->dscp;
        copy->may_fragment = packet->may_fragment;
    }
    packet_unref(packet);
    return copy;
}

packet_t *packet_ref(packet_t *packet)
{
    packet->references++;
    return packet;
}

void packet_unref(packet_t *packet)
{
    if (packet == NULL || --packet->references > 0)
        return;
    packet_pool_t *pool = packet->pool;
    free_list_t *list = &pool->lists[packet->size_class];
    if (packet->parent != NULL)
        packet_unref(packet->parent); /* not the last of the pool: this one is outstanding */
    pool->outstanding--;
    if (pool->is_released || list->count >= classes[packet->size_class].keep) {
        memory_free(packet);
    } else {
        packet->next = list->first;
        list->first = packet;
        list->count++;
    }
    if (pool->is_released && pool->outstanding == 0)
        memory_free(pool);
}

size_t packet_headroom(const packet_t *packet)
{
    return (size_t)(packet->data - packet->storage);
}

size_t packet_tailroom(const packet_t *packet)
{
    return packet->capacity - packet_headroom(packet) - packet->length;
}

bool packet_append(packet_t *packet, const void *data, size_t length)
{
    if (length > packet_tailroom(packet))
        return false;
    if (length != 0)
        memcpy(packet->data + packet->length, data, length);
    packet->length += length;
    return true;
}

void packet_queue_push(packet_queue_t *queue, packet_t *packet)
{
    packet->next = NULL;
    if (queue->last != NULL)
        queue->last->next = packet;
    else
        queue->first = packet;
    queue->last = packet;
    queue->count++;
    queue->bytes += packet->length;
}

packet_t *packet_queue_pop(packet_queue_t *queue)
{
    packet_t *packet = queue->first;
    if (packet == NULL)
        return NULL;
    queue->first = packet->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    queue->bytes -= packet->length;
    packet->next = NULL;
    return packet;
}

void packet_queue_clear(packet_queue_t *queue)
{
    packet_t *packet;
    while ((packet = packet_queue_pop(queue)) != NULL)
        packet_unref(packet);
}
