/* One flow of TCP between the hosts of an emulated network, by iperf3. */
#ifndef TCP_H
#define TCP_H

#include "link/lab.h"

#define TCP_SECONDS_MAX 600

typedef struct tcp_flow {
    pid_t server, client;
    int to_server, to_client; /* nothing is said there */
    int from_server, from_client;
    char *server_text, *client_text;
    size_t server_length, client_length;
} tcp_flow_t;

typedef struct tcp_result {
    double mbps;            /* received, the whole time */
    double steady_mbps;     /* after what is not to be counted */
    double retransmissions; /* packets */
    double series_mbps[TCP_SECONDS_MAX];
    size_t seconds;
} tcp_result_t;

/* Gives both hosts' TCP buffers that do not hold it back on any path. */
bool tcp_prepare(const lab_t *lab);
/* Starts the receiver and waits until it listens; ends with tcp_end() even when this fails. */
bool tcp_listen(tcp_flow_t *flow, const lab_t *lab);
/* Starts sending, with CUBIC and for that many seconds, the first host to the second. */
bool tcp_send(tcp_flow_t *flow, const lab_t *lab, unsigned seconds);
/* Waits until it is done; false, told on stderr, when that fails. `steady_from` are the seconds until its rate is taken for steady. */
bool tcp_wait(tcp_flow_t *flow, unsigned seconds, double steady_from, tcp_result_t *result);
void tcp_end(tcp_flow_t *flow);

#endif
