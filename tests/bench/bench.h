/* peer-bench: how fast the library is, through its public headers only. This header is what the measurements share: two connections of one
 * process joined to each other, clocks, percentiles and the report. */
#ifndef BENCH_H
#define BENCH_H

#include <peer/peer.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_options {
    unsigned count; /* pairs (setup, idle), round trips (data), or negotiations; 0: the measurement's own default */
    double seconds; /* of a steady state; 0: default */
    size_t size;    /* of a message or RTP packet; 0: default */
    unsigned rate;  /* RTP packets a second; 0: as many as come through */
    unsigned loops; /* 1: both sides on one loop; 2: one each */
    bool json;
    unsigned mtu;      /* of the path, IP header included; 0: as it is */
    unsigned datagram; /* the largest that the library sends, without IP and UDP headers; 0: its default */
    /* ice, data */
    int path;         /* one of bench_path_t */
    const char *peer; /* command of another library's program; NULL: this one's */
    bool has_link;    /* through an emulated network, of which the following tell */
    double rtt_ms, jitter_ms, loss_percent, burst, rate_mbps, queue_ms;
    uint64_t seed;
    /* data */
    bool with_tcp;     /* measured on the same path, afterwards */
    bool competes;     /* with TCP, at the same time */
    unsigned tcp_lead; /* seconds that TCP begins earlier then */
} bench_options_t;

typedef enum bench_path {
    BENCH_PATH_HOST,
    BENCH_PATH_SRFLX, /* each side behind a NAT */
    BENCH_PATH_RELAY, /* only by relayed candidates */
} bench_path_t;

int bench_setup(const bench_options_t *options);
int bench_idle(const bench_options_t *options);
int bench_data(const bench_options_t *options);
int bench_path(const bench_options_t *options); /* data over an emulated network */
int bench_rtp(const bench_options_t *options);
int bench_ice(const bench_options_t *options);
int bench_negotiate(const bench_options_t *options);

/* pair.c */
#define PAIR_CANDIDATES_MAX 64

struct pair;

typedef struct side {
    struct pair *pair;
    struct side *other;
    peer_connection_t *pc;
    peer_data_channel_t *channel;
    peer_ice_candidate_t *candidates[PAIR_CANDIDATES_MAX]; /* of this side, waiting until the other has its description */
    size_t candidate_count;
    bool has_description; /* the other side's */
    bool is_open;
    bool is_connected;
    bool is_closed;
    void (*on_message)(struct side *side, const void *data, size_t length);
    void (*on_low)(struct side *side);
    void (*on_track)(struct side *side, peer_track_t *track);
} side_t;

typedef struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    side_t offerer;
    side_t answerer;
    void *user;
    bool has_failed;
} pair_t;

/* Makes both connections, a channel from the offerer and, with `track`, a track from it, and negotiates. Does not wait. NULL on failure. */
pair_t *pair_new(const bench_options_t *options, peer_track_t *track, void (*on_track)(side_t *side, peer_track_t *track));
/* Waits until both sides are connected, and their channel is open; false when it fails or half a minute has passed. */
bool pair_wait_connected(pair_t *pair);
bool pair_wait_open(pair_t *pair);
void pair_free(pair_t *pair); /* closes both and waits until that is done; NULL is allowed */

/* measure.c */
double wall_now(void); /* seconds */
double cpu_now(void);  /* seconds of this process, all threads */
size_t resident_kb(void);
size_t thread_count(void);
size_t descriptor_count(void);
unsigned long wakeup_count(void); /* how often a thread of this process was given the processor */
void allow_descriptors(void);     /* as many as the administrator lets us have */
/* Sorts; `fraction` 0.5 is the median. */
double percentile(double *values, size_t count, double fraction);
/* Tells why on stderr, with the library's last error; returns 1, a measurement's failure. */
int bench_fail(const char *what);
/* A report is begun, filled key by key and ended: an object on one line with --json, else a table. */
void report_begin(const bench_options_t *options, const char *name);
void report_number(const char *key, double value, int decimals);
void report_numbers(const char *key, const double *values, size_t count, int decimals);
void report_text(const char *key, const char *value);
void report_end(void);

#endif
