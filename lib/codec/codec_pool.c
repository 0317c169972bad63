#include "codec/codec_pool.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <unistd.h>

#define DEFAULT_MAX_THREADS 4

struct codec_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the list, or is_released */
    pool_task_t *first, *last;
    unsigned max_threads; /* 0: inline */
    pthread_t threads[CODEC_POOL_MAX_THREADS];
    unsigned thread_count; /* ever started */
    unsigned running;      /* not yet at their end */
    unsigned idle;         /* waiting for work */
    unsigned tasks;        /* attached */
    bool is_released;
    bool is_joined; /* codec_pool_join() frees it, not the last thread */
};

codec_pool_t *codec_pool_new(unsigned threads)
{
    codec_pool_t *pool = MEMORY_NEW(codec_pool_t);
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->max_threads = threads < CODEC_POOL_MAX_THREADS ? threads : CODEC_POOL_MAX_THREADS;
    return pool;
}

unsigned codec_pool_default_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors < DEFAULT_MAX_THREADS ? (unsigned)processors : DEFAULT_MAX_THREADS;
}

static void pool_free(codec_pool_t *pool)
{
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool);
}

void codec_pool_lock(codec_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
}

void codec_pool_unlock(codec_pool_t *pool)
{
    pthread_mutex_unlock(&pool->lock);
}

bool codec_pool_is_inline(const codec_pool_t *pool)
{
    return pool->max_threads == 0;
}

static bool is_over(const codec_pool_t *pool)
{
    return pool->is_released && pool->tasks == 0;
}

/* Ends the pool if nothing needs it; unlocks it in any case. */
static void unlock_and_end(codec_pool_t *pool)
{
    bool is_ownerless = is_over(pool) && pool->running == 0 && !pool->is_joined;
    if (is_over(pool))
        pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (is_ownerless)
        pool_free(pool);
}

void codec_pool_release(codec_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_released = true;
    unlock_and_end(pool);
}

void codec_pool_join(codec_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_released = true;
    pool->is_joined = true;
    pthread_cond_broadcast(&pool->changed);
    while (pool->tasks > 0) /* freed, but their last callback is still to come */
        pthread_cond_wait(&pool->changed, &pool->lock);
    unsigned count = pool->thread_count;
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(pool->threads[i], NULL);
    pool_free(pool);
}

void codec_pool_attach(codec_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->tasks++;
    pthread_mutex_unlock(&pool->lock);
}

void codec_pool_detach(codec_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->tasks--;
    unlock_and_end(pool);
}

static void list_add(codec_pool_t *pool, pool_task_t *task)
{
    task->is_listed = true;
    task->next = NULL;
    if (pool->last != NULL)
        pool->last->next = task;
    else
        pool->first = task;
    pool->last = task;
}

static pool_task_t *list_take(codec_pool_t *pool)
{
    pool_task_t *task = pool->first;
    pool->first = task->next;
    if (pool->first == NULL)
        pool->last = NULL;
    task->is_listed = false;
    return task;
}

/* One piece of work of a task that is not listed and not running; true when the task is gone. Locked before and after. */
static bool run(codec_pool_t *pool, pool_task_t *task)
{
    task->is_running = true;
    pthread_mutex_unlock(&pool->lock);
    bool is_gone = task->work(task);
    pthread_mutex_lock(&pool->lock);
    if (!is_gone)
        task->is_running = false;
    return is_gone;
}

static void *thread_main(void *argument)
{
    thread_begin("peer-codec");
    codec_pool_t *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!is_over(pool)) {
        if (pool->first == NULL) {
            pool->idle++;
            pthread_cond_wait(&pool->changed, &pool->lock);
            pool->idle--;
            continue;
        }
        pool_task_t *task = list_take(pool);
        if (!run(pool, task) && task->has_work(task))
            list_add(pool, task); /* at the end: one track must not starve the others */
    }
    pool->running--;
    if (!pool->is_joined)
        pthread_detach(pthread_self());
    unlock_and_end(pool);
    return NULL;
}

/* Starts one more thread if there is work for it. False when there is no thread at all. */
static bool start_thread(codec_pool_t *pool)
{
    if (pool->idle > 0 || pool->thread_count == pool->max_threads)
        return true;
    if (pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool) == 0) {
        pool->thread_count++;
        pool->running++;
    } else {
        LOG_WARNING("codec", 0, "no thread could be made; %u are running", pool->thread_count);
    }
    return pool->thread_count > 0;
}

void codec_pool_schedule_and_unlock(codec_pool_t *pool, pool_task_t *task)
{
    if (task->is_listed || task->is_running || !task->has_work(task)) {
        pthread_mutex_unlock(&pool->lock);
        return;
    }
    if (pool->max_threads > 0 && start_thread(pool)) {
        list_add(pool, task);
        pthread_cond_signal(&pool->changed);
        pthread_mutex_unlock(&pool->lock);
        return;
    }
    pool->tasks++; /* holds the pool while this thread works in it */
    while (!run(pool, task) && task->has_work(task))
        continue;
    pool->tasks--;
    unlock_and_end(pool);
}
