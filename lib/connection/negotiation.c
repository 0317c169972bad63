/* Carries out what descriptions mean: the effects that jsep gives, in their order. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* ---- the transport ---- */

static size_t convert_fingerprints(const jsep_transport_t *transport, fingerprint_t fingerprints[FINGERPRINTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < transport->remote_fingerprint_count && count < FINGERPRINTS_MAX; i++) {
        const sdp_fingerprint_t *given = &transport->remote_fingerprints[i];
        fingerprint_t *fingerprint = &fingerprints[count];
        if (!fingerprint_hash_parse(&fingerprint->hash, given->algorithm) || given->length > sizeof fingerprint->bytes)
            continue; /* RFC 8122 §5: a hash we do not understand does not count */
        memcpy(fingerprint->bytes, given->bytes, given->length);
        fingerprint->length = given->length;
        count++;
    }
    return count;
}

/* W3C WebRTC §4.4.2 addIceCandidate, "administratively prohibited": the bad ports of the Fetch standard (§2.9). */
static bool is_prohibited(uint16_t port)
{
    static const uint16_t ports[] = {0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,   37,   42,   43,
                                     53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,  110,  111,  113,  115,  117,  119,
                                     123,  135,  137,  139,  143,  161,  179,  389,  427,  465,  512,  513,  514,  515,  526,  530,  531,
                                     532,  540,  548,  554,  556,  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049,
                                     3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080};
    size_t i = 0;
    while (i < sizeof ports / sizeof *ports && ports[i] != port)
        i++;
    return i < sizeof ports / sizeof *ports;
}

static void add_remote_candidate(connection_t *connection, const sdp_candidate_t *given)
{
    ice_candidate_t candidate = {.component = (uint16_t)given->component, .priority = given->priority};
    if (given->type == SDP_CANDIDATE_OTHER || (!given->is_udp && !given->is_tcp))
        return;                                                             /* RFC 8839 §5.1: what is not understood is ignored */
    bool is_active = given->is_tcp && given->tcptype == SDP_TCPTYPE_ACTIVE; /* nobody connects to it: its port says nothing */
    if (!is_active && is_prohibited(given->port))
        return; /* as if nobody answered there */
    snprintf(candidate.foundation, sizeof candidate.foundation, "%s", given->foundation);
    candidate.protocol = given->is_tcp ? TRANSPORT_TCP : TRANSPORT_UDP;
    candidate.type = (uint8_t)(given->type - SDP_CANDIDATE_HOST);
    candidate.tcp_type = (uint8_t)given->tcptype;
    if (!address_parse(&candidate.address, given->address, given->port)) {
        candidate.host_name = given->address;
        candidate.address.port = given->port;
    }
    if (given->related_address != NULL && !address_parse(&candidate.related, given->related_address, given->related_port))
        candidate.related = (address_t){0};
    candidate.ufrag = sdp_candidate_extension(given, "ufrag");
    if (ice_agent_add_remote_candidate(transport_ice(connection->transport), connection->now, &candidate) < 0)
        LOG_WARNING("connection", connection->number, "candidate not taken: %s", peer_last_error_message());
}

/* What the remote description holds by now, trickled ones included: a restarted agent has forgotten it. */
static void add_described_candidates(connection_t *connection)
{
    const sdp_t *remote = jsep_description_sdp(connection->jsep, JSEP_PENDING_REMOTE);
    if (remote == NULL)
        remote = jsep_description_sdp(connection->jsep, JSEP_CURRENT_REMOTE);
    const char *ufrag = remote != NULL && remote->media_count > 0 ? sdp_media_ice_ufrag(remote, &remote->media[0]) : NULL;
    bool is_end = false;
    for (size_t i = 0; ufrag != NULL && i < remote->media_count; i++) {
        const sdp_media_t *media = &remote->media[i];
        const char *own = sdp_media_ice_ufrag(remote, media);
        if (own == NULL || strcmp(own, ufrag) != 0)
            continue;
        for (size_t j = 0; j < media->candidate_count; j++)
            add_remote_candidate(connection, &media->candidates[j]);
        is_end |= sdp_media_end_of_candidates(remote, media);
    }
    if (is_end)
        ice_agent_end_of_remote_candidates(transport_ice(connection->transport), connection->now);
}

static bool restart_agent(connection_t *connection, const jsep_transport_t *transport)
{
    ice_parameters_t local = {0};
    snprintf(local.ufrag, sizeof local.ufrag, "%s", transport->local_ufrag);
    snprintf(local.password, sizeof local.password, "%s", transport->local_pwd);
    if (ice_agent_restart(transport_ice(connection->transport), connection->now, &local) < 0) {
        LOG_ERROR("connection", connection->number, "ICE is not restarted: %s", peer_last_error_message());
        return false;
    }
    return true;
}

/* The agent has the parameters of an offer that was replaced or rolled back before it was answered: that session will never be. */
static bool has_stale_remote(const connection_t *connection, const jsep_transport_t *transport)
{
    const ice_parameters_t *known = ice_agent_remote_parameters(transport_ice(connection->transport));
    jsep_state_t state = jsep_signaling_state(connection->jsep);
    return known != NULL && transport->remote_ufrag != NULL && state != JSEP_HAVE_LOCAL_OFFER && state != JSEP_HAVE_REMOTE_OFFER &&
           strcmp(known->ufrag, transport->remote_ufrag) != 0;
}

/* Our description has other credentials than the agent: a restart, or one taken back (RFC 9429 §5.7). */
static bool restart_if_new(connection_t *connection, const jsep_transport_t *transport)
{
    const ice_parameters_t *own = ice_agent_local_parameters(transport_ice(connection->transport));
    if (strcmp(own->ufrag, transport->local_ufrag) == 0 && strcmp(own->password, transport->local_pwd) == 0 &&
        !has_stale_remote(connection, transport))
        return false;
    return restart_agent(connection, transport);
}

/* True when the peer's parameters belong to this generation of ours. After a restart that the peer began, they wait for our answer; after
 * one that we began, those of the session before are not the new one's, and the peer's answer has them (RFC 8445 §9). */
static bool may_set_remote(const connection_t *connection, const jsep_transport_t *transport)
{
    const ice_parameters_t *known = ice_agent_remote_parameters(transport_ice(connection->transport));
    if (known == NULL && jsep_signaling_state(connection->jsep) == JSEP_HAVE_LOCAL_OFFER)
        return false;
    return transport->remote_ufrag != NULL && transport->remote_pwd != NULL &&
           (known == NULL || (strcmp(known->ufrag, transport->remote_ufrag) == 0 && strcmp(known->password, transport->remote_pwd) == 0));
}

/* Another peer, or none, is behind the transport from now on. */
static void renew_transport(connection_t *connection)
{
    if (transport_renew(connection->transport, connection->now) < 0)
        LOG_ERROR("connection", connection->number, "the transport does not begin anew: %s", peer_last_error_message());
    connection->renews_transport = false;
    connection->is_gathering = false;
    connection->described = (ice_parameters_t){0};
    drop_held_candidates(connection);
}

static void apply_transport(connection_t *connection, const jsep_transport_t *transport)
{
    ice_agent_t *ice = transport_ice(connection->transport);
    peer_time_t now = connection->now;
    bool is_restarted = false;
    connection->renews_transport |= transport->is_dtls_new && dtls_state(transport_dtls(connection->transport)) != DTLS_STATE_NEW;
    if (connection->renews_transport && transport->dtls_role != JSEP_DTLS_UNKNOWN) /* with the answer; an offer may be rolled back */
        renew_transport(connection);
    connection->has_ice_role = true;
    ice_agent_set_controlling(ice, now, transport->is_controlling); /* not only at first: who rolls his offer back becomes the answerer */
    if (transport->local_ufrag != NULL && transport->local_pwd != NULL) {
        is_restarted = restart_if_new(connection, transport);
        if (is_restarted) {
            drop_held_candidates(connection);
            connection->repeats_gathering = connection->ice_gathering_state == ICE_GATHERING_COMPLETE &&
                                            jsep_local_candidates_ended(connection->jsep, transport->local_ufrag);
        }
        if (!connection->is_gathering || is_restarted)
            ice_agent_gather(ice, now);
        connection->is_gathering = true;
    }
    connection->peer_renominates = transport->remote_renominates;
    ice_agent_set_remote_renomination(ice, transport->remote_renominates);
    snprintf(connection->described.ufrag, sizeof connection->described.ufrag, "%s",
             transport->remote_ufrag != NULL ? transport->remote_ufrag : "");
    snprintf(connection->described.password, sizeof connection->described.password, "%s",
             transport->remote_pwd != NULL ? transport->remote_pwd : "");
    connection->described.is_lite = transport->remote_is_lite;
    if (may_set_remote(connection, transport) &&
        ice_agent_set_remote_parameters(ice, now, transport->remote_ufrag, transport->remote_pwd, transport->remote_is_lite) < 0)
        LOG_ERROR("connection", connection->number, "the peer's ICE parameters are not taken: %s", peer_last_error_message());
    if ((is_restarted || connection->has_forgotten_peer) && ice_agent_remote_parameters(ice) != NULL) {
        add_described_candidates(connection);
        connection->has_forgotten_peer = false;
    }
    if (transport->dtls_role == JSEP_DTLS_UNKNOWN)
        return;
    fingerprint_t fingerprints[FINGERPRINTS_MAX];
    size_t count = convert_fingerprints(transport, fingerprints);
    if (transport_set_remote_dtls(connection->transport, now, fingerprints, count, transport->dtls_role == JSEP_DTLS_CLIENT) < 0)
        LOG_ERROR("connection", connection->number, "the peer's fingerprints are not taken: %s", peer_last_error_message());
}

/* ---- effects ---- */

static void remember(transceiver_t *transceiver)
{
    const jsep_transceiver_t *jsep = transceiver->jsep;
    if (jsep == NULL) /* an effect of the same plan has removed it */
        return;
    if (jsep->mid != NULL)
        snprintf(transceiver->mid, sizeof transceiver->mid, "%s", jsep->mid);
    snprintf(transceiver->remote_track, sizeof transceiver->remote_track, "%s", jsep->receiver_track != NULL ? jsep->receiver_track : "");
}

static void tell_track(connection_t *connection, transceiver_t *transceiver, const jsep_stream_ids_t *streams)
{
    connection_event_t *event = event_transceiver(connection, CONNECTION_EVENT_TRACK, transceiver);
    if (event == NULL)
        return;
    for (size_t i = 0; i < streams->count && event->streams.count < CONNECTION_STREAMS_MAX; i++) {
        char *id = memory_string(streams->ids[i]);
        if (id != NULL)
            event->streams.ids[event->streams.count++] = id;
    }
}

static void tell_stream(connection_t *connection, connection_event_type_t type, transceiver_t *transceiver, const char *stream)
{
    char *id = memory_string(stream);
    connection_event_t *event = id != NULL ? event_transceiver(connection, type, transceiver) : NULL;
    if (event != NULL)
        event->text = id;
    else
        memory_free(id);
}

/* The remote side's INIT chunk in base64 (draft-hancke-tsvwg-snap); one that is no good is as none. */
static void read_sctp_init(connection_t *connection, const char *base64)
{
    uint8_t init[SCTP_INIT_ENCODED_MAX / 4 * 3];
    size_t length = strlen(base64);
    if (length > SCTP_INIT_ENCODED_MAX)
        return;
    int decoded = EVP_DecodeBlock(init, (const unsigned char *)base64, (int)length);
    for (size_t i = length; decoded > 0 && i > 0 && base64[i - 1] == '='; i--)
        decoded--; /* padding is decoded too */
    if (decoded > 0)
        sctp_set_remote_init(transport_sctp(connection->transport), init, (size_t)decoded);
}

/* ---- data channels in the description (RFC 8864) ---- */

int describe_channel(connection_t *connection, const sctp_channel_t *channel)
{
    sdp_dcmap_t map = {.stream = (uint16_t)sctp_channel_id(channel),
                       .label = sctp_channel_label(channel),
                       .subprotocol = sctp_channel_protocol(channel),
                       .is_unordered = !sctp_channel_is_ordered(channel),
                       .max_retr = sctp_channel_max_retransmits(channel),
                       .max_time = sctp_channel_max_packet_life_time_ms(channel),
                       .priority = sctp_channel_priority(channel)};
    return jsep_add_data_channel(connection->jsep, &map, false);
}

static int32_t limit_of(int64_t described)
{
    return described > UINT16_MAX ? UINT16_MAX : (int32_t)described;
}

static sctp_channel_options_t options_of(const sdp_dcmap_t *map)
{
    return (sctp_channel_options_t){.label = map->label,
                                    .protocol = map->subprotocol,
                                    .is_unordered = map->is_unordered,
                                    .max_retransmits = limit_of(map->max_retr),
                                    .max_packet_life_time_ms = limit_of(map->max_time),
                                    .is_negotiated = true,
                                    .id = map->stream,
                                    .priority = map->priority,
                                    .is_described = true};
}

bool takes_channel(void *context, const sdp_dcmap_t *map)
{
    const connection_t *connection = context;
    sctp_channel_options_t options = options_of(map);
    return sctp_check_agree(transport_sctp(connection->transport), &options) == 0;
}

static void apply_channels(connection_t *connection, const jsep_data_t *data)
{
    sctp_t *sctp = transport_sctp(connection->transport);
    for (size_t i = 0; i < data->ended_count; i++) {
        jsep_remove_data_channel(connection->jsep, data->ended[i]);
        sctp_withdraw(sctp, connection->now, data->ended[i]);
    }
    for (size_t i = 0; i < data->channel_count; i++) {
        sctp_channel_options_t options = options_of(&data->channels[i]);
        if (sctp_agree(sctp, connection->now, &options) < 0 || jsep_add_data_channel(connection->jsep, &data->channels[i], true) < 0)
            LOG_WARNING("connection", connection->number, "described data channel %d: %s", options.id, peer_last_error_message());
    }
}

static void apply_data(connection_t *connection, const jsep_data_t *data)
{
    connection->has_data = true;
    if (data->remote_sctp_init != NULL)
        read_sctp_init(connection, data->remote_sctp_init);
    transport_enable_sctp(connection->transport, connection->now, data->remote_port,
                          data->remote_max_message_size > SIZE_MAX ? SIZE_MAX : (size_t)data->remote_max_message_size);
}

static void carry_out(connection_t *connection, const jsep_effect_t *effect)
{
    transceiver_t *transceiver = effect->transceiver != NULL ? transceiver_of(connection, effect->transceiver) : NULL;
    if (effect->transceiver != NULL && transceiver == NULL) {
        LOG_ERROR("connection", connection->number, "memory ran out for a transceiver");
        return;
    }
    if (transceiver != NULL)
        remember(transceiver);
    switch (effect->type) {
    case JSEP_EFFECT_TRANSPORT:
        apply_transport(connection, effect->transport);
        break;
    case JSEP_EFFECT_MEDIA:
        if (transceiver->jsep != NULL)
            streams_apply(transceiver, connection->now);
        break;
    case JSEP_EFFECT_DATA:
        apply_data(connection, effect->data);
        break;
    case JSEP_EFFECT_DATA_REJECTED:
        sctp_terminate(transport_sctp(connection->transport), connection->now);
        break;
    case JSEP_EFFECT_CANDIDATE:
        add_remote_candidate(connection, effect->candidate);
        break;
    case JSEP_EFFECT_END_OF_CANDIDATES:
        ice_agent_end_of_remote_candidates(transport_ice(connection->transport), connection->now);
        break;
    case JSEP_EFFECT_TRANSCEIVER_STOPPED:
        streams_remove(transceiver, connection->now);
        break;
    case JSEP_EFFECT_TRANSPORT_CLOSED:
        renew_transport(connection);
        connection->ice_gathering_state = ICE_GATHERING_NEW;
        event_state(connection, CONNECTION_EVENT_ICE_GATHERING_STATE, ICE_GATHERING_NEW);
        update_state(connection);
        break;
    case JSEP_EFFECT_TRANSCEIVER_REMOVED:
        streams_remove(transceiver, connection->now);
        break;
    case JSEP_EFFECT_SIGNALING_STATE:
        event_state(connection, CONNECTION_EVENT_SIGNALING_STATE, (int32_t)effect->state);
        break;
    case JSEP_EFFECT_TRACK_MUTED:
        event_transceiver(connection, CONNECTION_EVENT_TRACK_MUTED, transceiver);
        break;
    case JSEP_EFFECT_STREAM_TRACK_REMOVED:
        tell_stream(connection, CONNECTION_EVENT_STREAM_TRACK_REMOVED, transceiver, effect->stream);
        break;
    case JSEP_EFFECT_STREAM_TRACK_ADDED:
        tell_stream(connection, CONNECTION_EVENT_STREAM_TRACK_ADDED, transceiver, effect->stream);
        break;
    case JSEP_EFFECT_TRACK:
        tell_track(connection, transceiver, &effect->streams);
        break;
    case JSEP_EFFECT_TRANSCEIVER_CREATED:
    case JSEP_EFFECT_CURRENT_DIRECTION:
    case JSEP_EFFECT_MLINE_REJECTED:
        break;
    }
}

static int check_open(const connection_t *connection)
{
    return connection->is_closed ? error_set(PEER_ERROR_INVALID_STATE, "the connection is closed") : 0;
}

/* What jsep cannot know: whether DTLS can still take the peer's fingerprints (RFC 8842 §4). Asked before anything has changed. */
static int check_effects(const connection_t *connection, const jsep_effect_t *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const jsep_transport_t *transport = effects[i].type == JSEP_EFFECT_TRANSPORT ? effects[i].transport : NULL;
        if (transport == NULL || transport->remote_fingerprint_count == 0)
            continue;
        fingerprint_t fingerprints[FINGERPRINTS_MAX];
        size_t fingerprint_count = convert_fingerprints(transport, fingerprints);
        if (fingerprint_count > 0 && (transport->is_dtls_new || connection->renews_transport))
            continue; /* they are another association's */
        int error = dtls_check_remote_fingerprints(transport_dtls(connection->transport), fingerprints, fingerprint_count);
        if (error < 0)
            return error;
    }
    return 0;
}

/* A peer that answers a restart with the credentials it had (RFC 8839 §4.4.3 forbids it, some lite servers do it) still means this session.
 */
static void keep_remote(connection_t *connection)
{
    ice_agent_t *ice = transport_ice(connection->transport);
    const ice_parameters_t *described = &connection->described;
    if (jsep_signaling_state(connection->jsep) != JSEP_STABLE || ice_agent_remote_parameters(ice) != NULL || described->ufrag[0] == '\0' ||
        described->password[0] == '\0')
        return;
    if (ice_agent_set_remote_parameters(ice, connection->now, described->ufrag, described->password, described->is_lite) == 0)
        add_described_candidates(connection);
}

/* W3C Media Capture and Streams §4.3.1: a track ends in a task of its own, so after all else that the description brings. */
static void finish_transceivers(connection_t *connection, const jsep_effect_t *effects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (effects[i].type == JSEP_EFFECT_TRANSCEIVER_STOPPED)
            end_track(effects[i].transceiver->user);
    for (size_t i = 0; i < count; i++)
        if (effects[i].type == JSEP_EFFECT_TRANSCEIVER_REMOVED && effects[i].transceiver->user != NULL)
            transceiver_remove(effects[i].transceiver->user, effects[i].mline_index >= 0);
}

static int set_description(connection_t *connection, peer_time_t now, jsep_side_t side, const jsep_description_t *description)
{
    jsep_plan_t *plan;
    int error = check_open(connection);
    if (error == 0)
        error = jsep_plan(connection->jsep, side, description, &plan);
    if (error < 0)
        return error;
    size_t count;
    jsep_state_t before = jsep_signaling_state(connection->jsep);
    const jsep_effect_t *effects = jsep_plan_effects(plan, &count);
    error = check_effects(connection, effects, count);
    if (error < 0) {
        jsep_plan_free(plan);
        return error;
    }
    connection->now = now;
    jsep_apply(connection->jsep, plan);
    if (description != NULL && description->type == JSEP_ROLLBACK)
        connection->renews_transport = false; /* who offered to begin anew has not been answered */
    for (size_t i = 0; i < count; i++)        /* before the DTLS role gives our other channels their ids */
        if (effects[i].type == JSEP_EFFECT_DATA)
            apply_channels(connection, effects[i].data);
    for (size_t i = 0; i < count; i++)
        carry_out(connection, &effects[i]);
    finish_transceivers(connection, effects, count);
    jsep_plan_free(plan);
    for (size_t i = 0; i < connection->transceiver_count; i++) /* remote offers and rollbacks change what is to be sent */
        encodings_update(connection->transceivers[i]);
    follow_transports(connection, side, description, before);
    keep_remote(connection);
    if (description != NULL && description->type == JSEP_ROLLBACK)
        untell_candidates(connection);
    tell_held_candidates(connection);
    sending_tell(connection);
    streams_unmute(connection);
    if (jsep_signaling_state(connection->jsep) == JSEP_STABLE)
        connection->renews_transport = false;
    if (jsep_signaling_state(connection->jsep) == JSEP_STABLE) { /* W3C §4.4.1.5: cleared, then checked anew */
        connection->is_negotiation_needed = false;
        update_negotiation_needed(connection);
    }
    return 0;
}

int connection_set_local_description(connection_t *connection, peer_time_t now, connection_sdp_type_t type, const char *sdp)
{
    jsep_description_t description = {.type = (jsep_type_t)type, .sdp = sdp, .length = sdp != NULL ? strlen(sdp) : 0};
    return set_description(connection, now, JSEP_LOCAL, &description);
}

int connection_set_local_description_implicitly(connection_t *connection, peer_time_t now)
{
    return set_description(connection, now, JSEP_LOCAL, NULL);
}

int connection_set_remote_description(connection_t *connection, peer_time_t now, connection_sdp_type_t type, const char *sdp)
{
    jsep_description_t description = {.type = (jsep_type_t)type, .sdp = sdp, .length = sdp != NULL ? strlen(sdp) : 0};
    return set_description(connection, now, JSEP_REMOTE, &description);
}

static int take_text(int error, text_t *text, char **sdp)
{
    if (error < 0) {
        text_clear(text);
        return error;
    }
    *sdp = text_take(text);
    return *sdp != NULL ? 0 : error_no_memory();
}

/* W3C §4.4.3, the legacy offerToReceiveAudio and offerToReceiveVideo, for one of them. */
static int offer_to_receive(connection_t *connection, jsep_kind_t kind, bool wanted)
{
    size_t count;
    bool is_receiving = false;
    jsep_transceiver_t *const *transceivers = jsep_transceivers(connection->jsep, &count);
    for (size_t i = 0; i < count; i++) {
        jsep_transceiver_t *t = transceivers[i];
        bool is_of_it = t->kind == kind && !t->is_stopping && !t->is_stopped && (t->direction & SDP_RECVONLY) != 0;
        is_receiving |= is_of_it;
        if (is_of_it && !wanted)
            jsep_set_direction(connection->jsep, t, (sdp_direction_t)(t->direction & ~SDP_RECVONLY));
    }
    if (!wanted || is_receiving)
        return 0;
    jsep_transceiver_t *made;
    int error = jsep_add_transceiver(connection->jsep, kind, &(jsep_transceiver_init_t){.direction = SDP_RECVONLY}, &made);
    return error == 0 && transceiver_of(connection, made) == NULL ? error_no_memory() : error;
}

int connection_create_offer(connection_t *connection, peer_time_t now, const connection_offer_options_t *options, char **sdp)
{
    text_t text = {0};
    jsep_offer_options_t jsep_options = {.ice_restart = options != NULL && options->ice_restart};
    int error = check_open(connection);
    connection->now = now;
    for (int kind = CONNECTION_AUDIO; error == 0 && options != NULL && kind <= CONNECTION_VIDEO; kind++)
        if (options->offer_to_receive[kind] >= 0)
            error = offer_to_receive(connection, kind == CONNECTION_VIDEO ? JSEP_VIDEO : JSEP_AUDIO, options->offer_to_receive[kind] != 0);
    return error < 0 ? error : take_text(jsep_create_offer(connection->jsep, &jsep_options, &text), &text, sdp);
}

int connection_create_answer(connection_t *connection, peer_time_t now, char **sdp)
{
    text_t text = {0};
    connection->now = now;
    return take_text(jsep_create_answer(connection->jsep, &text), &text, sdp);
}

int connection_description(const connection_t *connection, connection_which_t which, connection_sdp_type_t *type, char **sdp)
{
    static const jsep_which_t names[] = {JSEP_CURRENT_LOCAL, JSEP_PENDING_LOCAL, JSEP_CURRENT_REMOTE, JSEP_PENDING_REMOTE};
    text_t text = {0};
    jsep_type_t found;
    if (!jsep_description_write(connection->jsep, names[which], &found, &text))
        return 0;
    int error = take_text(0, &text, sdp);
    *type = (connection_sdp_type_t)found;
    return error < 0 ? error : 1;
}

int connection_local_description(const connection_t *connection, connection_sdp_type_t *type, char **sdp)
{
    int result = connection_description(connection, CONNECTION_PENDING_LOCAL, type, sdp);
    return result != 0 ? result : connection_description(connection, CONNECTION_CURRENT_LOCAL, type, sdp);
}

int connection_remote_description(const connection_t *connection, connection_sdp_type_t *type, char **sdp)
{
    int result = connection_description(connection, CONNECTION_PENDING_REMOTE, type, sdp);
    return result != 0 ? result : connection_description(connection, CONNECTION_CURRENT_REMOTE, type, sdp);
}

int32_t connection_can_trickle(const connection_t *connection)
{
    return jsep_can_trickle(connection->jsep);
}

int connection_restart_ice(connection_t *connection, peer_time_t now)
{
    int error = check_open(connection);
    if (error < 0)
        return error;
    connection->now = now;
    jsep_restart_ice(connection->jsep);
    update_negotiation_needed(connection);
    return 0;
}

int connection_add_ice_candidate(connection_t *connection, peer_time_t now, const char *text, const char *mid, int32_t mline_index,
                                 const char *ufrag)
{
    sdp_candidate_t *candidate = NULL;
    bool is_end = false;
    int error = check_open(connection);
    if (error == 0)
        error = jsep_add_remote_candidate(connection->jsep, text, mid, mline_index, ufrag, &candidate, &is_end);
    if (error < 0)
        return error;
    connection->now = now;
    if (candidate != NULL)
        add_remote_candidate(connection, candidate);
    if (is_end)
        ice_agent_end_of_remote_candidates(transport_ice(connection->transport), now);
    memory_free(candidate);
    return 0;
}
