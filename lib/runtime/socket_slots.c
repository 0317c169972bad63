#include "runtime/socket_slots.h"

#include "base/memory.h"

#define SLOT_BITS 18 /* of a socket's number; the rest is a generation, so that an old number finds nothing */
#define SLOT_MASK ((1u << SLOT_BITS) - 1)
#define SLOTS_MAX ((1u << SLOT_BITS) - 2)

uint32_t socket_slot_take(loop_t *loop, socket_kind_t kind, void *socket)
{
    if (loop->socket_slot_free == 0) {
        if (loop->socket_slot_count >= SLOTS_MAX || !memory_reserve((void **)&loop->socket_slots, &loop->socket_slot_capacity,
                                                                    loop->socket_slot_count + 1, sizeof *loop->socket_slots))
            return 0;
        loop->socket_slots[loop->socket_slot_count++] = (socket_slot_t){0};
        loop->socket_slot_free = (uint32_t)loop->socket_slot_count;
    }
    uint32_t position = loop->socket_slot_free;
    socket_slot_t *slot = &loop->socket_slots[position - 1];
    loop->socket_slot_free = slot->next_free;
    slot->socket = socket;
    slot->kind = kind;
    slot->number = (slot->generation << SLOT_BITS) | position;
    return slot->number;
}

void socket_slot_give(loop_t *loop, uint32_t number)
{
    uint32_t position = number & SLOT_MASK;
    socket_slot_t *slot = &loop->socket_slots[position - 1];
    slot->socket = NULL;
    slot->generation++;
    slot->next_free = loop->socket_slot_free;
    loop->socket_slot_free = position;
}

void *socket_slot_find(const loop_t *loop, uint32_t number, socket_kind_t kind)
{
    uint32_t position = number & SLOT_MASK;
    if (position == 0 || position > loop->socket_slot_count)
        return NULL;
    const socket_slot_t *slot = &loop->socket_slots[position - 1];
    return slot->kind == kind && slot->number == number ? slot->socket : NULL;
}
