/* getSynchronizationSources, getContributingSources and jitterBufferTarget, and the audio levels on the way (RFC 6464). */
#include "pair.h"
#include "test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static peer_receiver_t *receiver;
static atomic_bool has_receiver;

static void on_callback(pair_side_t *side, pair_callback_t kind, void *object)
{
    if (kind != PAIR_TRACK || side->index != 1 || atomic_load(&has_receiver))
        return;
    receiver = peer_receiver_ref(((const peer_track_event_t *)object)->receiver);
    atomic_store(&has_receiver, true);
}

static peer_track_t *track;
static int64_t written;

/* 20 ms at half of full scale each time that it is asked. */
static bool has_source(pair_t *pair)
{
    static int16_t samples[960];
    peer_audio_buffer_t buffer;
    peer_audio_frame_t *frame;
    peer_rtp_source_t source = {.size = sizeof source};
    for (size_t i = 0; i < 960; i++)
        samples[i] = i % 2 == 0 ? 16384 : -16384;
    peer_audio_buffer_init(&buffer, sizeof buffer);
    buffer.sample_rate = 48000;
    buffer.channels = 1;
    buffer.samples_per_channel = 960;
    buffer.timestamp_us = 20000 * written++;
    buffer.data = samples;
    if (peer_audio_frame_new_copy(&buffer, &frame) == 0) {
        peer_track_write_audio(track, frame);
        peer_audio_frame_unref(frame);
    }
    return atomic_load(&has_receiver) && peer_receiver_get_synchronization_sources(receiver, &source, 1) == 1;
}

TEST(a_receiver_of_sound_tells_its_source_and_how_loud_it_is)
{
    pair_t pair;
    written = 0;
    atomic_store(&has_receiver, false);
    pair_open(&pair, NULL, NULL);
    pair.sides[1].on_callback = on_callback;
    track = pair_add_track(&pair.sides[0], PEER_MEDIA_AUDIO, NULL);
    CHECK(pair_wait(&pair, has_source, NULL));
    peer_rtp_source_t sources[2] = {{.size = sizeof *sources}};
    CHECK_INT(peer_receiver_get_synchronization_sources(receiver, sources, 2), 1);
    CHECK(sources[0].source != 0);
    CHECK_INT(sources[0].has_audio_level, 1);
    CHECK(fabs(sources[0].audio_level - 0.501) < 0.01); /* W3C §5.3: 10^(-6/20) */
    double now_ms = 1000.0 * (double)time(NULL);
    CHECK(sources[0].timestamp_ms > now_ms - 60000 && sources[0].timestamp_ms < now_ms + 60000);
    CHECK_INT(peer_receiver_get_contributing_sources(receiver, sources, 2), 0);
    CHECK_INT(peer_receiver_get_synchronization_sources(receiver, NULL, 0), 1);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_receiver_get_synchronization_sources(receiver, sources, 2), 0);
    peer_receiver_unref(receiver);
    peer_track_unref(track);
}

#define CAPTURE_URI "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

/* Asks for the capture time of what a transceiver sends or receives. */
static void want_capture_time(peer_transceiver_t *transceiver)
{
    peer_rtp_header_extension_t extensions[16] = {{.size = sizeof *extensions}};
    size_t count = peer_transceiver_get_header_extensions_to_negotiate(transceiver, extensions, 16);
    for (size_t i = 0; i < count; i++)
        if (strcmp(extensions[i].uri, CAPTURE_URI) == 0)
            extensions[i].direction = PEER_DIRECTION_SENDRECV;
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, count), 0);
}

static bool has_capture_time(pair_t *pair)
{
    peer_rtp_source_t source = {.size = sizeof source};
    return has_source(pair) && peer_receiver_get_synchronization_sources(receiver, &source, 1) == 1 && source.has_capture_timestamp;
}

TEST(the_capture_time_of_sound_is_told_where_it_was_asked_for)
{
    for (int is_wanted = 0; is_wanted < 2; is_wanted++) {
        pair_t pair;
        peer_sender_t *sender;
        peer_rtp_source_t source = {.size = sizeof source};
        written = 0;
        atomic_store(&has_receiver, false);
        pair_open(&pair, NULL, NULL);
        pair.sides[1].on_callback = on_callback;
        track = pair_add_track(&pair.sides[0], PEER_MEDIA_AUDIO, &sender);
        CHECK(pair_wait(&pair, has_source, NULL));
        if (is_wanted) {
            want_capture_time(peer_sender_transceiver(sender));
            pair_add_channel(&pair.sides[0], "that makes negotiation needed");
            CHECK(pair_wait(&pair, has_capture_time, NULL));
        }
        CHECK_INT(peer_receiver_get_synchronization_sources(receiver, &source, 1), 1);
        CHECK_INT(source.has_capture_timestamp, is_wanted);
        CHECK_INT(source.has_sender_capture_time_offset, is_wanted);
        double now_ms = 1000.0 * ((double)time(NULL) + 2208988800.0); /* NTP's */
        if (is_wanted)
            CHECK(source.capture_timestamp_ms > now_ms - 60000 && source.capture_timestamp_ms < now_ms + 60000);
        CHECK(source.sender_capture_time_offset_ms == 0);
        peer_sender_unref(sender);
        CHECK(pair_end(&pair, NULL));
        peer_receiver_unref(receiver);
        peer_track_unref(track);
    }
}

TEST(the_jitter_buffers_target_is_what_was_set)
{
    peer_transceiver_t *transceiver;
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, &transceiver), 0);
    peer_receiver_t *own = peer_transceiver_receiver(transceiver);
    CHECK(peer_receiver_jitter_buffer_target(own) < 0);
    CHECK_INT(peer_receiver_set_jitter_buffer_target(own, 0), 0);
    CHECK(peer_receiver_jitter_buffer_target(own) == 0);
    CHECK_INT(peer_receiver_set_jitter_buffer_target(own, 4000), 0);
    CHECK_INT(peer_receiver_set_jitter_buffer_target(own, 4000.1), PEER_ERROR_RANGE);
    CHECK_INT(peer_receiver_set_jitter_buffer_target(own, NAN), PEER_ERROR_RANGE);
    CHECK(peer_receiver_jitter_buffer_target(own) == 4000);
    CHECK_INT(peer_receiver_set_jitter_buffer_target(own, -1), 0);
    CHECK(peer_receiver_jitter_buffer_target(own) < 0);
    peer_receiver_unref(own);
    peer_transceiver_unref(transceiver);
    peer_connection_unref(pc);
}
