/* Partial reliability (RFC 3758, RFC 7496): which messages are given up, and how the remote side learns that it need not wait for them. */
#include "sctp/sender_private.h"

#include <string.h>

#define FORWARD_HEADER 8
#define FORWARD_LEAST_INTERVAL (50 * PEER_MILLISECOND)

bool sender_may_send_again(const sctp_sender_t *sender, const outstanding_chunk_t *chunk, peer_time_t now)
{
    const send_message_t *message = chunk->message;
    if (!sender->has_forward)
        return true;
    if (message->is_limited && chunk->transmissions > message->limit)
        return false;
    return now <= message->expires;
}

/* A message of which a part has left needs one more TSN that is skipped, its end: else there might be nothing to skip, and the remote side
 * would wait for the rest (RFC 3758 §3.5 A2). */
bool sender_place_end(sctp_sender_t *sender, send_message_t *message)
{
    if (!outstanding_reserve(&sender->ring)) {
        sender->is_ring_stuck = true;
        return false;
    }
    outstanding_add(&sender->ring, message);
    send_queue_give_up(&sender->queue, message, false);
    sender_advance(sender);
    return true;
}

void sender_abandon(sctp_sender_t *sender, send_message_t *message)
{
    if (message->is_abandoned)
        return;
    message->is_abandoned = true;
    sender->stats.messages_abandoned++;
    uint32_t tsn = message->first_tsn;
    for (uint32_t i = 0; i < message->outstanding; i++) {
        outstanding_chunk_t *chunk = outstanding_get(&sender->ring, tsn);
        outstanding_move(&sender->ring, chunk, OUTSTANDING_ABANDONED);
        tsn = chunk->next_fragment;
    }
    bool is_waiting = message->is_waiting;
    if (is_waiting)
        send_queue_give_up(&sender->queue, message, true);
    blob_unref(message->blob);
    message->blob = NULL;
    if (is_waiting)
        sender_place_end(sender, message);
    sender_advance(sender);
}

/* RFC 3758 §3.5 C2 */
void sender_advance(sctp_sender_t *sender)
{
    const outstanding_t *ring = &sender->ring;
    if (sctp_tsn_before(sender->advanced, ring->base - 1))
        sender->advanced = ring->base - 1;
    bool has_moved = false;
    while (sender->advanced + 1 != ring->next && outstanding_get(ring, sender->advanced + 1)->state == OUTSTANDING_ABANDONED) {
        sender->advanced++;
        has_moved = true;
    }
    if (sctp_tsn_before(sender->advanced, ring->base)) {
        sender->is_forward_due = false;
        sender->forward_deadline = PEER_TIME_NEVER;
        sender->forward_tries = 0;
    } else if (has_moved || sctp_tsn_before(sender->forward_told, ring->base)) {
        sender->is_forward_due = true; /* there is more to skip than was told */
        sender->forward_tries = 0;
    }
}

/* Where the stream stands in the list, at its end if it is new there; false: the list is full. */
static bool list_stream(sctp_sender_t *sender, const send_message_t *message, writer_t *writer, size_t limit)
{
    send_stream_t *stream = message->stream;
    unsigned order = message->is_unordered;
    size_t size = sender->is_interleaved ? 8 : 4;
    if (stream->epoch[order] != sender->forward_epoch) {
        if (writer->length + size > limit)
            return false;
        stream->epoch[order] = sender->forward_epoch;
        stream->position[order] = writer->length;
        writer_u16(writer, stream->id);
        writer_zero(writer, size - 2);
    }
    uint8_t *entry = writer->data + stream->position[order];
    if (sender->is_interleaved) {
        bytes_put_u16(entry + 2, (uint16_t)order);
        bytes_put_u32(entry + 4, message->message_id);
    } else {
        bytes_put_u16(entry + 2, (uint16_t)message->message_id);
    }
    return true;
}

/* FORWARD-TSN (RFC 3758 §3.2) or I-FORWARD-TSN (RFC 8260 §2.3.1): as far as its streams fit. */
bool sender_write_forward(sctp_sender_t *sender, peer_time_t now, writer_t *writer)
{
    const outstanding_t *ring = &sender->ring;
    size_t limit = writer->length + (writer_left(writer) & ~(size_t)3);
    if (limit > writer->length + UINT16_MAX - 3)
        limit = writer->length + UINT16_MAX - 3;
    size_t start = writer->length;
    if (start + FORWARD_HEADER > limit)
        return false;
    writer_u8(writer, sender->is_interleaved ? SCTP_CHUNK_I_FORWARD_TSN : SCTP_CHUNK_FORWARD_TSN);
    writer_u8(writer, 0);
    writer_zero(writer, 6);
    sender->forward_epoch++;
    uint32_t told = ring->base - 1;
    while (told != sender->advanced) {
        const send_message_t *message = outstanding_get(ring, told + 1)->message;
        bool is_listed = sender->is_interleaved || !message->is_unordered; /* unordered DATA has no number */
        if (is_listed && !list_stream(sender, message, writer, limit))
            break;
        told++;
    }
    if (told == ring->base - 1) {
        writer->length = start;
        return false;
    }
    writer_patch_u16(writer, start + 2, (uint16_t)(writer->length - start));
    bytes_put_u32(writer->data + start + 4, told);
    sender->forward_told = told;
    sender->is_forward_due = false;
    unsigned shift = sender->forward_tries < 6 ? sender->forward_tries : 6;
    peer_time_t interval = (2 * sender->congestion.smoothed_rtt + FORWARD_LEAST_INTERVAL) << shift;
    sender->forward_deadline = now + time_earlier(interval, 3 * PEER_SECOND);
    sender->forward_tries++;
    return true;
}

void sctp_sender_discard(sctp_sender_t *sender, peer_time_t now, uint16_t id)
{
    (void)now;
    send_stream_t *stream = send_queue_stream(&sender->queue, id);
    if (stream == NULL || stream->first == NULL)
        return;
    send_message_t *message = stream->first;
    send_queue_drop_behind(&sender->queue, message);
    if (!message->is_begun) {
        send_queue_give_up(&sender->queue, message, false);
        send_queue_settle(&sender->queue, message);
    } else if (sender->has_forward) {
        sender_abandon(sender, message);
    }
}
