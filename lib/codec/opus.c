/* Opus by libopus, always at 48 kHz (RFC 7587): in-band FEC, discontinuous transmission, concealment. */
#include "codec/codec.h"
#include "codec/frame.h"

#include "base/error.h"
#include "base/memory.h"

#include <opus/opus.h>

#define SAMPLE_RATE 48000
#define MAX_PACKET 1275  /* RFC 6716 §3.4: one frame of the largest size; longer packets only hold several */
#define MAX_SAMPLES 5760 /* RFC 6716 §3.2.5: 120 ms */
#define SAMPLE_STEP 120  /* lost sound is made up in steps of 2.5 ms */
#define COMPLEXITY 7
#define MIN_BITRATE_BPS 6000 /* RFC 7587 §3.1.1 */
#define MAX_BITRATE_BPS 510000
#define DTX_LENGTH 2 /* RFC 7587 §3.1.3: a packet of at most this many bytes need not be sent */

/* ---- encoder ---- */

typedef struct opus_track_encoder {
    OpusEncoder *opus;
    uint32_t channels;
    uint32_t samples; /* of a frame, per channel */
    uint32_t max_bitrate_bps;
    bool is_silent; /* DTX: the packet that begins the silence was sent */
} opus_track_encoder_t;

static opus_int32 clamp_bitrate(const opus_track_encoder_t *encoder, uint32_t bitrate_bps)
{
    uint32_t bitrate = bitrate_bps > encoder->max_bitrate_bps ? encoder->max_bitrate_bps : bitrate_bps;
    return (opus_int32)(bitrate < MIN_BITRATE_BPS ? MIN_BITRATE_BPS : bitrate);
}

static opus_int32 loss_percent(double packet_loss)
{
    return packet_loss >= 1 ? 100 : (opus_int32)(packet_loss * 100 + 0.5);
}

/* RFC 7587 §6.1: the widest band that the receiver can play. */
static opus_int32 bandwidth(uint32_t playback_rate)
{
    return playback_rate <= 8000    ? OPUS_BANDWIDTH_NARROWBAND
           : playback_rate <= 12000 ? OPUS_BANDWIDTH_MEDIUMBAND
           : playback_rate <= 16000 ? OPUS_BANDWIDTH_WIDEBAND
           : playback_rate <= 24000 ? OPUS_BANDWIDTH_SUPERWIDEBAND
                                    : OPUS_BANDWIDTH_FULLBAND;
}

static int encoder_new(const peer_encoder_settings_t *settings, void **result)
{
    uint32_t ms = settings->frame_duration_ms;
    if (settings->channels < 1 || settings->channels > 2)
        return error_set(PEER_ERROR_RANGE, "Opus encoder: %u channels, not 1 or 2", settings->channels);
    if (ms != 10 && ms != 20 && ms != 40 && ms != 60)
        return error_set(PEER_ERROR_RANGE, "Opus encoder: frames of %u ms, not 10, 20, 40 or 60", ms);
    opus_track_encoder_t *encoder = MEMORY_NEW(opus_track_encoder_t);
    if (encoder == NULL)
        return error_no_memory();
    int status;
    encoder->opus = opus_encoder_create(SAMPLE_RATE, (int)settings->channels,
                                        settings->channels == 1 ? OPUS_APPLICATION_VOIP : OPUS_APPLICATION_AUDIO, &status);
    if (encoder->opus == NULL) {
        memory_free(encoder);
        return status == OPUS_ALLOC_FAIL ? error_no_memory() : error_set(PEER_ERROR_OPERATION, "libopus: %s", opus_strerror(status));
    }
    const char *fmtp = settings->fmtp;
    encoder->channels = settings->channels;
    encoder->samples = SAMPLE_RATE / 1000 * ms;
    encoder->max_bitrate_bps = fmtp_number(fmtp, "maxaveragebitrate", MAX_BITRATE_BPS);
    if (encoder->max_bitrate_bps > MAX_BITRATE_BPS)
        encoder->max_bitrate_bps = MAX_BITRATE_BPS;
    opus_encoder_ctl(encoder->opus, OPUS_SET_COMPLEXITY(COMPLEXITY));
    opus_encoder_ctl(encoder->opus, OPUS_SET_BITRATE(clamp_bitrate(encoder, settings->bitrate_bps)));
    opus_encoder_ctl(encoder->opus, OPUS_SET_INBAND_FEC((opus_int32)(fmtp_number(fmtp, "useinbandfec", 0) != 0)));
    opus_encoder_ctl(encoder->opus, OPUS_SET_PACKET_LOSS_PERC(loss_percent(settings->packet_loss > 0 ? settings->packet_loss : 0)));
    opus_encoder_ctl(encoder->opus, OPUS_SET_DTX(settings->dtx || fmtp_number(fmtp, "usedtx", 0) != 0));
    opus_encoder_ctl(encoder->opus, OPUS_SET_MAX_BANDWIDTH(bandwidth(fmtp_number(fmtp, "maxplaybackrate", SAMPLE_RATE))));
    if (fmtp_number(fmtp, "cbr", 0) != 0)
        opus_encoder_ctl(encoder->opus, OPUS_SET_VBR(0));
    if (settings->channels == 2 && fmtp != NULL && fmtp_number(fmtp, "stereo", 0) == 0) /* RFC 7587 §6.1: it would rather have mono */
        opus_encoder_ctl(encoder->opus, OPUS_SET_FORCE_CHANNELS(1));
    *result = encoder;
    return 0;
}

static void encoder_free(void *self)
{
    opus_track_encoder_t *encoder = self;
    opus_encoder_destroy(encoder->opus);
    memory_free(encoder);
}

static int encode_audio(void *self, peer_audio_frame_t *frame, const peer_codec_sink_t *sink)
{
    opus_track_encoder_t *encoder = self;
    if (peer_audio_frame_format(frame) != PEER_AUDIO_S16 || peer_audio_frame_sample_rate(frame) != SAMPLE_RATE ||
        peer_audio_frame_channels(frame) != encoder->channels || peer_audio_frame_samples_per_channel(frame) != encoder->samples)
        return error_set(PEER_ERROR_TYPE, "Opus encoder: the frame is not S16 of 48,000 Hz, %u channels, %u samples", encoder->channels,
                         encoder->samples);
    uint8_t packet[MAX_PACKET];
    opus_int32 length = opus_encode(encoder->opus, peer_audio_frame_data(frame), (int)encoder->samples, packet, sizeof packet);
    if (length < 0)
        return error_set(PEER_ERROR_OPERATION, "libopus: %s", opus_strerror(length));
    bool was_silent = encoder->is_silent;
    encoder->is_silent = length <= DTX_LENGTH;
    if (was_silent && encoder->is_silent)
        return 0;
    peer_encoded_buffer_t buffer = {.size = sizeof buffer,
                                    .mime_type = codec_opus.mime_type,
                                    .data = packet,
                                    .length = (size_t)length,
                                    .timestamp_us = peer_audio_frame_timestamp_us(frame),
                                    .duration_us = (int64_t)encoder->samples * 1000000 / SAMPLE_RATE,
                                    .is_key = true};
    peer_encoded_frame_t *encoded;
    int error = peer_encoded_frame_new_copy(&buffer, &encoded);
    if (error == 0)
        sink->encoded(sink->context, encoded);
    return error;
}

static int set_rates(void *self, const peer_encoder_rates_t *rates)
{
    opus_track_encoder_t *encoder = self;
    if (rates->bitrate_bps != 0)
        opus_encoder_ctl(encoder->opus, OPUS_SET_BITRATE(clamp_bitrate(encoder, rates->bitrate_bps)));
    if (rates->packet_loss >= 0)
        opus_encoder_ctl(encoder->opus, OPUS_SET_PACKET_LOSS_PERC(loss_percent(rates->packet_loss)));
    return 0;
}

/* ---- decoder ---- */

typedef struct opus_track_decoder {
    OpusDecoder *opus;
    uint32_t channels;
} opus_track_decoder_t;

static int decoder_new(const peer_decoder_settings_t *settings, void **result)
{
    if (settings->channels < 1 || settings->channels > 2)
        return error_set(PEER_ERROR_RANGE, "Opus decoder: %u channels, not 1 or 2", settings->channels);
    opus_track_decoder_t *decoder = MEMORY_NEW(opus_track_decoder_t);
    if (decoder == NULL)
        return error_no_memory();
    int status;
    decoder->channels = settings->channels;
    decoder->opus = opus_decoder_create(SAMPLE_RATE, (int)settings->channels, &status);
    if (decoder->opus == NULL) {
        memory_free(decoder);
        return status == OPUS_ALLOC_FAIL ? error_no_memory() : error_set(PEER_ERROR_OPERATION, "libopus: %s", opus_strerror(status));
    }
    *result = decoder;
    return 0;
}

static void decoder_free(void *self)
{
    opus_track_decoder_t *decoder = self;
    opus_decoder_destroy(decoder->opus);
    memory_free(decoder);
}

/* One call of the decoder: `data` NULL makes up `samples`, with `is_fec` they come from the redundancy in `data`. */
static int decode_step(opus_track_decoder_t *decoder, const uint8_t *data, size_t length, uint32_t samples, bool is_fec,
                       int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    peer_audio_frame_t *frame;
    void *pcm;
    int error = audio_frame_new_blank(PEER_AUDIO_S16, SAMPLE_RATE, decoder->channels, samples, timestamp_us, &frame, &pcm);
    if (error < 0)
        return error;
    int got = opus_decode(decoder->opus, data, (opus_int32)length, pcm, (int)samples, is_fec);
    if (got != (int)samples) {
        peer_audio_frame_unref(frame);
        return error_set(PEER_ERROR_OPERATION, "libopus: %s", got < 0 ? opus_strerror(got) : "a frame of another length than it says");
    }
    sink->audio(sink->context, frame);
    return 0;
}

static int decode(void *self, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink)
{
    opus_track_decoder_t *decoder = self;
    const uint8_t *data = peer_encoded_frame_data(frame);
    size_t length = peer_encoded_frame_length(frame);
    int samples = length > 0 ? opus_packet_get_nb_samples(data, (opus_int32)length, SAMPLE_RATE) : OPUS_INVALID_PACKET;
    if (samples <= 0 || samples > MAX_SAMPLES)
        return error_set(PEER_ERROR_OPERATION, "Opus: %zu bytes that are no packet", length);
    return decode_step(decoder, data, length, (uint32_t)samples, false, peer_encoded_frame_timestamp_us(frame), sink);
}

static int conceal(void *self, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    uint32_t done = 0;
    samples -= samples % SAMPLE_STEP;
    while (done < samples) {
        uint32_t step = samples - done < MAX_SAMPLES ? samples - done : MAX_SAMPLES;
        int error = decode_step(self, NULL, 0, step, false, timestamp_us + (int64_t)done * 1000000 / SAMPLE_RATE, sink);
        if (error < 0)
            return error;
        done += step;
    }
    return 0;
}

static int recover(void *self, peer_encoded_frame_t *next, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    samples -= samples % SAMPLE_STEP;
    const uint8_t *data = peer_encoded_frame_data(next);
    size_t length = peer_encoded_frame_length(next);
    int held = length > 0 ? opus_packet_get_samples_per_frame(data, SAMPLE_RATE) : 0;
    if (held <= 0 || samples < (uint32_t)held)
        return conceal(self, samples, timestamp_us, sink);
    /* The redundancy covers one frame; libopus conceals what lies before it, but for 120 ms at most in one call. */
    uint32_t before = samples > MAX_SAMPLES ? samples - MAX_SAMPLES : 0;
    int error = conceal(self, before, timestamp_us, sink);
    if (error < 0)
        return error;
    return decode_step(self, data, length, samples - before, true, timestamp_us + (int64_t)before * 1000000 / SAMPLE_RATE, sink);
}

const peer_codec_t codec_opus = {.size = sizeof codec_opus,
                                 .mime_type = "audio/opus",
                                 .kind = PEER_MEDIA_AUDIO,
                                 .clock_rate = SAMPLE_RATE,
                                 .channels = 2, /* RFC 7587 §7: the rtpmap says 2 whatever is sent */
                                 .sample_rate = SAMPLE_RATE,
                                 .fmtp = "minptime=10;useinbandfec=1",
                                 .flags = PEER_CODEC_ENCODES | PEER_CODEC_DECODES | PEER_CODEC_CONCEALS | PEER_CODEC_RECOVERS,
                                 .implementation = "libopus",
                                 .encoder_new = encoder_new,
                                 .encode_audio = encode_audio,
                                 .set_rates = set_rates,
                                 .encoder_free = encoder_free,
                                 .decoder_new = decoder_new,
                                 .decode = decode,
                                 .conceal = conceal,
                                 .recover = recover,
                                 .decoder_free = decoder_free};
