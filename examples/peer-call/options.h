/* What the command line asks for, and the texts that teach it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "network.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit status of peer-call. */
enum { STATUS_CALL = 0, STATUS_USAGE = 1, STATUS_NOT_CONNECTED = 2, STATUS_NO_FLOW = 3 };

#define OPTIONS_SAY_MAX 64
#define OPTIONS_FILES_MAX 16
#define OPTIONS_DEEDS_MAX 64

typedef enum command { COMMAND_DEMO, COMMAND_SERVE, COMMAND_JOIN, COMMAND_NONE /* help or the version was printed */ } command_t;

/* What is to be done in mid-call. */
typedef struct deed {
    double seconds;      /* after the call stood */
    const char *command; /* as typed, without its slash */
} deed_t;

typedef struct options {
    command_t command;
    network_t network; /* serve: where to listen, and the servers to hand to whoever brings none; join: the rendezvous, servers to use */
    const char *certificate, *key;
    /* join */
    const char *video, *audio; /* "test", "none" or a file */
    int width, height, rate;   /* of the test picture */
    bool shows_picture;
    const char *record;       /* directory */
    const char *video_codec;  /* the preferred one, "video/VP9"; NULL: the library's order */
    const char *record_video; /* "ivf" or "y4m" */
    const char *say[OPTIONS_SAY_MAX];
    size_t say_count;
    const char *files[OPTIONS_FILES_MAX];
    size_t file_count;
    deed_t deeds[OPTIONS_DEEDS_MAX]; /* in order of time */
    size_t deed_count;
    double seconds; /* of call; 0: until Ctrl-C */
    double wait;    /* for the other; 0: for ever */
    bool explains;
    const char *trace, *report;
    int log_level; /* peer_log_level_t */
} options_t;

/* False, with a message on stderr that says what to do, when the arguments make no sense. Strings stay those of `arguments`. */
bool options_parse(options_t *options, int count, char **arguments);

#endif
