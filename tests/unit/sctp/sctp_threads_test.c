/* Several loops, each with associations of its own, over the one stack of the process: real time, real threads; for TSan above all. */
#include "base/random.h"
#include "sctp/sctp.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#define THREADS 3
#define ROUNDS 12

static peer_time_t clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (peer_time_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* usrsctp reads this clock. The one that the other tests link stands still; here the threads run in real time. */
int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

typedef struct worker {
    pthread_t thread;
    unsigned seed;
    unsigned failures;
    atomic_uint wakes;
} worker_t;

static void on_wake(void *context)
{
    worker_t *worker = context;
    atomic_fetch_add(&worker->wakes, 1);
}

/* Moves packets between the two ends; every ninth is lost, so that timers fire, on any thread. */
static unsigned exchange(sctp_t *from, sctp_t *to, packet_pool_t *pool, random_seeded_t *random, sctp_channel_t **announced)
{
    sctp_output_t output;
    unsigned messages = 0;
    while (sctp_poll(from, &output)) {
        if (output.type == SCTP_OUTPUT_SEND) {
            if (random_seeded_next(random) % 9 != 0)
                sctp_input(to, clock_now(), packet_new_copy(pool, output.packet->data, output.packet->length));
            packet_unref(output.packet);
        } else if (output.type == SCTP_OUTPUT_MESSAGE) {
            messages++;
        } else if (output.type == SCTP_OUTPUT_CHANNEL_ANNOUNCED) {
            *announced = output.channel;
        }
    }
    return messages;
}

static bool run_pair(worker_t *worker, random_seeded_t *random, bool to_the_end)
{
    packet_pool_t *pool = packet_pool_new();
    sctp_config_t config = {.pool = pool, .wake = on_wake, .wake_context = worker};
    sctp_t *a = sctp_new(&config), *b = sctp_new(&config);
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    sctp_channel_t *channel = sctp_open(a, clock_now(), &options), *announced = NULL;
    static const uint8_t bytes[20000];
    unsigned sent = 0, received = 0, wanted = 40;
    peer_time_t end = clock_now() + (to_the_end ? 20 * PEER_SECOND : (peer_time_t)(random_seeded_next(random) % 60000));
    sctp_start(a, clock_now(), true);
    sctp_start(b, clock_now(), false);
    while (clock_now() < end && received < wanted) {
        exchange(a, b, pool, random, &announced);
        received += exchange(b, a, pool, random, &announced);
        if (sent < wanted && sctp_channel_state(channel) == SCTP_CHANNEL_OPEN &&
            sctp_channel_send(channel, clock_now(), bytes, sizeof bytes, false) == 0)
            sent++;
        peer_time_t now = clock_now();
        if (sctp_deadline(a) <= now)
            sctp_timeout(a, now);
        if (sctp_deadline(b) <= now)
            sctp_timeout(b, now);
    }
    sctp_free(a);
    sctp_free(b);
    packet_pool_release(pool);
    return !to_the_end || received == wanted;
}

static void *work(void *context)
{
    worker_t *worker = context;
    random_seeded_t random;
    random_seeded_init(&random, worker->seed);
    for (int round = 0; round < ROUNDS; round++)
        if (!run_pair(worker, &random, round % 6 == 0))
            worker->failures++;
    return NULL;
}

TEST(threads_with_associations_of_their_own_share_the_stack)
{
    static worker_t workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].seed = i + 1;
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    unsigned wakes = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_INT(workers[i].failures, 0);
        wakes += atomic_load(&workers[i].wakes);
    }
    test_note("woken by other threads: %u", wakes);
}
