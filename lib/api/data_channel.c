/* RTCDataChannel: the application's handle on a channel of the connection's SCTP transport. */
#include "api/data_channel_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define CONSUMED_STEP 16384u /* bytes that the application has had until the connection looks at its window */
#define PARTS_TOLD (SCTP_PART_FIRST | SCTP_PART_LAST | SCTP_PART_LOST)
_Static_assert((int)SCTP_PART_FIRST == PEER_MESSAGE_PART_FIRST && (int)SCTP_PART_LAST == PEER_MESSAGE_PART_LAST &&
                   (int)SCTP_PART_LOST == PEER_MESSAGE_PART_LOST,
               "parts are told as they come");

static peer_data_channel_t *new_channel(peer_connection_t *pc, sctp_channel_t *implementation)
{
    peer_data_channel_t *channel = MEMORY_NEW(peer_data_channel_t);
    if (channel == NULL)
        return NULL;
    atomic_init(&channel->references, 1); /* the connection's */
    channel->loop = loop_ref(pc->loop);
    channel->pc = pc;
    channel->implementation = implementation;
    channel->label = memory_string(sctp_channel_label(implementation));
    channel->protocol = memory_string(sctp_channel_protocol(implementation));
    channel->is_ordered = sctp_channel_is_ordered(implementation);
    channel->is_negotiated = sctp_channel_is_negotiated(implementation);
    channel->max_retransmits = sctp_channel_max_retransmits(implementation);
    channel->max_packet_life_time = sctp_channel_max_packet_life_time_ms(implementation);
    channel->priority = api_priority_from_weight(sctp_channel_priority(implementation));
    channel->last_id = -1;
    if (channel->label == NULL || channel->protocol == NULL) {
        peer_data_channel_unref(channel);
        return NULL;
    }
    return channel;
}

peer_data_channel_t *api_channel(peer_connection_t *pc, sctp_channel_t *implementation)
{
    peer_data_channel_t *channel = sctp_channel_user(implementation);
    if (channel != NULL)
        return channel;
    void *channels = pc->channels;
    if (!memory_reserve(&channels, &pc->channel_capacity, pc->channel_count + 1, sizeof *pc->channels))
        return NULL;
    pc->channels = channels;
    channel = new_channel(pc, implementation);
    if (channel == NULL)
        return NULL;
    channel->place = pc->channel_count;
    pc->channels[pc->channel_count++] = channel;
    sctp_channel_set_user(implementation, channel);
    return channel;
}

void api_channel_set_first_events(peer_data_channel_t *channel, const peer_data_channel_events_t *events, void *user)
{
    channel->events = events != NULL ? *events : (peer_data_channel_events_t){0};
    channel->user = user;
}

/* What the getters answer from now on. */
static void let_go(peer_data_channel_t *channel)
{
    if (channel->implementation != NULL) {
        channel->last_id = sctp_channel_id(channel->implementation);
        channel->last_buffered_amount = sctp_channel_buffered_amount(channel->implementation);
        channel->last_low_threshold = sctp_channel_buffered_amount_low_threshold(channel->implementation);
    }
    channel->implementation = NULL;
    channel->was_closed = true;
}

void api_channel_orphan(peer_data_channel_t *channel)
{
    let_go(channel);
    api_channel_forget_sources(channel);
    channel->pc = NULL;
}

/* A channel whose close event was delivered costs its connection nothing more. */
static void release_closed(peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    peer_connection_t *pc = channel->pc;
    bool is_released = pc != NULL && !pc->is_closed;
    if (is_released) {
        sctp_channel_t *implementation = channel->implementation;
        pc->channels[channel->place] = pc->channels[--pc->channel_count];
        pc->channels[channel->place]->place = channel->place;
        api_channel_orphan(channel);
        connection_release_channel(pc->connection, runtime_now(), implementation);
    }
    loop_unlock(channel->loop);
    if (is_released)
        peer_data_channel_unref(channel); /* the connection's */
}

static void deliver_message(peer_data_channel_t *channel, const peer_data_channel_events_t *events, const connection_event_t *event,
                            void *user)
{
    const blob_t *message = event->channel_message.message;
    unsigned part = event->channel_message.part;
    const void *data = message != NULL ? message->data : NULL;
    size_t length = message != NULL ? message->length : 0;
    if (part == 0 && events->on_message != NULL)
        events->on_message(channel, data, length, event->channel_message.is_text, user);
    else if (part != 0 && events->on_message_part != NULL)
        events->on_message_part(channel, data, length, (int32_t)(part & PARTS_TOLD), event->channel_message.is_text, user);
    loop_lock(channel->loop);
    if (length > 0 && channel->pc != NULL && !channel->pc->is_closed) {
        connection_consumed(channel->pc->connection, runtime_now(), length);
        channel->pc->consumed += length;
        if (channel->pc->consumed >= CONSUMED_STEP) {
            channel->pc->consumed = 0;
            api_connection_touch(channel->pc); /* the peer may have to be told that there is room again */
        }
    }
    loop_unlock(channel->loop);
}

void api_channel_deliver(peer_data_channel_t *channel, const connection_event_t *event)
{
    loop_lock(channel->loop);
    peer_data_channel_events_t events = channel->events;
    void *user = channel->user;
    bool is_low = event->type == CONNECTION_EVENT_CHANNEL_HANDED && channel->implementation != NULL &&
                  sctp_channel_apply_handed(channel->implementation);
    if (event->type == CONNECTION_EVENT_CHANNEL_CLOSED)
        channel->was_closed = true;
    loop_unlock(channel->loop);
    switch (event->type) {
    case CONNECTION_EVENT_CHANNEL_OPEN:
        if (events.on_open != NULL)
            events.on_open(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        deliver_message(channel, &events, event, user);
        break;
    case CONNECTION_EVENT_CHANNEL_ROOM:
        api_channel_feed(channel);
        break;
    case CONNECTION_EVENT_CHANNEL_HANDED:
        if (is_low && events.on_buffered_amount_low != NULL)
            events.on_buffered_amount_low(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSING:
        if (events.on_closing != NULL)
            events.on_closing(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_ERROR:
        if (events.on_error != NULL)
            events.on_error(
                channel,
                &(peer_rtc_error_t){.code = PEER_ERROR_OPERATION,
                                    .detail = event->channel_error.is_of_association ? PEER_ERROR_DETAIL_SCTP_FAILURE
                                                                                     : PEER_ERROR_DETAIL_DATA_CHANNEL_FAILURE,
                                    .sctp_cause_code = event->channel_error.cause_code != 0 ? event->channel_error.cause_code : -1,
                                    .received_alert = -1,
                                    .sent_alert = -1,
                                    .message = event->text != NULL ? event->text : ""},
                user);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSED:
        loop_lock(channel->loop);
        api_channel_end_source(channel);
        loop_unlock(channel->loop);
        api_channel_tell_ended_sources(channel);
        if (events.on_close != NULL)
            events.on_close(channel, user);
        release_closed(channel);
        break;
    default:
        break;
    }
}

peer_data_channel_t *peer_data_channel_ref(peer_data_channel_t *channel)
{
    atomic_fetch_add_explicit(&channel->references, 1, memory_order_relaxed);
    return channel;
}

void peer_data_channel_unref(peer_data_channel_t *channel)
{
    if (channel == NULL || atomic_fetch_sub_explicit(&channel->references, 1, memory_order_acq_rel) > 1)
        return;
    loop_unref(channel->loop);
    memory_free(channel->label);
    memory_free(channel->protocol);
    memory_free(channel);
}

void peer_data_channel_set_events(peer_data_channel_t *channel, const peer_data_channel_events_t *events, void *user)
{
    loop_lock(channel->loop);
    api_channel_set_first_events(channel, events, user);
    loop_unlock(channel->loop);
}

const char *peer_data_channel_label(const peer_data_channel_t *channel)
{
    return channel->label;
}

const char *peer_data_channel_protocol(const peer_data_channel_t *channel)
{
    return channel->protocol;
}

int32_t peer_data_channel_ordered(const peer_data_channel_t *channel)
{
    return channel->is_ordered;
}

int32_t peer_data_channel_max_packet_life_time(const peer_data_channel_t *channel)
{
    return channel->max_packet_life_time;
}

int32_t peer_data_channel_max_retransmits(const peer_data_channel_t *channel)
{
    return channel->max_retransmits;
}

int32_t peer_data_channel_negotiated(const peer_data_channel_t *channel)
{
    return channel->is_negotiated;
}

int32_t peer_data_channel_priority(const peer_data_channel_t *channel)
{
    return channel->priority;
}

int32_t peer_data_channel_id(const peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    int32_t id = channel->implementation != NULL ? sctp_channel_id(channel->implementation) : channel->last_id;
    loop_unlock(channel->loop);
    return id;
}

int32_t peer_data_channel_ready_state(const peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    int32_t state = channel->implementation == NULL || channel->was_closed ? PEER_DATA_CHANNEL_CLOSED
                                                                           : (int32_t)sctp_channel_state(channel->implementation);
    loop_unlock(channel->loop);
    return state;
}

uint64_t peer_data_channel_buffered_amount(const peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    uint64_t amount =
        channel->implementation != NULL ? sctp_channel_buffered_amount(channel->implementation) : channel->last_buffered_amount;
    loop_unlock(channel->loop);
    return amount;
}

uint64_t peer_data_channel_buffered_amount_low_threshold(const peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    uint64_t threshold =
        channel->implementation != NULL ? sctp_channel_buffered_amount_low_threshold(channel->implementation) : channel->last_low_threshold;
    loop_unlock(channel->loop);
    return threshold;
}

void peer_data_channel_set_buffered_amount_low_threshold(peer_data_channel_t *channel, uint64_t bytes)
{
    loop_lock(channel->loop);
    if (channel->implementation != NULL)
        sctp_channel_set_buffered_amount_low_threshold(channel->implementation, bytes);
    loop_unlock(channel->loop);
}

int peer_data_channel_set_streaming(peer_data_channel_t *channel, size_t threshold)
{
    int result = 0;
    loop_lock(channel->loop);
    if (channel->pc != NULL && !channel->pc->is_closed)
        result = sctp_channel_set_streaming(channel->implementation, threshold);
    loop_unlock(channel->loop);
    return result;
}

void peer_data_channel_set_paused(peer_data_channel_t *channel, int32_t is_paused)
{
    loop_lock(channel->loop);
    if (channel->pc != NULL && !channel->pc->is_closed) {
        sctp_channel_set_paused(channel->implementation, runtime_now(), is_paused != 0);
        api_connection_touch(channel->pc);
    }
    loop_unlock(channel->loop);
}

void peer_data_channel_close(peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    if (channel->pc != NULL && !channel->pc->is_closed) {
        connection_close_channel(channel->pc->connection, runtime_now(), channel->implementation);
        api_connection_touch(channel->pc);
    }
    loop_unlock(channel->loop);
}

void peer_data_channel_init_init(peer_data_channel_init_t *init, size_t size)
{
    memset(init, 0, size);
    init->size = size;
    init->ordered = 1;
    init->max_packet_life_time = -1;
    init->max_retransmits = -1;
    init->id = -1;
}

static const uint16_t weights[] = {
    [PEER_PRIORITY_VERY_LOW] = 128, [PEER_PRIORITY_LOW] = 256, [PEER_PRIORITY_MEDIUM] = 512, [PEER_PRIORITY_HIGH] = 1024};

uint16_t api_priority_weight(int32_t priority)
{
    return weights[priority == PEER_PRIORITY_UNSET ? PEER_PRIORITY_LOW : priority];
}

int32_t api_priority_from_weight(uint16_t weight)
{
    int32_t priority = PEER_PRIORITY_VERY_LOW;
    while (priority < PEER_PRIORITY_HIGH && weight > weights[priority])
        priority++;
    return priority;
}
