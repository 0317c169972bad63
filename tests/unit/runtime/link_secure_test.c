/* Links secured by TLS, and DTLS over a client's UDP socket, against servers of OpenSSL behind plain sockets. */
#include "../dtls/tls_server.h"
#include "link_support.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

typedef struct scene {
    loop_t *loop;
    client_t *client;
    bool is_datagram;
    char ca_path[64];
    identity_t authority;
    identity_t identity;
    packet_pool_t *pool; /* the server's */
    tls_server_t server;
    int listener; /* -1: DTLS */
    int fd;       /* the server's end; -1: TCP not yet accepted */
    address_t address;
    address_t peer; /* DTLS: who asks */
} scene_t;

static int udp_open(address_t *local)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    address_t any = address_ipv4(127, 0, 0, 1, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &any)) == 0);
    CHECK(getsockname(fd, &name.any, &length) == 0 && sockaddr_to_address(&name.any, local));
    return fd;
}

static void udp_send_to(int fd, const address_t *remote, const void *data, size_t length)
{
    sockaddr_any_t name;
    CHECK(sendto(fd, data, length, 0, &name.any, sockaddr_from_address(&name, remote)) == (ssize_t)length);
}

/* A server whose certificate has `names`, and a client that trusts its authority. */
static void scene_open_on(scene_t *scene, bool is_datagram, const char *names, uint16_t shared_port)
{
    *scene = (scene_t){.loop = loop_new(LOOP_MANUAL), .is_datagram = is_datagram, .listener = -1, .fd = -1, .pool = packet_pool_new()};
    scene->authority = identity_new(&(identity_options_t){.is_authority = true, .common_name = "authority"});
    scene->identity = identity_new(&(identity_options_t){.issuer = &scene->authority, .names = names});
    identity_write(&scene->authority, scene->ca_path);
    tls_server_open(&scene->server, scene->pool, is_datagram, &scene->identity, NULL);
    if (is_datagram)
        scene->fd = udp_open(&scene->address);
    else
        scene->listener = server_open(&scene->address, 8);
    loop_network_t network = {
        .loopback = LOOP_LOOPBACK_ALWAYS, .without_ipv6 = true, .shared_port = shared_port, .ca_file = scene->ca_path};
    scene->client = client_new_on(scene->loop, &network);
    client_open(scene->client);
}

static void scene_open(scene_t *scene, bool is_datagram, const char *names)
{
    scene_open_on(scene, is_datagram, names, 0);
}

static void scene_close_client(scene_t *scene)
{
    if (scene->client == NULL)
        return;
    client_remove(scene->client);
    scene->client = NULL;
    if (!scene->is_datagram) /* else the receiver has some ready */
        CHECK_INT(packet_pool_outstanding(loop_packets(scene->loop)), 0);
    loop_unref(scene->loop);
}

static void scene_close(scene_t *scene)
{
    scene_close_client(scene);
    tls_server_close(&scene->server);
    packet_pool_release(scene->pool);
    identity_free(&scene->identity);
    identity_free(&scene->authority);
    if (scene->listener >= 0)
        close(scene->listener);
    if (scene->fd >= 0)
        close(scene->fd);
    unlink(scene->ca_path);
}

static void ask_secure(scene_t *scene, const char *server_name)
{
    link_request_t request = request_to(&scene->address, LINK_FRAMING_STUN);
    request.protocol = scene->is_datagram ? LINK_DTLS : LINK_TLS;
    snprintf(request.server_name, sizeof request.server_name, "%s", server_name);
    if (scene->is_datagram) {
        request.socket = scene->client->sockets[0];
        request.local = scene->client->locals[0];
    }
    ask_link(scene->client, &request);
}

/* What came for the server goes into it, what it says goes out. */
static void serve(scene_t *scene)
{
    uint8_t bytes[65536];
    sockaddr_any_t name;
    socklen_t name_length = sizeof name;
    struct pollfd wait = {.fd = scene->listener, .events = POLLIN};
    if (scene->fd < 0 && poll(&wait, 1, 0) == 1)
        scene->fd = server_accept(scene->listener, &scene->peer);
    if (scene->fd < 0)
        return;
    ssize_t length = recvfrom(scene->fd, bytes, sizeof bytes, MSG_DONTWAIT, &name.any, &name_length);
    if (length > 0) {
        if (scene->is_datagram)
            CHECK(sockaddr_to_address(&name.any, &scene->peer));
        tls_server_input(&scene->server, bytes, (size_t)length);
    }
    packet_t *packet;
    while ((packet = packet_queue_pop(&scene->server.out)) != NULL) {
        if (scene->is_datagram)
            udp_send_to(scene->fd, &scene->peer, packet->data, packet->length);
        else if (send(scene->fd, packet->data, packet->length, MSG_NOSIGNAL) < 0)
            CHECK(errno == EPIPE || errno == ECONNRESET); /* the client has gone */
        packet_unref(packet);
    }
}

static void drive_until(scene_t *scene, bool (*is_done)(void *context))
{
    peer_time_t until = runtime_now() + PATIENCE_MS * PEER_MILLISECOND;
    while (!is_done(scene->client)) {
        struct pollfd waits[] = {{.fd = loop_fd(scene->loop), .events = POLLIN},
                                 {.fd = scene->fd >= 0 ? scene->fd : scene->listener, .events = POLLIN}};
        CHECK(poll(waits, 2, PATIENCE_MS) > 0);
        CHECK_INT(loop_dispatch(scene->loop), 0);
        serve(scene);
        CHECK(runtime_now() < until);
    }
}

static void put_channel_data(client_t *client, uint16_t length)
{
    uint8_t bytes[17000] = {0x40, 0x01, (uint8_t)(length >> 8), (uint8_t)length};
    packet_t *packet = packet_new_copy(loop_packets(client->loop), bytes, 4 + (size_t)length);
    packet->path = (path_t){.socket = client->link};
    client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = packet});
}

static path_t last_path;
static void keep_path(client_t *client, packet_t *packet)
{
    last_path = packet->path;
}

TEST(packets_go_both_ways_over_secured_links)
{
    for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
        scene_t scene;
        scene_open(&scene, is_datagram != 0, "DNS:turn.example.org");
        client_t *client = scene.client;
        client->on_input = keep_path;
        ask_secure(&scene, "turn.example.org");
        drive_until(&scene, is_answered);
        CHECK_TEXT(client->link_text, "");
        CHECK_INT(client->links_opened, 1);
        CHECK_TEXT(scene.server.server_name, "turn.example.org");
        CHECK(client->link != client->sockets[0]);
        client->expected_inputs = 3;
        loop_lock(scene.loop);
        for (uint16_t length = 1; length <= 3; length++)
            put_channel_data(client, length * 1000);
        touch(client);
        drive_until(&scene, has_inputs);
        CHECK_INT(client->input_bytes, 6000 + 3 * 4);
        client->expected_inputs = 4; /* the largest datagram of DTLS: more than a record of the link's own DTLS holds */
        loop_lock(scene.loop);
        put_channel_data(client, 16421);
        if (is_datagram)
            put_channel_data(client, 16380);
        touch(client);
        drive_until(&scene, has_inputs);
        CHECK_INT(client->input_bytes, 6000 + (is_datagram ? 16380 : 16421) + 4 * 4);
        CHECK_INT(last_path.socket, client->link);
        CHECK_INT(last_path.protocol, is_datagram ? TRANSPORT_UDP : TRANSPORT_TCP);
        CHECK(address_equal(&last_path.remote, &scene.address));
        CHECK(address_equal(&last_path.local, is_datagram ? &client->locals[0] : &client->link_end));
        CHECK(client->entry->links->deadline.time == PEER_TIME_NEVER);
        scene_close_client(&scene);
        while (!scene.server.is_over) { /* says goodbye */
            await(scene.fd, POLLIN);
            serve(&scene);
        }
        CHECK((SSL_get_shutdown(scene.server.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
        scene_close(&scene);
    }
}

TEST(an_address_instead_of_a_name_will_do)
{
    scene_t scene;
    scene_open(&scene, false, "IP:127.0.0.1");
    ask_secure(&scene, "127.0.0.1");
    drive_until(&scene, is_answered);
    CHECK_INT(scene.client->links_opened, 1);
    scene_close(&scene);
}

TEST(a_server_with_a_bad_certificate_gets_no_link_and_nothing_sent)
{
    for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
        scene_t scene;
        scene_open(&scene, is_datagram != 0, "DNS:turn.example.net");
        ask_secure(&scene, "turn.example.org");
        drive_until(&scene, is_answered);
        CHECK_INT(scene.client->links_failed, 1);
        CHECK_INT(scene.client->link_request, 7);
        CHECK_TEXT(scene.client->link_text, "The certificate of turn.example.org is for another name.");
        CHECK(scene.client->entry->links == NULL);
        CHECK_INT(scene.server.received, 0);
        scene_close(&scene);
    }
}

TEST(without_its_file_of_roots_nothing_is_believed)
{
    scene_t scene;
    scene_open(&scene, false, "DNS:turn.example.org");
    unlink(scene.ca_path);
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK(strstr(scene.client->link_text, scene.ca_path) != NULL);
    scene_close(&scene);
}

TEST(a_server_that_hangs_up_or_hangs_in_the_handshake_is_told)
{
    scene_t scene;
    scene_open(&scene, false, "DNS:turn.example.org");
    ask_secure(&scene, "turn.example.org");
    scene.fd = server_accept(scene.listener, &scene.peer);
    uint8_t hello;
    await(scene.fd, POLLIN); /* needs a turn of the loop before, which asking made */
    CHECK(recv(scene.fd, &hello, 1, MSG_PEEK) == 1);
    link_t *link = scene.client->entry->links;
    CHECK(link->state == LINK_SECURING);
    loop_lock(scene.loop);
    link->deadline.on_due(&link->deadline, link->expires);
    loop_unlock(scene.loop);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK(strstr(scene.client->link_text, "did not finish the handshake within 10 seconds.") != NULL);
    close(scene.fd);
    ask_secure(&scene, "turn.example.org");
    close(server_accept(scene.listener, &scene.peer));
    scene.fd = -1;
    scene.client->links_failed = 0;
    drive_until(&scene, is_answered);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK(strstr(scene.client->link_text, "he connection") != NULL); /* reset or closed, as the kernel has it */
    scene_close(&scene);
}

TEST(a_goodbye_ends_the_link)
{
    for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
        scene_t scene;
        scene_open(&scene, is_datagram != 0, "DNS:turn.example.org");
        ask_secure(&scene, "turn.example.org");
        drive_until(&scene, is_answered);
        while (!scene.server.is_connected) { /* TLS 1.3: the client is done first */
            await(scene.fd, POLLIN);
            serve(&scene);
        }
        SSL_shutdown(scene.server.ssl);
        serve(&scene);
        drive_until(&scene, has_closed);
        CHECK_INT(scene.client->closed_socket, scene.client->link);
        CHECK_TEXT(scene.client->link_text, "The server closed the connection.");
        scene_close(&scene);
    }
}

static unsigned udp_inputs, link_inputs;
static void count_by_socket(client_t *client, packet_t *packet)
{
    udp_inputs += packet->path.socket == client->sockets[0];
    link_inputs += packet->path.socket == client->link;
}

TEST(other_datagrams_of_the_socket_are_the_clients_as_ever)
{
    static const uint8_t stun[20] = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42}, record[14] = {22, 0xfe, 0xfd};
    scene_t scene;
    address_t elsewhere_address;
    int elsewhere = udp_open(&elsewhere_address);
    scene_open(&scene, true, "DNS:turn.example.org");
    client_t *client = scene.client;
    client->on_input = count_by_socket;
    udp_inputs = link_inputs = 0;
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    CHECK_INT(client->links_opened, 1);
    udp_send_to(elsewhere, &client->locals[0], stun, sizeof stun);
    udp_send_to(elsewhere, &client->locals[0], record, sizeof record); /* DTLS of a peer */
    udp_send_to(scene.fd, &client->locals[0], stun, sizeof stun);      /* STUN of the server itself */
    udp_send_to(scene.fd, &client->locals[0], record, sizeof record);  /* what is left of DTLS is the link's to judge */
    loop_lock(scene.loop);
    put_channel_data(client, 100);
    touch(client);
    client->expected_inputs = 4;
    drive_until(&scene, has_inputs);
    CHECK_INT(udp_inputs, 3);
    CHECK_INT(link_inputs, 1);
    close(elsewhere);
    scene_close(&scene);
}

TEST(two_servers_are_reached_over_one_socket_and_each_but_once)
{
    scene_t first, second;
    scene_open(&first, true, "DNS:turn.example.org");
    scene_open(&second, true, "DNS:turn.example.net");
    client_t *client = first.client;
    ask_secure(&first, "turn.example.org");
    drive_until(&first, is_answered);
    uint32_t first_link = client->link;
    client->links_opened = 0;
    link_request_t request = request_to(&second.address, LINK_FRAMING_STUN);
    request.protocol = LINK_DTLS;
    request.socket = client->sockets[0];
    request.local = client->locals[0];
    snprintf(request.server_name, sizeof request.server_name, "turn.example.net");
    ask_link(client, &request); /* not its authority: told, and the other link is as before */
    while (!is_answered(client)) {
        struct pollfd waits[] = {{.fd = loop_fd(first.loop), .events = POLLIN}, {.fd = second.fd, .events = POLLIN}};
        CHECK(poll(waits, 2, PATIENCE_MS) > 0);
        CHECK_INT(loop_dispatch(first.loop), 0);
        serve(&second);
    }
    CHECK_TEXT(client->link_text, "The certificate of turn.example.net is not signed by the authority that it names.");
    client->link = first_link;
    client->expected_inputs = 1;
    loop_lock(first.loop);
    put_channel_data(client, 100);
    touch(client);
    drive_until(&first, has_inputs);
    CHECK_INT(client->input_bytes, 104);

    client->links_failed = 0;
    ask_secure(&first, "turn.example.org");
    CHECK_INT(client->links_failed, 1);
    CHECK_TEXT(client->link_text, "There is a DTLS connection between these addresses already.");
    scene_close(&first);
    scene_close(&second);
}

TEST(from_a_shared_port_each_client_reaches_the_server_from_a_port_of_its_own)
{
    scene_t scene;
    address_t shared;
    int fd = udp_open(&shared);
    close(fd);
    scene_open_on(&scene, true, "DNS:turn.example.org", shared.port);
    client_t *client = scene.client;
    CHECK_INT(client->locals[0].port, shared.port);
    client->on_input = keep_path;
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    CHECK_INT(client->links_opened, 1);
    CHECK(scene.peer.port != shared.port && address_equal(&scene.peer, &client->link_end));
    client->expected_inputs = 1;
    loop_lock(scene.loop);
    put_channel_data(client, 100);
    touch(client);
    drive_until(&scene, has_inputs);
    CHECK_INT(last_path.socket, client->link);

    address_t again = scene.peer;
    loop_lock(scene.loop);
    client_put(client, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = client->link});
    touch(client);
    CHECK_INT(loop_dispatch(scene.loop), 0);
    CHECK(link_find(scene.loop, client->link) == NULL && scene.loop->ended_sockets == NULL);
    sockaddr_any_t name;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &again)) == 0); /* its port is free */
    close(fd);
    scene_close(&scene);
}

TEST(a_handshake_that_fails_on_a_port_of_its_own_leaves_no_socket)
{
    scene_t scene;
    address_t shared;
    close(udp_open(&shared));
    scene_open_on(&scene, true, "DNS:turn.example.net", shared.port);
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    CHECK_INT(scene.client->links_failed, 1);
    CHECK(scene.loop->ended_sockets == NULL);
    sockaddr_any_t name;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &scene.peer)) == 0);
    close(fd);
    scene_close(&scene);
}

TEST(a_closed_udp_socket_ends_the_links_over_it)
{
    scene_t scene;
    scene_open(&scene, true, "DNS:turn.example.org");
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    uint32_t socket = scene.client->sockets[0];
    ask(scene.client, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = socket});
    CHECK_INT(scene.client->closed_socket, scene.client->link);
    CHECK_TEXT(scene.client->link_text, "The UDP socket under it was closed.");
    CHECK(scene.client->entry->links == NULL);
    scene.client->links_opened = 0;
    ask_secure(&scene, "turn.example.org");
    CHECK_TEXT(scene.client->link_text, "The UDP socket is not open.");
    scene_close(&scene);
}

TEST(a_secured_server_that_does_not_read_costs_a_bounded_queue)
{
    scene_t scene;
    scene_open(&scene, false, "DNS:turn.example.org");
    int small = 65536;
    CHECK(setsockopt(scene.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    ask_secure(&scene, "turn.example.org");
    drive_until(&scene, is_answered);
    client_t *client = scene.client;
    loop_lock(scene.loop);
    for (int i = 0; i < 4000; i++)
        put_channel_data(client, 1200);
    touch(client);
    const link_t *link = client->entry->links;
    uint64_t dropped = scene.loop->counters.send_dropped;
    CHECK(dropped != 0 && dropped < 4000 && link->is_waiting && link->waiting.bytes <= (512 << 10) + 65536);
    size_t expected = (4000 - (size_t)dropped) * 1204;
    while (scene.server.received < expected) { /* what was not dropped comes whole */
        uint8_t bytes[65536];
        await(scene.fd, POLLIN);
        ssize_t length = recv(scene.fd, bytes, sizeof bytes, MSG_DONTWAIT);
        CHECK(length > 0);
        tls_server_input(&scene.server, bytes, (size_t)length);
        packet_queue_clear(&scene.server.out); /* its echo is not wanted */
        CHECK_INT(loop_dispatch(scene.loop), 0);
        CHECK(!scene.server.is_over);
    }
    CHECK_INT(scene.server.received, expected);
    scene_close(&scene);
}

TEST(where_memory_runs_out_every_secured_link_is_answered)
{
    for (unsigned n = 1; n < 20; n++) {
        for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
            scene_t scene;
            scene_open(&scene, is_datagram != 0, "DNS:turn.example.org");
            memory_fail_nth(n);
            ask_secure(&scene, "turn.example.org");
            memory_fail_nth(0);
            drive_until(&scene, is_answered);
            CHECK_INT(scene.client->links_opened + scene.client->links_failed, 1);
            scene_close(&scene);
        }
    }
}
