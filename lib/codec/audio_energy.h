/* The loudness of sound as W3C webrtc-stats counts it (totalAudioEnergy, audioLevel). */
#ifndef CODEC_AUDIO_ENERGY_H
#define CODEC_AUDIO_ENERGY_H

#include <peer/frame.h>

#include <stdbool.h>

typedef struct audio_energy {
    double total_energy; /* seconds × (share of full scale)², of the loudest channel of each sample */
    double total_duration;
    double interval_energy, interval_duration; /* since the level was last told */
    double level;                              /* root mean square of the last interval, 0 … 1 */
    bool has_level;
} audio_energy_t;

/* Of one frame, as RFC 6464 §3 has it: -dBov, 0 loudest, 127 silence. */
uint8_t audio_level_dbov(const peer_audio_frame_t *frame);
void audio_energy_add(audio_energy_t *energy, const peer_audio_frame_t *frame);

#endif
