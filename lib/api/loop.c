/* The public face of a loop: peer_loop_t is the runtime's loop_t under its public name. */
#include "api/api.h"

#include "base/error.h"

loop_t *api_loop(peer_loop_t *loop)
{
    return (loop_t *)loop;
}

peer_loop_t *peer_loop_new(int32_t mode)
{
    if (mode != PEER_LOOP_THREAD && mode != PEER_LOOP_MANUAL) {
        error_set(PEER_ERROR_RANGE, "%d is no mode of a loop", mode);
        return NULL;
    }
    return (peer_loop_t *)loop_new(mode == PEER_LOOP_THREAD ? LOOP_THREAD : LOOP_MANUAL);
}

peer_loop_t *peer_loop_ref(peer_loop_t *loop)
{
    return (peer_loop_t *)loop_handle_ref(api_loop(loop));
}

void peer_loop_unref(peer_loop_t *loop)
{
    loop_handle_unref(api_loop(loop));
}

int peer_loop_fd(const peer_loop_t *loop)
{
    return loop_fd((const loop_t *)loop);
}

int peer_loop_dispatch(peer_loop_t *loop)
{
    return loop_dispatch(api_loop(loop));
}
