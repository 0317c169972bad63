/* PCMU and PCMA (ITU-T G.711; RFC 3551 §4.5.14, RFC 7874 §3), with concealment in the manner of its Appendix I: the last pitch period goes
 * on, fading, and fades over into what comes next. */
#include "codec/codec.h"
#include "codec/frame.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>

#define SAMPLE_RATE 8000
#define MAX_SAMPLES (SAMPLE_RATE * 120 / 1000) /* of a frame */
#define HISTORY 400                            /* samples kept: two of the longest period and the stretch that is compared */
#define PITCH_MIN 40                           /* 200 Hz */
#define PITCH_MAX 120                          /* 66 Hz */
#define PITCH_WINDOW 160                       /* samples compared to find the period */
#define FULL_SAMPLES 80                        /* made-up sound is at full level this long … */
#define FADE_SAMPLES 400                       /* … and then fades to silence over this long */
#define OVERLAP 32                             /* 4 ms of fading over into real sound */

/* ---- the two laws ---- */

/* Segment of a magnitude: the position of its highest bit above `lowest`. */
static unsigned segment(unsigned magnitude, unsigned lowest)
{
    unsigned exponent = 0;
    while (exponent < 7 && magnitude >> (lowest + 1 + exponent) != 0)
        exponent++;
    return exponent;
}

static uint8_t ulaw_encode(int16_t sample)
{
    const int bias = 0x84, clip = 32635;
    int magnitude = sample < 0 ? -(int)sample : sample;
    magnitude = (magnitude > clip ? clip : magnitude) + bias;
    unsigned exponent = segment((unsigned)magnitude, 7);
    unsigned mantissa = ((unsigned)magnitude >> (exponent + 3)) & 0x0f;
    return (uint8_t) ~((sample < 0 ? 0x80u : 0u) | (exponent << 4) | mantissa);
}

static int16_t ulaw_decode(uint8_t code)
{
    unsigned bits = (uint8_t)~code;
    int magnitude = (int)(((((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84);
    return (int16_t)((bits & 0x80) != 0 ? -magnitude : magnitude);
}

static uint8_t alaw_encode(int16_t sample)
{
    int magnitude = sample < 0 ? -(int)sample - 1 : sample;
    unsigned exponent = segment((unsigned)magnitude, 7);
    unsigned mantissa = ((unsigned)magnitude >> (exponent == 0 ? 4 : exponent + 3)) & 0x0f;
    return (uint8_t)(((sample < 0 ? 0u : 0x80u) | (exponent << 4) | mantissa) ^ 0x55);
}

static int16_t alaw_decode(uint8_t code)
{
    unsigned bits = code ^ 0x55u, exponent = (bits >> 4) & 7;
    int magnitude = (int)(((bits & 0x0f) << 4) + 8);
    if (exponent != 0)
        magnitude = (magnitude + 0x100) << (exponent - 1);
    return (int16_t)((bits & 0x80) != 0 ? magnitude : -magnitude);
}

/* ---- encoder: nothing to remember but its law ---- */

static int encoder_new(const peer_codec_t *codec, const peer_encoder_settings_t *settings, void **encoder)
{
    if (settings->channels != 1)
        return error_set(PEER_ERROR_RANGE, "%s encoder: %u channels, not 1", codec->mime_type, settings->channels);
    *encoder = (void *)(uintptr_t)codec;
    return 0;
}

static int pcmu_encoder_new(const peer_encoder_settings_t *settings, void **encoder)
{
    return encoder_new(&codec_pcmu, settings, encoder);
}

static int pcma_encoder_new(const peer_encoder_settings_t *settings, void **encoder)
{
    return encoder_new(&codec_pcma, settings, encoder);
}

static void encoder_free(void *self)
{
}

static int encode_audio(void *self, peer_audio_frame_t *frame, const peer_codec_sink_t *sink)
{
    const peer_codec_t *codec = self;
    uint32_t samples = peer_audio_frame_samples_per_channel(frame);
    if (peer_audio_frame_format(frame) != PEER_AUDIO_S16 || peer_audio_frame_sample_rate(frame) != SAMPLE_RATE ||
        peer_audio_frame_channels(frame) != 1 || samples > MAX_SAMPLES)
        return error_set(PEER_ERROR_TYPE, "%s encoder: the frame is not S16 of 8,000 Hz, one channel, up to 120 ms", codec->mime_type);
    uint8_t bytes[MAX_SAMPLES];
    const int16_t *pcm = peer_audio_frame_data(frame);
    for (uint32_t i = 0; i < samples; i++)
        bytes[i] = codec == &codec_pcmu ? ulaw_encode(pcm[i]) : alaw_encode(pcm[i]);
    peer_encoded_buffer_t buffer = {.size = sizeof buffer,
                                    .mime_type = codec->mime_type,
                                    .data = bytes,
                                    .length = samples,
                                    .timestamp_us = peer_audio_frame_timestamp_us(frame),
                                    .duration_us = (int64_t)samples * 1000000 / SAMPLE_RATE,
                                    .is_key = true};
    peer_encoded_frame_t *encoded;
    int error = peer_encoded_frame_new_copy(&buffer, &encoded);
    if (error == 0)
        sink->encoded(sink->context, encoded);
    return error;
}

static int set_rates(void *self, const peer_encoder_rates_t *rates)
{
    return 0; /* 64 kbit/s, whatever happens */
}

/* ---- decoder ---- */

typedef struct g711_decoder {
    const peer_codec_t *codec;
    uint32_t channels;
    int16_t history[HISTORY];  /* the last sound given, newest last */
    int16_t period[PITCH_MAX]; /* what is being repeated … */
    uint32_t pitch;            /* … and its length; 0 while nothing is lost */
    uint32_t made_up;          /* samples made up since the last real one */
} g711_decoder_t;

static int decoder_new(const peer_codec_t *codec, const peer_decoder_settings_t *settings, void **result)
{
    if (settings->channels < 1 || settings->channels > 2)
        return error_set(PEER_ERROR_RANGE, "%s decoder: %u channels, not 1 or 2", codec->mime_type, settings->channels);
    g711_decoder_t *decoder = MEMORY_NEW(g711_decoder_t);
    if (decoder == NULL)
        return error_no_memory();
    decoder->codec = codec;
    decoder->channels = settings->channels;
    *result = decoder;
    return 0;
}

static int pcmu_decoder_new(const peer_decoder_settings_t *settings, void **decoder)
{
    return decoder_new(&codec_pcmu, settings, decoder);
}

static int pcma_decoder_new(const peer_decoder_settings_t *settings, void **decoder)
{
    return decoder_new(&codec_pcma, settings, decoder);
}

static void decoder_free(void *self)
{
    memory_free(self);
}

static void remember(g711_decoder_t *decoder, const int16_t *pcm, uint32_t samples)
{
    uint32_t kept = samples < HISTORY ? HISTORY - samples : 0;
    memmove(decoder->history, decoder->history + HISTORY - kept, kept * sizeof *pcm);
    memcpy(decoder->history + kept, pcm + samples - (HISTORY - kept), (HISTORY - kept) * sizeof *pcm);
}

/* The lag at which the newest sound looks most like what was just before. */
static uint32_t find_pitch(const g711_decoder_t *decoder)
{
    const int16_t *newest = decoder->history + HISTORY - PITCH_WINDOW;
    uint32_t best = PITCH_MIN;
    double best_score = -1;
    for (uint32_t lag = PITCH_MIN; lag <= PITCH_MAX; lag++) {
        double product = 0, energy = 1;
        for (int i = 0; i < PITCH_WINDOW; i++) {
            double earlier = newest[i - (int)lag];
            product += newest[i] * earlier;
            energy += earlier * earlier;
        }
        double score = product / sqrt(energy);
        if (score > best_score) {
            best_score = score;
            best = lag;
        }
    }
    return best;
}

/* The level of made-up sound, by its age. */
static double fade(uint32_t age)
{
    if (age < FULL_SAMPLES)
        return 1;
    return age < FULL_SAMPLES + FADE_SAMPLES ? 1 - (double)(age - FULL_SAMPLES) / FADE_SAMPLES : 0;
}

/* Continues the period that was last heard. */
static void make_up(g711_decoder_t *decoder, int16_t *pcm, uint32_t samples)
{
    if (decoder->pitch == 0) {
        decoder->pitch = find_pitch(decoder);
        decoder->made_up = 0;
        memcpy(decoder->period, decoder->history + HISTORY - decoder->pitch, decoder->pitch * sizeof *decoder->period);
    }
    for (uint32_t i = 0; i < samples; i++, decoder->made_up++)
        pcm[i] = (int16_t)(decoder->period[decoder->made_up % decoder->pitch] * fade(decoder->made_up));
}

static int emit(const g711_decoder_t *decoder, const int16_t *pcm, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    peer_audio_frame_t *frame;
    void *data;
    int error = audio_frame_new_blank(PEER_AUDIO_S16, SAMPLE_RATE, decoder->channels, samples, timestamp_us, &frame, &data);
    if (error < 0)
        return error;
    for (uint32_t i = 0; i < samples * decoder->channels; i++)
        ((int16_t *)data)[i] = pcm[i / decoder->channels];
    sink->audio(sink->context, frame);
    return 0;
}

static int decode(void *self, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink)
{
    g711_decoder_t *decoder = self;
    const uint8_t *bytes = peer_encoded_frame_data(frame);
    size_t length = peer_encoded_frame_length(frame);
    if (length == 0 || length > MAX_SAMPLES)
        return error_set(PEER_ERROR_OPERATION, "%s: a frame of %zu bytes, not 1 to %d", decoder->codec->mime_type, length, MAX_SAMPLES);
    int16_t pcm[MAX_SAMPLES];
    uint32_t samples = (uint32_t)length;
    for (uint32_t i = 0; i < samples; i++)
        pcm[i] = decoder->codec == &codec_pcmu ? ulaw_decode(bytes[i]) : alaw_decode(bytes[i]);
    if (decoder->pitch != 0) {
        int16_t continued[OVERLAP];
        make_up(decoder, continued, OVERLAP);
        for (uint32_t i = 0; i < OVERLAP && i < samples; i++)
            pcm[i] = (int16_t)((pcm[i] * (int)(i + 1) + continued[i] * (int)(OVERLAP - i - 1)) / OVERLAP);
        decoder->pitch = 0;
    }
    remember(decoder, pcm, samples);
    return emit(decoder, pcm, samples, peer_encoded_frame_timestamp_us(frame), sink);
}

static int conceal(void *self, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink)
{
    g711_decoder_t *decoder = self;
    for (uint32_t done = 0; done < samples;) {
        int16_t pcm[MAX_SAMPLES];
        uint32_t step = samples - done < MAX_SAMPLES ? samples - done : MAX_SAMPLES;
        make_up(decoder, pcm, step);
        remember(decoder, pcm, step);
        int error = emit(decoder, pcm, step, timestamp_us + (int64_t)done * 1000000 / SAMPLE_RATE, sink);
        if (error < 0)
            return error;
        done += step;
    }
    return 0;
}

#define G711(name, encoder, decoder)                                                                                                       \
    {                                                                                                                                      \
        .size = sizeof(peer_codec_t), .mime_type = (name), .kind = PEER_MEDIA_AUDIO, .clock_rate = SAMPLE_RATE, .channels = 1,             \
        .sample_rate = SAMPLE_RATE, .flags = PEER_CODEC_ENCODES | PEER_CODEC_DECODES | PEER_CODEC_CONCEALS, .implementation = "libpeer",   \
        .encoder_new = (encoder), .encode_audio = encode_audio, .set_rates = set_rates, .encoder_free = encoder_free,                      \
        .decoder_new = (decoder), .decode = decode, .conceal = conceal, .decoder_free = decoder_free                                       \
    }

const peer_codec_t codec_pcmu = G711("audio/PCMU", pcmu_encoder_new, pcmu_decoder_new);
const peer_codec_t codec_pcma = G711("audio/PCMA", pcma_encoder_new, pcma_decoder_new);
