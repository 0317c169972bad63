/* Raw sound (peer/frame.h): memory, references, sample formats, loudness. Rates and channels are the audio adapter's affair. */
#include "codec/frame.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <stdatomic.h>

#define SILENCE_DBFS (-127.0) /* RFC 6464 §3 */

struct peer_audio_frame {
    atomic_uint references;
    int32_t format;
    uint32_t sample_rate, channels, samples;
    int64_t timestamp_us;
    const void *data;
    peer_frame_release_t release; /* of adopted memory */
    void *user;
    void *memory; /* of our own */
};

static size_t sample_size(int32_t format)
{
    return format == PEER_AUDIO_S16 ? sizeof(int16_t) : sizeof(float);
}

static int check_shape(int32_t format, uint32_t sample_rate, uint32_t channels, uint32_t samples)
{
    if (format != PEER_AUDIO_S16 && format != PEER_AUDIO_F32)
        return error_set(PEER_ERROR_RANGE, "audio frame: there is no format %d", format);
    if (sample_rate < PEER_AUDIO_MIN_RATE || sample_rate > PEER_AUDIO_MAX_RATE)
        return error_set(PEER_ERROR_RANGE, "audio frame: %u Hz is not within %u and %u", sample_rate, PEER_AUDIO_MIN_RATE,
                         PEER_AUDIO_MAX_RATE);
    if (channels == 0 || channels > PEER_AUDIO_MAX_CHANNELS)
        return error_set(PEER_ERROR_RANGE, "audio frame: %u channels, not 1 to %u", channels, PEER_AUDIO_MAX_CHANNELS);
    if (samples == 0 || samples > PEER_AUDIO_MAX_SAMPLES)
        return error_set(PEER_ERROR_RANGE, "audio frame: %u samples, not 1 to %u", samples, PEER_AUDIO_MAX_SAMPLES);
    return 0;
}

static int import_buffer(const peer_audio_buffer_t *buffer, peer_audio_buffer_t *ours)
{
    if (buffer == NULL)
        return error_set(PEER_ERROR_TYPE, "audio frame: the buffer is NULL");
    peer_audio_buffer_init(ours, sizeof *ours);
    struct_import(ours, sizeof *ours, buffer);
    int error = check_shape(ours->format, ours->sample_rate, ours->channels, ours->samples_per_channel);
    if (error < 0)
        return error;
    if (ours->data == NULL || (uintptr_t)ours->data % sample_size(ours->format) != 0)
        return error_set(PEER_ERROR_TYPE, "audio frame: the samples are NULL or not aligned");
    return 0;
}

/* A frame of the shape of `buffer`, without samples. */
static peer_audio_frame_t *new_shape(const peer_audio_buffer_t *buffer)
{
    peer_audio_frame_t *frame = MEMORY_NEW(peer_audio_frame_t);
    if (frame == NULL)
        return NULL;
    atomic_init(&frame->references, 1);
    frame->format = buffer->format;
    frame->sample_rate = buffer->sample_rate;
    frame->channels = buffer->channels;
    frame->samples = buffer->samples_per_channel;
    frame->timestamp_us = buffer->timestamp_us;
    return frame;
}

void peer_audio_buffer_init(peer_audio_buffer_t *buffer, size_t size)
{
    const peer_audio_buffer_t defaults = {.format = PEER_AUDIO_S16, .sample_rate = 48000, .channels = 1};
    struct_export(buffer, size, &defaults, sizeof defaults);
}

int audio_frame_new_blank(int32_t format, uint32_t sample_rate, uint32_t channels, uint32_t samples, int64_t timestamp_us,
                          peer_audio_frame_t **frame, void **data)
{
    int error = check_shape(format, sample_rate, channels, samples);
    if (error < 0)
        return error;
    peer_audio_frame_t *made = new_shape(&(peer_audio_buffer_t){
        .format = format, .sample_rate = sample_rate, .channels = channels, .samples_per_channel = samples, .timestamp_us = timestamp_us});
    if (made == NULL)
        return error_no_memory();
    made->memory = memory_array((size_t)samples * channels, sample_size(format));
    if (made->memory == NULL) {
        memory_free(made);
        return error_no_memory();
    }
    made->data = *data = made->memory;
    *frame = made;
    return 0;
}

int peer_audio_frame_new_copy(const peer_audio_buffer_t *buffer, peer_audio_frame_t **frame)
{
    peer_audio_buffer_t ours;
    void *data;
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "audio frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    error = audio_frame_new_blank(ours.format, ours.sample_rate, ours.channels, ours.samples_per_channel, ours.timestamp_us, frame, &data);
    if (error < 0)
        return error;
    memcpy(data, ours.data, (size_t)ours.samples_per_channel * ours.channels * sample_size(ours.format));
    return 0;
}

int peer_audio_frame_new_adopt(const peer_audio_buffer_t *buffer, peer_frame_release_t release, void *user, peer_audio_frame_t **frame)
{
    peer_audio_buffer_t ours;
    if (frame == NULL)
        return error_set(PEER_ERROR_TYPE, "audio frame: no place for the result");
    int error = import_buffer(buffer, &ours);
    if (error < 0)
        return error;
    peer_audio_frame_t *made = new_shape(&ours);
    if (made == NULL)
        return error_no_memory();
    made->data = ours.data;
    made->release = release;
    made->user = user;
    *frame = made;
    return 0;
}

peer_audio_frame_t *peer_audio_frame_ref(peer_audio_frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void peer_audio_frame_unref(peer_audio_frame_t *frame)
{
    if (frame == NULL || atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) != 1)
        return;
    if (frame->release != NULL)
        frame->release(frame->user);
    memory_free(frame->memory);
    memory_free(frame);
}

int32_t peer_audio_frame_format(const peer_audio_frame_t *frame)
{
    return frame->format;
}

uint32_t peer_audio_frame_sample_rate(const peer_audio_frame_t *frame)
{
    return frame->sample_rate;
}

uint32_t peer_audio_frame_channels(const peer_audio_frame_t *frame)
{
    return frame->channels;
}

uint32_t peer_audio_frame_samples_per_channel(const peer_audio_frame_t *frame)
{
    return frame->samples;
}

int64_t peer_audio_frame_timestamp_us(const peer_audio_frame_t *frame)
{
    return frame->timestamp_us;
}

const void *peer_audio_frame_data(const peer_audio_frame_t *frame)
{
    return frame->data;
}

static int16_t to_s16(float sample)
{
    float scaled = sample * 32768.0f;
    if (!(scaled > -32768.0f)) /* catches what is not a number too */
        return scaled <= -32768.0f ? INT16_MIN : 0;
    return scaled >= 32767.0f ? INT16_MAX : (int16_t)lrintf(scaled);
}

int peer_audio_frame_convert(peer_audio_frame_t *frame, int32_t format, peer_audio_frame_t **converted)
{
    if (frame == NULL || converted == NULL)
        return error_set(PEER_ERROR_TYPE, "convert: no frame, or no place for the result");
    if (frame->format == format) {
        *converted = peer_audio_frame_ref(frame);
        return 0;
    }
    void *data;
    int error = audio_frame_new_blank(format, frame->sample_rate, frame->channels, frame->samples, frame->timestamp_us, converted, &data);
    if (error < 0)
        return error;
    size_t count = (size_t)frame->samples * frame->channels;
    if (format == PEER_AUDIO_S16)
        for (size_t i = 0; i < count; i++)
            ((int16_t *)data)[i] = to_s16(((const float *)frame->data)[i]);
    else
        for (size_t i = 0; i < count; i++)
            ((float *)data)[i] = (float)((const int16_t *)frame->data)[i] / 32768.0f;
    return 0;
}

double peer_audio_frame_level_dbfs(const peer_audio_frame_t *frame)
{
    size_t count = (size_t)frame->samples * frame->channels;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double sample =
            frame->format == PEER_AUDIO_S16 ? ((const int16_t *)frame->data)[i] / 32768.0 : (double)((const float *)frame->data)[i];
        sum += sample * sample;
    }
    double level = 10 * log10(sum / (double)count + 1e-20);
    return !(level > SILENCE_DBFS) ? SILENCE_DBFS : level > 0 ? 0 : level;
}
