/* Media at their three levels and data of every shape, between two connections of one process. */
#include "pair.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Waits up to 60 s for a number to rise to a limit, running `meanwhile` every 10 ms. */
static bool rises_to(atomic_int *number, int limit, void (*meanwhile)(void *argument), void *argument)
{
    for (int i = 0; i < 6000; i++) {
        if (atomic_load(number) >= limit)
            return true;
        if (meanwhile != NULL)
            meanwhile(argument);
        pause_ms(10);
    }
    return false;
}

static bool settles_at(int32_t (*get)(const void *object), const void *object, int32_t value)
{
    for (int i = 0; i < 6000; i++) {
        if (get(object) == value)
            return true;
        pause_ms(10);
    }
    return false;
}

/* ---- raw media of our own ---- */

/* A picture of one grey, which says which picture it is. */
static void write_grey(peer_track_t *track, uint8_t grey)
{
    static uint8_t bytes[160 * 120 * 3 / 2];
    peer_video_buffer_t buffer;
    peer_video_frame_t *frame;
    memset(bytes, grey, 160 * 120);
    memset(bytes + 160 * 120, 128, sizeof bytes - 160 * 120);
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = 160;
    buffer.height = 120;
    buffer.timestamp_us = now_us();
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + 160 * 120;
    buffer.planes[2] = bytes + 160 * 120 * 5 / 4;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    CHECK_INT(peer_track_write_video(track, frame), 0);
    peer_video_frame_unref(frame);
}

static int grey_of(peer_video_frame_t *frame)
{
    uint64_t sum = 0;
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    const uint8_t *luma = peer_video_frame_plane(frame, 0);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            sum += luma[y * peer_video_frame_stride(frame, 0) + x];
    return (int)(sum / ((uint64_t)width * height));
}

static void write_tone(peer_track_t *track)
{
    static int16_t samples[480];
    static int phase;
    peer_audio_buffer_t buffer;
    peer_audio_frame_t *frame;
    for (int i = 0; i < 480; i++, phase++)
        samples[i] = (int16_t)(phase / 50 % 2 == 0 ? 8000 : -8000); /* 480 Hz, square */
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.samples_per_channel = 480;
    buffer.timestamp_us = now_us();
    buffer.data = samples;
    CHECK_INT(peer_audio_frame_new_copy(&buffer, &frame), 0);
    CHECK_INT(peer_track_write_audio(track, frame), 0);
    peer_audio_frame_unref(frame);
}

static atomic_int last_grey, greys_seen[256], loud_frames, silent_frames;

static void see_grey(pair_side_t *side, peer_track_t *track, peer_video_frame_t *frame)
{
    int grey = grey_of(frame);
    atomic_store(&last_grey, grey);
    atomic_fetch_add(&greys_seen[grey / 32], 1); /* in eight steps: VP8 is not exact */
}

static void hear(pair_side_t *side, peer_track_t *track, peer_audio_frame_t *frame)
{
    double level = peer_audio_frame_level_dbfs(frame);
    atomic_fetch_add(level > -30 ? &loud_frames : &silent_frames, 1);
    if (level > -30)
        atomic_store(&silent_frames, 0);
    else if (level < -60)
        atomic_store(&loud_frames, 0);
}

static void forget_what_was_seen(void)
{
    for (int i = 0; i < 256; i++)
        atomic_store(&greys_seen[i], 0);
    atomic_store(&loud_frames, 0);
    atomic_store(&silent_frames, 0);
}

static peer_track_t *written_video, *written_audio;
static uint8_t written_grey;

static void write_both(void *unused)
{
    if (written_video != NULL)
        write_grey(written_video, written_grey);
    if (written_audio != NULL)
        write_tone(written_audio);
}

/* A pair in which side 0 sends one written track of each kind that is wanted. */
static void open_written(pair_t *pair, bool audio, bool video, peer_sender_t **video_sender)
{
    pair_open(pair, NULL, NULL);
    forget_what_was_seen();
    pair->sides[1].on_video = see_grey;
    pair->sides[1].on_audio = hear;
    written_video = video ? pair_add_track(&pair->sides[0], PEER_MEDIA_VIDEO, video_sender) : NULL;
    written_audio = audio ? pair_add_track(&pair->sides[0], PEER_MEDIA_AUDIO, NULL) : NULL;
    CHECK(pair_wait(pair, pair_is_connected, NULL));
}

static void end_written(pair_t *pair)
{
    CHECK(pair_end(pair, NULL));
    peer_track_unref(written_video);
    peer_track_unref(written_audio);
    written_video = written_audio = NULL;
}

TEST(raw_frames_of_the_application_arrive_as_raw_frames)
{
    pair_t pair;
    open_written(&pair, true, true, NULL);
    written_grey = 208;
    CHECK(rises_to(&greys_seen[208 / 32], 5, write_both, NULL));
    CHECK(rises_to(&loud_frames, 5, write_both, NULL));
    end_written(&pair);
}

TEST(a_disabled_track_sends_black_and_silence_until_it_is_enabled_again)
{
    pair_t pair;
    open_written(&pair, true, true, NULL);
    written_grey = 208;
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    CHECK(rises_to(&loud_frames, 3, write_both, NULL));
    peer_track_set_enabled(written_video, 0);
    peer_track_set_enabled(written_audio, 0);
    forget_what_was_seen();
    CHECK(rises_to(&greys_seen[0], 3, write_both, NULL)); /* 16 is black */
    CHECK(rises_to(&silent_frames, 20, write_both, NULL));
    peer_track_set_enabled(written_video, 1);
    peer_track_set_enabled(written_audio, 1);
    forget_what_was_seen();
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    CHECK(rises_to(&loud_frames, 3, write_both, NULL));
    end_written(&pair);
}

TEST(replace_track_changes_the_picture_without_negotiation)
{
    pair_t pair;
    peer_sender_t *sender;
    peer_track_t *other, *sound;
    open_written(&pair, false, true, &sender);
    written_grey = 208;
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, NULL, &sound), 0);
    CHECK_INT(peer_sender_replace_track(sender, sound), PEER_ERROR_TYPE);
    peer_track_unref(sound);
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &other), 0);
    CHECK_INT(peer_sender_replace_track(sender, other), 0);
    peer_track_t *first = written_video;
    written_video = other;
    written_grey = 80;
    CHECK(rises_to(&greys_seen[80 / 32], 3, write_both, NULL));
    CHECK_INT(peer_connection_signaling_state(pair.sides[0].pc), PEER_SIGNALING_STABLE);
    CHECK_INT(pair.sides[1].tracks, 1);
    peer_track_t *sent = peer_sender_track(sender);
    CHECK(sent == other);
    peer_track_unref(sent);
    CHECK_INT(peer_sender_replace_track(sender, NULL), 0);
    CHECK(peer_sender_track(sender) == NULL);
    peer_sender_unref(sender);
    peer_track_unref(first);
    end_written(&pair);
}

static atomic_int self_views;

static void on_self_view(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    if (grey_of(frame) == 208)
        atomic_fetch_add(&self_views, 1);
}

TEST(a_sink_on_a_local_track_sees_what_is_written)
{
    peer_track_t *track;
    peer_track_sink_t sink;
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, "self", &track), 0);
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_self_view;
    CHECK_INT(peer_track_add_sink(track, &sink, NULL), 0);
    write_grey(track, 208);
    CHECK_INT(self_views, 1);
    peer_track_remove_sink(track, NULL);
    write_grey(track, 208);
    CHECK_INT(self_views, 1);
    peer_track_stop(track);
    CHECK_INT(peer_track_ready_state(track), PEER_TRACK_ENDED);
    peer_track_unref(track);
}

/* ---- encoded frames and RTP ---- */

static _Atomic(peer_track_t *) forwarded_video, forwarded_audio; /* NULL: nothing is forwarded yet */
static atomic_int forward_errors;

static void forward_encoded(pair_side_t *side, peer_track_t *track, peer_encoded_frame_t *frame)
{
    peer_track_t *to = peer_track_kind(track) == PEER_MEDIA_VIDEO ? forwarded_video : forwarded_audio;
    if (to != NULL && peer_track_write_encoded(to, frame) < 0)
        atomic_fetch_add(&forward_errors, 1);
}

static void forward_rtp(pair_side_t *side, peer_track_t *track, const void *packet, size_t length)
{
    peer_track_t *to = peer_track_kind(track) == PEER_MEDIA_VIDEO ? forwarded_video : forwarded_audio;
    if (to != NULL && peer_track_write_rtp(to, packet, length) < 0)
        atomic_fetch_add(&forward_errors, 1);
}

static peer_receiver_t *video_receiver_of_source;
static atomic_int key_frames_asked;

/* The last receiver wants a key frame: the request goes on to the source. */
static void pass_key_frame_request(peer_track_t *track, void *user)
{
    atomic_fetch_add(&key_frames_asked, 1);
    peer_receiver_request_key_frame(video_receiver_of_source);
}

static peer_receiver_t *video_receiver(peer_connection_t *pc)
{
    peer_transceiver_t *transceivers[8];
    peer_receiver_t *receiver = NULL;
    size_t count = peer_connection_transceivers(pc, transceivers, 8);
    for (size_t i = 0; i < count && i < 8; i++) {
        if (peer_transceiver_kind(transceivers[i]) == PEER_MEDIA_VIDEO && receiver == NULL)
            receiver = peer_transceiver_receiver(transceivers[i]);
        peer_transceiver_unref(transceivers[i]);
    }
    return receiver;
}

/* Source → first pair → forwarded → second pair: what its end sees was encoded once, at the source. */
static void forward(bool as_rtp)
{
    pair_t source, onward;
    atomic_store(&forward_errors, 0);
    atomic_store(&key_frames_asked, 0);
    pair_open(&source, NULL, NULL);
    if (as_rtp)
        source.sides[1].on_rtp = forward_rtp;
    else
        source.sides[1].on_encoded = forward_encoded;
    pair_add_media(&source.sides[0], true, true);
    CHECK(pair_wait(&source, pair_is_connected, NULL));
    CHECK(rises_to(&source.sides[1].video_frames, 3, NULL, NULL));
    video_receiver_of_source = video_receiver(source.sides[1].pc);
    pair_open(&onward, NULL, NULL);
    peer_track_t *video = pair_add_track(&onward.sides[0], PEER_MEDIA_VIDEO, NULL);
    peer_track_t *audio = pair_add_track(&onward.sides[0], PEER_MEDIA_AUDIO, NULL);
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_key_frame_request = pass_key_frame_request;
    CHECK_INT(peer_track_add_sink(video, &sink, NULL), 0);
    CHECK(pair_wait(&onward, pair_is_connected, NULL));
    atomic_store(&forwarded_video, video);
    atomic_store(&forwarded_audio, audio);
    peer_receiver_request_key_frame(video_receiver_of_source);
    CHECK(rises_to(&onward.sides[1].video_frames, 10, NULL, NULL));
    CHECK(rises_to(&onward.sides[1].audio_frames, 20, NULL, NULL));
    CHECK_INT(forward_errors, 0);
    CHECK(pair_end(&source, NULL));
    peer_receiver_unref(video_receiver_of_source);
    peer_track_remove_sink(video, NULL);
    atomic_store(&forwarded_video, NULL);
    atomic_store(&forwarded_audio, NULL);
    CHECK(pair_end(&onward, NULL));
    peer_track_unref(video);
    peer_track_unref(audio);
}

TEST(encoded_frames_of_one_connection_go_on_through_another)
{
    forward(false);
}

TEST(rtp_packets_of_one_connection_go_on_through_another)
{
    forward(true);
}

TEST(what_cannot_be_written_is_refused)
{
    peer_track_t *video, *audio;
    uint8_t packet[1500] = {0x80};
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &video), 0);
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, NULL, &audio), 0);
    CHECK_INT(peer_track_new(2, NULL, &audio), PEER_ERROR_TYPE);
    CHECK_INT(peer_track_write_video(video, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_track_write_rtp(video, packet, 11), PEER_ERROR_SYNTAX);
    CHECK_INT(peer_track_write_rtp(video, packet, 1401), PEER_ERROR_RANGE);
    CHECK_INT(peer_track_write_rtp(video, "abcdefghijklmnop", 16), PEER_ERROR_SYNTAX);
    CHECK_INT(peer_track_write_rtp(video, packet, 100), 0);
    peer_track_stop(video);
    CHECK_INT(peer_track_write_rtp(video, packet, 100), PEER_ERROR_INVALID_STATE);
    CHECK(*peer_last_error_message() != '\0');
    peer_track_unref(video);
    peer_track_unref(audio);
}

/* ---- an offer that was made smaller on its way ---- */

static bool is_of_other_payload(const char *line)
{
    static const char *const attributes[] = {"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (strncmp(line, attributes[i], strlen(attributes[i])) == 0)
            return strncmp(line + strlen(attributes[i]), "0 ", 2) != 0;
    return false;
}

static char *with_pcmu_alone(const char *sdp)
{
    char *result = calloc(1, strlen(sdp) + 1), *to = result;
    while (*sdp != '\0') {
        size_t length = strcspn(sdp, "\n") + 1;
        if (strncmp(sdp, "m=audio", 7) == 0)
            to += sprintf(to, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n");
        else if (!is_of_other_payload(sdp))
            to = (char *)memcpy(to, sdp, length) + length;
        sdp += length;
    }
    return result;
}

static int32_t gathering_state(const void *pc)
{
    return peer_connection_ice_gathering_state(pc);
}

static int32_t connection_state_of(const void *pc)
{
    return peer_connection_connection_state(pc);
}

static void count_loud(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    atomic_fetch_add(&loud_frames, peer_audio_frame_level_dbfs(frame) > -30);
}

static void hear_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_audio_frame = count_loud;
    peer_track_add_sink(event->track, &sink, NULL);
}

/* Sets the description that fits and gives it back with every candidate in it, as signaling without trickle does. */
static peer_description_t *describe(peer_connection_t *pc)
{
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    CHECK(settles_at(gathering_state, pc, PEER_ICE_GATHERING_COMPLETE));
    return peer_connection_local_description(pc);
}

TEST(pcmu_is_what_a_call_falls_back_to_and_candidates_may_come_inside_descriptions)
{
    peer_connection_t *pcs[2];
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    pair_t pair; /* stays open longer: the library's loop and its thread are to end with it, not unwatched */
    pair_open(&pair, NULL, NULL);
    for (int i = 0; i < 2; i++)
        pcs[i] = peer_connection_new(&configuration, &(peer_connection_events_t){.on_track = hear_track}, NULL);
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, NULL, &written_audio), 0);
    CHECK_INT(peer_connection_add_track(pcs[0], written_audio, NULL, 0, NULL), 0);
    peer_description_t *offer = describe(pcs[0]), *smaller;
    char *sdp = with_pcmu_alone(peer_description_sdp(offer));
    CHECK(strstr(sdp, "a=candidate:") != NULL);
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, sdp, &smaller), 0);
    free(sdp);
    CHECK_INT(peer_connection_set_remote_description(pcs[1], smaller), 0);
    peer_description_t *answer = describe(pcs[1]);
    CHECK(strstr(peer_description_sdp(answer), " PCMU/8000") != NULL && strstr(peer_description_sdp(answer), "opus") == NULL);
    CHECK_INT(peer_connection_set_remote_description(pcs[0], answer), 0);
    for (int i = 0; i < 2; i++)
        CHECK(settles_at(connection_state_of, pcs[i], PEER_CONNECTION_CONNECTED));
    forget_what_was_seen();
    CHECK(rises_to(&loud_frames, 10, write_both, NULL));
    peer_description_unref(offer);
    peer_description_unref(smaller);
    peer_description_unref(answer);
    for (int i = 0; i < 2; i++)
        peer_connection_unref(pcs[i]);
    CHECK(pair_end(&pair, NULL));
    peer_track_unref(written_audio);
    written_audio = NULL;
}

/* ---- transceivers ---- */

static peer_transceiver_t *only_transceiver(peer_connection_t *pc)
{
    peer_transceiver_t *transceiver;
    CHECK_INT(peer_connection_transceivers(pc, &transceiver, 1), 1);
    return transceiver;
}

static int32_t current_direction(const void *transceiver)
{
    return peer_transceiver_current_direction(transceiver);
}

TEST(a_changed_direction_is_negotiated_and_media_stop_and_go_on)
{
    pair_t pair;
    open_written(&pair, false, true, NULL);
    written_grey = 208;
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    peer_transceiver_t *transceiver = only_transceiver(pair.sides[0].pc), *remote = only_transceiver(pair.sides[1].pc);
    CHECK_TEXT(peer_transceiver_mid(transceiver), peer_transceiver_mid(remote));
    CHECK_INT(peer_transceiver_current_direction(transceiver), PEER_DIRECTION_SENDONLY);
    CHECK_INT(peer_transceiver_current_direction(remote), PEER_DIRECTION_RECVONLY);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_STOPPED), PEER_ERROR_TYPE);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_INACTIVE), 0);
    CHECK(settles_at(current_direction, remote, PEER_DIRECTION_INACTIVE));
    CHECK(settles_at(current_direction, transceiver, PEER_DIRECTION_INACTIVE));
    for (int turns = 0; turns == 0 || (greys_seen[208 / 32] != 0 && turns < 100); turns++) { /* what was on its way may still come */
        forget_what_was_seen();
        for (int i = 0; i < 50; i++) {
            write_both(NULL);
            pause_ms(10);
        }
    }
    CHECK_INT(greys_seen[208 / 32], 0);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDRECV), 0);
    CHECK(settles_at(current_direction, remote, PEER_DIRECTION_RECVONLY));
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    CHECK_INT(pair.sides[1].tracks, 2); /* W3C WebRTC §5.1.1: the track is announced again when it comes back */
    peer_transceiver_unref(transceiver);
    peer_transceiver_unref(remote);
    end_written(&pair);
}

static atomic_int ended;

static void on_ended(peer_track_t *track, void *user)
{
    atomic_fetch_add(&ended, 1);
}

TEST(a_stopped_transceiver_ends_the_track_of_the_other_side)
{
    pair_t pair;
    peer_sender_t *sender;
    atomic_store(&ended, 0);
    open_written(&pair, false, true, &sender);
    written_grey = 208;
    CHECK(rises_to(&greys_seen[208 / 32], 3, write_both, NULL));
    peer_transceiver_t *transceiver = only_transceiver(pair.sides[0].pc), *remote = only_transceiver(pair.sides[1].pc);
    peer_receiver_t *receiver = peer_transceiver_receiver(remote);
    peer_track_t *track = peer_receiver_track(receiver);
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_ended = on_ended;
    CHECK_INT(peer_track_add_sink(track, &sink, &sink), 0);
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK(rises_to(&ended, 1, NULL, NULL));
    CHECK_INT(peer_track_ready_state(track), PEER_TRACK_ENDED);
    CHECK(settles_at(current_direction, transceiver, PEER_DIRECTION_STOPPED));
    CHECK_INT(peer_connection_transceivers(pair.sides[0].pc, NULL, 0), 0);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_STOPPED);
    CHECK(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDRECV) < 0);
    CHECK_INT(peer_sender_replace_track(sender, NULL), PEER_ERROR_INVALID_STATE);
    CHECK_INT(ended, 1);
    peer_sender_unref(sender);
    peer_track_unref(track);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(transceiver);
    peer_transceiver_unref(remote);
    end_written(&pair);
}

TEST(what_outlives_its_connection_answers_and_refuses)
{
    pair_t pair;
    peer_sender_t *sender;
    open_written(&pair, false, true, &sender);
    peer_transceiver_t *transceiver = only_transceiver(pair.sides[1].pc);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_connection_t *closed = peer_connection_ref(pair.sides[0].pc);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_connection_signaling_state(closed), PEER_SIGNALING_CLOSED);
    CHECK_INT(peer_connection_connection_state(closed), PEER_CONNECTION_CLOSED);
    CHECK_INT(peer_connection_set_local_description(closed, NULL), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_connection_add_track(closed, written_video, NULL, 0, NULL), PEER_ERROR_INVALID_STATE);
    peer_connection_unref(closed);
    CHECK_TEXT(peer_transceiver_mid(transceiver), "0");
    CHECK_INT(peer_transceiver_stop(transceiver), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_receiver_request_key_frame(receiver), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_sender_set_bitrate(sender, 100000), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_sender_replace_track(sender, NULL), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(sender);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(transceiver);
    peer_track_unref(written_video);
    written_video = NULL;
}

/* ---- data ---- */

#define LARGEST 262144

static struct {
    size_t length;
    int32_t is_text;
    bool is_intact;
} received[2][64];
static atomic_int received_count[2];

static uint8_t filler(size_t length, size_t i)
{
    return (uint8_t)('a' + (length * 7 + i * 13) % 26);
}

static void take_message(pair_side_t *side, peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    int n = atomic_load(&received_count[side->index]);
    bool is_intact = true;
    for (size_t i = 0; i < length; i++)
        is_intact = is_intact && ((const uint8_t *)data)[i] == filler(length, i);
    if (n < 64) {
        received[side->index][n].length = length;
        received[side->index][n].is_text = is_text;
        received[side->index][n].is_intact = is_intact;
    }
    atomic_store(&received_count[side->index], n + 1);
}

static int send_filled(peer_data_channel_t *channel, size_t length, int32_t is_text)
{
    uint8_t *data = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        data[i] = filler(length, i);
    int result = peer_data_channel_send(channel, data, length, is_text);
    free(data);
    return result;
}

static bool channel_is_open(pair_t *pair)
{
    return pair->sides[1].channels > 0 && peer_data_channel_ready_state(pair->sides[0].channel) == PEER_DATA_CHANNEL_OPEN;
}

static void open_data(pair_t *pair, const peer_data_channel_init_t *init)
{
    pair_open(pair, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        pair->sides[i].on_message = take_message;
        atomic_store(&received_count[i], 0);
    }
    CHECK_INT(peer_connection_create_data_channel(pair->sides[0].pc, "data", init, NULL, NULL, &pair->sides[0].channel), 0);
    pair_watch_channel(&pair->sides[0], pair->sides[0].channel);
    CHECK(pair_wait(pair, channel_is_open, NULL));
}

TEST(nothing_can_be_sent_before_the_channel_is_open)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    peer_connection_t *alone = peer_connection_new(NULL, NULL, NULL);
    peer_data_channel_t *channel;
    CHECK_INT(peer_connection_create_data_channel(alone, "early", NULL, NULL, NULL, &channel), 0);
    CHECK_INT(peer_data_channel_ready_state(channel), PEER_DATA_CHANNEL_CONNECTING);
    CHECK_INT(peer_data_channel_id(channel), -1);
    CHECK_INT(peer_data_channel_send(channel, "early", 5, 1), PEER_ERROR_INVALID_STATE);
    peer_connection_unref(alone);
    CHECK_INT(peer_data_channel_ready_state(channel), PEER_DATA_CHANNEL_CLOSED);
    peer_data_channel_unref(channel);
    CHECK(pair_end(&pair, NULL));
}

static const struct {
    size_t length;
    int32_t is_text;
} messages[] = {{5, 1}, {0, 1}, {0, 0}, {5, 0}, {1, 0}, {1200, 1}, {65536, 0}, {LARGEST, 0}, {LARGEST, 1}, {0, 0}, {3, 1}};
#define MESSAGES ((int)(sizeof messages / sizeof *messages))

TEST(a_channel_that_is_not_open_takes_no_message)
{
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    peer_data_channel_t *channel;
    CHECK_INT(peer_connection_create_data_channel(pc, "data", NULL, NULL, NULL, &channel), 0);
    CHECK_INT(peer_data_channel_send(channel, "early", 5, 1), PEER_ERROR_INVALID_STATE);
    peer_data_channel_unref(channel);
    peer_connection_unref(pc);
}

TEST(messages_of_every_size_and_kind_arrive_whole_and_in_order_both_ways)
{
    pair_t pair;
    open_data(&pair, NULL);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < MESSAGES; i++)
            CHECK_INT(send_filled(pair.sides[side].channel, messages[i].length, messages[i].is_text), 0);
    CHECK_INT(peer_data_channel_send(pair.sides[0].channel, NULL, 0, 0), 0);
    CHECK_INT(peer_data_channel_send(pair.sides[0].channel, NULL, 1, 0), PEER_ERROR_TYPE);
    CHECK(rises_to(&received_count[0], MESSAGES, NULL, NULL));
    CHECK(rises_to(&received_count[1], MESSAGES + 1, NULL, NULL));
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < MESSAGES; i++) {
            CHECK_INT(received[side][i].length, messages[i].length);
            CHECK_INT(received[side][i].is_text, messages[i].is_text);
            CHECK(received[side][i].is_intact);
        }
    CHECK(pair_end(&pair, NULL));
}

TEST(a_message_larger_than_the_peer_takes_is_refused_and_the_channel_goes_on)
{
    pair_t pair;
    open_data(&pair, NULL);
    for (int side = 0; side < 2; side++) {
        CHECK_INT(send_filled(pair.sides[side].channel, LARGEST + 1, 0), PEER_ERROR_TYPE);
        CHECK(*peer_last_error_message() != '\0');
        CHECK_INT(peer_data_channel_ready_state(pair.sides[side].channel), PEER_DATA_CHANNEL_OPEN);
        CHECK_INT(send_filled(pair.sides[side].channel, 10, 0), 0);
        CHECK(rises_to(&received_count[1 - side], 1, NULL, NULL));
    }
    CHECK(pair_end(&pair, NULL));
}

TEST(an_unordered_channel_loses_nothing_and_says_what_it_is)
{
    pair_t pair;
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.ordered = 0;
    init.protocol = "a protocol";
    open_data(&pair, &init);
    for (int side = 0; side < 2; side++) {
        CHECK_INT(peer_data_channel_ordered(pair.sides[side].channel), 0);
        CHECK_TEXT(peer_data_channel_label(pair.sides[side].channel), "data");
        CHECK_TEXT(peer_data_channel_protocol(pair.sides[side].channel), "a protocol");
    }
    CHECK_INT(peer_data_channel_id(pair.sides[0].channel), peer_data_channel_id(pair.sides[1].channel));
    for (int i = 0; i < 60; i++)
        CHECK_INT(send_filled(pair.sides[0].channel, (size_t)(i * 1000), i % 2), 0);
    CHECK(rises_to(&received_count[1], 60, NULL, NULL));
    size_t sum = 0;
    for (int i = 0; i < 60; i++) {
        sum += received[1][i].length;
        CHECK(received[1][i].is_intact);
    }
    CHECK_INT(sum, 59 * 60 / 2 * 1000);
    CHECK(pair_end(&pair, NULL));
}

TEST(a_channel_that_both_sides_create_with_one_id_needs_no_announcement)
{
    pair_t pair;
    peer_data_channel_t *channels[2];
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.negotiated = 1;
    open_data(&pair, NULL);
    CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "same", &init, NULL, NULL, &channels[0]), PEER_ERROR_TYPE);
    init.id = 100;
    for (int side = 0; side < 2; side++) {
        CHECK_INT(peer_connection_create_data_channel(pair.sides[side].pc, "same", &init, NULL, NULL, &channels[side]), 0);
        pair_watch_channel(&pair.sides[side], channels[side]);
        CHECK_INT(peer_connection_create_data_channel(pair.sides[side].pc, "same", &init, NULL, NULL, NULL), PEER_ERROR_OPERATION);
    }
    for (int i = 0; i < 12000 && peer_data_channel_ready_state(channels[0]) != PEER_DATA_CHANNEL_OPEN; i++)
        pause_ms(5);
    CHECK_INT(send_filled(channels[0], 10, 0), 0);
    CHECK(rises_to(&received_count[1], 1, NULL, NULL));
    CHECK_INT(pair.sides[1].channels, 1);
    for (int side = 0; side < 2; side++)
        peer_data_channel_unref(channels[side]);
    CHECK(pair_end(&pair, NULL));
}

TEST(either_side_may_close_a_channel_and_both_are_told_once)
{
    for (int closer = 0; closer < 2; closer++) {
        pair_t pair;
        open_data(&pair, NULL);
        for (int i = 0; i < 10; i++)
            CHECK_INT(send_filled(pair.sides[closer].channel, 10000, 0), 0);
        peer_data_channel_close(pair.sides[closer].channel); /* what was sent before leaves first */
        CHECK(peer_data_channel_ready_state(pair.sides[closer].channel) >= PEER_DATA_CHANNEL_CLOSING);
        CHECK_INT(send_filled(pair.sides[closer].channel, 10, 0), PEER_ERROR_INVALID_STATE);
        for (int side = 0; side < 2; side++)
            CHECK(rises_to(&pair.sides[side].channels_closed, 1, NULL, NULL));
        CHECK_INT(received_count[1 - closer], 10);
        for (int side = 0; side < 2; side++) {
            CHECK_INT(peer_data_channel_ready_state(pair.sides[side].channel), PEER_DATA_CHANNEL_CLOSED);
            CHECK_INT(pair.sides[side].channels_closed, 1);
            peer_data_channel_close(pair.sides[side].channel);
        }
        CHECK(pair_end(&pair, NULL));
        CHECK_INT(pair.sides[0].channels_closed + pair.sides[1].channels_closed, 2);
    }
}
