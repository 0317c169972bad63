#include "link_support.h"

#include "runtime/sockaddr.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

int server_open(address_t *local, int backlog)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_t any = address_ipv4(127, 0, 0, 1, 0);
    CHECK(bind(fd, &name.any, sockaddr_from_address(&name, &any)) == 0 && listen(fd, backlog) == 0);
    CHECK(getsockname(fd, &name.any, &length) == 0 && sockaddr_to_address(&name.any, local));
    return fd;
}

void await(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};
    CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
}

int server_accept(int fd, address_t *remote)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    await(fd, POLLIN);
    int accepted = accept4(fd, &name.any, &length, SOCK_CLOEXEC);
    CHECK(accepted >= 0 && sockaddr_to_address(&name.any, remote));
    return accepted;
}

int plain_connect(const address_t *remote)
{
    sockaddr_any_t name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, &name.any, sockaddr_from_address(&name, remote)) == 0);
    return fd;
}

void receive_whole(int fd, uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        await(fd, POLLIN);
        ssize_t got = recv(fd, bytes + at, length - at, 0);
        CHECK(got > 0);
        at += (size_t)got;
    }
}

bool is_at_end(int fd)
{
    uint8_t byte;
    await(fd, POLLIN);
    return recv(fd, &byte, 1, 0) <= 0;
}

void touch(client_t *client)
{
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    if (client->loop->mode == LOOP_MANUAL)
        CHECK_INT(loop_dispatch(client->loop), 0);
}

void ask(client_t *client, const output_t *output)
{
    loop_lock(client->loop);
    client_put(client, output);
    touch(client);
}

link_request_t request_to(const address_t *remote, link_framing_t framing)
{
    return (link_request_t){
        .request = 7, .protocol = LINK_TCP, .framing = (uint8_t)framing, .local = address_ipv4(127, 0, 0, 1, 0), .remote = *remote};
}

void ask_link(client_t *client, const link_request_t *request)
{
    ask(client, &(output_t){.type = OUTPUT_CONNECT, .link = *request});
}

bool is_answered(void *context)
{
    const client_t *client = context;
    return client->links_opened + client->links_failed != 0;
}

bool is_accepted(void *context)
{
    return ((client_t *)context)->links_accepted != 0;
}

bool has_closed(void *context)
{
    return ((client_t *)context)->sockets_closed != 0;
}

bool has_inputs(void *context)
{
    const client_t *client = context;
    return client->inputs >= client->expected_inputs;
}

void put_over_link(client_t *client, size_t length, uint8_t fill)
{
    packet_t *packet = packet_new(loop_packets(client->loop), length);
    CHECK(packet != NULL);
    memset(packet->data, fill, length);
    packet->length = length;
    packet->path = (path_t){.socket = client->link, .protocol = TRANSPORT_TCP};
    client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = packet});
}

void send_over_link(client_t *client, size_t length, uint8_t fill)
{
    loop_lock(client->loop);
    put_over_link(client, length, fill);
    touch(client);
}
