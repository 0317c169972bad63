#include "sctp/reassembly.h"

#include "base/memory.h"

#include <string.h>

#define FIRST_ID (UINT64_C(1) << 32) /* number 0, unwrapped: the ones before it are smaller */

void reassembly_init(reassembly_t *reassembly, size_t window, size_t max_message_size)
{
    *reassembly = (reassembly_t){0};
    incoming_account_init(&reassembly->account, window, max_message_size);
}

static void free_messages(reassembly_t *reassembly, splay_t *tree)
{
    for (splay_node_t *node; (node = splay_first(tree)) != NULL;) {
        incoming_message_t *message = (incoming_message_t *)node;
        splay_remove(tree, node);
        if (message->is_queued)
            message->is_tracked = false;
        else
            incoming_message_free(&reassembly->account, message);
    }
}

void reassembly_clear(reassembly_t *reassembly)
{
    free_messages(reassembly, &reassembly->begun);
    incoming_fragments_free(&reassembly->account, &reassembly->orphans);
    for (size_t i = 0; i < reassembly->page_count; i++) {
        for (size_t j = 0; j < INCOMING_PAGE && reassembly->pages[i] != NULL; j++) {
            free_messages(reassembly, &reassembly->pages[i]->streams[j].ordered);
            free_messages(reassembly, &reassembly->pages[i]->streams[j].unordered);
        }
        memory_free(reassembly->pages[i]);
    }
    memory_free(reassembly->pages);
    while (reassembly->first_ready != NULL) {
        incoming_message_t *message = reassembly->first_ready;
        reassembly->first_ready = message->next;
        incoming_message_free(&reassembly->account, message);
    }
    incoming_account_clear(&reassembly->account);
}

static incoming_stream_t *find_stream(const reassembly_t *reassembly, uint16_t id)
{
    incoming_page_t *page = id / INCOMING_PAGE < reassembly->page_count ? reassembly->pages[id / INCOMING_PAGE] : NULL;
    return page != NULL ? &page->streams[id % INCOMING_PAGE] : NULL;
}

static void begin_stream(incoming_stream_t *stream)
{
    stream->next = stream->unordered_seen = FIRST_ID;
    stream->unordered_given = 0;
}

static incoming_stream_t *get_stream(reassembly_t *reassembly, uint16_t id)
{
    incoming_stream_t *stream = find_stream(reassembly, id);
    size_t index = id / INCOMING_PAGE, count = reassembly->page_count;
    if (stream != NULL) {
        reassembly->pages[index]->is_touched = true;
        return stream;
    }
    if (!memory_reserve((void **)&reassembly->pages, &reassembly->page_count, index + 1, sizeof *reassembly->pages))
        return NULL;
    for (; count < reassembly->page_count; count++)
        reassembly->pages[count] = NULL;
    incoming_page_t *page = reassembly->pages[index] = MEMORY_NEW(incoming_page_t);
    if (page == NULL)
        return NULL;
    for (size_t i = 0; i < INCOMING_PAGE; i++)
        begin_stream(&page->streams[i]);
    page->is_touched = true;
    return &page->streams[id % INCOMING_PAGE];
}

static uint64_t unwrap(uint64_t reference, uint32_t number, bool is_short)
{
    if (is_short)
        return reference + (uint64_t)(int64_t)(int16_t)(uint16_t)(number - (uint32_t)reference);
    return reference + (uint64_t)(int64_t)(int32_t)(number - (uint32_t)reference);
}

/* ---- what there is to tell ---- */

static void enqueue(reassembly_t *reassembly, incoming_message_t *message)
{
    if (message->is_queued)
        return;
    message->is_queued = true;
    message->next = NULL;
    if (reassembly->first_ready == NULL)
        reassembly->first_ready = message;
    else
        reassembly->last_ready->next = message;
    reassembly->last_ready = message;
}

/* It is complete, and its turn; it is in no tree. */
static void deliver(reassembly_t *reassembly, incoming_stream_t *stream, incoming_message_t *message)
{
    message->is_tracked = false;
    if (stream->streamed == message)
        stream->streamed = NULL;
    incoming_message_set_state(&reassembly->account, message, INCOMING_READY);
    if (message->is_too_large && !message->is_queued) {
        incoming_message_free(&reassembly->account, message);
        return;
    }
    /* In between the parts of another it comes whole. */
    if (stream->threshold != 0 && message->length > stream->threshold && stream->streamed == NULL)
        message->is_streamed = true;
    enqueue(reassembly, message);
}

/* Nothing more of it comes; it is in no tree. */
static void give_up(reassembly_t *reassembly, incoming_stream_t *stream, incoming_message_t *message)
{
    message->is_tracked = false;
    if (stream->streamed == message)
        stream->streamed = NULL;
    message->is_lost = true;
    if (message->is_told && !message->is_too_large_told)
        enqueue(reassembly, message);
    else if (!message->is_queued)
        incoming_message_free(&reassembly->account, message);
}

static void release(reassembly_t *reassembly, incoming_stream_t *stream)
{
    for (splay_node_t *node; (node = splay_find(&stream->ordered, stream->next)) != NULL;) {
        incoming_message_t *message = (incoming_message_t *)node;
        if (!message->is_complete)
            return;
        splay_remove(&stream->ordered, node);
        stream->next++;
        deliver(reassembly, stream, message);
    }
}

/* All of it has come. It is in no tree, or, as is_in_stream says, in that of its stream. */
static reassembly_result_t complete(reassembly_t *reassembly, incoming_stream_t *stream, incoming_message_t *message, bool is_in_stream)
{
    message->is_complete = true;
    if (message->is_unordered || message->id == stream->next) {
        if (is_in_stream)
            splay_remove(message->is_unordered ? &stream->unordered : &stream->ordered, &message->node);
        stream->next += !message->is_unordered;
        bool is_ordered = !message->is_unordered;
        deliver(reassembly, stream, message);
        if (is_ordered)
            release(reassembly, stream);
        return REASSEMBLY_TAKEN;
    }
    incoming_message_set_state(&reassembly->account, message, INCOMING_WAITING);
    if (is_in_stream)
        return REASSEMBLY_TAKEN;
    message->node.key = message->id;
    if (message->id > stream->next && splay_insert(&stream->ordered, &message->node))
        return REASSEMBLY_TAKEN;
    if (stream->streamed == message)
        stream->streamed = NULL;
    if (message->is_queued)
        message->is_tracked = false;
    else
        incoming_message_free(&reassembly->account, message);
    return REASSEMBLY_CONTRADICTION; /* a second one of this number */
}

/* More of it has come, and it is not complete. */
static void on_progress(reassembly_t *reassembly, incoming_stream_t *stream, incoming_message_t *message)
{
    if (message->is_too_large) {
        if (stream->streamed == message)
            stream->streamed = NULL;
        incoming_message_set_state(&reassembly->account, message, INCOMING_BEGUN);
        if (!message->is_too_large_told)
            enqueue(reassembly, message);
        return;
    }
    if (!message->is_streamed && stream->threshold != 0 && message->length > stream->threshold && stream->streamed == NULL &&
        (message->is_unordered || message->id == stream->next)) {
        message->is_streamed = true;
        stream->streamed = message;
        incoming_message_set_state(&reassembly->account, message, INCOMING_READY);
    }
    if (message->is_streamed && message->blob != NULL)
        enqueue(reassembly, message);
}

static reassembly_result_t on_end(reassembly_t *reassembly, incoming_stream_t *stream, incoming_message_t *message, bool is_in_stream)
{
    if (message->is_too_large)
        on_progress(reassembly, stream, message);
    else if (!message->is_streamed && !message->is_single)
        stream->hint = message->length;
    return complete(reassembly, stream, message, is_in_stream);
}

/* ---- DATA ---- */

static bool belongs(const incoming_message_t *message, uint16_t stream, uint8_t flags, uint32_t message_id)
{
    bool is_unordered = (flags & SCTP_DATA_UNORDERED) != 0;
    return message->stream == stream && message->is_unordered == is_unordered &&
           (is_unordered || (uint16_t)message->id == (uint16_t)message_id);
}

/* Bytes of the fragments that follow `tsn` without a gap, to the message's end. */
static size_t orphans_after(reassembly_t *reassembly, uint64_t tsn)
{
    size_t bytes = 0;
    for (splay_node_t *node; (node = splay_find(&reassembly->orphans, ++tsn)) != NULL;) {
        bytes += ((incoming_fragment_t *)node)->length;
        if ((((incoming_fragment_t *)node)->flags & SCTP_DATA_END) != 0)
            break;
    }
    return bytes;
}

static reassembly_result_t take_data(reassembly_t *reassembly, incoming_stream_t *stream, uint64_t tsn, const sctp_data_t *data)
{
    incoming_account_t *account = &reassembly->account;
    bool is_begin = (data->flags & SCTP_DATA_BEGIN) != 0, is_end = (data->flags & SCTP_DATA_END) != 0;
    incoming_message_t *message = (incoming_message_t *)splay_find(&reassembly->begun, tsn);
    if (is_begin) {
        if (message != NULL)
            return REASSEMBLY_CONTRADICTION;
        uint64_t id = unwrap(stream->next, data->message_id, true);
        if ((data->flags & SCTP_DATA_UNORDERED) == 0 && id < stream->next)
            return REASSEMBLY_CONTRADICTION;
        message = incoming_message_new(account, data, id);
        if (message == NULL)
            return REASSEMBLY_NO_MEMORY;
    } else if (message == NULL) {
        if (tsn == reassembly->given_next) {
            reassembly->given_next = is_end ? 0 : tsn + 1;
            return REASSEMBLY_TAKEN;
        }
        if (tsn == reassembly->cumulative + 1)
            return REASSEMBLY_CONTRADICTION;
        incoming_fragment_t *fragment = incoming_fragment_new(account, data, tsn);
        if (fragment == NULL)
            return REASSEMBLY_NO_MEMORY;
        splay_insert(&reassembly->orphans, &fragment->node);
        return REASSEMBLY_TAKEN;
    } else if (!belongs(message, data->stream, data->flags, data->message_id)) {
        return REASSEMBLY_CONTRADICTION;
    }

    bool has_orphans = !is_end && reassembly->orphans.root != NULL;
    size_t more = has_orphans ? orphans_after(reassembly, tsn) : 0;
    if (!incoming_message_reserve(account, message, data->length + more, stream->hint, is_end)) {
        if (is_begin)
            incoming_message_free(account, message);
        return REASSEMBLY_NO_MEMORY;
    }
    incoming_message_append(account, message, data->data, data->length);
    bool is_contradicted = false;
    for (splay_node_t *node; has_orphans && !is_end && (node = splay_find(&reassembly->orphans, tsn + 1)) != NULL; tsn++) {
        incoming_fragment_t *fragment = (incoming_fragment_t *)node;
        is_contradicted |= !belongs(message, fragment->stream, fragment->flags, fragment->message_id);
        is_end = (fragment->flags & SCTP_DATA_END) != 0;
        splay_remove(&reassembly->orphans, node);
        incoming_message_append(account, message, fragment->data, fragment->length);
        incoming_fragment_free(account, fragment);
    }
    if (is_end) {
        if (!is_begin)
            splay_remove(&reassembly->begun, &message->node);
        reassembly_result_t result = on_end(reassembly, stream, message, false);
        return is_contradicted ? REASSEMBLY_CONTRADICTION : result;
    }
    /* The order of those begun stays: none of them has a TSN in between. */
    message->node.key = tsn + 1;
    if (is_begin)
        splay_insert(&reassembly->begun, &message->node);
    on_progress(reassembly, stream, message);
    return is_contradicted ? REASSEMBLY_CONTRADICTION : REASSEMBLY_TAKEN;
}

/* ---- I-DATA ---- */

static reassembly_result_t take_interleaved(reassembly_t *reassembly, incoming_stream_t *stream, const sctp_data_t *data)
{
    incoming_account_t *account = &reassembly->account;
    bool is_begin = (data->flags & SCTP_DATA_BEGIN) != 0, is_end = (data->flags & SCTP_DATA_END) != 0;
    bool is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0;
    uint32_t number = is_begin ? 0 : data->fragment;
    if (!is_begin && number == 0)
        return REASSEMBLY_CONTRADICTION;
    uint64_t id = unwrap(is_unordered ? stream->unordered_seen : stream->next, data->message_id, false);
    splay_t *tree = is_unordered ? &stream->unordered : &stream->ordered;
    incoming_message_t *message = (incoming_message_t *)splay_find(tree, id);
    /* What was given up may have been under way (RFC 8260 §2.3.1): other messages' fragments were in between. */
    if (message == NULL && id < (is_unordered ? stream->unordered_given : stream->next))
        return reassembly->has_forwarded ? REASSEMBLY_TAKEN : REASSEMBLY_CONTRADICTION;
    if (message != NULL && (message->is_complete || number < message->expected || (message->has_end && (is_end || number > message->end)) ||
                            (is_end && number < message->highest) || splay_find(&message->fragments, number) != NULL))
        return REASSEMBLY_CONTRADICTION;

    bool is_new = message == NULL;
    if (is_new && (message = incoming_message_new(account, data, id)) == NULL)
        return REASSEMBLY_NO_MEMORY;
    if (number != message->expected) {
        incoming_fragment_t *fragment = message->is_too_large ? NULL : incoming_fragment_new(account, data, number);
        if (fragment == NULL && !message->is_too_large) {
            if (is_new)
                incoming_message_free(account, message);
            return REASSEMBLY_NO_MEMORY;
        }
        if (fragment != NULL) {
            splay_insert(&message->fragments, &fragment->node);
            message->fragment_bytes += data->length;
        }
    } else if (!incoming_message_reserve(account, message, data->length + message->fragment_bytes, stream->hint, is_begin && is_end)) {
        if (is_new)
            incoming_message_free(account, message);
        return REASSEMBLY_NO_MEMORY;
    }
    if (is_unordered && id > stream->unordered_seen)
        stream->unordered_seen = id;
    message->count++;
    if (is_begin)
        message->payload_protocol = data->payload_protocol;
    if (number > message->highest)
        message->highest = number;
    if (is_end) {
        message->has_end = true;
        message->end = number;
    }
    if (number == message->expected) {
        incoming_message_append(account, message, data->data, data->length);
        message->expected++;
        for (splay_node_t *node; (node = splay_find(&message->fragments, message->expected)) != NULL; message->expected++) {
            incoming_fragment_t *fragment = (incoming_fragment_t *)node;
            splay_remove(&message->fragments, node);
            message->fragment_bytes -= fragment->length;
            incoming_message_append(account, message, fragment->data, fragment->length);
            incoming_fragment_free(account, fragment);
        }
    }
    /* Of one that is too large the fragments are only counted. */
    if (message->has_end && message->count == (uint64_t)message->end + 1)
        return on_end(reassembly, stream, message, !is_new);
    if (is_new) {
        message->node.key = id;
        splay_insert(tree, &message->node);
    }
    on_progress(reassembly, stream, message);
    return REASSEMBLY_TAKEN;
}

/* ---- all of it ---- */

reassembly_result_t reassembly_take(reassembly_t *reassembly, uint64_t tsn, const sctp_data_t *data)
{
    incoming_stream_t *stream = get_stream(reassembly, data->stream);
    if (stream == NULL)
        return REASSEMBLY_NO_MEMORY;
    return reassembly->is_interleaved ? take_interleaved(reassembly, stream, data) : take_data(reassembly, stream, tsn, data);
}

bool reassembly_advance(reassembly_t *reassembly, uint64_t cumulative)
{
    reassembly->cumulative = cumulative;
    splay_node_t *node = splay_first(&reassembly->begun);
    if (node != NULL && node->key <= cumulative)
        return false; /* another message follows one without an end */
    while ((node = splay_first(&reassembly->orphans)) != NULL && node->key <= cumulative) {
        if (node->key != reassembly->given_next)
            return false; /* a message without a beginning */
        reassembly->given_next = (((incoming_fragment_t *)node)->flags & SCTP_DATA_END) != 0 ? 0 : node->key + 1;
        splay_remove(&reassembly->orphans, node);
        incoming_fragment_free(&reassembly->account, (incoming_fragment_t *)node);
    }
    return true;
}

bool reassembly_has_stream(reassembly_t *reassembly, uint16_t stream)
{
    return get_stream(reassembly, stream) != NULL;
}

static void give_up_begun(reassembly_t *reassembly, splay_node_t *node)
{
    incoming_message_t *message = (incoming_message_t *)node;
    splay_remove(&reassembly->begun, node);
    give_up(reassembly, find_stream(reassembly, message->stream), message);
}

void reassembly_give_up(reassembly_t *reassembly, uint64_t cumulative)
{
    reassembly->has_forwarded = true;
    for (splay_node_t *node; (node = splay_first(&reassembly->begun)) != NULL && node->key <= cumulative;)
        give_up_begun(reassembly, node);
    for (splay_node_t *node; (node = splay_first(&reassembly->orphans)) != NULL && node->key <= cumulative;) {
        splay_remove(&reassembly->orphans, node);
        incoming_fragment_free(&reassembly->account, (incoming_fragment_t *)node);
    }
    reassembly->given_next = cumulative + 1;
}

void reassembly_skip(reassembly_t *reassembly, const sctp_forward_stream_t *skipped)
{
    incoming_stream_t *stream = find_stream(reassembly, skipped->stream);
    splay_t *tree = skipped->is_unordered ? &stream->unordered : &stream->ordered;
    uint64_t reference = skipped->is_unordered ? stream->unordered_seen : stream->next;
    uint64_t last = unwrap(reference, skipped->message_id, !reassembly->is_interleaved);
    if (skipped->is_unordered) {
        if (last > stream->unordered_seen)
            stream->unordered_seen = last;
        if (last >= stream->unordered_given)
            stream->unordered_given = last + 1;
    } else if (last < stream->next) {
        return;
    } else {
        stream->next = last + 1;
    }
    /* What is complete is delivered, the rest of them given up. */
    for (splay_node_t *node; (node = splay_first(tree)) != NULL && node->key <= last;) {
        incoming_message_t *message = (incoming_message_t *)node;
        splay_remove(tree, node);
        if (message->is_complete)
            deliver(reassembly, stream, message);
        else
            give_up(reassembly, stream, message);
    }
    /* A message of which all that was sent has come: its next fragment would have been sent now. */
    splay_node_t *node = splay_find(&reassembly->begun, reassembly->given_next);
    if (node != NULL && ((incoming_message_t *)node)->stream == skipped->stream && !((incoming_message_t *)node)->is_unordered &&
        ((incoming_message_t *)node)->id <= last)
        give_up_begun(reassembly, node);
    if (!skipped->is_unordered)
        release(reassembly, stream);
}

static void dequeue(reassembly_t *reassembly, incoming_message_t *message)
{
    reassembly->first_ready = message->next;
    message->is_queued = false;
    if (!message->is_tracked)
        incoming_message_free(&reassembly->account, message);
}

static bool tell(reassembly_t *reassembly, incoming_message_t *message, sctp_association_event_t *event)
{
    if (message->is_too_large && !message->is_too_large_told && message->is_told) {
        event->type = SCTP_ASSOCIATION_PART_LOST;
        message->is_told = false; /* next it is said why */
        return true;
    }
    if (message->is_too_large) {
        event->type = SCTP_ASSOCIATION_TOO_LARGE;
        bool is_new = !message->is_too_large_told;
        message->is_too_large_told = true;
        dequeue(reassembly, message);
        return is_new;
    }
    if (message->is_lost) {
        event->type = SCTP_ASSOCIATION_PART_LOST;
        bool is_told = message->is_told;
        dequeue(reassembly, message);
        return is_told;
    }
    event->type = message->is_streamed ? SCTP_ASSOCIATION_PART : SCTP_ASSOCIATION_MESSAGE;
    event->message = incoming_message_take(&reassembly->account, message);
    event->payload_protocol = message->payload_protocol;
    event->is_first = !message->is_told;
    event->is_last = message->is_complete;
    message->is_told = true;
    if (message->is_streamed)
        find_stream(reassembly, message->stream)->hint = event->message->length;
    dequeue(reassembly, message);
    return true;
}

bool reassembly_poll(reassembly_t *reassembly, sctp_association_event_t *event)
{
    while (reassembly->first_ready != NULL) {
        *event = (sctp_association_event_t){.stream = reassembly->first_ready->stream};
        if (tell(reassembly, reassembly->first_ready, event))
            return true;
    }
    return false;
}

bool reassembly_set_streaming(reassembly_t *reassembly, uint16_t id, size_t threshold)
{
    incoming_stream_t *stream = get_stream(reassembly, id);
    if (stream != NULL)
        stream->threshold = threshold;
    return stream != NULL;
}

static void give_up_all(reassembly_t *reassembly, incoming_stream_t *stream, splay_t *tree)
{
    for (splay_node_t *node; (node = splay_first(tree)) != NULL;) {
        splay_remove(tree, node);
        give_up(reassembly, stream, (incoming_message_t *)node);
    }
}

static void reset(reassembly_t *reassembly, incoming_stream_t *stream)
{
    give_up_all(reassembly, stream, &stream->ordered);
    give_up_all(reassembly, stream, &stream->unordered);
    begin_stream(stream);
}

/* The message under way at the cumulative TSN; what lies beyond that was sent after the reset. */
static incoming_message_t *find_interrupted(reassembly_t *reassembly)
{
    return (incoming_message_t *)splay_find(&reassembly->begun, reassembly->cumulative + 1);
}

void reassembly_reset_stream(reassembly_t *reassembly, uint16_t id)
{
    incoming_stream_t *stream = find_stream(reassembly, id);
    incoming_message_t *message = find_interrupted(reassembly);
    if (stream == NULL)
        return;
    if (message != NULL && message->stream == id)
        give_up_begun(reassembly, &message->node);
    reset(reassembly, stream);
}

/* The cost is that of what was used since the last time: a request for it is small, and may come again and again. */
void reassembly_reset_all(reassembly_t *reassembly)
{
    incoming_message_t *message = find_interrupted(reassembly);
    if (message != NULL)
        give_up_begun(reassembly, &message->node);
    for (size_t i = 0; i < reassembly->page_count; i++) {
        incoming_page_t *page = reassembly->pages[i];
        for (size_t j = 0; page != NULL && page->is_touched && j < INCOMING_PAGE; j++)
            reset(reassembly, &page->streams[j]);
        if (page != NULL)
            page->is_touched = false;
    }
}

void reassembly_start(reassembly_t *reassembly, uint64_t cumulative, bool is_interleaved)
{
    reassembly_reset_all(reassembly);
    for (splay_node_t *node; (node = splay_first(&reassembly->begun)) != NULL;)
        give_up_begun(reassembly, node);
    incoming_fragments_free(&reassembly->account, &reassembly->orphans);
    reassembly->cumulative = cumulative;
    reassembly->is_interleaved = is_interleaved;
    reassembly->has_forwarded = false;
    reassembly->given_next = 0;
}
