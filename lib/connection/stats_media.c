/* Statistics of media: W3C RTCCodecStats and the four dictionaries of RTP streams. What encoders, decoders and tracks know is added by
 * their owner. */
#include "connection/stats_visit.h"

#include <stdio.h>

/* ---- what there is to tell of: each sender of a transceiver, each stream of a receiver ---- */

static bool inbound_at(const transceiver_t *transceiver, size_t index, peer_time_t now, media_inbound_stats_t *stats)
{
    const media_receiver_t *receiver = transceiver->media_receiver;
    if (receiver == NULL || index >= media_receiver_stream_count(receiver))
        return false;
    media_receiver_stream_stats(receiver, index, now, stats);
    return true;
}

static const char *kind_name(const transceiver_t *transceiver)
{
    return transceiver->kind == CONNECTION_VIDEO ? "video" : "audio";
}

/* W3C "active": negotiated and configured to be sent, whether or not anything is. */
static bool is_active(const transceiver_t *transceiver, const sending_t *sending)
{
    return sending_is_active(transceiver, sending) && !transceiver->connection->is_closed;
}

/* ---- codecs ---- */

/* One object for a payload type of the transport, unless its format parameters differ by direction. */
static void visit_codec(visit_t *visit, const transceiver_t *transceiver, const jsep_payload_t *payload, char id[STATS_ID_SIZE])
{
    char name[600], type[96];
    const char *fmtp = payload->fmtp != NULL ? payload->fmtp : "";
    uint32_t channels = payload->codec->channels != 0 ? payload->codec->channels : 1;
    snprintf(type, sizeof type, "%s/%.64s", kind_name(transceiver), payload->codec->name);
    snprintf(name, sizeof name, "%u %s/%u/%u %.400s", payload->payload_type, type, payload->codec->clock_rate, channels, fmtp);
    stats_id_named(visit, id, "C", name);
    if (!stats_is_new(visit, id))
        return;
    stats_begin(visit, "codec", id);
    stats_integer(visit, "payloadType", payload->payload_type);
    stats_text(visit, "transportId", visit->transport);
    stats_text(visit, "mimeType", type);
    stats_integer(visit, "clockRate", payload->codec->clock_rate);
    if (transceiver->kind == CONNECTION_AUDIO)
        stats_integer(visit, "channels", channels);
    stats_text(visit, "sdpFmtpLine", payload->fmtp);
    stats_end(visit);
}

/* The codec of a payload type, told if it was not yet; its id is "" when it is not negotiated (any more). */
static void find_codec(visit_t *visit, const transceiver_t *transceiver, bool is_send, uint8_t payload_type, char id[STATS_ID_SIZE])
{
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    id[0] = '\0';
    if (media == NULL)
        return;
    const jsep_payload_t *payloads = is_send ? media->send : media->receive;
    size_t count = is_send ? media->send_count : media->receive_count;
    for (size_t i = 0; i < count; i++)
        if (payloads[i].payload_type == payload_type) {
            visit_codec(visit, transceiver, &payloads[i], id);
            return;
        }
}

/* ---- streams ---- */

static void rtp_members(const visit_t *visit, const transceiver_t *transceiver, uint32_t ssrc, const char *codec)
{
    stats_integer(visit, "ssrc", ssrc);
    stats_text(visit, "kind", kind_name(transceiver));
    stats_text(visit, "transportId", visit->transport);
    stats_text(visit, "codecId", codec);
}

static void visit_remote_inbound(const visit_t *visit, const transceiver_t *transceiver, const media_outbound_stats_t *stats,
                                 const char *codec, const char *id, const char *local)
{
    stats_begin_at(visit, "remote-inbound-rtp", id, stats->receiver_report_timestamp);
    rtp_members(visit, transceiver, stats->ssrc, codec);
    stats_text(visit, "localId", local);
    stats_integer(visit, "packetsReceived", stats->remote_packets_received);
    stats_signed(visit, "packetsLost", stats->remote_packets_lost);
    stats_number(visit, "jitter", stats->remote_jitter);
    stats_number(visit, "fractionLost", stats->fraction_lost);
    stats_integer(visit, "roundTripTimeMeasurements", stats->round_trip_time_measurements);
    stats_number(visit, "totalRoundTripTime", stats->total_round_trip_time);
    if (stats->has_round_trip_time)
        stats_number(visit, "roundTripTime", stats->round_trip_time);
    stats_end(visit);
}

/* NULL: none is configured. */
static const char *scalability_mode(uint8_t temporal_layers)
{
    static const char *const names[] = {NULL, "L1T1", "L1T2", "L1T3"};
    return temporal_layers < sizeof names / sizeof *names ? names[temporal_layers] : NULL;
}

static void outbound_video_members(const visit_t *visit, const transceiver_t *transceiver, const media_outbound_stats_t *stats,
                                   const sending_t *sending)
{
    stats_text(visit, "rid", sending->rid);
    stats_integer(visit, "encodingIndex", sending->encoding);
    if (sending->is_current && sending->encoding < transceiver->encoding_count)
        stats_text(visit, "scalabilityMode", scalability_mode(transceiver->encodings[sending->encoding].temporal_layers));
    stats_integer(visit, "framesSent", stats->frames_sent);
    stats_integer(visit, "hugeFramesSent", stats->huge_frames_sent);
    stats_integer(visit, "pliCount", stats->pli_count);
    stats_integer(visit, "firCount", stats->fir_count);
}

static void visit_outbound(visit_t *visit, const transceiver_t *transceiver, size_t place)
{
    const sending_t *sending = &transceiver->sendings[place];
    media_outbound_stats_t stats;
    char id[STATS_ID_SIZE], remote[STATS_ID_SIZE], codec[STATS_ID_SIZE];
    media_sender_stats(sending->media, visit->now, &stats);
    find_codec(visit, transceiver, true, stats.payload_type, codec);
    stats_id(visit, id, "O", stats.number);
    stats_id(visit, remote, "RI", stats.number);
    stats_begin(visit, "outbound-rtp", id);
    rtp_members(visit, transceiver, stats.ssrc, codec);
    stats_text(visit, "mid", transceiver->mid);
    if (stats.has_receiver_report)
        stats_text(visit, "remoteId", remote);
    stats_integer(visit, "packetsSent", stats.packets_sent);
    stats_integer(visit, "bytesSent", stats.bytes_sent);
    stats_integer(visit, "headerBytesSent", stats.header_bytes_sent);
    stats_integer(visit, "retransmittedPacketsSent", stats.retransmitted_packets_sent);
    stats_integer(visit, "retransmittedBytesSent", stats.retransmitted_bytes_sent);
    if (stats.rtx_ssrc != 0)
        stats_integer(visit, "rtxSsrc", stats.rtx_ssrc);
    stats_seconds(visit, "totalPacketSendDelay", stats.total_packet_send_delay);
    stats_integer(visit, "nackCount", stats.nack_count);
    stats_boolean(visit, "active", is_active(transceiver, sending));
    if (transceiver->kind == CONNECTION_VIDEO)
        outbound_video_members(visit, transceiver, &stats, sending);
    if (visit->to->outbound != NULL)
        visit->to->outbound(visit->to->context, transceiver->user, place);
    stats_end(visit);
    if (stats.has_receiver_report)
        visit_remote_inbound(visit, transceiver, &stats, codec, remote, id);
}

static void visit_remote_outbound(const visit_t *visit, const transceiver_t *transceiver, const media_inbound_stats_t *stats,
                                  const char *codec, const char *id, const char *local)
{
    stats_begin_at(visit, "remote-outbound-rtp", id, stats->sender_report_timestamp);
    rtp_members(visit, transceiver, stats->ssrc, codec);
    stats_text(visit, "localId", local);
    stats_integer(visit, "packetsSent", stats->remote_packets_sent);
    stats_integer(visit, "bytesSent", stats->remote_bytes_sent);
    stats_integer(visit, "reportsSent", stats->reports_sent);
    stats_number(visit, "remoteTimestamp", (double)(stats->remote_timestamp_us - RTP_NTP_UNIX_EPOCH_US) / 1e3);
    stats_integer(visit, "roundTripTimeMeasurements", stats->round_trip_time_measurements);
    stats_number(visit, "totalRoundTripTime", stats->total_round_trip_time);
    if (stats->has_round_trip_time)
        stats_number(visit, "roundTripTime", stats->round_trip_time);
    stats_end(visit);
}

static void inbound_video_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    stats_integer(visit, "framesReceived", stats->frames_received);
    stats_integer(visit, "framesDropped", stats->frames_dropped);
    stats_integer(visit, "pliCount", stats->pli_count);
    stats_integer(visit, "firCount", stats->fir_count);
}

static void inbound_audio_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    stats_integer(visit, "totalSamplesReceived", stats->total_samples_received);
    stats_integer(visit, "concealedSamples", stats->concealed_samples);
    stats_integer(visit, "silentConcealedSamples", stats->silent_concealed_samples);
    stats_integer(visit, "concealmentEvents", stats->concealment_events);
    stats_integer(visit, "insertedSamplesForDeceleration", stats->inserted_samples_for_deceleration);
    stats_integer(visit, "removedSamplesForAcceleration", stats->removed_samples_for_acceleration);
    stats_number(visit, "totalSamplesDuration", stats->clock_rate != 0 ? (double)stats->total_samples_received / stats->clock_rate : 0);
}

static void inbound_buffer_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    stats_number(visit, "jitterBufferDelay", stats->jitter_buffer_delay);
    stats_number(visit, "jitterBufferTargetDelay", stats->jitter_buffer_target_delay);
    stats_number(visit, "jitterBufferMinimumDelay", stats->jitter_buffer_minimum_delay);
    stats_integer(visit, "jitterBufferEmittedCount", stats->jitter_buffer_emitted_count);
    if (stats->has_playout_time) /* the sender's NTP clock, which counts from 1900 */
        stats_number(visit, "estimatedPlayoutTimestamp", (double)stats->playout_time_us / 1e3);
}

static void inbound_packet_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    stats_integer(visit, "packetsReceived", stats->packets_received);
    stats_integer(visit, "bytesReceived", stats->bytes_received);
    stats_integer(visit, "headerBytesReceived", stats->header_bytes_received);
    stats_signed(visit, "packetsLost", stats->packets_lost);
    stats_number(visit, "jitter", stats->jitter);
    stats_integer(visit, "packetsDiscarded", stats->packets_discarded);
    stats_time(visit, "lastPacketReceivedTimestamp", stats->last_packet_received_timestamp);
    stats_integer(visit, "nackCount", stats->nack_count);
    if (stats->has_rtx) {
        stats_integer(visit, "retransmittedPacketsReceived", stats->retransmitted_packets_received);
        stats_integer(visit, "retransmittedBytesReceived", stats->retransmitted_bytes_received);
    }
    if (stats->rtx_ssrc != 0)
        stats_integer(visit, "rtxSsrc", stats->rtx_ssrc);
}

static void visit_inbound(visit_t *visit, const transceiver_t *transceiver, const media_inbound_stats_t *stats)
{
    char id[STATS_ID_SIZE], remote[STATS_ID_SIZE], codec[STATS_ID_SIZE];
    find_codec(visit, transceiver, false, stats->payload_type, codec);
    stats_id(visit, id, "I", stats->number);
    stats_id(visit, remote, "RO", stats->number);
    stats_begin(visit, "inbound-rtp", id);
    rtp_members(visit, transceiver, stats->ssrc, codec);
    stats_text(visit, "trackIdentifier", transceiver_remote_track_id(transceiver));
    stats_text(visit, "mid", transceiver->mid);
    if (stats->has_sender_report)
        stats_text(visit, "remoteId", remote);
    inbound_packet_members(visit, stats);
    inbound_buffer_members(visit, stats);
    if (transceiver->kind == CONNECTION_VIDEO)
        inbound_video_members(visit, stats);
    else
        inbound_audio_members(visit, stats);
    if (visit->to->inbound != NULL)
        visit->to->inbound(visit->to->context, transceiver->user, stats);
    stats_end(visit);
    if (stats->has_sender_report)
        visit_remote_outbound(visit, transceiver, stats, codec, remote, id);
}

void stats_visit_transceiver(visit_t *visit, const transceiver_t *transceiver)
{
    media_inbound_stats_t stats;
    for (size_t i = 0; i < transceiver->sending_count; i++)
        if (transceiver->sendings[i].media != NULL)
            visit_outbound(visit, transceiver, i);
    for (size_t i = 0; inbound_at(transceiver, i, visit->now, &stats); i++)
        visit_inbound(visit, transceiver, &stats);
}
