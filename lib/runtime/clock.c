/* The two things besides the network that the protocol core asks of the operating system: the time, and randomness. */
#include "runtime/clock.h"
#include "base/log.h"
#include "runtime/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

peer_time_t runtime_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (peer_time_t)now.tv_sec * PEER_SECOND + now.tv_nsec / 1000;
}

int64_t runtime_unix_time_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * PEER_SECOND + now.tv_nsec / 1000;
}

static void fill(void *context, void *bytes, size_t length)
{
    uint8_t *at = bytes;
    while (length != 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            LOG_ERROR("runtime", 0, "the system gives no random bytes");
            abort(); /* keys must never be made of anything else */
        }
        at += got;
        length -= (size_t)got;
    }
}

random_source_t runtime_random_source(void)
{
    return (random_source_t){.fill = fill};
}
