/* Descriptions that real browsers and libraries wrote, and hostile variations of ours. */
#include "jsep_support.h"

static const char *const offers[] = {"aiortc-offer",  "chromium-offer", "chromium-offer-simulcast",
                                     "firefox-offer", "gst-offer",      "node-datachannel-offer",
                                     "pion-offer",    "pion-v4-offer",  "werift-offer"};

static peer_t peer;

static const sdp_media_t *find_rtpmap(const sdp_media_t *media, const char *format, const sdp_rtpmap_t **rtpmap)
{
    uint64_t payload_type;
    *rtpmap = text_parse_u64(format, strlen(format), 127, &payload_type) ? sdp_media_rtpmap(media, (uint8_t)payload_type) : NULL;
    return media;
}

/* RFC 3264 §6, RFC 8285 §6, RFC 9143 §7.3: what an answer may say to this offer. */
static void check_consistency(const sdp_t *offer, const sdp_t *answer, const char *name)
{
    CHECK_INT(answer->media_count, offer->media_count);
    const sdp_group_t *offered_group = sdp_group_find(offer, "BUNDLE", NULL), *group = sdp_group_find(answer, "BUNDLE", NULL);
    for (size_t i = 0; i < answer->media_count; i++) {
        const sdp_media_t *o = &offer->media[i], *a = &answer->media[i];
        if (a->port == 0)
            test_fail(__FILE__, __LINE__, "%s: m-line %zu was rejected", name, i);
        CHECK_TEXT(a->type, o->type);
        CHECK_TEXT(a->protocol, o->protocol);
        CHECK_TEXT(a->mid, o->mid);
        CHECK(sdp_group_has(offered_group, a->mid) && sdp_group_has(group, a->mid));
        CHECK(a->common.ice_ufrag != NULL && a->common.ice_pwd != NULL && a->common.fingerprint_count == 1);
        CHECK_INT(a->common.setup, SDP_SETUP_ACTIVE);
        CHECK(a->rtcp_mux == o->rtcp_mux && !a->bundle_only);
        CHECK((sdp_media_direction(answer, a) & ~sdp_direction_reverse(sdp_media_direction(offer, o))) == 0);
        for (size_t j = 0; j < a->format_count; j++) {
            const sdp_rtpmap_t *ours, *theirs;
            bool is_offered = false;
            for (size_t k = 0; k < o->format_count; k++)
                is_offered = is_offered || strcmp(o->formats[k], a->formats[j]) == 0 || strcmp(a->type, "application") == 0;
            CHECK(is_offered);
            find_rtpmap(a, a->formats[j], &ours);
            find_rtpmap(o, a->formats[j], &theirs);
            CHECK(ours == NULL || theirs == NULL ||
                  (text_equal_ignore_case(ours->encoding, theirs->encoding) && ours->clock_rate == theirs->clock_rate));
        }
        size_t a_count, o_count;
        const sdp_extmap_t *ours = sdp_media_extmaps(answer, a, &a_count), *theirs = sdp_media_extmaps(offer, o, &o_count);
        for (size_t j = 0; j < a_count; j++) {
            bool is_offered = false;
            for (size_t k = 0; k < o_count; k++)
                is_offered = is_offered || (ours[j].id == theirs[k].id && strcmp(ours[j].uri, theirs[k].uri) == 0);
            CHECK(is_offered);
        }
    }
}

TEST(every_saved_offer_is_answered_consistently)
{
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        peer_init(&peer, i, NULL);
        add_track(&peer, JSEP_AUDIO, "a", "s");
        add_track(&peer, JSEP_VIDEO, "v", "s");
        char *text = read_sdp_vector(offers[i]);
        peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
        char *answer = peer_answer(&peer);
        sdp_t *o = parse_sdp(text), *a = parse_sdp(answer);
        check_consistency(o, a, offers[i]);
        const jsep_transport_t *transport = effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport;
        CHECK_INT(transport->dtls_role, JSEP_DTLS_CLIENT);
        CHECK_TEXT(transport->remote_ufrag, sdp_media_ice_ufrag(o, &o->media[0]));
        for (size_t j = 0; j < transceiver_count(&peer); j++) {
            const jsep_media_t *media = transceiver(&peer, j)->media;
            if (media == NULL) /* the simulcast offer has no audio */
                continue;
            CHECK_TEXT(media->send[0].codec->name, transceiver(&peer, j)->kind == JSEP_AUDIO ? "opus" : "VP8");
            CHECK_INT(media->direction, SDP_SENDRECV);
        }
        sdp_free(o);
        sdp_free(a);
        free(text);
        free(answer);
        peer_clear(&peer);
    }
}

TEST(what_a_chromium_offer_says_reaches_the_media)
{
    peer_init(&peer, 1, NULL);
    char *text = read_sdp_vector("chromium-offer");
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_CANDIDATE), 4);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRANSCEIVER_CREATED), 2);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRACK), 2);
    CHECK_TEXT(transceiver(&peer, 1)->receiver_track, "3b1b7fef-1a77-4110-92b6-bfb82641bc41");
    free(peer_answer(&peer));
    const jsep_media_t *video = transceiver(&peer, 1)->media;
    CHECK(video->remote_ssrcs[0].ssrc == 3453409681u && video->remote_ssrcs[0].rtx_ssrc == 4168459228u);
    CHECK_TEXT(video->remote_cname, "1tF6HOv44ZXx9fuM");
    CHECK(video->rcvr_rtt && video->rtcp_rsize);
    CHECK_INT(video->receive_count, 3); /* VP8, VP9 profile 0, H264 42e01f mode 1 */
    for (size_t i = 0; i < video->receive_count; i++)
        if (strcmp(video->receive[i].codec->name, "H264") == 0)
            CHECK_INT(video->receive[i].payload_type, 108);
    for (size_t i = 0; i < video->extension_count; i++)
        if (strcmp(video->extensions[i].uri, "urn:3gpp:video-orientation") == 0)
            CHECK_INT(video->extensions[i].id, 13);
    const jsep_media_t *audio = transceiver(&peer, 0)->media;
    CHECK_INT(audio->receive_count, 5);
    CHECK_INT(effect_of(&peer, JSEP_EFFECT_DATA, 0)->data->remote_max_message_size, 262144);
    free(text);
    peer_clear(&peer);
}

TEST(legacy_data_channel_lines_are_answered_in_their_form)
{
    peer_init(&peer, 1, NULL);
    char *text = read_sdp_vector("aiortc-offer");
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
    char *answer = peer_answer(&peer);
    CHECK(strstr(answer, " DTLS/SCTP 5000\r\n") != NULL && strstr(answer, "a=sctpmap:5000 webrtc-datachannel 65535\r\n") != NULL);
    CHECK_INT(effect_of(&peer, JSEP_EFFECT_DATA, 0)->data->remote_port, 5000);
    CHECK_INT(effect_of(&peer, JSEP_EFFECT_DATA, 0)->data->remote_max_message_size, 65536);
    /* Each m-line has its own credentials: the bundle's are those of its first one. */
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_CANDIDATE), 0);
    free(answer);
    free(text);
    peer_clear(&peer);
}

TEST(gstreamers_streams_in_ssrc_lines_and_its_bundle_only_lines_are_understood)
{
    peer_init(&peer, 1, NULL);
    char *text = read_sdp_vector("gst-offer");
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
    CHECK_TEXT(effect_of(&peer, JSEP_EFFECT_TRACK, 1)->streams.ids[0], "user4255318840@host-bbb8580c");
    CHECK_TEXT(transceiver(&peer, 1)->receiver_track, "webrtctransceiver1");
    free(peer_answer(&peer));
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_MLINE_REJECTED), 0);
    free(text);
    peer_clear(&peer);
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define TRANSPORT                                                                                                                          \
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 "                                                       \
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\na=setup:actpass\r\n"
#define AUDIO(mid) "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:" mid "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define DATA(mid) "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:" mid "\r\na=sctp-port:5001\r\n"

static void check_refused(const char *offer, const char *message)
{
    peer_init(&peer, 1, NULL);
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), message);
    CHECK_INT(transceiver_count(&peer), 0);
    CHECK_INT(jsep_signaling_state(peer.session), JSEP_STABLE);
    peer_clear(&peer);
}

TEST(offers_that_cannot_be_are_refused_with_the_m_line_named)
{
    check_refused(HEAD TRANSPORT AUDIO("0") AUDIO("0"), "m-line 1: the mid \"0\" stands in another m-line too");
    check_refused(HEAD "a=group:BUNDLE 0 1\r\n" TRANSPORT AUDIO("0"), "a=group:BUNDLE names \"1\", which is no m-line's mid");
    check_refused(HEAD TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n", "m-line 0 has no a=rtcp-mux");
    check_refused(HEAD AUDIO("0"), "m-line 0, which the transport is of, has no ICE credentials");
    check_refused(HEAD "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n" AUDIO("0"),
                  "m-line 0, which the transport is of, has no fingerprint");
    check_refused(HEAD TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 95\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:95 opus/48000/2\r\n",
                  "m-line 0: with a=rtcp-mux the payload type 95 cannot be told from RTCP");
    check_refused(HEAD TRANSPORT AUDIO("0") "a=ice-ufrag:ab$d\r\n", "m-line 0: ICE credentials are of letters, digits, + and / only");
    check_refused(HEAD TRANSPORT AUDIO("0") "a=ice-pwd:0123456789012345678901-\r\n",
                  "m-line 0: ICE credentials are of letters, digits, + and / only");
}

TEST(lines_outside_the_bundle_are_rejected)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER,
                  HEAD "a=group:BUNDLE b c\r\n" TRANSPORT "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n" AUDIO("b") DATA("c") AUDIO("d"));
    char *text = peer_answer(&peer);
    sdp_t *answer = parse_sdp(text);
    CHECK(answer->media[0].port == 0 && answer->media[1].port != 0 && answer->media[2].port != 0 && answer->media[3].port == 0);
    CHECK(strstr(text, "a=group:BUNDLE b c\r\n") != NULL);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_MLINE_REJECTED), 2);
    CHECK_INT(effect_of(&peer, JSEP_EFFECT_DATA, 0)->data->remote_port, 5001);
    sdp_free(answer);
    free(text);
    peer_clear(&peer);
}

TEST(without_a_group_only_the_first_line_is_accepted)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO("a") DATA("b"));
    char *text = peer_answer(&peer);
    CHECK(strstr(text, "BUNDLE") == NULL);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_DATA), 0);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_DATA_REJECTED), 1);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_MEDIA), 1);
    free(text);
    peer_clear(&peer);
}

TEST(lines_without_a_mid_or_of_unknown_kind_are_answered)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(
        &peer, JSEP_REMOTE, JSEP_OFFER,
        HEAD TRANSPORT
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\nm=text 9 UDP/TLS/RTP/SAVPF 98\r\na=rtcp-mux\r\na=rtpmap:98 t140/1000\r\n");
    CHECK(transceiver(&peer, 0)->mid != NULL);
    char *text = peer_answer(&peer);
    CHECK(strstr(text, "a=mid:") == NULL && strstr(text, "m=text 0 UDP/TLS/RTP/SAVPF 98\r\n") != NULL);
    CHECK_TEXT(transceiver(&peer, 0)->media->receive[0].codec->name, "PCMU");
    free(text);
    peer_clear(&peer);
}

TEST(an_offer_without_a_common_codec_is_rejected_in_the_answer)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER,
                  HEAD "a=group:BUNDLE a b\r\n" TRANSPORT
                       "m=audio 9 UDP/TLS/RTP/SAVPF 98 126\r\na=mid:a\r\na=rtcp-mux\r\na=rtpmap:98 EVS/16000\r\n"
                       "a=rtpmap:126 telephone-event/8000\r\n" DATA("b"));
    char *text = peer_answer(&peer);
    CHECK(strstr(text, "m=audio 0 ") != NULL);
    CHECK_INT(transceiver_count(&peer), 0);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRANSCEIVER_STOPPED), 1);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_DATA), 1);
    free(text);
    peer_clear(&peer);
}

/* Takes our offer and gives the answer that `edit` makes of it; the error that setting it gives. */
static int answer_with(const char *answer)
{
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    jsep_want_data(peer.session);
    free(peer_offer(&peer));
    int error = peer_set(&peer, JSEP_REMOTE, JSEP_ANSWER, answer);
    if (error < 0)
        CHECK_INT(jsep_signaling_state(peer.session), JSEP_HAVE_LOCAL_OFFER);
    peer_clear(&peer);
    return error;
}

#define ANSWER_TRANSPORT                                                                                                                   \
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 "                                                       \
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\na=setup:passive\r\n"

TEST(answers_that_do_not_fit_the_offer_are_refused)
{
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 0 1\r\n" ANSWER_TRANSPORT AUDIO("0") DATA("1")), 0);
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 0\r\n" ANSWER_TRANSPORT AUDIO("0")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "the answer has 1 m-lines, the offer 2");
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 0 1\r\n" ANSWER_TRANSPORT DATA("0") AUDIO("1")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 0 was offered as audio and answered as application");
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 1 0\r\n" ANSWER_TRANSPORT AUDIO("1") DATA("0")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 0 was offered with the mid \"0\" and answered with \"1\"");
    CHECK_INT(answer_with(HEAD ANSWER_TRANSPORT AUDIO("0") DATA("1")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 1 is accepted outside the BUNDLE group");
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 0 1\r\n" TRANSPORT AUDIO("0") DATA("1")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "a=setup:actpass in an answer leaves the DTLS roles open");
    CHECK_INT(answer_with(HEAD "a=group:BUNDLE 0 1\r\n" ANSWER_TRANSPORT
                               "m=audio 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:98 EVS/16000\r\n" DATA("1")),
              PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 0: the answer has none of the codecs that were offered");
    CHECK_INT(answer_with("v=0\r\nnonsense"), PEER_ERROR_SYNTAX);
    CHECK_TEXT(peer_last_error_message(), "line 2: \"nonsense\" does not begin with a letter and \"=\"");
}

TEST(an_answerers_own_payload_types_are_used_to_send)
{
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    free(peer_offer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER,
                  HEAD "a=group:BUNDLE 0\r\n" ANSWER_TRANSPORT
                       "m=audio 9 UDP/TLS/RTP/SAVPF 8 101\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:101 OPUS/48000/2\r\n"
                       "a=fmtp:101 stereo=1\r\nb=AS:40\r\na=ptime:20\r\n");
    const jsep_media_t *media = transceiver(&peer, 0)->media;
    CHECK_INT(media->send_count, 2);
    CHECK_INT(media->send[0].payload_type, 8);
    CHECK_INT(media->send[1].payload_type, 101);
    CHECK_TEXT(media->send[1].fmtp, "stereo=1");
    CHECK_INT(media->receive_count, 2);
    CHECK_INT(media->receive[0].payload_type, 111);
    CHECK_TEXT(media->receive[0].fmtp, "minptime=10;useinbandfec=1");
    CHECK_INT(media->max_bitrate_bps, 22000); /* RFC 9429 §5.10: 40 * 1000 * 0.95 - 50 * 40 * 8 */
    CHECK_INT(media->ptime, 20);
    peer_clear(&peer);
}

TEST(numbers_the_other_side_chose_are_kept_in_our_later_offers)
{
    peer_init(&peer, 1, NULL);
    char *text = read_sdp_vector("firefox-offer");
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
    free(peer_answer(&peer));
    add(&peer, JSEP_VIDEO, SDP_SENDRECV);
    char *again = peer_offer(&peer);
    sdp_t *sdp = parse_sdp(again);
    CHECK_INT(sdp->media_count, 4);
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[1], 120)->encoding, "VP8");
    CHECK_TEXT(sdp_media_fmtp(&sdp->media[1], 124), "apt=120");
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[3], 120)->encoding, "VP8");
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[0], 109)->encoding, "opus");
    for (size_t i = 0; i < sdp->media_count; i++)
        for (size_t j = 0; j < sdp->media[i].common.extmap_count; j++)
            if (strcmp(sdp->media[i].common.extmaps[j].uri, "urn:ietf:params:rtp-hdrext:sdes:mid") == 0)
                CHECK_INT(sdp->media[i].common.extmaps[j].id, 3);
    CHECK_TEXT(sdp->media[2].mid, "2");
    CHECK_TEXT(sdp->media[3].mid, "3");
    sdp_free(sdp);
    free(again);
    free(text);
    peer_clear(&peer);
}

TEST(later_offers_may_not_move_or_change_lines)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b\r\n" TRANSPORT AUDIO("a") DATA("b"));
    free(peer_answer(&peer));
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO("a")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "the offer has 1 m-lines where 2 were negotiated");
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE x b\r\n" TRANSPORT AUDIO("x") DATA("b")),
              PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 0 had the mid \"a\" and now has \"x\"");
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b\r\n" TRANSPORT AUDIO("a") AUDIO("b")),
              PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 1 was application and now is audio");
    peer_clear(&peer);
}

TEST(a_remote_offer_may_reject_a_line_and_use_it_again)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b\r\n" TRANSPORT AUDIO("a") DATA("b"));
    free(peer_answer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER,
                  HEAD "a=group:BUNDLE b\r\n" TRANSPORT "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\n" DATA("b"));
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRANSCEIVER_STOPPED), 1);
    free(peer_answer(&peer));
    CHECK_INT(transceiver_count(&peer), 0);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER,
                  HEAD "a=group:BUNDLE b c\r\n" TRANSPORT
                       "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:c\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n" DATA("b"));
    CHECK_INT(transceiver_count(&peer), 1);
    CHECK_TEXT(transceiver(&peer, 0)->mid, "c");
    free(peer_answer(&peer));
    CHECK_INT(transceiver(&peer, 0)->current_direction, SDP_RECVONLY);
    peer_clear(&peer);
}

TEST(ice_lite_and_passive_offerers_set_the_roles)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER,
                  HEAD "a=ice-lite\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:active\r\na=fingerprint:sha-1 "
                       "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03\r\n" AUDIO("0"));
    free(peer_answer(&peer));
    const jsep_transport_t *transport = effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK(transport->is_controlling && transport->remote_is_lite && !transport->remote_trickles);
    CHECK_INT(transport->dtls_role, JSEP_DTLS_SERVER);
    CHECK_TEXT(transport->remote_fingerprints[0].algorithm, "sha-1");
    peer_clear(&peer);
}

/* Leaves a line out, doubles it, exchanges it with another one's copy, or changes a byte of it. */
static char *mutate(const char *text, random_seeded_t *dice)
{
    text_t out = {0};
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    size_t chosen = random_seeded_next(dice) % lines, other = random_seeded_next(dice) % lines;
    unsigned how = (unsigned)(random_seeded_next(dice) % 4);
    const char *other_line = text;
    for (size_t i = 0; i < other; i++)
        other_line = strchr(other_line, '\n') + 1;
    const char *line = text;
    for (size_t i = 0; i < lines; i++) {
        size_t length = (size_t)(strchr(line, '\n') + 1 - line);
        if (i != chosen || how == 1)
            text_add_n(&out, line, length);
        if (i == chosen && how == 1)
            text_add_n(&out, line, length);
        if (i == chosen && how == 2)
            text_add_n(&out, other_line, (size_t)(strchr(other_line, '\n') + 1 - other_line));
        if (i == chosen && how == 3) {
            text_add_n(&out, line, length);
            out.data[out.length - length + random_seeded_next(dice) % length] = (char)(32 + random_seeded_next(dice) % 95);
        }
        line += length;
    }
    return text_take(&out);
}

TEST(mutated_offers_do_no_harm_and_a_good_one_still_works)
{
    random_seeded_t dice;
    random_seeded_init(&dice, 7);
    size_t taken = 0;
    for (size_t i = 0; i < 4000; i++) {
        char *text = read_sdp_vector(offers[i % (sizeof offers / sizeof *offers)]), *bad = memory_string(text);
        for (uint64_t n = 1 + random_seeded_next(&dice) % 4; n > 0; n--) {
            char *next = mutate(bad, &dice);
            memory_free(bad);
            bad = next;
        }
        peer_init(&peer, i, NULL);
        add_track(&peer, JSEP_AUDIO, "a", "s");
        if (peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, bad) == 0) {
            taken++;
            if (random_seeded_next(&dice) % 2 == 0)
                free(peer_answer(&peer));
            else
                peer_must_set(&peer, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
        }
        CHECK_INT(jsep_signaling_state(peer.session), JSEP_STABLE);
        if (jsep_description_sdp(peer.session, JSEP_CURRENT_REMOTE) == NULL) {
            peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, text);
            free(peer_answer(&peer));
        }
        free(peer_offer(&peer));
        peer_clear(&peer);
        memory_free(bad);
        free(text);
    }
    test_note("%zu of 4000 were taken", taken);
}
