/* Data channels in offers and answers (RFC 8864 §6). */
#include "base/text.h"
#include "jsep_support.h"

static peer_t alice, bob;

static const sdp_dcmap_t chat = {.stream = 4, .label = "chat", .subprotocol = "text", .max_retr = -1, .max_time = -1, .priority = 256},
                         state = {.stream = 6, .label = "state", .subprotocol = "", .is_unordered = true, .max_retr = 0, .max_time = -1};

static bool takes_only_chat(void *context, const sdp_dcmap_t *channel)
{
    return context == NULL && channel->stream == chat.stream;
}

static void choosy(jsep_configuration_t *configuration)
{
    configuration->takes_channel = takes_only_chat;
}

static void begin(configure_t configure_bob)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, configure_bob);
    jsep_want_data(alice.session);
    CHECK_INT(jsep_add_data_channel(alice.session, &chat, false), 0);
    CHECK_INT(jsep_add_data_channel(alice.session, &state, false), 0);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

static const jsep_data_t *data_of(const peer_t *peer)
{
    return effect_of(peer, JSEP_EFFECT_DATA, 0)->data;
}

/* What the connection does with an outcome. */
static void take(peer_t *peer)
{
    const jsep_data_t *data = data_of(peer);
    for (size_t i = 0; i < data->channel_count; i++)
        CHECK_INT(jsep_add_data_channel(peer->session, &data->channels[i], true), 0);
    for (size_t i = 0; i < data->ended_count; i++)
        jsep_remove_data_channel(peer->session, data->ended[i]);
}

static void exchange(peer_t *offerer, peer_t *answerer)
{
    negotiate(offerer, answerer);
    take(offerer);
    take(answerer);
}

static size_t described(const peer_t *peer)
{
    sdp_t *sdp = local_sdp(peer);
    size_t count = sdp->media[0].dcmap_count;
    sdp_free(sdp);
    return count;
}

TEST(channels_are_offered_and_answered_with_all_their_attributes)
{
    begin(NULL);
    CHECK(jsep_is_negotiation_needed(alice.session));
    char *offer = peer_offer(&alice);
    CHECK(strstr(offer, "a=dcmap:4 subprotocol=\"text\";label=\"chat\";priority=256\r\n") != NULL);
    CHECK(strstr(offer, "a=dcmap:6 label=\"state\";ordered=false;max-retr=0\r\n") != NULL);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&bob);
    CHECK_INT(data_of(&bob)->channel_count, 2);
    CHECK_INT(data_of(&bob)->ended_count, 0);
    const sdp_dcmap_t *got = &data_of(&bob)->channels[0];
    CHECK_INT(got->stream, 4);
    CHECK_TEXT(got->label, "chat");
    CHECK_TEXT(got->subprotocol, "text");
    CHECK(data_of(&bob)->channels[1].is_unordered && data_of(&bob)->channels[1].max_retr == 0);
    take(&bob);
    CHECK(strstr(answer, "a=dcmap:4 ") != NULL && strstr(answer, "a=dcmap:6 ") != NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(data_of(&alice)->channel_count, 2);
    CHECK_INT(data_of(&alice)->ended_count, 0);
    take(&alice);
    CHECK(!jsep_is_negotiation_needed(alice.session) && !jsep_is_negotiation_needed(bob.session));
    memory_free(offer);
    memory_free(answer);
    end();
}

TEST(a_channel_that_the_answer_leaves_out_has_ended)
{
    begin(choosy);
    negotiate(&alice, &bob);
    CHECK_INT(data_of(&bob)->channel_count, 1);
    CHECK_INT(data_of(&alice)->channel_count, 1);
    CHECK_INT(data_of(&alice)->ended_count, 1);
    CHECK_INT(data_of(&alice)->ended[0], 6);
    take(&alice);
    CHECK(!jsep_is_negotiation_needed(alice.session));
    end();
}

TEST(later_offers_of_either_side_repeat_what_is_in_use_and_closing_takes_it_out)
{
    begin(NULL);
    exchange(&alice, &bob);
    exchange(&bob, &alice);
    CHECK_INT(described(&bob), 2);
    CHECK_INT(data_of(&alice)->channel_count, 2);
    CHECK_INT(data_of(&alice)->ended_count, 0);
    jsep_remove_data_channel(bob.session, 6);
    negotiate(&bob, &alice);
    CHECK_INT(data_of(&bob)->ended_count, 0);
    CHECK_INT(data_of(&alice)->ended_count, 1);
    CHECK_INT(data_of(&alice)->ended[0], 6);
    take(&alice);
    exchange(&alice, &bob);
    CHECK_INT(described(&alice), 1);
    end();
}

TEST(what_both_offer_on_one_stream_is_taken_only_when_it_is_the_same)
{
    begin(NULL);
    sdp_dcmap_t other = state;
    other.is_unordered = false;
    CHECK_INT(jsep_add_data_channel(bob.session, &chat, false), 0);
    CHECK_INT(jsep_add_data_channel(bob.session, &other, false), 0);
    negotiate(&alice, &bob);
    CHECK_INT(data_of(&bob)->channel_count, 1);
    CHECK_INT(data_of(&bob)->channels[0].stream, 4);
    CHECK_INT(data_of(&bob)->ended_count, 0); /* ours is still to be offered */
    CHECK_INT(data_of(&alice)->ended_count, 1);
    end();
}

TEST(what_was_not_offered_cannot_be_answered_and_stream_65535_is_none)
{
    begin(NULL);
    char *offer = peer_offer(&alice);
    char *at = strstr(offer, "a=dcmap:4 ");
    text_t changed = {0};
    text_add_n(&changed, offer, (size_t)(at - offer));
    text_add(&changed, "a=dcmap:65535\r\na=dcmap:8\r\n");
    text_add(&changed, at);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, changed.data);
    char *answer = peer_answer(&bob);
    CHECK(strstr(answer, "a=dcmap:65535") == NULL && strstr(answer, "a=dcmap:8\r\n") != NULL);
    CHECK_INT(data_of(&bob)->channel_count, 3);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(data_of(&alice)->channel_count, 2);
    CHECK_INT(data_of(&alice)->ended_count, 0);
    text_clear(&changed);
    memory_free(offer);
    memory_free(answer);
    end();
}

TEST(a_stream_that_is_offered_twice_is_an_error)
{
    begin(NULL);
    char *offer = peer_offer(&alice);
    text_t twice = {0};
    text_add(&twice, offer);
    text_add(&twice, "a=dcmap:4\r\n");
    CHECK_INT(peer_set(&bob, JSEP_REMOTE, JSEP_OFFER, twice.data), PEER_ERROR_SYNTAX);
    text_clear(&twice);
    memory_free(offer);
    end();
}

TEST(strings_too_long_for_a_line_are_refused)
{
    static char label[20001];
    memset(label, 'x', sizeof label - 1);
    begin(NULL);
    sdp_dcmap_t map = {.stream = 9, .label = label, .subprotocol = "", .max_retr = -1, .max_time = -1};
    CHECK_INT(jsep_add_data_channel(alice.session, &map, false), PEER_ERROR_TYPE);
    end();
}
