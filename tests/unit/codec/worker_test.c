#include "base/memory.h"
#include "codec/codec.h"
#include "codec/codec_worker.h"
#include "codec/frame.h"
#include "test.h"

#include <math.h>
#include <peer/codec.h>
#include <peer/error.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- a codec of our own, whose every step the tests hold in their hands ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;     /* encode and decode wait while this is set */
    unsigned entered; /* encode and decode calls begun */
    atomic_int made, freed;
    bool fails; /* decode refuses what is not a key frame */
    peer_encoder_rates_t rates;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void pass_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.entered++;
    pthread_cond_broadcast(&gate.changed);
    while (gate.is_held)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void hold_gate(bool is_held)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_held = is_held;
    gate.entered = is_held ? 0 : gate.entered;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void await_entered(void)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.entered == 0)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static int own_encoder_new(const peer_encoder_settings_t *settings, void **encoder)
{
    pthread_mutex_lock(&gate.lock);
    atomic_fetch_add(&gate.made, 1);
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    *encoder = &gate;
    return 0;
}

static int own_decoder_new(const peer_decoder_settings_t *settings, void **decoder)
{
    atomic_fetch_add(&gate.made, 1);
    *decoder = &gate;
    return 0;
}

static void own_free(void *instance)
{
    atomic_fetch_add(&gate.freed, 1);
}

static int own_set_rates(void *encoder, const peer_encoder_rates_t *rates)
{
    gate.rates = *rates;
    return 0;
}

static peer_encoded_frame_t *encoded_frame(int64_t timestamp_us, bool is_key)
{
    peer_encoded_buffer_t buffer;
    peer_encoded_frame_t *frame;
    peer_encoded_buffer_init(&buffer, sizeof buffer);
    buffer.mime_type = "video/X-own";
    buffer.data = (const uint8_t *)"x";
    buffer.length = 1;
    buffer.timestamp_us = timestamp_us;
    buffer.is_key = is_key;
    CHECK_INT(peer_encoded_frame_new_copy(&buffer, &frame), 0);
    return frame;
}

static peer_video_frame_t *picture(int64_t timestamp_us)
{
    peer_video_frame_t *frame;
    uint8_t *planes[PEER_VIDEO_MAX_PLANES];
    CHECK_INT(video_frame_new_blank(PEER_VIDEO_I420, 16, 16, 0, timestamp_us, &frame, planes), 0);
    memset(planes[0], 128, (size_t)peer_video_frame_stride(frame, 0) * 16);
    return frame;
}

static int own_encode(void *encoder, peer_video_frame_t *frame, bool force_key, const peer_codec_sink_t *sink)
{
    pass_gate();
    sink->encoded(sink->context, encoded_frame(peer_video_frame_timestamp_us(frame), force_key));
    return 0;
}

static int own_decode(void *decoder, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink)
{
    pass_gate();
    if (gate.fails && !peer_encoded_frame_is_key(frame))
        return PEER_ERROR_OPERATION;
    sink->video(sink->context, picture(peer_encoded_frame_timestamp_us(frame)));
    return 0;
}

static const peer_codec_t own_codec = {.size = sizeof own_codec,
                                       .mime_type = "video/X-own",
                                       .kind = PEER_MEDIA_VIDEO,
                                       .clock_rate = 90000,
                                       .flags = PEER_CODEC_ENCODES | PEER_CODEC_DECODES,
                                       .encoder_new = own_encoder_new,
                                       .encode_video = own_encode,
                                       .set_rates = own_set_rates,
                                       .encoder_free = own_free,
                                       .decoder_new = own_decoder_new,
                                       .decode = own_decode,
                                       .decoder_free = own_free};

/* ---- what came out ---- */

typedef struct track {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t times[1024];
    bool keys[1024];
    unsigned count, keys_needed, errors, released;
    uint64_t samples;
    codec_worker_t *worker;
    codec_worker_t *feeds; /* results are handed on to this decoder */
    unsigned free_at;      /* frees the worker from inside the callback with this number */
    bool echoes;           /* hands a new picture in from inside the first callback */
} track_t;

static void track_init(track_t *track)
{
    memset(track, 0, sizeof *track);
    pthread_mutex_init(&track->lock, NULL);
    pthread_cond_init(&track->changed, NULL);
}

static void note(track_t *track, int64_t timestamp_us, bool is_key)
{
    pthread_mutex_lock(&track->lock);
    if (track->released)
        test_fail(__FILE__, __LINE__, "a callback came after the last");
    track->times[track->count % 1024] = timestamp_us;
    track->keys[track->count % 1024] = is_key;
    track->count++;
    bool frees = track->count == track->free_at;
    pthread_cond_broadcast(&track->changed);
    pthread_mutex_unlock(&track->lock);
    if (frees)
        codec_worker_free(track->worker);
}

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    track_t *track = user;
    if (track->echoes) {
        track->echoes = false;
        peer_video_frame_t *another = picture(77);
        codec_worker_encode_video(track->worker, another);
        peer_video_frame_unref(another);
        CHECK_INT(track->count, 0); /* not before this callback is over */
    }
    if (track->feeds != NULL)
        codec_worker_decode(track->feeds, frame, NULL);
    note(track, peer_encoded_frame_timestamp_us(frame), peer_encoded_frame_is_key(frame));
}

static void on_video(void *user, peer_video_frame_t *frame)
{
    note(user, peer_video_frame_timestamp_us(frame), false);
}

static void on_audio(void *user, peer_audio_frame_t *frame)
{
    track_t *track = user;
    track->samples += peer_audio_frame_samples_per_channel(frame);
    note(track, peer_audio_frame_timestamp_us(frame), false);
}

static void on_key_needed(void *user)
{
    track_t *track = user;
    pthread_mutex_lock(&track->lock);
    track->keys_needed++;
    pthread_cond_broadcast(&track->changed);
    pthread_mutex_unlock(&track->lock);
}

static void on_error(void *user, int error, const char *message)
{
    track_t *track = user;
    pthread_mutex_lock(&track->lock);
    track->errors++;
    pthread_cond_broadcast(&track->changed);
    pthread_mutex_unlock(&track->lock);
}

static void on_released(void *user)
{
    track_t *track = user;
    pthread_mutex_lock(&track->lock);
    track->released++;
    pthread_cond_broadcast(&track->changed);
    pthread_mutex_unlock(&track->lock);
}

static const codec_worker_events_t events = {on_encoded, on_video, on_audio, on_key_needed, on_error, on_released};

static void await_count(track_t *track, unsigned *counter, unsigned value)
{
    pthread_mutex_lock(&track->lock);
    while (*counter < value)
        pthread_cond_wait(&track->changed, &track->lock);
    pthread_mutex_unlock(&track->lock);
}

static void new_encoder(track_t *track, codec_pool_t *pool, const peer_codec_t *codec)
{
    peer_encoder_settings_t settings;
    peer_encoder_settings_init(&settings, sizeof settings, codec->kind);
    track_init(track);
    CHECK_INT(codec_worker_new_encoder(pool, codec, &settings, &events, track, &track->worker), 0);
}

static void new_decoder(track_t *track, codec_pool_t *pool, const peer_codec_t *codec, uint32_t output_rate)
{
    peer_decoder_settings_t settings;
    peer_decoder_settings_init(&settings, sizeof settings);
    track_init(track);
    CHECK_INT(codec_worker_new_decoder(pool, codec, &settings, output_rate, &events, track, &track->worker), 0);
}

static void encode(track_t *track, int64_t timestamp_us)
{
    peer_video_frame_t *frame = picture(timestamp_us);
    codec_worker_encode_video(track->worker, frame);
    peer_video_frame_unref(frame);
}

static void decode(track_t *track, int64_t timestamp_us, bool is_key)
{
    peer_encoded_frame_t *frame = encoded_frame(timestamp_us, is_key);
    codec_worker_decode(track->worker, frame, NULL);
    peer_encoded_frame_unref(frame);
}

/* ---- inline ---- */

TEST(an_inline_pool_does_each_job_before_the_call_returns)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    new_encoder(&track, pool, &own_codec);
    CHECK_INT(atomic_load(&gate.made), 0);
    for (int i = 0; i < 5; i++) {
        encode(&track, i);
        CHECK_INT(track.count, i + 1);
    }
    CHECK_INT(atomic_exchange(&gate.made, 0), 1);
    codec_worker_force_key(track.worker);
    encode(&track, 5);
    encode(&track, 6);
    CHECK(track.keys[5] && !track.keys[6]);
    codec_worker_free(track.worker);
    CHECK_INT(track.released, 1);
    CHECK_INT(atomic_exchange(&gate.freed, 0), 1);
    codec_pool_release(pool);
}

TEST(a_job_handed_in_from_a_callback_runs_after_it)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    new_encoder(&track, pool, &own_codec);
    track.echoes = true;
    encode(&track, 1);
    CHECK_INT(track.count, 2);
    CHECK_INT(track.times[1], 77);
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(a_worker_may_be_freed_from_its_own_callback_inline)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    new_encoder(&track, pool, &own_codec);
    track.free_at = 2;
    encode(&track, 1);
    codec_pool_release(pool); /* lives on until its last worker is gone */
    encode(&track, 2);
    CHECK_INT(track.count, 2);
    CHECK_INT(track.released, 1);
}

TEST(changes_of_rate_add_up_until_the_next_frame)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    peer_encoder_rates_t rates;
    new_encoder(&track, pool, &own_codec);
    peer_encoder_rates_init(&rates, sizeof rates);
    rates.bitrate_bps = 123000;
    codec_worker_set_rates(track.worker, &rates);
    peer_encoder_rates_init(&rates, sizeof rates);
    rates.framerate = 15;
    codec_worker_set_rates(track.worker, &rates);
    encode(&track, 1);
    CHECK_INT(gate.rates.bitrate_bps, 123000);
    CHECK(gate.rates.framerate == 15 && gate.rates.packet_loss < 0);
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(at_a_frame_rate_of_nearly_nothing_one_picture_goes_and_at_nothing_none)
{
    static const struct {
        double rate;
        unsigned pictures;
    } cases[] = {{1e-300, 1}, {5e-324, 1}, {1e-9, 1}, {0, 0}, {1e300, 4}, {HUGE_VAL, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        codec_pool_t *pool = codec_pool_new(0);
        track_t track;
        new_encoder(&track, pool, &own_codec);
        codec_worker_set_limits(
            track.worker, &(codec_worker_limits_t){.scale_down_by = 1e300, .has_max_framerate = true, .max_framerate = cases[i].rate});
        for (int64_t second = 1; second <= 4; second++)
            encode(&track, second * 1000000);
        CHECK_INT(track.count, cases[i].pictures);
        codec_worker_free(track.worker);
        codec_pool_release(pool);
    }
}

TEST(a_picture_that_fits_no_size_allowed_is_left_out_and_the_error_is_told_once)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    codec_worker_stats_t stats;
    new_encoder(&track, pool, &own_codec);
    codec_worker_set_limits(track.worker, &(codec_worker_limits_t){.scale_down_by = 1, .sizes = {.has_ranges = 1}});
    encode(&track, 1);
    encode(&track, 2);
    CHECK_INT(track.count, 0);
    CHECK_INT(track.errors, 1);
    codec_worker_set_limits(track.worker, &(codec_worker_limits_t){.scale_down_by = 1});
    encode(&track, 3);
    CHECK_INT(track.count, 1);
    codec_worker_set_limits(track.worker, &(codec_worker_limits_t){.scale_down_by = 1, .sizes = {.has_ranges = 1}});
    encode(&track, 4);
    CHECK_INT(track.errors, 2);
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.frames_dropped, 3);
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(a_decoder_takes_nothing_before_a_key_frame_and_asks_for_it_again)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    codec_worker_stats_t stats;
    new_decoder(&track, pool, &own_codec, 0);
    for (int i = 0; i < 2 * CODEC_WORKER_KEY_REPEAT; i++)
        decode(&track, i, false);
    CHECK_INT(track.count, 0);
    CHECK_INT(track.keys_needed, 2);
    decode(&track, 100, true);
    decode(&track, 101, false);
    CHECK_INT(track.count, 2);
    codec_worker_await_key(track.worker);
    decode(&track, 102, false);
    CHECK_INT(track.count, 2);
    CHECK_INT(track.keys_needed, 2);
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.frames_dropped, 2 * CODEC_WORKER_KEY_REPEAT + 1);
    CHECK_INT(stats.frames_out, 2);
    CHECK_INT(stats.key_frames, 1);
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(a_frame_that_cannot_be_decoded_asks_for_a_key_frame_once)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    new_decoder(&track, pool, &own_codec, 0);
    gate.fails = true;
    decode(&track, 1, true);
    for (int i = 0; i < 5; i++)
        decode(&track, 2, false);
    CHECK_INT(track.keys_needed, 1);
    CHECK_INT(track.count, 1);
    decode(&track, 9, true);
    CHECK_INT(track.count, 2);
    gate.fails = false;
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(sound_lost_under_a_codec_without_concealment_is_silence_of_the_same_length)
{
    peer_codec_t plain = codec_pcmu;
    plain.flags &= ~(uint32_t)PEER_CODEC_CONCEALS;
    const peer_codec_t *codecs[] = {&plain, &codec_pcmu};
    for (int c = 0; c < 2; c++) {
        codec_pool_t *pool = codec_pool_new(0);
        track_t track;
        codec_worker_stats_t stats;
        new_decoder(&track, pool, codecs[c], 48000);
        peer_encoded_frame_t *next = encoded_frame(0, true);
        codec_worker_conceal(track.worker, 0, 500000);
        codec_worker_recover(track.worker, next, 500000, 500000);
        peer_encoded_frame_unref(next);
        CHECK(track.samples > 47000 && track.samples <= 48000);
        codec_worker_get_stats(track.worker, &stats);
        CHECK_INT(stats.concealed_samples, 8000);
        codec_worker_free(track.worker);
        codec_pool_release(pool);
    }
}

TEST(pcmu_takes_and_gives_48_khz_through_its_workers)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t encoder, decoder;
    new_decoder(&decoder, pool, &codec_pcmu, 48000);
    new_encoder(&encoder, pool, &codec_pcmu);
    encoder.feeds = decoder.worker;
    for (int i = 0; i < 100; i++) {
        peer_audio_frame_t *frame;
        void *data;
        CHECK_INT(audio_frame_new_blank(PEER_AUDIO_F32, 48000, 2, 480, i * 10000, &frame, &data), 0);
        codec_worker_encode_audio(encoder.worker, frame);
        peer_audio_frame_unref(frame);
    }
    CHECK(encoder.count >= 49 && encoder.count <= 50);
    CHECK(decoder.samples > 46000 && decoder.samples <= 48000);
    codec_worker_free(encoder.worker);
    codec_worker_free(decoder.worker);
    codec_pool_release(pool);
}

TEST(a_codec_that_cannot_be_made_is_reported)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    peer_encoder_settings_t settings;
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_AUDIO);
    settings.channels = 2;
    track_init(&track);
    CHECK_INT(codec_worker_new_encoder(pool, &codec_pcmu, &settings, &events, &track, &track.worker), 0);
    peer_audio_frame_t *frame;
    void *data;
    CHECK_INT(audio_frame_new_blank(PEER_AUDIO_S16, 8000, 2, 160, 0, &frame, &data), 0);
    codec_worker_encode_audio(track.worker, frame);
    codec_worker_encode_audio(track.worker, frame);
    peer_audio_frame_unref(frame);
    CHECK_INT(track.errors, 1);
    codec_worker_free(track.worker);
    peer_codec_t deaf = own_codec;
    deaf.flags = PEER_CODEC_ENCODES;
    peer_decoder_settings_t decoder_settings;
    peer_decoder_settings_init(&decoder_settings, sizeof decoder_settings);
    CHECK_INT(codec_worker_new_decoder(pool, &deaf, &decoder_settings, 0, &events, &track, &track.worker), PEER_ERROR_NOT_SUPPORTED);
    codec_pool_release(pool);
}

/* ---- on threads ---- */

TEST(each_track_keeps_its_order_on_shared_threads)
{
    enum { TRACKS = 6, FRAMES = 100 };
    codec_pool_t *pool = codec_pool_new(3);
    track_t encoders[TRACKS], decoders[TRACKS];
    for (int t = 0; t < TRACKS; t++) {
        new_decoder(&decoders[t], pool, &own_codec, 0);
        new_encoder(&encoders[t], pool, &own_codec);
        encoders[t].feeds = decoders[t].worker;
        codec_worker_force_key(encoders[t].worker);
    }
    for (int i = 0; i < FRAMES; i++)
        for (int t = 0; t < TRACKS; t++) {
            encode(&encoders[t], i);
            await_count(&encoders[t], &encoders[t].count, i > 0 ? (unsigned)i : 0); /* the raw queue drops what comes too fast */
        }
    for (int t = 0; t < TRACKS; t++) {
        await_count(&decoders[t], &decoders[t].count, FRAMES);
        for (int i = 0; i < FRAMES; i++)
            CHECK_INT(decoders[t].times[i], i);
        codec_worker_free(encoders[t].worker);
        codec_worker_free(decoders[t].worker);
    }
    codec_pool_join(pool);
    for (int t = 0; t < TRACKS; t++)
        CHECK_INT(encoders[t].released + decoders[t].released, 2);
}

TEST(the_codec_is_made_before_the_first_frame)
{
    codec_pool_t *pool = codec_pool_new(1);
    track_t track;
    atomic_store(&gate.made, 0);
    new_encoder(&track, pool, &own_codec);
    pthread_mutex_lock(&gate.lock);
    while (atomic_load(&gate.made) == 0)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    codec_worker_free(track.worker);
    codec_pool_join(pool);
}

TEST(raw_pictures_that_come_too_fast_drop_the_oldest)
{
    codec_pool_t *pool = codec_pool_new(1);
    track_t track;
    codec_worker_stats_t stats;
    hold_gate(true);
    new_encoder(&track, pool, &own_codec);
    encode(&track, 0);
    await_entered();
    for (int i = 1; i <= 10; i++)
        encode(&track, i);
    hold_gate(false);
    await_count(&track, &track.count, 1 + CODEC_WORKER_RAW_VIDEO_MAX);
    CHECK_INT(track.times[0], 0);
    CHECK_INT(track.times[1], 9);
    CHECK_INT(track.times[2], 10);
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.frames_dropped, 8);
    CHECK_INT(stats.frames_in, 11);
    codec_worker_free(track.worker);
    codec_pool_join(pool);
}

TEST(encoded_pictures_beyond_the_cap_are_dropped_as_a_whole_and_a_key_frame_is_asked_for)
{
    codec_pool_t *pool = codec_pool_new(1);
    track_t track;
    hold_gate(true);
    new_decoder(&track, pool, &own_codec, 0);
    decode(&track, 0, true);
    await_entered();
    for (int i = 1; i <= CODEC_WORKER_ENCODED_VIDEO_MAX + 1; i++)
        decode(&track, i, false);
    decode(&track, 1000, true);
    decode(&track, 1001, false);
    hold_gate(false);
    await_count(&track, &track.count, 3);
    await_count(&track, &track.keys_needed, 1);
    CHECK_INT(track.times[1], 1000);
    CHECK_INT(track.times[2], 1001);
    codec_worker_free(track.worker);
    codec_pool_join(pool);
}

TEST(free_does_not_wait_and_the_result_of_a_dead_worker_is_discarded)
{
    codec_pool_t *pool = codec_pool_new(1);
    track_t track;
    hold_gate(true);
    new_encoder(&track, pool, &own_codec);
    encode(&track, 0);
    await_entered();
    encode(&track, 1);
    codec_worker_free(track.worker); /* returns while the codec is at work */
    CHECK_INT(track.released, 0);
    hold_gate(false);
    await_count(&track, &track.released, 1);
    CHECK_INT(track.count, 0);
    codec_pool_join(pool);
}

TEST(workers_may_be_freed_at_any_moment_from_callbacks_and_other_threads)
{
    enum { ROUNDS = 150 };
    static track_t tracks[ROUNDS];
    codec_pool_t *pool = codec_pool_new(4);
    for (unsigned i = 0; i < ROUNDS; i++) {
        track_t *track = &tracks[i];
        new_decoder(track, pool, &own_codec, 0);
        track->free_at = i % 3 == 0 ? 1 + i % 5 : 0;
        unsigned frames = i % 3 == 0 ? 1 + i % 5 : i % 7; /* the callback frees at the last of them: nobody uses it afterwards */
        for (unsigned j = 0; j < frames; j++)
            decode(track, j, j == 0);
        if (track->free_at == 0)
            codec_worker_free(track->worker);
    }
    codec_pool_join(pool);
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_INT(tracks[i].released, 1);
        if (tracks[i].free_at != 0)
            CHECK_INT(tracks[i].count, tracks[i].free_at);
    }
}

TEST(a_pool_that_is_released_ends_with_its_last_worker)
{
    codec_pool_t *pool = codec_pool_new(2);
    track_t track;
    new_encoder(&track, pool, &own_codec);
    codec_pool_release(pool);
    encode(&track, 1);
    await_count(&track, &track.count, 1);
    codec_worker_free(track.worker);
    await_count(&track, &track.released, 1);
    codec_pool_release(codec_pool_new(2)); /* one that never had any */
    codec_pool_join(codec_pool_new(2));
}

TEST(a_worker_without_memory_is_not_made)
{
    codec_pool_t *pool = codec_pool_new(0);
    codec_worker_t *worker;
    peer_encoder_settings_t settings;
    track_t track;
    track_init(&track);
    peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
    settings.fmtp = "a=1";
    for (unsigned n = 1; n <= 2; n++) {
        memory_fail_nth(n);
        CHECK_INT(codec_worker_new_encoder(pool, &own_codec, &settings, &events, &track, &worker), PEER_ERROR_NO_MEMORY);
    }
    codec_pool_release(pool);
}

static int32_t own_quantizer(void *instance)
{
    return 10;
}

TEST(what_a_worker_counts_goes_on_in_the_next_and_begins_anew_for_another_stream)
{
    peer_codec_t codec = own_codec;
    codec.encoder_quantizer = codec.decoder_quantizer = own_quantizer;
    codec_pool_t *pool = codec_pool_new(0);
    track_t first, second;
    codec_worker_stats_t stats;
    peer_encoder_rates_t rates;
    peer_encoder_rates_init(&rates, sizeof rates);
    rates.bitrate_bps = 240000;
    rates.framerate = 15;
    new_encoder(&first, pool, &codec);
    codec_worker_set_rates(first.worker, &rates);
    for (int i = 0; i < 3; i++)
        encode(&first, i);
    codec_worker_get_stats(first.worker, &stats);
    CHECK(stats.has_quantizer);
    CHECK_INT(stats.quantizer_sum, 30);
    CHECK_INT(stats.target_bytes, 6000);
    CHECK_INT(stats.target_bps, 240000);
    new_encoder(&second, pool, &codec);
    codec_worker_count_from(second.worker, &stats);
    codec_worker_set_rates(second.worker, &rates);
    encode(&second, 3);
    codec_worker_get_stats(second.worker, &stats);
    CHECK_INT(stats.frames_out, 4);
    CHECK_INT(stats.quantizer_sum, 40);
    CHECK_INT(stats.target_bytes, 8000);
    codec_worker_count_from(second.worker, &(codec_worker_stats_t){0});
    codec_worker_get_stats(second.worker, &stats);
    CHECK_INT(stats.frames_out, 0);
    codec_worker_free(first.worker);
    codec_worker_free(second.worker);
    codec_pool_release(pool);
}

TEST(a_decoder_counts_the_pictures_that_came_in_several_packets_and_how_long_that_took)
{
    codec_pool_t *pool = codec_pool_new(0);
    track_t track;
    codec_worker_stats_t stats;
    new_decoder(&track, pool, &own_codec, 0);
    for (uint32_t packets = 1; packets <= 3; packets++) {
        peer_encoded_frame_t *frame = encoded_frame(packets, true);
        codec_worker_decode(track.worker, frame, &(codec_arrival_t){1000, 1000 + 2000 * packets, packets});
        peer_encoded_frame_unref(frame);
    }
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.frames_out, 3);
    CHECK_INT(stats.assembled_frames, 2);
    CHECK(stats.assembly_s > 0.0099 && stats.assembly_s < 0.0101);
    CHECK(!stats.has_quantizer);
    codec_worker_free(track.worker);
    codec_pool_release(pool);
}

TEST(an_encoder_that_cannot_keep_up_says_so)
{
    codec_pool_t *pool = codec_pool_new(1);
    track_t track;
    codec_worker_stats_t stats;
    new_encoder(&track, pool, &own_codec);
    codec_worker_get_stats(track.worker, &stats);
    CHECK(stats.limit == CODEC_WORKER_UNLIMITED && stats.overload_us == 0);
    hold_gate(true);
    encode(&track, 0);
    await_entered();
    for (int i = 1; i <= CODEC_WORKER_RAW_VIDEO_MAX + 1; i++)
        encode(&track, i);
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.frames_dropped, 1);
    CHECK(stats.limit == CODEC_WORKER_OVERLOADED);
    int64_t limited = stats.overload_us, taken = stats.taken_us;
    codec_worker_get_stats(track.worker, &stats);
    CHECK_INT(stats.overload_us - limited, stats.taken_us - taken); /* it lasts for a second */
    hold_gate(false);
    codec_worker_free(track.worker);
    await_count(&track, &track.released, 1);
    codec_pool_join(pool);
}
