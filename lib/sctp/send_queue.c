#include "sctp/send_queue.h"

#include "base/memory.h"

#include <string.h>

#define FREE_MESSAGES 1024 /* kept for the next ones */
#define FREE_STREAMS 64
#define VIRTUAL_SCALE 65536u

/* ---- the heap: streams with something waiting, by their virtual time ---- */

static bool is_earlier(const send_turn_t *a, const send_turn_t *b)
{
    int64_t difference = (int64_t)(a->tag - b->tag);
    return difference != 0 ? difference < 0 : (int64_t)(a->order - b->order) < 0;
}

static void put(send_queue_t *queue, size_t index, const send_turn_t *turn)
{
    queue->heap[index] = *turn;
    turn->stream->place = index + 1;
}

static void sift_up(send_queue_t *queue, size_t index)
{
    send_turn_t turn = queue->heap[index];
    for (; index > 0 && is_earlier(&turn, &queue->heap[(index - 1) / 2]); index = (index - 1) / 2)
        put(queue, index, &queue->heap[(index - 1) / 2]);
    put(queue, index, &turn);
}

static void sift_down(send_queue_t *queue, size_t index)
{
    send_turn_t turn = queue->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= queue->heap_count)
            break;
        if (child + 1 < queue->heap_count && is_earlier(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!is_earlier(&queue->heap[child], &turn))
            break;
        put(queue, index, &queue->heap[child]);
        index = child;
    }
    put(queue, index, &turn);
}

static void enter(send_queue_t *queue, send_stream_t *stream)
{
    if ((int64_t)(stream->tag - queue->virtual_time) < 0)
        stream->tag = queue->virtual_time;
    queue->heap[queue->heap_count] = (send_turn_t){stream->tag, queue->orders++, stream};
    sift_up(queue, queue->heap_count++);
}

static void leave(send_queue_t *queue, send_stream_t *stream)
{
    size_t index = stream->place - 1;
    send_turn_t last = queue->heap[--queue->heap_count];
    stream->place = 0;
    if (queue->current == stream)
        queue->current = NULL;
    if (last.stream == stream)
        return;
    put(queue, index, &last);
    sift_up(queue, index);
    sift_down(queue, last.stream->place - 1);
}

/* ---- streams ---- */

send_stream_t *send_queue_stream(const send_queue_t *queue, uint16_t id)
{
    if (queue->recent != NULL && queue->recent->id == id)
        return queue->recent;
    return map_get(&queue->streams, id);
}

send_stream_t *send_queue_open_stream(send_queue_t *queue, uint16_t id)
{
    send_stream_t *stream = send_queue_stream(queue, id);
    if (stream == NULL) {
        stream = queue->free_streams;
        if (stream != NULL) {
            queue->free_streams = stream->next_free;
            queue->free_stream_count--;
            memset(stream, 0, sizeof *stream);
        } else {
            stream = MEMORY_NEW(send_stream_t);
        }
        if (stream == NULL)
            return NULL;
        stream->id = id;
        stream->weight = SEND_DEFAULT_WEIGHT;
        stream->tag = queue->virtual_time;
        if (!map_set(&queue->streams, id, stream)) {
            memory_free(stream);
            return NULL;
        }
    }
    queue->recent = stream;
    return stream;
}

void send_queue_settle_stream(send_queue_t *queue, send_stream_t *stream)
{
    if (stream->messages > 0 || stream->weight != SEND_DEFAULT_WEIGHT || stream->next_ordered != 0 || stream->next_unordered != 0)
        return;
    /* One that is ahead of its share has to wait its turn, even when it comes back. */
    if (queue->heap_count > 0 && (int64_t)(stream->tag - queue->virtual_time) > 0)
        return;
    map_remove(&queue->streams, stream->id);
    if (queue->recent == stream)
        queue->recent = NULL;
    if (queue->free_stream_count >= FREE_STREAMS) {
        memory_free(stream);
        return;
    }
    stream->next_free = queue->free_streams;
    queue->free_streams = stream;
    queue->free_stream_count++;
}

/* ---- messages ---- */

static send_message_t *new_message(send_queue_t *queue)
{
    send_message_t *message = queue->free_messages;
    if (message == NULL)
        return MEMORY_NEW(send_message_t);
    queue->free_messages = message->next;
    queue->free_message_count--;
    memset(message, 0, sizeof *message);
    return message;
}

static void free_message(send_queue_t *queue, send_message_t *message)
{
    blob_unref(message->blob);
    if (queue->free_message_count >= FREE_MESSAGES) {
        memory_free(message);
        return;
    }
    message->blob = NULL;
    message->next = queue->free_messages;
    queue->free_messages = message;
    queue->free_message_count++;
}

send_message_t *send_queue_push(send_queue_t *queue, peer_time_t now, const sctp_message_info_t *info, blob_t *blob)
{
    send_stream_t *stream = send_queue_open_stream(queue, info->stream);
    if (stream == NULL)
        return NULL;
    void *heap = queue->heap;
    bool has_room = memory_reserve(&heap, &queue->heap_capacity, queue->heap_count + 1, sizeof *queue->heap);
    queue->heap = heap;
    send_message_t *message = has_room ? new_message(queue) : NULL;
    if (message == NULL) {
        send_queue_settle_stream(queue, stream);
        return NULL;
    }
    message->blob = blob;
    message->stream = stream;
    message->payload_protocol = info->payload_protocol;
    message->is_unordered = info->is_unordered;
    message->is_limited = info->reliability == SCTP_LIMITED_RETRANSMITS;
    message->limit = info->limit;
    message->expires = info->reliability == SCTP_LIMITED_LIFE_TIME ? now + info->limit * PEER_MILLISECOND : PEER_TIME_NEVER;
    message->is_waiting = true;
    if (stream->last != NULL)
        stream->last->next = message;
    else
        stream->first = message;
    stream->last = message;
    stream->messages++;
    stream->queued += blob->length;
    queue->total += blob->length;
    if (stream->place == 0)
        enter(queue, stream);
    return message;
}

send_message_t *send_queue_next(const send_queue_t *queue)
{
    if (queue->current != NULL)
        return queue->current->first;
    return queue->heap_count > 0 ? queue->heap[0].stream->first : NULL;
}

static void count_taken(send_queue_t *queue, send_stream_t *stream, size_t bytes)
{
    stream->queued -= bytes;
    queue->total -= bytes;
    if (bytes > 0)
        queue->on_taken(queue->context, stream->id, bytes);
}

static void pop(send_queue_t *queue, send_message_t *message)
{
    send_stream_t *stream = message->stream;
    stream->first = message->next;
    if (stream->first == NULL)
        stream->last = NULL;
    message->next = NULL;
    message->is_waiting = false;
    if (queue->current == stream)
        queue->current = NULL;
}

void send_queue_take(send_queue_t *queue, send_message_t *message, size_t bytes, bool is_interleaved)
{
    send_stream_t *stream = message->stream;
    message->sent += bytes;
    /* Virtual time is where the turn in service began: a fragment's, or a whole message's. */
    if ((is_interleaved || !message->is_begun) && (int64_t)(stream->tag - queue->virtual_time) > 0)
        queue->virtual_time = stream->tag;
    message->is_begun = true;
    stream->tag += (uint64_t)bytes * VIRTUAL_SCALE / stream->weight;
    if (message->sent == message->blob->length)
        pop(queue, message);
    else if (!is_interleaved)
        queue->current = stream;
    if (stream->first == NULL) {
        leave(queue, stream);
    } else {
        queue->heap[stream->place - 1].tag = stream->tag;
        queue->heap[stream->place - 1].order = queue->orders++;
        sift_down(queue, stream->place - 1);
    }
    count_taken(queue, stream, bytes);
}

void send_queue_give_up(send_queue_t *queue, send_message_t *message, bool keep_place)
{
    send_stream_t *stream = message->stream;
    size_t bytes = message->blob != NULL ? message->blob->length - message->sent : 0;
    message->sent += bytes;
    if (!keep_place) {
        pop(queue, message);
        if (stream->first == NULL)
            leave(queue, stream);
    }
    count_taken(queue, stream, bytes);
}

void send_queue_drop_behind(send_queue_t *queue, send_message_t *message)
{
    send_stream_t *stream = message->stream;
    send_message_t *dropped = message->next;
    size_t bytes = 0;
    message->next = NULL;
    stream->last = message;
    while (dropped != NULL) {
        send_message_t *next = dropped->next;
        bytes += dropped->blob->length;
        free_message(queue, dropped);
        stream->messages--;
        dropped = next;
    }
    count_taken(queue, stream, bytes);
}

void send_queue_settle(send_queue_t *queue, send_message_t *message)
{
    if (message->is_waiting || message->outstanding > 0)
        return;
    send_stream_t *stream = message->stream;
    free_message(queue, message);
    stream->messages--;
    if (stream->messages == 0)
        send_queue_settle_stream(queue, stream);
}

static void free_stream(send_stream_t *stream)
{
    while (stream->first != NULL) {
        send_message_t *message = stream->first;
        stream->first = message->next;
        blob_unref(message->blob);
        memory_free(message);
    }
    memory_free(stream);
}

void send_queue_clear(send_queue_t *queue)
{
    for (size_t i = 0; i < queue->streams.capacity; i++)
        if (queue->streams.entries[i].value != NULL)
            free_stream(queue->streams.entries[i].value);
    map_clear(&queue->streams);
    while (queue->free_messages != NULL) {
        send_message_t *next = queue->free_messages->next;
        memory_free(queue->free_messages);
        queue->free_messages = next;
    }
    while (queue->free_streams != NULL) {
        send_stream_t *next = queue->free_streams->next_free;
        memory_free(queue->free_streams);
        queue->free_streams = next;
    }
    memory_free(queue->heap);
    queue->heap = NULL;
    queue->heap_count = queue->heap_capacity = 0;
}
