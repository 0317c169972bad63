#include "join.h"

#include "call.h"
#include "conclusion.h"
#include "ice_servers.h"
#include "line_editor.h"
#include "mainloop.h"
#include "rendezvous.h"
#include "report.h"
#include "screen.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_US 1000000
#define LEVELS_INTERVAL_US 100000
#define GOODBYE_US 1000000 /* at most, for the other side to be told */
#define SLOW_US 10000000   /* after which it is said what a call waits for: ICE itself gives up after 40 s */

typedef struct session {
    const options_t *options;
    mainloop_t *loop;
    peer_loop_t *peer_loop;
    outgoing_t *outgoing;
    peer_certificate_t *certificate;
    trace_t *trace;
    screen_t *screen;
    rendezvous_t *rendezvous;
    line_editor_t editor;
    call_t *call;                                   /* the one that is on; NULL: nobody else is there */
    unsigned calls;                                 /* begun so far */
    unsigned unreleased;                            /* calls whose last event is to come */
    peer_ice_server_t servers[NETWORK_SERVERS_MAX]; /* the options', or else the rendezvous' */
    size_t server_count;
    json_t *told_servers; /* which their texts belong to */
    statistics_t last_statistics;
    alarm_clock_t tick, levels, over, nobody, slow, goodbye, deed;
    size_t deeds_done; /* of the options', in this call */
    bool is_leaving, has_left;
    bool is_announced; /* that this call is connected */
    bool has_files_sent;
    /* What has become of it: */
    json_t *report;        /* of the last call */
    double report_seconds; /* its length */
    bool was_connected;    /* any call */
    bool has_flowed;       /* everything asked for went through, in any call */
    char *explanation;     /* of the last call, in words */
    char missing[256];     /* of the last call */
    char trouble[1024];    /* why there was none */
} session_t;

static void leave(session_t *session);

/* ---- while a call is on ---- */

static double call_seconds(const session_t *session)
{
    return (double)(now_us() - call_times(session->call)->present_us) / SECOND_US;
}

static void on_tick(void *user)
{
    session_t *session = user;
    mainloop_set_alarm(session->loop, &session->tick, SECOND_US, on_tick, session);
    if (session->call == NULL || call_state(session->call) != PEER_CONNECTION_CONNECTED)
        return;
    peer_stats_report_t *report = call_stats(session->call);
    if (report == NULL)
        return;
    char line[400] = "";
    statistics_t statistics;
    statistics_take(&statistics, report, call_received(session->call), now_us());
    statistics_line(&statistics, &session->last_statistics, call_received(session->call), call_seconds(session), line, sizeof line);
    screen_statistics(session->screen, line);
    session->last_statistics = statistics;
    peer_stats_report_unref(report);
}

static void on_levels(void *user)
{
    session_t *session = user;
    mainloop_set_alarm(session->loop, &session->levels, LEVELS_INTERVAL_US, on_levels, session);
    screen_levels(session->screen, session->call != NULL ? call_received(session->call)->audio_level_dbfs : -127, outgoing_level_dbfs());
}

static void send_signal(void *user, const char *json)
{
    session_t *session = user;
    rendezvous_send(session->rendezvous, json, strlen(json));
}

static void describe_failure(const session_t *session, char *trouble, size_t size)
{
    char *json = call_explain(session->call, PEER_ICE_REPORT_JSON);
    conclusion_of(json, trouble, size);
    peer_string_free(json);
}

static void on_slow(void *user)
{
    session_t *session = user;
    char trouble[sizeof session->trouble];
    if (session->call == NULL || session->is_announced)
        return;
    describe_failure(session, trouble, sizeof trouble);
    screen_note(session->screen, "%s (Trying goes on.)", trouble);
}

static void note_lines(session_t *session, char *text)
{
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        screen_note(session->screen, "%s", line);
}

static void do_command(session_t *session, const char *command)
{
    char answer[1024];
    outgoing_command(session->outgoing, command, answer, sizeof answer);
    note_lines(session, answer);
}

static void await_deed(session_t *session);

static void on_deed(void *user)
{
    session_t *session = user;
    do_command(session, session->options->deeds[session->deeds_done++].command);
    await_deed(session);
}

/* The next of what is to be done in this call. */
static void await_deed(session_t *session)
{
    if (session->call == NULL || session->deeds_done == session->options->deed_count)
        return;
    int64_t due =
        call_times(session->call)->dtls_connected_us + (int64_t)(session->options->deeds[session->deeds_done].seconds * SECOND_US);
    mainloop_set_alarm(session->loop, &session->deed, due > now_us() ? due - now_us() : 0, on_deed, session);
}

static void explain_now(session_t *session)
{
    char *text = call_explain(session->call, PEER_ICE_REPORT_TEXT);
    if (text != NULL)
        note_lines(session, text);
    peer_string_free(text);
}

static void on_state(void *user, int32_t state)
{
    session_t *session = user;
    if (state == PEER_CONNECTION_CONNECTED) {
        if (!session->is_announced) {
            screen_note(session->screen, "connected after %.0f ms",
                        (double)(call_times(session->call)->dtls_connected_us - call_times(session->call)->present_us) / 1000);
            session->deeds_done = 0;
            await_deed(session);
        }
        session->is_announced = session->was_connected = true;
        session->trouble[0] = '\0';
    } else if (state == PEER_CONNECTION_DISCONNECTED) {
        screen_note(session->screen, "the connection is interrupted; waiting for it to come back");
    } else if (state == PEER_CONNECTION_FAILED) {
        describe_failure(session, session->trouble, sizeof session->trouble);
        screen_note(session->screen, "the connection failed");
        if (!session->was_connected || session->has_left)
            leave(session); /* and the end explains it */
        else if (session->options->explains)
            explain_now(session);
    }
}

static void on_picture(void *user, peer_video_frame_t *frame)
{
    session_t *session = user;
    if (frame != NULL)
        screen_picture(session->screen, frame);
    else
        screen_clear_picture(session->screen);
}

static void on_chat(void *user, const char *text)
{
    session_t *session = user;
    screen_note(session->screen, "them: %s", text);
}

static void on_note(void *user, const char *text)
{
    session_t *session = user;
    screen_note(session->screen, "%s", text);
}

static void stop_when_all_is_said(session_t *session)
{
    if (session->has_left && session->unreleased == 0)
        mainloop_stop(session->loop);
}

static void on_released(void *user)
{
    session_t *session = user;
    session->unreleased--;
    stop_when_all_is_said(session);
}

/* ---- calls begin and end ---- */

static void on_over(void *user)
{
    leave(user);
}

static void end_call(session_t *session)
{
    call_t *call = session->call;
    if (call == NULL)
        return;
    const char *missing = call_what_is_missing(call);
    bool was_connected = call_times(call)->dtls_connected_us != 0;
    mainloop_cancel_alarm(&session->slow);
    mainloop_cancel_alarm(&session->deed);
    if (!was_connected && session->trouble[0] == '\0')
        describe_failure(session, session->trouble, sizeof session->trouble);
    snprintf(session->missing, sizeof session->missing, "%s", missing != NULL ? missing : "");
    session->has_flowed |= was_connected && missing == NULL;
    session->has_files_sent |= call_files_are_sent(call);
    json_decref(session->report);
    session->report = report_make(call);
    peer_string_free(session->explanation);
    session->explanation = call_explain(call, PEER_ICE_REPORT_TEXT);
    session->report_seconds = call_seconds(session);
    session->call = NULL;
    call_end(call);
    screen_clear_picture(session->screen);
}

static void begin_call(session_t *session, bool is_polite)
{
    static const call_events_t events = {send_signal, on_state, on_picture, on_chat, on_note, on_released};
    const options_t *options = session->options;
    end_call(session);
    session->calls++;
    session->is_announced = false;
    mainloop_cancel_alarm(&session->nobody);
    if (options->seconds > 0 && session->calls == 1)
        mainloop_set_alarm(session->loop, &session->over, (int64_t)(options->seconds * SECOND_US), on_over, session);
    call_settings_t settings = {.options = options,
                                .servers = session->servers,
                                .server_count = session->server_count,
                                .loop = session->peer_loop,
                                .certificate = session->certificate,
                                .outgoing = session->outgoing,
                                .trace = session->trace,
                                .is_polite = is_polite,
                                .sends_files = !session->has_files_sent};
    if (options->record != NULL)
        settings.recorder = recorder_new(options->record, options->record_video, session->calls);
    session->last_statistics = (statistics_t){.time_us = now_us()};
    session->call = call_new(&settings, &events, session);
    if (session->call == NULL) {
        snprintf(session->trouble, sizeof session->trouble, "the call could not be made");
        leave(session);
        return;
    }
    session->unreleased++;
    screen_note(session->screen, "the other side is here: connecting");
    mainloop_set_alarm(session->loop, &session->slow, SLOW_US, on_slow, session);
}

/* ---- the room ---- */

static void on_nobody(void *user)
{
    session_t *session = user;
    snprintf(session->trouble, sizeof session->trouble,
             "nobody came within %.0f s. Join the same room from the other side, or give --wait more", session->options->wait);
    leave(session);
}

/* Servers of the rendezvous are for those who brought none; it may tell nonsense. */
static void take_servers(session_t *session, json_t *array)
{
    if (session->options->network.server_count > 0 || !json_is_array(array))
        return;
    json_decref(session->told_servers);
    session->told_servers = json_incref(array);
    session->server_count = ice_servers_from_json(array, session->servers);
    if (ice_servers_are_usable(session->servers, session->server_count, session->options->network.ca_file))
        return;
    screen_note(session->screen, "the ICE servers of the rendezvous cannot be used: %s", peer_last_error_message());
    session->server_count = 0;
}

static bool has_turn_server(const session_t *session)
{
    for (size_t i = 0; i < session->server_count; i++)
        if (strcasestr(session->servers[i].urls, "turn:") != NULL || strcasestr(session->servers[i].urls, "turns:") != NULL)
            return true;
    return false;
}

static void on_event(session_t *session, const char *event, const json_t *message)
{
    const options_t *options = session->options;
    if (strcmp(event, "joined") == 0) {
        take_servers(session, json_object_get(message, "iceServers"));
        if (options->network.is_relay_only && !has_turn_server(session))
            screen_note(session->screen, "--relay-only, but no TURN server: no call can be. Give --ice-server turn:HOST, here or to serve");
        screen_note(session->screen, "in the room %s; the other side joins with the same command, or opens http%s://%s:%d/%s",
                    options->network.room, options->network.is_tls ? "s" : "", options->network.host, options->network.port,
                    options->network.room);
        if (options->wait > 0)
            mainloop_set_alarm(session->loop, &session->nobody, (int64_t)(options->wait * SECOND_US), on_nobody, session);
    } else if (strcmp(event, "present") == 0) {
        begin_call(session, json_is_true(json_object_get(message, "polite")));
    } else if (strcmp(event, "left") == 0) {
        end_call(session);
        rendezvous_send(session->rendezvous, "{\"ready\":true}", 14);
        screen_note(session->screen, "the other side has left; waiting for somebody to come");
    } else if (strcmp(event, "full") == 0 || strcmp(event, "refused") == 0) {
        const char *reason = json_string_value(json_object_get(message, "reason"));
        snprintf(session->trouble, sizeof session->trouble, "%.150s. Choose another room",
                 reason != NULL ? reason : "the rendezvous refused");
        leave(session);
    }
}

static void on_message(void *user, const char *json, size_t length)
{
    session_t *session = user;
    json_t *message = json_loadb(json, length, 0, NULL);
    const char *event = json_string_value(json_object_get(message, "event"));
    if (session->is_leaving)
        ;
    else if (event != NULL)
        on_event(session, event, message);
    else if (session->call != NULL)
        call_receive(session->call, json, length);
    json_decref(message);
}

static void on_rendezvous_closed(void *user, const char *reason)
{
    session_t *session = user;
    session->has_left = true;
    if (session->is_leaving) {
        stop_when_all_is_said(session);
        return;
    }
    if (session->call != NULL && call_state(session->call) == PEER_CONNECTION_CONNECTED) {
        screen_note(session->screen, "the rendezvous is gone (%s); the call goes on without it", reason);
        return;
    }
    snprintf(session->trouble, sizeof session->trouble,
             "the rendezvous %s:%d cannot be reached (%.60s). Is peer-call serve running there, and do host and port agree?%s",
             session->options->network.host, session->options->network.port, reason,
             session->options->network.is_tls ? " If its certificate is its own, give --insecure" : "");
    leave(session);
}

static void on_goodbye(void *user)
{
    session_t *session = user;
    mainloop_stop(session->loop);
}

/* Hangs up and leaves the room; the loop runs on until the other side has been told. */
static void leave(session_t *session)
{
    if (session->is_leaving) {
        mainloop_stop(session->loop); /* asked twice: at once */
        return;
    }
    session->is_leaving = true;
    end_call(session);
    mainloop_cancel_alarm(&session->over);
    mainloop_cancel_alarm(&session->nobody);
    mainloop_set_alarm(session->loop, &session->goodbye, GOODBYE_US, on_goodbye, session);
    rendezvous_leave(session->rendezvous);
    stop_when_all_is_said(session);
}

/* ---- keyboard, signals, the library ---- */

static void say(session_t *session)
{
    if (session->editor.text[0] == '/')
        do_command(session, session->editor.text + 1);
    else if (session->call != NULL && call_say(session->call, session->editor.text))
        screen_note(session->screen, "you: %s", session->editor.text);
    else
        screen_note(session->screen, "not sent, there is no connection: %s", session->editor.text);
    line_editor_clear(&session->editor);
}

static bool on_keyboard(void *user)
{
    session_t *session = user;
    char bytes[512];
    ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR); /* at the end of the input the call goes on */
    for (ssize_t i = 0; i < length; i++)
        if (line_editor_take(&session->editor, bytes[i]))
            say(session);
    screen_typed(session->screen, session->editor.text);
    return true;
}

static void on_signal(int signal, void *user)
{
    session_t *session = user;
    if (signal == SIGWINCH)
        screen_resized(session->screen);
    else
        leave(session);
}

static bool on_library(void *user)
{
    session_t *session = user;
    peer_loop_dispatch(session->peer_loop);
    return true;
}

/* Whether connections can be made with these options: a wrong --ice-server is to be found now, and not when somebody comes. */
static int check_servers(session_t *session)
{
    const options_t *options = session->options;
    if (!ice_servers_are_usable(options->network.servers, options->network.server_count, options->network.ca_file)) {
        bool is_file = peer_last_error_code() == PEER_ERROR_NOT_FOUND || peer_last_error_code() == PEER_ERROR_NOT_READABLE;
        fprintf(stderr, "peer-call: %s. Give --%s\n", peer_last_error_message(),
                is_file ? "ca-file a PEM file of certificates" : "ice-server stun:HOST, or turn:HOST with --ice-user and --ice-password");
        return STATUS_USAGE;
    }
    memcpy(session->servers, options->network.servers, sizeof session->servers);
    session->server_count = options->network.server_count;
    return STATUS_CALL;
}

/* Whether what the call is to leave behind can be written: better known now than when it is over. */
static int check_results(const options_t *options)
{
    FILE *report = options->report != NULL ? fopen(options->report, "a") : NULL;
    if (options->report != NULL && report == NULL) {
        fprintf(stderr, "peer-call: the report %s cannot be made: %s. Give --report a file that you may write\n", options->report,
                strerror(errno));
        return STATUS_USAGE;
    }
    if (report != NULL)
        fclose(report);
    return options->record == NULL || recorder_prepare(options->record) ? STATUS_CALL : STATUS_USAGE;
}

static int open_session(session_t *session)
{
    static const rendezvous_events_t events = {.on_message = on_message, .on_closed = on_rendezvous_closed};
    const options_t *options = session->options;
    session->loop = mainloop_new();
    session->peer_loop = session->loop != NULL ? peer_loop_new(PEER_LOOP_MANUAL) : NULL;
    if (session->peer_loop == NULL || !mainloop_watch(session->loop, peer_loop_fd(session->peer_loop), on_library, session))
        return STATUS_NOT_CONNECTED;
    peer_log_set(options->log_level, NULL, NULL);
    if (options->trace != NULL && (session->trace = trace_open(options->trace)) == NULL) {
        fprintf(stderr, "peer-call: the trace %s cannot be made: %s. Give --trace a file that you may write\n", options->trace,
                strerror(errno));
        return STATUS_USAGE;
    }
    int status = check_results(options);
    if (status == STATUS_CALL && (options->network.server_count > 0 || options->network.ca_file != NULL))
        status = check_servers(session);
    if (status == STATUS_CALL)
        session->outgoing = outgoing_new(options, &status);
    if (status != STATUS_CALL)
        return status;
    peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &session->certificate); /* now, so that a call need not wait for it */
    rendezvous_place_t place = {options->network.host, options->network.port, options->network.room, options->network.is_tls,
                                options->network.is_insecure};
    session->rendezvous = rendezvous_new(session->loop, &place, &events, session);
    session->screen = session->rendezvous != NULL ? screen_new(session->loop, options->shows_picture) : NULL;
    if (session->screen == NULL)
        return STATUS_NOT_CONNECTED;
    mainloop_on_signal(session->loop, on_signal, session);
    mainloop_watch(session->loop, STDIN_FILENO, on_keyboard, session);
    mainloop_set_alarm(session->loop, &session->tick, SECOND_US, on_tick, session);
    if (screen_is_live(session->screen))
        mainloop_set_alarm(session->loop, &session->levels, LEVELS_INTERVAL_US, on_levels, session);
    return STATUS_CALL;
}

static int conclude(session_t *session)
{
    const options_t *options = session->options;
    if (session->report == NULL)
        session->report = report_make(NULL);
    report_print(session->report, session->report_seconds);
    if (options->explains && session->explanation != NULL)
        printf("\n%s", session->explanation);
    if (options->report != NULL && !report_write(session->report, options->report))
        return STATUS_USAGE;
    if (!session->was_connected) {
        fprintf(stderr, "peer-call: %s\n", session->trouble[0] != '\0' ? session->trouble : "no call took place");
        return STATUS_NOT_CONNECTED;
    }
    if (!session->has_flowed) {
        fprintf(stderr,
                "peer-call: connected, but something did not go through: %s. See the statistics in --report, or the packets in --trace\n",
                session->missing);
        return STATUS_NO_FLOW;
    }
    return STATUS_CALL;
}

static void close_session(session_t *session)
{
    screen_free(session->screen);
    session->screen = NULL;
    mainloop_cancel_alarm(&session->tick);
    mainloop_cancel_alarm(&session->levels);
    mainloop_cancel_alarm(&session->over);
    mainloop_cancel_alarm(&session->nobody);
    mainloop_cancel_alarm(&session->slow);
    mainloop_cancel_alarm(&session->goodbye);
    mainloop_free(session->loop);
    rendezvous_free(session->rendezvous);
    outgoing_free(session->outgoing);
    peer_certificate_unref(session->certificate);
    peer_loop_unref(session->peer_loop);
    if (trace_close(session->trace) < 0)
        fprintf(stderr, "peer-call: the trace %s is not complete: is the disk full?\n", session->options->trace);
}

int join_run(const options_t *options)
{
    session_t *session = calloc(1, sizeof *session);
    if (session == NULL)
        return STATUS_NOT_CONNECTED;
    session->options = options;
    int status = open_session(session);
    bool is_open = status == STATUS_CALL;
    if (is_open)
        mainloop_run(session->loop);
    close_session(session);
    if (is_open)
        status = conclude(session);
    json_decref(session->report);
    json_decref(session->told_servers);
    peer_string_free(session->explanation);
    free(session);
    return status;
}
