/* The sender's face, and what it writes: in which order chunks leave, and when they may. */
#include "sctp/sender_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define SPLIT_DIVISOR 4u /* a fragment is cut to fill a packet that has something in it, if at least such a part of it is free */
#define HOLD_LEAST (50 * PEER_MILLISECOND)
#define HOLD_MOST (500 * PEER_MILLISECOND)
#define PATIENCE_FIRST (25 * PEER_MILLISECOND)
#define LEAST_MTU 64u
#define IMMEDIATE_PACKETS 4u /* in flight */

sctp_sender_t *sctp_sender_new(const sctp_sender_config_t *config)
{
    sctp_sender_t *sender = MEMORY_NEW(sctp_sender_t);
    if (sender == NULL)
        return NULL;
    if (!outstanding_init(&sender->ring, config->initial_tsn)) {
        memory_free(sender);
        return NULL;
    }
    sender->mtu = config->mtu > LEAST_MTU ? config->mtu : LEAST_MTU;
    sender->queue.on_taken = config->on_taken;
    sender->queue.context = config->context;
    congestion_init(&sender->congestion, sender->mtu);
    sender->packet = 1;
    sender->reorder_steps = 1;
    sender->reorder_deadline = sender->forward_deadline = PEER_TIME_NEVER;
    sender->recovery_point = config->initial_tsn;
    sender->advanced = sender->forward_told = config->initial_tsn - 1;
    sender->patience = PATIENCE_FIRST;
    return sender;
}

void sctp_sender_free(sctp_sender_t *sender)
{
    if (sender == NULL)
        return;
    while (outstanding_count(&sender->ring) > 0)
        sender_settle_first(sender);
    outstanding_clear(&sender->ring);
    memory_free(sender->repeated);
    send_queue_clear(&sender->queue);
    memory_free(sender);
}

void sender_settle_first(sctp_sender_t *sender)
{
    send_message_t *message = outstanding_get(&sender->ring, sender->ring.base)->message;
    outstanding_remove_first(&sender->ring);
    send_queue_settle(&sender->queue, message);
}

void sctp_sender_start(sctp_sender_t *sender, peer_time_t now, uint32_t remote_window, bool is_interleaved, bool has_forward_tsn)
{
    (void)now;
    sender->is_started = true;
    sender->remote_window = remote_window;
    sender->is_interleaved = is_interleaved;
    sender->has_forward = has_forward_tsn;
}

void sctp_sender_set_mtu(sctp_sender_t *sender, size_t mtu)
{
    sender->mtu = mtu > LEAST_MTU ? mtu : LEAST_MTU;
    congestion_set_mtu(&sender->congestion, sender->mtu);
}

void sctp_sender_on_new_path(sctp_sender_t *sender, peer_time_t now)
{
    outstanding_t *ring = &sender->ring;
    peer_time_t hold = sender->congestion.smoothed_rtt * 3 / 2;
    hold = hold > HOLD_LEAST ? time_earlier(hold, HOLD_MOST) : HOLD_LEAST;
    /* It may have arrived, and is not sent again before that would be known; the new path's window is free of it. */
    while (ring->flying > 0) {
        outstanding_chunk_t *chunk = outstanding_get(ring, ring->oldest);
        chunk->flags |= OUTSTANDING_UNTIMED;
        outstanding_move(ring, chunk, OUTSTANDING_LOST);
    }
    outstanding_lose_unknown(ring);
    sender->is_report_full = false;
    sender->hold = ring->lost > 0 ? now + hold : 0;
    congestion_reset(&sender->congestion);
    sender->has_arrived = false;
    sender->is_reordering_seen = false;
    sender->reorder_steps = 1;
    sender->reorder_deadline = PEER_TIME_NEVER;
    sender->is_recovering = sender->is_after_timeout = sender->is_lost_anew = sender->can_undo = false;
    sender->recovery_point = ring->next;
    sender->backoff = sender->probes = 0;
    sender->is_probe_due = sender->is_forced = false;
    sender->patience = PATIENCE_FIRST;
    sender->timer_start = now;
}

/* ---- what is queued ---- */

int sctp_sender_queue(sctp_sender_t *sender, peer_time_t now, const sctp_message_info_t *info, blob_t *message)
{
    if (message->length == 0)
        return error_set(PEER_ERROR_TYPE, "a message without a byte cannot be sent");
    return send_queue_push(&sender->queue, now, info, message) != NULL ? 0 : error_no_memory();
}

size_t sctp_sender_queued(const sctp_sender_t *sender, uint16_t stream)
{
    const send_stream_t *state = send_queue_stream(&sender->queue, stream);
    return state != NULL ? state->queued : 0;
}

size_t sctp_sender_total_queued(const sctp_sender_t *sender)
{
    return sender->queue.total;
}

size_t sctp_sender_in_flight(const sctp_sender_t *sender)
{
    return (size_t)sender->ring.in_flight;
}

bool sctp_sender_set_weight(sctp_sender_t *sender, uint16_t stream, uint16_t weight)
{
    send_stream_t *state = send_queue_open_stream(&sender->queue, stream);
    if (state == NULL)
        return false;
    state->weight = weight > 0 ? weight : 1;
    send_queue_settle_stream(&sender->queue, state);
    return true;
}

bool sctp_sender_is_drained(const sctp_sender_t *sender, uint16_t stream)
{
    const send_stream_t *state = send_queue_stream(&sender->queue, stream);
    return state == NULL || state->messages == 0;
}

void sctp_sender_reset_stream(sctp_sender_t *sender, uint16_t stream)
{
    send_stream_t *state = send_queue_stream(&sender->queue, stream);
    if (state == NULL)
        return;
    state->next_ordered = state->next_unordered = 0;
    send_queue_settle_stream(&sender->queue, state);
}

uint32_t sctp_sender_next_tsn(const sctp_sender_t *sender)
{
    return sender->ring.next;
}

/* ---- what may leave ---- */

static size_t header_size(const sctp_sender_t *sender)
{
    return sctp_data_header_size(sender->is_interleaved);
}

/* Payload of the largest fragment: a multiple of 4, so that nothing is padded but a last one. */
static size_t fragment_size(const sctp_sender_t *sender)
{
    size_t size = sender->mtu - SCTP_COMMON_HEADER_SIZE - header_size(sender);
    size_t most = UINT16_MAX - header_size(sender);
    return (size < most ? size : most) & ~(size_t)3;
}

static size_t padded(size_t length)
{
    return (length + 3) & ~(size_t)3;
}

/* RFC 9260 §6.1 A: one chunk may always be in flight. */
static bool has_remote_room(const sctp_sender_t *sender, size_t length)
{
    return sender->ring.flying == 0 || sender->ring.payload + length <= sender->remote_window;
}

/* What fills a hole has its place in the remote side's buffer already. */
static bool may_repeat(const sctp_sender_t *sender, const outstanding_chunk_t *chunk)
{
    return (sender->has_arrived && sctp_tsn_before(chunk->tsn, sender->highest_arrived)) || has_remote_room(sender, chunk->length);
}

static const outstanding_chunk_t *next_repeated(const sctp_sender_t *sender, peer_time_t now)
{
    return sender->hold == 0 || sender->hold <= now ? outstanding_next_lost(&sender->ring) : NULL;
}

/* Its whole rest, if that fits into a packet. */
static size_t next_length(const sctp_sender_t *sender, const send_message_t *message)
{
    size_t left = message->blob->length - message->sent, most = fragment_size(sender);
    return left < most ? left : most;
}

static bool may_send_new(const sctp_sender_t *sender, const send_message_t *message)
{
    if (message == NULL || sender->is_ring_stuck || outstanding_count(&sender->ring) >= OUTSTANDING_MAX)
        return false;
    return message->is_abandoned || has_remote_room(sender, next_length(sender, message));
}

/* There is a chunk to send, whether or not the window lets it. */
static bool has_chunk(const sctp_sender_t *sender, peer_time_t now)
{
    const outstanding_chunk_t *chunk = next_repeated(sender, now);
    if (chunk != NULL)
        return may_repeat(sender, chunk);
    if (may_send_new(sender, send_queue_next(&sender->queue)))
        return true;
    return sender->is_probe_due && sender_probe_chunk(sender, now) != NULL;
}

static bool has_window(const sctp_sender_t *sender)
{
    return sender->is_probe_due || sender->is_forced || congestion_room(&sender->congestion, sender->ring.in_flight) > 0;
}

static bool is_released(const sctp_sender_t *sender, peer_time_t now)
{
    return sender->is_probe_due || sender->is_forced || congestion_release_time(&sender->congestion, now) <= now;
}

bool sctp_sender_can_write(const sctp_sender_t *sender, peer_time_t now)
{
    if (!sender->is_started)
        return false;
    if (sender->is_forward_due)
        return true;
    return has_window(sender) && is_released(sender, now) && has_chunk(sender, now);
}

size_t sctp_sender_needed_room(const sctp_sender_t *sender)
{
    const outstanding_chunk_t *chunk = outstanding_next_lost(&sender->ring);
    size_t length = chunk != NULL ? chunk->length : 0;
    if (chunk == NULL && sender->is_probe_due)
        length = sender_probe_length(sender);
    size_t size = length > 0 ? header_size(sender) + padded(length) : 0;
    return size + SCTP_COMMON_HEADER_SIZE > sender->mtu ? size : 0;
}

/* ---- writing ---- */

static bool write_chunk(sctp_sender_t *sender, peer_time_t now, writer_t *writer, outstanding_chunk_t *chunk)
{
    const send_message_t *message = chunk->message;
    bool is_first = chunk->offset == 0, is_last = chunk->offset + chunk->length == message->blob->length;
    sctp_data_t data = {.tsn = chunk->tsn,
                        .stream = message->stream->id,
                        .message_id = message->message_id,
                        .fragment = chunk->fragment,
                        .payload_protocol = message->payload_protocol,
                        .flags = (uint8_t)((is_first ? SCTP_DATA_BEGIN : 0) | (is_last ? SCTP_DATA_END : 0) |
                                           (message->is_unordered ? SCTP_DATA_UNORDERED : 0)),
                        .is_interleaved = sender->is_interleaved,
                        .data = message->blob->data + chunk->offset,
                        .length = chunk->length};
    size_t start = writer->length;
    if (!sctp_data_write(writer, &data))
        return false;
    if (sender->ring.flying == 0)
        sender->timer_start = now;
    size_t bytes = writer->length - start;
    outstanding_fly(&sender->ring, chunk, now, sender->packet, bytes);
    if (chunk->transmissions < UINT16_MAX)
        chunk->transmissions++;
    sender->made_chunks++;
    sender->made_bytes += bytes;
    sender->stats.chunks_sent++;
    return true;
}

/* The message's next fragment; false: none now. */
static bool write_new(sctp_sender_t *sender, peer_time_t now, writer_t *writer, send_message_t *message)
{
    size_t header = header_size(sender), most = fragment_size(sender), left = message->blob->length - message->sent;
    if (writer_left(writer) <= header)
        return false;
    size_t room = (writer_left(writer) - header) & ~(size_t)3;
    size_t length = most < room ? most : room;
    if (left <= length)
        length = left;
    else if (length < most && length < most / SPLIT_DIVISOR)
        return false;
    if (!has_remote_room(sender, length))
        return false;
    if (!outstanding_reserve(&sender->ring)) {
        sender->is_ring_stuck = true;
        return false;
    }
    if (!message->is_begun) {
        send_stream_t *stream = message->stream;
        if (!message->is_unordered)
            message->message_id = stream->next_ordered++;
        else if (sender->is_interleaved)
            message->message_id = stream->next_unordered++;
        sender->stats.messages_sent++;
    }
    outstanding_chunk_t *chunk = outstanding_add(&sender->ring, message);
    chunk->offset = message->sent;
    chunk->length = (uint16_t)length;
    chunk->fragment = message->fragment++;
    bool is_written = write_chunk(sender, now, writer, chunk);
    send_queue_take(&sender->queue, message, length, sender->is_interleaved);
    return is_written;
}

/* What need not be sent any more: a message whose life ended before it left is dropped without a trace. False: nothing to drop. */
static bool drop_expired(sctp_sender_t *sender, peer_time_t now, send_message_t *message)
{
    if (!sender->has_forward || now <= message->expires)
        return false;
    if (message->is_begun) {
        sender_abandon(sender, message);
        return !message->is_waiting;
    }
    sender->stats.messages_abandoned++;
    send_queue_give_up(&sender->queue, message, false);
    send_queue_settle(&sender->queue, message);
    return true;
}

/* A chunk that is in the ring, again. One that was cut for a larger path leaves alone. */
static bool write_again(sctp_sender_t *sender, peer_time_t now, writer_t *writer, outstanding_chunk_t *chunk, bool *is_too_large)
{
    size_t size = header_size(sender) + padded(chunk->length);
    bool is_large = size + SCTP_COMMON_HEADER_SIZE > sender->mtu;
    if (size > writer_left(writer) + (is_large ? sender->extra_room : 0) || (is_large && sender->made_chunks > 0))
        return false;
    if (is_large) {
        writer->capacity += sender->extra_room;
        sender->extra_room = 0;
    }
    *is_too_large = is_large;
    chunk->flags &= (uint8_t) ~(OUTSTANDING_UNTIMED | OUTSTANDING_TIMED_OUT | OUTSTANDING_PROBE);
    bool is_probe = chunk->state == OUTSTANDING_FLYING;
    if (is_probe)
        chunk->flags |= OUTSTANDING_PROBE;
    if (sender->repeated == NULL)
        sender->repeated = memory_array(SENDER_REPEATED, sizeof *sender->repeated);
    if (sender->repeated != NULL)
        sender->repeated[chunk->tsn % SENDER_REPEATED] = (sender_repeated_t){.tsn = chunk->tsn, .is_valid = true, .is_probe = is_probe};
    sender->stats.chunks_retransmitted++;
    return write_chunk(sender, now, writer, chunk);
}

/* One chunk more; false: none that may leave, or none that fits. */
static bool write_next(sctp_sender_t *sender, peer_time_t now, writer_t *writer, bool *is_too_large)
{
    for (;;) {
        const outstanding_chunk_t *repeated = next_repeated(sender, now);
        if (repeated != NULL) {
            outstanding_chunk_t *chunk = outstanding_get(&sender->ring, repeated->tsn);
            if (sender_may_send_again(sender, chunk, now))
                return may_repeat(sender, chunk) && write_again(sender, now, writer, chunk, is_too_large);
            sender_abandon(sender, chunk->message);
            continue;
        }
        send_message_t *message = send_queue_next(&sender->queue);
        if (!may_send_new(sender, message))
            break;
        bool is_gone = message->is_abandoned ? sender_place_end(sender, message) : drop_expired(sender, now, message);
        if (is_gone)
            continue;
        if (message->is_abandoned)
            break;
        return write_new(sender, now, writer, message);
    }
    outstanding_chunk_t *chunk = sender->is_probe_due ? sender_probe_chunk(sender, now) : NULL;
    return chunk != NULL && write_again(sender, now, writer, chunk, is_too_large);
}

bool sctp_sender_write(sctp_sender_t *sender, peer_time_t now, writer_t *writer, bool *may_fragment)
{
    *may_fragment = false;
    if (!sender->is_started)
        return false;
    /* Only what was cut for a larger path may use what the packet has beyond the mtu. */
    size_t usual = sender->mtu - SCTP_COMMON_HEADER_SIZE;
    sender->extra_room = writer_left(writer) > usual ? writer_left(writer) - usual : 0;
    writer->capacity -= sender->extra_room;
    bool is_written = false;
    if (sender->is_forward_due)
        is_written = sender_write_forward(sender, now, writer);
    if (!has_window(sender) || !is_released(sender, now)) {
        writer->capacity += sender->extra_room;
        return is_written;
    }
    bool is_urgent = sender->is_probe_due || sender->is_forced;
    if (sender->ring.in_flight == 0 && sender->last_sent != 0 && has_chunk(sender, now))
        congestion_on_idle(&sender->congestion, now, now - sender->last_sent);
    size_t last = writer->length;
    bool has_chunks = false;
    for (size_t at = last; !*may_fragment && write_next(sender, now, writer, may_fragment); at = writer->length) {
        last = at;
        has_chunks = true;
        sender->is_probe_due = sender->is_forced = false;
    }
    writer->capacity += sender->extra_room;
    /* Nothing more leaves before an acknowledgement comes: it shall come at once (RFC 7053). Of several packets under way some are
     * acknowledged anyway; asking every time would double the acknowledgements and, by ones where TCP sends twos, take TCP's share. */
    bool is_held = sender->queue.total > 0 && sender->ring.in_flight < IMMEDIATE_PACKETS * sender->mtu && !has_window(sender);
    if (has_chunks && (is_urgent || is_held))
        writer->data[last + 1] |= SCTP_DATA_IMMEDIATE;
    if (sender->is_forward_due && !is_written && !has_chunks) /* never behind data (RFC 9260 §6.10) */
        is_written = sender_write_forward(sender, now, writer);
    return is_written || has_chunks;
}

void sctp_sender_on_packet(sctp_sender_t *sender, peer_time_t now, size_t size)
{
    outstanding_t *ring = &sender->ring;
    if (sender->made_chunks == 0)
        return;
    size = size < UINT16_MAX ? size : UINT16_MAX;
    /* The packet's header, and whatever else travels with the data, counts with its first chunk. */
    size_t extra = size > sender->made_bytes ? size - sender->made_bytes : 0;
    outstanding_chunk_t *first = NULL;
    uint32_t tsn = ring->newest;
    for (uint32_t i = 0; i < ring->flying; i++) {
        outstanding_chunk_t *chunk = outstanding_get(ring, tsn);
        if (chunk->packet != sender->packet)
            break;
        chunk->packet_size = (uint16_t)size;
        first = chunk;
        tsn = chunk->older;
    }
    uint64_t before = ring->in_flight - (ring->in_flight < sender->made_bytes ? ring->in_flight : sender->made_bytes);
    if (first != NULL) {
        first->bytes = (uint16_t)(first->bytes + extra);
        ring->in_flight += extra;
    }
    bool is_limited_by_application = sender->queue.total == 0 && ring->lost == 0;
    congestion_on_sent(&sender->congestion, now, size, before, is_limited_by_application);
    sender->last_sent = now;
    sender->packet++;
    sender->made_chunks = 0;
    sender->made_bytes = 0;
}

/* ---- time ---- */

peer_time_t sctp_sender_deadline(const sctp_sender_t *sender, peer_time_t now)
{
    if (!sender->is_started)
        return PEER_TIME_NEVER;
    if (sctp_sender_can_write(sender, now))
        return now;
    peer_time_t deadline = time_earlier(sender_timer(sender), sender->forward_deadline);
    if (has_window(sender) && has_chunk(sender, now))
        deadline = time_earlier(deadline, congestion_release_time(&sender->congestion, now));
    return deadline;
}

void sctp_sender_on_rtt(sctp_sender_t *sender, peer_time_t now, peer_time_t rtt)
{
    if (sender->congestion.smoothed_rtt == 0 && rtt > 0)
        congestion_on_acknowledged(&sender->congestion, now, 0, sender->ring.in_flight, rtt);
}

void sctp_sender_stats_get(const sctp_sender_t *sender, sctp_sender_stats_t *stats)
{
    const congestion_t *c = &sender->congestion;
    *stats = sender->stats;
    stats->window = c->window;
    stats->remote_window = sender->remote_window;
    stats->in_flight = sender->ring.in_flight;
    stats->chunks_in_flight = sender->ring.flying;
    stats->rtt = c->smoothed_rtt;
    stats->least_rtt = c->least_rtt;
    stats->rto = sender_rto(sender);
    stats->pacing_rate = congestion_rate(c);
}
