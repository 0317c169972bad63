/* What was lost, by the time at which it left (RFC 8985), and the timers: reordering, loss probe, retransmission. */
#include "sctp/sender_private.h"

#define RTO_INITIAL (500 * PEER_MILLISECOND)
#define RTO_LEAST_VARIANCE (200 * PEER_MILLISECOND) /* a delayed acknowledgement's worth above the round trip */
#define RTO_MAX PEER_SECOND                         /* one packet a second costs a path nothing, and finds it back soon after an outage */
#define RTO_UTMOST (60 * PEER_SECOND)               /* of a path whose round trip is beyond RTO_MAX */
#define PROBE_LEAST PEER_MILLISECOND
#define REORDER_PACKETS 3u /* RFC 9260 §7.2.4 */
#define PROBE_SEARCH 8u

peer_time_t sender_rto(const sctp_sender_t *sender)
{
    const congestion_t *c = &sender->congestion;
    peer_time_t rto = RTO_INITIAL, most = RTO_MAX;
    if (c->smoothed_rtt > 0) {
        peer_time_t variance = 4 * c->rtt_variation;
        rto = c->smoothed_rtt + (variance > RTO_LEAST_VARIANCE ? variance : RTO_LEAST_VARIANCE);
        most = rto > RTO_MAX ? time_earlier(rto, RTO_UTMOST) : RTO_MAX;
    }
    unsigned shift = sender->backoff < 8 ? sender->backoff : 8;
    return time_earlier(rto << shift, most);
}

/* RFC 8985 §7.2 */
static peer_time_t probe_time(const sctp_sender_t *sender)
{
    const congestion_t *c = &sender->congestion;
    const outstanding_t *ring = &sender->ring;
    if (sender->probes >= SENDER_PROBES || ring->flying == 0 || c->smoothed_rtt == 0 || sender->is_probe_due)
        return PEER_TIME_NEVER;
    if (ring->lost > 0 && sender->hold == 0)
        return PEER_TIME_NEVER;
    peer_time_t wait = 2 * c->smoothed_rtt;
    if (outstanding_get(ring, ring->oldest)->packet == outstanding_get(ring, ring->newest)->packet)
        wait += sender->patience > 4 * c->rtt_variation ? sender->patience : 4 * c->rtt_variation;
    if (wait < PROBE_LEAST)
        wait = PROBE_LEAST;
    return sender->last_sent + (wait << sender->probes);
}

static peer_time_t retransmission_time(const sctp_sender_t *sender)
{
    return sender->ring.flying > 0 ? sender->timer_start + sender_rto(sender) : PEER_TIME_NEVER;
}

peer_time_t sender_timer(const sctp_sender_t *sender)
{
    peer_time_t deadline = time_earlier(sender->reorder_deadline, retransmission_time(sender));
    deadline = time_earlier(deadline, probe_time(sender));
    if (sender->hold != 0)
        deadline = time_earlier(deadline, sender->hold);
    return deadline;
}

/* ---- reordering ---- */

static peer_time_t reorder_window(const sctp_sender_t *sender)
{
    const congestion_t *c = &sender->congestion;
    return time_earlier(c->least_rtt / 4 * sender->reorder_steps, c->smoothed_rtt);
}

/* Something was needlessly sent again: more patience (RFC 8985 §6.2 step 4), and the reduction was wrong when all of them are such. */
void sender_disprove_loss(sctp_sender_t *sender)
{
    if (!sender->can_undo || sender->undo_left == 0 || --sender->undo_left > 0)
        return;
    sender->can_undo = false;
    sender->stats.spurious++;
    congestion_undo(&sender->congestion);
    sender->is_recovering = false;
    sender->recovery_point = sender->ring.base;
}

/* ---- loss ---- */

static void lose(sctp_sender_t *sender, peer_time_t now, outstanding_chunk_t *chunk, sender_news_t *news)
{
    if (chunk->packet_size > news->lost)
        news->lost = chunk->packet_size;
    news->losses++;
    if ((int32_t)(chunk->packet - sender->reduced_packet) >= 0)
        sender->is_lost_anew = true;
    sender->undo_left++;
    outstanding_move(&sender->ring, chunk, OUTSTANDING_LOST);
    if (!sender_may_send_again(sender, chunk, now))
        sender_abandon(sender, chunk->message);
}

/* What the last report had no room for may have arrived. It is not in flight any more, as far as others have come that were sent after it.
 */
static bool is_unreported(const sctp_sender_t *sender, const outstanding_chunk_t *chunk)
{
    return sender->is_report_full && !sctp_tsn_before(chunk->tsn, sender->report_end);
}

/* Reports tell of these by now. */
void sender_judge_unknown(sctp_sender_t *sender, peer_time_t now, uint32_t from, uint32_t to, sender_news_t *news)
{
    for (uint32_t tsn = from; sender->ring.unknown > 0 && tsn != to; tsn++) {
        outstanding_chunk_t *chunk = outstanding_get(&sender->ring, tsn);
        if (chunk->state == OUTSTANDING_UNKNOWN)
            lose(sender, now, chunk, news);
    }
}

/* RFC 8985 §6.2 step 5: what left before something that has arrived, and is late by more than reordering explains. */
void sender_find_losses(sctp_sender_t *sender, peer_time_t now, sender_news_t *news)
{
    sender->reorder_deadline = PEER_TIME_NEVER;
    if (!sender->has_arrived)
        return;
    peer_time_t window = reorder_window(sender);
    while (sender->ring.flying > 0) {
        outstanding_chunk_t *chunk = outstanding_get(&sender->ring, sender->ring.oldest);
        uint32_t behind = sender->arrived_packet - chunk->packet;
        if ((int32_t)behind <= 0)
            break;
        bool is_patient = sender->is_reordering_seen || (behind < REORDER_PACKETS && !sender->is_recovering);
        peer_time_t due = chunk->sent_at + sender->arrived_rtt + (is_patient ? window : 0);
        if (due > now) {
            sender->reorder_deadline = due;
            break;
        }
        if (is_unreported(sender, chunk))
            outstanding_move(&sender->ring, chunk, OUTSTANDING_UNKNOWN);
        else
            lose(sender, now, chunk, news);
    }
}

/* One reduction for all that is lost of what was in flight (RFC 9260 §7.2.4, RFC 9438 §4.6); what left after it, first or again, and is
 * lost calls for another (RFC 9002 §7.3.2): else a window that is much too large would stay so while all of it is sent again and again. */
static void begin_recovery(sctp_sender_t *sender, peer_time_t now)
{
    congestion_on_loss(&sender->congestion, now, sender->ring.in_flight);
    sender->is_recovering = true;
    sender->is_after_timeout = false;
    sender->is_lost_anew = false;
    sender->can_undo = true;
    sender->recovery_point = sender->ring.next;
    sender->reduced_packet = sender->packet;
}

void sender_react_to_losses(sctp_sender_t *sender, peer_time_t now, const sender_news_t *news)
{
    bool is_probe_needed = news->is_probe_needed && !sender->is_recovering && !sender->is_after_timeout;
    if (!is_probe_needed && (news->losses == 0 || !sender->is_lost_anew))
        return;
    sender->undo_left = news->losses > 0 ? news->losses : 1;
    begin_recovery(sender, now);
}

void sender_end_recovery(sctp_sender_t *sender, peer_time_t now)
{
    if (!sender->is_recovering && !sender->is_after_timeout) {
        sender->recovery_point = sender->ring.base;
        return;
    }
    if (sctp_tsn_before(sender->ring.base, sender->recovery_point))
        return;
    if (sender->is_recovering) {
        congestion_on_recovered(&sender->congestion, now);
        if (sender->reorder_recoveries > 0 && --sender->reorder_recoveries == 0)
            sender->reorder_steps = 1;
    }
    sender->is_recovering = false;
    sender->is_after_timeout = false;
    if (sender->is_lost_anew && sender->ring.lost > 0) {
        sender->undo_left = sender->ring.lost;
        begin_recovery(sender, now);
    }
    sender->is_lost_anew = false;
}

/* ---- the retransmission timer ---- */

/* RFC 8985 §6.3: the first chunk is lost, and what had the time to arrive; the rest may yet. */
static void lose_by_timer(sctp_sender_t *sender, peer_time_t now, sender_news_t *news)
{
    outstanding_t *ring = &sender->ring;
    peer_time_t rtt = sender->has_arrived ? sender->arrived_rtt : sender->congestion.smoothed_rtt;
    bool is_first = true;
    while (ring->flying > 0) {
        outstanding_chunk_t *chunk = outstanding_get(ring, ring->oldest);
        if (!is_first && chunk->sent_at + rtt + reorder_window(sender) > now)
            break;
        chunk->flags |= OUTSTANDING_TIMED_OUT;
        lose(sender, now, chunk, news);
        is_first = false;
    }
}

/* What gap blocks told does not count any more: the receiver may have dropped it (RFC 9260 §6.2.1, §6.3.3). */
static void distrust_gaps(sctp_sender_t *sender)
{
    outstanding_t *ring = &sender->ring;
    for (size_t i = 0; i < ring->run_count; i++)
        for (uint32_t tsn = ring->runs[i].first; tsn != ring->runs[i].last + 1; tsn++) {
            outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
            if (chunk->state == OUTSTANDING_ARRIVED)
                outstanding_move(ring, chunk, OUTSTANDING_LOST);
        }
    ring->run_count = 0;
    outstanding_lose_unknown(ring);
}

static void time_out(sctp_sender_t *sender, peer_time_t now, sender_news_t *news)
{
    outstanding_t *ring = &sender->ring;
    /* The receiver's window is full, and it says so: no loss of the path's (RFC 9260 §6.1 A). */
    bool is_window_probe = sender->remote_window < sender->mtu && outstanding_count(ring) == 1;
    uint64_t in_flight = ring->in_flight;
    sender->undo_left = 0;
    lose_by_timer(sender, now, news);
    sender->timer_start = now;
    sender->backoff++;
    sender->probes = 0;
    sender->is_probe_due = false;
    sender->is_forced = true;
    sender->stats.timeouts++;
    if (is_window_probe)
        return;
    if (sender->backoff > 2)
        distrust_gaps(sender);
    congestion_on_timeout(&sender->congestion, now, in_flight);
    sender->is_recovering = false;
    sender->is_after_timeout = true;
    sender->is_lost_anew = false;
    sender->can_undo = false;
    sender->recovery_point = ring->next;
    sender->reduced_packet = sender->packet;
}

/* Something that was not sent again has arrived after all (RFC 5682 in spirit): the timer was too early. */
void sender_disprove_timeout(sctp_sender_t *sender)
{
    outstanding_t *ring = &sender->ring;
    sender->stats.spurious++;
    congestion_undo(&sender->congestion);
    sender->is_after_timeout = false;
    sender->recovery_point = ring->base;
    sender->is_forced = false;
    sender->backoff = 0;
    for (uint32_t tsn = ring->next; ring->lost > 0 && tsn != ring->base; tsn--) {
        outstanding_chunk_t *chunk = outstanding_get(ring, tsn - 1);
        if (chunk->state != OUTSTANDING_LOST || (chunk->flags & OUTSTANDING_TIMED_OUT) == 0)
            continue;
        chunk->flags &= (uint8_t)~OUTSTANDING_TIMED_OUT;
        outstanding_restore(ring, chunk);
    }
}

size_t sender_probe_length(const sctp_sender_t *sender)
{
    const outstanding_t *ring = &sender->ring;
    uint32_t tsn = ring->newest;
    size_t longest = 0;
    for (uint32_t i = 0; i < ring->flying && i < PROBE_SEARCH; i++) {
        const outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
        longest = chunk->length > longest ? chunk->length : longest;
        tsn = chunk->older;
    }
    return longest;
}

/* RFC 8985 §7.3: of what is in flight the last that may be sent again. */
outstanding_chunk_t *sender_probe_chunk(const sctp_sender_t *sender, peer_time_t now)
{
    const outstanding_t *ring = &sender->ring;
    uint32_t tsn = ring->newest;
    for (uint32_t i = 0; i < ring->flying && i < PROBE_SEARCH; i++) {
        outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
        if (sender_may_send_again(sender, chunk, now))
            return chunk;
        tsn = chunk->older;
    }
    return NULL;
}

void sctp_sender_timeout(sctp_sender_t *sender, peer_time_t now, size_t *lost)
{
    sender_news_t news = {0};
    sender->is_ring_stuck = false;
    if (sender->hold != 0 && sender->hold <= now)
        sender->hold = 0; /* what left on the old path has not come by now */
    if (sender->reorder_deadline <= now)
        sender_find_losses(sender, now, &news);
    sender_react_to_losses(sender, now, &news);
    if (retransmission_time(sender) <= now) {
        time_out(sender, now, &news);
    } else if (probe_time(sender) <= now) {
        bool is_possible = send_queue_next(&sender->queue) != NULL || sender_probe_chunk(sender, now) != NULL;
        sender->probes = is_possible ? sender->probes + 1 : SENDER_PROBES;
        sender->timer_start = is_possible ? now : sender->timer_start;
        sender->is_probe_due = is_possible;
    }
    if (sender->forward_deadline <= now) {
        sender->is_forward_due = true;
        sender->forward_deadline = PEER_TIME_NEVER;
    }
    *lost = news.lost;
}
