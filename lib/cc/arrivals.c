#include "base/memory.h"
#include "cc/cc.h"

static peer_time_t *slot(const cc_arrivals_t *arrivals, int64_t number)
{
    return &arrivals->times[(uint64_t)number & (CC_ARRIVALS_WINDOW - 1)];
}

static bool start(cc_arrivals_t *arrivals, uint16_t sequence_number)
{
    arrivals->times = memory_array(CC_ARRIVALS_WINDOW, sizeof *arrivals->times);
    if (arrivals->times == NULL)
        return false;
    for (size_t i = 0; i < CC_ARRIVALS_WINDOW; i++)
        arrivals->times[i] = PEER_TIME_NEVER;
    arrivals->is_started = true;
    arrivals->first = sequence_number;
    arrivals->highest = (int64_t)sequence_number - 1;
    return true;
}

/* Opens the window up to `number`: what was passed over has not arrived. */
static void advance(cc_arrivals_t *arrivals, int64_t number)
{
    int64_t from = number - arrivals->highest > CC_ARRIVALS_WINDOW ? number - CC_ARRIVALS_WINDOW : arrivals->highest;
    for (int64_t i = from + 1; i <= number; i++)
        *slot(arrivals, i) = PEER_TIME_NEVER;
    arrivals->highest = number;
    if (arrivals->first <= number - CC_ARRIVALS_WINDOW)
        arrivals->first = number - CC_ARRIVALS_WINDOW + 1;
}

void cc_arrivals_add(cc_arrivals_t *arrivals, peer_time_t now, uint16_t sequence_number)
{
    if (!arrivals->is_started && !start(arrivals, sequence_number))
        return;
    int64_t number = arrivals->highest + (int16_t)(sequence_number - (uint16_t)arrivals->highest);
    if (number <= arrivals->highest - CC_ARRIVALS_WINDOW)
        return;
    if (number > arrivals->highest)
        advance(arrivals, number);
    if (*slot(arrivals, number) != PEER_TIME_NEVER)
        return;
    *slot(arrivals, number) = now;
    if (number < arrivals->first)
        arrivals->first = number; /* told as missing, now told again */
}

size_t cc_arrivals_pending(const cc_arrivals_t *arrivals)
{
    return arrivals->is_started ? (size_t)(arrivals->highest + 1 - arrivals->first) : 0;
}

size_t cc_arrivals_take(cc_arrivals_t *arrivals, cc_arrival_t *out, size_t capacity)
{
    size_t count = cc_arrivals_pending(arrivals);
    if (count > capacity)
        count = capacity;
    for (size_t i = 0; i < count; i++) {
        int64_t number = arrivals->first + (int64_t)i;
        peer_time_t time = *slot(arrivals, number);
        out[i] = (cc_arrival_t){.sequence_number = (uint16_t)number, .is_received = time != PEER_TIME_NEVER, .time = time};
    }
    arrivals->first += (int64_t)count;
    return count;
}

void cc_arrivals_free(cc_arrivals_t *arrivals)
{
    memory_free(arrivals->times);
    *arrivals = (cc_arrivals_t){0};
}
