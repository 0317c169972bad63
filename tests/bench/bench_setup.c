/* One pair after another, from nothing to a channel that is open on both sides; certificates are made anew each time. One pair stays all
 * the while, so that what a process pays once (threads, tables, the kernel's switching receive offload on) is not paid each time. */
#include "bench.h"

#include <stdlib.h>

int bench_setup(const bench_options_t *options)
{
    unsigned count = options->count != 0 ? options->count : 200;
    double *open_ms = calloc(count, sizeof *open_ms), *connected_ms = calloc(count, sizeof *connected_ms);
    if (open_ms == NULL || connected_ms == NULL)
        return bench_fail("no memory for the samples");
    int status = 0;
    double cpu = 0;
    pair_t *warm = pair_new(options, NULL, NULL);
    if (warm == NULL || !pair_wait_open(warm))
        status = bench_fail("the first pair does not connect:");
    for (unsigned i = 0; i < count && status == 0; i++) {
        double cpu_before = cpu_now(), start = wall_now();
        pair_t *pair = pair_new(options, NULL, NULL);
        if (pair == NULL || !pair_wait_connected(pair)) {
            status = bench_fail("a pair does not connect:");
        } else {
            connected_ms[i] = (wall_now() - start) * 1e3;
            if (!pair_wait_open(pair))
                status = bench_fail("a channel does not open:");
            open_ms[i] = (wall_now() - start) * 1e3;
        }
        pair_free(pair);
        cpu += cpu_now() - cpu_before;
    }
    if (status == 0) {
        report_begin(options, "setup");
        report_number("count", count, 0);
        report_number("setup_ms_median", percentile(open_ms, count, 0.5), 3);
        report_number("setup_ms_p95", percentile(open_ms, count, 0.95), 3);
        report_number("setup_ms_p99", percentile(open_ms, count, 0.99), 3);
        report_number("setup_ms_max", percentile(open_ms, count, 1), 3);
        report_number("connected_ms_median", percentile(connected_ms, count, 0.5), 3);
        report_number("connected_ms_p95", percentile(connected_ms, count, 0.95), 3);
        report_number("cpu_ms_per_connection", cpu * 1e3 / count, 3); /* both sides, closing included */
        report_end();
    }
    pair_free(warm);
    free(open_ms);
    free(connected_ms);
    return status;
}
