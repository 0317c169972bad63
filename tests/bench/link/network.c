#include "network.h"

#include "offload.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define READ_BATCH 64 /* from one device before the others get their turn */
/* Waking costs more than carrying a packet. So after each turn that carried some, the thread rests for a small part of the delay and
 * carries together what came meanwhile, as a network card does that raises few interrupts; and where packets come close together always. */
#define REST_SHARE 8 /* of the least delay, from the middle of the network to a host */
#define REST_MOST_US 200
#define BUSY_PACKETS 8 /* in a turn */
#define BUSY_REST_US 60
#define STUN_TIMES 65536 /* kept since they were cleared last */
#define PROTOCOL_UDP 17

typedef struct port {
    int tun;
    uint32_t address;
    link_t up, down;
} port_t;

typedef struct stun_time {
    int64_t time;
    size_t port;
} stun_time_t;

struct network {
    port_t ports[NETWORK_PORTS_MAX];
    size_t count;
    int stop;
    pthread_t thread;
    pthread_mutex_t mutex; /* of the ports' links and what follows; held for a turn of the thread */
    link_pool_t pool;
    double cpu_seconds;
    int64_t least_delay; /* of the ways down: what has come up need not be looked at sooner */
    stun_time_t stun[STUN_TIMES];
    size_t stun_count;
};

static int64_t time_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool has_stun_cookie(const uint8_t *data, size_t length)
{
    return length >= 20 && data[0] < 4 && read_u32(data + 4) == 0x2112a442;
}

/* STUN in UDP, or in a ChannelData message of TURN (RFC 8656 §12.4). A Send indication is STUN itself, whatever it wraps: before the pair
 * is selected that is a check. */
static bool is_stun(const uint8_t *packet, size_t length)
{
    size_t header = (size_t)(packet[0] & 15) * 4;
    if (packet[9] != PROTOCOL_UDP || header < 20 || length < header + 8)
        return false;
    const uint8_t *data = packet + header + 8;
    length -= header + 8;
    if (length > 4 && data[0] >= 0x40 && data[0] <= 0x4f)
        return has_stun_cookie(data + 4, length - 4);
    return has_stun_cookie(data, length);
}

static void note_stun(network_t *network, size_t port)
{
    if (network->stun_count < STUN_TIMES)
        network->stun[network->stun_count++] = (stun_time_t){.time = time_of(CLOCK_REALTIME), .port = port};
}

/* Says how many packets. */
static size_t read_device(network_t *network, size_t index)
{
    static _Thread_local uint8_t buffer[OFFLOAD_FRAME_MAX];
    port_t *port = &network->ports[index];
    size_t count = 0;
    for (int i = 0; i < READ_BATCH; i++) {
        ssize_t length = read(port->tun, buffer, sizeof buffer);
        if (length <= 0)
            break;
        int64_t now = time_of(CLOCK_MONOTONIC);
        link_packet_t *packet = offload_split(&network->pool, buffer, (size_t)length);
        for (link_packet_t *next; packet != NULL; packet = next, count++) {
            next = packet->next;
            if (is_stun(packet->data, packet->length))
                note_stun(network, index);
            link_push(&port->up, now, packet);
        }
    }
    return count;
}

static void route(network_t *network, link_packet_t *packet)
{
    uint32_t destination = read_u32(packet->data + 16);
    for (size_t i = 0; i < network->count; i++) {
        if (network->ports[i].address == destination) {
            link_push(&network->ports[i].down, packet->due, packet);
            return;
        }
    }
    link_packet_free(&network->pool, packet);
}

/* Gives a device what has arrived. A device that takes no more loses the packets, as a host does. */
static size_t write_device(network_t *network, port_t *port, int64_t now)
{
    link_packet_t *packets[OFFLOAD_JOIN_MAX];
    size_t count = 0, moved = 0;
    for (bool is_more = true; is_more || count > 0;) {
        while (is_more && count < OFFLOAD_JOIN_MAX) {
            packets[count] = link_pop(&port->down, now);
            is_more = packets[count] != NULL;
            count += is_more;
        }
        if (count == 0)
            break;
        size_t joined = offload_join(packets, count);
        (void)offload_write(port->tun, packets, joined);
        for (size_t i = 0; i < joined; i++)
            link_packet_free(&network->pool, packets[i]);
        count -= joined;
        moved += joined;
        memmove(packets, packets + joined, count * sizeof *packets);
    }
    return moved;
}

static size_t move(network_t *network, int64_t now)
{
    size_t moved = 0;
    link_packet_t *packet;
    for (size_t i = 0; i < network->count; i++)
        while ((packet = link_pop(&network->ports[i].up, now)) != NULL)
            route(network, packet);
    for (size_t i = 0; i < network->count; i++)
        moved += write_device(network, &network->ports[i], now);
    return moved;
}

static int64_t deadline_of(const network_t *network)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < network->count; i++) {
        int64_t up = link_deadline(&network->ports[i].up), down = link_deadline(&network->ports[i].down);
        if (up != INT64_MAX && up + network->least_delay < deadline)
            deadline = up + network->least_delay;
        deadline = down < deadline ? down : deadline;
    }
    return deadline;
}

/* Reads and writes what there is (after a rest whatever there may be); says how long to wait then, in microseconds: INT64_MAX until
 * something comes. */
static int64_t take_turn(network_t *network, const struct pollfd *devices, bool *is_rest)
{
    size_t moved = 0;
    pthread_mutex_lock(&network->mutex);
    for (size_t i = 0; i < network->count; i++)
        if (*is_rest || devices[i].revents != 0)
            moved += read_device(network, i);
    moved += move(network, time_of(CLOCK_MONOTONIC));
    int64_t deadline = deadline_of(network);
    network->cpu_seconds = (double)time_of(CLOCK_THREAD_CPUTIME_ID) / 1e6;
    pthread_mutex_unlock(&network->mutex);
    int64_t rest = network->least_delay / REST_SHARE;
    rest = rest < REST_MOST_US ? rest : REST_MOST_US;
    if (moved >= BUSY_PACKETS && rest < BUSY_REST_US)
        rest = BUSY_REST_US;
    *is_rest = moved > 0 && rest > 0;
    if (*is_rest)
        return rest;
    if (deadline == INT64_MAX)
        return INT64_MAX;
    int64_t left = deadline - time_of(CLOCK_MONOTONIC);
    return left > 0 ? left : 0;
}

static void *run(void *user)
{
    network_t *network = user;
    struct pollfd fds[NETWORK_PORTS_MAX + 1];
    prctl(PR_SET_TIMERSLACK, 1UL);
    pthread_setschedparam(pthread_self(), SCHED_RR, &(struct sched_param){.sched_priority = 10}); /* where it is allowed */
    fds[0] = (struct pollfd){.fd = network->stop, .events = POLLIN};
    for (size_t i = 0; i < network->count; i++)
        fds[1 + i] = (struct pollfd){.fd = network->ports[i].tun, .events = POLLIN};
    for (bool is_rest = true;;) {
        int64_t left = take_turn(network, fds + 1, &is_rest);
        struct timespec timeout = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
        int ready = ppoll(fds, is_rest ? 1 : 1 + network->count, left == INT64_MAX ? NULL : &timeout, NULL);
        if ((ready < 0 && errno != EINTR) || (ready > 0 && fds[0].revents != 0))
            return NULL;
    }
}

network_t *network_new(const network_port_t *ports, size_t count, uint64_t seed)
{
    network_t *network = count <= NETWORK_PORTS_MAX ? calloc(1, sizeof *network) : NULL;
    if (network == NULL)
        return NULL;
    network->count = count;
    pthread_mutex_init(&network->mutex, NULL);
    for (size_t i = 0; i < count; i++) {
        port_t *port = &network->ports[i];
        port->tun = ports[i].tun;
        port->address = ports[i].address;
        link_begin(&port->up, &network->pool, &ports[i].up, seed * 64 + 2 * i);
        link_begin(&port->down, &network->pool, &ports[i].down, seed * 64 + 2 * i + 1);
    }
    network->least_delay = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (ports[i].down.delay_us < network->least_delay)
            network->least_delay = ports[i].down.delay_us;
    network->stop = eventfd(0, EFD_CLOEXEC);
    if (network->stop >= 0 && pthread_create(&network->thread, NULL, run, network) == 0)
        return network;
    if (network->stop >= 0)
        close(network->stop);
    pthread_mutex_destroy(&network->mutex);
    free(network);
    return NULL;
}

void network_free(network_t *network)
{
    if (network == NULL)
        return;
    eventfd_write(network->stop, 1);
    pthread_join(network->thread, NULL);
    close(network->stop);
    for (size_t i = 0; i < network->count; i++) {
        link_end(&network->ports[i].up);
        link_end(&network->ports[i].down);
        close(network->ports[i].tun);
    }
    link_pool_end(&network->pool);
    pthread_mutex_destroy(&network->mutex);
    free(network);
}

unsigned network_stun_count(network_t *network, size_t port, int64_t from, int64_t to)
{
    unsigned count = 0;
    pthread_mutex_lock(&network->mutex);
    for (size_t i = 0; i < network->stun_count; i++)
        count += network->stun[i].port == port && network->stun[i].time >= from && network->stun[i].time <= to;
    pthread_mutex_unlock(&network->mutex);
    return count;
}

void network_stun_clear(network_t *network)
{
    pthread_mutex_lock(&network->mutex);
    network->stun_count = 0;
    pthread_mutex_unlock(&network->mutex);
}

void network_counts_get(network_t *network, size_t port, network_counts_t *counts)
{
    pthread_mutex_lock(&network->mutex);
    counts->up = network->ports[port].up.counts;
    counts->down = network->ports[port].down.counts;
    counts->cpu_seconds = network->cpu_seconds;
    pthread_mutex_unlock(&network->mutex);
}
