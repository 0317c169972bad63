#include "data_run.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define TRANSFER_TIME (4 * PEER_SECOND) /* in which all that is planned happens */
#define VOLUME_MAX (8000u * 1000)       /* bytes, both ways together */

static const size_t mtus[] = {1280, 1400, 1492, 1500, 9000, 65535};

static random_source_t dice;

static bool happens(unsigned percent)
{
    return random_below(&dice, 100) < percent;
}

static peer_time_t some_time(void)
{
    return random_below(&dice, (uint32_t)TRANSFER_TIME);
}

static void plan_link(data_run_t *run)
{
    static const int64_t rates_mbps[] = {1, 2, 5, 10, 20, 50, 100};
    link_options_t *link = &run->options.link;
    unsigned loss = happens(15) ? 0 : happens(50) ? random_below(&dice, 51) : random_below(&dice, 301);
    *link = (link_options_t){.delay_us = random_below(&dice, 200001),
                             .jitter_us = happens(50) ? random_below(&dice, 30000) : 0,
                             .burst = happens(40) ? random_below(&dice, 80) / 100.0 : 0,
                             .duplicate = happens(40) ? random_below(&dice, 60) / 1000.0 : 0,
                             .reorder = happens(40) ? random_below(&dice, 150) / 1000.0 : 0};
    link->loss = loss / 1000.0 * (1 - link->burst); /* bursts included, it is `loss` that is lost */
    if (happens(60)) {
        link->rate_bps = rates_mbps[random_below(&dice, sizeof rates_mbps / sizeof *rates_mbps)] * 1000000;
        link->queue_us = 10 * PEER_MILLISECOND + random_below(&dice, 300000);
    }
    link->mtu = mtus[random_below(&dice, sizeof mtus / sizeof *mtus)];
    /* Falling, rising: where it falls below what is in use there is a black hole. */
    peer_time_t at = 0;
    for (run->link_count = 0; run->link_count < DATA_LINKS_MAX && happens(50); run->link_count++) {
        at += random_below(&dice, (uint32_t)TRANSFER_TIME / 2);
        run->links[run->link_count].at = at;
        run->links[run->link_count].mtu = mtus[random_below(&dice, sizeof mtus / sizeof *mtus)];
    }
}

static size_t some_length(void)
{
    unsigned kind = random_below(&dice, 100);
    if (kind < 4)
        return 0;
    if (kind < 8)
        return 1 + random_below(&dice, DATA_KEY_SIZE - 1);
    if (kind < 45)
        return DATA_KEY_SIZE + random_below(&dice, 400);
    if (kind < 70)
        return 1000 + random_below(&dice, 1000);
    if (kind < 90)
        return DATA_KEY_SIZE + random_below(&dice, 16384);
    if (kind < 97)
        return DATA_KEY_SIZE + random_below(&dice, 65536);
    return happens(50) ? DATA_LARGEST : DATA_KEY_SIZE + random_below(&dice, DATA_LARGEST - DATA_KEY_SIZE + 1);
}

static int by_time(const void *a, const void *b)
{
    peer_time_t left = ((const data_message_t *)a)->due, right = ((const data_message_t *)b)->due;
    return left < right ? -1 : left > right;
}

static void plan_flow(data_flow_t *flow, peer_time_t begin, size_t *volume)
{
    peer_time_t spread = happens(30) ? 1 : 1 + random_below(&dice, (uint32_t)TRANSFER_TIME / 2);
    size_t count = happens(15) ? 0 : 1 + random_below(&dice, DATA_MESSAGES_MAX);
    for (flow->count = 0; flow->count < count; flow->count++) {
        size_t length = some_length();
        if (length > *volume)
            length = random_below(&dice, 100);
        *volume -= length < *volume ? length : *volume;
        flow->messages[flow->count] = (data_message_t){.length = length, .due = begin + random_below(&dice, (uint32_t)spread)};
    }
    qsort(flow->messages, flow->count, sizeof *flow->messages, by_time);
}

static void plan_channel(data_run_t *run, bool is_late, size_t *volume)
{
    static const uint16_t priorities[] = {128, 256, 512, 1024};
    data_channel_t *channel = &run->channels[run->channel_count];
    *channel = (data_channel_t){.opener = (int)random_below(&dice, 2),
                                .is_unordered = happens(40),
                                .max_retransmits = -1,
                                .life_time_ms = -1,
                                .priority = priorities[random_below(&dice, 4)],
                                .open_at = is_late ? some_time() : 0,
                                .closer = (int)random_below(&dice, 2)};
    unsigned kind = random_below(&dice, 100);
    if (kind < 30)
        channel->max_retransmits = (int32_t)random_below(&dice, 6);
    else if (kind < 60)
        channel->life_time_ms = 20 + (int32_t)random_below(&dice, happens(50) ? 200 : 1981);
    if (happens(25))
        channel->close_at = channel->open_at + some_time();
    for (int peer = 0; peer < 2; peer++) {
        plan_flow(&channel->flows[peer], channel->open_at, volume);
        channel->ends[peer] = (data_end_t){.run = run, .channel = run->channel_count, .peer = peer};
    }
    run->channel_count++;
}

void data_plan(data_run_t *run, uint64_t seed)
{
    static random_seeded_t generator;
    random_seeded_init(&generator, seed ^ 0xda7a);
    dice = random_seeded_source(&generator);
    *run = (data_run_t){.seed = seed, .options = {.seed = seed, .signaling_delay_us = random_below(&dice, 200000)}};
    run->options.hides_renomination = happens(20);
    plan_link(run);
    size_t volume = VOLUME_MAX / (1 + random_below(&dice, 10));
    size_t passing = (size_t)(run->options.link.rate_bps / 8 * (TRANSFER_TIME / PEER_SECOND));
    if (passing > 0 && volume > passing)
        volume = passing;
    for (unsigned count = 1 + random_below(&dice, 8); count > 0; count--)
        plan_channel(run, false, &volume);
    for (unsigned count = random_below(&dice, 4); count > 0; count--)
        plan_channel(run, true, &volume);
    for (size_t i = 0; i < 2 && happens(50); i++) {
        run->changes[i] = (data_change_t)(1 + random_below(&dice, DATA_CHANGES - 1));
        run->change_at[i] = (peer_time_t)i * TRANSFER_TIME + some_time();
        run->change_peer[i] = (int)random_below(&dice, 2);
    }
}

void data_plan_print(const data_run_t *run)
{
    static const char *const changes[] = {"no change", "ICE restart", "new network", "other network"};
    const link_options_t *link = &run->options.link;
    test_note("delay %lld us, jitter %lld us, loss %.3f, burst %.2f, duplicate %.3f, reorder %.3f, rate %lld, queue %lld us, mtu %zu",
              (long long)link->delay_us, (long long)link->jitter_us, link->loss, link->burst, link->duplicate, link->reorder,
              (long long)link->rate_bps, (long long)link->queue_us, link->mtu);
    for (size_t i = 0; i < run->link_count; i++)
        test_note("mtu %zu from %lld us", run->links[i].mtu, (long long)run->links[i].at);
    for (size_t i = 0; i < 2 && run->changes[i] != DATA_NO_CHANGE; i++)
        test_note("%s of peer %d at %lld us", changes[run->changes[i]], run->change_peer[i], (long long)run->change_at[i]);
    for (size_t i = 0; i < run->channel_count; i++) {
        const data_channel_t *channel = &run->channels[i];
        size_t bytes[2] = {0};
        for (int peer = 0; peer < 2; peer++)
            for (size_t j = 0; j < channel->flows[peer].count; j++)
                bytes[peer] += channel->flows[peer].messages[j].length;
        test_note("channel %zu of peer %d from %lld us: %s, retransmits %d, life time %d ms, closed by %d at %lld us; messages %zu of %zu "
                  "(%zu came, %zu B) and %zu of %zu (%zu came, %zu B)",
                  i, channel->opener, (long long)channel->open_at, channel->is_unordered ? "unordered" : "ordered",
                  channel->max_retransmits, channel->life_time_ms, channel->closer, (long long)channel->close_at, channel->flows[0].sent,
                  channel->flows[0].count, channel->flows[0].received, bytes[0], channel->flows[1].sent, channel->flows[1].count,
                  channel->flows[1].received, bytes[1]);
    }
}
