/* Two media sessions and a network between them, in virtual time. */
#ifndef LINK_H
#define LINK_H

#include "media/media.h"
#include "test.h"

#define LINK_FLIGHT_MAX 4096

typedef struct link_conditions {
    double loss;  /* share of packets */
    double burst; /* mean length of a run of losses; 0 or 1: single */
    peer_time_t delay;
    peer_time_t jitter; /* uniform, on top */
    double reorder;     /* share of packets held back by reorder_delay */
    peer_time_t reorder_delay;
    double duplicate;
} link_conditions_t;

typedef struct flight {
    peer_time_t at;
    uint64_t order;
    int to;
    bool is_rtcp;
    packet_t *packet;
} flight_t;

typedef struct link link_t;

typedef struct link_end {
    media_session_t *session;
    void (*on_output)(link_t *link, int end, media_output_t *output); /* all but what is sent; the link clears it */
} link_end_t;

struct link {
    packet_pool_t *pool;
    random_seeded_t random;
    random_seeded_t session_random;
    peer_time_t now;
    link_conditions_t conditions; /* both ways */
    bool is_lossless_rtcp;
    double loss_state; /* packets of the run still to lose */
    peer_time_t last_at[2];
    bool keeps_order; /* jitter does not reorder */
    link_end_t ends[2];
    flight_t flights[LINK_FLIGHT_MAX];
    size_t flight_count;
    uint64_t sent;
    uint64_t lost;
    uint64_t octets[2];
    void (*on_packet)(link_t *link, int from, bool is_rtcp, packet_t *packet);   /* a look at what is sent, may be NULL */
    bool (*loses)(link_t *link, int from, bool is_rtcp, const packet_t *packet); /* losses chosen by the test, may be NULL */
    void *user;
};

void link_init(link_t *link, uint64_t seed);
void link_free(link_t *link);
/* Runs until `until`; outputs are polled after every step. */
void link_run(link_t *link, peer_time_t until);
void link_poll(link_t *link);
double link_chance(link_t *link);

#endif
