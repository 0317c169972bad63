#include "runtime/recent_map.h"

#include "base/memory.h"

#include <string.h>

#define BUCKETS_FIRST 64 /* a power of two; doubled when there are more items */

struct recent_map {
    uint64_t seed;
    size_t item_max;
    size_t owner_item_max;
    size_t count;
    recent_item_t *newest;
    recent_item_t *oldest;
    recent_item_t **buckets;
    size_t bucket_count;
};

recent_map_t *recent_map_new(uint64_t seed, size_t item_max, size_t owner_item_max)
{
    recent_map_t *map = MEMORY_NEW(recent_map_t);
    if (map == NULL)
        return NULL;
    *map = (recent_map_t){.seed = seed, .item_max = item_max, .owner_item_max = owner_item_max, .bucket_count = BUCKETS_FIRST};
    map->buckets = memory_array(BUCKETS_FIRST, sizeof(recent_item_t *));
    if (map->buckets == NULL) {
        memory_free(map);
        return NULL;
    }
    return map;
}

void recent_map_free(recent_map_t *map)
{
    if (map == NULL)
        return;
    for (recent_item_t *item = map->newest, *older; item != NULL; item = older) {
        older = item->of_all.older;
        memory_free(item);
    }
    memory_free(map->buckets);
    memory_free(map);
}

size_t recent_map_count(const recent_map_t *map)
{
    return map->count;
}

static size_t bucket_of(const recent_map_t *map, const recent_key_t *key)
{
    uint64_t hash = map->seed;
    for (size_t i = 0; i < RECENT_KEY_WORDS; i++) {
        hash = (hash ^ key->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (size_t)(hash ^ hash >> 32) & (map->bucket_count - 1);
}

recent_item_t *recent_map_get(const recent_map_t *map, const recent_key_t *key)
{
    recent_item_t *item = map->buckets[bucket_of(map, key)];
    while (item != NULL && memcmp(&item->key, key, sizeof *key) != 0)
        item = item->chain;
    return item;
}

static void unlink_of_all(recent_map_t *map, recent_item_t *item)
{
    recent_item_t *newer = item->of_all.newer, *older = item->of_all.older;
    *(newer != NULL ? &newer->of_all.older : &map->newest) = older;
    *(older != NULL ? &older->of_all.newer : &map->oldest) = newer;
}

static void unlink_of_owner(recent_item_t *item)
{
    recent_item_t *newer = item->of_owner.newer, *older = item->of_owner.older;
    *(newer != NULL ? &newer->of_owner.older : &item->owner->newest) = older;
    *(older != NULL ? &older->of_owner.newer : &item->owner->oldest) = newer;
    item->owner->count--;
}

static void link_newest(recent_map_t *map, recent_item_t *item, recent_owner_t *owner)
{
    item->owner = owner;
    item->of_all = (recent_neighbours_t){.older = map->newest};
    item->of_owner = (recent_neighbours_t){.older = owner->newest};
    *(map->newest != NULL ? &map->newest->of_all.newer : &map->oldest) = item;
    *(owner->newest != NULL ? &owner->newest->of_owner.newer : &owner->oldest) = item;
    map->newest = owner->newest = item;
    owner->count++;
}

static void drop(recent_map_t *map, recent_item_t *item)
{
    recent_item_t **link = &map->buckets[bucket_of(map, &item->key)];
    while (*link != item)
        link = &(*link)->chain;
    *link = item->chain;
    unlink_of_owner(item);
    unlink_of_all(map, item);
    map->count--;
    memory_free(item);
}

/* Without memory the chains only get longer. */
static void grow(recent_map_t *map)
{
    size_t bucket_count = map->bucket_count * 2;
    recent_item_t **buckets = memory_array(bucket_count, sizeof(recent_item_t *));
    if (buckets == NULL)
        return;
    memory_free(map->buckets);
    map->buckets = buckets;
    map->bucket_count = bucket_count;
    for (recent_item_t *item = map->newest; item != NULL; item = item->of_all.older) {
        recent_item_t **bucket = &buckets[bucket_of(map, &item->key)];
        item->chain = *bucket;
        *bucket = item;
    }
}

static recent_item_t *new_item(recent_map_t *map, recent_owner_t *owner, const recent_key_t *key)
{
    if (owner->count >= map->owner_item_max)
        drop(map, owner->oldest);
    if (map->count >= map->item_max)
        drop(map, map->oldest);
    recent_item_t *item = MEMORY_NEW(recent_item_t);
    if (item == NULL)
        return NULL;
    if (map->count >= map->bucket_count)
        grow(map);
    recent_item_t **bucket = &map->buckets[bucket_of(map, key)];
    *item = (recent_item_t){.key = *key, .chain = *bucket};
    *bucket = item;
    map->count++;
    link_newest(map, item, owner);
    return item;
}

recent_item_t *recent_map_put(recent_map_t *map, recent_owner_t *owner, const recent_key_t *key)
{
    recent_item_t *item = recent_map_get(map, key);
    if (item == NULL)
        return new_item(map, owner, key);
    if (item->owner != owner && owner->count >= map->owner_item_max)
        drop(map, owner->oldest);
    unlink_of_owner(item);
    unlink_of_all(map, item);
    link_newest(map, item, owner);
    return item;
}

void recent_map_use(recent_map_t *map, recent_item_t *item)
{
    if (map->newest == item)
        return;
    recent_owner_t *owner = item->owner;
    unlink_of_owner(item);
    unlink_of_all(map, item);
    link_newest(map, item, owner);
}

void recent_map_forget(recent_map_t *map, recent_owner_t *owner)
{
    while (owner->newest != NULL)
        drop(map, owner->newest);
}
