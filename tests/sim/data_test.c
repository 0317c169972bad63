/* A thousand connections whose paths lose up to 30 %, in bursts or not, reorder, double, delay and queue, whose MTU falls and rises, whose
 * peers restart ICE and change networks, while channels of every kind carry messages, close and open. On reliable ones nothing is lost,
 * doubled, reordered or corrupted; partial reliability is held to its number and its time on the wire. */
#include "data_run.h"
#include "test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 1000
#define LOSS_CLASSES 5
#define KINDS 5 /* no, one, two, more retransmissions; life time */
#define LEFT_OVER_MAX 65536

/* Of the sanitizers' allocators, where there is one. */
__attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes(void);

typedef struct tally {
    uint64_t reliable, bytes, chunks, repeated, forwards;
    uint64_t sent[KINDS][LOSS_CLASSES], received[KINDS][LOSS_CLASSES];
    uint64_t came_of_life, came_in_life;
    peer_time_t ages, oldest_of_life; /* of what has a life time */
    peer_time_t longest;
    uint64_t longest_seed;
} tally_t;

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static int loss_class(const link_options_t *link)
{
    static const double limits[LOSS_CLASSES - 1] = {0, 0.05, 0.1, 0.2};
    double loss = link->loss / (1 - link->burst);
    int i = 0;
    while (i < LOSS_CLASSES - 1 && loss > limits[i])
        i++;
    return i;
}

static void add_flow(tally_t *tally, const data_run_t *run, const data_channel_t *channel, const data_flow_t *flow)
{
    int kind = channel->life_time_ms >= 0 ? KINDS - 1 : channel->max_retransmits < KINDS - 2 ? channel->max_retransmits : KINDS - 2;
    int loss = loss_class(&run->options.link);
    for (size_t i = 0; i < flow->sent; i++)
        tally->bytes += flow->messages[i].length;
    if (data_is_reliable(channel)) {
        tally->reliable += flow->received;
        return;
    }
    if (channel->is_closed_early)
        return;
    tally->sent[kind][loss] += flow->sent;
    tally->received[kind][loss] += flow->received;
    for (size_t i = 0; i < flow->sent && channel->life_time_ms >= 0; i++) {
        const data_message_t *message = &flow->messages[i];
        peer_time_t beyond = message->received_at - message->sent_at - channel->life_time_ms * PEER_MILLISECOND;
        if (!message->is_received)
            continue;
        tally->came_of_life++;
        tally->came_in_life += beyond <= 0;
        tally->ages += message->received_at - message->sent_at;
        if (beyond > tally->oldest_of_life)
            tally->oldest_of_life = beyond;
    }
}

static bool run_seed(uint64_t seed, tally_t *tally)
{
    static data_run_t run;
    bool is_good = data_run(&run, seed);
    for (size_t i = 0; i < run.channel_count; i++)
        for (int peer = 0; peer < 2; peer++)
            add_flow(tally, &run, &run.channels[i], &run.channels[i].flows[peer]);
    for (int peer = 0; peer < 2; peer++) {
        tally->chunks += run.wires[peer].data_chunks;
        tally->repeated += run.wires[peer].repeated_chunks;
        tally->forwards += run.wires[peer].forwards;
    }
    if (run.transfer_time > tally->longest) {
        tally->longest = run.transfer_time;
        tally->longest_seed = seed;
    }
    if (is_good && getenv("DATA_VERBOSE") == NULL)
        return true;
    data_plan_print(&run);
    test_note("seed %llu, %.3f s: %s; repeat: SIM_SEED=%llu sim_data (SIM_LOG=1 tells more)", (unsigned long long)seed,
              (double)run.transfer_time / 1e6, is_good ? "all is well" : run.failure, (unsigned long long)seed);
    return is_good;
}

static void print_tally(const tally_t *tally)
{
    static const char *const kinds[KINDS] = {"no retransmission", "1 retransmission", "2 retransmissions", "3 to 5 retransmissions",
                                             "life time 20 to 2,000 ms"};
    test_note("%llu reliable messages came, %llu MB were sent, %llu chunks left, %llu of them again, and %llu FORWARD-TSNs",
              (unsigned long long)tally->reliable, (unsigned long long)(tally->bytes / 1000000), (unsigned long long)tally->chunks,
              (unsigned long long)tally->repeated, (unsigned long long)tally->forwards);
    test_note(
        "partial reliability, came of what was sent, at a loss (queues and black holes take more) of 0, to 5, to 10, to 20, to 30 %%:");
    for (int kind = 0; kind < KINDS; kind++) {
        double share[LOSS_CLASSES];
        for (int loss = 0; loss < LOSS_CLASSES; loss++)
            share[loss] = tally->sent[kind][loss] > 0 ? 100.0 * (double)tally->received[kind][loss] / (double)tally->sent[kind][loss] : 0;
        test_note("%s: %.1f %.1f %.1f %.1f %.1f %%", kinds[kind], share[0], share[1], share[2], share[3], share[4]);
    }
    if (tally->came_of_life > 0)
        test_note("of what has a life time and came, %.1f %% did within it, after %lld ms on average, and %lld ms after its end at most",
                  100.0 * (double)tally->came_in_life / (double)tally->came_of_life,
                  (long long)(tally->ages / 1000 / (peer_time_t)tally->came_of_life), (long long)(tally->oldest_of_life / 1000));
    test_note("the longest transfer, seed %llu, took %.1f s", (unsigned long long)tally->longest_seed, (double)tally->longest / 1e6);
}

TEST(whatever_happens_to_the_path_data_channels_keep_what_they_promise)
{
    const char *only = getenv("SIM_SEED");
    char *rest = NULL;
    uint64_t first = only != NULL ? strtoull(only, &rest, 10) : 1, last = only == NULL   ? SEEDS
                                                                          : *rest == '-' ? strtoull(rest + 1, NULL, 10)
                                                                                         : first;
    tally_t tally = {0};
    unsigned failures = 0;
    size_t half_way = 0; /* by then all that a process pays once has been paid */
    for (uint64_t seed = first; seed <= last; seed++) {
        failures += !run_seed(seed, &tally);
        if (seed == first + (last - first) / 2)
            half_way = allocated();
    }
    size_t at_the_end = allocated();
    print_tally(&tally);
    CHECK_INT(failures, 0);
    CHECK(at_the_end < half_way + LEFT_OVER_MAX);
}
