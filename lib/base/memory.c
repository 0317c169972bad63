#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint fail_in;

void memory_fail_nth(unsigned n)
{
    atomic_store(&fail_in, n);
}

static bool fails_now(void)
{
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0)
        return false;
    return atomic_fetch_sub(&fail_in, 1) == 1;
}

void *memory_new(size_t size)
{
    return fails_now() ? NULL : calloc(1, size != 0 ? size : 1);
}

void *memory_array(size_t count, size_t size)
{
    if (fails_now())
        return NULL;
    return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

void *memory_resize(void *memory, size_t size)
{
    return fails_now() ? NULL : realloc(memory, size != 0 ? size : 1);
}

void *memory_copy(const void *memory, size_t size)
{
    void *copy = memory_new(size);
    if (copy != NULL && size != 0)
        memcpy(copy, memory, size);
    return copy;
}

char *memory_string(const char *text)
{
    return text != NULL ? memory_string_n(text, strlen(text)) : NULL;
}

char *memory_string_n(const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? memory_new(length + 1) : NULL;
    if (copy != NULL && length != 0)
        memcpy(copy, text, length);
    return copy;
}

void memory_free(void *memory)
{
    free(memory);
}

bool memory_reserve(void **items, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity)
        return true;
    size_t grown = *capacity != 0 ? *capacity : 4;
    while (grown < needed) {
        if (grown > SIZE_MAX / 2)
            return false;
        grown *= 2;
    }
    if (item_size != 0 && grown > SIZE_MAX / item_size)
        return false;
    void *moved = memory_resize(*items, grown * item_size);
    if (moved == NULL)
        return false;
    *items = moved;
    *capacity = grown;
    return true;
}
