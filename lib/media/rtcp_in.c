/* What the peer says in RTCP, taken to the senders and streams it speaks of. What speaks of none is counted and dropped. */
#include "media/session.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

static media_stream_t *primary_stream(const media_session_t *session, uint32_t ssrc)
{
    media_stream_t *stream = map_get(&session->streams, ssrc);
    return stream != NULL && stream->ssrc == ssrc ? stream : NULL;
}

static media_sender_t *sender_of(media_session_t *session, uint32_t ssrc)
{
    media_sender_t *sender = map_get(&session->local, ssrc);
    if (sender == NULL)
        session->stats.rtcp_unknown_ssrc++;
    return sender;
}

static void on_sender_report(media_session_t *session, peer_time_t now, const rtcp_sender_info_t *info)
{
    media_stream_t *stream = primary_stream(session, info->ssrc);
    if (stream == NULL) {
        session->stats.rtcp_unknown_ssrc++;
        return;
    }
    stream->has_report = stream->timestamps.is_started && stream->clock_rate != 0;
    stream->report_ntp = info->ntp;
    stream->report_timestamp = rtp_unwrap_peek_u32(&stream->timestamps, info->rtp_timestamp);
    stream->report_arrival = now;
    stream->stats.has_sender_report = true;
    stream->stats.has_round_trip_time = false; /* until a DLRR block behind it says */
    stream->stats.remote_packets_sent = info->packet_count;
    stream->stats.remote_bytes_sent = info->octet_count;
    stream->stats.reports_sent++;
    stream->stats.remote_timestamp_us = rtp_ntp_to_us(info->ntp);
}

static void on_blocks(media_session_t *session, peer_time_t now, const rtcp_view_t *view)
{
    rtcp_report_block_t block;
    for (size_t i = 0; rtcp_report_block(view, i, &block); i++) {
        media_sender_t *sender = sender_of(session, block.ssrc);
        if (sender != NULL && sender->ssrc == block.ssrc && sender->has_sent)
            media_sender_on_report(sender, now, &block);
    }
}

static void on_names(media_session_t *session, const rtcp_view_t *view)
{
    rtcp_sdes_iterator_t iterator;
    rtcp_sdes_item_t item;
    /* RFC 9143 §9.2: first where an SSRC belongs, then what it is called. */
    rtcp_sdes_iterate(&iterator, view);
    while (rtcp_sdes_next(&iterator, &item))
        if (item.type == RTCP_SDES_MID)
            media_session_learn(session, item.ssrc, item.type, item.text, item.length);
    rtcp_sdes_iterate(&iterator, view);
    while (rtcp_sdes_next(&iterator, &item)) {
        if (item.type == RTCP_SDES_RID || item.type == RTCP_SDES_REPAIRED_RID)
            media_session_learn(session, item.ssrc, item.type, item.text, item.length);
        media_stream_t *stream = item.type == RTCP_SDES_CNAME ? primary_stream(session, item.ssrc) : NULL;
        bool is_same = stream == NULL || (stream->cname != NULL && strlen(stream->cname) == item.length &&
                                          memcmp(stream->cname, item.text, item.length) == 0);
        if (is_same || memchr(item.text, 0, item.length) != NULL)
            continue;
        memory_free(stream->cname);
        stream->cname = memory_string_n(item.text, item.length);
    }
}

static void on_bye(media_session_t *session, peer_time_t now, const rtcp_view_t *view)
{
    uint32_t ssrc;
    for (size_t i = 0; rtcp_bye_ssrc(view, i, &ssrc); i++) {
        media_stream_t *stream = primary_stream(session, ssrc);
        if (stream == NULL)
            continue;
        media_receiver_t *receiver = stream->receiver;
        if (receiver->is_flowing && receiver->stream_count == 1) {
            receiver->is_flowing = false;
            media_output_push(&session->outputs, &(media_output_t){.type = MEDIA_OUTPUT_STREAM_ENDED, .receiver = receiver});
        }
        media_session_retire_stream(session, stream, now);
    }
}

static void on_fir(media_session_t *session, peer_time_t now, const rtcp_feedback_t *feedback)
{
    rtcp_fir_entry_t entry;
    for (size_t i = 0; rtcp_fir_entry(feedback, i, &entry); i++) {
        media_sender_t *sender = sender_of(session, entry.ssrc);
        if (sender == NULL)
            continue;
        /* RFC 5104 §4.3.1.2: a repetition of the same command has the same number. */
        bool is_repeated = sender->has_fir && sender->fir_sequence == entry.sequence_number && sender->fir_ssrc == feedback->sender_ssrc;
        sender->has_fir = true;
        sender->fir_sequence = entry.sequence_number;
        sender->fir_ssrc = feedback->sender_ssrc;
        sender->stats.fir_count++;
        if (!is_repeated)
            media_sender_on_key_frame_request(sender, now);
    }
}

/* Transport-wide feedback and REMB are a bandwidth estimator's; they are read there when there is one. */
static void on_feedback(media_session_t *session, peer_time_t now, const rtcp_view_t *view)
{
    rtcp_feedback_t feedback;
    if (!rtcp_parse_feedback(view, &feedback)) {
        session->stats.rtcp_malformed++;
        return;
    }
    if (view->type == RTCP_TRANSPORT_FEEDBACK && view->count == RTCP_FORMAT_NACK) {
        media_sender_t *sender = sender_of(session, feedback.media_ssrc);
        if (sender != NULL && sender->ssrc == feedback.media_ssrc)
            media_sender_on_nack(sender, now, &feedback);
    } else if (view->type == RTCP_PAYLOAD_FEEDBACK && view->count == RTCP_FORMAT_PLI) {
        media_sender_t *sender = sender_of(session, feedback.media_ssrc);
        if (sender != NULL) {
            sender->stats.pli_count++;
            media_sender_on_key_frame_request(sender, now);
        }
    } else if (view->type == RTCP_PAYLOAD_FEEDBACK && view->count == RTCP_FORMAT_FIR) {
        on_fir(session, now, &feedback);
    }
}

static void remember_reference_time(media_session_t *session, peer_time_t now, uint32_t ssrc, uint64_t ntp)
{
    media_reference_time_t *times = session->reference_times, *oldest = &times[0];
    for (size_t i = 0; i < MEDIA_REFERENCE_TIMES_MAX; i++) {
        if (times[i].arrival != 0 && times[i].ssrc == ssrc) {
            oldest = &times[i];
            break;
        }
        if (times[i].arrival < oldest->arrival)
            oldest = &times[i];
    }
    *oldest = (media_reference_time_t){.ssrc = ssrc, .ntp_middle = rtp_ntp_middle(ntp), .arrival = now != 0 ? now : 1};
}

static void on_dlrr(media_session_t *session, peer_time_t now, uint32_t sender_ssrc, const rtcp_dlrr_t *dlrr)
{
    uint32_t arrival = rtp_ntp_middle(rtp_ntp_from_us(media_session_ntp_us(session, now)));
    int32_t difference = (int32_t)(arrival - dlrr->last_receiver_report - dlrr->delay_since_last);
    if (dlrr->ssrc != media_session_speaker(session) || dlrr->last_receiver_report == 0 || difference < 0)
        return;
    peer_time_t rtt = (peer_time_t)((uint64_t)(uint32_t)difference * 1000000u >> 16);
    if (rtt > MEDIA_RTT_MAX)
        return;
    media_session_set_rtt(session, rtt);
    media_stream_t *stream = primary_stream(session, sender_ssrc);
    if (stream == NULL || dlrr->delay_since_last == 0)
        return;
    stream->stats.has_round_trip_time = true;
    stream->stats.round_trip_time = (double)rtt / (double)PEER_SECOND;
    stream->stats.total_round_trip_time += stream->stats.round_trip_time;
    stream->stats.round_trip_time_measurements++;
}

static void on_extended_report(media_session_t *session, peer_time_t now, const rtcp_view_t *view)
{
    uint32_t ssrc;
    uint64_t ntp;
    rtcp_xr_block_t block;
    rtcp_dlrr_t dlrr;
    size_t position = 0;
    if (!rtcp_xr_ssrc(view, &ssrc))
        return;
    while (rtcp_xr_next(view, &position, &block)) {
        if (rtcp_xr_reference_time(&block, &ntp))
            remember_reference_time(session, now, ssrc, ntp);
        for (size_t i = 0; rtcp_xr_dlrr(&block, i, &dlrr); i++)
            on_dlrr(session, now, ssrc, &dlrr);
    }
}

void media_rtcp_input(media_session_t *session, peer_time_t now, const packet_t *packet)
{
    rtcp_iterator_t iterator;
    rtcp_view_t view;
    rtcp_sender_info_t info;
    session->stats.rtcp_packets_received++;
    rtcp_iterate(&iterator, packet->data, packet->length);
    while (rtcp_next(&iterator, &view)) {
        switch (view.type) {
        case RTCP_SENDER_REPORT:
            if (rtcp_parse_sender_report(&view, &info))
                on_sender_report(session, now, &info);
            on_blocks(session, now, &view);
            break;
        case RTCP_RECEIVER_REPORT:
            on_blocks(session, now, &view);
            break;
        case RTCP_SDES:
            on_names(session, &view);
            break;
        case RTCP_BYE:
            on_bye(session, now, &view);
            break;
        case RTCP_TRANSPORT_FEEDBACK:
        case RTCP_PAYLOAD_FEEDBACK:
            on_feedback(session, now, &view);
            break;
        case RTCP_EXTENDED_REPORT:
            on_extended_report(session, now, &view);
            break;
        default:
            break; /* RFC 3550 §6.1: unknown types are ignored */
        }
    }
    if (iterator.is_malformed)
        session->stats.rtcp_malformed++;
}
