/* NAT discovery through the public headers, against a STUN server of the test's own on loopback addresses. What NATs there can be is shown
 * in the unit tests and in the lab; here it is the interface. */
#include "test.h"

#include <peer/peer.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS 4 /* two addresses with two ports each */

typedef struct server {
    int sockets[SOCKETS];
    struct sockaddr_in names[SOCKETS];
    int count; /* 1: a plain server */
    int stop[2];
    pthread_t thread;
    char url[64];
} server_t;

static void put_address(uint8_t *at, uint16_t type, const struct sockaddr_in *name, int is_xored)
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
    const uint8_t head[] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 8, 0, 1};
    memcpy(at, head, sizeof head);
    memcpy(at + 6, &name->sin_port, 2);
    memcpy(at + 8, &name->sin_addr, 4);
    for (int i = 0; is_xored && i < 6; i++)
        at[6 + i] ^= cookie[i < 2 ? i : i - 2];
}

/* A success response with XOR-MAPPED-ADDRESS and OTHER-ADDRESS, from where CHANGE-REQUEST says. */
static void answer(const server_t *server, int socket)
{
    uint8_t request[512], response[44] = {1, 1, 0, 24};
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(server->sockets[socket], request, sizeof request, 0, (struct sockaddr *)&from, &size);
    if (length < 20)
        return;
    int change = length >= 28 && request[20] == 0 && request[21] == 3 ? request[27] : 0;
    memcpy(response + 4, request + 4, 16);
    put_address(response + 20, 0x0020, &from, 1);
    put_address(response + 32, 0x802c, &server->names[3], 0);
    if (server->count == 1)
        response[3] = 12;
    int other = server->count == 1 ? 0 : socket ^ ((change & 4) != 0 ? 2 : 0) ^ ((change & 2) != 0 ? 1 : 0);
    sendto(server->sockets[other], response, 20u + response[3], 0, (struct sockaddr *)&from, size);
}

static void *serve(void *argument)
{
    server_t *server = argument;
    struct pollfd wait[SOCKETS + 1] = {{.fd = server->stop[0], .events = POLLIN}};
    for (int i = 0; i < server->count; i++)
        wait[1 + i] = (struct pollfd){.fd = server->sockets[i], .events = POLLIN};
    while (poll(wait, (nfds_t)server->count + 1, -1) >= 0 && wait[0].revents == 0)
        for (int i = 0; i < server->count; i++)
            if (wait[1 + i].revents != 0)
                answer(server, i);
    return NULL;
}

/* Binds to 127.0.0.<last>; port 0: any. */
static int open_socket(int last, in_port_t port, struct sockaddr_in *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t size = sizeof *name;
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(0x7f000000u + (unsigned)last)};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)name, sizeof *name) == 0 && getsockname(fd, (struct sockaddr *)name, &size) == 0);
    return fd;
}

/* At 127.0.0.<last>, and with several sockets at the address after it too. */
static void start_at(server_t *server, int count, int last)
{
    *server = (server_t){.count = count};
    CHECK_INT(pipe(server->stop), 0);
    for (int i = 0; i < count; i++) /* the ports of the first two, on both addresses */
        server->sockets[i] = open_socket(i < 2 ? last : last + 1, i < 2 ? 0 : server->names[i - 2].sin_port, &server->names[i]);
    snprintf(server->url, sizeof server->url, "stun:127.0.0.%d:%u", last, ntohs(server->names[0].sin_port));
    CHECK_INT(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void start(server_t *server, int count)
{
    start_at(server, count, 2);
}

static void stop(server_t *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    for (int i = 0; i < server->count; i++)
        close(server->sockets[i]);
}

typedef struct seen {
    atomic_int results, closed;
    int32_t error;
    char *json;
    void (*then)(peer_nat_discovery_t *discovery); /* done inside on_result */
} seen_t;

static void on_result(peer_nat_discovery_t *discovery, const peer_nat_result_t *result, void *user)
{
    seen_t *seen = user;
    CHECK_INT(result->size, sizeof *result);
    CHECK_INT(result->error != 0, result->message != NULL);
    seen->error = result->error;
    seen->json = peer_nat_result_to_json(result);
    atomic_fetch_add(&seen->results, 1);
    if (seen->then != NULL)
        seen->then(discovery);
}

static void on_closed(peer_nat_discovery_t *discovery, void *user)
{
    seen_t *seen = user;
    peer_nat_discovery_unref(peer_nat_discovery_ref(discovery));
    atomic_fetch_add(&seen->closed, 1);
}

static const peer_nat_events_t events = {.on_result = on_result, .on_closed = on_closed};

static peer_nat_discovery_t *discover(peer_loop_t *loop, const char *urls, const char *local, seen_t *seen)
{
    peer_nat_options_t options;
    peer_nat_options_init(&options, sizeof options);
    options.urls = urls;
    options.local_address = local;
    options.loop = loop;
    peer_nat_discovery_t *discovery = peer_nat_discovery_new(&options, &events, seen);
    CHECK(discovery != NULL);
    return discovery;
}

static void dispatch_until(peer_loop_t *loop, const atomic_int *count)
{
    struct pollfd wait = {.fd = peer_loop_fd(loop), .events = POLLIN};
    while (atomic_load(count) == 0) {
        CHECK(poll(&wait, 1, 30000) == 1);
        CHECK_INT(peer_loop_dispatch(loop), 0);
    }
}

static bool has(const seen_t *seen, const char *text)
{
    return seen->json != NULL && strstr(seen->json, text) != NULL;
}

/* Runs one discovery on a loop of the application's, up to on_closed. */
static void run(const char *urls, const char *local, seen_t *seen)
{
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_nat_discovery_t *discovery = discover(loop, urls, local, seen);
    dispatch_until(loop, &seen->results);
    CHECK_INT(seen->closed, 0);
    peer_nat_discovery_close(discovery);
    peer_nat_discovery_close(discovery);
    dispatch_until(loop, &seen->closed);
    peer_nat_discovery_unref(discovery);
    peer_loop_unref(loop);
    CHECK_INT(seen->results, 1);
    CHECK_INT(seen->closed, 1);
}

TEST(a_host_without_nat_or_filter_is_open)
{
    server_t server;
    seen_t seen = {.error = 1};
    start(&server, SOCKETS);
    run(server.url, NULL, &seen);
    CHECK_INT(seen.error, 0);
    CHECK(has(&seen, "\"nat_type\":\"open\""));
    CHECK(has(&seen, "\"mapping\":\"endpoint-independent\"") && has(&seen, "\"filtering\":\"endpoint-independent\""));
    CHECK(has(&seen, "\"mapped_address\":\"127.0.0.1:") && has(&seen, "\"local_address\":\"127.0.0.1:"));
    CHECK(has(&seen, "\"other_address\":\"127.0.0.3:"));
    CHECK(has(&seen, "\"hairpinning\":null") && has(&seen, "\"binding_lifetime_s\":null"));
    CHECK(has(&seen, "\"turn\":\"seldom\"") && has(&seen, "\"error\":null"));
    peer_string_free(seen.json);
    stop(&server);
}

TEST(what_a_plain_server_cannot_tell_is_null)
{
    server_t server;
    seen_t seen = {.error = 1};
    start(&server, 1);
    run(server.url, "127.0.0.5", &seen);
    CHECK_INT(seen.error, 0);
    CHECK(has(&seen, "\"nat_type\":null") && has(&seen, "\"filtering\":null") && has(&seen, "\"other_address\":null"));
    CHECK(has(&seen, "\"mapping\":\"endpoint-independent\"") && has(&seen, "\"mapped_address\":\"127.0.0.5:"));
    CHECK(has(&seen, "\"direct_with\":null"));
    peer_string_free(seen.json);
    stop(&server);
}

TEST(a_server_is_found_by_its_name)
{
    server_t server;
    seen_t seen = {.error = 1};
    char url[64];
    start_at(&server, 1, 1);
    snprintf(url, sizeof url, "stun:localhost:%u", ntohs(server.names[0].sin_port));
    run(url, NULL, &seen);
    CHECK_INT(seen.error, 0);
    CHECK(has(&seen, "\"mapped_address\":\"127.0.0.1:") && has(&seen, "\"server_address\":\"127.0.0.1:"));
    peer_string_free(seen.json);
    stop(&server);
}

TEST(a_local_address_that_is_not_there_is_an_error_of_the_result)
{
    seen_t seen = {.error = 1};
    run("stun:127.0.0.2", "203.0.113.77", &seen);
    CHECK_INT(seen.error, PEER_ERROR_NETWORK);
    CHECK(has(&seen, "\"nat_type\":null") && !has(&seen, "\"error\":null"));
    peer_string_free(seen.json);
}

static void give_up(peer_nat_discovery_t *discovery)
{
    peer_nat_discovery_close(discovery);
    peer_nat_discovery_unref(discovery); /* the application's only one */
}

TEST(a_discovery_is_closed_and_given_back_inside_its_event)
{
    server_t server;
    seen_t seen = {.then = give_up};
    start(&server, SOCKETS);
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    discover(loop, server.url, NULL, &seen);
    dispatch_until(loop, &seen.closed);
    CHECK_INT(seen.results, 1);
    CHECK_INT(seen.closed, 1);
    peer_loop_unref(loop);
    peer_string_free(seen.json);
    stop(&server);
}

TEST(what_is_closed_at_once_tells_no_result)
{
    server_t server;
    seen_t seen = {.error = 0};
    start(&server, SOCKETS);
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_nat_discovery_unref(discover(loop, server.url, NULL, &seen));
    dispatch_until(loop, &seen.closed);
    CHECK_INT(seen.results, 0);
    peer_loop_unref(loop);
    stop(&server);
}

static void wait_until(const atomic_int *count)
{
    while (atomic_load(count) == 0)
        poll(NULL, 0, 1);
}

TEST(discoveries_on_the_librarys_loop_are_closed_from_another_thread)
{
    server_t server;
    seen_t seen[8] = {{.error = 0}};
    peer_nat_discovery_t *discoveries[8];
    start(&server, SOCKETS);
    for (int i = 0; i < 8; i++)
        discoveries[i] = discover(NULL, server.url, NULL, &seen[i]);
    wait_until(&seen[0].results);
    for (int i = 0; i < 8; i++)
        peer_nat_discovery_unref(discoveries[i]);
    for (int i = 0; i < 8; i++) {
        wait_until(&seen[i].closed);
        CHECK(seen[i].results <= 1);
        peer_string_free(seen[i].json);
    }
    stop(&server);
}

static int refusal(const char *urls, const char *local, uint32_t lifetime_seconds)
{
    peer_nat_options_t options;
    peer_nat_options_init(&options, sizeof options);
    options.urls = urls;
    options.local_address = local;
    options.lifetime_seconds = lifetime_seconds;
    CHECK(peer_nat_discovery_new(&options, &events, NULL) == NULL);
    return peer_last_error_code();
}

TEST(options_that_cannot_be_are_refused)
{
    CHECK_INT(refusal(NULL, NULL, 0), PEER_ERROR_TYPE);
    CHECK_INT(refusal("  ", NULL, 0), PEER_ERROR_TYPE);
    CHECK_INT(refusal("http://example.org", NULL, 0), PEER_ERROR_SYNTAX);
    CHECK_INT(refusal("stun:127.0.0.2:0", NULL, 0), PEER_ERROR_SYNTAX);
    CHECK_INT(refusal("turn:127.0.0.2", NULL, 0), PEER_ERROR_NOT_SUPPORTED);
    CHECK_INT(refusal("stuns:127.0.0.2", NULL, 0), PEER_ERROR_NOT_SUPPORTED);
    CHECK_INT(refusal("stun:127.0.0.2 stun:127.0.0.2?transport=tcp", NULL, 0), PEER_ERROR_NOT_SUPPORTED);
    CHECK_INT(refusal("stun:a stun:b stun:c stun:d stun:e stun:f stun:g stun:h stun:i", NULL, 0), PEER_ERROR_RANGE);
    CHECK_INT(refusal("stun:127.0.0.2", "localhost", 0), PEER_ERROR_SYNTAX);
    CHECK_INT(refusal("stun:127.0.0.2", NULL, 3601), PEER_ERROR_RANGE);
    CHECK(peer_nat_discovery_new(NULL, &events, NULL) == NULL);
    CHECK(peer_nat_discovery_new(&(peer_nat_options_t){.urls = "stun:127.0.0.2"}, &events, NULL) == NULL);
    peer_nat_discovery_unref(NULL);
}

TEST(every_type_has_its_words_and_values_outside_have_none)
{
    for (int32_t type = PEER_NAT_UNKNOWN; type <= PEER_NAT_FIREWALLED; type++) {
        CHECK_INT(*peer_nat_type_name(type) != '\0', type != PEER_NAT_UNKNOWN);
        CHECK(*peer_nat_type_meaning(type) != '\0');
        CHECK(*peer_nat_turn_need_meaning(peer_nat_turn_need(type)) != '\0');
        CHECK_INT(*peer_nat_turn_need_name(peer_nat_turn_need(type)) != '\0', type != PEER_NAT_UNKNOWN);
    }
    CHECK_TEXT(peer_nat_type_name(PEER_NAT_SYMMETRIC), "symmetric");
    CHECK_TEXT(peer_nat_behaviour_name(PEER_NAT_ADDRESS_AND_PORT_DEPENDENT), "address-and-port-dependent");
    CHECK_INT(peer_nat_can_connect(PEER_NAT_SYMMETRIC, PEER_NAT_FULL_CONE), 1);
    CHECK_INT(peer_nat_can_connect(PEER_NAT_PORT_RESTRICTED_CONE, PEER_NAT_SYMMETRIC), 0);
    CHECK_INT(peer_nat_turn_need(PEER_NAT_UDP_BLOCKED), PEER_NAT_TURN_ALWAYS);
    static const int32_t outside[] = {-1, PEER_NAT_FIREWALLED + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(peer_nat_type_name(outside[i]), "");
        CHECK_TEXT(peer_nat_type_meaning(outside[i]), "");
        CHECK_TEXT(peer_nat_behaviour_name(outside[i]), "");
        CHECK_TEXT(peer_nat_turn_need_name(outside[i]), "");
        CHECK_INT(peer_nat_can_connect(outside[i], PEER_NAT_OPEN), 0);
        CHECK_INT(peer_nat_turn_need(outside[i]), PEER_NAT_TURN_UNKNOWN);
    }
}
