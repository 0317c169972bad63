/* Many pairs at once with nothing to say: what each side occupies, and what keeping the connections alive costs. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

int bench_idle(const bench_options_t *options)
{
    unsigned count = options->count != 0 ? options->count : 100;
    double seconds = options->seconds > 0 ? options->seconds : 10;
    pair_t **pairs = calloc(count, sizeof(pair_t *));
    if (pairs == NULL)
        return bench_fail("no memory for the pairs");
    int status = 0;
    pair_t *warm = pair_new(options, NULL, NULL); /* what a process pays once */
    if (warm == NULL || !pair_wait_open(warm))
        status = bench_fail("the first pair does not connect:");
    size_t resident = resident_kb();
    double start = wall_now();
    for (unsigned i = 0; i < count && status == 0; i++) {
        pairs[i] = pair_new(options, NULL, NULL);
        if (pairs[i] == NULL || !pair_wait_open(pairs[i]))
            status = bench_fail("a pair does not connect:");
    }
    double made = wall_now() - start;
    if (status == 0) {
        size_t grown = resident_kb() - resident;
        usleep(1000 * 1000); /* let the last ones settle */
        double cpu = cpu_now();
        start = wall_now();
        usleep((useconds_t)(seconds * 1e6));
        cpu = (cpu_now() - cpu) / (wall_now() - start);
        report_begin(options, "idle");
        report_number("pairs", count, 0);
        report_number("setup_s_total", made, 3);
        report_number("rss_kb_per_connection", (double)grown / (2.0 * count), 1); /* one side */
        report_number("cpu_percent_per_pair", cpu * 100 / count, 5);
        report_end();
    }
    for (unsigned i = 0; i < count; i++)
        pair_free(pairs[i]);
    pair_free(warm);
    free(pairs);
    return status;
}
