#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] = "peer-send: files from host to host by a short code\n"
                           "\n"
                           "  peer-send FILE|DIRECTORY|- ...    sends files, directories with all in them, or the\n"
                           "                                    standard input; prints a code\n"
                           "  peer-send receive CODE            receives on the other host (short: peer-send CODE)\n"
                           "  peer-send serve                   the rendezvous, where the two meet; peer-call serve\n"
                           "                                    is one too\n"
                           "\n"
                           "What is sent goes from host to host, encrypted between the two: the rendezvous only introduces\n"
                           "them, and cannot listen. When the connection breaks, both go on when it is back; a program that\n"
                           "was ended goes on when it is started again with the same code.\n"
                           "\n"
                           "Sending:\n"
                           "  --name NAME              of the standard input at the other side (stdin)\n"
                           "  --code CODE              take this code, as after the sender was ended\n"
                           "Receiving:\n"
                           "  --output DIR, -o DIR     where to; - is the standard output (.)\n"
                           "  --yes, -y                overwrite what exists, without asking\n"
                           "Both:\n"
                           "  --rendezvous URL         ws://HOST:PORT or wss://… (PEER_RENDEZVOUS, or ws://localhost:8080)\n"
                           "  --wait N                 give up when nobody comes within N seconds (never)\n"
                           "  --json                   a JSON object a line for each event, for programs\n"
                           "  --quiet, -q              say only what went wrong\n"
                           "  --ice-server URL         stun:HOST[:PORT] or turn:HOST[:PORT][?transport=udp|tcp], stuns:,\n"
                           "                           turns:; may be repeated. Without any, those of the rendezvous\n"
                           "  --ice-user NAME          for turn: and turns:, and ...\n"
                           "  --ice-password WORD      ... the password; they count for the servers named before them, or,\n"
                           "                           given first, for all\n"
                           "  --relay-only             through a TURN server or not at all\n"
                           "  --ca-file FILE           PEM certificates by which stuns: and turns: servers are verified\n"
                           "  --ice-tcp[=WHICH]        all: also by TCP, from either side; active: only from here; off (all)\n"
                           "  --insecure               for wss: take any certificate of the rendezvous\n"
                           "  --explain                say at the end which way the connection took, or why there was none\n"
                           "  --log LEVEL              what the library says: error, warning, info, debug, trace\n"
                           "Serving:\n"
                           "  --listen HOST:PORT       IP address and port; all addresses and 8080 otherwise\n"
                           "  --certificate FILE       serve wss: certificate (chain) in PEM ...\n"
                           "  --key FILE               ... and its private key\n"
                           "\n"
                           "Exit status: 0 all arrived and is the same, 1 the command line is wrong, 2 no connection,\n"
                           "3 not all arrived, 4 the code is wrong or somebody tried to get in between.\n";

enum {
    OPTION_NAME = 256,
    OPTION_CODE,
    OPTION_RENDEZVOUS,
    OPTION_WAIT,
    OPTION_JSON,
    OPTION_EXPLAIN,
    OPTION_LOG,
    OPTION_LISTEN,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_VERSION
};

static const struct option names[] = {
    NETWORK_OPTIONS,
    {"name", required_argument, NULL, OPTION_NAME},
    {"code", required_argument, NULL, OPTION_CODE},
    {"output", required_argument, NULL, 'o'},
    {"yes", no_argument, NULL, 'y'},
    {"rendezvous", required_argument, NULL, OPTION_RENDEZVOUS},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, 'q'},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"log", required_argument, NULL, OPTION_LOG},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"certificate", required_argument, NULL, OPTION_CERTIFICATE},
    {"key", required_argument, NULL, OPTION_KEY},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool parse_log(options_t *options, const char *text)
{
    static const char *const levels[] = {"none", "error", "warning", "info", "debug", "trace"}; /* peer_log_level_t */
    for (int i = 0; i < (int)(sizeof levels / sizeof *levels); i++) {
        if (strcmp(text, levels[i]) == 0) {
            options->log_level = i;
            return true;
        }
    }
    return false;
}

static bool take_code(options_t *options, const char *text)
{
    options->has_code = code_parse(&options->code, text);
    return options->has_code ||
           network_complain("%s is no code, or has a slip in it: it is a number and four words of five letters, as the sender shows", text);
}

static bool take_option(options_t *options, int option, const char *value)
{
    switch (option) {
    case OPTION_NAME:
        options->stream_name = value;
        return true;
    case OPTION_CODE:
        return take_code(options, value);
    case 'o':
        options->output = value;
        return true;
    case 'y':
        options->overwrites = true;
        return true;
    case OPTION_RENDEZVOUS:
        return network_parse_url(&options->network, value, false) ||
               network_complain("--rendezvous %s: give it as ws://HOST:PORT or wss://HOST:PORT", value);
    case OPTION_WAIT:
        return network_parse_seconds(value, &options->wait) || network_complain("--wait %s: give a number of seconds above 0", value);
    case OPTION_JSON:
        options->writes_json = true;
        return true;
    case 'q':
        options->is_quiet = true;
        return true;
    case OPTION_EXPLAIN:
        options->explains = true;
        return true;
    case OPTION_LOG:
        return parse_log(options, value) || network_complain("--log %s: give error, warning, info, debug or trace", value);
    case OPTION_LISTEN:
        return network_parse_listen(&options->network, value) ||
               network_complain("--listen %s: give HOST:PORT, such as 0.0.0.0:8080", value);
    case OPTION_CERTIFICATE:
    case OPTION_KEY:
        *(option == OPTION_KEY ? &options->key : &options->certificate) = value;
        return access(value, R_OK) == 0 || network_complain("%s cannot be read. Give a PEM file", value);
    default:
        return network_option(&options->network, option, value);
    }
}

/* A code may have been typed with spaces: its words are joined. */
static bool take_code_words(options_t *options, int count, char **words)
{
    char text[200] = "";
    size_t length = 0;
    for (int i = 0; i < count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i > 0 ? "-" : "", words[i]);
    return length < sizeof text && take_code(options, text);
}

static bool take_words(options_t *options, int count, char **words)
{
    static const char *const receives[] = {"receive", "get", "r"};
    code_t code;
    if (count == 0) {
        fputs(help, stderr);
        return false;
    }
    if (strcmp(words[0], "serve") == 0) {
        options->command = COMMAND_SERVE;
        if ((options->certificate == NULL) != (options->key == NULL))
            return network_complain("--certificate and --key go together: give both");
        return count == 1 || network_complain("%s is too much: see peer-send --help", words[1]);
    }
    for (size_t i = 0; i < sizeof receives / sizeof *receives; i++) {
        if (strcmp(words[0], receives[i]) != 0)
            continue;
        options->command = COMMAND_RECEIVE;
        if (count == 1)
            return network_complain("receive: give the code that the sender shows");
        return take_code_words(options, count - 1, words + 1);
    }
    if (count == 1 && code_parse(&code, words[0]) && access(words[0], F_OK) < 0) {
        options->command = COMMAND_RECEIVE;
        return take_code(options, words[0]);
    }
    if (strcmp(words[0], "send") == 0 && access(words[0], F_OK) < 0)
        words++, count--;
    options->command = COMMAND_SEND;
    options->paths = words;
    options->path_count = (size_t)count;
    return count > 0 || network_complain("send: give files, directories, or - for the standard input");
}

bool options_parse(options_t *options, int count, char **arguments)
{
    *options =
        (options_t){.command = COMMAND_NONE, .network = {.port = 8080, .ice_tcp = PEER_ICE_TCP_ALL}, .stream_name = "stdin", .output = "."};
    const char *rendezvous = getenv("PEER_RENDEZVOUS");
    if (rendezvous != NULL && *rendezvous != '\0' && !network_parse_url(&options->network, rendezvous, false))
        return network_complain("PEER_RENDEZVOUS is %s: set it to ws://HOST:PORT or wss://HOST:PORT", rendezvous);
    bool is_served = false;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(count, arguments, "hyqo:", names, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return true;
        }
        if (option == OPTION_VERSION) {
            printf("peer-send, libpeer %s\n", peer_version());
            return true;
        }
        if (option == '?')
            return network_complain("%s is unknown or lacks its value: see peer-send --help", arguments[optind - 1]);
        if (!take_option(options, option, optarg))
            return false;
        is_served |= option == OPTION_LISTEN;
    }
    if (!take_words(options, count - optind, arguments + optind) || !network_complete(&options->network))
        return false;
    if (options->command == COMMAND_SERVE) {
        if (!is_served)
            options->network.host[0] = '\0', options->network.port = 8080;
    } else if (options->network.host[0] == '\0') {
        strcpy(options->network.host, "localhost");
    }
    return true;
}
