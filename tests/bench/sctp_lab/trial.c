#include "trial.h"

#include <stdlib.h>
#include <string.h>

/* Before the packet's data: whose it is, and how much there is of it. */
typedef struct tag {
    uint32_t flow, length;
} tag_t;

#define ETHERNET 1500
#define STEPS_MOST 1000000

static void set_lines(trial_t *trial, const trial_path_t *path)
{
    link_parameters_t parameters = {
        .delay_us = path->rtt / 2, .rate_bps = path->rate_bps, .queue_us = path->queue, .loss = path->loss, .burst = path->burst};
    trial->path = *path;
    if (path->queue == 0)
        parameters.queue_us = path->rtt > 20 * PEER_MILLISECOND ? path->rtt : 20 * PEER_MILLISECOND;
    if (path->mtu == 0)
        trial->path.mtu = ETHERNET;
    trial->line[0].parameters = trial->line[1].parameters = parameters;
    trial->detour.parameters = (link_parameters_t){.delay_us = path->behind};
}

void trial_begin(trial_t *trial, const trial_path_t *path, uint64_t seed)
{
    *trial = (trial_t){.random = seed * 0x9e3779b97f4a7c15u + 1, .start = TRIAL_START};
    link_parameters_t none = {.delay_us = 0};
    link_begin(&trial->line[0], &trial->pool, &none, seed * 3 + 1);
    link_begin(&trial->line[1], &trial->pool, &none, seed * 3 + 2);
    link_begin(&trial->detour, &trial->pool, &none, seed * 3 + 3);
    set_lines(trial, path);
}

void trial_end(trial_t *trial)
{
    for (size_t i = 0; i < trial->flow_count; i++)
        trial->flows[i]->ops->free(trial->flows[i]);
    link_end(&trial->line[0]);
    link_end(&trial->line[1]);
    link_end(&trial->detour);
    link_pool_end(&trial->pool);
}

void trial_add(trial_t *trial, trial_flow_t *flow, peer_time_t start)
{
    if (trial->flow_count == TRIAL_FLOWS_MAX)
        abort();
    flow->index = trial->flow_count;
    flow->start = trial->start + start;
    trial->flows[trial->flow_count++] = flow;
}

void trial_set_path(trial_t *trial, const trial_path_t *path)
{
    set_lines(trial, path);
}

link_packet_t *trial_packet(trial_t *trial, const trial_flow_t *flow, size_t data_length, size_t ip_length)
{
    size_t needed = sizeof(tag_t) + data_length;
    link_packet_t *packet =
        link_packet_new(&trial->pool, ip_length > needed ? ip_length : needed); /* the tag has the room of IP's header */
    if (packet == NULL)
        abort();
    tag_t tag = {.flow = (uint32_t)flow->index, .length = (uint32_t)data_length};
    memcpy(packet->data, &tag, sizeof tag);
    packet->length = (uint32_t)ip_length;
    return packet;
}

uint8_t *trial_packet_data(link_packet_t *packet)
{
    return packet->data + sizeof(tag_t);
}

static double chance(trial_t *trial)
{
    trial->random ^= trial->random << 13;
    trial->random ^= trial->random >> 7;
    trial->random ^= trial->random << 17;
    return (double)(trial->random >> 11) * 0x1p-53;
}

void trial_send(trial_t *trial, bool is_forward, link_packet_t *packet)
{
    if (packet->length > trial->path.mtu) {
        trial->too_large++;
        link_packet_free(&trial->pool, packet);
    } else {
        link_push(&trial->line[is_forward], trial->now, packet);
    }
}

void trial_received(trial_t *trial, trial_flow_t *flow, size_t bytes)
{
    flow->received += bytes;
    size_t second = (size_t)((trial->now - trial->start) / PEER_SECOND);
    if (second < TRIAL_SECONDS_MAX)
        flow->received_in[second] += bytes;
}

static void deliver(trial_t *trial, bool is_forward, link_packet_t *packet)
{
    tag_t tag;
    memcpy(&tag, packet->data, sizeof tag);
    trial_flow_t *flow = trial->flows[tag.flow];
    flow->ops->on_packet(flow, trial, is_forward, trial_packet_data(packet), tag.length);
    link_packet_free(&trial->pool, packet);
}

static void arrive(trial_t *trial)
{
    link_packet_t *packet;
    while ((packet = link_pop(&trial->line[1], trial->now)) != NULL) {
        if (trial->path.reordering > 0 && chance(trial) < trial->path.reordering)
            link_push(&trial->detour, trial->now, packet);
        else
            deliver(trial, true, packet);
    }
    while ((packet = link_pop(&trial->detour, trial->now)) != NULL)
        deliver(trial, true, packet);
    while ((packet = link_pop(&trial->line[0], trial->now)) != NULL)
        deliver(trial, false, packet);
    for (size_t i = 0; trial->path.batch > 0 && i < trial->flow_count; i++)
        if (trial->flows[i]->ops->on_batch != NULL)
            trial->flows[i]->ops->on_batch(trial->flows[i], trial);
}

static peer_time_t next_arrival(const trial_t *trial)
{
    peer_time_t next = time_earlier(link_deadline(&trial->line[0]), link_deadline(&trial->line[1]));
    next = time_earlier(next, link_deadline(&trial->detour));
    if (trial->path.batch > 0 && next < PEER_TIME_NEVER)
        next = (next + trial->path.batch - 1) / trial->path.batch * trial->path.batch;
    return next;
}

void trial_run(trial_t *trial, peer_time_t until)
{
    until += trial->start;
    for (size_t steps = 0;; steps++) {
        peer_time_t arrival = next_arrival(trial), next = arrival;
        for (size_t i = 0; i < trial->flow_count; i++) {
            next = time_earlier(next, trial->flows[i]->ops->deadline(trial->flows[i]));
        }
        if (next >= until)
            break;
        if (next > trial->now) {
            trial->now = next;
            steps = 0;
        } else if (steps == STEPS_MOST) {
            abort(); /* time stands still */
        }
        if (arrival <= trial->now)
            arrive(trial);
        for (size_t i = 0; i < trial->flow_count; i++) {
            trial_flow_t *flow = trial->flows[i];
            if (flow->ops->deadline(flow) <= trial->now)
                flow->ops->on_time(flow, trial);
        }
    }
    trial->now = until;
}

double trial_mbps(const trial_flow_t *flow, size_t from, size_t to)
{
    uint64_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += flow->received_in[i];
    return (double)bytes * 8e-6 / (double)(to - from);
}
