#include "options.h"

#include "outgoing.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char help[] = "peer-call: a video call between two, from the command line or a browser\n"
                           "\n"
                           "  peer-call demo                        both sides of a call on this machine\n"
                           "  peer-call serve [--listen HOST:PORT]  the rendezvous, where the two sides meet\n"
                           "  peer-call join ws://HOST:PORT/ROOM    one side of a call\n"
                           "\n"
                           "A call between two hosts, A and B:\n"
                           "  A$ peer-call serve                    leave it running: it only introduces the two\n"
                           "  A$ peer-call join ws://localhost:8080/tea\n"
                           "  B$ peer-call join ws://A:8080/tea     sound, picture and data go from host to host\n"
                           "With a browser instead: open http://A:8080/tea\n"
                           "\n"
                           "peer-call COMMAND --help tells more about a command.\n"
                           "Exit status: 0 a call took place, 1 the command line is wrong, 2 no connection,\n"
                           "3 connected but media or data did not flow.\n";

static const char help_demo[] = "peer-call demo [--seconds N] [--show terminal|none]\n"
                                "\n"
                                "Starts a rendezvous on this machine and two processes that call each other, shows\n"
                                "what one of them receives, and ends after N seconds (8) with a summary. The status\n"
                                "is 0 only if sound, picture and data went both ways.\n";

static const char help_serve[] = "peer-call serve [--listen HOST:PORT] [--certificate FILE --key FILE]\n"
                                 "\n"
                                 "Runs the rendezvous: rooms of two over WebSocket, and the web page with which a\n"
                                 "browser joins the same room. Open http://HOST:PORT/ROOM in a browser, or run\n"
                                 "peer-call join ws://HOST:PORT/ROOM\n"
                                 "\n"
                                 "  --listen HOST:PORT   IP address and port; all addresses and 8080 otherwise\n"
                                 "  --certificate FILE   serve https and wss: certificate (chain) in PEM ...\n"
                                 "  --key FILE           ... and its private key. Browsers give a page camera and\n"
                                 "                       microphone only from localhost or by https. For a try:\n"
                                 "                       openssl req -x509 -newkey rsa:2048 -nodes -days 30 \\\n"
                                 "                         -keyout key.pem -out cert.pem -subj /CN=peer-call\n"
                                 "  --ice-server URL     STUN or TURN server for those who bring none: the page, and\n"
                                 "                       join without --ice-server; may be repeated. Whoever enters a\n"
                                 "                       room is told it, and ...\n"
                                 "  --ice-user NAME      ... the user name and ...\n"
                                 "  --ice-password WORD  ... password, which count for the servers named before them\n";

static const char help_join[] = "peer-call join ws://HOST:PORT/ROOM [options]\n"
                                "\n"
                                "Enters a room; whoever comes second makes it a call. When the other side leaves, it\n"
                                "waits for the next. Lines that you type are sent to the other side; those that begin\n"
                                "with a slash change the call: type /help. Ctrl-C hangs up.\n"
                                "\n"
                                "What is sent:\n"
                                "  --video test|FILE|none   test: a moving picture with a number and a clock burnt\n"
                                "                           in; FILE: .y4m or .ivf, again and again (test)\n"
                                "  --video-codec vp8|vp9    what is preferred to send and to receive; vp9 takes fewer\n"
                                "                           bits and more work (vp8)\n"
                                "  --audio test|FILE|none   test: tones with the rhythm of speech; FILE: .wav (test)\n"
                                "  --size WxH[@RATE]        of the test picture (640x480@30)\n"
                                "  --say TEXT               a line, as soon as the call stands; may be repeated\n"
                                "  --send-file FILE         may be repeated\n"
                                "  --do SECONDS:COMMAND     so long after the call stands; may be repeated. COMMAND is\n"
                                "                           what can be typed in a call with a slash before it: camera\n"
                                "                           on|off, mute, unmute, source WHAT, sound WHAT, share\n"
                                "                           WHAT|off, hold, resume, restart; /help explains them\n"
                                "What becomes of that which is received:\n"
                                "  --show terminal|none     the picture in the terminal (if the output is one)\n"
                                "  --record DIR             video.ivf, audio.wav and received files go there\n"
                                "  --record-video ivf|y4m   encoded video as it came, or its pictures (ivf)\n"
                                "How it connects:\n"
                                "  --ice-server URL         a server that helps to get through; may be repeated.\n"
                                "                           stun:HOST[:PORT] tells the address that others see;\n"
                                "                           turn:HOST[:PORT][?transport=udp|tcp] relays the call where\n"
                                "                           no direct way is open. stuns: and turns: are secured.\n"
                                "                           Without any, those of the rendezvous\n"
                                "  --ice-user NAME          (--user) for turn: and turns:, and ...\n"
                                "  --ice-password WORD      (--password) ... the password; they count for the servers\n"
                                "                           named before them, or, given first, for all\n"
                                "  --relay-only             through a TURN server or not at all: the other side never\n"
                                "                           learns an address of this host\n"
                                "  --ca-file FILE           PEM certificates by which stuns: and turns: servers are\n"
                                "                           verified (the system's)\n"
                                "  --ice-tcp[=WHICH]        all: also by TCP, from either side; active: only from\n"
                                "                           here; off (all)\n"
                                "  --insecure               for wss: take any certificate of the rendezvous\n"
                                "  --wait N                 give up when nobody comes within N seconds\n"
                                "                           (with --seconds: 30, otherwise never)\n"
                                "  --seconds N              hang up N seconds after the call began\n"
                                "What it leaves behind:\n"
                                "  --explain                says in words which way the call took and why, or why no\n"
                                "                           way was found and what would help\n"
                                "  --report FILE            one JSON object: state, times, path, statistics, what\n"
                                "                           was received\n"
                                "  --trace FILE             decrypted RTP, RTCP and SCTP as pcapng, for Wireshark or\n"
                                "                           tshark -r FILE\n"
                                "  --log LEVEL              what the library says, on stderr: error, warning, info,\n"
                                "                           debug, trace\n"
                                "\n"
                                "Exit status: 0 a call took place, 1 the command line is wrong, 2 no connection,\n"
                                "3 connected but media or data did not flow.\n";

enum {
    OPTION_LISTEN = 256,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_VIDEO,
    OPTION_VIDEO_CODEC,
    OPTION_AUDIO,
    OPTION_SIZE,
    OPTION_SAY,
    OPTION_SEND_FILE,
    OPTION_DO,
    OPTION_SHOW,
    OPTION_RECORD,
    OPTION_RECORD_VIDEO,
    OPTION_EXPLAIN,
    OPTION_WAIT,
    OPTION_SECONDS,
    OPTION_REPORT,
    OPTION_TRACE,
    OPTION_LOG,
    OPTION_HELP
};

#define SERVES (1 << COMMAND_SERVE)
#define JOINS (1 << COMMAND_JOIN)
#define DEMONSTRATES (1 << COMMAND_DEMO)

static const struct option names[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"certificate", required_argument, NULL, OPTION_CERTIFICATE},
    {"key", required_argument, NULL, OPTION_KEY},
    {"video", required_argument, NULL, OPTION_VIDEO},
    {"video-codec", required_argument, NULL, OPTION_VIDEO_CODEC},
    {"audio", required_argument, NULL, OPTION_AUDIO},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"say", required_argument, NULL, OPTION_SAY},
    {"send-file", required_argument, NULL, OPTION_SEND_FILE},
    {"do", required_argument, NULL, OPTION_DO},
    {"show", required_argument, NULL, OPTION_SHOW},
    {"record", required_argument, NULL, OPTION_RECORD},
    {"record-video", required_argument, NULL, OPTION_RECORD_VIDEO},
    NETWORK_OPTIONS,
    {"user", required_argument, NULL, NETWORK_ICE_USER},
    {"password", required_argument, NULL, NETWORK_ICE_PASSWORD},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"log", required_argument, NULL, OPTION_LOG},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static int commands_of(int option)
{
    switch (option) {
    case OPTION_LISTEN:
    case OPTION_CERTIFICATE:
    case OPTION_KEY:
        return SERVES;
    case NETWORK_ICE_SERVER:
    case NETWORK_ICE_USER:
    case NETWORK_ICE_PASSWORD:
        return SERVES | JOINS;
    case OPTION_SECONDS:
    case OPTION_SHOW:
        return JOINS | DEMONSTRATES;
    case OPTION_HELP:
        return SERVES | JOINS | DEMONSTRATES;
    default:
        return JOINS;
    }
}

static bool parse_size(options_t *options, const char *text)
{
    char rest;
    int found = sscanf(text, "%5dx%5d@%3d%c", &options->width, &options->height, &options->rate, &rest);
    return found == 2 || found == 3;
}

static bool parse_log(options_t *options, const char *text)
{
    static const char *const levels[] = {"none", "error", "warning", "info", "debug", "trace"};
    for (int i = 0; i < (int)(sizeof levels / sizeof *levels); i++) {
        if (strcmp(text, levels[i]) == 0) {
            options->log_level = i;
            return true;
        }
    }
    return false;
}

static bool is_readable(const char *source)
{
    return strcmp(source, "test") == 0 || strcmp(source, "none") == 0 || access(source, R_OK) == 0;
}

static bool take_deed(options_t *options, const char *text)
{
    char seconds[32];
    deed_t deed;
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon - text >= (long)sizeof seconds)
        return network_complain("--do %s: give seconds and a command, such as --do 2:hold", text);
    snprintf(seconds, sizeof seconds, "%.*s", (int)(colon - text), text);
    deed.command = colon + 1;
    if (!network_parse_seconds(seconds, &deed.seconds))
        return network_complain("--do %s: give a number of seconds above 0 before the colon", text);
    if (outgoing_check(deed.command) != NULL)
        return network_complain("--do %s: no such command. There are:\n%s", text, outgoing_check(deed.command));
    if (options->deed_count == OPTIONS_DEEDS_MAX)
        return network_complain("--do may be given %d times", OPTIONS_DEEDS_MAX);
    size_t place = options->deed_count++;
    for (; place > 0 && options->deeds[place - 1].seconds > deed.seconds; place--)
        options->deeds[place] = options->deeds[place - 1];
    options->deeds[place] = deed;
    return true;
}

/* One option of join. */
static bool take_join_option(options_t *options, int option, const char *value)
{
    switch (option) {
    case OPTION_VIDEO:
        options->video = value;
        return is_readable(value) || network_complain("--video %s: no such file. Give test, none, or a .y4m or .ivf file", value);
    case OPTION_VIDEO_CODEC:
        options->video_codec = strcasecmp(value, "vp9") == 0 ? "video/VP9" : "video/VP8";
        return strcasecmp(value, options->video_codec + strlen("video/")) == 0 ||
               network_complain("--video-codec %s: give vp8 or vp9", value);
    case OPTION_AUDIO:
        options->audio = value;
        return is_readable(value) || network_complain("--audio %s: no such file. Give test, none, or a .wav file", value);
    case OPTION_SIZE:
        return parse_size(options, value) || network_complain("--size %s: give it as 640x480 or 640x480@30", value);
    case OPTION_SAY:
        if (options->say_count == OPTIONS_SAY_MAX)
            return network_complain("--say may be given %d times; send longer texts with --send-file", OPTIONS_SAY_MAX);
        options->say[options->say_count++] = value;
        return true;
    case OPTION_SEND_FILE:
        if (access(value, R_OK) != 0)
            return network_complain("--send-file %s: the file cannot be read. Check its name and permissions", value);
        if (options->file_count == OPTIONS_FILES_MAX)
            return network_complain("--send-file may be given %d times; pack the files into one", OPTIONS_FILES_MAX);
        options->files[options->file_count++] = value;
        return true;
    case OPTION_DO:
        return take_deed(options, value);
    case OPTION_RECORD:
        options->record = value;
        return true;
    case OPTION_RECORD_VIDEO:
        options->record_video = value;
        return strcmp(value, "ivf") == 0 || strcmp(value, "y4m") == 0 || network_complain("--record-video %s: give ivf or y4m", value);
    case OPTION_EXPLAIN:
        options->explains = true;
        return true;
    case OPTION_WAIT:
        return network_parse_seconds(value, &options->wait) || network_complain("--wait %s: give a number of seconds above 0", value);
    case OPTION_REPORT:
        options->report = value;
        return true;
    case OPTION_TRACE:
        options->trace = value;
        return true;
    default:
        return parse_log(options, value) || network_complain("--log %s: give error, warning, info, debug or trace", value);
    }
}

static bool take_option(options_t *options, int option, const char *value)
{
    switch (option) {
    case OPTION_LISTEN:
        return network_parse_listen(&options->network, value) ||
               network_complain("--listen %s: give HOST:PORT, such as 0.0.0.0:8080, [::1]:8080 or :8080", value);
    case OPTION_CERTIFICATE:
    case OPTION_KEY:
        *(option == OPTION_KEY ? &options->key : &options->certificate) = value;
        return access(value, R_OK) == 0 || network_complain("%s cannot be read. Give a PEM file", value);
    case OPTION_SHOW:
        options->shows_picture = strcmp(value, "terminal") == 0;
        return options->shows_picture || strcmp(value, "none") == 0 || network_complain("--show %s: give terminal or none", value);
    case OPTION_SECONDS:
        return network_parse_seconds(value, &options->seconds) || network_complain("--seconds %s: give a number of seconds above 0", value);
    default:
        return option >= NETWORK_ICE_SERVER ? network_option(&options->network, option, value) : take_join_option(options, option, value);
    }
}

static const char *help_of(command_t command)
{
    return command == COMMAND_DEMO ? help_demo : command == COMMAND_SERVE ? help_serve : command == COMMAND_JOIN ? help_join : help;
}

static bool parse_command(options_t *options, const char *word)
{
    static const char *const words[] = {"demo", "serve", "join"};
    for (int i = 0; i < COMMAND_NONE; i++) {
        if (strcmp(word, words[i]) == 0) {
            options->command = (command_t)i;
            return true;
        }
    }
    return false;
}

static bool print(options_t *options, const char *text)
{
    fputs(text, stdout);
    options->command = COMMAND_NONE;
    return true;
}

static bool check(options_t *options, int count, char **arguments)
{
    if (!network_complete(&options->network))
        return false;
    if (options->command == COMMAND_JOIN) {
        if (optind + 1 < count)
            return network_complain("%s is too much: see peer-call join --help", arguments[optind + 1]);
        if (optind == count || !network_parse_url(&options->network, arguments[optind], true))
            return network_complain(
                "%s: give the rendezvous and a room (letters, digits, dots, dashes), as in: peer-call join ws://localhost:8080/tea",
                optind < count ? arguments[optind] : "join");
        if (options->wait == 0 && options->seconds > 0)
            options->wait = 30;
        return true;
    }
    if (optind < count)
        return network_complain("%s is too much: see peer-call %s --help", arguments[optind], arguments[0]);
    if ((options->certificate == NULL) != (options->key == NULL))
        return network_complain("--certificate and --key go together: give both");
    return true;
}

bool options_parse(options_t *options, int count, char **arguments)
{
    *options = (options_t){.command = COMMAND_NONE,
                           .network = {.port = 8080, .ice_tcp = PEER_ICE_TCP_ALL},
                           .video = "test",
                           .audio = "test",
                           .record_video = "ivf"};
    options->shows_picture = isatty(STDOUT_FILENO);
    if (count < 2) {
        fputs(help, stderr);
        return false;
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 || strcmp(arguments[1], "help") == 0)
        return print(options, help);
    if (strcmp(arguments[1], "--version") == 0) {
        printf("peer-call, libpeer %s\n", peer_version());
        return true;
    }
    if (!parse_command(options, arguments[1]))
        return network_complain("%s is no command. There are demo, serve and join: see peer-call --help", arguments[1]);

    arguments++; /* getopt takes the command for the program's name */
    count--;
    optind = 1;
    opterr = 0;
    for (int option, index = -1; (option = getopt_long(count, arguments, "h", names, &index)) != -1; index = -1) {
        if (option == 'h' || option == OPTION_HELP)
            return print(options, help_of(options->command));
        if (option == '?')
            return network_complain("%s is unknown or lacks its value: see peer-call %s --help", arguments[optind - 1], arguments[0]);
        if ((commands_of(option) & 1 << options->command) == 0)
            return network_complain("--%s is not for %s: see peer-call %s --help", names[index].name, arguments[0], arguments[0]);
        if (!take_option(options, option, optarg))
            return false;
    }
    return check(options, count, arguments);
}
