/* The connection's statistics (W3C webrtc-stats), told to a visitor. Ids are stable for the life of what they name. */
#include "connection/internal.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>

#define ID_SIZE 64

typedef struct visit {
    const stats_visitor_t *to;
    connection_t *connection;
    peer_time_t now;
} visit_t;

static void begin(const visit_t *visit, const char *type, const char *id)
{
    visit->to->begin(visit->to->context, type, id);
}

static void integer(const visit_t *visit, const char *member, uint64_t value)
{
    visit->to->integer(visit->to->context, member, (int64_t)value);
}

static void number(const visit_t *visit, const char *member, double value)
{
    visit->to->number(visit->to->context, member, value);
}

static void text(const visit_t *visit, const char *member, const char *value)
{
    if (value != NULL && *value != '\0')
        visit->to->text(visit->to->context, member, value);
}

static void boolean(const visit_t *visit, const char *member, bool value)
{
    visit->to->boolean(visit->to->context, member, value);
}

static void end(const visit_t *visit)
{
    visit->to->end(visit->to->context);
}

static double seconds(peer_time_t time)
{
    return (double)time / 1e6;
}

static void id_of(char id[ID_SIZE], const char *prefix, uint32_t value)
{
    snprintf(id, ID_SIZE, "%s%u", prefix, value);
}

/* ---- transport, candidates, certificates ---- */

static void visit_candidate(const visit_t *visit, const ice_candidate_t *candidate, bool is_remote)
{
    char id[ID_SIZE], address[ADDRESS_TEXT_SIZE];
    id_of(id, is_remote ? "IR" : "IL", candidate->id);
    begin(visit, is_remote ? "remote-candidate" : "local-candidate", id);
    text(visit, "transportId", "T0");
    if (candidate->host_name != NULL) /* what it stands for is hidden */
        text(visit, "address", candidate->host_name);
    else
        text(visit, "address", address_ip_text(&candidate->address, address));
    integer(visit, "port", candidate->address.port);
    text(visit, "protocol", candidate->protocol == TRANSPORT_TCP ? "tcp" : "udp");
    text(visit, "candidateType", ice_candidate_type_name((ice_candidate_type_t)candidate->type));
    integer(visit, "priority", candidate->priority);
    text(visit, "foundation", candidate->foundation);
    text(visit, "url", candidate->url);
    text(visit, "usernameFragment", candidate->ufrag);
    text(visit, "tcpType", ice_tcp_type_name((ice_tcp_type_t)candidate->tcp_type));
    if (candidate->related.family != ADDRESS_NONE) {
        text(visit, "relatedAddress", address_ip_text(&candidate->related, address));
        integer(visit, "relatedPort", candidate->related.port);
    }
    if (!is_remote && candidate->type == ICE_CANDIDATE_RELAYED) /* "dtls" is ours: webrtc-stats knows udp, tcp and tls */
        text(visit, "relayProtocol", ice_server_transport_name((ice_server_transport_t)candidate->relay_protocol));
    if (!is_remote)
        text(visit, "networkType", ice_network_type_name((ice_network_type_t)candidate->network_type));
    end(visit);
}

static void visit_pair(const visit_t *visit, const ice_pair_stats_t *pair)
{
    char id[ID_SIZE];
    id_of(id, "CP", pair->id);
    begin(visit, "candidate-pair", id);
    text(visit, "transportId", "T0");
    id_of(id, "IL", pair->local->id);
    text(visit, "localCandidateId", id);
    id_of(id, "IR", pair->remote->id);
    text(visit, "remoteCandidateId", id);
    text(visit, "state", ice_pair_state_name(pair->state));
    boolean(visit, "nominated", pair->is_nominated);
    integer(visit, "packetsSent", pair->packets_sent);
    integer(visit, "packetsReceived", pair->packets_received);
    integer(visit, "bytesSent", pair->bytes_sent);
    integer(visit, "bytesReceived", pair->bytes_received);
    integer(visit, "requestsSent", pair->requests_sent);
    integer(visit, "requestsReceived", pair->requests_received);
    integer(visit, "responsesSent", pair->responses_sent);
    integer(visit, "responsesReceived", pair->responses_received);
    integer(visit, "consentRequestsSent", pair->consent_requests_sent);
    number(visit, "totalRoundTripTime", seconds(pair->total_round_trip_time));
    if (pair->responses_received > 0)
        number(visit, "currentRoundTripTime", seconds(pair->current_round_trip_time));
    end(visit);
}

static void visit_certificate(const visit_t *visit, const char *id, const uint8_t *der, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char value[FINGERPRINT_TEXT_SIZE];
    fingerprint_t fingerprint;
    text_t base64 = {0};
    if (der == NULL || certificate_der_fingerprint(der, length, FINGERPRINT_SHA_256, &fingerprint) < 0)
        return;
    for (size_t i = 0; i < length; i += 3) { /* RFC 4648 §4 */
        uint32_t group = (uint32_t)der[i] << 16 | (i + 1 < length ? (uint32_t)der[i + 1] << 8 : 0) | (i + 2 < length ? der[i + 2] : 0);
        char quad[4] = {digits[group >> 18], digits[group >> 12 & 63], i + 1 < length ? digits[group >> 6 & 63] : '=',
                        i + 2 < length ? digits[group & 63] : '='};
        text_add_n(&base64, quad, sizeof quad);
    }
    begin(visit, "certificate", id);
    text(visit, "fingerprint", fingerprint_value_text(&fingerprint, value));
    text(visit, "fingerprintAlgorithm", fingerprint_hash_name(fingerprint.hash));
    text(visit, "base64Certificate", base64.data);
    end(visit);
    text_clear(&base64);
}

static void visit_certificates(const visit_t *visit)
{
    size_t length;
    const uint8_t *own = certificate_der(visit->connection->certificate, &length);
    visit_certificate(visit, "CF-local", own, length);
    uint8_t *remote = dtls_remote_certificate(transport_dtls(visit->connection->transport), 0, &length);
    if (remote != NULL)
        visit_certificate(visit, "CF-remote", remote, length);
    memory_free(remote);
}

static void visit_transport(const visit_t *visit, uint32_t selected_pair)
{
    connection_t *connection = visit->connection;
    const transport_statistics_t *statistics = transport_statistics(connection->transport);
    dtls_t *dtls = transport_dtls(connection->transport);
    ice_agent_t *ice = transport_ice(connection->transport);
    char value[ID_SIZE];
    begin(visit, "transport", "T0");
    integer(visit, "packetsSent", statistics->packets_sent);
    integer(visit, "packetsReceived", statistics->packets_received);
    integer(visit, "bytesSent", statistics->bytes_sent);
    integer(visit, "bytesReceived", statistics->bytes_received);
    text(visit, "iceRole", ice_agent_is_controlling(ice) ? "controlling" : "controlled");
    text(visit, "iceLocalUsernameFragment", ice_agent_local_parameters(ice)->ufrag);
    text(visit, "iceState", ice_state_name(connection->is_closed ? ICE_STATE_CLOSED : connection->ice_state));
    text(visit, "dtlsState", dtls_state_name(dtls_state(dtls)));
    text(visit, "dtlsRole", dtls_role_name(dtls_role(dtls)));
    integer(visit, "selectedCandidatePairChanges", ice_agent_selected_pair_changes(ice));
    if (selected_pair != 0) {
        id_of(value, "CP", selected_pair);
        text(visit, "selectedCandidatePairId", value);
    }
    text(visit, "localCertificateId", "CF-local");
    if (dtls_version(dtls) != 0) { /* also after a goodbye: it tells what was */
        text(visit, "remoteCertificateId", "CF-remote");
        snprintf(value, sizeof value, "%04X", dtls_version(dtls)); /* webrtc-stats: the version as four hexadecimal digits */
        text(visit, "tlsVersion", value);
        text(visit, "dtlsCipher", dtls_cipher_name(dtls));
        text(visit, "tlsGroup", dtls_group_name(dtls));
        text(visit, "srtpCipher", dtls_srtp_profile_name(dtls));
    }
    end(visit);
}

static void visit_ice(const visit_t *visit)
{
    ice_agent_t *ice = transport_ice(visit->connection->transport);
    uint32_t selected_pair = 0;
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < ice_agent_candidate_count(ice, side == 1); i++) {
            const ice_candidate_t *candidate = ice_agent_candidate(ice, side == 1, i);
            if (candidate != NULL)
                visit_candidate(visit, candidate, side == 1);
        }
    for (size_t i = 0; i < ice_agent_pair_count(ice); i++) {
        ice_pair_stats_t pair;
        if (!ice_agent_pair_stats(ice, i, &pair))
            continue;
        visit_pair(visit, &pair);
        if (pair.is_selected)
            selected_pair = pair.id;
    }
    visit_transport(visit, selected_pair);
}

/* ---- media ---- */

static void visit_codec(const visit_t *visit, const transceiver_t *transceiver, const jsep_payload_t *payload, bool is_send,
                        char id[ID_SIZE])
{
    char value[96];
    snprintf(id, ID_SIZE, "C%c%.32s_%u", is_send ? 'O' : 'I', transceiver->mid, payload->payload_type);
    begin(visit, "codec", id);
    integer(visit, "payloadType", payload->payload_type);
    text(visit, "transportId", "T0");
    snprintf(value, sizeof value, "%s/%.64s", transceiver->kind == CONNECTION_VIDEO ? "video" : "audio", payload->codec->name);
    text(visit, "mimeType", value);
    integer(visit, "clockRate", payload->codec->clock_rate);
    if (transceiver->kind == CONNECTION_AUDIO)
        integer(visit, "channels", payload->codec->channels != 0 ? payload->codec->channels : 1);
    text(visit, "sdpFmtpLine", payload->fmtp);
    end(visit);
}

static void stream_members(const visit_t *visit, const transceiver_t *transceiver, uint32_t ssrc, const char *codec_id)
{
    integer(visit, "ssrc", ssrc);
    text(visit, "kind", transceiver->kind == CONNECTION_VIDEO ? "video" : "audio");
    text(visit, "transportId", "T0");
    text(visit, "codecId", codec_id);
    text(visit, "mid", transceiver->mid);
}

static const jsep_payload_t *find_payload(const jsep_payload_t *payloads, size_t count, uint8_t payload_type)
{
    for (size_t i = 0; i < count; i++)
        if (payloads[i].payload_type == payload_type)
            return &payloads[i];
    return NULL;
}

static void visit_outbound(const visit_t *visit, const transceiver_t *transceiver)
{
    media_outbound_stats_t stats;
    char id[ID_SIZE], remote_id[ID_SIZE], codec_id[ID_SIZE] = "";
    media_sender_stats(transceiver->media_sender, visit->now, &stats);
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    const jsep_payload_t *payload = media != NULL ? find_payload(media->send, media->send_count, stats.payload_type) : NULL;
    if (payload != NULL)
        visit_codec(visit, transceiver, payload, true, codec_id);
    id_of(id, "O", stats.ssrc);
    id_of(remote_id, "RI", stats.ssrc);
    begin(visit, "outbound-rtp", id);
    stream_members(visit, transceiver, stats.ssrc, codec_id);
    if (stats.has_receiver_report)
        text(visit, "remoteId", remote_id);
    integer(visit, "packetsSent", stats.packets_sent);
    integer(visit, "bytesSent", stats.bytes_sent);
    integer(visit, "headerBytesSent", stats.header_bytes_sent);
    integer(visit, "retransmittedPacketsSent", stats.retransmitted_packets_sent);
    integer(visit, "retransmittedBytesSent", stats.retransmitted_bytes_sent);
    integer(visit, "nackCount", stats.nack_count);
    boolean(visit, "active", transceiver->told_codec.name[0] != '\0');
    if (transceiver->kind == CONNECTION_VIDEO) {
        integer(visit, "framesSent", stats.frames_sent);
        integer(visit, "hugeFramesSent", stats.huge_frames_sent);
        integer(visit, "pliCount", stats.pli_count);
        integer(visit, "firCount", stats.fir_count);
        if (stats.rtx_ssrc != 0)
            integer(visit, "rtxSsrc", stats.rtx_ssrc);
    }
    if (visit->to->outbound != NULL)
        visit->to->outbound(visit->to->context, transceiver->user);
    end(visit);
    if (!stats.has_receiver_report)
        return;
    begin(visit, "remote-inbound-rtp", remote_id);
    stream_members(visit, transceiver, stats.ssrc, codec_id);
    text(visit, "localId", id);
    integer(visit, "packetsLost", (uint64_t)stats.remote_packets_lost);
    number(visit, "jitter", stats.remote_jitter);
    number(visit, "fractionLost", stats.fraction_lost);
    integer(visit, "roundTripTimeMeasurements", stats.round_trip_time_measurements);
    number(visit, "totalRoundTripTime", stats.total_round_trip_time);
    if (stats.has_round_trip_time)
        number(visit, "roundTripTime", stats.round_trip_time);
    end(visit);
}

static void inbound_video_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    integer(visit, "framesReceived", stats->frames_received);
    integer(visit, "framesDropped", stats->frames_dropped);
    integer(visit, "freezeCount", stats->freeze_count);
    integer(visit, "pliCount", stats->pli_count);
    integer(visit, "firCount", stats->fir_count);
    if (stats->rtx_ssrc != 0)
        integer(visit, "rtxSsrc", stats->rtx_ssrc);
}

static void inbound_audio_members(const visit_t *visit, const media_inbound_stats_t *stats)
{
    integer(visit, "totalSamplesReceived", stats->total_samples_received);
    integer(visit, "concealedSamples", stats->concealed_samples);
    integer(visit, "silentConcealedSamples", stats->silent_concealed_samples);
    integer(visit, "concealmentEvents", stats->concealment_events);
    integer(visit, "insertedSamplesForDeceleration", stats->inserted_samples_for_deceleration);
    integer(visit, "removedSamplesForAcceleration", stats->removed_samples_for_acceleration);
}

static void visit_inbound(const visit_t *visit, const transceiver_t *transceiver)
{
    media_inbound_stats_t stats;
    char id[ID_SIZE], remote_id[ID_SIZE], codec_id[ID_SIZE] = "";
    media_receiver_stats(transceiver->media_receiver, visit->now, &stats);
    if (!stats.is_active)
        return;
    const jsep_media_t *media = transceiver->jsep != NULL ? transceiver->jsep->media : NULL;
    const jsep_payload_t *payload = media != NULL ? find_payload(media->receive, media->receive_count, stats.payload_type) : NULL;
    if (payload != NULL)
        visit_codec(visit, transceiver, payload, false, codec_id);
    id_of(id, "I", stats.ssrc);
    id_of(remote_id, "RO", stats.ssrc);
    begin(visit, "inbound-rtp", id);
    stream_members(visit, transceiver, stats.ssrc, codec_id);
    text(visit, "trackIdentifier", transceiver->remote_track);
    if (stats.has_sender_report)
        text(visit, "remoteId", remote_id);
    integer(visit, "packetsReceived", stats.packets_received);
    integer(visit, "bytesReceived", stats.bytes_received);
    integer(visit, "headerBytesReceived", stats.header_bytes_received);
    integer(visit, "packetsLost", (uint64_t)stats.packets_lost);
    number(visit, "jitter", stats.jitter);
    integer(visit, "packetsDiscarded", stats.packets_discarded);
    integer(visit, "retransmittedPacketsReceived", stats.retransmitted_packets_received);
    integer(visit, "retransmittedBytesReceived", stats.retransmitted_bytes_received);
    integer(visit, "nackCount", stats.nack_count);
    number(visit, "jitterBufferDelay", stats.jitter_buffer_delay);
    number(visit, "jitterBufferTargetDelay", stats.jitter_buffer_target_delay);
    number(visit, "jitterBufferMinimumDelay", stats.jitter_buffer_minimum_delay);
    integer(visit, "jitterBufferEmittedCount", stats.jitter_buffer_emitted_count);
    if (transceiver->kind == CONNECTION_VIDEO)
        inbound_video_members(visit, &stats);
    else
        inbound_audio_members(visit, &stats);
    if (visit->to->inbound != NULL)
        visit->to->inbound(visit->to->context, transceiver->user);
    end(visit);
    if (!stats.has_sender_report)
        return;
    begin(visit, "remote-outbound-rtp", remote_id);
    stream_members(visit, transceiver, stats.ssrc, codec_id);
    text(visit, "localId", id);
    integer(visit, "packetsSent", stats.remote_packets_sent);
    integer(visit, "bytesSent", stats.remote_bytes_sent);
    integer(visit, "reportsSent", stats.reports_sent);
    number(visit, "remoteTimestamp", (double)stats.remote_timestamp_us / 1e3 - 2208988800e3); /* NTP counts from 1900 */
    integer(visit, "roundTripTimeMeasurements", stats.round_trip_time_measurements);
    number(visit, "totalRoundTripTime", stats.total_round_trip_time);
    if (stats.has_round_trip_time)
        number(visit, "roundTripTime", stats.round_trip_time);
    end(visit);
}

/* ---- data ---- */

static const char *channel_state_name(sctp_channel_state_t state)
{
    static const char *const names[] = {"connecting", "open", "closing", "closed"};
    return names[state];
}

static void visit_channel(const visit_t *visit, const sctp_channel_t *channel)
{
    char id[ID_SIZE];
    sctp_channel_stats_t stats = sctp_channel_stats(channel);
    id_of(id, "D", sctp_channel_number(channel));
    begin(visit, "data-channel", id);
    text(visit, "label", sctp_channel_label(channel));
    text(visit, "protocol", sctp_channel_protocol(channel));
    if (sctp_channel_id(channel) >= 0)
        integer(visit, "dataChannelIdentifier", (uint64_t)sctp_channel_id(channel));
    text(visit, "state", channel_state_name(sctp_channel_state(channel)));
    integer(visit, "messagesSent", stats.messages_sent);
    integer(visit, "bytesSent", stats.bytes_sent);
    integer(visit, "messagesReceived", stats.messages_received);
    integer(visit, "bytesReceived", stats.bytes_received);
    end(visit);
}

static void visit_sctp(const visit_t *visit)
{
    sctp_stats_t stats;
    sctp_t *sctp = transport_sctp(visit->connection->transport);
    sctp_stats_get(sctp, &stats);
    begin(visit, "peer-connection", "P");
    integer(visit, "dataChannelsOpened", stats.channels_opened);
    integer(visit, "dataChannelsClosed", stats.channels_closed);
    end(visit);
    if (sctp_state(sctp) == SCTP_STATE_CONNECTED) {
        begin(visit, "sctp-transport", "S");
        text(visit, "transportId", "T0");
        if (stats.rtt_us > 0)
            number(visit, "smoothedRoundTripTime", stats.rtt_us / 1e6);
        integer(visit, "congestionWindow", stats.congestion_window);
        integer(visit, "receiverWindow", stats.receiver_window);
        integer(visit, "mtu", stats.mtu);
        integer(visit, "unackData", stats.unacked_chunks);
        end(visit);
    }
    for (sctp_channel_t *channel = sctp_next_channel(sctp, NULL); channel != NULL; channel = sctp_next_channel(sctp, channel))
        visit_channel(visit, channel);
}

void connection_visit_stats(connection_t *connection, peer_time_t now, const stats_visitor_t *visitor)
{
    visit_t visit = {visitor, connection, now};
    visit_sctp(&visit);
    visit_certificates(&visit);
    visit_ice(&visit);
    for (size_t i = 0; i < connection->transceiver_count; i++) {
        const transceiver_t *transceiver = connection->transceivers[i];
        if (transceiver->media_sender != NULL)
            visit_outbound(&visit, transceiver);
        if (transceiver->media_receiver != NULL)
            visit_inbound(&visit, transceiver);
    }
}
