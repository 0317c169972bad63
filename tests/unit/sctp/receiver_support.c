#include "receiver_support.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

sctp_receiver_t *receiver_new(size_t window, size_t max_message_size, bool is_interleaved)
{
    sctp_receiver_t *receiver =
        sctp_receiver_new(&(sctp_receiver_config_t){.window = window, .max_message_size = max_message_size, .max_streams = 65535});
    CHECK(receiver != NULL);
    sctp_receiver_start(receiver, FIRST_TSN, is_interleaved);
    return receiver;
}

sctp_receiver_verdict_t receiver_give(sctp_receiver_t *receiver, uint32_t tsn, uint16_t stream, uint32_t id, uint32_t fragment,
                                      uint8_t flags, const void *data, size_t length, bool is_interleaved)
{
    uint8_t *copy = malloc(length + 1); /* so that a step beyond is found */
    memcpy(copy + 1, data, length);
    sctp_data_t chunk = {.tsn = FIRST_TSN + tsn,
                         .stream = stream,
                         .message_id = id,
                         .fragment = fragment,
                         .payload_protocol = 51,
                         .flags = flags,
                         .is_interleaved = is_interleaved,
                         .data = copy + 1,
                         .length = length};
    sctp_receiver_verdict_t verdict = sctp_receiver_on_data(receiver, 0, &chunk);
    sctp_receiver_on_packet_end(receiver, 0);
    free(copy);
    return verdict;
}

sctp_receiver_verdict_t receiver_forward(sctp_receiver_t *receiver, uint32_t tsn, const sctp_forward_stream_t *streams, size_t count,
                                         bool is_interleaved)
{
    uint8_t bytes[65536];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    writer_u32(&writer, FIRST_TSN + tsn);
    for (size_t i = 0; i < count; i++) {
        writer_u16(&writer, streams[i].stream);
        if (is_interleaved) {
            writer_u16(&writer, streams[i].is_unordered);
            writer_u32(&writer, streams[i].message_id);
        } else {
            writer_u16(&writer, (uint16_t)streams[i].message_id);
        }
    }
    sctp_chunk_t chunk = {
        .type = is_interleaved ? SCTP_CHUNK_I_FORWARD_TSN : SCTP_CHUNK_FORWARD_TSN, .value = bytes, .length = writer.length};
    sctp_forward_t forward;
    CHECK(!writer.failed && sctp_forward_parse(&chunk, &forward));
    sctp_receiver_verdict_t verdict = sctp_receiver_on_forward(receiver, 0, &forward);
    sctp_receiver_on_packet_end(receiver, 0);
    return verdict;
}

const char *receiver_told(sctp_receiver_t *receiver)
{
    static char text[4096];
    size_t length = 0;
    sctp_association_event_t event;
    text[0] = '\0';
    while (sctp_receiver_poll(receiver, &event)) {
        char kind = event.type == SCTP_ASSOCIATION_MESSAGE     ? 'm'
                    : event.type == SCTP_ASSOCIATION_PART_LOST ? '-'
                    : event.type == SCTP_ASSOCIATION_TOO_LARGE ? '!'
                    : event.is_first && event.is_last          ? 'o'
                    : event.is_first                           ? 'f'
                    : event.is_last                            ? 'l'
                                                               : 'p';
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%c%u", length > 0 ? " " : "", kind, (unsigned)event.stream);
        if (event.message == NULL)
            continue;
        CHECK_INT(event.payload_protocol, 51);
        length +=
            (size_t)snprintf(text + length, sizeof text - length, ":%.*s", (int)event.message->length, (const char *)event.message->data);
        CHECK(length < sizeof text);
        sctp_receiver_on_consumed(receiver, 0, event.message->length);
        blob_unref(event.message);
    }
    return text;
}

const char *receiver_sack(sctp_receiver_t *receiver, peer_time_t now)
{
    static char text[4096];
    uint8_t bytes[1200];
    if (!sctp_receiver_wants_sack(receiver, now))
        return "";
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    CHECK(sctp_receiver_write_sack(receiver, now, &writer));
    reader_t reader;
    sctp_chunk_t chunk;
    sctp_sack_t sack;
    reader_init(&reader, bytes, writer.length);
    CHECK(sctp_chunk_read(&reader, &chunk) && sctp_sack_parse(&chunk, &sack) && reader_left(&reader) == 0);
    size_t length = (size_t)snprintf(text, sizeof text, "%d", (int)(sack.cumulative - FIRST_TSN));
    for (unsigned i = 0; i < sack.gap_count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, " %d-%d",
                                   (int)(sack.cumulative - FIRST_TSN) + bytes_get_u16(sack.gaps + 4 * i),
                                   (int)(sack.cumulative - FIRST_TSN) + bytes_get_u16(sack.gaps + 4 * i + 2));
    for (unsigned i = 0; i < sack.duplicate_count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, " =%d",
                                   (int)(bytes_get_u32(sack.gaps + 4u * sack.gap_count + 4 * i) - FIRST_TSN));
    return text;
}
