/* Two SCTP transports in virtual time and a link between them that delays, loses, reorders and doubles packets by a seed. */
#ifndef PAIR_H
#define PAIR_H

#include "base/random.h"
#include "sctp/sctp.h"
#include "test.h"

#define PAIR_MAX_CHANNELS 1200

typedef struct link_options {
    unsigned loss_percent;
    unsigned duplicate_percent;
    peer_time_t delay_us;
    peer_time_t jitter_us; /* more than the spacing of packets reorders them */
} link_options_t;

#define PAIR_MTU 1200 /* unless the configuration says otherwise, and nothing larger is tried */

typedef struct side {
    sctp_t *sctp;
    random_seeded_t random;
    packet_pool_t *pool;
    sctp_channel_t *announced[PAIR_MAX_CHANNELS];
    size_t announced_count;
    unsigned counts[SCTP_OUTPUT_CLOSED + 1]; /* outputs by type; CHANNEL_HANDED when the amount is low with it */
    sctp_output_t closed;                    /* the last of CLOSED, and of CHANNEL_ERROR, with its message */
    char message[256];
    size_t largest_packet;
    bool is_cut; /* its packets vanish */
} side_t;

typedef struct flight flight_t;

typedef struct pair {
    side_t a, b; /* a is the DTLS client */
    peer_time_t now;
    link_options_t link;
    random_seeded_t random;
    flight_t *first_flight;
    flight_t *last_flight;
    uint64_t packets;
    /* Called for every output but SEND. */
    void (*on_output)(struct pair *pair, side_t *side, const sctp_output_t *output);
    /* Called for every packet on its way; it may change the bytes. NULL: none. */
    void (*on_packet)(struct pair *pair, side_t *from, packet_t *packet);
    void *context;
} pair_t;

void pair_init(pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_config_t *config);
void pair_free(pair_t *pair);
void pair_start(pair_t *pair);
/* One side, in its role. */
int start(sctp_t *sctp, peer_time_t now, bool is_dtls_client);
/* init, start, and run until both are connected. */
void pair_connect(pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_config_t *config);
/* Runs for this long in virtual time. */
void pair_run(pair_t *pair, peer_time_t duration);
/* Runs until done() says so; false when `limit` passed before. */
bool pair_run_until(pair_t *pair, bool (*done)(pair_t *pair), peer_time_t limit);
/* Polls both sides until neither has anything left; delivers nothing. */
void pair_poll(pair_t *pair);
void pair_inject(pair_t *pair, side_t *to, const void *data, size_t length);

#endif
