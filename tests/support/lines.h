/* A program that speaks JSON lines with its driver while it makes a call: standard input and the library's manual loop on one thread. What
 * the negotiator has for the other side leaves as it is; a call of the library that fails is told as {"error":…,"call":…}. */
#ifndef LINES_H
#define LINES_H

#include <jansson.h>
#include <peer/peer.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct lines_call {
    peer_loop_t *loop;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator; /* NULL before lines_negotiate() */
} lines_call_t;

typedef struct lines_handler {
    void (*on_line)(void *user, const char *line, size_t length); /* without its end */
    int (*prepare)(void *user); /* does what is due; how many milliseconds the next may take, -1: any number. NULL: never is anything */
} lines_handler_t;

/* Whether the command line has that word. */
bool lines_has(char **arguments, const char *word);
/* A connection on a loop of its own, whatever the configuration says of loops; with --log in the command line the library's log is
 * written. On failure it says why on standard error. */
bool lines_open(lines_call_t *call, char **arguments, peer_configuration_t *configuration, const peer_connection_events_t *events,
                void *user);
void lines_negotiate(lines_call_t *call, bool is_polite);
/* Dispatches the loop and gives each line that comes, until the input ends; then it hangs up, and the other side is told. */
void lines_run(lines_call_t *call, const lines_handler_t *handler, void *user);
void lines_close(lines_call_t *call);

void lines_print(json_t *message); /* on standard output; takes the reference */
/* Tells of a failure; true if there was none. */
bool lines_check(const char *what, int result);
/* Answers a command; `more`, which may be NULL, is what it gave: takes the reference. */
void lines_done(const char *what, json_t *more, int error);
/* Members of a command: "" or `otherwise` when they are missing. */
const char *lines_text(const json_t *command, const char *member);
int32_t lines_integer(const json_t *command, const char *member, int32_t otherwise); /* true is 1, false 0 */

#endif
