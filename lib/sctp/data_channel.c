#include "sctp/data_channel.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

sctp_channel_t *channel_new(sctp_t *s, const char *label, size_t label_length, const char *protocol, size_t protocol_length)
{
    sctp_channel_t *channel = MEMORY_NEW(sctp_channel_t);
    if (channel == NULL)
        return NULL;
    channel->label = memory_string_n(label, label_length);
    channel->protocol = memory_string_n(protocol, protocol_length);
    if (channel->label == NULL || channel->protocol == NULL) {
        memory_free(channel->label);
        memory_free(channel->protocol);
        memory_free(channel);
        return NULL;
    }
    channel->sctp = s;
    channel->number = s->next_number++;
    channel->id = SCTP_CHANNEL_ID_NONE;
    channel->max_retransmits = -1;
    channel->max_packet_life_time_ms = -1;
    channel->priority = DCEP_DEFAULT_PRIORITY;
    channel->previous = s->last_channel;
    if (s->last_channel != NULL)
        s->last_channel->next = channel;
    else
        s->first_channel = channel;
    s->last_channel = channel;
    return channel;
}

bool channel_set_id(sctp_channel_t *channel, uint16_t id)
{
    if (!map_set(&channel->sctp->by_id, id, channel))
        return false;
    channel->id = id;
    return true;
}

bool channel_assign_id(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    unsigned parity = s->is_dtls_client ? 0 : 1; /* RFC 8832 §6: the DTLS client takes even stream ids, the server odd ones */
    uint32_t limit = s->state == SCTP_STATE_CONNECTED ? s->max_channels : SCTP_MAX_CHANNELS;
    uint32_t id = s->free_id[parity] > parity ? s->free_id[parity] : parity;
    while (id < limit && map_get(&s->by_id, id) != NULL)
        id += 2;
    s->free_id[parity] = id;
    return id < limit && channel_set_id(channel, (uint16_t)id);
}

static void leave_id(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (channel->id == SCTP_CHANNEL_ID_NONE || map_get(&s->by_id, (uint32_t)channel->id) != channel)
        return;
    map_remove(&s->by_id, (uint32_t)channel->id);
    if ((uint32_t)channel->id < s->free_id[channel->id & 1])
        s->free_id[channel->id & 1] = (uint32_t)channel->id;
    /* Whoever uses the stream next finds it as it is at first. */
    if (channel->streaming != 0)
        sctp_association_set_streaming(s->association, (uint16_t)channel->id, 0);
    if (channel->priority != DCEP_DEFAULT_PRIORITY)
        sctp_association_set_priority(s->association, (uint16_t)channel->id, DCEP_DEFAULT_PRIORITY);
}

void channel_free(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    leave_id(channel);
    store_drop(&channel->store, s);
    if (channel->is_remote)
        s->remote_label_bytes -= strlen(channel->label) + strlen(channel->protocol);
    if (channel->previous != NULL)
        channel->previous->next = channel->next;
    else
        s->first_channel = channel->next;
    if (channel->next != NULL)
        channel->next->previous = channel->previous;
    else
        s->last_channel = channel->previous;
    memory_free(channel->label);
    memory_free(channel->protocol);
    memory_free(channel);
}

bool channel_can_be_freed(const sctp_channel_t *channel)
{
    return channel->is_released && channel->phase == SCTP_CHANNEL_CLOSED && !channel->has_news;
}

void channel_add_news(sctp_channel_t *channel, unsigned news)
{
    sctp_t *s = channel->sctp;
    channel->news |= news;
    if (channel->has_news)
        return;
    channel->has_news = true;
    if (s->last_news != NULL)
        s->last_news->next_news = channel;
    else
        s->first_news = channel;
    s->last_news = channel;
}

/* ---- sending ---- */

static size_t waiting(const sctp_channel_t *channel)
{
    return channel->id == SCTP_CHANNEL_ID_NONE ? 0 : sctp_association_queued(channel->sctp->association, (uint16_t)channel->id);
}

static void tell_room_if_wanted(sctp_channel_t *channel)
{
    if (!channel->wants_room || channel->phase != SCTP_CHANNEL_OPEN || waiting(channel) > channel->room_threshold)
        return;
    channel->wants_room = false;
    channel_add_news(channel, NEWS_ROOM);
}

void channel_mark_open(sctp_channel_t *channel, unsigned news)
{
    sctp_t *s = channel->sctp;
    uint16_t stream = (uint16_t)channel->id;
    channel->phase = SCTP_CHANNEL_OPEN;
    channel->was_open = true;
    s->channels_opened++;
    s->incoming_count++;
    s->may_deliver_held = true;
    /* Without memory for it the stream has the usual share, and whole messages. */
    if (channel->priority != DCEP_DEFAULT_PRIORITY)
        sctp_association_set_priority(s->association, stream, channel->priority);
    if (channel->streaming != 0)
        sctp_association_set_streaming(s->association, stream, channel->streaming);
    channel_add_news(channel, news);
    tell_room_if_wanted(channel);
}

void sctp_channel_ask_for_room(sctp_channel_t *channel, peer_time_t now, size_t threshold)
{
    channel->sctp->now = now;
    channel->wants_room = true;
    channel->room_threshold = threshold;
    tell_room_if_wanted(channel);
}

static sctp_message_info_t message_info(const sctp_channel_t *channel, uint32_t payload_protocol)
{
    sctp_message_info_t info = {.stream = (uint16_t)channel->id, .payload_protocol = payload_protocol};
    if (payload_protocol == PPID_DCEP)
        return info; /* RFC 8832 §6: reliable and in order */
    info.is_unordered = channel->is_unordered && channel->is_confirmed;
    if (channel->max_retransmits >= 0) {
        info.reliability = SCTP_LIMITED_RETRANSMITS;
        info.limit = (uint16_t)channel->max_retransmits;
    } else if (channel->max_packet_life_time_ms >= 0) {
        info.reliability = SCTP_LIMITED_LIFE_TIME;
        info.limit = (uint16_t)channel->max_packet_life_time_ms;
    }
    return info;
}

int channel_queue(sctp_channel_t *channel, uint32_t payload_protocol, bool is_counted, blob_t *message)
{
    sctp_t *s = channel->sctp;
    sctp_message_info_t info = message_info(channel, payload_protocol);
    size_t length = message->length;
    /* Counted before: the association may take it at once. */
    if (is_counted)
        channel->buffered += length;
    else
        channel->uncounted += length;
    int code = sctp_association_send(s->association, s->now, &info, message);
    if (code < 0 && is_counted)
        channel->buffered -= length;
    else if (code < 0)
        channel->uncounted -= length;
    return code;
}

int channel_send_open(sctp_channel_t *channel)
{
    dcep_open_t open = {.is_unordered = channel->is_unordered,
                        .max_retransmits = channel->max_retransmits,
                        .max_packet_life_time_ms = channel->max_packet_life_time_ms,
                        .priority = channel->priority,
                        .label = channel->label,
                        .label_length = (uint16_t)strlen(channel->label),
                        .protocol = channel->protocol,
                        .protocol_length = (uint16_t)strlen(channel->protocol)};
    blob_t *message = blob_new(dcep_open_size(&open));
    if (message == NULL)
        return error_no_memory();
    message->length = message->capacity;
    dcep_open_write(&open, message->data);
    int code = channel_queue(channel, PPID_DCEP, false, message);
    if (code < 0)
        blob_unref(message);
    return code;
}

int channel_send_ack(sctp_channel_t *channel)
{
    static const uint8_t ack[DCEP_ACK_SIZE] = {DCEP_ACK};
    blob_t *message = blob_new_copy(ack, sizeof ack);
    int code = message != NULL ? channel_queue(channel, PPID_DCEP, false, message) : error_no_memory();
    if (code < 0)
        blob_unref(message);
    return code;
}

void channel_on_taken(sctp_channel_t *channel, size_t bytes)
{
    size_t uncounted = bytes < channel->uncounted ? bytes : (size_t)channel->uncounted;
    channel->uncounted -= uncounted;
    bytes -= uncounted;
    if (bytes > 0) {
        channel->handed += bytes;
        if (!channel->is_handed_told)
            channel_add_news(channel, NEWS_HANDED);
    }
    tell_room_if_wanted(channel);
}

/* ---- closing ---- */

static void end_incoming(sctp_channel_t *channel)
{
    if (channel->was_open && !channel->is_incoming_reset)
        channel->sctp->incoming_count--;
    channel->is_incoming_reset = true;
}

static void request_reset(sctp_channel_t *channel)
{
    if (channel->is_reset_requested)
        return;
    channel->is_reset_requested = true;
    if (!sctp_association_reset_stream(channel->sctp->association, channel->sctp->now, (uint16_t)channel->id)) {
        /* The remote side knows no RFC 6525: there is nothing to wait for. */
        channel->is_outgoing_reset = true;
        channel_finish(channel, PEER_OK, NULL, false);
    }
}

void channel_start_closing(sctp_channel_t *channel)
{
    if (channel->phase >= SCTP_CHANNEL_CLOSING)
        return;
    bool was_up = channel->phase == SCTP_CHANNEL_OPEN;
    channel->phase = SCTP_CHANNEL_CLOSING;
    if (!was_up)
        channel_finish(channel, PEER_OK, NULL, false);
    else
        request_reset(channel); /* what was sent before goes first */
}

void channel_finish(sctp_channel_t *channel, int error, const char *message, bool is_of_association)
{
    if (channel->phase == SCTP_CHANNEL_CLOSED)
        return;
    channel->phase = SCTP_CHANNEL_CLOSED;
    channel->is_released = channel->is_released || channel->is_unknown; /* nobody is told of it */
    end_incoming(channel);
    leave_id(channel);
    if (error < 0 && channel->error == PEER_OK) {
        channel->error = error;
        channel->error_message = message;
        channel->is_error_of_association = is_of_association;
        channel_add_news(channel, NEWS_ERROR);
    }
    channel_add_news(channel, NEWS_CLOSED);
    if (channel->was_open)
        channel->sctp->channels_closed++;
}

void channel_fail(sctp_channel_t *channel, int error, const char *message)
{
    sctp_t *s = channel->sctp;
    if (channel->phase == SCTP_CHANNEL_CLOSED)
        return;
    LOG_WARNING("sctp", s->config.connection, "data channel %d: %s", channel->id, message);
    if (channel->phase == SCTP_CHANNEL_CONNECTING) {
        channel_finish(channel, error, message, false);
        return;
    }
    channel->error = error;
    channel->error_message = message;
    channel_add_news(channel, NEWS_ERROR);
    if (channel->phase == SCTP_CHANNEL_OPEN)
        channel_add_news(channel, NEWS_CLOSING);
    channel->phase = SCTP_CHANNEL_CLOSING;
    sctp_association_discard(s->association, s->now, (uint16_t)channel->id);
    request_reset(channel);
}

static void finish_if_reset(sctp_channel_t *channel)
{
    if (channel->is_outgoing_reset && channel->is_incoming_reset)
        channel_finish(channel, PEER_OK, NULL, false);
}

void channel_on_incoming_reset(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (channel->phase != SCTP_CHANNEL_OPEN && channel->phase != SCTP_CHANNEL_CLOSING)
        return;
    end_incoming(channel);
    if (channel->phase == SCTP_CHANNEL_OPEN) {
        /* RFC 8831 §6.7: whoever sees the incoming stream reset resets its outgoing one. */
        channel->phase = SCTP_CHANNEL_CLOSING;
        channel_add_news(channel, NEWS_CLOSING);
    }
    /* Nobody reads what is still queued. */
    sctp_association_discard(s->association, s->now, (uint16_t)channel->id);
    request_reset(channel);
    finish_if_reset(channel);
}

void channel_on_outgoing_reset(sctp_channel_t *channel)
{
    if (!channel->is_reset_requested)
        return;
    channel->is_outgoing_reset = true;
    finish_if_reset(channel);
}

/* ---- telling ---- */

bool sctp_channel_apply_handed(sctp_channel_t *channel)
{
    uint64_t before = channel->buffered;
    channel->buffered -= channel->handed;
    channel->handed = 0;
    channel->is_handed_told = false;
    return before > channel->low_threshold && channel->buffered <= channel->low_threshold && channel->state != SCTP_CHANNEL_CLOSED;
}

static bool tell(sctp_channel_t *channel, unsigned news, sctp_output_t *output)
{
    switch (news) {
    case NEWS_ANNOUNCED:
        channel->state = SCTP_CHANNEL_OPEN;
        output->type = SCTP_OUTPUT_CHANNEL_ANNOUNCED;
        return true;
    case NEWS_OPEN:
        if (channel->state != SCTP_CHANNEL_CONNECTING)
            return false; /* closed by the caller in the meantime */
        channel->state = SCTP_CHANNEL_OPEN;
        output->type = SCTP_OUTPUT_CHANNEL_OPEN;
        return true;
    case NEWS_HANDED:
        if (channel->handed == 0 || channel->is_handed_told)
            return false;
        channel->is_handed_told = true;
        output->type = SCTP_OUTPUT_CHANNEL_HANDED;
        return true;
    case NEWS_ROOM:
        output->type = SCTP_OUTPUT_CHANNEL_ROOM;
        return channel->state == SCTP_CHANNEL_OPEN;
    case NEWS_CLOSING:
        if (channel->state >= SCTP_CHANNEL_CLOSING)
            return false;
        channel->state = SCTP_CHANNEL_CLOSING;
        output->type = SCTP_OUTPUT_CHANNEL_CLOSING;
        return true;
    case NEWS_ERROR:
        output->type = SCTP_OUTPUT_CHANNEL_ERROR;
        output->error = channel->error;
        output->cause_code = channel->sctp->cause_code;
        output->is_of_association = channel->is_error_of_association;
        output->text = channel->error_message;
        return true;
    case NEWS_CLOSED:
        channel->state = SCTP_CHANNEL_CLOSED;
        output->type = SCTP_OUTPUT_CHANNEL_CLOSED;
        return true;
    default:
        return false;
    }
}

static bool tell_stored(sctp_channel_t *channel, sctp_output_t *output)
{
    stored_message_t *stored;
    while (!channel->is_paused && (stored = store_pop(&channel->store)) != NULL) {
        stored_message_t copy = *stored;
        memory_free(stored);
        if (inbound_deliver(channel, copy.payload_protocol, copy.part, copy.message, output))
            return true;
    }
    return false;
}

bool channel_tell(sctp_channel_t *channel, sctp_output_t *output)
{
    for (;;) {
        unsigned news = channel->news & -channel->news;
        if ((news == 0 || news >= NEWS_CLOSING) && channel->store.first != NULL) {
            /* Messages that came before the end are told before it. */
            if (tell_stored(channel, output))
                return true;
            if (channel->store.first != NULL)
                return false; /* paused: it comes back with that over */
        }
        if (news == 0)
            return false;
        channel->news &= ~news;
        if (channel->is_released)
            continue;
        *output = (sctp_output_t){.channel = channel};
        if (tell(channel, news, output))
            return true;
    }
}
