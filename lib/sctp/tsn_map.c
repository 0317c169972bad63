#include "sctp/tsn_map.h"

#include "base/memory.h"
#include "sctp/chunk.h"

#include <string.h>

#define SMALLEST 256

void tsn_map_init(tsn_map_t *map, uint32_t cumulative)
{
    *map = (tsn_map_t){.cumulative = cumulative, .highest = cumulative};
}

void tsn_map_clear(tsn_map_t *map)
{
    memory_free(map->words);
    map->words = NULL;
    map->size = 0;
}

static uint64_t *word_of(const tsn_map_t *map, uint32_t tsn)
{
    return &map->words[(tsn & (map->size - 1)) / 64];
}

static bool is_set(const tsn_map_t *map, uint32_t tsn)
{
    return (*word_of(map, tsn) >> (tsn % 64) & 1) != 0;
}

tsn_state_t tsn_map_state(const tsn_map_t *map, uint32_t tsn)
{
    uint32_t offset = tsn - map->cumulative;
    if (offset == 0 || offset > INT32_MAX)
        return TSN_DUPLICATE;
    if (offset > TSN_MAP_REACH)
        return TSN_TOO_FAR;
    return offset <= map->highest - map->cumulative && is_set(map, tsn) ? TSN_DUPLICATE : TSN_NEW;
}

bool tsn_map_reserve(tsn_map_t *map, uint32_t tsn)
{
    uint32_t offset = tsn - map->cumulative;
    if (offset == 1 || offset <= map->size)
        return true;
    uint32_t size = map->size != 0 ? map->size : SMALLEST;
    while (size < offset)
        size *= 2;
    uint64_t *words = memory_array(size / 64, sizeof *words);
    if (words == NULL)
        return false;
    tsn_map_t larger = *map;
    larger.words = words;
    larger.size = size;
    for (uint32_t at = map->cumulative + 1; at != map->highest + 1; at++)
        if (is_set(map, at))
            *word_of(&larger, at) |= UINT64_C(1) << (at % 64);
    memory_free(map->words);
    *map = larger;
    return true;
}

/* The cumulative TSN moves on over what came before. */
static void advance(tsn_map_t *map)
{
    while (map->cumulative != map->highest && is_set(map, map->cumulative + 1)) {
        map->cumulative++;
        *word_of(map, map->cumulative) &= ~(UINT64_C(1) << (map->cumulative % 64));
    }
}

void tsn_map_add(tsn_map_t *map, uint32_t tsn)
{
    if (tsn == map->cumulative + 1) {
        bool has_gaps = tsn_map_has_gaps(map);
        map->cumulative = tsn;
        if (has_gaps)
            advance(map);
        else
            map->highest = tsn;
        return;
    }
    *word_of(map, tsn) |= UINT64_C(1) << (tsn % 64);
    if (sctp_tsn_before(map->highest, tsn))
        map->highest = tsn;
}

void tsn_map_forward(tsn_map_t *map, uint32_t tsn)
{
    if (!sctp_tsn_before(tsn, map->highest)) {
        if (tsn_map_has_gaps(map))
            memset(map->words, 0, map->size / 8);
        map->cumulative = map->highest = tsn;
        return;
    }
    while (map->cumulative != tsn) {
        map->cumulative++;
        *word_of(map, map->cumulative) &= ~(UINT64_C(1) << (map->cumulative % 64));
    }
    advance(map);
}

/* The first offset from `offset` on, up to `end`, whose bit is `value`; end + 1 when there is none. */
static uint32_t scan(const tsn_map_t *map, uint32_t offset, uint32_t end, bool value)
{
    while (offset <= end) {
        uint32_t tsn = map->cumulative + offset;
        uint64_t word = *word_of(map, tsn);
        word = (value ? word : ~word) >> (tsn % 64);
        if (word != 0) {
            offset += (uint32_t)__builtin_ctzll(word);
            return offset <= end ? offset : end + 1;
        }
        offset += 64 - tsn % 64;
    }
    return end + 1;
}

bool tsn_map_next_block(const tsn_map_t *map, uint32_t *first, uint32_t *last)
{
    uint32_t end = map->highest - map->cumulative;
    if (*last >= end)
        return false;
    *first = scan(map, *last + 1, end, true);
    if (*first > end)
        return false;
    *last = scan(map, *first, end, false) - 1;
    return true;
}
