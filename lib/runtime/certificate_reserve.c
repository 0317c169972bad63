#include "runtime/certificate_reserve.h"

#include "runtime/loop_private.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WANTED_FIRST 2 /* both sides of a test; who takes more at a time gets more kept */

typedef struct ready {
    certificate_t *certificate;
    int64_t made_s; /* wall clock, which the lifetime counts from */
} ready_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; /* to the thread: there is room, or it is to end; to end(): it is idle */
static ready_t reserve[CERTIFICATE_RESERVE_MAX];
static size_t count, wanted;
static bool has_thread, is_making, is_ending;
static pid_t owner; /* a child after fork() has the parent's certificates, which are not to be used twice, and not its thread */

static int make(certificate_t **certificate, int64_t now_s)
{
    random_source_t random = runtime_random_source();
    int error = certificate_generate(certificate, CERTIFICATE_ECDSA_P256, now_s, 0, &random);
    if (error == 0)
        certificate_set_for_one(*certificate);
    return error;
}

/* Under the mutex, which it releases for the while. False when there is nothing to hope for. */
static bool make_one(void)
{
    ready_t made = {.made_s = runtime_unix_time_us() / PEER_SECOND};
    is_making = true;
    pthread_mutex_unlock(&mutex);
    int error = make(&made.certificate, made.made_s);
    pthread_mutex_lock(&mutex);
    is_making = false;
    if (is_ending)
        pthread_cond_broadcast(&changed);
    if (error < 0)
        return false;
    reserve[count++] = made; /* only this thread adds */
    return true;
}

static void *run(void *unused)
{
    bool goes_on = true;
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (goes_on && !is_ending) {
        if (count < wanted) {
            goes_on = make_one();
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += CERTIFICATE_RESERVE_LINGER_S;
        goes_on = pthread_cond_timedwait(&changed, &mutex, &until) == 0 || count < wanted;
    }
    /* While the process ends nothing is taken apart beside it, not even what OpenSSL keeps for this thread. */
    while (is_ending)
        pthread_cond_wait(&changed, &mutex);
    has_thread = false;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* At exit OpenSSL takes itself apart, and nobody may be in it then. Its own handler was registered before, so this one runs first. */
static void end(void)
{
    pthread_mutex_lock(&mutex);
    is_ending = true;
    pthread_cond_broadcast(&changed);
    while (is_making && owner == getpid())
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void prepare_end(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL); /* asked for nothing it would do nothing, not even register */
    atexit(end);
}

static void forget(void)
{
    while (count > 0)
        certificate_unref(reserve[--count].certificate);
}

/* Under the mutex. */
static void adopt(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_end);
    if (owner == getpid())
        return;
    forget();
    has_thread = is_making = false;
    owner = getpid();
}

/* Under the mutex: the newest of those that are young enough, which the others are not if it is not. */
static certificate_t *take_ready(int64_t now_s)
{
    if (count == 0)
        return NULL;
    ready_t newest = reserve[--count];
    if (newest.made_s <= now_s && now_s - newest.made_s < CERTIFICATE_RESERVE_AGE_S)
        return newest.certificate;
    certificate_unref(newest.certificate);
    forget();
    return NULL;
}

/* Under the mutex: room for more after a demand that was not met. */
static void refill(bool was_empty)
{
    if (wanted == 0)
        wanted = WANTED_FIRST;
    else if (was_empty && wanted < CERTIFICATE_RESERVE_MAX)
        wanted *= 2;
    if (has_thread)
        pthread_cond_signal(&changed);
    else if (!is_ending)
        has_thread = runtime_start_thread(run, NULL, NULL) == 0;
}

int certificate_reserve_take(certificate_t **certificate)
{
    int64_t now_s = runtime_unix_time_us() / PEER_SECOND;
    pthread_mutex_lock(&mutex);
    adopt();
    *certificate = take_ready(now_s);
    refill(*certificate == NULL);
    pthread_mutex_unlock(&mutex);
    return *certificate != NULL ? 0 : make(certificate, now_s);
}

size_t certificate_reserve_count(void)
{
    pthread_mutex_lock(&mutex);
    size_t ready = count;
    pthread_mutex_unlock(&mutex);
    return ready;
}
