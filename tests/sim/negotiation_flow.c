#include "negotiation_flow.h"

#include "base/bytes.h"
#include "base/error.h"
#include "connection/internal.h"
#include "send_copy.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 6

void flow_add_channel(flow_t *flow, sctp_channel_t *channel, bool is_open)
{
    if (flow->channel_count < FLOW_CHANNELS_MAX)
        flow->channels[flow->channel_count++] = (flow_channel_t){.channel = channel, .is_open = is_open};
}

static flow_channel_t *find(flow_t *flow, const sctp_channel_t *channel)
{
    for (size_t i = 0; i < flow->channel_count; i++)
        if (flow->channels[i].channel == channel)
            return &flow->channels[i];
    return NULL;
}

static void remove_channel(flow_t *flow, sctp_channel_t *channel)
{
    flow_channel_t *known = find(flow, channel);
    if (known != NULL)
        *known = flow->channels[--flow->channel_count];
    connection_release_channel(flow->peer->connection, sim_now(flow->peer->sim), channel);
}

/* ---- frames: what RFC 6386 §9.1 or RFC 6716 §3.1 need, and behind it the mid ---- */

#define VIDEO_HEAD 10
#define AUDIO_HEAD 1
#define FRAME_SIZE 160 /* 20 ms of G.711 */

static size_t head_of(connection_kind_t kind)
{
    return kind == CONNECTION_VIDEO ? VIDEO_HEAD : AUDIO_HEAD;
}

static void send_frame(flow_t *flow, transceiver_t *transceiver)
{
    uint8_t frame[FRAME_SIZE] = {0xf8};
    peer_time_t now = sim_now(flow->peer->sim);
    const char *mid = transceiver_mid(transceiver);
    connection_kind_t kind = transceiver_kind(transceiver);
    if (kind == CONNECTION_VIDEO)
        memcpy(frame, "\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01", VIDEO_HEAD);
    snprintf((char *)frame + head_of(kind), sizeof frame - VIDEO_HEAD, "%s", mid != NULL ? mid : "?");
    connection_frame_t sent = {
        .data = frame, .length = sizeof frame, .timestamp_us = now, .duration_us = kind == CONNECTION_VIDEO ? 0 : 20000, .is_key = true};
    int error = transceiver_send_frame(transceiver, now, &sent);
    if (error < 0)
        model_fail(flow->side->model, "side %d: mid %s does not send: %s", flow->side->index, mid, peer_last_error_message());
}

static void on_frame(flow_t *flow, const connection_event_t *event)
{
    const media_frame_t *frame = event->media.frame;
    const char *mid = transceiver_mid(event->transceiver);
    char meant[FRAME_SIZE + 1] = "";
    size_t head = head_of(transceiver_kind(event->transceiver));
    if (frame->length == FRAME_SIZE)
        memcpy(meant, frame->data + head, FRAME_SIZE - head);
    if (mid == NULL || strcmp(meant, mid) != 0)
        model_fail(flow->side->model, "side %d: a frame of mid %s comes out at mid %s", flow->side->index, meant, mid != NULL ? mid : "-");
    int line = event->transceiver->jsep != NULL ? event->transceiver->jsep->mline_index : -1;
    if (line < 0 && !flow->side->model->is_at_rest)
        return; /* it came out, and then the line went */
    if (line < 0 || line >= FLOW_LINES_MAX)
        model_fail(flow->side->model, "side %d: a frame comes out where no m-line is", flow->side->index);
    flow->frames[line]++;
}

static unsigned number_of(const flow_channel_t *channel)
{
    return (unsigned)sctp_channel_id(channel->channel);
}

static void on_message(flow_t *flow, const connection_event_t *event)
{
    flow_channel_t *channel = find(flow, event->channel);
    const blob_t *message = event->channel_message.message;
    if (channel == NULL || message->length != 2 || bytes_get_u16(message->data) != number_of(channel))
        model_fail(flow->side->model, "side %d: a message comes out of another data channel", flow->side->index);
    channel->messages++;
}

void flow_on_event(flow_t *flow, const connection_event_t *event)
{
    flow_channel_t *channel = find(flow, event->channel);
    switch (event->type) {
    case CONNECTION_EVENT_FRAME:
        on_frame(flow, event);
        break;
    case CONNECTION_EVENT_DATA_CHANNEL:
        flow_add_channel(flow, event->channel, true);
        break;
    case CONNECTION_EVENT_CHANNEL_OPEN:
        if (channel != NULL)
            channel->is_open = true;
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSING:
        if (channel != NULL)
            channel->is_closing = true;
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSED:
        remove_channel(flow, event->channel);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        on_message(flow, event);
        break;
    default:
        break;
    }
}

void flow_send_frames(flow_t *flow)
{
    for (size_t i = 0; i < connection_transceiver_count(flow->peer->connection); i++)
        send_frame(flow, connection_transceiver(flow->peer->connection, i));
}

bool flow_is_wanted(const flow_t *flow)
{
    const sdp_t *sdp = jsep_description_sdp(flow->peer->connection->jsep, JSEP_CURRENT_LOCAL);
    for (size_t i = 0; sdp != NULL && i < sdp->media_count; i++)
        if (sdp->media[i].port != 0 || sdp->media[i].bundle_only)
            return true;
    return false;
}

static void check_channels(model_t *model, flow_t *from, flow_t *to)
{
    if (from->channel_count != to->channel_count)
        model_fail(model, "%zu data channels at one side, %zu at the other", from->channel_count, to->channel_count);
    for (size_t i = 0; i < from->channel_count; i++) {
        const flow_channel_t *ours = &from->channels[i], *theirs = NULL;
        for (size_t j = 0; j < to->channel_count; j++)
            if (number_of(&to->channels[j]) == number_of(ours))
                theirs = &to->channels[j];
        if (!ours->is_open || ours->is_closing || theirs == NULL ||
            strcmp(sctp_channel_label(ours->channel), sctp_channel_label(theirs->channel)) != 0)
            model_fail(model, "side %d: data channel %u is not open at both sides", from->side->index, number_of(ours));
        if (theirs->messages != 1)
            model_fail(model, "side %d: data channel %u: %u messages arrived, not 1", from->side->index, number_of(ours), theirs->messages);
    }
}

static void check_frames(model_t *model, const flow_t *from, const flow_t *to)
{
    size_t count;
    bool is_used[FLOW_LINES_MAX] = {false};
    jsep_transceiver_t *const *all = jsep_transceivers(model_session(from->side), &count);
    for (size_t i = 0; i < count; i++) {
        const jsep_transceiver_t *t = all[i];
        if (t->is_stopped || (t->current_direction & SDP_SENDONLY) == 0)
            continue;
        is_used[t->mline_index] = true;
        if (to->frames[t->mline_index] == 0)
            model_fail(model, "side %d: mid %s sends, and nothing arrives", from->side->index, t->mid);
    }
    for (int i = 0; i < FLOW_LINES_MAX; i++)
        if (to->frames[i] > 0 && !is_used[i])
            model_fail(model, "side %d: m-line %d does not send, and %u frames arrive", from->side->index, i, to->frames[i]);
}

void flow_check(model_t *model, flow_t flows[2])
{
    peer_time_t now = model->now;
    for (int side = 0; side < 2; side++) {
        memset(flows[side].frames, 0, sizeof flows[side].frames);
        for (size_t i = 0; i < flows[side].channel_count; i++) {
            uint8_t message[2];
            if (!flows[side].channels[i].is_open)
                continue;
            bytes_put_u16(message, (uint16_t)number_of(&flows[side].channels[i]));
            if (send_copy(flows[side].channels[i].channel, now, message, sizeof message, false) < 0)
                model_fail(model, "side %d: a data channel does not send: %s", side, peer_last_error_message());
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int side = 0; side < 2; side++)
            flow_send_frames(&flows[side]);
        model_advance(model, model->now + 20 * PEER_MILLISECOND);
    }
    model_advance(model, model->now + PEER_SECOND);
    for (int side = 0; side < 2; side++) {
        check_frames(model, &flows[side], &flows[1 - side]);
        check_channels(model, &flows[side], &flows[1 - side]);
    }
}
