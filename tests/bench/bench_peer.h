/* What bench-peer does with its data channel, apart from how it comes to be connected. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <peer/peer.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A line on standard output. */
void say(const char *word, const char *rest);

typedef enum bench_role { BENCH_COUNT, BENCH_REFLECT, BENCH_PING } bench_role_t;

typedef struct bench_channel {
    peer_data_channel_t *channel; /* NULL before there is one */
    atomic_int role;              /* what is done with messages that come */
    atomic_ullong bytes, messages;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    pthread_t reporter;
    bool is_reporting;
    bool is_low;
    double *samples_us; /* of round trips */
    unsigned wanted, count;
    double sent_at;
} bench_channel_t;

void bench_channel_begin(bench_channel_t *channel);
/* Gives the channel back; another may be had afterwards. */
void bench_channel_end(bench_channel_t *channel);
bool bench_channel_offer(bench_channel_t *channel, peer_connection_t *pc);
void bench_channel_take(bench_channel_t *channel, peer_data_channel_t *taken);

/* Counts what comes from now on, and says every 50 ms how much it was. */
bool bench_channel_count(bench_channel_t *channel);
/* Sends back what comes. */
bool bench_channel_reflect(bench_channel_t *channel);
/* So many small messages to and fro, one after the other. */
bool bench_channel_ping(bench_channel_t *channel, unsigned count);
/* Sends messages of a size for some seconds; up to `limit` bytes are waiting to be sent at a time. */
bool bench_channel_flood(bench_channel_t *channel, size_t size, double seconds, size_t limit);

#endif
