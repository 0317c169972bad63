/* Work that is better done beside than when it is needed. */
#include "runtime/loop_private.h"

#include <signal.h>

/* A function pointer has to travel in a void pointer: POSIX lets it (dlsym). */
typedef union task {
    void (*run)(void);
    void *pointer;
} task_t;

static void *run_task(void *pointer)
{
    task_t task = {.pointer = pointer};
    task.run();
    return NULL;
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
    task_t task = {.run = fn};
    runtime_start_thread(run_task, task.pointer, NULL); /* without a thread it is not run, as said */
}
