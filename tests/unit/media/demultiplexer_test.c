/* Whose a packet is: the algorithm of RFC 9143 §9.2 with the rids of RFC 8852, and what a hostile peer can do to it. */
#include "link.h"

#include "base/bytes.h"

#include <stdio.h>

static packet_pool_t *pool;
static random_seeded_t generator;
static media_session_t *session;
static peer_time_t now;

static const rtp_extension_map_t map = {.ids = {[RTP_EXTENSION_MID] = 4, [RTP_EXTENSION_RID] = 10, [RTP_EXTENSION_REPAIRED_RID] = 11}};
static const media_codec_t vp8 = {.format = &rtp_payload_vp8,
                                  .clock_rate = 90000,
                                  .payload_type = 96,
                                  .rtx_payload_type = 97,
                                  .feedback = MEDIA_FEEDBACK_NACK | MEDIA_FEEDBACK_PLI};
static const char *const rids[] = {"q", "h", "f"};

static void start(void)
{
    pool = packet_pool_new();
    random_seeded_init(&generator, 1);
    now = PEER_SECOND;
    session = media_session_new(
        &(media_session_config_t){.pool = pool, .random = random_seeded_source(&generator), .cname = "us", .reduced_size_rtcp = true});
    CHECK(session != NULL);
}

static void end(void)
{
    media_session_free(session);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

static media_receiver_t *add(const char *mid, size_t rid_count)
{
    media_receiver_t *receiver = media_add_receiver(
        session,
        &(media_receiver_config_t){
            .kind = MEDIA_VIDEO, .mid = mid, .codecs = &vp8, .codec_count = 1, .rids = rids, .rid_count = rid_count, .extensions = map});
    CHECK(receiver != NULL);
    return receiver;
}

/* Texts NULL: the packet does not have that extension. */
static void input(uint32_t ssrc, uint8_t payload_type, uint16_t sequence, const char *mid, const char *rid, const char *repaired_rid)
{
    static const uint8_t key_frame[] = {0x10, 0x00, 1, 2, 3}, repaired[] = {0, 1, 0x10, 0x00, 1, 2, 3};
    rtp_extensions_t values = {.mid = mid, .rid = rid, .repaired_rid = repaired_rid};
    values.present = (mid != NULL ? 1u << RTP_EXTENSION_MID : 0) | (rid != NULL ? 1u << RTP_EXTENSION_RID : 0) |
                     (repaired_rid != NULL ? 1u << RTP_EXTENSION_REPAIRED_RID : 0);
    values.mid_length = mid != NULL ? (uint8_t)strlen(mid) : 0;
    values.rid_length = rid != NULL ? (uint8_t)strlen(rid) : 0;
    values.repaired_rid_length = repaired_rid != NULL ? (uint8_t)strlen(repaired_rid) : 0;
    rtp_header_t header = {.ssrc = ssrc,
                           .timestamp = sequence * 3000u,
                           .sequence_number = sequence,
                           .payload_type = payload_type,
                           .marker = true,
                           .extensions = &values,
                           .map = &map};
    packet_t *packet = packet_new(pool, 1500);
    writer_t writer;
    writer_init(&writer, packet->data, 1500);
    bool is_rtx = payload_type == 97;
    CHECK(rtp_write_header(&writer, &header) &&
          writer_copy(&writer, is_rtx ? repaired : key_frame, is_rtx ? sizeof repaired : sizeof key_frame));
    packet->length = writer.length;
    media_session_input_rtp(session, now, packet);
    packet_unref(packet);
}

/* An SDES chunk of items: type, text, type, text, …, 0. */
static void input_sdes(uint32_t ssrc, int first_type, const char *first, int second_type, const char *second)
{
    uint8_t bytes[128];
    writer_t writer;
    writer_init(&writer, bytes, sizeof bytes);
    writer_u8(&writer, 0x81);
    writer_u8(&writer, RTCP_SDES);
    writer_u16(&writer, 0);
    writer_u32(&writer, ssrc);
    for (int i = 0; i < 2; i++) {
        const char *text = i == 0 ? first : second;
        if (text == NULL)
            continue;
        writer_u8(&writer, (uint8_t)(i == 0 ? first_type : second_type));
        writer_u8(&writer, (uint8_t)strlen(text));
        writer_copy(&writer, text, strlen(text));
    }
    writer_zero(&writer, 4 - writer.length % 4);
    bytes_put_u16(bytes + 2, (uint16_t)(writer.length / 4 - 1));
    packet_t *packet = packet_new_copy(pool, bytes, writer.length);
    media_session_input_rtcp(session, now, packet);
    packet_unref(packet);
}

static uint64_t received(const media_receiver_t *receiver, uint32_t ssrc)
{
    media_inbound_stats_t stats;
    for (size_t i = 0; i < media_receiver_stream_count(receiver); i++) {
        media_receiver_stream_stats(receiver, i, now, &stats);
        if (stats.ssrc == ssrc)
            return stats.packets_received;
    }
    return 0;
}

static const char *rid_of(const media_receiver_t *receiver, uint32_t ssrc)
{
    static media_inbound_stats_t stats;
    for (size_t i = 0; i < media_receiver_stream_count(receiver); i++) {
        media_receiver_stream_stats(receiver, i, now, &stats);
        if (stats.ssrc == ssrc)
            return stats.rid;
    }
    return "none";
}

static uint64_t unknown(void)
{
    media_session_stats_t stats;
    media_session_stats(session, &stats);
    return stats.rtp_unknown_ssrc;
}

TEST(a_mid_moves_an_ssrc_unless_the_packet_is_older_than_the_last_that_named_one)
{
    start();
    media_receiver_t *a = add("a", 0), *b = add("b", 0);
    input(1, 96, 10, "a", NULL, NULL);
    input(1, 96, 12, "b", NULL, NULL); /* it has moved */
    CHECK_INT(received(b, 1), 1);
    CHECK_INT(media_receiver_stream_count(a), 0);
    input(1, 96, 11, "a", NULL, NULL); /* late: from before the move */
    CHECK_INT(received(b, 1), 2);
    CHECK_INT(media_receiver_stream_count(a), 0);
    input(1, 96, 13, NULL, NULL, NULL);
    CHECK_INT(received(b, 1), 3);
    input(1, 96, 14, "a", NULL, NULL);
    CHECK_INT(received(a, 1), 1);
    end();
}

TEST(an_ssrc_whose_mid_is_nobodys_is_not_received_until_it_names_one_that_is)
{
    start();
    media_receiver_t *a = add("a", 0); /* its payload types are unique: without a MID they would do */
    input(1, 96, 10, "elsewhere", NULL, NULL);
    input(1, 96, 11, NULL, NULL, NULL);
    CHECK_INT(media_receiver_stream_count(a), 0);
    CHECK_INT(unknown(), 2);
    input(2, 96, 1, NULL, NULL, NULL);
    CHECK_INT(received(a, 2), 1);
    input(1, 96, 12, "a", NULL, NULL);
    CHECK_INT(received(a, 1), 1);
    input(1, 96, 13, "elsewhere", NULL, NULL); /* and it may leave again */
    input(1, 96, 14, NULL, NULL, NULL);
    CHECK_INT(received(a, 1), 0);
    end();
}

TEST(a_payload_type_of_two_lines_tells_nothing_and_changing_it_moves_nothing)
{
    start();
    media_receiver_t *a = add("a", 0), *b = add("b", 0);
    input(1, 96, 1, NULL, NULL, NULL);
    CHECK_INT(media_receiver_stream_count(a) + media_receiver_stream_count(b), 0);
    media_codec_t other = vp8;
    other.payload_type = 100;
    other.rtx_payload_type = 101;
    media_receiver_t *c = media_add_receiver(
        session, &(media_receiver_config_t){.kind = MEDIA_VIDEO, .mid = "c", .codecs = &other, .codec_count = 1, .extensions = map});
    input(2, 100, 1, NULL, NULL, NULL);
    CHECK_INT(received(c, 2), 1);
    input(2, 96, 2, NULL, NULL, NULL); /* not a payload type of its line */
    CHECK_INT(received(c, 2), 1);
    input(3, 96, 1, "a", NULL, NULL);
    input(3, 100, 2, NULL, NULL, NULL);
    CHECK_INT(received(a, 3), 1);
    CHECK_INT(media_receiver_stream_count(c), 1);
    end();
}

TEST(rids_make_streams_and_repaired_rids_join_their_repair)
{
    start();
    media_receiver_t *a = add("a", 3);
    for (uint32_t i = 0; i < 3; i++)
        input(i + 1, 96, 1, "a", rids[i], NULL);
    CHECK_INT(media_receiver_stream_count(a), 3);
    for (uint32_t i = 0; i < 3; i++) {
        input(i + 1, 96, 2, NULL, NULL, NULL); /* by SSRC from now on */
        CHECK_INT(received(a, i + 1), 2);
        CHECK_TEXT(rid_of(a, i + 1), rids[i]);
        input(i + 11, 97, 1, "a", NULL, rids[i]);
        media_inbound_stats_t stats;
        media_receiver_stream_stats(a, i, now, &stats);
        CHECK_INT(stats.rtx_ssrc, i + 11);
    }
    input(9, 96, 1, "a", "other", NULL); /* not negotiated */
    input(19, 97, 1, "a", NULL, "other");
    CHECK_INT(media_receiver_stream_count(a), 3);
    CHECK_INT(unknown(), 2);
    input(21, 96, 1, "a", "h", NULL); /* a new SSRC takes the place of that rid alone */
    CHECK_INT(media_receiver_stream_count(a), 3);
    CHECK_TEXT(rid_of(a, 21), "h");
    CHECK_INT(received(a, 2), 0);
    input(1, 96, 3, NULL, "f", NULL); /* an SSRC that has another rid now */
    CHECK_TEXT(rid_of(a, 1), "f");
    CHECK_INT(media_receiver_stream_count(a), 2);
    input(1, 96, 2, NULL, "q", NULL); /* late */
    CHECK_TEXT(rid_of(a, 1), "f");
    end();
}

TEST(without_negotiated_simulcast_rids_mean_nothing)
{
    start();
    media_receiver_t *a = add("a", 0);
    input(1, 96, 1, "a", "q", NULL);
    input(1, 96, 2, "a", "f", NULL);
    CHECK_INT(media_receiver_stream_count(a), 1);
    CHECK_INT(received(a, 1), 2);
    CHECK_TEXT(rid_of(a, 1), "");
    end();
}

TEST(rtcp_tells_where_an_ssrc_belongs_before_its_packets_do)
{
    start();
    media_receiver_t *a = add("a", 3), *b = add("b", 0);
    input_sdes(5, RTCP_SDES_RID, "h", RTCP_SDES_MID, "a"); /* in either order */
    input(5, 96, 1, NULL, NULL, NULL);
    CHECK_INT(received(a, 5), 1);
    CHECK_TEXT(rid_of(a, 5), "h");
    input_sdes(15, RTCP_SDES_MID, "a", RTCP_SDES_REPAIRED_RID, "h");
    input(15, 97, 1, NULL, NULL, NULL);
    media_inbound_stats_t stats;
    media_receiver_stream_stats(a, 0, now, &stats);
    CHECK_INT(stats.rtx_ssrc, 15);
    input_sdes(6, RTCP_SDES_MID, "nobody", 0, NULL);
    input(6, 96, 1, NULL, NULL, NULL);
    CHECK_INT(received(a, 6) + received(b, 6), 0);
    input(7, 96, 1, "b", NULL, NULL);
    input_sdes(7, RTCP_SDES_MID, "a", 0, NULL); /* its packets say otherwise, and they are to be believed */
    input(7, 96, 2, NULL, NULL, NULL);
    CHECK_INT(received(b, 7), 2);
    media_remove_receiver(session, b);
    input_sdes(8, RTCP_SDES_MID, "b", 0, NULL);
    input(8, 96, 1, NULL, NULL, NULL);
    CHECK_INT(received(a, 8), 1); /* by its payload type, which is unique now */
    end();
}

TEST(hostile_ssrcs_mids_and_rids_hold_no_memory)
{
    start();
    media_receiver_t *a = add("a", 3), *b = add("b", 0);
    for (uint32_t i = 1; i < 20000; i++) {
        char text[16];
        snprintf(text, sizeof text, "x%u", (unsigned)i % 97);
        input(i, 96, (uint16_t)i, i % 3 == 0 ? "a" : text, rids[i % 3], NULL);
        input(i + 1000000, 97, (uint16_t)i, "a", NULL, i % 2 != 0 ? rids[i % 3] : text);
        input(i % 50, 96, (uint16_t)i, i % 2 != 0 ? "a" : "b", text, NULL);
        input_sdes(i + 2000000, RTCP_SDES_MID, i % 2 != 0 ? "a" : "b", RTCP_SDES_RID, text);
        CHECK(media_receiver_stream_count(a) <= MEDIA_STREAMS_MAX && media_receiver_stream_count(b) <= 1);
        media_output_t output;
        while (media_session_poll(session, &output))
            media_output_clear(&output);
        CHECK(packet_pool_outstanding(pool) < 20);
    }
    end();
}
