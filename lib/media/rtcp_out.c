/* What we say in RTCP, and when: compound reports about once a second (RFC 3550 §6.2 with the timing that browsers use), feedback at once
 * (RFC 4585 §3.5.2), reduced in size where that was negotiated (RFC 5506). */
#include "media/session.h"

#include <string.h>

#define REPORT_INTERVAL PEER_SECOND              /* times 0.5 … 1.5, RFC 3550 §6.2 */
#define FIRST_REPORT_MIN (50 * PEER_MILLISECOND) /* early: lip sync needs the first sender report */
#define FIRST_REPORT_SPREAD (50 * PEER_MILLISECOND)
#define SENDERS_PER_COMPOUND 12 /* an SR and an SDES chunk each fit the smallest packet size */
#define ACTIVE_INTERVALS 5      /* how long after its last packet a sender still reports */
#define BLOCKS_PER_COMPOUND 16

static packet_t *new_packet(media_session_t *session, writer_t *writer)
{
    packet_t *packet = packet_new(session->pool, session->packet_size);
    if (packet != NULL)
        writer_init(writer, packet->data, session->packet_size);
    return packet;
}

static void send_packet(media_session_t *session, packet_t *packet, size_t length)
{
    packet->length = length;
    session->stats.rtcp_packets_sent++;
    media_output_push(&session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_SEND_RTCP, .packet = packet});
}

void media_rtcp_schedule(media_session_t *session, peer_time_t now)
{
    if (session->is_reporting)
        return;
    session->is_reporting = true;
    session->next_report = now + FIRST_REPORT_MIN + (peer_time_t)random_below(&session->random, FIRST_REPORT_SPREAD);
}

static bool make_block(media_stream_t *stream, peer_time_t now, rtcp_report_block_t *block)
{
    if (!stream->was_heard || !stream->reception.is_started)
        return false;
    int64_t lost = media_reception_lost(&stream->reception);
    *block = (rtcp_report_block_t){
        .ssrc = stream->ssrc,
        .fraction_lost = media_reception_fraction(&stream->reception),
        .packets_lost = (int32_t)(lost > 0x7fffff    ? 0x7fffff
                                  : lost < -0x800000 ? -0x800000
                                                     : lost),
        .highest_sequence_number = (uint32_t)(stream->reception.highest - 0x10000),
        .jitter = (uint32_t)stream->reception.jitter,
    };
    if (stream->has_report) {
        block->last_sender_report = rtp_ntp_middle(stream->report_ntp);
        block->delay_since_last = (uint32_t)((uint64_t)(now - stream->report_arrival) * 65536u / 1000000u);
    }
    stream->was_heard = false;
    return true;
}

/* Where a round over all streams has come to. */
typedef struct place {
    size_t receiver;
    size_t stream;
} place_t;

static size_t collect_blocks(media_session_t *session, peer_time_t now, place_t *place, rtcp_report_block_t *blocks, size_t capacity)
{
    size_t count = 0;
    for (; place->receiver < session->receiver_count; place->receiver++, place->stream = 0) {
        const media_receiver_t *receiver = session->receivers[place->receiver];
        for (; place->stream < receiver->stream_count; place->stream++) {
            if (count == capacity)
                return count;
            if (make_block(receiver->streams[place->stream], now, &blocks[count]))
                count++;
        }
    }
    return count;
}

static bool is_active(const media_sender_t *sender, peer_time_t now)
{
    return sender->has_sent && now - sender->last_sent < ACTIVE_INTERVALS * REPORT_INTERVAL;
}

static rtcp_sender_info_t sender_info(const media_sender_t *sender, peer_time_t now)
{
    return (rtcp_sender_info_t){.ssrc = sender->ssrc,
                                .ntp = rtp_ntp_from_us(media_session_ntp_us(sender->session, now)),
                                .rtp_timestamp = media_sender_timestamp_at(sender, now),
                                .packet_count = sender->packet_count,
                                .octet_count = sender->octet_count};
}

static void add_extended(media_session_t *session, peer_time_t now, uint32_t speaker, bool has_senders, writer_t *writer)
{
    rtcp_dlrr_t answers[MEDIA_REFERENCE_TIMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < MEDIA_REFERENCE_TIMES_MAX; i++) {
        media_reference_time_t *time = &session->reference_times[i];
        if (time->arrival == 0)
            continue;
        answers[count++] = (rtcp_dlrr_t){.ssrc = time->ssrc,
                                         .last_receiver_report = time->ntp_middle,
                                         .delay_since_last = (uint32_t)((uint64_t)(now - time->arrival) * 65536u / 1000000u)};
        time->arrival = 0;
    }
    if (count != 0)
        rtcp_write_xr_dlrr(writer, speaker, answers, count);
    for (size_t i = 0; i < session->receiver_count && !has_senders; i++) {
        const media_receiver_t *receiver = session->receivers[i];
        if (receiver->stream_count != 0 && receiver->codec_count != 0 && (receiver->codecs[0].feedback & MEDIA_FEEDBACK_RRTR) != 0) {
            rtcp_write_xr_reference_time(writer, speaker, rtp_ntp_from_us(media_session_ntp_us(session, now)));
            return;
        }
    }
}

/* Sender reports of some senders, report blocks, names. */
static void send_compound(media_session_t *session, peer_time_t now, media_sender_t *const *senders, size_t count, place_t *place)
{
    writer_t writer;
    rtcp_report_block_t blocks[BLOCKS_PER_COMPOUND];
    uint32_t ssrcs[SENDERS_PER_COMPOUND];
    packet_t *packet = new_packet(session, &writer);
    if (packet == NULL)
        return;
    /* Many senders and many blocks in one packet would not fit the smallest size. */
    size_t block_count = collect_blocks(session, now, place, blocks, count > SENDERS_PER_COMPOUND / 2 ? 4 : BLOCKS_PER_COMPOUND);
    ssrcs[0] = media_session_speaker(session);
    if (count == 0)
        rtcp_write_receiver_report(&writer, ssrcs[0], blocks, block_count);
    for (size_t i = 0; i < count; i++) {
        rtcp_sender_info_t info = sender_info(senders[i], now);
        ssrcs[i] = info.ssrc;
        rtcp_write_sender_report(&writer, &info, blocks, i == 0 ? block_count : 0);
    }
    rtcp_write_sdes_cname(&writer, ssrcs, count != 0 ? count : 1, session->cname);
    add_extended(session, now, ssrcs[0], count != 0, &writer);
    send_packet(session, packet, writer.length);
}

void media_rtcp_report(media_session_t *session, peer_time_t now)
{
    media_sender_t *active[MEDIA_SENDERS_MAX];
    size_t count = 0, done = 0;
    place_t place = {0};
    for (size_t i = 0; i < session->sender_count; i++)
        if (is_active(session->senders[i], now))
            active[count++] = session->senders[i];
    bool has_stream = false;
    for (size_t i = 0; i < session->receiver_count; i++)
        has_stream = has_stream || session->receivers[i]->stream_count != 0;
    session->is_reporting = count != 0 || has_stream;
    session->next_report = PEER_TIME_NEVER;
    if (!session->is_reporting)
        return;
    session->next_report = now + REPORT_INTERVAL / 2 + (peer_time_t)random_below(&session->random, (uint32_t)REPORT_INTERVAL);
    do {
        size_t some = count - done < SENDERS_PER_COMPOUND ? count - done : SENDERS_PER_COMPOUND;
        send_compound(session, now, active + done, some, &place);
        done += some;
    } while (done < count || place.receiver < session->receiver_count);
}

/* RFC 4585 §3.1: without reduced size, feedback follows a report and a name. */
static void start_feedback(media_session_t *session, writer_t *writer)
{
    uint32_t speaker = media_session_speaker(session);
    if (session->allows_reduced_size)
        return;
    rtcp_write_receiver_report(writer, speaker, NULL, 0);
    rtcp_write_sdes_cname(writer, &speaker, 1, session->cname);
}

bool media_rtcp_feedback(media_session_t *session, size_t size, writer_t *writer)
{
    if (session->feedback != NULL && session->feedback->length + size > session->packet_size)
        media_rtcp_flush(session);
    if (session->feedback != NULL) {
        writer_init(writer, session->feedback->data, session->packet_size);
        writer->length = session->feedback->length;
        return true;
    }
    session->feedback = new_packet(session, writer);
    if (session->feedback == NULL)
        return false;
    start_feedback(session, writer);
    return true;
}

void media_rtcp_feedback_done(media_session_t *session, const writer_t *writer)
{
    session->feedback->length = writer->length;
}

void media_rtcp_flush(media_session_t *session)
{
    packet_t *packet = session->feedback;
    session->feedback = NULL;
    if (packet != NULL)
        send_packet(session, packet, packet->length);
}

void media_rtcp_bye(media_session_t *session, peer_time_t now, const media_sender_t *sender)
{
    writer_t writer;
    packet_t *packet = new_packet(session, &writer);
    if (packet == NULL)
        return;
    rtcp_sender_info_t info = sender_info(sender, now);
    uint32_t ssrcs[2] = {sender->ssrc, sender->rtx_ssrc};
    rtcp_write_sender_report(&writer, &info, NULL, 0);
    rtcp_write_sdes_cname(&writer, ssrcs, 1, session->cname);
    rtcp_write_bye(&writer, ssrcs, media_sender_rtx_ssrc(sender) != 0 ? 2 : 1);
    send_packet(session, packet, writer.length);
}
