/* Simulcast by rid: RFC 8851, RFC 8853, and what W3C WebRTC §4.4.1.5, §5.1 and §5.4.1 say of a sender's encodings. */
#include "jsep_support.h"

static peer_t alice, bob;

static void accept_simulcast(jsep_configuration_t *configuration)
{
    configuration->receives_simulcast = true;
}

static void begin(void)
{
    peer_init(&alice, 1, accept_simulcast);
    peer_init(&bob, 2, accept_simulcast);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

static jsep_transceiver_t *add_layers(peer_t *peer, jsep_kind_t kind, const char *const *rids, size_t count)
{
    jsep_transceiver_t *t;
    jsep_transceiver_init_t init = {.direction = SDP_SENDRECV, .track = "v", .rids = rids, .rid_count = count};
    CHECK_INT(jsep_add_transceiver(peer->session, kind, &init, &t), 0);
    return t;
}

static void check_rids(const jsep_transceiver_t *t, const char *expected)
{
    char text[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < t->sender_rid_count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i > 0 ? " " : "", t->sender_rids[i]);
    CHECK_TEXT(text, expected);
}

static const char *const three[] = {"h", "m", "l"};

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define HASH "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n"
#define TRANSPORT(setup) "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 " HASH "a=setup:" setup "\r\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 96 98\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:98 VP9/90000\r\n"

TEST(encodings_of_a_new_transceiver_have_rids_only_where_there_are_several)
{
    begin();
    check_rids(add_layers(&alice, JSEP_VIDEO, three, 3), "h m l");
    check_rids(add_layers(&alice, JSEP_VIDEO, three, 1), "");
    check_rids(add_layers(&alice, JSEP_AUDIO, three, 3), "");
    check_rids(add_layers(&alice, JSEP_VIDEO, NULL, 3), "0 1 2");
    static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    check_rids(add_layers(&alice, JSEP_VIDEO, many, 10), "a b c d e f g h");
    static const char *const bad[] = {"a b", "", "a\n", "ä"}, *const twice[] = {"a", "b", "a"};
    jsep_transceiver_t *t;
    for (size_t i = 0; i < 4; i++) {
        jsep_transceiver_init_t init = {.rids = &bad[i], .rid_count = 1};
        CHECK_INT(jsep_add_transceiver(alice.session, JSEP_VIDEO, &init, &t), PEER_ERROR_TYPE);
    }
    jsep_transceiver_init_t init = {.rids = twice, .rid_count = 3};
    CHECK_INT(jsep_add_transceiver(alice.session, JSEP_VIDEO, &init, &t), PEER_ERROR_TYPE);
    end();
}

TEST(rids_are_offered_in_order_without_restrictions_and_the_same_again)
{
    begin();
    add_layers(&alice, JSEP_VIDEO, three, 3);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n") != NULL);
    CHECK(strstr(offer, "a=ssrc:") == NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    CHECK(strstr(answer, "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n") != NULL);
    CHECK_INT(transceiver(&bob, 0)->media->receive_encoding_count, 3);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(transceiver(&alice, 0)->media->send_encoding_count, 3);
    free(offer);
    offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=simulcast:send h;m;l\r\n") != NULL);
    free(offer);
    free(answer);
    end();
}

/* Alice offers three layers, and the answer has these lines more. */
static void answer_with(const char *lines, const char *rids, size_t encodings)
{
    char answer[2048];
    begin();
    jsep_transceiver_t *t = add_layers(&alice, JSEP_VIDEO, three, 3);
    free(peer_offer(&alice));
    snprintf(answer, sizeof answer, "%s%s%s%s", HEAD, TRANSPORT("active"), VIDEO, lines);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_PRANSWER, answer);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    check_rids(t, rids);
    CHECK_INT(t->media->send_encoding_count, encodings);
}

TEST(an_answer_prunes_the_encodings_for_good)
{
    answer_with("a=rid:l recv\r\na=rid:h recv\r\na=simulcast:recv l;~h\r\n", "h l", 2);
    CHECK_TEXT(transceiver(&alice, 0)->media->send_encodings[0].rid, "l");
    CHECK(!transceiver(&alice, 0)->media->send_encodings[0].is_paused && transceiver(&alice, 0)->media->send_encodings[1].is_paused);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=simulcast:send h;l\r\n") != NULL);
    /* An offer that asks for more does not bring them back: the envelope only narrows. */
    peer_must_set(&alice, JSEP_LOCAL, JSEP_ROLLBACK, NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER,
                  HEAD TRANSPORT("actpass") VIDEO "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n");
    check_rids(transceiver(&alice, 0), "h l");
    char *answer = peer_answer(&alice);
    CHECK(strstr(answer, "a=simulcast:send h;l\r\n") != NULL);
    free(offer);
    free(answer);
    end();
}

/* "1-640 1-480, …": the sizes that a payload may be sent in. */
static void check_sizes(const jsep_payload_t *payload, const char *expected)
{
    char text[512] = "any";
    size_t length = 0;
    for (uint32_t i = 0; payload->sizes != NULL && i <= payload->sizes->range_count; i++) {
        const picture_range_t *range = &payload->sizes->ranges[i];
        if (i < payload->sizes->range_count)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%u-%u %u-%u", i > 0 ? ", " : "", range->min_width,
                                       range->max_width, range->min_height, range->max_height);
        else if (i == 0)
            snprintf(text, sizeof text, "none");
    }
    CHECK_TEXT(text, expected);
}

TEST(sizes_to_receive_hold_for_their_payload_type_the_most_wanted_first)
{
    answer_with("a=imageattr:98 send [x=1,y=1] recv [x=[1:640],y=[1:480],q=0.3] [x=320,y=240,q=0.7]\r\n"
                "a=imageattr:* recv [x=[1:1280],y=[1:720],q=0.3]\r\na=imageattr:97 recv [x=1,y=1]\r\n",
                "h", 0);
    const jsep_media_t *media = transceiver(&alice, 0)->media;
    CHECK_INT(media->send_count, 2);
    check_sizes(&media->send[0], "1-1280 1-720");
    check_sizes(&media->send[1], "320-320 240-240, 1-640 1-480, 1-1280 1-720");
    check_sizes(&media->receive[0], "any");
    end();
    answer_with("a=imageattr:98 recv *\r\na=imageattr:98 recv [x=1,y=1,sar=1.5,q=1.0]\r\na=imageattr:96 recv [x=1,y=1,sar=0.5]\r\n", "h",
                0);
    media = transceiver(&alice, 0)->media;
    check_sizes(&media->send[0], "none");
    check_sizes(&media->send[1], "0-4294967295 0-4294967295");
    end();
    answer_with("a=imageattr:* send *\r\n", "h", 0);
    check_sizes(&transceiver(&alice, 0)->media->send[0], "any");
    end();
}

TEST(of_many_sizes_those_wanted_least_are_forgotten)
{
    answer_with("a=imageattr:96 recv [x=1,y=1,q=0.1] [x=2,y=2,q=0.2] [x=3,y=3,q=0.3] [x=4,y=4,q=0.4] [x=5,y=5,q=0.5] [x=6,y=6,q=0.6] "
                "[x=7,y=7,q=0.7] [x=8,y=8,q=0.8] [x=9,y=9,q=0.9] [x=10,y=10,q=0.05]\r\n",
                "h", 0);
    check_sizes(&transceiver(&alice, 0)->media->send[0], "9-9 9-9, 8-8 8-8, 7-7 7-7, 6-6 6-6, 5-5 5-5, 4-4 4-4, 3-3 3-3, 2-2 2-2");
    end();
}

TEST(an_answer_without_simulcast_leaves_the_first_encoding)
{
    answer_with("", "h", 0);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=rid:") == NULL && strstr(offer, "a=simulcast") == NULL && strstr(offer, "a=ssrc:") != NULL);
    free(offer);
    end();
    answer_with("a=rid:x recv\r\na=simulcast:recv x\r\n", "h", 0);
    end();
}

TEST(an_answer_that_takes_nothing_for_now_leaves_the_encodings)
{
    answer_with("a=inactive\r\n", "h m l", 0);
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=simulcast:send h;m;l\r\n") != NULL);
    free(offer);
    end();
}

TEST(an_offer_to_receive_simulcast_proposes_the_encodings)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER,
                  HEAD TRANSPORT("actpass") VIDEO
                  "a=rid:1 recv\r\na=rid:2 recv\r\na=rid:3 recv\r\na=rid:4 recv\r\na=simulcast:recv 1,4;~2;3;1\r\n");
    jsep_transceiver_t *t = transceiver(&alice, 0);
    check_rids(t, "1 2 3"); /* the first alternative; what stands twice counts once */
    CHECK(add_track(&alice, JSEP_VIDEO, "v", "s") == t);
    char *answer = peer_answer(&alice);
    CHECK(strstr(answer, "a=rid:1 send\r\na=rid:2 send\r\na=rid:3 send\r\na=simulcast:send 1;2;3\r\n") != NULL);
    CHECK_INT(t->media->send_encoding_count, 3);
    CHECK(t->media->send_encodings[1].is_paused);
    free(answer);
    end();
}

TEST(proposed_encodings_are_rolled_back_and_those_of_the_application_are_not)
{
    static const char offer[] = HEAD TRANSPORT("actpass") VIDEO "a=rid:1 recv\r\na=rid:2 recv\r\na=simulcast:recv 1;2\r\n";
    begin();
    jsep_transceiver_t *t = add_track(&alice, JSEP_VIDEO, "v", "s");
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, offer);
    check_rids(t, "1 2");
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    check_rids(t, "");
    end();
    begin();
    t = add_layers(&alice, JSEP_VIDEO, three, 3);
    negotiate(&alice, &bob);
    check_rids(t, "h m l");
    char *again = peer_offer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, again);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    check_rids(t, "h m l");
    free(again);
    end();
}

TEST(restrictions_are_told_and_what_we_do_not_know_or_cannot_send_is_not_answered)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER,
                  HEAD TRANSPORT("actpass") VIDEO
                  "a=rid:1 recv pt=96;max-width=1280;max-height=720;max-fps=30;max-fs=921600;max-br=1500000;max-pps=27648000\r\n"
                  "a=rid:2 recv max-x=1\r\na=rid:3 recv pt=97\r\na=rid:4 recv\r\na=simulcast:recv 1;2;3;4\r\n");
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *answer = peer_answer(&alice);
    CHECK(strstr(answer, "a=rid:1 send\r\na=rid:4 send\r\na=simulcast:send 1;4\r\n") != NULL);
    const jsep_encoding_t *first = &transceiver(&alice, 0)->media->send_encodings[0];
    CHECK(first->max_width == 1280 && first->max_height == 720 && first->max_fps == 30 && first->max_fs == 921600);
    CHECK(first->max_br == 1500000 && first->max_pps == 27648000);
    check_rids(transceiver(&alice, 0), "1 4");
    free(answer);
    end();
}

TEST(one_that_does_not_receive_simulcast_answers_without)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
    jsep_transceiver_t *t = add_layers(&alice, JSEP_VIDEO, three, 3);
    negotiate(&alice, &bob);
    check_rids(t, "h");
    CHECK_INT(transceiver(&bob, 0)->media->receive_encoding_count, 0);
    CHECK_INT(transceiver(&bob, 0)->media->receive_count > 0, 1);
    end();
}

TEST(of_alternatives_offered_to_us_the_first_is_received)
{
    begin();
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER,
                  HEAD TRANSPORT("actpass") VIDEO "a=rid:1 send\r\na=rid:2 send\r\na=rid:3 send pt=98\r\na=simulcast:send 1,2;~3\r\n");
    char *answer = peer_answer(&alice);
    CHECK(strstr(answer, "a=rid:1 recv\r\na=rid:3 recv\r\na=simulcast:recv 1;3\r\n") != NULL);
    CHECK_INT(transceiver(&alice, 0)->media->receive_encoding_count, 2);
    free(answer);
    end();
}
