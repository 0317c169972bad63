#include "sctp/chunk.h"

#include "test.h"

static sctp_chunk_t only_chunk(const uint8_t *bytes, size_t length)
{
    reader_t reader;
    sctp_chunk_t chunk, more;
    reader_init(&reader, bytes, length);
    CHECK(sctp_chunk_read(&reader, &chunk));
    CHECK(!sctp_chunk_read(&reader, &more) && !reader.failed);
    return chunk;
}

TEST(chunks_are_read_one_after_the_other_over_their_padding)
{
    static const uint8_t bytes[] = {6, 1, 0, 5, 0xaa, 0, 0, 0, 14, 0, 0, 4};
    reader_t reader;
    sctp_chunk_t chunk;
    reader_init(&reader, bytes, sizeof bytes);
    CHECK(sctp_chunk_read(&reader, &chunk));
    CHECK_INT(chunk.type, SCTP_CHUNK_ABORT);
    CHECK_INT(chunk.flags, 1);
    CHECK_INT(chunk.length, 1);
    CHECK_INT(chunk.value[0], 0xaa);
    CHECK(sctp_chunk_read(&reader, &chunk));
    CHECK_INT(chunk.type, SCTP_CHUNK_SHUTDOWN_COMPLETE);
    CHECK_INT(chunk.length, 0);
    CHECK(!sctp_chunk_read(&reader, &chunk) && !reader.failed);
}

TEST(a_chunk_whose_length_does_not_fit_fails_the_reader)
{
    static const uint8_t too_long[] = {6, 0, 0, 9, 1, 2, 3, 4}, too_short[] = {6, 0, 0, 3}, half[] = {6, 0, 0};
    const struct {
        const uint8_t *bytes;
        size_t length;
    } cases[] = {{too_long, sizeof too_long}, {too_short, sizeof too_short}, {half, sizeof half}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reader_t reader;
        sctp_chunk_t chunk;
        reader_init(&reader, cases[i].bytes, cases[i].length);
        CHECK(!sctp_chunk_read(&reader, &chunk) && reader.failed);
    }
}

TEST(the_last_chunk_may_lack_its_padding)
{
    static const uint8_t bytes[] = {6, 0, 0, 5, 0xaa};
    CHECK_INT(only_chunk(bytes, sizeof bytes).length, 1);
}

TEST(the_checksum_is_crc32c_with_its_field_as_zero)
{
    uint8_t packet[16] = {0x13, 0x88, 0x13, 0x88, 1, 2, 3, 4, 0, 0, 0, 0, 14, 0, 0, 4};
    uint32_t checksum = sctp_checksum(packet, sizeof packet);
    sctp_checksum_put(packet, checksum);
    CHECK_INT(sctp_checksum(packet, sizeof packet), checksum);
    reader_t reader;
    sctp_header_t header;
    reader_init(&reader, packet, sizeof packet);
    CHECK(sctp_header_read(&reader, &header));
    CHECK_INT(header.checksum, checksum);
    CHECK_INT(packet[8], checksum & 0xff); /* least significant byte first */
    CHECK_INT(header.source_port, 5000);
    CHECK_INT(header.tag, 0x01020304);
    uint8_t again[12];
    writer_t writer;
    writer_init(&writer, again, sizeof again);
    CHECK(sctp_header_write(&writer, &header));
    CHECK_BYTES(again, packet, 12);
}

TEST(data_is_laid_out_as_rfc_9260_says)
{
    static const uint8_t expected[] = {0, 3, 0, 19, 1, 2, 3, 4, 0, 5, 0, 6, 0, 0, 0, 51, 'a', 'b', 'c', 0};
    const sctp_data_t data = {.tsn = 0x01020304,
                              .stream = 5,
                              .message_id = 6,
                              .payload_protocol = 51,
                              .flags = SCTP_DATA_BEGIN | SCTP_DATA_END,
                              .data = (const uint8_t *)"abc",
                              .length = 3};
    uint8_t bytes[20];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    CHECK(sctp_data_write(&writer, &data));
    CHECK_INT(writer.length, sizeof expected);
    CHECK_BYTES(bytes, expected, sizeof expected);
    sctp_data_t back;
    sctp_chunk_t chunk = only_chunk(bytes, sizeof bytes);
    CHECK(sctp_data_parse(&chunk, &back));
    CHECK_INT(back.tsn, data.tsn);
    CHECK_INT(back.stream, 5);
    CHECK_INT(back.message_id, 6);
    CHECK_INT(back.payload_protocol, 51);
    CHECK_INT(back.length, 3);
    CHECK(!back.is_interleaved);
}

TEST(i_data_bears_the_payload_protocol_first_and_the_fragment_number_then)
{
    sctp_data_t data = {.tsn = 1,
                        .stream = 2,
                        .message_id = 0x10000,
                        .payload_protocol = 53,
                        .fragment = 7,
                        .is_interleaved = true,
                        .flags = SCTP_DATA_BEGIN,
                        .data = (const uint8_t *)"x",
                        .length = 1};
    uint8_t bytes[64];
    for (int i = 0; i < 2; i++) {
        writer_t writer;
        sctp_data_t back;
        data.flags = i == 0 ? SCTP_DATA_BEGIN : 0;
        writer_init(&writer, bytes, sizeof bytes);
        CHECK(sctp_data_write(&writer, &data));
        CHECK_INT(writer.length, SCTP_I_DATA_HEADER_SIZE + 4);
        sctp_chunk_t chunk = only_chunk(bytes, writer.length);
        CHECK(sctp_data_parse(&chunk, &back));
        CHECK(back.is_interleaved);
        CHECK_INT(back.message_id, 0x10000);
        CHECK_INT(back.payload_protocol, i == 0 ? 53 : 0);
        CHECK_INT(back.fragment, i == 0 ? 0 : 7);
    }
}

TEST(what_does_not_fit_is_not_written)
{
    uint8_t bytes[18];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    CHECK(!sctp_data_write(&writer, &(sctp_data_t){.data = (const uint8_t *)"abc", .length = 3}));
    CHECK_INT(writer.length, 0);
    CHECK(!writer.failed);
    CHECK(!sctp_chunk_write(&writer, SCTP_CHUNK_ERROR, 0, bytes, 15));
    CHECK(sctp_chunk_write(&writer, SCTP_CHUNK_ERROR, 0, "0123456789", 10));
    CHECK_INT(writer.length, 16);
    CHECK(!sctp_forward_write(&writer, 1, false, NULL, 0));
    CHECK_INT(writer.length, 16);
}

TEST(an_empty_data_chunk_parses_and_a_cut_one_does_not)
{
    static const uint8_t value[16];
    sctp_data_t data;
    CHECK(sctp_data_parse(&(sctp_chunk_t){.type = SCTP_CHUNK_DATA, .value = value, .length = 12}, &data));
    CHECK_INT(data.length, 0);
    CHECK(!sctp_data_parse(&(sctp_chunk_t){.type = SCTP_CHUNK_DATA, .value = value, .length = 11}, &data));
    CHECK(!sctp_data_parse(&(sctp_chunk_t){.type = SCTP_CHUNK_I_DATA, .value = value, .length = 15}, &data));
    CHECK(!sctp_data_parse(&(sctp_chunk_t){.type = SCTP_CHUNK_SACK, .value = value, .length = 16}, &data));
}

TEST(a_sack_goes_and_comes_back_and_its_counts_must_fit)
{
    static const uint8_t gaps[] = {0, 2, 0, 3, 0, 5, 0, 5}, duplicates[] = {0, 0, 0, 9};
    const sctp_sack_t sack = {.cumulative = 100, .window = 70000, .gap_count = 2, .duplicate_count = 1, .gaps = gaps};
    uint8_t bytes[64];
    writer_t writer;
    sctp_sack_t back;
    writer_init(&writer, bytes, sizeof bytes);
    CHECK(sctp_sack_write(&writer, &sack, duplicates));
    sctp_chunk_t chunk = only_chunk(bytes, writer.length);
    CHECK(sctp_sack_parse(&chunk, &back));
    CHECK_INT(back.cumulative, 100);
    CHECK_INT(back.window, 70000);
    CHECK_INT(back.gap_count, 2);
    CHECK_INT(back.duplicate_count, 1);
    CHECK_BYTES(back.gaps, gaps, sizeof gaps);
    chunk.length -= 4;
    CHECK(!sctp_sack_parse(&chunk, &back));
    chunk.length = 8;
    CHECK(!sctp_sack_parse(&chunk, &back));
}

TEST(forward_tsn_of_both_kinds_goes_and_comes_back)
{
    const sctp_forward_stream_t streams[] = {{.stream = 1, .message_id = 2}, {.stream = 65534, .is_unordered = true, .message_id = 70000}};
    for (int kind = 0; kind < 2; kind++) {
        uint8_t bytes[64];
        writer_t writer;
        sctp_forward_t forward;
        sctp_forward_stream_t stream;
        writer_init(&writer, bytes, sizeof bytes);
        CHECK(sctp_forward_write(&writer, 77, kind == 1, streams, 2));
        sctp_chunk_t chunk = only_chunk(bytes, writer.length);
        CHECK_INT(chunk.type, kind == 1 ? SCTP_CHUNK_I_FORWARD_TSN : SCTP_CHUNK_FORWARD_TSN);
        CHECK(sctp_forward_parse(&chunk, &forward));
        CHECK_INT(forward.cumulative, 77);
        CHECK(sctp_forward_read(&forward, &stream));
        CHECK_INT(stream.stream, 1);
        CHECK_INT(stream.message_id, 2);
        CHECK(!stream.is_unordered);
        CHECK(sctp_forward_read(&forward, &stream));
        CHECK_INT(stream.stream, 65534);
        CHECK_INT(stream.is_unordered, kind);
        CHECK_INT(stream.message_id, kind == 1 ? 70000 : 70000 % 65536);
        CHECK(!sctp_forward_read(&forward, &stream));
        chunk.length--;
        CHECK(!sctp_forward_parse(&chunk, &forward));
    }
}

TEST(init_goes_and_comes_back_with_its_parameters)
{
    const sctp_init_t init = {.tag = 1, .window = 2, .outbound_streams = 3, .inbound_streams = 4, .initial_tsn = 5};
    uint8_t bytes[64];
    writer_t writer;
    sctp_init_t back;
    sctp_parameter_t parameter;
    writer_init(&writer, bytes, sizeof bytes);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT, 0);
    CHECK(sctp_init_write(&writer, &init));
    CHECK(sctp_parameter_write(&writer, SCTP_PARAMETER_EXTENSIONS, "\x82\xc0\x40", 3));
    CHECK(sctp_parameter_write(&writer, SCTP_PARAMETER_FORWARD_TSN, NULL, 0));
    CHECK(sctp_chunk_end(&writer, at));
    sctp_chunk_t chunk = only_chunk(bytes, writer.length);
    CHECK(sctp_init_parse(&chunk, &back));
    CHECK_INT(back.tag, 1);
    CHECK_INT(back.window, 2);
    CHECK_INT(back.outbound_streams, 3);
    CHECK_INT(back.inbound_streams, 4);
    CHECK_INT(back.initial_tsn, 5);
    CHECK(sctp_parameter_read(&back.parameters, &parameter));
    CHECK_INT(parameter.type, SCTP_PARAMETER_EXTENSIONS);
    CHECK_INT(parameter.length, 3);
    CHECK(sctp_parameter_read(&back.parameters, &parameter));
    CHECK_INT(parameter.type, SCTP_PARAMETER_FORWARD_TSN);
    CHECK(!sctp_parameter_read(&back.parameters, &parameter) && !back.parameters.failed);
    chunk.length = 15;
    CHECK(!sctp_init_parse(&chunk, &back));
}

TEST(a_chunk_longer_than_its_length_field_can_say_fails_the_writer)
{
    static uint8_t bytes[70000];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_PAD, 0);
    writer_zero(&writer, 66000);
    CHECK(!sctp_chunk_end(&writer, at) && writer.failed);
}

TEST(every_parameter_of_re_config_goes_and_comes_back)
{
    static const uint8_t streams[] = {0, 1, 0xff, 0xfe, 0, 3};
    const sctp_reconfig_t all[] = {
        {.type = SCTP_PARAMETER_RESET_OUTGOING, .sequence = 1, .response_to = 2, .last_tsn = 3, .streams = streams, .stream_count = 3},
        {.type = SCTP_PARAMETER_RESET_INCOMING, .sequence = 4, .streams = streams, .stream_count = 1},
        {.type = SCTP_PARAMETER_RESET_TSN, .sequence = 5},
        {.type = SCTP_PARAMETER_RESPONSE, .sequence = 6, .result = SCTP_RECONFIG_IN_PROGRESS},
        {.type = SCTP_PARAMETER_RESPONSE, .sequence = 7, .result = 1, .has_tsns = true, .sender_tsn = 8, .receiver_tsn = 9},
        {.type = SCTP_PARAMETER_ADD_OUTGOING, .sequence = 10, .count = 11},
        {.type = SCTP_PARAMETER_ADD_INCOMING, .sequence = 12, .count = 65535},
    };
    uint8_t bytes[256];
    writer_t writer;
    reader_t reader;
    sctp_parameter_t parameter;
    writer_init(&writer, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK(sctp_reconfig_write(&writer, &all[i]));
    reader_init(&reader, bytes, writer.length);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sctp_reconfig_t back;
        CHECK(sctp_parameter_read(&reader, &parameter));
        CHECK(sctp_reconfig_parse(&parameter, &back));
        CHECK_INT(back.type, all[i].type);
        CHECK_INT(back.sequence, all[i].sequence);
        CHECK_INT(back.response_to, all[i].response_to);
        CHECK_INT(back.last_tsn, all[i].last_tsn);
        CHECK_INT(back.count, all[i].count);
        CHECK_INT(back.result, all[i].result);
        CHECK_INT(back.has_tsns, all[i].has_tsns);
        CHECK_INT(back.sender_tsn, all[i].sender_tsn);
        CHECK_INT(back.receiver_tsn, all[i].receiver_tsn);
        CHECK_INT(back.stream_count, all[i].stream_count);
        if (back.stream_count > 0)
            CHECK_BYTES(back.streams, streams, 2 * back.stream_count);
        parameter.length--;
        CHECK(!sctp_reconfig_parse(&parameter, &back));
    }
    CHECK(!sctp_parameter_read(&reader, &parameter) && !reader.failed);
    CHECK(!sctp_reconfig_parse(&(sctp_parameter_t){.type = 99, .value = bytes, .length = 4}, &(sctp_reconfig_t){0}));
}

TEST(a_parameter_whose_length_does_not_fit_fails_the_reader)
{
    static const uint8_t too_long[] = {0, 7, 0, 9, 1, 2, 3, 4}, too_short[] = {0, 7, 0, 3}, half[] = {0, 7};
    const struct {
        const uint8_t *bytes;
        size_t length;
    } cases[] = {{too_long, sizeof too_long}, {too_short, sizeof too_short}, {half, sizeof half}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reader_t reader;
        sctp_parameter_t parameter;
        reader_init(&reader, cases[i].bytes, cases[i].length);
        CHECK(!sctp_parameter_read(&reader, &parameter) && reader.failed);
    }
}
