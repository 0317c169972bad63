/* peer-send: files from host to host by a short code. See options.c for what it can do, README.md for how. */
#include "conduit.h"
#include "ice_servers.h"
#include "manifest.h"
#include "meeting.h"
#include "options.h"
#include "progress.h"
#include "receiver.h"
#include "scan.h"
#include "sender.h"
#include "server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_US 200000
#define WORKER_ENDS_S 2 /* a worker that waits for a disk or for the keyboard is not waited for any longer */

typedef struct program {
    options_t options;
    mainloop_t *loop;
    conduit_t *conduit;
    progress_t *progress;
    meeting_t *meeting;
    manifest_t manifest; /* of the sender */
    size_t left_out;
    pthread_t worker;
    int worker_ended; /* an eventfd */
    int worker_status;
    int status; /* -1: what the worker says */
    alarm_clock_t tick;
} program_t;

/* ---- the worker ---- */

static void *work(void *user)
{
    program_t *program = user;
    const sender_settings_t sends = {program->conduit, program->progress, &program->manifest};
    const receiver_settings_t receives = {program->conduit, program->progress, program->options.output, program->options.overwrites};
    program->worker_status = program->options.command == COMMAND_SEND ? sender_run(&sends) : receiver_run(&receives);
    if (eventfd_write(program->worker_ended, 1) < 0)
        abort(); /* ours, and at 0 */
    return NULL;
}

static bool on_worker_ended(void *user)
{
    program_t *program = user;
    eventfd_t count;
    if (eventfd_read(program->worker_ended, &count) == 0)
        meeting_leave(program->meeting);
    return true;
}

/* ---- the meeting ---- */

static void print_code(void *user, const code_t *code)
{
    program_t *program = user;
    const network_t *network = &program->options.network;
    if (program->options.command != COMMAND_SEND)
        return;
    progress_event(program->progress, json_pack("{s:s, s:s}", "event", "code", "code", code->text));
    char extent[PROGRESS_EXTENT_SIZE], rendezvous[NETWORK_HOST_SIZE + 64] = "";
    size_t files = manifest_file_count(&program->manifest);
    if (!network_host_is_loopback(network->host))
        snprintf(rendezvous, sizeof rendezvous, " --rendezvous ws%s://%s%s%s:%d", network->is_tls ? "s" : "",
                 strchr(network->host, ':') != NULL ? "[" : "", network->host, strchr(network->host, ':') != NULL ? "]" : "",
                 network->port);
    progress_line(program->progress, "%zu file%s, %s. On the other host:\n\n    peer-send receive %s%s\n", files, files == 1 ? "" : "s",
                  progress_extent(program->manifest.bytes, manifest_has_stream(&program->manifest), extent), code->text, rendezvous);
    if (program->options.is_quiet && !program->options.writes_json)
        fprintf(stderr, "%s\n", code->text);
}

static void on_link(void *user, const char *path)
{
    program_t *program = user;
    progress_path(program->progress, path);
    progress_line(program->progress, "connected%s%s", path[0] != '\0' ? ", " : "", path);
    progress_event(program->progress, json_pack("{s:s, s:s}", "event", "connected", "path", path));
}

static void on_note(void *user, const char *text)
{
    program_t *program = user;
    progress_note(program->progress, "%s", text);
}

static void on_broken(void *user)
{
    program_t *program = user;
    if (progress_has_ended(program->progress))
        return; /* the other side went when all was said */
    progress_broken(program->progress);
    progress_line(program->progress, "the connection broke; it goes on when the other side is back");
    progress_event(program->progress, json_pack("{s:s}", "event", "broken"));
}

static void on_failed(void *user, int status, const char *text)
{
    program_t *program = user;
    progress_broken(program->progress);
    progress_event(program->progress, json_pack("{s:s, s:s, s:i}", "event", "failed", "text", text, "status", status));
    network_complain("%s", text);
    program->status = status;
    conduit_end(program->conduit);
    meeting_leave(program->meeting);
}

static void on_left(void *user)
{
    program_t *program = user;
    mainloop_stop(program->loop);
}

static void on_signal(int signal, void *user)
{
    program_t *program = user;
    if (signal == SIGWINCH)
        return;
    if (program->status < 0) {
        progress_broken(program->progress);
        progress_note(program->progress, "interrupted");
        program->status = STATUS_INCOMPLETE;
    }
    conduit_end(program->conduit);
    meeting_leave(program->meeting);
}

static void on_tick(void *user)
{
    program_t *program = user;
    progress_tick(program->progress);
    mainloop_set_alarm(program->loop, &program->tick, TICK_US, on_tick, program);
}

/* ---- life ---- */

/* A wrong --ice-server is to be found now, and not when somebody comes. */
static bool check_servers(const network_t *network)
{
    if ((network->server_count == 0 && network->ca_file == NULL) ||
        ice_servers_are_usable(network->servers, network->server_count, network->ca_file))
        return true;
    return network_complain("%s. Give --ice-server stun:HOST, or turn:HOST with --ice-user and --ice-password", peer_last_error_message());
}

static bool scan(program_t *program)
{
    const options_t *options = &program->options;
    const char *path;
    char shown[600];
    for (size_t i = 0; i < options->path_count; i++)
        if (!scan_path(&program->manifest, options->paths[i], options->stream_name, program->progress, &program->left_out))
            return false;
    if (program->manifest.count == 0)
        return network_complain("there is nothing to send");
    if (!manifest_has_conflict(&program->manifest, &path))
        return true;
    snprintf(shown, sizeof shown, "%s", path);
    return network_complain("two of what is to be sent are called %s: send them one after the other", shown);
}

static int open_program(program_t *program)
{
    static const meeting_events_t events = {print_code, on_link, on_note, on_broken, on_failed, on_left};
    options_t *options = &program->options;
    bool is_sender = options->command == COMMAND_SEND;
    program->progress = progress_new(options->writes_json, !is_sender && strcmp(options->output, "-") == 0, options->is_quiet);
    program->loop = mainloop_new();
    program->conduit = conduit_new();
    program->worker_ended = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (program->progress == NULL || program->loop == NULL || program->conduit == NULL || program->worker_ended < 0 ||
        !mainloop_watch(program->loop, program->worker_ended, on_worker_ended, program))
        return STATUS_NOT_CONNECTED;
    peer_log_set(options->log_level, NULL, NULL);
    if (!check_servers(&options->network) || (is_sender && !scan(program)))
        return STATUS_USAGE;
    meeting_settings_t settings = {.network = &options->network,
                                   .loop = program->loop,
                                   .conduit = program->conduit,
                                   .is_sender = is_sender,
                                   .may_change_code = !options->has_code,
                                   .code = options->code,
                                   .wait = options->wait};
    if (!options->has_code && !code_make(&settings.code))
        return STATUS_NOT_CONNECTED;
    program->meeting = meeting_new(&settings, &events, program);
    if (program->meeting == NULL || pthread_create(&program->worker, NULL, work, program) != 0)
        return STATUS_NOT_CONNECTED;
    mainloop_on_signal(program->loop, on_signal, program);
    mainloop_set_alarm(program->loop, &program->tick, TICK_US, on_tick, program);
    return STATUS_DONE;
}

/* Whether the worker has ended. */
static bool end_worker(program_t *program)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WORKER_ENDS_S;
    conduit_end(program->conduit);
    return pthread_timedjoin_np(program->worker, NULL, &until) == 0;
}

static int conclude(program_t *program)
{
    int status = program->status >= 0 ? program->status : program->worker_status;
    if (status == STATUS_DONE && program->left_out > 0) {
        progress_note(program->progress, "%zu left out", program->left_out);
        status = STATUS_INCOMPLETE;
    }
    if (program->options.explains)
        meeting_explain(program->meeting);
    return status;
}

static void close_program(program_t *program)
{
    mainloop_free(program->loop);
    meeting_free(program->meeting);
    conduit_free(program->conduit);
    progress_free(program->progress);
    manifest_clear(&program->manifest);
    if (program->worker_ended >= 0)
        close(program->worker_ended);
}

static int transfer(program_t *program)
{
    int status = open_program(program);
    if (status == STATUS_DONE) {
        mainloop_run(program->loop);
        bool has_ended = end_worker(program);
        status = conclude(program);
        if (!has_ended) {
            fflush(NULL);
            _exit(status);
        }
        mainloop_cancel_alarm(&program->tick);
    }
    close_program(program);
    return status;
}

static int serve(const options_t *options)
{
    const network_t *network = &options->network;
    json_t *array = ice_servers_to_json(network->servers, network->server_count);
    char *ice_servers = network->server_count > 0 ? json_dumps(array, JSON_COMPACT) : NULL;
    json_decref(array);
    mainloop_t *loop = mainloop_new();
    const server_settings_t settings = {.host = network->host[0] != '\0' ? network->host : NULL,
                                        .port = network->port,
                                        .certificate = options->certificate,
                                        .key = options->key,
                                        .ice_servers = ice_servers,
                                        .is_quiet = options->is_quiet};
    server_t *server = loop != NULL ? server_new(loop, &settings) : NULL;
    free(ice_servers);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (server != NULL) {
        printf("The rendezvous is open, on port %d. Ctrl-C ends it; transfers that are on go on.\n", server_port(server));
        mainloop_run(loop);
    }
    int status = server != NULL ? STATUS_DONE : STATUS_NOT_CONNECTED;
    mainloop_free(loop);
    server_free(server);
    return status;
}

int main(int count, char **arguments)
{
    static program_t program;
    program.status = -1;
    program.worker_ended = -1;
    if (!options_parse(&program.options, count, arguments))
        return STATUS_USAGE;
    switch (program.options.command) {
    case COMMAND_SERVE:
        return serve(&program.options);
    case COMMAND_SEND:
    case COMMAND_RECEIVE:
        return transfer(&program);
    case COMMAND_NONE:
        break;
    }
    return STATUS_DONE;
}
