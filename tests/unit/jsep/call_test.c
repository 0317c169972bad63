/* Two sessions that negotiate with each other. */
#include "jsep_support.h"

static peer_t alice, bob;

static void begin(void)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

TEST(audio_video_and_data_are_agreed_on_by_both_sides)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "alice-audio", "alice-stream");
    add_track(&alice, JSEP_VIDEO, "alice-video", "alice-stream");
    jsep_want_data(alice.session);
    add_track(&bob, JSEP_AUDIO, "bob-audio", "bob-stream");
    add_track(&bob, JSEP_VIDEO, "bob-video", "bob-stream");
    char *offer = peer_offer(&alice);
    check_effects(&alice, "transport state");
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_HAVE_LOCAL_OFFER);
    const jsep_transport_t *transport = effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK(transport->is_local_new && transport->is_controlling && transport->remote_ufrag == NULL);

    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "transport state stream-added stream-added track track");
    CHECK(!effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport->is_controlling);
    CHECK_TEXT(effect_of(&bob, JSEP_EFFECT_TRACK, 1)->streams.ids[0], "alice-stream");
    CHECK_INT(transceiver_count(&bob), 2);

    char *answer = peer_answer(&bob);
    check_effects(&bob, "transport direction direction media media data state");
    CHECK_INT(jsep_signaling_state(bob.session), JSEP_STABLE);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    check_effects(&alice, "transport direction direction media media data state stream-added stream-added track track");
    CHECK_INT(effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role, JSEP_DTLS_SERVER);
    CHECK_INT(effect_of(&alice, JSEP_EFFECT_DATA, 0)->data->remote_port, 5000);
    CHECK_INT(effect_of(&alice, JSEP_EFFECT_DATA, 0)->data->remote_max_message_size, 262144);

    for (size_t i = 0; i < 2; i++) {
        const jsep_transceiver_t *a = transceiver(&alice, i), *b = transceiver(&bob, i);
        CHECK_TEXT(a->mid, b->mid);
        CHECK_INT(a->current_direction, SDP_SENDRECV);
        CHECK_INT(b->current_direction, SDP_SENDRECV);
        CHECK_INT(a->media->send_count, b->media->receive_count);
        CHECK_INT(a->media->remote_ssrc_count, 1);
        CHECK(a->media->remote_ssrcs[0].ssrc == b->ssrc && b->media->remote_ssrcs[0].ssrc == a->ssrc);
        CHECK_TEXT(a->media->remote_cname, b->media->cname);
        CHECK(a->media->rtcp_rsize && a->media->rcvr_rtt && a->media->extmap_allow_mixed);
        CHECK_INT(a->media->extension_count, b->media->extension_count);
    }
    const jsep_media_t *video = transceiver(&alice, 1)->media;
    CHECK_TEXT(video->send[0].codec->name, "VP8");
    CHECK_INT(video->send[0].payload_type, 96);
    CHECK_INT(video->send[0].rtx_payload_type, 97);
    CHECK(jsep_payload_has_feedback(&video->send[0], "nack pli") && !jsep_payload_has_feedback(&video->send[0], "ack"));
    CHECK(video->remote_ssrcs[0].rtx_ssrc == transceiver(&bob, 1)->rtx_ssrc);
    CHECK_TEXT(video->remote_stream, "bob-stream");
    const jsep_media_t *audio = transceiver(&bob, 0)->media;
    CHECK_TEXT(audio->send[0].codec->name, "opus");
    CHECK_TEXT(audio->send[0].fmtp, "minptime=10;useinbandfec=1");
    CHECK_TEXT(audio->receive[1].codec->name, "red");
    CHECK_TEXT(audio->receive[1].fmtp, "111/111");
    CHECK(!jsep_is_negotiation_needed(alice.session) && !jsep_is_negotiation_needed(bob.session));
    free(offer);
    free(answer);
    end();
}

TEST(a_receiver_only_answers_with_recvonly_and_gets_tracks)
{
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK_INT(transceiver(&bob, 0)->direction, SDP_RECVONLY);
    CHECK_INT(transceiver(&bob, 0)->current_direction, SDP_RECVONLY);
    CHECK_TEXT(transceiver(&bob, 0)->receiver_track, "v");
    CHECK_INT(transceiver(&bob, 0)->media->send_count, 0);
    CHECK(transceiver(&bob, 0)->media->receive_count > 0);
    CHECK_INT(transceiver(&alice, 0)->current_direction, SDP_SENDONLY);
    CHECK_INT(transceiver(&alice, 0)->direction, SDP_SENDRECV);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    end();
}

TEST(negotiation_goes_on_from_either_side)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    negotiate(&alice, &bob);
    /* Bob sends on the line that is there. */
    jsep_transceiver_t *t = add_track(&bob, JSEP_AUDIO, "b", "t");
    CHECK(t == transceiver(&bob, 0));
    CHECK(jsep_is_negotiation_needed(bob.session));
    negotiate(&bob, &alice);
    check_effects(&alice, "direction media state");
    CHECK_INT(transceiver(&alice, 0)->current_direction, SDP_SENDRECV);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK_TEXT(transceiver(&alice, 0)->receiver_streams.ids[0], "t");
    CHECK(!jsep_is_negotiation_needed(bob.session));
    /* Alice adds video and data. */
    add_track(&alice, JSEP_VIDEO, "v", "s");
    jsep_want_data(alice.session);
    CHECK(jsep_is_negotiation_needed(alice.session));
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&bob), 2);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_DATA), 1);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRANSPORT), 0);
    /* Roles and credentials stayed. */
    sdp_t *sdp = local_sdp(&bob);
    CHECK_INT(sdp->media[0].common.setup, SDP_SETUP_ACTIVE);
    CHECK_INT(sdp->media_count, 3);
    sdp_free(sdp);
    negotiate(&bob, &alice);
    sdp = local_sdp(&alice);
    CHECK_INT(sdp->media[0].common.setup, SDP_SETUP_PASSIVE);
    sdp_free(sdp);
    end();
}

TEST(directions_changed_in_mid_call_mute_and_bring_back_the_track)
{
    begin();
    jsep_transceiver_t *sender = add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
    jsep_transceiver_t *receiver = transceiver(&bob, 0);
    jsep_receiver_unmuted(receiver);
    CHECK_INT(jsep_remove_track(alice.session, sender), 0);
    CHECK_INT(sender->direction, SDP_RECVONLY);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "state muted stream-removed");
    CHECK_INT(receiver->receiver_streams.count, 0);
    char *answer = peer_answer(&bob);
    check_effects(&bob, "direction media state");
    CHECK_INT(receiver->current_direction, SDP_INACTIVE);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    free(offer);
    free(answer);
    CHECK_INT(jsep_set_direction(alice.session, sender, SDP_SENDONLY), 0);
    offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "state stream-added track");
    free(offer);
    end();
}

TEST(a_stopped_transceiver_leaves_and_its_m_line_is_used_again)
{
    begin();
    jsep_transceiver_t *first = add_track(&alice, JSEP_AUDIO, "a", "s");
    add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(alice.session, first), 0);
    CHECK(first->is_stopping && !first->is_stopped);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "media stopped state stream-removed");
    char *answer = peer_answer(&bob);
    check_effects(&bob, "media rejected removed state");
    CHECK(strstr(answer, "m=audio 0 ") != NULL && strstr(answer, "a=group:BUNDLE 1\r\n") != NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    check_effects(&alice, "direction media media rejected stopped removed state");
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    free(offer);
    free(answer);

    add_track(&bob, JSEP_VIDEO, "w", "t"); /* takes the line that is there */
    add(&bob, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&bob, &alice);
    sdp_t *sdp = local_sdp(&bob);
    CHECK_INT(sdp->media_count, 2);
    CHECK_TEXT(sdp->media[0].type, "video");
    CHECK(strcmp(sdp->media[0].mid, "0") != 0);
    CHECK(sdp->media[0].port != 0);
    sdp_free(sdp);
    CHECK_INT(transceiver_count(&alice), 2);
    CHECK_INT(transceiver(&alice, 1)->mline_index, 0);
    CHECK_INT(transceiver(&alice, 1)->current_direction, SDP_RECVONLY);
    end();
}

TEST(stopping_what_was_never_negotiated_needs_no_negotiation)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    CHECK(jsep_is_negotiation_needed(alice.session));
    CHECK_INT(jsep_stop(alice.session, t), 0);
    CHECK(t->is_stopped && !jsep_is_negotiation_needed(alice.session));
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK_INT(transceiver_count(&bob), 1);
    end();
}

TEST(an_answerer_may_stop_or_refuse_lines)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(jsep_set_direction(bob.session, transceiver(&bob, 0), SDP_INACTIVE), 0);
    CHECK_INT(jsep_stop(bob.session, transceiver(&bob, 1)), 0);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(transceiver(&alice, 0)->current_direction, SDP_INACTIVE);
    CHECK_INT(transceiver(&alice, 1)->current_direction, SDP_INACTIVE);
    CHECK(jsep_is_negotiation_needed(bob.session)); /* to reject what it stopped */
    negotiate(&bob, &alice);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK(!jsep_is_negotiation_needed(alice.session) && !jsep_is_negotiation_needed(bob.session));
    free(offer);
    free(answer);
    end();
}

TEST(an_ice_restart_brings_new_credentials_on_both_sides)
{
    begin();
    jsep_want_data(alice.session);
    negotiate(&alice, &bob);
    sdp_t *before = local_sdp(&alice), *other_before = local_sdp(&bob);
    jsep_restart_ice(alice.session);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    CHECK(effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport->is_local_new);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    const jsep_transport_t *t = effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK(t->is_remote_new && !t->is_local_new);
    char *answer = peer_answer(&bob);
    t = effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK(t->is_local_new && !t->is_remote_new);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK(effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport->is_remote_new);
    sdp_t *after = local_sdp(&alice), *other_after = local_sdp(&bob);
    CHECK(strcmp(before->media[0].common.ice_ufrag, after->media[0].common.ice_ufrag) != 0);
    CHECK(strcmp(other_before->media[0].common.ice_pwd, other_after->media[0].common.ice_pwd) != 0);
    CHECK_INT(after->media[0].common.setup, SDP_SETUP_ACTPASS);
    CHECK_INT(other_after->media[0].common.setup, SDP_SETUP_ACTIVE);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    negotiate(&alice, &bob);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRANSPORT), 0);
    sdp_free(before);
    sdp_free(after);
    sdp_free(other_before);
    sdp_free(other_after);
    free(offer);
    free(answer);
    end();
}

TEST(roles_stay_even_if_a_later_answer_says_otherwise)
{
    begin();
    jsep_want_data(alice.session);
    negotiate(&alice, &bob);
    CHECK_INT(effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role, JSEP_DTLS_CLIENT);
    char *offer = peer_offer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&alice);
    char *setup = strstr(answer, "a=setup:passive");
    CHECK(setup != NULL);
    memcpy(setup, "a=setup:active", 14);
    memmove(setup + 14, setup + 15, strlen(setup + 15) + 1);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_TRANSPORT), 0);
    free(offer);
    free(answer);
    end();
}

TEST(streams_follow_set_streams)
{
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "a", "one");
    negotiate(&alice, &bob);
    const char *streams[] = {"two", "three", "two"};
    CHECK_INT(jsep_set_streams(alice.session, t, streams, 3), 0);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "state stream-removed stream-added stream-added track");
    CHECK_TEXT(effect_of(&bob, JSEP_EFFECT_STREAM_TRACK_REMOVED, 0)->stream, "one");
    CHECK_TEXT(effect_of(&bob, JSEP_EFFECT_STREAM_TRACK_ADDED, 1)->stream, "three");
    CHECK_INT(effect_of(&bob, JSEP_EFFECT_TRACK, 0)->streams.count, 2);
    free(peer_answer(&bob));
    free(offer);
    end();
}

TEST(codec_preferences_order_and_limit_what_is_offered_and_answered)
{
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_VIDEO, "v", "s");
    const size_t order[] = {H264, VP8, H264, JSEP_CODEC_RTX};
    const size_t wrong[] = {OPUS}, nothing[] = {JSEP_CODEC_RTX};
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, wrong, 1), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, nothing, 1), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(jsep_set_codec_preferences(alice.session, t, order, 4), 0);
    negotiate(&alice, &bob);
    CHECK_INT(t->media->send_count, 2);
    CHECK_TEXT(t->media->send[0].codec->name, "H264");
    end();
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(jsep_set_codec_preferences(bob.session, transceiver(&bob, 0), order, 4), 0);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_TEXT(transceiver(&alice, 0)->media->send[0].codec->name, "H264");
    CHECK_INT(transceiver(&alice, 0)->media->send_count, 2);
    free(offer);
    free(answer);
    end();
}

static void accept_simulcast(jsep_configuration_t *configuration)
{
    configuration->receives_simulcast = true;
}

TEST(simulcast_is_offered_accepted_and_cut_down)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, accept_simulcast);
    const char *rids[] = {"h", "m", "l"};
    jsep_transceiver_init_t init = {.direction = SDP_SENDRECV, .track = "v", .rids = rids, .rid_count = 3};
    jsep_transceiver_t *t;
    CHECK_INT(jsep_add_transceiver(alice.session, JSEP_VIDEO, &init, &t), 0);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=simulcast:send h;m;l\r\n") != NULL && strstr(offer, "a=ssrc:") == NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    CHECK(strstr(answer, "a=simulcast:recv h;m;l\r\n") != NULL);
    CHECK_INT(transceiver(&bob, 0)->media->receive_encoding_count, 3);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(t->media->send_encoding_count, 3);
    CHECK_TEXT(t->media->send_encodings[2].rid, "l");
    free(offer);
    free(answer);
    /* The other side no longer wants it. */
    peer_t carol;
    peer_init(&carol, 3, NULL);
    peer_t dave;
    peer_init(&dave, 4, NULL);
    CHECK_INT(jsep_add_transceiver(dave.session, JSEP_VIDEO, &init, &t), 0);
    negotiate(&dave, &carol);
    CHECK_INT(t->media->send_encoding_count, 0);
    offer = peer_offer(&dave);
    CHECK(strstr(offer, "a=simulcast") == NULL && strstr(offer, "a=ssrc:") != NULL);
    free(offer);
    peer_clear(&carol);
    peer_clear(&dave);
    end();
}

TEST(local_candidates_are_written_into_the_descriptions_of_their_generation)
{
    begin();
    jsep_want_data(alice.session);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    char *offer = peer_offer(&alice);
    const char *ufrag = effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport->local_ufrag, *mid;
    int line;
    CHECK(jsep_candidate_mline(alice.session, &mid, &line));
    CHECK_TEXT(mid, "0");
    CHECK_INT(line, 0);
    CHECK_INT(jsep_add_local_candidate(alice.session, ufrag, "candidate:1 1 udp 2122194687 192.0.2.2 40010 typ host"), 0);
    CHECK_INT(jsep_add_local_candidate(alice.session, ufrag,
                                       "candidate:2 1 udp 1677729535 198.51.100.7 46154 typ srflx raddr 192.0.2.2 rport 40010"),
              0);
    CHECK_INT(jsep_add_local_candidate(alice.session, ufrag, "candidate:3 1 udp 2122194687 3a7b.local 40011 typ host"), 0);
    CHECK_INT(jsep_add_local_candidate(alice.session, ufrag, NULL), 0);
    CHECK_INT(jsep_add_local_candidate(alice.session, ufrag, "nonsense"), PEER_ERROR_SYNTAX);
    sdp_t *sdp = local_sdp(&alice);
    CHECK_INT(sdp->media[0].candidate_count, 3);
    CHECK(sdp->media[0].common.end_of_candidates);
    CHECK_INT(sdp->media[0].port, 46154);
    CHECK_INT(sdp->media[1].port, 46154);
    CHECK_TEXT(sdp->media[1].common.connection.address, "198.51.100.7");
    CHECK_INT(sdp->media[1].candidate_count, 0);
    sdp_free(sdp);
    /* The description with candidates inside tells them. */
    jsep_type_t type;
    text_t text = {0};
    CHECK(jsep_description_write(alice.session, JSEP_PENDING_LOCAL, &type, &text));
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, text.data);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_CANDIDATE), 3);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_END_OF_CANDIDATES), 1);
    CHECK_TEXT(effect_of(&bob, JSEP_EFFECT_CANDIDATE, 1)->candidate->address, "198.51.100.7");
    text_clear(&text);
    free(offer);
    end();
}

TEST(trickled_candidates_go_to_the_description_and_to_the_agent)
{
    begin();
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    static const char text[] = "candidate:1 1 udp 2122194687 192.0.2.2 40010 typ host";
    sdp_candidate_t *candidate;
    bool is_end;
    CHECK_INT(jsep_can_trickle(bob.session), -1);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "0", 0, NULL, &candidate, &is_end), PEER_ERROR_INVALID_STATE);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(jsep_can_trickle(bob.session), 1);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "0", -1, NULL, &candidate, &is_end), 0);
    CHECK(candidate != NULL && !is_end && candidate->port == 40010);
    memory_free(candidate);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, NULL, 1, NULL, &candidate, &is_end), 0);
    CHECK(candidate == NULL);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "", 0, NULL, &candidate, &is_end), 0);
    CHECK(candidate != NULL);
    memory_free(candidate);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "7", -1, NULL, &candidate, &is_end), PEER_ERROR_OPERATION);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, NULL, 2, NULL, &candidate, &is_end), PEER_ERROR_OPERATION);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "0", 0, "other", &candidate, &is_end), PEER_ERROR_OPERATION);
    CHECK_INT(jsep_add_remote_candidate(bob.session, "candidate:x", "0", 0, NULL, &candidate, &is_end), PEER_ERROR_OPERATION);
    CHECK_TEXT(peer_last_error_message(), "candidate: component is missing");
    CHECK_INT(jsep_add_remote_candidate(bob.session, "", NULL, -1, NULL, &candidate, &is_end), 0);
    CHECK(candidate == NULL && is_end);
    const sdp_t *remote = jsep_description_sdp(bob.session, JSEP_PENDING_REMOTE);
    CHECK_INT(remote->media[0].candidate_count, 2);
    CHECK(remote->media[1].common.end_of_candidates);
    free(offer);
    end();
}

TEST(a_closed_session_refuses_everything)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    text_t text = {0};
    jsep_close(alice.session);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_CLOSED);
    CHECK_INT(jsep_create_offer(alice.session, NULL, &text), PEER_ERROR_INVALID_STATE);
    CHECK_INT(jsep_stop(alice.session, t), PEER_ERROR_INVALID_STATE);
    CHECK_INT(jsep_set_direction(alice.session, t, SDP_INACTIVE), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_set(&alice, JSEP_REMOTE, JSEP_OFFER, ""), PEER_ERROR_INVALID_STATE);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    end();
}

/* W3C WebRTC §4.4.1.5 with RTCRtpTransceiver.stop(): stopping is not stopped, and what was created can be set. */
TEST(a_transceiver_stopped_between_createoffer_and_setting_it_is_negotiated_and_gets_its_track)
{
    begin();
    text_t offer = {0};
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "alice-audio", "alice-stream");
    add_track(&bob, JSEP_AUDIO, "bob-audio", "bob-stream");
    CHECK_INT(jsep_create_offer(alice.session, NULL, &offer), 0);
    CHECK_INT(jsep_stop(alice.session, t), 0);
    CHECK(t->is_stopping && !t->is_stopped);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_OFFER, offer.data);
    CHECK_TEXT(t->mid, "0");
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer.data);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRACK), 1);
    CHECK_INT(t->current_direction, SDP_SENDRECV);
    CHECK_INT(t->media->direction, SDP_INACTIVE);
    CHECK(jsep_is_negotiation_needed(alice.session));
    free(answer);
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&alice), 0);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    text_clear(&offer);
    end();
}

TEST(a_transceiver_stopped_after_createoffer_is_gone_with_another_offer_that_does_not_have_it)
{
    begin();
    text_t offer = {0};
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    CHECK_INT(jsep_create_offer(alice.session, NULL, &offer), 0);
    CHECK_INT(jsep_stop(alice.session, t), 0);
    CHECK(!t->is_stopped && jsep_is_negotiation_needed(alice.session));
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK_INT(transceiver(&alice, 0)->kind, JSEP_VIDEO);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    text_clear(&offer);
    end();
}
