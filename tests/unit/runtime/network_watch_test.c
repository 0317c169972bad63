/* Addresses, carriers and routes that come and go, in a network namespace of the test's own. */
#include "runtime/loop_private.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 30000
#define OPEN_MAX_SOCKETS 64

typedef struct host_client {
    loop_t *loop;
    loop_entry_t *entry;
    output_t output; /* the next one */
    bool has_output;
    struct {
        uint32_t number;
        address_t local;
    } open[OPEN_MAX_SOCKETS];
    size_t count;
    unsigned opened, closed, completes;
    const char *expected; /* awaited: the addresses that have a socket, as a text */
} host_client_t;

static void input(void *context, peer_time_t now, packet_t *packet)
{
    packet_unref(packet);
}

static void timeout(void *context, peer_time_t now)
{
}

static peer_time_t deadline(const void *context)
{
    return PEER_TIME_NEVER;
}

static bool poll_output(void *context, output_t *output)
{
    host_client_t *client = context;
    bool has_output = client->has_output;
    *output = client->output;
    client->has_output = false;
    return has_output;
}

static void socket_opened(void *context, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    host_client_t *client = context;
    CHECK(client->count < OPEN_MAX_SOCKETS);
    client->open[client->count].number = socket;
    client->open[client->count++].local = *local;
    client->opened++;
}

static void sockets_complete(void *context, peer_time_t now)
{
    ((host_client_t *)context)->completes++;
}

static void forget(host_client_t *client, uint32_t socket)
{
    size_t i = 0;
    while (i < client->count && client->open[i].number != socket)
        i++;
    CHECK(i < client->count);
    client->open[i] = client->open[--client->count];
}

static void socket_closed(void *context, peer_time_t now, uint32_t socket, const char *text)
{
    host_client_t *client = context;
    CHECK(text != NULL && text[0] != '\0');
    forget(client, socket);
    client->closed++;
}

static const loop_client_ops_t ops = {.input = input,
                                      .timeout = timeout,
                                      .deadline = deadline,
                                      .poll = poll_output,
                                      .socket_opened = socket_opened,
                                      .sockets_complete = sockets_complete,
                                      .socket_closed = socket_closed};

static void run(const char *command)
{
    int status = system(command);
    if (status != 0)
        test_fail(__FILE__, __LINE__, "%s: status %d", command, status);
}

/* A namespace with two ends of one cable, each the other's carrier. False where nobody may make one. */
static bool enter_namespace(void)
{
    if (unshare(CLONE_NEWNET) < 0) {
        test_note("no network namespace: %s", strerror(errno));
        return false;
    }
    run("ip link set lo up && ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
    run("ip link add wa type veth peer name wb && ip link set wa up && ip link set wb up");
    return true;
}

static void do_output(host_client_t *client, const output_t *output)
{
    loop_lock(client->loop);
    client->output = *output;
    client->has_output = true;
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
}

static void open_client(host_client_t *client, loop_t *loop, const loop_network_t *network)
{
    *client = (host_client_t){.loop = loop};
    client->entry = loop_add(loop, &ops, client, network, NULL, client);
    CHECK(client->entry != NULL);
    do_output(client, &(output_t){.type = OUTPUT_OPEN_SOCKETS});
    CHECK_INT(client->completes, 1);
}

static void begin(host_client_t *client, const loop_network_t *network)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    CHECK(loop != NULL);
    open_client(client, loop, network);
}

static void end(host_client_t *client)
{
    loop_remove(client->loop, client->entry, NULL);
    loop_unref(client->loop);
}

static bool has_exactly(const host_client_t *client, const char *expected)
{
    char rest[512], *save = NULL;
    size_t found = 0;
    snprintf(rest, sizeof rest, "%s", expected);
    for (char *word = strtok_r(rest, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        address_t address;
        CHECK(address_parse(&address, word, 0));
        size_t i = 0;
        while (i < client->count && !address_ip_equal(&client->open[i].local, &address))
            i++;
        if (i == client->count)
            return false;
        found++;
    }
    return found == client->count;
}

static void await(host_client_t *client, const char *expected)
{
    while (!has_exactly(client, expected)) {
        struct pollfd wait = {.fd = loop_fd(client->loop), .events = POLLIN};
        CHECK_INT(poll(&wait, 1, PATIENCE_MS), 1);
        CHECK_INT(loop_dispatch(client->loop), 0);
    }
}

TEST(an_address_that_appears_gets_a_socket_and_one_that_leaves_loses_it)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_IF_ALONE};
    if (!enter_namespace())
        return;
    run("ip addr add 192.0.2.1/24 dev va && ip -6 addr add 2001:db8:1::1/64 dev va nodad");
    begin(&client, &network);
    await(&client, "192.0.2.1 2001:db8:1::1");
    run("ip addr add 198.51.100.1/24 dev wa");
    await(&client, "192.0.2.1 2001:db8:1::1 198.51.100.1");
    CHECK_INT(client.completes, 2);
    run("ip addr del 192.0.2.1/24 dev va");
    await(&client, "2001:db8:1::1 198.51.100.1");
    run("ip link del wa");
    await(&client, "2001:db8:1::1");
    CHECK_INT(client.closed, 2);
    CHECK_INT(client.completes, 2); /* nothing was opened */
    end(&client);
}

TEST(changes_that_come_together_are_told_together)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_NEVER};
    if (!enter_namespace())
        return;
    begin(&client, &network);
    run("for i in 1 2 3; do ip addr add 192.0.2.$i/24 dev va; ip addr add 198.51.100.$i/24 dev wa; done");
    await(&client, "192.0.2.1 192.0.2.2 192.0.2.3 198.51.100.1 198.51.100.2 198.51.100.3");
    CHECK_INT(client.completes, 2);
    run("ip addr flush dev va");
    run("ip addr add 192.0.2.2/24 dev va"); /* gone and come back before anybody looked */
    await(&client, "192.0.2.2 198.51.100.1 198.51.100.2 198.51.100.3");
    CHECK_INT(client.closed, 2);
    end(&client);
}

TEST(a_lost_carrier_takes_its_addresses_along)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_NEVER};
    if (!enter_namespace())
        return;
    run("ip addr add 192.0.2.1/24 dev va && ip addr add 198.51.100.1/24 dev wa");
    begin(&client, &network);
    await(&client, "192.0.2.1 198.51.100.1");
    run("ip link set vb down");
    await(&client, "198.51.100.1");
    run("ip link set vb up");
    await(&client, "192.0.2.1 198.51.100.1");
    CHECK_INT(client.closed, 1);
    CHECK_INT(client.opened, 3);
    end(&client);
}

TEST(messages_that_overflow_the_watch_are_not_missed)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_NEVER};
    if (!enter_namespace())
        return;
    begin(&client, &network);
    run("(for i in $(seq 2 250); do for j in 1 2 3 4; do echo addr add 10.0.$j.$i/8 dev va; done; done; echo addr flush dev va;"
        " echo addr add 192.0.2.9/24 dev va) | ip -batch -");
    await(&client, "192.0.2.9");
    CHECK_INT(client.completes, 2);
    end(&client);
}

TEST(loopback_sockets_stay_when_another_address_comes)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_IF_ALONE, .without_ipv6 = true};
    if (!enter_namespace())
        return;
    begin(&client, &network);
    await(&client, "127.0.0.1");
    run("ip addr add 192.0.2.1/24 dev va");
    await(&client, "127.0.0.1 192.0.2.1");
    CHECK_INT(client.closed, 0);
    end(&client);
}

TEST(what_the_client_has_closed_is_not_opened_again_for_another_address)
{
    host_client_t client;
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_NEVER};
    if (!enter_namespace())
        return;
    run("ip addr add 192.0.2.1/24 dev va");
    begin(&client, &network);
    await(&client, "192.0.2.1");
    uint32_t number = client.open[0].number;
    do_output(&client, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = number});
    forget(&client, number);
    run("ip addr add 198.51.100.1/24 dev wa");
    await(&client, "198.51.100.1");
    do_output(&client, &(output_t){.type = OUTPUT_OPEN_SOCKETS}); /* asked for again */
    await(&client, "192.0.2.1 198.51.100.1");
    end(&client);
}

TEST(a_default_route_policy_follows_the_route)
{
    host_client_t one, all_of_one;
    const loop_network_t mode_3 = {.loopback = LOOP_LOOPBACK_NEVER, .address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE};
    const loop_network_t mode_2 = {.loopback = LOOP_LOOPBACK_NEVER, .address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE};
    if (!enter_namespace())
        return;
    run("ip addr add 192.0.2.1/24 dev va && ip addr add 10.1.1.1/24 dev va && ip addr add 198.51.100.1/24 dev wa");
    run("ip -6 addr add 2001:db8:1::1/64 dev wa nodad");
    begin(&one, &mode_3);
    open_client(&all_of_one, one.loop, &mode_2);
    CHECK(has_exactly(&one, "") && has_exactly(&all_of_one, ""));
    run("ip route add default via 192.0.2.254");
    await(&one, "192.0.2.1");
    await(&all_of_one, "192.0.2.1 10.1.1.1");
    run("ip route replace default via 198.51.100.254");
    await(&one, "192.0.2.1 198.51.100.1"); /* what is in use stays */
    await(&all_of_one, "192.0.2.1 10.1.1.1 198.51.100.1 2001:db8:1::1");
    run("ip -6 route add default via 2001:db8:1::fe");
    await(&one, "192.0.2.1 198.51.100.1 2001:db8:1::1");
    loop_remove(all_of_one.loop, all_of_one.entry, NULL);
    end(&one);
}
