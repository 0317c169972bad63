#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_FIRST 512
#define BLOCK_LARGEST 65536
#define ALIGNMENT alignof(max_align_t)

/* What needs alignment is taken from the front, strings from the back. */
typedef struct arena_block {
    struct arena_block *older;
    size_t total; /* bytes of this block and the older ones */
    size_t used;
    size_t strings; /* where they begin */
    alignas(max_align_t) unsigned char bytes[];
} arena_block_t;

/* As large as all before together: what is taken in vain is less than half of it all. */
static arena_block_t *add_block(arena_t *arena, size_t needed)
{
    size_t before = arena->blocks != NULL ? arena->blocks->total : 0;
    size_t capacity = before < BLOCK_FIRST ? BLOCK_FIRST : before < BLOCK_LARGEST ? before : BLOCK_LARGEST;
    if (capacity < needed)
        capacity = needed;
    arena_block_t *block = memory_new(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->total = before + capacity;
    block->strings = capacity;
    block->older = arena->blocks;
    arena->blocks = block;
    return block;
}

/* The newest block, with so much room. */
static arena_block_t *block_for(arena_t *arena, size_t size)
{
    arena_block_t *block = arena->blocks;
    return block != NULL && block->strings - block->used >= size ? block : add_block(arena, size);
}

void *arena_new(arena_t *arena, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    arena_block_t *block = block_for(arena, size);
    if (block == NULL)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *arena_array(arena_t *arena, size_t count, size_t size)
{
    return size != 0 && count > SIZE_MAX / size ? NULL : arena_new(arena, count * size);
}

char *arena_string_n(arena_t *arena, const char *text, size_t length)
{
    arena_block_t *block = length < SIZE_MAX / 4 ? block_for(arena, length + 1) : NULL;
    if (block == NULL)
        return NULL;
    block->strings -= length + 1;
    char *copy = (char *)block->bytes + block->strings; /* ends with a zero: blocks are zeroed, and nothing is taken twice */
    if (length != 0)
        memcpy(copy, text, length);
    return copy;
}

char *arena_string(arena_t *arena, const char *text)
{
    return text != NULL ? arena_string_n(arena, text, strlen(text)) : NULL;
}

void *arena_append(arena_t *arena, void **items, size_t *count, size_t item_size)
{
    size_t n = *count;
    if ((n & (n - 1)) == 0) {
        void *moved = arena_array(arena, n == 0 ? 1 : n * 2, item_size);
        if (moved == NULL)
            return NULL;
        if (n != 0)
            memcpy(moved, *items, n * item_size);
        *items = moved;
    }
    *count = n + 1;
    return (unsigned char *)*items + n * item_size;
}

void arena_clear(arena_t *arena)
{
    while (arena->blocks != NULL) {
        arena_block_t *block = arena->blocks;
        arena->blocks = block->older;
        memory_free(block);
    }
}
