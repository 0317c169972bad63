/* The receiving half against a model: random messages, fragmented, interleaved, lost, doubled and out of order, some given up; and what it
 * acknowledges against a plain table of what came. */
#include "base/memory.h"
#include "base/random.h"
#include "receiver_support.h"
#include "test.h"

#include <stdlib.h>

#define STREAMS 12
#define MESSAGES 400
#define REACH 200 /* TSNs in flight */
#define MAX_CHUNKS (MESSAGES * 40)

typedef struct model_message {
    uint16_t stream;
    uint32_t id, next_fragment, fragments;
    size_t length, sent;
    bool is_unordered, is_given_up, is_told, is_lost;
    size_t told; /* bytes, in parts */
} model_message_t;

typedef struct model_chunk {
    unsigned message;
    size_t offset, length;
    uint32_t fragment;
    uint8_t flags;
    bool has_come;
} model_chunk_t;

typedef struct model {
    random_seeded_t generator;
    random_source_t random;
    bool is_interleaved, has_giving_up, has_no_memory, is_streaming;
    model_message_t messages[MESSAGES];
    model_chunk_t chunks[MAX_CHUNKS];
    uint32_t chunk_count, cumulative; /* chunks below it have come, or were given up */
    unsigned next_told[STREAMS];      /* message from which on the next ordered one is looked for */
    unsigned streamed[STREAMS];       /* message + 1 */
    sctp_receiver_t *receiver;
} model_t;

static uint8_t byte_at(unsigned message, size_t offset)
{
    return (uint8_t)(message * 131 + offset * 7 + (offset >> 8));
}

static uint32_t below(model_t *model, uint32_t limit)
{
    return random_below(&model->random, limit);
}

/* Messages are cut one after the other, or, interleaved, several at a time, but of one stream one after the other. */
static void cut(model_t *model)
{
    uint32_t ordered[STREAMS] = {0}, unordered[STREAMS] = {0};
    unsigned open[4], open_count = 0, next = 0;
    while (next < MESSAGES || open_count > 0) {
        if (next < MESSAGES && open_count < (model->is_interleaved ? 4 : 1)) {
            model_message_t *message = &model->messages[next];
            message->stream = (uint16_t)below(model, STREAMS);
            bool is_busy = false;
            for (unsigned i = 0; i < open_count; i++)
                is_busy |= model->messages[open[i]].stream == message->stream;
            if (!is_busy) {
                message->is_unordered = below(model, 3) == 0;
                message->id = message->is_unordered ? unordered[message->stream]++ : ordered[message->stream]++;
                message->length = 1 + below(model, below(model, 4) == 0 ? 20000 : 1500);
                open[open_count++] = next++;
            }
        }
        unsigned at = below(model, open_count), index = open[at];
        model_message_t *message = &model->messages[index];
        size_t length = 1 + below(model, 1400), left = message->length - message->sent;
        if (message->next_fragment > 30 || length > left)
            length = left;
        CHECK(model->chunk_count < MAX_CHUNKS);
        model->chunks[model->chunk_count++] =
            (model_chunk_t){.message = index,
                            .offset = message->sent,
                            .length = length,
                            .fragment = message->next_fragment++,
                            .flags = (uint8_t)((message->sent == 0 ? B : 0) | (length == left ? E : 0) | (message->is_unordered ? U : 0))};
        message->sent += length;
        if (message->sent == message->length)
            open[at] = open[--open_count];
    }
}

static void give(model_t *model, uint32_t tsn)
{
    model_chunk_t *chunk = &model->chunks[tsn];
    const model_message_t *message = &model->messages[chunk->message];
    uint8_t bytes[32768];
    for (size_t i = 0; i < chunk->length; i++)
        bytes[i] = byte_at(chunk->message, chunk->offset + i);
    sctp_data_t data = {.tsn = FIRST_TSN + tsn,
                        .stream = message->stream,
                        .message_id = model->is_interleaved || !message->is_unordered ? message->id : below(model, 65536),
                        .fragment = chunk->fragment,
                        .payload_protocol = (chunk->flags & B) != 0 || !model->is_interleaved ? chunk->message : 0,
                        .flags = chunk->flags,
                        .is_interleaved = model->is_interleaved,
                        .data = bytes,
                        .length = chunk->length};
    if (model->has_no_memory)
        memory_fail_nth(1 + below(model, 4));
    CHECK_INT(sctp_receiver_on_data(model->receiver, 0, &data), SCTP_RECEIVER_OK);
    memory_fail_nth(0);
    sctp_receiver_on_packet_end(model->receiver, 0);
    if (!model->has_no_memory)
        chunk->has_come = true;
}

static bool is_done(const model_t *model, uint32_t tsn)
{
    return model->chunks[tsn].has_come || model->messages[model->chunks[tsn].message].is_given_up;
}

/* RFC 3758 §3.5: the point up to which all has come or was given up, and what of it was given up. */
static void forward(model_t *model)
{
    uint32_t point = model->cumulative;
    sctp_forward_stream_t skipped[2 * STREAMS];
    size_t count = 0;
    for (; point < model->chunk_count && is_done(model, point); point++) {
        const model_message_t *message = &model->messages[model->chunks[point].message];
        if (model->chunks[point].has_come || (message->is_unordered && !model->is_interleaved))
            continue;
        size_t i = 0;
        while (i < count && (skipped[i].stream != message->stream || skipped[i].is_unordered != message->is_unordered))
            i++;
        skipped[i] = (sctp_forward_stream_t){.stream = message->stream, .is_unordered = message->is_unordered, .message_id = message->id};
        if (i == count)
            count++;
    }
    if (point == model->cumulative)
        return;
    if (model->has_no_memory)
        memory_fail_nth(1 + below(model, 2));
    CHECK_INT(receiver_forward(model->receiver, point - 1, skipped, count, model->is_interleaved), SCTP_RECEIVER_OK);
    memory_fail_nth(0);
}

static void check_bytes(unsigned message, size_t offset, const blob_t *blob)
{
    for (size_t i = 0; i < blob->length; i++)
        if (blob->data[i] != byte_at(message, offset + i))
            test_fail(__FILE__, __LINE__, "byte %zu of message %u is wrong", offset + i, message);
}

/* Of an ordered one: all before it on its stream were told, or given up. */
static void check_order(model_t *model, unsigned index)
{
    uint16_t stream = model->messages[index].stream;
    CHECK(index >= model->next_told[stream]);
    for (unsigned i = model->next_told[stream]; i < index; i++) {
        const model_message_t *before = &model->messages[i];
        if (before->stream == stream && !before->is_unordered && !before->is_told && !before->is_given_up)
            test_fail(__FILE__, __LINE__, "message %u was told before message %u", index, i);
    }
    model->next_told[stream] = index + 1;
}

static void poll(model_t *model)
{
    sctp_association_event_t event;
    while (sctp_receiver_poll(model->receiver, &event)) {
        if (event.type == SCTP_ASSOCIATION_PART_LOST) {
            CHECK(event.stream < STREAMS && model->streamed[event.stream] > 0);
            model_message_t *message = &model->messages[model->streamed[event.stream] - 1];
            CHECK(message->is_given_up && !message->is_told && message->told > 0 && !message->is_lost);
            message->is_lost = true;
            model->streamed[event.stream] = 0;
            continue;
        }
        unsigned index = event.payload_protocol;
        CHECK(index < MESSAGES);
        model_message_t *message = &model->messages[index];
        CHECK(event.stream == message->stream && !message->is_told && !message->is_lost);
        check_bytes(index, message->told, event.message);
        if (!message->is_unordered && message->told == 0)
            check_order(model, index);
        if (event.type == SCTP_ASSOCIATION_PART) {
            CHECK(model->is_streaming && message->length > 3000);
            CHECK(event.is_first ? model->streamed[event.stream] == 0 : model->streamed[event.stream] == index + 1);
            CHECK_INT(event.is_first, message->told == 0);
            model->streamed[event.stream] = event.is_last ? 0 : index + 1;
            message->told += event.message->length;
            message->is_told = event.is_last;
            CHECK_INT(event.is_last, message->told == message->length);
        } else {
            CHECK_INT(event.type, SCTP_ASSOCIATION_MESSAGE);
            CHECK_INT(event.message->length, message->length);
            message->is_told = true;
        }
        sctp_receiver_on_consumed(model->receiver, 0, event.message->length);
        blob_unref(event.message);
    }
}

/* RFC 9260 §3.3.4: the blocks are exactly those of the table, as many as fit. */
static void check_sack(model_t *model)
{
    uint8_t bytes[1200];
    writer_t writer;
    writer_init(&writer, bytes, 16 + below(model, sizeof bytes - 16));
    CHECK(sctp_receiver_write_sack(model->receiver, 0, &writer));
    reader_t reader;
    sctp_chunk_t chunk;
    sctp_sack_t sack;
    reader_init(&reader, bytes, writer.length);
    CHECK(sctp_chunk_read(&reader, &chunk) && sctp_sack_parse(&chunk, &sack));
    uint32_t cumulative = sack.cumulative - FIRST_TSN + 1, tsn = cumulative;
    if (model->has_no_memory || model->has_giving_up) {
        /* the receiver tells what it took, as a sender sees it */
        CHECK(cumulative >= model->cumulative || model->cumulative - cumulative <= REACH);
        for (uint32_t i = model->cumulative; i < cumulative; i++)
            model->chunks[i].has_come = true;
    }
    unsigned count = 0;
    for (uint32_t i = 0; i < cumulative; i++)
        CHECK(is_done(model, i));
    CHECK(model->has_no_memory || tsn == model->chunk_count || !model->chunks[tsn].has_come);
    for (; count < sack.gap_count; count++) {
        uint32_t first = cumulative - 1 + bytes_get_u16(sack.gaps + 4 * count),
                 last = cumulative - 1 + bytes_get_u16(sack.gaps + 4 * count + 2);
        CHECK(first > tsn && last >= first && last < model->chunk_count);
        for (; !model->has_no_memory && tsn < first; tsn++)
            CHECK(!model->chunks[tsn].has_come);
        for (tsn = first; tsn <= last; tsn++) {
            model->chunks[tsn].has_come |= model->has_no_memory;
            CHECK(model->chunks[tsn].has_come);
        }
    }
    if (writer.capacity - writer.length >= 4) /* nothing was left out */
        for (; !model->has_no_memory && tsn < model->chunk_count; tsn++)
            CHECK(!model->chunks[tsn].has_come);
    model->cumulative = cumulative;
}

static void run(uint64_t seed, bool is_interleaved, bool has_giving_up, bool has_no_memory, bool is_streaming)
{
    model_t *model = calloc(1, sizeof *model);
    random_seeded_init(&model->generator, seed);
    model->random = random_seeded_source(&model->generator);
    model->is_interleaved = is_interleaved;
    model->has_giving_up = has_giving_up;
    model->is_streaming = is_streaming;
    model->receiver = receiver_new(1 << 20, 1 << 20, is_interleaved);
    for (uint16_t i = 0; is_streaming && i < STREAMS; i++)
        CHECK(sctp_receiver_set_streaming(model->receiver, i, 3000));
    model->has_no_memory = has_no_memory;
    cut(model);
    unsigned loss = below(model, 40), disorder = 1 + below(model, REACH);
    for (unsigned steps = 0; model->cumulative < model->chunk_count; steps++) {
        if (steps > 1000000)
            test_fail(__FILE__, __LINE__, "seed %llu: it does not end", (unsigned long long)seed);
        for (unsigned i = 0; i < 20; i++) {
            uint32_t tsn = model->cumulative + below(model, disorder);
            if (i == 0)
                tsn = model->cumulative;
            if (tsn >= model->chunk_count || below(model, 100) < loss || (model->chunks[tsn].has_come && below(model, 10) > 0))
                continue;
            /* what was given up is sent no more, though it may be under way */
            if (model->messages[model->chunks[tsn].message].is_given_up && below(model, 4) > 0)
                continue;
            give(model, tsn);
        }
        if (has_giving_up && below(model, 4) == 0) {
            uint32_t tsn = model->cumulative + below(model, REACH);
            model_message_t *message = tsn < model->chunk_count ? &model->messages[model->chunks[tsn].message] : NULL;
            if (message != NULL && !model->chunks[tsn].has_come && !message->is_told)
                message->is_given_up = true;
        }
        if (has_giving_up)
            forward(model);
        if (below(model, 3) == 0)
            poll(model);
        check_sack(model);
    }
    poll(model);
    for (unsigned i = 0; i < MESSAGES; i++) {
        const model_message_t *message = &model->messages[i];
        if (!message->is_told && !message->is_given_up)
            test_fail(__FILE__, __LINE__, "seed %llu: message %u was not told", (unsigned long long)seed, i);
        CHECK(message->is_told || message->told == 0 || message->is_lost);
    }
    CHECK_INT(sctp_receiver_held(model->receiver), 0);
    sctp_receiver_free(model->receiver);
    free(model);
}

TEST(messages_come_whole_once_and_in_order_whatever_the_network_does)
{
    for (uint64_t seed = 0; seed < 60; seed++)
        run(seed, seed & 1, false, false, false);
}

TEST(what_is_given_up_comes_whole_or_not_at_all_and_holds_back_nothing)
{
    for (uint64_t seed = 0; seed < 60; seed++)
        run(seed, seed & 1, true, false, false);
}

TEST(parts_make_the_messages_and_lost_ones_are_told)
{
    for (uint64_t seed = 0; seed < 60; seed++)
        run(seed, seed & 1, seed & 2, false, true);
}

TEST(a_transfer_survives_any_want_of_memory)
{
    for (uint64_t seed = 0; seed < 60; seed++)
        run(seed, seed & 1, seed & 2, true, seed & 4);
}
