/* Links and listeners over loopback: against each other, and against plain sockets that behave well or do not. */
#include "link_support.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/listener.h"
#include "runtime/tcp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static const loop_network_t listening = {.loopback = LOOP_LOOPBACK_ALWAYS, .without_ipv6 = true, .listens_on_tcp = true};

typedef struct scene {
    loop_t *loop;
    client_t *client;
    int server; /* a plain listening socket */
    address_t server_address;
} scene_t;

static scene_t scene_open(int backlog)
{
    scene_t scene = {.loop = loop_new(LOOP_MANUAL)};
    CHECK(scene.loop != NULL);
    scene.client = client_new(scene.loop);
    scene.server = server_open(&scene.server_address, backlog);
    return scene;
}

static void scene_close(scene_t *scene)
{
    close(scene->server);
    client_remove(scene->client);
    CHECK_INT(packet_pool_outstanding(loop_packets(scene->loop)), 0);
    loop_unref(scene->loop);
}

/* Opens the client's link to the server; the server's end. */
static int scene_connect(scene_t *scene, link_framing_t framing, address_t *remote)
{
    address_t unused;
    link_request_t request = request_to(&scene->server_address, framing);
    ask_link(scene->client, &request);
    int fd = server_accept(scene->server, remote != NULL ? remote : &unused);
    dispatch_until(scene->loop, is_answered, scene->client);
    CHECK_INT(scene->client->links_opened, 1);
    CHECK_INT(scene->client->link_request, 7);
    return fd;
}

static path_t last_path;
static void keep_path(client_t *client, packet_t *packet)
{
    last_path = packet->path;
}

TEST(packets_go_both_ways_over_a_link_between_two_clients)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *a = client_new(loop), *b = client_new_on(loop, &listening);
    client_open(b);
    CHECK(b->listener != 0);
    b->is_echo = true;
    b->on_input = keep_path;
    link_request_t request = request_to(&b->listener_local, LINK_FRAMING_ICE);
    ask_link(a, &request);
    dispatch_until(loop, is_answered, a);
    CHECK_INT(a->links_opened, 1);
    CHECK_INT(b->links_accepted, 0); /* with its first packet */
    a->expected_inputs = 3;
    send_over_link(a, 1, 1);
    send_over_link(a, 1200, 2);
    send_over_link(a, 65535, 3);
    dispatch_until(loop, has_inputs, a);
    CHECK_INT(b->inputs, 3);
    CHECK_INT(b->links_accepted, 1);
    CHECK(address_equal(&b->link_end, &a->link_end));
    CHECK_INT(last_path.socket, b->link);
    CHECK_INT(last_path.protocol, TRANSPORT_TCP);
    CHECK(address_equal(&last_path.local, &b->listener_local) && address_equal(&last_path.remote, &a->link_end));
    CHECK_INT(a->input_bytes, 1 + 1200 + 65535);
    client_remove(a);
    dispatch_until(loop, has_closed, b);
    CHECK_INT(b->closed_socket, b->link);
    CHECK_TEXT(b->link_text, "The other end closed the connection.");
    client_remove(b);
    CHECK_INT(packet_pool_outstanding(loop_packets(loop)), 0);
    loop_unref(loop);
}

TEST(packets_of_a_turn_leave_in_one_call_with_their_lengths_before_them)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    uint64_t calls = scene.loop->counters.send_calls;
    loop_lock(scene.loop);
    put_over_link(scene.client, 3, 'a');
    put_over_link(scene.client, 2, 'b');
    touch(scene.client);
    uint8_t bytes[9];
    receive_whole(fd, bytes, sizeof bytes);
    CHECK_BYTES(bytes, "\0\3aaa\0\2bb", sizeof bytes);
    CHECK_INT(scene.loop->counters.send_calls - calls, 1);
    close(fd);
    scene_close(&scene);
}

TEST(a_packet_that_others_hold_is_not_changed)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    loop_lock(scene.loop);
    packet_t *packet = packet_new_copy(loop_packets(scene.loop), "abc", 3);
    packet->path.socket = scene.client->link;
    client_put(scene.client, &(output_t){.type = OUTPUT_SEND, .packet = packet_ref(packet)});
    touch(scene.client);
    loop_lock(scene.loop);
    CHECK_INT(packet->length, 3);
    CHECK_BYTES(packet->data, "abc", 3);
    CHECK_INT(packet->references, 1);
    packet_unref(packet);
    loop_unlock(scene.loop);
    uint8_t bytes[5];
    receive_whole(fd, bytes, sizeof bytes);
    CHECK_BYTES(bytes, "\0\3abc", sizeof bytes);
    close(fd);
    scene_close(&scene);
}

TEST(a_refused_connection_is_told_in_words)
{
    scene_t scene = scene_open(8);
    char expected[128], address[ADDRESS_TEXT_SIZE];
    address_t nobody = scene.server_address;
    close(scene.server); /* nobody listens there now */
    link_request_t request = request_to(&nobody, LINK_FRAMING_STUN);
    ask_link(scene.client, &request);
    dispatch_until(scene.loop, is_answered, scene.client);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK_INT(scene.client->link_request, 7);
    snprintf(expected, sizeof expected, "The connection to %s failed: Connection refused.", address_text(&nobody, address));
    CHECK_TEXT(scene.client->link_text, expected);
    CHECK(scene.client->entry->links == NULL);
    scene.server = server_open(&scene.server_address, 1);
    scene_close(&scene);
}

TEST(what_cannot_be_asked_for_is_refused_at_once)
{
    scene_t scene = scene_open(8);
    link_request_t request = request_to(&scene.server_address, LINK_FRAMING_STUN);
    request.remote.port = 0;
    ask_link(scene.client, &request);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK_TEXT(scene.client->link_text, "The addresses do not fit each other.");
    request = request_to(&scene.server_address, LINK_FRAMING_STUN);
    CHECK(address_parse(&request.local, "::1", 0));
    ask_link(scene.client, &request);
    CHECK_INT(scene.client->links_failed, 2);
    request = request_to(&scene.server_address, LINK_FRAMING_STUN);
    request.local = address_ipv4(192, 0, 2, 77, 0); /* not this host's */
    ask_link(scene.client, &request);
    CHECK_INT(scene.client->links_failed, 3);
    CHECK(strstr(scene.client->link_text, "Cannot assign requested address") != NULL);
    scene_close(&scene);
}

TEST(a_client_that_takes_no_links_gets_none)
{
    loop_client_ops_t table = client_ops;
    table.link_opened = NULL;
    table.link_accepted = NULL;
    table.socket_closed = NULL;
    scene_t scene = scene_open(8);
    client_t *deaf = client_new_with(scene.loop, &listening, &table);
    client_open(deaf);
    CHECK(deaf->listener == 0 && deaf->entry->listeners == NULL);
    link_request_t request = request_to(&scene.server_address, LINK_FRAMING_ICE);
    ask_link(deaf, &request);
    CHECK_INT(deaf->links_failed, 1);
    CHECK_TEXT(deaf->link_text, "Links are not used here.");
    client_remove(deaf);
    table.link_failed = NULL;
    deaf = client_new_with(scene.loop, &listening, &table);
    ask_link(deaf, &request);
    CHECK(deaf->entry->links == NULL);
    client_remove(deaf);
    scene_close(&scene);
}

/* A server whose queue of connections is full: the next one hears nothing. */
static scene_t scene_open_deaf(int *held)
{
    scene_t scene = scene_open(0);
    *held = plain_connect(&scene.server_address);
    return scene;
}

static void pass_deadline(client_t *client)
{
    link_t *link = client->entry->links;
    CHECK(link != NULL && link->deadline.time != PEER_TIME_NEVER);
    loop_lock(client->loop);
    link->deadline.on_due(&link->deadline, link->deadline.time);
    loop_unlock(client->loop);
}

TEST(a_server_that_does_not_answer_is_given_up)
{
    int held;
    scene_t scene = scene_open_deaf(&held);
    link_request_t request = request_to(&scene.server_address, LINK_FRAMING_STUN);
    ask_link(scene.client, &request);
    CHECK_INT(loop_dispatch(scene.loop), 0);
    CHECK(!is_answered(scene.client));
    pass_deadline(scene.client);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK(strstr(scene.client->link_text, "did not answer within 10 seconds.") != NULL);
    CHECK(scene.client->entry->links == NULL);
    close(held);
    scene_close(&scene);
}

TEST(a_cancelled_request_is_not_answered)
{
    int held;
    scene_t scene = scene_open_deaf(&held);
    link_request_t request = request_to(&scene.server_address, LINK_FRAMING_STUN);
    ask_link(scene.client, &request);
    CHECK(scene.client->entry->links != NULL);
    ask(scene.client, &(output_t){.type = OUTPUT_CANCEL_CONNECT, .request = 8}); /* another's */
    CHECK(scene.client->entry->links != NULL);
    ask(scene.client, &(output_t){.type = OUTPUT_CANCEL_CONNECT, .request = 7});
    CHECK(scene.client->entry->links == NULL);
    CHECK_INT(loop_dispatch(scene.loop), 0);
    CHECK(!is_answered(scene.client));
    close(held);
    scene_close(&scene);
}

TEST(a_link_that_the_client_closes_is_not_told_and_its_number_finds_nothing)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    loop_lock(scene.loop);
    put_over_link(scene.client, 3, 'x'); /* leaves before the close */
    client_put(scene.client, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = scene.client->link});
    put_over_link(scene.client, 3, 'y');
    touch(scene.client);
    CHECK(link_find(scene.loop, scene.client->link) == NULL);
    CHECK_INT(scene.loop->counters.send_dropped, 1);
    uint8_t bytes[5];
    receive_whole(fd, bytes, sizeof bytes);
    CHECK_BYTES(bytes, "\0\3xxx", sizeof bytes);
    CHECK(is_at_end(fd));
    CHECK_INT(scene.client->sockets_closed, 0);
    close(fd);
    scene_close(&scene);
}

TEST(what_a_client_sends_last_leaves_before_its_links_close)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    loop_lock(scene.loop);
    for (int i = 0; i < 100; i++)
        put_over_link(scene.client, 1000, (uint8_t)i);
    loop_unlock(scene.loop);
    client_remove(scene.client);
    for (int i = 0; i < 100; i++) {
        uint8_t bytes[1002];
        receive_whole(fd, bytes, sizeof bytes);
        CHECK_INT(bytes[2], i);
    }
    CHECK(is_at_end(fd));
    close(fd);
    close(scene.server);
    loop_unref(scene.loop);
}

TEST(a_stream_that_is_no_stun_ends_its_link_with_the_reason)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_STUN, NULL);
    static const char answer[] = "\x01\x01\0\0\x21\x12\xa4\x42"
                                 "transactioid"
                                 "\x80garbage";
    CHECK(send(fd, answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer);
    dispatch_until(scene.loop, has_closed, scene.client);
    CHECK_INT(scene.client->inputs, 1); /* what came before */
    CHECK_INT(scene.client->input_bytes, 20);
    CHECK_INT(scene.client->closed_socket, scene.client->link);
    CHECK_TEXT(scene.client->link_text, "What came is neither a STUN message nor ChannelData.");
    CHECK(is_at_end(fd));
    close(fd);
    scene_close(&scene);
}

TEST(a_reset_is_told)
{
    scene_t scene = scene_open(8);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    const struct linger at_once = {.l_onoff = 1};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close(fd);
    dispatch_until(scene.loop, has_closed, scene.client);
    CHECK_TEXT(scene.client->link_text, "The connection broke: Connection reset by peer.");
    scene_close(&scene);
}

/* Sends until the queue drops, `rounds` times; returns how many packets were given. Each holds its number. */
static unsigned flood(client_t *client, unsigned count)
{
    loop_lock(client->loop);
    for (unsigned i = 0; i < count; i++) {
        put_over_link(client, 1200, 0);
        output_t *output = &client->outputs[(client->first + client->count - 1) % CLIENT_OUTPUTS];
        bytes_put_u32(output->packet->data, i);
    }
    touch(client);
    return count;
}

static bool has_drained(void *context)
{
    const link_t *link = ((client_t *)context)->entry->links;
    return link->waiting.count == 0 && !link->is_waiting;
}

TEST(a_server_that_does_not_read_costs_a_bounded_queue_and_gets_whole_packets_later)
{
    scene_t scene = scene_open(8);
    int small = 65536;
    CHECK(setsockopt(scene.server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    int fd = scene_connect(&scene, LINK_FRAMING_ICE, NULL);
    unsigned given = flood(scene.client, 4000);
    const link_t *link = scene.client->entry->links;
    uint64_t dropped = scene.loop->counters.send_dropped;
    CHECK(dropped != 0 && dropped < given && link->is_waiting);
    CHECK(link->waiting.bytes <= 512 << 10 && link->waiting.count <= 1024);
    unsigned got = 0;
    int64_t last = -1;
    for (; got < given - dropped; got++) {
        uint8_t bytes[1202];
        for (size_t at = 0; at < sizeof bytes;) {
            ssize_t length = recv(fd, bytes + at, sizeof bytes - at, MSG_DONTWAIT);
            if (length < 0) {
                CHECK(errno == EAGAIN);
                CHECK_INT(loop_dispatch(scene.loop), 0);
                continue;
            }
            at += (size_t)length;
        }
        CHECK_INT(bytes_get_u16(bytes), 1200);
        CHECK((int64_t)bytes_get_u32(bytes + 2) > last); /* the newest were dropped, the order stayed */
        last = bytes_get_u32(bytes + 2);
    }
    dispatch_until(scene.loop, has_drained, scene.client);
    CHECK_INT(scene.client->sockets_closed, 0);
    close(fd);
    scene_close(&scene);
}

TEST(a_listener_has_its_udp_sockets_address_and_port)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new_on(loop, &listening);
    client_open(client);
    CHECK(client->listener != 0 && client->listener != client->sockets[0]);
    CHECK(address_ip_equal(&client->listener_local, &client->locals[0]));
    int probe = plain_connect(&client->listener_local);
    close(probe);
    ask(client, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = client->listener});
    CHECK(listener_find(loop, client->listener) == NULL);
    client_remove(client);
    loop_unref(loop);
}

TEST(listeners_take_another_port_where_theirs_is_taken_and_stay_in_the_range)
{
    address_t local = address_ipv4(127, 0, 0, 1, 0), bound, other;
    int first = tcp_listen(&local, 0, 0);
    CHECK(first >= 0 && tcp_local_address(first, &bound) && bound.port != 0);
    int second = tcp_listen(&bound, 0, 0);
    CHECK(second >= 0 && tcp_local_address(second, &other) && other.port != bound.port);
    CHECK(tcp_listen(&bound, bound.port, bound.port) < 0);
    CHECK_INT(errno, EADDRINUSE);
    int fds[3];
    local.port = 47440;
    for (int i = 0; i < 3; i++) {
        fds[i] = tcp_listen(&local, 47440, 47460);
        CHECK(fds[i] >= 0 && tcp_local_address(fds[i], &other));
        CHECK(other.port >= 47440 && other.port <= 47460);
    }
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(first);
    close(second);
}

TEST(links_may_leave_from_the_listeners_port)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new_on(loop, &listening);
    client_open(client);
    for (int i = 0; i < 2; i++) { /* to two servers from the same port */
        address_t address, remote;
        int server = server_open(&address, 8);
        link_request_t request = request_to(&address, LINK_FRAMING_ICE);
        request.local = client->listener_local;
        request.shares_port = true;
        client->links_opened = client->links_failed = 0;
        ask_link(client, &request);
        dispatch_until(loop, is_answered, client);
        CHECK_INT(client->links_opened, 1);
        int fd = server_accept(server, &remote);
        CHECK(address_equal(&remote, &client->listener_local) && address_equal(&client->link_end, &remote));
        close(server);
        close(fd);
    }
    int probe = plain_connect(&client->listener_local); /* and the listener still gets its connections */
    CHECK(send(probe, "\0\1x", 3, MSG_NOSIGNAL) == 3);
    dispatch_until(loop, is_accepted, client);
    close(probe);
    client_remove(client);
    loop_unref(loop);
}

TEST(silent_strangers_cost_the_client_nothing_and_go)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new_on(loop, &listening);
    client_open(client);
    int fd = plain_connect(&client->listener_local);
    CHECK(send(fd, "\0\5half", 6, MSG_NOSIGNAL) == 6); /* no packet yet */
    while (client->entry->links == NULL)
        CHECK_INT(loop_dispatch(loop), 0);
    CHECK_INT(loop_dispatch(loop), 0);
    CHECK_INT(client->links_accepted, 0);
    pass_deadline(client);
    CHECK(client->entry->links == NULL);
    CHECK(is_at_end(fd));
    CHECK_INT(client->sockets_closed, 0); /* it was never told of it */
    close(fd);
    client_remove(client);
    loop_unref(loop);
}

TEST(strangers_beyond_the_cap_take_the_place_of_silent_ones_only)
{
    enum { CAP = 64 };
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new_on(loop, &listening);
    client_open(client);
    int talker = plain_connect(&client->listener_local), fds[CAP];
    CHECK(send(talker, "\0\1x", 3, MSG_NOSIGNAL) == 3);
    dispatch_until(loop, is_accepted, client);
    for (int i = 0; i < CAP; i++) { /* one more than there is room */
        size_t before = client->entry->listeners->link_count;
        fds[i] = plain_connect(&client->listener_local);
        struct pollfd wait = {.fd = loop_fd(loop), .events = POLLIN};
        CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
        CHECK_INT(loop_dispatch(loop), 0);
        CHECK_INT(client->entry->listeners->link_count, before < CAP ? before + 1 : CAP);
    }
    CHECK(is_at_end(fds[0])); /* the oldest silent one */
    client->expected_inputs = 2;
    CHECK(send(talker, "\0\1y", 3, MSG_NOSIGNAL) == 3);
    dispatch_until(loop, has_inputs, client);
    CHECK_INT(client->sockets_closed, 0);
    close(talker);
    for (int i = 0; i < CAP; i++)
        close(fds[i]);
    client_remove(client);
    loop_unref(loop);
}

TEST(links_and_listeners_of_an_address_that_leaves_the_host_are_told)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new_on(loop, &listening);
    client_open(client);
    address_t server_address;
    int server = server_open(&server_address, 8);
    link_request_t request = request_to(&server_address, LINK_FRAMING_ICE);
    ask_link(client, &request);
    dispatch_until(loop, is_answered, client);
    loop_lock(loop);
    loop_interfaces(loop, runtime_now());
    links_close_vanished(loop, client->entry, runtime_now());
    CHECK_INT(client->sockets_closed, 0);
    loop->interface_count = 0;
    links_close_vanished(loop, client->entry, runtime_now());
    loop->interfaces_expire = 0;
    loop_unlock(loop);
    CHECK_INT(client->sockets_closed, 2);
    CHECK_INT(client->closed_socket, client->listener);
    CHECK_TEXT(client->link_text, "The address has left this host.");
    CHECK(client->entry->links == NULL && listener_find(loop, client->listener) == NULL);
    close(server);
    client_remove(client);
    loop_unref(loop);
}

TEST(where_memory_runs_out_every_request_is_answered)
{
    for (unsigned n = 1; n < 12; n++) {
        scene_t scene = scene_open(8);
        link_request_t request = request_to(&scene.server_address, LINK_FRAMING_ICE);
        loop_lock(scene.loop);
        client_put(scene.client, &(output_t){.type = OUTPUT_CONNECT, .link = request});
        memory_fail_nth(n);
        touch(scene.client);
        memory_fail_nth(0);
        dispatch_until(scene.loop, is_answered, scene.client);
        CHECK_INT(scene.client->links_opened + scene.client->links_failed, 1);
        scene_close(&scene);
    }
}

TEST(a_loop_with_a_thread_carries_links)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *a = client_new(loop), *b = client_new_on(loop, &listening);
    client_open(b);
    loop_lock(loop);
    b->is_echo = true;
    a->expected_inputs = 1000;
    loop_unlock(loop);
    link_request_t request = request_to(&b->listener_local, LINK_FRAMING_ICE);
    ask_link(a, &request);
    wait_for(&a->opened);
    for (int i = 0; i < 1000; i++)
        send_over_link(a, 100, (uint8_t)i);
    wait_for(&a->done);
    client_remove(a);
    client_remove(b);
    loop_unref(loop);
}
