/* How long ICE takes from when both sides know everything of each other until both are connected, and how many packets that costs. Each
 * side is a program of its own (ice-peer, or another library's), in its own network namespace of an emulated network; they gather first,
 * and what they have to say to each other goes over pipes, which take no time. */
#include "bench.h"

#include "link/lab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_SECONDS 40 /* libraries that fail do so after 30 */
#define SIDES 2
#define CANDIDATES_MAX 64
#define LINE_MAX_SIZE 65536
#define ARGUMENTS_MAX 16
/* A check and its answer, with which data may flow. Nothing is to be had faster, and NATs and relays need not add to it: both sides' first
 * checks open them for each other, and a permission can travel with the check that needs it. */
#define LEAST_ROUND_TRIPS 1
#define FAILURES_MAX 3 /* and the measurement ends */

typedef struct ice_side {
    pid_t process;
    int to, from;
    char *line; /* what came of the next one */
    size_t line_length;
    char *description;
    char *candidates[CANDIDATES_MAX];
    size_t candidate_count;
    bool has_gathered, is_ready, has_failed, is_closed, has_ended;
    long long known_us, connected_us;
} ice_side_t;

typedef struct ice_bench {
    lab_t *lab; /* NULL: in this host's own network */
    ice_side_t sides[SIDES];
} ice_bench_t;

static void forget_round(ice_side_t *side)
{
    free(side->description);
    side->description = NULL;
    for (size_t i = 0; i < side->candidate_count; i++)
        free(side->candidates[i]);
    side->candidate_count = 0;
    side->has_gathered = side->is_ready = side->has_failed = side->is_closed = false;
    side->known_us = side->connected_us = 0;
}

static bool tell(const ice_side_t *side, const char *word, const char *rest)
{
    return dprintf(side->to, "%s%s%s\n", word, rest != NULL ? " " : "", rest != NULL ? rest : "") > 0;
}

static void take_line(ice_side_t *side, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    if (strcmp(line, "description") == 0 && side->description == NULL)
        side->description = strdup(rest);
    else if (strcmp(line, "candidate") == 0 && side->candidate_count < CANDIDATES_MAX)
        side->candidates[side->candidate_count++] = strdup(rest);
    else if (strcmp(line, "gathered") == 0)
        side->has_gathered = true;
    else if (strcmp(line, "ready") == 0)
        side->is_ready = true;
    else if (strcmp(line, "known") == 0)
        side->known_us = atoll(rest);
    else if (strcmp(line, "connected") == 0 && side->connected_us == 0)
        side->connected_us = atoll(rest);
    else if (strcmp(line, "failed") == 0)
        side->has_failed = true;
    else if (strcmp(line, "closed") == 0)
        side->is_closed = true;
}

static void read_lines(ice_side_t *side)
{
    ssize_t length = read(side->from, side->line + side->line_length, LINE_MAX_SIZE - 1 - side->line_length);
    if (length <= 0) {
        side->has_ended = length == 0 || errno != EINTR;
        return;
    }
    side->line_length += (size_t)length;
    side->line[side->line_length] = '\0';
    char *line = side->line, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        take_line(side, line);
        line = end + 1;
    }
    side->line_length -= (size_t)(line - side->line);
    memmove(side->line, line, side->line_length + 1);
    if (side->line_length == LINE_MAX_SIZE - 1)
        side->has_ended = true; /* no such line is meant */
}

static bool has_description(const ice_side_t *side)
{
    return side->description != NULL;
}

static bool has_gathered(const ice_side_t *side)
{
    return side->has_gathered;
}

static bool is_ready(const ice_side_t *side)
{
    return side->is_ready;
}

static bool is_connected(const ice_side_t *side)
{
    return side->known_us != 0 && side->connected_us != 0;
}

static bool is_closed(const ice_side_t *side)
{
    return side->is_closed;
}

/* Reads from both until it holds for those sides; false when one of them failed or ended, or the time is up. */
static bool wait_for(ice_bench_t *bench, bool (*holds)(const ice_side_t *side), size_t first, size_t count, double until)
{
    for (;;) {
        struct pollfd fds[SIDES];
        size_t held = 0;
        for (size_t i = 0; i < SIDES; i++) {
            ice_side_t *side = &bench->sides[i];
            if (side->has_ended || (side->has_failed && holds != is_closed))
                return false;
            held += i >= first && i < first + count && holds(side);
            fds[i] = (struct pollfd){.fd = side->from, .events = POLLIN};
        }
        if (held == count)
            return true;
        double left = until - wall_now();
        if (left <= 0 || (poll(fds, SIDES, (int)(left * 1e3) + 1) < 0 && errno != EINTR))
            return false;
        for (size_t i = 0; i < SIDES; i++)
            if (fds[i].revents != 0)
                read_lines(&bench->sides[i]);
    }
}

typedef struct ice_sample {
    double ms;
    double packets; /* of STUN, sent by both */
} ice_sample_t;

/* Both gather, and keep what the other says until both have. */
static bool introduce(ice_bench_t *bench, double until)
{
    ice_side_t *offerer = &bench->sides[0], *answerer = &bench->sides[1];
    if (!tell(offerer, "offer", NULL) || !wait_for(bench, has_description, 0, 1, until) ||
        !tell(answerer, "answer", offerer->description) || !wait_for(bench, has_description, 1, 1, until) ||
        !tell(offerer, "description", answerer->description) || !wait_for(bench, is_ready, 0, 1, until) ||
        !wait_for(bench, has_gathered, 0, SIDES, until))
        return false;
    for (size_t i = 0; i < SIDES; i++)
        for (size_t c = 0; c < bench->sides[i].candidate_count; c++)
            if (!tell(&bench->sides[1 - i], "candidate", bench->sides[i].candidates[c]))
                return false;
    return true;
}

static void tell_failure(const ice_bench_t *bench, const char *when)
{
    fprintf(stderr, "peer-bench: a round fails in %s:", when);
    for (size_t i = 0; i < SIDES; i++) {
        const ice_side_t *side = &bench->sides[i];
        fprintf(stderr, " side %zu has %zu candidates%s%s%s%s;", i, side->candidate_count, side->has_gathered ? ", has gathered" : "",
                side->connected_us != 0 ? ", is connected" : "", side->has_failed ? ", has failed" : "",
                side->has_ended ? ", has ended" : "");
    }
    fputc('\n', stderr);
}

static bool run_round(ice_bench_t *bench, ice_sample_t *sample)
{
    ice_side_t *a = &bench->sides[0], *b = &bench->sides[1];
    double until = wall_now() + ROUND_SECONDS;
    forget_round(a);
    forget_round(b);
    if (bench->lab != NULL)
        network_stun_clear(lab_network(bench->lab));
    bool is_introduced = introduce(bench, until);
    bool is_done = is_introduced && tell(a, "go", NULL) && tell(b, "go", NULL) && wait_for(bench, is_connected, 0, SIDES, until);
    if (is_done) {
        long long from = a->known_us > b->known_us ? a->known_us : b->known_us;
        long long to = a->connected_us > b->connected_us ? a->connected_us : b->connected_us;
        sample->ms = (double)(to - from) / 1e3;
        long long first = a->known_us < b->known_us ? a->known_us : b->known_us;
        for (size_t i = 0; i < SIDES && bench->lab != NULL; i++)
            sample->packets += network_stun_count(lab_network(bench->lab), i, first, to);
    }
    bool is_ended = tell(a, "close", NULL) && tell(b, "close", NULL) && wait_for(bench, is_closed, 0, SIDES, wall_now() + ROUND_SECONDS);
    if (!is_introduced)
        tell_failure(bench, "gathering");
    else if (!is_done)
        tell_failure(bench, "connecting");
    else if (!is_ended)
        tell_failure(bench, "closing");
    return is_done && is_ended;
}

/* The words of a command, or this library's own program, which lies beside this one, and what every such program is told. */
static bool make_arguments(const bench_options_t *options, char *command, size_t size, const char **arguments)
{
    size_t count = 0;
    if (options->peer != NULL) {
        if ((size_t)snprintf(command, size, "%s", options->peer) >= size)
            return false;
        char *state, *word = strtok_r(command, " ", &state);
        for (; word != NULL && count < ARGUMENTS_MAX - 6; word = strtok_r(NULL, " ", &state))
            arguments[count++] = word;
        if (count == 0 || word != NULL)
            return false;
    } else {
        ssize_t length = readlink("/proc/self/exe", command, size);
        char *name = length > 0 && (size_t)length < size ? memrchr(command, '/', (size_t)length) : NULL;
        if (name == NULL || (size_t)(name - command) + sizeof "/ice-peer" > size)
            return false;
        strcpy(name, "/ice-peer");
        arguments[count++] = command;
    }
    arguments[count++] = (options->path == BENCH_PATH_RELAY ? "relay" : "all");
    if (options->path != BENCH_PATH_HOST)
        arguments[count++] = (options->path == BENCH_PATH_RELAY ? "turn:" LAB_SERVER_ADDRESS : "stun:" LAB_SERVER_ADDRESS);
    if (options->path == BENCH_PATH_RELAY) {
        arguments[count++] = LAB_USER;
        arguments[count++] = LAB_PASSWORD;
    }
    arguments[count] = NULL;
    return true;
}

static bool start_side(ice_side_t *side, const lab_t *lab, size_t place, const char *const *arguments)
{
    side->line = malloc(LINE_MAX_SIZE);
    if (side->line == NULL)
        return false;
    side->process = lab_spawn(lab, place, arguments, &side->to, &side->from);
    return side->process > 0;
}

static void end_side(ice_side_t *side)
{
    if (side->process > 0) {
        close(side->to);
        close(side->from);
        lab_reap(side->process);
    }
    forget_round(side);
    free(side->line);
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

static int run_rounds(const bench_options_t *options, ice_bench_t *bench)
{
    unsigned count = options->count != 0 ? options->count : 50, done = 0, failed = 0;
    double *ms = calloc(count, sizeof *ms), *packets = calloc(count, sizeof *packets);
    ice_sample_t first = {.ms = 0}; /* pays what a process pays once */
    int status = 1;
    if (ms == NULL || packets == NULL) {
        bench_fail("no memory for the samples");
    } else if (!run_round(bench, &first)) {
        bench_fail("the first round does not connect");
    } else {
        while (done < count && failed < FAILURES_MAX && !bench->sides[0].has_ended && !bench->sides[1].has_ended) {
            ice_sample_t sample = {.ms = 0};
            if (!run_round(bench, &sample)) {
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
    char command[4096];
    const char *arguments[ARGUMENTS_MAX];
    ice_bench_t bench = {.lab = NULL};
    if (!options->has_link && options->path != BENCH_PATH_HOST) {
        fprintf(stderr, "peer-bench: a path by srflx or relay needs an emulated network: --rtt-ms\n");
        return 2;
    }
    if (!make_arguments(options, command, sizeof command, arguments))
        return bench_fail("the peer's command is not to be had");
    if (options->has_link) {
        lab_options_t lab = {.has_nat = options->path == BENCH_PATH_SRFLX,
                             .has_server = options->path != BENCH_PATH_HOST,
                             .path = {.delay_us = (int64_t)(options->rtt_ms * 500),
                                      .jitter_us = (int64_t)(options->jitter_ms * 1000),
                                      .rate_bps = options->rate_mbps * 1e6,
                                      .queue_us = options->rate_mbps > 0 ? (int64_t)(options->rtt_ms * 1000) + 20000 : 0,
                                      .loss = options->loss_percent / 100,
                                      .burst = options->burst},
                             .seed = options->seed};
        bench.lab = lab_new(&lab);
        if (bench.lab == NULL)
            return 1;
    }
    bool is_started = start_side(&bench.sides[0], bench.lab, 0, arguments) && start_side(&bench.sides[1], bench.lab, 1, arguments);
    int status = is_started ? run_rounds(options, &bench) : bench_fail("the peers do not start");
    end_side(&bench.sides[0]);
    end_side(&bench.sides[1]);
    lab_free(bench.lab);
    return status;
}
