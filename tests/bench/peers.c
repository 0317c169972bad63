#include "peers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE 65536
#define ARGUMENTS_MAX 16

link_parameters_t peers_link(const bench_options_t *options, double queue_ms)
{
    return (link_parameters_t){.delay_us = (int64_t)(options->rtt_ms * 500),
                               .jitter_us = (int64_t)(options->jitter_ms * 1000),
                               .rate_bps = options->rate_mbps * 1e6,
                               .queue_us = options->rate_mbps > 0 ? (int64_t)(queue_ms * 1000) : 0,
                               .loss = options->loss_percent / 100,
                               .burst = options->burst};
}

static void forget(peer_process_t *peer)
{
    free(peer->description);
    peer->description = NULL;
    for (size_t i = 0; i < peer->candidate_count; i++)
        free(peer->candidates[i]);
    peer->candidate_count = 0;
    peer->has_gathered = peer->is_ready = peer->has_failed = peer->is_closed = peer->is_open = peer->is_reflecting = false;
    peer->known_us = peer->connected_us = 0;
    peer->sample_count = 0;
    peer->awaited_time = peer->rtt_us_median = peer->rtt_us_p99 = 0;
    peer->flood_start = peer->flood_end = (peer_sample_t){.time = 0};
}

void peers_forget(peers_t *peers)
{
    for (size_t i = 0; i < PEERS; i++)
        forget(&peers->sides[i]);
}

bool peer_tell(const peer_process_t *peer, const char *word, const char *rest)
{
    return dprintf(peer->to, "%s%s%s\n", word, rest != NULL ? " " : "", rest != NULL ? rest : "") > 0;
}

/* `TIME BYTES MESSAGES CPU`: microseconds since 1970 and counts, then seconds. */
static bool parse_sample(const char *text, peer_sample_t *sample)
{
    if (sscanf(text, "%lf %lf %lf %lf", &sample->time, &sample->bytes, &sample->messages, &sample->cpu) != 4)
        return false;
    sample->time /= 1e6;
    return true;
}

static void take_sample(peer_process_t *peer, const char *text)
{
    peer_sample_t sample;
    if (!parse_sample(text, &sample))
        return;
    if (peer->sample_count == peer->sample_room) {
        size_t room = peer->sample_room == 0 ? 1024 : peer->sample_room * 2;
        peer_sample_t *samples = realloc(peer->samples, room * sizeof *samples);
        if (samples == NULL)
            return;
        peer->samples = samples;
        peer->sample_room = room;
    }
    peer->samples[peer->sample_count++] = sample;
}

static void take_line(peer_process_t *peer, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    if (strcmp(line, "received") == 0)
        take_sample(peer, rest);
    else if (strcmp(line, "description") == 0 && peer->description == NULL)
        peer->description = strdup(rest);
    else if (strcmp(line, "candidate") == 0 && peer->candidate_count < PEER_CANDIDATES_MAX)
        peer->candidates[peer->candidate_count++] = strdup(rest);
    else if (strcmp(line, "gathered") == 0)
        peer->has_gathered = true;
    else if (strcmp(line, "ready") == 0)
        peer->is_ready = true;
    else if (strcmp(line, "known") == 0)
        peer->known_us = atoll(rest);
    else if (strcmp(line, "connected") == 0 && peer->connected_us == 0)
        peer->connected_us = atoll(rest);
    else if (strcmp(line, "open") == 0)
        peer->is_open = true;
    else if (strcmp(line, "reflecting") == 0)
        peer->is_reflecting = true;
    else if (strcmp(line, "flooding") == 0)
        parse_sample(rest, &peer->flood_start);
    else if (strcmp(line, "flooded") == 0)
        parse_sample(rest, &peer->flood_end);
    else if (strcmp(line, "round-trips") == 0)
        sscanf(rest, "%lf %lf", &peer->rtt_us_median, &peer->rtt_us_p99);
    else if (strcmp(line, "failed") == 0)
        peer->has_failed = true;
    else if (strcmp(line, "closed") == 0)
        peer->is_closed = true;
}

static void read_lines(peer_process_t *peer)
{
    ssize_t length = read(peer->from, peer->line + peer->line_length, LINE_MAX_SIZE - 1 - peer->line_length);
    if (length <= 0) {
        peer->has_ended = length == 0 || errno != EINTR;
        return;
    }
    peer->line_length += (size_t)length;
    peer->line[peer->line_length] = '\0';
    char *line = peer->line, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        take_line(peer, line);
        line = end + 1;
    }
    peer->line_length -= (size_t)(line - peer->line);
    memmove(peer->line, line, peer->line_length + 1);
    if (peer->line_length == LINE_MAX_SIZE - 1)
        peer->has_ended = true; /* no such line is meant */
}

static bool has_description(const peer_process_t *peer)
{
    return peer->description != NULL;
}

static bool has_gathered(const peer_process_t *peer)
{
    return peer->has_gathered;
}

static bool is_ready(const peer_process_t *peer)
{
    return peer->is_ready;
}

static bool is_connected(const peer_process_t *peer)
{
    return peer->known_us != 0 && peer->connected_us != 0;
}

static bool is_closed(const peer_process_t *peer)
{
    return peer->is_closed;
}

bool peers_wait(peers_t *peers, bool (*holds)(const peer_process_t *peer), size_t first, size_t count, double until)
{
    for (;;) {
        struct pollfd fds[PEERS];
        size_t held = 0;
        for (size_t i = 0; i < PEERS; i++) {
            peer_process_t *peer = &peers->sides[i];
            if (peer->has_ended || (peer->has_failed && holds != is_closed))
                return false;
            held += i >= first && i < first + count && holds(peer);
            fds[i] = (struct pollfd){.fd = peer->from, .events = POLLIN};
        }
        if (held == count)
            return true;
        double left = until - wall_now();
        if (left <= 0 || (poll(fds, PEERS, (int)(left * 1e3) + 1) < 0 && errno != EINTR))
            return false;
        for (size_t i = 0; i < PEERS; i++)
            if (fds[i].revents != 0)
                read_lines(&peers->sides[i]);
    }
}

bool peers_introduce(peers_t *peers, double until)
{
    peer_process_t *offerer = &peers->sides[0], *answerer = &peers->sides[1];
    if (!peer_tell(offerer, "offer", NULL) || !peers_wait(peers, has_description, 0, 1, until) ||
        !peer_tell(answerer, "answer", offerer->description) || !peers_wait(peers, has_description, 1, 1, until) ||
        !peer_tell(offerer, "description", answerer->description) || !peers_wait(peers, is_ready, 0, 1, until) ||
        !peers_wait(peers, has_gathered, 0, PEERS, until))
        return false;
    for (size_t i = 0; i < PEERS; i++)
        for (size_t c = 0; c < peers->sides[i].candidate_count; c++)
            if (!peer_tell(&peers->sides[1 - i], "candidate", peers->sides[i].candidates[c]))
                return false;
    return true;
}

bool peers_connect(peers_t *peers, double until)
{
    return peer_tell(&peers->sides[0], "go", NULL) && peer_tell(&peers->sides[1], "go", NULL) &&
           peers_wait(peers, is_connected, 0, PEERS, until);
}

bool peers_close(peers_t *peers, double until)
{
    return peer_tell(&peers->sides[0], "close", NULL) && peer_tell(&peers->sides[1], "close", NULL) &&
           peers_wait(peers, is_closed, 0, PEERS, until);
}

/* The words of a command, or this library's own program, which lies beside this one, and what every such program is told. */
static bool make_arguments(const bench_options_t *options, char *command, size_t size, const char **arguments)
{
    size_t count = 0;
    if (options->peer != NULL) {
        if ((size_t)snprintf(command, size, "%s", options->peer) >= size)
            return false;
        char *state, *word = strtok_r(command, " ", &state);
        for (; word != NULL && count < ARGUMENTS_MAX - 6; word = strtok_r(NULL, " ", &state))
            arguments[count++] = word;
        if (count == 0 || word != NULL)
            return false;
    } else {
        ssize_t length = readlink("/proc/self/exe", command, size);
        char *name = length > 0 && (size_t)length < size ? memrchr(command, '/', (size_t)length) : NULL;
        if (name == NULL || (size_t)(name - command) + sizeof "/bench-peer" > size)
            return false;
        strcpy(name, "/bench-peer");
        arguments[count++] = command;
    }
    arguments[count++] = (options->path == BENCH_PATH_RELAY ? "relay" : "all");
    if (options->path != BENCH_PATH_HOST)
        arguments[count++] = (options->path == BENCH_PATH_RELAY ? "turn:" LAB_SERVER_ADDRESS : "stun:" LAB_SERVER_ADDRESS);
    if (options->path == BENCH_PATH_RELAY) {
        arguments[count++] = LAB_USER;
        arguments[count++] = LAB_PASSWORD;
    }
    arguments[count] = NULL;
    return true;
}

static bool start(peer_process_t *peer, const bench_options_t *options, const lab_t *lab, size_t place, const char *const *arguments)
{
    peer->line = malloc(LINE_MAX_SIZE);
    if (peer->line == NULL)
        return false;
    peer->process = lab_spawn(lab, place, arguments, &peer->to, &peer->from);
    if (peer->process <= 0)
        return false;
    if (options->datagram == 0)
        return true;
    char number[16];
    snprintf(number, sizeof number, "%u", options->datagram);
    return peer_tell(peer, "datagram", number);
}

bool peers_start(peers_t *peers, const bench_options_t *options)
{
    char command[4096];
    const char *arguments[ARGUMENTS_MAX];
    if (!make_arguments(options, command, sizeof command, arguments))
        return false;
    return start(&peers->sides[0], options, peers->lab, 0, arguments) && start(&peers->sides[1], options, peers->lab, 1, arguments);
}

void peers_end(peers_t *peers)
{
    for (size_t i = 0; i < PEERS; i++) {
        peer_process_t *peer = &peers->sides[i];
        if (peer->process > 0) {
            close(peer->to);
            close(peer->from);
            lab_reap(peer->process);
        }
        forget(peer);
        free(peer->line);
        free(peer->samples);
    }
}
