/* YUV4MPEG2: a line of parameters, then for each picture a line "FRAME" and its planes. Only 8-bit 4:2:0 is taken. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "device/media_input.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LINE 1024
#define MAX_RATIO 1000000u
#define MIN_FRAMERATE 0.1
#define MAX_FRAMERATE 240.0

typedef struct y4m_reader {
    media_producer_t producer; /* first */
    media_input_t input;
    uint64_t index;       /* pictures given */
    uint64_t first_index; /* of this pass through the file */
} y4m_reader_t;

/* Up to and without the line end. */
static int read_line(media_input_t *input, char line[MAX_LINE], const char *what)
{
    size_t length = 0;
    for (;;) {
        char c;
        int error = media_input_read(input, &c, 1, what);
        if (error < 0)
            return error;
        if (c == '\n')
            break;
        if (c == '\0' || length == MAX_LINE - 1)
            return media_input_malformed(input, "%s is no line of text", what);
        line[length++] = c;
    }
    line[length] = '\0';
    return 0;
}

static bool parse_number(const char *text, size_t length, uint64_t maximum, uint32_t *value)
{
    uint64_t number;
    if (length == 0 || !text_parse_u64(text, length, maximum, &number))
        return false;
    *value = (uint32_t)number;
    return true;
}

/* "30000:1001"; 0:0 says that nobody knows. */
static bool parse_framerate(const char *text, size_t length, double *framerate)
{
    uint32_t numerator, denominator;
    const char *colon = memchr(text, ':', length);
    if (colon == NULL || !parse_number(text, (size_t)(colon - text), MAX_RATIO, &numerator) ||
        !parse_number(colon + 1, length - (size_t)(colon + 1 - text), MAX_RATIO, &denominator))
        return false;
    if (numerator == 0 && denominator == 0)
        return true;
    *framerate = denominator != 0 ? (double)numerator / denominator : 0;
    return *framerate >= MIN_FRAMERATE && *framerate <= MAX_FRAMERATE;
}

static int parse_parameter(y4m_reader_t *self, const char *text, size_t length)
{
    media_producer_t *producer = &self->producer;
    bool is_right = true;
    switch (text[0]) {
    case 'W':
        is_right = parse_number(text + 1, length - 1, PEER_VIDEO_MAX_SIDE, &producer->width);
        break;
    case 'H':
        is_right = parse_number(text + 1, length - 1, PEER_VIDEO_MAX_SIDE, &producer->height);
        break;
    case 'F':
        is_right = parse_framerate(text + 1, length - 1, &producer->framerate);
        break;
    case 'C':
        if (strncmp(text, "C420", 4) != 0 || (length > 4 && text[4] == 'p' && length > 5 && text[5] != 'a')) /* C420p10 and the like */
            return error_set(PEER_ERROR_NOT_SUPPORTED, "Y4M: the colour space \"%.*s\" is not 8-bit 4:2:0",
                             (int)(length < 32 ? length : 32), text);
        break;
    default: /* interlacing, aspect ratio, comments */
        break;
    }
    return is_right ? 0
                    : media_input_malformed(&self->input, "the parameter \"%.*s\" is out of range", (int)(length < 32 ? length : 32), text);
}

static int read_header(y4m_reader_t *self)
{
    char line[MAX_LINE];
    int error = read_line(&self->input, line, "the header");
    if (error < 0)
        return error;
    for (const char *p = line + strcspn(line, " "); *p != '\0';) {
        p += strspn(p, " ");
        size_t length = strcspn(p, " ");
        if (length > 0 && (error = parse_parameter(self, p, length)) < 0)
            return error;
        p += length;
    }
    if (self->producer.width == 0 || self->producer.height == 0)
        return media_input_malformed(&self->input, "the header names no width or no height");
    self->input.start = self->input.position;
    return 0;
}

/* Goes on at the beginning, when that is wanted and there was something. 1, 0 at the end, or an error. */
static int repeat(y4m_reader_t *self)
{
    if (self->index == self->first_index)
        return media_input_malformed(&self->input, "there are no pictures");
    if (!self->input.settings.is_looped)
        return 0;
    self->first_index = self->index;
    int error = media_input_seek(&self->input, self->input.start);
    return error < 0 ? error : 1;
}

static int next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    y4m_reader_t *self = (y4m_reader_t *)producer;
    char line[MAX_LINE];
    if (media_input_left(&self->input) == 0) {
        int more = repeat(self);
        if (more != 1)
            return more;
    }
    int error = read_line(&self->input, line, "a frame's header");
    if (error < 0)
        return error;
    if (strncmp(line, "FRAME", 5) != 0 || (line[5] != '\0' && line[5] != ' '))
        return media_input_malformed(&self->input, "a picture does not begin with FRAME");
    size_t width = producer->width, height = producer->height, half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    size_t size = width * height + 2 * half_width * half_height;
    if (media_input_left(&self->input) < size)
        return media_input_malformed(&self->input, "the file ends within a picture");
    uint8_t *bytes = memory_resize(NULL, size);
    if (bytes == NULL)
        return error_no_memory();
    unit->due_us = (peer_time_t)((double)self->index * 1e6 / producer->framerate);
    peer_video_buffer_t buffer = {.size = sizeof buffer,
                                  .format = PEER_VIDEO_I420,
                                  .width = producer->width,
                                  .height = producer->height,
                                  .timestamp_us = epoch + unit->due_us,
                                  .planes = {bytes, bytes + width * height, bytes + width * height + half_width * half_height}};
    error = media_input_read(&self->input, bytes, size, "a picture");
    if (error == 0)
        error = peer_video_frame_new_adopt(&buffer, memory_free, bytes, &unit->video);
    if (error < 0) {
        memory_free(bytes);
        return error;
    }
    self->index++;
    return 1;
}

static void free_reader(media_producer_t *producer)
{
    fclose(((y4m_reader_t *)producer)->input.file);
    memory_free(producer);
}

int y4m_reader_new(const media_input_t *input, media_producer_t **producer)
{
    y4m_reader_t *self = MEMORY_NEW(y4m_reader_t);
    if (self == NULL)
        return error_no_memory();
    self->input = *input;
    self->producer.next = next;
    self->producer.free = free_reader;
    self->producer.kind = PEER_MEDIA_VIDEO;
    self->producer.framerate = 30;
    int error = read_header(self);
    if (error < 0) {
        memory_free(self);
        return error;
    }
    *producer = &self->producer;
    return 0;
}
