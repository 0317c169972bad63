/* Nudges come from wherever the process-wide SCTP stack happens to run, perhaps under this loop's own lock. So they only note an entry's id
 * under a lock of their own, inside which nothing else is taken. */
#include "base/memory.h"
#include "runtime/loop_private.h"

#include <unistd.h>

#define NUDGES_MAX 4096 /* noted one by one; with more, all entries are looked at */

uint32_t loop_entry_id(const loop_entry_t *entry)
{
    return entry->id;
}

void loop_nudge(loop_t *loop, uint32_t entry_id)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&loop->nudge_mutex);
    if (loop->nudge_count < NUDGES_MAX &&
        memory_reserve((void **)&loop->nudges, &loop->nudge_capacity, loop->nudge_count + 1, sizeof *loop->nudges))
        loop->nudges[loop->nudge_count++] = entry_id;
    else
        loop->is_nudge_lost = true;
    bool is_first = !atomic_exchange(&loop->has_nudges, true);
    pthread_mutex_unlock(&loop->nudge_mutex);
    if (is_first && !loop_is_current(loop)) { /* the dispatcher looks before it sleeps */
        ssize_t written = write(loop->event_fd, &one, sizeof one);
        (void)written;
    }
}

void loop_take_nudges(loop_t *loop)
{
    if (!atomic_load(&loop->has_nudges))
        return;
    pthread_mutex_lock(&loop->nudge_mutex);
    for (size_t i = 0; i < loop->nudge_count; i++) {
        loop_entry_t *entry = loop_find_entry(loop, loop->nudges[i]);
        if (entry != NULL)
            loop_mark_dirty(loop, entry);
    }
    for (size_t i = 0; loop->is_nudge_lost && i < loop->entries.capacity; i++)
        if (loop->entries.entries[i].value != NULL)
            loop_mark_dirty(loop, loop->entries.entries[i].value);
    loop->nudge_count = 0;
    loop->is_nudge_lost = false;
    atomic_store(&loop->has_nudges, false);
    pthread_mutex_unlock(&loop->nudge_mutex);
}
