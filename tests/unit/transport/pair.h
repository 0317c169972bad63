/* Two transports with nothing between them: what one sends, the other gets at once, unless a test holds it back. */
#ifndef TRANSPORT_TEST_PAIR_H
#define TRANSPORT_TEST_PAIR_H

#include "base/random.h"
#include "transport/transport.h"

#define PAIR_KEPT 256

typedef struct pair pair_t;

typedef struct side {
    pair_t *pair;
    int index;
    transport_t *transport;
    address_t address;
    uint32_t socket;
    size_t rtp, rtcp, messages;
    uint8_t last_rtp[64];
    int dtls_state; /* as last told; -1: nothing yet */
    size_t channels;
    sctp_channel_t *channel;
} side_t;

struct pair {
    peer_time_t now;
    packet_pool_t *pool;
    random_seeded_t generator;
    side_t sides[2];
    /* Said of each datagram before it is delivered: kept back for pair_release() when true. */
    bool (*holds_back)(const pair_t *pair, const side_t *from, const packet_t *packet);
    packet_t *kept[PAIR_KEPT];
    int kept_to[PAIR_KEPT];
    size_t kept_count;
};

/* Side 0 is controlling and the DTLS client. `has_wrong_fingerprint`: side 0 expects another certificate than side 1 has. */
void pair_open(pair_t *pair, bool has_wrong_fingerprint);
/* Both gather, and know each other's parameters and candidates. */
void pair_connect(pair_t *pair);
void pair_run(pair_t *pair, peer_time_t time); /* so long in virtual time */
void pair_close(pair_t *pair);                 /* also checks that no packet leaked */
/* Hands over, in their order, what was held back; nothing is any more. */
void pair_release(pair_t *pair);
/* A datagram out of nowhere; `from` NULL: from the other side's address. */
void pair_inject(pair_t *pair, int to, const address_t *from, const void *bytes, size_t length);
packet_t *pair_packet(pair_t *pair, const void *bytes, size_t length);
fingerprint_t pair_fingerprint(int side, fingerprint_hash_t hash);

#endif
