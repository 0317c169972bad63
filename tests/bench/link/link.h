/* One direction of an emulated link: a drop-tail queue in front of a line of a given rate, then loss, then delay. It keeps the packets'
 * order. Time is an argument and chance is seeded, so the same packets at the same times fare the same every time. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct link_parameters {
    int64_t delay_us;
    int64_t jitter_us; /* up to this much more delay, evenly spread */
    double rate_bps;   /* of IP packets; 0: unlimited */
    int64_t queue_us;  /* a packet that would wait longer for the line is dropped; 0: no limit */
    double loss;       /* 0 to 1, after the line: what is lost has used it */
    double burst;      /* mean length of a run of losses; up to 1: independent losses */
} link_parameters_t;

typedef struct link_counts {
    uint64_t entered, dropped, lost, left; /* packets */
    uint64_t entered_bytes, left_bytes;
} link_counts_t;

typedef struct link_packet {
    struct link_packet *next;
    int64_t due;
    uint32_t length;
    bool is_large;   /* of which of the pool's sizes it is */
    bool is_partial; /* its transport checksum is left to whoever sends it on (see offload.h) */
    uint8_t data[];
} link_packet_t;

/* Where packets come from and go back to: a long path holds tens of thousands, and none is allocated anew while others are spare. */
#define LINK_PACKET_MAX 65535
typedef struct link_pool {
    link_packet_t *spare[2]; /* small and large ones */
    struct link_slab *slabs;
} link_pool_t;

typedef struct link {
    link_parameters_t parameters;
    link_counts_t counts;
    link_pool_t *pool;
    uint64_t random;
    bool is_losing;      /* inside a burst */
    double line_free_at; /* microseconds, as are all times */
    int64_t last_due;
    link_packet_t *first, *last;
} link_t;

void link_pool_end(link_pool_t *pool); /* all its packets are gone then; a pool of zeroes is a new one */
/* Room for `length` bytes, which are not set; NULL when memory ran out or they are too many. */
link_packet_t *link_packet_new(link_pool_t *pool, size_t length);
void link_packet_free(link_pool_t *pool, link_packet_t *packet);

void link_begin(link_t *link, link_pool_t *pool, const link_parameters_t *parameters, uint64_t seed);
void link_end(link_t *link);
/* Takes the packet, which may be dropped or lost. */
void link_push(link_t *link, int64_t now, link_packet_t *packet);
/* The next packet that has arrived by now, the caller's to free; NULL when there is none. */
link_packet_t *link_pop(link_t *link, int64_t now);
/* When link_pop() will have one; INT64_MAX when nothing is under way. */
int64_t link_deadline(const link_t *link);

#endif
