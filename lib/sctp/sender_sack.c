/* What arrived: selective acknowledgements (RFC 9260 §6.2.1). Gap blocks are compared with those of before, so that the cost follows what
 * changed. */
#include "sctp/sender_private.h"

#include "base/memory.h"

#define PATIENCE_MOST (200 * PEER_MILLISECOND) /* RFC 9260 §6.2: longer is no acknowledgement delayed */
#define REORDER_STEPS_MOST 16u
#define REORDER_RECOVERIES 16u /* RFC 8985 §6.2 step 4 */

/* It was sent again for nothing: the reordering window widens once a round trip. */
static void note_needless(sctp_sender_t *sender, peer_time_t now, uint32_t tsn)
{
    sender_repeated_t *repeated = sender->repeated != NULL ? &sender->repeated[tsn % SENDER_REPEATED] : NULL;
    if (repeated == NULL || repeated->tsn != tsn || !repeated->is_valid)
        return;
    repeated->is_valid = false;
    sender_disprove_loss(sender);
    if (repeated->is_probe) {
        sender->patience = time_earlier(2 * sender->patience, PATIENCE_MOST);
        return;
    }
    sender->is_reordering_seen = true;
    sender->reorder_recoveries = REORDER_RECOVERIES;
    if (now - sender->reorder_raised >= sender->congestion.smoothed_rtt && sender->reorder_steps < REORDER_STEPS_MOST) {
        sender->reorder_steps++;
        sender->reorder_raised = now;
    }
}

/* RFC 8985 §6.2 steps 1–3 for one chunk of which the arrival was not known. */
static void on_arrival(sctp_sender_t *sender, peer_time_t now, const outstanding_chunk_t *chunk, sender_news_t *news)
{
    news->is_anything = true;
    if (chunk->state == OUTSTANDING_ABANDONED)
        return;
    if ((chunk->flags & OUTSTANDING_UNTIMED) == 0) /* on this path */
        news->bytes += chunk->bytes;
    peer_time_t rtt = now - chunk->sent_at;
    bool is_sent_once = chunk->transmissions == 1;
    /* Too soon for the last transmission, even if that was smaller: an earlier one has arrived. */
    bool is_ambiguous = !is_sent_once && rtt < sender->congestion.least_rtt / 2;
    if (chunk->state == OUTSTANDING_LOST) {
        sender_disprove_loss(sender);
        if ((chunk->flags & OUTSTANDING_TIMED_OUT) != 0)
            news->is_spurious_timeout = true;
    } else if ((chunk->flags & OUTSTANDING_PROBE) != 0) {
        news->is_probe_needed = news->is_probe_needed || !is_ambiguous;
    } else if (is_ambiguous && sender->is_after_timeout) {
        news->is_spurious_timeout = true;
    } else if (is_ambiguous && chunk->state == OUTSTANDING_FLYING) {
        note_needless(sender, now, chunk->tsn);
    }
    bool is_lower = sender->has_arrived && sctp_tsn_before(chunk->tsn, sender->highest_arrived);
    if (is_sent_once && is_lower && (chunk->flags & (OUTSTANDING_UNTIMED | OUTSTANDING_TIMED_OUT)) == 0)
        sender->is_reordering_seen = true; /* it may have been taken for lost meanwhile, but was not sent again */
    if (!sender->has_arrived || sctp_tsn_before(sender->highest_arrived, chunk->tsn))
        sender->highest_arrived = chunk->tsn;
    if (is_ambiguous || (chunk->flags & OUTSTANDING_UNTIMED) != 0)
        return;
    if (chunk->packet_size > news->acknowledged)
        news->acknowledged = chunk->packet_size;
    if (!sender->has_arrived || (int32_t)(chunk->packet - sender->arrived_packet) >= 0) {
        sender->has_arrived = true;
        sender->arrived_packet = chunk->packet;
        sender->arrived_rtt = rtt;
    }
    /* Of what is told now the packet that left last has just arrived; others may have before, when a report had no room for them. */
    if (!news->has_newest || (int32_t)(chunk->packet - news->newest_packet) > 0) {
        news->has_newest = true;
        news->newest_packet = chunk->packet;
        news->rtt = !is_sent_once ? 0 : rtt > 0 ? rtt : 1;
    }
}

static void acknowledge_to(sctp_sender_t *sender, peer_time_t now, uint32_t cumulative, sender_news_t *news)
{
    outstanding_t *ring = &sender->ring;
    news->is_advanced = ring->base != cumulative + 1;
    while (ring->base != cumulative + 1) {
        outstanding_chunk_t *chunk = outstanding_get(ring, ring->base);
        if (chunk->state != OUTSTANDING_ARRIVED) {
            on_arrival(sender, now, chunk, news);
            outstanding_move(ring, chunk, OUTSTANDING_ARRIVED);
        }
        sender_settle_first(sender);
    }
}

/* ---- gap blocks ---- */

static void arrive(sctp_sender_t *sender, peer_time_t now, uint32_t first, uint32_t end, sender_news_t *news)
{
    for (uint32_t tsn = first; tsn != end; tsn++) {
        outstanding_chunk_t *chunk = outstanding_get(&sender->ring, tsn);
        if (chunk->state == OUTSTANDING_ABANDONED || chunk->state == OUTSTANDING_ARRIVED)
            continue;
        on_arrival(sender, now, chunk, news);
        outstanding_move(&sender->ring, chunk, OUTSTANDING_ARRIVED);
    }
}

/* The receiver has dropped it, or an old report came late: in flight again, and given the time of a fresh one. */
static void take_back(sctp_sender_t *sender, peer_time_t now, uint32_t first, uint32_t end)
{
    for (uint32_t tsn = first; tsn != end; tsn++) {
        outstanding_chunk_t *chunk = outstanding_get(&sender->ring, tsn);
        if (chunk->state != OUTSTANDING_ARRIVED)
            continue;
        chunk->flags |= OUTSTANDING_UNTIMED;
        if (sender->ring.flying == 0)
            sender->timer_start = now;
        outstanding_fly(&sender->ring, chunk, now, sender->packet - 1, chunk->bytes);
    }
}

static void add_run(outstanding_t *ring, size_t *count, uint32_t first, uint32_t last)
{
    outstanding_run_t *runs = ring->next_runs;
    if (*count > 0 && runs[*count - 1].last + 1 == first)
        runs[*count - 1].last = last;
    else
        runs[(*count)++] = (outstanding_run_t){first, last};
}

/* Blocks that follow each other, behind the cumulative one, of what was sent; how many of them. */
static size_t count_blocks(const outstanding_t *ring, const sctp_sack_t *sack)
{
    uint32_t last = 1; /* the TSN behind the cumulative one is missing, or it would not be that */
    for (size_t i = 0; i < sack->gap_count; i++) {
        uint32_t first = bytes_get_u16(sack->gaps + 4 * i), end = bytes_get_u16(sack->gaps + 4 * i + 2);
        if (first <= last || end < first || end >= outstanding_count(ring) + 1)
            return i;
        last = end;
    }
    return sack->gap_count;
}

static bool reserve_runs(outstanding_t *ring, size_t count)
{
    void *runs = ring->next_runs;
    bool has_room = memory_reserve(&runs, &ring->next_run_capacity, count, sizeof *ring->next_runs);
    ring->next_runs = runs;
    return has_room;
}

static void compare_gaps(sctp_sender_t *sender, peer_time_t now, const sctp_sack_t *sack, sender_news_t *news)
{
    outstanding_t *ring = &sender->ring;
    size_t blocks = count_blocks(ring, sack);
    if (blocks == 0 && ring->run_count == 0)
        return;
    if (!reserve_runs(ring, blocks + ring->run_count))
        return; /* the next report tells it again */
    size_t count = 0, old = 0;
    uint32_t known = ring->base; /* runs before it are dealt with */
    for (size_t i = 0; i < blocks; i++) {
        uint32_t first = sack->cumulative + bytes_get_u16(sack->gaps + 4 * i);
        uint32_t end = sack->cumulative + bytes_get_u16(sack->gaps + 4 * i + 2) + 1;
        uint32_t at = first;
        for (; old < ring->run_count && sctp_tsn_before(ring->runs[old].first, end); old++) {
            uint32_t run_first = ring->runs[old].first, run_end = ring->runs[old].last + 1;
            if (sctp_tsn_before(run_first, known))
                run_first = known;
            if (sctp_tsn_before(run_first, first))
                take_back(sender, now, run_first, sctp_tsn_before(first, run_end) ? first : run_end);
            if (sctp_tsn_before(at, run_first))
                arrive(sender, now, at, run_first, news);
            if (sctp_tsn_before(at, run_end))
                at = run_end;
            if (sctp_tsn_before(end, run_end))
                break; /* the rest of it is the next block's affair */
        }
        if (sctp_tsn_before(at, end))
            arrive(sender, now, at, end, news);
        add_run(ring, &count, first, end - 1);
        known = end;
    }
    /* A report has room for so many: what stands behind its last block stays as it was. */
    for (; old < ring->run_count; old++) {
        uint32_t first = ring->runs[old].first;
        if (sctp_tsn_before(first, known))
            first = known;
        if (!sctp_tsn_before(ring->runs[old].last, first))
            add_run(ring, &count, first, ring->runs[old].last);
    }
    outstanding_run_t *runs = ring->runs;
    size_t capacity = ring->run_capacity;
    ring->runs = ring->next_runs;
    ring->run_capacity = ring->next_run_capacity;
    ring->run_count = count;
    ring->next_runs = runs;
    ring->next_run_capacity = capacity;
}

/* How far the report tells anything. Its room is the remote side's affair: the size of its packets, or a fixed number of blocks. */
#define REPORT_BLOCKS 20u

static void note_end_of_report(sctp_sender_t *sender, peer_time_t now, const sctp_sack_t *sack, sender_news_t *news)
{
    uint32_t old_end = sender->report_end, blocks = (uint32_t)count_blocks(&sender->ring, sack);
    bool was_full = sender->is_report_full;
    if (sctp_tsn_before(old_end, sender->ring.base))
        old_end = sender->ring.base;
    if (blocks > sender->report_blocks)
        sender->report_blocks = blocks;
    sender->is_report_full = blocks >= REPORT_BLOCKS && blocks >= sender->report_blocks / 4 * 3;
    sender->report_end = sender->ring.next;
    if (sender->is_report_full)
        sender->report_end = sack->cumulative + bytes_get_u16(sack->gaps + 4 * (blocks - 1) + 2) + 1;
    if (was_full && sctp_tsn_before(old_end, sender->report_end))
        sender_judge_unknown(sender, now, old_end, sender->report_end, news);
}

/* The first missing TSN cannot have arrived: when it had been reported, the receiver has dropped what it does not report now. */
static void check_reneging(sctp_sender_t *sender, peer_time_t now)
{
    outstanding_t *ring = &sender->ring;
    if (outstanding_count(ring) == 0 || outstanding_get(ring, ring->base)->state != OUTSTANDING_ARRIVED)
        return;
    for (size_t i = 0; i < ring->run_count; i++)
        take_back(sender, now, ring->runs[i].first, ring->runs[i].last + 1);
    ring->run_count = 0;
}

static void drop_runs(outstanding_t *ring)
{
    size_t gone = 0;
    while (gone < ring->run_count && sctp_tsn_before(ring->runs[gone].last, ring->base))
        gone++;
    if (gone > 0) {
        ring->run_count -= gone;
        for (size_t i = 0; i < ring->run_count; i++)
            ring->runs[i] = ring->runs[i + gone];
    }
    if (ring->run_count > 0 && sctp_tsn_before(ring->runs[0].first, ring->base))
        ring->runs[0].first = ring->base;
}

/* ---- duplicates ---- */

/* What arrived twice was sent again for nothing (as RFC 3708 has it). */
static void on_duplicate(sctp_sender_t *sender, peer_time_t now, uint32_t tsn)
{
    note_needless(sender, now, tsn);
}

bool sctp_sender_on_sack(sctp_sender_t *sender, peer_time_t now, const sctp_sack_t *sack, size_t *acknowledged, size_t *lost)
{
    outstanding_t *ring = &sender->ring;
    *acknowledged = *lost = 0;
    if (!sctp_tsn_before(sack->cumulative, ring->next))
        return false;
    if (sctp_tsn_before(sack->cumulative, ring->base - 1))
        return true;
    sender_news_t news = {0};
    uint64_t in_flight = ring->in_flight;
    acknowledge_to(sender, now, sack->cumulative, &news);
    if (news.is_advanced)
        drop_runs(ring);
    compare_gaps(sender, now, sack, &news);
    check_reneging(sender, now);
    sender->remote_window = sack->window;
    for (size_t i = sack->gap_count; i < (size_t)sack->gap_count + sack->duplicate_count; i++)
        on_duplicate(sender, now, bytes_get_u32(sack->gaps + 4 * i));
    if (news.is_anything) {
        sender->timer_start = now;
        sender->backoff = 0;
        sender->probes = 0;
        sender->is_probe_due = false;
        sender->is_ring_stuck = false;
    }
    if (news.is_spurious_timeout && sender->is_after_timeout)
        sender_disprove_timeout(sender);
    if (news.is_anything)
        congestion_on_acknowledged(&sender->congestion, now, news.bytes, in_flight, news.rtt);
    sender_end_recovery(sender, now);
    note_end_of_report(sender, now, sack, &news);
    sender_find_losses(sender, now, &news);
    sender_react_to_losses(sender, now, &news);
    sender_advance(sender);
    *acknowledged = news.acknowledged;
    *lost = news.lost;
    return true;
}
