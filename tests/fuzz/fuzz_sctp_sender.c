/* Any sequence of messages, SACKs, timeouts, paths and sizes of packets at the sending half: nothing crashes, what waits and what is in
 * flight is counted right, every packet parses, and it ends with nothing owed once all is acknowledged. */
#include "sctp/sender.h"

#include <stdlib.h>

#define TSN 0xffffffe0u
#define MTU 600u
#define QUEUED_MOST 30000u
#define PACKETS_MOST 100u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct run {
    sctp_sender_t *sender;
    peer_time_t now;
    size_t mtu;
    size_t queued, taken;
} run_t;

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    (void)stream;
    ((run_t *)context)->taken += bytes;
}

static void queue(run_t *run, uint8_t a, uint8_t b)
{
    static const uint8_t payload[255 * 32 + 1];
    sctp_message_info_t info = {.stream = a & 7, .is_unordered = (a & 8) != 0};
    info.reliability = (sctp_reliability_t)((a >> 4) % 3);
    info.limit = a >> 6;
    blob_t *message = run->queued - run->taken < QUEUED_MOST ? blob_new_copy(payload, (size_t)b * 32 + 1) : NULL;
    if (message == NULL)
        return;
    run->queued += message->length;
    if (sctp_sender_queue(run->sender, run->now, &info, message) != 0)
        abort();
}

static void write_out(run_t *run)
{
    static uint8_t bytes[2000];
    for (unsigned i = 0; i < PACKETS_MOST && sctp_sender_can_write(run->sender, run->now); i++) {
        writer_t writer;
        bool may_fragment;
        size_t room = sctp_sender_needed_room(run->sender), usual = run->mtu - SCTP_COMMON_HEADER_SIZE;
        writer_init(&writer, bytes, room > usual ? room : usual);
        if (!sctp_sender_write(run->sender, run->now, &writer, &may_fragment)) {
            /* What was next has expired, and what is next now needs more room; or nothing is. */
            if (sctp_sender_can_write(run->sender, run->now) && sctp_sender_needed_room(run->sender) <= writer.capacity)
                abort();
            continue;
        }
        reader_t reader;
        sctp_chunk_t chunk;
        reader_init(&reader, bytes, writer.length);
        while (sctp_chunk_read(&reader, &chunk))
            ;
        if (writer.failed || reader.failed || (writer.length > usual && !may_fragment))
            abort();
        sctp_sender_on_packet(run->sender, run->now, writer.length + SCTP_COMMON_HEADER_SIZE);
    }
}

static bool is_drained(const run_t *run)
{
    for (uint16_t stream = 0; stream < 8; stream++)
        if (!sctp_sender_is_drained(run->sender, stream))
            return false;
    return true;
}

static void acknowledge(run_t *run, reader_t *reader, uint8_t a, uint8_t b)
{
    sctp_sack_t sack = {.cumulative = sctp_sender_next_tsn(run->sender) - (a & 63), .window = (a & 64) != 0 ? b * 100u : 1u << 20};
    sack.gap_count = b & 7;
    sack.duplicate_count = (b >> 3) & 3;
    sack.gaps = reader_bytes(reader, 4 * ((size_t)sack.gap_count + sack.duplicate_count));
    size_t acknowledged, lost;
    if (sack.gaps == NULL)
        return;
    bool is_sound = sctp_sender_on_sack(run->sender, run->now, &sack, &acknowledged, &lost);
    if (is_sound != ((a & 63) != 0))
        abort();
}

static void timeout(run_t *run)
{
    size_t lost;
    peer_time_t deadline = sctp_sender_deadline(run->sender, run->now);
    if (deadline != PEER_TIME_NEVER && deadline > run->now)
        run->now = deadline;
    sctp_sender_timeout(run->sender, run->now, &lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_t reader;
    uint8_t kind, operation, a, b;
    reader_init(&reader, data, size);
    if (!reader_u8(&reader, &kind))
        return 0;
    run_t run = {.now = PEER_SECOND, .mtu = MTU};
    run.sender = sctp_sender_new(&(sctp_sender_config_t){.initial_tsn = TSN, .mtu = MTU, .on_taken = on_taken, .context = &run});
    sctp_sender_start(run.sender, run.now, 1u << 20, (kind & 1) != 0, (kind & 2) != 0);
    while (reader_u8(&reader, &operation) && reader_u8(&reader, &a) && reader_u8(&reader, &b)) {
        run.now += (peer_time_t)(operation >> 4) * 1000;
        switch (operation & 15) {
        case 0:
            sctp_sender_discard(run.sender, run.now, a & 7);
            break;
        case 1:
            timeout(&run);
            break;
        case 2:
            sctp_sender_on_new_path(run.sender, run.now);
            break;
        case 3:
            run.mtu = 200 + (size_t)(a & ~3) * 4;
            sctp_sender_set_mtu(run.sender, run.mtu);
            break;
        case 4:
            sctp_sender_set_weight(run.sender, a & 7, b);
            break;
        case 5:
            if (sctp_sender_is_drained(run.sender, a & 7))
                sctp_sender_reset_stream(run.sender, a & 7);
            break;
        case 6:
        case 7:
        case 8:
        case 9:
            acknowledge(&run, &reader, a, b);
            break;
        default:
            queue(&run, a, b);
        }
        write_out(&run);
        if (sctp_sender_total_queued(run.sender) != run.queued - run.taken)
            abort();
        if (sctp_sender_deadline(run.sender, run.now) == PEER_TIME_NEVER && !is_drained(&run))
            abort();
    }
    /* All that is sent is acknowledged: then all goes. */
    for (unsigned i = 0; i < 2000 && sctp_sender_deadline(run.sender, run.now) != PEER_TIME_NEVER; i++) {
        size_t acknowledged, lost;
        sctp_sack_t sack = {.cumulative = sctp_sender_next_tsn(run.sender) - 1, .window = 1u << 20};
        if (!sctp_sender_on_sack(run.sender, run.now, &sack, &acknowledged, &lost))
            abort();
        timeout(&run);
        write_out(&run);
    }
    if (sctp_sender_total_queued(run.sender) > 0 || sctp_sender_in_flight(run.sender) > 0 || run.queued != run.taken)
        abort();
    sctp_sender_free(run.sender);
    return 0;
}
