/* The parts of a session by themselves: RFC 3550's arithmetic, the lists and buffers. */
#include "media/audio_buffer.h"
#include "media/delay.h"
#include "media/history.h"
#include "media/nack.h"
#include "media/reception.h"
#include "media/video_buffer.h"
#include "test.h"

#include "base/memory.h"

TEST(extended_sequence_numbers_count_cycles)
{
    media_reception_t r = {0};
    int64_t first, extended;
    CHECK_INT(media_reception_input(&r, 65000, &first), MEDIA_ARRIVAL_IN_ORDER);
    for (uint32_t i = 1; i <= 140000; i++) {
        CHECK_INT(media_reception_input(&r, (uint16_t)(65000 + i), &extended), MEDIA_ARRIVAL_IN_ORDER);
        CHECK_INT(extended - first, i);
    }
    CHECK_INT(media_reception_lost(&r), 0);
    CHECK_INT((uint32_t)(r.highest - 0x10000), 65000 + 140000);
}

TEST(loss_is_expected_minus_received_and_may_be_negative)
{
    media_reception_t r = {0};
    int64_t extended;
    for (uint16_t i = 0; i < 100; i++)
        if (i % 4 != 3 || i == 99)
            media_reception_input(&r, i, &extended);
    CHECK_INT(media_reception_lost(&r), 24);
    CHECK_INT(media_reception_fraction(&r), 24 * 256 / 100);
    CHECK_INT(media_reception_fraction(&r), 0); /* nothing since */
    for (int i = 0; i < 30; i++)
        CHECK_INT(media_reception_input(&r, 50, &extended), MEDIA_ARRIVAL_LATE);
    CHECK_INT(media_reception_lost(&r), -6);
    CHECK_INT(media_reception_fraction(&r), 0); /* duplicates do not make it negative */
}

TEST(a_jump_counts_only_when_the_next_packet_confirms_it)
{
    media_reception_t r = {0};
    int64_t extended;
    media_reception_input(&r, 100, &extended);
    CHECK_INT(media_reception_input(&r, 30000, &extended), MEDIA_ARRIVAL_IGNORED);
    CHECK_INT(media_reception_input(&r, 101, &extended), MEDIA_ARRIVAL_IN_ORDER);
    CHECK_INT(media_reception_input(&r, 40000, &extended), MEDIA_ARRIVAL_IGNORED);
    CHECK_INT(media_reception_input(&r, 40001, &extended), MEDIA_ARRIVAL_RESTARTED);
    CHECK_INT(r.received, 1);
    CHECK_INT(media_reception_lost(&r), 0);
}

TEST(jitter_follows_rfc_3550_a_8)
{
    media_reception_t r = {0};
    /* Transit alternates by 160 units (20 ms at 8 kHz): the estimate tends to 160. */
    for (int i = 0; i < 400; i++)
        media_reception_time(&r, (uint32_t)(i * 160), i * 20 * PEER_MILLISECOND + (i % 2) * 20 * PEER_MILLISECOND, 8000);
    CHECK(r.jitter > 158 && r.jitter < 161);
    double before = r.jitter;
    media_reception_time(&r, 0x80000000u, 400 * 20 * PEER_MILLISECOND, 8000); /* the timestamp jumps */
    CHECK(r.jitter == before);
}

TEST(the_delay_aimed_at_covers_the_jitter_and_comes_down_again)
{
    media_delay_t delay;
    media_delay_init(&delay, 40 * PEER_MILLISECOND, 0.97f, 400);
    peer_time_t now = 0;
    uint32_t random = 1;
    for (int i = 0; i < 2000; i++, now += 20 * PEER_MILLISECOND) {
        random = random * 1664525u + 1013904223u;
        media_delay_input(&delay, now, now + 70 * PEER_MILLISECOND + (peer_time_t)(random >> 16) * 60 * PEER_MILLISECOND / 65536);
    }
    CHECK(media_delay_target(&delay) >= 50 * PEER_MILLISECOND && media_delay_target(&delay) <= 65 * PEER_MILLISECOND);
    CHECK(media_delay_base(&delay) >= 70 * PEER_MILLISECOND && media_delay_base(&delay) < 72 * PEER_MILLISECOND);
    for (int i = 0; i < 5000; i++, now += 20 * PEER_MILLISECOND)
        media_delay_input(&delay, now, now + 75 * PEER_MILLISECOND);
    CHECK_INT(media_delay_target(&delay), 0);
    CHECK_INT(media_delay_base(&delay), 75 * PEER_MILLISECOND);
    media_delay_input(&delay, now + 3600 * PEER_SECOND, now); /* the timestamps jump: another timeline */
    CHECK_INT(media_delay_base(&delay), -3600 * PEER_SECOND);
}

TEST(nacks_wait_for_reordering_repeat_by_round_trips_and_give_up)
{
    media_nack_t nack;
    uint16_t numbers[MEDIA_NACK_BATCH];
    media_nack_init(&nack);
    media_nack_missing(&nack, 0, 65535, 65537);
    CHECK_INT(media_nack_due(&nack, 1000, 100000, numbers), 0);
    CHECK(!media_nack_received(&nack, 2000, 65536)); /* came by itself */
    CHECK_INT(media_nack_due(&nack, nack.deadline, 100000, numbers), 2);
    CHECK(numbers[0] == 65535 && numbers[1] == 1);
    peer_time_t first = nack.deadline;
    CHECK(first > 100000 && first < 140000);
    CHECK(media_nack_received(&nack, 100000, 65537));
    unsigned tries = 1;
    while (nack.count != 0) {
        CHECK(nack.deadline != PEER_TIME_NEVER);
        tries += media_nack_due(&nack, nack.deadline, 100000, numbers) != 0;
    }
    CHECK(nack.has_given_up);
    CHECK(tries >= 8 && tries <= MEDIA_NACK_TRIES_MAX);
    CHECK_INT(nack.deadline, PEER_TIME_NEVER);
    media_nack_free(&nack);
}

TEST(the_nack_list_is_bounded)
{
    media_nack_t nack;
    uint16_t numbers[MEDIA_NACK_BATCH];
    media_nack_init(&nack);
    for (int64_t i = 0; i < 100; i++)
        media_nack_missing(&nack, 0, i * 1000, i * 1000 + 900);
    CHECK_INT(nack.count, MEDIA_NACK_MAX);
    CHECK(nack.has_given_up);
    size_t asked = 0, some;
    while ((some = media_nack_due(&nack, PEER_SECOND / 2, 1000, numbers)) != 0)
        asked += some;
    CHECK_INT(asked, MEDIA_NACK_MAX);
    media_nack_forget_before(&nack, INT64_MAX);
    CHECK_INT(nack.count, 0);
    media_nack_free(&nack);
}

TEST(history_is_found_by_number_and_bounded_by_age_number_and_octets)
{
    packet_pool_t *pool = packet_pool_new();
    media_history_t history = {0};
    uint8_t bytes[1200] = {0};
    packet_t *packet = packet_new_copy(pool, bytes, sizeof bytes);
    for (uint32_t i = 0; i < 6000; i++) {
        media_history_add(&history, pool, i * 100, (uint16_t)(64000 + i), packet);
        CHECK(history.bytes <= MEDIA_HISTORY_BYTES_MAX + sizeof bytes && history.count <= MEDIA_HISTORY_PACKETS_MAX);
    }
    CHECK(media_history_find(&history, 600000, (uint16_t)(64000 + 5999)) != NULL);
    CHECK(media_history_find(&history, 600000, (uint16_t)(64000 + 4000)) != NULL);
    CHECK_INT(media_history_find(&history, 600000, (uint16_t)(64000 + 4000))->sequence_number, (uint16_t)(64000 + 4000));
    CHECK(media_history_find(&history, 600000, (uint16_t)(64000 + 6000)) == NULL);
    CHECK(media_history_find(&history, 600000, 64000) == NULL);
    CHECK(media_history_find(&history, 600000 + MEDIA_HISTORY_AGE_MAX, (uint16_t)(64000 + 5990)) == NULL);
    media_history_clear(&history);
    packet_unref(packet);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

/* The video buffer, fed by hand: VP8 payloads of one octet descriptor and a number. */

static packet_pool_t *pool;
static media_video_buffer_t video;

static media_video_insert_t put(int64_t sequence, int64_t timestamp, bool is_start, bool is_end, bool is_key)
{
    uint8_t bytes[4] = {is_start ? 0x10 : 0, is_key ? 0 : 1, (uint8_t)sequence, 0};
    packet_t *packet = packet_new_copy(pool, bytes, sizeof bytes);
    media_video_packet_t entry = {
        .packet = packet, .payload = packet->data, .length = 4, .sequence = sequence, .timestamp = timestamp, .format = &rtp_payload_vp8};
    CHECK(rtp_payload_vp8.inspect(&entry.info, packet->data, 4, is_end));
    media_video_insert_t result = media_video_buffer_insert(&video, &entry, sequence);
    packet_unref(packet);
    return result;
}

static int64_t take(void)
{
    media_video_frame_t description;
    media_frame_t *frame = media_video_buffer_next(&video, 0, &description);
    if (frame == NULL)
        return -1;
    CHECK_INT(frame->length, 3 * (description.last - description.first + 1));
    media_frame_unref(frame);
    return description.timestamp;
}

static void start_video(void)
{
    pool = packet_pool_new();
    media_video_buffer_init(&video);
}

static void end_video(void)
{
    media_video_buffer_free(&video);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(video_frames_wait_for_their_packets_and_their_predecessors)
{
    start_video();
    put(11, 1, false, true, false); /* the key frame's second packet comes first */
    CHECK_INT(take(), -1);
    put(13, 2, false, true, false);
    put(10, 1, true, false, true);
    CHECK_INT(take(), 1);
    put(14, 3, true, true, false);
    CHECK_INT(take(), -1);
    CHECK(video.stuck_since != PEER_TIME_NEVER);
    put(12, 2, true, false, false);
    CHECK_INT(take(), 2);
    CHECK_INT(take(), 3);
    CHECK_INT(take(), -1);
    CHECK_INT(video.stuck_since, PEER_TIME_NEVER);
    CHECK_INT(put(12, 2, true, false, false), MEDIA_VIDEO_TOO_LATE);
    end_video();
}

TEST(a_frame_without_a_marker_ends_where_the_next_begins)
{
    start_video();
    put(10, 1, true, false, true);
    put(11, 1, false, false, false);
    CHECK_INT(take(), -1);
    put(12, 2, true, false, false);
    CHECK_INT(take(), 1);
    put(14, 3, true, false, false);
    put(13, 2, false, false, false);
    CHECK_INT(take(), 2);
    end_video();
}

TEST(giving_up_jumps_to_a_key_frame_that_is_here)
{
    start_video();
    put(10, 1, true, true, true);
    CHECK_INT(take(), 1);
    put(12, 3, true, true, false);
    put(13, 4, true, true, true);
    put(14, 5, true, true, false);
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK_INT(take(), 4);
    CHECK_INT(take(), 5);
    end_video();
}

TEST(after_giving_up_a_late_packet_still_ends_the_freeze)
{
    start_video();
    put(10, 1, true, true, true);
    CHECK_INT(take(), 1);
    put(12, 3, true, true, false);
    CHECK_INT(take(), -1);
    media_video_buffer_give_up(&video, 0);
    CHECK(video.needs_key_frame);
    CHECK_INT(take(), -1);
    put(11, 2, true, true, false);
    CHECK_INT(take(), 2);
    CHECK_INT(take(), 3);
    CHECK(!video.needs_key_frame);
    end_video();
}

TEST(padding_between_frames_is_stepped_over)
{
    start_video();
    put(10, 1, true, true, true);
    CHECK_INT(take(), 1);
    packet_t *packet = packet_new(pool, 10);
    media_video_packet_t padding = {.packet = packet, .sequence = 11, .timestamp = 1, .format = &rtp_payload_vp8};
    media_video_buffer_insert(&video, &padding, 0);
    packet_unref(packet);
    put(12, 2, true, true, false);
    CHECK_INT(take(), 2);
    end_video();
}

TEST(the_video_buffer_is_bounded)
{
    start_video();
    for (int64_t i = 0; i < 20000; i++) {
        put(i, i / 3, i % 3 == 0, i % 3 == 2, false); /* never a key frame */
        CHECK_INT(take(), -1);
        CHECK(packet_pool_outstanding(pool) <= MEDIA_VIDEO_PACKETS_MAX);
        CHECK(video.frame_count <= MEDIA_VIDEO_FRAMES_MAX);
    }
    for (int64_t i = 0; i < 100000; i += 1000)
        put(30000 + i, i, true, false, true); /* never a whole one */
    CHECK(packet_pool_outstanding(pool) <= MEDIA_VIDEO_PACKETS_MAX);
    end_video();
}

TEST(random_packets_never_give_broken_frames)
{
    uint32_t random = 7;
    for (int round = 0; round < 50; round++) {
        start_video();
        for (int i = 0; i < 3000; i++) {
            random = random * 1664525u + 1013904223u;
            int64_t sequence = i + (random >> 28);
            put(sequence, sequence / 3 + (random >> 8 & 7 ? 0 : 1), (random >> 12 & 3) == 0, (random >> 14 & 3) == 0,
                (random >> 16 & 7) == 0);
            take();
            if ((random >> 20 & 31) == 0)
                media_video_buffer_give_up(&video, i);
        }
        end_video();
    }
}

/* The audio buffer by hand. */

static media_audio_buffer_t audio;

static bool put_audio(int64_t sequence, int64_t number, size_t length, peer_time_t now)
{
    uint8_t bytes[80] = {0x78};
    packet_t *packet = packet_new_copy(pool, bytes, length);
    media_audio_packet_t entry = {.packet = packet,
                                  .payload = packet->data,
                                  .length = length,
                                  .sequence = sequence,
                                  .timestamp = number * 960,
                                  .duration = 960,
                                  .clock_rate = 48000,
                                  .time = now};
    bool is_taken = media_audio_buffer_insert(&audio, &entry, now, 0, 40000);
    packet_unref(packet);
    return is_taken;
}

static char turn(peer_time_t now)
{
    media_audio_event_t event;
    if (!media_audio_buffer_next(&audio, now, 0, 40000, &event))
        return '-';
    char what = event.frame != NULL ? 'f' : event.is_silence ? 's' : event.next != NULL ? 'n' : 'l';
    CHECK_INT(event.duration_us, 20000);
    media_frame_unref(event.frame);
    media_frame_unref(event.next);
    return what;
}

TEST(the_audio_clock_gives_frames_losses_and_silence)
{
    pool = packet_pool_new();
    media_audio_buffer_init(&audio);
    for (int i = 0; i < 4; i++)
        put_audio(100 + i, i, i == 3 ? 1 : 80, i * 20000); /* the fourth is a pause, announced */
    put_audio(105, 5 + 4, 80, 180000);                     /* 104 is lost; timestamps show a pause too */
    CHECK_INT(turn(39999), '-');
    char heard[16] = "";
    for (int i = 0; i < 12; i++)
        heard[i] = turn(40000 + i * 20000);
    CHECK_TEXT(heard, "ffffllllnfll");
    media_audio_buffer_reset(&audio);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

TEST(an_announced_pause_is_silence_and_the_clock_stops_after_a_while)
{
    pool = packet_pool_new();
    media_audio_buffer_init(&audio);
    put_audio(100, 0, 1, 0);
    CHECK_INT(turn(40000), 'f');
    int silent = 0;
    while (audio.next_playout != PEER_TIME_NEVER)
        silent += turn(audio.next_playout) == 's';
    CHECK_INT(silent, 50);                    /* a second */
    CHECK(put_audio(101, 500, 80, 10000000)); /* and starts again with the next packet */
    CHECK_INT(audio.next_playout, 10040000);
    CHECK_INT(turn(10040000), 'f');
    CHECK(!put_audio(101, 500, 80, 10000000));
    media_audio_buffer_reset(&audio);
    packet_pool_release(pool);
}

TEST(the_audio_buffer_takes_huge_gaps_and_floods)
{
    pool = packet_pool_new();
    media_audio_buffer_init(&audio);
    int64_t sequence = 0;
    for (int i = 0; i < 2000; i++) {
        sequence += i % 97 == 0 ? 5000 : 1;
        put_audio(sequence, sequence, 80, i * 100);
        CHECK(audio.count <= MEDIA_AUDIO_PACKETS_MAX);
    }
    for (int i = 0; i < 3000 && audio.next_playout != PEER_TIME_NEVER; i++)
        turn(audio.next_playout);
    CHECK_INT(audio.next_playout, PEER_TIME_NEVER);
    media_audio_buffer_reset(&audio);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}
