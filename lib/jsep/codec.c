/* Which of our codecs the formats of a remote m-line are (RFC 9429 §5.3.1, RFC 3264 §6.1). What a codec is, the capabilities say: here only
 * names, rates and the keys that were given are compared, and RTX and RED, which wrap others, are joined to what they carry. */
#include "jsep/session.h"

#include <string.h>

/* A section's formats by payload type. */
typedef struct formats {
    const sdp_rtpmap_t *rtpmaps[128];
    const char *fmtps[128];
} formats_t;

/* RFC 3551 §6: the types that need no a=rtpmap. */
static const sdp_rtpmap_t static_formats[] = {
    {.payload_type = 0, .encoding = "PCMU", .clock_rate = 8000, .channels = 1},
    {.payload_type = 3, .encoding = "GSM", .clock_rate = 8000, .channels = 1},
    {.payload_type = 8, .encoding = "PCMA", .clock_rate = 8000, .channels = 1},
    {.payload_type = 9, .encoding = "G722", .clock_rate = 8000, .channels = 1},
    {.payload_type = 13, .encoding = "CN", .clock_rate = 8000, .channels = 1},
};

static bool read_payload_type(const char *text, size_t length, uint8_t *payload_type)
{
    uint64_t value;
    if (!text_parse_u64(text, length, 127, &value))
        return false;
    *payload_type = (uint8_t)value;
    return true;
}

static void read_formats(const sdp_media_t *media, formats_t *formats)
{
    memset(formats, 0, sizeof *formats);
    for (size_t i = 0; i < sizeof static_formats / sizeof *static_formats; i++)
        formats->rtpmaps[static_formats[i].payload_type] = &static_formats[i];
    for (size_t i = 0; i < media->rtpmap_count; i++)
        formats->rtpmaps[media->rtpmaps[i].payload_type] = &media->rtpmaps[i];
    for (size_t i = 0; i < media->fmtp_count; i++) {
        uint8_t payload_type;
        const char *format = media->fmtps[i].format;
        if (read_payload_type(format, strlen(format), &payload_type))
            formats->fmtps[payload_type] = media->fmtps[i].parameters;
    }
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void parameter(const char *fmtp, const jsep_fmtp_key_t *key, const char **value, size_t *length)
{
    if (fmtp == NULL || !sdp_fmtp_parameter(fmtp, key->key, value, length)) {
        *value = key->default_value != NULL ? key->default_value : "";
        *length = strlen(*value);
    }
    if (key->significant != 0 && *length > key->significant)
        *length = key->significant;
}

static bool fmtp_agrees(const jsep_codec_t *codec, const char *fmtp)
{
    for (size_t i = 0; i < codec->match_count; i++) {
        const char *ours, *theirs;
        size_t our_length, their_length;
        parameter(codec->fmtp, &codec->match[i], &ours, &our_length);
        parameter(fmtp, &codec->match[i], &theirs, &their_length);
        if (our_length != their_length)
            return false;
        for (size_t j = 0; j < our_length; j++)
            if (lower(ours[j]) != lower(theirs[j]))
                return false;
    }
    return true;
}

static bool is_same(const jsep_codec_t *codec, const sdp_rtpmap_t *rtpmap, const char *fmtp)
{
    return codec->clock_rate == rtpmap->clock_rate && codec->channels == rtpmap->channels &&
           text_equal_ignore_case(codec->name, rtpmap->encoding) && fmtp_agrees(codec, fmtp);
}

const choice_t *jsep_codec_find(const choice_t *choices, size_t count, size_t codec)
{
    for (size_t i = 0; i < count; i++)
        if (choices[i].codec == codec)
            return &choices[i];
    return NULL;
}

static choice_t *find_payload_type(choices_t *choices, uint8_t payload_type)
{
    for (size_t i = 0; i < choices->count; i++)
        if (choices->items[i].payload_type == payload_type)
            return &choices->items[i];
    return NULL;
}

/* RFC 5761 §4: with the marker these cannot be told from RTCP on the same port, and RTCP is always there. */
static bool looks_like_rtcp(uint8_t payload_type)
{
    return payload_type >= 64 && payload_type <= 95;
}

static void match_format(const jsep_session_t *session, jsep_kind_t kind, uint8_t payload_type, const formats_t *formats,
                         choices_t *choices)
{
    const sdp_rtpmap_t *rtpmap = formats->rtpmaps[payload_type];
    const char *fmtp = formats->fmtps[payload_type];
    if (rtpmap == NULL || looks_like_rtcp(payload_type) || find_payload_type(choices, payload_type) != NULL)
        return;
    for (size_t i = 0; i < session->configuration.codec_count; i++) {
        const jsep_codec_t *codec = &session->configuration.codecs[i];
        if (codec->kind != kind || jsep_codec_find(choices->items, choices->count, i) != NULL || !is_same(codec, rtpmap, fmtp))
            continue;
        choices->items[choices->count++] =
            (choice_t){.codec = i, .payload_type = payload_type, .rtx = -1, .fmtp = fmtp != NULL ? fmtp : ""};
        return;
    }
}

/* RFC 4588 §8.1: apt names the payload type that is repaired. */
static void match_rtx(const jsep_session_t *session, uint8_t payload_type, const formats_t *formats, choices_t *choices)
{
    const sdp_rtpmap_t *rtpmap = formats->rtpmaps[payload_type];
    const char *fmtp = formats->fmtps[payload_type], *value;
    size_t length;
    uint8_t repaired;
    if (rtpmap == NULL || looks_like_rtcp(payload_type) || !text_equal_ignore_case(rtpmap->encoding, "rtx") || fmtp == NULL ||
        !sdp_fmtp_parameter(fmtp, "apt", &value, &length) || !read_payload_type(value, length, &repaired))
        return;
    choice_t *choice = find_payload_type(choices, repaired);
    if (choice != NULL && choice->rtx < 0 && session->configuration.codecs[choice->codec].wants_rtx)
        choice->rtx = payload_type;
}

/* RFC 2198 §5: "111/111" names the payload types carried; one that carries something else is none of ours. */
static bool redundancy_fits(const jsep_session_t *session, const choice_t *choice, choices_t *choices)
{
    const char *carried = session->configuration.codecs[choice->codec].redundancy_of;
    uint8_t payload_type;
    if (carried == NULL)
        return true;
    if (!read_payload_type(choice->fmtp, strcspn(choice->fmtp, "/ "), &payload_type))
        return false;
    const choice_t *inner = find_payload_type(choices, payload_type);
    return inner != NULL && inner != choice && text_equal_ignore_case(session->configuration.codecs[inner->codec].name, carried);
}

/* In their order; one that stands twice, once. */
static size_t list_formats(const sdp_media_t *media, uint8_t listed[128])
{
    bool is_listed[128] = {false};
    size_t count = 0;
    for (size_t i = 0; i < media->format_count; i++) {
        uint8_t payload_type;
        if (!read_payload_type(media->formats[i], strlen(media->formats[i]), &payload_type) || is_listed[payload_type])
            continue;
        is_listed[payload_type] = true;
        listed[count++] = payload_type;
    }
    return count;
}

int jsep_codec_match(const jsep_session_t *session, jsep_kind_t kind, const sdp_media_t *media, choices_t *choices)
{
    formats_t formats;
    read_formats(media, &formats);
    choices->count = 0;
    uint8_t listed[128];
    size_t listed_count = list_formats(media, listed);
    for (size_t i = 0; i < listed_count; i++)
        match_format(session, kind, listed[i], &formats, choices);
    for (size_t i = 0; i < listed_count; i++)
        match_rtx(session, listed[i], &formats, choices);
    size_t kept = 0;
    for (size_t i = 0; i < choices->count; i++)
        if (redundancy_fits(session, &choices->items[i], choices))
            choices->items[kept++] = choices->items[i];
    choices->count = kept;
    return 0;
}

void jsep_codec_prefer(const transceiver_t *transceiver, choices_t *choices)
{
    if (transceiver->preference_count == 0)
        return;
    choices_t ordered = {.count = 0};
    for (size_t i = 0; i < transceiver->preference_count; i++) {
        const choice_t *choice = jsep_codec_find(choices->items, choices->count, transceiver->preferences[i]);
        if (choice == NULL)
            continue;
        ordered.items[ordered.count] = *choice;
        if (transceiver->omits_rtx)
            ordered.items[ordered.count].rtx = -1;
        ordered.count++;
    }
    *choices = ordered;
}

bool jsep_codec_has_primary(const jsep_session_t *session, const choices_t *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        if (!session->configuration.codecs[choices->items[i].codec].is_auxiliary)
            return true;
    return false;
}

static bool begins_with_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    return text != NULL && strncmp(text, word, length) == 0 && (text[length] == '\0' || text[length] == ' ');
}

/* RFC 4585 §4.2: "*" speaks of every payload type. */
bool jsep_codec_feedback_is_common(const sdp_media_t *media, uint8_t payload_type, const char *feedback)
{
    size_t type_length = strcspn(feedback, " ");
    const char *wanted = feedback[type_length] != '\0' ? feedback + type_length + 1 : NULL;
    for (size_t i = 0; i < media->rtcp_fb_count; i++) {
        const sdp_rtcp_fb_t *theirs = &media->rtcp_fbs[i];
        bool is_for_it = theirs->payload_type == payload_type || theirs->payload_type == SDP_ANY_PAYLOAD_TYPE;
        if (!is_for_it || strncmp(theirs->type, feedback, type_length) != 0 || theirs->type[type_length] != '\0')
            continue;
        if (wanted == NULL ? theirs->parameter == NULL : begins_with_word(theirs->parameter, wanted))
            return true;
    }
    return false;
}

/* RFC 3611 §5.1: "a=rtcp-xr:rcvr-rtt=all" among others. */
bool jsep_has_rcvr_rtt(const sdp_media_t *media)
{
    for (size_t i = 0; i < media->common.attribute_count; i++) {
        const sdp_attribute_t *attribute = &media->common.attributes[i];
        if (strcmp(attribute->name, "rtcp-xr") == 0 && attribute->value != NULL && strstr(attribute->value, "rcvr-rtt") != NULL)
            return true;
    }
    return false;
}
