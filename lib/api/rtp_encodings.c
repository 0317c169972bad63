/* RTCRtpEncodingParameters: read and checked from the application, and written for it. */
#include "api/rtp.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

static const char *const scalability_modes[] = {NULL, "L1T1", "L1T2", "L1T3"}; /* by temporal layers */

void peer_rtp_encoding_init(peer_rtp_encoding_t *encoding, size_t size)
{
    peer_rtp_encoding_t fresh = {.size = size, .active = 1};
    memset(encoding, 0, size);
    memcpy(encoding, &fresh, size < sizeof fresh ? size : sizeof fresh);
}

const char *peer_degradation_preference_name(int32_t preference)
{
    static const char *const names[] = {"maintain-framerate", "maintain-resolution", "balanced"};
    return API_NAME(names, preference);
}

peer_rtp_encoding_t *api_rtp_encodings(arena_t *arena, int32_t kind, const connection_encoding_t *encodings, size_t count)
{
    peer_rtp_encoding_t *list = arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const connection_encoding_t *encoding = &encodings[i];
        bool is_video = kind == PEER_MEDIA_VIDEO;
        list[i] = (peer_rtp_encoding_t){.size = sizeof *list,
                                        .rid = arena_string(arena, encoding->rid),
                                        .active = encoding->is_active,
                                        .has_max_framerate = is_video && encoding->has_max_framerate,
                                        .max_framerate = is_video ? encoding->max_framerate : 0,
                                        .max_bitrate_bps = encoding->max_bitrate_bps,
                                        .has_max_bitrate = encoding->has_max_bitrate,
                                        .scale_resolution_down_by = is_video ? encoding->scale_resolution_down_by : 0,
                                        .scalability_mode = scalability_modes[encoding->temporal_layers],
                                        .priority = encoding->priority != TRANSPORT_PRIORITY_UNSET ? (int32_t)encoding->priority
                                                                                                   : PEER_PRIORITY_LOW,
                                        .network_priority = (int32_t)encoding->network_priority,
                                        .codec = encoding->codec != NULL ? api_rtp_codecs(arena, kind, encoding->codec, 1) : NULL,
                                        .adaptive_ptime = encoding->is_adaptive_ptime};
        if ((encoding->rid != NULL && list[i].rid == NULL) || (encoding->codec != NULL && list[i].codec == NULL))
            return NULL;
    }
    return list;
}

static int read_scalability(const char *mode, int32_t kind, connection_encoding_t *read)
{
    read->temporal_layers = 0;
    if (mode == NULL || kind != PEER_MEDIA_VIDEO)
        return 0;
    for (uint8_t layers = 1; layers < sizeof scalability_modes / sizeof *scalability_modes; layers++)
        if (strcmp(mode, scalability_modes[layers]) == 0)
            read->temporal_layers = layers;
    return read->temporal_layers != 0 ? 0 : error_set(PEER_ERROR_INVALID_MODIFICATION, "no codec has the scalability mode \"%.32s\"", mode);
}

static bool is_priority(int32_t value)
{
    return value >= PEER_PRIORITY_UNSET && value <= PEER_PRIORITY_HIGH;
}

int api_rtp_encoding_read(const peer_rtp_encoding_t *encoding, int32_t kind, connection_encoding_t *read, connection_rtp_codec_t *codec)
{
    bool is_video = kind == PEER_MEDIA_VIDEO;
    peer_rtp_encoding_t known;
    peer_rtp_encoding_init(&known, sizeof known);
    if (encoding->size < sizeof encoding->size)
        return error_set(PEER_ERROR_TYPE, "an encoding without its size");
    API_COPY_SIZED(&known, encoding);
    if (!is_priority(known.priority) || !is_priority(known.network_priority))
        return error_set(PEER_ERROR_TYPE, "%d is no priority", is_priority(known.priority) ? known.network_priority : known.priority);
    if (is_video && (isnan(known.max_framerate) || isnan(known.scale_resolution_down_by) || isinf(known.scale_resolution_down_by)))
        return error_set(PEER_ERROR_TYPE, "a frame rate or scale that is no number");
    if (is_video && known.scale_resolution_down_by != 0 && known.scale_resolution_down_by < 1)
        return error_set(PEER_ERROR_RANGE, "a picture can be scaled down by 1 or more, not by %g", known.scale_resolution_down_by);
    if (is_video && known.has_max_framerate && known.max_framerate < 0)
        return error_set(PEER_ERROR_RANGE, "a frame rate is not negative, as %g is", known.max_framerate);
    *read = (connection_encoding_t){.rid = known.rid,
                                    .is_active = known.active != 0,
                                    .has_max_framerate = is_video && known.has_max_framerate,
                                    .has_max_bitrate = known.has_max_bitrate != 0,
                                    .is_adaptive_ptime = known.adaptive_ptime != 0,
                                    .max_framerate = is_video ? known.max_framerate : 0,
                                    .scale_resolution_down_by = is_video ? known.scale_resolution_down_by : 1,
                                    .max_bitrate_bps = known.max_bitrate_bps,
                                    .priority = (transport_priority_t)known.priority,
                                    .network_priority = (transport_priority_t)known.network_priority};
    int error = read_scalability(known.scalability_mode, kind, read);
    if (error < 0 || known.codec == NULL)
        return error;
    read->codec = codec;
    return api_rtp_codec_read(known.codec, kind, codec);
}

/* ---- addTransceiver: W3C §5.1 "addTransceiver sendEncodings validation steps" ---- */

/* RFC 8851 §10: rid-id = 1*(alpha-numeric / "-" / "_"). */
static bool is_rid(const char *rid)
{
    size_t length = strlen(rid);
    return length >= 1 && length <= CONNECTION_RID_MAX &&
           strspn(rid, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") == length;
}

static int check_rids(const peer_rtp_encoding_t *encodings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *rid = ((const peer_rtp_encoding_t *)API_RTP_ITEM(encodings, i))->rid;
        if ((rid != NULL) != (encodings->rid != NULL))
            return error_set(PEER_ERROR_TYPE, "some encodings have a rid, and some have none");
        if (rid != NULL && !is_rid(rid))
            return error_set(PEER_ERROR_TYPE, "the rid of encoding %zu is not 1 to %d letters, digits, '-' and '_'", i, CONNECTION_RID_MAX);
        for (size_t k = 0; rid != NULL && k < i; k++)
            if (strcmp(rid, ((const peer_rtp_encoding_t *)API_RTP_ITEM(encodings, k))->rid) == 0)
                return error_set(PEER_ERROR_TYPE, "the encodings %zu and %zu have the same rid", k, i);
    }
    return count > 1 && encodings->rid == NULL ? error_set(PEER_ERROR_TYPE, "several encodings need rids") : 0;
}

static int check_codec(const connection_rtp_codec_t *codec, int32_t kind, arena_t *arena)
{
    connection_codec_t known[API_CODECS_MAX];
    connection_rtp_t rtp;
    if (!connection_capabilities(known, api_list_codecs(known), kind, true, arena, &rtp))
        return error_no_memory();
    for (size_t i = 0; i < rtp.codec_count; i++)
        if (rtp.codecs[i].index != CONNECTION_CODEC_RTX && connection_codec_match(codec, &rtp.codecs[i], false))
            return 0;
    return error_set(PEER_ERROR_OPERATION, "%.64s cannot be sent", codec->name);
}

/* Steps on scaleResolutionDownBy: with one given the others are 1, with none they are 4:2:1. */
static void complete_scales(connection_encoding_t *encodings, size_t count, int32_t kind)
{
    bool has_scale = false;
    for (size_t i = 0; i < count; i++)
        has_scale = has_scale || encodings[i].scale_resolution_down_by != 0;
    for (size_t i = 0; i < count; i++)
        if (encodings[i].scale_resolution_down_by == 0)
            encodings[i].scale_resolution_down_by = has_scale ? 1 : connection_encoding_default(kind, i, count).scale_resolution_down_by;
}

int api_rtp_send_encodings_read(const peer_rtp_encoding_t *encodings, size_t count, int32_t kind, arena_t *arena,
                                connection_encoding_t read[CONNECTION_ENCODINGS_MAX], size_t *count_read)
{
    *count_read = 0;
    if (count == 0)
        return 0;
    if (encodings == NULL || encodings->size < offsetof(peer_rtp_encoding_t, rid) + sizeof encodings->rid)
        return error_set(PEER_ERROR_TYPE, "encodings without their size");
    int error = check_rids(encodings, count);
    for (size_t i = 0; error == 0 && i < count; i++) {
        connection_encoding_t encoding;
        connection_rtp_codec_t *codec = arena_new(arena, sizeof *codec);
        error = codec != NULL ? api_rtp_encoding_read(API_RTP_ITEM(encodings, i), kind, &encoding, codec) : error_no_memory();
        if (error == PEER_ERROR_INVALID_MODIFICATION) /* a codec of another kind, or a scalability mode */
            error = PEER_ERROR_OPERATION;
        if (error == 0 && encoding.codec != NULL)
            error = check_codec(encoding.codec, kind, arena);
        if (error == 0 && encoding.has_max_framerate && encoding.max_framerate <= 0) /* setParameters takes 0 as well */
            error = error_set(PEER_ERROR_RANGE, "a frame rate to begin with is above 0");
        if (error == 0 && *count_read < CONNECTION_ENCODINGS_MAX && (kind == PEER_MEDIA_VIDEO || *count_read == 0))
            read[(*count_read)++] = encoding; /* what is beyond the most is cut off */
    }
    if (error < 0)
        return error;
    complete_scales(read, *count_read, kind);
    if (*count_read == 1)
        read[0].rid = NULL;
    return 0;
}
