#include "codec/audio_energy.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define LEVEL_INTERVAL_S 0.1 /* webrtc-stats, audioLevel: some small interval */
#define FULL_SCALE 32768.0

/* The sum of squares of the loudest channel, of full scale 1. */
static double squares_s16(const int16_t *samples, size_t count, uint32_t channels)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++, samples += channels) {
        int32_t loudest = 0;
        for (uint32_t channel = 0; channel < channels; channel++)
            loudest = abs(samples[channel]) > loudest ? abs(samples[channel]) : loudest;
        sum += (uint64_t)(loudest * (int64_t)loudest);
    }
    return (double)sum / (FULL_SCALE * FULL_SCALE);
}

static double squares_f32(const float *samples, size_t count, uint32_t channels)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++, samples += channels) {
        float loudest = 0;
        for (uint32_t channel = 0; channel < channels; channel++)
            loudest = fmaxf(fabsf(samples[channel]), loudest); /* which is no NaN */
        loudest = fminf(loudest, 1);
        sum += (double)loudest * (double)loudest;
    }
    return sum;
}

uint8_t audio_level_dbov(const peer_audio_frame_t *frame)
{
    audio_energy_t energy = {0};
    audio_energy_add(&energy, frame);
    if (!(energy.total_energy > 0))
        return 127;
    double level = -10 * log10(energy.total_energy / energy.total_duration);
    return level >= 127 ? 127 : level <= 0 ? 0 : (uint8_t)lround(level);
}

void audio_energy_add(audio_energy_t *energy, const peer_audio_frame_t *frame)
{
    size_t count = peer_audio_frame_samples_per_channel(frame);
    uint32_t channels = peer_audio_frame_channels(frame), rate = peer_audio_frame_sample_rate(frame);
    const void *data = peer_audio_frame_data(frame);
    double squares =
        peer_audio_frame_format(frame) == PEER_AUDIO_F32 ? squares_f32(data, count, channels) : squares_s16(data, count, channels);
    energy->total_energy += squares / rate;
    energy->total_duration += (double)count / rate;
    energy->interval_energy += squares / rate;
    energy->interval_duration += (double)count / rate;
    if (energy->interval_duration < LEVEL_INTERVAL_S - 1e-6) /* a sum of frames */
        return;
    energy->level = fmin(sqrt(energy->interval_energy / energy->interval_duration), 1);
    energy->has_level = true;
    energy->interval_energy = energy->interval_duration = 0;
}
