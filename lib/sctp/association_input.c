/* Packets in: is it ours (RFC 9260 §8.5), and what do its chunks ask for. The remote side is authenticated, but not trusted: a packet is
 * answered by one packet of the path's size at most, whatever it holds, and nothing but messages is kept of it. */
#include "sctp/association_private.h"

#include "base/log.h"

#include <stdio.h>

#define ABORT_REFLECTED 1 /* T bit of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own (§8.5.1) */
#define REASON_MAX 96

/* RFC 9260 §3.3.10 */
static const char *cause_name(uint16_t cause_code)
{
    static const char *const names[] = {"no reason given",
                                        "Invalid Stream Identifier",
                                        "Missing Mandatory Parameter",
                                        "Stale Cookie",
                                        "Out of Resource",
                                        "Unresolvable Address",
                                        "Unrecognized Chunk Type",
                                        "Invalid Mandatory Parameter",
                                        "Unrecognized Parameters",
                                        "No User Data",
                                        "Cookie Received While Shutting Down",
                                        "Restart with New Addresses",
                                        "User-Initiated Abort",
                                        "Protocol Violation"};
    return cause_code < sizeof names / sizeof names[0] ? names[cause_code] : "unknown cause";
}

static void on_abort(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    sctp_parameter_t cause = {0};
    reader_t reader;
    reader_init(&reader, chunk->value, chunk->length);
    bool has_cause = sctp_parameter_read(&reader, &cause);
    uint16_t code = has_cause ? cause.type : 0;
    int written = snprintf(a->text, sizeof a->text, "%s", cause_name(code));
    if (has_cause && cause.length > 0 && code >= SCTP_CAUSE_USER_ABORT) {
        size_t left = cause.length < REASON_MAX ? cause.length : REASON_MAX;
        a->text[written++] = ':';
        a->text[written++] = ' ';
        for (size_t i = 0; i < left && cause.value[i] != 0; i++)
            a->text[written++] = cause.value[i] >= 0x20 && cause.value[i] < 0x7f ? (char)cause.value[i] : '?';
        a->text[written] = 0;
    }
    association_lose(a, code == 0 || code == SCTP_CAUSE_USER_ABORT, code, a->text);
}

static void on_error(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    sctp_parameter_t cause;
    reader_t reader;
    reader_init(&reader, chunk->value, chunk->length);
    while (sctp_parameter_read(&reader, &cause)) {
        LOG_DEBUG("sctp", a->config.connection, "the remote side reports: %s", cause_name(cause.type));
        if (cause.type == SCTP_CAUSE_STALE_COOKIE) {
            handshake_on_stale_cookie(a);
            return;
        }
    }
}

static void judge(sctp_association_t *a, sctp_receiver_verdict_t verdict, const sctp_data_t *data)
{
    uint8_t stream[4] = {0};
    switch (verdict) {
    case SCTP_RECEIVER_OK:
        break;
    case SCTP_RECEIVER_NO_STREAM:
        bytes_put_u16(stream, data != NULL ? data->stream : 0);
        association_add_error(a, SCTP_CAUSE_INVALID_STREAM, stream, sizeof stream);
        break;
    case SCTP_RECEIVER_EMPTY:
        association_abort(a, SCTP_CAUSE_NO_USER_DATA, "the remote side sent a DATA chunk without data");
        break;
    case SCTP_RECEIVER_VIOLATION:
        association_abort(a, SCTP_CAUSE_PROTOCOL_VIOLATION, "the remote side sent data that contradict what came before");
        break;
    default:
        association_abort(a, SCTP_CAUSE_OUT_OF_RESOURCE, "the remote side began more messages than can be held");
        break;
    }
}

static void on_sack(sctp_association_t *a, const sctp_sack_t *sack)
{
    size_t acknowledged = 0, lost = 0;
    if (!sctp_sender_on_sack(a->sender, a->now, sack, &acknowledged, &lost)) {
        association_abort(a, SCTP_CAUSE_PROTOCOL_VIOLATION, "the remote side acknowledged what was never sent");
        return;
    }
    a->remote_window = sack->window;
    a->reconfig.may_ask = true;
    if ((acknowledged | lost) != 0)
        association_after_sack(a, acknowledged, lost);
}

static void finish_if_drained(sctp_association_t *a)
{
    if (a->phase != ASSOCIATION_SHUTDOWN_RECEIVED || sctp_sender_in_flight(a->sender) > 0 || sctp_sender_total_queued(a->sender) > 0)
        return;
    a->phase = ASSOCIATION_SHUTDOWN_ACK_SENT;
    a->wants_shutdown_ack = true;
    association_set_timer(a, association_rto(a));
}

static void on_shutdown(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    if (chunk->length != 4 || !association_can_send(a))
        return;
    /* §9.2: it acknowledges too. The window is the one of the last SACK. */
    a->phase = ASSOCIATION_SHUTDOWN_RECEIVED;
    on_sack(a, &(sctp_sack_t){.cumulative = bytes_get_u32(chunk->value), .window = a->remote_window, .gaps = chunk->value + 4});
    finish_if_drained(a);
}

static void on_heartbeat(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    association_add_control(a, SCTP_CHUNK_HEARTBEAT_ACK, 0, chunk->value, chunk->length);
}

/* §3.2: the two highest bits say what to do. False: the rest of the packet is not read. */
static bool on_unknown(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    uint8_t head[4] = {chunk->type, chunk->flags};
    bytes_put_u16(head + 2, (uint16_t)(SCTP_CHUNK_HEADER_SIZE + chunk->length));
    if ((chunk->type & 0x40) != 0 && association_can_send(a))
        association_add_error(a, SCTP_CAUSE_UNRECOGNIZED_CHUNK, head, sizeof head);
    return (chunk->type & 0x80) != 0;
}

/* Data that is not behind a COOKIE ECHO comes from a remote side for which the association stands: the COOKIE ACK was lost, or is late. */
static bool takes_data(sctp_association_t *a)
{
    if (a->phase == ASSOCIATION_COOKIE_ECHOED)
        handshake_on_cookie_ack(a);
    return a->phase == ASSOCIATION_ESTABLISHED;
}

/* False: the rest of the packet is not read. */
static bool on_chunk(sctp_association_t *a, const sctp_header_t *header, const sctp_chunk_t *chunk, bool *has_data)
{
    sctp_data_t data;
    sctp_sack_t sack;
    sctp_forward_t forward;
    switch (chunk->type) {
    case SCTP_CHUNK_DATA:
    case SCTP_CHUNK_I_DATA:
        if (!takes_data(a) || !sctp_data_parse(chunk, &data))
            return false;
        *has_data = true;
        judge(a, sctp_receiver_on_data(a->receiver, a->now, &data), &data);
        break;
    case SCTP_CHUNK_SACK:
        if (!association_can_send(a) && !takes_data(a))
            return true;
        if (!sctp_sack_parse(chunk, &sack))
            return false;
        if (!a->has_sack)
            on_sack(a, &sack);
        a->has_sack = true; /* nobody says two things at once, and contradictions are dear */
        finish_if_drained(a);
        break;
    case SCTP_CHUNK_FORWARD_TSN:
    case SCTP_CHUNK_I_FORWARD_TSN:
        if (!takes_data(a) || !sctp_forward_parse(chunk, &forward))
            return false;
        *has_data = true;
        judge(a, sctp_receiver_on_forward(a->receiver, a->now, &forward), NULL);
        break;
    case SCTP_CHUNK_INIT_ACK:
        handshake_on_init_ack(a, chunk);
        break;
    case SCTP_CHUNK_COOKIE_ECHO:
        return handshake_on_cookie_echo(a, header, chunk);
    case SCTP_CHUNK_COOKIE_ACK:
        handshake_on_cookie_ack(a);
        break;
    case SCTP_CHUNK_HEARTBEAT:
        if (association_can_send(a))
            on_heartbeat(a, chunk);
        break;
    case SCTP_CHUNK_HEARTBEAT_ACK:
        path_on_heartbeat_ack(a, chunk);
        break;
    case SCTP_CHUNK_RE_CONFIG:
        if (a->phase == ASSOCIATION_ESTABLISHED)
            reconfig_on_chunk(a, chunk);
        break;
    case SCTP_CHUNK_ERROR:
        on_error(a, chunk);
        break;
    case SCTP_CHUNK_ABORT:
        on_abort(a, chunk);
        break;
    case SCTP_CHUNK_SHUTDOWN:
        on_shutdown(a, chunk);
        break;
    case SCTP_CHUNK_SHUTDOWN_COMPLETE:
        if (a->phase == ASSOCIATION_SHUTDOWN_ACK_SENT)
            association_lose(a, true, 0, "shut down");
        break;
    case SCTP_CHUNK_INIT:         /* not alone */
    case SCTP_CHUNK_SHUTDOWN_ACK: /* of a SHUTDOWN that we never send */
        return false;
    case SCTP_CHUNK_PAD:
        break;
    default:
        return on_unknown(a, chunk);
    }
    return a->phase != ASSOCIATION_OVER;
}

/* §8.5.1: packets whose tag is not what the association's packets bear. */
static bool is_tag_right(const sctp_association_t *a, const sctp_header_t *header, const sctp_chunk_t *first)
{
    if (header->tag == a->local_tag && a->phase != ASSOCIATION_CLOSED)
        return (first->type != SCTP_CHUNK_ABORT && first->type != SCTP_CHUNK_SHUTDOWN_COMPLETE) || (first->flags & ABORT_REFLECTED) == 0;
    if (first->type == SCTP_CHUNK_COOKIE_ECHO)
        return a->pending.is_set && header->tag == a->pending.local_tag;
    return (first->type == SCTP_CHUNK_ABORT || first->type == SCTP_CHUNK_SHUTDOWN_COMPLETE) && (first->flags & ABORT_REFLECTED) != 0 &&
           a->remote_tag != 0 && header->tag == a->remote_tag;
}

static bool is_checksum_right(const sctp_association_t *a, const sctp_header_t *header, const uint8_t *data, size_t length)
{
    if (header->checksum == 0 && !a->config.is_zero_checksum_off && a->is_up)
        return true; /* RFC 9653 §5.3: DTLS has looked */
    return sctp_checksum(data, length) == header->checksum;
}

void sctp_association_input(sctp_association_t *a, peer_time_t now, const uint8_t *data, size_t length)
{
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    bool has_data = false;
    a->now = now;
    reader_init(&reader, data, length);
    if (a->phase == ASSOCIATION_OVER || !sctp_header_read(&reader, &header) || !sctp_chunk_read(&reader, &chunk) ||
        !is_checksum_right(a, &header, data, length) || header.destination_port != a->config.local_port ||
        (a->phase != ASSOCIATION_CLOSED && header.source_port != a->remote_port)) {
        LOG_DEBUG("sctp", a->config.connection, "packet of %zu bytes dropped", length);
        return;
    }
    a->packets_received++;
    a->bytes_received += length;
    a->has_error = a->has_sack = false;
    if (chunk.type == SCTP_CHUNK_INIT) {
        if (header.tag == 0 && reader_left(&reader) == 0)
            handshake_on_init(a, &header, &chunk);
        return;
    }
    if (!is_tag_right(a, &header, &chunk)) {
        LOG_DEBUG("sctp", a->config.connection, "a packet that is not of this association");
        return;
    }
    while (on_chunk(a, &header, &chunk, &has_data) && sctp_chunk_read(&reader, &chunk))
        ;
    if (!has_data || a->phase == ASSOCIATION_OVER)
        return;
    sctp_receiver_on_packet_end(a->receiver, now);
    reconfig_on_progress(a);
}
