#include "transport/transport.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <openssl/crypto.h>

#define SCTP_BURST_BYTES (64 << 10) /* that become datagrams at once */

struct transport {
    ice_agent_t *ice;
    dtls_t *dtls;
    sctp_t *sctp;
    srtp_session_t *srtp; /* NULL: no media has passed yet */
    bool has_media_keys;
    bool has_remote_dtls;
    bool is_dtls_client;
    bool is_sctp_enabled;
    bool is_sctp_started;
    bool is_closed;
    packet_queue_t outgoing;   /* encrypted, path set */
    packet_queue_t held_dtls;  /* datagrams of ours that wait for a path */
    packet_queue_t held_media; /* SRTP and SRTCP that came before the keys */
    packet_queue_t received;   /* decrypted RTP and RTCP */
    transport_tap_t tap;
    void *tap_context;
    transport_statistics_t statistics;
    transport_priority_t priority;
    size_t mtu; /* largest datagram, until the path is found to carry more */
    bool is_mtu_fixed;
    path_t data_path;          /* that SCTP was told of */
    dtls_config_t dtls_config; /* its certificate is the present association's */
    uint32_t connection;
};

#define UDP_OVERHEAD 8
#define IPV4_OVERHEAD 20
#define IPV6_OVERHEAD 40
#define RELAY_OVERHEAD 36 /* a TURN Send indication's (RFC 8656 §11); ChannelData has 4 */

typedef enum protocol { PROTOCOL_STUN, PROTOCOL_DTLS, PROTOCOL_RTP, PROTOCOL_RTCP, PROTOCOL_UNKNOWN } protocol_t;

/* RFC 7983 §7 with RFC 9443's update; RTCP is told from RTP by its packet type (RFC 5761 §4). */
static protocol_t classify(const packet_t *packet)
{
    if (packet->length < 2)
        return PROTOCOL_UNKNOWN;
    uint8_t first = packet->data[0];
    if (first <= 3)
        return PROTOCOL_STUN;
    if (dtls_is_datagram(packet->data, packet->length))
        return PROTOCOL_DTLS;
    if (first >= 128 && first <= 191)
        return packet->data[1] >= 192 && packet->data[1] <= 223 ? PROTOCOL_RTCP : PROTOCOL_RTP;
    return PROTOCOL_UNKNOWN;
}

/* What the path carries of SCTP: from packets that fill the usual datagram up to what DTLS takes, as is found out on the way (RFC 8899). */
static sctp_path_t describe_path(const transport_t *transport, const path_t *path)
{
    sctp_path_t sctp = {.base_mtu = (transport->mtu - DTLS_OVERHEAD) & ~(size_t)3, /* chunks are padded to four bytes (RFC 9260 §3.2) */
                        .overhead = DTLS_OVERHEAD + UDP_OVERHEAD + IPV4_OVERHEAD};
    sctp.max_mtu = transport->is_mtu_fixed ? sctp.base_mtu : DTLS_DATA_MAX;
    if (path == NULL)
        return sctp;
    if (path->remote.family == ADDRESS_IPV6)
        sctp.overhead += IPV6_OVERHEAD - IPV4_OVERHEAD;
    if (path->relay != 0)
        sctp.overhead += RELAY_OVERHEAD;
    return sctp;
}

static void follow_path(transport_t *transport, peer_time_t now)
{
    const path_t *path = ice_agent_send_path(transport->ice);
    if (path == NULL || path_equal(path, &transport->data_path))
        return;
    bool is_first = transport->data_path.socket == 0;
    sctp_path_t described = describe_path(transport, path);
    transport->data_path = *path;
    sctp_set_path(transport->sctp, now, &described, !is_first);
}

transport_t *transport_new(const transport_config_t *config)
{
    transport_t *transport = MEMORY_NEW(transport_t);
    if (transport == NULL) {
        error_no_memory();
        return NULL;
    }
    size_t mtu = config->mtu != 0 ? config->mtu : DTLS_MTU_DEFAULT;
    transport->is_mtu_fixed = config->mtu != 0;
    transport->mtu = mtu;
    sctp_config_t sctp_config = config->sctp;
    sctp_config.pool = config->ice.pool;
    sctp_config.random = config->ice.random;
    sctp_config.path = describe_path(transport, NULL);
    sctp_config.connection = config->connection;
    transport->connection = config->connection;
    transport->priority = config->priority;
    transport->ice = ice_agent_new(&config->ice);
    transport->dtls_config =
        (dtls_config_t){.certificate = config->certificate, .pool = config->ice.pool, .mtu = mtu, .connection = config->connection};
    transport->dtls = dtls_new(&transport->dtls_config);
    transport->sctp = sctp_new(&sctp_config);
    if (transport->ice == NULL || transport->dtls == NULL || transport->sctp == NULL) {
        transport_free(transport);
        error_no_memory();
        return NULL;
    }
    return transport;
}

void transport_free(transport_t *transport)
{
    if (transport == NULL)
        return;
    packet_queue_clear(&transport->outgoing);
    packet_queue_clear(&transport->held_dtls);
    packet_queue_clear(&transport->held_media);
    packet_queue_clear(&transport->received);
    if (transport->sctp != NULL)
        sctp_free(transport->sctp);
    srtp_session_free(transport->srtp);
    dtls_free(transport->dtls);
    ice_agent_free(transport->ice);
    memory_free(transport);
}

ice_agent_t *transport_ice(transport_t *transport)
{
    return transport->ice;
}

dtls_t *transport_dtls(transport_t *transport)
{
    return transport->dtls;
}

sctp_t *transport_sctp(transport_t *transport)
{
    return transport->sctp;
}

static void tap(transport_t *transport, transport_tap_kind_t kind, bool is_outgoing, peer_time_t now, const packet_t *packet)
{
    if (transport->tap != NULL)
        transport->tap(transport->tap_context, kind, is_outgoing, now, packet->data, packet->length);
}

void transport_set_tap(transport_t *transport, transport_tap_t function, void *context)
{
    transport->tap = function;
    transport->tap_context = context;
}

static void start_dtls_if_due(transport_t *transport, peer_time_t now)
{
    if (!transport->has_remote_dtls || dtls_state(transport->dtls) != DTLS_STATE_NEW || ice_agent_send_path(transport->ice) == NULL)
        return;
    if (dtls_start(transport->dtls, now, transport->is_dtls_client) < 0)
        LOG_ERROR("transport", transport->connection, "DTLS does not start: %s", peer_last_error_message());
}

int transport_set_remote_dtls(transport_t *transport, peer_time_t now, const fingerprint_t *fingerprints, size_t count, bool is_dtls_client)
{
    int result = dtls_set_remote_fingerprints(transport->dtls, fingerprints, count);
    if (result < 0)
        return result;
    if (!transport->has_remote_dtls)
        transport->is_dtls_client = is_dtls_client;
    sctp_set_role(transport->sctp, transport->is_dtls_client);
    transport->has_remote_dtls = true;
    start_dtls_if_due(transport, now);
    return 0;
}

int transport_renew(transport_t *transport, peer_time_t now)
{
    dtls_t *dtls = dtls_new(&transport->dtls_config);
    if (dtls == NULL || sctp_renew(transport->sctp) < 0 || ice_agent_forget(transport->ice, now) < 0) {
        dtls_free(dtls);
        return error_no_memory();
    }
    dtls_free(transport->dtls);
    transport->dtls = dtls;
    srtp_session_free(transport->srtp);
    transport->srtp = NULL;
    transport->has_media_keys = transport->has_remote_dtls = transport->is_sctp_started = false;
    transport->data_path = (path_t){0};
    packet_queue_clear(&transport->held_dtls);
    packet_queue_clear(&transport->held_media);
    LOG_INFO("transport", transport->connection, "begins anew: another DTLS association");
    return 0;
}

static void start_sctp_if_due(transport_t *transport, peer_time_t now)
{
    if (!transport->is_sctp_enabled || transport->is_sctp_started || dtls_state(transport->dtls) != DTLS_STATE_CONNECTED)
        return;
    transport->is_sctp_started = true;
    if (sctp_start(transport->sctp, now) < 0)
        LOG_ERROR("transport", transport->connection, "SCTP does not start: %s", peer_last_error_message());
}

void transport_enable_sctp(transport_t *transport, peer_time_t now, uint16_t remote_port, size_t remote_max_message_size)
{
    sctp_set_remote(transport->sctp, remote_port, remote_max_message_size);
    transport->is_sctp_enabled = true;
    start_sctp_if_due(transport, now);
}

/* Most connections with data alone never need the session, which is larger than all else that they hold of SRTP. */
static bool need_srtp(transport_t *transport)
{
    uint8_t material[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t length = 0;
    if (transport->srtp != NULL || !transport->has_media_keys)
        return transport->srtp != NULL;
    if (dtls_export_srtp_keys(transport->dtls, material, &length)) {
        transport->srtp = srtp_session_new(dtls_srtp_profile(transport->dtls), material, length, transport->is_dtls_client);
        OPENSSL_cleanse(material, sizeof material);
    }
    if (transport->srtp == NULL) {
        transport->has_media_keys = false;
        LOG_ERROR("transport", transport->connection, "SRTP does not start: %s", peer_last_error_message());
    }
    return transport->srtp != NULL;
}

static void receive_media(transport_t *transport, peer_time_t now, packet_t *packet)
{
    if (!need_srtp(transport)) {
        packet_unref(packet);
        return;
    }
    bool is_rtcp = classify(packet) == PROTOCOL_RTCP;
    size_t size = packet->length;
    bool is_authentic =
        is_rtcp ? srtp_session_unprotect_rtcp(transport->srtp, packet) : srtp_session_unprotect_rtp(transport->srtp, packet);
    if (!is_authentic) {
        packet_unref(packet);
        return;
    }
    ice_agent_on_traffic(transport->ice, now, &packet->path, size);
    tap(transport, is_rtcp ? TRANSPORT_TAP_RTCP : TRANSPORT_TAP_RTP, false, now, packet);
    packet_queue_push(&transport->received, packet);
}

/* A handshake is in the clear, and media before the keys cannot be told from noise: both are taken only from where ICE has authenticated
 * the peer, or anyone who finds the port could begin, or end, the handshake in the peer's place, or fill what is held. With the keys each
 * datagram proves itself. */
static bool is_from_stranger(const transport_t *transport, protocol_t protocol, const packet_t *packet)
{
    bool has_keys = protocol == PROTOCOL_DTLS ? dtls_state(transport->dtls) == DTLS_STATE_CONNECTED : transport->has_media_keys;
    return !has_keys && !ice_agent_has_heard(transport->ice, &packet->path);
}

void transport_input(transport_t *transport, peer_time_t now, packet_t *packet)
{
    if (!transport->is_closed && !ice_agent_unwrap(transport->ice, now, packet)) {
        packet_unref(packet);
        start_dtls_if_due(transport, now);
        return;
    }
    protocol_t protocol = transport->is_closed ? PROTOCOL_UNKNOWN : classify(packet);
    if (protocol == PROTOCOL_STUN) {
        ice_agent_input(transport->ice, now, packet);
        packet_unref(packet);
        start_dtls_if_due(transport, now);
        return;
    }
    transport->statistics.packets_received++;
    transport->statistics.bytes_received += packet->length;
    if (protocol != PROTOCOL_UNKNOWN && is_from_stranger(transport, protocol, packet)) {
        transport->statistics.dropped_stranger++;
        packet_unref(packet);
        return;
    }
    switch (protocol) {
    case PROTOCOL_DTLS:
        dtls_input(transport->dtls, now, packet);
        break;
    case PROTOCOL_RTP:
    case PROTOCOL_RTCP:
        packet = packet_detach(packet); /* it may wait for long, here and in jitter buffers */
        if (packet == NULL)
            break;
        if (transport->has_media_keys) {
            receive_media(transport, now, packet);
        } else if (transport->held_media.count < TRANSPORT_HELD_PACKETS) {
            packet_queue_push(&transport->held_media, packet);
        } else {
            transport->statistics.dropped_early++;
            packet_unref(packet);
        }
        break;
    default:
        transport->statistics.dropped_unknown++;
        packet_unref(packet);
    }
}

static void send_along_path(transport_t *transport, peer_time_t now, const path_t *path, packet_t *packet)
{
    packet->path = *path;
    packet->time = now;
    transport->statistics.packets_sent++;
    transport->statistics.bytes_sent += packet->length;
    ice_agent_on_sent(transport->ice, now, packet->length);
    if (path->relay != 0 && !ice_agent_wrap(transport->ice, now, packet)) {
        packet_unref(packet);
        return;
    }
    packet_queue_push(&transport->outgoing, packet);
}

bool transport_is_ready(const transport_t *transport)
{
    return transport->has_media_keys && !transport->is_closed && ice_agent_send_path(transport->ice) != NULL;
}

static bool send_media(transport_t *transport, peer_time_t now, packet_t *packet, bool is_rtcp)
{
    if (!transport_is_ready(transport) || !need_srtp(transport)) {
        packet_unref(packet);
        return false;
    }
    tap(transport, is_rtcp ? TRANSPORT_TAP_RTCP : TRANSPORT_TAP_RTP, true, now, packet);
    bool is_protected = is_rtcp ? srtp_session_protect_rtcp(transport->srtp, packet) : srtp_session_protect_rtp(transport->srtp, packet);
    if (!is_protected) {
        packet_unref(packet);
        return false;
    }
    send_along_path(transport, now, ice_agent_send_path(transport->ice), packet);
    return true;
}

void transport_forget_ssrc(transport_t *transport, uint32_t ssrc)
{
    if (transport->srtp != NULL)
        srtp_session_remove_outbound(transport->srtp, ssrc);
}

bool transport_send_rtp(transport_t *transport, peer_time_t now, packet_t *packet, transport_flow_t flow, transport_priority_t priority)
{
    packet->dscp = transport_dscp(flow, priority != TRANSPORT_PRIORITY_UNSET ? priority : transport->priority);
    return send_media(transport, now, packet, false);
}

/* Of all streams: as urgent as the most urgent of them. */
bool transport_send_rtcp(transport_t *transport, peer_time_t now, packet_t *packet)
{
    packet->dscp = transport_dscp(TRANSPORT_FLOW_AUDIO, transport->priority);
    return send_media(transport, now, packet, true);
}

void transport_timeout(transport_t *transport, peer_time_t now)
{
    if (transport->is_closed)
        return;
    if (ice_agent_deadline(transport->ice) <= now)
        ice_agent_timeout(transport->ice, now);
    if (dtls_deadline(transport->dtls) <= now)
        dtls_timeout(transport->dtls, now);
    if (sctp_deadline(transport->sctp) <= now)
        sctp_timeout(transport->sctp, now);
    start_dtls_if_due(transport, now);
}

peer_time_t transport_deadline(const transport_t *transport)
{
    if (transport->is_closed)
        return PEER_TIME_NEVER;
    peer_time_t deadline = time_earlier(ice_agent_deadline(transport->ice), dtls_deadline(transport->dtls));
    return time_earlier(deadline, sctp_deadline(transport->sctp));
}

static void on_dtls_connected(transport_t *transport, peer_time_t now)
{
    transport->has_media_keys = dtls_srtp_profile(transport->dtls) != 0;
    packet_t *packet;
    while (transport->has_media_keys && (packet = packet_queue_pop(&transport->held_media)) != NULL)
        receive_media(transport, now, packet);
    LOG_INFO("transport", transport->connection, "%s, %s, SRTP %s", dtls_version_name(transport->dtls), dtls_cipher_name(transport->dtls),
             transport->has_media_keys ? dtls_srtp_profile_name(transport->dtls) : "none");
    start_sctp_if_due(transport, now);
}

/* Datagrams of DTLS go out as soon as there is a path. A handshake's flight that finds none waits for it: the peer may have had its first
 * valid pair before us. */
static void send_dtls(transport_t *transport, peer_time_t now, packet_t *packet)
{
    packet->dscp = transport_dscp(TRANSPORT_FLOW_DATA, transport->priority);
    const path_t *path = ice_agent_send_path(transport->ice);
    if (path != NULL)
        send_along_path(transport, now, path, packet);
    else if (transport->held_dtls.count < TRANSPORT_HELD_PACKETS)
        packet_queue_push(&transport->held_dtls, packet);
    else
        packet_unref(packet);
}

/* Field by field: the rest of an output is large, and this happens with every packet. */
static bool put_packet(transport_output_t *output, transport_output_type_t type, packet_t *packet)
{
    output->type = type;
    output->packet = packet;
    return true;
}

/* True when `output` has something for the owner. */
static bool poll_dtls(transport_t *transport, peer_time_t now, transport_output_t *output)
{
    dtls_output_t dtls;
    while (dtls_poll(transport->dtls, &dtls)) {
        switch (dtls.type) {
        case DTLS_OUTPUT_SEND:
            send_dtls(transport, now, dtls.packet);
            break;
        case DTLS_OUTPUT_DATA:
            ice_agent_on_traffic(transport->ice, now, &dtls.packet->path, dtls.packet->length);
            tap(transport, TRANSPORT_TAP_SCTP, false, now, dtls.packet);
            sctp_input(transport->sctp, now, dtls.packet);
            break;
        case DTLS_OUTPUT_CONNECTED:
            on_dtls_connected(transport, now);
            *output = (transport_output_t){.type = TRANSPORT_OUTPUT_DTLS_STATE, .dtls_state = DTLS_STATE_CONNECTED};
            return true;
        case DTLS_OUTPUT_CLOSED:
            *output = (transport_output_t){.type = TRANSPORT_OUTPUT_DTLS_STATE, .dtls_state = DTLS_STATE_CLOSED};
            return true;
        case DTLS_OUTPUT_FAILED:
            LOG_ERROR("transport", transport->connection, "DTLS failed: %s", dtls.failure.text != NULL ? dtls.failure.text : "");
            *output =
                (transport_output_t){.type = TRANSPORT_OUTPUT_DTLS_STATE, .dtls_state = DTLS_STATE_FAILED, .dtls_failure = dtls.failure};
            return true;
        }
    }
    return false;
}

static bool poll_ice(transport_t *transport, peer_time_t now, transport_output_t *output)
{
    if (!ice_agent_poll(transport->ice, &output->ice))
        return false;
    if (output->ice.kind == ICE_OUTPUT_SEND) {
        packet_t *packet = output->ice.packet;
        packet->dscp = transport_dscp(TRANSPORT_FLOW_AUDIO, transport->priority); /* as the media: RFC 8445 §7.2.3 */
        return put_packet(output, TRANSPORT_OUTPUT_SEND, packet);
    }
    output->type = TRANSPORT_OUTPUT_ICE;
    return true;
}

/* Takes SCTP's packets a few at a time: they are to leave while the caches still hold them. True when there is something for the owner;
 * *is_more says that SCTP was not asked to the end. */
static bool poll_sctp(transport_t *transport, peer_time_t now, transport_output_t *output, bool *is_more)
{
    *is_more = false;
    sctp_output_t sctp;
    follow_path(transport, now);
    for (size_t bytes = 0; !*is_more && sctp_poll(transport->sctp, now, &sctp);) {
        if (sctp.type != SCTP_OUTPUT_SEND) {
            *output = (transport_output_t){.type = TRANSPORT_OUTPUT_SCTP, .sctp = sctp};
            return true;
        }
        bytes += sctp.packet->length;
        *is_more = bytes >= SCTP_BURST_BYTES;
        tap(transport, TRANSPORT_TAP_SCTP, true, now, sctp.packet);
        if (dtls_send(transport->dtls, now, sctp.packet) < 0)
            LOG_DEBUG("transport", transport->connection, "SCTP packet not sent: %s", peer_last_error_message());
    }
    return false;
}

bool transport_poll(transport_t *transport, peer_time_t now, transport_output_t *output)
{
    packet_t *packet = packet_queue_pop(&transport->outgoing);
    if (packet != NULL)
        return put_packet(output, TRANSPORT_OUTPUT_SEND, packet);
    if (transport->held_dtls.count > 0 && ice_agent_send_path(transport->ice) != NULL) {
        packet_t *held;
        while ((held = packet_queue_pop(&transport->held_dtls)) != NULL)
            send_along_path(transport, now, ice_agent_send_path(transport->ice), held);
    }
    start_dtls_if_due(transport, now);
    packet = packet_queue_pop(&transport->received);
    if (packet != NULL)
        return put_packet(output, classify(packet) == PROTOCOL_RTCP ? TRANSPORT_OUTPUT_RTCP : TRANSPORT_OUTPUT_RTP, packet);
    bool is_more = false;
    do {
        if (poll_dtls(transport, now, output) || poll_sctp(transport, now, output, &is_more))
            return true;
        /* SCTP's packets became DTLS's datagrams just now. */
        if (poll_dtls(transport, now, output))
            return true;
        packet = packet_queue_pop(&transport->outgoing);
        if (packet != NULL)
            return put_packet(output, TRANSPORT_OUTPUT_SEND, packet);
    } while (is_more); /* none of them could leave */
    return poll_ice(transport, now, output);
}

void transport_close(transport_t *transport, peer_time_t now)
{
    if (transport->is_closed)
        return;
    transport_output_t ignored;
    sctp_terminate(transport->sctp, now);
    bool is_more, has_output;
    do {
        has_output = poll_sctp(transport, now, &ignored, &is_more);
        if (has_output && ignored.sctp.type == SCTP_OUTPUT_MESSAGE)
            blob_unref(ignored.sctp.message);
    } while (has_output || is_more);
    dtls_close(transport->dtls);
    transport->is_closed = true;
    dtls_output_t dtls;
    while (dtls_poll(transport->dtls, &dtls)) {
        if (dtls.type == DTLS_OUTPUT_SEND)
            send_dtls(transport, now, dtls.packet);
        else if (dtls.type == DTLS_OUTPUT_DATA)
            packet_unref(dtls.packet);
    }
    ice_agent_close(transport->ice, now);
}

const transport_statistics_t *transport_statistics(const transport_t *transport)
{
    return &transport->statistics;
}

const srtp_statistics_t *transport_srtp_statistics(const transport_t *transport)
{
    static const srtp_statistics_t none;
    if (transport->srtp != NULL)
        return srtp_session_statistics(transport->srtp);
    return transport->has_media_keys ? &none : NULL;
}
