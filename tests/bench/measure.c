#include "bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double wall_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double cpu_now(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

size_t resident_kb(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static size_t entries_of(const char *directory)
{
    size_t count = 0;
    DIR *opened = opendir(directory);
    if (opened == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(opened)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(opened);
    return count;
}

size_t thread_count(void)
{
    return entries_of("/proc/self/task");
}

size_t descriptor_count(void)
{
    return entries_of("/proc/self/fd");
}

unsigned long wakeup_count(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (unsigned long)(usage.ru_nvcsw + usage.ru_nivcsw) : 0;
}

void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double percentile(double *values, size_t count, double fraction)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare);
    size_t position = (size_t)(fraction * (double)count);
    return values[position < count ? position : count - 1];
}

int bench_fail(const char *what)
{
    fprintf(stderr, "peer-bench: %s %s\n", what, peer_last_error_message());
    return 1;
}

static bool is_json;
static bool is_first;

void report_begin(const bench_options_t *options, const char *name)
{
    is_json = options->json;
    is_first = true;
    if (is_json)
        printf("{\"bench\":\"%s\"", name);
    else
        printf("%s\n", name);
}

void report_number(const char *key, double value, int decimals)
{
    if (is_json)
        printf(",\"%s\":%.*f", key, decimals, value);
    else
        printf("  %-26s %.*f\n", key, decimals, value);
}

void report_numbers(const char *key, const double *values, size_t count, int decimals)
{
    printf(is_json ? ",\"%s\":[" : "  %-26s ", key);
    for (size_t i = 0; i < count; i++)
        printf("%s%.*f", i == 0 ? "" : is_json ? "," : " ", decimals, values[i]);
    printf(is_json ? "]" : "\n");
}

void report_text(const char *key, const char *value)
{
    if (is_json)
        printf(",\"%s\":\"%s\"", key, value);
    else
        printf("  %-26s %s\n", key, value);
}

void report_end(void)
{
    if (is_json)
        printf("}\n");
    fflush(stdout);
}
