#include "sctp_flow.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE 65536
#define BASE_MTU 1170
#define MOST_MTU 16384
#define WAITING_MOST (1u << 20) /* bytes given to the association that have not left */
#define PORT 5000
#define PROTOCOL 53 /* binary (RFC 8831 §8) */

typedef struct sctp_flow {
    trial_flow_t base;
    sctp_flow_options_t options;
    sctp_path_t path;
    packet_pool_t *pool;
    random_seeded_t random[2];
    sctp_association_t *ends[2]; /* [1] sends */
    blob_t *message;
    peer_time_t next_message;
    bool is_started, has_begun, is_up, is_lost;
} sctp_flow_t;

static void ignore(void *context, uint16_t stream, size_t bytes)
{
    (void)context, (void)stream, (void)bytes;
}

static void fill(sctp_flow_t *flow, trial_t *trial)
{
    if (!flow->is_up || trial->now < flow->base.start)
        return;
    sctp_message_info_t info = {.payload_protocol = PROTOCOL};
    while (sctp_association_queued(flow->ends[1], 0) < WAITING_MOST) {
        if (flow->options.rate_bps > 0) {
            if (trial->now < flow->next_message)
                return;
            flow->next_message += (peer_time_t)((double)flow->message->length * 8e6 / flow->options.rate_bps);
        }
        blob_ref(flow->message);
        if (sctp_association_send(flow->ends[1], trial->now, &info, flow->message) != 0)
            abort();
    }
}

static void take_events(sctp_flow_t *flow, trial_t *trial, size_t end)
{
    sctp_association_event_t event;
    while (sctp_association_receive(flow->ends[end], &event)) {
        if (event.type == SCTP_ASSOCIATION_UP) {
            flow->is_up = flow->is_up || end == 1;
            flow->next_message = trial->now > flow->base.start ? trial->now : flow->base.start;
        } else if (event.type == SCTP_ASSOCIATION_LOST) {
            flow->is_lost = true;
        } else if (event.type == SCTP_ASSOCIATION_MESSAGE) {
            trial_received(trial, &flow->base, event.message->length);
            sctp_association_consumed(flow->ends[end], trial->now, event.message->length);
            blob_unref(event.message);
        }
    }
}

static void turn(sctp_flow_t *flow, trial_t *trial, size_t end)
{
    if (flow->is_lost)
        return;
    take_events(flow, trial, end);
    if (end == 1)
        fill(flow, trial);
    packet_t *out;
    while ((out = sctp_association_output(flow->ends[end], trial->now)) != NULL) {
        size_t size = out->length + SCTP_FLOW_OVERHEAD;
        if (out->may_fragment && size > trial->path.mtu) /* IP does that; it is one packet here */
            size = trial->path.mtu;
        link_packet_t *packet = trial_packet(trial, &flow->base, out->length, size);
        memcpy(trial_packet_data(packet), out->data, out->length);
        packet_unref(out);
        trial_send(trial, end == 1, packet);
    }
}

static void on_packet(trial_flow_t *base, trial_t *trial, bool is_forward, const uint8_t *data, size_t length)
{
    sctp_flow_t *flow = (sctp_flow_t *)base;
    if (flow->is_lost)
        return;
    sctp_association_input(flow->ends[!is_forward], trial->now, data, length);
    if (trial->path.batch == 0)
        turn(flow, trial, !is_forward);
    else
        take_events(flow, trial, !is_forward);
}

static void on_time(trial_flow_t *base, trial_t *trial)
{
    sctp_flow_t *flow = (sctp_flow_t *)base;
    if (flow->is_lost)
        return;
    for (size_t end = 0; end < 2; end++) {
        if (!flow->is_started)
            sctp_association_connect(flow->ends[end], trial->now, PORT);
        if (sctp_association_deadline(flow->ends[end]) <= trial->now)
            sctp_association_timeout(flow->ends[end], trial->now);
        turn(flow, trial, end);
    }
    flow->is_started = true;
    flow->has_begun = trial->now >= base->start;
}

static peer_time_t deadline(const trial_flow_t *base)
{
    const sctp_flow_t *flow = (const sctp_flow_t *)base;
    if (flow->is_lost)
        return PEER_TIME_NEVER;
    if (!flow->is_started)
        return 0;
    peer_time_t next = time_earlier(sctp_association_deadline(flow->ends[0]), sctp_association_deadline(flow->ends[1]));
    if (!flow->has_begun)
        next = time_earlier(next, base->start);
    return flow->is_up && flow->options.rate_bps > 0 ? time_earlier(next, flow->next_message) : next;
}

static void on_batch(trial_flow_t *base, trial_t *trial)
{
    sctp_flow_t *flow = (sctp_flow_t *)base;
    turn(flow, trial, 0);
    turn(flow, trial, 1);
}

static void release(trial_flow_t *base)
{
    sctp_flow_t *flow = (sctp_flow_t *)base;
    sctp_association_free(flow->ends[0]);
    sctp_association_free(flow->ends[1]);
    blob_unref(flow->message);
    packet_pool_release(flow->pool);
    free(flow);
}

static const trial_flow_ops_t ops = {on_packet, on_time, on_batch, deadline, release};

trial_flow_t *sctp_flow_new(const sctp_flow_options_t *options)
{
    sctp_flow_t *flow = calloc(1, sizeof *flow);
    if (flow == NULL)
        abort();
    flow->base.ops = &ops;
    flow->options = *options;
    size_t size = options->message_size > 0 ? options->message_size : MESSAGE_SIZE;
    flow->pool = packet_pool_new();
    flow->message = blob_new(size);
    if (flow->pool == NULL || flow->message == NULL)
        abort();
    memset(flow->message->data, 'm', size);
    flow->message->length = size;
    flow->path.base_mtu = options->base_mtu > 0 ? options->base_mtu : BASE_MTU;
    flow->path.max_mtu = options->is_mtu_fixed ? flow->path.base_mtu : MOST_MTU;
    flow->path.overhead = SCTP_FLOW_OVERHEAD;
    for (size_t end = 0; end < 2; end++) {
        random_seeded_init(&flow->random[end], options->seed * 2 + end);
        sctp_association_config_t config = {.pool = flow->pool,
                                            .random = random_seeded_source(&flow->random[end]),
                                            .local_port = PORT,
                                            .path = flow->path,
                                            .max_streams = 1024,
                                            .on_taken = ignore};
        flow->ends[end] = sctp_association_new(&config);
        if (flow->ends[end] == NULL)
            abort();
    }
    return &flow->base;
}

void sctp_flow_stats_get(const trial_flow_t *base, sctp_association_stats_t *stats)
{
    sctp_association_stats_get(((const sctp_flow_t *)base)->ends[1], stats);
}

bool sctp_flow_is_lost(const trial_flow_t *base)
{
    return ((const sctp_flow_t *)base)->is_lost;
}

void sctp_flow_move(trial_flow_t *base, trial_t *trial)
{
    sctp_flow_t *flow = (sctp_flow_t *)base;
    for (size_t end = 0; end < 2; end++) {
        sctp_association_set_path(flow->ends[end], trial->now, &flow->path, true);
        turn(flow, trial, end);
    }
}
