/* RTCDataChannel: the application's handle on a channel of the connection's SCTP transport. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

struct peer_data_channel {
    atomic_uint references;
    loop_t *loop;
    peer_connection_t *pc; /* NULL when it is gone; under the loop's lock, as all below */
    sctp_channel_t *implementation;
    peer_data_channel_events_t events;
    void *user;
    char *label;
    char *protocol;
    bool is_ordered;
    bool was_closed; /* the close event was delivered, or the connection closed */
    int32_t last_id;
    uint64_t last_buffered_amount;
};

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
    }
    channel->implementation = NULL;
    channel->was_closed = true;
}

void api_channel_orphan(peer_data_channel_t *channel)
{
    let_go(channel);
    channel->pc = NULL;
}

/* A channel whose close event was delivered costs its connection nothing more. */
static void release_closed(peer_data_channel_t *channel)
{
    bool is_released = false;
    loop_lock(channel->loop);
    peer_connection_t *pc = channel->pc;
    for (size_t i = 0; pc != NULL && !pc->is_closed && i < pc->channel_count; i++) {
        if (pc->channels[i] != channel)
            continue;
        sctp_channel_t *implementation = channel->implementation;
        pc->channels[i] = pc->channels[--pc->channel_count];
        api_channel_orphan(channel);
        connection_release_channel(pc->connection, runtime_now(), implementation);
        is_released = true;
    }
    loop_unlock(channel->loop);
    if (is_released)
        peer_data_channel_unref(channel); /* the connection's */
}

void api_channel_deliver(peer_data_channel_t *channel, const connection_event_t *event)
{
    loop_lock(channel->loop);
    peer_data_channel_events_t events = channel->events;
    void *user = channel->user;
    if (event->type == CONNECTION_EVENT_CHANNEL_CLOSED)
        channel->was_closed = true;
    loop_unlock(channel->loop);
    switch (event->type) {
    case CONNECTION_EVENT_CHANNEL_OPEN:
        if (events.on_open != NULL)
            events.on_open(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        if (events.on_message != NULL)
            events.on_message(channel, event->message.data, event->message.length, event->message.is_text, user);
        break;
    case CONNECTION_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW:
        if (events.on_buffered_amount_low != NULL)
            events.on_buffered_amount_low(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSING:
        if (events.on_closing != NULL)
            events.on_closing(channel, user);
        break;
    case CONNECTION_EVENT_CHANNEL_ERROR:
        if (events.on_error != NULL)
            events.on_error(channel, event->text, user);
        break;
    case CONNECTION_EVENT_CHANNEL_CLOSED:
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

void peer_data_channel_set_buffered_amount_low_threshold(peer_data_channel_t *channel, uint64_t bytes)
{
    loop_lock(channel->loop);
    if (channel->implementation != NULL)
        sctp_channel_set_buffered_amount_low_threshold(channel->implementation, bytes);
    loop_unlock(channel->loop);
}

int peer_data_channel_send(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    if (data == NULL && length > 0)
        return error_set(PEER_ERROR_TYPE, "data is NULL and length is %zu", length);
    int result;
    loop_lock(channel->loop);
    if (channel->pc == NULL || channel->pc->is_closed) {
        result = error_set(PEER_ERROR_INVALID_STATE, "the channel is closed");
    } else {
        result = sctp_channel_send(channel->implementation, runtime_now(), data, length, is_text != 0);
        if (result == 0)
            api_connection_touch(channel->pc);
    }
    loop_unlock(channel->loop);
    return result;
}

void peer_data_channel_close(peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    if (channel->pc != NULL && !channel->pc->is_closed) {
        sctp_channel_close(channel->implementation, runtime_now());
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
