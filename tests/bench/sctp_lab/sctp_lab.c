/* Our SCTP and a model of TCP CUBIC on the same emulated path, in virtual time.
 *
 *   sctp-lab                         every path of the grid: each alone
 *   sctp-lab --compete               the same grid: both through one queue
 *   sctp-lab --rtt-ms 100 …          one path, second by second
 */
#include "sctp_flow.h"
#include "tcp_flow.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    trial_path_t path;
    unsigned seeds, seconds;
    bool is_one, is_competing, is_mtu_fixed;
    uint32_t tcp_window;
} options_t;

typedef struct result {
    double ours, tcp; /* Mbit/s; of a flow that was not there: 0 */
} result_t;

static const double rates[] = {10, 100, 1000};
static const double rtts[] = {1, 20, 50, 100, 200};
static const double losses[] = {0, 0.1, 1};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static trial_flow_t *add_ours(trial_t *trial, const options_t *options, uint64_t seed, peer_time_t start)
{
    trial_flow_t *flow = sctp_flow_new(&(sctp_flow_options_t){.seed = seed, .is_mtu_fixed = options->is_mtu_fixed});
    trial_add(trial, flow, start);
    return flow;
}

static trial_flow_t *add_tcp(trial_t *trial, const options_t *options, peer_time_t start)
{
    trial_flow_t *flow = tcp_flow_new(options->tcp_window);
    trial_add(trial, flow, start);
    return flow;
}

static void show_course(const char *name, const trial_flow_t *flow, unsigned seconds)
{
    printf("%-5s %7.2f Mbit/s |", name, trial_mbps(flow, 0, seconds));
    for (unsigned i = 0; i < seconds; i++)
        printf(" %.*f", trial_mbps(flow, i, i + 1) < 10 ? 1 : 0, trial_mbps(flow, i, i + 1));
    printf("\n");
}

static void show_ours(const trial_flow_t *flow, unsigned seconds)
{
    show_course("ours", flow, seconds);
    sctp_association_stats_t s;
    sctp_flow_stats_get(flow, &s);
    printf(
        "      packets %llu chunks %llu again %llu timeouts %llu window %llu in flight %llu rtt %.1f least %.1f ms mtu %u black holes %u "
        "receiver window %u%s\n",
        (unsigned long long)s.packets_sent, (unsigned long long)s.chunks_sent, (unsigned long long)s.chunks_retransmitted,
        (unsigned long long)s.timeouts, (unsigned long long)s.congestion_window, (unsigned long long)s.in_flight, s.rtt_us / 1e3,
        s.least_rtt_us / 1e3, s.mtu, s.black_holes, s.receiver_window, sctp_flow_is_lost(flow) ? " LOST" : "");
}

static void show_tcp(const trial_flow_t *flow, unsigned seconds)
{
    show_course("TCP", flow, seconds);
    tcp_flow_stats_t s;
    tcp_flow_stats_get(flow, &s);
    printf("      segments %llu again %llu timeouts %llu recoveries %llu window %.0f threshold %.0f rtt %.1f ms\n",
           (unsigned long long)s.sent, (unsigned long long)s.retransmitted, (unsigned long long)s.timeouts,
           (unsigned long long)s.recoveries, s.window, s.threshold, (double)s.smoothed_rtt / 1e3);
}

static result_t alone(const options_t *options, uint64_t seed)
{
    static trial_t trial;
    result_t result;
    trial_begin(&trial, &options->path, seed);
    trial_flow_t *flow = add_ours(&trial, options, seed, 0);
    trial_run(&trial, options->seconds * PEER_SECOND);
    result.ours = trial_mbps(flow, 0, options->seconds);
    if (options->is_one)
        show_ours(flow, options->seconds);
    trial_end(&trial);

    trial_begin(&trial, &options->path, seed);
    flow = add_tcp(&trial, options, 0);
    trial_run(&trial, options->seconds * PEER_SECOND);
    result.tcp = trial_mbps(flow, 0, options->seconds);
    if (options->is_one)
        show_tcp(flow, options->seconds);
    trial_end(&trial);
    return result;
}

/* TCP first with odd seeds, a second apart; what is measured are the last five sixths. */
static result_t together(const options_t *options, uint64_t seed)
{
    static trial_t trial;
    result_t result;
    trial_begin(&trial, &options->path, seed);
    trial_flow_t *ours = add_ours(&trial, options, seed, seed % 2 ? PEER_SECOND : 0);
    trial_flow_t *tcp = add_tcp(&trial, options, seed % 2 ? 0 : PEER_SECOND);
    trial_run(&trial, options->seconds * PEER_SECOND);
    result.ours = trial_mbps(ours, options->seconds / 6, options->seconds);
    result.tcp = trial_mbps(tcp, options->seconds / 6, options->seconds);
    if (options->is_one) {
        show_ours(ours, options->seconds);
        show_tcp(tcp, options->seconds);
    }
    trial_end(&trial);
    return result;
}

static result_t mean(const options_t *options)
{
    result_t sum = {0, 0};
    for (unsigned seed = 1; seed <= options->seeds; seed++) {
        result_t one = options->is_competing ? together(options, seed) : alone(options, seed);
        sum.ours += one.ours / options->seeds;
        sum.tcp += one.tcp / options->seeds;
    }
    return sum;
}

static void run_grid(options_t *options)
{
    printf("| link, Mbit/s | RTT, ms | loss, %% | ours, Mbit/s | TCP, Mbit/s | %s |\n|---|---|---|---|---|---|\n",
           options->is_competing ? "our share" : "ours / TCP");
    for (size_t r = 0; r < COUNT(rates); r++)
        for (size_t l = 0; l < COUNT(losses); l++)
            for (size_t d = 0; d < COUNT(rtts); d++) {
                options->path.rate_bps = rates[r] * 1e6;
                options->path.rtt = (peer_time_t)(rtts[d] * 1000);
                options->path.loss = losses[l] / 100;
                result_t result = mean(options);
                printf("| %.0f | %.0f | %.1f | %.2f | %.2f | %.2f |\n", rates[r], rtts[d], losses[l], result.ours, result.tcp,
                       options->is_competing ? result.ours / (result.ours + result.tcp) : result.ours / result.tcp);
                fflush(stdout);
            }
}

static int usage(void)
{
    fprintf(stderr, "usage: sctp-lab [--compete] [--seeds N] [--seconds N] [--tcp-window SEGMENTS] [--fixed-mtu] [--mtu BYTES]\n"
                    "                [--burst PACKETS] [--reorder SHARE --behind-ms MS] [--batch-us US] [--queue-ms MS]\n"
                    "                [--rate-mbps N] [--rtt-ms N] [--loss PERCENT]     (any of these: one path)\n");
    return 2;
}

int main(int argc, char **argv)
{
    enum { RATE = 1, RTT, LOSS, QUEUE, MTU, BURST, REORDER, BEHIND, BATCH, SEEDS, SECONDS, TCP_WINDOW, COMPETE, FIXED };
    static const struct option names[] = {
        {"rate-mbps", 1, NULL, RATE},  {"rtt-ms", 1, NULL, RTT},       {"loss", 1, NULL, LOSS},
        {"queue-ms", 1, NULL, QUEUE},  {"mtu", 1, NULL, MTU},          {"burst", 1, NULL, BURST},
        {"reorder", 1, NULL, REORDER}, {"behind-ms", 1, NULL, BEHIND}, {"batch-us", 1, NULL, BATCH},
        {"seeds", 1, NULL, SEEDS},     {"seconds", 1, NULL, SECONDS},  {"tcp-window", 1, NULL, TCP_WINDOW},
        {"compete", 0, NULL, COMPETE}, {"fixed-mtu", 0, NULL, FIXED},  {NULL, 0, NULL, 0}};
    options_t options = {.path = {.rate_bps = 100e6, .rtt = 50 * PEER_MILLISECOND}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        double value = optarg != NULL ? strtod(optarg, NULL) : 0;
        if (value < 0)
            return usage();
        options.is_one = options.is_one || option == RATE || option == RTT || option == LOSS;
        switch (option) {
        case RATE:
            options.path.rate_bps = value * 1e6;
            break;
        case RTT:
            options.path.rtt = (peer_time_t)(value * 1000);
            break;
        case LOSS:
            options.path.loss = value / 100;
            break;
        case QUEUE:
            options.path.queue = (peer_time_t)(value * 1000);
            break;
        case MTU:
            options.path.mtu = (size_t)value;
            break;
        case BURST:
            options.path.burst = value;
            break;
        case REORDER:
            options.path.reordering = value;
            break;
        case BEHIND:
            options.path.behind = (peer_time_t)(value * 1000);
            break;
        case BATCH:
            options.path.batch = (peer_time_t)value;
            break;
        case SEEDS:
            options.seeds = (unsigned)value;
            break;
        case SECONDS:
            options.seconds = (unsigned)value;
            break;
        case TCP_WINDOW:
            options.tcp_window = (uint32_t)value;
            break;
        case COMPETE:
            options.is_competing = true;
            break;
        case FIXED:
            options.is_mtu_fixed = true;
            break;
        default:
            return usage();
        }
    }
    if (optind < argc || options.seconds > TRIAL_SECONDS_MAX)
        return usage();
    options.seeds = options.seeds > 0 ? options.seeds : options.is_one ? 1 : 5;
    options.seconds = options.seconds > 0 ? options.seconds : options.is_competing ? 60 : 20;
    if (options.is_one)
        mean(&options);
    else
        run_grid(&options);
    return 0;
}
