/* IVF: a header of 32 bytes, then for each frame its length, its time and its bytes, all little-endian. It gives VP8 or VP9 frames as they
 * are, or decoded by the codec that is registered for them. */
#include "base/error.h"
#include "base/memory.h"
#include "device/media_input.h"

#include <peer/codec.h>
#include <string.h>

#define HEADER_SIZE 32
#define FRAME_HEADER_SIZE 12
#define MAX_STEP_US (10 * PEER_SECOND) /* from one frame to the next; a longer standstill is cut */
#define MIN_STEP_US 1000               /* and between the last and the first of a repeat */

typedef struct ivf_reader {
    media_producer_t producer; /* first */
    media_input_t input;
    const char *mime_type;
    bool is_vp9;
    uint32_t width, height; /* as the header tells */
    double tick_us;
    uint64_t frames;   /* read in this pass */
    uint64_t pictures; /* given in this pass */
    uint64_t last_ticks;
    peer_time_t due_us;  /* of the last frame */
    peer_time_t step_us; /* between the last two */
    bool is_begun;
    const peer_codec_t *codec; /* when pictures are wanted */
    void *decoder;
    media_unit_t *unit; /* being filled by the decoder */
} ivf_reader_t;

static int read_header(ivf_reader_t *self)
{
    uint8_t header[HEADER_SIZE];
    media_input_t *input = &self->input;
    int error = media_input_read(input, header, sizeof header, "the header");
    if (error < 0)
        return error;
    if (memcmp(header + 8, "VP80", 4) == 0)
        self->mime_type = "video/VP8";
    else if (memcmp(header + 8, "VP90", 4) == 0)
        self->mime_type = "video/VP9";
    else
        return error_set(PEER_ERROR_NOT_SUPPORTED, "IVF: the codec is not VP80 or VP90");
    self->is_vp9 = header[11] == '0' && header[10] == '9';
    uint16_t header_size = little_u16(header + 6);
    uint32_t rate = little_u32(header + 16), scale = little_u32(header + 20);
    self->width = little_u16(header + 12);
    self->height = little_u16(header + 14);
    if (header_size < HEADER_SIZE || rate == 0 || scale == 0 || self->width > PEER_VIDEO_MAX_SIDE || self->height > PEER_VIDEO_MAX_SIDE)
        return media_input_malformed(input, "header of %u bytes, %u×%u, time base %u/%u", header_size, self->width, self->height, scale,
                                     rate);
    self->tick_us = 1e6 * scale / rate;
    self->producer.width = self->width;
    self->producer.height = self->height;
    self->producer.framerate = (double)rate / scale <= 240 ? (double)rate / scale : 30; /* a time base of 1/90000 tells nothing */
    self->step_us = (peer_time_t)(1e6 / self->producer.framerate);
    if (self->step_us < MIN_STEP_US || self->step_us > MAX_STEP_US)
        self->step_us = PEER_SECOND / 30;
    input->start = header_size;
    return media_input_seek(input, header_size);
}

/* Whether a frame needs none before it: RFC 6386 §9.1; VP9 bitstream specification §6.2. */
static bool is_key(const ivf_reader_t *self, const uint8_t *bytes, size_t length)
{
    if (length < 1)
        return false;
    if (!self->is_vp9)
        return (bytes[0] & 1) == 0;
    bool is_profile_3 = (bytes[0] & 0x30) == 0x30;
    uint8_t bits = is_profile_3 ? (uint8_t)(bytes[0] << 1) : bytes[0];
    return (bytes[0] & 0xc0) == 0x80 && (bits & 0x08) == 0 && (bits & 0x04) == 0;
}

/* Brings a frame's ticks to the time that runs on through repeats. */
static int advance(ivf_reader_t *self, uint64_t ticks)
{
    if (self->is_begun) {
        double step = self->frames == 0 ? (double)self->step_us : (double)ticks * self->tick_us - (double)self->last_ticks * self->tick_us;
        if (ticks < self->last_ticks && self->frames != 0)
            return media_input_malformed(&self->input, "the time goes back");
        self->step_us = step < MIN_STEP_US ? MIN_STEP_US : step > MAX_STEP_US ? MAX_STEP_US : (peer_time_t)step;
        self->due_us += self->step_us;
    }
    self->is_begun = true;
    self->last_ticks = ticks;
    self->frames++;
    return 0;
}

static int repeat(ivf_reader_t *self)
{
    if (self->pictures == 0)
        return media_input_malformed(&self->input, "there are no pictures");
    if (!self->input.settings.is_looped)
        return 0;
    self->frames = self->pictures = 0;
    int error = media_input_seek(&self->input, self->input.start);
    return error < 0 ? error : 1;
}

static void take_picture(void *context, peer_video_frame_t *frame)
{
    ivf_reader_t *self = context;
    peer_video_frame_unref(self->unit->video); /* of a frame that holds several, the last is shown */
    self->unit->video = frame;
}

/* Reads one frame. 1, 0 at the end, or an error. */
static int read_frame(ivf_reader_t *self, peer_time_t epoch, peer_encoded_frame_t **frame)
{
    media_input_t *input = &self->input;
    uint8_t header[FRAME_HEADER_SIZE];
    if (media_input_left(input) == 0) {
        int more = repeat(self);
        if (more != 1)
            return more;
    }
    int error = media_input_read(input, header, sizeof header, "a frame's header");
    if (error < 0)
        return error;
    uint32_t length = little_u32(header);
    if (length == 0 || length > PEER_ENCODED_MAX_LENGTH || length > media_input_left(input))
        return media_input_malformed(input, "a frame of %u bytes, of which %llu are there", length,
                                     (unsigned long long)media_input_left(input));
    error = advance(self, little_u64(header + 4));
    if (error < 0)
        return error;
    uint8_t *bytes = memory_resize(NULL, length);
    if (bytes == NULL)
        return error_no_memory();
    error = media_input_read(input, bytes, length, "a frame");
    if (error == 0 && self->frames == 1 && !is_key(self, bytes, length))
        error = media_input_malformed(input, "the first frame is no key frame");
    peer_encoded_buffer_t buffer = {.size = sizeof buffer,
                                    .mime_type = self->mime_type,
                                    .data = bytes,
                                    .length = length,
                                    .timestamp_us = epoch + self->due_us,
                                    .duration_us = self->step_us,
                                    .width = self->width,
                                    .height = self->height,
                                    .is_key = error == 0 && is_key(self, bytes, length)};
    if (error == 0)
        error = peer_encoded_frame_new_adopt(&buffer, memory_free, bytes, frame);
    if (error < 0) {
        memory_free(bytes);
        return error;
    }
    return 1;
}

static int next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    ivf_reader_t *self = (ivf_reader_t *)producer;
    const peer_codec_sink_t sink = {.video = take_picture, .context = self};
    self->unit = unit;
    for (;;) { /* ends: every turn reads bytes, and a pass that gives no picture is an error */
        peer_encoded_frame_t *frame;
        int result = read_frame(self, epoch, &frame);
        if (result != 1)
            return result;
        unit->due_us = self->due_us;
        if (self->decoder == NULL) {
            self->pictures++;
            unit->encoded = frame;
            return 1;
        }
        int error = self->codec->decode(self->decoder, frame, &sink);
        peer_encoded_frame_unref(frame);
        if (error < 0) {
            media_unit_clear(unit);
            return error_prefix(PEER_ERROR_NOT_READABLE, "IVF at byte %llu: ", (unsigned long long)self->input.position);
        }
        if (unit->video != NULL) {
            self->pictures++;
            return 1;
        }
    }
}

static void free_reader(media_producer_t *producer)
{
    ivf_reader_t *self = (ivf_reader_t *)producer;
    if (self->decoder != NULL)
        self->codec->decoder_free(self->decoder);
    fclose(self->input.file);
    memory_free(self);
}

static int open_decoder(ivf_reader_t *self)
{
    peer_decoder_settings_t settings;
    self->codec = peer_codec_find(self->mime_type);
    if (self->codec == NULL || (self->codec->flags & PEER_CODEC_DECODES) == 0)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "IVF: there is no decoder for %s", self->mime_type);
    peer_decoder_settings_init(&settings, sizeof settings);
    return self->codec->decoder_new(&settings, &self->decoder);
}

int ivf_reader_new(const media_input_t *input, media_producer_t **producer)
{
    ivf_reader_t *self = MEMORY_NEW(ivf_reader_t);
    if (self == NULL)
        return error_no_memory();
    self->input = *input;
    self->producer.next = next;
    self->producer.free = free_reader;
    self->producer.kind = PEER_MEDIA_VIDEO;
    int error = read_header(self);
    if (error == 0 && input->settings.is_decoded)
        error = open_decoder(self);
    else if (error == 0)
        memcpy(self->producer.encoded_mime_type, self->mime_type, strlen(self->mime_type) + 1);
    if (error < 0) {
        memory_free(self);
        return error;
    }
    *producer = &self->producer;
    return 0;
}
