/* What offers say: RFC 9429 §5.2, rule by rule. */
#include "jsep_support.h"

static peer_t alice, bob;

static void begin(configure_t configure)
{
    peer_init(&alice, 1, configure);
    peer_init(&bob, 2, NULL);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

static char *created_offer(peer_t *peer, bool ice_restart)
{
    text_t text = {0};
    jsep_offer_options_t options = {.ice_restart = ice_restart};
    CHECK_INT(jsep_create_offer(peer->session, &options, &text), 0);
    return text.data;
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        found++;
    return found;
}

static void sound_and_pictures(peer_t *peer)
{
    add_track(peer, JSEP_AUDIO, "a", "s");
    add_track(peer, JSEP_VIDEO, "v", "s");
    jsep_want_data(peer->session);
}

TEST(an_initial_offer_has_the_session_lines_of_rfc_9429)
{
    begin(NULL);
    sound_and_pictures(&alice);
    char *offer = created_offer(&alice, false);
    CHECK(strncmp(offer, "v=0\r\no=- ", 9) == 0);
    sdp_t *sdp = parse_sdp(offer);
    CHECK(sdp->origin.session_id <= INT64_MAX);
    CHECK(strstr(offer, "\r\ns=-\r\nt=0 0\r\n") != NULL);
    for (const char *line = "iueprzk"; *line != '\0'; line++) {
        const char text[] = {'\n', *line, '=', '\0'};
        CHECK(strstr(offer, text) == NULL);
    }
    CHECK(strstr(offer, "a=imageattr") == NULL);
    CHECK(strstr(offer, "a=crypto") == NULL && strstr(offer, "a=key-mgmt") == NULL && strstr(offer, "a=ice-lite") == NULL);
    CHECK_INT(count(offer, "a=group:BUNDLE 0 1 2\r\n"), 1);
    sdp_free(sdp);
    free(offer);
    end();
}

TEST(every_section_of_an_initial_offer_has_its_transport_and_its_rtcp)
{
    begin(NULL);
    sound_and_pictures(&alice);
    char *offer = created_offer(&alice, false);
    sdp_t *sdp = parse_sdp(offer);
    CHECK_INT(sdp->media_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const sdp_media_t *media = &sdp->media[i];
        CHECK_INT(media->port, 9);
        CHECK_TEXT(media->common.connection.address, "0.0.0.0");
        CHECK_TEXT(media->protocol, i < 2 ? "UDP/TLS/RTP/SAVPF" : "UDP/DTLS/SCTP");
        CHECK(media->common.ice_ufrag != NULL && media->common.ice_pwd != NULL && media->common.fingerprint_count == 1);
        CHECK_INT(media->common.setup, SDP_SETUP_ACTPASS);
        CHECK(media->common.tls_id != NULL && strlen(media->common.tls_id) >= 20);
        CHECK(sdp_media_has_ice_option(sdp, media, "trickle") && sdp_media_has_ice_option(sdp, media, "ice2"));
        CHECK(media->rtcp_mux == (i < 2) && media->rtcp_mux_only == (i < 2) && media->rtcp_rsize == (i < 2) && media->has_rtcp == (i < 2));
        CHECK(strlen(media->mid) <= 3);
        CHECK(!media->bundle_only);
    }
    CHECK(strstr(offer, "a=rtcp:9 IN IP4 0.0.0.0\r\n") != NULL);
    CHECK_TEXT(sdp->media[2].formats[0], "webrtc-datachannel");
    CHECK(sdp->media[2].has_sctp_port && sdp->media[2].sctp_port == 5000 && sdp->media[2].max_message_size == 262144);
    sdp_free(sdp);
    free(offer);
    end();
}

static void long_packets(jsep_configuration_t *configuration)
{
    static jsep_codec_t codecs[CODEC_COUNT];
    memcpy(codecs, test_codecs, sizeof codecs);
    codecs[OPUS].max_ptime = 120;
    codecs[PCMU].max_ptime = 60;
    configuration->codecs = codecs;
}

TEST(codecs_are_offered_with_their_rtx_feedback_parameters_and_longest_packet)
{
    begin(long_packets);
    sound_and_pictures(&alice);
    char *offer = created_offer(&alice, false);
    sdp_t *sdp = parse_sdp(offer);
    CHECK_INT(sdp->media[0].maxptime, 60);
    CHECK_INT(sdp->media[1].maxptime, 0);
    CHECK(strstr(offer, "a=rtpmap:97 rtx/90000\r\n") != NULL && strstr(offer, "a=fmtp:97 apt=96\r\n") != NULL);
    CHECK(strstr(offer, "a=fmtp:63 111/111\r\n") != NULL);
    CHECK(strstr(offer, "a=rtcp-fb:96 nack pli\r\n") != NULL && strstr(offer, "a=rtcp-fb:97 ") == NULL);
    CHECK(strstr(offer, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n") != NULL);
    sdp_free(sdp);
    free(offer);
    end();
}

TEST(directions_and_streams_of_transceivers_are_offered)
{
    begin(NULL);
    const char *streams[] = {"one", "two"};
    jsep_transceiver_t *t;
    jsep_transceiver_init_t init = {.direction = SDP_SENDONLY, .track = "a", .streams = streams, .stream_count = 2};
    CHECK_INT(jsep_add_transceiver(alice.session, JSEP_AUDIO, &init, &t), 0);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&alice, JSEP_AUDIO, SDP_RECVONLY);
    add(&alice, JSEP_AUDIO, SDP_INACTIVE);
    char *offer = created_offer(&alice, false);
    sdp_t *sdp = parse_sdp(offer);
    static const sdp_direction_t directions[] = {SDP_SENDONLY, SDP_SENDRECV, SDP_RECVONLY, SDP_INACTIVE};
    static const size_t msids[] = {2, 1, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(sdp_media_direction(sdp, &sdp->media[i]), directions[i]);
        CHECK_INT(sdp->media[i].msid_count, msids[i]);
        CHECK_INT(sdp->media[i].ssrc_count, msids[i] > 0);
    }
    CHECK_TEXT(sdp->media[0].msids[1].stream, "two");
    CHECK_TEXT(sdp->media[1].msids[0].stream, "-");
    sdp_free(sdp);
    free(offer);
    end();
}

TEST(streams_of_several_m_lines_are_groups_for_lip_sync)
{
    begin(NULL);
    add_track(&alice, JSEP_AUDIO, "a", "s");
    add_track(&alice, JSEP_VIDEO, "v", "s");
    add_track(&alice, JSEP_VIDEO, "w", "t");
    char *offer = peer_offer(&alice);
    CHECK_INT(count(offer, "a=group:LS"), 1);
    CHECK(strstr(offer, "a=group:LS 0 1\r\n") > strstr(offer, "a=group:BUNDLE 0 1 2\r\n"));
    /* Bob has no streams: the offerer's wish stays. */
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    CHECK_INT(count(answer, "a=group:LS 0 1\r\n"), 1);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    /* The group goes on in bob's offer, where nothing of his is in a stream; a third m-line joins where it shares one. */
    char *again = created_offer(&bob, false);
    CHECK_INT(count(again, "a=group:LS 0 1\r\n"), 1);
    free(again);
    add_track(&alice, JSEP_AUDIO, "b", "s");
    again = created_offer(&alice, false);
    CHECK_INT(count(again, "a=group:LS 0 1 3\r\n"), 1);
    free(again);
    free(offer);
    free(answer);
    end();
}

TEST(an_answerer_with_streams_of_its_own_keeps_a_lip_sync_group_only_where_it_shares_one)
{
    for (int shares = 0; shares < 2; shares++) {
        begin(NULL);
        add_track(&alice, JSEP_AUDIO, "a", "s");
        add_track(&alice, JSEP_VIDEO, "v", "s");
        add_track(&bob, JSEP_AUDIO, "b", "x");
        add_track(&bob, JSEP_VIDEO, "w", shares ? "x" : "y");
        char *offer = peer_offer(&alice);
        peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
        char *answer = peer_answer(&bob);
        CHECK_INT(count(answer, "a=group:LS 0 1\r\n"), (size_t)shares);
        free(offer);
        free(answer);
        end();
    }
}

static void max_compat(jsep_configuration_t *configuration)
{
    configuration->bundle_policy = JSEP_BUNDLE_MAX_COMPAT;
}

static void max_bundle(jsep_configuration_t *configuration)
{
    configuration->bundle_policy = JSEP_BUNDLE_MAX_BUNDLE;
}

TEST(the_bundle_policy_says_which_m_lines_are_bundle_only)
{
    static const configure_t policies[] = {NULL, max_compat, max_bundle};
    for (size_t i = 0; i < 3; i++) {
        begin(policies[i]);
        add(&alice, JSEP_AUDIO, SDP_SENDRECV);
        add(&alice, JSEP_VIDEO, SDP_SENDRECV);
        add(&alice, JSEP_AUDIO, SDP_SENDRECV);
        jsep_want_data(alice.session);
        char *offer = peer_offer(&alice);
        sdp_t *sdp = parse_sdp(offer);
        CHECK_INT(sdp->media_count, 4);
        for (size_t j = 0; j < 4; j++) {
            bool is_marked = i == 2 ? j > 0 : i == 0 && j == 2;
            CHECK(sdp->media[j].bundle_only == is_marked && (sdp->media[j].port == 0) == is_marked);
        }
        CHECK(strstr(offer, "a=group:BUNDLE 0 1 2 3\r\n") != NULL);
        sdp_free(sdp);
        /* In the answer they have a port, and no mark; and once they are bundled later offers have none either. */
        peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
        char *answer = peer_answer(&bob);
        CHECK(strstr(answer, "bundle-only") == NULL && count(answer, "\r\nm=") == 4 && strstr(answer, " 0 UDP/") == NULL);
        peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
        add(&alice, JSEP_AUDIO, SDP_SENDRECV);
        char *again = created_offer(&alice, false);
        CHECK(strstr(again, "bundle-only") == NULL && strstr(again, " 0 UDP/") == NULL);
        free(again);
        free(offer);
        free(answer);
        end();
    }
}

TEST(the_first_transceiver_s_m_line_stands_for_the_bundle)
{
    begin(NULL);
    jsep_transceiver_t *first = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(alice.session, first), 0);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=group:BUNDLE 1 ") != NULL);
    const char *mid;
    int line;
    CHECK(jsep_candidate_mline(alice.session, &mid, &line));
    CHECK_INT(line, 1);
    free(offer);
    end();
}

TEST(the_session_version_rises_with_every_offer_that_differs)
{
    begin(NULL);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    uint64_t versions[5];
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            add(&alice, JSEP_VIDEO, SDP_SENDRECV);
        char *offer = i == 3 ? peer_offer(&alice) : created_offer(&alice, false);
        if (i == 3) /* set and rolled back: the next one is newer all the same */
            peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
        if (i == 3)
            add(&alice, JSEP_VIDEO, SDP_SENDRECV);
        sdp_t *sdp = parse_sdp(offer);
        versions[i] = sdp->origin.session_version;
        sdp_free(sdp);
        free(offer);
    }
    CHECK(versions[1] == versions[0] && versions[2] == versions[1] + 1 && versions[3] == versions[2] && versions[4] == versions[3] + 1);
    end();
}

TEST(what_an_answer_settled_is_not_offered_again)
{
    begin(NULL);
    sound_and_pictures(&alice);
    negotiate(&alice, &bob);
    for (int side = 0; side < 2; side++) {
        char *offer = created_offer(side == 0 ? &alice : &bob, false);
        CHECK_INT(count(offer, "a=rtcp-mux\r\n"), 2);
        CHECK(strstr(offer, "a=rtcp-mux-only") == NULL && strstr(offer, "a=rtcp:") == NULL);
        CHECK_INT(count(offer, "a=rtcp-rsize\r\n"), 2);
        free(offer);
    }
    end();
}

TEST(mids_credentials_tls_id_and_order_stay_in_later_offers)
{
    begin(NULL);
    sound_and_pictures(&alice);
    negotiate(&alice, &bob);
    sdp_t *before = local_sdp(&alice);
    char *offer = created_offer(&alice, false);
    sdp_t *after = parse_sdp(offer);
    for (size_t i = 0; i < 3; i++) {
        CHECK_TEXT(after->media[i].mid, before->media[i].mid);
        CHECK_TEXT(after->media[i].common.ice_ufrag, before->media[i].common.ice_ufrag);
        CHECK_TEXT(after->media[i].common.tls_id, before->media[i].common.tls_id);
        CHECK_INT(after->media[i].format_count, before->media[i].format_count);
        for (size_t j = 0; j < after->media[i].format_count; j++)
            CHECK_TEXT(after->media[i].formats[j], before->media[i].formats[j]);
    }
    sdp_free(before);
    sdp_free(after);
    free(offer);
    end();
}

TEST(later_offers_have_the_codecs_in_the_order_of_the_last_answer)
{
    begin(NULL);
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    const size_t order[] = {H264, VP8, JSEP_CODEC_RTX};
    CHECK_INT(jsep_set_codec_preferences(bob.session, transceiver(&bob, 0), order, 3), 0);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    char *again = created_offer(&alice, false);
    sdp_t *sdp = parse_sdp(again);
    CHECK_INT(sdp->media[0].format_count, 6);
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[0], (uint8_t)atoi(sdp->media[0].formats[0]))->encoding, "H264");
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[0], (uint8_t)atoi(sdp->media[0].formats[2]))->encoding, "VP8");
    CHECK_TEXT(sdp_media_rtpmap(&sdp->media[0], (uint8_t)atoi(sdp->media[0].formats[4]))->encoding, "VP9"); /* not in the answer: behind */
    sdp_free(sdp);
    free(again);
    free(offer);
    free(answer);
    end();
}

TEST(a_payload_type_is_never_another_codecs)
{
    begin(NULL);
    jsep_transceiver_t *t = add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
    const size_t only_vp8[] = {VP8};
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, only_vp8, 1), 0);
    negotiate(&alice, &bob);
    sdp_t *sdp = local_sdp(&alice);
    CHECK_INT(sdp->media[0].format_count, 1);
    sdp_free(sdp);
    /* A new line with all codecs: the numbers of those that are gone are theirs alone. */
    add_track(&alice, JSEP_VIDEO, "w", "s");
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, NULL, 0), 0);
    char *offer = created_offer(&alice, false);
    sdp = parse_sdp(offer);
    for (size_t i = 0; i < 2; i++) {
        CHECK_TEXT(sdp_media_rtpmap(&sdp->media[i], 96)->encoding, "VP8");
        CHECK_TEXT(sdp_media_fmtp(&sdp->media[i], 97), "apt=96");
        CHECK_TEXT(sdp_media_rtpmap(&sdp->media[i], 98)->encoding, "VP9");
        CHECK_TEXT(sdp_media_fmtp(&sdp->media[i], 99), "apt=98");
    }
    sdp_free(sdp);
    free(offer);
    end();
}

TEST(rtx_is_negotiated_unless_the_preferences_leave_it_out)
{
    begin(NULL);
    const size_t without[] = {VP8, VP9}, with[] = {VP8, JSEP_CODEC_RTX};
    jsep_transceiver_t *t = add_track(&alice, JSEP_VIDEO, "v", "s");
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, without, 2), 0);
    char *offer = created_offer(&alice, false);
    CHECK(strstr(offer, "rtx/90000") == NULL && strstr(offer, "ssrc-group") == NULL);
    free(offer);
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, with, 2), 0);
    negotiate(&alice, &bob);
    CHECK_INT(t->media->send_count, 1);
    CHECK_INT(t->media->send[0].rtx_payload_type, 97);
    end();
}

TEST(msids_stay_when_the_direction_changes)
{
    begin(NULL);
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "a", "s");
    negotiate(&alice, &bob);
    CHECK_INT(jsep_set_direction(alice.session, t, SDP_INACTIVE), 0);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=inactive\r\n") != NULL && strstr(offer, "a=msid:s a\r\n") != NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(transceiver(&bob, 0)->receiver_streams.count, 0);
    CHECK_INT(jsep_stop(alice.session, t), 0);
    char *stopped = created_offer(&alice, false);
    CHECK(strstr(stopped, "m=audio 0 ") != NULL && strstr(stopped, "a=msid:") == NULL);
    free(offer);
    free(stopped);
    end();
}

TEST(a_rejected_m_line_is_used_for_what_was_added_and_a_stopped_one_without_m_line_gets_none)
{
    begin(NULL);
    jsep_transceiver_t *first = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(alice.session, first), 0);
    negotiate(&alice, &bob);
    jsep_transceiver_t *never = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    CHECK_INT(jsep_stop(alice.session, never), 0);
    add(&alice, JSEP_VIDEO, SDP_RECVONLY);
    char *offer = peer_offer(&alice), *again;
    sdp_t *sdp = parse_sdp(offer);
    CHECK_INT(sdp->media_count, 2);
    CHECK_TEXT(sdp->media[0].type, "video");
    CHECK_TEXT(sdp->media[0].mid, "2"); /* a new one */
    /* A second offer before the answer keeps the place. */
    again = peer_offer(&alice);
    sdp_t *second = parse_sdp(again);
    CHECK_INT(second->media_count, 2);
    CHECK_TEXT(second->media[0].mid, "2");
    sdp_free(sdp);
    sdp_free(second);
    free(offer);
    free(again);
    end();
}

TEST(restart_ice_and_its_option_make_new_credentials_and_only_the_former_needs_negotiation)
{
    begin(NULL);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    char *first = created_offer(&alice, false), *restarted = created_offer(&alice, true);
    CHECK_TEXT(first, restarted); /* nothing to restart */
    free(restarted);
    negotiate(&alice, &bob);
    sdp_t *before = local_sdp(&alice);
    char *optional = created_offer(&alice, true);
    CHECK(strstr(optional, before->media[0].common.ice_ufrag) == NULL && !jsep_is_negotiation_needed(alice.session));
    char *plain = created_offer(&alice, false);
    CHECK(strstr(plain, before->media[0].common.ice_ufrag) != NULL);
    jsep_restart_ice(alice.session);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, before->media[0].common.ice_ufrag) == NULL);
    /* Wanted again meanwhile: the pending credentials are to be replaced too. */
    jsep_restart_ice(alice.session);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK(jsep_is_negotiation_needed(alice.session));
    negotiate(&alice, &bob);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    /* Rolled back: still wanted, with other credentials. */
    jsep_restart_ice(alice.session);
    char *lost = peer_offer(&alice);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *next = peer_offer(&alice);
    sdp_t *a = parse_sdp(lost), *b = parse_sdp(next);
    CHECK(strcmp(a->media[0].common.ice_ufrag, b->media[0].common.ice_ufrag) != 0);
    sdp_free(a);
    sdp_free(b);
    sdp_free(before);
    free(first);
    free(optional);
    free(plain);
    free(offer);
    free(answer);
    free(lost);
    free(next);
    end();
}

TEST(a_restart_by_the_other_side_does_for_ours)
{
    begin(NULL);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    jsep_restart_ice(alice.session);
    jsep_restart_ice(bob.session);
    negotiate(&bob, &alice);
    CHECK(!jsep_is_negotiation_needed(alice.session) && !jsep_is_negotiation_needed(bob.session));
    end();
}

TEST(later_offers_of_data_have_the_profile_that_is_right)
{
    peer_init(&alice, 1, NULL);
    char *text = read_sdp_vector("aiortc-offer");
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, text);
    free(peer_answer(&alice));
    char *offer = created_offer(&alice, false);
    CHECK(strstr(offer, " UDP/DTLS/SCTP webrtc-datachannel\r\n") != NULL && strstr(offer, "a=sctp-port:5000\r\n") != NULL);
    CHECK(strstr(offer, "a=sctpmap") == NULL);
    free(offer);
    free(text);
    peer_clear(&alice);
}

TEST(a_thousand_m_lines_are_offered_answered_and_stopped)
{
    begin(NULL);
    for (int i = 0; i < 1000; i++) {
        char track[16];
        snprintf(track, sizeof track, "t%d", i);
        add_track(&alice, (jsep_kind_t)(i % 2), track, "s");
    }
    jsep_want_data(alice.session);
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&bob), 1000);
    for (size_t i = 0; i < 1000; i++)
        CHECK_INT(jsep_stop(alice.session, transceiver(&alice, i)), 0);
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&alice), 0);
    CHECK_INT(transceiver_count(&bob), 0);
    for (int i = 0; i < 1000; i++)
        add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(jsep_description_sdp(alice.session, JSEP_CURRENT_LOCAL)->media_count, 1001);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    end();
}
