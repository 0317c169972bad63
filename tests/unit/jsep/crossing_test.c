/* Saved offers are answered, and each answer is set on a session that is able to do what the offerer said it can; saved answers are set on
 * a session that offered what they answer. */
#include "jsep_support.h"

static peer_t us, them;

typedef struct abilities {
    jsep_codec_t codecs[JSEP_CODECS_MAX];
    const char *feedback[JSEP_CODECS_MAX][16];
    size_t codec_count;
    jsep_extension_capability_t extensions[JSEP_EXTENSIONS_MAX];
    size_t extension_count;
} abilities_t;

static abilities_t abilities;

static const jsep_fmtp_key_t keys[] = {
    {"profile-level-id", "420010", 4}, {"packetization-mode", "0", 0}, {"profile-id", "0", 0}, {"profile", "0", 0}};

static const jsep_fmtp_key_t *keys_of(const char *name, size_t *count)
{
    *count = text_equal_ignore_case(name, "H264") ? 2 : text_equal_ignore_case(name, "VP9") || text_equal_ignore_case(name, "AV1") ? 1 : 0;
    return text_equal_ignore_case(name, "VP9") ? &keys[2] : text_equal_ignore_case(name, "AV1") ? &keys[3] : keys;
}

static bool is_auxiliary(const char *name)
{
    static const char *const names[] = {"telephone-event", "CN", "red", "ulpfec", "flexfec-03"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal_ignore_case(name, names[i]))
            return true;
    return false;
}

static bool has_rtx(const sdp_media_t *media, uint8_t payload_type)
{
    char wanted[16];
    snprintf(wanted, sizeof wanted, "apt=%u", payload_type);
    for (size_t i = 0; i < media->fmtp_count; i++)
        if (strncmp(media->fmtps[i].parameters, wanted, strlen(wanted)) == 0)
            return true;
    return false;
}

static char *feedback_text(const sdp_rtcp_fb_t *feedback)
{
    text_t text = {0};
    text_add(&text, feedback->type);
    if (feedback->parameter != NULL)
        text_addf(&text, " %s", feedback->parameter);
    return text_take(&text);
}

static void add_codec(const sdp_media_t *media, const sdp_rtpmap_t *rtpmap)
{
    const char *fmtp = sdp_media_fmtp(media, rtpmap->payload_type);
    bool is_red = text_equal_ignore_case(rtpmap->encoding, "red");
    jsep_codec_t codec = {.kind = strcmp(media->type, "audio") == 0 ? JSEP_AUDIO : JSEP_VIDEO,
                          .name = rtpmap->encoding,
                          .clock_rate = rtpmap->clock_rate,
                          .channels = rtpmap->channels,
                          .fmtp = *fmtp != '\0' && !is_red ? fmtp : NULL,
                          .payload_type = rtpmap->payload_type,
                          .wants_rtx = has_rtx(media, rtpmap->payload_type),
                          .is_auxiliary = is_auxiliary(rtpmap->encoding),
                          .redundancy_of = is_red && *fmtp != '\0' ? "opus" : NULL};
    codec.match = keys_of(codec.name, &codec.match_count);
    const char **feedback = abilities.feedback[abilities.codec_count];
    for (size_t i = 0; i < media->rtcp_fb_count && codec.feedback_count < 16; i++)
        if (media->rtcp_fbs[i].payload_type == rtpmap->payload_type || media->rtcp_fbs[i].payload_type == SDP_ANY_PAYLOAD_TYPE)
            feedback[codec.feedback_count++] = feedback_text(&media->rtcp_fbs[i]);
    codec.feedback = feedback;
    CHECK(abilities.codec_count < JSEP_CODECS_MAX);
    abilities.codecs[abilities.codec_count++] = codec;
}

static void add_extensions(const sdp_t *sdp, const sdp_media_t *media)
{
    size_t count;
    const sdp_extmap_t *extmaps = sdp_media_extmaps(sdp, media, &count);
    bool is_audio = strcmp(media->type, "audio") == 0;
    for (size_t i = 0; i < count; i++) {
        jsep_extension_capability_t *known = NULL;
        for (size_t j = 0; j < abilities.extension_count; j++)
            if (strcmp(abilities.extensions[j].uri, extmaps[i].uri) == 0)
                known = &abilities.extensions[j];
        if (known == NULL) {
            known = &abilities.extensions[abilities.extension_count++];
            *known = (jsep_extension_capability_t){.uri = extmaps[i].uri, .direction = SDP_SENDRECV, .id = extmaps[i].id};
        }
        known->audio = known->audio || is_audio;
        known->video = known->video || !is_audio;
    }
}

static void be_able(jsep_configuration_t *configuration)
{
    configuration->codecs = abilities.codecs;
    configuration->codec_count = abilities.codec_count;
    configuration->extensions = abilities.extensions;
    configuration->extension_count = abilities.extension_count;
    configuration->receives_simulcast = true;
}

/* `them` can do what the description says, and has transceivers in its order. */
static void emulate(const sdp_t *sdp)
{
    abilities = (abilities_t){.codec_count = 0};
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        if (strcmp(media->type, "application") == 0)
            continue;
        for (size_t j = 0; j < media->rtpmap_count; j++)
            if (!text_equal_ignore_case(media->rtpmaps[j].encoding, "rtx"))
                add_codec(media, &media->rtpmaps[j]);
        add_extensions(sdp, media);
    }
    peer_init(&them, 77, be_able);
    for (size_t i = 0; i < sdp->media_count; i++) {
        const sdp_media_t *media = &sdp->media[i];
        const char *rids[JSEP_ENCODINGS_MAX];
        for (size_t j = 0; j < media->simulcast.send_count; j++)
            rids[j] = media->simulcast.send[j].rids[0].id;
        jsep_transceiver_init_t init = {.direction = SDP_SENDRECV, .rids = rids, .rid_count = media->simulcast.send_count};
        jsep_transceiver_t *t;
        if (strcmp(media->type, "application") == 0)
            CHECK_INT(jsep_want_data(them.session), 0);
        else
            CHECK_INT(jsep_add_transceiver(them.session, strcmp(media->type, "audio") == 0 ? JSEP_AUDIO : JSEP_VIDEO, &init, &t), 0);
    }
}

static void end(void)
{
    peer_clear(&them);
    for (size_t i = 0; i < abilities.codec_count; i++)
        for (size_t j = 0; j < abilities.codecs[i].feedback_count; j++)
            memory_free((char *)abilities.feedback[i][j]);
}

/* The answer with the mids and protocols that `them` offered: those of the saved offer are another's. */
static char *as_theirs(const char *answer)
{
    const sdp_t *offer = jsep_description_sdp(them.session, JSEP_PENDING_LOCAL);
    sdp_t *sdp = parse_sdp(answer);
    CHECK_INT(sdp->media_count, offer->media_count);
    for (size_t i = 0; i < sdp->group_count; i++)
        for (size_t j = 0; j < sdp->groups[i].mid_count; j++)
            sdp->groups[i].mids[j] = offer->media[sdp_media_by_mid(sdp, sdp->groups[i].mids[j]) - sdp->media].mid;
    for (size_t i = 0; i < sdp->media_count; i++) {
        if (sdp->media[i].mid != NULL)
            sdp->media[i].mid = offer->media[i].mid;
        sdp->media[i].protocol = offer->media[i].protocol; /* aiortc 1.4 offers data by an older name */
    }
    text_t text = {0};
    sdp_write(sdp, &text);
    sdp_free(sdp);
    return text_take(&text);
}

static void check_payloads(const jsep_media_t *from, const jsep_media_t *to, const char *name)
{
    for (size_t i = 0; i < from->send_count; i++) {
        const jsep_payload_t *match = NULL;
        for (size_t j = 0; j < to->receive_count; j++)
            if (to->receive[j].payload_type == from->send[i].payload_type)
                match = &to->receive[j];
        if (match == NULL || !text_equal_ignore_case(match->codec->name, from->send[i].codec->name))
            test_fail(__FILE__, __LINE__, "%s: %u is not what the other side takes for it", name, from->send[i].payload_type);
    }
}

TEST(the_answer_to_every_saved_offer_is_taken_by_one_that_made_such_an_offer)
{
    static const char *const names[] = {"aiortc-offer",  "chromium-offer", "chromium-offer-simulcast",
                                        "firefox-offer", "gst-offer",      "node-datachannel-offer",
                                        "pion-offer",    "pion-v4-offer",  "werift-offer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = read_sdp_vector(names[i]);
        sdp_t *offer = parse_sdp(text);
        peer_init(&us, i + 1, NULL);
        add_track(&us, JSEP_AUDIO, "a", "s");
        add_track(&us, JSEP_VIDEO, "v", "s");
        peer_must_set(&us, JSEP_REMOTE, JSEP_OFFER, text);
        char *answer = peer_answer(&us);
        emulate(offer);
        free(peer_offer(&them));
        char *renamed = as_theirs(answer);
        peer_must_set(&them, JSEP_REMOTE, JSEP_ANSWER, renamed);
        CHECK_INT(effect_count(&them, JSEP_EFFECT_MLINE_REJECTED), 0);
        for (size_t j = 0; j < transceiver_count(&them); j++) {
            const jsep_transceiver_t *theirs = transceiver(&them, j);
            for (size_t k = 0; k < transceiver_count(&us); k++) {
                const jsep_transceiver_t *ours = transceiver(&us, k);
                if (ours->mline_index != theirs->mline_index)
                    continue;
                CHECK_INT(theirs->current_direction, sdp_direction_reverse((sdp_direction_t)ours->current_direction));
                CHECK(text_equal_ignore_case(theirs->media->send[0].codec->name, ours->media->send[0].codec->name));
                check_payloads(ours->media, theirs->media, names[i]);
                if (strcmp(names[i], "aiortc-offer") != 0) /* which gives one number to two extensions of two m-lines */
                    CHECK_INT(ours->media->extension_count, theirs->media->extension_count);
            }
        }
        /* And the other way round later on. */
        char *again = peer_offer(&us);
        CHECK_INT(jsep_signaling_state(us.session), JSEP_HAVE_LOCAL_OFFER);
        free(again);
        free(renamed);
        free(answer);
        free(text);
        sdp_free(offer);
        end();
        peer_clear(&us);
    }
}

TEST(every_saved_answer_is_taken_by_one_that_offered_what_it_answers)
{
    static const char *const names[] = {"aiortc-answer", "chromium-answer", "firefox-answer", "ndc-answer",
                                        "pion-answer",   "pion-v4-answer",  "werift-answer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = read_sdp_vector(names[i]);
        sdp_t *answer = parse_sdp(text);
        emulate(answer);
        free(peer_offer(&them));
        char *renamed = as_theirs(text);
        peer_must_set(&them, JSEP_REMOTE, JSEP_ANSWER, renamed);
        for (size_t j = 0; j < transceiver_count(&them); j++) {
            const jsep_transceiver_t *t = transceiver(&them, j);
            const sdp_media_t *media = &answer->media[t->mline_index];
            CHECK_INT(t->current_direction, sdp_direction_reverse(sdp_media_direction(answer, media)));
            /* Everything that the answer names was offered, and is now agreed on; the first of it is what we send. */
            uint8_t first = (uint8_t)atoi(media->formats[0]);
            if ((t->current_direction & SDP_SENDONLY) != 0)
                CHECK_INT(t->media->send[0].payload_type, first);
        }
        CHECK_INT(effect_count(&them, JSEP_EFFECT_DATA), 1);
        CHECK(effect_of(&them, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role == JSEP_DTLS_SERVER);
        free(renamed);
        free(text);
        sdp_free(answer);
        end();
    }
}
