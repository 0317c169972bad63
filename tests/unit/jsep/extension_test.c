/* Header extensions of a transceiver: what W3C webrtc-extensions, "RTP header extension control", says of offers, answers and the
 * application's choice. */
#include "jsep_support.h"

static peer_t alice, bob;

#define MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define RID "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
#define MIXER "urn:ietf:params:rtp-hdrext:csrc-audio-level"
#define ROTATION "urn:3gpp:video-orientation"
#define CAPTURE "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

static const jsep_extension_capability_t capabilities[] = {
    {.uri = MID, .audio = true, .video = true, .direction = SDP_SENDRECV, .id = 4, .cannot_stop = true, .is_required = true},
    {.uri = LEVEL, .audio = true, .direction = SDP_SENDRECV, .id = 1},
    {.uri = MIXER, .audio = true, .direction = SDP_RECVONLY, .id = 9},
    {.uri = ROTATION, .video = true, .direction = SDP_SENDRECV, .id = 13, .cannot_stop = true},
    {.uri = RID, .video = true, .direction = SDP_SENDRECV, .id = 10},
    {.uri = CAPTURE, .audio = true, .video = true, .direction = SDP_SENDRECV, .id = 7, .is_on_demand = true},
};

static void configure(jsep_configuration_t *configuration)
{
    configuration->extensions = capabilities;
    configuration->extension_count = sizeof capabilities / sizeof *capabilities;
    configuration->receives_simulcast = true;
}

static void begin(void)
{
    peer_init(&alice, 1, configure);
    peer_init(&bob, 2, configure);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

static const char *name(int direction)
{
    return direction == JSEP_EXTENSION_STOPPED ? "stopped" : sdp_direction_name((sdp_direction_t)direction);
}

static void check_wishes(const jsep_extension_wish_t *wishes, size_t count, const char *expected)
{
    char text[512] = "";
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i > 0 ? " " : "", name(wishes[i].direction));
    CHECK_TEXT(text, expected);
}

static void check_wanted(const peer_t *peer, const jsep_transceiver_t *t, const char *expected)
{
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX];
    check_wishes(wishes, jsep_extensions_to_negotiate(peer->session, t, wishes), expected);
}

static void check_negotiated(const peer_t *peer, const jsep_transceiver_t *t, const char *expected)
{
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX];
    check_wishes(wishes, jsep_negotiated_extensions(peer->session, t, wishes), expected);
}

static int want(peer_t *peer, jsep_transceiver_t *t, const char *uri, int direction)
{
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX];
    size_t count = jsep_extensions_to_negotiate(peer->session, t, wishes);
    for (size_t i = 0; i < count; i++)
        if (strcmp(wishes[i].uri, uri) == 0)
            wishes[i].direction = direction;
    return jsep_set_extensions_to_negotiate(peer->session, t, wishes, count);
}

/* "4 1 9/recvonly": the a=extmap lines of the newest local description's section. */
static void check_written(const peer_t *peer, size_t section, const char *expected)
{
    sdp_t *sdp = local_sdp(peer);
    char text[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < sdp->media[section].common.extmap_count; i++) {
        const sdp_extmap_t *extmap = &sdp->media[section].common.extmaps[i];
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%u%s%s", i > 0 ? " " : "", extmap->id,
                                   extmap->has_direction ? "/" : "", extmap->has_direction ? sdp_direction_name(extmap->direction) : "");
    }
    CHECK_TEXT(text, expected);
    sdp_free(sdp);
}

TEST(what_is_not_offered_by_default_is_stopped_and_offered_when_the_application_asks)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    check_wanted(&alice, t, "sendrecv sendrecv recvonly stopped");
    check_negotiated(&alice, t, "");
    free(peer_offer(&alice));
    check_written(&alice, 0, "4 1 9/recvonly");
    CHECK_INT(want(&alice, t, CAPTURE, SDP_SENDRECV), 0);
    check_wanted(&alice, t, "sendrecv sendrecv recvonly sendrecv");
    free(peer_offer(&alice));
    check_written(&alice, 0, "4 1 9/recvonly 7");
    end();
}

TEST(stopped_extensions_are_neither_offered_nor_answered)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV), *theirs = add_track(&bob, JSEP_AUDIO, "a", "s");
    CHECK_INT(want(&alice, t, MIXER, JSEP_EXTENSION_STOPPED), 0);
    CHECK_INT(want(&bob, theirs, LEVEL, JSEP_EXTENSION_STOPPED), 0);
    negotiate(&alice, &bob);
    check_written(&alice, 0, "4 1");
    check_written(&bob, 0, "4");
    check_negotiated(&alice, t, "sendrecv stopped stopped stopped");
    check_negotiated(&bob, theirs, "sendrecv stopped stopped stopped");
    CHECK_INT(t->media->extension_count, 1);
    end();
}

TEST(what_an_answer_left_out_is_not_offered_again_until_the_application_asks)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV), *theirs = add_track(&bob, JSEP_AUDIO, "a", "s");
    CHECK_INT(want(&bob, theirs, LEVEL, JSEP_EXTENSION_STOPPED), 0);
    negotiate(&alice, &bob);
    check_wanted(&alice, t, "sendrecv stopped stopped stopped"); /* both only receive the mixer's levels */
    free(peer_offer(&alice));
    check_written(&alice, 0, "4");
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    CHECK_INT(want(&alice, t, LEVEL, SDP_SENDRECV), 0);
    CHECK_INT(want(&bob, theirs, LEVEL, SDP_RECVONLY), 0);
    negotiate(&alice, &bob);
    check_written(&alice, 0, "4 1");
    check_written(&bob, 0, "4 1/recvonly");
    check_negotiated(&alice, t, "sendrecv sendonly stopped stopped");
    check_negotiated(&bob, theirs, "sendrecv recvonly stopped stopped");
    end();
}

TEST(what_is_not_offered_by_default_is_answered_unless_the_application_has_stopped_it)
{
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        begin();
        jsep_transceiver_t *t = add(&alice, JSEP_VIDEO, SDP_SENDRECV), *theirs = add_track(&bob, JSEP_VIDEO, "v", "s");
        CHECK_INT(want(&alice, t, CAPTURE, SDP_SENDRECV), 0);
        if (is_stopped) {
            CHECK_INT(want(&bob, theirs, CAPTURE, SDP_RECVONLY), 0);
            CHECK_INT(want(&bob, theirs, CAPTURE, JSEP_EXTENSION_STOPPED), 0);
        }
        CHECK_INT(want(&bob, theirs, RID, SDP_SENDRECV), 0); /* as it is: nothing is refused by that */
        negotiate(&alice, &bob);
        check_written(&bob, 0, is_stopped ? "4 13 10" : "4 13 10 7");
        check_wanted(&bob, theirs, is_stopped ? "sendrecv sendrecv sendrecv stopped" : "sendrecv sendrecv sendrecv sendrecv");
        negotiate(&bob, &alice);
        check_written(&bob, 0, is_stopped ? "4 13 10" : "4 13 10 7");
        end();
    }
}

TEST(lists_that_are_not_the_transceivers_and_mandatory_extensions_stopped_are_refused)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_VIDEO, SDP_SENDRECV);
    static const int less[] = {SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE, JSEP_EXTENSION_STOPPED};
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(want(&alice, t, MID, less[i]), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(want(&alice, t, ROTATION, JSEP_EXTENSION_STOPPED), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(want(&alice, t, ROTATION, SDP_SENDONLY), 0);
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX + 1];
    size_t count = jsep_extensions_to_negotiate(alice.session, t, wishes);
    wishes[count] = wishes[count - 1];
    CHECK_INT(jsep_set_extensions_to_negotiate(alice.session, t, wishes, count - 1), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(jsep_set_extensions_to_negotiate(alice.session, t, wishes, count + 1), PEER_ERROR_INVALID_MODIFICATION);
    wishes[3].direction = SDP_RECVONLY;
    wishes[2].uri = LEVEL;
    CHECK_INT(jsep_set_extensions_to_negotiate(alice.session, t, wishes, count), PEER_ERROR_INVALID_MODIFICATION);
    check_wanted(&alice, t, "sendrecv sendonly sendrecv stopped");
    end();
}

TEST(a_direction_beyond_what_we_can_do_is_restricted)
{
    begin();
    jsep_transceiver_t *t = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    CHECK_INT(want(&alice, t, MIXER, SDP_SENDRECV), 0);
    check_wanted(&alice, t, "sendrecv sendrecv recvonly stopped");
    CHECK_INT(want(&alice, t, MIXER, SDP_SENDONLY), 0);
    CHECK_INT(want(&alice, t, LEVEL, SDP_RECVONLY), 0);
    check_wanted(&alice, t, "sendrecv recvonly inactive stopped");
    free(peer_offer(&alice));
    check_written(&alice, 0, "4 1/recvonly 9/inactive");
    end();
}

TEST(a_new_transceiver_has_the_extensions_of_the_first_of_its_kind_that_is_not_stopping)
{
    begin();
    jsep_transceiver_t *first = add(&alice, JSEP_AUDIO, SDP_SENDRECV);
    CHECK_INT(want(&alice, first, LEVEL, JSEP_EXTENSION_STOPPED), 0);
    check_wanted(&alice, add(&alice, JSEP_AUDIO, SDP_SENDRECV), "sendrecv stopped recvonly stopped");
    check_wanted(&alice, add(&alice, JSEP_VIDEO, SDP_SENDRECV), "sendrecv sendrecv sendrecv stopped");
    CHECK_INT(want(&alice, transceiver(&alice, 1), CAPTURE, SDP_SENDRECV), 0);
    CHECK_INT(jsep_stop(alice.session, first), 0);
    check_wanted(&alice, add(&alice, JSEP_AUDIO, SDP_SENDRECV), "sendrecv stopped recvonly sendrecv");
    CHECK_INT(want(&bob, add(&bob, JSEP_AUDIO, SDP_SENDRECV), LEVEL, JSEP_EXTENSION_STOPPED), 0);
    free(peer_offer(&alice));
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer); /* makes one */
    check_wanted(&bob, transceiver(&bob, 1), "sendrecv stopped recvonly stopped");
    free(offer);
    end();
}

TEST(mid_and_the_rids_of_several_encodings_are_offered_whatever_an_answer_left_out)
{
    static const char *const rids[] = {"a", "b"};
    begin();
    jsep_transceiver_t *t;
    jsep_transceiver_init_t init = {.direction = SDP_SENDRECV, .track = "v", .rids = rids, .rid_count = 2};
    CHECK_INT(jsep_add_transceiver(alice.session, JSEP_VIDEO, &init, &t), 0);
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob), *kept = answer, *line;
    while ((line = strstr(kept, "a=extmap:")) != NULL) { /* inactive, and no extension */
        char *next = strchr(line, '\n') + 1;
        memmove(line, next, strlen(next) + 1);
        kept = line;
    }
    line = strstr(answer, "a=recvonly");
    CHECK(line != NULL);
    memcpy(line, "a=inactive", 10);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    check_negotiated(&alice, t, "stopped stopped stopped stopped");
    free(offer);
    free(peer_offer(&alice));
    check_written(&alice, 0, "4 10");
    free(answer);
    end();
}
