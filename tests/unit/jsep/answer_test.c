/* What answers say (RFC 9429 §5.3), and what descriptions of the other side have to be (§5.8.3, §5.10, §5.11). */
#include "jsep_support.h"

static peer_t peer;

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define HASH "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
#define DTLS "a=fingerprint:sha-256 " HASH "a=setup:actpass\r\n"
#define AUDIO(mid) "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:" mid "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define VIDEO(mid) "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:" mid "\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
#define DATA(mid) "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:" mid "\r\na=sctp-port:5000\r\n"

static char *answer_to(const char *offer)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer);
    return peer_answer(&peer);
}

static void finish(char *answer)
{
    free(answer);
    peer_clear(&peer);
}

/* Sets the offer and expects the message. */
static void refuse(const char *offer, const char *message)
{
    peer_init(&peer, 1, NULL);
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), message);
    CHECK_INT(peer_last_error_sdp_line(), -1);
    CHECK_INT(jsep_signaling_state(peer.session), JSEP_STABLE);
    peer_clear(&peer);
}

TEST(options_of_ice_are_answered_as_they_were_offered)
{
    char *answer = answer_to(HEAD "a=ice-options:trickle ice2\r\n" ICE DTLS AUDIO("0"));
    CHECK(strstr(answer, "a=ice-options:trickle ice2\r\n") != NULL);
    CHECK_INT(jsep_can_trickle(peer.session), 1);
    finish(answer);
    answer = answer_to(HEAD ICE DTLS AUDIO("0"));
    CHECK(strstr(answer, "a=ice-options") == NULL);
    CHECK_INT(jsep_can_trickle(peer.session), 0);
    finish(answer);
}

TEST(every_profile_that_means_dtls_is_accepted_and_answered_as_it_is)
{
    static const char *const profiles[] = {"RTP/AVP",           "RTP/AVPF",           "RTP/SAVP",         "RTP/SAVPF",
                                           "TCP/DTLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"};
    char offer[1024], line[128];
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        snprintf(offer, sizeof offer, "%sm=audio 9 %s 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n", HEAD ICE DTLS,
                 profiles[i]);
        snprintf(line, sizeof line, "m=audio 9 %s 111\r\n", profiles[i]);
        char *answer = answer_to(offer);
        CHECK(strstr(answer, line) != NULL);
        finish(answer);
    }
    char *answer = answer_to(HEAD "a=group:BUNDLE 0 1\r\n" ICE DTLS AUDIO("0") "m=audio 9 UDP/RTP/X 111\r\na=mid:1\r\na=rtcp-mux\r\n");
    CHECK(strstr(answer, "m=audio 0 UDP/RTP/X 111\r\n") != NULL);
    finish(answer);
    static const char *const data[] = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(offer, sizeof offer, "%sm=application 9 %s webrtc-datachannel\r\na=mid:0\r\na=sctp-port:5000\r\n", HEAD ICE DTLS, data[i]);
        snprintf(line, sizeof line, "m=application 9 %s webrtc-datachannel\r\n", data[i]);
        answer = answer_to(offer);
        CHECK(strstr(answer, line) != NULL);
        finish(answer);
    }
}

TEST(an_answer_intersects_the_directions)
{
    static const char *const offered[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    static const sdp_direction_t theirs[] = {SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE};
    char offer[1024];
    for (size_t i = 0; i < 4; i++)
        for (int wanted = SDP_INACTIVE; wanted <= SDP_SENDRECV; wanted++) {
            snprintf(offer, sizeof offer, "%s%sa=%s\r\n", HEAD ICE DTLS, AUDIO("0"), offered[i]);
            peer_init(&peer, 1, NULL);
            peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer);
            CHECK_INT(jsep_set_direction(peer.session, transceiver(&peer, 0), (sdp_direction_t)wanted), 0);
            char *answer = peer_answer(&peer);
            sdp_t *sdp = parse_sdp(answer);
            CHECK_INT(sdp_media_direction(sdp, &sdp->media[0]), wanted & (int)sdp_direction_reverse(theirs[i]));
            CHECK_INT(transceiver(&peer, 0)->current_direction, wanted & (int)sdp_direction_reverse(theirs[i]));
            CHECK_INT(sdp->media[0].msid_count, (wanted & SDP_SENDONLY) != 0);
            CHECK(!jsep_is_negotiation_needed(peer.session));
            sdp_free(sdp);
            finish(answer);
        }
}

TEST(an_answer_has_the_codecs_in_the_order_of_the_offer_or_of_our_preferences)
{
    static const char offer[] =
        HEAD ICE DTLS "m=audio 9 UDP/TLS/RTP/SAVPF 8 77 0 101\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:101 opus/48000/2\r\n";
    char *answer = answer_to(offer);
    CHECK(strstr(answer, "m=audio 9 UDP/TLS/RTP/SAVPF 8 0 101\r\n") != NULL);
    finish(answer);
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer);
    const size_t order[] = {OPUS, PCMU};
    CHECK_INT(jsep_set_codec_preferences(peer.session, transceiver(&peer, 0), order, 2), 0);
    answer = peer_answer(&peer);
    CHECK(strstr(answer, "m=audio 9 UDP/TLS/RTP/SAVPF 101 0\r\n") != NULL);
    finish(answer);
}

TEST(an_answer_has_only_what_was_offered_of_feedback_extensions_rtcp_and_rtx)
{
    char *answer = answer_to(HEAD ICE DTLS VIDEO("0") "a=rtcp-fb:96 nack\r\na=rtcp-fb:* ccm fir\r\na=rtcp-fb:96 x-other\r\n"
                                                      "a=extmap:7/sendonly urn:3gpp:video-orientation\r\na=extmap:9 urn:other\r\n");
    CHECK(strstr(answer, "a=rtcp-fb:96 nack\r\n") != NULL && strstr(answer, "a=rtcp-fb:96 ccm fir\r\n") != NULL);
    CHECK(strstr(answer, "nack pli") == NULL && strstr(answer, "x-other") == NULL && strstr(answer, "rtx") == NULL);
    CHECK(strstr(answer, "a=extmap:7/recvonly urn:3gpp:video-orientation\r\n") != NULL && strstr(answer, "urn:other") == NULL);
    CHECK(strstr(answer, "a=rtcp-mux\r\n") != NULL && strstr(answer, "a=rtcp:") == NULL && strstr(answer, "rtcp-rsize") == NULL);
    CHECK(strstr(answer, "rtcp-mux-only") == NULL && strstr(answer, "a=mid:0\r\n") != NULL);
    finish(answer);
}

TEST(extensions_offered_with_numbers_from_4096_on_get_one)
{
    char *answer = answer_to(
        HEAD ICE DTLS VIDEO("0") "a=extmap:4096 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:4096 urn:3gpp:video-orientation\r\n");
    sdp_t *sdp = parse_sdp(answer);
    CHECK_INT(sdp->media[0].common.extmap_count, 2);
    const sdp_extmap_t *extmaps = sdp->media[0].common.extmaps;
    CHECK(extmaps[0].id != extmaps[1].id && extmaps[0].id <= 14 && extmaps[1].id <= 14);
    sdp_free(sdp);
    finish(answer);
}

TEST(the_role_answered_fits_the_one_offered)
{
    static const char *const offered[] = {"actpass", "active", "passive"};
    static const sdp_setup_t ours[] = {SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_ACTIVE};
    char offer[1024];
    for (size_t i = 0; i < 3; i++) {
        snprintf(offer, sizeof offer, "%sa=setup:%s\r\n%s", HEAD ICE "a=fingerprint:sha-256 " HASH, offered[i], AUDIO("0"));
        char *answer = answer_to(offer);
        sdp_t *sdp = parse_sdp(answer);
        CHECK_INT(sdp->media[0].common.setup, ours[i]);
        CHECK_INT(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role, i == 1 ? JSEP_DTLS_SERVER : JSEP_DTLS_CLIENT);
        sdp_free(sdp);
        finish(answer);
    }
    refuse(HEAD ICE "a=setup:holdconn\r\na=fingerprint:sha-256 " HASH AUDIO("0"), "m-line 0: a=setup:holdconn leaves no DTLS");
}

TEST(bundled_m_lines_inherit_rtcp_mux_from_the_one_that_stands_for_the_transport)
{
    char *answer = answer_to(HEAD "a=group:BUNDLE 0 1\r\n" AUDIO("0") ICE DTLS
                             "a=rtcp-rsize\r\n"
                             "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n");
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_MEDIA), 2);
    CHECK(transceiver(&peer, 1)->media->rtcp_rsize);
    CHECK(strstr(answer, "bundle-only") == NULL && strstr(answer, "a=group:BUNDLE 0 1\r\n") != NULL);
    finish(answer);
}

TEST(a_bundle_whose_only_transport_we_reject_is_rejected)
{
    /* RFC 9143 §7.3.1: one with port zero cannot stand for it. */
    char *answer = answer_to(HEAD "a=group:BUNDLE 0 1\r\n"
                                  "m=audio 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:98 EVS/16000\r\n" ICE DTLS
                                  "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n");
    CHECK(strstr(answer, "m=audio 0 ") != NULL && strstr(answer, "m=video 0 ") != NULL && strstr(answer, "BUNDLE") == NULL);
    finish(answer);
    /* Where the next one has its own it stands for the bundle. */
    answer = answer_to(HEAD "a=group:BUNDLE 0 1\r\n" ICE DTLS
                            "m=audio 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:98 EVS/16000\r\n" VIDEO("1"));
    CHECK(strstr(answer, "m=audio 0 ") != NULL && strstr(answer, "m=video 9 ") != NULL && strstr(answer, "a=group:BUNDLE 1\r\n") != NULL);
    finish(answer);
}

TEST(bundle_only_outside_a_bundle_or_in_an_answer_is_a_rejected_m_line)
{
    char *answer =
        answer_to(HEAD ICE DTLS AUDIO("0") "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n");
    CHECK_INT(transceiver_count(&peer), 1);
    CHECK(strstr(answer, "m=video 0 ") != NULL);
    finish(answer);
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    add(&peer, JSEP_VIDEO, SDP_SENDRECV);
    free(peer_offer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER,
                  HEAD "a=group:BUNDLE 0 1\r\n" AUDIO("0") ICE
                  "a=fingerprint:sha-256 " HASH "a=setup:active\r\n"
                  "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n");
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_MLINE_REJECTED), 1);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRANSCEIVER_STOPPED), 1);
    peer_clear(&peer);
}

TEST(descriptions_that_contradict_themselves_are_refused)
{
    refuse(HEAD ICE DTLS "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux-only\r\na=rtpmap:111 opus/48000/2\r\n",
           "m-line 0 has no a=rtcp-mux");
    refuse(HEAD ICE DTLS VIDEO("0") "a=simulcast:send h;l\r\na=rid:h send\r\n",
           "m-line 0: a=simulcast names the rid \"l\", which no a=rid describes");
    refuse(HEAD ICE DTLS VIDEO("0") "a=simulcast:recv h\r\na=rid:h send\r\n",
           "m-line 0: a=simulcast names the rid \"h\", which no a=rid describes");
    refuse(HEAD ICE DTLS VIDEO("0") "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=98\r\n",
           "m-line 0: rtx 97 repairs 98, which is no format of it");
    refuse(HEAD ICE DTLS VIDEO("0") "a=extmap:1 urn:a\r\na=extmap:1 urn:b\r\n", "m-line 0: the header extension id 1 has two URIs");
    refuse(HEAD "a=group:BUNDLE 0 1\r\n" ICE DTLS AUDIO(
               "0") "m=video 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:111 VP8/90000\r\n",
           "m-line 1: the payload type 111 is another format in another m-line of the bundle");
    refuse(HEAD "a=group:BUNDLE 0 1\r\na=group:BUNDLE 1\r\n" ICE DTLS AUDIO("0") VIDEO("1"), "\"1\" is in two a=group:BUNDLE");
}

TEST(a_description_that_is_no_sdp_tells_its_line)
{
    static const struct {
        const char *sdp;
        int32_t line;
    } bad[] = {{"", 1},
               {"nonsense", 1},
               {HEAD "m=audio x UDP/TLS/RTP/SAVPF 0\r\n", 5},
               {HEAD "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", 6},
               {HEAD "a=\r\n", 5}};
    peer_init(&peer, 1, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, bad[i].sdp), PEER_ERROR_SYNTAX);
        CHECK_INT(peer_last_error_sdp_line(), bad[i].line);
    }
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_ANSWER, HEAD), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_last_error_sdp_line(), -1);
    CHECK_INT(peer_set(&peer, JSEP_LOCAL, JSEP_ANSWER, ""), PEER_ERROR_INVALID_STATE);
    peer_clear(&peer);
}

/* A session in which both sides have agreed on audio. */
static void agree(void)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD ICE DTLS "a=tls-id:01234567890123456789\r\n" AUDIO("0"));
    free(peer_answer(&peer));
}

#define OTHER_ICE "a=ice-ufrag:wxyz\r\na=ice-pwd:0123456789012345678901\r\n"
#define ANSWER(ice, more) HEAD ice "a=fingerprint:sha-256 " HASH "a=setup:active\r\n" more AUDIO("0")

TEST(another_certificate_or_tls_id_needs_an_ice_restart)
{
    static const char other[] =
        "a=fingerprint:sha-256 FF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n";
    char offer[2048];
    agree();
    char own[64];
    sdp_t *before = local_sdp(&peer);
    snprintf(own, sizeof own, "%s", before->media[0].common.tls_id);
    sdp_free(before);
    snprintf(offer, sizeof offer, "%s%sa=setup:actpass\r\n%s", HEAD ICE, other, AUDIO("0"));
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "another fingerprint or a=tls-id without an ICE restart");
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD ICE DTLS "a=tls-id:99999999999999999999\r\n" AUDIO("0")),
              PEER_ERROR_INVALID_ACCESS);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD OTHER_ICE DTLS "a=tls-id:99999999999999999999\r\n" AUDIO("0"));
    CHECK(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->is_dtls_new);
    CHECK_INT(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role, JSEP_DTLS_UNKNOWN);
    char *answer = peer_answer(&peer);
    CHECK(strstr(answer, own) == NULL && strstr(answer, "a=tls-id:") != NULL);
    CHECK(!effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->is_dtls_new);
    finish(answer);
}

TEST(an_answer_restarts_ice_only_where_the_offer_does)
{
    agree();
    free(peer_offer(&peer));
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_ANSWER, ANSWER(OTHER_ICE, "")), PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "the answer restarts ICE, which was not offered");
    CHECK_INT(jsep_signaling_state(peer.session), JSEP_HAVE_LOCAL_OFFER);
    jsep_restart_ice(peer.session);
    free(peer_offer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER, ANSWER(OTHER_ICE, ""));
    CHECK(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->is_remote_new);
    peer_clear(&peer);
}

TEST(provisional_answers_of_several_peers_follow_each_other)
{
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    free(peer_offer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_PRANSWER, ANSWER(ICE, ""));
    CHECK_INT(transceiver(&peer, 0)->current_direction, SDP_SENDRECV);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_PRANSWER, ANSWER(OTHER_ICE, "a=sendonly\r\n"));
    CHECK(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->is_remote_new);
    CHECK_INT(transceiver(&peer, 0)->current_direction, SDP_RECVONLY);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER, ANSWER(OTHER_ICE, ""));
    CHECK_INT(jsep_signaling_state(peer.session), JSEP_STABLE);
    CHECK_INT(transceiver(&peer, 0)->current_direction, SDP_SENDRECV);
    peer_clear(&peer);
}

TEST(a_provisional_answer_frees_nothing)
{
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    jsep_want_data(peer.session);
    free(peer_offer(&peer));
    static const char rejecting[] = HEAD ICE
        "a=fingerprint:sha-256 " HASH "a=setup:active\r\n" AUDIO("0") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n";
    peer_must_set(&peer, JSEP_REMOTE, JSEP_PRANSWER, rejecting);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_DATA_REJECTED), 0);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER,
                  HEAD "a=group:BUNDLE 0 1\r\n" ICE "a=fingerprint:sha-256 " HASH "a=setup:active\r\n" AUDIO("0") DATA("1"));
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_DATA), 1);
    peer_clear(&peer);
}

TEST(an_answer_cannot_have_more_than_was_offered)
{
    peer_init(&peer, 1, NULL);
    jsep_transceiver_t *t = add(&peer, JSEP_AUDIO, SDP_SENDONLY);
    free(peer_offer(&peer));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER, ANSWER(ICE, ""));
    CHECK_INT(t->current_direction, SDP_SENDONLY);
    CHECK_INT(effect_count(&peer, JSEP_EFFECT_TRACK), 0);
    CHECK_INT(t->media->receive_count, 0);
    peer_clear(&peer);
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    free(peer_offer(&peer));
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_ANSWER,
                       HEAD ICE "a=fingerprint:sha-256 " HASH
                                "a=setup:active\r\nm=audio 9 RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"),
              PEER_ERROR_INVALID_ACCESS);
    CHECK_TEXT(peer_last_error_message(), "m-line 0 was offered with UDP/TLS/RTP/SAVPF and answered with RTP/SAVPF");
    peer_clear(&peer);
}

TEST(an_extension_answered_with_another_number_is_not_used)
{
    peer_init(&peer, 1, NULL);
    add(&peer, JSEP_AUDIO, SDP_SENDRECV);
    free(peer_offer(&peer));
    char answer[2048];
    snprintf(answer, sizeof answer,
             "%sa=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
             ANSWER(ICE, ""));
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(transceiver(&peer, 0)->media->extension_count, 1);
    CHECK_TEXT(transceiver(&peer, 0)->media->extensions[0].uri, "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
    peer_clear(&peer);
}

TEST(bandwidths_count_as_rfc_9429_says)
{
    static const struct {
        const char *lines;
        uint64_t rate;
    } limits[] = {{"b=TIAS:50000\r\nb=AS:1000\r\n", 50000},
                  {"b=AS:1000\r\n", 934000},
                  {"b=AS:20\r\n", 9500},
                  {"b=CT:7\r\n", 0},
                  {"b=RR:1\r\nb=RS:2\r\n", 0}};
    char offer[2048];
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        snprintf(offer, sizeof offer, "%sb=CT:2000\r\nb=AS:5\r\n%s%s%s", HEAD, ICE DTLS, AUDIO("0"), limits[i].lines);
        peer_init(&peer, 1, NULL);
        peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offer);
        CHECK_INT(effect_of(&peer, JSEP_EFFECT_TRANSPORT, 0)->transport->max_bitrate_bps, 2000000);
        char *answer = peer_answer(&peer);
        CHECK_INT(transceiver(&peer, 0)->media->max_bitrate_bps, limits[i].rate);
        finish(answer);
    }
}

TEST(back_to_back_offers_are_checked_as_if_answered_in_between)
{
    peer_init(&peer, 1, NULL);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b\r\n" ICE DTLS AUDIO("a") VIDEO("b"));
    jsep_transceiver_t *first = transceiver(&peer, 0);
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD ICE DTLS AUDIO("a")), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(peer_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE x b\r\n" ICE DTLS AUDIO("x") VIDEO("b")),
              PEER_ERROR_INVALID_ACCESS);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b c\r\n" ICE DTLS AUDIO("a") VIDEO("b") AUDIO("c"));
    CHECK_INT(transceiver_count(&peer), 3);
    CHECK(transceiver(&peer, 0) == first);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    CHECK_INT(transceiver_count(&peer), 0);
    peer_clear(&peer);
}

/* W3C WebRTC §4.4.1.5 forgets [[LastCreatedAnswer]] only with the answer. */
TEST(an_answer_created_before_its_offer_was_rolled_back_can_be_set_when_it_answers_the_next_offer_too)
{
    peer_init(&peer, 1, NULL);
    text_t text = {0}, offer = {0};
    const char *offered = HEAD ICE DTLS AUDIO("a") "a=sendonly\r\n";
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offered);
    transceiver(&peer, 0)->direction = SDP_INACTIVE;
    CHECK_INT(jsep_create_answer(peer.session, &text), 0);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    jsep_want_data(peer.session);
    CHECK_INT(jsep_create_offer(peer.session, NULL, &offer), 0);
    CHECK_INT(peer_set(&peer, JSEP_LOCAL, JSEP_ANSWER, text.data), PEER_ERROR_INVALID_STATE);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, offered);
    transceiver(&peer, 0)->direction = SDP_INACTIVE;
    peer_must_set(&peer, JSEP_LOCAL, JSEP_ANSWER, text.data);
    sdp_t *sdp = local_sdp(&peer), *created = parse_sdp(text.data);
    CHECK_INT(sdp->origin.session_version, created->origin.session_version);
    CHECK_INT(transceiver_count(&peer), 1);
    CHECK_TEXT(transceiver(&peer, 0)->mid, "a");
    sdp_free(sdp);
    sdp_free(created);
    text_clear(&text);
    text_clear(&offer);
    finish(NULL);
}

TEST(an_answer_created_for_another_offer_is_not_the_last_created)
{
    peer_init(&peer, 1, NULL);
    text_t text = {0};
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD ICE DTLS AUDIO("a"));
    CHECK_INT(jsep_create_answer(peer.session, &text), 0);
    peer_must_set(&peer, JSEP_REMOTE, JSEP_OFFER, HEAD "a=group:BUNDLE a b\r\n" ICE DTLS AUDIO("a") VIDEO("b"));
    CHECK_INT(peer_set(&peer, JSEP_LOCAL, JSEP_ANSWER, text.data), PEER_ERROR_INVALID_MODIFICATION);
    text_clear(&text);
    finish(peer_answer(&peer));
}
