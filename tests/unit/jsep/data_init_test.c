/* The INIT chunk in the description (draft-hancke-tsvwg-snap). */
#include "base/text.h"
#include "jsep_support.h"

static peer_t alice, bob;

static void with_first_init(jsep_configuration_t *configuration)
{
    configuration->sctp_init = "QUJDRA==";
}

static void with_other_init(jsep_configuration_t *configuration)
{
    configuration->sctp_init = "RUZHSEk=";
}

static void agree(configure_t configure_alice, configure_t configure_bob, char **offer, char **answer)
{
    peer_init(&alice, 1, configure_alice);
    peer_init(&bob, 2, configure_bob);
    jsep_want_data(alice.session);
    *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, *offer);
    *answer = peer_answer(&bob);
}

static void end(char *offer, char *answer)
{
    memory_free(offer);
    memory_free(answer);
    peer_clear(&alice);
    peer_clear(&bob);
}

TEST(both_sides_learn_the_others_init_chunk)
{
    char *offer, *answer;
    agree(with_first_init, with_other_init, &offer, &answer);
    CHECK(strstr(offer, "a=sctp-init:QUJDRA==\r\n") != NULL);
    CHECK(strstr(answer, "a=sctp-init:RUZHSEk=\r\n") != NULL);
    CHECK_TEXT(effect_of(&bob, JSEP_EFFECT_DATA, 0)->data->remote_sctp_init, "QUJDRA==");
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_TEXT(effect_of(&alice, JSEP_EFFECT_DATA, 0)->data->remote_sctp_init, "RUZHSEk=");
    end(offer, answer);
}

TEST(an_init_chunk_is_answered_only_when_one_was_offered)
{
    char *offer, *answer;
    agree(NULL, with_other_init, &offer, &answer);
    CHECK(strstr(answer, "sctp-init") == NULL);
    CHECK(effect_of(&bob, JSEP_EFFECT_DATA, 0)->data->remote_sctp_init == NULL);
    end(offer, answer);
    agree(with_first_init, NULL, &offer, &answer);
    CHECK(strstr(answer, "sctp-init") == NULL);
    CHECK(effect_of(&bob, JSEP_EFFECT_DATA, 0)->data->remote_sctp_init == NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK(effect_of(&alice, JSEP_EFFECT_DATA, 0)->data->remote_sctp_init == NULL);
    end(offer, answer);
}

TEST(an_init_chunk_that_is_not_base64_is_named)
{
    static const char *const wrong[] = {"QUJDRA=", "QUJ", "=AAA", "QU JDRA=", "QUJDRA==x", "A===", ""};
    char *offer, *answer;
    agree(with_first_init, with_other_init, &offer, &answer);
    char *at = strstr(offer, "QUJDRA==");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        text_t changed = {0};
        text_add_n(&changed, offer, (size_t)(at - offer));
        text_add(&changed, wrong[i]);
        text_add(&changed, at + 8);
        peer_t carol;
        peer_init(&carol, 3, NULL);
        CHECK_INT(peer_set(&carol, JSEP_REMOTE, JSEP_OFFER, changed.data), PEER_ERROR_SYNTAX);
        peer_clear(&carol);
        text_clear(&changed);
    }
    end(offer, answer);
}
