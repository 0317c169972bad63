#include "bench.h"
#include "bench_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SAMPLE_MS 50             /* between two reports of what has arrived */
#define BUFFERED_MAX (12u << 20) /* of the 16 MiB that a channel takes */
#define PING_SIZE 32
#define PATIENCE_SECONDS 60

void bench_channel_begin(bench_channel_t *channel)
{
    pthread_condattr_t attributes;
    *channel = (bench_channel_t){.channel = NULL};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&channel->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&channel->mutex, NULL);
}

void bench_channel_end(bench_channel_t *channel)
{
    pthread_mutex_lock(&channel->mutex);
    bool was_reporting = channel->is_reporting;
    channel->is_reporting = false;
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->mutex);
    if (was_reporting)
        pthread_join(channel->reporter, NULL);
    peer_data_channel_unref(channel->channel);
    channel->channel = NULL;
}

/* False when the time is up. Held: the mutex. */
static bool wait_ms(bench_channel_t *channel, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&channel->changed, &channel->mutex, &until) == 0;
}

static void signal_change(bench_channel_t *channel, bool *flag)
{
    pthread_mutex_lock(&channel->mutex);
    *flag = true;
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->mutex);
}

static void send_ping(bench_channel_t *channel)
{
    static const char message[PING_SIZE] = "ping";
    channel->sent_at = wall_now();
    peer_data_channel_send(channel->channel, message, sizeof message, 0);
}

static void take_pong(bench_channel_t *channel)
{
    pthread_mutex_lock(&channel->mutex);
    if (channel->count < channel->wanted)
        channel->samples_us[channel->count++] = (wall_now() - channel->sent_at) * 1e6;
    bool is_done = channel->count == channel->wanted;
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->mutex);
    if (!is_done)
        send_ping(channel);
}

static void on_message(peer_data_channel_t *source, const void *data, size_t length, int32_t is_text, void *user)
{
    bench_channel_t *channel = user;
    (void)is_text;
    switch (atomic_load_explicit(&channel->role, memory_order_relaxed)) {
    case BENCH_REFLECT:
        peer_data_channel_send(source, data, length, 0);
        break;
    case BENCH_PING:
        take_pong(channel);
        break;
    default:
        atomic_fetch_add_explicit(&channel->bytes, length, memory_order_relaxed);
        atomic_fetch_add_explicit(&channel->messages, 1, memory_order_relaxed);
    }
}

static void on_open(peer_data_channel_t *source, void *user)
{
    (void)source;
    (void)user;
    say("open", "");
}

static void on_low(peer_data_channel_t *source, void *user)
{
    bench_channel_t *channel = user;
    (void)source;
    signal_change(channel, &channel->is_low);
}

static const peer_data_channel_events_t events = {.on_open = on_open, .on_message = on_message, .on_buffered_amount_low = on_low};

bool bench_channel_offer(bench_channel_t *channel, peer_connection_t *pc)
{
    return peer_connection_create_data_channel(pc, "bench", NULL, &events, channel, &channel->channel) == 0;
}

void bench_channel_take(bench_channel_t *channel, peer_data_channel_t *taken)
{
    channel->channel = peer_data_channel_ref(taken);
    peer_data_channel_set_events(taken, &events, channel);
    if (peer_data_channel_ready_state(taken) == PEER_DATA_CHANNEL_OPEN)
        say("open", "");
}

static void say_sample(const char *word, unsigned long long bytes, unsigned long long messages)
{
    char text[128];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%lld %llu %llu %.6f", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, bytes, messages, cpu_now());
    say(word, text);
}

static void *report(void *user)
{
    bench_channel_t *channel = user;
    pthread_mutex_lock(&channel->mutex);
    while (channel->is_reporting) {
        say_sample("received", atomic_load(&channel->bytes), atomic_load(&channel->messages));
        wait_ms(channel, SAMPLE_MS);
    }
    pthread_mutex_unlock(&channel->mutex);
    return NULL;
}

bool bench_channel_count(bench_channel_t *channel)
{
    atomic_store(&channel->bytes, 0);
    atomic_store(&channel->messages, 0);
    atomic_store(&channel->role, BENCH_COUNT);
    pthread_mutex_lock(&channel->mutex);
    channel->is_reporting = true;
    pthread_mutex_unlock(&channel->mutex);
    return pthread_create(&channel->reporter, NULL, report, channel) == 0;
}

bool bench_channel_reflect(bench_channel_t *channel)
{
    atomic_store(&channel->role, BENCH_REFLECT);
    say("reflecting", "");
    return true;
}

bool bench_channel_ping(bench_channel_t *channel, unsigned count)
{
    char text[64];
    double until = wall_now() + PATIENCE_SECONDS;
    channel->samples_us = calloc(count, sizeof *channel->samples_us);
    if (channel->samples_us == NULL || channel->channel == NULL)
        return false;
    channel->count = 0;
    channel->wanted = count;
    atomic_store(&channel->role, BENCH_PING);
    send_ping(channel);
    pthread_mutex_lock(&channel->mutex);
    while (channel->count < count && wall_now() < until)
        wait_ms(channel, SAMPLE_MS);
    bool is_done = channel->count == count;
    channel->wanted = channel->count; /* none comes after that */
    pthread_mutex_unlock(&channel->mutex);
    if (is_done) {
        snprintf(text, sizeof text, "%.1f %.1f", percentile(channel->samples_us, count, 0.5), percentile(channel->samples_us, count, 0.99));
        say("round-trips", text);
    }
    free(channel->samples_us);
    return is_done;
}

static void wait_until_low(bench_channel_t *channel, double until)
{
    pthread_mutex_lock(&channel->mutex);
    while (!channel->is_low && wall_now() < until)
        wait_ms(channel, SAMPLE_MS);
    channel->is_low = false;
    pthread_mutex_unlock(&channel->mutex);
}

bool bench_channel_flood(bench_channel_t *channel, size_t size, double seconds, size_t limit)
{
    char *message = calloc(1, size);
    unsigned long long sent = 0;
    double until = wall_now() + seconds;
    bool is_taken = message != NULL && channel->channel != NULL;
    limit = limit < BUFFERED_MAX ? limit : BUFFERED_MAX;
    if (is_taken) {
        peer_data_channel_set_buffered_amount_low_threshold(channel->channel, limit / 2);
        say_sample("flooding", 0, 0);
    }
    while (is_taken && wall_now() < until) {
        if (peer_data_channel_buffered_amount(channel->channel) + size > limit) {
            wait_until_low(channel, until);
            continue;
        }
        is_taken = peer_data_channel_send(channel->channel, message, size, 0) == 0;
        sent += is_taken;
    }
    if (is_taken)
        say_sample("flooded", sent * size, sent);
    free(message);
    return is_taken;
}
