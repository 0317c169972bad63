/* Any bytes as an SCTP packet: every chunk and parameter is read by whoever would read it, and what is read whole is written again to the
 * same meaning. */
#include "sctp/chunk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static sctp_chunk_t read_back(const writer_t *writer)
{
    reader_t reader;
    sctp_chunk_t chunk;
    reader_init(&reader, writer->data, writer->length);
    check(sctp_chunk_read(&reader, &chunk) && reader_left(&reader) == 0);
    return chunk;
}

static void use_data(const sctp_chunk_t *chunk, writer_t *writer)
{
    sctp_data_t data, again;
    if (!sctp_data_parse(chunk, &data))
        return;
    check(sctp_data_write(writer, &data));
    sctp_chunk_t back = read_back(writer);
    check(sctp_data_parse(&back, &again) && again.tsn == data.tsn && again.stream == data.stream && again.message_id == data.message_id &&
          again.fragment == data.fragment && again.payload_protocol == data.payload_protocol && again.flags == data.flags &&
          again.length == data.length && (data.length == 0 || memcmp(again.data, data.data, data.length) == 0));
}

static void use_sack(const sctp_chunk_t *chunk, writer_t *writer)
{
    sctp_sack_t sack;
    if (!sctp_sack_parse(chunk, &sack))
        return;
    check(sctp_sack_write(writer, &sack, sack.gaps + 4 * (size_t)sack.gap_count));
    sctp_chunk_t back = read_back(writer);
    check(back.length == chunk->length && memcmp(back.value, chunk->value, back.length) == 0);
}

static void use_forward(const sctp_chunk_t *chunk, writer_t *writer)
{
    static sctp_forward_stream_t streams[UINT16_MAX / 4];
    sctp_forward_t forward, again;
    sctp_forward_stream_t stream;
    size_t count = 0;
    if (!sctp_forward_parse(chunk, &forward))
        return;
    while (sctp_forward_read(&forward, &streams[count]))
        count++;
    check(!forward.streams.failed);
    check(sctp_forward_write(writer, forward.cumulative, forward.is_interleaved, streams, count));
    sctp_chunk_t back = read_back(writer);
    check(sctp_forward_parse(&back, &again) && again.cumulative == forward.cumulative);
    for (size_t i = 0; i < count; i++)
        check(sctp_forward_read(&again, &stream) && stream.stream == streams[i].stream && stream.message_id == streams[i].message_id &&
              stream.is_unordered == streams[i].is_unordered);
}

static void use_parameters(reader_t *reader, writer_t *writer)
{
    sctp_parameter_t parameter;
    sctp_reconfig_t reconfig, again;
    while (sctp_parameter_read(reader, &parameter)) {
        writer->length = 0;
        if (!sctp_reconfig_parse(&parameter, &reconfig))
            continue;
        check(sctp_reconfig_write(writer, &reconfig));
        reader_t back;
        sctp_parameter_t copy;
        reader_init(&back, writer->data, writer->length);
        check(sctp_parameter_read(&back, &copy) && sctp_reconfig_parse(&copy, &again));
        check(again.type == reconfig.type && again.sequence == reconfig.sequence && again.response_to == reconfig.response_to &&
              again.last_tsn == reconfig.last_tsn && again.count == reconfig.count && again.result == reconfig.result &&
              again.has_tsns == reconfig.has_tsns && again.stream_count == reconfig.stream_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[70000];
    reader_t reader, inner;
    sctp_header_t header;
    sctp_chunk_t chunk;
    sctp_init_t init;
    writer_t writer;
    reader_init(&reader, data, size);
    if (!sctp_header_read(&reader, &header))
        return 0;
    writer_init(&writer, bytes, sizeof bytes);
    check(sctp_header_write(&writer, &header) && memcmp(bytes, data, SCTP_COMMON_HEADER_SIZE) == 0);
    volatile uint32_t sink = sctp_checksum(data, size);
    (void)sink;
    while (sctp_chunk_read(&reader, &chunk)) {
        writer_init(&writer, bytes, sizeof bytes);
        use_data(&chunk, &writer);
        writer.length = 0;
        use_sack(&chunk, &writer);
        writer.length = 0;
        use_forward(&chunk, &writer);
        if (sctp_init_parse(&chunk, &init))
            use_parameters(&init.parameters, &writer);
        reader_init(&inner, chunk.value, chunk.length);
        use_parameters(&inner, &writer);
        writer_init(&writer, bytes, sizeof bytes);
        check(sctp_chunk_write(&writer, chunk.type, chunk.flags, chunk.value, chunk.length));
        sctp_chunk_t back = read_back(&writer);
        check(back.type == chunk.type && back.flags == chunk.flags && back.length == chunk.length);
    }
    return 0;
}
