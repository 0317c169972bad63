/* DTMF through the public interface: inserted here, told there. When tones begin and end is proven in virtual time (tests/sim). */
#include "pair.h"
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct told {
    char changes[32], heard[32];
    atomic_int change_count, heard_count;
    atomic_int is_done;
} told_t;

static told_t told;

static void on_tone_change(peer_dtmf_sender_t *dtmf, const char *tone, void *user)
{
    told_t *to = user;
    int count = atomic_load(&to->change_count);
    if (count < 31)
        to->changes[count] = *tone != '\0' ? *tone : '$';
    atomic_store(&to->change_count, count + 1);
    if (*tone == '\0')
        atomic_store(&to->is_done, 1);
}

static void on_tone(peer_track_t *track, const char *tone, int32_t duration_ms, void *user)
{
    told_t *to = user;
    int count = atomic_load(&to->heard_count);
    if (count < 31 && duration_ms > 0)
        to->heard[count] = *tone;
    atomic_store(&to->heard_count, count + 1);
}

static void on_callback(pair_side_t *side, pair_callback_t kind, void *object)
{
    if (kind != PAIR_TRACK || side->index != 1)
        return;
    const peer_track_event_t *event = object;
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_tone = on_tone;
    peer_track_add_sink(event->track, &sink, &told);
}

static bool both_connected(pair_t *pair)
{
    return atomic_load(&pair->sides[0].state) == PEER_CONNECTION_CONNECTED &&
           atomic_load(&pair->sides[1].state) == PEER_CONNECTION_CONNECTED;
}

static bool is_done(pair_t *pair)
{
    return atomic_load(&told.is_done) != 0 && atomic_load(&told.heard_count) >= 2;
}

TEST(tones_that_are_inserted_are_told_when_they_begin_and_heard_at_the_other_side)
{
    pair_t pair;
    peer_sender_t *sender;
    peer_dtmf_sender_events_t events;
    memset(&told, 0, sizeof told);
    pair_open(&pair, NULL, NULL);
    pair.sides[1].on_callback = on_callback;
    peer_track_t *track = pair_add_track(&pair.sides[0], PEER_MEDIA_AUDIO, &sender);
    peer_dtmf_sender_t *dtmf = peer_sender_dtmf(sender), *same = peer_sender_dtmf(sender);
    CHECK(dtmf != NULL && dtmf == same);
    peer_dtmf_sender_unref(same);
    CHECK_INT(peer_dtmf_sender_can_insert_dtmf(dtmf), 0);
    CHECK_INT(peer_dtmf_sender_insert_dtmf(dtmf, "1", -1, -1), PEER_ERROR_INVALID_STATE);
    peer_dtmf_sender_events_init(&events, sizeof events);
    events.on_tone_change = on_tone_change;
    CHECK_INT(peer_dtmf_sender_set_events(dtmf, &events, &told), 0);
    CHECK(pair_wait(&pair, both_connected, NULL));
    CHECK_INT(peer_dtmf_sender_can_insert_dtmf(dtmf), 1);
    CHECK_INT(peer_dtmf_sender_insert_dtmf(dtmf, NULL, -1, -1), PEER_ERROR_TYPE);
    CHECK_INT(peer_dtmf_sender_insert_dtmf(dtmf, "1x", -1, -1), PEER_ERROR_INVALID_CHARACTER);
    CHECK_TEXT(peer_error_name(PEER_ERROR_INVALID_CHARACTER), "InvalidCharacterError");
    CHECK_INT(peer_dtmf_sender_insert_dtmf(dtmf, "5d", -1, -1), 0);
    CHECK(pair_wait(&pair, is_done, NULL));
    CHECK_TEXT(told.changes, "5D$");
    CHECK_TEXT(told.heard, "5D");
    char *buffer = peer_dtmf_sender_tone_buffer(dtmf);
    CHECK_TEXT(buffer, "");
    peer_string_free(buffer);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_dtmf_sender_can_insert_dtmf(dtmf), 0);
    CHECK_INT(peer_dtmf_sender_insert_dtmf(dtmf, "1", -1, -1), PEER_ERROR_INVALID_STATE);
    peer_dtmf_sender_unref(dtmf);
    peer_sender_unref(sender);
    peer_track_unref(track);
}

TEST(a_sender_of_pictures_has_no_dtmf)
{
    peer_transceiver_t *transceiver;
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_VIDEO, NULL, &transceiver), 0);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    CHECK(peer_sender_dtmf(sender) == NULL);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    peer_connection_unref(pc);
}

static peer_connection_t *answer_to(const char *vector, char **sdp)
{
    char path[512];
    peer_description_t *offer, *answer;
    snprintf(path, sizeof path, VECTORS "/sdp/%s", vector);
    char *text = test_read_file(path, NULL);
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, text, &offer), 0);
    CHECK_INT(peer_connection_set_remote_description(pc, offer), 0);
    CHECK_INT(peer_connection_create_answer(pc, &answer), 0);
    *sdp = strdup(peer_description_sdp(answer));
    peer_description_unref(offer);
    peer_description_unref(answer);
    free(text);
    return pc;
}

TEST(telephone_events_are_offered_with_both_clocks_and_answered_as_browsers_offer_them)
{
    char *sdp;
    peer_description_t *offer;
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, NULL), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), "a=rtpmap:110 telephone-event/48000\r\n") != NULL);
    CHECK(strstr(peer_description_sdp(offer), "a=rtpmap:126 telephone-event/8000\r\n") != NULL);
    peer_description_unref(offer);
    peer_connection_unref(pc);
    pc = answer_to("chromium-offer.sdp", &sdp);
    CHECK(strstr(sdp, "a=rtpmap:110 telephone-event/48000\r\n") != NULL && strstr(sdp, "a=rtpmap:126 telephone-event/8000\r\n") != NULL);
    free(sdp);
    peer_connection_unref(pc);
    pc = answer_to("firefox-offer.sdp", &sdp);
    CHECK(strstr(sdp, "a=rtpmap:101 telephone-event/8000\r\n") != NULL && strstr(sdp, "telephone-event/48000") == NULL);
    free(sdp);
    peer_connection_unref(pc);
}
