/* Mapped ports, with a gateway of NAT-PMP (RFC 6886) or PCP (RFC 6887) of the test's own in another network namespace; it may be a bad one.
 */
#include "test_client.h"

#include "runtime/gateway.h"

#ifdef PEER_HAVE_NATPMP

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NATPMP_PORT 5351
#define SSDP_PORT 1900
#define OUTSIDE 7000 /* the first port that the gateway gives; the next one at each renewal */

typedef enum manners { GOOD, SILENT_AFTER_ONE, PRIVATE_ADDRESS, PORT_ZERO, NO_LIFETIME, WRONG_PORT, GARBAGE } manners_t;

/* Shared with the gateway's process. */
typedef struct gateway {
    bool speaks_pcp;
    atomic_uint maps, unmaps, searches;
    manners_t manners;
    uint32_t lifetime_s;
} gateway_t;

static void run(const char *command)
{
    int status = system(command);
    if (status != 0)
        test_fail(__FILE__, __LINE__, "%s: status %d", command, status);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct ip_mreqn group = {.imr_multiaddr = {inet_addr("239.255.255.250")}, .imr_address = {inet_addr("192.168.7.1")}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&name, sizeof name) < 0 ||
        (port == SSDP_PORT && setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) < 0))
        _exit(1);
    return fd;
}

static size_t write_pcp_answer(gateway_t *gateway, const uint8_t *request, size_t length, uint8_t *answer)
{
    const uint8_t address[4] = {9, 9, 9, 9};
    if (length != 60 || request[1] != 1)
        return 0;
    memcpy(answer, request, 60); /* nonce, protocol and inner port */
    answer[1] |= 128;
    answer[3] = gateway->manners == GARBAGE ? 8 : 0; /* NO_RESOURCES */
    bool is_removal = bytes_get_u32(request + 4) == 0;
    uint16_t outside = is_removal || gateway->manners == PORT_ZERO ? 0 : (uint16_t)(OUTSIDE + atomic_load(&gateway->maps));
    atomic_fetch_add(is_removal ? &gateway->unmaps : &gateway->maps, 1);
    writer_t writer;
    writer_init(&writer, answer + 4, 20);
    writer_u32(&writer, is_removal || gateway->manners == NO_LIFETIME ? 0 : gateway->lifetime_s);
    writer_zero(&writer, 16);
    answer[41] ^= gateway->manners == WRONG_PORT;
    answer[42] = (uint8_t)(outside >> 8);
    answer[43] = (uint8_t)outside;
    memcpy(answer + 56, address, 4);
    if (gateway->manners == PRIVATE_ADDRESS)
        memset(answer + 56, 10, 4);
    return 60;
}

/* The answer to a request; its length, 0: none. */
static size_t write_answer(gateway_t *gateway, const uint8_t *request, size_t length, uint8_t *answer)
{
    writer_t writer;
    writer_init(&writer, answer, 64);
    if (length < 2 || (gateway->manners == SILENT_AFTER_ONE && atomic_load(&gateway->maps) != 0))
        return 0;
    if (gateway->speaks_pcp)
        return request[0] == 2 ? write_pcp_answer(gateway, request, length, answer) : 0;
    writer_u8(&writer, 0);
    if (request[0] != 0) { /* RFC 6886 §3.5 */
        writer_u8(&writer, request[1] | 128);
        writer_u16(&writer, 1);
        writer_u32(&writer, 1);
        return writer.length;
    }
    writer_u8(&writer, request[1] | 128);
    writer_u16(&writer, 0);
    writer_u32(&writer, 1);
    if (request[1] == 0) {
        const uint8_t public_address[4] = {9, 9, 9, 9}, private_address[4] = {10, 0, 0, 1};
        writer_copy(&writer, gateway->manners == PRIVATE_ADDRESS ? private_address : public_address, 4);
        return writer.length;
    }
    if (request[1] != 1 || length != 12)
        return 0;
    uint32_t lifetime = bytes_get_u32(request + 8);
    uint16_t outside = lifetime == 0 || gateway->manners == PORT_ZERO ? 0 : (uint16_t)(OUTSIDE + atomic_load(&gateway->maps));
    uint16_t inside = bytes_get_u16(request + 4);
    atomic_fetch_add(lifetime == 0 ? &gateway->unmaps : &gateway->maps, 1);
    writer_u16(&writer, gateway->manners == WRONG_PORT ? inside ^ 1 : inside);
    writer_u16(&writer, outside);
    writer_u32(&writer, lifetime == 0 || gateway->manners == NO_LIFETIME ? 0 : gateway->lifetime_s);
    if (gateway->manners == GARBAGE)
        memset(answer + 1, 0xff, 3);
    return gateway->manners == GARBAGE ? 7 : writer.length;
}

static _Noreturn void serve(gateway_t *gateway, int to_parent, int from_parent)
{
    char byte = 0;
    uint8_t request[2048], answer[64];
    signal(SIGALRM, SIG_DFL);
    alarm(120); /* should the test end without ending this */
    if (unshare(CLONE_NEWNET) < 0 || write(to_parent, &byte, 1) != 1 || read(from_parent, &byte, 1) != 1)
        _exit(1);
    run("ip link set lo up && ip link set vb up && ip addr add 192.168.7.1/24 dev vb");
    struct pollfd sockets[] = {{.fd = listen_on(NATPMP_PORT), .events = POLLIN}, {.fd = listen_on(SSDP_PORT), .events = POLLIN}};
    if (write(to_parent, &byte, 1) != 1)
        _exit(1);
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_length = sizeof from;
        if (poll(sockets, 2, -1) < 0)
            continue;
        if (sockets[1].revents != 0 && recv(sockets[1].fd, request, sizeof request, 0) > 0)
            atomic_fetch_add(&gateway->searches, 1);
        if (sockets[0].revents == 0)
            continue;
        ssize_t length = recvfrom(sockets[0].fd, request, sizeof request, 0, (void *)&from, &from_length);
        size_t answer_length = length > 0 ? write_answer(gateway, request, (size_t)length, answer) : 0;
        if (answer_length != 0)
            sendto(sockets[0].fd, answer, answer_length, 0, (void *)&from, from_length);
    }
}

typedef struct home {
    gateway_t *gateway;
    pid_t process; /* its */
    loop_t *loop;
    client_t *client;
} home_t;

/* False where nobody may make a namespace. */
static bool home_open(home_t *home, bool speaks_pcp, manners_t manners, uint32_t lifetime_s)
{
    static const loop_network_t network = {.loopback = LOOP_LOOPBACK_NEVER, .without_ipv6 = true};
    int to_parent[2], to_child[2];
    char byte = 0, command[160];
    if (unshare(CLONE_NEWNET) < 0) {
        test_note("no network namespace: %s", strerror(errno));
        return false;
    }
    home->gateway = mmap(NULL, sizeof *home->gateway, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(home->gateway != MAP_FAILED && pipe(to_parent) == 0 && pipe(to_child) == 0);
    home->gateway->speaks_pcp = speaks_pcp;
    home->gateway->manners = manners;
    home->gateway->lifetime_s = lifetime_s;
    fflush(stdout);
    home->process = fork();
    CHECK(home->process >= 0);
    if (home->process == 0)
        serve(home->gateway, to_parent[1], to_child[0]);
    CHECK(read(to_parent[0], &byte, 1) == 1);
    snprintf(command, sizeof command, "ip link add va type veth peer name vb netns %d && ip link set lo up && ip link set va up",
             (int)home->process);
    run(command);
    CHECK(write(to_child[1], &byte, 1) == 1);
    CHECK(read(to_parent[0], &byte, 1) == 1);
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(to_child[i]);
    }
    run("ip addr add 192.168.7.2/24 dev va && ip route add default via 192.168.7.1");
    home->loop = loop_new(LOOP_MANUAL);
    home->client = client_new_on(home->loop, &network);
    client_open(home->client);
    loop_lock(home->loop);
    client_put(home->client, &(output_t){.type = OUTPUT_MAP_PORT, .socket = home->client->sockets[0]});
    loop_touch(home->loop, home->client->entry);
    loop_unlock(home->loop);
    return true;
}

/* Waits for what the gateway's process or the helper thread does. */
static void await(home_t *home, bool (*is_done)(void *context))
{
    peer_time_t until = runtime_now() + 30 * PEER_SECOND;
    while (!is_done(home)) {
        struct pollfd wait = {.fd = loop_fd(home->loop), .events = POLLIN};
        poll(&wait, 1, 5);
        CHECK_INT(loop_dispatch(home->loop), 0);
        CHECK(runtime_now() < until);
    }
}

static void home_close(home_t *home)
{
    if (home->client != NULL)
        client_remove(home->client);
    loop_unref(home->loop);
    kill(home->process, SIGKILL);
    CHECK(waitpid(home->process, NULL, 0) == home->process);
    munmap(home->gateway, sizeof *home->gateway);
}

static bool is_told(void *context)
{
    return ((home_t *)context)->client->mappings >= 1;
}

static bool is_told_again(void *context)
{
    return ((home_t *)context)->client->mappings >= 2;
}

static bool is_unmapped(void *context)
{
    return atomic_load(&((home_t *)context)->gateway->unmaps) != 0;
}

static bool is_given_up(void *context)
{
    return atomic_load(&((home_t *)context)->gateway->searches) != 0; /* it tries UPnP now */
}

static void check_mapped(const home_t *home, uint16_t port)
{
    char text[ADDRESS_TEXT_SIZE];
    CHECK_TEXT(address_ip_text(&home->client->mapped, text), "9.9.9.9");
    CHECK_INT(home->client->mapped.port, port);
}

static void check_life(bool speaks_pcp)
{
    home_t home;
    if (!home_open(&home, speaks_pcp, GOOD, 3600))
        return;
    await(&home, is_told);
    check_mapped(&home, OUTSIDE);
    client_remove(home.client);
    home.client = NULL;
    await(&home, is_unmapped);
    CHECK_INT(atomic_load(&home.gateway->maps), 1);
    home_close(&home);
}

TEST(a_port_is_mapped_and_freed_with_its_client)
{
    check_life(true);
    check_life(false);
}

static void check_renewal(bool speaks_pcp)
{
    home_t home;
    if (!home_open(&home, speaks_pcp, GOOD, 2))
        return;
    await(&home, is_told_again);
    check_mapped(&home, OUTSIDE + 1);
    CHECK_INT(atomic_load(&home.gateway->maps), 2);
    home_close(&home);
}

TEST(a_mapping_is_renewed_before_it_ends_and_a_change_is_told)
{
    check_renewal(true);
    check_renewal(false);
}

TEST(a_mapping_that_cannot_be_renewed_is_told_to_be_gone)
{
    home_t home;
    if (!home_open(&home, true, SILENT_AFTER_ONE, 1))
        return;
    await(&home, is_told);
    check_mapped(&home, OUTSIDE);
    await(&home, is_told_again);
    CHECK_INT(home.client->mapped.family, ADDRESS_NONE);
    home_close(&home);
}

#ifdef PEER_HAVE_UPNP
/* A gateway of another protocol is looked for, so this one has been given up; and nothing was told. */
static void check_refused(bool speaks_pcp, manners_t manners, unsigned unmaps)
{
    home_t home;
    if (!home_open(&home, speaks_pcp, manners, 3600))
        return;
    await(&home, is_given_up);
    CHECK_INT(home.client->mappings, 0);
    CHECK_INT(atomic_load(&home.gateway->unmaps), unmaps);
    home_close(&home);
}

TEST(what_a_second_nat_gives_is_given_back_and_not_told)
{
    check_refused(true, PRIVATE_ADDRESS, 1);
    check_refused(false, PRIVATE_ADDRESS, 1);
    check_refused(true, PORT_ZERO, 1);
    check_refused(false, PORT_ZERO, 1);
}

TEST(answers_that_make_no_sense_are_not_told)
{
    static const manners_t manners[] = {NO_LIFETIME, WRONG_PORT, GARBAGE};
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        check_refused(true, manners[i], 0);
        check_refused(false, manners[i], 0);
    }
}
#endif

TEST(a_loop_may_end_while_a_gateway_is_asked)
{
    home_t home;
    for (int i = 0; i < 3; i++) {
        if (!home_open(&home, i == 1, GARBAGE, 3600))
            return;
        home_close(&home);
    }
}

#endif

static bool is_external(const char *text, uint16_t port)
{
    address_t address;
    CHECK(address_parse(&address, text, port));
    return gateway_is_external(&address);
}

TEST(only_addresses_of_the_internet_are_believed)
{
    static const char *const refused[] = {"0.0.0.0",    "0.1.2.3",     "10.1.2.3",  "100.64.0.1", "127.0.0.1",       "169.254.1.1",
                                          "172.16.0.1", "192.168.1.1", "224.0.0.1", "240.0.0.1",  "255.255.255.255", "2001:db8::1"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK(!is_external(refused[i], 5000));
    CHECK(is_external("9.9.9.9", 5000));
    CHECK(!is_external("9.9.9.9", 0));
}
