/* Writers of media files (peer/media_file.h). The header is written with the first frame, and completed at the end. */
#include "base/error.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <peer/media_file.h>
#include <stdio.h>
#include <string.h>

#define Y4M_FRAMERATE 30
#define Y4M_MAX_REPEATS (10 * Y4M_FRAMERATE) /* a longer standstill is cut */
#define IVF_HEADER_SIZE 32
#define IVF_TICKS_PER_SECOND 90000u
#define WAV_HEADER_SIZE 44
#define WAV_MAX_BYTES (UINT32_MAX - WAV_HEADER_SIZE)

typedef enum file_format { FILE_IVF, FILE_Y4M, FILE_WAV } file_format_t;

struct peer_media_writer {
    FILE *file;
    file_format_t format;
    bool is_begun;                       /* the first frame was seen */
    int64_t first_us;                    /* its timestamp */
    uint32_t frames;                     /* written */
    uint32_t width, height;              /* Y4M, IVF */
    uint32_t sample_rate, channels;      /* WAV */
    uint64_t bytes;                      /* of samples, WAV */
    int64_t last_ticks;                  /* IVF */
    char mime_type[PEER_MIME_TYPE_SIZE]; /* IVF */
};

static void put_u16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *p, uint32_t value)
{
    put_u16(p, value);
    put_u16(p + 2, value >> 16);
}

static int write_bytes(peer_media_writer_t *writer, const void *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, writer->file) != length)
        return error_set(PEER_ERROR_OPERATION, "media file: writing failed: %s", strerror(errno));
    return 0;
}

int peer_media_writer_open(const char *path, peer_media_writer_t **writer)
{
    static const char *const endings[] = {[FILE_IVF] = ".ivf", [FILE_Y4M] = ".y4m", [FILE_WAV] = ".wav"};
    if (path == NULL || writer == NULL)
        return error_set(PEER_ERROR_TYPE, "media file: no path, or no place for the result");
    size_t length = strlen(path);
    int format = FILE_IVF;
    while (format <= FILE_WAV && (length < 4 || strcmp(path + length - 4, endings[format]) != 0))
        format++;
    if (format > FILE_WAV)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "%s: the name ends in none of .ivf, .y4m and .wav", path);
    peer_media_writer_t *made = MEMORY_NEW(peer_media_writer_t);
    if (made == NULL)
        return error_no_memory();
    made->format = (file_format_t)format;
    made->file = fopen(path, "wbe");
    if (made->file == NULL) {
        memory_free(made);
        return error_set(PEER_ERROR_NOT_READABLE, "%s: %s", path, strerror(errno));
    }
    *writer = made;
    return 0;
}

static int check_format(const peer_media_writer_t *writer, const void *frame, file_format_t format, const char *what)
{
    if (writer == NULL || frame == NULL)
        return error_set(PEER_ERROR_TYPE, "media file: no writer, or no frame");
    if (writer->format != format)
        return error_set(PEER_ERROR_INVALID_ACCESS, "media file: this file does not hold %s", what);
    return 0;
}

/* ---- Y4M ---- */

static int write_picture(peer_media_writer_t *writer, const peer_video_frame_t *picture)
{
    int error = write_bytes(writer, "FRAME\n", 6);
    for (uint32_t plane = 0; plane < 3; plane++) {
        uint32_t width = plane == 0 ? writer->width : (writer->width + 1) / 2,
                 height = plane == 0 ? writer->height : (writer->height + 1) / 2;
        for (uint32_t row = 0; error == 0 && row < height; row++)
            error =
                write_bytes(writer, peer_video_frame_plane(picture, plane) + (size_t)row * peer_video_frame_stride(picture, plane), width);
    }
    return error;
}

static int begin_y4m(peer_media_writer_t *writer, const peer_video_frame_t *frame)
{
    char header[80];
    writer->width = peer_video_frame_width(frame);
    writer->height = peer_video_frame_height(frame);
    writer->first_us = peer_video_frame_timestamp_us(frame);
    writer->is_begun = true;
    int length =
        snprintf(header, sizeof header, "YUV4MPEG2 W%u H%u F%d:1 Ip A1:1 C420jpeg\n", writer->width, writer->height, Y4M_FRAMERATE);
    return write_bytes(writer, header, (size_t)length);
}

int peer_media_writer_video(peer_media_writer_t *writer, peer_video_frame_t *frame)
{
    int error = check_format(writer, frame, FILE_Y4M, "pictures");
    if (error == 0 && !writer->is_begun)
        error = begin_y4m(writer, frame);
    if (error < 0)
        return error;
    /* The picture's place in a file of constant rate; where nothing came, this one stands for the missing ones. */
    int64_t place = ((peer_video_frame_timestamp_us(frame) - writer->first_us) * Y4M_FRAMERATE + PEER_SECOND / 2) / PEER_SECOND;
    int64_t repeats = place + 1 - writer->frames;
    if (repeats > Y4M_MAX_REPEATS) {
        writer->first_us += (repeats - 1) * PEER_SECOND / Y4M_FRAMERATE;
        repeats = 1;
    }
    if (repeats <= 0)
        return 0;
    peer_video_frame_t *scaled, *picture;
    error = peer_video_frame_scale(frame, writer->width, writer->height, &scaled);
    if (error < 0)
        return error;
    error = peer_video_frame_convert(scaled, PEER_VIDEO_I420, &picture);
    peer_video_frame_unref(scaled);
    if (error < 0)
        return error;
    for (; error == 0 && repeats > 0; repeats--, writer->frames++)
        error = write_picture(writer, picture);
    peer_video_frame_unref(picture);
    return error;
}

/* ---- WAV ---- */

static int write_wav_header(peer_media_writer_t *writer)
{
    uint8_t header[WAV_HEADER_SIZE];
    uint32_t block = writer->channels * 2;
    memcpy(header, "RIFF____WAVEfmt ", 16);
    put_u32(header + 4, (uint32_t)writer->bytes + WAV_HEADER_SIZE - 8);
    put_u32(header + 16, 16);
    put_u16(header + 20, 1); /* PCM */
    put_u16(header + 22, writer->channels);
    put_u32(header + 24, writer->sample_rate);
    put_u32(header + 28, writer->sample_rate * block);
    put_u16(header + 32, block);
    put_u16(header + 34, 16);
    memcpy(header + 36, "data", 4);
    put_u32(header + 40, (uint32_t)writer->bytes);
    return write_bytes(writer, header, sizeof header);
}

int peer_media_writer_audio(peer_media_writer_t *writer, peer_audio_frame_t *frame)
{
    int error = check_format(writer, frame, FILE_WAV, "sound");
    if (error < 0)
        return error;
    uint32_t sample_rate = peer_audio_frame_sample_rate(frame), channels = peer_audio_frame_channels(frame);
    if (!writer->is_begun) {
        writer->sample_rate = sample_rate;
        writer->channels = channels;
        writer->is_begun = true;
        error = write_wav_header(writer);
        if (error < 0)
            return error;
    }
    if (writer->sample_rate != sample_rate || writer->channels != channels)
        return error_set(PEER_ERROR_INVALID_ACCESS, "media file: %u Hz and %u channels in a file of %u Hz and %u", sample_rate, channels,
                         writer->sample_rate, writer->channels);
    size_t count = (size_t)peer_audio_frame_samples_per_channel(frame) * channels;
    if (writer->bytes + count * 2 > WAV_MAX_BYTES)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "media file: a WAV file holds 4 GiB at most");
    peer_audio_frame_t *s16;
    error = peer_audio_frame_convert(frame, PEER_AUDIO_S16, &s16);
    if (error < 0)
        return error;
    const int16_t *samples = peer_audio_frame_data(s16);
    uint8_t bytes[1024];
    for (size_t i = 0; error == 0 && i < count;) { /* in the file's byte order */
        size_t length = 0;
        for (; i < count && length < sizeof bytes; i++, length += 2)
            put_u16(bytes + length, (uint16_t)samples[i]);
        error = write_bytes(writer, bytes, length);
        writer->bytes += length;
    }
    peer_audio_frame_unref(s16);
    return error;
}

/* ---- IVF ---- */

static int write_ivf_header(peer_media_writer_t *writer)
{
    uint8_t header[IVF_HEADER_SIZE] = "DKIF";
    put_u16(header + 6, IVF_HEADER_SIZE);
    memcpy(header + 8, strcmp(writer->mime_type, "video/VP9") == 0 ? "VP90" : "VP80", 4);
    put_u16(header + 12, writer->width);
    put_u16(header + 14, writer->height);
    put_u32(header + 16, IVF_TICKS_PER_SECOND);
    put_u32(header + 20, 1);
    put_u32(header + 24, writer->frames);
    return write_bytes(writer, header, sizeof header);
}

static int begin_ivf(peer_media_writer_t *writer, const peer_encoded_frame_t *frame)
{
    const char *mime_type = peer_encoded_frame_mime_type(frame);
    if (strcmp(mime_type, "video/VP8") != 0 && strcmp(mime_type, "video/VP9") != 0)
        return error_set(PEER_ERROR_INVALID_ACCESS, "media file: an IVF file holds VP8 or VP9, not %s", mime_type);
    memcpy(writer->mime_type, mime_type, strlen(mime_type) + 1);
    writer->width = peer_encoded_frame_width(frame);
    writer->height = peer_encoded_frame_height(frame);
    writer->first_us = peer_encoded_frame_timestamp_us(frame);
    writer->last_ticks = -1;
    writer->is_begun = true;
    return write_ivf_header(writer);
}

int peer_media_writer_encoded(peer_media_writer_t *writer, peer_encoded_frame_t *frame)
{
    int error = check_format(writer, frame, FILE_IVF, "encoded pictures");
    if (error < 0 || peer_encoded_frame_length(frame) == 0)
        return error;
    if (!writer->is_begun) {
        if (!peer_encoded_frame_is_key(frame))
            return 0;
        error = begin_ivf(writer, frame);
        if (error < 0)
            return error;
    }
    if (strcmp(writer->mime_type, peer_encoded_frame_mime_type(frame)) != 0)
        return error_set(PEER_ERROR_INVALID_ACCESS, "media file: %s in a file of %s", peer_encoded_frame_mime_type(frame),
                         writer->mime_type);
    int64_t ticks = (peer_encoded_frame_timestamp_us(frame) - writer->first_us) * (IVF_TICKS_PER_SECOND / 10000) / 100;
    if (ticks <= writer->last_ticks) /* readers want time to go forward */
        ticks = writer->last_ticks + 1;
    uint8_t header[12];
    put_u32(header, (uint32_t)peer_encoded_frame_length(frame));
    put_u32(header + 4, (uint32_t)ticks);
    put_u32(header + 8, (uint32_t)((uint64_t)ticks >> 32));
    error = write_bytes(writer, header, sizeof header);
    if (error == 0)
        error = write_bytes(writer, peer_encoded_frame_data(frame), peer_encoded_frame_length(frame));
    writer->last_ticks = ticks;
    writer->frames += error == 0;
    return error;
}

int peer_media_writer_close(peer_media_writer_t *writer)
{
    int error = 0;
    if (writer == NULL)
        return 0;
    if (writer->is_begun && writer->format != FILE_Y4M && fseeko(writer->file, 0, SEEK_SET) == 0)
        error = writer->format == FILE_IVF ? write_ivf_header(writer) : write_wav_header(writer);
    if (fclose(writer->file) != 0 && error == 0)
        error = error_set(PEER_ERROR_OPERATION, "media file: writing failed: %s", strerror(errno));
    memory_free(writer);
    return error;
}
