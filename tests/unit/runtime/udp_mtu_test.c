/* UDP sockets and the interface's MTU, in a network namespace of the test's own whose loopback interface has a small one; and what is
 * received in runs. Without the right to have a namespace the first kind is left out. */
#include "runtime/sockaddr.h"
#include "runtime/udp_socket.h"
#include "test.h"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1500
#define PATIENCE_MS 30000

typedef struct world {
    loop_t *loop;
    udp_socket_t *from;
    int to; /* a plain socket, which sees how its datagrams came */
    address_t address;
    bool is_ipv6;
} world_t;

static bool enter_namespace(int mtu)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_mtu = mtu};
    if (unshare(CLONE_NEWNET) < 0) {
        test_note("no network namespace: left out");
        return false;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(ioctl(fd, SIOCSIFMTU, &request) == 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
    close(fd);
    return true;
}

static world_t world_open(bool is_ipv6)
{
    const int on = 1;
    world_t world = {.loop = loop_new(LOOP_MANUAL), .is_ipv6 = is_ipv6};
    sockaddr_any_t name;
    CHECK(address_parse(&world.address, is_ipv6 ? "::1" : "127.0.0.1", 0));
    loop_lock(world.loop);
    world.from = udp_socket_open(world.loop, &world.address, 0, 0);
    CHECK(world.from != NULL);
    world.to = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    socklen_t length = sockaddr_from_address(&name, &world.address);
    CHECK(bind(world.to, &name.any, length) == 0);
    length = sizeof name;
    CHECK(getsockname(world.to, &name.any, &length) == 0 && sockaddr_to_address(&name.any, &world.address));
    CHECK(setsockopt(world.to, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_RECVFRAGSIZE : IP_RECVFRAGSIZE, &on, sizeof on) == 0);
    return world;
}

static void world_close(world_t *world)
{
    udp_socket_close(world->loop, world->from);
    CHECK_INT(packet_pool_outstanding(loop_packets(world->loop)), 0);
    loop_unlock(world->loop);
    loop_unref(world->loop);
    close(world->to);
}

static void send_sized(world_t *world, size_t length, bool may_fragment)
{
    packet_t *packet = packet_new(loop_packets(world->loop), length);
    CHECK(packet != NULL);
    memset(packet->data, 0x44, length);
    packet->length = length;
    packet->may_fragment = may_fragment;
    packet->path.remote = world->address;
    udp_send(world->loop, world->from, packet);
}

/* The next datagram has this length, and came in pieces or not. */
static void expect(world_t *world, size_t length, bool is_in_pieces)
{
    static uint8_t bytes[65536];
    _Alignas(struct cmsghdr) char control[256];
    struct iovec vector = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct pollfd wait = {.fd = world->to, .events = POLLIN};
    CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
    CHECK_INT(recvmsg(world->to, &message, 0), length);
    int fragment = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_type == (world->is_ipv6 ? IPV6_RECVFRAGSIZE : IP_RECVFRAGSIZE))
            memcpy(&fragment, CMSG_DATA(header), sizeof fragment);
    CHECK_INT(fragment != 0, is_in_pieces);
}

static void expect_nothing(const world_t *world)
{
    char byte;
    CHECK(recv(world->to, &byte, 1, MSG_DONTWAIT) < 0); /* on loopback what was sent has arrived */
}

TEST(a_packet_larger_than_the_interface_carries_is_dropped_and_counted)
{
    for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
        if (!enter_namespace(MTU))
            return;
        world_t world = world_open(is_ipv6);
        size_t fits = MTU - 8 - (is_ipv6 ? 40 : 20);
        send_sized(&world, fits, false);
        send_sized(&world, fits + 1, false);
        send_sized(&world, 16421, false);
        send_sized(&world, 100, false);
        udp_send_flush(world.loop);
        CHECK_INT(world.loop->counters.send_errors, 2);
        CHECK_INT(world.loop->counters.datagrams_sent, 2);
        expect(&world, fits, false);
        expect(&world, 100, false);
        expect_nothing(&world);
        world_close(&world);
    }
}

TEST(a_packet_that_may_be_fragmented_arrives_and_those_around_it_are_not_fragmented)
{
    for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
        if (!enter_namespace(MTU))
            return;
        world_t world = world_open(is_ipv6);
        send_sized(&world, 1400, false);
        send_sized(&world, 9000, true);
        send_sized(&world, 9000, true);
        send_sized(&world, 9000, false);
        send_sized(&world, 1400, true);
        send_sized(&world, 1400, false);
        udp_send_flush(world.loop);
        expect(&world, 1400, false);
        expect(&world, 9000, true);
        expect(&world, 9000, true);
        expect(&world, 1400, false);
        expect(&world, 1400, false);
        expect_nothing(&world);
        CHECK_INT(world.loop->counters.send_errors, 1);
        world_close(&world);
    }
}

TEST(a_run_of_packets_that_are_too_large_is_dropped_and_runs_of_smaller_ones_still_leave_as_one)
{
    if (!enter_namespace(MTU))
        return;
    world_t world = world_open(false);
    for (int i = 0; i < 4; i++)
        send_sized(&world, 4000, false);
    send_sized(&world, 300, false); /* the run's last */
    udp_send_flush(world.loop);
    CHECK_INT(world.loop->counters.send_errors, 4);
    expect(&world, 300, false);
    expect_nothing(&world);
    uint64_t calls = world.loop->counters.send_calls;
    for (int i = 0; i < 20; i++)
        send_sized(&world, 1400, false);
    udp_send_flush(world.loop);
    for (int i = 0; i < 20; i++)
        expect(&world, 1400, false);
    if (world.from->has_gso)
        CHECK_INT(world.loop->counters.send_calls, calls + 1);
    world_close(&world);
}

/* Media and handshakes look for no MTU: an interface with less than IPv6 asks for carries them in pieces, as ever. */
TEST(small_packets_are_fragmented_where_even_they_are_too_large)
{
    if (!enter_namespace(1000))
        return;
    world_t world = world_open(false);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 4; i++)
            send_sized(&world, 1200, false);
        send_sized(&world, 900, false);
        udp_send_flush(world.loop);
        for (int i = 0; i < 4; i++)
            expect(&world, 1200, true);
        expect(&world, 900, false);
    }
    expect_nothing(&world);
    CHECK_INT(world.loop->counters.send_errors, 0);
    CHECK_INT(world.loop->counters.datagrams_sent, 10);
    world_close(&world);
}

/* ---- receiving ---- */

typedef struct reception {
    packet_queue_t packets;
    size_t slices;
} reception_t;

static void keep(void *context, packet_t *packet, peer_time_t now)
{
    reception_t *reception = context;
    CHECK(packet->time == now);
    reception->slices += packet->parent != NULL;
    packet_queue_push(&reception->packets, packet);
}

static void check_reception(size_t length, size_t count, bool are_slices_expected)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    address_t address = address_ipv4(127, 0, 0, 1, 0);
    reception_t reception = {{0}};
    loop_lock(loop);
    udp_socket_t *from = udp_socket_open(loop, &address, 0, 0), *to = udp_socket_open(loop, &address, 0, 0);
    to->on_packet = keep;
    to->context = &reception;
    for (size_t i = 0; i < count; i++) {
        packet_t *packet = packet_new(loop_packets(loop), length);
        memset(packet->data, (int)i, packet->length = length);
        packet->path.remote = to->local;
        udp_send(loop, from, packet);
    }
    udp_send_flush(loop);
    for (peer_time_t until = runtime_now() + PATIENCE_MS * PEER_MILLISECOND; reception.packets.count < count;) {
        CHECK(runtime_now() < until);
        udp_receive(loop, to);
    }
    if (from->has_gso)
        CHECK_INT(reception.slices > 0, are_slices_expected);
    for (size_t i = 0; i < count; i++) {
        packet_t *packet = packet_queue_pop(&reception.packets);
        CHECK_INT(packet->length, length);
        for (size_t at = 0; at < length; at++)
            CHECK_INT(packet->data[at], (uint8_t)i);
        CHECK_INT(packet->path.remote.port, from->local.port);
        packet_unref(packet);
    }
    udp_socket_close(loop, from);
    udp_socket_close(loop, to);
    udp_receiver_rest(loop->receiver);
    CHECK_INT(packet_pool_outstanding(loop_packets(loop)), 0);
    loop_unlock(loop);
    loop_unref(loop);
}

TEST(a_run_is_handed_over_in_slices_and_what_is_small_in_packets_of_its_own)
{
    enter_namespace(65536); /* out of one with a small MTU */
    check_reception(1200, 100, true);
    check_reception(16421, 20, true);
    check_reception(100, 10, false);
    check_reception(1200, 1, false);
    check_reception(16421, 1, false);
}

static bool keeps_little(const loop_t *loop)
{
    return packet_pool_kept(loop->packets) <= 96 * 1024;
}

TEST(a_loop_at_rest_gives_its_packets_back)
{
    packet_t *packets[100];
    loop_t *loop = loop_new(LOOP_MANUAL);
    loop_lock(loop);
    for (size_t i = 0; i < 100; i++)
        packets[i] = packet_new(loop_packets(loop), 2000 * i % PACKET_LARGE);
    for (size_t i = 0; i < 100; i++)
        packet_unref(packets[i]);
    CHECK(!keeps_little(loop));
    loop_unlock(loop);
    CHECK_INT(loop_dispatch(loop), 0);
    for (peer_time_t until = runtime_now() + PATIENCE_MS * PEER_MILLISECOND; !keeps_little(loop);) {
        struct pollfd wait = {.fd = loop_fd(loop), .events = POLLIN};
        CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
        CHECK_INT(loop_dispatch(loop), 0);
        CHECK(runtime_now() < until);
    }
    loop_unref(loop);
}
