/* Many pairs at once with nothing to say: what each side occupies, what keeping the connections alive costs, and how long it takes to make
 * one while so many are there. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

#define SETTLE_SECONDS 7 /* what is kept for five seconds after the last packet is given back, and its room used again */

typedef struct idle {
    unsigned count;
    pair_t **pairs;
    double *setup_ms;
    double made_s;      /* all of them */
    size_t first_kb;    /* resident before */
    size_t made_kb;     /* just after */
    size_t settled_kb;  /* after a while of nothing */
    double cpu;         /* cores */
    double wakeups;     /* of all threads, a second */
    double descriptors; /* of a side */
} idle_t;

static int make(idle_t *idle, const bench_options_t *options)
{
    size_t descriptors = descriptor_count();
    idle->first_kb = resident_kb();
    double start = wall_now();
    for (unsigned i = 0; i < idle->count; i++) {
        double begun = wall_now();
        idle->pairs[i] = pair_new(options, NULL, NULL);
        if (idle->pairs[i] == NULL || !pair_wait_open(idle->pairs[i]))
            return bench_fail("a pair does not connect:");
        idle->setup_ms[i] = (wall_now() - begun) * 1e3;
    }
    idle->made_s = wall_now() - start;
    idle->made_kb = resident_kb();
    idle->descriptors = ((double)descriptor_count() - (double)descriptors) / (2.0 * idle->count);
    return 0;
}

static void rest(idle_t *idle, double seconds)
{
    usleep(SETTLE_SECONDS * 1000 * 1000);
    double cpu = cpu_now(), start = wall_now();
    unsigned long wakeups = wakeup_count();
    usleep((useconds_t)(seconds * 1e6));
    double passed = wall_now() - start;
    idle->cpu = (cpu_now() - cpu) / passed;
    idle->wakeups = (double)(wakeup_count() - wakeups) / passed;
    idle->settled_kb = resident_kb();
}

static void report(const idle_t *idle, const bench_options_t *options)
{
    unsigned count = idle->count;
    report_begin(options, "idle");
    report_number("pairs", count, 0);
    report_number("setup_s_total", idle->made_s, 3);
    report_number("setup_ms_median", percentile(idle->setup_ms, count, 0.5), 3);
    report_number("setup_ms_p95", percentile(idle->setup_ms, count, 0.95), 3);
    report_number("setup_ms_p99", percentile(idle->setup_ms, count, 0.99), 3);
    report_number("setup_ms_max", percentile(idle->setup_ms, count, 1), 3);
    report_number("rss_kb_per_connection", ((double)idle->settled_kb - (double)idle->first_kb) / (2.0 * count), 1); /* one side */
    report_number("rss_kb_per_connection_when_made", ((double)idle->made_kb - (double)idle->first_kb) / (2.0 * count), 1);
    report_number("cpu_percent_per_pair", idle->cpu * 100 / count, 5);
    report_number("wakeups_per_pair_s", idle->wakeups / count, 3);
    report_number("descriptors_per_connection", idle->descriptors, 1);
    report_number("threads", (double)thread_count(), 0);
    report_end();
}

int bench_idle(const bench_options_t *options)
{
    double seconds = options->seconds > 0 ? options->seconds : 10;
    idle_t idle = {.count = options->count != 0 ? options->count : 100};
    idle.pairs = calloc(idle.count, sizeof(pair_t *));
    idle.setup_ms = calloc(idle.count, sizeof *idle.setup_ms);
    if (idle.pairs == NULL || idle.setup_ms == NULL)
        return bench_fail("no memory for the pairs");
    allow_descriptors();
    int status = 0;
    pair_t *warm = pair_new(options, NULL, NULL); /* what a process pays once */
    if (warm == NULL || !pair_wait_open(warm))
        status = bench_fail("the first pair does not connect:");
    if (status == 0)
        status = make(&idle, options);
    if (status == 0) {
        rest(&idle, seconds);
        report(&idle, options);
    }
    for (unsigned i = 0; i < idle.count; i++)
        pair_free(idle.pairs[i]);
    pair_free(warm);
    free(idle.pairs);
    free(idle.setup_ms);
    return status;
}
