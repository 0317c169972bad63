#include "sim.h"

#include "base/error.h"
#include "base/memory.h"
#include "connection/internal.h"
#include "sim_media.h"
#include "virtual_random.h"
#include "virtual_time.h"

#include <peer/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct signal_message {
    struct signal_message *next;
    peer_time_t arrival;
    int to;
    bool is_candidate;
    int32_t type;
    char *text; /* SDP or candidate; NULL: end of candidates */
    char *mid;
    int32_t mline_index;
    char *ufrag;
} signal_message_t;

struct sim {
    sim_options_t options;
    peer_time_t now;
    packet_pool_t *pool;
    network_t *network;
    names_t *names;
    random_seeded_t generator;
    sim_peer_t peers[2];
    certificate_t *certificates[2];
    signal_message_t *first_signal, *last_signal;
};

sim_peer_t *sim_peer(sim_t *sim, int index)
{
    return &sim->peers[index];
}

network_t *sim_network(sim_t *sim)
{
    return sim->network;
}

peer_time_t sim_now(const sim_t *sim)
{
    return sim->now;
}

names_t *sim_names(sim_t *sim)
{
    return sim->names;
}

static void new_peer(sim_t *sim, int index)
{
    static const connection_codec_t codecs[] = {{CONNECTION_AUDIO, "opus", 48000, 2, "minptime=10;useinbandfec=1"},
                                                {CONNECTION_AUDIO, "PCMU", 8000, 1, NULL},
                                                {CONNECTION_VIDEO, "VP8", 90000, 0, NULL}},
                                    in_vp9[] = {{CONNECTION_VIDEO, "VP9", 90000, 0, "profile-id=0"}};
    sim_peer_t *peer = &sim->peers[index];
    const sim_peer_options_t *options = &sim->options.peers[index];
    random_source_t random = random_seeded_source(&sim->generator);
    *peer = (sim_peer_t){.sim = sim, .index = index, .is_polite = index == 1};
    certificate_generate(&sim->certificates[index], CERTIFICATE_ECDSA_P256, 1700000000, 0, &random);
    connection_config_t config = {.random = random,
                                  .pool = sim->pool,
                                  .certificate = sim->certificates[index],
                                  .codecs = sim->options.is_in_vp9 ? in_vp9 : codecs,
                                  .codec_count = sim->options.is_in_vp9 ? 1 : sizeof codecs / sizeof *codecs,
                                  .servers = options->servers,
                                  .server_count = options->server_count,
                                  .ice_policy = options->policy,
                                  .ice_tcp_policy = options->tcp_policy,
                                  .is_ice_lite = options->is_lite,
                                  .hides_addresses = options->hides_addresses,
                                  .wants_port_mapping = options->wants_port_mapping,
                                  .number = (uint32_t)index + 1};
    peer->connection = connection_new(&config);
    if (peer->connection == NULL)
        abort();
    peer->host = host_new(sim->network, sim->names, peer->connection);
    host_set_listens(peer->host, options->tcp_policy == ICE_TCP_POLICY_ALL);
    if (options->has_no_interface)
        return;
    network_place_t place = {.address = address_ipv4(192, 0, 2, (uint8_t)(index + 1), (uint16_t)(5000 + index))};
    sim_add_interface(peer, &place, NETWORK_ETHERNET);
    address_parse(&place.address, index == 0 ? "2001:db8::1" : "2001:db8::2", (uint16_t)(6000 + index));
    if (sim->options.has_ipv6)
        sim_add_interface(peer, &place, NETWORK_ETHERNET);
}

size_t sim_add_interface(sim_peer_t *peer, const network_place_t *place, network_type_t type)
{
    return host_add_interface(peer->host, peer->sim->now, place, type);
}

void sim_remove_interface(sim_peer_t *peer, size_t interface)
{
    host_remove_interface(peer->host, peer->sim->now, interface);
}

address_t sim_address(const sim_peer_t *peer)
{
    address_t address = {0};
    host_socket(peer->host, 0, &address);
    return address;
}

static void print_log(int32_t level, const char *module, uint32_t connection, const char *message, void *user)
{
    printf("# %.6f %u %s: %s\n", (double)virtual_time_now() / 1e6, connection, module, message);
}

sim_t *sim_new(const sim_options_t *options)
{
    sim_t *sim = calloc(1, sizeof *sim);
    if (getenv("SIM_LOG") != NULL)
        peer_log_set(PEER_LOG_DEBUG, print_log, NULL);
    sim->options = *options;
    sim->now = PEER_SECOND;
    virtual_time_set(sim->now);
    virtual_random_seed(options->seed);
    random_seeded_init(&sim->generator, options->seed ^ 0x5eed);
    sim->pool = packet_pool_new();
    sim->network = network_new(options->seed, sim->pool, &options->link);
    sim->names = names_new();
    new_peer(sim, 0);
    new_peer(sim, 1);
    return sim;
}

static void free_signal(signal_message_t *message)
{
    memory_free(message->text);
    memory_free(message->mid);
    memory_free(message->ufrag);
    free(message);
}

void sim_free(sim_t *sim)
{
    for (int i = 0; i < 2; i++) {
        connection_free(sim->peers[i].connection);
        host_free(sim->peers[i].host);
        certificate_unref(sim->certificates[i]);
    }
    while (sim->first_signal != NULL) {
        signal_message_t *message = sim->first_signal;
        sim->first_signal = message->next;
        free_signal(message);
    }
    network_free(sim->network);
    names_free(sim->names);
    if (packet_pool_outstanding(sim->pool) != 0) {
        fprintf(stderr, "%zu packets were not given back\n", packet_pool_outstanding(sim->pool));
        abort();
    }
    packet_pool_release(sim->pool);
    free(sim);
}

/* ---- signaling ---- */

static signal_message_t *signal_to_other(sim_peer_t *peer)
{
    sim_t *sim = peer->sim;
    signal_message_t *message = calloc(1, sizeof *message);
    message->to = 1 - peer->index;
    message->arrival = sim->now + sim->options.signaling_delay_us;
    if (sim->last_signal != NULL)
        sim->last_signal->next = message;
    else
        sim->first_signal = message;
    sim->last_signal = message;
    return message;
}

static void falsify(char *sdp, const char *attribute)
{
    for (char *line = strstr(sdp, attribute); line != NULL; line = strstr(line + 1, attribute)) {
        char *end = line + strcspn(line, "\r\n") - 1;
        *end = *end == 'A' ? 'B' : 'A';
    }
}

static void cut_out(char *sdp, const char *word)
{
    for (char *at; (at = strstr(sdp, word)) != NULL;)
        memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
}

static void tell_signal(const sim_peer_t *peer, const char *text)
{
    if (peer->sim->options.on_signal != NULL)
        peer->sim->options.on_signal(peer->sim->options.on_signal_user, peer, text);
}

static void signal_description(sim_peer_t *peer)
{
    connection_sdp_type_t type;
    char *sdp;
    peer->has_description_to_signal =
        peer->sim->options.is_patient && connection_ice_gathering_state(peer->connection) != (int32_t)ICE_GATHERING_COMPLETE;
    if (peer->has_description_to_signal)
        return;
    if (connection_local_description(peer->connection, &type, &sdp) <= 0)
        abort();
    if (peer->sim->options.wrong_fingerprint[peer->index])
        falsify(sdp, "a=fingerprint:");
    if (peer->sim->options.wrong_password[peer->index])
        falsify(sdp, "a=ice-pwd:");
    if (peer->sim->options.hides_renomination)
        cut_out(sdp, " renomination");
    signal_message_t *message = signal_to_other(peer);
    message->type = (int32_t)type;
    message->text = sdp;
    tell_signal(peer, sdp);
}

static void signal_candidate(sim_peer_t *peer, const connection_event_t *event)
{
    if (peer->has_description_to_signal)
        return; /* in which it will be */
    signal_message_t *message = signal_to_other(peer);
    message->is_candidate = true;
    message->text = memory_string(event->text);
    message->mid = memory_string(event->candidate.mid);
    message->mline_index = event->candidate.mline_index;
    message->ufrag = memory_string(event->candidate.ufrag);
    if (event->text != NULL)
        tell_signal(peer, event->text);
}

/* W3C WebRTC §10.7 */
static void on_signal(sim_peer_t *peer, const signal_message_t *message)
{
    if (peer->is_closed)
        return;
    if (message->is_candidate) {
        int error = connection_add_ice_candidate(peer->connection, peer->sim->now, message->text != NULL ? message->text : "", message->mid,
                                                 message->mline_index, message->ufrag);
        if (error < 0 && !peer->is_ignoring_offer && !peer->sim->options.is_disturbed) {
            fprintf(stderr, "candidate refused: %s\n", peer_last_error_message());
            abort();
        }
        return;
    }
    bool is_offer = message->type == CONNECTION_OFFER;
    bool is_collision = is_offer && connection_signaling_state(peer->connection) != CONNECTION_STABLE;
    peer->is_ignoring_offer = !peer->is_polite && is_collision;
    if (peer->is_ignoring_offer)
        return;
    if (connection_set_remote_description(peer->connection, peer->sim->now, (connection_sdp_type_t)message->type, message->text) < 0) {
        if (peer->sim->options.is_disturbed)
            return;
        fprintf(stderr, "description refused: %s\n%s", peer_last_error_message(), message->text);
        abort();
    }
    if (!is_offer)
        return;
    if (connection_set_local_description_implicitly(peer->connection, peer->sim->now) < 0) {
        if (peer->sim->options.is_disturbed)
            return;
        fprintf(stderr, "no answer: %s\n", peer_last_error_message());
        abort();
    }
    signal_description(peer);
}

/* ---- events and driving ---- */

static void on_event(sim_peer_t *peer, connection_event_t *event)
{
    peer_time_t now = peer->sim->now;
    peer->received.events++;
    if (peer->sim->options.on_event != NULL)
        peer->sim->options.on_event(peer->sim->options.on_event_user, peer, event);
    switch (event->type) {
    case CONNECTION_EVENT_NEGOTIATION_NEEDED:
        if (!connection_is_negotiation_needed(peer->connection) || peer->sim->options.is_manual)
            break;
        if (connection_set_local_description_implicitly(peer->connection, now) == 0)
            signal_description(peer);
        else if (!peer->sim->options.is_disturbed)
            abort();
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE:
        if (!peer->sim->options.is_manual)
            signal_candidate(peer, event);
        break;
    case CONNECTION_EVENT_SIGNALING_STATE:
        peer->signaling_state = event->state;
        break;
    case CONNECTION_EVENT_ICE_GATHERING_STATE:
        if (event->state == (int32_t)ICE_GATHERING_COMPLETE && peer->has_description_to_signal)
            signal_description(peer);
        break;
    case CONNECTION_EVENT_ICE_CONNECTION_STATE:
        peer->ice_state = event->state;
        break;
    case CONNECTION_EVENT_CONNECTION_STATE:
        peer->state = event->state;
        if (event->state == CONNECTION_STATE_CONNECTED && peer->connected_at == 0)
            peer->connected_at = now;
        break;
    case CONNECTION_EVENT_TRACK:
        peer->received.tracks++;
        break;
    case CONNECTION_EVENT_SENDER_CONFIGURED:
        if (event->transceiver == peer->video) {
            peer->sends_video = event->sender.count > 0 && event->sender.sendings[0].codec.name[0] != '\0';
            peer->key_wanted = true;
            peer->next_video = now;
        } else if (event->transceiver == peer->audio) {
            peer->sends_audio = event->sender.count > 0 && event->sender.sendings[0].codec.name[0] != '\0';
            peer->next_audio = now;
        }
        break;
    case CONNECTION_EVENT_TRANSCEIVER_REMOVED:
        if (event->transceiver == peer->video)
            peer->sends_video = false;
        else if (event->transceiver == peer->audio)
            peer->sends_audio = false;
        break;
    case CONNECTION_EVENT_KEY_FRAME_REQUESTED:
        peer->key_wanted = true;
        break;
    case CONNECTION_EVENT_FRAME:
        sim_media_on_frame(peer, event);
        break;
    case CONNECTION_EVENT_AUDIO_LOST:
        peer->received.audio_lost++;
        break;
    case CONNECTION_EVENT_RTP:
        peer->received.rtp++;
        break;
    case CONNECTION_EVENT_DATA_CHANNEL:
        peer->received.channels++;
        break;
    case CONNECTION_EVENT_CHANNEL_HANDED:
        sctp_channel_apply_handed(event->channel);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        connection_consumed(peer->connection, sim_now(peer->sim), event->channel_message.message->length);
        sim_data_on_message(peer, event);
        break;
    default:
        break;
    }
    connection_event_free(event);
}

static void poll(sim_peer_t *peer)
{
    output_t output;
    while (connection_poll(peer->connection, &output)) {
        if (output.type == OUTPUT_EVENT)
            on_event(peer, output.event);
        else
            host_do(peer->host, peer->sim->now, &output);
    }
}

void sim_add_media(sim_peer_t *peer, bool audio, bool video)
{
    if (audio && connection_add_track(peer->connection, peer->sim->now, CONNECTION_AUDIO, "audio-track", &(const char *){"stream"}, 1,
                                      &peer->audio) < 0)
        abort();
    if (video && connection_add_track(peer->connection, peer->sim->now, CONNECTION_VIDEO, "video-track", &(const char *){"stream"}, 1,
                                      &peer->video) < 0)
        abort();
}

void sim_add_data(sim_peer_t *peer, bool is_unordered, uint64_t count, size_t message_size)
{
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    int error;
    options.label = "data";
    options.is_unordered = is_unordered;
    peer->channel = connection_open_channel(peer->connection, peer->sim->now, &options, &error);
    if (peer->channel == NULL)
        abort();
    peer->to_send = count;
    peer->message_size = message_size;
    peer->is_unordered = is_unordered;
}

void sim_close(sim_peer_t *peer)
{
    connection_close(peer->connection, peer->sim->now);
    peer->is_closed = true;
    peer->sends_audio = peer->sends_video = false;
    peer->channel = NULL;
    poll(peer);
}

void sim_inject(sim_peer_t *to, const address_t *from, const void *data, size_t length)
{
    packet_t *packet = packet_new_copy(to->sim->pool, data, length);
    packet->path = (path_t){.remote = *from};
    packet->path.socket = host_socket(to->host, 0, &packet->path.local);
    packet->time = to->sim->now;
    connection_input(to->connection, to->sim->now, packet);
}

bool sim_is_connected(sim_t *sim)
{
    return sim->peers[0].state == CONNECTION_STATE_CONNECTED && sim->peers[1].state == CONNECTION_STATE_CONNECTED;
}

bool sim_selected(sim_peer_t *peer, ice_pair_stats_t *stats)
{
    const ice_agent_t *agent = transport_ice(peer->connection->transport);
    for (size_t i = 0; i < ice_agent_pair_count(agent); i++)
        if (ice_agent_pair_stats(agent, i, stats) && stats->is_selected)
            return true;
    return false;
}

sim_route_t sim_route(sim_peer_t *peer)
{
    ice_pair_stats_t pair;
    if (!sim_selected(peer, &pair))
        return SIM_NOWHERE;
    if (pair.local->type == ICE_CANDIDATE_RELAYED || pair.remote->type == ICE_CANDIDATE_RELAYED)
        return SIM_RELAYED;
    return pair.local->protocol == TRANSPORT_TCP ? SIM_DIRECT_TCP : SIM_DIRECT;
}

static peer_time_t next_step(const sim_t *sim)
{
    peer_time_t next = network_deadline(sim->network);
    if (sim->first_signal != NULL)
        next = time_earlier(next, sim->first_signal->arrival);
    for (int i = 0; i < 2; i++) {
        const sim_peer_t *peer = &sim->peers[i];
        next = time_earlier(next, connection_deadline(peer->connection));
        if (peer->sends_audio)
            next = time_earlier(next, peer->next_audio);
        if (peer->sends_video)
            next = time_earlier(next, peer->next_video);
    }
    return next;
}

bool sim_run(sim_t *sim, peer_time_t until, bool (*is_done)(sim_t *sim))
{
    int standing = 0; /* steps without time passing: something loops */
    for (;;) {
        for (int i = 0; i < 2; i++) {
            sim_media_send(&sim->peers[i]);
            sim_data_send(&sim->peers[i]);
            poll(&sim->peers[i]);
        }
        if (is_done != NULL && is_done(sim))
            return true;
        peer_time_t next = next_step(sim);
        if (next > until) {
            sim->now = until;
            virtual_time_set(until);
            return is_done == NULL;
        }
        if (next <= sim->now && ++standing > 100000) {
            fprintf(stderr, "time stands still at %lld us\n", (long long)sim->now);
            abort();
        }
        if (next > sim->now) {
            sim->now = next;
            standing = 0;
            virtual_time_set(next);
        }
        network_deliver(sim->network, sim->now);
        while (sim->first_signal != NULL && sim->first_signal->arrival <= sim->now) {
            signal_message_t *message = sim->first_signal;
            sim->first_signal = message->next;
            if (sim->first_signal == NULL)
                sim->last_signal = NULL;
            on_signal(&sim->peers[message->to], message);
            free_signal(message);
        }
        for (int i = 0; i < 2; i++)
            if (connection_deadline(sim->peers[i].connection) <= sim->now)
                connection_timeout(sim->peers[i].connection, sim->now);
    }
}
