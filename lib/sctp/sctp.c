/* The transport: joins the association and the data channels, and gives out what they have to say in order. */
#include "sctp/sctp.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "sctp/data_channel.h"

#include <stdio.h>
#include <string.h>

#define MAX_EARLY_PACKETS 16

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    sctp_t *s = context;
    sctp_channel_t *channel = map_get(&s->by_id, stream);
    if (channel != NULL)
        channel_on_taken(channel, bytes);
}

/* In the place of another one, if there is one. */
static sctp_association_t *new_association(sctp_t *s)
{
    return sctp_association_new(&(sctp_association_config_t){.pool = s->config.pool,
                                                             .like = s->association,
                                                             .random = s->config.random,
                                                             .local_port = s->config.local_port,
                                                             .path = s->config.path,
                                                             .max_message_size = s->config.max_message_size,
                                                             .receive_window = s->config.receive_window,
                                                             .max_streams = s->config.max_channels,
                                                             .connection = s->config.connection,
                                                             .on_taken = on_taken,
                                                             .context = s});
}

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
    if (s->config.max_channels == 0)
        s->config.max_channels = SCTP_MAX_CHANNELS;
    s->remote_port = SCTP_DEFAULT_PORT;
    s->remote_max_message_size = SCTP_DEFAULT_REMOTE_MAX_MESSAGE_SIZE;
    s->association = new_association(s);
    if (s->association == NULL) {
        memory_free(s);
        return NULL;
    }
    return s;
}

void sctp_free(sctp_t *s)
{
    if (s == NULL)
        return;
    for (sctp_channel_t *channel = s->first_channel, *next; channel != NULL; channel = next) {
        next = channel->next;
        channel->has_news = false;
        channel_free(channel);
    }
    inbound_drop_held(s, SCTP_CHANNEL_ID_NONE);
    sctp_association_free(s->association);
    map_clear(&s->by_id);
    packet_queue_clear(&s->early);
    memory_free(s->remote_init);
    memory_free(s);
}

void sctp_set_remote(sctp_t *s, uint16_t remote_port, size_t remote_max_message_size)
{
    s->remote_port = remote_port;
    s->remote_max_message_size = remote_max_message_size;
}

void sctp_set_path(sctp_t *s, peer_time_t now, const sctp_path_t *path, bool is_new)
{
    s->now = now;
    sctp_association_set_path(s->association, now, path, is_new);
}

size_t sctp_local_init(sctp_t *s, uint8_t *bytes, size_t capacity)
{
    return sctp_association_local_init(s->association, bytes, capacity);
}

bool sctp_set_remote_init(sctp_t *s, const uint8_t *init, size_t length)
{
    uint8_t *copy = s->state == SCTP_STATE_NEW ? memory_copy(init, length) : NULL;
    if (copy == NULL)
        return false;
    memory_free(s->remote_init);
    s->remote_init = copy;
    s->remote_init_length = length;
    return true;
}

void sctp_set_role(sctp_t *s, bool is_dtls_client)
{
    if (s->has_role)
        return;
    s->has_role = true;
    s->is_dtls_client = is_dtls_client;
    for (sctp_channel_t *channel = s->first_channel; channel != NULL; channel = channel->next)
        if (channel->phase == SCTP_CHANNEL_CONNECTING && channel->id == SCTP_CHANNEL_ID_NONE)
            channel_assign_id(channel); /* one that gets none now is told so when the association is up */
}

/* Everything ends. `error` 0: in order. */
void sctp_finish(sctp_t *s, int error, uint16_t cause_code, const char *message)
{
    if (s->state == SCTP_STATE_CLOSED)
        return;
    s->state = SCTP_STATE_CLOSED;
    s->error = error;
    s->cause_code = cause_code;
    snprintf(s->error_message, sizeof s->error_message, "%s", message);
    s->is_closed_news = true;
    for (sctp_channel_t *channel = s->first_channel; channel != NULL; channel = channel->next)
        channel_finish(channel, error, s->error_message, true);
    inbound_drop_held(s, SCTP_CHANNEL_ID_NONE);
    packet_queue_clear(&s->early);
}

static int connect(sctp_t *s, peer_time_t now)
{
    if (s->remote_init != NULL &&
        sctp_association_connect_with(s->association, now, s->remote_port, s->remote_init, s->remote_init_length) == PEER_OK)
        return PEER_OK;
    /* Without the remote side's INIT chunk, or with one that is no good, it comes by itself. */
    return sctp_association_connect(s->association, now, s->remote_port);
}

int sctp_start(sctp_t *s, peer_time_t now)
{
    if (s->state != SCTP_STATE_NEW)
        return error_set(PEER_ERROR_INVALID_STATE, "SCTP: started already");
    s->now = now;
    int code = connect(s, now);
    if (code < 0) {
        sctp_finish(s, code, 0, "the association could not be started");
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
    if (s->state == SCTP_STATE_CLOSED)
        return;
    sctp_association_end(s->association, now);
    sctp_finish(s, PEER_OK, 0, "closed");
}

int sctp_renew(sctp_t *s)
{
    sctp_association_t *association = new_association(s);
    if (association == NULL)
        return error_no_memory();
    bool was_started = s->state != SCTP_STATE_NEW;
    if (was_started)
        sctp_finish(s, PEER_OK, 0, "closed");
    sctp_association_free(s->association);
    s->association = association;
    s->state = SCTP_STATE_NEW;
    s->has_role = s->has_role && !was_started; /* else channels that wait have ids by it */
    s->is_connected_news = false;
    s->max_channels = 0;
    memory_free(s->remote_init);
    s->remote_init = NULL;
    s->remote_init_length = 0;
    packet_queue_clear(&s->early);
    inbound_drop_held(s, SCTP_CHANNEL_ID_NONE);
    return PEER_OK;
}

sctp_state_t sctp_state(const sctp_t *s)
{
    return s->state;
}

void sctp_input(sctp_t *s, peer_time_t now, packet_t *packet)
{
    s->now = now;
    if (s->state == SCTP_STATE_NEW && s->early.count < MAX_EARLY_PACKETS) {
        packet_queue_push(&s->early, packet);
        return;
    }
    if (s->state == SCTP_STATE_CONNECTING || s->state == SCTP_STATE_CONNECTED)
        sctp_association_input(s->association, now, packet->data, packet->length);
    packet_unref(packet);
}

void sctp_timeout(sctp_t *s, peer_time_t now)
{
    s->now = now;
    sctp_association_timeout(s->association, now);
}

peer_time_t sctp_deadline(const sctp_t *s)
{
    return s->state == SCTP_STATE_NEW ? PEER_TIME_NEVER : sctp_association_deadline(s->association);
}

void sctp_consumed(sctp_t *s, peer_time_t now, size_t bytes)
{
    s->now = now;
    sctp_association_consumed(s->association, now, bytes);
}

/* The association is up: a channel of ours goes onto its stream. It may send at once, behind the DATA_CHANNEL_OPEN (RFC 8832 §6). */
int sctp_establish(sctp_channel_t *channel)
{
    sctp_t *s = channel->sctp;
    if (channel->id == SCTP_CHANNEL_ID_NONE && !channel_assign_id(channel))
        return error_set(PEER_ERROR_OPERATION, "data channel: none of the %u streams is free", s->max_channels);
    if (channel->id >= s->max_channels)
        return error_set(PEER_ERROR_OPERATION, "data channel %d: the association has %u streams", channel->id, s->max_channels);
    if (!channel->is_negotiated) {
        int code = channel_send_open(channel);
        if (code < 0)
            return code;
    }
    channel_mark_open(channel, channel->is_unknown ? NEWS_ANNOUNCED : NEWS_OPEN);
    channel->is_unknown = false;
    return PEER_OK;
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
        if (channel_can_be_freed(channel))
            channel_free(channel);
    }
    return false;
}

/* Field by field: most outputs are packets, and the rest of an output is large. */
static bool put_packet(sctp_output_t *output, packet_t *packet)
{
    output->type = SCTP_OUTPUT_SEND;
    output->packet = packet;
    return true;
}

static bool poll_news(sctp_t *s, sctp_output_t *output)
{
    if (s->is_connected_news) {
        s->is_connected_news = false;
        *output = (sctp_output_t){.type = SCTP_OUTPUT_CONNECTED};
        return true;
    }
    if (tell_channels(s, output))
        return true;
    if (s->is_closed_news) {
        s->is_closed_news = false;
        *output = (sctp_output_t){.type = SCTP_OUTPUT_CLOSED, .error = s->error, .cause_code = s->cause_code, .text = s->error_message};
        return true;
    }
    return s->may_deliver_held && inbound_deliver_held(s, output);
}

bool sctp_poll(sctp_t *s, peer_time_t now, sctp_output_t *output)
{
    sctp_association_event_t event;
    s->now = now;
    if (s->state == SCTP_STATE_NEW)
        return poll_news(s, output);
    packet_t *packet = sctp_association_output(s->association, now);
    if (packet != NULL)
        return put_packet(output, packet);
    while (!poll_news(s, output)) {
        if (!sctp_association_receive(s->association, &event)) {
            /* What was received may want an answer: an acknowledgement of a channel, a window that opens. */
            packet = sctp_association_output(s->association, now);
            return packet != NULL && put_packet(output, packet);
        }
        if (inbound_event(s, &event, output))
            return true;
    }
    return true;
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
                            .chunks_sent = a.chunks_sent,
                            .chunks_retransmitted = a.chunks_retransmitted,
                            .timeouts = a.timeouts,
                            .messages_abandoned = a.messages_abandoned,
                            .congestion_window = a.congestion_window,
                            .in_flight = a.in_flight,
                            .pacing_rate = a.pacing_rate,
                            .held = a.held,
                            .rtt_us = a.rtt_us,
                            .least_rtt_us = a.least_rtt_us,
                            .receiver_window = a.receiver_window,
                            .mtu = a.mtu,
                            .black_holes = a.black_holes,
                            .unacked_chunks = a.unacked_chunks,
                            .max_channels = s->max_channels,
                            .is_interleaved = a.is_interleaved,
                            .is_checksum_zero = a.is_checksum_zero};
}
