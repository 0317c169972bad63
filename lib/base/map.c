#include "base/map.h"

#include "base/memory.h"

static size_t slot_of(const map_t *map, uint32_t key)
{
    return (size_t)((key * 0x9e3779b1u) ^ (key >> 15)) & (map->capacity - 1);
}

static map_entry_t *find(const map_t *map, uint32_t key)
{
    if (map->capacity == 0)
        return NULL;
    size_t slot = slot_of(map, key);
    while (map->entries[slot].value != NULL && map->entries[slot].key != key)
        slot = (slot + 1) & (map->capacity - 1);
    return &map->entries[slot];
}

void *map_get(const map_t *map, uint32_t key)
{
    const map_entry_t *entry = find(map, key);
    return entry != NULL ? entry->value : NULL;
}

static bool grow(map_t *map)
{
    map_t larger = {.capacity = map->capacity != 0 ? map->capacity * 2 : 8};
    larger.entries = memory_array(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].value != NULL)
            *find(&larger, map->entries[i].key) = map->entries[i];
    larger.count = map->count;
    memory_free(map->entries);
    *map = larger;
    return true;
}

bool map_set(map_t *map, uint32_t key, void *value)
{
    map_entry_t *entry = find(map, key);
    if (entry != NULL && entry->value != NULL) {
        entry->value = value;
        return true;
    }
    if (4 * (map->count + 1) > 3 * map->capacity) {
        if (!grow(map))
            return false;
        entry = find(map, key);
    }
    *entry = (map_entry_t){.key = key, .value = value};
    map->count++;
    return true;
}

void *map_remove(map_t *map, uint32_t key)
{
    map_entry_t *entry = find(map, key);
    if (entry == NULL || entry->value == NULL)
        return NULL;
    void *value = entry->value;
    entry->value = NULL;
    map->count--;
    /* Entries behind the hole that probed past it move up, so that no deletion mark is needed. */
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        size_t home = slot_of(map, map->entries[i].key);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            map->entries[i].value = NULL;
            hole = i;
        }
    }
    return value;
}

void map_clear(map_t *map)
{
    memory_free(map->entries);
    *map = (map_t){0};
}
