/* Every allocation of the library goes through here, so that tests can make the n-th one fail. Failure returns NULL; callers return
 * PEER_ERROR_NO_MEMORY. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *memory_new(size_t size);                  /* zeroed */
void *memory_array(size_t count, size_t size);  /* zeroed; NULL on overflow */
void *memory_resize(void *memory, size_t size); /* as realloc; the old block stays on failure */
void *memory_copy(const void *memory, size_t size);
char *memory_string(const char *text); /* strdup; NULL gives NULL */
char *memory_string_n(const char *text, size_t length);
void memory_free(void *memory); /* NULL is allowed */

/* Makes room for `needed` items in a growing array (capacity doubles). On failure nothing changed. */
bool memory_reserve(void **items, size_t *capacity, size_t needed, size_t item_size);

/* Tests only: the n-th allocation from now fails (and the following ones succeed); 0 turns it off. */
void memory_fail_nth(unsigned n);

#define MEMORY_NEW(type) ((type *)memory_new(sizeof(type)))

#endif
