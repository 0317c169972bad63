/* RTCPeerConnection's negotiation as the W3C text says, rule by rule: two connections on one manual loop, so that every event has its
 * place; nothing is sent between them but descriptions. */
#include "test.h"

#include <peer/peer.h>

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct side {
    peer_connection_t *pc;
    char log[2048]; /* what was told, each followed by a space */
    peer_stream_t *streams[4];
    size_t stream_count;
} side_t;

typedef struct two {
    peer_loop_t *loop;
    side_t sides[2];
} two_t;

static void note(side_t *side, const char *text)
{
    size_t length = strlen(side->log);
    snprintf(side->log + length, sizeof side->log - length, "%s ", text);
}

static void on_negotiation_needed(peer_connection_t *pc, void *user)
{
    note(user, "negotiationneeded");
}

static void on_signaling_state(peer_connection_t *pc, int32_t state, void *user)
{
    CHECK_INT(state == PEER_SIGNALING_CLOSED, 0);
    note(user, peer_signaling_state_name(state));
}

static void on_add_track(peer_stream_t *stream, peer_track_t *track, void *user)
{
    note(user, "addtrack");
}

static void on_remove_track(peer_stream_t *stream, peer_track_t *track, void *user)
{
    note(user, "removetrack");
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    side_t *side = user;
    char text[64];
    peer_stream_events_t events;
    snprintf(text, sizeof text, "track/%zu", event->stream_count);
    note(side, text);
    peer_stream_events_init(&events, sizeof events);
    events.on_add_track = on_add_track;
    events.on_remove_track = on_remove_track;
    for (size_t i = 0; i < event->stream_count; i++) {
        CHECK_INT(peer_stream_set_events(event->streams[i], &events, side), 0);
        bool is_kept = false;
        for (size_t j = 0; j < side->stream_count; j++)
            is_kept |= side->streams[j] == event->streams[i];
        if (!is_kept && side->stream_count < 4)
            side->streams[side->stream_count++] = peer_stream_ref(event->streams[i]);
    }
}

static void open_two(two_t *two)
{
    static const peer_connection_events_t events = {
        .on_negotiation_needed = on_negotiation_needed, .on_signaling_state_change = on_signaling_state, .on_track = on_track};
    *two = (two_t){.loop = peer_loop_new(PEER_LOOP_MANUAL)};
    CHECK(two->loop != NULL);
    for (int i = 0; i < 2; i++) {
        peer_configuration_t configuration;
        peer_configuration_init(&configuration, sizeof configuration);
        configuration.loop = two->loop;
        two->sides[i].pc = peer_connection_new(&configuration, &events, &two->sides[i]);
        CHECK(two->sides[i].pc != NULL);
    }
}

/* Everything that is due, until nothing is. */
static void dispatch(two_t *two)
{
    for (int i = 0; i < 10; i++) {
        struct pollfd wait = {.fd = peer_loop_fd(two->loop), .events = POLLIN};
        poll(&wait, 1, 1);
        CHECK_INT(peer_loop_dispatch(two->loop), 0);
    }
}

static void close_two(two_t *two)
{
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < two->sides[i].stream_count; j++)
            peer_stream_unref(two->sides[i].streams[j]);
        peer_connection_unref(two->sides[i].pc);
    }
    dispatch(two);
    peer_loop_unref(two->loop);
}

/* What a side was told since the last time. */
#define CHECK_TOLD(two, side, expected)                                                                                                    \
    do {                                                                                                                                   \
        dispatch(two);                                                                                                                     \
        CHECK_TEXT((two)->sides[side].log, expected);                                                                                      \
        (two)->sides[side].log[0] = '\0';                                                                                                  \
    } while (0)

/* One side's local description becomes the other's remote one. */
static void pass(two_t *two, int from)
{
    CHECK_INT(peer_connection_set_local_description(two->sides[from].pc, NULL), 0);
    peer_description_t *description = peer_connection_local_description(two->sides[from].pc);
    CHECK_INT(peer_connection_set_remote_description(two->sides[1 - from].pc, description), 0);
    peer_description_unref(description);
}

static void negotiate(two_t *two, int offerer)
{
    pass(two, offerer);
    pass(two, 1 - offerer);
}

static int set_rollback(peer_connection_t *pc, bool is_remote)
{
    peer_description_t *rollback;
    CHECK_INT(peer_description_new(PEER_SDP_ROLLBACK, NULL, &rollback), 0);
    int result = is_remote ? peer_connection_set_remote_description(pc, rollback) : peer_connection_set_local_description(pc, rollback);
    peer_description_unref(rollback);
    return result;
}

static peer_track_t *new_track(int32_t kind)
{
    peer_track_t *track;
    CHECK_INT(peer_track_new(kind, NULL, &track), 0);
    return track;
}

/* Adds a track of that kind in `count` new streams. */
static peer_sender_t *add_track(peer_connection_t *pc, int32_t kind, size_t count)
{
    peer_track_t *track = new_track(kind);
    peer_stream_t *streams[4];
    peer_sender_t *sender;
    for (size_t i = 0; i < count; i++)
        streams[i] = peer_stream_new();
    CHECK_INT(peer_connection_add_track(pc, track, streams, count, &sender), 0);
    for (size_t i = 0; i < count; i++)
        peer_stream_unref(streams[i]);
    peer_track_unref(track);
    return sender;
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

static peer_transceiver_t *transceiver_at(const peer_connection_t *pc, size_t index)
{
    peer_transceiver_t *transceivers[16];
    size_t count = peer_connection_transceivers(pc, transceivers, 16);
    CHECK(index < count && count <= 16);
    for (size_t i = 0; i < count; i++)
        if (i != index)
            peer_transceiver_unref(transceivers[i]);
    return transceivers[index];
}

static bool offer_has(peer_connection_t *pc, const peer_offer_options_t *options, const char *text)
{
    peer_description_t *offer;
    CHECK_INT(peer_connection_create_offer(pc, options, &offer), 0);
    bool has = strstr(peer_description_sdp(offer), text) != NULL;
    peer_description_unref(offer);
    return has;
}

static int add_candidate(peer_connection_t *pc, const char *text, const char *mid, int32_t index, const char *ufrag)
{
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_new(text, mid, index, ufrag, &candidate), 0);
    int result = peer_connection_add_ice_candidate(pc, candidate);
    peer_ice_candidate_unref(candidate);
    return result;
}

/* ---- §4.4.2 createOffer, §4.4.3 legacy options ---- */

TEST(create_offer_fails_when_closed_and_in_the_states_of_a_remote_offer)
{
    two_t two;
    peer_description_t *offer;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    pass(&two, 0);
    CHECK_INT(peer_connection_create_offer(two.sides[1].pc, NULL, &offer), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, NULL, &offer), 0); /* have-local-offer */
    peer_description_unref(offer);
    peer_connection_close(two.sides[0].pc);
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, NULL, &offer), PEER_ERROR_INVALID_STATE);
    close_two(&two);
}

static void ufrag_of(const peer_description_t *description, char ufrag[64])
{
    const char *at = strstr(peer_description_sdp(description), "a=ice-ufrag:");
    CHECK(at != NULL);
    snprintf(ufrag, 64, "%.*s", (int)strcspn(at, "\r\n"), at);
}

TEST(ice_restart_in_the_options_gives_an_offer_of_new_credentials_that_another_one_has_not)
{
    two_t two;
    peer_offer_options_t options;
    peer_description_t *description;
    char before[64], with[64], without[64];
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    negotiate(&two, 0);
    description = peer_connection_local_description(two.sides[0].pc);
    ufrag_of(description, before);
    peer_description_unref(description);
    peer_offer_options_init(&options, sizeof options);
    options.ice_restart = 1;
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, &options, &description), 0);
    ufrag_of(description, with);
    peer_description_unref(description);
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, NULL, &description), 0);
    ufrag_of(description, without);
    peer_description_unref(description);
    CHECK(strcmp(before, with) != 0);
    CHECK_TEXT(without, before);
    close_two(&two);
}

TEST(offer_to_receive_true_makes_one_recvonly_transceiver_and_no_negotiation_needed)
{
    two_t two;
    peer_offer_options_t options;
    open_two(&two);
    peer_offer_options_init(&options, sizeof options);
    options.offer_to_receive_video = 1;
    CHECK(offer_has(two.sides[0].pc, &options, "m=video"));
    CHECK(offer_has(two.sides[0].pc, &options, "a=recvonly"));
    CHECK_INT(peer_connection_transceivers(two.sides[0].pc, NULL, 0), 1);
    CHECK_TOLD(&two, 0, "");
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0)); /* sendrecv: it would receive already */
    options.offer_to_receive_audio = 1;
    CHECK(offer_has(two.sides[0].pc, &options, "m=audio"));
    CHECK_INT(peer_connection_transceivers(two.sides[0].pc, NULL, 0), 2);
    close_two(&two);
}

TEST(offer_to_receive_false_takes_the_receiving_out_of_the_directions_of_that_kind)
{
    two_t two;
    peer_offer_options_t options;
    open_two(&two);
    peer_transceiver_t *both = add_transceiver(two.sides[0].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV),
                       *receives = add_transceiver(two.sides[0].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_RECVONLY),
                       *other = add_transceiver(two.sides[0].pc, PEER_MEDIA_VIDEO, PEER_DIRECTION_SENDRECV);
    peer_offer_options_init(&options, sizeof options);
    options.offer_to_receive_audio = 0;
    CHECK(!offer_has(two.sides[0].pc, &options, "a=recvonly"));
    CHECK_INT(peer_transceiver_direction(both), PEER_DIRECTION_SENDONLY);
    CHECK_INT(peer_transceiver_direction(receives), PEER_DIRECTION_INACTIVE);
    CHECK_INT(peer_transceiver_direction(other), PEER_DIRECTION_SENDRECV);
    peer_transceiver_unref(both);
    peer_transceiver_unref(receives);
    peer_transceiver_unref(other);
    close_two(&two);
}

TEST(offer_options_that_were_not_filled_are_refused)
{
    two_t two;
    peer_description_t *offer;
    open_two(&two);
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, &(peer_offer_options_t){0}, &offer), PEER_ERROR_TYPE);
    close_two(&two);
}

/* ---- §4.4.2 createAnswer ---- */

TEST(create_answer_fails_when_closed_and_without_a_remote_offer)
{
    two_t two;
    peer_description_t *answer;
    open_two(&two);
    CHECK_INT(peer_connection_create_answer(two.sides[0].pc, &answer), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    pass(&two, 0);
    CHECK_INT(peer_connection_create_answer(two.sides[0].pc, &answer), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_connection_create_answer(two.sides[1].pc, &answer), 0);
    peer_description_unref(answer);
    peer_connection_close(two.sides[1].pc);
    CHECK_INT(peer_connection_create_answer(two.sides[1].pc, &answer), PEER_ERROR_INVALID_STATE);
    close_two(&two);
}

/* ---- §4.4.2 setLocalDescription ---- */

static int set_local(peer_connection_t *pc, int32_t type, const char *sdp)
{
    peer_description_t *description;
    CHECK_INT(peer_description_new(type, sdp, &description), 0);
    int result = peer_connection_set_local_description(pc, description);
    peer_description_unref(description);
    return result;
}

TEST(a_local_description_that_is_not_what_was_created_last_is_refused)
{
    two_t two;
    peer_description_t *offer, *answer;
    char changed[16384];
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_INT(peer_connection_create_offer(two.sides[0].pc, NULL, &offer), 0);
    snprintf(changed, sizeof changed, "%sa=x\r\n", peer_description_sdp(offer));
    CHECK_INT(set_local(two.sides[0].pc, PEER_SDP_OFFER, changed), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, offer), 0);
    CHECK_INT(peer_connection_set_remote_description(two.sides[1].pc, offer), 0);
    CHECK_INT(peer_connection_create_answer(two.sides[1].pc, &answer), 0);
    snprintf(changed, sizeof changed, "%sa=x\r\n", peer_description_sdp(answer));
    CHECK_INT(set_local(two.sides[1].pc, PEER_SDP_ANSWER, changed), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(set_local(two.sides[1].pc, PEER_SDP_PRANSWER, changed), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_connection_set_local_description(two.sides[1].pc, answer), 0);
    peer_description_unref(offer);
    peer_description_unref(answer);
    close_two(&two);
}

TEST(without_a_type_or_sdp_the_description_that_fits_the_state_is_made)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
    CHECK_INT(peer_connection_signaling_state(two.sides[0].pc), PEER_SIGNALING_HAVE_LOCAL_OFFER);
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0); /* an offer again */
    CHECK_INT(peer_connection_signaling_state(two.sides[0].pc), PEER_SIGNALING_HAVE_LOCAL_OFFER);
    peer_description_t *offer = peer_connection_local_description(two.sides[0].pc);
    CHECK_INT(peer_connection_set_remote_description(two.sides[1].pc, offer), 0);
    CHECK_INT(set_local(two.sides[1].pc, PEER_SDP_PRANSWER, ""), 0);
    CHECK_INT(peer_connection_signaling_state(two.sides[1].pc), PEER_SIGNALING_HAVE_LOCAL_PRANSWER);
    CHECK_INT(peer_connection_set_local_description(two.sides[1].pc, NULL), 0); /* the answer */
    CHECK_INT(peer_connection_signaling_state(two.sides[1].pc), PEER_SIGNALING_STABLE);
    CHECK_INT(set_local(two.sides[1].pc, PEER_SDP_ANSWER, ""), PEER_ERROR_INVALID_STATE);
    peer_description_unref(offer);
    close_two(&two);
}

/* ---- §4.4.1.5 set a session description ---- */

TEST(a_rollback_is_refused_when_stable_and_after_a_provisional_answer)
{
    two_t two;
    open_two(&two);
    for (int remote = 0; remote < 2; remote++)
        CHECK_INT(set_rollback(two.sides[0].pc, remote), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    pass(&two, 0);
    CHECK_INT(set_local(two.sides[1].pc, PEER_SDP_PRANSWER, ""), 0);
    peer_description_t *pranswer = peer_connection_local_description(two.sides[1].pc);
    CHECK_INT(peer_connection_set_remote_description(two.sides[0].pc, pranswer), 0);
    for (int i = 0; i < 2; i++)
        for (int remote = 0; remote < 2; remote++)
            CHECK_INT(set_rollback(two.sides[i].pc, remote), PEER_ERROR_INVALID_STATE);
    peer_description_unref(pranswer);
    close_two(&two);
}

static bool has(peer_description_t *description)
{
    bool is_there = description != NULL;
    peer_description_unref(description);
    return is_there;
}

#define CHECK_DESCRIPTIONS(pc, current_local, pending_local, current_remote, pending_remote)                                               \
    do {                                                                                                                                   \
        CHECK_INT(has(peer_connection_current_local_description(pc)), current_local);                                                      \
        CHECK_INT(has(peer_connection_pending_local_description(pc)), pending_local);                                                      \
        CHECK_INT(has(peer_connection_current_remote_description(pc)), current_remote);                                                    \
        CHECK_INT(has(peer_connection_pending_remote_description(pc)), pending_remote);                                                    \
    } while (0)

TEST(descriptions_are_pending_until_the_answer_makes_both_current)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_DESCRIPTIONS(two.sides[0].pc, 0, 0, 0, 0);
    pass(&two, 0);
    CHECK_DESCRIPTIONS(two.sides[0].pc, 0, 1, 0, 0);
    CHECK_DESCRIPTIONS(two.sides[1].pc, 0, 0, 0, 1);
    pass(&two, 1);
    for (int i = 0; i < 2; i++)
        CHECK_DESCRIPTIONS(two.sides[i].pc, 1, 0, 1, 0);
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
    CHECK_DESCRIPTIONS(two.sides[0].pc, 1, 1, 1, 0);
    CHECK_INT(set_rollback(two.sides[0].pc, false), 0);
    CHECK_DESCRIPTIONS(two.sides[0].pc, 1, 0, 1, 0);
    close_two(&two);
}

TEST(signalingstatechange_comes_when_the_state_changes_and_not_when_an_offer_replaces_one)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    pass(&two, 0);
    CHECK_TOLD(&two, 0, "have-local-offer ");
    CHECK_TOLD(&two, 1, "have-remote-offer track/0 ");
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
    CHECK_TOLD(&two, 0, "");
    pass(&two, 1);
    CHECK_TOLD(&two, 0, "stable ");
    CHECK_TOLD(&two, 1, "stable ");
    close_two(&two);
}

TEST(an_offer_in_have_local_offer_rolls_back_first_and_both_states_are_told)
{
    two_t two;
    open_two(&two);
    for (int i = 0; i < 2; i++)
        peer_sender_unref(add_track(two.sides[i].pc, PEER_MEDIA_AUDIO, 0));
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_connection_set_local_description(two.sides[i].pc, NULL), 0);
    for (int i = 0; i < 2; i++)
        CHECK_TOLD(&two, i, "have-local-offer ");
    peer_description_t *offer = peer_connection_local_description(two.sides[0].pc);
    CHECK_INT(peer_connection_set_remote_description(two.sides[1].pc, offer), 0);
    CHECK_TOLD(&two, 1, "stable have-remote-offer track/0 ");
    peer_description_unref(offer);
    pass(&two, 1);
    CHECK_TOLD(&two, 1, "stable ");
    close_two(&two);
}

TEST(a_stream_tells_its_tracks_before_the_track_event_and_after_the_state)
{
    two_t two;
    open_two(&two);
    peer_stream_t *stream = peer_stream_new();
    peer_track_t *tracks[2] = {new_track(PEER_MEDIA_AUDIO), new_track(PEER_MEDIA_VIDEO)};
    peer_sender_t *sender;
    CHECK_INT(peer_connection_add_track(two.sides[0].pc, tracks[0], &stream, 1, NULL), 0);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer track/1 stable ");
    CHECK_INT(two.sides[1].stream_count, 1);
    CHECK_TEXT(peer_stream_id(two.sides[1].streams[0]), peer_stream_id(stream));
    CHECK_INT(peer_stream_track_count(two.sides[1].streams[0]), 1);
    CHECK_INT(peer_connection_add_track(two.sides[0].pc, tracks[1], &stream, 1, &sender), 0);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer addtrack track/1 stable ");
    CHECK_INT(peer_stream_track_count(two.sides[1].streams[0]), 2);
    CHECK_INT(two.sides[1].stream_count, 1); /* the same object */
    CHECK_INT(peer_connection_remove_track(two.sides[0].pc, sender), 0);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer removetrack stable ");
    CHECK_INT(peer_stream_track_count(two.sides[1].streams[0]), 1);
    peer_sender_unref(sender);
    peer_stream_unref(stream);
    for (int i = 0; i < 2; i++)
        peer_track_unref(tracks[i]);
    close_two(&two);
}

TEST(other_streams_of_a_track_are_told_with_another_track_event)
{
    two_t two;
    open_two(&two);
    peer_stream_t *streams[2] = {peer_stream_new(), peer_stream_new_with_id("a-stream-of-my-own")};
    peer_sender_t *sender = add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer track/0 stable ");
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    CHECK_INT(peer_sender_set_streams(sender, streams, 2), 0);
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer track/2 stable ");
    CHECK_TEXT(peer_stream_id(two.sides[1].streams[1]), "a-stream-of-my-own");
    CHECK_INT(peer_sender_set_streams(sender, streams, 1), 0);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer removetrack stable ");
    CHECK_INT(peer_stream_track_count(two.sides[1].streams[1]), 0);
    for (int i = 0; i < 2; i++)
        peer_stream_unref(streams[i]);
    peer_sender_unref(sender);
    close_two(&two);
}

/* The offer of an m-line of sound with these ids. */
static peer_description_t *offer_with(const char *line)
{
    char sdp[2000];
    peer_description_t *offer;
    snprintf(sdp, sizeof sdp,
             "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
             "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendrecv\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
             "a=setup:actpass\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
             "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n%s\r\n",
             line);
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, sdp, &offer), 0);
    return offer;
}

TEST(a_stream_of_the_peer_is_one_object_however_long_its_id)
{
    two_t two;
    char line[700], id[301];
    memset(id, 's', 300);
    id[300] = '\0';
    open_two(&two);
    for (int i = 0; i < 2; i++) { /* the second time without the stream */
        snprintf(line, sizeof line, "a=msid:%s track-%s", i == 0 ? id : "-", id);
        peer_description_t *offer = offer_with(line);
        CHECK_INT(peer_connection_set_remote_description(two.sides[0].pc, offer), 0);
        CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
        peer_description_unref(offer);
        dispatch(&two);
        CHECK_INT(two.sides[0].stream_count, 1);
        CHECK_TEXT(peer_stream_id(two.sides[0].streams[0]), id);
        CHECK_INT(peer_stream_track_count(two.sides[0].streams[0]), i == 0);
    }
    peer_receiver_t *receiver;
    CHECK_INT(peer_connection_receivers(two.sides[0].pc, &receiver, 1), 1);
    peer_track_t *track = peer_receiver_track(receiver);
    CHECK_INT(strlen(peer_track_id(track)), 306);
    peer_track_unref(track);
    peer_receiver_unref(receiver);
    close_two(&two);
}

TEST(statistics_can_be_had_whatever_bytes_the_peer_writes)
{
    two_t two;
    peer_stats_report_t *report;
    size_t found = 0;
    open_two(&two);
    peer_description_t *offer = offer_with("a=candidate:A\xff"
                                           "B\xc3\xa9\xe2\x82 1 udp 1 192.0.2.1 5000 typ host");
    CHECK_INT(peer_connection_set_remote_description(two.sides[0].pc, offer), 0);
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
    peer_description_unref(offer);
    CHECK_INT(peer_connection_get_stats(two.sides[0].pc, &report), 0);
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        if (strcmp(peer_stats_report_type(report, i), "remote-candidate") == 0) {
            CHECK_TEXT(peer_stats_report_string(report, i, "foundation"), "A\xef\xbf\xbd"
                                                                          "B\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
            found++;
        }
    CHECK_INT(found, 1);
    peer_stats_report_unref(report);
    close_two(&two);
}

TEST(a_rollback_of_a_remote_offer_takes_its_transceivers_tracks_and_streams_back)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 1));
    pass(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer track/1 ");
    peer_transceiver_t *transceiver = transceiver_at(two.sides[1].pc, 0);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_track_t *track = peer_receiver_track(receiver);
    CHECK(peer_transceiver_mid(transceiver) != NULL);
    CHECK_INT(set_rollback(two.sides[1].pc, true), 0);
    CHECK_TOLD(&two, 1, "stable removetrack ");
    CHECK_INT(peer_connection_transceivers(two.sides[1].pc, NULL, 0), 0);
    CHECK(peer_transceiver_mid(transceiver) == NULL);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_transceiver_current_direction(transceiver), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_track_ready_state(track), PEER_TRACK_ENDED);
    peer_track_unref(track);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(transceiver);
    close_two(&two);
}

TEST(a_rejected_m_line_stops_the_transceiver_and_the_answer_takes_it_off_the_list)
{
    two_t two;
    open_two(&two);
    peer_sender_t *sender = add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 1);
    negotiate(&two, 0);
    peer_transceiver_t *ours = transceiver_at(two.sides[0].pc, 0), *theirs = transceiver_at(two.sides[1].pc, 0);
    dispatch(&two);
    two.sides[1].log[0] = '\0';
    CHECK_INT(peer_transceiver_stop(ours), 0);
    CHECK_INT(peer_transceiver_direction(ours), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_transceiver_current_direction(ours), PEER_DIRECTION_SENDONLY);
    CHECK_INT(peer_connection_transceivers(two.sides[0].pc, NULL, 0), 1); /* stopping */
    CHECK_INT(peer_connection_senders(two.sides[0].pc, NULL, 0), 1);
    pass(&two, 0);
    CHECK_TOLD(&two, 1, "have-remote-offer removetrack ");
    CHECK_INT(peer_transceiver_current_direction(theirs), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_connection_senders(two.sides[1].pc, NULL, 0), 0); /* stopped */
    CHECK_INT(peer_connection_receivers(two.sides[1].pc, NULL, 0), 0);
    CHECK_INT(add_candidate(two.sides[1].pc, "candidate:of a stopped one", NULL, 0, "foreign"), 0); /* it is not looked at */
    pass(&two, 1);
    dispatch(&two);
    for (int i = 0; i < 2; i++) {
        peer_transceiver_t *transceiver = i == 0 ? ours : theirs;
        CHECK_INT(peer_connection_transceivers(two.sides[i].pc, NULL, 0), 0);
        CHECK_INT(peer_transceiver_current_direction(transceiver), PEER_DIRECTION_STOPPED);
        CHECK_INT(peer_transceiver_stop(transceiver), 0); /* again */
        CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDRECV), PEER_ERROR_INVALID_STATE);
    }
    CHECK_INT(peer_connection_remove_track(two.sides[0].pc, sender), 0); /* §5.1 removeTrack step 8: nothing happens */
    peer_track_t *track = peer_sender_track(sender);
    CHECK(track != NULL); /* stopping does not take it away */
    peer_track_unref(track);
    peer_sender_unref(sender);
    peer_transceiver_unref(ours);
    peer_transceiver_unref(theirs);
    close_two(&two);
}

TEST(transceivers_and_streams_that_come_and_go_leave_no_objects_behind)
{
    two_t two;
    size_t settled = 0;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_VIDEO, 0));
    negotiate(&two, 0);
    for (int round = 0; round < 300; round++) {
        peer_sender_t *sender = add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 1);
        negotiate(&two, 0);
        CHECK_INT(peer_loop_dispatch(two.loop), 0);
        for (size_t i = 0; i < two.sides[1].stream_count; i++)
            peer_stream_unref(two.sides[1].streams[i]);
        two.sides[1].stream_count = 0;
        CHECK_INT(peer_transceiver_stop(peer_sender_transceiver(sender)), 0);
        peer_sender_unref(sender);
        negotiate(&two, 0);
        CHECK_INT(peer_loop_dispatch(two.loop), 0);
        for (int i = 0; i < 2; i++) {
            CHECK_INT(peer_connection_transceivers(two.sides[i].pc, NULL, 0), 1);
            two.sides[i].log[0] = '\0';
        }
        if (round == 50)
            settled = mallinfo2().uordblks;
    }
    size_t end = mallinfo2().uordblks;
    test_note("%zu bytes in use after 50 rounds, %zu after 300", settled, end);
    CHECK(end < settled + 131072); /* an object of each round would be more than that */
    close_two(&two);
}

static peer_description_t *offer_with_mid(const char *mid)
{
    char sdp[2000];
    peer_description_t *like = offer_with("a=ice-options:trickle"), *offer;
    const char *text = peer_description_sdp(like), *group = strstr(text, "BUNDLE 0") + 7, *line = strstr(text, "a=mid:0") + 6;
    snprintf(sdp, sizeof sdp, "%.*s%s%.*s%s%s", (int)(group - text), text, mid, (int)(line - group - 1), group + 1, mid, line + 1);
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, sdp, &offer), 0);
    peer_description_unref(like);
    return offer;
}

TEST(a_mid_that_was_read_stays_readable_and_endless_rollbacks_hold_no_memory)
{
    enum { ROUNDS = 10000, KEPT = 8 };
    const char *read[KEPT] = {NULL};
    size_t settled = 0;
    two_t two;
    open_two(&two);
    peer_connection_t *pc = two.sides[0].pc;
    peer_sender_t *sender = add_track(pc, PEER_MEDIA_AUDIO, 0);
    peer_transceiver_t *transceiver = transceiver_at(pc, 0);
    for (int round = 0; round < ROUNDS; round++) {
        char mid[20], old[20];
        snprintf(mid, sizeof mid, "mid-%08d", round);
        peer_description_t *offer = offer_with_mid(mid);
        CHECK_INT(peer_connection_set_remote_description(pc, offer), 0);
        read[round % KEPT] = peer_transceiver_mid(transceiver);
        CHECK_TEXT(read[round % KEPT], mid);
        CHECK(peer_transceiver_mid(transceiver) == read[round % KEPT]);
        CHECK_INT(set_rollback(pc, true), 0);
        CHECK(peer_transceiver_mid(transceiver) == NULL);
        peer_description_unref(offer);
        for (int i = round < KEPT ? 0 : round - KEPT + 1; i < round; i++) {
            snprintf(old, sizeof old, "mid-%08d", i);
            CHECK_TEXT(read[i % KEPT], old);
        }
        CHECK_INT(peer_loop_dispatch(two.loop), 0);
        two.sides[0].log[0] = '\0';
        if (round == ROUNDS / 10)
            settled = mallinfo2().uordblks;
    }
    CHECK(mallinfo2().uordblks < settled + 131072); /* every mid would be more than that */
    peer_transceiver_unref(transceiver);
    peer_sender_unref(sender);
    close_two(&two);
}

/* ---- §4.4.2 addIceCandidate ---- */

TEST(add_ice_candidate_goes_by_the_rules_of_its_steps)
{
    static const char good[] = "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host";
    two_t two;
    char ufrag[64];
    open_two(&two);
    peer_connection_t *pc = two.sides[1].pc;
    CHECK_INT(add_candidate(pc, good, "0", 0, NULL), PEER_ERROR_INVALID_STATE); /* no remote description */
    CHECK_INT(peer_connection_add_ice_candidate(pc, NULL), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    pass(&two, 0);
    peer_description_t *offer = peer_connection_local_description(two.sides[0].pc);
    ufrag_of(offer, ufrag);
    peer_description_unref(offer);
    CHECK_INT(add_candidate(pc, good, "0", -1, NULL), 0);
    CHECK_INT(add_candidate(pc, good, NULL, 0, ufrag + strlen("a=ice-ufrag:")), 0);
    CHECK_INT(add_candidate(pc, good, "0", 7, NULL), 0); /* sdpMid goes before */
    CHECK_INT(add_candidate(pc, good, "nowhere", 0, NULL), PEER_ERROR_OPERATION);
    CHECK_INT(add_candidate(pc, good, NULL, 1, NULL), PEER_ERROR_OPERATION);
    CHECK_INT(add_candidate(pc, good, "0", 0, "foreign"), PEER_ERROR_OPERATION);
    CHECK_INT(add_candidate(pc, "candidate:what", "0", 0, NULL), PEER_ERROR_OPERATION);
    CHECK_INT(add_candidate(pc, "", "0", 0, NULL), 0);
    CHECK_INT(peer_connection_add_ice_candidate(pc, NULL), 0); /* of all m-lines */
    offer = peer_connection_pending_remote_description(pc);
    CHECK(strstr(peer_description_sdp(offer), "192.0.2.1 50000 typ host") != NULL);
    CHECK(strstr(peer_description_sdp(offer), "a=end-of-candidates") != NULL);
    peer_description_unref(offer);
    peer_connection_close(pc);
    CHECK_INT(add_candidate(pc, good, "0", 0, NULL), PEER_ERROR_INVALID_STATE);
    close_two(&two);
}

TEST(a_candidate_that_does_not_parse_keeps_its_text_and_has_no_parts)
{
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_new("candidate:what is this", "0", -1, NULL, &candidate), 0);
    CHECK_TEXT(peer_ice_candidate_candidate(candidate), "candidate:what is this");
    CHECK(peer_ice_candidate_foundation(candidate) == NULL && peer_ice_candidate_protocol(candidate) == NULL);
    CHECK_INT(peer_ice_candidate_type(candidate), -1);
    peer_ice_candidate_unref(candidate);
}

TEST(can_trickle_is_null_before_a_remote_description_and_then_what_it_says)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_connection_can_trickle_ice_candidates(two.sides[i].pc), -1);
    negotiate(&two, 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_connection_can_trickle_ice_candidates(two.sides[i].pc), 1);
    close_two(&two);
}

/* ---- §4.4.2 restartIce ---- */

TEST(restart_ice_needs_negotiation_and_the_offer_has_new_credentials_until_it_is_answered)
{
    two_t two;
    char before[64], after[64];
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    negotiate(&two, 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    peer_description_t *description = peer_connection_local_description(two.sides[0].pc);
    ufrag_of(description, before);
    peer_description_unref(description);
    CHECK_INT(peer_connection_restart_ice(two.sides[0].pc), 0);
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    CHECK_INT(peer_connection_is_negotiation_needed(two.sides[0].pc), 1);
    negotiate(&two, 0);
    description = peer_connection_local_description(two.sides[0].pc);
    ufrag_of(description, after);
    peer_description_unref(description);
    CHECK(strcmp(before, after) != 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    CHECK_INT(peer_connection_is_negotiation_needed(two.sides[0].pc), 0);
    peer_connection_close(two.sides[0].pc);
    CHECK_INT(peer_connection_restart_ice(two.sides[0].pc), PEER_ERROR_INVALID_STATE);
    close_two(&two);
}

/* ---- §4.4.2 close ---- */

TEST(closing_sets_every_state_and_tells_none)
{
    two_t two;
    open_two(&two);
    peer_sender_t *sender = add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0);
    negotiate(&two, 0);
    peer_transceiver_t *transceiver = transceiver_at(two.sides[0].pc, 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    peer_connection_close(two.sides[0].pc);
    CHECK_INT(peer_connection_signaling_state(two.sides[0].pc), PEER_SIGNALING_CLOSED);
    CHECK_INT(peer_connection_ice_connection_state(two.sides[0].pc), PEER_ICE_CONNECTION_CLOSED);
    CHECK_INT(peer_connection_connection_state(two.sides[0].pc), PEER_CONNECTION_CLOSED);
    CHECK_INT(peer_transceiver_direction(transceiver), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_transceiver_current_direction(transceiver), PEER_DIRECTION_STOPPED);
    CHECK_INT(peer_connection_transceivers(two.sides[0].pc, NULL, 0), 1);
    CHECK_INT(peer_connection_senders(two.sides[0].pc, NULL, 0), 0);
    peer_track_t *track = peer_sender_track(sender);
    CHECK(track != NULL);
    peer_track_unref(track);
    peer_connection_close(two.sides[0].pc);
    CHECK_TOLD(&two, 0, "");
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    close_two(&two);
}

/* ---- §4.7.3 negotiation-needed ---- */

TEST(negotiationneeded_comes_once_for_many_changes_and_not_for_one_taken_back)
{
    two_t two;
    open_two(&two);
    for (int i = 0; i < 3; i++)
        peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0)); /* it is known */
    CHECK_TOLD(&two, 0, "");
    peer_transceiver_t *transceiver = add_transceiver(two.sides[1].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV);
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK_TOLD(&two, 1, "");
    peer_transceiver_unref(transceiver);
    transceiver = add_transceiver(two.sides[1].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV);
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    peer_transceiver_unref(transceiver);
    peer_transceiver_unref(add_transceiver(two.sides[1].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV));
    CHECK_TOLD(&two, 1, "negotiationneeded ");
    close_two(&two);
}

TEST(negotiationneeded_does_not_come_between_offer_and_answer_but_after_them)
{
    two_t two;
    open_two(&two);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0); /* before the task's turn */
    CHECK_TOLD(&two, 0, "have-local-offer ");
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_VIDEO, 0));
    CHECK_TOLD(&two, 0, "");
    peer_description_t *offer = peer_connection_local_description(two.sides[0].pc);
    CHECK_INT(peer_connection_set_remote_description(two.sides[1].pc, offer), 0);
    peer_description_unref(offer);
    pass(&two, 1);
    CHECK_TOLD(&two, 0, "stable negotiationneeded ");
    negotiate(&two, 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    CHECK_INT(peer_connection_set_local_description(two.sides[0].pc, NULL), 0);
    peer_sender_unref(add_track(two.sides[0].pc, PEER_MEDIA_AUDIO, 0));
    CHECK_INT(set_rollback(two.sides[0].pc, false), 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable negotiationneeded ");
    close_two(&two);
}

TEST(a_direction_a_first_channel_and_a_stop_need_negotiation_and_what_changes_nothing_does_not)
{
    two_t two;
    peer_data_channel_t *channel;
    open_two(&two);
    peer_transceiver_t *transceiver = add_transceiver(two.sides[0].pc, PEER_MEDIA_AUDIO, PEER_DIRECTION_SENDRECV);
    negotiate(&two, 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_SENDRECV), 0); /* as it is */
    CHECK_TOLD(&two, 0, "");
    CHECK_INT(peer_transceiver_set_direction(transceiver, PEER_DIRECTION_INACTIVE), 0);
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    negotiate(&two, 0);
    CHECK_TOLD(&two, 0, "have-local-offer stable ");
    for (int i = 0; i < 2; i++) {
        CHECK_INT(peer_connection_create_data_channel(two.sides[0].pc, "c", NULL, NULL, NULL, &channel), 0);
        peer_data_channel_unref(channel);
        CHECK_TOLD(&two, 0, i == 0 ? "negotiationneeded " : "");
        if (i == 0)
            negotiate(&two, 0);
        if (i == 0)
            CHECK_TOLD(&two, 0, "have-local-offer stable ");
    }
    CHECK_INT(peer_transceiver_stop(transceiver), 0);
    CHECK_TOLD(&two, 0, "negotiationneeded ");
    peer_transceiver_unref(transceiver);
    close_two(&two);
}
