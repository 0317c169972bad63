#include "test_client.h"

#include "runtime/sockaddr.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void request(client_t *client, uint32_t number, const char *name)
{
    output_t output = {.type = OUTPUT_RESOLVE, .resolve = {.request = number}};
    snprintf(output.resolve.name, sizeof output.resolve.name, "%s", name);
    loop_lock(client->loop);
    client_put(client, &output);
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
}

TEST(an_address_is_its_own_answer_at_once)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new(loop);
    char text[ADDRESS_TEXT_SIZE];
    request(client, 5, "192.0.2.77");
    CHECK_INT(client->last_request, 5);
    CHECK_INT(client->resolved_count, 1);
    CHECK_TEXT(address_ip_text(&client->resolved[0], text), "192.0.2.77");
    request(client, 6, "2001:db8::5");
    loop_dispatch(loop);
    CHECK_INT(client->last_request, 6);
    CHECK_TEXT(address_ip_text(&client->resolved[0], text), "2001:db8::5");
    CHECK(loop->resolver == NULL);
    client_remove(client);
    loop_unref(loop);
}

TEST(localhost_is_found_by_the_helper_thread)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *client = client_new(loop);
    request(client, 9, "localhost");
    wait_for(&client->done);
    CHECK_INT(client->last_request, 9);
    CHECK(client->resolved_count >= 1);
    CHECK(address_is_loopback(&client->resolved[0]));
    client_remove(client);
    loop_unref(loop);
}

TEST(a_name_that_cannot_exist_is_answered_with_failure)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *client = client_new(loop);
    request(client, 1, "not a host name!");
    wait_for(&client->done);
    CHECK_INT(client->resolved_count, 0);
    request(client, 2, "");
    wait_for(&client->done);
    CHECK_INT(client->last_request, 2);
    CHECK_INT(client->resolved_count, 0);
    client_remove(client);
    loop_unref(loop);
}

TEST(a_loop_may_end_while_names_are_looked_up)
{
    for (int i = 0; i < 20; i++) {
        loop_t *loop = loop_new(i % 2 == 0 ? LOOP_THREAD : LOOP_MANUAL);
        client_t *client = client_new(loop);
        request(client, 1, "localhost");
        request(client, 2, "ip6-localhost");
        client_remove(client);
        loop_unref(loop);
    }
}

/* A responder of one name on the loopback interface; it answers to the group, as RFC 6762 §6 asks. */
static int responder_open(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_any_t name;
    address_t any = {.family = ADDRESS_IPV4, .port = 5353};
    struct ip_mreqn group = {.imr_multiaddr = {htonl(0xe00000fb)}, .imr_address = {htonl(INADDR_LOOPBACK)}};
    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &any)) == 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) == 0);
    return fd;
}

typedef struct responder {
    int fd;
    client_t *client;
    unsigned queries;
    unsigned ignored; /* so many queries get no answer */
} responder_t;

static bool respond_until_resolved(void *context)
{
    static const uint8_t answer[] = {0,   0,   0x84, 0,   0,   0, 0, 1, 0,    0, 0, 0, 6, 'p', 'e', 'e', 'r', '-', '7', 5,
                                     'l', 'o', 'c',  'a', 'l', 0, 0, 1, 0x80, 1, 0, 0, 0, 120, 0,   4,   127, 0,   0,   7};
    responder_t *responder = context;
    uint8_t message[512];
    ssize_t length = recv(responder->fd, message, sizeof message, 0);
    if (length > 12 && !(message[2] & 0x80) && memcmp(message + 12, "\6Peer-7\5local", 14) == 0 &&
        responder->queries++ >= responder->ignored) {
        sockaddr_any_t name;
        address_t to = address_ipv4(224, 0, 0, 251, 5353);
        CHECK(sendto(responder->fd, answer, sizeof answer, 0, &name.any, sockaddr_from_address(&name, &to)) == sizeof answer);
    }
    return responder->client->resolves != 0;
}

static void resolve_by_mdns(unsigned ignored)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    loop->is_mdns_on_loopback = true;
    responder_t responder = {.fd = responder_open(), .client = client_new(loop), .ignored = ignored};
    char text[ADDRESS_TEXT_SIZE];
    request(responder.client, 3, "Peer-7.local");
    request(responder.client, 4, "peer-7.LOCAL.");
    dispatch_until(loop, respond_until_resolved, &responder);
    CHECK_INT(responder.client->resolves, 2);
    CHECK_INT(responder.client->resolved_count, 1);
    CHECK_TEXT(address_ip_text(&responder.client->resolved[0], text), "127.0.0.7");
    CHECK(responder.queries >= ignored + 1);
    client_remove(responder.client);
    loop_unref(loop);
    close(responder.fd);
}

TEST(a_local_name_is_asked_for_by_multicast_and_the_answer_is_believed)
{
    resolve_by_mdns(0);
}

TEST(a_lost_multicast_query_is_put_again)
{
    resolve_by_mdns(1);
}

static bool is_resolved(void *context)
{
    return ((client_t *)context)->resolves != 0;
}

TEST(a_local_name_nobody_has_is_given_up)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    loop->is_mdns_on_loopback = true;
    client_t *client = client_new(loop);
    request(client, 3, "nobody-has-this-name.local");
    dispatch_until(loop, is_resolved, client);
    CHECK_INT(client->resolved_count, 0);
    client_remove(client);
    loop_unref(loop);
}
