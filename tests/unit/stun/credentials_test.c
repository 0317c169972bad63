/* Long-term credentials (RFC 8489 §9.2) and the form of their texts (RFC 8265 §4.2). */
#include "base/error.h"
#include "base/memory.h"
#include "stun/credentials.h"
#include "stun/opaque_string.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static const char katakana[] = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"; /* of RFC 5769 §2.4 and RFC 8489 appendix B.1 */
static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {1, 2, 3};
static const uint8_t both[] = {0, 2, 0, 0, 0, 1, 0, 0}, sha256_only[] = {0, 2, 0, 0}, unknown[] = {0, 9, 0, 0};

typedef struct challenge {
    uint16_t code;
    const char *realm, *nonce; /* NULL: none */
    const uint8_t *algorithms;
    size_t algorithms_length;
} challenge_t;

static stun_verdict_t challenge(stun_credentials_t *credentials, stun_attempt_t *attempt, challenge_t with, const char **why)
{
    uint8_t bytes[2048];
    stun_builder_t builder;
    stun_message_t message;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_ERROR_RESPONSE, STUN_ALLOCATE, id);
    stun_build_error(&builder, with.code, "");
    if (with.realm != NULL)
        stun_build_bytes(&builder, STUN_REALM, with.realm, strlen(with.realm));
    if (with.nonce != NULL)
        stun_build_bytes(&builder, STUN_NONCE, with.nonce, strlen(with.nonce));
    if (with.algorithms_length != 0)
        stun_build_bytes(&builder, STUN_PASSWORD_ALGORITHMS, with.algorithms, with.algorithms_length);
    CHECK(stun_parse(&message, bytes, stun_build_end(&builder)));
    return stun_credentials_judge(credentials, attempt, &message, why);
}

static stun_credentials_t *credentials_of(const char *username, const char *password)
{
    stun_credentials_t *credentials;
    CHECK_INT(stun_credentials_new(username, password, &credentials), 0);
    return credentials;
}

static void sign(const stun_credentials_t *credentials, stun_attempt_t *attempt, stun_message_t *message, uint8_t bytes[2048])
{
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, 2048, STUN_REQUEST, STUN_ALLOCATE, id);
    stun_credentials_sign(credentials, attempt, &builder);
    CHECK(stun_parse(message, bytes, stun_build_end(&builder)));
}

static void check_bytes(const stun_message_t *message, uint16_t type, const void *expected, size_t length)
{
    const uint8_t *value;
    size_t value_length;
    CHECK(stun_get_bytes(message, type, &value, &value_length));
    CHECK_INT(value_length, length);
    CHECK_BYTES(value, expected, length);
}

static size_t read_vector(const char *name, uint8_t bytes[512])
{
    char path[256];
    snprintf(path, sizeof path, VECTORS "/stun/%s.hex", name);
    char *text = test_read_file(path, NULL);
    size_t length = 0;
    unsigned value;
    for (const char *p = text; length < 512 && sscanf(p, "%2x", &value) == 1; p += 2)
        bytes[length++] = (uint8_t)value;
    free(text);
    return length;
}

TEST(the_key_of_rfc_5769_2_4_is_derived)
{
    stun_credentials_t *credentials = credentials_of(katakana, "TheMatrIX");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    challenge_t with = {.code = 401, .realm = "example.org", .nonce = "f//499k954d6OL34oL9FSTvy64sA"};
    CHECK_INT(challenge(credentials, &attempt, with, &why), STUN_VERDICT_RETRY);
    uint8_t bytes[2048], vector[512];
    stun_message_t message;
    sign(credentials, &attempt, &message, bytes);
    CHECK(!stun_has(&message, STUN_PASSWORD_ALGORITHM) && stun_has(&message, STUN_MESSAGE_INTEGRITY));
    check_bytes(&message, STUN_USERNAME, katakana, strlen(katakana));
    CHECK(stun_parse(&message, vector, read_vector("rfc5769-2.4-long-term", vector)));
    CHECK_INT(stun_credentials_judge(credentials, &attempt, &message, &why), STUN_VERDICT_ACCEPT);
    vector[20] ^= 1;
    CHECK_INT(stun_credentials_judge(credentials, &attempt, &message, &why), STUN_VERDICT_DISCARD);
    stun_credentials_free(credentials);
}

TEST(the_key_and_the_user_hash_of_rfc_8489_b_1_are_derived)
{
    stun_credentials_t *credentials = credentials_of(katakana, "TheMatrIX");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    challenge_t with = {401, "example.org", "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA", sha256_only, 4};
    CHECK_INT(challenge(credentials, &attempt, with, &why), STUN_VERDICT_RETRY);
    uint8_t bytes[2048], vector[512];
    stun_message_t ours, message;
    sign(credentials, &attempt, &ours, bytes);
    CHECK(stun_parse(&message, vector, read_vector("rfc8489-b.1-userhash", vector)));
    const uint8_t *value;
    size_t length;
    static const uint16_t same[] = {STUN_USERHASH, STUN_NONCE, STUN_REALM, STUN_PASSWORD_ALGORITHM};
    for (size_t i = 0; i < 4; i++) {
        CHECK(stun_get_bytes(&message, same[i], &value, &length));
        check_bytes(&ours, same[i], value, length);
    }
    CHECK(!stun_has(&ours, STUN_USERNAME) && !stun_has(&ours, STUN_MESSAGE_INTEGRITY));
    CHECK_INT(stun_credentials_judge(credentials, &attempt, &message, &why), STUN_VERDICT_ACCEPT);
    stun_credentials_free(credentials);
}

TEST(nothing_is_signed_before_a_challenge)
{
    stun_credentials_t *credentials = credentials_of("user", "secret");
    stun_attempt_t attempt = {0};
    uint8_t bytes[2048];
    stun_message_t message;
    sign(credentials, &attempt, &message, bytes);
    CHECK_INT(message.attribute_count, 0);
    stun_credentials_free(credentials);
}

TEST(the_first_known_algorithm_of_the_list_is_used_and_the_list_repeated)
{
    static const uint8_t lists[][16] = {{0, 2, 0, 0, 0, 1, 0, 0},
                                        {0, 1, 0, 0, 0, 2, 0, 0},
                                        {0, 9, 0, 2, 7, 7, 0, 0, 0, 1, 0, 0},  /* an unknown one with parameters and padding */
                                        {0, 1, 0, 1, 7, 0, 0, 0, 0, 2, 0, 0}}; /* MD5 with parameters is none that we know */
    static const size_t lengths[] = {8, 8, 12, 12};
    static const uint32_t expected[] = {0x20000, 0x10000, 0x10000, 0x20000};
    for (size_t i = 0; i < 4; i++) {
        stun_credentials_t *credentials = credentials_of("user", "secret");
        stun_attempt_t attempt = {0};
        const char *why = NULL;
        challenge_t with = {401, "example.org", "obMatJos2AAABnonce", lists[i], lengths[i]};
        CHECK_INT(challenge(credentials, &attempt, with, &why), STUN_VERDICT_RETRY);
        uint8_t bytes[2048];
        stun_message_t message;
        sign(credentials, &attempt, &message, bytes);
        uint32_t algorithm;
        CHECK(stun_get_u32(&message, STUN_PASSWORD_ALGORITHM, &algorithm));
        CHECK_INT(algorithm, expected[i]);
        check_bytes(&message, STUN_PASSWORD_ALGORITHMS, lists[i], lengths[i]);
        CHECK(stun_has(&message, STUN_MESSAGE_INTEGRITY_SHA256) && !stun_has(&message, STUN_MESSAGE_INTEGRITY));
        stun_credentials_free(credentials);
    }
}

TEST(only_unknown_algorithms_are_refused)
{
    stun_credentials_t *credentials = credentials_of("user", "secret");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){401, "example.org", "obMatJos2AAABnonce", unknown, 4}, &why),
              STUN_VERDICT_REFUSE);
    CHECK(strstr(why, "algorithm") != NULL);
    stun_credentials_free(credentials);
}

TEST(a_nonce_that_tells_of_algorithms_that_are_not_there_is_refused_by_either_numbering_of_its_bits)
{
    static const char *const nonces[] = {"obMatJos2AAABnonce", "obMatJos2gAAAnonce", "obMatJos2AAADnonce"};
    for (size_t i = 0; i < 3; i++) {
        stun_credentials_t *credentials = credentials_of("user", "secret");
        stun_attempt_t attempt = {0};
        const char *why = NULL;
        CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = "r", .nonce = nonces[i]}, &why),
                  STUN_VERDICT_REFUSE);
        uint8_t bytes[2048];
        stun_message_t message;
        sign(credentials, &attempt, &message, bytes);
        CHECK_INT(message.attribute_count, 0);
        stun_credentials_free(credentials);
    }
}

TEST(anonymity_is_taken_from_the_nonce_by_either_numbering_of_its_bits)
{
    static const struct {
        const char *nonce;
        bool is_anonymous;
    } cases[] = {{"obMatJos2AAACnonce", true}, {"obMatJos2QAAAnonce", true},         {"obMatJos2AAAAnonce", false},
                 {"obMatJos2AA", false},       {"obMatJos2\xff\xff\xff\xff", false}, {"other", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stun_credentials_t *credentials = credentials_of("user", "secret");
        stun_attempt_t attempt = {0};
        const char *why = NULL;
        CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = "r", .nonce = cases[i].nonce}, &why),
                  STUN_VERDICT_RETRY);
        uint8_t bytes[2048];
        stun_message_t message;
        sign(credentials, &attempt, &message, bytes);
        CHECK_INT(stun_has(&message, STUN_USERHASH), cases[i].is_anonymous);
        CHECK_INT(stun_has(&message, STUN_USERNAME), !cases[i].is_anonymous);
        stun_credentials_free(credentials);
    }
}

TEST(a_later_challenge_does_not_lead_back_to_the_weaker_hash)
{
    stun_credentials_t *credentials = credentials_of("user", "secret");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){401, "r", "obMatJos2AAABone", both, 8}, &why), STUN_VERDICT_RETRY);
    uint8_t bytes[2048];
    stun_message_t message;
    sign(credentials, &attempt, &message, bytes);
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 438, .realm = "r", .nonce = "two"}, &why), STUN_VERDICT_DISCARD);
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 438, .realm = "r", .nonce = "obMatJos2AAABtwo"}, &why),
              STUN_VERDICT_REFUSE);
    sign(credentials, &attempt, &message, bytes);
    check_bytes(&message, STUN_NONCE, "obMatJos2AAABone", 16);
    stun_credentials_free(credentials);
}

TEST(a_success_whose_nonce_tells_of_algorithms_that_are_not_there_is_ignored)
{
    stun_credentials_t *credentials = credentials_of(NULL, NULL);
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    uint8_t bytes[256];
    for (int i = 0; i < 2; i++) {
        stun_builder_t builder;
        stun_message_t message;
        stun_build_begin(&builder, bytes, sizeof bytes, STUN_SUCCESS_RESPONSE, STUN_ALLOCATE, id);
        stun_build_bytes(&builder, STUN_NONCE, "obMatJos2AAABone", 16);
        if (i == 1)
            stun_build_bytes(&builder, STUN_PASSWORD_ALGORITHMS, both, 8);
        CHECK(stun_parse(&message, bytes, stun_build_end(&builder)));
        CHECK_INT(stun_credentials_judge(credentials, &attempt, &message, &why), i == 1 ? STUN_VERDICT_ACCEPT : STUN_VERDICT_DISCARD);
    }
    stun_credentials_free(credentials);
}

TEST(the_same_credentials_are_not_tried_twice_but_a_new_realm_is)
{
    stun_credentials_t *credentials = credentials_of("user", "secret");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    uint8_t bytes[2048];
    stun_message_t message;
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = "one", .nonce = "a"}, &why), STUN_VERDICT_RETRY);
    sign(credentials, &attempt, &message, bytes);
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 438, .realm = "one", .nonce = "b"}, &why), STUN_VERDICT_RETRY);
    sign(credentials, &attempt, &message, bytes);
    check_bytes(&message, STUN_NONCE, "b", 1);
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = "two", .nonce = "c"}, &why), STUN_VERDICT_RETRY);
    sign(credentials, &attempt, &message, bytes);
    check_bytes(&message, STUN_REALM, "two", 3);
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = "two", .nonce = "d"}, &why), STUN_VERDICT_REFUSE);
    CHECK(strstr(why, "did not accept") != NULL);
    stun_credentials_free(credentials);
}

TEST(a_second_request_under_way_takes_over_the_realm_that_the_first_was_given)
{
    stun_credentials_t *credentials = credentials_of("user", "secret");
    stun_attempt_t first = {0}, second = {0};
    const char *why = NULL;
    challenge_t with = {.code = 401, .realm = "one", .nonce = "a"};
    CHECK_INT(challenge(credentials, &first, with, &why), STUN_VERDICT_RETRY);
    CHECK_INT(challenge(credentials, &second, with, &why), STUN_VERDICT_RETRY);
    stun_credentials_free(credentials);
}

TEST(malformed_challenges_are_refused)
{
    char long_text[STUN_NONCE_MAX + 2];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    uint8_t long_list[128] = {0, 2};
    const challenge_t cases[] = {{.code = 401, .realm = "r"},
                                 {.code = 401, .nonce = "n"},
                                 {.code = 401, .realm = "r", .nonce = ""},
                                 {.code = 401, .realm = long_text, .nonce = "n"},
                                 {.code = 401, .realm = "r", .nonce = long_text},
                                 {.code = 401, .realm = "a\nb", .nonce = "n"},
                                 {.code = 401, .realm = "\xff", .nonce = "n"},
                                 {401, "r", "n", long_list, sizeof long_list},
                                 {401, "r", "n", both, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stun_credentials_t *credentials = credentials_of("user", "secret");
        stun_attempt_t attempt = {0};
        const char *why = NULL;
        CHECK_INT(challenge(credentials, &attempt, cases[i], &why), STUN_VERDICT_REFUSE);
        CHECK(why != NULL);
        stun_credentials_free(credentials);
    }
}

static void check_prepared(const char *text, const char *expected)
{
    char prepared[OPAQUE_STRING_MAX + 1] = "";
    bool is_good = opaque_string_prepare(text, strlen(text), prepared, sizeof prepared);
    if (is_good != (expected != NULL) || (is_good && strcmp(prepared, expected) != 0))
        test_fail(__FILE__, __LINE__, "\"%s\" gives \"%s\"", text, is_good ? prepared : "(refused)");
}

TEST(opaque_strings_are_prepared_as_rfc_8265_4_2_says)
{
    /* The examples of §4.3. */
    check_prepared("correct horse battery staple", "correct horse battery staple");
    check_prepared("Correct Horse Battery Staple", "Correct Horse Battery Staple");
    check_prepared("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5");
    check_prepared("Jack of \u2666s", "Jack of \u2666s");
    check_prepared("foo\u1680bar", "foo bar");
    check_prepared("", NULL);
    check_prepared("my cat is a \tby", NULL);
    /* Width and case stay, normalization composes. */
    check_prepared("\uff21\uff22 a\u0301", "\uff21\uff22 \u00e1");
    check_prepared("\u1112\u1161\u11ab", "\ud55c"); /* jamo that make a syllable */
    check_prepared("\u1112", NULL);
    /* What the FreeformClass does not have. */
    check_prepared("a\u00ad", NULL);       /* default ignorable */
    check_prepared("a\u2028", NULL);       /* line separator */
    check_prepared("a\ue000", NULL);       /* private use */
    check_prepared("a\ufdd0", NULL);       /* noncharacter */
    check_prepared("a\u0378", NULL);       /* unassigned */
    check_prepared("a\u0640", NULL);       /* tatweel, an exception */
    check_prepared("a\xc2\x85", NULL);     /* a control beyond ASCII */
    check_prepared("a\xed\xa0\x80", NULL); /* a surrogate in UTF-8 */
    check_prepared("a\xc0\x80", NULL);
}

TEST(characters_that_depend_on_their_company_are_allowed_in_it)
{
    check_prepared("l\u00b7l", "l\u00b7l");
    check_prepared("a\u00b7l", NULL);
    check_prepared("\u0375\u03b1", "\u0375\u03b1");
    check_prepared("\u0375a", NULL);
    check_prepared("\u05d0\u05f3", "\u05d0\u05f3");
    check_prepared("a\u05f3", NULL);
    check_prepared("\u30ab\u30fb\u30ab", "\u30ab\u30fb\u30ab");
    check_prepared("a\u30fb", NULL);
    check_prepared("\u0661\u0662", "\u0661\u0662");
    check_prepared("\u0661\u06f2", NULL);
    check_prepared("\u06f1\u0662", NULL);
    check_prepared("\u0915\u094d\u200d", "\u0915\u094d\u200d"); /* a joiner behind a virama */
    check_prepared("a\u200d", NULL);
    check_prepared("\u0628\u200c\u0628", "\u0628\u200c\u0628");                         /* a non-joiner between letters that would join */
    check_prepared("\u0628\u064e\u200c\u064e\u0628", "\u0628\u064e\u200c\u064e\u0628"); /* whatever marks stand between */
    check_prepared("\u0628\u200ca", NULL);
    check_prepared("\u200c", NULL);
}

TEST(texts_that_are_too_long_are_refused)
{
    char text[OPAQUE_STRING_MAX + 2], prepared[OPAQUE_STRING_MAX + 1];
    memset(text, 'a', sizeof text);
    CHECK(opaque_string_prepare(text, OPAQUE_STRING_MAX, prepared, sizeof prepared));
    CHECK(!opaque_string_prepare(text, OPAQUE_STRING_MAX + 1, prepared, sizeof prepared));
    CHECK(!opaque_string_prepare(text, 10, prepared, 10));
    memcpy(text + 8, "\u00e4", 2);
    CHECK(!opaque_string_prepare(text, 10, prepared, 10));
    CHECK(opaque_string_prepare(text, 10, prepared, 11));
    for (size_t i = 0; i + 3 <= OPAQUE_STRING_MAX; i += 3) /* normalized they are twice as long */
        memcpy(text + i, "\u0958", 3);
    CHECK(!opaque_string_prepare(text, OPAQUE_STRING_MAX - OPAQUE_STRING_MAX % 3, prepared, sizeof prepared));
    memset(text, 'a', sizeof text);
    text[STUN_USERNAME_MAX + 1] = '\0';
    stun_credentials_t *none;
    CHECK_INT(stun_credentials_new(text, "secret", &none), PEER_ERROR_INVALID_ACCESS);
    CHECK(none == NULL);
    text[STUN_USERNAME_MAX] = '\0';
    stun_credentials_t *credentials = credentials_of(text, "secret");
    CHECK(credentials != NULL);
    stun_credentials_free(credentials);
}

TEST(the_longest_texts_still_make_a_request)
{
    char username[STUN_USERNAME_MAX + 1], realm[256], nonce[STUN_NONCE_MAX + 1];
    memset(username, 'u', sizeof username);
    memset(realm, 'r', sizeof realm);
    memset(nonce, 'n', sizeof nonce);
    username[sizeof username - 1] = realm[sizeof realm - 1] = nonce[sizeof nonce - 1] = '\0';
    stun_credentials_t *credentials = credentials_of(username, "secret");
    stun_attempt_t attempt = {0};
    const char *why = NULL;
    CHECK_INT(challenge(credentials, &attempt, (challenge_t){.code = 401, .realm = realm, .nonce = nonce}, &why), STUN_VERDICT_RETRY);
    uint8_t bytes[2048];
    stun_message_t message;
    sign(credentials, &attempt, &message, bytes);
    CHECK(stun_has(&message, STUN_MESSAGE_INTEGRITY));
    stun_credentials_free(credentials);
}
