/* One side of `peer-bench ice` and of `peer-bench data` over an emulated path, with this library: makes, joins and closes one connection
 * after another as lines on standard input tell it, and reports in lines on standard output. docs/benchmarks.md has the lines; programs for
 * other libraries speak the same. usage: bench-peer all|relay [URL [USER PASSWORD]] */
#include "bench_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CANDIDATES_MAX 64

typedef struct bench_peer {
    peer_configuration_t configuration;
    peer_ice_server_t server;
    peer_connection_t *pc;
    bench_channel_t channel;
    peer_ice_candidate_t *candidates[CANDIDATES_MAX]; /* the other side's, given to the connection at once */
    size_t candidate_count;
} bench_peer_t;

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

void say(const char *word, const char *rest)
{
    pthread_mutex_lock(&output);
    printf("%s%s%s\n", word, *rest != '\0' ? " " : "", rest);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void say_time(const char *word)
{
    char text[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    say(word, text);
}

static void on_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user)
{
    (void)pc;
    (void)user;
    if (candidate == NULL) {
        say("gathered", "");
        return;
    }
    char *json = peer_ice_candidate_to_json(candidate);
    if (json != NULL)
        say("candidate", json);
    peer_string_free(json);
}

static void on_ice_candidate_error(peer_connection_t *pc, const peer_ice_candidate_error_t *error, void *user)
{
    (void)pc;
    (void)user;
    fprintf(stderr, "bench-peer: %s: %d %s\n", error->url, (int)error->code, error->text);
}

static void on_ice_connection_state_change(peer_connection_t *pc, int32_t state, void *user)
{
    (void)pc;
    (void)user;
    if (state == PEER_ICE_CONNECTION_CONNECTED || state == PEER_ICE_CONNECTION_COMPLETED)
        say_time("connected");
    else if (state == PEER_ICE_CONNECTION_FAILED)
        say("failed", "");
}

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    bench_peer_t *peer = user;
    (void)pc;
    bench_channel_take(&peer->channel, channel);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    (void)pc;
    (void)user;
    say("closed", "");
}

static bool start(bench_peer_t *peer)
{
    static const peer_connection_events_t events = {.on_ice_candidate = on_ice_candidate,
                                                    .on_ice_candidate_error = on_ice_candidate_error,
                                                    .on_ice_connection_state_change = on_ice_connection_state_change,
                                                    .on_data_channel = on_data_channel,
                                                    .on_closed = on_closed};
    peer->pc = peer_connection_new(&peer->configuration, &events, peer);
    return peer->pc != NULL;
}

/* The description that fits is told without candidates: it is made before gathering starts. */
static bool describe(bench_peer_t *peer, int (*create)(peer_connection_t *pc, peer_description_t **description))
{
    peer_description_t *description = NULL;
    bool is_done = create(peer->pc, &description) == 0 && peer_connection_set_local_description(peer->pc, description) == 0;
    char *json = is_done ? peer_description_to_json(description) : NULL;
    if (json != NULL)
        say("description", json);
    peer_string_free(json);
    peer_description_unref(description);
    return json != NULL;
}

static bool set_remote(bench_peer_t *peer, const char *json)
{
    peer_description_t *description;
    if (peer_description_from_json(json, strlen(json), &description) < 0)
        return false;
    int error = peer_connection_set_remote_description(peer->pc, description);
    peer_description_unref(description);
    return error == 0;
}

static int create_offer(peer_connection_t *pc, peer_description_t **description)
{
    return peer_connection_create_offer(pc, NULL, description);
}

static bool offer(bench_peer_t *peer, const char *rest)
{
    (void)rest;
    return start(peer) && bench_channel_offer(&peer->channel, peer->pc) && describe(peer, create_offer);
}

static bool answer(bench_peer_t *peer, const char *json)
{
    return start(peer) && set_remote(peer, json) && describe(peer, peer_connection_create_answer);
}

static bool accept_answer(bench_peer_t *peer, const char *json)
{
    if (peer->pc == NULL || !set_remote(peer, json))
        return false;
    say("ready", "");
    return true;
}

static bool keep_candidate(bench_peer_t *peer, const char *json)
{
    return peer->candidate_count < CANDIDATES_MAX &&
           peer_ice_candidate_from_json(json, strlen(json), &peer->candidates[peer->candidate_count]) == 0 && ++peer->candidate_count > 0;
}

static bool go(bench_peer_t *peer, const char *rest)
{
    (void)rest;
    if (peer->pc == NULL)
        return false;
    say_time("known");
    for (size_t i = 0; i < peer->candidate_count; i++)
        peer_connection_add_ice_candidate(peer->pc, peer->candidates[i]);
    return peer_connection_add_ice_candidate(peer->pc, NULL) == 0;
}

static bool end(bench_peer_t *peer, const char *rest)
{
    (void)rest;
    for (size_t i = 0; i < peer->candidate_count; i++)
        peer_ice_candidate_unref(peer->candidates[i]);
    peer->candidate_count = 0;
    if (peer->pc != NULL)
        peer_connection_close(peer->pc);
    bench_channel_end(&peer->channel);
    peer_connection_unref(peer->pc);
    peer->pc = NULL;
    return true;
}

static bool count(bench_peer_t *peer, const char *rest)
{
    (void)rest;
    return bench_channel_count(&peer->channel);
}

static bool reflect(bench_peer_t *peer, const char *rest)
{
    (void)rest;
    return bench_channel_reflect(&peer->channel);
}

static bool ping(bench_peer_t *peer, const char *rest)
{
    int number = atoi(rest);
    return number > 0 && bench_channel_ping(&peer->channel, (unsigned)number);
}

static bool flood(bench_peer_t *peer, const char *rest)
{
    size_t size, limit;
    double seconds;
    return sscanf(rest, "%zu %lf %zu", &size, &seconds, &limit) == 3 && size > 0 &&
           bench_channel_flood(&peer->channel, size, seconds, limit);
}

static bool set_datagram(bench_peer_t *peer, const char *rest)
{
    peer->configuration.mtu = (uint32_t)atoi(rest);
    return true;
}

static bool obey(bench_peer_t *peer, char *line)
{
    static const struct {
        const char *word;
        bool (*act)(bench_peer_t *peer, const char *rest);
    } words[] = {{"offer", offer},
                 {"answer", answer},
                 {"description", accept_answer},
                 {"candidate", keep_candidate},
                 {"go", go},
                 {"close", end},
                 {"count", count},
                 {"reflect", reflect},
                 {"ping", ping},
                 {"flood", flood},
                 {"datagram", set_datagram}};
    line[strcspn(line, "\n")] = '\0';
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(line, words[i].word) == 0)
            return words[i].act(peer, rest);
    return false;
}

int main(int argc, char **argv)
{
    bench_peer_t peer = {.pc = NULL};
    bench_channel_begin(&peer.channel);
    peer_configuration_init(&peer.configuration, sizeof peer.configuration);
    if (argc < 2 || argc > 5) {
        fprintf(stderr, "usage: bench-peer all|relay [URL [USER PASSWORD]]\n");
        return 2;
    }
    peer.configuration.ice_transport_policy = strcmp(argv[1], "relay") == 0 ? PEER_ICE_TRANSPORT_RELAY : PEER_ICE_TRANSPORT_ALL;
    if (argc > 2) {
        peer.server = (peer_ice_server_t){.urls = argv[2], .username = argc > 4 ? argv[3] : NULL, .credential = argc > 4 ? argv[4] : NULL};
        peer.configuration.ice_servers = &peer.server;
        peer.configuration.ice_server_count = 1;
    }
    char *line = NULL;
    size_t size = 0;
    int status = 0;
    while (status == 0 && getline(&line, &size, stdin) > 0) {
        if (!obey(&peer, line)) {
            fprintf(stderr, "bench-peer: %s: %s\n", line, peer_last_error_message());
            status = 1;
        }
    }
    free(line);
    end(&peer, "");
    return status;
}
