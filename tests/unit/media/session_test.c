/* One session: whose a packet is, what a hostile peer can and cannot do, RTP taps and pass-through. */
#include "call.h"

#include "base/bytes.h"
#include "base/memory.h"

static packet_pool_t *pool;
static random_seeded_t generator;
static media_session_t *session;
static peer_time_t now;

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

static const media_codec_t vp8 = {.format = &rtp_payload_vp8,
                                  .clock_rate = 90000,
                                  .payload_type = 96,
                                  .rtx_payload_type = 97,
                                  .feedback = MEDIA_FEEDBACK_NACK | MEDIA_FEEDBACK_PLI | MEDIA_FEEDBACK_FIR};
static const media_codec_t opus = {
    .format = &rtp_payload_opus, .clock_rate = 48000, .payload_type = 111, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE};
static const rtp_extension_map_t extensions = {.ids = {[RTP_EXTENSION_MID] = 4, [RTP_EXTENSION_RID] = 10}};

static media_receiver_t *add_receiver(media_kind_t kind, const char *mid, const media_codec_t *codec, uint32_t ssrc, uint32_t rtx_ssrc)
{
    media_receiver_t *receiver = media_add_receiver(session, &(media_receiver_config_t){.kind = kind,
                                                                                        .mid = mid,
                                                                                        .codecs = codec,
                                                                                        .codec_count = 1,
                                                                                        .ssrcs = &ssrc,
                                                                                        .rtx_ssrcs = &rtx_ssrc,
                                                                                        .ssrc_count = ssrc != 0,
                                                                                        .extensions = extensions});
    CHECK(receiver != NULL);
    return receiver;
}

static void input_payload(uint32_t ssrc, uint8_t payload_type, uint16_t sequence, uint32_t timestamp, const char *mid, const void *payload,
                          size_t length)
{
    rtp_extensions_t values = {.mid = mid, .mid_length = mid != NULL ? (uint8_t)strlen(mid) : 0};
    values.present = mid != NULL ? 1u << RTP_EXTENSION_MID : 0;
    rtp_header_t header = {.ssrc = ssrc,
                           .timestamp = timestamp,
                           .sequence_number = sequence,
                           .payload_type = payload_type,
                           .marker = true,
                           .extensions = &values,
                           .map = &extensions};
    packet_t *packet = packet_new(pool, 1500);
    writer_t writer;
    writer_init(&writer, packet->data, 1500);
    CHECK(rtp_write_header(&writer, &header) && writer_copy(&writer, payload, length));
    packet->length = writer.length;
    media_session_input_rtp(session, now, packet);
    packet_unref(packet);
}

static void input(uint32_t ssrc, uint8_t payload_type, uint16_t sequence, const char *mid)
{
    static const uint8_t key_frame[] = {0x10, 0x00, 1, 2, 3}, audio[] = {0x78, 1, 2, 3};
    bool is_audio = payload_type == 111;
    input_payload(ssrc, payload_type, sequence, sequence * 3000u, mid, is_audio ? audio : key_frame,
                  is_audio ? sizeof audio : sizeof key_frame);
}

static void input_rtcp(const uint8_t *data, size_t length)
{
    packet_t *packet = packet_new_copy(pool, data, length);
    media_session_input_rtcp(session, now, packet);
    packet_unref(packet);
}

static unsigned count_outputs(media_output_type_t type)
{
    unsigned count = 0;
    media_output_t output;
    while (media_session_poll(session, &output)) {
        count += output.type == type;
        media_output_clear(&output);
    }
    return count;
}

static uint64_t received(const media_receiver_t *receiver)
{
    media_inbound_stats_t stats;
    media_receiver_stats(receiver, now, &stats);
    return stats.packets_received;
}

TEST(packets_go_by_signalled_ssrc_then_mid_then_payload_type)
{
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 1, 2), *b = add_receiver(MEDIA_VIDEO, "b", &vp8, 0, 0);
    media_receiver_t *c = add_receiver(MEDIA_AUDIO, "c", &opus, 0, 0);
    input(1, 96, 1, NULL); /* signalled */
    CHECK_INT(received(a), 1);
    input(77, 96, 1, "b"); /* by mid, remembered */
    input(77, 96, 2, NULL);
    CHECK_INT(received(b), 2);
    input(88, 111, 1, NULL); /* only one m-section has this payload type */
    CHECK_INT(received(c), 1);
    input(99, 96, 1, NULL); /* two have this one */
    input(99, 50, 1, "b");  /* not in that m-section */
    input(99, 96, 1, "z");  /* no such mid */
    media_session_stats_t stats;
    media_session_stats(session, &stats);
    CHECK_INT(stats.rtp_unknown_ssrc, 2);
    CHECK_INT(stats.rtp_unknown_payload_type, 1);
    CHECK_INT(received(a) + received(b) + received(c), 4);
    input(77, 96, 3, "a"); /* a MID corrects what was known: the SSRC is a's now */
    media_inbound_stats_t in;
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.ssrc, 77);
    media_receiver_stats(b, now, &in);
    CHECK(!in.is_active);
    CHECK_INT(count_outputs(MEDIA_OUTPUT_FIRST_PACKET), 3);
    end();
}

TEST(rtx_is_found_by_signalling_or_by_its_payload_type)
{
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 1, 2);
    static const uint8_t payload[] = {0, 3, 0x10, 0x01, 1, 2}; /* original number 3, then a frame */
    input(2, 97, 1, NULL);                                     /* before there is anything to repair */
    input(1, 96, 1, NULL);
    input(1, 96, 2, NULL);
    input(1, 96, 4, NULL);
    input_payload(2, 97, 9, 9000, NULL, payload, sizeof payload);
    media_inbound_stats_t in;
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.retransmitted_packets_received, 1);
    CHECK_INT(in.frames_received, 4);
    CHECK_INT(in.rtx_ssrc, 2);
    input_payload(2, 97, 10, 9000, NULL, payload, 1);                /* padding, to probe */
    input_payload(2, 97, 11, 9000, NULL, "\xff\xff\x10\x00\x00", 5); /* repeats what was never sent */
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.frames_received, 4);
    CHECK_INT(in.packets_lost, 1);
    end();

    start();
    a = add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    input(1, 96, 1, "a");
    input(1, 96, 2, "a");
    input(1, 96, 4, "a");
    input_payload(55, 97, 9, 9000, "a", payload, sizeof payload);
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.rtx_ssrc, 55);
    CHECK_INT(in.frames_received, 4);
    end();
}

TEST(a_new_ssrc_takes_over_and_the_old_one_does_not_flap)
{
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    media_inbound_stats_t in;
    input(1, 96, 1, "a");
    input(2, 96, 1, "a");
    input(1, 96, 2, "a"); /* a straggler */
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.ssrc, 2);
    now += 2 * PEER_SECOND;
    input(1, 96, 3, "a");
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.ssrc, 1);
    CHECK_INT(count_outputs(MEDIA_OUTPUT_FIRST_PACKET), 1);
    end();
}

TEST(a_flood_of_ssrcs_holds_no_memory)
{
    start();
    add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    for (uint32_t i = 1; i < 20000; i++) {
        input(i, 96, (uint16_t)i, i % 2 != 0 ? "a" : NULL);
        input(i + 1000000, 97, (uint16_t)i, "a");
        count_outputs(MEDIA_OUTPUT_RTP);
        CHECK(packet_pool_outstanding(pool) < 10);
    }
    end();
}

TEST(a_tap_gives_rtp_with_rtx_unwrapped)
{
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 1, 2);
    static const uint8_t payload[] = {0, 3, 0x10, 0x01, 1, 2};
    media_receiver_set_tap(a, true, false);
    input(1, 96, 2, NULL);
    input(1, 96, 4, NULL);
    input_payload(2, 97, 9, 9000, NULL, payload, sizeof payload);
    media_output_t output;
    uint16_t expected[] = {2, 4, 3};
    size_t seen = 0;
    while (media_session_poll(session, &output)) {
        CHECK(output.type != MEDIA_OUTPUT_FRAME);
        if (output.type == MEDIA_OUTPUT_RTP) {
            rtp_view_t view;
            CHECK(rtp_parse(&view, output.packet->data, output.packet->length));
            CHECK(view.ssrc == 1 && view.payload_type == 96 && view.sequence_number == expected[seen++]);
        }
        media_output_clear(&output);
    }
    CHECK_INT(seen, 3);
    end();
}

static media_sender_t *add_video_sender(void)
{
    media_sender_t *sender =
        media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_VIDEO, .codec = vp8, .mid = "a", .extensions = extensions});
    CHECK(sender != NULL);
    return sender;
}

static void send_frame(media_sender_t *sender, size_t size)
{
    static uint8_t bytes[100000];
    media_frame_t frame = {.data = bytes, .length = size, .timestamp_us = now, .kind = MEDIA_VIDEO};
    CHECK_INT(media_sender_send_frame(sender, now, &frame), 0);
}

TEST(packets_keep_within_the_packet_size_and_carry_the_mid)
{
    start();
    media_sender_t *sender = add_video_sender();
    send_frame(sender, 50000);
    media_output_t output;
    unsigned count = 0, marked = 0;
    while (media_session_poll(session, &output)) {
        rtp_view_t view;
        rtp_extensions_t values;
        CHECK_INT(output.type, MEDIA_OUTPUT_SEND_RTP);
        CHECK(output.packet->length + RTP_RTX_HEADER_SIZE <= MEDIA_PACKET_SIZE);
        CHECK(packet_tailroom(output.packet) >= PACKET_TAILROOM);
        CHECK(rtp_parse(&view, output.packet->data, output.packet->length));
        rtp_extensions_parse(&values, &view, &extensions);
        CHECK(rtp_extensions_has(&values, RTP_EXTENSION_MID) && values.mid_length == 1 && values.mid[0] == 'a');
        marked += view.marker;
        count++;
        media_output_clear(&output);
    }
    CHECK_INT(count, 43);
    CHECK_INT(marked, 1);
    end();
}

TEST(a_storm_of_nacks_is_answered_within_a_budget)
{
    start();
    media_sender_t *sender = add_video_sender();
    send_frame(sender, 90000);
    media_outbound_stats_t stats;
    media_output_t output;
    uint16_t numbers[80];
    size_t count = 0;
    while (media_session_poll(session, &output)) {
        numbers[count++] = bytes_get_u16(output.packet->data + 2);
        media_output_clear(&output);
    }
    uint8_t rtcp[1200];
    writer_t writer;
    writer_init(&writer, rtcp, sizeof rtcp);
    CHECK(rtcp_write_nack(&writer, 9, media_sender_ssrc(sender), numbers, count));
    for (int i = 0; i < 1000; i++, now += PEER_MILLISECOND)
        input_rtcp(rtcp, writer.length);
    unsigned answered = count_outputs(MEDIA_OUTPUT_SEND_RTP);
    media_sender_stats(sender, now, &stats);
    CHECK(answered >= count && answered < 400);
    CHECK_INT(stats.nack_count, 1000);
    CHECK_INT(stats.retransmitted_packets_sent, answered);
    CHECK(stats.retransmissions_refused > 50000);
    end();
}

TEST(a_storm_of_plis_is_throttled_and_none_is_forgotten)
{
    start();
    media_sender_t *sender = add_video_sender();
    uint8_t rtcp[64];
    writer_t writer;
    writer_init(&writer, rtcp, sizeof rtcp);
    CHECK(rtcp_write_pli(&writer, 9, media_sender_ssrc(sender)));
    for (int i = 0; i < 1000; i++, now += PEER_MILLISECOND) {
        input_rtcp(rtcp, writer.length);
        media_session_timeout(session, now);
    }
    CHECK_INT(count_outputs(MEDIA_OUTPUT_KEY_FRAME_REQUESTED), 4);
    now = media_session_deadline(session);
    media_session_timeout(session, now);
    CHECK_INT(count_outputs(MEDIA_OUTPUT_KEY_FRAME_REQUESTED), 1); /* the last ones, told when the interval is over */
    CHECK_INT(media_session_deadline(session), PEER_TIME_NEVER);
    end();
}

TEST(a_repeated_fir_is_one_request)
{
    start();
    media_sender_t *sender = add_video_sender();
    for (int i = 0; i < 6; i++, now += PEER_SECOND) {
        uint8_t rtcp[64];
        writer_t writer;
        writer_init(&writer, rtcp, sizeof rtcp);
        CHECK(rtcp_write_fir(&writer, 9, media_sender_ssrc(sender), (uint8_t)(i / 3)));
        input_rtcp(rtcp, writer.length);
    }
    CHECK_INT(count_outputs(MEDIA_OUTPUT_KEY_FRAME_REQUESTED), 2);
    end();
}

TEST(rtcp_about_streams_that_are_not_ours_is_counted_and_dropped)
{
    start();
    media_sender_t *sender = add_video_sender();
    uint8_t rtcp[512];
    writer_t writer;
    writer_init(&writer, rtcp, sizeof rtcp);
    uint16_t number = 1;
    uint32_t ssrc = 0xdead;
    rtcp_report_block_t block = {.ssrc = 0xdead};
    rtcp_sender_info_t info = {.ssrc = 0xdead};
    rtcp_write_sender_report(&writer, &info, &block, 1);
    rtcp_write_nack(&writer, 1, 0xdead, &number, 1);
    rtcp_write_pli(&writer, 1, 0xdead);
    rtcp_write_fir(&writer, 1, 0xdead, 1);
    rtcp_write_bye(&writer, &ssrc, 1);
    input_rtcp(rtcp, writer.length);
    media_session_stats_t stats;
    media_session_stats(session, &stats);
    CHECK_INT(stats.rtcp_unknown_ssrc, 5);
    input_rtcp((const uint8_t *)"\x80\xc8\xff\xff", 4);
    media_session_stats(session, &stats);
    CHECK_INT(stats.rtcp_malformed, 1);
    /* A report that claims an impossible round trip changes nothing. */
    send_frame(sender, 100);
    writer_init(&writer, rtcp, sizeof rtcp);
    block = (rtcp_report_block_t){.ssrc = media_sender_ssrc(sender), .last_sender_report = 1, .delay_since_last = 0xffffffff};
    rtcp_write_receiver_report(&writer, 1, &block, 1);
    input_rtcp(rtcp, writer.length);
    media_outbound_stats_t out;
    media_sender_stats(sender, now, &out);
    CHECK(out.has_receiver_report && !out.has_round_trip_time);
    end();
}

TEST(feedback_without_reduced_size_comes_in_a_compound)
{
    start();
    media_session_set_reduced_size_rtcp(session, false);
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 1, 2);
    input(1, 96, 1, NULL);
    media_receiver_request_key_frame(a, now);
    media_session_timeout(session, now);
    media_output_t output;
    bool has_pli = false;
    while (media_session_poll(session, &output)) {
        if (output.type == MEDIA_OUTPUT_SEND_RTCP) {
            static const uint8_t types[] = {RTCP_RECEIVER_REPORT, RTCP_SDES, RTCP_PAYLOAD_FEEDBACK};
            rtcp_iterator_t iterator;
            rtcp_view_t view;
            rtcp_iterate(&iterator, output.packet->data, output.packet->length);
            for (int i = 0; i < 3; i++)
                CHECK(rtcp_next(&iterator, &view) && view.type == types[i]);
            has_pli = true;
        }
        media_output_clear(&output);
    }
    CHECK(has_pli);
    end();
}

TEST(pass_through_keeps_numbers_and_takes_our_ssrc)
{
    start();
    media_sender_t *sender = add_video_sender();
    static const uint8_t theirs[] = {0x80, 0xe5, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, 'x', 'y', 'z'};
    CHECK_INT(media_sender_send_rtp(sender, now, theirs, sizeof theirs), 0);
    CHECK(media_sender_send_rtp(sender, now, theirs, 5) < 0);
    media_output_t output;
    CHECK(media_session_poll(session, &output));
    rtp_view_t view;
    CHECK(rtp_parse(&view, output.packet->data, output.packet->length));
    CHECK(view.ssrc == media_sender_ssrc(sender) && view.payload_type == 96 && view.sequence_number == 0x1234 && view.timestamp == 9 &&
          view.marker);
    CHECK(view.payload_length == 3 && memcmp(view.payload, "xyz", 3) == 0);
    media_output_clear(&output);
    end();
}

static int pass_through(media_sender_t *sender, uint16_t number)
{
    uint8_t packet[] = {0x80, 0xe5, (uint8_t)(number >> 8), (uint8_t)number, 0, 0, 0, 9, 0, 0, 0, 7, 'x', 'y', 'z'};
    return media_sender_send_rtp(sender, now, packet, sizeof packet);
}

TEST(no_sequence_number_is_sent_twice_whatever_the_application_passes_through)
{
    start();
    media_sender_t *sender = add_video_sender();
    CHECK_INT(pass_through(sender, 65000), 0);
    CHECK(pass_through(sender, 65000) < 0);
    CHECK_INT(pass_through(sender, 64998), 0); /* late, but new */
    CHECK(pass_through(sender, 64998) < 0);
    CHECK_INT(pass_through(sender, 64999), 0);
    CHECK(pass_through(sender, 65000) < 0);
    CHECK_INT(pass_through(sender, 3), 0); /* over the end */
    CHECK_INT(pass_through(sender, 65535), 0);
    CHECK(pass_through(sender, 3) < 0);
    CHECK(pass_through(sender, 65000) < 0);
    CHECK_INT(pass_through(sender, 1030), 0);
    CHECK(pass_through(sender, 3) < 0); /* forgotten by now */
    CHECK_INT(pass_through(sender, 7), 0);
    CHECK_INT(pass_through(sender, 20000), 0); /* a leap */
    CHECK_INT(pass_through(sender, 19999), 0);
    CHECK(pass_through(sender, 19999) < 0);
    CHECK(pass_through(sender, 1030) < 0);
    /* Frames that follow take numbers of their own, although a late packet came last. */
    uint8_t frame[10] = {0x10};
    CHECK_INT(
        media_sender_send_frame(sender, now, &(media_frame_t){.data = frame, .length = sizeof frame, .kind = MEDIA_VIDEO, .is_key = true}),
        0);
    CHECK(pass_through(sender, 20001) < 0);
    CHECK_INT(pass_through(sender, 20002), 0);
    end();
}

TEST(senders_do_not_share_ssrcs)
{
    start();
    media_sender_t *first = add_video_sender();
    uint32_t ssrc = media_sender_ssrc(first);
    CHECK(media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_VIDEO, .ssrc = ssrc, .codec = vp8}) == NULL);
    media_sender_t *second = add_video_sender();
    CHECK(media_sender_ssrc(second) != ssrc);
    CHECK(media_sender_reconfigure(second, &(media_sender_config_t){.kind = MEDIA_VIDEO, .ssrc = ssrc, .codec = vp8}) < 0);
    CHECK_INT(media_sender_reconfigure(second, &(media_sender_config_t){.kind = MEDIA_VIDEO, .ssrc = 1234, .codec = vp8}), 0);
    CHECK_INT(media_sender_ssrc(second), 1234);
    media_remove_sender(session, first, now);
    CHECK(media_add_sender(session, &(media_sender_config_t){.kind = MEDIA_VIDEO, .ssrc = ssrc, .codec = vp8}) != NULL);
    end();
}

TEST(gaps_restarts_and_timestamp_jumps_are_bounded)
{
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 1, 2), *c = add_receiver(MEDIA_AUDIO, "c", &opus, 3, 0);
    uint32_t random = 3;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        uint16_t sequence = (uint16_t)((random >> 28) == 0 ? random >> 8 : (uint32_t)i);
        uint32_t timestamp = (random >> 24 & 15) == 0 ? random : (uint32_t)i * 960;
        input_payload(1, 96, sequence, timestamp, NULL, (random & 1) != 0 ? "\x10\x00\x01" : "\x00\x01\x02", 3);
        input_payload(3, 111, sequence, timestamp, NULL, "\x78\x01\x02", 3);
        now += (random >> 16 & 63) == 0 ? PEER_SECOND : 5 * PEER_MILLISECOND;
        for (int k = 0; k < 100 && media_session_deadline(session) <= now; k++)
            media_session_timeout(session, now);
        CHECK(media_session_deadline(session) > now);
        count_outputs(MEDIA_OUTPUT_RTP);
        CHECK(packet_pool_outstanding(pool) <= MEDIA_OUTPUT_RTP + 2048 + 256 + 16);
    }
    CHECK(received(a) > 0 && received(c) > 0);
    end();
}

TEST(memory_that_runs_out_costs_packets_and_nothing_else)
{
    for (unsigned n = 1; n < 60; n++) {
        static call_t call;
        link_conditions_t conditions = {.delay = 20 * PEER_MILLISECOND, .loss = 0.05};
        call_init(&call, n, &conditions);
        call_add_streams(&call);
        call_run(&call, PEER_SECOND / 2);
        /* The call's own sending must not be the one that fails: the receiving side's next allocations are. */
        for (int i = 0; i < 20; i++) {
            memory_fail_nth(0);
            call_run(&call, 10 * PEER_MILLISECOND);
            memory_fail_nth(1 + (n + (unsigned)i) % 4);
            if (call.link.flight_count != 0)
                media_session_input_rtp(call.link.ends[1].session, call.link.now, call.link.flights[0].packet);
            media_session_timeout(call.link.ends[1].session, call.link.now);
            memory_fail_nth(0);
            link_poll(&call.link);
        }
        call_run(&call, 3 * PEER_SECOND);
        CHECK(call.damaged == 0 && call.undecodable == 0);
        CHECK(call.frames_sent - call.last_frame < 40);
        call_free(&call);
    }
}

TEST(ssrc_zero_is_no_repair_stream)
{
    start();
    add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    input(1, 96, 1, "a");
    input(0, 97, 1, "a");
    input(2, 96, 2, "a"); /* takes the first one's place */
    input(0, 97, 2, "a");
    input(0, 96, 3, "a");
    end();
}

TEST(packets_of_codecs_that_are_not_built_in_do_not_stop_the_stream)
{
    start();
    media_codec_t codecs[] = {vp8, {.clock_rate = 8000, .payload_type = 100, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE}};
    uint32_t ssrc = 1;
    media_receiver_t *a = media_add_receiver(session, &(media_receiver_config_t){.kind = MEDIA_VIDEO,
                                                                                 .mid = "a",
                                                                                 .codecs = codecs,
                                                                                 .codec_count = 2,
                                                                                 .ssrcs = &ssrc,
                                                                                 .ssrc_count = 1,
                                                                                 .extensions = extensions});
    input(1, 96, 1, NULL);
    input(1, 100, 2, NULL);
    input(1, 96, 3, NULL);
    media_inbound_stats_t in;
    media_receiver_stats(a, now, &in);
    CHECK_INT(in.frames_received, 2);
    CHECK_INT(in.payload_type, 96);
    end();
}

TEST(a_straggler_after_bye_does_not_start_the_stream_again)
{
    start();
    add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    input(1, 96, 1, "a");
    uint8_t rtcp[64];
    uint32_t ssrc = 1;
    writer_t writer;
    writer_init(&writer, rtcp, sizeof rtcp);
    rtcp_write_bye(&writer, &ssrc, 1);
    input_rtcp(rtcp, writer.length);
    input(1, 96, 2, "a");
    CHECK_INT(count_outputs(MEDIA_OUTPUT_FIRST_PACKET), 1);
    now += 2 * PEER_SECOND;
    input(1, 96, 3, "a");
    CHECK_INT(count_outputs(MEDIA_OUTPUT_FIRST_PACKET), 1);
    end();
}

TEST(arrivals_are_fed_back_to_the_sender)
{
    start();
    rtp_extension_map_t map = {.ids = {[RTP_EXTENSION_TRANSPORT_CC] = 5}};
    media_codec_t codec = vp8;
    codec.feedback |= MEDIA_FEEDBACK_TRANSPORT_CC;
    CHECK(media_add_receiver(session, &(media_receiver_config_t){
                                          .kind = MEDIA_VIDEO, .mid = "a", .codecs = &codec, .codec_count = 1, .extensions = map}) != NULL);
    uint16_t expected = 65400;
    for (unsigned i = 0; i < 1000; i++, now += 3 * PEER_MILLISECOND) {
        rtp_extensions_t values = {.present = 1u << RTP_EXTENSION_TRANSPORT_CC, .transport_sequence_number = (uint16_t)(65400 + i)};
        rtp_header_t header = {.ssrc = 1,
                               .timestamp = i * 3000,
                               .sequence_number = (uint16_t)i,
                               .payload_type = 96,
                               .marker = true,
                               .extensions = &values,
                               .map = &map};
        packet_t *packet = packet_new(pool, 100);
        writer_t writer;
        writer_init(&writer, packet->data, 100);
        CHECK(rtp_write_header(&writer, &header) && writer_copy(&writer, "\x10\x00\x00", 3));
        packet->length = writer.length;
        if (i % 10 != 5)
            media_session_input_rtp(session, now, packet);
        packet_unref(packet);
        if (media_session_deadline(session) <= now)
            media_session_timeout(session, now);
        media_output_t output;
        while (media_session_poll(session, &output)) {
            rtcp_iterator_t iterator;
            rtcp_view_t view;
            rtcp_feedback_t feedback;
            rtcp_transport_cc_t cc;
            rtcp_transport_cc_packet_t told;
            rtcp_iterate(&iterator, output.packet != NULL ? output.packet->data : NULL, output.packet != NULL ? output.packet->length : 0);
            while (output.type == MEDIA_OUTPUT_SEND_RTCP && rtcp_next(&iterator, &view)) {
                if (view.type != RTCP_TRANSPORT_FEEDBACK || view.count != RTCP_FORMAT_TRANSPORT_CC ||
                    !rtcp_parse_feedback(&view, &feedback))
                    continue;
                CHECK(rtcp_transport_cc_parse(&feedback, &cc));
                while (rtcp_transport_cc_next(&cc, &told)) {
                    CHECK_INT(told.sequence_number, expected);
                    CHECK_INT(told.is_received, (uint16_t)(expected - 65400) % 10 != 5);
                    expected++;
                }
            }
            media_output_clear(&output);
        }
    }
    CHECK((uint16_t)(expected - 65400) > 900);
    end();
}

/* ---- sources (W3C WebRTC §5.3) ---- */

TEST(a_mixers_sources_are_told_with_the_levels_that_it_gives_them)
{
    static const uint8_t mixed[] = {0x92, 111,  0, 1,    0,    0,    3,    232, 0,    0, 0, 77, /* two CSRCs, an extension */
                                    0,    0,    0, 5,    0,    0,    0,    6,                   /* 5 and 6 */
                                    0xbe, 0xde, 0, 2,    0x10, 0x8a, 0x21, 20,  0xff, /* id 1: -10 dBov, voice; id 2: -20 and, of the
                                                                                         reserved bit nothing, silence */
                                    0,    0,    0, 0x78, 1,    2,    3};
    media_source_t sources[8];
    start();
    uint32_t ssrc = 77;
    media_receiver_t *receiver = media_add_receiver(
        session,
        &(media_receiver_config_t){.kind = MEDIA_AUDIO,
                                   .codecs = &opus,
                                   .codec_count = 1,
                                   .ssrcs = &ssrc,
                                   .ssrc_count = 1,
                                   .extensions = {.ids = {[RTP_EXTENSION_AUDIO_LEVEL] = 1, [RTP_EXTENSION_CSRC_AUDIO_LEVEL] = 2}}});
    CHECK_INT(media_receiver_sources(receiver, sources, 8), 0);
    packet_t *packet = packet_new(pool, sizeof mixed);
    memcpy(packet->data, mixed, sizeof mixed);
    packet->length = sizeof mixed;
    media_session_input_rtp(session, now, packet);
    packet_unref(packet);
    CHECK_INT(media_receiver_sources(receiver, sources, 8), 3);
    CHECK(!sources[0].is_contributing && sources[0].source == 77 && sources[0].has_audio_level && sources[0].audio_level == 10);
    CHECK(sources[1].is_contributing && sources[1].source == 5 && sources[1].has_audio_level && sources[1].audio_level == 20);
    CHECK(sources[2].is_contributing && sources[2].source == 6 && sources[2].has_audio_level && sources[2].audio_level == 127);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(sources[i].timestamp, now);
        CHECK_INT(sources[i].rtp_timestamp, 1000);
    }
    end();
}

TEST(the_source_of_a_stream_that_was_replaced_is_told_besides_the_new_one)
{
    media_source_t sources[16];
    start();
    media_receiver_t *a = add_receiver(MEDIA_VIDEO, "a", &vp8, 0, 0);
    input(1, 96, 1, "a");
    peer_time_t first = now;
    now += 2 * PEER_SECOND;
    input(2, 96, 1, "a");
    CHECK_INT(media_receiver_sources(a, sources, 16), 2);
    CHECK(sources[0].source == 2 && sources[0].timestamp == now);
    CHECK(sources[1].source == 1 && sources[1].timestamp == first);
    now += 2 * PEER_SECOND;
    input(1, 96, 2, "a"); /* it comes back: told once */
    CHECK_INT(media_receiver_sources(a, sources, 16), 2);
    CHECK(sources[0].source == 1 && sources[0].timestamp == now);
    CHECK_INT(sources[1].source, 2);
    for (uint32_t i = 3; i < 100; i++) {
        now += 2 * PEER_SECOND;
        input(i, 96, 1, "a");
    }
    size_t count = media_receiver_sources(a, sources, 16); /* bounded: the latest ones */
    CHECK(count > 1 && count <= 8);
    for (size_t i = 0; i < count; i++)
        CHECK(sources[i].source > 90);
    end();
}
