/* The test sound: syllables of 200 ms, each of one of four pairs of tones, swelling and ebbing as speech does, about -20 dBFS in the mean;
 * and the detector of those tones. Every frequency is a multiple of 100 Hz, so that all are at zero at each hundredth of a second and no
 * syllable begins with a click. */
#include "base/error.h"
#include "base/memory.h"
#include "device/device.h"

#include <math.h>
#include <peer/test_media.h>
#include <stdio.h>

#define TONE_AMPLITUDE 0.1437 /* of each of the two; with the swell the mean is -20 dBFS */
#define SYLLABLES_PER_SECOND 5
#define BLOCK_MS 40 /* one measurement of the detector: a whole number of periods of each tone */
#define MIN_LEVEL_DBFS (-50.0)
#define MIN_TONE_SHARE 0.6 /* of the energy */

static const double tones[4][2] = {{500, 1100}, {600, 1300}, {700, 1500}, {800, 1700}};
static const uint8_t melody[] = {0, 2, 1, 3, 0, 1, 3, 2, 2, 0, 3, 1}; /* no syllable is like the one before */

/* Between -1 and 1, at any position: a function of nothing else. */
static double test_sound_at(uint64_t position, uint32_t sample_rate)
{
    uint32_t syllable_samples = sample_rate / SYLLABLES_PER_SECOND;
    const double *pair = tones[melody[position / syllable_samples % sizeof melody]];
    double phase = (double)(position % (sample_rate / 100)) / sample_rate;
    double swell = 0.65 - 0.35 * cos(2 * M_PI * (double)(position % syllable_samples) / syllable_samples);
    return TONE_AMPLITUDE * swell * (sin(2 * M_PI * pair[0] * phase) + sin(2 * M_PI * pair[1] * phase));
}

typedef struct test_sound {
    media_producer_t producer; /* first */
    uint64_t position;
    uint32_t samples; /* of a frame */
} test_sound_t;

static int next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    test_sound_t *self = (test_sound_t *)producer;
    uint32_t rate = producer->sample_rate, channels = producer->channels;
    int16_t *samples = memory_array((size_t)self->samples * channels, sizeof *samples);
    if (samples == NULL)
        return error_no_memory();
    for (uint32_t i = 0; i < self->samples; i++)
        for (uint32_t c = 0; c < channels; c++)
            samples[i * channels + c] = c == 0 ? (int16_t)lrint(test_sound_at(self->position + i, rate) * 32767) : samples[i * channels];
    peer_audio_buffer_t buffer = {.size = sizeof buffer,
                                  .format = PEER_AUDIO_S16,
                                  .sample_rate = rate,
                                  .channels = channels,
                                  .samples_per_channel = self->samples,
                                  .timestamp_us = epoch + (peer_time_t)(self->position * 1000000 / rate),
                                  .data = samples};
    int error = peer_audio_frame_new_adopt(&buffer, memory_free, samples, &unit->audio);
    if (error < 0) {
        memory_free(samples);
        return error;
    }
    self->position += self->samples;
    unit->due_us = (peer_time_t)(self->position * 1000000 / rate);
    return 1;
}

static void free_sound(media_producer_t *producer)
{
    memory_free(producer);
}

int test_sound_new(const test_sound_settings_t *settings, media_producer_t **producer)
{
    uint32_t rate = settings->sample_rate != 0 ? settings->sample_rate : 48000, channels = settings->channels != 0 ? settings->channels : 1;
    uint32_t ms = settings->frame_duration_ms != 0 ? settings->frame_duration_ms : 20;
    if (rate < PEER_AUDIO_MIN_RATE || rate > PEER_AUDIO_MAX_RATE || rate % 100 != 0)
        return error_set(PEER_ERROR_OVERCONSTRAINED, "test sound: %u Hz is not a multiple of 100 within %u and %u", rate,
                         PEER_AUDIO_MIN_RATE, PEER_AUDIO_MAX_RATE);
    if (channels > 2 || ms > 100 || ms % 10 != 0)
        return error_set(PEER_ERROR_OVERCONSTRAINED, "test sound: %u channels in frames of %u ms; 1 or 2, of 10 to 100", channels, ms);
    test_sound_t *self = MEMORY_NEW(test_sound_t);
    if (self == NULL)
        return error_no_memory();
    self->samples = rate / 100 * (ms / 10);
    self->producer.next = next;
    self->producer.free = free_sound;
    self->producer.kind = PEER_MEDIA_AUDIO;
    self->producer.sample_rate = rate;
    self->producer.channels = channels;
    snprintf(self->producer.label, sizeof self->producer.label, "test sound");
    *producer = &self->producer;
    return 0;
}

/* ---- the detector ---- */

/* The energy of one frequency in a block (Goertzel's algorithm). */
static double tone_energy(const double *block, uint32_t count, double frequency, uint32_t sample_rate)
{
    double turn = 2 * cos(2 * M_PI * frequency / sample_rate), before = 0, last = 0;
    for (uint32_t i = 0; i < count; i++) {
        double now = block[i] + turn * last - before;
        before = last;
        last = now;
    }
    double squared = last * last + before * before - turn * last * before;
    return 2 * squared / count;
}

bool peer_test_sound_is_present(const int16_t *samples, uint32_t count, uint32_t channels, uint32_t sample_rate)
{
    if (samples == NULL || channels == 0 || channels > PEER_AUDIO_MAX_CHANNELS || sample_rate < PEER_AUDIO_MIN_RATE ||
        sample_rate > PEER_AUDIO_MAX_RATE)
        return false;
    uint32_t block_samples = sample_rate * BLOCK_MS / 1000, blocks = count / block_samples;
    double *block = memory_array(block_samples, sizeof *block);
    if (block == NULL)
        return false;
    double total = 0, at_tones = 0;
    for (uint32_t b = 0; b < blocks; b++) {
        const int16_t *start = samples + (size_t)b * block_samples * channels;
        for (uint32_t i = 0; i < block_samples; i++) {
            double sum = 0;
            for (uint32_t c = 0; c < channels; c++)
                sum += start[i * channels + c];
            block[i] = sum / channels / 32768;
            total += block[i] * block[i];
        }
        for (int pair = 0; pair < 4; pair++)
            at_tones += tone_energy(block, block_samples, tones[pair][0], sample_rate) +
                        tone_energy(block, block_samples, tones[pair][1], sample_rate);
    }
    memory_free(block);
    return blocks > 0 && 10 * log10(total / ((double)blocks * block_samples) + 1e-20) > MIN_LEVEL_DBFS && at_tones > MIN_TONE_SHARE * total;
}
