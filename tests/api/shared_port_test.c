/* A server: many connections of one loop on one UDP port, each with its own client elsewhere. */
#include "pair.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 50

static pair_t pairs[PAIRS];
static int expected_messages;

/* What is sent to server i says i: whatever else comes was another's. */
static void on_message(pair_side_t *side, peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    char expected[32];
    int expected_length = snprintf(expected, sizeof expected, "for server %d", (int)(side->pair - pairs));
    if (length != (size_t)expected_length || memcmp(data, expected, length) != 0)
        atomic_fetch_add((atomic_int *)side->user, 1);
}

/* Below the ports that the system gives out, so that nobody gets it meanwhile; another for each process. */
static uint16_t free_port(void)
{
    for (uint16_t i = 0; i < 1000; i++) {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(10000 + (getpid() * 7 + i) % 20000))};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        bool is_free = fd >= 0 && bind(fd, (void *)&name, sizeof name) == 0;
        close(fd);
        if (is_free)
            return ntohs(name.sin_port);
    }
    test_fail(__FILE__, __LINE__, "no port is free");
}

static bool are_all_connected(pair_t *unused)
{
    for (int i = 0; i < PAIRS; i++)
        if (!pair_is_connected(&pairs[i]))
            return false;
    return true;
}

static bool have_all_messages(pair_t *unused)
{
    for (int i = 0; i < PAIRS; i++)
        if (pairs[i].sides[0].messages < expected_messages)
            return false;
    return true;
}

static bool have_all_channels(pair_t *unused)
{
    for (int i = 0; i < PAIRS; i++)
        if (pairs[i].sides[0].channels == 0)
            return false;
    return true;
}

static void send_to_all(void)
{
    char text[32];
    expected_messages++;
    for (int i = 0; i < PAIRS; i++) {
        snprintf(text, sizeof text, "for server %d", i);
        CHECK_INT(peer_data_channel_send(pairs[i].sides[1].channel, text, strlen(text), 1), 0);
    }
    CHECK(pair_wait(NULL, have_all_messages, NULL));
}

/* Every UDP host candidate of the server is at the port. */
static void check_candidates(pair_side_t *side, uint16_t port)
{
    char at_port[32];
    peer_description_t *description = peer_connection_local_description(side->pc);
    CHECK(description != NULL);
    const char *at = peer_description_sdp(description);
    int count = 0;
    snprintf(at_port, sizeof at_port, " %u typ host", port);
    while ((at = strstr(at, "a=candidate:")) != NULL) {
        const char *end = strchr(at, '\n'), *found = strstr(at, at_port);
        CHECK(end != NULL);
        if (strncmp(strchr(at, ' '), " 1 udp", 6) == 0) {
            CHECK(found != NULL && found < end);
            count++;
        }
        at = end;
    }
    CHECK(count != 0);
    peer_description_unref(description);
}

TEST(fifty_servers_on_one_port_each_get_what_their_client_sends_also_after_an_ice_restart)
{
    atomic_int misled = 0;
    peer_configuration_t server, client;
    peer_configuration_init(&server, sizeof server);
    peer_configuration_init(&client, sizeof client);
    server.loopback_policy = client.loopback_policy = PEER_LOOPBACK_ALWAYS;
    server.loop = peer_loop_new(PEER_LOOP_THREAD);
    server.shared_port = free_port();
    for (int i = 0; i < PAIRS; i++) {
        pair_open_configured(&pairs[i], &server, &client);
        pairs[i].sides[0].user = &misled;
        pairs[i].sides[0].on_message = on_message;
    }
    for (int i = 0; i < PAIRS; i++)
        pair_add_channel(&pairs[i].sides[1], "to the server");
    CHECK(pair_wait(NULL, are_all_connected, NULL) && pair_wait(NULL, have_all_channels, NULL));
    for (int i = 0; i < PAIRS; i++)
        check_candidates(&pairs[i].sides[0], server.shared_port);
    send_to_all();
    for (int i = 0; i < PAIRS; i++)
        peer_connection_restart_ice(pairs[i].sides[i % 2].pc);
    send_to_all();
    send_to_all();
    CHECK_INT(misled, 0);
    for (int i = 0; i < PAIRS; i++)
        CHECK(pair_end(&pairs[i], NULL));
    peer_loop_unref(server.loop);
}
