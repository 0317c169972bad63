#include "jsep_support.h"

static const char *const video_feedback[] = {"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"};
static const char *const audio_feedback[] = {"transport-cc"};
static const jsep_fmtp_key_t h264_keys[] = {{"packetization-mode", "0", 0}, {"profile-level-id", "420010", 4}};
static const jsep_fmtp_key_t vp9_keys[] = {{"profile-id", "0", 0}};

const jsep_codec_t test_codecs[CODEC_COUNT] = {
    [OPUS] = {.kind = JSEP_AUDIO,
              .name = "opus",
              .clock_rate = 48000,
              .channels = 2,
              .fmtp = "minptime=10;useinbandfec=1",
              .feedback = audio_feedback,
              .feedback_count = 1,
              .payload_type = 111},
    [RED] = {.kind = JSEP_AUDIO,
             .name = "red",
             .clock_rate = 48000,
             .channels = 2,
             .payload_type = 63,
             .is_auxiliary = true,
             .redundancy_of = "opus"},
    [PCMU] = {.kind = JSEP_AUDIO, .name = "PCMU", .clock_rate = 8000, .channels = 1, .payload_type = 0},
    [PCMA] = {.kind = JSEP_AUDIO, .name = "PCMA", .clock_rate = 8000, .payload_type = 8},
    [TELEPHONE_EVENT] =
        {.kind = JSEP_AUDIO, .name = "telephone-event", .clock_rate = 8000, .fmtp = "0-15", .payload_type = 126, .is_auxiliary = true},
    [VP8] = {.kind = JSEP_VIDEO,
             .name = "VP8",
             .clock_rate = 90000,
             .feedback = video_feedback,
             .feedback_count = 5,
             .payload_type = 96,
             .wants_rtx = true},
    [VP9] = {.kind = JSEP_VIDEO,
             .name = "VP9",
             .clock_rate = 90000,
             .fmtp = "profile-id=0",
             .match = vp9_keys,
             .match_count = 1,
             .feedback = video_feedback,
             .feedback_count = 5,
             .payload_type = 98,
             .wants_rtx = true},
    [H264] = {.kind = JSEP_VIDEO,
              .name = "H264",
              .clock_rate = 90000,
              .match = h264_keys,
              .match_count = 2,
              .fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
              .feedback = video_feedback,
              .feedback_count = 5,
              .payload_type = -1,
              .wants_rtx = true},
};

static const jsep_extension_capability_t extensions[] = {
    {.uri = "urn:ietf:params:rtp-hdrext:sdes:mid", .audio = true, .video = true, .direction = SDP_SENDRECV, .id = 4},
    {.uri = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", .video = true, .direction = SDP_SENDRECV},
    {.uri = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", .video = true, .direction = SDP_SENDRECV},
    {.uri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", .audio = true, .video = true, .direction = SDP_SENDRECV},
    {.uri = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
     .audio = true,
     .video = true,
     .direction = SDP_SENDRECV},
    {.uri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level", .audio = true, .direction = SDP_SENDRECV, .id = 1},
    {.uri = "urn:3gpp:video-orientation", .video = true, .direction = SDP_SENDRECV},
    {.uri = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", .video = true, .direction = SDP_SENDRECV},
};

static const uint8_t hash[32] = {1, 2, 3, 4, 5};

void peer_init(peer_t *peer, uint64_t seed, configure_t configure)
{
    static const sdp_fingerprint_t fingerprint = {"sha-256", hash, sizeof hash};
    *peer = (peer_t){0};
    random_seeded_init(&peer->random, seed);
    jsep_configuration_t configuration = {
        .random = random_seeded_source(&peer->random),
        .codecs = test_codecs,
        .codec_count = CODEC_COUNT,
        .extensions = extensions,
        .extension_count = sizeof extensions / sizeof *extensions,
        .extmap_allow_mixed = true,
        .rtcp_rsize = true,
        .rcvr_rtt = true,
        .fingerprints = &fingerprint,
        .fingerprint_count = 1,
        .max_message_size = 262144,
    };
    if (configure != NULL)
        configure(&configuration);
    CHECK_INT(jsep_session_new(&configuration, &peer->session), 0);
}

void peer_clear(peer_t *peer)
{
    jsep_plan_free(peer->plan);
    jsep_session_free(peer->session);
    *peer = (peer_t){0};
}

static int set(peer_t *peer, jsep_side_t side, const jsep_description_t *description)
{
    jsep_plan_t *plan;
    int error = jsep_plan(peer->session, side, description, &plan);
    if (error < 0)
        return error;
    jsep_apply(peer->session, plan);
    jsep_plan_free(peer->plan);
    peer->plan = plan;
    return 0;
}

int peer_set(peer_t *peer, jsep_side_t side, jsep_type_t type, const char *sdp)
{
    jsep_description_t description = {type, sdp, sdp != NULL ? strlen(sdp) : 0};
    return set(peer, side, &description);
}

int peer_set_implicitly(peer_t *peer)
{
    return set(peer, JSEP_LOCAL, NULL);
}

void peer_must_set(peer_t *peer, jsep_side_t side, jsep_type_t type, const char *sdp)
{
    if (peer_set(peer, side, type, sdp) < 0)
        test_fail(__FILE__, __LINE__, "setting the %s: %s\n%s", jsep_type_name(type), peer_last_error_message(), sdp != NULL ? sdp : "");
}

char *peer_offer(peer_t *peer)
{
    text_t text = {0};
    if (jsep_create_offer(peer->session, NULL, &text) < 0)
        test_fail(__FILE__, __LINE__, "creating an offer: %s", peer_last_error_message());
    peer_must_set(peer, JSEP_LOCAL, JSEP_OFFER, text.data);
    return text.data;
}

char *peer_answer(peer_t *peer)
{
    text_t text = {0};
    if (jsep_create_answer(peer->session, &text) < 0)
        test_fail(__FILE__, __LINE__, "creating an answer: %s", peer_last_error_message());
    peer_must_set(peer, JSEP_LOCAL, JSEP_ANSWER, text.data);
    return text.data;
}

void negotiate(peer_t *offerer, peer_t *answerer)
{
    char *offer = peer_offer(offerer);
    peer_must_set(answerer, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(answerer);
    peer_must_set(offerer, JSEP_REMOTE, JSEP_ANSWER, answer);
    free(offer);
    free(answer);
}

size_t effect_count(const peer_t *peer, jsep_effect_type_t type)
{
    size_t all, count = 0;
    const jsep_effect_t *effects = jsep_plan_effects(peer->plan, &all);
    for (size_t i = 0; i < all; i++)
        if (effects[i].type == type)
            count++;
    return count;
}

const jsep_effect_t *effect_of(const peer_t *peer, jsep_effect_type_t type, size_t index)
{
    size_t all;
    const jsep_effect_t *effects = jsep_plan_effects(peer->plan, &all);
    for (size_t i = 0; i < all; i++)
        if (effects[i].type == type && index-- == 0)
            return &effects[i];
    test_fail(__FILE__, __LINE__, "there is no such effect of type %d", (int)type);
}

void check_effects(const peer_t *peer, const char *expected)
{
    static const char *const names[] = {"created",        "transport",    "direction", "media",   "data",    "data-rejected", "rejected",
                                        "candidate",      "end",          "closed",    "stopped", "removed", "state",         "muted",
                                        "stream-removed", "stream-added", "track"};
    char text[2048] = "";
    size_t count, length = 0;
    const jsep_effect_t *effects = jsep_plan_effects(peer->plan, &count);
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i > 0 ? " " : "", names[effects[i].type]);
    CHECK_TEXT(text, expected);
}

jsep_transceiver_t *add(peer_t *peer, jsep_kind_t kind, sdp_direction_t direction)
{
    jsep_transceiver_t *t;
    jsep_transceiver_init_t init = {.direction = direction};
    CHECK_INT(jsep_add_transceiver(peer->session, kind, &init, &t), 0);
    return t;
}

jsep_transceiver_t *add_track(peer_t *peer, jsep_kind_t kind, const char *track, const char *stream)
{
    jsep_transceiver_t *t;
    CHECK_INT(jsep_add_track(peer->session, kind, track, &stream, stream != NULL ? 1 : 0, &t), 0);
    return t;
}

jsep_transceiver_t *transceiver(const peer_t *peer, size_t index)
{
    size_t count;
    jsep_transceiver_t *const *all = jsep_transceivers(peer->session, &count);
    CHECK(index < count);
    return all[index];
}

size_t transceiver_count(const peer_t *peer)
{
    size_t count;
    jsep_transceivers(peer->session, &count);
    return count;
}

sdp_t *parse_sdp(const char *text)
{
    sdp_t *sdp = NULL;
    if (sdp_parse(text, strlen(text), &sdp) < 0)
        test_fail(__FILE__, __LINE__, "%s in\n%s", peer_last_error_message(), text);
    return sdp;
}

sdp_t *local_sdp(const peer_t *peer)
{
    jsep_type_t type;
    text_t text = {0};
    if (!jsep_description_write(peer->session, JSEP_PENDING_LOCAL, &type, &text))
        CHECK(jsep_description_write(peer->session, JSEP_CURRENT_LOCAL, &type, &text));
    sdp_t *sdp = parse_sdp(text.data);
    text_clear(&text);
    return sdp;
}

char *read_sdp_vector(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/sdp/%s.sdp", VECTORS, name);
    return test_read_file(path, NULL);
}
