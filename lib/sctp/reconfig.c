/* Streams are reset (RFC 6525), our outgoing ones when asked to, one request at a time with as many of them as are ready; messages that are
 * sent on such a stream meanwhile wait here, since they belong behind the reset. What the remote side asks for is answered: its outgoing
 * streams are reset and more of them granted; the rest, which data channels have no use for (RFC 8831 §6.7), is denied. */
#include "sctp/association_private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define STREAMS 65536
#define BITMAP_SIZE (STREAMS / 8)
#define REQUEST_SIZE(count) (SCTP_CHUNK_HEADER_SIZE + 16 + 2 * (count) + 2) /* of a reset of so many streams, padded */
#define REQUEST_MAX 480     /* less than any path carries; usrsctp denies what is longer than 512 bytes */
#define LOOKED_AT_ONCE 1024 /* of the streams that wait: there may be all of them, and each acknowledgement may free one */
#define REQUESTS_AT_ONCE 2  /* RFC 6525 §3.1: parameters in a RE-CONFIG chunk */

static bool add_stream(association_streams_t *streams, uint16_t stream)
{
    if (!memory_reserve((void **)&streams->items, &streams->capacity, streams->count + 1, sizeof *streams->items))
        return false;
    streams->items[streams->count++] = stream;
    return true;
}

static bool has_stream(const association_streams_t *streams, uint16_t stream)
{
    for (size_t i = 0; i < streams->count; i++)
        if (streams->items[i] == stream)
            return true;
    return false;
}

static void free_streams(association_streams_t *streams)
{
    memory_free(streams->items);
    *streams = (association_streams_t){0};
}

static void free_held(association_held_t *held)
{
    while (held != NULL) {
        association_held_t *next = held->next;
        blob_unref(held->message);
        memory_free(held);
        held = next;
    }
}

void reconfig_start(sctp_association_t *a)
{
    a->reconfig.next_sequence = a->local_tsn; /* RFC 6525 §4.1: they begin as the TSNs do */
    a->reconfig.expected = a->offer.initial_tsn;
}

void reconfig_free(sctp_association_t *a)
{
    association_reconfig_t *r = &a->reconfig;
    free_streams(&r->waiting);
    free_streams(&r->asked);
    free_streams(&r->again);
    free_streams(&r->done);
    free_streams(&r->incoming);
    free_streams(&r->deferred);
    free_streams(&r->told);
    for (size_t i = 0; i < r->held.capacity; i++)
        free_held(r->held.entries[i].value);
    map_clear(&r->held);
    memory_free(r->resetting);
}

bool reconfig_is_resetting(const sctp_association_t *a, uint16_t stream)
{
    return a->reconfig.resetting != NULL && (a->reconfig.resetting[stream / 8] & 1u << stream % 8) != 0;
}

bool reconfig_reset(sctp_association_t *a, uint16_t stream)
{
    association_reconfig_t *r = &a->reconfig;
    if (reconfig_is_resetting(a, stream)) {
        /* The remote side may have done what is asked for, and use the stream again, before its answer has come. */
        bool is_another = has_stream(&r->asked, stream) && !has_stream(&r->again, stream);
        return !is_another || add_stream(&r->again, stream);
    }
    if (r->resetting == NULL)
        r->resetting = memory_new(BITMAP_SIZE);
    if (r->resetting == NULL || !add_stream(&r->waiting, stream))
        return false;
    r->resetting[stream / 8] |= (uint8_t)(1u << stream % 8);
    r->may_ask = true;
    return true;
}

int reconfig_hold(sctp_association_t *a, const sctp_message_info_t *info, blob_t *message)
{
    association_held_t *held = MEMORY_NEW(association_held_t), *first = map_get(&a->reconfig.held, info->stream);
    if (held == NULL || (first == NULL && !map_set(&a->reconfig.held, info->stream, held))) {
        memory_free(held);
        return error_no_memory();
    }
    *held = (association_held_t){.last = held, .info = *info, .message = message, .sent_at = a->now};
    if (first == NULL)
        first = held;
    else
        first->last->next = held;
    first->last = held;
    first->bytes += message->length;
    return PEER_OK;
}

size_t reconfig_held(const sctp_association_t *a, uint16_t stream)
{
    const association_held_t *first = map_get(&a->reconfig.held, stream);
    return first != NULL ? first->bytes : 0;
}

static void give_up(sctp_association_t *a, association_held_t *held)
{
    a->config.on_taken(a->config.context, held->info.stream, held->message->length);
}

void reconfig_discard_held(sctp_association_t *a, uint16_t stream)
{
    association_held_t *first = map_remove(&a->reconfig.held, stream);
    for (association_held_t *held = first; held != NULL; held = held->next)
        give_up(a, held);
    free_held(first);
}

static void send_held(sctp_association_t *a, uint16_t stream)
{
    association_held_t *first = map_remove(&a->reconfig.held, stream);
    while (first != NULL) {
        association_held_t *held = first;
        first = held->next;
        if (sctp_sender_queue(a->sender, held->sent_at, &held->info, held->message) < 0) {
            /* What was promised to be sent cannot be: the association is not what it should be any more. */
            blob_unref(held->message);
            memory_free(held);
            free_held(first);
            association_abort(a, SCTP_CAUSE_OUT_OF_RESOURCE, "out of memory");
            return;
        }
        memory_free(held);
    }
}

/* The streams of the request that was answered may be used again. Of those that are to be reset once more already nobody waits to hear. */
static void release_asked(sctp_association_t *a)
{
    association_reconfig_t *r = &a->reconfig;
    size_t told = 0;
    for (size_t i = 0; i < r->done.count; i++) {
        uint16_t stream = r->done.items[i];
        send_held(a, stream);
        if (has_stream(&r->again, stream))
            continue;
        r->resetting[stream / 8] &= (uint8_t) ~(1u << stream % 8);
        r->done.items[told++] = stream;
    }
    r->done.count = told;
    if (r->waiting.count == 0 && r->again.count == 0) {
        memory_free(r->resetting);
        r->resetting = NULL;
        free_streams(&r->waiting);
    }
}

void reconfig_prepare(sctp_association_t *a)
{
    association_reconfig_t *r = &a->reconfig;
    if (!r->may_ask || r->asked.count > 0 || r->done.count > 0 || a->phase != ASSOCIATION_ESTABLISHED)
        return;
    while (r->again.count > 0 && add_stream(&r->waiting, r->again.items[r->again.count - 1]))
        r->again.count--;
    uint16_t kept[LOOKED_AT_ONCE];
    size_t most = (REQUEST_MAX - REQUEST_SIZE(0)) / 2, looked = 0, kept_count = 0;
    for (; looked < r->waiting.count && looked < LOOKED_AT_ONCE && r->asked.count < most; looked++) {
        uint16_t stream = r->waiting.items[looked];
        if (!sctp_sender_is_drained(a->sender, stream) || !add_stream(&r->asked, stream))
            kept[kept_count++] = stream;
    }
    size_t left = r->waiting.count - looked;
    r->may_ask = left > 0; /* the others' turn is next */
    if (looked > 0) {
        memmove(r->waiting.items, r->waiting.items + looked, left * sizeof kept[0]);
        memcpy(r->waiting.items + left, kept, kept_count * sizeof kept[0]);
    }
    r->waiting.count = left + kept_count;
    if (r->asked.count == 0)
        return;
    r->last_tsn = sctp_sender_next_tsn(a->sender) - 1;
    r->is_due = true;
    r->interval = association_rto(a);
}

bool reconfig_write(sctp_association_t *a, writer_t *writer)
{
    association_reconfig_t *r = &a->reconfig;
    if (!r->is_due || a->phase != ASSOCIATION_ESTABLISHED || writer_left(writer) < REQUEST_SIZE(r->asked.count))
        return false;
    size_t at = sctp_chunk_begin(writer, SCTP_CHUNK_RE_CONFIG, 0);
    writer_u16(writer, SCTP_PARAMETER_RESET_OUTGOING);
    writer_u16(writer, (uint16_t)(16 + 2 * r->asked.count));
    writer_u32(writer, r->next_sequence);
    writer_u32(writer, r->expected - 1);
    writer_u32(writer, r->last_tsn);
    for (size_t i = 0; i < r->asked.count; i++)
        writer_u16(writer, r->asked.items[i]);
    r->is_due = false;
    r->timer = a->now + r->interval;
    return sctp_chunk_end(writer, at);
}

void reconfig_timeout(sctp_association_t *a)
{
    association_reconfig_t *r = &a->reconfig;
    r->timer = PEER_TIME_NEVER;
    if (r->asked.count == 0)
        return;
    r->is_due = true;
    r->interval = time_earlier(2 * r->interval, ASSOCIATION_TIMER_MAX);
}

static void on_response(sctp_association_t *a, const sctp_reconfig_t *response)
{
    association_reconfig_t *r = &a->reconfig;
    if (r->asked.count == 0 || response->sequence != r->next_sequence)
        return;
    if (response->result == SCTP_RECONFIG_IN_PROGRESS)
        return; /* the timer asks again */
    bool is_done = response->result == SCTP_RECONFIG_PERFORMED || response->result == SCTP_RECONFIG_NOTHING_TO_DO;
    r->next_sequence++;
    r->is_due = false;
    r->timer = PEER_TIME_NEVER;
    r->done_type = is_done ? SCTP_ASSOCIATION_OUTGOING_RESET : SCTP_ASSOCIATION_RESET_REFUSED;
    association_streams_t empty = r->done;
    r->done = r->asked;
    r->asked = empty;
    r->asked.count = 0;
    r->may_ask = true;
    if (is_done)
        for (size_t i = 0; i < r->done.count; i++)
            sctp_sender_reset_stream(a->sender, r->done.items[i]);
    else
        LOG_INFO("sctp", a->config.connection, "a stream reset was refused: result %u", response->result);
    release_asked(a);
}

static bool has_reached(const sctp_association_t *a, uint32_t tsn)
{
    return !sctp_tsn_before(sctp_receiver_cumulative_tsn(a->receiver), tsn);
}

static void perform(sctp_association_t *a, const uint16_t *streams, size_t count)
{
    sctp_receiver_reset_streams(a->receiver, streams, count);
    if (count == 0)
        a->reconfig.is_incoming_all = true;
}

/* Streams of a request, added to a list that holds no more than there are; false: no room, nothing added. */
static bool take_streams(association_streams_t *streams, const sctp_reconfig_t *request)
{
    size_t needed = streams->count + request->stream_count;
    if (needed > STREAMS || !memory_reserve((void **)&streams->items, &streams->capacity, needed, sizeof *streams->items))
        return false;
    for (size_t i = 0; i < request->stream_count; i++)
        streams->items[streams->count++] = bytes_get_u16(request->streams + 2 * i);
    return true;
}

/* A request that was answered with "in progress" and performed since, and that comes once more under the next number: some begin anew when
 * they are told to wait (dcSCTP), though it was the same reset. */
static bool is_repeated(const association_reconfig_t *r, const sctp_reconfig_t *request)
{
    if (!r->was_deferred || request->sequence != r->deferred_sequence + 1 || request->last_tsn != r->deferred_tsn ||
        request->stream_count != r->deferred.count)
        return false;
    for (size_t i = 0; i < request->stream_count; i++)
        if (bytes_get_u16(request->streams + 2 * i) != r->deferred.items[i])
            return false;
    return true;
}

/* RFC 6525 §5.2.2. False: no answer now, the request will come again. */
static bool on_outgoing_reset(sctp_association_t *a, const sctp_reconfig_t *request, uint32_t *result)
{
    association_reconfig_t *r = &a->reconfig;
    for (size_t i = 0; i < request->stream_count; i++)
        if (bytes_get_u16(request->streams + 2 * i) >= a->inbound_streams) {
            *result = SCTP_RECONFIG_WRONG_STREAM;
            return true;
        }
    bool was_performed = is_repeated(r, request);
    if (request->sequence != r->deferred_sequence)
        r->was_deferred = false;
    if (was_performed) {
        *result = SCTP_RECONFIG_PERFORMED;
        return true;
    }
    if (!has_reached(a, request->last_tsn)) {
        /* Data of before the reset is still missing. A remote side that is sure of it asks for one thing at a time. */
        if (r->is_deferred && r->deferred_sequence != request->sequence) {
            r->is_deferred = false;
            r->deferred.count = 0;
        }
        if (!r->is_deferred) {
            r->deferred.count = 0;
            if (!take_streams(&r->deferred, request))
                return false;
            r->is_deferred = true;
            r->deferred_sequence = request->sequence;
            r->deferred_tsn = request->last_tsn;
        }
        *result = SCTP_RECONFIG_IN_PROGRESS;
        return true;
    }
    size_t before = r->incoming.count;
    if (request->stream_count > 0 && !take_streams(&r->incoming, request))
        return false;
    r->is_deferred = false;
    perform(a, request->stream_count > 0 ? r->incoming.items + before : NULL, request->stream_count);
    *result = SCTP_RECONFIG_PERFORMED;
    return true;
}

static void answer(sctp_association_t *a, uint32_t sequence, uint32_t result)
{
    uint8_t bytes[16];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    sctp_reconfig_write(&writer, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESPONSE, .sequence = sequence, .result = result});
    association_add_control(a, SCTP_CHUNK_RE_CONFIG, 0, bytes, writer.length);
}

static bool carry_out(sctp_association_t *a, const sctp_reconfig_t *request, uint32_t *result)
{
    *result = SCTP_RECONFIG_DENIED;
    switch (request->type) {
    case SCTP_PARAMETER_RESET_OUTGOING:
        return on_outgoing_reset(a, request, result);
    case SCTP_PARAMETER_ADD_OUTGOING:
        if (request->count > 0 && request->count <= a->config.max_streams - a->inbound_streams) {
            a->inbound_streams = (uint16_t)(a->inbound_streams + request->count);
            *result = SCTP_RECONFIG_PERFORMED;
        }
        return true;
    default:
        return true;
    }
}

/* RFC 6525 §5.2.1: the next one is carried out, the last ones are answered as before. */
static void on_request(sctp_association_t *a, const sctp_reconfig_t *request)
{
    association_reconfig_t *r = &a->reconfig;
    uint32_t result, age = r->expected - request->sequence;
    if (age == 0) {
        if (!carry_out(a, request, &result))
            return;
        r->expected++;
        r->results[1] = r->results[0];
        r->results[0] = result;
        r->result_count = r->result_count < 2 ? r->result_count + 1 : 2;
    } else if (age <= r->result_count) {
        uint32_t *known = &r->results[age - 1];
        if (*known == SCTP_RECONFIG_IN_PROGRESS && !carry_out(a, request, known))
            return;
        result = *known;
    } else {
        result = SCTP_RECONFIG_BAD_SEQUENCE;
    }
    answer(a, request->sequence, result);
}

void reconfig_on_chunk(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    reader_t reader;
    sctp_parameter_t parameter;
    sctp_reconfig_t reconfig;
    reader_init(&reader, chunk->value, chunk->length);
    for (int i = 0; i < REQUESTS_AT_ONCE && sctp_parameter_read(&reader, &parameter); i++) {
        if (!sctp_reconfig_parse(&parameter, &reconfig))
            return;
        if (reconfig.type == SCTP_PARAMETER_RESPONSE)
            on_response(a, &reconfig);
        else
            on_request(a, &reconfig);
    }
}

void reconfig_on_progress(sctp_association_t *a)
{
    association_reconfig_t *r = &a->reconfig;
    if (!r->is_deferred || !has_reached(a, r->deferred_tsn))
        return;
    uint32_t age = r->expected - r->deferred_sequence;
    size_t needed = r->incoming.count + r->deferred.count;
    if (needed > STREAMS ||
        (r->deferred.count > 0 && !memory_reserve((void **)&r->incoming.items, &r->incoming.capacity, needed, sizeof *r->incoming.items)))
        return; /* tried again with the next packet */
    if (r->deferred.count > 0)
        memcpy(r->incoming.items + r->incoming.count, r->deferred.items, r->deferred.count * sizeof *r->deferred.items);
    perform(a, r->deferred.count > 0 ? r->incoming.items + r->incoming.count : NULL, r->deferred.count);
    r->incoming.count = needed;
    r->is_deferred = false;
    r->was_deferred = true;
    if (age >= 1 && age <= r->result_count && r->results[age - 1] == SCTP_RECONFIG_IN_PROGRESS)
        r->results[age - 1] = SCTP_RECONFIG_PERFORMED;
    answer(a, r->deferred_sequence, SCTP_RECONFIG_PERFORMED);
}

/* Lends a list to the taker of the event, until the next call. */
static void tell(association_reconfig_t *r, association_streams_t *streams, sctp_association_event_t *event)
{
    free_streams(&r->told);
    r->told = *streams;
    *streams = (association_streams_t){0};
    event->streams = r->told.items;
    event->stream_count = r->told.count;
}

bool reconfig_poll(sctp_association_t *a, sctp_association_event_t *event)
{
    association_reconfig_t *r = &a->reconfig;
    *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_INCOMING_RESET};
    if (r->is_incoming_all) {
        r->is_incoming_all = false;
        r->incoming.count = 0;
        return true;
    }
    if (r->incoming.count > 0) {
        tell(r, &r->incoming, event);
        return true;
    }
    if (r->done.count > 0) {
        event->type = r->done_type;
        tell(r, &r->done, event);
        return true;
    }
    free_streams(&r->told);
    return false;
}
