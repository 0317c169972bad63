/* A data channel over an emulated path: as many messages as it takes, and what TCP makes of the same path, after it or at the same time.
 * The sides are programs of their own, in their own network namespaces. */
#include "peers.h"
#include "tcp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define QUEUE_LEAST_MS 20
#define PATIENCE_SECONDS 40
#define DEFAULT_SECONDS 10
#define DEFAULT_SIZE 65536
#define ROUND_TRIPS_MS 500 /* so long round trips are made before the flood, */
#define ROUND_TRIPS_LEAST 3
#define ROUND_TRIPS_MOST 200
#define IN_FLIGHT_LEAST (4u << 20) /* bytes given to the channel before waiting for it to drain, beyond what the path holds */
#define COMPETING_SECONDS 2        /* the channel goes on that long after TCP */

typedef struct path_result {
    double mbps, steady_MBps, steady_messages, cpu_per_GB;
    double rtt_us_median, rtt_us_p99;
    double series_mbps[TCP_SECONDS_MAX];
    size_t seconds;
    double wire_ratio, dropped, lost; /* of the first host's sending */
    double link_cpu;                  /* share of a core */
} path_result_t;

static double queue_ms(const bench_options_t *options)
{
    return options->queue_ms > 0 ? options->queue_ms : fmax(QUEUE_LEAST_MS, options->rtt_ms);
}

static lab_t *make_lab(const bench_options_t *options)
{
    lab_options_t lab = {.has_nat = options->path == BENCH_PATH_SRFLX,
                         .has_server = options->path != BENCH_PATH_HOST,
                         .path = peers_link(options, queue_ms(options)),
                         .mtu = options->mtu,
                         .seed = options->seed};
    return lab_new(&lab);
}

static bool is_open(const peer_process_t *peer)
{
    return peer->is_open;
}

static bool is_reflecting(const peer_process_t *peer)
{
    return peer->is_reflecting;
}

static bool has_round_trips(const peer_process_t *peer)
{
    return peer->rtt_us_median > 0;
}

static bool is_flooded(const peer_process_t *peer)
{
    return peer->flood_end.time > 0;
}

static bool has_samples(const peer_process_t *peer)
{
    return peer->sample_count > 0 && peer->samples[peer->sample_count - 1].time >= peer->awaited_time;
}

static bool fail(const char *what)
{
    fprintf(stderr, "peer-bench: %s\n", what);
    return false;
}

/* What had arrived by then, between the samples on both sides of it. */
static peer_sample_t sample_at(const peer_process_t *peer, double time)
{
    const peer_sample_t *samples = peer->samples;
    size_t i = 0;
    while (i < peer->sample_count && samples[i].time < time)
        i++;
    if (i == 0)
        return (peer_sample_t){.time = time, .cpu = samples[0].cpu};
    if (i == peer->sample_count)
        return samples[i - 1];
    const peer_sample_t *a = &samples[i - 1], *b = &samples[i];
    double share = (time - a->time) / (b->time - a->time);
    return (peer_sample_t){.time = time,
                           .bytes = a->bytes + share * (b->bytes - a->bytes),
                           .messages = a->messages + share * (b->messages - a->messages),
                           .cpu = a->cpu + share * (b->cpu - a->cpu)};
}

static void evaluate(const peers_t *peers, double seconds, path_result_t *result)
{
    const peer_process_t *sender = &peers->sides[0], *receiver = &peers->sides[1];
    double start = sender->flood_start.time;
    peer_sample_t first = sample_at(receiver, start), warm = sample_at(receiver, start + seconds / 5),
                  last = sample_at(receiver, start + seconds);
    double steady = seconds * 4 / 5, sender_cpu = sender->flood_end.cpu - sender->flood_start.cpu;
    double flood_seconds = sender->flood_end.time - start;
    result->mbps = last.bytes * 8e-6 / seconds;
    result->steady_MBps = (last.bytes - warm.bytes) / steady / 1e6;
    result->steady_messages = (last.messages - warm.messages) / steady;
    result->cpu_per_GB = last.bytes > 0 ? (sender_cpu * seconds / flood_seconds + last.cpu - first.cpu) / (last.bytes / 1e9) : 0;
    result->rtt_us_median = sender->rtt_us_median;
    result->rtt_us_p99 = sender->rtt_us_p99;
    result->seconds = 0;
    for (double from = 0; from + 1 <= seconds + 1e-6 && result->seconds < TCP_SECONDS_MAX; from++)
        result->series_mbps[result->seconds++] =
            (sample_at(receiver, start + from + 1).bytes - sample_at(receiver, start + from).bytes) * 8e-6;
}

/* Until the flood is over and what arrived of it is known. */
static bool flood(const bench_options_t *options, peers_t *peers, double seconds)
{
    peer_process_t *sender = &peers->sides[0], *receiver = &peers->sides[1];
    char text[96];
    double held = options->rate_mbps * 1e6 / 8 * (options->rtt_ms + queue_ms(options)) / 1e3;
    snprintf(text, sizeof text, "%zu %.3f %.0f", options->size != 0 ? options->size : DEFAULT_SIZE, seconds, IN_FLIGHT_LEAST + held);
    double until = wall_now() + seconds + PATIENCE_SECONDS;
    if (!peer_tell(receiver, "count", NULL) || !peers_wait(peers, has_samples, 1, 1, until) || !peer_tell(sender, "flood", text) ||
        !peers_wait(peers, is_flooded, 0, 1, until))
        return false;
    receiver->awaited_time = sender->flood_end.time;
    return peers_wait(peers, has_samples, 1, 1, until);
}

static bool connect_peers(const bench_options_t *options, peers_t *peers)
{
    double until = wall_now() + PATIENCE_SECONDS, fitting = options->rtt_ms > 0 ? ROUND_TRIPS_MS / options->rtt_ms : ROUND_TRIPS_MOST;
    char count[32];
    snprintf(count, sizeof count, "%.0f", options->count != 0 ? options->count : fmin(fmax(fitting, ROUND_TRIPS_LEAST), ROUND_TRIPS_MOST));
    if (!peers_introduce(peers, until) || !peers_connect(peers, until) || !peers_wait(peers, is_open, 0, PEERS, until))
        return fail("the peers do not connect");
    return (peer_tell(&peers->sides[1], "reflect", NULL) && peers_wait(peers, is_reflecting, 1, 1, until) &&
            peer_tell(&peers->sides[0], "ping", count) && peers_wait(peers, has_round_trips, 0, 1, until)) ||
           fail("not all round trips are made");
}

static bool measure_peers(const bench_options_t *options, peers_t *peers, double seconds, path_result_t *result)
{
    network_counts_t before, after;
    network_counts_get(lab_network(peers->lab), 0, &before);
    double begun = wall_now();
    if (!flood(options, peers, seconds + (options->competes ? COMPETING_SECONDS : 0)))
        return fail("the messages do not arrive");
    network_counts_get(lab_network(peers->lab), 0, &after);
    evaluate(peers, seconds, result);
    double bytes = sample_at(&peers->sides[1], peers->sides[0].flood_end.time).bytes;
    result->link_cpu = (after.cpu_seconds - before.cpu_seconds) / (wall_now() - begun);
    result->wire_ratio = bytes > 0 ? (double)(after.up.entered_bytes - before.up.entered_bytes) / bytes : 0;
    result->dropped = (double)(after.up.dropped - before.up.dropped);
    result->lost = (double)(after.up.lost - before.up.lost);
    return true;
}

/* The channel, alone or with TCP beside it. */
static bool run_data(const bench_options_t *options, unsigned seconds, path_result_t *result, tcp_result_t *tcp)
{
    peers_t peers = {.lab = make_lab(options)};
    tcp_flow_t flow = {.server = 0};
    if (peers.lab == NULL)
        return false;
    bool is_done = peers_start(&peers, options) || fail("the peers do not start");
    is_done = is_done && connect_peers(options, &peers);
    if (options->competes)
        is_done =
            is_done && tcp_prepare(peers.lab) && tcp_listen(&flow, peers.lab) && tcp_send(&flow, peers.lab, seconds + options->tcp_lead);
    if (is_done && options->competes)
        sleep(options->tcp_lead);
    is_done = is_done && measure_peers(options, &peers, seconds, result) &&
              (!options->competes || tcp_wait(&flow, seconds + options->tcp_lead, seconds / 5.0 + options->tcp_lead, tcp));
    if (is_done && !peers_close(&peers, wall_now() + PATIENCE_SECONDS))
        is_done = fail("the peers do not close");
    tcp_end(&flow);
    peers_end(&peers);
    lab_free(peers.lab);
    return is_done;
}

static bool run_tcp(const bench_options_t *options, unsigned seconds, tcp_result_t *result)
{
    tcp_flow_t flow = {.server = 0};
    lab_t *lab = make_lab(options);
    bool is_done = lab != NULL && tcp_prepare(lab) && tcp_listen(&flow, lab) && tcp_send(&flow, lab, seconds) &&
                   tcp_wait(&flow, seconds, seconds / 5.0, result);
    tcp_end(&flow);
    lab_free(lab);
    return is_done;
}

static void report(const bench_options_t *options, unsigned seconds, const path_result_t *result, const tcp_result_t *tcp)
{
    report_begin(options, "data");
    report_number("rtt_ms", options->rtt_ms, 1);
    report_number("loss_percent", options->loss_percent, 2);
    report_number("rate_mbps", options->rate_mbps, 1);
    report_number("queue_ms", options->rate_mbps > 0 ? queue_ms(options) : 0, 1);
    report_number("mtu", options->mtu != 0 ? options->mtu : LAB_MTU, 0);
    report_number("seed", (double)options->seed, 0);
    report_number("seconds", seconds, 0);
    report_number("size", (double)(options->size != 0 ? options->size : DEFAULT_SIZE), 0);
    report_number("throughput_mbps", result->mbps, 3); /* of the whole time */
    report_numbers("series_mbps", result->series_mbps, result->seconds, 2);
    report_number("throughput_MBps", result->steady_MBps, 3);
    report_number("messages_per_s", result->steady_messages, 1);
    report_number("cpu_s_per_GB", result->cpu_per_GB, 2);
    report_number("rtt_us_median", result->rtt_us_median, 1);
    report_number("rtt_us_p99", result->rtt_us_p99, 1);
    if (!options->competes) /* TCP's are among them then */
        report_number("wire_bytes_per_byte", result->wire_ratio, 4);
    report_number("link_dropped_packets", result->dropped, 0);
    report_number("link_lost_packets", result->lost, 0);
    report_number("link_cpu", result->link_cpu, 3);
    if (tcp != NULL) {
        report_number("tcp_mbps", tcp->mbps, 3);
        report_numbers("tcp_series_mbps", tcp->series_mbps, tcp->seconds, 2);
        report_number("tcp_steady_mbps", tcp->steady_mbps, 3);
        report_number("tcp_retransmissions", tcp->retransmissions, 0);
        if (options->competes) {
            report_number("tcp_lead_s", options->tcp_lead, 0);
            report_number("share", result->steady_MBps * 8 / (result->steady_MBps * 8 + tcp->steady_mbps), 3);
        } else {
            report_number("ratio_to_lesser", result->mbps / (options->rate_mbps > 0 ? fmin(tcp->mbps, options->rate_mbps) : tcp->mbps), 3);
        }
    }
    report_end();
}

int bench_path(const bench_options_t *options)
{
    path_result_t result = {.mbps = 0};
    tcp_result_t tcp = {.mbps = 0};
    unsigned seconds = options->seconds > 0 ? (unsigned)ceil(options->seconds) : DEFAULT_SECONDS; /* iperf3 knows no parts of one */
    if ((options->with_tcp || options->competes) && options->path != BENCH_PATH_HOST) {
        fail("TCP takes no other path than host");
        return 2;
    }
    if (seconds > TCP_SECONDS_MAX) {
        fail("a path is measured for 600 seconds at most");
        return 2;
    }
    if (!run_data(options, seconds, &result, &tcp) || (options->with_tcp && !options->competes && !run_tcp(options, seconds, &tcp)))
        return 1;
    report(options, seconds, &result, options->with_tcp || options->competes ? &tcp : NULL);
    return 0;
}
