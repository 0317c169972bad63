/* Published names, asked for by hand over loopback, and by a resolver in another network namespace. */
#include "test_client.h"

#include "runtime/mdns_private.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "5f4c2b1e-7d3a-4c60-9b0e-3c1f7a5d9e21.local"
#define OTHER "0d9a61c4-2f8b-47e5-8a1d-b6c07e3f5a92.local"
#define MDNS_PORT 5353

typedef struct asker {
    int fd;
    loop_t *loop;
    client_t *client;
    /* the last answer */
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t record_count;
    uint8_t message[1500];
    size_t length;
    bool is_unicast;
    unsigned answers;
} asker_t;

static int open_socket(uint16_t port)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_any_t name;
    address_t any = {.family = ADDRESS_IPV4, .port = port};
    struct ip_mreqn group = {.imr_multiaddr = {htonl(0xe00000fb)}, .imr_address = {htonl(INADDR_LOOPBACK)}};
    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &any)) == 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) == 0);
    if (port == MDNS_PORT)
        CHECK(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
    return fd;
}

static void run(const char *command)
{
    int status = system(command);
    if (status != 0)
        test_fail(__FILE__, __LINE__, "%s: status %d", command, status);
}

/* On a loopback interface of its own where that can be had: others speak there too. */
static asker_t asker_open(uint16_t port)
{
    if (unshare(CLONE_NEWNET) == 0)
        run("ip link set lo up");
    asker_t asker = {.loop = loop_new(LOOP_MANUAL), .fd = open_socket(port)};
    asker.loop->is_mdns_on_loopback = true;
    asker.client = client_new(asker.loop);
    return asker;
}

static void asker_close(asker_t *asker)
{
    if (asker->client != NULL)
        client_remove(asker->client);
    loop_unref(asker->loop);
    close(asker->fd);
}

static void publish(client_t *client, const char *name, const char *address)
{
    output_t output = {.type = OUTPUT_PUBLISH_NAME};
    snprintf(output.publish.name, sizeof output.publish.name, "%s", name);
    CHECK(address_parse(&output.publish.address, address, 0));
    loop_lock(client->loop);
    client_put(client, &output);
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    while (client->count != 0)
        CHECK_INT(loop_dispatch(client->loop), 0);
}

static size_t write_question(uint8_t *message, size_t at, const char *name, uint16_t type, bool wants_unicast)
{
    uint8_t whole[MDNS_QUERY_MAX];
    size_t length = mdns_write_query(whole, sizeof whole, name);
    size_t name_length = (length - 12) / 2 - 4; /* it asks for two types */
    memcpy(message + at, whole + 12, name_length);
    at += name_length;
    memcpy(message + at, (uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, wants_unicast ? 0x80 : 0, 1}, 4);
    return at + 4;
}

static void send_query(const asker_t *asker, const uint8_t *message, size_t length)
{
    sockaddr_any_t name;
    address_t group = address_ipv4(224, 0, 0, 251, MDNS_PORT);
    CHECK_INT(sendto(asker->fd, message, length, 0, &name.any, sockaddr_from_address(&name, &group)), (ssize_t)length);
}

static void ask(const asker_t *asker, const char *name, uint16_t type, bool wants_unicast)
{
    uint8_t message[512] = {0x12, 0x34, [5] = 1};
    send_query(asker, message, write_question(message, 12, name, type, wants_unicast));
}

/* Takes one answer from the socket, if there is one; other messages on the link are passed over. */
static bool has_answer(void *context)
{
    asker_t *asker = context;
    for (;;) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct iovec vector = {.iov_base = asker->message, .iov_len = sizeof asker->message};
        struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t length = recvmsg(asker->fd, &header, 0);
        if (length < 0)
            return false;
        asker->length = (size_t)length;
        if (!mdns_parse_response(asker->message, asker->length, asker->records, &asker->record_count))
            continue;
        if (asker->record_count != 0 && strcmp(asker->records[0].name, NAME) != 0 && strcmp(asker->records[0].name, OTHER) != 0)
            continue;
        const struct cmsghdr *info = CMSG_FIRSTHDR(&header);
        CHECK(info != NULL && info->cmsg_type == IP_PKTINFO);
        struct in_pktinfo packet;
        memcpy(&packet, CMSG_DATA(info), sizeof packet);
        asker->is_unicast = packet.ipi_addr.s_addr == htonl(INADDR_LOOPBACK);
        asker->answers++;
        return true;
    }
}

static void await_answer(asker_t *asker, const char *name, const char *address)
{
    char text[ADDRESS_TEXT_SIZE];
    dispatch_until(asker->loop, has_answer, asker);
    CHECK_INT(asker->record_count, 1);
    CHECK_TEXT(asker->records[0].name, name);
    CHECK_TEXT(address_ip_text(&asker->records[0].address, text), address);
}

TEST(a_published_name_is_answered_for_to_all_or_to_the_asker_as_he_wants)
{
    asker_t asker = asker_open(MDNS_PORT);
    publish(asker.client, NAME, "127.0.0.1");
    ask(&asker, NAME, MDNS_TYPE_A, false);
    await_answer(&asker, NAME, "127.0.0.1");
    CHECK(!asker.is_unicast);
    CHECK_INT(asker.records[0].ttl, MDNS_TTL);
    CHECK_INT(asker.message[0] + asker.message[1], 0);
    ask(&asker, NAME, MDNS_TYPE_ANY, true);
    await_answer(&asker, NAME, "127.0.0.1");
    CHECK(asker.is_unicast);
    asker_close(&asker);
}

TEST(a_plain_resolver_is_answered_where_it_asks_from)
{
    asker_t asker = asker_open(0);
    publish(asker.client, NAME, "127.0.0.1");
    ask(&asker, NAME, MDNS_TYPE_A, false);
    await_answer(&asker, NAME, "127.0.0.1");
    CHECK(asker.is_unicast);
    CHECK(asker.message[0] == 0x12 && asker.message[1] == 0x34 && asker.message[5] == 1); /* its id, its question */
    CHECK(asker.records[0].ttl <= 10);
    asker_close(&asker);
}

TEST(a_type_that_the_name_has_not_is_denied_at_once)
{
    asker_t asker = asker_open(MDNS_PORT);
    publish(asker.client, NAME, "127.0.0.1");
    ask(&asker, NAME, MDNS_TYPE_AAAA, false);
    dispatch_until(asker.loop, has_answer, &asker);
    CHECK_INT(asker.record_count, 0);
    CHECK_INT(asker.message[7], 1);                                                  /* one answer */
    CHECK_BYTES(asker.message + asker.length - 4, ((uint8_t[]){12, 0, 1, 0x40}), 4); /* NSEC: only A */
    asker_close(&asker);
}

/* What must have no answer is followed by a question that has one: nothing came before that. */
static void check_silence(asker_t *asker)
{
    unsigned answers = asker->answers;
    ask(asker, OTHER, MDNS_TYPE_A, true);
    await_answer(asker, OTHER, "127.0.0.1");
    CHECK_INT(asker->answers, answers + 1);
}

TEST(no_answer_is_given_to_who_knows_it_nor_on_other_networks_nor_after_the_end)
{
    asker_t asker = asker_open(MDNS_PORT);
    client_t *other = client_new(asker.loop);
    uint8_t message[512] = {[5] = 1, [7] = 1};
    publish(other, OTHER, "127.0.0.1");
    publish(asker.client, NAME, "127.0.0.1");
    size_t length = write_question(message, 12, NAME, MDNS_TYPE_A, false);
    static const uint8_t known[] = {0xc0, 12, 0, 1, 0x80, 1, 0, 0, 0, 119, 0, 4, 127, 0, 0, 1};
    memcpy(message + length, known, sizeof known);
    send_query(&asker, message, length + sizeof known);
    check_silence(&asker);
    publish(asker.client, "elsewhere.local", "192.0.2.1"); /* not an address of the loopback interface */
    ask(&asker, "elsewhere.local", MDNS_TYPE_A, false);
    check_silence(&asker);
    client_remove(asker.client);
    asker.client = NULL;
    ask(&asker, NAME, MDNS_TYPE_A, false);
    check_silence(&asker);
    client_remove(other);
    asker_close(&asker);
}

TEST(a_flood_of_questions_has_one_answer_now_and_one_later)
{
    asker_t asker = asker_open(MDNS_PORT);
    client_t *other = client_new(asker.loop);
    publish(other, OTHER, "127.0.0.1");
    publish(asker.client, NAME, "127.0.0.1");
    peer_time_t begin = runtime_now();
    for (int i = 0; i < 100; i++)
        ask(&asker, NAME, MDNS_TYPE_A, false);
    await_answer(&asker, NAME, "127.0.0.1");
    check_silence(&asker);
    await_answer(&asker, NAME, "127.0.0.1");
    CHECK(runtime_now() - begin >= PEER_SECOND); /* RFC 6762 §6 */
    CHECK_INT(asker.answers, 3);
    client_remove(other);
    asker_close(&asker);
}

TEST(names_that_are_none_or_another_clients_are_not_published)
{
    asker_t asker = asker_open(MDNS_PORT);
    client_t *other = client_new(asker.loop);
    publish(other, OTHER, "127.0.0.1");
    publish(asker.client, OTHER, "127.0.0.2");
    publish(asker.client, "host.example", "127.0.0.1");
    publish(asker.client, ".local", "127.0.0.1");
    publish(asker.client, "a..local", "127.0.0.1");
    check_silence(&asker);
    client_remove(other);
    asker_close(&asker);
}

TEST(the_newest_name_of_a_client_replaces_its_oldest)
{
    asker_t asker = asker_open(MDNS_PORT);
    char name[64];
    publish(asker.client, NAME, "127.0.0.1");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "network-%d.local", i);
        publish(asker.client, name, "127.0.0.1");
    }
    publish(asker.client, OTHER, "127.0.0.1");
    ask(&asker, NAME, MDNS_TYPE_A, false);
    check_silence(&asker);
    asker_close(&asker);
}

static bool is_resolved(void *context)
{
    return ((client_t *)context)->resolves != 0;
}

static void resolve(client_t *client, const char *name, const char *address)
{
    char text[ADDRESS_TEXT_SIZE];
    output_t output = {.type = OUTPUT_RESOLVE, .resolve = {.request = 1}};
    snprintf(output.resolve.name, sizeof output.resolve.name, "%s", name);
    client->resolves = 0;
    loop_lock(client->loop);
    client_put(client, &output);
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    dispatch_until(client->loop, is_resolved, client);
    CHECK_INT(client->resolved_count, 1);
    CHECK_TEXT(address_ip_text(&client->resolved[0], text), address);
}

/* The other host: publishes its two addresses, says so, and serves until it is told to end. */
static void be_publisher(int to_parent, int from_parent)
{
    char byte = 0;
    CHECK(unshare(CLONE_NEWNET) == 0);
    CHECK(write(to_parent, &byte, 1) == 1);
    CHECK(read(from_parent, &byte, 1) == 1); /* the cable is in */
    run("ip link set lo up && ip link set vb up && ip addr add 192.0.2.2/24 dev vb && ip -6 addr add 2001:db8:1::2/64 dev vb nodad");
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *client = client_new(loop);
    publish(client, NAME, "192.0.2.2");
    publish(client, OTHER, "2001:db8:1::2");
    CHECK(write(to_parent, &byte, 1) == 1);
    CHECK(read(from_parent, &byte, 1) == 1);
    client_remove(client);
    loop_unref(loop);
}

TEST(the_names_of_a_host_are_found_from_another_host)
{
    int to_parent[2], to_child[2];
    char byte = 0, command[128];
    if (unshare(CLONE_NEWNET) < 0) {
        test_note("no network namespace: %s", strerror(errno));
        return;
    }
    CHECK(pipe(to_parent) == 0 && pipe(to_child) == 0);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(to_child[1]); /* so that the parent's end is noticed */
        be_publisher(to_parent[1], to_child[0]);
        _exit(0);
    }
    CHECK(read(to_parent[0], &byte, 1) == 1);
    snprintf(command, sizeof command, "ip link add va type veth peer name vb netns %d && ip link set lo up && ip link set va up",
             (int)child);
    run(command);
    run("ip addr add 192.0.2.1/24 dev va && ip -6 addr add 2001:db8:1::1/64 dev va nodad");
    CHECK(write(to_child[1], &byte, 1) == 1);
    CHECK(read(to_parent[0], &byte, 1) == 1);
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new(loop);
    resolve(client, NAME, "192.0.2.2");
    resolve(client, OTHER, "2001:db8:1::2");
    client_remove(client);
    loop_unref(loop);
    CHECK(write(to_child[1], &byte, 1) == 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(to_child[i]);
    }
}

TEST(no_answer_leaves_the_link_wherever_a_query_claims_to_be_from)
{
    asker_t asker = asker_open(MDNS_PORT);
    publish(asker.client, NAME, "127.0.0.1");
    static const struct {
        const char *source;
        uint16_t port;
        unsigned sent;
    } cases[] = {{"192.0.2.9", 40000, 0}, {"127.0.0.1", 40000, 1}, {"192.0.2.9", MDNS_PORT, 1}};
    loop_t *loop = asker.loop;
    loop_lock(loop);
    udp_socket_t *socket = loop->mdns->sockets;
    while (socket->local.family != ADDRESS_IPV4)
        socket = socket->next;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t message[512] = {[5] = 1};
        size_t length = write_question(message, 12, NAME, MDNS_TYPE_A, true);
        packet_t *packet = packet_new_copy(loop_packets(loop), message, length);
        packet->path = (path_t){.socket = socket->number, .local = socket->local};
        CHECK(address_parse(&packet->path.remote, cases[i].source, cases[i].port));
        uint64_t before = loop->counters.datagrams_sent + loop->counters.send_errors;
        mdns_answer(loop->mdns, socket, packet, runtime_now());
        packet_unref(packet);
        udp_send_flush(loop);
        CHECK_INT(loop->counters.datagrams_sent + loop->counters.send_errors - before, cases[i].sent);
    }
    loop_unlock(loop);
    asker_close(&asker);
}
