/* The threads below the workers. A worker is put on the pool's list when it has something to do, one thread takes it, and no other has it
 * meanwhile: so the jobs of one worker run one at a time and in order. */
#ifndef CODEC_CODEC_POOL_H
#define CODEC_CODEC_POOL_H

#include "codec/codec_worker.h"

#include <pthread.h>

/* What a worker has of the pool's; all of it under the pool's lock. */
typedef struct pool_task {
    struct pool_task *next; /* on the list of those that have something to do */
    bool is_listed;
    bool is_running;
    bool (*has_work)(struct pool_task *task); /* with the lock held */
    /* Does one piece of work, without the lock. True: the task is at its end, it left the pool and must not be touched any more. */
    bool (*work)(struct pool_task *task);
} pool_task_t;

void codec_pool_lock(codec_pool_t *pool);
void codec_pool_unlock(codec_pool_t *pool);
bool codec_pool_is_inline(const codec_pool_t *pool);
void codec_pool_attach(codec_pool_t *pool); /* one more task; takes the lock */
void codec_pool_detach(codec_pool_t *pool); /* one task less; takes the lock; the pool may be gone afterwards */
/* Sees to it that the task's work gets done, and unlocks the pool, which the caller locked: once unlocked, the task may be at its end at
 * any moment. On an inline pool does the work before it returns. */
void codec_pool_schedule_and_unlock(codec_pool_t *pool, pool_task_t *task);

#endif
