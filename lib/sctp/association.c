/* The life of an association: what its user asks for, what it tells, its timers. There is one path (RFC 8261), so that whether the remote
 * side can still be reached is not decided here: ICE consent does, and no count of retransmissions ends an association. */
#include "sctp/association_private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static uint32_t make_tag(sctp_association_t *a)
{
    uint32_t tag;
    do
        tag = random_u32(&a->config.random);
    while (tag == 0);
    return tag;
}

static void ignore_taken(void *context, uint16_t stream, size_t bytes)
{
    (void)context;
    (void)stream;
    (void)bytes;
}

sctp_association_t *sctp_association_new(const sctp_association_config_t *config)
{
    sctp_association_t *a = MEMORY_NEW(sctp_association_t);
    if (a == NULL)
        return NULL;
    a->config = *config;
    if (a->config.on_taken == NULL)
        a->config.on_taken = ignore_taken;
    if (a->config.receive_window == 0)
        a->config.receive_window = SCTP_RECEIVE_WINDOW;
    if (a->config.receive_window < ASSOCIATION_LEAST_WINDOW)
        a->config.receive_window = ASSOCIATION_LEAST_WINDOW;
    a->local_tag = config->like != NULL ? config->like->local_tag : make_tag(a);
    a->local_tsn = config->like != NULL ? config->like->local_tsn : random_u32(&config->random);
    a->config.like = NULL;
    a->heartbeat_nonce = random_u64(&config->random);
    a->timer = a->reconfig.timer = PEER_TIME_NEVER;
    a->sender = sctp_sender_new(&(sctp_sender_config_t){
        .initial_tsn = a->local_tsn, .mtu = config->path.base_mtu, .on_taken = a->config.on_taken, .context = config->context});
    a->receiver = sctp_receiver_new(&(sctp_receiver_config_t){.window = a->config.receive_window,
                                                              .max_message_size = config->max_message_size,
                                                              .max_streams = config->max_streams,
                                                              .connection = config->connection});
    if (a->sender == NULL || a->receiver == NULL) {
        sctp_association_free(a);
        return NULL;
    }
    path_set(a, &config->path);
    return a;
}

static void drop_output(sctp_association_t *a)
{
    packet_unref(a->answer);
    packet_unref(a->control);
    a->answer = a->control = NULL;
    a->wants_init = a->wants_cookie_echo = a->wants_cookie_ack = a->wants_shutdown_ack = false;
}

void sctp_association_free(sctp_association_t *a)
{
    if (a == NULL)
        return;
    drop_output(a);
    reconfig_free(a);
    if (a->sender != NULL)
        sctp_sender_free(a->sender);
    if (a->receiver != NULL)
        sctp_receiver_free(a->receiver);
    memory_free(a->remote_cookie);
    memory_free(a);
}

bool association_can_send(const sctp_association_t *a)
{
    return a->phase == ASSOCIATION_ESTABLISHED || a->phase == ASSOCIATION_SHUTDOWN_RECEIVED;
}

void association_set_timer(sctp_association_t *a, peer_time_t interval)
{
    a->interval = interval < ASSOCIATION_TIMER_MAX ? interval : ASSOCIATION_TIMER_MAX;
    a->timer = a->now + a->interval;
}

void association_stop_timer(sctp_association_t *a)
{
    a->timer = PEER_TIME_NEVER;
}

peer_time_t association_rto(const sctp_association_t *a)
{
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(a->sender, &stats);
    peer_time_t rto = stats.rtt > 0 ? 3 * stats.rtt : 4 * ASSOCIATION_T1_FIRST;
    if (rto < ASSOCIATION_T1_FIRST)
        return ASSOCIATION_T1_FIRST;
    return rto < ASSOCIATION_TIMER_MAX ? rto : ASSOCIATION_TIMER_MAX;
}

void association_measured_rtt(sctp_association_t *a, peer_time_t rtt)
{
    a->has_rtt = true;
    sctp_sender_on_rtt(a->sender, a->now, rtt > 0 ? rtt : 1);
}

static void become_over(sctp_association_t *a)
{
    drop_output(a);
    a->phase = ASSOCIATION_OVER;
    association_stop_timer(a);
    a->reconfig.timer = PEER_TIME_NEVER;
}

void association_lose(sctp_association_t *a, bool is_orderly, uint16_t cause_code, const char *text)
{
    if (a->phase == ASSOCIATION_OVER)
        return;
    become_over(a);
    a->is_lost_news = true;
    a->is_orderly = is_orderly;
    a->cause_code = cause_code;
    if (text != a->text)
        snprintf(a->text, sizeof a->text, "%s", text);
    LOG_INFO("sctp", a->config.connection, "association over: %s (cause %u)", a->text, cause_code);
}

void association_abort(sctp_association_t *a, uint16_t cause_code, const char *text)
{
    if (a->phase == ASSOCIATION_OVER)
        return;
    association_lose(a, false, cause_code, text);
    a->wants_abort = a->remote_tag != 0;
    a->abort_cause = cause_code;
    a->abort_text = text;
}

int sctp_association_connect(sctp_association_t *a, peer_time_t now, uint16_t remote_port)
{
    a->now = now;
    if (a->phase == ASSOCIATION_OVER || a->phase == ASSOCIATION_COOKIE_WAIT)
        return error_set(PEER_ERROR_INVALID_STATE, "SCTP: the association is %s", a->phase == ASSOCIATION_OVER ? "over" : "being set up");
    if (a->phase != ASSOCIATION_CLOSED)
        return PEER_OK; /* the remote side was first */
    a->remote_port = remote_port;
    a->phase = ASSOCIATION_COOKIE_WAIT;
    a->wants_init = true;
    a->asked_at = now;
    association_set_timer(a, ASSOCIATION_T1_FIRST);
    return PEER_OK;
}

size_t sctp_association_local_init(sctp_association_t *a, uint8_t *bytes, size_t capacity)
{
    writer_t writer;
    writer_init(&writer, bytes, capacity);
    return handshake_write_init(a, &writer) ? writer.length : 0;
}

int sctp_association_connect_with(sctp_association_t *a, peer_time_t now, uint16_t remote_port, const uint8_t *init, size_t length)
{
    a->now = now;
    if (a->phase != ASSOCIATION_CLOSED)
        return error_set(PEER_ERROR_INVALID_STATE, "SCTP: the association is being set up already");
    a->remote_port = remote_port;
    return handshake_by_init(a, init, length);
}

void sctp_association_end(sctp_association_t *a, peer_time_t now)
{
    a->now = now;
    if (a->phase != ASSOCIATION_OVER) {
        become_over(a);
        a->wants_abort = a->remote_tag != 0;
        /* RFC 9260 §3.3.10.12: that is how the remote side tells this from a failure. */
        a->abort_cause = SCTP_CAUSE_USER_ABORT;
        a->abort_text = "closed";
    }
    a->is_lost_news = a->is_up_news = false;
    a->is_orderly = true;
}

void sctp_association_set_path(sctp_association_t *a, peer_time_t now, const sctp_path_t *path, bool is_new)
{
    a->now = now;
    a->config.path = *path;
    path_set(a, path);
    if (a->phase == ASSOCIATION_OVER)
        return;
    sctp_sender_set_mtu(a->sender, path_size(a));
    if (is_new && a->is_up)
        sctp_sender_on_new_path(a->sender, now);
    if (a->is_up)
        path_on_queued(a);
}

int sctp_association_send(sctp_association_t *a, peer_time_t now, const sctp_message_info_t *info, blob_t *message)
{
    a->now = now;
    if (a->phase >= ASSOCIATION_SHUTDOWN_RECEIVED)
        return PEER_ERROR_INVALID_STATE;
    if (a->is_up && info->stream >= a->outbound_streams)
        return PEER_ERROR_INVALID_STATE;
    int code = reconfig_is_resetting(a, info->stream) ? reconfig_hold(a, info, message) : sctp_sender_queue(a->sender, now, info, message);
    if (code == PEER_OK && a->is_up)
        path_on_queued(a);
    return code;
}

size_t sctp_association_queued(const sctp_association_t *a, uint16_t stream)
{
    return sctp_sender_queued(a->sender, stream) + reconfig_held(a, stream);
}

void sctp_association_discard(sctp_association_t *a, peer_time_t now, uint16_t stream)
{
    a->now = now;
    reconfig_discard_held(a, stream);
    sctp_sender_discard(a->sender, now, stream);
    a->reconfig.may_ask = true;
}

bool sctp_association_set_priority(sctp_association_t *a, uint16_t stream, uint16_t priority)
{
    return sctp_sender_set_weight(a->sender, stream, priority);
}

bool sctp_association_set_streaming(sctp_association_t *a, uint16_t stream, size_t threshold)
{
    return sctp_receiver_set_streaming(a->receiver, stream, threshold);
}

void sctp_association_consumed(sctp_association_t *a, peer_time_t now, size_t bytes)
{
    a->now = now;
    sctp_receiver_on_consumed(a->receiver, now, bytes);
}

bool sctp_association_reset_stream(sctp_association_t *a, peer_time_t now, uint16_t stream)
{
    a->now = now;
    if (a->phase >= ASSOCIATION_SHUTDOWN_RECEIVED || !a->is_up || !a->offer.has_reconfig)
        return false;
    return reconfig_reset(a, stream);
}

bool association_add_control(sctp_association_t *a, uint8_t type, uint8_t flags, const void *value, size_t length)
{
    if (a->control == NULL) {
        a->control_room = path_size(a) - SCTP_COMMON_HEADER_SIZE - ASSOCIATION_CONTROL_RESERVE;
        a->control = packet_new(a->config.pool, a->control_room);
    }
    if (a->control == NULL)
        return false;
    writer_t writer;
    writer_init(&writer, a->control->data, a->control_room);
    writer.length = a->control->length;
    if (!sctp_chunk_write(&writer, type, flags, value, length))
        return false;
    a->control->length = writer.length;
    return true;
}

void association_add_error(sctp_association_t *a, uint16_t cause, const void *value, size_t length)
{
    uint8_t bytes[4 + ASSOCIATION_UNRECOGNIZED_MAX];
    writer_t writer;
    if (a->has_error)
        return;
    a->has_error = true; /* one in answer to a packet, whatever is in that */
    writer_init(&writer, bytes, sizeof bytes);
    if (length > ASSOCIATION_UNRECOGNIZED_MAX)
        length = ASSOCIATION_UNRECOGNIZED_MAX;
    sctp_parameter_write(&writer, cause, value, length);
    association_add_control(a, SCTP_CHUNK_ERROR, 0, bytes, writer.length);
}

void association_after_sack(sctp_association_t *a, size_t acknowledged, size_t lost)
{
    if (acknowledged > 0)
        path_mtu_on_acknowledged(&a->path, acknowledged);
    if (lost > 0 && path_mtu_on_lost(&a->path, a->now, lost)) {
        a->black_holes++;
        LOG_INFO("sctp", a->config.connection, "packets of %zu bytes vanish: back to %zu", lost, path_size(a));
        sctp_sender_set_mtu(a->sender, path_size(a));
    }
}

static void on_shutdown_timer(sctp_association_t *a)
{
    if (++a->shutdown_acks >= ASSOCIATION_SHUTDOWN_ACKS) {
        association_lose(a, true, 0, "shut down");
        return;
    }
    a->wants_shutdown_ack = true;
    association_set_timer(a, 2 * a->interval);
}

void sctp_association_timeout(sctp_association_t *a, peer_time_t now)
{
    a->now = now;
    if (a->phase == ASSOCIATION_OVER)
        return;
    if (a->timer <= now) {
        if (a->phase == ASSOCIATION_SHUTDOWN_ACK_SENT)
            on_shutdown_timer(a);
        else
            handshake_timeout(a);
    }
    if (a->reconfig.timer <= now)
        reconfig_timeout(a);
    if (association_can_send(a) && sctp_sender_deadline(a->sender, now) <= now) {
        size_t lost = 0;
        sctp_sender_timeout(a->sender, now, &lost);
        association_after_sack(a, 0, lost);
        a->reconfig.may_ask = true; /* what was given up is under way no more */
    }
    if (a->is_up)
        path_timeout(a);
}

peer_time_t sctp_association_deadline(const sctp_association_t *a)
{
    if (a->phase == ASSOCIATION_OVER)
        return PEER_TIME_NEVER;
    peer_time_t deadline = time_earlier(a->timer, a->reconfig.timer);
    if (!a->is_up)
        return deadline;
    deadline = time_earlier(deadline, path_deadline(a));
    /* Until the COOKIE ACK comes, data travels with the COOKIE ECHO only; behind a SHUTDOWN ACK nothing does, no acknowledgement either. */
    if (!association_can_send(a))
        return deadline;
    deadline = time_earlier(deadline, sctp_receiver_deadline(a->receiver));
    return time_earlier(deadline, sctp_sender_deadline(a->sender, a->now));
}

bool sctp_association_receive(sctp_association_t *a, sctp_association_event_t *event)
{
    if (a->phase == ASSOCIATION_OVER && !a->is_lost_news)
        return false;
    if (a->is_up_news) {
        a->is_up_news = false;
        *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_UP};
        event->stream_count = a->outbound_streams < a->inbound_streams ? a->outbound_streams : a->inbound_streams;
        return true;
    }
    /* Messages first: what the remote side sent on a stream before it reset that. */
    if (sctp_receiver_poll(a->receiver, event) || reconfig_poll(a, event))
        return true;
    if (!a->is_lost_news)
        return false;
    a->is_lost_news = false;
    *event = (sctp_association_event_t){
        .type = SCTP_ASSOCIATION_LOST, .is_orderly = a->is_orderly, .cause_code = a->cause_code, .text = a->text};
    return true;
}

void sctp_association_stats_get(const sctp_association_t *a, sctp_association_stats_t *stats)
{
    sctp_sender_stats_t sender;
    sctp_sender_stats_get(a->sender, &sender);
    *stats = (sctp_association_stats_t){.packets_sent = a->packets_sent,
                                        .packets_received = a->packets_received,
                                        .bytes_sent = a->bytes_sent,
                                        .bytes_received = a->bytes_received,
                                        .chunks_sent = sender.chunks_sent,
                                        .chunks_retransmitted = sender.chunks_retransmitted,
                                        .timeouts = sender.timeouts,
                                        .messages_abandoned = sender.messages_abandoned,
                                        .congestion_window = sender.window,
                                        .in_flight = sender.in_flight,
                                        .pacing_rate = sender.pacing_rate,
                                        .rtt_us = (uint32_t)sender.rtt,
                                        .least_rtt_us = (uint32_t)sender.least_rtt,
                                        .receiver_window = a->is_up ? sender.remote_window : 0,
                                        .mtu = (uint32_t)path_size(a),
                                        .unacked_chunks = sender.chunks_in_flight,
                                        .black_holes = a->black_holes,
                                        .held = sctp_receiver_held(a->receiver),
                                        .is_interleaved = a->is_interleaved,
                                        .is_checksum_zero = a->offer.accepts_zero_checksum};
}
