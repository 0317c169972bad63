#include "base/blob.h"

#include "base/memory.h"

#include <string.h>

blob_t *blob_new(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(blob_t))
        return NULL;
    blob_t *blob = memory_resize(NULL, sizeof *blob + capacity);
    if (blob == NULL)
        return NULL;
    atomic_init(&blob->references, 1);
    blob->length = 0;
    blob->capacity = capacity;
    return blob;
}

blob_t *blob_new_copy(const void *data, size_t length)
{
    blob_t *blob = blob_new(length);
    if (blob == NULL)
        return NULL;
    if (length > 0)
        memcpy(blob->data, data, length);
    blob->length = length;
    return blob;
}

blob_t *blob_ref(blob_t *blob)
{
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

void blob_unref(blob_t *blob)
{
    if (blob != NULL && atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) == 1)
        memory_free(blob);
}

bool blob_reserve(blob_t **blob, size_t capacity)
{
    if (capacity <= (*blob)->capacity)
        return true;
    if (capacity > SIZE_MAX - sizeof(blob_t))
        return false;
    blob_t *larger = memory_resize(*blob, sizeof **blob + capacity);
    if (larger == NULL)
        return false;
    larger->capacity = capacity;
    *blob = larger;
    return true;
}

void blob_trim(blob_t **blob)
{
    blob_t *smaller = memory_resize(*blob, sizeof **blob + (*blob)->length);
    if (smaller == NULL)
        return;
    smaller->capacity = smaller->length;
    *blob = smaller;
}
