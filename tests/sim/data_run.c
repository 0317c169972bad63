#include "data_run.h"

#include "base/bytes.h"
#include "send_copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MARK 0xda7au
#define TIME_TO_CONNECT (120 * PEER_SECOND)
#define PATTERN_STEP 61u
#define PATTERN_TURN 4093u
#define GAP_BETWEEN_NETWORKS (500 * PEER_MILLISECOND)

static data_run_t *running; /* for whoever is asked with a simulation alone */

void data_fail(data_run_t *run, const char *format, ...)
{
    va_list arguments;
    if (run->failure[0] != '\0')
        return;
    int length = run->sim != NULL ? snprintf(run->failure, sizeof run->failure, "at %.6f s: ", (double)sim_now(run->sim) / 1e6) : 0;
    va_start(arguments, format);
    vsnprintf(run->failure + length, sizeof run->failure - (size_t)length, format, arguments);
    va_end(arguments);
}

/* ---- messages: bytes that follow from which it is ---- */

static const uint8_t *pattern(uint64_t number)
{
    static uint8_t bytes[DATA_LARGEST + PATTERN_TURN];
    if (bytes[1] == 0) {
        random_seeded_t generator;
        random_seeded_init(&generator, 1);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(random_seeded_next(&generator) >> 32 | 1);
    }
    return bytes + number * PATTERN_STEP % PATTERN_TURN;
}

static void write_message(uint8_t *bytes, size_t length, size_t channel, int sender, size_t number)
{
    size_t at = length >= DATA_KEY_SIZE ? DATA_KEY_SIZE : 0;
    if (at > 0)
        bytes_put_u64(bytes, (uint64_t)KEY_MARK << 48 | (uint64_t)channel << 40 | (uint64_t)sender << 32 | number);
    memcpy(bytes + at, pattern(at > 0 ? channel * 1000 + number : length), length - at);
}

data_message_t *data_message_of(data_run_t *run, int sender, const uint8_t *key, size_t *channel, size_t *number)
{
    uint64_t value = bytes_get_u64(key);
    *channel = value >> 40 & 0xff;
    *number = value & 0xffffffff;
    if (value >> 48 != KEY_MARK || *channel >= run->channel_count || (value >> 32 & 0xff) != (uint64_t)sender)
        return NULL;
    data_flow_t *flow = &run->channels[*channel].flows[sender];
    return *number < flow->sent ? &flow->messages[*number] : NULL;
}

static void send_due(data_run_t *run, size_t index, int peer)
{
    static uint8_t bytes[DATA_LARGEST];
    data_channel_t *channel = &run->channels[index];
    data_flow_t *flow = &channel->flows[peer];
    const data_end_t *end = &channel->ends[peer];
    peer_time_t now = sim_now(run->sim);
    if (run->up_at == 0)
        return;
    while (end->is_open && !end->is_closing && flow->sent < flow->count && run->up_at + flow->messages[flow->sent].due <= now) {
        data_message_t *message = &flow->messages[flow->sent];
        message->sent_at = now;
        write_message(bytes, message->length, index, peer, flow->sent++);
        if (send_copy(end->handle, now, bytes, message->length, false) < 0)
            data_fail(run, "channel %zu: peer %d cannot send: %s", index, peer, peer_last_error_message());
    }
}

static bool is_intact(const blob_t *message, size_t channel, int sender, size_t number)
{
    static uint8_t bytes[DATA_LARGEST];
    write_message(bytes, message->length, channel, sender, number);
    return memcmp(bytes, message->data, message->length) == 0;
}

/* Too short to tell which it is: one of its length that has not been received. */
static void on_short(data_run_t *run, size_t index, int sender, const blob_t *message)
{
    data_channel_t *channel = &run->channels[index];
    data_flow_t *flow = &channel->flows[sender];
    size_t sent = 0;
    for (size_t i = 0; i < flow->sent; i++)
        sent += flow->messages[i].length == message->length;
    if (++flow->short_received[message->length] > sent)
        data_fail(run, "channel %zu: a message of %zu bytes came twice, or was never sent", index, message->length);
    if (!is_intact(message, index, sender, 0))
        data_fail(run, "channel %zu: a message of %zu bytes is corrupted", index, message->length);
    if (!data_is_reliable(channel) || channel->is_unordered)
        return;
    if (flow->received_to >= flow->sent || flow->messages[flow->received_to].length != message->length)
        data_fail(run, "channel %zu: a message of %zu bytes is not the next one", index, message->length);
    flow->received_to++;
}

static void on_message(data_run_t *run, size_t index, int sender, const blob_t *message)
{
    data_channel_t *channel = &run->channels[index];
    data_flow_t *flow = &channel->flows[sender];
    size_t of, number;
    flow->received++;
    if (message->length < DATA_KEY_SIZE) {
        on_short(run, index, sender, message);
        return;
    }
    data_message_t *sent = data_message_of(run, sender, message->data, &of, &number);
    if (sent == NULL || of != index || sent->length != message->length || !is_intact(message, index, sender, number)) {
        data_fail(run, "channel %zu: a message of %zu bytes is not what was sent", index, message->length);
        return;
    }
    if (sent->is_received)
        data_fail(run, "channel %zu: message %zu came twice", index, number);
    sent->is_received = true;
    sent->received_at = sim_now(run->sim);
    bool is_next = data_is_reliable(channel) ? number == flow->received_to : number >= flow->received_to;
    if (!channel->is_unordered && !is_next)
        data_fail(run, "channel %zu: message %zu came when %zu was next", index, number, flow->received_to);
    flow->received_to = number + 1;
}

/* ---- events ---- */

static void on_event(void *user, sim_peer_t *peer, const connection_event_t *event)
{
    data_run_t *run = user;
    if (event->type == CONNECTION_EVENT_DATA_CHANNEL) {
        size_t index = (size_t)atoi(sctp_channel_label(event->channel));
        data_end_t *end = &run->channels[index].ends[peer->index];
        sctp_channel_set_user(event->channel, end);
        end->handle = event->channel;
        end->is_open = true;
        send_due(run, index, peer->index);
        return;
    }
    data_end_t *end = event->channel != NULL ? sctp_channel_user(event->channel) : NULL;
    if (end == NULL)
        return;
    switch (event->type) {
    case CONNECTION_EVENT_CHANNEL_OPEN:
        end->is_open = true;
        send_due(run, end->channel, end->peer);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        on_message(run, end->channel, 1 - end->peer, event->channel_message.message);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSING:
        end->is_closing = true;
        if (!run->is_ending && !run->channels[end->channel].is_closed_early)
            data_fail(run, "channel %zu closes at peer %d by itself", end->channel, end->peer);
        break;
    case CONNECTION_EVENT_CHANNEL_ERROR:
        data_fail(run, "channel %zu: error at peer %d: %s", end->channel, end->peer, event->text);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSED:
        end->is_closed = true;
        end->handle = NULL;
        connection_release_channel(peer->connection, sim_now(run->sim), event->channel);
        break;
    default:
        break;
    }
}

/* ---- what happens when ---- */

static void open_channel(data_run_t *run, size_t index)
{
    data_channel_t *channel = &run->channels[index];
    data_end_t *end = &channel->ends[channel->opener];
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    char label[16];
    int error;
    snprintf(label, sizeof label, "%zu", index);
    options.label = label;
    options.is_unordered = channel->is_unordered;
    options.max_retransmits = channel->max_retransmits;
    options.max_packet_life_time_ms = channel->life_time_ms;
    options.priority = channel->priority;
    end->handle = connection_open_channel(sim_peer(run->sim, channel->opener)->connection, sim_now(run->sim), &options, &error);
    if (end->handle == NULL)
        data_fail(run, "channel %zu cannot be opened: %s", index, peer_last_error_message());
    else
        sctp_channel_set_user(end->handle, end);
}

static void close_channel(data_run_t *run, size_t index)
{
    data_channel_t *channel = &run->channels[index];
    data_end_t *end = &channel->ends[channel->closer];
    if (!end->is_open || end->is_closing || end->is_closed)
        return;
    end->is_closing = true;
    channel->is_closed_early = !run->is_ending;
    sctp_channel_close(end->handle, sim_now(run->sim));
}

static void at_opening(void *context, peer_time_t now, uint32_t index)
{
    (void)now;
    open_channel(context, index);
}

static void at_closing(void *context, peer_time_t now, uint32_t index)
{
    (void)now;
    close_channel(context, index);
}

static void at_sending(void *context, peer_time_t now, uint32_t argument)
{
    (void)now;
    send_due(context, argument / 2, (int)(argument % 2));
}

static void at_link(void *context, peer_time_t now, uint32_t index)
{
    data_run_t *run = context;
    link_options_t link = run->options.link;
    (void)now;
    link.mtu = run->links[index].mtu;
    network_set_link(sim_network(run->sim), &link);
}

static void leave_network(void *context, peer_time_t now, uint32_t argument)
{
    data_run_t *run = context;
    (void)now;
    sim_remove_interface(sim_peer(run->sim, (int)(argument % 2)), argument / 2);
}

/* The interface's number is that of the change before, or 0. */
static void join_network(void *context, peer_time_t now, uint32_t change)
{
    data_run_t *run = context;
    int peer = run->change_peer[change];
    network_place_t place = {.address = address_ipv4(198, 51, 100, (uint8_t)(10 + change), 0)};
    (void)now;
    sim_add_interface(sim_peer(run->sim, peer), &place, NETWORK_CELLULAR);
}

static uint32_t old_interface(const data_run_t *run, uint32_t change)
{
    bool has_moved = change == 1 && run->changes[0] >= DATA_NEW_NETWORK && run->change_peer[0] == run->change_peer[1];
    return (has_moved ? 2u : 0u) + (uint32_t)run->change_peer[change];
}

static void at_change(void *context, peer_time_t now, uint32_t change)
{
    data_run_t *run = context;
    network_t *network = sim_network(run->sim);
    sim_peer_t *peer = sim_peer(run->sim, run->change_peer[change]);
    switch (run->changes[change]) {
    case DATA_RESTART:
        if (connection_restart_ice(peer->connection, now) < 0)
            data_fail(run, "peer %d cannot restart ICE: %s", peer->index, peer_last_error_message());
        break;
    case DATA_NEW_NETWORK:
        join_network(run, now, change);
        network_call_at(network, now + GAP_BETWEEN_NETWORKS, leave_network, run, old_interface(run, change));
        break;
    case DATA_OTHER_NETWORK:
        leave_network(run, now, old_interface(run, change));
        network_call_at(network, now + GAP_BETWEEN_NETWORKS, join_network, run, change);
        break;
    case DATA_NO_CHANGE:
    case DATA_CHANGES:
        break;
    }
}

static void schedule(data_run_t *run)
{
    network_t *network = sim_network(run->sim);
    for (uint32_t i = 0; i < run->link_count; i++)
        network_call_at(network, run->up_at + run->links[i].at, at_link, run, i);
    for (uint32_t i = 0; i < 2; i++)
        if (run->changes[i] != DATA_NO_CHANGE)
            network_call_at(network, run->up_at + run->change_at[i], at_change, run, i);
    for (uint32_t i = 0; i < run->channel_count; i++) {
        data_channel_t *channel = &run->channels[i];
        if (channel->open_at > 0)
            network_call_at(network, run->up_at + channel->open_at, at_opening, run, i);
        if (channel->close_at > 0)
            network_call_at(network, run->up_at + channel->close_at, at_closing, run, i);
        for (uint32_t peer = 0; peer < 2; peer++)
            for (size_t j = 0; j < channel->flows[peer].count; j++)
                network_call_at(network, run->up_at + channel->flows[peer].messages[j].due, at_sending, run, 2 * i + peer);
    }
}

/* ---- until when ---- */

/* What a peer that closes a channel has sent before arrives; what the other one sends then may not. */
static bool must_arrive(const data_channel_t *channel, int sender)
{
    return data_is_reliable(channel) && (!channel->is_closed_early || channel->closer == sender);
}

static bool is_settled(const data_run_t *run, const data_channel_t *channel)
{
    for (int peer = 0; peer < 2; peer++) {
        const data_flow_t *flow = &channel->flows[peer];
        const data_end_t *end = &channel->ends[peer];
        if (must_arrive(channel, peer) && flow->received < flow->sent)
            return false;
        if (channel->is_closed_early && !end->is_closed)
            return false;
        if (!channel->is_closed_early && (!end->is_open || flow->sent < flow->count))
            return false;
    }
    return channel->is_closed_early || channel->close_at == 0 || run->up_at + channel->close_at < sim_now(run->sim);
}

static bool has_failed(const data_run_t *run)
{
    return run->failure[0] != '\0';
}

static bool is_transferred(sim_t *sim)
{
    data_run_t *run = running;
    if (has_failed(run))
        return true;
    for (size_t i = 0; i < 2; i++)
        if (run->changes[i] != DATA_NO_CHANGE && sim_now(sim) <= run->up_at + run->change_at[i] + GAP_BETWEEN_NETWORKS)
            return false;
    for (size_t i = 0; i < run->channel_count; i++)
        if (!is_settled(run, &run->channels[i]))
            return false;
    for (int peer = 0; peer < 2; peer++) {
        sctp_stats_t stats;
        sctp_stats_get(connection_sctp(sim_peer(sim, peer)->connection), &stats);
        if (stats.unacked_chunks > 0)
            return false;
        for (size_t i = 0; i < run->channel_count; i++) {
            const data_end_t *end = &run->channels[i].ends[peer];
            if (end->handle != NULL && sctp_channel_buffered_amount(end->handle) > 0)
                return false;
        }
    }
    return true;
}

static bool are_channels_closed(sim_t *sim)
{
    (void)sim;
    for (size_t i = 0; i < running->channel_count; i++)
        for (int peer = 0; peer < 2; peer++)
            if (!running->channels[i].ends[peer].is_closed)
                return has_failed(running);
    return true;
}

static bool is_silent(sim_t *sim)
{
    for (int peer = 0; peer < 2; peer++)
        if (sctp_deadline(connection_sctp(sim_peer(sim, peer)->connection)) != PEER_TIME_NEVER)
            return has_failed(running);
    return true;
}

/* ---- what came of it ---- */

/* Neither the path nor a queue in it loses anything, and nothing comes so late that it would be taken for lost. */
static bool is_path_perfect(const data_run_t *run)
{
    const link_options_t *link = &run->options.link;
    return link->loss == 0 && link->rate_bps == 0 && link->reorder == 0 && run->link_count == 0 && run->changes[0] == DATA_NO_CHANGE;
}

static void judge_flow(data_run_t *run, size_t index, int sender)
{
    const data_channel_t *channel = &run->channels[index];
    const data_flow_t *flow = &channel->flows[sender];
    if (must_arrive(channel, sender) && flow->received != flow->sent)
        data_fail(run, "channel %zu: %zu of %zu messages of peer %d came", index, flow->received, flow->sent, sender);
    if (channel->is_closed_early)
        return;
    if (is_path_perfect(run) && channel->life_time_ms < 0 && flow->received != flow->sent)
        data_fail(run, "channel %zu: %zu of %zu messages of peer %d came, though nothing was lost", index, flow->received, flow->sent,
                  sender);
    for (size_t i = 0; i < flow->sent; i++) {
        const data_message_t *message = &flow->messages[i];
        if (message->length < DATA_KEY_SIZE || message->is_received || message->is_skipped)
            continue;
        /* What has a life time may never have left; of what is given up when a part has left, the rest never does. */
        bool is_given_up = channel->life_time_ms >= 0 || message->transmissions == (uint32_t)channel->max_retransmits + 1;
        if (message->was_whole_on_wire || !is_given_up)
            data_fail(run, "channel %zu: message %zu of peer %d neither came nor was given up", index, i, sender);
    }
}

static void judge_end(data_run_t *run, int peer)
{
    sctp_stats_t stats;
    sctp_stats_get(connection_sctp(sim_peer(run->sim, peer)->connection), &stats);
    if (stats.held != 0 || stats.in_flight != 0 || stats.unacked_chunks != 0)
        data_fail(run, "peer %d still holds %llu bytes, has %llu in flight", peer, (unsigned long long)stats.held,
                  (unsigned long long)stats.in_flight);
    if (stats.channels_opened != stats.channels_closed || stats.channels_opened != run->channel_count)
        data_fail(run, "peer %d had %u channels, and %u closed", peer, stats.channels_opened, stats.channels_closed);
}

static void go_through(data_run_t *run)
{
    sim_t *sim = run->sim;
    for (size_t i = 0; i < run->channel_count; i++)
        if (run->channels[i].open_at == 0)
            open_channel(run, i);
    if (!sim_run(sim, TIME_TO_CONNECT, sim_is_connected)) {
        data_fail(run, "not connected");
        return;
    }
    run->up_at = sim_now(sim);
    schedule(run);
    if (!sim_run(sim, run->up_at + DATA_TIME_LIMIT, is_transferred))
        data_fail(run, "not everything arrived in time");
    if (!sim_run(sim, sim_now(sim) + DATA_SILENCE_LIMIT, is_silent))
        data_fail(run, "there are timers though nothing is under way");
    run->transfer_time = sim_now(sim) - run->up_at;
    run->is_ending = true;
    for (size_t i = 0; i < run->channel_count && !has_failed(run); i++)
        close_channel(run, i);
    if (!sim_run(sim, sim_now(sim) + DATA_CLOSING_LIMIT, are_channels_closed))
        data_fail(run, "not every channel was closed in time");
    if (!sim_run(sim, sim_now(sim) + DATA_SILENCE_LIMIT, is_silent))
        data_fail(run, "an idle association still has timers");
    for (size_t i = 0; i < run->channel_count; i++)
        for (int peer = 0; peer < 2; peer++)
            judge_flow(run, i, peer);
    for (int peer = 0; peer < 2; peer++)
        judge_end(run, peer);
}

bool data_run(data_run_t *run, uint64_t seed)
{
    data_plan(run, seed);
    run->options.on_event = on_event;
    run->options.on_event_user = run;
    running = run;
    run->sim = sim_new(&run->options);
    for (int peer = 0; peer < 2; peer++) {
        run->wires[peer] = (data_wire_t){.run = run, .peer = peer};
        connection_set_tap(sim_peer(run->sim, peer)->connection, data_wire_see, &run->wires[peer]);
    }
    go_through(run);
    for (int peer = 0; peer < 2; peer++)
        sim_close(sim_peer(run->sim, peer));
    sim_free(run->sim);
    run->sim = NULL;
    for (int peer = 0; peer < 2; peer++)
        data_wire_free(&run->wires[peer]);
    return !has_failed(run);
}
