/* Many clients on one UDP port. The clients play ICE by hand: they answer checks, and check back when a test wants it; the peers are plain
 * sockets. */
#include "test_client.h"

#include "runtime/shared_port.h"
#include "runtime/sockaddr.h"
#include "stun/stun.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 100

typedef struct server {
    loop_t *loop;
    loop_network_t network;
    client_t *clients[CLIENTS];
    size_t count;
    address_t address;
} server_t;

/* What the test remembers of a client's input. */
static char last_data[64];
static client_t *last_client;
static bool answers_checks;

static packet_t *new_packet(client_t *client, const void *data, size_t length, const address_t *remote)
{
    packet_t *packet = packet_new_copy(loop_packets(client->loop), data, length);
    CHECK(packet != NULL);
    packet->path = (path_t){.socket = client->sockets[0], .local = client->locals[0], .remote = *remote};
    return packet;
}

static size_t write_stun(uint8_t *bytes, size_t capacity, stun_class_t class, const uint8_t *transaction_id, const char *username)
{
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, capacity, class, STUN_BINDING, transaction_id);
    if (username != NULL)
        stun_build_bytes(&builder, STUN_USERNAME, username, strlen(username));
    size_t length = stun_build_end(&builder);
    CHECK(length != 0);
    return length;
}

static void on_input(client_t *client, packet_t *packet)
{
    stun_message_t message;
    uint8_t bytes[128];
    last_client = client;
    size_t length = packet->length < sizeof last_data - 1 ? packet->length : sizeof last_data - 1;
    memcpy(last_data, packet->data, length);
    last_data[length] = '\0';
    if (!answers_checks || !stun_parse(&message, packet->data, packet->length) || message.class != STUN_REQUEST)
        return;
    length = write_stun(bytes, sizeof bytes, STUN_SUCCESS_RESPONSE, message.transaction_id, NULL);
    client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = new_packet(client, bytes, length, &packet->path.remote)});
}

static bool is_open(void *context)
{
    return ((client_t *)context)->completes != 0;
}

static client_t *add_client(server_t *server, const char *ufrag)
{
    client_t *client = client_new_on(server->loop, &server->network);
    server->clients[server->count++] = client;
    snprintf(client->ufrag, sizeof client->ufrag, "%s", ufrag);
    client->on_input = on_input;
    loop_lock(server->loop);
    client_put(client, &(output_t){.type = OUTPUT_OPEN_SOCKETS});
    loop_touch(server->loop, client->entry);
    loop_unlock(server->loop);
    dispatch_until(server->loop, is_open, client);
    return client;
}

static int new_socket(uint16_t port)
{
    sockaddr_any_t name;
    address_t address = address_ipv4(127, 0, 0, 1, port);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (bind(fd, &name.any, sockaddr_from_address(&name, &address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static address_t address_of(int fd)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    address_t address;
    CHECK(getsockname(fd, &name.any, &length) == 0 && sockaddr_to_address(&name.any, &address));
    return address;
}

static void server_open(server_t *server)
{
    *server = (server_t){.loop = loop_new(LOOP_MANUAL), .network = {.loopback = LOOP_LOOPBACK_ALWAYS, .without_ipv6 = true}};
    CHECK(server->loop != NULL);
    int fd = new_socket(0);
    server->network.shared_port = address_of(fd).port; /* free, and not soon given to another */
    close(fd);
    server->address = address_ipv4(127, 0, 0, 1, server->network.shared_port);
    answers_checks = true;
    last_client = NULL;
    last_data[0] = '\0';
}

static void server_close(server_t *server)
{
    for (size_t i = 0; i < server->count; i++)
        if (server->clients[i] != NULL)
            client_remove(server->clients[i]);
    loop_unref(server->loop);
}

static void send_from(int fd, const server_t *server, const void *data, size_t length)
{
    sockaddr_any_t name;
    socklen_t name_length = sockaddr_from_address(&name, &server->address);
    CHECK_INT(sendto(fd, data, length, 0, &name.any, name_length), (ssize_t)length);
}

typedef struct awaited {
    loop_t *loop;
    uint64_t received;
} awaited_t;

static bool has_received(void *context)
{
    const awaited_t *awaited = context;
    return awaited->loop->counters.datagrams_received >= awaited->received;
}

/* Sends one datagram, has the loop read it; the client that it was for, NULL: none. */
static client_t *deliver(int fd, server_t *server, const void *data, size_t length)
{
    awaited_t awaited = {server->loop, server->loop->counters.datagrams_received + 1};
    last_client = NULL;
    send_from(fd, server, data, length);
    dispatch_until(server->loop, has_received, &awaited);
    return last_client;
}

static client_t *deliver_text(int fd, server_t *server, const char *text)
{
    client_t *client = deliver(fd, server, text, strlen(text));
    CHECK(client == NULL || strcmp(last_data, text) == 0);
    return client;
}

static client_t *check(int fd, server_t *server, const char *ufrag)
{
    static uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE];
    uint8_t bytes[128];
    char username[64];
    transaction_id[0]++;
    snprintf(username, sizeof username, "%s:peer", ufrag);
    return deliver(fd, server, bytes, write_stun(bytes, sizeof bytes, STUN_REQUEST, transaction_id, username));
}

static void send_out(client_t *client, const void *data, size_t length, const address_t *remote)
{
    loop_lock(client->loop);
    client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = new_packet(client, data, length, remote)});
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    while (client->count != 0)
        CHECK_INT(loop_dispatch(client->loop), 0);
}

static const uint8_t own_transaction[STUN_TRANSACTION_ID_SIZE] = {0xab, 1};

static void send_check(client_t *client, const address_t *remote)
{
    uint8_t bytes[128];
    send_out(client, bytes, write_stun(bytes, sizeof bytes, STUN_REQUEST, own_transaction, "peer:us"), remote);
}

static client_t *answer_check(int fd, server_t *server, stun_class_t class)
{
    uint8_t bytes[128];
    return deliver(fd, server, bytes, write_stun(bytes, sizeof bytes, class, own_transaction, NULL));
}

/* Reads one datagram, which must come; its length. */
static size_t receive(int fd, uint8_t *bytes, size_t capacity)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    CHECK_INT(poll(&wait, 1, 30000), 1);
    ssize_t length = recv(fd, bytes, capacity, 0);
    CHECK(length >= 0);
    return (size_t)length;
}

TEST(a_hundred_clients_on_one_port_get_what_is_theirs)
{
    server_t server;
    int peers[CLIENTS];
    char text[32];
    uint8_t bytes[2048];
    server_open(&server);
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(text, sizeof text, "ufrag%d", i);
        client_t *client = add_client(&server, text);
        CHECK(client->sockets[0] == server.clients[0]->sockets[0] && address_equal(&client->locals[0], &server.address));
        peers[i] = new_socket(0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(text, sizeof text, "ufrag%d", i);
        CHECK(check(peers[i], &server, text) == server.clients[i]);
        CHECK(stun_is_message(bytes, receive(peers[i], bytes, sizeof bytes)));
    }
    for (int i = CLIENTS; i-- > 0;) {
        snprintf(text, sizeof text, "\x80 data of %d", i);
        CHECK(deliver_text(peers[i], &server, text) == server.clients[i]);
        address_t remote = address_of(peers[i]);
        send_out(server.clients[i], text, strlen(text), &remote);
        CHECK_INT(receive(peers[i], bytes, sizeof bytes), strlen(text));
        CHECK_BYTES(bytes, text, strlen(text));
    }
    CHECK_INT(server.loop->counters.receive_unclaimed, 0);
    for (int i = 0; i < CLIENTS; i++)
        close(peers[i]);
    server_close(&server);
}

TEST(trains_leave_a_shared_port_in_few_calls_and_arrive_in_order)
{
    enum { TRAIN = 60, SIZE = 1200 };
    server_t server;
    uint8_t bytes[SIZE];
    server_open(&server);
    client_t *client = add_client(&server, "one");
    int peer = new_socket(0);
    address_t remote = address_of(peer);
    loop_lock(server.loop);
    uint64_t calls = server.loop->counters.send_calls;
    for (int i = 0; i < TRAIN; i++) {
        memset(bytes, 0x80 + i, sizeof bytes);
        client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = new_packet(client, bytes, sizeof bytes, &remote)});
    }
    loop_touch(server.loop, client->entry);
    loop_unlock(server.loop);
    while (client->count != 0)
        CHECK_INT(loop_dispatch(server.loop), 0);
    CHECK(server.loop->counters.send_calls - calls <= 2);
    for (int i = 0; i < TRAIN; i++) {
        CHECK_INT(receive(peer, bytes, sizeof bytes), SIZE);
        CHECK_INT(bytes[0], 0x80 + i);
    }
    close(peer);
    server_close(&server);
}

TEST(an_ice_restart_adds_a_ufrag_and_the_former_ones_still_count)
{
    server_t server;
    char text[32];
    server_open(&server);
    client_t *client = add_client(&server, "before");
    int peer = new_socket(0);
    CHECK(check(peer, &server, "before") == client);
    CHECK(check(peer, &server, "after") == NULL);
    snprintf(client->ufrag, sizeof client->ufrag, "after");
    client_touch(client);
    while (client->entry->is_dirty)
        CHECK_INT(loop_dispatch(server.loop), 0);
    CHECK(check(peer, &server, "after") == client);
    CHECK(check(peer, &server, "before") == client);
    for (int i = 0; i < 1000; i++) { /* no more than a few are kept */
        snprintf(client->ufrag, sizeof client->ufrag, "restart%d", i);
        client_touch(client);
        while (client->entry->is_dirty)
            CHECK_INT(loop_dispatch(server.loop), 0);
    }
    CHECK(check(peer, &server, "restart999") == client);
    CHECK(check(peer, &server, "restart998") == client);
    snprintf(text, sizeof text, "restart%d", 900);
    CHECK(check(peer, &server, text) == NULL);
    close(peer);
    server_close(&server);
}

TEST(a_peer_that_comes_again_from_the_same_port_reaches_its_new_client)
{
    server_t server;
    server_open(&server);
    client_t *before = add_client(&server, "before"), *after = add_client(&server, "after");
    int peer = new_socket(0);
    address_t remote = address_of(peer);
    CHECK(check(peer, &server, "before") == before);
    CHECK(deliver_text(peer, &server, "\x80one") == before);
    CHECK(check(peer, &server, "after") == after);
    send_check(after, &remote);
    CHECK(answer_check(peer, &server, STUN_SUCCESS_RESPONSE) == after);
    CHECK(deliver_text(peer, &server, "\x80two") == after);
    send_out(before, "\x80late", 5, &remote); /* its consent has not run out yet */
    CHECK(deliver_text(peer, &server, "\x80three") == after);
    client_remove(after);
    server.clients[1] = NULL;
    CHECK(deliver_text(peer, &server, "\x80nobody") == NULL);
    close(peer);
    server_close(&server);
}

TEST(an_address_cannot_be_taken_from_a_client_by_forging_it)
{
    server_t server;
    server_open(&server);
    client_t *victim = add_client(&server, "victim"), *attacked = add_client(&server, "attacker");
    int peer = new_socket(0);
    address_t remote = address_of(peer);
    CHECK(check(peer, &server, "victim") == victim);
    /* A check for another client, with a forged source: it is answered there, but the address stays. */
    CHECK(check(peer, &server, "attacker") == attacked);
    CHECK(deliver_text(peer, &server, "\x80mine") == victim);
    /* A signalled candidate that is the victim's peer: it is checked, and refuses. */
    send_check(attacked, &remote);
    CHECK(answer_check(peer, &server, STUN_ERROR_RESPONSE) == attacked);
    CHECK(deliver_text(peer, &server, "\x80mine") == victim);
    /* An answer from elsewhere is no answer. */
    int other = new_socket(0);
    CHECK(answer_check(other, &server, STUN_SUCCESS_RESPONSE) == NULL);
    CHECK(deliver_text(peer, &server, "\x80mine") == victim);
    CHECK(deliver_text(other, &server, "\x80mine") == NULL);
    close(other);
    close(peer);
    server_close(&server);
}

TEST(a_check_that_is_not_answered_makes_an_address_nobodys)
{
    server_t server;
    server_open(&server);
    client_t *client = add_client(&server, "one");
    int peer = new_socket(0);
    address_t remote = address_of(peer);
    send_check(client, &remote);
    CHECK(deliver_text(peer, &server, "\x80not yet") == NULL);
    answers_checks = false; /* as the client does whose integrity check fails */
    CHECK(check(peer, &server, "one") == client);
    CHECK(deliver_text(peer, &server, "\x80not yet") == NULL);
    send_out(client, "\x80", 1, &remote); /* ICE sends on valid pairs only */
    CHECK(deliver_text(peer, &server, "\x80now") == client);
    CHECK_INT(server.loop->counters.receive_unclaimed, 2);
    close(peer);
    server_close(&server);
}

TEST(a_flood_of_what_is_nobodys_is_dropped_and_counted)
{
    enum { FLOOD = 3000 };
    server_t server;
    uint8_t bytes[128], transaction_id[STUN_TRANSACTION_ID_SIZE] = {0};
    char username[64];
    server_open(&server);
    client_t *client = add_client(&server, "one");
    int peer = new_socket(0), stranger = new_socket(0);
    CHECK(check(peer, &server, "one") == client);
    unsigned inputs = client->inputs;
    for (int i = 0; i < FLOOD; i++) {
        size_t length = 0;
        memcpy(transaction_id, &i, sizeof i);
        snprintf(username, sizeof username, "%s%d", i % 3 == 0 ? "on" : "one:", i);
        switch (i % 5) {
        case 0: /* names nobody, or has a broken end */
            length = write_stun(bytes, sizeof bytes, STUN_REQUEST, transaction_id, i % 3 == 0 ? username : NULL) - (i % 2 == 0 ? 0 : 4);
            break;
        case 1: /* answers what was not asked */
            length = write_stun(bytes, sizeof bytes, i % 2 == 0 ? STUN_SUCCESS_RESPONSE : STUN_ERROR_RESPONSE, transaction_id, username);
            break;
        case 2: /* an indication */
            length = write_stun(bytes, sizeof bytes, STUN_INDICATION, transaction_id, username);
            break;
        case 3: /* DTLS, SRTP, anything */
            length = 1 + (size_t)i % 100;
            memset(bytes, i, sizeof bytes);
            break;
        case 4: /* a request of another method */
            length = write_stun(bytes, sizeof bytes, STUN_REQUEST, transaction_id, username);
            bytes[1] |= 2;
            break;
        }
        CHECK(deliver(stranger, &server, bytes, length) == NULL);
    }
    CHECK_INT(client->inputs, inputs);
    CHECK_INT(server.loop->counters.receive_unclaimed, FLOOD);
    CHECK_INT(server.loop->counters.datagrams_sent, 1); /* the one answer */
    CHECK(deliver_text(peer, &server, "\x80still there") == client);
    close(stranger);
    close(peer);
    server_close(&server);
}

TEST(a_ufrag_of_another_client_is_refused)
{
    server_t server;
    server_open(&server);
    client_t *first = add_client(&server, "same");
    client_t *second = add_client(&server, "same");
    int peer = new_socket(0);
    CHECK(check(peer, &server, "same") == first);
    client_remove(second);
    server.clients[1] = NULL;
    CHECK(check(peer, &server, "same") == first);
    close(peer);
    server_close(&server);
}

TEST(the_port_is_closed_with_its_last_client)
{
    server_t server;
    server_open(&server);
    client_t *first = add_client(&server, "first"), *second = add_client(&server, "second");
    uint32_t number = first->sockets[0];
    loop_lock(server.loop);
    client_put(first, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = number});
    loop_touch(server.loop, first->entry);
    loop_unlock(server.loop);
    while (first->count != 0)
        CHECK_INT(loop_dispatch(server.loop), 0);
    CHECK(udp_socket_find(server.loop, number) != NULL);
    CHECK_INT(new_socket(server.network.shared_port), -1);
    int peer = new_socket(0);
    CHECK(check(peer, &server, "second") == second);
    CHECK(check(peer, &server, "first") == NULL); /* it has left */
    address_t remote = address_of(peer);
    send_out(first, "\x80", 1, &remote);
    CHECK_INT(server.loop->counters.send_dropped, 1);
    client_remove(second);
    server.clients[1] = NULL;
    CHECK(udp_socket_find(server.loop, number) == NULL);
    int again = new_socket(server.network.shared_port);
    CHECK(again >= 0);
    close(again);
    close(peer);
    server_close(&server);
}

static void ask_for_own_socket(client_t *client, const address_t *remote)
{
    output_t output = {.type = OUTPUT_CONNECT, .link = {.request = 7, .protocol = LINK_UDP, .local = client->locals[0], .remote = *remote}};
    output.link.local.port = 0;
    loop_lock(client->loop);
    client_put(client, &output);
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    while (client->links_opened == 0)
        CHECK_INT(loop_dispatch(client->loop), 0);
}

TEST(a_client_may_have_a_socket_of_its_own_beside_the_shared_one)
{
    server_t server;
    server_open(&server);
    answers_checks = false;
    client_t *clients[] = {add_client(&server, "first"), add_client(&server, "second")};
    int fd = new_socket(0);
    address_t remote = address_of(fd);
    for (int i = 0; i < 2; i++) {
        client_t *client = clients[i];
        ask_for_own_socket(client, &remote);
        CHECK_INT(client->link_request, 7);
        CHECK(client->link_end.port != server.address.port);
        packet_t *packet = new_packet(client, "\x80", 1, &remote);
        packet->path.socket = client->link;
        loop_lock(server.loop);
        client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = packet});
        loop_touch(server.loop, client->entry);
        loop_unlock(server.loop);
        CHECK_INT(loop_dispatch(server.loop), 0);
        char byte;
        sockaddr_any_t name;
        socklen_t length = sizeof name;
        address_t source;
        CHECK_INT(recvfrom(fd, &byte, 1, 0, &name.any, &length), 1);
        CHECK(sockaddr_to_address(&name.any, &source) && address_equal(&source, &client->link_end));
        server_t own = {.loop = server.loop, .address = client->link_end};
        CHECK(deliver_text(fd, &own, "\x80to one alone") == client);
    }
    CHECK(clients[0]->link_end.port != clients[1]->link_end.port);
    for (int i = 0; i < 100; i++) { /* one that is closed leaves room for the next */
        loop_lock(server.loop);
        client_put(clients[0], &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = clients[0]->link});
        loop_touch(server.loop, clients[0]->entry);
        loop_unlock(server.loop);
        clients[0]->links_opened = 0;
        uint32_t last = clients[0]->link;
        ask_for_own_socket(clients[0], &remote);
        CHECK(clients[0]->link != last && udp_socket_find(server.loop, last) == NULL);
    }
    close(fd);
    server_close(&server);
}
