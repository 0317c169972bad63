#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_FIRST 1024
#define BLOCK_LARGEST 65536
#define ALIGNMENT alignof(max_align_t)

typedef struct arena_block {
    struct arena_block *older;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
} arena_block_t;

static arena_block_t *add_block(arena_t *arena, size_t needed)
{
    size_t capacity = arena->blocks != NULL ? arena->blocks->capacity * 2 : BLOCK_FIRST;
    if (capacity > BLOCK_LARGEST)
        capacity = BLOCK_LARGEST;
    if (capacity < needed)
        capacity = needed;
    arena_block_t *block = memory_new(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->capacity = capacity;
    block->older = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_new(arena_t *arena, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    arena_block_t *block = arena->blocks;
    if (block == NULL || block->capacity - block->used < size) {
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
    }
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
    char *copy = length < SIZE_MAX ? arena_new(arena, length + 1) : NULL;
    if (copy != NULL && length != 0)
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
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        void *moved = arena_array(arena, n == 0 ? 4 : n * 2, item_size);
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
