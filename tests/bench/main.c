#include "bench.h"

#include "link/lab.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(const bench_options_t *options);
    const char *what;
} benches[] = {
    {"setup", bench_setup, "pairs connected one after another: time and CPU until their channel is open"},
    {"idle", bench_idle, "many pairs at once: memory of a side, CPU of a pair"},
    {"data", bench_data, "a data channel: throughput, CPU, round trip"},
    {"rtp", bench_rtp, "RTP packets: rate, CPU, loss"},
    {"negotiate", bench_negotiate, "from nothing to two stable sides: time and CPU by the number of m-lines"},
    {"ice", bench_ice, "ICE between two processes: time until both are connected, packets"},
};
#define BENCHES (sizeof benches / sizeof *benches)

static void usage(FILE *out)
{
    fprintf(out, "usage: peer-bench [options] NAME…\n\nBoth sides run in this process (ice, and data with --rtt-ms: one each), over the "
                 "host's own addresses. Names:\n");
    for (size_t i = 0; i < BENCHES; i++)
        fprintf(out, "  %-9s %s\n", benches[i].name, benches[i].what);
    fprintf(out, "\nOptions:\n"
                 "  --json         one JSON object a line\n"
                 "  --count N      pairs (setup, idle), round trips (data), negotiations or rounds (ice)\n"
                 "  --seconds S    of a steady state (idle, data, rtp)\n"
                 "  --size BYTES   of a message (data) or packet (rtp)\n"
                 "  --rate N       RTP packets a second; without it as many as come through\n"
                 "  --loops 1|2    both sides on one loop (thread), or one each\n"
                 "  --mtu BYTES    of the path, IP header included (as root)\n"
                 "  --datagram BYTES   the largest that the library sends, IP and UDP headers not included (data)\n"
                 "For ice and data:\n"
                 "  --rtt-ms MS    through an emulated network of this round trip, each side in a network namespace (as root)\n"
                 "  --loss PERCENT --burst N  lost each way; in runs of N on average (needs --rtt-ms, as do the following)\n"
                 "  --jitter-ms MS --rate-mbps N --seed N\n"
                 "  --queue-ms MS             the drop-tail queue before the line; without it 20 ms, or the round trip if that is longer "
                 "(ice: both)\n"
                 "  --path host|srflx|relay   directly, each side behind a NAT, or by a TURN server (coturn)\n"
                 "  --peer COMMAND            the program of both sides, for another library\n"
                 "  --tcp          what TCP CUBIC makes of the same path, by iperf3 (data, path host)\n"
                 "  --compete[=S]  with TCP CUBIC on the same path at the same time, which begins S seconds earlier (data, path host)\n");
}

static bool parse_number(const char *text, double minimum, double maximum, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *value >= minimum && *value <= maximum;
}

static bool parse_path(const char *text, int *path)
{
    static const char *const names[] = {[BENCH_PATH_HOST] = "host", [BENCH_PATH_SRFLX] = "srflx", [BENCH_PATH_RELAY] = "relay"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *path = i;
            return true;
        }
    }
    return false;
}

static bool parse_unsigned(const char *text, double minimum, double maximum, unsigned *value)
{
    double number;
    if (!parse_number(text, minimum, maximum, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

static bool parse_path_option(int option, const char *argument, bench_options_t *options)
{
    double number = 0;
    switch (option) {
    case 'R':
        options->has_link = true;
        return parse_number(argument, 0, 10000, &options->rtt_ms);
    case 'L':
        return parse_number(argument, 0, 100, &options->loss_percent);
    case 'B':
        return parse_number(argument, 1, 1000, &options->burst);
    case 'J':
        return parse_number(argument, 0, 10000, &options->jitter_ms);
    case 'M':
        return parse_number(argument, 0, 1e5, &options->rate_mbps);
    case 'Q':
        return parse_number(argument, 0, 10000, &options->queue_ms);
    case 'S':
        if (!parse_number(argument, 0, 1e9, &number))
            return false;
        options->seed = (uint64_t)number;
        return true;
    case 'p':
        return parse_path(argument, &options->path);
    case 'P':
        options->peer = argument;
        return true;
    case 't':
        options->with_tcp = true;
        return true;
    case 'C':
        options->competes = true;
        return argument == NULL || parse_unsigned(argument, 0, 60, &options->tcp_lead);
    default:
        return false;
    }
}

static bool parse_option(int option, const char *argument, bench_options_t *options)
{
    double number = 0;
    switch (option) {
    case 'j':
        options->json = true;
        return true;
    case 'c':
        return parse_unsigned(argument, 1, 1e6, &options->count);
    case 's':
        return parse_number(argument, 0.01, 3600, &options->seconds);
    case 'z':
        if (!parse_number(argument, 1, 1 << 28, &number))
            return false;
        options->size = (size_t)number;
        return true;
    case 'r':
        return parse_unsigned(argument, 1, 1e7, &options->rate);
    case 'l':
        return parse_unsigned(argument, 1, 2, &options->loops);
    case 'm':
        return parse_unsigned(argument, 576, 65535, &options->mtu);
    case 'd':
        return parse_unsigned(argument, 576, 65535, &options->datagram);
    default:
        return parse_path_option(option, argument, options);
    }
}

/* What a figure taken without the emulated network would silently lack. */
static bool tells_of_link(const bench_options_t *options)
{
    return options->loss_percent > 0 || options->burst > 0 || options->jitter_ms > 0 || options->rate_mbps > 0 || options->queue_ms > 0 ||
           options->with_tcp || options->competes;
}

static int run_named(const char *name, const bench_options_t *options)
{
    for (size_t i = 0; i < BENCHES; i++)
        if (strcmp(benches[i].name, name) == 0)
            return benches[i].run(options);
    fprintf(stderr, "peer-bench: there is no \"%s\"; see --help\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
                                                 {"count", required_argument, NULL, 'c'},
                                                 {"seconds", required_argument, NULL, 's'},
                                                 {"size", required_argument, NULL, 'z'},
                                                 {"rate", required_argument, NULL, 'r'},
                                                 {"loops", required_argument, NULL, 'l'},
                                                 {"rtt-ms", required_argument, NULL, 'R'},
                                                 {"loss", required_argument, NULL, 'L'},
                                                 {"burst", required_argument, NULL, 'B'},
                                                 {"jitter-ms", required_argument, NULL, 'J'},
                                                 {"rate-mbps", required_argument, NULL, 'M'},
                                                 {"queue-ms", required_argument, NULL, 'Q'},
                                                 {"seed", required_argument, NULL, 'S'},
                                                 {"mtu", required_argument, NULL, 'm'},
                                                 {"datagram", required_argument, NULL, 'd'},
                                                 {"tcp", no_argument, NULL, 't'},
                                                 {"compete", optional_argument, NULL, 'C'},
                                                 {"path", required_argument, NULL, 'p'},
                                                 {"peer", required_argument, NULL, 'P'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    bench_options_t options = {.loops = 1};
    int option, status = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        }
        if (!parse_option(option, optarg, &options)) {
            fprintf(stderr, "peer-bench: see --help for the options and their ranges\n");
            return 2;
        }
    }
    if (optind == argc) {
        usage(stderr);
        return 2;
    }
    if (!options.has_link && tells_of_link(&options)) {
        fprintf(stderr, "peer-bench: --loss, --burst, --jitter-ms, --rate-mbps, --queue-ms, --tcp and --compete need --rtt-ms\n");
        return 2;
    }
    if (options.mtu != 0 && !options.has_link && !lab_enter_loopback(options.mtu))
        return 1;
    for (int i = optind; i < argc && status == 0; i++)
        status = run_named(argv[i], &options);
    return status;
}
