/* Whole calls over bad links. Every seed must hold; a failure names its seed. */
#include "call.h"

static call_t call; /* large */

static const link_conditions_t perfect = {.delay = 10 * PEER_MILLISECOND};

static void check_frames_are_good(uint64_t seed)
{
    if (call.undecodable != 0 || call.damaged != 0 || call.audio_out_of_order != 0)
        test_fail(__FILE__, __LINE__, "seed %llu: %lld undecodable, %lld damaged, %lld audio frames out of order", (unsigned long long)seed,
                  (long long)call.undecodable, (long long)call.damaged, (long long)call.audio_out_of_order);
}

static void check_range(uint64_t seed, const char *what, int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most)
        test_fail(__FILE__, __LINE__, "seed %llu: %s is %lld, not within %lld … %lld", (unsigned long long)seed, what, (long long)value,
                  (long long)least, (long long)most);
}

TEST(a_perfect_link_delivers_every_frame_in_order)
{
    call_init(&call, 1, &perfect);
    call_add_streams(&call);
    call_run(&call, 10 * PEER_SECOND);
    check_frames_are_good(1);
    CHECK(call.frames_sent >= 299);
    CHECK(call.frames_received >= call.frames_sent - 2);
    CHECK_INT(call.key_frames_received, 1);
    CHECK_INT(call.key_frame_requests, 0);
    CHECK_INT(call.audio_lost, 0);
    CHECK(call.audio_received >= call.audio_sent - 4);
    CHECK_INT(call.first_packets, 2);
    CHECK(call.video_latency <= 25 * PEER_MILLISECOND);
    CHECK(call.audio_latency <= 40 * PEER_MILLISECOND);
    call_free(&call);
}

TEST(the_first_picture_comes_at_once)
{
    call_init(&call, 1, &perfect);
    call_add_streams(&call);
    call_run(&call, 12 * PEER_MILLISECOND);
    CHECK_INT(call.frames_received, 1);
    call_free(&call);
}

static void run_lossy(uint64_t seed, bool has_rtx, bool is_vp9)
{
    link_conditions_t conditions = {.delay = (peer_time_t)(seed % 7) * 20 * PEER_MILLISECOND,
                                    .jitter = (peer_time_t)(seed % 5) * 5 * PEER_MILLISECOND,
                                    .loss = (double)(seed % 11) / 100.0,
                                    .burst = (double)(seed % 4),
                                    .duplicate = seed % 3 == 0 ? 0.02 : 0,
                                    .reorder = seed % 2 != 0 ? 0.05 : 0,
                                    .reorder_delay = 15 * PEER_MILLISECOND};
    call_init(&call, seed, &conditions);
    call.has_rtx = has_rtx;
    call.is_vp9 = is_vp9;
    call.link.keeps_order = seed % 3 != 1;
    call_add_streams(&call);
    call_run(&call, 20 * PEER_SECOND);
    check_frames_are_good(seed);
    media_inbound_stats_t in;
    media_receiver_stats(call.video_receiver, call.link.now, &in);
    /* Nearly everything is recovered by retransmission. */
    check_range(seed, "video frames received", call.frames_received, call.frames_sent * 92 / 100, call.frames_sent);
    check_range(seed, "longest freeze (ms)", call.longest_freeze / 1000, 0, 1500);
    check_range(seed, "last frame missing", call.frames_sent - call.last_frame, 0, 40);
    if (conditions.loss > 0.01)
        check_range(seed, "retransmissions", (int64_t)in.retransmitted_packets_received, 10, 100000);
    /* Audio: never silent, never stuck: what is played or concealed fills the time. */
    check_range(seed, "audio played (ms)", call.audio_us / 1000, 19000, 20400);
    check_range(seed, "audio frames received", call.audio_received, call.audio_sent * 82 / 100, call.audio_sent);
    call_free(&call);
}

TEST(video_recovers_by_rtx_over_lossy_links)
{
    for (uint64_t seed = 0; seed < 60; seed++)
        run_lossy(seed, true, false);
}

TEST(video_recovers_by_plain_retransmission_over_lossy_links)
{
    for (uint64_t seed = 100; seed < 130; seed++)
        run_lossy(seed, false, false);
}

TEST(vp9_recovers_by_retransmission_over_lossy_links)
{
    for (uint64_t seed = 200; seed < 230; seed++)
        run_lossy(seed, seed % 2 == 0, true);
}

TEST(without_nack_freezes_end_by_pli)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        link_conditions_t conditions = {.delay = 30 * PEER_MILLISECOND, .loss = 0.01};
        call_init(&call, seed, &conditions);
        call.has_nack = false;
        call.is_vp9 = seed % 2 == 1;
        call_add_streams(&call);
        call_run(&call, 20 * PEER_SECOND);
        check_frames_are_good(seed);
        media_inbound_stats_t in;
        media_receiver_stats(call.video_receiver, call.link.now, &in);
        CHECK_INT(in.nack_count, 0);
        check_range(seed, "key frames", call.key_frames_received, 2, 200);
        check_range(seed, "longest freeze (ms)", call.longest_freeze / 1000, 0, 2000);
        check_range(seed, "PLIs", (int64_t)in.pli_count, 1, 120);
        call_free(&call);
    }
}

static peer_time_t outage_start, outage_end;

static bool loses_in_outage(link_t *link, int from, bool is_rtcp, const packet_t *packet)
{
    (void)from;
    (void)is_rtcp;
    (void)packet;
    return link->now >= outage_start && link->now < outage_end;
}

TEST(after_an_outage_a_key_frame_brings_the_picture_back)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        link_conditions_t conditions = {.delay = 40 * PEER_MILLISECOND, .jitter = 10 * PEER_MILLISECOND};
        call_init(&call, seed, &conditions);
        call.link.loses = loses_in_outage;
        outage_start = call.link.now + 5 * PEER_SECOND;
        outage_end = outage_start + 3 * PEER_SECOND;
        call_add_streams(&call);
        call_run(&call, 12 * PEER_SECOND);
        check_frames_are_good(seed);
        check_range(seed, "longest freeze (ms)", call.longest_freeze / 1000, 3000, 4500);
        check_range(seed, "frames since", call.frames_sent - call.last_frame, 0, 10);
        check_range(seed, "audio since", call.audio_sent - call.last_audio, 0, 20);
        call_free(&call);
    }
}

TEST(temporal_layers_are_skipped_rather_than_waited_for_without_nack)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        link_conditions_t conditions = {.delay = 20 * PEER_MILLISECOND, .loss = 0.01};
        call_init(&call, seed, &conditions);
        call.has_nack = false;
        call.is_vp9 = seed % 2 == 1;
        call.layers = 2;
        call_add_streams(&call);
        call_run(&call, 20 * PEER_SECOND);
        check_frames_are_good(seed);
        media_inbound_stats_t in;
        media_receiver_stats(call.video_receiver, call.link.now, &in);
        check_range(seed, "frames received", call.frames_received, call.frames_sent / 2, call.frames_sent - 1);
        call_free(&call);
    }
}

TEST(discontinuous_audio_keeps_the_clock_running)
{
    call_init(&call, 3, &perfect);
    call.has_video = false;
    call.audio_pauses = true;
    call_add_streams(&call);
    call_run(&call, 20 * PEER_SECOND);
    check_frames_are_good(3);
    check_range(3, "audio received", call.audio_received, call.audio_sent * 50 / 100, call.audio_sent * 56 / 100);
    check_range(3, "audio played (ms)", call.audio_us / 1000, 19800, 20100);
    call_free(&call);
}

TEST(lost_audio_comes_with_the_next_packet_for_error_correction)
{
    link_conditions_t conditions = {.delay = 20 * PEER_MILLISECOND, .jitter = 30 * PEER_MILLISECOND, .loss = 0.05};
    call_init(&call, 5, &conditions);
    call.has_video = false;
    call.link.keeps_order = true;
    call_add_streams(&call);
    call_run(&call, 30 * PEER_SECOND);
    check_frames_are_good(5);
    check_range(5, "lost", call.audio_lost, 40, 150);
    /* The next one is there when it was not itself held up. */
    check_range(5, "with the next packet", call.audio_fec, call.audio_lost / 4, call.audio_lost);
    call_free(&call);
}

TEST(lip_sync_converges)
{
    static const int offsets[] = {0, 150, 400, -1};
    for (int i = 0; offsets[i] >= 0; i++) {
        call_init(&call, 7, &perfect);
        call.video_clock_offset = offsets[i] * PEER_MILLISECOND; /* an encoder this slow */
        call_add_streams(&call);
        call_run(&call, 20 * PEER_SECOND);
        check_frames_are_good(7);
        check_range((uint64_t)offsets[i], "lip sync error (ms)", (call.video_latency - call.audio_latency) / 1000, -25, 25);
        media_inbound_stats_t video, audio;
        media_receiver_stats(call.video_receiver, call.link.now, &video);
        media_receiver_stats(call.audio_receiver, call.link.now, &audio);
        CHECK(video.has_playout_latency && audio.has_playout_latency);
        check_range((uint64_t)offsets[i], "playout latency difference (ms)", (video.playout_latency_us - audio.playout_latency_us) / 1000,
                    -15, 15);
        call_free(&call);
    }
}

TEST(the_same_seed_gives_the_same_call)
{
    uint64_t sent[2], octets[2];
    for (int i = 0; i < 2; i++) {
        link_conditions_t conditions = {.delay = 50 * PEER_MILLISECOND, .jitter = 20 * PEER_MILLISECOND, .loss = 0.05};
        call_init(&call, 42, &conditions);
        call_add_streams(&call);
        call_run(&call, 5 * PEER_SECOND);
        sent[i] = call.link.sent;
        octets[i] = call.link.octets[0] + call.link.octets[1];
        call_free(&call);
    }
    CHECK_INT(sent[0], sent[1]);
    CHECK_INT(octets[0], octets[1]);
}

TEST(reports_go_round_and_tell_the_round_trip_time)
{
    link_conditions_t conditions = {.delay = 60 * PEER_MILLISECOND};
    call_init(&call, 9, &conditions);
    call_add_streams(&call);
    call_run(&call, 10 * PEER_SECOND);
    media_outbound_stats_t out;
    media_inbound_stats_t in;
    media_sender_stats(call.video_sender, call.link.now, &out);
    media_receiver_stats(call.video_receiver, call.link.now, &in);
    CHECK(out.has_receiver_report && out.has_round_trip_time);
    check_range(9, "round trip (us)", (int64_t)(out.round_trip_time * 1e6), 119000, 121000);
    CHECK(out.remote_packets_lost == 0 && out.fraction_lost == 0);
    check_range(9, "reports", (int64_t)out.reports_received, 6, 20);
    CHECK(in.has_sender_report);
    check_range(9, "sender's count", (int64_t)in.remote_packets_sent, (int64_t)out.packets_sent * 7 / 10, (int64_t)out.packets_sent);
    CHECK_INT(out.frames_sent, call.frames_sent);
    check_range(9, "frames received", (int64_t)in.frames_received, call.frames_received,
                call.frames_received + 2); /* one may wait for its time */
    CHECK_INT(in.packets_lost, 0);
    CHECK(in.last_packet_received_timestamp > call.link.now - PEER_SECOND);
    CHECK(in.bytes_received <= out.bytes_sent && in.bytes_received * 100 > out.bytes_sent * 95);
    CHECK(in.header_bytes_received > 20 * in.packets_received);
    call_free(&call);
}

TEST(removing_the_sender_ends_the_stream)
{
    call_init(&call, 11, &perfect);
    call_add_streams(&call);
    call_run(&call, PEER_SECOND);
    media_remove_sender(call.link.ends[0].session, call.video_sender, call.link.now);
    call.has_video = false;
    call_run(&call, PEER_SECOND);
    CHECK_INT(call.streams_ended, 1);
    media_inbound_stats_t in;
    media_receiver_stats(call.video_receiver, call.link.now, &in);
    CHECK(!in.is_active);
    call_free(&call);
}

TEST(clocks_that_drift_apart_do_not_pile_up_audio)
{
    call_init(&call, 13, &perfect);
    call.has_video = false;
    call_add_streams(&call);
    /* Bob's audio clock is the link's; alice's frames come 0.1 % faster than their timestamps say. */
    for (int i = 0; i < 60; i++) {
        call_run(&call, PEER_SECOND);
        call.next_audio -= PEER_MILLISECOND;
    }
    media_inbound_stats_t in;
    media_receiver_stats(call.audio_receiver, call.link.now, &in);
    check_range(13, "audio frames received", call.audio_received, call.audio_sent - 10, call.audio_sent);
    check_range(13, "lost", call.audio_lost, 0, 10);
    call_free(&call);
}
