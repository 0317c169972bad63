/* Callbacks wait in one queue and run one at a time, without the lock. A subject (entry or timer) that is removed meanwhile is only marked:
 * its memory goes when the last callback that names it has been taken from the queue. */
#include "base/memory.h"
#include "runtime/loop_private.h"

#define CALLBACKS_FIRST_CAPACITY 64

bool callbacks_reserve(loop_t *loop)
{
    callback_queue_t *queue = &loop->callbacks;
    if (queue->count < queue->capacity)
        return true;
    size_t capacity = queue->capacity == 0 ? CALLBACKS_FIRST_CAPACITY : queue->capacity * 2;
    callback_t *items = memory_array(capacity, sizeof *items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->first + i) & (queue->capacity - 1)];
    memory_free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

static subject_t *subject_of(const callback_t *callback)
{
    switch (callback->type) {
    case CALLBACK_EVENT:
        return &callback->event.entry->subject;
    case CALLBACK_TIMER:
        return &callback->timer->subject;
    case CALLBACK_POST:
        break;
    }
    return NULL;
}

void callbacks_push(loop_t *loop, const callback_t *callback)
{
    callback_queue_t *queue = &loop->callbacks;
    subject_t *subject = subject_of(callback);
    if (subject != NULL)
        subject->references++;
    queue->items[(queue->first + queue->count++) & (queue->capacity - 1)] = *callback;
}

static bool pop(loop_t *loop, callback_t *callback)
{
    callback_queue_t *queue = &loop->callbacks;
    if (queue->count == 0)
        return false;
    *callback = queue->items[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}

static void subject_release(subject_t *subject)
{
    if (--subject->references == 0)
        memory_free(subject); /* the head of the entry or timer */
}

static void run(const callback_t *callback, bool is_wanted)
{
    switch (callback->type) {
    case CALLBACK_EVENT:
        if (is_wanted)
            callback->event.entry->on_event(callback->event.entry->subject.user, callback->event.event);
        callback->event.entry->ops->event_free(callback->event.event);
        break;
    case CALLBACK_TIMER:
        if (is_wanted)
            callback->timer->on_due(callback->timer->subject.user, runtime_now());
        break;
    case CALLBACK_POST:
        callback->post.fn(callback->post.arg);
        break;
    }
}

static bool is_wanted(const callback_t *callback, const subject_t *subject)
{
    if (subject == NULL)
        return true;
    if (subject->is_removed)
        return false;
    if (callback->type != CALLBACK_TIMER)
        return true;
    bool is_due = callback->timer->is_due;
    callback->timer->is_due = false;
    return is_due;
}

void callbacks_deliver(loop_t *loop, size_t count)
{
    callback_t callback;
    for (size_t i = 0; i < count && pop(loop, &callback); i++) {
        subject_t *subject = subject_of(&callback);
        bool wanted = is_wanted(&callback, subject);
        loop->running = wanted ? subject : NULL;
        loop_unlock(loop);
        run(&callback, wanted);
        loop_lock(loop);
        loop->running = NULL;
        if (subject == NULL)
            continue;
        void (*on_removed)(void *user) = subject->on_removed;
        if (on_removed != NULL) {
            subject->on_removed = NULL; /* other callbacks of the subject may still be queued */
            loop_unlock(loop);
            on_removed(subject->user);
            loop_lock(loop);
        }
        subject_release(subject);
    }
}

void callbacks_run_posts(loop_t *loop)
{
    callback_queue_t *queue = &loop->callbacks;
    callback_t callback;
    for (size_t left = queue->count; left > 0 && pop(loop, &callback); left--) {
        if (callback.type != CALLBACK_POST) { /* goes behind again */
            queue->items[(queue->first + queue->count++) & (queue->capacity - 1)] = callback;
            continue;
        }
        loop_unlock(loop);
        run(&callback, true);
        loop_lock(loop);
    }
}

void callbacks_end(loop_t *loop)
{
    callback_t callback;
    while (pop(loop, &callback)) {
        subject_t *subject = subject_of(&callback);
        run(&callback, subject == NULL);
        if (subject != NULL)
            subject_release(subject);
    }
    memory_free(loop->callbacks.items);
}

void subject_remove(loop_t *loop, subject_t *subject, void (*on_removed)(void *user))
{
    void *user = subject->user;
    bool is_running = loop->running == subject;
    subject->is_removed = true;
    if (is_running)
        subject->on_removed = on_removed;
    subject_release(subject);
    loop_unlock(loop);
    if (!is_running && on_removed != NULL)
        on_removed(user);
    loop_unref(loop);
}
