/* Which TSNs have come: all up to the cumulative one, and a bitmap of those beyond a gap (RFC 9260 §6.2, §3.3.4). */
#ifndef SCTP_TSN_MAP_H
#define SCTP_TSN_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_MAP_REACH 32768 /* TSNs beyond the cumulative one: a window of packets, and half the range of a stream sequence number */

/* A ring of bits, no larger than the gaps seen so far ask for; without a gap it is not looked at. */
typedef struct tsn_map {
    uint32_t cumulative;
    uint32_t highest; /* that came */
    uint64_t *words;
    uint32_t size; /* bits, a power of two; 0: none yet */
} tsn_map_t;

typedef enum tsn_state { TSN_NEW, TSN_DUPLICATE, TSN_TOO_FAR } tsn_state_t;

void tsn_map_init(tsn_map_t *map, uint32_t cumulative);
void tsn_map_clear(tsn_map_t *map);
tsn_state_t tsn_map_state(const tsn_map_t *map, uint32_t tsn);
bool tsn_map_reserve(tsn_map_t *map, uint32_t tsn); /* a new one can be added then; false: no memory */
void tsn_map_add(tsn_map_t *map, uint32_t tsn);     /* a new one that was reserved */
/* Everything up to `tsn`, which is beyond the cumulative one by serial arithmetic, counts as come. */
void tsn_map_forward(tsn_map_t *map, uint32_t tsn);
static inline bool tsn_map_has_gaps(const tsn_map_t *map)
{
    return map->highest != map->cumulative;
}
/* The next block of TSNs beyond the gap after offset *last (0 at first), as offsets from the cumulative one. False: none. */
bool tsn_map_next_block(const tsn_map_t *map, uint32_t *first, uint32_t *last);

#endif
