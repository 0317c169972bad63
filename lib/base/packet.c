#include "base/packet.h"

#include "base/memory.h"

#include <string.h>

#define POOL_KEEP_SMALL 4096 /* free packets kept for reuse; beyond that they go back to the system */
#define POOL_KEEP_LARGE 64

typedef struct free_list {
    packet_t *first;
    size_t count;
} free_list_t;

struct packet_pool {
    free_list_t small;
    free_list_t large;
    size_t outstanding;
    bool is_released;
};

packet_pool_t *packet_pool_new(void)
{
    return MEMORY_NEW(packet_pool_t);
}

static void free_all(free_list_t *list)
{
    while (list->first != NULL) {
        packet_t *packet = list->first;
        list->first = packet->next;
        memory_free(packet);
    }
    list->count = 0;
}

void packet_pool_release(packet_pool_t *pool)
{
    if (pool == NULL)
        return;
    pool->is_released = true;
    free_all(&pool->small);
    free_all(&pool->large);
    if (pool->outstanding == 0)
        memory_free(pool);
}

size_t packet_pool_outstanding(const packet_pool_t *pool)
{
    return pool->outstanding;
}

packet_t *packet_new(packet_pool_t *pool, size_t size)
{
    if (size > PACKET_LARGE)
        return NULL;
    bool is_small = size <= PACKET_SMALL;
    free_list_t *list = is_small ? &pool->small : &pool->large;
    size_t capacity = PACKET_HEADROOM + (is_small ? PACKET_SMALL : PACKET_LARGE) + PACKET_TAILROOM;
    packet_t *packet = list->first;
    if (packet != NULL) {
        list->first = packet->next;
        list->count--;
    } else {
        packet = memory_resize(NULL, sizeof *packet + capacity); /* not zeroed: it is about to be filled */
        if (packet == NULL)
            return NULL;
    }
    *packet = (packet_t){.data = packet->storage + PACKET_HEADROOM, .capacity = capacity, .pool = pool, .references = 1};
    pool->outstanding++;
    return packet;
}

packet_t *packet_new_copy(packet_pool_t *pool, const void *data, size_t length)
{
    packet_t *packet = packet_new(pool, length);
    if (packet != NULL)
        packet_append(packet, data, length);
    return packet;
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
    bool is_small = packet->capacity == PACKET_HEADROOM + PACKET_SMALL + PACKET_TAILROOM;
    free_list_t *list = is_small ? &pool->small : &pool->large;
    pool->outstanding--;
    if (pool->is_released || list->count >= (is_small ? POOL_KEEP_SMALL : POOL_KEEP_LARGE)) {
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
