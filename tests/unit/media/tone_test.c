/* Telephone events beside sound, packet by packet: what the player sends and when, and what the listener makes of what is left of it. */
#include "media/media.h"
#include "rtp/telephone_event.h"
#include "test.h"

#include "base/error.h"

#define EVENT_TYPE 110
#define PACKETS_MAX 512

typedef struct sent {
    peer_time_t time;
    rtp_view_t view;
    rtp_telephone_event_t event; /* of an event's packet */
    bool is_event;
    packet_t *packet;
} sent_t;

static packet_pool_t *pool;
static random_seeded_t generator;
static media_session_t *session, *remote; /* ours sends */
static media_sender_t *sender;
static media_receiver_t *receiver;
static peer_time_t now, next_frame;
static sent_t sent[PACKETS_MAX];
static size_t sent_count;
static bool (*is_lost)(const sent_t *packet);
static char heard[64]; /* tones */
static int64_t lasted[64];
static size_t heard_count, frames, lost, silences;

static media_session_t *new_session(void)
{
    return media_session_new(&(media_session_config_t){.pool = pool, .random = random_seeded_source(&generator), .cname = "us"});
}

static void start_at(uint32_t clock_rate, uint32_t event_rate)
{
    pool = packet_pool_new();
    random_seeded_init(&generator, 7);
    now = PEER_SECOND;
    next_frame = PEER_TIME_NEVER;
    sent_count = heard_count = frames = lost = silences = 0;
    is_lost = NULL;
    memset(heard, 0, sizeof heard);
    session = new_session();
    remote = new_session();
    const rtp_payload_format_t *format = clock_rate == 48000 ? &rtp_payload_opus : &rtp_payload_pcmu;
    media_codec_t codecs[] = {
        {.format = format, .clock_rate = clock_rate, .payload_type = 111, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE},
        {.clock_rate = event_rate, .payload_type = EVENT_TYPE, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE, .is_event = true}};
    uint32_t ssrc = 77;
    sender = media_add_sender(
        session, &(media_sender_config_t){
                     .kind = MEDIA_AUDIO, .ssrc = ssrc, .codec = codecs[0], .event = event_rate != 0 ? codecs[1] : (media_codec_t){0}});
    receiver = media_add_receiver(
        remote, &(media_receiver_config_t){
                    .kind = MEDIA_AUDIO, .codecs = codecs, .codec_count = event_rate != 0 ? 2 : 1, .ssrcs = &ssrc, .ssrc_count = 1});
    CHECK(session != NULL && remote != NULL && sender != NULL && receiver != NULL);
}

static void end(void)
{
    for (size_t i = 0; i < sent_count; i++)
        packet_unref(sent[i].packet);
    media_session_free(session);
    media_session_free(remote);
    CHECK_INT(packet_pool_outstanding(pool), 0);
    packet_pool_release(pool);
}

static void take(packet_t *packet)
{
    CHECK(sent_count < PACKETS_MAX);
    sent_t *item = &sent[sent_count++];
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    *item = (sent_t){.time = now, .packet = packet};
    CHECK(rtp_parse(&item->view, packet->data, packet->length));
    item->is_event = item->view.payload_type == EVENT_TYPE;
    if (item->is_event) {
        CHECK_INT(rtp_telephone_event_parse(events, item->view.payload, item->view.payload_length), 1);
        item->event = events[0];
    }
    if (is_lost != NULL && is_lost(item))
        return;
    packet_t *copy = packet_new(pool, packet->length);
    memcpy(copy->data, packet->data, packet->length);
    copy->length = packet->length;
    media_session_input_rtp(remote, now, copy);
    packet_unref(copy);
}

static void listen(void)
{
    media_output_t output;
    while (media_session_poll(remote, &output)) {
        if (output.type == MEDIA_OUTPUT_EVENT) {
            CHECK(output.receiver == receiver && heard_count < sizeof heard - 1);
            lasted[heard_count] = output.duration_us;
            heard[heard_count++] = rtp_telephone_event_tone(output.event);
        }
        frames += output.type == MEDIA_OUTPUT_FRAME;
        lost += output.type == MEDIA_OUTPUT_AUDIO_LOST && !output.is_silence;
        silences += output.type == MEDIA_OUTPUT_AUDIO_LOST && output.is_silence;
        media_output_clear(&output);
    }
}

static void flow(void)
{
    media_output_t output;
    while (media_session_poll(session, &output)) {
        if (output.type != MEDIA_OUTPUT_SEND_RTP) {
            media_output_clear(&output);
            continue;
        }
        take(output.packet);
    }
    listen();
}

/* Turns the clock, with a frame of Opus every 20 ms if next_frame was set. */
static void run_until(peer_time_t until)
{
    static const uint8_t opus[] = {0x78, 1, 2, 3}; /* 20 ms */
    flow();
    for (;;) {
        peer_time_t next = time_earlier(media_session_deadline(session), media_session_deadline(remote));
        next = time_earlier(next, next_frame);
        if (next > until)
            break;
        now = next > now ? next : now;
        if (now >= next_frame) {
            media_frame_t frame = {
                .data = opus, .length = sizeof opus, .timestamp_us = now, .duration_us = 20000, .kind = MEDIA_AUDIO, .is_key = true};
            CHECK_INT(media_sender_send_frame(sender, now, &frame), 0);
            next_frame += 20 * PEER_MILLISECOND;
        }
        if (media_session_deadline(session) <= now)
            media_session_timeout(session, now);
        if (media_session_deadline(remote) <= now)
            media_session_timeout(remote, now);
        flow();
    }
    now = until;
}

static void play(char tone, int64_t duration_ms)
{
    CHECK_INT(media_sender_play_event(sender, now, (uint8_t)rtp_telephone_event_code(tone), duration_ms * PEER_MILLISECOND), 0);
}

TEST(a_tone_is_told_from_its_begin_on_by_reports_that_grow_and_its_end_three_times)
{
    start_at(48000, 48000);
    play('5', 100);
    run_until(now + PEER_SECOND);
    CHECK_INT(sent_count, 7); /* at 20, 40, 60, 80 and 100 ms, and the last one twice more */
    for (size_t i = 0; i < sent_count; i++) {
        CHECK(sent[i].is_event);
        CHECK_INT(sent[i].time, PEER_SECOND + (peer_time_t)(i + 1) * 20000);
        CHECK_INT(sent[i].event.code, 5);
        CHECK_INT(sent[i].event.volume, 10);
        CHECK_INT(sent[i].event.duration, i < 5 ? (i + 1) * 960 : 4800);
        CHECK_INT(sent[i].event.is_end, i >= 4);
        CHECK_INT(sent[i].view.marker, i == 0);
        CHECK_INT(sent[i].view.timestamp, sent[0].view.timestamp);
        CHECK_INT(sent[i].view.sequence_number, (uint16_t)(sent[0].view.sequence_number + i));
        CHECK_INT(sent[i].view.ssrc, media_sender_ssrc(sender));
    }
    CHECK_TEXT(heard, "5");
    CHECK_INT(lasted[0], 100000);
    end();
}

TEST(sound_gives_way_to_a_tone_and_goes_on_afterwards_on_the_same_clock_and_in_the_same_numbers)
{
    start_at(48000, 48000);
    next_frame = now;
    run_until(now + 200 * PEER_MILLISECOND);
    size_t before = sent_count;
    peer_time_t begun = now;
    play('#', 100);
    run_until(now + 500 * PEER_MILLISECOND);
    bool is_over = false;
    uint32_t event_timestamp = 0;
    for (size_t i = 0; i < sent_count; i++) {
        CHECK_INT(sent[i].view.sequence_number, (uint16_t)(sent[0].view.sequence_number + i));
        if (sent[i].is_event) {
            event_timestamp = sent[i].view.timestamp;
            is_over |= sent[i].event.is_end;
            continue;
        }
        CHECK_INT(sent[i].view.timestamp - sent[0].view.timestamp, (sent[i].time - sent[0].time) * 48 / 1000);
        CHECK(i < before || is_over); /* no sound while it lasts */
    }
    CHECK_INT(event_timestamp - sent[0].view.timestamp, (begun - sent[0].time) * 48 / 1000);
    CHECK_TEXT(heard, "#");
    CHECK_INT(lost, 0); /* the listener knows that nothing is missing */
    CHECK(silences > 0 && frames > 20);
    end();
}

TEST(a_tone_longer_than_a_report_can_tell_is_told_in_segments_and_heard_as_one)
{
    start_at(48000, 48000);
    play('D', 6000);
    run_until(now + 7 * PEER_SECOND);
    uint32_t begun = sent[0].view.timestamp;
    size_t segments = 1, ends = 0;
    for (size_t i = 1; i < sent_count; i++) {
        uint32_t into = sent[i].view.timestamp - begun;
        CHECK(into % 0xffff == 0 && into / 0xffff <= 4);
        CHECK(!sent[i].view.marker);
        if (into / 0xffff == segments) {
            segments++;
            CHECK_INT(sent[i - 1].event.duration, 0xffff);
            CHECK(!sent[i - 1].event.is_end); /* §2.5.1.3: the event goes on */
        }
        ends += sent[i].event.is_end;
    }
    CHECK_INT(segments, 5);
    CHECK_INT(ends, 3);
    CHECK_INT(4 * 0xffff + sent[sent_count - 1].event.duration, 6 * 48000);
    CHECK_TEXT(heard, "D");
    CHECK_INT(lasted[0], 6000000);
    end();
}

TEST(with_8000_hz_six_seconds_are_one_segment)
{
    start_at(8000, 8000);
    play('0', 6000);
    run_until(now + 7 * PEER_SECOND);
    for (size_t i = 1; i < sent_count; i++)
        CHECK_INT(sent[i].view.timestamp, sent[0].view.timestamp);
    CHECK_INT(sent[sent_count - 1].event.duration, 48000);
    CHECK_TEXT(heard, "0");
    CHECK_INT(lasted[0], 6000000);
    end();
}

TEST(events_of_another_clock_than_the_sound_count_their_duration_by_their_own)
{
    start_at(48000, 8000);
    next_frame = now;
    run_until(now + 100 * PEER_MILLISECOND);
    play('1', 100);
    run_until(now + 500 * PEER_MILLISECOND);
    size_t last = 0;
    for (size_t i = 0; i < sent_count; i++)
        last = sent[i].is_event ? i : last;
    CHECK_INT(sent[last].event.duration, 800);
    CHECK_INT(sent[last].view.timestamp - sent[0].view.timestamp, 4800);
    CHECK_TEXT(heard, "1");
    CHECK_INT(lasted[0], 100000);
    end();
}

TEST(a_tone_that_begins_while_another_plays_ends_it)
{
    start_at(48000, 48000);
    play('1', 1000);
    run_until(now + 50 * PEER_MILLISECOND);
    play('2', 60);
    run_until(now + PEER_SECOND);
    CHECK_TEXT(heard, "12");
    CHECK_INT(lasted[0], 50000);
    CHECK_INT(lasted[1], 60000);
    CHECK(!media_sender_is_playing_event(sender));
    end();
}

static void send_rtp(uint16_t number)
{
    uint8_t packet[] = {0x80, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x78, 1, 2, 3};
    bytes_put_u16(packet + 2, number);
    bytes_put_u32(packet + 4, number * 960u);
    CHECK_INT(media_sender_send_rtp(sender, now, packet, sizeof packet), 0);
    run_until(now + 20 * PEER_MILLISECOND);
}

TEST(packets_that_the_application_numbers_make_room_for_a_tone_and_no_number_is_missing_or_used_twice)
{
    start_at(48000, 48000);
    uint16_t number = 65530;
    for (int i = 0; i < 10; i++)
        send_rtp(number++);
    play('8', 100);
    for (int i = 0; i < 20; i++)
        send_rtp(number++);
    CHECK(sent_count > 30);
    for (size_t i = 0; i < sent_count; i++)
        CHECK_INT(sent[i].view.sequence_number, (uint16_t)(65530 + i));
    CHECK_TEXT(heard, "8");
    end();
}

TEST(without_negotiation_no_tone_is_played)
{
    start_at(48000, 0);
    CHECK_INT(media_sender_play_event(sender, now, 1, 100000), PEER_ERROR_INVALID_STATE);
    run_until(now + PEER_SECOND);
    CHECK_INT(sent_count, 0);
    end();
}

TEST(an_abandoned_tone_sends_nothing_more_and_is_heard_to_the_last_report_that_came)
{
    start_at(48000, 48000);
    play('9', 1000);
    run_until(now + 100 * PEER_MILLISECOND);
    size_t count = sent_count;
    media_sender_abandon_event(sender);
    run_until(now + PEER_SECOND);
    CHECK_INT(sent_count, count);
    CHECK_TEXT(heard, "9"); /* after 200 ms of silence */
    CHECK_INT(lasted[0], 100000);
    end();
}

/* ---- loss ---- */

static bool is_end(const sent_t *packet)
{
    return packet->is_event && packet->event.is_end;
}

static bool is_not_end(const sent_t *packet)
{
    return packet->is_event && !packet->event.is_end;
}

static bool is_not_last(const sent_t *packet)
{
    return packet != &sent[6] && packet->is_event && sent_count <= 7;
}

TEST(whatever_packets_of_a_tone_are_lost_it_is_heard_once_if_any_came)
{
    bool (*const losses[])(const sent_t *) = {is_end, is_not_end, is_not_last};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        start_at(48000, 48000);
        is_lost = losses[i];
        play('7', 100);
        run_until(now + PEER_SECOND);
        CHECK_TEXT(heard, "7");
        CHECK_INT(lasted[0], i == 0 ? 80000 : 100000);
        end();
    }
}

TEST(the_same_key_twice_is_heard_twice_although_the_end_of_the_first_and_the_begin_of_the_second_were_lost)
{
    start_at(48000, 48000);
    is_lost = is_end;
    play('5', 100);
    run_until(now + 170 * PEER_MILLISECOND);
    is_lost = NULL;
    play('5', 100);
    now += 20 * PEER_MILLISECOND;
    is_lost = is_not_end;
    run_until(now + PEER_SECOND);
    CHECK_TEXT(heard, "55");
    end();
}

TEST(a_long_tone_whose_segments_lose_their_ends_is_one_tone)
{
    start_at(48000, 48000);
    play('3', 4000);
    for (int i = 0; i < 40; i++) { /* every other 100 ms nothing comes */
        is_lost = i % 2 == 0 ? NULL : is_not_end;
        run_until(now + 100 * PEER_MILLISECOND);
    }
    is_lost = NULL;
    run_until(now + PEER_SECOND);
    CHECK_TEXT(heard, "3");
    CHECK_INT(lasted[0], 4000000);
    end();
}

/* ---- a hostile sender ---- */

static void input(uint16_t sequence, uint32_t timestamp, bool marker, const uint8_t *payload, size_t length)
{
    rtp_header_t header = {.ssrc = 77, .timestamp = timestamp, .sequence_number = sequence, .payload_type = EVENT_TYPE, .marker = marker};
    packet_t *packet = packet_new(pool, 1500);
    writer_t writer;
    writer_init(&writer, packet->data, 1500);
    CHECK(rtp_write_header(&writer, &header) && (length == 0 || writer_copy(&writer, payload, length)));
    packet->length = writer.length;
    media_session_input_rtp(remote, now, packet);
    packet_unref(packet);
    listen();
}

TEST(reports_that_are_late_repeated_malformed_or_of_no_key_are_not_heard)
{
    static const uint8_t one[] = {1, 0x8a, 0, 160}, two[] = {2, 0x8a, 0, 160}, other[] = {40, 0x8a, 0, 160};
    start_at(8000, 8000);
    input(1, 8000, true, two, 4);
    input(2, 8000, false, two, 4);
    input(3, 4000, true, one, 4); /* older than the last one */
    input(4, 9000, true, other, 4);
    input(5, 10000, true, one, 3);
    input(6, 10000, true, one, 0);
    CHECK_TEXT(heard, "2");
    input(7, 10000, true, one, 4);
    CHECK_TEXT(heard, "21");
    end();
}

TEST(two_tones_in_one_packet_are_heard_one_after_the_other)
{
    static const uint8_t both[] = {1, 0x8a, 0, 160, 2, 0x8a, 1, 64};
    start_at(8000, 8000);
    input(1, 8000, true, both, sizeof both);
    input(2, 8000, false, both, sizeof both);
    CHECK_TEXT(heard, "12");
    CHECK_INT(lasted[0], 20000);
    CHECK_INT(lasted[1], 40000);
    end();
}
