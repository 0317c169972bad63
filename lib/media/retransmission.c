/* A sender's answer to NACK (RFC 4585 §6.2.1): the packet again, by RTX (RFC 4588) where that was negotiated, else as it was; each not more
 * than once in a round trip, and all together not much more than was sent. */
#include "media/session.h"

#define RESEND_INTERVAL_LEAST (5 * PEER_MILLISECOND)
#define BUDGET_BYTES_MIN (64.0 * 1024) /* what may be sent again at once, and per second, however little was sent */
#define NACKS_PER_MESSAGE 1024         /* numbers heeded of one message */

/* RFC 4588 §4: a packet of the repair stream, with the original's number before its payload. */
static packet_t *make_rtx(media_sender_t *sender, const packet_t *original)
{
    rtp_view_t view;
    if (!rtp_parse(&view, original->data, original->length))
        return NULL;
    rtp_extensions_t values = media_sender_extensions(sender, true);
    rtp_header_t header = {.ssrc = sender->rtx_ssrc,
                           .timestamp = view.timestamp,
                           .payload_type = sender->codec.rtx_payload_type,
                           .sequence_number = sender->next_rtx_sequence,
                           .marker = view.marker,
                           .extensions = &values,
                           .map = &sender->extensions};
    packet_t *packet = media_sender_start_packet(sender, &header);
    if (packet == NULL)
        return NULL;
    uint8_t number[RTP_RTX_HEADER_SIZE];
    bytes_put_u16(number, view.sequence_number);
    if (!packet_append(packet, number, sizeof number) || !packet_append(packet, view.payload, view.payload_length)) {
        packet_unref(packet);
        return NULL;
    }
    sender->next_rtx_sequence++;
    return packet;
}

static void refill_budget(media_sender_t *sender, peer_time_t now)
{
    double seconds = (double)(now - sender->budget_time) / (double)PEER_SECOND;
    sender->budget_time = now;
    sender->budget_bytes += seconds * BUDGET_BYTES_MIN;
    double most = BUDGET_BYTES_MIN + (double)sender->history.bytes;
    if (sender->budget_bytes > most)
        sender->budget_bytes = most;
}

static void resend(media_sender_t *sender, peer_time_t now, uint16_t sequence_number)
{
    media_history_entry_t *entry = media_history_find(&sender->history, now, sequence_number);
    peer_time_t interval = media_session_rtt(sender->session);
    if (interval < RESEND_INTERVAL_LEAST || !sender->session->has_rtt)
        interval = RESEND_INTERVAL_LEAST;
    /* Asked again within a round trip: the answer is still on its way. */
    bool is_refused = entry == NULL || (entry->resent != 0 && now - entry->resent < interval * 3 / 4) ||
                      sender->budget_bytes < (double)entry->packet->length;
    if (is_refused) {
        sender->stats.retransmissions_refused++;
        return;
    }
    /* Without RTX the very same octets go out again: another header under the same SRTP index would reuse a nonce. */
    packet_t *packet = media_sender_has_rtx(sender) ? make_rtx(sender, entry->packet)
                                                    : packet_new_copy(sender->session->pool, entry->packet->data, entry->packet->length);
    if (packet == NULL)
        return;
    if (media_sender_has_rtx(sender))
        media_sender_stamp(sender, now, packet);
    entry->resent = now;
    sender->budget_bytes -= (double)packet->length;
    rtp_view_t view;
    size_t payload_length = rtp_parse(&view, packet->data, packet->length) ? view.payload_length : 0;
    media_sender_count(sender, now, packet, payload_length, true);
    media_sender_transmit(sender, now, packet);
}

void media_sender_on_nack(media_sender_t *sender, peer_time_t now, const rtcp_feedback_t *feedback)
{
    size_t position = 0;
    uint16_t sequence_number;
    sender->stats.nack_count++;
    if ((sender->codec.feedback & MEDIA_FEEDBACK_NACK) == 0)
        return;
    refill_budget(sender, now);
    for (size_t i = 0; i < NACKS_PER_MESSAGE && rtcp_nack_next(feedback, &position, &sequence_number); i++)
        resend(sender, now, sequence_number);
}
