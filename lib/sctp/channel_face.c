/* What the layer above calls on data channels. */
#include "sctp/data_channel.h"

#include "base/error.h"

#include <string.h>

static int check_options(const sctp_t *s, const sctp_channel_options_t *options, size_t label_length, size_t protocol_length)
{
    if (s->state == SCTP_STATE_CLOSED)
        return error_set(PEER_ERROR_INVALID_STATE, "data channel: the SCTP association is closed");
    if (label_length > SCTP_MAX_LABEL || protocol_length > SCTP_MAX_LABEL)
        return error_set(PEER_ERROR_TYPE, "data channel: label and protocol have %d bytes at most", SCTP_MAX_LABEL);
    if (options->max_retransmits >= 0 && options->max_packet_life_time_ms >= 0)
        return error_set(PEER_ERROR_TYPE, "data channel: either max_retransmits or max_packet_life_time_ms, not both");
    if (options->max_retransmits > UINT16_MAX || options->max_packet_life_time_ms > UINT16_MAX)
        return error_set(PEER_ERROR_TYPE, "data channel: max_retransmits and max_packet_life_time_ms are 65535 at most");
    if (!options->is_negotiated)
        return PEER_OK;
    if (options->id < 0 || options->id >= SCTP_MAX_CHANNELS)
        return error_set(PEER_ERROR_TYPE, "data channel: a negotiated channel needs an id from 0 to %d", SCTP_MAX_CHANNELS - 1);
    if (map_get(&s->by_id, (uint32_t)options->id) != NULL)
        return error_set(PEER_ERROR_OPERATION, "data channel: id %d is in use", options->id);
    return PEER_OK;
}

/* W3C createDataChannel: with the DTLS role an id is taken at once; what is made while the association is up opens at once. */
static int begin(sctp_channel_t *channel, const sctp_channel_options_t *options)
{
    sctp_t *s = channel->sctp;
    if (options->is_negotiated && !channel_set_id(channel, (uint16_t)options->id))
        return error_no_memory();
    if (channel->is_waiting)
        return PEER_OK;
    if (s->state == SCTP_STATE_CONNECTED)
        return sctp_establish(channel);
    if (!options->is_negotiated && s->has_role && !channel_assign_id(channel))
        return error_set(PEER_ERROR_OPERATION, "data channel: no stream is free");
    return PEER_OK;
}

static sctp_channel_t *make(sctp_t *s, const sctp_channel_options_t *options)
{
    const char *label = options->label != NULL ? options->label : "";
    const char *protocol = options->protocol != NULL ? options->protocol : "";
    if (check_options(s, options, strlen(label), strlen(protocol)) < 0)
        return NULL;
    sctp_channel_t *channel = channel_new(s, label, strlen(label), protocol, strlen(protocol));
    if (channel == NULL) {
        error_no_memory();
        return NULL;
    }
    channel->is_unordered = options->is_unordered;
    channel->is_negotiated = channel->is_confirmed = options->is_negotiated;
    channel->is_described = options->is_described;
    channel->max_retransmits = options->max_retransmits < 0 ? -1 : options->max_retransmits;
    channel->max_packet_life_time_ms = options->max_packet_life_time_ms < 0 ? -1 : options->max_packet_life_time_ms;
    if (options->priority != 0)
        channel->priority = options->priority;
    return channel;
}

sctp_channel_t *sctp_open(sctp_t *s, peer_time_t now, const sctp_channel_options_t *options)
{
    s->now = now;
    sctp_channel_t *channel = make(s, options);
    if (channel == NULL)
        return NULL;
    channel->is_waiting = options->is_described;
    if (begin(channel, options) < 0) {
        channel_free(channel);
        return NULL;
    }
    return channel;
}

static size_t label_bytes(const sctp_channel_options_t *options)
{
    return (options->label != NULL ? strlen(options->label) : 0) + (options->protocol != NULL ? strlen(options->protocol) : 0);
}

int sctp_check_agree(const sctp_t *s, const sctp_channel_options_t *options)
{
    size_t bytes = label_bytes(options);
    if (s->remote_label_bytes + bytes > SCTP_MAX_REMOTE_LABELS)
        return error_set(PEER_ERROR_OPERATION, "the labels of the remote side's channels are too long together");
    return check_options(s, options, 0, 0);
}

static int agree_known(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (!channel->is_waiting)
        return PEER_OK;
    channel->is_waiting = false;
    if (s->state == SCTP_STATE_CONNECTED && sctp_establish(channel) < 0)
        channel_finish(channel, PEER_ERROR_OPERATION, "no stream is left for it", false);
    return PEER_OK;
}

int sctp_agree(sctp_t *s, peer_time_t now, const sctp_channel_options_t *options)
{
    s->now = now;
    if (sctp_is_described(s, options->id))
        return agree_known(map_get(&s->by_id, (uint32_t)options->id));
    int code = sctp_check_agree(s, options);
    if (code < 0)
        return code;
    sctp_channel_t *channel = make(s, options);
    if (channel == NULL)
        return PEER_ERROR_NO_MEMORY;
    channel->is_unknown = channel->is_remote = true;
    s->remote_label_bytes += label_bytes(options);
    code = begin(channel, options);
    if (code < 0)
        channel_free(channel);
    return code;
}

void sctp_withdraw(sctp_t *s, peer_time_t now, uint16_t stream)
{
    s->now = now;
    sctp_channel_t *channel = sctp_is_described(s, stream) ? map_get(&s->by_id, stream) : NULL;
    if (channel != NULL && channel->is_waiting)
        channel_finish(channel, PEER_ERROR_OPERATION, "the remote side did not take the channel", false);
    if (channel != NULL && channel->phase == SCTP_CHANNEL_OPEN)
        channel_add_news(channel, NEWS_CLOSING);
    if (channel != NULL)
        channel_start_closing(channel);
}

bool sctp_is_described(const sctp_t *s, int32_t id)
{
    const sctp_channel_t *channel = id >= 0 ? map_get(&s->by_id, (uint32_t)id) : NULL;
    return channel != NULL && channel->is_described && channel->phase < SCTP_CHANNEL_CLOSING;
}

size_t sctp_max_message_size(const sctp_t *s)
{
    return s->remote_max_message_size != 0 ? s->remote_max_message_size : SIZE_MAX;
}

static int check_message(const sctp_channel_t *channel, size_t length)
{
    if (channel->state != SCTP_CHANNEL_OPEN)
        return error_set(PEER_ERROR_INVALID_STATE, "data channel %d: not open", channel->id);
    if (length > sctp_max_message_size(channel->sctp))
        return error_set(PEER_ERROR_TYPE, "data channel %d: the message has %zu bytes, the remote side takes %zu", channel->id, length,
                         channel->sctp->remote_max_message_size);
    return PEER_OK;
}

int sctp_channel_check_send(const sctp_channel_t *channel, size_t length)
{
    int code = check_message(channel, length);
    if (code < 0)
        return code;
    uint64_t waiting = channel->buffered - channel->handed;
    if (waiting > 0 && waiting + length > SCTP_MAX_BUFFERED)
        return error_set(PEER_ERROR_OPERATION, "data channel %d: %llu bytes are waiting to be sent already", channel->id,
                         (unsigned long long)waiting);
    return PEER_OK;
}

/* RFC 8831 §6.6: SCTP has no empty messages; a byte stands for one. */
static int queue_empty(sctp_channel_t *channel, bool is_text)
{
    static const uint8_t nothing[1];
    blob_t *byte = blob_new_copy(nothing, sizeof nothing);
    if (byte == NULL)
        return error_no_memory();
    int code = channel_queue(channel, is_text ? PPID_STRING_EMPTY : PPID_BINARY_EMPTY, false, byte);
    if (code < 0)
        blob_unref(byte);
    return code;
}

int sctp_channel_send_asked(sctp_channel_t *channel, peer_time_t now, blob_t *message, bool is_text)
{
    size_t length = message->length;
    channel->sctp->now = now;
    int code = check_message(channel, length);
    if (code < 0)
        return code;
    if (channel->phase != SCTP_CHANNEL_OPEN) {
        /* What the remote side has closed, without that having been told yet, takes everything and sends nothing. */
        channel->buffered += length;
        blob_unref(message);
    } else if (length == 0) {
        code = queue_empty(channel, is_text);
        if (code < 0)
            return code;
        blob_unref(message);
    } else {
        code = channel_queue(channel, is_text ? PPID_STRING : PPID_BINARY, true, message);
        if (code < 0)
            return code;
    }
    channel->stats.messages_sent++;
    channel->stats.bytes_sent += length;
    return PEER_OK;
}

int sctp_channel_send(sctp_channel_t *channel, peer_time_t now, blob_t *message, bool is_text)
{
    int code = sctp_channel_check_send(channel, message->length);
    return code < 0 ? code : sctp_channel_send_asked(channel, now, message, is_text);
}

int sctp_channel_set_streaming(sctp_channel_t *channel, size_t threshold)
{
    bool has_stream = channel->phase == SCTP_CHANNEL_OPEN;
    if (has_stream && !sctp_association_set_streaming(channel->sctp->association, (uint16_t)channel->id, threshold))
        return error_no_memory();
    channel->streaming = threshold;
    return PEER_OK;
}

void sctp_channel_set_paused(sctp_channel_t *channel, peer_time_t now, bool is_paused)
{
    channel->sctp->now = now;
    channel->is_paused = is_paused;
    if (!is_paused)
        channel_add_news(channel, 0); /* what waited is told */
}

void sctp_channel_close(sctp_channel_t *channel, peer_time_t now)
{
    channel->sctp->now = now;
    if (channel->state < SCTP_CHANNEL_CLOSING) {
        channel->state = SCTP_CHANNEL_CLOSING;
        store_drop(&channel->store, channel->sctp); /* W3C: only an open channel tells messages */
        if (channel->news != 0)
            channel_add_news(channel, 0);
    }
    channel_start_closing(channel);
}

void sctp_channel_release(sctp_channel_t *channel, peer_time_t now)
{
    channel->is_released = true;
    sctp_channel_close(channel, now);
    store_drop(&channel->store, channel->sctp);
    if (channel_can_be_freed(channel))
        channel_free(channel);
}

void sctp_channel_set_user(sctp_channel_t *channel, void *user)
{
    channel->user = user;
}

void *sctp_channel_user(const sctp_channel_t *channel)
{
    return channel->user;
}

sctp_channel_state_t sctp_channel_state(const sctp_channel_t *channel)
{
    return channel->state;
}

int32_t sctp_channel_id(const sctp_channel_t *channel)
{
    return channel->id;
}

const char *sctp_channel_label(const sctp_channel_t *channel)
{
    return channel->label;
}

const char *sctp_channel_protocol(const sctp_channel_t *channel)
{
    return channel->protocol;
}

bool sctp_channel_is_ordered(const sctp_channel_t *channel)
{
    return !channel->is_unordered;
}

bool sctp_channel_is_negotiated(const sctp_channel_t *channel)
{
    return channel->is_negotiated;
}

int32_t sctp_channel_max_retransmits(const sctp_channel_t *channel)
{
    return channel->max_retransmits;
}

int32_t sctp_channel_max_packet_life_time_ms(const sctp_channel_t *channel)
{
    return channel->max_packet_life_time_ms;
}

uint16_t sctp_channel_priority(const sctp_channel_t *channel)
{
    return channel->priority;
}

uint64_t sctp_channel_buffered_amount(const sctp_channel_t *channel)
{
    return channel->buffered;
}

uint64_t sctp_channel_buffered_amount_low_threshold(const sctp_channel_t *channel)
{
    return channel->low_threshold;
}

void sctp_channel_set_buffered_amount_low_threshold(sctp_channel_t *channel, uint64_t threshold)
{
    channel->low_threshold = threshold;
}

sctp_channel_stats_t sctp_channel_stats(const sctp_channel_t *channel)
{
    return channel->stats;
}

sctp_channel_t *sctp_next_channel(const sctp_t *s, const sctp_channel_t *channel)
{
    sctp_channel_t *next = channel != NULL ? channel->next : s->first_channel;
    while (next != NULL && (next->is_released || next->is_unknown || (next->news & NEWS_ANNOUNCED) != 0))
        next = next->next;
    return next;
}

uint32_t sctp_channel_number(const sctp_channel_t *channel)
{
    return channel->number;
}
