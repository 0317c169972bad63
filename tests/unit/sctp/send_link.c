#include "send_link.h"

#include "test.h"

#include <stdlib.h>

#define DUPLICATES 16

typedef struct flying {
    peer_time_t at;
    uint64_t order;
    bool is_back;
    size_t length;
    uint8_t *bytes;
} flying_t;

typedef struct feed {
    sctp_message_info_t info;
    size_t length, queued;
} feed_t;

struct send_link {
    send_link_config_t config;
    sctp_sender_t *sender;
    random_seeded_t generator;
    random_source_t random;
    peer_time_t now;
    flying_t *heap;
    size_t heap_count, heap_capacity;
    uint64_t orders;
    peer_time_t free_at; /* the link's transmitter */
    size_t largest;
    /* receiver */
    send_link_chunk_t *chunks;
    size_t chunk_count, chunk_capacity;
    uint32_t cumulative;
    size_t highest; /* chunks known of */
    uint32_t duplicates[DUPLICATES];
    size_t duplicate_count;
    size_t held;
    unsigned packets;
    peer_time_t acknowledge_at;
    /* application */
    send_link_message_t *messages;
    uint32_t message_count;
    feed_t feeds[64];
    size_t feed_count;
    uint64_t received[65536];
    uint64_t taken;
    uint64_t wire_chunks;
    unsigned idle_turns; /* timeouts at one time */
    peer_time_t timeout_at;
};

static double chance(send_link_t *link)
{
    return (double)(random_seeded_next(&link->generator) >> 11) / (double)(UINT64_C(1) << 53);
}

/* ---- what is under way ---- */

static bool is_before(const flying_t *a, const flying_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(send_link_t *link, flying_t item)
{
    if (link->heap_count == link->heap_capacity) {
        link->heap_capacity = link->heap_capacity > 0 ? 2 * link->heap_capacity : 256;
        link->heap = realloc(link->heap, link->heap_capacity * sizeof *link->heap);
        CHECK(link->heap != NULL);
    }
    item.order = link->orders++;
    size_t i = link->heap_count++;
    for (; i > 0 && is_before(&item, &link->heap[(i - 1) / 2]); i = (i - 1) / 2)
        link->heap[i] = link->heap[(i - 1) / 2];
    link->heap[i] = item;
}

static flying_t heap_pop(send_link_t *link)
{
    flying_t top = link->heap[0], last = link->heap[--link->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= link->heap_count)
            break;
        if (child + 1 < link->heap_count && is_before(&link->heap[child + 1], &link->heap[child]))
            child++;
        if (!is_before(&link->heap[child], &last))
            break;
        link->heap[i] = link->heap[child];
        i = child;
    }
    link->heap[i] = last;
    return top;
}

static void launch(send_link_t *link, peer_time_t at, bool is_back, const uint8_t *bytes, size_t length)
{
    flying_t item = {.at = at, .is_back = is_back, .length = length, .bytes = malloc(length)};
    CHECK(item.bytes != NULL);
    memcpy(item.bytes, bytes, length);
    heap_push(link, item);
}

/* ---- the receiver ---- */

static send_link_chunk_t *chunk_of(send_link_t *link, uint32_t tsn)
{
    size_t index = tsn - SEND_LINK_TSN;
    CHECK(index < 100000000);
    if (index >= link->chunk_capacity) {
        size_t capacity = link->chunk_capacity > 0 ? link->chunk_capacity : 1024;
        while (capacity <= index)
            capacity *= 2;
        link->chunks = realloc(link->chunks, capacity * sizeof *link->chunks);
        CHECK(link->chunks != NULL);
        memset(link->chunks + link->chunk_capacity, 0, (capacity - link->chunk_capacity) * sizeof *link->chunks);
        link->chunk_capacity = capacity;
    }
    if (index >= link->chunk_count)
        link->chunk_count = index + 1;
    return &link->chunks[index];
}

static bool is_there(const send_link_t *link, uint32_t tsn)
{
    size_t index = tsn - SEND_LINK_TSN;
    return index < link->chunk_count && (link->chunks[index].is_held || link->chunks[index].is_skipped);
}

static void advance(send_link_t *link)
{
    while (is_there(link, link->cumulative + 1)) {
        link->cumulative++;
        send_link_chunk_t *chunk = chunk_of(link, link->cumulative);
        if (chunk->is_held)
            link->held -= chunk->length;
    }
}

static void acknowledge(send_link_t *link)
{
    uint8_t bytes[16 + 4 * 300 + 4 * DUPLICATES] = {SCTP_CHUNK_SACK};
    size_t most = link->config.gap_blocks > 0 ? link->config.gap_blocks : 250, gaps = 0;
    uint8_t *p = bytes + 16;
    uint32_t end = SEND_LINK_TSN + (uint32_t)link->highest;
    if (sctp_tsn_before(end, link->cumulative + 1))
        end = link->cumulative + 1;
    for (uint32_t tsn = link->cumulative + 1; tsn != end && gaps < most && tsn - link->cumulative < 65535;) {
        if (!is_there(link, tsn)) {
            tsn++;
            continue;
        }
        bytes_put_u16(p, (uint16_t)(tsn - link->cumulative));
        while (tsn != end && tsn - link->cumulative < 65535 && is_there(link, tsn))
            tsn++;
        bytes_put_u16(p + 2, (uint16_t)(tsn - link->cumulative - 1));
        p += 4;
        gaps++;
    }
    for (size_t i = 0; i < link->duplicate_count; i++, p += 4)
        bytes_put_u32(p, link->duplicates[i]);
    size_t length = (size_t)(p - bytes);
    bytes_put_u16(bytes + 2, (uint16_t)length);
    bytes_put_u32(bytes + 4, link->cumulative);
    bytes_put_u32(bytes + 8, link->held < link->config.window ? link->config.window - (uint32_t)link->held : 0);
    bytes_put_u16(bytes + 12, (uint16_t)gaps);
    bytes_put_u16(bytes + 14, (uint16_t)link->duplicate_count);
    link->duplicate_count = 0;
    link->packets = 0;
    link->acknowledge_at = PEER_TIME_NEVER;
    if (chance(link) < link->config.acknowledgement_loss)
        return;
    launch(link, link->now + link->config.delay, true, bytes, length);
}

static void judge(send_link_t *link, const sctp_data_t *data, send_link_chunk_t *chunk)
{
    CHECK(data->length > 0);
    CHECK_INT(data->is_interleaved, link->config.is_interleaved);
    uint8_t head[4] = {0};
    memcpy(head, data->data, data->length < 4 ? data->length : 4);
    uint32_t word = bytes_get_u32(head);
    if (chunk->transmissions > 0) {
        CHECK_INT(chunk->length, data->length);
        CHECK_INT(chunk->stream, data->stream);
        CHECK_INT(chunk->flags, data->flags & 7);
        CHECK(data->length < 4 || chunk->message == word >> 18);
        return;
    }
    chunk->stream = data->stream;
    chunk->flags = data->flags & 7;
    chunk->message_id = data->message_id;
    chunk->fragment = data->fragment;
    chunk->length = data->length;
    chunk->message = word >> 18;
    chunk->offset = (size_t)(word & 0x3ffff) * 4;
    CHECK(chunk->message < link->message_count);
    const send_link_message_t *message = &link->messages[chunk->message];
    CHECK_INT(message->info.stream, data->stream);
    CHECK_INT(message->info.is_unordered, (data->flags & SCTP_DATA_UNORDERED) != 0);
    CHECK_INT(chunk->offset == 0, (data->flags & SCTP_DATA_BEGIN) != 0);
    CHECK_INT(chunk->offset + chunk->length == message->length, (data->flags & SCTP_DATA_END) != 0);
    CHECK(!data->is_interleaved || (data->flags & SCTP_DATA_BEGIN) == 0 || data->payload_protocol == message->info.payload_protocol);
    for (size_t i = 0; i + 4 <= data->length; i += 4)
        CHECK_INT(bytes_get_u32(data->data + i), word + i / 4);
}

/* On the wire, before it is known whether it arrives. */
static void watch(send_link_t *link, const uint8_t *bytes, size_t length)
{
    reader_t reader;
    sctp_chunk_t piece;
    reader_init(&reader, bytes, length);
    while (sctp_chunk_read(&reader, &piece)) {
        sctp_data_t data;
        if (piece.type != SCTP_CHUNK_DATA && piece.type != SCTP_CHUNK_I_DATA)
            continue;
        CHECK(sctp_data_parse(&piece, &data));
        send_link_chunk_t *chunk = chunk_of(link, data.tsn);
        judge(link, &data, chunk);
        link->wire_chunks++;
        send_link_message_t *message = &link->messages[chunk->message];
        chunk->last_sent = message->last_sent = link->now;
        message->is_begun = true;
        if (chunk->transmissions++ == 0)
            chunk->first_sent = link->now;
        if (chunk->transmissions > message->most_transmissions)
            message->most_transmissions = chunk->transmissions;
    }
    CHECK(!reader.failed);
}

static bool take_data(send_link_t *link, const sctp_data_t *data)
{
    bool is_new = !is_there(link, data->tsn) && sctp_tsn_before(link->cumulative, data->tsn);
    if (!is_new) {
        if (link->duplicate_count < DUPLICATES)
            link->duplicates[link->duplicate_count++] = data->tsn;
        return true;
    }
    bool fills_hole = data->tsn - SEND_LINK_TSN < link->highest;
    if (!fills_hole && link->held + data->length > link->config.window && data->tsn != link->cumulative + 1)
        return true;
    send_link_chunk_t *chunk = chunk_of(link, data->tsn);
    chunk->is_held = true;
    link->held += data->length;
    link->messages[chunk->message].received += data->length;
    link->received[data->stream] += data->length;
    if (data->tsn - SEND_LINK_TSN >= link->highest)
        link->highest = data->tsn - SEND_LINK_TSN + 1;
    bool is_in_order = data->tsn == link->cumulative + 1;
    advance(link);
    return !is_in_order || (data->flags & SCTP_DATA_IMMEDIATE) != 0 || link->held > 0;
}

static void take_forward(send_link_t *link, const sctp_chunk_t *piece)
{
    sctp_forward_t forward;
    sctp_forward_stream_t stream;
    CHECK(sctp_forward_parse(piece, &forward));
    CHECK_INT(forward.is_interleaved, link->config.is_interleaved);
    CHECK(!link->config.has_no_forward);
    unsigned listed = 0;
    while (sctp_forward_read(&forward, &stream))
        listed++;
    unsigned numbered = 0;
    while (sctp_tsn_before(link->cumulative, forward.cumulative)) {
        send_link_chunk_t *chunk = chunk_of(link, link->cumulative + 1);
        if (!chunk->is_held) {
            chunk->is_skipped = true;
            if (chunk->transmissions > 0)
                link->messages[chunk->message].is_skipped = true;
            numbered += chunk->transmissions > 0 && (link->config.is_interleaved || (chunk->flags & SCTP_DATA_UNORDERED) == 0);
        }
        advance(link);
    }
    CHECK(numbered == 0 || listed > 0);
}

static void renege(send_link_t *link)
{
    for (size_t i = link->cumulative - SEND_LINK_TSN + 1; i < link->chunk_count; i++) {
        send_link_chunk_t *chunk = &link->chunks[i];
        if (!chunk->is_held)
            continue;
        chunk->is_held = false;
        link->held -= chunk->length;
        link->messages[chunk->message].received -= chunk->length;
        link->received[chunk->stream] -= chunk->length;
    }
    link->highest = link->cumulative - SEND_LINK_TSN + 1;
}

static void receive(send_link_t *link, const uint8_t *bytes, size_t length)
{
    reader_t reader;
    sctp_chunk_t piece;
    bool is_urgent = false;
    reader_init(&reader, bytes, length);
    while (sctp_chunk_read(&reader, &piece)) {
        sctp_data_t data;
        if (piece.type == SCTP_CHUNK_FORWARD_TSN || piece.type == SCTP_CHUNK_I_FORWARD_TSN) {
            take_forward(link, &piece);
            is_urgent = true;
        } else if (sctp_data_parse(&piece, &data)) {
            is_urgent = take_data(link, &data) || is_urgent;
        }
    }
    if (link->config.is_reneging && link->held > 0 && chance(link) < 0.01)
        renege(link);
    link->packets++;
    if (is_urgent || link->packets >= 2)
        acknowledge(link);
    else if (link->acknowledge_at == PEER_TIME_NEVER)
        link->acknowledge_at = link->now + link->config.acknowledgement_delay;
}

/* ---- the link ---- */

static void transmit(send_link_t *link, const uint8_t *bytes, size_t length)
{
    const send_link_config_t *c = &link->config;
    watch(link, bytes, length);
    size_t size = length + SCTP_COMMON_HEADER_SIZE;
    if (chance(link) < c->loss || (link->largest > 0 && size > link->largest))
        return;
    peer_time_t start = link->free_at > link->now ? link->free_at : link->now;
    peer_time_t at = start;
    if (c->rate > 0) {
        size_t waiting = (size_t)((uint64_t)(start - link->now) * c->rate / 8000000u);
        if (c->queue > 0 && waiting + size > c->queue)
            return;
        at = start + (peer_time_t)((size * 8000000u + c->rate - 1) / c->rate);
        link->free_at = at;
    }
    at += c->delay;
    if (chance(link) < c->reordering)
        at += (peer_time_t)(chance(link) * (double)c->reordering_delay);
    launch(link, at, false, bytes, length);
    if (chance(link) < c->duplication)
        launch(link, at + 50, false, bytes, length);
}

static void feed(send_link_t *link)
{
    for (size_t i = 0; i < link->feed_count; i++)
        while (sctp_sender_queued(link->sender, link->feeds[i].info.stream) < link->feeds[i].queued)
            send_link_queue(link, &link->feeds[i].info, link->feeds[i].length);
}

static void write_out(send_link_t *link)
{
    static uint8_t bytes[SEND_LINK_PACKET];
    feed(link);
    while (sctp_sender_can_write(link->sender, link->now)) {
        size_t room = sctp_sender_needed_room(link->sender);
        size_t usual = (link->config.mtu - SCTP_COMMON_HEADER_SIZE) & ~(size_t)3;
        bool may_fragment;
        writer_t writer;
        writer_init(&writer, bytes, room > usual ? room : usual);
        if (!sctp_sender_write(link->sender, link->now, &writer, &may_fragment)) {
            /* All that was due has expired, or could not be noted: then it is not due any more. */
            CHECK(!sctp_sender_can_write(link->sender, link->now));
            break;
        }
        CHECK(!writer.failed);
        CHECK(writer.length % 4 == 0);
        CHECK(writer.length <= usual || may_fragment);
        sctp_sender_on_packet(link->sender, link->now, writer.length + SCTP_COMMON_HEADER_SIZE);
        transmit(link, bytes, writer.length);
        feed(link);
    }
}

static void hear(send_link_t *link, const uint8_t *bytes, size_t length)
{
    reader_t reader;
    sctp_chunk_t piece;
    sctp_sack_t sack;
    size_t acknowledged, lost;
    reader_init(&reader, bytes, length);
    CHECK(sctp_chunk_read(&reader, &piece));
    CHECK(sctp_sack_parse(&piece, &sack));
    CHECK(sctp_sender_on_sack(link->sender, link->now, &sack, &acknowledged, &lost));
}

static bool is_over(const send_link_t *link)
{
    return link->feed_count == 0 && sctp_sender_total_queued(link->sender) == 0 &&
           link->cumulative + 1 == sctp_sender_next_tsn(link->sender) && link->heap_count == 0 &&
           sctp_sender_deadline(link->sender, link->now) == PEER_TIME_NEVER;
}

bool send_link_run(send_link_t *link, peer_time_t until)
{
    while (link->now < until) {
        write_out(link);
        if (is_over(link))
            return true;
        peer_time_t deadline = sctp_sender_deadline(link->sender, link->now);
        /* Neither a stall nor a busy loop. */
        CHECK(deadline != PEER_TIME_NEVER || (sctp_sender_in_flight(link->sender) == 0 && sctp_sender_total_queued(link->sender) == 0) ||
              !link->config.window);
        peer_time_t next = time_earlier(deadline, link->acknowledge_at);
        if (link->heap_count > 0)
            next = time_earlier(next, link->heap[0].at);
        if (next > until) {
            link->now = until;
            break;
        }
        if (next > link->now)
            link->now = next;
        if (link->heap_count > 0 && link->heap[0].at <= link->now) {
            flying_t item = heap_pop(link);
            if (item.is_back)
                hear(link, item.bytes, item.length);
            else
                receive(link, item.bytes, item.length);
            free(item.bytes);
        } else if (link->acknowledge_at <= link->now) {
            acknowledge(link);
        } else {
            size_t lost;
            sctp_sender_timeout(link->sender, link->now, &lost);
            link->idle_turns = link->now == link->timeout_at ? link->idle_turns + 1 : 0;
            link->timeout_at = link->now;
            if (link->idle_turns >= 10)
                test_fail(__FILE__, __LINE__, "a busy loop, seed %llu", (unsigned long long)link->config.seed);
        }
    }
    return is_over(link);
}

/* ---- around ---- */

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    (void)stream;
    ((send_link_t *)context)->taken += bytes;
}

send_link_t *send_link_new(const send_link_config_t *config)
{
    send_link_t *link = calloc(1, sizeof *link);
    CHECK(link != NULL);
    link->config = *config;
    if (link->config.window == 0)
        link->config.window = 32u << 20;
    if (link->config.mtu == 0)
        link->config.mtu = 1200;
    random_seeded_init(&link->generator, config->seed);
    link->random = random_seeded_source(&link->generator);
    link->messages = calloc(SEND_LINK_MESSAGES, sizeof *link->messages);
    link->cumulative = SEND_LINK_TSN - 1;
    link->acknowledge_at = PEER_TIME_NEVER;
    link->now = 1000000;
    sctp_sender_config_t sender = {.initial_tsn = SEND_LINK_TSN, .mtu = link->config.mtu, .on_taken = on_taken, .context = link};
    link->sender = sctp_sender_new(&sender);
    CHECK(link->messages != NULL && link->sender != NULL);
    sctp_sender_start(link->sender, link->now, link->config.window, config->is_interleaved, !config->has_no_forward);
    return link;
}

void send_link_free(send_link_t *link)
{
    while (link->heap_count > 0)
        free(heap_pop(link).bytes);
    sctp_sender_free(link->sender);
    free(link->heap);
    free(link->chunks);
    free(link->messages);
    free(link);
}

sctp_sender_t *send_link_sender(send_link_t *link)
{
    return link->sender;
}

peer_time_t send_link_now(const send_link_t *link)
{
    return link->now;
}

uint32_t send_link_queue(send_link_t *link, const sctp_message_info_t *info, size_t length)
{
    CHECK(length % 4 == 0 && length <= 1u << 20);
    uint32_t number = link->message_count++ % SEND_LINK_MESSAGES;
    send_link_message_t *message = &link->messages[number];
    *message = (send_link_message_t){.info = *info, .length = length, .queued_at = link->now};
    blob_t *blob = blob_new(length + 3);
    CHECK(blob != NULL);
    for (size_t i = 0; i < length; i += 4)
        bytes_put_u32(blob->data + i, number << 18 | (uint32_t)(i / 4));
    blob->length = length;
    CHECK_INT(sctp_sender_queue(link->sender, link->now, info, blob), 0);
    return number;
}

const send_link_message_t *send_link_message(const send_link_t *link, uint32_t message)
{
    return &link->messages[message];
}

void send_link_feed(send_link_t *link, const sctp_message_info_t *info, size_t length, size_t queued)
{
    if (queued == 0) {
        link->feed_count = 0;
        return;
    }
    CHECK(link->feed_count < sizeof link->feeds / sizeof *link->feeds);
    link->feeds[link->feed_count++] = (feed_t){*info, length, queued};
}

uint64_t send_link_received(const send_link_t *link, uint16_t stream)
{
    return link->received[stream];
}

uint64_t send_link_taken(const send_link_t *link)
{
    return link->taken;
}

void send_link_set_loss(send_link_t *link, double loss, double acknowledgement_loss)
{
    link->config.loss = loss;
    link->config.acknowledgement_loss = acknowledgement_loss;
}

void send_link_set_delay(send_link_t *link, peer_time_t delay)
{
    link->config.delay = delay;
}

void send_link_drop_larger(send_link_t *link, size_t size)
{
    link->largest = size;
}

uint64_t send_link_wire_chunks(const send_link_t *link)
{
    return link->wire_chunks;
}

void send_link_check(send_link_t *link, bool is_all_there)
{
    static uint32_t next_ordered[65536];
    memset(next_ordered, 0, sizeof next_ordered);
    const send_link_chunk_t *before = NULL;
    for (size_t i = 0; i < link->chunk_count; i++) {
        const send_link_chunk_t *chunk = &link->chunks[i];
        if (is_all_there)
            CHECK(chunk->is_held);
        if (chunk->transmissions == 0) {
            before = NULL;
            continue;
        }
        if (!link->config.is_interleaved && before != NULL) {
            bool is_same = before->message == chunk->message && (before->flags & SCTP_DATA_END) == 0;
            CHECK((chunk->flags & SCTP_DATA_BEGIN) != 0 || is_same);
            CHECK((before->flags & SCTP_DATA_END) == 0 || (chunk->flags & SCTP_DATA_BEGIN) != 0);
            CHECK(!is_same || chunk->offset == before->offset + before->length);
        }
        if ((chunk->flags & (SCTP_DATA_BEGIN | SCTP_DATA_UNORDERED)) == SCTP_DATA_BEGIN) {
            uint32_t mask = link->config.is_interleaved ? UINT32_MAX : UINT16_MAX;
            CHECK_INT(chunk->message_id, next_ordered[chunk->stream]++ & mask);
        }
        before = chunk;
    }
    if (!is_all_there || link->message_count > SEND_LINK_MESSAGES)
        return;
    for (uint32_t i = 0; i < link->message_count; i++)
        CHECK_INT(link->messages[i].received, link->messages[i].length);
}
