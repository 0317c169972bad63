/* Random sequences of what applications do, on two sides, with glare, rollbacks and offers that are lost. At rest both sides agree. */
#include "jsep_support.h"

#define SEQUENCES 2000
#define STEPS 24
#define ROUNDS_MAX 8 /* negotiations after which nothing may be left to negotiate */

static peer_t sides[2];
static random_seeded_t dice;
static unsigned seed;

static unsigned roll(unsigned limit)
{
    return (unsigned)(random_seeded_next(&dice) % limit);
}

static jsep_transceiver_t *any_transceiver(peer_t *peer)
{
    size_t count = transceiver_count(peer);
    return count != 0 ? transceiver(peer, roll((unsigned)count)) : NULL;
}

static void change(peer_t *peer)
{
    static unsigned serial;
    char track[16], stream[16];
    jsep_transceiver_t *t = any_transceiver(peer);
    snprintf(track, sizeof track, "t%u", serial++);
    snprintf(stream, sizeof stream, "s%u", roll(3));
    jsep_kind_t kind = (jsep_kind_t)roll(2);
    switch (roll(11)) {
    case 0:
    case 1:
        add_track(peer, kind, track, roll(4) != 0 ? stream : NULL);
        break;
    case 2:
        add(peer, kind, (sdp_direction_t)roll(4));
        break;
    case 3:
        if (t != NULL)
            jsep_remove_track(peer->session, t);
        break;
    case 4:
    case 5:
        if (t != NULL)
            jsep_set_direction(peer->session, t, (sdp_direction_t)roll(4));
        break;
    case 6:
        if (t != NULL)
            jsep_stop(peer->session, t);
        break;
    case 7:
        jsep_want_data(peer->session);
        break;
    case 8:
        jsep_restart_ice(peer->session);
        break;
    case 9: {
        const char *streams[] = {"x", stream};
        if (t != NULL)
            jsep_set_streams(peer->session, t, streams, roll(3));
        break;
    }
    default: {
        const size_t audio[] = {PCMA, OPUS, PCMU}, video[] = {VP9, VP8, H264};
        if (t != NULL) /* VP8 and Opus stay among them, so that something is common */
            jsep_set_codec_preferences(peer->session, t, t->kind == JSEP_AUDIO ? audio : video, 2 + roll(2));
        break;
    }
    }
}

static void answer_to(peer_t *offerer, peer_t *answerer, bool meanwhile)
{
    char *answer = peer_answer(answerer);
    if (meanwhile)
        change(offerer);
    if (roll(6) == 0)
        peer_must_set(offerer, JSEP_REMOTE, JSEP_PRANSWER, answer);
    peer_must_set(offerer, JSEP_REMOTE, JSEP_ANSWER, answer);
    free(answer);
}

static void exchange(peer_t *offerer, peer_t *answerer, bool is_random)
{
    char *offer = peer_offer(offerer);
    if (is_random && roll(8) == 0) { /* the offer is lost */
        peer_must_set(offerer, roll(2) != 0 ? JSEP_LOCAL : JSEP_REMOTE, JSEP_ROLLBACK, NULL);
        free(offer);
        return;
    }
    if (is_random && roll(4) == 0) /* glare: the answerer is the polite one */
        free(peer_offer(answerer));
    if (is_random && roll(4) == 0)
        change(answerer);
    peer_must_set(answerer, JSEP_REMOTE, JSEP_OFFER, offer);
    if (is_random && roll(4) == 0)
        change(answerer);
    if (is_random && roll(8) == 0) { /* the answerer gives up */
        peer_must_set(answerer, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
        peer_must_set(offerer, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    } else {
        answer_to(offerer, answerer, is_random && roll(4) == 0);
    }
    free(offer);
}

/* Every payload type that may be sent is one the other side understands in the same way. */
static void check_payloads(const jsep_media_t *from, const jsep_media_t *to)
{
    CHECK_INT(from->send_count, to->receive_count);
    for (size_t i = 0; i < from->send_count; i++) {
        const jsep_payload_t *match = NULL;
        for (size_t j = 0; j < to->receive_count; j++)
            if (to->receive[j].payload_type == from->send[i].payload_type)
                match = &to->receive[j];
        CHECK(match != NULL && match->codec_index == from->send[i].codec_index);
        CHECK_INT(match->rtx_payload_type, from->send[i].rtx_payload_type);
    }
    if (from->send_count > 0) {
        CHECK(to->remote_ssrc_count == 1 && to->remote_ssrcs[0].ssrc == from->ssrc);
        CHECK_TEXT(to->remote_cname, from->cname);
    }
}

static void check_agreement(void)
{
    for (int side = 0; side < 2; side++) {
        const peer_t *us = &sides[side], *them = &sides[1 - side];
        CHECK_INT(jsep_signaling_state(us->session), JSEP_STABLE);
        for (size_t i = 0; i < transceiver_count(us); i++) {
            const jsep_transceiver_t *ours = transceiver(us, i);
            if (ours->is_stopped)
                continue;
            const jsep_transceiver_t *theirs = jsep_transceiver_by_mid(them->session, ours->mid);
            CHECK(theirs != NULL && theirs->mline_index == ours->mline_index && theirs->kind == ours->kind);
            CHECK_INT(theirs->current_direction, sdp_direction_reverse((sdp_direction_t)ours->current_direction));
            CHECK((ours->current_direction & ~(int)ours->direction) == 0);
            CHECK_INT(ours->media->direction, ours->current_direction);
            check_payloads(ours->media, theirs->media);
            if ((ours->current_direction & SDP_SENDONLY) == 0)
                continue;
            CHECK_INT(theirs->receiver_streams.count, ours->sender_streams.count);
            for (size_t j = 0; j < ours->sender_streams.count; j++)
                CHECK_TEXT(theirs->receiver_streams.ids[j], ours->sender_streams.ids[j]);
        }
    }
    const sdp_t *a = jsep_description_sdp(sides[0].session, JSEP_CURRENT_LOCAL),
                *b = jsep_description_sdp(sides[1].session, JSEP_CURRENT_LOCAL);
    CHECK((a == NULL) == (b == NULL));
    if (a != NULL)
        CHECK_INT(a->media_count, b->media_count);
}

static void settle(void)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool needed = false;
        for (int side = 0; side < 2; side++) {
            if (!jsep_is_negotiation_needed(sides[side].session))
                continue;
            exchange(&sides[side], &sides[1 - side], false);
            needed = true;
        }
        if (!needed)
            return;
    }
    test_fail(__FILE__, __LINE__, "seed %u: negotiation is needed for ever", seed);
}

TEST(random_sequences_end_with_two_sides_that_agree)
{
    for (seed = 1; seed <= SEQUENCES; seed++) {
        random_seeded_init(&dice, seed);
        peer_init(&sides[0], seed * 2, NULL);
        peer_init(&sides[1], seed * 2 + 1, NULL);
        for (int step = 0; step < STEPS; step++) {
            int side = (int)roll(2);
            if (roll(3) != 0)
                change(&sides[side]);
            else
                exchange(&sides[side], &sides[1 - side], true);
        }
        settle();
        check_agreement();
        peer_clear(&sides[0]);
        peer_clear(&sides[1]);
    }
}
