/* A hash map from a 32-bit key (SSRC, id, hash) to a pointer; open addressing, no deletion marks. It owns no value. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct map_entry {
    uint32_t key;
    void *value; /* NULL: free */
} map_entry_t;

typedef struct map {
    map_entry_t *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} map_t;

void *map_get(const map_t *map, uint32_t key);       /* NULL when absent */
bool map_set(map_t *map, uint32_t key, void *value); /* value is not NULL; false when memory ran out */
void *map_remove(map_t *map, uint32_t key);          /* the value, or NULL */
void map_clear(map_t *map);

#endif
