#include "base/error.h"
#include "device/media_input.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

uint64_t media_input_left(const media_input_t *input)
{
    return input->length - input->position;
}

int media_input_malformed(const media_input_t *input, const char *format, ...)
{
    char message[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(PEER_ERROR_NOT_READABLE, "%s at byte %llu: %s", input->name, (unsigned long long)input->position, message);
}

int media_input_read(media_input_t *input, void *bytes, size_t length, const char *what)
{
    if (media_input_left(input) < length)
        return media_input_malformed(input, "the file ends within %s", what);
    if (fread(bytes, 1, length, input->file) != length)
        return error_set(PEER_ERROR_NOT_READABLE, "%s at byte %llu: %s cannot be read: %s", input->name,
                         (unsigned long long)input->position, what, strerror(errno));
    input->position += length;
    return 0;
}

int media_input_seek(media_input_t *input, uint64_t position)
{
    if (position > input->length || fseeko(input->file, (off_t)position, SEEK_SET) != 0)
        return media_input_malformed(input, "there is no byte %llu", (unsigned long long)position);
    input->position = position;
    return 0;
}

/* The length by going to its end: what cannot do that (a pipe) cannot be repeated either. */
static int measure(media_input_t *input)
{
    off_t end = fseeko(input->file, 0, SEEK_END) == 0 ? ftello(input->file) : -1;
    if (end < 0 || fseeko(input->file, 0, SEEK_SET) != 0)
        return error_set(PEER_ERROR_NOT_READABLE, "it is no regular file");
    input->length = (uint64_t)end;
    return 0;
}

static const struct {
    const char *magic, *name;
    int (*open)(const media_input_t *input, media_producer_t **producer);
} formats[] = {{"YUV4MPEG2", "Y4M", y4m_reader_new}, {"DKIF", "IVF", ivf_reader_new}, {"RIFF", "WAV", wav_reader_new}};

int media_file_from(FILE *file, const media_file_settings_t *settings, media_producer_t **producer)
{
    media_input_t input = {.file = file, .name = "media file", .settings = *settings};
    char magic[9] = {0};
    int error = measure(&input);
    if (error == 0)
        error = media_input_read(&input, magic, input.length < sizeof magic ? (size_t)input.length : sizeof magic, "its first bytes");
    if (error == 0)
        error = media_input_seek(&input, 0);
    if (error == 0) {
        error = PEER_ERROR_NOT_SUPPORTED;
        for (size_t i = 0; i < sizeof formats / sizeof *formats && error == PEER_ERROR_NOT_SUPPORTED; i++)
            if (memcmp(magic, formats[i].magic, strlen(formats[i].magic)) == 0) {
                input.name = formats[i].name;
                error = formats[i].open(&input, producer);
                if (error == 0)
                    return 0;
                fclose(file);
                return error;
            }
        error = error_set(PEER_ERROR_NOT_SUPPORTED, "it is no Y4M, IVF or WAV file");
    }
    fclose(file);
    return error;
}

int media_file_open(const char *path, const media_file_settings_t *settings, media_producer_t **producer)
{
    if (path == NULL || producer == NULL)
        return error_set(PEER_ERROR_TYPE, "media file: no path, or no place for the result");
    struct stat status;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return error_set(errno == ENOENT ? PEER_ERROR_NOT_FOUND : PEER_ERROR_NOT_READABLE, "%s: %s", path, strerror(errno));
    if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
        fclose(file);
        return error_set(PEER_ERROR_NOT_READABLE, "%s: it is no regular file", path);
    }
    int error = media_file_from(file, settings, producer);
    if (error < 0)
        return error_prefix(error, "%s: ", path);
    const char *name = strrchr(path, '/');
    snprintf((*producer)->label, sizeof(*producer)->label, "%s", name != NULL ? name + 1 : path);
    return 0;
}
