#include "media/nack.h"

#include "base/memory.h"

#include <string.h>

#define REORDER_LEAST (5 * PEER_MILLISECOND)
#define REORDER_MOST (50 * PEER_MILLISECOND)
#define RETRY_LEAST (20 * PEER_MILLISECOND)

void media_nack_init(media_nack_t *nack)
{
    *nack = (media_nack_t){.deadline = PEER_TIME_NEVER, .reorder_delay = REORDER_LEAST};
}

void media_nack_clear(media_nack_t *nack)
{
    nack->count = 0;
    nack->deadline = PEER_TIME_NEVER;
    nack->has_given_up = false;
}

void media_nack_free(media_nack_t *nack)
{
    memory_free(nack->entries);
    media_nack_init(nack);
}

static void drop_first(media_nack_t *nack, size_t count)
{
    memmove(nack->entries, nack->entries + count, (nack->count - count) * sizeof *nack->entries);
    nack->count -= count;
}

void media_nack_missing(media_nack_t *nack, peer_time_t now, int64_t first, int64_t last)
{
    if (last - first >= MEDIA_NACK_MAX) {
        first = last - MEDIA_NACK_MAX + 1;
        nack->has_given_up = true;
    }
    size_t added = (size_t)(last - first + 1);
    if (nack->count + added > MEDIA_NACK_MAX) {
        drop_first(nack, nack->count + added - MEDIA_NACK_MAX);
        nack->has_given_up = true;
    }
    if (!memory_reserve((void **)&nack->entries, &nack->capacity, nack->count + added, sizeof *nack->entries)) {
        nack->has_given_up = true;
        return;
    }
    for (int64_t sequence = first; sequence <= last; sequence++)
        nack->entries[nack->count++] = (media_nack_entry_t){.sequence = sequence, .since = now};
    nack->deadline = time_earlier(nack->deadline, now + nack->reorder_delay);
}

/* The index of the first entry not below `sequence`. */
static size_t lower_bound(const media_nack_t *nack, int64_t sequence)
{
    size_t low = 0, high = nack->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (nack->entries[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool media_nack_received(media_nack_t *nack, peer_time_t now, int64_t sequence)
{
    size_t index = lower_bound(nack, sequence);
    if (index == nack->count || nack->entries[index].sequence != sequence)
        return false;
    media_nack_entry_t entry = nack->entries[index];
    memmove(nack->entries + index, nack->entries + index + 1, (nack->count - index - 1) * sizeof *nack->entries);
    if (--nack->count == 0)
        nack->deadline = PEER_TIME_NEVER;
    if (entry.tries != 0)
        return true;
    /* It was only late: such a delay is this path's reordering. */
    peer_time_t late = now - entry.since + PEER_MILLISECOND;
    if (late > nack->reorder_delay)
        nack->reorder_delay = time_earlier(late, REORDER_MOST);
    return false;
}

bool media_nack_has(const media_nack_t *nack, int64_t sequence)
{
    size_t index = lower_bound(nack, sequence);
    return index < nack->count && nack->entries[index].sequence == sequence;
}

void media_nack_forget_before(media_nack_t *nack, int64_t sequence)
{
    if (nack->count == 0 || nack->entries[0].sequence >= sequence)
        return;
    drop_first(nack, lower_bound(nack, sequence));
    if (nack->count == 0)
        nack->deadline = PEER_TIME_NEVER;
}

static peer_time_t due_at(const media_nack_t *nack, const media_nack_entry_t *entry, peer_time_t retry)
{
    return entry->tries == 0 ? entry->since + nack->reorder_delay : entry->sent + retry;
}

size_t media_nack_due(media_nack_t *nack, peer_time_t now, peer_time_t rtt, uint16_t numbers[MEDIA_NACK_BATCH])
{
    if (now < nack->deadline)
        return 0;
    peer_time_t retry = rtt + rtt / 4 + PEER_MILLISECOND;
    if (retry < RETRY_LEAST)
        retry = RETRY_LEAST;
    size_t kept = 0, due = 0;
    nack->deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < nack->count; i++) {
        media_nack_entry_t *entry = &nack->entries[i];
        bool is_due = due_at(nack, entry, retry) <= now;
        if (is_due && (entry->tries >= MEDIA_NACK_TRIES_MAX || now - entry->since > MEDIA_NACK_AGE_MAX)) {
            nack->has_given_up = true;
            continue;
        }
        if (is_due && due < MEDIA_NACK_BATCH) {
            numbers[due++] = (uint16_t)entry->sequence;
            entry->sent = now;
            entry->tries++;
        }
        nack->deadline = time_earlier(nack->deadline, due_at(nack, entry, retry));
        nack->entries[kept++] = *entry;
    }
    nack->count = kept;
    if (due != 0)
        nack->reorder_delay -= (nack->reorder_delay - REORDER_LEAST) / 64;
    return due;
}
