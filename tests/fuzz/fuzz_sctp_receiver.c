/* Any sequence of chunks, FORWARD-TSNs, resets, polls and acknowledgements at the receiving half: nothing crashes, what is held stays
 * bounded and is all given back in the end, and every SACK parses. */
#include "sctp/receiver.h"

#include <stdlib.h>

#define WINDOW 20000
#define MAX_MESSAGE 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void poll(sctp_receiver_t *receiver, size_t *unconsumed)
{
    sctp_association_event_t event;
    if (!sctp_receiver_poll(receiver, &event))
        return;
    if ((event.message != NULL) != (event.type == SCTP_ASSOCIATION_MESSAGE || event.type == SCTP_ASSOCIATION_PART))
        abort();
    if (event.message != NULL) {
        if (event.message->length == 0 || event.message->length > MAX_MESSAGE)
            abort();
        *unconsumed += event.message->length;
    }
    blob_unref(event.message);
}

static void acknowledge(sctp_receiver_t *receiver, peer_time_t now, size_t room)
{
    uint8_t bytes[256];
    writer_t writer;
    writer_init(&writer, bytes, room);
    if (!sctp_receiver_write_sack(receiver, now, &writer))
        return;
    reader_t reader;
    sctp_chunk_t chunk;
    sctp_sack_t sack;
    reader_init(&reader, bytes, writer.length);
    if (writer.failed || !sctp_chunk_read(&reader, &chunk) || !sctp_sack_parse(&chunk, &sack))
        abort();
    for (unsigned i = 0, last = 1; i < sack.gap_count; i++) {
        if (bytes_get_u16(sack.gaps + 4 * i) <= last || bytes_get_u16(sack.gaps + 4 * i + 2) < bytes_get_u16(sack.gaps + 4 * i))
            abort();
        last = bytes_get_u16(sack.gaps + 4 * i + 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t payload[1500];
    reader_t reader;
    uint8_t kind, operation, a, b;
    reader_init(&reader, data, size);
    if (!reader_u8(&reader, &kind))
        return 0;
    bool is_interleaved = (kind & 1) != 0;
    sctp_receiver_t *receiver =
        sctp_receiver_new(&(sctp_receiver_config_t){.window = WINDOW, .max_message_size = MAX_MESSAGE, .max_streams = 300});
    uint32_t first = (kind & 2) != 0 ? 0xfffffff0 : 0;
    sctp_receiver_start(receiver, first, is_interleaved);
    size_t unconsumed = 0;
    peer_time_t now = 0;
    while (reader_u8(&reader, &operation) && reader_u8(&reader, &a) && reader_u8(&reader, &b)) {
        now += PEER_MILLISECOND;
        if ((operation & 0x80) != 0) { /* a chunk: operation holds the flags, a the TSN, b stream, number and length */
            uint8_t c = 0;
            reader_u8(&reader, &c);
            sctp_data_t chunk = {.tsn = sctp_receiver_cumulative_tsn(receiver) + a % 128 - (a >= 128 ? 1000u : 0u),
                                 .stream = b % 4 == 3 ? 299 + c % 2 : b % 4,
                                 .message_id = c / 16,
                                 .fragment = c % 16,
                                 .payload_protocol = 51,
                                 .flags = operation & 0xf,
                                 .is_interleaved = is_interleaved,
                                 .data = payload,
                                 .length = (operation & 0x40) != 0 ? 1400 : b / 4};
            sctp_receiver_on_data(receiver, now, &chunk);
            if ((operation & 0x20) != 0)
                sctp_receiver_on_packet_end(receiver, now);
        } else if ((operation & 0x60) == 0x60) {
            uint8_t bytes[20] = {0};
            bytes_put_u32(bytes, sctp_receiver_cumulative_tsn(receiver) + a);
            reader_copy(&reader, bytes + 4, b % 17);
            sctp_chunk_t chunk = {
                .type = is_interleaved ? SCTP_CHUNK_I_FORWARD_TSN : SCTP_CHUNK_FORWARD_TSN, .value = bytes, .length = 4 + b % 17};
            sctp_forward_t forward;
            if (sctp_forward_parse(&chunk, &forward))
                sctp_receiver_on_forward(receiver, now, &forward);
        } else if ((operation & 0x60) == 0x40) {
            sctp_receiver_reset_streams(receiver, (const uint16_t[]){a, b}, operation % 3);
        } else if ((operation & 0x10) != 0) {
            sctp_receiver_set_streaming(receiver, a, b * 16u);
        } else if ((operation & 8) != 0) {
            size_t bytes = a < 128 ? unconsumed : unconsumed * b / 256;
            sctp_receiver_on_consumed(receiver, now, bytes);
            unconsumed -= bytes;
        } else if (a % 2 == 0) {
            poll(receiver, &unconsumed);
        } else {
            acknowledge(receiver, now, b);
        }
        if (sctp_receiver_held(receiver) > 2 * WINDOW + 2 * 65536)
            abort();
    }
    sctp_receiver_free(receiver);
    return 0;
}
