/* Work that is better done beside than when it is needed. */
#include "runtime/loop.h"

#include <pthread.h>

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

void runtime_in_background(void (*fn)(void))
{
    pthread_attr_t attributes;
    pthread_t thread;
    task_t task = {.run = fn};
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_create(&thread, &attributes, run_task, task.pointer);
    pthread_attr_destroy(&attributes);
}
