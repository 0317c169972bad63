/* What a connection can negotiate: its codecs and header extensions as jsep is told them, and as W3C's RTCRtpCapabilities. */
#include "connection/internal.h"

#include "base/text.h"
#include "rtp/telephone_event.h"

#include <string.h>

#define MAX_PTIME 120 /* ms: the longest packet of Opus (RFC 6716 §3.2.5), for which there is room */

static const char *const audio_feedback[] = {"transport-cc"};
static const char *const video_feedback[] = {"transport-cc", "nack", "nack pli", "ccm fir"};

/* Opus gets the number that browsers give it: Firefox numbers its own codecs from 96 on, whatever another m-line of the bundle has there.
 */
static int preferred_payload_type(const char *name, const rtp_payload_format_t *format)
{
    if (format->static_payload_type != RTP_PAYLOAD_TYPE_DYNAMIC)
        return format->static_payload_type;
    return text_equal_ignore_case(name, "opus") ? 111 : -1;
}

/* A codec is only offered if a payload format carries it. */
static bool describe_codec(const connection_codec_t *codec, jsep_codec_t *described)
{
    const rtp_payload_format_t *format = rtp_payload_format_find(codec->name);
    if (format == NULL)
        return false;
    bool is_video = codec->kind == CONNECTION_VIDEO;
    *described = (jsep_codec_t){.kind = is_video ? JSEP_VIDEO : JSEP_AUDIO,
                                .name = codec->name,
                                .clock_rate = codec->clock_rate,
                                .channels = codec->channels,
                                .fmtp = codec->fmtp,
                                .feedback = is_video ? video_feedback : audio_feedback,
                                .feedback_count = is_video ? sizeof video_feedback / sizeof *video_feedback
                                                           : sizeof audio_feedback / sizeof *audio_feedback,
                                .payload_type = preferred_payload_type(codec->name, format),
                                .max_ptime = is_video ? 0 : MAX_PTIME,
                                .wants_rtx = is_video};
    described->match = connection_codec_keys(codec->name, &described->match_count);
    return true;
}

/* RFC 7874 §3: the events, with the clock of every codec of sound. */
static size_t describe_events(const connection_codec_t *codecs, size_t count, jsep_codec_t *described, size_t capacity)
{
    static const struct {
        uint32_t clock_rate;
        int payload_type;
    } preferred[] = {{48000, 110}, {8000, 126}};
    size_t described_count = 0;
    for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++) {
        bool is_used = false;
        for (size_t k = 0; k < count; k++)
            is_used |= codecs[k].kind == CONNECTION_AUDIO && codecs[k].clock_rate == preferred[i].clock_rate;
        if (is_used && described_count < capacity)
            described[described_count++] = (jsep_codec_t){.kind = JSEP_AUDIO,
                                                          .name = RTP_TELEPHONE_EVENT_NAME,
                                                          .clock_rate = preferred[i].clock_rate,
                                                          .channels = 1,
                                                          .payload_type = preferred[i].payload_type,
                                                          .is_auxiliary = true};
    }
    return described_count;
}

size_t describe_codecs(const connection_codec_t *codecs, size_t count, jsep_codec_t described[JSEP_CODECS_MAX])
{
    size_t described_count = 0;
    for (size_t i = 0; i < count && described_count < JSEP_CODECS_MAX; i++)
        described_count += describe_codec(&codecs[i], &described[described_count]);
    return described_count + describe_events(codecs, count, &described[described_count], JSEP_CODECS_MAX - described_count);
}

size_t describe_extensions(jsep_extension_capability_t described[JSEP_EXTENSIONS_MAX])
{
    static const struct {
        rtp_extension_t extension;
        bool audio, video;
        uint16_t id;
        enum { PLAIN, RECEIVED_ONLY, ON_DEMAND, BASIC, REQUIRED } kind;
    } extensions[] = {
        {RTP_EXTENSION_MID, true, true, 4, REQUIRED}, /* RFC 8834 §5.2.4 */
        {RTP_EXTENSION_TRANSPORT_CC, true, true, 3, PLAIN},
        {RTP_EXTENSION_AUDIO_LEVEL, true, false, 1, PLAIN},
        {RTP_EXTENSION_VIDEO_ORIENTATION, false, true, 13, BASIC}, /* RFC 7742 §4 */
        {RTP_EXTENSION_RID, false, true, 10, PLAIN},
        {RTP_EXTENSION_REPAIRED_RID, false, true, 11, PLAIN},
        {RTP_EXTENSION_CSRC_AUDIO_LEVEL, true, false, 9, RECEIVED_ONLY},
        {RTP_EXTENSION_ABS_CAPTURE_TIME, true, true, 7, ON_DEMAND},
    };
    size_t count = sizeof extensions / sizeof *extensions;
    for (size_t i = 0; i < count; i++)
        described[i] = (jsep_extension_capability_t){.uri = rtp_extension_uri(extensions[i].extension),
                                                     .audio = extensions[i].audio,
                                                     .video = extensions[i].video,
                                                     .direction = extensions[i].kind == RECEIVED_ONLY ? SDP_RECVONLY : SDP_SENDRECV,
                                                     .id = extensions[i].id,
                                                     .is_on_demand = extensions[i].kind == ON_DEMAND,
                                                     .cannot_stop = extensions[i].kind >= BASIC,
                                                     .is_required = extensions[i].kind == REQUIRED};
    return count;
}

static bool is_able(const connection_codec_t *codecs, size_t count, const jsep_codec_t *codec, bool is_send)
{
    for (size_t i = 0; i < count; i++)
        if (codecs[i].name == codec->name)
            return !(is_send ? codecs[i].cannot_send : codecs[i].cannot_receive);
    return true;
}

bool connection_capabilities(const connection_codec_t *codecs, size_t count, int32_t kind, bool is_send, arena_t *arena,
                             connection_rtp_t *rtp)
{
    jsep_codec_t described[JSEP_CODECS_MAX];
    jsep_extension_capability_t extensions[JSEP_EXTENSIONS_MAX];
    size_t described_count = describe_codecs(codecs, count, described), described_extensions = describe_extensions(extensions);
    connection_rtp_codec_t *listed = arena_array(arena, described_count + 1, sizeof *listed);
    connection_rtp_extension_t *listed_extensions = arena_array(arena, described_extensions + 1, sizeof *listed_extensions);
    *rtp = (connection_rtp_t){.codecs = listed, .extensions = listed_extensions, .cname = ""};
    if (listed == NULL || listed_extensions == NULL)
        return false;
    bool has_rtx = false;
    uint32_t rtx_rate = 0;
    for (size_t i = 0; i < described_count; i++) {
        if ((int32_t)described[i].kind != kind || !is_able(codecs, count, &described[i], is_send))
            continue;
        listed[rtp->codec_count++] = (connection_rtp_codec_t){.name = described[i].name,
                                                              .fmtp = described[i].fmtp,
                                                              .clock_rate = described[i].clock_rate,
                                                              .channels = described[i].channels,
                                                              .payload_type = -1,
                                                              .index = i};
        has_rtx = has_rtx || described[i].wants_rtx;
        rtx_rate = described[i].clock_rate;
    }
    if (has_rtx) /* W3C §5.2: one entry for all */
        listed[rtp->codec_count++] =
            (connection_rtp_codec_t){.name = "rtx", .clock_rate = rtx_rate, .payload_type = -1, .index = CONNECTION_CODEC_RTX};
    for (size_t i = 0; i < described_extensions; i++)
        if ((kind == CONNECTION_AUDIO ? extensions[i].audio : extensions[i].video) &&
            (!is_send || (extensions[i].direction & SDP_SENDONLY) != 0))
            listed_extensions[rtp->extension_count++] = (connection_rtp_extension_t){
                .uri = extensions[i].uri,
                .id = -1,
                .direction = extension_direction(extensions[i].is_on_demand ? JSEP_EXTENSION_STOPPED : (int)extensions[i].direction)};
    return true;
}
