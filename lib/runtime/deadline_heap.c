#include "runtime/deadline_heap.h"

#include "base/memory.h"

static void place(deadline_heap_t *heap, size_t position, deadline_t *deadline)
{
    heap->items[position - 1] = deadline;
    deadline->position = position;
}

static void sift_up(deadline_heap_t *heap, deadline_t *deadline)
{
    size_t position = deadline->position;
    while (position > 1 && heap->items[position / 2 - 1]->time > deadline->time) {
        place(heap, position, heap->items[position / 2 - 1]);
        position /= 2;
    }
    place(heap, position, deadline);
}

static void sift_down(deadline_heap_t *heap, deadline_t *deadline)
{
    size_t position = deadline->position;
    for (;;) {
        size_t child = position * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && heap->items[child]->time < heap->items[child - 1]->time)
            child++;
        if (heap->items[child - 1]->time >= deadline->time)
            break;
        place(heap, position, heap->items[child - 1]);
        position = child;
    }
    place(heap, position, deadline);
}

static void take_out(deadline_heap_t *heap, deadline_t *deadline)
{
    size_t position = deadline->position;
    deadline_t *last = heap->items[--heap->count];
    deadline->position = 0;
    if (last == deadline)
        return;
    place(heap, position, last);
    sift_up(heap, last);
    sift_down(heap, last);
}

bool deadline_heap_reserve(deadline_heap_t *heap)
{
    if (!memory_reserve((void **)&heap->items, &heap->capacity, heap->reserved + 1, sizeof *heap->items))
        return false;
    heap->reserved++;
    return true;
}

void deadline_heap_unreserve(deadline_heap_t *heap, deadline_t *deadline)
{
    deadline_heap_set(heap, deadline, PEER_TIME_NEVER);
    heap->reserved--;
}

void deadline_heap_set(deadline_heap_t *heap, deadline_t *deadline, peer_time_t time)
{
    if (time == PEER_TIME_NEVER) {
        if (deadline->position != 0)
            take_out(heap, deadline);
        deadline->time = time;
        return;
    }
    if (deadline->position == 0) {
        deadline->time = time;
        place(heap, ++heap->count, deadline);
        sift_up(heap, deadline);
        return;
    }
    peer_time_t before = deadline->time;
    deadline->time = time;
    if (time < before)
        sift_up(heap, deadline);
    else if (time > before)
        sift_down(heap, deadline);
}

peer_time_t deadline_heap_time(const deadline_heap_t *heap)
{
    return heap->count == 0 ? PEER_TIME_NEVER : heap->items[0]->time;
}

deadline_t *deadline_heap_pop_due(deadline_heap_t *heap, peer_time_t now)
{
    if (heap->count == 0 || heap->items[0]->time > now)
        return NULL;
    deadline_t *deadline = heap->items[0];
    take_out(heap, deadline);
    return deadline;
}

void deadline_heap_clear(deadline_heap_t *heap)
{
    memory_free(heap->items);
    *heap = (deadline_heap_t){0};
}
