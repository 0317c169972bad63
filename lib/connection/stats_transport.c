/* Statistics of the transport: W3C RTCTransportStats, RTCIceCandidateStats, RTCIceCandidatePairStats and RTCCertificateStats. */
#include "connection/stats_visit.h"

#include "base/memory.h"

#include <stdio.h>

#define CHAIN_MAX 10 /* certificates told of one chain */

/* ---- ICE ---- */

static void visit_candidate(const visit_t *visit, const ice_candidate_t *candidate, bool is_remote)
{
    char id[STATS_ID_SIZE], address[ADDRESS_TEXT_SIZE];
    stats_id(visit, id, is_remote ? "IR" : "IL", candidate->id);
    stats_begin(visit, is_remote ? "remote-candidate" : "local-candidate", id);
    stats_text(visit, "transportId", visit->transport);
    if (candidate->host_name != NULL) /* what it stands for is hidden */
        stats_text(visit, "address", candidate->host_name);
    else
        stats_text(visit, "address", address_ip_text(&candidate->address, address));
    stats_integer(visit, "port", candidate->address.port);
    stats_text(visit, "protocol", candidate->protocol == TRANSPORT_TCP ? "tcp" : "udp");
    stats_text(visit, "candidateType", ice_candidate_type_name((ice_candidate_type_t)candidate->type));
    stats_integer(visit, "priority", candidate->priority);
    stats_text(visit, "foundation", candidate->foundation);
    stats_text(visit, "usernameFragment", candidate->ufrag);
    stats_text(visit, "tcpType", ice_tcp_type_name((ice_tcp_type_t)candidate->tcp_type));
    if (candidate->related.family != ADDRESS_NONE) {
        stats_text(visit, "relatedAddress", address_ip_text(&candidate->related, address));
        stats_integer(visit, "relatedPort", candidate->related.port);
    }
    if (!is_remote)
        stats_text(visit, "url", candidate->url);
    if (!is_remote && candidate->type == ICE_CANDIDATE_RELAYED) /* "dtls" is ours: webrtc-stats knows udp, tcp and tls */
        stats_text(visit, "relayProtocol", ice_server_transport_name((ice_server_transport_t)candidate->relay_protocol));
    stats_end(visit);
}

static void visit_pair(const visit_t *visit, const ice_pair_stats_t *pair)
{
    char id[STATS_ID_SIZE];
    stats_id(visit, id, "CP", pair->id);
    stats_begin(visit, "candidate-pair", id);
    stats_text(visit, "transportId", visit->transport);
    stats_id(visit, id, "IL", pair->local->id);
    stats_text(visit, "localCandidateId", id);
    stats_id(visit, id, "IR", pair->remote->id);
    stats_text(visit, "remoteCandidateId", id);
    stats_text(visit, "state", ice_pair_state_name(pair->state));
    stats_boolean(visit, "nominated", pair->is_nominated);
    stats_integer(visit, "packetsSent", pair->packets_sent);
    stats_integer(visit, "packetsReceived", pair->packets_received);
    stats_integer(visit, "bytesSent", pair->bytes_sent);
    stats_integer(visit, "bytesReceived", pair->bytes_received);
    stats_time(visit, "lastPacketSentTimestamp", pair->last_packet_sent);
    stats_time(visit, "lastPacketReceivedTimestamp", pair->last_packet_received);
    stats_integer(visit, "requestsSent", pair->requests_sent);
    stats_integer(visit, "requestsReceived", pair->requests_received);
    stats_integer(visit, "responsesSent", pair->responses_sent);
    stats_integer(visit, "responsesReceived", pair->responses_received);
    stats_integer(visit, "consentRequestsSent", pair->consent_requests_sent);
    stats_seconds(visit, "totalRoundTripTime", pair->total_round_trip_time);
    if (pair->responses_received > 0)
        stats_seconds(visit, "currentRoundTripTime", pair->current_round_trip_time);
    stats_end(visit);
}

static bool is_listed(const ice_agent_t *ice, const ice_candidate_t *candidate, bool is_remote)
{
    for (size_t i = 0; i < ice_agent_candidate_count(ice, is_remote); i++)
        if (ice_agent_candidate(ice, is_remote, i) == candidate)
            return true;
    return false;
}

/* webrtc-stats: after a restart the pair in use lives on until another takes over, and so do its candidates, which the agent does not list
 * any more. `index` is that of the pair: each is told once. */
static void visit_former(const visit_t *visit, const ice_agent_t *ice, size_t index, const ice_pair_stats_t *pair)
{
    for (int side = 0; side < 2; side++) {
        const ice_candidate_t *candidate = side == 1 ? pair->remote : pair->local;
        bool is_told = is_listed(ice, candidate, side == 1);
        ice_pair_stats_t other;
        for (size_t i = 0; i < index && !is_told; i++)
            is_told = ice_agent_pair_stats(ice, i, &other) && (side == 1 ? other.remote : other.local) == candidate;
        if (!is_told)
            visit_candidate(visit, candidate, side == 1);
    }
}

/* The candidates and pairs; the id of the selected pair, "" when there is none. */
static void visit_ice(const visit_t *visit, ice_agent_t *ice, char selected[STATS_ID_SIZE])
{
    ice_pair_stats_t pair;
    selected[0] = '\0';
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < ice_agent_candidate_count(ice, side == 1); i++) {
            const ice_candidate_t *candidate = ice_agent_candidate(ice, side == 1, i);
            if (candidate != NULL)
                visit_candidate(visit, candidate, side == 1);
        }
    for (size_t i = 0; ice_agent_pair_stats(ice, i, &pair); i++)
        visit_former(visit, ice, i, &pair);
    for (size_t i = 0; ice_agent_pair_stats(ice, i, &pair); i++) {
        visit_pair(visit, &pair);
        if (pair.is_selected)
            stats_id(visit, selected, "CP", pair.id);
    }
}

/* ---- certificates: named by their fingerprints, so that one is one object, whoever has it ---- */

static bool name_certificate(const visit_t *visit, const uint8_t *der, size_t length, char id[STATS_ID_SIZE],
                             char value[FINGERPRINT_TEXT_SIZE])
{
    fingerprint_t fingerprint;
    if (der == NULL || certificate_der_fingerprint(der, length, FINGERPRINT_SHA_256, &fingerprint) < 0)
        return false;
    fingerprint_value_text(&fingerprint, value);
    stats_id_named(visit, id, "CF", value);
    return true;
}

/* False when it cannot be read. */
static bool visit_certificate(visit_t *visit, const uint8_t *der, size_t length, const char *issuer, char id[STATS_ID_SIZE])
{
    char value[FINGERPRINT_TEXT_SIZE];
    if (!name_certificate(visit, der, length, id, value))
        return false;
    char *base64 = stats_is_new(visit, id) ? certificate_der_base64(der, length) : NULL;
    if (base64 == NULL)
        return true;
    stats_begin(visit, "certificate", id);
    stats_text(visit, "fingerprint", value);
    stats_text(visit, "fingerprintAlgorithm", fingerprint_hash_name(FINGERPRINT_SHA_256));
    stats_text(visit, "base64Certificate", base64);
    stats_text(visit, "issuerCertificateId", issuer);
    stats_end(visit);
    memory_free(base64);
    return true;
}

/* The peer's chain, from its end, so that each certificate knows its issuer; the id of the peer's own is left, "" when there is none. */
static void visit_chain(visit_t *visit, const dtls_t *dtls, char id[STATS_ID_SIZE])
{
    uint8_t *chain[CHAIN_MAX];
    size_t lengths[CHAIN_MAX], count = 0;
    char issuer[STATS_ID_SIZE] = "";
    id[0] = '\0';
    while (count < CHAIN_MAX && (chain[count] = dtls_remote_certificate(dtls, count, &lengths[count])) != NULL)
        count++;
    while (count-- > 0) {
        if (!visit_certificate(visit, chain[count], lengths[count], issuer, id))
            id[0] = '\0';
        snprintf(issuer, sizeof issuer, "%s", id);
        memory_free(chain[count]);
    }
}

/* ---- the transport ---- */

static const char *role_name(connection_ice_role_t role)
{
    static const char *const names[] = {"unknown", "controlling", "controlled"};
    return names[role];
}

static void visit_dtls(const visit_t *visit, const dtls_t *dtls)
{
    char version[8];
    if (dtls_version(dtls) == 0) /* it is told also after a goodbye: what was */
        return;
    snprintf(version, sizeof version, "%04X", dtls_version(dtls)); /* webrtc-stats: four upper-case hexadecimal digits */
    stats_text(visit, "tlsVersion", version);
    stats_text(visit, "dtlsCipher", dtls_cipher_name(dtls));
    stats_text(visit, "srtpCipher", dtls_srtp_profile_name(dtls));
}

void stats_visit_transport(visit_t *visit)
{
    connection_t *connection = visit->connection;
    const transport_statistics_t *statistics = transport_statistics(connection->transport);
    dtls_t *dtls = transport_dtls(connection->transport);
    connection_ice_t ice;
    char own[STATS_ID_SIZE] = "", remote[STATS_ID_SIZE], selected[STATS_ID_SIZE];
    size_t length;
    connection_ice(connection, &ice);
    ice_agent_t *agent = transport_ice(connection->transport);
    bool exists = ice.has_local_description || ice.has_remote_description || ice_agent_candidate_count(agent, false) > 0;
    if (!exists) /* W3C WebRTC §4.4.1.5: transports are made with the first description */
        return;
    const uint8_t *der = certificate_der(connection->certificate, &length);
    visit_certificate(visit, der, length, NULL, own);
    visit_chain(visit, dtls, remote);
    visit_ice(visit, agent, selected);
    stats_begin(visit, "transport", visit->transport);
    stats_integer(visit, "packetsSent", statistics->packets_sent);
    stats_integer(visit, "packetsReceived", statistics->packets_received);
    stats_integer(visit, "bytesSent", statistics->bytes_sent);
    stats_integer(visit, "bytesReceived", statistics->bytes_received);
    stats_text(visit, "iceRole", role_name(connection_ice_role(connection)));
    stats_text(visit, "iceLocalUsernameFragment", ice_agent_local_parameters(agent)->ufrag);
    stats_text(visit, "iceState", ice_state_name(ice.state));
    stats_text(visit, "dtlsState", dtls_state_name(dtls_state(dtls)));
    stats_text(visit, "dtlsRole", dtls_role_name(dtls_role(dtls)));
    stats_integer(visit, "selectedCandidatePairChanges", ice_agent_selected_pair_changes(agent));
    stats_text(visit, "selectedCandidatePairId", selected);
    stats_text(visit, "localCertificateId", own);
    stats_text(visit, "remoteCertificateId", remote);
    visit_dtls(visit, dtls);
    stats_end(visit);
}
