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

/* What is tried in every state. Text of a local description is what was created last, none (""), or something else. */
typedef enum operation {
    CREATE_OFFER,
    CREATE_ANSWER,
    LOCAL_IMPLICIT,
    LOCAL_OFFER,
    LOCAL_OFFER_EMPTY,
    LOCAL_OFFER_FOREIGN,
    LOCAL_PRANSWER,
    LOCAL_PRANSWER_EMPTY,
    LOCAL_PRANSWER_FOREIGN,
    LOCAL_ANSWER,
    LOCAL_ANSWER_EMPTY,
    LOCAL_ANSWER_FOREIGN,
    LOCAL_ROLLBACK,
    REMOTE_OFFER,
    REMOTE_PRANSWER,
    REMOTE_ANSWER,
    REMOTE_ROLLBACK,
    REMOTE_OFFER_MALFORMED,
    REMOTE_ANSWER_MALFORMED,
    OPERATION_COUNT
} operation_t;

static const char *const operation_names[OPERATION_COUNT] = {"createOffer",
                                                             "createAnswer",
                                                             "setLocal()",
                                                             "setLocal(offer)",
                                                             "setLocal(offer, \"\")",
                                                             "setLocal(offer, x)",
                                                             "setLocal(pranswer)",
                                                             "setLocal(pranswer, \"\")",
                                                             "setLocal(pranswer, x)",
                                                             "setLocal(answer)",
                                                             "setLocal(answer, \"\")",
                                                             "setLocal(answer, x)",
                                                             "setLocal(rollback)",
                                                             "setRemote(offer)",
                                                             "setRemote(pranswer)",
                                                             "setRemote(answer)",
                                                             "setRemote(rollback)",
                                                             "setRemote(offer, nonsense)",
                                                             "setRemote(answer, nonsense)"};

#define SAME (-100) /* allowed, and the state stays */
enum {
    S = JSEP_STABLE,
    LO = JSEP_HAVE_LOCAL_OFFER,
    RO = JSEP_HAVE_REMOTE_OFFER,
    LP = JSEP_HAVE_LOCAL_PRANSWER,
    RP = JSEP_HAVE_REMOTE_PRANSWER
};
enum { INV = PEER_ERROR_INVALID_STATE, MOD = PEER_ERROR_INVALID_MODIFICATION, SYN = PEER_ERROR_SYNTAX };

/* RFC 9429 §3.2, W3C WebRTC §4.4.1.5 and §4.4.2: what each operation leads to. A local offer that was not created, where an offer may not
 * be created, is not "the last created" (MOD); text is compared before the state is looked at. */
static const int expected[OPERATION_COUNT][5] = {
    /*                            stable  have-local-offer  have-remote-offer  have-local-pranswer  have-remote-pranswer */
    [CREATE_OFFER] = {SAME, SAME, INV, INV, INV},
    [CREATE_ANSWER] = {INV, INV, SAME, SAME, INV},
    [LOCAL_IMPLICIT] = {LO, LO, S, S, INV},
    [LOCAL_OFFER] = {LO, LO, MOD, MOD, MOD},
    [LOCAL_OFFER_EMPTY] = {LO, LO, INV, INV, INV},
    [LOCAL_OFFER_FOREIGN] = {MOD, MOD, MOD, MOD, MOD},
    [LOCAL_PRANSWER] = {MOD, MOD, LP, LP, MOD},
    [LOCAL_PRANSWER_EMPTY] = {INV, INV, LP, LP, INV},
    [LOCAL_PRANSWER_FOREIGN] = {MOD, MOD, MOD, MOD, MOD},
    [LOCAL_ANSWER] = {MOD, MOD, S, S, MOD},
    [LOCAL_ANSWER_EMPTY] = {INV, INV, S, S, INV},
    [LOCAL_ANSWER_FOREIGN] = {MOD, MOD, MOD, MOD, MOD},
    [LOCAL_ROLLBACK] = {INV, S, S, INV, INV},
    [REMOTE_OFFER] = {RO, RO, RO, INV, INV}, /* in have-local-offer after an implicit rollback */
    [REMOTE_PRANSWER] = {INV, RP, INV, INV, RP},
    [REMOTE_ANSWER] = {INV, S, INV, INV, S},
    [REMOTE_ROLLBACK] = {INV, S, S, INV, INV},
    [REMOTE_OFFER_MALFORMED] = {SYN, SYN, SYN, INV, INV},
    [REMOTE_ANSWER_MALFORMED] = {INV, SYN, INV, INV, SYN},
};

/* An offer of somebody else whom alice may answer in any state. */
static char *foreign_offer(void)
{
    peer_t other;
    peer_init(&other, 9, NULL);
    add(&other, JSEP_AUDIO, SDP_SENDRECV);
    char *offer = peer_offer(&other);
    peer_clear(&other);
    return offer;
}

static int set_created(jsep_type_t type)
{
    text_t text = {0};
    int created = type == JSEP_OFFER ? jsep_create_offer(alice.session, NULL, &text) : jsep_create_answer(alice.session, &text);
    /* Where nothing can be created, any text is not what was created last. */
    int error = peer_set(&alice, JSEP_LOCAL, type, created == 0 ? text.data : "v=0\r\n");
    text_clear(&text);
    return error;
}

static int perform(operation_t operation, jsep_state_t state, const char *offer, const char *answer)
{
    text_t text = {0};
    char *foreign = foreign_offer();
    int error = 0;
    switch (operation) {
    case CREATE_OFFER:
        error = jsep_create_offer(alice.session, NULL, &text);
        break;
    case CREATE_ANSWER:
        error = jsep_create_answer(alice.session, &text);
        break;
    case LOCAL_IMPLICIT:
        error = peer_set_implicitly(&alice);
        break;
    case LOCAL_OFFER:
    case LOCAL_PRANSWER:
    case LOCAL_ANSWER:
        error = set_created(operation == LOCAL_OFFER ? JSEP_OFFER : operation == LOCAL_ANSWER ? JSEP_ANSWER : JSEP_PRANSWER);
        break;
    case LOCAL_OFFER_EMPTY:
    case LOCAL_OFFER_FOREIGN:
        error = peer_set(&alice, JSEP_LOCAL, JSEP_OFFER, operation == LOCAL_OFFER_EMPTY ? "" : foreign);
        break;
    case LOCAL_PRANSWER_EMPTY:
    case LOCAL_PRANSWER_FOREIGN:
        error = peer_set(&alice, JSEP_LOCAL, JSEP_PRANSWER, operation == LOCAL_PRANSWER_EMPTY ? "" : foreign);
        break;
    case LOCAL_ANSWER_EMPTY:
    case LOCAL_ANSWER_FOREIGN:
        error = peer_set(&alice, JSEP_LOCAL, JSEP_ANSWER, operation == LOCAL_ANSWER_EMPTY ? "" : foreign);
        break;
    case LOCAL_ROLLBACK:
    case REMOTE_ROLLBACK:
        error = peer_set(&alice, operation == LOCAL_ROLLBACK ? JSEP_LOCAL : JSEP_REMOTE, JSEP_ROLLBACK, NULL);
        break;
    case REMOTE_OFFER:
        error = peer_set(&alice, JSEP_REMOTE, JSEP_OFFER, state == JSEP_HAVE_REMOTE_OFFER ? offer : foreign);
        break;
    case REMOTE_PRANSWER:
    case REMOTE_ANSWER:
        error = peer_set(&alice, JSEP_REMOTE, operation == REMOTE_ANSWER ? JSEP_ANSWER : JSEP_PRANSWER, answer != NULL ? answer : offer);
        break;
    case REMOTE_OFFER_MALFORMED:
    case REMOTE_ANSWER_MALFORMED:
        error = peer_set(&alice, JSEP_REMOTE, operation == REMOTE_OFFER_MALFORMED ? JSEP_OFFER : JSEP_ANSWER, "nonsense");
        break;
    case OPERATION_COUNT:
        break;
    }
    text_clear(&text);
    free(foreign);
    return error;
}

TEST(every_operation_in_every_signaling_state_does_what_rfc_9429_and_w3c_say)
{
    for (int state = JSEP_STABLE; state <= JSEP_HAVE_REMOTE_PRANSWER; state++)
        for (int operation = 0; operation < OPERATION_COUNT; operation++) {
            char *offer, *answer;
            begin();
            bring((jsep_state_t)state, &offer, &answer);
            int outcome = expected[operation][state], error = perform((operation_t)operation, (jsep_state_t)state, offer, answer);
            bool is_error = outcome < 0 && outcome != SAME;
            int after = is_error || outcome == SAME ? state : outcome;
            if (error != (is_error ? outcome : 0) || (int)jsep_signaling_state(alice.session) != after)
                test_fail(__FILE__, __LINE__, "%s, %s: %d (%s), and then %s", jsep_state_name((jsep_state_t)state),
                          operation_names[operation], error, error < 0 ? peer_last_error_message() : "",
                          jsep_state_name(jsep_signaling_state(alice.session)));
            free(offer);
            free(answer);
            end();
        }
}

TEST(a_closed_session_refuses_every_operation)
{
    char *offer, *answer;
    begin();
    bring(JSEP_HAVE_LOCAL_OFFER, &offer, &answer);
    jsep_close(alice.session);
    for (int operation = 0; operation < OPERATION_COUNT; operation++) {
        if (perform((operation_t)operation, JSEP_HAVE_LOCAL_OFFER, offer, answer) != PEER_ERROR_INVALID_STATE)
            test_fail(__FILE__, __LINE__, "%s is not refused", operation_names[operation]);
        CHECK_INT(jsep_signaling_state(alice.session), JSEP_CLOSED);
    }
    free(offer);
    free(answer);
    end();
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
