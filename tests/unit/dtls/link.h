/* Two associations and the network between them, in virtual time: what each says reaches the other after a delay, unless the seeded network
 * loses, repeats or reorders it. */
#ifndef DTLS_LINK_H
#define DTLS_LINK_H

#include "dtls/dtls.h"

typedef struct side {
    dtls_t *dtls;
    unsigned connected;
    peer_time_t connected_at;
    unsigned closed;
    unsigned failed;
    dtls_failure_t failure;
    packet_queue_t data;
} side_t;

typedef struct link {
    side_t client;
    side_t server;
    packet_pool_t *pool;
    packet_queue_t flying; /* time: arrival; path.socket: 1 to the client, 2 to the server */
    peer_time_t now;
    peer_time_t delay;
    peer_time_t jitter; /* uniform on top of the delay: reorders */
    unsigned loss_percent;
    unsigned duplicate_percent;
    bool (*is_lost)(struct link *link, const packet_t *packet, unsigned number); /* instead of chance */
    unsigned sent;                                                               /* datagrams so far */
    random_seeded_t random;
    random_source_t source;
} link_t;

typedef struct link_options {
    certificate_t *client_certificate; /* NULL: one that all tests share */
    certificate_t *server_certificate;
    fingerprint_hash_t hash; /* 0: sha-256 */
    size_t client_mtu;
    uint16_t client_profiles[DTLS_SRTP_PROFILES_MAX];
    uint16_t server_profiles[DTLS_SRTP_PROFILES_MAX];
    uint64_t seed;
} link_options_t;

certificate_t *link_certificate(unsigned which, certificate_key_t key); /* 0 or 1; made once, kept */
void link_open(link_t *link, const link_options_t *options);            /* with each other's fingerprints, not started */
void link_start(link_t *link);
void link_flush(link_t *link);                  /* polls both sides; their datagrams take off */
bool link_step(link_t *link);                   /* moves time to the next arrival or deadline; false when nothing is to come */
void link_run(link_t *link, peer_time_t until); /* all steps up to that time, which it then is */
void link_connect(link_t *link);                /* starts, runs until both sides are connected, checks that */
void link_send(link_t *link, side_t *side, const void *data, size_t length);
void link_inject(link_t *link, side_t *side, const void *data, size_t length); /* a datagram from nowhere */
void link_exchange(link_t *link);                                              /* one record each way, checked */
void link_inject_garbage(link_t *link, unsigned count); /* to both sides: random bytes, also such that look like records */
void link_close(link_t *link);                          /* checks that no packet is lost */

#endif
