/** @file
 * Where a connection's work is done: a loop owns sockets, timers and the order of events.
 *
 * Without further ado the library runs one loop of its own on one thread, made at first use. An application that has an event loop takes a
 * manual one, watches its one descriptor, and gets every event on its own thread.
 */
#ifndef PEER_LOOP_H
#define PEER_LOOP_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** How a loop runs. */
typedef enum peer_loop_mode {
    PEER_LOOP_THREAD = 0, /**< on a thread of its own; events come on that thread */
    PEER_LOOP_MANUAL = 1  /**< when the application calls peer_loop_dispatch(); events come from inside that call */
} peer_loop_mode_t;

/**
 * Makes a loop.
 *
 * @param mode  one of ::peer_loop_mode_t
 * @return the loop, or NULL (PEER_ERROR_RANGE, PEER_ERROR_NO_MEMORY, PEER_ERROR_OPERATION when the system refuses a descriptor or thread)
 * @threadsafe
 */
PEER_API peer_loop_t *peer_loop_new(int32_t mode);

/** Takes a reference. @threadsafe */
PEER_API peer_loop_t *peer_loop_ref(peer_loop_t *loop);

/** Gives a reference back. Connections keep their loop alive; it ends after the last of them. May be called from an event. @threadsafe */
PEER_API void peer_loop_unref(peer_loop_t *loop);

/**
 * Gives the descriptor of a manual loop: readable whenever peer_loop_dispatch() has something to do, timers included.
 *
 * @return the descriptor, owned by the loop; PEER_ERROR_INVALID_STATE for a loop that runs on its own thread
 * @threadsafe
 */
PEER_API int peer_loop_fd(const peer_loop_t *loop);

/**
 * Does what is due on a manual loop and delivers events, without waiting.
 *
 * @return 0, or PEER_ERROR_INVALID_STATE for a loop that runs on its own thread, or when called from one of its events
 * @note To be called from one thread at a time.
 */
PEER_API int peer_loop_dispatch(peer_loop_t *loop);

PEER_END_DECLS

#endif
