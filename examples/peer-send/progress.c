#include "progress.h"

#include "mainloop.h"
#include "names.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define EVENT_US 500000 /* between progress events for programs */
#define RATE_US 3000000 /* over which the rate is smoothed, about */

struct progress {
    pthread_mutex_t lock;
    FILE *json; /* NULL: for people */
    bool has_bar, is_shown, is_asking, is_on, has_ended;
    bool is_quiet;
    int64_t total, bytes, started_us, last_bytes, last_us, event_us;
    double rate; /* bytes a second; below 0: not known */
    char name[NAMES_SHOWN_SIZE];
    const char *path;
};

progress_t *progress_new(bool json, bool data_goes_to_stdout, bool is_quiet)
{
    progress_t *progress = calloc(1, sizeof *progress);
    if (progress == NULL)
        return NULL;
    pthread_mutex_init(&progress->lock, NULL);
    progress->json = !json ? NULL : data_goes_to_stdout ? stderr : stdout;
    progress->is_quiet = is_quiet;
    progress->has_bar = !json && !is_quiet && isatty(STDERR_FILENO);
    progress->path = "";
    return progress;
}

void progress_free(progress_t *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

const char *progress_size(int64_t bytes, char text[PROGRESS_SIZE])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(text, PROGRESS_SIZE, "%d B", (int)bytes);
        return text;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1000;
    snprintf(text, PROGRESS_SIZE, value < 10 ? "%.2f %s" : value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

const char *progress_extent(int64_t bytes, bool has_stream, char text[PROGRESS_EXTENT_SIZE])
{
    char size[PROGRESS_SIZE];
    if (has_stream && bytes == 0)
        return "of unknown size";
    snprintf(text, PROGRESS_EXTENT_SIZE, "%s%s", progress_size(bytes, size), has_stream ? " and a stream" : "");
    return text;
}

/* ---- with the lock held ---- */

static void clear_bar(progress_t *progress)
{
    if (progress->is_shown)
        fputs("\r\033[K", stderr);
    progress->is_shown = false;
}

/* A transfer may be over before there was time to measure: then the rate is that of the whole. */
static void measure_rate(progress_t *progress, int64_t now, bool is_last)
{
    double elapsed = (double)(now - progress->last_us), rate = (double)(progress->bytes - progress->last_bytes) / elapsed * 1e6;
    if (elapsed < 1 || (elapsed < 100000 && (!is_last || progress->rate >= 0)))
        return;
    /* Until there is more to smooth it is the average since the beginning. */
    double since_us = (double)(now - progress->started_us), smoothed_us = elapsed + RATE_US;
    double weight = elapsed / (since_us < smoothed_us ? since_us : smoothed_us);
    progress->rate = progress->rate < 0 ? rate : progress->rate + weight * (rate - progress->rate);
    progress->last_us = now;
    progress->last_bytes = progress->bytes;
}

static double seconds_left(const progress_t *progress)
{
    return progress->total < 0 || progress->rate < 1 ? -1 : (double)(progress->total - progress->bytes) / progress->rate;
}

static void draw_bar(progress_t *progress)
{
    char bytes[PROGRESS_SIZE], total[PROGRESS_SIZE], rate[PROGRESS_SIZE], line[NAMES_SHOWN_SIZE + 300], left[32] = "",
                                                                                                        bar[BAR_WIDTH * 3 + 1] = "";
    struct winsize window = {0};
    double seconds = seconds_left(progress);
    if (seconds >= 3600 && seconds < 360000)
        snprintf(left, sizeof left, "  %d:%02d:%02d left", (int)seconds / 3600, (int)seconds / 60 % 60, (int)seconds % 60);
    else if (seconds >= 0 && seconds < 3600)
        snprintf(left, sizeof left, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
    int part = progress->total > 0 ? (int)((double)progress->bytes / (double)progress->total * 1000) : progress->total == 0 ? 1000 : 0;
    for (int i = 0; i < BAR_WIDTH && progress->total >= 0; i++)
        strcat(bar, i * 1000 < part * BAR_WIDTH ? "█" : "░");
    int length = 0;
    if (progress->total >= 0)
        length = snprintf(line, sizeof line, "%3d %% %s %s of %s", part / 10, bar, progress_size(progress->bytes, bytes),
                          progress_size(progress->total, total));
    else
        length = snprintf(line, sizeof line, "%s", progress_size(progress->bytes, bytes));
    length += snprintf(line + length, sizeof line - (size_t)length, "  %s/s%s%s%s",
                       progress_size(progress->rate > 0 ? (int64_t)progress->rate : 0, rate), left, progress->path[0] != '\0' ? "  " : "",
                       progress->path);
    int columns = length - (progress->total >= 0 ? 2 * BAR_WIDTH : 0);
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
    fputs("\r\033[K", stderr);
    if (columns < width)
        fputs(line, stderr);
    int room = width - columns - 3;
    if (room >= (int)strlen(progress->name) && progress->name[0] != '\0')
        fprintf(stderr, "  %s", progress->name);
    fflush(stderr);
    progress->is_shown = true;
}

static void write_event(progress_t *progress, json_t *event)
{
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text != NULL && progress->json != NULL) {
        fprintf(progress->json, "%s\n", text);
        fflush(progress->json);
    }
    free(text);
    json_decref(event);
}

static void write_progress(progress_t *progress)
{
    double seconds = seconds_left(progress);
    write_event(progress, json_pack("{s:s, s:I, s:o, s:I, s:o, s:s, s:s}", "event", "progress", "bytes", (json_int_t)progress->bytes,
                                    "total", progress->total >= 0 ? json_integer(progress->total) : json_null(), "bytes_per_s",
                                    (json_int_t)(progress->rate > 0 ? progress->rate : 0), "seconds_left",
                                    seconds >= 0 ? json_real(seconds) : json_null(), "path", progress->path, "name", progress->name));
}

static void show(progress_t *progress, bool is_last)
{
    int64_t now = now_us();
    if (!progress->is_on || progress->is_asking)
        return;
    measure_rate(progress, now, is_last);
    if (progress->has_bar)
        draw_bar(progress);
    if (progress->json != NULL && (is_last || now - progress->event_us >= EVENT_US)) {
        progress->event_us = now;
        write_progress(progress);
    }
}

/* ---- for all ---- */

void progress_begin(progress_t *progress, int64_t total, int64_t before)
{
    pthread_mutex_lock(&progress->lock);
    progress->total = total;
    progress->bytes = progress->last_bytes = before;
    progress->started_us = progress->last_us = now_us();
    progress->event_us = 0;
    progress->rate = -1;
    progress->is_on = true;
    progress->has_ended = false;
    pthread_mutex_unlock(&progress->lock);
}

void progress_at(progress_t *progress, int64_t bytes, const char *name)
{
    pthread_mutex_lock(&progress->lock);
    progress->bytes = bytes;
    if (name != NULL)
        names_show(name, progress->name);
    pthread_mutex_unlock(&progress->lock);
}

void progress_path(progress_t *progress, const char *path)
{
    pthread_mutex_lock(&progress->lock);
    progress->path = path;
    pthread_mutex_unlock(&progress->lock);
}

void progress_broken(progress_t *progress)
{
    pthread_mutex_lock(&progress->lock);
    clear_bar(progress);
    progress->is_on = false;
    pthread_mutex_unlock(&progress->lock);
}

void progress_tick(progress_t *progress)
{
    pthread_mutex_lock(&progress->lock);
    show(progress, false);
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(progress_t *progress)
{
    pthread_mutex_lock(&progress->lock);
    show(progress, true);
    if (progress->is_shown)
        fputc('\n', stderr);
    progress->is_shown = progress->is_on = false;
    progress->has_ended = true;
    pthread_mutex_unlock(&progress->lock);
}

bool progress_has_ended(progress_t *progress)
{
    pthread_mutex_lock(&progress->lock);
    bool has_ended = progress->has_ended;
    pthread_mutex_unlock(&progress->lock);
    return has_ended;
}

static void say(progress_t *progress, const char *text, bool is_event)
{
    pthread_mutex_lock(&progress->lock);
    if (progress->json != NULL && is_event) {
        write_event(progress, json_pack("{s:s, s:s}", "event", "note", "text", text));
    } else if (progress->json == NULL && !progress->is_quiet) {
        clear_bar(progress);
        fprintf(stderr, "%s\n", text);
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_note(progress_t *progress, const char *format, ...)
{
    char text[1500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(progress, text, true);
}

void progress_line(progress_t *progress, const char *format, ...)
{
    char text[1500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(progress, text, false);
}

void progress_event(progress_t *progress, json_t *event)
{
    pthread_mutex_lock(&progress->lock);
    write_event(progress, event);
    pthread_mutex_unlock(&progress->lock);
}

void progress_ask(progress_t *progress, bool is_asking)
{
    pthread_mutex_lock(&progress->lock);
    clear_bar(progress);
    progress->is_asking = is_asking;
    pthread_mutex_unlock(&progress->lock);
}
