/* Remote tracks and their streams (W3C WebRTC §5.4.1, RFC 9429 §5.8.2, RFC 8830), rollback, and media that come before an answer. */
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

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
#define HASH "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n"
#define TRANSPORT "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 " HASH "a=setup:actpass\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"

TEST(m_lines_without_msid_are_in_one_default_stream)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO VIDEO);
    check_effects(&alice, "created created transport state stream-added stream-added track track");
    CHECK_INT(transceiver(&alice, 0)->receiver_streams.count, 1);
    CHECK_TEXT(transceiver(&alice, 0)->receiver_streams.ids[0], transceiver(&alice, 1)->receiver_streams.ids[0]);
    char *id = memory_string(transceiver(&alice, 0)->receiver_streams.ids[0]);
    free(peer_answer(&alice));
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO VIDEO);
    check_effects(&alice, "state"); /* the same one */
    CHECK_TEXT(transceiver(&alice, 1)->receiver_streams.ids[0], id);
    memory_free(id);
    end();
}

TEST(msids_may_be_none_one_or_several_and_change_without_a_change_of_direction)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO "a=msid:-\r\n" VIDEO "a=msid:x t\r\na=msid:y t\r\na=msid:x t\r\n");
    check_effects(&alice, "created created transport state stream-added stream-added track track");
    CHECK_INT(effect_of(&alice, JSEP_EFFECT_TRACK, 0)->streams.count, 0);
    CHECK_INT(effect_of(&alice, JSEP_EFFECT_TRACK, 1)->streams.count, 2);
    free(peer_answer(&alice));
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO "a=msid:y\r\n" VIDEO "a=msid:y t\r\n");
    check_effects(&alice, "state stream-removed stream-added track");
    CHECK_TEXT(effect_of(&alice, JSEP_EFFECT_STREAM_TRACK_REMOVED, 0)->stream, "x");
    CHECK(effect_of(&alice, JSEP_EFFECT_TRACK, 0)->transceiver == transceiver(&alice, 0)); /* only what gained a stream */
    free(peer_answer(&alice));
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, HEAD TRANSPORT AUDIO "a=msid:-\r\n" VIDEO "a=msid:y t\r\n");
    check_effects(&alice, "state stream-removed");
    end();
}

TEST(msids_of_old_peers_are_read_from_their_ssrc_lines)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER,
                  HEAD TRANSPORT AUDIO "a=ssrc:1 cname:c\r\na=ssrc:1 msid:x t1\r\n" VIDEO "a=ssrc:2 msid:x t2\r\na=ssrc:3 msid:x t2\r\n");
    CHECK_TEXT(transceiver(&alice, 0)->receiver_streams.ids[0], "x");
    CHECK_TEXT(transceiver(&alice, 0)->receiver_track, "t1");
    CHECK_INT(transceiver(&alice, 1)->receiver_streams.count, 1);
    CHECK_TEXT(transceiver(&alice, 1)->receiver_track, "t2");
    end();
}

TEST(streams_of_an_answer_change_without_a_change_of_direction)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    add_track(&bob, JSEP_AUDIO, "b", "t");
    negotiate(&alice, &bob);
    const char *streams[] = {"u", "t"};
    CHECK_INT(jsep_set_streams(bob.session, transceiver(&bob, 0), streams, 2), 0);
    CHECK(jsep_is_negotiation_needed(bob.session));
    negotiate(&alice, &bob); /* any negotiation tells it */
    check_effects(&alice, "media state stream-added track");
    CHECK(!jsep_is_negotiation_needed(bob.session));
    end();
}

TEST(the_stream_events_of_a_rollback_restore_what_was)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    negotiate(&alice, &bob);
    const char *streams[] = {"t"};
    CHECK_INT(jsep_set_streams(alice.session, transceiver(&alice, 0), streams, 1), 0);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "state stream-removed stream-added track");
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    check_effects(&bob, "state stream-removed stream-added track");
    CHECK_TEXT(transceiver(&bob, 0)->receiver_streams.ids[0], "s");
    free(offer);
    end();
}

TEST(mid_receptive_and_media_are_those_of_the_stable_state_after_a_rollback)
{
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "a", "s");
    CHECK(!t->is_receptive);
    char *first = peer_offer(&alice);
    CHECK(t->is_receptive && t->mid != NULL);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK(!t->is_receptive && t->mid == NULL && t->mline_index == -1 && t->media == NULL && t->current_direction == JSEP_NO_DIRECTION);
    negotiate(&alice, &bob);
    const jsep_media_t *media = t->media;
    CHECK_INT(jsep_set_direction(alice.session, t, SDP_INACTIVE), 0);
    char *second = peer_offer(&alice);
    CHECK(!t->is_receptive);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    CHECK(!t->is_receptive && t->media == media && t->current_direction == SDP_SENDONLY);
    CHECK_INT(t->direction, SDP_INACTIVE); /* what the application wants stays */
    free(first);
    free(second);
    end();
}

TEST(a_transceiver_kept_by_its_track_is_taken_by_the_next_remote_offer)
{
    begin();
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    jsep_transceiver_t *t = add_track(&bob, JSEP_AUDIO, "b", "t");
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK(transceiver(&bob, 0) == t && t->mid != NULL);
    free(offer);
    end();
}

TEST(a_transceiver_stopped_by_an_offer_that_is_rolled_back_stays_stopped)
{
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "a", "s");
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(alice.session, t), 0);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK(transceiver(&bob, 0)->is_stopped);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    CHECK(transceiver(&bob, 0)->is_stopped && transceiver(&bob, 0)->mid != NULL);
    CHECK(jsep_is_negotiation_needed(bob.session));
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    negotiate(&bob, &alice);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK(!jsep_is_negotiation_needed(bob.session) && !jsep_is_negotiation_needed(alice.session));
    free(offer);
    end();
}

TEST(a_stopping_transceiver_is_answered_as_before_and_rejected_in_the_next_offer)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    add_track(&bob, JSEP_AUDIO, "b", "t");
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(bob.session, transceiver(&bob, 0)), 0);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    CHECK(strstr(answer, "m=audio 9 ") != NULL && strstr(answer, "a=inactive\r\n") != NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK(!transceiver(&bob, 0)->is_stopped && jsep_is_negotiation_needed(bob.session));
    char *next = peer_offer(&bob);
    CHECK(strstr(next, "m=audio 0 ") != NULL);
    free(next);
    free(offer);
    free(answer);
    end();
}

TEST(add_track_takes_a_sender_that_never_sent_and_no_other)
{
    begin();
    jsep_transceiver_t *first = add(&alice, JSEP_AUDIO, SDP_RECVONLY), *video = add(&alice, JSEP_VIDEO, SDP_INACTIVE), *made;
    CHECK(add_track(&alice, JSEP_AUDIO, "a", "s") == first && first->direction == SDP_SENDRECV);
    CHECK(add_track(&alice, JSEP_VIDEO, "v", "s") == video && video->direction == SDP_SENDONLY);
    const char *stream = "s";
    CHECK_INT(jsep_add_track(alice.session, JSEP_AUDIO, "a", &stream, 1, &made), PEER_ERROR_INVALID_ACCESS);
    negotiate(&alice, &bob);
    CHECK_INT(jsep_remove_track(alice.session, first), 0);
    made = add_track(&alice, JSEP_AUDIO, "b", "s");
    CHECK(made != first);
    CHECK_INT(jsep_replace_track(alice.session, made, NULL), 0);
    CHECK(add_track(&alice, JSEP_AUDIO, "c", "s") == made);
    CHECK_INT(jsep_stop(alice.session, made), 0); /* never negotiated: stopped at once, and its track is free */
    CHECK(add_track(&alice, JSEP_AUDIO, "c", "s") != made);
    CHECK_INT(jsep_stop(alice.session, video), 0); /* stopping only: still a sender of its track */
    CHECK_INT(jsep_add_track(alice.session, JSEP_VIDEO, "v", &stream, 1, &made), PEER_ERROR_INVALID_ACCESS);
    end();
}

TEST(only_transceivers_of_add_track_are_taken_by_a_remote_offer_in_their_order)
{
    begin();
    add(&bob, JSEP_AUDIO, SDP_SENDRECV);
    jsep_transceiver_t *first = add_track(&bob, JSEP_AUDIO, "x", "s"), *second;
    const char *stream = "s";
    CHECK_INT(jsep_add_track(bob.session, JSEP_AUDIO, "y", &stream, 1, &second), 0);
    CHECK(first == transceiver(&bob, 0)); /* addTrack() took the one that addTransceiver() made: this is not one of its own */
    add(&alice, JSEP_AUDIO, SDP_SENDONLY);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&alice, JSEP_AUDIO, SDP_RECVONLY);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK(first->mid == NULL);
    CHECK_TEXT(second->mid, "1"); /* not of the one that only sends */
    CHECK_INT(transceiver_count(&bob), 4);
    free(offer);
    end();
}

TEST(what_our_offer_lets_come_can_be_received_before_the_answer)
{
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_AUDIO, "a", "s");
    free(peer_offer(&alice)); /* no association yet: nothing can come */
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_MEDIA), 0);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    negotiate(&alice, &bob);
    CHECK_INT(t->current_direction, SDP_SENDONLY);
    const jsep_media_t *agreed = t->media;
    jsep_transceiver_t *video = add(&alice, JSEP_VIDEO, SDP_RECVONLY);
    for (int pass = 0; pass < 2; pass++) { /* again, before it is answered */
        free(peer_offer(&alice));
        CHECK(pass == 1 || effect_count(&alice, JSEP_EFFECT_MEDIA) == 2);
        CHECK(t->media->is_early && t->media->direction == SDP_SENDRECV && t->media->send_count == agreed->send_count);
        CHECK(t->media->receive_count > 0 && t->current_direction == SDP_SENDONLY);
        CHECK(video->media->is_early && video->media->direction == SDP_RECVONLY && video->media->send_count == 0);
        CHECK_TEXT(video->media->mid, video->mid);
        CHECK_INT(video->media->receive[0].payload_type, 96);
        CHECK(video->media->extension_count > 0);
    }
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_MEDIA), 2);
    CHECK(t->media == agreed && video->media == NULL);
    negotiate(&alice, &bob);
    CHECK(!t->media->is_early && !video->media->is_early);
    CHECK_INT(t->media->direction, SDP_SENDONLY);
    end();
}

TEST(what_came_before_the_answer_is_muted_when_the_answer_or_a_rollback_refuses_it)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_INACTIVE);
    negotiate(&alice, &bob);
    for (int is_answered = 0; is_answered < 2; is_answered++) {
        CHECK_INT(jsep_set_direction(alice.session, t, SDP_RECVONLY), 0);
        char *offer = peer_offer(&alice);
        CHECK(t->is_receptive && t->media->is_early);
        jsep_receiver_unmuted(t);
        if (is_answered) {
            peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
            char *answer = peer_answer(&bob); /* bob has nothing to send */
            peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
            free(answer);
        } else {
            peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
        }
        CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRACK_MUTED), 1);
        CHECK(t->is_receiver_muted && !t->is_receptive);
        free(offer);
    }
    end();
}

TEST(a_candidate_is_in_every_description_of_its_generation)
{
    static const char text[] = "candidate:1 1 udp 2122194687 192.0.2.2 40010 typ host";
    sdp_candidate_t *candidate;
    bool is_end;
    begin();
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    negotiate(&alice, &bob);
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "0", -1, NULL, &candidate, &is_end), 0);
    memory_free(candidate);
    CHECK_INT(jsep_description_sdp(bob.session, JSEP_PENDING_REMOTE)->media[0].candidate_count, 1);
    CHECK_INT(jsep_description_sdp(bob.session, JSEP_CURRENT_REMOTE)->media[0].candidate_count, 1);
    /* A restart: the new generation's are the pending description's alone. */
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    jsep_restart_ice(alice.session);
    char *restart = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, restart);
    CHECK_INT(jsep_add_remote_candidate(bob.session, text, "0", -1, NULL, &candidate, &is_end), 0);
    memory_free(candidate);
    CHECK_INT(jsep_description_sdp(bob.session, JSEP_PENDING_REMOTE)->media[0].candidate_count, 1);
    CHECK_INT(jsep_description_sdp(bob.session, JSEP_CURRENT_REMOTE)->media[0].candidate_count, 1);
    free(offer);
    free(restart);
    end();
}
