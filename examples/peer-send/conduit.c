#include "conduit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFERED_MAX (2 << 20) /* no more is handed in until ... */
#define BUFFERED_LOW (1 << 20) /* ... this little is left */
#define LINGER_SECONDS 5

struct conduit {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    peer_data_channel_t *channel; /* NULL: there is no connection */
    unsigned attached, worker;    /* which connection is there, and which one the worker has to do with; counted from 1 */
    message_t *first, **last;
    size_t waiting; /* bytes */
    bool is_over;
    int descriptor; /* an eventfd */
};

conduit_t *conduit_new(void)
{
    conduit_t *conduit = calloc(1, sizeof *conduit);
    if (conduit == NULL)
        return NULL;
    conduit->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (conduit->descriptor < 0) {
        free(conduit);
        return NULL;
    }
    conduit->last = &conduit->first;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&conduit->lock, NULL);
    pthread_cond_init(&conduit->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return conduit;
}

static void drop_messages(conduit_t *conduit)
{
    for (message_t *message = conduit->first, *next; message != NULL; message = next) {
        next = message->next;
        free(message);
    }
    conduit->first = NULL;
    conduit->last = &conduit->first;
    conduit->waiting = 0;
}

void conduit_free(conduit_t *conduit)
{
    if (conduit == NULL)
        return;
    drop_messages(conduit);
    peer_data_channel_unref(conduit->channel);
    close(conduit->descriptor);
    pthread_cond_destroy(&conduit->changed);
    pthread_mutex_destroy(&conduit->lock);
    free(conduit);
}

/* With the lock held. */
static void wake(conduit_t *conduit)
{
    uint64_t one = 1;
    pthread_cond_broadcast(&conduit->changed);
    if (write(conduit->descriptor, &one, sizeof one) < 0 && errno != EAGAIN)
        abort(); /* an eventfd that is ours takes it, or is readable already */
}

static void replace_channel(conduit_t *conduit, peer_data_channel_t *channel)
{
    pthread_mutex_lock(&conduit->lock);
    peer_data_channel_t *old = conduit->channel;
    conduit->channel = channel != NULL ? peer_data_channel_ref(channel) : NULL;
    conduit->attached += channel != NULL;
    drop_messages(conduit);
    wake(conduit);
    pthread_mutex_unlock(&conduit->lock);
    peer_data_channel_unref(old);
}

void conduit_attach(conduit_t *conduit, peer_data_channel_t *channel)
{
    peer_data_channel_set_buffered_amount_low_threshold(channel, BUFFERED_LOW);
    replace_channel(conduit, channel);
}

void conduit_detach(conduit_t *conduit)
{
    replace_channel(conduit, NULL);
}

bool conduit_take(conduit_t *conduit, const void *data, size_t length, bool is_text)
{
    message_t *message = malloc(sizeof *message + length + 1);
    if (message == NULL)
        return false;
    message->next = NULL;
    message->length = length;
    message->is_text = is_text;
    if (length > 0)
        memcpy(message->bytes, data, length);
    message->bytes[length] = '\0';
    pthread_mutex_lock(&conduit->lock);
    bool fits = conduit->waiting + sizeof *message + length <= CONDUIT_WAITING_MAX;
    if (fits) {
        *conduit->last = message;
        conduit->last = &message->next;
        conduit->waiting += sizeof *message + length;
        wake(conduit);
    }
    pthread_mutex_unlock(&conduit->lock);
    if (!fits)
        free(message);
    return fits;
}

void conduit_low(conduit_t *conduit)
{
    pthread_mutex_lock(&conduit->lock);
    pthread_cond_broadcast(&conduit->changed);
    pthread_mutex_unlock(&conduit->lock);
}

void conduit_end(conduit_t *conduit)
{
    pthread_mutex_lock(&conduit->lock);
    conduit->is_over = true;
    wake(conduit);
    pthread_mutex_unlock(&conduit->lock);
}

static struct timespec after(int seconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += seconds;
    return time;
}

bool conduit_wait(conduit_t *conduit, int seconds)
{
    struct timespec until = after(seconds);
    pthread_mutex_lock(&conduit->lock);
    bool is_late = false;
    while (!conduit->is_over && !is_late && (conduit->channel == NULL || conduit->attached == conduit->worker)) {
        if (seconds > 0)
            is_late = pthread_cond_timedwait(&conduit->changed, &conduit->lock, &until) == ETIMEDOUT;
        else
            pthread_cond_wait(&conduit->changed, &conduit->lock);
    }
    conduit->worker = conduit->attached;
    bool is_on = !conduit->is_over && !is_late;
    pthread_mutex_unlock(&conduit->lock);
    return is_on;
}

static bool is_broken(const conduit_t *conduit)
{
    return conduit->is_over || conduit->channel == NULL || conduit->attached != conduit->worker;
}

bool conduit_is_broken(conduit_t *conduit)
{
    pthread_mutex_lock(&conduit->lock);
    bool broken = is_broken(conduit);
    pthread_mutex_unlock(&conduit->lock);
    return broken;
}

message_t *conduit_read(conduit_t *conduit, bool waiting)
{
    message_t *message = NULL;
    pthread_mutex_lock(&conduit->lock);
    while (waiting && !is_broken(conduit) && conduit->first == NULL)
        pthread_cond_wait(&conduit->changed, &conduit->lock);
    if (!is_broken(conduit) && (message = conduit->first) != NULL) {
        if ((conduit->first = message->next) == NULL)
            conduit->last = &conduit->first;
        conduit->waiting -= sizeof *message + message->length;
    }
    uint64_t count;
    if (!is_broken(conduit) && conduit->first == NULL && read(conduit->descriptor, &count, sizeof count) < 0 && errno != EAGAIN)
        abort();
    pthread_mutex_unlock(&conduit->lock);
    return message;
}

bool conduit_write(conduit_t *conduit, const void *data, size_t length, bool is_text)
{
    pthread_mutex_lock(&conduit->lock);
    while (!is_broken(conduit) && peer_data_channel_buffered_amount(conduit->channel) > BUFFERED_MAX)
        pthread_cond_wait(&conduit->changed, &conduit->lock);
    peer_data_channel_t *channel = is_broken(conduit) ? NULL : peer_data_channel_ref(conduit->channel);
    pthread_mutex_unlock(&conduit->lock);
    bool is_sent = channel != NULL && peer_data_channel_send(channel, data, length, is_text) == 0;
    peer_data_channel_unref(channel);
    return is_sent;
}

bool conduit_write_json(conduit_t *conduit, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    bool is_sent = text != NULL && conduit_write(conduit, text, strlen(text), true);
    free(text);
    json_decref(json);
    return is_sent;
}

int conduit_descriptor(const conduit_t *conduit)
{
    return conduit->descriptor;
}

void conduit_linger(conduit_t *conduit)
{
    struct timespec until = after(LINGER_SECONDS);
    pthread_mutex_lock(&conduit->lock);
    while (!is_broken(conduit) && pthread_cond_timedwait(&conduit->changed, &conduit->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&conduit->lock);
}
