/* Congestion control of one path: CUBIC as Linux's TCP has it, slow start that ends before the queue overflows, recovery in proportion,
 * pacing. The window is counted in bytes and grows in segments of at least TCP's size, so that small packets are no disadvantage. */
#include "sctp/congestion.h"

#include <math.h>
#include <string.h>

#define SEGMENT_SIZE 1448u        /* TCP's on Ethernet: growth is counted in these where the packets are smaller */
#define INITIAL_SEGMENTS 10u      /* RFC 6928 §2 */
#define LEAST_SEGMENTS 2u         /* of the threshold (RFC 5681 §3.1) */
#define RECOVERY_LEAST_PACKETS 4u /* in flight while recovering */
#define BETA 0.7                  /* RFC 9438 §4.6 */
#define CUBIC_C 0.4               /* segments / s³ */
#define RENO_ALPHA 0.529          /* 3 (1 - β) / (1 + β), RFC 9438 §4.3 */
#define UNKNOWN_GROWTH 0.05       /* before the first loss: at least so much of the window a round trip, as Linux does */
#define LATE_GROWTH 0.02
#define GROWTH_MOST 0.5 /* of the window a round trip (RFC 9438 §4.4) */
#define RTT_PERIOD (5 * PEER_SECOND)

/* Slow start's end */
#define QUEUE_LEAST (4 * PEER_MILLISECOND) /* RFC 9406 §4.3: so much more than the least round trip is a queue */
#define QUEUE_MOST (16 * PEER_MILLISECOND)
#define QUEUE_DIVISOR 8
#define QUEUE_SAMPLES 8
#define TRAIN_SAMPLES 4
#define TRAIN_SEGMENTS 8u
#define TRAIN_DIVISOR 16 /* of the round trip: the shortest train that tells a rate */
#define FREE_GROWTH 0.25 /* RFC 9406 §4.2: of the window a round trip, after slow start's end while no queue is seen */
#define FREE_ROUNDS 4    /* without a queue: slow start has ended for a wrong reason */
#define RANDOM_BETA 0.85
#define FORGIVEN_MOST 1u
#define RANDOM_NOISE_LEAST PEER_MILLISECOND
#define RANDOM_NOISE_DIVISOR 64
#define RANDOM_NOISE_PACKETS 2u
#define SLOW_START_BETA 0.5 /* a queue that overflowed in slow start did so a round trip ago, at half the window */

#define PACING_LEAST_RTT 500 /* µs: below that timers are coarser than the path */
#define PACING_MOST_RATE 1250000000u
#define BURST_PACKETS 10u
#define BURST_MOST 65536u
#define BURST_TIME PEER_MILLISECOND
#define LATENESS (2 * PEER_MILLISECOND) /* of timers, caught up with */

#define NANOSECONDS 1000000000u
#define IDLE_LEAST_RTO (200 * PEER_MILLISECOND)

static size_t segment(const congestion_t *c)
{
    return c->mtu > SEGMENT_SIZE ? c->mtu : SEGMENT_SIZE;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* RFC 6928 §2: ten segments, of large ones fewer. */
static uint64_t initial_window(const congestion_t *c)
{
    return at_most(INITIAL_SEGMENTS * segment(c), at_least(2 * segment(c), INITIAL_SEGMENTS * SEGMENT_SIZE));
}

static bool is_slow_start(const congestion_t *c)
{
    return c->window < c->threshold;
}

void congestion_init(congestion_t *congestion, size_t mtu)
{
    memset(congestion, 0, sizeof *congestion);
    congestion->mtu = mtu;
    congestion->threshold = UINT64_MAX;
    congestion->round_end = UINT64_MAX;
    congestion->window = initial_window(congestion);
}

void congestion_set_mtu(congestion_t *congestion, size_t mtu)
{
    congestion->mtu = mtu;
    uint64_t least = congestion->threshold == UINT64_MAX ? initial_window(congestion) : segment(congestion);
    congestion->window = at_least(congestion->window, least);
}

void congestion_reset(congestion_t *congestion)
{
    congestion_init(congestion, congestion->mtu);
}

/* ---- round trips ---- */

static void measure_rtt(congestion_t *c, peer_time_t now, peer_time_t rtt)
{
    if (c->smoothed_rtt == 0) {
        c->smoothed_rtt = rtt;
        c->rtt_variation = rtt / 2;
        c->path_least_rtt = rtt;
        c->recent_least_rtt[0] = c->recent_least_rtt[1] = rtt;
        c->least_rtt_since = now;
    }
    c->latest_rtt = rtt;
    peer_time_t difference = c->smoothed_rtt > rtt ? c->smoothed_rtt - rtt : rtt - c->smoothed_rtt;
    c->rtt_variation += (difference - c->rtt_variation) / 4;
    c->smoothed_rtt += (rtt - c->smoothed_rtt) / 8;
    c->path_least_rtt = time_earlier(c->path_least_rtt, rtt);
    if (now - c->least_rtt_since >= RTT_PERIOD) {
        c->recent_least_rtt[1] = c->recent_least_rtt[0];
        c->recent_least_rtt[0] = rtt;
        c->least_rtt_since = now;
    }
    c->recent_least_rtt[0] = time_earlier(c->recent_least_rtt[0], rtt);
    c->least_rtt = time_earlier(c->recent_least_rtt[0], c->recent_least_rtt[1]);
}

/* The window was in use lately, so that its growth follows from what the path carried (RFC 9438 §5.8): in slow start half of it must have
 * been, since it doubles while that fills; later three quarters, which is more than it grows by in a round trip. */
static bool is_window_used(const congestion_t *c)
{
    uint64_t peak = at_least(c->round_peak[0], c->round_peak[1]);
    if (is_slow_start(c))
        return c->window < 2 * peak;
    return peak + at_least(3 * segment(c), c->window / 4) >= c->window;
}

/* ---- slow start ---- */

static bool is_queue(const congestion_t *c, peer_time_t rtt)
{
    peer_time_t least = c->least_rtt / QUEUE_DIVISOR;
    least = least < QUEUE_LEAST ? QUEUE_LEAST : time_earlier(least, QUEUE_MOST);
    return rtt >= c->least_rtt + least;
}

/* A queue is there that no packet of the present round, or of the last one, found empty. */
static bool has_queue(const congestion_t *c)
{
    return c->had_queue || (c->round_samples >= QUEUE_SAMPLES && is_queue(c, c->round_least_rtt));
}

/* Paced at twice the window a round trip, packets queue up as soon as the window exceeds half of what the path holds. While they do,
 * acknowledgements come at the bottleneck's rate: so it is known what the path holds before it is full, and slow start ends there. */
static void watch_train(congestion_t *c, peer_time_t now, uint64_t bytes, peer_time_t rtt)
{
    if (!is_queue(c, rtt)) {
        c->train_samples = 0;
        return;
    }
    if (c->train_samples++ == 0) {
        c->train_start = now;
        c->train_bytes = 0;
        return;
    }
    c->train_bytes += bytes;
    peer_time_t time = now - c->train_start;
    if (c->train_samples < TRAIN_SAMPLES || c->train_bytes < TRAIN_SEGMENTS * segment(c) || time < c->least_rtt / TRAIN_DIVISOR ||
        time == 0)
        return;
    uint64_t held = (uint64_t)((double)c->train_bytes * (double)c->least_rtt / (double)time);
    c->threshold = at_most(c->threshold, at_least(held, c->window));
}

static void watch_queue(congestion_t *c, peer_time_t now, uint64_t bytes, peer_time_t rtt)
{
    c->round_least_rtt = c->round_samples == 0 ? rtt : time_earlier(c->round_least_rtt, rtt);
    c->round_samples++;
    if (!is_slow_start(c) || c->last_maximum != 0)
        return;
    watch_train(c, now, bytes, rtt);
    if (has_queue(c))
        c->threshold = at_most(c->threshold, c->window);
}

static void end_round(congestion_t *c)
{
    c->had_queue = c->round_samples > 0 && is_queue(c, c->round_least_rtt);
    c->round_samples = 0;
    bool is_undecided = c->last_maximum == 0 && !is_slow_start(c);
    c->free_rounds = is_undecided && !c->had_queue && is_window_used(c) ? c->free_rounds + 1 : 0;
    if (c->free_rounds >= FREE_ROUNDS) {
        c->threshold = UINT64_MAX;
        c->free_rounds = 0;
    }
}

/* What is left of the bytes when slow start has ended at its threshold. */
static uint64_t grow_in_slow_start(congestion_t *c, uint64_t bytes)
{
    uint64_t growth = at_most(bytes, c->threshold - c->window);
    c->window += growth;
    return bytes - growth;
}

/* ---- congestion avoidance ---- */

static void begin_epoch(congestion_t *c, peer_time_t now)
{
    double window = (double)c->window / (double)segment(c);
    c->epoch = now;
    c->reno_window = window;
    if (c->last_maximum > window) {
        c->k = cbrt((c->last_maximum - window) / CUBIC_C);
        c->origin = c->last_maximum;
    } else {
        c->k = 0;
        c->origin = window;
    }
}

/* Before the first loss nothing tells how large the window may be but the queue: the longer it is, the less is to be gained. */
static double unknown_growth(const congestion_t *c)
{
    if (!has_queue(c) && !is_queue(c, c->latest_rtt))
        return FREE_GROWTH;
    return c->latest_rtt > c->least_rtt * 3 / 2 ? LATE_GROWTH : UNKNOWN_GROWTH;
}

static void grow_in_avoidance(congestion_t *c, peer_time_t now, uint64_t bytes)
{
    if (c->epoch == 0)
        begin_epoch(c, now);
    double window = (double)c->window / (double)segment(c);
    double acknowledged = (double)bytes / (double)segment(c);
    double t = (double)(now - c->epoch + c->least_rtt) / (double)PEER_SECOND - c->k;
    double target = c->origin + CUBIC_C * t * t * t;
    double fraction = target > window ? (target - window) / window : 0.01 / window; /* of what is acknowledged */
    if (c->last_maximum == 0)
        fraction = fmax(fraction, unknown_growth(c));
    c->reno_window += RENO_ALPHA * acknowledged / window;
    if (c->reno_window > window)
        fraction = fmax(fraction, (c->reno_window - window) / window);
    c->growth += (double)bytes * fmin(fraction, GROWTH_MOST);
    uint64_t whole = (uint64_t)c->growth;
    c->growth -= (double)whole;
    c->window += whole;
}

/* ---- what happens ---- */

void congestion_on_acknowledged(congestion_t *congestion, peer_time_t now, uint64_t bytes, uint64_t in_flight, peer_time_t rtt)
{
    congestion_t *c = congestion;
    peer_time_t pause = now - c->last_acknowledged;
    c->last_acknowledged = now;
    c->delivered += bytes;
    c->is_timed_out = c->is_timed_out && bytes == 0;
    if (rtt > 0) {
        measure_rtt(c, now, rtt);
        watch_queue(c, now, bytes, rtt);
    }
    if (c->is_recovering) {
        /* RFC 6937 §3: more than arrives is sent only while nothing more is lost. */
        c->recovery_delivered += bytes;
        if (bytes > 0 && in_flight >= c->expected_in_flight)
            c->recovery_extra += at_least(bytes / 2, c->mtu);
    } else if (!is_window_used(c)) {
        if (c->epoch != 0)
            c->epoch += pause; /* the curve waits for the application */
    } else {
        uint64_t left = bytes;
        if (is_slow_start(c))
            left = grow_in_slow_start(c, bytes);
        if (left > 0)
            grow_in_avoidance(c, now, left);
    }
    c->expected_in_flight = in_flight > bytes ? in_flight - bytes : 0;
    if (c->delivered >= c->round_end) {
        end_round(c);
        c->round_end = UINT64_MAX; /* of the next one: when its first packet is acknowledged */
        c->round_peak[1] = c->round_peak[0];
        c->round_peak[0] = in_flight > bytes ? in_flight - bytes : 0;
    }
}

static void remember(congestion_t *c)
{
    c->past = (congestion_past_t){.window = c->window,
                                  .threshold = c->threshold,
                                  .last_maximum = c->last_maximum,
                                  .origin = c->origin,
                                  .k = c->k,
                                  .reno_window = c->reno_window,
                                  .epoch = c->epoch};
}

/* A queue that is full delays what got into it; when the packets beside the lost one had no more delay than the path's least, the loss is
 * the link's, and the path is not full: a smaller reduction takes nothing from anybody. The least delay is that of the path's whole life,
 * so that a queue which others keep filled is none. Two of our own packets may stand in front. */
static bool is_loss_random(const congestion_t *c)
{
    if (c->path_least_rtt == 0)
        return false;
    peer_time_t noise = c->path_least_rtt / RANDOM_NOISE_DIVISOR;
    noise = noise > RANDOM_NOISE_LEAST ? noise : RANDOM_NOISE_LEAST;
    peer_time_t packets = (peer_time_t)(RANDOM_NOISE_PACKETS * c->mtu * (uint64_t)c->smoothed_rtt / c->window);
    return c->latest_rtt < c->path_least_rtt + (noise > packets ? noise : packets);
}

/* RFC 9438 §4.6–4.7 */
static void reduce(congestion_t *c)
{
    double window = (double)c->window / (double)segment(c);
    bool is_random = is_loss_random(c);
    /* The first ones of these say nothing of what the path holds: it goes on being looked for. */
    bool is_forgiven = is_random && c->last_maximum == 0 && c->forgiven < FORGIVEN_MOST;
    c->forgiven += is_forgiven;
    /* Fast convergence: who lost before it came back makes room for others. */
    if (!is_forgiven)
        c->last_maximum = window < c->last_maximum ? window * (1 + BETA) / 2 : window;
    c->epoch = 0;
    c->growth = 0;
    c->train_samples = 0;
    if (is_random) {
        c->threshold = at_least((uint64_t)((double)c->window * RANDOM_BETA), LEAST_SEGMENTS * segment(c));
        return;
    }
    double beta = is_slow_start(c) && c->threshold == UINT64_MAX && has_queue(c) ? SLOW_START_BETA : BETA;
    c->threshold = at_least((uint64_t)((double)c->window * beta), LEAST_SEGMENTS * segment(c));
}

void congestion_on_loss(congestion_t *congestion, peer_time_t now, uint64_t in_flight)
{
    (void)now;
    congestion->expected_in_flight = in_flight;
    remember(congestion);
    congestion->recovery_window = congestion->window;
    reduce(congestion);
    congestion->window = congestion->threshold;
    congestion->is_recovering = true;
    congestion->recovery_delivered = congestion->recovery_sent = congestion->recovery_extra = 0;
}

void congestion_on_recovered(congestion_t *congestion, peer_time_t now)
{
    (void)now;
    congestion->is_recovering = false;
}

void congestion_on_timeout(congestion_t *congestion, peer_time_t now, uint64_t in_flight)
{
    (void)now, (void)in_flight;
    /* The next ones in a row are the same event, and the loss of the very first flight tells nothing of what the path holds. */
    bool is_first_flight = congestion->last_maximum == 0 && congestion->window <= initial_window(congestion);
    if (!congestion->is_timed_out) {
        remember(congestion);
        if (!is_first_flight)
            reduce(congestion);
    }
    congestion->is_timed_out = true;
    congestion->is_recovering = false;
    congestion->window = segment(congestion);
    congestion->round_end = UINT64_MAX;
    congestion->round_peak[0] = congestion->round_peak[1] = 0;
    congestion->next_release = congestion->paid_until_ns = 0;
}

void congestion_undo(congestion_t *congestion)
{
    const congestion_past_t *past = &congestion->past;
    if (past->window == 0)
        return;
    congestion->window = at_least(congestion->window, past->window);
    congestion->threshold = past->threshold;
    congestion->last_maximum = past->last_maximum;
    congestion->origin = past->origin;
    congestion->k = past->k;
    congestion->reno_window = past->reno_window;
    congestion->epoch = past->epoch;
    congestion->is_recovering = false;
    congestion->past.window = 0;
}

void congestion_on_idle(congestion_t *congestion, peer_time_t now, peer_time_t idle)
{
    congestion_t *c = congestion;
    (void)now;
    peer_time_t rto = c->smoothed_rtt + 4 * c->rtt_variation;
    if (rto < IDLE_LEAST_RTO)
        rto = IDLE_LEAST_RTO;
    if (idle < rto)
        return;
    if (c->epoch != 0)
        c->epoch += idle;
    /* What was reached once is soon reached again (RFC 2861 §3): only the burst is avoided. */
    if (c->threshold != UINT64_MAX)
        c->threshold = at_least(c->threshold, c->window / 4 * 3);
    uint64_t least = at_most(c->window, initial_window(c));
    for (peer_time_t left = idle; left >= rto && c->window > least; left -= rto)
        c->window = at_least(c->window / 2, least);
}

/* After a burst comes the pause that makes the rate: so packets leave in runs, not one by one. */
static void pace(congestion_t *c, peer_time_t now, size_t bytes)
{
    uint64_t rate = congestion_rate(c);
    if (rate == 0)
        return;
    uint64_t burst = at_least(BURST_PACKETS * c->mtu, rate / (uint64_t)(PEER_SECOND / BURST_TIME));
    int64_t burst_ns = (int64_t)(at_most(burst, BURST_MOST) * NANOSECONDS / rate);
    /* A timer that came late does not cost rate; a pause for want of data gives no right to a burst. */
    int64_t now_ns = now * 1000;
    int64_t earliest = now_ns - (c->is_application_limited ? 0 : LATENESS * 1000);
    if (c->paid_until_ns < earliest)
        c->paid_until_ns = earliest;
    c->paid_until_ns += (int64_t)(bytes * NANOSECONDS / rate);
    if (c->paid_until_ns >= now_ns + burst_ns)
        c->next_release = c->paid_until_ns / 1000;
}

void congestion_on_sent(congestion_t *congestion, peer_time_t now, size_t bytes, uint64_t in_flight, bool is_limited_by_application)
{
    congestion_t *c = congestion;
    c->round_peak[0] = at_least(c->round_peak[0], in_flight + bytes);
    c->expected_in_flight += bytes;
    if (c->round_end == UINT64_MAX)
        c->round_end = c->delivered + in_flight + 1;
    if (c->is_recovering)
        c->recovery_sent += bytes;
    pace(c, now, bytes);
    c->is_application_limited = is_limited_by_application;
    c->last_sent = now;
}

uint64_t congestion_room(const congestion_t *congestion, uint64_t in_flight)
{
    const congestion_t *c = congestion;
    if (!c->is_recovering)
        return c->window > in_flight ? c->window - in_flight : 0;
    /* RFC 6937 §3: while more is in flight than shall be, so many leave as bring it down over a round trip; then as many as arrive, and a
     * little more (slow start reduction bound). The first retransmission always leaves. */
    uint64_t allowed, most = UINT64_MAX;
    if (in_flight > c->threshold) {
        allowed = (uint64_t)((double)c->recovery_delivered * (double)c->threshold / (double)c->recovery_window);
    } else {
        allowed = c->recovery_delivered + c->recovery_extra;
        most = c->threshold - in_flight;
    }
    uint64_t room = allowed > c->recovery_sent ? allowed - c->recovery_sent : 0;
    room = at_most(room, most);
    if (c->recovery_sent == 0 || in_flight == 0)
        room = at_least(room, c->mtu);
    /* Next to nothing in flight brings next to no acknowledgements: a lost tail would come back packet by packet. */
    uint64_t least = at_most(c->threshold, RECOVERY_LEAST_PACKETS * (uint64_t)c->mtu);
    return in_flight < least ? at_least(room, least - in_flight) : room;
}

/* ---- pacing ---- */

uint64_t congestion_rate(const congestion_t *congestion)
{
    const congestion_t *c = congestion;
    if (c->smoothed_rtt == 0 || c->path_least_rtt < PACING_LEAST_RTT)
        return 0;
    double gain = 1.2;
    if (c->window < c->threshold / 2)
        gain = 2.0;
    double rate = gain * (double)c->window * (double)PEER_SECOND / (double)c->smoothed_rtt;
    return rate > (double)PACING_MOST_RATE ? 0 : (uint64_t)rate + 1;
}

peer_time_t congestion_release_time(const congestion_t *congestion, peer_time_t now)
{
    return congestion->next_release > now ? congestion->next_release : now;
}
