/* A media file being read. Files are as hostile as packets: every length is checked against what the file has left before it is believed.
 */
#ifndef DEVICE_MEDIA_INPUT_H
#define DEVICE_MEDIA_INPUT_H

#include "device/device.h"

#include <stdio.h>

typedef struct media_input {
    FILE *file;
    uint64_t length;
    uint64_t position;
    uint64_t start;   /* of the first unit, for repeats */
    const char *name; /* of the format, for messages */
    media_file_settings_t settings;
} media_input_t;

uint64_t media_input_left(const media_input_t *input);
/* Reads exactly this much: 0, or PEER_ERROR_NOT_READABLE with `what` in the message. */
int media_input_read(media_input_t *input, void *bytes, size_t length, const char *what);
int media_input_seek(media_input_t *input, uint64_t position);
int media_input_malformed(const media_input_t *input, const char *format, ...) PEER_PRINTF(2, 3);

static inline uint16_t little_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t little_u32(const uint8_t *p)
{
    return (uint32_t)little_u16(p) | (uint32_t)little_u16(p + 2) << 16;
}

static inline uint64_t little_u64(const uint8_t *p)
{
    return (uint64_t)little_u32(p) | (uint64_t)little_u32(p + 4) << 32;
}

/* Makes a producer of an open file, which it takes over, also on failure. */
int media_file_from(FILE *file, const media_file_settings_t *settings, media_producer_t **producer);

/* Each takes the input's file over when it returns 0. */
int y4m_reader_new(const media_input_t *input, media_producer_t **producer);
int ivf_reader_new(const media_input_t *input, media_producer_t **producer);
int wav_reader_new(const media_input_t *input, media_producer_t **producer);

#endif
