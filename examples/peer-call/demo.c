#include "demo.h"

#include "mainloop.h"
#include "page.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDES 2
#define DEFAULT_SECONDS 8
#define CHILD_POLL_US 50000

extern char **environ;

typedef struct side {
    const char *name;
    char report[300], log[300];
    pid_t process; /* 0: not running */
    int status;    /* its exit status */
} side_t;

typedef struct demo {
    const options_t *options;
    mainloop_t *loop;
    server_t *server;
    char directory[256]; /* for reports and the second side's output */
    double seconds;
    int64_t started_us;
    side_t sides[SIDES];
    alarm_clock_t poll;
} demo_t;

/* The first side is shown; the other writes to its log. */
static bool start_side(demo_t *demo, int number)
{
    side_t *side = &demo->sides[number];
    char url[64], seconds[32], greeting[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/demo", server_port(demo->server));
    snprintf(seconds, sizeof seconds, "%g", demo->seconds);
    snprintf(greeting, sizeof greeting, "hello from %s", side->name);
    bool is_shown = number == 0 && demo->options->shows_picture;
    const char *const arguments[] = {"peer-call",
                                     "join",
                                     url,
                                     "--seconds",
                                     seconds,
                                     "--report",
                                     side->report,
                                     "--say",
                                     greeting,
                                     "--show",
                                     is_shown ? "terminal" : "none",
                                     NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    if (number > 0) {
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, side->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    }
    int error = posix_spawn(&side->process, "/proc/self/exe", &files, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (error == 0)
        return true;
    side->process = 0;
    fprintf(stderr, "peer-call: a second process cannot be started: %s\n", strerror(error));
    return false;
}

static void on_poll(void *user)
{
    demo_t *demo = user;
    bool is_running = false, has_failed = false;
    for (int i = 0; i < SIDES; i++) {
        side_t *side = &demo->sides[i];
        int status;
        if (side->process > 0 && waitpid(side->process, &status, WNOHANG) == side->process) {
            side->process = 0;
            side->status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_NO_FLOW;
        }
        is_running |= side->process > 0;
        has_failed |= side->process == 0 && side->status != STATUS_CALL;
    }
    for (int i = 0; i < SIDES && has_failed; i++)
        if (demo->sides[i].process > 0)
            kill(demo->sides[i].process, SIGTERM); /* nobody is there to talk to */
    if (is_running)
        mainloop_set_alarm(demo->loop, &demo->poll, CHILD_POLL_US, on_poll, demo);
    else
        mainloop_stop(demo->loop);
}

/* Ctrl-C in a terminal reaches the children by itself; a signal for this process alone is passed on. They hang up, and end the demo, which
 * is judged by the time it had. */
static void on_signal(int signal, void *user)
{
    demo_t *demo = user;
    double lasted = (double)(now_us() - demo->started_us) / 1000000;
    if (signal != SIGWINCH && lasted < demo->seconds)
        demo->seconds = lasted;
    for (int i = 0; i < SIDES; i++)
        if (demo->sides[i].process > 0 && signal == SIGTERM)
            kill(demo->sides[i].process, SIGTERM);
}

static double figure(const json_t *report, const char *member)
{
    return json_number_value(json_object_get(json_object_get(report, "received"), member));
}

/* What one side received, in words; what is wrong with it is added to *failures. */
static void judge(const demo_t *demo, const side_t *side, int *failures)
{
    /* Half of what a whole call brings: the machine may be busy. */
    double enough = demo->seconds / 2;
    json_t *report = json_load_file(side->report, 0, NULL);
    double distinct = figure(report, "video_frames_distinct"), psnr = figure(report, "video_psnr_db");
    double audio = figure(report, "audio_seconds"), level = figure(report, "audio_level_dbfs");
    double messages = figure(report, "data_messages");
    bool has_video = distinct >= 1 && distinct >= enough * 15 && psnr >= 20;
    bool has_audio = audio > 0 && audio >= enough && level > -50 && level < 0;
    bool has_data = messages >= 1;
    printf("  %-5s received  video %s (%.0f pictures, %.1f dB)  audio %s (%.1f s, %.0f dBFS)  data %s (%.0f)\n", side->name,
           has_video ? "ok" : "MISSING", distinct, psnr, has_audio ? "ok" : "MISSING", audio, level, has_data ? "ok" : "MISSING", messages);
    *failures += !has_video + !has_audio + !has_data;
    json_decref(report);
}

static int conclude(const demo_t *demo)
{
    int failures = 0, status = STATUS_CALL;
    printf("\nThe demo, a call between two processes:\n");
    for (int i = 0; i < SIDES; i++) {
        judge(demo, &demo->sides[i], &failures);
        if (demo->sides[i].status > status)
            status = demo->sides[i].status;
    }
    if (status == STATUS_CALL && failures > 0)
        status = STATUS_NO_FLOW;
    puts(status == STATUS_CALL ? "Sound, picture and data went both ways." : "The call was not complete.");
    if (status != STATUS_CALL) {
        FILE *log = fopen(demo->sides[1].log, "r");
        char line[600];
        puts("What the other side said:");
        while (log != NULL && fgets(line, sizeof line, log) != NULL)
            printf("  | %s", line);
        if (log != NULL)
            fclose(log);
    }
    return status;
}

static bool open_demo(demo_t *demo)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(demo->directory, sizeof demo->directory, "%.200s/peer-call-XXXXXX",
             temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    if (mkdtemp(demo->directory) == NULL) {
        fprintf(stderr, "peer-call: no directory can be made in %s: %s. Set TMPDIR to one that you may write to\n", demo->directory,
                strerror(errno));
        demo->directory[0] = '\0';
        return false;
    }
    for (int i = 0; i < SIDES; i++) {
        side_t *side = &demo->sides[i];
        side->name = i == 0 ? "Alice" : "Bob";
        side->status = STATUS_NOT_CONNECTED;
        snprintf(side->report, sizeof side->report, "%s/%s.json", demo->directory, side->name);
        snprintf(side->log, sizeof side->log, "%s/%s.log", demo->directory, side->name);
    }
    demo->loop = mainloop_new();
    server_settings_t settings = {.host = "127.0.0.1", .pages = page_files, .is_quiet = true};
    demo->server = demo->loop != NULL ? server_new(demo->loop, &settings) : NULL;
    return demo->server != NULL;
}

static void close_demo(demo_t *demo)
{
    mainloop_free(demo->loop);
    server_free(demo->server);
    for (int i = 0; i < SIDES; i++) {
        unlink(demo->sides[i].report);
        unlink(demo->sides[i].log);
    }
    if (demo->directory[0] != '\0')
        rmdir(demo->directory);
}

int demo_run(const options_t *options)
{
    demo_t demo = {.options = options, .seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS};
    int status = STATUS_NOT_CONNECTED;
    if (open_demo(&demo)) {
        printf("Two processes call each other for %g seconds; what Alice sees and hears:\n", demo.seconds);
        fflush(stdout);
        demo.started_us = now_us();
        for (int i = 0; i < SIDES && start_side(&demo, i); i++)
            continue;
        mainloop_on_signal(demo.loop, on_signal, &demo);
        mainloop_set_alarm(demo.loop, &demo.poll, CHILD_POLL_US, on_poll, &demo);
        mainloop_run(demo.loop);
        mainloop_cancel_alarm(&demo.poll);
        status = conclude(&demo);
    }
    close_demo(&demo);
    return status;
}
