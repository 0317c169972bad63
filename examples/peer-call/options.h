/* What the command line asks for, and the texts that teach it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <peer/peer.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit status of peer-call. */
enum { STATUS_CALL = 0, STATUS_USAGE = 1, STATUS_NOT_CONNECTED = 2, STATUS_NO_FLOW = 3 };

#define OPTIONS_SAY_MAX 64
#define OPTIONS_FILES_MAX 16
#define OPTIONS_SERVERS_MAX 32
#define OPTIONS_HOST_SIZE 256

typedef enum command { COMMAND_DEMO, COMMAND_SERVE, COMMAND_JOIN, COMMAND_NONE /* help or the version was printed */ } command_t;

typedef struct options {
    command_t command;
    /* serve: where to listen; join: the rendezvous */
    char host[OPTIONS_HOST_SIZE]; /* "" listens on all addresses */
    int port;
    const char *certificate, *key;
    peer_ice_server_t servers[OPTIONS_SERVERS_MAX]; /* join: to use; serve: to hand to whoever brings none */
    size_t server_count;
    const char *user, *password; /* given last: of servers that have none */
    /* join */
    char room[128];
    bool is_tls;
    bool is_insecure;          /* takes any certificate of the rendezvous */
    const char *video, *audio; /* "test", "none" or a file */
    int width, height, rate;   /* of the test picture */
    bool shows_picture;
    const char *record;       /* directory */
    const char *record_video; /* "ivf" or "y4m" */
    const char *say[OPTIONS_SAY_MAX];
    size_t say_count;
    const char *files[OPTIONS_FILES_MAX];
    size_t file_count;
    bool is_relay_only;
    int ice_tcp; /* peer_ice_tcp_policy_t */
    const char *ca_file;
    double seconds; /* of call; 0: until Ctrl-C */
    double wait;    /* for the other; 0: for ever */
    bool explains;
    const char *trace, *report;
    int log_level; /* peer_log_level_t */
} options_t;

/* False, with a message on stderr that says what to do, when the arguments make no sense. Strings stay those of `arguments`. */
bool options_parse(options_t *options, int count, char **arguments);

/* ws://HOST[:PORT]/ROOM (also wss, http, https); HOST may be [IPv6]. */
bool options_parse_url(options_t *options, const char *url);
/* HOST:PORT, :PORT, [IPv6]:PORT or PORT alone. */
bool options_parse_listen(options_t *options, const char *text);

#endif
