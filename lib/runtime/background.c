/* Work that is better done beside than when it is needed. */
#include "runtime/loop_private.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A function pointer has to travel in a void pointer: POSIX lets it (dlsym). */
typedef union task {
    void (*run)(void);
    void *pointer;
} task_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; /* to end(): one is done */
static size_t running;
static bool is_ending;
static pid_t owner; /* a child after fork() has none of the threads */

static void *run_task(void *pointer)
{
    task_t task = {.pointer = pointer};
    task.run();
    pthread_mutex_lock(&mutex);
    running--;
    pthread_cond_broadcast(&changed);
    while (is_ending) /* nothing is taken apart beside a process that ends, not even what OpenSSL keeps for this thread */
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* At exit OpenSSL takes itself apart, and nobody may be in it then. Its own handler was registered before, so this one runs first. */
static void end(void)
{
    pthread_mutex_lock(&mutex);
    is_ending = true;
    while (running > 0 && owner == getpid())
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void prepare_end(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL); /* asked for nothing it would do nothing, not even register */
    atexit(end);
}

int runtime_start_thread(void *(*run)(void *argument), void *argument, pthread_t *thread)
{
    pthread_t started;
    pthread_attr_t attributes;
    sigset_t all, before;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&started, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0 && thread != NULL)
        *thread = started;
    return error;
}

void runtime_in_background(void (*fn)(void))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    task_t task = {.run = fn};
    pthread_once(&once, prepare_end);
    pthread_mutex_lock(&mutex);
    if (owner != getpid())
        running = 0;
    owner = getpid();
    if (!is_ending && runtime_start_thread(run_task, task.pointer, NULL) == 0) /* without a thread it is not run, as said */
        running++;
    pthread_mutex_unlock(&mutex);
}
