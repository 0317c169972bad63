#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)

/* ---- the call ---- */

bool lines_has(char **arguments, const char *word)
{
    while (*arguments != NULL)
        if (strcmp(*arguments++, word) == 0)
            return true;
    return false;
}

bool lines_open(lines_call_t *call, char **arguments, peer_configuration_t *configuration, const peer_connection_events_t *events,
                void *user)
{
    if (lines_has(arguments, "--log"))
        peer_log_set(PEER_LOG_DEBUG, NULL, NULL);
    *call = (lines_call_t){.loop = peer_loop_new(PEER_LOOP_MANUAL)};
    configuration->loop = call->loop;
    if (call->loop != NULL)
        call->pc = peer_connection_new(configuration, events, user);
    if (call->pc == NULL)
        fprintf(stderr, "no connection: %s\n", peer_last_error_message());
    return call->pc != NULL;
}

static void send_line(peer_negotiator_t *negotiator, const char *json, void *user)
{
    puts(json);
    fflush(stdout);
}

static void on_negotiator_error(peer_negotiator_t *negotiator, int32_t error, const char *message, void *user)
{
    lines_print(json_pack("{s:s, s:s}", "error", message, "call", "negotiator"));
}

void lines_negotiate(lines_call_t *call, bool is_polite)
{
    static const peer_negotiator_events_t events = {.send = send_line, .on_error = on_negotiator_error};
    call->negotiator = peer_negotiator_new(call->pc, is_polite, &events, NULL);
}

/* Closing tells the other side, and a relay, which takes turns of the loop. */
static void hang_up(lines_call_t *call)
{
    struct pollfd fd = {.fd = peer_loop_fd(call->loop), .events = POLLIN};
    peer_connection_close(call->pc);
    for (int turns = 0; turns < 100 && poll(&fd, 1, 20) > 0; turns++)
        peer_loop_dispatch(call->loop);
}

void lines_run(lines_call_t *call, const lines_handler_t *handler, void *user)
{
    static char buffer[LINE_MAX_BYTES];
    size_t filled = 0;
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = peer_loop_fd(call->loop), .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, handler->prepare != NULL ? handler->prepare(user) : -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents != 0)
            peer_loop_dispatch(call->loop);
        if (fds[0].revents == 0)
            continue;
        ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
        if (got <= 0)
            break;
        filled += (size_t)got;
        for (char *end; (end = memchr(buffer, '\n', filled)) != NULL;) {
            size_t length = (size_t)(end - buffer);
            handler->on_line(user, buffer, length);
            filled -= length + 1;
            memmove(buffer, end + 1, filled);
        }
    }
    hang_up(call);
}

void lines_close(lines_call_t *call)
{
    peer_negotiator_unref(call->negotiator);
    peer_connection_unref(call->pc);
    peer_loop_unref(call->loop);
}

/* ---- messages ---- */

void lines_print(json_t *message)
{
    json_dumpf(message, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(message);
}

bool lines_check(const char *what, int result)
{
    if (result < 0)
        lines_print(json_pack("{s:s, s:s}", "error", peer_last_error_message(), "call", what));
    return result >= 0;
}

void lines_done(const char *what, json_t *more, int error)
{
    json_t *answer = more != NULL ? more : json_object();
    json_object_set_new(answer, "done", json_string(what));
    if (error < 0)
        json_object_set_new(answer, "error", json_string(peer_error_name(error)));
    lines_print(answer);
}

const char *lines_text(const json_t *command, const char *member)
{
    const char *value = json_string_value(json_object_get(command, member));
    return value != NULL ? value : "";
}

int32_t lines_integer(const json_t *command, const char *member, int32_t otherwise)
{
    const json_t *value = json_object_get(command, member);
    return json_is_integer(value) ? (int32_t)json_integer_value(value) : json_is_boolean(value) ? json_is_true(value) : otherwise;
}
