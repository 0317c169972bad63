#include "virtual_time.h"

#include <sys/time.h>

/* Any date after 1970 does; libraries that subtract intervals must not fall below zero. */
#define START_S 1700000000

static int64_t time_us;

void virtual_time_set(int64_t now_us)
{
    time_us = now_us;
}

int64_t virtual_time_now(void)
{
    return time_us;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    time->tv_sec = START_S + time_us / 1000000;
    time->tv_usec = time_us % 1000000;
    return 0;
}
