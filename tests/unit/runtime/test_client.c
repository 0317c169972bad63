#include "test_client.h"

#include "base/memory.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_SECONDS 30

static atomic_int event_count;

int live_events(void)
{
    return atomic_load(&event_count);
}

void wait_for(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    CHECK(sem_timedwait(semaphore, &until) == 0);
}

void dispatch_until(loop_t *loop, bool (*is_done)(void *context), void *context)
{
    peer_time_t until = runtime_now() + PATIENCE_SECONDS * PEER_SECOND;
    while (!is_done(context)) {
        struct pollfd wait = {.fd = loop_fd(loop), .events = POLLIN};
        CHECK(poll(&wait, 1, PATIENCE_SECONDS * 1000) == 1);
        CHECK_INT(loop_dispatch(loop), 0);
        CHECK(runtime_now() < until);
    }
}

static void input(void *context, peer_time_t now, packet_t *packet)
{
    client_t *client = context;
    client->inputs++;
    client->input_bytes += packet->length;
    CHECK(packet->time <= now && packet->path.socket != 0);
    if (client->on_input != NULL)
        client->on_input(client, packet);
    if (client->makes_events)
        client_put_event(client, (int)client->inputs);
    if (client->inputs == client->expected_inputs)
        sem_post(&client->done);
    if (client->is_echo)
        client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = packet});
    else
        packet_unref(packet);
}

static void timeout(void *context, peer_time_t now)
{
    client_t *client = context;
    client->timeouts++;
    client->deadline = PEER_TIME_NEVER;
    if (client->on_timeout != NULL)
        client->on_timeout(client, now);
}

static peer_time_t deadline(const void *context)
{
    return ((const client_t *)context)->deadline;
}

static bool poll_output(void *context, output_t *output)
{
    client_t *client = context;
    if (client->count == 0)
        return false;
    *output = client->outputs[client->first];
    client->first = (client->first + 1) % CLIENT_OUTPUTS;
    client->count--;
    return true;
}

static void socket_opened(void *context, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    client_t *client = context;
    CHECK(socket != 0 && now != 0 && local->port != 0);
    if ((type == NETWORK_LOOPBACK) == client->is_off_loopback || local->family != ADDRESS_IPV4 || client->socket_count == CLIENT_SOCKETS)
        return;
    client->sockets[client->socket_count] = socket;
    client->locals[client->socket_count++] = *local;
}

static void sockets_complete(void *context, peer_time_t now)
{
    client_t *client = context;
    client->completes++;
    sem_post(&client->opened);
}

static void port_mapped(void *context, peer_time_t now, uint32_t socket, const address_t *external)
{
    client_t *client = context;
    CHECK(client->socket_count != 0 && socket == client->sockets[0]);
    client->mapped = *external;
    client->mappings++;
}

static void resolved(void *context, peer_time_t now, uint32_t request, const address_t *addresses, size_t count)
{
    client_t *client = context;
    client->resolves++;
    client->last_request = request;
    client->resolved_count = count;
    CHECK(count <= sizeof client->resolved / sizeof *client->resolved);
    for (size_t i = 0; i < count; i++)
        client->resolved[i] = addresses[i];
    sem_post(&client->done);
}

static const char *ufrag(const void *context)
{
    return ((const client_t *)context)->ufrag;
}

static void event_free(connection_event_t *event)
{
    atomic_fetch_sub(&event_count, 1);
    free(event);
}

static void listener_opened(void *context, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    client_t *client = context;
    CHECK(socket != 0 && now != 0 && local->port != 0);
    if (type != NETWORK_LOOPBACK || local->family != ADDRESS_IPV4 || client->listener != 0)
        return;
    client->listener = socket;
    client->listener_local = *local;
}

static void link_opened(void *context, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local)
{
    client_t *client = context;
    client->links_opened++;
    client->link_request = request;
    client->link = socket;
    client->link_end = *local;
    sem_post(&client->opened);
}

static void link_failed(void *context, peer_time_t now, uint32_t request, const char *text)
{
    client_t *client = context;
    client->links_failed++;
    client->link_request = request;
    snprintf(client->link_text, sizeof client->link_text, "%s", text);
}

static void link_accepted(void *context, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    client_t *client = context;
    CHECK_INT(listener, client->listener);
    client->links_accepted++;
    client->link = socket;
    client->link_end = *remote;
}

/* The host's addresses may change while a test runs; loopback's do not. */
static void socket_closed(void *context, peer_time_t now, uint32_t socket, const char *text)
{
    client_t *client = context;
    for (size_t i = 0; i < client->socket_count; i++)
        CHECK(client->sockets[i] != socket);
    if (socket != client->link && socket != client->listener)
        return;
    client->sockets_closed++;
    client->closed_socket = socket;
    snprintf(client->link_text, sizeof client->link_text, "%s", text);
}

const loop_client_ops_t client_ops = {.input = input,
                                      .timeout = timeout,
                                      .deadline = deadline,
                                      .poll = poll_output,
                                      .socket_opened = socket_opened,
                                      .listener_opened = listener_opened,
                                      .sockets_complete = sockets_complete,
                                      .link_opened = link_opened,
                                      .link_failed = link_failed,
                                      .link_accepted = link_accepted,
                                      .socket_closed = socket_closed,
                                      .port_mapped = port_mapped,
                                      .ufrag = ufrag,
                                      .resolved = resolved,
                                      .event_free = event_free};

static void deliver(void *user, connection_event_t *event)
{
    client_t *client = user;
    client->events++;
    if (client->on_event != NULL)
        client->on_event(client, event->number);
}

client_t *client_new(loop_t *loop)
{
    static const loop_network_t network = {.loopback = LOOP_LOOPBACK_ALWAYS};
    return client_new_on(loop, &network);
}

client_t *client_new_on(loop_t *loop, const loop_network_t *network)
{
    return client_new_with(loop, network, &client_ops);
}

client_t *client_new_with(loop_t *loop, const loop_network_t *network, const loop_client_ops_t *table)
{
    client_t *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    client->outputs = calloc(CLIENT_OUTPUTS, sizeof *client->outputs);
    CHECK(client->outputs != NULL);
    client->loop = loop;
    client->deadline = PEER_TIME_NEVER;
    client->is_off_loopback = network->loopback == LOOP_LOOPBACK_NEVER;
    sem_init(&client->opened, 0, 0);
    sem_init(&client->done, 0, 0);
    sem_init(&client->removed, 0, 0);
    client->entry = loop_add(loop, table, client, network, deliver, client);
    CHECK(client->entry != NULL);
    return client;
}

void client_put(client_t *client, const output_t *output)
{
    CHECK(client->count < CLIENT_OUTPUTS);
    client->outputs[(client->first + client->count++) % CLIENT_OUTPUTS] = *output;
}

void client_put_packet(client_t *client, const client_t *to, size_t length, uint8_t fill)
{
    packet_t *packet = packet_new(loop_packets(client->loop), length);
    CHECK(packet != NULL);
    memset(packet->data, fill, length);
    packet->length = length;
    packet->path = (path_t){.socket = client->sockets[0], .local = client->locals[0], .remote = to->locals[0]};
    client_put(client, &(output_t){.type = OUTPUT_SEND, .packet = packet});
}

void client_put_event(client_t *client, int number)
{
    connection_event_t *event = malloc(sizeof *event);
    CHECK(event != NULL);
    event->number = number;
    atomic_fetch_add(&event_count, 1);
    client_put(client, &(output_t){.type = OUTPUT_EVENT, .event = event});
}

void client_touch(client_t *client)
{
    loop_lock(client->loop);
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
}

void client_open(client_t *client)
{
    loop_lock(client->loop);
    client_put(client, &(output_t){.type = OUTPUT_OPEN_SOCKETS});
    loop_touch(client->loop, client->entry);
    loop_unlock(client->loop);
    wait_for(&client->opened);
    CHECK(client->socket_count >= 1);
}

static void on_removed(void *user)
{
    client_t *client = user;
    sem_post(&client->removed);
}

void client_remove(client_t *client)
{
    loop_remove(client->loop, client->entry, on_removed);
    wait_for(&client->removed);
    client_free(client);
}

void client_free(client_t *client)
{
    for (; client->count != 0; client->count--, client->first = (client->first + 1) % CLIENT_OUTPUTS) {
        output_t *output = &client->outputs[client->first];
        if (output->type == OUTPUT_SEND)
            packet_unref(output->packet);
        else if (output->type == OUTPUT_EVENT)
            event_free(output->event);
    }
    sem_destroy(&client->opened);
    sem_destroy(&client->done);
    sem_destroy(&client->removed);
    free(client->outputs);
    free(client);
}
