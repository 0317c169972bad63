#include "media/history.h"

#include "base/memory.h"

#define FIRST_CAPACITY 64
#define GAPS_MAX 128 /* how far a packet may lie from where consecutive numbers would put it */

static media_history_entry_t *at(const media_history_t *history, size_t index)
{
    return &history->ring[(history->first + index) & (history->capacity - 1)];
}

static void drop_oldest(media_history_t *history)
{
    media_history_entry_t *oldest = at(history, 0);
    history->bytes -= oldest->packet->length;
    packet_unref(oldest->packet);
    history->first = (history->first + 1) & (history->capacity - 1);
    history->count--;
}

static void expire(media_history_t *history, peer_time_t now)
{
    while (history->count != 0 && (now - at(history, 0)->sent > MEDIA_HISTORY_AGE_MAX || history->bytes > MEDIA_HISTORY_BYTES_MAX))
        drop_oldest(history);
}

static bool make_room(media_history_t *history)
{
    if (history->count < history->capacity)
        return true;
    if (history->capacity >= MEDIA_HISTORY_PACKETS_MAX) {
        drop_oldest(history);
        return true;
    }
    size_t capacity = history->capacity != 0 ? 2 * history->capacity : FIRST_CAPACITY;
    media_history_entry_t *ring = memory_array(capacity, sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < history->count; i++)
        ring[i] = *at(history, i);
    memory_free(history->ring);
    history->ring = ring;
    history->capacity = capacity;
    history->first = 0;
    return true;
}

void media_history_add(media_history_t *history, packet_pool_t *pool, peer_time_t now, uint16_t sequence_number, const packet_t *packet)
{
    expire(history, now);
    packet_t *copy = packet_new_copy(pool, packet->data, packet->length);
    if (copy == NULL)
        return;
    if (!make_room(history)) {
        packet_unref(copy);
        return;
    }
    *at(history, history->count++) = (media_history_entry_t){.packet = copy, .sequence_number = sequence_number, .sent = now};
    history->bytes += copy->length;
}

media_history_entry_t *media_history_find(media_history_t *history, peer_time_t now, uint16_t sequence_number)
{
    expire(history, now);
    if (history->count == 0)
        return NULL;
    /* Numbers are mostly consecutive, so the place is known; where the application's own packets left gaps, it is before that. */
    uint16_t distance = (uint16_t)(sequence_number - at(history, 0)->sequence_number);
    size_t index = distance < history->count ? distance : history->count - 1;
    size_t end = index > GAPS_MAX ? index - GAPS_MAX : 0;
    for (size_t i = index + 1; i-- > end;) {
        media_history_entry_t *entry = at(history, i);
        if (entry->sequence_number == sequence_number)
            return entry;
        if ((uint16_t)(sequence_number - entry->sequence_number) < 0x8000u)
            return NULL; /* all before it are older still */
    }
    return NULL;
}

void media_history_clear(media_history_t *history)
{
    while (history->count != 0)
        drop_oldest(history);
    memory_free(history->ring);
    *history = (media_history_t){0};
}
