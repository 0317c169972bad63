#include "srtp/srtp.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "test.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

static const struct {
    uint16_t profile;
    size_t length;
    size_t rtp_overhead;
    size_t rtcp_overhead;
} profiles[] = {
    {SRTP_PROTECTION_AES128_CM_HMAC_SHA1_80, 60, 10, 14},
    {SRTP_PROTECTION_AEAD_AES_128_GCM, 56, 16, 20},
    {SRTP_PROTECTION_AEAD_AES_256_GCM, 88, 16, 20},
};
#define PROFILES (sizeof profiles / sizeof *profiles)

typedef struct pair {
    packet_pool_t *pool;
    srtp_session_t *client;
    srtp_session_t *server;
    uint8_t material[88];
} pair_t;

static void pair_open(pair_t *pair, size_t profile)
{
    for (size_t i = 0; i < sizeof pair->material; i++)
        pair->material[i] = (uint8_t)(i * 7 + 3);
    pair->pool = packet_pool_new();
    pair->client = srtp_session_new(profiles[profile].profile, pair->material, profiles[profile].length, true);
    pair->server = srtp_session_new(profiles[profile].profile, pair->material, profiles[profile].length, false);
    CHECK(pair->client != NULL && pair->server != NULL);
}

static void pair_close(pair_t *pair)
{
    srtp_session_free(pair->client);
    srtp_session_free(pair->server);
    CHECK_INT(packet_pool_outstanding(pair->pool), 0);
    packet_pool_release(pair->pool);
}

static packet_t *rtp(pair_t *pair, uint32_t ssrc, uint16_t sequence_number)
{
    uint8_t bytes[200] = {0x80, 96};
    bytes_put_u16(bytes + 2, sequence_number);
    bytes_put_u32(bytes + 4, sequence_number * 90u);
    bytes_put_u32(bytes + 8, ssrc);
    snprintf((char *)bytes + 12, sizeof bytes - 12, "payload %u", sequence_number);
    return packet_new_copy(pair->pool, bytes, sizeof bytes);
}

static packet_t *rtcp(pair_t *pair, uint32_t ssrc)
{
    uint8_t bytes[8] = {0x80, 201, 0, 1}; /* an empty receiver report */
    bytes_put_u32(bytes + 4, ssrc);
    return packet_new_copy(pair->pool, bytes, sizeof bytes);
}

static packet_t *protected(pair_t *pair, srtp_session_t *session, uint32_t ssrc, uint16_t sequence_number)
{
    packet_t *packet = rtp(pair, ssrc, sequence_number);
    CHECK(srtp_session_protect_rtp(session, packet));
    return packet;
}

/* Unprotects a copy, so that the packet can be tried again. */
static bool accepts(pair_t *pair, srtp_session_t *session, const packet_t *packet)
{
    packet_t *copy = packet_new_copy(pair->pool, packet->data, packet->length);
    bool is_accepted = srtp_session_unprotect_rtp(session, copy);
    packet_unref(copy);
    return is_accepted;
}

static bool passes(pair_t *pair, uint32_t ssrc, uint16_t sequence_number)
{
    packet_t *packet = protected(pair, pair->client, ssrc, sequence_number);
    bool is_accepted = accepts(pair, pair->server, packet);
    packet_unref(packet);
    return is_accepted;
}

TEST(rtp_and_rtcp_pass_both_ways_with_each_profile)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        for (int way = 0; way < 2; way++) {
            srtp_session_t *from = way == 0 ? pair.client : pair.server, *to = way == 0 ? pair.server : pair.client;
            packet_t *plain = rtp(&pair, 0x1234, 77), *packet = protected(&pair, from, 0x1234, 77);
            CHECK_INT(packet->length, plain->length + profiles[i].rtp_overhead);
            CHECK_BYTES(packet->data, plain->data, 12);
            CHECK(memcmp(packet->data + 12, plain->data + 12, plain->length - 12) != 0);
            CHECK(srtp_session_unprotect_rtp(to, packet));
            CHECK_INT(packet->length, plain->length);
            CHECK_BYTES(packet->data, plain->data, plain->length);
            packet_unref(plain);
            packet_unref(packet);

            plain = rtcp(&pair, 0x5678);
            packet = rtcp(&pair, 0x5678);
            CHECK(srtp_session_protect_rtcp(from, packet));
            CHECK_INT(packet->length, plain->length + profiles[i].rtcp_overhead);
            CHECK(srtp_session_unprotect_rtcp(to, packet));
            CHECK_INT(packet->length, plain->length);
            CHECK_BYTES(packet->data, plain->data, plain->length);
            packet_unref(plain);
            packet_unref(packet);
            CHECK_INT(srtp_session_statistics(from)->protected_packets, 2);
            CHECK_INT(srtp_session_statistics(to)->unprotected_packets, 2);
        }
        pair_close(&pair);
    }
}

/* RFC 3711 §4.3.1 with a key derivation rate of 0, for any key size; written from the text, on OpenSSL alone. */
static void derive(const uint8_t *key, size_t key_length, const uint8_t *salt, size_t salt_length, uint8_t label, uint8_t *out,
                   size_t length)
{
    uint8_t iv[16] = {0}, zeros[32] = {0};
    int written;
    memcpy(iv, salt, salt_length); /* a 96-bit salt stands at the left of 112 bits (RFC 7714 §11) */
    iv[7] ^= label;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, key_length == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr(), NULL, key, iv);
    EVP_EncryptUpdate(context, out, &written, zeros, (int)length);
    EVP_CIPHER_CTX_free(context);
}

TEST(aes_gcm_packets_are_what_rfc_7714_says)
{
    for (size_t i = 1; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        size_t key_length = profiles[i].length / 2 - 12;
        uint8_t key[32], salt[12], iv[12], payload[300];
        const uint8_t *client_key = pair.material, *client_salt = pair.material + 2 * key_length; /* RFC 5764 §4.2 */
        derive(client_key, key_length, client_salt, 12, 0x00, key, key_length);
        derive(client_key, key_length, client_salt, 12, 0x02, salt, 12);
        packet_t *plain = rtp(&pair, 0xcafe0001, 0x0102), *packet = protected(&pair, pair.client, 0xcafe0001, 0x0102);
        /* RFC 7714 §8.1: 00 00, SSRC, ROC, SEQ, exclusive-or the salt */
        memset(iv, 0, sizeof iv);
        bytes_put_u32(iv + 2, 0xcafe0001);
        bytes_put_u16(iv + 10, 0x0102);
        for (size_t k = 0; k < sizeof iv; k++)
            iv[k] ^= salt[k];
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int written;
        CHECK(EVP_DecryptInit_ex(context, key_length == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, key, iv));
        CHECK(EVP_DecryptUpdate(context, NULL, &written, packet->data, 12));
        CHECK(EVP_DecryptUpdate(context, payload, &written, packet->data + 12, (int)plain->length - 12));
        CHECK_BYTES(payload, plain->data + 12, plain->length - 12);
        CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, packet->data + plain->length));
        CHECK(EVP_DecryptFinal_ex(context, payload, &written) == 1);
        EVP_CIPHER_CTX_free(context);
        packet_unref(plain);
        packet_unref(packet);
        pair_close(&pair);
    }
}

TEST(aes_cm_packets_of_the_server_are_what_rfc_3711_says)
{
    pair_t pair;
    pair_open(&pair, 0);
    uint8_t key[16], salt[14], authentication[20], iv[16] = {0}, payload[300], tag[20], text[300];
    const uint8_t *server_key = pair.material + 16, *server_salt = pair.material + 32 + 14;
    derive(server_key, 16, server_salt, 14, 0x00, key, 16);
    derive(server_key, 16, server_salt, 14, 0x01, authentication, 20);
    derive(server_key, 16, server_salt, 14, 0x02, salt, 14);
    packet_t *plain = rtp(&pair, 0xcafe0001, 0x0102), *packet = protected(&pair, pair.server, 0xcafe0001, 0x0102);
    /* RFC 3711 §4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16) */
    bytes_put_u32(iv + 4, 0xcafe0001);
    bytes_put_u16(iv + 12, 0x0102);
    for (size_t k = 0; k < sizeof salt; k++)
        iv[k] ^= salt[k];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written;
    unsigned tag_length;
    CHECK(EVP_DecryptInit_ex(context, EVP_aes_128_ctr(), NULL, key, iv));
    CHECK(EVP_DecryptUpdate(context, payload, &written, packet->data + 12, (int)plain->length - 12));
    EVP_CIPHER_CTX_free(context);
    CHECK_BYTES(payload, plain->data + 12, plain->length - 12);
    memcpy(text, packet->data, plain->length);
    memset(text + plain->length, 0, 4); /* the rollover counter is authenticated too */
    CHECK(HMAC(EVP_sha1(), authentication, 20, text, plain->length + 4, tag, &tag_length) != NULL);
    CHECK_BYTES(packet->data + plain->length, tag, 10);
    packet_unref(plain);
    packet_unref(packet);
    pair_close(&pair);
}

TEST(one_direction_does_not_understand_its_own_packets)
{
    pair_t pair;
    pair_open(&pair, 1);
    packet_t *packet = protected(&pair, pair.client, 1, 1);
    CHECK(!accepts(&pair, pair.client, packet));
    CHECK_INT(srtp_session_statistics(pair.client)->authentication_failures, 1);
    packet_unref(packet);
    pair_close(&pair);
}

TEST(a_replayed_packet_is_refused_and_counted)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        packet_t *packet = protected(&pair, pair.client, 9, 100);
        CHECK(accepts(&pair, pair.server, packet));
        CHECK(!accepts(&pair, pair.server, packet));
        CHECK_INT(srtp_session_statistics(pair.server)->replays, 1);
        packet_unref(packet);

        packet = rtcp(&pair, 9);
        CHECK(srtp_session_protect_rtcp(pair.client, packet));
        packet_t *copy = packet_new_copy(pair.pool, packet->data, packet->length);
        CHECK(srtp_session_unprotect_rtcp(pair.server, packet));
        CHECK(!srtp_session_unprotect_rtcp(pair.server, copy));
        CHECK_INT(srtp_session_statistics(pair.server)->replays, 2);
        packet_unref(packet);
        packet_unref(copy);
        pair_close(&pair);
    }
}

TEST(a_thousand_packets_may_be_overtaken_and_no_more)
{
    pair_t pair;
    pair_open(&pair, 1);
    packet_t *late = protected(&pair, pair.client, 9, 1000), *too_late = protected(&pair, pair.client, 9, 999);
    CHECK(passes(&pair, 9, 1000 + SRTP_REPLAY_WINDOW - 1));
    CHECK(accepts(&pair, pair.server, late));
    CHECK(!accepts(&pair, pair.server, late));
    CHECK(!accepts(&pair, pair.server, too_late));
    CHECK_INT(srtp_session_statistics(pair.server)->replays, 2);
    packet_unref(late);
    packet_unref(too_late);
    pair_close(&pair);
}

TEST(every_changed_bit_is_noticed)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        packet_t *packet = protected(&pair, pair.client, 9, 100);
        for (size_t bit = 0; bit < packet->length * 8; bit++) {
            packet->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (accepts(&pair, pair.server, packet))
                test_fail(__FILE__, __LINE__, "profile %zu, bit %zu", i, bit);
            packet->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_INT(srtp_session_statistics(pair.server)->unprotected_packets, 0);
        CHECK(accepts(&pair, pair.server, packet));
        packet_unref(packet);
        pair_close(&pair);
    }
}

TEST(forged_packets_of_many_ssrcs_leave_nothing_behind)
{
    pair_t pair;
    pair_open(&pair, 1);
    for (uint32_t ssrc = 0; ssrc < 5000; ssrc++) {
        packet_t *forged = rtp(&pair, ssrc, 1);
        CHECK(!srtp_session_unprotect_rtp(pair.server, forged));
        packet_unref(forged);
    }
    CHECK_INT(srtp_session_statistics(pair.server)->authentication_failures, 5000);
    CHECK_INT(srtp_session_statistics(pair.server)->too_many_ssrcs, 0);
    CHECK(passes(&pair, 7, 1));
    pair_close(&pair);
}

TEST(the_rollover_counter_follows_the_sequence_number_through_losses)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        for (uint32_t index = 65000; index < 3 * 65536; index += 997)
            CHECK(passes(&pair, 9, (uint16_t)index));
        CHECK_INT(srtp_session_statistics(pair.server)->authentication_failures, 0);
        pair_close(&pair);
    }
}

TEST(packets_reordered_across_the_rollover_are_accepted_once)
{
    pair_t pair;
    pair_open(&pair, 1);
    packet_t *first = protected(&pair, pair.client, 9, 65534);
    packet_t *last = protected(&pair, pair.client, 9, 65535), *next = protected(&pair, pair.client, 9, 0);
    CHECK(accepts(&pair, pair.server, first));
    CHECK(accepts(&pair, pair.server, next));
    CHECK(accepts(&pair, pair.server, last));
    CHECK(!accepts(&pair, pair.server, last));
    CHECK(!accepts(&pair, pair.server, next));
    packet_unref(first);
    packet_unref(last);
    packet_unref(next);
    pair_close(&pair);
}

TEST(the_same_packet_may_be_sent_again_and_is_the_same_on_the_wire)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        packet_t *first = protected(&pair, pair.client, 9, 10);
        packet_unref(protected(&pair, pair.client, 9, 11));
        packet_t *again = protected(&pair, pair.client, 9, 10);
        CHECK_INT(first->length, again->length);
        CHECK_BYTES(first->data, again->data, first->length);
        CHECK(accepts(&pair, pair.server, again));
        packet_unref(first);
        packet_unref(again);
        pair_close(&pair);
    }
}

TEST(the_number_of_ssrcs_is_bounded_in_both_directions)
{
    pair_t pair;
    pair_open(&pair, 1);
    for (uint32_t ssrc = 1; ssrc <= SRTP_SSRCS_MAX; ssrc++)
        CHECK(passes(&pair, ssrc, 5));
    packet_t *packet = rtp(&pair, 5000, 1);
    CHECK(!srtp_session_protect_rtp(pair.client, packet));
    CHECK_INT(srtp_session_statistics(pair.client)->too_many_ssrcs, 1);
    srtp_session_remove_outbound(pair.client, 1);
    CHECK(srtp_session_protect_rtp(pair.client, packet));
    CHECK(!accepts(&pair, pair.server, packet));
    CHECK_INT(srtp_session_statistics(pair.server)->too_many_ssrcs, 1);
    CHECK(passes(&pair, 2, 6));
    packet_unref(packet);
    pair_close(&pair);
}

TEST(a_removed_ssrc_begins_anew)
{
    pair_t pair;
    pair_open(&pair, 1);
    packet_unref(protected(&pair, pair.client, 9, 60000));
    packet_unref(protected(&pair, pair.client, 9, 10)); /* rollover counter 1 */
    packet_t *packet = protected(&pair, pair.client, 9, 11);
    CHECK(!accepts(&pair, pair.server, packet)); /* which a receiver that has just joined cannot know */
    packet_unref(packet);
    srtp_session_remove_outbound(pair.client, 9);
    srtp_session_remove_outbound(pair.client, 10); /* unknown: nothing happens */
    CHECK(passes(&pair, 9, 12));
    pair_close(&pair);
}

TEST(what_is_no_rtp_or_rtcp_packet_is_refused)
{
    for (size_t i = 0; i < PROFILES; i++) {
        pair_t pair;
        pair_open(&pair, i);
        packet_t *packet = protected(&pair, pair.client, 9, 10);
        size_t whole = packet->length;
        for (packet->length = 0; packet->length < whole; packet->length++)
            CHECK(!accepts(&pair, pair.server, packet));
        CHECK(srtp_session_statistics(pair.server)->malformed >= 12);
        packet->length = whole;
        packet_t *tiny = packet_new_copy(pair.pool, packet->data, 11);
        CHECK(!srtp_session_protect_rtp(pair.client, tiny));
        tiny->length = 7;
        CHECK(!srtp_session_protect_rtcp(pair.client, tiny));
        packet_unref(tiny);
        packet_unref(packet);
        packet = rtp(&pair, 9, 11);
        packet->data[0] = 0x90; /* a header extension that claims to be longer than the packet */
        bytes_put_u16(packet->data + 14, 0xffff);
        CHECK(!srtp_session_protect_rtp(pair.client, packet));
        packet->data[0] = 0x40;
        CHECK(!srtp_session_protect_rtp(pair.client, packet));
        CHECK(!srtp_session_unprotect_rtp(pair.server, packet));
        packet_unref(packet);
        pair_close(&pair);
    }
}

TEST(wrong_profiles_and_lengths_are_refused)
{
    uint8_t material[88] = {0};
    CHECK(srtp_session_new(0x0002, material, 60, true) == NULL);
    CHECK(srtp_session_new(0, material, 60, true) == NULL);
    CHECK(srtp_session_new(0x0007, material, 60, true) == NULL);
    CHECK(strstr(peer_last_error_message(), "60 bytes") != NULL);
}

TEST(a_failed_allocation_costs_a_session_or_a_packet_and_no_more)
{
    uint8_t material[56] = {0};
    memory_fail_nth(1);
    CHECK(srtp_session_new(0x0007, material, sizeof material, true) == NULL);
    memory_fail_nth(0);
    pair_t pair;
    pair_open(&pair, 1);
    packet_t *packet = rtp(&pair, 9, 1);
    memory_fail_nth(1);
    CHECK(!srtp_session_protect_rtp(pair.client, packet));
    CHECK_INT(srtp_session_statistics(pair.client)->other_failures, 1);
    packet_unref(packet);
    CHECK(passes(&pair, 9, 2));
    pair_close(&pair);
}
