/* A reliable, ordered channel: as many messages as it takes, then one small message to and fro. */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT (4u << 20) /* bytes given to the channel before waiting for it to drain */
#define LOW_WATER (1u << 20)
#define PING_SIZE 32

typedef struct flood {
    pthread_mutex_t mutex;
    pthread_cond_t is_low;
    bool may_send;
    atomic_ullong received_bytes;
    atomic_ullong received_messages;
} flood_t;

static void count_message(side_t *side, const void *data, size_t length)
{
    flood_t *flood = side->pair->user;
    (void)data;
    atomic_fetch_add_explicit(&flood->received_bytes, length, memory_order_relaxed);
    atomic_fetch_add_explicit(&flood->received_messages, 1, memory_order_relaxed);
}

static void let_send(side_t *side)
{
    flood_t *flood = side->pair->user;
    pthread_mutex_lock(&flood->mutex);
    flood->may_send = true;
    pthread_cond_signal(&flood->is_low);
    pthread_mutex_unlock(&flood->mutex);
}

static bool wait_until_low(flood_t *flood, peer_data_channel_t *channel)
{
    struct timespec until;
    int error = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&flood->mutex);
    while (!flood->may_send && peer_data_channel_buffered_amount(channel) > LOW_WATER && error == 0)
        error = pthread_cond_timedwait(&flood->is_low, &flood->mutex, &until);
    flood->may_send = false;
    pthread_mutex_unlock(&flood->mutex);
    return error == 0;
}

/* Sends until the time is up; how it went is read from what arrived after a fifth of it, when the windows have grown. */
static int run_flood(pair_t *pair, flood_t *flood, const char *message, size_t size, double seconds)
{
    int status = 0;
    pair->user = flood;
    pair->answerer.on_message = count_message;
    pair->offerer.on_low = let_send;
    peer_data_channel_t *channel = pair->offerer.channel;
    peer_data_channel_set_buffered_amount_low_threshold(channel, LOW_WATER);
    double start = wall_now(), cpu = cpu_now(), warm_until = start + seconds / 5;
    unsigned long long bytes = 0, messages = 0, sent = 0;
    bool is_warm = false;
    while (status == 0 && wall_now() < start + seconds) {
        if (!is_warm && wall_now() >= warm_until) {
            is_warm = true;
            bytes = atomic_load(&flood->received_bytes);
            messages = atomic_load(&flood->received_messages);
            warm_until = wall_now();
            cpu = cpu_now();
        }
        if (peer_data_channel_buffered_amount(channel) >= IN_FLIGHT) {
            if (!wait_until_low(flood, channel))
                status = bench_fail("the channel does not drain:");
            continue;
        }
        if (peer_data_channel_send(channel, message, size, 0) < 0)
            status = bench_fail("a message is refused:");
        sent++;
    }
    double elapsed = wall_now() - warm_until;
    cpu = cpu_now() - cpu;
    bytes = atomic_load(&flood->received_bytes) - bytes;
    messages = atomic_load(&flood->received_messages) - messages;
    for (double end = wall_now() + 30; status == 0 && atomic_load(&flood->received_messages) < sent; usleep(1000))
        if (wall_now() > end)
            status = bench_fail("not all messages arrived:");
    if (status == 0) {
        report_number("size", (double)size, 0);
        report_number("throughput_MBps", (double)bytes / elapsed / 1e6, 1);
        report_number("messages_per_s", (double)messages / elapsed, 0);
        report_number("cpu_s_per_GB", cpu / ((double)bytes / 1e9), 2);
    }
    return status;
}

typedef struct ping {
    pthread_mutex_t mutex;
    pthread_cond_t is_done;
    double *samples_us;
    unsigned wanted;
    unsigned count;
    double sent_at;
} ping_t;

static void send_ping(side_t *side)
{
    static const char message[PING_SIZE] = "ping";
    ping_t *ping = side->pair->user;
    ping->sent_at = wall_now();
    peer_data_channel_send(side->channel, message, sizeof message, 0);
}

static void send_back(side_t *side, const void *data, size_t length)
{
    peer_data_channel_send(side->channel, data, length, 0);
}

static void take_pong(side_t *side, const void *data, size_t length)
{
    ping_t *ping = side->pair->user;
    (void)data;
    (void)length;
    pthread_mutex_lock(&ping->mutex);
    ping->samples_us[ping->count++] = (wall_now() - ping->sent_at) * 1e6;
    bool is_done = ping->count == ping->wanted;
    if (is_done)
        pthread_cond_signal(&ping->is_done);
    pthread_mutex_unlock(&ping->mutex);
    if (!is_done)
        send_ping(side);
}

static int run_pings(pair_t *pair, ping_t *ping, unsigned count)
{
    struct timespec until;
    int error = 0;
    ping->wanted = count;
    ping->samples_us = calloc(count, sizeof(double));
    if (ping->samples_us == NULL)
        return bench_fail("no memory for the samples");
    pair->user = ping;
    pair->answerer.on_message = send_back;
    pair->offerer.on_message = take_pong;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    send_ping(&pair->offerer);
    pthread_mutex_lock(&ping->mutex);
    while (ping->count < count && error == 0)
        error = pthread_cond_timedwait(&ping->is_done, &ping->mutex, &until);
    unsigned got = ping->count;
    pthread_mutex_unlock(&ping->mutex);
    if (got < count)
        return bench_fail("not all round trips were made:");
    report_number("rtt_us_median", percentile(ping->samples_us, count, 0.5), 1);
    report_number("rtt_us_p99", percentile(ping->samples_us, count, 0.99), 1);
    return 0;
}

int bench_data(const bench_options_t *options)
{
    if (options->has_link)
        return bench_path(options);
    size_t size = options->size != 0 ? options->size : 65536;
    double seconds = options->seconds > 0 ? options->seconds : 5;
    flood_t flood = {.may_send = true};
    ping_t ping = {.wanted = 0};
    pthread_mutex_init(&flood.mutex, NULL);
    pthread_cond_init(&flood.is_low, NULL);
    pthread_mutex_init(&ping.mutex, NULL);
    pthread_cond_init(&ping.is_done, NULL);
    char *message = calloc(1, size);
    pair_t *pair = pair_new(options, NULL, NULL);
    int status = 1;
    if (message == NULL || pair == NULL || !pair_wait_open(pair)) {
        bench_fail("the pair does not connect:");
    } else {
        report_begin(options, "data");
        status = run_flood(pair, &flood, message, size, seconds);
        if (status == 0)
            status = run_pings(pair, &ping, options->count != 0 ? options->count : 20000);
        report_end();
    }
    pair_free(pair); /* its callbacks use what follows */
    free(message);
    free(ping.samples_us);
    pthread_cond_destroy(&ping.is_done);
    pthread_mutex_destroy(&ping.mutex);
    pthread_cond_destroy(&flood.is_low);
    pthread_mutex_destroy(&flood.mutex);
    return status;
}
