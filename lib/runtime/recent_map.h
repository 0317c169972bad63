/* A bounded hash map that remembers what was used most recently. Every item belongs to an owner; the newest of an owner replaces its oldest
 * once it has its share, and the newest of all the oldest of all once the map is full. Looking up costs the same however much is stored:
 * the hash is seeded, so nobody outside can choose what collides. */
#ifndef RUNTIME_RECENT_MAP_H
#define RUNTIME_RECENT_MAP_H

#include "base/address.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_KEY_WORDS 4

typedef struct recent_map recent_map_t;
typedef struct recent_item recent_item_t;

typedef struct recent_key {
    uint64_t words[RECENT_KEY_WORDS];
} recent_key_t;

/* In the owner's own struct; all zero owns nothing. */
typedef struct recent_owner {
    void *user;
    recent_item_t *newest;
    recent_item_t *oldest;
    size_t count;
} recent_owner_t;

typedef struct recent_neighbours {
    recent_item_t *newer;
    recent_item_t *older;
} recent_neighbours_t;

struct recent_item {
    recent_key_t key;
    recent_owner_t *owner;
    recent_item_t *chain;         /* of the same bucket */
    recent_neighbours_t of_all;   /* in order of use */
    recent_neighbours_t of_owner; /* the same among the owner's */
    address_t address;            /* the owner's to use, as is `time` */
    peer_time_t time;
};

recent_map_t *recent_map_new(uint64_t seed, size_t item_max, size_t owner_item_max); /* NULL when memory ran out */
void recent_map_free(recent_map_t *map);
size_t recent_map_count(const recent_map_t *map);

recent_item_t *recent_map_get(const recent_map_t *map, const recent_key_t *key); /* NULL when absent */
/* Makes the key the owner's, whosever it was, and the newest; address and time are zero when the item is new. NULL when memory ran out. */
recent_item_t *recent_map_put(recent_map_t *map, recent_owner_t *owner, const recent_key_t *key);
void recent_map_use(recent_map_t *map, recent_item_t *item);      /* it is the newest now */
void recent_map_forget(recent_map_t *map, recent_owner_t *owner); /* all of the owner's */

#endif
