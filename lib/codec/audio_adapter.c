#include "codec/audio_adapter.h"

#include "base/error.h"
#include "base/memory.h"
#include "codec/frame.h"

#include <speex/speex_resampler.h>
#include <stdlib.h>

#define RESAMPLER_QUALITY 4 /* of 10: transparent for speech at a few percent of an encoder's work */

struct audio_adapter {
    uint32_t sample_rate, channels, samples; /* wanted */
    SpeexResamplerState *resampler;          /* NULL while the input has the wanted rate */
    uint32_t input_rate;                     /* what the resampler is made for */
    bool has_input;
    int64_t next_us;         /* where the input will go on, if nothing is missing */
    int16_t *pending;        /* converted, not yet given; interleaved */
    size_t pending_count;    /* samples per channel */
    size_t pending_capacity; /* samples of all channels */
};

audio_adapter_t *audio_adapter_new(uint32_t sample_rate, uint32_t channels, uint32_t samples)
{
    audio_adapter_t *adapter = MEMORY_NEW(audio_adapter_t);
    if (adapter == NULL)
        return NULL;
    adapter->sample_rate = sample_rate;
    adapter->channels = channels;
    adapter->samples = samples;
    return adapter;
}

static void drop_resampler(audio_adapter_t *adapter)
{
    if (adapter->resampler != NULL)
        speex_resampler_destroy(adapter->resampler);
    adapter->resampler = NULL;
}

void audio_adapter_free(audio_adapter_t *adapter)
{
    if (adapter == NULL)
        return;
    drop_resampler(adapter);
    memory_free(adapter->pending);
    memory_free(adapter);
}

/* Sets the resampler up for this input; after a gap its memory of the sound before is dropped. */
static int prepare(audio_adapter_t *adapter, uint32_t input_rate, bool is_new)
{
    if (is_new)
        adapter->pending_count = 0;
    if (input_rate == adapter->sample_rate) {
        drop_resampler(adapter);
        return 0;
    }
    if (adapter->resampler != NULL && adapter->input_rate == input_rate) {
        if (is_new) {
            speex_resampler_reset_mem(adapter->resampler);
            speex_resampler_skip_zeros(adapter->resampler);
        }
        return 0;
    }
    drop_resampler(adapter);
    int status;
    adapter->resampler = speex_resampler_init(adapter->channels, input_rate, adapter->sample_rate, RESAMPLER_QUALITY, &status);
    if (adapter->resampler == NULL)
        return error_no_memory();
    adapter->input_rate = input_rate;
    speex_resampler_skip_zeros(adapter->resampler);
    return 0;
}

static int clamp_s16(int value)
{
    return value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
}

/* Mixes down to one channel by the mean, up by copying; of more than two, even ones go left and odd ones right. */
static void mix(const int16_t *in, uint32_t in_channels, int16_t *out, uint32_t out_channels, uint32_t samples)
{
    for (uint32_t i = 0; i < samples; i++, in += in_channels, out += out_channels) {
        int sums[2] = {0, 0}, counts[2] = {0, 0};
        for (uint32_t c = 0; c < in_channels; c++) {
            uint32_t side = out_channels == 2 ? c % 2 : 0;
            sums[side] += in[c];
            counts[side]++;
        }
        if (out_channels == 2 && counts[1] == 0) {
            sums[1] = sums[0];
            counts[1] = 1;
        }
        for (uint32_t c = 0; c < out_channels; c++)
            out[c] = (int16_t)clamp_s16(sums[c] / counts[c]);
    }
}

/* Mixes, resamples and adds to what is pending. */
static int append(audio_adapter_t *adapter, const int16_t *in, uint32_t in_channels, uint32_t samples)
{
    uint32_t channels = adapter->channels;
    uint64_t room = adapter->resampler != NULL ? (uint64_t)samples * adapter->sample_rate / adapter->input_rate + 64 : samples;
    size_t wanted = (adapter->pending_count + (size_t)room) * channels;
    if (!memory_reserve((void **)&adapter->pending, &adapter->pending_capacity, wanted, sizeof *adapter->pending))
        return error_no_memory();
    int16_t *end = adapter->pending + adapter->pending_count * channels;
    if (adapter->resampler == NULL) {
        mix(in, in_channels, end, channels, samples);
        adapter->pending_count += samples;
        return 0;
    }
    int16_t *mixed = memory_array((size_t)samples * channels, sizeof *mixed);
    if (mixed == NULL)
        return error_no_memory();
    mix(in, in_channels, mixed, channels, samples);
    spx_uint32_t taken = samples, given = (spx_uint32_t)room;
    speex_resampler_process_interleaved_int(adapter->resampler, mixed, &taken, end, &given);
    memory_free(mixed);
    adapter->pending_count += given;
    return 0;
}

/* Gives every complete frame. `end_us` is the time just behind the last pending sample. */
static int give(audio_adapter_t *adapter, int64_t end_us, void (*emit)(void *context, peer_audio_frame_t *frame), void *context)
{
    uint32_t channels = adapter->channels;
    size_t done = 0;
    int error = 0;
    while (adapter->pending_count - done > 0) {
        size_t left = adapter->pending_count - done, length = adapter->samples;
        if (length == 0)
            length = left < PEER_AUDIO_MAX_SAMPLES ? left : PEER_AUDIO_MAX_SAMPLES;
        if (left < length)
            break;
        peer_audio_buffer_t buffer = {.size = sizeof buffer,
                                      .format = PEER_AUDIO_S16,
                                      .sample_rate = adapter->sample_rate,
                                      .channels = channels,
                                      .samples_per_channel = (uint32_t)length,
                                      .timestamp_us = end_us - (int64_t)left * 1000000 / adapter->sample_rate,
                                      .data = adapter->pending + done * channels};
        peer_audio_frame_t *frame;
        done += length;
        error = peer_audio_frame_new_copy(&buffer, &frame);
        if (error < 0)
            break;
        emit(context, frame);
        peer_audio_frame_unref(frame);
    }
    adapter->pending_count -= done;
    memmove(adapter->pending, adapter->pending + done * channels, adapter->pending_count * channels * sizeof *adapter->pending);
    return error;
}

int audio_adapter_push(audio_adapter_t *adapter, peer_audio_frame_t *frame, int64_t gap_us,
                       void (*emit)(void *context, peer_audio_frame_t *frame), void *context)
{
    peer_audio_frame_t *s16;
    int error = peer_audio_frame_convert(frame, PEER_AUDIO_S16, &s16);
    if (error < 0)
        return error;
    uint32_t rate = peer_audio_frame_sample_rate(s16), samples = peer_audio_frame_samples_per_channel(s16);
    int64_t start_us = peer_audio_frame_timestamp_us(s16);
    bool is_new = !adapter->has_input || llabs(start_us - adapter->next_us) > gap_us;
    int64_t end_us = start_us + (int64_t)samples * 1000000 / rate;
    if (adapter->resampler == NULL && adapter->samples == 0 && rate == adapter->sample_rate &&
        peer_audio_frame_channels(s16) == adapter->channels && adapter->pending_count == 0) {
        emit(context, s16); /* nothing to be done */
    } else {
        error = prepare(adapter, rate, is_new);
        if (error == 0)
            error = append(adapter, peer_audio_frame_data(s16), peer_audio_frame_channels(s16), samples);
        if (error == 0)
            error = give(adapter, end_us, emit, context);
    }
    adapter->has_input = error == 0;
    adapter->next_us = end_us;
    peer_audio_frame_unref(s16);
    return error;
}
