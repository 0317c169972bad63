#include "tcp.h"

#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (4u << 20)
#define PATIENCE_SECONDS 30 /* beyond the flow's own time */
#define BUFFER_MAX "268435456"

bool tcp_prepare(const lab_t *lab)
{
    for (size_t place = 0; place < LAB_HOSTS; place++)
        if (!lab_command(lab, place,
                         "cd /proc/sys/net/ipv4; echo 4096 131072 " BUFFER_MAX " >tcp_rmem; echo 4096 65536 " BUFFER_MAX " >tcp_wmem"))
            return false;
    return true;
}

bool tcp_listen(tcp_flow_t *flow, const lab_t *lab)
{
    const char *const arguments[] = {"iperf3", "-s", "-1", "-J", "-B", lab_addresses[1], NULL};
    *flow = (tcp_flow_t){.from_server = -1, .from_client = -1};
    flow->server_text = malloc(TEXT_MAX);
    flow->client_text = malloc(TEXT_MAX);
    if (flow->server_text == NULL || flow->client_text == NULL)
        return false;
    flow->server = lab_spawn(lab, 1, arguments, &flow->to_server, &flow->from_server);
    /* its port, 5201, among those in the state LISTEN */
    return flow->server > 0 &&
           lab_command(lab, 1, "for i in $(seq 500); do grep -q ':1451 [0-9A-F:]* 0A ' /proc/net/tcp && exit; sleep 0.01; done; exit 1");
}

bool tcp_send(tcp_flow_t *flow, const lab_t *lab, unsigned seconds)
{
    char time[16];
    snprintf(time, sizeof time, "%u", seconds);
    const char *const arguments[] = {"iperf3", "-c", lab_addresses[1], "-C", "cubic", "-J", "-t", time, NULL};
    flow->client = lab_spawn(lab, 0, arguments, &flow->to_client, &flow->from_client);
    return flow->client > 0;
}

/* False when nothing more comes. */
static bool read_some(int from, char *text, size_t *length)
{
    ssize_t count = read(from, text + *length, TEXT_MAX - 1 - *length);
    if (count < 0)
        return errno == EINTR;
    *length += (size_t)count;
    text[*length] = '\0';
    return count > 0;
}

static bool read_both(tcp_flow_t *flow, double until)
{
    bool has_server = true, has_client = true;
    while (has_server || has_client) {
        struct pollfd fds[] = {{.fd = has_server ? flow->from_server : -1, .events = POLLIN},
                               {.fd = has_client ? flow->from_client : -1, .events = POLLIN}};
        double left = until - wall_now();
        if (left <= 0 || (poll(fds, 2, (int)(left * 1e3) + 1) < 0 && errno != EINTR))
            return false;
        if (fds[0].revents != 0)
            has_server = read_some(flow->from_server, flow->server_text, &flow->server_length);
        if (fds[1].revents != 0)
            has_client = read_some(flow->from_client, flow->client_text, &flow->client_length);
    }
    return true;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* What the receiver saw: intervals of a second, of which the last may be a short one. */
static bool read_server(const json_t *root, double steady_from, tcp_result_t *result)
{
    json_t *intervals = json_object_get(root, "intervals"), *interval;
    double bytes = 0, steady_bytes = 0, steady_seconds = 0;
    size_t index, count = json_array_size(intervals);
    double end = number(json_object_get(json_array_get(intervals, count - 1), "sum"), "end");
    result->seconds = 0;
    json_array_foreach(intervals, index, interval)
    {
        const json_t *sum = json_object_get(interval, "sum");
        double length = number(sum, "end") - number(sum, "start");
        bytes += number(sum, "bytes");
        if (number(sum, "start") >= steady_from - 0.01) {
            steady_bytes += number(sum, "bytes");
            steady_seconds += length;
        }
        if (length > 0.5 && result->seconds < TCP_SECONDS_MAX)
            result->series_mbps[result->seconds++] = number(sum, "bytes") * 8e-6 / length;
    }
    if (count == 0 || end <= 0 || bytes <= 0)
        return false;
    result->mbps = bytes * 8e-6 / end;
    result->steady_mbps = steady_seconds > 0 ? steady_bytes * 8e-6 / steady_seconds : result->mbps;
    return true;
}

bool tcp_wait(tcp_flow_t *flow, unsigned seconds, double steady_from, tcp_result_t *result)
{
    bool is_read = read_both(flow, wall_now() + seconds + PATIENCE_SECONDS);
    json_t *server = is_read ? json_loads(flow->server_text, 0, NULL) : NULL;
    json_t *client = is_read ? json_loads(flow->client_text, 0, NULL) : NULL;
    bool is_done = server != NULL && client != NULL && read_server(server, steady_from, result);
    const char *congestion = json_string_value(json_object_get(json_object_get(client, "end"), "sender_tcp_congestion"));
    is_done = is_done && congestion != NULL && strcmp(congestion, "cubic") == 0;
    if (is_done)
        result->retransmissions = number(json_object_get(json_object_get(client, "end"), "sum_sent"), "retransmits");
    else
        fprintf(stderr, "peer-bench: iperf3: %s\n",
                !is_read                                              ? "does not end"
                : json_string_value(json_object_get(client, "error")) ? json_string_value(json_object_get(client, "error"))
                                                                      : "no report (is it installed?)");
    json_decref(server);
    json_decref(client);
    return is_done;
}

static void end_process(pid_t process, int to, int from)
{
    if (process <= 0)
        return;
    kill(process, SIGTERM);
    close(to);
    close(from);
    lab_reap(process);
}

void tcp_end(tcp_flow_t *flow)
{
    end_process(flow->client, flow->to_client, flow->from_client);
    end_process(flow->server, flow->to_server, flow->from_server);
    free(flow->server_text);
    free(flow->client_text);
}
