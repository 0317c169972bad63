/* Two associations in virtual time, of which either may be usrsctp's, and a link between them that delays, loses, reorders, doubles and
 * swallows packets that are too large, by a seed. */
#ifndef ASSOCIATION_PAIR_H
#define ASSOCIATION_PAIR_H

#include "base/random.h"
#include "sctp/association.h"
#include "test.h"
#include "usrsctp_peer.h"

#define LINK_PORT 5000

typedef struct link_options {
    unsigned loss_percent;
    unsigned duplicate_percent;
    peer_time_t delay;
    peer_time_t jitter; /* more than the spacing of packets reorders them */
    uint64_t rate;      /* bytes a second; 0: no limit */
    peer_time_t queue;  /* what waits longer for the rate is lost; 0: nothing is */
    size_t mtu;         /* larger packets vanish; 0: none */
} link_options_t;

typedef struct received {
    uint16_t stream;
    uint32_t payload_protocol;
    blob_t *message;
} received_t;

#define END_MESSAGES 4096 /* kept; further ones are counted only */
#define END_RESETS 70000

typedef struct end {
    sctp_association_t *ours; /* one of these */
    usrsctp_peer_t *theirs;
    packet_pool_t *pool;
    bool is_up, is_lost;
    size_t stream_count;
    bool is_orderly;
    uint16_t cause_code;
    char text[200];
    unsigned counts[SCTP_ASSOCIATION_LOST + 1]; /* events by type */
    received_t messages[END_MESSAGES];
    size_t message_count;
    uint64_t message_bytes;
    bool keeps;                    /* messages are not told to be consumed */
    uint16_t *incoming, *outgoing; /* streams that were reset */
    size_t incoming_count, outgoing_count;
    size_t taken; /* bytes, by on_taken */
    uint64_t packets, bytes, largest;
    bool is_cut;         /* its packets vanish */
    peer_time_t free_at; /* its direction of the link */
} end_t;

typedef struct flight flight_t;

typedef struct association_pair {
    end_t *a, *b;
    peer_time_t now;
    link_options_t link;
    random_seeded_t random;
    flight_t *first_flight, *last_flight;
    /* Called for every packet on its way; false: it is lost. NULL: none. */
    bool (*on_packet)(struct association_pair *pair, end_t *from, packet_t *packet);
    void *context;
} association_pair_t;

typedef enum end_kind { END_OURS, END_USRSCTP } end_kind_t;

/* `config` may be NULL; what is 0 in it gets a default. */
void association_pair_init(association_pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_association_config_t *config,
                           end_kind_t a, end_kind_t b);
void association_pair_free(association_pair_t *pair);
/* init, both connect, and run until both are up. */
void association_pair_connect(association_pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_association_config_t *config,
                              end_kind_t a, end_kind_t b);
void association_pair_run(association_pair_t *pair, peer_time_t duration);
bool association_pair_run_until(association_pair_t *pair, bool (*done)(association_pair_t *pair), peer_time_t limit);
/* Polls both ends until neither has anything left; delivers nothing. */
void association_pair_poll(association_pair_t *pair);
bool association_pair_is_up(association_pair_t *pair);
void association_pair_inject(association_pair_t *pair, end_t *to, const void *data, size_t length);

int end_connect(association_pair_t *pair, end_t *end);
/* A message of `length` bytes that says where it belongs: message_check(). */
int end_send(association_pair_t *pair, end_t *end, const sctp_message_info_t *info, uint32_t number, size_t length);
int end_send_text(association_pair_t *pair, end_t *end, uint16_t stream, const char *text);
bool end_reset(association_pair_t *pair, end_t *end, uint16_t stream);
void end_forget_messages(end_t *end);
/* The number a message was made with; fails the test if it is not what was sent. */
uint32_t message_check(const received_t *received);

#endif
