/* Tracks, transceivers and their halves as the W3C text says (§5.1, §5.2, §5.4), rule by rule, on connections that meet nobody. */
#include "test.h"

#include <peer/peer.h>

#include <stdio.h>
#include <string.h>

static peer_connection_t *open_connection(void)
{
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK(pc != NULL);
    return pc;
}

static peer_track_t *new_track(int32_t kind)
{
    peer_track_t *track;
    CHECK_INT(peer_track_new(kind, NULL, &track), 0);
    return track;
}

static peer_transceiver_t *add_transceiver(peer_connection_t *pc, int32_t kind, int32_t direction)
{
    peer_transceiver_init_t init;
    peer_transceiver_t *transceiver;
    peer_transceiver_init_init(&init, sizeof init);
    init.direction = direction;
    CHECK_INT(peer_connection_add_transceiver(pc, kind, &init, &transceiver), 0);
    return transceiver;
}

static void negotiate(peer_connection_t *offerer, peer_connection_t *answerer)
{
    peer_connection_t *order[] = {offerer, answerer};
    for (int i = 0; i < 2; i++) {
        CHECK_INT(peer_connection_set_local_description(order[i], NULL), 0);
        peer_description_t *description = peer_connection_local_description(order[i]);
        CHECK_INT(peer_connection_set_remote_description(order[1 - i], description), 0);
        peer_description_unref(description);
    }
}

/* ---- §5.1 addTrack ---- */

TEST(add_track_fails_when_closed_and_for_a_track_that_is_sent_already)
{
    peer_connection_t *pc = open_connection();
    peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, NULL), 0);
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, NULL), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(peer_connection_add_track(pc, NULL, NULL, 0, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_connection_add_track(pc, track, &(peer_stream_t *){NULL}, 1, NULL), PEER_ERROR_TYPE);
    peer_connection_close(pc);
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, NULL), PEER_ERROR_INVALID_STATE);
    peer_track_unref(track);
    peer_connection_unref(pc);
}

TEST(add_track_uses_a_sender_that_never_sent_and_adds_sending_to_its_direction)
{
    static const int32_t directions[][2] = {{PEER_DIRECTION_RECVONLY, PEER_DIRECTION_SENDRECV},
                                            {PEER_DIRECTION_INACTIVE, PEER_DIRECTION_SENDONLY},
                                            {PEER_DIRECTION_SENDRECV, PEER_DIRECTION_SENDRECV},
                                            {PEER_DIRECTION_SENDONLY, PEER_DIRECTION_SENDONLY}};
    for (size_t i = 0; i < sizeof directions / sizeof *directions; i++) {
        peer_connection_t *pc = open_connection();
        peer_transceiver_t *transceiver = add_transceiver(pc, PEER_MEDIA_VIDEO, directions[i][0]);
        peer_track_t *audio = new_track(PEER_MEDIA_AUDIO), *video = new_track(PEER_MEDIA_VIDEO);
        peer_sender_t *sender;
        CHECK_INT(peer_connection_add_track(pc, audio, NULL, 0, NULL), 0); /* another kind: a transceiver of its own */
        CHECK_INT(peer_connection_transceivers(pc, NULL, 0), 2);
        CHECK_INT(peer_connection_add_track(pc, video, NULL, 0, &sender), 0);
        CHECK(peer_sender_transceiver(sender) == transceiver);
        CHECK_INT(peer_connection_transceivers(pc, NULL, 0), 2);
        CHECK_INT(peer_transceiver_direction(transceiver), directions[i][1]);
        peer_sender_unref(sender);
        peer_transceiver_unref(transceiver);
        peer_track_unref(audio);
        peer_track_unref(video);
        peer_connection_close(pc);
        peer_connection_unref(pc);
    }
}

TEST(add_track_makes_a_transceiver_where_a_sender_has_sent_or_is_stopping)
{
    peer_connection_t *pc = open_connection(), *other = open_connection();
    peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
    peer_sender_t *sent, *made;
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, &sent), 0);
    negotiate(pc, other);
    CHECK_INT(peer_connection_remove_track(pc, sent), 0);
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, &made), 0);
    CHECK(made != sent);
    CHECK_INT(peer_transceiver_direction(peer_sender_transceiver(made)), PEER_DIRECTION_SENDRECV);
    peer_transceiver_t *stopping = add_transceiver(other, PEER_MEDIA_VIDEO, PEER_DIRECTION_RECVONLY);
    peer_track_t *video = new_track(PEER_MEDIA_VIDEO);
    peer_sender_t *third;
    CHECK_INT(peer_transceiver_stop(stopping), 0);
    CHECK_INT(peer_connection_add_track(other, video, NULL, 0, &third), 0);
    CHECK(peer_sender_transceiver(third) != stopping);
    peer_sender_unref(sent);
    peer_sender_unref(made);
    peer_sender_unref(third);
    peer_transceiver_unref(stopping);
    peer_track_unref(track);
    peer_track_unref(video);
    peer_connection_unref(pc);
    peer_connection_unref(other);
}

TEST(streams_of_a_track_are_in_its_m_line_each_once)
{
    peer_connection_t *pc = open_connection();
    peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
    peer_stream_t *first = peer_stream_new_with_id("first"), *second = peer_stream_new_with_id("second");
    peer_stream_t *streams[] = {first, second, first};
    peer_description_t *offer;
    CHECK_INT(peer_connection_add_track(pc, track, streams, 3, NULL), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    const char *sdp = peer_description_sdp(offer), *at = strstr(sdp, "a=msid:first ");
    CHECK(at != NULL && strstr(at + 1, "a=msid:first ") == NULL && strstr(sdp, "a=msid:second ") != NULL);
    peer_description_unref(offer);
    peer_stream_unref(first);
    peer_stream_unref(second);
    peer_track_unref(track);
    peer_connection_unref(pc);
}

TEST(ids_of_streams_and_tracks_are_what_can_stand_in_a_description)
{
    peer_track_t *track;
    char longest[128];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    static const char *const bad[] = {"", "two words", "a\nline", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(peer_stream_new_with_id(bad[i]) == NULL);
        CHECK_INT(peer_last_error_code(), PEER_ERROR_TYPE);
        CHECK_INT(peer_track_new_with_id(PEER_MEDIA_AUDIO, bad[i], NULL, &track), PEER_ERROR_TYPE);
    }
    peer_stream_t *stream = peer_stream_new_with_id(longest);
    CHECK_TEXT(peer_stream_id(stream), longest);
    peer_stream_unref(stream);
    CHECK_INT(peer_track_new_with_id(PEER_MEDIA_AUDIO, "{some-id}", NULL, &track), 0);
    CHECK_TEXT(peer_track_id(track), "{some-id}");
    peer_track_unref(track);
}

/* ---- §5.1 removeTrack ---- */

TEST(remove_track_fails_when_closed_and_for_a_sender_of_another_connection)
{
    peer_connection_t *pc = open_connection(), *other = open_connection();
    peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
    peer_sender_t *sender;
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, &sender), 0);
    CHECK_INT(peer_connection_remove_track(other, sender), PEER_ERROR_INVALID_ACCESS);
    peer_connection_close(pc);
    CHECK_INT(peer_connection_remove_track(pc, sender), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(sender);
    peer_track_unref(track);
    peer_connection_unref(pc);
    peer_connection_unref(other);
}

TEST(remove_track_takes_track_and_sending_away_once_and_leaves_a_stopping_transceiver_alone)
{
    peer_connection_t *pc = open_connection();
    for (int32_t i = 0; i < 3; i++) {
        peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
        peer_sender_t *sender;
        CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, &sender), 0);
        peer_transceiver_t *transceiver = peer_sender_transceiver(sender);
        if (i == 1)
            CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDONLY), 0);
        if (i == 2)
            CHECK_INT(peer_transceiver_stop(transceiver), 0);
        for (int again = 0; again < 2; again++) {
            CHECK_INT(peer_connection_remove_track(pc, sender), 0);
            peer_track_t *left = peer_sender_track(sender);
            CHECK((left != NULL) == (i == 2));
            peer_track_unref(left);
            CHECK_INT(peer_transceiver_direction(transceiver), i == 0   ? PEER_DIRECTION_RECVONLY
                                                               : i == 1 ? PEER_DIRECTION_INACTIVE
                                                                        : PEER_DIRECTION_STOPPED);
        }
        CHECK_INT(peer_transceiver_stop(transceiver), 0); /* so that the next track has a sender of its own */
        peer_sender_unref(sender);
        peer_track_unref(track);
    }
    peer_connection_unref(pc);
}

/* ---- §5.1 addTransceiver, the lists ---- */

TEST(add_transceiver_checks_kind_direction_track_and_that_the_connection_is_open)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_init_t init;
    peer_track_t *audio = new_track(PEER_MEDIA_AUDIO);
    CHECK_INT(peer_connection_add_transceiver(pc, 2, NULL, NULL), PEER_ERROR_TYPE);
    peer_transceiver_init_init(&init, sizeof init);
    init.direction = PEER_DIRECTION_STOPPED;
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, &init, NULL), PEER_ERROR_TYPE);
    init.direction = PEER_DIRECTION_SENDRECV;
    init.track = audio;
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_VIDEO, &init, NULL), PEER_ERROR_TYPE);
    for (int i = 0; i < 2; i++) /* the same track twice is allowed here */
        CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, &init, NULL), 0);
    CHECK_INT(peer_connection_transceivers(pc, NULL, 0), 2);
    peer_connection_close(pc);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, NULL), PEER_ERROR_INVALID_STATE);
    peer_track_unref(audio);
    peer_connection_unref(pc);
}

TEST(a_new_transceiver_has_no_mid_no_current_direction_and_a_muted_live_remote_track)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_t *transceiver = add_transceiver(pc, PEER_MEDIA_VIDEO, PEER_DIRECTION_RECVONLY);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_track_t *track = peer_receiver_track(receiver);
    CHECK(peer_transceiver_mid(transceiver) == NULL);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_RECVONLY);
    CHECK_INT(peer_transceiver_current_direction(transceiver), -1);
    CHECK_INT(peer_track_muted(track), 1);
    CHECK_INT(peer_track_ready_state(track), PEER_TRACK_LIVE);
    CHECK(peer_sender_track(sender) == NULL);
    CHECK(peer_sender_transceiver(sender) == transceiver && peer_receiver_transceiver(receiver) == transceiver);
    peer_track_unref(track);
    peer_sender_unref(sender);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(transceiver);
    peer_connection_unref(pc);
}

TEST(the_lists_are_in_the_order_of_addition_and_tell_how_many_there_are)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_t *made[3], *listed[3];
    peer_sender_t *senders[2];
    peer_receiver_t *receivers[3];
    for (int32_t i = 0; i < 3; i++)
        made[i] = add_transceiver(pc, i % 2, PEER_DIRECTION_SENDRECV);
    CHECK_INT(peer_connection_transceivers(pc, listed, 3), 3);
    CHECK_INT(peer_connection_senders(pc, senders, 2), 3);
    CHECK_INT(peer_connection_receivers(pc, receivers, 3), 3);
    for (int i = 0; i < 3; i++) {
        CHECK(listed[i] == made[i] && peer_receiver_transceiver(receivers[i]) == made[i]);
        if (i < 2)
            CHECK(peer_sender_transceiver(senders[i]) == made[i]);
        if (i < 2)
            peer_sender_unref(senders[i]);
        peer_receiver_unref(receivers[i]);
        peer_transceiver_unref(listed[i]);
        peer_transceiver_unref(made[i]);
    }
    peer_connection_unref(pc);
}

/* ---- §5.2 replaceTrack, setStreams ---- */

TEST(replace_track_fails_for_another_kind_a_stopping_transceiver_and_a_closed_connection)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_t *transceiver = add_transceiver(pc, PEER_MEDIA_VIDEO, PEER_DIRECTION_SENDRECV),
                       *other = add_transceiver(pc, PEER_MEDIA_VIDEO, PEER_DIRECTION_SENDRECV);
    peer_sender_t *sender = peer_transceiver_sender(transceiver), *others = peer_transceiver_sender(other);
    peer_track_t *audio = new_track(PEER_MEDIA_AUDIO), *video = new_track(PEER_MEDIA_VIDEO);
    CHECK_INT(peer_sender_replace_track(sender, audio), PEER_ERROR_TYPE);
    CHECK_INT(peer_sender_replace_track(sender, video), 0);
    peer_track_t *read = peer_sender_track(sender);
    CHECK(read == video);
    peer_track_unref(read);
    CHECK_INT(peer_sender_replace_track(sender, NULL), 0);
    CHECK(peer_sender_track(sender) == NULL);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_SENDRECV); /* unlike removeTrack() */
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK_INT(peer_sender_replace_track(sender, video), PEER_ERROR_INVALID_STATE);
    peer_connection_close(pc);
    CHECK_INT(peer_sender_replace_track(others, video), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(sender);
    peer_sender_unref(others);
    peer_transceiver_unref(transceiver);
    peer_transceiver_unref(other);
    peer_track_unref(audio);
    peer_track_unref(video);
    peer_connection_unref(pc);
}

TEST(set_streams_replaces_the_streams_and_fails_when_closed)
{
    peer_connection_t *pc = open_connection();
    peer_track_t *track = new_track(PEER_MEDIA_AUDIO);
    peer_stream_t *first = peer_stream_new_with_id("first"), *second = peer_stream_new_with_id("second");
    peer_sender_t *sender;
    peer_description_t *offer;
    CHECK_INT(peer_connection_add_track(pc, track, &first, 1, &sender), 0);
    CHECK_INT(peer_sender_set_streams(sender, &second, 1), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), "a=msid:first ") == NULL && strstr(peer_description_sdp(offer), "a=msid:second ") != NULL);
    peer_description_unref(offer);
    CHECK_INT(peer_sender_set_streams(sender, NULL, 0), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), "a=msid:- ") != NULL);
    peer_description_unref(offer);
    CHECK_INT(peer_sender_set_streams(sender, &(peer_stream_t *){NULL}, 1), PEER_ERROR_TYPE);
    CHECK_INT(peer_sender_set_streams(sender, NULL, 65), PEER_ERROR_RANGE);
    peer_connection_close(pc);
    CHECK_INT(peer_sender_set_streams(sender, &first, 1), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(sender);
    peer_stream_unref(first);
    peer_stream_unref(second);
    peer_track_unref(track);
    peer_connection_unref(pc);
}

/* ---- §5.4 direction, stop ---- */

TEST(a_direction_cannot_be_stopped_nor_set_once_it_is)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_t *transceiver = add_transceiver(pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_STOPPED), PEER_ERROR_TYPE);
    CHECK_INT(peer_transceiver_set_direction(transceiver, 5), PEER_ERROR_TYPE);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDONLY), 0);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_SENDONLY);
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDONLY), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_STOPPED), PEER_ERROR_INVALID_STATE);
    peer_transceiver_unref(transceiver);
    peer_connection_unref(pc);
}

TEST(stop_again_does_nothing_and_fails_when_closed)
{
    peer_connection_t *pc = open_connection();
    peer_transceiver_t *transceiver = add_transceiver(pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV);
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_STOPPED);
    peer_connection_close(pc);
    CHECK_INT(peer_transceiver_stop(transceiver), PEER_ERROR_INVALID_STATE);
    peer_transceiver_unref(transceiver);
    peer_connection_unref(pc);
}

/* ---- certificates ---- */

TEST(a_certificate_tells_its_fingerprint_as_rtc_certificate_does)
{
    peer_certificate_t *certificate;
    CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &certificate), 0);
    CHECK_TEXT(peer_certificate_fingerprint_algorithm(certificate), "sha-256");
    const char *value = peer_certificate_fingerprint_value(certificate), *upper = peer_certificate_fingerprint(certificate);
    CHECK_INT(strlen(value), 95);
    CHECK_INT(strspn(value, "0123456789abcdef:"), 95);
    for (size_t i = 0; i < 95; i++)
        CHECK(value[i] == upper[i] || value[i] == upper[i] + 'a' - 'A');
    peer_certificate_unref(certificate);
    CHECK_INT(peer_certificate_generate(2, 0, &certificate), PEER_ERROR_RANGE);
    CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 31536001, &certificate), PEER_ERROR_RANGE);
}
