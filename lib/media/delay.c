#include "media/delay.h"

#define PRIOR_SAMPLES 10.0f /* how many samples the initial delay counts as */
#define WEIGHT_MAX 1e15f
#define JUMP_US (5 * PEER_SECOND) /* a transit this far off is a new timeline */

static unsigned bucket_of(peer_time_t extra)
{
    peer_time_t bucket = (extra + MEDIA_DELAY_BUCKET_US - 1) / MEDIA_DELAY_BUCKET_US;
    return bucket < 0 ? 0 : bucket >= MEDIA_DELAY_BUCKETS ? MEDIA_DELAY_BUCKETS - 1 : (unsigned)bucket;
}

void media_delay_init(media_delay_t *delay, peer_time_t initial, float quantile, unsigned memory)
{
    *delay = (media_delay_t){.weight = 1, .growth = 1.0f + 1.0f / (float)memory, .quantile = quantile, .target = initial};
    delay->counts[bucket_of(initial)] = PRIOR_SAMPLES;
    delay->total = PRIOR_SAMPLES;
}

static void follow_base(media_delay_t *delay, peer_time_t transit, peer_time_t arrival)
{
    peer_time_t *least = delay->window_least;
    if (!delay->is_started) {
        delay->is_started = true;
        least[0] = least[1] = transit;
        delay->window_start = arrival;
    }
    if (arrival - delay->window_start >= MEDIA_DELAY_WINDOW_US) {
        least[1] = least[0];
        least[0] = transit;
        delay->window_start = arrival;
    }
    if (transit < least[0])
        least[0] = transit;
    delay->base = time_earlier(least[0], least[1]);
}

static void renormalise(media_delay_t *delay)
{
    delay->total = 0;
    for (unsigned i = 0; i < MEDIA_DELAY_BUCKETS; i++) {
        delay->counts[i] /= delay->weight;
        delay->total += delay->counts[i];
    }
    delay->weight = 1;
}

static peer_time_t quantile(const media_delay_t *delay)
{
    float wanted = delay->total * delay->quantile, sum = 0;
    for (unsigned i = 0; i < MEDIA_DELAY_BUCKETS; i++) {
        sum += delay->counts[i];
        if (sum >= wanted)
            return (peer_time_t)i * MEDIA_DELAY_BUCKET_US;
    }
    return (peer_time_t)(MEDIA_DELAY_BUCKETS - 1) * MEDIA_DELAY_BUCKET_US;
}

void media_delay_input(media_delay_t *delay, peer_time_t media_time, peer_time_t arrival)
{
    peer_time_t transit = arrival - media_time;
    if (delay->is_started && (transit - delay->base > JUMP_US || delay->base - transit > JUMP_US))
        delay->is_started = false;
    follow_base(delay, transit, arrival);
    delay->counts[bucket_of(transit - delay->base)] += delay->weight;
    delay->total += delay->weight;
    delay->weight *= delay->growth;
    if (delay->weight > WEIGHT_MAX)
        renormalise(delay);
    delay->target = quantile(delay);
}
