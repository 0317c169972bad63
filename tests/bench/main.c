#include "bench.h"

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
};
#define BENCHES (sizeof benches / sizeof *benches)

static void usage(FILE *out)
{
    fprintf(out, "usage: peer-bench [options] NAME…\n\nBoth sides run in this process, over the host's own addresses. Names:\n");
    for (size_t i = 0; i < BENCHES; i++)
        fprintf(out, "  %-8s %s\n", benches[i].name, benches[i].what);
    fprintf(out, "\nOptions:\n"
                 "  --json         one JSON object a line\n"
                 "  --count N      pairs (setup, idle) or round trips (data)\n"
                 "  --seconds S    of a steady state (idle, data, rtp)\n"
                 "  --size BYTES   of a message (data) or packet (rtp)\n"
                 "  --rate N       RTP packets a second; without it as many as come through\n"
                 "  --loops 1|2    both sides on one loop (thread), or one each\n");
}

static bool parse_number(const char *text, double minimum, double maximum, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *value >= minimum && *value <= maximum;
}

static bool parse_option(int option, const char *argument, bench_options_t *options)
{
    double number = 0;
    switch (option) {
    case 'j':
        options->json = true;
        return true;
    case 'c':
        if (!parse_number(argument, 1, 1e6, &number))
            return false;
        options->count = (unsigned)number;
        return true;
    case 's':
        return parse_number(argument, 0.01, 3600, &options->seconds);
    case 'z':
        if (!parse_number(argument, 1, 1 << 28, &number))
            return false;
        options->size = (size_t)number;
        return true;
    case 'r':
        if (!parse_number(argument, 1, 1e7, &number))
            return false;
        options->rate = (unsigned)number;
        return true;
    case 'l':
        if (!parse_number(argument, 1, 2, &number))
            return false;
        options->loops = (unsigned)number;
        return true;
    default:
        return false;
    }
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
    static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},          {"count", required_argument, NULL, 'c'},
                                                 {"seconds", required_argument, NULL, 's'}, {"size", required_argument, NULL, 'z'},
                                                 {"rate", required_argument, NULL, 'r'},    {"loops", required_argument, NULL, 'l'},
                                                 {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
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
    for (int i = optind; i < argc && status == 0; i++)
        status = run_named(argv[i], &options);
    return status;
}
