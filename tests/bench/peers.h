/* Two peers that are programs of their own (bench-peer, or another library's), each at a place of an emulated network. They are told what
 * to do, and tell what came of it, in lines (docs/benchmarks.md has them); what they have to say to each other goes over these pipes, which
 * take no time. */
#ifndef PEERS_H
#define PEERS_H

#include "bench.h"

#include "link/lab.h"

#define PEERS 2
#define PEER_CANDIDATES_MAX 64

/* What had arrived by a time. */
typedef struct peer_sample {
    double time; /* of CLOCK_REALTIME, seconds */
    double bytes, messages;
    double cpu; /* seconds of that peer's process so far */
} peer_sample_t;

typedef struct peer_process {
    pid_t process;
    int to, from;
    char *line; /* what came of the next one */
    size_t line_length;
    char *description;
    char *candidates[PEER_CANDIDATES_MAX];
    size_t candidate_count;
    bool has_gathered, is_ready, has_failed, is_closed, is_open, is_reflecting, has_ended;
    long long known_us, connected_us;
    double rtt_us_median, rtt_us_p99;
    peer_sample_t flood_start, flood_end; /* of the sending side; what it sent */
    peer_sample_t *samples;               /* of the receiving side */
    size_t sample_count, sample_room;
    double awaited_time; /* of a sample that somebody waits for */
} peer_process_t;

typedef struct peers {
    lab_t *lab; /* NULL: in this host's own network */
    peer_process_t sides[PEERS];
} peers_t;

/* The link that the options tell of, with a drop-tail queue of so many milliseconds. */
link_parameters_t peers_link(const bench_options_t *options, double queue_ms);
/* Starts both; ends with peers_end() even when this fails. */
bool peers_start(peers_t *peers, const bench_options_t *options);
void peers_end(peers_t *peers);
/* Forgets what the last round's connection was. */
void peers_forget(peers_t *peers);
bool peer_tell(const peer_process_t *peer, const char *word, const char *rest);
/* Reads from both until it holds for those peers; false when one of them failed or ended, or the time (wall_now()) is up. */
bool peers_wait(peers_t *peers, bool (*holds)(const peer_process_t *peer), size_t first, size_t count, double until);
/* Both gather, and are told what the other says once both have. */
bool peers_introduce(peers_t *peers, double until);
/* Gives them each other's candidates, and waits until both are connected. */
bool peers_connect(peers_t *peers, double until);
bool peers_close(peers_t *peers, double until);

#endif
