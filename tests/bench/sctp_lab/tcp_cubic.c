/* Growth of TCP's window as Linux's tcp_cubic.c has it: its constants, its rounding to 1/32 s, its HyStart by acknowledgement trains and
 * delay. */
#include "tcp_private.h"

#include <math.h>

#define BETA (717.0 / 1024)
#define SCALE 0.4
#define HYSTART_LEAST_WINDOW 16
#define HYSTART_SAMPLES 8
#define HYSTART_ACK_GAP (2 * PEER_MILLISECOND)

uint32_t tcp_cubic_on_loss(tcp_cubic_t *cubic, uint32_t window)
{
    cubic->epoch = 0;
    cubic->last_maximum = window < cubic->last_maximum ? window * (1 + BETA) / 2 : window;
    uint32_t threshold = (uint32_t)(window * BETA);
    return threshold > 2 ? threshold : 2;
}

void tcp_cubic_on_timeout(tcp_cubic_t *cubic)
{
    peer_time_t least = cubic->least_rtt;
    *cubic = (tcp_cubic_t){.least_rtt = least};
}

static void begin_round(tcp_sender_t *sender, peer_time_t now)
{
    tcp_cubic_t *cubic = &sender->cubic;
    cubic->round_start = cubic->last_acknowledgement = now;
    cubic->round_end = sender->next;
    cubic->current_rtt = PEER_TIME_NEVER;
    cubic->samples = 0;
}

static void find_end_of_slow_start(tcp_sender_t *sender, peer_time_t now, peer_time_t rtt)
{
    tcp_cubic_t *cubic = &sender->cubic;
    if (cubic->round_start == 0 || (int32_t)(sender->first - cubic->round_end) > 0)
        begin_round(sender, now);
    if (sender->window < HYSTART_LEAST_WINDOW)
        return;
    if (now - cubic->last_acknowledgement <= HYSTART_ACK_GAP) {
        cubic->last_acknowledgement = now;
        if (now - cubic->round_start > cubic->least_rtt / 2)
            cubic->is_found = true;
    }
    cubic->current_rtt = time_earlier(cubic->current_rtt, rtt);
    if (cubic->samples < HYSTART_SAMPLES) {
        cubic->samples++;
    } else {
        peer_time_t threshold = cubic->least_rtt / 8;
        threshold = threshold < 4 * PEER_MILLISECOND ? 4 * PEER_MILLISECOND : time_earlier(threshold, 16 * PEER_MILLISECOND);
        if (cubic->current_rtt > cubic->least_rtt + threshold)
            cubic->is_found = true;
    }
    if (cubic->is_found)
        sender->threshold = sender->window;
}

void tcp_cubic_on_rtt(tcp_sender_t *sender, peer_time_t now, peer_time_t rtt)
{
    tcp_cubic_t *cubic = &sender->cubic;
    if (cubic->epoch != 0 && now - cubic->epoch < PEER_SECOND)
        return; /* just after a recovery delays say nothing */
    if (cubic->least_rtt == 0 || rtt < cubic->least_rtt)
        cubic->least_rtt = rtt;
    if (!cubic->is_found && sender->window < sender->threshold)
        find_end_of_slow_start(sender, now, rtt);
}

static void update(tcp_cubic_t *cubic, peer_time_t now, double window, uint32_t acknowledged)
{
    if (cubic->epoch == 0) {
        cubic->epoch = now;
        cubic->reno_window = window;
        cubic->last_window = 0;
        cubic->k = cubic->last_maximum > window ? cbrt((cubic->last_maximum - window) / SCALE) : 0;
        cubic->origin = cubic->last_maximum > window ? cubic->last_maximum : window;
    }
    cubic->reno_window += acknowledged * 3 * (1 - BETA) / (1 + BETA) / window;
    if (window != cubic->last_window || now - cubic->last_time > PEER_SECOND / 32) {
        cubic->last_window = window;
        cubic->last_time = now;
        double t = (double)(now + cubic->least_rtt - cubic->epoch) / 1e6 - cubic->k;
        double target = cubic->origin + SCALE * t * t * t;
        cubic->count = target > window ? window / (target - window) : 100 * window;
        if (cubic->last_maximum == 0 && cubic->count > 20)
            cubic->count = 20;
    }
    double count = cubic->count;
    if (cubic->reno_window > window)
        count = fmin(count, window / (cubic->reno_window - window));
    cubic->count = fmax(count, 2);
}

void tcp_cubic_grow(tcp_sender_t *sender, peer_time_t now, uint32_t acknowledged)
{
    if (sender->window < sender->threshold) {
        uint32_t room = sender->threshold - sender->window;
        uint32_t growth = acknowledged < room ? acknowledged : room;
        sender->window += growth;
        acknowledged -= growth;
    }
    if (acknowledged == 0)
        return;
    update(&sender->cubic, now, sender->window, acknowledged);
    uint32_t count = sender->cubic.count < UINT32_MAX ? (uint32_t)sender->cubic.count : UINT32_MAX;
    if (sender->window_count >= count) {
        sender->window_count = 0;
        sender->window++;
    }
    sender->window_count += acknowledged;
    if (sender->window_count >= count) {
        sender->window += sender->window_count / count;
        sender->window_count %= count;
    }
}
