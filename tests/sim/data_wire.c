/* What a peer puts on the wire, in the clear: how often each chunk of data left, when it did so last, and what was given up. */
#include "data_run.h"

#include "sctp/chunk.h"

#include <stdlib.h>
#include <string.h>

#define PPID_DCEP 50
#define TSN_MAX (1u << 20) /* in one run */

static data_chunk_t *chunk_at(data_wire_t *wire, uint32_t tsn)
{
    size_t index = tsn - wire->first_tsn;
    if (index >= TSN_MAX)
        return NULL;
    if (index >= wire->chunk_capacity) {
        size_t capacity = 2 * index + 256;
        wire->chunks = realloc(wire->chunks, capacity * sizeof *wire->chunks);
        memset(wire->chunks + wire->chunk_capacity, 0, (capacity - wire->chunk_capacity) * sizeof *wire->chunks);
        wire->chunk_capacity = capacity;
    }
    if (index >= wire->chunk_count)
        wire->chunk_count = index + 1;
    return &wire->chunks[index];
}

void data_wire_free(data_wire_t *wire)
{
    free(wire->chunks);
    wire->chunks = NULL;
}

/* The channel that has the stream at the sender now. */
static bool find_channel(const data_wire_t *wire, uint16_t stream, uint8_t *channel)
{
    for (size_t i = 0; i < wire->run->channel_count; i++) {
        const data_end_t *end = &wire->run->channels[i].ends[wire->peer];
        if (end->handle == NULL || end->is_closed || sctp_channel_id(end->handle) != stream)
            continue;
        *channel = (uint8_t)i;
        return true;
    }
    return false;
}

/* A later fragment is of the message that the chunk before it on the stream began. */
static data_message_t *message_begun(const data_wire_t *wire, const sctp_data_t *data, uint32_t tsn)
{
    bool is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0;
    for (size_t i = tsn - wire->first_tsn; i > 0; i--) {
        const data_chunk_t *chunk = &wire->chunks[i - 1];
        if (chunk->transmissions > 0 && chunk->stream == data->stream && chunk->is_unordered == is_unordered &&
            chunk->message_id == data->message_id && chunk->fragment + 1 == data->fragment)
            return chunk->message;
    }
    return NULL;
}

static void on_first(data_wire_t *wire, peer_time_t now, const sctp_data_t *data, data_chunk_t *chunk)
{
    size_t channel, number;
    *chunk = (data_chunk_t){.stream = data->stream,
                            .is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0,
                            .message_id = data->message_id,
                            .fragment = data->fragment,
                            .length = (uint32_t)data->length,
                            .first_at = now};
    bool is_first = (data->flags & SCTP_DATA_BEGIN) != 0;
    if (is_first && data->payload_protocol == PPID_DCEP)
        return;
    chunk->is_of_application = true;
    if (!find_channel(wire, data->stream, &chunk->channel)) {
        data_fail(wire->run, "peer %d sends data on stream %u, which has no channel", wire->peer, data->stream);
        return;
    }
    if (!is_first) {
        chunk->message = message_begun(wire, data, data->tsn);
        if (chunk->message == NULL)
            data_fail(wire->run, "peer %d sends a fragment of no message", wire->peer);
    } else if (data->length >= DATA_KEY_SIZE) {
        chunk->message = data_message_of(wire->run, wire->peer, data->data, &channel, &number);
        if (chunk->message == NULL || channel != chunk->channel)
            data_fail(wire->run, "peer %d sends a message that is none of the channel's", wire->peer);
    }
    if (chunk->message == NULL)
        return;
    chunk->message->was_on_wire = true;
    chunk->message->was_whole_on_wire |= (data->flags & SCTP_DATA_END) != 0;
}

/* RFC 7496 §4.1, §4.2: so often, so long. */
static void check_limits(data_wire_t *wire, peer_time_t now, const data_chunk_t *chunk)
{
    const data_channel_t *channel = &wire->run->channels[chunk->channel];
    if (!chunk->is_of_application)
        return;
    if (channel->max_retransmits >= 0 && chunk->transmissions > channel->max_retransmits + 1)
        data_fail(wire->run, "channel %u, %d retransmissions at most: a chunk left %u times", chunk->channel, channel->max_retransmits,
                  chunk->transmissions);
    peer_time_t sent_at = chunk->message != NULL ? chunk->message->sent_at : chunk->first_at;
    if (channel->life_time_ms >= 0 && now > sent_at + channel->life_time_ms * PEER_MILLISECOND)
        data_fail(wire->run, "channel %u, life time %d ms: a chunk left after %lld us", chunk->channel, channel->life_time_ms,
                  (long long)(now - sent_at));
}

static void on_data(data_wire_t *wire, peer_time_t now, const sctp_data_t *data)
{
    if (!wire->has_begun) {
        wire->has_begun = true;
        wire->first_tsn = data->tsn;
        wire->acknowledged = data->tsn - 1;
    }
    data_chunk_t *chunk = chunk_at(wire, data->tsn);
    if (chunk == NULL) {
        data_fail(wire->run, "peer %d: TSNs jump", wire->peer);
        return;
    }
    if (chunk->transmissions == 0)
        on_first(wire, now, data, chunk);
    else
        wire->repeated_chunks++;
    if (chunk->stream != data->stream || chunk->message_id != data->message_id || chunk->fragment != data->fragment ||
        chunk->length != data->length)
        data_fail(wire->run, "peer %d: another chunk has the same TSN", wire->peer);
    wire->data_chunks++;
    chunk->transmissions++;
    if (chunk->message != NULL && chunk->message->transmissions < chunk->transmissions)
        chunk->message->transmissions = chunk->transmissions;
    check_limits(wire, now, chunk);
}

/* Nothing is given up before it has had what it was promised, unless nobody is there any more to read it. */
static void check_skipped(data_wire_t *wire, peer_time_t now, const data_chunk_t *chunk)
{
    const data_channel_t *channel = &wire->run->channels[chunk->channel];
    if (!chunk->is_of_application) {
        data_fail(wire->run, "peer %d gives up a message of DCEP", wire->peer);
        return;
    }
    const data_end_t *end = &channel->ends[wire->peer];
    if (channel->is_closed_early || wire->run->is_ending || end->is_closing || end->is_closed)
        return;
    uint32_t transmissions = chunk->message != NULL ? chunk->message->transmissions : chunk->transmissions;
    peer_time_t sent_at = chunk->message != NULL ? chunk->message->sent_at : chunk->first_at;
    if (data_is_reliable(channel))
        data_fail(wire->run, "channel %u is reliable, and a message is given up", chunk->channel);
    else if (channel->max_retransmits >= 0 && transmissions < (uint32_t)channel->max_retransmits + 1)
        data_fail(wire->run, "channel %u, %d retransmissions: given up after having left %u times", chunk->channel,
                  channel->max_retransmits, transmissions);
    else if (channel->life_time_ms >= 0 && chunk->message != NULL && now < sent_at + channel->life_time_ms * PEER_MILLISECOND)
        data_fail(wire->run, "channel %u, life time %d ms: given up after %lld us", chunk->channel, channel->life_time_ms,
                  (long long)(now - sent_at));
}

static void skip(data_wire_t *wire, peer_time_t now, data_chunk_t *chunk)
{
    if (chunk->is_told_skipped)
        return;
    chunk->is_told_skipped = true;
    check_skipped(wire, now, chunk);
    if (chunk->message != NULL)
        chunk->message->is_skipped = true;
}

/* The end of a message that is given up may have a TSN only, without ever having left (RFC 3758 §3.5 A2): the stream's number tells of it.
 */
static void skip_message(data_wire_t *wire, peer_time_t now, const sctp_forward_stream_t *skipped)
{
    for (size_t i = wire->chunk_count; i > 0; i--) {
        data_chunk_t *chunk = &wire->chunks[i - 1];
        if (chunk->transmissions == 0 || chunk->stream != skipped->stream || chunk->is_unordered != skipped->is_unordered ||
            chunk->message_id != skipped->message_id)
            continue;
        skip(wire, now, chunk);
        return;
    }
    data_fail(wire->run, "peer %d skips a message that was never begun", wire->peer);
}

static void on_forward(data_wire_t *wire, peer_time_t now, sctp_forward_t *forward)
{
    sctp_forward_stream_t skipped;
    wire->forwards++;
    if (!wire->has_begun) {
        data_fail(wire->run, "peer %d skips what was never sent", wire->peer);
        return;
    }
    for (uint32_t tsn = wire->acknowledged + 1; sctp_tsn_before(tsn, forward->cumulative + 1); tsn++) {
        data_chunk_t *chunk = chunk_at(wire, tsn);
        if (chunk != NULL && chunk->transmissions > 0)
            skip(wire, now, chunk);
    }
    while (forward->is_interleaved && sctp_forward_read(forward, &skipped))
        skip_message(wire, now, &skipped);
}

static void on_sack(data_wire_t *wire, const sctp_sack_t *sack)
{
    if (wire->has_begun && sctp_tsn_before(wire->acknowledged, sack->cumulative))
        wire->acknowledged = sack->cumulative;
}

void data_wire_see(void *context, connection_packet_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *bytes, size_t length)
{
    data_wire_t *wire = context;
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    if (kind != CONNECTION_PACKET_SCTP)
        return;
    reader_init(&reader, bytes, length);
    if (!sctp_header_read(&reader, &header))
        return;
    while (sctp_chunk_read(&reader, &chunk)) {
        sctp_data_t data;
        sctp_forward_t forward;
        sctp_sack_t sack;
        if (!is_outgoing) {
            if (chunk.type == SCTP_CHUNK_SACK && sctp_sack_parse(&chunk, &sack))
                on_sack(wire, &sack);
        } else if ((chunk.type == SCTP_CHUNK_DATA || chunk.type == SCTP_CHUNK_I_DATA) && sctp_data_parse(&chunk, &data)) {
            on_data(wire, now, &data);
        } else if ((chunk.type == SCTP_CHUNK_FORWARD_TSN || chunk.type == SCTP_CHUNK_I_FORWARD_TSN) &&
                   sctp_forward_parse(&chunk, &forward)) {
            on_forward(wire, now, &forward);
        }
    }
    if (reader.failed)
        data_fail(wire->run, "peer %d sees a malformed packet", wire->peer);
}
