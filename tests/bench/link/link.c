#include "link.h"

#include <stddef.h>
#include <stdlib.h>

/* SplitMix64: small, and any seed will do. */
static double next_random(link_t *link)
{
    uint64_t z = link->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

#define SMALL_SIZE 1536 /* what an Ethernet carries */
#define SLAB_BYTES (1u << 20)

typedef struct link_slab {
    struct link_slab *next;
    max_align_t packets[];
} link_slab_t;

static bool grow(link_pool_t *pool, bool is_large)
{
    size_t room = sizeof(link_packet_t) + (is_large ? LINK_PACKET_MAX : SMALL_SIZE);
    size_t size = (room + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    link_slab_t *slab = malloc(SLAB_BYTES);
    if (slab == NULL)
        return false;
    slab->next = pool->slabs;
    pool->slabs = slab;
    uint8_t *end = (uint8_t *)slab + SLAB_BYTES;
    for (uint8_t *at = (uint8_t *)slab->packets; at + size <= end; at += size) {
        link_packet_t *packet = (link_packet_t *)(void *)at;
        packet->is_large = is_large;
        link_packet_free(pool, packet);
    }
    return true;
}

void link_pool_end(link_pool_t *pool)
{
    while (pool->slabs != NULL) {
        link_slab_t *slab = pool->slabs;
        pool->slabs = slab->next;
        free(slab);
    }
    *pool = (link_pool_t){.slabs = NULL};
}

link_packet_t *link_packet_new(link_pool_t *pool, size_t length)
{
    bool is_large = length > SMALL_SIZE;
    if (length > LINK_PACKET_MAX || (pool->spare[is_large] == NULL && !grow(pool, is_large)))
        return NULL;
    link_packet_t *packet = pool->spare[is_large];
    pool->spare[is_large] = packet->next;
    packet->next = NULL;
    packet->length = (uint32_t)length;
    packet->is_partial = false;
    return packet;
}

void link_packet_free(link_pool_t *pool, link_packet_t *packet)
{
    packet->next = pool->spare[packet->is_large];
    pool->spare[packet->is_large] = packet;
}

void link_begin(link_t *link, link_pool_t *pool, const link_parameters_t *parameters, uint64_t seed)
{
    *link = (link_t){.parameters = *parameters, .pool = pool, .random = seed};
}

void link_end(link_t *link)
{
    while (link->first != NULL) {
        link_packet_t *packet = link->first;
        link->first = packet->next;
        link_packet_free(link->pool, packet);
    }
    link->last = NULL;
}

/* Gilbert's model for bursts: everything is lost in the bad state, which is left with probability 1 / burst and entered so often that the
 * mean is `loss`. */
static bool is_lost(link_t *link)
{
    const link_parameters_t *p = &link->parameters;
    if (p->loss <= 0)
        return false;
    if (p->loss >= 1)
        return true;
    double chance = next_random(link);
    if (p->burst <= 1)
        return chance < p->loss;
    link->is_losing = link->is_losing ? chance >= 1 / p->burst : chance < p->loss / (1 - p->loss) / p->burst;
    return link->is_losing;
}

void link_push(link_t *link, int64_t now, link_packet_t *packet)
{
    const link_parameters_t *p = &link->parameters;
    link->counts.entered++;
    link->counts.entered_bytes += packet->length;
    double start = link->line_free_at > (double)now ? link->line_free_at : (double)now;
    if (p->rate_bps > 0) {
        if (p->queue_us > 0 && start - (double)now > (double)p->queue_us) {
            link->counts.dropped++;
            link_packet_free(link->pool, packet);
            return;
        }
        start += (double)packet->length * 8e6 / p->rate_bps;
        link->line_free_at = start;
    }
    if (is_lost(link)) {
        link->counts.lost++;
        link_packet_free(link->pool, packet);
        return;
    }
    packet->due = (int64_t)start + p->delay_us;
    if (p->jitter_us > 0)
        packet->due += (int64_t)(next_random(link) * (double)p->jitter_us);
    if (packet->due < link->last_due)
        packet->due = link->last_due;
    link->last_due = packet->due;
    packet->next = NULL;
    if (link->last != NULL)
        link->last->next = packet;
    else
        link->first = packet;
    link->last = packet;
}

link_packet_t *link_pop(link_t *link, int64_t now)
{
    link_packet_t *packet = link->first;
    if (packet == NULL || packet->due > now)
        return NULL;
    link->first = packet->next;
    if (link->first == NULL)
        link->last = NULL;
    link->counts.left++;
    link->counts.left_bytes += packet->length;
    return packet;
}

int64_t link_deadline(const link_t *link)
{
    return link->first != NULL ? link->first->due : INT64_MAX;
}
