/* Bytes with a count of holders: a message on its way. Written once by whoever made it, read by all. The count is atomic, since a message
 * may be let go on another thread than it came from. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct blob {
    atomic_uint references;
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes there is room for */
    uint8_t data[];
} blob_t;

blob_t *blob_new(size_t capacity); /* length 0, one reference; NULL when memory ran out */
blob_t *blob_new_copy(const void *data, size_t length);
blob_t *blob_ref(blob_t *blob);
void blob_unref(blob_t *blob); /* NULL is allowed */
/* Room for `capacity` bytes at least; the only holder may do this, and the blob may move. False, and nothing changed, without memory. */
bool blob_reserve(blob_t **blob, size_t capacity);
/* Gives back room that is not in use; the only holder may do this, and the blob may move. Without memory nothing changes. */
void blob_trim(blob_t **blob);

#endif
