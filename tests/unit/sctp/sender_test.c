/* A sender alone: what it writes, what it makes of acknowledgements, also of hostile ones, and that no failing allocation hurts it. */
#include "sctp/outstanding.h"
#include "sctp/sender.h"

#include "base/memory.h"
#include "base/random.h"
#include "test.h"

#include <stdlib.h>

#define TSN 1000u
#define MTU 1200u
#define RTT (50 * PEER_MILLISECOND)

typedef struct sent {
    sctp_data_t data[64];
    size_t count;
    sctp_forward_t forward;
    bool has_forward;
    uint8_t bytes[65536];
    size_t length;
    bool may_fragment;
} sent_t;

typedef struct fixture {
    sctp_sender_t *sender;
    peer_time_t now;
    size_t taken;
} fixture_t;

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    (void)stream;
    ((fixture_t *)context)->taken += bytes;
}

static void set_up(fixture_t *f, bool is_interleaved, bool has_forward)
{
    *f = (fixture_t){.now = PEER_SECOND};
    f->sender = sctp_sender_new(&(sctp_sender_config_t){.initial_tsn = TSN, .mtu = MTU, .on_taken = on_taken, .context = f});
    CHECK(f->sender != NULL);
    sctp_sender_start(f->sender, f->now, 1u << 20, is_interleaved, has_forward);
    sctp_sender_on_rtt(f->sender, f->now, RTT);
}

static void queue(fixture_t *f, const sctp_message_info_t *info, size_t length)
{
    blob_t *blob = blob_new(length);
    CHECK(blob != NULL);
    memset(blob->data, (int)length & 0xff, length);
    blob->length = length;
    CHECK_INT(sctp_sender_queue(f->sender, f->now, info, blob), 0);
}

/* The next packet, taken apart; false: none. */
static bool output(fixture_t *f, sent_t *sent)
{
    sent->count = 0;
    sent->has_forward = false;
    if (!sctp_sender_can_write(f->sender, f->now))
        return false;
    size_t room = sctp_sender_needed_room(f->sender);
    writer_t writer;
    writer_init(&writer, sent->bytes, room > 0 ? room : MTU - SCTP_COMMON_HEADER_SIZE);
    if (!sctp_sender_write(f->sender, f->now, &writer, &sent->may_fragment))
        return false;
    sent->length = writer.length;
    sctp_sender_on_packet(f->sender, f->now, writer.length + SCTP_COMMON_HEADER_SIZE);
    reader_t reader;
    sctp_chunk_t chunk;
    reader_init(&reader, sent->bytes, writer.length);
    while (sctp_chunk_read(&reader, &chunk)) {
        if (sctp_forward_parse(&chunk, &sent->forward))
            sent->has_forward = true;
        else if (sent->count < 64 && sctp_data_parse(&chunk, &sent->data[sent->count]))
            sent->count++;
    }
    CHECK(!reader.failed);
    return true;
}

static bool acknowledge(fixture_t *f, uint32_t cumulative, const uint16_t *gaps, size_t gap_count, size_t *lost)
{
    uint8_t bytes[256] = {0};
    size_t acknowledged, ignored;
    for (size_t i = 0; i < 2 * gap_count; i++)
        bytes_put_u16(bytes + 2 * i, gaps[i]);
    sctp_sack_t sack = {.cumulative = cumulative, .window = 1u << 20, .gap_count = (uint16_t)gap_count, .gaps = bytes};
    return sctp_sender_on_sack(f->sender, f->now, &sack, &acknowledged, lost != NULL ? lost : &ignored);
}

static size_t flush(fixture_t *f)
{
    sent_t sent;
    size_t packets = 0;
    while (output(f, &sent))
        packets++;
    return packets;
}

static void time_out(fixture_t *f)
{
    size_t lost;
    peer_time_t deadline = sctp_sender_deadline(f->sender, f->now);
    CHECK(deadline != PEER_TIME_NEVER);
    f->now = deadline > f->now ? deadline : f->now;
    sctp_sender_timeout(f->sender, f->now, &lost);
}

static void time_out_if_due(fixture_t *f)
{
    if (sctp_sender_deadline(f->sender, f->now) != PEER_TIME_NEVER)
        time_out(f);
}

static const sctp_message_info_t ordered = {.stream = 1, .payload_protocol = 51};

TEST(nothing_leaves_before_the_other_side_is_known)
{
    fixture_t f = {.now = PEER_SECOND};
    f.sender = sctp_sender_new(&(sctp_sender_config_t){.initial_tsn = TSN, .mtu = MTU, .on_taken = on_taken, .context = &f});
    queue(&f, &ordered, 10);
    CHECK(!sctp_sender_can_write(f.sender, f.now));
    CHECK_INT(sctp_sender_deadline(f.sender, f.now), PEER_TIME_NEVER);
    CHECK_INT(sctp_sender_total_queued(f.sender), 10);
    sctp_sender_start(f.sender, f.now, 1000, false, true);
    CHECK(sctp_sender_can_write(f.sender, f.now));
    CHECK_INT(flush(&f), 1);
    CHECK_INT(f.taken, 10);
    sctp_sender_free(f.sender);
}

TEST(small_messages_share_a_packet)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, false, true);
    for (int i = 0; i < 5; i++)
        queue(&f, &ordered, 10 + (size_t)i);
    CHECK(output(&f, &sent));
    CHECK_INT(sent.count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_INT(sent.data[i].tsn, TSN + i);
        CHECK_INT(sent.data[i].message_id, i);
        CHECK_INT(sent.data[i].length, 10 + i);
        CHECK_INT(sent.data[i].flags, SCTP_DATA_BEGIN | SCTP_DATA_END);
        CHECK_INT(sent.data[i].payload_protocol, 51);
    }
    CHECK(!output(&f, &sent));
    CHECK(!sctp_sender_is_drained(f.sender, 1));
    CHECK(acknowledge(&f, TSN + 4, NULL, 0, NULL));
    CHECK(sctp_sender_is_drained(f.sender, 1));
    CHECK_INT(sctp_sender_in_flight(f.sender), 0);
    CHECK_INT(sctp_sender_deadline(f.sender, f.now), PEER_TIME_NEVER);
    sctp_sender_free(f.sender);
}

TEST(a_large_message_leaves_in_full_packets)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, false, true);
    queue(&f, &ordered, 3001);
    size_t total = 0;
    for (int i = 0; output(&f, &sent); i++) {
        CHECK_INT(sent.count, 1);
        CHECK_INT((sent.data[0].flags & SCTP_DATA_BEGIN) != 0, i == 0);
        CHECK_INT((sent.data[0].flags & SCTP_DATA_END) != 0, i == 2);
        CHECK(i == 2 || sent.length == MTU - SCTP_COMMON_HEADER_SIZE);
        total += sent.data[0].length;
    }
    CHECK_INT(total, 3001);
    sctp_sender_free(f.sender);
}

TEST(interleaved_fragments_are_numbered_by_kind)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, true, true);
    sctp_message_info_t a = {.stream = 1, .payload_protocol = 53}, b = {.stream = 2, .payload_protocol = 51, .is_unordered = true};
    queue(&f, &a, 2500);
    queue(&f, &b, 2500);
    queue(&f, &b, 10);
    uint32_t fragments[3] = {0};
    bool has_switched = false;
    uint16_t before = 0;
    while (output(&f, &sent))
        for (size_t i = 0; i < sent.count; i++) {
            const sctp_data_t *data = &sent.data[i];
            CHECK(data->is_interleaved);
            if (data->length > 10)
                CHECK_INT(data->fragment, fragments[data->stream]++);
            CHECK_INT(data->message_id, data->length == 10 ? 1 : 0);
            has_switched = has_switched || (data->stream < before);
            before = data->stream;
        }
    CHECK(has_switched);
    sctp_sender_free(f.sender);
}

TEST(three_later_packets_make_a_loss)
{
    fixture_t f;
    sent_t sent;
    size_t lost = 0;
    set_up(&f, false, true);
    queue(&f, &ordered, 8000);
    CHECK_INT(flush(&f), 7);
    f.now += RTT;
    CHECK(acknowledge(&f, TSN - 1, (const uint16_t[]){2, 2}, 1, &lost));
    CHECK_INT(lost, 0);
    CHECK(acknowledge(&f, TSN - 1, (const uint16_t[]){2, 4}, 1, &lost));
    CHECK_INT(lost, MTU);
    CHECK(output(&f, &sent));
    CHECK_INT(sent.data[0].tsn, TSN);
    sctp_sender_free(f.sender);
}

TEST(what_is_late_is_lost_after_a_while)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, false, true);
    queue(&f, &ordered, 2300);
    CHECK_INT(flush(&f), 2);
    f.now += RTT;
    CHECK(acknowledge(&f, TSN - 1, (const uint16_t[]){2, 2}, 1, NULL));
    CHECK(!sctp_sender_can_write(f.sender, f.now));
    peer_time_t before = f.now;
    time_out(&f);
    CHECK(f.now - before <= RTT / 2);
    CHECK(output(&f, &sent));
    CHECK_INT(sent.data[0].tsn, TSN);
    sctp_sender_free(f.sender);
}

TEST(an_acknowledgement_of_what_was_never_sent_is_a_violation)
{
    fixture_t f;
    set_up(&f, false, true);
    CHECK(acknowledge(&f, TSN - 1, NULL, 0, NULL));
    CHECK(!acknowledge(&f, TSN, NULL, 0, NULL));
    queue(&f, &ordered, 10);
    CHECK_INT(flush(&f), 1);
    CHECK(!acknowledge(&f, TSN + 1, NULL, 0, NULL));
    CHECK(acknowledge(&f, TSN - 2, NULL, 0, NULL)); /* an old one */
    CHECK(sctp_sender_in_flight(f.sender) > 0);
    CHECK(acknowledge(&f, TSN - 1, (const uint16_t[]){5, 2, 1, 1, 2, 9}, 3, NULL)); /* blocks without sense */
    CHECK(sctp_sender_in_flight(f.sender) > 0);
    CHECK(acknowledge(&f, TSN, NULL, 0, NULL));
    sctp_sender_free(f.sender);
}

TEST(what_the_receiver_drops_again_is_sent_again)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, false, true);
    queue(&f, &ordered, 5000);
    CHECK_INT(flush(&f), 5);
    f.now += RTT;
    CHECK(acknowledge(&f, TSN, (const uint16_t[]){2, 4}, 1, NULL));
    while (output(&f, &sent))
        CHECK_INT(sent.data[0].tsn, TSN + 1);
    f.now += RTT;
    CHECK(acknowledge(&f, TSN + 1, NULL, 0, NULL)); /* it had TSN + 2 … TSN + 4, and has not */
    CHECK(sctp_sender_in_flight(f.sender) > 2500);
    uint32_t seen = 0;
    for (int i = 0; i < 10 && seen != 7; i++) {
        time_out(&f);
        while (output(&f, &sent))
            for (size_t k = 0; k < sent.count; k++)
                seen |= 1u << (sent.data[k].tsn - TSN - 2);
        f.now += RTT;
    }
    CHECK((seen & 4) != 0);
    sctp_sender_free(f.sender);
}

TEST(a_closed_window_is_probed_with_one_chunk)
{
    fixture_t f;
    sent_t sent;
    set_up(&f, false, true);
    sctp_sack_t sack = {.cumulative = TSN - 1, .window = 0};
    size_t a, l;
    CHECK(sctp_sender_on_sack(f.sender, f.now, &sack, &a, &l));
    queue(&f, &ordered, 5000);
    CHECK(output(&f, &sent));
    CHECK_INT(sent.count, 1);
    CHECK(!sctp_sender_can_write(f.sender, f.now));
    for (int i = 0; i < 5; i++) {
        time_out(&f);
        while (output(&f, &sent))
            CHECK_INT(sent.data[0].tsn, TSN);
        CHECK(sctp_sender_on_sack(f.sender, f.now, &sack, &a, &l));
    }
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(f.sender, &stats);
    CHECK(stats.window >= 10 * MTU);
    CHECK(acknowledge(&f, TSN, NULL, 0, NULL));
    CHECK_INT(flush(&f), 4);
    sctp_sender_free(f.sender);
}

TEST(a_timeout_that_was_early_is_undone)
{
    fixture_t f;
    sent_t sent;
    sctp_sender_stats_t stats;
    set_up(&f, false, true);
    queue(&f, &ordered, 10000);
    CHECK(flush(&f) >= 9);
    sctp_sender_stats_get(f.sender, &stats);
    uint64_t window = stats.window;
    for (int i = 0; i < 10 && stats.timeouts == 0; i++) {
        time_out(&f);
        sctp_sender_stats_get(f.sender, &stats);
        while (output(&f, &sent))
            ;
    }
    CHECK_INT(stats.timeouts, 1);
    CHECK(stats.window < window);
    f.now += 1000;
    CHECK(acknowledge(&f, TSN + 4, NULL, 0, NULL)); /* what was sent first, delayed */
    sctp_sender_stats_get(f.sender, &stats);
    CHECK_INT(stats.spurious, 1);
    CHECK(stats.window >= window);
    CHECK(sctp_sender_in_flight(f.sender) > 3000);
    sctp_sender_free(f.sender);
}

TEST(a_discarded_stream_has_nothing_left)
{
    fixture_t f;
    set_up(&f, false, true);
    sctp_message_info_t other = {.stream = 2};
    for (int i = 0; i < 10; i++)
        queue(&f, &ordered, 3000);
    queue(&f, &other, 100);
    CHECK_INT(sctp_sender_queued(f.sender, 1), 30000);
    sctp_sender_discard(f.sender, f.now, 1);
    CHECK_INT(sctp_sender_queued(f.sender, 1), 0);
    CHECK_INT(sctp_sender_total_queued(f.sender), 100);
    CHECK_INT(f.taken, 30000);
    CHECK(sctp_sender_is_drained(f.sender, 1));
    sctp_sender_discard(f.sender, f.now, 1);
    sctp_sender_discard(f.sender, f.now, 77);
    CHECK_INT(flush(&f), 1);
    sctp_sender_free(f.sender);
}

TEST(a_reset_stream_counts_from_zero)
{
    for (int is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        fixture_t f;
        sent_t sent;
        set_up(&f, is_interleaved == 1, true);
        queue(&f, &ordered, 10);
        queue(&f, &ordered, 10);
        CHECK(output(&f, &sent));
        CHECK_INT(sent.data[1].message_id, 1);
        CHECK(acknowledge(&f, TSN + 1, NULL, 0, NULL));
        CHECK(sctp_sender_is_drained(f.sender, 1));
        sctp_sender_reset_stream(f.sender, 1);
        queue(&f, &ordered, 10);
        CHECK(output(&f, &sent));
        CHECK_INT(sent.data[0].message_id, 0);
        CHECK_INT(sctp_sender_next_tsn(f.sender), TSN + 3);
        sctp_sender_free(f.sender);
    }
}

TEST(an_empty_message_is_refused)
{
    fixture_t f;
    set_up(&f, false, true);
    blob_t *blob = blob_new(0);
    CHECK(sctp_sender_queue(f.sender, f.now, &ordered, blob) < 0);
    blob_unref(blob);
    sctp_sender_free(f.sender);
}

/* Everything that a hostile other side can say, at any time. */
static void attack(uint64_t seed)
{
    random_seeded_t g;
    random_seeded_init(&g, seed);
    random_source_t random = random_seeded_source(&g);
    fixture_t f;
    sent_t sent;
    set_up(&f, random_below(&random, 2) == 0, random_below(&random, 3) != 0);
    for (int i = 0; i < 300; i++) {
        sctp_message_info_t info = {.stream = (uint16_t)random_below(&random, 5), .is_unordered = random_below(&random, 2) == 0};
        info.reliability = (sctp_reliability_t)random_below(&random, 3);
        info.limit = (uint16_t)random_below(&random, 3) * 20;
        switch (random_below(&random, 8)) {
        case 0:
        case 1:
            if (sctp_sender_total_queued(f.sender) < 100000)
                queue(&f, &info, 1 + random_below(&random, 8000));
            break;
        case 2:
            sctp_sender_discard(f.sender, f.now, info.stream);
            break;
        case 3:
            f.now += random_below(&random, 100000);
            time_out_if_due(&f);
            break;
        case 4:
            if (random_below(&random, 10) == 0)
                sctp_sender_on_new_path(f.sender, f.now);
            break;
        default: {
            uint8_t bytes[400];
            random_fill(&random, bytes, sizeof bytes);
            uint16_t at = 0;
            for (size_t k = 0; k < 40 && random_below(&random, 8) != 0; k++) {
                at = (uint16_t)(at + random_below(&random, 6));
                bytes_put_u16(bytes + 2 * k, at);
            }
            sctp_sack_t sack = {.window = random_below(&random, 3) == 0 ? random_below(&random, 3000) : 1u << 20, .gaps = bytes};
            sack.cumulative = sctp_sender_next_tsn(f.sender) - 1 - random_below(&random, 60);
            sack.gap_count = (uint16_t)random_below(&random, 40);
            sack.duplicate_count = (uint16_t)random_below(&random, 40);
            for (size_t k = 0; k < sack.duplicate_count; k++)
                bytes_put_u32(bytes + 4 * (size_t)sack.gap_count + 4 * k, sctp_sender_next_tsn(f.sender) - random_below(&random, 200));
            size_t a, l;
            f.now += random_below(&random, 20000);
            CHECK(sctp_sender_on_sack(f.sender, f.now, &sack, &a, &l));
        }
        }
        for (int k = 0; k < 20 && output(&f, &sent); k++)
            ;
        CHECK(sctp_sender_in_flight(f.sender) < 10000000);
        CHECK(sctp_sender_deadline(f.sender, f.now) != PEER_TIME_NEVER || sctp_sender_total_queued(f.sender) == 0);
    }
    CHECK(acknowledge(&f, sctp_sender_next_tsn(f.sender) - 1, NULL, 0, NULL));
    CHECK_INT(sctp_sender_in_flight(f.sender), 0);
    sctp_sender_free(f.sender);
}

TEST(hostile_acknowledgements_break_nothing)
{
    for (uint64_t seed = 1; seed <= 2000; seed++)
        attack(seed);
}

TEST(memory_may_fail_at_any_point)
{
    for (unsigned n = 1; n < 60; n++) {
        fixture_t f;
        set_up(&f, n % 2 == 0, true);
        memory_fail_nth(n);
        size_t refused = 0;
        for (unsigned i = 0; i < 200; i++) {
            sctp_message_info_t info = {.stream = (uint16_t)(i % 20), .reliability = SCTP_LIMITED_RETRANSMITS, .limit = i % 2};
            blob_t *blob = blob_new(700);
            if (blob == NULL)
                continue;
            blob->length = 700;
            memset(blob->data, 0, 700);
            if (sctp_sender_queue(f.sender, f.now, &info, blob) < 0) {
                refused++;
                blob_unref(blob);
            }
            if (!sctp_sender_set_weight(f.sender, (uint16_t)(100 + i), 5))
                refused++;
        }
        CHECK(refused <= 1);
        for (int i = 0; i < 400; i++) {
            sent_t sent;
            while (output(&f, &sent))
                ;
            f.now += RTT;
            uint32_t next = sctp_sender_next_tsn(f.sender);
            if (i % 3 == 0)
                CHECK(acknowledge(&f, TSN - 1, (const uint16_t[]){2, 2, 4, 4, 6, 6}, 3, NULL));
            else if (i % 3 == 1)
                CHECK(acknowledge(&f, next - 1 - (next - TSN > 6 ? 6 : 0), (const uint16_t[]){2, 2, 4, 4}, 2, NULL));
            else
                time_out_if_due(&f);
        }
        memory_fail_nth(0);
        CHECK_INT(sctp_sender_total_queued(f.sender), 0);
        sctp_sender_free(f.sender);
    }
}

TEST(what_is_outstanding_takes_little_room_again_when_a_large_transfer_is_over)
{
    outstanding_t ring;
    send_message_t message = {.outstanding = 0};
    CHECK(outstanding_init(&ring, 0xffffff00u));
    for (int i = 0; i < 5000; i++) {
        CHECK(outstanding_reserve(&ring));
        outstanding_fly(&ring, outstanding_add(&ring, &message), 1000, 1, 1200);
    }
    CHECK_INT(ring.capacity, 8192);
    for (int i = 0; i < 5000; i++) {
        outstanding_move(&ring, outstanding_get(&ring, ring.base), OUTSTANDING_ARRIVED);
        outstanding_remove_first(&ring);
    }
    CHECK_INT(outstanding_count(&ring), 0);
    CHECK_INT(ring.capacity, 64);
    outstanding_clear(&ring);
}
