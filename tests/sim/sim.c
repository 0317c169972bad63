#include "sim.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "media/media.h"
#include "virtual_random.h"
#include "virtual_time.h"

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

static void receive(void *receiver, peer_time_t now, packet_t *packet)
{
    sim_peer_t *peer = receiver;
    connection_input(peer->connection, now, packet);
}

static void new_peer(sim_t *sim, int index)
{
    static const connection_codec_t codecs[] = {{CONNECTION_AUDIO, "opus", 48000, 2, "minptime=10;useinbandfec=1"},
                                                {CONNECTION_AUDIO, "PCMU", 8000, 1, NULL},
                                                {CONNECTION_VIDEO, "VP8", 90000, 0, NULL}};
    sim_peer_t *peer = &sim->peers[index];
    random_source_t random = random_seeded_source(&sim->generator);
    *peer = (sim_peer_t){.sim = sim, .index = index, .is_polite = index == 1};
    certificate_generate(&sim->certificates[index], CERTIFICATE_ECDSA_P256, 1700000000, 0, &random);
    connection_config_t config = {.random = random,
                                  .pool = sim->pool,
                                  .certificate = sim->certificates[index],
                                  .servers = sim->options.servers,
                                  .server_count = sim->options.server_count,
                                  .ice_policy = sim->options.ice_policy[index],
                                  .codecs = codecs,
                                  .codec_count = sizeof codecs / sizeof *codecs,
                                  .number = (uint32_t)index + 1};
    peer->connection = connection_new(&config);
    if (peer->connection == NULL)
        abort();
    peer->addresses[peer->address_count++] = address_ipv4(192, 0, 2, (uint8_t)(index + 1), (uint16_t)(5000 + index));
    if (sim->options.has_ipv6) {
        address_t *address = &peer->addresses[peer->address_count++];
        address_parse(address, index == 0 ? "2001:db8::1" : "2001:db8::2", (uint16_t)(6000 + index));
    }
    for (size_t i = 0; i < peer->address_count; i++)
        network_bind(sim->network, &peer->addresses[i], (uint32_t)(10 * (index + 1)) + (uint32_t)i, receive, peer);
}

sim_t *sim_new(const sim_options_t *options)
{
    sim_t *sim = calloc(1, sizeof *sim);
    sim->options = *options;
    sim->now = PEER_SECOND;
    virtual_time_set(sim->now);
    virtual_random_seed(options->seed);
    random_seeded_init(&sim->generator, options->seed ^ 0x5eed);
    sim->pool = packet_pool_new();
    sim->network = network_new(options->seed, sim->pool, &options->link);
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
        certificate_unref(sim->certificates[i]);
    }
    while (sim->first_signal != NULL) {
        signal_message_t *message = sim->first_signal;
        sim->first_signal = message->next;
        free_signal(message);
    }
    network_free(sim->network);
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

static void signal_description(sim_peer_t *peer)
{
    connection_sdp_type_t type;
    char *sdp;
    if (connection_local_description(peer->connection, &type, &sdp) <= 0)
        abort();
    if (peer->sim->options.wrong_fingerprint[peer->index])
        falsify(sdp, "a=fingerprint:");
    if (peer->sim->options.wrong_password[peer->index])
        falsify(sdp, "a=ice-pwd:");
    signal_message_t *message = signal_to_other(peer);
    message->type = (int32_t)type;
    message->text = sdp;
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

/* ---- made-up media: what RFC 6386 §9.1 needs to be taken for a VP8 frame, a number, and bytes that follow from it ---- */

#define FRAME_MAX 40000

static uint8_t filler(uint64_t number, size_t i)
{
    return (uint8_t)((number * 2654435761u + i * 40503u) >> 7);
}

static size_t make_video(uint64_t number, bool is_key, uint32_t size, uint8_t *frame)
{
    memset(frame, 0, 10);
    frame[0] = is_key ? 0x10 : 0x11;
    memcpy(frame + 3, "\x9d\x01\x2a\x80\x02\xe0\x01", 7);
    bytes_put_u64(frame + 10, number);
    bytes_put_u32(frame + 18, size);
    for (size_t i = 22; i < size; i++)
        frame[i] = filler(number, i);
    return size;
}

static bool check_filled(const uint8_t *data, size_t length, size_t from, uint64_t number)
{
    for (size_t i = from; i < length; i++)
        if (data[i] != filler(number, i))
            return false;
    return true;
}

static void send_media(sim_peer_t *peer)
{
    static uint8_t frame[FRAME_MAX];
    peer_time_t now = peer->sim->now;
    while (peer->sends_video && peer->next_video <= now) {
        bool is_key = peer->key_wanted || peer->video_number == 0;
        uint64_t number = ++peer->video_number;
        uint32_t size = peer->video_size != 0 ? peer->video_size : 1000 + (uint32_t)(number * 7919 % 2000);
        size_t length = make_video(number, is_key, is_key ? 4 * size : size, frame);
        connection_frame_t sent = {.data = frame, .length = length, .timestamp_us = peer->next_video, .is_key = is_key};
        if (transceiver_send_frame(peer->video, now, &sent) < 0)
            abort();
        peer->key_wanted = false;
        peer->next_video += 33333;
    }
    while (peer->sends_audio && peer->next_audio <= now) {
        uint64_t number = ++peer->audio_number;
        size_t length = 80 + number % 40;
        frame[0] = 0xf8; /* RFC 6716 §3.1: one CELT frame of 20 ms */
        bytes_put_u64(frame + 1, number);
        for (size_t i = 9; i < length; i++)
            frame[i] = filler(number, i);
        connection_frame_t sent = {.data = frame, .length = length, .timestamp_us = peer->next_audio, .duration_us = 20000, .is_key = true};
        if (transceiver_send_frame(peer->audio, now, &sent) < 0)
            abort();
        peer->next_audio += 20000;
    }
}

static void on_frame(sim_peer_t *peer, const connection_event_t *event)
{
    const media_frame_t *frame = event->media.frame;
    sim_received_t *received = &peer->received;
    if (frame->kind == MEDIA_AUDIO) {
        received->audio_frames++;
        if (frame->length < 9 || !check_filled(frame->data, frame->length, 9, bytes_get_u64(frame->data + 1)))
            received->audio_bad++;
        return;
    }
    uint64_t number = frame->length >= 22 ? bytes_get_u64(frame->data + 10) : 0;
    bool is_intact =
        frame->length >= 22 && bytes_get_u32(frame->data + 18) == frame->length && check_filled(frame->data, frame->length, 22, number);
    bool is_decodable = frame->is_key || number == received->video_last_number + 1;
    received->video_frames++;
    received->video_key_frames += frame->is_key;
    if (!is_intact || !is_decodable)
        received->video_bad++;
    received->video_last_number = number;
    received->video_last_time = peer->sim->now;
    if (peer->first_video_at == 0)
        peer->first_video_at = peer->sim->now;
}

/* ---- made-up data ---- */

static size_t message_length(const sim_peer_t *peer, uint64_t number)
{
    return peer->message_size != 0 ? peer->message_size : 8 + (size_t)(number * 6007 % 4000);
}

static void send_data(sim_peer_t *peer)
{
    static uint8_t message[1 << 20];
    while (peer->channel != NULL && peer->sent < peer->to_send && sctp_channel_state(peer->channel) == SCTP_CHANNEL_OPEN &&
           sctp_channel_buffered_amount(peer->channel) < 1 << 20) {
        uint64_t number = peer->sent;
        size_t length = message_length(peer, number);
        bytes_put_u64(message, number);
        for (size_t i = 8; i < length; i++)
            message[i] = filler(number, i);
        if (sctp_channel_send(peer->channel, peer->sim->now, message, length, false) < 0)
            break;
        peer->sent++;
    }
}

static void on_message(sim_peer_t *peer, const connection_event_t *event)
{
    sim_received_t *received = &peer->received;
    const uint8_t *data = event->message.data;
    uint64_t number = event->message.length >= 8 ? bytes_get_u64(data) : SIM_MESSAGES_MAX;
    if (number >= SIM_MESSAGES_MAX || peer->seen[number] || !check_filled(data, event->message.length, 8, number))
        received->messages_bad++;
    else
        peer->seen[number] = 1;
    if (number != received->messages)
        received->messages_out_of_order++;
    received->messages++;
}

/* ---- events and driving ---- */

static void on_event(sim_peer_t *peer, connection_event_t *event)
{
    peer_time_t now = peer->sim->now;
    signal_message_t *message;
    peer->received.events++;
    switch (event->type) {
    case CONNECTION_EVENT_NEGOTIATION_NEEDED:
        if (!connection_is_negotiation_needed(peer->connection))
            break;
        if (connection_set_local_description_implicitly(peer->connection, now) == 0)
            signal_description(peer);
        else if (!peer->sim->options.is_disturbed)
            abort();
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE:
        message = signal_to_other(peer);
        message->is_candidate = true;
        message->text = memory_string(event->text);
        message->mid = memory_string(event->candidate.mid);
        message->mline_index = event->candidate.mline_index;
        message->ufrag = memory_string(event->candidate.ufrag);
        break;
    case CONNECTION_EVENT_SIGNALING_STATE:
        peer->signaling_state = event->state;
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
            peer->sends_video = event->codec.name[0] != '\0';
            peer->key_wanted = true;
            peer->next_video = now;
        } else if (event->transceiver == peer->audio) {
            peer->sends_audio = event->codec.name[0] != '\0';
            peer->next_audio = now;
        }
        break;
    case CONNECTION_EVENT_KEY_FRAME_REQUESTED:
        peer->key_wanted = true;
        break;
    case CONNECTION_EVENT_FRAME:
        on_frame(peer, event);
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
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        on_message(peer, event);
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
        switch (output.type) {
        case OUTPUT_SEND:
            network_send(peer->sim->network, peer->sim->now, output.packet);
            break;
        case OUTPUT_OPEN_SOCKETS:
            for (size_t i = 0; i < peer->address_count; i++)
                connection_socket_opened(peer->connection, peer->sim->now, (uint32_t)(10 * (peer->index + 1)) + (uint32_t)i,
                                         &peer->addresses[i], NETWORK_ETHERNET);
            connection_sockets_complete(peer->connection, peer->sim->now);
            break;
        case OUTPUT_RESOLVE:
            connection_resolved(peer->connection, peer->sim->now, output.resolve.request, NULL, 0);
            break;
        case OUTPUT_CONNECT:
            connection_link_failed(peer->connection, peer->sim->now, output.link.request, "There are no links here.");
            break;
        case OUTPUT_CLOSE_SOCKET:
        case OUTPUT_CANCEL_CONNECT:
        case OUTPUT_PUBLISH_NAME:
        case OUTPUT_MAP_PORT:
            break;
        case OUTPUT_EVENT:
            on_event(peer, output.event);
            break;
        }
    }
}

void sim_add_media(sim_peer_t *peer, bool audio, bool video)
{
    if (audio && connection_add_track(peer->connection, peer->sim->now, CONNECTION_AUDIO, "audio-track", "stream", &peer->audio) < 0)
        abort();
    if (video && connection_add_track(peer->connection, peer->sim->now, CONNECTION_VIDEO, "video-track", "stream", &peer->video) < 0)
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
    packet->path = (path_t){.socket = (uint32_t)(10 * (to->index + 1)), .local = to->addresses[0], .remote = *from};
    packet->time = to->sim->now;
    connection_input(to->connection, to->sim->now, packet);
}

bool sim_is_connected(sim_t *sim)
{
    return sim->peers[0].state == CONNECTION_STATE_CONNECTED && sim->peers[1].state == CONNECTION_STATE_CONNECTED;
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
            send_media(&sim->peers[i]);
            send_data(&sim->peers[i]);
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
