/* The session: owns senders and receivers, takes their packets and turns the clock. */
#include "media/session.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define PACKET_SIZE_MIN 512
#define PACKET_SIZE_MAX 1400

media_session_t *media_session_new(const media_session_config_t *config)
{
    media_session_t *session = MEMORY_NEW(media_session_t);
    if (session == NULL) {
        error_no_memory();
        return NULL;
    }
    session->pool = config->pool;
    session->random = config->random;
    session->connection = config->connection;
    session->wall_clock_offset = config->wall_clock_offset_us;
    session->allows_reduced_size = config->reduced_size_rtcp;
    session->next_report = PEER_TIME_NEVER;
    session->next_sync = PEER_TIME_NEVER;
    session->next_transport_feedback = PEER_TIME_NEVER;
    session->transport_sequence = 1;
    size_t length = config->cname != NULL ? strlen(config->cname) : 0;
    memcpy(session->cname, config->cname != NULL ? config->cname : "", length < MEDIA_CNAME_MAX ? length : MEDIA_CNAME_MAX);
    media_session_set_packet_size(session, config->packet_size != 0 ? config->packet_size : MEDIA_PACKET_SIZE);
    session->local_ssrc = media_session_new_ssrc(session);
    return session;
}

void media_session_free(media_session_t *session)
{
    if (session == NULL)
        return;
    while (session->receiver_count != 0)
        media_remove_receiver(session, session->receivers[0]);
    for (size_t i = 0; i < session->sender_count; i++)
        media_sender_free(session->senders[i]);
    packet_unref(session->feedback);
    cc_arrivals_free(&session->arrivals);
    media_output_queue_clear(&session->outputs);
    map_clear(&session->streams);
    map_clear(&session->local);
    memory_free(session);
}

void media_session_close(media_session_t *session, peer_time_t now)
{
    for (size_t i = 0; i < session->sender_count; i++) {
        media_sender_t *sender = session->senders[i];
        if (sender->has_sent)
            media_rtcp_bye(session, now, sender);
        media_history_clear(&sender->history);
    }
    for (size_t i = 0; i < session->receiver_count; i++)
        for (size_t k = 0; k < session->receivers[i]->stream_count; k++)
            media_stream_flush(session->receivers[i]->streams[k]);
}

void media_session_set_reduced_size_rtcp(media_session_t *session, bool is_allowed)
{
    session->allows_reduced_size = is_allowed;
}

void media_session_set_packet_size(media_session_t *session, size_t size)
{
    session->packet_size = size < PACKET_SIZE_MIN ? PACKET_SIZE_MIN : size > PACKET_SIZE_MAX ? PACKET_SIZE_MAX : size;
}

uint32_t media_session_new_ssrc(media_session_t *session)
{
    uint32_t ssrc;
    do
        ssrc = random_u32(&session->random);
    while (ssrc == 0 || ssrc == session->local_ssrc || map_get(&session->local, ssrc) != NULL || map_get(&session->streams, ssrc) != NULL);
    return ssrc;
}

uint32_t media_session_speaker(const media_session_t *session)
{
    for (size_t i = 0; i < session->sender_count; i++)
        if (session->senders[i]->has_sent)
            return session->senders[i]->ssrc;
    return session->local_ssrc;
}

peer_time_t media_session_rtt(const media_session_t *session)
{
    return session->has_rtt ? session->rtt : MEDIA_RTT_DEFAULT;
}

void media_session_set_rtt(media_session_t *session, peer_time_t rtt)
{
    session->rtt = session->has_rtt ? (7 * session->rtt + rtt) / 8 : rtt;
    session->has_rtt = true;
}

int64_t media_session_ntp_us(const media_session_t *session, peer_time_t now)
{
    return now + session->wall_clock_offset + RTP_NTP_UNIX_EPOCH_US;
}

/* Makes an RTX packet the one it carries, in place: the header moves over the original number. */
static bool unwrap_rtx(packet_t *packet, rtp_view_t *view, uint32_t ssrc, uint8_t payload_type)
{
    size_t header_length = view->header_length;
    if (!rtp_rtx_unwrap(view, ssrc, payload_type))
        return false;
    memmove(packet->data + RTP_RTX_HEADER_SIZE, packet->data, header_length);
    packet->data += RTP_RTX_HEADER_SIZE;
    packet->length -= RTP_RTX_HEADER_SIZE;
    packet->data[1] = (uint8_t)((packet->data[1] & 0x80) | payload_type);
    bytes_put_u16(packet->data + 2, view->sequence_number);
    bytes_put_u32(packet->data + 8, ssrc);
    return rtp_parse(view, packet->data, packet->length);
}

static void input_rtp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    rtp_view_t view;
    rtp_extensions_t extensions;
    if (!rtp_parse(&view, packet->data, packet->length)) {
        session->stats.rtp_malformed++;
        return;
    }
    rtp_extension_map_t ids = {.ids = {[RTP_EXTENSION_MID] = session->mid_id,
                                       [RTP_EXTENSION_RID] = session->rid_id,
                                       [RTP_EXTENSION_REPAIRED_RID] = session->repaired_rid_id}};
    rtp_extensions_parse(&extensions, &view, &ids);
    media_stream_t *stream = media_session_find_stream(session, now, &view, &extensions);
    if (stream == NULL)
        return;
    bool is_rtx;
    media_receiver_t *receiver = stream->receiver;
    const media_codec_t *codec = media_receiver_codec(receiver, view.payload_type, &is_rtx);
    if (codec == NULL || is_rtx != (view.ssrc != stream->ssrc)) {
        session->stats.rtp_unknown_payload_type++;
        return;
    }
    rtp_extensions_parse(&extensions, &view, &receiver->extensions);
    /* Padding counts too: it is sent to find out what the path carries. */
    if ((codec->feedback & MEDIA_FEEDBACK_TRANSPORT_CC) != 0 && rtp_extensions_has(&extensions, RTP_EXTENSION_TRANSPORT_CC))
        media_transport_feedback_note(session, now, view.ssrc, extensions.transport_sequence_number);
    if (is_rtx && !unwrap_rtx(packet, &view, stream->ssrc, codec->payload_type))
        return; /* padding, as senders use to probe */
    if (is_rtx)
        rtp_extensions_parse(&extensions, &view, &receiver->extensions); /* they moved */
    if (!receiver->is_flowing) {
        receiver->is_flowing = true;
        media_output_push(&session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_FIRST_PACKET, .receiver = receiver});
    }
    media_stream_input(stream, now, packet, &view, &extensions, codec, is_rtx);
    media_layers_wake(receiver, now);
    media_rtcp_schedule(session, now);
}

void media_session_input_rtp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    input_rtp(session, now, packet);
    media_rtcp_flush(session);
}

void media_session_input_rtcp(media_session_t *session, peer_time_t now, packet_t *packet)
{
    media_rtcp_input(session, now, packet);
    media_rtcp_flush(session);
    if (session->next_sync == PEER_TIME_NEVER)
        media_sync_update(session, now);
}

/* The clock. */

void media_session_timeout(media_session_t *session, peer_time_t now)
{
    for (size_t i = 0; i < session->receiver_count; i++) {
        media_receiver_t *receiver = session->receivers[i];
        for (size_t k = 0; k < receiver->stream_count; k++)
            if (media_stream_deadline(receiver->streams[k]) <= now)
                media_stream_timeout(receiver->streams[k], now);
        media_layers_timeout(receiver, now);
    }
    for (size_t i = 0; i < session->sender_count; i++)
        media_sender_timeout(session->senders[i], now);
    if (now >= session->next_sync)
        media_sync_update(session, now);
    if (now >= session->next_transport_feedback)
        media_transport_feedback_send(session);
    media_rtcp_flush(session);
    if (now >= session->next_report)
        media_rtcp_report(session, now);
}

peer_time_t media_session_deadline(const media_session_t *session)
{
    peer_time_t deadline = time_earlier(time_earlier(session->next_report, session->next_sync), session->next_transport_feedback);
    for (size_t i = 0; i < session->receiver_count; i++) {
        const media_receiver_t *receiver = session->receivers[i];
        deadline = time_earlier(deadline, receiver->next_turn);
        for (size_t k = 0; k < receiver->stream_count; k++)
            deadline = time_earlier(deadline, media_stream_deadline(receiver->streams[k]));
    }
    for (size_t i = 0; i < session->sender_count; i++)
        deadline = time_earlier(deadline, media_sender_deadline(session->senders[i]));
    return deadline;
}

bool media_session_poll(media_session_t *session, media_output_t *output)
{
    return media_output_pop(&session->outputs, output);
}

void media_session_stats(const media_session_t *session, media_session_stats_t *stats)
{
    *stats = session->stats;
    stats->outputs_dropped = session->outputs.dropped;
}
