/* The register of codecs (peer/codec.h). It is the process's: codecs are code, not state of a connection. Entries are never freed or
 * changed, so that a pointer to one stays good without a lock. */
#include "codec/codec.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "codec/frame.h"

#include <pthread.h>
#include <string.h>

static const peer_codec_t *const built_in[] = {
#ifdef PEER_HAVE_OPUS
    &codec_opus,
#endif
    &codec_pcmu, &codec_pcma,
#ifdef PEER_HAVE_VPX
    &codec_vp8,  &codec_vp9,
#endif
};
#define BUILT_IN_COUNT (sizeof built_in / sizeof *built_in)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const peer_codec_t *registered[PEER_CODEC_MAX]; /* the application's, in order of registration */
static size_t registered_count;

void peer_encoder_settings_init(peer_encoder_settings_t *settings, size_t size, int32_t kind)
{
    const peer_encoder_settings_t video = {.width = 640, .height = 480, .framerate = 30, .bitrate_bps = 1000000};
    const peer_encoder_settings_t audio = {.bitrate_bps = 32000, .channels = 1, .frame_duration_ms = 20};
    struct_export(settings, size, kind == PEER_MEDIA_VIDEO ? &video : &audio, sizeof video);
}

void peer_encoder_rates_init(peer_encoder_rates_t *rates, size_t size)
{
    const peer_encoder_rates_t defaults = {.packet_loss = -1};
    struct_export(rates, size, &defaults, sizeof defaults);
}

void peer_decoder_settings_init(peer_decoder_settings_t *settings, size_t size)
{
    const peer_decoder_settings_t defaults = {.channels = 1};
    struct_export(settings, size, &defaults, sizeof defaults);
}

static int check_name(const peer_codec_t *codec)
{
    const char *prefix = codec->kind == PEER_MEDIA_VIDEO ? "video/" : "audio/";
    size_t length = strlen(codec->mime_type);
    if (length <= 6 || length >= PEER_MIME_TYPE_SIZE || strncasecmp(codec->mime_type, prefix, 6) != 0)
        return error_set(PEER_ERROR_SYNTAX, "codec: the MIME type \"%.64s\" is not %sname", codec->mime_type, prefix);
    for (const char *c = codec->mime_type + 6; *c != '\0'; c++)
        if (*c <= ' ' || *c == '/' || *c > '~')
            return error_set(PEER_ERROR_SYNTAX, "codec: the MIME type \"%.64s\" holds a character that SDP does not allow",
                             codec->mime_type);
    return 0;
}

static int check_functions(const peer_codec_t *codec)
{
    bool encodes = (codec->flags & PEER_CODEC_ENCODES) != 0, decodes = (codec->flags & PEER_CODEC_DECODES) != 0;
    bool has_encode = codec->kind == PEER_MEDIA_VIDEO ? codec->encode_video != NULL : codec->encode_audio != NULL;
    if (encodes && (codec->encoder_new == NULL || codec->encoder_free == NULL || codec->set_rates == NULL || !has_encode))
        return error_set(PEER_ERROR_TYPE, "codec %s: a function of its encoder is missing", codec->mime_type);
    if (decodes && (codec->decoder_new == NULL || codec->decoder_free == NULL || codec->decode == NULL))
        return error_set(PEER_ERROR_TYPE, "codec %s: a function of its decoder is missing", codec->mime_type);
    if (((codec->flags & PEER_CODEC_CONCEALS) != 0 && codec->conceal == NULL) ||
        ((codec->flags & PEER_CODEC_RECOVERS) != 0 && codec->recover == NULL))
        return error_set(PEER_ERROR_TYPE, "codec %s: its flags promise to conceal or recover, and the function is missing",
                         codec->mime_type);
    return 0;
}

static int check_codec(const peer_codec_t *codec)
{
    if (codec->mime_type == NULL)
        return error_set(PEER_ERROR_TYPE, "codec: no MIME type");
    if (codec->kind != PEER_MEDIA_AUDIO && codec->kind != PEER_MEDIA_VIDEO)
        return error_set(PEER_ERROR_RANGE, "codec %s: there is no kind %d", codec->mime_type, codec->kind);
    if (codec->clock_rate == 0)
        return error_set(PEER_ERROR_RANGE, "codec %s: the clock rate is 0", codec->mime_type);
    if (codec->kind == PEER_MEDIA_AUDIO && (codec->sample_rate < PEER_AUDIO_MIN_RATE || codec->sample_rate > PEER_AUDIO_MAX_RATE ||
                                            codec->channels == 0 || codec->channels > PEER_AUDIO_MAX_CHANNELS))
        return error_set(PEER_ERROR_RANGE, "codec %s: sample rate %u or channels %u out of range", codec->mime_type, codec->sample_rate,
                         codec->channels);
    int error = check_name(codec);
    return error < 0 ? error : check_functions(codec);
}

static peer_codec_t *copy_codec(const peer_codec_t *codec)
{
    peer_codec_t *copy = memory_copy(codec, sizeof *codec);
    if (copy == NULL)
        return NULL;
    copy->size = sizeof *copy;
    char *mime_type = memory_string(codec->mime_type);
    char *fmtp = memory_string(codec->fmtp);
    char *implementation = memory_string(codec->implementation != NULL ? codec->implementation : "unknown");
    if (mime_type == NULL || implementation == NULL || (fmtp == NULL && codec->fmtp != NULL)) {
        memory_free(mime_type);
        memory_free(fmtp);
        memory_free(implementation);
        memory_free(copy);
        return NULL;
    }
    copy->mime_type = mime_type;
    copy->fmtp = fmtp;
    copy->implementation = implementation;
    return copy;
}

int peer_codec_register(const peer_codec_t *codec)
{
    if (codec == NULL)
        return error_set(PEER_ERROR_TYPE, "codec: NULL");
    peer_codec_t ours = {0};
    struct_import(&ours, sizeof ours, codec);
    int error = check_codec(&ours);
    if (error < 0)
        return error;
    const peer_codec_t *copy = copy_codec(&ours);
    if (copy == NULL)
        return error_no_memory();
    pthread_mutex_lock(&lock);
    bool is_full = registered_count + BUILT_IN_COUNT >= PEER_CODEC_MAX;
    if (!is_full)
        registered[registered_count++] = copy;
    pthread_mutex_unlock(&lock);
    if (!is_full)
        return 0;
    memory_free((void *)(uintptr_t)copy->mime_type);
    memory_free((void *)(uintptr_t)copy->fmtp);
    memory_free((void *)(uintptr_t)copy->implementation);
    memory_free((void *)(uintptr_t)copy);
    return error_set(PEER_ERROR_QUOTA_EXCEEDED, "codec %s: %d codecs are registered already", ours.mime_type, PEER_CODEC_MAX);
}

size_t peer_codec_count(void)
{
    pthread_mutex_lock(&lock);
    size_t count = registered_count + BUILT_IN_COUNT;
    pthread_mutex_unlock(&lock);
    return count;
}

const peer_codec_t *peer_codec_at(size_t index)
{
    const peer_codec_t *codec = NULL;
    pthread_mutex_lock(&lock);
    if (index < registered_count)
        codec = registered[registered_count - 1 - index];
    else if (index - registered_count < BUILT_IN_COUNT)
        codec = built_in[index - registered_count];
    pthread_mutex_unlock(&lock);
    return codec;
}

const peer_codec_t *peer_codec_find(const char *mime_type)
{
    const peer_codec_t *codec = NULL;
    if (mime_type == NULL)
        return NULL;
    for (size_t i = 0; (codec = peer_codec_at(i)) != NULL; i++)
        if (text_equal_ignore_case(codec->mime_type, mime_type))
            break;
    return codec;
}

uint32_t fmtp_number(const char *fmtp, const char *name, uint32_t otherwise)
{
    size_t name_length = strlen(name);
    for (const char *p = fmtp; p != NULL && *p != '\0';) {
        p += strspn(p, "; ");
        size_t length = strcspn(p, ";");
        if (length > name_length && strncasecmp(p, name, name_length) == 0 && p[name_length] == '=') {
            uint64_t value;
            size_t digits = length - name_length - 1;
            while (digits > 0 && p[name_length + digits] == ' ')
                digits--;
            return text_parse_u64(p + name_length + 1, digits, UINT32_MAX, &value) ? (uint32_t)value : otherwise;
        }
        p += length;
    }
    return otherwise;
}
