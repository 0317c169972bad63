/* One association of ours; the test is its remote side, and writes its packets chunk by chunk. */
#ifndef VICTIM_H
#define VICTIM_H

#include "base/random.h"
#include "sctp/association.h"
#include "sctp/chunk.h"
#include "test.h"

#define VICTIM_PORT 5000
#define THEIR_TAG 0xdeadbeef
#define THEIR_TSN 1000u

typedef struct victim {
    sctp_association_t *association;
    packet_pool_t *pool;
    random_seeded_t random;
    peer_time_t now;
    uint32_t tag; /* that packets to it bear */
    uint32_t tsn; /* its first */
    size_t bytes_in, bytes_out, packets_out;
    uint8_t last[65536]; /* packet that came out */
    size_t last_length;
    unsigned counts[SCTP_ASSOCIATION_LOST + 1];
    bool is_orderly;
    uint16_t cause_code;
    uint16_t streams[8]; /* of the last reset event */
    size_t stream_count;
} victim_t;

extern const sctp_init_t their_init;

void victim_new(victim_t *v);
/* The same on another path. */
void victim_new_on(victim_t *v, const sctp_path_t *path);
void victim_up(victim_t *v);
void victim_up_on(victim_t *v, const sctp_path_t *path);
void victim_poll(victim_t *v);
void victim_free(victim_t *v);
/* Chunks to it, in one packet that has the size of what is in it; not polled. */
void forge_tagged(victim_t *v, uint32_t tag, const void *chunks, size_t length);
void forge(victim_t *v, const void *chunks, size_t length);
void forge_data(victim_t *v, uint32_t tsn, uint16_t stream, uint16_t sequence, uint8_t flags, size_t length);
size_t write_init(uint8_t *bytes, size_t capacity, uint8_t type, const sctp_init_t *init);
/* The first chunk of the last packet that came out; type 255: none did. */
sctp_chunk_t answer_of(victim_t *v);
bool is_over(victim_t *v);

#define FORGE(v, ...) forge((v), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#endif
