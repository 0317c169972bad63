#include "link.h"

#include "stats_walk.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "peer-send"
#define CHANNEL_ID 0
#define HELLO_MAX 1000 /* bytes */

struct link {
    link_settings_t settings;
    link_events_t events;
    void *user;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    peer_data_channel_t *channel;
    char fingerprints[2][128]; /* of the sender and the receiver, as the handshake showed them */
    bool is_proven, has_ended, is_closed;
};

static void end(link_t *link, link_end_t how)
{
    if (link->has_ended || link->is_closed)
        return;
    link->has_ended = true;
    link->events.on_end(link->user, how);
}

/* ---- proof ---- */

/* The fingerprints of the certificates with which the DTLS handshake was made: what the signaling said of them does not count. */
static bool find_fingerprints(link_t *link)
{
    static const char *const members[] = {"localCertificateId", "remoteCertificateId"};
    peer_stats_report_t *report;
    if (peer_connection_get_stats(link->pc, &report) < 0)
        return false;
    size_t found = 0;
    for (size_t i = 0; i < 2; i++) {
        int64_t certificate = stats_follow(report, stats_first(report, "transport"), members[i]);
        const char *hash = certificate >= 0 ? peer_stats_report_string(report, (size_t)certificate, "fingerprintAlgorithm") : NULL,
                   *value = certificate >= 0 ? peer_stats_report_string(report, (size_t)certificate, "fingerprint") : NULL;
        bool is_senders = link->settings.is_sender == (i == 0);
        char *to = link->fingerprints[is_senders ? 0 : 1];
        if (hash != NULL && value != NULL && strcmp(hash, "sha-256") == 0)
            found += (size_t)snprintf(to, sizeof link->fingerprints[0], "%s %s", hash, value) < sizeof link->fingerprints[0];
    }
    peer_stats_report_unref(report);
    return found == 2;
}

static void make_proof(const link_t *link, bool of_sender, char mac[CODE_MAC_SIZE])
{
    code_mac(link->settings.key, of_sender ? "send" : "receive", link->fingerprints[0], link->fingerprints[1], mac);
}

static void send_json(link_t *link, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text != NULL)
        peer_data_channel_send(link->channel, text, strlen(text), 1);
    free(text);
    json_decref(json);
}

static void send_proof(link_t *link)
{
    char mac[CODE_MAC_SIZE];
    make_proof(link, link->settings.is_sender, mac);
    send_json(link, json_pack("{s:s, s:i, s:s}", "type", "hello", "version", 1, "proof", mac));
}

static void become_ready(link_t *link)
{
    link->is_proven = true;
    link->events.on_ready(link->user);
}

/* The receiver proves itself first: whoever merely tries codes learns nothing from the sender that a guess could be checked with. */
static void take_hello(link_t *link, const void *data, size_t length)
{
    json_t *hello = length <= HELLO_MAX ? json_loadb(data, length, 0, NULL) : NULL;
    const char *type = json_string_value(json_object_get(hello, "type")), *proof = json_string_value(json_object_get(hello, "proof"));
    char mac[CODE_MAC_SIZE];
    if (type != NULL && strcmp(type, "unproven") == 0) {
        end(link, LINK_UNPROVEN);
    } else if (type == NULL || strcmp(type, "hello") != 0 || json_integer_value(json_object_get(hello, "version")) != 1 || proof == NULL) {
        end(link, LINK_FOREIGN);
    } else {
        make_proof(link, !link->settings.is_sender, mac);
        bool is_proven = code_macs_are_equal(proof, mac);
        if (link->settings.is_sender && is_proven)
            send_proof(link);
        else if (link->settings.is_sender)
            send_json(link, json_pack("{s:s}", "type", "unproven"));
        if (is_proven)
            become_ready(link);
        else
            end(link, LINK_UNPROVEN);
    }
    json_decref(hello);
}

/* ---- the channel ---- */

static void on_open(peer_data_channel_t *channel, void *user)
{
    link_t *link = user;
    if (link->is_closed)
        return;
    if (!find_fingerprints(link))
        end(link, LINK_UNPROVEN);
    else if (!link->settings.is_sender)
        send_proof(link);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    link_t *link = user;
    if (link->is_closed || link->has_ended)
        return;
    if (!link->is_proven) {
        if (is_text && link->fingerprints[0][0] != '\0')
            take_hello(link, data, length);
        else
            end(link, LINK_FOREIGN);
    } else if (!link->events.on_message(link->user, data, length, is_text)) {
        end(link, LINK_FOREIGN);
    }
}

static void on_low(peer_data_channel_t *channel, void *user)
{
    link_t *link = user;
    if (!link->is_closed)
        link->events.on_low(link->user);
}

static void on_close(peer_data_channel_t *channel, void *user)
{
    end(user, LINK_BROKEN);
}

/* ---- the connection ---- */

static void send_signal(peer_negotiator_t *negotiator, const char *json, void *user)
{
    link_t *link = user;
    if (!link->is_closed)
        link->events.send(link->user, json);
}

static void on_state(peer_connection_t *pc, int32_t state, void *user)
{
    link_t *link = user;
    if (link->is_closed)
        return;
    if (state == PEER_CONNECTION_FAILED && !link->is_proven)
        end(link, LINK_FAILED);
    else if (state == PEER_CONNECTION_CLOSED)
        end(link, LINK_BROKEN);
    else if (link->is_proven)
        link->events.on_interrupted(link->user, state != PEER_CONNECTION_CONNECTED);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    link_t *link = user;
    link_events_t events = link->events;
    void *owner = link->user;
    peer_connection_unref(link->pc);
    free(link);
    events.on_released(owner);
}

static bool open_channel(link_t *link)
{
    static const peer_data_channel_events_t events = {
        .on_open = on_open, .on_message = on_message, .on_buffered_amount_low = on_low, .on_close = on_close};
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.negotiated = 1; /* both make it: whoever may have come first */
    init.id = CHANNEL_ID;
    return peer_connection_create_data_channel(link->pc, LABEL, &init, &events, link, &link->channel) == 0;
}

link_t *link_new(const link_settings_t *settings, const link_events_t *events, void *user)
{
    static const peer_connection_events_t connection_events = {.on_connection_state_change = on_state, .on_closed = on_closed};
    static const peer_negotiator_events_t negotiator_events = {.send = send_signal};
    link_t *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->settings = *settings;
    link->events = *events;
    link->user = user;
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = settings->loop;
    configuration.certificates = &settings->certificate;
    configuration.certificate_count = settings->certificate != NULL;
    network_configure(settings->network, settings->servers, settings->server_count, &configuration);
    link->pc = peer_connection_new(&configuration, &connection_events, link);
    if (link->pc == NULL) {
        network_complain("no connection can be made: %s", peer_last_error_message());
        free(link);
        return NULL;
    }
    link->negotiator = peer_negotiator_new(link->pc, settings->is_polite, &negotiator_events, link);
    if (link->negotiator == NULL || !open_channel(link))
        network_complain("the connection cannot be offered: %s", peer_last_error_message());
    return link;
}

void link_receive(link_t *link, const char *json, size_t length)
{
    if (link->negotiator != NULL)
        peer_negotiator_receive(link->negotiator, json, length); /* what cannot be applied leads to no connection, which is told */
}

void link_close(link_t *link)
{
    link->is_closed = true;
    if (link->channel != NULL)
        peer_data_channel_set_events(link->channel, NULL, NULL);
    peer_data_channel_unref(link->channel);
    link->channel = NULL;
    peer_negotiator_unref(link->negotiator);
    link->negotiator = NULL;
    peer_connection_close(link->pc); /* on_closed ends the rest */
}

bool link_is_up(const link_t *link)
{
    return link->is_proven && !link->has_ended && peer_connection_connection_state(link->pc) == PEER_CONNECTION_CONNECTED;
}

peer_data_channel_t *link_channel(link_t *link)
{
    return link->channel;
}

char *link_report(const link_t *link, int32_t format)
{
    return peer_connection_ice_report(link->pc, format);
}

const char *link_path(const link_t *link)
{
    static const char *const members[] = {"localCandidateId", "remoteCandidateId"};
    peer_stats_report_t *report;
    if (peer_connection_get_stats(link->pc, &report) < 0)
        return "";
    int64_t pair = stats_selected_pair(report);
    const char *path = pair >= 0 ? "direct" : "";
    for (size_t i = 0; pair >= 0 && i < 2; i++) {
        int64_t candidate = stats_follow(report, pair, members[i]);
        const char *type = candidate >= 0 ? peer_stats_report_string(report, (size_t)candidate, "candidateType") : NULL;
        if (type != NULL && strcmp(type, "relay") == 0)
            path = "relay";
    }
    peer_stats_report_unref(report);
    return path;
}
