/* The transport: joins the association and the data channels, and gives out what they have to say in order. */
#include "sctp/sctp.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "sctp/data_channel.h"

#include <stdio.h>
#include <string.h>

#define MAX_EARLY_PACKETS 16
#define MAX_HELD_MESSAGES 64
#define MAX_HELD_BYTES (1u << 20)
#define DEFAULT_MAX_CHANNELS 1024 /* usrsctp keeps 112 bytes for each from the beginning */
#define MIN_MTU 508               /* RFC 9260 §3: nobody may send less than an IPv4 host must accept, less IP and UDP */
#define MAX_MTU 65535

/* A message for a stream that has no channel yet: the DATA_CHANNEL_OPEN was overtaken, or a negotiated channel is made later here. */
typedef struct held_message {
    struct held_message *next;
    uint16_t stream;
    uint32_t payload_protocol;
    size_t length;
    uint8_t data[];
} held_message_t;

sctp_t *sctp_new(const sctp_config_t *config)
{
    sctp_t *s = MEMORY_NEW(sctp_t);
    if (s == NULL)
        return NULL;
    s->config = *config;
    if (s->config.local_port == 0)
        s->config.local_port = SCTP_DEFAULT_PORT;
    if (s->config.max_message_size == 0)
        s->config.max_message_size = SCTP_DEFAULT_MAX_MESSAGE_SIZE;
    if (s->config.mtu == 0)
        s->config.mtu = SCTP_DEFAULT_MTU;
    if (s->config.max_channels == 0)
        s->config.max_channels = DEFAULT_MAX_CHANNELS;
    s->remote_port = SCTP_DEFAULT_PORT;
    s->remote_max_message_size = SCTP_DEFAULT_REMOTE_MAX_MESSAGE_SIZE;
    s->association = sctp_association_new(&(sctp_association_config_t){.pool = config->pool,
                                                                       .local_port = s->config.local_port,
                                                                       .mtu = s->config.mtu,
                                                                       .max_message_size = s->config.max_message_size,
                                                                       .max_streams = s->config.max_channels,
                                                                       .connection = config->connection,
                                                                       .wake = config->wake,
                                                                       .wake_context = config->wake_context});
    if (s->association == NULL) {
        memory_free(s);
        return NULL;
    }
    return s;
}

static void drop_held(sctp_t *s, int32_t stream)
{
    held_message_t **link = &s->first_held;
    s->last_held = NULL;
    while (*link != NULL) {
        held_message_t *held = *link;
        if (stream == SCTP_CHANNEL_ID_NONE || held->stream == stream) {
            *link = held->next;
            s->held_count--;
            s->held_bytes -= held->length;
            memory_free(held);
        } else {
            s->last_held = held;
            link = &held->next;
        }
    }
}

static void end_delivery(sctp_t *s)
{
    memory_free(s->delivered);
    s->delivered = NULL;
}

void sctp_free(sctp_t *s)
{
    if (s == NULL)
        return;
    sctp_association_free(s->association);
    for (sctp_channel_t *channel = s->first_channel, *next; channel != NULL; channel = next) {
        next = channel->next;
        channel->has_news = channel->is_sending = false;
        s->unfinished = NULL;
        channel_free(channel);
    }
    map_clear(&s->by_id);
    drop_held(s, SCTP_CHANNEL_ID_NONE);
    end_delivery(s);
    packet_queue_clear(&s->early);
    memory_free(s);
}

void sctp_set_remote(sctp_t *s, uint16_t remote_port, size_t remote_max_message_size)
{
    s->remote_port = remote_port;
    s->remote_max_message_size = remote_max_message_size;
}

void sctp_set_mtu(sctp_t *s, size_t mtu)
{
    sctp_association_set_mtu(s->association, mtu < MIN_MTU ? MIN_MTU : mtu > MAX_MTU ? MAX_MTU : mtu);
}

/* Everything ends. `error` 0: in order. */
static void finish(sctp_t *s, int error, uint16_t cause_code, const char *message)
{
    if (s->state == SCTP_STATE_CLOSED)
        return;
    s->state = SCTP_STATE_CLOSED;
    s->error = error;
    s->cause_code = cause_code;
    snprintf(s->error_message, sizeof s->error_message, "%s", message);
    s->is_closed_news = true;
    s->unfinished = NULL;
    for (sctp_channel_t *channel = s->first_channel; channel != NULL; channel = channel->next)
        channel_finish(channel, error, s->error_message);
    drop_held(s, SCTP_CHANNEL_ID_NONE);
    packet_queue_clear(&s->early);
}

int sctp_start(sctp_t *s, peer_time_t now, bool is_dtls_client)
{
    if (s->state != SCTP_STATE_NEW)
        return error_set(PEER_ERROR_INVALID_STATE, "SCTP: started already");
    s->now = now;
    s->is_dtls_client = is_dtls_client;
    int code = sctp_association_connect(s->association, now, s->remote_port);
    if (code < 0) {
        finish(s, code, 0, "the association could not be started");
        return code;
    }
    s->state = SCTP_STATE_CONNECTING;
    packet_t *packet;
    while ((packet = packet_queue_pop(&s->early)) != NULL)
        sctp_input(s, now, packet);
    return PEER_OK;
}

void sctp_terminate(sctp_t *s, peer_time_t now)
{
    s->now = now;
    sctp_association_end(s->association);
    finish(s, PEER_OK, 0, "closed");
}

sctp_state_t sctp_state(const sctp_t *s)
{
    return s->state;
}

void sctp_input(sctp_t *s, peer_time_t now, packet_t *packet)
{
    s->now = now;
    end_delivery(s);
    if (s->state == SCTP_STATE_NEW && s->early.count < MAX_EARLY_PACKETS) {
        packet_queue_push(&s->early, packet);
        return;
    }
    if (s->state == SCTP_STATE_CONNECTING || s->state == SCTP_STATE_CONNECTED) {
        sctp_association_input(s->association, now, packet->data, packet->length);
        s->may_flush = true;
    }
    packet_unref(packet);
}

void sctp_timeout(sctp_t *s, peer_time_t now)
{
    s->now = now;
    end_delivery(s);
    sctp_association_timeout(s->association, now);
    s->may_flush = true;
}

peer_time_t sctp_deadline(const sctp_t *s)
{
    return sctp_association_deadline(s->association);
}

/* RFC 8832 §6: the DTLS client takes even stream ids, the server odd ones. */
static bool assign_id(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    for (uint32_t id = s->is_dtls_client ? 0 : 1; id < s->max_channels; id += 2)
        if (map_get(&s->by_id, id) == NULL)
            return channel_set_id(channel, (uint16_t)id);
    return false;
}

static void mark_open(sctp_channel_t *channel, unsigned news)
{
    channel->phase = SCTP_CHANNEL_OPEN;
    channel->was_open = true;
    channel->sctp->channels_opened++;
    channel->sctp->may_deliver_held = true;
    channel_add_news(channel, news);
}

/* The association is up: a channel of ours goes onto its stream. It may send at once, behind the DATA_CHANNEL_OPEN (RFC 8832 §6). */
static int establish(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (channel->id == SCTP_CHANNEL_ID_NONE && !assign_id(channel))
        return error_set(PEER_ERROR_OPERATION, "data channel: none of the %u streams is free", s->max_channels);
    if (channel->id >= s->max_channels)
        return error_set(PEER_ERROR_OPERATION, "data channel %d: the association has %u streams", channel->id, s->max_channels);
    if (!channel->is_negotiated) {
        int code = channel_send_open(channel);
        if (code < 0)
            return code;
    }
    mark_open(channel, NEWS_OPEN);
    return PEER_OK;
}

static void on_up(sctp_t *s, const sctp_association_event_t *event)
{
    s->state = SCTP_STATE_CONNECTED;
    s->max_channels = (uint16_t)event->stream_count;
    s->is_connected_news = true;
    for (sctp_channel_t *channel = s->first_channel; channel != NULL; channel = channel->next)
        if (channel->phase == SCTP_CHANNEL_CONNECTING && establish(channel) < 0)
            channel_finish(channel, PEER_ERROR_OPERATION, "no stream is left for it");
}

static void hold(sctp_t *s, const sctp_association_event_t *event)
{
    if (s->held_count >= MAX_HELD_MESSAGES || s->held_bytes + event->length > MAX_HELD_BYTES) {
        LOG_WARNING("sctp", s->config.connection, "message for stream %u without a channel dropped", event->stream);
        return;
    }
    held_message_t *held = memory_resize(NULL, sizeof *held + event->length);
    if (held == NULL)
        return;
    *held = (held_message_t){.stream = event->stream, .payload_protocol = event->payload_protocol, .length = event->length};
    memcpy(held->data, event->data, event->length);
    if (s->last_held != NULL)
        s->last_held->next = held;
    else
        s->first_held = held;
    s->last_held = held;
    s->held_count++;
    s->held_bytes += held->length;
}

static void on_open_request(sctp_t *s, const sctp_association_event_t *event)
{
    dcep_open_t open;
    sctp_channel_t *channel = map_get(&s->by_id, event->stream);
    if (channel != NULL && channel->phase == SCTP_CHANNEL_CLOSING && channel->is_incoming_reset) {
        /* The remote side uses the id anew, so it has seen our reset too, though its answer to that is still under way. */
        channel_finish(channel, PEER_OK, NULL);
        channel = NULL;
    }
    if (channel != NULL) {
        channel_fail(channel, PEER_ERROR_OPERATION, "the remote side opened a second channel on its stream");
        return;
    }
    if (event->stream >= s->max_channels)
        return; /* a stream on which we cannot answer */
    if (!dcep_open_parse(&open, event->data, event->length)) {
        LOG_WARNING("sctp", s->config.connection, "malformed DATA_CHANNEL_OPEN on stream %u", event->stream);
        sctp_association_reset_stream(s->association, s->now, event->stream);
        return;
    }
    channel = channel_new(s, open.label, open.label_length, open.protocol, open.protocol_length);
    if (channel == NULL || !channel_set_id(channel, event->stream)) {
        if (channel != NULL)
            channel_free(channel);
        sctp_association_reset_stream(s->association, s->now, event->stream);
        return;
    }
    channel->is_unordered = open.is_unordered;
    channel->max_retransmits = open.max_retransmits;
    channel->max_packet_life_time_ms = open.max_packet_life_time_ms;
    channel->priority = open.priority;
    channel->is_confirmed = true;
    mark_open(channel, NEWS_ANNOUNCED);
    if (channel_send_ack(channel) < 0)
        channel_fail(channel, PEER_ERROR_OPERATION, "its opening could not be answered");
}

static bool deliver(sctp_channel_t *channel, uint32_t payload_protocol, const uint8_t *data, size_t length, sctp_output_t *output)
{
    bool is_text = payload_protocol == PPID_STRING || payload_protocol == PPID_STRING_EMPTY;
    switch (payload_protocol) {
    case PPID_STRING_EMPTY:
    case PPID_BINARY_EMPTY:
        length = 0;
        break;
    case PPID_STRING:
    case PPID_BINARY:
        break;
    default:
        LOG_DEBUG("sctp", channel->sctp->config.connection, "payload protocol %u ignored", payload_protocol);
        return false;
    }
    channel->is_confirmed = true;
    if (channel->state != SCTP_CHANNEL_OPEN || channel->is_released)
        return false; /* W3C: what arrives after close() is dropped */
    channel->stats.messages_received++;
    channel->stats.bytes_received += length;
    *output = (sctp_output_t){.type = SCTP_OUTPUT_MESSAGE, .channel = channel, .data = data, .length = length, .is_text = is_text};
    return true;
}

static bool on_message(sctp_t *s, const sctp_association_event_t *event, sctp_output_t *output)
{
    sctp_channel_t *channel = map_get(&s->by_id, event->stream);
    if (event->payload_protocol == PPID_DCEP) {
        switch (dcep_type(event->data, event->length)) {
        case DCEP_OPEN:
            on_open_request(s, event);
            break;
        case DCEP_ACK:
            if (channel != NULL)
                channel->is_confirmed = true;
            break;
        default:
            LOG_DEBUG("sctp", s->config.connection, "unknown DCEP message on stream %u", event->stream);
        }
        return false;
    }
    if (channel == NULL || (channel->phase == SCTP_CHANNEL_CLOSING && channel->is_incoming_reset)) {
        hold(s, event);
        return false;
    }
    return deliver(channel, event->payload_protocol, event->data, event->length, output);
}

static void on_reset(sctp_t *s, const sctp_association_event_t *event, uint16_t stream)
{
    sctp_channel_t *channel = map_get(&s->by_id, stream);
    switch (event->type) {
    case SCTP_ASSOCIATION_INCOMING_RESET:
        if (channel != NULL)
            channel_on_incoming_reset(channel);
        else
            drop_held(s, stream);
        break;
    case SCTP_ASSOCIATION_OUTGOING_RESET:
        if (channel != NULL)
            channel_on_outgoing_reset(channel);
        break;
    default: /* refused: nobody will reset the other direction either */
        if (channel != NULL && channel->is_reset_requested)
            channel_finish(channel, PEER_OK, NULL);
        break;
    }
}

static void on_resets(sctp_t *s, const sctp_association_event_t *event)
{
    if (event->stream_count == 0) { /* all of them */
        for (sctp_channel_t *channel = s->first_channel, *next; channel != NULL; channel = next) {
            next = channel->next;
            if (channel->id != SCTP_CHANNEL_ID_NONE)
                on_reset(s, event, (uint16_t)channel->id);
        }
    }
    for (size_t i = 0; i < event->stream_count; i++)
        on_reset(s, event, event->streams[i]);
}

/* True when there is something to tell. */
static bool on_event(sctp_t *s, const sctp_association_event_t *event, sctp_output_t *output)
{
    sctp_channel_t *channel;
    switch (event->type) {
    case SCTP_ASSOCIATION_UP:
        on_up(s, event);
        return false;
    case SCTP_ASSOCIATION_MESSAGE:
        return on_message(s, event, output);
    case SCTP_ASSOCIATION_TOO_LARGE:
        channel = map_get(&s->by_id, event->stream);
        if (channel != NULL)
            channel_fail(channel, PEER_ERROR_OPERATION, "the remote side sent a message larger than max-message-size allows");
        return false;
    case SCTP_ASSOCIATION_LOST:
        finish(s, event->is_orderly ? PEER_OK : PEER_ERROR_OPERATION, event->cause_code, event->message);
        return false;
    default:
        on_resets(s, event);
        return false;
    }
}

static bool deliver_held(sctp_t *s, sctp_output_t *output)
{
    held_message_t **link = &s->first_held, *previous = NULL;
    while (*link != NULL) {
        held_message_t *held = *link;
        sctp_channel_t *channel = map_get(&s->by_id, held->stream);
        if (channel == NULL || channel->phase != SCTP_CHANNEL_OPEN) {
            previous = held;
            link = &held->next;
            continue;
        }
        *link = held->next;
        if (s->last_held == held)
            s->last_held = previous;
        s->held_count--;
        s->held_bytes -= held->length;
        s->delivered = held;
        if (deliver(channel, held->payload_protocol, held->data, held->length, output))
            return true;
        end_delivery(s);
    }
    s->may_deliver_held = false;
    return false;
}

static bool can_be_freed(const sctp_channel_t *channel)
{
    return channel->is_released && channel->phase == SCTP_CHANNEL_CLOSED && channel->sctp->unfinished != channel;
}

static bool tell_channels(sctp_t *s, sctp_output_t *output)
{
    sctp_channel_t *channel;
    while ((channel = s->first_news) != NULL) {
        if (channel_tell(channel, output))
            return true;
        s->first_news = channel->next_news;
        if (s->first_news == NULL)
            s->last_news = NULL;
        channel->next_news = NULL;
        channel->has_news = false;
        if (can_be_freed(channel))
            channel_free(channel);
    }
    return false;
}

bool sctp_poll(sctp_t *s, sctp_output_t *output)
{
    sctp_association_event_t event;
    end_delivery(s);
    do {
        if (s->may_flush) {
            s->may_flush = false;
            channel_flush(s);
        }
        packet_t *packet = sctp_association_output(s->association);
        if (packet != NULL) {
            *output = (sctp_output_t){.type = SCTP_OUTPUT_SEND, .packet = packet};
            return true;
        }
        if (s->is_connected_news) {
            s->is_connected_news = false;
            *output = (sctp_output_t){.type = SCTP_OUTPUT_CONNECTED};
            return true;
        }
        if (tell_channels(s, output))
            return true;
        if (s->is_closed_news) {
            s->is_closed_news = false;
            *output =
                (sctp_output_t){.type = SCTP_OUTPUT_CLOSED, .error = s->error, .cause_code = s->cause_code, .message = s->error_message};
            return true;
        }
        if (s->may_deliver_held && deliver_held(s, output))
            return true;
        if (!sctp_association_receive(s->association, &event))
            break;
        if (on_event(s, &event, output))
            return true;
    } while (true);
    return false;
}

void sctp_stats_get(sctp_t *s, sctp_stats_t *stats)
{
    sctp_association_stats_t a;
    sctp_association_stats_get(s->association, &a);
    *stats = (sctp_stats_t){.packets_sent = a.packets_sent,
                            .packets_received = a.packets_received,
                            .bytes_sent = a.bytes_sent,
                            .bytes_received = a.bytes_received,
                            .channels_opened = s->channels_opened,
                            .channels_closed = s->channels_closed,
                            .rtt_us = a.rtt_us,
                            .congestion_window = a.congestion_window,
                            .receiver_window = a.receiver_window,
                            .mtu = a.mtu,
                            .unacked_chunks = a.unacked_chunks,
                            .max_channels = s->max_channels};
}

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

sctp_channel_t *sctp_open(sctp_t *s, peer_time_t now, const sctp_channel_options_t *options)
{
    const char *label = options->label != NULL ? options->label : "";
    const char *protocol = options->protocol != NULL ? options->protocol : "";
    s->now = now;
    if (check_options(s, options, strlen(label), strlen(protocol)) < 0)
        return NULL;
    sctp_channel_t *channel = channel_new(s, label, strlen(label), protocol, strlen(protocol));
    if (channel == NULL) {
        error_no_memory();
        return NULL;
    }
    channel->is_unordered = options->is_unordered;
    channel->is_negotiated = channel->is_confirmed = options->is_negotiated;
    channel->max_retransmits = options->max_retransmits < 0 ? -1 : options->max_retransmits;
    channel->max_packet_life_time_ms = options->max_packet_life_time_ms < 0 ? -1 : options->max_packet_life_time_ms;
    if (options->priority != 0)
        channel->priority = options->priority;
    if (options->is_negotiated && !channel_set_id(channel, (uint16_t)options->id)) {
        channel_free(channel);
        error_no_memory();
        return NULL;
    }
    if (s->state == SCTP_STATE_CONNECTED && establish(channel) < 0) {
        channel_free(channel);
        return NULL;
    }
    return channel;
}

int sctp_channel_send(sctp_channel_t *channel, peer_time_t now, const void *data, size_t length, bool is_text)
{
    static const uint8_t nothing;
    sctp_t *s = channel->sctp;
    s->now = now;
    if (channel->state != SCTP_CHANNEL_OPEN)
        return error_set(PEER_ERROR_INVALID_STATE, "data channel %d: not open", channel->id);
    if (s->remote_max_message_size != 0 && length > s->remote_max_message_size)
        return error_set(PEER_ERROR_TYPE, "data channel %d: the message has %zu bytes, the remote side takes %zu", channel->id, length,
                         s->remote_max_message_size);
    /* What the remote side has closed, without that having been told yet, takes everything and sends nothing. */
    if (channel->phase == SCTP_CHANNEL_OPEN) {
        /* RFC 8831 §6.6: SCTP has no empty messages. */
        int code = length == 0 ? channel_queue(channel, is_text ? PPID_STRING_EMPTY : PPID_BINARY_EMPTY, false, &nothing, 1)
                               : channel_queue(channel, is_text ? PPID_STRING : PPID_BINARY, true, data, length);
        if (code < 0)
            return code;
    } else {
        channel->buffered += length;
    }
    channel->stats.messages_sent++;
    channel->stats.bytes_sent += length;
    return PEER_OK;
}

void sctp_channel_close(sctp_channel_t *channel, peer_time_t now)
{
    channel->sctp->now = now;
    if (channel->state < SCTP_CHANNEL_CLOSING)
        channel->state = SCTP_CHANNEL_CLOSING;
    channel_start_closing(channel);
}

void sctp_channel_release(sctp_channel_t *channel, peer_time_t now)
{
    channel->is_released = true;
    sctp_channel_close(channel, now);
    if (can_be_freed(channel))
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
