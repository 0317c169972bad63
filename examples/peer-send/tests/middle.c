/* A rendezvous that is not honest, for the tests: it introduces neither side to the other but both to itself, with certificates of its own,
 * and passes on what the one says to the other, which it writes to the standard output. What a server could do to the SDP of two who trust
 * it, this does with two rooms:
 *
 *   middle ROOM PORT PORT     enters the room ROOM at the rendezvous of either port */
#include "mainloop.h"
#include "network.h"
#include "rendezvous.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct side {
    struct side *other;
    rendezvous_t *rendezvous;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    peer_data_channel_t *channel;
    char *kept; /* said before the other side was open */
} side_t;

static peer_loop_t *peer_loop;

static void on_open(peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    if (side->kept != NULL)
        peer_data_channel_send(channel, side->kept, strlen(side->kept), 1);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    side_t *to = ((side_t *)user)->other;
    printf("%.*s\n", is_text ? (int)length : 0, (const char *)data);
    fflush(stdout);
    if (to->channel != NULL && peer_data_channel_ready_state(to->channel) == PEER_DATA_CHANNEL_OPEN)
        peer_data_channel_send(to->channel, data, length, is_text);
    else
        to->kept = strndup(data, length);
}

static void send_signal(peer_negotiator_t *negotiator, const char *json, void *user)
{
    side_t *side = user;
    rendezvous_send(side->rendezvous, json, strlen(json));
}

static void meet(side_t *side, bool is_polite)
{
    static const peer_negotiator_events_t negotiator_events = {.send = send_signal};
    static const peer_data_channel_events_t channel_events = {.on_open = on_open, .on_message = on_message};
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = peer_loop;
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    side->pc = peer_connection_new(&configuration, NULL, side);
    side->negotiator = peer_negotiator_new(side->pc, is_polite, &negotiator_events, side);
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.negotiated = 1;
    init.id = 0;
    peer_connection_create_data_channel(side->pc, "peer-send", &init, &channel_events, side, &side->channel);
}

static void on_signal(void *user, const char *json, size_t length)
{
    side_t *side = user;
    json_t *message = json_loadb(json, length, 0, NULL);
    const char *event = json_string_value(json_object_get(message, "event"));
    if (event != NULL && strcmp(event, "present") == 0)
        meet(side, json_is_true(json_object_get(message, "polite")));
    else if (event == NULL && side->negotiator != NULL)
        peer_negotiator_receive(side->negotiator, json, length);
    json_decref(message);
}

static void on_closed(void *user, const char *reason)
{
}

static bool on_library(void *user)
{
    peer_loop_dispatch(peer_loop);
    return true;
}

int main(int count, char **arguments)
{
    static const rendezvous_events_t events = {.on_message = on_signal, .on_closed = on_closed};
    static side_t sides[2];
    mainloop_t *loop = mainloop_new();
    peer_loop = peer_loop_new(PEER_LOOP_MANUAL);
    if (count != 4 || loop == NULL || !mainloop_watch(loop, peer_loop_fd(peer_loop), on_library, NULL))
        return 1;
    for (int i = 0; i < 2; i++) {
        const rendezvous_place_t place = {.host = "127.0.0.1", .port = atoi(arguments[2 + i]), .room = arguments[1]};
        sides[i].other = &sides[1 - i];
        sides[i].rendezvous = rendezvous_new(loop, &place, &events, &sides[i]);
    }
    mainloop_run(loop); /* until it is ended */
    return 0;
}
