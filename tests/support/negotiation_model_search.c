/* Runs programs in child processes, and makes one that fails as short as it can be. */
#include "negotiation_model.h"

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS_OF_A_CHILD 500
#define JOBS_MAX 16
#define PROGRESS 5000 /* seeds */

/* What a child leaves behind. */
typedef struct outcome {
    uint64_t seed;
    char failure[4096];
} outcome_t;

static outcome_t *outcomes; /* one for each job */

static void share(void)
{
    outcomes = mmap(NULL, JOBS_MAX * sizeof *outcomes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcomes == MAP_FAILED)
        abort();
}

static pid_t start(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        abort();
    return child;
}

/* False, and why, when the child did not end well. */
static bool judge(outcome_t *outcome, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (outcome->failure[0] == '\0' && WIFSIGNALED(status))
        snprintf(outcome->failure, sizeof outcome->failure, "signal %d", WTERMSIG(status));
    else if (outcome->failure[0] == '\0')
        snprintf(outcome->failure, sizeof outcome->failure, "exit status %d (a sanitizer's)", WEXITSTATUS(status));
    return false;
}

static bool run_once(model_run_t run, uint64_t seed, const model_step_t *steps, size_t count, bool is_traced)
{
    int status;
    outcomes[0] = (outcome_t){.seed = seed};
    pid_t child = start();
    if (child == 0) {
        if (!is_traced && (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL))
            _exit(1);
        alarm(120); /* a program that never ends is wrong too */
        const char *failure = run(seed, steps, count, is_traced);
        if (failure != NULL)
            snprintf(outcomes[0].failure, sizeof outcomes[0].failure, "%s", failure);
        if (failure != NULL) {
            fflush(NULL);
            _exit(1);
        }
        exit(0);
    }
    waitpid(child, &status, 0);
    return judge(&outcomes[0], status);
}

/* Leaves out ever smaller runs of steps as long as it fails. */
static size_t shorten(model_run_t run, uint64_t seed, model_step_t *steps, size_t count)
{
    model_step_t fewer[MODEL_STEPS_MAX];
    for (size_t size = count / 2; size > 0; size /= 2) {
        for (size_t at = 0; at + size <= count;) {
            memcpy(fewer, steps, at * sizeof *steps);
            memcpy(fewer + at, steps + at + size, (count - at - size) * sizeof *steps);
            if (run_once(run, seed, fewer, count - size, false)) {
                at += size;
                continue;
            }
            count -= size;
            memcpy(steps, fewer, count * sizeof *steps);
        }
    }
    return count;
}

static _Noreturn void explain(model_run_t run, uint64_t seed, size_t step_count)
{
    static char failure[sizeof outcomes->failure];
    model_step_t steps[MODEL_STEPS_MAX];
    model_make_steps(seed, steps, step_count);
    if (run_once(run, seed, steps, step_count, false))
        test_fail(__FILE__, __LINE__, "seed %llu fails, but not by itself", (unsigned long long)seed);
    size_t count = shorten(run, seed, steps, step_count);
    run_once(run, seed, steps, count, true);
    snprintf(failure, sizeof failure, "%s", outcomes[0].failure);
    test_fail(__FILE__, __LINE__, "seed %llu, %zu steps are enough: %s; repeat: MODEL_SEED=%llu", (unsigned long long)seed, count, failure,
              (unsigned long long)seed);
}

static void run_seeds(model_run_t run, outcome_t *outcome, uint64_t first, uint64_t last, size_t step_count)
{
    model_step_t steps[MODEL_STEPS_MAX];
    for (outcome->seed = first; outcome->seed <= last; outcome->seed++) {
        model_make_steps(outcome->seed, steps, step_count);
        alarm(120);
        const char *failure = run(outcome->seed, steps, step_count, false);
        if (failure == NULL)
            continue;
        snprintf(outcome->failure, sizeof outcome->failure, "%s", failure);
        _exit(1);
    }
    outcome->seed = last;
    exit(0);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void search(model_run_t run, uint64_t first, uint64_t last, size_t step_count, size_t jobs)
{
    pid_t children[JOBS_MAX] = {0};
    uint64_t next = first, wrong = 0;
    size_t running = 0;
    while (running > 0 || (next <= last && wrong == 0)) {
        for (size_t i = 0; i < jobs && next <= last && wrong == 0; i++) {
            if (children[i] != 0)
                continue;
            uint64_t end = next + SEEDS_OF_A_CHILD - 1 < last ? next + SEEDS_OF_A_CHILD - 1 : last;
            outcomes[i] = (outcome_t){0};
            children[i] = start();
            if (children[i] == 0)
                run_seeds(run, &outcomes[i], next, end, step_count);
            if (end / PROGRESS != (next - 1) / PROGRESS && end < last)
                test_note("up to %llu", (unsigned long long)end);
            next = end + 1;
            running++;
        }
        int status;
        pid_t ended = wait(&status);
        for (size_t i = 0; i < jobs; i++) {
            if (children[i] != ended)
                continue;
            children[i] = 0;
            running--;
            if (!judge(&outcomes[i], status) && (wrong == 0 || outcomes[i].seed < wrong))
                wrong = outcomes[i].seed;
        }
    }
    if (wrong != 0)
        explain(run, wrong, step_count);
}

void model_search(model_run_t run, uint64_t first, uint64_t last, size_t step_count)
{
    const char *seeds = getenv("MODEL_SEED");
    size_t jobs = (size_t)number_of("MODEL_JOBS", 1);
    share();
    if (seeds != NULL) {
        char *end;
        first = last = strtoull(seeds, &end, 10);
        if (*end == '-')
            last = strtoull(end + 1, NULL, 10);
    }
    if (first == last) {
        model_step_t steps[MODEL_STEPS_MAX];
        model_make_steps(first, steps, step_count);
        if (!run_once(run, first, steps, step_count, true))
            explain(run, first, step_count);
        return;
    }
    search(run, first, last, step_count, jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs);
    test_note("%llu programs of %zu steps", (unsigned long long)(last - first + 1), step_count);
}
