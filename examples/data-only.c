/* A data channel without any media: Alice counts, Bob answers each number with its square. The negotiators do the signaling: each hands out
 * JSON texts that the other is to receive, and nothing else is needed. */
#include <peer/peer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NUMBERS 5

typedef struct side {
    const char *name;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    struct side *other;
} side_t;

static atomic_int answers;

static void bring_to_the_other(peer_negotiator_t *negotiator, const char *json, void *user)
{
    side_t *side = user;
    if (peer_negotiator_receive(side->other->negotiator, json, strlen(json)) < 0)
        fprintf(stderr, "%s: %s\n", side->other->name, peer_last_error_message());
}

static void alice_on_open(peer_data_channel_t *channel, void *user)
{
    char text[16];
    for (int number = 1; number <= NUMBERS; number++)
        peer_data_channel_send(channel, text, (size_t)snprintf(text, sizeof text, "%d", number), 1);
}

static void alice_on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    printf("Alice is told: %.*s\n", (int)length, (const char *)data);
    atomic_fetch_add(&answers, 1);
}

static void bob_on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    char number[16], text[48];
    snprintf(number, sizeof number, "%.*s", (int)length, (const char *)data);
    long value = strtol(number, NULL, 10);
    peer_data_channel_send(channel, text, (size_t)snprintf(text, sizeof text, "the square of %ld is %ld", value, value * value), 1);
}

static void bob_on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    peer_data_channel_set_events(channel, &(peer_data_channel_events_t){.on_message = bob_on_message}, user);
}

int main(void)
{
    static side_t alice = {.name = "Alice"}, bob = {.name = "Bob"};
    alice.other = &bob;
    bob.other = &alice;
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS; /* both sides are on this host */
    alice.pc = peer_connection_new(&configuration, NULL, &alice);
    bob.pc = peer_connection_new(&configuration, &(peer_connection_events_t){.on_data_channel = bob_on_data_channel}, &bob);
    if (alice.pc == NULL || bob.pc == NULL) {
        fprintf(stderr, "%s\n", peer_last_error_message());
        return 1;
    }
    peer_negotiator_events_t events = {.send = bring_to_the_other};
    bob.negotiator = peer_negotiator_new(bob.pc, 1, &events, &bob); /* exactly one is polite */
    alice.negotiator = peer_negotiator_new(alice.pc, 0, &events, &alice);

    peer_data_channel_events_t channel_events = {.on_open = alice_on_open, .on_message = alice_on_message};
    peer_data_channel_t *channel = NULL;
    if (peer_connection_create_data_channel(alice.pc, "squares", NULL, &channel_events, &alice, &channel) < 0)
        fprintf(stderr, "%s\n", peer_last_error_message());

    for (int i = 0; i < 500 && atomic_load(&answers) < NUMBERS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    peer_connection_close(alice.pc);
    peer_connection_close(bob.pc);
    peer_data_channel_unref(channel);
    peer_negotiator_unref(alice.negotiator);
    peer_negotiator_unref(bob.negotiator);
    peer_connection_unref(alice.pc);
    peer_connection_unref(bob.pc);
    return atomic_load(&answers) == NUMBERS ? 0 : 1;
}
