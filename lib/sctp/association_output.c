/* Packets out: one at a time, into a packet of the pool, as full as what waits makes it. Control chunks go first, an acknowledgement rides
 * with data, data fill the rest (RFC 9260 §6.10). */
#include "sctp/association_private.h"

#include <string.h>

packet_t *association_new_packet(sctp_association_t *a, size_t size, uint32_t tag, writer_t *writer)
{
    packet_t *packet = packet_new(a->config.pool, size);
    if (packet == NULL)
        return NULL;
    writer_init(writer, packet->data, size);
    sctp_header_write(writer, &(sctp_header_t){.source_port = a->config.local_port, .destination_port = a->remote_port, .tag = tag});
    return packet;
}

void association_finish_packet(packet_t *packet, const writer_t *writer, bool is_checksum_zero)
{
    packet->length = writer->length;
    if (!is_checksum_zero)
        sctp_checksum_put(packet->data, sctp_checksum(packet->data, packet->length));
}

static packet_t *count(sctp_association_t *a, packet_t *packet)
{
    a->packets_sent++;
    a->bytes_sent += packet->length;
    return packet;
}

static packet_t *make_init(sctp_association_t *a)
{
    writer_t writer;
    packet_t *packet = association_new_packet(a, a->path.base, 0, &writer);
    if (packet == NULL)
        return NULL;
    handshake_write_init(a, &writer);
    association_finish_packet(packet, &writer, false);
    a->wants_init = false;
    return packet;
}

static packet_t *make_abort(sctp_association_t *a)
{
    writer_t writer;
    packet_t *packet = association_new_packet(a, a->path.base, a->remote_tag, &writer);
    if (packet == NULL)
        return NULL;
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_ABORT, 0);
    bool has_text = a->abort_cause == SCTP_CAUSE_USER_ABORT || a->abort_cause == SCTP_CAUSE_PROTOCOL_VIOLATION;
    sctp_parameter_write(&writer, a->abort_cause, a->abort_text, has_text ? strlen(a->abort_text) : 0);
    sctp_chunk_end(&writer, at);
    association_finish_packet(packet, &writer, false);
    a->wants_abort = false;
    return packet;
}

/* What goes in packets of its own. NULL: nothing. */
static packet_t *make_lone(sctp_association_t *a)
{
    if (a->wants_abort)
        return make_abort(a);
    if (a->answer != NULL) {
        packet_t *packet = a->answer;
        a->answer = NULL;
        return packet;
    }
    if (a->wants_init)
        return make_init(a);
    return path_output(a);
}

static bool write_control(sctp_association_t *a, writer_t *writer)
{
    bool has_cookie = false;
    if (a->wants_cookie_echo) {
        a->wants_cookie_echo = false;
        has_cookie = true;
        sctp_chunk_write(writer, SCTP_CHUNK_COOKIE_ECHO, 0, a->remote_cookie, a->remote_cookie_length);
    }
    if (a->wants_cookie_ack) {
        a->wants_cookie_ack = false;
        sctp_chunk_write(writer, SCTP_CHUNK_COOKIE_ACK, 0, NULL, 0);
    }
    if (a->wants_shutdown_ack) {
        a->wants_shutdown_ack = false;
        sctp_chunk_write(writer, SCTP_CHUNK_SHUTDOWN_ACK, 0, NULL, 0);
    }
    if (a->control != NULL && writer_left(writer) >= a->control->length) {
        writer_copy(writer, a->control->data, a->control->length);
        packet_unref(a->control);
        a->control = NULL;
    }
    reconfig_write(a, writer);
    return has_cookie;
}

static packet_t *make_bundle(sctp_association_t *a)
{
    /* §5.1.3: before the COOKIE ACK nothing but the one packet that the COOKIE ECHO leads. */
    if (a->phase == ASSOCIATION_COOKIE_ECHOED && !a->wants_cookie_echo)
        return NULL;
    reconfig_prepare(a);
    bool may_send_data = association_can_send(a) || a->phase == ASSOCIATION_COOKIE_ECHOED;
    bool has_data = may_send_data && sctp_sender_can_write(a->sender, a->now);
    bool has_sack = association_can_send(a) &&
                    (sctp_receiver_wants_sack(a->receiver, a->now) || (has_data && sctp_receiver_has_pending_sack(a->receiver)));
    bool has_reset = a->reconfig.is_due && a->phase == ASSOCIATION_ESTABLISHED;
    bool has_control = a->wants_cookie_echo || a->wants_cookie_ack || a->wants_shutdown_ack || a->control != NULL || has_reset;
    if (!has_data && !has_sack && !has_control)
        return NULL;
    size_t needed = has_data ? sctp_sender_needed_room(a->sender) : 0, size = path_size(a);
    if (needed > 0 && (has_sack || has_control))
        has_data = false; /* it goes alone, in the next packet */
    else if (needed > 0)
        size = SCTP_COMMON_HEADER_SIZE + needed;
    if (a->control != NULL && size < SCTP_COMMON_HEADER_SIZE + ASSOCIATION_CONTROL_RESERVE + a->control->length)
        size = SCTP_COMMON_HEADER_SIZE + ASSOCIATION_CONTROL_RESERVE + a->control->length; /* the path shrank */
    if (a->wants_cookie_echo && size < SCTP_COMMON_HEADER_SIZE + 8 + a->remote_cookie_length)
        size = SCTP_COMMON_HEADER_SIZE + 8 + a->remote_cookie_length;
    writer_t writer;
    packet_t *packet = association_new_packet(a, size, a->remote_tag, &writer);
    if (packet == NULL)
        return NULL;
    bool has_cookie = has_control && write_control(a, &writer), is_large;
    if (has_sack)
        sctp_receiver_write_sack(a->receiver, a->now, &writer);
    bool is_data_written = has_data && sctp_sender_write(a->sender, a->now, &writer, &is_large);
    if (writer.length == SCTP_COMMON_HEADER_SIZE) {
        packet_unref(packet);
        return NULL;
    }
    packet->may_fragment = writer.length > path_size(a);
    association_finish_packet(packet, &writer, a->offer.accepts_zero_checksum && !has_cookie);
    if (is_data_written)
        sctp_sender_on_packet(a->sender, a->now, writer.length);
    return packet;
}

packet_t *sctp_association_output(sctp_association_t *a, peer_time_t now)
{
    a->now = now;
    packet_t *packet = make_lone(a);
    if (packet == NULL && a->phase >= ASSOCIATION_COOKIE_ECHOED && a->phase != ASSOCIATION_OVER)
        packet = make_bundle(a);
    return packet != NULL ? count(a, packet) : NULL;
}
