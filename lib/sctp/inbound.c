/* What the association tells: messages to their channels, DCEP, resets. */
#include "sctp/data_channel.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define MAX_HELD_MESSAGES 64
#define MAX_HELD_BYTES (1u << 20)

/* ---- messages that cannot be told yet ---- */

bool store_push(store_t *store, uint16_t stream, uint32_t payload_protocol, unsigned part, blob_t *message)
{
    stored_message_t *stored = MEMORY_NEW(stored_message_t);
    if (stored == NULL)
        return false;
    *stored = (stored_message_t){.stream = stream, .payload_protocol = payload_protocol, .part = part, .message = message};
    if (store->last != NULL)
        store->last->next = stored;
    else
        store->first = stored;
    store->last = stored;
    store->count++;
    store->bytes += message != NULL ? message->length : 0;
    return true;
}

/* Takes the one behind `previous` (NULL: the first) out. */
static stored_message_t *take_out(store_t *store, stored_message_t *previous)
{
    stored_message_t *stored = previous != NULL ? previous->next : store->first;
    if (stored == NULL)
        return NULL;
    if (previous != NULL)
        previous->next = stored->next;
    else
        store->first = stored->next;
    if (store->last == stored)
        store->last = previous;
    store->count--;
    store->bytes -= stored->message != NULL ? stored->message->length : 0;
    return stored;
}

stored_message_t *store_pop(store_t *store)
{
    return take_out(store, NULL);
}

static void consume(sctp_t *s, blob_t *message)
{
    if (message == NULL)
        return;
    sctp_association_consumed(s->association, s->now, message->length);
    blob_unref(message);
}

void store_drop(store_t *store, sctp_t *s)
{
    stored_message_t *stored;
    while ((stored = store_pop(store)) != NULL) {
        consume(s, stored->message);
        memory_free(stored);
    }
}

static void hold(sctp_t *s, uint16_t stream, uint32_t payload_protocol, unsigned part, blob_t *message)
{
    size_t length = message != NULL ? message->length : 0;
    bool has_room = s->held.count < MAX_HELD_MESSAGES && s->held.bytes + length <= MAX_HELD_BYTES;
    if (has_room && store_push(&s->held, stream, payload_protocol, part, message))
        return;
    LOG_WARNING("sctp", s->config.connection, "message for stream %u without a channel dropped", stream);
    consume(s, message);
}

void inbound_drop_held(sctp_t *s, int32_t stream)
{
    stored_message_t *previous = NULL, *stored = s->held.first;
    while (stored != NULL) {
        stored_message_t *next = stored->next;
        if (stream == SCTP_CHANNEL_ID_NONE || stored->stream == stream) {
            take_out(&s->held, previous);
            consume(s, stored->message);
            memory_free(stored);
        } else {
            previous = stored;
        }
        stored = next;
    }
}

bool inbound_deliver_held(sctp_t *s, sctp_output_t *output)
{
    stored_message_t *previous = NULL, *stored = s->held.first;
    while (stored != NULL) {
        sctp_channel_t *channel = map_get(&s->by_id, stored->stream);
        stored_message_t *next = stored->next;
        if (channel != NULL && channel->phase == SCTP_CHANNEL_OPEN) {
            take_out(&s->held, previous);
            stored_message_t copy = *stored;
            memory_free(stored);
            if (inbound_deliver(channel, copy.payload_protocol, copy.part, copy.message, output))
                return true;
        } else {
            previous = stored;
        }
        stored = next;
    }
    s->may_deliver_held = false;
    return false;
}

/* ---- messages ---- */

bool inbound_deliver(sctp_channel_t *channel, uint32_t payload_protocol, unsigned part, blob_t *message, sctp_output_t *output)
{
    sctp_t *s = channel->sctp;
    bool is_text = payload_protocol == PPID_STRING || payload_protocol == PPID_STRING_EMPTY;
    bool is_wanted = (part & SCTP_PART_LOST) != 0; /* of which the kind is not told */
    switch (payload_protocol) {
    case PPID_STRING_EMPTY:
    case PPID_BINARY_EMPTY:
        if (message == NULL || part != 0)
            break;
        sctp_association_consumed(s->association, s->now, message->length);
        message->length = 0;
        is_wanted = true;
        break;
    case PPID_STRING:
    case PPID_BINARY:
        is_wanted = true;
        break;
    default:
        if (!is_wanted)
            LOG_DEBUG("sctp", s->config.connection, "payload protocol %u ignored", payload_protocol);
    }
    channel->is_confirmed = true;
    if (part != 0 && (part & SCTP_PART_FIRST) == 0 && !channel->is_in_parts)
        is_wanted = false; /* the beginning was none that is told */
    /* W3C: what arrives after close() is dropped. What was received before the remote side closed is told. */
    if (!is_wanted || channel->state != SCTP_CHANNEL_OPEN || channel->is_released) {
        consume(s, message);
        return false;
    }
    if (part != 0)
        channel->is_in_parts = (part & (SCTP_PART_LAST | SCTP_PART_LOST)) == 0;
    if (part == 0 || (part & SCTP_PART_LAST) != 0)
        channel->stats.messages_received++;
    channel->stats.bytes_received += message != NULL ? message->length : 0;
    *output = (sctp_output_t){.type = SCTP_OUTPUT_MESSAGE, .channel = channel, .message = message, .part = part, .is_text = is_text};
    return true;
}

static void on_open_request(sctp_t *s, uint16_t stream, const blob_t *message)
{
    dcep_open_t open;
    sctp_channel_t *channel = map_get(&s->by_id, stream);
    if (channel != NULL && channel->phase == SCTP_CHANNEL_CLOSING && channel->is_incoming_reset) {
        /* The remote side uses the id anew, so it has seen our reset too, though its answer to that is still under way. */
        channel_finish(channel, PEER_OK, NULL, false);
        channel = NULL;
    }
    if (channel != NULL) {
        channel_fail(channel, PEER_ERROR_OPERATION, "the remote side opened a second channel on its stream");
        return;
    }
    if (stream >= s->max_channels)
        return; /* a stream on which we cannot answer */
    if (!dcep_open_parse(&open, message->data, message->length)) {
        LOG_WARNING("sctp", s->config.connection, "malformed DATA_CHANNEL_OPEN on stream %u", stream);
        sctp_association_reset_stream(s->association, s->now, stream);
        return;
    }
    /* They are strings here, which end with their first zero. */
    open.label_length = (uint16_t)strnlen(open.label, open.label_length);
    open.protocol_length = (uint16_t)strnlen(open.protocol, open.protocol_length);
    size_t label_bytes = (size_t)open.label_length + open.protocol_length;
    if (s->remote_label_bytes + label_bytes > SCTP_MAX_REMOTE_LABELS) {
        LOG_WARNING("sctp", s->config.connection, "channel %u refused: the labels of the remote side's channels are too long together",
                    stream);
        sctp_association_reset_stream(s->association, s->now, stream);
        return;
    }
    channel = channel_new(s, open.label, open.label_length, open.protocol, open.protocol_length);
    if (channel == NULL || !channel_set_id(channel, stream)) {
        if (channel != NULL)
            channel_free(channel);
        sctp_association_reset_stream(s->association, s->now, stream);
        return;
    }
    channel->is_remote = true;
    s->remote_label_bytes += label_bytes;
    channel->is_unordered = open.is_unordered;
    channel->max_retransmits = open.max_retransmits;
    channel->max_packet_life_time_ms = open.max_packet_life_time_ms;
    channel->priority = open.priority;
    channel->is_confirmed = true;
    channel_mark_open(channel, NEWS_ANNOUNCED);
    if (channel_send_ack(channel) < 0)
        channel_fail(channel, PEER_ERROR_OPERATION, "its opening could not be answered");
}

static void on_dcep(sctp_t *s, uint16_t stream, const blob_t *message)
{
    sctp_channel_t *channel = map_get(&s->by_id, stream);
    switch (dcep_type(message->data, message->length)) {
    case DCEP_OPEN:
        on_open_request(s, stream, message);
        break;
    case DCEP_ACK:
        if (channel != NULL)
            channel->is_confirmed = true;
        break;
    default:
        LOG_DEBUG("sctp", s->config.connection, "unknown DCEP message on stream %u", stream);
    }
}

static bool on_message(sctp_t *s, sctp_association_event_t *event, unsigned part, sctp_output_t *output)
{
    sctp_channel_t *channel = map_get(&s->by_id, event->stream);
    blob_t *message = event->message;
    event->message = NULL;
    if (event->payload_protocol == PPID_DCEP && event->type == SCTP_ASSOCIATION_MESSAGE) {
        on_dcep(s, event->stream, message);
        consume(s, message);
        return false;
    }
    if (channel == NULL || (channel->phase == SCTP_CHANNEL_CLOSING && channel->is_incoming_reset)) {
        hold(s, event->stream, event->payload_protocol, part, message);
        return false;
    }
    /* What came before goes first. */
    if (channel->is_paused || channel->store.first != NULL) {
        if (!store_push(&channel->store, event->stream, event->payload_protocol, part, message)) {
            consume(s, message);
            channel_fail(channel, PEER_ERROR_NO_MEMORY, "memory ran out for a message");
        }
        return false;
    }
    return inbound_deliver(channel, event->payload_protocol, part, message, output);
}

static void on_reset(sctp_t *s, sctp_association_event_type_t type, uint16_t stream)
{
    sctp_channel_t *channel = map_get(&s->by_id, stream);
    switch (type) {
    case SCTP_ASSOCIATION_INCOMING_RESET:
        if (channel != NULL)
            channel_on_incoming_reset(channel);
        else
            inbound_drop_held(s, stream);
        break;
    case SCTP_ASSOCIATION_OUTGOING_RESET:
        if (channel != NULL)
            channel_on_outgoing_reset(channel);
        break;
    default: /* refused: nobody will reset the other direction either */
        if (channel != NULL && channel->is_reset_requested)
            channel_finish(channel, PEER_OK, NULL, false);
        break;
    }
}

static void on_resets(sctp_t *s, const sctp_association_event_t *event)
{
    if (event->stream_count == 0) { /* all of them */
        /* The newest first: a remote side that does this again and again has none among the old ones. */
        for (sctp_channel_t *channel = s->last_channel; channel != NULL && s->incoming_count > 0; channel = channel->previous)
            if (!channel->is_incoming_reset)
                channel_on_incoming_reset(channel);
    }
    for (size_t i = 0; i < event->stream_count; i++)
        on_reset(s, event->type, event->streams[i]);
}

static void on_up(sctp_t *s, const sctp_association_event_t *event)
{
    s->state = SCTP_STATE_CONNECTED;
    s->max_channels = event->stream_count < SCTP_MAX_CHANNELS ? (uint16_t)event->stream_count : SCTP_MAX_CHANNELS;
    s->is_connected_news = true;
    for (sctp_channel_t *channel = s->first_channel; channel != NULL; channel = channel->next)
        if (channel->phase == SCTP_CHANNEL_CONNECTING && !channel->is_waiting && sctp_establish(channel) < 0)
            channel_finish(channel, PEER_ERROR_OPERATION, "no stream is left for it", false);
}

bool inbound_event(sctp_t *s, sctp_association_event_t *event, sctp_output_t *output)
{
    sctp_channel_t *channel;
    switch (event->type) {
    case SCTP_ASSOCIATION_UP:
        on_up(s, event);
        return false;
    case SCTP_ASSOCIATION_MESSAGE:
        return on_message(s, event, 0, output);
    case SCTP_ASSOCIATION_PART:
        return on_message(s, event, (event->is_first ? SCTP_PART_FIRST : 0u) | (event->is_last ? SCTP_PART_LAST : 0u) | SCTP_PART, output);
    case SCTP_ASSOCIATION_PART_LOST:
        return on_message(s, event, SCTP_PART_LOST | SCTP_PART, output);
    case SCTP_ASSOCIATION_TOO_LARGE:
        channel = map_get(&s->by_id, event->stream);
        if (channel != NULL)
            channel_fail(channel, PEER_ERROR_OPERATION, "the remote side sent a message larger than max-message-size allows");
        return false;
    case SCTP_ASSOCIATION_LOST:
        sctp_finish(s, event->is_orderly ? PEER_OK : PEER_ERROR_OPERATION, event->cause_code, event->text);
        return false;
    default:
        on_resets(s, event);
        return false;
    }
}
