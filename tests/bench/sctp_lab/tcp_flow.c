/* The sending half of the model of TCP: what is lost (RFC 8985), how much leaves (RFC 6937), the timers (RFC 6298 with Linux's bounds). */
#include "tcp_flow.h"

#include "tcp_private.h"

#include <stdlib.h>
#include <string.h>

#define INITIAL_WINDOW 10
#define REORDER_SEGMENTS 3
#define RTO_LEAST (200 * PEER_MILLISECOND)
#define RTO_INITIAL PEER_SECOND
#define RTO_MAX (120 * PEER_SECOND)
#define DELAYED_ACKNOWLEDGEMENT (200 * PEER_MILLISECOND)
#define NONE TCP_RING

static tcp_segment_t *segment(tcp_sender_t *sender, uint32_t sequence)
{
    return &sender->ring[sequence & (TCP_RING - 1)];
}

static uint32_t in_flight(const tcp_sender_t *sender)
{
    return sender->next - sender->first - sender->sacked - sender->lost + sender->resent;
}

/* ---- the list by time of sending ---- */

static void unlist(tcp_sender_t *sender, uint32_t sequence)
{
    tcp_segment_t *s = segment(sender, sequence);
    if (!s->is_listed)
        return;
    if (s->older != NONE)
        sender->ring[s->older].newer = s->newer;
    else
        sender->oldest = s->newer;
    if (s->newer != NONE)
        sender->ring[s->newer].older = s->older;
    else
        sender->newest = s->older;
    s->is_listed = false;
}

static void list(tcp_sender_t *sender, uint32_t sequence)
{
    tcp_segment_t *s = segment(sender, sequence);
    unlist(sender, sequence);
    s->older = sender->newest;
    s->newer = NONE;
    if (sender->newest != NONE)
        sender->ring[sender->newest].newer = sequence & (TCP_RING - 1);
    else
        sender->oldest = sequence & (TCP_RING - 1);
    sender->newest = sequence & (TCP_RING - 1);
    s->is_listed = true;
}

/* ---- sending ---- */

static peer_time_t rto(const tcp_sender_t *sender)
{
    peer_time_t time = RTO_INITIAL;
    if (sender->smoothed_rtt > 0)
        time = sender->smoothed_rtt + (4 * sender->rtt_variation > RTO_LEAST ? 4 * sender->rtt_variation : RTO_LEAST);
    return time_earlier(time << sender->backoff, RTO_MAX);
}

static void set_timer(tcp_sender_t *sender, peer_time_t now)
{
    sender->is_probing = false;
    if (sender->first == sender->next) {
        sender->timer = PEER_TIME_NEVER;
        return;
    }
    sender->timer = now + rto(sender);
    bool is_open = !sender->is_recovering && !sender->is_after_timeout && sender->sacked == 0;
    if (is_open && sender->smoothed_rtt > 0 && sender->backoff == 0) { /* RFC 8985 §7.2 */
        peer_time_t probe = 2 * sender->smoothed_rtt + (in_flight(sender) == 1 ? DELAYED_ACKNOWLEDGEMENT : 2 * PEER_MILLISECOND);
        if (now + probe < sender->timer) {
            sender->timer = now + probe;
            sender->is_probing = true;
        }
    }
}

static void transmit(tcp_flow_t *flow, trial_t *trial, uint32_t sequence)
{
    tcp_sender_t *sender = &flow->sender;
    tcp_segment_t *s = segment(sender, sequence);
    s->sent_at = trial->now;
    list(sender, sequence);
    sender->stats.sent++;
    sender->prr_out++;
    tcp_wire_t wire = {.sequence = sequence};
    link_packet_t *packet = trial_packet(trial, &flow->base, sizeof wire, TCP_IP_SEGMENT);
    memcpy(trial_packet_data(packet), &wire, sizeof wire);
    trial_send(trial, true, packet);
}

static void transmit_new(tcp_flow_t *flow, trial_t *trial)
{
    tcp_sender_t *sender = &flow->sender;
    if (sender->next - sender->first >= TCP_RING)
        abort();
    *segment(sender, sender->next) = (tcp_segment_t){.state = TCP_FLYING};
    transmit(flow, trial, sender->next++);
}

static void transmit_all(tcp_flow_t *flow, trial_t *trial)
{
    tcp_sender_t *sender = &flow->sender;
    while (in_flight(sender) < sender->window && sender->lost > sender->resent) {
        while (segment(sender, sender->lost_hint)->state != TCP_LOST)
            sender->lost_hint++;
        tcp_segment_t *s = segment(sender, sender->lost_hint);
        s->state = TCP_RESENT;
        s->was_resent = true;
        sender->resent++;
        sender->stats.retransmitted++;
        transmit(flow, trial, sender->lost_hint);
    }
    while (in_flight(sender) < sender->window && (sender->window_limit == 0 || sender->next - sender->first < sender->window_limit))
        transmit_new(flow, trial);
    if (sender->timer == PEER_TIME_NEVER)
        set_timer(sender, trial->now);
}

/* ---- loss ---- */

static void lose(tcp_sender_t *sender, uint32_t sequence)
{
    tcp_segment_t *s = segment(sender, sequence);
    unlist(sender, sequence);
    if (s->state == TCP_RESENT)
        sender->resent--;
    else
        sender->lost++;
    s->state = TCP_LOST;
    if ((int32_t)(sequence - sender->lost_hint) < 0)
        sender->lost_hint = sequence;
}

static uint32_t sequence_of(const tcp_sender_t *sender, uint32_t slot)
{
    return sender->first + ((slot - sender->first) & (TCP_RING - 1));
}

/* RFC 8985 §6.2; how many were lost. */
static uint32_t find_losses(tcp_sender_t *sender, peer_time_t now)
{
    uint32_t count = 0;
    bool is_patient = !sender->is_recovering && !sender->is_after_timeout && sender->sacked < REORDER_SEGMENTS;
    peer_time_t window = is_patient ? sender->least_rtt / 4 : 0;
    sender->reorder_deadline = PEER_TIME_NEVER;
    while (sender->oldest != NONE && sender->rack_sent > 0) {
        tcp_segment_t *s = &sender->ring[sender->oldest];
        uint32_t sequence = sequence_of(sender, sender->oldest);
        bool is_before =
            s->sent_at < sender->rack_sent || (s->sent_at == sender->rack_sent && (int32_t)(sequence - sender->rack_sequence) < 0);
        if (!is_before)
            break;
        peer_time_t due = s->sent_at + sender->rack_rtt + window;
        if (due > now) {
            sender->reorder_deadline = due;
            break;
        }
        lose(sender, sequence);
        count++;
    }
    return count;
}

static void begin_recovery(tcp_sender_t *sender)
{
    sender->stats.recoveries++;
    sender->is_recovering = true;
    sender->recovery_end = sender->next;
    sender->prior_window = sender->window;
    sender->threshold = tcp_cubic_on_loss(&sender->cubic, sender->window);
    sender->prr_delivered = sender->prr_out = 0;
    sender->window_count = 0;
}

static void reduce_in_proportion(tcp_sender_t *sender, uint32_t delivered, uint32_t lost, bool has_advanced)
{
    if (delivered == 0)
        return;
    int64_t flight = in_flight(sender), delta = (int64_t)sender->threshold - flight, count;
    sender->prr_delivered += delivered;
    if (delta < 0) {
        uint64_t dividend = (uint64_t)sender->threshold * sender->prr_delivered + sender->prior_window - 1;
        count = (int64_t)(dividend / sender->prior_window) - sender->prr_out;
    } else {
        count = (int64_t)sender->prr_delivered - sender->prr_out;
        if (count < delivered)
            count = delivered;
        if (has_advanced && lost == 0)
            count++;
        if (count > delta)
            count = delta;
    }
    if (count < (sender->prr_out == 0 ? 1 : 0))
        count = sender->prr_out == 0 ? 1 : 0;
    sender->window = (uint32_t)(flight + count);
}

/* ---- acknowledgements ---- */

typedef struct news {
    uint32_t delivered;
    peer_time_t rtt; /* of a segment sent once; 0: none */
} news_t;

static void deliver(tcp_sender_t *sender, peer_time_t now, uint32_t sequence, news_t *news)
{
    tcp_segment_t *s = segment(sender, sequence);
    unlist(sender, sequence);
    if (s->state == TCP_LOST || s->state == TCP_RESENT)
        sender->lost--;
    if (s->state == TCP_RESENT)
        sender->resent--;
    news->delivered++;
    peer_time_t rtt = now - s->sent_at;
    if (!s->was_resent)
        news->rtt = rtt;
    else if (rtt < sender->least_rtt)
        return; /* of the first transmission, most likely */
    if (s->sent_at > sender->rack_sent || (s->sent_at == sender->rack_sent && (int32_t)(sequence - sender->rack_sequence) > 0)) {
        sender->rack_sent = s->sent_at;
        sender->rack_sequence = sequence;
        sender->rack_rtt = rtt;
    }
}

static void read_block(tcp_sender_t *sender, peer_time_t now, tcp_block_t block, news_t *news)
{
    /* What an earlier block told already is skipped. */
    uint32_t from = block.first;
    for (size_t i = 0; i <= TCP_BLOCKS; i++)
        if (sender->seen[i].first <= from && from < sender->seen[i].end)
            from = sender->seen[i].end;
    for (uint32_t sequence = from; sequence < block.end; sequence++) {
        if (sequence < sender->first || segment(sender, sequence)->state == TCP_SACKED)
            continue;
        deliver(sender, now, sequence, news);
        segment(sender, sequence)->state = TCP_SACKED;
        sender->sacked++;
    }
    memmove(&sender->seen[1], &sender->seen[0], TCP_BLOCKS * sizeof sender->seen[0]);
    sender->seen[0] = block;
}

static void measure(tcp_sender_t *sender, peer_time_t now, peer_time_t rtt)
{
    if (sender->smoothed_rtt == 0) {
        sender->smoothed_rtt = rtt;
        sender->rtt_variation = rtt / 2;
        sender->least_rtt = rtt;
    }
    peer_time_t difference = rtt > sender->smoothed_rtt ? rtt - sender->smoothed_rtt : sender->smoothed_rtt - rtt;
    sender->rtt_variation += (difference - sender->rtt_variation) / 4;
    sender->smoothed_rtt += (rtt - sender->smoothed_rtt) / 8;
    sender->least_rtt = time_earlier(sender->least_rtt, rtt);
    tcp_cubic_on_rtt(sender, now, rtt);
}

static void on_acknowledgement(tcp_flow_t *flow, trial_t *trial, const tcp_wire_t *wire)
{
    tcp_sender_t *sender = &flow->sender;
    news_t news = {0};
    uint32_t advanced = 0;
    while (sender->first < wire->acknowledged) {
        tcp_segment_t *s = segment(sender, sender->first);
        if (s->state == TCP_SACKED)
            sender->sacked--;
        else
            deliver(sender, trial->now, sender->first, &news);
        sender->first++;
        advanced++;
    }
    if ((int32_t)(sender->first - sender->lost_hint) > 0)
        sender->lost_hint = sender->first;
    for (uint32_t i = wire->block_count; i > 0; i--)
        read_block(sender, trial->now, wire->blocks[i - 1], &news);
    if (news.rtt > 0)
        measure(sender, trial->now, news.rtt);
    uint32_t lost = find_losses(sender, trial->now);

    if ((sender->is_recovering || sender->is_after_timeout) && sender->first >= sender->recovery_end) {
        if (sender->is_recovering)
            sender->window = sender->threshold;
        sender->is_recovering = sender->is_after_timeout = false;
    }
    if (lost > 0 && !sender->is_recovering && !sender->is_after_timeout)
        begin_recovery(sender);
    if (sender->is_recovering)
        reduce_in_proportion(sender, news.delivered, lost, advanced > 0);
    else if (advanced > 0)
        tcp_cubic_grow(sender, trial->now, advanced);
    if (advanced > 0) {
        sender->backoff = 0;
        set_timer(sender, trial->now);
    }
    transmit_all(flow, trial);
}

static void time_out(tcp_flow_t *flow, trial_t *trial)
{
    tcp_sender_t *sender = &flow->sender;
    if (sender->is_probing) {
        transmit_new(flow, trial);
        sender->is_probing = false;
        sender->timer = trial->now + rto(sender);
        return;
    }
    sender->stats.timeouts++;
    for (uint32_t sequence = sender->first; sequence < sender->next; sequence++) {
        uint8_t state = segment(sender, sequence)->state;
        if (state == TCP_FLYING || state == TCP_RESENT)
            lose(sender, sequence);
    }
    if (!sender->is_after_timeout) {
        sender->threshold = tcp_cubic_on_loss(&sender->cubic, sender->window);
        tcp_cubic_on_timeout(&sender->cubic);
    }
    sender->window = 1;
    sender->window_count = 0;
    sender->is_recovering = false;
    sender->is_after_timeout = true;
    sender->recovery_end = sender->next;
    sender->rack_sent = 0;
    sender->backoff = sender->backoff < 10 ? sender->backoff + 1 : 10;
    transmit_all(flow, trial);
    set_timer(sender, trial->now);
}

/* ---- the flow ---- */

static void on_packet(trial_flow_t *base, trial_t *trial, bool is_forward, const uint8_t *data, size_t length)
{
    tcp_flow_t *flow = (tcp_flow_t *)base;
    tcp_wire_t wire;
    if (length != sizeof wire)
        abort();
    memcpy(&wire, data, sizeof wire);
    if (is_forward)
        tcp_receiver_on_data(flow, trial, wire.sequence);
    else
        on_acknowledgement(flow, trial, &wire);
}

static void on_time(trial_flow_t *base, trial_t *trial)
{
    tcp_flow_t *flow = (tcp_flow_t *)base;
    tcp_sender_t *sender = &flow->sender;
    if (flow->receiver.delayed <= trial->now)
        tcp_receiver_acknowledge(flow, trial);
    if (sender->next == 0)
        transmit_all(flow, trial);
    if (sender->reorder_deadline <= trial->now) {
        uint32_t lost = find_losses(sender, trial->now);
        if (lost > 0 && !sender->is_recovering && !sender->is_after_timeout) {
            begin_recovery(sender);
            sender->window = in_flight(sender) + 1;
        }
        transmit_all(flow, trial);
    }
    if (sender->timer <= trial->now)
        time_out(flow, trial);
}

static peer_time_t deadline(const trial_flow_t *base)
{
    const tcp_flow_t *flow = (const tcp_flow_t *)base;
    const tcp_sender_t *sender = &flow->sender;
    if (sender->next == 0)
        return base->start;
    return time_earlier(time_earlier(sender->timer, sender->reorder_deadline), flow->receiver.delayed);
}

static void release(trial_flow_t *base)
{
    tcp_flow_t *flow = (tcp_flow_t *)base;
    free(flow->sender.ring);
    free(flow);
}

static const trial_flow_ops_t ops = {on_packet, on_time, NULL, deadline, release};

trial_flow_t *tcp_flow_new(uint32_t window_limit)
{
    tcp_flow_t *flow = calloc(1, sizeof *flow);
    if (flow == NULL)
        abort();
    flow->base.ops = &ops;
    flow->sender.ring = calloc(TCP_RING, sizeof *flow->sender.ring);
    if (flow->sender.ring == NULL)
        abort();
    flow->sender.oldest = flow->sender.newest = NONE;
    flow->sender.window = INITIAL_WINDOW;
    flow->sender.threshold = UINT32_MAX;
    flow->sender.window_limit = window_limit;
    flow->sender.timer = flow->sender.reorder_deadline = PEER_TIME_NEVER;
    flow->receiver.delayed = PEER_TIME_NEVER;
    return &flow->base;
}

void tcp_flow_stats_get(const trial_flow_t *base, tcp_flow_stats_t *stats)
{
    const tcp_sender_t *sender = &((const tcp_flow_t *)base)->sender;
    *stats = sender->stats;
    stats->window = sender->window;
    stats->threshold = sender->threshold;
    stats->smoothed_rtt = sender->smoothed_rtt;
}
