#include "sctp/outstanding.h"

#include "base/memory.h"
#include "sctp/chunk.h"

#define FIRST_CAPACITY 64u
#define KEPT_CAPACITY 1024u /* 64 KiB: more goes when nothing is outstanding, a large transfer is over then */

static bool allocate(outstanding_t *ring, uint32_t capacity)
{
    outstanding_chunk_t *chunks = memory_array(capacity, sizeof *chunks);
    uint64_t *bits = memory_array(capacity / 64, sizeof *bits);
    if (chunks == NULL || bits == NULL) {
        memory_free(chunks);
        memory_free(bits);
        return false;
    }
    ring->chunks = chunks;
    ring->lost_bits = bits;
    ring->capacity = capacity;
    return true;
}

static void set_lost_bit(outstanding_t *ring, uint32_t tsn)
{
    uint32_t slot = tsn & (ring->capacity - 1);
    ring->lost_bits[slot / 64] |= UINT64_C(1) << (slot % 64);
}

bool outstanding_init(outstanding_t *ring, uint32_t initial_tsn)
{
    *ring = (outstanding_t){.base = initial_tsn, .next = initial_tsn, .lost_hint = initial_tsn};
    return allocate(ring, FIRST_CAPACITY);
}

void outstanding_clear(outstanding_t *ring)
{
    memory_free(ring->chunks);
    memory_free(ring->lost_bits);
    memory_free(ring->runs);
    memory_free(ring->next_runs);
    *ring = (outstanding_t){0};
}

bool outstanding_reserve(outstanding_t *ring)
{
    if (outstanding_count(ring) < ring->capacity)
        return outstanding_count(ring) < OUTSTANDING_MAX;
    outstanding_t old = *ring;
    if (!allocate(ring, 2 * old.capacity))
        return false;
    for (uint32_t tsn = old.base; tsn != old.next; tsn++) {
        outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
        *chunk = *outstanding_get(&old, tsn);
        if (chunk->state == OUTSTANDING_LOST)
            set_lost_bit(ring, tsn);
    }
    memory_free(old.chunks);
    memory_free(old.lost_bits);
    return true;
}

outstanding_chunk_t *outstanding_add(outstanding_t *ring, send_message_t *message)
{
    uint32_t tsn = ring->next++;
    outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
    *chunk = (outstanding_chunk_t){.message = message, .tsn = tsn, .state = OUTSTANDING_ABANDONED};
    if (message->outstanding++ == 0)
        message->first_tsn = tsn;
    else
        outstanding_get(ring, message->last_tsn)->next_fragment = tsn;
    message->last_tsn = tsn;
    return chunk;
}

static void shrink(outstanding_t *ring)
{
    outstanding_t old = *ring;
    if (!allocate(ring, FIRST_CAPACITY))
        return;
    memory_free(old.chunks);
    memory_free(old.lost_bits);
}

void outstanding_remove_first(outstanding_t *ring)
{
    outstanding_chunk_t *chunk = outstanding_get(ring, ring->base++);
    send_message_t *message = chunk->message;
    message->outstanding--;
    message->first_tsn = chunk->next_fragment;
    chunk->message = NULL;
    if (sctp_tsn_before(ring->lost_hint, ring->base))
        ring->lost_hint = ring->base;
    if (ring->base == ring->next && ring->capacity > KEPT_CAPACITY)
        shrink(ring);
}

static void unlist(outstanding_t *ring, outstanding_chunk_t *chunk)
{
    ring->flying--;
    ring->in_flight -= chunk->bytes;
    ring->payload -= chunk->length;
    if (ring->flying == 0)
        return;
    if (chunk->tsn == ring->oldest)
        ring->oldest = chunk->newer;
    else
        outstanding_get(ring, chunk->older)->newer = chunk->newer;
    if (chunk->tsn == ring->newest)
        ring->newest = chunk->older;
    else
        outstanding_get(ring, chunk->newer)->older = chunk->older;
}

static void leave_state(outstanding_t *ring, outstanding_chunk_t *chunk)
{
    if (chunk->state == OUTSTANDING_FLYING) {
        unlist(ring, chunk);
    } else if (chunk->state == OUTSTANDING_UNKNOWN) {
        ring->unknown--;
    } else if (chunk->state == OUTSTANDING_LOST) {
        uint32_t slot = chunk->tsn & (ring->capacity - 1);
        ring->lost_bits[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
        ring->lost--;
        if (chunk->tsn == ring->lost_hint)
            ring->lost_hint++;
    }
}

void outstanding_move(outstanding_t *ring, outstanding_chunk_t *chunk, outstanding_state_t state)
{
    leave_state(ring, chunk);
    chunk->state = (uint8_t)state;
    ring->unknown += state == OUTSTANDING_UNKNOWN;
    if (state != OUTSTANDING_LOST)
        return;
    set_lost_bit(ring, chunk->tsn);
    if (ring->lost++ == 0 || sctp_tsn_before(chunk->tsn, ring->lost_hint))
        ring->lost_hint = chunk->tsn;
}

void outstanding_lose_unknown(outstanding_t *ring)
{
    for (uint32_t tsn = ring->base; ring->unknown > 0 && tsn != ring->next; tsn++) {
        outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
        if (chunk->state == OUTSTANDING_UNKNOWN)
            outstanding_move(ring, chunk, OUTSTANDING_LOST);
    }
}

static void count_flying(outstanding_t *ring, outstanding_chunk_t *chunk)
{
    chunk->state = OUTSTANDING_FLYING;
    ring->flying++;
    ring->in_flight += chunk->bytes;
    ring->payload += chunk->length;
}

void outstanding_fly(outstanding_t *ring, outstanding_chunk_t *chunk, peer_time_t now, uint32_t packet, size_t bytes)
{
    leave_state(ring, chunk);
    chunk->sent_at = now;
    chunk->packet = packet;
    chunk->bytes = (uint16_t)bytes;
    if (ring->flying == 0) {
        ring->oldest = chunk->tsn;
    } else {
        chunk->older = ring->newest;
        outstanding_get(ring, ring->newest)->newer = chunk->tsn;
    }
    ring->newest = chunk->tsn;
    count_flying(ring, chunk);
}

void outstanding_restore(outstanding_t *ring, outstanding_chunk_t *chunk)
{
    leave_state(ring, chunk);
    if (ring->flying == 0) {
        ring->newest = chunk->tsn;
    } else {
        chunk->newer = ring->oldest;
        outstanding_get(ring, ring->oldest)->older = chunk->tsn;
    }
    ring->oldest = chunk->tsn;
    count_flying(ring, chunk);
}

const outstanding_chunk_t *outstanding_next_lost(const outstanding_t *ring)
{
    if (ring->lost == 0)
        return NULL;
    uint32_t slot = ring->lost_hint & (ring->capacity - 1);
    uint64_t word = ring->lost_bits[slot / 64] & (UINT64_MAX << (slot % 64));
    while (word == 0) {
        slot = (slot / 64 * 64 + 64) & (ring->capacity - 1);
        word = ring->lost_bits[slot / 64];
    }
    return &ring->chunks[slot / 64 * 64 + (uint32_t)__builtin_ctzll(word)];
}
