/* Tells what NAT or firewall this host is behind, and what that means for calls. The exit status is 0 when there was an answer, "UDP is
 * blocked" included; 1 when none could be found; 2 for a wrong command line. */
#include <peer/peer.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URLS_SIZE 4096

static const char help[] =
    "peer-nat [--json] [--lifetime SECONDS] [--local ADDRESS] stun:HOST[:PORT] …\n"
    "  Asks STUN servers what NAT or firewall this host is behind. A server with two addresses (RFC 5780) can tell it\n"
    "  all; of others, give at least two.\n"
    "  --json              print one JSON object, for programs\n"
    "  --lifetime SECONDS  measure too, for so long at most, after what time the NAT forgets an idle binding\n"
    "  --local ADDRESS     look from this address of the host\n"
    "The port is 3478 where none is given. It takes a second, or five when nothing answers.\n"
    "Exit status: 0 there was an answer, \"UDP is blocked\" included; 1 none could be found; 2 the command line is wrong.\n";

typedef struct command_line {
    int is_json;
    unsigned long lifetime_seconds;
    const char *local_address;
    char urls[URLS_SIZE];
} command_line_t;

typedef struct outcome {
    int is_json;
    int measures_lifetime;
    int is_there;
    int status;
} outcome_t;

static int usage(const char *problem)
{
    fprintf(stderr, "peer-nat: %s\n%s", problem, help);
    return 2;
}

static int add_url(command_line_t *line, const char *url)
{
    size_t length = strlen(line->urls);
    int written = snprintf(line->urls + length, sizeof line->urls - length, "%s%s", length > 0 ? " " : "", url);
    return written >= 0 && (size_t)written < sizeof line->urls - length ? 0 : usage("too many servers");
}

/* 0, or the exit status plus one. */
static int read_command_line(int argc, char **argv, command_line_t *line)
{
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        char *end;
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            fputs(help, stdout);
            return 1;
        }
        if (strcmp(argument, "--json") == 0) {
            line->is_json = 1;
        } else if (strcmp(argument, "--lifetime") == 0) {
            errno = 0;
            line->lifetime_seconds = value != NULL ? strtoul(value, &end, 10) : 0;
            if (value == NULL || *value < '0' || *value > '9' || *end != '\0' || errno != 0 || line->lifetime_seconds > 3600)
                return 1 + usage("--lifetime needs seconds, 3600 at most");
            i++;
        } else if (strcmp(argument, "--local") == 0) {
            if (value == NULL)
                return 1 + usage("--local needs an address");
            line->local_address = value;
            i++;
        } else if (argument[0] == '-') {
            return 1 + usage("there is no such option");
        } else if (add_url(line, argument) != 0) {
            return 3;
        }
    }
    return line->urls[0] != '\0' ? 0 : 1 + usage("there is no server to ask");
}

static const char *or_unknown(const char *text)
{
    return text != NULL && *text != '\0' ? text : "unknown";
}

static void print_connects(int32_t type)
{
    const char *separator = "";
    for (int can = 1; can >= 0; can--, separator = "") {
        printf(can ? "Direct with:   " : "\nNot with:      ");
        for (int32_t other = PEER_NAT_OPEN; *peer_nat_type_name(other) != '\0'; other++) {
            if (peer_nat_can_connect(type, other) != can)
                continue;
            printf("%s%s", separator, peer_nat_type_name(other));
            separator = ", ";
        }
        if (*separator == '\0')
            printf("none");
    }
    putchar('\n');
}

static void print_lifetime(const peer_nat_result_t *result)
{
    if (result->binding_lifetime_s >= 0 && result->binding_lifetime_below_s >= 0)
        printf("Idle bindings: live for %d to %d seconds; what must stay open has to be used more often\n", result->binding_lifetime_s,
               result->binding_lifetime_below_s);
    else if (result->binding_lifetime_s >= 0)
        printf("Idle bindings: live for %d seconds at least\n", result->binding_lifetime_s);
    else
        printf("Idle bindings: %s\n", result->type != PEER_NAT_OPEN ? "unknown" : "do not matter: nothing is kept out");
}

static void print_for_humans(const peer_nat_result_t *result, int measures_lifetime)
{
    static const char *const answers[] = {"unknown", "no", "yes"};
    printf("NAT type:      %s\n", or_unknown(peer_nat_type_name(result->type)));
    printf("               %s\n", peer_nat_type_meaning(result->type));
    printf("Local address: %s\n", or_unknown(result->local_address));
    printf("Seen from out: %s\n", or_unknown(result->mapped_address));
    printf("Mapping:       %s\n", or_unknown(peer_nat_behaviour_name(result->mapping)));
    printf("Filtering:     %s\n", or_unknown(peer_nat_behaviour_name(result->filtering)));
    int has_nat = result->mapped_address == NULL || strcmp(result->local_address, result->mapped_address) != 0;
    printf("Hairpinning:   %s\n", has_nat ? answers[result->hairpinning] : "does not matter: there is no NAT");
    if (measures_lifetime)
        print_lifetime(result);
    if (result->type != PEER_NAT_UNKNOWN)
        print_connects(result->type);
    printf("TURN:          %s\n", peer_nat_turn_need_meaning(peer_nat_turn_need(result->type)));
    if (result->server_address != NULL && result->other_address == NULL)
        printf("The server %s has one address only: one with two (RFC 5780) could tell more.\n", result->server_address);
}

static void on_result(peer_nat_discovery_t *discovery, const peer_nat_result_t *result, void *user)
{
    outcome_t *outcome = user;
    outcome->is_there = 1;
    outcome->status = result->error == 0 ? 0 : 1;
    if (result->error != 0)
        fprintf(stderr, "peer-nat: %s\n", result->message);
    if (outcome->is_json) {
        char *json = peer_nat_result_to_json(result);
        if (json != NULL)
            puts(json);
        peer_string_free(json);
    } else if (result->error == 0) {
        print_for_humans(result, outcome->measures_lifetime);
    }
}

int main(int argc, char **argv)
{
    static command_line_t line;
    int wrong = read_command_line(argc, argv, &line);
    if (wrong != 0)
        return wrong - 1;
    outcome_t outcome = {.is_json = line.is_json, .measures_lifetime = line.lifetime_seconds > 0};
    peer_nat_options_t options;
    peer_nat_options_init(&options, sizeof options);
    options.urls = line.urls;
    options.local_address = line.local_address;
    options.lifetime_seconds = (uint32_t)line.lifetime_seconds;
    options.loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_nat_discovery_t *discovery =
        options.loop != NULL ? peer_nat_discovery_new(&options, &(peer_nat_events_t){.on_result = on_result}, &outcome) : NULL;
    if (discovery == NULL) {
        fprintf(stderr, "peer-nat: %s\n", peer_last_error_message());
        peer_loop_unref(options.loop);
        return 2;
    }
    struct pollfd wait = {.fd = peer_loop_fd(options.loop), .events = POLLIN};
    while (!outcome.is_there && (poll(&wait, 1, -1) >= 0 || errno == EINTR))
        peer_loop_dispatch(options.loop);
    peer_nat_discovery_unref(discovery);
    peer_loop_dispatch(options.loop);
    peer_loop_unref(options.loop);
    return outcome.status;
}
