/* One turn at a time: loops without a thread, driven by poll(2) on their descriptor. */
#include "test_client.h"

#include "base/error.h"
#include "base/memory.h"
#include "runtime/sockaddr.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct pair {
    loop_t *loop;
    client_t *a;
    client_t *b;
} pair_t;

static pair_t pair_open(void)
{
    pair_t pair = {.loop = loop_new(LOOP_MANUAL)};
    CHECK(pair.loop != NULL);
    pair.a = client_new(pair.loop);
    pair.b = client_new(pair.loop);
    client_open(pair.a);
    client_open(pair.b);
    return pair;
}

static void pair_close(pair_t *pair)
{
    client_remove(pair->a);
    client_remove(pair->b);
    loop_unref(pair->loop);
    CHECK_INT(live_events(), 0);
}

static bool has_inputs(void *context)
{
    client_t *client = context;
    return client->inputs >= client->expected_inputs;
}

static bool has_event(void *context)
{
    return ((client_t *)context)->events != 0;
}

static bool is_readable(loop_t *loop)
{
    struct pollfd wait = {.fd = loop_fd(loop), .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

TEST(sockets_are_opened_on_request_and_echo_comes_back)
{
    pair_t pair = pair_open();
    CHECK_INT(pair.a->completes, 1);
    pair.b->is_echo = true;
    pair.a->expected_inputs = 1;
    loop_lock(pair.loop);
    client_put_packet(pair.a, pair.b, 100, 7);
    loop_touch(pair.loop, pair.a->entry);
    loop_unlock(pair.loop);
    /* the echo returns along the path it came: to a's address, from b's socket */
    dispatch_until(pair.loop, has_inputs, pair.a);
    CHECK_INT(pair.b->inputs, 1);
    CHECK_INT(pair.a->input_bytes, 100);
    pair_close(&pair);
}

static uint8_t next_fill;
static size_t last_length;

static void check_order(client_t *client, packet_t *packet)
{
    CHECK_INT(packet->data[0], next_fill);
    CHECK_INT(packet->data[packet->length - 1], next_fill);
    next_fill++;
    last_length = packet->length;
}

#define TRAIN 100
static void send_train(pair_t *pair)
{
    next_fill = 0;
    pair->b->on_input = check_order;
    pair->b->expected_inputs = TRAIN;
    loop_lock(pair->loop);
    for (size_t i = 0; i < TRAIN; i++)
        client_put_packet(pair->a, pair->b, i == TRAIN - 1 ? 300 : 1200, (uint8_t)i);
    loop_touch(pair->loop, pair->a->entry);
    loop_unlock(pair->loop);
    dispatch_until(pair->loop, has_inputs, pair->b);
    CHECK_INT(pair->b->inputs, TRAIN);
    CHECK_INT(last_length, 300);
    CHECK_INT(pair->loop->counters.datagrams_sent, TRAIN);
    CHECK_INT(pair->loop->counters.datagrams_received, TRAIN);
}

TEST(packets_of_a_turn_leave_in_few_calls_and_arrive_whole_and_in_order)
{
    pair_t pair = pair_open();
    send_train(&pair);
    if (udp_socket_find(pair.loop, pair.a->sockets[0])->has_gso)
        CHECK(pair.loop->counters.send_calls <= 2);
    CHECK(pair.loop->counters.receive_calls <= 4);
    pair_close(&pair);
}

TEST(without_offload_the_same_packets_arrive)
{
    pair_t pair = {.loop = loop_new(LOOP_MANUAL)};
    pair.loop->without_offload = true;
    pair.a = client_new(pair.loop);
    pair.b = client_new(pair.loop);
    client_open(pair.a);
    client_open(pair.b);
    CHECK(!udp_socket_find(pair.loop, pair.a->sockets[0])->has_gso);
    send_train(&pair);
    CHECK(pair.loop->counters.send_calls <= 2); /* sendmmsg */
    pair_close(&pair);
}

TEST(a_segmented_buffer_the_kernel_refuses_goes_packet_by_packet)
{
    pair_t pair = pair_open();
    const int on = 1;
    udp_socket_t *socket = udp_socket_find(pair.loop, pair.a->sockets[0]);
    CHECK(setsockopt(socket->fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0); /* with it UDP_SEGMENT gives EINVAL */
    send_train(&pair);
    if (socket->has_gso)
        CHECK_INT(socket->gso_limit, 1200);
    CHECK_INT(pair.loop->counters.send_errors, 0);
    pair_close(&pair);
}

TEST(packets_of_changing_size_and_large_ones_arrive_in_order)
{
    static const size_t sizes[] = {1, 1200, 1200, 60, 60, 61, 1200, 4000, 16000, 16000, 60000, 5, 2048, 2049, 1200};
    pair_t pair = pair_open();
    size_t count = sizeof sizes / sizeof *sizes, bytes = 0;
    next_fill = 0;
    pair.b->on_input = check_order;
    pair.b->expected_inputs = (unsigned)count;
    loop_lock(pair.loop);
    for (size_t i = 0; i < count; i++) {
        client_put_packet(pair.a, pair.b, sizes[i], (uint8_t)i);
        bytes += sizes[i];
    }
    loop_touch(pair.loop, pair.a->entry);
    loop_unlock(pair.loop);
    dispatch_until(pair.loop, has_inputs, pair.b);
    CHECK_INT(pair.b->input_bytes, bytes);
    pair_close(&pair);
}

static void check_ecn(client_t *client, packet_t *packet)
{
    CHECK_INT(packet->ecn, packet->data[0]);
}

TEST(ecn_bits_go_out_and_come_in)
{
    pair_t pair = pair_open();
    pair.b->on_input = check_ecn;
    pair.b->expected_inputs = 6;
    loop_lock(pair.loop);
    for (uint8_t i = 0; i < 6; i++) {
        uint8_t ecn = i / 2; /* the first two are not capable, then ECT(1), then ECT(0) */
        client_put_packet(pair.a, pair.b, 500, ecn);
        pair.a->outputs[pair.a->first + pair.a->count - 1].packet->ecn = ecn;
    }
    loop_touch(pair.loop, pair.a->entry);
    loop_unlock(pair.loop);
    dispatch_until(pair.loop, has_inputs, pair.b);
    pair_close(&pair);
}

static int receive_traffic_class(int fd, uint8_t *fill)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {.iov_base = fill, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    CHECK_INT(poll(&wait, 1, 30000), 1);
    CHECK(recvmsg(fd, &message, 0) == 1);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header != NULL && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS);
    return *CMSG_DATA(header);
}

TEST(each_packet_is_marked_as_it_says_also_in_a_train)
{
    static const uint8_t marks[] = {0, 0, 46, 46, 46, 34, 10, 0, 46}; /* DSCP: RFC 8837 */
    enum { MARKS = sizeof marks };
    const int on = 1;
    sockaddr_any_t name;
    address_t any = address_ipv4(127, 0, 0, 1, 0);
    socklen_t length = sizeof name;
    pair_t pair = pair_open();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, &name.any, sockaddr_from_address(&name, &any)) == 0 && getsockname(fd, &name.any, &length) == 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on) == 0);
    loop_lock(pair.loop);
    for (uint8_t i = 0; i < MARKS; i++) {
        client_put_packet(pair.a, pair.b, 500, i);
        packet_t *packet = pair.a->outputs[pair.a->first + pair.a->count - 1].packet;
        sockaddr_to_address(&name.any, &packet->path.remote);
        packet->dscp = marks[i];
        packet->ecn = i % 2; /* beside it */
    }
    loop_touch(pair.loop, pair.a->entry);
    loop_unlock(pair.loop);
    while (pair.a->count != 0)
        CHECK_INT(loop_dispatch(pair.loop), 0);
    for (int i = 0; i < MARKS; i++) {
        uint8_t fill;
        int octet = receive_traffic_class(fd, &fill);
        CHECK_INT(fill, i);
        CHECK_INT(octet, marks[i] << 2 | i % 2);
    }
    close(fd);
    pair_close(&pair);
}

/* Loopback has always room, so the test itself lets the first packet wait. */
static udp_socket_t *let_wait(pair_t *pair, uint8_t fill)
{
    udp_socket_t *socket = udp_socket_find(pair->loop, pair->a->sockets[0]);
    packet_t *packet = packet_new(pair->loop->packets, 1000);
    memset(packet->data, fill, 1000);
    packet->length = 1000;
    packet->path = (path_t){.socket = socket->number, .remote = pair->b->locals[0]};
    packet_queue_push(&socket->waiting, packet);
    udp_socket_wait_for_room(pair->loop, socket, true);
    return socket;
}

TEST(what_the_kernel_had_no_room_for_is_sent_later_in_order)
{
    pair_t pair = pair_open();
    next_fill = 0;
    pair.b->on_input = check_order;
    pair.b->expected_inputs = 200;
    loop_lock(pair.loop);
    udp_socket_t *socket = let_wait(&pair, 0);
    for (size_t i = 1; i < 200; i++)
        client_put_packet(pair.a, pair.b, 1000, (uint8_t)i);
    loop_touch(pair.loop, pair.a->entry);
    loop_unlock(pair.loop);
    dispatch_until(pair.loop, has_inputs, pair.b);
    CHECK_INT(socket->waiting.count, 0);
    CHECK(!socket->is_waiting);
    pair_close(&pair);
}

TEST(the_queue_of_what_waits_is_bounded)
{
    pair_t pair = pair_open();
    loop_lock(pair.loop);
    udp_socket_t *socket = let_wait(&pair, 0);
    for (size_t i = 0; i < 3000; i++)
        client_put_packet(pair.a, pair.b, 10, 1);
    loop_mark_dirty(pair.loop, pair.a->entry);
    loop_flush_dirty(pair.loop, runtime_now());
    CHECK_INT(socket->waiting.count, 2048);
    CHECK_INT(pair.loop->counters.send_dropped, 3000 - 2047);
    loop_unlock(pair.loop);
    pair_close(&pair);
}

TEST(a_packet_for_no_socket_of_the_client_is_dropped)
{
    pair_t pair = pair_open();
    loop_lock(pair.loop);
    client_put_packet(pair.a, pair.b, 10, 0);
    pair.a->outputs[pair.a->first].packet->path.socket = pair.b->sockets[0]; /* another's */
    loop_touch(pair.loop, pair.a->entry);
    client_put(pair.b, &(output_t){.type = OUTPUT_CLOSE_SOCKET, .socket = pair.b->sockets[0]});
    client_put_packet(pair.b, pair.a, 10, 0);
    loop_touch(pair.loop, pair.b->entry);
    loop_unlock(pair.loop);
    loop_dispatch(pair.loop);
    CHECK_INT(pair.loop->counters.send_dropped, 2);
    CHECK(udp_socket_find(pair.loop, pair.b->sockets[0]) == NULL);
    pair_close(&pair);
}

static int timeouts_seen[3];
static size_t timeout_count;

static void note_timeout(client_t *client, peer_time_t now)
{
    timeouts_seen[timeout_count++] = (int)(intptr_t)client->user;
}

static bool has_three_timeouts(void *context)
{
    return timeout_count == 3;
}

TEST(deadlines_are_kept_in_order_and_the_descriptor_wakes_for_them)
{
    static const peer_time_t after[] = {3000, 1000, 2000};
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *clients[3];
    peer_time_t start = runtime_now();
    timeout_count = 0;
    for (int i = 0; i < 3; i++) {
        clients[i] = client_new(loop);
        clients[i]->user = (void *)(intptr_t)i;
        clients[i]->on_timeout = note_timeout;
        clients[i]->deadline = start + after[i];
        client_touch(clients[i]);
    }
    dispatch_until(loop, has_three_timeouts, NULL);
    CHECK(runtime_now() >= start + 3000);
    CHECK_INT(timeouts_seen[0], 1);
    CHECK_INT(timeouts_seen[1], 2);
    CHECK_INT(timeouts_seen[2], 0);
    for (int i = 0; i < 3; i++)
        client_remove(clients[i]);
    loop_unref(loop);
}

static void dispatch_again(client_t *client, int number)
{
    CHECK(loop_is_current(client->loop));
    unsigned before = client->events;
    CHECK(loop_dispatch(client->loop) == PEER_ERROR_INVALID_STATE); /* callbacks come one at a time */
    CHECK_INT(client->events, before);
    CHECK_INT(number, (int)before);
}

TEST(events_come_from_dispatch_in_order_and_never_from_inside_a_call)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new(loop);
    client->on_event = dispatch_again;
    CHECK(!is_readable(loop));
    loop_lock(loop);
    for (int i = 1; i <= 500; i++)
        client_put_event(client, i);
    loop_touch(loop, client->entry);
    loop_unlock(loop);
    CHECK_INT(client->events, 0);
    CHECK(is_readable(loop));
    while (is_readable(loop))
        loop_dispatch(loop);
    CHECK_INT(client->events, 500);
    CHECK_INT(live_events(), 0);
    client_remove(client);
    loop_unref(loop);
}

static unsigned removed_count;

static void count_removed(void *user)
{
    removed_count++;
}

static void remove_self(client_t *client, int number)
{
    CHECK_INT(number, 1);
    loop_remove(client->loop, client->entry, count_removed);
    CHECK_INT(removed_count, 0); /* this callback still runs */
}

TEST(an_entry_removed_in_its_own_callback_gets_no_further_event)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new(loop);
    removed_count = 0;
    client->on_event = remove_self;
    loop_lock(loop);
    for (int i = 1; i <= 3; i++)
        client_put_event(client, i);
    loop_touch(loop, client->entry);
    loop_unlock(loop);
    dispatch_until(loop, has_event, client);
    while (is_readable(loop))
        loop_dispatch(loop);
    CHECK_INT(client->events, 1);
    CHECK_INT(removed_count, 1);
    CHECK_INT(live_events(), 0);
    client_free(client);
    loop_unref(loop);
}

static void free_in_on_removed(void *user)
{
    removed_count++;
    client_free(user);
}

static void remove_and_free(client_t *client, int number)
{
    loop_t *loop = client->loop;
    loop_remove(loop, client->entry, free_in_on_removed);
    CHECK_INT(removed_count, 0); /* this callback still runs */
    loop_unref(loop);            /* the last one, inside the loop's own callback */
}

TEST(the_last_reference_may_go_inside_a_callback)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    client_t *client = client_new(loop);
    removed_count = 0;
    client->on_event = remove_and_free;
    loop_lock(loop);
    client_put_event(client, 1);
    client_put_event(client, 2);
    loop_touch(loop, client->entry);
    loop_unlock(loop);
    CHECK_INT(loop_dispatch(loop), 0);
    CHECK_INT(removed_count, 1);
    CHECK_INT(live_events(), 0);
}

TEST(a_removal_sends_what_the_client_still_puts_out)
{
    pair_t pair = pair_open();
    pair.b->expected_inputs = 3;
    loop_lock(pair.loop);
    for (int i = 0; i < 3; i++)
        client_put_packet(pair.a, pair.b, 50, 1);
    loop_unlock(pair.loop);
    loop_remove(pair.loop, pair.a->entry, count_removed);
    dispatch_until(pair.loop, has_inputs, pair.b);
    client_free(pair.a);
    client_remove(pair.b);
    loop_unref(pair.loop);
}

static int posted[4];
static size_t posted_count;

static void note_post(void *arg)
{
    posted[posted_count++] = (int)(intptr_t)arg;
}

TEST(posts_run_in_order_also_when_the_loop_ends_first)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    posted_count = 0;
    CHECK_INT(loop_post(loop, note_post, (void *)1), 0);
    CHECK_INT(loop_post(loop, note_post, (void *)2), 0);
    CHECK(is_readable(loop));
    loop_dispatch(loop);
    CHECK_INT(posted_count, 2);
    CHECK_INT(posted[0], 1);
    CHECK_INT(posted[1], 2);
    CHECK_INT(loop_post(loop, note_post, (void *)3), 0);
    loop_unref(loop);
    CHECK_INT(posted_count, 3);
}

typedef struct cycle {
    loop_t *loop; /* a reference */
    int runs;
} cycle_t;

static void end_cycle(void *arg)
{
    cycle_t *cycle = arg;
    cycle->runs++;
    loop_unref(cycle->loop);
}

TEST(a_post_that_holds_its_loop_does_not_keep_one_that_nobody_dispatches)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    cycle_t cycle = {.loop = loop_ref(loop)};
    CHECK_INT(loop_post(loop, end_cycle, &cycle), 0);
    loop_t *other = loop_ref(loop);
    loop_handle_unref(loop_handle_ref(loop)); /* not the last handle: it may be dispatched yet */
    CHECK_INT(cycle.runs, 0);
    loop_handle_unref(loop);
    CHECK_INT(cycle.runs, 1);
    CHECK_INT(loop_post(other, end_cycle, &cycle), PEER_ERROR_INVALID_STATE);
    CHECK_INT(cycle.runs, 1);
    loop_unref(other);
}

static void on_timer(void *user, peer_time_t now)
{
    ++*(int *)user;
}

static bool has_fired(void *context)
{
    return *(int *)context != 0;
}

TEST(a_timer_fires_once_for_each_setting_and_not_when_stopped)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    int fired = 0, never = 0;
    loop_timer_t *timer = loop_timer_new(loop, on_timer, &fired), *stopped = loop_timer_new(loop, on_timer, &never);
    loop_timer_set(stopped, runtime_now() + 500);
    loop_timer_set(timer, runtime_now() + 1000);
    loop_timer_set(stopped, PEER_TIME_NEVER);
    dispatch_until(loop, has_fired, &fired);
    loop_dispatch(loop);
    CHECK_INT(fired, 1);
    fired = 0;
    loop_timer_set(timer, 0);
    dispatch_until(loop, has_fired, &fired);
    CHECK_INT(fired, 1);
    CHECK_INT(never, 0);
    loop_timer_free(timer, NULL);
    loop_timer_free(stopped, NULL);
    loop_unref(loop);
}

TEST(a_loop_with_its_own_thread_is_not_dispatched)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    CHECK(loop_dispatch(loop) == PEER_ERROR_INVALID_STATE);
    CHECK(loop_fd(loop) == PEER_ERROR_INVALID_STATE);
    loop_unref(loop);
}

TEST(ports_stay_in_their_range)
{
    loop_t *loop = loop_new(LOOP_MANUAL);
    address_t local = address_ipv4(127, 0, 0, 1, 0);
    udp_socket_t *sockets[4];
    loop_lock(loop);
    for (size_t i = 0; i < 4; i++) {
        sockets[i] = udp_socket_open(loop, &local, 47310, 47320);
        CHECK(sockets[i] != NULL && sockets[i]->local.port >= 47310 && sockets[i]->local.port <= 47320);
    }
    address_t taken = sockets[0]->local;
    CHECK(udp_socket_open(loop, &local, taken.port, taken.port) == NULL);
    for (size_t i = 0; i < 4; i++)
        udp_socket_close(loop, sockets[i]);
    loop_unlock(loop);
    loop_unref(loop);
}

TEST(running_out_of_memory_anywhere_loses_nothing_but_the_request)
{
    for (unsigned n = 1; n < 40; n++) {
        memory_fail_nth(n);
        loop_t *loop = loop_new(LOOP_MANUAL);
        int fired = 0;
        loop_timer_t *timer = loop != NULL ? loop_timer_new(loop, on_timer, &fired) : NULL;
        udp_socket_t *socket = NULL;
        address_t local = address_ipv4(127, 0, 0, 1, 0);
        if (loop != NULL) {
            loop_lock(loop);
            socket = udp_socket_open(loop, &local, 0, 0);
            if (socket != NULL)
                udp_socket_close(loop, socket);
            loop_unlock(loop);
            loop_post(loop, note_post, NULL);
            posted_count = 0;
            loop_dispatch(loop);
        }
        memory_fail_nth(0);
        loop_timer_free(timer, NULL);
        loop_unref(loop);
    }
}

static void make_many_events(client_t *client, packet_t *packet)
{
    (void)packet;
    for (int i = 0; i < 200; i++)
        client_put_event(client, i);
}

TEST(a_peer_that_causes_events_faster_than_they_are_delivered_has_to_wait)
{
    pair_t pair = pair_open();
    pair.b->on_input = make_many_events;
    for (size_t i = 0; i < 50; i++) {
        loop_lock(pair.loop);
        for (size_t j = 0; j < 4; j++)
            client_put_packet(pair.a, pair.b, 100 + 4 * i + j, 7); /* of growing length, so that none are joined */
        loop_touch(pair.loop, pair.a->entry);
        loop_unlock(pair.loop);
        CHECK_INT(loop_dispatch(pair.loop), 0);
        loop_lock(pair.loop);
        CHECK(pair.loop->callbacks.count < 5000);
        loop_unlock(pair.loop);
    }
    pair.b->expected_inputs = 200; /* none was lost: they waited in the socket */
    dispatch_until(pair.loop, has_inputs, pair.b);
    pair_close(&pair);
}
