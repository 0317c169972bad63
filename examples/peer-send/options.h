/* What the command line of peer-send asks for, and the texts that teach it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "code.h"
#include "network.h"

typedef enum command { COMMAND_SEND, COMMAND_RECEIVE, COMMAND_SERVE, COMMAND_NONE /* help or the version was printed */ } command_t;

typedef struct options {
    command_t command;
    network_t network; /* send, receive: the rendezvous; serve: where to listen */
    const char *certificate, *key;
    char *const *paths; /* send: path_count of them */
    size_t path_count;
    const char *stream_name;
    bool has_code;
    code_t code;
    const char *output;
    bool overwrites, writes_json, is_quiet, explains;
    double wait; /* for the other; 0: for ever */
    int log_level;
} options_t;

/* False, with a message on stderr that says what to do, when the arguments make no sense. Strings stay those of `arguments`. */
bool options_parse(options_t *options, int count, char **arguments);

#endif
