/* Deadlines in order of time: a binary heap of nodes that live in their owners. Room is reserved when an owner is made, so that changing a
 * time cannot fail. Used under the loop's lock. */
#ifndef RUNTIME_DEADLINE_HEAP_H
#define RUNTIME_DEADLINE_HEAP_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct deadline {
    peer_time_t time;
    size_t position; /* in the heap, from 1; 0: not in it */
    void (*on_due)(struct deadline *deadline, peer_time_t now);
} deadline_t;

typedef struct deadline_heap {
    deadline_t **items;
    size_t count;
    size_t capacity;
    size_t reserved; /* owners that may want a place */
} deadline_heap_t;

bool deadline_heap_reserve(deadline_heap_t *heap); /* one more owner; false when memory ran out */
void deadline_heap_unreserve(deadline_heap_t *heap, deadline_t *deadline);
/* Puts, moves, or with PEER_TIME_NEVER takes out. */
void deadline_heap_set(deadline_heap_t *heap, deadline_t *deadline, peer_time_t time);
peer_time_t deadline_heap_time(const deadline_heap_t *heap); /* the earliest, or PEER_TIME_NEVER */
/* Takes out the earliest if its time has come, else NULL. */
deadline_t *deadline_heap_pop_due(deadline_heap_t *heap, peer_time_t now);
void deadline_heap_clear(deadline_heap_t *heap);

#endif
