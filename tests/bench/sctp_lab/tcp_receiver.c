/* The receiving half: cumulative and selective acknowledgements (RFC 2018), for every second segment, at once when something is missing. */
#include "tcp_private.h"

#include <stdlib.h>
#include <string.h>

#define QUICK_ACKNOWLEDGEMENTS 16
#define DELAY (40 * PEER_MILLISECOND)

static size_t range_of(const tcp_receiver_t *receiver, uint32_t sequence)
{
    size_t low = 0, high = receiver->range_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (receiver->ranges[middle].end <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_range(tcp_receiver_t *receiver, size_t index)
{
    receiver->range_count--;
    memmove(&receiver->ranges[index], &receiver->ranges[index + 1], (receiver->range_count - index) * sizeof receiver->ranges[0]);
}

/* Beyond the next one; false: a duplicate. */
static bool keep(tcp_receiver_t *receiver, uint32_t sequence)
{
    tcp_block_t *ranges = receiver->ranges;
    size_t at = range_of(receiver, sequence);
    if (at < receiver->range_count && ranges[at].first <= sequence)
        return false;
    bool joins_left = at > 0 && ranges[at - 1].end == sequence;
    bool joins_right = at < receiver->range_count && ranges[at].first == sequence + 1;
    if (joins_left && joins_right) {
        ranges[at - 1].end = ranges[at].end;
        remove_range(receiver, at);
    } else if (joins_left) {
        ranges[at - 1].end++;
    } else if (joins_right) {
        ranges[at].first--;
    } else {
        if (receiver->range_count == TCP_RANGES)
            abort();
        memmove(&ranges[at + 1], &ranges[at], (receiver->range_count - at) * sizeof ranges[0]);
        ranges[at] = (tcp_block_t){sequence, sequence + 1};
        receiver->range_count++;
    }
    return true;
}

/* Ascending blocks of what came last, the latest first. */
static void remember(tcp_receiver_t *receiver, uint32_t sequence)
{
    size_t index = range_of(receiver, sequence), from = 0;
    while (from < TCP_BLOCKS - 1) {
        uint32_t other = receiver->recent[from];
        if (other >= receiver->ranges[index].first && other < receiver->ranges[index].end)
            break;
        from++;
    }
    memmove(&receiver->recent[1], &receiver->recent[0], from * sizeof receiver->recent[0]);
    receiver->recent[0] = sequence;
}

void tcp_receiver_acknowledge(tcp_flow_t *flow, trial_t *trial)
{
    tcp_receiver_t *receiver = &flow->receiver;
    tcp_wire_t wire = {.acknowledged = receiver->next};
    for (size_t i = 0; i < TCP_BLOCKS && receiver->range_count > 0; i++) {
        size_t index = range_of(receiver, receiver->recent[i]);
        if (index < receiver->range_count && receiver->ranges[index].first <= receiver->recent[i])
            wire.blocks[wire.block_count++] = receiver->ranges[index];
    }
    receiver->pending = 0;
    receiver->delayed = PEER_TIME_NEVER;
    size_t blocks = wire.block_count > 0 ? 4 + 8 * wire.block_count : 0;
    link_packet_t *packet = trial_packet(trial, &flow->base, sizeof wire, TCP_IP_ACK + blocks);
    memcpy(trial_packet_data(packet), &wire, sizeof wire);
    trial_send(trial, false, packet);
}

void tcp_receiver_on_data(tcp_flow_t *flow, trial_t *trial, uint32_t sequence)
{
    tcp_receiver_t *receiver = &flow->receiver;
    bool had_gap = receiver->range_count > 0, is_new = true;
    if (sequence == receiver->next) {
        receiver->next++;
        if (receiver->range_count > 0 && receiver->ranges[0].first == receiver->next) {
            receiver->next = receiver->ranges[0].end;
            remove_range(receiver, 0);
        }
    } else if (sequence < receiver->next || !keep(receiver, sequence)) {
        is_new = false;
    } else {
        remember(receiver, sequence);
    }
    if (is_new)
        trial_received(trial, &flow->base, TCP_SEGMENT);
    receiver->pending++;
    bool is_quick = receiver->quick < QUICK_ACKNOWLEDGEMENTS;
    receiver->quick += is_quick;
    if (had_gap || receiver->range_count > 0 || !is_new || is_quick || receiver->pending >= 2)
        tcp_receiver_acknowledge(flow, trial);
    else if (receiver->delayed == PEER_TIME_NEVER)
        receiver->delayed = trial->now + DELAY;
}
