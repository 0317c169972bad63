/* Memory for a structure of many small parts that live and die together, such as a parsed description: parts are taken one by one and given
 * back all at once. Not for hot paths. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

typedef struct arena {
    struct arena_block *blocks; /* the newest first; only it has room */
} arena_t;

/* Zeroed, aligned for any type, valid until arena_clear(); NULL when memory ran out. */
void *arena_new(arena_t *arena, size_t size);
void *arena_array(arena_t *arena, size_t count, size_t size); /* NULL on overflow too */
char *arena_string(arena_t *arena, const char *text);         /* NULL gives NULL */
char *arena_string_n(arena_t *arena, const char *text, size_t length);

/* Appends one zeroed item to an array that was grown by this function only, and returns it. The room is a power of two that follows from
 * `count`; a moved array leaves its old place unused until arena_clear(). NULL, and nothing changed, when memory ran out. */
void *arena_append(arena_t *arena, void **items, size_t *count, size_t item_size);
#define ARENA_APPEND(arena, items, count) arena_append((arena), (void **)&(items), &(count), sizeof *(items))

void arena_clear(arena_t *arena);

#endif
