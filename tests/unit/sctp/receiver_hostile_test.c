/* What a hostile sender can make the receiving half hold and do. Memory is measured where the allocator tells it. */
#include "base/random.h"
#include "receiver_support.h"
#include "test.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <malloc.h>
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
#else
static size_t in_use(void)
{
    return 0;
}
#endif

#define WINDOW (4u << 20)
#define MAX_MESSAGE (256u << 10)

static uint8_t bytes[65536];

static size_t begin_memory;

static sctp_receiver_t *new_measured(bool is_interleaved)
{
    begin_memory = in_use();
    return receiver_new(WINDOW, MAX_MESSAGE, is_interleaved);
}

/* Streams have a state each, of which there may be 65,535: 6 MB. */
static void check_memory(const sctp_receiver_t *receiver, size_t streams)
{
    CHECK(sctp_receiver_held(receiver) <= WINDOW + WINDOW / 2 + 2 * sizeof bytes);
    size_t now = in_use();
    if (now > begin_memory + 2 * WINDOW + WINDOW / 4 + streams)
        test_fail(__FILE__, __LINE__, "%zu bytes in use", now - begin_memory);
}

TEST(messages_begun_on_all_streams_and_never_finished_are_bounded)
{
    sctp_receiver_t *r = new_measured(true);
    sctp_receiver_verdict_t verdict = SCTP_RECEIVER_OK;
    uint32_t tsn = 0;
    /* a long message first, so that the next one's length is guessed high */
    for (uint32_t stream = 0; stream < 2000; stream++) {
        for (uint32_t i = 0; i < 4; i++, tsn++)
            CHECK_INT(receiver_give(r, tsn, (uint16_t)stream, 0, i,
                                    (uint8_t)(i == 0   ? B
                                              : i == 3 ? E
                                                       : 0),
                                    bytes, 60000, true),
                      SCTP_RECEIVER_OK);
        receiver_told(r);
    }
    for (uint32_t fragment = 0, size = 1; size < 40000 && verdict == SCTP_RECEIVER_OK; fragment++, size = size * 2 + 100)
        for (uint32_t stream = 0; stream < 65535 && verdict == SCTP_RECEIVER_OK; stream++, tsn++) {
            verdict = receiver_give(r, tsn, (uint16_t)stream, stream < 2000 ? 1 : 0, fragment, fragment == 0 ? B : 0, bytes, size, true);
            if (stream % 1000 == 0)
                check_memory(r, 65535 * 100);
        }
    CHECK_INT(verdict, SCTP_RECEIVER_OUT_OF_RESOURCES); /* and not a byte more */
    check_memory(r, 65535 * 100);
    sctp_receiver_free(r);
}

TEST(tiny_chunks_out_of_order_are_bounded)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        bool is_interleaved = kind & 1;
        sctp_receiver_t *r = new_measured(is_interleaved);
        for (uint32_t i = 1; i < 70000; i++) {
            bool is_one = kind < 2; /* one message without its beginning, or a beginning each, or, interleaved, a second fragment each */
            CHECK_INT(receiver_give(r, is_one ? i : 2 * i, 1, is_one ? 1 : i % 30000 + 1, is_one ? i + 1 : 1,
                                    is_one || is_interleaved ? 0 : B, bytes, 1, is_interleaved),
                      SCTP_RECEIVER_OK);
        }
        check_memory(r, 100000);
        CHECK(sctp_receiver_held(r) > 16000 * 80); /* as many as may lie ahead were taken */
        sctp_receiver_free(r);
    }
}

TEST(an_application_that_takes_nothing_closes_the_window)
{
    sctp_receiver_t *r = new_measured(false);
    static blob_t *kept[100000];
    size_t count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        CHECK_INT(receiver_give(r, i, 1, i, 0, B | E, bytes, 1, false), SCTP_RECEIVER_OK);
        sctp_association_event_t event;
        while (sctp_receiver_poll(r, &event))
            kept[count++] = event.message;
    }
    CHECK(count < 50000);
    CHECK_INT(sctp_receiver_window(r), 0);
    CHECK_INT(sctp_receiver_cumulative_tsn(r), (uint32_t)(FIRST_TSN + count - 1));
    check_memory(r, 100000);
    for (size_t i = 0; i < count; i++) {
        blob_unref(kept[i]);
        sctp_receiver_on_consumed(r, 0, 1);
    }
    CHECK_INT(sctp_receiver_held(r), 0);
    sctp_receiver_free(r);
}

TEST(blobs_handed_out_are_not_much_larger_than_their_messages)
{
    sctp_receiver_t *r = receiver_new(WINDOW, MAX_MESSAGE, false);
    uint32_t tsn = 0;
    for (uint32_t i = 0; i < 4; i++, tsn++)
        CHECK_INT(receiver_give(r, tsn, 1, 0, 0, (uint8_t)(i == 0 ? B : i == 3 ? E : 0), bytes, 60000, false), SCTP_RECEIVER_OK);
    receiver_told(r);
    CHECK_INT(receiver_give(r, tsn, 1, 1, 0, B, bytes, 1, false), SCTP_RECEIVER_OK);
    CHECK_INT(receiver_give(r, tsn + 1, 1, 1, 0, E, bytes, 1, false), SCTP_RECEIVER_OK);
    sctp_association_event_t event;
    CHECK(sctp_receiver_poll(r, &event) && event.message->length == 2 && event.message->capacity < 200);
    blob_unref(event.message);
    sctp_receiver_free(r);
}

/* Were any step linear in what is held, this would take minutes. */
TEST(thousands_of_fragments_and_messages_in_hostile_orders_are_put_together)
{
    for (unsigned kind = 0; kind < 8; kind++) {
        bool is_interleaved = kind & 1, is_whole = kind & 2;
        sctp_receiver_t *r = receiver_new(16u << 20, 1u << 20, is_interleaved);
        uint32_t count = 32000, told = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t tsn = kind & 4 ? count - 1 - i : (uint32_t)((i * UINT64_C(20011) + 7) % count);
            uint8_t flags = is_whole ? B | E : (uint8_t)((tsn == 0 ? B : 0) | (tsn == count - 1 ? E : 0));
            CHECK_INT(receiver_give(r, tsn, 1, is_whole ? tsn : 0, is_whole ? 0 : tsn, flags, bytes, 20, is_interleaved), SCTP_RECEIVER_OK);
            receiver_sack(r, 0);
        }
        CHECK_INT(sctp_receiver_cumulative_tsn(r), (uint32_t)(FIRST_TSN + count - 1));
        sctp_association_event_t event;
        for (; sctp_receiver_poll(r, &event); told++) {
            CHECK_INT(event.message->length, is_whole ? 20 : 20 * count);
            sctp_receiver_on_consumed(r, 0, event.message->length);
            blob_unref(event.message);
        }
        CHECK_INT(told, is_whole ? count : 1);
        CHECK_INT(sctp_receiver_held(r), 0);
        sctp_receiver_free(r);
    }
}

TEST(storms_of_forward_tsns_and_resets_are_bounded)
{
    for (unsigned is_interleaved = 0; is_interleaved < 2; is_interleaved++) {
        sctp_receiver_t *r = new_measured(is_interleaved);
        random_seeded_t generator;
        random_seeded_init(&generator, 1);
        random_source_t random = random_seeded_source(&generator);
        uint32_t tsn = 0;
        for (unsigned i = 0; i < 20000; i++) {
            sctp_forward_stream_t skipped[4];
            for (unsigned j = 0; j < 4; j++)
                skipped[j] = (sctp_forward_stream_t){.stream = (uint16_t)random_below(&random, 65536),
                                                     .is_unordered = random_below(&random, 2) != 0 && is_interleaved,
                                                     .message_id = random_u32(&random)};
            tsn += random_below(&random, i % 10 == 0 ? 1u << 30 : 4);
            receiver_forward(r, tsn, skipped, 4, is_interleaved); /* whether it contradicts or not */
            receiver_give(r, tsn + 2 + random_below(&random, 100), skipped[0].stream, skipped[0].message_id + 1 + random_below(&random, 2),
                          0, B | (random_below(&random, 2) ? E : 0), bytes, 100, is_interleaved);
            uint16_t streams[2] = {(uint16_t)random_below(&random, 65536), skipped[1].stream};
            sctp_receiver_reset_streams(r, streams, 2);
            if (i % 1000 == 0)
                receiver_told(r);
        }
        sctp_receiver_reset_streams(r, NULL, 0);
        check_memory(r, 65535 * 100);
        sctp_receiver_free(r);
    }
}
