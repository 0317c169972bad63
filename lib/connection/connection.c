/* The connection owns its parts, drives them, and routes between them. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <openssl/evp.h>
#include <string.h>

/* Our INIT chunk for descriptions (draft-hancke-tsvwg-snap); NULL: none. */
static const char *write_sctp_init(connection_t *connection, char text[SCTP_INIT_ENCODED_MAX + 1])
{
    uint8_t init[SCTP_INIT_ENCODED_MAX / 4 * 3];
    size_t length = sctp_local_init(transport_sctp(connection->transport), init, sizeof init);
    return length > 0 && EVP_EncodeBlock((unsigned char *)text, init, (int)length) > 0 ? text : NULL;
}

static int new_jsep(connection_t *connection, const connection_config_t *config)
{
    char sctp_init[SCTP_INIT_ENCODED_MAX + 1];
    jsep_codec_t codecs[JSEP_CODECS_MAX];
    jsep_extension_capability_t extensions[JSEP_EXTENSIONS_MAX];
    fingerprint_t own;
    int error = certificate_fingerprint(config->certificate, FINGERPRINT_SHA_256, &own);
    if (error < 0)
        return error;
    sdp_fingerprint_t fingerprint = {.algorithm = fingerprint_hash_name(own.hash), .bytes = own.bytes, .length = own.length};
    const ice_parameters_t *ice = ice_agent_local_parameters(transport_ice(connection->transport));
    jsep_configuration_t configuration = {.random = config->random,
                                          .codecs = codecs,
                                          .codec_count = describe_codecs(config->codecs, config->codec_count, codecs),
                                          .extensions = extensions,
                                          .extension_count = describe_extensions(extensions),
                                          .extmap_allow_mixed = true,
                                          .rtcp_rsize = true,
                                          .rcvr_rtt = true,
                                          .receives_simulcast = true,
                                          .cname = connection->cname,
                                          .ice_ufrag = ice->ufrag,
                                          .ice_pwd = ice->password,
                                          .ice_lite = config->is_ice_lite,
                                          .bundle_policy = (jsep_bundle_policy_t)config->bundle_policy,
                                          .fingerprints = &fingerprint,
                                          .fingerprint_count = 1,
                                          .takes_channel = takes_channel,
                                          .takes_channel_context = connection,
                                          .sctp_init = write_sctp_init(connection, sctp_init),
                                          .max_message_size =
                                              config->max_message_size != 0 ? config->max_message_size : SCTP_DEFAULT_MAX_MESSAGE_SIZE};
    return jsep_session_new(&configuration, &connection->jsep);
}

static int new_parts(connection_t *connection, const connection_config_t *config)
{
    connection->transport = transport_new(
        &(transport_config_t){.ice = {.random = config->random,
                                      .pool = config->pool,
                                      .servers = config->servers,
                                      .server_count = config->server_count,
                                      .policy = config->ice_policy,
                                      .tcp_policy = config->ice_tcp_policy,
                                      .max_pairs = config->max_candidate_pairs,
                                      .is_lite = config->is_ice_lite,
                                      .hides_addresses = config->hides_addresses,
                                      .omits_private_hosts = config->omits_private_hosts,
                                      .wants_port_mapping = config->wants_port_mapping,
                                      .shares_sockets = config->shares_sockets,
                                      .connection = config->number},
                              .sctp = {.max_message_size = config->max_message_size, .receive_window = config->receive_window},
                              .certificate = config->certificate,
                              .mtu = config->mtu,
                              .priority = config->network_priority,
                              .connection = config->number});
    if (connection->transport == NULL)
        return PEER_ERROR_NO_MEMORY;
    random_text(&config->random, connection->cname, sizeof connection->cname - 1, RANDOM_ICE_CHARS);
    connection->media = media_session_new(
        &(media_session_config_t){.pool = config->pool,
                                  .random = config->random,
                                  .cname = connection->cname,
                                  .connection = config->number,
                                  .wall_clock_offset_us = config->wall_clock_offset_us,
                                  .packet_size = (config->mtu != 0 ? config->mtu : DTLS_MTU_DEFAULT) - SRTP_OVERHEAD_MAX});
    if (connection->media == NULL)
        return error_no_memory();
    return new_jsep(connection, config);
}

connection_t *connection_new(const connection_config_t *config)
{
    connection_t *connection = MEMORY_NEW(connection_t);
    if (connection == NULL) {
        error_no_memory();
        return NULL;
    }
    connection->random = config->random;
    connection->number = config->number;
    connection->wall_clock_offset_us = config->wall_clock_offset_us;
    random_fill(&config->random, &connection->stats_salt, sizeof connection->stats_salt);
    connection->dtmf_at = PEER_TIME_NEVER;
    connection->certificate = certificate_ref(config->certificate);
    connection->is_relay_only = config->ice_policy == ICE_POLICY_RELAY;
    connection->wants_early_gathering = config->ice_candidate_pool_size > 0;
    if (new_parts(connection, config) < 0) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

void connection_free(connection_t *connection)
{
    if (connection == NULL)
        return;
    connection_event_t *event;
    while ((event = event_pop(connection)) != NULL)
        connection_event_free(event);
    for (size_t i = 0; i < connection->transceiver_count; i++) {
        connection->transceivers[i]->jsep = NULL;
        transceiver_unref(connection->transceivers[i]);
    }
    media_session_free(connection->media);
    jsep_session_free(connection->jsep);
    transport_free(connection->transport);
    drop_held_candidates(connection);
    memory_free(connection->held);
    memory_free(connection->transceivers);
    memory_free(connection->ended_ssrcs);
    certificate_unref(connection->certificate);
    memory_free(connection);
}

/* ---- states ---- */

/* W3C WebRTC §4.3.3 RTCPeerConnectionState, for one transport. */
static connection_state_t state_now(const connection_t *connection)
{
    dtls_state_t dtls = dtls_state(transport_dtls(connection->transport));
    ice_state_t ice = connection->ice_state;
    if (connection->is_closed)
        return CONNECTION_STATE_CLOSED;
    if (ice == ICE_STATE_FAILED || dtls == DTLS_STATE_FAILED)
        return CONNECTION_STATE_FAILED;
    if (ice == ICE_STATE_DISCONNECTED)
        return CONNECTION_STATE_DISCONNECTED;
    if (ice == ICE_STATE_NEW && dtls == DTLS_STATE_NEW)
        return CONNECTION_STATE_NEW;
    if ((ice == ICE_STATE_CONNECTED || ice == ICE_STATE_COMPLETED) && (dtls == DTLS_STATE_CONNECTED || dtls == DTLS_STATE_CLOSED))
        return CONNECTION_STATE_CONNECTED;
    return CONNECTION_STATE_CONNECTING;
}

void update_state(connection_t *connection)
{
    connection_state_t state = state_now(connection);
    if (state == connection->state)
        return;
    connection->state = state;
    event_state(connection, CONNECTION_EVENT_CONNECTION_STATE, (int32_t)state);
}

int32_t connection_signaling_state(const connection_t *connection)
{
    return connection->is_closed ? CONNECTION_SIGNALING_CLOSED : (int32_t)jsep_signaling_state(connection->jsep);
}

int32_t connection_ice_gathering_state(const connection_t *connection)
{
    return (int32_t)connection->ice_gathering_state;
}

int32_t connection_ice_connection_state(const connection_t *connection)
{
    return connection->is_closed ? (int32_t)ICE_STATE_CLOSED : (int32_t)connection->ice_state;
}

int32_t connection_state(const connection_t *connection)
{
    return (int32_t)connection->state;
}

static bool has_description(const connection_t *connection, jsep_which_t pending, jsep_which_t current)
{
    return jsep_description_sdp(connection->jsep, pending) != NULL || jsep_description_sdp(connection->jsep, current) != NULL;
}

bool connection_has_local_description(const connection_t *connection)
{
    return has_description(connection, JSEP_PENDING_LOCAL, JSEP_CURRENT_LOCAL);
}

void connection_ice(const connection_t *connection, connection_ice_t *ice)
{
    *ice = (connection_ice_t){.agent = transport_ice(connection->transport),
                              .state = connection->is_closed ? ICE_STATE_CLOSED : connection->ice_state,
                              .is_relay_only = connection->is_relay_only,
                              .has_local_description = has_description(connection, JSEP_PENDING_LOCAL, JSEP_CURRENT_LOCAL),
                              .has_remote_description = has_description(connection, JSEP_PENDING_REMOTE, JSEP_CURRENT_REMOTE),
                              .has_dtls_failed = dtls_state(transport_dtls(connection->transport)) == DTLS_STATE_FAILED,
                              .peer_renominates = connection->peer_renominates};
}

/* ---- what comes in ---- */

void connection_input(connection_t *connection, peer_time_t now, packet_t *packet)
{
    connection->now = now;
    transport_input(connection->transport, now, packet);
}

void connection_timeout(connection_t *connection, peer_time_t now)
{
    connection->now = now;
    if (connection->is_closed)
        return;
    if (connection->wants_early_gathering)
        gather_early(connection);
    transport_timeout(connection->transport, now);
    if (media_session_deadline(connection->media) <= now)
        media_session_timeout(connection->media, now);
    if (connection->dtmf_at <= now)
        dtmf_timeout(connection, now);
}

peer_time_t connection_deadline(const connection_t *connection)
{
    if (connection->is_closed)
        return PEER_TIME_NEVER;
    if (connection->wants_early_gathering)
        return 0;
    peer_time_t deadline = time_earlier(transport_deadline(connection->transport), connection->dtmf_at);
    return time_earlier(deadline, media_session_deadline(connection->media));
}

static ice_network_type_t network_of(network_type_t type)
{
    switch (type) {
    case NETWORK_ETHERNET:
        return ICE_NETWORK_ETHERNET;
    case NETWORK_WIFI:
        return ICE_NETWORK_WIFI;
    case NETWORK_CELLULAR:
        return ICE_NETWORK_CELLULAR;
    case NETWORK_VPN:
        return ICE_NETWORK_VPN;
    case NETWORK_LOOPBACK:
        return ICE_NETWORK_LOOPBACK;
    default:
        return ICE_NETWORK_UNKNOWN;
    }
}

void connection_socket_opened(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    connection->now = now;
    if (ice_agent_add_socket(transport_ice(connection->transport), now, socket, local, network_of(type)) < 0)
        LOG_WARNING("connection", connection->number, "a socket is not used: %s", peer_last_error_message());
}

void connection_listener_opened(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    connection->now = now;
    ice_agent_add_listener(transport_ice(connection->transport), now, socket, local, network_of(type));
}

void connection_link_opened(connection_t *connection, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local)
{
    connection->now = now;
    ice_agent_link_opened(transport_ice(connection->transport), now, request, socket, local);
}

void connection_link_failed(connection_t *connection, peer_time_t now, uint32_t request, const char *text)
{
    connection->now = now;
    ice_agent_link_failed(transport_ice(connection->transport), now, request, text);
}

void connection_link_accepted(connection_t *connection, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    connection->now = now;
    ice_agent_link_accepted(transport_ice(connection->transport), now, listener, socket, remote);
}

void connection_socket_closed(connection_t *connection, peer_time_t now, uint32_t socket, const char *text)
{
    connection->now = now;
    ice_agent_socket_closed(transport_ice(connection->transport), now, socket, text);
}

void connection_port_mapped(connection_t *connection, peer_time_t now, uint32_t socket, const address_t *external)
{
    connection->now = now;
    ice_agent_port_mapped(transport_ice(connection->transport), now, socket, external);
}

const char *connection_ice_ufrag(const connection_t *connection)
{
    return ice_agent_local_parameters(transport_ice(connection->transport))->ufrag;
}

void connection_sockets_complete(connection_t *connection, peer_time_t now)
{
    connection->now = now;
    ice_agent_sockets_complete(transport_ice(connection->transport), now);
}

void connection_resolved(connection_t *connection, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    connection->now = now;
    ice_agent_resolved(transport_ice(connection->transport), now, request, addresses, count);
}

/* ---- what comes out ---- */

/* Field by field: the rest of an output is large, and this happens with every packet. */
static bool put_packet(output_t *output, packet_t *packet)
{
    output->type = OUTPUT_SEND;
    output->packet = packet;
    return true;
}

/* True when `output` has something for the driver. */
static bool route_ice(connection_t *connection, const ice_output_t *ice, output_t *output)
{
    switch (ice->kind) {
    case ICE_OUTPUT_SEND:
        return put_packet(output, ice->packet);
    case ICE_OUTPUT_OPEN_SOCKETS:
        output->type = OUTPUT_OPEN_SOCKETS;
        return true;
    case ICE_OUTPUT_CLOSE_SOCKET:
        output->type = OUTPUT_CLOSE_SOCKET;
        output->socket = ice->socket;
        return true;
    case ICE_OUTPUT_CONNECT:
        output->type = OUTPUT_CONNECT;
        output->link = *ice->link;
        return true;
    case ICE_OUTPUT_CANCEL_CONNECT:
        output->type = OUTPUT_CANCEL_CONNECT;
        output->request = ice->request;
        return true;
    case ICE_OUTPUT_PUBLISH_NAME:
        output->type = OUTPUT_PUBLISH_NAME;
        strncpy(output->publish.name, ice->publish.name, OUTPUT_NAME_SIZE - 1);
        output->publish.name[OUTPUT_NAME_SIZE - 1] = '\0';
        output->publish.address = ice->publish.address;
        return true;
    case ICE_OUTPUT_MAP_PORT:
        output->type = OUTPUT_MAP_PORT;
        output->socket = ice->socket;
        return true;
    case ICE_OUTPUT_RESOLVE:
        output->type = OUTPUT_RESOLVE;
        output->resolve.request = ice->resolve.request;
        strncpy(output->resolve.name, ice->resolve.name, OUTPUT_NAME_SIZE - 1);
        output->resolve.name[OUTPUT_NAME_SIZE - 1] = '\0';
        return true;
    case ICE_OUTPUT_LOCAL_CANDIDATE:
        on_local_candidate(connection, ice->candidate);
        return false;
    case ICE_OUTPUT_CANDIDATE_ERROR:
        on_candidate_error(connection, &ice->error);
        return false;
    case ICE_OUTPUT_GATHERING_STATE:
        on_gathering_state(connection, ice->gathering_state);
        return false;
    case ICE_OUTPUT_STATE:
        on_ice_state(connection, ice->state);
        return false;
    case ICE_OUTPUT_SELECTED_PAIR:
        event_new(connection, CONNECTION_EVENT_SELECTED_PAIR);
        sending_tell(connection);
        return false;
    }
    return false;
}

void connection_release_channel(connection_t *connection, peer_time_t now, sctp_channel_t *channel)
{
    connection->now = now;
    sctp_channel_release(channel, now);
}

/* A channel that closes is in no further description, unless another one is on its stream by now. */
static void forget_described(connection_t *connection, const sctp_channel_t *channel)
{
    int32_t id = sctp_channel_id(channel);
    if (id >= 0 && !sctp_is_described(transport_sctp(connection->transport), id))
        jsep_remove_data_channel(connection->jsep, (uint16_t)id);
}

void connection_close_channel(connection_t *connection, peer_time_t now, sctp_channel_t *channel)
{
    connection->now = now;
    sctp_channel_close(channel, now);
    forget_described(connection, channel);
}

static void route_sctp(connection_t *connection, const sctp_output_t *sctp)
{
    static const connection_event_type_t types[] = {
        [SCTP_OUTPUT_CHANNEL_OPEN] = CONNECTION_EVENT_CHANNEL_OPEN,   [SCTP_OUTPUT_CHANNEL_HANDED] = CONNECTION_EVENT_CHANNEL_HANDED,
        [SCTP_OUTPUT_CHANNEL_ROOM] = CONNECTION_EVENT_CHANNEL_ROOM,   [SCTP_OUTPUT_CHANNEL_CLOSING] = CONNECTION_EVENT_CHANNEL_CLOSING,
        [SCTP_OUTPUT_CHANNEL_ERROR] = CONNECTION_EVENT_CHANNEL_ERROR, [SCTP_OUTPUT_CHANNEL_CLOSED] = CONNECTION_EVENT_CHANNEL_CLOSED,
    };
    connection_event_t *event;
    switch (sctp->type) {
    case SCTP_OUTPUT_CHANNEL_ANNOUNCED: /* W3C WebRTC §6.1.1 "announce as open": datachannel, then open */
        event = event_new(connection, CONNECTION_EVENT_DATA_CHANNEL);
        if (event != NULL)
            event->channel = sctp->channel;
        event = event_new(connection, CONNECTION_EVENT_CHANNEL_OPEN);
        break;
    case SCTP_OUTPUT_MESSAGE:
        event = event_new(connection, CONNECTION_EVENT_CHANNEL_MESSAGE);
        if (event == NULL) {
            connection_consumed(connection, connection->now, sctp->message != NULL ? sctp->message->length : 0);
            blob_unref(sctp->message);
            return;
        }
        event->channel_message.message = sctp->message;
        event->channel_message.part = sctp->part;
        event->channel_message.is_text = sctp->is_text;
        break;
    case SCTP_OUTPUT_CHANNEL_OPEN:
    case SCTP_OUTPUT_CHANNEL_HANDED:
    case SCTP_OUTPUT_CHANNEL_ROOM:
    case SCTP_OUTPUT_CHANNEL_CLOSING:
    case SCTP_OUTPUT_CHANNEL_ERROR:
    case SCTP_OUTPUT_CHANNEL_CLOSED:
        if (sctp->type == SCTP_OUTPUT_CHANNEL_CLOSING || sctp->type == SCTP_OUTPUT_CHANNEL_CLOSED)
            forget_described(connection, sctp->channel);
        event = event_new(connection, types[sctp->type]);
        if (event != NULL && sctp->type == SCTP_OUTPUT_CHANNEL_ERROR) {
            event->text = memory_string(sctp->text);
            event->channel_error.cause_code = sctp->cause_code;
            event->channel_error.is_of_association = sctp->is_of_association;
        }
        break;
    case SCTP_OUTPUT_CONNECTED:
        LOG_INFO("connection", connection->number, "SCTP is connected");
        event_state(connection, CONNECTION_EVENT_SCTP_STATE, SCTP_STATE_CONNECTED);
        return;
    case SCTP_OUTPUT_CLOSED:
        LOG_INFO("connection", connection->number, "SCTP is closed%s%s", sctp->error != 0 ? ": " : "", sctp->error != 0 ? sctp->text : "");
        event_state(connection, CONNECTION_EVENT_SCTP_STATE, SCTP_STATE_CLOSED);
        return;
    default:
        return;
    }
    if (event != NULL)
        event->channel = sctp->channel;
}

static bool route(connection_t *connection, transport_output_t *transport, output_t *output)
{
    switch (transport->type) {
    case TRANSPORT_OUTPUT_SEND:
        return put_packet(output, transport->packet);
    case TRANSPORT_OUTPUT_ICE:
        return route_ice(connection, &transport->ice, output);
    case TRANSPORT_OUTPUT_RTP:
        media_session_input_rtp(connection->media, connection->now, transport->packet);
        packet_unref(transport->packet);
        return false;
    case TRANSPORT_OUTPUT_RTCP:
        media_session_input_rtcp(connection->media, connection->now, transport->packet);
        packet_unref(transport->packet);
        return false;
    case TRANSPORT_OUTPUT_DTLS_STATE:
        on_dtls_state(connection, transport->dtls_state, &transport->dtls_failure);
        return false;
    case TRANSPORT_OUTPUT_SCTP:
        route_sctp(connection, &transport->sctp);
        return false;
    }
    return false;
}

bool connection_poll(connection_t *connection, output_t *output)
{
    transport_output_t transport;
    media_output_t media;
    bool is_more = true;
    while (is_more) {
        while (transport_poll(connection->transport, connection->now, &transport))
            if (route(connection, &transport, output))
                return true;
        follow_dtls_state(connection);
        /* What the media session sends goes back into the transport: once more around. */
        is_more = false;
        while (media_session_poll(connection->media, &media)) {
            streams_route(connection, &media);
            is_more = true;
        }
    }
    if (connection->ended_ssrc_count > 0)
        streams_forget_ssrcs(connection);
    connection_event_t *event = event_pop(connection);
    while (event != NULL && event->type == CONNECTION_EVENT_NEGOTIATION_NEEDED && !check_negotiation_needed(connection, event)) {
        connection_event_free(event);
        event = event_pop(connection);
    }
    if (event == NULL)
        return false;
    output->type = OUTPUT_EVENT;
    output->event = event;
    return true;
}

void connection_close(connection_t *connection, peer_time_t now)
{
    if (connection->is_closed)
        return;
    connection->now = now;
    media_session_close(connection->media, now);
    media_output_t media;
    while (media_session_poll(connection->media, &media))
        streams_route(connection, &media);
    transport_close(connection->transport, now);
    connection->is_closed = true;
    connection->state = CONNECTION_STATE_CLOSED;
    jsep_close(connection->jsep);
}

sctp_t *connection_sctp(connection_t *connection)
{
    return transport_sctp(connection->transport);
}

static bool offers_data(const sdp_t *description)
{
    for (size_t i = 0; description != NULL && i < description->media_count; i++)
        if (text_equal_ignore_case(description->media[i].type, "application") &&
            (description->media[i].port != 0 || description->media[i].bundle_only))
            return true;
    return false;
}

bool connection_has_data(const connection_t *connection)
{
    return connection->has_data || offers_data(jsep_description_sdp(connection->jsep, JSEP_PENDING_LOCAL)) ||
           offers_data(jsep_description_sdp(connection->jsep, JSEP_PENDING_REMOTE));
}

void connection_consumed(connection_t *connection, peer_time_t now, size_t bytes)
{
    sctp_consumed(transport_sctp(connection->transport), now, bytes);
}

sctp_channel_t *connection_open_channel(connection_t *connection, peer_time_t now, const sctp_channel_options_t *options, int *error)
{
    connection->now = now;
    sctp_channel_t *channel = sctp_open(transport_sctp(connection->transport), now, options);
    if (channel == NULL) {
        *error = peer_last_error_code();
        return NULL;
    }
    if (options->is_described) {
        *error = describe_channel(connection, channel);
        if (*error < 0) {
            sctp_channel_release(channel, now);
            return NULL;
        }
    }
    if (jsep_want_data(connection->jsep) == 0)
        update_negotiation_needed(connection);
    return channel;
}

static void show_packet(void *context, transport_tap_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *data, size_t length)
{
    connection_t *connection = context;
    static const connection_packet_kind_t kinds[] = {CONNECTION_PACKET_RTP, CONNECTION_PACKET_RTCP, CONNECTION_PACKET_SCTP};
    if (connection->tap != NULL)
        connection->tap(connection->tap_context, kinds[kind], is_outgoing, now, data, length);
}

void connection_set_tap(connection_t *connection, connection_tap_t tap, void *context)
{
    connection->tap = tap;
    connection->tap_context = context;
    transport_set_tap(connection->transport, tap != NULL ? show_packet : NULL, connection);
}
