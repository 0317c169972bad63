/* A timer of the application's side: its callback comes like an event, in the same queue. */
#include "base/error.h"
#include "base/memory.h"
#include "runtime/loop_private.h"

static void on_due(deadline_t *deadline, peer_time_t now)
{
    (void)now;
    loop_timer_t *timer = (loop_timer_t *)(void *)((char *)deadline - offsetof(loop_timer_t, deadline));
    if (timer->is_due)
        return;
    if (!callbacks_reserve(timer->loop)) {
        deadline_heap_set(&timer->loop->deadlines, deadline, now + PEER_MILLISECOND);
        return;
    }
    timer->is_due = true;
    callbacks_push(timer->loop, &(callback_t){.type = CALLBACK_TIMER, .timer = timer});
}

loop_timer_t *loop_timer_new(loop_t *loop, void (*on_timer)(void *user, peer_time_t now), void *user)
{
    loop_timer_t *timer = MEMORY_NEW(loop_timer_t);
    if (timer == NULL) {
        error_no_memory();
        return NULL;
    }
    *timer = (loop_timer_t){.subject = {.references = 1, .user = user},
                            .deadline = {.time = PEER_TIME_NEVER, .on_due = on_due},
                            .loop = loop,
                            .on_due = on_timer};
    loop_lock(loop);
    bool has_room = deadline_heap_reserve(&loop->deadlines);
    loop_unlock(loop);
    if (!has_room) {
        memory_free(timer);
        error_no_memory();
        return NULL;
    }
    loop_ref(loop);
    return timer;
}

void loop_timer_set(loop_timer_t *timer, peer_time_t when)
{
    loop_t *loop = timer->loop;
    loop_lock(loop);
    timer->is_due = false; /* what is queued for the old time is void */
    deadline_heap_set(&loop->deadlines, &timer->deadline, when);
    if (!loop->is_in_turn)
        loop_arm_timer(loop, runtime_now());
    loop_unlock(loop);
}

void loop_timer_free(loop_timer_t *timer, void (*on_removed)(void *user))
{
    if (timer == NULL)
        return;
    loop_t *loop = timer->loop;
    loop_lock(loop);
    deadline_heap_unreserve(&loop->deadlines, &timer->deadline);
    subject_remove(loop, &timer->subject, on_removed);
}
