/* What an application sends on a data channel: copied once, outside the loop's lock, or pulled from a source straight into the message. */
#include "api/api.h"
#include "api/data_channel_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define SOURCE_MESSAGE_SIZE 65536u
#define SOURCE_LOW (1u << 20)  /* asked again when no more than this waits: a millisecond at a gigabyte a second */
#define SOURCE_HIGH (3u << 20) /* bytes that are asked for at a time */

/* Takes the reference when it returns 0. */
static int send_message(peer_data_channel_t *channel, blob_t *message, bool is_text, bool was_asked)
{
    int result;
    loop_lock(channel->loop);
    if (channel->pc == NULL || channel->pc->is_closed) {
        result = error_set(PEER_ERROR_INVALID_STATE, "the channel is closed");
    } else {
        result = was_asked ? sctp_channel_send_asked(channel->implementation, runtime_now(), message, is_text)
                           : sctp_channel_send(channel->implementation, runtime_now(), message, is_text);
        if (result == 0)
            api_connection_touch(channel->pc);
    }
    loop_unlock(channel->loop);
    return result;
}

/* Before a large message is copied in vain. */
static int check_sendable(peer_data_channel_t *channel, size_t length)
{
    int result;
    loop_lock(channel->loop);
    if (channel->pc == NULL || channel->pc->is_closed)
        result = error_set(PEER_ERROR_INVALID_STATE, "the channel is closed");
    else
        result = sctp_channel_check_send(channel->implementation, length);
    loop_unlock(channel->loop);
    return result;
}

int peer_data_channel_sendv(peer_data_channel_t *channel, const peer_buffer_t *buffers, size_t count, int32_t is_text)
{
    size_t length = 0;
    if (buffers == NULL && count > 0)
        return error_set(PEER_ERROR_TYPE, "buffers is NULL and count is %zu", count);
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].data == NULL && buffers[i].length > 0)
            return error_set(PEER_ERROR_TYPE, "buffers[%zu].data is NULL and its length is %zu", i, buffers[i].length);
        if (buffers[i].length > SIZE_MAX / 2 - length)
            return error_set(PEER_ERROR_TYPE, "the buffers' lengths add up to more than memory");
        length += buffers[i].length;
    }
    int result = check_sendable(channel, length);
    if (result < 0)
        return result;
    blob_t *message = blob_new(length);
    if (message == NULL)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].length > 0)
            memcpy(message->data + message->length, buffers[i].data, buffers[i].length);
        message->length += buffers[i].length;
    }
    result = send_message(channel, message, is_text != 0, false);
    if (result < 0)
        blob_unref(message);
    return result;
}

int peer_data_channel_send(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    if (data == NULL && length > 0)
        return error_set(PEER_ERROR_TYPE, "data is NULL and length is %zu", length);
    return peer_data_channel_sendv(channel, &(peer_buffer_t){.data = data, .length = length}, 1, is_text);
}

void peer_data_source_init(peer_data_source_t *source, size_t size)
{
    memset(source, 0, size);
    source->size = size;
}

/* Asks the channel to tell when there is room. Under the lock. */
static void ask_for_room(peer_data_channel_t *channel)
{
    if (channel->pc == NULL || channel->pc->is_closed || channel->source == NULL || channel->source->is_waiting)
        return;
    sctp_channel_ask_for_room(channel->implementation, runtime_now(), SOURCE_LOW);
    api_connection_touch(channel->pc);
}

/* Under the lock. Its end is told on the dispatcher. */
static void take_off(peer_data_channel_t *channel)
{
    api_source_t *source = channel->source;
    if (source == NULL)
        return;
    channel->source = NULL;
    source->next = NULL;
    api_source_t **last = &channel->ended_sources;
    while (*last != NULL)
        last = &(*last)->next;
    *last = source;
}

void api_channel_end_source(peer_data_channel_t *channel)
{
    take_off(channel);
}

/* On the dispatcher, without the lock. */
void api_channel_tell_ended_sources(peer_data_channel_t *channel)
{
    for (;;) {
        loop_lock(channel->loop);
        api_source_t *source = channel->ended_sources;
        if (source != NULL)
            channel->ended_sources = source->next;
        loop_unlock(channel->loop);
        if (source == NULL)
            return;
        if (source->source.on_end != NULL)
            source->source.on_end(channel, source->source.user);
        memory_free(source);
    }
}

static void tell_ended_later(void *channel)
{
    api_channel_tell_ended_sources(channel);
    peer_data_channel_unref(channel);
}

void api_channel_forget_sources(peer_data_channel_t *channel)
{
    take_off(channel);
    for (api_source_t *source = channel->ended_sources, *next; source != NULL; source = next) {
        next = source->next;
        memory_free(source);
    }
    channel->ended_sources = NULL;
}

int peer_data_channel_set_source(peer_data_channel_t *channel, const peer_data_source_t *given)
{
    peer_data_source_t known;
    peer_data_source_init(&known, sizeof known);
    if (given != NULL && given->size < sizeof given->size)
        return error_set(PEER_ERROR_TYPE, "source was not filled by peer_data_source_init()");
    if (given != NULL)
        API_COPY_SIZED(&known, given);
    if (given != NULL && known.pull == NULL)
        return error_set(PEER_ERROR_TYPE, "source.pull is NULL");
    if (known.message_size == 0)
        known.message_size = SOURCE_MESSAGE_SIZE;
    api_source_t *source = NULL;
    if (given != NULL && (source = api_source_new(&known)) == NULL)
        return error_no_memory();
    int result = 0;
    loop_lock(channel->loop);
    if (given != NULL &&
        (channel->pc == NULL || channel->pc->is_closed || sctp_channel_state(channel->implementation) > SCTP_CHANNEL_OPEN)) {
        result = error_set(PEER_ERROR_INVALID_STATE, "the channel is closing or closed");
    } else {
        take_off(channel);
        channel->source = source;
        source = NULL;
        ask_for_room(channel);
    }
    bool has_ended = channel->ended_sources != NULL;
    loop_unlock(channel->loop);
    memory_free(source);
    if (has_ended && loop_post(channel->loop, tell_ended_later, peer_data_channel_ref(channel)) < 0)
        peer_data_channel_unref(channel); /* told with the channel's next event, or with its close */
    return result;
}

void peer_data_channel_resume_source(peer_data_channel_t *channel)
{
    loop_lock(channel->loop);
    if (channel->source != NULL) {
        channel->source->is_resumed = true;
        channel->source->is_waiting = false;
        ask_for_room(channel);
    }
    loop_unlock(channel->loop);
}

/* One message of the source into the channel. False: no more for now. */
static bool feed_one(peer_data_channel_t *channel, size_t *fed)
{
    loop_lock(channel->loop);
    api_source_t *source = channel->source;
    bool is_wanted = source != NULL && !source->is_waiting && channel->pc != NULL && !channel->pc->is_closed &&
                     sctp_channel_state(channel->implementation) == SCTP_CHANNEL_OPEN;
    peer_data_source_t copy = is_wanted ? source->source : (peer_data_source_t){0};
    size_t most = copy.message_size;
    if (is_wanted) {
        uint64_t limit = sctp_max_message_size(connection_sctp(channel->pc->connection));
        most = most > limit ? (size_t)limit : most;
        source->is_resumed = false;
    }
    loop_unlock(channel->loop);
    if (!is_wanted)
        return false;
    int64_t result;
    blob_t *message = api_source_pull(&copy, channel, most, &result);
    if (message != NULL && (result = send_message(channel, message, copy.is_text != 0, true)) < 0) {
        blob_unref(message);
        result = PEER_SOURCE_END; /* the channel closed meanwhile, or memory ran out: a gap in what is sent would be worse than its end */
    } else if (message != NULL) {
        *fed += most;
        return true;
    }
    loop_lock(channel->loop);
    if (channel->source == source && result == PEER_SOURCE_WAIT)
        source->is_waiting = !source->is_resumed; /* unless it was resumed while it was asked */
    else if (channel->source == source)
        take_off(channel);
    bool is_resumed = channel->source == source && !source->is_waiting;
    loop_unlock(channel->loop);
    return is_resumed;
}

void api_channel_feed(peer_data_channel_t *channel)
{
    for (size_t fed = 0; fed < SOURCE_HIGH && feed_one(channel, &fed);)
        ;
    loop_lock(channel->loop);
    ask_for_room(channel);
    loop_unlock(channel->loop);
    api_channel_tell_ended_sources(channel);
}
