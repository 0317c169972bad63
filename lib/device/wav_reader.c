/* WAV: RIFF chunks, of which "fmt " and "data" matter. PCM of 16 bits and IEEE float of 32 are taken, in frames of 20 ms at the file's
 * rate. */
#include "base/error.h"
#include "base/memory.h"
#include "device/media_input.h"

#include <string.h>

#define FORMAT_PCM 1
#define FORMAT_FLOAT 3
#define FORMAT_EXTENSIBLE 0xfffe /* the real one is in the first two bytes of the sub-format */
#define MAX_FORMAT_SIZE 64
#define FRAMES_PER_SECOND 50

typedef struct wav_reader {
    media_producer_t producer; /* first */
    media_input_t input;
    bool is_float;
    uint32_t sample_size; /* bytes */
    uint64_t end;         /* of the samples in the file */
    uint64_t position;    /* samples per channel given, through repeats */
} wav_reader_t;

static int parse_format(wav_reader_t *self, uint32_t size)
{
    uint8_t bytes[MAX_FORMAT_SIZE];
    media_input_t *input = &self->input;
    if (size < 16 || size > sizeof bytes)
        return media_input_malformed(input, "a format of %u bytes", size);
    int error = media_input_read(input, bytes, size, "the format");
    if (error < 0)
        return error;
    uint32_t format = little_u16(bytes), channels = little_u16(bytes + 2), rate = little_u32(bytes + 4), bits = little_u16(bytes + 14);
    if (format == FORMAT_EXTENSIBLE && size >= 40)
        format = little_u16(bytes + 24);
    if (!(format == FORMAT_PCM && bits == 16) && !(format == FORMAT_FLOAT && bits == 32))
        return error_set(PEER_ERROR_NOT_SUPPORTED, "WAV: format %u of %u bits; PCM of 16 and float of 32 are supported", format, bits);
    if (channels == 0 || channels > PEER_AUDIO_MAX_CHANNELS || rate < PEER_AUDIO_MIN_RATE || rate > PEER_AUDIO_MAX_RATE)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "WAV: %u channels at %u Hz", channels, rate);
    if (little_u16(bytes + 12) != channels * bits / 8)
        return media_input_malformed(input, "blocks of %u bytes for %u channels of %u bits", little_u16(bytes + 12), channels, bits);
    self->is_float = format == FORMAT_FLOAT;
    self->sample_size = bits / 8;
    self->producer.channels = channels;
    self->producer.sample_rate = rate;
    return 0;
}

/* Reads chunks up to the beginning of the samples. */
static int read_header(wav_reader_t *self)
{
    uint8_t bytes[12];
    media_input_t *input = &self->input;
    int error = media_input_read(input, bytes, 12, "the header");
    if (error < 0)
        return error;
    if (memcmp(bytes + 8, "WAVE", 4) != 0)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "WAV: a RIFF file that is no WAVE");
    for (;;) { /* ends: every chunk takes eight bytes and more */
        error = media_input_read(input, bytes, 8, "a chunk's header");
        if (error < 0)
            return error;
        uint32_t size = little_u32(bytes + 4);
        if (memcmp(bytes, "data", 4) == 0) {
            uint64_t there =
                size < media_input_left(input) ? size : media_input_left(input); /* writers that were cut off leave 0xffffffff */
            if (self->sample_size == 0)
                return media_input_malformed(input, "the samples come before their format");
            uint32_t block = self->sample_size * self->producer.channels;
            input->start = input->position;
            self->end = input->position + there - there % block;
            if (self->end == input->start)
                return media_input_malformed(input, "there are no samples");
            return 0;
        }
        uint64_t after = input->position + size + size % 2;
        if (after > input->length)
            return media_input_malformed(input, "a chunk of %u bytes is longer than the file", size);
        if (memcmp(bytes, "fmt ", 4) == 0 && (error = parse_format(self, size)) < 0)
            return error;
        error = media_input_seek(input, after);
        if (error < 0)
            return error;
    }
}

/* From the file's byte order to ours, in place. */
static void to_native(const wav_reader_t *self, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, bytes += self->sample_size) {
        if (self->is_float) {
            uint32_t value = little_u32(bytes);
            memcpy(bytes, &value, sizeof value);
        } else {
            uint16_t value = little_u16(bytes);
            memcpy(bytes, &value, sizeof value);
        }
    }
}

static int next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    wav_reader_t *self = (wav_reader_t *)producer;
    media_input_t *input = &self->input;
    uint32_t channels = producer->channels, rate = producer->sample_rate, block = self->sample_size * channels;
    if (input->position == self->end) {
        if (!input->settings.is_looped)
            return 0;
        int error = media_input_seek(input, input->start);
        if (error < 0)
            return error;
    }
    uint64_t left = (self->end - input->position) / block, whole = rate / FRAMES_PER_SECOND;
    size_t samples = (size_t)(left < whole ? left : whole);
    uint8_t *bytes = memory_resize(NULL, samples * block);
    if (bytes == NULL)
        return error_no_memory();
    int error = media_input_read(input, bytes, samples * block, "the samples");
    peer_audio_buffer_t buffer = {.size = sizeof buffer,
                                  .format = self->is_float ? PEER_AUDIO_F32 : PEER_AUDIO_S16,
                                  .sample_rate = rate,
                                  .channels = channels,
                                  .samples_per_channel = (uint32_t)samples,
                                  .timestamp_us = epoch + (peer_time_t)((double)self->position * 1e6 / rate),
                                  .data = bytes};
    if (error == 0) {
        to_native(self, bytes, samples * channels);
        error = peer_audio_frame_new_adopt(&buffer, memory_free, bytes, &unit->audio);
    }
    if (error < 0) {
        memory_free(bytes);
        return error;
    }
    self->position += samples;
    unit->due_us = (peer_time_t)((double)self->position * 1e6 / rate);
    return 1;
}

static void free_reader(media_producer_t *producer)
{
    fclose(((wav_reader_t *)producer)->input.file);
    memory_free(producer);
}

int wav_reader_new(const media_input_t *input, media_producer_t **producer)
{
    wav_reader_t *self = MEMORY_NEW(wav_reader_t);
    if (self == NULL)
        return error_no_memory();
    self->input = *input;
    self->producer.next = next;
    self->producer.free = free_reader;
    self->producer.kind = PEER_MEDIA_AUDIO;
    int error = read_header(self);
    if (error < 0) {
        memory_free(self);
        return error;
    }
    *producer = &self->producer;
    return 0;
}
