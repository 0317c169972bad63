/* What an association of ours puts on the wire, packet by packet, held against the sentences of RFC 9260, 8260 and 3758 about senders; the
 * other side is ours, or usrsctp. */
#include "association_pair.h"

#include "sctp/chunk.h"

#include <stdlib.h>

#define MTU 1200
#define STREAMS 4
#define MAX_TSNS 20000

static const end_kind_t kinds[][2] = {{END_OURS, END_OURS}, {END_OURS, END_USRSCTP}};

typedef struct stream_state {
    uint32_t next_ordered, next_unordered;
    bool is_open[2], is_open_unordered; /* I-DATA: a message of this kind has begun */
    uint32_t fragment[2];
} stream_state_t;

/* What one end has sent. */
typedef struct sender_state {
    const end_t *end;
    uint32_t own_tag, first_tsn, next_tsn;
    uint16_t source_port;
    bool is_begun, is_in_message, is_unordered;
    uint16_t stream;
    uint32_t message_id, payload_protocol;
    stream_state_t streams[STREAMS];
    unsigned data_chunks, sacks, packets, data_packets, fragments, cookies;
} sender_state_t;

static sender_state_t states[2];

static void check_begin(sender_state_t *state, const sctp_data_t *data)
{
    stream_state_t *stream = &state->streams[data->stream];
    bool is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0;
    uint32_t mask = data->is_interleaved ? UINT32_MAX : UINT16_MAX;
    if (!is_unordered)
        CHECK_INT(data->message_id, stream->next_ordered++ & mask);
    else if (data->is_interleaved)
        CHECK_INT(data->message_id, stream->next_unordered++);
}

/* RFC 9260 §6.5, §6.9: new fragments, in the order of their TSNs. */
static void check_data(sender_state_t *state, const sctp_data_t *data)
{
    bool is_begin = (data->flags & SCTP_DATA_BEGIN) != 0, is_end = (data->flags & SCTP_DATA_END) != 0;
    bool is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0;
    CHECK(data->length > 0 && data->stream < STREAMS);
    CHECK((data->flags & ~0x0f) == 0);
    state->data_chunks++;
    if (sctp_tsn_before(data->tsn, state->next_tsn))
        return; /* sent again */
    CHECK_INT(data->tsn, state->next_tsn);
    state->next_tsn++;
    state->fragments += !is_begin || !is_end;
    if (!data->is_interleaved) {
        CHECK_INT(is_begin, !state->is_in_message);
        if (is_begin)
            check_begin(state, data);
        else /* the same in each fragment */
            CHECK(data->stream == state->stream && is_unordered == state->is_unordered && data->message_id == state->message_id &&
                  data->payload_protocol == state->payload_protocol);
        state->is_in_message = !is_end;
        state->stream = data->stream;
        state->is_unordered = is_unordered;
        state->message_id = data->message_id;
        state->payload_protocol = data->payload_protocol;
        return;
    }
    stream_state_t *stream = &state->streams[data->stream];
    CHECK_INT(is_begin, !stream->is_open[is_unordered]);
    if (is_begin)
        check_begin(state, data);
    else
        CHECK_INT(data->fragment, stream->fragment[is_unordered]);
    stream->fragment[is_unordered] = is_begin ? 1 : stream->fragment[is_unordered] + 1;
    stream->is_open[is_unordered] = !is_end;
}

static void note_init(sender_state_t *state, const sctp_chunk_t *chunk)
{
    sctp_init_t init;
    CHECK(sctp_init_parse(chunk, &init));
    CHECK(init.tag != 0 && init.window >= 1500 && init.outbound_streams > 0 && init.inbound_streams > 0);
    if (state->is_begun) { /* repeated, or as an answer: the same (RFC 9260 §5.2.1) */
        CHECK(init.tag == state->own_tag && init.initial_tsn == state->first_tsn);
        return;
    }
    state->is_begun = true;
    state->own_tag = init.tag;
    state->first_tsn = state->next_tsn = init.initial_tsn;
}

static void check_padding(const uint8_t *packet, size_t length, const sctp_chunk_t *chunk)
{
    size_t end = (size_t)(chunk->value - packet) + chunk->length;
    CHECK(length % 4 == 0);
    for (size_t i = end; i < (end + 3) / 4 * 4; i++)
        CHECK_INT(packet[i], 0);
}

static bool watch(association_pair_t *pair, end_t *from, packet_t *packet)
{
    sender_state_t *state = &states[from == pair->b], *other = &states[from != pair->b];
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    reader_init(&reader, packet->data, packet->length);
    CHECK(sctp_header_read(&reader, &header));
    unsigned count = 0, data_count = 0, sacks = 0;
    uint32_t last_tsn = 0;
    while (sctp_chunk_read(&reader, &chunk)) {
        sctp_data_t data;
        if (chunk.type == SCTP_CHUNK_INIT || chunk.type == SCTP_CHUNK_INIT_ACK)
            note_init(state, &chunk);
        if (from->ours == NULL) {
            count++;
            continue;
        }
        check_padding(packet->data, packet->length, &chunk);
        switch (chunk.type) {
        case SCTP_CHUNK_INIT:
        case SCTP_CHUNK_INIT_ACK:
        case SCTP_CHUNK_SHUTDOWN_COMPLETE: /* alone */
            CHECK(count == 0 && reader_left(&reader) == 0);
            break;
        case SCTP_CHUNK_COOKIE_ECHO:
        case SCTP_CHUNK_COOKIE_ACK: /* first */
            CHECK_INT(count, 0);
            state->cookies++;
            break;
        case SCTP_CHUNK_DATA:
        case SCTP_CHUNK_I_DATA:
            CHECK(sctp_data_parse(&chunk, &data));
            CHECK(data_count == 0 || sctp_tsn_before(last_tsn, data.tsn)); /* §6.10: increasing */
            last_tsn = data.tsn;
            data_count++;
            check_data(state, &data);
            break;
        case SCTP_CHUNK_SACK:
            sacks++;
            break;
        case SCTP_CHUNK_ABORT:
            CHECK_INT(data_count, 0);
            break;
        default:
            break;
        }
        if (chunk.type != SCTP_CHUNK_DATA && chunk.type != SCTP_CHUNK_I_DATA)
            CHECK_INT(data_count, 0); /* control chunks come first */
        if (count == 0) {             /* §8.5 */
            if (chunk.type == SCTP_CHUNK_INIT)
                CHECK_INT(header.tag, 0);
            else
                CHECK_INT(header.tag, other->own_tag);
        }
        count++;
    }
    CHECK(count > 0 && !reader.failed && reader_left(&reader) == 0); /* no partial chunk */
    if (from->ours == NULL)
        return true;
    CHECK(header.source_port == LINK_PORT && header.destination_port == LINK_PORT && packet->length <= MTU);
    CHECK(header.checksum == sctp_checksum(packet->data, packet->length));
    CHECK(sacks <= 1);
    state->packets++;
    state->data_packets += data_count > 0;
    state->sacks += sacks;
    return true;
}

static size_t wanted;

static bool all_came(association_pair_t *pair)
{
    return pair->b->message_count >= wanted && pair->a->message_count >= wanted;
}

static void run(size_t kind, uint64_t seed, const sctp_association_config_t *config)
{
    association_pair_t pair;
    memset(states, 0, sizeof states);
    association_pair_init(&pair, seed,
                          &(link_options_t){.loss_percent = (unsigned)seed % 10, .delay = 10000, .jitter = seed % 3 ? 5000 : 0}, config,
                          kinds[kind][0], kinds[kind][1]);
    pair.on_packet = watch;
    CHECK_INT(end_connect(&pair, pair.a), 0);
    CHECK_INT(end_connect(&pair, pair.b), 0);
    CHECK(association_pair_run_until(&pair, association_pair_is_up, 60 * PEER_SECOND));
    wanted = 0;
    for (uint32_t number = 0; number < 60; number++)
        for (uint16_t stream = 0; stream < STREAMS; stream++, wanted++) {
            static const size_t lengths[] = {4, 1171, 1172, 1173, 9, 5000, 20001};
            sctp_message_info_t info = {.stream = stream, .payload_protocol = 53, .is_unordered = (number + stream) % 3 == 0};
            for (int i = 0; i < 2; i++)
                while (end_send(&pair, i == 0 ? pair.a : pair.b, &info, number, lengths[(number + stream) % 7]) != 0)
                    association_pair_run(&pair, 50 * PEER_MILLISECOND);
        }
    CHECK(association_pair_run_until(&pair, all_came, 300 * PEER_SECOND));
    CHECK(states[0].packets > 50 && states[0].fragments > 100 && states[0].sacks > 0 && states[0].cookies > 0);
    CHECK(states[0].data_packets < states[0].data_chunks); /* small ones share packets */
    association_pair_free(&pair);
}

TEST(every_packet_is_laid_out_numbered_and_ordered_as_the_texts_say)
{
    for (size_t kind = 0; kind < 2; kind++)
        for (uint64_t seed = 0; seed < 20; seed++)
            run(kind, seed, &(sctp_association_config_t){.is_interleaving_off = seed & 1, .is_zero_checksum_off = true});
}

/* Each packet is delivered at once, by hand; one SACK is all that may come back. */
static unsigned sacks_in(const packet_t *packet, sctp_sack_t *sack)
{
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    unsigned count = 0;
    reader_init(&reader, packet->data, packet->length);
    CHECK(sctp_header_read(&reader, &header));
    while (sctp_chunk_read(&reader, &chunk))
        if (chunk.type == SCTP_CHUNK_SACK) {
            CHECK(sctp_sack_parse(&chunk, sack));
            count++;
        }
    return count;
}

TEST(a_packet_of_data_is_answered_by_one_sack_at_most_and_the_first_at_once)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 1000}, &(sctp_association_config_t){.is_zero_checksum_off = true},
                             END_OURS, END_OURS);
    association_pair_run(&pair, PEER_SECOND);
    uint32_t before = 0;
    for (uint32_t i = 0; i < 100; i++) {
        unsigned sacks = 0;
        CHECK_INT(end_send_text(&pair, pair.a, 0, "some text"), 0);
        for (packet_t *packet; (packet = sctp_association_output(pair.a->ours, pair.now)) != NULL;) {
            association_pair_inject(&pair, pair.b, packet->data, packet->length);
            packet_unref(packet);
            for (packet_t *answer; (answer = sctp_association_output(pair.b->ours, pair.now)) != NULL;) {
                sctp_sack_t sack;
                unsigned count = sacks_in(answer, &sack);
                sacks += count;
                if (count > 0) {
                    CHECK(i == 0 || sctp_tsn_before(before, sack.cumulative));
                    before = sack.cumulative;
                }
                association_pair_inject(&pair, pair.a, answer->data, answer->length);
                packet_unref(answer);
            }
            CHECK(sacks <= 1);
        }
        if (i == 0)
            CHECK_INT(sacks, 1);
    }
    association_pair_free(&pair);
}

/* RFC 9260 §6.1 A: what is under way never exceeds what the receiver announced, but for one chunk, the probe of a closed window. */
typedef struct window_state {
    uint32_t cumulative, window, highest, lengths[MAX_TSNS];
    uint32_t first;
    bool is_known;
    unsigned checked;
} window_state_t;

static window_state_t window_state;

static bool watch_window(association_pair_t *pair, end_t *from, packet_t *packet)
{
    window_state_t *w = &window_state;
    reader_t reader;
    sctp_header_t header;
    sctp_chunk_t chunk;
    reader_init(&reader, packet->data, packet->length);
    sctp_header_read(&reader, &header);
    while (sctp_chunk_read(&reader, &chunk)) {
        sctp_data_t data;
        if (from != pair->a || (chunk.type != SCTP_CHUNK_DATA && chunk.type != SCTP_CHUNK_I_DATA))
            continue;
        CHECK(sctp_data_parse(&chunk, &data));
        if (!w->is_known) {
            w->is_known = true;
            w->first = data.tsn;
            w->highest = w->cumulative = data.tsn - 1;
        }
        CHECK(data.tsn - w->first < MAX_TSNS);
        w->lengths[data.tsn - w->first] = (uint32_t)data.length;
        if (sctp_tsn_before(w->highest, data.tsn)) {
            w->highest = data.tsn;
            uint64_t under_way = 0;
            for (uint32_t tsn = w->cumulative + 1; tsn != data.tsn; tsn++)
                under_way += w->lengths[tsn - w->first];
            if (under_way > 0) { /* not the probe */
                CHECK(under_way + data.length <= w->window);
                w->checked++;
            }
        }
    }
    return true;
}

/* The SACK as the sender gets it, since what is under way to it does not count yet. */
static void note_sacks(association_pair_t *pair, const packet_t *packet)
{
    sctp_sack_t sack;
    if (sacks_in(packet, &sack) > 0 && window_state.is_known && !sctp_tsn_before(sack.cumulative, window_state.cumulative)) {
        window_state.cumulative = sack.cumulative;
        window_state.window = sack.window;
        for (unsigned i = 0; i < sack.gap_count; i++) /* what has come beyond a gap is not under way */
            for (unsigned at = bytes_get_u16(sack.gaps + 4 * i); at <= bytes_get_u16(sack.gaps + 4 * i + 2); at++)
                window_state.lengths[sack.cumulative + at - window_state.first] = 0;
    }
    association_pair_inject(pair, pair->a, packet->data, packet->length);
}

TEST(no_more_is_sent_than_the_receiver_has_room_for)
{
    association_pair_t pair;
    memset(&window_state, 0, sizeof window_state);
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 0},
                             &(sctp_association_config_t){.is_zero_checksum_off = true, .receive_window = 30000, .max_message_size = 10000},
                             END_OURS, END_OURS);
    association_pair_run(&pair, PEER_SECOND);
    window_state.window = 30000;
    pair.b->keeps = true;
    for (uint32_t i = 0; i < 200; i++)
        CHECK_INT(end_send(&pair, pair.a, &(sctp_message_info_t){.stream = (uint16_t)(i % STREAMS), .payload_protocol = 53}, i, 1000), 0);
    size_t held = 0;
    for (unsigned turn = 0; turn < 4000 && pair.b->message_count < 200; turn++) {
        sctp_association_timeout(pair.a->ours, pair.now);
        sctp_association_timeout(pair.b->ours, pair.now);
        for (packet_t *packet; (packet = sctp_association_output(pair.a->ours, pair.now)) != NULL;) {
            watch_window(&pair, pair.a, packet);
            association_pair_inject(&pair, pair.b, packet->data, packet->length);
            packet_unref(packet);
        }
        sctp_association_event_t event;
        while (sctp_association_receive(pair.b->ours, &event))
            if (event.type == SCTP_ASSOCIATION_MESSAGE) {
                pair.b->message_count++;
                held += event.message->length;
                blob_unref(event.message);
            }
        if (turn % 20 == 19 && held > 0) { /* a slow reader */
            sctp_association_consumed(pair.b->ours, pair.now, held > 5000 ? 5000 : held);
            held -= held > 5000 ? 5000 : held;
        }
        for (packet_t *packet; (packet = sctp_association_output(pair.b->ours, pair.now)) != NULL;) {
            note_sacks(&pair, packet);
            packet_unref(packet);
        }
        pair.now += 10 * PEER_MILLISECOND;
    }
    CHECK_INT(pair.b->message_count, 200);
    CHECK(window_state.checked > 50);
    pair.b->message_count = 0; /* they are let go */
    association_pair_free(&pair);
}
