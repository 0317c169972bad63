/* A remote side that DTLS has authenticated and that means harm, chunk by chunk: whatever it sends, memory stays bounded, an answer is
 * never larger than what it answers, and what is wrong is refused as RFC 9260 says. */
#include "association_pair.h"
#include "victim.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <malloc.h>
#include <stdlib.h>

TEST(packets_that_belong_to_nothing_are_answered_with_nothing)
{
    static const uint8_t types[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 64, 0x82, 0xc0, 0xc2, 0x3f, 0x7f, 0xff};
    victim_t v;
    victim_new(&v);
    for (int started = 0; started < 2; started++) {
        for (size_t i = 0; i < sizeof types; i++) {
            uint8_t chunk[24] = {types[i], 3, 0, 24};
            forge_tagged(&v, 0, chunk, sizeof chunk);
            forge_tagged(&v, v.tag ^ 1, chunk, sizeof chunk);
            if (!started)
                forge_tagged(&v, v.tag, chunk, sizeof chunk);
            victim_poll(&v);
        }
        CHECK_INT(v.packets_out, 0);
        CHECK(!is_over(&v));
        if (!started) {
            CHECK_INT(sctp_association_connect(v.association, v.now, LINK_PORT), 0);
            victim_poll(&v);
            CHECK_INT(v.packets_out, 1);
            v.packets_out = 0;
        }
    }
    victim_free(&v);
}

TEST(an_abort_counts_with_our_tag_or_reflected_with_theirs)
{
    static const uint8_t plain[] = {6, 0, 0, 4}, reflected[] = {6, 1, 0, 4};
    static const struct {
        bool is_theirs, is_reflected, ends;
    } cases[] = {{false, false, true}, {true, true, true}, {true, false, false}, {false, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        victim_t v;
        victim_up(&v);
        forge_tagged(&v, cases[i].is_theirs ? THEIR_TAG : v.tag, cases[i].is_reflected ? reflected : plain, 4);
        victim_poll(&v);
        CHECK_INT(is_over(&v), cases[i].ends);
        CHECK_INT(v.packets_out, 0);
        victim_free(&v);
    }
}

TEST(packets_that_are_cut_or_changed_are_dropped)
{
    victim_t v;
    victim_up(&v);
    uint8_t packet[16] = {LINK_PORT >> 8, LINK_PORT & 0xff, LINK_PORT >> 8, LINK_PORT & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 4};
    bytes_put_u32(packet + 4, v.tag);
    sctp_checksum_put(packet, sctp_checksum(packet, sizeof packet) ^ 1);
    for (size_t length = 0; length <= sizeof packet; length++)
        sctp_association_input(v.association, v.now, packet, length);
    packet[1]++; /* another port */
    sctp_checksum_put(packet, sctp_checksum(packet, sizeof packet));
    sctp_association_input(v.association, v.now, packet, sizeof packet);
    victim_poll(&v);
    CHECK(!is_over(&v));
    CHECK_INT(v.packets_out, 0);
    packet[1]--;
    sctp_checksum_put(packet, sctp_checksum(packet, sizeof packet));
    sctp_association_input(v.association, v.now, packet, sizeof packet);
    victim_poll(&v);
    CHECK(is_over(&v));
    victim_free(&v);
}

TEST(an_init_that_makes_no_association_is_answered_by_an_abort_of_its_tag)
{
    sctp_init_t bad[3] = {their_init, their_init, their_init};
    bad[0].outbound_streams = 0;
    bad[1].inbound_streams = 0;
    bad[2].window = 1499;
    for (size_t i = 0; i < 3; i++) {
        victim_t v;
        uint8_t init[256];
        victim_new(&v);
        forge_tagged(&v, 0, init, write_init(init, sizeof init, SCTP_CHUNK_INIT, &bad[i]));
        victim_poll(&v);
        CHECK_INT(v.packets_out, 1);
        CHECK_INT(bytes_get_u32(v.last + 4), THEIR_TAG);
        CHECK_INT(answer_of(&v).type, SCTP_CHUNK_ABORT);
        CHECK(!is_over(&v));
        victim_free(&v);
    }
}

TEST(an_init_without_a_tag_or_not_alone_is_dropped)
{
    victim_t v;
    uint8_t init[256];
    sctp_init_t no_tag = their_init;
    no_tag.tag = 0;
    victim_new(&v);
    forge_tagged(&v, 0, init, write_init(init, sizeof init, SCTP_CHUNK_INIT, &no_tag));
    size_t length = write_init(init, sizeof init, SCTP_CHUNK_INIT, &their_init);
    forge_tagged(&v, v.tag, init, length);
    forge_tagged(&v, 0, init, length - 4);
    memcpy(init + length, (const uint8_t[]){11, 0, 0, 4}, 4);
    forge_tagged(&v, 0, init, length + 4);
    victim_poll(&v);
    CHECK_INT(v.packets_out, 0);
    victim_free(&v);
}

static size_t cookie_echo(victim_t *v, uint8_t *chunk)
{
    sctp_chunk_t ack = answer_of(v);
    sctp_init_t init;
    sctp_parameter_t parameter;
    CHECK_INT(ack.type, SCTP_CHUNK_INIT_ACK);
    CHECK(sctp_init_parse(&ack, &init));
    while (sctp_parameter_read(&init.parameters, &parameter))
        if (parameter.type == SCTP_PARAMETER_COOKIE) {
            chunk[0] = SCTP_CHUNK_COOKIE_ECHO;
            chunk[1] = 0;
            bytes_put_u16(chunk + 2, (uint16_t)(4 + parameter.length));
            memcpy(chunk + 4, parameter.value, parameter.length);
            return 4 + parameter.length;
        }
    test_fail(__FILE__, __LINE__, "no cookie");
}

TEST(a_flood_of_inits_is_answered_once_a_turn_and_the_newest_cookie_counts)
{
    victim_t v;
    uint8_t init[256], first[100], last[100];
    sctp_init_t theirs = their_init;
    victim_new(&v);
    forge_tagged(&v, 0, init, write_init(init, sizeof init, SCTP_CHUNK_INIT, &theirs));
    victim_poll(&v);
    size_t length = cookie_echo(&v, first);
    v.packets_out = 0;
    for (uint32_t i = 1; i <= 10000; i++) {
        theirs.tag = i;
        forge_tagged(&v, 0, init, write_init(init, sizeof init, SCTP_CHUNK_INIT, &theirs));
    }
    CHECK(packet_pool_outstanding(v.pool) <= 1);
    victim_poll(&v);
    CHECK_INT(v.packets_out, 1);
    cookie_echo(&v, last);
    forge_tagged(&v, v.tag, first, length);
    victim_poll(&v);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_UP], 0);
    CHECK_INT(v.packets_out, 1);
    last[10] ^= 1;
    forge(&v, last, length);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_UP], 0);
    last[10] ^= 1;
    forge(&v, last, length);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_UP], 1);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_COOKIE_ACK);
    forge(&v, last, length); /* its answer was lost */
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_COOKIE_ACK);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_UP], 1);
    victim_free(&v);
}

TEST(an_init_ack_that_lacks_something_ends_the_attempt)
{
    for (int i = 0; i < 3; i++) {
        victim_t v;
        uint8_t chunk[256];
        sctp_init_t theirs = their_init;
        victim_new(&v);
        CHECK_INT(sctp_association_connect(v.association, v.now, LINK_PORT), 0);
        victim_poll(&v);
        if (i == 1)
            theirs.tag = 0;
        if (i == 2)
            theirs.inbound_streams = 0;
        forge(&v, chunk, write_init(chunk, sizeof chunk, SCTP_CHUNK_INIT_ACK, &theirs));
        CHECK(is_over(&v) && !v.is_orderly);
        CHECK_INT(answer_of(&v).type, i == 1 ? SCTP_CHUNK_INIT : SCTP_CHUNK_ABORT); /* without a tag nobody can be told */
        victim_free(&v);
    }
}

TEST(unknown_parameters_of_an_init_are_treated_by_their_highest_bits)
{
    static const struct {
        uint8_t type;
        bool goes_on, reports;
    } cases[] = {{0x30, false, false}, {0x70, false, true}, {0xb0, true, false}, {0xf0, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        victim_t v;
        uint8_t init[256];
        writer_t writer;
        victim_new(&v);
        writer_init(&writer, init, sizeof init);
        size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT, 0);
        sctp_init_write(&writer, &their_init);
        sctp_parameter_write(&writer, (uint16_t)(cases[i].type << 8 | 1), "abc", 3);
        sctp_parameter_write(&writer, 0xf002, "d", 1); /* seen only by who goes on */
        CHECK(sctp_chunk_end(&writer, at));
        forge_tagged(&v, 0, init, writer.length);
        victim_poll(&v);
        sctp_chunk_t ack = answer_of(&v);
        sctp_init_t answer;
        sctp_parameter_t parameter;
        bool is_reported = false, has_gone_on = false;
        CHECK_INT(ack.type, SCTP_CHUNK_INIT_ACK);
        CHECK(sctp_init_parse(&ack, &answer));
        while (sctp_parameter_read(&answer.parameters, &parameter))
            for (size_t k = 0; parameter.type == SCTP_PARAMETER_UNRECOGNIZED && k + 1 < parameter.length; k += 8) {
                is_reported |= parameter.value[k] == cases[i].type && parameter.value[k + 1] == 1;
                has_gone_on |= bytes_get_u16(parameter.value + k) == 0xf002;
            }
        CHECK_INT(is_reported, cases[i].reports);
        CHECK_INT(has_gone_on, cases[i].goes_on);
        victim_free(&v);
    }
}

TEST(a_stale_cookie_brings_another_init)
{
    victim_t v;
    uint8_t chunk[256];
    writer_t writer;
    victim_new(&v);
    CHECK_INT(sctp_association_connect(v.association, v.now, LINK_PORT), 0);
    victim_poll(&v);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_INIT);
    for (int i = 0; i < 2; i++) {
        writer_init(&writer, chunk, sizeof chunk);
        size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT_ACK, 0);
        sctp_init_write(&writer, &their_init);
        sctp_parameter_write(&writer, SCTP_PARAMETER_COOKIE, "cookie", 6);
        CHECK(sctp_chunk_end(&writer, at));
        forge(&v, chunk, writer.length);
        sctp_chunk_t echo = answer_of(&v);
        CHECK_INT(echo.type, SCTP_CHUNK_COOKIE_ECHO);
        CHECK_INT(echo.length, 6);
        if (i == 0) {
            FORGE(&v, SCTP_CHUNK_ERROR, 0, 0, 12, 0, SCTP_CAUSE_STALE_COOKIE, 0, 8, 0, 0, 0, 9);
            CHECK_INT(answer_of(&v).type, SCTP_CHUNK_INIT);
        }
    }
    FORGE(&v, SCTP_CHUNK_COOKIE_ACK, 0, 0, 4);
    forge_data(&v, THEIR_TSN, 1, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_UP], 1);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 1);
    victim_free(&v);
}

TEST(an_init_of_before_that_comes_late_leaves_the_association_alone)
{
    victim_t v;
    uint8_t init[256], echo[100];
    victim_new(&v);
    size_t length = write_init(init, sizeof init, SCTP_CHUNK_INIT, &their_init);
    forge_tagged(&v, 0, init, length);
    victim_poll(&v);
    size_t echo_length = cookie_echo(&v, echo);
    forge(&v, echo, echo_length);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_COOKIE_ACK);
    forge_tagged(&v, 0, init, length);
    victim_poll(&v);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_INIT_ACK); /* as if it were a restart, until its cookie came */
    forge_data(&v, THEIR_TSN, 1, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 1);
    CHECK(!is_over(&v));
    victim_free(&v);
}

TEST(data_proves_that_the_cookie_arrived)
{
    victim_t v;
    uint8_t chunk[256];
    writer_t writer;
    victim_new(&v);
    CHECK_INT(sctp_association_connect(v.association, v.now, LINK_PORT), 0);
    writer_init(&writer, chunk, sizeof chunk);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT_ACK, 0);
    sctp_init_write(&writer, &their_init);
    sctp_parameter_write(&writer, SCTP_PARAMETER_COOKIE, "cookie", 6);
    CHECK(sctp_chunk_end(&writer, at));
    forge(&v, chunk, writer.length);
    forge_data(&v, THEIR_TSN, 1, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 1);
    v.now += 10 * PEER_SECOND;
    size_t before = v.packets_out;
    if (sctp_association_deadline(v.association) <= v.now)
        sctp_association_timeout(v.association, v.now);
    victim_poll(&v);
    CHECK(v.packets_out <= before + 1 && answer_of(&v).type != SCTP_CHUNK_COOKIE_ECHO);
    victim_free(&v);
}

TEST(heartbeats_are_answered_by_no_more_than_they_are)
{
    static uint8_t heartbeat[1000] = {SCTP_CHUNK_HEARTBEAT, 0, 1000 >> 8, 1000 & 0xff, 0, 1, 996 >> 8, 996 & 0xff, 'x'};
    victim_t v;
    victim_up(&v);
    for (int i = 0; i < 1000; i++)
        forge_tagged(&v, v.tag, heartbeat, sizeof heartbeat);
    CHECK(packet_pool_outstanding(v.pool) <= 1);
    victim_poll(&v);
    CHECK_INT(v.packets_out, 1);
    CHECK(v.bytes_out <= 1200);
    sctp_chunk_t chunk = answer_of(&v);
    CHECK_INT(chunk.type, SCTP_CHUNK_HEARTBEAT_ACK);
    CHECK_INT(chunk.length, 996);
    CHECK_BYTES(chunk.value, heartbeat + 4, 996);
    victim_free(&v);
}

TEST(unknown_chunks_are_treated_by_their_highest_bits)
{
    static const struct {
        uint8_t type;
        bool goes_on, reports;
    } cases[] = {{0x30, false, false}, {0x70, false, true}, {0xb0, true, false}, {0xf0, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        victim_t v;
        victim_up(&v);
        FORGE(&v, cases[i].type, 0, 0, 5, 9, 0, 0, 0, SCTP_CHUNK_HEARTBEAT, 0, 0, 8, 0, 1, 0, 4);
        CHECK_INT(v.packets_out, cases[i].goes_on || cases[i].reports);
        sctp_chunk_t chunk = answer_of(&v);
        if (cases[i].reports) {
            CHECK_INT(chunk.type, SCTP_CHUNK_ERROR);
            CHECK_INT(bytes_get_u16(chunk.value), SCTP_CAUSE_UNRECOGNIZED_CHUNK);
            CHECK_INT(chunk.value[4], cases[i].type);
        } else if (cases[i].goes_on) {
            CHECK_INT(chunk.type, SCTP_CHUNK_HEARTBEAT_ACK);
        }
        CHECK(!is_over(&v));
        victim_free(&v);
    }
}

TEST(a_packet_is_answered_by_one_error_at_most)
{
    uint8_t chunks[1000];
    victim_t v;
    victim_up(&v);
    for (size_t i = 0; i < sizeof chunks; i += 4)
        memcpy(chunks + i, (const uint8_t[]){0xff, 0, 0, 4}, 4);
    forge(&v, chunks, sizeof chunks);
    CHECK_INT(v.packets_out, 1);
    CHECK(v.bytes_out <= 40);
    victim_free(&v);
}

TEST(data_without_data_and_acknowledgements_of_nothing_end_the_association)
{
    victim_t v;
    victim_up(&v);
    FORGE(&v, 0, 3, 0, 16, 0, 0, THEIR_TSN >> 8, THEIR_TSN & 0xff, 0, 0, 0, 0, 0, 0, 0, 53);
    CHECK(is_over(&v) && !v.is_orderly);
    CHECK_INT(v.cause_code, SCTP_CAUSE_NO_USER_DATA);
    CHECK_INT(answer_of(&v).type, SCTP_CHUNK_ABORT);
    victim_free(&v);
    victim_up(&v);
    uint8_t sack[16] = {SCTP_CHUNK_SACK, 0, 0, 16};
    bytes_put_u32(sack + 4, v.tsn + 5);
    bytes_put_u32(sack + 8, 100000);
    forge(&v, sack, sizeof sack);
    CHECK(is_over(&v));
    CHECK_INT(v.cause_code, SCTP_CAUSE_PROTOCOL_VIOLATION);
    sctp_chunk_t chunk = answer_of(&v);
    CHECK_INT(chunk.type, SCTP_CHUNK_ABORT);
    CHECK_INT(bytes_get_u16(chunk.value), SCTP_CAUSE_PROTOCOL_VIOLATION);
    victim_free(&v);
}

TEST(data_on_a_stream_there_is_not_is_acknowledged_and_reported)
{
    victim_t v;
    victim_up(&v);
    forge_data(&v, THEIR_TSN, 5000, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK(!is_over(&v));
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 0);
    sctp_chunk_t chunk = answer_of(&v);
    CHECK_INT(chunk.type, SCTP_CHUNK_ERROR);
    CHECK_INT(bytes_get_u16(chunk.value), SCTP_CAUSE_INVALID_STREAM);
    CHECK_INT(bytes_get_u16(chunk.value + 4), 5000);
    forge_data(&v, THEIR_TSN + 1, 5, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 1);
    victim_free(&v);
}

static void forge_reconfig(victim_t *v, const sctp_reconfig_t *request)
{
    uint8_t chunk[4096];
    writer_t writer;
    writer_init(&writer, chunk, sizeof chunk);
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_RE_CONFIG, 0);
    sctp_reconfig_write(&writer, request);
    CHECK(sctp_chunk_end(&writer, at));
    forge_tagged(v, v->tag, chunk, writer.length);
}

/* What the last packet answers; -1: nothing. */
static int result_of(victim_t *v, uint32_t sequence)
{
    sctp_chunk_t chunk = answer_of(v);
    reader_t reader;
    sctp_parameter_t parameter;
    sctp_reconfig_t response;
    if (chunk.type != SCTP_CHUNK_RE_CONFIG)
        return -1;
    reader_init(&reader, chunk.value, chunk.length);
    CHECK(sctp_parameter_read(&reader, &parameter) && sctp_reconfig_parse(&parameter, &response));
    CHECK_INT(response.type, SCTP_PARAMETER_RESPONSE);
    CHECK_INT(response.sequence, sequence);
    return (int)response.result;
}

static int ask(victim_t *v, const sctp_reconfig_t *request)
{
    forge_reconfig(v, request);
    victim_poll(v);
    return result_of(v, request->sequence);
}

TEST(requests_are_carried_out_once_and_answered_again)
{
    static const uint8_t streams[] = {0, 3, 0, 4};
    victim_t v;
    victim_up(&v);
    sctp_reconfig_t reset = {
        .type = SCTP_PARAMETER_RESET_OUTGOING, .sequence = THEIR_TSN, .last_tsn = THEIR_TSN - 1, .streams = streams, .stream_count = 2};
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    CHECK_INT(v.stream_count, 2);
    CHECK_INT(v.streams[0], 3);
    CHECK_INT(v.streams[1], 4);
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    reset.sequence = THEIR_TSN - 1;
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_BAD_SEQUENCE);
    reset.sequence = THEIR_TSN + 2;
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_BAD_SEQUENCE);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESET_INCOMING, .sequence = THEIR_TSN + 1}), SCTP_RECONFIG_DENIED);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESET_TSN, .sequence = THEIR_TSN + 2}), SCTP_RECONFIG_DENIED);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_ADD_INCOMING, .sequence = THEIR_TSN + 3, .count = 1}),
              SCTP_RECONFIG_DENIED);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_ADD_OUTGOING, .sequence = THEIR_TSN + 4, .count = 924}),
              SCTP_RECONFIG_PERFORMED);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_ADD_OUTGOING, .sequence = THEIR_TSN + 5, .count = 1}),
              SCTP_RECONFIG_DENIED);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_ADD_OUTGOING, .sequence = THEIR_TSN + 4, .count = 924}),
              SCTP_RECONFIG_PERFORMED);
    victim_free(&v);
}

TEST(a_reset_of_a_stream_there_is_not_is_refused)
{
    static const uint8_t streams[] = {0, 3, 0x10, 0};
    victim_t v;
    victim_up(&v);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESET_OUTGOING,
                                         .sequence = THEIR_TSN,
                                         .last_tsn = THEIR_TSN - 1,
                                         .streams = streams,
                                         .stream_count = 2}),
              SCTP_RECONFIG_WRONG_STREAM);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 0);
    victim_free(&v);
}

TEST(a_reset_waits_for_the_data_sent_before_it)
{
    static const uint8_t streams[] = {0, 3};
    victim_t v;
    victim_up(&v);
    sctp_reconfig_t reset = {
        .type = SCTP_PARAMETER_RESET_OUTGOING, .sequence = THEIR_TSN, .last_tsn = THEIR_TSN + 1, .streams = streams, .stream_count = 1};
    forge_data(&v, THEIR_TSN + 1, 3, 1, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_IN_PROGRESS);
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_IN_PROGRESS);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 0);
    forge_data(&v, THEIR_TSN, 3, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 2);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    CHECK_INT(result_of(&v, THEIR_TSN), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    reset.sequence++; /* who begins anew when told to wait */
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    forge_data(&v, THEIR_TSN + 2, 3, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10); /* numbers begin anew */
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 3);
    reset.sequence++; /* but the next one counts, though no data came */
    CHECK_INT(ask(&v, &reset), SCTP_RECONFIG_PERFORMED);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 2);
    victim_free(&v);
}

TEST(all_streams_may_be_reset_at_once)
{
    victim_t v;
    victim_up(&v);
    for (uint16_t stream = 0; stream < 3; stream++)
        forge_data(&v, THEIR_TSN + stream, stream, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(ask(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESET_OUTGOING, .sequence = THEIR_TSN, .last_tsn = THEIR_TSN + 2}),
              SCTP_RECONFIG_PERFORMED);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_INCOMING_RESET], 1);
    CHECK_INT(v.stream_count, 0);
    forge_data(&v, THEIR_TSN + 3, 2, 0, SCTP_DATA_BEGIN | SCTP_DATA_END, 10);
    CHECK_INT(v.counts[SCTP_ASSOCIATION_MESSAGE], 4);
    victim_free(&v);
}

/* 0 always under a sanitizer, whose allocator mallinfo() does not know. */
static size_t allocated(void)
{
    return mallinfo2().uordblks;
}

TEST(a_storm_of_resets_takes_bounded_memory)
{
    static uint8_t streams[2000];
    victim_t v;
    victim_up(&v);
    size_t before = allocated();
    for (uint32_t i = 0; i < 100000; i++)
        forge_reconfig(&v, &(sctp_reconfig_t){.type = SCTP_PARAMETER_RESET_OUTGOING,
                                              .sequence = THEIR_TSN + i,
                                              .last_tsn = THEIR_TSN + (i % 3 == 0 ? 100 : -1u),
                                              .streams = streams,
                                              .stream_count = 1000});
    size_t grown = allocated() - before;
    test_note("not polled meanwhile: %zu KiB", grown >> 10);
    CHECK(grown < 1u << 20 || grown > SIZE_MAX / 2);
    victim_poll(&v);
    CHECK(!is_over(&v));
    CHECK(v.packets_out <= 2);
    victim_free(&v);
}

TEST(random_chunks_do_no_harm_and_are_answered_by_no_more_than_they_are)
{
    static const uint8_t types[] = {0, 0, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 14, 64, 129, 130, 130, 130, 132, 192, 193, 194, 200, 100};
    unsigned survivors = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        victim_t v;
        random_seeded_t random;
        victim_up(&v);
        random_seeded_init(&random, seed);
        for (int k = 0; k < 60; k++) {
            uint8_t chunks[1200];
            size_t length = 0;
            do {
                uint8_t *chunk = chunks + length;
                size_t size = 4 + random_seeded_next(&random) % 60;
                for (size_t i = 0; i < size + 3; i++)
                    chunk[i] = (uint8_t)random_seeded_next(&random);
                chunk[0] = types[random_seeded_next(&random) % sizeof types];
                if (random_seeded_next(&random) % 8 != 0)
                    bytes_put_u16(chunk + 2, (uint16_t)size);
                if (size >= 8 && (chunk[0] == 0 || chunk[0] == 192))
                    bytes_put_u32(chunk + 4, THEIR_TSN + (uint32_t)(random_seeded_next(&random) % 20));
                if (size >= 8 && chunk[0] == 3)
                    bytes_put_u32(chunk + 4, v.tsn - 1);
                if (size >= 12 && chunk[0] == 130) {
                    bytes_put_u16(chunk + 4, (uint16_t)(12 + random_seeded_next(&random) % 8));
                    bytes_put_u16(chunk + 6, (uint16_t)(size - 4));
                    bytes_put_u32(chunk + 8, THEIR_TSN + (uint32_t)(random_seeded_next(&random) % 4));
                }
                length += (size + 3) & ~(size_t)3;
            } while (length < 1000 && random_seeded_next(&random) % 3 != 0);
            forge(&v, chunks, length);
            CHECK(v.bytes_out <= v.bytes_in + 60);
            v.now += (peer_time_t)(random_seeded_next(&random) % 100000);
            if (sctp_association_deadline(v.association) <= v.now)
                sctp_association_timeout(v.association, v.now);
            victim_poll(&v);
        }
        survivors += !is_over(&v);
        victim_free(&v);
    }
    test_note("%u of 300 associations went on", survivors);
    CHECK(survivors > 0);
}

static void run_with_failure(unsigned nth)
{
    association_pair_t pair;
    association_pair_connect(&pair, 1, &(link_options_t){.delay = 1000, .loss_percent = 3},
                             &(sctp_association_config_t){.path = {.base_mtu = 1200, .max_mtu = 9000, .overhead = 48}}, END_OURS, END_OURS);
    memory_fail_nth(nth);
    sctp_message_info_t info = {.stream = 1, .payload_protocol = 53};
    for (uint32_t number = 0; number < 20 && !pair.a->is_lost; number++) {
        blob_t *blob = blob_new(20000);
        if (blob != NULL)
            blob->length = 20000;
        if (blob != NULL && sctp_association_send(pair.a->ours, pair.now, &info, blob) != 0)
            blob_unref(blob);
        association_pair_run(&pair, PEER_MILLISECOND);
    }
    for (uint16_t stream = 1; stream < 5; stream++)
        if (!pair.a->is_lost)
            end_reset(&pair, pair.a, stream);
    association_pair_run(&pair, 5 * PEER_SECOND);
    memory_fail_nth(0);
    association_pair_free(&pair);
}

TEST(an_allocation_that_fails_anywhere_is_survived)
{
    for (unsigned nth = 1; nth < 300; nth++)
        run_with_failure(nth);
    for (unsigned nth = 1; nth < 40; nth++) {
        packet_pool_t *pool = packet_pool_new();
        random_seeded_t random;
        random_seeded_init(&random, nth);
        memory_fail_nth(nth);
        sctp_association_t *association = sctp_association_new(&(sctp_association_config_t){
            .pool = pool, .random = random_seeded_source(&random), .path = {.base_mtu = 1200, .max_mtu = 1200}, .max_streams = 10});
        if (association != NULL) {
            sctp_association_connect(association, 1000, LINK_PORT);
            packet_unref(sctp_association_output(association, 1000));
        }
        memory_fail_nth(0);
        sctp_association_free(association);
        packet_pool_release(pool);
    }
    for (unsigned nth = 1; nth < 60; nth++) { /* during the handshake */
        association_pair_t pair;
        association_pair_init(&pair, 1, &(link_options_t){.delay = 1000}, NULL, END_OURS, END_OURS);
        memory_fail_nth(nth);
        end_connect(&pair, pair.a);
        end_connect(&pair, pair.b);
        association_pair_run(&pair, 5 * PEER_SECOND);
        memory_fail_nth(0);
        CHECK(pair.a->is_up && pair.b->is_up);
        association_pair_free(&pair);
    }
}
