/* The signaling state: every state, side and type, legal and illegal; rollback and glare. */
#include "jsep_support.h"

static peer_t alice, bob;

static void begin(void)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    add(&bob, JSEP_AUDIO, SDP_SENDRECV);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

/* Brings alice into a state; *sdp is what the other side would say next. */
static void bring(jsep_state_t state, char **offer, char **answer)
{
    *offer = *answer = NULL;
    if (state == JSEP_HAVE_LOCAL_OFFER || state == JSEP_HAVE_REMOTE_PRANSWER) {
        *offer = peer_offer(&alice);
        peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, *offer);
        *answer = peer_answer(&bob);
        if (state == JSEP_HAVE_REMOTE_PRANSWER)
            peer_must_set(&alice, JSEP_REMOTE, JSEP_PRANSWER, *answer);
    } else if (state == JSEP_HAVE_REMOTE_OFFER || state == JSEP_HAVE_LOCAL_PRANSWER) {
        *offer = peer_offer(&bob);
        peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, *offer);
        text_t text = {0};
        CHECK_INT(jsep_create_answer(alice.session, &text), 0);
        *answer = text.data;
        if (state == JSEP_HAVE_LOCAL_PRANSWER)
            peer_must_set(&alice, JSEP_LOCAL, JSEP_PRANSWER, *answer);
    } else {
        *offer = peer_offer(&bob);
    }
    CHECK_INT(jsep_signaling_state(alice.session), state);
}

static bool is_legal(jsep_state_t state, jsep_side_t side, jsep_type_t type)
{
    bool is_local = side == JSEP_LOCAL;
    switch (state) {
    case JSEP_STABLE:
        return type == JSEP_OFFER;
    case JSEP_HAVE_LOCAL_OFFER:
        return type == JSEP_ROLLBACK || (is_local ? type == JSEP_OFFER : true); /* a remote offer rolls back */
    case JSEP_HAVE_REMOTE_OFFER:
        return type == JSEP_ROLLBACK || (is_local ? type != JSEP_OFFER : type == JSEP_OFFER);
    case JSEP_HAVE_LOCAL_PRANSWER:
        return is_local && (type == JSEP_PRANSWER || type == JSEP_ANSWER);
    case JSEP_HAVE_REMOTE_PRANSWER:
        return !is_local && (type == JSEP_PRANSWER || type == JSEP_ANSWER);
    default:
        return false;
    }
}

static jsep_state_t expected_state(jsep_side_t side, jsep_type_t type)
{
    if (type == JSEP_ANSWER || type == JSEP_ROLLBACK)
        return JSEP_STABLE;
    if (type == JSEP_OFFER)
        return side == JSEP_LOCAL ? JSEP_HAVE_LOCAL_OFFER : JSEP_HAVE_REMOTE_OFFER;
    return side == JSEP_LOCAL ? JSEP_HAVE_LOCAL_PRANSWER : JSEP_HAVE_REMOTE_PRANSWER;
}

static void try_step(jsep_state_t state, jsep_side_t side, jsep_type_t type)
{
    char *offer, *answer;
    begin();
    bring(state, &offer, &answer);
    const char *sdp = type == JSEP_OFFER ? offer : answer;
    char *bobs = NULL;
    if (type == JSEP_OFFER && side == JSEP_REMOTE && (state == JSEP_HAVE_LOCAL_OFFER || state == JSEP_STABLE)) {
        peer_t other;
        peer_init(&other, 9, NULL);
        add(&other, JSEP_AUDIO, SDP_SENDRECV);
        sdp = bobs = peer_offer(&other);
        peer_clear(&other);
    } else if (side == JSEP_LOCAL && type == JSEP_OFFER) {
        sdp = NULL;
    }
    int error = peer_set(&alice, side, type, sdp);
    if (is_legal(state, side, type)) {
        if (error < 0)
            test_fail(__FILE__, __LINE__, "%s, %s, %s: %s", jsep_state_name(state), side == JSEP_LOCAL ? "local" : "remote",
                      jsep_type_name(type), peer_last_error_message());
        CHECK_INT(jsep_signaling_state(alice.session), expected_state(side, type));
    } else {
        bool is_own = side == JSEP_REMOTE || type == JSEP_ROLLBACK || sdp == NULL;
        if (error != (is_own ? PEER_ERROR_INVALID_STATE : PEER_ERROR_INVALID_MODIFICATION))
            test_fail(__FILE__, __LINE__, "%s, %s, %s gives %d", jsep_state_name(state), side == JSEP_LOCAL ? "local" : "remote",
                      jsep_type_name(type), error);
        CHECK_INT(jsep_signaling_state(alice.session), state);
    }
    free(bobs);
    free(offer);
    free(answer);
    end();
}

TEST(every_state_side_and_type_is_as_rfc_9429_and_w3c_say)
{
    for (int state = JSEP_STABLE; state <= JSEP_HAVE_REMOTE_PRANSWER; state++)
        for (int side = JSEP_LOCAL; side <= JSEP_REMOTE; side++)
            for (int type = JSEP_OFFER; type <= JSEP_ROLLBACK; type++)
                try_step((jsep_state_t)state, (jsep_side_t)side, (jsep_type_t)type);
}

TEST(creating_is_allowed_in_the_states_w3c_names)
{
    static const bool offer_is_legal[] = {true, true, false, false, false}, answer_is_legal[] = {false, false, true, true, false};
    for (int state = JSEP_STABLE; state <= JSEP_HAVE_REMOTE_PRANSWER; state++) {
        char *offer, *answer;
        text_t text = {0};
        begin();
        bring((jsep_state_t)state, &offer, &answer);
        CHECK_INT(jsep_create_offer(alice.session, NULL, &text), offer_is_legal[state] ? 0 : PEER_ERROR_INVALID_STATE);
        CHECK_INT(jsep_create_answer(alice.session, &text), answer_is_legal[state] ? 0 : PEER_ERROR_INVALID_STATE);
        CHECK_INT(jsep_signaling_state(alice.session), state);
        text_clear(&text);
        free(offer);
        free(answer);
        end();
    }
}

TEST(a_description_may_be_set_implicitly)
{
    begin();
    CHECK_INT(peer_set_implicitly(&alice), 0);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_HAVE_LOCAL_OFFER);
    CHECK_INT(peer_set_implicitly(&alice), 0);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_HAVE_LOCAL_OFFER);
    jsep_type_t type;
    text_t offer = {0}, answer = {0};
    CHECK(jsep_description_write(alice.session, JSEP_PENDING_LOCAL, &type, &offer));
    CHECK_INT(type, JSEP_OFFER);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer.data);
    CHECK_INT(peer_set_implicitly(&bob), 0);
    CHECK_INT(jsep_signaling_state(bob.session), JSEP_STABLE);
    CHECK(!jsep_description_write(bob.session, JSEP_PENDING_LOCAL, &type, &answer));
    CHECK(jsep_description_write(bob.session, JSEP_CURRENT_LOCAL, &type, &answer));
    CHECK_INT(type, JSEP_ANSWER);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer.data);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_STABLE);
    text_clear(&offer);
    text_clear(&answer);
    end();
}

TEST(a_local_description_has_to_be_the_last_created_one)
{
    begin();
    text_t first = {0}, second = {0};
    CHECK_INT(jsep_create_offer(alice.session, NULL, &first), 0);
    CHECK_INT(jsep_create_offer(alice.session, NULL, &second), 0);
    CHECK_TEXT(first.data, second.data);
    text_clear(&second);
    add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    CHECK_INT(jsep_create_offer(alice.session, NULL, &second), 0);
    CHECK_INT(peer_set(&alice, JSEP_LOCAL, JSEP_OFFER, first.data), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_STABLE);
    CHECK_INT(peer_set(&alice, JSEP_LOCAL, JSEP_OFFER, second.data), 0);
    text_clear(&first);
    text_clear(&second);
    end();
}

TEST(rolling_a_local_offer_back_undoes_it_and_keeps_the_transceivers)
{
    begin();
    free(peer_offer(&alice));
    CHECK_TEXT(transceiver(&alice, 0)->mid, "0");
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    check_effects(&alice, "transport state");
    CHECK(effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport->local_ufrag == NULL);
    CHECK(transceiver(&alice, 0)->mid == NULL);
    CHECK_INT(transceiver(&alice, 0)->mline_index, -1);
    CHECK_INT(transceiver_count(&alice), 1);
    CHECK(jsep_description_sdp(alice.session, JSEP_PENDING_LOCAL) == NULL);
    CHECK(jsep_is_negotiation_needed(alice.session));
    negotiate(&alice, &bob);
    CHECK_INT(transceiver_count(&bob), 2);
    end();
}

TEST(rolling_a_remote_offer_back_removes_what_it_brought)
{
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *offer = peer_offer(&alice);
    add_track(&bob, JSEP_VIDEO, "w", "t");
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "created transport state stream-added track track");
    CHECK_INT(transceiver_count(&bob), 3);
    /* A track attached meanwhile saves the new transceiver; here it does not get one. */
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    check_effects(&bob, "transport stopped removed state stream-removed");
    CHECK_INT(transceiver_count(&bob), 2);
    CHECK(transceiver(&bob, 1)->mid == NULL);
    CHECK_INT(transceiver(&bob, 1)->receiver_streams.count, 0);
    free(offer);
    end();
}

TEST(a_transceiver_that_add_track_took_survives_the_rollback)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
    add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK(add_track(&bob, JSEP_AUDIO, "b", "t") == transceiver(&bob, 0));
    peer_must_set(&bob, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK_INT(transceiver_count(&bob), 1);
    CHECK(transceiver(&bob, 0)->mid == NULL);
    CHECK(jsep_is_negotiation_needed(bob.session));
    free(offer);
    end();
}

TEST(rollback_in_a_running_call_goes_back_to_it)
{
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
    negotiate(&bob, &alice);
    jsep_transceiver_t *t = transceiver(&bob, 0);
    const jsep_media_t *media = t->media;
    char *before = memory_string(t->mid);
    jsep_restart_ice(alice.session);
    add(&alice, JSEP_VIDEO, SDP_SENDONLY);
    jsep_set_direction(alice.session, transceiver(&alice, 1), SDP_INACTIVE);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    size_t during = transceiver_count(&bob);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    CHECK_INT(transceiver_count(&bob), during - 1);
    CHECK_TEXT(t->mid, before);
    CHECK(t->media == media);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_TRACK), 1); /* the video came back */
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_TRANSPORT), 1);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK(jsep_is_negotiation_needed(alice.session));
    negotiate(&bob, &alice);
    negotiate(&alice, &bob);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    memory_free(before);
    free(offer);
    end();
}

TEST(in_glare_the_polite_side_rolls_back_and_answers)
{
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    free(peer_offer(&bob)); /* bob is polite */
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    check_effects(&bob, "transport state created created transport state stream-added track track");
    CHECK_INT(effect_of(&bob, JSEP_EFFECT_SIGNALING_STATE, 0)->state, JSEP_STABLE);
    CHECK_INT(effect_of(&bob, JSEP_EFFECT_SIGNALING_STATE, 1)->state, JSEP_HAVE_REMOTE_OFFER);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK(jsep_is_negotiation_needed(bob.session)); /* its own audio is still to be offered */
    negotiate(&bob, &alice);
    CHECK_INT(transceiver_count(&alice), 3);
    CHECK_INT(transceiver_count(&bob), 3);
    CHECK(!jsep_is_negotiation_needed(alice.session) && !jsep_is_negotiation_needed(bob.session));
    free(offer);
    free(answer);
    end();
}

TEST(an_offer_created_before_a_remote_one_was_rolled_back_is_still_usable)
{
    begin();
    text_t offer = {0};
    CHECK_INT(jsep_create_offer(alice.session, NULL, &offer), 0);
    char *theirs = peer_offer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, theirs);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    peer_must_set(&alice, JSEP_LOCAL, JSEP_OFFER, offer.data);
    peer_must_set(&bob, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer.data);
    text_clear(&offer);
    free(theirs);
    end();
}

TEST(a_provisional_answer_starts_media_and_the_final_one_settles_it)
{
    begin();
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    text_t text = {0};
    CHECK_INT(jsep_create_answer(bob.session, &text), 0);
    peer_must_set(&bob, JSEP_LOCAL, JSEP_PRANSWER, text.data);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_MEDIA), 1);
    CHECK_INT(effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport->dtls_role, JSEP_DTLS_CLIENT);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_PRANSWER, text.data);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_HAVE_REMOTE_PRANSWER);
    CHECK_INT(transceiver(&alice, 0)->current_direction, SDP_SENDONLY);
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(jsep_signaling_state(alice.session), JSEP_STABLE);
    text_clear(&text);
    free(offer);
    free(answer);
    end();
}

TEST(a_failed_step_changes_nothing)
{
    begin();
    add_track(&alice, JSEP_VIDEO, "v", "s");
    jsep_want_data(alice.session);
    char *offer = peer_offer(&alice);
    jsep_description_t description = {JSEP_OFFER, offer, strlen(offer)};
    bool done = false;
    for (unsigned n = 1; !done; n++) {
        jsep_plan_t *plan = NULL;
        memory_fail_nth(n);
        int error = jsep_plan(bob.session, JSEP_REMOTE, &description, &plan);
        memory_fail_nth(0);
        done = error == 0;
        if (!done && error != PEER_ERROR_NO_MEMORY)
            test_fail(__FILE__, __LINE__, "allocation %u: %d, %s", n, error, peer_last_error_message());
        CHECK_INT(jsep_signaling_state(bob.session), JSEP_STABLE);
        CHECK_INT(transceiver_count(&bob), 1);
        CHECK(transceiver(&bob, 0)->mid == NULL);
        jsep_plan_free(plan); /* one that is not applied changes nothing either */
    }
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    done = false;
    for (unsigned n = 1; !done; n++) {
        jsep_plan_t *plan = NULL;
        memory_fail_nth(n);
        int error = jsep_plan(bob.session, JSEP_LOCAL, NULL, &plan);
        memory_fail_nth(0);
        done = error == 0;
        CHECK(done || error == PEER_ERROR_NO_MEMORY);
        CHECK_INT(jsep_signaling_state(bob.session), JSEP_HAVE_REMOTE_OFFER);
        jsep_plan_free(plan);
    }
    char *answer = peer_answer(&bob);
    description = (jsep_description_t){JSEP_ANSWER, answer, strlen(answer)};
    done = false;
    for (unsigned n = 1; !done; n++) {
        jsep_plan_t *plan = NULL;
        memory_fail_nth(n);
        int error = jsep_plan(alice.session, JSEP_REMOTE, &description, &plan);
        memory_fail_nth(0);
        done = error == 0;
        CHECK(done || error == PEER_ERROR_NO_MEMORY);
        CHECK_INT(jsep_signaling_state(alice.session), JSEP_HAVE_LOCAL_OFFER);
        jsep_plan_free(plan);
    }
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    free(offer);
    free(answer);
    end();
}
