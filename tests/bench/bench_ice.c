/* How long ICE takes from when both sides know everything of each other until both are connected, and how many packets that costs. Each
 * side is a program of its own, in its own network namespace of an emulated network; they gather first. */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_SECONDS 40 /* libraries that fail do so after 30 */
/* A check and its answer, with which data may flow. Nothing is to be had faster, and NATs and relays need not add to it: both sides' first
 * checks open them for each other, and a permission can travel with the check that needs it. */
#define LEAST_ROUND_TRIPS 1
#define FAILURES_MAX 3 /* and the measurement ends */

typedef struct ice_sample {
    double ms;
    double packets; /* of STUN, sent by both */
} ice_sample_t;

static void tell_failure(const peers_t *peers, const char *when)
{
    fprintf(stderr, "peer-bench: a round fails in %s:", when);
    for (size_t i = 0; i < PEERS; i++) {
        const peer_process_t *side = &peers->sides[i];
        fprintf(stderr, " side %zu has %zu candidates%s%s%s%s;", i, side->candidate_count, side->has_gathered ? ", has gathered" : "",
                side->connected_us != 0 ? ", is connected" : "", side->has_failed ? ", has failed" : "",
                side->has_ended ? ", has ended" : "");
    }
    fputc('\n', stderr);
}

static bool run_round(peers_t *peers, ice_sample_t *sample)
{
    peer_process_t *a = &peers->sides[0], *b = &peers->sides[1];
    double until = wall_now() + ROUND_SECONDS;
    peers_forget(peers);
    if (peers->lab != NULL)
        network_stun_clear(lab_network(peers->lab));
    bool is_introduced = peers_introduce(peers, until);
    bool is_done = is_introduced && peers_connect(peers, until);
    if (is_done) {
        long long from = a->known_us > b->known_us ? a->known_us : b->known_us;
        long long to = a->connected_us > b->connected_us ? a->connected_us : b->connected_us;
        long long first = a->known_us < b->known_us ? a->known_us : b->known_us;
        /* a side that is scheduled late may be connected before it has been told: by the other's checks */
        sample->ms = (double)(to - (from < to ? from : first)) / 1e3;
        for (size_t i = 0; i < PEERS && peers->lab != NULL; i++)
            sample->packets += network_stun_count(lab_network(peers->lab), i, first, to);
    }
    bool is_ended = peers_close(peers, wall_now() + ROUND_SECONDS);
    if (!is_introduced)
        tell_failure(peers, "gathering");
    else if (!is_done)
        tell_failure(peers, "connecting");
    else if (!is_ended)
        tell_failure(peers, "closing");
    return is_done && is_ended;
}

static void report(const bench_options_t *options, double *ms, double *packets, unsigned count, unsigned failed)
{
    static const char *const paths[] = {"host", "srflx", "relay"};
    double median = percentile(ms, count, 0.5);
    report_begin(options, "ice");
    report_text("path", paths[options->path]);
    report_number("rounds", count, 0);
    report_number("failed", failed, 0);
    report_number("ice_ms_median", median, 3);
    report_number("ice_ms_p95", percentile(ms, count, 0.95), 3);
    if (options->has_link) {
        report_number("rtt_ms", options->rtt_ms, 1);
        report_number("loss_percent", options->loss_percent, 2);
        report_number("packets_median", percentile(packets, count, 0.5), 0);
        report_number("packets_p95", percentile(packets, count, 0.95), 0);
    }
    if (options->rtt_ms > 0) {
        report_number("round_trips_least", LEAST_ROUND_TRIPS, 0);
        report_number("round_trips_median", median / options->rtt_ms, 3);
        report_number("ratio_to_least", median / options->rtt_ms / LEAST_ROUND_TRIPS, 3);
    }
    report_end();
}

static int run_rounds(const bench_options_t *options, peers_t *peers)
{
    unsigned count = options->count != 0 ? options->count : 50, done = 0, failed = 0;
    double *ms = calloc(count, sizeof *ms), *packets = calloc(count, sizeof *packets);
    ice_sample_t first = {.ms = 0}; /* pays what a process pays once */
    int status = 1;
    if (ms == NULL || packets == NULL) {
        bench_fail("no memory for the samples");
    } else if (!run_round(peers, &first)) {
        bench_fail("the first round does not connect");
    } else {
        while (done < count && failed < FAILURES_MAX && !peers->sides[0].has_ended && !peers->sides[1].has_ended) {
            ice_sample_t sample = {.ms = 0};
            if (!run_round(peers, &sample)) {
                failed++;
                continue;
            }
            ms[done] = sample.ms;
            packets[done++] = sample.packets;
        }
        status = done > 0 ? 0 : bench_fail("no round connects");
        if (status == 0)
            report(options, ms, packets, done, failed);
    }
    free(ms);
    free(packets);
    return status;
}

int bench_ice(const bench_options_t *options)
{
    peers_t peers = {.lab = NULL};
    if (!options->has_link && options->path != BENCH_PATH_HOST) {
        fprintf(stderr, "peer-bench: a path by srflx or relay needs an emulated network: --rtt-ms\n");
        return 2;
    }
    if (options->has_link) {
        lab_options_t lab = {.has_nat = options->path == BENCH_PATH_SRFLX,
                             .has_server = options->path != BENCH_PATH_HOST,
                             .path = peers_link(options, options->queue_ms > 0 ? options->queue_ms : options->rtt_ms + 20),
                             .mtu = options->mtu,
                             .seed = options->seed};
        peers.lab = lab_new(&lab);
        if (peers.lab == NULL)
            return 1;
    }
    int status = peers_start(&peers, options) ? run_rounds(options, &peers) : bench_fail("the peers do not start");
    peers_end(&peers);
    lab_free(peers.lab);
    return status;
}
