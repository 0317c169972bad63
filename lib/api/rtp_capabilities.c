/* RTCRtpCapabilities and setCodecPreferences: what can be negotiated, and what shall be. */
#include "api/rtp.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct capabilities {
    peer_rtp_capabilities_t public; /* first: the two pointers are the same */
    arena_t arena;
} capabilities_t;

size_t api_list_codecs(connection_codec_t codecs[API_CODECS_MAX])
{
    size_t count = 0, total = peer_codec_count();
    for (size_t i = 0; i < total && count < API_CODECS_MAX; i++) {
        const peer_codec_t *codec = peer_codec_at(i);
        const char *name = strchr(codec->mime_type, '/');
        codecs[count++] = (connection_codec_t){.kind = (connection_kind_t)codec->kind,
                                               .name = name != NULL ? name + 1 : codec->mime_type,
                                               .clock_rate = codec->clock_rate,
                                               .channels = codec->channels,
                                               .fmtp = codec->fmtp,
                                               .cannot_send = (codec->flags & PEER_CODEC_ENCODES) == 0,
                                               .cannot_receive = (codec->flags & PEER_CODEC_DECODES) == 0};
    }
    return count;
}

int api_rtp_codec_read(const peer_rtp_codec_t *codec, int32_t kind, connection_rtp_codec_t *read)
{
    peer_rtp_codec_t known = {0};
    if (codec == NULL || codec->size < sizeof codec->size)
        return error_set(PEER_ERROR_TYPE, "a codec without its size");
    API_COPY_SIZED(&known, codec);
    if (known.mime_type == NULL)
        return error_set(PEER_ERROR_TYPE, "a codec without a MIME type");
    const char *name = strchr(known.mime_type, '/'), *kind_name = peer_media_kind_name(kind);
    size_t kind_length = strlen(kind_name);
    bool is_of_kind = name != NULL && (size_t)(name - known.mime_type) == kind_length &&
                      strncasecmp(known.mime_type, kind_name, kind_length) == 0 && name[1] != '\0';
    if (!is_of_kind)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "\"%.64s\" is no codec for %s", known.mime_type, kind_name);
    *read = (connection_rtp_codec_t){.name = name + 1,
                                     .fmtp = known.sdp_fmtp_line,
                                     .clock_rate = known.clock_rate,
                                     .channels = known.channels,
                                     .payload_type = known.payload_type};
    return 0;
}

const peer_rtp_codec_t *api_rtp_codecs(arena_t *arena, int32_t kind, const connection_rtp_codec_t *codecs, size_t count)
{
    peer_rtp_codec_t *list = arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        char mime_type[64];
        snprintf(mime_type, sizeof mime_type, "%s/%.48s", peer_media_kind_name(kind), codecs[i].name);
        list[i] = (peer_rtp_codec_t){.size = sizeof *list,
                                     .mime_type = arena_string(arena, mime_type),
                                     .sdp_fmtp_line = arena_string(arena, codecs[i].fmtp),
                                     .clock_rate = codecs[i].clock_rate,
                                     .channels = codecs[i].channels,
                                     .payload_type = codecs[i].payload_type};
        if (list[i].mime_type == NULL || (codecs[i].fmtp != NULL && list[i].sdp_fmtp_line == NULL))
            return NULL;
    }
    return list;
}

const peer_rtp_header_extension_t *api_rtp_extensions(arena_t *arena, const connection_rtp_extension_t *extensions, size_t count)
{
    peer_rtp_header_extension_t *list = arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = (peer_rtp_header_extension_t){.size = sizeof *list,
                                                .uri = arena_string(arena, extensions[i].uri),
                                                .id = extensions[i].id,
                                                .direction = extensions[i].direction};
        if (list[i].uri == NULL)
            return NULL;
    }
    return list;
}

static int get_capabilities(int32_t kind, bool is_send, peer_rtp_capabilities_t **result)
{
    if (kind != PEER_MEDIA_AUDIO && kind != PEER_MEDIA_VIDEO)
        return error_set(PEER_ERROR_TYPE, "%d is no kind of media", kind);
    connection_codec_t codecs[API_CODECS_MAX];
    connection_rtp_t rtp;
    capabilities_t *made = MEMORY_NEW(capabilities_t);
    if (made == NULL)
        return error_no_memory();
    arena_t *arena = &made->arena;
    made->public.size = sizeof made->public;
    if (connection_capabilities(codecs, api_list_codecs(codecs), kind, is_send, arena, &rtp)) {
        made->public.codecs = api_rtp_codecs(arena, kind, rtp.codecs, rtp.codec_count);
        made->public.codec_count = rtp.codec_count;
        made->public.header_extensions = api_rtp_extensions(arena, rtp.extensions, rtp.extension_count);
        made->public.header_extension_count = rtp.extension_count;
    }
    if (made->public.codecs == NULL || made->public.header_extensions == NULL) {
        peer_rtp_capabilities_free(&made->public);
        return error_no_memory();
    }
    *result = &made->public;
    return 0;
}

int peer_sender_get_capabilities(int32_t kind, peer_rtp_capabilities_t **capabilities)
{
    return get_capabilities(kind, true, capabilities);
}

int peer_receiver_get_capabilities(int32_t kind, peer_rtp_capabilities_t **capabilities)
{
    return get_capabilities(kind, false, capabilities);
}

void peer_rtp_capabilities_free(peer_rtp_capabilities_t *capabilities)
{
    capabilities_t *made = (capabilities_t *)(void *)capabilities;
    if (made == NULL)
        return;
    arena_clear(&made->arena);
    memory_free(made);
}

/* ---- setCodecPreferences ---- */

static const connection_rtp_codec_t *find(const connection_rtp_codec_t *wanted, const connection_rtp_t directions[2])
{
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < directions[k].codec_count; i++)
            if (connection_codec_match(wanted, &directions[k].codecs[i], false))
                return &directions[k].codecs[i];
    return NULL;
}

static bool has(const connection_rtp_codec_t *list, size_t count, const connection_rtp_codec_t *codec)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == codec->index)
            return true;
    return false;
}

/* W3C §5.4: matched with the capabilities; of equal ones the first counts. */
static int read_preferences(const peer_rtp_codec_t *codecs, size_t count, int32_t kind, arena_t *arena, connection_rtp_codec_t *preferred,
                            size_t *preferred_count)
{
    connection_codec_t known[API_CODECS_MAX];
    connection_rtp_t directions[2];
    size_t known_count = api_list_codecs(known);
    if (!connection_capabilities(known, known_count, kind, true, arena, &directions[0]) ||
        !connection_capabilities(known, known_count, kind, false, arena, &directions[1]))
        return error_no_memory();
    *preferred_count = 0;
    for (size_t i = 0; i < count; i++) {
        connection_rtp_codec_t wanted;
        int error = api_rtp_codec_read(API_RTP_ITEM(codecs, i), kind, &wanted);
        if (error < 0)
            return error;
        const connection_rtp_codec_t *found = find(&wanted, directions);
        if (found == NULL)
            return error_set(PEER_ERROR_INVALID_MODIFICATION, "preference %zu, %.64s, is none of the capabilities", i, wanted.name);
        if (!has(preferred, *preferred_count, found))
            preferred[(*preferred_count)++] = *found;
    }
    return 0;
}

int peer_transceiver_set_codec_preferences(peer_transceiver_t *transceiver, const peer_rtp_codec_t *codecs, size_t count)
{
    connection_rtp_codec_t preferred[API_CODECS_MAX + 1];
    size_t preferred_count = 0;
    if (count > 0 && (codecs == NULL || codecs->size < sizeof codecs->size))
        return error_set(PEER_ERROR_TYPE, "codecs without their size");
    arena_t arena = {0};
    int result = read_preferences(codecs, count, transceiver->kind, &arena, preferred, &preferred_count);
    if (result == 0) {
        loop_lock(transceiver->loop);
        result = transceiver->pc == NULL
                     ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                     : transceiver_set_codec_preferences(transceiver->implementation, runtime_now(), preferred, preferred_count);
        loop_unlock(transceiver->loop);
    }
    arena_clear(&arena);
    return result;
}
