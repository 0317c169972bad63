/* Loops with their own thread, and other threads around them. Run under ThreadSanitizer as well. */
#include "test_client.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>

TEST(two_clients_exchange_a_thousand_datagrams)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *a = client_new(loop), *b = client_new(loop);
    client_open(a);
    client_open(b);
    b->is_echo = true;
    a->expected_inputs = 1000;
    for (int i = 0; i < 1000; i++) {
        loop_lock(loop);
        client_put_packet(a, b, 200, (uint8_t)i);
        loop_touch(loop, a->entry);
        loop_unlock(loop);
    }
    wait_for(&a->done);
    client_remove(a);
    client_remove(b);
    loop_unref(loop);
}

static void post_removed(void *user)
{
    client_t *client = user;
    sem_post(&client->removed);
}

static void bounce(client_t *client, packet_t *packet)
{
    (void)packet;
    if (client->inputs % 64 != 0)
        return;
    sem_post(&client->done);
}

typedef struct traffic {
    loop_t *loop;
    client_t *a;
    client_t *b;
} traffic_t;

static void *send_until_removed(void *context)
{
    traffic_t *traffic = context;
    for (int i = 0; i < 3000; i++) {
        loop_lock(traffic->loop);
        client_put_packet(traffic->a, traffic->b, 500, 1);
        loop_touch(traffic->loop, traffic->a->entry);
        loop_unlock(traffic->loop);
    }
    return NULL;
}

TEST(an_entry_may_be_removed_from_another_thread_while_traffic_flows)
{
    for (int round = 0; round < 20; round++) {
        traffic_t traffic = {.loop = loop_new(LOOP_THREAD)};
        traffic.a = client_new(traffic.loop);
        traffic.b = client_new(traffic.loop);
        client_open(traffic.a);
        client_open(traffic.b);
        traffic.b->on_input = bounce;
        traffic.b->makes_events = true;
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, send_until_removed, &traffic) == 0);
        wait_for(&traffic.b->done);
        loop_remove(traffic.loop, traffic.b->entry, post_removed);
        wait_for(&traffic.b->removed);
        pthread_join(thread, NULL); /* it still sends to where b was */
        client_free(traffic.b);
        client_remove(traffic.a);
        loop_unref(traffic.loop);
    }
}

static sem_t in_callback, leave_callback;

static void stay(client_t *client, int number)
{
    sem_post(&in_callback);
    wait_for(&leave_callback);
}

TEST(removal_does_not_wait_for_a_running_callback_but_on_removed_does)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *client = client_new(loop);
    sem_init(&in_callback, 0, 0);
    sem_init(&leave_callback, 0, 0);
    client->on_event = stay;
    loop_lock(loop);
    client_put_event(client, 1);
    client_put_event(client, 2);
    loop_touch(loop, client->entry);
    loop_unlock(loop);
    wait_for(&in_callback);
    loop_remove(loop, client->entry, post_removed);
    int waiting;
    CHECK(sem_getvalue(&client->removed, &waiting) == 0);
    CHECK_INT(waiting, 0);
    sem_post(&leave_callback);
    wait_for(&client->removed);
    CHECK_INT(client->events, 1);
    client_free(client);
    loop_unref(loop);
    sem_destroy(&in_callback);
    sem_destroy(&leave_callback);
}

static sem_t gone;

static void free_and_tell(void *user)
{
    client_free(user);
    sem_post(&gone);
}

static void end_everything(client_t *client, int number)
{
    loop_t *loop = client->loop;
    loop_remove(loop, client->entry, free_and_tell);
    loop_unref(loop);
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

TEST(a_loop_ended_from_its_own_thread_leaves_no_descriptor)
{
    int before = open_descriptors();
    sem_init(&gone, 0, 0);
    for (int i = 0; i < 50; i++) {
        loop_t *loop = loop_new(LOOP_THREAD);
        client_t *client = client_new(loop);
        client_open(client);
        client->on_event = end_everything;
        loop_lock(loop);
        client_put_event(client, 1);
        loop_touch(loop, client->entry);
        loop_unlock(loop);
        wait_for(&gone);
    }
    peer_time_t until = runtime_now() + 30 * PEER_SECOND;
    while (open_descriptors() > before && runtime_now() < until)
        sched_yield();
    CHECK(open_descriptors() <= before); /* fewer when a loop of an earlier test was still ending */
    CHECK_INT(live_events(), 0);
    sem_destroy(&gone);
}

TEST(the_default_loop_is_one_and_comes_again_after_its_end)
{
    for (int i = 0; i < 100; i++) {
        loop_t *first = loop_default(), *second = loop_default();
        CHECK(first != NULL && first == second);
        loop_unref(first);
        loop_unref(second);
    }
}

static void *use_default(void *context)
{
    for (int i = 0; i < 300; i++) {
        loop_t *loop = loop_default();
        CHECK(loop != NULL);
        loop_unref(loop);
    }
    return NULL;
}

TEST(threads_may_race_for_the_default_loop)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, use_default, NULL) == 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

#define MANY 2000

static sem_t all_timeouts;
static unsigned many_timeouts;

static void count_timeout(client_t *client, peer_time_t now)
{
    if (++many_timeouts == MANY)
        sem_post(&all_timeouts);
}

TEST(two_thousand_entries_keep_their_deadlines)
{
    static client_t *clients[MANY];
    loop_t *loop = loop_new(LOOP_THREAD);
    sem_init(&all_timeouts, 0, 0);
    many_timeouts = 0;
    peer_time_t start = runtime_now();
    for (size_t i = 0; i < MANY; i++) {
        clients[i] = client_new(loop);
        clients[i]->on_timeout = count_timeout;
        loop_lock(loop);
        clients[i]->deadline = start + (peer_time_t)((i * 7919) % MANY) * 10;
        loop_touch(loop, clients[i]->entry);
        loop_unlock(loop);
    }
    wait_for(&all_timeouts);
    for (size_t i = 0; i < MANY; i++)
        client_remove(clients[i]);
    loop_unref(loop);
    sem_destroy(&all_timeouts);
}

static void post_done(void *arg)
{
    sem_post(arg);
}

static void *touch_much(void *context)
{
    client_t *client = context;
    for (int i = 0; i < 2000; i++) {
        loop_lock(client->loop);
        for (; client->count > CLIENT_OUTPUTS / 2; loop_lock(client->loop)) { /* the loop is behind */
            loop_unlock(client->loop);
            sched_yield();
        }
        client_put_event(client, i);
        loop_touch(client->loop, client->entry);
        loop_unlock(client->loop);
        if (i % 100 == 0)
            loop_post(client->loop, post_done, &client->done);
    }
    return NULL;
}

static void count_expected(client_t *client, int number)
{
    if (client->events == client->expected_events)
        sem_post(&client->opened);
}

TEST(no_event_is_lost_when_many_threads_touch_one_entry)
{
    loop_t *loop = loop_new(LOOP_THREAD);
    client_t *client = client_new(loop);
    pthread_t threads[4];
    client->expected_events = 8000;
    client->on_event = count_expected;
    for (size_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, touch_much, client) == 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_for(&client->opened);
    for (int i = 0; i < 80; i++)
        wait_for(&client->done);
    client_remove(client);
    loop_unref(loop);
    CHECK_INT(live_events(), 0);
}
