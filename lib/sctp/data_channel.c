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

static void leave_id(sctp_channel_t *channel)
{
    map_t *by_id = &channel->sctp->by_id;
    if (channel->id != SCTP_CHANNEL_ID_NONE && map_get(by_id, (uint32_t)channel->id) == channel)
        map_remove(by_id, (uint32_t)channel->id);
}

static void drop_queue(sctp_channel_t *channel)
{
    /* A message of which the association has a part is kept: the association waits for its rest. */
    queued_message_t **link = &channel->first;
    if (channel->sctp->unfinished == channel)
        link = &channel->first->next;
    queued_message_t *message = *link;
    *link = NULL;
    channel->last = channel->first;
    while (message != NULL) {
        queued_message_t *next = message->next;
        memory_free(message);
        message = next;
    }
}

static void remove_from_sending(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    sctp_channel_t *previous = NULL;
    if (!channel->is_sending)
        return;
    for (sctp_channel_t *at = s->first_sending; at != channel; at = at->next_sending)
        previous = at;
    if (previous != NULL)
        previous->next_sending = channel->next_sending;
    else
        s->first_sending = channel->next_sending;
    if (s->last_sending == channel)
        s->last_sending = previous;
    channel->next_sending = NULL;
    channel->is_sending = false;
}

static void remove_from_news(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    sctp_channel_t *previous = NULL;
    if (!channel->has_news)
        return;
    for (sctp_channel_t *at = s->first_news; at != channel; at = at->next_news)
        previous = at;
    if (previous != NULL)
        previous->next_news = channel->next_news;
    else
        s->first_news = channel->next_news;
    if (s->last_news == channel)
        s->last_news = previous;
    channel->next_news = NULL;
    channel->has_news = false;
}

void channel_free(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    leave_id(channel);
    remove_from_sending(channel);
    remove_from_news(channel);
    if (s->unfinished == channel)
        s->unfinished = NULL;
    drop_queue(channel);
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

static void add_to_sending(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (channel->is_sending)
        return;
    channel->is_sending = true;
    if (s->last_sending != NULL)
        s->last_sending->next_sending = channel;
    else
        s->first_sending = channel;
    s->last_sending = channel;
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

static void note_handed(sctp_channel_t *channel, size_t bytes)
{
    channel->handed += bytes;
    channel_add_news(channel, NEWS_HANDED);
}

int channel_queue(sctp_channel_t *channel, uint32_t payload_protocol, bool is_counted, const void *data, size_t length)
{
    sctp_t *s = channel->sctp;
    size_t taken = 0;
    if (is_counted && channel->buffered - channel->handed + length > SCTP_MAX_BUFFERED)
        return error_set(PEER_ERROR_OPERATION, "data channel %d: %u bytes are waiting to be sent already", channel->id, SCTP_MAX_BUFFERED);
    if (s->first_sending == NULL && s->unfinished == NULL) {
        sctp_message_info_t info = message_info(channel, payload_protocol);
        int64_t result = sctp_association_send(s->association, s->now, &info, data, length);
        if (result < 0)
            return error_set(PEER_ERROR_INVALID_STATE, "data channel %d: the SCTP association is gone", channel->id);
        taken = (size_t)result;
    }
    if (taken < length) {
        /* What the association has taken a part of must not be refused any more: then the channel cannot go on. */
        queued_message_t *message = memory_resize(NULL, sizeof *message + (length - taken));
        if (message == NULL) {
            if (taken > 0)
                sctp_terminate(s, s->now);
            return error_no_memory();
        }
        *message = (queued_message_t){.payload_protocol = payload_protocol, .is_counted = is_counted, .length = length - taken};
        memcpy(message->data, (const uint8_t *)data + taken, length - taken);
        if (channel->last != NULL)
            channel->last->next = message;
        else
            channel->first = message;
        channel->last = message;
        add_to_sending(channel);
        if (taken > 0)
            s->unfinished = channel;
    }
    if (is_counted) {
        channel->buffered += length;
        if (taken > 0)
            note_handed(channel, taken);
    }
    return PEER_OK;
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
    size_t size = dcep_open_size(&open);
    uint8_t *bytes = memory_new(size);
    if (bytes == NULL)
        return error_no_memory();
    dcep_open_write(&open, bytes);
    int code = channel_queue(channel, PPID_DCEP, false, bytes, size);
    memory_free(bytes);
    return code;
}

int channel_send_ack(sctp_channel_t *channel)
{
    static const uint8_t ack[DCEP_ACK_SIZE] = {DCEP_ACK};
    return channel_queue(channel, PPID_DCEP, false, ack, sizeof ack);
}

static void request_reset(sctp_channel_t *channel)
{
    if (channel->is_reset_requested)
        return;
    channel->is_reset_requested = true;
    if (!sctp_association_reset_stream(channel->sctp->association, channel->sctp->now, (uint16_t)channel->id)) {
        /* The remote side knows no RFC 6525: there is nothing to wait for. */
        channel->is_outgoing_reset = true;
        channel->is_incoming_reset = true;
        channel_finish(channel, PEER_OK, NULL);
    }
}

/* The first message of the channel is with the association as a whole. */
static void message_done(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    queued_message_t *message = channel->first;
    s->unfinished = NULL;
    channel->first = message->next;
    if (channel->first == NULL)
        channel->last = NULL;
    memory_free(message);
    remove_from_sending(channel);
    if (channel->first != NULL)
        add_to_sending(channel); /* at the end: the others' turn */
    else if (channel->phase == SCTP_CHANNEL_CLOSING)
        request_reset(channel);
    else if (channel->is_released)
        channel_add_news(channel, 0); /* it was kept for this message's sake */
}

void channel_flush(sctp_t *s)
{
    while (s->unfinished != NULL || s->first_sending != NULL) {
        sctp_channel_t *channel = s->unfinished != NULL ? s->unfinished : s->first_sending;
        queued_message_t *message = channel->first;
        sctp_message_info_t info = message_info(channel, message->payload_protocol);
        int64_t taken =
            sctp_association_send(s->association, s->now, &info, message->data + message->taken, message->length - message->taken);
        if (taken < 0) {
            if (s->unfinished != NULL || s->state != SCTP_STATE_CONNECTED)
                return; /* the association tells itself what has become of it */
            channel_fail(channel, PEER_ERROR_OPERATION, "a message could not be sent");
            continue;
        }
        if (taken == 0)
            return;
        message->taken += (size_t)taken;
        if (message->is_counted)
            note_handed(channel, (size_t)taken);
        if (message->taken < message->length) {
            s->unfinished = channel;
            return;
        }
        message_done(channel);
    }
}

void channel_start_closing(sctp_channel_t *channel)
{
    if (channel->phase >= SCTP_CHANNEL_CLOSING)
        return;
    bool was_up = channel->phase == SCTP_CHANNEL_OPEN;
    channel->phase = SCTP_CHANNEL_CLOSING;
    if (!was_up)
        channel_finish(channel, PEER_OK, NULL);
    else if (channel->first == NULL)
        request_reset(channel);
}

void channel_finish(sctp_channel_t *channel, int error, const char *message)
{
    if (channel->phase == SCTP_CHANNEL_CLOSED)
        return;
    channel->phase = SCTP_CHANNEL_CLOSED;
    leave_id(channel);
    drop_queue(channel);
    if (channel->first == NULL)
        remove_from_sending(channel);
    if (error < 0 && channel->error == PEER_OK) {
        channel->error = error;
        channel->error_message = message;
        channel_add_news(channel, NEWS_ERROR);
    }
    channel_add_news(channel, NEWS_CLOSED);
    if (channel->was_open)
        channel->sctp->channels_closed++;
}

void channel_fail(sctp_channel_t *channel, int error, const char *message)
{
    if (channel->phase == SCTP_CHANNEL_CLOSED)
        return;
    LOG_WARNING("sctp", channel->sctp->config.connection, "data channel %d: %s", channel->id, message);
    if (channel->phase == SCTP_CHANNEL_CONNECTING) {
        channel_finish(channel, error, message);
        return;
    }
    channel->error = error;
    channel->error_message = message;
    channel_add_news(channel, NEWS_ERROR);
    if (channel->phase == SCTP_CHANNEL_OPEN)
        channel_add_news(channel, NEWS_CLOSING);
    channel->phase = SCTP_CHANNEL_CLOSING;
    drop_queue(channel);
    if (channel->first == NULL) {
        remove_from_sending(channel);
        request_reset(channel);
    }
}

static void finish_if_reset(sctp_channel_t *channel)
{
    if (channel->is_outgoing_reset && channel->is_incoming_reset)
        channel_finish(channel, PEER_OK, NULL);
}

void channel_on_incoming_reset(sctp_channel_t *channel)
{
    if (channel->phase != SCTP_CHANNEL_OPEN && channel->phase != SCTP_CHANNEL_CLOSING)
        return;
    channel->is_incoming_reset = true;
    if (channel->phase == SCTP_CHANNEL_OPEN) {
        /* RFC 8831 §6.7: whoever sees the incoming stream reset resets its outgoing one. Nobody reads what is still queued. */
        channel->phase = SCTP_CHANNEL_CLOSING;
        channel_add_news(channel, NEWS_CLOSING);
    }
    drop_queue(channel);
    if (channel->first == NULL) {
        remove_from_sending(channel);
        request_reset(channel);
    }
    finish_if_reset(channel);
}

void channel_on_outgoing_reset(sctp_channel_t *channel)
{
    if (!channel->is_reset_requested)
        return;
    channel->is_outgoing_reset = true;
    finish_if_reset(channel);
}

static bool tell_handed(sctp_channel_t *channel)
{
    uint64_t before = channel->buffered;
    channel->buffered -= channel->handed;
    channel->handed = 0;
    return before > channel->low_threshold && channel->buffered <= channel->low_threshold && channel->state != SCTP_CHANNEL_CLOSED;
}

bool channel_tell(sctp_channel_t *channel, sctp_output_t *output)
{
    *output = (sctp_output_t){.channel = channel};
    while (channel->news != 0) {
        unsigned news = channel->news & -channel->news;
        channel->news &= ~news;
        if (channel->is_released && news != NEWS_HANDED)
            continue;
        switch (news) {
        case NEWS_ANNOUNCED:
            channel->state = SCTP_CHANNEL_OPEN;
            output->type = SCTP_OUTPUT_CHANNEL_ANNOUNCED;
            return true;
        case NEWS_OPEN:
            if (channel->state != SCTP_CHANNEL_CONNECTING)
                break; /* closed by the caller in the meantime */
            channel->state = SCTP_CHANNEL_OPEN;
            output->type = SCTP_OUTPUT_CHANNEL_OPEN;
            return true;
        case NEWS_HANDED:
            if (!tell_handed(channel) || channel->is_released)
                break;
            output->type = SCTP_OUTPUT_BUFFERED_AMOUNT_LOW;
            return true;
        case NEWS_CLOSING:
            if (channel->state >= SCTP_CHANNEL_CLOSING)
                break;
            channel->state = SCTP_CHANNEL_CLOSING;
            output->type = SCTP_OUTPUT_CHANNEL_CLOSING;
            return true;
        case NEWS_ERROR:
            output->type = SCTP_OUTPUT_CHANNEL_ERROR;
            output->error = channel->error;
            output->cause_code = channel->sctp->cause_code;
            output->message = channel->error_message;
            return true;
        case NEWS_CLOSED:
            channel->state = SCTP_CHANNEL_CLOSED;
            output->type = SCTP_OUTPUT_CHANNEL_CLOSED;
            return true;
        default:
            break;
        }
    }
    return false;
}
