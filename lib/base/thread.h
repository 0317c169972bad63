/* What a thread of the library does first. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* Signals are the application's threads' affair; the name (at most 15 characters) is what top and debuggers show. */
static inline void thread_begin(const char *name)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
#ifdef __linux__
    pthread_setname_np(pthread_self(), name);
#endif
}

#endif
