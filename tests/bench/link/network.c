#include "network.h"

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

#define PACKET_MAX 65536
#define READ_BATCH 64    /* from one device before the others get their turn */
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
    pthread_mutex_t mutex; /* of what follows */
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

static bool is_ipv4(const uint8_t *packet, size_t length)
{
    return length >= 20 && packet[0] >> 4 == 4;
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
    pthread_mutex_lock(&network->mutex);
    if (network->stun_count < STUN_TIMES)
        network->stun[network->stun_count++] = (stun_time_t){.time = time_of(CLOCK_REALTIME), .port = port};
    pthread_mutex_unlock(&network->mutex);
}

static void read_device(network_t *network, size_t index)
{
    static _Thread_local uint8_t buffer[PACKET_MAX];
    port_t *port = &network->ports[index];
    for (int i = 0; i < READ_BATCH; i++) {
        ssize_t length = read(port->tun, buffer, sizeof buffer);
        if (length <= 0)
            return;
        if (!is_ipv4(buffer, (size_t)length))
            continue;
        if (is_stun(buffer, (size_t)length))
            note_stun(network, index);
        link_packet_t *packet = link_packet_new(buffer, (size_t)length);
        if (packet != NULL)
            link_push(&port->up, time_of(CLOCK_MONOTONIC), packet);
    }
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
    free(packet);
}

static void move(network_t *network, int64_t now)
{
    link_packet_t *packet;
    for (size_t i = 0; i < network->count; i++)
        while ((packet = link_pop(&network->ports[i].up, now)) != NULL)
            route(network, packet);
    for (size_t i = 0; i < network->count; i++) {
        while ((packet = link_pop(&network->ports[i].down, now)) != NULL) {
            /* A device that takes no more loses the packet, as a host does. */
            ssize_t written = write(network->ports[i].tun, packet->data, packet->length);
            (void)written;
            free(packet);
        }
    }
}

static int64_t deadline_of(const network_t *network)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < network->count; i++) {
        int64_t up = link_deadline(&network->ports[i].up), down = link_deadline(&network->ports[i].down);
        deadline = up < deadline ? up : deadline;
        deadline = down < deadline ? down : deadline;
    }
    return deadline;
}

static void *run(void *user)
{
    network_t *network = user;
    struct pollfd fds[NETWORK_PORTS_MAX + 1];
    prctl(PR_SET_TIMERSLACK, 1UL);
    pthread_setschedparam(pthread_self(), SCHED_RR, &(struct sched_param){.sched_priority = 10}); /* where it is allowed */
    for (size_t i = 0; i < network->count; i++)
        fds[i] = (struct pollfd){.fd = network->ports[i].tun, .events = POLLIN};
    fds[network->count] = (struct pollfd){.fd = network->stop, .events = POLLIN};
    for (;;) {
        int64_t deadline = deadline_of(network), now = time_of(CLOCK_MONOTONIC);
        int64_t left = deadline > now ? deadline - now : 0;
        struct timespec timeout = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
        if (ppoll(fds, network->count + 1, deadline == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
            return NULL;
        if (fds[network->count].revents != 0)
            return NULL;
        for (size_t i = 0; i < network->count; i++)
            if (fds[i].revents & POLLIN)
                read_device(network, i);
        move(network, time_of(CLOCK_MONOTONIC));
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
        link_begin(&port->up, &ports[i].up, seed * 64 + 2 * i);
        link_begin(&port->down, &ports[i].down, seed * 64 + 2 * i + 1);
    }
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
