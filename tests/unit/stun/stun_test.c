#include "base/random.h"
#include "stun/stun.h"
#include "test.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";

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

static void check_text(const stun_message_t *message, uint16_t type, const char *expected)
{
    const uint8_t *value;
    size_t length;
    CHECK(stun_get_bytes(message, type, &value, &length));
    CHECK_INT(length, strlen(expected));
    CHECK_BYTES(value, expected, length);
}

TEST(rfc_5769_2_1_request_is_read_and_verified)
{
    uint8_t bytes[512];
    size_t length = read_vector("rfc5769-2.1-request", bytes);
    stun_message_t message;
    CHECK(stun_parse(&message, bytes, length));
    CHECK_INT(message.class, STUN_REQUEST);
    CHECK_INT(message.method, STUN_BINDING);
    check_text(&message, STUN_SOFTWARE, "STUN test client");
    check_text(&message, STUN_USERNAME, "evtj:h6vY");
    uint32_t priority;
    uint64_t tie_breaker;
    CHECK(stun_get_u32(&message, STUN_PRIORITY, &priority));
    CHECK_INT(priority, 0x6e0001ff);
    CHECK(stun_get_u64(&message, STUN_ICE_CONTROLLED, &tie_breaker));
    CHECK(tie_breaker == 0x932ff9b151263b36u);
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, password, strlen(password)), STUN_CHECK_VALID);
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, "wrong", 5), STUN_CHECK_INVALID);
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA256, password, strlen(password)), STUN_CHECK_ABSENT);
    CHECK_INT(stun_check_fingerprint(&message), STUN_CHECK_VALID);
    uint16_t unknown[4];
    CHECK_INT(stun_unknown_attributes(&message, unknown, 4), 0);
}

TEST(rfc_5769_2_2_and_2_3_responses_give_the_mapped_address)
{
    static const struct {
        const char *name, *address;
    } cases[] = {{"rfc5769-2.2-ipv4-response", "192.0.2.1"}, {"rfc5769-2.3-ipv6-response", "2001:db8:1234:5678:11:2233:4455:6677"}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[512];
        size_t length = read_vector(cases[i].name, bytes);
        stun_message_t message;
        CHECK(stun_parse(&message, bytes, length));
        CHECK_INT(message.class, STUN_SUCCESS_RESPONSE);
        check_text(&message, STUN_SOFTWARE, "test vector");
        address_t address;
        char text[ADDRESS_TEXT_SIZE];
        CHECK(stun_get_mapped_address(&message, &address));
        CHECK_TEXT(address_ip_text(&address, text), cases[i].address);
        CHECK_INT(address.port, 32853);
        CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, password, strlen(password)), STUN_CHECK_VALID);
        CHECK_INT(stun_check_fingerprint(&message), STUN_CHECK_VALID);
    }
}

TEST(rfc_5769_2_4_request_with_long_term_credentials_is_verified)
{
    uint8_t bytes[512], key[EVP_MAX_MD_SIZE];
    size_t length = read_vector("rfc5769-2.4-long-term", bytes);
    stun_message_t message;
    CHECK(stun_parse(&message, bytes, length));
    check_text(&message, STUN_REALM, "example.org");
    check_text(&message, STUN_NONCE, "f//499k954d6OL34oL9FSTvy64sA");
    static const char joined[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9:example.org:TheMatrIX";
    CHECK(EVP_Digest(joined, strlen(joined), key, NULL, EVP_md5(), NULL) == 1);
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, key, 16), STUN_CHECK_VALID);
    CHECK_INT(stun_check_fingerprint(&message), STUN_CHECK_ABSENT);
}

static size_t build_everything(uint8_t *bytes, size_t capacity)
{
    static const uint8_t id[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    address_t six;
    address_parse(&six, "2001:db8::1", 5000);
    address_t four = address_ipv4(192, 0, 2, 7, 65535);
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, capacity, STUN_ERROR_RESPONSE, STUN_CREATE_PERMISSION, id);
    stun_build_bytes(&builder, STUN_USERNAME, "abc:d", 5);
    stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &six);
    stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, &four);
    stun_build_address(&builder, STUN_MAPPED_ADDRESS, &four);
    stun_build_error(&builder, STUN_ERROR_ROLE_CONFLICT, "Role Conflict");
    stun_build_unknown_attributes(&builder, (const uint16_t[]){0x7001, 0x7002, 0x7003}, 3);
    stun_build_flag(&builder, STUN_USE_CANDIDATE);
    stun_build_u64(&builder, STUN_ICE_CONTROLLING, 0x0102030405060708u);
    stun_build_u32(&builder, STUN_PRIORITY, 77);
    stun_build_integrity(&builder, STUN_HASH_SHA1, "key", 3);
    stun_build_integrity(&builder, STUN_HASH_SHA256, "key", 3);
    stun_build_fingerprint(&builder);
    return stun_build_end(&builder);
}

TEST(what_is_built_is_what_is_parsed)
{
    uint8_t bytes[512];
    size_t length = build_everything(bytes, sizeof bytes);
    stun_message_t message;
    CHECK(length != 0 && stun_parse(&message, bytes, length));
    CHECK_INT(message.class, STUN_ERROR_RESPONSE);
    CHECK_INT(message.method, STUN_CREATE_PERMISSION);
    address_t address;
    char text[ADDRESS_TEXT_SIZE];
    CHECK(stun_get_mapped_address(&message, &address));
    CHECK_TEXT(address_text(&address, text), "[2001:db8::1]:5000");
    CHECK(stun_get_xor_address(&message, STUN_XOR_PEER_ADDRESS, &address));
    CHECK_TEXT(address_text(&address, text), "192.0.2.7:65535");
    CHECK(stun_get_address(&message, STUN_MAPPED_ADDRESS, &address));
    CHECK_TEXT(address_text(&address, text), "192.0.2.7:65535");
    uint16_t code;
    const char *reason;
    size_t reason_length;
    CHECK(stun_get_error(&message, &code, &reason, &reason_length));
    CHECK_INT(code, 487);
    CHECK_INT(reason_length, 13);
    CHECK(stun_has(&message, STUN_USE_CANDIDATE));
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, "key", 3), STUN_CHECK_VALID);
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA256, "key", 3), STUN_CHECK_VALID);
    CHECK_INT(stun_check_fingerprint(&message), STUN_CHECK_VALID);
}

TEST(every_flipped_bit_is_noticed_by_fingerprint_or_parser)
{
    uint8_t bytes[512];
    size_t length = build_everything(bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        stun_message_t message;
        if (stun_parse(&message, bytes, length) && stun_check_fingerprint(&message) == STUN_CHECK_VALID)
            test_fail(__FILE__, __LINE__, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

TEST(a_truncated_message_is_refused_and_a_small_buffer_builds_nothing)
{
    uint8_t bytes[512], small[512];
    size_t length = build_everything(bytes, sizeof bytes);
    stun_message_t message;
    for (size_t i = 0; i < length; i++) {
        CHECK(!stun_parse(&message, bytes, i));
        CHECK_INT(build_everything(small, i), 0);
    }
}

TEST(attributes_behind_the_integrity_are_not_seen)
{
    static const uint8_t id[12] = {0};
    uint8_t bytes[256];
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, id);
    stun_build_bytes(&builder, STUN_USERNAME, "a:b", 3);
    stun_build_integrity(&builder, STUN_HASH_SHA1, "key", 3);
    stun_build_flag(&builder, STUN_USE_CANDIDATE);
    stun_build_fingerprint(&builder);
    stun_message_t message;
    CHECK(stun_parse(&message, bytes, stun_build_end(&builder)));
    CHECK(!stun_has(&message, STUN_USE_CANDIDATE));
    CHECK_INT(stun_check_integrity(&message, STUN_HASH_SHA1, "key", 3), STUN_CHECK_VALID);
    CHECK_INT(stun_check_fingerprint(&message), STUN_CHECK_VALID);
}

TEST(the_fingerprint_is_the_last_attribute_and_attributes_are_bounded)
{
    static const uint8_t id[12] = {0};
    uint8_t bytes[512];
    stun_builder_t builder;
    stun_message_t message;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, id);
    stun_build_fingerprint(&builder);
    stun_build_flag(&builder, STUN_USE_CANDIDATE);
    CHECK(!stun_parse(&message, bytes, stun_build_end(&builder)));
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, id);
    for (int i = 0; i <= STUN_MAX_ATTRIBUTES; i++)
        stun_build_flag(&builder, 0x7000);
    CHECK(!stun_parse(&message, bytes, stun_build_end(&builder)));
}

TEST(comprehension_required_attributes_that_are_unknown_are_listed)
{
    static const uint8_t id[12] = {0};
    uint8_t bytes[256];
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_BINDING, id);
    stun_build_flag(&builder, 0x7abc);
    stun_build_flag(&builder, 0xc057); /* optional */
    stun_build_flag(&builder, 0x0003); /* CHANGE-REQUEST of RFC 5780 */
    stun_message_t message;
    CHECK(stun_parse(&message, bytes, stun_build_end(&builder)));
    uint16_t types[4];
    CHECK_INT(stun_unknown_attributes(&message, types, 4), 2);
    CHECK_INT(types[0], 0x7abc);
    CHECK_INT(types[1], 0x0003);
}

TEST(other_protocols_are_not_stun)
{
    static const uint8_t dtls[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t rtp[] = {0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    CHECK(!stun_is_message(dtls, sizeof dtls));
    CHECK(!stun_is_message(rtp, sizeof rtp));
    CHECK(!stun_is_message(rtp, 0));
}
