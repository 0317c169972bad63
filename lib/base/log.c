#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int log_level = PEER_LOG_NONE;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static peer_log_sink_t log_sink;
static void *log_user;

void peer_log_set(int32_t level, peer_log_sink_t sink, void *user)
{
    pthread_mutex_lock(&sink_lock);
    log_sink = sink;
    log_user = user;
    atomic_store(&log_level, level);
    pthread_mutex_unlock(&sink_lock);
}

bool log_enabled(int level)
{
    return level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_write(int level, const char *module, uint32_t connection, const char *format, ...)
{
    static const char *const names[] = {"none", "error", "warning", "info", "debug", "trace"};
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&sink_lock);
    if (log_sink != NULL)
        log_sink(level, module, connection, message, log_user);
    else
        fprintf(stderr, "%s %s #%u: %s\n", names[level >= 0 && level <= 5 ? level : 0], module, connection, message);
    pthread_mutex_unlock(&sink_lock);
}
